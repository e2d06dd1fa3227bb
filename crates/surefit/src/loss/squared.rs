//! The squared loss ℓ(z, y) = ½ Σₖ (zₖ − yₖ)²; its gradient is the residual z − y, its conjugate ½g² + g·y.

use super::Curvature;
use super::values::ValueLoss;

/// ½ (z − y)².
#[derive(Clone, Copy, Debug)]
pub(super) struct Squared;

impl ValueLoss for Squared {
    fn curvature(&self) -> Curvature {
        Curvature::Quadratic { second_derivative: 1.0 }
    }

    #[inline]
    fn at(&self, z: f64, y: f64, s: f64) -> (f64, f64) {
        let residual = z - y;
        (0.5 * (s * residual * residual), s * residual)
    }

    fn second(&self, _z: f64, _y: f64) -> f64 {
        1.0
    }

    fn conjugate(&self, g: f64, y: f64, s: f64) -> Option<f64> {
        g.is_finite().then(|| g * (0.5 * g / s + y))
    }

    fn clip(&self, g: f64, _s: f64) -> f64 {
        g
    }
}
