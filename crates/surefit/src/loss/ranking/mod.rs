//! Losses of label sets: the scores of one row, one a label, are judged by which labels the row has.
//!
//! For one row let Y be its p labels and Ȳ the q others. A loss of pairs compares every label of Y with every one of Ȳ, p·q
//! pairs, without forming them: what factorises goes through `exponentials`, O(c), hinges are sorted, O(c log c), and
//! only the pairwise logistic loss visits the pairs. A row with p = 0 or q = 0 has no pair, and loss 0.
//!
//! Labels can have weights ω > 0: a label counts as ω labels, `ω_k·ω_l` a pair, and means over pairs are divided by the sum of those.
//! As `ω e^{−z} = e^{−(z − log ω)}`, whatever is made of exponentials is the same loss at scores that are moved by log ω, down
//! on Y and up on Ȳ, with the same gradient; its conjugate is less by `Σ |g| log ω`.
//!
//! A dual point has `g ≤ 0` on Y and `g ≥ 0` on Ȳ, and for losses of pairs both sides have the same sum.

mod bpmll;
mod eights;
mod exponentials;
mod global_threshold;
mod hinge;
mod label_logistic;
mod log1p;
mod logistic;
mod lsep;
mod product;
mod sides;
mod smooth_hinge;
mod sorted;
mod squared_hinge;
#[cfg(test)]
mod tests;
mod transport;
mod vectors;
mod zlpr;

pub(super) use self::bpmll::Bpmll;
pub(super) use self::global_threshold::GlobalThreshold;
pub(super) use self::hinge::Hinge;
pub(super) use self::label_logistic::LabelLogistic;
pub(super) use self::log1p::Log1p;
pub(super) use self::logistic::Logistic;
pub(super) use self::lsep::Lsep;
pub(super) use self::product::Product;
pub(super) use self::sides::BySides;
pub(super) use self::smooth_hinge::SmoothHinge;
pub(super) use self::squared_hinge::SquaredHinge;
pub(super) use self::zlpr::Zlpr;

use super::{Curvature, Loss, Targets, directions, entropy, rows};
use crate::num::UNIT_ROUNDOFF;
use faer::{MatMut, MatRef};
use std::fmt::Debug;

/// The labels of a row, as bits ([`LabelRows::words`](crate::data::LabelRows::words)), and their weights.
#[derive(Clone, Copy, Debug)]
pub(super) struct Labels<'a> {
    pub words: &'a [u64],
    /// One a label; absent means 1.
    pub weights: Option<&'a [f64]>,
}

impl Labels<'_> {
    /// ω of a label.
    fn weight(&self, label: usize) -> f64 {
        self.weights.map_or(1.0, |weights| weights.get(label).copied().unwrap_or(1.0))
    }

    /// Σω over Y, and over Ȳ: p and q where labels have no weights.
    fn counts(&self, columns: usize) -> [f64; 2] {
        let Some(weights) = self.weights else { return counts(self.words, columns) };
        let mut sums = [0.0; 2];
        weights.iter().zip(bits(self.words)).for_each(|(weight, has)| sums[usize::from(!has)] += weight);
        sums
    }

    /// Moves scores by log ω, to where exponentials have their weights.
    fn weigh(&self, z: &mut [f64]) {
        for ((z, weight), has) in z.iter_mut().zip(self.weights.unwrap_or_default()).zip(bits(self.words)) {
            *z += if has { -weight.ln() } else { weight.ln() };
        }
    }

    /// Σ |g| log ω.
    fn logs(&self, g: &[f64]) -> f64 {
        g.iter().zip(self.weights.unwrap_or_default()).map(|(g, weight)| g.abs() * weight.ln()).sum()
    }
}

/// A loss of one row's scores, of which each label has one, in a row of weight s > 0.
pub(super) trait RankingLoss: Sync + Debug {
    fn curvature(&self) -> Curvature {
        Curvature::Smooth
    }

    /// [`Loss::block`].
    fn block(&self, scores: MatMut<'_, f64>, targets: Targets<'_>, weights: Option<&[f64]>) -> f64 {
        let columns = scores.ncols();
        let target = |i| labels(targets, i, columns);
        rows::block(scores, weights, target, |z, labels, s| self.gradient(z, labels, s))
    }

