//! The solvers for smooth losses: the same optimum by both, proven, in every storage, at any number of threads.
#![allow(clippy::unwrap_used, clippy::float_cmp)]

use faer::Mat;
use surefit::certificate::certify_samples;
use surefit::data::Samples;
use surefit::data::features::{Csr, Features};
use surefit::oracle::Pass;
use surefit::solver::Stop;
use surefit::solver::smooth::{Method, Run, Settings, choose, minimize};
use surefit::{Intercept, LossKind, Problem, Ridge, loss};

const METHODS: [Method; 2] = [Method::NewtonCg, Method::Lbfgs];
const INTERCEPTS: [Intercept; 3] = [Intercept::Absent, Intercept::Free, Intercept::Penalized];
const SMOOTH: [LossKind; 6] = [
    LossKind::Squared,
    LossKind::Huber { delta: 0.5 },
    LossKind::SquaredHinge { margin: 1.0 },
    LossKind::OvrSquaredHinge,
    LossKind::OvrLogistic,
    LossKind::Softmax,
];

/// Rows of three classes that overlap; numbers beside them.
struct Data {
    x: Mat<f64>,
    classes: Vec<u32>,
    y: Mat<f64>,
}

fn data(n: usize) -> Data {
    let number = |seed: usize| ((seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20) % 1001) as f64 / 250.0 - 2.0;
    let classes: Vec<u32> = (0..n).map(|i| u32::try_from(i % 3).unwrap()).collect();
    Data {
        x: Mat::from_fn(n, 4, |i, j| {
            f64::from(classes[i]) * (j as f64 - 1.0) / 2.0 + number(i * 7 + j * 1000 + 3)
        }),
        y: Mat::from_fn(n, 2, |i, k| number(i * 3 + k) + i as f64 / n as f64),
        classes,
    }
}

impl Data {
    fn samples<'a>(&'a self, x: Features<'a>, kind: LossKind) -> Samples<'a> {
        if kind.is_of_classes() {
            Samples::of_classes(x, &self.classes, None, 3, &*loss::named(kind)).unwrap()
        } else {
            Samples::of_values(x, self.y.as_ref(), None).unwrap()
        }
    }

    fn run(&self, x: Features<'_>, problem: &Problem, method: Method, gap: f64) -> Run {
        let mut pass = Pass::new(self.samples(x, problem.loss), problem.loss).unwrap();
        let settings = Settings { gap, max_iter: 300, ..Settings::default() };
        minimize(method, &mut pass, problem, &settings, &|_| true).unwrap()
    }
}

fn problem(loss: LossKind, lambda: f64, intercept: Intercept) -> Problem {
    Problem { loss, penalty: Ridge::uniform(lambda), intercept }
}

#[test]
fn both_solvers_come_to_an_optimum_that_is_proven() {
    let data = data(60);
    for kind in SMOOTH {
        for intercept in INTERCEPTS {
            for factors in [None, Some(vec![1.0, 0.25, 4.0, 1.0])] {
                let mut problem = problem(kind, 0.1, intercept);
                problem.penalty.factors = factors;
                let mut objectives = Vec::new();
                for method in METHODS {
                    let run = data.run(Features::F64(data.x.as_ref()), &problem, method, 1e-10);
                    let samples = data.samples(Features::F64(data.x.as_ref()), kind);
                    let proof =
                        certify_samples(&samples, &problem, &run.candidate.coefficients, None).unwrap();
                    let what = format!("{kind:?} {intercept:?} {method:?} {:?}", run.candidate.stop);
                    assert!(proof.relative_gap() < 2e-10, "{what} {}", proof.relative_gap());
                    assert!((run.objective - proof.objective()).abs() <= 1e-12 * run.objective, "{what}");
                    objectives.push(run.objective);
                }
                assert!(
                    (objectives[0] - objectives[1]).abs() <= 1e-9 * objectives[0],
                    "{kind:?} {objectives:?}"
                );
            }
        }
    }
}

