//! What a person reads of a fit.

use super::*;

#[test]
fn a_line_is_certified() {
    snapshot("line", &LINE);
}

#[test]
fn a_table_without_a_header_is_fitted() {
    snapshot("wine", &["fit", "data/winequality-white.csv", "x12 ~ ."]);
}

#[test]
fn text_columns_become_levels_and_missing_rows_are_dropped_when_asked() {
    snapshot(
        "california",
        &["fit", "data/california_housing.csv.gz", "median_house_value ~ .", "--missing", "drop"],
    );
}

#[test]
fn help_is_short_and_says_what_works() {
    snapshot("help", &["--help"]);
    for verb in [
        "fit",
        "mix",
        "predict",
        "lint",
        "diagnose",
        "certify",
        "explain",
        "explain-gradient",
        "check-gradient",
    ] {
        snapshot(&format!("help_{verb}"), &[verb, "--help"]);
    }
}

#[test]
fn two_targets_are_shown_one_after_the_other() {
    let folder = Folder::new();
    let rows: String = (0..9).map(|row| format!("{},{},{row}\n", row % 4, (row * row) % 7)).collect();
    let data = folder.file("data.csv", &format!("u,v,x\n{rows}"));
    folder.snapshot("two_targets", &told(&["fit", &data, "[u, v] ~ x"]));
    let both = object(&["fit", &data, "[u, v] ~ x"]);
    for (target, formula) in [("u", "u ~ x"), ("v", "v ~ x")] {
        let alone = object(&["fit", &data, formula]);
        assert_eq!(both["model"]["coefficients"]["x"][target], alone["model"]["coefficients"]["x"]);
    }
}

#[test]
fn a_level_can_have_a_penalty_of_its_own() {
    let folder = Folder::new();
    let data = folder.file("data.csv", "y,city,x\n1,Oslo,1\n2,Rome,5\n4,Oslo,3\n7,Rome,9\n5,Paris,8\n");
    let fit = |wish: &str| told(&["fit", &data, "y ~ city + x", "--penalty", "1", "--penalty-weight", wish]);
    let all = [fit("city=Rome=9"), fit("city=9"), fit("city=Rom=9")].concat();
    let exits: Vec<&str> = all.lines().filter(|line| line.starts_with("exit")).collect();
    assert_eq!(exits, ["exit 0", "exit 0", "exit 2"]);
    folder.snapshot("penalty_weight", &all);
}

#[test]
fn a_penalty_with_factors_is_printed_with_them() {
    let folder = Folder::new();
    let mut all = String::new();
    for more in [&["--penalty-weight", "temp=2"][..], &["--scale", "standardize"]] {
        let arguments = [&line(&["--penalty", "1"])[..], more].concat();
        all += &told(&arguments);
        let told = object(&arguments);
        let factor = told["model"]["penalty_factors"][0].as_f64().unwrap();
        let slope = told["model"]["coefficients"]["temp"].as_f64().unwrap();
        let penalty = 0.5 * factor * slope * slope;
        let objective = told["certificate"]["objective"].as_f64().unwrap();
        assert!(0.0 < penalty && penalty < objective, "{told}");
        writeln!(all, "penalty {penalty:.3}").unwrap();
    }
    folder.snapshot("penalty_factors", &all);
}

#[test]
fn a_saved_model_on_other_rows_is_not_told_to_change_its_penalty() {
    let folder = Folder::new();
    let model = folder.path("line.model");
    assert_eq!(code(&line(&["-o", &model])), 0);
    let other = folder.file("other.csv", "sales,temp\n1,2\n3,5\n4,9\n");
    let told = told(&["certify", &model, &other]);
    assert!(told.starts_with("exit 4") && !told.contains("--penalty"), "{told}");
    folder.snapshot("certify_other_rows", &told);
}

#[test]
fn a_text_of_rows_of_weight_0_alone_is_unknown_to_the_model() {
    let folder = Folder::new();
    let data = folder.file("data.csv", "y,g,w\n1,b,1\n2,b,1\n3,c,2\n4,a,0\n7,c,1\n");
    let without = folder.file("without.csv", "y,g,w\n1,b,1\n2,b,1\n3,c,2\n7,c,1\n");
    let model = folder.path("model");
    let fit = |data: &str| object(&["fit", data, "y ~ g", "--weights", "w", "-o", &model]);
    assert_eq!(fit(&without)["model"], fit(&data)["model"]);
    assert_eq!(code(&["certify", &model, &data]), 0);
    let all = [
        told(&["fit", &data, "y ~ g", "--weights", "w"]),
        told(&["predict", &model, &folder.file("new.csv", "g\na\n")]),
    ];
    folder.snapshot("weightless_level", &all.concat());
}

#[test]
fn a_certificate_in_scaled_units_stands_beside_that_in_the_users() {
    let arguments = descent("--learning-rate 1.483 --tolerance 6.6e-10 --scale minmax --scale-target");
    snapshot("scaled", &arguments);
    let proof = &object(&arguments)["certificate"];
    // The sales span 614 − 185.
    let unit = 429.0 * 429.0;
    let scaled = proof["scaled"]["objective"].as_f64().unwrap();
    assert!((proof["objective"].as_f64().unwrap() / unit / scaled - 1.0).abs() < 1e-14);
    assert!((scaled - 0.003_291_001).abs() < 1e-8);
    assert_eq!(object(&LINE)["certificate"]["scaled"], Value::Null);
}
