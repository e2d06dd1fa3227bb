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
//!
//! # Components
//! That takes paths both ways. Labels that reach each other are a component, and edges between components lead one way: up.
//! What is compared across them costs nothing as the upper ones are moved up without end, and a dual point that sums to 0
//! has no pair of them, as around no cycle it could come back. So each component is a problem of its own labels, and each
//! row says something of one at most: with a pair within a lower and one within an upper component, the row would have an
//! edge down from the latter to the former.

use super::{Case, label_weights};
use crate::data::LabelRows;
use crate::problem::LossKind;

/// What the pairs of all rows say of the labels.
pub(super) struct Compared {
    /// c × c: `S_lk`, row by row.
    weights: Vec<f64>,
    /// The most that is taken the logarithm of.
    most: f64,
    /// c: the component of each label; edges lead to components of larger numbers.
    components: Vec<usize>,
}

/// The labels that the row has, and the others.
fn sides(labels: LabelRows<'_>, row: usize) -> [Vec<usize>; 2] {
    [true, false].map(|has| (0..labels.labels()).filter(|k| labels.has(row, *k) == has).collect())
}

impl Compared {
    /// The component of a label.
    pub fn component(&self, label: usize) -> usize {
        self.components.get(label).copied().unwrap_or(0)
    }

    /// How many components there are.
    pub fn count(&self) -> usize {
        self.components.iter().max().map_or(0, |last| last + 1)
    }

    /// Whether a label is compared with no other one both ways.
    pub fn is_alone(&self, label: usize) -> bool {
        self.components.iter().filter(|component| **component == self.component(label)).count() == 1
    }

    /// The component within which a row has pairs, if there is one.
    pub fn of_row(&self, labels: LabelRows<'_>, row: usize) -> Option<usize> {
        let (mut highest, mut lowest) = (None, None);
        for (k, &component) in self.components.iter().enumerate() {
            if labels.has(row, k) {
                lowest = Some(lowest.map_or(component, |lowest: usize| lowest.min(component)));
            } else {
                highest = Some(highest.map_or(component, |highest: usize| highest.max(component)));
            }
        }
        lowest.filter(|lowest| highest == Some(*lowest))
    }
}

impl Case<'_> {
    /// For each component the largest `b′_l − b′_k` of any two labels of it.
    pub(super) fn apart(&self, compared: &Compared, objective: f64) -> Vec<f64> {
        let Compared { weights, most, components } = compared;
        let c = components.len();
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
                LossKind::PairwiseSquaredHinge => (2.0 * value).sqrt() - 1.0,
                _ => value,
            };
            apart.max(0.0) + spread
        };
        let of_component = |component: usize| {
            let members: Vec<usize> = (0..c).filter(|k| components[*k] == component).collect();
            farthest(&members, &length) + farthest(&members, &|l, k| length(k, l))
        };
        (0..compared.count()).map(of_component).collect()
    }

    /// See [`Compared`].
    pub(super) fn compared(&self, labels: LabelRows<'_>) -> Compared {
        let c = labels.labels();
        let mut compared = Compared { weights: vec![0.0; c * c], most: 1.0, components: Vec::new() };
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
        compared.components = components(&compared.weights, c);
        compared
    }
}

/// The strongly connected components of the graph with an edge from l to k where `weights[lc + k]` is above 0, in an order in
/// which edges ascend: by how many labels reach them (S. Warshall, 1962, on words of bits).
fn components(weights: &[f64], c: usize) -> Vec<usize> {
    let words = c.div_ceil(64);
    let mut reach = vec![0u64; c * words];
    for l in 0..c {
        for k in (0..c).filter(|k| *k == l || weights[l * c + k] > 0.0) {
            reach[l * words + k / 64] |= 1 << (k % 64);
        }
    }
    let mut middle = vec![0u64; words];
    for m in 0..c {
        middle.copy_from_slice(&reach[m * words..(m + 1) * words]);
        for from in reach.chunks_exact_mut(words.max(1)) {
            if from[m / 64] >> (m % 64) & 1 == 1 {
                from.iter_mut().zip(&middle).for_each(|(from, middle)| *from |= middle);
            }
        }
    }
    let reaches = |l: usize, k: usize| reach[l * words + k / 64] >> (k % 64) & 1 == 1;
    let key = |k: usize| {
        let from = (0..c).filter(|l| reaches(*l, k));
        let first = from.clone().find(|l| reaches(k, *l)).unwrap_or(k);
        (from.count(), first)
    };
    let keys: Vec<(usize, usize)> = (0..c).map(key).collect();
    let mut order = keys.clone();
    order.sort_unstable();
    order.dedup();
    keys.iter().map(|key| order.binary_search(key).unwrap_or(0)).collect()
}

/// The longest of the shortest paths from the first of some labels to the others of them.
fn farthest(members: &[usize], length: &dyn Fn(usize, usize) -> f64) -> f64 {
    let Some((&from, others)) = members.split_first() else { return 0.0 };
    let mut open: Vec<(usize, f64)> = others.iter().map(|k| (*k, length(from, *k))).collect();
    let mut most: f64 = 0.0;
    while let Some(at) = (0..open.len()).min_by(|a, b| open[*a].1.total_cmp(&open[*b].1)) {
        let (nearest, distance) = open.swap_remove(at);
        most = most.max(distance);
        for (k, known) in &mut open {
            *known = known.min(distance + length(nearest, *k));
        }
    }
    most
}

#[cfg(test)]
mod tests {
    use super::components;
    use crate::num::random::Random;

    /// By the definition, one path after the other.
    fn reaches(edges: &[Vec<bool>], from: usize, to: usize) -> bool {
        let (mut seen, mut open) = (vec![false; edges.len()], vec![from]);
        while let Some(at) = open.pop() {
            if !std::mem::replace(&mut seen[at], true) {
                open.extend((0..edges.len()).filter(|k| edges[at][*k]));
            }
        }
        seen[to]
    }

    #[test]
    fn components_are_what_reaches_each_other_and_edges_ascend() {
        let mut random = Random(7);
        for round in 0..500 {
            let c = if round == 0 { 130 } else { 1 + random.below(9) };
            let edges: Vec<Vec<bool>> =
                (0..c).map(|_| (0..c).map(|_| random.below(c + 2) == 0).collect()).collect();
            let weights: Vec<f64> = edges.iter().flatten().map(|edge| f64::from(u8::from(*edge))).collect();
            let found = components(&weights, c);
            for from in 0..c {
                for to in 0..c {
                    let there = reaches(&edges, from, to);
                    assert_eq!(found[from] == found[to], there && reaches(&edges, to, from));
                    assert!(!there || found[from] <= found[to]);
                }
            }
        }
    }
}
