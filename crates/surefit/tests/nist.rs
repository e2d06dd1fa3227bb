//! The eleven linear problems of NIST's Statistical Reference Datasets, against answers in exact rational
//! arithmetic (`certified.json`), in the default settings.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use faer::Mat;
use serde_json::Value;
use surefit::data::Design;
use surefit::inference::{WeightType, summary};
use surefit::num::Dd;
use surefit::solver::exact::{ExactFit, solve};
use surefit::{Intercept, LossKind, Problem, Ridge};

fn folder() -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/nist")
}

fn table(name: &str) -> Vec<Vec<f64>> {
    let text = std::fs::read_to_string(folder().join(format!("{name}.csv"))).unwrap();
    text.lines().skip(1).map(|line| line.split(',').map(|v| v.parse().unwrap()).collect()).collect()
}

fn certified() -> serde_json::Map<String, Value> {
    let text = std::fs::read_to_string(folder().join("certified.json")).unwrap();
    let all: Value = serde_json::from_str(&text).unwrap();
    all["problems"].as_object().unwrap().clone()
}

/// The design as a formula forms it: powers of x in double-double.
fn design(name: &str, degree: usize, powers_low: bool) -> Design {
    let rows = table(name);
    let n = rows.len();
    let y = Mat::from_fn(n, 1, |i, _| rows[i][0]);
    if degree == 0 {
        let x = Mat::from_fn(n, rows[0].len() - 1, |i, j| rows[i][j + 1]);
        return Design { x, x_low: None, y, weights: None };
    }
    let power = |i: usize, j: usize| Dd::from(rows[i][1]).powi(i32::try_from(j).unwrap() + 1);
    let x = Mat::from_fn(n, degree, |i, j| power(i, j).hi);
    let low = Mat::from_fn(n, degree, |i, j| power(i, j).lo);
    Design { x, x_low: (powers_low && degree > 1).then_some(low), y, weights: None }
}

fn problem(intercept: bool) -> Problem {
    let intercept = if intercept { Intercept::Free } else { Intercept::Absent };
    Problem { loss: LossKind::Squared, penalty: Ridge::default(), intercept }
}

fn number(value: &Value) -> f64 {
    value.as_str().unwrap().parse().unwrap()
}

/// Correct digits: minus the logarithm of the relative error.
fn digits(got: f64, want: f64) -> f64 {
    -((got - want) / want).abs().max(1e-17).log10()
}

fn fit(name: &str, want: &Value, low: bool) -> ExactFit {
    let degree = usize::try_from(want["degree"].as_u64().unwrap()).unwrap();
    let problem = problem(want["intercept"].as_bool().unwrap());
    solve(&design(name, degree, low), &problem, &|| true).unwrap()
}

#[test]
fn coefficients_and_standard_errors_have_thirteen_correct_digits() {
    for (name, want) in certified() {
        let fit = fit(&name, &want, true);
        let inference = summary(&fit, WeightType::Frequency).unwrap();
        let output = &inference.outputs[0];
        let terms: Vec<_> = output.intercept.iter().chain(&output.terms).collect();
        let values = want["coefficients"].as_object().unwrap();
        let errors = want["standard_errors"].as_object().unwrap();
        assert_eq!(terms.len(), values.len(), "{name}");
        for ((term, (label, value)), error) in terms.iter().zip(values).zip(errors.values()) {
            let (value, error) = (number(value), number(error));
            let found = digits(term.estimate, value);
            assert!(found >= 13.0, "{name} {label}: {} has {found:.1} digits of {value}", term.estimate);
            if error == 0.0 {
                assert!(term.std_error <= 1e-13 * value, "{name} {label}: {}", term.std_error);
            } else {
                let found = digits(term.std_error, error);
                assert!(found >= 13.0, "{name} {label}: standard error {found:.1} digits");
            }
        }
        let rss = number(&want["residual_sum_of_squares"]);
        if rss > 0.0 {
            let sigma = (rss / inference.residual_df).sqrt();
            assert!(digits(output.sigma, sigma) >= 13.0, "{name}: sigma");
        }
        let found = digits(output.r_squared.unwrap(), number(&want["r_squared"]));
        assert!(found >= 13.0, "{name}: R² {found}");
        assert!(fit.digits >= 13.0 && fit.data_digits >= 12.5, "{name}: {} {}", fit.digits, fit.data_digits);
    }
}

#[test]
fn filip_from_rounded_powers_says_how_few_digits_the_data_hold() {
    let want = &certified()["filip"];
    let fit = fit("filip", want, false);
    let weights = &fit.candidate.coefficients.weights;
    let values = want["coefficients"].as_object().unwrap().values().skip(1);
    let found =
        values.enumerate().map(|(j, v)| digits(weights[(j, 0)], number(v))).fold(f64::INFINITY, f64::min);
    assert_eq!(fit.rank, 10);
    assert!((6.0..9.0).contains(&found), "{found}");
    assert!((fit.data_digits - found).abs() < 1.5, "said {}, has {found}", fit.data_digits);
}

#[test]
fn the_summary_of_longley_is_the_published_one() {
    // F: NIST's analysis-of-variance table. p-values: as R's `summary(lm(...))` prints them for these data.
    let fit = fit("longley", &certified()["longley"], false);
    let inference = summary(&fit, WeightType::Frequency).unwrap();
    let output = &inference.outputs[0];
    assert!(digits(output.f_statistic.unwrap(), 330.285_339_234_588) > 12.0);
    assert!(digits(output.f_p.unwrap(), 4.984e-10) > 3.5);
    assert!(digits(output.terms[0].p, 0.863_141) > 5.5);
    assert!(digits(output.terms[1].p, 0.312_681) > 5.5);
    assert!(digits(output.intercept.unwrap().p, 0.003_560) > 3.5);
    for term in output.intercept.iter().chain(&output.terms) {
        // 2.262157162798205 is the 97.5 % point of Student's t with 9 degrees of freedom.
        let reach = 2.262_157_162_798_205 * term.std_error;
        assert!(digits(term.high - term.low, 2.0 * reach) > 12.0);
    }
    assert!((inference.residual_df - 9.0).abs() < 1e-15);
}
