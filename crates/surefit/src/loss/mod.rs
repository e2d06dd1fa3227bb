//! Losses, one a file: the value and the gradient of a whole block of scores in one pass.
//!
//! Dispatch is dynamic, but once a block: a loss never sees a single row at a time.

mod squared;

pub use squared::Squared;

use crate::problem::LossKind;
use faer::{MatMut, MatRef};

/// What is known of a loss's second derivative, which decides the solvers that may use it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Curvature {
    /// Constant and the same for every output: the course of gradient descent follows from the data alone.
    Quadratic {
        /// ∂²ℓ/∂z².
        second_derivative: f64,
    },
}

/// A convex loss ℓ(z, y), additive over rows.
pub trait Loss: Sync {
    /// Returns `Σ sᵢ ℓ(zᵢ, yᵢ)` over the rows of a block and replaces the scores by `sᵢ ∂ℓ/∂zᵢ`.
    ///
    /// `scores` and `y` are rows × c; `weights` has one entry a row, absent means 1. A row of weight 0
    /// counts for nothing, whatever its scores.
    fn block(&self, scores: MatMut<'_, f64>, y: MatRef<'_, f64>, weights: Option<&[f64]>) -> f64;

    /// The shape of its second derivative.
    fn curvature(&self) -> Curvature;
}

/// The loss of that name.
pub fn named(kind: LossKind) -> &'static dyn Loss {
    match kind {
        LossKind::Squared => &Squared,
    }
}
