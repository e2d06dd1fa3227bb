//! Every mistake is named with its numbers, and no right gradient is called wrong.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::float_cmp, clippy::type_complexity)]

use super::*;
use crate::data::LabelSets;
use crate::loss::tests::{LOSSES, label_sets};
use crate::loss::{Targets, named};
use crate::num::UNIT_ROUNDOFF;
use crate::problem::LossKind;
use faer::{Mat, MatRef};
use proptest::prelude::*;
use std::cell::RefCell;

/// A linear model on some rows: mean loss plus (λ/2) ‖W‖².
struct Model {
    kind: LossKind,
    x: Mat<f64>,
    classes: Vec<u32>,
    labels: LabelSets,
    values: Mat<f64>,
    lambda: f64,
    layout: Layout,
}

/// Numbers that follow from a seed, in [−1, 1).
fn numbers(count: usize, seed: u64) -> Vec<f64> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1u64 << 52) as f64 - 1.0
    };
    (0..count).map(|_| next()).collect()
}

impl Model {
    /// `rows` coefficients an output; where there is an intercept the last one is.
    fn new(
        kind: LossKind,
        n: usize,
        rows: usize,
        classes: usize,
        lambda: f64,
        intercept: bool,
        seed: u64,
    ) -> Self {
        let outputs = named(kind).outputs(classes);
        let (x, values, pick) =
            (numbers(n * rows, seed), numbers(n * outputs, seed ^ 1), numbers(n, seed ^ 2));
        let last = u32::try_from(classes).unwrap();
        let ones = |k: usize| intercept && k + 1 == rows;
        Self {
            kind,
            x: Mat::from_fn(n, rows, |i, k| if ones(k) { 1.0 } else { 2.0 * x[i * rows + k] }),
            classes: pick.iter().map(|p| u32::try_from(p.to_bits() >> 20 & 0xffff).unwrap() % last).collect(),
            labels: label_sets(n, outputs, |i, k| values[i * outputs + k] > 0.2),
            values: Mat::from_fn(n, outputs, |i, k| 3.0 * values[i * outputs + k]),
            lambda,
            layout: Layout {
                rows,
                outputs,
                intercept: intercept.then(|| rows - 1),
                penalize_intercept: false,
            },
        }
    }

    fn targets(&self) -> Targets<'_> {
        if self.kind.is_of_classes() {
            Targets::Classes(&self.classes)
        } else if self.kind.is_of_labels() {
            Targets::Labels(self.labels.view())
        } else {
            Targets::Values(self.values.as_ref())
        }
    }

    fn matrix<'w>(&self, w: &'w [f64]) -> MatRef<'w, f64> {
        MatRef::from_row_major_slice(w, self.layout.rows, self.layout.outputs)
    }

    fn value(&self, w: &[f64]) -> f64 {
        let mut scores = &self.x * self.matrix(w);
        let loss = named(self.kind).block(scores.as_mut(), self.targets(), None);
        let squares: f64 = self.layout.penalized(w).iter().map(|w| w * w).sum();
        loss / self.x.nrows() as f64 + 0.5 * self.lambda * squares
    }

    fn parts(&self, w: &[f64]) -> Parts {
        Parts::of_linear(&*named(self.kind), self.x.as_ref(), self.targets(), None, self.matrix(w), Some(5))
    }

    fn gradient(&self, w: &[f64]) -> Vec<f64> {
        mix([1.0, 1.0, self.lambda], &self.parts(w), &self.layout.penalized(w))
    }

    fn points(&self, seed: u64) -> Vec<Vec<f64>> {
        let count = self.layout.rows * self.layout.outputs;
        vec![vec![0.0; count], numbers(count, seed), numbers(count, !seed)]
    }

    fn subject<'a>(
        &self,
        value: &'a dyn Fn(&[f64]) -> f64,
        gradient: &'a dyn Fn(&[f64]) -> Vec<f64>,
        parts: Option<PartsAt<'a>>,
    ) -> Subject<'a> {
        let size = self.x.nrows() as f64;
        Subject { value, gradient, layout: self.layout, lambda: self.lambda, size, parts }
    }
}

/// So many times the wrong classes' part, the true class's part and W; a data part that does not divide counts as
/// the former.
fn mix([wrong, own, penalty]: [f64; 3], parts: &Parts, w: &[f64]) -> Vec<f64> {
    let none = vec![0.0; w.len()];
    let (a, b) = match &parts.split {
        Some(split) => (&split.wrong_classes, &split.true_class),
        None => (&parts.data, &none),
    };
    (0..w.len()).map(|i| wrong * a[i] + own * b[i] + penalty * w[i]).collect()
}

