//! Classes, and numbers that are met with Huber's loss: fitted, told, saved, applied and certified.

use super::{Folder, code, object, surefit, tell, told};
use serde_json::Value;
use std::fmt::Write as _;

const IRIS: [&str; 3] = ["fit", "data/iris.csv", "species ~ ."];

/// Iris with further arguments, written as on a command line, without quotes.
fn iris(more: &str) -> Vec<&str> {
    [&IRIS[..], &more.split_whitespace().collect::<Vec<_>>()].concat()
}

/// What a hinge is told by, without the digits of decimals: which of the answers within its gap is found depends on
/// rounding, and so on the processor.
fn hinged(text: &str) -> String {
    let mut out = String::new();
    for part in text.split_inclusive(|c: char| !(c.is_ascii_digit() || ".e-".contains(c))) {
        let number = part.trim_end_matches(|c: char| !(c.is_ascii_digit() || ".e-".contains(c)));
        let decimal = number.contains('.') && number.parse::<f64>().is_ok();
        out += if decimal { "#" } else { number };
        out += &part[number.len()..];
    }
    let lines: Vec<String> =
        out.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    lines.join("\n") + "\n"
}

/// Three classes in two columns, some rows on the wrong side.
const SPARSE: &str = "# two columns\n\
    a 1:1 2:0.5\na 1:1.2\na 1:0.8 2:-0.25\nb 2:1\nb 1:0.1 2:1.5\nb 1:1 2:1\nc 1:-1\nc 1:-1.5 2:-1\nc 2:-1.25\nc\n";

#[test]
fn classes_are_fitted_and_told_by_the_number() {
    let folder = Folder::new();
    let mut all = String::new();
    for more in [
        // So small a gap that the digits are those of the optimum, whatever the rounding on the way.
        "--loss hinge --gap 1e-10",
        "--loss softmax --penalty 1e-3 --penalize-intercept",
        "--loss ovr-logistic --quiet --test data/iris.csv",
        "--loss crammer-singer --margin 2 --solver dual-ascent --gap 1e-10 --quiet",
        "--loss squared-hinge --solver lbfgs --quiet",
    ] {
        writeln!(all, "# {more}\n{}", told(&iris(more))).unwrap();
    }
    folder.snapshot("classes", &all);
}

#[test]
fn two_classes_share_one_column_of_scores_against_the_rest() {
    let folder = Folder::new();
    let data = folder.file("data.csv", "x,y\n1,no\n2,no\n3,yes\n2.5,no\n4,yes\n2.2,yes\n");
    let text = told(&["fit", &data, "y ~ x", "--loss", "ovr-hinge", "--penalty", "0.1", "--gap", "1e-10"]);
    folder.snapshot("two_classes", &text);
    let object = object(&["fit", &data, "y ~ x", "--loss", "ovr-hinge", "--penalty", "0.1"]);
    assert!(object["model"]["intercept"]["yes"].is_f64(), "{object}");
    assert!(object["model"]["coefficients"]["x"]["yes"].is_f64(), "{object}");
    assert_eq!(object["classification"]["classes"], serde_json::json!(["no", "yes"]));
}

#[test]
fn the_object_of_classes_is_keyed_by_them() {
    let mut found = object(&iris("--loss hinge --penalize-intercept"));
    found["seconds"] = 0.into();
    found["version"] = "…".into();
    // What depends on the processor in its last digits.
    for key in ["steps", "passes", "method"] {
        found[key] = key.into();
    }
    assert!(found["classification"]["certain"].is_u64());
    found["certificate"]["coefficients_within"] = "…".into();
    found["certificate"]["intercept_within"] = "…".into();
    for key in ["objective", "bound", "gap", "relative_gap", "rounding"] {
        assert!(found["certificate"][key].is_f64(), "{key}");
        found["certificate"][key] = key.into();
    }
    for terms in ["petal_length", "petal_width", "sepal_length", "sepal_width"] {
        for class in ["setosa", "versicolor", "virginica"] {
            assert!(found["model"]["coefficients"][terms][class].is_f64(), "{terms} {class}");
            found["model"]["coefficients"][terms][class] = "…".into();
            found["model"]["intercept"][class] = "…".into();
        }
    }
    Folder::new().snapshot("classes_object", &serde_json::to_string_pretty(&found).unwrap());
}

