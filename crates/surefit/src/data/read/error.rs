//! What can be wrong with a file or stream of rows: one sentence of facts each, and the ways out apart.

use super::arff::{ArffFault, XmlFault};
use super::bytes::STANDARD_INPUT;
use crate::error::Asker;
use std::io;

/// A file or stream that could not be read as a table. Rows are numbered from 1 without the header, lines
/// as an editor shows them.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[expect(missing_docs, reason = "each variant is its sentence; the fields are named in it")]
pub enum ReadError {
    // ── the file ────────────────────────────────────────────────────────────────────────────────────
    #[error("cannot read {name}: {}", crate::model::refusal(.source))]
    Io { name: String, source: io::Error },
    #[error("there is no file {name}")]
    NotFound { name: String, near: Option<String> },
    #[error("{name} is a directory, not a file")]
    Directory { name: String },
    #[error("{name} is empty")]
    Empty { name: String },
    #[error("{name} has {}{} and no rows", if *.text { "a header of " } else { "" }, counted(*.columns, "column"))]
    NoRows { name: String, columns: usize, text: bool },
    #[error("{name} is {what}, not a table that surefit reads")]
    Foreign { name: String, what: &'static str, hint: &'static str },
    #[error("{name} is named like {expected} file, but does not begin like one")]
    NotAsNamed { name: String, expected: &'static str },
    #[error("{name} is {format}, which this build of surefit does not read")]
    NotBuilt { name: String, format: &'static str },
    #[error("{name} is UTF-16 text")]
    Utf16 { name: String },
    #[error("{name} is a binary file: byte {offset} is 0")]
    Binary { name: String, offset: usize },

    // ── compression ─────────────────────────────────────────────────────────────────────────────────
    #[error("{name} is cut short: its gzip data end before their end mark")]
    TruncatedGzip { name: String },
    #[error("{name} is damaged gzip data: {source}")]
    CorruptGzip { name: String, source: io::Error },
    #[error("{name} unpacks to more than {} bytes from {} bytes, over 1,000 for one: not a table", thousands(*.unpacked), thousands(*.packed))]
    GzipBomb { name: String, packed: u64, unpacked: u64 },

    // ── records ─────────────────────────────────────────────────────────────────────────────────────
    #[error("the delimiter {delimiter:?} can be part of a number or of the format itself")]
    Delimiter { delimiter: char },
    #[error("{name} has two columns named `{column}`: column {first} and column {second}")]
    Duplicate { name: String, column: String, first: usize, second: usize },
    #[error("{name} separates its columns by spaces: line {line} is `{text}`")]
    SpaceSeparated { name: String, line: usize, text: String },
    #[error(
        "row {row} (line {line}) has {}, the {} {expected}",
        counted(*.found, "field"), if *.header { "header" } else { "first row" }
    )]
    Ragged { row: usize, line: usize, found: usize, expected: usize, header: bool, delimiter: char },
    #[error("the record that begins in line {line} is longer than {} bytes", thousands(*.limit as u64))]
    LongRecord { line: usize, limit: usize },
    #[error("the record that begins in line {line} has a quote that is never closed")]
    UnclosedQuote { line: usize },
    #[error("column `{column}`, row {row} (line {line}) is not UTF-8 text: `{text}`")]
    NotUtf8 { column: String, row: usize, line: usize, text: String },
    #[error("the header in line {line} is not UTF-8 text: `{text}`")]
    HeaderNotUtf8 { line: usize, text: String },

    // ── svmlight ────────────────────────────────────────────────────────────────────────────────────
    #[error("line {line} of {name} {fault}")]
    Line { name: String, line: usize, fault: LineFault },
    #[error("line {line} of {name} is `{text}`: this looks like CSV, not svmlight")]
    CsvLine { name: String, line: usize, text: String },
    #[error("{name} holds comments and blank lines alone")]
    OnlyComments { name: String },
    #[error("{name} has {} and no entry `index:value` in any of them", counted(*.rows, "row"))]
    NoEntries { name: String, rows: usize },

