//! SF104: the stop rule was met long before the optimum.
//!
//! Test: the run stopped by its tolerance, and its certificate is above the wanted gap. A small change of the
//! objective says little where descent is slow: with μ the smallest curvature, a last change Δf leaves a gap of up to
//! Δf / (2ημ(1 − ηL/2)). So the tolerance that gives a gap of ε·f* is about 2ημ·ε·f*. Where that drowns in rounding, as it
//! does near an exact fit, no tolerance gives the gap, and the reason says so.

use super::Code;
use super::situation::{Cause, Situation};
use super::words::{count, figure};
use crate::solver::Stop;
use serde_json::{Map, json};

pub(super) fn check(situation: &Situation<'_>) -> Option<Cause> {
    let outcome = &situation.outcome;
    if outcome.stop != Stop::Tolerance || !situation.spectrum.converges(situation.rate()) {
        return None;
    }
    let tolerance = situation.tolerance_for_wanted();
    let (objective, _) = situation.objective_and_optimum();
    let message = format!(
        "stopped at step {} as the loss changed by no more than {}, yet it is {} {}",
        count(outcome.steps),
        figure(situation.context.settings.tolerance, 3),
        figure(objective, 6),
        situation.against_the_optimum(),
    );
    let speed = situation.rate() * situation.spectrum.smallest();
    let mut reasons = vec![format!(
        "a step closes only {} % of the gap along the slowest direction, so a small change proves little",
        figure(100.0 * speed * (2.0 - speed), 2)
    )];
    if tolerance.is_none() {
        reasons.insert(
            0,
            format!(
                "within the wanted gap, {}, rounding drowns the changes of the loss: no tolerance is sure to end there",
                figure(situation.wanted, 2)
            ),
        );
    }
    let mut evidence = Map::new();
    evidence.insert("last_change".to_owned(), json!(outcome.last_change));
    evidence.insert("wanted_tolerance".to_owned(), json!(tolerance));
    Some(Cause { code: Code::Sf104, message, reasons, evidence })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::float_cmp)]

    use super::*;
    use crate::data::scale::Scale;
    use crate::diagnosis::cases::{Run, sales};

    fn minmax(tolerance: f64) -> Run {
        let run = Run::new(sales(), 0.01, tolerance, 20_000);
        Run { scale: Scale::Minmax, scale_target: true, ..run }
    }

    #[test]
    fn the_questioners_run_stopped_at_7743_is_a_loose_tolerance() {
        let found = minmax(1e-9).assert_remedies_hold();
        assert_eq!(found.code, Code::Sf104);
        assert!(found.also.contains(&Code::Sf102));
        assert!(found.message.starts_with("stopped at step 7,743 as the loss changed by no more than 1e-9"));
        assert!(found.message.ends_with("relative gap 2.3e-4, wanted 1e-6"), "{}", found.message);
        // 2ημ·ε·f* with the golden μ and f*, rounded down.
        let rule = 2.0 * 0.01 * 0.066_022_871_3 * 1e-6 * 0.003_291_001_37;
        let tolerance = found.evidence["wanted_tolerance"].as_f64().unwrap();
        assert!(tolerance <= rule && tolerance > 0.95 * rule);
        assert_eq!(found.remedies[0].command.as_deref(), Some(format!("--tolerance {tolerance:e}").as_str()));
    }

    #[test]
    fn a_tolerance_that_gives_the_gap_is_no_diagnosis() {
        assert_eq!(minmax(4.3e-12).diagnose(), None);
    }
}
