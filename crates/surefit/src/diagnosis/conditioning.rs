//! SF103: the rate is sound, and descent is slow because offsets or unequal scales of the columns make one
//! direction far steeper than another.
//!
//! Test: 0.1/L ≤ η < 2/L, κ = L/μ ≥ 100 (below it a few hundred steps do), and centring or standardising would make κ at
//! least ten times smaller. The number of steps is proportional to κ, so a factor of ten is the difference between a run
//! and a wait. What remains of κ after standardising is correlation between the columns, which no scaling mends.

use super::forecast::Spectrum;
use super::situation::{Cause, Situation};
use super::words::{count, figure, list, plain_rate};
use super::{Code, Facts};
use crate::data::scale::Scale;
use crate::problem::{Intercept, Problem};
use serde_json::{Map, json};

/// So much smaller must κ become.
const GAIN: f64 = 10.0;
/// Below this condition descent is not slow.
const ILL: f64 = 100.0;
/// A mean of so many spreads is an offset worth naming.
const OFFSET: f64 = 2.0;
/// So many times the curvature of one column is that of many.
const TOGETHER: f64 = 3.0;
/// An entry of a unit direction that belongs to it.
const ENTRY: f64 = 0.3;

/// κ as it is, after centring and after standardising.
struct Conditions {
    now: f64,
    centred: f64,
    standardised: f64,
}

fn conditions(situation: &Situation<'_>) -> Option<Conditions> {
    if situation.context.problem.intercept != Intercept::Free {
        return None;
    }
    Some(Conditions {
        now: situation.spectrum.condition(),
        centred: situation.spectrum_in(Scale::Center)?.condition(),
        standardised: situation.spectrum_in(Scale::Standardize)?.condition(),
    })
}

pub(super) fn check(situation: &Situation<'_>) -> Option<Cause> {
    let (rate, spectrum) = (situation.rate(), &situation.spectrum);
    let speed = rate * spectrum.largest();
    let Conditions { now, centred, standardised } = conditions(situation)?;
    if !(0.1..2.0).contains(&speed) || now < ILL || now < GAIN * centred.min(standardised) {
        return None;
    }
    let costs = situation.steps_at(rate).map_or_else(String::new, |steps| {
        let made = if situation.is_forecast() { "will be made" } else { "were made" };
        format!(": {} steps are needed, {} {made}", count(steps), count(situation.outcome.steps))
    });
    let message = format!(
        "lr {} is sound, but one direction is κ = {} times steeper than another{costs}",
        plain_rate(rate),
        figure(now, 4)
    );
    let (objective, optimum) = situation.objective_and_optimum();
    let relative = situation.relative_gap();
    let above = if relative.is_finite() {
        format!(", {} % above it", figure(100.0 * relative, 2))
    } else {
        String::new()
    };
    let mut reasons =
        vec![format!("loss {} against the optimum {}{above}", figure(objective, 5), figure(optimum, 5))];
    reasons.extend(why_steep(situation));
    reasons.push(format!(
        "κ = {} as it is, {} centred, {} standardised",
        figure(now, 4),
        figure(centred, 4),
        figure(standardised, 4)
    ));
    let share = |from: f64, to: f64| if now > 1.0 { (from / to).ln() / now.ln() } else { 0.0 };
    let mut evidence = Map::new();
    evidence.insert("kappa_centred".to_owned(), json!(centred));
    evidence.insert("kappa_standardised".to_owned(), json!(standardised));
    // Parts of ln κ: what centring takes away, what equal spreads take away further, and the rest.
    evidence.insert("share_offset".to_owned(), json!(share(now, centred)));
    evidence.insert("share_scale".to_owned(), json!(share(centred, standardised)));
    evidence.insert("share_correlation".to_owned(), json!(share(standardised, 1.0)));
    Some(Cause { code: Code::Sf103, message, reasons, evidence })
}

/// What makes the steepest direction steep: the penalty, the offset of a column, or its scale.
pub(super) fn why_steep(situation: &Situation<'_>) -> Vec<String> {
    let facts = situation.context.facts;
    if let Some(why) = penalty(situation.context.problem, &situation.spectrum) {
        return vec![why];
    }
    let scale = situation.context.scale;
    let offset = offset(facts).filter(|_| scale == Scale::None);
    let spread = || spread(facts).filter(|_| matches!(scale, Scale::None | Scale::Center));
    offset.or_else(|| together(situation)).or_else(spread).into_iter().collect()
}

/// That the columns are many: together they are far steeper than any is alone.
fn together(situation: &Situation<'_>) -> Option<String> {
    let context = &situation.context;
    let moments = context.facts.in_units(context.scale, context.scale_target);
    let columns = context.facts.columns.len();
    let alone =
        (0..columns).map(|j| moments.deviation(j).hypot(moments.mean_x[j]).powi(2)).fold(0.0, f64::max);
    let times = situation.spectrum.largest() / alone.max(1.0);
    (times.is_finite() && times >= TOGETHER).then(|| {
        format!("{columns} columns that move together are {}× as steep as one of them", figure(times, 2))
    })
}

/// The penalty, where it is most of L.
pub(super) fn penalty(problem: &Problem, spectrum: &Spectrum) -> Option<String> {
    let columns = spectrum.steepest().len() - usize::from(problem.intercept != Intercept::Absent);
    let heaviest = (0..columns).map(|j| problem.penalty.weight(j)).fold(0.0, f64::max);
    let most = heaviest > 0.5 * spectrum.largest();
    most.then(|| format!("the penalty's {} is most of L", figure(heaviest, 3)))
}

/// The offset or scale that makes raw columns ill-conditioned.
pub(super) fn extremes(facts: &Facts) -> Option<String> {
    offset(facts).or_else(|| spread(facts))
}

