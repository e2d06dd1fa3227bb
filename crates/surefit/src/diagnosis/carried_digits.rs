//! SF203, its neighbour: columns so close to collinear that the rounding of their values to `f64` decides the last digits
//! of the coefficients. The arithmetic is not at fault: the file does not hold more.
//!
//! Test: the exact solver's first-order propagation of roundings of u/√3 of every value, which is silent for whole numbers
//! and for columns that a formula forms in double-double; below nine digits, where a variance is inflated ten thousand
//! times or more. Columns that are powers of one another are recognised in the data, value by value, as then the way
//! out is a formula that forms the powers itself.

use super::constant_column::leave_out;
use super::powers::powers;
use super::words::list;
use super::{Code, Facts, Finding, Fix, Remedy};
use crate::data::Rows;
use crate::error::Result;
use crate::problem::Problem;
use crate::solver::exact::{Covariance, ExactFit};
use serde_json::{Map, json};

/// Digits from which on nothing is said.
const ENOUGH: f64 = 9.0;
/// A variance inflated so many times is collinearity.
const INFLATED: f64 = 1e4;
/// Columns with at least this share of the largest doubt are named.
const SHARE: f64 = 1e-3;
/// Names that a sentence holds.
const SHORT: usize = 4;

/// Whether there is anything to say.
pub(super) fn are_few(exact: &ExactFit) -> bool {
    exact.data_digits.floor() < ENOUGH
}

/// By how much its neighbours inflate the variance of coefficient `j`.
fn inflation(covariance: &Covariance, facts: &Facts, j: usize) -> f64 {
    covariance.columns[j] * covariance.columns[j] * facts.moments.sxx.square(j)
}

pub(super) fn check(
    rows: &dyn Rows,
    facts: &Facts,
    problem: &Problem,
    exact: &ExactFit,
) -> Result<Option<Finding>> {
    let Some(covariance) = exact.covariance.as_ref().filter(|_| exact.rank == facts.columns.len()) else {
        return Ok(None);
    };
    if !are_few(exact) || problem.penalty.lambda > 0.0 {
        return Ok(None);
    }
    let inflation = |j: usize| inflation(covariance, facts, j);
    let doubt = |j: usize| {
        let mean = facts.moments.mean_x[j];
        covariance.columns[j] * facts.moments.deviation(j).hypot(mean)
    };
    let most = (0..facts.columns.len()).map(doubt).fold(0.0, f64::max);
    let blamed: Vec<usize> =
        (0..facts.columns.len()).filter(|&j| inflation(j) >= INFLATED && doubt(j) >= SHARE * most).collect();
    if blamed.len() < 2 {
        return Ok(None);
    }
    let powers = powers(rows, &blamed)?;
    Ok(Some(finding(facts, exact, &blamed, powers.as_deref())))
}

fn finding(facts: &Facts, exact: &ExactFit, blamed: &[usize], powers: Option<&[i32]>) -> Finding {
    let names: Vec<String> = blamed.iter().map(|&j| facts.columns[j].clone()).collect();
    let who = if names.len() > SHORT {
        format!("{} and {} more columns", names[..SHORT].join(", "), names.len() - SHORT)
    } else {
        list(&names)
    };
    let message = match exact.data_digits.floor() {
        digits if digits < 1.0 => format!(
            "the data carry no digit of the coefficients of {who}: so close to collinear are they that the rounding of \
             their values to 64 bits changes all"
        ),
        digits => format!(
            "the data carry {digits} digits of the coefficients of {who}: so close to collinear are they that the \
             rounding of their values to 64 bits changes the next one"
        ),
    };
    let mut evidence = Map::new();
    evidence.insert("data_digits".to_owned(), json!(exact.data_digits));
    evidence.insert("columns".to_owned(), json!(names));
    evidence.insert("condition".to_owned(), json!(exact.condition));
    let remedy = if let Some(powers) = powers {
        from_powers(&names, powers)
    } else {
        let most = blamed.iter().copied().max_by(|&a, &b| {
            let size = |j: usize| {
                exact.covariance.as_ref().map_or(0.0, |covariance| inflation(covariance, facts, j))
            };
            size(a).total_cmp(&size(b))
        });
        leave_out(most.map_or("", |j| facts.columns[j].as_str()))
    };
    Finding { code: Code::Sf203, message, evidence, remedies: vec![remedy] }
}

