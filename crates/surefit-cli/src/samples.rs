//! Hand-made reports, and what is made of them: every shape of screen and object, without a fit.

#![expect(clippy::unwrap_used, reason = "tests")]

mod mix;

use crate::report::{Choice, ChosenBy, FitReport, Model, Proof, Summary, Term, TestScore};
use crate::{json, render};
use insta::assert_snapshot;
use serde_json::json;
use surefit::data::scale::Scale;
use surefit::diagnosis::{Code, Diagnosis, Finding, Fix, Remedy};
use surefit::fit::Verdict;
use surefit::inference;
use surefit::solver::Stop;

fn line() -> Model {
    Model {
        terms: vec!["temp".to_owned()],
        targets: vec!["sales".to_owned()],
        intercept: Some(vec![-159.474_152_34]),
        weights: vec![vec![30.087_861_79]],
        by_class: false,
        unlisted: false,
    }
}

fn term(name: &str, estimate: f64) -> Term {
    let found = inference::Term {
        estimate,
        std_error: 2.865_84,
        t: estimate / 2.865_84,
        p: 1.016_3e-6,
        low: estimate - 6.385,
        high: estimate + 6.385,
    };
    Term { name: name.to_owned(), found }
}

/// The line through the twelve sales, certified.
fn certified() -> FitReport {
    FitReport {
        command: "fit",
        verdict: Verdict::Certified,
        formula: "sales ~ temp".to_owned(),
        loss: "squared",
        penalty: 0.0,
        factors: None,
        saved: false,
        wanted_gap: 1e-6,
        model: Some(line()),
        certificate: Some(Proof {
            objective: 605.679_183_99,
            bound: 605.679_183_99,
            gap: 2.5e-13,
            relative_gap: 4.1e-16,
            rounding: 2.5e-13,
            dependent: 0,
            exact_fit: false,
            coefficients_within: Some(vec![vec![1.9e-7]]),
            intercept_within: Some(vec![3.6e-6]),
            predictions_within: Some(7.1e-7),
        }),
        scaled_unit: None,
        title: None,
        diagnosis: None,
        exact: None,
        inference: Some(vec![Summary {
            terms: vec![term("(intercept)", -159.474_152_34), term("temp", 30.087_861_79)],
            constant: None,
            r_squared: Some(0.916_8),
            adjusted_r_squared: Some(0.908_5),
            f: Some((110.2, 1.016_3e-6)),
            residual_df: 10.0,
            sigma: 38.127,
        }]),
        effects: None,
        findings: Vec::new(),
        minimum_norm: false,
        saturated: None,
        stop: Some(Stop::Certified),
        steps: 0,
        forecast_steps: None,
        method: Some("Cholesky on the centred Gram, 15 digits".to_owned()),
        choice: None,
        test: None,
        samples: None,
        notes: Vec::new(),
        seconds: 0.001,
        rows: 12,
        columns: 1,
    }
}

fn remedy(change: &str, command: Option<&str>, steps: Option<u64>, safe: bool, fix: Fix) -> Remedy {
    Remedy { change: change.to_owned(), command: command.map(str::to_owned), steps, proven: true, safe, fix }
}

/// The same data, gradient descent at rate .01.
fn diverged() -> FitReport {
    let exact = surefit::Coefficients {
        weights: faer::Mat::full(1, 1, 30.087_861_79),
        intercept: vec![-159.474_152_34],
    };
    FitReport {
        verdict: Verdict::Failed,
        model: None,
        certificate: None,
        inference: None,
        method: None,
        title: Some("learning rate above the stable limit".to_owned()),
        diagnosis: Some(Diagnosis {
            code: Code::Sf101,
            message: "learning rate 0.01 is above 2/L = 0.005488 (L = 364.46, loss = ½ mean r²): the error \
                      grows ×2.645 per step"
                .to_owned(),
            reasons: vec!["mean(temp) = 18.7 is 4.9× its spread".to_owned()],
            evidence: [
                ("learning_rate".to_owned(), json!(0.01)),
                ("limit".to_owned(), json!(0.005_487_514_94)),
            ]
            .into_iter()
            .collect(),
            also: vec![Code::Sf103],
            remedies: vec![
                remedy(
                    "subtract mean(temp), keep lr",
                    Some("--scale center"),
                    Some(931),
                    false,
                    Fix::Scale(Scale::Center),
                ),
                remedy(
                    "lr 0.00274, data as it is",
                    Some("--learning-rate 0.00274"),
                    Some(61_553),
                    false,
                    Fix::LearningRate(0.00274),
                ),
                remedy("--solver exact", Some("--solver exact"), None, true, Fix::Exact),
            ],
            exact: Some(exact),
        }),
        exact: Some(line()),
        stop: Some(Stop::Diverged),
        steps: 317,
        ..certified()
    }
}

