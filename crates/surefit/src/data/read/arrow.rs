//! Parquet and Arrow IPC, through arrow-rs: batches are read and converted at the same time. Only wanted
//! columns are decoded, and only those have to be of a type that a model can use.

use super::bytes::{Input, Origin};
use super::csv::{MAX_LEVELS, too_many_levels};
use super::error::{ReadError, counted, excerpt, thousands};
use super::sniff::{is_missing, trim};
use super::{Format, Progress, ReadOptions, Want};
use crate::data::spool::{Builder, Table};
use crate::data::table::{ColumnKind, Levels, Values};
use crate::error::{Error, Result};
use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, Float64Type, Int64Type, UInt64Type};
use arrow_array::{Array, RecordBatch};
use arrow_cast::cast;
use arrow_ipc::reader::{FileReader, StreamReader};
use arrow_schema::{ArrowError, DataType, SchemaRef};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use rayon::prelude::*;
use std::fs::File;
use std::io::{BufReader, Seek as _};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Rows in a batch of Parquet.
const BATCH_ROWS: usize = 1 << 16;
/// Whole numbers beyond this are not all `f64`: 2⁵³.
const EXACT: u64 = 1 << 53;

/// A Parquet or Arrow table whose schema is read.
pub(super) struct ArrowTable {
    name: String,
    schema: SchemaRef,
    total: Option<u64>,
    format: &'static str,
    body: Body,
}

enum Body {
    Parquet(Box<ParquetRecordBatchReaderBuilder<File>>),
    File(File),
    Stream(Box<StreamReader<BufReader<Origin>>>),
}

/// Batches of the wanted columns.
struct Batches {
    iterator: Box<dyn Iterator<Item = Result<RecordBatch, ArrowError>> + Send>,
    /// Where each wanted column is in a batch.
    positions: Vec<usize>,
    /// Rows or batches in all, where known, and whether they are rows.
    whole: Option<(usize, bool)>,
}

impl ArrowTable {
    pub(super) fn open(input: Input, format: Format) -> Result<Self, ReadError> {
        let Input { name, source, total, magic } = input;
        let format = match (format, magic.starts_with(b"ARROW1")) {
            (Format::Parquet, _) => "a Parquet file",
            (_, true) => "an Arrow file",
            (_, false) => "an Arrow stream",
        };
        let damaged = |reason: String| ReadError::Damaged { name: name.clone(), format, reason };
        let io = |source| ReadError::Io { name: name.clone(), source };
        let (schema, body) = match format {
            "a Parquet file" => {
                let file = into_file(source).map_err(io)?;
                let builder = guard(|| ParquetRecordBatchReaderBuilder::try_new(file)).map_err(damaged)?;
                (builder.schema().clone(), Body::Parquet(Box::new(builder)))
            }
            "an Arrow file" => {
                let file = into_file(source).map_err(io)?;
                let mut again = file.try_clone().map_err(io)?;
                let reader = guard(|| FileReader::try_new(BufReader::new(file), None)).map_err(damaged)?;
                again.rewind().map_err(io)?;
                (reader.schema(), Body::File(again))
            }
            _ => {
                let reader =
                    guard(|| StreamReader::try_new(BufReader::new(source), None)).map_err(damaged)?;
                (reader.schema(), Body::Stream(Box::new(reader)))
            }
        };
        Ok(Self { name, schema, total, format, body })
    }

    pub(super) fn names(&self) -> Vec<String> {
        self.schema.fields().iter().map(|field| field.name().clone()).collect()
    }

    pub(super) fn describe(&self) -> String {
        format!("read as {}: {}", self.format, counted(self.schema.fields().len(), "column"))
    }

