//! The scan of a text table: pieces of whole records are read, parsed and spooled at the same time, each
//! batch of pieces on all threads, and taken in in their order. A piece without quotes is parsed in place,
//! number by number; one with quotes goes through the csv crate. Both give the same.

use super::bytes::Stream;
use super::error::{Looks, ReadError, excerpt};
use super::records::{Piece, Records, line_of, skip_blank};
use super::sniff::{Dialect, Sampled, is_missing, number, reader, trim};
use super::{Progress, ReadOptions, Want};
use crate::data::spool::{Builder, Table};
use crate::data::table::{ColumnKind, Levels, Values};
use crate::error::{Error, Result};
use csv::ByteRecord;
use rayon::prelude::*;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::atomic::Ordering;

/// Levels of a text column at most; more is an identifier, a date or free text.
pub(super) const MAX_LEVELS: usize = 1000;

/// A text table whose header is read: the rest of it, and what is known.
pub(super) struct TextTable {
    pub(super) name: String,
    pub(super) stream: Stream,
    pub(super) dialect: Dialect,
    pub(super) names: Vec<String>,
    pub(super) sampled: Vec<Sampled>,
    /// Line in which the first row begins.
    pub(super) line: usize,
}

impl TextTable {
    /// Reads everything, once.
    pub(super) fn scan(
        self,
        wanted: &[Want],
        options: &ReadOptions,
        watch: &dyn Fn(Progress) -> bool,
    ) -> Result<Table> {
        let plan = Plan::new(&self, wanted, options.max_record)?;
        let (counter, total) = (self.stream.counter(), self.stream.total);
        let mut records = Records::new(
            self.stream,
            plan.dialect.delimiter,
            options.chunk_bytes,
            options.max_record,
            self.line,
        );
        let mut intake = Intake::new(&plan, options.memory_budget);
        let batch = 2 * rayon::current_num_threads();
        let (mut read, mut parsed) = (Vec::new(), Vec::new());
        loop {
            let work = || plan.parse_all(&read);
            let ((next, failure), (now_parsed, taken)) = rayon::join(
                || take(&mut records, batch),
                || rayon::join(work, || intake.take_in(std::mem::take(&mut parsed))),
            );
            taken?;
            parsed = now_parsed;
            let progress =
                Progress { bytes: counter.load(Ordering::Relaxed), total, rows: intake.builder.rows() };
            if !watch(progress) {
                return Err(Error::Interrupted);
            }
            read = next;
            if let Some(failure) = failure {
                // What came before the failure is older news, and comes first.
                intake.take_in(std::mem::take(&mut parsed))?;
                intake.take_in(plan.parse_all(&read))?;
                return Err(failure.into());
            }
            if read.is_empty() && parsed.is_empty() {
                break;
            }
        }
        intake.finish(&self.name)
    }
}

/// Up to `count` pieces, and what ended them before their time.
fn take(records: &mut Records, count: usize) -> (Vec<Piece>, Option<ReadError>) {
    let mut pieces = Vec::with_capacity(count);
    while pieces.len() < count {
        match records.next() {
            Ok(Some(piece)) => pieces.push(piece),
            Ok(None) => break,
            Err(error) => return (pieces, Some(error)),
        }
    }
    (pieces, None)
}

/// What to do with each field of a row.
struct Plan {
    dialect: Dialect,
    longest: usize,
    actions: Vec<Action>,
    /// One a wanted column.
    slots: Vec<Slot>,
}

/// For one field.
enum Action {
    Skip,
    Number(usize),
    Text(usize),
    /// Asked for more than once, as a number and as text.
    Several(Vec<usize>),
}

/// A wanted column.
struct Slot {
    name: String,
    kind: ColumnKind,
    /// Numbers asked for as levels.
    forced: bool,
    /// The sample held no value of it.
    unseen: bool,
}

