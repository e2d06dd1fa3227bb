//! LSEP: `log(1 + AB)` (Y. Li, Y. Song and J. Luo, "Improving pairwise ranking for multi-label image classification",
//! CVPR 2017). `h*(t) = t log t + (1 − t) log(1 − t)`.

use super::exponentials::Sides;
use super::product::OfProduct;
use super::{entropy, softplus};

/// See the module.
#[derive(Clone, Copy, Debug)]
pub(in crate::loss) struct Lsep;

impl OfProduct for Lsep {
    fn at(&self, sides: &Sides, _counts: [f64; 2]) -> [f64; 3] {
        let [own, others] = sides.logs();
        softplus(own + others)
    }

    fn conjugate(&self, t: f64, _pairs: f64) -> f64 {
        entropy(t) + entropy(1.0 - t)
    }

    fn limit(&self) -> f64 {
        1.0
    }
}
