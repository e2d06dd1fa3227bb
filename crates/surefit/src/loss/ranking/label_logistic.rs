//! Every label for itself: `Σ log(1 + e^{−tⱼzⱼ})`, tⱼ = 1 for labels that the row has and −1 for the others; the baseline that
//! compares no labels. A weight of a label multiplies its part. The entries of a dual point are −tⱼβⱼ, as one against the rest.

use super::super::one_vs_rest::{Logistic, MarginLoss};
use super::{Labels, RankingLoss, bits};

/// See the module.
#[derive(Clone, Copy, Debug)]
pub(in crate::loss) struct LabelLogistic;

fn sign(has: bool) -> f64 {
    if has { 1.0 } else { -1.0 }
}

impl RankingLoss for LabelLogistic {
    fn gradient(&self, z: &mut [f64], labels: Labels<'_>, s: f64) -> f64 {
        let mut value = 0.0;
        for ((j, z), t) in z.iter_mut().enumerate().zip(bits(labels.words).map(sign)) {
            let (f, beta) = Logistic.at(t * *z);
            let weight = labels.weight(j);
            *z = -t * (s * weight * beta);
            value += weight * f;
        }
        s * value
    }

    fn hessian(&self, z: &mut [f64], labels: Labels<'_>, s: f64, v: &mut [f64]) {
        let entries = v.iter_mut().zip(z.iter()).enumerate();
        entries.for_each(|(j, (v, z))| *v *= s * labels.weight(j) * Logistic.second(*z));
    }

    fn conjugate(&self, g: &[f64], labels: Labels<'_>, s: f64) -> Option<f64> {
        let mut value = 0.0;
        for ((j, g), t) in g.iter().enumerate().zip(bits(labels.words).map(sign)) {
            let (b, most) = (-t * g, s * labels.weight(j));
            if !(b >= 0.0 && b <= most) {
                return None;
            }
            value += Logistic.conjugate(b, most);
        }
        Some(value)
    }

    fn project(&self, g: &mut [f64], labels: Labels<'_>, s: f64) {
        for ((j, g), t) in g.iter_mut().enumerate().zip(bits(labels.words).map(sign)) {
            *g = -t * (-t * *g).max(0.0).min(s * labels.weight(j));
        }
    }
}
