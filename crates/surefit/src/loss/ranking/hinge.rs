//! The mean of `max(0, 1 − (z_k − z_l))` over the pairs (A. Elisseeff and J. Weston, "A kernel method for multi-labelled
//! classification", NIPS 2001), in O(c log c).

use super::super::Curvature;
use super::sorted::Sorted;
use super::{RankingLoss, clip_balanced};

/// See the module.
#[derive(Clone, Copy, Debug)]
pub(in crate::loss) struct Hinge;

impl RankingLoss for Hinge {
    fn curvature(&self) -> Curvature {
        Curvature::Piecewise
    }

    fn gradient(&self, z: &mut [f64], labels: &[u64], s: f64) -> f64 {
        let Some(sorted) = Sorted::new(z, labels) else {
            z.fill(f64::NAN);
            return f64::NAN;
        };
        let share = s / sorted.pairs().max(1.0);
        let mut value = 0.0;
        sorted.of_own(|k, excess| {
            z[k] = -share * excess.count;
            value += share * excess.sum;
        });
        sorted.of_others(|l, excess| z[l] = share * excess.count);
        value
    }

    fn hessian(&self, _z: &mut [f64], _labels: &[u64], _s: f64, v: &mut [f64]) {
        v.fill(0.0);
    }

    fn has_conjugate(&self) -> bool {
        false
    }

    fn conjugate(&self, _g: &[f64], _labels: &[u64], _s: f64) -> Option<f64> {
        None
    }

    fn project(&self, g: &mut [f64], labels: &[u64], s: f64) {
        clip_balanced(g, labels, s);
    }
}
