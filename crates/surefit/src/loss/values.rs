//! Losses of numbers: every score has a target of its own, and the loss is a sum over both.

use super::{Curvature, Loss, Targets, weight};
use faer::{ColMut, ColRef, MatMut, MatRef};
use std::fmt::Debug;

/// A loss of one number z with target y, in a row of weight s > 0.
pub(super) trait ValueLoss: Sync + Debug {
    fn curvature(&self) -> Curvature;

    /// s ℓ(z, y) and its derivative in z.
    fn at(&self, z: f64, y: f64, s: f64) -> (f64, f64);

    /// ∂²ℓ/∂z².
    fn second(&self, z: f64, y: f64) -> f64;

    /// s ℓ*(g/s), where there is one.
    fn conjugate(&self, g: f64, y: f64, s: f64) -> Option<f64>;

    /// The nearest g that has a conjugate.
    fn clip(&self, g: f64, s: f64) -> f64;
}

/// A [`ValueLoss`] over blocks.
#[derive(Debug)]
pub(super) struct ByValue<L>(pub L);

/// Independent sums, so that the loop vectorises; their number and order are fixed, so that the result has
/// the same bits on every processor.
const LANES: usize = 8;

/// The targets, where they are numbers and as many as the scores.
fn values(targets: Targets<'_>, rows: usize, columns: usize) -> Option<MatRef<'_, f64>> {
    match targets {
        Targets::Values(y) if y.nrows() == rows && y.ncols() == columns => Some(y),
        Targets::Values(_) | Targets::Classes(_) | Targets::Labels(_) => None,
    }
}

impl<L: ValueLoss> Loss for ByValue<L> {
    fn outputs(&self, targets: usize) -> usize {
        targets
    }

    fn curvature(&self) -> Curvature {
        self.0.curvature()
    }

    fn block(&self, mut scores: MatMut<'_, f64>, targets: Targets<'_>, weights: Option<&[f64]>) -> f64 {
        let Some(y) = values(targets, scores.nrows(), scores.ncols()) else {
            scores.fill(f64::NAN);
            return f64::NAN;
        };
        let mut value = 0.0;
        for k in 0..scores.ncols() {
            let (column, target) = (scores.as_mut().col_mut(k), y.col(k));
            value += match (column.try_as_col_major_mut(), target.try_as_col_major(), weights) {
                (Some(z), Some(y), None) => unweighted(&self.0, z.as_slice_mut(), y.as_slice()),
                _ => any_layout(&self.0, scores.as_mut().col_mut(k), target, weights),
            };
        }
        value
    }

    fn hessian(
        &self,
        scores: MatRef<'_, f64>,
        targets: Targets<'_>,
        weights: Option<&[f64]>,
        mut direction: MatMut<'_, f64>,
    ) {
        let Some(y) = values(targets, scores.nrows(), scores.ncols()) else {
            direction.fill(f64::NAN);
            return;
        };
        for k in 0..scores.ncols() {
            let pairs = scores.col(k).iter().zip(y.col(k).iter());
            for (i, (v, (z, y))) in direction.as_mut().col_mut(k).iter_mut().zip(pairs).enumerate() {
                let s = weight(weights, i);
                *v = if s == 0.0 { 0.0 } else { s * self.0.second(*z, *y) * *v };
            }
        }
    }

    fn conjugate(&self, dual: MatRef<'_, f64>, targets: Targets<'_>, weights: Option<&[f64]>) -> Option<f64> {
        let y = values(targets, dual.nrows(), dual.ncols())?;
        let mut value = 0.0;
        for (dual, y) in dual.col_iter().zip(y.col_iter()) {
            for (i, (&g, &y)) in dual.iter().zip(y.iter()).enumerate() {
                match weight(weights, i) {
                    0.0 if g == 0.0 => {}
                    0.0 => return None,
                    s => value += self.0.conjugate(g, y, s)?,
                }
            }
        }
        Some(value)
    }

    fn project_dual(&self, mut dual: MatMut<'_, f64>, _targets: Targets<'_>, weights: Option<&[f64]>) {
        for column in dual.as_mut().col_iter_mut() {
            for (i, g) in column.iter_mut().enumerate() {
                let s = weight(weights, i);
                *g = if s == 0.0 { 0.0 } else { self.0.clip(*g, s) };
            }
        }
    }
}

/// The sum over one output, leaving the derivatives in `z`.
fn unweighted<L: ValueLoss>(loss: &L, z: &mut [f64], y: &[f64]) -> f64 {
    let mut lanes = [0.0; LANES];
    for (z, y) in z.chunks_mut(LANES).zip(y.chunks(LANES)) {
        for ((z, y), lane) in z.iter_mut().zip(y).zip(&mut lanes) {
            let (value, derivative) = loss.at(*z, *y, 1.0);
            *z = derivative;
            *lane += value;
        }
    }
    lanes.iter().sum()
}

/// The same for any strides and with row weights.
fn any_layout<L: ValueLoss>(
    loss: &L,
    mut z: ColMut<'_, f64>,
    y: ColRef<'_, f64>,
    weights: Option<&[f64]>,
) -> f64 {
    let mut lanes = [0.0; LANES];
    for (i, (z, y)) in z.as_mut().iter_mut().zip(y.iter()).enumerate() {
        let s = weight(weights, i);
        // Not 0 · residual, which is NaN for a row that overflows.
        let (value, derivative) = if s == 0.0 { (0.0, 0.0) } else { loss.at(*z, *y, s) };
        *z = derivative;
        lanes[i % LANES] += value;
    }
    lanes.iter().sum()
}
