//! Problems at the edge: each has an answer, or a sentence.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use surefit_mix::{Count, Distance, Error, Limit, Outcome, Problem, Range, Settings, Solution, solve};

fn names(n: usize) -> Vec<String> {
    (0..n).map(|j| format!("x{j}")).collect()
}

fn solved(problem: &Problem) -> Box<Solution> {
    match solve(problem, &Settings::default(), &|_| true) {
        Ok(Outcome::Solved(solution)) => solution,
        other => panic!("{other:?}"),
    }
}

#[test]
fn one_input_is_the_whole_mix() {
    let solution = solved(&Problem::new(names(1), vec![1.0, 2.0], vec![1.0, 4.0], 0.2, 1.0));
    assert_eq!(solution.best.weights, [1.0]);
    assert!(solution.is_certified && (solution.best.objective - 4.0).abs() < 1e-12);
}

#[test]
fn a_target_that_is_an_input_is_met_exactly() {
    let columns = vec![1.0, 2.0, 3.0, 0.3, -1.0, 2.0, 5.0, 5.0, 1.0];
    let solution = solved(&Problem::new(names(3), columns, vec![0.3, -1.0, 2.0], 0.2, 1.0));
    assert_eq!(solution.best.weights, [0.0, 1.0, 0.0]);
    assert!(solution.is_certified && solution.best.objective < 1e-28);
}

#[test]
fn identical_and_zero_columns_are_inputs_like_others() {
    let columns = vec![1.0, 2.0, 1.0, 2.0, 0.0, 0.0, 1.0, 2.0];
    for distance in [Distance::L2, Distance::L1, Distance::LInf] {
        let mut problem = Problem::new(names(4), columns.clone(), vec![0.5, 1.0], 0.25, 1.0);
        problem.distance = distance;
        let solution = solved(&problem);
        assert!(solution.is_certified && solution.best.objective < 1e-12, "{distance:?} {solution:?}");
    }
}

#[test]
fn nothing_allowed_is_infeasible_and_no_sum_may_use_nothing() {
    let mut problem = Problem::new(names(2), vec![1.0, 2.0, 3.0, 4.0], vec![-1.0, -1.0], 0.2, 1.0);
    problem.counts.push(Count { name: "at most 0".to_owned(), members: vec![0, 1], least: 0, most: 0 });
    let Ok(Outcome::Infeasible(conflict)) = solve(&problem, &Settings::default(), &|_| true) else {
        panic!()
    };
    assert_eq!(conflict.limits, ["sum", "at most 0"]);
    problem.limits = vec![Limit::sum(2, 0.0, 1.0)];
    problem.ranges.iter_mut().for_each(|range| range.high = f64::INFINITY);
    assert_eq!(solved(&problem).best.weights, [0.0, 0.0]);
}

#[test]
fn low_above_the_sum_is_infeasible() {
    let problem = Problem::new(names(2), vec![1.0, 2.0, 3.0, 4.0], vec![1.0, 1.0], 1.5, 2.0);
    let Ok(Outcome::Infeasible(conflict)) = solve(&problem, &Settings::default(), &|_| true) else {
        panic!()
    };
    assert!(conflict.relaxations.iter().any(|change| change == "sum: 1.5 instead of 1"), "{conflict:?}");
}

#[test]
fn numbers_that_make_no_sense_are_named() {
    let usual = Problem::new(names(2), vec![1.0, 2.0, 3.0, 4.0], vec![1.0, 1.0], 0.2, 1.0);
    let refused = |change: &dyn Fn(&mut Problem)| {
        let mut problem = usual.clone();
        change(&mut problem);
        solve(&problem, &Settings::default(), &|_| true).unwrap_err()
    };
    assert_eq!(refused(&|p| p.columns[3] = f64::NAN).to_string(), "`x1` is NaN in row 2");
    assert_eq!(refused(&|p| p.target[0] = f64::INFINITY).to_string(), "the target is inf in row 1");
    let upside_down = refused(&|p| p.ranges[0].low = 2.0);
    assert_eq!(upside_down.to_string(), "the range of `x0` is 2..1: its low end is above its high end");
    assert_eq!(upside_down.hints(), ["write 1..2, if that is meant"]);
    let unbounded = refused(&|p| {
        p.limits.clear();
        p.ranges[1].high = f64::INFINITY;
    });
    assert_eq!(unbounded, Error::Unbounded { input: "x1".to_owned() });
    assert!(matches!(refused(&|p| p.row_weights = Some(vec![0.0, -1.0])), Error::RowWeight { row: 2, .. }));
}

