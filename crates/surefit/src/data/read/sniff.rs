//! What a text table's first bytes say: its delimiter, whether it has a header, whether its numbers have a
//! decimal comma, and which of its columns are numbers. All from one fixed sample, the complete records in
//! the first MiB and at most 10,000 of them, so that no setting of the reader changes the outcome.

use super::ReadOptions;
use super::error::{ReadError, counted, excerpt};
use super::records::{Cutter, is_end, line_of, skip_blank};
use csv::ByteRecord;

/// Rows of the sample at most.
const SAMPLE_ROWS: usize = 10_000;
/// Rows that choose the delimiter.
const DELIMITER_ROWS: usize = 200;
/// What a delimiter can be without being told.
const CANDIDATES: [u8; 4] = *b",;\t|";

/// How a text table is written.
#[derive(Clone, Debug)]
pub(super) struct Dialect {
    pub(super) delimiter: u8,
    /// Whether the first record names the columns.
    pub(super) header: bool,
    /// `1,5` is one and a half.
    pub(super) decimal_comma: bool,
    /// Fields of a row.
    pub(super) fields: usize,
    /// Rows end in a delimiter, with nothing after it.
    pub(super) trailing: bool,
}

/// What the sample says about one column.
#[derive(Clone, Debug, Default)]
pub(super) struct Sampled {
    /// Values that are not missing.
    pub(super) present: usize,
    /// Those that are numbers.
    pub(super) numbers: usize,
    /// Those that would be, but for commas in them, and the first: its row from 1 and its text.
    pub(super) commas: usize,
    pub(super) first_comma: Option<(usize, String)>,
}

impl Sampled {
    /// A column is numeric when at least half of its values in the sample are numbers, or it has none.
    pub(super) fn is_number(&self) -> bool {
        2 * self.numbers >= self.present
    }
}

/// Everything known before the scan.
#[derive(Debug)]
pub(super) struct Sniffed {
    pub(super) dialect: Dialect,
    pub(super) names: Vec<String>,
    pub(super) columns: Vec<Sampled>,
    /// Where the first row begins in the sample, and its line.
    pub(super) body: usize,
    pub(super) body_line: usize,
    pub(super) notes: Vec<String>,
}

/// Looks at `head`, the beginning of the table without a byte order mark; `whole` when nothing follows it.
/// `fixed` is the delimiter that the format prescribes.
pub(super) fn sniff(
    name: &str,
    head: &[u8],
    whole: bool,
    fixed: Option<u8>,
    options: &ReadOptions,
) -> Result<Sniffed, ReadError> {
    let chosen = options.delimiter.or(fixed);
    let delimiter = match chosen {
        Some(delimiter) => delimiter,
        None => choose_delimiter(head, whole),
    };
    let sample = Sample::of(head, whole, delimiter, SAMPLE_ROWS)?;
    let Some((first, rest)) = sample.records.split_first() else {
        return Err(ReadError::Empty { name: name.to_owned() });
    };
    if chosen.is_none() && first.record.len() == 1 {
        refuse_spaces(name, head, &sample)?;
    }
    let decimal_comma = delimiter != b',' && has_decimal_comma(&sample);
    let header = options.header.unwrap_or_else(|| looks_like_header(&first.record, rest, decimal_comma));
    let rows = if header { rest } else { sample.records.as_slice() };
    let trailing = ends_in_delimiter(&first.record, rows, header);
    let fields = match (trailing, header) {
        (true, true) => first.record.len() - usize::from(last_blank(&first.record)),
        (true, false) => first.record.len() - 1,
        (false, _) => first.record.len(),
    };
    let mut notes = Vec::new();
    let names = if header { header_names(name, first, fields, &mut notes)? } else { numbered(fields) };
    let body = if header {
        first.end + usize::from(head.get(first.end - 1..=first.end) == Some(b"\r\n"))
    } else {
        0
    };
    let dialect = Dialect { delimiter, header, decimal_comma, fields, trailing };
    notes.insert(0, describe(&dialect));
    Ok(Sniffed {
        columns: sample_columns(rows, &dialect),
        dialect,
        names,
        body,
        body_line: line_of(head, body),
        notes,
    })
}

/// The complete records at the beginning.
struct Sample {
    records: Vec<Sampling>,
}

/// One of them.
struct Sampling {
    record: ByteRecord,
    /// Line in which it begins, from 1.
    line: usize,
    /// The byte after it.
    end: usize,
}

