//! Losses of label sets against the double loop over all pairs, which is what they are defined by.

#![allow(clippy::unwrap_used, clippy::float_cmp)]

use super::super::tests::{LOSSES, label_sets};
use super::*;
use crate::data::LabelSets;
use crate::loss::named;
use crate::num::random::Random;
use crate::problem::LossKind;
use faer::Mat;

/// Every loss of label sets.
fn rankings() -> impl Iterator<Item = LossKind> {
    LOSSES.into_iter().filter(|kind| kind.is_of_labels())
}

/// A number in [−1, 1).
fn number(random: &mut Random) -> f64 {
    (random.next() >> 11) as f64 / (1u64 << 52) as f64 - 1.0
}

fn logistic(m: f64) -> [f64; 2] {
    [(1.0 + (-m).exp()).ln(), 1.0 / (1.0 + m.exp())]
}

/// ℓ and its gradient by the definition: plain exponentials, one pair after the other.
fn by_pairs(kind: LossKind, z: &[f64], has: &dyn Fn(usize) -> bool) -> (f64, Vec<f64>) {
    let all = 0..z.len();
    let own: Vec<usize> = all.clone().filter(|j| has(*j)).collect();
    let others: Vec<usize> = all.filter(|j| !has(*j)).collect();
    let pairs = (own.len() * others.len()) as f64;
    let mut g = vec![0.0; z.len()];
    if kind == LossKind::LabelLogistic {
        let sign = |j: usize| if has(j) { 1.0 } else { -1.0 };
        let value = (0..z.len()).map(|j| logistic(sign(j) * z[j])[0]).sum();
        return (value, (0..z.len()).map(|j| -sign(j) * logistic(sign(j) * z[j])[1]).collect());
    }
    if kind == LossKind::GlobalThreshold {
        let a: f64 = own.iter().map(|k| (-z[*k]).exp()).sum();
        let b: f64 = others.iter().map(|l| z[*l].exp()).sum();
        for k in &own {
            g[*k] = -(-z[*k]).exp() * (1.0 + b);
        }
        for l in &others {
            g[*l] = z[*l].exp() * (1.0 + a);
        }
        return (a * b + a + b, g);
    }
    if kind == LossKind::Zlpr {
        let a: f64 = own.iter().map(|k| (-z[*k]).exp()).sum();
        let b: f64 = others.iter().map(|l| z[*l].exp()).sum();
        for k in &own {
            g[*k] = -(-z[*k]).exp() / (1.0 + a);
        }
        for l in &others {
            g[*l] = z[*l].exp() / (1.0 + b);
        }
        return ((1.0 + a).ln() + (1.0 + b).ln(), g);
    }
    if pairs == 0.0 {
        return (0.0, g);
    }
    // f(z_k − z_l), and −f′.
    let of_pair = |m: f64| match kind {
        LossKind::Bpmll | LossKind::Log1pBpmll => [(-m).exp() / pairs; 2],
        LossKind::Lsep => [(-m).exp(); 2],
        LossKind::PairwiseHinge if m < 1.0 => [(1.0 - m) / pairs, 1.0 / pairs],
        LossKind::PairwiseSquaredHinge if m < 1.0 => [0.5 * (1.0 - m).powi(2) / pairs, (1.0 - m) / pairs],
        LossKind::PairwiseLogistic => logistic(m).map(|part| part / pairs),
        _ => [0.0; 2],
    };
    let mut sum = 0.0;
    for &k in &own {
        for &l in &others {
            let [value, pull] = of_pair(z[k] - z[l]);
            sum += value;
            g[k] -= pull;
            g[l] += pull;
        }
    }
    if matches!(kind, LossKind::Lsep | LossKind::Log1pBpmll) {
        for g in &mut g {
            *g /= 1.0 + sum;
        }
        sum = sum.ln_1p();
    }
    (sum, g)
}

