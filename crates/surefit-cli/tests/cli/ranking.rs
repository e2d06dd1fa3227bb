//! Rankings of labels: rows with sets of labels from ARFF files, fitted, measured and told.

use super::{Folder, code, object, surefit, tell, told};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

const CLIPS: [&str; 4] = ["fit", "data/clips-train.arff", "--labels", "4"];

/// The clips with further arguments, written as on a command line, without quotes.
fn clips(more: &str) -> Vec<&str> {
    [&CLIPS[..], &more.split_whitespace().collect::<Vec<_>>()].concat()
}

#[test]
fn labels_are_ranked_and_told_by_the_measures_beside_their_frequencies() {
    let folder = Folder::new();
    let mut all = String::new();
    for more in [
        "--loss bpmll --gap 1e-9 --test data/clips-test.arff",
        "--loss lsep --penalty 0.1 --gap 1e-9 --quiet",
        "--loss log1p-bpmll --penalty 0.1 --penalize-intercept --gap 1e-9 --quiet",
        "--loss zlpr --penalty 0.1 --gap 1e-9 --test data/clips-test.arff --quiet",
        "--loss pairwise-squared-hinge --penalty 0.1 --gap 1e-9 --quiet",
        "--loss pairwise-logistic --penalty 0.1 --gap 1e-9 --solver lbfgs --quiet",
        "--loss pairwise-hinge --penalty 0.1 --gap 1e-6 --quiet",
        "--loss global-threshold --penalty 0.1 --gap 1e-9 --quiet",
        "--loss label-logistic --penalty 0.1 --gap 1e-9 --quiet",
    ] {
        writeln!(all, "# {more}\n{}", told(&clips(more))).unwrap();
    }
    folder.snapshot("ranking", &all);
}

#[test]
fn a_narrow_screen_keeps_the_measures_of_the_answer() {
    let mut command = surefit(&clips("--loss bpmll --penalty 0.1 --gap 1e-9 --quiet"));
    Folder::new().snapshot("ranking_narrow", &tell(&command.env("COLUMNS", "40").output().unwrap()));
}

#[test]
fn a_penalty_is_chosen_by_a_measure_in_folds_or_on_a_file() {
    let folder = Folder::new();
    let mut all = String::new();
    for more in [
        "--loss bpmll --penalty 1e-3..10:5 --choose ranking-loss --gap 1e-9 --quiet",
        "--loss bpmll --penalty 1e-3..10:3 --choose micro-f1 --folds 3 --threshold per-label --gap 1e-9 --quiet",
        "--loss zlpr --penalty 1e-3..10:3 --choose hamming --validate data/clips-test.arff --gap 1e-9 --quiet",
        "--loss lsep --penalty 1e-3..10:3 --choose cv --gap 1e-9 --quiet",
    ] {
        writeln!(all, "# {more}\n{}", told(&clips(more))).unwrap();
    }
    folder.snapshot("ranking_choice", &all);
}

/// What the table says of a penalty on `--validate` is what `--test` says of that penalty alone.
#[test]
fn a_measure_on_a_file_is_that_of_each_penalty_alone() {
    for (loss, choose, key, more) in [
        ("bpmll", "ranking-loss", "ranking_loss", ""),
        ("bpmll", "hamming", "hamming_loss", ""),
        ("lsep", "macro-f1", "macro_f1", "--threshold per-label"),
        ("zlpr", "subset-accuracy", "subset_accuracy", "--threshold top-2"),
    ] {
        let search = format!(
            "--loss {loss} --penalty 1e-2..1:3 --choose {choose} --validate data/clips-test.arff {more} --gap 1e-9"
        );
        let found = object(&clips(&search));
        let path = found["path"].as_array().unwrap();
        let value = |of: &Value| of.as_f64().unwrap();
        let sign = if matches!(choose, "macro-f1" | "subset-accuracy") { -1.0 } else { 1.0 };
        for point in path {
            let alone = format!(
                "--loss {loss} --penalty {} --test data/clips-test.arff {more} --gap 1e-9",
                value(&point["penalty"])
            );
            let alone = object(&clips(&alone));
            assert!(
                (value(&point["measure"]) - value(&alone["test"][key])).abs() < 1e-12,
                "{choose} {point}"
            );
        }
        let best = path.iter().map(|point| sign * value(&point["measure"])).fold(f64::INFINITY, f64::min);
        assert!((sign * value(&found["choice"]["measure"]) - best).abs() < 1e-15, "{choose}");
        let chosen = path.iter().find(|point| sign * value(&point["measure"]) <= best).unwrap();
        assert_eq!(found["choice"]["penalty"], chosen["penalty"], "{choose}: the largest of equals");
        assert_eq!((&found["verdict"], &found["choice"]["by"]), (&json!("certified"), &json!(key)));
    }
}

