//! A trace of any program: which of its columns is what, and which of its rows were written by the program.

use super::super::words::list;
use crate::error::{Error, Result};

/// A trace as another program wrote it; one entry a row in every column.
#[derive(Clone, Debug, PartialEq)]
pub struct ExternalTrace {
    /// Step numbers; the row numbers where the trace has none.
    pub steps: Vec<f64>,
    /// The loss.
    pub losses: Vec<f64>,
    /// Named parameters, as many as the trace has.
    pub parameters: Vec<(String, Vec<f64>)>,
    /// η, where it is known.
    pub learning_rate: Option<f64>,
}

/// Names of a loss column, most telling first; compared without case, spaces, dashes and underscores.
const LOSSES: [&str; 16] = [
    "loss",
    "cost",
    "objective",
    "objectivevalue",
    "trainloss",
    "trainingloss",
    "mse",
    "j",
    "jtheta",
    "error",
    "rmse",
    "sse",
    "rss",
    "f",
    "fun",
    "fx",
];
const STEPS: [&str; 10] =
    ["step", "steps", "iteration", "iterations", "iter", "epoch", "epochs", "k", "t", "i"];
const RATES: [&str; 6] = ["learningrate", "lr", "eta", "alpha", "rate", "stepsize"];
/// Columns that are neither.
const OTHERS: [&str; 20] = [
    "gradientnorm",
    "gradnorm",
    "gnorm",
    "normgradient",
    "time",
    "seconds",
    "valloss",
    "validationloss",
    "testloss",
    "index",
    "acc",
    "accuracy",
    "trainacc",
    "trainaccuracy",
    "valacc",
    "valaccuracy",
    "valmse",
    "valmae",
    "mae",
    "r2",
];

fn plain(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

impl ExternalTrace {
    /// Whether a column of this name holds the losses.
    pub fn is_loss(name: &str) -> bool {
        LOSSES.contains(&plain(name).as_str())
    }

    /// Recognises the columns of a table by their names: a loss, and where they are there steps, a learning rate (when it
    /// is the same in every row) and parameters, which are all other numbers.
    ///
    /// # Errors
    /// [`Error::Usage`] when no column is a loss.
    pub fn from_columns(columns: Vec<(String, Vec<f64>)>, learning_rate: Option<f64>) -> Result<Self> {
        let names: Vec<String> = columns.iter().map(|(name, _)| plain(name)).collect();
        let find = |known: &[&str]| known.iter().find_map(|name| names.iter().position(|own| own == name));
        let loss = match (find(&LOSSES), columns.len()) {
            (Some(place), _) => place,
            (None, 1) => 0,
            (None, _) => {
                let given: Vec<String> = columns.into_iter().map(|(name, _)| format!("`{name}`")).collect();
                return Err(Error::Usage {
                    what: format!("no column is a loss: there is {}", list(&given)),
                    hint: "name the column of the objective `loss`".to_owned(),
                });
            }
        };
        let (step, rate) = (find(&STEPS).filter(|&p| p != loss), find(&RATES).filter(|&p| p != loss));
        let mut out = Self { steps: Vec::new(), losses: Vec::new(), parameters: Vec::new(), learning_rate };
        for (place, (name, values)) in columns.into_iter().enumerate() {
            if place == loss {
                out.losses = values;
            } else if Some(place) == step {
                out.steps = values;
            } else if Some(place) == rate {
                let same = values
                    .first()
                    .copied()
                    .filter(|first| values.iter().all(|value| value.to_bits() == first.to_bits()));
                out.learning_rate = learning_rate.or(same);
            } else if !OTHERS.contains(&names[place].as_str()) && !LOSSES.contains(&names[place].as_str()) {
                out.parameters.push((name, values));
            }
        }
        if out.steps.is_empty() {
            out.steps = (0..out.losses.len()).map(|row| row as f64).collect();
        }
        Ok(out)
    }

    /// The rows with a step and a loss, and the first row after them, from 0, if any: from there on the loss is no
    /// number. Rows without one in between were not written by the program; a column with holes of its own
    /// is no parameter.
    pub(super) fn finite(&self) -> (Self, Option<usize>) {
        let rows = self.losses.len().min(self.steps.len());
        let finite = |&row: &usize| self.losses[row].is_finite() && self.steps[row].is_finite();
        let own: Vec<usize> = (0..rows).filter(finite).collect();
        let pick = |values: &[f64]| -> Vec<f64> {
            own.iter().map(|&row| values.get(row).copied().unwrap_or(f64::NAN)).collect()
        };
        let parameters = self.parameters.iter().map(|(name, values)| (name.clone(), pick(values)));
        let whole = Self {
            steps: pick(&self.steps),
            losses: pick(&self.losses),
            parameters: parameters.filter(|(_, own)| own.iter().all(|value| value.is_finite())).collect(),
            learning_rate: self.learning_rate,
        };
        let end = own.last().map_or(0, |last| last + 1);
        // A hole at the end no wider than those in between is one of the logger's, unless it holds an infinity.
        let widest = own.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or(1);
        let holes = rows - end < widest && !self.losses[end..rows].iter().any(|loss| loss.is_infinite());
        (whole, (end < rows && !holes).then_some(end))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::float_cmp)]

    use super::*;
    use crate::diagnosis::trace::cases::{column, trace};
    use crate::diagnosis::trace::{TraceVerdict, diagnose_trace};

    #[test]
    fn rows_that_the_program_left_empty_are_no_overflow() {
        let losses = |k: i32| 5.0 + 3.0 * 0.9f64.powi(k);
        let full =
            trace(vec![column("step", (0..40).map(f64::from)), column("loss", (0..40).map(losses))], None);
        // A logger that writes training and validation in rows of their own.
        let step = column("step", (0..80).map(|row| f64::from(row / 2)));
        let loss = column("loss", (0..80).map(|row| if row % 2 == 0 { losses(row / 2) } else { f64::NAN }));
        let other = column("score", (0..80).map(|row| if row % 2 == 1 { 1.0 } else { f64::NAN }));
        let holes = trace(vec![step, loss, other], None);
        assert_eq!(diagnose_trace(&holes, 1e-6), diagnose_trace(&full, 1e-6));
        let nothing = trace(vec![column("loss", [f64::NAN; 3])], None);
        assert!(
            matches!(diagnose_trace(&nothing, 1e-6), TraceVerdict::Inconclusive { message } if message.contains("first row"))
        );
    }

    #[test]
    fn columns_are_found_by_their_usual_names() {
        let columns = ["Epoch", "val_loss", "Learning Rate", "theta_0", "J(theta)"];
        let found = trace(columns.map(|name| column(name, [0.5; 6])).to_vec(), None);
        assert_eq!(found.learning_rate, Some(0.5));
        assert_eq!(found.parameters.len(), 1);
        assert_eq!(found.steps, [0.5; 6]);
        let none = ExternalTrace::from_columns(["a", "b"].map(|name| column(name, [1.0])).to_vec(), None);
        assert!(none.unwrap_err().to_string().contains("`a` and `b`"));
    }
}