#[test]
fn flags_that_do_not_apply_are_refused_in_a_sentence() {
    let cases = [
        "--loss hinge --choose loo",
        "--loss hinge --choose loo --penalty 1e-3..1:9",
        "--loss hinge --penalty 1e-3..1:9",
        "--loss hinge --penalty .1 --choose cv",
        "--loss hinge --choose test",
        "--loss hinge --penalty 1e-3..1:9 --choose test",
        "--loss hinge --penalty 1e-3..1:9 --choose test --test data/iris.csv --folds 3",
        "--loss hinge --penalty 1e-3..1:9 --choose cv --folds 1",
        "--loss hinge --penalty 1e-3..1:9 --choose cv --folds 151",
        "--penalty 1e-3..1:9 --choose cv",
        "--penalty 1e-3..1:9 --choose test",
        "--folds 3",
        "--loss hinge --penalty -1",
        "--loss hinge --penalty nan",
        "--loss hinge --penalty 0 --penalize-intercept",
        "--loss hinge --penalty 0",
        "--loss hinge --penalty-weight petal_width=2",
        "--loss hinge --scale standardize",
        "--loss hinge --fix",
        "--loss hinge --tolerance 1e-9",
        "--loss hinge --learning-rate .1",
        "--loss hinge --trace t.csv",
        "--loss hinge --solver exact",
        "--loss hinge --solver gd",
        "--loss softmax --solver dual-ascent",
        "--loss softmax --margin 2",
        "--loss hinge --delta 2",
        "--loss hinge --margin 0",
        "--loss hinge --zero-based",
        "--loss hinge --weights species",
        "--loss hinges",
        "--solver lbfgs",
        "--seed 1",
        "--margin 2",
    ];
    let mut all = String::new();
    for more in cases {
        let output = surefit(&iris(more)).output().unwrap();
        assert!(matches!(output.status.code(), Some(2 | 3)), "{more}: {}", tell(&output));
        assert!(output.stdout.is_empty(), "{more}");
        writeln!(all, "# {more}\n{}", tell(&output)).unwrap();
    }
    let folder = Folder::new();
    let sparse = folder.file("rows.svm", SPARSE);
    for more in [
        &["fit", &sparse][..],
        &["fit", &sparse, "y ~ x", "--loss", "hinge"],
        &["fit", &sparse, "--loss", "hinge", "--weights", "w"],
        &["fit", &sparse, "--loss", "hinge", "--missing", "drop"],
        &["fit", &sparse, "--loss", "hinge", "--delimiter", ";"],
        &["certify", "W.csv", &sparse, "--loss", "hinge", "--no-header"],
        &["fit", "data/iris.csv", "--loss", "hinge"],
        &["fit", "data/iris.csv", "species ~ . - 1", "--loss", "hinge", "--penalize-intercept"],
        &["lint", "data/iris.csv", "species ~ .", "--loss", "hinge"],
    ] {
        assert_eq!(code(more), 2, "{more:?}");
        writeln!(all, "{}", told(more)).unwrap();
    }
    folder.snapshot("classes_usage", &all);
}

#[test]
fn labels_that_are_no_classes_to_learn_are_named_with_their_place() {
    let folder = Folder::new();
    let mut all = String::new();
    for (name, content) in [
        ("one.csv", "x,y\n1,a\n2,a\n3,a\n"),
        ("missing.csv", "x,y\n1,a\n2,\n3,b\n"),
        ("weightless.csv", "x,y,w\n1,a,1\n2,b,0\n3,a,1\n"),
    ] {
        let data = folder.file(name, content);
        let mut arguments = vec!["fit", &data, "y ~ x", "--loss", "hinge", "--quiet"];
        if name == "weightless.csv" {
            arguments.extend(["--weights", "w"]);
        }
        assert_eq!(code(&arguments), 3, "{name}");
        writeln!(all, "# {name}\n{}", told(&arguments)).unwrap();
    }
    for (name, content) in [
        ("descending.svm", "a 1:1\nb 3:1 2:1\n"),
        ("repeated.svm", "a 1:1\nb 2:1 2:1\n"),
        ("zero.svm", "a 1:1\nb 0:1\n"),
        ("beyond.svm", "a 1:1\nb 2147483648:1\n"),
        ("nolabel.svm", "a 1:1\n1:1\n"),
        ("one.svm", "a 1:1 # the only class\na 2:1\n"),
        ("infinite.svm", "a 1:1\nb 2:1e999\n"),
    ] {
        let data = folder.file(name, content);
        let arguments = ["fit", &data, "--loss", "hinge", "--quiet"];
        assert_eq!(code(&arguments), 3, "{name}");
        writeln!(all, "# {name}\n{}", told(&arguments)).unwrap();
    }
    let (train, test) = (folder.file("train.csv", "x,y\n1,a\n2,b\n3,a\n"), "x,y\n1,a\n2,z\n3,z\n");
    let test = folder.file("test.csv", test);
    let arguments = ["fit", &train, "y ~ x", "--loss", "softmax", "--quiet", "--test", &test];
    assert_eq!(code(&arguments), 3);
    writeln!(all, "# a class that was never trained\n{}", told(&arguments)).unwrap();
    let quantity = ["fit", "data/sales.csv", "sales ~ temp", "--loss", "hinge", "--quiet"];
    assert_eq!(code(&quantity), 3);
    writeln!(all, "# a quantity\n{}", told(&quantity)).unwrap();
    let mut found = object(&quantity);
    assert_eq!((&found["code"], &found["diagnosis"]["evidence"]["classes"]), (&"SF205".into(), &12.into()));
    found["version"] = "…".into();
    writeln!(all, "{}", serde_json::to_string_pretty(&found).unwrap()).unwrap();
    assert_eq!(code(&["fit", "data/sales.csv", "C(sales) ~ temp", "--loss", "hinge", "--quiet"]), 0);
    folder.snapshot("classes_data", &all);
}