/// What a mistaken author makes of the model, its true parts and the point.
type Claim<'a> = dyn Fn(&Model, &Parts, &[f64]) -> Vec<f64> + 'a;

/// The finding for a claim on 12 rows and on 7, at three points each; with the true parts or from numbers alone.
fn found(make: impl Fn(usize) -> Model, claim: &Claim<'_>, black_box: bool) -> Option<Finding> {
    let models = [make(12), make(7)];
    let values = models.each_ref().map(|model| move |w: &[f64]| model.value(w));
    let gradients = models.each_ref().map(|model| move |w: &[f64]| claim(model, &model.parts(w), w));
    let parts = models.each_ref().map(|model| move |w: &[f64]| model.parts(w));
    let subjects: Vec<Subject<'_>> = (0..2)
        .map(|k| {
            let known: Option<PartsAt<'_>> = if black_box { None } else { Some(&parts[k]) };
            models[k].subject(&values[k], &gradients[k], known)
        })
        .collect();
    let points = models.each_ref().map(|model| model.points(11));
    let examination = examine(&subjects, &[&points[0], &points[1]], &Settings::default()).unwrap();
    assert_eq!(examination.reports.len(), 6);
    assert!(!examination.agrees());
    examination.finding
}

/// CS231n's model: Weston and Watkins, λ = 0.2, four classes.
fn svm(n: usize) -> Model {
    Model::new(LossKind::Hinge { margin: 1.0 }, n, 5, 4, 0.2, false, 42)
}

fn svm_with_intercept(n: usize) -> Model {
    Model::new(LossKind::Hinge { margin: 1.0 }, n, 5, 4, 0.2, true, 42)
}

fn softmax(n: usize) -> Model {
    Model::new(LossKind::Softmax, n, 5, 3, 0.2, false, 43)
}

fn ridge(n: usize) -> Model {
    Model::new(LossKind::Squared, n, 4, 1, 0.2, false, 44)
}

fn near(found: [f64; 3], wanted: [f64; 3]) {
    for (found, wanted) in found.into_iter().zip(wanted) {
        assert!((found - wanted).abs() <= 1e-6 * (1.0 + wanted.abs()), "{found} {wanted}");
    }
}

#[test]
fn mixtures_of_the_parts_are_named_with_their_coefficients() {
    let n = |model: &Model| model.x.nrows() as f64;
    let rows: [(Mistake, [f64; 3], &dyn Fn(&Model) -> [f64; 3]); 15] = [
        (Mistake::NotAveraged, [12.0, 12.0, 0.2], &|m| [n(m), n(m), 0.2]),
        (Mistake::AveragedTwice, [1.0 / 12.0, 1.0 / 12.0, 0.2], &|m| [1.0 / n(m), 1.0 / n(m), 0.2]),
        (Mistake::PenaltyFactor(0.5), [1.0, 1.0, 0.1], &|_| [1.0, 1.0, 0.1]),
        (Mistake::PenaltyFactor(2.0), [1.0, 1.0, 0.4], &|_| [1.0, 1.0, 0.4]),
        (Mistake::PenaltyMissing, [1.0, 1.0, 0.0], &|_| [1.0, 1.0, 0.0]),
        (Mistake::TrueClassMissing, [1.0, 0.0, 0.2], &|_| [1.0, 0.0, 0.2]),
        (Mistake::DataSign, [-1.0, -1.0, 0.2], &|_| [-1.0, -1.0, 0.2]),
        (Mistake::DataFactor(3.0), [3.0, 3.0, 0.2], &|_| [3.0, 3.0, 0.2]),
        (Mistake::DataFactor(12.0), [12.0, 12.0, 0.2], &|_| [12.0, 12.0, 0.2]),
        (Mistake::Parts, [1.0, -1.0, 0.2], &|_| [1.0, -1.0, 0.2]),
        (Mistake::Sign, [-1.0, -1.0, -0.2], &|_| [-1.0, -1.0, -0.2]),
        (Mistake::Factor(2.0), [2.0, 2.0, 0.4], &|_| [2.0, 2.0, 0.4]),
        (Mistake::Factor(0.5), [0.5, 0.5, 0.1], &|_| [0.5, 0.5, 0.1]),
        (Mistake::TimesRows, [12.0, 12.0, 2.4], &|m| [n(m), n(m), 0.2 * n(m)]),
        (Mistake::OverRows, [1.0 / 12.0, 1.0 / 12.0, 0.2 / 12.0], &|m| [1.0 / n(m), 1.0 / n(m), 0.2 / n(m)]),
    ];
    for (mistake, coefficients, factors) in rows {
        let claim = |m: &Model, parts: &Parts, w: &[f64]| mix(factors(m), parts, w);
        let finding = found(svm, &claim, false).unwrap_or_else(|| panic!("{mistake:?} is not found"));
        assert!(same(finding.mistake, mistake), "{finding:?} for {mistake:?}");
        near(finding.coefficients.unwrap(), coefficients);
    }
}

