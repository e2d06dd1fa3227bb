//! The svmlight format, also called libsvm: a row is a line `label index:value index:value … # comment`,
//! indices ascending from 1 (T. Joachims, `SVMlight`, 1999), or from 0 when said so.
//!
//! An entry that is written as 0 is not stored, since it changes no score, gradient or norm; its index still
//! counts, because programs write one to say how many columns there are. The label is kept as text, and what
//! the text means is for the caller to say: a class, a number, or a list of labels, `1,4 3:0.5`.

use super::bytes::{HEAD, Input, Stream};
use super::error::{LineFault, ReadError, excerpt, thousands};
use super::lines::{Lines, Piece, is_blank, skip_blanks};
use super::sparse_rows::SparseRows;
use super::{Progress, refuse_foreign, sniff};
use crate::data::classes::Labels;
use crate::data::features::Features;
use crate::data::table::Levels;
use crate::error::{Error, Result};
use std::path::Path;

/// The largest index that is read, 2³¹ − 1: a column more than that is a defect of the file, and one row of
/// weights for it would be larger than memory.
const MAX_INDEX: u64 = 0x7fff_ffff;

/// How to read an svmlight file.
#[derive(Clone, Debug)]
pub struct SvmlightOptions {
    /// The first column is 0, not 1.
    pub zero_based: bool,
    /// Each row has a list of labels, `1,4 3:0.5`; one that begins with an entry has none. [`Labels::sets`] makes sets
    /// of them. A blank line is no row here either.
    pub label_lists: bool,
    /// How many columns there are, as of a model; the largest index says so when absent. An index beyond is
    /// refused, for whatever it measures, the model has no weight for it.
    pub columns: Option<usize>,
    /// Bytes that are read and parsed at a time; no result depends on it.
    pub chunk_bytes: usize,
    /// Bytes that a line has at most: a file without line ends does not fill the memory.
    pub max_line: usize,
    /// Unpacked bytes from which on gzip data that unpack a thousandfold are refused.
    pub bomb_bytes: u64,
}

impl Default for SvmlightOptions {
    fn default() -> Self {
        Self {
            zero_based: false,
            label_lists: false,
            columns: None,
            chunk_bytes: 1 << 20,
            max_line: 64 << 20,
            bomb_bytes: 1 << 30,
        }
    }
}

/// Whether a file of this name is read as svmlight: `.svm`, `.libsvm` or `.svmlight`, each also `.gz`.
pub fn is_svmlight(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    let ending = lower.strip_suffix(".gz").unwrap_or(&lower).rsplit_once('.');
    ending.is_some_and(|(_, ending)| matches!(ending, "svm" | "libsvm" | "svmlight"))
}

/// Sparse rows with their labels, in memory.
#[derive(Debug)]
pub struct SparseData {
    name: String,
    rows: SparseRows,
    labels: Labels,
}

impl SparseData {
    /// Reads a file, plain or gzip; `-` is standard input. `watch` is told how far it has come and returns
    /// false to interrupt it.
    ///
    /// # Errors
    /// When the file cannot be read, or a line is not what it should be: the first such line.
    pub fn open(path: &Path, options: &SvmlightOptions, watch: &dyn Fn(Progress) -> bool) -> Result<Self> {
        read(Input::open(path)?, options, watch)
    }

    /// Bytes in memory, under a name for messages.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn from_bytes(
        name: &str,
        bytes: Vec<u8>,
        options: &SvmlightOptions,
        watch: &dyn Fn(Progress) -> bool,
    ) -> Result<Self> {
        read(Input::memory(name, bytes), options, watch)
    }

    /// The file, as the user gave it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// n.
    pub fn rows(&self) -> usize {
        self.labels.rows()
    }

    /// d.
    pub fn columns(&self) -> usize {
        self.rows.columns()
    }

    /// Entries that are stored: those that are not 0.
    pub fn entries(&self) -> usize {
        self.rows.entries()
    }

    /// The label of each row.
    pub fn labels(&self) -> &Labels {
        &self.labels
    }

    /// The rows, borrowed.
    ///
    /// # Errors
    /// Never for rows that were read; [`Csr`](crate::data::features::Csr) checks whatever it is given.
    pub fn features(&self) -> Result<Features<'_>> {
        self.rows.features()
    }
}

