//! How far a mix is, at most, from the best one, in the problem's own numbers.

use crate::problem::{Distance, Problem};

/// What is proven of a mix.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Certificate {
    /// The objective of the mix.
    pub objective: f64,
    /// No mix that keeps the limits has a lower objective.
    pub bound: f64,
    /// `objective − bound`, at least the rounding.
    pub gap: f64,
    /// What rounding may have done to objective and bound.
    pub rounding: f64,
}

impl Certificate {
    /// Of weights with a bound that was proven, in the problem's units: with room for the rounding of both.
    pub fn new(problem: &Problem, weights: &[f64], bound: f64) -> Self {
        let objective = objective(problem, weights);
        let rounding = rounding(problem, weights, objective);
        let bound = if bound.is_finite() { (bound - rounding).min(objective) } else { f64::NEG_INFINITY };
        // A distance is not negative.
        let bound = bound.max(0.0);
        Self { objective, bound, gap: (objective - bound).max(rounding), rounding }
    }

    /// `gap / objective`; 0 for an exact mix.
    pub fn relative_gap(&self) -> f64 {
        if self.objective > 0.0 { self.gap / self.objective } else { 0.0 }
    }

    /// Whether the gap is at most `gap` of the objective, or rounding is all that is left.
    pub fn certifies(&self, gap: f64) -> bool {
        self.gap <= (gap * self.objective.abs()).max(4.0 * self.rounding)
    }
}

/// The objective at `weights`, with compensated sums (Neumaier 1974) of exact products.
pub(crate) fn objective(problem: &Problem, weights: &[f64]) -> f64 {
    let mut total = Sum::default();
    let mut most = 0.0_f64;
    for i in 0..problem.target.len() {
        let count = problem.row_weights.as_ref().map_or(1.0, |weights| weights[i]);
        if count == 0.0 {
            continue;
        }
        let mut residual = Sum::default();
        residual.add(-problem.target[i]);
        for (j, &w) in weights.iter().enumerate().filter(|(_, w)| **w != 0.0) {
            residual.add_product(w, problem.column(j)[i]);
        }
        let r = residual.value();
        match problem.distance {
            Distance::L2 => total.add_product(count * r, r),
            Distance::L1 => total.add_product(count, r.abs()),
            Distance::LInf => most = most.max(r.abs()),
        }
    }
    if problem.distance == Distance::LInf {
        return most;
    }
    for &w in weights {
        total.add_product(problem.ridge * w, w);
    }
    total.value()
}

/// What the rounding of residuals and of the equation's shift may do to the objective.
pub(crate) fn rounding(problem: &Problem, weights: &[f64], objective: f64) -> f64 {
    let norm = |values: &[f64]| values.iter().map(|x| x * x).sum::<f64>().sqrt();
    let greatest = (0..weights.len()).map(|j| norm(problem.column(j))).fold(0.0, f64::max);
    let size = greatest * weights.iter().map(|w| w.abs()).sum::<f64>() + norm(&problem.target);
    let count = problem.row_weights.as_ref().map_or(1.0, |weights| weights.iter().fold(0.0, |a, b| b.max(a)));
    let off =
        16.0 * f64::EPSILON * size * if problem.distance == Distance::L2 { count.sqrt() } else { count };
    match problem.distance {
        Distance::L2 => off * (2.0 * objective.max(0.0).sqrt() + off) + 8.0 * f64::EPSILON * objective,
        Distance::L1 => off * (problem.target.len() as f64).sqrt(),
        Distance::LInf => off,
    }
}

/// A sum in twice the working precision.
#[derive(Clone, Copy, Debug, Default)]
struct Sum {
    high: f64,
    low: f64,
}

impl Sum {
    fn add(&mut self, x: f64) {
        let sum = self.high + x;
        self.low += if self.high.abs() >= x.abs() { (self.high - sum) + x } else { (x - sum) + self.high };
        self.high = sum;
    }

    fn add_product(&mut self, a: f64, b: f64) {
        let product = a * b;
        self.add(product);
        self.low += a.mul_add(b, -product);
    }

    fn value(self) -> f64 {
        self.high + self.low
    }
}
