//! Where a scanned table lives: typed columns in segments of rows, the first ones in memory up to a budget,
//! the others in an unlinked temporary file, both as narrow as the values allow. Any number of passes over it run
//! at memory speed, and memory does not grow with the number of rows, whatever the table was read from.

mod pack;

use self::pack::Form;
use super::read::ReadError;
use super::table::{Chunk, Column, ColumnKind, Levels, Values};
use crate::error::{Error, Result};
use rayon::prelude::*;
use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::sync::{Mutex, PoisonError};

/// Bytes of the values in one segment, about: large enough that a pass is not made of system calls.
const SEGMENT_BYTES: usize = 8 << 20;
/// Rows that a segment has at least, however wide the table is.
const SEGMENT_ROWS_MIN: usize = 256;
/// Values from which on their columns are treated on several threads.
const PARALLEL_VALUES: usize = 1 << 14;

/// A scanned table: what each column holds, and its values as often as they are needed.
#[derive(Debug)]
pub struct Table {
    columns: Vec<Column>,
    rows: usize,
    fingerprint: String,
    notes: Vec<String>,
    segments: Vec<Segment>,
    file: Option<Mutex<File>>,
}

/// Consecutive rows, all columns.
#[derive(Debug)]
struct Segment {
    rows: usize,
    /// How each column lies in the bytes, one column after the other.
    forms: Vec<Form>,
    bytes: Bytes,
}

/// The bytes of a segment.
#[derive(Debug)]
enum Bytes {
    Memory(Vec<u8>),
    /// From this byte of the file on.
    File(u64),
}

impl Table {
    /// The columns in the order in which they were asked for.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// Rows, n.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// A digest of names, kinds, number of rows and values (128 bits, hexadecimal): the same on every
    /// machine and for every chunk size and thread count; not made to withstand forgery.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// What the scan found worth saying, in sentences.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Takes up what a reader has to say.
    #[cfg(feature = "arrow")]
    pub(crate) fn with_notes(mut self, notes: Vec<String>) -> Self {
        self.notes = notes;
        self
    }

    /// The values from the first row on, in chunks of about 8 MiB. An item is an error when the temporary
    /// file can no longer be read; nothing follows it.
    pub fn chunks(&self) -> Box<dyn Iterator<Item = Result<Chunk>> + '_> {
        let (mut first, mut failed) = (0, false);
        Box::new(self.segments.iter().map_while(move |segment| {
            if failed {
                return None;
            }
            let columns = self.load(segment);
            failed = columns.is_err();
            let chunk = columns.map(|columns| Chunk { first, columns });
            first += segment.rows;
            Some(chunk)
        }))
    }

    /// A table in memory, for callers that have one. The columns are as long as the shortest of them; text
    /// codes are those of the levels beside them.
    pub fn from_columns(columns: Vec<(String, Values, Levels)>) -> Self {
        let rows = columns.iter().map(|(_, values, _)| length(values)).min().unwrap_or(0);
        let heads = columns.iter().map(|(name, values, _)| (name.clone(), kind(values))).collect();
        let mut building = Builder::new(heads, usize::MAX);
        let (values, levels): (Vec<_>, Vec<_>) =
            columns.into_iter().map(|(_, values, levels)| (values, levels)).unzip();
        let pushed = building.push(rows, &values);
        debug_assert!(pushed.is_ok(), "nothing is written to a file within an unlimited budget");
        building.table(levels)
    }

    /// The values of one segment.
    fn load(&self, segment: &Segment) -> Result<Vec<Values>> {
        let Segment { rows, forms, bytes } = segment;
        let mut read = Vec::new();
        let mut rest = match bytes {
            Bytes::Memory(bytes) => bytes.as_slice(),
            Bytes::File(offset) => {
                read.resize(rows * forms.iter().map(|form| form.bytes()).sum::<usize>(), 0);
                self.read(*offset, &mut read).map_err(|source| spool_error("read", &source))?;
                read.as_slice()
            }
        };
        let mut packed = Vec::with_capacity(forms.len());
        for form in forms {
            let (own, others) = rest.split_at(rows * form.bytes());
            rest = others;
            packed.push((*form, own));
        }
        let unpack = |(form, bytes)| pack::unpack(form, *rows, bytes);
        Ok(if rows * forms.len() < PARALLEL_VALUES {
            packed.into_iter().map(unpack).collect()
        } else {
            packed.into_par_iter().map(unpack).collect()
        })
    }

    fn read(&self, offset: u64, bytes: &mut [u8]) -> io::Result<()> {
        let Some(file) = &self.file else { return Ok(()) };
        let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
        file.seek(SeekFrom::Start(offset))?;
        file.read_exact(bytes)
    }
}

