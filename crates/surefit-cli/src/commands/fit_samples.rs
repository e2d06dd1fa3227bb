//! `surefit fit` by another loss than the squared one: classes, or numbers that are met with Huber's loss.

use super::fit::{exit_of, proof, title};
use super::load::{self, Asked, LoadedSamples, Sourced};
use super::score;
use crate::args::{Compare, FitArgs, Wish, usage};
use crate::exit::Exit;
use crate::numbers::{count, counted, plain, rough};
use crate::report::{self, ChosenBy, FitReport, SampleFacts};
use crate::screen::{Halt, Screen};
use crate::watch::{self, Progress};
use crate::{files, json, render};
use std::sync::Mutex;
use std::time::Instant;
use surefit::certificate::Certificate;
use surefit::data::{SampleSet, Samples};
use surefit::fit::{
    By, Choose, Method, PathProgress, Progress as FitProgress, SampleFit, SamplePath, SampleSettings,
    Verdict, fit_path, fit_samples, usual_gap, usual_penalty,
};
use surefit::metrics::measure::Measure;
use surefit::metrics::{Confusion, margin};
use surefit::model::{Fingerprint, Inputs, Model};
use surefit::oracle::Pass;
use surefit::{Coefficients, Error, Intercept, LossKind, Problem, Result, Ridge};

/// Runs the verb.
pub fn run(args: &FitArgs, loss: LossKind, screen: &Screen) -> Result<Exit, Halt> {
    let begun = Instant::now();
    let (method, wish) = args.check_samples(loss)?;
    if let Some(path) = &args.output {
        files::probe(path)?;
    }
    let Sourced { samples: LoadedSamples { set, intercept }, inputs, digest, mut notes } =
        load::sourced(&asked(args, loss, &wish), screen)?;
    let samples = set.samples(loss)?;
    let intercept = intercept_of(intercept, args.shrinkage.penalize_intercept)?;
    // Before the work: a fault in it must not cost an answer.
    let read = |file: &String| load::for_model(file, &inputs, set.classes(), &args.reading, screen);
    let test = args.test.as_ref().map(|file| read(file).map_err(|error| in_file(file, error))).transpose()?;
    let settings = settings(args, method, loss, begun);
    let problem = |lambda| Problem { loss, penalty: Ridge::uniform(lambda), intercept };
    let (problem, mut fit, choice) = match &wish {
        Wish::One(given) => {
            let problem = problem(lambda(*given, loss, &set, &mut notes, screen)?);
            let fit = watched(&samples, &problem, &settings, screen)?;
            (problem, fit, None)
        }
        Wish::Path(penalties, compare) => {
            let held = test.as_ref().map(|(test, _)| test.samples(loss)).transpose()?;
            let choose = match (compare, held) {
                (Compare::Test, Some(held)) => Choose::Held(held),
                (Compare::Test, None) | (Compare::Validate, _) => {
                    return Err(Error::Internal("no rows to choose by".to_owned()).into());
                }
                (Compare::Folds(count), _) => Choose::Folds(*count),
            };
            let path = with_path_progress(screen, |watch| {
                fit_path(&samples, &problem(0.0), penalties, choose, By::Loss, &settings, watch)
            })?;
            if let Some(note) = always_fitted(path.always_fitted) {
                screen.note(&note);
                notes.push(note);
            }
            let choice = chosen(&path, penalties, *compare, None, args.test.as_deref());
            (problem(choice.lambda), path.fit, Some(choice))
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
    if fit.verdict != Verdict::Failed {
        let data = Fingerprint { rows: set.rows() as u64, digest };
        let model = model(args, &fit, &set, problem, inputs, data);
        if let (Some(file), Some((test, _))) = (&args.test, &test) {
            screen.notes(test.notes().iter().map(|note| format!("{file}: {note}")));
            score::of_samples(&model, test, file, &mut report).map_err(|error| in_file(file, error))?;
        }
        if let Some(path) = &args.output {
            let bytes = model.to_bytes()?;
            files::write(path, |out| out.write_all(&bytes))?;
        }
    }
    report.seconds = begun.elapsed().as_secs_f64();
    screen.result(|width| render::fit(&report, width), || json::fit(&report))?;
    Ok(exit_of(report.verdict))
}

/// How to fit, for a run that has begun.
pub fn settings(args: &FitArgs, method: Method, loss: LossKind, begun: Instant) -> SampleSettings {
    SampleSettings {
        method,
        gap: args.gap.unwrap_or_else(|| usual_gap(loss)),
        max_iter: args.descent.max_iter.map(|most| usize::try_from(most).unwrap_or(usize::MAX)),
        time_limit: args.time_limit.map(|limit| limit.saturating_sub(begun.elapsed())),
        seed: args.seed.unwrap_or(0),
    }
}

/// The rows that are asked for.
fn asked<'a>(args: &'a FitArgs, loss: LossKind, wish: &Wish) -> Asked<'a> {
    Asked {
        verb: "fit",
        data: &args.data,
        formula: args.formula.as_deref(),
        loss,
        penalized: wish.penalized(loss),
        reading: &args.reading,
        zero_based: args.zero_based,
        rows: &args.rows,
    }
}

