//! The whole way for a loss of any kind on rows in memory: solver → certificate → diagnosis.
//!
//! Hinges are solved in their dual, smooth losses by Newton's method or L-BFGS. A solver stops by its own estimate
//! of the gap; where the certificate then finds a little more, it goes on from where it was towards a smaller one.

mod near;
mod run;

use self::near::Near;
use self::run::{Answer, Runner};
use super::{Verdict, unbounded};
use crate::certificate::{Certificate, certify_samples};
use crate::data::Samples;
use crate::diagnosis::{self, Diagnosis, FarColumn, LongRows, Separation, Tried, Unbounded};
use crate::error::{Error, Result};
use crate::loss::{self, Curvature};
use crate::oracle::Pass;
use crate::problem::{Coefficients, Intercept, LossKind, Problem};
use crate::solver::{Candidate, Stop, dual_ascent, smooth};
use faer::Mat;
use std::time::{Duration, Instant};

/// How often a solver goes on when the certificate finds more than the solver saw.
const ATTEMPTS: usize = 7;
/// The share of the wanted gap that a solver is asked for, at first and again.
const ASKED: f64 = 0.9;
const AGAIN: f64 = 0.25;

/// Which algorithm finds the answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Method {
    /// By the loss and the shape of the data; [`SampleFit::reason`] says why.
    #[default]
    Auto,
    /// Dual block ascent, for hinges.
    DualAscent,
    /// Newton's method with conjugate gradients, for smooth losses and hinges with rounded kinks.
    NewtonCg,
    /// L-BFGS, for the same.
    Lbfgs,
}

/// Where a fit begins: the answer to a neighbouring problem on the same rows.
#[derive(Clone, Debug)]
pub struct Start {
    /// Its coefficients.
    pub coefficients: Coefficients,
    /// n × c: its dual point, which a hinge begins with.
    pub dual: Option<Mat<f64>>,
}

impl From<SampleFit> for Start {
    fn from(fit: SampleFit) -> Self {
        Self { coefficients: fit.candidate.coefficients, dual: fit.dual }
    }
}

/// How to fit.
#[derive(Clone, Copy, Debug)]
pub struct SampleSettings {
    /// The algorithm.
    pub method: Method,
    /// The wanted relative gap ε.
    pub gap: f64,
    /// Rounds or steps at most; absent leaves it to the solver.
    pub max_iter: Option<usize>,
    /// Stop after so long.
    pub time_limit: Option<Duration>,
    /// Of the order of rows.
    pub seed: u64,
}

/// What is known on the way.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// Rounds or steps.
    pub step: usize,
    /// The objective.
    pub objective: f64,
    /// The solver's own estimate of the gap.
    pub gap: f64,
}

/// An answer, what is known of it, and what went wrong.
#[derive(Clone, Debug)]
pub struct SampleFit {
    /// How it ended.
    pub verdict: Verdict,
    /// The answer; not usable when failed.
    pub candidate: Candidate,
    /// How far it is from the best one.
    pub certificate: Certificate,
    /// The algorithm, and why this one.
    pub method: Method,
    /// See [`Self::method`].
    pub reason: String,
    /// Walks over all rows.
    pub passes: f64,
    /// The named cause, when the answer is not certified.
    pub diagnosis: Option<Diagnosis>,
    /// n × c: the dual point that proves a hinge, to begin with for a neighbouring penalty.
    pub dual: Option<Mat<f64>>,
    /// The rows that keep the answer from being certified by their size, where there are such.
    pub long_rows: Option<LongRows>,
    /// The column in whose units the penalty means nothing, where that keeps the answer from being certified.
    pub far_column: Option<FarColumn>,
    /// The weights that show that there is no optimum, where there is none.
    pub separation: Option<Separation>,
    /// The labels without a finite intercept, where these alone keep the answer from being certified, and what was tried.
    pub unbounded: Option<(Unbounded, Vec<Tried>)>,
}

/// The algorithm for a loss and the shape of the data, and the reason in words.
///
/// # Errors
/// As [`check_method`].
pub fn choose_method(method: Method, samples: &Samples<'_>, problem: &Problem) -> Result<(Method, String)> {
    let loss = problem.loss;
    check_method(method, loss)?;
    let why = match method {
        Method::Auto if has_kinks(loss) && loss != LossKind::PairwiseHinge => {
            let why = "dual ascent: the loss has kinks, and its dual has none".to_owned();
            return Ok((Method::DualAscent, why));
        }
        // A pass over sparse rows costs smooth solvers as much as an epoch does, and they need more of them.
        Method::Auto
            if samples.x.is_sparse() && dual_ascent::takes(loss) && problem.penalty.is_everywhere() =>
        {
            let why = "dual ascent: rows are sparse, and each has its best dual at once".to_owned();
            return Ok((Method::DualAscent, why));
        }
        Method::Auto => {
            let (method, why) = smooth::choose(samples);
            let method = if method == smooth::Method::Lbfgs { Method::Lbfgs } else { Method::NewtonCg };
            let rounded = if has_kinks(loss) { "kinks rounded ever less, by " } else { "" };
            return Ok((method, format!("{rounded}{why}")));
        }
        Method::DualAscent => "dual ascent, as asked",
        Method::NewtonCg if has_kinks(loss) => "Newton-CG, as asked, with kinks rounded ever less",
        Method::Lbfgs if has_kinks(loss) => "L-BFGS, as asked, with kinks rounded ever less",
        Method::NewtonCg => "Newton-CG, as asked",
        Method::Lbfgs => "L-BFGS, as asked",
    };
    Ok((method, why.to_owned()))
}