#[test]
fn thresholds_are_as_asked_for_and_told() {
    let folder = Folder::new();
    let mut all = String::new();
    for rule in ["least-squares", "0", "-0.25", "top-1", "top-2", "per-label"] {
        let arguments = clips("--loss bpmll --penalty 0.1 --gap 1e-9 --test data/clips-test.arff --quiet");
        let arguments = [&arguments[..], &["--threshold", rule]].concat();
        let text = told(&arguments);
        let sets = |line: &&str| {
            ["Hamming", "subset", "F1", "a row is", "scores", "rows of the fit"]
                .iter()
                .any(|word| line.contains(word))
        };
        let lines: Vec<&str> = text.lines().filter(sets).collect();
        writeln!(all, "# {rule}\n{}\n", lines.join("\n")).unwrap();
        let found = object(&arguments);
        writeln!(all, "{}\n", found["ranking"]["threshold"]).unwrap();
    }
    folder.snapshot("ranking_thresholds", &all);
}

#[test]
fn labels_have_weights_and_can_be_left_out() {
    let fit = |more: &str| object(&clips(&format!("--loss bpmll --penalty 0.1 --gap 1e-9 {more}")));
    let plain = fit("");
    let objective = |of: &Value| of["certificate"]["objective"].as_f64().unwrap();
    let ones = fit("--label-weights calm=1 --label-weights sad=1");
    assert!((objective(&plain) - objective(&ones)).abs() < 1e-8 * objective(&plain));
    let weighed = fit("--label-weights calm=4 --label-weights sad=0.25");
    assert_eq!(weighed["verdict"], "certified");
    assert!((objective(&weighed) - objective(&plain)).abs() > 1e-3);
    assert_eq!(weighed["notes"][0], "weights of labels: `calm` 4, `sad` 0.25, others 1");
    let fewer = fit("--drop-label tense");
    assert_eq!((&fewer["verdict"], &fewer["columns"]), (&json!("certified"), &json!(3)));
    assert_eq!(
        fewer["model"]["intercept"].as_object().unwrap().keys().collect::<Vec<_>>(),
        ["calm", "happy", "sad"]
    );
}

/// The sum of the losses over n and λ, and over the rows with a pair and λ·n over their number, have the same answer.
#[test]
fn the_divisor_of_usable_rows_is_stated_and_its_command_has_the_same_answer() {
    let folder = Folder::new();
    let all = object(&clips("--loss bpmll --penalty 0.1 --gap 1e-12"));
    let command = all["findings"][0]["remedies"][0]["command"].as_str().unwrap().to_owned();
    let usable = object(&clips(&format!("--loss bpmll --gap 1e-12 {command}")));
    for (term, of_term) in all["model"]["coefficients"].as_object().unwrap() {
        for (label, value) in of_term.as_object().unwrap() {
            let (a, b) =
                (value.as_f64().unwrap(), usable["model"]["coefficients"][term][label].as_f64().unwrap());
            assert!((a - b).abs() < 1e-5, "{term} {label}: {a} {b}");
        }
    }
    let [a, b] = [&all, &usable].map(|of| of["certificate"]["objective"].as_f64().unwrap());
    assert!((a * 40.0 - b * 36.0).abs() < 1e-9 * a, "{a} {b}");
    assert_eq!(usable["findings"][0]["evidence"]["divisor"], json!(36.0));
    folder.snapshot("ranking_divisor", &told(&clips("--loss bpmll --divisor usable --gap 1e-9")));
}

