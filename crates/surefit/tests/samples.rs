//! The whole way for losses of any kind: every loss with every intercept is certified, dense and sparse, and what cannot
//! be certified says why.

#![allow(clippy::unwrap_used, clippy::float_cmp)]

use faer::Mat;
use std::time::Duration;
use surefit::data::Samples;
use surefit::data::features::{Csr, Features};
use surefit::diagnosis::Code;
use surefit::fit::{Method, SampleFit, SampleSettings, Verdict, fit_samples, usual_gap};
use surefit::metrics::Confusion;
use surefit::oracle::{Oracle, Pass};
use surefit::solver::Stop;
use surefit::{Intercept, LossKind, Problem, Ridge, loss};

const LOSSES: [LossKind; 7] = [
    LossKind::Hinge { margin: 1.0 },
    LossKind::CrammerSinger { margin: 1.0 },
    LossKind::SquaredHinge { margin: 1.0 },
    LossKind::OvrHinge,
    LossKind::OvrSquaredHinge,
    LossKind::OvrLogistic,
    LossKind::Softmax,
];
const INTERCEPTS: [Intercept; 3] = [Intercept::Absent, Intercept::Penalized, Intercept::Free];

fn settings(gap: f64) -> SampleSettings {
    SampleSettings { method: Method::Auto, gap, max_iter: None, time_limit: None, seed: 3 }
}

/// The irises of Fisher (1936), four measures in centimetres and three species of fifty.
struct Iris {
    x: Mat<f64>,
    species: Vec<u32>,
}

impl Iris {
    fn new() -> Self {
        let text = include_str!("../../../data/iris.csv");
        let lines: Vec<Vec<&str>> = text.lines().skip(1).map(|line| line.split(',').collect()).collect();
        let x = Mat::from_fn(lines.len(), 4, |i, j| lines[i][j].parse().unwrap());
        let mut names: Vec<&str> = lines.iter().map(|line| line[4]).collect();
        names.dedup();
        let place =
            |name: &str| u32::try_from(names.iter().position(|other| *other == name).unwrap()).unwrap();
        Self { species: lines.iter().map(|line| place(line[4])).collect(), x }
    }

    fn samples(&self, loss: LossKind) -> Samples<'_> {
        Samples::of_classes(Features::F64(self.x.as_ref()), &self.species, None, 3, &*loss::named(loss))
            .unwrap()
    }

    fn fit(&self, loss: LossKind, lambda: f64, intercept: Intercept, gap: f64) -> SampleFit {
        let problem = Problem { loss, penalty: Ridge::uniform(lambda), intercept };
        fit_samples(&self.samples(loss), &problem, &settings(gap), &|_| true).unwrap()
    }
}

#[test]
fn every_loss_is_certified_with_every_intercept_and_a_finer_gap_finds_no_more_than_was_said() {
    let iris = Iris::new();
    for loss in LOSSES {
        for intercept in INTERCEPTS {
            let gap = usual_gap(loss);
            let rough = iris.fit(loss, 1.0 / 150.0, intercept, gap);
            assert_eq!(rough.verdict, Verdict::Certified, "{loss:?} {intercept:?} {:?}", rough.diagnosis);
            assert!(rough.diagnosis.is_none());
            let fine = iris.fit(loss, 1.0 / 150.0, intercept, gap * 1e-3);
            assert_eq!(fine.verdict, Verdict::Certified, "{loss:?} {intercept:?} {:?}", fine.diagnosis);
            let (a, b) = (&rough.certificate, &fine.certificate);
            assert!(a.objective() - b.objective() <= a.gap(), "{loss:?} {intercept:?}");
            assert!(b.bound() <= a.objective() && a.bound() <= b.objective(), "{loss:?} {intercept:?}");
            assert!(rough.passes > 0.0);
        }
    }
}

