//! Every method against least squares in rational arithmetic.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::needless_range_loop,
    clippy::float_cmp
)]

use super::*;
use crate::data::Design;
use crate::problem::{LossKind, Ridge};
use num_bigint::BigInt;
use num_rational::BigRational;
use num_traits::{ToPrimitive, Zero};
use proptest::prelude::*;

type Q = BigRational;

fn q(value: f64) -> Q {
    Q::from_float(value).unwrap()
}

/// Some solution of a consistent system, by Gauss–Jordan elimination with free unknowns 0.
fn solve_rational(mut a: Vec<Vec<Q>>, mut b: Vec<Q>) -> Vec<Q> {
    let n = b.len();
    let (mut row, mut pivots) = (0, Vec::new());
    for j in 0..n {
        let Some(pivot) = (row..n).find(|i| !a[*i][j].is_zero()) else { continue };
        a.swap(row, pivot);
        b.swap(row, pivot);
        for i in (0..n).filter(|i| *i != row) {
            let factor = &a[i][j] / &a[row][j];
            if !factor.is_zero() {
                for k in j..n {
                    let term = &factor * &a[row][k];
                    a[i][k] -= term;
                }
                let term = &factor * &b[row];
                b[i] -= term;
            }
        }
        pivots.push((row, j));
        row += 1;
    }
    let mut x = vec![Q::zero(); n];
    for (row, j) in pivots {
        x[j] = &b[row] / &a[row][j];
    }
    x
}

/// The minimiser of smallest norm in rational arithmetic: coefficients, then the intercept. With the normal
/// equations G w = g it is w = G z for any z with G² z = g.
fn oracle(design: &Design, problem: &Problem, k: usize) -> Vec<f64> {
    let (n, d) = (design.x.nrows(), design.x.ncols());
    let s: Vec<Q> = (0..n).map(|i| q(design.weights.as_ref().map_or(1.0, |s| s[i]))).collect();
    let total: Q = s.iter().sum();
    let lambda = q(problem.penalty.lambda);
    // Without a penalty a penalised intercept is a free one.
    let free = problem.intercept == Intercept::Free
        || (problem.intercept == Intercept::Penalized && problem.penalty.lambda == 0.0);
    let x =
        |i: usize, j: usize| q(design.x[(i, j)]) + design.x_low.as_ref().map_or(Q::zero(), |l| q(l[(i, j)]));
    let y = |i: usize| q(design.y[(i, k)]);
    let mean_x: Vec<Q> = (0..d).map(|j| (0..n).map(|i| &s[i] * x(i, j)).sum::<Q>() / &total).collect();
    let mean_y = (0..n).map(|i| &s[i] * y(i)).sum::<Q>() / &total;
    // A penalised intercept is one more column, of ones.
    let ones = usize::from(problem.intercept == Intercept::Penalized && !free);
    let column = |i: usize, j: usize| match (j < d, free) {
        (true, true) => x(i, j) - &mean_x[j],
        (true, false) => x(i, j),
        _ => Q::from(BigInt::from(1)),
    };
    let target = |i: usize| if free { y(i) - &mean_y } else { y(i) };
    let p = d + ones;
    let mut gram = vec![vec![Q::zero(); p]; p];
    let mut right = vec![Q::zero(); p];
    for j in 0..p {
        for l in 0..p {
            gram[j][l] = (0..n).map(|i| &s[i] * column(i, j) * column(i, l)).sum();
        }
        right[j] = (0..n).map(|i| &s[i] * column(i, j) * target(i)).sum();
        let factor = problem.penalty.factors.as_ref().filter(|_| j < d).map_or(1.0, |f| f[j]);
        gram[j][j] += &total * &lambda * q(factor);
    }
    let times = |a: &[Vec<Q>], v: &[Q]| -> Vec<Q> {
        a.iter().map(|row| row.iter().zip(v).map(|(a, v)| a * v).sum()).collect()
    };
    let square: Vec<Vec<Q>> =
        (0..p).map(|j| (0..p).map(|l| (0..p).map(|m| &gram[j][m] * &gram[m][l]).sum()).collect()).collect();
    let w = times(&gram, &solve_rational(square, right));
    let intercept = match problem.intercept {
        _ if free => &mean_y - (0..d).map(|j| &mean_x[j] * &w[j]).sum::<Q>(),
        Intercept::Absent => Q::zero(),
        _ => w[d].clone(),
    };
    w[..d].iter().chain([&intercept]).map(|v| v.to_f64().unwrap()).collect()
}

