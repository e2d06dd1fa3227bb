//! SF209: rows without a pair of labels, for a loss of pairs, and what the sum of the losses is divided by.

use super::words::{count, counted};
use super::{Code, Finding, Fix, Remedy};
use crate::data::Samples;
use crate::loss::Targets;
use crate::problem::LossKind;
use serde_json::{Map, json};

/// Rows that compare nothing, for a loss of pairs.
#[derive(Clone, Debug, PartialEq)]
pub struct WithoutPairs {
    /// Rows of a weight above 0 without a label.
    pub empty: Vec<usize>,
    /// Those with every label.
    pub full: Vec<usize>,
    /// Rows of a weight above 0, all of them.
    pub rows: usize,
    /// Their weight, by which the sum of the losses is divided, and how much of it the rows without a pair have.
    pub weight: (f64, f64),
}

impl WithoutPairs {
    /// Those of some samples, where there are any and the loss is one of pairs.
    pub fn of(samples: &Samples<'_>, loss: LossKind) -> Option<Self> {
        let Targets::Labels(labels) = samples.targets else { return None };
        if !loss.is_of_pairs() {
            return None;
        }
        let counted: Vec<usize> = (0..labels.rows()).filter(|row| samples.weight(*row) > 0.0).collect();
        let with = |count: usize| -> Vec<usize> {
            counted.iter().copied().filter(|row| labels.count(*row) == count).collect()
        };
        let (empty, full) = (with(0), with(labels.labels()));
        if empty.is_empty() && full.is_empty() {
            return None;
        }
        let without = empty.iter().chain(&full).map(|row| samples.weight(*row)).sum();
        Some(Self { empty, full, rows: counted.len(), weight: (samples.total_weight(), without) })
    }

    /// The row weights that leave them out, so that the mean is over the rows with a pair; none where no row is left.
    pub fn weights_without(&self, samples: &Samples<'_>) -> Option<Vec<f64>> {
        let mut weights: Vec<f64> = (0..samples.x.rows()).map(|row| samples.weight(row)).collect();
        for row in self.empty.iter().chain(&self.full) {
            *weights.get_mut(*row)? = 0.0;
        }
        weights.iter().any(|s| *s > 0.0).then_some(weights)
    }

    /// What is said of it in a fit with penalty `lambda`; `left_out` where it was made with [`Self::weights_without`].
    pub fn finding(&self, left_out: bool, lambda: f64) -> Finding {
        let without = self.empty.len() + self.full.len();
        let parts: Vec<String> =
            [(self.empty.len(), "without a label"), (self.full.len(), "with every label")]
                .into_iter()
                .filter(|(rows, _)| *rows > 0)
                .map(|(rows, what)| format!("{} {what}", count(rows as u64)))
                .collect();
        let divisor = if left_out {
            format!("left out: the mean is over the other {}", counted((self.rows - without) as u64, "row"))
        } else {
            format!("counted with loss 0: the mean is over all {}", counted(self.rows as u64, "row"))
        };
        let message = format!(
            "{} of {} {} no pair of labels to rank ({}) and {} {divisor}",
            count(without as u64),
            counted(self.rows as u64, "row"),
            if without == 1 { "has" } else { "have" },
            parts.join(", "),
            if without == 1 { "is" } else { "are" },
        );
        let mut evidence = Map::new();
        let divided = self.weight.0 - if left_out { self.weight.1 } else { 0.0 };
        for (key, value) in [
            ("rows", json!(self.rows)),
            ("empty", json!(self.empty.len())),
            ("full", json!(self.full.len())),
            ("divisor", json!(divided)),
        ] {
            evidence.insert(key.to_owned(), value);
        }
        let remedies = if left_out { Vec::new() } else { self.of_usable_rows(lambda).into_iter().collect() };
        Finding { code: Code::Sf209, message, evidence, remedies }
    }

    /// The mean over the rows with a pair instead: the sum of the losses over S and the penalty λ is u/S times that over the weight
    /// u of these rows and λS/u, so that the best answer is the same.
    fn of_usable_rows(&self, lambda: f64) -> Option<Remedy> {
        let (total, without) = self.weight;
        let usable = total - without;
        if usable.is_nan() || usable <= 0.0 {
            return None;
        }
        let scaled = lambda * (total / usable);
        let penalty = if lambda == 0.0 { String::new() } else { format!(" --penalty {scaled}") };
        let rows = counted((self.rows - self.empty.len() - self.full.len()) as u64, "row");
        Some(Remedy {
            change: format!("to divide by the {rows} with a pair, at the same answer:"),
            command: Some(format!("--divisor usable{penalty}")),
            steps: None,
            proven: true,
            safe: false,
            fix: Fix::Penalty(scaled),
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::label_graph::tests::{sets, with};
    use super::*;

    #[test]
    fn rows_without_a_pair_are_counted_and_the_divisor_is_stated() {
        let sets = sets(&[&[], &[0], &[0, 1, 2], &[1, 2], &[]], 3);
        let weights = [2.0, 1.0, 1.5, 1.0, 0.0];
        with(&sets, Some(&weights), |samples| {
            let found = WithoutPairs::of(samples, LossKind::Bpmll).unwrap();
            assert_eq!((found.empty.as_slice(), found.full.as_slice()), (&[0][..], &[2][..]));
            assert_eq!(found.weights_without(samples), Some(vec![0.0, 1.0, 0.0, 1.0, 0.0]));
            let (all, others) = (found.finding(false, 0.1), found.finding(true, 0.1));
            insta::assert_snapshot!(format!("{}\n{}", all.message, others.message));
            assert_eq!((&all.evidence["divisor"], &others.evidence["divisor"]), (&json!(5.5), &json!(2.0)));
            assert!(others.remedies.is_empty());
            // λ · 5.5 / 2.
            let command = all.remedies[0].command.clone().unwrap();
            assert_eq!(command, format!("--divisor usable --penalty {}", 0.1 * (5.5 / 2.0)));
            assert_eq!(WithoutPairs::of(samples, LossKind::Zlpr), None);
        });
    }
}