/// Value and gradient of one row.
fn by_loss(loss: &dyn Loss, z: &[f64], sets: &LabelSets, s: f64) -> (f64, Vec<f64>) {
    let mut g = z.to_vec();
    let view = MatMut::from_row_major_slice_mut(&mut g, 1, z.len());
    let value = loss.block(view, Targets::Labels(sets.view()), Some(&[s]));
    (value, g)
}

#[test]
fn value_and_gradient_are_those_of_the_double_loop_over_pairs() {
    let mut random = Random(3);
    for round in 0..600 {
        let c = [2, 3, 7, 8, 9, 16, 18, 63, 64, 65, 130][round % 11];
        let spread = [0.3, 3.0, 12.0][round % 3];
        let share = [0.1, 0.5, 0.9][round / 3 % 3];
        let z: Vec<f64> = (0..c).map(|_| spread * number(&mut random)).collect();
        let has: Vec<bool> = (0..c).map(|_| number(&mut random) < 2.0 * share - 1.0).collect();
        let sets = label_sets(1, c, |_, k| has[k]);
        for kind in rankings() {
            let (wanted, pulls) = by_pairs(kind, &z, &|j| has[j]);
            let (value, g) = by_loss(&*named(kind), &z, &sets, 1.0);
            assert!((value - wanted).abs() <= 1e-13 * (wanted + 1e-2), "{kind:?} {c}: {value} {wanted}");
            let scale: f64 = pulls.iter().map(|pull| pull.abs()).fold(1e-2, f64::max);
            for (g, pull) in g.iter().zip(&pulls) {
                assert!((g - pull).abs() <= 1e-13 * scale, "{kind:?} {c}: {g} {pull}");
            }
            let (twice, double) = by_loss(&*named(kind), &z, &sets, 2.0);
            assert_eq!(twice, 2.0 * value, "{kind:?}");
            assert!(double.iter().zip(&g).all(|(double, g)| *double == 2.0 * g), "{kind:?}");
        }
    }
}

#[test]
fn sorted_sums_keep_their_digits_where_scores_are_large_and_close() {
    // All scores are near 10⁶: sums of scores would leave ten digits of their differences.
    let mut random = Random(11);
    for _ in 0..50 {
        let z: Vec<f64> = (0..40).map(|_| (number(&mut random) * 1e4).round() / 4096.0 + 1e6).collect();
        let near: Vec<f64> = z.iter().map(|z| z - 1e6).collect();
        let sets = label_sets(1, 40, |_, k| k % 3 == 0);
        for kind in [LossKind::PairwiseHinge, LossKind::PairwiseSquaredHinge] {
            let (value, g) = by_loss(&*named(kind), &z, &sets, 1.0);
            let (wanted, pulls) = by_pairs(kind, &near, &|j| j % 3 == 0);
            assert!((value - wanted).abs() <= 1e-13 * wanted, "{value} {wanted}");
            for (g, pull) in g.iter().zip(&pulls) {
                assert!((g - pull).abs() <= 1e-13 * pull.abs(), "{kind:?} {g} {pull}");
            }
        }
    }
}

#[test]
fn rows_without_a_pair_have_no_loss_but_for_the_losses_that_compare_with_0() {
    let z = [3.0, -1.0, 0.5, 700.0];
    for kind in rankings() {
        for full in [false, true] {
            let sets = label_sets(1, 4, |_, _| full);
            let (value, g) = by_loss(&*named(kind), &z, &sets, 1.5);
            if kind.is_of_pairs() {
                assert_eq!((value, g.iter().all(|g| *g == 0.0)), (0.0, true), "{kind:?} {full}");
            } else {
                assert!(value > 0.0 && g.iter().all(|g| if full { *g < 0.0 } else { *g > 0.0 }), "{kind:?}");
            }
            let mut v = Mat::full(1, 4, 1.0);
            let scores = MatRef::from_row_major_slice(&z, 1, 4);
            named(kind).hessian(scores, Targets::Labels(sets.view()), None, v.as_mut());
            assert!((0..4).all(|j| v[(0, j)].is_finite() && (!kind.is_of_pairs() || v[(0, j)] == 0.0)));
        }
    }
}

