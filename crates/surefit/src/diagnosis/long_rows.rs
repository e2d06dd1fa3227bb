//! SF106 by rows that are so much longer than the others that the rounding of their scores hides what the others say.
//!
//! Test: a fit that ended by itself is not certified, and `‖xᵢ‖` of some rows is more than 10⁶ times the median of all.
//! The fit without them was tried before it is offered.

use super::words::{count, counted, figure, list};
use super::{Code, Diagnosis, Fix, Remedy};
use crate::data::Samples;
use crate::loss::Targets;
use serde_json::json;

/// So many times the median length: a score of such a row is rounded by as much as a millionth of the digits leaves.
const FAR: f64 = 1e6;
/// Rows that are named.
const NAMED: usize = 3;

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LongRow {
    /// From 0.
    pub row: usize,
    /// Its largest entry, from 0.
    pub column: usize,
    /// That.
    pub value: f64,
}

/// Rows that are far longer than the others.
#[derive(Clone, Debug, PartialEq)]
pub struct LongRows {
    /// The longest first.
    pub rows: Vec<LongRow>,
    /// The median length of all rows.
    pub median: f64,
    /// A fit without them is certified.
    pub certified_without: bool,
}

impl LongRows {
    /// Those of some samples, where there are any.
    pub fn of(samples: &Samples<'_>) -> Option<Self> {
        let lengths: Vec<f64> = samples.x.squared_norms().into_iter().map(f64::sqrt).collect();
        let counts = |i: &usize| samples.weight(*i) > 0.0 && lengths[*i] > 0.0;
        let mut sorted: Vec<f64> = (0..lengths.len()).filter(counts).map(|i| lengths[i]).collect();
        sorted.sort_by(f64::total_cmp);
        let median = *sorted.get(sorted.len().checked_sub(1)? / 2)?;
        let mut long: Vec<usize> =
            (0..lengths.len()).filter(counts).filter(|i| lengths[*i] > FAR * median).collect();
        if long.is_empty() {
            return None;
        }
        long.sort_by(|a, b| lengths[*b].total_cmp(&lengths[*a]));
        let largest = |row: usize| {
            let mut found = LongRow { row, column: 0, value: 0.0 };
            samples.x.for_each_in_row(row, |column, value| {
                if value.abs() > found.value.abs() {
                    (found.column, found.value) = (column, value);
                }
            });
            found
        };
        Some(Self { rows: long.into_iter().map(largest).collect(), median, certified_without: false })
    }

    /// The row weights that leave them out; none where a class would go with them.
    pub fn weights_without(&self, samples: &Samples<'_>) -> Option<Vec<f64>> {
        let mut weights: Vec<f64> = (0..samples.x.rows()).map(|i| samples.weight(i)).collect();
        for long in &self.rows {
            *weights.get_mut(long.row)? = 0.0;
        }
        if let Targets::Classes(of_rows) = samples.targets {
            let classes = |weight: &dyn Fn(usize) -> f64| {
                let mut found: Vec<u32> =
                    (0..of_rows.len()).filter(|i| weight(*i) > 0.0).map(|i| of_rows[i]).collect();
                found.sort_unstable();
                found.dedup();
                found
            };
            if classes(&|i| weights[i]) != classes(&|i| samples.weight(i)) {
                return None;
            }
        }
        weights.iter().any(|s| *s > 0.0).then_some(weights)
    }