/// The penalty that was asked for, or the usual one, which is said.
pub fn lambda(
    given: Option<f64>,
    loss: LossKind,
    set: &SampleSet,
    notes: &mut Vec<String>,
    screen: &Screen,
) -> Result<f64> {
    if let Some(lambda) = given {
        return Ok(lambda);
    }
    let usual = usual_penalty(loss, &set.samples(loss)?);
    if usual > 0.0 {
        let n = if set.weights().is_some() { "1/Σ weights" } else { "1/n" };
        let theirs = if loss.is_of_classes() { " (C = 1 of scikit-learn)" } else { "" };
        notes.push(format!("penalty λ = {n} = {}{theirs}", plain(usual)));
        screen.notes(notes.last());
    }
    Ok(usual)
}

/// What is kept of an answer.
pub fn model(
    args: &FitArgs,
    fit: &SampleFit,
    set: &SampleSet,
    problem: Problem,
    inputs: Inputs,
    data: Fingerprint,
) -> Model {
    Model {
        coefficients: fit.candidate.coefficients.clone(),
        columns: set.names().collect(),
        targets: set.outputs(problem.loss),
        classes: set.classes().cloned(),
        threshold: None,
        mix: None,
        formula: args.formula.clone().unwrap_or_default(),
        inputs,
        problem,
        scale: args.shrinkage.scale.into(),
        certificate: fit.certificate.record(),
        verdict: fit.verdict,
        code: fit.diagnosis.as_ref().map(|diagnosis| diagnosis.code),
        data,
        version: env!("CARGO_PKG_VERSION").to_owned(),
    }
}

pub fn in_file(file: &str, error: Error) -> Halt {
    match error {
        Error::Read(_) | Error::Data(_) => Halt::In(Box::new((file.to_owned(), error))),
        error => error.into(),
    }
}

/// The intercept that was asked for.
pub fn intercept_of(has: bool, penalized: bool) -> Result<Intercept> {
    if penalized && !has {
        return Err(usage(
            "`--penalize-intercept` needs an intercept, and the formula asks for none".to_owned(),
            "leave out `- 1`, or leave out `--penalize-intercept`".to_owned(),
        ));
    }
    Ok(surefit::fit::intercept(has, penalized))
}

/// Fits, showing the gap and how it falls.
pub fn watched(
    samples: &Samples<'_>,
    problem: &Problem,
    settings: &SampleSettings,
    screen: &Screen,
) -> Result<SampleFit> {
    with_progress(settings.gap, screen, |watch| fit_samples(samples, problem, settings, watch))
}

