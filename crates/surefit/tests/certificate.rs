//! Certificates against exact rational arithmetic: the reported gap is never below the true one.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::float_cmp)]

use faer::Mat;
use faer::prelude::SolveLstsq;
use num_bigint::BigInt;
use num_rational::BigRational;
use num_traits::{ToPrimitive, Zero};
use proptest::prelude::*;
use surefit::certificate::{Method, certify};
use surefit::data::Design;
use surefit::{Certificate, Coefficients, Intercept, LossKind, Problem, Ridge};

type Q = BigRational;

fn exact(value: f64) -> Q {
    Q::from_float(value).expect("finite")
}

fn whole(value: usize) -> Q {
    Q::from(BigInt::from(value))
}

fn number(value: &Q) -> f64 {
    value.to_f64().unwrap()
}

fn problem(lambda: f64, intercept: Intercept) -> Problem {
    Problem { loss: LossKind::Squared, penalty: Ridge::uniform(lambda), intercept }
}

/// The problem of one output in rational numbers: rows with a column for the intercept where there is one.
struct Rational {
    rows: Vec<Vec<Q>>,
    targets: Vec<Q>,
    weights: Vec<Q>,
    lambda: Vec<Q>,
}

impl Rational {
    fn of(design: &Design, problem: &Problem, k: usize) -> Self {
        let (n, d) = (design.x.nrows(), design.x.ncols());
        let entry = |i: usize, j: usize| {
            exact(design.x[(i, j)]) + design.x_low.as_ref().map_or_else(Q::zero, |low| exact(low[(i, j)]))
        };
        let ones = (problem.intercept != Intercept::Absent).then(|| whole(1));
        let mut lambda: Vec<Q> = (0..d).map(|j| exact(problem.penalty.weight(j))).collect();
        match problem.intercept {
            Intercept::Absent => {}
            Intercept::Free => lambda.push(Q::zero()),
            Intercept::Penalized => lambda.push(exact(problem.penalty.lambda)),
        }
        Self {
            rows: (0..n).map(|i| (0..d).map(|j| entry(i, j)).chain(ones.clone()).collect()).collect(),
            targets: (0..n).map(|i| exact(design.y[(i, k)])).collect(),
            weights: (0..n).map(|i| design.weights.as_ref().map_or(whole(1), |s| exact(s[i]))).collect(),
            lambda,
        }
    }

    fn objective(&self, w: &[Q]) -> Q {
        let total: Q = self.weights.iter().sum();
        let mut loss = Q::zero();
        for ((row, target), weight) in self.rows.iter().zip(&self.targets).zip(&self.weights) {
            let score: Q = row.iter().zip(w).map(|(x, w)| x * w).sum();
            let residual = score - target;
            loss += weight * &residual * &residual;
        }
        let penalty: Q = self.lambda.iter().zip(w).map(|(l, w)| l * w * w).sum();
        (loss / total + penalty) / whole(2)
    }

    /// One minimiser, by Gauss–Jordan elimination of the normal equations; free unknowns are 0.
    fn minimizer(&self) -> Vec<Q> {
        let p = self.lambda.len();
        let total: Q = self.weights.iter().sum();
        let mut a = vec![vec![Q::zero(); p + 1]; p];
        for ((row, target), weight) in self.rows.iter().zip(&self.targets).zip(&self.weights) {
            for (i, equation) in a.iter_mut().enumerate() {
                let scaled = weight * &row[i];
                equation.iter_mut().zip(row).for_each(|(sum, x)| *sum += &scaled * x);
                equation[p] += &scaled * target;
            }
        }
        for (i, equation) in a.iter_mut().enumerate() {
            equation[i] += &self.lambda[i] * &total;
        }
        let mut pivots = Vec::new();
        for j in 0..p {
            let done = pivots.len();
            let Some(i) = (done..p).find(|&i| !a[i][j].is_zero()) else { continue };
            a.swap(done, i);
            let pivot_row: Vec<Q> = a[done].iter().map(|v| v / &a[done][j]).collect();
            for (i, row) in a.iter_mut().enumerate() {
                if i != done && !row[j].is_zero() {
                    let factor = row[j].clone();
                    row.iter_mut().zip(&pivot_row).for_each(|(v, q)| *v -= &factor * q);
                }
            }
            a[done] = pivot_row;
            pivots.push(j);
        }
        let mut w = vec![Q::zero(); p];
        for (row, &j) in a.iter().zip(&pivots) {
            w[j] = row[p].clone();
        }
        w
    }
}

