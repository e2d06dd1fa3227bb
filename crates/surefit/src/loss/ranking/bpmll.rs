//! BP-MLL: `E = AB/(pq)`, the mean of `exp(z_l − z_k)` over the pairs (M.-L. Zhang and Z.-H. Zhou, "Multilabel neural
//! networks with applications to functional genomics and text categorization", IEEE TKDE 18, 2006).
//!
//! E is inf where it overflows, which no answer does. `h* (t) = t log t + t log pq − t`.

use super::entropy;
use super::exponentials::Sides;
use super::product::OfProduct;

/// See the module.
#[derive(Clone, Copy, Debug)]
pub(in crate::loss) struct Bpmll;

impl OfProduct for Bpmll {
    fn at(&self, sides: &Sides, [p, q]: [f64; 2]) -> [f64; 3] {
        // In two halves, so that nothing overflows before E does.
        let top = sides.tops[0] + sides.tops[1];
        let half = if top == 0.0 { 1.0 } else { (0.5 * top).exp() };
        let mean = (half * (sides.sums[0] / p)) * (half * (sides.sums[1] / q));
        [mean; 3]
    }

    fn conjugate(&self, t: f64, pairs: f64) -> f64 {
        entropy(t) + t * (pairs.ln() - 1.0)
    }

    fn limit(&self) -> f64 {
        f64::INFINITY
    }
}
