//! Problems at the edge: each has an answer, or a sentence.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use surefit_mix::{Count, Distance, Error, Limit, Outcome, Problem, Settings, Solution, solve};

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
    for wrong in ["", "x0", "x0 <= ", "x0 + <= 1", "1 <= 2", "x0 <= 1 2", "x0 ? 1", "`x0 <= 1", "x0 <= 1e999"]
    {
        assert!(matches!(read(wrong), Err(Error::Expression { .. })), "{wrong}");
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
