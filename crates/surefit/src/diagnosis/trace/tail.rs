//! What the last rows of a trace show: steady growth, moves to and fro, noise, or how it comes to rest.

use super::super::false_convergence;
use super::super::words::counted;
use super::columns::ExternalTrace;
use crate::num::UNIT_ROUNDOFF;

/// Growth is steady when three consecutive ratios agree to this.
const STEADY: f64 = 0.01;
/// Ratios that show growth, and changes that show a tail.
pub(super) const WINDOW: usize = 3;
/// Changes in each of the two sums whose ratio is that of the tail, at most.
const TAIL: usize = 20;
/// The error of a ratio of changes, at most, beside its distance to 1.
const KNOWN: f64 = 1e-3;
/// A change of so many of the smallest there can be is known to a tenth.
const VISIBLE: f64 = 10.0;
/// Moves to and fro that keep so much of their size from step to step are at the edge of the limit.
const EDGE: f64 = 0.9;
/// Pairs of moves that all have to go to and fro, at most.
const PAIRS: usize = 8;
/// Changes of a loss that is not smooth, at least, of which a quarter rises and a quarter falls.
const NOISY: usize = 8;
/// A loss no longer falls when it fell by less than this share of its band.
const FLAT: f64 = 0.1;
/// A band that keeps less of its width is narrowing.
const WIDE: f64 = 2.0 / 3.0;

/// The last rows of a trace, evenly spaced.
pub(super) struct Tail {
    /// Steps from row to row.
    pub stride: f64,
    /// Steps at the end.
    pub last_step: f64,
    pub first_loss: f64,
    pub best_loss: f64,
    pub losses: Vec<f64>,
    /// θₖ₊₁ − θₖ from row to row; empty without parameters.
    steps: Vec<Vec<f64>>,
    /// Their norms.
    moves: Vec<f64>,
    /// What printing or rounding hides in a change of the loss.
    resolution: f64,
    /// Changes up to this are none: printed alike, or rounding.
    none: f64,
}

/// How a tail comes to rest.
pub(super) struct Shrinking {
    /// Ratio of consecutive changes, per row.
    pub ratio: f64,
    /// Part of its error that the slowest direction loses in a step.
    pub slow: f64,
    /// A lower bound of ηL, where parameters show one.
    pub speed: Option<f64>,
    /// The last change of the loss, and the one before it.
    pub last_changes: (f64, f64),
    /// The loss still to be lost, at the last row that shows a change.
    pub rest: f64,
    /// Rows after it.
    pub flat: usize,
    /// Those of them, at the end, that show no change at all.
    pub still: usize,
    /// The loss that it tends to.
    pub limit: f64,
}

