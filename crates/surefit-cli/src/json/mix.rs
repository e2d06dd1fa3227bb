//! The object of a mix.

use super::{code_name, diagnosis, finding, head, number};
use crate::report::mix::{MixReport, PathReport, Point, Prices, TreeReport, rise, used};
use serde_json::{Map, Value, json};
use surefit::fit::Verdict;
use surefit_mix::{Certificate, Distance, Mix};

/// A mix, or why there is none.
pub fn mix(report: &MixReport) -> Value {
    let verdict = match report.verdict {
        Verdict::Certified => "certified",
        Verdict::Uncertified => "uncertified",
        Verdict::Failed => "failed",
    };
    let code = report.diagnosis.as_ref().map(|found| found.code);
    let mut object = head(Some("mix"), verdict, code, &report.message());
    let rest = json!({
        "model": report.best.as_ref().map(|best| model(report, best)),
        "certificate": report.certificate.as_ref().map(certificate),
        "diagnosis": report.diagnosis.as_ref().map(|found| diagnosis(found, None)),
        "findings": report.findings.iter().map(finding).collect::<Vec<_>>(),
        "stop": report.stop,
        "relaxed": report.plain.as_ref().map(|other| of(report, other)),
        "alternatives": report.alternatives.iter().map(|other| of(report, other)).collect::<Vec<_>>(),
        "others_bound": report.others.map(number),
        "nodes": report.nodes,
        "no_alternatives": report.no_alternatives,
        "notes": report.notes,
        "seconds": number(report.seconds),
        "rows": report.rows,
        "columns": report.inputs.len(),
    });
    if let Value::Object(rest) = rest {
        object.extend(rest);
    }
    if let Some(all) = &report.prices {
        object.insert("prices".to_owned(), prices(report, all));
    }
    if let Some(why) = &report.no_tree {
        object.insert("no_tree".to_owned(), why.clone().into());
    }
    if let Some(code) = report.findings.first().filter(|_| code.is_none()).map(|found| found.code) {
        object.insert("code".to_owned(), code_name(code).into());
    }
    Value::Object(object)
}

/// By input what the other choice costs.
fn prices(report: &MixReport, all: &Prices) -> Value {
    let entries = all.found.iter().filter_map(|price| {
        let name = report.inputs.get(price.input)?.clone();
        let rise = price.mix.as_ref().zip(report.best.as_ref()).and_then(|(mix, best)| rise(best, mix));
        let entry = json!({
            "used": price.is_used,
            "model": price.mix.as_ref().map(|mix| of(report, mix)),
            "bound": number(price.bound),
            "rise": rise.map(number),
        });
        Some((name, entry))
    });
    let by_input: Map<String, Value> = entries.collect();
    json!({ "wanted": all.wanted, "by_input": by_input })
}

/// The best mixes for several values of a flag.
pub fn mix_path(report: &PathReport) -> Value {
    let point = |point: &Point| {
        let mut object = Map::new();
        object.insert(report.flag.trim_start_matches('-').replace('-', "_"), number(point.value));
        object.insert("proven".to_owned(), point.is_proven().into());
        object.insert(
            "model".to_owned(),
            point.found.as_ref().map(|(mix, _, _)| of(&report.frame, mix)).into(),
        );
        let proof = point.found.as_ref().map(|(_, proof, _)| certificate(proof));
        object.insert("certificate".to_owned(), proof.into());
        object.insert("nodes".to_owned(), point.nodes.into());
        Value::Object(object)
    };
    let mut object = mix(&report.frame);
    if let Value::Object(object) = &mut object {
        let proven = report.points.iter().filter(|point| point.is_proven()).count();
        if report.frame.diagnosis.is_none() {
            let message = format!("{proven} of {} values are proven", report.points.len());
            object.insert("message".to_owned(), message.into());
        }
        object.insert("path".to_owned(), report.points.iter().map(point).collect());
    }
    object
}

/// What a tree certificate proves.
pub fn tree(report: &TreeReport) -> Value {
    let mut object = mix(&report.frame);
    if let Value::Object(object) = &mut object {
        object.insert("command".to_owned(), "certify".into());
        for key in ["relaxed", "alternatives", "others_bound", "nodes"] {
            object.remove(key);
        }
        if let Some(fault) = &report.fault {
            object.insert("message".to_owned(), fault.clone().into());
            object.insert("hints".to_owned(), report.hint.into_iter().collect());
        }
        object.insert("leaves".to_owned(), report.leaves.into());
        object.insert("problem".to_owned(), report.text.clone());
    }
    object
}

fn model(report: &MixReport, best: &Mix) -> Value {
    let mut object = Map::new();
    object.insert("distance".to_owned(), distance_name(report.distance).into());
    object.insert("ridge".to_owned(), number(report.ridge));
    object.insert("target".to_owned(), report.target.clone().into());
    if let Value::Object(rest) = of(report, best) {
        object.extend(rest);
    }
    Value::Object(object)
}

/// Weights by input, and what they reach.
fn of(report: &MixReport, mix: &Mix) -> Value {
    let weights = report.inputs.iter().cloned().zip(mix.weights.iter().copied().map(number));
    json!({
        "objective": number(mix.objective),
        "length": report.length(mix.objective).map(number),
        "used": used(mix),
        "weights": weights.collect::<Map<String, Value>>(),
    })
}

/// As `--distance` has it.
pub fn distance_name(distance: Distance) -> &'static str {
    match distance {
        Distance::L2 => "l2",
        Distance::L1 => "l1",
        Distance::LInf => "linf",
    }
}

fn certificate(proof: &Certificate) -> Value {
    json!({
        "objective": number(proof.objective),
        "bound": number(proof.bound),
        "gap": number(proof.gap),
        "relative_gap": number(proof.relative_gap()),
        "rounding": number(proof.rounding),
    })
}
