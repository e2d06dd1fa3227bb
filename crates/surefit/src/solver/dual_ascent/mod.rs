//! Dual block ascent for hinges: row after row, the dual of one row is solved exactly and the weights follow at
//! once, as in S. S. Keerthi et al., "A sequential dual method for large scale multi-class linear SVMs", KDD 2008, and
//! S. Shalev-Shwartz and T. Zhang, "Stochastic dual coordinate ascent methods", JMLR 14 (2013).
//!
//! - Rows are visited a handful at a time in random order: the scores of a handful are one product, and what an
//!   earlier row of it changes is passed on to the later ones by their inner products. The course of the ascent is
//!   that of single rows, at the speed of a product.
//! - A *round* is some epochs over the rows that still move, then a pass over all of them: it gives the gap, and says
//!   which rows are settled and left out of the next round. A row that was left out wrongly is found by the next pass.
//! - The primal answer of a round is the mean of the weights after its epochs, which is better than any of them: the
//!   dual rises steadily, the weights dance about their optimum. Where violations are squared they come to rest instead,
//!   and the last ones are the answer.
//! - A free intercept would tie all rows together by `Σ bᵢ = 0`. It is tethered by `(ρ/2)‖b − b̂‖²` instead, and b̂ moves
//!   to b after every round: the proximal point method (R. T. Rockafellar, SIAM J. Control 14, 1976).
//!
//! With dual rows bᵢ, which are −gᵢ of [`crate::loss`], `W = Σ xᵢᵀbᵢ/(λS)` and the dual value is
//! `(1/S) Σ value(bᵢ) − (λ/2)‖W‖²`, less what the tether takes.

mod block;
mod rows;

use self::block::{Hinge, Row};
use self::rows::Store;
use crate::data::Samples;
use crate::error::{Error, Result};
use crate::loss::Targets;
use crate::num::narrow;
use crate::num::random::Random;
use crate::oracle::Pass;
use crate::problem::{Coefficients, Intercept, LossKind, Problem};
use crate::solver::{Candidate, Stop};
use faer::{Mat, MatRef};
use rayon::prelude::*;

/// Rows of a piece of the walk over all rows after a round.
const PIECE: usize = 4096;
/// A row is settled when its scores may move on as far as any did in the last round.
const SLACK: f64 = 1.0;
/// Epochs of a round: so many that they visit about this many times all rows, within the limits.
const VISITS: f64 = 2.0;
const MOST_EPOCHS: f64 = 50.0;
/// λ/ρ of a free intercept, as a share of the mean `‖xᵢ‖²`: by so much the tether makes the dual of a row steeper.
const TETHER: f64 = 0.25;
/// q of a row of zeros, whose dual goes to its bound at once.
const LEAST_CURVATURE: f64 = 1e-100;
/// What is added to the gap for the tether of a free intercept, in units of `ρ‖b − b̂‖²`.
const UNTETHERED: f64 = 2.0;

/// When to stop, and where to begin.
#[derive(Clone, Copy, Debug)]
pub struct Settings<'a> {
    /// The wanted relative gap ε.
    pub gap: f64,
    /// Rounds at most.
    pub max_rounds: usize,
    /// Of the order of rows.
    pub seed: u64,
    /// A dual point G, n × c, and an intercept to begin with, as of an [`Ascent`] with another penalty.
    pub start: Option<(MatRef<'a, f64>, &'a [f64])>,
    /// Give up where, going on like that, more rounds than these would be left.
    pub patience: Option<f64>,
}

impl Default for Settings<'_> {
    fn default() -> Self {
        Self { gap: 1e-4, max_rounds: 10_000, seed: 0, start: None, patience: None }
    }
}

/// What is known after a round.
#[derive(Clone, Copy, Debug)]
pub struct Round {
    /// From 1 on.
    pub round: usize,
    /// Visits of rows so far, in units of all rows.
    pub epochs: f64,
    /// The objective at the best answer so far.
    pub objective: f64,
    /// How far above the optimum it is, as the solver sees it.
    pub gap: f64,
    /// Rows that still move.
    pub active: usize,
}

/// An answer with the dual point that proves it.
#[derive(Clone, Debug)]
pub struct Ascent {
    /// The best primal answer; its steps are rounds.
    pub candidate: Candidate,
    /// n × c: G, of the form of a gradient, as [`crate::loss::Loss::conjugate`] takes it.
    pub dual: Mat<f64>,
    /// The last round.
    pub round: Option<Round>,
    /// Whether it was given up.
    pub crawls: bool,
}

