//! The multiclass hinge of Crammer and Singer ("On the algorithmic implementation of multiclass kernel-based vector
//! machines", JMLR 2, 2001): `ℓ = max(0, max_{j≠y} δ + zⱼ − z_y)`, only the strongest rival counts.
//!
//! Of several strongest ones the first is taken. A dual point has αⱼ ≥ 0 for the rivals with Σα ≤ 1 and −Σα for
//! the class; its conjugate is −δΣα.

use super::Curvature;
use super::classes::{ClassLoss, in_simplex, into_simplex};

/// See the module.
#[derive(Clone, Copy, Debug)]
pub(super) struct CrammerSinger {
    pub margin: f64,
}

impl ClassLoss for CrammerSinger {
    fn curvature(&self) -> Curvature {
        Curvature::Piecewise
    }

    fn gradient(&self, z: &mut [f64], class: usize, s: f64) -> f64 {
        let own = z[class];
        let (mut strongest, mut score) = (class, f64::NEG_INFINITY);
        for (j, &z) in z.iter().enumerate() {
            if j != class && (z > score || z.is_nan()) {
                (strongest, score) = (j, z);
            }
        }
        z.fill(0.0);
        let violation = (score - own) + self.margin;
        if violation <= 0.0 {
            return 0.0;
        }
        z[strongest] = s;
        z[class] = -s;
        s * violation
    }

    fn hessian(&self, _z: &mut [f64], _class: usize, _s: f64, v: &mut [f64]) {
        v.fill(0.0);
    }

    fn conjugate(&self, g: &[f64], class: usize, s: f64) -> Option<f64> {
        in_simplex(g, class, s).map(|total| -self.margin * total)
    }

    fn project(&self, g: &mut [f64], class: usize, s: f64) {
        into_simplex(g, class, s);
    }
}
