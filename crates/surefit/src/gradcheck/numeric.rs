//! Derivatives from values alone.
//!
//! Smooth functions: central differences at h, h/2 and h/4, extrapolated twice (Richardson; the choice among steps
//! by the smaller error estimate is Ridders', "Accurate computation of F′(x) and F′(x)F″(x)", 1982), with
//! h ≈ ρ^{1/5} max(1, |θ|), ρ the relative rounding of a value. Kinks are told by s(h) = f₊ − 2f₀ + f₋: a jump J of the
//! derivative makes s = J h + f″h², and `(4 s(h/2) − s(h))/h` is J, which stays as h shrinks, where for a smooth
//! function it falls eightfold with every halving.

use crate::error::{Error, Result};
use crate::num::UNIT_ROUNDOFF;
use std::cell::RefCell;

/// How far the parameter of that index can move from the point before a kink.
pub type KinkDistance<'a> = &'a dyn Fn(&[f64], usize) -> f64;

/// What is known of the function.
#[derive(Clone, Copy)]
pub struct Settings<'a> {
    /// Relative rounding error of a value: 2⁻⁵³ times what the sums within make of it, more for a function that
    /// works in single precision.
    pub rounding: f64,
    /// For piecewise quadratic functions: how far the parameter of that index can move either way before a kink;
    /// 0 at one, infinite where there is none. The difference quotient is exact within.
    pub kink_distance: Option<KinkDistance<'a>>,
}

impl Default for Settings<'_> {
    fn default() -> Self {
        Self { rounding: 64.0 * UNIT_ROUNDOFF, kink_distance: None }
    }
}

/// One entry of a gradient.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Entry {
    /// As claimed.
    pub given: f64,
    /// As the values say; at a kink the middle of the one-sided derivatives.
    pub numeric: f64,
    /// How far `given` is from right: from `numeric`, at a kink from the one-sided derivatives around it.
    pub error: f64,
    /// What rounding and truncation explain of it.
    pub allowance: f64,
    /// The derivative jumps here: anything between the one-sided ones was accepted.
    pub kink: bool,
}

impl Entry {
    /// Whether the error is explained.
    pub fn is_right(&self) -> bool {
        self.error <= self.allowance
    }
}

/// A gradient at one point.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// One a parameter.
    pub entries: Vec<Entry>,
}

impl Report {
    /// Whether every entry is right.
    pub fn agrees(&self) -> bool {
        self.entries.iter().all(Entry::is_right)
    }

    /// The parameter whose error is the most above what is allowed.
    pub fn worst(&self) -> Option<usize> {
        let excess = |entry: &Entry| entry.error - entry.allowance;
        (0..self.entries.len()).max_by(|a, b| {
            let (a, b) = (&self.entries[*a], &self.entries[*b]);
            excess(a).total_cmp(&excess(b))
        })
    }
}

/// Compares `given` with the numeric gradient of `value` at the point.
///
/// # Errors
/// When the lengths differ, or the function is not finite at the point.
pub fn check(
    value: &dyn Fn(&[f64]) -> f64,
    given: &[f64],
    at: &[f64],
    settings: &Settings<'_>,
) -> Result<Report> {
    let point = RefCell::new(at.to_vec());
    let moved = |index: usize, theta: f64| {
        let mut point = point.borrow_mut();
        let own = std::mem::replace(&mut point[index], theta);
        let there = value(&point);
        point[index] = own;
        there
    };
    check_moved(value(at), &moved, given, at, settings)
}

/// The function with the parameter of that index moved to another value, the others being where they were.
pub(super) type Moved<'a> = &'a dyn Fn(usize, f64) -> f64;

/// [`check`] of a function that is `here` at the point, and cheap to know where one parameter is moved.
pub(super) fn check_moved(
    here: f64,
    moved: Moved<'_>,
    given: &[f64],
    at: &[f64],
    settings: &Settings<'_>,
) -> Result<Report> {
    let usage = |what: String, hint: &str| Err(Error::Usage { what, hint: hint.to_owned() });
    if given.len() != at.len() {
        return usage(
            format!("the gradient has {} entries, the point {}", given.len(), at.len()),
            "return one entry for every parameter, in the order of the parameters",
        );
    }
    if !here.is_finite() {
        return usage(
            format!("the function is {here} at the point of the check"),
            "check at a point where the function is finite",
        );
    }
    let line = Line { moved, point: at, here, rounding: settings.rounding };
    let mut entries = Vec::with_capacity(at.len());
    for (index, &given) in given.iter().enumerate() {
        let known = settings.kink_distance.map(|distance| distance(at, index));
        let slope = match known {
            Some(distance) if distance > 0.0 => line.within(index, distance),
            _ => line.slope(index),
        };
        let outside = (slope.low - given).max(given - slope.high).max(0.0);
        entries.push(Entry {
            given,
            numeric: 0.5 * (slope.low + slope.high),
            // `max` above drops the NaN of a claim that is none.
            error: if given.is_finite() { outside } else { f64::INFINITY },
            allowance: slope.allowance,
            kink: slope.kink,
        });
    }
    Ok(Report { entries })
}

