//! SF203: a column that other columns determine, so that their coefficients cannot be told apart.
//!
//! Test: the exact solver's pivoted factorisation of the centred columns, which also gives the relation. With a penalty the
//! answer is unique all the same and there is nothing to report.

use super::constant_column::{is_constant, leave_out};
use super::facts::Spans;
use super::words::figure;
use super::{Code, Finding, Fix, Remedy};
use crate::problem::Problem;
use crate::solver::exact::Relation;
use serde_json::{Map, json};

/// Terms that a sentence holds.
const SHORT: usize = 6;

pub(super) fn check<'a>(
    facts: impl Into<Spans<'a>>,
    problem: &Problem,
    relations: &[Relation],
) -> Vec<Finding> {
    let facts = facts.into();
    let unique = |j: usize| problem.penalty.weight(j) > 0.0;
    let told = relations.iter().filter(|relation| !relation.terms.is_empty());
    told.filter(|relation| !unique(relation.column) && !is_constant(facts, relation.column))
        .map(|relation| finding(facts, relation))
        .collect()
}

fn finding(facts: Spans<'_>, relation: &Relation) -> Finding {
    let name = &facts.columns[relation.column];
    let equation = format!("{name} = {}", right_hand_side(facts, relation));
    let message = format!("{equation} in every row, to rounding: their coefficients cannot be told apart");
    let mut evidence = Map::new();
    evidence.insert("column".to_owned(), json!(name));
    let terms: Map<String, _> =
        relation.terms.iter().map(|(j, factor)| (facts.columns[*j].clone(), json!(factor))).collect();
    evidence.insert("terms".to_owned(), json!(terms));
    evidence.insert("constant".to_owned(), json!(relation.constant));
    let lambda = 1.0 / facts.total_weight;
    let penalty = Remedy {
        change: "a penalty, which makes them unique".to_owned(),
        command: Some(format!("--penalty {}", figure(lambda, 3).replace(',', ""))),
        steps: None,
        proven: true,
        safe: false,
        fix: Fix::Penalty(lambda),
    };
    Finding { code: Code::Sf203, message, evidence, remedies: vec![leave_out(name), penalty] }
}

/// `1.8·x3 + 32`.
fn right_hand_side(facts: Spans<'_>, relation: &Relation) -> String {
    let term = |(j, factor): &(usize, f64)| {
        let (sign, size) = (factor.is_sign_negative(), figure(factor.abs(), 6));
        let name = &facts.columns[*j];
        (sign, if size == "1" { name.clone() } else { format!("{size}·{name}") })
    };
    let mut parts: Vec<(bool, String)> = relation.terms.iter().take(SHORT).map(term).collect();
    if relation.terms.len() > SHORT {
        parts.push((false, format!("… ({} more columns)", relation.terms.len() - SHORT)));
    }
    // Below six digits of the column itself a constant is rounding.
    let (low, high) = facts.column_ranges[relation.column];
    if relation.constant.abs() > 1e-6 * low.abs().max(high.abs()) {
        parts.push((relation.constant < 0.0, figure(relation.constant.abs(), 6)));
    }
    let mut out = String::new();
    for (place, (negative, part)) in parts.iter().enumerate() {
        out += match (place, negative) {
            (0, true) => "−",
            (0, false) => "",
            (_, true) => " − ",
            (_, false) => " + ",
        };
        out += part;
    }
    out
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::float_cmp)]

    use super::*;
    use crate::diagnosis::cases::{Run, columns, squared};
    use crate::problem::Ridge;
    use crate::solver::exact;

    fn messages(break_it_by: f64, lambda: f64) -> Vec<String> {
        let mut design = columns(40, &[(10.0, 1.0), (0.0, 1.0), (0.0, 1.0)], 1.0);
        for i in 0..40 {
            let wobble = if i == 3 { break_it_by } else { 0.0 };
            design.x[(i, 2)] = 1.8 * design.x[(i, 0)] - design.x[(i, 1)] + 32.0 + wobble;
        }
        let problem = Problem { penalty: Ridge::uniform(lambda), ..squared() };
        let relations = exact::solve(&design, &problem, &|| true).unwrap().relations;
        let facts = Run::new(design, 0.1, 0.0, 1).facts();
        check(&facts, &problem, &relations).into_iter().map(|finding| finding.message).collect()
    }

    #[test]
    fn the_relation_is_given_in_names() {
        let found = messages(0.0, 0.0);
        let ways = [
            "temp3 = 1.8·temp1 − temp2 + 32",
            "temp2 = 1.8·temp1 − temp3 + 32",
            "temp1 = 0.555556·temp2 + 0.555556·temp3 − 17.7778",
            "temp1 = 0.555556·temp3 + 0.555556·temp2 − 17.7778",
            "temp2 = −temp3 + 1.8·temp1 + 32",
            "temp3 = −temp2 + 1.8·temp1 + 32",
        ];
        assert!(found.len() == 1 && ways.iter().any(|way| found[0].starts_with(way)), "{found:?}");
    }

    #[test]
    fn a_relation_that_fails_in_one_row_and_a_penalised_one_stay_silent() {
        assert!(messages(1e-3, 0.0).is_empty());
        assert!(messages(0.0, 0.1).is_empty());
    }
}