    /// Reads everything, once.
    pub(super) fn scan(
        self,
        wanted: &[Want],
        options: &ReadOptions,
        watch: &dyn Fn(Progress) -> bool,
    ) -> Result<Table> {
        let mut slots =
            wanted.iter().map(|want| Slot::new(&self.schema, *want)).collect::<Result<Vec<_>>>()?;
        let heads = slots.iter().map(|slot| (slot.name.clone(), slot.kind)).collect();
        let mut builder = Builder::new(heads, options.memory_budget);
        let Self { name, total, format, schema, body } = self;
        let damaged = |reason: String| ReadError::Damaged { name: name.clone(), format, reason };
        let mut batches = body.batches(wanted).map_err(damaged)?;
        let (mut current, mut seen) = (None, 0);
        loop {
            let (next, taken) = rayon::join(
                || guard(|| batches.iterator.next().transpose()),
                || {
                    current
                        .take()
                        .map_or(Ok(()), |batch| take_in(&batch, &batches.positions, &mut slots, &mut builder))
                },
            );
            taken?;
            current = next.map_err(damaged)?;
            seen += usize::from(current.is_some());
            let bytes = match (total, batches.whole) {
                (Some(total), Some((whole, rows))) if whole > 0 => {
                    let done = if rows { builder.rows() } else { seen.saturating_sub(1) };
                    share(total, done, whole)
                }
                _ => 0,
            };
            if !watch(Progress { bytes, total, rows: builder.rows() }) {
                return Err(Error::Interrupted);
            }
            if current.is_none() {
                break;
            }
        }
        if builder.rows() == 0 {
            return Err(ReadError::NoRows { name, columns: schema.fields().len(), text: false }.into());
        }
        let notes = slots.iter().filter_map(Slot::note).collect();
        let levels = slots.into_iter().map(|slot| slot.levels).collect();
        Ok(builder.table(levels).with_notes(notes))
    }
}

/// `total · done / whole`.
fn share(total: u64, done: usize, whole: usize) -> u64 {
    let share = u128::from(total) * done as u128 / whole.max(1) as u128;
    u64::try_from(share).unwrap_or(total).min(total)
}

/// A file that can be read from any place: pipes and memory go to a temporary one.
fn into_file(source: Origin) -> std::io::Result<File> {
    match source {
        Origin::File(file) => Ok(file),
        mut other => {
            let mut file = tempfile::tempfile()?;
            std::io::copy(&mut other, &mut file)?;
            file.rewind()?;
            Ok(file)
        }
    }
}

/// Damaged files can make a decoder panic; that is their damage, and not the end of this program.
fn guard<T, E: std::fmt::Display>(decode: impl FnOnce() -> Result<T, E>) -> Result<T, String> {
    match catch_unwind(AssertUnwindSafe(decode)) {
        Ok(result) => result.map_err(|error| excerpt_line(&error.to_string())),
        Err(_) => Err("its parts contradict each other".to_owned()),
    }
}

/// The first line of a decoder's message.
fn excerpt_line(message: &str) -> String {
    // What decoders say of a file that was cut short, or has another's name.
    const NO_END: [&str; 4] = ["footer", "magic", "Corrupt file", "EOF"];
    if NO_END.iter().any(|word| message.contains(word)) {
        return "its end, which says where the columns are, is missing or damaged".to_owned();
    }
    let message = ["Parser error: ", "Parquet error: ", "External error: ", "External: ", "Arrow: "]
        .iter()
        .fold(message, |text, prefix| text.strip_prefix(prefix).unwrap_or(text));
    message.lines().next().unwrap_or_default().trim_end_matches('.').to_owned()
}

impl Body {
    /// Batches of the wanted columns alone.
    fn batches(self, wanted: &[Want]) -> Result<Batches, String> {
        let mut columns: Vec<usize> = wanted.iter().map(|want| want.column).collect();
        let original = columns.clone();
        columns.sort_unstable();
        columns.dedup();
        let positions = original.iter().filter_map(|column| columns.binary_search(column).ok()).collect();
        match self {
            Self::Parquet(builder) => {
                let rows = usize::try_from(builder.metadata().file_metadata().num_rows()).unwrap_or(0);
                let mask = ProjectionMask::roots(builder.parquet_schema(), columns);
                let reader = guard(|| builder.with_projection(mask).with_batch_size(BATCH_ROWS).build())?;
                Ok(Batches { iterator: Box::new(reader), positions, whole: Some((rows, true)) })
            }
            Self::File(file) => {
                let reader = guard(|| FileReader::try_new(BufReader::new(file), Some(columns)))?;
                let whole = Some((reader.num_batches(), false));
                Ok(Batches { iterator: Box::new(reader), positions, whole })
            }
            Self::Stream(reader) => Ok(Batches { iterator: reader, positions: original, whole: None }),
        }
    }
}

