//! The mean of `½ max(0, 1 − (z_k − z_l))²` over the pairs, in O(c log c); a gradient without jumps.

use super::sorted::{self, Sorted};
use super::{Labels, RankingLoss, clip_balanced};

/// See the module.
#[derive(Clone, Copy, Debug)]
pub(in crate::loss) struct SquaredHinge;

impl RankingLoss for SquaredHinge {
    fn gradient(&self, z: &mut [f64], labels: Labels<'_>, s: f64) -> f64 {
        sorted::gradient(z, labels, s, |excess| (0.5 * excess.squares, excess.sum))
    }

    fn hessian(&self, z: &mut [f64], labels: Labels<'_>, s: f64, v: &mut [f64]) {
        let Some(sorted) = Sorted::new(z, labels, 1.0) else { return v.fill(f64::NAN) };
        let share = sorted.share(s);
        let (own, others) = (sorted.sums_of_own(v), sorted.sums_of_others(v));
        // The sum of v over the pairs' other ends is that over the first ones in order.
        sorted.of_own(|k, weight, excess| {
            v[k] = share * weight * (excess.count * v[k] - others[excess.first]);
        });
        sorted.of_others(|l, weight, excess| {
            v[l] = share * weight * (excess.count * v[l] - own[excess.first]);
        });
    }

    fn has_conjugate(&self) -> bool {
        false
    }

    fn project(&self, g: &mut [f64], labels: Labels<'_>, _s: f64) {
        clip_balanced(g, labels.words, f64::INFINITY);
    }
}
