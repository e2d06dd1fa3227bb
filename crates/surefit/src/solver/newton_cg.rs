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
use crate::loss::{self, Curvature};
use crate::oracle::{Oracle, Pass};
use crate::problem::{Coefficients, Problem};

/// The residual of a system beside its right-hand side, in the norm of the preconditioner, squared.
const FORCING: f64 = 0.1;
/// A system that needs more products asks for a new preconditioner before the next one.
const WORN: usize = 8;
/// One that needs more products than this share of the coefficients asks for the whole Hessian, which costs as many products as
/// four of them.
const COARSE: f64 = 0.25;
/// The same of the whole Hessian: in every step other rows bend.
const CHANGED: usize = 0;
/// Rows that the preconditioner is made from, for each column of a factor.
const SAMPLE: usize = 4;
/// Products with the Hessian in one system.
const MOST_PRODUCTS: usize = 250;
/// A heading that bends less than this beside what the preconditioner expects leads out of a system that has no
/// solution: rows that pull steadily, and nothing that holds a free intercept.
const FLAT: f64 = 1e-8;
/// The share of the promised decrease that a step must keep.
const ARMIJO: f64 = 1e-4;
/// A full step with this share of it is taken as it is; a parabola has a half.
const AMPLE: f64 = 0.1;
/// Beside the slope at the start, one that is nearly 0.
const LEVEL: f64 = 0.1;
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
        // Of a rounded hinge few rows bend, and others in every step.
        whole: Preconditioner::is_small(shape)
            && loss::named(problem.loss).curvature() == Curvature::Piecewise,
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
    /// The preconditioner is to be the whole Hessian.
    whole: bool,
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
        let coarse = COARSE * ((shape.columns + 1) * shape.outputs) as f64;
        self.whole |= Preconditioner::is_small(shape) && self.products as f64 > coarse.max(WORN as f64);
        let worn = if self.whole { CHANGED } else { WORN };
        if self.preconditioner.is_none() || self.products > worn {
            self.preconditioner = None;
            let whole =
                self.whole.then(|| Preconditioner::whole(objective, &here.gradient.intercept)).flatten();
            self.preconditioner = whole.or_else(|| Preconditioner::new(objective, SAMPLE));
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
        // The gap knows nothing of a free intercept's residual, which the metric of the whole Hessian weighs as it should.
        let joint = self.whole && objective.has_free_intercept();
        (self.products, self.flat) = (0, false);
        for count in 0..MOST_PRODUCTS {
            if size <= forcing * first && count > 0
                || objective.gap(&residual) <= enough && (!joint || 0.5 * size <= enough)
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

/// A step length with enough decrease, the full one first, and otherwise one at which the slope is nearly 0: the slope rises along
/// a line, and with it a zigzag across a kink is at an end. None where rounding hides every decrease.
fn search(objective: &Objective<'_, '_>, here: &Here, line: &Line, slope: f64) -> Option<f64> {
    if slope >= 0.0 || slope.is_nan() {
        return None;
    }
    let value = here.objective;
    let (mut low, mut high) = ((0.0, slope), (1.0, f64::NAN));
    let mut t = 1.0;
    for trial in 0..60 {
        let (ahead, steep) = objective.along(line, t);
        let falls = |share: f64| ahead <= value + share * t * slope;
        let is_level = steep.abs() <= LEVEL * slope.abs();
        if t == 1.0 && (falls(AMPLE) || falls(ARMIJO) && steep <= 0.0) || falls(ARMIJO) && is_level {
            return Some(t);
        }
        // Hager and Zhang's test, for where the value no longer tells.
        if (ahead - value).abs() <= 1e-12 * value.abs() && steep.abs() <= 0.9 * slope.abs() {
            return Some(t);
        }
        if steep < 0.0 && falls(ARMIJO) {
            low = (t, steep);
        } else {
            high = (t, steep);
        }
        // Where a straight slope between both would be 0, but well inside; every other time much nearer, as beyond a kink the
        // slope may be the same all the way.
        let width = high.0 - low.0;
        let zero = low.0 - low.1 * width / (high.1 - low.1);
        let inside = zero.clamp(low.0 + 0.1 * width, high.0 - 0.1 * width);
        t = if inside.is_finite() && trial % 2 == 0 { inside } else { low.0 + 0.1 * width };
    }
    (low.0 > 0.0).then_some(low.0)
}
