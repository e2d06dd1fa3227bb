//! A verdict on the loss trace of any program, from the numbers alone.
//!
//! On a quadratic, and near the optimum of any smooth loss, one direction dominates in the end and its error changes by
//! the same factor in every step:
//! - growing by ρ > 1: the learning rate is above its limit; `|1 − ηL| = ρ` gives `L = (1 + ρ)/η`, so the rate has to
//!   shrink by more than (1 + ρ)/2 whatever it is;
//! - the changes of the loss shrinking by r: `r = (1 − ημ)²` gives `μ = (1 − √r)/η`, and `Δf · r/(1 − r)` is left.
//!
//! The second is an estimate: a slower direction can hide beneath. The sentences say so. And `(1 − ηλ)²` is the same
//! for a flat direction and for a steep one at the edge of its limit, so losses alone never say which way the rate is
//! wrong. Parameters do: their moves obey `δₖ₊₁ = (I − ηH) δₖ`, so every Ritz value of a few of them lies between
//! `1 − ηL` and `1 − ημ`, and moves to and fro show the edge.

use super::situation::{Context, number};
use super::words::{count, counted, figure, list, plain_rate};
use super::{Code, Diagnosis, Fix, Remedy, false_convergence};
use crate::error::{Error, Result};
use crate::num::UNIT_ROUNDOFF;
use serde_json::{Map, Value};

/// Growth is steady when three consecutive ratios agree to this.
const STEADY: f64 = 0.01;
/// Ratios that show growth, and changes that show a tail.
const WINDOW: usize = 3;
/// Changes in each of the two sums whose ratio is that of the tail, at most.
const TAIL: usize = 20;
/// A change of so many of the smallest there can be is known to a tenth.
const VISIBLE: f64 = 10.0;
/// Below this part of its error lost in a step even the fastest direction crawls.
const CRAWL: f64 = 0.1;
/// Descent is ill-conditioned when its fastest direction is so many times faster than its slowest.
const SPREAD: f64 = 100.0;
/// Moves to and fro that keep so much of their size from step to step are at the edge of the limit.
const EDGE: f64 = 0.9;
/// Pairs of moves that all have to go to and fro, at most.
const PAIRS: usize = 8;
/// Changes of a loss that is not smooth, at least, of which a quarter rises and a quarter falls.
const NOISY: usize = 8;

/// A trace as another program wrote it; one entry a row in every column.
#[derive(Clone, Debug, PartialEq)]
pub struct ExternalTrace {
    /// Step numbers; the row numbers where the trace has none.
    pub steps: Vec<f64>,
    /// The loss.
    pub losses: Vec<f64>,
    /// Named parameters, as many as the trace has.
    pub parameters: Vec<(String, Vec<f64>)>,
    /// η, where it is known.
    pub learning_rate: Option<f64>,
}

/// What a trace shows.
#[derive(Clone, Debug, PartialEq)]
pub enum TraceVerdict {
    /// It came to rest, as far as a trace can tell.
    Converged {
        /// One sentence.
        message: String,
        /// The numbers.
        evidence: Map<String, Value>,
    },
    /// A named cause.
    Found(Diagnosis),
    /// The rate is at the edge of its limit: its steepest direction goes to and fro and hardly or never comes to rest.
    Edge(Diagnosis),
    /// Too little to tell.
    Inconclusive {
        /// One sentence that says what is missing.
        message: String,
    },
}

/// Names of a loss column, most telling first; compared without case, spaces, dashes and underscores.
const LOSSES: [&str; 16] = [
    "loss",
    "cost",
    "objective",
    "objectivevalue",
    "trainloss",
    "trainingloss",
    "mse",
    "j",
    "jtheta",
    "error",
    "rmse",
    "sse",
    "rss",
    "f",
    "fun",
    "fx",
];
const STEPS: [&str; 10] =
    ["step", "steps", "iteration", "iterations", "iter", "epoch", "epochs", "k", "t", "i"];
const RATES: [&str; 6] = ["learningrate", "lr", "eta", "alpha", "rate", "stepsize"];
/// Columns that are neither.
const OTHERS: [&str; 20] = [
    "gradientnorm",
    "gradnorm",
    "gnorm",
    "normgradient",
    "time",
    "seconds",
    "valloss",
    "validationloss",
    "testloss",
    "index",
    "acc",
    "accuracy",
    "trainacc",
    "trainaccuracy",
    "valacc",
    "valaccuracy",
    "valmse",
    "valmae",
    "mae",
    "r2",
];

