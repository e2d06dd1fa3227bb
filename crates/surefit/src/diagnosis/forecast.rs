//! How gradient descent will go, from the data alone, before it starts.
//!
//! The objective is quadratic, so along every eigenvector of its Hessian the error shrinks by the same factor
//! `1 − ηλᵢ` in every step, whatever the others do. Hence with aᵢ the share of direction i in `f₀ − f*`:
//!
//! ```text
//! fₖ − f* = Σ aᵢ (1 − ηλᵢ)²ᵏ          converges iff η < 2/L, L the largest eigenvalue
//! ```
//!
//! and the step at which a stop rule will be met follows by bisection, since `fₖ₋₁ − fₖ` only falls. The count
//! is exact to the step until rounding shows, and says when that is.
//!
//! The Hessian is that of intercept and coefficients together. In the eigenbasis of the *centred* second
//! moments it is a diagonal plus an update of rank one by the column means (`num::eigen`), so an
//! offset of a million spreads costs its smallest eigenvalue no digit.
//!
//! **Rounding.** With u = 2⁻⁵³, θ* the optimum and `T = Σ |wⱼ| rms(xⱼ) + |b| + rms(y)` there, a step rounds θ by up
//! to u‖θ*‖ and the gradient by about 2uT·rms(x), so descent comes to rest where the gradient is as small as
//! that: up to `½ u² (‖θ*‖²/η² + 4T² Σ λᵢ)/μ` above f*. Every residual is off by about uT, and the loss by that times
//! their size. What is offered as a way out leaves room for both.

use crate::data::moments::Moments;
use crate::data::products::Directions;
use crate::num::UNIT_ROUNDOFF;
use crate::num::eigen::{self, Pair};
use crate::problem::{Intercept, LossKind, Problem};
use crate::solver::Stop;
use faer::Mat;

/// A direction whose curvature is below so many roundings of its columns' own is flat.
const FLAT: f64 = 16.0;
/// Roundings of the objective in the worst of many differences `fₖ₋₁ − fₖ`.
const NOISE: f64 = 16.0;
/// An optimum is known from the moments up to so many roundings of the objective of the start.
const LOST: f64 = 400.0;
/// No run is longer; a count beyond it means never.
const FOREVER: u64 = 1 << 53;

/// The curvature of a least-squares objective in every direction, and how far the start is from the optimum
/// along each. The objective is `½ mean (z − y)² + ½ Σ λⱼ wⱼ²`, summed over outputs.
#[derive(Clone, Debug)]
pub struct Spectrum {
    eigenvalues: Vec<f64>,
    shares: Vec<f64>,
    optimum: f64,
    /// The total weight of the rows: the sum of squares is so much larger than its mean.
    weight: f64,
    /// ‖θ*‖ over all outputs.
    size: f64,
    /// T, the root of its sum of squares over outputs.
    terms: f64,
    slowest: Vec<f64>,
    steepest: Vec<f64>,
}

/// How a run will end.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Forecast {
    /// Tolerance, iteration limit or divergence.
    pub stop: Stop,
    /// At this step.
    pub steps: u64,
    /// The objective there; infinite when it diverges.
    pub loss: f64,
    /// The objective there minus the optimum.
    pub gap: f64,
    /// The learning rate is at 2/L or above it.
    pub diverges: bool,
    /// By so many steps the rounding of the objective can move the end; 0 means exact to the step.
    pub uncertain: u64,
}

impl Spectrum {
    /// From the moments of the data in the units in which descent works, the problem in the same units, and
    /// the start in the order of [`crate::solver::gradient_descent::Settings::start`].
    ///
    /// Absent when the loss is not the squared one, the moments are beyond the range of `f64`, or the start has
    /// another length.
    pub fn of(moments: &Moments, problem: &Problem, start: Option<&[f64]>) -> Option<Self> {
        let width = moments.shape.columns + usize::from(problem.intercept != Intercept::Absent);
        if start.is_some_and(|start| start.len() != width * moments.shape.outputs) {
            return None;
        }
        let zeros = || vec![0.0; width * moments.shape.outputs];
        let start = start.map_or_else(zeros, <[f64]>::to_vec);
        let starts: Vec<&[f64]> = start.chunks(width.max(1)).collect();
        Some(Builder::new(moments, problem, &starts)?.build(&starts))
    }

    /// The same with a better value of the optimum, as the exact solver gives it: the moments alone lose the
    /// digits that a close fit cancels. What it lies below theirs by more than rounding is to be had in the directions
    /// that are flat to them alone, where no step of descent comes near it.
    #[must_use]
    pub fn with_optimum(mut self, optimum: f64) -> Self {
        let (beyond, whole) = (self.optimum - optimum, self.optimum + self.shares.iter().sum::<f64>());
        let flat = self.eigenvalues.iter().position(|value| *value == 0.0);
        if let Some(share) = flat.and_then(|flat| self.shares.get_mut(flat))
            && beyond > LOST * UNIT_ROUNDOFF * whole
        {
            *share += beyond;
        }
        self.optimum = optimum;
        self
    }

    /// Whether a direction does not bend, as far as the moments tell.
    pub fn has_flat(&self) -> bool {
        self.eigenvalues.first() == Some(&0.0)
    }

