//! SF206: two programs agree on the method and differ in what they call λ, or in whether the intercept is shrunk.
//!
//! Test: the problem is solved again under every convention in use, and the one whose coefficients are the given ones, to the
//! six digits that are printed, is named with its conversion. Nothing is guessed: without a match there is no finding, and
//! the number is offered only where the given coefficients are certified with it.

use super::words::figure;
use super::{Code, Finding, Fix, Remedy};
use crate::certificate::certify;
use crate::data::Rows;
use crate::data::moments::Moments;
use crate::error::Result;
use crate::problem::{Coefficients, Intercept, Problem, Ridge};
use crate::solver::exact;
use serde_json::{Map, json};

/// Coefficients that agree to this, relative to the largest, are the same: half a unit of the last of six digits, which is
/// what rounding to as many as surefit prints can cost.
const SAME: f64 = 5e-6;

/// One way to write a penalty: what another program's number is here.
struct Convention {
    /// λ here for their number λ₀ and n = Σs.
    convert: fn(f64, f64) -> f64,
    /// The conversion.
    formula: &'static str,
    /// Who writes it so.
    who: &'static str,
}

/// In use by others; λ₀ is the number that was given here as λ.
const CONVENTIONS: [Convention; 9] = [
    Convention { convert: |l, _| l, formula: "λ₀", who: "½ mean r² + (λ₀/2)‖w‖², as here" },
    Convention {
        convert: |l, n| l / n,
        formula: "λ₀/n",
        who: "‖y − Xw‖² + λ₀‖w‖², as scikit-learn's Ridge(alpha) and (XᵀX + λ₀I)⁻¹Xᵀy",
    },
    Convention { convert: |l, _| 2.0 * l, formula: "2λ₀", who: "½ mean r² + λ₀‖w‖²" },
    Convention { convert: |l, _| l / 2.0, formula: "λ₀/2", who: "mean r² + (λ₀/2)‖w‖²" },
    Convention { convert: |l, n| 2.0 * l / n, formula: "2λ₀/n", who: "½ Σ r² + λ₀‖w‖²" },
    Convention { convert: |l, n| l / (2.0 * n), formula: "λ₀/(2n)", who: "Σ r² + (λ₀/2)‖w‖²" },
    Convention {
        convert: |l, n| n * l,
        formula: "nλ₀",
        who: "a mean loss taken twice: (1/2n) mean r² + (λ₀/2)‖w‖²",
    },
    Convention {
        convert: |l, n| 1.0 / (n * l),
        formula: "1/(nλ₀)",
        who: "λ₀ Σ loss + ½‖w‖², as the C of scikit-learn and liblinear",
    },
    Convention { convert: |l, _| 1.0 / l, formula: "1/λ₀", who: "λ₀ mean loss + ½‖w‖²" },
];

/// Names the convention under which `other`'s coefficients are the solution of `problem` with the same number λ; absent when
/// they already are under the convention used here, when none matches, or without a penalty.
///
/// `rows` and `other` are in the same units; `gap` is the relative gap that is wanted of them.
///
/// # Errors
/// When the rows can no longer be read.
pub fn penalty_conventions(
    rows: &dyn Rows,
    problem: &Problem,
    other: &Coefficients,
    gap: f64,
) -> Result<Option<Finding>> {
    let given = problem.penalty.lambda;
    if given.is_nan() || given <= 0.0 {
        return Ok(None);
    }
    let n = Moments::of(rows)?.total_weight;
    let intercepts = match problem.intercept {
        Intercept::Absent => vec![Intercept::Absent],
        Intercept::Free => vec![Intercept::Free, Intercept::Penalized],
        Intercept::Penalized => vec![Intercept::Penalized, Intercept::Free],
    };
    for intercept in intercepts {
        for convention in &CONVENTIONS {
            let lambda = (convention.convert)(given, n);
            if !lambda.is_finite() {
                continue;
            }
            let penalty = Ridge { lambda, factors: problem.penalty.factors.clone() };
            let candidate = Problem { penalty, intercept, ..problem.clone() };
            let answer = exact::solve(rows, &candidate, &|| true)?.candidate.coefficients;
            if same(&answer, other) {
                let ours = lambda.to_bits() == given.to_bits() && intercept == problem.intercept;
                let certified = !ours && certify(rows, &candidate, other, gap)?.certifies(gap);
                return Ok((!ours).then(|| finding(problem, (&candidate, certified), convention)));
            }
        }
    }
    Ok(None)
}

fn same(a: &Coefficients, b: &Coefficients) -> bool {
    let (d, c) = (a.weights.nrows(), a.weights.ncols());
    if (b.weights.nrows(), b.weights.ncols(), b.intercept.len()) != (d, c, a.intercept.len()) {
        return false;
    }
    (0..c).all(|k| {
        let size = a.weights.col_as_slice(k).iter().fold(0.0f64, |size, w| size.max(w.abs()));
        let near = |x: f64, y: f64, size: f64| (x - y).abs() <= SAME * size;
        let weights = a.weights.col_as_slice(k).iter().zip(b.weights.col_as_slice(k));
        weights.into_iter().all(|(x, y)| near(*x, *y, size))
            && near(a.intercept[k], b.intercept[k], size.max(a.intercept[k].abs()))
    })
}