/// scikit-learn on the same rows x and classes y, n = 60, λ = 0.1:
///
/// ```text
/// m = LogisticRegression(C=1/(n*lam), tol=1e-14, max_iter=10000, solver='newton-cg').fit(x, y)
/// z = x @ m.coef_.T + m.intercept_
/// np.mean(np.log(np.exp(z).sum(1)) - z[range(n), y]) + lam/2 * (m.coef_**2).sum()
/// ```
///
/// the same with `fit_intercept=False`, one class against the rest, and
/// `LinearSVC(C=1/(n*lam), loss='squared_hinge', tol=1e-14, dual=False, intercept_scaling=1)`.
#[test]
fn the_objectives_are_those_of_scikit_learn() {
    let data = data(60);
    for (kind, intercept, value) in [
        (LossKind::Softmax, Intercept::Free, 0.240_456_627_180_139_83),
        (LossKind::Softmax, Intercept::Absent, 0.251_926_660_189_995_93),
        (LossKind::OvrLogistic, Intercept::Free, 0.612_371_220_857_194_1),
        (LossKind::OvrSquaredHinge, Intercept::Penalized, 0.107_097_518_122_447_3),
    ] {
        let run =
            data.run(Features::F64(data.x.as_ref()), &problem(kind, 0.1, intercept), Method::NewtonCg, 1e-12);
        assert!((run.objective - value).abs() <= 1e-9 * value, "{kind:?} {} {value}", run.objective);
    }
}

#[test]
fn any_storage_comes_to_the_same_answer_and_any_number_of_threads_to_the_same_bits() {
    let data = data(3000);
    let (n, d) = (data.x.nrows(), data.x.ncols());
    let x = data.x.transpose().to_owned();
    #[expect(clippy::cast_possible_truncation, reason = "numbers of few digits")]
    let narrow = Mat::from_fn(n, d, |i, j| data.x[(i, j)] as f32);
    let starts: Vec<i32> = (0..=n).map(|i| i32::try_from(i * d).unwrap()).collect();
    let indices: Vec<i32> = (0..n * d).map(|at| i32::try_from(at % d).unwrap()).collect();
    let values: Vec<f64> = x.col_iter().flat_map(|row| row.iter().copied().collect::<Vec<_>>()).collect();
    let sparse = Features::Csr64(Csr::new(d, &starts, &indices, &values).unwrap());
    let problem = problem(LossKind::Softmax, 1e-3, Intercept::Free);
    for method in METHODS {
        let want = data.run(Features::F64(data.x.as_ref()), &problem, method, 1e-9).objective;
        for x in [
            Features::F64(data.x.as_ref()),
            Features::F64(x.transpose()),
            sparse,
            Features::F32(narrow.as_ref()),
        ] {
            let bits = |threads: usize| {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                let run = pool.install(|| data.run(x, &problem, method, 1e-9));
                let weights = run.candidate.coefficients.weights;
                let numbers: Vec<u64> =
                    (0..3).flat_map(|k| weights.col_as_slice(k).to_vec()).map(f64::to_bits).collect();
                (run.objective, numbers)
            };
            let (one, two) = (bits(1), bits(2));
            assert_eq!(one, two);
            assert!((one.0 - want).abs() <= 1e-6 * want, "{method:?} {} {want}", one.0);
        }
    }
}

#[test]
fn without_a_penalty_what_has_no_optimum_ends_and_says_so() {
    // Two classes on either side of 0.
    let x = Mat::from_fn(40, 1, |i, _| if i % 2 == 0 { 1.0 + i as f64 } else { -1.0 - i as f64 });
    let classes: Vec<u32> = (0..40).map(|i| i % 2).collect();
    for method in METHODS {
        for kind in [LossKind::Softmax, LossKind::OvrLogistic] {
            let samples =
                Samples::of_classes(Features::F64(x.as_ref()), &classes, None, 2, &*loss::named(kind))
                    .unwrap();
            let mut pass = Pass::new(samples, kind).unwrap();
            let problem = problem(kind, 0.0, Intercept::Free);
            let run = minimize(method, &mut pass, &problem, &Settings::default(), &|_| true).unwrap();
            let stop = run.candidate.stop;
            assert!(matches!(stop, Stop::Diverged | Stop::MaxIter), "{method:?} {kind:?} {stop:?}");
            assert_eq!(run.gap, f64::INFINITY);
        }
    }
}

