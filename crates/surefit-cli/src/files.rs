//! Files that are written whole or not at all: into a temporary file beside the target, then renamed.

use crate::args::{STANDARD_INPUT, usage};
use crate::screen::{Halt, halt};
use std::fs;
use std::io::{self, BufWriter, Seek as _, Write};
use std::path::{Path, PathBuf};
use surefit::Error;
use surefit::model::ModelError;
use tempfile::{Builder, NamedTempFile, SpooledTempFile};

/// A file by what the arguments call it.
pub type Named<'a> = (&'static str, &'a Path);

/// Refuses an output that would replace an input or another output, whatever links lead to it.
///
/// # Errors
/// [`Error::Usage`] naming both.
pub fn keep_apart(inputs: &[Named<'_>], outputs: &[Named<'_>]) -> Result<(), Error> {
    for (index, &(what, path)) in outputs.iter().enumerate() {
        let shown = path.display();
        if path == Path::new(STANDARD_INPUT) {
            return Err(usage(
                format!("`{what}` is `-`, but it takes the name of a file"),
                format!("name a file, `{what} ./-` if it is to be called so, or `{what} /dev/stdout`"),
            ));
        }
        let own = Identity::of(path);
        if let Some((input, _)) =
            inputs.iter().find(|(_, input)| own.is_some() && Identity::of_input(input) == own)
        {
            return Err(usage(
                format!("`{what} {shown}` would replace the file that {input} is read from"),
                format!("name another file for `{what}`"),
            ));
        }
        let others = outputs.get(..index).unwrap_or_default();
        if let Some((other, _)) = others.iter().find(|(_, other)| own.is_some() && Identity::of(other) == own)
        {
            return Err(usage(
                format!("`{other}` and `{what}` name the same file, {shown}"),
                format!("name another file for `{what}`"),
            ));
        }
    }
    Ok(())
}

/// What makes two paths the same file; a device is none, as nothing replaces it.
#[derive(PartialEq)]
enum Identity {
    /// The device and inode of a file that is there.
    #[cfg(unix)]
    Node(u64, u64),
    /// Its path without links; the folder's where there is no file yet.
    Path(PathBuf),
}

impl Identity {
    fn of(path: &Path) -> Option<Self> {
        match fs::metadata(path) {
            Ok(there) if there.is_file() => Self::of_file(&there, path),
            Ok(_) => None,
            Err(_) => {
                let folder = fs::canonicalize(folder(path)).ok()?;
                Some(Self::Path(folder.join(path.file_name()?)))
            }
        }
    }

    /// The same of a file to read, which can be standard input.
    fn of_input(path: &Path) -> Option<Self> {
        #[cfg(unix)]
        if path == Path::new(STANDARD_INPUT) {
            use std::os::fd::AsFd as _;
            let file = fs::File::from(io::stdin().as_fd().try_clone_to_owned().ok()?);
            return Self::of_file(&file.metadata().ok().filter(fs::Metadata::is_file)?, path);
        }
        Self::of(path)
    }

    #[cfg(unix)]
    #[expect(clippy::unnecessary_wraps, reason = "other systems may find no path")]
    fn of_file(there: &fs::Metadata, _path: &Path) -> Option<Self> {
        use std::os::unix::fs::MetadataExt as _;
        Some(Self::Node(there.dev(), there.ino()))
    }

    #[cfg(not(unix))]
    fn of_file(_there: &fs::Metadata, path: &Path) -> Option<Self> {
        fs::canonicalize(path).ok().map(Self::Path)
    }
}

/// Finds out whether `path` can be written, before hours of work end in a refusal.
///
/// # Errors
/// When it cannot.
pub fn probe(path: &Path) -> Result<(), Error> {
    match place(path).and_then(|place| match place {
        Place::File(target) => temporary(&target).map(drop),
        Place::Device(target) => fs::OpenOptions::new().write(true).open(target).map(drop),
        #[cfg(unix)]
        Place::Stream(_) => Ok(()),
    }) {
        Ok(()) => Ok(()),
        Err(source) => Err(refused(path, &source)),
    }
}

