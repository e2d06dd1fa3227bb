//! The hinge of Weston and Watkins with its violations squared: `ℓ = Σ_{j≠y} max(0, δ + zⱼ − z_y)²`, the "L2-SVM" of
//! Stanford's course `CS231n`; a gradient without jumps.
//!
//! A dual point has αⱼ ≥ 0 for the rivals and −Σα for the class; its conjugate is Σ (α²/4 − δα).

use super::Curvature;
use super::classes::{ClassLoss, balanced, into_box, rivals};

/// See the module.
#[derive(Clone, Copy, Debug)]
pub(super) struct SquaredHinge {
    pub margin: f64,
}

impl ClassLoss for SquaredHinge {
    fn curvature(&self) -> Curvature {
        Curvature::Smooth
    }

    fn gradient(&self, z: &mut [f64], class: usize, s: f64) -> f64 {
        let own = z[class];
        // Its own rival is none: a score of −∞ violates no margin.
        z[class] = f64::NEG_INFINITY;
        let (mut value, mut total) = (0.0, 0.0);
        for z in z.iter_mut() {
            let violation = (*z - own) + self.margin;
            let counted = if violation <= 0.0 { 0.0 } else { violation };
            value += counted * counted;
            *z = s * (2.0 * counted);
            total += *z;
        }
        z[class] = -total;
        s * value
    }

    fn hessian(&self, z: &mut [f64], class: usize, s: f64, v: &mut [f64]) {
        let (own, own_direction) = (z[class], v[class]);
        z[class] = f64::NEG_INFINITY;
        let mut total = 0.0;
        for (z, v) in z.iter().zip(v.iter_mut()) {
            let satisfied = (z - own) + self.margin <= 0.0;
            *v = if satisfied { 0.0 } else { 2.0 * s * (*v - own_direction) };
            total += *v;
        }
        v[class] = -total;
    }

    fn conjugate(&self, g: &[f64], class: usize, s: f64) -> Option<f64> {
        balanced(g, class)?;
        Some(rivals(g, class).map(|alpha| alpha * (0.25 * alpha / s - self.margin)).sum())
    }

    fn project(&self, g: &mut [f64], class: usize, _s: f64) {
        // No bound but that the sum of a row is a number.
        into_box(g, class, f64::MAX / g.len() as f64);
    }
}
