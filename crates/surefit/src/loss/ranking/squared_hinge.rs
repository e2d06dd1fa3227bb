//! The mean of `½ max(0, 1 − (z_k − z_l))²` over the pairs, in O(c log c); a gradient without jumps.

use super::sorted::{self, Sorted};
use super::{RankingLoss, clip_balanced};

/// See the module.
#[derive(Clone, Copy, Debug)]
pub(in crate::loss) struct SquaredHinge;

impl RankingLoss for SquaredHinge {
    fn gradient(&self, z: &mut [f64], labels: &[u64], s: f64) -> f64 {
        sorted::gradient(z, labels, s, |excess| (0.5 * excess.squares, excess.sum))
    }

    fn hessian(&self, z: &mut [f64], labels: &[u64], s: f64, v: &mut [f64]) {
        let Some(sorted) = Sorted::new(z, labels) else { return v.fill(f64::NAN) };
        let share = s / sorted.pairs().max(1.0);
        let (own, others) = (sorted.sums_of_own(v), sorted.sums_of_others(v));
        // The sum of v over the pairs' other ends is that over the first ones in order.
        sorted.of_own(|k, excess| v[k] = share * (excess.count * v[k] - others[excess.first]));
        sorted.of_others(|l, excess| v[l] = share * (excess.count * v[l] - own[excess.first]));
    }

    fn has_conjugate(&self) -> bool {
        false
    }

    fn project(&self, g: &mut [f64], labels: &[u64], _s: f64) {
        clip_balanced(g, labels, f64::INFINITY);
    }
}