/// One minimiser rounded to `f64`.
fn optimum(design: &Design, problem: &Problem) -> Coefficients {
    let (d, c) = (design.x.ncols(), design.y.ncols());
    let mut best = Coefficients { weights: Mat::zeros(d, c), intercept: vec![0.0; c] };
    for k in 0..c {
        let w: Vec<f64> = Rational::of(design, problem, k).minimizer().iter().map(number).collect();
        (0..d).for_each(|j| best.weights[(j, k)] = w[j]);
        best.intercept[k] = w.get(d).copied().unwrap_or(0.0);
    }
    best
}

/// Objective and gap, exactly.
fn truth(design: &Design, problem: &Problem, answer: &Coefficients) -> (Q, Q) {
    let (mut objective, mut gap) = (Q::zero(), Q::zero());
    for k in 0..design.y.ncols() {
        let rational = Rational::of(design, problem, k);
        let mut w: Vec<Q> = answer.weights.col_as_slice(k).iter().map(|w| exact(*w)).collect();
        if problem.intercept != Intercept::Absent {
            w.push(exact(answer.intercept[k]));
        }
        let here = rational.objective(&w);
        gap += &here - rational.objective(&rational.minimizer());
        objective += here;
    }
    (objective, gap)
}

/// Small problems of whole numbers, of every kind, with an answer near or far from the best.
#[derive(Debug)]
struct Case {
    design: Design,
    problem: Problem,
    answer: Coefficients,
    target: f64,
}

/// Whole numbers from a linear congruential generator (Knuth's MMIX constants).
struct Draw(u64);

impl Draw {
    fn whole(&mut self, low: i32, high: i32) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let span = u64::from(high.abs_diff(low)) + 1;
        f64::from(low) + ((self.0 >> 33) % span) as f64
    }

    fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        choices[usize::try_from(self.0 >> 33).unwrap() % choices.len()]
    }
}

fn build(n: usize, d: usize, c: usize, seed: u64) -> Case {
    let mut draw = Draw(seed);
    let intercept = draw.one_of(&[Intercept::Absent, Intercept::Free, Intercept::Penalized]);
    let offset = draw.one_of(&[0.0, 0.0, 1000.0]);
    let mut x = Mat::from_fn(n, d, |_, _| offset + draw.whole(-4, 4));
    if d > 1 && draw.one_of(&[true, false]) {
        for i in 0..n {
            x[(i, d - 1)] = if d > 2 { x[(i, 0)] + x[(i, 1)] } else { x[(i, 0)] };
        }
    }
    let y = Mat::from_fn(n, c, |_, _| draw.whole(-9, 9));
    let mut weights: Vec<f64> = (0..n).map(|_| draw.whole(0, 3)).collect();
    weights[0] = 1.0;
    let weights = draw.one_of(&[true, false]).then_some(weights);
    let mut problem = problem(draw.one_of(&[0.0, 0.0, 0.5, 1e-3]), intercept);
    if draw.one_of(&[true, false]) {
        problem.penalty.factors = Some((0..d).map(|_| draw.whole(0, 3)).collect());
    }
    let design = Design { x, x_low: None, y, weights };
    let mut answer = optimum(&design, &problem);
    let step = draw.one_of(&[0.0, 1e-9, 1e-3, 1.0]);
    for k in 0..c {
        answer.weights.col_as_slice_mut(k).iter_mut().for_each(|w| *w += step * draw.whole(-3, 3));
        if intercept != Intercept::Absent {
            answer.intercept[k] += step * draw.whole(-3, 3);
        }
    }
    let target = draw.one_of(&[1.0, 1e-6, 0.0]);
    Case { design, problem, answer, target }
}