/// Equal but for the digits that a factor lost.
fn same(found: Mistake, wanted: Mistake) -> bool {
    let close = |a: f64, b: f64| (a - b).abs() <= 1e-6 * b.abs();
    match (found, wanted) {
        (Mistake::PenaltyFactor(a), Mistake::PenaltyFactor(b))
        | (Mistake::PenaltyUnwanted(a), Mistake::PenaltyUnwanted(b))
        | (Mistake::DataFactor(a), Mistake::DataFactor(b))
        | (Mistake::Factor(a), Mistake::Factor(b)) => close(a, b),
        _ => found == wanted,
    }
}

#[test]
fn numbers_alone_name_what_does_not_need_the_parts() {
    let n = |model: &Model| model.x.nrows() as f64;
    let rows: [(Mistake, &dyn Fn(&Model) -> [f64; 2]); 9] = [
        (Mistake::NotAveraged, &|m| [n(m), 0.2]),
        (Mistake::PenaltyMissing, &|_| [1.0, 0.0]),
        (Mistake::PenaltyFactor(2.0), &|_| [1.0, 0.4]),
        (Mistake::DataSign, &|_| [-1.0, 0.2]),
        (Mistake::Sign, &|_| [-1.0, -0.2]),
        (Mistake::Factor(2.0), &|_| [2.0, 0.4]),
        (Mistake::Factor(0.5), &|_| [0.5, 0.1]),
        (Mistake::TimesRows, &|m| [n(m), 0.2 * n(m)]),
        (Mistake::OverRows, &|m| [1.0 / n(m), 0.2 / n(m)]),
    ];
    for make in [svm, softmax, ridge] {
        for (mistake, factors) in rows {
            let claim = |m: &Model, parts: &Parts, w: &[f64]| {
                let [data, penalty] = factors(m);
                mix([data, data, penalty], parts, w)
            };
            let finding = found(make, &claim, true).unwrap_or_else(|| panic!("{mistake:?} is not found"));
            assert!(same(finding.mistake, mistake), "{finding:?} for {mistake:?}");
        }
    }
}

#[test]
fn a_probability_of_the_own_class_without_its_1_is_seen() {
    let claim = |m: &Model, parts: &Parts, w: &[f64]| {
        let split = parts.split.as_ref().unwrap();
        let own = |i: usize| split.true_class[i] - split.indicator[i];
        (0..w.len()).map(|i| split.wrong_classes[i] + own(i) + m.lambda * w[i]).collect()
    };
    assert_eq!(found(softmax, &claim, false).unwrap().mistake, Mistake::OwnClassNotSubtracted);
}

#[test]
fn an_indicator_where_the_count_belongs_is_seen_and_said() {
    let claim = |m: &Model, parts: &Parts, w: &[f64]| {
        let split = parts.split.as_ref().unwrap();
        (0..w.len()).map(|i| split.wrong_classes[i] + split.indicator[i] + m.lambda * w[i]).collect()
    };
    let finding = found(svm, &claim, false).unwrap();
    assert_eq!(finding.mistake, Mistake::IndicatorForCount);
    near(finding.coefficients.unwrap(), [1.0, 1.0, 0.2]);
    assert_eq!(
        finding.to_string(),
        "the row's own class gets 1 where the number of violated margins belongs"
    );
}

