//! Model files: what is saved comes back, and nothing else is ever taken for a model.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use faer::Mat;
use proptest::prelude::*;
use std::path::Path;
use surefit::certificate::{Record, certify};
use surefit::data::encode::Recipe;
use surefit::data::scale::Scale;
use surefit::data::{ClassList, Design, Rows};
use surefit::fit::Verdict;
use surefit::metrics::threshold::Threshold;
use surefit::model::{
    Fingerprint, Inputs, MixDistance, MixFacts, Model, SparseInputs, coefficients_from_csv,
};
use surefit::{Coefficients, Error, Intercept, LossKind, Problem, Ridge};

fn design() -> Design {
    let x = Mat::from_fn(5, 2, |i, j| [[1.0, 2.0], [2.0, 1.0], [3.0, 5.0], [4.0, 4.0], [5.0, 7.0]][i][j]);
    let y = Mat::from_fn(5, 2, |i, k| (i * i + k) as f64 / 3.0);
    Design { x, x_low: None, y, weights: None }
}

/// A recipe for number columns, as a file keeps it.
fn recipe(targets: &[&str], formula: &str) -> Recipe {
    let inputs = targets.iter().chain(&["temp", "größe [m²]"]);
    let inputs: Vec<_> =
        inputs.map(|name| serde_json::json!({"name": name, "kind": "number", "mean": 1.5})).collect();
    let saved = serde_json::json!({
        "formula": formula, "inputs": inputs, "missing": "error", "drop_reference": true,
    });
    serde_json::from_value(saved).unwrap()
}

fn model() -> Model {
    let coefficients = Coefficients {
        weights: Mat::from_fn(2, 2, |j, k| 0.1 + (j * 2 + k) as f64),
        intercept: vec![-1.5, 1e-300],
    };
    let problem =
        Problem { loss: LossKind::Squared, penalty: Ridge::uniform(0.25), intercept: Intercept::Free };
    let certificate = certify(&design(), &problem, &coefficients, 1e-6).unwrap().record();
    Model {
        coefficients,
        columns: vec!["temp".into(), "größe [m²]".into()],
        targets: vec!["sales".into(), "visits".into()],
        formula: "[sales, visits] ~ temp + `größe [m²]`".into(),
        classes: None,
        threshold: None,
        mix: None,
        inputs: Inputs::Table(Box::new(recipe(
            &["sales", "visits"],
            "[sales, visits] ~ 1 + temp + `größe [m²]`",
        ))),
        problem,
        scale: Scale::Standardize,
        certificate,
        verdict: Verdict::Uncertified,
        code: Some(surefit::diagnosis::Code::Sf103),
        data: Fingerprint::of(&design()).unwrap(),
        version: "0.1.0".into(),
    }
}

fn message(error: &Error) -> String {
    error.to_string()
}

#[test]
fn saved_model_comes_back_bit_for_bit() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("m.safetensors");
    model().save(&path).unwrap();
    assert_eq!(Model::load(&path).unwrap(), model());
    // Written over an older one, and nothing else is left in the directory.
    model().save(&path).unwrap();
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
}

#[test]
fn recorded_certificate_keeps_infinities_and_every_digit() {
    let mut kept = model();
    kept.certificate =
        Record { gap: f64::INFINITY, relative_gap: f64::INFINITY, bound: 0.0, ..kept.certificate };
    let bytes = kept.to_bytes().unwrap();
    assert_eq!(Model::from_bytes(&bytes, "m").unwrap(), kept);
    let json = serde_json::to_string(&kept.certificate).unwrap();
    assert!(json.contains("\"gap\":\"inf\""), "{json}");
}

#[test]
fn places_that_cannot_be_written_are_named_and_left_as_they_were() {
    let directory = tempfile::tempdir().unwrap();
    let refused = |path: &Path| {
        let error = model().save(path).unwrap_err();
        (message(&error).replace(&directory.path().display().to_string(), "DIR"), error.hints())
    };
    let (text, hints) = refused(&directory.path().join("missing/m.safetensors"));
    assert!(text.starts_with("cannot write DIR/missing/m.safetensors: there is no such file"), "{text}");
    assert_eq!(hints, ["create the directory first"]);
    let (text, hints) = refused(directory.path());
    assert_eq!(text, "cannot write DIR: it is a directory, not a file");
    assert_eq!(hints, ["give the name of a file, such as model.safetensors"]);
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
    #[cfg(unix)]
    {
        let (text, _) = refused(Path::new("/dev/full"));
        assert_eq!(text, "cannot write /dev/full: it is a device or a pipe, not a file");
    }
}