fn answer(fit: &ExactFit, k: usize) -> Vec<f64> {
    let Coefficients { weights, intercept } = &fit.candidate.coefficients;
    weights.col(k).iter().copied().chain([intercept[k]]).collect()
}

/// The largest difference relative to the largest number.
fn distance(got: &[f64], want: &[f64]) -> f64 {
    let largest = want.iter().fold(0.0f64, |m, v| m.max(v.abs())).max(1e-300);
    got.iter().zip(want).map(|(g, w)| (g - w).abs() / largest).fold(0.0, f64::max)
}

fn problem(lambda: f64, intercept: Intercept) -> Problem {
    Problem { loss: LossKind::Squared, penalty: Ridge::uniform(lambda), intercept }
}

/// Small whole numbers from a seed.
fn whole(seed: u64) -> impl FnMut() -> f64 {
    let mut state = seed;
    move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        f64::from(u32::try_from(state >> 59).unwrap()) - 15.0
    }
}

fn sample(seed: u64, n: usize, d: usize, c: usize, weighted: bool) -> Design {
    let mut next = whole(seed);
    let x = Mat::from_fn(n, d, |_, _| next() + next());
    let y = Mat::from_fn(n, c, |_, _| next());
    let weights = weighted.then(|| (0..n).map(|i| [1.0, 2.0, 0.0, 3.0][i % 4]).collect());
    Design { x, x_low: None, y, weights }
}

fn methods(design: &Design, problem: &Problem) -> Vec<Method> {
    let mut methods = vec![Method::Extended, Method::Cholesky, Method::Qr];
    let factors = problem.penalty.factors.as_ref();
    let for_all = problem.penalty.lambda > 0.0 && factors.is_none_or(|f| f.iter().all(|f| *f > 0.0));
    if design.x.ncols() > design.x.nrows() && (problem.penalty.lambda == 0.0 || for_all) {
        methods.extend([Method::Kernel, Method::Svd]);
    }
    methods
}

fn agree(design: &Design, problem: &Problem, tolerance: f64) {
    for method in methods(design, problem) {
        let fit = solve_by(design, problem, &|| true, Some(method)).unwrap();
        for k in 0..design.y.ncols() {
            let (got, want) = (answer(&fit, k), oracle(design, problem, k));
            let error = distance(&got, &want);
            assert!(
                error <= tolerance,
                "{method:?} as {:?}, {problem:?}, output {k}: {error:e}\n{got:?}\n{want:?}",
                fit.method
            );
        }
    }
}