#[test]
fn constraints_are_read_as_people_write_them() {
    let mut problem = Problem::new(names(3), vec![0.0; 3], vec![0.0], 0.1, 1.0);
    problem.inputs[2] = "BRK B".to_owned();
    let read = |text: &str| Limit::parse(text, &problem);
    let limit = read("x0 + 2 x1 <= .5").unwrap();
    assert_eq!((limit.terms, limit.low, limit.high), (vec![(0, 1.0), (1, 2.0)], f64::NEG_INFINITY, 0.5));
    let limit = read(".1 <= x0 - 3*`BRK B` <= .4").unwrap();
    assert_eq!((limit.terms, limit.low, limit.high), (vec![(0, 1.0), (2, -3.0)], 0.1, 0.4));
    let limit = read("x0 = x1 + 1e-1").unwrap();
    assert_eq!((limit.terms, limit.low, limit.high), (vec![(0, 1.0), (1, -1.0)], 0.1, 0.1));
    assert_eq!(read("cap: x0 <= .3").unwrap().name, "cap");
    let unknown = read("x9 <= 1").unwrap_err();
    assert_eq!(unknown.to_string(), "the constraint `x9 <= 1` names `x9`, which is no input");
    let what = |text: &str| read(text).unwrap_err().to_string();
    let told = "the constraint `x0 < 1` cannot be read: a limit may be reached, so it is written `<=`";
    assert_eq!(what("x0 < 1"), told);
    let told = "the constraint `x0 - x0 >= 0` cannot be read: its inputs cancel each other out";
    assert_eq!(what("x0 - x0 >= 0"), told);
    for wrong in ["", "x0", "x0 <= ", "x0 + <= 1", "1 <= 2", "x0 <= 1 2", "x0 ? 1", "`x0 <= 1", "x0 <= 1e999"]
    {
        assert!(matches!(read(wrong), Err(Error::Expression { .. })), "{wrong}");
    }
}

/// Two inputs at their greatest and two at their least weight, which a sum and a difference demand, and two that
/// equations leave one value: in numbers of four decimals, whose sums are met but for rounding.
#[test]
fn limits_that_leave_a_single_point_leave_a_certified_mix() {
    let mut state = 1_u64;
    let mut below = |n: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % n
    };
    let decimal = |number: u64| number as f64 / 1e4;
    for case in 0..300 {
        let w: Vec<u64> = (0..6).map(|_| 100 + below(3000)).collect();
        let columns = (0..8 * 6).map(|_| below(2000) as f64 / 1e3 - 1.0).collect();
        let target = (0..8).map(|_| below(2000) as f64 / 1e3 - 1.0).collect();
        let mut problem = Problem::new(names(6), columns, target, 0.0, 1.0);
        for (j, &own) in w.iter().enumerate() {
            let (low, high) = match j {
                0 | 1 => (own - 50, own),
                2 | 3 => (own, own + 700),
                _ => (own - 90, own + 90),
            };
            let optional = j < 2 && case % 2 == 0;
            problem.ranges[j] = Range { low: decimal(low), high: decimal(high), optional };
        }
        let sum = decimal(w.iter().sum());
        problem.limits = vec![Limit::sum(6, sum, sum)];
        let signed = |number: i64| number as f64 / 1e4;
        let own = |j: usize| i64::try_from(w[j]).unwrap();
        for (text, value) in [
            ("x4 + x5 =", own(4) + own(5)),
            ("x0 + x1 - x2 - x3 >=", own(0) + own(1) - own(2) - own(3)),
            ("x4 - x5 =", own(4) - own(5)),
        ] {
            let limit = Limit::parse(&format!("{text} {}", signed(value)), &problem).unwrap();
            problem.limits.push(limit);
        }
        for distance in [Distance::L2, Distance::L1, Distance::LInf] {
            problem.distance = distance;
            let solution = solved(&problem);
            assert!(solution.is_certified, "case {case} {distance:?} {:?}", solution.certificate);
            let off = |(j, found): (usize, &f64)| (found - decimal(w[j])).abs();
            assert!(solution.best.weights.iter().enumerate().map(off).all(|off| off < 1e-7), "case {case}");
        }
    }
}