#[test]
fn a_model_with_a_number_that_is_none_is_not_written() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("m.safetensors");
    let mut broken = model();
    broken.coefficients.weights[(1, 0)] = f64::NAN;
    let error = broken.save(&path).unwrap_err();
    assert_eq!(message(&error), "this model cannot be saved: weights has NaN for `größe [m²]` of `sales`");
    assert!(!path.exists());
}

#[test]
fn foreign_files_are_refused_in_a_sentence() {
    let refused = |bytes: &[u8]| message(&Model::from_bytes(bytes, "f").unwrap_err());
    assert_eq!(refused(b""), "f is not a surefit model: it is empty");
    assert_eq!(refused(b"y,x"), "f is not a surefit model: it has 3 bytes");
    assert_eq!(refused(b"sales,temp\n215,14.2\n"), "f is not a surefit model: it is no safetensors file");
    let mut huge = u64::MAX.to_le_bytes().to_vec();
    huge.extend(b"{}");
    assert_eq!(
        refused(&huge),
        "f is not a surefit model: it announces a header of 18446744073709551615 bytes"
    );
    let tensor = safetensors::tensor::TensorView::new(safetensors::Dtype::F32, vec![1], &[0; 4]).unwrap();
    let torch = safetensors::serialize([("layer.weight", tensor)], None).unwrap();
    assert_eq!(refused(&torch), "f is not a surefit model: its metadata have no entry `surefit`");
}

#[test]
fn a_file_cut_short_anywhere_is_refused() {
    let bytes = model().to_bytes().unwrap();
    for length in 0..bytes.len() {
        assert!(Model::from_bytes(&bytes[..length], "m").is_err(), "{length} of {} bytes", bytes.len());
    }
    let text = message(&Model::from_bytes(&bytes[..100], "m").unwrap_err());
    assert!(text.starts_with("m is damaged: it has 100 bytes, its header promises "), "{text}");
    let text = message(&Model::from_bytes(&bytes[..bytes.len() - 1], "m").unwrap_err());
    assert_eq!(text, "m is damaged: its length is not what its header promises");
}

/// A model of three classes from sparse rows, two columns of which the first is called 0.
fn sparse() -> Model {
    let names = ["0", "9", "10"].map(str::to_owned);
    Model {
        coefficients: Coefficients {
            weights: Mat::from_fn(2, 3, |j, k| j as f64 - 0.5 * k as f64),
            intercept: vec![0.0, -1.0, 1.0],
        },
        columns: vec!["x0".into(), "x1".into()],
        targets: names.to_vec(),
        classes: Some(ClassList::of(&names)),
        threshold: None,
        mix: None,
        formula: String::new(),
        inputs: Inputs::Sparse(SparseInputs { columns: 2, zero_based: true }),
        problem: Problem { loss: LossKind::CrammerSinger { margin: 0.5 }, ..model().problem },
        ..model()
    }
}

#[test]
fn a_model_of_classes_and_of_sparse_rows_comes_back() {
    let bytes = sparse().to_bytes().unwrap();
    assert_eq!(Model::from_bytes(&bytes, "m").unwrap(), sparse());
    // Names of sparse columns follow from their count.
    assert!(!bytes.windows(4).any(|four| four == b"\"x1\\"));
    // Of two classes, one against the rest, the second has the scores.
    let names = ["no".to_owned(), "yes".to_owned()];
    let two = Model {
        coefficients: Coefficients { weights: Mat::full(2, 1, 0.5), intercept: vec![1.0] },
        targets: vec!["yes".into()],
        classes: Some(ClassList::of(&names)),
        problem: Problem { loss: LossKind::OvrLogistic, ..model().problem },
        ..sparse()
    };
    assert_eq!(Model::from_bytes(&two.to_bytes().unwrap(), "m").unwrap(), two);
}

