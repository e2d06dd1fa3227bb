//! Rankings of labels on their way through the house: fitted to each kind of file, kept, used, certified.

use super::{Folder, code, object, surefit, told};
use insta::Settings;
use serde_json::{Value, json};
use std::fmt::Write as _;

const TRAIN: &str = "data/clips-train.arff";
const TEST: &str = "data/clips-test.arff";
const FEATURES: [&str; 3] = ["tempo", "brightness", "loudness"];
const MOODS: [&str; 4] = ["calm", "happy", "sad", "tense"];
const FORMULA: &str = "[calm, happy, sad, tense] ~ .";

/// The rows of a file of clips: three features and four labels.
fn rows(file: &str) -> Vec<Vec<f64>> {
    let text = std::fs::read_to_string(super::root().join(file)).unwrap();
    let lines = text.lines().filter(|line| line.starts_with(|c: char| c.is_ascii_digit()));
    lines.map(|line| line.split(',').map(|cell| cell.parse().unwrap()).collect()).collect()
}

/// The same as a table.
fn csv(file: &str) -> String {
    let cells = |row: &Vec<f64>| row.iter().map(f64::to_string).collect::<Vec<_>>().join(",") + "\n";
    let names = [&FEATURES[..], &MOODS[..]].concat().join(",");
    format!("{names}\n{}", rows(file).iter().map(cells).collect::<String>())
}

/// The same as svmlight, labels 1 to 4.
fn svm(file: &str) -> String {
    let row = |row: &Vec<f64>| {
        let labels: Vec<String> = (3..7).filter(|k| row[*k] > 0.5).map(|k| (k - 2).to_string()).collect();
        let entries: Vec<String> = (0..3).map(|j| format!("{}:{}", j + 1, row[j])).collect();
        format!("{} {}\n", labels.join(","), entries.join(" ")).trim_start().to_owned()
    };
    rows(file).iter().map(row).collect()
}

/// The same with columns and labels in another order, and one more column.
fn turned(file: &str, sparse: bool) -> String {
    let order = [2, 6, 0, 3, 1, 5, 4];
    let names = [&FEATURES[..], &MOODS[..]].concat();
    let mut text = "@relation turned\n@attribute title {one,two}\n".to_owned();
    for at in order {
        let kind = if at < 3 { "numeric" } else { "{0,1}" };
        writeln!(text, "@attribute {} {kind}", names[at]).unwrap();
    }
    text += "@data\n";
    for row in rows(file) {
        if sparse {
            let entries = order.iter().enumerate().filter(|(_, at)| row[**at] != 0.0);
            let entries: Vec<String> =
                entries.map(|(place, at)| format!("{} {}", place + 1, row[*at])).collect();
            writeln!(text, "{{0 two, {}}}", entries.join(", ")).unwrap();
        } else {
            let cells: Vec<String> = order.iter().map(|at| row[*at].to_string()).collect();
            writeln!(text, "one,{}", cells.join(",")).unwrap();
        }
    }
    text
}

/// Fits and keeps a model; what is said of it as an object.
fn kept(model: &str, more: &[&str]) -> Value {
    let found = object(&[&["fit"], more, &["-o", model]].concat());
    assert_eq!(found["verdict"], "certified", "{found}");
    found
}

