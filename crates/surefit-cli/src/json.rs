//! The one JSON object that `--json` prints, whatever the verdict. Numbers round-trip; what JSON has no
//! number for is a string: "inf", "-inf", "nan".

mod mix;

pub use mix::{distance_name, mix, mix_path, tree};

use crate::report::{
    Choice, ChosenBy, FitReport, Measured, Measures, Model, NetworkFacts, Proof, Ranked, SampleFacts, Summary,
};
use serde_json::{Map, Value, json};
use surefit::diagnosis::{Code, Diagnosis, Finding, Remedy};
use surefit::fit::{PathPoint, Verdict};
use surefit::metrics::Confusion;
use surefit::metrics::threshold::Threshold;
use surefit::{Error, LossKind};

/// The version of the object's shape.
const SCHEMA: u32 = 1;

/// A number, or its name where JSON has none.
pub fn number(value: f64) -> Value {
    if value.is_finite() {
        Value::from(value)
    } else if value.is_nan() {
        Value::from("nan")
    } else if value > 0.0 {
        Value::from("inf")
    } else {
        Value::from("-inf")
    }
}

/// The keys that every verb's object has; what does not apply is null, empty or 0.
pub fn head(command: Option<&str>, verdict: &str, code: Option<Code>, message: &str) -> Map<String, Value> {
    let mut object = Map::new();
    object.insert("schema".to_owned(), SCHEMA.into());
    object.insert("command".to_owned(), command.into());
    object.insert("version".to_owned(), env!("CARGO_PKG_VERSION").into());
    object.insert("verdict".to_owned(), verdict.into());
    object.insert("code".to_owned(), code.map(code_name).into());
    object.insert("message".to_owned(), message.into());
    for key in ["model", "certificate", "diagnosis", "inference"] {
        object.insert(key.to_owned(), Value::Null);
    }
    object.insert("findings".to_owned(), Value::Array(Vec::new()));
    object.insert("stop".to_owned(), Value::Null);
    object.insert("steps".to_owned(), 0.into());
    object.insert("forecast_steps".to_owned(), Value::Null);
    for key in ["seconds", "rows", "columns"] {
        object.insert(key.to_owned(), 0.into());
    }
    object
}

/// SF101.
pub fn code_name(code: Code) -> String {
    serde_json::to_value(code)
        .ok()
        .and_then(|value| value.as_str().map(str::to_owned))
        .unwrap_or_else(|| format!("{code:?}").to_uppercase())
}

/// A fit or a certificate.
pub fn fit(report: &FitReport) -> Value {
    let verdict = match report.verdict {
        Verdict::Certified => "certified",
        Verdict::Uncertified => "uncertified",
        Verdict::Failed => "failed",
    };
    let found = report.explanation().filter(|_| report.verdict != Verdict::Certified);
    let code = report.diagnosis.as_ref().map(|diagnosis| diagnosis.code).or(found.map(|found| found.code));
    let mut object = head(Some(report.command), verdict, code, &report.message());
    let rest = json!({
        "model": report.model.as_ref().map(|model| with_problem(report, model)),
        "certificate": report.certificate.as_ref().map(|proof| certificate(proof, report)),
        "diagnosis": report.diagnosis.as_ref().map(|found| diagnosis(found, report.exact.as_ref())),
        "inference": report.inference.as_ref().map(|all| inference(report.model.as_ref(), all)),
        "findings": report.findings.iter().map(finding).collect::<Vec<_>>(),
        "stop": report.stop,
        "steps": report.steps,
        "forecast_steps": report.forecast_steps,
        "method": report.method,
        "minimum_norm": report.minimum_norm,
        "choice": report.choice.as_ref().map(choice),
        "test": report.test.as_ref().map(|test| {
            let targets = report.model.as_ref().map_or(&[][..], |model| &model.targets);
            json!({
                "file": test.file,
                "rows": test.rows,
                "rmse": by_target(targets, &test.rmse),
                "r_squared": by_target(targets, &test.r_squared),
            })
        }).or_else(|| test_of_classes(report)).or_else(|| test_of_labels(report)),
        "notes": report.notes,
        "seconds": number(report.seconds),
        "rows": report.rows,
        "columns": report.columns,
    });
    if let Value::Object(rest) = rest {
        object.extend(rest);
    }
    if let Some(ChosenBy::Held { points, .. }) = report.choice.as_ref().map(|choice| &choice.by) {
        object.insert("path".to_owned(), points.iter().map(path_point).collect());
    }
    if let Some(facts) = &report.samples {
        object.insert("passes".to_owned(), facts.passes.map(number).into());
        object.insert("classification".to_owned(), classification(facts));
        if let Some(found) = &facts.ranking {
            object.insert("ranking".to_owned(), ranking(found));
            if let Some(facts) = &found.network {
                object.insert("network".to_owned(), network(facts));
            }
        }
    }
    Value::Object(object)
}

