//! What every loss has to keep, whatever it is: one suite for all of them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::float_cmp)]

mod cs231n;

use super::*;
use crate::data::LabelSets;
use faer::Mat;
use proptest::prelude::*;

/// Every loss there is.
pub(crate) const LOSSES: [LossKind; 18] = [
    LossKind::Squared,
    LossKind::Huber { delta: 1.345 },
    LossKind::Hinge { margin: 1.0 },
    LossKind::CrammerSinger { margin: 0.75 },
    LossKind::SquaredHinge { margin: 1.25 },
    LossKind::OvrHinge,
    LossKind::OvrSquaredHinge,
    LossKind::OvrLogistic,
    LossKind::Softmax,
    LossKind::Bpmll,
    LossKind::Lsep,
    LossKind::Log1pBpmll,
    LossKind::Zlpr,
    LossKind::PairwiseHinge,
    LossKind::PairwiseSquaredHinge,
    LossKind::PairwiseLogistic,
    LossKind::GlobalThreshold,
    LossKind::LabelLogistic,
];

/// A block with a target of each kind for every row.
#[derive(Clone, Debug)]
struct Block {
    kind: LossKind,
    scores: Mat<f64>,
    values: Mat<f64>,
    classes: Vec<u32>,
    labels: LabelSets,
    of_labels: Option<Vec<f64>>,
    weights: Option<Vec<f64>>,
}

impl Block {
    fn loss(&self) -> Box<dyn Loss> {
        named(self.kind)
    }

    fn targets(&self) -> Targets<'_> {
        if self.kind.is_of_classes() {
            Targets::Classes(&self.classes)
        } else if self.kind.is_of_labels() {
            Targets::Labels(self.labels.view().weighted(self.of_labels.as_deref()))
        } else {
            Targets::Values(self.values.as_ref())
        }
    }

    /// Value and gradient at `scores`.
    fn at(&self, scores: &Mat<f64>) -> (f64, Mat<f64>) {
        let mut gradient = scores.clone();
        let value = self.loss().block(gradient.as_mut(), self.targets(), self.weights.as_deref());
        (value, gradient)
    }

    fn hessian(&self, scores: &Mat<f64>, direction: &Mat<f64>) -> Mat<f64> {
        let mut out = direction.clone();
        self.loss().hessian(scores.as_ref(), self.targets(), self.weights.as_deref(), out.as_mut());
        out
    }

    fn conjugate(&self, dual: &Mat<f64>) -> Option<f64> {
        self.loss().conjugate(dual.as_ref(), self.targets(), self.weights.as_deref())
    }

    fn projected(&self, dual: &Mat<f64>) -> Mat<f64> {
        let mut out = dual.clone();
        self.loss().project_dual(out.as_mut(), self.targets(), self.weights.as_deref());
        out
    }

    /// The same block made of these rows, each as often as it stands there, without weights.
    fn rows(&self, rows: &[usize]) -> Self {
        let pick = |of: &Mat<f64>| Mat::from_fn(rows.len(), of.ncols(), |i, k| of[(rows[i], k)]);
        Self {
            kind: self.kind,
            scores: pick(&self.scores),
            values: pick(&self.values),
            classes: rows.iter().map(|&i| self.classes[i]).collect(),
            labels: self.labels.view().picked(rows),
            of_labels: self.of_labels.clone(),
            weights: None,
        }
    }
}

/// Some loss with scores out of `numbers`; weights are absent, or among 0, 1, 2, 3.
fn block(numbers: impl Strategy<Value = f64> + Clone) -> impl Strategy<Value = Block> {
    let sizes = (0..LOSSES.len(), 1usize..7, 2usize..6, any::<bool>());
    sizes.prop_flat_map(move |(kind, n, classes, weighted)| {
        let kind = LOSSES[kind];
        let columns = named(kind).outputs(classes);
        let last = u32::try_from(classes).unwrap();
        (
            prop::collection::vec(numbers.clone(), n * columns),
            prop::collection::vec(-4.0f64..4.0, n * columns),
            prop::collection::vec(0..last, n),
            prop::collection::vec(0u8..4, n),
            prop::collection::vec(any::<bool>(), n * columns),
            prop::option::of(prop::collection::vec(0.25f64..4.0, columns)),
        )
            .prop_map(move |(scores, values, classes, weights, has, of_labels)| Block {
                kind,
                scores: Mat::from_fn(n, columns, |i, k| scores[i * columns + k]),
                values: Mat::from_fn(n, columns, |i, k| values[i * columns + k]),
                classes,
                labels: label_sets(n, columns, |i, k| has[i * columns + k]),
                of_labels,
                weights: weighted.then(|| weights.into_iter().map(f64::from).collect()),
            })
    })
}