#[test]
fn a_penalty_where_there_is_none_is_said_with_its_number() {
    let make = |n| Model { lambda: 0.0, ..svm(n) };
    let claim = |_: &Model, parts: &Parts, w: &[f64]| mix([1.0, 1.0, 0.3], parts, w);
    let finding = found(make, &claim, false).unwrap();
    assert!(same(finding.mistake, Mistake::PenaltyUnwanted(0.3)), "{finding:?}");
    assert_eq!(finding.to_string(), "0.300000·W is added, and there is no penalty");
}

#[test]
fn a_transposed_gradient_and_shifted_classes_are_named() {
    let transposed = |m: &Model, _: &Parts, w: &[f64]| {
        let (g, Layout { rows, outputs, .. }) = (m.gradient(w), m.layout);
        (0..rows * outputs).map(|p| g[(p % rows) * outputs + p / rows]).collect()
    };
    let shifted = |by: usize| {
        move |m: &Model, _: &Parts, w: &[f64]| {
            let (g, c) = (m.gradient(w), m.layout.outputs);
            (0..g.len()).map(|p| g[p / c * c + (p % c + by) % c]).collect::<Vec<f64>>()
        }
    };
    for black_box in [false, true] {
        assert_eq!(found(svm, &transposed, black_box).unwrap().mistake, Mistake::Transposed);
        assert_eq!(found(svm, &shifted(3), black_box).unwrap().mistake, Mistake::ClassesShifted(1));
        assert_eq!(found(svm, &shifted(1), black_box).unwrap().mistake, Mistake::ClassesShifted(-1));
    }
}

#[test]
fn mistakes_at_the_intercept_are_named() {
    let at_intercept = |change: fn(f64, f64) -> f64| {
        move |m: &Model, _: &Parts, w: &[f64]| {
            let mut g = m.gradient(w);
            let (first, last) = ((m.layout.rows - 1) * m.layout.outputs, g.len());
            (first..last).for_each(|p| g[p] = change(g[p], w[p]));
            g
        }
    };
    let shrunk = |n| {
        let mut model = svm_with_intercept(n);
        model.layout.penalize_intercept = true;
        model
    };
    for black_box in [false, true] {
        let named = |make: fn(usize) -> Model, change: fn(f64, f64) -> f64| {
            found(make, &at_intercept(change), black_box).unwrap().mistake
        };
        assert_eq!(named(svm_with_intercept, |g, b| g + 0.2 * b), Mistake::InterceptPenalized);
        assert_eq!(named(svm_with_intercept, |_, _| 0.0), Mistake::InterceptMissing);
        assert_eq!(named(shrunk, |g, b| g - 0.2 * b), Mistake::InterceptNotPenalized);
    }
}

#[test]
fn a_gradient_of_the_last_batch_is_named() {
    let claim = |m: &Model, parts: &Parts, w: &[f64]| {
        parts.last_batch.as_ref().unwrap().iter().zip(w).map(|(g, w)| g + m.lambda * w).collect()
    };
    assert_eq!(found(svm, &claim, false).unwrap().mistake, Mistake::LastBatch);
}

#[test]
fn a_gradient_of_the_point_before_is_named() {
    for black_box in [false, true] {
        let before = RefCell::new(None::<(usize, Vec<f64>)>);
        let claim = |m: &Model, _: &Parts, w: &[f64]| {
            let n = m.x.nrows();
            let lagging = before.borrow_mut().replace((n, w.to_vec()));
            match lagging {
                Some((rows, lagging)) if rows == n => m.gradient(&lagging),
                _ => m.gradient(w),
            }
        };
        assert_eq!(found(svm, &claim, black_box).unwrap().mistake, Mistake::PreviousPoint);
    }
}

#[test]
fn a_mistake_of_no_known_kind_gets_no_name_but_is_seen() {
    let claim = |m: &Model, _: &Parts, w: &[f64]| {
        let mut g = m.gradient(w);
        g[3] += 0.01;
        g
    };
    let model = svm(12);
    let (value, gradient) = (|w: &[f64]| model.value(w), |w: &[f64]| claim(&model, &model.parts(w), w));
    let points = model.points(5);
    let subject = model.subject(&value, &gradient, None);
    let examination = examine(&[subject], &[&points], &Settings::default()).unwrap();
    assert!(!examination.agrees());
    assert_eq!(examination.finding, None);
    for report in &examination.reports {
        assert_eq!(report.worst(), Some(3));
        assert!((report.entries[3].error - 0.01).abs() < 1e-6 || report.entries[3].kink);
    }
}

