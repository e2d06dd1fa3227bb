//! The pairwise hinge with its kink rounded over a width w, as Huber rounds that of |r|: the mean over the pairs of `x²/2w` for
//! a violation `0 ≤ x = 1 − (z_k − z_l) ≤ w` and `x − w/2` beyond, in O(c log c). It is below the hinge by w/2 at most, and each
//! of its gradients is a dual point of the hinge (Y. Nesterov, "Smooth minimization of non-smooth functions", Math. Program. 103,
//! 2005).
//!
//! It has no conjugate here: nothing is proven by it, but by its gradients, of the hinge.
//!
//! With margins 1 and 1 − w, `x²/2w` less the same for x − w is both pieces, and so for the gradient; what cancels costs
//! digits in the measure of x/w.

use super::sorted::{Excess, Sorted};
use super::{Labels, RankingLoss, clip_balanced, transport};

/// See the module.
#[derive(Clone, Copy, Debug)]
pub(in crate::loss) struct SmoothHinge {
    pub width: f64,
}

/// What exceeds each label: from the margin on, and beyond the width; its weight.
type Both = (f64, [Excess; 2]);

impl SmoothHinge {
    fn sorted(self, z: &[f64], labels: Labels<'_>) -> Option<[Sorted; 2]> {
        Some([Sorted::new(z, labels, 1.0)?, Sorted::new(z, labels, 1.0 - self.width)?])
    }
}

/// By label.
fn both(sorted: &[Sorted; 2], columns: usize) -> Vec<Both> {
    let mut found: Vec<Both> = vec![(0.0, [Excess::default(); 2]); columns];
    for (at, sorted) in sorted.iter().enumerate() {
        sorted.of_own(|k, weight, excess| {
            found[k].0 = -weight;
            found[k].1[at] = excess;
        });
        sorted.of_others(|l, weight, excess| {
            found[l].0 = weight;
            found[l].1[at] = excess;
        });
    }
    found
}

impl RankingLoss for SmoothHinge {
    fn gradient(&self, z: &mut [f64], labels: Labels<'_>, s: f64) -> f64 {
        let Some(sorted) = self.sorted(z, labels) else {
            z.fill(f64::NAN);
            return f64::NAN;
        };
        let share = sorted[0].share(s) / self.width;
        let mut value = 0.0;
        let both = both(&sorted, z.len());
        for (z, (weight, [near, far])) in z.iter_mut().zip(both) {
            *z = share * weight * (near.sum - far.sum);
            if weight < 0.0 {
                value -= share * weight * 0.5 * (near.squares - far.squares);
            }
        }
        value
    }

    fn hessian(&self, z: &mut [f64], labels: Labels<'_>, s: f64, v: &mut [f64]) {
        let Some(sorted) = self.sorted(z, labels) else { return v.fill(f64::NAN) };
        let share = sorted[0].share(s) / self.width;
        let own = [&sorted[0], &sorted[1]].map(|sorted| sorted.sums_of_own(v));
        let others = [&sorted[0], &sorted[1]].map(|sorted| sorted.sums_of_others(v));
        for (v, (weight, [near, far])) in v.iter_mut().zip(both(&sorted, z.len())) {
            let sums = if weight < 0.0 { &others } else { &own };
            let beyond = sums[0][near.first] - sums[1][far.first];
            *v = share * weight.abs() * ((near.count - far.count) * *v - beyond);
        }
    }

    fn project(&self, g: &mut [f64], labels: Labels<'_>, s: f64) {
        clip_balanced(g, labels.words, s);
        transport::shorten(g, labels, s);
    }
}
