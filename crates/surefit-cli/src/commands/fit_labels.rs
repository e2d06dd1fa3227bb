//! `surefit fit` of rankings: rows with sets of labels, from an ARFF file.

use super::fit::exit_of;
use super::fit_samples::{
    Found, in_file, intercept_of, lambda, method_in_words, name_places, report, settings, watched,
};
use super::load;
use crate::args::FitArgs;
use crate::exit::Exit;
use crate::report::{FitReport, Measured, Measures, Ranked};
use crate::screen::{Halt, Screen};
use crate::{json, render};
use faer::{Mat, MatRef};
use std::time::Instant;
use surefit::data::read::LabelChoice;
use surefit::data::{LabelRows, SampleSet};
use surefit::diagnosis::{Unbounded, WithoutPairs};
use surefit::fit::Verdict;
use surefit::metrics::ranking::{Ranking, SetAccuracy};
use surefit::metrics::threshold::Threshold;
use surefit::oracle::Pass;
use surefit::{Coefficients, Error, LossKind, Problem, Result, Ridge};

/// Labels of more than this share of the rows are given by their frequency alone.
const HALF: f64 = 0.5;

/// Runs the verb.
pub fn run(args: &FitArgs, loss: LossKind, screen: &Screen) -> Result<Exit, Halt> {
    let begun = Instant::now();
    let (method, given) = args.check_ranking(loss)?;
    let choice = LabelChoice::parse(args.labels.as_deref().unwrap_or_default())?;
    let set = load::labelled(&args.data, &choice, screen)?;
    // Before the work: a fault in it must not cost an answer.
    let test = args.test.as_ref().map(|file| {
        let read = load::labelled(file, &choice, screen)
            .and_then(|test| set.check_same_names(&test, loss).map(|()| (file, test)));
        read.map_err(|error| in_file(file, error))
    });
    let test = test.transpose()?;
    let mut notes = Vec::new();
    let samples = set.samples(loss)?;
    let problem = Problem {
        loss,
        penalty: Ridge::uniform(lambda(given, loss, &set, &mut notes, screen)?),
        intercept: intercept_of(true, args.shrinkage.penalize_intercept)?,
    };
    let settings = settings(args, method, loss, begun);
    let mut fit = watched(&samples, &problem, &settings, screen)?;
    name_places(&mut fit, &set);
    let mut report = report("fit", "", &set, &problem, settings.gap, &Found::of(&fit))?;
    report.stop = Some(fit.candidate.stop);
    report.steps = fit.candidate.steps as u64;
    report.method = Some(method_in_words(&fit));
    report.notes = notes;
    let labels = set.outputs(loss);
    let name = |k: usize| labels.get(k).map(|name| format!("`{name}`")).unwrap_or_default();
    report
        .findings
        .extend(Unbounded::of(&samples, loss, problem.intercept).map(|found| found.finding(&name)));
    report.findings.extend(WithoutPairs::of(&samples, loss).map(|found| found.finding(false)));
    if fit.verdict != Verdict::Failed {
        let test = test.as_ref().map(|(file, test)| (file.as_str(), test));
        measure(&mut report, loss, &fit.candidate.coefficients, &set, test)?;
    }
    report.seconds = begun.elapsed().as_secs_f64();
    screen.result(|width| render::fit(&report, width), || json::fit(&report))?;
    Ok(exit_of(report.verdict))
}

/// Measures an answer on the rows of the fit and those of `--test`.
fn measure(
    report: &mut FitReport,
    loss: LossKind,
    answer: &Coefficients,
    set: &SampleSet,
    test: Option<(&str, &SampleSet)>,
) -> Result<()> {
    let truth = labels_of(set)?;
    let scores = scores(set, loss, answer)?;
    let threshold = match loss {
        LossKind::Zlpr => Threshold::Constant(0.0),
        _ => Threshold::fit(scores.as_ref(), truth)?,
    };
    let shares = frequencies(truth);
    let measured = |scores: MatRef<'_, f64>, truth: LabelRows<'_>| {
        let by_frequency = Mat::from_fn(truth.rows(), shares.len(), |_, k| shares[k]);
        let half = Threshold::Constant(HALF);
        Measured {
            answer: measures(scores, &threshold, truth),
            frequencies: measures(by_frequency.as_ref(), &half, truth),
        }
    };
    let rows = measured(scores.as_ref(), truth);
    let test = match test {
        Some((file, test)) => {
            let scores = self::scores(test, loss, answer)?;
            Some((file.to_owned(), measured(scores.as_ref(), labels_of(test)?)))
        }
        None => None,
    };
    if let Some(facts) = &mut report.samples {
        facts.ranking = Some(Ranked { threshold, rows, test });
    }
    Ok(())
}

fn labels_of(set: &SampleSet) -> Result<LabelRows<'_>> {
    set.labels().ok_or_else(|| Error::Internal("rows of an ARFF file have no labels".to_owned()))
}

/// n × c.
fn scores(set: &SampleSet, loss: LossKind, answer: &Coefficients) -> Result<Mat<f64>> {
    let mut pass = Pass::new(set.samples(loss)?, loss)?;
    pass.score(answer);
    Ok(pass.scores().to_owned())
}

/// The share of the rows that have each label.
fn frequencies(labels: LabelRows<'_>) -> Vec<f64> {
    let rows = labels.rows();
    let share = |k| (0..rows).filter(|&i| labels.has(i, k)).count() as f64 / rows as f64;
    (0..labels.labels()).map(share).collect()
}

fn measures(scores: MatRef<'_, f64>, threshold: &Threshold, truth: LabelRows<'_>) -> Measures {
    let sets = threshold.sets(scores);
    Measures { ranking: Ranking::of(scores, truth), sets: SetAccuracy::of(sets.view(), truth) }
}
