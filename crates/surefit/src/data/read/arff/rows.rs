//! The rows of an ARFF file.

use super::super::error::{ReadError, excerpt};
use super::super::lines::{Piece, is_blank, skip_blanks};
use super::super::sparse_rows::SparseRows;
use super::Storage;
use super::fault::ArffFault;
use super::header::{Attribute, ends, token, unescaped};
use super::roles::Role;
use crate::data::check::{DataError, Place, check_weights};
use crate::data::label_sets::LabelSets;
use crate::error::{Error, Result};
use faer::Mat;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// What a row may hold.
pub(super) struct Format<'a> {
    attributes: &'a [Attribute],
    roles: &'a [Role],
    /// Of each attribute: whether 0 and 1 are its values; none where it is numeric.
    values: Vec<Option<[bool; 2]>>,
    /// The first one that is 1 where a sparse row leaves it out.
    one_is_default: Option<usize>,
    /// d.
    pub(super) features: usize,
    /// c.
    pub(super) labels: usize,
    weighted: bool,
    longest: usize,
}

/// The parsed rows of a piece.
pub(super) struct Sheet {
    /// Where each row ends among the entries.
    ends: Vec<usize>,
    columns: Vec<i32>,
    values: Vec<f64>,
    sets: LabelSets,
    /// Of rows, where an attribute holds them.
    weights: Vec<f64>,
    /// Whether the first row is sparse.
    sparse: Option<bool>,
    /// Of attributes with missing values: in how many rows, and the first.
    missing: BTreeMap<usize, (usize, usize)>,
    /// The first line that is not what it should be, after which nothing is read.
    fault: Option<(usize, ArffFault)>,
}

impl<'a> Format<'a> {
    pub(super) fn new(
        name: &str,
        attributes: &'a [Attribute],
        roles: &'a [Role],
        longest: usize,
    ) -> Result<Self, ReadError> {
        let mut values = Vec::with_capacity(attributes.len());
        for (attribute, role) in attributes.iter().zip(roles) {
            let refused = |fault| ReadError::Arff { name: name.to_owned(), line: attribute.line, fault };
            values.push(allowed(attribute, *role).map_err(refused)?);
        }
        let begins_with_one = |(attribute, role): (&Attribute, &Role)| {
            *role != Role::Other && attribute.values.iter().flatten().next().is_some_and(|value| value == "1")
        };
        let count = |of: fn(&Role) -> bool| roles.iter().filter(|role| of(role)).count();
        Ok(Self {
            attributes,
            roles,
            values,
            one_is_default: attributes.iter().zip(roles).position(begins_with_one),
            features: count(|role| matches!(role, Role::Feature(_))),
            labels: count(|role| matches!(role, Role::Label(_))),
            weighted: roles.contains(&Role::Weight),
            longest,
        })
    }

    pub(super) fn parse(&self, piece: &Piece) -> Sheet {
        let mut sheet = Sheet {
            ends: Vec::with_capacity(piece.ends + 1),
            columns: Vec::new(),
            values: Vec::new(),
            sets: LabelSets::new(0, self.labels),
            weights: Vec::new(),
            sparse: None,
            missing: BTreeMap::new(),
            fault: None,
        };
        let (mut rest, mut line) = (piece.bytes.as_slice(), piece.line);
        while !rest.is_empty() {
            let end = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
            if let Err(fault) = self.line(rest.get(..end).unwrap_or_default(), &mut sheet) {
                sheet.fault = Some((line, fault));
                break;
            }
            rest = rest.get(end + 1..).unwrap_or_default();
            line += 1;
        }
        sheet
    }

    fn line(&self, line: &[u8], sheet: &mut Sheet) -> Result<(), ArffFault> {
        if line.len() > self.longest {
            return Err(ArffFault::Long { limit: self.longest });
        }
        let text = skip_blanks(line);
        if ends(text) {
            return Ok(());
        }
        let entries = text.strip_prefix(b"{");
        sheet.sparse.get_or_insert(entries.is_some());
        sheet.sets.push([]);
        if self.weighted {
            // What a sparse row leaves out is 0.
            sheet.weights.push(0.0);
        }
        let begin = sheet.values.len();
        match entries {
            Some(entries) => self.sparse(entries, sheet)?,
            // A row with too many or too few values is shifted, and its first odd value is no news.
            None => self.dense(text, sheet).map_err(|fault| self.miscounted(text).unwrap_or(fault))?,
        }
        in_order(sheet, begin);
        sheet.ends.push(sheet.values.len());
        Ok(())
    }

