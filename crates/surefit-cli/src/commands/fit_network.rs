//! `surefit fit --hidden N`: a network with one hidden layer on label sets, trained as people train it, without a certificate.

use super::fit::{exit_of, title};
use super::fit_labels::{Input, Rows, measure, threshold, usual};
use super::fit_samples::lambda;
use crate::args::{FitArgs, Penalty, usage};
use crate::exit::Exit;
use crate::numbers::{count, plain};
use crate::report::{FitReport, NetworkFacts, Ranked, SampleFacts};
use crate::screen::{Halt, Screen};
use crate::watch::{self, Progress};
use crate::{json, render};
use serde_json::Map;
use std::sync::Mutex;
use std::time::Instant;
use surefit::data::{SampleSet, Samples};
use surefit::diagnosis::{Code, Diagnosis, Finding, Fix, Remedy, Unbounded, WithoutPairs};
use surefit::fit::Verdict;
use surefit::network::{Held, Settings, Trained, train};
use surefit::solver::Stop;
use surefit::{Intercept, LossKind};

/// What is usual: the rate of the paper, its number of epochs, and when to end before.
const RATE: f64 = 0.05;
const EPOCHS: usize = 100;
const PATIENCE: usize = 10;
const HELD_OUT: f64 = 0.2;

/// Runs the verb.
pub fn run(args: &FitArgs, loss: LossKind, hidden: usize, screen: &Screen) -> Result<Exit, Halt> {
    let begun = Instant::now();
    args.check_label_rows()?;
    let penalized = !matches!(args.penalty, Some(Penalty::One(lambda)) if lambda <= 0.0);
    let read = Input::read(args, loss, penalized, screen)?;
    let Input { set, intercept, label_weights, rule, test, validate, mut notes, .. } = read;
    if !intercept {
        return Err(usage(
            "a network has intercepts, and the formula asks for none".to_owned(),
            "leave out `- 1`, or leave out `--hidden`".to_owned(),
        )
        .into());
    }
    let (weights, divisor) = (label_weights.as_deref(), args.ranking.divisor);
    let mut rows = Rows::new(&set, loss, weights, divisor)?;
    let (without, samples) = (rows.without.take(), rows.samples());
    let lambda = match args.penalty {
        Some(Penalty::One(lambda)) => lambda,
        _ if rows.weights.is_some() => usual(loss, &samples, set.weights(), &mut notes, screen),
        _ => lambda(None, loss, &set, &mut notes, screen)?,
    };
    let settings = Settings {
        hidden,
        rate: args.descent.learning_rate.unwrap_or(RATE),
        lambda,
        epochs: args.ranking.epochs.unwrap_or(EPOCHS),
        patience: args.ranking.patience.unwrap_or(PATIENCE),
        seed: args.seed.unwrap_or(0),
    };
    let other = validate.as_ref().map(|(_, other)| Rows::new(other, loss, weights, divisor)).transpose()?;
    let held = match &other {
        Some(other) => Held::Rows(other.samples()),
        None => Held::Share(args.ranking.hold_out.unwrap_or(HELD_OUT)),
    };
    let trained = watched(args, &samples, loss, held, &settings, begun, screen)?;
    let scores = |set: &SampleSet| Ok(trained.network.scores(&set.features()?));
    let threshold = threshold(&scores, rule, &set)?;
    let test = test.as_ref().map(|(file, test)| (file.as_str(), test));
    let ranked = measure(&scores, &threshold, &set, test)?;
    let file = validate.as_ref().map(|(file, _)| file.clone());
    let facts = NetworkFacts { settings, trained, file };
    let left_out = rows.weights.is_some();
    let formula = args.formula.as_deref().unwrap_or_default();
    let bounded = Unbounded::of(&samples, loss, Intercept::Free).is_none();
    let mut report = report(&set, loss, formula, (facts, bounded), ranked);
    // The same answer is that of a linear model.
    let finding = |found: WithoutPairs| Finding { remedies: Vec::new(), ..found.finding(left_out, lambda) };
    report.findings.extend(without.map(finding));
    report.notes = notes;
    report.seconds = begun.elapsed().as_secs_f64();
    screen.result(|width| render::fit(&report, width), || json::fit(&report))?;
    Ok(exit_of(report.verdict))
}

