//! Newton's method for smooth losses, its systems solved by preconditioned conjugate gradients.
//!
//! Each step solves `(H + Λ) p = −∇P` as far as it pays, and goes along p as far as the objective wants: the scores of
//! p are computed once, so a line search walks over no data. This is the method of liblinear's later versions (Galli and
//! Lin, "A study on truncated Newton methods for linear classification", IEEE TNNLS 33, 2021) with their line search,
//! and with a preconditioner that knows how outputs and columns hang together.
//!
//! A linear system is solved until its residual is a fraction of the gradient (Dembo, Eisenstat and Steihaug,
//! "Inexact Newton methods", SIAM J. Numer. Anal. 19, 1982), or so small that, as the next gradient, it would
//! be good enough for an end.

use super::Stop;
use super::smooth::preconditioner::Preconditioner;
use super::smooth::vectors::{add, add_to, dot, set, zeros};
use super::smooth::{Here, Line, Objective};
pub use super::smooth::{Run, Settings, Step};
use crate::error::Result;
use crate::oracle::{Oracle, Pass};
use crate::problem::{Coefficients, Problem};

/// The residual of a system beside its right-hand side, in the norm of the preconditioner, squared.
const FORCING: f64 = 0.1;
/// A system that needs more products asks for a new preconditioner before the next one.
const WORN: usize = 8;
/// Rows that the preconditioner is made from, for each column of a factor.
const SAMPLE: usize = 4;
/// Products with the Hessian in one system.
const MOST_PRODUCTS: usize = 250;
/// A heading that bends less than this beside what the preconditioner expects leads out of a system that has no
/// solution: rows that pull steadily, and nothing that holds a free intercept.
const FLAT: f64 = 1e-8;
/// The share of the promised decrease that a step must keep.
const ARMIJO: f64 = 1e-4;
/// A gap of so many times the wanted one is closed by one more step, whose system is solved as well as that takes.
const NEAR: f64 = 300.0;
/// The share of the wanted gap that a residual may cause for the system to be solved well enough for an end.
const LAST: f64 = 0.25;

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
    let shape = pass.shape();
    let mut objective = Objective::new(pass, problem, settings)?;
    let mut here = objective.start(settings)?;
    let mut system = System {
        direction: zeros(shape),
        decrease: f64::INFINITY,
        preconditioner: None,
        products: 0,
        flat: false,
    };
    let (mut step, mut stuck) = (0, false);
    loop {
        let mut stop = objective.verdict(&here, step, system.decrease, settings, watch);
        if stop == Some(Stop::Certified) {
            objective.settle(&mut here)?;
            stop = objective.verdict(&here, step, system.decrease, settings, watch);
        }
        if let Some(stop) = stop {
            return Ok(objective.run(here, stop, step));
        }
        system.solve(&mut objective, &here, settings, watch);
        let line = objective.head(&here, &system.direction);
        let Some(t) = search(&objective, &here, &line, -system.slope(&here)) else {
            let before = here.objective;
            objective.settle(&mut here)?;
            // A better intercept is a new start, once.
            if stuck || here.objective >= before {
                return Ok(objective.run(here, Stop::Tolerance, step));
            }
            (stuck, system.preconditioner) = (true, None);
            continue;
        };
        stuck = false;
        objective.arrive(t, &system.direction, &mut here);
        if system.flat {
            objective.settle(&mut here)?;
        }
        step += 1;
    }
}

/// A step.
struct System {
    direction: Coefficients,
    /// What a quadratic objective would fall by.
    decrease: f64,
    preconditioner: Option<Preconditioner>,
    /// Products with the Hessian in the last system.
    products: usize,
    /// It had a direction that does not bend: that of a free intercept, as columns have a penalty.
    flat: bool,
}

impl System {
    /// −∇Pᵀp.
    fn slope(&self, here: &Here) -> f64 {
        -dot(&here.gradient, &self.direction)
    }

    /// Conjugate gradients on `(H + Λ) p = −∇P` from p = 0.
    fn solve(
        &mut self,
        objective: &mut Objective<'_, '_>,
        here: &Here,
        settings: &Settings,
        watch: &dyn Fn(Step) -> bool,
    ) {
        let shape = objective.samples().shape();
        if self.preconditioner.is_none() || self.products > WORN {
            self.preconditioner = None;
            self.preconditioner = Preconditioner::new(objective, SAMPLE);
        }
        let preconditioner = self.preconditioner.as_ref();
        let apply = |r: &Coefficients, out: &mut Coefficients| match preconditioner {
            Some(preconditioner) => preconditioner.apply(r, out),
            None => set(out, 1.0, r),
        };
        let mut residual = here.gradient.clone();
        set(&mut residual, -1.0, &here.gradient);
        set(&mut self.direction, 0.0, &residual);
        let mut z = zeros(shape);
        apply(&residual, &mut z);
        let mut heading = z.clone();
        let mut product = zeros(shape);
        let mut size = dot(&residual, &z);
        // The heading's square in the metric of the preconditioner.
        let mut length = size;
        let wanted = settings.gap * here.objective.abs();
        let (first, enough) = (size, LAST * wanted);
        let forcing = if objective.gap(&here.gradient) <= NEAR * wanted { 0.0 } else { FORCING };
        (self.products, self.flat) = (0, false);
        for count in 0..MOST_PRODUCTS {
            if size <= forcing * first && count > 0
                || objective.gap(&residual) <= enough
                || size <= 0.0
                || size.is_nan()
            {
                break;
            }
            objective.product(&heading, &mut product);
            self.products += 1;
            let bend = dot(&heading, &product);
            self.flat = !(bend > FLAT * length && bend.is_finite());
            if self.flat || count > 0 && objective.is_over(settings, watch) {
                break;
            }
            let t = size / bend;
            add(&mut self.direction, t, &heading);
            add(&mut residual, -t, &product);
            apply(&residual, &mut z);
            let before = std::mem::replace(&mut size, dot(&residual, &z));
            let turn = size / before;
            length = size + turn * turn * length;
            add_to(&mut heading, turn, &z);
        }
        if dot(&self.direction, &self.direction) == 0.0 {
            self.direction.clone_from(&heading);
        }
        // pᵀ(H + Λ)p = pᵀ(−∇P − r).
        self.decrease = 0.5 * (self.slope(here) + dot(&residual, &self.direction));
    }
}

/// A step length with enough decrease, the full one first; none where rounding hides every decrease.
fn search(objective: &Objective<'_, '_>, here: &Here, line: &Line, slope: f64) -> Option<f64> {
    if slope >= 0.0 || slope.is_nan() {
        return None;
    }
    let value = here.objective;
    let mut t = 1.0;
    for _ in 0..60 {
        let (ahead, steep) = objective.along(line, t);
        if ahead <= value + ARMIJO * t * slope {
            return Some(t);
        }
        // Hager and Zhang's test, for where the value no longer tells.
        if (ahead - value).abs() <= 1e-12 * value.abs() && steep.abs() <= 0.9 * slope.abs() {
            return Some(t);
        }
        // The least value of the parabola through both values and the slope.
        let least = -0.5 * slope * t * t / (ahead - value - slope * t);
        t = if least.is_finite() { least.clamp(0.1 * t, 0.5 * t) } else { 0.1 * t };
    }
    None
}