#[test]
fn odd_classes_and_odd_rows_are_fitted_all_the_same() {
    let folder = Folder::new();
    let certified = |name: &str, content: &str, more: &[&str]| {
        let data = folder.file(name, content);
        let arguments = [&["fit", &data, "y ~ .", "--quiet"], more].concat();
        assert_eq!(code(&arguments), 0, "{}", told(&arguments));
        object(&arguments)["classification"]["classes"].clone()
    };
    let hinge = ["--loss", "hinge"];
    // A class with one row; labels with spaces, letters of all kinds, and numbers in the order of numbers.
    let names = "x,y\n1,two words\n2,größe\n3,größe\n4,日本\n";
    assert_eq!(certified("names.csv", names, &hinge), serde_json::json!(["größe", "two words", "日本"]));
    let numbers = "x,y\n1,10\n2,9\n3,10\n4,1\n";
    assert_eq!(certified("numbers.csv", numbers, &hinge), serde_json::json!(["1", "9", "10"]));
    for loss in ["hinge", "crammer-singer", "squared-hinge", "ovr-hinge", "ovr-logistic", "softmax"] {
        let with = ["--loss", loss];
        certified("zeros.csv", "x,z,y\n0,0,a\n0,0,b\n0,0,a\n", &with);
        certified("twins.csv", "x,y\n1,a\n1,b\n2,a\n2,b\n", &with);
    }
    let large = folder.file("large.csv", "x,y\n1e30,a\n-1e30,b\n1,a\n2,b\n");
    for loss in ["hinge", "softmax", "ovr-logistic"] {
        let arguments = ["fit", &large, "y ~ x", "--loss", loss, "--quiet"];
        assert_eq!(code(&arguments), 4);
        let told = told(&arguments);
        assert!(told.contains("`x` is 1e30 in row 1 and `x` is -1e30 in row 2"), "{told}");
    }
}

#[test]
fn separable_classes_without_a_penalty_have_no_optimum_and_are_named() {
    let folder = Folder::new();
    let data = folder.file("data.csv", "x,y\n1,a\n2,a\n3,b\n4,b\n");
    let model = folder.path("m");
    let fit = |loss| ["fit", &data, "y ~ x", "--loss", loss, "--penalty", "0", "--quiet"];
    for loss in ["softmax", "ovr-logistic"] {
        assert_eq!(code(&fit(loss)), 5, "{loss}");
        let found = object(&fit(loss));
        assert_eq!((&found["code"], &found["model"]), (&"SF204".into(), &Value::Null));
    }
    // Where margins are wide enough a squared hinge is 0, which nothing is below.
    for loss in ["squared-hinge", "ovr-squared-hinge"] {
        assert_eq!(code(&fit(loss)), 0, "{loss}");
        assert!(object(&fit(loss))["certificate"]["objective"].as_f64().unwrap() < 1e-20);
    }
    assert_eq!(code(&[&fit("softmax")[..], &["-o", &model]].concat()), 5);
    assert!(!std::path::Path::new(&model).exists());
    let mut all = told(&fit("softmax"));
    // Both classes at 3; and one class of three that stands apart.
    let ties = folder.file("ties.csv", "x,y,w\n9,a,0\n1,a,1\n2,a,1\n3,b,1\n3,a,1\n4,b,2\n");
    let ties = ["fit", &ties, "y ~ x", "--weights", "w", "--loss", "softmax", "--penalty", "0", "--quiet"];
    assert_eq!(code(&ties), 5);
    all += &told(&ties);
    for loss in ["softmax", "ovr-logistic"] {
        all += &told(&iris(&format!("--loss {loss} --penalty 0 --quiet")));
    }
    folder.snapshot("separable", &all);
}