/// To twelve digits: what a conversion's rounding leaves behind is noise to a reader, and below any gap.
fn short(lambda: f64) -> f64 {
    format!("{lambda:.11e}").parse().unwrap_or(lambda)
}

fn finding(problem: &Problem, (found, certified): (&Problem, bool), convention: &Convention) -> Finding {
    let (given, lambda) = (problem.penalty.lambda, found.penalty.lambda);
    let intercept = match (problem.intercept, found.intercept) {
        (Intercept::Free, Intercept::Penalized) => ", with the intercept shrunk too",
        (Intercept::Penalized, Intercept::Free) => ", with the intercept left free",
        _ => "",
    };
    let message = if lambda.to_bits() == given.to_bits() {
        format!("the given coefficients are those of the same λ = {}{intercept}", figure(given, 6))
    } else {
        format!(
            "the given coefficients are those of λ = {} here{intercept}: {} with λ₀ = {} ({})",
            figure(lambda, 6),
            convention.formula,
            figure(given, 6),
            convention.who
        )
    };
    let mut evidence = Map::new();
    evidence.insert("given".to_owned(), json!(given));
    evidence.insert("lambda".to_owned(), json!(lambda));
    evidence.insert("conversion".to_owned(), json!(convention.formula));
    evidence.insert("intercept".to_owned(), json!(found.intercept));
    let shrink = match found.intercept {
        Intercept::Penalized => " --penalize-intercept",
        _ => "",
    };
    let remedy = || Remedy {
        change: format!("λ = {}{intercept}", figure(lambda, 6)),
        command: Some(format!("--penalty {}{shrink}", short(lambda))),
        steps: None,
        proven: true,
        safe: false,
        fix: Fix::Penalty(lambda),
    };
    let remedies = certified.then(remedy).into_iter().collect();
    Finding { code: Code::Sf206, message, evidence, remedies }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::float_cmp)]

    use super::*;
    use crate::diagnosis::cases::{columns, squared};
    use faer::prelude::Solve;
    use faer::{Mat, Side};

    fn ridge(lambda: f64) -> Problem {
        Problem { penalty: Ridge::uniform(lambda), ..squared() }
    }

    /// The textbook's `(XᵀX + αI)⁻¹Xᵀy` with a column of ones.
    #[test]
    fn the_textbook_formula_with_a_column_of_ones_is_recognised() {
        let design = columns(25, &[(3.0, 1.0), (0.0, 2.0)], 0.5);
        let alpha = 0.7;
        let ones = Mat::from_fn(25, 3, |i, j| if j == 0 { 1.0 } else { design.x[(i, j - 1)] });
        let mut gram = ones.transpose() * &ones;
        (0..3).for_each(|j| gram[(j, j)] += alpha);
        let beta = gram.llt(Side::Lower).unwrap().solve(ones.transpose() * &design.y);
        let other =
            Coefficients { weights: beta.as_ref().subrows(1, 2).to_owned(), intercept: vec![beta[(0, 0)]] };
        let found = penalty_conventions(&design, &ridge(alpha), &other, 1e-6).unwrap().expect("a match");
        assert_eq!(found.evidence["conversion"], "λ₀/n");
        assert_eq!(found.evidence["intercept"], "penalized");
        assert!(found.message.contains("with the intercept shrunk too"), "{}", found.message);
        assert_eq!(found.remedies[0].command.as_deref(), Some("--penalty 0.028 --penalize-intercept"));
        // No number is offered with which they would not be certified.
        let mut rough = other.clone();
        rough.weights[(0, 0)] *= 1.0 + 2e-6;
        let finest = penalty_conventions(&design, &ridge(alpha), &rough, 1e-15).unwrap().expect("a match");
        assert!(finest.message == found.message && finest.remedies.is_empty(), "{finest:?}");
    }

    #[test]
    fn coefficients_in_the_six_digits_of_a_print_are_recognised() {
        let design = columns(25, &[(3.0, 1.0), (0.0, 2.0)], 0.5);
        let problem = Problem { intercept: Intercept::Penalized, ..ridge(0.5) };
        let answer = exact::solve(&design, &problem, &|| true).unwrap().candidate.coefficients;
        let printed = |value: f64| format!("{value:.5e}").parse::<f64>().unwrap();
        let weights = Mat::from_fn(2, 1, |j, k| printed(answer.weights[(j, k)]));
        let other = Coefficients { weights, intercept: vec![printed(answer.intercept[0])] };
        let found = penalty_conventions(&design, &ridge(0.5), &other, 1e-6).unwrap().expect("a match");
        assert_eq!(found.evidence["intercept"], "penalized");
    }

    #[test]
    fn our_own_answer_an_unknown_one_and_no_penalty_stay_silent() {
        let design = columns(25, &[(3.0, 1.0)], 0.5);
        let solve =
            |lambda: f64| exact::solve(&design, &ridge(lambda), &|| true).unwrap().candidate.coefficients;
        assert!(penalty_conventions(&design, &ridge(0.3), &solve(0.3), 1e-6).unwrap().is_none());
        assert!(penalty_conventions(&design, &ridge(0.3), &solve(0.3 * 1.01), 1e-6).unwrap().is_none());
        assert!(penalty_conventions(&design, &ridge(0.0), &solve(0.1), 1e-6).unwrap().is_none());
    }
}