const INTERCEPTS: [Intercept; 3] = [Intercept::Absent, Intercept::Free, Intercept::Penalized];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn every_method_agrees_with_rational_arithmetic(
        seed in any::<u64>(), n in 8usize..14, d in 1usize..5, c in 1usize..3, weighted in any::<bool>(),
        kind in 0usize..3, ridge in any::<bool>(),
    ) {
        let design = sample(seed, n, d, c, weighted);
        agree(&design, &problem(if ridge { 0.25 } else { 0.0 }, INTERCEPTS[kind]), 1e-13);
    }

    #[test]
    fn more_columns_than_rows_agree_with_rational_arithmetic(
        seed in any::<u64>(), n in 2usize..5, d in 6usize..9, weighted in any::<bool>(), kind in 0usize..3,
        ridge in any::<bool>(),
    ) {
        let design = sample(seed, n, d, 2, weighted);
        agree(&design, &problem(if ridge { 0.5 } else { 0.0 }, INTERCEPTS[kind]), 1e-12);
    }

    #[test]
    fn dependent_columns_give_the_rational_minimum_norm(
        seed in any::<u64>(), n in 8usize..12, a in -3i32..4, b in -3i32..4, shift in -5i32..6, kind in 0usize..2,
    ) {
        let mut design = sample(seed, n, 5, 2, false);
        let shift = if kind == 1 { f64::from(shift) } else { 0.0 };
        for i in 0..n {
            design.x[(i, 3)] = f64::from(a) * design.x[(i, 0)] + f64::from(b) * design.x[(i, 2)] + shift;
        }
        agree(&design, &problem(0.0, INTERCEPTS[kind]), 1e-12);
    }
}

#[test]
fn per_column_penalties_agree_with_rational_arithmetic() {
    for (n, d) in [(9, 4), (4, 7)] {
        let mut factors = vec![1.0; d];
        (factors[1], factors[2]) = (4.0, 0.125);
        let with_zero: Vec<f64> =
            factors.iter().enumerate().map(|(j, f)| if j == 0 { 0.0 } else { *f }).collect();
        for factors in [factors, with_zero] {
            let penalty = Ridge { lambda: 0.75, factors: Some(factors) };
            for intercept in INTERCEPTS {
                let problem = Problem { loss: LossKind::Squared, penalty: penalty.clone(), intercept };
                agree(&sample(3, n, d, 2, false), &problem, 1e-12);
            }
        }
    }
}

#[test]
fn a_frequency_weight_is_the_row_that_many_times() {
    let weighted = sample(5, 12, 3, 1, true);
    let times = weighted.weights.clone().unwrap();
    let rows: Vec<usize> = (0..12)
        .flat_map(|i| (0..4).filter(move |m| f64::from(*m) < [1.0, 2.0, 0.0, 3.0][i % 4]).map(move |_| i))
        .collect();
    assert_eq!(rows.len() as f64, times.iter().sum::<f64>());
    let repeated = Design {
        x: Mat::from_fn(rows.len(), 3, |i, j| weighted.x[(rows[i], j)]),
        x_low: None,
        y: Mat::from_fn(rows.len(), 1, |i, _| weighted.y[(rows[i], 0)]),
        weights: None,
    };
    for method in [Method::Extended, Method::Cholesky, Method::Qr] {
        let fit = |design: &Design| {
            solve_by(design, &problem(0.0, Intercept::Free), &|| true, Some(method)).unwrap()
        };
        let (one, many) = (fit(&weighted), fit(&repeated));
        assert!(distance(&answer(&one, 0), &answer(&many, 0)) < 1e-14);
        assert!((one.rss[0] / many.rss[0] - 1.0).abs() < 1e-13);
        let (a, b) = (one.covariance.unwrap(), many.covariance.unwrap());
        assert!(distance(&a.columns, &b.columns) < 1e-13);
        assert!((a.intercept.unwrap() / b.intercept.unwrap() - 1.0).abs() < 1e-13);
    }
}

/// Temperatures in two scales, a sum of columns, a constant and a copy.
fn related(offset: f64) -> Design {
    let mut design = sample(11, 40, 6, 1, false);
    for i in 0..40 {
        let x = design.x[(i, 0)] / 8.0 + offset;
        design.x[(i, 0)] = x;
        design.x[(i, 2)] = 1.8 * x + 32.0;
        design.x[(i, 3)] = 7.5;
        design.x[(i, 4)] = design.x[(i, 1)];
    }
    design
}