#[test]
fn every_finding_says_its_numbers() {
    let say = |mistake, coefficients| {
        Finding { mistake, coefficients: Some(coefficients), lambda: 0.2, size: 12.0 }.to_string()
    };
    assert_eq!(
        say(Mistake::NotAveraged, [12.0, 12.0, 0.2]),
        "the losses are summed, not averaged: factor 12.000000 for n = 12"
    );
    assert_eq!(
        say(Mistake::PenaltyFactor(0.5), [1.0, 1.0, 0.1]),
        "the penalty comes in 0.500000 times: 0.100000·W instead of 0.2·W"
    );
    assert_eq!(
        say(Mistake::TrueClassMissing, [1.0, 0.0, 0.2]),
        "the part of the row's own class is missing: factor 0.000000 instead of 1"
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, ..ProptestConfig::default() })]

    #[test]
    fn a_right_gradient_is_never_called_wrong(
        loss in 0..LOSSES.len(),
        n in 1usize..30, rows in 2usize..6, classes in 2usize..5,
        lambda in prop_oneof![Just(0.0), 0.001f64..2.0],
        intercept in any::<bool>(), at_zero in any::<bool>(),
        scale in prop_oneof![Just(1.0f64), Just(0.01), Just(30.0)],
        seed in any::<u64>(),
    ) {
        let model = Model::new(LOSSES[loss], n, rows, classes, lambda, intercept, seed);
        let (value, gradient) = (|w: &[f64]| model.value(w), |w: &[f64]| model.gradient(w));
        let points = model.points(seed ^ 9);
        // A mean of exponentials goes from 1 to 10⁴⁰ between two points of such a size, and its digits with it.
        let explodes = matches!(model.kind, LossKind::Bpmll | LossKind::GlobalThreshold);
        let scale = if explodes { scale.min(1.0) } else { scale };
        let scaled = |w: &Vec<f64>| w.iter().map(|w| scale * w).collect();
        let points: Vec<Vec<f64>> = points[usize::from(!at_zero)..].iter().map(scaled).collect();
        let subject = model.subject(&value, &gradient, None);
        let examination = examine(&[subject], &[&points], &Settings::default()).unwrap();
        for report in &examination.reports {
            let worst = report.entries[report.worst().unwrap()];
            prop_assert!(report.agrees(), "{:?} {worst:?}", model.kind);
            // And the check is sharp: what it allows is small beside the function.
            for entry in &report.entries {
                prop_assert!(entry.allowance <= 1e-4 * (1.0 + value(&points[0]).abs() + entry.numeric.abs()), "{:?} {entry:?}", model.kind);
            }
        }
        prop_assert_eq!(examination.finding, None);
    }

    #[test]
    fn a_wrong_entry_is_always_seen(
        loss in 0..LOSSES.len(), n in 2usize..30, rows in 2usize..6, seed in any::<u64>(),
        place in any::<prop::sample::Index>(),
    ) {
        let model = Model::new(LOSSES[loss], n, rows, 3, 0.1, false, seed);
        let point = numbers(rows * model.layout.outputs, seed ^ 9);
        let mut given = model.gradient(&point);
        let place = place.index(given.len());
        given[place] += 1e-3 * (1.0 + given[place].abs());
        let report = check(&|w| model.value(w), &given, &point, &Settings::default()).unwrap();
        prop_assert!(!report.agrees() || report.entries[place].kink);
        prop_assert!(report.entries.iter().enumerate().all(|(i, entry)| i == place || entry.is_right()));
    }

    #[test]
    fn known_kinks_give_the_exact_derivative_of_a_piecewise_loss(
        n in 1usize..20, rows in 1usize..5, seed in any::<u64>(),
    ) {
        let model = Model::new(LossKind::Hinge { margin: 1.0 }, n, rows, 3, 0.1, false, seed);
        let point = numbers(rows * 3, seed ^ 9);
        let distance = |w: &[f64], index: usize| hinge_kink(&model, w, index);
        let settings = Settings { kink_distance: Some(&distance), ..Settings::default() };
        let given = model.gradient(&point);
        let report = check(&|w| model.value(w), &given, &point, &settings).unwrap();
        prop_assert!(report.agrees());
        for (index, entry) in report.entries.iter().enumerate() {
            let h = (0.5 * distance(&point, index)).min(0.5);
            let bound = 256.0 * UNIT_ROUNDOFF * (1.0 + model.value(&point)) / h;
            prop_assert!((entry.numeric - entry.given).abs() <= bound, "{entry:?} {h}");
        }
    }
}