/// Writes `path`: after success it holds everything that `fill` wrote, otherwise what it held before.
///
/// # Errors
/// When it cannot be written; a full disk shows here.
pub fn write(path: &Path, fill: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), Error> {
    stage(path, fill)?.keep()
}

/// Bytes of an answer to standard output that are kept in memory until the last of it is known.
const KEPT: usize = 64 << 20;

/// Writes the rows of an answer to `path`, or to standard output where there is none: all of them or, when a row
/// turns out to be wrong, not one. `fill` has an outer error about the rows and an inner one about writing.
///
/// # Errors
/// What is wrong with the rows; that the answer cannot be written.
pub fn deliver(
    path: Option<&Path>,
    fill: impl FnOnce(&mut dyn Write) -> Result<io::Result<()>, Error>,
) -> Result<(), Halt> {
    let Some(path) = path else {
        return to_standard_output(fill)?.map_err(|error| halt("standard output", error));
    };
    // What goes wrong with the rows is told as such, not as a failed write.
    let mut failure = None;
    let written = write(path, |out| {
        fill(out).unwrap_or_else(|error| {
            failure = Some(error);
            Err(io::Error::other("the rows could not be read"))
        })
    });
    Ok(failure.map_or(written, Err)?)
}

fn to_standard_output(
    fill: impl FnOnce(&mut dyn Write) -> Result<io::Result<()>, Error>,
) -> Result<io::Result<()>, Error> {
    let mut kept = BufWriter::new(SpooledTempFile::new(KEPT));
    let written = fill(&mut kept)?;
    Ok(written.and_then(|()| {
        let mut kept = kept.into_inner().map_err(io::IntoInnerError::into_error)?;
        kept.rewind()?;
        let mut out = io::stdout().lock();
        io::copy(&mut kept, &mut out)?;
        out.flush()
    }))
}

/// A file that is written, but not yet in its place; dropped, it is gone.
pub struct Staged<'a> {
    path: &'a Path,
    /// The file, and where it belongs; a device has what was written already.
    file: Option<(NamedTempFile, PathBuf)>,
}

impl Staged<'_> {
    /// Puts it in its place.
    ///
    /// # Errors
    /// When the place can no longer be written.
    pub fn keep(self) -> Result<(), Error> {
        let Some((file, target)) = self.file else { return Ok(()) };
        file.persist(target).map(drop).map_err(|error| refused(self.path, &error.error))
    }
}

/// Writes all that `fill` writes beside `path`, so that several files come to their places together or not at
/// all.
///
/// # Errors
/// When it cannot be written; a full disk shows here.
pub fn stage(path: &Path, fill: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<Staged<'_>, Error> {
    let file = write_beside(path, fill).map_err(|source| refused(path, &source))?;
    Ok(Staged { path, file })
}

