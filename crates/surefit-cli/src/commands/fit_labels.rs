//! `surefit fit` of rankings: rows with sets of labels, from a table, an svmlight file or an ARFF file.

mod input;
mod measured;
mod search;

pub use self::input::{Input, Rows, usual};
pub use self::measured::{measure, scores, threshold};

use self::measured::labels_of;
use self::search::Search;
use super::fit::exit_of;
use super::fit_samples::{
    Found, intercept_of, lambda, method_in_words, name_places, report, settings, with_progress,
};
use crate::args::{Compare, FitArgs, Wish};
use crate::exit::Exit;
use crate::screen::{Halt, Screen};
use crate::{files, json, render};
use std::time::Instant;
use surefit::data::scale::Scaling;
use surefit::data::{SampleSet, Samples};
use surefit::diagnosis::{Code, Diagnosis, Finding, Unbounded};
use surefit::fit::{By, SampleFit, Verdict, check_scale, fit_scaled};
use surefit::metrics::threshold::Threshold;
use surefit::model::{Fingerprint, Inputs, Model};
use surefit::{LossKind, Problem, Result, Ridge};

/// Runs the verb.
pub fn run(args: &FitArgs, loss: LossKind, screen: &Screen) -> Result<Exit, Halt> {
    if let Some(hidden) = args.ranking.hidden {
        return super::fit_network::run(args, loss, hidden, screen);
    }
    let begun = Instant::now();
    let (method, wish) = args.check_ranking(loss)?;
    if let Some(path) = &args.output {
        files::probe(path)?;
    }
    let read = Input::read(args, loss, wish.penalized(loss), screen)?;
    let Input { set, intercept, inputs, label_weights, rule, test, validate, mut notes } = read;
    let label_weights = label_weights.as_deref();
    let mut fitted = Rows::new(&set, loss, label_weights, args.ranking.divisor)?;
    let (without, samples) = (fitted.without.take(), fitted.samples());
    let intercept = intercept_of(intercept, args.shrinkage.penalize_intercept)?;
    let scale = args.shrinkage.scale.into();
    check_scale(scale, intercept)?;
    let scaling = Scaling::of_samples(scale, &samples, &|j| set.name(j))?;
    let settings = settings(args, method, loss, begun);
    let problem = |lambda| Problem { loss, penalty: Ridge::uniform(lambda), intercept };
    let (problem, mut fit, choice) = match &wish {
        Wish::One(given) => {
            let lambda = match given {
                None if fitted.weights.is_some() => usual(loss, &samples, set.weights(), &mut notes, screen),
                given => lambda(*given, loss, &set, &mut notes, screen)?,
            };
            let (fit, problem) = with_progress(settings.gap, screen, |watch| {
                fit_scaled(&samples, &problem(lambda), &scaling, &settings, watch)
            })?;
            (problem, fit, None)
        }
        Wish::Path(penalties, compare) => {
            let held = if *compare == Compare::Validate { &validate } else { &test };
            let held = held.as_ref().map(|(file, held)| {
                Rows::new(held, loss, label_weights, args.ranking.divisor).map(|rows| (file.as_str(), rows))
            });
            let by = args.measure().map_or(By::Loss, |measure| By::Measure(measure, rule));
            let search = Search { penalties, compare: *compare, by, scaling: &scaling, settings: &settings };
            search.run(&samples, &problem(0.0), held.transpose()?.as_ref(), screen)?
        }
    };
    name_places(&mut fit, &set);
    let formula = args.formula.as_deref().unwrap_or_default();
    let mut report = report("fit", formula, &set, &problem, settings.gap, &Found::of(&fit))?;
    report.stop = Some(fit.candidate.stop);
    report.steps = fit.candidate.steps as u64;
    report.method = Some(method_in_words(&fit));
    report.notes = notes;
    report.choice = choice;
    report.findings = findings(&samples, &set, &problem, fit.diagnosis.as_ref());
    let (left_out, lambda) = (fitted.weights.is_some(), problem.penalty.lambda);
    if let Some(mut found) = without.map(|found| found.finding(left_out, lambda)) {
        if !scaling.is_identity() {
            // Other rows have other units, in which the penalty would mean something else.
            found.remedies.clear();
        }
        report.findings.push(found);
    }
    if fit.verdict != Verdict::Failed {
        let answer = &fit.candidate.coefficients;
        let scores = |set: &SampleSet| scores(set, loss, answer);
        let threshold = threshold(&scores, rule, &set)?;
        let test = test.as_ref().map(|(file, test)| (file.as_str(), test));
        let ranked = measure(&scores, &threshold, &set, test)?;
        if let Some(facts) = &mut report.samples {
            facts.ranking = Some(ranked);
        }
        if let (Some(path), Some(inputs)) = (&args.output, inputs) {
            let bytes = model(args, &fit, &set, inputs, problem, threshold)?.to_bytes()?;
            files::write(path, |out| out.write_all(&bytes))?;
        }
    }
    report.seconds = begun.elapsed().as_secs_f64();
    screen.result(|width| render::fit(&report, width), || json::fit(&report))?;
    Ok(exit_of(report.verdict))
}

/// Labels without a finite intercept, whatever the answer, where they are not the cause that is told: nothing for rows without
/// labels.
pub fn findings(
    samples: &Samples<'_>,
    set: &SampleSet,
    problem: &Problem,
    cause: Option<&Diagnosis>,
) -> Vec<Finding> {
    let name = |k: usize| set.label_names().get(k).map(|name| format!("`{name}`")).unwrap_or_default();
    let is_told = cause.is_some_and(|cause| cause.code == Code::Sf208);
    let found = Unbounded::of(samples, problem.loss, problem.intercept).filter(|_| !is_told);
    found.map(|found| found.finding(&name)).into_iter().collect()
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
    let model = super::fit_samples::model(args, fit, set, problem, inputs, fingerprint(set)?);
    Ok(Model { threshold: Some(finite(threshold)), ..model })
}

/// A label that is given to no row has an infinite limit, which a file has no number for; no score is above the largest one.
fn finite(threshold: Threshold) -> Threshold {
    match threshold {
        Threshold::PerLabel(limits) => {
            Threshold::PerLabel(limits.into_iter().map(|limit| limit.min(f64::MAX)).collect())
        }
        other => other,
    }
}

/// Of the rows, whatever file they came from.
pub fn fingerprint(set: &SampleSet) -> Result<Fingerprint> {
    Ok(Fingerprint::of_labelled(set.features()?, labels_of(set)?, set.weights()))
}
