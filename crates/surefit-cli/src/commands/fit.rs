//! `surefit fit`: read, fit, certify or diagnose, print, save.

use super::ask;
use super::load::{self, Loaded, Numbers};
use super::score::score;
use crate::args::{Descent, FitArgs, Penalty, WeightTypeArg};
use crate::exit::Exit;
use crate::numbers::{count, counted, digits, rough};
use crate::report::{self, Choice, ChosenBy, FitReport, Proof, Summary};
use crate::screen::{Halt, Screen};
use crate::watch::{self, Progress};
use crate::{files, json, render};
use std::path::Path;
use std::time::Instant;
use surefit::certificate::{Certificate, Record};
use surefit::data::Rows;
use surefit::data::encode::{EncodeOptions, Encoded, Recipe};
use surefit::diagnosis::forecast::Forecast;
use surefit::diagnosis::{Code, Diagnosis, Remedy};
use surefit::fit::{self, Fit, Settings, Solver, Verdict, Watch};
use surefit::inference::{self, Inference, WeightType};
use surefit::model::{Fingerprint, Inputs, Model};
use surefit::solver::{Stop, exact};
use surefit::{Error, Intercept, LossKind, Problem, Result};

/// `--fix` applies so many remedies, one after the other.
const MOST_FIXES: usize = 4;

/// Runs the verb.
pub fn run(args: &FitArgs, screen: &Screen) -> Result<Exit, Halt> {
    let begun = Instant::now();
    if let Some(limit) = args.time_limit {
        watch::limit(limit);
    }
    args.keep_files_apart()?;
    let loss = args.loss()?;
    args.check_targets(loss)?;
    if loss.is_of_labels() {
        return super::fit_labels::run(args, loss, screen);
    }
    if loss != LossKind::Squared {
        return super::fit_samples::run(args, loss, screen);
    }
    let descent = args.check()?;
    let formula = args.formula()?;
    let traced = args.trace.as_deref().filter(|_| descent.is_some());
    for path in args.output.as_deref().into_iter().chain(traced) {
        files::probe(path)?;
    }
    let options = EncodeOptions {
        missing: args.rows.missing.map(load::missing).unwrap_or_default(),
        drop_reference: args.unpenalized(),
        class_target: false,
    };
    let weights = args.rows.weights.as_deref();
    let Loaded { table, recipe, mut notes } =
        load::by_formula(&args.data, formula, weights, &args.reading, options, screen)?;
    let encoded = Encoded::new(&table, &recipe)?;
    notes.extend(encoded.notes());
    notes.extend(args.set_aside());
    screen.notes(&notes);
    let left_out = encoded.left_out()?;
    let numbers = Numbers::of(encoded, descent.is_some())?;
    let mut job = Job {
        problem: problem(args, &recipe)?,
        settings: Settings { left_out, ..settings(args, descent, &recipe) },
        screen,
    };
    let mut fit = job.fit(numbers.rows())?;
    watch::answered();
    if args.fix {
        fit = job.mend(fit, numbers.rows(), &mut notes)?;
    }

    let mut report =
        report(&fit, "fit", formula, args.gap(), recipe.names(), recipe.targets(), numbers.rows())?;
    for (summary, target) in report.inference.iter_mut().flatten().zip(0..) {
        // Only for a constant target is there no share of its spread.
        if summary.r_squared.is_none() {
            summary.constant = constant_target(numbers.rows(), target)?;
        }
        if let (Some(value), Some(name)) = (summary.constant, recipe.targets().get(target)) {
            let note = render::constant(name, value);
            screen.note(&note);
            notes.push(note);
        }
    }
    super::one_row(&mut report.findings, numbers.rows().shape());
    report.notes = notes;
    // In their places only when all of them are whole.
    let mut written = Vec::new();
    if fit.verdict != Verdict::Failed {
        let model = saved_model(&fit, args, &recipe, table.fingerprint(), numbers.rows().shape().rows);
        if let Some(file) = &args.test {
            match score(&model, &recipe, file, &args.reading, screen) {
                Ok(test) => report.test = Some(test),
                Err(Error::Interrupted) => {
                    let note = format!("{file} was not read to its end, so it says nothing of the model");
                    screen.note(&note);
                    report.notes.push(note);
                }
                Err(error @ (Error::Read(_) | Error::Data(_))) => {
                    return Err(Halt::In(Box::new((file.clone(), error))));
                }
                Err(error) => return Err(error.into()),
            }
        }
        if let Some(path) = &args.output {
            let bytes = model.to_bytes()?;
            written.push(files::stage(path, |out| out.write_all(&bytes))?);
        }
    }
    if let (Some(path), Some((descent, _))) = (&args.trace, &fit.descent) {
        written.push(files::stage(path, |out| descent.trace.write_csv(out))?);
        if let Some(note) = thinned(&path.display().to_string(), descent.trace.stride()) {
            screen.note(&note);
            report.notes.push(note);
        }
    }
    for note in unwritten(args.output.as_deref(), traced, &fit) {
        screen.note(&note);
        report.notes.push(note);
    }
    written.into_iter().try_for_each(files::Staged::keep)?;
    report.seconds = begun.elapsed().as_secs_f64();
    screen.result(|width| render::fit(&report, width), || json::fit(&report))?;
    Ok(exit_of(report.verdict))
}