#[test]
fn scores_of_a_million_or_beyond_single_precision_give_numbers_or_an_infinite_value() {
    for size in [1e6, f64::from(f32::MAX), 3.4e38, 1e300] {
        for signs in 0..16u32 {
            let z: Vec<f64> = (0..4).map(|j| if signs >> j & 1 == 1 { size } else { -size }).collect();
            let sets = label_sets(1, 4, |_, k| k < 2);
            for kind in rankings() {
                let (value, g) = by_loss(&*named(kind), &z, &sets, 1.0);
                assert!(!value.is_nan() && g.iter().all(|g| !g.is_nan()), "{kind:?} {z:?} {value} {g:?}");
                let may_overflow = matches!(
                    kind,
                    LossKind::Bpmll | LossKind::GlobalThreshold | LossKind::PairwiseSquaredHinge
                );
                assert!(may_overflow || value.is_finite(), "{kind:?} {z:?}");
            }
        }
    }
    // All scores moved by as much change nothing, where a plain product of sums is ∞ · 0.
    for shift in [800.0, -800.0, 1e6] {
        let z = [1.0, 0.5, -0.25, 2.0];
        let sets = label_sets(1, 4, |_, k| k % 2 == 0);
        for kind in rankings().filter(|kind| kind.is_of_pairs()) {
            let moved = z.map(|z| z + shift);
            let (value, there) =
                (by_loss(&*named(kind), &z, &sets, 1.0).0, by_loss(&*named(kind), &moved, &sets, 1.0).0);
            assert!((value - there).abs() <= 1e-9 * value, "{kind:?} {value} {there}");
        }
    }
}

#[test]
fn a_score_that_is_no_number_makes_nan_of_the_row_and_no_panic() {
    for c in [4, 70] {
        for place in [0, c - 1] {
            let mut z = vec![0.5; c];
            z[place] = f64::NAN;
            let sets = label_sets(1, c, |_, k| k % 2 == 0);
            for kind in rankings() {
                let (value, g) = by_loss(&*named(kind), &z, &sets, 1.0);
                assert!(value.is_nan() && g[place].is_nan(), "{kind:?}");
                let mut v = Mat::full(1, c, 1.0);
                let scores = MatRef::from_row_major_slice(&z, 1, c);
                named(kind).hessian(scores, Targets::Labels(sets.view()), None, v.as_mut());
            }
        }
    }
}

#[test]
fn a_row_of_the_hessian_sums_to_0_for_losses_of_pairs() {
    let mut random = Random(5);
    let z: Vec<f64> = (0..18).map(|_| 2.0 * number(&mut random)).collect();
    let sets = label_sets(1, 18, |_, k| k % 5 == 1);
    for kind in rankings().filter(|kind| kind.is_of_pairs()) {
        let mut v = Mat::full(1, 18, 1.0);
        named(kind).hessian(
            MatRef::from_row_major_slice(&z, 1, 18),
            Targets::Labels(sets.view()),
            None,
            v.as_mut(),
        );
        assert!((0..18).all(|j| v[(0, j)].abs() < 1e-14), "{kind:?}");
    }
}