/// Takes in values in order and becomes a [`Table`].
pub(crate) struct Builder {
    columns: Vec<Building>,
    rows: usize,
    /// Rows in the segment being filled, and in a full one.
    filled: usize,
    segment_rows: usize,
    /// Bytes that segments may still take in memory.
    budget: usize,
    segments: Vec<Segment>,
    spill: Option<Spill>,
}

/// One column on its way.
struct Building {
    name: String,
    values: Values,
    missing: usize,
    first_missing: Option<usize>,
    infinite: usize,
    first_infinite: Option<usize>,
    sum: Sum,
    digest: Digest,
    /// The values as they will lie in the segment.
    packed: Vec<u8>,
}

/// The temporary file.
struct Spill {
    file: File,
    written: u64,
}

impl Builder {
    /// For columns of these names and kinds; segments beyond `budget` bytes go to a temporary file.
    pub(crate) fn new(columns: Vec<(String, ColumnKind)>, budget: usize) -> Self {
        let row_bytes: usize = columns.iter().map(|(_, kind)| width(*kind)).sum();
        let columns = columns.into_iter().map(|(name, kind)| Building::new(name, kind)).collect();
        let segment_rows = (SEGMENT_BYTES / row_bytes.max(1)).max(SEGMENT_ROWS_MIN);
        Self { columns, rows: 0, filled: 0, segment_rows, budget, segments: Vec::new(), spill: None }
    }

    /// Rows taken in so far.
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// Missing values of column `j` so far.
    pub(crate) fn missing(&self, j: usize) -> usize {
        self.columns.get(j).map_or(0, |column| column.missing)
    }

    /// Appends `rows` rows: one entry a column, in the order of the columns, each of that length or longer.
    ///
    /// # Errors
    /// When the temporary file cannot be written, or a column is of another kind than announced.
    pub(crate) fn push(&mut self, rows: usize, values: &[Values]) -> Result<()> {
        let mismatch = |(column, values): (&Building, &Values)| {
            kind(&column.values) != kind(values) || length(values) < rows
        };
        if values.len() != self.columns.len() || self.columns.iter().zip(values).any(mismatch) {
            return Err(Error::Internal(
                "a reader delivered columns of another shape than announced".to_owned(),
            ));
        }
        let mut from = 0;
        while from < rows {
            let to = rows.min(from + self.segment_rows - self.filled);
            let (first, segment_rows) = (self.rows, self.segment_rows);
            let take = |(column, values): (&mut Building, &Values)| {
                column.extend(first, values, from, to, segment_rows);
            };
            if (to - from) * values.len() < PARALLEL_VALUES {
                self.columns.iter_mut().zip(values).for_each(take);
            } else {
                self.columns.par_iter_mut().zip(values).for_each(take);
            }
            self.rows += to - from;
            self.filled += to - from;
            from = to;
            if self.filled == self.segment_rows {
                self.close_segment()?;
            }
        }
        Ok(())
    }

    /// Puts the filled rows where they stay.
    fn close_segment(&mut self) -> Result<()> {
        let forms = self.pack();
        let rows = std::mem::take(&mut self.filled);
        let size = self.columns.iter().map(|column| column.packed.len()).sum::<usize>();
        let bytes = if self.spill.is_none() && size <= self.budget {
            self.budget -= size;
            Bytes::Memory(self.together(size))
        } else {
            Bytes::File(self.spill(size)?)
        };
        self.segments.push(Segment { rows, forms, bytes });
        Ok(())
    }

    /// Packs the filled rows; their buffers are empty afterwards, and as large as before.
    fn pack(&mut self) -> Vec<Form> {
        if self.filled * self.columns.len() < PARALLEL_VALUES {
            self.columns.iter_mut().map(Building::pack).collect()
        } else {
            self.columns.par_iter_mut().map(Building::pack).collect()
        }
    }

    /// The packed columns, one after the other.
    fn together(&self, size: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(size);
        self.columns.iter().for_each(|column| bytes.extend_from_slice(&column.packed));
        bytes
    }

    /// Writes the packed columns to the temporary file; returns where they begin.
    fn spill(&mut self, size: usize) -> Result<u64, ReadError> {
        let spill = match &mut self.spill {
            Some(spill) => spill,
            none => none
                .insert(Spill::new(tempfile::tempfile().map_err(|source| spool_error("create", &source))?)),
        };
        let offset = spill.written;
        for column in &self.columns {
            spill.write(&column.packed).map_err(|source| spill_error(&source, offset + size as u64))?;
        }
        Ok(offset)
    }