#[test]
fn relations_are_named_in_simple_numbers_whatever_the_offset() {
    for offset in [0.0, 10.0, 1000.0, 1e6] {
        for method in [Method::Extended, Method::Cholesky, Method::Qr] {
            let fit =
                solve_by(&related(offset), &problem(0.0, Intercept::Free), &|| true, Some(method)).unwrap();
            assert_eq!(fit.rank, 3, "{method:?} {offset}");
            let want = [
                Relation { column: 2, terms: vec![(0, 1.8)], constant: 32.0 },
                Relation { column: 3, terms: vec![], constant: 7.5 },
                Relation { column: 4, terms: vec![(1, 1.0)], constant: 0.0 },
            ];
            assert_eq!(fit.relations, want, "{method:?} {offset}");
            let weights = &fit.candidate.coefficients.weights;
            assert_eq!(weights[(3, 0)].to_bits(), 0f64.to_bits());
            assert!((weights[(1, 0)] - weights[(4, 0)]).abs() < 1e-12 * weights[(1, 0)].abs());
            // All but the last column have a part in a relation, one of which moves the intercept too.
            let covariance = fit.covariance.unwrap();
            assert_eq!(covariance.intercept, Some(f64::INFINITY));
            let told: Vec<bool> = covariance.columns.iter().map(|root| root.is_finite()).collect();
            assert_eq!(told, [false, false, false, false, false, true]);
        }
    }
}

#[test]
fn what_a_relation_leaves_alone_has_the_standard_errors_of_a_fit_without_it() {
    let design = sample(17, 40, 3, 1, false);
    let alone = solve_by(&design, &problem(0.0, Intercept::Free), &|| true, None).unwrap();
    let entry = |i: usize, j: usize| match j {
        0..=2 => design.x[(i, j)],
        3 => 2.0 * design.x[(i, 1)],
        _ => 7.5,
    };
    for k in [4, 5] {
        let more = Design { x: Mat::from_fn(40, k, entry), ..design.clone() };
        let fit = solve_by(&more, &problem(0.0, Intercept::Free), &|| true, None).unwrap();
        let (want, found) = (alone.covariance.as_ref().unwrap(), fit.covariance.unwrap());
        for j in [0, 2] {
            assert!((found.columns[j] / want.columns[j] - 1.0).abs() < 1e-12);
        }
        assert!(found.columns[1].is_infinite() && found.columns[3..].iter().all(|root| root.is_infinite()));
        assert!((found.intercept.unwrap() / want.intercept.unwrap() - 1.0).abs() < 1e-12);
    }
}

#[test]
fn twins_share_alike_beside_a_column_in_the_tiniest_units() {
    let (y, a) = ([14.1, 15.0, 13.0, 16.8, 12.0], [1.3, 2.7, 3.1, 4.3, 0.7]);
    let b = [-0.96, 1.87, 2.07, -1.28, 0.1];
    for unit in [1.0, 1e-8, 1e-18, 1e-24, 1e-34, 1e-100] {
        for intercept in [Intercept::Free, Intercept::Absent] {
            let x = Mat::from_fn(5, 3, |i, j| if j == 1 { b[i] * unit } else { a[i] });
            let design = Design { x, x_low: None, y: Mat::from_fn(5, 1, |i, _| y[i]), weights: None };
            let fit = solve(&design, &problem(0.0, intercept), &|| true).unwrap();
            let weights = fit.candidate.coefficients.weights;
            let want = if intercept == Intercept::Free { 0.507_081_9 } else { 2.404_041_7 };
            for j in [0, 2] {
                assert!((weights[(j, 0)] - want).abs() < 1e-6, "{unit:e} {intercept:?}: {weights:?}");
            }
            assert!((weights[(0, 0)] - weights[(2, 0)]).abs() < 1e-12, "{unit:e} {weights:?}");
        }
    }
}

