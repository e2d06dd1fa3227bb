//! The mean of `log(1 + e^{−(z_k − z_l)})` over the pairs. It does not factorise and no order helps: this one visits all
//! p·q pairs (C. Burges et al., "Learning to rank using gradient descent", ICML 2005, for the loss).

use super::super::one_vs_rest::{Logistic as OfMargin, MarginLoss};
use super::{Labels, RankingLoss, bits, clip_balanced};

/// See the module.
#[derive(Clone, Copy, Debug)]
pub(in crate::loss) struct Logistic;

/// The places of the labels that the row has, and of the others.
fn sides(labels: Labels<'_>, columns: usize) -> [Vec<usize>; 2] {
    let place = |has: bool| bits(labels.words).take(columns).enumerate().filter(move |at| at.1 == has);
    [true, false].map(|has| place(has).map(|(at, _)| at).collect())
}

/// s over the number of pairs, or their weight.
fn share(labels: Labels<'_>, columns: usize, s: f64) -> f64 {
    let [own, others] = labels.counts(columns);
    if own * others > 0.0 { s / (own * others) } else { 0.0 }
}

impl RankingLoss for Logistic {
    fn gradient(&self, z: &mut [f64], labels: Labels<'_>, s: f64) -> f64 {
        let [own, others] = sides(labels, z.len());
        let share = share(labels, z.len(), s);
        let (mut value, mut pulls) = (0.0, vec![0.0; z.len()]);
        for &k in &own {
            for &l in &others {
                let (f, beta) = OfMargin.at(z[k] - z[l]);
                let weight = labels.weight(k) * labels.weight(l);
                value += weight * f;
                pulls[k] -= weight * beta;
                pulls[l] += weight * beta;
            }
        }
        z.iter_mut().zip(pulls).for_each(|(z, pull)| *z = share * pull);
        share * value
    }

    fn hessian(&self, z: &mut [f64], labels: Labels<'_>, s: f64, v: &mut [f64]) {
        let [own, others] = sides(labels, z.len());
        let share = share(labels, z.len(), s);
        let mut out = vec![0.0; z.len()];
        for &k in &own {
            for &l in &others {
                let weight = labels.weight(k) * labels.weight(l);
                let turned = weight * OfMargin.second(z[k] - z[l]) * (v[k] - v[l]);
                out[k] += turned;
                out[l] -= turned;
            }
        }
        v.iter_mut().zip(out).for_each(|(v, out)| *v = share * out);
    }

    fn has_conjugate(&self) -> bool {
        false
    }

    fn project(&self, g: &mut [f64], labels: Labels<'_>, s: f64) {
        clip_balanced(g, labels.words, s);
    }
}