/// Rate .005 for 10,000 steps.
fn slow() -> FitReport {
    let base = diverged();
    FitReport {
        verdict: Verdict::Uncertified,
        title: Some("slow because ill-conditioned".to_owned()),
        diagnosis: base.diagnosis.clone().map(|found| Diagnosis {
            code: Code::Sf103,
            also: vec![Code::Sf108],
            evidence: [("optimum".to_owned(), json!(605.679_183_99))].into_iter().collect(),
            ..found
        }),
        model: Some(Model {
            intercept: Some(vec![-138.245_180_69]),
            weights: vec![vec![28.997_103_5]],
            ..line()
        }),
        certificate: Some(Proof {
            objective: 614.821_742_16,
            bound: 605.679_183_99,
            gap: 9.142_558_17,
            relative_gap: 0.014_870_3,
            rounding: 2.5e-13,
            dependent: 0,
            exact_fit: false,
            coefficients_within: None,
            intercept_within: None,
            predictions_within: Some(4.276),
        }),
        stop: Some(Stop::MaxIter),
        steps: 10_000,
        ..base
    }
}

/// The time was up before the certificate was there.
fn unproven() -> FitReport {
    FitReport {
        verdict: Verdict::Uncertified,
        certificate: None,
        inference: None,
        stop: Some(Stop::Time),
        ..certified()
    }
}

/// Thirty columns, three targets, a penalty from a path, a test file.
fn wide() -> FitReport {
    let terms: Vec<String> = (1..=30).map(|nth| format!("x{nth}")).collect();
    let weights: Vec<Vec<f64>> =
        (1..=30).map(|nth| vec![f64::from(nth), -1.0 / f64::from(nth), 0.0]).collect();
    FitReport {
        formula: "[a, b, c] ~ .".to_owned(),
        penalty: 0.012_3,
        effects: Some(weights.clone()),
        model: Some(Model {
            terms,
            targets: vec!["a".to_owned(), "b".to_owned(), "c".to_owned()],
            intercept: None,
            weights,
            ..line()
        }),
        inference: None,
        choice: Some(Choice {
            count: 100,
            range: (1e-4, 1e2),
            lambda: 0.012_3,
            by: ChosenBy::LeaveOneOut(1.234_56),
            at_end: true,
        }),
        test: Some(TestScore {
            file: "new.csv".to_owned(),
            rows: 4_898,
            rmse: vec![0.75, 0.5, f64::NAN],
            r_squared: vec![0.281, -3.5, f64::NEG_INFINITY],
        }),
        columns: 30,
        ..certified()
    }
}

/// A level of a text column beside a name with a space, and something worth knowing.
fn with_findings() -> FitReport {
    let base = certified();
    FitReport {
        model: Some(Model {
            terms: vec!["ocean=INLAND".to_owned(), "room size".to_owned(), "x^2".to_owned()],
            targets: vec!["value".to_owned()],
            intercept: Some(vec![0.0]),
            weights: vec![vec![-1e-9], vec![2e12], vec![0.5]],
            ..line()
        }),
        inference: None,
        certificate: base.certificate.clone().map(|proof| Proof { coefficients_within: None, ..proof }),
        findings: vec![Finding {
            code: Code::Sf202,
            message: "column `flag` is 1 in all 12 rows".to_owned(),
            evidence: serde_json::Map::new(),
            remedies: vec![remedy(
                "leave it out",
                Some("- flag in the formula"),
                None,
                false,
                Fix::Drop("flag".to_owned()),
            )],
        }],
        ..base
    }
}

