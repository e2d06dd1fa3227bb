//! Gradient descent through the whole pipeline, on the data that the project started from: what a person sees for the
//! three runs that were asked about. The figures are the known answers for `sales.csv`.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use faer::Mat;
use proptest::prelude::*;
use std::cell::Cell;
use surefit::data::Design;
use surefit::data::scale::Scale;
use surefit::diagnosis::{Code, Fix};
use surefit::fit::{Fit, Settings, Solver, Verdict, Watch, fit, lint};
use surefit::solver::{Stop, gradient_descent};
use surefit::{Intercept, LossKind, Problem, Ridge};

/// The fit, and the step that was forecast before it.
fn descend(scale: Scale, learning_rate: f64, tolerance: f64, max_iter: u64) -> (Fit, u64) {
    let rows = include_str!("data/sales.csv").lines().skip(1);
    let rows: Vec<Vec<f64>> =
        rows.map(|row| row.split(',').map(|field| field.parse().unwrap()).collect()).collect();
    let take = |place: usize| Mat::from_fn(rows.len(), 1, |i, _| rows[i][place]);
    let design = Design { x: take(1), x_low: None, y: take(0), weights: None };
    let problem = Problem { loss: LossKind::Squared, penalty: Ridge::default(), intercept: Intercept::Free };
    let choices =
        gradient_descent::Settings { learning_rate, tolerance, max_iter, start: None, time_limit: None };
    let settings = Settings {
        solver: Solver::GradientDescent(choices),
        scale,
        scale_target: scale == Scale::Minmax,
        columns: vec!["temp".to_owned()],
        targets: vec!["sales".to_owned()],
        ..Settings::default()
    };
    let said = Cell::new(0);
    let watch = Watch { forecast: &|forecast| said.set(forecast.steps), ..Watch::SILENT };
    (fit(&design, &problem, &settings, &watch).unwrap(), said.get())
}

#[test]
fn raw_sales_at_rate_01_fail_with_sf101_and_the_exact_answer_beside_it() {
    let (fit, _) = descend(Scale::None, 0.01, 1e-9, 10_000);
    let found = fit.diagnosis.expect("a diagnosis");
    assert_eq!((fit.verdict, fit.candidate.stop, found.code), (Verdict::Failed, Stop::Diverged, Code::Sf101));
    let steps: Vec<_> = found.remedies.iter().map(|remedy| remedy.steps).collect();
    assert_eq!(steps, [Some(931), Some(61_553), None]);
    assert_eq!(found.applied().map(|remedy| &remedy.fix), Some(&Fix::Exact));
    let exact = found.exact.expect("an exact answer");
    assert!((exact.intercept[0] + 159.474_152_34).abs() < 1e-8);
    assert!((exact.weights[(0, 0)] - 30.087_861_79).abs() < 1e-8);
}

#[test]
fn raw_sales_at_rate_005_are_sf103_with_the_true_distance() {
    let (fit, forecast) = descend(Scale::None, 0.005, 1e-9, 10_000);
    let found = fit.diagnosis.expect("a diagnosis");
    assert_eq!((fit.verdict, found.code, forecast), (Verdict::Uncertified, Code::Sf103, 10_000));
    let proof = fit.certificate.unwrap();
    assert!((proof.objective() - 614.821_742_158).abs() < 1e-8);
    assert!((proof.bound() - 605.679_183_990).abs() < 1e-6);
}

#[test]
fn sales_between_0_and_1_stop_at_7743_as_forecast_and_are_sf104() {
    let (fit, forecast) = descend(Scale::Minmax, 0.01, 1e-9, 20_000);
    let found = fit.diagnosis.expect("a diagnosis");
    assert_eq!((fit.verdict, found.code), (Verdict::Uncertified, Code::Sf104));
    assert_eq!((fit.candidate.steps, forecast), (7743, 7743));
    assert!((fit.certificate.unwrap().relative_gap() - 2.3e-4).abs() < 1e-6);
}

#[test]
fn centred_sales_at_the_same_rate_are_certified() {
    let (fit, _) = descend(Scale::Center, 0.01, 1e-9, 10_000);
    assert_eq!((fit.verdict, fit.diagnosis), (Verdict::Certified, None));
}