fn case() -> impl Strategy<Value = Case> {
    (1usize..9, 0usize..5, 1usize..3, any::<u64>()).prop_map(|(n, d, c, seed)| build(n, d, c, seed))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn reported_gap_is_never_below_the_true_one(case in case()) {
        let Case { design, problem, answer, target } = case;
        let certificate = certify(&design, &problem, &answer, target).unwrap();
        let (objective, gap) = truth(&design, &problem, &answer);
        prop_assert!(exact(certificate.gap()) >= gap, "{certificate:?}, true gap {}", number(&gap));
        let off = number(&(exact(certificate.objective()) - &objective)).abs();
        prop_assert!(off <= certificate.rounding(), "{certificate:?}, objective {}", number(&objective));
        prop_assert!(exact(certificate.bound()) <= &objective - &gap);
    }

    #[test]
    fn a_gap_asked_for_exactly_is_within_one_percent_of_the_true_one(case in case()) {
        let Case { design, problem, answer, .. } = case;
        let certificate = certify(&design, &problem, &answer, 0.0).unwrap();
        let gap = number(&truth(&design, &problem, &answer).1);
        prop_assert!(
            certificate.gap() <= gap * 1.01 + 2.0 * certificate.rounding(),
            "{certificate:?}, true gap {gap}"
        );
    }

    #[test]
    fn coefficient_and_prediction_bounds_hold(case in case()) {
        let Case { design, problem, answer, target } = case;
        let certificate = certify(&design, &problem, &answer, target).unwrap();
        let best = optimum(&design, &problem);
        // `best` is rounded to f64 and the predictions below are computed in it.
        let within = |distance: f64, bound: f64| distance <= bound * (1.0 + 1e-9) + 1e-9;
        if let Some(errors) = certificate.coefficient_errors() {
            for k in 0..errors.ncols() {
                for j in 0..errors.nrows() {
                    prop_assert!(within((answer.weights[(j, k)] - best.weights[(j, k)]).abs(), errors[(j, k)]));
                }
            }
        }
        if let Some(errors) = certificate.intercept_errors() {
            for (k, error) in errors.iter().enumerate() {
                prop_assert!(within((answer.intercept[k] - best.intercept[k]).abs(), *error));
            }
        }
        let apart = &answer.weights - &best.weights;
        if let Some(radius) = certificate.coefficient_radius() {
            prop_assert!(within(apart.norm_l2(), radius));
        }
        let predictions = &design.x * &apart;
        let (mut sum, mut total) = (0.0, 0.0);
        for i in 0..predictions.nrows() {
            let weight = design.weights.as_ref().map_or(1.0, |s| s[i]);
            total += weight;
            for k in 0..predictions.ncols() {
                sum += weight * (predictions[(i, k)] + answer.intercept[k] - best.intercept[k]).powi(2);
            }
        }
        prop_assert!(within((sum / total).sqrt(), certificate.prediction_rms().unwrap()));
    }
}

/// What a column of ones leaves of a constant column is rounding, and no direction in which an answer could be better.
#[test]
fn a_constant_column_beside_a_penalised_intercept_adds_nothing_to_the_gap() {
    let design = Design {
        x: column(&[996.0, 996.0]),
        x_low: None,
        y: column(&[-3.0, -9.0]),
        weights: Some(vec![1.0, 2.0]),
    };
    let penalty = Ridge { lambda: 0.0, factors: Some(vec![0.0]) };
    let problem = Problem { penalty, ..problem(0.0, Intercept::Penalized) };
    let answer =
        Coefficients { weights: Mat::full(1, 1, -0.009_028_112_449_799_196), intercept: vec![0.003] };
    let certificate = certify(&design, &problem, &answer, 0.0).unwrap();
    let gap = truth(&design, &problem, &answer).1;
    assert!(exact(certificate.gap()) >= gap, "{certificate:?}, true gap {}", number(&gap));
    assert!(
        certificate.gap() <= number(&gap) * 1.01 + 2.0 * certificate.rounding(),
        "{certificate:?}, true gap {}",
        number(&gap)
    );
}

/// Designs of which the last columns are almost, or to the last bit, determined by the first two.
fn close_to_dependent(seed: u64) -> Case {
    let mut draw = Draw(seed);
    let n = usize::try_from(draw.0 % 7).unwrap() + 7;
    let mut design = build(n, 2, 1, seed).design;
    let (first, second) = (design.x.col(0).to_owned(), design.x.col(1).to_owned());
    let wobble = draw.one_of(&[0.0, 1e-4, 1e-9, 1e-13]);
    let twice = draw.one_of(&[true, false]);
    let slope = draw.one_of(&[1.0, -2.5, 1.8]);
    let extra: Vec<f64> = (0..n).map(|_| wobble * draw.whole(-5, 5)).collect();
    design.x = Mat::from_fn(n, 4, |i, j| match j {
        0 => first[i],
        1 => second[i],
        2 => slope * first[i] + second[i] + extra[i],
        _ if twice => first[i] + extra[i],
        _ => draw.whole(-4, 4),
    });
    let intercept = draw.one_of(&[Intercept::Absent, Intercept::Free]);
    let mut problem = problem(draw.one_of(&[0.0, 0.0, 1e-12]), intercept);
    if draw.one_of(&[true, false]) {
        problem.penalty.factors = Some((0..4).map(|_| draw.whole(0, 1)).collect());
    }
    let mut answer = optimum(&design, &problem);
    let step = draw.one_of(&[0.0, 1e-6, 1e-2]);
    answer.weights.col_as_slice_mut(0).iter_mut().for_each(|w| *w += step * draw.whole(-3, 3));
    let target = draw.one_of(&[1e-6, 0.0]);
    Case { design, problem, answer, target }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn gaps_and_bounds_of_almost_dependent_columns_hold(seed in any::<u64>()) {
        let Case { design, problem, answer, target } = close_to_dependent(seed);
        let certificate = certify(&design, &problem, &answer, target).unwrap();
        let (_, gap) = truth(&design, &problem, &answer);
        // Where directions were left out as rounding, the gap is to the best answer without them.
        if certificate.dependent() == 0 {
            prop_assert!(exact(certificate.gap()) >= gap, "{certificate:?}, true gap {}", number(&gap));
            if let Some(errors) = certificate.coefficient_errors() {
                let best = optimum(&design, &problem);
                for j in 0..4 {
                    let apart = (answer.weights[(j, 0)] - best.weights[(j, 0)]).abs();
                    prop_assert!(apart <= errors[(j, 0)] * (1.0 + 1e-9) + 1e-12, "{j}: {apart}, {certificate:?}");
                }
            }
        }
    }
}