#[test]
fn a_certified_line_reads() {
    assert_snapshot!(render::fit(&certified(), 100));
}

#[test]
fn a_certified_line_reads_on_forty_columns() {
    assert_snapshot!(render::fit(&certified(), 40));
}

#[test]
fn a_diverged_run_reads() {
    assert_snapshot!(render::fit(&diverged(), 100));
}

#[test]
fn a_diverged_run_reads_on_forty_columns() {
    assert_snapshot!(render::fit(&diverged(), 40));
}

#[test]
fn a_slow_run_reads() {
    assert_snapshot!(render::fit(&slow(), 100));
}

#[test]
fn an_answer_whose_gap_is_not_known_reads() {
    let wide = FitReport { stop: Some(Stop::Interrupted), model: wide().model, ..unproven() };
    let object = serde_json::to_string_pretty(&json::fit(&unproven())).unwrap();
    assert_snapshot!(format!("{}{}{object}", render::fit(&unproven(), 100), render::fit(&wide, 100)));
}

#[test]
fn a_wide_model_reads() {
    assert_snapshot!(render::fit(&wide(), 100));
}

#[test]
fn a_wide_model_reads_on_forty_columns() {
    assert_snapshot!(render::fit(&wide(), 40));
}

#[test]
fn odd_names_and_findings_read() {
    assert_snapshot!(render::fit(&with_findings(), 100));
}

#[test]
fn an_exact_fit_and_numbers_out_of_range_read() {
    let proof = |objective, gap| {
        certified().certificate.map(|proof| Proof { objective, gap, relative_gap: f64::INFINITY, ..proof })
    };
    let exact = proof(0.0, 9.9e-32).map(|proof| Proof { exact_fit: true, ..proof });
    let exact = FitReport { certificate: exact, inference: None, ..certified() };
    // Coefficients so large that their last digits cost a third of the loss.
    let costly = FitReport { certificate: proof(0.3, 0.1), inference: None, ..certified() };
    let verdict = Verdict::Uncertified;
    let beyond = FitReport { verdict, certificate: proof(f64::INFINITY, f64::INFINITY), ..certified() };
    assert_snapshot!([&exact, &costly, &beyond].map(|report| render::fit(report, 100)).concat());
}

#[test]
fn a_failure_takes_at_most_twelve_lines() {
    for report in [diverged(), slow()] {
        assert!(render::fit(&report, 100).lines().count() <= 12);
    }
}

#[test]
fn no_line_is_wider_than_the_screen() {
    for report in [certified(), diverged(), slow(), wide(), with_findings()] {
        for width in [30, 40, 60, 80, 100, 120] {
            let text = anstream::adapter::strip_str(&render::fit(&report, width)).to_string();
            let widest = text.lines().max_by_key(|line| crate::text::width(line)).unwrap();
            assert!(crate::text::width(widest) <= width, "{width}: {widest}");
        }
    }
}

#[test]
fn the_objects_of_all_verdicts() {
    let objects: Vec<_> = [certified(), diverged(), slow(), wide()].iter().map(json::fit).collect();
    assert_snapshot!(serde_json::to_string_pretty(&objects[..3]).unwrap());
    assert_eq!(objects[3]["test"]["r_squared"], json!({"a": 0.281, "b": -3.5, "c": "-inf"}));
    assert_eq!(objects[3]["test"]["rmse"]["c"], json!("nan"));
    assert_eq!(objects[3]["model"]["intercept"], json!(null));
    assert_eq!(objects[3]["model"]["coefficients"]["x2"], json!({"a": 2.0, "b": -0.5, "c": 0.0}));
}

#[test]
fn numbers_in_the_object_round_trip() {
    for value in [0.1 + 0.2, 1.0 / 3.0, 5e-324, f64::MAX, -159.474_152_340_123_45] {
        let text = json::number(value).to_string();
        assert_eq!(text.parse::<f64>().unwrap().to_bits(), value.to_bits(), "{text}");
    }
}
