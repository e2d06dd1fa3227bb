//! Traces that do not come to rest: steady growth, a climb, or a rate at the edge of its limit.

use super::super::words::{figure, plain_rate};
use super::super::{Code, Diagnosis};
use super::columns::ExternalTrace;
use super::tail::{Edge, Tail};
use super::{ask_the_data, evidence, found};

/// SF101 from the growth of a trace.
pub(super) fn growing(trace: &ExternalTrace, tail: &Tail, growth: f64, overflowed: bool) -> Diagnosis {
    let shrink = f64::midpoint(1.0, growth);
    let mut numbers = vec![("growth", growth), ("shrink", shrink)];
    let message = if let Some(rate) = trace.learning_rate {
        let (largest, limit) = ((1.0 + growth) / rate, 2.0 * rate / (1.0 + growth));
        numbers.extend([("learning_rate", rate), ("L", largest), ("limit", limit)]);
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
    out.reasons.push(match trace.learning_rate {
        Some(rate) => format!(
            "so 1/L is {}, an estimate from the trace; {}",
            figure(rate / (1.0 + growth), 4),
            ask_the_data(trace.learning_rate)
        ),
        None => format!(
            "a rate {}× smaller is 1/L, an estimate from the trace; its value needs the rate of this run",
            figure(1.0 + growth, 4)
        ),
    });
    if !overflowed && tail.climbed() {
        out.also.push(Code::Sf105);
    }
    out
}

/// SF105: it ended above where it was, without steady growth.
pub(super) fn climbing(trace: &ExternalTrace, tail: &Tail, overflow: Option<usize>) -> Diagnosis {
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
pub(super) fn blown_up(trace: &ExternalTrace, tail: &Tail, row: usize) -> Diagnosis {
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

/// SF101 just below the limit, or exactly on it.
pub(super) fn at_the_edge(trace: &ExternalTrace, tail: &Tail, edge: &Edge) -> Diagnosis {
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
    let half = trace.learning_rate.map_or_else(
        || "half the rate is 1/L".to_owned(),
        |rate| format!("lr {} is 1/L", figure(rate / speed, 4)),
    );
    let data = ask_the_data(trace.learning_rate);
    out.reasons.push(format!("{half}, an estimate from the trace; {data}"));
    out
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::float_cmp)]

    use super::*;
    use crate::diagnosis::trace::cases::{cause, column, ours, trace, value};
    use crate::diagnosis::trace::{TraceVerdict, diagnose_trace};

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
        assert!(found.remedies.is_empty() && found.reasons[0].starts_with("so 1/L is 0.002744, an estimate"));
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
    fn raw_sales_just_below_the_limit_are_at_its_edge_and_half_the_rate_is_an_estimate() {
        let found = edge(diagnose_trace(&ours(false, 0.005_48, 500), 1e-6));
        assert!((value(&found, "limit") / 0.005_487_515 - 1.0).abs() < 1e-4);
        assert!(found.remedies.is_empty());
        let half = &found.reasons[0];
        assert!(half.starts_with("lr 0.002744 is 1/L, an estimate from the trace"), "{half}");
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
    fn a_climb_without_steady_growth_is_divergence_read_as_convergence() {
        let losses = [9.0, 4.0, 2.0, 1.5, 1.4, 3.0, 3.3, 2.9, 4.5];
        assert_eq!(
            cause(diagnose_trace(&trace(vec![column("cost", losses)], Some(0.1)), 1e-6)).code,
            Code::Sf105
        );
        let broken = [9.0, 4.0, 2.0, 1.5, 1.4, 1.3, f64::NAN, f64::NAN];
        assert_eq!(cause(diagnose_trace(&trace(vec![column("cost", broken)], None), 1e-6)).code, Code::Sf105);
    }
}