impl Plan {
    fn new(table: &TextTable, wanted: &[Want], longest: usize) -> Result<Self> {
        let mut fields: Vec<Vec<usize>> = vec![Vec::new(); table.dialect.fields];
        let mut slots = Vec::with_capacity(wanted.len());
        for want in wanted {
            let known =
                (fields.get_mut(want.column), table.names.get(want.column), table.sampled.get(want.column));
            let (Some(field), Some(name), Some(sampled)) = known else {
                return Err(Error::Internal(format!(
                    "column {} of {} was asked for",
                    want.column + 1,
                    table.names.len()
                )));
            };
            let is_number = sampled.is_number();
            if let (false, Some((row, text))) = (want.as_text, &sampled.first_comma)
                && 2 * (sampled.numbers + sampled.commas) >= sampled.present
                && (!is_number || !table.dialect.decimal_comma)
            {
                return Err(
                    ReadError::CommaNumber { column: name.clone(), row: *row, text: text.clone() }.into()
                );
            }
            field.push(slots.len());
            let kind = if want.as_text || !is_number { ColumnKind::Text } else { ColumnKind::Number };
            let (forced, unseen) = (want.as_text && is_number, sampled.present == 0);
            slots.push(Slot { name: name.clone(), kind, forced, unseen });
        }
        let action = |of: Vec<usize>| match of.as_slice() {
            [] => Action::Skip,
            [slot] if slots.get(*slot).is_some_and(|slot| slot.kind == ColumnKind::Number) => {
                Action::Number(*slot)
            }
            [slot] => Action::Text(*slot),
            _ => Action::Several(of),
        };
        let actions = fields.into_iter().map(action).collect();
        Ok(Self { dialect: table.dialect.clone(), longest, actions, slots })
    }

    /// A number with a decimal comma that is asked for as text, with a point: as every other file writes it.
    fn pointed(&self, slot: usize, field: &[u8]) -> Option<Vec<u8>> {
        let forced = self.slots.get(slot).is_some_and(|slot| slot.forced);
        let comma = self.dialect.decimal_comma && forced && field.contains(&b',');
        let is_number = comma && number(field, true).is_some();
        is_number.then(|| field.iter().map(|byte| if *byte == b',' { b'.' } else { *byte }).collect())
    }

    fn action(&self, field: usize) -> &Action {
        self.actions.get(field).unwrap_or(&Action::Skip)
    }

