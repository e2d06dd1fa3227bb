//! Which solver runs, and which one goes on where that crawls.

use super::{Method, Progress, SampleSettings, Start, has_kinks};
use crate::data::Samples;
use crate::error::Result;
use crate::oracle::Pass;
use crate::problem::Problem;
use crate::solver::{Candidate, Stop, dual_ascent, lbfgs, newton_cg, smooth, smoothing};
use faer::Mat;
use std::time::Instant;

/// Rounds that dual ascent may still need before another way is taken.
const PATIENCE: f64 = 1000.0;

/// Steps of L-BFGS before Newton's method takes over.
const QUICK: usize = 300;

/// Where a solver is.
#[derive(Default)]
pub(super) struct Answer {
    pub candidate: Option<Candidate>,
    pub dual: Option<Mat<f64>>,
    pub passes: f64,
    /// Another algorithm than the one that was to find it, and why.
    pub instead: Option<(Method, String)>,
}

impl From<Option<Start>> for Answer {
    fn from(start: Option<Start>) -> Self {
        let Some(Start { coefficients, dual }) = start else { return Self::default() };
        let candidate = Some(Candidate { coefficients, stop: Stop::MaxIter, steps: 0 });
        Self { candidate, dual, passes: 0.0, instead: None }
    }
}

/// What a solver needs to be run.
pub(super) struct Runner<'r, 's> {
    pub samples: &'r Samples<'s>,
    pub problem: &'r Problem,
    pub settings: &'r SampleSettings,
    pub watch: &'r (dyn Fn(Progress) -> bool + Sync),
    pub begun: Instant,
}

impl Runner<'_, '_> {
    /// Towards a gap, from an answer on.
    pub fn go_on(&self, method: Method, gap: f64, from: Answer) -> Result<Answer> {
        match method {
            Method::DualAscent | Method::Auto => self.ascend_or_round(gap, &from),
            Method::Lbfgs if self.settings.method == Method::Auto => self.descend_or_turn(gap, from),
            Method::NewtonCg | Method::Lbfgs => {
                self.descend(method, gap, from, self.settings.max_iter).map(|(answer, _)| answer)
            }
        }
    }

    fn in_time(&self) -> bool {
        self.settings.time_limit.is_none_or(|limit| self.begun.elapsed() < limit)
    }

    /// Dual ascent; where that crawls, by way of rounded kinks; and where these end too early, dual ascent all the same.
    fn ascend_or_round(&self, gap: f64, from: &Answer) -> Result<Answer> {
        let may_turn = self.settings.method == Method::Auto && has_kinks(self.problem.loss);
        let (ascent, (reached, crawls)) = self.ascend(gap, from, may_turn.then_some(PATIENCE))?;
        if !crawls {
            return Ok(ascent);
        }
        let from_zeros = Answer { passes: ascent.passes, ..Answer::default() };
        let (rounded, left) = self.descend(Method::NewtonCg, gap, from_zeros, self.settings.max_iter)?;
        let stop = rounded.candidate.as_ref().map(|at| at.stop);
        let why = "Newton-CG with kinks rounded ever less, as dual ascent crawled".to_owned();
        let rounded = Answer { instead: Some((Method::NewtonCg, why)), ..rounded };
        let (ascent, reached) = match stop {
            Some(Stop::Certified) => return Ok(rounded),
            Some(Stop::Time | Stop::Interrupted) => {
                let stopped = |at: Candidate| Candidate { stop: stop.unwrap_or(at.stop), ..at };
                (Answer { candidate: ascent.candidate.map(stopped), ..ascent }, reached)
            }
            _ => {
                let from = Answer { passes: rounded.passes, ..ascent };
                let (ascent, (reached, _)) = self.ascend(gap, &from, None)?;
                (ascent, reached)
            }
        };
        Ok(if left < reached { rounded } else { ascent })
    }