/// n sets of c labels.
pub(crate) fn label_sets(n: usize, c: usize, has: impl Fn(usize, usize) -> bool) -> LabelSets {
    let mut sets = LabelSets::new(0, c);
    (0..n).for_each(|i| sets.push((0..c).filter(|k| has(i, *k))));
    sets
}

fn ordinary() -> impl Strategy<Value = f64> + Clone {
    -4.0f64..4.0
}

/// Quarters: margins are met exactly, and scores are tied.
fn tied() -> impl Strategy<Value = f64> + Clone {
    (-8i8..8).prop_map(|q| 0.25 * f64::from(q))
}

fn enormous() -> impl Strategy<Value = f64> + Clone {
    prop::sample::select(vec![0.0, 1.0, 800.0, -800.0, 1e300, -1e300])
}

fn entries(matrix: &Mat<f64>) -> impl Iterator<Item = f64> {
    matrix.col_iter().flat_map(|column| column.iter().copied().collect::<Vec<_>>())
}

fn inner(a: &Mat<f64>, b: &Mat<f64>) -> f64 {
    entries(a).zip(entries(b)).map(|(a, b)| a * b).sum()
}

fn moved(scores: &Mat<f64>, by: f64, direction: &Mat<f64>) -> Mat<f64> {
    Mat::from_fn(scores.nrows(), scores.ncols(), |i, k| scores[(i, k)] + by * direction[(i, k)])
}

/// Numbers that follow from a seed, in [−1, 1).
fn numbers(rows: usize, columns: usize, seed: u64) -> Mat<f64> {
    let mut state = seed;
    Mat::from_fn(rows, columns, |_, _| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1u64 << 52) as f64 - 1.0
    })
}