impl Sample {
    /// # Errors
    /// When a quote is opened in the first record and never closed.
    fn of(head: &[u8], whole: bool, delimiter: u8, limit: usize) -> Result<Self, ReadError> {
        let mut cutter = Cutter::new(delimiter);
        let complete = cutter.last_end(head);
        let until = match (whole, cutter.is_open(head)) {
            (true, false) => head.len(),
            (true, true) if complete == 0 => {
                return Err(ReadError::UnclosedQuote { line: line_of(head, skip_blank(head, 0)) });
            }
            _ => complete,
        };
        let head = head.get(..until).unwrap_or(head);
        let mut reader = reader(head, delimiter);
        let (mut records, mut record) = (Vec::new(), ByteRecord::new());
        let (mut at, mut line) = (0, 1);
        while records.len() <= limit {
            let begin = skip_blank(head, usize::try_from(reader.position().byte()).unwrap_or(head.len()));
            if !matches!(reader.read_byte_record(&mut record), Ok(true)) {
                break;
            }
            line += line_of(head.get(at..).unwrap_or_default(), begin - at) - 1;
            at = begin;
            let end = usize::try_from(reader.position().byte()).unwrap_or(head.len());
            records.push(Sampling { record: record.clone(), line, end });
        }
        // A row of blanks counts as an empty line where rows have several fields.
        if records.iter().any(|sampling| sampling.record.len() > 1) {
            records.retain(|sampling| sampling.record.len() > 1 || !last_blank(&sampling.record));
        }
        Ok(Self { records })
    }
}

/// The csv crate's reader, set as everywhere here.
pub(super) fn reader(bytes: &[u8], delimiter: u8) -> csv::Reader<&[u8]> {
    csv::ReaderBuilder::new().has_headers(false).flexible(true).delimiter(delimiter).from_reader(bytes)
}

/// The delimiter under which the first rows agree best on their number of fields; among equals the one that
/// leaves no other delimiter inside a field, then the one with more fields.
fn choose_delimiter(head: &[u8], whole: bool) -> u8 {
    let mut best = (0.0, 0.0, 1, b',');
    for delimiter in CANDIDATES {
        let Ok(sample) = Sample::of(head, whole, delimiter, DELIMITER_ROWS) else { continue };
        let mut counts: Vec<usize> = sample.records.iter().map(|sampling| sampling.record.len()).collect();
        counts.sort_unstable();
        let modal = counts
            .chunk_by(|a, b| a == b)
            .max_by_key(|run| run.len())
            .map_or((0, 0), |run| (run.len(), run[0]));
        if modal.1 < 2 {
            continue;
        }
        let agreement = modal.0 as f64 / counts.len() as f64;
        let fields = || sample.records.iter().flat_map(|sampling| sampling.record.iter());
        let clean =
            fields().filter(|field| is_clean(field, delimiter)).count() as f64 / fields().count() as f64;
        if (agreement, clean, modal.1) > (best.0, best.1, best.2) {
            best = (agreement, clean, modal.1, delimiter);
        }
    }
    best.3
}

/// Whether a field holds no other delimiter, or is a number with commas.
fn is_clean(field: &[u8], delimiter: u8) -> bool {
    let other = |byte: &u8| *byte != delimiter && CANDIDATES.contains(byte);
    !field.iter().any(other) || is_comma_number(trim(field))
}

/// Columns set apart by spaces are no format that can be read without guessing.
fn refuse_spaces(name: &str, head: &[u8], sample: &Sample) -> Result<(), ReadError> {
    let spaced = |record: &ByteRecord| {
        let words = || {
            record
                .iter()
                .flat_map(|field| field.split(u8::is_ascii_whitespace))
                .filter(|word| !word.is_empty())
        };
        record.len() == 1 && words().count() > 1 && words().all(|word| number(word, false).is_some())
    };
    let count = sample.records.iter().filter(|sampling| spaced(&sampling.record)).count();
    match sample.records.iter().find(|sampling| spaced(&sampling.record)) {
        Some(first) if 2 * count >= sample.records.len() => {
            debug_assert!(first.end <= head.len());
            let text = excerpt(first.record.get(0).unwrap_or_default());
            Err(ReadError::SpaceSeparated { name: name.to_owned(), line: first.line, text })
        }
        _ => Ok(()),
    }
}

/// Numbers are written with a decimal comma when some have a comma that cannot be a thousands separator and
/// none has a point.
fn has_decimal_comma(sample: &Sample) -> bool {
    let (mut commas, mut points) = (false, false);
    for field in sample.records.iter().flat_map(|sampling| sampling.record.iter()).map(trim) {
        if field.contains(&b',') {
            commas |= is_decimal_comma(field);
            points |= field.contains(&b'.') && is_comma_number(field);
        } else {
            points |= field.contains(&b'.') && is_value(field, false);
        }
    }
    commas && !points
}

