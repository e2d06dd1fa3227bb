//! Readers: a source is opened (what it is, its delimiter, its columns), then scanned once: the wanted
//! columns become a [`Table`] of typed values. Files, standard input, gzip, CSV, Parquet and Arrow are all
//! the same afterwards, and memory does not grow with the number of rows. Sparse rows in svmlight's format
//! are apart: they are held in memory as [`SparseData`]; so are the rows of ARFF files, each with a set of labels, as
//! [`ArffData`].

mod arff;
#[cfg(feature = "arrow")]
mod arrow;
mod bytes;
mod csv;
mod error;
mod lines;
mod records;
mod sniff;
mod sparse_rows;
mod svmlight;
#[cfg(test)]
mod tests;

pub use arff::{ArffData, ArffFault, ArffOptions, KnownNames, LabelChoice, XmlFault, is_arff};
pub(super) use csv::{are_dates, looks};
pub(super) use error::level_hints;
pub use error::{LineFault, Looks, ReadError};
pub use svmlight::{SparseData, SvmlightOptions, is_svmlight};

use self::bytes::{HEAD, Input, Stream};
use self::csv::TextTable;
use super::spool::Table;
use crate::error::Result;
use std::path::Path;

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Text with a delimiter that is found out; `.csv`, also `.gz`.
    Csv,
    /// Text with tabs; `.tsv`, also `.gz`.
    Tsv,
    /// Apache Parquet; `.parquet`.
    Parquet,
    /// Arrow IPC, a file or a stream; `.arrow`.
    Arrow,
}

/// How to read. The default finds out everything by itself.
#[derive(Clone, Debug)]
pub struct ReadOptions {
    /// What the file is; by its name and first bytes when absent.
    pub format: Option<Format>,
    /// The delimiter of a text table; found out when absent.
    pub delimiter: Option<u8>,
    /// Whether a text table has a header; found out when absent.
    pub header: Option<bool>,
    /// Bytes of a scanned table that stay in memory; what is beyond goes to a temporary file.
    pub memory_budget: usize,
    /// Bytes that are read and parsed at a time; no result depends on it.
    pub chunk_bytes: usize,
    /// Bytes that a record of a text table has at most.
    pub max_record: usize,
    /// Unpacked bytes from which on gzip data that unpack a thousandfold are refused.
    pub bomb_bytes: u64,
}

impl Default for ReadOptions {
    fn default() -> Self {
        Self {
            format: None,
            delimiter: None,
            header: None,
            memory_budget: 512 << 20,
            chunk_bytes: 1 << 20,
            max_record: 16 << 20,
            bomb_bytes: 1 << 30,
        }
    }
}

/// How far a scan has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Bytes read so far, before unpacking.
    pub bytes: u64,
    /// Bytes in all, where known.
    pub total: Option<u64>,
    /// Rows taken in so far.
    pub rows: usize,
}

/// A column that a formula asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Want {
    /// Its position, from 0.
    pub column: usize,
    /// Numbers are texts too: `C(x)`. The text is the trimmed field as written, or the shortest decimal.
    pub as_text: bool,
}

/// A table that is known by its columns, and not read yet.
pub struct Source {
    name: String,
    columns: Vec<String>,
    notes: Vec<String>,
    options: ReadOptions,
    body: Body,
}

/// What is to be scanned.
enum Body {
    Text(TextTable),
    #[cfg(feature = "arrow")]
    Arrow(arrow::ArrowTable),
}

impl Source {
    /// Opens a file; `-` is standard input.
    ///
    /// # Errors
    /// When it cannot be opened, is no table, or its header cannot be used.
    pub fn open(path: &Path, options: &ReadOptions) -> Result<Self> {
        Self::new(Input::open(path)?, options)
    }