proptest! {
    #[test]
    fn the_gradient_is_between_the_one_sided_difference_quotients(
        block in prop_oneof![block(ordinary()), block(tied())],
    ) {
        // A convex function's are around every subgradient, kinks and all; 2⁻²⁰ pins a smooth one to 1e-5.
        let h = f64::powi(2.0, -20);
        let (value, gradient) = block.at(&block.scores);
        for i in 0..block.scores.nrows() {
            for k in 0..block.scores.ncols() {
                let step = |by: f64| {
                    let mut scores = block.scores.clone();
                    scores[(i, k)] += by;
                    block.at(&scores).0
                };
                let (left, right) = ((value - step(-h)) / h, (step(h) - value) / h);
                let rounding = 4e-15 * (1.0 + value) / h;
                let g = gradient[(i, k)];
                prop_assert!(left - rounding <= g && g <= right + rounding, "{left} {g} {right}");
                if block.loss().curvature() != Curvature::Piecewise {
                    prop_assert!(right - left <= 1e-4 * (1.0 + value) + 2.0 * rounding, "a kink: {left} {right}");
                }
            }
        }
    }

    #[test]
    fn the_hessian_is_the_change_of_the_gradient(block in block(ordinary()), seed in any::<u64>()) {
        let h = f64::powi(2.0, -17);
        let direction = numbers(block.scores.nrows(), block.scores.ncols(), seed);
        let (ahead, behind) = (moved(&block.scores, h, &direction), moved(&block.scores, -h, &direction));
        let own = block.hessian(&block.scores, &direction);
        // Where the second derivative jumps on the way, or the gradient does, there is nothing to compare.
        let steady = [&ahead, &behind].iter().all(|at| {
            entries(&block.hessian(at, &direction)).zip(entries(&own)).all(|(a, b)| (a - b).abs() < 1e-3)
        });
        let (ahead, behind) = (block.at(&ahead).1, block.at(&behind).1);
        let jumps = block.loss().curvature() == Curvature::Piecewise && entries(&ahead).ne(entries(&behind));
        prop_assume!(steady && !jumps);
        for ((own, a), b) in entries(&own).zip(entries(&ahead)).zip(entries(&behind)) {
            prop_assert!((own - (a - b) / (2.0 * h)).abs() < 1e-8 * (1.0 + own.abs()), "{own} {}", (a - b) / (2.0 * h));
        }
    }

    #[test]
    fn what_is_prepared_once_gives_the_same_products(block in block(ordinary()), seed in any::<u64>()) {
        let (n, c) = (block.scores.nrows(), block.scores.ncols());
        let (loss, targets, weights) = (block.loss(), block.targets(), block.weights.as_deref());
        let (mut prepared, mut kept) = (block.scores.clone(), vec![f64::NAN; n * loss.kept()]);
        loss.prepare(prepared.as_mut(), &mut kept, targets, weights);
        for seed in [seed, seed ^ 0x5851_f42d] {
            let direction = numbers(n, c, seed);
            let mut product = direction.clone();
            loss.hessian_prepared(prepared.as_ref(), &kept, targets, weights, product.as_mut());
            prop_assert_eq!(product, block.hessian(&block.scores, &direction));
        }
    }

    #[test]
    fn the_hessian_is_symmetric_and_never_negative(block in block(ordinary()), seed in any::<u64>()) {
        let (n, c) = (block.scores.nrows(), block.scores.ncols());
        let (u, v) = (numbers(n, c, seed), numbers(n, c, seed ^ 0x5851_f42d));
        let (hu, hv) = (block.hessian(&block.scores, &u), block.hessian(&block.scores, &v));
        prop_assert!((inner(&u, &hv) - inner(&v, &hu)).abs() < 1e-12 * (1.0 + inner(&u, &hu)));
        prop_assert!(inner(&u, &hu) >= -1e-13);
    }

    #[test]
    fn every_loss_is_convex_along_segments(block in block(ordinary()), seed in any::<u64>(), t in 0.0f64..1.0) {
        let direction = numbers(block.scores.nrows(), block.scores.ncols(), seed);
        let (end, between) = (moved(&block.scores, 8.0, &direction), moved(&block.scores, 8.0 * t, &direction));
        let (a, b, middle) = (block.at(&block.scores).0, block.at(&end).0, block.at(&between).0);
        prop_assert!(middle <= (1.0 - t) * a + t * b + 1e-13 * (a + b));
    }

    #[test]
    fn value_and_conjugate_are_above_the_product_and_meet_it_at_the_gradient(
        block in prop_oneof![block(ordinary()), block(tied())],
        seed in any::<u64>(),
    ) {
        prop_assume!(block.loss().has_conjugate());
        let (value, gradient) = block.at(&block.scores);
        let (n, c) = (block.scores.nrows(), block.scores.ncols());
        let elsewhere = block.at(&moved(&block.scores, 3.0, &numbers(n, c, seed))).1;
        let anywhere = block.projected(&moved(&gradient, 2.0, &numbers(n, c, !seed)));
        for (dual, met) in [(&gradient, true), (&elsewhere, false), (&anywhere, false)] {
            let conjugate = block.conjugate(dual);
            prop_assert!(conjugate.is_some(), "{dual:?} is refused");
            let conjugate = conjugate.unwrap();
            let gap = value + conjugate - inner(dual, &block.scores);
            let terms: f64 = entries(dual).zip(entries(&block.scores)).map(|(a, b)| (a * b).abs()).sum();
            let rounding = 1e-13 * (value + conjugate.abs() + terms + 1.0);
            prop_assert!(gap >= -rounding, "{gap}");
            prop_assert!(!met || gap <= rounding, "{gap}");
        }
    }

    #[test]
    fn a_projection_is_in_the_domain_and_moves_no_point_of_it(
        block in block(ordinary()),
        wild in prop::collection::vec(
            prop_oneof![-3.0f64..3.0, Just(f64::NAN), Just(f64::INFINITY), Just(-1e300)], 40),
    ) {
        let dual = Mat::from_fn(block.scores.nrows(), block.scores.ncols(), |i, k| wild[i * 6 + k]);
        let bounded = !matches!(block.kind, LossKind::Squared);
        if bounded && block.loss().has_conjugate() {
            prop_assert!(block.conjugate(&block.projected(&dual)).is_some());
        }
        let inside = block.at(&block.scores).1;
        for (moved, own) in entries(&block.projected(&inside)).zip(entries(&inside)) {
            prop_assert!((moved - own).abs() <= 1e-14 * own.abs(), "{own} moved to {moved}");
        }
    }

    #[test]
    fn a_weight_is_the_row_as_often_and_zero_no_row(block in block(ordinary()), spoil in any::<bool>()) {
        let n = block.scores.nrows();
        let counts: Vec<usize> = (0..n).map(|i| i % 3).collect();
        let mut weighted = Block { weights: Some(counts.iter().map(|s| *s as f64).collect()), ..block.clone() };
        let rows: Vec<usize> = (0..n).flat_map(|i| std::iter::repeat_n(i, counts[i])).collect();
        let repeated = block.rows(&rows);
        if spoil {
            for i in (0..n).filter(|i| counts[*i] == 0) {
                (0..block.scores.ncols()).for_each(|k| weighted.scores[(i, k)] = f64::NAN);
                weighted.classes[i] = u32::MAX;
            }
        }
        let (value, gradient) = weighted.at(&weighted.scores);
        let (wanted, single) = repeated.at(&repeated.scores);
        prop_assert!((value - wanted).abs() <= 1e-13 * wanted);
        for (place, &i) in rows.iter().enumerate() {
            for k in 0..gradient.ncols() {
                prop_assert!((gradient[(i, k)] - counts[i] as f64 * single[(place, k)]).abs() <= 1e-14 * gradient[(i, k)].abs());
            }
        }
        for i in (0..n).filter(|i| counts[*i] == 0) {
            prop_assert!((0..gradient.ncols()).all(|k| gradient[(i, k)] == 0.0));
        }
        if block.loss().has_conjugate() {
            let dual = weighted.conjugate(&gradient).unwrap();
            let wanted = repeated.conjugate(&single).unwrap();
            prop_assert!((dual - wanted).abs() <= 1e-12 * (1.0 + wanted.abs()), "{dual} {wanted}");
        }
        let direction = numbers(n, gradient.ncols(), 7);
        let product = weighted.hessian(&weighted.scores, &direction);
        let picked = Mat::from_fn(rows.len(), gradient.ncols(), |p, k| direction[(rows[p], k)]);
        let single = repeated.hessian(&repeated.scores, &picked);
        for (place, &i) in rows.iter().enumerate() {
            for k in 0..product.ncols() {
                prop_assert!((product[(i, k)] - counts[i] as f64 * single[(place, k)]).abs() <= 1e-13);
            }
        }
        prop_assert!(entries(&product).all(f64::is_finite));
    }

    #[test]
    fn any_strides_give_the_same_bits(block in block(ordinary()), seed in any::<u64>()) {
        let (n, c) = (block.scores.nrows(), block.scores.ncols());
        let loss = block.loss();
        let (targets, weights) = (block.targets(), block.weights.as_deref());
        let (value, gradient) = block.at(&block.scores);
        let direction = numbers(n, c, seed);
        let product = block.hessian(&block.scores, &direction);
        let conjugate = block.conjugate(&gradient);

        let mut row_major = block.scores.transpose().to_owned();
        let mut product_row_major = direction.transpose().to_owned();
        loss.hessian(row_major.transpose(), targets, weights, product_row_major.transpose_mut());
        prop_assert_eq!(product_row_major.transpose().to_owned(), product.clone());
        prop_assert_eq!(loss.block(row_major.transpose_mut(), targets, weights), value);
        prop_assert_eq!(row_major.transpose().to_owned(), gradient.clone());
        prop_assert_eq!(loss.conjugate(row_major.transpose(), targets, weights), conjugate);
        loss.project_dual(row_major.transpose_mut(), targets, weights);
        prop_assert_eq!(row_major.transpose().to_owned(), block.projected(&gradient));

        // Columns from last to first: a negative stride.
        let mut reversed = block.scores.reverse_cols().to_owned();
        prop_assert_eq!(loss.block(reversed.as_mut().reverse_cols_mut(), targets, weights), value);
        prop_assert_eq!(reversed.reverse_cols().to_owned(), gradient);
    }

    #[test]
    fn enormous_scores_make_no_nan(block in block(enormous()), seed in any::<u64>()) {
        let (value, gradient) = block.at(&block.scores);
        prop_assert!(!value.is_nan());
        prop_assert!(entries(&gradient).all(|g| !g.is_nan()));
        let direction = numbers(block.scores.nrows(), block.scores.ncols(), seed);
        // Where even the gradient overflows nothing bends in a finite way.
        if matches!(block.kind, LossKind::Bpmll | LossKind::GlobalThreshold) && value.is_infinite() {
            return Ok(());
        }
        prop_assert!(entries(&block.hessian(&block.scores, &direction)).all(f64::is_finite));
        if block.loss().has_conjugate() && entries(&gradient).all(f64::is_finite) {
            prop_assert!(block.conjugate(&gradient).is_some_and(|value| !value.is_nan()));
        }
    }

    #[test]
    fn a_gap_of_fenchel_and_young_bounds_the_objective(
        block in block(ordinary()), seed in any::<u64>(), lambda in 0.01f64..2.0,
    ) {
        prop_assume!(block.loss().has_conjugate());
        let (n, c) = (block.scores.nrows(), block.scores.ncols());
        let total: f64 = (0..n).map(|i| weight(block.weights.as_deref(), i)).sum();
        prop_assume!(total > 0.0);
        let x = numbers(n, 3, seed);
        let objective = |w: &Mat<f64>| block.at(&(&x * w)).0 / total + 0.5 * lambda * inner(w, w);
        let dual = block.at(&block.scores).1;
        let own = Mat::from_fn(3, c, |j, k| -(x.transpose() * &dual)[(j, k)] / (lambda * total));
        let bound = -block.conjugate(&dual).unwrap() / total - 0.5 * lambda * inner(&own, &own);
        for w in [numbers(3, c, !seed), own, Mat::zeros(3, c)] {
            prop_assert!(objective(&w) >= bound - 1e-12 * (1.0 + bound.abs()));
        }
    }
}

