//! SF109: the loss goes up and down about a kink, or by steps on parts of the data, and its best no longer falls.

use super::super::Code;
use super::super::words::{counted, figure};
use super::columns::ExternalTrace;
use super::tail::{Noise, Tail};
use super::{TraceVerdict, evidence, found};

/// The cause where it goes on for ever; otherwise why nothing can be told.
pub(super) fn oscillating(trace: &ExternalTrace, tail: &Tail, noise: &Noise) -> TraceVerdict {
    let Noise { low, high, rises, falls, for_ever } = *noise;
    let (least, most) = (figure(low, 5), figure(high, 5));
    if !for_ever {
        return TraceVerdict::Inconclusive {
            message: format!(
                "the loss goes up and down, between {least} and {most} in the second half: steps on parts of the data (stochastic), noise, momentum or a changing rate; full-batch descent at one rate only falls or only grows in the end, so nothing can be told of the rate"
            ),
        };
    }
    let (best, step) = (tail.best_loss, tail.best_step());
    let message = format!(
        "the loss goes up and down between {least} and {most} in the second half, {} and {}, and its best, {} at step {}, no longer falls: the steps are too long for a kink, or follow parts of the data",
        counted(rises as u64, "rise"),
        counted(falls as u64, "fall"),
        figure(best, 5),
        figure(step, 6)
    );
    let mut numbers = vec![
        ("low", low),
        ("high", high),
        ("rises", rises as f64),
        ("falls", falls as f64),
        ("best", best),
        ("best_step", step),
        ("steps", tail.last_step),
    ];
    numbers.extend(trace.learning_rate.map(|rate| ("learning_rate", rate)));
    let mut out = found(Code::Sf109, message, evidence(&numbers));
    out.reasons.push(
        "full-batch descent on a smooth loss only falls or only grows in the end: more steps of the same length do not help"
            .to_owned(),
    );
    let shrinking = match trace.learning_rate {
        Some(rate) => format!("lr {}/√step", figure(rate, 3)),
        None => "the learning rate over √step".to_owned(),
    };
    out.reasons.push(format!("steps that shrink, {shrinking}, come to rest at a kink"));
    let certified = "`surefit fit DATA FORMULA --loss NAME` needs no learning rate, and gives a certificate";
    out.reasons.push(certified.to_owned());
    TraceVerdict::Found(out)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::float_cmp)]

    use super::*;
    use crate::diagnosis::trace::cases::{cause, column, trace, value};
    use crate::diagnosis::trace::diagnose_trace;
    use crate::num::random::Random;

    fn of_losses(losses: Vec<f64>, rate: f64) -> TraceVerdict {
        diagnose_trace(&trace(vec![column("loss", losses)], Some(rate)), 1e-6)
    }

    /// Two clouds that overlap, labels −1 and 1, a column of ones at the end.
    fn clouds() -> Vec<([f64; 3], f64)> {
        let mut random = Random(3);
        let mut number = || (random.next() >> 11) as f64 / (1u64 << 53) as f64 - 0.5;
        let row = |i: usize| {
            let side = if i.is_multiple_of(2) { 1.0 } else { -1.0 };
            ([3.0 * number() + side, 3.0 * number() - 0.5 * side, 1.0], side)
        };
        (0..60).map(row).collect()
    }

    fn score(w: &[f64; 3], x: &[f64; 3]) -> f64 {
        w.iter().zip(x).map(|(w, x)| w * x).sum()
    }

    /// Subgradient descent on the mean hinge with a small penalty, all rows in every step.
    fn hinge(rate: impl Fn(usize) -> f64, steps: usize) -> Vec<f64> {
        let (rows, lambda, mut w) = (clouds(), 1e-3, [0.0; 3]);
        let mut losses = Vec::new();
        for step in 0..steps {
            let mut gradient = w.map(|w| lambda * w);
            let mut loss = 0.5 * lambda * score(&w, &w);
            for (x, y) in &rows {
                let slack = 1.0 - y * score(&w, x);
                if slack > 0.0 {
                    loss += slack / rows.len() as f64;
                    gradient.iter_mut().zip(x).for_each(|(g, x)| *g -= y * x / rows.len() as f64);
                }
            }
            losses.push(loss);
            w.iter_mut().zip(gradient).for_each(|(w, g)| *w -= rate(step) * g);
        }
        losses
    }

    /// Descent on the mean of log(1 + e^−m), by so many rows in turn; the losses are those of all rows.
    fn logistic(rate: f64, batch: usize, momentum: f64, steps: usize) -> Vec<f64> {
        let (rows, mut random) = (clouds(), Random(9));
        let (mut w, mut velocity, mut losses) = ([0.0; 3], [0.0; 3], Vec::new());
        let n = rows.len();
        for _ in 0..steps {
            let of = |(x, y): &([f64; 3], f64)| (-y * score(&w, x)).exp().ln_1p();
            losses.push(rows.iter().map(of).sum::<f64>() / n as f64);
            let mut gradient = [0.0; 3];
            for k in 0..batch {
                let (x, y) = &rows[if batch == n { k } else { random.below(n) }];
                let pull = -y / (1.0 + (y * score(&w, x)).exp()) / batch as f64;
                gradient.iter_mut().zip(x).for_each(|(g, x)| *g += pull * x);
            }
            velocity.iter_mut().zip(gradient).for_each(|(v, g)| *v = momentum * *v - rate * g);
            w.iter_mut().zip(velocity).for_each(|(w, v)| *w += v);
        }
        losses
    }

    #[test]
    fn noise_is_no_climb_whether_its_last_value_is_above_its_first_or_not() {
        for seed in 0..40 {
            let mut random = Random(seed);
            let mut unit = || (random.next() >> 11) as f64 / (1u64 << 53) as f64;
            // About normal, with a spread of a tenth.
            let mut value = || 1.0 + 0.1 * ((0..12).map(|_| unit()).sum::<f64>() - 6.0);
            let losses: Vec<f64> = (0..200).map(|_| value()).collect();
            let told = diagnose_trace(&trace(vec![column("loss", losses.iter().copied())], None), 1e-6);
            let climbed = matches!(&told, TraceVerdict::Found(found) if found.code == Code::Sf105);
            assert!(!climbed, "{seed}: {told:?}");
            // About a value above the start it has climbed.
            let risen: Vec<f64> = [0.0].into_iter().chain(losses).collect();
            let told = diagnose_trace(&trace(vec![column("loss", risen)], None), 1e-6);
            assert!(
                matches!(&told, TraceVerdict::Found(found) if found.code == Code::Sf105),
                "{seed}: {told:?}"
            );
        }
    }

    #[test]
    fn subgradient_descent_on_a_hinge_is_named() {
        let found = cause(of_losses(hinge(|_| 0.5, 400), 0.5));
        assert_eq!(found.code, Code::Sf109, "{}", found.message);
        assert!(value(&found, "low") < value(&found, "high"));
        assert!(
            found.remedies.is_empty() && found.reasons[1].contains("lr 0.5/√step"),
            "{:?}",
            found.reasons
        );
    }

    #[test]
    fn stochastic_steps_on_a_smooth_loss_are_named_and_full_ones_are_not() {
        let found = cause(of_losses(logistic(0.5, 4, 0.0, 600), 0.5));
        assert_eq!(found.code, Code::Sf109, "{}", found.message);
        assert!(!is_named(&of_losses(logistic(0.5, 60, 0.0, 600), 0.5)));
    }

    fn is_named(verdict: &TraceVerdict) -> bool {
        matches!(verdict, TraceVerdict::Found(found) if found.code == Code::Sf109)
    }

    /// On a bowl, on a logistic loss and with momentum: whatever goes up and down there comes to rest.
    #[test]
    fn a_smooth_loss_just_below_the_limit_and_one_with_momentum_are_never_named() {
        for share in [0.5, 0.9, 0.99, 0.999, 0.999_999] {
            let mut theta = [1.0f64, 1.0];
            let mut losses = Vec::new();
            for _ in 0..300 {
                losses.push(0.5 * (theta[0].powi(2) + 0.1 * theta[1].powi(2)) + 0.1);
                theta = [theta[0] * (1.0 - 2.0 * share), theta[1] * (1.0 - 0.2 * share)];
            }
            let verdict = of_losses(losses, 2.0 * share);
            assert!(!is_named(&verdict), "{share}: {verdict:?}");
        }
        // The limit of this loss lies between 0.9 and 6.
        for rate in [0.3, 0.6, 0.9, 1.2, 1.6] {
            for momentum in [0.0, 0.5, 0.9, 0.97] {
                for steps in [60, 200, 500] {
                    let losses = logistic(rate, 60, momentum, steps);
                    let verdict = of_losses(losses.clone(), rate);
                    assert!(!is_named(&verdict), "{rate} {momentum} {steps}: {verdict:?}");
                }
            }
        }
    }

    #[test]
    fn steps_that_shrink_are_not_told_to_shrink() {
        let losses = hinge(|step| 2.0 / (1.0 + step as f64), 1000);
        assert!(!is_named(&of_losses(losses, 2.0)));
    }

    #[test]
    fn noise_about_a_level_is_named_and_noise_that_falls_is_not() {
        let mut random = Random(7);
        let mut noise = || (random.next() >> 11) as f64 / (1u64 << 53) as f64;
        let flat: Vec<f64> = (0..200).map(|k| 606.0 + 87_645.0 * 0.8f64.powi(k) + 80.0 * noise()).collect();
        assert!(is_named(&of_losses(flat, 0.001)));
        let falling: Vec<f64> = (0..200).map(|k| 600.0 - f64::from(k) + 80.0 * noise()).collect();
        let verdict = of_losses(falling, 0.001);
        let TraceVerdict::Inconclusive { message } = verdict else { panic!("{verdict:?}") };
        assert!(message.contains("stochastic"), "{message}");
    }

    /// The figures of the page.
    #[test]
    fn a_mean_of_three_distances_goes_to_and_fro_for_ever() {
        let mut w = 0.02f64;
        let mut losses = Vec::new();
        for _ in 0..100 {
            losses.push([-1.0, 1.0, 3.0].iter().map(|a| (w - a).abs()).sum::<f64>() / 3.0);
            w -= 0.3 * [-1.0, 1.0, 3.0].iter().map(|a| (w - a).signum()).sum::<f64>() / 3.0;
        }
        let found = cause(of_losses(losses, 0.3));
        assert_eq!(found.code, Code::Sf109);
        assert!((value(&found, "low") - 1.34).abs() < 1e-9 && (value(&found, "high") - 1.36).abs() < 1e-9);
    }
}
