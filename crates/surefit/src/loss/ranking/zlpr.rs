//! ZLPR: `log(1 + A) + log(1 + B)`; labels are ranked against a threshold at 0, so that it is defined for every set (J. Su,
//! M. Zhu, A. Murtadha, S. Pan, B. Wen and Y. Liu, "ZLPR: a novel loss for multi-label classification", 2022).
//!
//! Each side is a softmax with a score of 0 beside its own: a dual point has sums `T ≤ 1` on both, and its conjugate is
//! `Σ |g| log |g| + (1 − T) log(1 − T)` over both.

use super::exponentials::{exponentials, scale};
use super::{Labels, RankingLoss, bits, clip, entropies, entropy, slack, softplus, totals};

/// See the module.
#[derive(Clone, Copy, Debug)]
pub(in crate::loss) struct Zlpr;

/// 0 for a side without labels.
fn per(sum: f64, by: f64) -> f64 {
    if by == 0.0 { 0.0 } else { sum / by }
}

impl RankingLoss for Zlpr {
    fn gradient(&self, z: &mut [f64], labels: Labels<'_>, s: f64) -> f64 {
        labels.weigh(z);
        let sides = exponentials(z, labels.words);
        let [own, others] = sides.logs().map(softplus);
        scale(z, labels.words, [-s * per(own[1], sides.sums[0]), s * per(others[1], sides.sums[1])]);
        s * (own[0] + others[0])
    }

    fn hessian(&self, z: &mut [f64], labels: Labels<'_>, s: f64, v: &mut [f64]) {
        labels.weigh(z);
        let sides = exponentials(z, labels.words);
        let slopes = sides.logs().map(|log| softplus(log)[1]);
        let mut means = [0.0; 2];
        for ((e, v), has) in z.iter().zip(v.iter()).zip(bits(labels.words)) {
            means[usize::from(!has)] += e * v;
        }
        for ((e, v), has) in z.iter().zip(v.iter_mut()).zip(bits(labels.words)) {
            let side = usize::from(!has);
            let (slope, sum) = (slopes[side], sides.sums[side]);
            *v = s * slope * per(*e, sum) * (*v - slope * per(means[side], sum));
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
