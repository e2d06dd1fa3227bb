//! Problems that allow no mix, and what is said of them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use surefit_mix::{Conflict, Count, Limit, Outcome, Problem, Range, Settings, solve};

fn problem(n: usize, low: f64, high: f64) -> Problem {
    let inputs = ["gold", "silver", "tin", "lead", "zinc", "iron", "clay", "sand"];
    let inputs = (0..n).map(|j| inputs[j % 8].to_owned()).collect();
    let columns = (0..3 * n).map(|k| ((k * 7 + 3) % 11) as f64).collect();
    Problem::new(inputs, columns, vec![1.0, 2.0, 3.0], low, high)
}

fn conflict(problem: &Problem) -> Conflict {
    match solve(problem, &Settings::default(), &|_| true) {
        Ok(Outcome::Infeasible(conflict)) => conflict,
        other => panic!("{other:?}"),
    }
}

#[test]
fn inputs_that_must_be_used_and_are_too_much() {
    let mut problem = problem(5, 0.4, 1.0);
    for j in 0..3 {
        problem.ranges[j].optional = false;
    }
    let conflict = conflict(&problem);
    assert_eq!(conflict.what, "3 inputs must be used × 0.4 = 1.2, more than the sum of 1");
    let names = ["sum", "must use gold", "must use silver", "must use tin", "the least weights"];
    assert_eq!(conflict.limits, names);
    assert!(conflict.relaxations.contains(&"sum: 1.2 instead of 1".to_owned()), "{conflict:?}");
    assert!(conflict.relaxations.contains(&"do not ask that tin is used".to_owned()), "{conflict:?}");
    assert!(
        conflict.relaxations.contains(&"the least weight: 0.333 instead of 0.4".to_owned()),
        "{conflict:?}"
    );
}

#[test]
fn ends_that_leave_no_number_of_inputs() {
    let conflict = conflict(&problem(8, 0.15, 0.16));
    assert_eq!(conflict.what, "at most 6 inputs fit (1 / 0.15), but 6 × 0.16 = 0.96, less than the sum of 1");
    assert!(conflict.relaxations.contains(&"sum: 0.96 instead of 1".to_owned()), "{conflict:?}");
}

#[test]
fn too_few_inputs_for_the_sum() {
    let mut problem = problem(6, 0.1, 0.3);
    problem.counts.push(Count { name: "at most 3".to_owned(), members: (0..6).collect(), least: 0, most: 3 });
    let conflict = conflict(&problem);
    assert_eq!(conflict.what, "at most 3 inputs × 0.3 = 0.9, less than the sum of 1");
    assert_eq!(conflict.limits, ["sum", "at most 3", "the greatest weights"]);
    assert!(conflict.relaxations.contains(&"at most 3: at most 4 instead of 3".to_owned()), "{conflict:?}");
}

#[test]
fn a_smallest_set_of_constraints() {
    let mut problem = problem(6, 0.1, 1.0);
    for text in ["gold + silver <= .2", "gold - tin >= .5", "lead <= .9"] {
        let limit = Limit::parse(text, &problem).unwrap();
        problem.limits.push(limit);
    }
    let conflict = conflict(&problem);
    assert_eq!(conflict.limits, ["gold + silver <= .2", "gold - tin >= .5"]);
    assert_eq!(conflict.what, "`gold + silver <= .2` and `gold - tin >= .5` contradict each other");
    assert!(
        conflict.relaxations.contains(&"gold + silver <= .2: 0.5 instead of 0.2".to_owned()),
        "{conflict:?}"
    );
}

#[test]
fn too_many_inputs_for_the_sum() {
    let mut problem = problem(40, 0.2, 1.0);
    problem.counts.push(Count {
        name: "at least 6".to_owned(),
        members: (0..40).collect(),
        least: 6,
        most: 40,
    });
    let conflict = conflict(&problem);
    assert_eq!(conflict.what, "at least 6 inputs × 0.2 = 1.2, more than the sum of 1");
    assert!(conflict.relaxations.contains(&"at least 6: at least 5 instead of 6".to_owned()), "{conflict:?}");
}

#[test]
fn nothing_may_be_used() {
    let mut problem = problem(3, 0.2, 1.0);
    problem.ranges = vec![Range::NEVER; 3];
    let conflict = conflict(&problem);
    assert_eq!(conflict.what, "`sum` asks for at least 1, and the ranges allow at most 0");
    assert_eq!(conflict.relaxations, ["sum: 0 instead of 1"]);
}

#[test]
fn an_input_that_is_not_to_be_used_is_one_of_the_limits_and_can_be_given_back() {
    let mut problem = problem(3, 0.1, 0.4);
    problem.never = vec![(1, problem.ranges[1])];
    problem.ranges[1] = Range::NEVER;
    let conflict = conflict(&problem);
    assert_eq!(conflict.limits, ["sum", "never silver", "the greatest weights"]);
    let told = ["sum: 0.8 instead of 1", "let silver be used", "the greatest weight: 0.5 instead of 0.4"];
    assert_eq!(conflict.relaxations, told);
}

#[test]
fn a_range_without_zero_is_told_as_the_bound_that_it_was_stated_as() {
    let mut problem = problem(3, 0.0, 1.0);
    problem.ranges[0] = Range { low: 0.7, high: 0.8, optional: false };
    problem.bounds = vec![0];
    problem.limits.push(Limit::parse("gold + tin <= .6", &problem).unwrap());
    let conflict = conflict(&problem);
    assert_eq!(conflict.limits, ["gold + tin <= .6", "bound gold", "the least weights"]);
    let told = [
        "gold + tin <= .6: 0.7 instead of 0.6",
        "let gold be 0 beside 0.7..0.8",
        "the least weight: 0.6 instead of 0.7",
    ];
    assert_eq!(conflict.relaxations, told);
}

/// What is offered is typed as it is printed: seven digits of 0.6/1.45 rounded down would not do.
#[test]
fn a_change_of_a_limit_works_with_the_digits_that_are_told() {
    let mut problem = problem(2, 0.0, 0.25);
    problem.limits = vec![Limit::sum(2, 0.15, 0.15)];
    problem.ranges[0] = Range { low: 0.01, high: 0.42, optional: false };
    let terms = vec![(0, 1.45), (1, 1e-3)];
    problem.limits.push(Limit { name: "c1".to_owned(), terms, low: 0.6, high: f64::INFINITY });
    let told = conflict(&problem).relaxations;
    let sum = told.iter().find_map(|text| text.strip_prefix("sum: ")).expect("the sum can give way");
    let value: f64 = sum.split(' ').next().unwrap().parse().unwrap();
    problem.limits[0] = Limit::sum(2, value, value);
    let outcome = solve(&problem, &Settings::default(), &|_| true).unwrap();
    assert!(matches!(outcome, Outcome::Solved(_)), "{told:?}");
}
