//! What the solvers for smooth losses have in common: the objective with its penalty on a [`Pass`], when to stop, and
//! the best intercept beside given scores.

mod intercept;
pub(super) mod preconditioner;
pub(super) mod vectors;

use super::{Candidate, Stop};
use crate::data::Samples;
use crate::error::{Error, Result};
use crate::loss::{Curvature, Loss, Targets};
use crate::num::UNIT_ROUNDOFF;
use crate::oracle::{Answer, Ask, Oracle, Pass};
use crate::problem::{Coefficients, Intercept, LossKind, Problem};
use std::time::{Duration, Instant};
use vectors::{dot, zeros};

/// What people choose.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Stop when the solver's own estimate of the gap is within this of the objective.
    pub gap: f64,
    /// Stop after so many steps.
    pub max_iter: usize,
    /// Stop after so long.
    pub time_limit: Option<Duration>,
    /// The first point; absent means zeros.
    pub start: Option<Coefficients>,
}

impl Default for Settings {
    fn default() -> Self {
        Self { gap: 1e-6, max_iter: 1000, time_limit: None, start: None }
    }
}

/// One step as a watcher sees it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step {
    /// 0 is the start.
    pub step: usize,
    /// P there.
    pub objective: f64,
    /// The solver's own estimate of the gap; infinite where it has none.
    pub gap: f64,
    /// Walks over the samples until now; half of one counts as one.
    pub passes: usize,
}

/// How a run went.
#[derive(Clone, Debug)]
pub struct Run {
    /// The last point.
    pub candidate: Candidate,
    /// P there, without a claim.
    pub objective: f64,
    /// The solver's own estimate of the gap, no certificate.
    pub gap: f64,
    /// Walks over the samples; half of one counts as one.
    pub passes: usize,
}

/// The algorithms for smooth losses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// [`super::newton_cg`].
    NewtonCg,
    /// [`super::lbfgs`].
    Lbfgs,
}

/// Numbers that L-BFGS may keep of past steps, at most (64 MiB).
const REMEMBERED: usize = 1 << 23;

/// The algorithm that fits the shape of these samples, and why.
pub fn choose(samples: &Samples<'_>) -> (Method, String) {
    let parameters = samples.x.columns().saturating_add(1).saturating_mul(samples.outputs);
    let memory = parameters.saturating_mul(2 * super::lbfgs::MEMORY);
    if memory <= REMEMBERED {
        (
            Method::Lbfgs,
            format!("L-BFGS: {parameters} coefficients, so that past steps are cheap to remember"),
        )
    } else {
        let why = format!("Newton-CG: {parameters} coefficients, too many to remember past steps of");
        (Method::NewtonCg, why)
    }
}

/// Minimises the objective of a smooth loss by the algorithm that is asked for.
///
/// # Errors
/// As [`super::newton_cg::minimize`].
pub fn minimize(
    method: Method,
    pass: &mut Pass<'_>,
    problem: &Problem,
    settings: &Settings,
    watch: &dyn Fn(Step) -> bool,
) -> Result<Run> {
    match method {
        Method::NewtonCg => super::newton_cg::minimize(pass, problem, settings, watch),
        Method::Lbfgs => super::lbfgs::minimize(pass, problem, settings, watch),
    }
}

/// Without a penalty an objective that fell by this factor falls on for ever.
const VANISHED: f64 = 1e-10;
/// Without a penalty, the share of the wanted gap that the estimate by a Newton step must keep to.
const LEAST_DECREASE: f64 = 1e-4;

/// BP-MLL from where it is beyond this is approached by LSEP, whose steepness is bounded; at zeros it is 1.
const STEEP: f64 = 1e100;
/// How near to LSEP's optimum, and by how many steps at most.
const APPROACH: (f64, usize) = (1e-2, 200);

/// A point with everything that is known there.
pub(super) struct Here {
    pub point: Coefficients,
    pub gradient: Coefficients,
    pub objective: f64,
}

/// P on a pass over the data.
pub(super) struct Objective<'o, 'a> {
    pass: &'o mut Pass<'a>,
    intercept: Intercept,
    /// d: λⱼ.
    pub lambda: Vec<f64>,
    /// λ of the intercept, 0 unless it is penalised.
    pub of_intercept: f64,
    unbounded: bool,
    /// Moving all intercepts by as much changes nothing: their sum is to be 0.
    centred: bool,
    /// The problem with LSEP in place of BP-MLL, or ZLPR in that of the global threshold.
    gentle: Option<Problem>,
    answer: Answer,
    pub passes: usize,
    begun: Instant,
    first: f64,
    /// What the watcher was told last.
    told: Option<Step>,
}

