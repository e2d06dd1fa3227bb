//! SF202: a column that is the same in every row says nothing that the intercept does not.
//!
//! Test: its range is 0, or at most four roundings of its mean, which is noise of the arithmetic that made it and has been
//! fitted with coefficients of 10¹¹ elsewhere. Without an intercept a constant column is a proper one, and silent here.
//! A column that the exact solver left out because nothing but the rounding of its numbers was left of it, its mean taken
//! out, is told too, with its spread and how far apart numbers of its size lie.

use super::facts::Spans;
use super::words::figure;
use super::{Code, Finding, Fix, Remedy};
use crate::data::scale;
use crate::problem::{Intercept, Problem};
use crate::solver::exact::Relation;
use serde_json::{Map, json};

pub(super) fn check<'a>(
    facts: impl Into<Spans<'a>>,
    problem: &Problem,
    relations: &[Relation],
) -> Vec<Finding> {
    let facts = facts.into();
    let left_out = |j: usize| relations.iter().any(|relation| relation.column == j && is_empty(relation));
    let finding = |j: usize| {
        of_column(facts, problem, j).or_else(|| left_out(j).then(|| only_rounding(facts, j)).flatten())
    };
    (0..facts.columns.len()).filter_map(finding).collect()
}

/// Whether no other column has a part in it.
pub(super) fn is_empty(relation: &Relation) -> bool {
    relation.terms.iter().all(|(_, factor)| *factor == 0.0)
}

/// A column that varies, but by no more than the rounding of its numbers explains.
fn only_rounding(facts: Spans<'_>, j: usize) -> Option<Finding> {
    let ((low, high), name) = (facts.column_ranges[j], &facts.columns[j]);
    let size = low.abs().max(high.abs());
    let apart = size.next_up() - size;
    if is_constant(facts, j) || !apart.is_finite() {
        return None;
    }
    let message = format!(
        "`{name}` spreads over {} about {}, where 64-bit numbers lie {} apart: that is as good as rounding, so it is left \
         out and its coefficient is 0",
        figure(high - low, 2),
        figure(low, 6),
        figure(apart, 2)
    );
    let mut evidence = Map::new();
    evidence.insert("column".to_owned(), json!(name));
    evidence.insert("low".to_owned(), json!(low));
    evidence.insert("high".to_owned(), json!(high));
    evidence.insert("apart".to_owned(), json!(apart));
    Some(Finding { code: Code::Sf202, message, evidence, remedies: vec![leave_out(name)] })
}

/// Whether column `j` is constant but for rounding.
pub(super) fn is_constant(facts: Spans<'_>, j: usize) -> bool {
    let (low, high) = facts.column_ranges[j];
    scale::is_constant(low, high)
}

fn of_column(facts: Spans<'_>, problem: &Problem, j: usize) -> Option<Finding> {
    if problem.intercept == Intercept::Absent && facts.column_ranges[j] != (0.0, 0.0)
        || !is_constant(facts, j)
    {
        return None;
    }
    let ((low, high), name) = (facts.column_ranges[j], &facts.columns[j]);
    let message = if low < high {
        format!(
            "`{name}` is {} in every row but for {} of rounding: it says nothing that the intercept does not",
            figure(low, 6),
            figure(high - low, 2)
        )
    } else if problem.intercept == Intercept::Absent {
        format!("`{name}` is 0 in every row: its coefficient changes nothing")
    } else {
        format!("`{name}` is {} in every row: it says nothing that the intercept does not", figure(low, 6))
    };
    let mut evidence = Map::new();
    evidence.insert("column".to_owned(), json!(name));
    evidence.insert("low".to_owned(), json!(low));
    evidence.insert("high".to_owned(), json!(high));
    Some(Finding { code: Code::Sf202, message, evidence, remedies: vec![leave_out(name)] })
}

/// Leave a column out of the formula. It does not change what the model can say, but which coefficients it has.
pub(super) fn leave_out(name: &str) -> Remedy {
    Remedy {
        change: format!("leave `{name}` out of the formula"),
        command: None,
        steps: None,
        proven: true,
        safe: false,
        fix: Fix::Drop(name.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::float_cmp)]

    use super::*;
    use crate::diagnosis::cases::{Run, columns, squared};

    fn messages(spread: f64, intercept: Intercept) -> Vec<String> {
        let facts = Run::new(columns(30, &[(0.3, spread), (0.0, 1.0)], 1.0), 0.1, 0.0, 1).facts();
        let problem = Problem { intercept, ..squared() };
        check(&facts, &problem, &[]).into_iter().map(|finding| finding.message).collect()
    }

    #[test]
    fn a_constant_fires_and_its_rounding_too() {
        assert_eq!(
            messages(0.0, Intercept::Free),
            ["`temp1` is 0.3 in every row: it says nothing that the intercept does not"]
        );
        assert!(messages(1e-17, Intercept::Free).len() == 1);
    }

    #[test]
    fn a_column_whose_spread_is_rounding_is_told_with_its_numbers() {
        let unit = |i: usize| ((i * 7) % 30) as f64 / 30.0;
        let mut design = columns(30, &[(0.0, 1.0), (0.0, 1.0)], 1.0);
        (0..30).for_each(|i| design.x[(i, 0)] = 1e15 + unit(i));
        let exact = crate::solver::exact::solve(&design, &squared(), &|| true).unwrap();
        let facts = Run::new(design, 0.1, 0.0, 1).facts();
        let found = check(&facts, &squared(), &exact.relations);
        let messages: Vec<&str> = found.iter().map(|finding| finding.message.as_str()).collect();
        assert_eq!(
            messages,
            [
                "`temp1` spreads over 1 about 1e15, where 64-bit numbers lie 0.12 apart: that is as good as rounding, so it \
              is left out and its coefficient is 0"
            ]
        );
    }

    #[test]
    fn a_small_but_real_spread_and_a_constant_without_an_intercept_stay_silent() {
        assert!(messages(1e-12, Intercept::Free).is_empty());
        assert!(messages(0.0, Intercept::Absent).is_empty());
    }
}
