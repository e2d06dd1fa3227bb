//! Fits of label sets: certified from zeros and from a bad start, in sparse and dense rows, at any number of threads.
#![allow(clippy::unwrap_used, clippy::float_cmp)]

use faer::Mat;
use surefit::certificate::certify_samples;
use surefit::data::features::{Csr, Features};
use surefit::data::{LabelSets, Samples};
use surefit::fit::{Method, SampleFit, SampleSettings, Start, Verdict, fit_from};
use surefit::{Coefficients, Intercept, LossKind, Problem, Ridge, loss};

const SMOOTH: [LossKind; 8] = [
    LossKind::Bpmll,
    LossKind::Lsep,
    LossKind::Log1pBpmll,
    LossKind::Zlpr,
    LossKind::PairwiseSquaredHinge,
    LossKind::PairwiseLogistic,
    LossKind::GlobalThreshold,
    LossKind::LabelLogistic,
];
const INTERCEPTS: [Intercept; 3] = [Intercept::Absent, Intercept::Free, Intercept::Penalized];
const N: usize = 80;
const D: usize = 5;
const C: usize = 7;

struct Data {
    x: Mat<f64>,
    labels: LabelSets,
    weights: Vec<f64>,
}

/// In [−2, 2), from a seed.
fn number(seed: usize) -> f64 {
    (seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 11) as f64 / (1u64 << 51) as f64 - 2.0
}

/// Labels that columns tell, but for noise; the first row has none and the second one has all.
fn data() -> Data {
    let x = Mat::from_fn(N, D, |i, j| number(31 * i + 7 * j + 1));
    let mut labels = LabelSets::new(0, C);
    for i in 0..N {
        let has = |k: usize| x[(i, k % D)] + 0.7 * number(1000 + 13 * i + 5 * k) > 0.4 * k as f64 - 1.0;
        labels.push((0..C).filter(|k| i != 0 && (i == 1 || has(*k))));
    }
    Data { x, labels, weights: (0..N).map(|i| (i % 4) as f64 / 2.0).collect() }
}

impl Data {
    fn fit(
        &self,
        x: Features<'_>,
        problem: &Problem,
        method: Method,
        gap: f64,
        start: Option<Coefficients>,
    ) -> SampleFit {
        let weights = Some(self.weights.as_slice());
        let samples =
            Samples::of_labels(x, self.labels.view(), weights, &*loss::named(problem.loss)).unwrap();
        let settings = SampleSettings { method, gap, max_iter: None, time_limit: None, seed: 0 };
        let start = start.map(|coefficients| Start { coefficients, dual: None });
        fit_from(&samples, problem, &settings, start, &|_| true).unwrap()
    }
}

fn problem(loss: LossKind, intercept: Intercept) -> Problem {
    Problem { loss, penalty: Ridge::uniform(0.05), intercept }
}

#[test]
fn every_smooth_loss_of_labels_is_fitted_and_certified_by_both_solvers() {
    let data = data();
    let x = Features::F64(data.x.as_ref());
    for kind in SMOOTH {
        for intercept in INTERCEPTS {
            let problem = problem(kind, intercept);
            let fits =
                [Method::NewtonCg, Method::Lbfgs].map(|method| data.fit(x, &problem, method, 1e-9, None));
            for fit in &fits {
                let gap = fit.certificate.relative_gap();
                assert_eq!(fit.verdict, Verdict::Certified, "{kind:?} {intercept:?} {:?} {gap}", fit.method);
                assert!(gap <= 1e-9, "{kind:?} {intercept:?} {gap}");
                let sum: f64 = fit.candidate.coefficients.intercept.iter().sum();
                let centred = kind.is_of_pairs() && intercept == Intercept::Free;
                assert!(!centred || sum.abs() < 1e-13, "{kind:?} {sum}");
            }
            let [newton, lbfgs] = fits.map(|fit| fit.certificate.objective());
            assert!((newton - lbfgs).abs() <= 1e-9 * newton, "{kind:?} {intercept:?} {newton} {lbfgs}");
        }
    }
}

