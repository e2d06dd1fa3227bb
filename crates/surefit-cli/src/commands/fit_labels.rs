//! `surefit fit` of rankings: rows with sets of labels, from a table, an svmlight file or an ARFF file.

use super::fit::exit_of;
use super::fit_samples::{
    Found, in_file, intercept_of, lambda, method_in_words, name_places, report, settings, with_progress,
};
use super::load_labels::{self, Asked, Labelled};
use crate::args::FitArgs;
use crate::exit::Exit;
use crate::report::{FitReport, Measured, Measures, Ranked};
use crate::screen::{Halt, Screen};
use crate::{files, json, render};
use faer::{Mat, MatRef};
use std::time::Instant;
use surefit::data::scale::Scaling;
use surefit::data::{LabelRows, SampleSet, Samples};
use surefit::diagnosis::{Finding, Unbounded, WithoutPairs};
use surefit::fit::{SampleFit, Verdict, check_scale, fit_scaled};
use surefit::metrics::ranking::{Ranking, SetAccuracy};
use surefit::metrics::threshold::Threshold;
use surefit::model::{Fingerprint, Inputs, Model};
use surefit::oracle::Pass;
use surefit::{Coefficients, Error, LossKind, Problem, Result, Ridge};

/// Labels of more than this share of the rows are given by their frequency alone.
const HALF: f64 = 0.5;

/// Runs the verb.
pub fn run(args: &FitArgs, loss: LossKind, screen: &Screen) -> Result<Exit, Halt> {
    let begun = Instant::now();
    let (method, given) = args.check_ranking(loss)?;
    if let Some(path) = &args.output {
        files::probe(path)?;
    }
    let asked = Asked {
        data: &args.data,
        formula: args.formula.as_deref(),
        labels: args.labels.as_deref(),
        loss,
        penalized: given.is_none_or(|lambda| lambda > 0.0),
        reading: &args.reading,
        zero_based: args.zero_based,
        rows: &args.rows,
    };
    let labelled = load_labels::labelled(&asked, screen)?;
    let Labelled { set, intercept, .. } = &labelled;
    let mut notes = labelled.notes.clone();
    let samples = set.samples(loss)?;
    let labels = set.outputs(loss);
    // Before the work: a fault in it must not cost an answer.
    let kept = args.output.is_some() || args.test.is_some();
    let inputs = kept.then(|| labelled.inputs()).transpose()?;
    let test = match (&args.test, &inputs) {
        (Some(file), Some(inputs)) => {
            let read = load_labels::for_model(file, inputs, &labels, &args.reading, screen);
            Some((file.as_str(), read.map_err(|error| in_file(file, error))?))
        }
        _ => None,
    };
    let intercept = intercept_of(*intercept, args.shrinkage.penalize_intercept)?;
    let scale = args.shrinkage.scale.into();
    check_scale(scale, intercept)?;
    let penalty = Ridge::uniform(lambda(given, loss, set, &mut notes, screen)?);
    let scaling = Scaling::of_samples(scale, &samples, &|j| set.name(j))?;
    let problem = Problem { loss, penalty, intercept };
    let settings = settings(args, method, loss, begun);
    let (mut fit, problem) = with_progress(settings.gap, screen, |watch| {
        fit_scaled(&samples, &problem, &scaling, &settings, watch)
    })?;
    name_places(&mut fit, set);
    let formula = args.formula.as_deref().unwrap_or_default();
    let mut report = report("fit", formula, set, &problem, settings.gap, &Found::of(&fit))?;
    report.stop = Some(fit.candidate.stop);
    report.steps = fit.candidate.steps as u64;
    report.method = Some(method_in_words(&fit));
    report.notes = notes;
    report.findings = findings(&samples, set, &problem);
    if fit.verdict != Verdict::Failed {
        let answer = &fit.candidate.coefficients;
        let threshold = threshold(set, loss, answer)?;
        let test = test.as_ref().map(|(file, test)| (*file, test));
        measure(&mut report, loss, answer, &threshold, set, test)?;
        if let (Some(path), Some(inputs)) = (&args.output, inputs) {
            let bytes = model(args, &fit, set, inputs, problem, threshold)?.to_bytes()?;
            files::write(path, |out| out.write_all(&bytes))?;
        }
    }
    report.seconds = begun.elapsed().as_secs_f64();
    screen.result(|width| render::fit(&report, width), || json::fit(&report))?;
    Ok(exit_of(report.verdict))
}