    // ── ARFF ────────────────────────────────────────────────────────────────────────────────────────
    #[error("line {line} of {name} {fault}")]
    Arff { name: String, line: usize, fault: ArffFault },
    #[error("{name} has no line `@data`: it ends in line {line}, among its declarations")]
    NoData { name: String, line: usize },
    #[error("{name} declares no attributes")]
    NoAttributes { name: String },
    #[error("{} asked for, and {name} has {}", if *.labels == 1 { "1 label is".to_owned() } else { format!("{} labels are", thousands(*.labels as u64)) }, counted(*.attributes, "attribute"))]
    LabelCount { name: String, labels: usize, attributes: usize },
    #[error("all {labels} attributes of {name} are labels, and none is left to predict them by")]
    OnlyLabels { name: String, labels: usize },
    #[error("{by} names the label `{label}`, and {name} has no attribute of this name{}", if *.count == 1 { String::new() } else { format!("; {} labels in all are missing", thousands(*.count as u64)) })]
    NoLabel { name: String, by: String, label: String, count: usize, near: Option<String> },
    #[error("{name} has no attribute `{weights}`, which is to hold the row weights")]
    NoWeights { name: String, weights: String, near: Option<String> },
    #[error("the attribute `{weights}` of {name} cannot be a label and the row weights")]
    WeightsAreLabel { name: String, weights: String },
    #[error("{by} has the label `{label}` twice")]
    LabelTwice { by: String, label: String },
    #[error("line {line} of {name} {fault}")]
    Xml { name: String, line: usize, fault: XmlFault },

    // ── values ──────────────────────────────────────────────────────────────────────────────────────
    #[error(
        "column `{column}` is numeric, but row {row} (line {line}) is `{text}`{}{}",
        if *.count == 1 { String::new() } else { format!("; {} values in it are no numbers", thousands(*.count as u64)) },
        if *.unseen { "; the first rows, which decide what a column is, hold no value in it" } else { "" }
    )]
    NotNumber {
        column: String,
        row: usize,
        line: usize,
        text: String,
        count: usize,
        unseen: bool,
        others: Vec<String>,
        comma: bool,
    },
    #[error(
        "column `{column}` holds numbers with a comma, such as `{text}` in row {row}, and it is not clear what the comma means"
    )]
    CommaNumber { column: String, row: usize, text: String },
    #[error(
        "column `{column}` has more than {} different texts in its first {} values{}, such as `{example}` in row {row}",
        thousands(*.limit as u64), thousands(*.values as u64), .looks.clause()
    )]
    TooManyLevels { column: String, limit: usize, values: usize, row: usize, example: String, looks: Looks },

    // ── Parquet and Arrow ───────────────────────────────────────────────────────────────────────────
    #[error("column `{column}` holds {kind} values, which are neither numbers nor text")]
    ColumnType { column: String, kind: String, time: bool },
    #[error("{name} is damaged or not {format}: {reason}")]
    Damaged { name: String, format: &'static str, reason: String },

    // ── the temporary file ──────────────────────────────────────────────────────────────────────────
    #[error("no room for the temporary file: {folder} cannot hold {} bytes", thousands(*.bytes))]
    SpoolFull { folder: String, bytes: u64 },
    #[error("cannot {action} the temporary file in {folder}: {source}")]
    Spool { action: &'static str, folder: String, source: io::Error },
}

/// What a column of very many different texts is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Looks {
    /// Dates or times.
    Dates,
    /// Nearly every value is different: a name, a key.
    Identifier,
    /// Numbers that were asked for as levels.
    Numbers,
    /// Numbers that the file holds as text.
    NumbersAsText,
    /// Free text.
    Text,
}

impl Looks {
    pub(in crate::data) fn clause(self) -> &'static str {
        match self {
            Self::Dates => " (dates)",
            Self::Identifier => " (an identifier: nearly all differ)",
            Self::Numbers => " (numbers)",
            Self::NumbersAsText => " (numbers stored as text)",
            Self::Text => "",
        }
    }
}

