//! BP-MLL with one threshold θ for all rows: `(A + e^{−θ})(B + e^{θ}) − 1`, the sum of `exp(z_l − z_k)` over the pairs, of
//! `exp(θ − z_k)` over Y and of `exp(z_l − θ)` over Ȳ. Moving all scores and θ by as much changes nothing, so that with
//! an intercept θ is 0 without loss: `(1 + A)(1 + B) − 1`. It is defined for every set.
//!
//! With a and b the terms of A and B the gradient is `−a_k (1 + B)` on Y and `b_l (1 + A)` on Ȳ. A dual point has sums
//! `S = A(1 + B)` and `T = B(1 + A)`, hence `A² + (1 + T − S) A = S`, and its conjugate is `g·z − ℓ(z)` at the scores z with these
//! sums: `Σ_Y |g| log(|g|/(1 + B)) + Σ_Ȳ |g| log(|g|/(1 + A)) − A − B − AB`.

use super::exponentials::{exponentials, scale};
use super::{Labels, RankingLoss, bits, clip, softplus, totals};

/// See the module.
#[derive(Clone, Copy, Debug)]
pub(in crate::loss) struct GlobalThreshold;

/// A of S and T.
fn sum(own: f64, other: f64) -> f64 {
    let half = 0.5 * (1.0 + (other - own));
    let root = half.hypot(own.sqrt());
    if half > 0.0 { own / (half + root) } else { root - half }
}

impl RankingLoss for GlobalThreshold {
    fn gradient(&self, z: &mut [f64], labels: Labels<'_>, s: f64) -> f64 {
        labels.weigh(z);
        let sides = exponentials(z, labels.words);
        // log(1 + A) and log(1 + B), so that only what is too large overflows.
        let [own, others] = sides.logs().map(|log| softplus(log)[0]);
        let [most, least] = [(sides.tops[0] + others).exp(), (sides.tops[1] + own).exp()];
        scale(z, labels.words, [-s * most, s * least]);
        s * (own + others).exp_m1()
    }

    fn hessian(&self, z: &mut [f64], labels: Labels<'_>, s: f64, v: &mut [f64]) {
        labels.weigh(z);
        let sides = exponentials(z, labels.words);
        let [own, others] = sides.logs().map(|log| softplus(log)[0]);
        let slopes = [(sides.tops[0] + others).exp(), (sides.tops[1] + own).exp()];
        // Means of v over each side by the exponentials, and A/(1 + A) and B/(1 + B).
        let mut means = [0.0; 2];
        for ((e, v), has) in z.iter().zip(v.iter()).zip(bits(labels.words)) {
            means[usize::from(!has)] += e * v;
        }
        let shares = sides.logs().map(|log| softplus(log)[1]);
        let mean = |side: usize| {
            if sides.sums[side] > 0.0 { shares[side] * (means[side] / sides.sums[side]) } else { 0.0 }
        };
        let across = [mean(1), mean(0)];
        for ((e, v), has) in z.iter().zip(v.iter_mut()).zip(bits(labels.words)) {
            let side = usize::from(!has);
            *v = if *e == 0.0 { 0.0 } else { s * e * slopes[side] * (*v - across[side]) };
        }
    }

    fn conjugate(&self, g: &[f64], labels: Labels<'_>, s: f64) -> Option<f64> {
        let [own, others] = totals(g, labels.words)?.map(|total| total / s);
        let (a, b) = (sum(own, others), sum(others, own));
        let logs = [b.ln_1p(), a.ln_1p()];
        let term = |(g, has): (&f64, bool)| {
            let size = g.abs();
            if size == 0.0 { 0.0 } else { size * ((size / s).ln() - logs[usize::from(!has)]) }
        };
        let sum: f64 = g.iter().zip(bits(labels.words)).map(term).sum();
        Some(sum - labels.logs(g) - s * (a + b + a * b))
    }

    fn project(&self, g: &mut [f64], labels: Labels<'_>, _s: f64) {
        clip(g, labels.words, f64::INFINITY);
    }
}
