//! Classes: the labels of rows as texts, and the list of different ones in the order that scores, tables and
//! models keep.
//!
//! The order is that of the texts, or of the numbers when every label is one: 1, 2, 10. Labels that are
//! numbers are compared as exact decimals, so `1`, `+1` and `1.0` are one class, and two whole numbers beyond
//! 2⁵³ are never taken for each other.

use super::check::{DataError, Place, grouped};
use super::formula::nearest;
use super::label_sets::LabelSets;
use super::read::{Looks, looks};
use super::spool::Table;
use super::table::{Levels, Values};
use crate::diagnosis::Code;
use crate::error::{Error, Result};
use serde_json::{Map, Value, json};
use std::cmp::Ordering;
use std::collections::HashMap;

/// Classes at most: each is a column of coefficients, and more than these are an identifier or a quantity.
pub const MAX_CLASSES: usize = 1000;

/// So many different numbers, in less than twice as many rows, measure something: no class would have two rows on
/// average.
const MANY: usize = 10;

/// The label of every row, as text.
#[derive(Clone, Debug)]
pub struct Labels {
    /// What holds them, as a sentence begins: "column `species`".
    what: String,
    codes: Vec<u32>,
    levels: Levels,
    /// Where they were numbers, nobody asked for them as texts.
    unasked: bool,
}

impl Labels {
    /// `codes` of `levels`, or [`Levels::MISSING`], one a row; `what` is their place in the words of a message.
    pub(super) fn new(what: String, codes: Vec<u32>, levels: Levels) -> Self {
        Self { what, codes, levels, unasked: true }
    }

    /// Column `j` of a scanned table. The label of a number is its shortest decimal.
    ///
    /// # Errors
    /// A number that is infinite, more than [`MAX_CLASSES`] different numbers, or a temporary file that can no
    /// longer be read.
    pub fn of_column(table: &Table, j: usize) -> Result<Self> {
        let Some(column) = table.columns().get(j) else {
            return Err(Error::Internal(format!("labels of column {} of {}", j + 1, table.columns().len())));
        };
        if let Some(row) = column.first_infinite {
            let place = Place { column: column.name.clone(), count: column.infinite, row: row + 1 };
            return Err(DataError::Infinite { place, others: Vec::new() }.into());
        }
        let what = format!("column `{}`", column.name);
        let mut codes = Vec::with_capacity(table.rows());
        let mut numbers = Numbers::default();
        for chunk in table.chunks() {
            match chunk?.columns.get(j) {
                Some(Values::Text(of_rows)) => codes.extend_from_slice(of_rows),
                Some(Values::Number(values)) => {
                    for &value in values {
                        codes.push(numbers.code(value));
                        if numbers.levels.names().len() > MAX_CLASSES {
                            return Err(too_many(&what, numbers.levels.names(), codes.len(), true));
                        }
                    }
                }
                None => return Err(Error::Internal(format!("a chunk without column {}", j + 1))),
            }
        }
        // A column of numbers is one of texts where the formula has `C(y)`.
        let unasked = !numbers.codes.is_empty();
        let levels = if unasked { numbers.levels } else { column.levels.clone() };
        Ok(Self { what, codes, levels, unasked })
    }

    /// Rows, n.
    pub fn rows(&self) -> usize {
        self.codes.len()
    }

    /// The label of row `i`; `None` where it is missing.
    pub fn label(&self, i: usize) -> Option<&str> {
        self.levels.name(*self.codes.get(i)?)
    }

