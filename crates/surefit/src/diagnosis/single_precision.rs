//! SF107: what 32-bit numbers would lose of this data. surefit computes in 64 bits; those who train the same model in a
//! library that computes in 32 do not.
//!
//! Test: a column whose mean is more than a thousand times its spread keeps fewer than four of its seven digits in
//! float32; or κ·u₃₂ ≥ 1/100 (u₃₂ = 6.0e-8), when normal equations or descent in float32 keep fewer than two digits of the
//! coefficients; unless κ is the penalty's doing, which keeps what it holds near 0 whatever its last digits are.

use super::conditioning::{extremes, penalty};
use super::forecast::Spectrum;
use super::words::{figure, list};
use super::{Code, Facts, Finding, Fix, Remedy};
use crate::data::scale::Scale;
use crate::problem::{Intercept, Problem};
use serde_json::{Map, json};

/// The unit roundoff of float32, 2⁻²⁴.
const ROUNDOFF: f64 = 5.960_464_477_539_063e-8;
/// A mean of so many spreads leaves fewer than four digits of the spread.
const OFFSET: f64 = 1e3;
/// A relative error of the coefficients beyond which a person sees it.
const LOST: f64 = 0.01;
/// Further columns that are named, at most.
const NAMED: usize = 4;

pub(super) fn check(facts: &Facts, problem: &Problem) -> Option<Finding> {
    // A sum of squares that leaves the range has no κ to speak of.
    let spectrum = Spectrum::of(&facts.moments, problem, None)?;
    let condition = spectrum.condition();
    let worst = (0..facts.columns.len()).max_by(|&a, &b| facts.offset(a).total_cmp(&facts.offset(b)))?;
    let (offset, name) = (facts.offset(worst), &facts.columns[worst]);
    let mut evidence = Map::new();
    evidence.insert("kappa".to_owned(), json!(condition));
    evidence.insert("float32_error".to_owned(), json!(condition * ROUNDOFF));
    let message = if offset > OFFSET {
        let others: Vec<String> = (0..facts.columns.len())
            .filter(|j| *j != worst && facts.offset(*j) > OFFSET)
            .map(|j| facts.columns[j].clone())
            .collect();
        evidence.insert("column".to_owned(), json!(name));
        evidence.insert("mean_over_spread".to_owned(), json!(offset));
        evidence.insert("others".to_owned(), json!(others));
        format!(
            "mean({name}) = {} is {}× its spread: in float32, unlike here, {} of the 7 digits of what varies are left{}",
            figure(facts.moments.mean_x[worst], 5),
            figure(offset, 3),
            figure((-(ROUNDOFF * offset).log10()).max(0.0), 2),
            and_others(&others),
        )
    } else if condition * ROUNDOFF >= LOST && penalty(problem, &spectrum).is_none() {
        let why = extremes(facts).map(|why| format!("; {why}")).unwrap_or_default();
        let lost = if condition * ROUNDOFF < 1.0 {
            format!(
                "coefficients are off by up to {} % of their size",
                figure(100.0 * condition * ROUNDOFF, 1)
            )
        } else {
            "no digit of the coefficients can be trusted".to_owned()
        };
        format!("κ = {}: in float32, unlike here, {lost}{why}", figure(condition, 3))
    } else {
        return None;
    };
    let remedies = (problem.intercept == Intercept::Free).then(|| Remedy {
        change: "standardise in float64, before any rounding to float32".to_owned(),
        command: Some("--scale standardize".to_owned()),
        steps: None,
        proven: true,
        // With a penalty other units are another objective.
        safe: problem.penalty.lambda == 0.0,
        fix: Fix::Scale(Scale::Standardize),
    });
    Some(Finding { code: Code::Sf107, message, evidence, remedies: remedies.into_iter().collect() })
}

/// Columns of which the same is true, though less so.
fn and_others(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [_, ..] if names.len() <= NAMED => format!("; fewer than four of {} too", list(names)),
        _ => format!("; fewer than four of {} other columns too", names.len()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::float_cmp)]

    use super::*;
    use crate::diagnosis::cases::{Run, columns, squared};

    fn message(parts: &[(f64, f64)]) -> Option<String> {
        let facts = Run::new(columns(50, parts, 1.0), 0.1, 0.0, 1).facts();
        check(&facts, &squared()).map(|finding| finding.message)
    }

    #[test]
    fn a_mean_of_more_than_a_thousand_spreads_fires_and_of_fewer_does_not() {
        let fired = message(&[(1.2e3, 1.0)]).unwrap();
        let says = "mean(temp) = 1199.9 is 1150× its spread: in float32, unlike here, 4.2 of the 7 digits of what varies are left";
        assert!(fired.starts_with(says), "{fired}");
        // Small enough an offset that κ does not fire either.
        assert_eq!(message(&[(10.0, 1.0)]), None);
    }

    #[test]
    fn every_column_that_loses_its_digits_is_told() {
        let fired = message(&[(2e3, 1.0), (5.0, 1.0), (1e5, 1.0)]).unwrap();
        assert!(
            fired.starts_with("mean(temp3)") && fired.ends_with("; fewer than four of temp1 too"),
            "{fired}"
        );
        let fired = message(&[(2e3, 1.0); 7]).unwrap();
        assert!(fired.ends_with("; fewer than four of 6 other columns too"), "{fired}");
    }

    #[test]
    fn scales_a_million_apart_fire_by_their_condition() {
        let fired = message(&[(0.0, 1.0), (0.0, 1e6)]).unwrap();
        assert!(fired.starts_with("κ = ") && fired.contains("spread(temp2)"), "{fired}");
        assert!(fired.contains("no digit of the coefficients can be trusted"), "{fired}");
        let mild = message(&[(0.0, 1.0), (0.0, 1e3)]).unwrap();
        assert!(mild.contains("coefficients are off by up to ") && mild.contains(" % of"), "{mild}");
        assert_eq!(message(&[(0.0, 1.0), (0.0, 100.0)]), None);
    }

    /// The claim itself: the spread of a column after rounding to float32 loses the digits that the message says.
    #[test]
    fn float32_loses_the_digits_that_the_message_names() {
        let design = columns(50, &[(4e5, 1.0)], 1.0);
        let lost = (0..50).map(|i| {
            let value: f64 = design.x[(i, 0)];
            #[expect(clippy::cast_possible_truncation, reason = "rounding to float32 is what is measured")]
            let rounded = f64::from(value as f32);
            (rounded - value).abs()
        });
        let worst = lost.fold(0.0, f64::max);
        assert!(worst > 0.3 * ROUNDOFF * 4e5 && worst <= ROUNDOFF * 4.1e5);
    }
}
