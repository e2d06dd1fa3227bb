//! SF105: a run that diverged, or climbed, was read as finished.
//!
//! Test: it ended with a finite loss that is above its first one, or more than 1 % above its best. Descent at a rate
//! below 2/L never climbs, so 1 % only leaves room for rounding.

use super::Code;
use super::situation::{Cause, Situation};
use super::words::figure;
use crate::solver::Stop;
use serde_json::{Map, json};

/// A final loss so far above the best is a climb.
pub(super) const CLIMB: f64 = 1.01;
/// What rounding moves a loss, relative to the first one: a run that starts at its optimum, or fits exactly.
const ROUNDING: f64 = 1e-12;

/// Whether a run ended above its start or well above its best point.
pub(super) fn climbed(first: f64, best: f64, last: f64) -> bool {
    let room = ROUNDING * first.abs();
    last > first + room || last > CLIMB * best + room
}

pub(super) fn check(situation: &Situation<'_>) -> Option<Cause> {
    let outcome = &situation.outcome;
    let ended = !matches!(outcome.stop, Stop::Diverged | Stop::Interrupted) && outcome.final_loss.is_finite();
    if !(ended && climbed(outcome.first_loss, outcome.best_loss, outcome.final_loss)) {
        return None;
    }
    let message = format!(
        "the run ended with loss {} after a best of {}: it climbed, it did not converge",
        figure(outcome.final_loss, 5),
        figure(outcome.best_loss, 5)
    );
    let mut evidence = Map::new();
    evidence.insert("first_loss".to_owned(), json!(outcome.first_loss));
    evidence.insert("best_loss".to_owned(), json!(outcome.best_loss));
    evidence.insert("final_loss".to_owned(), json!(outcome.final_loss));
    Some(Cause { code: Code::Sf105, message, reasons: Vec::new(), evidence })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::float_cmp)]

    use super::*;
    use crate::diagnosis::cases::{Run, sales};

    #[test]
    fn a_divergence_cut_short_is_named_beside_the_rate() {
        let found = Run::new(sales(), 0.01, 1e-9, 50).assert_remedies_hold();
        assert_eq!((found.code, found.also.as_slice()), (Code::Sf101, [Code::Sf105].as_slice()));
    }

    #[test]
    fn rounding_at_the_optimum_is_no_climb() {
        assert!(!climbed(605.0, 605.0, 605.0 + 1e-10));
        assert!(!climbed(605.0, 1e-28, 3e-28));
        assert!(climbed(605.0, 600.0, 607.0) && climbed(605.0, 300.0, 304.0));
    }

    #[test]
    fn a_run_that_only_falls_stays_silent() {
        assert!(!Run::new(sales(), 0.005, 1e-9, 50).codes().contains(&Code::Sf105));
    }
}