#[test]
fn a_dual_point_outside_the_domain_is_refused() {
    let kinds = [
        (LossKind::Huber { delta: 1.0 }, [[1.0 + 1e-15, 0.0, 0.0], [-1.1, 0.0, 0.0]]),
        (LossKind::Hinge { margin: 1.0 }, [[-1.0 - 1e-15, 1.0 + 1e-15, 0.0], [-0.5, 0.25, 0.2]]),
        (LossKind::CrammerSinger { margin: 1.0 }, [[-1.2, 0.6, 0.6], [0.1, -0.1, 0.0]]),
        (LossKind::SquaredHinge { margin: 1.0 }, [[0.5, -0.5, 0.0], [-0.5, 0.25, 0.2]]),
        (LossKind::OvrHinge, [[0.5, 0.5, 0.5], [-0.5, 1.1, 0.5]]),
        (LossKind::OvrSquaredHinge, [[0.5, 0.5, 0.5], [-3.0, -0.1, 3.0]]),
        (LossKind::OvrLogistic, [[0.5, 0.5, 0.5], [-0.5, 1.1, 0.5]]),
        (LossKind::Softmax, [[-1.2, 0.6, 0.6], [-0.5, 0.25, 0.2]]),
    ];
    for (kind, points) in kinds {
        for point in points {
            let dual = Mat::from_fn(1, 3, |_, k| point[k]);
            let zeros = Mat::zeros(1, 3);
            let targets =
                if kind.is_of_classes() { Targets::Classes(&[0]) } else { Targets::Values(zeros.as_ref()) };
            assert_eq!(named(kind).conjugate(dual.as_ref(), targets, None), None, "{kind:?} {point:?}");
            assert_eq!(named(kind).conjugate(dual.as_ref(), targets, Some(&[0.0])), None, "{kind:?}, no row");
        }
    }
}

