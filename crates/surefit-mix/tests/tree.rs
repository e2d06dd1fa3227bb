//! Tree certificates: what the search proved is checked by code that knows nothing of it, and a tampered tree is
//! refused.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use surefit_mix::{
    Count, Distance, Limit, Outcome, Problem, Settings, Solution, Tree, TreeError, prices, solve, verify,
};

/// Factor returns and an index of them, always the same.
fn problem(n: usize, low: f64, distance: Distance) -> Problem {
    let m = 3 * n;
    let wave = |i: usize, j: usize| ((i * (2 * j + 3)) as f64 * 0.7).sin() + 0.3 * ((i + j * j) as f64).cos();
    let columns: Vec<f64> = (0..n).flat_map(|j| (0..m).map(move |i| wave(i, j))).collect();
    let target = (0..m).map(|i| (0..n).map(|j| wave(i, j)).sum::<f64>() / n as f64).collect();
    let inputs = (0..n).map(|j| format!("x{j}")).collect();
    let mut problem = Problem::new(inputs, columns, target, low, 1.0);
    problem.distance = distance;
    problem
}

fn solved(problem: &Problem) -> Box<Solution> {
    let settings = Settings { keep_tree: true, ..Settings::default() };
    match solve(problem, &settings, &|_| true) {
        Ok(Outcome::Solved(solution)) => solution,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_tree_is_checked_after_it_was_written_and_read() {
    for (n, low, distance) in [(20, 0.1, Distance::L2), (9, 0.2, Distance::L1), (8, 0.2, Distance::LInf)] {
        let mut problem = problem(n, low, distance);
        problem.counts.push(Count { name: "few".to_owned(), members: (0..n).collect(), least: 2, most: 4 });
        let solution = solved(&problem);
        assert!(solution.is_certified, "{distance:?} {:?}", solution.certificate);
        let mut tree = solution.tree.clone().unwrap();
        tree.note = "stated so".to_owned();
        let mut bytes = Vec::new();
        tree.write(&mut bytes).unwrap();
        let read = Tree::read(&mut bytes.as_slice()).unwrap();
        assert_eq!(read, tree);
        let verified = verify(&problem, &read, &|| true).unwrap();
        assert!(verified.leaves > 1, "{distance:?}");
        assert!(verified.bound >= solution.certificate.bound, "{distance:?}");
    }
}

/// Two counts that bind, each with a price of its own; and limits that leave nothing only after a decision or two.
#[test]
fn trees_of_several_counts_and_of_limits_that_meet_are_checked_too() {
    let mut several = problem(16, 0.1, Distance::L2);
    let count = |name: &str, members: Vec<usize>, least: usize, most: usize| Count {
        name: name.to_owned(),
        members,
        least,
        most,
    };
    several.counts.push(count("few", (0..16).collect(), 0, 3));
    several.counts.push(count("g", vec![0, 1, 2], 1, 2));
    several.counts.push(count("h", vec![2, 3], 1, 1));
    let mut meeting = problem(16, 0.1, Distance::L2);
    meeting.ranges.iter_mut().for_each(|range| range.high = 0.5);
    meeting.counts.push(count("few", (0..16).collect(), 0, 2));
    let terms = (0..4).map(|j| (j, 1.0)).collect();
    meeting.limits.push(Limit { name: "g".to_owned(), terms, low: 0.6, high: f64::INFINITY });
    for problem in [several, meeting] {
        for distance in [Distance::L2, Distance::L1] {
            let problem = Problem { distance, ..problem.clone() };
            let solution = solved(&problem);
            assert!(solution.is_certified);
            let verified = verify(&problem, solution.tree.as_ref().unwrap(), &|| true).unwrap();
            assert!(verified.bound >= solution.certificate.bound, "{distance:?}");
        }
    }
}

#[test]
fn a_tree_that_claims_too_much_is_refused() {
    let problem = problem(14, 0.15, Distance::L2);
    let tree = solved(&problem).tree.unwrap();
    let mut more = tree.clone();
    more.bound *= 1.001;
    assert!(
        matches!(verify(&problem, &more, &|| true), Err(TreeError::Leaf { .. })),
        "{:?}",
        verify(&problem, &more, &|| true)
    );
    // Another target: the same tree proves nothing of it.
    let mut other = problem.clone();
    other.target.iter_mut().for_each(|t| *t *= 0.5);
    assert!(verify(&other, &tree, &|| true).is_err());
}

#[test]
fn any_cut_or_changed_file_is_refused_or_proves_less() {
    let problem = problem(10, 0.2, Distance::L2);
    let solution = solved(&problem);
    let mut bytes = Vec::new();
    solution.tree.clone().unwrap().write(&mut bytes).unwrap();
    for length in (0..bytes.len()).step_by(7) {
        assert!(Tree::read(&mut &bytes[..length]).is_err(), "{length}");
    }
    for place in 0..bytes.len() {
        for bit in [0, 3, 6, 7] {
            let mut changed = bytes.clone();
            changed[place] ^= 1 << bit;
            if let Ok(tree) = Tree::read(&mut changed.as_slice())
                && let Ok(verified) = verify(&problem, &tree, &|| true)
            {
                let best = solution.best.objective;
                assert!(
                    verified.bound <= best * (1.0 + 1e-9),
                    "bit {bit} of byte {place}: {}",
                    verified.bound
                );
            }
        }
    }
}

#[test]
fn the_price_of_an_input_is_the_best_mix_with_the_other_choice() {
    let problem = problem(8, 0.2, Distance::L2);
    let solution = solved(&problem);
    let prices = prices(&problem, &Settings::default(), &solution, &|_| true).unwrap();
    assert_eq!(prices.len(), 8);
    for price in prices {
        let mix = price.mix.unwrap();
        assert!(price.is_certified && mix.objective >= solution.best.objective * (1.0 - 1e-9));
        assert_eq!(mix.weights[price.input] == 0.0, price.is_used);
    }
}

#[test]
fn alternatives_are_the_best_supports_in_order() {
    let problem = problem(7, 0.2, Distance::L2);
    let settings = Settings { alternatives: 5, ..Settings::default() };
    let Ok(Outcome::Solved(solution)) = solve(&problem, &settings, &|_| true) else { panic!() };
    assert!(solution.is_certified);
    let mut values = vec![solution.best.objective];
    values.extend(solution.alternatives.iter().map(|mix| mix.objective));
    assert_eq!(values.len(), 5);
    assert!(values.windows(2).all(|pair| pair[0] <= pair[1]), "{values:?}");
    // Against every support by itself: an input is forced in or out.
    let mut all = Vec::new();
    for support in 1_u32..1 << 7 {
        let mut fixed = problem.clone();
        for j in 0..7 {
            let used = support >> j & 1 == 1;
            fixed.ranges[j].optional = false;
            if !used {
                fixed.ranges[j] = surefit_mix::Range::NEVER;
            }
        }
        if let Ok(Outcome::Solved(one)) = solve(&fixed, &Settings::default(), &|_| true) {
            all.push(one.best.objective);
        }
    }
    all.sort_by(f64::total_cmp);
    for (found, expected) in values.iter().zip(&all) {
        assert!((found - expected).abs() <= 1e-6 * expected, "{values:?} {:?}", &all[..5]);
    }
}