fn printed(arguments: &[&str]) -> String {
    let output = surefit(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Snapshots without the digits of scores that another processor may change.
fn with_few_digits(take: impl FnOnce()) {
    let mut settings = Settings::clone_current();
    settings.add_filter(r"([0-9]\.[0-9]{6})[0-9]{6,}", "$1…");
    settings.bind(take);
}

#[test]
fn a_ranking_is_fitted_kept_used_and_certified() {
    let folder = Folder::new();
    let model = folder.path("clips.model");
    let fit = ["fit", TRAIN, "--labels", "4", "--loss", "bpmll", "--gap", "1e-9", "--quiet", "-o", &model];
    assert_eq!(code(&fit), 0);
    let mut all = String::new();
    for more in ["", "--scores --ranks", "--labels", "--top 2 --labels"] {
        let more: Vec<&str> = more.split_whitespace().collect();
        let said = told(&[&["predict", &model, TEST], &more[..]].concat());
        writeln!(
            all,
            "# predict {}\n{}",
            more.join(" "),
            said.lines().take(6).collect::<Vec<_>>().join("\n")
        )
        .unwrap();
    }
    for data in [TRAIN, TEST] {
        writeln!(all, "# certify {data}\n{}", told(&["certify", &model, data, "--quiet"])).unwrap();
    }
    with_few_digits(|| folder.snapshot("ranking_model", &all));
    let certified = object(&["certify", &model, TRAIN]);
    assert_eq!(certified["verdict"], "certified");
    assert_eq!(certified["notes"], json!(["the data are those of the fit"]));
    // The same rows in another file are the same data.
    let other = folder.file("other.csv", &csv(TRAIN));
    assert_eq!(object(&["certify", &model, &other])["notes"][0], "the data are those of the fit");
}

/// Scores, ranks and sets from the numbers of the object of the fit.
fn expected(found: &Value, file: &str) -> Vec<Vec<f64>> {
    let model = &found["model"];
    let threshold = &found["ranking"]["threshold"];
    let row = |row: &Vec<f64>| {
        let score = |label: &&str| {
            let terms = FEATURES.iter().zip(row);
            let number = |of: &Value| of.as_f64().unwrap();
            number(&model["intercept"][label])
                + terms.map(|(f, x)| x * number(&model["coefficients"][f][label])).sum::<f64>()
        };
        let scores: Vec<f64> = MOODS.iter().map(score).collect();
        let weights = threshold["weights"].as_array().unwrap().iter().map(|w| w.as_f64().unwrap());
        let limit = threshold["bias"].as_f64().unwrap()
            + weights.zip(&scores).map(|(weight, score)| weight * score).sum::<f64>();
        let sets = scores.iter().map(|s| f64::from(u8::from(*s > limit)));
        let ranks = scores.iter().map(|s| scores.iter().filter(|other| *other >= s).count() as f64);
        sets.chain(scores.iter().copied()).chain(ranks).collect()
    };
    rows(file).iter().map(row).collect()
}

#[test]
fn predictions_are_those_of_the_coefficients_whatever_the_file_and_the_order_of_its_columns() {
    let folder = Folder::new();
    let model = folder.path("m");
    let found = kept(&model, &[TRAIN, "--labels", "4", "--loss", "bpmll", "--penalty", "0.1"]);
    let expected = expected(&found, TEST);
    let files = [
        TEST.to_owned(),
        folder.file("turned.arff", &turned(TEST, false)),
        folder.file("sparse.arff", &turned(TEST, true)),
        folder.file("t.csv", &csv(TEST)),
    ];
    for file in &files {
        let text = printed(&["predict", &model, file, "--scores", "--ranks", "--quiet"]);
        let mut lines = text.lines();
        let heads = "calm,happy,sad,tense,score:calm,score:happy,score:sad,score:tense,rank:calm,rank:happy,\
                     rank:sad,rank:tense";
        assert_eq!(lines.next(), Some(heads), "{file}");
        for (line, expected) in lines.by_ref().zip(&expected) {
            let found: Vec<f64> = line.split(',').map(|cell| cell.parse().unwrap()).collect();
            assert_eq!(found.len(), expected.len());
            for (a, b) in found.iter().zip(expected) {
                assert!((a - b).abs() < 1e-12, "{file}: {found:?} are not {expected:?}");
            }
        }
    }
    let all = object(&["predict", &model, TEST, "--scores", "--ranks"]);
    assert_eq!((&all["rows"], &all["columns"]), (&json!(20), &json!(3)));
    for (i, row) in expected.iter().enumerate() {
        assert_eq!(all["predictions"]["calm"][i].as_f64().unwrap().to_bits(), row[0].to_bits());
        assert!((all["predictions"]["score:tense"][i].as_f64().unwrap() - row[7]).abs() < 1e-12);
    }
    let lists = object(&["predict", &model, TEST, "--labels", "--top", "1"]);
    let first = MOODS.iter().zip(&expected[0][8..]).find(|(_, rank)| **rank < 1.5).unwrap().0;
    assert_eq!(lists["predictions"]["labels"][0], json!([first]));
}

#[test]
fn tables_lists_and_attributes_give_the_same_answer() {
    let folder = Folder::new();
    let [train, test] = [csv(TRAIN), csv(TEST)];
    let (train, test) = (folder.file("train.csv", &train), folder.file("test.csv", &test));
    let lists = folder.file("train.svm", &svm(TRAIN));
    let lists_test = folder.file("test.svm", &svm(TEST));
    let how = ["--loss", "lsep", "--penalty", "0.1", "--gap", "1e-10"];
    let of = |more: &[&str]| object(&[&["fit"], more, &how[..]].concat());
    let attributes = of(&[TRAIN, "--labels", "4", "--test", TEST]);
    let table = of(&[&train, FORMULA, "--test", &test]);
    let sparse = of(&[&lists, "--test", &lists_test]);
    let crossed = of(&[&train, FORMULA, "--test", TEST]);
    assert_eq!(table["model"], attributes["model"]);
    assert_eq!(sparse["columns"], 3);
    let objective = |of: &Value| of["certificate"]["objective"].as_f64().unwrap();
    for found in [&table, &sparse, &crossed] {
        assert!((objective(found) / objective(&attributes) - 1.0).abs() < 1e-9);
        for name in ["ranking_loss", "hamming_loss", "average_precision"] {
            let of = |of: &Value| of["test"][name].as_f64().unwrap();
            assert!((of(found) - of(&attributes)).abs() < 1e-12, "{name} {found}");
        }
    }
    // Lists have labels and columns by number; they predict and are certified as the others.
    let model = folder.path("m");
    kept(&model, &[&[lists.as_str()], &how[..]].concat());
    let mut all = String::new();
    for arguments in [
        &["predict", &model, &lists_test, "--labels", "--quiet"][..],
        &["predict", &model, &test, "--quiet"],
        &["certify", &model, &lists, "--quiet"],
    ] {
        let said = told(arguments);
        writeln!(all, "# {}\n{}\n", arguments[0], said.lines().take(6).collect::<Vec<_>>().join("\n"))
            .unwrap();
    }
    let unnamed: String =
        rows(TEST).iter().map(|row| format!("{},{},{}\n", row[0], row[1], row[2])).collect();
    let unnamed = folder.file("unnamed.csv", &unnamed);
    assert_eq!(
        printed(&["predict", &model, &unnamed, "--quiet"]),
        printed(&["predict", &model, &lists_test, "--quiet"])
    );
    folder.snapshot("ranking_lists", &all);
}

#[test]
fn predictions_are_written_in_the_forms_that_labels_are_read_in() {
    let folder = Folder::new();
    let (model, lists) = (folder.path("m"), folder.path("l"));
    kept(&model, &[TRAIN, "--labels", "4", "--loss", "zlpr"]);
    let svm = folder.file("train.svm", &svm(TRAIN));
    kept(&lists, &[&svm, "--loss", "zlpr"]);
    let sets = printed(&["predict", &model, TEST, "--quiet"]);
    let sets: Vec<&str> = sets.lines().skip(1).collect();
    let mut all = String::new();
    let sparse = folder.file("sparse.arff", &turned(TEST, true));
    for (data, name, more) in
        [(TEST, "dense.arff", "--scores"), (&sparse, "given.arff", "--ranks"), (TEST, "given.svm", "")]
    {
        let file = folder.path(name);
        let more: Vec<&str> = more.split_whitespace().collect();
        assert_eq!(code(&[&["predict", &model, data, "-o", &file, "--quiet"], &more[..]].concat()), 0);
        let text = std::fs::read_to_string(&file).unwrap();
        writeln!(all, "# {name}\n{}\n", text.lines().take(18).collect::<Vec<_>>().join("\n")).unwrap();
        if name == "given.svm" {
            for (line, set) in text.lines().zip(&sets) {
                let labels = line.split(' ').next().filter(|list| !list.contains(':')).unwrap_or_default();
                let has = |mood: &&str| u8::from(labels.split(',').any(|label| label == *mood)).to_string();
                assert_eq!(MOODS.iter().map(has).collect::<Vec<_>>().join(","), **set);
            }
        } else {
            // What is read back is what was written.
            let how = ["--labels", "4", "--loss", "zlpr", "--penalty", "1"];
            let again = object(&[&["fit", &file], &how[..]].concat());
            let given: usize = sets.iter().filter(|set| set.starts_with('1')).count();
            assert_eq!(again["rows"], 20);
            let shares = object(&["predict", &model, &file, "--quiet"]);
            assert_eq!(
                shares["predictions"]["calm"].as_array().unwrap().iter().filter(|v| **v == 1).count(),
                given
            );
        }
    }
    with_few_digits(|| folder.snapshot("ranking_forms", &all));
    let (mine, other) = (folder.path("mine.svm"), folder.path("other.svm"));
    assert_eq!(code(&["predict", &lists, &svm, "-o", &mine, "--quiet"]), 0);
    assert_eq!(code(&["predict", &lists, &mine, "-o", &other, "--quiet"]), 0);
    assert_eq!(std::fs::read(&mine).unwrap(), std::fs::read(&other).unwrap());
}

#[test]
fn a_scale_is_that_of_the_scaled_columns_and_a_weight_that_of_repeated_rows() {
    let folder = Folder::new();
    let all = rows(TRAIN);
    let n = all.len() as f64;
    let of = |j: usize| all.iter().map(move |row| row[j]);
    let scales: Vec<(f64, f64)> = (0..3)
        .map(|j| {
            let mean = of(j).sum::<f64>() / n;
            (mean, (of(j).map(|x| (x - mean).powi(2)).sum::<f64>() / n).sqrt())
        })
        .collect();
    let head = [&FEATURES[..], &MOODS[..]].concat().join(",");
    let mut scaled = format!("{head}\n");
    let mut weighted = format!("{head},times\n");
    let mut repeated = format!("{head}\n");
    for (i, row) in all.iter().enumerate() {
        let cells = |of: &[f64]| of.iter().map(f64::to_string).collect::<Vec<_>>().join(",");
        let x: Vec<f64> = (0..3).map(|j| (row[j] - scales[j].0) / scales[j].1).collect();
        writeln!(scaled, "{},{}", cells(&x), cells(&row[3..])).unwrap();
        writeln!(weighted, "{},{}", cells(row), i % 3).unwrap();
        (0..i % 3).for_each(|_| writeln!(repeated, "{}", cells(row)).unwrap());
    }
    let scaled = folder.file("scaled.csv", &scaled);
    let repeated = folder.file("repeated.csv", &repeated);
    let table = folder.file("weighted.csv", &weighted);
    let how = ["--loss", "bpmll", "--penalty", "0.1", "--gap", "1e-10"];
    let objective = |of: &Value| of["certificate"]["objective"].as_f64().unwrap();
    let alike = |a: &Value, b: &Value| {
        assert!((objective(a) / objective(b) - 1.0).abs() < 1e-9, "{} {}", objective(a), objective(b));
        for name in ["ranking_loss", "one_error", "hamming_loss", "subset_accuracy", "macro_f1"] {
            let of = |of: &Value| of["ranking"][name].as_f64().unwrap();
            assert!((of(a) - of(b)).abs() < 1e-12, "{name}: {} {}", of(a), of(b));
        }
    };
    let model = folder.path("m");
    let own = kept(&model, &[&[TRAIN, "--labels", "4", "--scale", "standardize"], &how[..]].concat());
    alike(&own, &object(&[&["fit", &scaled, FORMULA], &how[..]].concat()));
    assert_eq!(object(&["certify", &model, TRAIN, "--gap", "1e-9"])["verdict"], "certified");
    // What is kept predicts in the units of the file.
    let expected = expected(&own, TEST);
    let scores = object(&["predict", &model, TEST, "--scores"]);
    for (i, row) in expected.iter().enumerate() {
        assert!((scores["predictions"]["score:sad"][i].as_f64().unwrap() - row[6]).abs() < 1e-12);
    }
    let weighted = object(&[&["fit", &table, FORMULA, "--weights", "times"], &how[..]].concat());
    let repeated = object(&[&["fit", &repeated, FORMULA], &how[..]].concat());
    alike(&weighted, &repeated);
    // The same of an attribute, as a model knows it.
    let text = std::fs::read_to_string(super::root().join(TRAIN)).unwrap();
    let text = text.replace("@attribute calm", "@attribute times numeric\n@attribute calm");
    let mut row = 0;
    let mut attributes = String::new();
    for line in text.lines() {
        if line.starts_with(|c: char| c.is_ascii_digit()) {
            let cells: Vec<&str> = line.split(',').collect();
            writeln!(attributes, "{},{},{}", cells[..3].join(","), row % 3, cells[3..].join(",")).unwrap();
            row += 1;
        } else {
            writeln!(attributes, "{line}").unwrap();
        }
    }
    let attributes = folder.file("weighted.arff", &attributes);
    let same =
        kept(&model, &[&[attributes.as_str(), "--labels", "4", "--weights", "times"], &how[..]].concat());
    assert_eq!(same["model"], weighted["model"]);
    assert_eq!(object(&["certify", &model, &table])["notes"][0], "the data are those of the fit");
    folder.snapshot(
        "ranking_scaled",
        &told(&[&["fit", TRAIN, "--labels", "4", "--scale", "standardize", "--quiet"], &how[..]].concat()),
    );
}

#[test]
fn columns_that_are_no_labels_are_refused_with_their_place() {
    let folder = Folder::new();
    let mut all = String::new();
    let files = [
        ("2", "x,a,b\n1,0,1\n2,1,0\n3,2,1\n4,0,3\n", "[a, b] ~ ."),
        ("minus", "x,a,b\n1,0,1\n2,1,-1\n3,1,-1\n", "[a, b] ~ ."),
        ("half", "x,a,b\n1,0,0.5\n2,1,0\n", "[a, b] ~ ."),
        ("places", "x,l1,l2,l3\n1,0,2,-1\n2,3,-1,-1\n3,1,0,2\n", "[l1, l2, l3] ~ ."),
        ("text", "x,a,b\n1,yes,1\n2,no,0\n3,no,1\n", "[a, b] ~ ."),
        ("missing", "x,a,b\n1,0,1\n2,,0\n3,1,0\n", "[a, b] ~ ."),
        ("infinite", "x,a,b\n1,0,1\n2,inf,0\n3,1,0\n", "[a, b] ~ ."),
        ("nan", "x,a,b\n1,0,1\nNaN,1,0\n3,1,0\n", "[a, b] ~ ."),
        ("one", "x,a,b\n1,0,1\n2,1,0\n", "a ~ x"),
        ("same", "x,a,a\n1,0,1\n2,1,0\n", "[a] ~ ."),
        ("target", "x,a,b\n1,0,1\n2,1,0\n", "[a, b] ~ x + a"),
        ("weights", "x,w,a,b\n1,1,0,1\n2,-1,1,0\n", "[a, b] ~ x --weights w"),
    ];
    for (name, text, formula) in files {
        let file = folder.file(&format!("{name}.csv"), text);
        let (formula, more) = formula.split_once(" --").map_or((formula, None), |(f, m)| (f, Some(m)));
        let more: Vec<String> = more.map(|m| format!("--{m}")).into_iter().collect();
        let more: Vec<&str> = more.iter().flat_map(|m| m.split(' ')).collect();
        let arguments = [&["fit", &file, formula, "--loss", "bpmll"], &more[..]].concat();
        writeln!(all, "# {name}\n{}", told(&arguments)).unwrap();
    }
    let lists = [
        ("empty.svm", "1,,4 1:1\n2 1:2\n"),
        ("padded.svm", "1,4,2 1:1\n3,2,-1 1:2\n"),
        ("none.svm", "1:1\n1:2\n"),
        ("one.svm", "7 1:1\n1:2\n"),
        ("nan.svm", "1,4 1:nan\n2 1:2\n"),
    ];
    for (name, text) in lists {
        let file = folder.file(name, text);
        writeln!(all, "# {name}\n{}", told(&["fit", &file, "--loss", "bpmll"])).unwrap();
    }
    folder.snapshot("ranking_data", &all);
    let file = folder.file("again.csv", "x,a,b\n1,0,1\n2,1,0\n3,2,1\n");
    let found = object(&["fit", &file, "[a, b] ~ .", "--loss", "bpmll"]);
    assert_eq!((&found["code"], &found["diagnosis"]["evidence"]["row"]), (&json!("SF205"), &json!(3)));
}

#[test]
fn what_does_not_go_with_a_model_of_labels_is_refused_with_a_way_out() {
    let folder = Folder::new();
    let (model, lists, formula) = (folder.path("clips.model"), folder.path("lists"), folder.path("formula"));
    kept(&model, &[TRAIN, "--labels", "4", "--loss", "bpmll"]);
    let svm = folder.file("clips.svm", &svm(TRAIN));
    kept(&lists, &[&svm, "--loss", "bpmll"]);
    let table = folder.file("clips.csv", &csv(TRAIN));
    kept(&formula, &[&table, "[calm, happy] ~ log(tempo)", "--loss", "bpmll"]);
    let sales = folder.path("sales");
    assert_eq!(code(&["fit", "data/sales.csv", "sales ~ temp", "-o", &sales, "--quiet"]), 0);
    let lacking = folder.file("lacking.csv", &csv(TEST).replace("loudness", "volume"));
    let lacking_arff = std::fs::read_to_string(super::root().join(TEST)).unwrap();
    let lacking_arff = folder.file("lacking.arff", &lacking_arff.replace("brightness", "Brightness"));
    let unlabelled = folder.file("new.csv", "loudness,tempo,brightness\n0.5,1,0.25\n,2,0.5\n");
    let stranger = folder.file("stranger.svm", "1,9 1:0.5\n");
    let beyond = folder.file("beyond.svm", "1 1:0.5 9:2\n");
    let (new, packed) = (folder.path("new.svm"), folder.path("new.arff.gz"));
    let cases: [&[&str]; 22] = [
        &["predict", &model, TEST, "--proba"],
        &["predict", &model, TEST, "--top", "5"],
        &["predict", &model, TEST, "--top", "0"],
        &["predict", &sales, "data/sales.csv", "--ranks"],
        &["predict", &model, &lacking],
        &["predict", &model, &lacking_arff],
        &["predict", &model, &svm],
        &["predict", &model, TEST, "--missing", "mean"],
        &["predict", &formula, TEST],
        &["predict", &model, &unlabelled],
        &["predict", &model, &unlabelled, "--missing", "drop", "--labels", "--ranks"],
        &["predict", &model, &unlabelled, "--missing", "mean", "--quiet"],
        &["predict", &model, &unlabelled, "--missing", "drop", "-o", &new, "--quiet"],
        &["predict", &model, TEST, "-o", &new, "--scores"],
        &["predict", &model, TEST, "-o", &packed],
        &["predict", &lists, &beyond],
        &["certify", &lists, &stranger],
        &["certify", &model, &unlabelled],
        &["certify", &model, TRAIN, "--labels", "4"],
        &["certify", &model, TRAIN, "--missing", "drop"],
        &["fit", TRAIN, "--labels", "4", "--loss", "bpmll", "--weights", "time"],
        &["fit", TRAIN, "--labels", "4", "--loss", "bpmll", "--weights", "calm"],
    ];
    let mut all = String::new();
    for arguments in cases {
        let name = |text: &&str| text.rsplit('/').next().unwrap_or_default().to_owned();
        let typed: Vec<String> = arguments.iter().map(name).collect();
        writeln!(all, "# {}\n{}", typed.join(" "), told(arguments)).unwrap();
    }
    folder.snapshot("ranking_model_refused", &all);
}

#[test]
fn coefficients_of_others_are_certified_for_labels_too() {
    let folder = Folder::new();
    let found =
        object(&["fit", TRAIN, "--labels", "4", "--loss", "bpmll", "--penalty", "0.1", "--gap", "1e-9"]);
    let line = |name: &str, of: &Value| {
        let numbers: Vec<String> = MOODS.iter().map(|mood| of[mood].to_string()).collect();
        format!("{name},{}\n", numbers.join(","))
    };
    let mut text = format!("term,{}\n", MOODS.join(","));
    text += &line("(intercept)", &found["model"]["intercept"]);
    for name in FEATURES {
        text += &line(name, &found["model"]["coefficients"][name]);
    }
    let good = folder.file("good.csv", &text);
    let zero = folder
        .file("zero.csv", "term,calm,happy,sad,tense\ntempo,0,0,0,0\nbrightness,0,0,0,0\nloudness,0,0,0,0\n(intercept),0,0,0,0\n");
    let how = ["--labels", "4", "--loss", "bpmll", "--penalty", "0.1"];
    let mut all = String::new();
    for file in [&good, &zero] {
        let arguments = [&["certify", file, TRAIN], &how[..], &["--quiet"]].concat();
        writeln!(all, "{}", told(&arguments)).unwrap();
    }
    let table = folder.file("clips.csv", &csv(TRAIN));
    let how = ["--loss", "bpmll", "--penalty", "0.1", "--quiet"];
    assert_eq!(code(&[&["certify", &good, &table, FORMULA], &how[..]].concat()), 0);
    folder.snapshot("ranking_coefficients", &all);
}

/// Scores as far from 0 as coefficients and columns make them.
#[test]
fn columns_of_a_million_and_of_a_millionth_are_fitted_and_certified() {
    let folder = Folder::new();
    let mut text = format!("{},{}\n", FEATURES.join(","), MOODS.join(","));
    for row in rows(TRAIN) {
        let far = [row[0] * 1e6 - 2e6, row[1] * 1e-6, row[2] + 1e6];
        let cells = far.iter().chain(&row[3..]).map(f64::to_string).collect::<Vec<_>>();
        writeln!(text, "{}", cells.join(",")).unwrap();
    }
    let file = folder.file("far.csv", &text);
    let how = ["--penalty", "0.1"];
    for loss in ["bpmll", "lsep", "log1p-bpmll", "zlpr", "pairwise-squared-hinge", "pairwise-logistic"] {
        let near = ["fit", TRAIN, "--labels", "4", "--loss", loss, "--scale", "standardize"];
        let far = ["fit", &file, FORMULA, "--loss", loss, "--scale", "standardize"];
        let [near, far] = [object(&[&near, &how[..]].concat()), object(&[&far, &how[..]].concat())];
        assert_eq!((&near["verdict"], &far["verdict"]), (&json!("certified"), &json!("certified")), "{loss}");
        let objective = |of: &Value| of["certificate"]["objective"].as_f64().unwrap();
        assert!((objective(&near) / objective(&far) - 1.0).abs() < 2e-6, "{loss}");
    }
}

/// Penalties, thresholds, weights of labels and labels that are left out, for each kind of file, with units and models.
#[test]
fn paths_thresholds_and_labels_left_out_go_with_every_file_and_with_scales_and_models() {
    let folder = Folder::new();
    let (table, lists) = (folder.file("t.csv", &csv(TRAIN)), folder.file("t.svm", &svm(TRAIN)));
    let (test_table, test_lists) = (folder.file("u.csv", &csv(TEST)), folder.file("u.svm", &svm(TEST)));
    let files = [
        (vec![TRAIN, "--labels", "4"], TEST, ["calm", "tense"]),
        (vec![table.as_str(), FORMULA], test_table.as_str(), ["calm", "tense"]),
        (vec![lists.as_str()], test_lists.as_str(), ["1", "4"]),
    ];
    let more =
        "--loss bpmll --penalty 0.01..1:3 --choose average-precision --scale standardize --divisor usable";
    let more: Vec<&str> = more.split(' ').collect();
    let answer = |held: bool, (data, test, [first, last]): &(Vec<&str>, &str, [&str; 2])| {
        let weight = format!("{first}=2");
        let mut given = [&["fit"], &data[..], &more[..]].concat();
        given.extend(["--drop-label", *last, "--label-weights", &weight, "--test", *test]);
        if held {
            given.extend(["--validate", *test]);
        }
        let found = object(&given);
        assert_eq!(found["verdict"], "certified", "{given:?}");
        let mut test = found["test"].clone();
        test["file"] = Value::Null;
        (found["ranking"].clone(), test, found["certificate"]["objective"].clone())
    };
    for held in [false, true] {
        let wanted = answer(held, &files[0]);
        assert_eq!(answer(held, &files[1]), wanted);
        let (ranking, test, objective) = answer(held, &files[2]);
        // Sparse rows are solved in their own units.
        let near = |a: &Value, b: &Value| (a.as_f64().unwrap() / b.as_f64().unwrap() - 1.0).abs() < 2e-6;
        assert!(near(&objective, &wanted.2), "{objective} {}", wanted.2);
        for name in ["ranking_loss", "average_precision"] {
            assert!(near(&ranking[name], &wanted.0[name]) && near(&test[name], &wanted.1[name]), "{name}");
        }
    }
    let model = folder.path("m");
    let path = ["--loss", "bpmll", "--penalty", "0.01..1:3", "--choose", "hamming", "--scale", "minmax"];
    for rule in ["per-label", "top-2", "-0.25", "least-squares"] {
        let mut given = [&[TRAIN, "--labels", "4"], &path[..]].concat();
        given.extend(["--drop-label", "tense", "--threshold", rule]);
        let found = kept(&model, &given);
        let again = object(&["certify", &model, TRAIN]);
        assert_eq!(again["verdict"], "certified", "{rule}");
        assert_eq!(again["ranking"], found["ranking"], "{rule}");
        let text = printed(&["predict", &model, TEST, "--quiet"]);
        assert!(text.starts_with("calm,happy,sad\n"), "{text}");
        let given: Vec<usize> = text.lines().skip(1).map(|row| row.matches('1').count()).collect();
        assert!(rule != "top-2" || given.iter().all(|count| *count == 2), "{text}");
    }
}

/// A label that none of the rows has is given to none by `per-label`, also by a model that was kept.
#[test]
fn a_label_without_rows_is_not_certified_and_its_threshold_is_kept() {
    let folder = Folder::new();
    let rows = "x,a,b,never\n0.1,1,0,0\n0.9,1,1,0\n0.4,0,1,0\n0.7,0,1,0\n0.2,1,0,0\n0.5,0,0,0\n";
    let data = folder.file("rows.csv", rows);
    let model = folder.path("m");
    let fit = ["fit", &data, "[a, b, never] ~ .", "--loss", "zlpr", "--penalty", "0.1", "--quiet"];
    let fit = [&fit[..], &["--threshold", "per-label", "-o", &model]].concat();
    let mut all = format!("# fit\n{}", told(&fit));
    assert_eq!((code(&fit), code(&["certify", &model, &data])), (4, 4));
    writeln!(all, "# certify\n{}", told(&["certify", &model, &data, "--quiet"])).unwrap();
    writeln!(all, "# predict\n{}", told(&["predict", &model, &data, "--quiet"])).unwrap();
    let table = ["fit", &data, "[a, b, never] ~ .", "--loss", "bpmll", "--drop-label", "never", "--quiet"];
    writeln!(all, "# fit without it\n{}", told(&table)).unwrap();
    for more in ["-o m2", "--hidden 2 -o m2"] {
        let more: Vec<&str> = more.split(' ').collect();
        writeln!(all, "# {}\n{}", more.join(" "), told(&[&table[..], &more].concat())).unwrap();
    }
    let absent = ["fit", &data, "[a, b, never] ~ . - 1", "--loss", "bpmll", "--hidden", "2", "--quiet"];
    writeln!(all, "# - 1\n{}", told(&absent)).unwrap();
    let twice = "fit - l~. --loss bpmll --penalty 0.1..1:2 --choose hamming --validate -";
    let twice: Vec<&str> = twice.split(' ').collect();
    writeln!(all, "# -\n{}", told(&twice)).unwrap();
    folder.snapshot("ranking_together", &all);
}

#[test]
fn labels_without_a_finite_intercept_are_told_with_their_rows_and_what_mends_it() {
    let folder = Folder::new();
    // Rows with c and d have a and b; only the last row of the second file has a pair with b.
    let groups = folder.file("groups.csv", "x,a,b,c,d\n1,1,0,0,0\n2,0,1,0,0\n3,1,1,1,0\n5,1,1,0,1\n");
    let pairs = folder.file("pairs.csv", "x,a,b\n1,1,0\n2,1,0\n3,1,0\n4,0,0\n5,0,0\n0,1,1\n");
    let none = folder.file("none.csv", "x,a,b\n1,1,1\n2,0,0\n0,1,1\n");
    let mut all = String::new();
    for (file, formula, loss, exit) in [
        (&groups, "[a, b, c, d] ~ x", "bpmll", 4),
        (&pairs, "[a, b] ~ x", "bpmll", 4),
        (&none, "[a, b] ~ x", "bpmll", 0),
        (&none, "[a, b] ~ x", "zlpr", 0),
        // Hinges are 0 from a finite distance on.
        (&groups, "[a, b, c, d] ~ x", "pairwise-hinge", 0),
        (&groups, "[a, b, c, d] ~ x", "pairwise-squared-hinge", 0),
    ] {
        let arguments = ["fit", file, formula, "--loss", loss, "--quiet"];
        assert_eq!(code(&arguments), exit, "{file} {loss}");
        if file == &pairs {
            let text = told(&arguments).split_whitespace().collect::<Vec<_>>().join(" ");
            let says = "`b` is in no row with a pair of labels; `a` is in every row with a pair of labels";
            assert!(text.contains(says) && text.contains("--penalize-intercept"), "{text}");
        }
        if file == &pairs || loss.starts_with("pairwise") {
            continue;
        }
        writeln!(all, "# {loss}\n{}", told(&arguments)).unwrap();
    }
    for more in [&["--drop-label", "c", "--drop-label", "d"][..], &["--penalize-intercept"][..]] {
        let fit = ["fit", &groups, "[a, b, c, d] ~ x", "--loss", "bpmll"];
        assert_eq!(code(&[&fit[..], more].concat()), 0, "{more:?}");
    }
    let measures = object(&["fit", &none, "[a, b] ~ x", "--loss", "zlpr"]);
    assert!(measures["ranking"]["ranking_loss"].is_null());
    folder.snapshot("labels_adrift", &all);
}

#[test]
fn a_column_in_whose_units_the_penalty_means_nothing_is_named_with_the_scale_that_helps() {
    let folder = Folder::new();
    let rows = "x,a,b\n3.4e38,1,0\n-3.4e38,0,1\n1e38,1,0\n-1e38,1,0\n2,0,1\n";
    let far = folder.file("far.csv", rows);
    let beyond = folder.file("beyond.csv", &rows.replace("e38", "e300"));
    let fit = |file: &str, more: &[&str]| {
        told(&[&["fit", file, "[a, b] ~ x", "--loss", "bpmll", "--quiet"], more].concat())
    };
    assert!(fit(&far, &["--scale", "standardize"]).starts_with("exit 0"));
    folder.snapshot("far_units", &[fit(&far, &[]), fit(&beyond, &[])].concat());
}

#[test]
fn predictions_are_written_under_names_of_text_alone_and_rows_without_a_rule_say_so() {
    let folder = Folder::new();
    let model = folder.path("clips.model");
    assert_eq!(code(&["fit", TRAIN, "--labels", "4", "--loss", "bpmll", "-o", &model]), 0);
    let predict = |output: &str| told(&["predict", &model, TRAIN, "-o", &folder.path(output)]);
    let mut all: String = ["p.csv.gz", "p.parquet", "p.arff.gz", "p.tsv"].map(predict).concat();
    assert_eq!(all.matches("exit 2").count(), 4, "{all}");
    all += &told(&["predict", &model, TRAIN, "--missing", "drop"]);
    let (file, line) = (folder.path("p.arff"), folder.path("line.model"));
    let done = object(&["predict", &model, TRAIN, "-o", &file]);
    assert_eq!((&done["verdict"], &done["rows"], &done["file"]), (&"done".into(), &40.into(), &file.into()));
    assert_eq!(code(&["fit", "data/sales.csv", "sales ~ temp", "-o", &line]), 0);
    all += &told(&["predict", &line, "data/sales.csv", "-o", &folder.path("line.arff")]);
    let labels = folder.file("labels.csv", "x,a,b\n1,1,0\n2,0,1\n3,0,1\n");
    all += &told(&["fit", &labels, "[a, b] ~ x", "--loss", "bpmll", "--label-weights", "tense=1"]);
    let done = object(&["predict", &line, "data/sales.csv", "-o", &folder.path("p.csv")]);
    assert_eq!((&done["rows"], &done["columns"]), (&12.into(), &1.into()));
    folder.snapshot("predict_forms", &all);
}

#[test]
fn a_file_of_label_names_that_was_cut_is_refused() {
    let folder = Folder::new();
    let names = ["calm", "happy", "sad", "tense"].map(|name| format!("<label name=\"{name}\"></label>\n"));
    let whole = format!("<labels>\n{}</labels>\n", names.concat());
    let fit = |name: &str, content: &str| {
        told(&["fit", TRAIN, "--labels", &folder.file(name, content), "--loss", "bpmll", "--quiet"])
    };
    assert!(fit("whole.xml", &whole).starts_with("exit 0"));
    let all = [
        fit("end.xml", whole.trim_end().trim_end_matches("</labels>")),
        fit("tag.xml", &whole.replacen("name=\"sad\">", "name=\"sad\"", 1)),
    ]
    .concat();
    assert_eq!(all.matches("exit 3").count(), 2, "{all}");
    folder.snapshot("cut_names", &all);
}