/// Trains, showing the loss on rows held out.
fn watched(
    args: &FitArgs,
    samples: &Samples<'_>,
    loss: LossKind,
    held: Held<'_>,
    settings: &Settings,
    begun: Instant,
    screen: &Screen,
) -> surefit::Result<Trained> {
    let bar = Mutex::new(Progress::new(screen.quiet));
    let in_time = || args.time_limit.is_none_or(|limit| begun.elapsed() < limit);
    let mut trained = train(samples, loss, held, settings, &|epoch| {
        if let Ok(bar) = bar.lock() {
            bar.show(epoch.epoch as u64, Some(settings.epochs as u64), || {
                format!("epoch {}, held-out loss {}", count(epoch.epoch as u64), plain(epoch.held))
            });
        }
        in_time() && !watch::interrupted()
    })?;
    if trained.course.stop == Stop::Interrupted && !in_time() {
        trained.course.stop = Stop::Time;
    }
    Ok(trained)
}

/// There is an answer, and nothing says how far it is from the best one.
fn cause(facts: &NetworkFacts, bounded: bool) -> Diagnosis {
    let course = &facts.trained.course;
    let end = match course.stop {
        Stop::Diverged => "the loss left the range of numbers, and training ended",
        Stop::Time => "the time limit ended the training",
        Stop::Interrupted => "Ctrl-C ended the training",
        _ => "",
    };
    let linear = Remedy {
        change: "leave out --hidden: a linear model has one best answer, and a certificate".to_owned(),
        command: None,
        steps: None,
        // Half a square above a convex loss that is not below 0 has exactly one optimum, with labels whose intercepts have.
        proven: true,
        safe: false,
        fix: Fix::Several(Vec::new()),
    };
    Diagnosis {
        code: Code::Sf302,
        message: "a network with a hidden layer is not convex in its weights: no certificate".to_owned(),
        reasons: Some(end.to_owned()).filter(|end| !end.is_empty()).into_iter().collect(),
        evidence: Map::new(),
        also: Vec::new(),
        remedies: if facts.settings.lambda > 0.0 && bounded { vec![linear] } else { Vec::new() },
        exact: None,
    }
}

fn report(
    set: &SampleSet,
    loss: LossKind,
    formula: &str,
    (network, bounded): (NetworkFacts, bool),
    ranked: Ranked,
) -> FitReport {
    let course = &network.trained.course;
    FitReport {
        command: "fit",
        verdict: Verdict::Uncertified,
        formula: formula.to_owned(),
        loss: loss.name(),
        penalty: network.settings.lambda,
        factors: None,
        saved: false,
        wanted_gap: 0.0,
        certificate: None,
        scaled_unit: None,
        title: Some(title(Code::Sf302)),
        exact: None,
        diagnosis: Some(cause(&network, bounded)),
        inference: None,
        effects: None,
        model: None,
        findings: Vec::new(),
        minimum_norm: false,
        saturated: None,
        stop: Some(course.stop),
        steps: course.epochs.len().saturating_sub(1) as u64,
        forecast_steps: None,
        method: None,
        choice: None,
        test: None,
        samples: Some(SampleFacts {
            loss,
            penalized_intercept: false,
            classes: None,
            rows: None,
            test: None,
            certain: None,
            passes: None,
            ranking: Some(Ranked { network: Some(Box::new(network)), ..ranked }),
        }),
        notes: Vec::new(),
        seconds: 0.0,
        rows: set.rows(),
        columns: set.columns(),
    }
}