/// How far parameter `index` can move before a margin of Weston and Watkins' hinge is met: min |z| / |x|.
fn hinge_kink(model: &Model, w: &[f64], index: usize) -> f64 {
    let scores = &model.x * model.matrix(w);
    let (k, j) = (index / 3, index % 3);
    let mut nearest = f64::INFINITY;
    for i in 0..model.x.nrows() {
        let own = model.classes[i] as usize;
        let affected = (0..3).filter(|&rival| rival != own && (j == own || rival == j));
        for rival in affected {
            let z = 1.0 + scores[(i, rival)] - scores[(i, own)];
            nearest = nearest.min(z.abs() / model.x[(i, k)].abs());
        }
    }
    nearest
}

#[test]
fn at_a_kink_everything_between_the_one_sided_derivatives_is_right() {
    // |θ| + θ² at 0: from −1 to 1.
    let value = |w: &[f64]| w[0].abs() + w[0] * w[0];
    for (given, right) in [(-1.0, true), (0.3, true), (1.0, true), (1.001, false), (-1.5, false)] {
        let entry = check(&value, &[given], &[0.0], &Settings::default()).unwrap().entries[0];
        assert_eq!((entry.kink, entry.is_right()), (true, right), "{given}");
    }
    // Known to be at one.
    let settings = Settings { kink_distance: Some(&|_, _| 0.0), ..Settings::default() };
    assert!(check(&value, &[0.3], &[0.0], &settings).unwrap().entries[0].kink);
}

#[test]
fn a_kink_beside_the_point_is_stepped_around() {
    for distance in [1e-1, 1e-2, 1e-3, 3e-4, 1e-4, 1e-5] {
        let value = |w: &[f64]| (w[0] - distance).abs() + (0.5 * w[0]).exp();
        let entry = check(&value, &[-0.5], &[0.0], &Settings::default()).unwrap().entries[0];
        assert!(!entry.kink && entry.is_right() && entry.allowance < 1e-5, "{distance} {entry:?}");
        assert!(!check(&value, &[-0.499], &[0.0], &Settings::default()).unwrap().agrees());
    }
}

#[test]
fn smooth_functions_come_out_to_eleven_digits() {
    let functions: [(&dyn Fn(f64) -> f64, &dyn Fn(f64) -> f64); 4] = [
        (&|t| t.exp(), &|t| t.exp()),
        (&|t| (3.0 * t).sin(), &|t| 3.0 * (3.0 * t).cos()),
        (&|t| t.powi(5), &|t| 5.0 * t.powi(4)),
        (&|t| (200.0 * t).tanh(), &|t| 200.0 / (200.0 * t).cosh().powi(2)),
    ];
    for (f, slope) in functions {
        for t in [0.01, -0.02, 0.7] {
            let entry = check(&|w| f(w[0]), &[slope(t)], &[t], &Settings::default()).unwrap().entries[0];
            let scale = f(t).abs() + slope(t).abs();
            assert!(
                entry.is_right() && !entry.kink && entry.error <= 1e-11 * scale.max(200.0),
                "{t} {entry:?}"
            );
        }
    }
}

#[test]
fn a_function_in_single_precision_is_checked_with_its_own_rounding() {
    #[expect(clippy::cast_possible_truncation, reason = "single precision is what is tested")]
    let value = |w: &[f64]| f64::from((w[0] as f32).exp());
    let settings = Settings { rounding: 2.0 * f64::from(f32::EPSILON), kink_distance: None };
    let slope = 1.0f64.exp();
    assert!(check(&value, &[slope], &[1.0], &settings).unwrap().agrees());
    assert!(!check(&value, &[slope * 1.02], &[1.0], &settings).unwrap().agrees());
}

#[test]
fn claims_that_cannot_be_compared_are_refused_in_words() {
    let refused = |given: &[f64], at: &[f64]| {
        check(&|w| w[0].ln(), given, at, &Settings::default()).unwrap_err().to_string()
    };
    assert_eq!(refused(&[1.0, 2.0], &[1.0]), "the gradient has 2 entries, the point 1");
    assert_eq!(refused(&[1.0], &[-1.0]), "the function is NaN at the point of the check");
    let report = check(&|w| w[0], &[f64::NAN], &[1.0], &Settings::default()).unwrap();
    assert!(!report.agrees());
}