#[test]
fn a_model_of_classes_predicts_scores_probabilities_and_is_certified_again() {
    let folder = Folder::new();
    let model = folder.path("m");
    let mut all = String::new();
    let mut run = |arguments: &[&str]| {
        let text = told(arguments);
        let head: Vec<&str> = text.lines().take(6).collect();
        writeln!(all, "{}\n", head.join("\n")).unwrap();
    };
    let softmax = iris("--loss softmax --gap 1e-9 --quiet");
    assert_eq!(code(&[&softmax[..], &["-o", &model]].concat()), 0);
    run(&["predict", &model, "data/iris.csv", "--quiet"]);
    run(&["certify", &model, "data/iris.csv"]);
    let rows = object(&["predict", &model, "data/iris.csv", "--scores", "--proba"]);
    let of = |head: &str, row: usize| rows["predictions"][head][row].as_f64().unwrap();
    for row in [0, 60, 149] {
        let classes = ["setosa", "versicolor", "virginica"];
        let sum: f64 = classes.iter().map(|class| of(&format!("proba:{class}"), row)).sum();
        assert!((sum - 1.0).abs() < 1e-12);
        let best = classes
            .iter()
            .max_by(|a, b| of(&format!("score:{a}"), row).total_cmp(&of(&format!("score:{b}"), row)));
        assert_eq!(rows["predictions"]["prediction"][row], **best.unwrap());
    }
    let hinge = iris("--loss hinge --quiet");
    assert_eq!(code(&[&hinge[..], &["-o", &model]].concat()), 0);
    run(&["predict", &model, "data/iris.csv", "--proba"]);
    run(&["certify", &model, "data/iris.csv"]);
    assert_eq!(code(&line_model(&folder)), 2);
    run(&line_model(&folder));
    folder.snapshot("classes_model", &all);
}

/// A model of numbers, asked for scores.
fn line_model(folder: &Folder) -> Vec<&'static str> {
    let model = folder.path("line");
    assert_eq!(code(&["fit", "data/sales.csv", "sales ~ temp", "--quiet", "-o", &model]), 0);
    vec!["predict", Box::leak(model.into_boxed_str()), "data/sales.csv", "--scores"]
}

#[test]
fn sparse_rows_are_fitted_tested_predicted_and_certified() {
    let folder = Folder::new();
    let (data, model) = (folder.file("rows.svm", SPARSE), folder.path("m"));
    let fit = "--loss hinge --penalty 0.01 --gap 1e-10 -o";
    let fit = [&["fit", &data, "--test", &data], &fit.split(' ').collect::<Vec<_>>()[..], &[&model]].concat();
    let mut all = told(&fit);
    for arguments in [
        &["predict", &model, &data, "--scores"][..],
        &["certify", &model, &data],
        &["predict", &model, &data, "--missing", "drop"],
        &["predict", &model, &data, "--header"],
        &["predict", &model, &folder.file("wide.svm", "a 1:1 3:1\n")],
        &["predict", &model, &folder.file("new.svm", "? 1:1\n? 2:1\n"), "--quiet"],
    ] {
        writeln!(all, "\n# {}\n{}", arguments[0], told(arguments)).unwrap();
    }
    folder.snapshot("sparse", &hinged(&all));
    let zero = folder.file("zero.svm", "a 0:1\nb 1:1\na 0:2\n");
    let fit = ["fit", &zero, "--zero-based", "--loss", "softmax", "--quiet", "-o", &model];
    assert_eq!(code(&fit), 0);
    assert_eq!(code(&["predict", &model, &zero]), 0);
    assert!(object(&fit)["model"]["coefficients"]["x0"]["a"].is_f64());
}