    /// Bytes in memory, under a name that tells their format as a file's would.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn from_bytes(name: &str, bytes: Vec<u8>, options: &ReadOptions) -> Result<Self> {
        Self::new(Input::memory(name, bytes), options)
    }

    /// The file, as the user gave it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Names of the columns, all different.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// What was decided, in sentences.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Reads everything, once; only the wanted columns are parsed and kept, in the order in which they are
    /// asked for. `watch` is told how far the scan has come and returns false to interrupt it.
    ///
    /// # Errors
    /// When rows or values are not what they should be, or the temporary file cannot be written.
    pub fn scan(self, wanted: &[Want], watch: &dyn Fn(Progress) -> bool) -> Result<Table> {
        match self.body {
            Body::Text(table) => table.scan(wanted, &self.options, watch),
            #[cfg(feature = "arrow")]
            Body::Arrow(table) => table.scan(wanted, &self.options, watch),
        }
    }

    fn new(input: Input, options: &ReadOptions) -> Result<Self> {
        let named = options.format.or_else(|| format_of(&input.name));
        refuse_foreign(&input)?;
        if is_arff(&input.name) {
            let (what, hint) = ("an ARFF file", "write it as CSV, Parquet or Arrow");
            return Err(ReadError::Foreign { name: input.name, what, hint }.into());
        }
        if is_svmlight(&input.name) {
            let (what, hint) = ("an svmlight file", "write it as CSV, Parquet or Arrow");
            return Err(ReadError::Foreign { name: input.name, what, hint }.into());
        }
        let content = match input.magic.as_slice() {
            [b'P', b'A', b'R', b'1', ..] => Some(Format::Parquet),
            [b'A', b'R', b'R', b'O', b'W', b'1', ..] | [0xff, 0xff, 0xff, 0xff, ..] => Some(Format::Arrow),
            _ => None,
        };
        match (content, named) {
            (Some(format), _) => Self::columnar(input, format, options),
            (None, Some(Format::Parquet)) if !input.magic.is_empty() => {
                Err(ReadError::NotAsNamed { name: input.name, expected: "a Parquet" }.into())
            }
            (None, Some(Format::Arrow)) if !input.magic.is_empty() => {
                Err(ReadError::NotAsNamed { name: input.name, expected: "an Arrow" }.into())
            }
            (None, named) => Self::text(input, named, options),
        }
    }

    /// A text table: looks at its beginning.
    fn text(input: Input, format: Option<Format>, options: &ReadOptions) -> Result<Self> {
        if let Some(delimiter) = options.delimiter.filter(|delimiter| !can_delimit(*delimiter)) {
            return Err(ReadError::Delimiter { delimiter: char::from(delimiter) }.into());
        }
        let name = input.name.clone();
        let mut stream = input.unpack(options.bomb_bytes);
        let (mut head, whole) = read_head(&name, &mut stream, options.max_record)?;
        if head.starts_with(&[0xef, 0xbb, 0xbf]) {
            head.drain(..3);
        }
        sniff::refuse_binary(&name, &head)?;
        let fixed = (format == Some(Format::Tsv)).then_some(b'\t');
        let sniffed = sniff::sniff(&name, &head, whole, fixed, options)?;
        stream.put_back(head.split_off(sniffed.body));
        let table = TextTable {
            name: name.clone(),
            stream,
            dialect: sniffed.dialect,
            names: sniffed.names.clone(),
            sampled: sniffed.columns,
            line: sniffed.body_line,
        };
        let (columns, notes, options) = (sniffed.names, sniffed.notes, options.clone());
        Ok(Self { name, columns, notes, options, body: Body::Text(table) })
    }

    #[cfg(feature = "arrow")]
    fn columnar(input: Input, format: Format, options: &ReadOptions) -> Result<Self> {
        let name = input.name.clone();
        let table = arrow::ArrowTable::open(input, format)?;
        let (columns, notes) = (table.names(), vec![table.describe()]);
        sniff::refuse_duplicates(&name, &columns)?;
        Ok(Self { name, columns, notes, options: options.clone(), body: Body::Arrow(table) })
    }

    #[cfg(not(feature = "arrow"))]
    fn columnar(input: Input, format: Format, _: &ReadOptions) -> Result<Self> {
        let format = if format == Format::Parquet { "a Parquet file" } else { "an Arrow file" };
        Err(ReadError::NotBuilt { name: input.name, format }.into())
    }
}