#[test]
fn all_methods_for_smooth_losses_come_to_the_same_answer() {
    let iris = Iris::new();
    for loss in LOSSES.into_iter().filter(|loss| usual_gap(*loss) < 1e-5) {
        let problem = Problem { loss, penalty: Ridge::uniform(0.01), intercept: Intercept::Free };
        let run = |method| {
            let settings = SampleSettings { method, ..settings(1e-8) };
            fit_samples(&iris.samples(loss), &problem, &settings, &|_| true).unwrap()
        };
        let (newton, lbfgs) = (run(Method::NewtonCg), run(Method::Lbfgs));
        assert_eq!(newton.verdict, Verdict::Certified, "{loss:?}");
        assert_eq!(lbfgs.verdict, Verdict::Certified, "{loss:?}");
        let (a, b) = (newton.certificate.objective(), lbfgs.certificate.objective());
        assert!((a - b).abs() <= 2e-8 * a, "{loss:?}: {a} {b}");
        let asked = SampleSettings { method: Method::DualAscent, ..settings(1e-8) };
        let dual = fit_samples(&iris.samples(loss), &problem, &asked, &|_| true);
        if matches!(loss, LossKind::SquaredHinge { .. } | LossKind::OvrSquaredHinge) {
            let dual = dual.unwrap();
            assert_eq!(dual.verdict, Verdict::Certified, "{loss:?}");
            assert!((dual.certificate.objective() - a).abs() <= 2e-8 * a, "{loss:?}");
        } else {
            assert!(dual.unwrap_err().to_string().starts_with("dual ascent is for the hinges"));
        }
    }
}

#[test]
fn sparse_rows_have_the_answer_of_dense_ones() {
    let iris = Iris::new();
    let starts: Vec<i64> = (0..=150).map(|i| i * 4).collect();
    let columns: Vec<i64> = (0..600).map(|t| t % 4).collect();
    let values: Vec<f64> = (0..600).map(|t| iris.x[(t / 4, t % 4)]).collect();
    let x = Features::LongCsr64(Csr::new(4, &starts, &columns, &values).unwrap());
    for loss in LOSSES {
        let sparse = Samples::of_classes(x, &iris.species, None, 3, &*loss::named(loss)).unwrap();
        let problem = Problem { loss, penalty: Ridge::uniform(0.02), intercept: Intercept::Free };
        let gap = usual_gap(loss);
        let a = fit_samples(&sparse, &problem, &settings(gap), &|_| true).unwrap();
        let b = iris.fit(loss, 0.02, Intercept::Free, gap);
        assert_eq!(a.verdict, Verdict::Certified, "{loss:?}");
        let (a, b) = (a.certificate.objective(), b.certificate.objective());
        assert!((a - b).abs() <= 2.0 * gap * a, "{loss:?}: {a} {b}");
    }
}

#[test]
fn all_but_a_few_irises_are_told_apart() {
    let iris = Iris::new();
    for loss in LOSSES {
        let fit = iris.fit(loss, 1e-3, Intercept::Free, usual_gap(loss));
        let samples = iris.samples(loss);
        let mut pass = Pass::new(samples, loss).unwrap();
        assert_eq!(pass.shape().rows, 150);
        pass.score(&fit.candidate.coefficients);
        let confusion = Confusion::of(pass.scores(), &iris.species, 3);
        assert!(confusion.right() >= 140, "{loss:?}: {confusion:?}");
        assert_eq!(confusion.counts[0], [50, 0, 0], "setosa stands apart: {loss:?}");
    }
}

#[test]
fn separable_classes_without_a_penalty_end_in_their_cause_and_others_in_another() {
    let iris = Iris::new();
    // Setosa against the others.
    let apart: Vec<u32> = iris.species.iter().map(|species| u32::from(*species == 0)).collect();
    let x = Features::F64(iris.x.as_ref());
    let logistic = LossKind::OvrLogistic;
    let problem = Problem { loss: logistic, penalty: Ridge::uniform(0.0), intercept: Intercept::Free };
    let samples = Samples::of_classes(x, &apart, None, 2, &*loss::named(logistic)).unwrap();
    let fit = fit_samples(&samples, &problem, &settings(1e-6), &|_| true).unwrap();
    assert_eq!(fit.verdict, Verdict::Failed);
    let cause = fit.diagnosis.unwrap();
    assert_eq!(cause.code, Code::Sf204);
    assert!(cause.remedies[0].proven);
    // Versicolor against the others is no matter of one threshold.
    let mixed: Vec<u32> = iris.species.iter().map(|species| u32::from(*species == 1)).collect();
    let samples = Samples::of_classes(x, &mixed, None, 2, &*loss::named(logistic)).unwrap();
    let fit = fit_samples(&samples, &problem, &settings(1e-6), &|_| true).unwrap();
    assert_eq!(fit.verdict, Verdict::Uncertified);
    assert_eq!(fit.diagnosis.unwrap().code, Code::Sf210);
    let hinge = Problem { loss: LossKind::OvrHinge, ..problem };
    let refused = fit_samples(&samples, &hinge, &settings(1e-4), &|_| true).unwrap_err();
    assert_eq!(refused.to_string(), "the ovr-hinge loss is solved with a penalty above 0 only");
}