    fn dense(&self, text: &[u8], sheet: &mut Sheet) -> Result<(), ArffFault> {
        let (mut rest, declared) = (text, self.roles.len());
        for at in 0..declared {
            let (value, after) = field(rest, b",")?;
            self.take(at, &value, sheet)?;
            let after = skip_blanks(after);
            let next = after.strip_prefix(b",").filter(|_| at + 1 < declared);
            rest = next.map_or(after, skip_blanks);
        }
        if ends(rest) { Ok(()) } else { Err(ArffFault::Values { found: declared + 1, declared }) }
    }

    /// A row that has another number of values than there are attributes.
    #[cold]
    fn miscounted(&self, text: &[u8]) -> Option<ArffFault> {
        let (mut found, mut rest) = (1, text);
        loop {
            let (_, after) = field(rest, b",").ok()?;
            rest = skip_blanks(after);
            if ends(rest) {
                break;
            }
            rest = skip_blanks(rest.strip_prefix(b",").unwrap_or(rest));
            found += 1;
        }
        let declared = self.roles.len();
        (found != declared).then_some(ArffFault::Values { found, declared })
    }

    /// The entries after an opening brace.
    fn sparse(&self, text: &[u8], sheet: &mut Sheet) -> Result<(), ArffFault> {
        if let Some(at) = self.one_is_default {
            return Err(ArffFault::OneIsDefault { attribute: self.attribute(at) });
        }
        let (mut rest, mut least) = (skip_blanks(text), 0);
        loop {
            if let Some(after) = rest.strip_prefix(b"}") {
                let after = skip_blanks(after);
                let text = || excerpt(after.trim_ascii_end());
                return if ends(after) { Ok(()) } else { Err(ArffFault::AfterBrace { text: text() }) };
            }
            if rest.is_empty() {
                return Err(ArffFault::OpenBrace);
            }
            let (at, after) = self.index(rest, least)?;
            let (value, after) = field(skip_blanks(after), b",}")?;
            self.take(at, &value, sheet)?;
            least = at + 1;
            let after = skip_blanks(after);
            rest = match after.strip_prefix(b",") {
                Some(next) => skip_blanks(next),
                None if after.starts_with(b"}") || after.is_empty() => after,
                None => return Err(ArffFault::NotEntry { text: excerpt(after.trim_ascii_end()) }),
            };
        }
    }

