//! Losses that are functions of the two sums over Y and over Ȳ: what they have in common once their derivatives are known.
//!
//! With the shares `a`, ρ on Y and π on Ȳ, the Hessian of such a loss has `dₖaₖ` on its diagonal, and everywhere
//! `aₖaₗ` times one number for two labels of Y, one for two of Ȳ, and one for labels that are not on the same side. So its
//! product with v needs the means of v under both shares, and no more.

use super::super::{Targets, rows, weight};
use super::eights::{self, FEW};
use super::exponentials::{Bent, Sides, Turn, bent, exponentials, means, moderate, scale, scale_into, turn};
use super::{Labels, RankingLoss, bits, labels};
use faer::{MatMut, MatRef};
use std::cell::RefCell;
use std::fmt::Debug;

/// Numbers of a row that its products with the Hessian have in common.
const KEPT: usize = 7;

/// A loss of the sums of both sides.
pub(in crate::loss) trait OfSides: Sync + Debug {
    /// Whether rows with one side only have loss 0.
    const PAIRS: bool;

    /// s ℓ, and what the exponentials of both sides become a gradient by; p and q are the numbers of labels, or their weights.
    fn at(&self, sides: &Sides, counts: [f64; 2], s: f64) -> (f64, [f64; 2]);

    /// s ∇²ℓ.
    fn bends(&self, sides: &Sides, counts: [f64; 2], s: f64) -> Bends;

