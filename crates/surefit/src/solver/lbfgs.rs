//! Limited-memory BFGS for smooth losses (Nocedal and Wright, *Numerical Optimization*, 2nd ed., algorithms 7.4 and
//! 7.5): the direction comes from the last few changes of point and gradient, without a system to solve. They correct
//! the same preconditioner that Newton's systems have, made anew after ever more steps.
//!
//! A step costs half a walk for the scores of its direction and half of one for the gradient where it ends; the line search, for the
//! strong conditions of Wolfe (algorithms 3.5 and 3.6), walks over no data.

use super::Stop;
use super::smooth::preconditioner::Preconditioner;
use super::smooth::vectors::{add, dot, set};
use super::smooth::{Here, Line, Objective};
pub use super::smooth::{Run, Settings, Step};
use crate::error::Result;
use crate::oracle::Pass;
use crate::problem::{Coefficients, Problem};
use std::collections::VecDeque;

/// Changes kept.
pub(super) const MEMORY: usize = 15;
/// The share of the promised decrease that a step must keep, and the share of the slope that it may keep.
const WOLFE: (f64, f64) = (1e-4, 0.9);
/// The step at which the preconditioner is made anew for the first time; later each after twice as many and these.
const REFRESH: usize = 4;
/// Rows that it is made from, for each column of a factor: at first, when the point will move on far, and at last.
const LEAST_ROWS: usize = 2;
const MOST_ROWS: usize = 8;
/// Trial points of one search.
const TRIALS: usize = 40;

/// Minimises the objective of a smooth loss.
///
/// `watch` sees every step, and is asked whether to go on.
///
/// # Errors
/// A loss with kinks, sizes that do not match, a penalty that is negative.
pub fn minimize(
    pass: &mut Pass<'_>,
    problem: &Problem,
    settings: &Settings,
    watch: &dyn Fn(Step) -> bool,
) -> Result<Run> {
    let mut objective = Objective::new(pass, problem, settings)?;
    let mut here = objective.start(settings)?;
    let mut memory = Memory::default();
    let (mut step, mut decrease, mut refresh, mut sample) = (0, f64::INFINITY, 0, LEAST_ROWS);
    loop {
        let mut stop = objective.verdict(&here, step, decrease, settings, watch);
        if stop == Some(Stop::Certified) {
            objective.settle(&mut here)?;
            stop = objective.verdict(&here, step, decrease, settings, watch);
        }
        if let Some(stop) = stop {
            return Ok(objective.run(here, stop, step));
        }
        if step >= refresh {
            // The old one goes first: together they are more than a step needs.
            memory.preconditioner = None;
            memory.preconditioner = Preconditioner::new(&objective, sample);
            sample = (2 * sample).min(MOST_ROWS);
            refresh = 2 * step + REFRESH;
        }
        let mut direction = memory.direction(&here.gradient);
        let mut slope = dot(&direction, &here.gradient);
        if slope >= 0.0 || slope.is_nan() {
            memory.pairs.clear();
            direction = memory.direction(&here.gradient);
            slope = dot(&direction, &here.gradient);
        }
        let fresh = memory.pairs.is_empty();
        let first = if fresh { 1.0 / dot(&direction, &direction).sqrt().max(1.0) } else { 1.0 };
        // A whole step is good enough as a rule, and then scores and gradient need the rows only once.
        let line = if fresh {
            objective.head(&here, &direction)
        } else {
            let there = objective.probe(&here, &direction);
            if is_good(&here, &there, &direction, slope) {
                objective.accept();
                memory.keep(1.0, &direction, &here.gradient, &there);
                decrease = here.objective - there.objective;
                here = there;
                step += 1;
                continue;
            }
            objective.head_back(&here, &direction)
        };
        let Some(t) = search(&objective, &line, (here.objective, slope), first) else {
            if memory.pairs.is_empty() {
                objective.settle(&mut here)?;
                return Ok(objective.run(here, Stop::Tolerance, step));
            }
            memory.pairs.clear();
            continue;
        };
        let before = here.gradient.clone();
        let value = here.objective;
        objective.arrive(t, &direction, &mut here);
        decrease = value - here.objective;
        memory.keep(t, &direction, &before, &here);
        step += 1;
    }
}

/// A change of the point, and of the gradient.
struct Change {
    point: Coefficients,
    gradient: Coefficients,
    /// 1 / (their product).
    rho: f64,
}

