//! Losses of a class: the scores of one row, one a class, are judged together.

use super::{Curvature, Loss, Targets, weight};
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
        let mut value = 0.0;
        each_row(scores, |i, z| match (weight(weights, i), self.class(targets, i, z.len())) {
            (0.0, _) => z.fill(0.0),
            (s, Some(class)) => value += self.0.gradient(z, class, s),
            (_, None) => {
                z.fill(f64::NAN);
                value = f64::NAN;
            }
        });
        value
    }

    fn hessian(
        &self,
        scores: MatRef<'_, f64>,
        targets: Targets<'_>,
        weights: Option<&[f64]>,
        direction: MatMut<'_, f64>,
    ) {
        let mut z = vec![0.0; scores.ncols()];
        each_row(direction, |i, v| match (weight(weights, i), self.class(targets, i, v.len())) {
            (0.0, _) => v.fill(0.0),
            (s, Some(class)) => {
                z.iter_mut().zip(scores.row(i).iter()).for_each(|(z, score)| *z = *score);
                self.0.hessian(&mut z, class, s, v);
            }
            (_, None) => v.fill(f64::NAN),
        });
    }

    fn conjugate(&self, dual: MatRef<'_, f64>, targets: Targets<'_>, weights: Option<&[f64]>) -> Option<f64> {
        let mut row = vec![0.0; dual.ncols()];
        let mut value = 0.0;
        for i in 0..dual.nrows() {
            row.iter_mut().zip(dual.row(i).iter()).for_each(|(copy, g)| *copy = *g);
            match weight(weights, i) {
                0.0 if row.iter().all(|g| *g == 0.0) => {}
                0.0 => return None,
                s => value += self.0.conjugate(&row, self.class(targets, i, row.len())?, s)?,
            }
        }
        Some(value)
    }

    fn project_dual(&self, dual: MatMut<'_, f64>, targets: Targets<'_>, weights: Option<&[f64]>) {
        each_row(dual, |i, g| match (weight(weights, i), self.class(targets, i, g.len())) {
            (0.0, _) => g.fill(0.0),
            (s, Some(class)) => self.0.project(g, class, s),
            (_, None) => g.fill(f64::NAN),
        });
    }
}

/// Visits every row as a slice; entries that do not lie side by side are copied out and back.
pub(super) fn each_row(mut matrix: MatMut<'_, f64>, mut visit: impl FnMut(usize, &mut [f64])) {
    let mut copy = Vec::new();
    for i in 0..matrix.nrows() {
        let mut row = matrix.as_mut().row_mut(i);
        if let Some(row) = row.as_mut().try_as_row_major_mut() {
            visit(i, row.as_slice_mut());
            continue;
        }
        copy.clear();
        copy.extend(row.as_ref().iter().copied());
        visit(i, &mut copy);
        row.iter_mut().zip(&copy).for_each(|(entry, copied)| *entry = *copied);
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
