//! Values that no model can be fitted to, found while a table becomes a design.

use super::classes::ClassError;
use super::formula::{did_you_mean, quoted};
use super::label_columns::LabelError;
use super::read::{Looks, level_hints};
use crate::diagnosis::Code;
use crate::error::Asker;

/// Where in a column something is, and how often. Rows are numbered from 1, as in a spreadsheet without its
/// header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The column's name.
    pub column: String,
    /// How many rows.
    pub count: usize,
    /// The first of them, from 1.
    pub row: usize,
}

impl Place {
    /// "7, first in row 3", for lists.
    fn short(&self) -> String {
        format!("`{}` ({}, first in row {})", self.column, grouped(self.count), grouped(self.row))
    }
}

/// What a column is needed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// A feature.
    Feature,
    /// A target.
    Target,
    /// Row weights.
    Weights,
}

/// Data that cannot be used as it is.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
#[expect(missing_docs, reason = "each variant's sentence says what it is")]
pub enum DataError {
    /// Missing values without an instruction what to do about them: the first column that has any, and
    /// the others; whether a mean can stand in for all of them.
    #[error("column `{}` has {}, first in row {}{}", .place.column, values(.place.count, "missing"), grouped(.place.row), too(.others))]
    Missing { place: Place, others: Vec<Place>, fillable: bool },
    /// Missing values in rows that are read as they are.
    #[error("column `{}` has {}, first in row {}{}", .place.column, values(.place.count, "missing"), grouped(.place.row), too(.others))]
    MissingHere { place: Place, others: Vec<Place> },
    /// Missing values that a mean cannot stand in for.
    #[error("{} column `{}` has {}, first in row {}, and {}", role_name(*.role), .place.column, values(.place.count, "missing"), grouped(.place.row), no_mean(*.role))]
    NotFillable { place: Place, role: Role },
    /// A column of numbers without a single one.
    #[error("column `{column}` has no value at all in {} rows", grouped(*.rows))]
    Empty { column: String, rows: usize },
    /// A column of numbers without a single one in the rows that count.
    #[error("column `{column}` has no value at all in the rows of a weight above 0")]
    Weightless { column: String },
    #[error("column `{}` has {}, first in row {}{}", .place.column, values(.place.count, "infinite"), grouped(.place.row), too(.others))]
    Infinite { place: Place, others: Vec<Place> },
    #[error("column `{column}` holds text{}, and {needed_by} needs numbers", like(.example.as_deref()))]
    Text { column: String, needed_by: String, example: Option<String>, role: Role },
    #[error("column `{column}` holds numbers, and the model was fitted to text in it")]
    Numbers { column: String },
    #[error("column `{column}` holds {} different texts, and each of them would be a column of the design; the limit is {}", grouped(*.count), grouped(*.limit))]
    TooManyLevels { column: String, count: usize, limit: usize },
    /// A column of text in which nearly every row would have a parameter of its own.
    #[error("column `{column}` has {} different texts in {} values{}, such as `{example}`: a parameter for nearly every row", grouped(*.count), grouped(*.values), .looks.clause())]
    Identifier { column: String, count: usize, values: usize, example: String, looks: Looks },
    /// Days as levels, which say nothing of the days between and after them.
    #[error("column `{column}` holds dates as text ({} different, such as `{example}`): a parameter for each says nothing of other dates", grouped(*.count))]
    Dates { column: String, count: usize, example: String },
    #[error("the formula stands for more than {} columns of numbers", grouped(*.limit))]
    TooManyColumns { limit: usize },
    #[error("`{term}` has no finite value in {}, first in row {}, where {inputs}", rows(*.count), grouped(*.row))]
    Undefined { term: String, inputs: String, count: usize, row: usize },
    #[error("weights column `{}` is negative in {}, first in row {} ({value})", .place.column, rows(.place.count), grouped(.place.row))]
    NegativeWeights { place: Place, value: f64 },
    #[error("weights column `{column}` is 0 in all {} rows", grouped(*.rows))]
    ZeroWeights { column: String, rows: usize },
    #[error(
        "weights column `{column}` sums to {sum:e}, outside of what can be computed with (1e-250 to 1.8e308)"
    )]
    WeightsRange { column: String, sum: f64 },
    /// The name is that of the column, where it is known.
    #[error("{} runs from {least:?} to {most:?}: too {} for its mean and spread to be numbers",
        .name.as_ref().map_or_else(|| numbered(*.column, *.columns), |name| format!("`{name}`")),
        if vanishes(*.least, *.most) { "near 0" } else { "far" })]
    NoScale { column: usize, columns: usize, name: Option<String>, least: f64, most: f64 },
    #[error("the table has no rows")]
    NoRows,
    #[error("no row has a weight above 0, so there is nothing to fit")]
    NothingToFit,
    /// NaN or infinity where a number must be, in rows that no table reader has checked.
    #[error("{what} holds a value that is not a finite number")]
    NotFinite { what: String },
    /// Numbers too large or too far apart to compute with.
    #[error("the coefficients of this data leave the range of floating-point numbers (1e-308 to 1.8e308)")]
    OutOfRange,
    #[error("column `{column}` has the value {value:e}, whose square is beyond the range of numbers")]
    TooLarge { column: String, value: f64 },
    /// A sum of numbers that are all finite.
    #[error("the prediction of row {} is beyond 1.8e308, the largest number of 64 bits", grouped(*.row))]
    Beyond { row: usize },
    #[error("all {} rows have a missing value{}", grouped(*.rows), mostly(.most.as_ref()))]
    AllDropped { rows: usize, most: Option<Place> },
    #[error("the new data has no column `{name}`, which the model needs{}{}", did_you_mean(.near.as_deref()), headerless(*.unnamed))]
    NoInput { name: String, near: Option<String>, unnamed: Option<usize> },
    #[error("the new data has {count} columns called `{name}`")]
    SameInput { name: String, count: usize },
    #[error("`{level}` in column `{}` was not there when the model was fitted ({}, first in row {}{})", .place.column, rows(.place.count), grouped(.place.row), more_levels(*.levels))]
    UnseenLevel { level: String, place: Place, levels: usize, near: Option<String> },
    /// Labels that are no classes.
    #[error(transparent)]
    Classes(#[from] ClassError),
    /// Columns that are no labels.
    #[error(transparent)]
    Labels(#[from] LabelError),
}

/// Below such a sum of all weights their products leave the range of `f64`.
const LEAST_WEIGHT: f64 = 1e-250;

/// Refuses weights whose sum is of no use; none is above 0 where there is no sum.
pub(super) fn check_total(column: &str, sum: Option<f64>, rows: usize) -> Result<(), DataError> {
    let column = column.to_owned();
    match sum {
        None => Err(DataError::ZeroWeights { column, rows }),
        Some(sum) if !(LEAST_WEIGHT..=f64::MAX).contains(&sum) => {
            Err(DataError::WeightsRange { column, sum })
        }
        Some(_) => Ok(()),
    }
}

/// Refuses the weights of rows where one is below 0, or their sum is of no use.
pub(super) fn check_weights(column: &str, weights: &[f64]) -> Result<(), DataError> {
    let negative = || weights.iter().enumerate().filter(|(_, weight)| **weight < 0.0);
    if let Some((row, value)) = negative().next() {
        let place = Place { column: column.to_owned(), count: negative().count(), row: row + 1 };
        return Err(DataError::NegativeWeights { place, value: *value });
    }
    let any = weights.iter().any(|weight| *weight > 0.0);
    check_total(column, any.then(|| weights.iter().sum()), weights.len())
}

fn role_name(role: Role) -> &'static str {
    match role {
        Role::Feature => "text",
        Role::Target => "target",
        Role::Weights => "weights",
    }
}

