//! What a person reads of a tree certificate: the verdict, the mix, and the problem that it is about.

use super::Page;
use super::mix::{distance, gap, weights};
use crate::numbers::{counted, plain, rough, significant};
use crate::report::mix::TreeReport;
use crate::text::{BAD, FAIR, GOOD};
use surefit::fit::Verdict;
use surefit_mix::{Count, Limit, Problem, Range};

/// Limits and counts that are told one by one.
const LISTED: usize = 4;

/// What it proves, or why it proves nothing.
pub fn tree(report: &TreeReport, width: usize) -> String {
    let mut page = Page::new(width);
    let frame = &report.frame;
    if let Some(fault) = &report.fault {
        page.headline(BAD, "✗ REFUTED", &["nothing is proven"]);
        page.paragraph(fault);
        report.hint.into_iter().for_each(|hint| page.paragraph(hint));
        return page.finish();
    }
    if let (Some(best), Some(proof)) = (&frame.best, &frame.certificate) {
        if frame.verdict == Verdict::Certified {
            page.headline(GOOD, "✓ CERTIFIED", &[&gap(frame, proof)]);
        } else {
            let (found, wanted) = (rough(proof.relative_gap()), rough(frame.wanted_gap));
            page.headline(
                FAIR,
                "△ NOT CERTIFIED",
                &[&format!("relative gap at most {found}, wanted {wanted}")],
            );
        }
        distance(&mut page, frame, best, proof);
        page.blank();
        weights(&mut page, frame, best);
        page.blank();
        if let Some(problem) = &report.problem {
            page.paragraph(&problem_in_words(&frame.target, problem));
        }
        page.paragraph(&format!(
            "bound {}, proven at every leaf; {}; leaf nodes {}, seconds {}",
            plain(proof.bound),
            counted(frame.rows as u64, "row"),
            crate::numbers::count(report.leaves),
            significant(frame.seconds, 2)
        ));
    }
    page.finish()
}

/// What was proven is worth no more than the problem that it was proven of.
fn problem_in_words(target: &str, problem: &Problem) -> String {
    let mut parts = vec![format!("`{target}` by {}", counted(problem.inputs.len() as u64, "input"))];
    let first = problem.ranges.first().copied().unwrap_or(Range::NEVER);
    parts.push(if problem.ranges.iter().all(|range| *range == first) {
        let zero = if first.optional && (first.low > 0.0 || first.high < 0.0) { "0 or " } else { "" };
        format!("each {zero}{}..{}", plain(first.low), plain(first.high))
    } else {
        "each in a range of its own".to_owned()
    });
    let span = |name: &str, low: f64, high: f64| {
        let end = |x: f64| if x.is_finite() { plain(x) } else { String::new() };
        if low == high {
            format!("`{name}` = {}", plain(low))
        } else {
            format!("`{name}` {}..{}", end(low), end(high))
        }
    };
    let limits = problem.limits.iter().map(|Limit { name, low, high, terms }| {
        // The name in the file is no more than a name.
        let is_sum = terms.len() == problem.inputs.len()
            && terms.iter().enumerate().all(|(at, term)| term.0 == at && term.1 == 1.0);
        if is_sum {
            span("sum", *low, *high)
        } else {
            span(&format!("{name}: {}", sum_of(terms, problem)), *low, *high)
        }
    });
    let counts = problem.counts.iter().map(|Count { name, members, least, most }| {
        let most = (*most).min(members.len());
        format!("`{name}` {least}..{most} of {} in use", members.len())
    });
    let all: Vec<String> = limits.chain(counts).collect();
    parts.extend(all.iter().take(LISTED).cloned());
    if all.len() > LISTED {
        parts.push(format!(
            "and {} (`--json` has all)",
            counted((all.len() - LISTED) as u64, "further limit")
        ));
    }
    format!("the problem of the file: {}", parts.join(", "))
}

/// `S1 + 1.5 S2`, the first few terms of it.
fn sum_of(terms: &[(usize, f64)], problem: &Problem) -> String {
    let term = |(at, (input, factor)): (usize, &(usize, f64))| {
        let sign = match (at, *factor < 0.0) {
            (0, false) => "",
            (0, true) => "-",
            (_, false) => " + ",
            (_, true) => " - ",
        };
        let size = factor.abs();
        let size = if size == 1.0 { String::new() } else { format!("{} ", plain(size)) };
        format!("{sign}{size}{}", problem.inputs.get(*input).map_or("?", String::as_str))
    };
    let first: String = terms.iter().take(LISTED).enumerate().map(term).collect();
    if terms.len() > LISTED { format!("{first} + {} more", terms.len() - LISTED) } else { first }
}