/// The files that were asked for and have nothing to hold.
fn unwritten(output: Option<&Path>, trace: Option<&Path>, fit: &Fit) -> Vec<String> {
    let model = output.filter(|_| fit.verdict == Verdict::Failed);
    let trace = trace.filter(|_| fit.descent.is_none());
    let model = model.map(|path| format!("{} is not written: there is no answer to save", path.display()));
    let trace =
        trace.map(|path| format!("{} is not written: a direct solver makes no steps", path.display()));
    model.into_iter().chain(trace).collect()
}

/// What a trace that outgrew its room leaves out.
fn thinned(path: &str, stride: u64) -> Option<String> {
    let step = match stride {
        1 => return None,
        2 => "second".to_owned(),
        stride => format!("{stride}th"),
    };
    Some(format!("{path} holds every {step} step, and the last ones: all of them are too many to keep"))
}

/// The exit code of a verdict.
pub fn exit_of(verdict: Verdict) -> Exit {
    match verdict {
        Verdict::Certified => Exit::Done,
        Verdict::Uncertified => Exit::Uncertified,
        Verdict::Failed => Exit::Failed,
    }
}

/// A fit that can be tried again with a remedy.
struct Job<'a> {
    problem: Problem,
    settings: Settings,
    screen: &'a Screen,
}

