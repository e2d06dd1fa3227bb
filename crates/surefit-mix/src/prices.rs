//! What it costs to force an input in or out: the price of each decision, to the same proof as the mix itself.

use crate::error::Result;
use crate::problem::{Problem, Range};
use crate::solve::{Attempt, Mix, Progress, Settings, Solution, attempt};

/// The best mix in which one input is decided the other way.
#[derive(Clone, Debug, PartialEq)]
pub struct Price {
    /// The input, by number.
    pub input: usize,
    /// Whether the best mix uses it; the price is that of the other choice.
    pub is_used: bool,
    /// The best mix with the other choice; none if there is no such mix, or none was found in time.
    pub mix: Option<Mix>,
    /// No mix with the other choice has a lower objective; infinite if there is none.
    pub bound: f64,
    /// Whether the mix is proven to the gap.
    pub is_certified: bool,
}

/// The prices of all inputs that have a choice. When `go_on` says no, those found so far.
///
/// # Errors
/// As [`crate::solve`].
pub fn prices(
    problem: &Problem,
    settings: &Settings,
    solution: &Solution,
    go_on: &(dyn Fn(&Progress) -> bool + Sync),
) -> Result<Vec<Price>> {
    let settings = Settings { alternatives: 1, keep_tree: false, ..*settings };
    let mut prices = Vec::new();
    for input in 0..problem.inputs.len() {
        let range = problem.ranges[input];
        let is_used = solution.best.weights[input] != 0.0;
        let has_choice = range.optional && (range.low > 0.0 || range.high < 0.0);
        if !has_choice {
            continue;
        }
        let mut other = problem.clone();
        other.ranges[input] = if is_used { Range::NEVER } else { Range { optional: false, ..range } };
        let price = match attempt(&other, &settings, go_on)? {
            Attempt::Solved(solution) => Price {
                input,
                is_used,
                bound: solution.certificate.bound,
                is_certified: solution.is_certified,
                mix: Some(solution.best),
            },
            Attempt::Infeasible => {
                Price { input, is_used, mix: None, bound: f64::INFINITY, is_certified: true }
            }
            Attempt::Nothing { bound, .. } => Price { input, is_used, mix: None, bound, is_certified: false },
        };
        let is_stopped = !price.is_certified;
        prices.push(price);
        if is_stopped {
            break;
        }
    }
    Ok(prices)
}