#[test]
fn a_conjugate_between_the_corners_is_attained_at_the_kink() {
    // Scores at which every rival is exactly at the margin: the loss is 0 and any α is a subgradient.
    let at_the_margin = Mat::from_fn(1, 3, |_, k| [2.5, 1.5, 1.5][k]);
    let ovr = Mat::from_fn(1, 3, |_, k| [1.0, -1.0, -1.0][k]);
    for (kind, scores) in [
        (LossKind::Hinge { margin: 1.0 }, &at_the_margin),
        (LossKind::CrammerSinger { margin: 1.0 }, &at_the_margin),
        (LossKind::OvrHinge, &ovr),
    ] {
        let dual = Mat::from_fn(1, 3, |_, k| [-0.75, 0.25, 0.5][k]);
        let loss = named(kind);
        assert_eq!(loss.block(scores.clone().as_mut(), Targets::Classes(&[0]), None), 0.0);
        let conjugate = loss.conjugate(dual.as_ref(), Targets::Classes(&[0]), None);
        assert_eq!(conjugate, Some(inner(&dual, scores)), "{kind:?}");
    }
}

#[test]
fn a_tie_is_decided_as_a_strict_indicator_does() {
    for (kind, scores, gradient) in [
        (LossKind::Hinge { margin: 1.0 }, [2.0, 1.0, 1.5], [-1.0, 0.0, 1.0]),
        (LossKind::CrammerSinger { margin: 1.0 }, [1.0, 2.0, 2.0], [-1.0, 1.0, 0.0]),
        (LossKind::CrammerSinger { margin: 1.0 }, [2.0, 1.0, 1.0], [0.0, 0.0, 0.0]),
        (LossKind::OvrHinge, [1.0, -1.0, 0.0], [0.0, 0.0, 1.0]),
    ] {
        let mut row = Mat::from_fn(1, 3, |_, k| scores[k]);
        named(kind).block(row.as_mut(), Targets::Classes(&[0]), None);
        assert_eq!(std::array::from_fn(|k| row[(0, k)]), gradient, "{kind:?}");
    }
}