/// `1,5` and `-0,25e3`, but not `1,234` and `1,5,6`.
fn is_decimal_comma(field: &[u8]) -> bool {
    let mut parts = field.split(|byte| *byte == b',');
    let (Some(whole), Some(fraction), None) = (parts.next(), parts.next(), parts.next()) else {
        return false;
    };
    let digits = fraction.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let thousands = digits == 3
        && fraction.len() == 3
        && whole.last().is_some_and(u8::is_ascii_digit)
        && !whole.starts_with(b"0")
        && !whole.starts_with(b"-0");
    !thousands && is_value(field, true)
}

/// Digits with commas among them, perhaps a sign, points and an exponent: a number to a person.
fn is_comma_number(field: &[u8]) -> bool {
    let unsigned = field.strip_prefix(b"-").or(field.strip_prefix(b"+")).unwrap_or(field);
    let mantissa = unsigned.split(|byte| matches!(byte, b'e' | b'E')).next().unwrap_or_default();
    field.contains(&b',')
        && mantissa.first().is_some_and(|byte| byte.is_ascii_digit() || *byte == b',')
        && mantissa.last().is_some_and(u8::is_ascii_digit)
        && mantissa.iter().all(|byte| byte.is_ascii_digit() || matches!(byte, b',' | b'.'))
        && unsigned.get(mantissa.len()..).is_some_and(|tail| {
            tail.is_empty() || tail.iter().skip(1).all(|b| b.is_ascii_digit() || matches!(b, b'+' | b'-'))
        })
}

/// Whether the first record names columns: more columns have a word above numbers than a number above
/// numbers, or these numbers are years in a row; and where no column holds numbers, its fields are all there, no
/// numbers and all different.
fn looks_like_header(first: &ByteRecord, rest: &[Sampling], decimal_comma: bool) -> bool {
    let (mut words, mut numbers, mut numeric) = (0, 0, 0);
    for (j, field) in first.iter().enumerate() {
        let field = trim(field);
        let (mut present, mut values) = (0, 0);
        for value in
            rest.iter().filter_map(|row| row.record.get(j)).map(trim).filter(|value| !is_missing(value))
        {
            present += 1;
            values += usize::from(is_value(value, decimal_comma) || is_comma_number(value));
        }
        let is_number = is_value(field, decimal_comma) || is_comma_number(field);
        numeric += usize::from(is_number);
        if present > 0 && 2 * values >= present && !is_missing(field) {
            words += usize::from(!is_number);
            numbers += usize::from(is_number);
        }
    }
    if words + numbers > 0 {
        let years = |record: &ByteRecord| are_years(record.iter().map(trim));
        return words >= numbers || (years(first) && !rest.iter().any(|row| years(&row.record)));
    }
    let mut fields: Vec<&[u8]> = first.iter().map(trim).collect();
    if fields.last().is_some_and(|last| last.is_empty()) {
        fields.pop();
    }
    let all_there = !fields.is_empty() && fields.iter().all(|field| !is_missing(field));
    fields.sort_unstable();
    numeric == 0 && all_there && fields.windows(2).all(|pair| pair[0] != pair[1])
}

/// Whether the numbers among the fields are years, one after the other, at least two: `2019`, `2020`.
fn are_years<'a>(fields: impl Iterator<Item = &'a [u8]>) -> bool {
    let year = |field: &[u8]| -> Option<i32> {
        let digits = field.len() == 4 && field.iter().all(u8::is_ascii_digit);
        let year = std::str::from_utf8(field).ok().filter(|_| digits)?.parse().ok()?;
        (1500..2200).contains(&year).then_some(year)
    };
    let is_number = |field: &&[u8]| field.iter().any(u8::is_ascii_digit);
    let years: Option<Vec<i32>> = fields.filter(is_number).map(year).collect();
    years.is_some_and(|years| years.len() > 1 && years.windows(2).all(|pair| (pair[1] - pair[0]).abs() == 1))
}

/// Whether every row ends in a delimiter, and the header too or not.
fn ends_in_delimiter(first: &ByteRecord, rows: &[Sampling], header: bool) -> bool {
    let blank = last_blank(first);
    let width = if header && !blank { first.len() + 1 } else { first.len() };
    width > 1
        && !rows.is_empty()
        && rows.iter().all(|row| row.record.len() == width && last_blank(&row.record))
        && (header || blank)
}

fn last_blank(record: &ByteRecord) -> bool {
    record.get(record.len().wrapping_sub(1)).is_some_and(|field| trim(field).is_empty())
}

fn numbered(fields: usize) -> Vec<String> {
    (1..=fields).map(|k| format!("x{k}")).collect()
}

