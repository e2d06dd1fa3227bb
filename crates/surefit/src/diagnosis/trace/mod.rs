//! A verdict on the loss trace of any program, from the numbers alone.
//!
//! On a quadratic, and near the optimum of any smooth loss, one direction dominates in the end and its error changes by
//! the same factor in every step:
//! - growing by ρ > 1: the learning rate is above its limit; `|1 − ηL| = ρ` gives `L = (1 + ρ)/η`, so the rate has to
//!   shrink by more than (1 + ρ)/2 whatever it is;
//! - the changes of the loss shrinking by r: `r = (1 − ημ)²` gives `μ = (1 − √r)/η`, and `Δf · r/(1 − r)` is left.
//!
//! The second is an estimate: a slower direction can hide beneath. The sentences say so, and nothing that rests on a
//! trace alone is offered as a remedy: no one has run it, and only the data can prove it. And `(1 − ηλ)²` is the same
//! for a flat direction and for a steep one at the edge of its limit, so losses alone never say which way the rate is
//! wrong. Parameters do: their moves obey `δₖ₊₁ = (I − ηH) δₖ`, so every Ritz value of a few of them lies between
//! `1 − ηL` and `1 − ημ`, and moves to and fro show the edge.

#[cfg(test)]
mod cases;
mod columns;
mod divergence;
mod oscillation;
mod settling;
mod tail;

pub use columns::ExternalTrace;

use super::situation::{Context, number};
use super::words::{count, counted, figure, plain_rate};
use super::{Code, Diagnosis, start_too_far};
use crate::solver::Stop;
use crate::solver::gradient_descent::Descent;
use divergence::{at_the_edge, blown_up, climbing, growing};
use oscillation::oscillating;
use serde_json::{Map, Value};
use settling::settling;
use tail::{Tail, WINDOW};

/// What a trace shows.
#[derive(Clone, Debug, PartialEq)]
pub enum TraceVerdict {
    /// It came to rest, as far as a trace can tell.
    Converged {
        /// One sentence.
        message: String,
        /// The numbers.
        evidence: Map<String, Value>,
    },
    /// A named cause.
    Found(Diagnosis),
    /// The rate is at the edge of its limit: its steepest direction goes to and fro and hardly or never comes to rest.
    Edge(Diagnosis),
    /// Too little to tell.
    Inconclusive {
        /// One sentence that says what is missing.
        message: String,
    },
}

/// What a trace shows, for a wanted relative gap of `target`.
pub fn diagnose_trace(trace: &ExternalTrace, target: f64) -> TraceVerdict {
    let (trace, overflow) = &trace.finite();
    let (tail, overflow) = (Tail::of(trace), *overflow);
    // What ends beyond all numbers has grown: less of its growth has to be seen.
    let window = if overflow.is_some() { WINDOW - 1 } else { WINDOW };
    if overflow.is_none()
        && let Some(edge) = tail.edge(target)
    {
        return TraceVerdict::Edge(at_the_edge(trace, &tail, &edge));
    }
    if let Some(noise) = tail.noise().filter(|_| overflow.is_none()) {
        return oscillating(trace, &tail, &noise);
    }
    if let Some(growth) = tail.growth(window) {
        return TraceVerdict::Found(growing(trace, &tail, growth, overflow.is_some()));
    }
    if let Some(row) = overflow.filter(|_| tail.only_grew()) {
        return TraceVerdict::Found(blown_up(trace, &tail, row));
    }
    if tail.losses.len() <= WINDOW + 1 && !(overflow.is_some() && tail.climbed()) {
        return TraceVerdict::Inconclusive { message: too_short(tail.losses.len() as u64, overflow) };
    }
    if overflow.is_some() || tail.climbed() {
        return TraceVerdict::Found(climbing(trace, &tail, overflow));
    }
    match tail.shrinking() {
        Err(message) => TraceVerdict::Inconclusive { message },
        Ok(shrinking) => settling(trace, &tail, &shrinking, target),
    }
}

/// What is missing in a trace of so many rows.
fn too_short(rows: u64, overflow: Option<usize>) -> String {
    let have = match overflow {
        Some(0) => {
            return "the loss is not a number from the first row on: whatever the learning rate, the fault is in the data or in the start".to_owned();
        }
        Some(row) => format!(
            "the loss is not a number from row {} on, and before it {}",
            row + 1,
            counted(rows, "evenly spaced row")
        ),
        None => format!("the trace has {}", counted(rows, "evenly spaced row")),
    };
    format!("{have}: at least {} are needed", WINDOW + 2)
}

