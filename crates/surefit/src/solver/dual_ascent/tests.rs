//! Ascents on small problems: the gap that the solver claims is a true one, in every storage and with every intercept.

#![allow(clippy::unwrap_used, clippy::float_cmp)]

use super::*;
use crate::data::Features;
use crate::data::features::Csr;
use crate::loss::named;
use crate::oracle::{Answer, Ask, Oracle};
use crate::problem::Ridge;

const HINGES: [LossKind; 5] = [
    LossKind::Hinge { margin: 1.0 },
    LossKind::CrammerSinger { margin: 0.75 },
    LossKind::OvrHinge,
    LossKind::SquaredHinge { margin: 0.75 },
    LossKind::OvrSquaredHinge,
];
const INTERCEPTS: [Intercept; 3] = [Intercept::Absent, Intercept::Penalized, Intercept::Free];

/// Three clouds that overlap, far from the origin.
struct Clouds {
    x: Mat<f64>,
    classes: Vec<u32>,
    weights: Vec<f64>,
}

impl Clouds {
    fn new(n: usize, d: usize) -> Self {
        let mut random = Random(7);
        let mut number = || (random.next() >> 11) as f64 / (1u64 << 53) as f64 - 0.5;
        let classes: Vec<u32> = (0..n).map(|i| u32::try_from(i * i % 3).unwrap()).collect();
        let x = Mat::from_fn(n, d, |i, j| {
            2.0 + number() * 3.0 + if j % 3 == place(classes[i]) { 0.8 } else { 0.0 }
        });
        let weights = (0..n).map(|i| (i % 4) as f64 / 2.0).collect();
        Self { x, classes, weights }
    }

    fn samples<'a>(&'a self, x: Features<'a>, loss: LossKind, weighted: bool) -> Samples<'a> {
        let weights = weighted.then_some(self.weights.as_slice());
        Samples::of_classes(x, &self.classes, weights, 3, &*named(loss)).unwrap()
    }
}

fn problem(loss: LossKind, lambda: f64, intercept: Intercept) -> Problem {
    Problem { loss, penalty: Ridge::uniform(lambda), intercept }
}

/// P, from its definition.
fn objective(samples: Samples<'_>, problem: &Problem, at: &Coefficients) -> f64 {
    let mut pass = Pass::new(samples, problem.loss).unwrap();
    let mut answer = Answer::new(samples.shape());
    pass.eval(at, Ask::Value, &mut answer).unwrap();
    let penalty: f64 = (0..at.weights.nrows())
        .map(|j| {
            0.5 * problem.penalty.weight(j)
                * (0..at.weights.ncols()).map(|k| at.weights[(j, k)].powi(2)).sum::<f64>()
        })
        .sum();
    let own = match problem.intercept {
        Intercept::Penalized => 0.5 * problem.penalty.lambda * squared(at.intercept.iter().copied()),
        Intercept::Absent | Intercept::Free => 0.0,
    };
    answer.value + penalty + own
}

#[test]
fn every_hinge_is_solved_to_a_gap_that_a_much_longer_run_confirms() {
    let clouds = Clouds::new(90, 4);
    for loss in HINGES {
        for intercept in INTERCEPTS {
            for weighted in [false, true] {
                let samples = clouds.samples(Features::F64(clouds.x.as_ref()), loss, weighted);
                let problem = problem(loss, 0.02, intercept);
                let run = |gap: f64| {
                    let settings = Settings { gap, ..Settings::default() };
                    ascend(&samples, &problem, &settings, &|_| true).unwrap()
                };
                let (rough, fine) = (run(1e-3), run(1e-9));
                let told = rough.round.unwrap();
                assert_eq!(rough.candidate.stop, Stop::Certified);
                assert_eq!(fine.candidate.stop, Stop::Certified);
                let got = objective(samples, &problem, &rough.candidate.coefficients);
                let best = objective(samples, &problem, &fine.candidate.coefficients);
                assert!((got - told.objective).abs() <= 1e-12, "{loss:?} {intercept:?}");
                assert!(got - best <= told.gap + 1e-9, "{loss:?} {intercept:?}: {got} {best} {}", told.gap);
                assert!(got - best >= -1e-9 * best, "{loss:?} {intercept:?}: {got} {best}");
                if intercept == Intercept::Absent {
                    assert!(fine.candidate.coefficients.intercept.iter().all(|b| *b == 0.0));
                }
                let allowed = named(loss).conjugate(fine.dual.as_ref(), samples.targets, samples.weights);
                assert!(allowed.is_some(), "{loss:?} {intercept:?}");
            }
        }
    }
}

