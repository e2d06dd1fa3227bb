//! Sums over the pairs that violate a margin of 1, in O(c log c): with both sides sorted, what a label's violations sum to
//! follows from its neighbour's.
//!
//! For points x in falling order and numbers o, `F(x) = Σ (o − x)⁺` and `Q(x) = Σ ((o − x)⁺)²` grow from one point to the
//! next, d lower, by `d·count`, by `2dF + d²·count`, and by the terms of numbers that come in. All of these are ≥ 0, so
//! nothing cancels: both keep their digits relative to themselves, however large the scores are (R. A. Lee and
//! C.-J. Lin, "Large-scale linear rankSVM", Neural Computation 26, 2014, sum over pairs by order too).

use super::bits;

/// What exceeds a point: Σ (o − x)⁰, Σ (o − x)¹ and Σ (o − x)² over the numbers o > x.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Excess {
    pub count: f64,
    pub sum: f64,
    pub squares: f64,
    /// How many of the numbers, largest first, those are.
    pub first: usize,
}

/// The sides of a row in order, with the place of each label.
pub(super) struct Sorted {
    /// `x_k = z_k − 1` of Y, falling.
    own: Vec<(f64, usize)>,
    /// `z_l` of Ȳ, falling.
    others: Vec<(f64, usize)>,
}

impl Sorted {
    /// `None` where a score is no number.
    pub fn new(z: &[f64], labels: &[u64]) -> Option<Self> {
        let mut sorted = Self { own: Vec::new(), others: Vec::new() };
        for ((place, z), has) in z.iter().enumerate().zip(bits(labels)) {
            if z.is_nan() {
                return None;
            }
            if has { sorted.own.push((z - 1.0, place)) } else { sorted.others.push((*z, place)) }
        }
        for side in [&mut sorted.own, &mut sorted.others] {
            side.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        }
        Some(sorted)
    }

    /// p·q.
    pub fn pairs(&self) -> f64 {
        (self.own.len() * self.others.len()) as f64
    }

    /// For each label of Y its place, and what others exceed it.
    pub fn of_own(&self, mut visit: impl FnMut(usize, Excess)) {
        let numbers: Vec<f64> = self.others.iter().map(|other| other.0).collect();
        excesses(self.own.iter().copied(), &numbers, &mut visit);
    }

    /// For each label of Ȳ its place, and what it exceeds of Y: the same with all signs turned.
    pub fn of_others(&self, mut visit: impl FnMut(usize, Excess)) {
        let numbers: Vec<f64> = self.own.iter().rev().map(|own| -own.0).collect();
        excesses(self.others.iter().rev().map(|other| (-other.0, other.1)), &numbers, &mut visit);
    }

    /// The sums over `v` of the first so many others, for each number of them.
    pub fn sums_of_others(&self, v: &[f64]) -> Vec<f64> {
        running(self.others.iter().map(|other| v[other.1]))
    }

    /// The same over labels of Y, lowest first.
    pub fn sums_of_own(&self, v: &[f64]) -> Vec<f64> {
        running(self.own.iter().rev().map(|own| v[own.1]))
    }
}

/// The gradient of a mean over pairs of what `of` says of an excess: the sum of f, and that of −f′.
pub(super) fn gradient(z: &mut [f64], labels: &[u64], s: f64, of: impl Fn(Excess) -> (f64, f64)) -> f64 {
    let Some(sorted) = Sorted::new(z, labels) else {
        z.fill(f64::NAN);
        return f64::NAN;
    };
    let share = s / sorted.pairs().max(1.0);
    let mut value = 0.0;
    sorted.of_own(|k, excess| {
        let (sum, pull) = of(excess);
        z[k] = -share * pull;
        value += share * sum;
    });
    sorted.of_others(|l, excess| z[l] = share * of(excess).1);
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

/// Visits points in falling order with what exceeds them of the numbers, which fall too.
fn excesses(
    points: impl Iterator<Item = (f64, usize)>,
    numbers: &[f64],
    visit: &mut impl FnMut(usize, Excess),
) {
    let mut excess = Excess::default();
    let mut before = f64::INFINITY;
    for (x, place) in points {
        if excess.first > 0 {
            let d = before - x;
            excess.squares += d * (2.0 * excess.sum + d * excess.count);
            excess.sum += d * excess.count;
        }
        while let Some(number) = numbers.get(excess.first).filter(|number| **number > x) {
            let over = number - x;
            excess.squares += over * over;
            excess.sum += over;
            excess.count += 1.0;
            excess.first += 1;
        }
        before = x;
        visit(place, excess);
    }
}