#[test]
fn sparse_rows_and_two_threads_come_to_the_same() {
    let data = data();
    let starts: Vec<i64> = (0..=N).map(|i| i64::try_from(i * D).unwrap()).collect();
    let indices: Vec<i64> = (0..N * D).map(|at| i64::try_from(at % D).unwrap()).collect();
    let values: Vec<f64> = (0..N * D).map(|at| data.x[(at / D, at % D)]).collect();
    let sparse = Features::LongCsr64(Csr::new(D, &starts, &indices, &values).unwrap());
    for kind in SMOOTH {
        let problem = problem(kind, Intercept::Free);
        let bits = |x: Features<'_>, threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let fit = pool.install(|| data.fit(x, &problem, Method::Auto, 1e-9, None));
            assert_eq!(fit.verdict, Verdict::Certified, "{kind:?}");
            let at = &fit.candidate.coefficients;
            let numbers = (0..C).flat_map(|k| at.weights.col_as_slice(k)).chain(&at.intercept);
            let bits = numbers.map(|number| number.to_bits()).collect::<Vec<_>>();
            (bits, fit.certificate.gap().to_bits(), fit.certificate.objective())
        };
        let dense = Features::F64(data.x.as_ref());
        let (one, of_sparse) = (bits(dense, 1), bits(sparse, 1));
        assert_eq!(bits(dense, 2), one, "{kind:?}");
        assert_eq!(bits(sparse, 2), of_sparse, "{kind:?}");
        assert!((one.2 - of_sparse.2).abs() <= 1e-9 * one.2, "{kind:?}");
    }
}

#[test]
fn a_start_where_bp_mll_is_beyond_all_numbers_is_no_obstacle() {
    let data = data();
    let x = Features::F64(data.x.as_ref());
    let problem = problem(LossKind::Bpmll, Intercept::Free);
    let wanted = data.fit(x, &problem, Method::Auto, 1e-9, None).certificate.objective();
    for size in [300.0, 1e4] {
        let start = Coefficients {
            weights: Mat::from_fn(D, C, |j, k| size * number(3 * j + 11 * k)),
            intercept: (0..C).map(|k| size * number(500 + k)).collect(),
        };
        let fit = data.fit(x, &problem, Method::Auto, 1e-9, Some(start));
        assert_eq!(fit.verdict, Verdict::Certified, "{size}");
        assert!((fit.certificate.objective() - wanted).abs() <= 1e-9 * wanted, "{size}");
    }
}

#[test]
fn a_label_in_no_row_keeps_the_proof() {
    let mut data = data();
    let mut labels = LabelSets::new(0, C);
    for i in 0..N {
        labels.push((0..C - 1).filter(|k| data.labels.view().has(i, *k)));
    }
    data.labels = labels;
    for kind in SMOOTH {
        let fit = data.fit(
            Features::F64(data.x.as_ref()),
            &problem(kind, Intercept::Free),
            Method::Auto,
            1e-4,
            None,
        );
        assert_eq!(fit.verdict, Verdict::Certified, "{kind:?} {}", fit.certificate.relative_gap());
    }
}

/// Rows that compare the labels 0 and 1, or 2 to 4, or 5 and 6 with each other, and all of them to the effect that labels of
/// larger numbers come first: three components, one above the other.
fn in_components() -> Data {
    let components = [0..2, 2..5, 5..7];
    let mut data = data();
    let mut labels = LabelSets::new(0, C);
    for i in 0..N {
        let own = &components[i % 3];
        let has = |k: usize| data.x[(i, k % D)] + number(77 + 3 * i + k) > 0.0;
        labels.push((0..C).filter(|k| *k >= own.end || own.contains(k) && has(*k)));
    }
    data.labels = labels;
    data
}

#[test]
fn components_of_labels_have_a_bound_that_is_nearly_reached_and_never_passed() {
    let data = in_components();
    let x = Features::F64(data.x.as_ref());
    for kind in SMOOTH.into_iter().filter(|kind| kind.is_of_pairs()).chain([LossKind::PairwiseHinge]) {
        let gap = if kind == LossKind::PairwiseHinge { 1e-4 } else { 1e-7 };
        let problem = problem(kind, Intercept::Free);
        let fit = data.fit(x, &problem, Method::Auto, gap, None);
        let found = fit.certificate.relative_gap();
        assert_eq!(fit.verdict, Verdict::Certified, "{kind:?} {found}");
        let samples =
            Samples::of_labels(x, data.labels.view(), Some(&data.weights), &*loss::named(kind)).unwrap();
        let certified = |answer: &Coefficients| certify_samples(&samples, &problem, answer, None).unwrap();
        for round in 0..60 {
            // Ever nearer to the answer, its components moved apart ever farther.
            let (size, apart) = (4.0 * 0.7f64.powi(round), 0.2 * f64::from(round));
            let best = &fit.candidate.coefficients;
            let at = |seed: usize| size * number(seed + 1000 * usize::try_from(round).unwrap());
            let level = |k: usize| apart * [0.0, 0.0, 1.0, 1.0, 1.0, 2.0, 2.0][k];
            let answer = Coefficients {
                weights: Mat::from_fn(D, C, |j, k| best.weights[(j, k)] + at(j + D * k)),
                intercept: (0..C).map(|k| best.intercept[k] + at(500 + k) + level(k)).collect(),
            };
            let (of_other, of_fit) = (certified(&answer), certified(best));
            let excess = of_other.objective() - of_fit.objective();
            assert!(of_other.gap() >= excess, "{kind:?} {round}: {} {excess}", of_other.gap());
            let slack = 1e-12 * of_fit.objective();
            assert!(of_fit.bound() <= of_other.objective() + slack, "{kind:?} {round}: {excess}");
        }
    }
}