/// The column whose mean contributes most to L, when its mean is far beyond its spread.
fn offset(facts: &Facts) -> Option<String> {
    let worst = (0..facts.columns.len()).max_by(|&a, &b| {
        let size = |j: usize| facts.moments.mean_x[j].abs();
        size(a).total_cmp(&size(b))
    })?;
    let times = facts.offset(worst);
    (times >= OFFSET).then(|| {
        let (name, mean) = (&facts.columns[worst], facts.moments.mean_x[worst]);
        format!("mean({name}) = {} is {}× its spread", figure(mean, 3), figure(times, 2))
    })
}

/// The columns with the largest and the smallest spread, when they differ much.
fn spread(facts: &Facts) -> Option<String> {
    let spread = |&j: &usize| facts.moments.deviation(j);
    let varying: Vec<usize> = (0..facts.columns.len()).filter(|j| spread(j) > 0.0).collect();
    let largest = varying.iter().copied().max_by(|a, b| spread(a).total_cmp(&spread(b)))?;
    let smallest = varying.iter().copied().min_by(|a, b| spread(a).total_cmp(&spread(b)))?;
    let (wide, narrow) = (&facts.columns[largest], &facts.columns[smallest]);
    let (most, least) = (spread(&largest), spread(&smallest));
    if most >= OFFSET * least {
        let times = figure(most / least, 2);
        Some(format!("spread({wide}) = {} is {times}× that of {narrow}", figure(most, 3)))
    } else {
        (most >= OFFSET).then(|| format!("spread({wide}) = {}", figure(most, 3)))
    }
}

/// The names of the slowest direction.
pub(super) fn slow_columns(situation: &Situation<'_>) -> String {
    let facts = situation.context.facts;
    let has_intercept = situation.context.problem.intercept != Intercept::Absent;
    let intercept = has_intercept.then(|| "the intercept".to_owned());
    let names = intercept.into_iter().chain(facts.columns.iter().cloned());
    let mut parts: Vec<(f64, String)> =
        situation.spectrum.slowest().iter().map(|entry| entry.abs()).zip(names).collect();
    parts.sort_by(|a, b| b.0.total_cmp(&a.0));
    let largest = parts.first().map_or(0.0, |part| part.0);
    let own: Vec<String> =
        parts.into_iter().filter(|part| part.0 >= ENTRY * largest).map(|part| part.1).collect();
    list(&own)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::float_cmp)]

    use super::*;
    use crate::diagnosis::cases::{Run, columns, sales};

    #[test]
    fn raw_sales_at_rate_005_are_slow_by_their_offset_with_the_true_distance() {
        let found = Run::new(sales(), 0.005, 1e-9, 10_000).assert_remedies_hold();
        assert_eq!((found.code, found.also.as_slice()), (Code::Sf103, [Code::Sf108].as_slice()));
        let value = |name: &str| found.evidence[name].as_f64().unwrap();
        assert!((value("objective") - 614.821_742_158).abs() < 1e-8);
        assert!((value("optimum") - 605.679_183_990).abs() < 1e-8);
        assert!(value("share_offset") > 0.7 && value("share_correlation").abs() < 1e-9);
        assert_eq!(found.reasons[0], "loss 614.82 against the optimum 605.68, 1.5 % above it");
        assert_eq!(found.reasons[1], "mean(temp) = 18.7 is 4.9× its spread");
        assert_eq!(found.remedies[0].command.as_deref(), Some("--scale center"));
    }

    #[test]
    fn a_penalty_that_is_most_of_the_curvature_is_the_reason() {
        let mut run = Run::new(sales(), 0.01, 1e-9, 100);
        run.problem.penalty.lambda = 1e6;
        let found = run.assert_remedies_hold();
        assert_eq!(found.code, Code::Sf101);
        assert_eq!(found.reasons, ["the penalty's 1,000,000 is most of L"]);
        run.problem.penalty.lambda = 1.0;
        assert_eq!(run.assert_remedies_hold().reasons, ["mean(temp) = 18.7 is 4.9× its spread"]);
    }

    #[test]
    fn many_columns_are_the_reason_where_none_is_steep_alone() {
        let mut design = columns(40, &[(0.0, 1.0); 12], 1.0);
        design.x = faer::Mat::from_fn(40, 12, |i, j| design.x[(i, 0)] + 0.1 * design.x[(i, j)]);
        for scale in [Scale::None, Scale::Standardize] {
            let run = Run { scale, ..Run::new(design.clone(), 2.0, 1e-9, 50) };
            let reason = run.diagnose().unwrap().reasons.remove(0);
            assert!(reason.starts_with("12 columns that move together are 1"), "{reason}");
        }
    }

    #[test]
    fn correlation_that_no_scaling_mends_stays_silent() {
        let mut design = columns(60, &[(0.0, 1.0), (0.0, 1.0)], 1.0);
        design.x = faer::Mat::from_fn(60, 2, |i, j| {
            design.x[(i, 0)] + if j == 1 { 0.02 * design.x[(i, 1)] } else { 0.0 }
        });
        let run = Run::new(design, 0.9, 1e-12, 100);
        assert_eq!(run.codes(), [Code::Sf108]);
        run.assert_remedies_hold();
    }

    #[test]
    fn a_condition_below_a_hundred_stays_silent() {
        for (offset, fires) in [(2.6, false), (3.4, true)] {
            let design = columns(4000, &[(offset, 1.0)], 1.0);
            let codes = Run::new(design, 0.1, 0.0, 3).codes();
            assert_eq!(codes.contains(&Code::Sf103), fires, "{offset}: {codes:?}");
        }
    }
}