/// The bytes that decide: one MiB, and more while they hold fewer than three lines; and whether that is all.
fn read_head(name: &str, stream: &mut Stream, longest: usize) -> Result<(Vec<u8>, bool), ReadError> {
    let mut head = Vec::new();
    let mut wanted = HEAD;
    loop {
        if stream.fill(&mut head, wanted)? < wanted {
            return Ok((head, true));
        }
        if memchr::memchr2_iter(b'\n', b'\r', &head).nth(3).is_some() {
            return Ok((head, false));
        }
        if let Some(begin) = long_line(&head, longest) {
            // A file without lines is most often no text at all.
            sniff::refuse_binary(name, &head)?;
            return Err(ReadError::LongRecord { line: records::line_of(&head, begin), limit: longest });
        }
        wanted = head.len();
    }
}

/// The byte with which the first line of more than `longest` bytes begins.
fn long_line(text: &[u8], longest: usize) -> Option<usize> {
    let mut begin = 0;
    memchr::memchr2_iter(b'\n', b'\r', text).chain([text.len()]).find_map(|end| {
        let from = std::mem::replace(&mut begin, end + 1);
        (end - from > longest).then_some(from)
    })
}

/// By the name's ending, without `.gz`.
fn format_of(name: &str) -> Option<Format> {
    let lower = name.to_ascii_lowercase();
    let ending = lower.strip_suffix(".gz").unwrap_or(&lower).rsplit('.').next();
    match ending {
        Some("csv") => Some(Format::Csv),
        Some("tsv" | "tab") => Some(Format::Tsv),
        Some("parquet" | "pq") => Some(Format::Parquet),
        Some("arrow" | "feather" | "ipc" | "arrows") => Some(Format::Arrow),
        _ => None,
    }
}

/// Files that people have and that hold tables, but not in a form that is read here.
fn refuse_foreign(input: &Input) -> Result<(), ReadError> {
    const AS_CSV: &str = "open it and save it as CSV";
    let ending = input.name.to_ascii_lowercase();
    let ending = ending.rsplit('.').next().unwrap_or_default();
    let (what, hint) = match (input.magic.as_slice(), ending) {
        ([b'P', b'K', 3, 4, ..], "xlsx" | "xlsm" | "ods") => ("a workbook of a spreadsheet program", AS_CSV),
        ([b'P', b'K', 3, 4, ..], _) => {
            ("a zip archive (an Excel workbook is one)", "unpack it, or open it and save it as CSV")
        }
        ([0xd0, 0xcf, 0x11, 0xe0, ..], _) => ("an Excel workbook", AS_CSV),
        ([b'F', b'E', b'A', b'1', ..], _) => {
            ("a Feather file of version 1", "write it anew as Arrow or Parquet")
        }
        ([0x28, 0xb5, 0x2f, 0xfd, ..], _) => ("zstd data", "unpack it with `zstd -d`"),
        ([b'B', b'Z', b'h', ..], "bz2") => ("bzip2 data", "unpack it with `bunzip2`"),
        ([0xfd, b'7', b'z', b'X', b'Z', ..], _) => ("xz data", "unpack it with `unxz`"),
        ([0x89, b'H', b'D', b'F', ..], _) => ("an HDF5 file", "write it as CSV, Parquet or Arrow"),
        ([0x93, b'N', b'U', b'M', b'P', b'Y', ..], _) => {
            ("a NumPy array", "write it as CSV, Parquet or Arrow")
        }
        (_, "json" | "jsonl" | "ndjson") => ("JSON", "write it as CSV, Parquet or Arrow"),
        _ => return Ok(()),
    };
    Err(ReadError::Foreign { name: input.name.clone(), what, hint })
}

/// Not a delimiter: what numbers are made of, quotes and ends of lines.
fn can_delimit(delimiter: u8) -> bool {
    delimiter.is_ascii()
        && delimiter != 0
        && !delimiter.is_ascii_alphanumeric()
        && !b"\"\n\r+-.?".contains(&delimiter)
}