    /// The classes, and for each row its place among them.
    ///
    /// # Errors
    /// No rows, missing labels, one class alone, or more than [`MAX_CLASSES`].
    pub fn classes(&self) -> Result<(ClassList, Vec<u32>)> {
        if self.codes.is_empty() {
            return Err(DataError::NoRows.into());
        }
        self.refuse_missing()?;
        let mut occurs = vec![false; self.levels.names().len()];
        for &code in &self.codes {
            if let Some(occurs) = place(code).and_then(|at| occurs.get_mut(at)) {
                *occurs = true;
            }
        }
        let names = self.levels.names().iter().zip(&occurs);
        let seen: Vec<String> = names.filter(|(_, occurs)| **occurs).map(|(name, _)| name.clone()).collect();
        let list = ClassList::of(&seen);
        if list.len() > MAX_CLASSES {
            return Err(too_many(&self.what, &seen, self.codes.len(), list.numbers.is_some()));
        }
        if let [class] = list.names() {
            let (what, class, rows) = (self.what.clone(), class.clone(), self.codes.len());
            return Err(ClassError::One { what, class, rows, weightless: 0 }.into());
        }
        let (classes, rows) = (list.len(), self.codes.len());
        if self.unasked && list.numbers.is_some() && classes >= MANY && 2 * classes > rows {
            let (what, example) = (self.what.clone(), list.names[classes / 2].clone());
            return Err(ClassError::Quantity { what, classes, rows, example }.into());
        }
        let of_rows = self.places(&list)?;
        Ok((list, of_rows))
    }

    /// For each row its place among the classes of a model.
    ///
    /// # Errors
    /// Missing labels, or one that is no class of `known`.
    pub fn places(&self, known: &ClassList) -> Result<Vec<u32>> {
        self.refuse_missing()?;
        let of_level: Vec<Option<u32>> = self.levels.names().iter().map(|name| known.place(name)).collect();
        let of_code = |code: u32| place(code).and_then(|at| of_level.get(at).copied().flatten());
        let of_rows: Option<Vec<u32>> = self.codes.iter().map(|&code| of_code(code)).collect();
        of_rows.ok_or_else(|| {
            let strangers = || self.codes.iter().enumerate().filter(|(_, code)| of_code(**code).is_none());
            let row = strangers().next().map_or(0, |(i, _)| i);
            let label = self.label(row).unwrap_or_default().to_owned();
            let near = known.near(&label);
            ClassError::Unknown {
                what: self.what.clone(),
                row: row + 1,
                count: strangers().count(),
                known: known.names().to_vec(),
                label,
                near,
            }
            .into()
        })
    }

    /// For each row its place among `known`, where it has one.
    pub(super) fn find(&self, known: &ClassList) -> Vec<Option<u32>> {
        let of_level: Vec<Option<u32>> = self.levels.names().iter().map(|name| known.place(name)).collect();
        self.codes
            .iter()
            .map(|&code| place(code).and_then(|at| of_level.get(at).copied().flatten()))
            .collect()
    }

    /// The labels of some rows.
    pub(super) fn of_rows(&self, rows: &[usize]) -> Self {
        let code = |&row: &usize| self.codes.get(row).copied().unwrap_or(Levels::MISSING);
        Self { codes: rows.iter().map(code).collect(), ..self.clone() }
    }

    /// The labels as numbers, for a loss of numbers.
    ///
    /// # Errors
    /// Missing labels, or one that is no finite number.
    pub fn numbers(&self) -> Result<Vec<f64>> {
        self.refuse_missing()?;
        let of_level: Vec<Option<f64>> = self
            .levels
            .names()
            .iter()
            .map(|name| name.parse().ok().filter(|y: &f64| y.is_finite()))
            .collect();
        let number = |(row, &code): (usize, &u32)| {
            place(code).and_then(|at| of_level.get(at).copied().flatten()).ok_or_else(|| {
                let label = self.label(row).unwrap_or_default().to_owned();
                ClassError::NotANumber { what: self.what.clone(), label, row: row + 1 }.into()
            })
        };
        self.codes.iter().enumerate().map(number).collect()
    }

