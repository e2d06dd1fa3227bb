//! Huber's loss (P. J. Huber, "Robust estimation of a location parameter", Annals of Mathematical Statistics
//! 35, 1964): ½r² for |r| ≤ δ and δ|r| − ½δ² beyond, r = z − y in the target's own units. No row pulls harder
//! than δ, and that is the domain of the conjugate: ½g² + g·y for |g| ≤ δ.

use super::Curvature;
use super::values::ValueLoss;

/// See the module.
#[derive(Clone, Copy, Debug)]
pub(super) struct Huber {
    pub delta: f64,
}

impl ValueLoss for Huber {
    fn curvature(&self) -> Curvature {
        Curvature::Smooth
    }

    #[inline]
    fn at(&self, z: f64, y: f64, s: f64) -> (f64, f64) {
        let residual = z - y;
        // The part of the residual that pulls; g (r − ½g) is ½r² within δ and δ|r| − ½δ² beyond.
        let pull = residual.max(-self.delta).min(self.delta);
        (s * (pull * (residual - 0.5 * pull)), s * pull)
    }

    fn second(&self, z: f64, y: f64) -> f64 {
        if (z - y).abs() < self.delta { 1.0 } else { 0.0 }
    }

    fn conjugate(&self, g: f64, y: f64, s: f64) -> Option<f64> {
        (g.abs() <= s * self.delta).then(|| g * (0.5 * g / s + y))
    }

    fn clip(&self, g: f64, s: f64) -> f64 {
        g.max(-s * self.delta).min(s * self.delta)
    }
}
