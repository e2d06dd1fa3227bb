//! SF106: the tolerance asks for changes that 64-bit numbers cannot show.
//!
//! Test: the tolerance is below 4u·|f| (u = 1.1e-16), which is what rounding alone moves the loss; or the last step moved
//! no parameter, as η|gⱼ| is below half a unit in the last place of θⱼ for all j, and so no further step can.

use super::Code;
use super::forecast::round_up;
use super::situation::{Cause, Situation};
use super::words::{figure, plain_rate};
use crate::num::UNIT_ROUNDOFF;
use serde_json::{Map, json};

/// The smallest tolerance that rounding of the loss does not drown, of two digits.
pub(super) fn smallest_tolerance(loss: f64) -> f64 {
    round_up(4.0 * UNIT_ROUNDOFF * loss.abs(), 2)
}

pub(super) fn check(situation: &Situation<'_>) -> Option<Cause> {
    let (outcome, settings) = (&situation.outcome, situation.context.settings);
    if !outcome.final_loss.is_finite() || !situation.spectrum.converges(settings.learning_rate) {
        return None;
    }
    let smallest = smallest_tolerance(outcome.final_loss);
    let message = if outcome.stalled {
        format!(
            "at lr {} the last step moved no parameter by half a unit in its last place: further steps change nothing",
            plain_rate(settings.learning_rate)
        )
    } else if settings.tolerance < smallest && settings.tolerance > 0.0 {
        format!(
            "tolerance {} is below {}, the rounding of a loss of {}: it can be met by chance only",
            figure(settings.tolerance, 3),
            figure(smallest, 2),
            figure(outcome.final_loss, 4)
        )
    } else {
        return None;
    };
    let mut evidence = Map::new();
    evidence.insert("smallest_tolerance".to_owned(), json!(smallest));
    evidence.insert("stalled".to_owned(), json!(outcome.stalled));
    Some(Cause { code: Code::Sf106, message, reasons: Vec::new(), evidence })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::float_cmp)]

    use super::*;
    use crate::diagnosis::cases::{Run, sales_centred};

    #[test]
    fn a_tolerance_below_the_rounding_of_the_loss_fires() {
        // 4u·605 = 2.7e-13.
        let codes =
            |tolerance| Run { target: 1e-12, ..Run::new(sales_centred(), 0.01, tolerance, 1000) }.codes();
        assert!(codes(2e-13).contains(&Code::Sf106));
        assert!(!codes(4e-13).contains(&Code::Sf106));
    }

    #[test]
    fn a_start_so_far_away_that_steps_vanish_is_stalled() {
        let mut run = Run::new(sales_centred(), 1e-18, 0.0, 10_000);
        run.settings.start = Some(vec![1e6, 1e6]);
        let found = run.diagnose().expect("a diagnosis");
        assert_eq!(found.code, Code::Sf106);
        assert!(found.message.contains("moved no parameter"), "{}", found.message);
    }
}