    /// The labels as lists, `1,4`, an empty text for none: the different ones, and for each row the set of them. `known`
    /// are those of a model; without any they are found in the rows, in the order that classes have.
    ///
    /// # Errors
    /// No rows, missing lists, one with an empty name in it or filled up with −1, no label in any row, or one that is not `known`.
    pub fn sets(&self, known: Option<&ClassList>) -> Result<(ClassList, LabelSets)> {
        if self.codes.is_empty() {
            return Err(DataError::NoRows.into());
        }
        self.refuse_missing()?;
        let lists: Vec<Vec<&str>> = self.levels.names().iter().map(|list| labels_of(list)).collect();
        let first_row = |bad: &dyn Fn(&[&str]) -> bool| {
            let list = |code: &u32| place(*code).and_then(|at| lists.get(at));
            self.codes.iter().position(|code| list(code).is_some_and(|labels| bad(labels)))
        };
        let what = || self.what.clone();
        if let Some(row) = first_row(&|labels| labels.contains(&"")) {
            let list = self.label(row).unwrap_or_default().to_owned();
            return Err(ClassError::EmptyName { what: what(), list, row: row + 1 }.into());
        }
        if let Some(row) = first_row(&|labels| labels.len() > 1 && labels.last() == Some(&"-1")) {
            let list = self.label(row).unwrap_or_default().to_owned();
            return Err(ClassError::Padded { what: what(), list, row: row + 1 }.into());
        }
        let found = || ClassList::of(&lists.concat());
        let names = known.cloned().unwrap_or_else(found);
        if names.names().is_empty() {
            return Err(ClassError::NoLabels { what: what(), rows: self.codes.len() }.into());
        }
        let stranger = |labels: &[&str]| labels.iter().any(|label| names.place(label).is_none());
        if let Some(row) = first_row(&stranger) {
            return Err(self.unknown_label(row, &names).into());
        }
        let places = |label: &&str| names.place(label).and_then(place);
        let mut sets = LabelSets::new(0, names.len());
        for &code in &self.codes {
            sets.push(place(code).and_then(|at| lists.get(at)).into_iter().flatten().filter_map(places));
        }
        Ok((names, sets))
    }

    /// The first label of row `row` that is not `known`.
    fn unknown_label(&self, row: usize, known: &ClassList) -> ClassError {
        let is_unknown = |label: &&str| known.place(label).is_none();
        let has_one = |list: &str| labels_of(list).iter().any(is_unknown);
        let label =
            labels_of(self.label(row).unwrap_or_default()).into_iter().find(is_unknown).unwrap_or_default();
        ClassError::UnknownLabel {
            what: self.what.clone(),
            row: row + 1,
            count: (0..self.rows()).filter(|i| self.label(*i).is_some_and(has_one)).count(),
            near: known.near(label),
            label: label.to_owned(),
        }
    }

    fn refuse_missing(&self) -> Result<(), DataError> {
        let missing = || self.codes.iter().enumerate().filter(|(_, code)| **code == Levels::MISSING);
        match missing().next() {
            None => Ok(()),
            Some((row, _)) => {
                Err(ClassError::Missing { what: self.what.clone(), count: missing().count(), row: row + 1 }
                    .into())
            }
        }
    }
}

/// The labels of a list.
fn labels_of(list: &str) -> Vec<&str> {
    if list.is_empty() { Vec::new() } else { list.split(',').collect() }
}

/// A code as a place in the levels.
fn place(code: u32) -> Option<usize> {
    usize::try_from(code).ok()
}

fn too_many(what: &str, seen: &[String], rows: usize, numbers: bool) -> Error {
    let names: Vec<&str> = seen.iter().map(String::as_str).collect();
    let example = seen.last().cloned().unwrap_or_default();
    let looks = looks(&names, rows, numbers);
    ClassError::TooMany { what: what.to_owned(), limit: MAX_CLASSES, rows, example, looks }.into()
}

/// Numbers as levels.
#[derive(Default)]
struct Numbers {
    levels: Levels,
    codes: HashMap<u64, u32>,
}

impl Numbers {
    fn code(&mut self, value: f64) -> u32 {
        // Minus zero is zero; NaN is missing.
        let bits = (value + 0.0).to_bits();
        *self.codes.entry(bits).or_insert_with(|| {
            if value.is_nan() { Levels::MISSING } else { self.levels.intern(&(value + 0.0).to_string()) }
        })
    }
}

/// Different classes in their order, each under the text by which it was first met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClassList {
    names: Vec<String>,
    /// The names as numbers, when all of them are.
    numbers: Option<Vec<Decimal>>,
}