/// Small data with offsets, unequal scales, close and exact fits and constant targets; rates about 1/L and those
/// that people type; tolerances of every size.
fn runs() -> impl Strategy<Value = (Design, Settings, f64)> {
    let size = (3usize..20, 1usize..4);
    let numbers = prop::collection::vec(-1.7f64..1.7, 20 * 4);
    let shape = prop::collection::vec(
        (prop::sample::select(vec![0.0, 1.0, 10.0, 100.0]), -2.0f64..2.0, -2.0f64..2.0),
        3,
    );
    let target = (prop::sample::select(vec![0.0, 1e-6, 1e-3, 0.1, 1.0, 10.0]), -50.0f64..50.0, 0u32..30);
    let rates = prop::sample::select(vec![0.01, 0.1, 0.001, -0.3, -0.6, -0.9, -1.2, -1.9, -2.2]);
    let choices = (rates, -14i32..-1, 1u32..6, prop::sample::select(vec![-3, -4, -6, -6, -8, -9]));
    let problem = (0u32..5, 0u32..5, -5i32..1);
    (size, numbers, shape, target, choices, problem).prop_map(
        |(
            (n, d),
            numbers,
            shape,
            (noise, level, constant),
            (rate, tolerance, limit, gap),
            (scale, ridge, lambda),
        )| {
            let at = |i: usize, j: usize| numbers[i * 4 + j];
            let x = Mat::from_fn(n, d, |i, j| shape[j].0 + 10f64.powf(shape[j].1) * at(i, j));
            let signal = |i: usize| (0..d).map(|j| shape[j].2 * x[(i, j)]).sum::<f64>();
            let y = |i: usize| if constant == 0 { level } else { level + signal(i) + noise * at(i, 3) };
            let y = Mat::from_fn(n, 1, |i, _| y(i));
            // A bound on L; negative rates are so many of its reciprocals.
            let largest =
                1.0 + (0..d).map(|j| (0..n).map(|i| x[(i, j)].powi(2)).sum::<f64>() / n as f64).sum::<f64>();
            let choices = gradient_descent::Settings {
                learning_rate: if rate < 0.0 { -rate / largest } else { rate },
                tolerance: 10f64.powi(tolerance),
                max_iter: 10u64.pow(limit),
                start: None,
                time_limit: None,
            };
            let settings = Settings {
                solver: Solver::GradientDescent(choices),
                gap: 10f64.powi(gap),
                scale: [Scale::Center, Scale::Standardize, Scale::None, Scale::None, Scale::None]
                    [scale as usize],
                ..Settings::default()
            };
            let lambda = if ridge == 0 { 10f64.powi(lambda) } else { 0.0 };
            (Design { x, x_low: None, y, weights: None }, settings, lambda)
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Near an exact fit, after millions of steps and at the finest gaps too: there rounding has a say.
    #[test]
    fn an_offered_remedy_does_what_it_says_and_no_cause_goes_without_a_name((design, settings, lambda) in runs()) {
        let penalty = Ridge { lambda, factors: None };
        let problem = Problem { loss: LossKind::Squared, penalty, intercept: Intercept::Free };
        let before = fit(&design, &problem, &settings, &Watch::SILENT).unwrap();
        prop_assert_eq!(before.diagnosis.is_none(), before.verdict == Verdict::Certified);
        let forecast = lint(&design, &problem, &settings, &|| true).unwrap();
        let forecast = forecast.iter().find(|finding| finding.code < Code::Sf201 && finding.code != Code::Sf107);
        let after = before.diagnosis.iter().flat_map(|found| &found.remedies);
        for remedy in forecast.iter().flat_map(|found| &found.remedies).chain(after) {
            prop_assert!(remedy.proven, "{:?}", remedy);
            let changed = match remedy.fix {
                Fix::Gap(gap) => Some(Settings { gap, ..settings.clone() }),
                _ => settings.with(&remedy.fix),
            };
            let Some(changed) = changed else { continue };
            let after = fit(&design, &problem, &changed, &Watch::SILENT).unwrap();
            prop_assert_eq!(after.verdict, Verdict::Certified, "{:?}, gap {}", remedy, after.certificate.unwrap().relative_gap());
        }
    }
}

/// What a watcher's no costs: before an answer everything, after it what would have been said of it.
#[test]
fn an_answer_whose_certificate_is_interrupted_stands_and_its_gap_is_unknown() {
    let design = Design {
        x: Mat::from_fn(50_000, 3, |i, j| ((i * (j + 3)) % 17) as f64),
        x_low: None,
        y: Mat::from_fn(50_000, 1, |i, _| (i % 5) as f64),
        weights: None,
    };
    let problem = Problem { loss: LossKind::Squared, penalty: Ridge::default(), intercept: Intercept::Free };
    let asked = std::sync::atomic::AtomicU32::new(0);
    let some = |most: u32| asked.fetch_add(1, std::sync::atomic::Ordering::Relaxed) < most;
    let why = || Stop::Time;
    let late = Watch { prove_on: &|| some(3), why: &why, ..Watch::SILENT };
    let cut = fit(&design, &problem, &Settings::default(), &late).unwrap();
    assert_eq!((cut.verdict, cut.candidate.stop, cut.certificate), (Verdict::Uncertified, Stop::Time, None));
    let whole = fit(&design, &problem, &Settings::default(), &Watch::SILENT).unwrap();
    assert_eq!(cut.candidate.coefficients, whole.candidate.coefficients);
    asked.store(0, std::sync::atomic::Ordering::Relaxed);
    let early = Watch { go_on: &|| some(3), ..Watch::SILENT };
    let none = fit(&design, &problem, &Settings::default(), &early);
    assert!(matches!(none, Err(surefit::Error::Interrupted)), "{none:?}");
}