/// The penalty that was taken, of how many, and by what.
fn choice(choice: &Choice) -> Value {
    let mut object = json!({
        "penalties": choice.count,
        "low": number(choice.range.0),
        "high": number(choice.range.1),
        "penalty": number(choice.lambda),
    });
    let rest = match &choice.by {
        ChosenBy::LeaveOneOut(rmse) => json!({"loo_rmse": number(*rmse)}),
        ChosenBy::Held { folds, file, measure, points, best } => json!({
            "folds": folds,
            "file": file,
            "by": measure.map(|measure| key(measure.name())),
            "measure": points.get(*best).and_then(|point| point.measure).map(number),
            "loss": points.get(*best).map(|point| number(point.loss)),
            "accuracy": points.get(*best).and_then(|point| point.accuracy).map(number),
        }),
    };
    if let (Value::Object(object), Value::Object(rest)) = (&mut object, rest) {
        object.extend(rest);
    }
    object
}

/// One penalty of a search.
fn path_point(point: &PathPoint) -> Value {
    json!({
        "penalty": number(point.lambda),
        "loss": number(point.loss),
        "measure": point.measure.map(number),
        "std_error": point.std_error.map(number),
        "accuracy": point.accuracy.map(number),
        "relative_gap": number(point.relative_gap),
        "certified": point.certified,
    })
}

/// The classes, and how the rows are told apart; null for a loss of numbers.
fn classification(facts: &SampleFacts) -> Value {
    let Some(classes) = &facts.classes else { return Value::Null };
    let mut object = Map::new();
    object.insert("classes".to_owned(), classes.clone().into());
    if let Some(rows) = &facts.rows {
        object.extend(told_apart(rows, classes));
    }
    object.insert("certain".to_owned(), facts.certain.into());
    Value::Object(object)
}

/// The threshold that makes sets of scores, and the measures on the rows of the fit.
fn ranking(ranked: &Ranked) -> Value {
    let mut object = measured(&ranked.rows);
    let threshold = match &ranked.threshold {
        Threshold::Linear { weights, bias } => {
            json!({"weights": weights.iter().copied().map(number).collect::<Vec<_>>(), "bias": number(*bias)})
        }
        Threshold::Constant(limit) => json!({"weights": null, "bias": number(*limit)}),
        Threshold::PerLabel(limits) => {
            json!({"weights": null, "bias": null, "per_label": limits.iter().copied().map(number).collect::<Vec<_>>()})
        }
        Threshold::Top(count) => json!({"weights": null, "bias": null, "top": count}),
    };
    object.insert("threshold".to_owned(), threshold);
    Value::Object(object)
}

/// A network's weights, and the losses of its epochs.
fn network(facts: &NetworkFacts) -> Value {
    let course = &facts.trained.course;
    let numbers = |part: &[f64]| part.iter().copied().map(number).collect::<Vec<_>>();
    let [features, thresholds, units, biases] = facts.trained.network.parts().map(numbers);
    let losses: Vec<Value> = course
        .epochs
        .iter()
        .map(|at| json!({"epoch": at.epoch, "loss": number(at.loss), "held_out": number(at.held)}))
        .collect();
    json!({
        "hidden": facts.settings.hidden,
        "learning_rate": number(facts.settings.rate),
        "seed": facts.settings.seed,
        "rows": course.rows.0,
        "held_out": course.rows.1,
        "best": course.best,
        "epochs": losses,
        "features": features,
        "thresholds": thresholds,
        "units": units,
        "biases": biases,
    })
}