impl Job<'_> {
    fn fit(&self, rows: &dyn Rows) -> Result<Fit, Halt> {
        let bar = Progress::new(self.screen.quiet);
        let forecast = std::cell::Cell::new(None);
        let steps = match &self.settings.solver {
            Solver::GradientDescent(choices) => choices.max_iter,
            Solver::Exact => 0,
        };
        let watch = Watch {
            go_on: &watch::go_on,
            prove_on: &watch::prove_on,
            why: &|| if watch::interrupted() { Stop::Interrupted } else { Stop::Time },
            forecast: &|told| {
                forecast.set(Some(told.steps));
                self.screen.note(&self.forecast_in_words(told));
            },
            step: &|step| {
                let total = forecast.get().unwrap_or(steps).min(steps);
                bar.show(step.step, Some(total), || {
                    format!("step {}, loss {}", count(step.step), crate::numbers::plain(step.loss))
                });
                watch::go_on()
            },
        };
        Ok(fit::fit(rows, &self.problem, &self.settings, &watch)?)
    }

    /// Applies the safe remedies of a fit, one after the other, and says so.
    fn mend(&mut self, mut fit: Fit, rows: &dyn Rows, notes: &mut Vec<String>) -> Result<Fit, Halt> {
        for _ in 0..MOST_FIXES {
            let Some(remedy) = safe_remedy(&fit) else { break };
            // A change of the problem is never called safe.
            let Some(changed) = self.settings.with(&remedy.fix) else { break };
            self.settings = changed;
            let note = format!("--fix applies {}", remedy.command.as_deref().unwrap_or(&remedy.change));
            self.screen.note(&note);
            notes.push(note);
            fit = match self.fit(rows) {
                // The answer that there is stands.
                Err(Halt::Error(Error::Interrupted)) => break,
                again => again?,
            };
        }
        Ok(fit)
    }

    fn forecast_in_words(&self, forecast: &Forecast) -> String {
        let steps = count(forecast.steps);
        let what = if self.problem.penalty.lambda == 0.0 { "½ mean r²" } else { "the objective" };
        let units = if self.settings.scale_target { " in scaled units" } else { "" };
        // Below that the loss cannot tell.
        let above = if forecast.gap <= f64::EPSILON * forecast.loss.abs() {
            format!("{what} within rounding of the optimum{units}")
        } else {
            format!("{what} {} above the optimum{units}", rough(forecast.gap))
        };
        match forecast.stop {
            Stop::Diverged if forecast.steps == 0 => {
                "forecast: the loss of the start is beyond all numbers".to_owned()
            }
            Stop::Diverged => format!("forecast: diverges, and overflows at about step {steps}"),
            _ if forecast.diverges => format!("forecast: diverges; at step {steps}, the last one, {above}"),
            Stop::MaxIter => format!("forecast: still on its way at step {steps}, the last one, {above}"),
            _ if forecast.uncertain == 0 => format!("forecast: stops at step {steps}, {above}"),
            _ if forecast.uncertain > forecast.steps => format!(
                "forecast: {above} at step {steps}; the tolerance is below what the rounding of the objective resolves, so it is met by chance only"
            ),
            _ => {
                let moved = counted(forecast.uncertain, "step");
                format!("forecast: stops at step {steps} (rounding may move that by {moved}), {above}")
            }
        }
    }
}

/// The remedy that `--fix` applies to gradient descent; an exact answer has none that keeps the objective.
fn safe_remedy(fit: &Fit) -> Option<Remedy> {
    fit.descent.as_ref()?;
    fit.diagnosis.as_ref()?.applied().cloned()
}

fn problem(args: &FitArgs, recipe: &Recipe) -> Result<Problem> {
    let lambda = match &args.penalty {
        Some(Penalty::One(lambda)) => *lambda,
        Some(Penalty::Path(path)) => path.first().copied().unwrap_or(0.0),
        None => 0.0,
    };
    ask::problem(args.loss()?, lambda, &args.shrinkage, recipe)
}

fn settings(args: &FitArgs, descent: Option<Descent>, recipe: &Recipe) -> Settings {
    Settings {
        weight_type: match args.weight_type {
            Some(WeightTypeArg::Precision) => WeightType::Precision,
            Some(WeightTypeArg::Frequency) | None => WeightType::Frequency,
        },
        penalties: match &args.penalty {
            Some(Penalty::Path(path)) => Some(path.clone()),
            _ => None,
        },
        ..ask::settings(descent, args.gap(), &args.shrinkage, recipe)
    }
}

fn saved_model(fit: &Fit, args: &FitArgs, recipe: &Recipe, digest: &str, rows: usize) -> Model {
    Model {
        coefficients: fit.candidate.coefficients.clone(),
        columns: recipe.names().to_vec(),
        targets: recipe.targets().to_vec(),
        classes: None,
        threshold: None,
        mix: None,
        formula: args.formula.clone().unwrap_or_default(),
        inputs: Inputs::Table(Box::new(recipe.clone())),
        problem: fit.problem.clone(),
        scale: args.shrinkage.scale.into(),
        certificate: fit.certificate.as_ref().map_or_else(Record::unknown, Certificate::record),
        verdict: fit.verdict,
        code: fit.diagnosis.as_ref().map(|diagnosis| diagnosis.code),
        data: Fingerprint { rows: rows as u64, digest: digest.to_owned() },
        version: env!("CARGO_PKG_VERSION").to_owned(),
    }
}