/// The derivative along one parameter, in [low, high] up to the allowance.
struct Slope {
    low: f64,
    high: f64,
    allowance: f64,
    kink: bool,
}

impl Slope {
    fn uncertainty(&self) -> f64 {
        self.high - self.low + self.allowance
    }
}

/// The values at one step either way.
struct Pair {
    h: f64,
    ahead: f64,
    behind: f64,
}

impl Pair {
    fn central(&self) -> f64 {
        (self.ahead - self.behind) / (2.0 * self.h)
    }

    /// f₊ − 2f₀ + f₋.
    fn second(&self, here: f64) -> f64 {
        (self.ahead - here) - (here - self.behind)
    }
}

/// The function seen along one parameter at a time.
struct Line<'a> {
    moved: Moved<'a>,
    point: &'a [f64],
    here: f64,
    rounding: f64,
}

/// Each round of steps is so much shorter than the one before.
const SHRINK: f64 = 0.125;
/// Rounds of steps: the last has 1/512 of the first.
const ROUNDS: i32 = 4;
/// An error estimate of so much, relative to the derivative, needs no shorter steps.
const GOOD: f64 = 1e-8;

impl Line<'_> {
    fn pair(&self, index: usize, h: f64) -> Pair {
        let (above, below) = (self.point[index] + h, self.point[index] - h);
        // The step is the one that was taken, after its own rounding.
        Pair {
            h: 0.5 * (above - below),
            ahead: (self.moved)(index, above),
            behind: (self.moved)(index, below),
        }
    }

    /// The error of a value here that rounding explains.
    fn noise(&self, pair: &Pair) -> f64 {
        self.rounding * self.here.abs().max(pair.ahead.abs()).max(pair.behind.abs())
    }

    /// Within one quadratic piece, unless that is too short for its quotient to mean much.
    fn within(&self, index: usize, distance: f64) -> Slope {
        let piece = self.piece(index, distance);
        if piece.uncertainty() <= GOOD * (piece.low.abs() + self.here.abs()) {
            return piece;
        }
        let across = self.slope(index);
        if across.uncertainty() < piece.uncertainty() { across } else { piece }
    }

    fn piece(&self, index: usize, distance: f64) -> Slope {
        let scale = self.point[index].abs().max(1.0);
        let pair = self.pair(index, (0.5 * distance).min(0.5 * scale));
        let central = pair.central();
        let allowance = 2.0 * self.noise(&pair) / pair.h + self.rounding * central.abs();
        Slope { low: central, high: central, allowance, kink: false }
    }

    /// Without any knowledge: shorter and shorter steps until the error estimate is good.
    fn slope(&self, index: usize) -> Slope {
        let first = self.rounding.powf(0.2) * self.point[index].abs().max(1.0);
        let mut best: Option<Slope> = None;
        for round in 0..ROUNDS {
            let h = first * SHRINK.powi(round);
            let pairs = [self.pair(index, h), self.pair(index, 0.5 * h), self.pair(index, 0.25 * h)];
            let smooth = self.smooth(&pairs);
            // Only the shortest steps are believed to be at a kink; longer ones may have met one beside the point.
            let sides = (round + 1 == ROUNDS).then(|| self.sides(&pairs[2], smooth.is_none()));
            for slope in [smooth, sides].into_iter().flatten() {
                if best.as_ref().is_none_or(|best| slope.uncertainty() < best.uncertainty()) {
                    best = Some(slope);
                }
            }
            if best.as_ref().is_some_and(|best| best.uncertainty() <= GOOD * best.low.abs()) {
                break;
            }
        }
        best.unwrap_or(Slope { low: f64::NAN, high: f64::NAN, allowance: 0.0, kink: false })
    }

    /// The extrapolated derivative, unless it jumps between the steps.
    fn smooth(&self, [long, middle, short]: &[Pair; 3]) -> Option<Slope> {
        let noise = self.noise(long);
        let jump = |a: &Pair, b: &Pair| (4.0 * b.second(self.here) - a.second(self.here)) / a.h;
        let (first, second) = (jump(long, middle).abs(), jump(middle, short).abs());
        // The seconds are of four roundings, and four times as much of the shorter one. NaN is no smoothness.
        let steady = second <= 32.0 * noise / middle.h || second <= 0.35 * first;
        if !steady {
            return None;
        }
        let (d0, d1, d2) = (long.central(), middle.central(), short.central());
        let (once, again) = ((4.0 * d1 - d0) / 3.0, (4.0 * d2 - d1) / 3.0);
        let twice = (16.0 * again - once) / 15.0;
        // A jump too small to be told from rounding moves the central difference by half of it.
        let unseen = second;
        let allowance =
            2.0 * (twice - again).abs() + 4.0 * noise / short.h + unseen + self.rounding * twice.abs();
        Some(Slope { low: twice, high: twice, allowance, kink: false })
    }

    /// Between the one-sided derivatives.
    fn sides(&self, pair: &Pair, kink: bool) -> Slope {
        let (left, right) = ((self.here - pair.behind) / pair.h, (pair.ahead - self.here) / pair.h);
        let allowance = 2.0 * self.noise(pair) / pair.h + self.rounding * left.abs().max(right.abs());
        Slope { low: left.min(right), high: left.max(right), allowance, kink }
    }
}
