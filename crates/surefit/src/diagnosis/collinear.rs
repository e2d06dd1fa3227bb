//! SF203: a column that other columns determine, so that their coefficients cannot be told apart.
//!
//! Test: the exact solver's pivoted factorisation of the centred columns, which also gives the relation. With a penalty the
//! answer is unique all the same and there is nothing to report. Of more than three such columns one finding gives
//! the number and the first relation; where columns are so many that relations are not computed, the rank alone.

use super::constant_column::{is_constant, is_empty, leave_out};
use super::facts::Spans;
use super::words::{count, figure, in_equation};
use super::{Code, Finding, Fix, Remedy};
use crate::problem::Problem;
use crate::solver::exact::Relation;
use serde_json::{Map, json};

/// Terms that a sentence holds.
const SHORT: usize = 6;
/// Relations that are told one by one.
const APART: usize = 3;

pub(super) fn check<'a>(
    facts: impl Into<Spans<'a>>,
    problem: &Problem,
    relations: &[Relation],
    rank: usize,
) -> Vec<Finding> {
    let facts = facts.into();
    let unique = |j: usize| problem.penalty.weight(j) > 0.0;
    let told = relations.iter().filter(|relation| !is_empty(relation));
    let told: Vec<&Relation> =
        told.filter(|relation| !unique(relation.column) && !is_constant(facts, relation.column)).collect();
    if (1..=APART).contains(&told.len()) {
        return told.into_iter().map(|relation| finding(facts, problem, relation)).collect();
    }
    let varying = (0..facts.columns.len()).filter(|&j| !is_constant(facts, j)).count();
    let dependent = match told.len() {
        0 if relations.is_empty() && problem.penalty.lambda == 0.0 => varying.saturating_sub(rank),
        count => count,
    };
    let finding = || many((facts, problem), dependent, varying, told.first().copied());
    (dependent > 0).then(finding).into_iter().collect()
}