/// The plain values of a fit.
fn report(
    fit: &Fit,
    command: &'static str,
    formula: &str,
    wanted_gap: f64,
    terms: &[String],
    targets: &[String],
    rows: &dyn Rows,
) -> Result<FitReport> {
    let shape = rows.shape();
    let intercept = fit.problem.intercept != Intercept::Absent;
    let named = |answer| report::Model::named(answer, terms, targets, intercept);
    let failed = fit.verdict == Verdict::Failed;
    let model = (!failed).then(|| named(&fit.candidate.coefficients));
    Ok(FitReport {
        command,
        verdict: fit.verdict,
        formula: formula.to_owned(),
        loss: fit.problem.loss.name(),
        penalty: fit.problem.penalty.lambda,
        factors: report::factors(&fit.problem),
        saved: false,
        wanted_gap,
        certificate: fit.certificate.as_ref().filter(|_| !failed).map(proof),
        scaled_unit: Some(fit.objective_unit).filter(|unit| *unit != 1.0),
        title: fit.diagnosis.as_ref().map(heading),
        exact: fit.diagnosis.as_ref().and_then(|diagnosis| diagnosis.exact.as_ref()).map(named),
        diagnosis: fit.diagnosis.clone(),
        inference: fit.inference.as_ref().map(|inference| summaries(inference, terms)),
        effects: model.as_ref().map(|model| effects(rows, model)).transpose()?.flatten(),
        model,
        findings: fit.findings.clone(),
        minimum_norm: fit.descent.is_none()
            && fit.problem.penalty.lambda == 0.0
            && fit.exact.rank < shape.columns,
        // A direct method ends by itself, certified or not.
        stop: Some(fit.candidate.stop)
            .filter(|stop| *stop != Stop::Certified || fit.verdict == Verdict::Certified),
        steps: fit.candidate.steps as u64,
        forecast_steps: fit
            .descent
            .as_ref()
            .and_then(|(_, forecast)| forecast.as_ref())
            .map(|told| told.steps),
        method: fit.descent.is_none().then(|| method(fit)),
        saturated: (fit.descent.is_none() && fit.problem.penalty.lambda == 0.0)
            .then_some((fit.exact.parameters, fit.exact.positive_rows))
            .filter(|(parameters, rows)| parameters >= rows),
        choice: fit.path.as_ref().map(choice),
        test: None,
        samples: None,
        notes: Vec::new(),
        seconds: 0.0,
        rows: shape.rows,
        columns: shape.columns,
    })
}

/// The value of a target that is the same in every row.
pub fn constant_target(rows: &dyn Rows, target: usize) -> Result<Option<f64>> {
    let mut value = None;
    for block in rows.blocks() {
        let block = block?;
        let block = block.view();
        for row in 0..block.y.nrows() {
            let here = block.y[(row, target)];
            if *value.get_or_insert(here) != here {
                return Ok(None);
            }
        }
    }
    Ok(value)
}

/// A certificate's plain values.
pub fn proof(certificate: &Certificate) -> Proof {
    let matrix = |errors: faer::Mat<f64>| {
        (0..errors.nrows()).map(|j| (0..errors.ncols()).map(|k| errors[(j, k)]).collect()).collect()
    };
    Proof {
        objective: certificate.objective(),
        bound: certificate.bound(),
        gap: certificate.gap(),
        relative_gap: certificate.relative_gap(),
        rounding: certificate.rounding(),
        dependent: certificate.dependent(),
        exact_fit: certificate.is_exact_fit(),
        coefficients_within: certificate.coefficient_errors().map(matrix),
        intercept_within: certificate.intercept_errors(),
        predictions_within: certificate.prediction_rms().filter(|size| size.is_finite()),
    }
}