/// P along a line: the penalty's part is a parabola.
#[derive(Clone, Copy)]
pub(super) struct Line {
    constant: f64,
    slope: f64,
    bend: f64,
}

/// Whether the loss of labels is 0 at finite scores.
fn has_an_end(loss: LossKind) -> bool {
    matches!(loss, LossKind::PairwiseSquaredHinge | LossKind::PairwiseHinge)
}

impl<'o, 'a> Objective<'o, 'a> {
    /// Checks that the pass has a smooth loss, the problem's own or that with its kinks rounded, and that the problem fits the
    /// samples.
    pub fn new(pass: &'o mut Pass<'a>, problem: &Problem, settings: &Settings) -> Result<Self> {
        let shape = pass.shape();
        let usage = |what: String, hint: &str| Err(Error::Usage { what, hint: hint.to_owned() });
        if pass.loss().curvature() == Curvature::Piecewise {
            return usage(
                format!(
                    "the {} loss has kinks, and this solver follows a gradient without jumps",
                    problem.loss.name()
                ),
                "use the solver for hinges, or a squared hinge",
            );
        }
        let factors = problem.penalty.factors.as_ref().map_or(shape.columns, Vec::len);
        if factors != shape.columns {
            return usage(
                format!("the penalty has {factors} factors for {} columns", shape.columns),
                "give one penalty factor for each column of the design",
            );
        }
        let lambda: Vec<f64> = (0..shape.columns).map(|j| problem.penalty.weight(j)).collect();
        let penalties = || lambda.iter().chain([&problem.penalty.lambda]);
        if let Some(bad) = penalties().find(|lambda| !(lambda.is_finite() && **lambda >= 0.0)) {
            return usage(format!("the penalty is {bad}"), "give a penalty that is 0 or a positive number");
        }
        if let Some(start) = &settings.start
            && (start.weights.shape() != (shape.columns, shape.outputs)
                || start.intercept.len() != shape.outputs)
        {
            return usage(
                format!(
                    "the start is {} × {}, the model is {} × {}",
                    start.weights.nrows(),
                    start.weights.ncols(),
                    shape.columns,
                    shape.outputs
                ),
                "start at zeros, or give one number for each coefficient",
            );
        }
        let penalized = problem.intercept == Intercept::Penalized;
        Ok(Self {
            pass,
            intercept: problem.intercept,
            lambda,
            of_intercept: if penalized { problem.penalty.lambda } else { 0.0 },
            unbounded: matches!(problem.loss, LossKind::Softmax | LossKind::OvrLogistic)
                || problem.loss.is_of_labels() && !has_an_end(problem.loss),
            centred: problem.loss.is_of_pairs() && problem.intercept == Intercept::Free,
            gentle: match problem.loss {
                LossKind::Bpmll => Some(Problem { loss: LossKind::Lsep, ..problem.clone() }),
                LossKind::GlobalThreshold => Some(Problem { loss: LossKind::Zlpr, ..problem.clone() }),
                _ => None,
            },
            answer: Answer::new(shape),
            passes: 0,
            begun: Instant::now(),
            first: f64::INFINITY,
            told: None,
        })
    }

    /// The first point.
    pub fn start(&mut self, settings: &Settings) -> Result<Here> {
        let shape = self.pass.shape();
        let mut point = settings.start.clone().unwrap_or_else(|| zeros(shape));
        if self.intercept == Intercept::Absent {
            point.intercept.fill(0.0);
        }
        let mut here = Here { point, gradient: zeros(shape), objective: 0.0 };
        self.look(&mut here)?;
        self.approach(&mut here, settings)?;
        // Numbers far from 0 are nothing to begin at: where all residuals are beyond δ nothing bends.
        if matches!(self.pass.samples().targets, Targets::Values(_)) {
            self.settle(&mut here)?;
        }
        self.first = here.objective;
        Ok(here)
    }