fn test_of_labels(report: &FitReport) -> Option<Value> {
    let (file, found) = report.samples.as_ref()?.ranking.as_ref()?.test.as_ref()?;
    let mut object = Map::new();
    object.insert("file".to_owned(), file.clone().into());
    object.insert("rows".to_owned(), found.answer.sets.rows.into());
    object.extend(measured(found));
    Some(Value::Object(object))
}

/// Measures by their names, and those of the frequencies of labels.
fn measured(found: &Measured) -> Map<String, Value> {
    let by_name = |of: &Measures| -> Map<String, Value> {
        of.named().iter().map(|(name, value, _)| (key(name), measure(*value))).collect()
    };
    let mut object = by_name(&found.answer);
    object.insert("without_pair".to_owned(), found.answer.ranking.without_pair.into());
    object.insert("by_frequency".to_owned(), Value::Object(by_name(&found.frequencies)));
    object
}

/// Null where no row says anything.
fn measure(value: f64) -> Value {
    if value.is_nan() { Value::Null } else { number(value) }
}

/// `one-error` as `one_error`.
fn key(name: &str) -> String {
    name.to_ascii_lowercase().replace([' ', '-'], "_")
}

fn test_of_classes(report: &FitReport) -> Option<Value> {
    let facts = report.samples.as_ref()?;
    let ((file, rows), classes) = (facts.test.as_ref()?, facts.classes.as_ref()?);
    let mut object = Map::new();
    object.insert("file".to_owned(), file.clone().into());
    object.insert("rows".to_owned(), rows.rows().into());
    object.extend(told_apart(rows, classes));
    Some(Value::Object(object))
}

/// Rows right, their share, and rows of each class by the class that they were given, where that is not 0.
fn told_apart(rows: &Confusion, classes: &[String]) -> Map<String, Value> {
    let given = |counts: &Vec<u64>| -> Value {
        let some = classes.iter().cloned().zip(counts.iter().copied()).filter(|(_, count)| *count > 0);
        some.map(|(name, count)| (name, Value::from(count))).collect()
    };
    let confusion: Value = classes.iter().cloned().zip(rows.counts.iter().map(given)).collect();
    let mut object = Map::new();
    object.insert("right".to_owned(), rows.right().into());
    object.insert("accuracy".to_owned(), number(rows.accuracy()));
    object.insert("confusion".to_owned(), confusion);
    object
}

/// An error of any verb: the same keys with nothing in them but the sentence, and the ways out.
pub fn error(command: Option<&str>, error: &Error, sentence: &str, hints: Vec<String>) -> Value {
    let mut object = head(command, "failed", error.code(), sentence);
    object.insert("hints".to_owned(), hints.into());
    let evidence = error.evidence();
    if let Some(code) = error.code().filter(|_| !evidence.is_empty()) {
        let found = json!({"code": code_name(code), "message": sentence, "evidence": evidence});
        object.insert("diagnosis".to_owned(), found);
    }
    Value::Object(object)
}

/// Something worth knowing.
pub fn finding(finding: &Finding) -> Value {
    json!({
        "code": code_name(finding.code),
        "message": finding.message,
        "evidence": finding.evidence,
        "remedies": finding.remedies.iter().map(remedy).collect::<Vec<_>>(),
    })
}

/// A named cause, and the exact answer where there is one.
pub fn diagnosis(diagnosis: &Diagnosis, exact: Option<&Model>) -> Value {
    json!({
        "code": code_name(diagnosis.code),
        "message": diagnosis.message,
        "reasons": diagnosis.reasons,
        "evidence": diagnosis.evidence,
        "also": diagnosis.also.iter().copied().map(code_name).collect::<Vec<_>>(),
        "exact": exact.map(model),
        "remedies": diagnosis.remedies.iter().map(remedy).collect::<Vec<_>>(),
    })
}

fn remedy(remedy: &Remedy) -> Value {
    json!({
        "change": remedy.change,
        "command": remedy.command,
        "steps": remedy.steps,
        "proven": remedy.proven,
        "safe": remedy.safe,
    })
}