/// Refuses an algorithm that cannot do the loss, before any data are read.
///
/// # Errors
/// [`Error::Usage`] with the algorithms that can.
pub fn check_method(method: Method, loss: LossKind) -> Result<()> {
    match method {
        Method::DualAscent if loss.is_of_labels() => Err(usage(
            format!("dual ascent is for the hinges of classes, and the {} loss ranks labels", loss.name()),
            "leave out `--solver`, or use newton-cg or lbfgs",
        )),
        Method::DualAscent if !dual_ascent::takes(loss) => Err(usage(
            format!("dual ascent is for the hinges, and the {} loss is none of them", loss.name()),
            "leave out `--solver`, or use newton-cg or lbfgs",
        )),
        _ => Ok(()),
    }
}

/// Refuses a hinge without a penalty, which no solver here can do.
///
/// # Errors
/// [`Error::Usage`] with the way out.
pub fn check_penalty(loss: LossKind, lambda: f64) -> Result<()> {
    if lambda == 0.0 && has_kinks(loss) {
        return Err(usage(
            format!("the {} loss is solved with a penalty above 0 only", loss.name()),
            "leave out `--penalty` for 1/n, or give a small one such as 1e-6",
        ));
    }
    Ok(())
}

fn has_kinks(loss: LossKind) -> bool {
    loss::named(loss).curvature() == Curvature::Piecewise
}

/// Fits `problem` to samples, certifies the answer and diagnoses what keeps it from being certified. `watch` is told
/// of every round or step and ends the fit, with the best answer so far, by answering false.
///
/// # Errors
/// Settings that make no sense together, or a problem whose optimum no solver here can find: a hinge without a
/// penalty.
pub fn fit_samples(
    samples: &Samples<'_>,
    problem: &Problem,
    settings: &SampleSettings,
    watch: &(dyn Fn(Progress) -> bool + Sync),
) -> Result<SampleFit> {
    let begun = Instant::now();
    let fit = fit_from(samples, problem, settings, None, watch)?;
    let left = settings.time_limit.map(|limit| limit.saturating_sub(begun.elapsed()));
    unbounded::judged(samples, problem, &SampleSettings { time_limit: left, ..*settings }, fit, watch)
}

/// The same from another answer on, without a look at whether the intercepts of labels have an end: certified is an answer
/// whose objective is near enough to the least value, which none may have.
///
/// # Errors
/// As [`fit_samples`].
pub fn fit_from(
    samples: &Samples<'_>,
    problem: &Problem,
    settings: &SampleSettings,
    start: Option<Start>,
    watch: &(dyn Fn(Progress) -> bool + Sync),
) -> Result<SampleFit> {
    let begun = Instant::now();
    let mut fit = fit_once(samples, problem, settings, start, watch)?;
    let by_itself = !matches!(fit.candidate.stop, Stop::Time | Stop::Interrupted);
    if fit.verdict == Verdict::Uncertified
        && by_itself
        && let Some(mut long) = LongRows::of(samples)
    {
        if let Some(weights) = long.weights_without(samples) {
            let others = Samples { weights: Some(&weights), ..*samples };
            let left = settings.time_limit.map(|limit| limit.saturating_sub(begun.elapsed()));
            let settings = SampleSettings { time_limit: left, ..*settings };
            let without = fit_once(&others, problem, &settings, None, watch)?;
            long.certified_without = without.verdict == Verdict::Certified;
        }
        fit.diagnosis =
            fit.diagnosis.map(|found| long.diagnosis(found, &|i| i + 1, &|j| format!("column {}", j + 1)));
        fit.long_rows = Some(long);
    }
    Ok(fit)
}

