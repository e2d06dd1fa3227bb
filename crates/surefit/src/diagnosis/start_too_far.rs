//! SF106: the start is so far away that its loss overflows, so there is nothing to descend from.
//!
//! Test: the loss of a start that was given is not a number of 64 bits; by the forecast before a run, by the run itself
//! after it. The rate has no part in it: at zeros the same run may be sound, and is offered where it is.

use super::situation::{Cause, Context, Situation, number};
use super::words::figure;
use super::{Code, Diagnosis};
use crate::problem::Intercept;
use crate::solver::Stop;
use serde_json::{Map, json};

pub(super) fn check(situation: &Situation<'_>) -> Option<Cause> {
    situation.starts_too_far().then(|| cause(&situation.context)).flatten()
}

/// The same of a run whose data are beyond any forecast, so that no other cause can be told.
pub(super) fn diagnosis(context: &Context<'_>) -> Option<Diagnosis> {
    let descent = context.descent.filter(|run| run.candidate.stop == Stop::Diverged)?;
    let Cause { code, message, reasons, evidence } =
        cause(context).filter(|_| descent.candidate.steps == 0)?;
    Some(Diagnosis { code, message, reasons, evidence, also: Vec::new(), remedies: Vec::new(), exact: None })
}

fn cause(context: &Context<'_>) -> Option<Cause> {
    let start = context.settings.start.as_ref()?;
    let (place, farthest) =
        start.iter().enumerate().max_by(|(_, one), (_, other)| one.abs().total_cmp(&other.abs()))?;
    let message =
        "the start is too far away: the squares of its residuals are beyond 1.8e308, the largest number of \
                   64 bits, so its loss has no value and no gradient"
            .to_owned();
    let name = parameter(context, place);
    let mut evidence = Map::new();
    evidence.insert("first_loss".to_owned(), number(f64::INFINITY));
    evidence.insert("farthest".to_owned(), json!(name));
    evidence.insert("start".to_owned(), json!(farthest));
    let reason = format!("the start of {name} is {}", figure(*farthest, 3));
    Some(Cause { code: Code::Sf106, message, reasons: vec![reason], evidence })
}

/// A parameter by its place in the start: for every target the intercept, when there is one, and then the columns.
fn parameter(context: &Context<'_>, place: usize) -> String {
    let columns = &context.facts.columns;
    let intercept = usize::from(context.problem.intercept != Intercept::Absent);
    match (place % (columns.len() + intercept)).checked_sub(intercept) {
        Some(j) => columns[j].clone(),
        None => "the intercept".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::float_cmp)]

    use super::*;
    use crate::diagnosis::Fix;
    use crate::diagnosis::cases::{Run, sales, sales_centred};

    fn from(run: Run, start: [f64; 2]) -> Run {
        let mut run = run;
        run.settings.start = Some(start.to_vec());
        run
    }

    #[test]
    fn a_start_whose_loss_overflows_is_the_cause_and_zeros_are_the_way_out() {
        for start in [[1e200, 0.0], [0.0, -1e160], [1e308, 1e308]] {
            let found = from(Run::new(sales_centred(), 0.1, 1e-12, 10_000), start).assert_remedies_hold();
            assert_eq!((found.code, found.also.as_slice()), (Code::Sf106, [].as_slice()), "{start:?}");
            assert_eq!(found.remedies[0].fix, Fix::StartAtZeros);
        }
        let far = from(Run::new(sales_centred(), 0.1, 1e-12, 10_000), [0.0, -1e160]).diagnose().unwrap();
        assert_eq!(far.reasons, ["the start of temp is -1e160"]);
    }

    #[test]
    fn a_rate_above_the_limit_comes_first_and_is_told_with_the_start() {
        let found = from(Run::new(sales(), 0.01, 1e-9, 10_000), [1e200, 0.0]).assert_remedies_hold();
        assert_eq!((found.code, found.also.as_slice()), (Code::Sf101, [Code::Sf106].as_slice()));
        // From there no other rate and no other units get anywhere.
        assert_eq!(found.remedies.len(), 1);
    }

    #[test]
    fn a_far_start_whose_loss_is_a_number_stays_silent() {
        let codes = from(Run::new(sales_centred(), 0.1, 1e-12, 10_000), [1e150, 0.0]).codes();
        assert!(!codes.contains(&Code::Sf106), "{codes:?}");
    }
}
