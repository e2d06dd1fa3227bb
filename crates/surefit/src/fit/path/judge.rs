//! A fit judged on rows that it did not see: by its loss there, by how it tells classes, or by a measure of labels.

use super::PathPoint;
use crate::data::{LabelRows, LabelSets, Samples};
use crate::error::Result;
use crate::fit::{SampleFit, Verdict};
use crate::loss::Targets;
use crate::metrics::class;
use crate::metrics::measure::Measure;
use crate::metrics::threshold::{Rule, Threshold};
use crate::oracle::Pass;
use crate::problem::LossKind;
use faer::{Mat, MatRef};

/// What penalties are compared by.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum By {
    /// The mean loss, the least.
    #[default]
    Loss,
    /// A measure of rankings or label sets, whichever way it is better. The rule makes sets of scores, by the rows of each
    /// fit.
    Measure(Measure, Rule),
}

impl By {
    /// The measure, where it is one.
    pub fn measure(self) -> Option<Measure> {
        match self {
            Self::Loss => None,
            Self::Measure(measure, _) => Some(measure),
        }
    }

    /// What is least at the best of the points.
    pub(super) fn cost(self, point: &PathPoint) -> f64 {
        match self {
            Self::Loss => point.loss,
            Self::Measure(measure, _) => {
                let value = point.measure.unwrap_or(f64::NAN);
                if measure.more_is_better() { -value } else { value }
            }
        }
    }
}

/// A fit on rows that it did not see.
pub(super) struct Judged {
    weight: f64,
    loss: f64,
    accuracy: Option<f64>,
    /// The measure, and the weight of the rows that it is over.
    measure: Option<(f64, f64)>,
    relative_gap: f64,
    certified: bool,
}

impl Judged {
    /// `fitted` are the rows of the fit.
    pub fn of(
        held: &Samples<'_>,
        fitted: &Samples<'_>,
        loss: LossKind,
        by: By,
        fit: &SampleFit,
    ) -> Result<Self> {
        let mut pass = Pass::new(*held, loss)?;
        let mean = pass.score(&fit.candidate.coefficients);
        let measure = match by {
            By::Loss => None,
            By::Measure(measure, rule) => measured(held, pass.scores(), fitted, loss, (measure, rule), fit)?,
        };
        Ok(Self {
            weight: held.total_weight(),
            loss: mean,
            accuracy: accuracy(held, &pass),
            measure,
            relative_gap: fit.certificate.relative_gap(),
            certified: fit.verdict == Verdict::Certified,
        })
    }
}

/// The measure on the rows that have a weight, with a threshold of those that were fitted.
fn measured(
    held: &Samples<'_>,
    scores: MatRef<'_, f64>,
    fitted: &Samples<'_>,
    loss: LossKind,
    (measure, rule): (Measure, Rule),
    fit: &SampleFit,
) -> Result<Option<(f64, f64)>> {
    let (Targets::Labels(labels), Targets::Labels(seen)) = (held.targets, fitted.targets) else {
        return Ok(None);
    };
    let threshold = if measure.is_of_sets() && rule.is_fitted() {
        let mut pass = Pass::new(*fitted, loss)?;
        pass.score(&fit.candidate.coefficients);
        let rows = Counted::of(fitted, pass.scores(), seen);
        rule.fit(rows.scores.as_ref(), rows.sets.view(), rows.weights())?
    } else if measure.is_of_sets() {
        rule.fit(scores, labels, None)?
    } else {
        Threshold::Constant(0.0)
    };
    let rows = Counted::of(held, scores, labels);
    Ok(Some(measure.of(rows.scores.as_ref(), &threshold, rows.sets.view(), rows.weights())))
}

/// The rows that have a weight.
struct Counted {
    scores: Mat<f64>,
    sets: LabelSets,
    weights: Vec<f64>,
}

impl Counted {
    fn of(samples: &Samples<'_>, scores: MatRef<'_, f64>, labels: LabelRows<'_>) -> Self {
        let rows: Vec<usize> = (0..labels.rows()).filter(|i| samples.weight(*i) > 0.0).collect();
        Self {
            scores: Mat::from_fn(rows.len(), scores.ncols(), |i, k| scores[(rows[i], k)]),
            sets: labels.picked(&rows),
            weights: rows.iter().map(|row| samples.weight(*row)).collect(),
        }
    }

    /// Absent where all are 1.
    fn weights(&self) -> Option<&[f64]> {
        self.weights.iter().any(|weight| (weight - 1.0).abs() > 0.0).then_some(self.weights.as_slice())
    }
}

/// The share of the rows, by weight, whose class their scores tell.
pub(super) fn accuracy(held: &Samples<'_>, pass: &Pass<'_>) -> Option<f64> {
    let Targets::Classes(of_rows) = held.targets else { return None };
    let scores = pass.scores();
    let right = of_rows.iter().enumerate().filter(|(i, truth)| {
        let given = class((0..scores.ncols()).map(|k| scores[(*i, k)]));
        given.is_some() && given == usize::try_from(**truth).ok()
    });
    Some(right.map(|(i, _)| held.weight(i)).sum::<f64>() / held.total_weight())
}

/// What the folds say of a penalty, or the rows of a file as the only one.
pub(super) fn point(lambda: f64, folds: &[Judged]) -> PathPoint {
    let total: f64 = folds.iter().map(|fold| fold.weight).sum();
    let mean =
        |of: &dyn Fn(&Judged) -> f64| folds.iter().map(|fold| fold.weight * of(fold)).sum::<f64>() / total;
    let losses: Vec<(f64, f64)> = folds.iter().map(|fold| (fold.loss, fold.weight)).collect();
    // A fold without a row that the measure is over says nothing.
    let measures: Vec<(f64, f64)> =
        folds.iter().filter_map(|fold| fold.measure.filter(|(_, rows)| *rows > 0.0)).collect();
    let is_measured = folds.iter().any(|fold| fold.measure.is_some());
    let compared = if is_measured { &measures } else { &losses };
    PathPoint {
        lambda,
        loss: weighted_mean(&losses),
        measure: is_measured.then(|| weighted_mean(&measures)),
        std_error: (compared.len() > 1).then(|| std_error(compared)),
        accuracy: folds
            .iter()
            .all(|fold| fold.accuracy.is_some())
            .then(|| mean(&|fold| fold.accuracy.unwrap_or(f64::NAN))),
        relative_gap: folds.iter().map(|fold| fold.relative_gap).fold(0.0, f64::max),
        certified: folds.iter().all(|fold| fold.certified),
    }
}

/// Of values with their weights.
fn weighted_mean(values: &[(f64, f64)]) -> f64 {
    let total: f64 = values.iter().map(|(_, weight)| weight).sum();
    values.iter().map(|(value, weight)| weight * value).sum::<f64>() / total
}

fn std_error(values: &[(f64, f64)]) -> f64 {
    let mean = weighted_mean(values);
    let squares: Vec<(f64, f64)> =
        values.iter().map(|(value, weight)| ((value - mean).powi(2), *weight)).collect();
    (weighted_mean(&squares) / (values.len() - 1) as f64).sqrt()
}
