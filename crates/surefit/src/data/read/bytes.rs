//! Where bytes come from: a file, standard input or memory, plain or gzip; what kind of file they are; and
//! how many were read so far.

use super::error::ReadError;
use flate2::read::MultiGzDecoder;
use std::fs::File;
use std::io::{self, Cursor, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Bytes at the beginning that decide delimiter, header and the types of columns: a fixed rule, so that no
/// setting of the reader changes what is read.
pub(super) const HEAD: usize = 1 << 20;

/// What messages call standard input.
pub(super) const STANDARD_INPUT: &str = "standard input";

/// A stream of bytes, not yet unpacked.
pub(super) struct Input {
    pub(super) name: String,
    pub(super) source: Origin,
    /// Bytes in all, where known.
    pub(super) total: Option<u64>,
    /// The first bytes, up to 8, as they are on disk.
    pub(super) magic: Vec<u8>,
}

/// What is behind a stream.
pub(super) enum Origin {
    File(File),
    Memory(Cursor<Vec<u8>>),
    /// Standard input, a pipe or a device: the bytes already taken, then the rest.
    Pipe(io::Chain<Cursor<Vec<u8>>, Box<dyn Read + Send>>),
}

impl Read for Origin {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::File(file) => file.read(buffer),
            Self::Memory(cursor) => cursor.read(buffer),
            Self::Pipe(pipe) => pipe.read(buffer),
        }
    }
}

impl Input {
    /// The file at `path`; `-` is standard input.
    pub(super) fn open(path: &Path) -> Result<Self, ReadError> {
        let name = path.display().to_string();
        let io = |source| ReadError::Io { name: name.clone(), source };
        if path == Path::new("-") {
            return Self::pipe(STANDARD_INPUT.to_owned(), Box::new(io::stdin()));
        }
        let mut file = File::open(path).map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => ReadError::NotFound { name: name.clone(), near: near(path) },
            _ => io(source),
        })?;
        let metadata = file.metadata().map_err(io)?;
        if metadata.is_dir() {
            return Err(ReadError::Directory { name });
        }
        if !metadata.is_file() {
            return Self::pipe(name, Box::new(file));
        }
        let magic = beginning(&mut file).map_err(io)?;
        io::Seek::rewind(&mut file).map_err(io)?;
        Ok(Self { name, source: Origin::File(file), total: Some(metadata.len()), magic })
    }

    /// A stream that cannot be rewound, so what was looked at is kept.
    fn pipe(name: String, mut stream: Box<dyn Read + Send>) -> Result<Self, ReadError> {
        match beginning(&mut stream) {
            Ok(magic) => {
                let source = Origin::Pipe(Cursor::new(magic.clone()).chain(stream));
                Ok(Self { name, source, total: None, magic })
            }
            Err(source) => Err(ReadError::Io { name, source }),
        }
    }

    /// Bytes in memory.
    pub(super) fn memory(name: &str, bytes: Vec<u8>) -> Self {
        let magic = bytes.get(..bytes.len().min(8)).unwrap_or_default().to_vec();
        let total = Some(bytes.len() as u64);
        Self { name: name.to_owned(), source: Origin::Memory(Cursor::new(bytes)), total, magic }
    }

    /// Unpacks when the bytes are gzip, and counts.
    pub(super) fn unpack(self, bomb_bytes: u64) -> Stream {
        let packed = Arc::new(AtomicU64::new(0));
        let counted = Counted { inner: self.source, count: Arc::clone(&packed) };
        let inner: Box<dyn Read + Send> = if is_gzip(&self.magic) {
            let decoder = MultiGzDecoder::new(io::BufReader::with_capacity(1 << 17, counted));
            Box::new(Gunzip { decoder, packed: Arc::clone(&packed), unpacked: 0, bomb_bytes })
        } else {
            Box::new(counted)
        };
        Stream { name: self.name, inner, total: self.total, packed }
    }
}