/// Runs a fit that tells how far it has come.
pub fn with_progress<T>(
    gap: f64,
    screen: &Screen,
    run: impl FnOnce(&(dyn Fn(FitProgress) -> bool + Sync)) -> T,
) -> T {
    let bar = Mutex::new(Progress::new(screen.quiet));
    let wanted = rough(gap);
    run(&|progress| {
        if let Ok(bar) = bar.lock() {
            bar.show(progress.step as u64, None, || {
                if progress.objective.is_infinite() {
                    return "looking for weights that separate the classes".to_owned();
                }
                let gap = rough(progress.gap / progress.objective.abs());
                format!("step {}, relative gap {gap}, wanted {wanted}", count(progress.step as u64))
            });
        }
        !watch::interrupted()
    })
}

/// Compares penalties, showing how far that is.
pub fn with_path_progress<T>(
    screen: &Screen,
    run: impl FnOnce(&(dyn Fn(PathProgress) -> bool + Sync)) -> T,
) -> T {
    let bar = Mutex::new(Progress::new(screen.quiet));
    run(&|told| {
        if let Ok(bar) = bar.lock() {
            let ((done, all), (fold, folds)) = (told.penalty, told.fold);
            bar.show(done as u64, Some(all as u64), || match (done < all, folds) {
                (false, _) => "all penalties are compared; all rows".to_owned(),
                (true, 0) => format!("penalty {} of {all}", done + 1),
                (true, _) => format!("penalty {} of {all}, fold {fold} of {folds}", done + 1),
            });
        }
        !watch::interrupted()
    })
}

/// What was chosen from what, and by what.
pub fn chosen(
    path: &SamplePath,
    penalties: &[f64],
    compare: Compare,
    measure: Option<Measure>,
    file: Option<&str>,
) -> report::Choice {
    let (low, high) = penalties
        .iter()
        .fold((f64::INFINITY, 0.0), |(low, high), &lambda| (f64::min(low, lambda), f64::max(high, lambda)));
    let by_file = matches!(compare, Compare::Test | Compare::Validate);
    report::Choice {
        count: path.asked,
        range: (low, high),
        lambda: path.points.get(path.best).map_or(f64::NAN, |point| point.lambda),
        // Nothing was seen beyond the last one that was compared.
        at_end: path.cut_short.is_none() && (path.best == 0 || path.best + 1 == path.asked),
        by: ChosenBy::Held {
            folds: if let Compare::Folds(count) = compare { Some(count) } else { None },
            file: file.filter(|_| by_file).map(str::to_owned),
            measure,
            points: path.points.clone(),
            best: path.best,
        },
    }
}

/// Rows, columns and classes as the data number and name them.
pub fn name_places(fit: &mut SampleFit, set: &SampleSet) {
    let number = |row: usize| set.number(row) + 1;
    if let Some(long) = fit.long_rows.take() {
        let named = |found| long.diagnosis(found, &number, &|column| format!("`{}`", set.name(column)));
        fit.diagnosis = fit.diagnosis.take().map(named);
    }
    if let Some(far) = fit.far_column.take() {
        let named = |found| far.diagnosis(found, &|column| format!("`{}`", set.name(column)));
        fit.diagnosis = fit.diagnosis.take().map(named);
    }
    if let Some(separation) = fit.separation.take() {
        let class = |class: usize| {
            let names = set.classes().map_or(&[][..], |classes| classes.names());
            names.get(class).map(|name| format!("`{name}`")).unwrap_or_default()
        };
        fit.diagnosis = Some(separation.diagnosis(&number, &class));
    }
    if let Some((found, tried)) = fit.unbounded.take() {
        let names = set.label_names();
        let name = |k: usize| names.get(k).map(|name| format!("`{name}`")).unwrap_or_default();
        fit.diagnosis = Some(found.diagnosis(&name, fit.certificate.gap(), &tried));
    }
}

fn always_fitted(rows: usize) -> Option<String> {
    match rows {
        0 => None,
        1 => Some("1 row is the only one of its class, and is in no fold: every fit has it".to_owned()),
        rows => Some(format!(
            "{} rows are the only ones of their classes, and are in no fold: every fit has them",
            count(rows as u64)
        )),
    }
}

