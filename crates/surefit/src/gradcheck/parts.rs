//! What a right gradient is made of.

use super::{Report, Subject};
use crate::loss::{Loss, Targets};
use faer::{Mat, MatRef};

/// The true parts of a gradient at one point; every vector has one entry a parameter, in their order.
#[derive(Clone, Debug, PartialEq)]
pub struct Parts {
    /// The gradient of the mean loss, without the penalty.
    pub data: Vec<f64>,
    /// That of the last batch of rows alone, for those who go through the rows in batches.
    pub last_batch: Option<Vec<f64>>,
    /// How the data part divides for a loss of classes.
    pub split: Option<Split>,
}

/// `data = wrong_classes + true_class`.
#[derive(Clone, Debug, PartialEq)]
pub struct Split {
    /// From the scores of the classes that a row does not have.
    pub wrong_classes: Vec<f64>,
    /// From the score of the class that it has.
    pub true_class: Vec<f64>,
    /// What becomes of `true_class` where the number of violated margins is mistaken for whether there is one.
    pub indicator: Vec<f64>,
}

impl Parts {
    /// From the numeric gradient, where nothing else is known; entries that are right count as they were given.
    pub(super) fn of_numbers(report: &Report, point: &[f64], subject: &Subject<'_>) -> Self {
        let penalty = subject.layout.penalized(point);
        let total =
            report.entries.iter().map(|entry| if entry.is_right() { entry.given } else { entry.numeric });
        let data = total.zip(&penalty).map(|(total, w)| total - subject.lambda * w).collect();
        Self { data, last_batch: None, split: None }
    }

    /// Of a linear model: `x` is n × rows, a column of ones included where there is an intercept, and the parameters
    /// are rows × outputs, row by row. The last `batch` rows are a batch of their own.
    pub fn of_linear(
        loss: &dyn Loss,
        x: MatRef<'_, f64>,
        targets: Targets<'_>,
        weights: Option<&[f64]>,
        parameters: MatRef<'_, f64>,
        batch: Option<usize>,
    ) -> Self {
        let n = x.nrows();
        let mut g = Mat::from_fn(n, parameters.ncols(), |_, _| 0.0);
        g.copy_from(x * parameters);
        loss.block(g.as_mut(), targets, weights);
        let weight = |i: usize| weights.map_or(1.0, |weights| weights.get(i).copied().unwrap_or(f64::NAN));
        let mean = |g: &Mat<f64>, first: usize| {
            let size: f64 = (first..n).map(weight).sum();
            let (x, g) = (x.subrows(first, n - first), g.as_ref().subrows(first, n - first));
            row_by_row(&(x.transpose() * g), 1.0 / size)
        };
        let split = match targets {
            Targets::Classes(classes) if g.ncols() > 1 => {
                let own = |i: usize, j: usize| classes.get(i).is_some_and(|class| *class as usize == j);
                let part = |entry: &dyn Fn(usize, usize) -> f64| Mat::from_fn(n, g.ncols(), entry);
                let wrong = part(&|i, j| if own(i, j) { 0.0 } else { g[(i, j)] });
                let own_part = part(&|i, j| if own(i, j) { g[(i, j)] } else { 0.0 });
                let any = part(&|i, j| if own(i, j) && g[(i, j)] != 0.0 { -weight(i) } else { 0.0 });
                Some(Split {
                    wrong_classes: mean(&wrong, 0),
                    true_class: mean(&own_part, 0),
                    indicator: mean(&any, 0),
                })
            }
            Targets::Classes(_) | Targets::Values(_) | Targets::Labels(_) => None,
        };
        let last_batch = batch.map(|rows| mean(&g, n.saturating_sub(rows)));
        Self { data: mean(&g, 0), last_batch, split }
    }
}

/// The entries, row by row.
fn row_by_row(matrix: &Mat<f64>, factor: f64) -> Vec<f64> {
    let (rows, columns) = (matrix.nrows(), matrix.ncols());
    (0..rows).flat_map(|k| (0..columns).map(move |j| factor * matrix[(k, j)])).collect()
}