impl ClassList {
    /// From the texts of rows, in any order and as often as they like.
    pub fn of<S: AsRef<str>>(labels: &[S]) -> Self {
        let texts = || labels.iter().map(|label| label.as_ref().to_owned());
        let numbers: Option<Vec<Decimal>> =
            labels.iter().map(|label| Decimal::parse(label.as_ref())).collect();
        if let Some(numbers) = numbers {
            let mut pairs: Vec<(Decimal, String)> = numbers.into_iter().zip(texts()).collect();
            // Stable, so that the first text of a number is the one that stays.
            pairs.sort_by(|a, b| a.0.cmp(&b.0));
            pairs.dedup_by(|later, first| later.0 == first.0);
            let (numbers, names) = pairs.into_iter().unzip();
            return Self { names, numbers: Some(numbers) };
        }
        let mut names: Vec<String> = texts().collect();
        names.sort();
        names.dedup();
        Self { names, numbers: None }
    }

    /// The list that a model was saved with; `None` when it is not one that [`Self::of`] makes, for its order
    /// is that of the model's columns.
    pub fn saved(names: &[String]) -> Option<Self> {
        let list = Self::of(names);
        (list.names == names).then_some(list)
    }

    /// Whether they are numbers, of which equal ones are one class.
    pub(super) fn are_numbers(&self) -> bool {
        self.numbers.is_some()
    }

    /// Numbers in their shortest form, in order; `None` where one of them is text.
    pub(super) fn shortest(&self) -> Option<Vec<String>> {
        Some(self.numbers.as_ref()?.iter().map(Decimal::shortest).collect())
    }

    /// Classes, c.
    #[expect(clippy::len_without_is_empty, reason = "no fit has an empty list")]
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Their texts.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The place of a label among the classes.
    pub fn place(&self, label: &str) -> Option<u32> {
        let found = match &self.numbers {
            Some(numbers) => numbers.binary_search(&Decimal::parse(label)?),
            None => self.names.binary_search_by(|name| name.as_str().cmp(label)),
        };
        u32::try_from(found.ok()?).ok()
    }

    /// The class that an unknown label was most likely meant to be: a number is no misspelling of another, and
    /// one or two letters are one of anything.
    fn near(&self, label: &str) -> Option<String> {
        let near =
            nearest(label, self.names.iter().map(String::as_str)).filter(|_| self.numbers.is_none())?;
        let resembles = label.chars().count() > 2 || near.to_lowercase() == label.to_lowercase();
        resembles.then_some(near)
    }
}

/// A decimal number as it is written, exactly: ± 0.d₁d₂d₃… × 10^place, without zeros at either end.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Decimal {
    negative: bool,
    digits: Vec<u8>,
    place: i64,
}

impl Decimal {
    /// `None` when `text` is no number, or its exponent no number of 32 bits.
    fn parse(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        let (negative, unsigned) = match bytes {
            [b'-', rest @ ..] => (true, rest),
            [b'+', rest @ ..] => (false, rest),
            _ => (false, bytes),
        };
        let e = unsigned.iter().position(|byte| matches!(byte, b'e' | b'E'));
        let (mantissa, exponent) = match e {
            Some(at) => (unsigned.get(..at)?, text.get(text.len() - unsigned.len() + at + 1..)?),
            None => (unsigned, "0"),
        };
        let exponent: i32 = exponent.parse().ok()?;
        let point = mantissa.iter().position(|&byte| byte == b'.');
        let before = mantissa.get(..point.unwrap_or(mantissa.len()))?;
        let after = point.and_then(|at| mantissa.get(at + 1..)).unwrap_or_default();
        let mut digits = [before, after].concat();
        if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
            return None;
        }
        let ahead = digits.iter().take_while(|&&digit| digit == b'0').count();
        digits.drain(..ahead);
        while digits.last() == Some(&b'0') {
            digits.pop();
        }
        if digits.is_empty() {
            return Some(Self { negative: false, digits, place: 0 });
        }
        let place = i64::from(exponent) + i64::try_from(before.len()).ok()? - i64::try_from(ahead).ok()?;
        Some(Self { negative, digits, place })
    }

    /// As `f64` prints it, whatever the number of digits: `0.25`, `10`, `1e30`.
    fn shortest(&self) -> String {
        /// Zeros that are written out on either side.
        const ZEROS: i64 = 20;
        let text: String = self.digits.iter().map(|digit| char::from(*digit)).collect();
        let sign = if self.negative { "-" } else { "" };
        let length = i64::try_from(text.len()).unwrap_or(i64::MAX);
        let zeros = |count: i64| "0".repeat(usize::try_from(count).unwrap_or(0));
        match self.place {
            _ if text.is_empty() => "0".to_owned(),
            place if (length..=length.saturating_add(ZEROS)).contains(&place) => {
                format!("{sign}{text}{}", zeros(place - length))
            }
            place if (1..length).contains(&place) => {
                let (before, after) = text.split_at(usize::try_from(place).unwrap_or(0));
                format!("{sign}{before}.{after}")
            }
            place if (-ZEROS..=0).contains(&place) => format!("{sign}0.{}{text}", zeros(-place)),
            place => {
                let (first, rest) = text.split_at(1);
                let point = if rest.is_empty() { "" } else { "." };
                format!("{sign}{first}{point}{rest}e{}", place - 1)
            }
        }
    }

    fn sign(&self) -> i8 {
        match (self.digits.is_empty(), self.negative) {
            (true, _) => 0,
            (false, true) => -1,
            (false, false) => 1,
        }
    }
}