/// Everything, once.
fn read(input: Input, options: &SvmlightOptions, watch: &dyn Fn(Progress) -> bool) -> Result<SparseData> {
    let format = Format::new(options)?;
    refuse_foreign(&input)?;
    let name = input.name.clone();
    let mut stream = input.unpack(options.bomb_bytes);
    look(&name, &mut stream, options.columns.is_some())?;
    let lines = Lines::new(&name, stream, options.chunk_bytes, options.max_line);
    let mut intake = Intake::new(&name, &format);
    lines.parse(watch, |piece| format.parse(piece), |sheet| intake.take_in(sheet))?;
    intake.finish()
}

// ── the beginning ───────────────────────────────────────────────────────────────────────────────────────

/// Refuses what is no text, and text that is a table of another kind.
fn look(name: &str, stream: &mut Stream, columns_known: bool) -> Result<(), ReadError> {
    let mut head = Vec::new();
    stream.fill(&mut head, HEAD)?;
    if head.starts_with(&[0xef, 0xbb, 0xbf]) {
        head.drain(..3);
    }
    sniff::refuse_binary(name, &head)?;
    refuse_csv(name, &head, columns_known)?;
    stream.put_back(head);
    Ok(())
}

/// A first line that has delimiters and no entry. Whole numbers between commas are several labels of a row of zeros,
/// unless no row has an entry and nothing but entries could tell how many columns there are.
fn refuse_csv(name: &str, head: &[u8], columns_known: bool) -> Result<(), ReadError> {
    let lines = head.split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii).zip(1..);
    let Some((first, line)) = lines.into_iter().find(|(text, _)| !text.is_empty() && !text.starts_with(b"#"))
    else {
        return Ok(());
    };
    let is_list = first.iter().all(|&byte| byte.is_ascii_digit() || byte == b',');
    let has_entries = first.contains(&b':') || (is_list && (columns_known || head.contains(&b':')));
    if has_entries || memchr::memchr3(b',', b';', b'\t', first).is_none() {
        return Ok(());
    }
    Err(ReadError::CsvLine { name: name.to_owned(), line, text: excerpt(first) })
}

// ── lines ───────────────────────────────────────────────────────────────────────────────────────────────

/// What an index may be.
struct Format {
    /// The index of the first column.
    base: u64,
    /// The first index that is too large.
    past: u64,
    columns: Option<usize>,
    /// A line that begins with an entry has no labels.
    lists: bool,
    longest: usize,
}

/// The parsed lines of a piece.
struct Sheet {
    /// Where each row ends among the entries.
    ends: Vec<usize>,
    /// Columns from 0.
    indices: Vec<i32>,
    values: Vec<f64>,
    codes: Vec<u32>,
    levels: Levels,
    /// One more than the largest column.
    columns: u64,
    /// The first line that is not what it should be, after which nothing is read.
    fault: Option<(usize, LineFault)>,
}

impl Format {
    fn new(options: &SvmlightOptions) -> Result<Self> {
        let base = u64::from(!options.zero_based);
        let most = MAX_INDEX + 1 - base;
        let columns = options.columns.map_or(most, |columns| columns as u64);
        if columns > most {
            return Err(Error::Usage {
                what: format!("{} columns are more than an svmlight file can have", thousands(columns)),
                hint: format!("give at most {} columns", thousands(most)),
            });
        }
        Ok(Self {
            base,
            past: base + columns,
            columns: options.columns,
            lists: options.label_lists,
            longest: options.max_line,
        })
    }

