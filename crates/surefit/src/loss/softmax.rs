//! Multinomial logistic regression, cross-entropy: `ℓ = log Σⱼ exp zⱼ − z_y`.
//!
//! The gradient is `p − e_y`, p = softmax(z). A dual point g has `p = g + e_y` in the simplex; its conjugate is Σ p log p,
//! the negative entropy. Exponents are of differences to the largest score, so that none overflows.

use super::classes::{ClassLoss, in_simplex, into_simplex, rivals};
use super::{Curvature, entropy};

/// See the module.
#[derive(Clone, Copy, Debug)]
pub(super) struct Softmax;

/// Turns scores into exp(z − max z) and returns the largest score, and the sum but for the 1 of the largest:
/// log Σ exp z is their `max + log1p(rest)`, to the last digits also where one score dominates.
fn exponentials(z: &mut [f64]) -> (f64, f64) {
    let mut top = 0;
    let mut max = f64::NEG_INFINITY;
    for (j, &z) in z.iter().enumerate() {
        if z > max {
            (top, max) = (j, z);
        }
    }
    let mut rest = 0.0;
    for (j, z) in z.iter_mut().enumerate() {
        *z = (*z - max).exp();
        rest += if j == top { 0.0 } else { *z };
    }
    (max, rest)
}

impl ClassLoss for Softmax {
    fn curvature(&self) -> Curvature {
        Curvature::Smooth
    }

    fn gradient(&self, z: &mut [f64], class: usize, s: f64) -> f64 {
        let own = z[class];
        let (max, rest) = exponentials(z);
        let scale = s / (1.0 + rest);
        for p in z.iter_mut() {
            *p *= scale;
        }
        // What the rivals have, not p_y − 1, which cancels; and rounding leads nowhere outside the simplex.
        z[class] = -rivals(z, class).sum::<f64>().min(s);
        s * ((max - own) + rest.ln_1p())
    }

    fn hessian(&self, z: &mut [f64], class: usize, s: f64, v: &mut [f64]) {
        let mut kept = [0.0];
        self.prepare(z, class, s, &mut kept);
        self.turn(z, class, &kept, v);
    }

    fn kept(&self) -> usize {
        1
    }

    /// Scores become probabilities; s is kept.
    fn prepare(&self, z: &mut [f64], _class: usize, s: f64, kept: &mut [f64]) {
        let (_, rest) = exponentials(z);
        let inverse = 1.0 / (1.0 + rest);
        for e in z.iter_mut() {
            *e *= inverse;
        }
        kept.fill(s);
    }

    fn turn(&self, shares: &[f64], _class: usize, kept: &[f64], v: &mut [f64]) {
        let s = kept.iter().sum::<f64>();
        let mean = shares.iter().zip(v.iter()).map(|(p, v)| p * v).sum::<f64>();
        v.iter_mut().zip(shares).for_each(|(v, p)| *v = s * p * (*v - mean));
    }

    fn conjugate(&self, g: &[f64], class: usize, s: f64) -> Option<f64> {
        in_simplex(g, class, s)?;
        // The class's own 1 + g/s: its logarithm without forming a sum that rounds to 1.
        let own = g[class] / s;
        let own = if own > -1.0 { (1.0 + own) * own.ln_1p() } else { 0.0 };
        Some(s * (own + rivals(g, class).map(|g| entropy(g / s)).sum::<f64>()))
    }

    fn project(&self, g: &mut [f64], class: usize, s: f64) {
        into_simplex(g, class, s);
    }
}
