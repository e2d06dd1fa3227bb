//! Hand-made mixes, and what is made of them.

use crate::report::mix::{MixReport, PathReport, Point, Prices};
use crate::{json, render};
use insta::assert_snapshot;
use serde_json::{Map, json};
use surefit::diagnosis::{Code, Diagnosis, Finding, Fix, Remedy};
use surefit::fit::Verdict;
use surefit::solver::Stop;
use surefit_mix::{Certificate, Distance, Mix, Price};

fn proof(objective: f64, bound: f64) -> Certificate {
    Certificate { objective, bound, gap: (objective - bound).max(1e-15), rounding: 1e-15 }
}

/// Two of four inputs, proven.
fn optimal() -> MixReport {
    MixReport {
        verdict: Verdict::Certified,
        inputs: ["oil", "gas", "wind", "S&P 500"].map(str::to_owned).to_vec(),
        target: "index".to_owned(),
        distance: Distance::L2,
        ridge: 0.0,
        wanted_gap: 1e-6,
        sum: Some(1.0),
        best: Some(Mix { weights: vec![0.25, 0.0, 0.75, 0.0], objective: 0.0144 }),
        certificate: Some(proof(0.0144, 0.014_399_999)),
        plain: Some(Mix { weights: vec![0.2, 0.1, 0.699_999, 1e-6], objective: 0.01 }),
        alternatives: Vec::new(),
        no_alternatives: None,
        others: Some(0.0144),
        prices: None,
        no_tree: None,
        diagnosis: None,
        findings: Vec::new(),
        stop: Some(Stop::Certified),
        nodes: 1234,
        notes: Vec::new(),
        seconds: 0.25,
        rows: 52,
    }
}

fn with_alternatives() -> MixReport {
    MixReport {
        alternatives: vec![
            Mix { weights: vec![0.0, 0.25, 0.75, 0.0], objective: 0.014_400_000_1 },
            Mix { weights: vec![0.3, 0.4, 0.3, 0.0], objective: 0.02 },
        ],
        others: Some(0.020_000_000_1),
        findings: vec![Finding {
            code: Code::Sf403,
            message: "another choice of inputs (+gas -oil) comes as close, within the wanted gap of 1e-6"
                .to_owned(),
            evidence: Map::new(),
            remedies: Vec::new(),
        }],
        ..optimal()
    }
}

fn stopped() -> MixReport {
    let diagnosis = Diagnosis {
        code: Code::Sf402,
        message: "the time limit ended the search at a relative gap of 0.03 where 1e-6 is wanted".to_owned(),
        reasons: Vec::new(),
        evidence: json!({"relative_gap": 0.03, "wanted_gap": 1e-6}).as_object().cloned().unwrap_or_default(),
        also: Vec::new(),
        remedies: surefit::diagnosis::proven_gap(0.03).into_iter().collect(),
        exact: None,
    };
    MixReport {
        verdict: Verdict::Uncertified,
        stop: Some(Stop::Time),
        distance: Distance::L1,
        sum: None,
        certificate: Some(proof(0.0144, 0.013_968)),
        diagnosis: Some(diagnosis),
        ..optimal()
    }
}

fn infeasible() -> MixReport {
    let change = |text: &str| Remedy {
        change: text.to_owned(),
        command: None,
        steps: None,
        proven: true,
        safe: false,
        fix: Fix::Several(Vec::new()),
    };
    let diagnosis = Diagnosis {
        code: Code::Sf401,
        message: "at most 3 inputs of at most 0.3 each sum to 0.9, and the sum is 1".to_owned(),
        reasons: Vec::new(),
        evidence: json!({"limits": ["at-most", "high", "sum"]}).as_object().cloned().unwrap_or_default(),
        also: Vec::new(),
        remedies: vec![change("--at-most 4"), change("--high 0.3334")],
        exact: None,
    };
    MixReport {
        verdict: Verdict::Failed,
        best: None,
        certificate: None,
        plain: None,
        others: None,
        stop: None,
        nodes: 0,
        diagnosis: Some(diagnosis),
        ..optimal()
    }
}