#[test]
fn the_pairwise_hinge_is_certified_by_ever_sharper_kinks() {
    let data = data();
    let x = Features::F64(data.x.as_ref());
    for intercept in INTERCEPTS {
        let problem = problem(LossKind::PairwiseHinge, intercept);
        let fits = [Method::NewtonCg, Method::Lbfgs].map(|method| data.fit(x, &problem, method, 1e-6, None));
        for fit in &fits {
            let gap = fit.certificate.relative_gap();
            assert_eq!(fit.verdict, Verdict::Certified, "{intercept:?} {:?} {gap}", fit.method);
            assert!(gap <= 1e-6, "{intercept:?} {gap}");
        }
        let [newton, lbfgs] = fits.map(|fit| fit.certificate.objective());
        assert!((newton - lbfgs).abs() <= 2e-6 * newton, "{intercept:?} {newton} {lbfgs}");
    }
}

/// A large penalty leaves little but the intercepts, between whose kinks nothing bends.
#[test]
fn the_pairwise_hinge_is_certified_beside_any_penalty() {
    for round in 0..40 {
        let (n, d, c) = ([6, 20, 100][round % 3], 1 + round % 4, 2 + round % 6);
        let seed = 1000 * round;
        let x = Mat::from_fn(n, d, |i, j| (100.0 * number(seed + 31 * i + 7 * j)).round() / 100.0);
        let mut labels = LabelSets::new(0, c);
        for i in 0..n {
            labels.push((0..c).filter(|k| number(seed + 500 + 13 * i + 5 * k) > 0.0));
        }
        let data = Data { x: x.clone(), labels, weights: vec![1.0; n] };
        for lambda in [0.01, 1.0, 10.0, 1000.0] {
            let penalty = Ridge::uniform(lambda);
            let problem = Problem { penalty, ..problem(LossKind::PairwiseHinge, Intercept::Free) };
            let fit = data.fit(Features::F64(x.as_ref()), &problem, Method::Auto, 1e-4, None);
            let gap = fit.certificate.relative_gap();
            assert_eq!(fit.verdict, Verdict::Certified, "{round}: {n} × {d}, {c} labels, {lambda}: {gap}");
        }
    }
}

#[test]
fn label_weights_are_certified_and_ones_change_nothing() {
    let data = data();
    let weights: Vec<f64> = (0..C).map(|k| [0.3, 1.0, 2.5][k % 3]).collect();
    let settings =
        SampleSettings { method: Method::Auto, gap: 1e-8, max_iter: None, time_limit: None, seed: 0 };
    for kind in SMOOTH.into_iter().chain([LossKind::PairwiseHinge]) {
        let samples = Samples::of_labels(
            Features::F64(data.x.as_ref()),
            data.labels.view(),
            Some(&data.weights),
            &*loss::named(kind),
        )
        .unwrap();
        let gap = if kind == LossKind::PairwiseHinge { 1e-5 } else { 1e-8 };
        let settings = SampleSettings { gap, ..settings };
        let problem = problem(kind, Intercept::Free);
        let fit = |samples: &Samples<'_>| fit_from(samples, &problem, &settings, None, &|_| true).unwrap();
        let weighed = fit(&samples.with_label_weights(&weights).unwrap());
        assert_eq!(weighed.verdict, Verdict::Certified, "{kind:?} {}", weighed.certificate.relative_gap());
        let (plain, ones) = (fit(&samples), fit(&samples.with_label_weights(&[1.0; C]).unwrap()));
        let (a, b, c) =
            (plain.certificate.objective(), ones.certificate.objective(), weighed.certificate.objective());
        assert!((a - b).abs() <= 2.0 * gap * a && (a - c).abs() > 1e-5 * a, "{kind:?} {a} {b} {c}");
    }
}