    /// The table, with the levels of each column. The last segment, at most 8 MiB or 256 rows, stays in
    /// memory.
    pub(crate) fn table(mut self, levels: Vec<Levels>) -> Table {
        if self.filled > 0 && !self.columns.is_empty() {
            let (rows, forms) = (self.filled, self.pack());
            let size = self.columns.iter().map(|column| column.packed.len()).sum();
            let bytes = Bytes::Memory(self.together(size));
            self.segments.push(Segment { rows, forms, bytes });
        }
        let mut digest = Digest::new();
        digest.word(self.rows as u64);
        let mut columns = Vec::with_capacity(self.columns.len());
        for (column, levels) in self.columns.into_iter().zip(levels) {
            let kind = kind(&column.values);
            digest.bytes(column.name.as_bytes());
            digest.word(u64::from(kind == ColumnKind::Text));
            digest.other(&column.digest);
            digest.word(levels.names().len() as u64);
            levels.names().iter().for_each(|level| digest.bytes(level.as_bytes()));
            let mean = column.sum.mean(self.rows - column.missing);
            columns.push(Column {
                name: column.name,
                kind,
                levels,
                missing: column.missing,
                first_missing: column.first_missing,
                infinite: column.infinite,
                first_infinite: column.first_infinite,
                mean,
            });
        }
        Table {
            columns,
            rows: self.rows,
            fingerprint: digest.hex(),
            notes: Vec::new(),
            segments: self.segments,
            file: self.spill.map(|spill| Mutex::new(spill.file)),
        }
    }
}

impl Building {
    fn new(name: String, kind: ColumnKind) -> Self {
        let values = match kind {
            ColumnKind::Number => Values::Number(Vec::new()),
            ColumnKind::Text => Values::Text(Vec::new()),
        };
        Self {
            name,
            values,
            missing: 0,
            first_missing: None,
            infinite: 0,
            first_infinite: None,
            sum: Sum::default(),
            digest: Digest::new(),
            packed: Vec::new(),
        }
    }

    /// Packs the values and forgets them.
    fn pack(&mut self) -> Form {
        self.packed.clear();
        let form = pack::pack(&self.values, &mut self.packed);
        match &mut self.values {
            Values::Number(values) => values.clear(),
            Values::Text(codes) => codes.clear(),
        }
        form
    }

    /// Takes in `values[from..to]`, whose first is row `first`; a segment will have `segment_rows` rows.
    fn extend(&mut self, first: usize, values: &Values, from: usize, to: usize, segment_rows: usize) {
        match (&mut self.values, values) {
            (Values::Number(own), Values::Number(values)) => {
                let values = values.get(from..to).unwrap_or_default();
                grow(own, values.len(), segment_rows);
                own.extend_from_slice(values);
                let (mut sum, mut digest) = (self.sum, self.digest);
                for (i, &value) in values.iter().enumerate() {
                    if value.is_finite() {
                        sum.add(value);
                        digest.word(value.to_bits());
                    } else if value.is_nan() {
                        self.missing += 1;
                        self.first_missing.get_or_insert(first + i);
                        digest.word(f64::NAN.to_bits());
                    } else {
                        self.infinite += 1;
                        self.first_infinite.get_or_insert(first + i);
                        sum.add(value);
                        digest.word(value.to_bits());
                    }
                }
                (self.sum, self.digest) = (sum, digest);
            }
            (Values::Text(own), Values::Text(codes)) => {
                let codes = codes.get(from..to).unwrap_or_default();
                grow(own, codes.len(), segment_rows);
                own.extend_from_slice(codes);
                let mut digest = self.digest;
                for (i, &code) in codes.iter().enumerate() {
                    if code == Levels::MISSING {
                        self.missing += 1;
                        self.first_missing.get_or_insert(first + i);
                    }
                    digest.word(u64::from(code));
                }
                self.digest = digest;
            }
            _ => {}
        }
    }
}

/// Makes room for `more` values without the waste of doubling near the end of a segment.
fn grow<T>(values: &mut Vec<T>, more: usize, segment_rows: usize) {
    let needed = values.len() + more;
    if needed > values.capacity() && 8 * needed > segment_rows {
        values.reserve_exact(segment_rows.saturating_sub(values.len()));
    }
}

impl Spill {
    fn new(file: File) -> Self {
        Self { file, written: 0 }
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)?;
        self.written += bytes.len() as u64;
        Ok(())
    }
}