/// Whether that loss is a hinge whose dual this solver knows.
pub fn takes(loss: LossKind) -> bool {
    Hinge::of(loss).is_some()
}

/// Solves a problem with a hinge: Weston–Watkins and one against the rest, plain or squared, or Crammer–Singer. `go_on` is told of every
/// round and ends the ascent by answering false.
///
/// # Errors
/// A loss that is no hinge, a column without a penalty, or sizes of the start that do not match.
pub fn ascend(
    samples: &Samples<'_>,
    problem: &Problem,
    settings: &Settings<'_>,
    go_on: &(dyn Fn(Round) -> bool + Sync),
) -> Result<Ascent> {
    check_start(samples, settings)?;
    let mut climb = Climb::new(samples, problem, settings)?;
    let (mut stop, mut last, mut crawls) = (Stop::MaxIter, None, false);
    let mut course = Course::default();
    for round in 1..=settings.max_rounds {
        climb.round();
        let told = climb.look(round);
        last = Some(told);
        if told.gap <= settings.gap * told.objective {
            stop = Stop::Certified;
            break;
        }
        if !go_on(told) {
            stop = Stop::Interrupted;
            break;
        }
        let left = course.left(told.gap, settings.gap * told.objective);
        if settings.patience.is_some_and(|patience| left > patience) {
            crawls = true;
            break;
        }
    }
    Ok(climb.finish(stop, last, crawls))
}

/// How the gap fell so far.
#[derive(Default)]
struct Course {
    /// The smallest gap until each round.
    gaps: Vec<f64>,
}

impl Course {
    /// Rounds before which nothing is said.
    const FIRST: usize = 64;

    /// Takes in the next gap, and says how many rounds are left until one of `wanted` if it goes on to fall as a power of the
    /// rounds, like from half of them to now.
    fn left(&mut self, gap: f64, wanted: f64) -> f64 {
        // `min` passes over NaN.
        self.gaps.push(self.gaps.last().map_or(gap, |least| least.min(gap)));
        let rounds = self.gaps.len();
        if rounds < Self::FIRST {
            return 0.0;
        }
        let (Some(now), Some(before)) = (self.gaps.last(), self.gaps.get(rounds / 2 - 1)) else { return 0.0 };
        let power = (before / now).log2();
        let left = rounds as f64 * ((now / wanted).powf(1.0 / power) - 1.0);
        // No number where nothing fell, or nothing is finite.
        if power > 0.0 && !left.is_nan() { left } else { f64::INFINITY }
    }
}

/// Refuses a start of other sizes.
fn check_start(samples: &Samples<'_>, settings: &Settings<'_>) -> Result<()> {
    let (n, c) = (samples.x.rows(), samples.outputs);
    match settings.start {
        Some((dual, intercept)) if (dual.nrows(), dual.ncols(), intercept.len()) != (n, c, c) => {
            Err(usage(format!("a start of {} × {} for {n} rows and {c} outputs", dual.nrows(), dual.ncols())))
        }
        _ => Ok(()),
    }
}

/// The state of an ascent.
struct Climb<'a> {
    hinge: Hinge,
    samples: Samples<'a>,
    classes: &'a [u32],
    pass: Pass<'a>,
    /// λS W, of columns over the roots of their penalty factors.
    store: Box<dyn Store + 'a>,
    bias: Bias,
    lambda: f64,
    /// 1/(λS).
    scale: f64,
    /// Σ s.
    total: f64,
    /// n: `‖xᵢ‖²`.
    squares: Vec<f64>,
    /// n × c: b.
    dual: Vec<f64>,
    /// n × c: the scores at the last look; half the digits are enough to tell whether one moved.
    scores: Vec<f32>,
    active: Vec<u32>,
    /// Of the next round.
    epochs: usize,
    visits: f64,
    /// The mean over the epochs of a round, or the last, of λS W and of the intercept.
    course: (Vec<f64>, Vec<f64>),
    random: Random,
    best: Option<(f64, Coefficients)>,
    /// The best dual value.
    bound: f64,
}

/// The intercept and its tether.
struct Bias {
    /// Σ bᵢ.
    sums: Vec<f64>,
    /// b̂.
    center: Vec<f64>,
    /// ρ; infinite where there is no intercept.
    tether: f64,
    /// 1/(ρS).
    leash: f64,
    free: bool,
}

