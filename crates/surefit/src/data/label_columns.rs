//! Columns of a table as sets of labels: a row has the label of each column in which it holds 1, and lacks those in
//! which it holds 0. Anything else is refused with its place, and what other programs write in its stead is named: −1
//! for a label that is lacking, and places of labels filled up with −1 (`torch.nn.MultiLabelMarginLoss`).

use super::check::{DataError, Role, grouped};
use super::label_sets::LabelSets;
use crate::error::{Error, Result};
use faer::MatRef;
use serde_json::{Map, Value, json};

/// Values of a row that are listed in a message.
const LISTED: usize = 5;

/// Columns that are no labels. Rows are numbered from 1.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
#[expect(missing_docs, reason = "each variant is its sentence; the fields are named in it")]
pub enum LabelError {
    #[error("label column `{column}` has {value} in row {}, and a label is 1 where the row has it, 0 where not{}", grouped(*.row), others(*.count))]
    Value { column: String, value: f64, row: usize, count: usize },
    #[error("the {columns} label columns hold places of labels filled up with -1, as `{list}` in row {}, and a column of labels holds 1 where the row has its label, 0 where not", grouped(*.row))]
    Places { columns: usize, list: String, row: usize },
    #[error("label column `{column}` holds text{}, and a label is 1 where the row has it, 0 where not", .example.as_ref().map(|text| format!(" (`{text}`)")).unwrap_or_default())]
    Text { column: String, example: Option<String> },
}

impl LabelError {
    /// The way out.
    pub fn hint(&self) -> String {
        match self {
            Self::Value { value, .. } if *value < 0.0 => {
                "write 0 in its place: -1 is how other programs say that a row does not have a label"
            }
            Self::Value { .. } => "write 1 or 0, or name the labels alone on the left of the formula",
            Self::Places { .. } => {
                "make a column of 0 and 1 for each label, or an svmlight file (.svm) whose rows begin with their labels, \
                 as in `3,0 1:0.5 2:1`"
            }
            Self::Text { .. } => "write 1 for the rows that have the label and 0 for the others",
        }
        .to_owned()
    }

    /// The numbers of its sentence, by name.
    pub fn evidence(&self) -> Map<String, Value> {
        let pairs = match self {
            Self::Value { column, value, row, count } => vec![
                ("column", json!(column)),
                ("value", json!(value)),
                ("row", json!(row)),
                ("count", json!(count)),
            ],
            Self::Places { columns, row, .. } => vec![("columns", json!(columns)), ("row", json!(row))],
            Self::Text { column, .. } => vec![("column", json!(column))],
        };
        pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }

    /// Text among the targets of a loss of labels, where it is that.
    pub fn of_text(error: Error) -> Error {
        match error {
            Error::Data(DataError::Text { column, example, role: Role::Target, .. }) => {
                DataError::from(Self::Text { column, example }).into()
            }
            other => other,
        }
    }
}

fn others(count: usize) -> String {
    match count - usize::from(count > 0) {
        0 => String::new(),
        1 => "; so has 1 other row".to_owned(),
        others => format!("; {} other rows have neither", grouped(others)),
    }
}

/// The sets of labels that n × c numbers stand for; `number` says which row of the data each of them is, from 0.
pub(super) fn sets(
    y: MatRef<'_, f64>,
    names: &[String],
    number: &dyn Fn(usize) -> usize,
) -> Result<LabelSets> {
    let mut sets = LabelSets::new(y.nrows(), y.ncols());
    let is_label = |value: f64| value == 0.0 || value == 1.0;
    for k in 0..y.ncols() {
        for i in 0..y.nrows() {
            if y[(i, k)] == 1.0 {
                sets.insert(i, k);
            } else if !is_label(y[(i, k)]) {
                return Err(DataError::from(fault(y, names, k, number)).into());
            }
        }
    }
    Ok(sets)
}

/// What is wrong with the values, of which column `k` has the first that is no label.
#[cold]
fn fault(y: MatRef<'_, f64>, names: &[String], k: usize, number: &dyn Fn(usize) -> usize) -> LabelError {
    if let Some(i) = first_padded(y) {
        let mut list: Vec<String> = (0..y.ncols().min(LISTED)).map(|l| y[(i, l)].to_string()).collect();
        if y.ncols() > LISTED {
            list.push("…".to_owned());
        }
        return LabelError::Places { columns: y.ncols(), list: list.join(","), row: number(i) + 1 };
    }
    let is_label = |value: f64| value == 0.0 || value == 1.0;
    let wrong = || (0..y.nrows()).filter(|i| !is_label(y[(*i, k)]));
    let i = wrong().next().unwrap_or(0);
    LabelError::Value {
        column: names.get(k).cloned().unwrap_or_default(),
        value: y[(i, k)],
        row: number(i) + 1,
        count: wrong().count(),
    }
}

/// The first row that is filled up with −1, where all rows are lists of places: whole numbers from 0 on, one above 1
/// among them, and after the last of a row nothing but −1.
fn first_padded(y: MatRef<'_, f64>) -> Option<usize> {
    let mut first = None;
    let mut above = false;
    for i in 0..y.nrows() {
        let mut ended = false;
        for k in 0..y.ncols() {
            let value = y[(i, k)];
            if value == -1.0 {
                ended = true;
                first.get_or_insert(i);
            } else if ended || value < 0.0 || value.fract() != 0.0 {
                return None;
            }
            above |= value > 1.0;
        }
    }
    first.filter(|_| above)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use faer::Mat;

    fn read(rows: &[&[f64]]) -> Result<LabelSets, String> {
        let y = Mat::from_fn(rows.len(), rows[0].len(), |i, k| rows[i][k]);
        let names: Vec<String> = (0..y.ncols()).map(|k| format!("l{k}")).collect();
        sets(y.as_ref(), &names, &|i| i + 10).map_err(|error| format!("{error}\n{}", error.hints().concat()))
    }

    #[test]
    fn ones_are_labels_and_zeros_are_none() {
        let sets = read(&[&[0.0, 1.0, -0.0], &[1.0, 1.0, 0.0]]).unwrap();
        assert_eq!((sets.view().words(0), sets.view().words(1)), (&[2u64][..], &[3u64][..]));
    }

    #[test]
    fn anything_else_is_refused_with_its_place_and_what_it_means_elsewhere() {
        let told = [
            read(&[&[0.0, 1.0], &[0.5, 3.0], &[2.0, 1.0], &[0.0, f64::NAN]]),
            read(&[&[1.0, -1.0], &[-1.0, 1.0]]),
            read(&[&[3.0, 0.0, -1.0], &[0.0, 1.0, 2.0], &[-1.0, -1.0, -1.0]]),
            read(&[&[7.0, 3.0, 0.0, 2.0, 1.0, -1.0]]),
            // A gap between places is no filling, and neither are weights.
            read(&[&[3.0, -1.0, 0.0]]),
            read(&[&[2.5, -1.0, -1.0]]),
        ];
        let told: Vec<String> = told.into_iter().map(|told| told.unwrap_err()).collect();
        insta::assert_snapshot!(told.join("\n\n"));
    }
}