/// The folder is named, as nobody chose it by name.
fn spool_error(action: &'static str, source: &io::Error) -> ReadError {
    // A library's error names the file too; the system's reason is enough beside the folder.
    let source = source.raw_os_error().map_or(source.kind().into(), io::Error::from_raw_os_error);
    ReadError::Spool { action, folder: std::env::temp_dir().display().to_string(), source }
}

/// A full disk is a matter of its own: it has a way out.
fn spill_error(source: &io::Error, bytes: u64) -> ReadError {
    match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
            ReadError::SpoolFull { folder: std::env::temp_dir().display().to_string(), bytes }
        }
        _ => spool_error("write", source),
    }
}

/// A sum with its rounding errors carried along (Neumaier 1974), taken in row order so that it does not
/// depend on how the rows arrive. A second, scaled sum stands in where the first overflows.
#[derive(Clone, Copy, Default)]
pub(super) struct Sum {
    plain: f64,
    carry: f64,
    scaled: f64,
}

impl Sum {
    /// 2⁻⁶⁴: no table has so many rows that the scaled sum of finite values overflows.
    const SCALE: f64 = 1.0 / 18_446_744_073_709_551_616.0;

    #[inline]
    pub(super) fn add(&mut self, value: f64) {
        let sum = self.plain + value;
        let (large, small) =
            if self.plain.abs() >= value.abs() { (self.plain, value) } else { (value, self.plain) };
        self.carry += (large - sum) + small;
        self.plain = sum;
        self.scaled += value * Self::SCALE;
    }

    fn mean(&self, count: usize) -> f64 {
        self.over(count as f64)
    }

    /// The sum divided by `total`.
    pub(super) fn over(&self, total: f64) -> f64 {
        let sum = self.plain + self.carry;
        if sum.is_finite() { sum / total } else { self.scaled / total / Self::SCALE }
    }

    /// The sum, if it is finite.
    pub(super) fn value(&self) -> f64 {
        self.plain + self.carry
    }

    /// Multiplies what was added by a power of two.
    pub(super) fn rescale(&mut self, factor: f64) {
        self.plain *= factor;
        self.carry *= factor;
        self.scaled *= factor;
    }
}

/// Two independent 64-bit states, each multiplied by an odd constant into 128 bits and folded back, word by
/// word: fast, and the same on every machine.
#[derive(Clone, Copy, Debug)]
struct Digest {
    a: u64,
    b: u64,
}

impl Digest {
    fn new() -> Self {
        // The first digits of π and of e.
        Self { a: 0x243f_6a88_85a3_08d3, b: 0xb7e1_5162_8aed_2a6a }
    }

    #[inline]
    fn word(&mut self, word: u64) {
        self.a = fold(self.a ^ word, 0x9e37_79b9_7f4a_7c15);
        self.b = fold(self.b.rotate_left(29) ^ word, 0xd6e8_feb8_6659_fd93);
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.word(bytes.len() as u64);
        for part in bytes.chunks(8) {
            let mut word = [0; 8];
            word.iter_mut().zip(part).for_each(|(to, from)| *to = *from);
            self.word(u64::from_le_bytes(word));
        }
    }

    fn other(&mut self, other: &Self) {
        self.word(other.a);
        self.word(other.b);
    }

    fn hex(&self) -> String {
        format!("{:016x}{:016x}", self.a, self.b)
    }
}

/// The product's two halves, one on the other. A state of 0 would stay 0 on zeros, so it is moved on.
#[inline]
fn fold(x: u64, key: u64) -> u64 {
    let product = u128::from(x) * u128::from(key);
    #[expect(clippy::cast_possible_truncation, reason = "the two halves of 128 bits")]
    let folded = (product as u64) ^ ((product >> 64) as u64);
    folded.wrapping_add(key)
}

fn kind(values: &Values) -> ColumnKind {
    match values {
        Values::Number(_) => ColumnKind::Number,
        Values::Text(_) => ColumnKind::Text,
    }
}

fn length(values: &Values) -> usize {
    match values {
        Values::Number(values) => values.len(),
        Values::Text(codes) => codes.len(),
    }
}

