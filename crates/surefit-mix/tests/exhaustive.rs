//! The engine against trying everything, over random problems with all options on.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod oracle;

use std::ops::RangeInclusive;
use surefit_mix::{Count, Distance, Limit, Outcome, Problem, Range, Settings, solve};

/// Numbers that look random (xorshift64*, Vigna 2016).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, n: usize) -> usize {
        usize::try_from(self.next() >> 33).unwrap_or(0) % n
    }

    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn chance(&mut self, of: f64) -> bool {
        self.unit() < of
    }

    /// A number in steps of 1/8, so that ties and exact mixes occur.
    fn value(&mut self) -> f64 {
        (self.below(49) as f64 - 24.0) / 8.0
    }
}

fn problem(random: &mut Random, distance: Distance, inputs: RangeInclusive<usize>) -> Problem {
    let n = inputs.start() + random.below(inputs.end() + 1 - inputs.start());
    // Of many inputs few at a time, so that everything can be tried; and rows enough that their squares tell them apart.
    let is_large = n > 6;
    let m = if is_large { 5 + random.below(4) } else { 1 + random.below(6) };
    let columns: Vec<f64> = (0..m * n).map(|_| random.value()).collect();
    let target: Vec<f64> = (0..m).map(|_| random.value()).collect();
    let from = if is_large { 4 } else { 0 };
    let low: f64 = [0.0, 0.05, 0.1, 0.2, 0.25, 0.3, 0.5][from + random.below(7 - from)];
    let high = f64::max([1.0, 1.0, 0.6, 0.5][random.below(4)], low);
    let inputs = (0..n).map(|j| format!("x{j}")).collect();
    let mut problem = Problem::new(inputs, columns, target, low, high);
    problem.distance = distance;
    if random.chance(0.3) {
        problem.row_weights = Some((0..m).map(|_| random.below(4) as f64).collect());
        problem.row_weights.iter_mut().for_each(|weights| weights[0] = 1.0);
    }
    if distance == Distance::L2 && random.chance(0.3) {
        problem.ridge = random.unit();
    }
    if random.chance(0.3) {
        problem.limits = match random.below(3) {
            0 if !is_large => vec![Limit::sum(n, 0.5, 1.5)],
            1 if !is_large => Vec::new(),
            _ => vec![Limit::sum(n, 0.8, 0.8)],
        };
    }
    for j in 0..n {
        match random.below(12) {
            0 => problem.ranges[j].optional = false,
            1 => problem.ranges[j] = Range::NEVER,
            2 if !is_large => problem.ranges[j] = Range { low: -0.6, high: -0.2, optional: true },
            3 if !is_large => {
                problem.ranges[j] = Range { low: -0.25, high: 0.5, optional: random.chance(0.5) }
            }
            4 => problem.ranges[j] = Range { low: 0.25, high: 0.25, optional: true },
            _ => {}
        }
    }
    if random.chance(0.4) {
        let terms = (0..n).map(|j| (j, random.value())).collect();
        // Not a round number: whether a mix that meets a limit exactly keeps it is for rounding to say.
        let (low, width) = (random.value() * 0.3 + 0.01 * random.unit(), random.unit());
        let (low, high) = match random.below(3) {
            0 => (low, low + width),
            1 => (f64::NEG_INFINITY, low + width),
            _ => (low - width, f64::INFINITY),
        };
        problem.limits.push(Limit { name: "mixed".to_owned(), terms, low, high });
    }
    if random.chance(0.4) {
        let members: Vec<usize> = (0..n).filter(|_| random.chance(0.7)).collect();
        let most = 1 + random.below(3);
        let straddles = members.iter().any(|&j| problem.ranges[j].low < 0.0 && problem.ranges[j].high > 0.0);
        let least =
            if straddles || problem.ranges.iter().any(|r| r.low == 0.0) { 0 } else { random.below(most + 1) };
        problem.counts.push(Count { name: "some".to_owned(), members, least, most });
    }
    problem
}