#[test]
fn a_watcher_ends_the_run_and_a_limit_does() {
    let data = data(60);
    let problem = problem(LossKind::Softmax, 0.1, Intercept::Free);
    for method in METHODS {
        let samples = data.samples(Features::F64(data.x.as_ref()), problem.loss);
        let mut pass = Pass::new(samples, problem.loss).unwrap();
        let run = minimize(method, &mut pass, &problem, &Settings::default(), &|step| step.step < 2).unwrap();
        assert_eq!((run.candidate.stop, run.candidate.steps), (Stop::Interrupted, 2));
        let settings = Settings { max_iter: 1, ..Settings::default() };
        let run = minimize(method, &mut pass, &problem, &settings, &|_| true).unwrap();
        assert_eq!((run.candidate.stop, run.candidate.steps), (Stop::MaxIter, 1));
    }
}

#[test]
fn the_solver_is_chosen_by_the_number_of_coefficients_and_says_so() {
    let data = data(60);
    let (method, why) = choose(&data.samples(Features::F64(data.x.as_ref()), LossKind::Softmax));
    assert_eq!(method, Method::Lbfgs);
    assert_eq!(why, "L-BFGS: 15 coefficients, so that past steps are cheap to remember");
    let starts = [0i32; 61];
    let wide = Features::Csr64(Csr::new(1_000_000, &starts, &[], &[]).unwrap());
    let (method, why) = choose(&data.samples(wide, LossKind::Softmax));
    assert_eq!(method, Method::NewtonCg);
    assert_eq!(why, "Newton-CG: 3000003 coefficients, too many to remember past steps of");
}

#[test]
fn a_loss_with_kinks_is_refused_by_its_name() {
    let data = data(9);
    let kind = LossKind::Hinge { margin: 1.0 };
    let mut pass = Pass::new(data.samples(Features::F64(data.x.as_ref()), kind), kind).unwrap();
    let refusal =
        minimize(METHODS[0], &mut pass, &problem(kind, 0.1, Intercept::Free), &Settings::default(), &|_| {
            true
        });
    assert_eq!(
        refusal.unwrap_err().to_string(),
        "the hinge loss has kinks, and this solver follows a gradient without jumps"
    );
}

/// Where all residuals are beyond δ nothing bends, neither at zeros nor at the best intercept.
#[test]
fn huber_is_certified_far_from_zero_and_for_any_delta() {
    let temp = [14.2, 16.4, 11.9, 15.2, 18.5, 22.1, 19.4, 25.1, 23.4, 18.1, 22.6, 17.2];
    let sales = [215.0, 325.0, 185.0, 332.0, 406.0, 522.0, 412.0, 614.0, 544.0, 421.0, 445.0, 408.0];
    let (x, y) = (Mat::from_fn(12, 1, |i, _| temp[i]), Mat::from_fn(12, 1, |i, _| sales[i]));
    let samples = Samples::of_values(Features::F64(x.as_ref()), y.as_ref(), None).unwrap();
    for delta in [1e-3, 1e-2, 0.1, 1.0, 1.345, 5.0, 20.0, 100.0] {
        for lambda in [10.0, 1.0, 0.1, 1e-2, 1e-3, 1e-4, 1e-6] {
            for intercept in INTERCEPTS {
                for method in METHODS {
                    let problem = problem(LossKind::Huber { delta }, lambda, intercept);
                    let mut pass = Pass::new(samples, problem.loss).unwrap();
                    let run = minimize(method, &mut pass, &problem, &Settings::default(), &|_| true).unwrap();
                    let proof =
                        certify_samples(&samples, &problem, &run.candidate.coefficients, None).unwrap();
                    let what = format!("{delta} {lambda} {intercept:?} {method:?} {:?}", run.candidate.stop);
                    assert!(proof.relative_gap() <= 1.1e-6, "{what} {}", proof.relative_gap());
                }
            }
        }
    }
}