/// A wanted column.
struct Slot {
    name: String,
    kind: ColumnKind,
    /// Numbers asked for as levels.
    forced: bool,
    levels: Levels,
    /// Whole numbers that `f64` cannot hold.
    rounded: usize,
}

/// A level too many: its row in the batch, values up to it, and the column.
struct Overflow {
    row: usize,
    present: usize,
    example: String,
}

impl Slot {
    fn new(schema: &SchemaRef, want: Want) -> Result<Self> {
        let Some(field) = schema.fields().get(want.column) else {
            let columns = schema.fields().len();
            return Err(Error::Internal(format!("column {} of {columns} was asked for", want.column + 1)));
        };
        let (name, mut data_type) = (field.name().clone(), field.data_type());
        while let DataType::Dictionary(_, value) = data_type {
            data_type = value;
        }
        let time = data_type.is_temporal();
        let kind = match data_type {
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => ColumnKind::Text,
            number if is_number(number) => {
                if want.as_text {
                    ColumnKind::Text
                } else {
                    ColumnKind::Number
                }
            }
            _ if time && want.as_text => ColumnKind::Text,
            other => {
                return Err(ReadError::ColumnType { column: name, kind: type_name(other), time }.into());
            }
        };
        let forced = want.as_text && is_number(data_type);
        Ok(Self { name, kind, forced, levels: Levels::default(), rounded: 0 })
    }

    /// What was lost, if anything.
    fn note(&self) -> Option<String> {
        (self.rounded > 0).then(|| {
            let found = match self.rounded {
                1 => "1 whole number beyond 2^53 is".to_owned(),
                count => format!("{} whole numbers beyond 2^53 are", thousands(count as u64)),
            };
            format!("column `{}`: {found} rounded to 53 binary digits", self.name)
        })
    }

    /// The values of one batch, and a level too many if there is one.
    fn convert(&mut self, array: &dyn Array) -> Result<(Values, Option<Overflow>), ArrowError> {
        match self.kind {
            ColumnKind::Number => {
                self.rounded += beyond_exact(array);
                Ok((Values::Number(numbers(array)?), None))
            }
            ColumnKind::Text => self.codes(array),
        }
    }

    fn codes(&mut self, array: &dyn Array) -> Result<(Values, Option<Overflow>), ArrowError> {
        let texts = texts(array)?;
        let (mut codes, mut missing) = (Vec::with_capacity(texts.len()), 0);
        let mut last: Option<(&str, u32)> = None;
        for (row, text) in texts.iter().enumerate() {
            let text = text.as_deref().map_or("", str::trim);
            if is_missing(trim(text.as_bytes())) {
                missing += 1;
                codes.push(Levels::MISSING);
                continue;
            }
            let code = match last {
                Some((known, code)) if known == text => code,
                _ => self.levels.intern(text),
            };
            last = Some((text, code));
            codes.push(code);
            if self.levels.names().len() > MAX_LEVELS {
                let example = excerpt(text.as_bytes());
                let overflow = Overflow { row, present: row + 1 - missing, example };
                return Ok((Values::Text(codes), Some(overflow)));
            }
        }
        Ok((Values::Text(codes), None))
    }
}

