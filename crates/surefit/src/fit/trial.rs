//! Ways out that rounding has a say in are run before they are offered.
//!
//! Where rounding is small beside the wanted gap, the forecast of a changed run is a proof. Near an exact fit, at the
//! finest gaps and beside large offsets it is not: what the units of `--scale` round away, and what the way back into
//! the user's units adds, decide there. So such a run is made, with the very settings that are offered, and its answer
//! certified like any other; it is offered only if that comes out certified.

use super::{Settings, Solver, folded_back, in_user_units, verdict};
use crate::certificate::certify;
use crate::data::Rows;
use crate::data::scale::{Scaled, Scaling};
use crate::diagnosis::{Fix, Remedy};
use crate::error::{Error, Result};
use crate::fit::Verdict;
use crate::oracle::Local;
use crate::problem::Problem;
use crate::solver::gradient_descent::{self, Descent};

impl Settings {
    /// The settings with a remedy for gradient descent applied; `None` where it changes anything else, the problem
    /// for one.
    pub fn with(&self, fix: &Fix) -> Option<Self> {
        let mut changed = self.clone();
        let Solver::GradientDescent(choices) = &mut changed.solver else { return None };
        match fix {
            Fix::Scale(scale) => changed.scale = *scale,
            Fix::LearningRate(rate) => choices.learning_rate = *rate,
            Fix::Tolerance(tolerance) => choices.tolerance = *tolerance,
            Fix::MaxIter(limit) => choices.max_iter = *limit,
            Fix::StartAtZeros => choices.start = None,
            Fix::Exact => changed.solver = Solver::Exact,
            Fix::Several(fixes) => {
                return fixes.iter().try_fold(changed, |settings, fix| settings.with(fix));
            }
            Fix::Drop(_) | Fix::Penalty(_) | Fix::Gap(_) | Fix::Formula(_) | Fix::Line(_) => return None,
        }
        Some(changed)
    }
}

/// Those of `remedies` that hold: the proven ones, and the others if their run ends certified. `problem` is in the
/// units of `settings.scale`.
///
/// # Errors
/// When the rows can no longer be read.
pub(super) fn keep_what_holds(
    rows: &dyn Rows,
    problem: &Problem,
    settings: &Settings,
    go_on: &(dyn Fn() -> bool + Sync),
    remedies: &mut Vec<Remedy>,
) -> Result<()> {
    let mut kept = Vec::with_capacity(remedies.len());
    for mut remedy in remedies.drain(..) {
        if !remedy.proven {
            let Some(changed) = settings.with(&remedy.fix) else { continue };
            let ran = match certified_run(rows, problem, &changed, go_on) {
                // No time to see whether it holds.
                Err(Error::Interrupted) => None,
                ran => ran?,
            };
            let Some(ran) = ran else { continue };
            let ran = ran.candidate.steps as u64;
            // A tolerance ends the run at a step of its own; otherwise the gap is reached on the way.
            let ends = sets_tolerance(&remedy.fix);
            remedy.steps = remedy.steps.map(|steps| if ends { ran } else { steps.min(ran) });
            remedy.proven = true;
        }
        kept.push(remedy);
    }
    *remedies = kept;
    Ok(())
}

fn sets_tolerance(fix: &Fix) -> bool {
    match fix {
        Fix::Tolerance(_) => true,
        Fix::Several(parts) => parts.iter().any(sets_tolerance),
        _ => false,
    }
}

/// The run of gradient descent with these settings, if its answer is certified.
fn certified_run(
    rows: &dyn Rows,
    problem: &Problem,
    settings: &Settings,
    go_on: &(dyn Fn() -> bool + Sync),
) -> Result<Option<Descent>> {
    let Solver::GradientDescent(choices) = &settings.solver else { return Ok(None) };
    let choices = gradient_descent::Settings { time_limit: None, ..choices.clone() };
    let scaling = Scaling::new(settings.scale, settings.scale_target, rows)?;
    let scaled = Scaled::new(rows, &scaling);
    let walked: &dyn Rows = if scaling.is_identity() { rows } else { &scaled };
    let mut oracle = Local::new(walked, problem.loss)?;
    let run = gradient_descent::descend(&mut oracle, problem, &choices, &|_| go_on())?;
    if !go_on() {
        return Ok(None);
    }
    let answer = folded_back(&run.candidate, &scaling);
    let own = in_user_units(problem, &scaling);
    let certificate = certify(rows, &own, &answer.coefficients, settings.gap)?;
    Ok((verdict(Some(&certificate), Some(&run), settings.gap) == Verdict::Certified).then_some(run))
}