#[test]
fn every_bound_is_in_use_for_almost_dependent_columns() {
    let mut methods: Vec<Method> = Vec::new();
    for seed in 0..200 {
        let Case { design, problem, answer, .. } = close_to_dependent(seed);
        methods.push(certify(&design, &problem, &answer, 0.0).unwrap().method());
    }
    let count = |method| methods.iter().filter(|m| **m == method).count();
    assert!(count(Method::Remainders) > 100, "{methods:?}");
    assert!(count(Method::Cholesky) > 4, "{methods:?}");
}

#[test]
fn indicators_of_every_level_beside_an_intercept_are_certified_by_their_remainders() {
    let (n, d) = (600, 9);
    let mut draw = Draw(11);
    let levels: Vec<usize> = (0..n).map(|_| draw.one_of(&[0, 1, 2, 3, 4])).collect();
    let x = Mat::from_fn(n, d, |i, j| match j {
        0..5 => f64::from(u8::from(levels[i] == j)),
        _ => draw.whole(-1000, 1000) / 7.0,
    });
    let y = Mat::from_fn(n, 1, |i, _| x[(i, 6)] + levels[i] as f64 + draw.whole(-9, 9));
    let design = Design { x, x_low: None, y, weights: None };
    let problem = problem(0.0, Intercept::Free);
    let answer = surefit::solver::exact::solve(&design, &problem, &|| true).unwrap().candidate.coefficients;
    let certificate = certify(&design, &problem, &answer, 1e-6).unwrap();
    assert_eq!((certificate.method(), certificate.dependent()), (Method::Remainders, 1));
    assert!(certificate.relative_gap() < 1e-10, "{certificate:?}");
}

/// Rows of a CSV file of numbers, header dropped.
fn numbers(text: &str) -> Vec<Vec<f64>> {
    text.lines()
        .skip(1)
        .map(|line| line.split(',').map(|field| field.trim().parse().unwrap()).collect())
        .collect()
}

fn column(values: &[f64]) -> Mat<f64> {
    Mat::from_fn(values.len(), 1, |i, _| values[i])
}

/// Twelve days of temperature and sales: data/regression/sales.csv.
fn sales() -> Design {
    let rows = numbers(include_str!("data/sales.csv"));
    let take = |j: usize| column(&rows.iter().map(|row| row[j]).collect::<Vec<_>>());
    Design { x: take(1), x_low: None, y: take(0), weights: None }
}

fn line(intercept: f64, slope: f64) -> Coefficients {
    Coefficients { weights: Mat::full(1, 1, slope), intercept: vec![intercept] }
}

fn close(got: f64, want: f64, tolerance: f64) {
    assert!((got - want).abs() <= tolerance * want.abs(), "got {got}, want {want}");
}

#[test]
fn stalled_descent_on_sales_is_measured_to_ten_digits() {
    // Figures from the catalogue of diagnoses, where gradient descent at rate .005 stops on its tolerance.
    let answer = line(-138.245_180_685_517_62, 28.997_103_500_099_186);
    let certificate = certify(&sales(), &problem(0.0, Intercept::Free), &answer, 1e-6).unwrap();
    close(certificate.objective(), 614.821_742_158_162_7, 1e-15);
    close(certificate.bound(), 605.679_183_990, 1e-11);
    close(certificate.gap(), 614.821_742_158_162_7 - 605.679_183_990, 1e-9);
    close(certificate.relative_gap(), certificate.gap() / certificate.objective(), 1e-15);
    assert_eq!(certificate.method(), Method::Cholesky);
    assert!(!certificate.certifies(1e-6));
    assert!(certificate.certifies(0.0149) && !certificate.certifies(0.0148));
}