    /// Returns s ℓ(z) and turns the scores into s ∂ℓ/∂z.
    fn gradient(&self, z: &mut [f64], labels: Labels<'_>, s: f64) -> f64;

    /// Turns `v` into s ∇²ℓ(z) v; the scores are a copy that may be overwritten.
    fn hessian(&self, z: &mut [f64], labels: Labels<'_>, s: f64, v: &mut [f64]);

    /// See [`Loss::kept`].
    fn kept(&self) -> usize {
        0
    }

    /// See [`Loss::prepare`].
    fn prepare(&self, _z: &mut [f64], _labels: Labels<'_>, _s: f64, _kept: &mut [f64]) {}

    /// See [`Loss::hessian_prepared`]; for a loss that keeps numbers.
    fn turn(&self, _prepared: &[f64], _labels: Labels<'_>, _kept: &[f64], _v: &mut [f64]) {}

    /// [`Loss::diagonal`], where there is a formula for it.
    fn diagonal(&self, _scores: MatMut<'_, f64>, _targets: Targets<'_>, _weights: Option<&[f64]>) -> bool {
        false
    }

    /// [`Loss::add_hessians`], where there is a formula for it.
    fn add_hessians(
        &self,
        _scores: MatRef<'_, f64>,
        _targets: Targets<'_>,
        _weights: Option<&[f64]>,
        _sum: MatMut<'_, f64>,
    ) -> bool {
        false
    }

    /// See [`Loss::has_conjugate`].
    fn has_conjugate(&self) -> bool {
        true
    }

    /// s ℓ*(g/s), where there is one.
    fn conjugate(&self, _g: &[f64], _labels: Labels<'_>, _s: f64) -> Option<f64> {
        None
    }

    /// Moves `g` to where there is one.
    fn project(&self, g: &mut [f64], labels: Labels<'_>, s: f64);
}

/// A [`RankingLoss`] over blocks.
#[derive(Debug)]
pub(super) struct ByLabels<L>(pub L);

/// The labels of a row, where there is one for each column.
fn labels(targets: Targets<'_>, row: usize, columns: usize) -> Option<Labels<'_>> {
    let Targets::Labels(labels) = targets else { return None };
    let fits = labels.labels() == columns && labels.weights().is_none_or(|weights| weights.len() == columns);
    (row < labels.rows() && fits).then(|| Labels { words: labels.words(row), weights: labels.weights() })
}

impl<L: RankingLoss> Loss for ByLabels<L> {
    fn outputs(&self, classes: usize) -> usize {
        classes
    }

    fn curvature(&self) -> Curvature {
        self.0.curvature()
    }

    fn block(&self, scores: MatMut<'_, f64>, targets: Targets<'_>, weights: Option<&[f64]>) -> f64 {
        self.0.block(scores, targets, weights)
    }

    fn hessian(
        &self,
        scores: MatRef<'_, f64>,
        targets: Targets<'_>,
        weights: Option<&[f64]>,
        direction: MatMut<'_, f64>,
    ) {
        let columns = scores.ncols();
        let target = |i| labels(targets, i, columns);
        rows::hessian(scores, weights, direction, target, |z, labels, s, v| self.0.hessian(z, labels, s, v));
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
        let target = |i| labels(targets, i, columns);
        let of_row =
            |z: &mut [f64], labels: Labels<'_>, s, kept: &mut [f64]| self.0.prepare(z, labels, s, kept);
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
        let target = |i| labels(targets, i, columns);
        let turn = |row: &[f64], labels: Labels<'_>, kept: &[f64], v: &mut [f64]| {
            self.0.turn(row, labels, kept, v);
        };
        rows::turn(prepared, (kept, count), weights, direction, target, turn);
    }

    fn diagonal(&self, mut scores: MatMut<'_, f64>, targets: Targets<'_>, weights: Option<&[f64]>) {
        if !self.0.diagonal(scores.as_mut(), targets, weights) {
            directions::diagonal(self, scores, targets, weights);
        }
    }

    fn add_hessians(
        &self,
        scores: MatRef<'_, f64>,
        targets: Targets<'_>,
        weights: Option<&[f64]>,
        mut sum: MatMut<'_, f64>,
    ) {
        if !self.0.add_hessians(scores, targets, weights, sum.as_mut()) {
            directions::add_hessians(self, scores, targets, weights, sum);
        }
    }

    fn has_conjugate(&self) -> bool {
        self.0.has_conjugate()
    }

    fn conjugate(&self, dual: MatRef<'_, f64>, targets: Targets<'_>, weights: Option<&[f64]>) -> Option<f64> {
        let columns = dual.ncols();
        let target = |i| labels(targets, i, columns);
        rows::conjugate(dual, weights, target, |g, labels, s| self.0.conjugate(g, labels, s))
    }

    fn project_dual(&self, dual: MatMut<'_, f64>, targets: Targets<'_>, weights: Option<&[f64]>) {
        let columns = dual.ncols();
        let target = |i| labels(targets, i, columns);
        rows::project(dual, weights, target, |g, labels, s| self.0.project(g, labels, s));
    }
}

/// Whether the row has each label, in their order.
fn bits(labels: &[u64]) -> impl Iterator<Item = bool> {
    labels.iter().flat_map(|word| (0..u64::BITS).map(move |bit| word >> bit & 1 == 1))
}

/// p and q.
fn counts(labels: &[u64], columns: usize) -> [f64; 2] {
    let p = labels.iter().map(|word| word.count_ones() as usize).sum::<usize>();
    [p as f64, columns.saturating_sub(p) as f64]
}

/// Σ −g over Y and Σ g over Ȳ, where no entry has the wrong sign.
fn totals(g: &[f64], labels: &[u64]) -> Option<[f64; 2]> {
    let mut totals = [0.0; 2];
    for (g, has) in g.iter().zip(bits(labels)) {
        let size = if has { -g } else { *g };
        // Also where it is no number.
        if !(size >= 0.0 && size.is_finite()) {
            return None;
        }
        totals[usize::from(!has)] += size;
    }
    Some(totals)
}

/// [`totals`], where both are the same up to the rounding of a sum.
fn balanced(g: &[f64], labels: &[u64]) -> Option<[f64; 2]> {
    let totals = totals(g, labels)?;
    let rounding = slack(g.len()) * totals[0].max(totals[1]);
    ((totals[0] - totals[1]).abs() <= rounding).then_some(totals)
}

/// How far sums of the entries of a row may be off, as a share of them.
fn slack(columns: usize) -> f64 {
    (4 * columns + 8) as f64 * UNIT_ROUNDOFF
}

/// Makes 0 of entries with the wrong sign and shortens each side that sums to more than `most`.
fn clip(g: &mut [f64], labels: &[u64], most: f64) {
    let mut totals = [0.0; 2];
    for (g, has) in g.iter_mut().zip(bits(labels)) {
        let size = if has { -*g } else { *g };
        // NaN becomes 0, and a sum of the largest is a number.
        let size = if size > 0.0 { size.min(1e290) } else { 0.0 };
        totals[usize::from(!has)] += size;
        *g = if has { -size } else { size };
    }
    scale_sides(g, labels, totals.map(|total| if total > most { most / total } else { 1.0 }));
}

/// [`clip`], and the longer side is made as long as the other.
fn clip_balanced(g: &mut [f64], labels: &[u64], most: f64) {
    clip(g, labels, most);
    let Some([own, others]) = totals(g, labels) else { return };
    let ratio = |from: f64, to: f64| if from > to { to / from } else { 1.0 };
    scale_sides(g, labels, [ratio(own, others), ratio(others, own)]);
}

fn scale_sides(g: &mut [f64], labels: &[u64], factors: [f64; 2]) {
    for (g, has) in g.iter_mut().zip(bits(labels)) {
        *g *= factors[usize::from(!has)];
    }
}

/// `Σ |g| log(|g|/T)` over both sides with their sums T.
fn entropies(g: &[f64], labels: &[u64], totals: [f64; 2]) -> f64 {
    let term = |(g, has): (&f64, bool)| {
        let total = totals[usize::from(!has)];
        if *g == 0.0 { 0.0 } else { g.abs() * (g.abs() / total).ln() }
    };
    g.iter().zip(bits(labels)).map(term).sum()
}

/// log(1 + eᵘ), and its first and second derivative.
fn softplus(u: f64) -> [f64; 3] {
    // The exponent is never above 0; of NaN it is NaN.
    let small = (-u.abs()).exp();
    let slope = if u >= 0.0 { 1.0 } else { small } / (1.0 + small);
    [u.max(0.0) + small.ln_1p(), slope, small / ((1.0 + small) * (1.0 + small))]
}