    /// Away from where BP-MLL is too steep for any step, by way of LSEP or its like; to zeros, where that is no help.
    fn approach(&mut self, here: &mut Here, settings: &Settings) -> Result<()> {
        let too_steep = |here: &Here| here.objective.is_nan() || here.objective > STEEP;
        let Some(gentle) = self.gentle.take().filter(|_| too_steep(here)) else { return Ok(()) };
        let mut pass = Pass::new(self.pass.samples(), gentle.loss)?;
        let (gap, max_iter) = APPROACH;
        let settings = Settings { gap, max_iter, start: Some(here.point.clone()), ..settings.clone() };
        let run = super::lbfgs::minimize(&mut pass, &gentle, &settings, &|_| true)?;
        self.passes += run.passes;
        here.point = run.candidate.coefficients;
        self.look(here)?;
        if too_steep(here) {
            here.point = zeros(self.pass.shape());
            self.look(here)?;
        }
        Ok(())
    }

    pub fn samples(&self) -> Samples<'a> {
        self.pass.samples()
    }

    pub fn loss(&self) -> &dyn Loss {
        self.pass.loss()
    }

    pub fn scores(&self) -> faer::MatRef<'_, f64> {
        self.pass.scores()
    }

    pub fn has_free_intercept(&self) -> bool {
        self.intercept == Intercept::Free
    }

    pub fn has_intercept(&self) -> bool {
        self.intercept != Intercept::Absent
    }

    /// P and ∇P at the point.
    pub fn look(&mut self, here: &mut Here) -> Result<()> {
        self.pass.eval(&here.point, Ask::Gradient, &mut self.answer)?;
        self.passes += 2;
        let penalty = self.with_penalty(&here.point, &mut here.gradient);
        here.objective = self.answer.value + 0.5 * penalty;
        Ok(())
    }

    /// P and ∇P at the end of a step of length t along the line of the last [`Self::head`], in half a walk.
    pub fn arrive(&mut self, t: f64, direction: &Coefficients, here: &mut Here) {
        vectors::add(&mut here.point, t, direction);
        self.pass.advance(t);
        self.pass.arrive(&mut self.answer);
        self.passes += 1;
        let penalty = self.with_penalty(&here.point, &mut here.gradient);
        here.objective = self.answer.value + 0.5 * penalty;
    }

    /// `(H + Λ) v` where the gradient was last looked at.
    pub fn product(&mut self, v: &Coefficients, out: &mut Coefficients) {
        self.pass.hessian_vector(v, &mut self.answer);
        self.passes += 2;
        self.with_penalty(v, out);
    }

    /// out = answer + Λv; returns vᵀΛv.
    fn with_penalty(&self, v: &Coefficients, out: &mut Coefficients) -> f64 {
        let mut square = 0.0;
        for k in 0..v.intercept.len() {
            let (from, to) = (self.answer.weights.col_as_slice(k), out.weights.col_as_slice_mut(k));
            for (((to, from), v), lambda) in
                to.iter_mut().zip(from).zip(v.weights.col_as_slice(k)).zip(&self.lambda)
            {
                *to = from + lambda * v;
                square += lambda * v * v;
            }
            let b = v.intercept[k];
            out.intercept[k] =
                if self.has_intercept() { self.answer.intercept[k] + self.of_intercept * b } else { 0.0 };
            square += self.of_intercept * b * b;
        }
        square
    }

    /// P and ∇P at the end of the whole step, in one walk; [`Self::accept`] or [`Self::head_back`] is to follow.
    pub fn probe(&mut self, here: &Here, direction: &Coefficients) -> Here {
        let mut point = here.point.clone();
        vectors::add(&mut point, 1.0, direction);
        self.pass.probe(&point, &mut self.answer);
        self.passes += 2;
        let mut gradient = zeros(self.pass.shape());
        let penalty = self.with_penalty(&point, &mut gradient);
        Here { point, gradient, objective: self.answer.value + 0.5 * penalty }
    }

    /// The point probed last is where the solver goes on.
    pub fn accept(&mut self) {
        self.pass.accept();
    }

    /// [`Self::head`] towards the point probed last, without a walk.
    pub fn head_back(&mut self, here: &Here, direction: &Coefficients) -> Line {
        self.pass.head_back();
        self.line(here, direction)
    }

    /// Prepares a line from the point in a direction.
    pub fn head(&mut self, here: &Here, direction: &Coefficients) -> Line {
        self.pass.head(direction);
        self.passes += 1;
        self.line(here, direction)
    }

    fn line(&self, here: &Here, direction: &Coefficients) -> Line {
        let mut line = Line { constant: 0.0, slope: 0.0, bend: 0.0 };
        let mut add = |lambda: f64, w: f64, v: f64| {
            line.constant += lambda * w * w;
            line.slope += lambda * w * v;
            line.bend += lambda * v * v;
        };
        for k in 0..direction.intercept.len() {
            let pairs = here.point.weights.col_as_slice(k).iter().zip(direction.weights.col_as_slice(k));
            pairs.zip(&self.lambda).for_each(|((w, v), lambda)| add(*lambda, *w, *v));
            add(self.of_intercept, here.point.intercept[k], direction.intercept[k]);
        }
        line
    }

    /// P and its slope at t on the line.
    pub fn along(&self, line: &Line, t: f64) -> (f64, f64) {
        let (value, slope) = self.pass.along(t);
        (
            value + 0.5 * line.constant + t * (line.slope + 0.5 * t * line.bend),
            slope + line.slope + t * line.bend,
        )
    }

    /// `½ Σ gⱼ²/λⱼ` over everything that is penalised; infinite where a column is not.
    pub fn gap(&self, gradient: &Coefficients) -> f64 {
        let term = |g: f64, lambda: f64| if g == 0.0 { 0.0 } else { g * (g / lambda) };
        let of_output = |k: usize| {
            let columns = gradient.weights.col_as_slice(k).iter().zip(&self.lambda);
            let own = match self.intercept {
                Intercept::Penalized => term(gradient.intercept[k], self.of_intercept),
                Intercept::Absent | Intercept::Free => 0.0,
            };
            own + columns.map(|(g, lambda)| term(*g, *lambda)).sum::<f64>()
        };
        0.5 * (0..gradient.intercept.len()).map(of_output).sum::<f64>()
    }

    /// Gives a free intercept its best value beside the scores of the point, and looks again.
    pub fn settle(&mut self, here: &mut Here) -> Result<()> {
        if self.intercept != Intercept::Free {
            return Ok(());
        }
        let scale = here.objective.max(f64::MIN_POSITIVE);
        let off = here.gradient.intercept.iter().map(|g| g.abs()).sum::<f64>();
        if off <= 16.0 * UNIT_ROUNDOFF * scale {
            return Ok(());
        }
        let shift = intercept::best_shift(&self.pass.samples(), self.pass.loss(), self.pass.scores());
        here.point.intercept.iter_mut().zip(&shift).for_each(|(b, shift)| *b += shift);
        self.look(here)
    }

    /// Whether to go on from here, and if not, why. `decrease` is what the last step's model promised, for the case that
    /// no penalty tells the gap.
    pub fn verdict(
        &mut self,
        here: &Here,
        step: usize,
        decrease: f64,
        settings: &Settings,
        watch: &dyn Fn(Step) -> bool,
    ) -> Option<Stop> {
        let gap = self.gap(&here.gradient);
        let wanted = settings.gap * here.objective.abs();
        let flat = dot(&here.gradient, &here.gradient) == 0.0;
        let told = Step { step, objective: here.objective, gap, passes: self.passes };
        self.told = Some(told);
        let go_on = watch(told);
        let unpenalized = !gap.is_finite();
        if !here.objective.is_finite() || !vectors::is_finite(&here.point) {
            Some(Stop::Diverged)
        } else if gap <= wanted || flat {
            Some(Stop::Certified)
        } else if unpenalized && self.unbounded && here.objective <= VANISHED * self.first {
            Some(Stop::Diverged)
        } else if unpenalized && decrease <= LEAST_DECREASE * wanted {
            Some(Stop::Tolerance)
        } else if step >= settings.max_iter {
            Some(Stop::MaxIter)
        } else if settings.time_limit.is_some_and(|limit| self.begun.elapsed() >= limit) {
            Some(Stop::Time)
        } else if !go_on {
            Some(Stop::Interrupted)
        } else {
            None
        }
    }

    pub fn run(&self, mut here: Here, stop: Stop, steps: usize) -> Run {
        if self.centred {
            let intercept = &mut here.point.intercept;
            let mean = intercept.iter().sum::<f64>() / intercept.len().max(1) as f64;
            for b in intercept.iter_mut() {
                *b -= mean;
            }
        }
        let gap = self.gap(&here.gradient);
        let candidate = Candidate { coefficients: here.point, stop, steps };
        Run { candidate, objective: here.objective, gap, passes: self.passes }
    }

    /// Whether the time is up or the watcher wants no more, asked between the walks of one step.
    pub fn is_over(&self, settings: &Settings, watch: &dyn Fn(Step) -> bool) -> bool {
        settings.time_limit.is_some_and(|limit| self.begun.elapsed() >= limit)
            || self.told.is_some_and(|told| !watch(Step { passes: self.passes, ..told }))
    }
}