#[test]
fn a_network_is_trained_measured_and_told_to_have_no_certificate() {
    let folder = Folder::new();
    let mut all = String::new();
    for more in [
        "--loss bpmll --hidden 5 --penalty 0.001 --test data/clips-test.arff --quiet",
        "--loss zlpr --hidden 3 --epochs 4 --learning-rate 0.1 --validate data/clips-test.arff --seed 2",
        "--loss bpmll --hidden 0",
        "--loss bpmll --hidden 5 --gap 1e-6",
        "--loss bpmll --hidden 5 --max-iter 5",
        "--loss bpmll --hidden 5 --penalty 1e-3..1:3 --choose cv",
        "--loss bpmll --hidden 5 --penalty 1e-3..1:3",
        "--loss bpmll --hidden 5 --hold-out 0.001",
        "--loss bpmll --hidden 5 --hold-out 0.2 --validate data/clips-test.arff",
        "--loss bpmll --epochs 5",
    ] {
        writeln!(all, "# {more}\n{}", told(&clips(more))).unwrap();
    }
    folder.snapshot("ranking_network", &all);
    let run = |more: &str| {
        let mut found = object(&clips(&format!("--loss bpmll --hidden 5 --penalty 0.001 {more}")));
        found["seconds"] = 0.into();
        found
    };
    let found = run("");
    assert_eq!((&found["verdict"], &found["code"]), (&json!("uncertified"), &json!("SF302")));
    assert_eq!(found["certificate"], Value::Null);
    assert_eq!(found["network"]["features"].as_array().unwrap().len(), 3 * 5);
    assert_eq!(found["network"]["units"].as_array().unwrap().len(), 5 * 4);
    assert_eq!(found, run("--threads 1"));
    assert_ne!(found["network"], run("--seed 1")["network"]);
}

/// The measures of Zhang and Zhou's paper and of sets, by their definitions, from the coefficients in the object: of
/// `zlpr`, whose threshold is 0.
#[test]
fn the_measures_are_those_of_the_coefficients() {
    let found = object(&clips("--loss zlpr --penalty 0.1 --test data/clips-test.arff"));
    assert_eq!(found["ranking"]["threshold"], json!({"weights": null, "bias": 0.0}));
    for (measured, file) in [(&found["ranking"], "train"), (&found["test"], "test")] {
        let expected = by_definition(&found["model"], &format!("data/clips-{file}.arff"));
        for (name, value) in expected {
            let told = measured[name].as_f64().unwrap();
            assert!((told - value).abs() < 1e-12, "{file} {name}: {told} is not {value}");
        }
    }
}

const FEATURES: [&str; 3] = ["tempo", "brightness", "loudness"];
const MOODS: [&str; 4] = ["calm", "happy", "sad", "tense"];

/// A score, and whether the row has the label.
type Scored = (f64, bool);

