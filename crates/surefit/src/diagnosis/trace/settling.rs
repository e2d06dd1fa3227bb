//! Traces that fall: at rest, or what kept them from it and how many steps are left.

use super::super::Code;
use super::super::words::{counted, figure};
use super::columns::ExternalTrace;
use super::tail::{Shrinking, Tail};
use super::{TraceVerdict, ask_the_data, evidence, found};

/// Below this part of its error lost in a step even the fastest direction crawls.
const CRAWL: f64 = 0.1;
/// Descent is ill-conditioned when its fastest direction is so many times faster than its slowest.
const SPREAD: f64 = 100.0;

/// A falling tail: at rest, or not yet.
pub(super) fn settling(
    trace: &ExternalTrace,
    tail: &Tail,
    shrinking: &Shrinking,
    target: f64,
) -> TraceVerdict {
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
    let Shrinking { slow, flat, still, last_changes, .. } = *shrinking;
    let soon = left <= tail.last_step.max(1.0);
    if still > 0 {
        let (rows, show) = (counted(still as u64, "row"), if still == 1 { "shows" } else { "show" });
        return Some((
            Code::Sf106,
            format!("the last {rows} {show} no change that the printed loss or 64-bit rounding could hold"),
        ));
    }
    // Of changes that are printed roughly none is the last to be within a tolerance.
    let typed = typed_tolerance(last_changes).filter(|_| tail.stride == 1.0 && flat == 0);
    if let Some(tolerance) = typed {
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
    use crate::diagnosis::trace::cases::{cause, column, ours, trace, value};
    use crate::diagnosis::trace::diagnose_trace;

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
    fn changes_of_a_few_units_of_the_last_digit_are_changes() {
        let of = |losses: &[f64]| diagnose_trace(&trace(vec![column("loss", losses.to_vec())], None), 1e-6);
        for losses in [&[100.0, 50.0, 25.0, 12.0, 6.0, 3.0][..], &[100.0, 50.0, 25.0, 12.0, 6.0]] {
            assert_eq!(cause(of(losses)).code, Code::Sf108);
        }
        let still = cause(of(&[100.0, 50.0, 25.0, 12.0, 6.0, 6.0]));
        assert_eq!(still.code, Code::Sf106);
        assert!(still.message.starts_with("the last 1 row shows no change"), "{}", still.message);
    }

    #[test]
    fn a_run_at_rest_has_no_cause() {
        let verdict = diagnose_trace(&ours(true, 0.7, 400), 1e-6);
        assert!(matches!(verdict, TraceVerdict::Converged { .. }), "{verdict:?}");
    }

    #[test]
    fn a_slow_direction_is_seen_behind_a_fast_one_that_has_just_ended() {
        let losses = (0..51).map(|k| 0.5 + 0.15 * 0.9999f64.powi(k) + 50.0 * 0.61f64.powi(k));
        let verdict = diagnose_trace(&trace(vec![column("loss", losses)], None), 1e-6);
        let TraceVerdict::Inconclusive { message } = verdict else { panic!("{verdict:?}") };
        assert!(message.contains("still 22 % above its limit"), "{message}");
    }

    #[test]
    fn a_loss_printed_with_two_decimals_hides_the_end_of_its_course() {
        let losses = (0..1050).map(|k| ((605.7 + 100.0 * 0.99f64.powi(k)) * 100.0).round() / 100.0);
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
    fn a_loss_on_its_way_to_0_is_not_measured_against_0() {
        let losses = (0..8).map(|k| 4.0 * 0.5f64.powi(k));
        let found = cause(diagnose_trace(&trace(vec![column("loss", losses)], None), 1e-6));
        assert!(found.message.contains("still 0.031 above its limit"), "{}", found.message);
    }
}