    /// The eigenvalues of the Hessian of one output, ascending; flat directions are exactly 0. Where rows are fewer than
    /// columns, one stands for all directions in which neither rows nor start reach.
    pub fn eigenvalues(&self) -> &[f64] {
        &self.eigenvalues
    }

    /// L, the largest eigenvalue.
    pub fn largest(&self) -> f64 {
        self.eigenvalues.last().copied().unwrap_or(0.0)
    }

    /// μ, the smallest eigenvalue above 0.
    pub fn smallest(&self) -> f64 {
        self.eigenvalues.iter().copied().find(|&value| value > 0.0).unwrap_or(0.0)
    }

    /// κ = L/μ; 1 when nothing is curved.
    pub fn condition(&self) -> f64 {
        if self.smallest() > 0.0 { self.largest() / self.smallest() } else { 1.0 }
    }

    /// f*, the smallest value of the objective.
    pub fn optimum(&self) -> f64 {
        self.optimum
    }

    /// The unit direction of L: the intercept's entry first, when there is one, then the columns'.
    pub fn steepest(&self) -> &[f64] {
        &self.steepest
    }

    /// The unit direction of μ, in the same order.
    pub fn slowest(&self) -> &[f64] {
        &self.slowest
    }

    /// The learning rate from which on descent diverges, 2/L.
    pub fn limit(&self) -> f64 {
        2.0 / self.largest()
    }

    /// The learning rate with the best factor a step, 2/(L + μ).
    pub fn best_rate(&self) -> f64 {
        2.0 / (self.largest() + self.smallest())
    }

    /// By how much the error along the steepest direction grows in a step, |1 − ηL|.
    pub fn growth(&self, rate: f64) -> f64 {
        self.growth_along(rate, self.largest())
    }

    /// The part of its error that a direction of curvature `value` keeps in a step, |1 − ηλ|.
    pub fn growth_along(&self, rate: f64, value: f64) -> f64 {
        (1.0 - rate * value).abs()
    }

    /// Whether descent at this rate comes to rest.
    pub fn converges(&self, rate: f64) -> bool {
        rate * self.largest() < 2.0
    }

    /// `fₖ − f*`.
    pub fn gap_after(&self, rate: f64, steps: u64) -> f64 {
        self.directions().map(|(value, share)| share * squared_factor(rate * value, steps)).sum()
    }

    /// fₖ.
    pub fn loss_after(&self, rate: f64, steps: u64) -> f64 {
        self.optimum + self.gap_after(rate, steps)
    }

    /// `fₖ₋₁ − fₖ` for k ≥ 1; it falls from step to step, below 0 when descent diverges.
    pub fn decrease(&self, rate: f64, step: u64) -> f64 {
        let of_direction = |(value, share): (f64, f64)| {
            let (speed, before) = (rate * value, step.saturating_sub(1));
            share * squared_factor(speed, before) * (speed * (2.0 - speed))
        };
        self.directions().map(of_direction).sum()
    }

    /// The first step with `fₖ − f* ≤ gap`; absent when there is none.
    pub fn steps_to_gap(&self, rate: f64, gap: f64) -> Option<u64> {
        if self.gap_after(rate, 0) <= gap {
            return Some(0);
        }
        if !self.converges(rate) {
            return None;
        }
        first_step(|step| self.gap_after(rate, step) <= gap)
    }

    /// The gap to aim at so that `gap` is reached in spite of rounding; absent where rounding alone can leave a
    /// hundredth of it.
    pub fn aim(&self, rate: f64, gap: f64) -> Option<f64> {
        let (whole, rest) = (gap.sqrt(), self.rest(rate).sqrt());
        (rest <= 0.1 * whole && gap > 0.0).then_some((whole - rest) * (whole - rest))
    }

    /// How far above f* the rounding of its steps can bring descent to rest.
    pub fn rest(&self, rate: f64) -> f64 {
        let slowest = self.smallest();
        if slowest == 0.0 {
            return 0.0;
        }
        let trace: f64 = self.eigenvalues.iter().sum();
        let (step, slope) = (self.size / rate, 2.0 * self.terms * trace.sqrt());
        0.5 * UNIT_ROUNDOFF * UNIT_ROUNDOFF * (step * step + slope * slope) / slowest
    }

    /// How far the rounding of coefficients and scores can move the objective at the optimum, ½ (uT)².
    pub fn rounding_of_scores(&self) -> f64 {
        0.5 * (UNIT_ROUNDOFF * self.terms).powi(2)
    }

    /// The first step at which the gap is `gap` in spite of rounding; absent when there is none.
    pub fn steps_to_reach(&self, rate: f64, gap: f64) -> Option<u64> {
        self.steps_to_gap(rate, self.aim(rate, gap)?)
    }

    /// What rounding adds to the worst of many differences `fₖ₋₁ − fₖ` where the objective is `loss`.
    pub fn noise(&self, loss: f64) -> f64 {
        let of_residuals = UNIT_ROUNDOFF * self.terms;
        NOISE * UNIT_ROUNDOFF * loss.abs()
            + 2.0 * of_residuals * (2.0 * loss.abs()).sqrt()
            + 4.0 * of_residuals * of_residuals
    }

    /// The first step with `fₖ − f* ≤ ε f*`; absent when there is none.
    pub fn steps_to_relative_gap(&self, rate: f64, epsilon: f64) -> Option<u64> {
        self.steps_to_gap(rate, epsilon * self.optimum)
    }