/// The system's reason alone: libraries add names of temporary files, which would only puzzle, or hide
/// what it was.
fn bare(error: &io::Error) -> io::Error {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(inner) = cause {
        if let Some(error) = inner.downcast_ref::<io::Error>() {
            if let Some(code) = error.raw_os_error() {
                return io::Error::from_raw_os_error(code);
            }
            // An io::Error's own source skips the error inside it.
            cause = error.get_ref().map(|inner| inner as &(dyn std::error::Error + 'static));
        } else {
            cause = inner.source();
        }
    }
    error.kind().into()
}

fn write_beside(
    path: &Path,
    fill: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> io::Result<Option<(NamedTempFile, PathBuf)>> {
    match place(path)? {
        Place::Device(target) => {
            let mut out = BufWriter::new(fs::OpenOptions::new().write(true).open(target)?);
            fill(&mut out)?;
            out.flush()?;
            Ok(None)
        }
        #[cfg(unix)]
        Place::Stream(stream) => {
            let mut out = BufWriter::new(fs::File::from(stream));
            fill(&mut out)?;
            out.flush()?;
            Ok(None)
        }
        Place::File(target) => {
            let mut out = BufWriter::new(temporary(&target)?);
            fill(&mut out)?;
            let file = out.into_inner().map_err(io::IntoInnerError::into_error)?;
            file.as_file().sync_all()?;
            Ok(Some((file, target)))
        }
    }
}

/// Where the bytes go.
enum Place {
    /// A file, there or not, behind any links.
    File(PathBuf),
    /// A pipe or device, which no rename may replace.
    Device(PathBuf),
    /// This program's own output, wherever it goes: what others write there before and after stays.
    #[cfg(unix)]
    Stream(std::os::fd::OwnedFd),
}

/// The stream that `path` is a name of.
#[cfg(unix)]
fn stream(path: &Path) -> Option<io::Result<std::os::fd::OwnedFd>> {
    use std::os::fd::AsFd as _;
    const MOST_LINKS: usize = 40;
    let mut path = path.to_owned();
    for _ in 0..MOST_LINKS {
        match path.to_str() {
            Some("/dev/stdout" | "/dev/fd/1" | "/proc/self/fd/1") => {
                return Some(io::stdout().as_fd().try_clone_to_owned());
            }
            Some("/dev/stderr" | "/dev/fd/2" | "/proc/self/fd/2") => {
                return Some(io::stderr().as_fd().try_clone_to_owned());
            }
            _ => path = folder(&path).join(fs::read_link(&path).ok()?),
        }
    }
    None
}

/// The folder that a path is in.
fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn place(path: &Path) -> io::Result<Place> {
    #[cfg(unix)]
    if let Some(stream) = stream(path) {
        return stream.map(Place::Stream);
    }
    match fs::metadata(path) {
        Ok(there) if there.is_dir() => Err(io::ErrorKind::IsADirectory.into()),
        Ok(there) if there.is_file() => fs::canonicalize(path).map(Place::File),
        Ok(_) => Ok(Place::Device(path.to_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Place::File(path.to_owned())),
        Err(error) => Err(error),
    }
}

fn temporary(target: &Path) -> io::Result<NamedTempFile> {
    let mut builder = Builder::new();
    builder.prefix(".surefit-");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        // As any file that a program creates; the umask takes away what it should.
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    builder.tempfile_in(folder(target))
}

fn refused(path: &Path, source: &io::Error) -> Error {
    let name = path.display().to_string();
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty() && !folder.exists());
    match folder {
        Some(folder) => ModelError::NoFolder { name, folder: folder.display().to_string() },
        None => ModelError::Io { action: "write", name, source: bare(source) },
    }
    .into()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test")]
mod tests {
    use super::*;

    #[test]
    fn a_write_that_fails_leaves_the_old_file_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model");
        write(&path, |out| out.write_all(b"old")).unwrap();
        let failed = write(&path, |out| {
            out.write_all(b"new")?;
            Err(io::ErrorKind::StorageFull.into())
        });
        assert!(failed.is_err());
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_file_that_is_staged_and_not_kept_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model");
        drop(stage(&path, |out| out.write_all(b"new")).unwrap());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        stage(&path, |out| out.write_all(b"new")).unwrap().keep().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
    }

    #[test]
    fn a_missing_folder_is_found_out_before_the_work() {
        let folder = tempfile::tempdir().unwrap();
        assert!(probe(&folder.path().join("no/such")).is_err());
        assert!(probe(folder.path()).is_err());
        assert!(probe(&folder.path().join("new")).is_ok());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[cfg(unix)]
    #[test]
    fn a_link_stays_a_link_and_a_device_a_device() {
        use std::os::unix::fs::FileTypeExt as _;
        let folder = tempfile::tempdir().unwrap();
        let (real, link) = (folder.path().join("real"), folder.path().join("link"));
        fs::write(&real, "old").unwrap();
        std::os::unix::fs::symlink(&real, &link).unwrap();
        write(&link, |out| out.write_all(b"new")).unwrap();
        assert_eq!(fs::read(&real).unwrap(), b"new");
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        write(Path::new("/dev/null"), |out| out.write_all(b"new")).unwrap();
        assert!(fs::metadata("/dev/null").unwrap().file_type().is_char_device());
    }
}
