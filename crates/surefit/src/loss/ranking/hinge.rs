//! The mean of `max(0, 1 − (z_k − z_l))` over the pairs (A. Elisseeff and J. Weston, "A kernel method for multi-labelled
//! classification", NIPS 2001), in O(c log c).
//!
//! A dual point is the two sums of some `0 ≤ α_kl ≤ s/pq`, over the others for each label and over the labels for each
//! other, and its conjugate is −Σα, the sum of one of its sides; `transport` says whether there are such α.

use super::super::Curvature;
use super::sorted;
use super::{Labels, RankingLoss, clip_balanced, transport};

/// See the module.
#[derive(Clone, Copy, Debug)]
pub(in crate::loss) struct Hinge;

impl RankingLoss for Hinge {
    fn curvature(&self) -> Curvature {
        Curvature::Piecewise
    }

    fn gradient(&self, z: &mut [f64], labels: Labels<'_>, s: f64) -> f64 {
        sorted::gradient(z, labels, s, |excess| (excess.sum, excess.count))
    }

    fn hessian(&self, _z: &mut [f64], _labels: Labels<'_>, _s: f64, v: &mut [f64]) {
        v.fill(0.0);
    }

    fn conjugate(&self, g: &[f64], labels: Labels<'_>, s: f64) -> Option<f64> {
        transport::amount(g, labels, s).map(|amount| -amount)
    }

    fn project(&self, g: &mut [f64], labels: Labels<'_>, s: f64) {
        clip_balanced(g, labels.words, s);
        transport::shorten(g, labels, s);
    }
}
