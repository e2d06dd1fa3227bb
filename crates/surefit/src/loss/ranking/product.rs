//! Losses of A·B, the sum of `exp(z_l − z_k)` over all pairs: `ℓ = h(log AB)`, h convex and increasing.
//!
//! With `ρ = softmax(−z)` on Y and `π = softmax(z)` on Ȳ the gradient is h′ times `π` on Ȳ and `−ρ` on Y. The Hessian times v
//! is `π_l (h′ (v_l − π·v) + h″ (π·v − ρ·v))` on Ȳ and `ρ_k (h′ (v_k − ρ·v) − h″ (π·v − ρ·v))` on Y.
//!
//! A dual point is `t π` and `−t ρ`, and as `log AB` is a sum of two log-sum-exps its conjugate is
//! `t (Σ π log π + Σ ρ log ρ) + h*(t)`.

use super::exponentials::{Sides, exponentials, scale};
use super::{Labels, RankingLoss, balanced, bits, clip_balanced, entropies, slack};
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

impl<H: OfProduct> RankingLoss for Product<H> {
    fn gradient(&self, z: &mut [f64], labels: Labels<'_>, s: f64) -> f64 {
        let counts = labels.counts(z.len());
        if counts.contains(&0.0) {
            z.fill(0.0);
            return 0.0;
        }
        labels.weigh(z);
        let sides = exponentials(z, labels.words);
        let [value, slope, _] = self.0.at(&sides, counts);
        scale(z, labels.words, [-s * slope / sides.sums[0], s * slope / sides.sums[1]]);
        s * value
    }

    fn hessian(&self, z: &mut [f64], labels: Labels<'_>, s: f64, v: &mut [f64]) {
        let counts = labels.counts(z.len());
        if counts.contains(&0.0) {
            return v.fill(0.0);
        }
        labels.weigh(z);
        let sides = exponentials(z, labels.words);
        let [_, slope, bend] = self.0.at(&sides, counts);
        let mut means = [0.0; 2];
        for ((e, v), has) in z.iter().zip(v.iter()).zip(bits(labels.words)) {
            means[usize::from(!has)] += e * v;
        }
        let [own, others] = [means[0] / sides.sums[0], means[1] / sides.sums[1]];
        let apart = bend * (others - own);
        for ((e, v), has) in z.iter().zip(v.iter_mut()).zip(bits(labels.words)) {
            let (sum, turned) = if has {
                (sides.sums[0], slope * (*v - own) - apart)
            } else {
                (sides.sums[1], slope * (*v - others) + apart)
            };
            *v = if *e == 0.0 { 0.0 } else { s * (e / sum) * turned };
        }
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