#[test]
fn two_classes_against_each_other_have_one_column_positive_for_the_second() {
    let values = [(LossKind::OvrHinge, 1.5), (LossKind::OvrSquaredHinge, 2.25)];
    for (kind, value) in values {
        let loss = named(kind);
        assert_eq!((loss.outputs(2), loss.outputs(3)), (1, 3));
        let mut score = Mat::full(1, 1, 0.5);
        assert_eq!(loss.block(score.as_mut(), Targets::Classes(&[0]), None), value);
        assert!(score[(0, 0)] > 0.0);
        let mut score = Mat::full(1, 1, 0.5);
        loss.block(score.as_mut(), Targets::Classes(&[1]), None);
        assert!(score[(0, 0)] < 0.0);
    }
    assert_eq!(named(LossKind::Softmax).outputs(2), 2);
}

#[test]
fn known_values_come_out_to_the_last_digits() {
    // log(e⁰ + e⁻⁴⁰) = log1p(e⁻⁴⁰), which a plain sum rounds to 0.
    let mut scores = Mat::from_fn(1, 2, |_, k| [40.0, 0.0][k]);
    let value = named(LossKind::Softmax).block(scores.as_mut(), Targets::Classes(&[0]), None);
    assert_eq!(value, (-40.0f64).exp());
    assert_eq!(scores[(0, 0)], -scores[(0, 1)]);
    let mut score = Mat::full(1, 1, -800.0);
    assert_eq!(named(LossKind::OvrLogistic).block(score.as_mut(), Targets::Classes(&[1]), None), 800.0);
    assert_eq!(score[(0, 0)], -1.0);
    let mut score = Mat::full(1, 1, 5.0);
    let zero = Mat::zeros(1, 1);
    let huber = named(LossKind::Huber { delta: 2.0 });
    assert_eq!(huber.block(score.as_mut(), Targets::Values(zero.as_ref()), None), 2.0 * 5.0 - 0.5 * 4.0);
}

#[test]
fn targets_that_do_not_fit_make_nan_instead_of_an_answer() {
    for kind in LOSSES {
        let loss = named(kind);
        let numbers = Mat::zeros(2, 3);
        let (one, narrow) = (LabelSets::new(1, 3), LabelSets::new(2, 2));
        let (wrong, right) = if kind.is_of_labels() {
            (Targets::Labels(narrow.view()), Targets::Labels(one.view()))
        } else if kind.is_of_classes() {
            (Targets::Values(numbers.as_ref()), Targets::Classes(&[0, 3]))
        } else {
            (Targets::Classes(&[0, 1]), Targets::Values(numbers.as_ref().subrows(0, 1)))
        };
        for targets in [wrong, right] {
            let mut scores = Mat::zeros(2, 3);
            assert!(loss.block(scores.as_mut(), targets, None).is_nan(), "{kind:?}");
            assert!(scores[(1, 2)].is_nan());
            assert_eq!(loss.conjugate(Mat::zeros(2, 3).as_ref(), targets, None), None);
        }
    }
}
