//! The multiclass hinge of Weston and Watkins ("Multi-class support vector machines", 1998), as Stanford's course
//! `CS231n` teaches it: `ℓ = Σ_{j≠y} max(0, δ + zⱼ − z_y)`.
//!
//! Every rival j within the margin δ pulls with `1[δ + zⱼ − z_y > 0]`, and the class itself is pushed by their number.
//! A dual point has αⱼ ∈ [0, 1] for the rivals and −Σα for the class; its conjugate is −δΣα.

use super::Curvature;
use super::classes::{ClassLoss, balanced, into_box, rivals};

/// See the module.
#[derive(Clone, Copy, Debug)]
pub(super) struct MulticlassHinge {
    pub margin: f64,
}

impl ClassLoss for MulticlassHinge {
    fn curvature(&self) -> Curvature {
        Curvature::Piecewise
    }

    fn gradient(&self, z: &mut [f64], class: usize, s: f64) -> f64 {
        let own = z[class];
        // Its own rival is none: a score of −∞ violates no margin.
        z[class] = f64::NEG_INFINITY;
        let (mut value, mut count) = (0.0, 0.0);
        for z in z.iter_mut() {
            let violation = (*z - own) + self.margin;
            // NaN counts as violated, so that it is seen in the value.
            let satisfied = violation <= 0.0;
            value += if satisfied { 0.0 } else { violation };
            count += if satisfied { 0.0 } else { 1.0 };
            *z = if satisfied { 0.0 } else { s };
        }
        z[class] = -(s * count);
        s * value
    }

    fn hessian(&self, _z: &mut [f64], _class: usize, _s: f64, v: &mut [f64]) {
        v.fill(0.0);
    }

    fn conjugate(&self, g: &[f64], class: usize, s: f64) -> Option<f64> {
        let total = balanced(g, class)?;
        rivals(g, class).all(|alpha| alpha <= s).then_some(-self.margin * total)
    }

    fn project(&self, g: &mut [f64], class: usize, s: f64) {
        into_box(g, class, s);
    }
}
