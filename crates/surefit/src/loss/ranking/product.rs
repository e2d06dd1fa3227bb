//! Losses of A·B, the sum of `exp(z_l − z_k)` over all pairs: `ℓ = h(log AB)`, h convex and increasing.
//!
//! With `ρ = softmax(−z)` on Y and `π = softmax(z)` on Ȳ the gradient is h′ times `π` on Ȳ and `−ρ` on Y. The Hessian times v
//! is `π_l (h′ (v_l − π·v) + h″ (π·v − ρ·v))` on Ȳ and `ρ_k (h′ (v_k − ρ·v) − h″ (π·v − ρ·v))` on Y.
//!
//! A dual point is `t π` and `−t ρ`, and as `log AB` is a sum of two log-sum-exps its conjugate is
//! `t (Σ π log π + Σ ρ log ρ) + h*(t)`.

use super::exponentials::Sides;
use super::sides::{Bends, OfSides};
use super::{Labels, balanced, clip_balanced, entropies, slack};
use std::fmt::Debug;

/// h of `log AB` and the number of pairs pq, or their weight.
pub(in crate::loss) trait OfProduct: Sync + Debug {
    /// h, h′ and h″.
    fn at(&self, sides: &Sides, counts: [f64; 2]) -> [f64; 3];

    /// h*(t) for 0 ≤ t ≤ limit.
    fn conjugate(&self, t: f64, pairs: f64) -> f64;

    /// The largest h′.
    fn limit(&self) -> f64;
}

/// See the module.
#[derive(Clone, Copy, Debug)]
pub(in crate::loss) struct Product<H>(pub H);

impl<H: OfProduct> OfSides for Product<H> {
    const PAIRS: bool = true;

    fn at(&self, sides: &Sides, counts: [f64; 2], s: f64) -> (f64, [f64; 2]) {
        let [value, slope, _] = self.0.at(sides, counts);
        (s * value, [-s * slope / sides.sums[0], s * slope / sides.sums[1]])
    }

    fn bends(&self, sides: &Sides, counts: [f64; 2], s: f64) -> Bends {
        let [_, slope, bend] = self.0.at(sides, counts);
        // BP-MLL's are the same, whatever they are.
        let same = if slope == bend { 0.0 } else { s * (bend - slope) };
        Bends { diagonal: [s * slope; 2], same: [same; 2], across: -s * bend }
    }

    fn conjugate(&self, g: &[f64], labels: Labels<'_>, s: f64) -> Option<f64> {
        let [p, q] = labels.counts(g.len());
        let totals = balanced(g, labels.words)?;
        let t = totals[1] / s;
        if p * q == 0.0 {
            return (totals == [0.0; 2]).then_some(0.0);
        }
        if t > self.0.limit() * (1.0 + slack(g.len())) {
            return None;
        }
        let weighed = entropies(g, labels.words, totals) - labels.logs(g);
        Some(weighed + s * self.0.conjugate(t.min(self.0.limit()), p * q))
    }

    fn project(&self, g: &mut [f64], labels: Labels<'_>, s: f64) {
        clip_balanced(g, labels.words, s * self.0.limit());
    }
}
