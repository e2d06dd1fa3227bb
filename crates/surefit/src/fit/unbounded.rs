//! Labels whose best intercept is infinite: an answer near the least value is found and bounded all the same, but there is no best
//! one to be certified. What gives one is tried, beginning at the answer: the other labels alone, and a penalty on the
//! intercept too.

use super::Verdict;
use super::samples::{Progress, SampleFit, SampleSettings, Start, fit_from};
use crate::data::Samples;
use crate::diagnosis::{Code, Tried, Unbounded};
use crate::error::Result;
use crate::loss::Targets;
use crate::problem::{Coefficients, Intercept, Problem};
use faer::Mat;
use std::time::Instant;

/// A fit of labels that cannot be certified, for it has no best answer, is told so.
pub(super) fn judged(
    samples: &Samples<'_>,
    problem: &Problem,
    settings: &SampleSettings,
    mut fit: SampleFit,
    watch: &(dyn Fn(Progress) -> bool + Sync),
) -> Result<SampleFit> {
    let Some(found) = Unbounded::of(samples, problem.loss, problem.intercept) else { return Ok(fit) };
    if let Some(cause) = fit.diagnosis.as_mut() {
        cause.also.push(Code::Sf208);
    }
    if fit.verdict == Verdict::Certified {
        let tried = tried(samples, problem, settings, &fit, watch)?;
        let plain = |label: usize| format!("label {}", label + 1);
        fit.diagnosis = Some(found.diagnosis(&plain, fit.certificate.gap(), &tried));
        fit.verdict = Verdict::Uncertified;
        fit.unbounded = Some((found, tried));
    }
    Ok(fit)
}

/// The changes that end certified.
fn tried(
    samples: &Samples<'_>,
    problem: &Problem,
    settings: &SampleSettings,
    fit: &SampleFit,
    watch: &(dyn Fn(Progress) -> bool + Sync),
) -> Result<Vec<Tried>> {
    let begun = Instant::now();
    let run = |samples: &Samples<'_>, problem: &Problem, start: Coefficients| -> Result<Option<f64>> {
        let left = settings.time_limit.map(|limit| limit.saturating_sub(begun.elapsed()));
        let settings = SampleSettings { time_limit: left, ..*settings };
        let fit =
            fit_from(samples, problem, &settings, Some(Start { coefficients: start, dual: None }), watch)?;
        Ok((fit.verdict == Verdict::Certified).then(|| fit.certificate.objective()))
    };
    let answer = &fit.candidate.coefficients;
    let mut all = Vec::new();
    if let (Targets::Labels(labels), Some(left_out)) =
        (samples.targets, Unbounded::to_leave_out(samples, problem.loss))
    {
        let kept: Vec<usize> = (0..labels.labels()).filter(|k| !left_out.contains(k)).collect();
        let sets = labels.of_labels(&kept);
        let weights: Option<Vec<f64>> =
            labels.weights().map(|weights| kept.iter().filter_map(|k| weights.get(*k).copied()).collect());
        let targets = Targets::Labels(sets.view().weighted(weights.as_deref()));
        let others = Samples { targets, outputs: kept.len(), ..*samples };
        let start = Coefficients {
            weights: Mat::from_fn(answer.weights.nrows(), kept.len(), |j, k| answer.weights[(j, kept[k])]),
            intercept: kept.iter().map(|k| answer.intercept.get(*k).copied().unwrap_or(0.0)).collect(),
        };
        all.extend(run(&others, problem, start)?.map(|objective| Tried { left_out, objective }));
    }
    if problem.penalty.lambda > 0.0 {
        let shrunk = Problem { intercept: Intercept::Penalized, ..problem.clone() };
        // An intercept on its way to infinity is nothing to begin at.
        let start = Coefficients { intercept: vec![0.0; samples.outputs], ..answer.clone() };
        let found = run(samples, &shrunk, start)?;
        all.extend(found.map(|objective| Tried { left_out: Vec::new(), objective }));
    }
    Ok(all)
}