impl Tail {
    pub fn of(trace: &ExternalTrace) -> Self {
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
            none: (0.5 * printed_unit(own)).max(VISIBLE * rounding(own)),
        }
    }

    pub fn last_loss(&self) -> f64 {
        self.losses.last().copied().unwrap_or(f64::NAN)
    }

    pub fn climbed(&self) -> bool {
        self.last_loss() > self.first_loss + self.resolution
            || self.last_loss()
                > self.best_loss + (false_convergence::CLIMB - 1.0) * self.best_loss.abs() + self.resolution
    }

    /// Whether the loss only rose, from the first row on.
    pub fn only_grew(&self) -> bool {
        self.losses.len() > 1 && self.losses.windows(2).all(|pair| pair[1] > pair[0])
    }

    /// Moves to and fro that hardly shrink, or not at all, while the loss does not rise.
    pub fn edge(&self, target: f64) -> Option<Edge> {
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

    /// How the loss goes up and down without a trend upwards, in the second half; absent where it does not.
    pub fn noise(&self) -> Option<Noise> {
        let middle = self.losses.len() / 2;
        let half = &self.losses[middle..];
        let seen = |change: &f64| change.abs() > VISIBLE * self.resolution;
        let changes: Vec<f64> = half.windows(2).map(|pair| pair[1] - pair[0]).filter(seen).collect();
        let rises = changes.iter().filter(|change| **change > 0.0).count();
        let falls = changes.len() - rises;
        if changes.len() < NOISY || 4 * rises.min(falls) < changes.len() {
            return None;
        }
        let turns = changes.windows(2).filter(|pair| pair[0] * pair[1] < 0.0).count();
        let (before, after) = half.split_at(half.len() / 2);
        let (third, fourth) = (Band::of(before), Band::of(after));
        // Upwards in the end, or above the start as a whole: one value says nothing where all go up and down.
        let rising = fourth.mean > third.mean + 0.5 * third.width();
        if rising || fourth.mean > self.first_loss + fourth.width() {
            return None;
        }
        let band =
            Band { low: third.low.min(fourth.low), high: third.high.max(fourth.high), mean: fourth.mean };
        let flat = FLAT * band.width();
        let best_before = self.losses[..middle].iter().copied().fold(f64::INFINITY, f64::min);
        Some(Noise {
            low: band.low,
            high: band.high,
            rises,
            falls,
            for_ever: 3 * turns >= changes.len()
                && best_before - band.low <= flat
                && third.mean - fourth.mean <= flat
                && fourth.width() >= WIDE * third.width(),
        })
    }

    /// The step of the best loss of all evenly spaced rows.
    pub fn best_step(&self) -> f64 {
        let rows = self.losses.iter().enumerate();
        let best = rows.min_by(|a, b| a.1.total_cmp(b.1)).map_or(0, |(row, _)| row);
        self.last_step - (self.losses.len() - 1 - best) as f64 * self.stride
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
    pub fn growth(&self, window: usize) -> Option<f64> {
        let of_moves = self.moves.windows(2).map(|pair| pair[1] / pair[0]).collect::<Vec<_>>();
        let changes: Vec<f64> = self.losses.windows(2).map(|pair| pair[1] - pair[0]).collect();
        let ratio =
            |pair: &[f64]| if pair[0] > 0.0 && pair[1] > 0.0 { (pair[1] / pair[0]).sqrt() } else { f64::NAN };
        let of_losses = changes.windows(2).map(ratio).collect::<Vec<_>>();
        let per_row = steady_growth(&of_moves, window).or_else(|| steady_growth(&of_losses, window))?;
        Some(per_row.powf(1.0 / self.stride))
    }

    pub fn shrinking(&self) -> Result<Shrinking, String> {
        let changes: Vec<f64> = self.losses.windows(2).map(|pair| pair[0] - pair[1]).collect();
        let visible = |change: &f64| change.abs() > VISIBLE * self.resolution;
        let flat = changes.iter().rev().take_while(|change| !visible(change)).count();
        let still = changes.iter().rev().take_while(|change| change.abs() <= self.none).count();
        let seen = &changes[..changes.len() - flat];
        if seen.is_empty() {
            return Err("no change of the loss from row to row is ten times its last digit: nothing can be told of its course".to_owned());
        }
        if seen.len() < WINDOW {
            return Err(format!("the loss changes visibly in {} only", counted(seen.len() as u64, "row")));
        }
        let most = (seen.len() / 2).min(TAIL);
        if seen[seen.len() - 2 * most..].iter().any(|&change| change <= 0.0) {
            return Err("the loss falls and rises again in turn: full-batch descent at one rate only falls or only grows in the end, so this is noise, momentum or a changing rate".to_owned());
        }
        let (half, of_half, fallen) = self.halves(seen.len(), most);
        if of_half >= 1.0 {
            return Err("the loss still falls faster from row to row: its end is not in sight".to_owned());
        }
        let ratio = of_half.powf(1.0 / half as f64);
        let rest = fallen * of_half / (1.0 - of_half);
        let per_step = |ratio: f64| 1.0 - ratio.powf(0.5 / self.stride);
        Ok(Shrinking {
            ratio,
            slow: per_step(ratio),
            speed: self.speed(),
            last_changes: (seen[seen.len() - 1], seen[seen.len() - 2]),
            rest,
            flat,
            still: still.min(flat),
            limit: self.losses[seen.len()] - rest,
        })
    }

    /// Two sums of as many changes one after the other, up to the last of the first `seen` ones: how many changes, the
    /// ratio of the sums, and the second one. As few changes as the ratio is known with, and `most` where it is not:
    /// a fast direction makes older changes shrink faster than what is left does.
    fn halves(&self, seen: usize, most: usize) -> (usize, f64, f64) {
        let sums = |half: usize| {
            let [first, middle, last] = [2 * half, half, 0].map(|back| self.losses[seen - back]);
            (first - middle, middle - last)
        };
        let is_known = |half: &usize| {
            let (before, after) = sums(*half);
            let error = 2.0 * self.resolution * (1.0 / before + 1.0 / after);
            error * after <= KNOWN * (before - after)
        };
        let half = (1..most).find(is_known).unwrap_or(most);
        let (before, after) = sums(half);
        (half, after / before, after)
    }
}

/// A loss that goes up and down.
pub(super) struct Noise {
    /// Its least and its largest value in the second half.
    pub low: f64,
    pub high: f64,
    /// Changes that show there.
    pub rises: usize,
    pub falls: usize,
    /// Neither its best value, nor its mean, nor its band gets any smaller.
    pub for_ever: bool,
}

/// Losses of some rows.
struct Band {
    low: f64,
    high: f64,
    mean: f64,
}

impl Band {
    fn of(losses: &[f64]) -> Self {
        let ends = |(low, high): (f64, f64), &loss: &f64| (low.min(loss), high.max(loss));
        let (low, high) = losses.iter().fold((f64::INFINITY, f64::NEG_INFINITY), ends);
        Self { low, high, mean: losses.iter().sum::<f64>() / losses.len() as f64 }
    }

    fn width(&self) -> f64 {
        self.high - self.low
    }
}

/// Moves at the edge of the limit.
pub(super) struct Edge {
    /// What a step makes of the move before: −1 at the limit, above it below.
    pub factor: f64,
    /// ‖θₖ₊₁ − θₖ‖ at the end.
    pub distance: f64,
    /// The parameter that moves most.
    pub widest: usize,
    /// The loss no longer changes.
    pub flat: bool,
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
    rounding(losses).max(printed_unit(losses))
}

/// One unit of the last digit printed; 0 where all losses are 0.
fn printed_unit(losses: &[f64]) -> f64 {
    let unit = |loss: &f64| {
        let text = format!("{loss:e}");
        let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let places = mantissa.split_once('.').map_or(0, |(_, decimals)| decimals.len());
        10f64.powi(exponent.parse::<i32>().unwrap_or(0) - i32::try_from(places).unwrap_or(0))
    };
    // Zeros at the end of a number are not seen here, but some row has none.
    let printed = losses.iter().filter(|loss| **loss != 0.0).map(unit).fold(f64::INFINITY, f64::min);
    if printed.is_finite() { printed } else { 0.0 }
}

/// What 64-bit numbers lose of the last loss.
fn rounding(losses: &[f64]) -> f64 {
    4.0 * UNIT_ROUNDOFF * losses.last().copied().unwrap_or(0.0).abs()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::float_cmp)]

    use super::*;

    #[test]
    fn the_smaller_ritz_value_of_a_whole_plane_is_its_smaller_eigenvalue() {
        // [[0.5, 0.2], [0.2, -0.7]] on (1, 0): the mean of the diagonal minus the root of 0.6² + 0.2².
        let apply = |v: &[f64]| vec![0.5 * v[0] + 0.2 * v[1], 0.2 * v[0] - 0.7 * v[1]];
        let (zeroth, first) = (vec![1.0, 0.0], apply(&[1.0, 0.0]));
        let value = ritz(&zeroth, &first, &apply(&first)).unwrap();
        assert!((value - (-0.1 - 0.4f64.sqrt())).abs() < 1e-12, "{value}");
        assert_eq!(ritz(&zeroth, &[0.5, 0.0], &[0.25, 0.0]), None);
    }

    #[test]
    fn what_a_loss_can_show_is_its_last_printed_digit_or_its_rounding() {
        assert_eq!(resolution(&[605.75, 604.0, 0.0, 603.5]), 0.01);
        assert_eq!(resolution(&[3e8, 2.5e8]), 1e7);
        let third = 1.0 / 3.0;
        assert_eq!(resolution(&[third]), 4.0 * UNIT_ROUNDOFF * third);
    }

    #[test]
    fn growth_is_the_last_of_so_many_ratios_that_agree() {
        assert_eq!(steady_growth(&[3.0, 2.0, 2.001, 2.002, 9.0], 3), Some(2.002));
        assert_eq!(steady_growth(&[3.0, 2.0, 2.1, 2.002], 3), None);
        assert_eq!(steady_growth(&[1.0, 1.0, 1.0], 3), None);
    }
}