fn by_definition(model: &Value, file: &str) -> [(&'static str, f64); 4] {
    let text = std::fs::read_to_string(super::root().join(file)).unwrap();
    let rows: Vec<Vec<f64>> = text
        .lines()
        .filter(|line| line.starts_with(|c: char| c.is_ascii_digit()))
        .map(|line| line.split(',').map(|cell| cell.parse().unwrap()).collect())
        .collect();
    let (mut wrong, mut exact, mut disordered, mut missed, mut with_pair) = (0.0, 0.0, 0.0, 0.0, 0.0);
    for row in &rows {
        let score = |label: &str| {
            let terms = FEATURES.iter().zip(row);
            model["intercept"][label].as_f64().unwrap()
                + terms.map(|(f, x)| x * model["coefficients"][f][label].as_f64().unwrap()).sum::<f64>()
        };
        let all: Vec<Scored> =
            MOODS.iter().zip(&row[3..]).map(|(label, has)| (score(label), *has > 0.5)).collect();
        let errors = all.iter().filter(|(s, has)| (*s > 0.0) != *has).count() as f64;
        wrong += errors / 4.0;
        exact += f64::from(u8::from(errors < 0.5));
        let (own, others): (Vec<Scored>, Vec<Scored>) = all.iter().partition(|(_, has)| *has);
        if own.is_empty() || others.is_empty() {
            continue;
        }
        with_pair += 1.0;
        let worse = |k: &Scored| others.iter().filter(|l| l.0 >= k.0).count() as f64;
        disordered += own.iter().map(worse).sum::<f64>() / (own.len() * others.len()) as f64;
        let best = |of: &[Scored]| of.iter().map(|(s, _)| *s).fold(f64::NEG_INFINITY, f64::max);
        missed += f64::from(u8::from(best(&others) >= best(&own)));
    }
    let n = rows.len() as f64;
    [
        ("hamming_loss", wrong / n),
        ("subset_accuracy", exact / n),
        ("ranking_loss", disordered / with_pair),
        ("one_error", missed / with_pair),
    ]
}

#[test]
fn the_object_of_a_ranking_is_keyed_by_labels_and_has_the_measures() {
    let mut found = object(&clips("--loss bpmll --penalty 0.1 --test data/clips-test.arff"));
    assert_eq!((&found["rows"], &found["columns"]), (&json!(40), &json!(3)));
    assert_eq!(found["findings"][0]["code"], "SF209");
    for feature in FEATURES {
        for mood in MOODS {
            assert!(found["model"]["coefficients"][feature][mood].is_f64(), "{feature} {mood}");
        }
    }
    assert_eq!(found["ranking"]["threshold"]["weights"].as_array().unwrap().len(), 4);
    let keys = |of: &Value| of.as_object().unwrap().keys().cloned().collect::<Vec<_>>().join(" ");
    found["version"] = "…".into();
    let told = format!(
        "all: {}\nranking: {}\ntest: {}\nby_frequency: {}\n",
        keys(&found),
        keys(&found["ranking"]),
        keys(&found["test"]),
        keys(&found["test"]["by_frequency"])
    );
    Folder::new().snapshot("ranking_object", &told);
}

#[test]
fn labels_are_chosen_by_name_by_number_and_by_mulans_xml_file() {
    let folder = Folder::new();
    let xml = "<labels xmlns=\"http://mulan.sourceforge.net/labels\">\n<label name=\"calm\"></label>\n\
               <label name=\"happy\"></label>\n<label name=\"sad\"></label>\n<label name=\"tense\"></label>\n</labels>\n";
    let xml = folder.file("moods.xml", xml);
    let fitted = |labels: &str| {
        let mut found = object(&["fit", "data/clips-train.arff", "--loss", "bpmll", "--labels", labels]);
        found["seconds"] = 0.into();
        found
    };
    let by_number = fitted("4");
    assert_eq!(by_number["verdict"], "certified");
    assert_eq!(fitted("calm,happy,sad,tense"), by_number);
    assert_eq!(fitted(&xml), by_number);
    let two = object(&["fit", "data/clips-train.arff", "--loss", "bpmll", "--labels", "sad,calm"]);
    assert_eq!(two["columns"], 5);
}

#[test]
fn the_same_bits_at_any_number_of_threads() {
    let of = |threads: &str| {
        let mut found = object(&clips(&format!("--loss bpmll --threads {threads}")));
        found["seconds"] = 0.into();
        found
    };
    assert_eq!(of("1"), of("4"));
}

/// `never` is in no row, and the last row has no label.
const UNBOUNDED: &str = "@relation r\n@attribute x numeric\n@attribute a {0,1}\n@attribute b {0,1}\n\
    @attribute c {0,1}\n@attribute never {0,1}\n@data\n\
    0.1,1,0,0,0\n0.9,1,1,0,0\n0.4,1,0,1,0\n0.7,0,0,1,0\n0.2,1,1,1,0\n0.5,0,0,0,0\n";

#[test]
fn labels_without_a_finite_intercept_and_rows_without_a_pair_are_named() {
    let folder = Folder::new();
    let data = folder.file("rows.arff", UNBOUNDED);
    let fit = ["fit", &data, "--labels", "4", "--loss", "bpmll", "--penalty", "0.1"];
    let found = object(&fit);
    // An answer beside which there is a better one, always, is not certified.
    assert_eq!((&found["verdict"], &found["code"]), (&json!("uncertified"), &json!("SF208")));
    assert_eq!(code(&fit), 4);
    let cause = &found["diagnosis"];
    assert_eq!(found["message"], "1 label has no finite intercept: `never` is in no row");
    assert_eq!(cause["evidence"]["never"], json!(["`never`"]));
    let codes: Vec<&Value> = found["findings"].as_array().unwrap().iter().map(|of| &of["code"]).collect();
    assert_eq!(codes, ["SF209"]);
    assert_eq!(found["findings"][0]["evidence"]["divisor"], json!(6.0));
    // Each remedy was run before it was printed, and its command does what it says.
    for remedy in cause["remedies"].as_array().unwrap() {
        let flags: Vec<&str> = remedy["command"].as_str().unwrap().split(' ').collect();
        let mended = object(&[&fit[..], &flags].concat());
        assert_eq!(mended["verdict"], "certified", "{flags:?}");
        let objective = mended["certificate"]["objective"].as_f64().unwrap();
        let told = remedy["change"].as_str().unwrap().rsplit(' ').next().unwrap().parse::<f64>().unwrap();
        assert!((objective / told - 1.0).abs() < 1e-5, "{flags:?} {objective} {told}");
    }
    assert_eq!(cause["remedies"].as_array().unwrap().len(), 2);
    let mut text = told(&[&fit[..], &["--gap", "1e-9"]].concat());
    text += &told(&[&fit[..], &["--penalize-intercept", "--gap", "1e-9", "--quiet"]].concat());
    folder.snapshot("ranking_findings", &text);
}

#[test]
fn an_answer_that_is_not_certified_is_told_in_twelve_lines() {
    let folder = Folder::new();
    let mut all = String::new();
    for more in ["--penalty 1e-3 --max-iter 1 --test data/clips-test.arff", "--penalty 0"] {
        let arguments = clips("--loss bpmll --quiet");
        let arguments = [&arguments[..], &more.split(' ').collect::<Vec<_>>()].concat();
        assert_eq!(code(&arguments), 4);
        writeln!(all, "# {more}\n{}", told(&arguments)).unwrap();
    }
    folder.snapshot("ranking_uncertified", &all);
}

#[test]
fn what_does_not_go_with_a_ranking_is_refused_with_a_way_out() {
    let folder = Folder::new();
    let mut all = String::new();
    for more in [
        "--loss hinge",
        "--loss bpmll --margin 2",
        "--loss bpmll --scale standardize --penalize-intercept",
        "--loss bpmll --scale-target",
        "--loss bpmll --penalty 1e-3..1:5",
        "--loss bpmll --penalty 1e-3..1:5 --choose test",
        "--loss bpmll --penalty 0.1 --choose hamming",
        "--loss bpmll --penalty 1e-3..1:5 --choose loo",
        "--loss bpmll --penalty 1e-3..1:5 --choose cv --validate data/clips-test.arff",
        "--loss bpmll --penalty 1e-3..1:5 --choose hamming --folds 3 --validate data/clips-test.arff",
        "--loss bpmll --threshold top-4",
        "--loss bpmll --threshold half",
        "--loss bpmll --label-weights calmm=2",
        "--loss bpmll --label-weights calm=0",
        "--loss bpmll --drop-label joyful",
        "--loss zlpr --divisor usable",
        "--loss bpmll --label-weights calm=2 -o model.safetensors",
        "--loss bpmll --divisor usable -o model.safetensors",
        "--loss bpmll --weights time",
        "--loss bpmll --missing drop",
        "--loss bpmll --zero-based",
        "--loss bpmll --delimiter ;",
        "--loss bpmll --memory-limit 1G",
        "--loss bpmll --solver dual-ascent",
        "--loss bpmll y~.",
        "--loss pairwise-hinge --solver dual-ascent",
        "--loss pairwise-hinge --penalty 0",
        "",
    ] {
        writeln!(all, "# {more}\n{}", told(&clips(more))).unwrap();
    }
    let others: [&[&str]; 10] = [
        &["fit", "data/clips-train.arff", "--loss", "bpmll"],
        &["fit", "data/clips-train.arff", "--loss", "bpmll", "--labels", "calm,joyful"],
        &["fit", "data/clips-train.arff", "--loss", "bpmll", "--labels", "0"],
        &["fit", "data/clips-train.arff", "--loss", "bpmll", "--labels", "1"],
        &["fit", "data/iris.csv", "species ~ .", "--loss", "bpmll"],
        &["fit", "data/iris.csv", "species ~ .", "--loss", "hinge", "--labels", "species"],
        &["fit", "data/sales.csv", "sales ~ temp", "--labels", "1"],
        &["fit", "data/sales.csv", "sales ~ temp", "--penalty", "1e-3..1:5", "--choose", "hamming"],
        &["fit", "data/iris.csv", "species ~ .", "--loss", "softmax", "--threshold", "0"],
        &["fit", "data/iris.csv", "species ~ .", "--loss", "softmax", "--choose", "one-error"],
    ];
    for arguments in others {
        writeln!(all, "# {}\n{}", arguments[1..].join(" "), told(arguments)).unwrap();
    }
    folder.snapshot("ranking_refused", &all);
}

#[test]
fn a_test_file_with_other_columns_or_labels_is_refused_before_the_fit() {
    let folder = Folder::new();
    let rows = std::fs::read_to_string(super::root().join("data/clips-test.arff")).unwrap();
    let other = folder.file("other.arff", &rows.replace("loudness", "volume"));
    let missing = folder.file("missing.arff", &rows.replace("@data\n", "@data\n?,0.5,0.5,1,0,0,0\n"));
    let mut all = String::new();
    for file in [&other, &missing] {
        writeln!(all, "{}", told(&[&clips("--loss bpmll --quiet --test")[..], &[file]].concat())).unwrap();
    }
    assert_eq!(code(&[&clips("--loss bpmll --quiet --test")[..], &[&other]].concat()), 3);
    folder.snapshot("ranking_other_test", &all);
}

pub(super) fn multilabel() -> Option<PathBuf> {
    let data = std::env::var("SUREFIT_DATA").unwrap_or_else(|_| "../../../shared/data".to_owned());
    let folder = Path::new(&data).join("multilabel");
    if let Ok(folder) = folder.canonicalize() {
        return Some(folder);
    }
    eprintln!("not run: {} is absent; name the folder of the data in SUREFIT_DATA", folder.display());
    None
}

/// Optima on the yeast data (A. Elisseeff and J. Weston 2001) with the penalty in standardised columns, and the measures on its 917 test
/// rows, found by a program in Python that knows nothing of surefit.
#[test]
fn the_optima_on_yeast_are_the_known_ones() {
    let Some(folder) = multilabel() else { return };
    let file = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    let (train, test) = (file("yeast-train.arff.gz"), file("yeast-test.arff.gz"));
    let labels = file("yeast.xml");
    for (loss, lambda, optimum) in [
        ("bpmll", "1e-1", 0.612_138_630_9),
        ("bpmll", "1e-2", 0.538_213_549_2),
        ("lsep", "1e-1", 2.883_598_835_29),
        ("log1p-bpmll", "1e-1", 0.465_630_744_641),
        ("zlpr", "1e-1", 3.339_997_850_358),
        ("pairwise-logistic", "1e-1", 0.402_604_658_83),
        ("pairwise-squared-hinge", "1e-1", 0.229_633_977_765),
    ] {
        let found = object(&[
            "fit",
            &train,
            "--labels",
            &labels,
            "--scale",
            "standardize",
            "--loss",
            loss,
            "--penalty",
            lambda,
            "--gap",
            "1e-9",
            "--test",
            &test,
        ]);
        assert_eq!(found["verdict"], "certified", "{loss} {lambda}");
        let objective = found["certificate"]["objective"].as_f64().unwrap();
        assert!((objective / optimum - 1.0).abs() < 2e-9, "{loss} {lambda}: {objective} is not {optimum}");
        if (loss, lambda) == ("bpmll", "1e-1") {
            for (name, expected, unit) in [
                ("ranking_loss", 0.173_92, 1e-5),
                ("one_error", 0.234_46, 1e-5),
                ("coverage", 6.461, 1e-3),
                ("average_precision", 0.754_08, 1e-5),
                ("hamming_loss", 0.2021, 1e-4),
            ] {
                let told = found["test"][name].as_f64().unwrap();
                assert!((told - expected).abs() < 0.51 * unit, "{name}: {told} is not {expected}");
            }
            let alone = found["test"]["by_frequency"]["ranking_loss"].as_f64().unwrap();
            assert!((alone - 0.209_99).abs() < 0.51e-5, "{alone}");
        }
    }
}
