//! Why an answer of an iterative solver on samples is not certified: it was stopped (SF108), there is no penalty that
//! would bound how far the optimum can be (SF210), or the wanted gap is finer than what 64-bit numbers prove (SF106).
//!
//! Test: why the solver stopped, and the certificate itself: the gap that it did prove may be asked for.

use super::unproven::proven_gap;
use super::words::{counted, figure};
use super::{Code, Diagnosis, Fix, Remedy};
use crate::certificate::{Certificate, Method};
use crate::problem::Problem;
use crate::solver::{Candidate, Stop};
use serde_json::{Map, json};

/// So many times the proven gap may be asked for: what a fit that ends earlier has left, and rounding anew, have room in it.
const ROOM: f64 = 2.0;
/// A penalty that changes most answers little.
const SMALL: f64 = 1e-6;

/// The cause, for a certificate that does not reach the wanted relative gap.
pub fn unproven_samples(
    problem: &Problem,
    candidate: &Candidate,
    certificate: &Certificate,
    target: f64,
) -> Diagnosis {
    let proven = certificate.relative_gap();
    let steps = counted(candidate.steps as u64, "step");
    let stopped = |by: &str| {
        format!(
            "{by} ended the fit after {steps}, at a relative gap of {} where {} is wanted",
            figure(proven, 2),
            figure(target, 2)
        )
    };
    let without = problem.penalty.lambda == 0.0 && certificate.method() == Method::Objective;
    let (code, message) = match candidate.stop {
        Stop::MaxIter => (Code::Sf108, stopped("the iteration limit")),
        Stop::Time => (Code::Sf108, stopped("the time limit")),
        Stop::Interrupted => (Code::Sf108, stopped("Ctrl-C")),
        _ if without => (
            Code::Sf210,
            format!(
                "without a penalty nothing bounds how far the optimum of the {} loss is: all that is proven is that it is not below 0",
                problem.loss.name()
            ),
        ),
        _ if !proven.is_finite() => (
            Code::Sf106,
            "squares of such numbers leave the range of 64-bit numbers, so nothing bounds the gap: express the columns in units that bring them nearer to 1".to_owned(),
        ),
        Stop::Certified | Stop::Tolerance | Stop::Diverged => (
            Code::Sf106,
            format!(
                "--gap {} is finer than what 64-bit numbers prove for this data: a relative gap of {}",
                figure(target, 3),
                figure(proven, 2)
            ),
        ),
    };
    let mut remedies: Vec<Remedy> = proven_gap(ROOM * proven).into_iter().collect();
    if code == Code::Sf210 {
        remedies.push(Remedy {
            change: format!("a small penalty, such as {SMALL:e}"),
            command: Some(format!("--penalty {SMALL:e}")),
            steps: None,
            // Half a square above a convex loss that is not below 0 has exactly one optimum, and its own bound.
            proven: true,
            safe: false,
            fix: Fix::Penalty(SMALL),
        });
    }
    let mut evidence = Map::new();
    evidence.insert("proven_gap".to_owned(), json!(proven));
    evidence.insert("wanted_gap".to_owned(), json!(target));
    evidence.insert("steps".to_owned(), json!(candidate.steps));
    Diagnosis { code, message, reasons: Vec::new(), evidence, also: Vec::new(), remedies, exact: None }
}