/// One finding for all of many dependent columns.
fn many(
    (facts, problem): (Spans<'_>, &Problem),
    dependent: usize,
    varying: usize,
    first: Option<&Relation>,
) -> Finding {
    let example = first.map_or_else(String::new, |relation| {
        let name = in_equation(&facts.columns[relation.column]);
        format!(", {name} = {} among them", right_hand_side(facts, relation))
    });
    let message = format!(
        "{} of {} columns {} determined by the others in every row, to rounding{example}: their coefficients \
         cannot be told apart",
        count(dependent as u64),
        count(varying as u64),
        if dependent == 1 { "is" } else { "are" },
    );
    let mut evidence = Map::new();
    evidence.insert("dependent".to_owned(), json!(dependent));
    evidence.insert("columns".to_owned(), json!(varying));
    Finding { code: Code::Sf203, message, evidence, remedies: penalty(facts, problem).into_iter().collect() }
}

/// A penalty of about one row's weight, where it falls on every column.
fn penalty(facts: Spans<'_>, problem: &Problem) -> Option<Remedy> {
    let spared = problem.penalty.factors.as_ref().is_some_and(|factors| factors.contains(&0.0));
    let lambda = 1.0 / facts.total_weight;
    (!spared).then(|| Remedy {
        change: "a penalty, which makes them unique".to_owned(),
        command: Some(format!("--penalty {}", figure(lambda, 3).replace(',', ""))),
        steps: None,
        proven: true,
        safe: false,
        fix: Fix::Penalty(lambda),
    })
}

fn finding(facts: Spans<'_>, problem: &Problem, relation: &Relation) -> Finding {
    let name = &facts.columns[relation.column];
    let equation = format!("{} = {}", in_equation(name), right_hand_side(facts, relation));
    let message = format!("{equation} in every row, to rounding: their coefficients cannot be told apart");
    let mut evidence = Map::new();
    evidence.insert("column".to_owned(), json!(name));
    let terms: Map<String, _> =
        relation.terms.iter().map(|(j, factor)| (facts.columns[*j].clone(), json!(factor))).collect();
    evidence.insert("terms".to_owned(), json!(terms));
    evidence.insert("constant".to_owned(), json!(relation.constant));
    // Any column of the relation will do, where a formula can do without it: a text's level or a product is part of a
    // term.
    let is_term = |j: &usize| !facts.columns[*j].contains(['=', ':']);
    let mut involved = std::iter::once(relation.column).chain(relation.terms.iter().map(|(j, _)| *j));
    let without = involved.find(is_term).map(|j| leave_out(&facts.columns[j]));
    let remedies = without.into_iter().chain(penalty(facts, problem)).collect();
    Finding { code: Code::Sf203, message, evidence, remedies }
}

/// `1.8·x3 + 32`.
fn right_hand_side(facts: Spans<'_>, relation: &Relation) -> String {
    let term = |(j, factor): &(usize, f64)| {
        let (sign, size) = (factor.is_sign_negative(), figure(factor.abs(), 6));
        let name = in_equation(&facts.columns[*j]);
        (sign, if size == "1" { name } else { format!("{size}·{name}") })
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
    use crate::data::Design;
    use crate::diagnosis::cases::{Run, columns, squared};
    use crate::problem::Ridge;
    use crate::solver::exact;
    use faer::Mat;

    fn messages(break_it_by: f64, lambda: f64) -> Vec<String> {
        let mut design = columns(40, &[(10.0, 1.0), (0.0, 1.0), (0.0, 1.0)], 1.0);
        for i in 0..40 {
            let wobble = if i == 3 { break_it_by } else { 0.0 };
            design.x[(i, 2)] = 1.8 * design.x[(i, 0)] - design.x[(i, 1)] + 32.0 + wobble;
        }
        let problem = Problem { penalty: Ridge::uniform(lambda), ..squared() };
        let exact::ExactFit { relations, rank, .. } = exact::solve(&design, &problem, &|| true).unwrap();
        let facts = Run::new(design, 0.1, 0.0, 1).facts();
        check(&facts, &problem, &relations, rank).into_iter().map(|finding| finding.message).collect()
    }

    #[test]
    fn no_penalty_is_offered_that_spares_a_column() {
        let mut design = columns(20, &[(0.0, 1.0), (0.0, 1.0)], 1.0);
        (0..20).for_each(|i| design.x[(i, 1)] = 2.0 * design.x[(i, 0)]);
        for (factors, offers) in [(vec![1.0, 1.0], true), (vec![0.0, 0.0], false)] {
            let penalty = Ridge { lambda: 0.0, factors: Some(factors) };
            let problem = Problem { penalty, ..squared() };
            let facts = crate::diagnosis::Facts::of(&design, &[], &[]).unwrap();
            let fit = exact::solve(&design, &problem, &|| true).unwrap();
            let found = check(&facts, &problem, &fit.relations, fit.rank);
            let penalties = found[0].remedies.iter().filter(|remedy| matches!(remedy.fix, Fix::Penalty(_)));
            assert_eq!(penalties.count() == 1, offers, "{found:?}");
        }
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
    fn many_relations_are_one_finding_with_their_number_however_wide_the_table() {
        for (d, has_example) in [(100, true), (1000, false)] {
            let mut draw = 1u64;
            let mut random = move || {
                draw = draw.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                (draw >> 40) as f64
            };
            let design = Design {
                x: Mat::from_fn(20, d, |_, _| random()),
                x_low: None,
                y: Mat::from_fn(20, 1, |i, _| i as f64),
                weights: None,
            };
            let exact::ExactFit { relations, rank, .. } =
                exact::solve(&design, &squared(), &|| true).unwrap();
            let facts = Run::new(design, 0.1, 0.0, 1).facts();
            let found = check(&facts, &squared(), &relations, rank);
            let messages: Vec<&str> = found.iter().map(|finding| finding.message.as_str()).collect();
            let count = if d == 100 { "81 of 100 columns" } else { "981 of 1,000 columns" };
            assert_eq!(found.len(), 1, "{messages:?}");
            assert!(messages[0].starts_with(count), "{messages:?}");
            assert_eq!(messages[0].contains(" among them"), has_example, "{messages:?}");
        }
    }

    #[test]
    fn a_relation_that_fails_in_one_row_and_a_penalised_one_stay_silent() {
        assert!(messages(1e-3, 0.0).is_empty());
        assert!(messages(0.0, 0.1).is_empty());
    }
}