#[test]
fn well_conditioned_gap_without_penalty_is_exact_to_eight_digits() {
    let case = build(8, 3, 2, 5);
    let (mut design, problem) = (case.design, problem(0.0, Intercept::Free));
    design.x = Mat::from_fn(8, 3, |i, j| f64::from(u8::from(i >> j & 1 == 1)));
    let answer = Coefficients { weights: Mat::full(3, 2, 0.75), intercept: vec![-1.0, 2.0] };
    let gap = number(&truth(&design, &problem, &answer).1);
    close(certify(&design, &problem, &answer, 1e-6).unwrap().gap(), gap, 1e-8);
}

/// A NIST file as its powers x, x², … of `degree`, in double-double, and its certified coefficients.
fn nist(text: &str, name: &str, degree: usize) -> (Design, Coefficients) {
    let rows = numbers(text);
    let power = |row: &[f64], j: usize| surefit::num::Dd::from(row[1]).powi(i32::try_from(j + 1).unwrap());
    let x = Mat::from_fn(rows.len(), degree, |i, j| power(&rows[i], j).hi);
    let low = Mat::from_fn(rows.len(), degree, |i, j| power(&rows[i], j).lo);
    let y = column(&rows.iter().map(|row| row[0]).collect::<Vec<_>>());
    let certified: serde_json::Value =
        serde_json::from_str(include_str!("data/nist/certified.json")).unwrap();
    let coefficients = &certified["problems"][name]["coefficients"];
    let value = |term: &str| coefficients[term].as_str().unwrap().parse::<f64>().unwrap();
    let term = |j: usize| if j == 0 { "x".to_owned() } else { format!("x^{}", j + 1) };
    let answer = Coefficients {
        weights: Mat::from_fn(degree, 1, |j, _| value(&term(j))),
        intercept: vec![value("(intercept)")],
    };
    (Design { x, x_low: Some(low), y, weights: None }, answer)
}

#[test]
fn certified_coefficients_of_filip_are_certified() {
    let (design, answer) = nist(include_str!("data/nist/filip.csv"), "filip", 10);
    let problem = problem(0.0, Intercept::Free);
    let certificate = certify(&design, &problem, &answer, 1e-6).unwrap();
    assert_eq!(certificate.method(), Method::Orthogonal);
    assert_eq!(certificate.dependent(), 0);
    assert!(certificate.relative_gap() < 1e-12, "{certificate:?}");
    let gap = truth(&design, &problem, &answer).1;
    assert!(exact(certificate.gap()) >= gap, "{certificate:?}, true gap {}", number(&gap));
}

#[test]
fn filip_with_one_wrong_digit_is_not_certified() {
    let (design, mut answer) = nist(include_str!("data/nist/filip.csv"), "filip", 10);
    answer.weights[(4, 0)] *= 1.0 + 1e-7;
    let problem = problem(0.0, Intercept::Free);
    let certificate = certify(&design, &problem, &answer, 1e-6).unwrap();
    let gap = number(&truth(&design, &problem, &answer).1);
    close(certificate.gap(), gap, 1e-6);
    assert!(!certificate.certifies(1e-6), "{certificate:?}");
}

#[test]
fn exact_fits_are_certified_by_the_rounding_allowance() {
    for (name, text) in [
        ("wampler1", include_str!("data/nist/wampler1.csv")),
        ("wampler2", include_str!("data/nist/wampler2.csv")),
    ] {
        let (design, answer) = nist(text, name, 5);
        let certificate = certify(&design, &problem(0.0, Intercept::Free), &answer, 1e-6).unwrap();
        assert!(certificate.certifies(1e-6), "{name}: {certificate:?}");
        let mut wrong = answer.clone();
        wrong.weights[(2, 0)] += 1e-10;
        let certificate = certify(&design, &problem(0.0, Intercept::Free), &wrong, 1e-6).unwrap();
        assert!(!certificate.certifies(1e-6), "{name}: {certificate:?}");
    }
}

