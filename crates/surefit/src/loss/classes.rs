//! Losses of a class: the scores of one row, one a class, are judged together.

use super::{Curvature, Loss, Targets, rows};
use crate::num::UNIT_ROUNDOFF;
use faer::{MatMut, MatRef};
use std::fmt::Debug;

/// A loss of one row's scores, whose class has its place among them, in a row of weight s > 0.
pub(super) trait ClassLoss: Sync + Debug {
    fn curvature(&self) -> Curvature;

    /// Columns of scores for so many classes.
    fn outputs(&self, classes: usize) -> usize {
        classes
    }

    /// Whether so many columns have a place for the class.
    fn has(&self, class: usize, columns: usize) -> bool {
        class < columns
    }

    /// Returns s ℓ(z) and turns the scores into s ∂ℓ/∂z.
    fn gradient(&self, z: &mut [f64], class: usize, s: f64) -> f64;

    /// Turns `v` into s ∇²ℓ(z) v; the scores are a copy that may be overwritten.
    fn hessian(&self, z: &mut [f64], class: usize, s: f64, v: &mut [f64]);

    /// See [`Loss::kept`].
    fn kept(&self) -> usize {
        0
    }

    /// See [`Loss::prepare`].
    fn prepare(&self, _z: &mut [f64], _class: usize, _s: f64, _kept: &mut [f64]) {}

    /// See [`Loss::hessian_prepared`]; for a loss that keeps numbers.
    fn turn(&self, _prepared: &[f64], _class: usize, _kept: &[f64], _v: &mut [f64]) {}

    /// s ℓ*(g/s), where there is one.
    fn conjugate(&self, g: &[f64], class: usize, s: f64) -> Option<f64>;

    /// Moves `g` to where there is one.
    fn project(&self, g: &mut [f64], class: usize, s: f64);
}

/// A [`ClassLoss`] over blocks.
#[derive(Debug)]
pub(super) struct ByClass<L>(pub L);

impl<L: ClassLoss> ByClass<L> {
    /// The class of a row, where it has a place among the columns.
    fn class(&self, targets: Targets<'_>, row: usize, columns: usize) -> Option<usize> {
        let Targets::Classes(classes) = targets else { return None };
        let class = usize::try_from(*classes.get(row)?).ok()?;
        self.0.has(class, columns).then_some(class)
    }
}

impl<L: ClassLoss> Loss for ByClass<L> {
    fn outputs(&self, classes: usize) -> usize {
        self.0.outputs(classes)
    }

    fn curvature(&self) -> Curvature {
        self.0.curvature()
    }

    fn block(&self, scores: MatMut<'_, f64>, targets: Targets<'_>, weights: Option<&[f64]>) -> f64 {
        let columns = scores.ncols();
        let target = |i| self.class(targets, i, columns);
        rows::block(scores, weights, target, |z, class, s| self.0.gradient(z, class, s))
    }

    fn hessian(
        &self,
        scores: MatRef<'_, f64>,
        targets: Targets<'_>,
        weights: Option<&[f64]>,
        direction: MatMut<'_, f64>,
    ) {
        let columns = scores.ncols();
        let target = |i| self.class(targets, i, columns);
        rows::hessian(scores, weights, direction, target, |z, class, s, v| self.0.hessian(z, class, s, v));
    }

    fn kept(&self) -> usize {
        self.0.kept()
    }

    fn prepare(
        &self,
        scores: MatMut<'_, f64>,
        kept: &mut [f64],
        targets: Targets<'_>,
        weights: Option<&[f64]>,
    ) {
        let (columns, count) = (scores.ncols(), self.kept());
        let target = |i| self.class(targets, i, columns);
        let of_row = |z: &mut [f64], class, s, kept: &mut [f64]| self.0.prepare(z, class, s, kept);
        rows::prepare(scores, (kept, count), weights, target, of_row);
    }

    fn hessian_prepared(
        &self,
        prepared: MatRef<'_, f64>,
        kept: &[f64],
        targets: Targets<'_>,
        weights: Option<&[f64]>,
        direction: MatMut<'_, f64>,
    ) {
        let (columns, count) = (prepared.ncols(), self.kept());
        if count == 0 {
            return self.hessian(prepared, targets, weights, direction);
        }
        let target = |i| self.class(targets, i, columns);
        let turn = |row: &[f64], class, kept: &[f64], v: &mut [f64]| self.0.turn(row, class, kept, v);
        rows::turn(prepared, (kept, count), weights, direction, target, turn);
    }

    fn conjugate(&self, dual: MatRef<'_, f64>, targets: Targets<'_>, weights: Option<&[f64]>) -> Option<f64> {
        let columns = dual.ncols();
        let target = |i| self.class(targets, i, columns);
        rows::conjugate(dual, weights, target, |g, class, s| self.0.conjugate(g, class, s))
    }

    fn project_dual(&self, dual: MatMut<'_, f64>, targets: Targets<'_>, weights: Option<&[f64]>) {
        let columns = dual.ncols();
        let target = |i| self.class(targets, i, columns);
        rows::project(dual, weights, target, |g, class, s| self.0.project(g, class, s));
    }
}

/// The entries of a row but that of its class.
pub(super) fn rivals(g: &[f64], class: usize) -> impl Iterator<Item = f64> {
    g.iter().enumerate().filter(move |(j, _)| *j != class).map(|(_, g)| *g)
}

/// Σ α, the rivals' entries, where all are ≥ 0 and the class's own entry is −Σα up to the rounding of a sum.
pub(super) fn balanced(g: &[f64], class: usize) -> Option<f64> {
    if !rivals(g, class).all(|alpha| alpha >= 0.0) {
        return None;
    }
    let total: f64 = rivals(g, class).sum();
    let rounding = 4.0 * g.len() as f64 * UNIT_ROUNDOFF * total;
    ((total + g[class]).abs() <= rounding).then_some(total)
}

/// Σα as [`balanced`], and at most s: the bound that is judged exactly is the class's own, g ≥ −s.
pub(super) fn in_simplex(g: &[f64], class: usize, s: f64) -> Option<f64> {
    balanced(g, class).filter(|_| g[class] >= -s)
}

/// Moves a row so that the rivals' entries are in [0, limit] and the class's own is what they leave.
pub(super) fn into_box(g: &mut [f64], class: usize, limit: f64) {
    // `max` before `min`: NaN becomes 0.
    for alpha in g.iter_mut() {
        *alpha = alpha.max(0.0).min(limit);
    }
    g[class] = -rivals(g, class).sum::<f64>();
}

/// Moves a row so that the rivals' entries are ≥ 0 with a sum of at most s.
pub(super) fn into_simplex(g: &mut [f64], class: usize, s: f64) {
    into_box(g, class, s);
    let total = -g[class];
    if total > s {
        for alpha in g.iter_mut() {
            *alpha *= s / total;
        }
        g[class] = -s;
    }
}