/// Converts one batch, its columns in parallel, and appends it.
fn take_in(
    batch: &RecordBatch,
    positions: &[usize],
    slots: &mut [Slot],
    builder: &mut Builder,
) -> Result<()> {
    let convert = |(slot, position): (&mut Slot, &usize)| match batch.columns().get(*position) {
        Some(array) => guard(|| slot.convert(array.as_ref())).map_err(|reason| (slot.name.clone(), reason)),
        None => Err((slot.name.clone(), "a batch lacks the column".to_owned())),
    };
    let converted: Vec<_> = slots.par_iter_mut().zip(positions).map(convert).collect();
    let (mut columns, mut overflows) = (Vec::with_capacity(converted.len()), Vec::new());
    for (j, result) in converted.into_iter().enumerate() {
        let (values, overflow) = result.map_err(|(column, reason)| ReadError::Damaged {
            name: format!("column `{column}`"),
            format: "of the type it states",
            reason,
        })?;
        columns.push(values);
        overflows.extend(overflow.map(|overflow| (overflow.row, j, overflow)));
    }
    if let Some((row, j, overflow)) = overflows.into_iter().min_by_key(|(row, j, _)| (*row, *j))
        && let Some(slot) = slots.get(j)
    {
        let names: Vec<&str> = slot.levels.names().iter().map(String::as_str).collect();
        let values = builder.rows() - builder.missing(j) + overflow.present;
        let row = builder.rows() + row;
        return Err(too_many_levels(&slot.name, &names, values, row, overflow.example, slot.forced).into());
    }
    builder.push(batch.num_rows(), &columns)
}

fn is_number(data_type: &DataType) -> bool {
    data_type.is_numeric() || matches!(data_type, DataType::Boolean | DataType::Null)
}

/// A type as a person would say it.
fn type_name(data_type: &DataType) -> String {
    let name = match data_type {
        DataType::Date32 | DataType::Date64 => "date",
        DataType::Timestamp(..) => "date and time",
        DataType::Time32(_) | DataType::Time64(_) => "time of day",
        DataType::Duration(_) | DataType::Interval(_) => "duration",
        DataType::List(_)
        | DataType::LargeList(_)
        | DataType::FixedSizeList(..)
        | DataType::ListView(_)
        | DataType::LargeListView(_) => "list",
        DataType::Struct(_) => "nested",
        DataType::Map(..) => "map",
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => {
            "binary"
        }
        other => return other.to_string(),
    };
    name.to_owned()
}

/// Null becomes NaN; a decimal goes through its digits, which are read exactly.
fn numbers(array: &dyn Array) -> Result<Vec<f64>, ArrowError> {
    let mut data_type = array.data_type();
    while let DataType::Dictionary(_, value) = data_type {
        data_type = value;
    }
    if data_type.is_decimal() {
        let texts = cast(array, &DataType::Utf8)?;
        let parse =
            |text: Option<&str>| text.and_then(|text| fast_float2::parse(text).ok()).unwrap_or(f64::NAN);
        return Ok(texts.as_string::<i32>().iter().map(parse).collect());
    }
    let floats = cast(array, &DataType::Float64)?;
    let floats = floats.as_primitive::<Float64Type>();
    if floats.null_count() == 0 {
        return Ok(floats.values().to_vec());
    }
    Ok(floats.iter().map(|value| value.unwrap_or(f64::NAN)).collect())
}

/// Whole numbers of 64 bits that `f64` rounds, about: those beyond 2⁵³.
fn beyond_exact(array: &dyn Array) -> usize {
    match array.data_type() {
        DataType::Int64 => array
            .as_primitive::<Int64Type>()
            .iter()
            .flatten()
            .filter(|value| value.unsigned_abs() > EXACT)
            .count(),
        DataType::UInt64 => {
            array.as_primitive::<UInt64Type>().iter().flatten().filter(|value| *value > EXACT).count()
        }
        _ => 0,
    }
}

/// Texts of one batch; numbers by their shortest decimal.
fn texts(array: &dyn Array) -> Result<Vec<Option<String>>, ArrowError> {
    let texts = match array.data_type() {
        DataType::Float64 => array
            .as_primitive::<Float64Type>()
            .iter()
            .map(|value| value.map(|value| value.to_string()))
            .collect(),
        DataType::Float16 | DataType::Float32 => {
            let floats = cast(array, &DataType::Float32)?;
            floats
                .as_primitive::<Float32Type>()
                .iter()
                .map(|value| value.map(|value| value.to_string()))
                .collect()
        }
        _ => {
            let texts = cast(array, &DataType::LargeUtf8)?;
            texts.as_string::<i64>().iter().map(|text| text.map(str::to_owned)).collect()
        }
    };
    Ok(texts)
}