#[test]
fn what_a_stable_solver_leaves_of_a_consistent_system_is_certified() {
    for (n, d) in [(40, 10), (12, 12), (60, 30), (10, 40)] {
        let mut draw = Draw(n as u64 + d as u64);
        let mut real = move || draw.whole(-1_000_000, 1_000_000) / 999_983.0;
        let x = Mat::from_fn(n, d, |_, j| real() + 100.0 * (j % 3) as f64);
        let y = &x * Mat::from_fn(d, 1, |_, _| real());
        // faer's own solvers stand for those of others.
        let weights =
            if n >= d { x.qr().solve_lstsq(&y) } else { x.thin_svd().unwrap().pseudoinverse() * &y };
        let design = Design { x, x_low: None, y, weights: None };
        let answer = Coefficients { weights, intercept: vec![0.0] };
        let proof = |answer| certify(&design, &problem(0.0, Intercept::Absent), answer, 1e-6).unwrap();
        assert!(proof(&answer).certifies(1e-6), "{n} × {d}: {:?}", proof(&answer));
        let mut wrong = answer.clone();
        wrong.weights[(0, 0)] *= 1.0 + 1e-9;
        assert!(!proof(&wrong).certifies(1e-6), "{n} × {d}: {:?}", proof(&wrong));
    }
}

#[test]
fn rounding_excuses_no_coefficient_that_only_rounding_determines() {
    // The column takes three neighbouring numbers near 1e6, and its coefficient makes of their rounding all there is.
    let step = 1e6f64.next_up() - 1e6;
    let x = Mat::from_fn(30, 1, |i, _| 1e6 + step * (i % 3) as f64);
    let y = Mat::from_fn(30, 1, |i, _| (i * i % 7) as f64);
    let design = Design { x, x_low: None, y, weights: None };
    let weight = 1.0 / step;
    let answer =
        Coefficients { weights: Mat::from_fn(1, 1, |_, _| weight), intercept: vec![3.0 - 1e6 * weight] };
    let proof = certify(&design, &problem(0.0, Intercept::Free), &answer, 1e-6).unwrap();
    assert!(proof.gap() > 0.1 * proof.objective() && proof.rounding() > 0.1 * proof.objective(), "{proof:?}");
    assert!(proof.excused() < 1e-5 && !proof.certifies(1e-6), "{proof:?}");
}

#[test]
fn longley_is_certified_from_its_moments() {
    let rows = numbers(include_str!("data/nist/longley.csv"));
    let x = Mat::from_fn(rows.len(), 6, |i, j| rows[i][j + 1]);
    let y = Mat::from_fn(rows.len(), 1, |i, _| rows[i][0]);
    let design = Design { x, x_low: None, y, weights: None };
    let problem = problem(0.0, Intercept::Free);
    let answer = optimum(&design, &problem);
    let certificate = certify(&design, &problem, &answer, 1e-6).unwrap();
    assert!(certificate.certifies(1e-6), "{certificate:?}");
    assert!(certificate.relative_gap() < 1e-12);
}

/// Pseudo-random reals of a spread of sizes.
fn reals(n: usize, d: usize, c: usize) -> Design {
    let mut draw = Draw(7);
    let mut real = move || draw.whole(-1_000_000, 1_000_000) / 999_983.0;
    Design {
        x: Mat::from_fn(n, d, |_, j| real() * 10f64.powi(i32::try_from(j % 5).unwrap()) + j as f64),
        x_low: None,
        y: Mat::from_fn(n, c, |_, _| real()),
        weights: Some((0..n).map(|i| (i % 3) as f64).collect()),
    }
}

#[test]
fn a_table_of_more_columns_than_rows_is_fitted_exactly_and_certified_so() {
    for (n, d) in [(5, 50), (5, 200), (5, 1000), (20, 100), (50, 300)] {
        let design = reals(n, d, 1);
        let problem = problem(0.0, Intercept::Free);
        let mut answer =
            surefit::solver::exact::solve(&design, &problem, &|| true).unwrap().candidate.coefficients;
        let proof = certify(&design, &problem, &answer, 1e-6).unwrap();
        assert!(proof.certifies(1e-6), "{n} × {d}: {:?}", proof.record());
        // A loss of one part in 10¹¹ of the targets is above what rounding makes.
        answer.intercept[0] += 1e-11;
        let proof = certify(&design, &problem, &answer, 1e-6).unwrap();
        assert!(!proof.certifies(1e-6), "{n} × {d}: {:?}", proof.record());
    }
}