    /// The first step with `|fₖ − fₖ₋₁| ≤ tolerance`; absent when there is none.
    pub fn steps_to_tolerance(&self, rate: f64, tolerance: f64) -> Option<u64> {
        let step = first_step(|step| self.decrease(rate, step) <= tolerance)?;
        (self.decrease(rate, step) >= -tolerance).then_some(step)
    }

    /// The largest loss of which the sum of squares over the rows is a number.
    fn ceiling(&self) -> f64 {
        f64::MAX / (2.0 * self.weight).max(1.0)
    }

    /// Whether the loss of the start is a number.
    pub fn starts_finite(&self) -> bool {
        self.optimum.is_finite()
            && self.shares.iter().all(|share| share.is_finite())
            && self.shares.iter().sum::<f64>() + self.optimum <= self.ceiling()
    }

    /// About the step at which a diverging objective overflows, which is when its sum of squares does; 0 when that of
    /// the start does, absent when it converges.
    pub fn steps_to_overflow(&self, rate: f64) -> Option<u64> {
        if !self.starts_finite() {
            return Some(0);
        }
        if self.converges(rate) {
            return None;
        }
        // Rounding excites a direction in which the start has no error.
        let seed = (UNIT_ROUNDOFF * UNIT_ROUNDOFF * self.loss_after(rate, 0)).max(f64::MIN_POSITIVE);
        let rest = |(value, share): (f64, f64)| {
            let growth = 2.0 * log_factor(rate * value);
            let steps = (self.ceiling().ln() - share.max(seed).ln()) / growth;
            if growth > 0.0 { steps.max(1.0) } else { f64::INFINITY }
        };
        let steps = self.eigenvalues.iter().copied().zip(self.shares.iter().copied()).map(rest);
        whole(steps.fold(f64::INFINITY, f64::min).ceil())
    }

    /// The loosest tolerance at which descent stops with `fₖ − f* ≤ gap` in spite of rounding, rounded down to two
    /// digits, and the step at which it then stops. Absent when no tolerance does it.
    pub fn tolerance_for_gap(&self, rate: f64, gap: f64) -> Option<(f64, u64)> {
        let steps = self.steps_to_reach(rate, gap)?.max(1);
        // Rounding can make a change that is larger look like the tolerance.
        let change = self.decrease(rate, steps) - self.noise(self.optimum + gap);
        let tolerance = round_down(change, 2);
        let stops = self.steps_to_tolerance(rate, tolerance)?;
        (tolerance > 0.0 && self.gap_after(rate, stops) <= gap).then_some((tolerance, stops))
    }

    /// How a run with these settings will end.
    pub fn forecast(&self, rate: f64, tolerance: f64, max_iter: u64) -> Forecast {
        let by_tolerance = self.steps_to_tolerance(rate, tolerance).map(|steps| (Stop::Tolerance, steps));
        let by_tolerance = by_tolerance.filter(|_| self.starts_finite());
        let by_overflow = self.steps_to_overflow(rate).map(|steps| (Stop::Diverged, steps));
        let ends = by_tolerance.or(by_overflow).filter(|(_, steps)| *steps <= max_iter);
        let (stop, steps) = ends.unwrap_or((Stop::MaxIter, max_iter));
        let (loss, gap) = match stop {
            Stop::Diverged => (f64::INFINITY, f64::INFINITY),
            _ => (self.loss_after(rate, steps), self.gap_after(rate, steps)),
        };
        let uncertain = if self.converges(rate) && stop != Stop::Diverged {
            self.uncertainty(rate, tolerance, max_iter)
        } else {
            0
        };
        Forecast { stop, steps, loss, gap, diverges: !self.converges(rate), uncertain }
    }

    /// By how many steps the rounding of the objective can move the end by tolerance. One difference is off by
    /// a few u·f, but the end comes at the first that is small enough: the worst of many.
    fn uncertainty(&self, rate: f64, tolerance: f64, max_iter: u64) -> u64 {
        let end = self.steps_to_tolerance(rate, tolerance);
        let noise = self.noise(self.loss_after(rate, end.unwrap_or(max_iter).min(max_iter)));
        let (late, early) = (tolerance - noise, tolerance + noise);
        let early = self.steps_to_tolerance(rate, early).unwrap_or(FOREVER).min(max_iter);
        let late = if late > 0.0 { self.steps_to_tolerance(rate, late) } else { None };
        let late = late.unwrap_or(FOREVER).min(max_iter);
        let end = end.unwrap_or(FOREVER).min(max_iter);
        (end - early.min(end)).max(late.max(end) - end)
    }

    /// The directions in which the start has an error, with their eigenvalues and shares.
    fn directions(&self) -> impl Iterator<Item = (f64, f64)> {
        self.eigenvalues.iter().copied().zip(self.shares.iter().copied()).filter(|(_, share)| *share > 0.0)
    }
}

/// ln |1 − s|, accurate where s is near 0 or 2.
fn log_factor(speed: f64) -> f64 {
    if speed < 1.0 { (-speed).ln_1p() } else { (speed - 2.0).ln_1p() }
}

/// (1 − s)²ᵏ.
fn squared_factor(speed: f64, steps: u64) -> f64 {
    if steps == 0 { 1.0 } else { (2.0 * steps as f64 * log_factor(speed)).exp() }
}