/// An answer and what is known of it.
pub struct Found<'a> {
    pub answer: &'a Coefficients,
    pub certificate: &'a Certificate,
    pub verdict: Verdict,
    pub diagnosis: Option<&'a surefit::diagnosis::Diagnosis>,
    pub passes: Option<f64>,
}

impl<'a> Found<'a> {
    pub fn of(fit: &'a SampleFit) -> Self {
        Self {
            answer: &fit.candidate.coefficients,
            certificate: &fit.certificate,
            verdict: fit.verdict,
            diagnosis: fit.diagnosis.as_ref(),
            passes: Some(fit.passes),
        }
    }
}

/// The plain values of an answer on the rows that it was found on, or is certified on.
pub fn report(
    command: &'static str,
    formula: &str,
    set: &SampleSet,
    problem: &Problem,
    wanted_gap: f64,
    found: &Found<'_>,
) -> Result<FitReport> {
    let loss = problem.loss;
    let samples = set.samples(loss)?;
    let failed = found.verdict == Verdict::Failed;
    let (rows, certain) =
        if failed || !loss.is_of_classes() { (None, None) } else { told_apart(set, &samples, loss, found)? };
    let intercept = problem.intercept != Intercept::Absent;
    let model =
        (!failed).then(|| report::Model::of_samples(found.answer, set, &set.outputs(loss), intercept));
    let ranked = model.as_ref().filter(|model| render::is_ranked(model.terms.len()));
    let effects = ranked.map(|model| {
        let scaled = |(weights, spread): (&Vec<f64>, f64)| weights.iter().map(|w| w * spread).collect();
        model.weights.iter().zip(samples.spreads()).map(scaled).collect()
    });
    Ok(FitReport {
        command,
        verdict: found.verdict,
        formula: formula.to_owned(),
        loss: loss.name(),
        penalty: problem.penalty.lambda,
        factors: report::factors(problem),
        saved: false,
        wanted_gap,
        certificate: (!failed).then(|| proof(found.certificate)),
        scaled_unit: None,
        title: found.diagnosis.map(|diagnosis| title(diagnosis.code)),
        exact: None,
        diagnosis: found.diagnosis.cloned(),
        inference: None,
        effects,
        model,
        findings: Vec::new(),
        minimum_norm: false,
        saturated: None,
        stop: None,
        steps: 0,
        forecast_steps: None,
        method: None,
        choice: None,
        test: None,
        samples: Some(SampleFacts {
            loss,
            penalized_intercept: problem.intercept == Intercept::Penalized,
            classes: set.classes().map(|classes| classes.names().to_vec()),
            rows,
            test: None,
            certain,
            passes: found.passes,
            ranking: None,
        }),
        notes: Vec::new(),
        seconds: 0.0,
        rows: set.rows(),
        columns: set.columns(),
    })
}

/// How the answer tells the rows' classes, and how many of them it is proven to give the optimum's class.
fn told_apart(
    set: &SampleSet,
    samples: &Samples<'_>,
    loss: LossKind,
    found: &Found<'_>,
) -> Result<(Option<Confusion>, Option<usize>)> {
    let mut pass = Pass::new(*samples, loss)?;
    pass.score(found.answer);
    let scores = pass.scores();
    let row = |i: usize| (0..scores.ncols()).map(move |k| scores[(i, k)]);
    let margins: Vec<f64> = (0..scores.nrows()).map(|i| margin(row(i))).collect();
    let norms: Vec<f64> = samples.x.squared_norms().into_iter().map(f64::sqrt).collect();
    Ok((set.confusion(scores), found.certificate.certain(&margins, &norms)))
}

/// Which solver, why, and how far it went.
pub fn method_in_words(fit: &SampleFit) -> String {
    let step = if fit.method == Method::DualAscent { "round" } else { "step" };
    let steps = counted(fit.candidate.steps as u64, step);
    format!("{}; {steps}, {} passes over the rows", fit.reason, plain(fit.passes.round()))
}