impl Ord for Decimal {
    fn cmp(&self, other: &Self) -> Ordering {
        let size = |a: &Self, b: &Self| (a.place, &a.digits).cmp(&(b.place, &b.digits));
        self.sign().cmp(&other.sign()).then_with(|| match self.sign() {
            -1 => size(other, self),
            _ => size(self, other),
        })
    }
}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Labels that are no classes to learn, or none that a model has learnt. Rows are numbered from 1.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[expect(missing_docs, reason = "each variant is its sentence; the fields are named in it")]
pub enum ClassError {
    #[error("{what} has {} without a label, first row {}", row_count(*.count), grouped(*.row))]
    Missing { what: String, count: usize, row: usize },
    #[error("{what} holds one class alone: `{class}` in {}{}", row_count(*.rows), weightless_rows(*.weightless))]
    One { what: String, class: String, rows: usize, weightless: usize },
    #[error("{what} has `{label}` in row {}, and a loss of numbers needs a finite number", grouped(*.row))]
    NotANumber { what: String, label: String, row: usize },
    #[error("{what} holds more than {} classes in {}{}, such as `{example}`", grouped(*.limit), row_count(*.rows), .looks.clause())]
    TooMany { what: String, limit: usize, rows: usize, example: String, looks: Looks },
    #[error("{what} holds {} different numbers in {}, such as {example}: a class for nearly every row", grouped(*.classes), row_count(*.rows))]
    Quantity { what: String, classes: usize, rows: usize, example: String },
    #[error("{what} has `{label}` in row {}, which is no class of the model{}", grouped(*.row), more(*.count))]
    Unknown {
        what: String,
        label: String,
        row: usize,
        count: usize,
        known: Vec<String>,
        near: Option<String>,
    },
    #[error("{what} has the list `{list}` in row {}, in which a label is empty", grouped(*.row))]
    EmptyName { what: String, list: String, row: usize },
    #[error("{what} has the list `{list}` in row {}, filled up with -1, and each of its entries is a label of the row", grouped(*.row))]
    Padded { what: String, list: String, row: usize },
    #[error("{what} has no label in any of {}", row_count(*.rows))]
    NoLabels { what: String, rows: usize },
    #[error("{what} has `{label}` in row {}, which is no label of the model{}", grouped(*.row), more(*.count))]
    UnknownLabel { what: String, label: String, row: usize, count: usize, near: Option<String> },
}

impl ClassError {
    /// The diagnosis code, where the catalogue has one: labels that are missing are not of the wrong kind.
    pub fn code(&self) -> Option<Code> {
        (!matches!(self, Self::Missing { .. })).then_some(Code::Sf205)
    }