impl Bias {
    fn new(intercept: Intercept, outputs: usize, lambda: f64, total: f64, mean_square: f64) -> Self {
        let tether = match intercept {
            Intercept::Absent => f64::INFINITY,
            Intercept::Free if mean_square > 0.0 => lambda / (TETHER * mean_square),
            Intercept::Penalized | Intercept::Free => lambda,
        };
        Self {
            sums: vec![0.0; outputs],
            center: vec![0.0; outputs],
            tether,
            leash: 1.0 / (tether * total),
            free: intercept == Intercept::Free,
        }
    }

    /// b = b̂ + Σ bᵢ/(ρS).
    fn values(&self) -> impl Iterator<Item = f64> + '_ {
        self.center.iter().zip(&self.sums).map(|(center, sum)| center + sum * self.leash)
    }

    /// What the tether takes from the dual value: `b̂·r + ‖r‖²/(2ρ)`, r = Σ bᵢ/S.
    fn share_of_dual(&self, total: f64) -> f64 {
        let pairs = self.center.iter().zip(&self.sums);
        pairs.map(|(center, sum)| (center + 0.5 * sum * self.leash) * sum).sum::<f64>() / total
    }

    /// The penalty of a penalised intercept.
    fn penalty(&self, values: &[f64]) -> f64 {
        if self.free || self.leash == 0.0 { 0.0 } else { 0.5 * self.tether * squared(values.iter().copied()) }
    }

    /// What the tether of a free intercept may have lifted the dual value above the optimum by, and b̂ moves to b.
    fn follow(&mut self) -> f64 {
        if !self.free {
            return 0.0;
        }
        let values: Vec<f64> = self.values().collect();
        let moved = squared(values.iter().zip(&self.center).map(|(b, center)| b - center));
        self.center = values;
        UNTETHERED * self.tether * moved
    }
}

impl<'a> Climb<'a> {
    fn new(samples: &Samples<'a>, problem: &Problem, settings: &Settings<'_>) -> Result<Self> {
        let (Some(hinge), Targets::Classes(classes)) = (Hinge::of(problem.loss), samples.targets) else {
            return Err(usage(format!("dual ascent is for hinges, and the loss is {}", problem.loss.name())));
        };
        let (n, d, c) = (samples.x.rows(), samples.x.columns(), samples.outputs);
        let (lambda, total) = (problem.penalty.lambda, samples.total_weight());
        if let Some(column) = (0..d).find(|j| problem.penalty.weight(*j) <= 0.0) {
            return Err(usage(format!(
                "dual ascent needs a penalty on every column, and column {} has none",
                column + 1
            )));
        }
        let rows = u32::try_from(n)
            .map_err(|_| usage(format!("dual ascent takes up to 2³² rows, and these are {n}")))?;
        let store = rows::store(&samples.x, c, problem.penalty.factors.as_deref());
        let squares = store.squares();
        let counts = (0..n).filter(|i| samples.weight(*i) > 0.0);
        let (sum, count) = counts.fold((0.0, 0.0), |(sum, count), i| (sum + squares[i], count + 1.0));
        let mean_square = sum / count;
        let mut climb = Self {
            hinge,
            classes,
            pass: Pass::new(*samples, problem.loss)?,
            bias: Bias::new(problem.intercept, c, lambda, total, mean_square),
            lambda,
            scale: 1.0 / (lambda * total),
            total,
            squares,
            dual: vec![0.0; n * c],
            scores: vec![0.0; n * c],
            active: (0..rows)
                .zip(0..n)
                .filter(|(_, i)| samples.weight(*i) > 0.0)
                .map(|(row, _)| row)
                .collect(),
            epochs: 1,
            visits: 0.0,
            course: (Vec::new(), vec![0.0; c]),
            random: Random(settings.seed),
            best: None,
            bound: f64::NEG_INFINITY,
            samples: *samples,
            store,
        };
        if let Some(start) = settings.start {
            climb.begin(start);
        }
        Ok(climb)
    }

