//! What would go wrong, before fitting: facts of the data that spoil a fit or its reading, and, for settings of gradient
//! descent, the cause for which the run will not end certified.

use super::facts::{Spans, named};
use super::situation::{Context, Quality, diagnose};
use super::unproven::unproven;
use super::{
    Diagnosis, Facts, Finding, carried_digits, collinear, constant_column, leverage, single_precision,
};
use crate::certificate::{Certificate, certify};
use crate::data::scale::Scale;
use crate::data::{Rows, Shape};
use crate::error::Result;
use crate::problem::Problem;
use crate::solver::exact::ExactFit;
use crate::solver::gradient_descent::Settings;
use serde_json::json;

/// n·d² up to which the leverage of every row is looked at beside a fit, and d.
const INFLUENCE_COST: f64 = 1e8;
const INFLUENCE_COLUMNS: usize = 100;

/// What there is to look at.
#[derive(Clone, Copy, Debug)]
pub struct Checkup<'a> {
    /// The data, in the user's units.
    pub facts: &'a Facts,
    /// The problem, in the user's units.
    pub problem: &'a Problem,
    /// The same in the units of `scale`.
    pub scaled: &'a Problem,
    /// The units in which descent would work.
    pub scale: Scale,
    /// Whether the targets would be in those units too.
    pub scale_target: bool,
    /// The exact answer in the user's units; its relations between columns are reported.
    pub exact: &'a ExactFit,
    /// Settings of gradient descent, when that is what will be run.
    pub settings: Option<&'a Settings>,
    /// The wanted relative gap.
    pub target: f64,
    /// The rows of the data that `rows` leaves out, from 0, ascending.
    pub left_out: &'a [usize],
}

/// Everything worth knowing before a fit, in the order of the codes; `rows` are in the user's units.
///
/// # Errors
/// When the rows can no longer be read.
pub fn lint(rows: &dyn Rows, checkup: &Checkup<'_>) -> Result<Vec<Finding>> {
    let Checkup { facts, problem, exact, .. } = *checkup;
    let proof = certify(rows, problem, &exact.candidate.coefficients, checkup.target)?;
    let mut out: Vec<Finding> = descent(checkup, &proof).into_iter().collect();
    out.extend(single_precision::check(facts, problem));
    let impossible = beyond_proof(checkup, &proof);
    if impossible.as_ref().is_some_and(|found| out.iter().all(|other| other.code != found.code)) {
        out.extend(impossible);
    }
    out.extend(columns(&facts.columns, problem, exact));
    out.extend(carried_digits::check(rows, facts, problem, exact)?);
    out.extend(leverage::check(rows, facts, problem, &exact.candidate.coefficients, checkup.left_out)?);
    Ok(out)
}

/// What is worth knowing beside a fit and costs nothing to find: columns that say nothing of their own.
/// `names` are those of the d columns; one that is missing is `x1`, `x2`, ….
pub fn columns(names: &[String], problem: &Problem, exact: &ExactFit) -> Vec<Finding> {
    let names = named(names, "x", exact.column_ranges.len());
    let spans =
        Spans { columns: &names, column_ranges: &exact.column_ranges, total_weight: exact.total_weight };
    let mut out = constant_column::check(spans, problem, &exact.relations);
    out.extend(collinear::check(spans, problem, &exact.relations, exact.rank));
    out
}

/// Whether [`beside_a_fit`] has something to look for: rows few enough, or digits so few that it says why.
pub fn worth_a_look(shape: Shape, exact: &ExactFit) -> bool {
    is_affordable(shape) || carried_digits::are_few(exact)
}

/// What is worth knowing beside a fit and needs the facts of the data: columns that carry too few digits, and rows that
/// decide the fit where they can be found for little beside it, n·d² up to 1e8.
///
/// # Errors
/// When the rows can no longer be read.
pub fn beside_a_fit(
    rows: &dyn Rows,
    facts: &Facts,
    problem: &Problem,
    exact: &ExactFit,
    left_out: &[usize],
) -> Result<Vec<Finding>> {
    let mut out: Vec<Finding> = carried_digits::check(rows, facts, problem, exact)?.into_iter().collect();
    if is_affordable(rows.shape()) {
        out.extend(leverage::check(rows, facts, problem, &exact.candidate.coefficients, left_out)?);
    }
    Ok(out)
}

fn is_affordable(Shape { rows: n, columns: d, .. }: Shape) -> bool {
    n as f64 * (d as f64).powi(2) <= INFLUENCE_COST && d <= INFLUENCE_COLUMNS
}

/// The forecast of a run with the given settings, as a finding.
fn descent(checkup: &Checkup<'_>, proof: &Certificate) -> Option<Finding> {
    let settings = checkup.settings?;
    let best = Quality::from(proof);
    let found = diagnose(&Context {
        facts: checkup.facts,
        problem: checkup.scaled,
        scale: checkup.scale,
        scale_target: checkup.scale_target,
        settings,
        target: checkup.target,
        descent: None,
        quality: None,
        exact: None,
        best: Some(best).filter(|best| best.gap.is_finite()),
    });
    found.map(into_finding)
}

/// What keeps even the exact answer from being certified: no way of fitting these data is.
fn beyond_proof(checkup: &Checkup<'_>, proof: &Certificate) -> Option<Finding> {
    unproven(checkup.facts, checkup.exact, proof, checkup.target).map(into_finding)
}

fn into_finding(found: Diagnosis) -> Finding {
    let mut evidence = found.evidence;
    evidence.insert("also".to_owned(), json!(found.also));
    Finding { code: found.code, message: found.message, evidence, remedies: found.remedies }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::float_cmp)]

    use super::*;
    use crate::diagnosis::Code;
    use crate::diagnosis::cases::{Run, columns, sales};
    use crate::solver::exact;

    fn codes(run: &Run, with_settings: bool) -> Vec<Code> {
        let facts = run.facts();
        let exact = exact::solve(&run.design, &run.problem, &|| true).unwrap();
        let checkup = Checkup {
            facts: &facts,
            problem: &run.problem,
            scaled: &run.problem,
            scale: run.scale,
            scale_target: run.scale_target,
            exact: &exact,
            settings: with_settings.then_some(&run.settings),
            target: 1e-6,
            left_out: &[],
        };
        lint(&run.design, &checkup).unwrap().iter().map(|finding| finding.code).collect()
    }

    #[test]
    fn sound_data_has_no_findings_and_a_bad_rate_has_one() {
        let run = Run::new(sales(), 0.01, 1e-9, 10_000);
        assert_eq!(codes(&run, false), []);
        assert_eq!(codes(&run, true), [Code::Sf101]);
    }

    #[test]
    fn numbers_whose_squares_leave_the_range_are_told_before_any_fit() {
        let mut design = sales();
        design.y *= faer::Scale(1e200);
        assert_eq!(codes(&Run::new(design, 0.01, 1e-9, 10), false), [Code::Sf201]);
    }

    #[test]
    fn everything_wrong_at_once_is_listed_in_the_order_of_the_codes() {
        let mut design = columns(40, &[(5e4, 1.0), (0.0, 1.0), (0.0, 1.0), (3.0, 0.0)], 1.0);
        for i in 0..40 {
            design.x[(i, 2)] = 1.8 * design.x[(i, 1)] + 32.0;
        }
        design.y[(7, 0)] = 1e6;
        let run = Run::new(design, 0.01, 1e-9, 10_000);
        let all = [Code::Sf101, Code::Sf107, Code::Sf202, Code::Sf203, Code::Sf207];
        assert_eq!(codes(&run, true), all);
    }
}