#[test]
fn few_rows_that_contradict_each_other_are_certified_however_many_columns() {
    let mut design = Design { weights: None, ..reals(5, 3000, 1) };
    (0..3000).for_each(|j| design.x[(1, j)] = design.x[(0, j)]);
    (design.y[(0, 0)], design.y[(1, 0)]) = (1.0, 3.0);
    let problem = problem(0.0, Intercept::Free);
    let mut answer =
        surefit::solver::exact::solve(&design, &problem, &|| true).unwrap().candidate.coefficients;
    let proof = certify(&design, &problem, &answer, 1e-6).unwrap();
    assert!(proof.certifies(1e-6) && proof.method() == Method::Orthogonal, "{:?}", proof.record());
    // Two residuals of 1 among five rows.
    close(proof.objective(), 0.2, 1e-12);
    answer.intercept[0] += 0.1;
    close(certify(&design, &problem, &answer, 1e-6).unwrap().gap(), 0.005, 1e-9);
}

/// Powers of nine numbers, more of them than rows, with a penalty: second moments reach 1e30.
fn penalized_powers(degree: usize) -> Design {
    let targets = [1.0, 3.0, 2.0, 6.0, 5.0, 9.0, 8.0, 4.0, 7.0];
    let x = Mat::from_fn(9, degree, |i, j| ((i + 1) as f64).powi(i32::try_from(j).unwrap() + 1));
    Design { x, x_low: None, y: column(&targets), weights: None }
}

#[test]
fn penalized_powers_are_certified_and_the_answer_to_another_penalty_is_not() {
    for degree in [11, 12, 14, 16] {
        let design = penalized_powers(degree);
        let best = |lambda| optimum(&design, &problem(lambda, Intercept::Free));
        let own = certify(&design, &problem(0.1, Intercept::Free), &best(0.1), 1e-6).unwrap();
        assert!(own.certifies(1e-6) && own.relative_gap() < 1e-6, "degree {degree}: {own:?}");
        // Nearly an exact fit as well, and still another answer: nothing excuses its gap.
        let wrong = problem(0.1, Intercept::Free);
        let other = certify(&design, &wrong, &best(1.0), 1e-6).unwrap();
        let (_, gap) = truth(&design, &wrong, &best(1.0));
        assert!(!other.certifies(1e-6), "degree {degree}: {other:?}");
        let excess = other.gap() / number(&gap);
        assert!((1.0..1.001).contains(&excess), "degree {degree}: {excess}, {other:?}");
    }
}

#[test]
fn penalties_out_of_sight_beside_their_columns_do_not_keep_repeated_rows_from_their_proof() {
    let (x, y) = ([35000f64, 21000.0, 82000.0, 35000.0], [10.0, 20.0, 15.0, 12.0]);
    for (degree, rows) in [(5, 4), (7, 4), (7, 12)] {
        let entry = |i: usize, j: usize| (x[i % 4] + (i / 4) as f64).powi(i32::try_from(j).unwrap() + 1);
        let y: Vec<f64> = (0..rows).map(|i| y[i % 4] + (i / 4) as f64).collect();
        let design =
            Design { x: Mat::from_fn(rows, degree, entry), x_low: None, y: column(&y), weights: None };
        let own = problem(0.1, Intercept::Free);
        let mut answer = optimum(&design, &own);
        let proof = certify(&design, &own, &answer, 1e-6).unwrap();
        assert!(proof.certifies(1e-6) && proof.objective() > 0.1, "{degree}, {rows}: {proof:?}");
        // A worse answer has its gap, and one that the penalty costs something is not excused.
        answer.intercept[0] += 0.01;
        for slope in [0.0, 1.0] {
            answer.weights[(0, 0)] += slope;
            let proof = certify(&design, &own, &answer, 1e-6).unwrap();
            let gap = number(&truth(&design, &own, &answer).1);
            assert!(!proof.certifies(1e-6) && proof.gap() >= gap, "{degree}, {rows}: {gap:e}, {proof:?}");
        }
    }
}

#[test]
fn certificate_has_the_same_bits_for_one_and_two_threads() {
    let with_threads = |threads: usize, lambda: f64, repeat: bool| -> Certificate {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let mut design = reals(3000, 12, 2);
            if repeat {
                // A dependent column is replaced by what the others leave of it.
                (0..3000).for_each(|i| design.x[(i, 11)] = design.x[(i, 3)] + 2.0 * design.x[(i, 4)]);
            }
            let answer = Coefficients { weights: Mat::full(12, 2, 1e-3), intercept: vec![0.1, 0.2] };
            certify(&design, &problem(lambda, Intercept::Free), &answer, 0.0).unwrap()
        })
    };
    for (lambda, repeat, method) in
        [(0.0, false, Method::Cholesky), (0.1, false, Method::Cholesky), (0.0, true, Method::Remainders)]
    {
        let one = with_threads(1, lambda, repeat);
        assert_eq!(one, with_threads(2, lambda, repeat));
        assert_eq!(one.method(), method);
        assert_eq!(one.dependent(), usize::from(repeat));
    }
}