/// What is wrong with a line of an svmlight file, as the rest of a sentence about it. Indices are those of
/// the file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[expect(missing_docs, reason = "each variant is its sentence; the fields are named in it")]
pub enum LineFault {
    #[error("is longer than {} bytes", thousands(*.limit as u64))]
    Long { limit: usize },
    #[error("has no label: it begins with `{text}`")]
    NoLabel { text: String },
    #[error("has the label `{text}`, in which # would begin a comment")]
    LabelComment { text: String },
    #[error("has a label that is not UTF-8 text: `{text}`")]
    LabelNotUtf8 { text: String },
    #[error("has `{text}`: this is ranking data, whose labels are grades among the rows of one query")]
    Ranking { text: String },
    #[error("has `{text}` where an entry `index:value` belongs")]
    NoColon { text: String },
    #[error("has the index `{text}`, which is no whole number")]
    NotIndex { text: String },
    #[error("has the index {index}, and indices begin at {base}")]
    Below { index: String, base: u64 },
    #[error("has the index {index}, beyond the largest, {limit}")]
    Huge { index: String, limit: u64 },
    #[error("{}", if .index == .before { format!("has the index {index} twice") } else { format!("has the index {index} after {before}, and indices ascend") })]
    Order { index: u64, before: u64 },
    #[error("has the index {index}, and {}", if *.columns == 0 { "there are no columns".to_owned() } else { format!("the last column is {}", *.columns as u64 + .base - 1) })]
    Beyond { index: u64, columns: usize, base: u64 },
    #[error("has no value at index {index}")]
    NoValue { index: u64 },
    #[error("has the value `{text}` at index {index}, which is no number")]
    NotNumber { index: u64, text: String },
    #[error("has the value `{text}` at index {index}, which is not finite")]
    NotFinite { index: u64, text: String },
    #[error("has the value `{text}` at index {index}, beyond the largest number, 1.8e308")]
    Large { index: u64, text: String },
}

impl LineFault {
    fn hint(&self) -> String {
        let hint = match self {
            Self::Long { .. } => "check that each row ends in a line break",
            Self::NoLabel { .. } => "begin each line with its label: `label index:value index:value …`",
            Self::LabelComment { .. } => "put a space before a comment, or name the class without #",
            Self::LabelNotUtf8 { .. } => "convert the file: iconv -f LATIN1 -t UTF-8 FILE > utf8.svm",
            Self::Ranking { .. } => "to learn the grades as classes, remove the qid: sed 's/ qid:[0-9]*//'",
            Self::NoColon { .. } => {
                "write one label, then entries `index:value` with blanks between them; a comment begins with #"
            }
            Self::NotIndex { .. } => "number the columns; svmlight has no names for them",
            Self::Below { base: 1, index } if !index.starts_with('-') => {
                "use `--zero-based` if the first column is 0"
            }
            Self::Below { .. } => "number the columns anew",
            Self::Huge { .. } => "number only the columns that occur, or hash them to fewer",
            Self::Order { index, before } if index == before => "keep one of the two entries",
            Self::Order { .. } => "sort the entries of each line by index",
            Self::Beyond { base: 0, .. } => {
                "leave out `--zero-based` if the first column is 1; otherwise remove the entry, or fit with data that has the column"
            }
            Self::Beyond { .. } => "remove the entry, or fit with data that has the column",
            Self::NoValue { .. } => {
                "write a number after the colon, without a blank, or remove the entry if it is 0"
            }
            Self::NotNumber { .. } => "write a number, with a decimal point",
            Self::NotFinite { .. } => {
                "write a finite number; an entry left out is 0, so a value that is not known needs one too"
            }
            Self::Large { .. } => "express the column in larger units",
        };
        hint.to_owned()
    }
}

impl ReadError {
    /// The way out where the rows are on standard input, and the usual one would need their file.
    fn stream_hint(&self, asker: &Asker) -> Option<String> {
        let hint = match self {
            Self::NotUtf8 { .. } | Self::HeaderNotUtf8 { .. } if asker.piped => {
                return Some(on_the_way("convert it", "iconv -f LATIN1 -t UTF-8"));
            }
            Self::Utf16 { name }
            | Self::TruncatedGzip { name }
            | Self::CorruptGzip { name, .. }
            | Self::GzipBomb { name, .. }
            | Self::SpaceSeparated { name, .. }
                if name != STANDARD_INPUT =>
            {
                return None;
            }
            Self::Utf16 { .. } => on_the_way("convert it", "iconv -f UTF-16 -t UTF-8"),
            Self::TruncatedGzip { .. } => {
                "send it again, whole; `gzip -t FILE` tells whether a file is".to_owned()
            }
            Self::CorruptGzip { .. } => "check the program that wrote it".to_owned(),
            Self::GzipBomb { .. } => on_the_way("if it is a table, unpack it", "gunzip"),
            Self::SpaceSeparated { .. } => on_the_way("put commas between the columns", COMMAS),
            _ => return None,
        };
        Some(hint)
    }