    /// The attribute that an entry is for, at `least` the smallest that may follow.
    fn index<'t>(&self, text: &'t [u8], least: usize) -> Result<(usize, &'t [u8]), ArffFault> {
        let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (written, after) = text.split_at(digits);
        if digits == 0 || !after.first().is_some_and(|&byte| is_blank(byte)) {
            let end = text.iter().position(|byte| matches!(byte, b',' | b'}')).unwrap_or(text.len());
            return Err(ArffFault::NotEntry { text: excerpt(text.get(..end).unwrap_or_default()) });
        }
        let index = str::from_utf8(written).ok().and_then(|text| text.parse::<usize>().ok());
        match index.filter(|index| *index < self.roles.len()) {
            None => Err(ArffFault::Beyond { index: excerpt(written), declared: self.roles.len() }),
            Some(at) if at < least => Err(ArffFault::Order { index: at as u64, before: least as u64 - 1 }),
            Some(at) => Ok((at, after)),
        }
    }

    /// A value of the row that is being read.
    fn take(&self, at: usize, value: &Value<'_>, sheet: &mut Sheet) -> Result<(), ArffFault> {
        let row = sheet.ends.len();
        if self.roles.get(at) == Some(&Role::Other) {
            return Ok(());
        }
        if value.is_missing() {
            sheet.missing.entry(at).or_insert((0, row)).0 += 1;
            return Ok(());
        }
        let (Some(role), Some(allowed)) = (self.roles.get(at), self.values.get(at)) else { return Ok(()) };
        let not_label = || ArffFault::NotLabel { label: self.attribute(at), text: excerpt(&value.text) };
        let number = match (self.number(at, value), role) {
            (Err(_), Role::Label(_)) if !value.text.is_empty() => return Err(not_label()),
            (number, _) => number?,
        };
        let (zero, one) = (number == 0.0, number.to_bits() == 1f64.to_bits());
        match role {
            Role::Label(k) if one => sheet.sets.insert(row, *k),
            Role::Label(_) if zero => {}
            Role::Label(_) => return Err(not_label()),
            Role::Weight => {
                if let Some(weight) = sheet.weights.last_mut() {
                    *weight = number;
                }
            }
            Role::Other => {}
            Role::Feature(_)
                if allowed.is_some_and(|[has_zero, has_one]| !(zero && has_zero || one && has_one)) =>
            {
                let values = self.attributes.get(at).map(declared).unwrap_or_default();
                let (attribute, text) = (self.attribute(at), excerpt(&value.text));
                return Err(ArffFault::NotDeclared { attribute, text, values });
            }
            Role::Feature(column) => {
                if !zero {
                    sheet.columns.push(*column);
                    sheet.values.push(number);
                }
            }
        }
        Ok(())
    }

    fn number(&self, at: usize, value: &Value<'_>) -> Result<f64, ArffFault> {
        match fast_float2::parse::<f64, _>(value.text.as_ref()) {
            Ok(number) if number.is_finite() => Ok(number),
            parsed => Err(self.no_number(at, value, parsed.ok())),
        }
    }

    #[cold]
    fn no_number(&self, at: usize, value: &Value<'_>, parsed: Option<f64>) -> ArffFault {
        let (attribute, text) = (self.attribute(at), excerpt(&value.text));
        match parsed {
            _ if value.text.is_empty() => ArffFault::NoValue { attribute },
            Some(_) if value.text.iter().any(u8::is_ascii_digit) => ArffFault::Large { attribute, text },
            Some(_) => ArffFault::NotFinite { attribute, text },
            None => ArffFault::NotNumber { attribute, text },
        }
    }

    fn attribute(&self, at: usize) -> String {
        self.attributes.get(at).map(|attribute| attribute.name.clone()).unwrap_or_default()
    }
}

/// The features of the row that begins at entry `begin`, in ascending order of their columns: a model's need not be
/// that of the file.
fn in_order(sheet: &mut Sheet, begin: usize) {
    let (Some(columns), Some(values)) = (sheet.columns.get_mut(begin..), sheet.values.get_mut(begin..))
    else {
        return;
    };
    if columns.is_sorted() {
        return;
    }
    let mut pairs: Vec<(i32, f64)> = columns.iter().copied().zip(values.iter().copied()).collect();
    pairs.sort_unstable_by_key(|(column, _)| *column);
    for (at, (column, value)) in pairs.into_iter().enumerate() {
        (columns[at], values[at]) = (column, value);
    }
}

/// Whether 0 and 1 are values of a nominal attribute; any other value is refused.
fn allowed(attribute: &Attribute, role: Role) -> Result<Option<[bool; 2]>, ArffFault> {
    let Some(values) = attribute.values.as_ref().filter(|_| role != Role::Other) else { return Ok(None) };
    let mut allowed = [false; 2];
    for value in values {
        let Some(place) = digit(value).and_then(|digit| allowed.get_mut(digit)) else {
            let (name, values) = (attribute.name.clone(), declared(attribute));
            let minus = attribute.values.iter().flatten().any(|value| value == "-1");
            return Err(match role {
                Role::Label(_) => ArffFault::NominalLabel { label: name, values, minus },
                _ => ArffFault::Nominal { attribute: name, values },
            });
        };
        *place = true;
    }
    Ok(Some(allowed))
}

fn digit(value: &str) -> Option<usize> {
    match value {
        "0" => Some(0),
        "1" => Some(1),
        _ => None,
    }
}

/// `{0,1}`, short enough for a message.
fn declared(attribute: &Attribute) -> String {
    format!("{{{}}}", excerpt(attribute.values.as_deref().unwrap_or_default().join(",").as_bytes()))
}

/// A value as it is written, without quotes.
struct Value<'t> {
    text: Cow<'t, [u8]>,
    quoted: bool,
}

impl Value<'_> {
    fn is_missing(&self) -> bool {
        !self.quoted && *self.text == *b"?"
    }
}