    fn parse_all(&self, pieces: &[Piece]) -> Vec<Sheet<'_>> {
        pieces.par_iter().map(|piece| self.parse(piece)).collect()
    }

    /// One piece into columns.
    fn parse(&self, piece: &Piece) -> Sheet<'_> {
        let mut sheet =
            Sheet::new(self, (piece.lines + 1).min(piece.bytes.len() / self.dialect.fields.max(1) + 1));
        if memchr::memchr(b'"', &piece.bytes).is_some() {
            self.parse_quoted(&piece.bytes, &mut sheet);
        } else {
            self.parse_plain(&piece.bytes, &mut sheet);
        }
        sheet.locate(piece);
        sheet
    }

    /// Through the csv crate.
    fn parse_quoted(&self, bytes: &[u8], sheet: &mut Sheet) {
        let mut reader = reader(bytes, self.dialect.delimiter);
        let mut record = ByteRecord::new();
        loop {
            let position = |reader: &csv::Reader<&[u8]>| {
                usize::try_from(reader.position().byte()).unwrap_or(bytes.len())
            };
            let begin = skip_blank(bytes, position(&reader));
            if !matches!(reader.read_byte_record(&mut record), Ok(true)) {
                return;
            }
            let end = position(&reader);
            sheet.begin = begin;
            for (j, field) in record.iter().enumerate() {
                match self.action(j) {
                    Action::Skip => {}
                    Action::Number(slot) => sheet.put_number(*slot, trim(field)),
                    Action::Text(slot) => sheet.put_text(*slot, trim(field)),
                    Action::Several(slots) => sheet.put(slots, trim(field)),
                }
            }
            let last = record.get(record.len().wrapping_sub(1)).unwrap_or_default();
            let length = bytes.get(begin..end).map_or(0, |raw| raw.trim_ascii_end().len());
            if !sheet.end_record(record.len(), last, length) {
                return;
            }
        }
    }

    /// In place: without quotes a field ends at the next delimiter or end of line.
    fn parse_plain(&self, bytes: &[u8], sheet: &mut Sheet) {
        let delimiter = self.dialect.delimiter;
        let mut at = skip_blank(bytes, 0);
        while at < bytes.len() {
            sheet.begin = at;
            let mut fields = 0;
            let last = loop {
                let begin = at;
                at = match self.action(fields) {
                    Action::Skip => field_end(bytes, begin, delimiter),
                    Action::Number(slot) => {
                        if let Some((value, end)) = self.quick_number(bytes, begin) {
                            sheet.push_number(*slot, value);
                            end
                        } else {
                            let end = field_end(bytes, begin, delimiter);
                            sheet.put_number(*slot, trim(bytes.get(begin..end).unwrap_or_default()));
                            end
                        }
                    }
                    Action::Text(slot) => {
                        let end = field_end(bytes, begin, delimiter);
                        sheet.put_text(*slot, trim(bytes.get(begin..end).unwrap_or_default()));
                        end
                    }
                    Action::Several(slots) => {
                        let end = field_end(bytes, begin, delimiter);
                        let field = trim(bytes.get(begin..end).unwrap_or_default());
                        sheet.put(slots, field);
                        end
                    }
                };
                fields += 1;
                if bytes.get(at) == Some(&delimiter) {
                    at += 1;
                } else {
                    break begin;
                }
            };
            let field = bytes.get(last..at).unwrap_or_default();
            let length = bytes.get(sheet.begin..at).map_or(0, |raw| raw.trim_ascii_end().len());
            if !sheet.end_record(fields, field, length) {
                return;
            }
            at = skip_blank(bytes, at);
        }
    }

    /// A number that fills its field, read without looking for the field's end first.
    #[inline]
    fn quick_number(&self, bytes: &[u8], begin: usize) -> Option<(f64, usize)> {
        if self.dialect.decimal_comma {
            return None;
        }
        let rest = bytes.get(begin..)?;
        let blanks = if rest.first() == Some(&b' ') && self.dialect.delimiter != b' ' {
            rest.iter().take_while(|byte| **byte == b' ').count()
        } else {
            0
        };
        let (value, length) = fast_float2::parse_partial::<f64, _>(rest.get(blanks..)?).ok()?;
        let end = begin + blanks + length;
        let full = bytes
            .get(end)
            .is_none_or(|&byte| byte == self.dialect.delimiter || byte == b'\n' || byte == b'\r');
        full.then_some((value, end))
    }
}

/// The byte after a field.
#[inline]
fn field_end(bytes: &[u8], begin: usize, delimiter: u8) -> usize {
    let rest = bytes.get(begin..).unwrap_or_default();
    begin + memchr::memchr3(delimiter, b'\n', b'\r', rest).unwrap_or(rest.len())
}

/// A parsed piece.
struct Sheet<'p> {
    plan: &'p Plan,
    columns: Vec<Parsed>,
    rows: usize,
    /// Where the present record begins in the piece.
    begin: usize,
    /// The present record's first field that is not UTF-8: its slot and its text.
    invalid: Option<(usize, String)>,
    stop: Option<Stop>,
}

/// One column of it.
enum Parsed {
    Number { values: Vec<f64>, bad: Bad },
    Text { codes: Vec<u32>, levels: LocalLevels },
}

/// What is no number in a column of numbers.
#[derive(Clone, Default)]
struct Bad {
    count: usize,
    first: Option<BadValue>,
}

/// The first: row from 0, byte of its record in the piece until that becomes the line, and text.
#[derive(Clone)]
struct BadValue {
    row: usize,
    line: usize,
    text: String,
}

/// Why nothing after this record is read.
struct Stop {
    row: usize,
    line: usize,
    why: Why,
}

enum Why {
    Ragged(usize),
    NotUtf8(usize, String),
    Long,
    /// One column alone has more levels than allowed; the intake finds where.
    Levels,
}

impl<'p> Sheet<'p> {
    fn new(plan: &'p Plan, rows: usize) -> Self {
        let columns = plan.slots.iter().map(|slot| match slot.kind {
            ColumnKind::Number => Parsed::Number { values: Vec::with_capacity(rows), bad: Bad::default() },
            ColumnKind::Text => {
                Parsed::Text { codes: Vec::with_capacity(rows), levels: LocalLevels::default() }
            }
        });
        Self { plan, columns: columns.collect(), rows: 0, begin: 0, invalid: None, stop: None }
    }