/// The first step from 1 on that is `done`, for a property that stays once it holds.
fn first_step(done: impl Fn(u64) -> bool) -> Option<u64> {
    let mut far = 1u64;
    while !done(far) {
        far = far.checked_mul(2).filter(|&far| far <= FOREVER)?;
    }
    let mut near = far / 2;
    while far - near > 1 {
        let middle = near + (far - near) / 2;
        if done(middle) { far = middle } else { near = middle }
    }
    Some(far)
}

/// A count from a whole, non-negative number; absent when it is beyond any run.
fn whole(steps: f64) -> Option<u64> {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 ≤ steps ≤ 2⁵³ is checked")]
    (0.0..=FOREVER as f64).contains(&steps).then_some(steps as u64)
}

/// The largest decimal with `digits` digits that is not above a positive value.
pub(crate) fn round_down(value: f64, digits: i32) -> f64 {
    round_to(value, digits, -1)
}

/// The smallest decimal with `digits` digits that is not below a positive value.
pub(crate) fn round_up(value: f64, digits: i32) -> f64 {
    round_to(value, digits, 1)
}

fn round_to(value: f64, digits: i32, side: i8) -> f64 {
    if !(value > 0.0 && value.is_finite()) {
        return value;
    }
    let places = usize::try_from(digits - 1).unwrap_or(0);
    let nearest: f64 = format!("{value:.places$e}").parse().unwrap_or(value);
    if (side < 0 && nearest <= value) || (side > 0 && nearest >= value) {
        return nearest;
    }
    // One unit of the last digit over; the sum is read back through text to be that decimal.
    let unit = 10f64.powi(exponent(value) - digits + 1);
    let moved = nearest + f64::from(side) * unit;
    format!("{moved:.places$e}").parse().unwrap_or(value)
}

/// The decimal exponent, as it is printed.
fn exponent(value: f64) -> i32 {
    let text = format!("{value:e}");
    text.split_once('e').and_then(|(_, exponent)| exponent.parse().ok()).unwrap_or(0)
}

/// The Hessian in the eigenbasis V of the centred moments: `diag(curvature) + zzᵀ`, with `z = (1, Vᵀx̄)`.
struct Builder<'a> {
    moments: &'a Moments,
    problem: &'a Problem,
    basis: Mat<f64>,
    /// For every basis direction (the intercept first, when there is one) its diagonal entry.
    curvature: Vec<f64>,
    /// z.
    offset: Vec<f64>,
    has_intercept: bool,
}

impl<'a> Builder<'a> {
    /// `starts` holds the point of every output, in terms of intercept and columns.
    fn new(moments: &'a Moments, problem: &'a Problem, starts: &[&[f64]]) -> Option<Self> {
        if problem.loss != LossKind::Squared {
            return None;
        }
        let d = moments.shape.columns;
        // The squares of the means enter the Hessian.
        let finite = |value: f64| (value * value).is_finite();
        let all = moments.mean_x.iter().chain(&moments.mean_y).all(|&mean| finite(mean))
            && moments.syy.iter().all(|square| square.is_finite());
        if !all {
            return None;
        }
        let ridge: Vec<f64> = (0..d).map(|j| problem.penalty.weight(j)).collect();
        let weights = starts.iter().map(|start| &start[start.len() - d..]);
        let marks: Vec<&[f64]> = std::iter::once(&moments.mean_x[..]).chain(weights).collect();
        let Directions { vectors, values } = moments.sxx.directions(moments.total_weight, &ridge, &marks)?;
        let own: Vec<f64> = (0..d).map(|j| moments.sxx.square(j) / moments.total_weight + ridge[j]).collect();
        let flat = (0..values.len()).map(|i| flatness(moments, &own, &vectors, i));
        let cut = values.iter().zip(flat).map(|(&value, flat)| if value <= flat { 0.0 } else { value });
        let along = (0..values.len()).map(|i| dot(vectors.col_as_slice(i), &moments.mean_x));
        let (first, one) = match problem.intercept {
            Intercept::Absent => (None, None),
            Intercept::Free => (Some(0.0), Some(1.0)),
            Intercept::Penalized => (Some(problem.penalty.lambda), Some(1.0)),
        };
        let curvature = first.into_iter().chain(cut).collect();
        let offset = one.into_iter().chain(along).collect();
        let has_intercept = first.is_some();
        Some(Self { moments, problem, curvature, offset, has_intercept, basis: vectors })
    }

    fn build(&self, starts: &[&[f64]]) -> Spectrum {
        let outputs: Vec<Output> =
            starts.iter().enumerate().map(|(k, start)| self.output(start, k)).collect();
        let mut out = Spectrum {
            eigenvalues: Vec::with_capacity(self.curvature.len()),
            shares: Vec::with_capacity(self.curvature.len()),
            optimum: 0.0,
            weight: self.moments.total_weight,
            size: 0.0,
            terms: 0.0,
            slowest: Vec::new(),
            steepest: Vec::new(),
        };
        let mut moves = vec![vec![0.0; self.curvature.len()]; outputs.len()];
        eigen::rank_one_update(&self.curvature, &self.offset, |pair| {
            let share =
                if pair.value > 0.0 { outputs.iter().map(|output| output.share(&pair)).sum() } else { 0.0 };
            for (own, output) in moves.iter_mut().zip(&outputs).filter(|_| pair.value > 0.0) {
                let length = output.gradient(&pair) / pair.value;
                own.iter_mut().zip(&pair.vector).for_each(|(own, v)| *own -= length * v);
            }
            if pair.value > 0.0 && out.slowest.is_empty() {
                out.slowest = self.in_columns(&pair.vector);
            }
            out.eigenvalues.push(pair.value);
            out.shares.push(share);
            out.steepest = pair.vector;
        });
        out.steepest = self.in_columns(&out.steepest);
        out.optimum = self.optimum(&outputs, &out.shares);
        for (k, (output, moved)) in outputs.iter().zip(&moves).enumerate() {
            let best: Vec<f64> =
                self.in_columns(moved).iter().zip(&output.own).map(|(moved, own)| own + moved).collect();
            out.size = best.iter().fold(out.size, |size, theta| size.hypot(*theta));
            out.terms = out.terms.hypot(self.terms(&best, k));
        }
        out
    }