fn with_problem(report: &FitReport, answer: &Model) -> Value {
    let mut object = Map::new();
    object.insert("loss".to_owned(), report.loss.into());
    match report.samples.as_ref().map(|facts| facts.loss) {
        Some(LossKind::Huber { delta }) => object.insert("delta".to_owned(), number(delta)),
        Some(
            LossKind::Hinge { margin }
            | LossKind::CrammerSinger { margin }
            | LossKind::SquaredHinge { margin },
        ) => object.insert("margin".to_owned(), number(margin)),
        _ => None,
    };
    object.insert("penalty".to_owned(), number(report.penalty));
    if let Some(factors) = &report.factors {
        let factors = factors.iter().map(|&factor| number(factor)).collect::<Vec<_>>();
        object.insert("penalty_factors".to_owned(), factors.into());
    }
    if let Value::Object(numbers) = model(answer) {
        object.extend(numbers);
    }
    Value::Object(object)
}

fn model(model: &Model) -> Value {
    let terms = model.terms.iter().zip(&model.weights);
    let coefficients: Option<Map<String, Value>> = (!model.unlisted)
        .then(|| terms.map(|(term, weights)| (term.clone(), each(model, weights))).collect());
    json!({
        "intercept": model.intercept.as_ref().map(|values| each(model, values)),
        "coefficients": coefficients,
    })
}

/// A number for one target; an object by target's name for several.
fn by_target(targets: &[String], values: &[f64]) -> Value {
    match values {
        [value] => number(*value),
        _ => by_name(targets, values),
    }
}

/// A number a class, each by its name, or a number a target.
fn each(model: &Model, values: &[f64]) -> Value {
    if model.by_class { by_name(&model.targets, values) } else { by_target(&model.targets, values) }
}

fn by_name(names: &[String], values: &[f64]) -> Value {
    names.iter().cloned().zip(values.iter().copied().map(number)).collect()
}

fn certificate(proof: &Proof, report: &FitReport) -> Value {
    let within = |errors: &Vec<Vec<f64>>| -> Option<Value> {
        let model = report.model.as_ref()?;
        let named = |(term, error): (&String, &Vec<f64>)| (term.clone(), each(model, error));
        Some(model.terms.iter().zip(errors).map(named).collect())
    };
    json!({
        "objective": number(proof.objective),
        "bound": number(proof.bound),
        "gap": number(proof.gap),
        "relative_gap": number(proof.relative_gap),
        "rounding": number(proof.rounding),
        "dependent": proof.dependent,
        "coefficients_within": proof.coefficients_within.as_ref().and_then(within),
        "intercept_within": proof.intercept_within.as_ref().zip(report.model.as_ref())
            .map(|(errors, model)| each(model, errors)),
        "predictions_within": proof.predictions_within.map(number),
        "scaled": report.scaled_unit.map(|unit| json!({
            "objective": number(proof.objective / unit),
            "bound": number(proof.bound / unit),
            "gap": number(proof.gap / unit),
        })),
    })
}

/// One target's summary; an object by target's name for several.
fn inference(model: Option<&Model>, summaries: &[Summary]) -> Value {
    match (summaries, model) {
        ([only], _) => summary(only),
        (_, Some(model)) => model.targets.iter().cloned().zip(summaries.iter().map(summary)).collect(),
        _ => Value::Null,
    }
}

fn summary(summary: &Summary) -> Value {
    let terms: Map<String, Value> = summary
        .terms
        .iter()
        .map(|term| {
            // Where the target is constant there is no spread to compare an estimate with.
            let spread = |value: f64| if summary.constant.is_none() { number(value) } else { Value::Null };
            let numbers = json!({
                "estimate": number(term.found.estimate),
                "std_error": spread(term.found.std_error),
                "t": spread(term.found.t),
                "p": spread(term.found.p),
                "low": spread(term.found.low),
                "high": spread(term.found.high),
            });
            (term.name.clone(), numbers)
        })
        .collect();
    json!({
        "terms": terms,
        "r_squared": summary.r_squared.map(number),
        "adjusted_r_squared": summary.adjusted_r_squared.map(number),
        "f": summary.f.map(|(f, _)| number(f)),
        "f_p": summary.f.map(|(_, p)| number(p)),
        "residual_df": number(summary.residual_df),
        "sigma": number(summary.sigma),
    })
}
