//! How far apart two intercepts can be where labels are compared with each other.
//!
//! Row i compares every label l that it has not with every label k that it has, so its loss bounds `z_l − z_k`. Let
//! `f(z_l − z_k)` be what it is at least, times 1/pq for means over pairs, and `S_lk` the sum of the weights, by as much, of
//! such rows. A point no worse than the answer has `Σ sℓ ≤ SP`, and by Jensen the mean of `z_l − z_k` over them is at most
//! `f⁻¹(SP/S_lk)`:
//!
//! | loss | f(t) | f⁻¹(v) |
//! |---|---|---|
//! | BP-MLL | eᵗ/pq | log v |
//! | LSEP | log(1 + eᵗ) ≥ t | v |
//! | log(1 + E) | log(1 + eᵗ/pq) ≥ t − log pq | v + log pq, the largest |
//! | pairwise hinge | (1 + t)⁺/pq | v − 1 |
//! | pairwise squared hinge | ½ ((1 + t)⁺)²/pq | √(2v) − 1 |
//! | pairwise logistic | log(1 + eᵗ)/pq ≥ t/pq | v |
//!
//! Weights ω of labels make pq the weight of the pairs, a share of it `ω_l ω_k/pq`, and of the second and third loss
//! `t + log(ω_l ω_k)` and the like: log of the largest `pq/ω_l ω_k`, or `1/ω_l ω_k`, is added there.
//!
//! With `|x·(w′_l − w′_k)| ≤ √2 R‖x‖` this bounds `b′_l − b′_k` by the length of an edge from l to k. Any two labels are
//! bounded by a path between them, and all by the longest way to some label and from it (E. W. Dijkstra, 1959).

use super::{Case, label_weights};
use crate::data::LabelRows;
use crate::problem::LossKind;

/// `S_lk`, row by row, and the most that is taken the logarithm of.
struct Compared {
    weights: Vec<f64>,
    most: f64,
}

/// The labels that the row has, and the others.
fn sides(labels: LabelRows<'_>, row: usize) -> [Vec<usize>; 2] {
    [true, false].map(|has| (0..labels.labels()).filter(|k| labels.has(row, *k) == has).collect())
}

impl Case<'_> {
    /// The largest `b′_l − b′_k` of any two labels that are not idle; infinite where no path bounds it.
    pub(super) fn apart(&self, labels: LabelRows<'_>, objective: f64, idle: &[bool]) -> f64 {
        let c = idle.len();
        let Compared { weights, most } = self.compared(labels);
        let longest = self.rows_with_weight().map(|(i, _)| self.scores.rows[i]).fold(0.0, f64::max).sqrt();
        let spread = std::f64::consts::SQRT_2 * (2.0 * objective).sqrt() * longest;
        // Sums of positive terms, rounded upwards.
        let total = self.total * objective * (1.0 + 1e-9);
        let loss = self.problem.loss;
        let length = |l: usize, k: usize| {
            let value = total / weights[l * c + k];
            let apart = match loss {
                LossKind::Bpmll => value.ln(),
                LossKind::Log1pBpmll | LossKind::Lsep => value + most.ln(),
                LossKind::PairwiseHinge => value - 1.0,
                LossKind::SmoothPairwiseHinge { width } => value - 1.0 + 0.5 * width,
                LossKind::PairwiseSquaredHinge => (2.0 * value).sqrt() - 1.0,
                _ => value,
            };
            apart.max(0.0) + spread
        };
        let Some(hub) = idle.iter().position(|idle| !idle) else { return 0.0 };
        let there = farthest(hub, idle, &length);
        let back = farthest(hub, idle, &|l, k| length(k, l));
        there + back
    }

    fn compared(&self, labels: LabelRows<'_>) -> Compared {
        let c = labels.labels();
        let mut compared = Compared { weights: vec![0.0; c * c], most: 1.0 };
        let whole = matches!(self.problem.loss, LossKind::Lsep | LossKind::Log1pBpmll);
        let of_labels = label_weights(self.samples);
        let weight = |k: usize| of_labels.get(k).copied().unwrap_or(1.0);
        for (i, s) in self.rows_with_weight() {
            let [own, others] = sides(labels, i);
            let [total, rest] = [&own, &others].map(|side| side.iter().map(|k| weight(*k)).sum::<f64>());
            let pairs = if self.problem.loss == LossKind::Lsep { 1.0 } else { total * rest };
            for l in others {
                let weights = &mut compared.weights[l * c..(l + 1) * c];
                for k in &own {
                    let pair = weight(l) * weight(*k);
                    weights[*k] += if whole { s } else { s * (pair / pairs) };
                    compared.most = compared.most.max(pairs / pair);
                }
            }
        }
        compared
    }
}

/// The longest of the shortest paths from a label to all that are not idle.
fn farthest(from: usize, idle: &[bool], length: &dyn Fn(usize, usize) -> f64) -> f64 {
    let mut open: Vec<usize> = (0..idle.len()).filter(|k| !idle[*k] && *k != from).collect();
    let mut distance: Vec<f64> = (0..idle.len()).map(|k| length(from, k)).collect();
    let mut most: f64 = 0.0;
    while let Some((at, &nearest)) =
        open.iter().enumerate().min_by(|a, b| distance[*a.1].total_cmp(&distance[*b.1]))
    {
        open.swap_remove(at);
        most = most.max(distance[nearest]);
        for &k in &open {
            distance[k] = distance[k].min(distance[nearest] + length(nearest, k));
        }
    }
    most
}