/// The formula that forms the powers itself.
fn from_powers(names: &[String], powers: &[i32]) -> Remedy {
    let base = powers.iter().position(|power| *power == 1).map_or("", |at| names[at].as_str());
    let mut sorted = powers.to_vec();
    sorted.sort_unstable();
    let highest = sorted.last().copied().unwrap_or(1);
    let all = sorted.iter().copied().eq(1..=highest);
    let formula = if all {
        format!("poly({base}, {highest})")
    } else {
        let term = |power: &i32| if *power == 1 { base.to_owned() } else { format!("I({base}^{power})") };
        sorted.iter().map(term).collect::<Vec<_>>().join(" + ")
    };
    Remedy {
        change: format!(
            "they are powers of {base}: `{formula}` in the formula instead forms them without rounding"
        ),
        command: None,
        steps: None,
        proven: true,
        safe: false,
        fix: Fix::Formula(formula),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::float_cmp)]

    use super::*;
    use crate::data::Design;
    use crate::diagnosis::cases::{columns, squared};
    use crate::solver::exact;
    use faer::Mat;

    fn found(design: &Design) -> Option<Finding> {
        let names: Vec<String> = (1..=design.x.ncols()).map(|j| format!("x{j}")).collect();
        let facts = Facts::of(design, &names, &["y".to_owned()]).unwrap();
        let exact = exact::solve(design, &squared(), &|| true).unwrap();
        check(design, &facts, &squared(), &exact).unwrap()
    }

    /// NIST's Filip, its powers rounded to `f64` as a file holds them.
    fn filip(degree: i32) -> Design {
        let text = include_str!("../../tests/data/nist/filip.csv");
        let rows: Vec<(f64, f64)> = text
            .lines()
            .skip(1)
            .filter_map(|line| line.split_once(','))
            .map(|(y, x)| (y.parse().unwrap(), x.parse().unwrap()))
            .collect();
        let power =
            |i: usize, j: usize| crate::num::Dd::from(rows[i].1).powi(i32::try_from(j).unwrap() + 1).value();
        Design {
            x: Mat::from_fn(rows.len(), usize::try_from(degree).unwrap(), power),
            x_low: None,
            y: Mat::from_fn(rows.len(), 1, |i, _| rows[i].0),
            weights: None,
        }
    }

    #[test]
    fn ready_made_powers_of_filip_carry_seven_digits_and_have_a_formula() {
        let found = found(&filip(10)).unwrap();
        assert_eq!(found.code, Code::Sf203);
        assert!(
            found
                .message
                .starts_with("the data carry 7 digits of the coefficients of x1, x2, x3, x4 and 6 more"),
            "{}",
            found.message
        );
        assert_eq!(found.remedies[0].fix, Fix::Formula("poly(x1, 10)".to_owned()));
    }

    #[test]
    fn few_powers_and_independent_columns_stay_silent() {
        assert_eq!(found(&filip(3)), None);
        assert_eq!(found(&columns(40, &[(1e9, 1.0), (0.0, 1.0)], 1.0)), None);
    }

    #[test]
    fn columns_that_are_no_powers_are_named() {
        let mut design = columns(60, &[(0.0, 1.0), (0.0, 1.0), (0.0, 1.0)], 1.0);
        for i in 0..60 {
            design.x[(i, 2)] = design.x[(i, 0)] + 1e-9 * design.x[(i, 2)];
        }
        let found = found(&design).unwrap();
        assert!(found.message.contains("of x1 and x3"), "{}", found.message);
        assert!(matches!(&found.remedies[0].fix, Fix::Drop(name) if name == "x1" || name == "x3"));
    }
}