    #[inline]
    fn push_number(&mut self, slot: usize, value: f64) {
        if let Some(Parsed::Number { values, .. }) = self.columns.get_mut(slot) {
            values.push(value);
        }
    }

    fn put(&mut self, slots: &[usize], field: &[u8]) {
        for &slot in slots {
            match self.columns.get(slot) {
                Some(Parsed::Number { .. }) => self.put_number(slot, field),
                _ => self.put_text(slot, field),
            }
        }
    }

    #[inline]
    fn put_number(&mut self, slot: usize, field: &[u8]) {
        let (row, begin) = (self.rows, self.begin);
        if let Some(Parsed::Number { values, bad }) = self.columns.get_mut(slot) {
            values.push(number(field, self.plan.dialect.decimal_comma).unwrap_or_else(|| {
                bad.count += 1;
                bad.first.get_or_insert_with(|| BadValue { row, line: begin, text: excerpt(field) });
                f64::NAN
            }));
        }
    }

    fn put_text(&mut self, slot: usize, field: &[u8]) {
        let pointed = self.plan.pointed(slot, field);
        let field = pointed.as_deref().unwrap_or(field);
        if let Some(Parsed::Text { codes, levels }) = self.columns.get_mut(slot) {
            codes.push(if is_missing(field) {
                Levels::MISSING
            } else if let Some(code) = levels.code(field, self.rows) {
                code
            } else {
                self.invalid.get_or_insert_with(|| (slot, excerpt(field)));
                Levels::MISSING
            });
        }
    }

    /// Counts the record as a row, or forgets it when it is blank. False when nothing more is to be read.
    #[inline]
    fn end_record(&mut self, fields: usize, last: &[u8], length: usize) -> bool {
        let Dialect { fields: expected, trailing, .. } = self.plan.dialect;
        let fits = fields == expected || (trailing && fields == expected + 1 && trim(last).is_empty());
        if length > self.plan.longest {
            return self.stop_with(Why::Long);
        }
        if !fits {
            if fields == 1 && trim(last).is_empty() {
                self.forget_record();
                return true;
            }
            return self.stop_with(Why::Ragged(fields));
        }
        if let Some((slot, text)) = self.invalid.take() {
            return self.stop_with(Why::NotUtf8(slot, text));
        }
        self.rows += 1;
        if self
            .columns
            .iter()
            .any(|column| matches!(column, Parsed::Text { levels, .. } if levels.names.len() > MAX_LEVELS))
        {
            return self.stop_with(Why::Levels);
        }
        true
    }

    fn stop_with(&mut self, why: Why) -> bool {
        self.stop = Some(Stop { row: self.rows, line: self.begin, why });
        false
    }

    /// Takes back the values of a record that turned out to be blank.
    fn forget_record(&mut self) {
        for column in &mut self.columns {
            match column {
                Parsed::Number { values, .. } => values.truncate(self.rows),
                Parsed::Text { codes, .. } => codes.truncate(self.rows),
            }
        }
    }

    /// Turns bytes of the piece into lines of the file.
    fn locate(&mut self, piece: &Piece) {
        let line = |begin: usize| piece.line + line_of(&piece.bytes, begin) - 1;
        if let Some(stop) = &mut self.stop {
            stop.line = line(stop.line);
        }
        for column in &mut self.columns {
            if let Parsed::Number { bad: Bad { first: Some(first), .. }, .. } = column {
                first.line = line(first.line);
            }
        }
    }
}

/// The different texts of one column in one piece, each with its code there and its first row.
#[derive(Default)]
struct LocalLevels {
    names: Vec<(String, usize)>,
    codes: HashMap<Vec<u8>, u32, BuildHasherDefault<Fnv>>,
}

impl LocalLevels {
    /// The code of a text; none when it is not UTF-8.
    #[inline]
    fn code(&mut self, text: &[u8], row: usize) -> Option<u32> {
        if let Some(&code) = self.codes.get(text) {
            return Some(code);
        }
        let name = std::str::from_utf8(text).ok()?;
        let code = u32::try_from(self.names.len()).ok()?;
        self.names.push((name.to_owned(), row));
        self.codes.insert(text.to_vec(), code);
        Some(code)
    }
}

