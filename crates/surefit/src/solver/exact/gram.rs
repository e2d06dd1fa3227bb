//! The triangle from the centred Gram matrix, by Cholesky: one walk over the rows and n·d² operations, and
//! twice as many digits lost as by QR.

use super::{Core, Intercept, Method, Problem, penalty_root};
use crate::data::moments::{Standard, scale_by};
use crate::num::wide::{DdMat, Triangle};
use crate::num::{Dd, UNIT_ROUNDOFF, dense};
use faer::Mat;

/// What an intercept leaves of the problem once it is eliminated: with weight τ = Sλ on b², minimising over b
/// turns `Σ s (y − b − xw)² + τ b²` into `Σ s ((y − ȳ) − (x − x̄)w)² + ρ (ȳ − x̄w)²` with ρ = Sτ/(S + τ), and
/// b = (ȳ − x̄w) · S/(S + τ). A free intercept has τ = 0, an absent one τ = ∞.
pub(super) struct Elimination {
    /// ρ: the weight of one further row `[x̄ ȳ]`.
    pub row_weight: f64,
    /// S/(S + τ): anchor = mean times this.
    pub share: f64,
    /// S + τ, the intercept's own square; absent without one.
    pub intercept_weight: Option<f64>,
}

impl Elimination {
    pub fn of(problem: &Problem, total_weight: f64) -> Self {
        let lambda = problem.penalty.lambda;
        let harmonic = |weight: f64| {
            let product = weight * lambda;
            if product.is_finite() { product / (1.0 + lambda) } else { weight * (lambda / (1.0 + lambda)) }
        };
        match problem.intercept {
            Intercept::Free => Self { row_weight: 0.0, share: 1.0, intercept_weight: Some(total_weight) },
            Intercept::Absent => Self { row_weight: total_weight, share: 0.0, intercept_weight: None },
            Intercept::Penalized => Self {
                row_weight: harmonic(total_weight),
                share: 1.0 / (1.0 + lambda),
                intercept_weight: Some(total_weight * (1.0 + lambda)),
            },
        }
    }

    /// The anchor of every number, in scaled units.
    pub fn anchor(&self, moments: &Standard) -> Vec<Dd> {
        (0..moments.mean.len())
            .map(|j| Dd::product(scale_by(moments.mean[j], -moments.exponent[j]), self.share))
            .collect()
    }
}

/// Factors the moments; nothing where the Gram matrix is not positive definite to working precision.
pub(super) fn factor(problem: &Problem, moments: &Standard) -> Option<Core> {
    let (d, c) = (moments.shape.columns, moments.shape.outputs);
    let elimination = Elimination::of(problem, moments.total_weight);
    let mean: Vec<f64> = (0..d + c).map(|j| scale_by(moments.mean[j], -moments.exponent[j])).collect();
    let whole = |i: usize, j: usize| moments.products[(i, j)] + elimination.row_weight * mean[i] * mean[j];
    let penalty = |j: usize| penalty_root(problem, moments, j).value().powi(2);
    let length: Vec<f64> = (0..d).map(|j| (whole(j, j) + penalty(j)).sqrt()).collect();
    if length.iter().any(|length| *length <= 0.0 || !length.is_finite()) {
        return None;
    }
    let mut lower = Mat::from_fn(d, d, |i, j| match i.cmp(&j) {
        std::cmp::Ordering::Less => 0.0,
        std::cmp::Ordering::Equal => 1.0,
        std::cmp::Ordering::Greater => whole(i, j) / (length[i] * length[j]),
    });
    if !dense::cholesky(lower.as_mut()) {
        return None;
    }
    let mut right = Mat::from_fn(d, c, |j, k| whole(d + k, j) / length[j]);
    dense::solve_lower(lower.as_ref(), right.as_mut());
    let factor = DdMat::from_fn(d, d + c, |i, j| {
        let value = if j >= d { right[(i, j - d)] } else { lower[(j, i)] * length[j] };
        Dd::from(if j < i { 0.0 } else { value })
    });
    let rest = (0..c)
        .map(|k| {
            let all = moments.squares[d + k] + elimination.row_weight * mean[d + k] * mean[d + k];
            let explained: f64 = right.col(k).iter().map(|z| z * z).sum();
            Dd::from((all - explained).max(0.0))
        })
        .collect();
    Some(Core {
        method: Method::Cholesky,
        triangle: Triangle { factor, rest },
        anchor: elimination.anchor(moments),
        intercept_weight: elimination.intercept_weight.map(Dd::from),
        arithmetic: 8.0 * UNIT_ROUNDOFF,
    })
}