    /// The way out of what is wrong with rows of several labels.
    fn label_hint(&self) -> String {
        let hint = match self {
            Self::Arff { fault, .. } => return fault.hint(),
            Self::Xml { fault, .. } => return fault.hint(),
            Self::NoLabel { near: Some(near), .. } | Self::NoWeights { near: Some(near), .. } => {
                return format!("did you mean `{near}`?");
            }
            Self::NoWeights { .. } => "name the attribute that holds them, or leave out `--weights`",
            Self::WeightsAreLabel { .. } => "name the labels without it, or leave out `--weights`",
            Self::NoLabel { .. } => "give the file that names the labels of these attributes",
            Self::NoData { .. } => "write a line `@data` between the declarations and the rows",
            Self::NoAttributes { .. } => "declare each column before the rows: `@attribute NAME numeric`",
            Self::LabelTwice { .. } => "name each label once",
            _ => {
                "count the labels alone: N says that the last N attributes are labels, -N the first N; or give the XML file that names them"
            }
        };
        hint.to_owned()
    }

    /// The ways out, most useful first.
    pub fn hints(&self) -> Vec<String> {
        self.hints_for(&Asker::default())
    }

    /// The ways out for someone who does not fit.
    pub fn hints_for(&self, asker: &Asker) -> Vec<String> {
        let one = |hint: &str| vec![hint.to_owned()];
        if let Some(hint) = self.stream_hint(asker) {
            return vec![hint];
        }
        match self {
            Self::NotFound { near: Some(near), .. } => vec![format!("did you mean {near}?")],
            Self::NotFound { near: None, .. } => one("check the path"),
            Self::Directory { name } => {
                vec![format!("name one file in it: {}/FILE.csv", name.trim_end_matches('/'))]
            }
            Self::NoRows { text: true, .. } => {
                one("add rows; if the first line holds data, say so with `--no-header`")
            }
            Self::Empty { .. } | Self::NoRows { .. } | Self::OnlyComments { .. } => {
                one("check the program that wrote it")
            }
            Self::Foreign { hint, .. } => one(hint),
            Self::NotAsNamed { .. } => one("name the file after what it is (.csv, .tsv, .parquet, .arrow)"),
            Self::NotBuilt { .. } => one("build surefit with the feature `arrow`, or save the table as CSV"),
            Self::Utf16 { name } => vec![format!("convert it: iconv -f UTF-16 -t UTF-8 {name} > utf8.csv")],
            Self::Binary { .. } => one(
                "save the table as CSV, Parquet or Arrow; UTF-16 text is converted by: iconv -f UTF-16 -t UTF-8",
            ),
            Self::TruncatedGzip { .. } => {
                one("copy or download the file again; `gzip -t FILE` tells whether it is whole")
            }
            Self::CorruptGzip { .. } => {
                one("copy or download the file again; if it is not gzip, name it without .gz")
            }
            Self::GzipBomb { .. } => {
                one("if it is a table, unpack it with `gunzip` and name the unpacked file")
            }
            Self::Delimiter { .. } => one("choose another, such as , ; | or tab"),
            Self::Duplicate { .. } => one("rename one of them in the header"),
            Self::SpaceSeparated { name, .. } => {
                vec![format!("put commas between the columns: {COMMAS} {name} > commas.csv")]
            }
            Self::Ragged { delimiter, found, expected, .. } if found > expected => vec![
                format!("put quotes around a field that holds a {delimiter:?}"),
                "if the columns are separated by another character, name it with `--delimiter`".to_owned(),
            ],
            Self::Ragged { .. } => one("complete the row (a missing value is an empty field), or delete it"),
            Self::LongRecord { .. } => vec![
                "close the quote that is open in that record; a quote inside a quoted field is written twice"
                    .to_owned(),
                "if no quote is open, the file has no lines, and so is no table".to_owned(),
            ],
            Self::UnclosedQuote { .. } => one(
                "close the quote that is open in that record; a quote inside a quoted field is written twice",
            ),
            Self::NotUtf8 { .. } | Self::HeaderNotUtf8 { .. } => {
                one("convert the file: iconv -f LATIN1 -t UTF-8 FILE > utf8.csv")
            }
            Self::Line { fault, .. } => vec![fault.hint()],
            Self::Arff { .. }
            | Self::Xml { .. }
            | Self::NoData { .. }
            | Self::NoAttributes { .. }
            | Self::LabelCount { .. }
            | Self::OnlyLabels { .. }
            | Self::NoLabel { .. }
            | Self::NoWeights { .. }
            | Self::WeightsAreLabel { .. }
            | Self::LabelTwice { .. } => vec![self.label_hint()],
            Self::CsvLine { .. } => {
                one("name the file .csv, and say with a formula what its columns are for")
            }
            Self::NoEntries { .. } => one("write the values of a row as `label 1:0.5 7:2`"),
            Self::NotNumber { column, others, comma, .. } => not_number_hints(column, others, *comma, asker),
            Self::CommaNumber { column, .. } => {
                let mut hints = vec![
                    "write the numbers with a decimal point and without thousands separators".to_owned(),
                ];
                if can_be_groups(column, asker) {
                    hints.push(format!(
                        "write `C({})` in the formula if the values are names of groups",
                        quoted(column)
                    ));
                }
                hints
            }
            Self::TooManyLevels { column, looks, .. } => level_hints(column, *looks),
            Self::ColumnType { time, .. } if !asker.formula => one(if *time {
                "write it as a number, as for the fit"
            } else {
                "write it as numbers or text"
            }),
            Self::ColumnType { column, time, .. } => {
                let convert = if *time {
                    "convert it to a number, such as days since a date"
                } else {
                    "convert it to columns of numbers or text"
                };
                vec![format!("leave it out of the formula: `- {}`", quoted(column)), convert.to_owned()]
            }
            Self::Damaged { .. } => one("copy or download the file again, or write it anew"),
            Self::SpoolFull { .. } => one("set TMPDIR to a folder with more room, or free some"),
            Self::Spool { .. } => one("set TMPDIR to a folder that can be written"),
            Self::Io { source, .. } => crate::model::io_hint("read", source.kind()).into_iter().collect(),
        }
    }
}