/// The names in the header; an empty one becomes `x` and its position.
fn header_names(
    name: &str,
    first: &Sampling,
    fields: usize,
    notes: &mut Vec<String>,
) -> Result<Vec<String>, ReadError> {
    let mut names = Vec::with_capacity(fields);
    for (j, field) in first.record.iter().take(fields).enumerate() {
        let field = trim(field);
        let Ok(text) = std::str::from_utf8(field) else {
            return Err(ReadError::HeaderNotUtf8 { line: first.line, text: excerpt(field) });
        };
        if text.is_empty() {
            notes.push(format!("column {} has no name in the header: it is called x{}", j + 1, j + 1));
            names.push(format!("x{}", j + 1));
        } else {
            names.push(text.to_owned());
        }
    }
    refuse_duplicates(name, &names)?;
    Ok(names)
}

/// # Errors
/// Two columns of one name.
pub(super) fn refuse_duplicates(name: &str, names: &[String]) -> Result<(), ReadError> {
    let mut seen = std::collections::HashMap::new();
    for (j, column) in names.iter().enumerate() {
        if let Some(first) = seen.insert(column, j + 1) {
            let (name, column) = (name.to_owned(), column.clone());
            return Err(ReadError::Duplicate { name, column, first, second: j + 1 });
        }
    }
    Ok(())
}

/// The decision as a sentence.
fn describe(dialect: &Dialect) -> String {
    let &Dialect { delimiter, header, decimal_comma, fields, .. } = dialect;
    let separated = match delimiter {
        b'\t' => "tab-separated".to_owned(),
        b',' => "comma-separated".to_owned(),
        b' ' => "space-separated".to_owned(),
        other => format!("{}-separated", char::from(other)),
    };
    let names = match (header, fields) {
        (true, _) => format!("with a header: {}", counted(fields, "column")),
        (false, 1) => "without a header: the column is called x1".to_owned(),
        (false, _) => format!("without a header: the columns are called x1 … x{fields}"),
    };
    let comma = if decimal_comma { ", with decimal commas" } else { "" };
    format!("read as {separated}{comma}, {names}")
}

/// Counts what each column of the sample holds.
fn sample_columns(rows: &[Sampling], dialect: &Dialect) -> Vec<Sampled> {
    let mut columns = vec![Sampled::default(); dialect.fields];
    for (i, row) in rows.iter().take(SAMPLE_ROWS).enumerate() {
        for (column, field) in columns.iter_mut().zip(row.record.iter()) {
            let field = trim(field);
            if is_missing(field) {
                continue;
            }
            column.present += 1;
            if is_value(field, dialect.decimal_comma) {
                column.numbers += 1;
            } else if is_comma_number(field) {
                column.commas += 1;
                column.first_comma.get_or_insert_with(|| (i + 1, excerpt(field)));
            }
        }
    }
    columns
}

/// Without spaces and tabs around it.
#[inline]
pub(super) fn trim(field: &[u8]) -> &[u8] {
    field.trim_ascii()
}

/// Empty, `NA`, `NaN`, `null` or `?`.
#[inline]
pub(super) fn is_missing(field: &[u8]) -> bool {
    match field {
        [] | [b'?'] => true,
        [_, _] => field.eq_ignore_ascii_case(b"na"),
        [_, _, _] => field.eq_ignore_ascii_case(b"nan"),
        [_, _, _, _] => field.eq_ignore_ascii_case(b"null"),
        _ => false,
    }
}

/// A number that is there.
fn is_value(field: &[u8], decimal_comma: bool) -> bool {
    !is_missing(field) && number(field, decimal_comma).is_some()
}

/// The number that a trimmed field is: NaN when missing, an infinity beyond the range of `f64`.
#[inline]
pub(super) fn number(field: &[u8], decimal_comma: bool) -> Option<f64> {
    if is_missing(field) {
        return Some(f64::NAN);
    }
    if !decimal_comma {
        return fast_float2::parse(field).ok();
    }
    if field.contains(&b'.') {
        return None;
    }
    let Some(comma) = memchr::memchr(b',', field) else {
        return fast_float2::parse(field).ok();
    };
    let mut pointed = field.to_vec();
    pointed[comma] = b'.';
    fast_float2::parse(pointed).ok()
}

/// Whether bytes are text at all; a message where not.
pub(super) fn refuse_binary(name: &str, head: &[u8]) -> Result<(), ReadError> {
    if head.starts_with(&[0xff, 0xfe]) || head.starts_with(&[0xfe, 0xff]) {
        return Err(ReadError::Utf16 { name: name.to_owned() });
    }
    match memchr::memchr(0, head) {
        Some(offset) => Err(ReadError::Binary { name: name.to_owned(), offset }),
        None if head.iter().all(|byte| is_end(*byte) || byte.is_ascii_whitespace()) => {
            Err(ReadError::Empty { name: name.to_owned() })
        }
        None => Ok(()),
    }
}
