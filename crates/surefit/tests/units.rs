//! Columns as people have them: years, prices and densities side by side, far from 0 and of any size. What a solver does with
//! them is its own business: every loss is certified.

#![allow(clippy::unwrap_used)]

use faer::Mat;
use proptest::prelude::*;
use surefit::data::Samples;
use surefit::data::features::Features;
use surefit::fit::{Method, SampleFit, SampleSettings, Verdict, fit_samples, usual_gap};
use surefit::{Intercept, LossKind, Problem, Ridge, loss};

const LOSSES: [LossKind; 7] = [
    LossKind::Hinge { margin: 1.0 },
    LossKind::CrammerSinger { margin: 2.0 },
    LossKind::SquaredHinge { margin: 1.0 },
    LossKind::OvrHinge,
    LossKind::OvrSquaredHinge,
    LossKind::OvrLogistic,
    LossKind::Softmax,
];

/// Rows of classes that overlap, in columns with a place and a size of their own.
#[derive(Clone, Debug)]
struct Measured {
    x: Mat<f64>,
    classes: Vec<u32>,
    weights: Option<Vec<f64>>,
    count: usize,
}

impl Measured {
    fn fit(&self, loss: LossKind, lambda: f64, intercept: Intercept, method: Method) -> SampleFit {
        let (x, weights) = (Features::F64(self.x.as_ref()), self.weights.as_deref());
        let samples =
            Samples::of_classes(x, &self.classes, weights, self.count, &*loss::named(loss)).unwrap();
        let problem = Problem { loss, penalty: Ridge::uniform(lambda), intercept };
        let settings =
            SampleSettings { method, gap: usual_gap(loss), max_iter: Some(1000), time_limit: None, seed: 1 };
        fit_samples(&samples, &problem, &settings, &|_| true).unwrap()
    }
}

fn measured() -> impl Strategy<Value = Measured> {
    (20usize..90, 1usize..5, 2usize..5).prop_flat_map(|(n, d, count)| {
        let last = u32::try_from(count).unwrap();
        (
            prop::collection::vec(-1.0f64..1.0, n * d),
            prop::collection::vec((prop::sample::select(vec![0.0, 1.0, 40.0, 2000.0]), -2i32..4), d),
            prop::collection::vec(0..last, n),
            prop::option::of(prop::collection::vec(0u8..4, n)),
        )
            .prop_map(move |(noise, columns, classes, weights)| {
                let entry = |i: usize, j: usize| {
                    let (place, size) = columns[j];
                    let own = f64::from(classes[i]) * if j.is_multiple_of(2) { 0.7 } else { -0.4 };
                    place + 10f64.powi(size) * (own + noise[i * d + j])
                };
                let x = Mat::from_fn(n, d, entry);
                let weights = weights.map(|all| all.into_iter().map(|s| f64::from(s) + 0.5).collect());
                Measured { x, classes, weights, count }
            })
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn every_loss_is_certified_in_any_units(
        rows in measured(),
        loss in prop::sample::select(LOSSES.to_vec()),
        lambda in prop::sample::select(vec![1e-2, 1e-5]),
        intercept in prop::sample::select(vec![Intercept::Free, Intercept::Penalized, Intercept::Absent]),
    ) {
        // Far from 0 without a free intercept, the least of hinges that can be met is 1e-9 and less: another matter than units.
        let far = rows.x.row_iter().any(|row| row.iter().any(|x| x.abs() > 1900.0));
        let intercept = if far { Intercept::Free } else { intercept };
        let fit = rows.fit(loss, lambda, intercept, Method::Auto);
        // Where weights of next to no size tell all rows apart, what is left of the objective is near its rounding.
        let vanishes = fit.certificate.objective() < 1e-7;
        let told = || format!("{} {:?} {:?}", fit.reason, fit.certificate, fit.diagnosis);
        prop_assert!(fit.verdict == Verdict::Certified || vanishes, "{}", told());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 30, ..ProptestConfig::default() })]

    /// Kinks that are rounded, or are none in the dual: the same optimum, each within its gap of it.
    #[test]
    fn rounded_kinks_come_to_the_optimum_that_dual_ascent_proves(
        rows in measured(),
        loss in prop::sample::select(vec![LOSSES[0], LOSSES[1], LOSSES[3]]),
        method in prop::sample::select(vec![Method::NewtonCg, Method::Lbfgs]),
    ) {
        let rounded = rows.fit(loss, 0.1, Intercept::Penalized, method).certificate;
        let ascent = rows.fit(loss, 0.1, Intercept::Penalized, Method::DualAscent).certificate;
        prop_assert!(rounded.bound() <= ascent.objective() && ascent.bound() <= rounded.objective());
    }
}

#[test]
fn two_columns_far_from_zero_are_no_work_for_a_hinge() {
    let year = |i: usize| 1990.0 + (i % 31) as f64;
    let price = |i: usize| 100.0 + ((i * 37) % 90) as f64;
    let rows = Measured {
        x: Mat::from_fn(60, 2, |i, j| if j == 0 { year(i) } else { price(i) }),
        classes: (0..60).map(|i| u32::from(year(i) + 0.05 * price(i) > 2011.5)).collect(),
        weights: None,
        count: 2,
    };
    let fit = rows.fit(LOSSES[0], 1.0 / 60.0, Intercept::Free, Method::Auto);
    assert_eq!(fit.verdict, Verdict::Certified);
    assert!(fit.passes < 5000.0, "{}", fit.passes);
}