#[test]
fn nearly_dependent_columns_stay_apart() {
    let mut design = sample(13, 40, 3, 1, false);
    for i in 0..40 {
        design.x[(i, 2)] = design.x[(i, 0)] + if i % 3 == 0 { 1e-9 } else { 0.0 };
    }
    for method in [Method::Extended, Method::Cholesky, Method::Qr] {
        let fit = solve_by(&design, &problem(0.0, Intercept::Free), &|| true, Some(method)).unwrap();
        assert_eq!((fit.rank, fit.relations.len()), (3, 0));
        let error = distance(&answer(&fit, 0), &oracle(&design, &problem(0.0, Intercept::Free), 0));
        assert!(error < 1e-13, "{method:?}: {error}");
        assert!(-error.max(1e-17).log10() >= fit.digits - 1.0, "{method:?}: said {}", fit.digits);
        assert!(fit.condition > 1e9 && fit.condition < 1e12, "{}", fit.condition);
    }
}

#[test]
fn columns_of_extreme_units_give_the_same_answer_in_those_units() {
    let design = sample(17, 30, 3, 1, false);
    for (up, down) in [(500, -500), (-498, 300), (900, 10)] {
        let units = [up, down, 0];
        let x = Mat::from_fn(30, 3, |i, j| scale_by(design.x[(i, j)], units[j]));
        let scaled = Design { x, ..design.clone() };
        for method in [Method::Extended, Method::Cholesky, Method::Qr] {
            let plain = problem(0.0, Intercept::Free);
            let a = answer(&solve_by(&design, &plain, &|| true, Some(method)).unwrap(), 0);
            let b = answer(&solve_by(&scaled, &plain, &|| true, Some(method)).unwrap(), 0);
            let back: Vec<f64> = (0..3).map(|j| scale_by(b[j], units[j])).chain([b[3]]).collect();
            assert!(distance(&back, &a) < 1e-13, "{method:?} {units:?}: {a:?} {back:?}");
        }
    }
}

