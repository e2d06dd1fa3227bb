//! Losses, one a file: value and gradient of a whole block of scores in one pass, second derivative, and the
//! conjugate that makes a gradient a proof.
//!
//! Dispatch is dynamic, but once a block: a loss never sees a single row at a time. What one number or one row
//! means is in the file of the loss; strides, weights and targets are walked in `values`, `classes` and `ranking`.
//!
//! # From a gradient to a bound
//!
//! A dual point G has the form of a gradient: row i is `gᵢ = sᵢ ∂ℓ/∂z` at some scores, not necessarily the
//! model's own. By Fenchel and Young `ℓ(z) + ℓ*(g) − g·z ≥ 0` for every row, and with `W(G) = −XᵀG/(λS)`,
//! S = Σ sᵢ, the objective of any W without a free intercept is above the optimum by at most
//!
//! ```text
//! (1/S) Σ [sᵢ ℓ(zᵢ) + sᵢ ℓ*(gᵢ/sᵢ) − gᵢ·zᵢ]  +  (λ/2) ‖W − W(G)‖²
//! ```
//!
//! For classes the entries of a row of G sum to 0 (moving all scores by as much changes nothing), except
//! one against the rest: the class's own entry is what the others leave. For pairs of labels they sum to 0 too.

mod classes;
mod crammer_singer;
mod directions;
mod huber;
mod multiclass_hinge;
mod one_vs_rest;
mod ranking;
mod rounded;
mod rows;
mod softmax;
mod squared;
mod squared_hinge;
#[cfg(test)]
pub(crate) mod tests;
mod values;

use self::classes::ByClass;
use self::ranking::ByLabels;
use self::values::ByValue;
use crate::data::LabelRows;
use crate::problem::LossKind;
use faer::{MatMut, MatRef};
use std::fmt::Debug;

/// What is known of a loss's second derivative, which decides the solvers that may use it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Curvature {
    /// Constant and the same for every output: the course of gradient descent follows from the data alone.
    Quadratic {
        /// ∂²ℓ/∂z².
        second_derivative: f64,
    },
    /// The gradient is continuous, and as steep as the second derivative says wherever that exists: squared
    /// hinges and Huber's loss have one that jumps.
    Smooth,
    /// Linear pieces: the gradient jumps at kinks, and between them there is no curvature at all.
    Piecewise,
}

