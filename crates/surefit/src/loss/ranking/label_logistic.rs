//! Every label for itself: `Σ log(1 + e^{−tⱼzⱼ})`, tⱼ = 1 for labels that the row has and −1 for the others; the baseline that
//! compares no labels. The entries of a dual point are −tⱼβⱼ, as one against the rest.

use super::super::one_vs_rest::{Logistic, MarginLoss};
use super::{RankingLoss, bits};

/// See the module.
#[derive(Clone, Copy, Debug)]
pub(in crate::loss) struct LabelLogistic;

fn sign(has: bool) -> f64 {
    if has { 1.0 } else { -1.0 }
}

impl RankingLoss for LabelLogistic {
    fn gradient(&self, z: &mut [f64], labels: &[u64], s: f64) -> f64 {
        let mut value = 0.0;
        for (z, t) in z.iter_mut().zip(bits(labels).map(sign)) {
            let (f, beta) = Logistic.at(t * *z);
            *z = -t * (s * beta);
            value += f;
        }
        s * value
    }

    fn hessian(&self, z: &mut [f64], _labels: &[u64], s: f64, v: &mut [f64]) {
        v.iter_mut().zip(z.iter()).for_each(|(v, z)| *v *= s * Logistic.second(*z));
    }

    fn conjugate(&self, g: &[f64], labels: &[u64], s: f64) -> Option<f64> {
        let mut value = 0.0;
        for (g, t) in g.iter().zip(bits(labels).map(sign)) {
            let b = -t * g;
            if !(b >= 0.0 && b <= s) {
                return None;
            }
            value += Logistic.conjugate(b, s);
        }
        Some(value)
    }

    fn project(&self, g: &mut [f64], labels: &[u64], s: f64) {
        for (g, t) in g.iter_mut().zip(bits(labels).map(sign)) {
            *g = -t * (-t * *g).max(0.0).min(s);
        }
    }
}