    /// The cause in the place of another, with rows and columns by the number and name that the person knows.
    pub fn diagnosis(
        &self,
        other: Diagnosis,
        number: &dyn Fn(usize) -> usize,
        name: &dyn Fn(usize) -> String,
    ) -> Diagnosis {
        let Some(first) = self.rows.first() else { return other };
        let places: Vec<String> = self
            .rows
            .iter()
            .take(NAMED)
            .map(|long| {
                format!(
                    "{} is {} in row {}",
                    name(long.column),
                    figure(long.value, 4),
                    count(number(long.row) as u64)
                )
            })
            .collect();
        let more = match self.rows.len() - places.len() {
            0 => String::new(),
            more => format!(" ({} more of such a size)", counted(more as u64, "row")),
        };
        let message = format!(
            "{}{more}, and half of the rows are no longer than {}: rounding one score of such a size hides all of theirs",
            list(&places),
            figure(self.median, 3)
        );
        // It may be ours already, in other names.
        let ours = other.evidence.contains_key("median_length");
        let mut evidence = other.evidence.clone();
        evidence.insert("row".to_owned(), json!(number(first.row)));
        evidence.insert("column".to_owned(), json!(name(first.column)));
        evidence.insert("value".to_owned(), json!(first.value));
        evidence.insert("rows_of_that_size".to_owned(), json!(self.rows.len()));
        evidence.insert("median_length".to_owned(), json!(self.median));
        let mut remedies = Vec::new();
        if self.certified_without {
            let (these, them) =
                if self.rows.len() == 1 { ("that row", "it") } else { ("those rows", "them") };
            remedies.push(Remedy {
                change: format!("mend {these}, or leave {them} out: without {them} the fit is certified"),
                command: None,
                steps: None,
                // It was run.
                proven: true,
                safe: false,
                fix: Fix::Several(Vec::new()),
            });
        }
        let reasons = if ours { other.reasons } else { vec![other.message] };
        Diagnosis { code: Code::Sf106, message, reasons, evidence, remedies, ..other }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::data::Features;
    use crate::fit::{Method, SampleSettings, Verdict, fit_samples, usual_gap};
    use crate::loss::named;
    use crate::problem::{Intercept, LossKind, Problem, Ridge};
    use faer::Mat;

    #[test]
    fn a_row_of_1e30_is_named_and_the_fit_without_it_was_tried() {
        let x =
            Mat::from_fn(12, 2, |i, j| if (i, j) == (7, 1) { 1e30 } else { ((i * 5 + j * 3) % 7) as f64 });
        let classes: Vec<u32> = (0..12u32).map(|i| i % 3).collect();
        for loss in [LossKind::Softmax, LossKind::Hinge { margin: 1.0 }, LossKind::OvrSquaredHinge] {
            let samples =
                Samples::of_classes(Features::F64(x.as_ref()), &classes, None, 3, &*named(loss)).unwrap();
            let problem = Problem { loss, penalty: Ridge::uniform(0.1), intercept: Intercept::Free };
            let settings = SampleSettings {
                method: Method::Auto,
                gap: usual_gap(loss),
                max_iter: Some(200),
                time_limit: None,
                seed: 0,
            };
            let fit = fit_samples(&samples, &problem, &settings, &|_| true).unwrap();
            if fit.verdict == Verdict::Certified {
                continue;
            }
            let found = fit.diagnosis.unwrap();
            assert_eq!(found.code, Code::Sf106, "{loss:?}");
            assert!(found.message.starts_with("column 2 is 1e30 in row 8, and half"), "{}", found.message);
            assert_eq!(found.evidence["value"], 1e30);
            assert!(fit.long_rows.unwrap().certified_without, "{loss:?}");
            assert!(found.remedies[0].change.contains("the fit is certified"));
        }
    }

    #[test]
    fn rows_of_one_size_are_not_named_however_large_and_no_class_is_left_out() {
        let x = Mat::from_fn(4, 1, |i, _| [1e30, 3.0, 2e30, 5.0][i]);
        let samples = |classes: &'static [u32], x: &'static Mat<f64>| {
            let loss = named(LossKind::Softmax);
            Samples::of_classes(Features::F64(x.as_ref()), classes, None, 2, &*loss).unwrap()
        };
        let x: &'static Mat<f64> = Box::leak(Box::new(x));
        let long = LongRows::of(&samples(&[0, 1, 0, 1], x)).unwrap();
        assert_eq!(long.rows.iter().map(|long| long.row).collect::<Vec<_>>(), [2, 0]);
        assert_eq!(long.weights_without(&samples(&[0, 1, 0, 1], x)), None, "class 0 has no other row");
        assert_eq!(long.weights_without(&samples(&[0, 0, 1, 1], x)), Some(vec![0.0, 1.0, 0.0, 1.0]));
        let alike: &'static Mat<f64> = Box::leak(Box::new(Mat::from_fn(4, 1, |i, _| 1e30 * (i + 1) as f64)));
        assert_eq!(LongRows::of(&samples(&[0, 1, 0, 1], alike)), None);
    }
}