    /// `Σ |wⱼ| rms(xⱼ) + |b| + rms(y)` of target `k` at a point.
    fn terms(&self, point: &[f64], k: usize) -> f64 {
        let Moments { mean_x, mean_y, sxx, syy, total_weight, .. } = self.moments;
        let rms = |square: f64, mean: f64| (square / total_weight).max(0.0).sqrt().hypot(mean);
        let (intercept, weights) = point.split_at(usize::from(self.has_intercept).min(point.len()));
        let of_columns = weights.iter().enumerate().map(|(j, w)| w.abs() * rms(sxx.square(j), mean_x[j]));
        of_columns.sum::<f64>() + intercept.iter().map(|b| b.abs()).sum::<f64>() + rms(syy[k], mean_y[k])
    }

    /// A direction of the basis in terms of intercept and columns.
    fn in_columns(&self, vector: &[f64]) -> Vec<f64> {
        let (intercept, along) = vector.split_at(usize::from(self.has_intercept).min(vector.len()));
        let column = |j: usize| along.iter().enumerate().map(|(i, v)| self.basis[(j, i)] * v).sum::<f64>();
        intercept.iter().copied().chain((0..self.moments.shape.columns).map(column)).collect()
    }

    /// The gradient at the start for one output, as `−ρ z + slope` in the basis.
    fn output(&self, own: &[f64], k: usize) -> Output {
        let d = self.moments.shape.columns;
        let (b0, w0) = own.split_at(usize::from(self.has_intercept));
        let b0 = b0.first().copied().unwrap_or(0.0);
        let residual = self.moments.mean_y[k] - b0 - dot(&self.moments.mean_x, w0);
        let products = self.moments.sxy.col_as_slice(k);
        let along = |i: usize| {
            let axis = self.basis.col_as_slice(i);
            let curvature = self.curvature[i + usize::from(self.has_intercept)];
            let target = dot(axis, products) / self.moments.total_weight;
            // A flat direction of the data has no product with the target but rounding.
            if curvature == 0.0 { 0.0 } else { curvature * dot(axis, w0) - target }
        };
        let of_intercept = match self.problem.intercept {
            Intercept::Absent => None,
            Intercept::Free => Some(0.0),
            Intercept::Penalized => Some(self.problem.penalty.lambda * b0),
        };
        let slope = of_intercept.into_iter().chain((0..self.basis.ncols()).map(along)).collect();
        let variance = self.moments.syy[k] / self.moments.total_weight;
        let spread: f64 = (0..d).map(|j| w0[j] * products[j]).sum::<f64>() / self.moments.total_weight;
        let moved = self.moments.sxx.along(w0) / self.moments.total_weight;
        let penalty: f64 = (0..d).map(|j| self.problem.penalty.weight(j) * w0[j] * w0[j]).sum::<f64>()
            + of_intercept.unwrap_or(0.0) * b0;
        let start = 0.5 * (variance - 2.0 * spread + moved + residual * residual + penalty);
        let products = self.target_along(k);
        Output { own: own.to_vec(), residual, slope, start, variance, products }
    }

    /// The target's products with the basis directions of the columns, divided by Σs.
    fn target_along(&self, k: usize) -> Vec<f64> {
        let products = self.moments.sxy.col_as_slice(k);
        let along = |i| dot(self.basis.col_as_slice(i), products) / self.moments.total_weight;
        (0..self.basis.ncols()).map(along).collect()
    }

    /// f*. With a free intercept from the centred moments alone, otherwise as the start minus all shares.
    fn optimum(&self, outputs: &[Output], shares: &[f64]) -> f64 {
        let value = if self.problem.intercept == Intercept::Free {
            let explained = |output: &Output| {
                let terms = output.products.iter().zip(self.curvature.iter().skip(1));
                terms.filter(|(_, e)| **e > 0.0).map(|(p, e)| p * p / e).sum::<f64>()
            };
            outputs.iter().map(|output| 0.5 * (output.variance - explained(output))).sum::<f64>()
        } else {
            outputs.iter().map(|output| output.start).sum::<f64>() - shares.iter().sum::<f64>()
        };
        value.max(0.0)
    }
}

/// What one target adds to the forecast.
struct Output {
    /// The start, in terms of intercept and columns.
    own: Vec<f64>,
    /// Mean residual at the start.
    residual: f64,
    slope: Vec<f64>,
    /// f₀ of this output.
    start: f64,
    variance: f64,
    products: Vec<f64>,
}