    /// See [`RankingLoss::conjugate`].
    fn conjugate(&self, g: &[f64], labels: Labels<'_>, s: f64) -> Option<f64>;

    /// See [`RankingLoss::project`].
    fn project(&self, g: &mut [f64], labels: Labels<'_>, s: f64);
}

/// An [`OfSides`] as a loss of one row.
#[derive(Clone, Copy, Debug)]
pub(in crate::loss) struct BySides<L>(pub L);

impl<L: OfSides> RankingLoss for BySides<L> {
    fn block(&self, scores: MatMut<'_, f64>, targets: Targets<'_>, weights: Option<&[f64]>) -> f64 {
        block(&self.0, scores, targets, weights)
    }

    fn gradient(&self, z: &mut [f64], labels: Labels<'_>, s: f64) -> f64 {
        gradient(&self.0, z, labels, s)
    }

    fn hessian(&self, z: &mut [f64], labels: Labels<'_>, s: f64, v: &mut [f64]) {
        let mut kept = [0.0; KEPT];
        self.prepare(z, labels, s, &mut kept);
        self.turn(z, labels, &kept, v);
    }

    fn kept(&self) -> usize {
        KEPT
    }

    /// Scores become exponentials; what the sums of their sides are 1 over is kept, and how the loss bends.
    fn prepare(&self, z: &mut [f64], labels: Labels<'_>, s: f64, kept: &mut [f64]) {
        let Some((sides, counts)) = opened(&self.0, z, labels) else {
            z.fill(0.0);
            return kept.fill(0.0);
        };
        let Bends { diagonal, same, across } = self.0.bends(&sides, counts, s);
        let inverse = sides.sums.map(|sum| per(1.0, sum));
        let numbers = inverse.into_iter().chain(diagonal).chain(same).chain([across]);
        kept.iter_mut().zip(numbers).for_each(|(kept, number)| *kept = number);
    }

    fn turn(&self, e: &[f64], labels: Labels<'_>, kept: &[f64], v: &mut [f64]) {
        let Some(&[own, others, own_slope, others_slope, own_same, others_same, across]) =
            kept.first_chunk::<KEPT>()
        else {
            return v.fill(f64::NAN);
        };
        let (inverse, slope, same) = ([own, others], [own_slope, others_slope], [own_same, others_same]);
        let means = means(e, v, labels.words, inverse);
        // About the mean of its side, of which v may be little more than a multiple of 1.
        let of_side = |side: usize| Turn {
            factor: inverse[side],
            slope: slope[side],
            mean: means[side],
            lift: (slope[side] + same[side]) * means[side] + across * means[1 - side],
        };
        turn(e, v, labels.words, [of_side(0), of_side(1)]);
    }

    fn diagonal(&self, scores: MatMut<'_, f64>, targets: Targets<'_>, weights: Option<&[f64]>) -> bool {
        diagonal(&self.0, scores, targets, weights);
        true
    }

    fn add_hessians(
        &self,
        scores: MatRef<'_, f64>,
        targets: Targets<'_>,
        weights: Option<&[f64]>,
        sum: MatMut<'_, f64>,
    ) -> bool {
        add_hessians(&self.0, scores, targets, weights, sum);
        true
    }

    fn conjugate(&self, g: &[f64], labels: Labels<'_>, s: f64) -> Option<f64> {
        self.0.conjugate(g, labels, s)
    }

    fn project(&self, g: &mut [f64], labels: Labels<'_>, s: f64) {
        self.0.project(g, labels, s);
    }
}

/// See the module; Y first, then Ȳ.
#[derive(Clone, Copy)]
pub(in crate::loss) struct Bends {
    pub diagonal: [f64; 2],
    pub same: [f64; 2],
    pub across: f64,
}

/// [`Loss::block`](super::super::Loss::block): of few labels without weights, eight rows at once.
fn block<L: OfSides>(
    loss: &L,
    scores: MatMut<'_, f64>,
    targets: Targets<'_>,
    weights: Option<&[f64]>,
) -> f64 {
    let (n, c) = scores.shape();
    match targets {
        Targets::Labels(labels)
            if (1..=FEW).contains(&c)
                && labels.labels() == c
                && labels.weights().is_none()
                && labels.rows() >= n
                && weights.is_none_or(|weights| weights.len() >= n) =>
        {
            eights::block(loss, scores, labels, weights)
        }
        _ => {
            let target = |i| labels(targets, i, c);
            let room = RefCell::new(vec![0.0; c]);
            rows::block(scores, weights, target, |z, labels, s| {
                let of_moderate = moderate_gradient(loss, z, labels, s, &mut room.borrow_mut());
                of_moderate.unwrap_or_else(|| gradient(loss, z, labels, s))
            })
        }
    }
}

/// [`gradient`] of moderate scores without weights of labels, in one walk less; nothing where they are other ones, or a
/// factor is beyond all numbers.
fn moderate_gradient<L: OfSides>(
    loss: &L,
    z: &mut [f64],
    labels: Labels<'_>,
    s: f64,
    room: &mut [f64],
) -> Option<f64> {
    let counts = labels.counts(z.len());
    if labels.weights.is_some() || L::PAIRS && counts.contains(&0.0) {
        return None;
    }
    let sides = moderate(z, labels.words, room)?;
    let (value, factors) = loss.at(&sides, counts, s);
    factors.iter().all(|factor| factor.is_finite()).then(|| {
        scale_into(room, z, labels.words, factors);
        value
    })
}

/// s ℓ of one row, whose scores become a gradient.
fn gradient(loss: &impl OfSides, z: &mut [f64], labels: Labels<'_>, s: f64) -> f64 {
    let Some((sides, counts)) = opened(loss, z, labels) else {
        z.fill(0.0);
        return 0.0;
    };
    let (value, factors) = loss.at(&sides, counts, s);
    scale(z, labels.words, factors);
    value
}

/// Scores become exponentials, with the weights of labels in them; nothing where the row has no loss.
fn opened<L: OfSides>(_: &L, z: &mut [f64], labels: Labels<'_>) -> Option<(Sides, [f64; 2])> {
    let counts = labels.counts(z.len());
    let silent = L::PAIRS && counts.contains(&0.0);
    if silent {
        return None;
    }
    labels.weigh(z);
    Some((exponentials(z, labels.words), counts))
}

/// [`Loss::diagonal`](super::super::Loss::diagonal).
fn diagonal<L: OfSides>(loss: &L, scores: MatMut<'_, f64>, targets: Targets<'_>, weights: Option<&[f64]>) {
    let c = scores.ncols();
    rows::block(
        scores,
        weights,
        |i| labels(targets, i, c),
        |z, labels, s| {
            let Some((sides, counts)) = opened(loss, z, labels) else {
                z.fill(0.0);
                return 0.0;
            };
            let bends = loss.bends(&sides, counts, s);
            let of_side = |side: usize| Bent {
                inverse: per(1.0, sides.sums[side]),
                slope: bends.diagonal[side],
                bend: bends.same[side],
            };
            bent(z, labels.words, [of_side(0), of_side(1)]);
            0.0
        },
    );
}

/// [`Loss::add_hessians`](super::super::Loss::add_hessians).
///
/// Half of it is added, and the other half by transposing. Where the numbers for one side are 0, as BP-MLL's are, a row costs
/// no more than its pairs.
fn add_hessians<L: OfSides>(
    loss: &L,
    scores: MatRef<'_, f64>,
    targets: Targets<'_>,
    weights: Option<&[f64]>,
    mut sum: MatMut<'_, f64>,
) {
    let (n, c) = scores.shape();
    let mut half = vec![0.0; c * c];
    let (mut z, mut sides_apart) = (vec![0.0; c], [vec![0.0; c], vec![0.0; c]]);
    for i in 0..n {
        let s = weight(weights, i);
        if s == 0.0 {
            continue;
        }
        z.iter_mut().zip(scores.row(i).iter()).for_each(|(z, score)| *z = *score);
        let Some(set) = labels(targets, i, c) else {
            half.fill(f64::NAN);
            continue;
        };
        let Some((sides, counts)) = opened(loss, &mut z, set) else { continue };
        let bends = loss.bends(&sides, counts, s);
        for ((k, z), has) in z.iter_mut().enumerate().zip(bits(set.words)) {
            let side = usize::from(!has);
            *z *= per(1.0, sides.sums[side]);
            (sides_apart[side][k], sides_apart[1 - side][k]) = (*z, 0.0);
        }
        for ((k, share), has) in z.iter().enumerate().zip(bits(set.words)) {
            let side = usize::from(!has);
            let to = &mut half[k * c..(k + 1) * c];
            to[k] += 0.5 * bends.diagonal[side] * share;
            add(to, 0.5 * bends.same[side] * share, &sides_apart[side]);
            if has {
                add(to, bends.across * share, &sides_apart[1]);
            }
        }
    }
    for k in 0..c {
        for l in 0..c {
            sum[(l, k)] += half[k * c + l] + half[l * c + k];
        }
    }
}

fn add(to: &mut [f64], factor: f64, numbers: &[f64]) {
    if factor != 0.0 {
        to.iter_mut().zip(numbers).for_each(|(to, number)| *to += factor * number);
    }
}

/// 0 for a side without labels.
pub(super) fn per(sum: f64, by: f64) -> f64 {
    if by == 0.0 { 0.0 } else { sum / by }
}