    /// Also the gap as the solver sees it, and whether its patience was over.
    fn ascend(&self, gap: f64, from: &Answer, patience: Option<f64>) -> Result<(Answer, (f64, bool))> {
        let usual = dual_ascent::Settings::default();
        let start = match (&from.dual, &from.candidate) {
            (Some(dual), Some(candidate)) => {
                Some((dual.as_ref(), candidate.coefficients.intercept.as_slice()))
            }
            _ => None,
        };
        let settings = dual_ascent::Settings {
            gap,
            max_rounds: self.settings.max_iter.unwrap_or(usual.max_rounds),
            seed: self.settings.seed,
            start,
            patience,
        };
        let go_on = |round: dual_ascent::Round| {
            let progress = Progress { step: round.round, objective: round.objective, gap: round.gap };
            (self.watch)(progress) && self.in_time()
        };
        let mut ascent = dual_ascent::ascend(self.samples, self.problem, &settings, &go_on)?;
        if ascent.candidate.stop == Stop::Interrupted && !self.in_time() {
            ascent.candidate.stop = Stop::Time;
        }
        let passes = from.passes + ascent.round.map_or(0.0, |round| round.epochs + round.round as f64);
        let reached = ascent.round.map_or(f64::INFINITY, |round| round.gap);
        let answer =
            Answer { candidate: Some(ascent.candidate), dual: Some(ascent.dual), passes, instead: None };
        Ok((answer, (reached, ascent.crawls)))
    }

    /// L-BFGS, and from where it crawls Newton's method, which asks the Hessian how columns differ in size and place.
    fn descend_or_turn(&self, gap: f64, from: Answer) -> Result<Answer> {
        let most = self.settings.max_iter.unwrap_or(usize::MAX);
        let (mut answer, _) = self.descend(Method::Lbfgs, gap, from, Some(most.min(QUICK)))?;
        let Some(taken) = answer.candidate.as_ref().filter(|at| at.stop == Stop::MaxIter && at.steps < most)
        else {
            return Ok(answer);
        };
        let steps = taken.steps;
        let left = self.settings.max_iter.map(|most| most - steps);
        answer = self.descend(Method::NewtonCg, gap, answer, left)?.0;
        answer.candidate = answer.candidate.map(|at| Candidate { steps: steps + at.steps, ..at });
        answer.instead = Some((Method::NewtonCg, "Newton-CG, as L-BFGS crawled".to_owned()));
        Ok(answer)
    }

    /// Along a gradient, so many steps at most; also the gap as the solver sees it.
    fn descend(&self, method: Method, gap: f64, from: Answer, most: Option<usize>) -> Result<(Answer, f64)> {
        let usual = newton_cg::Settings::default();
        let left = self.settings.time_limit.map(|limit| limit.saturating_sub(self.begun.elapsed()));
        let settings = newton_cg::Settings {
            gap,
            max_iter: most.unwrap_or(usual.max_iter),
            time_limit: left,
            start: from.candidate.map(|candidate| candidate.coefficients),
        };
        let watch = |step: newton_cg::Step| {
            (self.watch)(Progress { step: step.step, objective: step.objective, gap: step.gap })
        };
        if has_kinks(self.problem.loss) {
            let by = if method == Method::Lbfgs { smooth::Method::Lbfgs } else { smooth::Method::NewtonCg };
            let found = smoothing::minimize(by, self.samples, self.problem, &settings, &watch)?;
            let passes = from.passes + found.run.passes as f64;
            let (candidate, dual) = (Some(found.run.candidate), Some(found.dual));
            return Ok((Answer { candidate, dual, passes, instead: None }, found.run.gap));
        }
        let mut pass = Pass::new(*self.samples, self.problem.loss)?;
        let run = if method == Method::Lbfgs {
            lbfgs::minimize(&mut pass, self.problem, &settings, &watch)?
        } else {
            newton_cg::minimize(&mut pass, self.problem, &settings, &watch)?
        };
        let passes = from.passes + run.passes as f64;
        Ok((Answer { candidate: Some(run.candidate), dual: None, passes, instead: None }, run.gap))
    }
}
