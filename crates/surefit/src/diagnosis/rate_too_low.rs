//! SF102: the learning rate is so small that every direction crawls.
//!
//! Test: η < 0.1/L. At 0.1/L even the steepest direction loses only a fifth of its share of the objective in a step,
//! and the best rate 2/(L + μ) needs at most a twentieth of the steps; a larger rate costs nothing.

use super::Code;
use super::conditioning::slow_columns;
use super::forecast::round_down;
use super::remedy::DIGITS;
use super::situation::{Cause, Situation};
use super::words::{count, figure, plain_rate};
use serde_json::{Map, json};

/// Below this part of 1/L a rate is tiny.
const TINY: f64 = 0.1;

pub(super) fn check(situation: &Situation<'_>) -> Option<Cause> {
    let (rate, spectrum) = (situation.rate(), &situation.spectrum);
    let speed = rate * spectrum.largest();
    if speed >= TINY || speed == 0.0 {
        return None;
    }
    // As it is printed: not above the best, where steps could grow.
    let best = round_down(spectrum.best_rate(), DIGITS);
    let costs = match (situation.steps_at(rate), situation.steps_at(best)) {
        (Some(now), Some(then)) => format!(": it needs {} steps instead of {}", count(now), count(then)),
        _ => String::new(),
    };
    let message = format!(
        "lr {} is {}× below the best rate 2/(L+μ) = {}{costs}",
        plain_rate(rate),
        figure(best / rate, 3),
        plain_rate(best)
    );
    let slow = format!(
        "the slowest direction, {}, keeps {} of its error in a step",
        slow_columns(situation),
        kept(rate * spectrum.smallest())
    );
    let mut evidence = Map::new();
    evidence.insert("best_rate".to_owned(), json!(best));
    evidence.insert("steps_at_best_rate".to_owned(), json!(situation.steps_at(best)));
    Some(Cause { code: Code::Sf102, message, reasons: vec![slow], evidence })
}

/// 1 − s, the part of an error that a step keeps, in words that say what it loses where that is little.
fn kept(speed: f64) -> String {
    if speed < 1e-3 {
        format!("all but {} %", figure(100.0 * speed, 2))
    } else {
        format!("{} %", figure(100.0 * (1.0 - speed), 5))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::float_cmp)]

    use super::*;
    use crate::diagnosis::cases::{Run, sales_centred};

    #[test]
    fn a_tiny_rate_on_good_data_is_the_cause() {
        let found = Run::new(sales_centred(), 1e-4, 1e-9, 10_000).assert_remedies_hold();
        assert_eq!(found.code, Code::Sf102);
        assert_eq!(found.also, [Code::Sf108]);
        assert!(found.message.contains("below the best rate 2/(L+μ) = 0.12"), "{}", found.message);
        assert!(found.remedies[0].steps.is_some_and(|steps| steps < 200));
    }

    #[test]
    fn a_tenth_of_one_over_l_is_where_it_falls_silent() {
        let largest = 14.748_541_666_7;
        assert!(Run::new(sales_centred(), 0.0999 / largest, 0.0, 50).codes().contains(&Code::Sf102));
        assert!(!Run::new(sales_centred(), 0.1001 / largest, 0.0, 50).codes().contains(&Code::Sf102));
    }
}
