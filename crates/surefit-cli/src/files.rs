//! Files that are written whole or not at all: into a temporary file beside the target, then renamed.

use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use surefit::Error;
use surefit::model::ModelError;
use tempfile::{Builder, NamedTempFile};

/// Finds out whether `path` can be written, before hours of work end in a refusal.
///
/// # Errors
/// When it cannot.
pub fn probe(path: &Path) -> Result<(), Error> {
    match place(path).and_then(|place| match place {
        Place::File(target) => temporary(&target).map(drop),
        Place::Device(target) => fs::OpenOptions::new().write(true).open(target).map(drop),
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
    /// A pipe or device such as `/dev/stdout`, which no rename may replace.
    Device(PathBuf),
}

fn place(path: &Path) -> io::Result<Place> {
    match fs::metadata(path) {
        Ok(there) if there.is_dir() => Err(io::ErrorKind::IsADirectory.into()),
        Ok(there) if there.is_file() => fs::canonicalize(path).map(Place::File),
        Ok(_) => Ok(Place::Device(path.to_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Place::File(path.to_owned())),
        Err(error) => Err(error),
    }
}

fn temporary(target: &Path) -> io::Result<NamedTempFile> {
    let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut builder = Builder::new();
    builder.prefix(".surefit-");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        // As any file that a program creates; the umask takes away what it should.
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    builder.tempfile_in(folder)
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