/// The mix of .3 and .7 misses the target by so much in each row, and no other mix comes near.
#[test]
fn a_distance_is_proven_down_to_what_rounding_leaves_of_it() {
    let columns: Vec<f64> = (0..5 * 12).map(|k| f64::from((k * k * 31 + 7 * k) % 197) / 64.0 - 1.5).collect();
    for size in [1e-3, 1e-6, 1e-8, 1e-10, 1e-12] {
        let off = |i: usize| size * if (i * i).is_multiple_of(3) { 1.0 } else { -0.5 };
        let target = (0..12).map(|i| 0.3 * columns[i] + 0.7 * columns[2 * 12 + i] + off(i)).collect();
        let problem = Problem::new(names(5), columns.clone(), target, 0.1, 1.0);
        let solution = solved(&problem);
        let proof = solution.certificate;
        assert!(solution.is_certified, "{size}: {proof:?}");
        // Near enough to be of use: the bound is not just 0.
        assert!(proof.bound >= 0.5 * proof.objective, "{size}: {proof:?}");
        assert!(proof.objective < 12.0 * size * size && proof.objective > 0.0, "{size}: {proof:?}");
    }
}

/// Pairs of inputs that differ in their seventh or tenth digit leave the linear programs few digits; bounds are proven all the
/// same, and no plain optimum is above the mix.
#[test]
fn inputs_that_are_almost_the_same_are_proven_in_every_distance() {
    let mut state = 7u64;
    let mut number = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((state >> 40) as f64 / (1u64 << 24) as f64 * 4000.0 - 2000.0).round() / 1000.0
    };
    for round in 0..40 {
        let (rows, apart) = (3 + round % 17, [1e-6, 1e-9][round % 2]);
        let mut columns = Vec::new();
        for _ in 0..4 {
            let first: Vec<f64> = (0..rows).map(|_| number()).collect();
            let second: Vec<f64> = first.iter().map(|a| a + apart * number()).collect();
            columns.extend(first);
            columns.extend(second);
        }
        let target = (0..rows).map(|_| number()).collect();
        let mut problem = Problem::new(names(8), columns, target, 0.2, 1.0);
        for distance in [Distance::L2, Distance::L1, Distance::LInf] {
            problem.distance = distance;
            let solution = solved(&problem);
            assert!(solution.is_certified, "{round} {distance:?} {:?}", solution.certificate);
            let best = solution.best.objective;
            assert!(solution.relaxed.is_none_or(|plain| plain.objective <= best), "{round} {distance:?}");
        }
    }
}

#[test]
fn ten_thousand_inputs_need_no_square_of_them() {
    let (m, n) = (12, 10_000);
    let value = |k: usize| ((k as f64 * 0.618_034).fract() - 0.5) * 4.0 + ((k * k % 97) as f64) / 97.0;
    let columns: Vec<f64> = (0..m * n).map(value).collect();
    let target: Vec<f64> =
        (0..m).map(|i| 0.5 * (columns[7 * m + i] + columns[4321 * m + i]) + 0.01).collect();
    let problem = Problem::new(names(n), columns, target, 0.5, 1.0);
    let begun = std::time::Instant::now();
    let limit = std::time::Duration::from_secs(5);
    let outcome = solve(&problem, &Settings::default(), &|_| begun.elapsed() < limit).unwrap();
    let Outcome::Solved(solution) = outcome else { panic!("{outcome:?}") };
    assert!(solution.certificate.bound <= solution.best.objective);
}

#[test]
fn the_tree_is_the_same_at_any_number_of_threads() {
    let (m, n) = (40, 24);
    let wave = |k: usize| ((k * k % 1013) as f64).sin() + ((k % 37) as f64).cos();
    let columns: Vec<f64> = (0..m * n).map(wave).collect();
    let target: Vec<f64> = (0..m).map(|i| (0..n).map(|j| wave(j * m + i)).sum::<f64>() / n as f64).collect();
    let problem = Problem::new(names(n), columns, target, 0.15, 1.0);
    let with = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let mut solution = pool.install(|| solved(&problem));
        solution.tree = None;
        solution
    };
    assert_eq!(with(1), with(2));
}