/// What SF101 is called where the rate is not above its limit.
pub const EDGE: &str = "learning rate at the edge of the stable limit";

/// The cause of a run in a few words.
fn heading(found: &Diagnosis) -> String {
    if found.is_at_the_edge() { EDGE.to_owned() } else { title(found.code) }
}

/// A cause in a few words.
pub fn title(code: Code) -> String {
    surefit::diagnosis::page(code).title.to_owned()
}

fn summaries(inference: &Inference, names: &[String]) -> Vec<Summary> {
    let term = |name: &str, found: &inference::Term| report::Term { name: name.to_owned(), found: *found };
    let summary = |output: &inference::OutputInference| Summary {
        terms: output
            .intercept
            .iter()
            .map(|intercept| term("(intercept)", intercept))
            .chain(names.iter().zip(&output.terms).map(|(name, found)| term(name, found)))
            .collect(),
        constant: None,
        r_squared: output.r_squared,
        adjusted_r_squared: output.adjusted_r_squared,
        f: output.f_statistic.zip(output.f_p),
        residual_df: inference.residual_df,
        sigma: output.sigma,
    };
    inference.outputs.iter().map(summary).collect()
}

fn method(fit: &Fit) -> String {
    let how = match fit.exact.method {
        exact::Method::Extended => "QR in twice the usual precision",
        exact::Method::Cholesky => "Cholesky of the centred Gram matrix",
        exact::Method::Qr => "QR of the rows",
        exact::Method::Kernel => "Cholesky of the rows' inner products",
        exact::Method::Svd => "singular values of the rows",
    };
    let (kept, carried) = (digits(fit.exact.digits), digits(fit.exact.data_digits));
    let data = if fit.exact.data_digits.floor() < fit.exact.digits.floor().min(15.0) {
        format!("; the data carry {carried}")
    } else {
        String::new()
    };
    format!("{how}, {kept}{data}")
}

fn choice(path: &surefit::solver::ridge_path::RidgePath) -> Choice {
    let (low, high) = (path.penalties.first().copied(), path.penalties.last().copied());
    let lambda = path.penalties.get(path.best).copied();
    Choice {
        count: path.penalties.len(),
        range: (low.unwrap_or(f64::NAN), high.unwrap_or(f64::NAN)),
        lambda: lambda.unwrap_or(f64::NAN),
        by: ChosenBy::LeaveOneOut(path.loo_error.get(path.best).map_or(f64::NAN, |error| error.sqrt())),
        at_end: path.best == 0 || path.best + 1 == path.penalties.len(),
    }
}

/// Coefficients times the spread of their columns, which orders the terms of a long model; nothing for one
/// that is shown whole.
fn effects(rows: &dyn Rows, model: &report::Model) -> Result<Option<Vec<Vec<f64>>>> {
    if model.terms.len() <= render::LONG_MODEL {
        return Ok(None);
    }
    let (mut shift, mut sums) = (Vec::new(), vec![(0.0, 0.0, 0.0); model.terms.len()]);
    for block in rows.blocks() {
        let block = block?;
        let block = block.view();
        if shift.is_empty() {
            shift = (0..block.x.ncols()).map(|j| block.x[(0, j)]).collect();
        }
        for (j, (weight, first, second)) in sums.iter_mut().enumerate() {
            for i in 0..block.x.nrows() {
                let (s, about) =
                    (block.weights.map_or(1.0, |weights| weights[i]), block.x[(i, j)] - shift[j]);
                *weight += s;
                *first += s * about;
                *second += s * about * about;
            }
        }
    }
    let spread = |(weight, first, second): &(f64, f64, f64)| {
        (second / weight - (first / weight).powi(2)).max(0.0).sqrt()
    };
    let scaled = |(weights, sums): (&Vec<f64>, _)| weights.iter().map(|value| value * spread(sums)).collect();
    Ok(Some(model.weights.iter().zip(&sums).map(scaled).collect()))
}
