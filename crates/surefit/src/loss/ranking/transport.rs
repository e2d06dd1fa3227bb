//! Whether the entries of a row are what flows out of its labels and into the others where at most `s ω_k ω_l / PQ` flows from
//! k to l, P and Q the weights of both sides: the domain of the pairwise hinge's conjugate.
//!
//! By the theorem of Ford and Fulkerson it is so if, of every set K of labels, what flows out is no more than the others take:
//! `Σ_K r_k ≤ Σ_l min(c_l, u ω_l ω(K))`, u = s/PQ. For a given cut of the others the worst K has all labels with `r_k/ω_k` above a
//! number, so that the sets that begin an order by `r_k/ω_k` are all that have to be looked at (for ω = 1 D. Gale and
//! H. J. Ryser, 1957): O(c log c).

use super::{Labels, balanced, bits, slack};

/// Halvings of a row that is too long.
const HALVINGS: usize = 60;

/// r/ω, r and ω of a label.
type Flow = (f64, f64, f64);

/// What flows in all, where entries have their signs and are what flows as far as it may, but for rounding.
pub(super) fn amount(g: &[f64], labels: Labels<'_>, s: f64) -> Option<f64> {
    let totals = balanced(g, labels.words)?;
    (excess(g, labels, s, 1.0) <= rounding(g)).then(|| totals[0].min(totals[1]))
}

/// That of the sums of a row.
fn rounding(g: &[f64]) -> f64 {
    0.5 * slack(g.len()) * g.iter().map(|g| g.abs()).sum::<f64>()
}

/// Makes a row with the right signs and equal sums as much shorter as it takes.
pub(super) fn shorten(g: &mut [f64], labels: Labels<'_>, s: f64) {
    if excess(g, labels, s, 1.0) <= rounding(g) {
        return;
    }
    // Nothing flows too far in a row that is short enough, and from there on less does.
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..HALVINGS {
        let middle = f64::midpoint(low, high);
        *if excess(g, labels, s, middle) <= middle * rounding(g) { &mut low } else { &mut high } = middle;
    }
    for g in g.iter_mut() {
        *g *= low;
    }
}

/// The most by which a set of labels sends more than the others take, of `factor` times the entries; 0 where none does.
fn excess(g: &[f64], labels: Labels<'_>, s: f64, factor: f64) -> f64 {
    let (mut out, mut into): (Vec<Flow>, Vec<Flow>) = (Vec::new(), Vec::new());
    for ((label, g), has) in g.iter().enumerate().zip(bits(labels.words)) {
        let (flow, weight) = (factor * g.abs(), labels.weight(label));
        if has { &mut out } else { &mut into }.push((flow / weight, flow, weight));
    }
    out.sort_unstable_by(|a, b| b.0.total_cmp(&a.0));
    into.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    let weight = |side: &[Flow]| side.iter().map(|flow| flow.2).sum::<f64>();
    let pairs = weight(&out) * weight(&into);
    if pairs == 0.0 {
        return 0.0;
    }
    let unit = s / pairs;
    // Of the others, those that take all that they are to have, and the weight of the rest.
    let (mut filled, mut full, mut open) = (0, 0.0, weight(&into));
    let (mut sent, mut senders, mut most) = (0.0, 0.0, 0.0f64);
    for (_, flow, weight) in &out {
        sent += flow;
        senders += weight;
        while let Some((_, flow, weight)) = into.get(filled).filter(|other| other.0 <= unit * senders) {
            full += flow;
            open -= weight;
            filled += 1;
        }
        let rest = if filled == into.len() { 0.0 } else { unit * senders * open };
        most = most.max(sent - (full + rest));
    }
    most
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::num::random::Random;

    /// By the definition: every set of labels.
    fn by_sets(g: &[f64], has: &[bool], weights: &[f64], s: f64) -> f64 {
        let side = |of: bool| (0..g.len()).filter(move |j| has[*j] == of).collect::<Vec<_>>();
        let (own, others) = (side(true), side(false));
        let weight = |of: &[usize]| of.iter().map(|j| weights[*j]).sum::<f64>();
        let unit = s / (weight(&own) * weight(&others));
        let mut most = 0.0f64;
        for set in 0..1u32 << own.len() {
            let chosen: Vec<usize> =
                own.iter().enumerate().filter(|(at, _)| set >> at & 1 == 1).map(|(_, k)| *k).collect();
            let sent: f64 = chosen.iter().map(|k| g[*k].abs()).sum();
            let taken: f64 = others.iter().map(|l| g[*l].min(unit * weights[*l] * weight(&chosen))).sum();
            most = most.max(sent - taken);
        }
        most
    }

    #[test]
    fn a_row_is_too_long_as_by_all_sets_of_its_labels() {
        let mut random = Random(2);
        let mut number = move || (random.next() >> 11) as f64 / (1u64 << 53) as f64;
        let (mut inside, mut outside) = (0, 0);
        for round in 0..2000 {
            let c = 2 + round % 6;
            let has: Vec<bool> = (0..c).map(|j| j == 0 || (j > 1 && number() < 0.5)).collect();
            let weights: Vec<f64> =
                (0..c).map(|_| if round % 2 == 0 { 1.0 } else { 0.2 + number() }).collect();
            let words = [has.iter().enumerate().map(|(j, has)| u64::from(*has) << j).sum::<u64>()];
            let labels = Labels { words: &words, weights: Some(&weights) };
            let mut g: Vec<f64> = (0..c).map(|_| number().powi(2)).collect();
            let total =
                |g: &[f64], of: bool| (0..c).filter(|j| has[*j] == of).map(|j| g[j].abs()).sum::<f64>();
            let amount = number();
            let sums = [total(&g, false), total(&g, true)];
            (0..c).for_each(|j| g[j] *= amount / sums[usize::from(has[j])] * if has[j] { -1.0 } else { 1.0 });
            let (found, wanted) = (excess(&g, labels, 1.0, 1.0), by_sets(&g, &has, &weights, 1.0));
            assert!((found - wanted).abs() < 1e-12, "{found} {wanted} {g:?}");
            if wanted > 1e-9 {
                outside += 1;
                assert_eq!(super::amount(&g, labels, 1.0), None);
                shorten(&mut g, labels, 1.0);
                let left = by_sets(&g, &has, &weights, 1.0);
                assert!(left < 1e-12 && total(&g, true) > 0.0, "{left} {g:?}");
            } else {
                inside += 1;
                assert!((super::amount(&g, labels, 1.0).unwrap() - amount).abs() < 1e-12);
            }
        }
        assert!(inside > 200 && outside > 200, "{inside} {outside}");
    }
}
