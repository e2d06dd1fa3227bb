//! `surefit check-gradient`: is the gradient in a file that of the loss, and what is wrong if not.

use super::load::{self, Asked};
use crate::args::{self, CheckGradientArgs, usage};
use crate::exit::Exit;
use crate::report::CheckReport;
use crate::screen::{Halt, Screen};
use crate::{json, render};
use faer::Mat;
use serde_json::{Value, json};
use surefit::diagnosis::{Code, wrong_gradient};
use surefit::gradcheck::{Claim, Entry, check_samples};
use surefit::{Coefficients, Intercept, Result};

/// Runs the verb.
pub fn run(args: &CheckGradientArgs, screen: &Screen) -> Result<Exit, Halt> {
    args.check()?;
    let report = report(args, screen)?;
    screen.result(
        |width| match report.diagnosis {
            None => render::gradient_agrees(&report, width),
            Some(_) => render::gradient_wrong(&report, width),
        },
        || object(&report),
    )?;
    Ok(if report.diagnosis.is_none() { Exit::Done } else { Exit::Mismatch })
}

fn report(args: &CheckGradientArgs, screen: &Screen) -> Result<CheckReport> {
    let loss = args.loss.check()?;
    let lambda = args.penalty.unwrap_or(0.0);
    if args.penalize_intercept && lambda == 0.0 {
        return Err(args::needs_penalty("--penalize-intercept"));
    }
    let asked = Asked {
        verb: "check-gradient",
        data: &args.data,
        formula: args.formula.as_deref(),
        loss,
        penalized: lambda > 0.0,
        reading: &args.reading,
        zero_based: args.zero_based,
        rows: &args.rows,
    };
    let load::LoadedSamples { set, intercept } = load::samples(&asked, screen)?;
    let intercept = match (intercept, args.penalize_intercept) {
        (false, true) => {
            return Err(usage(
                "`--penalize-intercept` needs an intercept, and the formula asks for none".to_owned(),
                "leave out `- 1`, or leave out `--penalize-intercept`".to_owned(),
            ));
        }
        (false, false) => Intercept::Absent,
        (true, true) => Intercept::Penalized,
        (true, false) => Intercept::Free,
    };
    let (mut terms, outputs): (Vec<String>, _) = (set.names().collect(), set.outputs(loss));
    let has_intercept = intercept != Intercept::Absent;
    let read = |path| load::coefficients(path, &terms, &outputs, has_intercept);
    let mut claims = Vec::with_capacity(args.gradient.len());
    let mut files = Vec::with_capacity(args.gradient.len());
    for (nth, path) in args.gradient.iter().enumerate() {
        let at = match args.at.get(nth) {
            Some(path) => read(path)?,
            None => Coefficients {
                weights: Mat::zeros(terms.len(), outputs.len()),
                intercept: vec![0.0; outputs.len()],
            },
        };
        claims.push(Claim { at, gradient: read(path)? });
        files.push((args.at.get(nth).map(|at| at.display().to_string()), path.display().to_string()));
    }
    let _waiting = screen.wait();
    let verdict = check_samples(set.samples(loss)?, loss, lambda, intercept, &claims)?;
    terms.extend(has_intercept.then(|| "(intercept)".to_owned()));
    let diagnosis = wrong_gradient(&verdict, loss, &terms, &outputs);
    let (rows, columns) = (set.rows(), set.columns());
    Ok(CheckReport { loss, penalty: lambda, files, terms, outputs, verdict, diagnosis, rows, columns })
}

fn object(report: &CheckReport) -> Value {
    let found = report.diagnosis.as_ref();
    let message = found.map_or("the gradient is that of the loss", |found| found.message.as_str());
    let verdict = if found.is_some() { "failed" } else { "agrees" };
    let mut object = json::head(Some("check-gradient"), verdict, found.map(|_| Code::Sf301), message);
    let c = report.outputs.len().max(1);
    let entry = |place: usize, entry: &Entry| {
        json!({
            "term": report.terms[place / c],
            "output": report.outputs[place % c],
            "given": json::number(entry.given),
            "right": json::number(entry.numeric),
            "error": json::number(entry.error),
            "allowance": json::number(entry.allowance),
            "kink": entry.kink,
        })
    };
    let checks = report.files.iter().zip(&report.verdict.reports).map(|((at, gradient), one)| {
        let entries = one.entries.iter().enumerate().map(|(place, one)| entry(place, one));
        json!({
            "at": at, "gradient": gradient, "agrees": one.agrees(), "entries": entries.collect::<Vec<_>>(),
        })
    });
    object.insert("checks".to_owned(), checks.collect());
    object.insert("penalty_unseen".to_owned(), report.verdict.penalty_unseen.into());
    if let Some(found) = found {
        object.insert("diagnosis".to_owned(), json::diagnosis(found, None));
    }
    object.insert("rows".to_owned(), report.rows.into());
    object.insert("columns".to_owned(), report.columns.into());
    Value::Object(object)
}