/// What is worth knowing of rows with labels, whatever the answer: nothing for those without.
pub fn findings(samples: &Samples<'_>, set: &SampleSet, problem: &Problem) -> Vec<Finding> {
    let labels = set.outputs(problem.loss);
    let name = |k: usize| labels.get(k).map(|name| format!("`{name}`")).unwrap_or_default();
    let unbounded = Unbounded::of(samples, problem.loss, problem.intercept);
    let unbounded = unbounded.map(|found| found.finding(&name));
    let without = WithoutPairs::of(samples, problem.loss).map(|found| found.finding(false));
    unbounded.into_iter().chain(without).collect()
}

/// What is kept of an answer.
fn model(
    args: &FitArgs,
    fit: &SampleFit,
    set: &SampleSet,
    inputs: Inputs,
    problem: Problem,
    threshold: Threshold,
) -> Result<Model> {
    Ok(Model {
        coefficients: fit.candidate.coefficients.clone(),
        columns: set.names().collect(),
        targets: set.outputs(problem.loss),
        classes: None,
        threshold: Some(threshold),
        mix: None,
        formula: args.formula.clone().unwrap_or_default(),
        inputs,
        problem,
        scale: args.shrinkage.scale.into(),
        certificate: fit.certificate.record(),
        verdict: fit.verdict,
        code: fit.diagnosis.as_ref().map(|diagnosis| diagnosis.code),
        data: fingerprint(set)?,
        version: env!("CARGO_PKG_VERSION").to_owned(),
    })
}

/// Of the rows, whatever file they came from.
pub fn fingerprint(set: &SampleSet) -> Result<Fingerprint> {
    Ok(Fingerprint::of_labelled(set.features()?, labels_of(set)?, set.weights()))
}

/// From scores to sets: what the loss is made for, or what the rows of the fit say.
fn threshold(set: &SampleSet, loss: LossKind, answer: &Coefficients) -> Result<Threshold> {
    match loss {
        LossKind::Zlpr => Ok(Threshold::Constant(0.0)),
        _ => Threshold::fit_weighted(scores(set, loss, answer)?.as_ref(), labels_of(set)?, set.weights()),
    }
}

/// Measures an answer on the rows of the fit, or those that it is certified on, and on those of `--test`.
pub fn measure(
    report: &mut FitReport,
    loss: LossKind,
    answer: &Coefficients,
    threshold: &Threshold,
    set: &SampleSet,
    test: Option<(&str, &SampleSet)>,
) -> Result<()> {
    let shares = frequencies(labels_of(set)?, set.weights());
    let measured = |set: &SampleSet| {
        let (scores, truth) = (scores(set, loss, answer)?, labels_of(set)?);
        let by_frequency = Mat::from_fn(truth.rows(), shares.len(), |_, k| shares[k]);
        let half = Threshold::Constant(HALF);
        Ok::<Measured, Error>(Measured {
            answer: measures(scores.as_ref(), threshold, truth, set.weights()),
            frequencies: measures(by_frequency.as_ref(), &half, truth, set.weights()),
        })
    };
    let rows = measured(set)?;
    let test = test.map(|(file, test)| Ok::<_, Error>((file.to_owned(), measured(test)?))).transpose()?;
    if let Some(facts) = &mut report.samples {
        facts.ranking = Some(Ranked { threshold: threshold.clone(), rows, test });
    }
    Ok(())
}

fn labels_of(set: &SampleSet) -> Result<LabelRows<'_>> {
    set.labels().ok_or_else(|| Error::Internal("rows of a ranking have no labels".to_owned()))
}

/// n × c.
fn scores(set: &SampleSet, loss: LossKind, answer: &Coefficients) -> Result<Mat<f64>> {
    let mut pass = Pass::new(set.samples(loss)?, loss)?;
    pass.score(answer);
    Ok(pass.scores().to_owned())
}

/// The share of the weight of the rows that have each label.
fn frequencies(labels: LabelRows<'_>, weights: Option<&[f64]>) -> Vec<f64> {
    let weight = |row: usize| weights.map_or(1.0, |weights| weights.get(row).copied().unwrap_or(0.0));
    let rows = || 0..labels.rows();
    let total: f64 = rows().map(weight).sum();
    let share = |k| rows().filter(|&i| labels.has(i, k)).map(weight).sum::<f64>() / total;
    (0..labels.labels()).map(share).collect()
}

fn measures(
    scores: MatRef<'_, f64>,
    threshold: &Threshold,
    truth: LabelRows<'_>,
    weights: Option<&[f64]>,
) -> Measures {
    let sets = threshold.sets(scores);
    Measures {
        ranking: Ranking::weighted(scores, truth, weights),
        sets: SetAccuracy::weighted(sets.view(), truth, weights),
    }
}