#[test]
fn every_storage_and_any_number_of_threads_take_the_same_way() {
    let clouds = Clouds::new(60, 3);
    let (n, d) = (60, 3);
    let row_major = clouds.x.transpose().to_owned();
    let starts: Vec<i32> = (0..=n).map(|i| i32::try_from(i * d).unwrap()).collect();
    let indices: Vec<i32> = (0..n * d).map(|t| i32::try_from(t % d).unwrap()).collect();
    let values: Vec<f64> = (0..n * d).map(|t| clouds.x[(t / d, t % d)]).collect();
    let stores = [
        Features::F64(clouds.x.as_ref()),
        Features::F64(row_major.transpose()),
        Features::Csr64(Csr::new(d, &starts, &indices, &values).unwrap()),
    ];
    let problem = problem(HINGES[0], 0.05, Intercept::Free);
    let run = |x: Features<'_>, threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let samples = clouds.samples(x, problem.loss, false);
        let settings = Settings { gap: 1e-8, ..Settings::default() };
        pool.install(|| ascend(&samples, &problem, &settings, &|_| true).unwrap())
    };
    let bits = |ascent: &Ascent| {
        ascent
            .dual
            .col_iter()
            .flat_map(|g| g.iter().map(|g| g.to_bits()).collect::<Vec<_>>())
            .collect::<Vec<_>>()
    };
    let one = run(stores[0], 1);
    for x in stores {
        let (one_thread, two) = (run(x, 1), run(x, 2));
        assert_eq!(bits(&one_thread), bits(&two));
        let (a, b) = (one.round.unwrap().objective, two.round.unwrap().objective);
        assert!((a - b).abs() <= 2e-8 * a, "{a} {b}");
    }
}

#[test]
fn a_column_with_a_larger_penalty_is_that_column_divided_by_its_root() {
    let clouds = Clouds::new(60, 3);
    let factors = vec![1.0, 4.0, 0.25];
    let scaled = Mat::from_fn(60, 3, |i, j| clouds.x[(i, j)] / f64::sqrt(factors[j]));
    for loss in HINGES {
        let settings = Settings { gap: 1e-10, ..Settings::default() };
        let plain = problem(loss, 0.05, Intercept::Free);
        let penalty = Ridge { lambda: 0.05, factors: Some(factors.clone()) };
        let weighted = Problem { penalty, ..plain.clone() };
        let samples = clouds.samples(Features::F64(clouds.x.as_ref()), loss, false);
        let a = ascend(&samples, &weighted, &settings, &|_| true).unwrap();
        let others = clouds.samples(Features::F64(scaled.as_ref()), loss, false);
        let b = ascend(&others, &plain, &settings, &|_| true).unwrap();
        let (a, b) = (a.candidate.coefficients, b.candidate.coefficients);
        for k in 0..b.weights.ncols() {
            for (j, factor) in factors.iter().enumerate() {
                assert!((a.weights[(j, k)] * factor.sqrt() - b.weights[(j, k)]).abs() < 1e-4, "{loss:?}");
            }
        }
        assert!((objective(samples, &weighted, &a) - objective(others, &plain, &b)).abs() < 1e-9);
    }
}