/// Bytes of one value.
fn width(kind: ColumnKind) -> usize {
    match kind {
        ColumnKind::Number => size_of::<f64>(),
        ColumnKind::Text => size_of::<u32>(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    fn columns(table: &Table) -> Vec<Vec<u64>> {
        let mut whole = vec![Vec::new(); table.columns().len()];
        let mut next = 0;
        for chunk in table.chunks() {
            let chunk = chunk.unwrap();
            assert_eq!(chunk.first, next);
            next += chunk.rows();
            for (whole, values) in whole.iter_mut().zip(&chunk.columns) {
                match values {
                    Values::Number(values) => whole.extend(values.iter().map(|value| value.to_bits())),
                    Values::Text(codes) => whole.extend(codes.iter().map(|&code| u64::from(code))),
                }
            }
        }
        assert_eq!(next, table.rows());
        whole
    }

    fn build(budget: usize, piece: usize) -> Table {
        let heads = vec![("a".to_owned(), ColumnKind::Number), ("b".to_owned(), ColumnKind::Text)];
        let mut building = Builder::new(heads, budget);
        let rows = 2_000_000;
        for from in (0..rows).step_by(piece) {
            let to = rows.min(from + piece);
            let numbers = (from..to).map(|i| if i % 7 == 3 { f64::NAN } else { i as f64 / 3.0 }).collect();
            let codes =
                (from..to).map(|i| if i % 5 == 2 { Levels::MISSING } else { u32::try_from(i % 3).unwrap() });
            building.push(to - from, &[Values::Number(numbers), Values::Text(codes.collect())]).unwrap();
        }
        let mut levels = Levels::default();
        for name in ["p", "q", "r"] {
            levels.intern(name);
        }
        building.table(vec![Levels::default(), levels])
    }

    #[test]
    fn a_table_is_the_same_in_memory_and_in_a_file_and_for_any_size_of_the_pieces() {
        let memory = build(usize::MAX, 1_000_000);
        let file = build(0, 12_345);
        let both = build(10 << 20, 700_001);
        assert!(memory.file.is_none() && file.file.is_some() && both.file.is_some());
        assert!(matches!(both.segments.first(), Some(Segment { bytes: Bytes::Memory(_), .. })));
        for other in [&file, &both] {
            assert_eq!(memory.fingerprint(), other.fingerprint());
            assert_eq!(columns(&memory), columns(other));
            assert_eq!(memory.columns()[0].mean.to_bits(), other.columns()[0].mean.to_bits());
            assert_eq!(memory.columns()[0].missing, other.columns()[0].missing);
        }
        assert_eq!(memory.columns()[0].first_missing, Some(3));
        assert_eq!(memory.columns()[1].first_missing, Some(2));
    }

    #[test]
    fn a_second_pass_gives_the_same_values_while_a_first_is_under_way() {
        let table = build(0, 500_000);
        let mut first = table.chunks();
        first.next().unwrap().unwrap();
        let whole = columns(&table);
        let second = first.next().unwrap().unwrap();
        let Values::Number(values) = &second.columns[0] else { panic!("a number column") };
        assert_eq!(values[0].to_bits(), whole[0][second.first]);
    }

    #[test]
    fn the_fingerprint_changes_with_a_name_a_value_a_level_and_the_order_of_rows() {
        let table = |name: &str, values: &[f64], level: &str| {
            let mut levels = Levels::default();
            let code = levels.intern(level);
            let text = (name.to_owned(), Values::Text(vec![code; values.len()]), levels);
            let number = ("n".to_owned(), Values::Number(values.to_vec()), Levels::default());
            Table::from_columns(vec![number, text]).fingerprint().to_owned()
        };
        let base = table("t", &[0.0, 0.0, 1.0], "u");
        assert_eq!(base, table("t", &[0.0, 0.0, 1.0], "u"));
        for other in [
            table("s", &[0.0, 0.0, 1.0], "u"),
            table("t", &[0.0, 1.0, 0.0], "u"),
            table("t", &[0.0, 0.0, 0.0, 1.0], "u"),
            table("t", &[0.0, 0.0, 1.0], "v"),
            table("t", &[0.0, 0.0, f64::NAN], "u"),
        ] {
            assert_ne!(base, other);
        }
    }

    #[test]
    fn the_mean_of_present_values_survives_cancellation_and_the_largest_numbers() {
        let mean = |values: Vec<f64>| {
            Table::from_columns(vec![("a".to_owned(), Values::Number(values), Levels::default())]).columns()
                [0]
            .mean
        };
        assert_eq!(mean(vec![1e100, 1.0, f64::NAN, -1e100, 2.0]).to_bits(), 0.75f64.to_bits());
        assert_eq!(mean(vec![1.5e308, 1.5e308, 1.5e308, 1.5e308]).to_bits(), 1.5e308f64.to_bits());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_says_how_much_was_to_be_written_and_where() {
        let mut spill = Spill::new(File::options().write(true).open("/dev/full").unwrap());
        let error = spill_error(&spill.write(&[0; 100]).unwrap_err(), 100);
        assert!(matches!(error, ReadError::SpoolFull { bytes: 100, .. }), "{error}");
    }
}
