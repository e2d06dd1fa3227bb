//! The mean of `max(0, 1 − (z_k − z_l))` over the pairs (A. Elisseeff and J. Weston, "A kernel method for multi-labelled
//! classification", NIPS 2001), in O(c log c).

use super::super::Curvature;
use super::sorted;
use super::{RankingLoss, clip_balanced};

/// See the module.
#[derive(Clone, Copy, Debug)]
pub(in crate::loss) struct Hinge;

impl RankingLoss for Hinge {
    fn curvature(&self) -> Curvature {
        Curvature::Piecewise
    }

    fn gradient(&self, z: &mut [f64], labels: &[u64], s: f64) -> f64 {
        sorted::gradient(z, labels, s, |excess| (excess.sum, excess.count))
    }

    fn hessian(&self, _z: &mut [f64], _labels: &[u64], _s: f64, v: &mut [f64]) {
        v.fill(0.0);
    }

    fn has_conjugate(&self) -> bool {
        false
    }

    fn project(&self, g: &mut [f64], labels: &[u64], s: f64) {
        clip_balanced(g, labels, s);
    }
}