#[test]
fn classes_and_sparse_columns_that_do_not_fit_are_named() {
    let json = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
    let softmax = r#"{"loss": "softmax", "penalty": {"lambda": 1.0, "factors": null}, "intercept": "free"}"#;
    let squared = softmax.replace("softmax", "squared");
    let cases = [
        ("classes", r#"["10", "9", "0"]"#, "`classes` is not in order, or has a class twice"),
        ("classes", r#"["0", "9", "9"]"#, "`classes` is not in order, or has a class twice"),
        ("classes", r#"["0"]"#, "`classes` has fewer than two classes"),
        ("classes", r#"["0", "9"]"#, "`targets` is not the list of classes with a column of scores"),
        ("problem", squared.as_str(), "`classes` is there, and the squared loss is of numbers"),
        ("columns", r#"["x0", "x1"]"#, "`sparse` stands beside columns of a table"),
        (
            "sparse",
            r#"{"columns": 9007199254740992, "zero_based": true}"#,
            "`sparse` has 9007199254740992 columns",
        ),
        (
            "sparse",
            r#"{"columns": 3, "zero_based": true}"#,
            "the tensor `weights` has shape [2, 3], the names of columns and targets ask for [3, 3]",
        ),
    ];
    for (field, value, why) in cases {
        let bytes = edited_of(&sparse(), |fields| {
            fields.insert(field.to_owned(), json(value));
        });
        assert_eq!(message(&Model::from_bytes(&bytes, "m").unwrap_err()), format!("m is damaged: {why}"));
    }
    for (field, why) in [
        ("classes", "`classes` is missing, and the crammer-singer loss is of classes"),
        ("sparse", "`recipe` is empty"),
    ] {
        let bytes = edited_of(&sparse(), |fields| {
            fields.shift_remove(field);
        });
        assert_eq!(message(&Model::from_bytes(&bytes, "m").unwrap_err()), format!("m is damaged: {why}"));
    }
    let renumbered = edited_of(&sparse(), |fields| {
        fields.insert("sparse".to_owned(), json(r#"{"columns": 2, "zero_based": false}"#));
    });
    assert!(message(&Model::from_bytes(&renumbered, "m").unwrap_err()).contains("was altered"));
}

/// Weights of a mix.
fn mix() -> Model {
    let weights =
        Coefficients { weights: Mat::from_fn(2, 1, |j, _| 0.25 + 0.5 * j as f64), intercept: vec![0.0] };
    Model {
        coefficients: weights,
        targets: vec!["sales".into()],
        formula: "sales ~ 0 + temp + `größe [m²]`".into(),
        threshold: None,
        mix: Some(MixFacts { distance: MixDistance::L1, ridge: 0.0 }),
        inputs: Inputs::Table(Box::new(recipe(&["sales"], "sales ~ 0 + temp + `größe [m²]`"))),
        problem: Problem { loss: LossKind::Squared, penalty: Ridge::default(), intercept: Intercept::Absent },
        ..model()
    }
}

#[test]
fn a_mix_comes_back_and_is_nothing_but_a_mix() {
    let bytes = mix().to_bytes().unwrap();
    assert_eq!(Model::from_bytes(&bytes, "m").unwrap(), mix());
    let cases = [
        (r#"{"distance": "l1", "ridge": -1.0}"#, "`mix` has a ridge of -1"),
        (
            r#"{"distance": "l3", "ridge": 0.0}"#,
            "`mix` is wrong: unknown variant `l3`, expected one of `l2`, `l1`, `linf`",
        ),
        (r#"{"distance": "l1"}"#, "`mix` is wrong: missing field `ridge`"),
    ];
    for (value, why) in cases {
        let bytes = edited_of(&mix(), |fields| {
            fields.insert("mix".to_owned(), serde_json::from_str(value).unwrap());
        });
        assert_eq!(message(&Model::from_bytes(&bytes, "m").unwrap_err()), format!("m is damaged: {why}"));
    }
    let mut shrunk = mix();
    shrunk.problem.penalty.lambda = 1.0;
    let error = shrunk.to_bytes().unwrap_err();
    assert_eq!(
        message(&error),
        "this model cannot be saved: mix stands beside an intercept, a penalty or a loss"
    );
}

/// A ranking of three labels from sparse rows.
fn ranking() -> Model {
    Model {
        classes: None,
        threshold: Some(Threshold::Linear { weights: vec![0.1, -1.0 / 3.0, 0.0], bias: 1e-17 }),
        problem: Problem { loss: LossKind::Bpmll, ..model().problem },
        ..sparse()
    }
}

#[test]
fn a_ranking_of_labels_comes_back_with_its_threshold() {
    let rules = [
        Threshold::Constant(-0.25),
        Threshold::PerLabel(vec![0.5, 0.1, -2.0]),
        Threshold::Top(2),
        Threshold::Linear { weights: vec![0.1, -1.0 / 3.0, 0.0], bias: 1e-17 },
    ];
    for rule in rules {
        let kept = Model { threshold: Some(rule), ..ranking() };
        assert_eq!(Model::from_bytes(&kept.to_bytes().unwrap(), "m").unwrap(), kept);
    }
    // Labels of a table have its columns and its targets.
    let table = Model {
        threshold: Some(Threshold::Constant(0.0)),
        problem: Problem { loss: LossKind::Zlpr, ..model().problem },
        ..model()
    };
    assert_eq!(Model::from_bytes(&table.to_bytes().unwrap(), "m").unwrap(), table);
}

#[test]
fn a_threshold_that_does_not_fit_is_named() {
    let cases = [
        (r#"{"constant": null}"#, "`threshold` is wrong: invalid type: null, expected f64"),
        (r#"{"top": 0}"#, "`threshold` gives 0 of 3 labels"),
        (r#"{"top": 4}"#, "`threshold` gives 4 of 3 labels"),
        (r#"{"per-label": [1.0, 2.0]}"#, "`threshold` has 2 numbers for 3 labels"),
        (r#"{"linear": {"weights": [1.0], "bias": 0.0}}"#, "`threshold` has 1 numbers for 3 labels"),
        (r#"{"linear": {"weights": [1.0, 2.0, 3.0]}}"#, "`threshold` is wrong: missing field `bias`"),
        (
            r#"{"half": 1.0}"#,
            "`threshold` is wrong: unknown variant `half`, expected one of `linear`, `constant`, `per-label`, `top`",
        ),
    ];
    for (value, why) in cases {
        let bytes = edited_of(&ranking(), |fields| {
            fields.insert("threshold".to_owned(), serde_json::from_str(value).unwrap());
        });
        assert_eq!(message(&Model::from_bytes(&bytes, "m").unwrap_err()), format!("m is damaged: {why}"));
    }
    let bytes = edited_of(&ranking(), |fields| {
        fields.shift_remove("threshold");
    });
    assert_eq!(
        message(&Model::from_bytes(&bytes, "m").unwrap_err()),
        "m is damaged: `threshold` is missing, and the bpmll loss ranks labels"
    );
    let unsaveable = |model: Model| message(&model.to_bytes().unwrap_err());
    let told = [
        unsaveable(Model { threshold: Some(Threshold::Constant(f64::NAN)), ..ranking() }),
        unsaveable(Model { threshold: ranking().threshold, ..sparse() }),
        unsaveable(Model { classes: sparse().classes, ..ranking() }),
        unsaveable(Model { targets: ["9", "0", "10"].map(str::to_owned).to_vec(), ..ranking() }),
        unsaveable(Model {
            coefficients: Coefficients { weights: Mat::zeros(2, 1), intercept: vec![0.0] },
            targets: vec!["0".to_owned()],
            ..ranking()
        }),
    ];
    assert_eq!(
        told,
        [
            "threshold has NaN among its numbers",
            "threshold is there, and the crammer-singer loss ranks no labels",
            "classes is there, and the bpmll loss is of labels",
            "targets is not in order, or has a label twice",
            "targets has 1 of the two labels or more that a ranking needs",
        ]
        .map(|why| format!("this model cannot be saved: {why}"))
    );
}

#[test]
fn scores_of_rows_in_memory_are_those_of_blocks_dense_or_sparse() {
    let (x, y) = (design().x, Mat::<f64>::zeros(5, 0));
    let block = surefit::data::Block { first: 0, x: x.as_ref(), x_low: None, y: y.as_ref(), weights: None };
    let scores = sparse().scores(surefit::data::Features::F64(x.as_ref())).unwrap();
    assert_eq!(scores, sparse().predict(block).unwrap());
    let wide = Mat::<f64>::zeros(1, 3);
    let error = sparse().scores(surefit::data::Features::F64(wide.as_ref())).unwrap_err();
    assert_eq!(message(&error), "the model has 2 columns, the data have 3");
    let far = Mat::<f64>::full(1, 2, f64::MAX);
    let mut steep = sparse();
    steep.coefficients.weights = Mat::full(2, 3, 2.0);
    let error = steep.scores(surefit::data::Features::F64(far.as_ref())).unwrap_err();
    assert!(message(&error).contains("row 1"), "{error}");
}

/// A model file with its metadata edited.
fn edited(edit: impl FnOnce(&mut serde_json::Map<String, serde_json::Value>)) -> Vec<u8> {
    edited_of(&model(), edit)
}

fn edited_of(model: &Model, edit: impl FnOnce(&mut serde_json::Map<String, serde_json::Value>)) -> Vec<u8> {
    let bytes = model.to_bytes().unwrap();
    let (_, header) = safetensors::SafeTensors::read_metadata(&bytes).unwrap();
    let text = &header.metadata().as_ref().unwrap()["surefit"];
    let mut fields = serde_json::from_str(text).unwrap();
    edit(&mut fields);
    let tensors = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let metadata = [("surefit".to_owned(), serde_json::Value::from(fields).to_string())].into();
    safetensors::serialize(tensors.tensors(), Some(metadata)).unwrap()
}

#[test]
fn every_wrong_field_is_named() {
    let cases: [(&str, serde_json::Value, &str); 12] = [
        ("schema", 7.into(), "m has model schema 7, this surefit reads schema 1"),
        (
            "formula",
            3.into(),
            "m is damaged: `formula` is wrong: invalid type: integer `3`, expected a string",
        ),
        (
            "targets",
            serde_json::json!(["a"]),
            "m is damaged: the tensor `weights` has shape [2, 2], the names of columns and targets ask for [2, 1]",
        ),
        ("columns", serde_json::json!(["a", "a"]), "m is damaged: `columns` has `a` twice"),
        (
            "problem",
            serde_json::json!({"loss": "log", "penalty": {"lambda": 0.0, "factors": null}, "intercept": "free"}),
            "m is damaged: `problem` is wrong: unknown variant `log`, expected one of `squared`, `huber`, `hinge`, `crammer-singer`, `squared-hinge`, `ovr-hinge`, `ovr…",
        ),
        (
            "problem",
            serde_json::json!({"loss": "squared", "penalty": {"lambda": -1.0, "factors": null}, "intercept": "free"}),
            "m is damaged: `problem` has a penalty of -1",
        ),
        (
            "problem",
            serde_json::json!({"loss": "squared", "penalty": {"lambda": 1.0, "factors": [1.0]}, "intercept": "free"}),
            "m is damaged: `problem` has 1 penalty factors for 2 columns",
        ),
        (
            "verdict",
            "fine".into(),
            "m is damaged: `verdict` is wrong: unknown variant `fine`, expected one of `certified`, `uncertified`, `failed`",
        ),
        ("verdict", "failed".into(), "m is damaged: `verdict` is that of a fit without an answer"),
        (
            "verdict",
            "certified".into(),
            "m is damaged: `code` names a cause although the verdict is certified",
        ),
        (
            "data",
            serde_json::json!({"rows": 5, "digest": "no"}),
            "m is damaged: `data` has a digest that is not hexadecimal",
        ),
        ("extra", 1.into(), "m is damaged: `extra` is no field of a model"),
    ];
    for (field, value, want) in cases {
        let bytes = edited(|fields| {
            fields.insert(field.to_owned(), value);
        });
        assert_eq!(message(&Model::from_bytes(&bytes, "m").unwrap_err()), want);
    }
    let other =
        serde_json::to_value(recipe(&["visits", "sales"], "[visits, sales] ~ 1 + temp + `größe [m²]`"))
            .unwrap();
    let bytes = edited(|fields| {
        fields.insert("recipe".to_owned(), other);
    });
    let want = "m is damaged: `recipe` makes other columns or targets than the model has";
    assert_eq!(message(&Model::from_bytes(&bytes, "m").unwrap_err()), want);
    for field in ["schema", "columns", "recipe", "certificate", "scale", "version", "digest"] {
        let bytes = edited(|fields| {
            fields.shift_remove(field);
        });
        let want = format!("m is damaged: `{field}` is missing");
        assert_eq!(message(&Model::from_bytes(&bytes, "m").unwrap_err()), want);
    }
}

#[test]
fn a_change_of_any_bit_is_refused_or_changes_nothing() {
    let bytes = model().to_bytes().unwrap();
    for place in 0..bytes.len() {
        for bit in 0..8 {
            let mut changed = bytes.clone();
            changed[place] ^= 1 << bit;
            // 1e-300 may become 1E-300.
            let same = Model::from_bytes(&changed, "m").is_ok_and(|read| read == model());
            assert!(same || Model::from_bytes(&changed, "m").is_err(), "bit {bit} of byte {place}");
        }
    }
}

#[test]
fn coefficients_and_names_that_were_altered_are_told_by_the_digest() {
    let bytes = model().to_bytes().unwrap();
    let want = "m was altered or damaged after it was written: its digest is not that of its contents";
    let mut changed = bytes.clone();
    // The lowest bit of the last coefficient.
    changed[bytes.len() - 8] ^= 1;
    let error = Model::from_bytes(&changed, "m").unwrap_err();
    assert_eq!(message(&error), want);
    assert_eq!(error.hints(), ["fit the model again, or copy the file again from where it was written"]);
    let renamed = edited(|fields| {
        fields.insert("version".to_owned(), "0.1.1".into());
    });
    assert_eq!(message(&Model::from_bytes(&renamed, "m").unwrap_err()), want);
    // Contents count, and not how they are spelled.
    assert_eq!(Model::from_bytes(&edited(|_| {}), "m").unwrap(), model());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn no_change_of_bytes_makes_the_reader_panic(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in any::<prop::sample::Index>(),
        cuts in any::<bool>(),
    ) {
        let mut bytes = model().to_bytes().unwrap();
        for (place, value) in changes {
            let place = place.index(bytes.len());
            bytes[place] = value;
        }
        if cuts {
            bytes.truncate(cut.index(bytes.len()));
        }
        if let Ok(read) = Model::from_bytes(&bytes, "m") {
            // What passes every check can be saved again.
            prop_assert!(read.to_bytes().is_ok());
        }
    }

    #[test]
    fn random_bytes_are_no_model(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(Model::from_bytes(&bytes, "m").is_err());
    }

    #[test]
    fn random_text_makes_no_coefficients(text in "(term|(a|b|\\(intercept\\)|[,;\t\n\"0-9e.\u{feff}-]){0,40})*") {
        let read = coefficients_from_csv(text.as_bytes(), &["a".into(), "b".into()], &["y".into()], false);
        if let Ok(read) = read {
            prop_assert!(read.weights.is_all_finite());
        }
    }
}

#[test]
fn predictions_are_scores_of_the_columns_low_parts_included() {
    let model = model();
    let mut design = design();
    let block = |design: &Design| {
        let block = design.blocks().next().unwrap().unwrap();
        model.predict(block.view()).unwrap()
    };
    let score = |terms: &[(f64, f64)]| {
        let exact = |v| num_rational::BigRational::from_float(v).unwrap();
        let sum: num_rational::BigRational = terms.iter().map(|(x, w)| exact(*x) * exact(*w)).sum();
        num_traits::ToPrimitive::to_f64(&sum).unwrap()
    };
    let (w, b) = (&model.coefficients.weights, &model.coefficients.intercept);
    let want = score(&[(1.0, w[(0, 0)]), (2.0, w[(1, 0)]), (1.0, b[0])]);
    assert_eq!(block(&design)[(0, 0)].to_bits(), want.to_bits());
    assert_eq!(block(&design).shape(), (5, 2));
    design.x[(0, 0)] = 1e17;
    design.x_low = Some(Mat::from_fn(5, 2, |i, j| if i == 0 && j == 0 { 7.25 } else { 0.0 }));
    let want = score(&[(1e17, w[(0, 1)]), (7.25, w[(0, 1)]), (2.0, w[(1, 1)]), (1.0, b[1])]);
    assert_eq!(block(&design)[(0, 1)].to_bits(), want.to_bits());
    let narrow = Design { x: Mat::zeros(1, 1), x_low: None, y: Mat::zeros(1, 2), weights: None };
    let rows = narrow.blocks().next().unwrap().unwrap();
    assert_eq!(message(&model.predict(rows.view()).unwrap_err()), "the model has 2 columns, the data have 1");
}

#[test]
fn fingerprint_sees_every_value_and_the_order_of_rows() {
    let whole = Fingerprint::of(&design()).unwrap();
    assert_eq!((whole.rows, whole.digest.len()), (5, 16));
    assert_eq!(whole, Fingerprint::of(&design()).unwrap());
    let mut changed = design();
    changed.x[(4, 1)] = 7.0 + 1e-15;
    assert_ne!(whole, Fingerprint::of(&changed).unwrap());
    let mut swapped = design();
    (swapped.x[(0, 0)], swapped.x[(1, 0)]) = (2.0, 1.0);
    assert_ne!(whole, Fingerprint::of(&swapped).unwrap());
    let weighted = Design { weights: Some(vec![1.0; 5]), ..design() };
    assert_ne!(whole, Fingerprint::of(&weighted).unwrap());
}

fn read(text: &str, targets: &[&str]) -> surefit::Result<Coefficients> {
    let targets: Vec<String> = targets.iter().map(|t| (*t).to_owned()).collect();
    coefficients_from_csv(text.as_bytes(), &["temp".into(), "wind speed".into()], &targets, false)
}

#[test]
fn coefficients_are_read_in_any_order() {
    let one = read("term,coefficient\nwind speed,-2e-3\n(Intercept),1.5\ntemp,30.09\n", &["sales"]).unwrap();
    assert_eq!(one.intercept, [1.5]);
    assert_eq!(one.weights, Mat::from_fn(2, 1, |j, _| [30.09, -2e-3][j]));
    let two = read("\u{feff}term;b;a\r\ntemp;1;2\r\n\"wind speed\";3;4\r\n", &["a", "b"]).unwrap();
    assert_eq!(two.intercept, [0.0, 0.0]);
    assert_eq!(two.weights, Mat::from_fn(2, 2, |j, k| [[2.0, 1.0], [4.0, 3.0]][j][k]));
}

#[test]
fn coefficient_files_that_do_not_fit_are_refused_with_the_line() {
    let refused = |text: &str, targets: &[&str]| {
        let error = read(text, targets).unwrap_err();
        (message(&error), error.hints())
    };
    let cases = [
        ("", "the coefficients are not a table of terms: the file is empty"),
        (
            "name,y\n",
            "the coefficients are not a table of terms: the header starts with `name` instead of `term`",
        ),
        ("term,y,z\n", "the coefficients are not a table of terms: the header has 2 outputs for 1 targets"),
        ("term,y\ntmep,1\n", "line 2 of the coefficients: no column `tmep` in the design"),
        ("term,y\ntemp,1\ntemp,2\n", "line 3 of the coefficients: `temp` was given on line 2 already"),
        ("term,y\ntemp,1\n", "no coefficient for `wind speed`"),
        (
            "term,y\ntemp,1,2\n",
            "the coefficients are not a table of terms: line 2 has 3 fields, the header has 2",
        ),
        ("term,y\ntemp,inf\n", "line 2 of the coefficients: `inf` for `temp` is not a finite number"),
        ("term,y\ntemp,1e999\n", "line 2 of the coefficients: `1e999` for `temp` is not a finite number"),
    ];
    for (text, want) in cases {
        assert_eq!(refused(text, &["sales"]).0, want);
    }
    let bare = coefficients_from_csv("term,y\nx,1\n".as_bytes(), &["x".into()], &["y".into()], true);
    assert_eq!(message(&bare.unwrap_err()), "no coefficient for `(intercept)`");
    assert_eq!(refused("term,y\ntmep,1\n", &["sales"]).1, ["did you mean `temp`?"]);
    assert_eq!(
        refused("term,a,c\n", &["a", "b"]).0,
        "the coefficients have a column `c`, the targets are `a`, `b`"
    );
}