fn no_mean(role: Role) -> &'static str {
    match role {
        Role::Feature => "texts have no mean",
        Role::Target => "a target is not made up",
        Role::Weights => "a weight is not made up",
    }
}

/// "1 missing value", "1,207 missing values".
fn values(count: usize, what: &str) -> String {
    format!("{} {what} value{}", grouped(count), if count == 1 { "" } else { "s" })
}

/// Whether the squares of numbers of this range are too small rather than too large.
fn vanishes(least: f64, most: f64) -> bool {
    least.abs().max(most.abs()) < 1.0
}

/// Columns of the design come before targets.
fn numbered(column: usize, columns: usize) -> String {
    match column.checked_sub(columns) {
        Some(target) if target > 0 => format!("target {target}"),
        _ => format!("design column {column}"),
    }
}

fn rows(count: usize) -> String {
    format!("{} row{}", grouped(count), if count == 1 { "" } else { "s" })
}

fn too(others: &[Place]) -> String {
    const LISTED: usize = 20;
    let mut listed: Vec<String> = others.iter().take(LISTED).map(Place::short).collect();
    if others.len() > LISTED {
        listed.push(format!("{} columns more", grouped(others.len() - LISTED)));
    }
    match listed.as_slice() {
        [] => String::new(),
        [one] => format!("; so has {one}"),
        [first @ .., last] => format!("; so have {} and {last}", first.join(", ")),
    }
}

fn like(example: Option<&str>) -> String {
    example.map_or_else(String::new, |example| format!(" (`{example}`)"))
}

fn mostly(most: Option<&Place>) -> String {
    most.map_or_else(String::new, |place| {
        format!(", most often in column `{}` ({})", place.column, grouped(place.count))
    })
}

/// A table without a header has no names of its own.
fn headerless(columns: Option<usize>) -> String {
    match columns {
        None => String::new(),
        Some(1) => "; it was read without a header, and its column is x1".to_owned(),
        Some(count) => format!("; it was read without a header, and its columns are x1 … x{count}"),
    }
}

fn more_levels(levels: usize) -> String {
    if levels > 1 { format!("; {} new texts in all", grouped(levels)) } else { String::new() }
}