    fn parse(&self, piece: &Piece) -> Sheet {
        // As many entries as colons: an allocation that fits, and hardly ever too much.
        let (entries, rows) = (memchr::memchr_iter(b':', &piece.bytes).count(), piece.ends + 1);
        let mut sheet = Sheet {
            ends: Vec::with_capacity(rows),
            indices: Vec::with_capacity(entries),
            values: Vec::with_capacity(entries),
            codes: Vec::with_capacity(rows),
            levels: Levels::default(),
            columns: 0,
            fault: None,
        };
        let (mut rest, mut line) = (piece.bytes.as_slice(), piece.line);
        while !rest.is_empty() {
            let end = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
            if let Err(fault) = self.parse_line(rest.get(..end).unwrap_or_default(), &mut sheet) {
                sheet.fault = Some((line, fault));
                break;
            }
            rest = rest.get(end + 1..).unwrap_or_default();
            line += 1;
        }
        sheet
    }

    fn parse_line(&self, line: &[u8], sheet: &mut Sheet) -> Result<(), LineFault> {
        if line.len() > self.longest {
            return Err(LineFault::Long { limit: self.longest });
        }
        let text = skip_blanks(line);
        if matches!(text.first(), None | Some(b'#')) {
            return Ok(());
        }
        let (label, mut rest) = split_token(text);
        let label = if self.lists && begins_with_index(label) {
            rest = text;
            b""
        } else {
            label
        };
        sheet.codes.push(label_code(label, &mut sheet.levels)?);
        let mut least = self.base;
        loop {
            rest = skip_blanks(rest);
            if matches!(rest.first(), None | Some(b'#')) {
                break;
            }
            let entry = entry(rest).filter(|(index, ..)| (least..self.past).contains(index));
            let placed = entry.and_then(|(index, value, end)| {
                let column = i32::try_from(index - self.base).ok()?;
                value.is_finite().then_some((index, column, value, rest.get(end..)?))
            });
            let Some((index, column, value, after)) = placed else {
                return Err(self.explain(split_token(rest).0, least));
            };
            if value != 0.0 {
                sheet.indices.push(column);
                sheet.values.push(value);
            }
            least = index + 1;
            rest = after;
        }
        sheet.columns = sheet.columns.max(least - self.base);
        sheet.ends.push(sheet.values.len());
        Ok(())
    }

    /// Why `token` is no entry that may stand here, where `least` is the smallest index that may.
    #[cold]
    fn explain(&self, token: &[u8], least: u64) -> LineFault {
        let text = excerpt(token);
        let Some(colon) = memchr::memchr(b':', token) else {
            return LineFault::NoColon { text };
        };
        let (index, value) =
            (token.get(..colon).unwrap_or_default(), token.get(colon + 1..).unwrap_or_default());
        if index.eq_ignore_ascii_case(b"qid") {
            return LineFault::Ranking { text };
        }
        let written = excerpt(index);
        if !is_whole(index) {
            return LineFault::NotIndex { text: written };
        }
        let is_below = index.starts_with(b"-") || self.base == 1 && index.iter().all(|&digit| digit == b'0');
        if is_below {
            return LineFault::Below { index: written, base: self.base };
        }
        let number = str::from_utf8(index).ok().and_then(|text| text.parse().ok()).unwrap_or(u64::MAX);
        if number > MAX_INDEX {
            return LineFault::Huge { index: written, limit: MAX_INDEX };
        }
        if number < least {
            return LineFault::Order { index: number, before: least - 1 };
        }
        if let (Some(columns), true) = (self.columns, number >= self.past) {
            return LineFault::Beyond { index: number, columns, base: self.base };
        }
        let value = value.split(|&byte| byte == b'#').next().unwrap_or_default();
        let text = excerpt(value);
        match fast_float2::parse::<f64, _>(value) {
            _ if value.is_empty() => LineFault::NoValue { index: number },
            Ok(parsed) if !parsed.is_finite() && value.iter().any(u8::is_ascii_digit) => {
                LineFault::Large { index: number, text }
            }
            Ok(_) => LineFault::NotFinite { index: number, text },
            Err(_) => LineFault::NotNumber { index: number, text },
        }
    }
}

