//! Sums over the pairs that violate a margin, in O(c log c): with both sides sorted, what a label's violations sum to
//! follows from its neighbour's.
//!
//! For points x in falling order and numbers o, `F(x) = Σ (o − x)⁺` and `Q(x) = Σ ((o − x)⁺)²` grow from one point to the
//! next, d lower, by `d·count`, by `2dF + d²·count`, and by the terms of numbers that come in. All of these are ≥ 0, so
//! nothing cancels: both keep their digits relative to themselves, however large the scores are (R. A. Lee and
//! C.-J. Lin, "Large-scale linear rankSVM", Neural Computation 26, 2014, sum over pairs by order too).

use super::{Labels, bits};

/// What exceeds a point: Σ (o − x)⁰, Σ (o − x)¹ and Σ (o − x)² over the numbers o > x, by their weights.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Excess {
    pub count: f64,
    pub sum: f64,
    pub squares: f64,
    /// How many of the numbers, largest first, those are.
    pub first: usize,
}

/// A score, or one less the margin, and whose it is.
#[derive(Clone, Copy)]
struct Point {
    x: f64,
    label: usize,
    weight: f64,
}

/// The sides of a row in order.
pub(super) struct Sorted {
    /// `x_k = z_k − margin` of Y, falling.
    own: Vec<Point>,
    /// `z_l` of Ȳ, falling.
    others: Vec<Point>,
}

impl Sorted {
    /// `None` where a score is no number.
    pub fn new(z: &[f64], labels: Labels<'_>, margin: f64) -> Option<Self> {
        let mut sorted = Self { own: Vec::new(), others: Vec::new() };
        for ((label, z), has) in z.iter().enumerate().zip(bits(labels.words)) {
            if z.is_nan() {
                return None;
            }
            let x = if has { z - margin } else { *z };
            let side = if has { &mut sorted.own } else { &mut sorted.others };
            side.push(Point { x, label, weight: labels.weight(label) });
        }
        for side in [&mut sorted.own, &mut sorted.others] {
            side.sort_unstable_by(|a, b| b.x.total_cmp(&a.x).then(a.label.cmp(&b.label)));
        }
        Some(sorted)
    }

    /// s over p·q, or over the weight of the pairs.
    pub fn share(&self, s: f64) -> f64 {
        let [own, others] =
            [&self.own, &self.others].map(|side| side.iter().map(|at| at.weight).sum::<f64>());
        if own * others > 0.0 { s / (own * others) } else { 0.0 }
    }

    /// For each label of Y its place and weight, and what others exceed it.
    pub fn of_own(&self, mut visit: impl FnMut(usize, f64, Excess)) {
        let numbers: Vec<(f64, f64)> = self.others.iter().map(|other| (other.x, other.weight)).collect();
        excesses(self.own.iter().copied(), &numbers, &mut visit);
    }

    /// For each label of Ȳ its place and weight, and what it exceeds of Y: the same with all signs turned.
    pub fn of_others(&self, mut visit: impl FnMut(usize, f64, Excess)) {
        let numbers: Vec<(f64, f64)> = self.own.iter().rev().map(|own| (-own.x, own.weight)).collect();
        excesses(self.others.iter().rev().map(|other| Point { x: -other.x, ..*other }), &numbers, &mut visit);
    }

    /// The weighted sums over `v` of the first so many others, for each number of them.
    pub fn sums_of_others(&self, v: &[f64]) -> Vec<f64> {
        running(self.others.iter().map(|other| other.weight * v[other.label]))
    }

    /// The same over labels of Y, lowest first.
    pub fn sums_of_own(&self, v: &[f64]) -> Vec<f64> {
        running(self.own.iter().rev().map(|own| own.weight * v[own.label]))
    }
}

/// The gradient of a mean over pairs of what `of` says of an excess: the sum of f, and that of −f′.
pub(super) fn gradient(z: &mut [f64], labels: Labels<'_>, s: f64, of: impl Fn(Excess) -> (f64, f64)) -> f64 {
    let Some(sorted) = Sorted::new(z, labels, 1.0) else {
        z.fill(f64::NAN);
        return f64::NAN;
    };
    let share = sorted.share(s);
    let mut value = 0.0;
    sorted.of_own(|k, weight, excess| {
        let (sum, pull) = of(excess);
        z[k] = -share * weight * pull;
        value += share * weight * sum;
    });
    sorted.of_others(|l, weight, excess| z[l] = share * weight * of(excess).1);
    value
}

fn running(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut sums = vec![0.0];
    let mut sum = 0.0;
    for value in values {
        sum += value;
        sums.push(sum);
    }
    sums
}

/// Visits points in falling order with what exceeds them of the numbers, which fall too and have weights.
fn excesses(
    points: impl Iterator<Item = Point>,
    numbers: &[(f64, f64)],
    visit: &mut impl FnMut(usize, f64, Excess),
) {
    let mut excess = Excess::default();
    let mut before = f64::INFINITY;
    for Point { x, label, weight } in points {
        if excess.first > 0 {
            let d = before - x;
            excess.squares += d * (2.0 * excess.sum + d * excess.count);
            excess.sum += d * excess.count;
        }
        while let Some(&(number, of_number)) = numbers.get(excess.first).filter(|(number, _)| *number > x) {
            let over = number - x;
            excess.squares += of_number * (over * over);
            excess.sum += of_number * over;
            excess.count += of_number;
            excess.first += 1;
        }
        before = x;
        visit(label, weight, excess);
    }
}
