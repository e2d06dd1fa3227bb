//! SF101: the learning rate is at or above 2/L, so the error along the steepest direction grows in every step.
//!
//! Test: η ≥ 2/L with L the largest eigenvalue of the Hessian, from the data. The limit is exact: below it descent
//! converges from every start, above it from none that rounding can reach. At the edge of it, below, the steepest direction
//! overshoots so far that it is the slowest to come to rest; that is told where the best rate takes half the steps.

use super::situation::{Cause, Situation};
use super::words::{figure, plain_rate};
use super::{Code, conditioning};
use serde_json::{Map, json};

pub(super) fn check(situation: &Situation<'_>) -> Option<Cause> {
    let (rate, spectrum) = (situation.rate(), &situation.spectrum);
    if spectrum.converges(rate) {
        return at_the_edge(situation);
    }
    let growth = spectrum.growth(rate);
    let relation = if growth > 1.0 { "is above" } else { "is at" };
    let message = format!(
        "lr {} {relation} 2/L = {} (L = {}, loss = {}): the error grows ×{} per step",
        plain_rate(rate),
        told_apart(spectrum.limit(), 4, |printed| printed < rate || (growth <= 1.0 && printed == rate)),
        figure(spectrum.largest(), 5),
        situation.objective_in_words(),
        told_apart(growth, 4, |printed| printed > 1.0 || growth <= 1.0),
    );
    let mut evidence = Map::new();
    evidence.insert("growth".to_owned(), json!(growth));
    Some(Cause { code: Code::Sf101, message, reasons: conditioning::why_steep(situation), evidence })
}

/// A rate below the limit at which the steepest direction keeps more of its error than the flattest does.
fn at_the_edge(situation: &Situation<'_>) -> Option<Cause> {
    let (rate, spectrum) = (situation.rate(), &situation.spectrum);
    let kept = spectrum.growth(rate);
    if rate <= spectrum.best_rate() || kept <= spectrum.growth_along(rate, spectrum.smallest()) {
        return None;
    }
    let best = situation.steps_at(spectrum.best_rate())?;
    if situation.steps_at(rate).is_some_and(|steps| steps < 2 * best) {
        return None;
    }
    let message = format!(
        "lr {} is at the edge of 2/L = {} (L = {}, loss = {}): the steepest direction overshoots in every step and keeps {} % of its error",
        plain_rate(rate),
        told_apart(spectrum.limit(), 4, |printed| printed > rate),
        figure(spectrum.largest(), 5),
        situation.objective_in_words(),
        told_apart(100.0 * kept, 4, |printed| printed < 100.0),
    );
    let mut evidence = Map::new();
    evidence.insert("growth".to_owned(), json!(kept));
    Some(Cause { code: Code::Sf101, message, reasons: conditioning::why_steep(situation), evidence })
}

/// `value` to `digits` digits, or to as many more as it takes until what is printed is on the side that is spoken of.
fn told_apart(value: f64, digits: usize, holds: impl Fn(f64) -> bool) -> String {
    let printed = |digits| figure(value, digits);
    let true_of = |text: &String| text.replace(',', "").parse().is_ok_and(&holds);
    (digits..17).map(printed).find(true_of).unwrap_or_else(|| printed(17))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::float_cmp)]

    use super::*;
    use crate::diagnosis::cases::{Run, sales};
    use crate::diagnosis::{Fix, Remedy};

    #[test]
    fn raw_sales_at_rate_01_fire_with_the_three_known_remedies() {
        let found = Run::new(sales(), 0.01, 1e-9, 10_000).assert_remedies_hold();
        assert_eq!(found.code, Code::Sf101);
        assert_eq!(
            found.message,
            "lr 0.01 is above 2/L = 0.005488 (L = 364.46, loss = ½ mean r²): the error grows ×2.645 per step"
        );
        assert_eq!(found.reasons, ["mean(temp) = 18.7 is 4.9× its spread"]);
        let line = |remedy: &Remedy| {
            (remedy.change.clone(), remedy.steps, remedy.command.clone().unwrap_or_default())
        };
        let lines: Vec<_> = found.remedies.iter().map(line).collect();
        let expected = [
            ("subtract mean(temp), keep lr", Some(931), "--scale center"),
            ("lr 0.00274, data as it is", Some(61_553), "--learning-rate 0.002744 --max-iter 61553"),
            ("--solver exact", None, "--solver exact"),
        ];
        assert_eq!(
            lines,
            expected.map(|(change, steps, command)| (change.to_owned(), steps, command.to_owned()))
        );
        assert_eq!(found.applied().map(|remedy| &remedy.fix), Some(&Fix::Exact));
    }

    #[test]
    fn a_rate_just_below_the_limit_stays_silent_and_just_above_fires() {
        let limit = 0.005_487_514_94;
        assert_eq!(Run::new(sales(), limit * 1.0001, 0.0, 3000).codes().first(), Some(&Code::Sf101));
        assert!(!Run::new(sales(), limit * 0.9999, 0.0, 3000).codes().contains(&Code::Sf101));
    }

    #[test]
    fn a_rate_at_the_edge_of_the_limit_is_told_with_the_better_one_beside_it() {
        let found = Run::new(sales(), 0.005_487_5, 1e-9, 10_000).assert_remedies_hold();
        assert_eq!(found.code, Code::Sf101);
        assert!(found.is_at_the_edge());
        let end = "2/L = 0.005488 (L = 364.46, loss = ½ mean r²): the steepest direction overshoots in every step \
            and keeps 99.999 % of its error";
        assert!(found.message.ends_with(end), "{}", found.message);
        let commands: Vec<_> = found.remedies.iter().filter_map(|remedy| remedy.command.as_deref()).collect();
        let expected = ["--scale center", "--learning-rate 0.005486 --max-iter 30784", "--solver exact"];
        assert_eq!(commands, expected);
    }

    #[test]
    fn a_rate_a_hair_above_the_limit_is_told_apart_from_it() {
        let limit = 0.005_487_514_94;
        let found = Run::new(sales(), limit * 1.000_01, 0.0, 3000).diagnose().unwrap();
        let end = "2/L = 0.0054875 (L = 364.46, loss = ½ mean r²): the error grows ×1.00002 per step";
        assert!(found.message.ends_with(end), "{}", found.message);
        // As the limit reads to four digits.
        let found = Run::new(sales(), 0.005_488, 0.0, 3000).diagnose().unwrap();
        let start = "lr 0.005488 is above 2/L = 0.0054875 (";
        assert!(found.message.starts_with(start), "{}", found.message);
    }

    #[test]
    fn unequal_scales_are_named_when_there_is_no_offset() {
        let design = crate::diagnosis::cases::columns(50, &[(0.0, 1.0), (0.0, 80.0)], 1.0);
        let found = Run::new(design, 0.01, 1e-9, 10_000).assert_remedies_hold();
        assert_eq!(found.code, Code::Sf101);
        assert!(found.reasons[0].starts_with("spread(temp2) = "), "{:?}", found.reasons);
        assert!(found.remedies[0].change.starts_with("standardise the columns, keep lr"));
    }
}