/// Fowler, Noll and Vo's hash (FNV-1a): quick on short texts, and a column has few of them.
struct Fnv(u64);

impl Default for Fnv {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Hasher for Fnv {
    #[inline]
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    #[inline]
    fn write_usize(&mut self, length: usize) {
        self.0 = (self.0 ^ length as u64).wrapping_mul(0x0100_0000_01b3);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// Takes in parsed pieces in their order.
struct Intake<'p> {
    plan: &'p Plan,
    builder: Builder,
    levels: Vec<Levels>,
    bad: Vec<Bad>,
}

impl<'p> Intake<'p> {
    fn new(plan: &'p Plan, budget: usize) -> Self {
        let heads = plan.slots.iter().map(|slot| (slot.name.clone(), slot.kind)).collect();
        let (levels, bad) =
            (vec![Levels::default(); plan.slots.len()], vec![Bad::default(); plan.slots.len()]);
        Self { plan, builder: Builder::new(heads, budget), levels, bad }
    }

    fn take_in(&mut self, sheets: Vec<Sheet>) -> Result<()> {
        sheets.into_iter().try_for_each(|sheet| self.take_in_one(sheet))
    }

    fn take_in_one(&mut self, sheet: Sheet) -> Result<()> {
        let first = self.builder.rows();
        let overflow = self.merge_levels(&sheet);
        let before_stop = |row: usize| match &sheet.stop {
            Some(Stop { why: Why::Levels, .. }) | None => true,
            Some(stop) => row < stop.row,
        };
        if let Some((row, slot)) = overflow.filter(|(row, _)| before_stop(*row)) {
            return Err(self.too_many_levels(&sheet, slot, row).into());
        }
        if let Some(stop) = sheet.stop {
            return Err(self.stopped(stop, first).into());
        }
        let mut values = Vec::with_capacity(sheet.columns.len());
        for ((column, own), levels) in sheet.columns.into_iter().zip(&mut self.bad).zip(&mut self.levels) {
            values.push(match column {
                Parsed::Number { values, bad } => {
                    own.count += bad.count;
                    own.first =
                        own.first.take().or(bad.first.map(|bad| BadValue { row: first + bad.row, ..bad }));
                    Values::Number(values)
                }
                Parsed::Text { mut codes, levels: local } => {
                    let global: Vec<u32> = local.names.iter().map(|(name, _)| levels.intern(name)).collect();
                    for code in &mut codes {
                        *code = usize::try_from(*code)
                            .ok()
                            .and_then(|code| global.get(code))
                            .copied()
                            .unwrap_or(Levels::MISSING);
                    }
                    Values::Text(codes)
                }
            });
        }
        self.builder.push(sheet.rows, &values)
    }

    /// The first row of the piece, and its column, with a level too many.
    fn merge_levels(&self, sheet: &Sheet) -> Option<(usize, usize)> {
        let columns = sheet.columns.iter().zip(&self.levels).enumerate();
        let overflow = columns.filter_map(|(slot, (column, levels))| {
            let Parsed::Text { levels: local, .. } = column else { return None };
            let room = MAX_LEVELS.saturating_sub(levels.names().len());
            let mut new = local.names.iter().filter(|(name, _)| levels.code(name).is_none());
            new.nth(room).map(|(_, row)| (*row, slot))
        });
        overflow.min()
    }

    fn too_many_levels(&self, sheet: &Sheet, slot: usize, row: usize) -> ReadError {
        let (mut names, mut missing) = (Vec::new(), self.builder.missing(slot));
        if let (Some(Parsed::Text { codes, levels }), Some(known)) =
            (sheet.columns.get(slot), self.levels.get(slot))
        {
            missing += codes.iter().take(row + 1).filter(|code| **code == Levels::MISSING).count();
            names.extend(known.names().iter().map(String::as_str));
            names.extend(
                levels.names.iter().filter(|(_, first)| *first <= row).map(|(name, _)| name.as_str()),
            );
        }
        let values = self.builder.rows() + row + 1 - missing;
        let (column, forced) =
            self.plan.slots.get(slot).map_or(("", false), |slot| (&slot.name, slot.forced));
        let example = names.last().map(|name| excerpt(name.as_bytes())).unwrap_or_default();
        too_many_levels(column, &names, values, self.builder.rows() + row, example, forced)
    }

