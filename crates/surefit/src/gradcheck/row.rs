//! One row's share of a gradient, step by step: scores, margins, what each column of the gradient gets of x.
//!
//! The gradient of the mean loss is Σᵢ sᵢ xᵢ gᵢᵀ / S with gᵢ = ∂ℓ/∂zᵢ, one number for each column of W: row i adds x
//! to every column, so many times. For the hinge of Weston and Watkins that number is 1 for each rival within the
//! margin, 0 for the others, and for the row's own class minus their count.

use crate::data::Samples;
use crate::error::{Error, Result};
use crate::loss::{Targets, named};
use crate::problem::{Coefficients, LossKind};
use faer::MatMut;

/// What a loss of classes looks at in a score.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Margin {
    /// `δ + zⱼ − z_y` of a rival; it violates where this is above 0.
    Rival(f64),
    /// The row's own class, where rivals are compared with it.
    Own,
    /// t zⱼ, one against the rest, t = 1 for the row's own class or labels and −1 for the others.
    Signed(f64),
    /// The probability of the class, `exp zⱼ / Σ exp z`.
    Probability(f64),
    /// z − y.
    Residual(f64),
}

/// What one row adds to the gradient.
#[derive(Clone, Debug, PartialEq)]
pub struct RowGradient {
    /// The row's class; `None` for targets that are numbers.
    pub class: Option<usize>,
    /// s, the row's weight.
    pub weight: f64,
    /// S, what the sum over all rows is divided by.
    pub total: f64,
    /// ℓ of the row.
    pub loss: f64,
    /// c: `x W + b`.
    pub scores: Vec<f64>,
    /// c: what the loss makes of them.
    pub margins: Vec<Margin>,
    /// c: g = ∂ℓ/∂z, how often x goes into each column of the gradient.
    pub pulls: Vec<f64>,
    /// Column and value of every feature that is not 0.
    pub features: Vec<(usize, f64)>,
}

/// The share of row `row`, from 0, at the point `at`.
///
/// # Errors
/// No such row, coefficients of another shape, or a loss that does not go with the targets.
pub fn row_gradient(
    samples: &Samples<'_>,
    loss: LossKind,
    at: &Coefficients,
    row: usize,
) -> Result<RowGradient> {
    loss.check()?;
    let shape = samples.shape();
    if row >= shape.rows || at.weights.nrows() != shape.columns || at.intercept.len() != shape.outputs {
        return Err(Error::Internal(format!("row {row} of {} and its coefficients do not fit", shape.rows)));
    }
    let mut features = Vec::new();
    samples.x.for_each_in_row(row, |j, x| features.push((j, x)));
    let score =
        |k: usize| at.intercept[k] + features.iter().map(|&(j, x)| x * at.weights[(j, k)]).sum::<f64>();
    let scores: Vec<f64> = (0..shape.outputs).map(score).collect();
    let mut pulls = scores.clone();
    let targets = samples.targets.rows(row, 1);
    let block = MatMut::from_row_major_slice_mut(&mut pulls, 1, shape.outputs);
    let value = named(loss).block(block, targets, None);
    if value.is_nan() {
        return Err(Error::Usage {
            what: format!("the {} loss has no value at the scores of row {}", loss.name(), row + 1),
            hint: "check at coefficients whose scores are numbers".to_owned(),
        });
    }
    let class = match targets {
        Targets::Classes(of_rows) => of_rows.first().and_then(|class| usize::try_from(*class).ok()),
        Targets::Values(_) | Targets::Labels(_) => None,
    };
    Ok(RowGradient {
        class,
        weight: samples.weight(row),
        total: samples.total_weight(),
        loss: value,
        margins: margins(loss, &scores, targets, class.unwrap_or(0)),
        scores,
        pulls,
        features,
    })
}

fn margins(loss: LossKind, scores: &[f64], targets: Targets<'_>, class: usize) -> Vec<Margin> {
    let own = scores.get(class).copied().unwrap_or(0.0);
    let all = scores.iter().enumerate();
    match loss {
        LossKind::Hinge { margin }
        | LossKind::CrammerSinger { margin }
        | LossKind::SquaredHinge { margin } => all
            .map(|(j, z)| if j == class { Margin::Own } else { Margin::Rival((z - own) + margin) })
            .collect(),
        LossKind::OvrHinge | LossKind::OvrSquaredHinge | LossKind::OvrLogistic => {
            let is_own = |j: usize| if scores.len() == 1 { class == 1 } else { j == class };
            all.map(|(j, z)| Margin::Signed(if is_own(j) { *z } else { -z })).collect()
        }
        LossKind::Softmax => {
            let most = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let total: f64 = scores.iter().map(|z| (z - most).exp()).sum();
            scores.iter().map(|z| Margin::Probability((z - most).exp() / total)).collect()
        }
        LossKind::Bpmll
        | LossKind::Lsep
        | LossKind::Log1pBpmll
        | LossKind::Zlpr
        | LossKind::PairwiseHinge
        | LossKind::PairwiseSquaredHinge
        | LossKind::PairwiseLogistic
        | LossKind::GlobalThreshold
        | LossKind::LabelLogistic => {
            let has = |j: usize| matches!(targets, Targets::Labels(labels) if labels.has(0, j));
            all.map(|(j, z)| Margin::Signed(if has(j) { *z } else { -z })).collect()
        }
        LossKind::Squared | LossKind::Huber { .. } => {
            let target = |k: usize| match targets {
                Targets::Values(y) => y[(0, k)],
                Targets::Classes(_) | Targets::Labels(_) => f64::NAN,
            };
            all.map(|(k, z)| Margin::Residual(z - target(k))).collect()
        }
    }
}