/// The first bytes, as many as a file's magic number has.
fn beginning(reader: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut magic = Vec::new();
    reader.take(8).read_to_end(&mut magic)?;
    Ok(magic)
}

/// A file of nearly the same name beside the one that is missing.
fn near(path: &Path) -> Option<String> {
    let wanted = path.file_name()?.to_string_lossy().into_owned();
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let entries = std::fs::read_dir(folder.unwrap_or(Path::new("."))).ok()?;
    let mut names: Vec<(usize, String)> = entries
        .filter_map(|entry| Some(entry.ok()?.file_name().to_string_lossy().into_owned()))
        .map(|name| (strsim::damerau_levenshtein(&name.to_lowercase(), &wanted.to_lowercase()), name))
        .filter(|(distance, name)| *distance <= 1 + name.len().min(wanted.len()) / 4)
        .collect();
    names.sort();
    let (_, name) = names.into_iter().next()?;
    Some(folder.map_or(name.clone(), |folder| folder.join(&name).display().to_string()))
}

pub(super) fn is_gzip(magic: &[u8]) -> bool {
    magic.starts_with(&[0x1f, 0x8b])
}

/// A stream of unpacked bytes.
pub(super) struct Stream {
    name: String,
    inner: Box<dyn Read + Send>,
    /// Bytes before unpacking, in all and so far.
    pub(super) total: Option<u64>,
    packed: Arc<AtomicU64>,
}

impl Stream {
    /// Appends up to `limit` bytes; returns how many, fewer only at the end.
    pub(super) fn fill(&mut self, buffer: &mut Vec<u8>, limit: usize) -> Result<usize, ReadError> {
        self.inner.by_ref().take(limit as u64).read_to_end(buffer).map_err(|error| self.explain(error))
    }

    /// Puts bytes that were looked at back in front.
    pub(super) fn put_back(&mut self, bytes: Vec<u8>) {
        let rest = std::mem::replace(&mut self.inner, Box::new(io::empty()));
        self.inner = Box::new(Cursor::new(bytes).chain(rest));
    }

    /// Counts the bytes read so far, before unpacking.
    pub(super) fn counter(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.packed)
    }

    fn explain(&self, error: io::Error) -> ReadError {
        let name = self.name.clone();
        match error.downcast::<GzipFault>() {
            Ok(GzipFault::Truncated) => ReadError::TruncatedGzip { name },
            Ok(GzipFault::Corrupt(source)) => ReadError::CorruptGzip { name, source },
            Ok(GzipFault::Bomb { packed, unpacked }) => ReadError::GzipBomb { name, packed, unpacked },
            Err(source) => ReadError::Io { name, source },
        }
    }
}

/// Counts the bytes that pass.
struct Counted<R> {
    inner: R,
    count: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.count.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

/// What is wrong with gzip data; travels inside an [`io::Error`].
#[derive(Debug, thiserror::Error)]
enum GzipFault {
    #[error("truncated")]
    Truncated,
    #[error("corrupt")]
    Corrupt(io::Error),
    #[error("bomb")]
    Bomb { packed: u64, unpacked: u64 },
}

/// Unpacks gzip data, all members of it, and stops where they unpack to no table's size.
struct Gunzip<R> {
    decoder: MultiGzDecoder<R>,
    packed: Arc<AtomicU64>,
    unpacked: u64,
    bomb_bytes: u64,
}

impl<R: Read> Read for Gunzip<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.decoder.read(buffer).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => io::Error::other(GzipFault::Truncated),
            io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput => {
                io::Error::other(GzipFault::Corrupt(error))
            }
            _ => error,
        })?;
        self.unpacked += count as u64;
        let packed = self.packed.load(Ordering::Relaxed);
        if self.unpacked > self.bomb_bytes && self.unpacked / 1000 > packed {
            return Err(io::Error::other(GzipFault::Bomb {
                packed,
                unpacked: self.bomb_bytes.max(1000 * packed),
            }));
        }
        Ok(count)
    }
}