/// The value that `text` begins with, up to a blank or one of `stops`, and the rest.
fn field<'t>(text: &'t [u8], stops: &[u8]) -> Result<(Value<'t>, &'t [u8]), ArffFault> {
    let quoted = text.first().is_some_and(|byte| matches!(byte, b'\'' | b'"'));
    let (bytes, rest) = token(text, stops)?;
    let has_escape = quoted && bytes.contains(&b'\\');
    let text = if has_escape { Cow::Owned(unescaped(bytes)) } else { Cow::Borrowed(bytes) };
    Ok((Value { text, quoted }, rest))
}

// ── together ────────────────────────────────────────────────────────────────────────────────────────────

/// Takes in sheets in the order of the file.
pub(super) struct Intake<'a> {
    name: &'a str,
    format: &'a Format<'a>,
    rows: usize,
    /// Where the first row is dense: the rows of each sheet, all their values.
    dense: Vec<Vec<f64>>,
    sparse: Option<SparseRows>,
    sets: LabelSets,
    weights: Vec<f64>,
    /// Of attributes with missing values: in how many rows, and the first.
    missing: BTreeMap<usize, (usize, usize)>,
}

impl<'a> Intake<'a> {
    pub(super) fn new(name: &'a str, format: &'a Format<'a>) -> Self {
        let sets = LabelSets::new(0, format.labels);
        Self {
            name,
            format,
            rows: 0,
            dense: Vec::new(),
            sparse: None,
            sets,
            weights: Vec::new(),
            missing: BTreeMap::new(),
        }
    }

    /// Rows so far.
    pub(super) fn take_in(&mut self, sheet: Sheet) -> Result<usize> {
        if let Some((line, fault)) = sheet.fault {
            return Err(ReadError::Arff { name: self.name.to_owned(), line, fault }.into());
        }
        for (at, (count, first)) in &sheet.missing {
            self.missing.entry(*at).or_insert((0, self.rows + first)).0 += count;
        }
        if self.rows == 0 && sheet.sparse == Some(true) {
            self.sparse = Some(SparseRows::default());
        }
        match &mut self.sparse {
            Some(rows) => rows.extend(&sheet.ends, &sheet.columns, &sheet.values)?,
            None => self.dense.push(spread(&sheet, self.format.features)?),
        }
        self.rows += sheet.ends.len();
        self.sets.extend(sheet.sets.view());
        self.weights.extend_from_slice(&sheet.weights);
        Ok(self.rows)
    }

    /// Features, labels and, where there are any, weights.
    pub(super) fn finish(self) -> Result<(Storage, LabelSets, Option<Vec<f64>>)> {
        let (name, columns) = (self.name.to_owned(), self.format.features);
        if self.rows == 0 {
            let columns = self.format.roles.len();
            return Err(ReadError::NoRows { name, columns, text: false }.into());
        }
        let place = |(at, (count, first)): (usize, (usize, usize))| Place {
            column: self.format.attribute(at),
            count,
            row: first + 1,
        };
        let mut missing = self.missing.into_iter().map(place);
        if let Some(place) = missing.next() {
            return Err(DataError::MissingHere { place, others: missing.collect() }.into());
        }
        let weights = self.format.weighted.then_some(self.weights);
        if let Some(weights) = &weights {
            let at = self.format.roles.iter().position(|role| *role == Role::Weight).unwrap_or(0);
            check_weights(&self.format.attribute(at), weights)?;
        }
        if let Some(rows) = self.sparse {
            return Ok((Storage::Sparse(rows.finish(columns)), self.sets, weights));
        }
        let (mut across, mut first) = (Mat::zeros(columns, self.rows), 0);
        // One sheet after the other, each given back before the next.
        for sheet in self.dense {
            for row in sheet.chunks_exact(columns) {
                across.col_as_slice_mut(first).copy_from_slice(row);
                first += 1;
            }
        }
        Ok((Storage::Dense(across), self.sets, weights))
    }
}

/// The rows of a sheet with their zeros.
fn spread(sheet: &Sheet, columns: usize) -> Result<Vec<f64>> {
    let mut all = vec![0.0; sheet.ends.len() * columns];
    let mut begin = 0;
    for (row, end) in all.chunks_exact_mut(columns).zip(&sheet.ends) {
        let entries = sheet.columns.iter().zip(&sheet.values).take(*end).skip(begin);
        for (column, value) in entries {
            let place = usize::try_from(*column).ok().and_then(|column| row.get_mut(column));
            *place.ok_or_else(|| Error::Internal("a value beyond the last feature".to_owned()))? = *value;
        }
        begin = *end;
    }
    Ok(all)
}