/// What the scores of a block are compared with, one target a row.
#[derive(Clone, Copy, Debug)]
pub enum Targets<'a> {
    /// Numbers, rows × c.
    Values(MatRef<'a, f64>),
    /// A class for each row, counted from 0.
    Classes(&'a [u32]),
    /// A set of labels for each row.
    Labels(LabelRows<'a>),
}

/// A convex loss ℓ(z, y), additive over rows.
///
/// Scores, directions and dual points are rows × c in any strides; row-major is fastest for losses of a
/// class or of labels, column-major for losses of numbers. `weights` has one entry sᵢ ≥ 0 a row, absent means 1. A row of
/// weight 0 counts for nothing, whatever its scores.
///
/// Nothing here fails: a target of the wrong kind, one that is missing, or a class without a column makes NaN
/// of the row, and so of the value. NaN arises in no other way from finite scores.
pub trait Loss: Sync + Debug {
    /// Columns of scores for so many classes or labels; for numbers, for so many targets.
    fn outputs(&self, classes: usize) -> usize;

    /// The shape of its second derivative.
    fn curvature(&self) -> Curvature;

    /// Returns `Σ sᵢ ℓ(zᵢ, yᵢ)` over the rows of a block and replaces the scores by `sᵢ ∂ℓ/∂zᵢ`; at a kink by
    /// one of the subgradients, the one of a strict indicator `1[· > 0]`.
    fn block(&self, scores: MatMut<'_, f64>, targets: Targets<'_>, weights: Option<&[f64]>) -> f64;

    /// Replaces the direction, rows × c, by `sᵢ ∇²ℓ(zᵢ)` times it: zeros for linear pieces, and where the second
    /// derivative jumps that of the side on which the gradient is smaller.
    fn hessian(
        &self,
        scores: MatRef<'_, f64>,
        targets: Targets<'_>,
        weights: Option<&[f64]>,
        direction: MatMut<'_, f64>,
    );

    /// How many numbers of a row, beside one for each score, [`Self::prepare`] leaves; 0 where scores stay as they are.
    fn kept(&self) -> usize {
        0
    }

    /// Does once what all products with the Hessian at these scores have in common: the scores become what
    /// [`Self::hessian_prepared`] takes, and `kept` has [`Self::kept`] numbers for each row.
    fn prepare(
        &self,
        _scores: MatMut<'_, f64>,
        _kept: &mut [f64],
        _targets: Targets<'_>,
        _weights: Option<&[f64]>,
    ) {
    }

    /// [`Self::hessian`] from what [`Self::prepare`] left of the scores.
    fn hessian_prepared(
        &self,
        prepared: MatRef<'_, f64>,
        _kept: &[f64],
        targets: Targets<'_>,
        weights: Option<&[f64]>,
        direction: MatMut<'_, f64>,
    ) {
        self.hessian(prepared, targets, weights, direction);
    }

    /// Replaces the scores by the diagonals of `sᵢ ∇²ℓ(zᵢ)`.
    fn diagonal(&self, scores: MatMut<'_, f64>, targets: Targets<'_>, weights: Option<&[f64]>) {
        directions::diagonal(self, scores, targets, weights);
    }

    /// Adds `Σ sᵢ ∇²ℓ(zᵢ)`, c × c.
    fn add_hessians(
        &self,
        scores: MatRef<'_, f64>,
        targets: Targets<'_>,
        weights: Option<&[f64]>,
        sum: MatMut<'_, f64>,
    ) {
        directions::add_hessians(self, scores, targets, weights, sum);
    }

    /// `Σ sᵢ ℓ*(gᵢ/sᵢ)` at a dual point of rows `gᵢ`; `None` outside its domain.
    ///
    /// Where [`Self::has_conjugate`] says no, `None` everywhere.
    ///
    /// Bounds on single entries are judged exactly, sums of a row up to the rounding of a sum: no point
    /// that [`Loss::block`] or [`Loss::project_dual`] made is refused. A row of weight 0 must be 0.
    fn conjugate(&self, dual: MatRef<'_, f64>, targets: Targets<'_>, weights: Option<&[f64]>) -> Option<f64>;

    /// Whether the conjugate has a formula. That of a mean over pairs of labels is a transport problem; a dual point is
    /// then proven by the scores z′ whose gradient it is, where `ℓ*(g) = g·z′ − ℓ(z′)`.
    fn has_conjugate(&self) -> bool {
        true
    }

    /// Moves a point into the domain of [`Loss::conjugate`]: entries are clipped, a row that sums to too much
    /// is shortened, and the entry of the row's class is what the others leave.
    fn project_dual(&self, dual: MatMut<'_, f64>, targets: Targets<'_>, weights: Option<&[f64]>);
}

/// The loss of that name.
pub fn named(kind: LossKind) -> Box<dyn Loss> {
    match kind {
        LossKind::Squared => Box::new(ByValue(squared::Squared)),
        LossKind::Huber { delta } => Box::new(ByValue(huber::Huber { delta })),
        LossKind::Hinge { margin } => Box::new(ByClass(multiclass_hinge::MulticlassHinge { margin })),
        LossKind::CrammerSinger { margin } => Box::new(ByClass(crammer_singer::CrammerSinger { margin })),
        LossKind::SquaredHinge { margin } => Box::new(ByClass(squared_hinge::SquaredHinge { margin })),
        LossKind::OvrHinge => Box::new(ByClass(one_vs_rest::OneVsRest(one_vs_rest::Hinge))),
        LossKind::OvrSquaredHinge => Box::new(ByClass(one_vs_rest::OneVsRest(one_vs_rest::SquaredHinge))),
        LossKind::OvrLogistic => Box::new(ByClass(one_vs_rest::OneVsRest(one_vs_rest::Logistic))),
        LossKind::Softmax => Box::new(ByClass(softmax::Softmax)),
        LossKind::Bpmll => Box::new(ByLabels(ranking::BySides(ranking::Product(ranking::Bpmll)))),
        LossKind::Lsep => Box::new(ByLabels(ranking::BySides(ranking::Product(ranking::Lsep)))),
        LossKind::Log1pBpmll => Box::new(ByLabels(ranking::BySides(ranking::Product(ranking::Log1p)))),
        LossKind::Zlpr => Box::new(ByLabels(ranking::BySides(ranking::Zlpr))),
        LossKind::PairwiseHinge => Box::new(ByLabels(ranking::Hinge)),
        LossKind::PairwiseSquaredHinge => Box::new(ByLabels(ranking::SquaredHinge)),
        LossKind::PairwiseLogistic => Box::new(ByLabels(ranking::Logistic)),
        LossKind::GlobalThreshold => Box::new(ByLabels(ranking::GlobalThreshold)),
        LossKind::LabelLogistic => Box::new(ByLabels(ranking::LabelLogistic)),
    }
}

/// That loss with its kinks rounded over a width, below it by half the width at most for each row (for each rival, of Weston and
/// Watkins); absent where it has no kinks of that kind.
pub(crate) fn rounded(kind: LossKind, width: f64) -> Option<Box<dyn Loss>> {
    Some(match kind {
        LossKind::Hinge { margin } => Box::new(ByClass(rounded::RoundedHinge { margin, width })),
        LossKind::CrammerSinger { margin } => {
            Box::new(ByClass(rounded::RoundedCrammerSinger { margin, width }))
        }
        LossKind::OvrHinge => Box::new(ByClass(one_vs_rest::OneVsRest(rounded::RoundedMargin { width }))),
        LossKind::PairwiseHinge => Box::new(ByLabels(ranking::SmoothHinge { width })),
        _ => return None,
    })
}

/// sᵢ; NaN where the weights end too early.
fn weight(weights: Option<&[f64]>, row: usize) -> f64 {
    weights.map_or(1.0, |weights| weights.get(row).copied().unwrap_or(f64::NAN))
}

/// p log p, 0 at 0.
fn entropy(p: f64) -> f64 {
    if p > 0.0 { p * p.ln() } else { 0.0 }
}