#[test]
fn coefficients_of_others_are_certified_for_any_loss() {
    let folder = Folder::new();
    let zeros = "term,setosa,versicolor,virginica\nsepal_length,0,0,0\nsepal_width,0,0,0\n\
        petal_length,0,0,0\npetal_width,0,0,0\n(intercept),0,0,0\n";
    let zeros = folder.file("zeros.csv", zeros);
    let mut all = String::new();
    for loss in ["hinge", "softmax"] {
        let arguments =
            ["certify", &zeros, "data/iris.csv", "species ~ .", "--loss", loss, "--penalty", "0.01"];
        assert_eq!(code(&arguments), 4);
        let text = told(&arguments);
        writeln!(all, "{}", if loss == "hinge" { hinged(&text) } else { text }).unwrap();
        // Those of a fit, as a table, have the gap that the fit has.
        let fit = ["fit", "data/iris.csv", "species ~ .", "--loss", loss, "--penalty", "0.01"];
        let fitted = object(&[&fit[..], &["--gap", "1e-9", "--max-iter", "100000"]].concat());
        let mut table = "term,setosa,versicolor,virginica\n".to_owned();
        let model = &fitted["model"];
        let terms = model["coefficients"].as_object().unwrap().iter();
        for (term, values) in
            terms.map(|(k, v)| (k.as_str(), v)).chain([("(intercept)", &model["intercept"])])
        {
            let of = |class: &str| values[class].to_string();
            writeln!(table, "{term},{},{},{}", of("setosa"), of("versicolor"), of("virginica")).unwrap();
        }
        let table = folder.file("fitted.csv", &table);
        let theirs = ["certify", &table, "data/iris.csv", "species ~ .", "--loss", loss, "--penalty", "0.01"];
        assert_eq!(code(&theirs), 0, "{}", told(&theirs));
    }
    folder.snapshot("certify_classes", &all);
}

#[test]
fn a_limit_ends_with_the_best_answer_so_far_and_its_certificate() {
    let more = "--loss hinge --max-iter 1 --gap 1e-12";
    let found = object(&iris(more));
    assert_eq!(found["verdict"], "uncertified", "{found}");
    assert_eq!(found["code"], "SF108", "{found}");
    assert!(found["model"]["coefficients"].is_object());
    assert_eq!(code(&iris(more)), 4);
    // The time is up while the file is read: there is no answer yet.
    let early = object(&iris("--loss softmax --time-limit 1e-6"));
    assert_eq!((&early["verdict"], &early["stop"]), (&"failed".into(), &"time".into()));
    Folder::new().snapshot("classes_limit", &told(&iris("--loss hinge --max-iter 1 --gap 1e-12 --quiet")));
}

#[test]
fn numbers_are_met_with_hubers_loss() {
    let folder = Folder::new();
    let huber = ["fit", "data/sales.csv", "sales ~ temp", "--loss", "huber", "--delta", "40"];
    let mut all = told(&[&huber[..], &["--penalty", "0.01", "--test", "data/sales.csv"]].concat());
    write!(all, "\n{}", told(&huber)).unwrap();
    folder.snapshot("huber", &all);
}

#[test]
fn threads_and_seeds_do_not_change_an_answer_beyond_its_gap() {
    let fit = |more: &str| {
        let mut found = object(&iris(more));
        found["seconds"] = 0.into();
        found
    };
    let with = |threads: u8| format!("--loss hinge --threads {threads}");
    assert_eq!(fit(&with(1)), fit(&with(3)));
    let value = |more: &str| fit(more)["certificate"]["objective"].as_f64().unwrap();
    let (one, other) = (value("--loss hinge --seed 1"), value("--loss hinge --seed 2"));
    assert!((one - other).abs() <= 1e-4 * one.max(other));
}

#[test]
fn a_penalty_is_chosen_by_the_loss_on_rows_that_were_not_fitted() {
    let folder = Folder::new();
    let mut all = String::new();
    let test = folder.file("test.csv", "sales,temp\n400,19\n300,15\n");
    for arguments in [
        iris("--loss softmax --penalty 1e-6..1:7 --choose cv --gap 1e-10 --quiet"),
        iris("--loss squared-hinge --penalty 1e-9..1:30 --choose cv --folds 3 --seed 4 --gap 1e-10 --quiet"),
        iris("--loss ovr-logistic --penalty 1e-3..1:4 --choose test --test data/iris.csv --gap 1e-10 --quiet"),
        "fit data/sales.csv sales~temp --loss huber --penalty 1e-3..1:4 --choose cv --gap 1e-10 --quiet"
            .split(' ')
            .collect(),
        [
            &"fit data/sales.csv sales~temp --loss huber --penalty 1e-3..1:4 --choose test --quiet --gap 1e-10 --test"
                .split(' ')
                .collect::<Vec<_>>()[..],
            &[&test],
        ]
        .concat(),
    ] {
        assert_eq!(code(&arguments), 0, "{}", told(&arguments));
        writeln!(all, "# {}\n{}", arguments[1..].join(" "), told(&arguments)).unwrap();
    }
    folder.snapshot("classes_path", &all);
}