/// A label of weight 3 is three labels with its score, wherever losses add up over labels or pairs.
#[test]
fn a_weight_is_the_label_as_often() {
    let mut random = Random(8);
    for round in 0..200 {
        let c = 2 + round % 9;
        let z: Vec<f64> = (0..c).map(|_| 3.0 * number(&mut random)).collect();
        let has: Vec<bool> = (0..c).map(|_| number(&mut random) < 0.0).collect();
        let counts: Vec<usize> = (0..c).map(|_| 1 + random.below(3)).collect();
        let weights: Vec<f64> = counts.iter().map(|count| *count as f64).collect();
        let copies: Vec<usize> = (0..c).flat_map(|j| std::iter::repeat_n(j, counts[j])).collect();
        let single = label_sets(1, c, |_, k| has[k]);
        let repeated = label_sets(1, copies.len(), |_, k| has[copies[k]]);
        let direction: Vec<f64> = (0..c).map(|_| number(&mut random)).collect();
        let rounded = super::super::rounded(LossKind::PairwiseHinge, 0.5);
        let losses = rankings().map(|kind| (kind.name(), named(kind)));
        for (kind, loss) in losses.chain(rounded.map(|loss| ("rounded", loss))) {
            let weighted = Targets::Labels(single.view().weighted(Some(&weights)));
            let many: Vec<f64> = copies.iter().map(|j| z[*j]).collect();
            let (wanted, pulls) = by_loss(&*loss, &many, &repeated, 1.0);
            let mut g = z.clone();
            let value = loss.block(MatMut::from_row_major_slice_mut(&mut g, 1, c), weighted, None);
            assert!((value - wanted).abs() <= 1e-13 * (1.0 + wanted), "{kind:?} {value} {wanted}");
            let gathered = |of: &[f64], j: usize| -> f64 {
                copies.iter().zip(of).filter(|(copy, _)| **copy == j).map(|(_, g)| g).sum()
            };
            let size = 1.0 + pulls.iter().fold(0.0f64, |most, pull| most.max(pull.abs()));
            let near = |(j, g): (usize, &f64)| (g - gathered(&pulls, j)).abs() <= 1e-12 * size;
            assert!(g.iter().enumerate().all(near), "{kind:?} {g:?}");
            let mut v = Mat::from_fn(1, c, |_, j| direction[j]);
            loss.hessian(MatRef::from_row_major_slice(&z, 1, c), weighted, None, v.as_mut());
            let mut all = Mat::from_fn(1, copies.len(), |_, j| direction[copies[j]]);
            let scores = MatRef::from_row_major_slice(&many, 1, copies.len());
            loss.hessian(scores, Targets::Labels(repeated.view()), None, all.as_mut());
            let turned: Vec<f64> = (0..copies.len()).map(|j| all[(0, j)]).collect();
            let size = 1.0 + turned.iter().fold(0.0f64, |most, turned| most.max(turned.abs()));
            assert!((0..c).all(|j| (v[(0, j)] - gathered(&turned, j)).abs() <= 1e-12 * size), "{kind:?}");
            let dual = Mat::from_fn(1, c, |_, j| g[j]);
            if let Some(found) = loss.conjugate(dual.as_ref(), weighted, None) {
                let dual = Mat::from_fn(1, copies.len(), |_, j| pulls[j]);
                let wanted = loss.conjugate(dual.as_ref(), Targets::Labels(repeated.view()), None).unwrap();
                assert!(
                    (found - wanted).abs() <= 1e-12 * (1.0 + wanted.abs()) * size,
                    "{kind:?} {found} {wanted}"
                );
            }
        }
    }
}