    /// The numbers of its sentence, by name.
    pub fn evidence(&self) -> Map<String, Value> {
        let pairs: Vec<(&str, Value)> = match self {
            Self::Missing { count, row, .. } => vec![("missing", json!(count)), ("row", json!(row))],
            Self::One { class, rows, .. } => vec![("class", json!(class)), ("rows", json!(rows))],
            Self::NotANumber { label, row, .. } => vec![("label", json!(label)), ("row", json!(row))],
            Self::TooMany { limit, rows, example, .. } => {
                vec![("limit", json!(limit)), ("rows", json!(rows)), ("example", json!(example))]
            }
            Self::Quantity { classes, rows, example, .. } => {
                vec![("classes", json!(classes)), ("rows", json!(rows)), ("example", json!(example))]
            }
            Self::Unknown { label, row, count, known, .. } => vec![
                ("label", json!(label)),
                ("row", json!(row)),
                ("count", json!(count)),
                ("classes", json!(known)),
            ],
            Self::EmptyName { list, row, .. } | Self::Padded { list, row, .. } => {
                vec![("list", json!(list)), ("row", json!(row))]
            }
            Self::NoLabels { rows, .. } => vec![("rows", json!(rows))],
            Self::UnknownLabel { label, row, count, .. } => {
                vec![("label", json!(label)), ("row", json!(row)), ("count", json!(count))]
            }
        };
        pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }

    /// The ways out, most useful first.
    pub fn hints(&self) -> Vec<String> {
        let one = |hint: &str| vec![hint.to_owned()];
        let measured =
            "numbers that measure something need a loss for numbers: `--loss squared`, or `--loss huber`";
        match self {
            Self::Missing { .. } => one("give those rows a label, or remove them"),
            Self::One { weightless: 0, .. } => {
                one("add rows of another class; there is nothing to tell apart")
            }
            Self::One { .. } => one("give rows of another class a weight; there is nothing to tell apart"),
            Self::NotANumber { .. } => one("labels that are no numbers are for a loss of classes"),
            Self::TooMany { looks: Looks::Numbers | Looks::NumbersAsText, .. } => one(measured),
            Self::Quantity { .. } => vec![
                measured.to_owned(),
                "if they are classes all the same, write `C(…)` around the target, or letters before the numbers"
                    .to_owned(),
            ],
            Self::TooMany { looks: Looks::Text, .. } => one("merge rare classes into one, such as `other`"),
            Self::TooMany { .. } => one("name the column that holds the class: this one tells rows apart"),
            Self::EmptyName { .. } => one("write one comma between two labels, and none at the ends"),
            Self::Padded { .. } => one("leave out each -1: a row has as many labels as it lists"),
            Self::NoLabels { .. } => one("begin the rows that have labels with them: `1,4 3:0.5`"),
            Self::UnknownLabel { near: None, .. } => {
                one("fit with rows that have the label too, or leave it out of those rows")
            }
            Self::Unknown { near: Some(near), .. } | Self::UnknownLabel { near: Some(near), .. } => vec![format!("did you mean `{near}`?")],
            Self::Unknown { known, .. } => vec![
                format!("the classes are {}", listed(known)),
                "fit with rows of that class too, or leave its rows out here".to_owned(),
            ],
        }
    }
}

fn row_count(count: usize) -> String {
    format!("{} row{}", grouped(count), if count == 1 { "" } else { "s" })
}

fn weightless_rows(count: usize) -> String {
    match count {
        0 => String::new(),
        1 => "; the weight of 1 other is 0".to_owned(),
        others => format!("; the weight of {} others is 0", grouped(others)),
    }
}

fn more(count: usize) -> String {
    match count - usize::from(count > 0) {
        0 => String::new(),
        1 => "; so has 1 other row".to_owned(),
        others => format!("; {} other rows have such labels", grouped(others)),
    }
}

/// As many as fit a line.
fn listed(names: &[String]) -> String {
    const LISTED: usize = 10;
    let mut shown: Vec<String> = names.iter().take(LISTED).map(|name| format!("`{name}`")).collect();
    if names.len() > LISTED {
        shown.push(format!("{} more", grouped(names.len() - LISTED)));
    }
    match shown.as_slice() {
        [first @ .., last] if !first.is_empty() => format!("{} and {last}", first.join(", ")),
        _ => shown.concat(),
    }
}

impl From<ClassError> for Error {
    fn from(error: ClassError) -> Self {
        DataError::from(error).into()
    }
}

#[cfg(test)]
mod tests;