#[derive(Default)]
struct Memory {
    /// What the changes correct.
    preconditioner: Option<Preconditioner>,
    pairs: VecDeque<Change>,
}

impl Memory {
    /// −H⁻¹ gradient as the changes tell it.
    fn direction(&self, gradient: &Coefficients) -> Coefficients {
        let mut q = gradient.clone();
        let mut factors = Vec::with_capacity(self.pairs.len());
        for pair in self.pairs.iter().rev() {
            let factor = pair.rho * dot(&pair.point, &q);
            add(&mut q, -factor, &pair.gradient);
            factors.push(factor);
        }
        let mut out = q.clone();
        if let Some(preconditioner) = &self.preconditioner {
            preconditioner.apply(&q, &mut out);
        } else {
            let scale = |last: &Change| 1.0 / (last.rho * dot(&last.gradient, &last.gradient));
            set(&mut out, self.pairs.back().map_or(1.0, scale), &q);
        }
        for (pair, factor) in self.pairs.iter().zip(factors.iter().rev()) {
            let back = pair.rho * dot(&pair.gradient, &out);
            add(&mut out, factor - back, &pair.point);
        }
        let copy = out.clone();
        set(&mut out, -1.0, &copy);
        out
    }

    fn keep(&mut self, t: f64, direction: &Coefficients, before: &Coefficients, here: &Here) {
        let (mut point, mut gradient) = (direction.clone(), here.gradient.clone());
        set(&mut point, t, direction);
        add(&mut gradient, -1.0, before);
        let product = dot(&point, &gradient);
        if product > f64::EPSILON * dot(&gradient, &gradient) {
            if self.pairs.len() == MEMORY {
                self.pairs.pop_front();
            }
            self.pairs.push_back(Change { point, gradient, rho: 1.0 / product });
        }
    }
}

/// Whether the end of a whole step satisfies the strong conditions of Wolfe.
fn is_good(here: &Here, there: &Here, direction: &Coefficients, slope: f64) -> bool {
    dot(direction, &there.gradient).abs() <= -WOLFE.1 * slope
        && there.objective <= here.objective + WOLFE.0 * slope
}

/// A trial point of a search.
#[derive(Clone, Copy)]
struct Trial {
    t: f64,
    value: f64,
    slope: f64,
}

/// A step that satisfies the strong conditions of Wolfe; none where rounding hides every decrease.
fn search(objective: &Objective<'_, '_>, line: &Line, (value, slope): (f64, f64), first: f64) -> Option<f64> {
    if slope >= 0.0 || slope.is_nan() {
        return None;
    }
    let at = |t: f64| {
        let (value, slope) = objective.along(line, t);
        Trial { t, value, slope }
    };
    let start = Trial { t: 0.0, value, slope };
    let (mut low, mut high): (Trial, Option<Trial>) = (start, None);
    let mut t = first;
    for _ in 0..TRIALS {
        let trial = at(t);
        let rises = trial.value.is_nan() || trial.value > start.value + WOLFE.0 * t * slope;
        let flat = trial.slope.abs() <= -WOLFE.1 * slope;
        let hidden = (trial.value - start.value).abs() <= 1e-13 * start.value.abs();
        if flat && (!rises || hidden) {
            return Some(t);
        }
        if rises || trial.value >= low.value || !trial.value.is_finite() {
            high = Some(trial);
        } else {
            if trial.slope * high.map_or(1.0, |high| high.t - low.t) >= 0.0 {
                high = Some(low);
            }
            low = trial;
        }
        t = match high {
            None => 2.0 * t,
            Some(high) => between(low, high),
        };
        if high.is_some_and(|high| (high.t - low.t).abs() <= 1e-14 * t.abs()) {
            break;
        }
    }
    (low.t > 0.0).then_some(low.t)
}

/// The least value of the cubic through both ends, kept away from them.
fn between(low: Trial, high: Trial) -> f64 {
    let width = high.t - low.t;
    let d = low.slope + high.slope - 3.0 * (low.value - high.value) / (low.t - high.t);
    let root = (d * d - low.slope * high.slope).sqrt() * width.signum();
    let least = high.t - width * ((high.slope + root - d) / (high.slope - low.slope + 2.0 * root));
    let (from, to) = (low.t + 0.1 * width, low.t + 0.9 * width);
    let (from, to) = (from.min(to), from.max(to));
    if least.is_finite() { least.clamp(from, to) } else { low.t + 0.5 * width }
}