#[test]
fn a_fit_that_is_stopped_has_its_best_answer_with_the_gap_that_it_reached() {
    let iris = Iris::new();
    for loss in [LossKind::Hinge { margin: 1.0 }, LossKind::Softmax] {
        let problem = Problem { loss, penalty: Ridge::uniform(1e-6), intercept: Intercept::Free };
        let run = |settings: &SampleSettings, go_on: bool| {
            fit_samples(&iris.samples(loss), &problem, settings, &|_| go_on).unwrap()
        };
        for (fit, stop) in [
            (run(&SampleSettings { max_iter: Some(1), ..settings(1e-9) }, true), Stop::MaxIter),
            (run(&SampleSettings { time_limit: Some(Duration::ZERO), ..settings(1e-9) }, true), Stop::Time),
            (run(&settings(1e-9), false), Stop::Interrupted),
        ] {
            assert_eq!(fit.candidate.stop, stop, "{loss:?}");
            assert_eq!(fit.verdict, Verdict::Uncertified);
            let cause = fit.diagnosis.unwrap();
            assert_eq!(cause.code, Code::Sf108, "{loss:?}");
            assert!(fit.certificate.gap().is_finite());
        }
    }
}

#[test]
fn huber_fits_numbers_and_is_certified_with_a_penalty() {
    let iris = Iris::new();
    let y = Mat::from_fn(150, 1, |i, _| iris.x[(i, 3)] + if i == 7 { 100.0 } else { 0.0 });
    let x = Mat::from_fn(150, 3, |i, j| iris.x[(i, j)]);
    let samples = Samples::of_values(Features::F64(x.as_ref()), y.as_ref(), None).unwrap();
    let problem = Problem {
        loss: LossKind::Huber { delta: 1.345 },
        penalty: Ridge::uniform(1e-3),
        intercept: Intercept::Free,
    };
    let fit = fit_samples(&samples, &problem, &settings(1e-8), &|_| true).unwrap();
    assert_eq!(fit.verdict, Verdict::Certified, "{:?}", fit.diagnosis);
    // One wild number moves the others little: petal width still follows petal length.
    let slope = fit.candidate.coefficients.weights[(2, 0)];
    assert!((0.3..0.6).contains(&slope), "{slope}");
}

#[test]
fn a_row_of_weight_0_counts_for_nothing_however_long_it_is() {
    let iris = Iris::new();
    let x = Mat::from_fn(151, 4, |i, j| if i == 150 { 1e30 } else { iris.x[(i, j)] });
    let species: Vec<u32> = iris.species.iter().copied().chain([1]).collect();
    let weights: Vec<f64> = (0..151).map(|i| if i == 150 { 0.0 } else { 1.0 }).collect();
    for loss in LOSSES {
        let problem = Problem { loss, penalty: Ridge::uniform(0.01), intercept: Intercept::Free };
        let gap = usual_gap(loss);
        let features = Features::F64(x.as_ref());
        let samples =
            Samples::of_classes(features, &species, Some(&weights), 3, &*loss::named(loss)).unwrap();
        let a = fit_samples(&samples, &problem, &settings(gap), &|_| true).unwrap();
        let b = iris.fit(loss, 0.01, Intercept::Free, gap);
        assert_eq!(a.verdict, Verdict::Certified, "{loss:?} {:?}", a.diagnosis);
        let (a, b) = (a.certificate.objective(), b.certificate.objective());
        assert!((a - b).abs() <= 2.0 * gap * a, "{loss:?}: {a} {b}");
    }
}