#[test]
fn near_copy_of_a_column_counts_where_it_is_real_and_not_where_it_is_rounding() {
    let n = 40;
    let mut draw = Draw(3);
    let base: Vec<f64> = (0..n).map(|_| draw.whole(-1000, 1000) / 7.0).collect();
    let noise: Vec<f64> = (0..n).map(|_| draw.whole(-1000, 1000) / 1000.0).collect();
    let certify_with = |second: &dyn Fn(usize) -> f64| {
        let x = Mat::from_fn(n, 2, |i, j| if j == 0 { base[i] } else { second(i) });
        // The target is the noise itself: only the second column's own part explains it.
        let design = Design { x, x_low: None, y: column(&noise), weights: None };
        let problem = problem(0.0, Intercept::Free);
        let first = Design { x: column(&base), ..design.clone() };
        let best = optimum(&first, &problem);
        let answer = Coefficients {
            weights: Mat::from_fn(2, 1, |j, _| if j == 0 { best.weights[(0, 0)] } else { 0.0 }),
            intercept: best.intercept,
        };
        certify(&design, &problem, &answer, 1e-6).unwrap()
    };
    let real = certify_with(&|i| base[i] + 1e-9 * noise[i]);
    assert!(real.relative_gap() > 0.9, "{real:?}");
    let rounding = certify_with(&|i| 1.8 * base[i] + 32.0);
    assert!(rounding.certifies(1e-6), "{rounding:?}");
    assert_eq!(rounding.dependent(), 1);
}

#[test]
fn columns_of_any_size_are_certified() {
    for size in [1e-300, 1e-150, 1e150, 1e300] {
        let x =
            Mat::from_fn(6, 2, |i, j| if j == 0 { size * (1.0 + i as f64) } else { ((i * i) % 5) as f64 });
        let y = Mat::from_fn(6, 1, |i, _| [1.0, 3.0, 2.0, 5.0, 4.0, 7.0][i]);
        let design = Design { x, x_low: None, y, weights: None };
        for intercept in [Intercept::Absent, Intercept::Free, Intercept::Penalized] {
            let problem = problem(0.0, intercept);
            let answer = optimum(&design, &problem);
            let certificate = certify(&design, &problem, &answer, 1e-6).unwrap();
            assert!(certificate.certifies(1e-6), "{size} {intercept:?}: {certificate:?}");
        }
    }
}

#[test]
fn answers_that_are_not_finite_have_no_bound() {
    let design = sales();
    for slope in [f64::NAN, f64::INFINITY, 1e308] {
        let certificate = certify(&design, &problem(0.0, Intercept::Free), &line(0.0, slope), 1.0).unwrap();
        assert_eq!(certificate.objective(), f64::INFINITY);
        assert_eq!(certificate.gap(), f64::INFINITY);
        assert_eq!(certificate.relative_gap(), f64::INFINITY);
        assert_eq!(certificate.bound(), 0.0);
        assert!(!certificate.certifies(1.0));
    }
}

#[test]
fn sizes_and_settings_that_do_not_fit_are_refused() {
    let design = sales();
    let message = |problem: &Problem, answer: &Coefficients| {
        certify(&design, problem, answer, 1e-6).unwrap_err().to_string()
    };
    let two = Coefficients { weights: Mat::zeros(2, 1), intercept: vec![0.0] };
    assert_eq!(
        message(&problem(0.0, Intercept::Free), &two),
        "the coefficients are for 2 columns and 1 outputs (1 intercepts), the data have 1 and 1"
    );
    assert_eq!(message(&problem(-1.0, Intercept::Free), &line(0.0, 1.0)), "the penalty is -1");
    assert_eq!(
        message(&problem(0.0, Intercept::Absent), &line(2.5, 1.0)),
        "the problem has no intercept, the coefficients have one of 2.5"
    );
    let weightless = Design { weights: Some(vec![0.0; 12]), ..design.clone() };
    let refused = certify(&weightless, &problem(0.0, Intercept::Free), &line(0.0, 1.0), 1e-6).unwrap_err();
    assert_eq!(refused.to_string(), "no row has a weight above 0, so there is no loss to certify");
}
