//! Models: saved, read again, certified, used on new rows.

use super::*;

#[test]
fn a_model_predicts_in_raw_units_whatever_the_order_of_columns() {
    let folder = Folder::new();
    let model = folder.path("line.model");
    assert_eq!(code(&line(&["--scale", "standardize", "-o", &model])), 0);
    let new = folder.file("new.csv", "day,temp\nmonday,20\ntuesday,25.5\n");
    let output = surefit(&["predict", &model, &new]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let values: Vec<f64> = text.lines().skip(1).map(|line| line.parse().unwrap()).collect();
    assert_eq!(text.lines().next(), Some("prediction"));
    assert_eq!(values.len(), 2);
    // The line of least squares, to the ten digits of its published coefficients.
    for (value, temp) in values.iter().zip([20.0, 25.5]) {
        assert!((value - (-159.474_152_34 + 30.087_861_79 * temp)).abs() < 1e-6, "{value}");
    }
}

#[test]
fn numbers_whose_squares_or_sums_leave_the_range_prove_nothing_and_predict_nothing() {
    let folder = Folder::new();
    let small = folder.file("small.csv", "y,x\n1e-200,1e-200\n2e-200,3e-200\n4e-200,4e-200\n");
    let wrong = folder.file("wrong.csv", "term,y\n(intercept),0\nx,100\n");
    let mut all = String::new();
    for arguments in [
        vec!["fit", &small, "y ~ x", "--quiet"],
        vec!["fit", &small, "y ~ I(x / 1e-200)", "--quiet", "--solver", "gd", "--learning-rate", ".1"],
        vec!["certify", &wrong, &small, "y ~ x"],
    ] {
        assert_eq!(code(&arguments), 4);
        all += &told(&arguments);
    }
    let rescaled = ["fit", &small, "I(y / 1e-200) ~ I(x / 1e-200)", "--quiet"];
    assert_eq!(code(&rescaled), 0, "{}", told(&rescaled));
    let model = folder.path("line.model");
    assert_eq!(code(&line(&["-o", &model])), 0);
    let far = folder.file("far.csv", "temp\n20\n1e307\n");
    assert_eq!(code(&["predict", &model, &far]), 3);
    assert_eq!(code(&["certify", &model, "data/sales.csv", "sales ~ temp"]), 2);
    all += &told(&["predict", &model, &far]);
    all += &told(&["certify", &model, "data/sales.csv", "sales ~ temp"]);
    folder.snapshot("out_of_range", &all);
}

#[test]
fn new_data_that_do_not_fit_the_model_are_refused_by_name() {
    let folder = Folder::new();
    let model = folder.path("city.model");
    let data = folder.file("data.csv", "y,city,x\n1,Oslo,1\n2,Rome,5\n4,Oslo,3\n7,Rome,9\n5,Oslo,8\n");
    assert_eq!(code(&["fit", &data, "y ~ city + x", "-o", &model]), 0);
    let unseen = folder.file("unseen.csv", "city,x\nOslo,1\nRom,5\n");
    let without = folder.file("without.csv", "town,x\nOslo,1\n");
    let all = [told(&["predict", &model, &unseen]), told(&["predict", &model, &without])].concat();
    assert_eq!(all.matches("exit 3").count(), 2, "{all}");
    folder.snapshot("predict_refuses", &all);
}

#[test]
fn a_saved_model_is_certified_again() {
    let folder = Folder::new();
    let model = folder.path("line.model");
    assert_eq!(code(&line(&["-o", &model])), 0);
    folder.snapshot("certify_model", &told(&["certify", &model, "data/sales.csv"]));
}

/// Where a cause is known it has a code: what no answer can reach, and what the fit of the model ended in.
#[test]
fn an_answer_that_is_not_certified_has_the_code_of_its_cause() {
    let folder = Folder::new();
    let model = folder.path("model");
    let far: String =
        (0..30).map(|i| format!("{:?},{}\n", 1e15 + f64::from(i * 7 % 30) / 30.0, i % 5)).collect();
    let far = folder.file("far.csv", &format!("x,y\n{far}"));
    let mean = folder.file("mean.csv", "term,y\n(intercept),2\nx,0\n");
    assert_eq!(code(&[&descent("--learning-rate .005")[..], &["-o", &model]].concat()), 4);
    let fine = ["certify", &mean, &far, "y ~ x"];
    let saved = ["certify", &model, "data/sales.csv"];
    assert_eq!((&object(&fine)["code"], &object(&saved)["code"]), (&"SF106".into(), &"SF103".into()));
    folder.snapshot("certify_causes", &[told(&fine), told(&saved)].concat());
}

#[test]
fn coefficients_of_others_are_certified_or_not() {
    let folder = Folder::new();
    let good = folder.file("good.csv", "term,sales\n(intercept),-159.47415234\ntemp,30.08786179\n");
    let early =
        folder.file("early.csv", "term,sales\n(intercept),-138.24518068551762\ntemp,28.997103500099186\n");
    let typo = folder.file("typo.csv", "term,sales\n(intercept),-159.47\ntmep,30.09\n");
    let certify = |path: &str| told(&["certify", path, "data/sales.csv", "sales ~ temp"]);
    let all = [certify(&good), certify(&early), certify(&typo)].concat();
    let exits: Vec<&str> = all.lines().filter(|line| line.starts_with("exit")).collect();
    assert_eq!(exits, ["exit 0", "exit 4", "exit 3"]);
    folder.snapshot("certify_coefficients", &all);
}

#[test]
fn a_fault_in_a_test_file_is_told_with_its_name() {
    let folder = Folder::new();
    let ragged = folder.file("ragged.csv", "sales,temp\n1,2\n3\n");
    let other = folder.file("other.csv", "sales,heat\n1,2\n3,4\n");
    let all = [&ragged, &other].map(|path| told(&line(&["--quiet", "--test", path]))).concat();
    assert_eq!(all.matches("exit 3").count(), 2, "{all}");
    let object = object(&line(&["--test", &ragged]));
    assert!(object["message"].as_str().unwrap().starts_with(&ragged), "{object}");
    folder.snapshot("test_file", &all);
}

#[test]
fn a_model_is_scored_on_a_test_file() {
    let fit = object(&line(&["--test", "data/sales.csv"]));
    // On its own rows the RMSE is √(2 · loss) and the R² that of the fit.
    let loss = fit["certificate"]["objective"].as_f64().unwrap();
    assert!((fit["test"]["rmse"].as_f64().unwrap() - (2.0 * loss).sqrt()).abs() < 1e-10);
    let r_squared = fit["inference"]["r_squared"].as_f64().unwrap();
    assert!((fit["test"]["r_squared"].as_f64().unwrap() - r_squared).abs() < 1e-12);
}
