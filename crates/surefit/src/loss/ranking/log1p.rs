//! log(1 + E), E the mean of BP-MLL: as convex, and as steep as a hinge where E is large.
//! `h*(t) = t log t + (1 − t) log(1 − t) + t log pq`.

use super::exponentials::Sides;
use super::product::OfProduct;
use super::{entropy, softplus};

/// See the module.
#[derive(Clone, Copy, Debug)]
pub(in crate::loss) struct Log1p;

impl OfProduct for Log1p {
    fn at(&self, sides: &Sides, [p, q]: [f64; 2]) -> [f64; 3] {
        // Means, whose logarithms are near 0 together.
        let means = (sides.sums[0] / p) * (sides.sums[1] / q);
        softplus(sides.tops[0] + sides.tops[1] + means.ln())
    }

    fn conjugate(&self, t: f64, pairs: f64) -> f64 {
        entropy(t) + entropy(1.0 - t) + t * pairs.ln()
    }

    fn limit(&self) -> f64 {
        1.0
    }
}
