//! Hinges, by way of losses without kinks: the kink is rounded over ever less of a width, each problem begins where
//! the one before ended, and the gradient of the rounded loss is a dual point of the hinge itself (Y. Nesterov, "Smooth
//! minimization of non-smooth functions", Math. Program. 103, 2005).
//!
//! With α = x/w for violations x within the width w, a pair costs the gap `x (1 − x/w) ≤ w/4`, and pairs elsewhere nothing:
//! the gap falls faster than w, as fewer pairs lie within it. Steps know how the columns differ in size and place, which
//! dual ascent, a row at a time, does not: it is the way for hinges of classes where that crawls.

use super::smooth::{self, Method, Run, Settings, Step};
use super::{Candidate, Stop};
use crate::data::Samples;
use crate::error::{Error, Result};
use crate::loss::{self, Loss};
use crate::oracle::Pass;
use crate::problem::Problem;
use faer::Mat;
use rayon::prelude::*;
use std::time::Instant;

/// The first width, and the one beside a start that is near the optimum, as shares of the margin.
const WIDTHS: (f64, f64) = (1.0, 0.1);
/// How much less of it is next, at least and at most.
const NARROWER: (f64, f64) = (0.5, 0.05);
/// Where what cancels in the rounded loss would be more than it bends.
const NARROWEST: f64 = 1e-12;
/// The share of the wanted gap that a rounded problem may leave, and that of its width.
const INNER: (f64, f64) = (0.2, 0.01);
/// Rows of a part.
const STRIP: usize = 1024;

/// An answer, and the dual point of the hinge that was found with it, n × c.
pub(crate) struct Smoothed {
    pub run: Run,
    pub dual: Mat<f64>,
}

/// Minimises the objective of a hinge.
///
/// # Errors
/// As [`super::newton_cg::minimize`], and for a loss without kinks.
pub(crate) fn minimize(
    mut method: Method,
    samples: &Samples<'_>,
    problem: &Problem,
    settings: &Settings,
    watch: &dyn Fn(Step) -> bool,
) -> Result<Smoothed> {
    let begun = Instant::now();
    let (hinge, margin) = (loss::named(problem.loss), problem.loss.margin());
    let mut width = if settings.start.is_some() { WIDTHS.1 } else { WIDTHS.0 };
    let mut start = settings.start.clone();
    let (mut steps, mut passes, mut gap) = (0, 0, f64::INFINITY);
    let mut best: Option<Smoothed> = None;
    loop {
        let Some(rounded) = loss::rounded(problem.loss, width * margin) else {
            return Err(Error::Internal(format!(
                "the {} loss has no kinks to be rounded",
                problem.loss.name()
            )));
        };
        let left = settings.time_limit.map(|limit| limit.saturating_sub(begun.elapsed()));
        let inner = Settings {
            gap: (INNER.0 * settings.gap).max(INNER.1 * width),
            max_iter: settings.max_iter.saturating_sub(steps),
            time_limit: left,
            start: start.take(),
        };
        let mut pass = Pass::of(*samples, rounded);
        let tell =
            |step: Step| watch(Step { step: steps + step.step, passes: passes + step.passes, gap, ..step });
        let run = smooth::minimize(method, &mut pass, problem, &inner, &tell)?;
        steps += run.candidate.steps;
        passes += run.passes;
        let mean = pass.score(&run.candidate.coefficients);
        let (dual, value, rows) = duals(samples, pass.loss(), &*hinge, pass.kept());
        let total = samples.total_weight();
        // P differs from that of the rounded problem by the loss alone.
        let objective = run.objective + value / total - mean;
        gap = rows / total + run.gap;
        let stuck = run.candidate.stop == Stop::Tolerance;
        let stop = match run.candidate.stop {
            Stop::Certified | Stop::Tolerance if gap <= settings.gap * objective => Some(Stop::Certified),
            Stop::Certified if width > NARROWEST => None,
            // A step that knows how the loss bends goes on where one that remembers does not.
            Stop::Tolerance if method == Method::Lbfgs => None,
            Stop::Certified => Some(Stop::Tolerance),
            other => Some(other),
        };
        start = Some(run.candidate.coefficients.clone());
        let here = Smoothed { run: Run { objective, gap, passes, ..run }, dual };
        if best.as_ref().is_none_or(|best| gap < best.run.gap || best.run.gap.is_nan()) {
            best = Some(here);
        }
        if let Some(stop) = stop
            && let Some(Smoothed { run, dual }) = best.take()
        {
            let candidate = Candidate { stop, steps, ..run.candidate };
            return Ok(Smoothed { run: Run { candidate, passes, ..run }, dual });
        }
        if stuck {
            method = Method::NewtonCg;
            continue;
        }
        let wanted = settings.gap * objective / gap;
        width = (width * (0.5 * wanted).clamp(NARROWER.1, NARROWER.0)).max(NARROWEST);
    }
}

/// The gradient of the rounded loss at some scores as a dual point of the hinge, the sum of the hinge there, and that of
/// `ℓ + ℓ* − g·z`.
fn duals(
    samples: &Samples<'_>,
    rounded: &dyn Loss,
    hinge: &dyn Loss,
    scores: &[f64],
) -> (Mat<f64>, f64, f64) {
    let (n, c) = (samples.x.rows(), samples.outputs);
    let part = |strip: usize| {
        let (first, count) = (strip * STRIP, STRIP.min(n - strip * STRIP));
        let weights = samples.weights.and_then(|weights| weights.get(first..first + count));
        let targets = samples.targets.rows(first, count);
        let own = &scores[first * c..(first + count) * c];
        let (mut g, mut z) = (own.to_vec(), own.to_vec());
        rounded.block(faer::MatMut::from_row_major_slice_mut(&mut g, count, c), targets, weights);
        hinge.project_dual(faer::MatMut::from_row_major_slice_mut(&mut g, count, c), targets, weights);
        let value = hinge.block(faer::MatMut::from_row_major_slice_mut(&mut z, count, c), targets, weights);
        let view = faer::MatRef::from_row_major_slice(&g, count, c);
        let conjugate = hinge.conjugate(view, targets, weights).unwrap_or(f64::INFINITY);
        let product: f64 = g.iter().zip(own).map(|(g, z)| g * z).sum();
        (g, value, value + conjugate - product)
    };
    let parts: Vec<(Vec<f64>, f64, f64)> = (0..n.div_ceil(STRIP)).into_par_iter().map(part).collect();
    let (mut dual, mut sums) = (Mat::zeros(n, c), (0.0, 0.0));
    for (strip, (g, value, rows)) in parts.iter().enumerate() {
        for (i, g) in g.chunks_exact(c.max(1)).enumerate() {
            g.iter().enumerate().for_each(|(k, g)| dual[(strip * STRIP + i, k)] = *g);
        }
        sums = (sums.0 + value, sums.1 + rows);
    }
    (dual, sums.0, sums.1)
}