fn agree(seed: u64, distance: Distance, inputs: RangeInclusive<usize>) {
    let problem = problem(&mut Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1), distance, inputs);
    let expected = oracle::best(&problem);
    let outcome = solve(&problem, &Settings::default(), &|_| true);
    let Ok(outcome) = outcome else { panic!("seed {seed}: {outcome:?}\n{problem:?}") };
    match (expected, outcome) {
        (None, Outcome::Infeasible(_)) => {}
        (Some((value, weights)), Outcome::Solved(solution)) => {
            let found = oracle::plain_objective(&problem, &solution.best.weights);
            let room = 1e-6 * value.abs() + 1e-11;
            assert!(
                (found - value).abs() <= room && solution.certificate.bound <= value + 1e-12 + 1e-9 * value,
                "seed {seed}: found {found}, best {value} with {weights:?}\n{solution:?}\n{problem:?}"
            );
            assert!(solution.is_certified, "seed {seed}: {:?}\n{problem:?}", solution.certificate);
        }
        (expected, outcome) => panic!("seed {seed}: expected {expected:?}, found {outcome:?}\n{problem:?}"),
    }
}

/// Seeds of the cases: as many as the property tests of this project try, from the same seed.
fn seeds(usual: u64) -> std::ops::Range<u64> {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let first = number("SUREFIT_SEED")
        .unwrap_or(number("PROPTEST_RNG_SEED").unwrap_or(1).wrapping_mul(1 << 20) % (1 << 40));
    first..first + number("PROPTEST_CASES").unwrap_or(usual)
}

#[test]
fn squares_agree_with_trying_everything() {
    for seed in seeds(2_000) {
        agree(seed, Distance::L2, 1..=5);
    }
}

/// 1,000 problems of 7 to 16 inputs, up to 65,536 supports each: those whose least squares without ranges are no
/// better than the best so far are left out, and the others tried to the last corner.
#[test]
fn squares_of_many_inputs_agree_with_trying_every_support() {
    for seed in seeds(1_000) {
        agree(seed, Distance::L2, 7..=16);
    }
}

#[test]
fn sums_of_absolute_values_agree_with_trying_everything() {
    for seed in seeds(600) {
        agree(seed, Distance::L1, 1..=4);
    }
}

#[test]
fn largest_absolute_values_agree_with_trying_everything() {
    for seed in seeds(300) {
        agree(seed, Distance::LInf, 1..=3);
    }
}

#[test]
fn alternatives_agree_with_trying_every_support() {
    for seed in seeds(300) {
        for distance in [Distance::L2, Distance::L1, Distance::LInf] {
            let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
            let (n, m) = (2 + random.below(4), 1 + random.below(5));
            let columns: Vec<f64> = (0..m * n).map(|_| random.unit() * 4.0 - 2.0).collect();
            let target: Vec<f64> = (0..m).map(|_| random.unit() * 2.0 - 1.0).collect();
            let low = [0.1, 0.2, 0.3][random.below(3)];
            let inputs = (0..n).map(|j| format!("x{j}")).collect();
            let mut problem = Problem::new(inputs, columns, target, low, 1.0);
            problem.distance = distance;
            let settings = Settings { alternatives: 4, ..Settings::default() };
            let Ok(Outcome::Solved(solution)) = solve(&problem, &settings, &|_| true) else {
                panic!("seed {seed}")
            };
            let mut found = vec![solution.best.objective];
            found.extend(solution.alternatives.iter().map(|mix| mix.objective));
            let mut all: Vec<f64> = (1_u32..1 << n)
                .filter_map(|support| {
                    let mut fixed = problem.clone();
                    for j in 0..n {
                        let used = support >> j & 1 == 1;
                        fixed.ranges[j] =
                            if used { Range { optional: false, ..fixed.ranges[j] } } else { Range::NEVER };
                    }
                    oracle::best(&fixed).map(|best| best.0)
                })
                .collect();
            all.sort_by(f64::total_cmp);
            assert_eq!(found.len(), all.len().min(4), "seed {seed} {distance:?}: {found:?} {all:?}");
            for (found_one, expected) in found.iter().zip(&all) {
                let room = 1e-6 * expected + 1e-9;
                assert!((found_one - expected).abs() <= room, "seed {seed} {distance:?}: {found:?} {all:?}");
            }
        }
    }
}