/// Index, value and length of the entry that `text` begins with.
#[inline]
fn entry(text: &[u8]) -> Option<(u64, f64, usize)> {
    // Stays beyond every limit once it is there, however many digits follow.
    const FAR: u64 = MAX_INDEX + 1;
    let (mut index, mut at) = (0, 0);
    while let Some(digit) = text.get(at).map(|byte| byte.wrapping_sub(b'0')).filter(|digit| *digit < 10) {
        index = (10 * index + u64::from(digit)).min(FAR);
        at += 1;
    }
    if at == 0 || text.get(at) != Some(&b':') {
        return None;
    }
    let (value, length) = fast_float2::parse_partial::<f64, _>(text.get(at + 1..)?).ok()?;
    let end = at + 1 + length;
    text.get(end).is_none_or(|&byte| is_blank(byte) || byte == b'#').then_some((index, value, end))
}

/// The label's text as a code: apart from the entries, so that a reader of several labels a row needs nothing
/// else of its own.
fn label_code(label: &[u8], levels: &mut Levels) -> Result<u32, LineFault> {
    let is_query = label.get(..4).is_some_and(|index| index.eq_ignore_ascii_case(b"qid:"));
    if begins_with_index(label) || is_query {
        return Err(LineFault::NoLabel { text: excerpt(label) });
    }
    if label.contains(&b'#') {
        return Err(LineFault::LabelComment { text: excerpt(label) });
    }
    let Ok(text) = str::from_utf8(label) else {
        return Err(LineFault::LabelNotUtf8 { text: excerpt(label) });
    };
    Ok(if sniff::is_missing(label) && !label.is_empty() { Levels::MISSING } else { levels.intern(text) })
}

/// Whether a token is an entry, as far as its index tells.
fn begins_with_index(token: &[u8]) -> bool {
    memchr::memchr(b':', token).is_some_and(|colon| is_whole(token.get(..colon).unwrap_or_default()))
}

/// A whole number, with a minus or not.
fn is_whole(text: &[u8]) -> bool {
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    !digits.is_empty() && digits.iter().all(u8::is_ascii_digit)
}

/// Up to the next blank, and the rest.
fn split_token(text: &[u8]) -> (&[u8], &[u8]) {
    let end = text.iter().position(|byte| is_blank(*byte)).unwrap_or(text.len());
    text.split_at(end)
}

// ── together ────────────────────────────────────────────────────────────────────────────────────────────

/// Takes in sheets in the order of the file.
struct Intake<'a> {
    name: &'a str,
    columns: Option<usize>,
    /// One more than the largest column so far.
    largest: u64,
    rows: SparseRows,
    codes: Vec<u32>,
    levels: Levels,
}

impl<'a> Intake<'a> {
    fn new(name: &'a str, format: &Format) -> Self {
        Self {
            name,
            columns: format.columns,
            largest: 0,
            rows: SparseRows::default(),
            codes: Vec::new(),
            levels: Levels::default(),
        }
    }

    /// Rows so far.
    fn take_in(&mut self, sheet: Sheet) -> Result<usize> {
        if let Some((line, fault)) = sheet.fault {
            return Err(ReadError::Line { name: self.name.to_owned(), line, fault }.into());
        }
        self.rows.extend(&sheet.ends, &sheet.indices, &sheet.values)?;
        let codes: Vec<u32> = sheet.levels.names().iter().map(|name| self.levels.intern(name)).collect();
        self.codes.extend(sheet.codes.iter().map(|&code| {
            let known = usize::try_from(code).ok().and_then(|code| codes.get(code));
            known.copied().unwrap_or(Levels::MISSING)
        }));
        self.largest = self.largest.max(sheet.columns);
        Ok(self.codes.len())
    }

    fn finish(mut self) -> Result<SparseData> {
        let name = self.name.to_owned();
        if self.codes.is_empty() {
            return Err(ReadError::OnlyComments { name }.into());
        }
        if self.columns.is_none() && self.largest == 0 {
            return Err(ReadError::NoEntries { name, rows: self.codes.len() }.into());
        }
        let largest = usize::try_from(self.largest).unwrap_or(usize::MAX);
        self.codes.shrink_to_fit();
        let labels = Labels::new(format!("the label column of {name}"), self.codes, self.levels);
        let rows = self.rows.finish(self.columns.unwrap_or(largest));
        Ok(SparseData { name, rows, labels })
    }
}

#[cfg(test)]
mod tests;