/// A run whose data gives no forecast (its squares leave the range of `f64`), judged by its own trace.
pub(super) fn diagnose_descent(context: &Context<'_>) -> Option<Diagnosis> {
    let descent = context.descent?;
    let parameters = descent.trace.parameters.iter().enumerate();
    let trace = ExternalTrace {
        steps: descent.trace.rows().map(|row| row.step as f64).collect(),
        losses: descent.trace.rows().map(|row| row.loss).collect(),
        parameters: parameters
            .map(|(place, name)| {
                (name.clone(), descent.trace.rows().map(|row| row.parameters[place]).collect())
            })
            .collect(),
        learning_rate: Some(context.settings.learning_rate),
    };
    let found = match diagnose_trace(&trace, context.target) {
        TraceVerdict::Found(diagnosis) | TraceVerdict::Edge(diagnosis) => diagnosis,
        _ if descent.final_loss.is_finite() => beyond_a_forecast(context, descent)?,
        // Without a single step there is no rate to judge.
        _ if descent.candidate.steps == 0 => start_too_far::diagnosis(context)?,
        _ => Diagnosis {
            code: Code::Sf101,
            message: format!(
                "lr {} is far above the stable limit: the loss overflowed at step {}, too soon to measure the limit",
                plain_rate(context.settings.learning_rate),
                count(descent.candidate.steps as u64)
            ),
            reasons: vec!["the squares of the columns are beyond the range of 64-bit numbers".to_owned()],
            evidence: Map::new(),
            also: Vec::new(),
            remedies: Vec::new(),
            exact: None,
        },
    };
    let exact = super::remedy::exact_where_it_holds(context.best, context.target);
    Some(Diagnosis { exact: context.exact.cloned(), remedies: exact.into_iter().collect(), ..found })
}

/// How a run ended that its data let no one forecast, and whose trace shows no cause either.
fn beyond_a_forecast(context: &Context<'_>, descent: &Descent) -> Option<Diagnosis> {
    let quality = context.quality?;
    let step = count(descent.candidate.steps as u64);
    let (code, ended) = match descent.candidate.stop {
        Stop::Tolerance => {
            let tolerance = figure(context.settings.tolerance, 3);
            (Code::Sf104, format!("stopped at step {step} as the loss changed by no more than {tolerance}"))
        }
        Stop::MaxIter => (Code::Sf108, format!("the iteration limit came at step {step}")),
        Stop::Time => (Code::Sf108, format!("the time limit came at step {step}")),
        _ => (Code::Sf108, format!("an interrupt came at step {step}")),
    };
    let (objective, wanted) = (figure(quality.objective, 6), figure(context.target, 2));
    let message = format!(
        "{ended}: the loss {objective} is up to {} above the optimum, and a relative gap of {wanted} is wanted",
        figure(quality.gap, 2)
    );
    let numbers =
        [("objective", quality.objective), ("gap", quality.gap), ("wanted_relative_gap", context.target)];
    let mut out = found(code, message, evidence(&numbers));
    out.reasons.push(
        "squares in the data leave the range of 64-bit numbers, so the steps that it takes cannot be forecast"
            .to_owned(),
    );
    Some(out)
}

fn evidence(numbers: &[(&str, f64)]) -> Map<String, Value> {
    numbers.iter().map(|&(name, value)| (name.to_owned(), number(value))).collect()
}

fn found(code: Code, message: String, evidence: Map<String, Value>) -> Diagnosis {
    Diagnosis {
        code,
        message,
        reasons: Vec::new(),
        evidence,
        also: Vec::new(),
        remedies: Vec::new(),
        exact: None,
    }
}

/// Where the numbers are that a trace does not hold.
fn ask_the_data(learning_rate: Option<f64>) -> String {
    let rate = learning_rate.map_or_else(|| "RATE".to_owned(), plain_rate);
    format!(
        "`surefit lint DATA FORMULA --solver gd --learning-rate {rate}` computes 2/L and the rates that work"
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::float_cmp)]

    use super::cases::{column, trace};
    use super::*;

    #[test]
    fn noise_and_short_traces_are_not_judged() {
        let noisy = (0..50).map(|k| 5.0 + f64::from(k % 2) * 0.01 + 1.0 / f64::from(k + 1));
        let verdict = diagnose_trace(&trace(vec![column("loss", noisy)], None), 1e-6);
        assert!(matches!(verdict, TraceVerdict::Inconclusive { .. }), "{verdict:?}");
        for rows in 0..4 {
            let short = trace(vec![column("loss", (0..rows).map(|k| 9.0 - f64::from(k)))], None);
            assert!(matches!(diagnose_trace(&short, 1e-6), TraceVerdict::Inconclusive { .. }));
        }
    }
}