/// A count as people read it: 20,640.
pub(crate) fn grouped(count: usize) -> String {
    let digits = count.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// The ways out of a column of too many texts, for one who wants them.
fn insisting(column: &str, looks: Looks) -> Vec<String> {
    let mut hints = level_hints(column, looks);
    hints.push(format!("write `C({})` to insist on a column for each", quoted(column)));
    hints
}

impl DataError {
    /// The diagnosis code, where the catalogue has one.
    pub fn code(&self) -> Option<Code> {
        match self {
            Self::Missing { .. }
            | Self::MissingHere { .. }
            | Self::NotFillable { .. }
            | Self::Infinite { .. }
            | Self::NotFinite { .. }
            | Self::Empty { .. }
            | Self::Weightless { .. } => Some(Code::Sf201),
            Self::Classes(error) => error.code(),
            Self::Labels(_) => Some(Code::Sf205),
            _ => None,
        }
    }

    /// The ways out.
    pub fn hints(&self) -> Vec<String> {
        self.hints_for(&Asker::default())
    }

    /// The ways out for someone who does not fit.
    pub fn hints_for(&self, asker: &Asker) -> Vec<String> {
        let hints: &[&str] = match self {
            Self::Missing { fillable: true, .. } if asker.predicts => &[
                "use `--missing drop` to leave their predictions out (NaN, so that the lines stay those of the rows), or `--missing mean` to fill in the mean of the training data",
            ],
            Self::Missing { .. } | Self::NotFillable { .. } if asker.predicts => {
                &["use `--missing drop` to leave their predictions out (NaN)"]
            }
            Self::Missing { fillable: true, .. } => &[
                "use `--missing drop` to leave those rows out, or `--missing mean` to fill in the column's mean",
            ],
            Self::MissingHere { .. } => &["write a number for each `?`, or delete those rows from the file"],
            Self::Missing { .. } | Self::NotFillable { .. } => {
                &["use `--missing drop` to leave those rows out"]
            }
            Self::Empty { .. } | Self::Weightless { .. } => &["leave the column out of the formula"],
            Self::Infinite { .. } => &["mend or remove those rows; an infinity is not a missing value"],
            Self::Text { role: Role::Target, .. } => &[
                "classes as text are for a loss of classes; for a loss of numbers code two of them as 0 and 1",
            ],
            Self::Text { role: Role::Weights, .. } => {
                &["a weight is a number: correct the values that are none, and write 0 to leave a row out"]
            }
            Self::Text { .. } if !asker.formula => {
                &["mend the values that are not numbers, or write them as NA if they are missing"]
            }
            Self::Text { .. } => &[
                "mend the values that are not numbers, or write them as NA if they are missing",
                "use the column by its name alone, which makes one column of each text",
            ],
            Self::Classes(error) => return error.hints(),
            Self::Labels(error) => return vec![error.hint()],
            Self::Numbers { .. } => &["read the column as text"],
            Self::TooManyLevels { .. } => &[
                "an identifier or a date read as text says nothing about new rows: leave it out with `- name`",
            ],
            Self::Identifier { column, looks, .. } => return insisting(column, *looks),
            Self::Dates { column, .. } => return insisting(column, Looks::Dates),
            Self::TooManyColumns { .. } => {
                &["name the products you need instead of crossing columns of many texts"]
            }
            Self::Undefined { .. } => &["change those rows, or use a function that is defined there"],
            Self::NegativeWeights { .. } => &["a weight counts how often a row is there: 0 leaves it out"],
            Self::ZeroWeights { .. } | Self::NothingToFit => &["give at least one row a weight above 0"],
            Self::WeightsRange { .. } => {
                &["multiply all weights by the same number, so that they come nearer to 1"]
            }
            Self::NoScale { least, most, .. } if vanishes(*least, *most) => {
                &["use `--scale none`, or write the column in smaller units, in which its numbers are larger"]
            }
            Self::NoScale { .. } => &["use `--scale none`, or write the column in larger units"],
            Self::NoRows => &["the file needs at least one line after its header"],
            Self::NotFinite { .. } => &["replace or drop the rows that hold it"],
            Self::Beyond { .. } => {
                &["look at that row's values: the model multiplies them by its coefficients"]
            }
            Self::TooLarge { .. } => &["divide all columns by one number, such as 1e100"],
            Self::OutOfRange => &["express the columns and the target in units that bring them nearer to 1"],
            Self::AllDropped { rows, most: Some(place) } if place.count == *rows => {
                return vec![format!(
                    "leave `{}` out of the formula: it has no value in any row",
                    place.column
                )];
            }
            Self::AllDropped { .. } => &["leave that column out of the formula, or use `--missing mean`"],
            Self::NoInput { unnamed: Some(_), .. } => {
                &["add a first line with the names of the columns; if it is there, say so with `--header`"]
            }
            Self::NoInput { .. } => &["columns are found by name, in any order; add or rename it"],
            Self::SameInput { .. } => &["rename all but one of them"],
            Self::UnseenLevel { near: Some(near), .. } => return vec![format!("did you mean `{near}`?")],
            Self::UnseenLevel { .. } => &["leave those rows out, or fit again with data that has this text"],
        };
        hints.iter().map(|&hint| hint.to_owned()).collect()
    }
}