/// Puts commas where there are blanks.
const COMMAS: &str = "sed 's/^ *//; s/ *$//; s/  */,/g'";

/// What can be done to rows that no file holds.
fn on_the_way(what: &str, program: &str) -> String {
    format!("{what} on the way: … | {program} | surefit …")
}

/// Whether the caller can turn the column into names of groups.
fn can_be_groups(column: &str, asker: &Asker) -> bool {
    asker.formula && asker.weights.as_deref() != Some(column)
}

fn not_number_hints(column: &str, others: &[String], comma: bool, asker: &Asker) -> Vec<String> {
    let mut hints = vec!["correct the value, or mark it as missing (an empty field or NA)".to_owned()];
    if asker.weights.as_deref() == Some(column) {
        hints = vec!["correct the value: a weight is a number, and 0 leaves the row out".to_owned()];
    } else if can_be_groups(column, asker) {
        hints.push(format!(
            "write `C({})` in the formula if the column holds names of groups",
            quoted(column)
        ));
    }
    if comma {
        hints.insert(
            0,
            "this file writes numbers with a decimal comma, so a point has no place in one".to_owned(),
        );
    }
    if !others.is_empty() {
        let names: Vec<String> = others.iter().map(|other| format!("`{other}`")).collect();
        hints.push(format!("the same holds for {}", names.join(", ")));
    }
    hints
}

pub(in crate::data) fn level_hints(column: &str, looks: Looks) -> Vec<String> {
    let column = quoted(column);
    let leave = format!("leave it out of the formula: `- {column}`");
    match looks {
        Looks::Dates => vec![leave, "convert the dates to a number, such as days since the first".to_owned()],
        Looks::Numbers => vec![format!("write `{column}` without `C()` to use it as a number"), leave],
        Looks::NumbersAsText => vec!["store it as numbers in the file".to_owned(), leave],
        Looks::Identifier => vec![leave],
        Looks::Text => vec![leave, "merge rare texts into one, such as `other`".to_owned()],
    }
}

/// A column's name as a formula takes it.
fn quoted(name: &str) -> String {
    let mut letters = name.chars();
    let starts = letters.next().is_some_and(|c| c.is_alphabetic() || c == '_');
    if starts && letters.all(|c| c.is_alphanumeric() || c == '_' || c == '.') {
        name.to_owned()
    } else {
        format!("`{name}`")
    }
}

/// `1 column`, `1,200 columns`.
pub(super) fn counted(count: usize, what: &str) -> String {
    format!("{} {what}{}", thousands(count as u64), if count == 1 { "" } else { "s" })
}

/// A whole number with a comma between groups of three digits.
pub(super) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A text from the data, short enough for a message and without line breaks.
pub(super) fn excerpt(bytes: &[u8]) -> String {
    const LONGEST: usize = 40;
    let text =
        String::from_utf8_lossy(bytes.get(..bytes.len().min(4 * LONGEST)).unwrap_or(bytes)).into_owned();
    let clean = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    let mut short: String = clean.clone().take(LONGEST).collect();
    if clean.count() > LONGEST {
        short.push('…');
    }
    short
}