    /// Takes up a dual point.
    fn begin(&mut self, (dual, intercept): (MatRef<'_, f64>, &[f64])) {
        let c = self.samples.outputs;
        if self.bias.free {
            self.bias.center.copy_from_slice(intercept);
        }
        for rows in self.active.chunks(self.store.handful()) {
            let mut changes = Vec::with_capacity(rows.len() * c);
            for &row in rows {
                let i = place(row);
                let own = &mut self.dual[i * c..(i + 1) * c];
                own.iter_mut()
                    .zip(dual.row(i).iter())
                    .for_each(|(b, g)| *b = if g.is_finite() { -g } else { 0.0 });
                self.hinge.project(own, place(self.classes[i]), self.samples.weight(i));
                self.bias.sums.iter_mut().zip(own.iter()).for_each(|(sum, b)| *sum += b);
                changes.extend_from_slice(own);
            }
            self.store.follow(rows, &changes);
        }
    }

    /// Some epochs over the active rows.
    fn round(&mut self) {
        let mut active = std::mem::take(&mut self.active);
        self.course.0.clear();
        self.course.0.resize(self.store.kept().len(), 0.0);
        self.course.1.fill(0.0);
        let counted = if self.hinge.is_smooth() { 1 } else { self.epochs };
        let share = 1.0 / counted as f64;
        for epoch in 1..=self.epochs {
            self.random.shuffle(&mut active);
            self.epoch(&active);
            if epoch > self.epochs - counted {
                self.course.0.iter_mut().zip(self.store.kept()).for_each(|(mean, w)| *mean += w * share);
                self.course.1.iter_mut().zip(self.bias.values()).for_each(|(mean, b)| *mean += b * share);
            }
        }
        self.visits += (self.epochs * active.len()) as f64 / self.samples.x.rows() as f64;
        self.active = active;
    }

    /// Every active row once.
    fn epoch(&mut self, active: &[u32]) {
        let (c, size) = (self.samples.outputs, self.store.handful());
        let mut scratch = Scratch {
            z: vec![0.0; size * c],
            changes: vec![0.0; size * c],
            inner: vec![0.0; size],
            room: Vec::new(),
        };
        let mut rest = active;
        while let Some((rows, next)) =
            rest.split_at_checked(size.min(rest.len())).filter(|(rows, _)| !rows.is_empty())
        {
            rest = next;
            self.visit(rows, &next[..size.min(next.len())], &mut scratch);
        }
    }

    /// A handful of rows, one after the other.
    fn visit(&mut self, rows: &[u32], next: &[u32], scratch: &mut Scratch) {
        let c = self.samples.outputs;
        let Scratch { z, changes, inner, room } = scratch;
        let (z, changes) = (&mut z[..rows.len() * c], &mut changes[..rows.len() * c]);
        z.fill(0.0);
        self.store.add_scores(rows, next, z);
        for z in z.chunks_exact_mut(c) {
            z.iter_mut().zip(self.bias.values()).for_each(|(z, b)| *z = *z * self.scale + b);
        }
        let mut any = false;
        for (at, &row) in rows.iter().enumerate() {
            let i = place(row);
            let (own, later) = z.split_at_mut((at + 1) * c);
            let mut row = Row {
                scores: &own[at * c..],
                dual: &mut self.dual[i * c..(i + 1) * c],
                class: place(self.classes[i]),
                weight: self.samples.weight(i),
                curvature: (self.squares[i] * self.scale + self.bias.leash).max(LEAST_CURVATURE),
            };
            let change = &mut changes[at * c..(at + 1) * c];
            if !self.hinge.solve(&mut row, change, room) {
                continue;
            }
            any = true;
            self.bias.sums.iter_mut().zip(change.iter()).for_each(|(sum, change)| *sum += change);
            let inner = &mut inner[..rows.len() - at - 1];
            self.store.inner(rows, at, inner);
            for (z, inner) in later.chunks_exact_mut(c).zip(inner.iter()) {
                let factor = inner * self.scale + self.bias.leash;
                z.iter_mut().zip(change.iter()).for_each(|(z, change)| *z += factor * change);
            }
        }
        if any {
            self.store.follow(rows, changes);
        }
    }

    /// A pass over all rows at the round's answer: objective and bound, and who is settled.
    fn look(&mut self, round: usize) -> Round {
        let at = Coefficients {
            weights: self.store.weights_of(&self.course.0, self.scale),
            intercept: self.course.1.clone(),
        };
        let loss = self.pass.score(&at);
        let square = |numbers: &[f64], scale: f64| squared(numbers.iter().map(|w| w * scale));
        let penalty = 0.5 * self.lambda * square(&self.course.0, self.scale);
        let objective = loss + penalty + self.bias.penalty(&at.intercept);
        let (value, moved) = self.compare();
        let bound = value / self.total
            - 0.5 * self.lambda * square(self.store.kept(), self.scale)
            - self.bias.share_of_dual(self.total)
            - self.bias.follow();
        // A bound that was lifted by a tether elsewhere says nothing.
        self.bound = if self.bias.free { bound } else { self.bound.max(bound) };
        if self.best.as_ref().is_none_or(|(best, _)| objective < *best) {
            self.best = Some((objective, at));
        }
        self.sort_out(SLACK * moved);
        let best = self.best.as_ref().map_or(objective, |(best, _)| *best);
        let gap = (best - self.bound).max(0.0);
        Round { round, epochs: self.visits, objective: best, gap, active: self.active.len() }
    }

    /// The part of the dual value that is a sum over rows, and how far any score moved since the last look.
    fn compare(&mut self) -> (f64, f64) {
        let c = self.samples.outputs;
        let Self { hinge, pass, dual, scores, classes, samples, .. } = self;
        let now = pass.kept();
        let piece = PIECE * c;
        let part = |(k, (now, dual, old)): (usize, Piece<'_>)| {
            let rows = dual.chunks_exact(c).zip(k * PIECE..).filter(|(_, i)| samples.weight(*i) > 0.0);
            let of_row = |(dual, i): (&[f64], usize)| hinge.value(dual, place(classes[i]), samples.weight(i));
            let value = rows.map(of_row).sum::<f64>();
            let mut moved: f64 = 0.0;
            for (old, now) in old.iter_mut().zip(now) {
                moved = moved.max((now - f64::from(*old)).abs());
                *old = narrow(*now);
            }
            (value, moved)
        };
        let pieces = (now.par_chunks(piece), dual.par_chunks(piece), scores.par_chunks_mut(piece));
        let parts: Vec<(f64, f64)> = pieces.into_par_iter().enumerate().map(part).collect();
        parts.iter().fold((0.0, 0.0), |(value, moved), part| (value + part.0, f64::max(moved, part.1)))
    }

    /// Who still moves, and how often the next round visits them.
    fn sort_out(&mut self, slack: f64) {
        let (n, c) = (self.samples.x.rows(), self.samples.outputs);
        let Self { hinge, pass, dual, classes, samples, .. } = self;
        let moves = |row: &u32| {
            let i = place(*row);
            let (s, own) = (samples.weight(i), i * c..(i + 1) * c);
            s > 0.0 && !hinge.is_settled(&pass.kept()[own.clone()], &dual[own], place(classes[i]), s, slack)
        };
        let rows = u32::try_from(n).unwrap_or(u32::MAX);
        self.active = (0..rows).into_par_iter().filter(moves).collect();
        let share = self.active.len() as f64 / n as f64;
        let wanted = (VISITS / share).ceil().clamp(1.0, MOST_EPOCHS);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "within the limits")]
        let epochs = wanted as usize;
        self.epochs = epochs;
    }

    fn finish(self, stop: Stop, round: Option<Round>, crawls: bool) -> Ascent {
        let (n, d, c) = (self.samples.x.rows(), self.samples.x.columns(), self.samples.outputs);
        let nothing = || Coefficients { weights: Mat::zeros(d, c), intercept: vec![0.0; c] };
        let coefficients = self.best.map_or_else(nothing, |(_, at)| at);
        let steps = round.map_or(0, |round| round.round);
        let dual = Mat::from_fn(n, c, |i, k| -self.dual[i * c + k]);
        Ascent { candidate: Candidate { coefficients, stop, steps }, dual, round, crawls }
    }
}

/// Scores, dual rows and earlier scores of some rows.
type Piece<'a> = (&'a [f64], &'a [f64], &'a mut [f32]);

/// Scratch space of a handful of rows.
struct Scratch {
    z: Vec<f64>,
    changes: Vec<f64>,
    inner: Vec<f64>,
    room: Vec<f64>,
}

/// Σ v².
fn squared(numbers: impl Iterator<Item = f64>) -> f64 {
    numbers.map(|v| v * v).sum()
}

/// A number of a row or a class as a place.
#[inline]
fn place(number: u32) -> usize {
    number as usize
}

fn usage(what: String) -> Error {
    Error::Usage { what, hint: "use another solver for this problem".to_owned() }
}

#[cfg(test)]
mod tests;