    fn stopped(&self, stop: Stop, first: usize) -> ReadError {
        let Dialect { fields: expected, header, delimiter, .. } = self.plan.dialect;
        let (row, line) = (first + stop.row + 1, stop.line);
        match stop.why {
            Why::Ragged(found) => {
                ReadError::Ragged { row, line, found, expected, header, delimiter: char::from(delimiter) }
            }
            Why::NotUtf8(slot, text) => {
                let column = self.plan.slots.get(slot).map(|slot| slot.name.clone()).unwrap_or_default();
                ReadError::NotUtf8 { column, row, line, text }
            }
            Why::Long | Why::Levels => ReadError::LongRecord { line, limit: self.plan.longest },
        }
    }

    /// The table, when all that was read is what its column holds.
    fn finish(self, name: &str) -> Result<Table> {
        if self.builder.rows() == 0 {
            return Err(ReadError::NoRows {
                name: name.to_owned(),
                columns: self.plan.dialect.fields,
                text: true,
            }
            .into());
        }
        let faults = self
            .bad
            .into_iter()
            .zip(&self.plan.slots)
            .filter_map(|(bad, slot)| Some((bad.first?, bad.count, slot)));
        let mut faults: Vec<(BadValue, usize, &Slot)> = faults.collect();
        faults.sort_by_key(|(first, ..)| first.row);
        let mut faults = faults.into_iter();
        if let Some((BadValue { row, line, text }, count, slot)) = faults.next() {
            let others = faults.map(|(_, _, slot)| slot.name.clone()).collect();
            let (column, unseen, comma) = (slot.name.clone(), slot.unseen, self.plan.dialect.decimal_comma);
            return Err(ReadError::NotNumber {
                column,
                row: row + 1,
                line,
                text,
                count,
                unseen,
                others,
                comma,
            }
            .into());
        }
        Ok(self.builder.table(self.levels))
    }
}

/// The refusal of a column with `names`, the first that are too many, among its first `values` values; the
/// last of them is in `row`, from 0.
pub(super) fn too_many_levels(
    column: &str,
    names: &[&str],
    values: usize,
    row: usize,
    example: String,
    forced: bool,
) -> ReadError {
    let looks = looks(names, values, forced);
    ReadError::TooManyLevels {
        column: column.to_owned(),
        limit: MAX_LEVELS,
        values,
        row: row + 1,
        example,
        looks,
    }
}

/// What a column is whose first `values` values are `names` and repetitions of them; `forced` numbers were
/// asked for as texts.
pub(in crate::data) fn looks(names: &[&str], values: usize, forced: bool) -> Looks {
    if are_dates(names) {
        Looks::Dates
    } else if forced {
        Looks::Numbers
    } else if are_mostly(names, |name| number(name.as_bytes(), false).is_some()) {
        Looks::NumbersAsText
    } else if 10 * names.len() >= 9 * values {
        Looks::Identifier
    } else {
        Looks::Text
    }
}

/// Whether these texts are dates.
pub(in crate::data) fn are_dates(names: &[&str]) -> bool {
    are_mostly(names, is_date)
}

/// Nine of ten texts are.
fn are_mostly(names: &[&str], what: fn(&str) -> bool) -> bool {
    10 * names.iter().filter(|name| what(name)).count() >= 9 * names.len()
}

/// `2024-01-31`, `31.1.2024 10:30` and the like: three groups of digits with the same separator, one of them
/// a year or all of at most two digits.
fn is_date(text: &str) -> bool {
    let day = text.split([' ', 'T']).next().unwrap_or_default();
    ['-', '/', '.'].iter().any(|separator| {
        let groups: Vec<&str> = day.split(*separator).collect();
        groups.len() == 3
            && groups.iter().all(|group| !group.is_empty() && group.bytes().all(|byte| byte.is_ascii_digit()))
            && groups.iter().filter(|group| group.len() == 4).count() <= 1
            && groups.iter().all(|group| matches!(group.len(), 1 | 2 | 4))
    })
}