/// No holes, a penalty, nothing left of the rounding.
fn ridged() -> MixReport {
    MixReport { ridge: 0.5, plain: None, distance: Distance::L2, sum: Some(2.0), ..optimal() }
}

/// The target is one of the inputs.
fn exact() -> MixReport {
    MixReport {
        best: Some(Mix { weights: vec![0.0, 0.0, 1.0, 0.0], objective: 0.0 }),
        certificate: Some(Certificate { objective: 0.0, bound: 0.0, gap: 4.4e-28, rounding: 4.4e-28 }),
        distance: Distance::LInf,
        ..optimal()
    }
}

fn path() -> PathReport {
    let point = |value, found| Point { value, found, nodes: 7 };
    let mix = |objective| Mix { weights: vec![0.25, 0.0, 0.75, 0.0], objective };
    PathReport {
        flag: "--low",
        points: vec![
            point(0.1, Some((mix(0.01), proof(0.01, 0.01), true))),
            point(0.2, Some((mix(0.04), proof(0.04, 0.03), false))),
            point(0.3, None),
        ],
        wanted: 4,
        frame: MixReport { best: None, certificate: None, plain: None, ..stopped() },
    }
}

/// Two of three prices, the second of a mix that cannot be.
fn priced() -> MixReport {
    let price = |input, is_used, mix: Option<Mix>| Price {
        input,
        is_used,
        bound: mix.as_ref().map_or(f64::INFINITY, |mix| mix.objective),
        mix,
        is_certified: true,
    };
    let other = Mix { weights: vec![0.0, 0.4, 0.6, 0.0], objective: 0.018 };
    let found = vec![price(2, true, None), price(0, true, Some(other))];
    MixReport { prices: Some(Prices { found, wanted: 3, why: "Ctrl-C" }), ..optimal() }
}

fn all() -> [MixReport; 6] {
    [optimal(), with_alternatives(), stopped(), infeasible(), ridged(), exact()]
}

#[test]
fn mixes_read() {
    let texts = all().iter().map(|report| render::mix(report, 100)).collect::<Vec<_>>();
    assert_snapshot!(texts.join("\n"));
}

#[test]
fn a_mix_reads_on_forty_columns() {
    assert_snapshot!([optimal(), stopped()].map(|report| render::mix(&report, 40)).join("\n"));
}

#[test]
fn prices_read() {
    let object = serde_json::to_string_pretty(&json::mix(&priced())["prices"]).unwrap_or_default();
    assert_snapshot!([100, 34].map(|width| render::mix(&priced(), width)).concat() + &object);
}

#[test]
fn a_path_reads() {
    assert_snapshot!(render::mix_path(&path(), 100));
}

#[test]
fn a_verdict_on_a_mix_takes_at_most_twelve_lines_beside_the_table() {
    for report in all() {
        let table = report.best.as_ref().map_or(0, |best| 1 + crate::report::mix::used(best));
        let lists = if report.alternatives.is_empty() { 0 } else { 2 + report.alternatives.len() };
        let lines = render::mix(&report, 100).lines().count();
        assert!(lines <= 12 + table + lists, "{lines} lines for {report:?}");
    }
}

#[test]
fn no_line_of_a_mix_is_wider_than_the_screen() {
    for width in [30, 40, 60, 80, 100, 120] {
        let texts =
            all().iter().chain([&priced()]).map(|report| render::mix(report, width)).collect::<String>();
        let text = anstream::adapter::strip_str(&(texts + &render::mix_path(&path(), width))).to_string();
        let widest = text.lines().max_by_key(|line| crate::text::width(line));
        assert!(widest.is_some_and(|line| crate::text::width(line) <= width), "{width}: {widest:?}");
    }
}

#[test]
fn the_objects_of_mixes() {
    let objects = [json::mix(&with_alternatives()), json::mix(&infeasible()), json::mix_path(&path())];
    assert_snapshot!(serde_json::to_string_pretty(&objects).unwrap_or_default());
}
