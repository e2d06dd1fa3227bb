//! ZLPR: `log(1 + A) + log(1 + B)`; labels are ranked against a threshold at 0, so that it is defined for every set (J. Su,
//! M. Zhu, A. Murtadha, S. Pan, B. Wen and Y. Liu, "ZLPR: a novel loss for multi-label classification", 2022).
//!
//! Each side is a softmax with a score of 0 beside its own: a dual point has sums `T ≤ 1` on both, and its conjugate is
//! `Σ |g| log |g| + (1 − T) log(1 − T)` over both.

use super::exponentials::Sides;
use super::sides::{Bends, OfSides, per};
use super::{Labels, clip, entropies, entropy, slack, softplus, totals};

/// See the module.
#[derive(Clone, Copy, Debug)]
pub(in crate::loss) struct Zlpr;

impl OfSides for Zlpr {
    const PAIRS: bool = false;

    fn at(&self, sides: &Sides, _counts: [f64; 2], s: f64) -> (f64, [f64; 2]) {
        let [own, others] = sides.logs().map(softplus);
        (s * (own[0] + others[0]), [-s * per(own[1], sides.sums[0]), s * per(others[1], sides.sums[1])])
    }

    fn bends(&self, sides: &Sides, _counts: [f64; 2], s: f64) -> Bends {
        let slopes = sides.logs().map(|log| softplus(log)[1]);
        Bends {
            diagonal: slopes.map(|slope| s * slope),
            same: slopes.map(|slope| -s * slope * slope),
            across: 0.0,
        }
    }

    fn conjugate(&self, g: &[f64], labels: Labels<'_>, s: f64) -> Option<f64> {
        let totals = totals(g, labels.words)?;
        if totals.iter().any(|total| *total > s * (1.0 + slack(g.len()))) {
            return None;
        }
        let shares = totals.map(|total| (total / s).min(1.0));
        let of_side = |share: f64| entropy(share) + entropy(1.0 - share);
        Some(
            entropies(g, labels.words, totals) - labels.logs(g)
                + s * (of_side(shares[0]) + of_side(shares[1])),
        )
    }

    fn project(&self, g: &mut [f64], labels: Labels<'_>, s: f64) {
        clip(g, labels.words, s);
    }
}
