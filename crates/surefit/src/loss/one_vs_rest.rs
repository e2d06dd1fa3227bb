//! One against the rest: ℓ = Σⱼ f(tⱼ zⱼ), tⱼ = 1 for the row's class and −1 for every other; every class is a problem
//! of two classes of its own. Two classes have one column of scores, positive for the second.
//!
//! The entries of a dual point are −tⱼβⱼ, and its conjugate is Σ f*(−βⱼ).

use super::Curvature;
use super::classes::ClassLoss;
use std::fmt::Debug;

/// f, a decreasing convex loss of the margin m = t z.
pub(super) trait MarginLoss: Sync + Debug {
    fn curvature(&self) -> Curvature;
    /// f(m), and β = −f′(m) ≥ 0.
    fn at(&self, m: f64) -> (f64, f64);
    /// f″(m).
    fn second(&self, m: f64) -> f64;
    /// The largest β.
    fn limit(&self) -> f64;
    /// s f*(−b/s) for 0 ≤ b ≤ s · limit.
    fn conjugate(&self, b: f64, s: f64) -> f64;
}

/// max(0, 1 − m); f*(−β) = −β for β in [0, 1].
#[derive(Clone, Copy, Debug)]
pub(super) struct Hinge;

impl MarginLoss for Hinge {
    fn curvature(&self) -> Curvature {
        Curvature::Piecewise
    }

    fn at(&self, m: f64) -> (f64, f64) {
        if m >= 1.0 { (0.0, 0.0) } else { (1.0 - m, 1.0) }
    }

    fn second(&self, _m: f64) -> f64 {
        0.0
    }

    fn limit(&self) -> f64 {
        1.0
    }

    fn conjugate(&self, b: f64, _s: f64) -> f64 {
        -b
    }
}

/// max(0, 1 − m)²; f*(−β) = β²/4 − β for β ≥ 0.
#[derive(Clone, Copy, Debug)]
pub(super) struct SquaredHinge;

impl MarginLoss for SquaredHinge {
    fn curvature(&self) -> Curvature {
        Curvature::Smooth
    }

    fn at(&self, m: f64) -> (f64, f64) {
        let violation = if m >= 1.0 { 0.0 } else { 1.0 - m };
        (violation * violation, 2.0 * violation)
    }

    fn second(&self, m: f64) -> f64 {
        if m >= 1.0 { 0.0 } else { 2.0 }
    }

    fn limit(&self) -> f64 {
        f64::MAX
    }

    fn conjugate(&self, b: f64, s: f64) -> f64 {
        b * (0.25 * b / s - 1.0)
    }
}

/// log(1 + e^{−m}); f*(−β) = β log β + (1 − β) log(1 − β) for β in [0, 1].
#[derive(Clone, Copy, Debug)]
pub(super) struct Logistic;

impl MarginLoss for Logistic {
    fn curvature(&self) -> Curvature {
        Curvature::Smooth
    }

    fn at(&self, m: f64) -> (f64, f64) {
        // The exponent is never above 0.
        let small = (-m.abs()).exp();
        let beta = if m >= 0.0 { small } else { 1.0 } / (1.0 + small);
        (small.ln_1p() - m.min(0.0), beta)
    }

    fn second(&self, m: f64) -> f64 {
        let small = (-m.abs()).exp();
        small / ((1.0 + small) * (1.0 + small))
    }

    fn limit(&self) -> f64 {
        1.0
    }

    fn conjugate(&self, b: f64, s: f64) -> f64 {
        let entropy = |p: f64| if p > 0.0 { p * p.ln() } else { 0.0 };
        let rest = s - b;
        // log(1 − β) from whichever of the two keeps its digits.
        let other = if b < rest { rest / s * (-b / s).ln_1p() } else { entropy(rest / s) };
        s * (entropy(b / s) + other)
    }
}

/// See the module.
#[derive(Clone, Copy, Debug)]
pub(super) struct OneVsRest<F>(pub F);

/// tⱼ.
fn sign(j: usize, class: usize, columns: usize) -> f64 {
    let positive = if columns == 1 { class == 1 } else { j == class };
    if positive { 1.0 } else { -1.0 }
}

impl<F: MarginLoss> ClassLoss for OneVsRest<F> {
    fn curvature(&self) -> Curvature {
        self.0.curvature()
    }

    fn outputs(&self, classes: usize) -> usize {
        if classes == 2 { 1 } else { classes }
    }

    fn has(&self, class: usize, columns: usize) -> bool {
        class < columns.max(2)
    }

    fn gradient(&self, z: &mut [f64], class: usize, s: f64) -> f64 {
        let columns = z.len();
        let mut value = 0.0;
        for (j, z) in z.iter_mut().enumerate() {
            let t = sign(j, class, columns);
            let (f, beta) = self.0.at(t * *z);
            *z = -t * (s * beta);
            value += f;
        }
        s * value
    }

    fn hessian(&self, z: &mut [f64], class: usize, s: f64, v: &mut [f64]) {
        let columns = z.len();
        for (j, (z, v)) in z.iter().zip(v).enumerate() {
            *v *= s * self.0.second(sign(j, class, columns) * z);
        }
    }

    fn conjugate(&self, g: &[f64], class: usize, s: f64) -> Option<f64> {
        let columns = g.len();
        let mut value = 0.0;
        for (j, g) in g.iter().enumerate() {
            let b = -sign(j, class, columns) * g;
            if !(b >= 0.0 && b <= s * self.0.limit()) {
                return None;
            }
            value += self.0.conjugate(b, s);
        }
        Some(value)
    }

    fn project(&self, g: &mut [f64], class: usize, s: f64) {
        let columns = g.len();
        for (j, g) in g.iter_mut().enumerate() {
            let t = sign(j, class, columns);
            *g = -t * (-t * *g).max(0.0).min(s * self.0.limit());
        }
    }
}