#[test]
fn a_start_at_the_answer_of_a_neighbouring_penalty_saves_rounds() {
    let clouds = Clouds::new(300, 6);
    let samples = clouds.samples(Features::F64(clouds.x.as_ref()), HINGES[0], false);
    let settings = Settings { gap: 1e-6, ..Settings::default() };
    let run = |lambda: f64, settings: &Settings<'_>| {
        ascend(&samples, &problem(HINGES[0], lambda, Intercept::Free), settings, &|_| true).unwrap()
    };
    let neighbour = run(0.011, &settings);
    let start = Some((neighbour.dual.as_ref(), neighbour.candidate.coefficients.intercept.as_slice()));
    let (cold, warm) = (run(0.01, &settings), run(0.01, &Settings { start, ..settings }));
    let (a, b) = (cold.round.unwrap().objective, warm.round.unwrap().objective);
    assert!((a - b).abs() <= 2e-6 * a, "{a} {b}");
    assert!(warm.round.unwrap().epochs < cold.round.unwrap().epochs);
    // Rows of single precision are widened on the way.
    let narrow = Mat::from_fn(300, 6, |i, j| narrow(clouds.x[(i, j)]));
    let samples = clouds.samples(Features::F32(narrow.as_ref()), HINGES[0], false);
    let own = problem(HINGES[0], 0.01, Intercept::Free);
    let single = ascend(&samples, &own, &Settings { start, ..settings }, &|_| true).unwrap();
    let c = single.round.unwrap();
    assert!((a - c.objective).abs() <= 1e-5 * a && c.epochs < cold.round.unwrap().epochs, "{a} {c:?}");
}

#[test]
fn rows_of_zeros_and_of_no_weight_do_no_harm() {
    let x = Mat::from_fn(6, 2, |i, j| if i < 3 { 0.0 } else { (i * 2 + j) as f64 });
    let weights = [1.0, 1.0, 0.0, 1.0, 2.0, 0.0];
    for loss in HINGES {
        for intercept in INTERCEPTS {
            let samples = Samples::of_classes(
                Features::F64(x.as_ref()),
                &[0, 1, 2, 0, 1, 2],
                Some(&weights),
                3,
                &*named(loss),
            )
            .unwrap();
            let settings = Settings { gap: 1e-7, ..Settings::default() };
            let got = ascend(&samples, &problem(loss, 0.1, intercept), &settings, &|_| true).unwrap();
            assert_eq!(got.candidate.stop, Stop::Certified, "{loss:?} {intercept:?}");
            assert!((0..3).all(|k| got.dual[(2, k)] == 0.0 && got.dual[(5, k)] == 0.0));
        }
    }
}

#[test]
fn what_is_no_hinge_or_has_no_penalty_is_refused() {
    let clouds = Clouds::new(9, 2);
    let refusal = |loss, penalty| {
        let samples = clouds.samples(Features::F64(clouds.x.as_ref()), loss, false);
        let problem = Problem { loss, penalty, intercept: Intercept::Free };
        ascend(&samples, &problem, &Settings::default(), &|_| true).unwrap_err().to_string()
    };
    assert_eq!(
        refusal(LossKind::Softmax, Ridge::uniform(1.0)),
        "dual ascent is for hinges, and the loss is softmax"
    );
    let factors = Ridge { lambda: 1.0, factors: Some(vec![1.0, 0.0]) };
    assert_eq!(
        refusal(HINGES[0], factors),
        "dual ascent needs a penalty on every column, and column 2 has none"
    );
}

/// A gap of 1/k after k rounds is a thousandth after 1000; one that no longer falls never gets there.
#[test]
fn how_many_rounds_are_left_is_told_by_how_the_gap_fell() {
    let left = |gap: &dyn Fn(f64) -> f64| {
        let mut course = Course::default();
        (1..=100).map(|round| course.left(gap(f64::from(round)), 1e-3)).last().unwrap()
    };
    assert!((left(&|round| 1.0 / round) - 900.0).abs() < 30.0);
    assert!((left(&|round| 100.0 / (round * round)) - 216.0).abs() < 10.0);
    assert_eq!(left(&|_| 0.5), f64::INFINITY);
    assert_eq!(left(&|_| f64::INFINITY), f64::INFINITY);
    assert_eq!(left(&|_| f64::NAN), f64::INFINITY);
    let mut early = Course::default();
    assert!((1..64).all(|_| early.left(0.5, 1e-3) == 0.0));
}