impl Output {
    /// `vᵀ∇f₀`.
    fn gradient(&self, pair: &Pair) -> f64 {
        dot(&pair.vector, &self.slope) - self.residual * pair.along_update
    }

    /// `(vᵀ∇f₀)² / 2λ`: this direction's share in `f₀ − f*`.
    fn share(&self, pair: &Pair) -> f64 {
        let gradient = self.gradient(pair);
        0.5 * gradient * gradient / pair.value
    }
}

/// The curvature that rounding alone gives direction `i` of the basis.
fn flatness(moments: &Moments, own: &[f64], basis: &Mat<f64>, i: usize) -> f64 {
    let d = moments.shape.columns;
    let axis = basis.col_as_slice(i);
    let of_column = |j: usize| {
        let offset = FLAT * UNIT_ROUNDOFF * moments.mean_x[j];
        axis[j] * axis[j] * (FLAT * d as f64 * UNIT_ROUNDOFF * own[j] + offset * offset)
    };
    (0..d).map(of_column).sum()
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::float_cmp)]

    use super::*;
    use crate::data::Design;
    use crate::diagnosis::cases::{sales, sales_centred, sales_minmax, squared};
    use crate::oracle::Local;
    use crate::problem::Ridge;
    use crate::solver::gradient_descent::{Descent, Settings, descend};
    use proptest::prelude::*;

    fn spectrum(design: &Design, problem: &Problem, start: Option<&[f64]>) -> Spectrum {
        Spectrum::of(&Moments::of(design).unwrap(), problem, start).unwrap()
    }

    fn run(design: &Design, problem: &Problem, rate: f64, tolerance: f64, max_iter: u64) -> Descent {
        let mut oracle = Local::new(design, LossKind::Squared).unwrap();
        let settings = Settings { learning_rate: rate, tolerance, max_iter, start: None, time_limit: None };
        descend(&mut oracle, problem, &settings, &|_| true).unwrap()
    }

    fn near(got: f64, want: f64, relative: f64) {
        assert!((got / want - 1.0).abs() <= relative, "{got} is not {want}");
    }

    /// The first step of a run at which the objective is within `epsilon` of the optimum.
    fn counted(design: &Design, rate: f64, optimum: f64, epsilon: f64, limit: u64) -> u64 {
        let descent = run(design, &squared(), rate, 0.0, limit);
        assert_eq!(descent.trace.stride(), 1);
        let reached = descent.trace.rows().find(|row| row.loss - optimum <= epsilon * optimum);
        reached.expect("the run is long enough").step
    }

    /// Fewer rows than columns: the rows' own directions, with and without what is orthogonal to them.
    #[test]
    fn few_rows_are_forecast_to_the_step() {
        let wave = |i: usize, j: usize| ((3 * i + 7 * j * j) as f64).sin() + 0.3 * (j % 5) as f64;
        let x = Mat::from_fn(8, 30, wave);
        let y = Mat::from_fn(8, 1, |i, _| wave(i, 40));
        let design = Design { x, x_low: None, y, weights: None };
        for lambda in [0.0, 0.03] {
            for intercept in [Intercept::Free, Intercept::Penalized, Intercept::Absent] {
                let problem = Problem { penalty: Ridge { lambda, factors: None }, intercept, ..squared() };
                let mut start: Vec<f64> = (0..31).map(|j| 0.1 * f64::from(j).sin()).collect();
                start.truncate(30 + usize::from(intercept != Intercept::Absent));
                let spectrum = spectrum(&design, &problem, Some(&start));
                let settings = Settings {
                    learning_rate: 0.02,
                    tolerance: 1e-7,
                    max_iter: 100_000,
                    start: Some(start),
                    time_limit: None,
                };
                let forecast = spectrum.forecast(0.02, 1e-7, 100_000);
                let mut oracle = Local::new(&design, LossKind::Squared).unwrap();
                let descent = descend(&mut oracle, &problem, &settings, &|_| true).unwrap();
                assert_eq!((forecast.steps, forecast.uncertain), (descent.candidate.steps as u64, 0));
                assert!((descent.final_loss - forecast.loss).abs() <= 1e-12 * descent.first_loss);
            }
        }
    }

    /// The table of known answers for the sales data, computed apart from this program.
    #[test]
    fn sales_table_is_forecast_and_happens() {
        struct Row {
            design: Design,
            largest: f64,
            smallest: f64,
            condition: f64,
            limit: f64,
            at_01: Option<(u64, u64)>,
            at_inverse: (u64, u64),
        }
        let table = [
            Row {
                design: sales(),
                largest: 364.463_700_245,
                smallest: 0.040_466_421_4,
                condition: 9006.57,
                limit: 0.005_487_514_94,
                at_01: None,
                at_inverse: (30_447, 61_553),
            },
            Row {
                design: sales_centred(),
                largest: 14.748_541_666_7,
                smallest: 1.0,
                condition: 14.7485,
                limit: 0.135_606_628,
                at_01: Some((588, 931)),
                at_inverse: (85, 134),
            },
            Row {
                design: sales_minmax(),
                largest: 1.282_055_449_74,
                smallest: 0.066_022_871_3,
                condition: 19.4184,
                limit: 1.559_994_93,
                at_01: Some((6_630, 11_860)),
                at_inverse: (83, 149),
            },
        ];
        for row in table {
            let spectrum = spectrum(&row.design, &squared(), None);
            near(spectrum.largest(), row.largest, 1e-11);
            near(spectrum.smallest(), row.smallest, 1e-9);
            near(spectrum.condition(), row.condition, 1e-5);
            near(spectrum.limit(), row.limit, 1e-8);
            let mut counts = vec![(1.0 / spectrum.largest(), Some(row.at_inverse))];
            counts.push((0.01, row.at_01));
            for (rate, steps) in counts {
                let forecast = [1e-3, 1e-6].map(|epsilon| spectrum.steps_to_relative_gap(rate, epsilon));
                assert_eq!(forecast, steps.map_or([None, None], |(a, b)| [Some(a), Some(b)]));
                let Some((_, last)) = steps else {
                    assert!(!spectrum.converges(rate));
                    near(spectrum.growth(rate), 2.644_637, 1e-6);
                    continue;
                };
                let ran = [1e-3, 1e-6]
                    .map(|epsilon| counted(&row.design, rate, spectrum.optimum(), epsilon, last + 10));
                assert_eq!(steps, Some((ran[0], ran[1])));
            }
        }
    }

    /// `shared/cases/golden.json`.
    #[test]
    fn sales_optimum_and_eigenvalues_match_the_golden_values() {
        let raw = spectrum(&sales(), &squared(), None);
        near(raw.largest(), 364.463_700_245_300_86, 1e-14);
        near(raw.smallest(), 0.040_466_421_365_804_583, 1e-12);
        near(raw.optimum(), 605.679_183_990_256_1, 1e-13);
        near(raw.loss_after(0.005, 10_000), 614.821_742_158_162_7, 1e-12);
        near(spectrum(&sales_minmax(), &squared(), None).optimum(), 0.003_291_001_374_640_742, 1e-12);
    }

    #[test]
    fn sales_stopping_steps_7743_and_9487_are_forecast_exactly() {
        let spectrum = spectrum(&sales_minmax(), &squared(), None);
        for (tolerance, steps) in [(1e-9, 7743), (1e-10, 9487)] {
            let forecast = spectrum.forecast(0.01, tolerance, 20_000);
            assert_eq!((forecast.stop, forecast.steps, forecast.uncertain), (Stop::Tolerance, steps, 0));
        }
        assert_eq!(spectrum.forecast(0.01, 1e-9, 5_000).stop, Stop::MaxIter);
    }

    #[test]
    fn a_forecast_close_to_rounding_says_by_how_much_it_can_err() {
        let design = sales();
        let spectrum = spectrum(&design, &squared(), None);
        let rate = 1.0 / spectrum.largest();
        for tolerance in [1e-8, 1e-10, 1e-11] {
            let forecast = spectrum.forecast(rate, tolerance, 1_000_000);
            let ran = run(&design, &squared(), rate, tolerance, 1_000_000);
            let off = forecast.steps.abs_diff(ran.candidate.steps as u64);
            assert!(off <= forecast.uncertain, "{tolerance}: off by {off} of {}", forecast.uncertain);
        }
        assert!(spectrum.forecast(rate, 1e-13, 1_000_000).uncertain > 1000);
    }

    #[test]
    fn divergence_is_forecast_with_the_step_of_the_overflow() {
        let spectrum = spectrum(&sales(), &squared(), None);
        let forecast = spectrum.forecast(0.01, 1e-9, 10_000);
        let ran = run(&sales(), &squared(), 0.01, 1e-9, 10_000);
        assert_eq!((forecast.stop, ran.candidate.stop), (Stop::Diverged, Stop::Diverged));
        // The sum of squares overflows before the loss, its mean.
        assert!(forecast.steps.abs_diff(ran.candidate.steps as u64) <= 1);
        let short = spectrum.forecast(0.01, 1e-9, 0);
        assert_eq!((short.stop, short.steps, short.diverges), (Stop::MaxIter, 0, true));
        assert!(!spectrum.forecast(0.001, 1e-9, 0).diverges);
    }

    #[test]
    fn a_start_whose_loss_overflows_is_forecast_as_such() {
        for start in [[1e200, 0.0], [1e308, 1e308]] {
            let forecast = spectrum(&sales_centred(), &squared(), Some(&start)).forecast(0.01, 1e-9, 10_000);
            assert_eq!((forecast.stop, forecast.steps), (Stop::Diverged, 0));
        }
    }

    #[test]
    fn the_tolerance_for_a_gap_stops_inside_it_and_not_long_after() {
        let spectrum = spectrum(&sales_minmax(), &squared(), None);
        let gap = 1e-6 * spectrum.optimum();
        let (tolerance, steps) = spectrum.tolerance_for_gap(0.01, gap).unwrap();
        let rule = 2.0 * 0.01 * spectrum.smallest() * gap;
        assert!(tolerance <= rule && tolerance > 0.9 * rule);
        assert!((11_860..11_900).contains(&steps));
        let ran = run(&sales_minmax(), &squared(), 0.01, tolerance, 20_000);
        assert_eq!(ran.candidate.steps as u64, steps);
        assert!(ran.final_loss - spectrum.optimum() <= gap);
    }

    #[test]
    fn decimals_are_rounded_to_the_asked_side() {
        assert_eq!(round_up(0.002_743_757_73, 4), 0.002_744);
        assert_eq!(round_down(4.3456e-12, 2), 4.3e-12);
        assert_eq!(round_down(4.3956e-12, 2), 4.3e-12);
        assert_eq!((round_up(9.96, 2), round_down(1.0, 2), round_up(0.1, 2)), (10.0, 1.0, 0.1));
    }

    fn designs() -> impl Strategy<Value = (Design, Problem)> {
        let numbers = prop::collection::vec(-1.0f64..1.0, 20 * 3);
        let offsets = prop::collection::vec(-30.0f64..30.0, 3);
        let kinds = (0usize..3, prop::sample::select(vec![0.0, 0.01, 2.0]), 1usize..3);
        (numbers, offsets, kinds).prop_map(|(numbers, offsets, (intercept, lambda, outputs))| {
            let at = |i: usize, j: usize| numbers[i * 3 + j];
            let x = Mat::from_fn(20, 2, |i, j| at(i, j) * (1.0 + 2.0 * j as f64) + offsets[j]);
            let y = Mat::from_fn(20, outputs, |i, k| 3.0 * at(i, 0) - at(i, 2) * (k + 1) as f64 + offsets[2]);
            let intercept = [Intercept::Free, Intercept::Absent, Intercept::Penalized][intercept];
            let problem = Problem { loss: LossKind::Squared, penalty: Ridge::uniform(lambda), intercept };
            (Design { x, x_low: None, y, weights: None }, problem)
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn any_run_goes_as_forecast((design, problem) in designs(), speed in 0.1f64..1.95) {
            let spectrum = spectrum(&design, &problem, None);
            let rate = speed / spectrum.largest();
            let ran = run(&design, &problem, rate, 0.0, 2000);
            let first = spectrum.loss_after(rate, 0);
            for row in ran.trace.rows() {
                let forecast = spectrum.loss_after(rate, row.step);
                prop_assert!((forecast - row.loss).abs() <= 1e-11 * (row.loss + 1e-3 * first));
            }
            let tolerance = 1e-7 * spectrum.optimum() + 1e-9 * first;
            let forecast = spectrum.forecast(rate, tolerance, 200_000);
            let ran = run(&design, &problem, rate, tolerance, 200_000);
            prop_assert_eq!(forecast.stop, ran.candidate.stop);
            prop_assert!(forecast.steps.abs_diff(ran.candidate.steps as u64) <= forecast.uncertain);
        }

        #[test]
        fn a_start_elsewhere_is_forecast_too((design, problem) in designs(), values in prop::collection::vec(-9.0f64..9.0, 6)) {
            let width = 2 + usize::from(problem.intercept != Intercept::Absent);
            let start = values[..3.min(values.len())].repeat(2)[..width * design.y.ncols()].to_vec();
            let spectrum = spectrum(&design, &problem, Some(&start));
            let rate = 1.0 / spectrum.largest();
            let mut oracle = Local::new(&design, LossKind::Squared).unwrap();
            let settings = Settings { learning_rate: rate, tolerance: 0.0, max_iter: 50, start: Some(start), time_limit: None };
            let ran = descend(&mut oracle, &problem, &settings, &|_| true).unwrap();
            for row in ran.trace.rows() {
                let forecast = spectrum.loss_after(rate, row.step);
                prop_assert!((forecast - row.loss).abs() <= 1e-11 * (row.loss + 1e-3 * ran.first_loss));
            }
        }
    }

    /// Beyond the order at which rotations hand over to tridiagonalisation.
    #[test]
    fn many_columns_with_offsets_are_forecast_too() {
        let parts: Vec<(f64, f64)> = (0..150).map(|j| (f64::from(j % 7), 1.0 + f64::from(j % 3))).collect();
        let design = crate::diagnosis::cases::columns(400, &parts, 1.0);
        let spectrum = spectrum(&design, &squared(), None);
        let rate = spectrum.best_rate();
        let ran = run(&design, &squared(), rate, 0.0, 300);
        for row in ran.trace.rows() {
            let forecast = spectrum.loss_after(rate, row.step);
            assert!((forecast / row.loss - 1.0).abs() < 1e-10, "step {}", row.step);
        }
    }

    #[test]
    fn collinear_and_constant_columns_are_flat_and_do_not_slow_the_forecast() {
        let plain = sales();
        let mut design = plain.clone();
        design.x = Mat::from_fn(12, 3, |i, j| [plain.x[(i, 0)], 1.8 * plain.x[(i, 0)] + 32.0, 7.0][j]);
        let spectrum = spectrum(&design, &squared(), None);
        assert_eq!(spectrum.eigenvalues().iter().filter(|&&value| value == 0.0).count(), 2);
        near(spectrum.optimum(), 605.679_183_990_256_1, 1e-10);
        let rate = 1.0 / spectrum.largest();
        let steps = spectrum.steps_to_relative_gap(rate, 1e-3).unwrap();
        assert_eq!(counted(&design, rate, 605.679_183_990_256_1, 1e-3, steps + 10), steps);
    }

    #[test]
    fn numbers_beyond_range_have_no_forecast_rather_than_a_wrong_one() {
        let mut design = sales();
        design.x[(0, 0)] = 1e308;
        assert!(Spectrum::of(&Moments::of(&design).unwrap(), &squared(), None).is_none());
        assert!(Spectrum::of(&Moments::of(&sales()).unwrap(), &squared(), Some(&[0.0])).is_none());
    }
}