#[test]
fn the_object_of_a_search_has_its_path_and_each_fit_of_it_is_certified() {
    let range = "--penalty 1e-3..1:4 --choose cv --quiet";
    for loss in ["hinge", "crammer-singer", "squared-hinge", "ovr-hinge", "ovr-squared-hinge", "ovr-logistic"]
    {
        let found = object(&iris(&format!("--loss {loss} {range}")));
        let path = found["path"].as_array().unwrap();
        assert_eq!(path.len(), 4);
        let losses: Vec<f64> = path.iter().map(|point| point["loss"].as_f64().unwrap()).collect();
        for point in path {
            assert_eq!(point["certified"], true, "{loss}: {point}");
            assert!(point["accuracy"].as_f64().unwrap() > 0.5 && point["std_error"].as_f64().unwrap() > 0.0);
        }
        let least = losses.iter().copied().fold(f64::INFINITY, f64::min);
        assert_eq!(found["choice"]["loss"].as_f64().unwrap().to_bits(), least.to_bits());
        assert_eq!(found["choice"]["penalty"], found["model"]["penalty"]);
        assert_eq!((&found["choice"]["folds"], &found["choice"]["file"]), (&5.into(), &Value::Null));
        let again = object(&iris(&format!("--loss {loss} {range} --threads 1")));
        assert_eq!(again["path"], found["path"], "{loss}");
    }
}

#[test]
fn the_only_row_of_a_class_is_in_every_fit_and_that_is_said() {
    let folder = Folder::new();
    let rows: String = (0..20).map(|i| format!("{i},{}\n", ["a", "b"][i / 10])).collect();
    let data = folder.file("data.csv", &format!("x,y\n{rows}7,c\n"));
    let output =
        told(&["fit", &data, "y ~ x", "--loss", "softmax", "--penalty", "1e-2..1:3", "--choose", "cv"]);
    assert!(output.contains("1 row is the only one of its class, and is in no fold"), "{output}");
}

#[test]
fn a_search_that_runs_out_of_time_gives_what_is_finished() {
    let arguments = iris("--loss hinge --penalty 1e-9..1:500 --choose cv --gap 1e-6 --quiet --time-limit 1");
    let found = object(&arguments);
    assert_eq!(
        (&found["verdict"], &found["code"], &found["stop"]),
        (&"uncertified".into(), &"SF108".into(), &"time".into())
    );
    let done = found["path"].as_array().unwrap().len();
    assert!((1..500).contains(&done), "{done}");
    assert_eq!(found["diagnosis"]["evidence"]["penalties_done"], done);
    assert_eq!(code(&arguments), 4);
}

#[test]
fn a_solver_or_a_penalty_that_the_loss_cannot_have_is_refused_before_anything_is_read() {
    for more in ["--loss softmax --solver dual-ascent", "--loss crammer-singer --penalty 0"] {
        let arguments = [&["fit", "nowhere.csv", "y ~ x"], &more.split(' ').collect::<Vec<_>>()[..]].concat();
        let output = told(&arguments);
        assert_eq!(code(&arguments), 2, "{output}");
        assert!(!output.contains("nowhere.csv"), "{output}");
    }
}

#[test]
fn a_row_that_is_far_too_long_is_named_by_its_number_in_the_data() {
    let folder = Folder::new();
    // The first row is left out, so that numbers and places differ.
    let rows: String = (0..12).map(|i| format!("{},{}\n", (i * 5) % 7, ["a", "b"][i % 2])).collect();
    let data = folder.file("data.csv", &format!("width,y\n,a\n{rows}-2.5e31,a\n"));
    let arguments = ["fit", &data, "y ~ width", "--loss", "softmax", "--missing", "drop", "--quiet"];
    assert_eq!(code(&arguments), 4);
    folder.snapshot("classes_long", &told(&arguments));
}