/// [`fit_from`] without a look at what the rows have to do with it.
fn fit_once(
    samples: &Samples<'_>,
    problem: &Problem,
    settings: &SampleSettings,
    start: Option<Start>,
    watch: &(dyn Fn(Progress) -> bool + Sync),
) -> Result<SampleFit> {
    problem.loss.check()?;
    let (mut method, mut reason) = choose_method(settings.method, samples, problem)?;
    check_penalty(problem.loss, problem.penalty.lambda)?;
    let begun = Instant::now();
    if problem.penalty.lambda == 0.0 && matches!(problem.loss, LossKind::Softmax | LossKind::OvrLogistic) {
        let nothing_yet = Progress { step: 0, objective: f64::INFINITY, gap: f64::INFINITY };
        let in_time = || settings.time_limit.is_none_or(|limit| begun.elapsed() < limit);
        if let Some(found) = diagnosis::separation(samples, problem, &|| in_time() && watch(nothing_yet))? {
            return failed(samples, problem, (method, reason), found);
        }
    }
    // What a solver sees may lie elsewhere; what is said of the answer is said of the rows as they are.
    let near = Near::of(samples, problem);
    let seen = near.as_ref().map_or(*samples, |near| near.view(samples));
    let run = Runner { samples: &seen, problem, settings, watch, begun };
    let mut answer = Answer::from(start);
    if let (Some(near), Some(candidate)) = (&near, &mut answer.candidate) {
        candidate.coefficients = near.scaling.fold_in(&candidate.coefficients);
    }
    let mut asked = ASKED * settings.gap;
    let mut certificate = None;
    for _ in 0..ATTEMPTS {
        answer = run.go_on(method, asked, answer)?;
        if let Some((by, why)) = answer.instead.take() {
            (method, reason) = (by, why);
        }
        let Some(candidate) = &answer.candidate else { break };
        let back = near.as_ref().map(|near| near.scaling.fold_back(&candidate.coefficients));
        let at = back.as_ref().unwrap_or(&candidate.coefficients);
        let mut found = certify_samples(samples, problem, at, answer.dual.as_ref().map(Mat::as_ref))?;
        // The gradient of a smooth loss sums to 0 beside the best intercept, which a dual point only nears.
        if answer.dual.is_some() && !has_kinks(problem.loss) && !found.certifies(settings.gap) {
            let other = certify_samples(samples, problem, at, None)?;
            if other.bound() > found.bound() {
                found = other;
            }
        }
        let done = found.certifies(settings.gap) || candidate.stop != Stop::Certified;
        certificate = Some(found);
        if done {
            break;
        }
        asked *= AGAIN;
    }
    let (Some(mut candidate), Some(certificate)) = (answer.candidate, certificate) else {
        return Err(Error::Internal("a solver came back without an answer".to_owned()));
    };
    if let Some(near) = &near {
        candidate.coefficients = near.scaling.fold_back(&candidate.coefficients);
    }
    let certified = certificate.certifies(settings.gap);
    let verdict = if certified { Verdict::Certified } else { Verdict::Uncertified };
    let diagnosis =
        (!certified).then(|| diagnosis::unproven_samples(problem, &candidate, &certificate, settings.gap));
    let passes = answer.passes;
    Ok(SampleFit {
        verdict,
        candidate,
        certificate,
        method,
        reason,
        passes,
        diagnosis,
        dual: answer.dual,
        long_rows: None,
        far_column: None,
        separation: None,
        unbounded: None,
    })
}

/// A dual point that proves the answer of a fit, n × c, to certify other answers of the same problem by: the one of
/// dual ascent, or the gradient at the scores of the answer.
///
/// # Errors
/// Targets that are not those of the loss.
pub fn dual_point(samples: &Samples<'_>, problem: &Problem, fit: &SampleFit) -> Result<Mat<f64>> {
    if let Some(dual) = &fit.dual {
        return Ok(dual.clone());
    }
    let mut pass = Pass::new(*samples, problem.loss)?;
    pass.score(&fit.candidate.coefficients);
    let mut dual = pass.scores().to_owned();
    loss::named(problem.loss).block(dual.as_mut(), samples.targets, samples.weights);
    Ok(dual)
}

/// No finite optimum: the answer is the point at which that was seen.
fn failed(
    samples: &Samples<'_>,
    problem: &Problem,
    (method, reason): (Method, String),
    separation: Separation,
) -> Result<SampleFit> {
    let certificate = certify_samples(samples, problem, &separation.at, None)?;
    let candidate = Candidate { coefficients: separation.at.clone(), stop: Stop::Diverged, steps: 0 };
    let diagnosis = separation.diagnosis(&|row| row + 1, &|class| format!("class {}", class + 1));
    let verdict = Verdict::Failed;
    Ok(SampleFit {
        verdict,
        candidate,
        certificate,
        method,
        reason,
        passes: 0.0,
        diagnosis: Some(diagnosis),
        dual: None,
        long_rows: None,
        far_column: None,
        separation: Some(separation),
        unbounded: None,
    })
}

fn usage(what: String, hint: &str) -> Error {
    Error::Usage { what, hint: hint.to_owned() }
}

/// The penalty that is taken where none is asked for: 1/Σs, which is scikit-learn's C = 1; 0 for losses of numbers.
pub fn usual_penalty(loss: LossKind, samples: &Samples<'_>) -> f64 {
    if loss.is_of_classes() || loss.is_of_labels() { 1.0 / samples.total_weight() } else { 0.0 }
}

/// The relative gap that is wanted where none is asked for: 1e-4 for losses of linear pieces, 1e-6 for smooth ones.
pub fn usual_gap(loss: LossKind) -> f64 {
    if has_kinks(loss) { 1e-4 } else { 1e-6 }
}

/// The intercept of a formula, or of sparse rows, which have one.
pub fn intercept(has: bool, penalized: bool) -> Intercept {
    match (has, penalized) {
        (false, _) => Intercept::Absent,
        (true, true) => Intercept::Penalized,
        (true, false) => Intercept::Free,
    }
}
