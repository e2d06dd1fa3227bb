//! Lint, diagnose and explain.

use super::*;

#[test]
fn a_penalty_in_another_convention_is_recognised() {
    let folder = Folder::new();
    // Ridge(alpha=1.0) of scikit-learn 1.9.1 on the sales.
    let path = folder.file("ridge.csv", "term,sales\n(intercept),-156.31715196718784\ntemp,29.91881224\n");
    let certify = told(&["certify", &path, "data/sales.csv", "sales ~ temp", "--penalty", "1"]);
    folder.snapshot("certify_convention", &certify);
}

#[test]
fn every_code_has_a_page() {
    snapshot("explain", &["explain", "sf101"]);
    snapshot("explain_unknown", &["explain", "SF999"]);
    for code in [
        "SF101", "SF102", "SF103", "SF104", "SF105", "SF106", "SF107", "SF108", "SF201", "SF202", "SF203",
        "SF206", "SF207",
    ] {
        let page = object(&["explain", code]);
        for part in ["title", "meaning", "detection", "example", "ignore"] {
            assert!(!page["page"][part].as_str().unwrap().is_empty(), "{code} {part}");
        }
    }
}

#[test]
fn lint_names_what_would_go_wrong() {
    let folder = Folder::new();
    let rows: String = (1..=12)
        .map(|row| format!("{},{row},{},7\n", row * row, 2 * row + 3))
        .fold(String::from("y,a,b,c\n"), |text, row| text + &row);
    let data = folder.file("data.csv", &rows);
    let found = told(&["lint", &data, "y ~ ."]);
    assert!(found.starts_with("exit 3") && found.contains("SF202") && found.contains("SF203"), "{found}");
    let clean = told(&["lint", "data/winequality-white.csv", "x12 ~ x1 + x2"]);
    folder.snapshot("lint", &[found, clean].concat());
}

#[test]
fn lint_of_california_housing_asks_about_missing_values_and_then_names_its_columns() {
    let lint = ["lint", "data/california_housing.csv.gz", "median_house_value ~ ."];
    let all = [told(&lint), told(&[&lint[..], &["--missing", "drop"]].concat())].concat();
    Folder::new().snapshot("lint_california", &all);
}

#[test]
fn lint_forecasts_gradient_descent() {
    let lint = |more: &str| {
        let line = ["lint", "data/sales.csv", "sales ~ temp"];
        told(&[&line[..], &more.split_whitespace().collect::<Vec<_>>()].concat())
    };
    let cases = [
        ("--solver gd --learning-rate .01", "SF101"),
        ("--solver gd --learning-rate .005", "SF103"),
        ("--solver gd --learning-rate .01 --scale minmax --scale-target", "SF104"),
        ("--solver gd --learning-rate .1 --scale center --gap 1e-3", "CLEAN"),
        ("--learning-rate .01", "add `--solver gd`"),
        ("--penalize-intercept", "has no effect without a penalty"),
        ("--penalty 1 --penalty-weight tmep=2", "did you mean `temp`?"),
    ];
    let told: Vec<String> = cases.iter().map(|(more, _)| lint(more)).collect();
    for (said, (more, part)) in told.iter().zip(&cases) {
        assert!(said.contains(part), "{more}: {said}");
    }
    Folder::new().snapshot("lint_descent", &told.concat());
}

#[test]
fn a_penalty_makes_dependent_columns_no_finding() {
    let folder = Folder::new();
    let rows: String = (1..=12).map(|row| format!("{},{row},{}\n", row * row, 2 * row + 3)).collect();
    let data = folder.file("data.csv", &format!("y,a,b\n{rows}"));
    assert_eq!(code(&["lint", &data, "y ~ ."]), 3);
    assert_eq!(code(&["lint", &data, "y ~ .", "--penalty", "0.1", "--threads", "1"]), 0);
}

#[test]
fn a_trace_of_any_program_gets_a_verdict() {
    let folder = Folder::new();
    let run = |name: &str, flags: &str| {
        let trace = folder.path(name);
        let arguments = [&descent(flags)[..], &["--trace", &trace]].concat();
        surefit(&arguments).output().unwrap();
        told(&["diagnose", &trace, "--learning-rate", flags.split(' ').nth(1).unwrap()])
    };
    let all = [
        run("diverged.csv", "--learning-rate .01"),
        run("slow.csv", "--learning-rate .005 --max-iter 3000"),
        told(&["diagnose", &folder.file("short.csv", "loss\n3\n2\n")]),
        told(&["diagnose", &folder.file("other.csv", "a,b\n3,1\n2,1\n")]),
    ]
    .concat();
    folder.snapshot("diagnose", &all);
}

#[test]
fn traces_in_the_shapes_that_programs_write_are_understood() {
    let folder = Folder::new();
    let rows = |head: &str, row: &dyn Fn(i32) -> String| {
        (0..40).map(row).fold(format!("{head}\n"), |text, row| text + &row + "\n")
    };
    let falling = |k: i32| 5.0 + 3.0 * 0.8_f64.powi(k);
    let cases = [
        (
            "one_speed",
            rows("step,loss", &|k| format!("{k},{}", falling(k.min(9))))
                .lines()
                .take(9)
                .collect::<Vec<_>>()
                .join("\n"),
        ),
        ("alone", rows("loss", &|k| format!("{}", 9.0 * 0.9_f64.powi(k)))),
        (
            "parameters",
            rows("iteration,cost,theta0,theta1", &|k| {
                let growth = 1.25_f64.powi(k);
                let side = if k % 2 == 0 { growth } else { -growth };
                format!("{k},{},{},{}", 7.0 + growth * growth, 3.0 + side, 1.0 - 2.0 * side)
            }),
        ),
        ("overflow", "step,loss\n0,4\n1,40\n2,400\n3,4000\n4,inf\n5,nan\n".to_owned()),
        (
            "empty_fields",
            rows("step,train_loss,val_loss", &|k| {
                if k % 2 == 0 { format!("{k},{},", falling(k)) } else { format!("{k},,{}", falling(k) + 1.0) }
            }),
        ),
        ("nothing", "loss\nnan\nnan\n".to_owned()),
        ("noise", rows("Epoch;Loss", &|k| format!("{k};{}", 0.5 + 0.01 * f64::from((k * 7) % 5)))),
    ];
    let mut all = String::new();
    for (name, content) in &cases {
        let path = folder.file(&format!("{name}.csv"), content);
        writeln!(all, "# {name}\n{}", told(&["diagnose", &path, "--quiet"])).unwrap();
    }
    let known = folder.path("parameters.csv");
    writeln!(all, "# with its rate\n{}", told(&["diagnose", &known, "--quiet", "--learning-rate", ".1"]))
        .unwrap();
    folder.snapshot("diagnose_shapes", &all);
}