#[test]
fn entries_at_the_edge_of_the_range_give_an_answer_or_an_error_but_never_nan() {
    for (n, d) in [(12, 3), (3, 6)] {
        for huge in [1e308, -1.7e308, 5e-324, 1e-310] {
            let mut design = sample(19, n, d, 1, false);
            design.x[(1, 1)] = huge;
            for lambda in [0.0, 0.1] {
                for method in methods(&design, &problem(lambda, Intercept::Free)) {
                    for intercept in INTERCEPTS {
                        match solve_by(&design, &problem(lambda, intercept), &|| true, Some(method)) {
                            Ok(fit) => assert!(
                                answer(&fit, 0).iter().all(|v| v.is_finite()) && fit.rss[0] >= 0.0,
                                "{method:?} {huge}"
                            ),
                            Err(error) => assert_eq!(error.kind(), crate::error::Kind::Data),
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn one_row_no_columns_and_a_constant_target_are_answered() {
    let one = sample(23, 1, 2, 1, false);
    let fit = solve(&one, &problem(0.0, Intercept::Free), &|| true).unwrap();
    assert_eq!(answer(&fit, 0), [0.0, 0.0, one.y[(0, 0)]]);
    let none = sample(29, 5, 0, 1, false);
    let fit = solve(&none, &problem(0.0, Intercept::Free), &|| true).unwrap();
    let mean = none.y.col(0).iter().sum::<f64>() / 5.0;
    assert!((answer(&fit, 0)[0] - mean).abs() < 1e-14);
    let mut flat = sample(31, 9, 2, 1, false);
    (0..9).for_each(|i| flat.y[(i, 0)] = 4.5);
    for method in [Method::Extended, Method::Cholesky, Method::Qr] {
        let fit = solve_by(&flat, &problem(0.0, Intercept::Free), &|| true, Some(method)).unwrap();
        assert!(distance(&answer(&fit, 0), &[0.0, 0.0, 4.5]) < 1e-15);
    }
}

#[test]
fn no_weight_no_finite_numbers_and_a_negative_penalty_are_refused() {
    let mut design = sample(37, 5, 2, 1, false);
    design.weights = Some(vec![0.0; 5]);
    let plain = problem(0.0, Intercept::Free);
    assert!(matches!(solve(&design, &plain, &|| true), Err(Error::Data(DataError::NothingToFit))));
    design.weights = None;
    assert!(matches!(solve(&design, &problem(-1.0, Intercept::Free), &|| true), Err(Error::Usage { .. })));
    assert!(matches!(solve(&design, &plain, &|| false), Err(Error::Interrupted)));
    design.x[(2, 1)] = f64::NAN;
    assert!(matches!(solve(&design, &plain, &|| true), Err(Error::Data(DataError::NotFinite { .. }))));
}

#[test]
fn two_rows_of_many_columns_are_answered_by_every_method() {
    let design = sample(5_022_919_611_631_255_130, 2, 7, 2, false);
    for (lambda, intercept) in [(0.5, Intercept::Free), (0.0, Intercept::Free), (0.5, Intercept::Absent)] {
        for method in methods(&design, &problem(lambda, intercept)) {
            let fit = solve_by(&design, &problem(lambda, intercept), &|| true, Some(method));
            assert!(fit.is_ok(), "{method:?} {lambda} {intercept:?}: {fit:?}");
        }
        agree(&design, &problem(lambda, intercept), 1e-12);
    }
}

/// The same rows as owned blocks, as a file hands them out.
struct Streamed(Design);

impl Rows for Streamed {
    fn shape(&self) -> Shape {
        self.0.shape()
    }

    fn blocks(&self) -> Box<dyn Iterator<Item = Result<crate::data::BlockBuf<'_>>> + '_> {
        Box::new(self.0.blocks().map(|block| {
            let block = block?;
            let view = block.view();
            Ok(crate::data::BlockBuf::Owned(crate::data::OwnedBlock {
                first: view.first,
                x: view.x.to_owned(),
                x_low: None,
                y: view.y.to_owned(),
                weights: view.weights.map(<[f64]>::to_vec),
            }))
        }))
    }
}

#[test]
fn threads_and_streaming_change_no_bit() {
    let design = sample(41, 30_000, 5, 2, true);
    let threads = |count| rayon::ThreadPoolBuilder::new().num_threads(count).build().unwrap();
    let bits = |fit: &ExactFit| {
        let mut numbers = vec![fit.condition, fit.rss[0], fit.tss[1], fit.digits, fit.data_digits];
        numbers.extend((0..2).flat_map(|k| answer(fit, k)));
        numbers.extend(&fit.covariance.as_ref().unwrap().columns);
        numbers.into_iter().map(f64::to_bits).collect::<Vec<_>>()
    };
    for method in [Method::Extended, Method::Cholesky, Method::Qr] {
        let fit =
            |rows: &dyn Rows| solve_by(rows, &problem(0.0, Intercept::Free), &|| true, Some(method)).unwrap();
        let one = threads(1).install(|| bits(&fit(&design)));
        let two = threads(2).install(|| bits(&fit(&design)));
        let streamed = threads(2).install(|| bits(&fit(&Streamed(design.clone()))));
        assert_eq!(one, two, "{method:?}");
        assert_eq!(one, streamed, "{method:?}");
    }
}

#[test]
fn ill_conditioned_columns_too_many_for_extended_arithmetic_keep_their_digits() {
    // Powers of a number far from 0, whole and so exact.
    let n = 60;
    let x = Mat::from_fn(n, 6, |i, j| (100.0 + i as f64).powi(i32::try_from(j).unwrap() + 1));
    let y = Mat::from_fn(n, 1, |i, _| ((i * i * 7) % 31) as f64);
    let design = Design { x, x_low: None, y, weights: None };
    let plain = problem(0.0, Intercept::Free);
    let want = oracle(&design, &plain, 0);
    for method in [Method::Extended, Method::Cholesky, Method::Qr] {
        let fit = solve_by(&design, &plain, &|| true, Some(method)).unwrap();
        assert!(method != Method::Cholesky || fit.method == Method::Qr, "Cholesky gave way to QR");
        assert!(fit.condition > 1e7, "{}", fit.condition);
        let got = answer(&fit, 0);
        let error = got.iter().zip(&want).map(|(g, w)| ((g - w) / w).abs()).fold(0.0, f64::max);
        assert!(error < 1e-13 && fit.digits > 13.0, "{method:?}: {error:e}, said {}", fit.digits);
    }
}

#[test]
fn refusals_say_what_and_the_way_out() {
    let said = |error: DataError| format!("{error} | {}", error.hints().join(" | "));
    assert_eq!(
        said(DataError::NothingToFit),
        "no row has a weight above 0, so there is nothing to fit | give at least one row a weight above 0"
    );
    assert_eq!(
        said(DataError::NotFinite { what: "column 2 of the design".to_owned() }),
        "column 2 of the design holds a value that is not a finite number | replace or drop the rows that hold it"
    );
    assert_eq!(
        said(DataError::OutOfRange),
        "the coefficients of this data leave the range of floating-point numbers (1e-308 to 1.8e308) | express \
         the columns and the target in units that bring them nearer to 1"
    );
}

#[test]
fn more_powers_than_rows_interpolate_with_the_smallest_coefficients() {
    // The twelve rows of sales.csv: a polynomial of any degree from 11 on goes through all of them.
    let temp = [14.2, 16.4, 11.9, 15.2, 18.5, 22.1, 19.4, 25.1, 23.4, 18.1, 22.6, 17.2];
    let sales = [215.0, 325.0, 185.0, 332.0, 406.0, 522.0, 412.0, 614.0, 544.0, 421.0, 445.0, 408.0];
    for degree in [12, 15, 20] {
        let power = |i: usize, j: usize| Dd::from(temp[i]).powi(i32::try_from(j + 1).unwrap());
        let design = Design {
            x: Mat::from_fn(12, degree, |i, j| power(i, j).hi),
            x_low: Some(Mat::from_fn(12, degree, |i, j| power(i, j).lo)),
            y: Mat::from_fn(12, 1, |i, _| sales[i]),
            weights: None,
        };
        let plain =
            Problem { loss: LossKind::Squared, penalty: Ridge::uniform(0.0), intercept: Intercept::Free };
        let fit = solve(&design, &plain, &|| true).unwrap();
        let proof = crate::certificate::certify(&design, &plain, &fit.candidate.coefficients, 1e-6).unwrap();
        assert!(proof.certifies(1e-6) && proof.objective() < 1e-3, "degree {degree}: {}", proof.objective());
    }
}

#[test]
fn standard_errors_survive_units_whose_squares_do_not() {
    let errors = |unit: f64, target: f64| {
        let design = Design {
            x: Mat::from_fn(4, 1, |i, _| (i + 1) as f64 * unit),
            x_low: None,
            y: Mat::from_fn(4, 1, |i, _| [2.0, 3.0, 4.0, 6.0][i] * target),
            weights: None,
        };
        let plain =
            Problem { loss: LossKind::Squared, penalty: Ridge::uniform(0.0), intercept: Intercept::Free };
        let fit = solve(&design, &plain, &|| true).unwrap();
        let summary = crate::inference::summary(&fit, crate::inference::WeightType::Frequency).unwrap();
        summary.outputs[0].terms[0].t
    };
    // t = 1.3 / 0.1732…, whatever the units.
    for (unit, target) in [(1.0, 1.0), (1e200, 1.0), (1e-200, 1.0), (1.0, 1e-170), (1e200, 1e-100)] {
        assert!((errors(unit, target) / 7.505_553_499_465_135 - 1.0).abs() < 1e-12, "{unit} {target}");
    }
}

#[test]
fn a_constant_target_is_its_own_intercept_and_leaves_nothing_to_explain() {
    for target in [5.0, 0.1, -7e200, 1e-200] {
        for lambda in [0.0, 0.5] {
            let design = Design {
                x: Mat::from_fn(3, 1, |i, _| [2.0, 3.0, 9.0][i]),
                x_low: None,
                y: Mat::from_fn(3, 1, |_, _| target),
                weights: None,
            };
            let problem = Problem {
                loss: LossKind::Squared,
                penalty: Ridge::uniform(lambda),
                intercept: Intercept::Free,
            };
            let fit = solve(&design, &problem, &|| true).unwrap();
            assert_eq!(fit.candidate.coefficients.weights[(0, 0)], 0.0);
            assert_eq!(fit.candidate.coefficients.intercept, [target]);
            assert_eq!((fit.rss[0], fit.tss[0], fit.explained[0]), (0.0, 0.0, 0.0));
        }
    }
}

#[test]
fn a_penalty_far_above_the_squares_of_a_column_leaves_the_slope_that_it_leaves() {
    let (x, y) = ([1.0, 2.0, 4.0, 7.0], [2.0, 3.0, 5.0, 11.0]);
    for intercept in [Intercept::Free, Intercept::Absent, Intercept::Penalized] {
        for (unit, lambda) in [(1e-170, 0.1), (1e-150, 1e-60), (1.0, 1e308), (1e20, 1e300), (1e-300, 1e308)] {
            let design = Design {
                x: Mat::from_fn(4, 1, |i, _| x[i] * unit),
                x_low: None,
                y: Mat::from_fn(4, 1, |i, _| y[i]),
                weights: None,
            };
            let problem = problem(lambda, intercept);
            // Beside such a penalty the slope is that of the products, and a free intercept is the mean.
            let shrunk = if intercept == Intercept::Penalized { 1.0 / (1.0 + lambda) } else { 1.0 };
            let anchor = if intercept == Intercept::Absent { 0.0 } else { 5.25 * shrunk };
            let products: f64 = x.iter().zip(&y).map(|(x, y)| x * (y - anchor)).sum();
            let want = unit * (products / 4.0) / lambda;
            for method in [None, Some(Method::Cholesky), Some(Method::Kernel), Some(Method::Svd)] {
                // Such a penalty on an intercept is for those that take it out first.
                let by_rows = matches!(method, Some(Method::Kernel | Method::Svd));
                if by_rows && intercept == Intercept::Penalized && lambda > LARGEST_OF_INTERCEPT {
                    continue;
                }
                let fit = solve_by(&design, &problem, &|| true, method);
                let fit = fit
                    .unwrap_or_else(|error| panic!("{method:?} {intercept:?} {unit:e} {lambda:e}: {error}"));
                let got = fit.candidate.coefficients.weights[(0, 0)];
                let near = (got - want).abs() <= 1e-9 * want.abs() + 1e-300;
                assert!(near, "{method:?} {intercept:?} {unit:e} {lambda:e}: {got:e}, not {want:e}");
                let proof = crate::certificate::certify(&design, &problem, &fit.candidate.coefficients, 1e-6)
                    .unwrap();
                assert!(proof.certifies(1e-6), "{intercept:?} {unit:e} {lambda:e}: {proof:?}");
            }
        }
    }
    let beyond = problem_with_factors(1e308, vec![4.0]);
    let design =
        Design { x: Mat::zeros(2, 1), x_low: None, y: Mat::from_fn(2, 1, |i, _| i as f64), weights: None };
    let said = solve(&design, &beyond, &|| true).unwrap_err().to_string();
    assert!(said.contains("the penalty of column 1 is 1e308 times its factor 4"), "{said}");
}

fn problem_with_factors(lambda: f64, factors: Vec<f64>) -> Problem {
    let penalty = Ridge { lambda, factors: Some(factors) };
    Problem { loss: LossKind::Squared, penalty, intercept: Intercept::Free }
}
