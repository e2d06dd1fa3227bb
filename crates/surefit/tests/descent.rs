//! Gradient descent through the whole pipeline, on the data that the project started from: what a person sees for the
//! three runs that were asked about. The figures are the known answers for `sales.csv`.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use faer::Mat;
use std::cell::Cell;
use surefit::data::Design;
use surefit::data::scale::Scale;
use surefit::diagnosis::{Code, Fix};
use surefit::fit::{Fit, Settings, Solver, Verdict, Watch, fit};
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
    assert!((fit.certificate.objective() - 614.821_742_158).abs() < 1e-8);
    assert!((fit.certificate.bound() - 605.679_183_990).abs() < 1e-6);
}

#[test]
fn sales_between_0_and_1_stop_at_7743_as_forecast_and_are_sf104() {
    let (fit, forecast) = descend(Scale::Minmax, 0.01, 1e-9, 20_000);
    let found = fit.diagnosis.expect("a diagnosis");
    assert_eq!((fit.verdict, found.code), (Verdict::Uncertified, Code::Sf104));
    assert_eq!((fit.candidate.steps, forecast), (7743, 7743));
    assert!((fit.certificate.relative_gap() - 2.3e-4).abs() < 1e-6);
}

#[test]
fn centred_sales_at_the_same_rate_are_certified() {
    let (fit, _) = descend(Scale::Center, 0.01, 1e-9, 10_000);
    assert_eq!((fit.verdict, fit.diagnosis), (Verdict::Certified, None));
}