fn plain(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

impl ExternalTrace {
    /// Whether a column of this name holds the losses.
    pub fn is_loss(name: &str) -> bool {
        LOSSES.contains(&plain(name).as_str())
    }

    /// Recognises the columns of a table by their names: a loss, and where they are there steps, a learning rate (when it
    /// is the same in every row) and parameters, which are all other numbers.
    ///
    /// # Errors
    /// [`Error::Usage`] when no column is a loss.
    pub fn from_columns(columns: Vec<(String, Vec<f64>)>, learning_rate: Option<f64>) -> Result<Self> {
        let names: Vec<String> = columns.iter().map(|(name, _)| plain(name)).collect();
        let find = |known: &[&str]| known.iter().find_map(|name| names.iter().position(|own| own == name));
        let loss = match (find(&LOSSES), columns.len()) {
            (Some(place), _) => place,
            (None, 1) => 0,
            (None, _) => {
                let given: Vec<String> = columns.into_iter().map(|(name, _)| format!("`{name}`")).collect();
                return Err(Error::Usage {
                    what: format!("no column is a loss: there is {}", list(&given)),
                    hint: "name the column of the objective `loss`".to_owned(),
                });
            }
        };
        let (step, rate) = (find(&STEPS).filter(|&p| p != loss), find(&RATES).filter(|&p| p != loss));
        let mut out = Self { steps: Vec::new(), losses: Vec::new(), parameters: Vec::new(), learning_rate };
        for (place, (name, values)) in columns.into_iter().enumerate() {
            if place == loss {
                out.losses = values;
            } else if Some(place) == step {
                out.steps = values;
            } else if Some(place) == rate {
                let same = values
                    .first()
                    .copied()
                    .filter(|first| values.iter().all(|value| value.to_bits() == first.to_bits()));
                out.learning_rate = learning_rate.or(same);
            } else if !OTHERS.contains(&names[place].as_str()) && !LOSSES.contains(&names[place].as_str()) {
                out.parameters.push((name, values));
            }
        }
        if out.steps.is_empty() {
            out.steps = (0..out.losses.len()).map(|row| row as f64).collect();
        }
        Ok(out)
    }

    /// The rows with a step and a loss, and the first row after them, from 0, if any: from there on the loss is no
    /// number. Rows without one in between were not written by the program; a column with holes of its own
    /// is no parameter.
    fn finite(&self) -> (Self, Option<usize>) {
        let rows = self.losses.len().min(self.steps.len());
        let finite = |&row: &usize| self.losses[row].is_finite() && self.steps[row].is_finite();
        let own: Vec<usize> = (0..rows).filter(finite).collect();
        let pick = |values: &[f64]| -> Vec<f64> {
            own.iter().map(|&row| values.get(row).copied().unwrap_or(f64::NAN)).collect()
        };
        let parameters = self.parameters.iter().map(|(name, values)| (name.clone(), pick(values)));
        let whole = Self {
            steps: pick(&self.steps),
            losses: pick(&self.losses),
            parameters: parameters.filter(|(_, own)| own.iter().all(|value| value.is_finite())).collect(),
            learning_rate: self.learning_rate,
        };
        let end = own.last().map_or(0, |last| last + 1);
        // A hole at the end no wider than those in between is one of the logger's, unless it holds an infinity.
        let widest = own.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or(1);
        let holes = rows - end < widest && !self.losses[end..rows].iter().any(|loss| loss.is_infinite());
        (whole, (end < rows && !holes).then_some(end))
    }
}

/// What a trace shows, for a wanted relative gap of `target`.
pub fn diagnose_trace(trace: &ExternalTrace, target: f64) -> TraceVerdict {
    let (trace, overflow) = &trace.finite();
    let (tail, overflow) = (Tail::of(trace), *overflow);
    // What ends beyond all numbers has grown: less of its growth has to be seen.
    let window = if overflow.is_some() { WINDOW - 1 } else { WINDOW };
    if overflow.is_none()
        && let Some(edge) = tail.edge(target)
    {
        return TraceVerdict::Edge(at_the_edge(trace, &tail, &edge));
    }
    if let Some(noise) = tail.noise().filter(|_| overflow.is_none()) {
        return TraceVerdict::Inconclusive { message: noise };
    }
    if let Some(growth) = tail.growth(window) {
        return TraceVerdict::Found(growing(trace, &tail, growth, overflow.is_some()));
    }
    if let Some(row) = overflow.filter(|_| tail.only_grew()) {
        return TraceVerdict::Found(blown_up(trace, &tail, row));
    }
    if tail.losses.len() <= WINDOW + 1 && !(overflow.is_some() && tail.climbed()) {
        return TraceVerdict::Inconclusive { message: too_short(tail.losses.len() as u64, overflow) };
    }
    if overflow.is_some() || tail.climbed() {
        return TraceVerdict::Found(climbing(trace, &tail, overflow));
    }
    match tail.shrinking() {
        Err(message) => TraceVerdict::Inconclusive { message },
        Ok(shrinking) => settling(trace, &tail, &shrinking, target),
    }
}

/// What is missing in a trace of so many rows.
fn too_short(rows: u64, overflow: Option<usize>) -> String {
    let have = match overflow {
        Some(0) => {
            return "the loss is not a number from the first row on: whatever the learning rate, the fault is in the data or in the start".to_owned();
        }
        Some(row) => format!(
            "the loss is not a number from row {} on, and before it {}",
            row + 1,
            counted(rows, "evenly spaced row")
        ),
        None => format!("the trace has {}", counted(rows, "evenly spaced row")),
    };
    format!("{have}: at least {} are needed", WINDOW + 2)
}

/// A run whose data gives no forecast (its squares leave the range of `f64`), judged by its own trace.
pub(super) fn diagnose_descent(context: &Context<'_>) -> Option<Diagnosis> {
    let descent = context.descent?;
    let parameters = descent.trace.parameters.iter().enumerate();
    let trace = ExternalTrace {
        steps: descent.trace.rows().map(|row| row.step as f64).collect(),
        losses: descent.trace.rows().map(|row| row.loss).collect(),
        parameters: parameters
            .map(|(place, name)| {
                (name.clone(), descent.trace.rows().map(|row| row.parameters[place]).collect())
            })
            .collect(),
        learning_rate: Some(context.settings.learning_rate),
    };
    let found = match diagnose_trace(&trace, context.target) {
        TraceVerdict::Found(diagnosis) | TraceVerdict::Edge(diagnosis) => diagnosis,
        _ if descent.final_loss.is_finite() => return None,
        _ => Diagnosis {
            code: Code::Sf101,
            message: format!(
                "lr {} is far above the stable limit: the loss overflowed at step {}, too soon to measure the limit",
                plain_rate(context.settings.learning_rate),
                count(descent.candidate.steps as u64)
            ),
            reasons: vec!["the squares of the columns are beyond the range of 64-bit numbers".to_owned()],
            evidence: Map::new(),
            also: Vec::new(),
            remedies: Vec::new(),
            exact: None,
        },
    };
    Some(Diagnosis { exact: context.exact.cloned(), remedies: vec![super::remedy::exact()], ..found })
}

/// The last rows of a trace, evenly spaced.
struct Tail {
    /// Steps from row to row.
    stride: f64,
    /// Steps at the end.
    last_step: f64,
    first_loss: f64,
    best_loss: f64,
    losses: Vec<f64>,
    /// θₖ₊₁ − θₖ from row to row; empty without parameters.
    steps: Vec<Vec<f64>>,
    /// Their norms.
    moves: Vec<f64>,
    /// What printing or rounding hides in a change of the loss.
    resolution: f64,
}

/// How a tail comes to rest.
struct Shrinking {
    /// Ratio of consecutive changes, per row.
    ratio: f64,
    /// Part of its error that the slowest direction loses in a step.
    slow: f64,
    /// A lower bound of ηL, where parameters show one.
    speed: Option<f64>,
    /// The last change of the loss, and the one before it.
    last_changes: (f64, f64),
    /// The loss still to be lost, at the last row that shows a change.
    rest: f64,
    /// Rows after it.
    flat: usize,
    /// The loss that it tends to.
    limit: f64,
}

impl Tail {
    fn of(trace: &ExternalTrace) -> Self {
        let ExternalTrace { steps, losses, .. } = trace;
        let rows = losses.len();
        let gap = |row: usize| steps[row] - steps[row - 1];
        let stride = if rows > 1 { gap(rows - 1) } else { 1.0 };
        let even =
            (1..rows).rev().take_while(|&row| (gap(row) - stride).abs() <= 1e-9 * stride.abs()).count();
        let first = rows.saturating_sub(even + 1);
        let own = &losses[first..];
        let step = |row: usize| -> Vec<f64> {
            trace.parameters.iter().map(|(_, values)| values[row + 1] - values[row]).collect()
        };
        let steps: Vec<Vec<f64>> = if trace.parameters.is_empty() {
            Vec::new()
        } else {
            (first..rows.max(1) - 1).map(step).collect()
        };
        let moves = steps.iter().map(|step| step.iter().copied().fold(0.0f64, f64::hypot)).collect();
        Self {
            stride: if stride > 0.0 { stride } else { 1.0 },
            last_step: trace.steps.last().copied().unwrap_or(0.0),
            first_loss: losses.first().copied().unwrap_or(f64::NAN),
            best_loss: losses.iter().copied().fold(f64::INFINITY, f64::min),
            losses: own.to_vec(),
            steps,
            moves,
            resolution: resolution(own),
        }
    }

    fn last_loss(&self) -> f64 {
        self.losses.last().copied().unwrap_or(f64::NAN)
    }

    fn climbed(&self) -> bool {
        self.last_loss() > self.first_loss + self.resolution
            || self.last_loss()
                > self.best_loss + (false_convergence::CLIMB - 1.0) * self.best_loss.abs() + self.resolution
    }

    /// Whether the loss only rose, from the first row on.
    fn only_grew(&self) -> bool {
        self.losses.len() > 1 && self.losses.windows(2).all(|pair| pair[1] > pair[0])
    }

    /// Moves to and fro that hardly shrink, or not at all, while the loss does not rise.
    fn edge(&self, target: f64) -> Option<Edge> {
        let pairs = self.steps.len().saturating_sub(1).min(PAIRS);
        if self.stride != 1.0 || pairs < WINDOW {
            return None;
        }
        let tail = &self.steps[self.steps.len() - pairs - 1..];
        let factor = |pair: &[Vec<f64>]| dot(&pair[1], &pair[0]) / dot(&pair[0], &pair[0]);
        let steady = tail.windows(2).all(|pair| (-1.0 - 1e-6..=-EDGE).contains(&factor(pair)));
        let losses = &self.losses[self.losses.len() - pairs - 1..];
        let rises = losses.windows(2).any(|pair| pair[1] - pair[0] > VISIBLE * self.resolution);
        let (last, widest) = (*self.moves.last()?, self.moves.iter().copied().fold(0.0, f64::max));
        // The share of the loss goes with the square of the moves.
        if !steady || rises || last <= target.sqrt() * widest {
            return None;
        }
        let factor = factor(&tail[tail.len() - 2..]);
        let sizes = tail.last()?.iter().enumerate();
        let widest = sizes.max_by(|a, b| a.1.abs().total_cmp(&b.1.abs())).map(|(place, _)| place)?;
        let flat = losses.windows(2).all(|pair| (pair[1] - pair[0]).abs() <= VISIBLE * self.resolution);
        Some(Edge { factor: factor.max(-1.0), distance: last, widest, flat })
    }

    /// That the loss goes up and down without a trend upwards, in words; absent where it does not.
    fn noise(&self) -> Option<String> {
        let half = &self.losses[self.losses.len() / 2..];
        let changes = half.windows(2).map(|pair| pair[1] - pair[0]);
        let (mut up, mut down) = (0, 0);
        for change in changes.filter(|change| change.abs() > VISIBLE * self.resolution) {
            if change > 0.0 { up += 1 } else { down += 1 }
        }
        if up + down < NOISY || 4 * up.min(down) < up + down || self.last_loss() > self.first_loss {
            return None;
        }
        let (before, after) = half.split_at(half.len() / 2);
        let mean = |losses: &[f64]| losses.iter().sum::<f64>() / losses.len() as f64;
        let ends = |losses: &[f64]| {
            let ends = |(low, high): (f64, f64), &loss: &f64| (low.min(loss), high.max(loss));
            losses.iter().fold((f64::INFINITY, f64::NEG_INFINITY), ends)
        };
        let (low, high) = ends(before);
        if mean(after) > mean(before) + 0.5 * (high - low) {
            return None;
        }
        let (low, high) = ends(half);
        Some(format!(
            "the loss goes up and down, between {} and {} in the second half: steps on parts of the data (stochastic), noise, momentum or a changing rate; full-batch descent at one rate only falls or only grows in the end, so nothing can be told of the rate",
            figure(low, 5),
            figure(high, 5)
        ))
    }

    /// A lower bound of ηL: the smallest Ritz value of I − ηH over one and two consecutive moves.
    fn speed(&self) -> Option<f64> {
        if self.stride != 1.0 {
            return None;
        }
        let of_one = |pair: &[Vec<f64>]| dot(&pair[1], &pair[0]) / dot(&pair[0], &pair[0]);
        let of_two = |three: &[Vec<f64>]| ritz(&three[0], &three[1], &three[2]);
        let ones = self.steps.windows(2).map(of_one);
        let twos = self.steps.windows(3).filter_map(of_two);
        let least = ones.chain(twos).filter(|value| value.is_finite()).fold(f64::INFINITY, f64::min);
        least.is_finite().then_some(1.0 - least)
    }

    /// The steady factor above 1 by which the error grows in a step: from the parameters' moves, otherwise from the
    /// changes of the loss, whose ratio is its square.
    fn growth(&self, window: usize) -> Option<f64> {
        let of_moves = self.moves.windows(2).map(|pair| pair[1] / pair[0]).collect::<Vec<_>>();
        let changes: Vec<f64> = self.losses.windows(2).map(|pair| pair[1] - pair[0]).collect();
        let ratio =
            |pair: &[f64]| if pair[0] > 0.0 && pair[1] > 0.0 { (pair[1] / pair[0]).sqrt() } else { f64::NAN };
        let of_losses = changes.windows(2).map(ratio).collect::<Vec<_>>();
        let per_row = steady_growth(&of_moves, window).or_else(|| steady_growth(&of_losses, window))?;
        Some(per_row.powf(1.0 / self.stride))
    }

    fn shrinking(&self) -> std::result::Result<Shrinking, String> {
        let changes: Vec<f64> = self.losses.windows(2).map(|pair| pair[0] - pair[1]).collect();
        let visible = |change: &f64| change.abs() > VISIBLE * self.resolution;
        let flat = changes.iter().rev().take_while(|change| !visible(change)).count();
        let seen = &changes[..changes.len() - flat];
        if seen.is_empty() {
            return Err("no change of the loss from row to row is ten times its last digit: nothing can be told of its course".to_owned());
        }
        if seen.len() < WINDOW {
            return Err(format!("the loss changes visibly in {} only", counted(seen.len() as u64, "row")));
        }
        // Sums over two halves, as a single change may be rough by printing.
        let half = (seen.len() / 2).min(TAIL);
        let [first, middle, last] = [2 * half, half, 0].map(|back| self.losses[seen.len() - back]);
        if seen[seen.len() - 2 * half..].iter().any(|&change| change <= 0.0) {
            return Err("the loss falls and rises again in turn: full-batch descent at one rate only falls or only grows in the end, so this is noise, momentum or a changing rate".to_owned());
        }
        let of_half = (middle - last) / (first - middle);
        if of_half >= 1.0 {
            return Err("the loss still falls faster from row to row: its end is not in sight".to_owned());
        }
        let ratio = of_half.powf(1.0 / half as f64);
        let rest = (middle - last) * of_half / (1.0 - of_half);
        let per_step = |ratio: f64| 1.0 - ratio.powf(0.5 / self.stride);
        Ok(Shrinking {
            ratio,
            slow: per_step(ratio),
            speed: self.speed(),
            last_changes: (seen[seen.len() - 1], seen[seen.len() - 2]),
            rest,
            flat,
            limit: last - rest,
        })
    }
}

/// Moves at the edge of the limit.
struct Edge {
    /// What a step makes of the move before: −1 at the limit, above it below.
    factor: f64,
    /// ‖θₖ₊₁ − θₖ‖ at the end.
    distance: f64,
    /// The parameter that moves most.
    widest: usize,
    /// The loss no longer changes.
    flat: bool,
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// The smaller Ritz value of a symmetric A over `span{a, Aa}`, given a, Aa and A²a; absent when these are too close to
/// parallel for it to mean anything.
fn ritz(zeroth: &[f64], first: &[f64], second: &[f64]) -> Option<f64> {
    let moments = [dot(zeroth, zeroth), dot(zeroth, first), dot(first, first), dot(first, second)];
    let size = moments[0];
    let [mean, square, cube] = [moments[1] / size, moments[2] / size, moments[3] / size];
    let spread = square - mean * mean;
    if spread.is_nan() || spread <= 1e-8 * square {
        return None;
    }
    // Lanczos: diagonal α₁, α₂ and off-diagonal β.
    let second = (cube - 2.0 * mean * square + mean * mean * mean) / spread;
    let (middle, half) = (f64::midpoint(mean, second), 0.5 * (mean - second));
    Some(middle - half.hypot(spread.sqrt()))
}

/// The last of `count` consecutive ratios above 1 that agree; the latest there are.
fn steady_growth(ratios: &[f64], count: usize) -> Option<f64> {
    ratios.windows(count).rev().find_map(|window| {
        let low = window.iter().copied().fold(f64::INFINITY, f64::min);
        let high = window.iter().copied().fold(0.0, f64::max);
        let sound = window.iter().all(|ratio| ratio.is_finite() && *ratio > 1.0);
        (sound && high <= low * (1.0 + STEADY) && low > 1.0 + 1e-9).then(|| window[count - 1])
    })
}

/// The size of the smallest change that the numbers can show: their rounding, or one unit of the last digit printed.
fn resolution(losses: &[f64]) -> f64 {
    let unit = |loss: &f64| {
        let text = format!("{loss:e}");
        let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let places = mantissa.split_once('.').map_or(0, |(_, decimals)| decimals.len());
        10f64.powi(exponent.parse::<i32>().unwrap_or(0) - i32::try_from(places).unwrap_or(0))
    };
    // Zeros at the end of a number are not seen here, but some row has none.
    let printed = losses.iter().filter(|loss| **loss != 0.0).map(unit).fold(f64::INFINITY, f64::min);
    let rounding = 4.0 * UNIT_ROUNDOFF * losses.last().copied().unwrap_or(0.0).abs();
    if printed.is_finite() { rounding.max(printed) } else { rounding }
}

fn evidence(numbers: &[(&str, f64)]) -> Map<String, Value> {
    numbers.iter().map(|&(name, value)| (name.to_owned(), number(value))).collect()
}

fn found(code: Code, message: String, evidence: Map<String, Value>) -> Diagnosis {
    Diagnosis {
        code,
        message,
        reasons: Vec::new(),
        evidence,
        also: Vec::new(),
        remedies: Vec::new(),
        exact: None,
    }
}

/// A change for the person's own program; it was not run.
fn advice(change: String, steps: Option<u64>, fix: Fix) -> Remedy {
    Remedy { change, command: None, steps, proven: false, safe: false, fix }
}

/// SF101 from the growth of a trace.
fn growing(trace: &ExternalTrace, tail: &Tail, growth: f64, overflowed: bool) -> Diagnosis {
    let shrink = f64::midpoint(1.0, growth);
    let mut numbers = vec![("growth", growth), ("shrink", shrink)];
    let mut remedies = Vec::new();
    let message = if let Some(rate) = trace.learning_rate {
        let (largest, limit) = ((1.0 + growth) / rate, 2.0 * rate / (1.0 + growth));
        numbers.extend([("learning_rate", rate), ("L", largest), ("limit", limit)]);
        remedies.push(advice(
            format!("lr {}, which is 1/L", figure(1.0 / largest, 4)),
            None,
            Fix::LearningRate(1.0 / largest),
        ));
        format!(
            "lr {} is above 2/L = {}: the error grows ×{} per step, so L = (1 + {})/lr = {}",
            plain_rate(rate),
            figure(limit, 5),
            figure(growth, 6),
            figure(growth, 6),
            figure(largest, 6)
        )
    } else {
        format!(
            "the error grows ×{} per step: the learning rate is {}× its stable limit 2/L",
            figure(growth, 6),
            figure(shrink, 6)
        )
    };
    let mut out = found(Code::Sf101, message, evidence(&numbers));
    if trace.learning_rate.is_none() {
        out.reasons.push(format!(
            "a rate {}× smaller is 1/L, at which no direction overshoots; its value needs the rate of this run",
            figure(1.0 + growth, 4)
        ));
    }
    if !overflowed && tail.climbed() {
        out.also.push(Code::Sf105);
    }
    out.remedies = remedies;
    out
}

/// SF105: it ended above where it was, without steady growth.
fn climbing(trace: &ExternalTrace, tail: &Tail, overflow: Option<usize>) -> Diagnosis {
    let (first, best, last) = (tail.first_loss, tail.best_loss, tail.last_loss());
    let message = if let Some(row) = overflow {
        format!(
            "the loss is not a number from row {} on; it was {} before, and {} at its best",
            row + 1,
            figure(last, 5),
            figure(best, 5)
        )
    } else {
        format!(
            "the loss ends at {} after {} at the start and {} at its best: it climbed, it did not converge",
            figure(last, 5),
            figure(first, 5),
            figure(best, 5)
        )
    };
    let numbers = [("first_loss", first), ("best_loss", best), ("final_loss", last)];
    let mut out = found(Code::Sf105, message, evidence(&numbers));
    out.reasons.push(
        "its growth is not the same from step to step, so the limit of the rate cannot be read from it"
            .to_owned(),
    );
    out.reasons.push(ask_the_data(trace.learning_rate));
    out
}

/// SF101 of a loss that only grew, until it left the numbers.
fn blown_up(trace: &ExternalTrace, tail: &Tail, row: usize) -> Diagnosis {
    let (first, last) = (tail.first_loss, tail.last_loss());
    let rate = trace
        .learning_rate
        .map_or_else(|| "the learning rate".to_owned(), |rate| format!("lr {}", plain_rate(rate)));
    let message = format!(
        "the loss grows from {} to {} and is beyond all numbers from row {} on: it diverges, {rate} is above its limit 2/L",
        figure(first, 5),
        figure(last, 5),
        row + 1
    );
    let mut out = found(Code::Sf101, message, evidence(&[("first_loss", first), ("final_loss", last)]));
    out.reasons.push(
        "too few rows grow by the same factor, so the limit of the rate cannot be read from them".to_owned(),
    );
    out.reasons.push(ask_the_data(trace.learning_rate));
    out
}

/// Where the numbers are that a trace does not hold.
fn ask_the_data(learning_rate: Option<f64>) -> String {
    let rate = learning_rate.map_or_else(|| "RATE".to_owned(), plain_rate);
    format!(
        "`surefit lint DATA FORMULA --solver gd --learning-rate {rate}` computes 2/L and the rates that work"
    )
}

/// SF101 just below the limit, or exactly on it.
fn at_the_edge(trace: &ExternalTrace, tail: &Tail, edge: &Edge) -> Diagnosis {
    let speed = 1.0 - edge.factor;
    let name = trace.parameters.get(edge.widest).map_or("a parameter", |(name, _)| name.as_str());
    let exactly = speed > 2.0 * (1.0 - 1e-9);
    let mut numbers = vec![("factor", edge.factor), ("share_of_limit", speed / 2.0), ("move", edge.distance)];
    let subject = match trace.learning_rate {
        Some(rate) => {
            let limit = 2.0 * rate / speed;
            numbers.extend([("learning_rate", rate), ("L", speed / rate), ("limit", limit)]);
            let limit = figure(limit, 5);
            if exactly {
                format!("lr {} is exactly at the limit 2/L = {limit}", plain_rate(rate))
            } else {
                format!("lr {} is at the edge of 2/L = {limit}", plain_rate(rate))
            }
        }
        None if exactly => "the learning rate is exactly at its limit 2/L".to_owned(),
        None => "the learning rate is at the edge of its limit 2/L".to_owned(),
    };
    let kept = figure(100.0 * -edge.factor, 5);
    let course = if exactly {
        let loss = figure(tail.last_loss(), 5);
        format!(
            "`{name}` moves to and fro by the same {} in every step, and never comes to rest; a loss of {loss} is not the optimum",
            figure(edge.distance, 4)
        )
    } else {
        format!("`{name}` overshoots in every step, and each time keeps {kept} % of its error")
    };
    let mut out = found(Code::Sf101, format!("{subject}: {course}"), evidence(&numbers));
    if edge.flat {
        out.reasons
            .push("the loss is flat, but the parameters are not: a flat loss is no proof of rest".to_owned());
    } else if exactly {
        out.reasons.push("what still falls is the loss in other directions".to_owned());
    }
    out.reasons.push(ask_the_data(trace.learning_rate));
    out.remedies.push(if let Some(rate) = trace.learning_rate {
        let half = rate / speed;
        let change = format!(
            "lr {}, which is 1/L, half the limit: that direction no longer overshoots",
            figure(half, 4)
        );
        advice(change, None, Fix::LearningRate(half))
    } else {
        let change = "half the learning rate: that direction no longer overshoots".to_owned();
        advice(change, None, Fix::Several(Vec::new()))
    });
    out
}

/// A falling tail: at rest, or not yet.
fn settling(trace: &ExternalTrace, tail: &Tail, shrinking: &Shrinking, target: f64) -> TraceVerdict {
    let Shrinking { ratio, slow, rest, flat, limit, .. } = *shrinking;
    let rest_now = rest * ratio.powi(i32::try_from(flat).unwrap_or(i32::MAX));
    let scale = limit.abs().max(1e-9 * tail.first_loss.abs());
    let mut numbers = vec![
        ("ratio", ratio),
        ("rest_estimate", rest_now),
        ("limit_estimate", limit),
        ("relative_gap_estimate", rest_now / scale),
    ];
    if let Some(rate) = trace.learning_rate {
        numbers.push(("learning_rate", rate));
        // Losses alone do not tell a flat direction from a steep one at the edge.
        if shrinking.speed.is_some() {
            numbers.push(("mu_estimate", slow / rate));
        }
    }
    if rest_now <= target * scale {
        let message = format!(
            "the loss has come to rest: by the ratio of its last changes about {} is left, {} of the loss (an estimate; only the data can prove it)",
            figure(rest_now, 2),
            figure(rest_now / scale, 2)
        );
        return TraceVerdict::Converged { message, evidence: evidence(&numbers) };
    }
    let rows_left = ((target * scale / rest).ln() / ratio.ln()).ceil() - flat as f64;
    let left = (rows_left * tail.stride).max(1.0);
    numbers.extend([("steps_left_estimate", left), ("steps", tail.last_step)]);
    // A limit near 0 is nothing to measure a distance in.
    let near_zero = rest_now > scale;
    let (above, goal) = if near_zero {
        (figure(rest_now, 2), format!("{} above it", figure(target * scale, 2)))
    } else {
        let percent = figure(100.0 * rest_now / scale, 2);
        (format!("{percent} %"), format!("a relative gap of {}", figure(target, 2)))
    };
    let now = format!(
        "by the ratio of its last changes the loss is still {above} above its limit, and about {} more steps reach {goal}",
        figure(left, 3)
    );
    let Some((code, what)) = unfinished(tail, shrinking, left) else {
        let slow = figure(100.0 * slow, 2);
        return TraceVerdict::Inconclusive {
            message: format!(
                "{now} at this rate; the error shrinks by {slow} % in a step, and losses alone cannot tell a rate too small for a flat direction from one at the edge of 2/L: add the parameters to the trace, or run `surefit lint DATA FORMULA --solver gd`"
            ),
        };
    };
    let mut out = found(code, format!("{what}: {now}"), evidence(&numbers));
    out.reasons.push(
        "estimated from the trace; `surefit fit DATA FORMULA --solver gd` on the data proves it".to_owned(),
    );
    if matches!(code, Code::Sf102 | Code::Sf103) {
        out.reasons.push(ask_the_data(trace.learning_rate));
    }
    out.also.extend(conditioning(shrinking).filter(|&other| other != code));
    out.remedies.extend(way_out(code, tail.last_step + left));
    TraceVerdict::Found(out)
}

/// Slow in every direction, or in one; only parameters can show it.
fn conditioning(shrinking: &Shrinking) -> Option<Code> {
    let speed = shrinking.speed?;
    if speed < CRAWL {
        return Some(Code::Sf102);
    }
    (speed >= SPREAD * shrinking.slow).then_some(Code::Sf103)
}

/// Why a falling tail is not at rest: what its end looks like, and then how fast it was. Absent when losses alone
/// cannot tell.
fn unfinished(tail: &Tail, shrinking: &Shrinking, left: f64) -> Option<(Code, String)> {
    let Shrinking { slow, flat, last_changes, .. } = *shrinking;
    let soon = left <= tail.last_step.max(1.0);
    if flat > 0 {
        let rows = counted(flat as u64, "row");
        return Some((
            Code::Sf106,
            format!("the last {rows} show no change that the printed loss or 64-bit rounding could hold"),
        ));
    }
    if let Some(tolerance) = typed_tolerance(last_changes).filter(|_| tail.stride == 1.0) {
        let (last, tolerance) = (figure(last_changes.0, 3), figure(tolerance, 1));
        return Some((
            Code::Sf104,
            format!(
                "the last change of the loss, {last}, is the first within {tolerance}, which looks like its tolerance"
            ),
        ));
    }
    let steps = figure(tail.last_step, 6);
    if soon && is_round(tail.last_step) {
        return Some((Code::Sf108, format!("the trace ends at step {steps}, which looks like a limit")));
    }
    let percent = figure(100.0 * slow, 2);
    let early =
        format!("the trace ends at step {steps}, while the error still shrinks by {percent} % in a step");
    if soon || slow >= CRAWL {
        return Some((Code::Sf108, early));
    }
    let speed = shrinking.speed?;
    let fast = figure(100.0 * speed, 2);
    Some(match conditioning(shrinking) {
        Some(Code::Sf102) => (
            Code::Sf102,
            format!("every direction crawls, the fastest seen moves by {fast} % of its error in a step"),
        ),
        Some(_) => (
            Code::Sf103,
            format!(
                "the slowest direction loses {percent} % of its error in a step, while the fastest seen moves by {fast} %"
            ),
        ),
        None => (Code::Sf108, early),
    })
}

/// The power of ten that the last change of the loss was the first to be within.
fn typed_tolerance((last, before): (f64, f64)) -> Option<f64> {
    // A step from one power of ten to another is common where the loss falls fast, and shows nothing there.
    let slow = last > 0.5 * before;
    let power = 10f64.powi(exponent_above(last)?);
    (slow && last <= power * (1.0 + 1e-9) && power < before).then_some(power)
}

/// ⌈log₁₀ value⌉, for a positive value.
fn exponent_above(value: f64) -> Option<i32> {
    let exponent = value.log10().ceil();
    #[expect(clippy::cast_possible_truncation, reason = "the logarithm of an f64 is below 400")]
    exponent.is_finite().then_some(exponent as i32)
}

/// Advice for an unfinished run that would take `total` steps as it is: what the numbers of a trace bear out.
fn way_out(code: Code, total: f64) -> Option<Remedy> {
    if matches!(code, Code::Sf106) || total >= 1e15 {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "1 ≤ total < 1e15")]
    let total = total.ceil() as u64;
    Some(advice(
        format!("about {} steps in all at this rate", count(total)),
        Some(total),
        Fix::MaxIter(total),
    ))
}

/// Whether a number of steps looks like a limit that someone typed: 100, 5000, 20000, one less when counted from 0.
fn is_round(steps: f64) -> bool {
    let typed = |steps: f64| {
        let size = 10f64.powf(steps.log10().floor() - 1.0);
        steps >= 100.0 && (steps / size).fract() == 0.0
    };
    typed(steps) || typed(steps + 1.0)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::float_cmp)]

    use super::*;
    use crate::diagnosis::cases::{sales, sales_minmax, squared};
    use crate::oracle::Local;
    use crate::problem::LossKind;
    use crate::solver::gradient_descent::{Settings, descend};

    fn column(name: &str, values: impl IntoIterator<Item = f64>) -> (String, Vec<f64>) {
        (name.to_owned(), values.into_iter().collect())
    }

    fn trace(columns: Vec<(String, Vec<f64>)>, rate: Option<f64>) -> ExternalTrace {
        ExternalTrace::from_columns(columns, rate).unwrap()
    }

    fn ours(minmax: bool, rate: f64, max_iter: u64) -> ExternalTrace {
        let design = if minmax { sales_minmax() } else { sales() };
        let mut oracle = Local::new(&design, LossKind::Squared).unwrap();
        let settings =
            Settings { learning_rate: rate, tolerance: 0.0, max_iter, start: None, time_limit: None };
        let ran = descend(&mut oracle, &squared(), &settings, &|_| true).unwrap();
        let mut text = Vec::new();
        ran.trace.write_csv(&mut text).unwrap();
        let mut reader = csv::Reader::from_reader(text.as_slice());
        let names: Vec<String> = reader.headers().unwrap().iter().map(str::to_owned).collect();
        let rows: Vec<Vec<f64>> =
            reader.records().map(|r| r.unwrap().iter().map(|f| f.parse().unwrap()).collect()).collect();
        let columns = names.into_iter().enumerate();
        let columns = columns.map(|(j, name)| (name, rows.iter().map(|row| row[j]).collect())).collect();
        trace(columns, Some(rate))
    }

    fn cause(verdict: TraceVerdict) -> Diagnosis {
        match verdict {
            TraceVerdict::Found(diagnosis) => diagnosis,
            other => panic!("no cause: {other:?}"),
        }
    }

    fn value(diagnosis: &Diagnosis, name: &str) -> f64 {
        diagnosis.evidence[name].as_f64().unwrap()
    }

    /// A real trace: slopes growing by this factor at rate 0.0005 (diagnosis.md of the design).
    #[test]
    fn slopes_growing_by_1_0848_give_the_known_curvature_and_limit() {
        let growth: f64 = 1.084_770_901_881_949_6;
        let slopes: Vec<f64> = (0..12).map(|k| 3.0 + 0.2 * (-growth).powi(k)).collect();
        let losses: Vec<f64> = (0..12).map(|k| 5.0 + growth.powi(2 * k)).collect();
        let found = cause(diagnose_trace(
            &trace(vec![column("J", losses), column("slope", slopes)], Some(0.0005)),
            1e-6,
        ));
        assert_eq!((found.code, found.also.as_slice()), (Code::Sf101, [Code::Sf105].as_slice()));
        assert!((value(&found, "L") / 4169.54 - 1.0).abs() < 1e-6);
        assert!((value(&found, "limit") / 0.000_479_67 - 1.0).abs() < 1e-5);
    }

    #[test]
    fn losses_alone_give_the_growth_and_without_a_rate_the_factor_it_must_shrink_by() {
        let losses = (0..8).map(|k| 605.7 + 3.0 * 2.644_637f64.powi(2 * k));
        let found = cause(diagnose_trace(&trace(vec![column("Train Loss", losses)], None), 1e-6));
        assert_eq!(found.code, Code::Sf101);
        assert!((value(&found, "growth") / 2.644_637 - 1.0).abs() < 1e-9);
        // lr 0.01 over the limit 0.005487515.
        assert!((value(&found, "shrink") - 0.01 / 0.005_487_515).abs() < 1e-5);
        assert!(found.remedies.is_empty());
    }

    #[test]
    fn our_own_diverging_trace_gives_the_curvature_of_the_data() {
        let found = cause(diagnose_trace(&ours(false, 0.01, 10_000), 1e-6));
        assert_eq!(found.code, Code::Sf101);
        assert!((value(&found, "L") / 364.463_700_245 - 1.0).abs() < 1e-6);
    }

    #[test]
    fn a_slow_tail_gives_the_smallest_curvature_and_the_steps_left() {
        let found = cause(diagnose_trace(&ours(true, 0.01, 7743), 1e-6));
        assert_eq!(found.code, Code::Sf104);
        assert!((value(&found, "mu_estimate") / 0.066_022_871 - 1.0).abs() < 1e-4);
        // The data says 11,860 steps in all.
        assert!((value(&found, "steps_left_estimate") - (11_860.0 - 7743.0)).abs() < 3.0);
        let limited = cause(diagnose_trace(&ours(true, 0.01, 8000), 1e-6));
        assert_eq!(limited.code, Code::Sf108);
    }

    #[test]
    fn raw_sales_at_rate_005_is_slow_by_conditioning() {
        let found = cause(diagnose_trace(&ours(false, 0.005, 10_000), 1e-6));
        assert_eq!(found.code, Code::Sf103);
        assert!((value(&found, "mu_estimate") / 0.040_466_42 - 1.0).abs() < 1e-3);
    }

    #[test]
    fn a_crawling_run_is_a_tiny_rate() {
        let found = cause(diagnose_trace(&ours(true, 0.001, 200), 1e-6));
        assert_eq!(found.code, Code::Sf102);
    }

    #[test]
    fn a_run_at_rest_has_no_cause() {
        let verdict = diagnose_trace(&ours(true, 0.7, 400), 1e-6);
        assert!(matches!(verdict, TraceVerdict::Converged { .. }), "{verdict:?}");
    }

    #[test]
    fn a_loss_printed_with_two_decimals_hides_the_end_of_its_course() {
        let losses = (0..300).map(|k| ((605.7 + 100.0 * 0.99f64.powi(k)) * 100.0).round() / 100.0);
        let found = cause(diagnose_trace(&trace(vec![column("loss", losses)], None), 1e-6));
        assert_eq!(found.code, Code::Sf106);
    }

    #[test]
    fn one_speed_in_all_directions_is_no_ill_conditioning() {
        let losses = (0..8).map(|k| 5.0 + 3.0 * 0.6f64.powi(k));
        let found = cause(diagnose_trace(&trace(vec![column("loss", losses)], None), 1e-6));
        assert_eq!((found.code, found.also.as_slice()), (Code::Sf108, [].as_slice()));
        // √0.6 of the error is left after a step.
        assert!(found.message.contains("shrinks by 23 % in a step"), "{}", found.message);
    }

    #[test]
    fn five_losses_that_halve_give_the_steps_left_and_no_tolerance() {
        let found =
            cause(diagnose_trace(&trace(vec![column("loss", [5.0, 4.0, 3.5, 3.25, 3.125])], None), 1e-6));
        assert_eq!((found.code, found.also.as_slice()), (Code::Sf108, [].as_slice()));
        // 0.125 is left of a loss of 3: halved 16 times it is below 3e-6.
        assert_eq!(value(&found, "rest_estimate"), 0.125);
        assert_eq!(value(&found, "steps_left_estimate"), 16.0);
    }

    /// A loop of its own on `½ Σ hᵢ θᵢ² + 0.1` from (1, 1).
    fn bowl(curvature: [f64; 2], rate: f64, rows: usize) -> Vec<(String, Vec<f64>)> {
        let (mut theta, mut columns) = ([1.0, 1.0], vec![Vec::new(); 3]);
        for _ in 0..rows {
            let square = |i: usize| 0.5 * curvature[i] * theta[i] * theta[i];
            columns[0].push(square(0) + square(1) + 0.1);
            for i in 0..2 {
                columns[i + 1].push(theta[i]);
                theta[i] -= rate * curvature[i] * theta[i];
            }
        }
        ["loss", "a", "b"].into_iter().zip(columns).map(|(name, values)| column(name, values)).collect()
    }

    fn edge(verdict: TraceVerdict) -> Diagnosis {
        match verdict {
            TraceVerdict::Edge(diagnosis) => diagnosis,
            other => panic!("not at the edge: {other:?}"),
        }
    }

    #[test]
    fn a_flat_loss_with_parameters_to_and_fro_is_no_rest() {
        let exactly = edge(diagnose_trace(&trace(bowl([1.0, 0.1], 2.0, 200), Some(2.0)), 1e-6));
        assert_eq!((value(&exactly, "limit"), value(&exactly, "move")), (2.0, 2.0));
        assert!(
            exactly
                .message
                .starts_with("lr 2 is exactly at the limit 2/L = 2: `a` moves to and fro by the same 2")
        );
        assert!(exactly.reasons[0].contains("flat loss is no proof"));
        let nearly = edge(diagnose_trace(&trace(bowl([1.0, 0.1], 1.998, 200), None), 1e-6));
        assert!((value(&nearly, "share_of_limit") - 0.999).abs() < 1e-9);
        assert!(nearly.message.contains("`a` overshoots in every step"), "{}", nearly.message);
    }

    #[test]
    fn raw_sales_just_below_the_limit_are_at_its_edge_and_the_rate_is_halved() {
        let found = edge(diagnose_trace(&ours(false, 0.005_48, 500), 1e-6));
        assert!((value(&found, "limit") / 0.005_487_515 - 1.0).abs() < 1e-4);
        let Fix::LearningRate(rate) = found.remedies[0].fix else { panic!("no rate") };
        assert!((rate / (1.0 / 364.463_7) - 1.0).abs() < 1e-3);
    }

    #[test]
    fn losses_alone_never_ask_for_a_larger_rate() {
        // (1 − ηλ)² is the same for ηλ = 0.00274 and 1.99726.
        for known in [None, Some(0.005_48)] {
            let mut own = ours(false, 0.005_48, 500);
            own.parameters.clear();
            own.learning_rate = known;
            let verdict = diagnose_trace(&own, 1e-6);
            let TraceVerdict::Inconclusive { message } = verdict else { panic!("{verdict:?}") };
            assert!(message.contains("cannot tell") && message.contains("more steps"), "{message}");
        }
    }

    #[test]
    fn centred_sales_stopped_by_a_loose_tolerance_are_no_tiny_rate() {
        let mut oracle_rows =
            crate::diagnosis::cases::Run::new(crate::diagnosis::cases::sales_centred(), 0.01, 1.0, 10_000);
        oracle_rows.settings.tolerance = 1.0;
        let ran = oracle_rows.descend();
        let rows: Vec<_> = ran.trace.rows().collect();
        let parameter = |j: usize| rows.iter().map(move |row| row.parameters[j]).collect::<Vec<_>>();
        let columns = vec![
            column("loss", rows.iter().map(|row| row.loss)),
            column("b", parameter(0)),
            column("w", parameter(1)),
        ];
        let found = cause(diagnose_trace(&trace(columns, Some(0.01)), 1e-6));
        assert_eq!((found.code, found.also.as_slice()), (Code::Sf104, [].as_slice()));
        assert!((value(&found, "mu_estimate") - 1.0).abs() < 1e-3);
    }

    #[test]
    fn stochastic_losses_are_named_as_such_and_not_as_a_climb() {
        let mut state = 7u64;
        let mut noise = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 40) as f64 / f64::from(1u32 << 24)
        };
        let losses: Vec<f64> = (0..200).map(|k| 606.0 + 87_645.0 * 0.8f64.powi(k) + 80.0 * noise()).collect();
        let verdict = diagnose_trace(&trace(vec![column("loss", losses)], Some(0.001)), 1e-6);
        let TraceVerdict::Inconclusive { message } = verdict else { panic!("{verdict:?}") };
        assert!(message.contains("stochastic"), "{message}");
    }

    #[test]
    fn a_loss_on_its_way_to_0_is_not_measured_against_0() {
        let losses = (0..8).map(|k| 4.0 * 0.5f64.powi(k));
        let found = cause(diagnose_trace(&trace(vec![column("loss", losses)], None), 1e-6));
        assert!(found.message.contains("still 0.031 above its limit"), "{}", found.message);
    }

    #[test]
    fn a_short_run_into_infinity_is_divergence() {
        let losses = [4.0, 40.0, 400.0, 4000.0, f64::INFINITY, f64::NAN];
        let found = cause(diagnose_trace(&trace(vec![column("loss", losses)], Some(0.1)), 1e-6));
        assert_eq!(found.code, Code::Sf101);
        assert!((value(&found, "growth") - 10f64.sqrt()).abs() < 1e-12);
        for uneven in [[4.0, 50.0, 4000.0, f64::NAN], [5.0, 50.0, f64::INFINITY, f64::NAN]] {
            let found = cause(diagnose_trace(&trace(vec![column("loss", uneven)], None), 1e-6));
            assert_eq!(found.code, Code::Sf101);
            assert!(found.message.contains("it diverges"), "{}", found.message);
            assert!(found.remedies.is_empty());
        }
    }

    #[test]
    fn rows_that_the_program_left_empty_are_no_overflow() {
        let losses = |k: i32| 5.0 + 3.0 * 0.9f64.powi(k);
        let full =
            trace(vec![column("step", (0..40).map(f64::from)), column("loss", (0..40).map(losses))], None);
        // A logger that writes training and validation in rows of their own.
        let step = column("step", (0..80).map(|row| f64::from(row / 2)));
        let loss = column("loss", (0..80).map(|row| if row % 2 == 0 { losses(row / 2) } else { f64::NAN }));
        let other = column("score", (0..80).map(|row| if row % 2 == 1 { 1.0 } else { f64::NAN }));
        let holes = trace(vec![step, loss, other], None);
        assert_eq!(diagnose_trace(&holes, 1e-6), diagnose_trace(&full, 1e-6));
        let nothing = trace(vec![column("loss", [f64::NAN; 3])], None);
        assert!(
            matches!(diagnose_trace(&nothing, 1e-6), TraceVerdict::Inconclusive { message } if message.contains("first row"))
        );
    }

    #[test]
    fn noise_and_short_traces_are_not_judged() {
        let noisy = (0..50).map(|k| 5.0 + f64::from(k % 2) * 0.01 + 1.0 / f64::from(k + 1));
        let verdict = diagnose_trace(&trace(vec![column("loss", noisy)], None), 1e-6);
        assert!(matches!(verdict, TraceVerdict::Inconclusive { .. }), "{verdict:?}");
        for rows in 0..4 {
            let short = trace(vec![column("loss", (0..rows).map(|k| 9.0 - f64::from(k)))], None);
            assert!(matches!(diagnose_trace(&short, 1e-6), TraceVerdict::Inconclusive { .. }));
        }
    }

    #[test]
    fn a_climb_without_steady_growth_is_divergence_read_as_convergence() {
        let losses = [9.0, 4.0, 2.0, 1.5, 1.4, 3.0, 3.3, 2.9, 4.5];
        assert_eq!(
            cause(diagnose_trace(&trace(vec![column("cost", losses)], Some(0.1)), 1e-6)).code,
            Code::Sf105
        );
        let broken = [9.0, 4.0, 2.0, 1.5, 1.4, 1.3, f64::NAN, f64::NAN];
        assert_eq!(cause(diagnose_trace(&trace(vec![column("cost", broken)], None), 1e-6)).code, Code::Sf105);
    }

    #[test]
    fn columns_are_found_by_their_usual_names() {
        let columns = ["Epoch", "val_loss", "Learning Rate", "theta_0", "J(theta)"];
        let found = trace(columns.map(|name| column(name, [0.5; 6])).to_vec(), None);
        assert_eq!(found.learning_rate, Some(0.5));
        assert_eq!(found.parameters.len(), 1);
        assert_eq!(found.steps, [0.5; 6]);
        let none = ExternalTrace::from_columns(["a", "b"].map(|name| column(name, [1.0])).to_vec(), None);
        assert!(none.unwrap_err().to_string().contains("`a` and `b`"));
    }
}
