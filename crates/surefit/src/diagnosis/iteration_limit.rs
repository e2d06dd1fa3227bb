//! SF108: the iteration or time limit, or an interrupt, came first; nothing else is wrong that a setting would mend.
//!
//! Test: the run was stopped at a rate at which it converges. The number of steps that would do is forecast from the
//! data.

use super::Code;
use super::situation::{Cause, Situation};
use super::words::{count, figure, plain_rate};
use crate::solver::Stop;
use serde_json::{Map, json};

pub(super) fn check(situation: &Situation<'_>) -> Option<Cause> {
    let outcome = &situation.outcome;
    let limit = match outcome.stop {
        Stop::MaxIter => "the iteration limit",
        Stop::Time => "the time limit",
        Stop::Interrupted => "an interrupt",
        _ => return None,
    };
    if !situation.spectrum.converges(situation.rate()) {
        return None;
    }
    let rate = plain_rate(situation.rate());
    let needed = situation.steps_at(situation.rate());
    let wanted = figure(situation.context.target, 2);
    let rest = match needed {
        Some(needed) => {
            format!("a relative gap of {wanted} takes {} steps at lr {rate}", count(needed))
        }
        None if situation.spectrum.aim(situation.rate(), situation.wanted).is_none() => {
            format!("at lr {rate} rounding can keep any number of steps from a relative gap of {wanted}")
        }
        None => format!("at lr {rate} no number of steps reaches a relative gap of {wanted}"),
    };
    let comes = if situation.is_forecast() { "comes" } else { "came" };
    let message = format!("{limit} {comes} at step {}: {rest}", count(outcome.steps));
    let mut evidence = Map::new();
    evidence.insert("steps_needed".to_owned(), json!(needed));
    Some(Cause { code: Code::Sf108, message, reasons: Vec::new(), evidence })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::float_cmp)]

    use super::*;
    use crate::diagnosis::cases::{Run, sales_centred};

    #[test]
    fn a_sound_run_cut_short_needs_only_more_steps() {
        let found = Run::new(sales_centred(), 0.05, 1e-12, 50).assert_remedies_hold();
        assert_eq!((found.code, found.also.as_slice()), (Code::Sf108, [].as_slice()));
        let needed = found.evidence["steps_needed"].as_u64().unwrap();
        assert_eq!(found.remedies[0].command, Some(format!("--max-iter {needed}")));
        assert_eq!(found.remedies[0].steps, Some(needed));
    }

    #[test]
    fn one_step_less_than_needed_fires_and_as_many_as_needed_does_not() {
        let needed = 931;
        assert_eq!(Run::new(sales_centred(), 0.01, 0.0, needed).codes(), []);
        assert!(Run::new(sales_centred(), 0.01, 0.0, needed - 1).codes().contains(&Code::Sf108));
    }
}