/// Below the hinge by half the width at most, with its derivative by differences, and dual points of the hinge.
#[test]
fn the_rounded_hinge_is_near_the_hinge_and_its_gradients_are_dual_points() {
    let mut random = Random(4);
    for round in 0..300 {
        let c = 2 + round % 7;
        let width = [1.0, 0.25, 1e-3][round % 3];
        let rounded = super::super::rounded(LossKind::PairwiseHinge, width).unwrap();
        let z: Vec<f64> = (0..c).map(|_| 2.0 * number(&mut random)).collect();
        let sets = label_sets(1, c, |_, k| k % 2 == round % 2);
        let (value, mut g) = by_loss(&*rounded, &z, &sets, 1.0);
        let hinge = by_loss(&*named(LossKind::PairwiseHinge), &z, &sets, 1.0).0;
        assert!(value <= hinge + 1e-12 && hinge <= value + 0.5 * width + 1e-12, "{value} {hinge}");
        let h = 1e-4 * width;
        for j in 0..c {
            let step = |by: f64| {
                let mut z = z.clone();
                z[j] += by;
                by_loss(&*rounded, &z, &sets, 1.0).0
            };
            let slope = (step(h) - step(-h)) / (2.0 * h);
            assert!((slope - g[j]).abs() < 1e-3, "{slope} {}", g[j]);
        }
        let view = Targets::Labels(sets.view());
        named(LossKind::PairwiseHinge).project_dual(
            MatMut::from_row_major_slice_mut(&mut g, 1, c),
            view,
            None,
        );
        let dual = MatRef::from_row_major_slice(&g, 1, c);
        let conjugate = named(LossKind::PairwiseHinge).conjugate(dual, view, None).unwrap();
        let gap = hinge + conjugate - g.iter().zip(&z).map(|(g, z)| g * z).sum::<f64>();
        assert!(gap >= -1e-12 && gap <= 0.25 * width + 1e-9, "{gap}");
    }
}

#[test]
fn diagonals_and_sums_of_hessians_are_those_of_products_with_every_direction() {
    let mut random = Random(9);
    let weights = [1.0, 0.5, 0.0, 2.0, 1.0];
    for c in [2, 5, 18, 64, 66] {
        let z = Mat::from_fn(5, c, |_, _| 2.0 * number(&mut random));
        // The last row has every label.
        let sets = label_sets(5, c, |i, k| (i + 2 * k) % 3 == 0 || i == 4);
        let counts: Vec<f64> = (0..c).map(|k| [0.5, 1.0, 3.0, 2.0][k % 4]).collect();
        let kinds = rankings().flat_map(|kind| [(kind, None), (kind, Some(counts.as_slice()))]);
        for (kind, counts) in kinds {
            let (loss, targets) = (named(kind), Targets::Labels(sets.view().weighted(counts)));
            let mut wanted = z.clone();
            directions::diagonal(&*loss, wanted.as_mut(), targets, Some(&weights));
            let mut found = z.clone();
            loss.diagonal(found.as_mut(), targets, Some(&weights));
            let most = wanted.norm_max();
            assert!((&found - &wanted).norm_max() <= 1e-13 * most, "{kind:?} {c}");
            let (mut wanted, mut found) = (Mat::zeros(c, c), Mat::full(c, c, 1.0));
            directions::add_hessians(&*loss, z.as_ref(), targets, Some(&weights), wanted.as_mut());
            loss.add_hessians(z.as_ref(), targets, Some(&weights), found.as_mut());
            assert!(
                (&found - Mat::full(c, c, 1.0) - &wanted).norm_max() <= 1e-13 * (1.0 + most),
                "{kind:?} {c}"
            );
        }
    }
}

#[test]
fn a_row_has_the_same_bits_alone_and_among_others_of_any_size() {
    let mut random = Random(13);
    for c in [2, 7, 18, 64, 65] {
        // Some rows are beyond what is taken as it is.
        let spread = |i: usize| [1.0, 400.0, 30.0][i % 3];
        let z = Mat::from_fn(11, c, |i, _| spread(i) * number(&mut random));
        let sets = label_sets(11, c, |i, k| (i + 2 * k) % 3 == 0);
        for kind in rankings() {
            let mut together = z.clone();
            named(kind).block(together.as_mut(), Targets::Labels(sets.view()), None);
            for i in 0..11 {
                let row: Vec<f64> = z.row(i).iter().copied().collect();
                let (_, alone) =
                    by_loss(&*named(kind), &row, &label_sets(1, c, |_, k| sets.view().has(i, k)), 1.0);
                assert!((0..c).all(|k| together[(i, k)].to_bits() == alone[k].to_bits()), "{kind:?} {c} {i}");
            }
        }
    }
}
