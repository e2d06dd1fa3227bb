//! What a person reads of a mix: the verdict, how far it is from the target and from the best possible one, and its
//! weights beside those of the plain optimum, so that one sees what the holes cost.

use super::{Page, diagnosis, finding, more};
use crate::json::code_name;
use crate::numbers::{count, counted, plain, rough, significant};
use crate::report::mix::{MixReport, PathReport, Point, Prices, rise, swap, used};
use crate::text::{BAD, Column, FAIR, GOOD, shorten, table};
use surefit::diagnosis::{Diagnosis, page as page_of};
use surefit::fit::Verdict;
use surefit_mix::{Certificate, Distance, Mix, Price};

/// Shares between which what the holes cost is told in percent.
const LEAST_SHARE: f64 = 1e-9;
const MOST_SHARE: f64 = 1e6;

/// Weights in a table.
const MOST_WEIGHTS: usize = 40;
/// A mix within this share of the best possible one is called optimal.
const NEAR: f64 = 1e-2;

/// A mix, or why there is none.
pub fn mix(report: &MixReport, width: usize) -> String {
    let mut page = Page::new(width);
    headline(&mut page, report);
    if let Some(found) = &report.diagnosis {
        diagnosis(&mut page, found);
    }
    if let (Some(best), Some(proof)) = (&report.best, &report.certificate) {
        distance(&mut page, report, best, proof);
        cost(&mut page, report, best);
        page.blank();
        weights(&mut page, report, best);
        page.blank();
        alternatives(&mut page, report, best);
        if let Some(all) = &report.prices {
            prices(&mut page, report, best, all);
        }
        search(&mut page, report, proof);
    }
    if let Some(found) = &report.diagnosis {
        page.paragraph(&more(found));
    }
    if let Some(why) = &report.no_tree {
        page.paragraph(why);
    }
    report.findings.iter().for_each(|found| finding(&mut page, found));
    page.finish()
}

fn headline(page: &mut Page, report: &MixReport) {
    let coded = |page: &mut Page, style, word, found: &Diagnosis| {
        page.headline(style, word, &[&code_name(found.code), page_of(found.code).title]);
    };
    match (report.verdict, &report.diagnosis, &report.certificate) {
        (Verdict::Failed, Some(found), _) => coded(page, BAD, "✗ INFEASIBLE", found),
        (Verdict::Uncertified, Some(found), _) => coded(page, FAIR, "△ STOPPED", found),
        (_, _, Some(proof)) => {
            // As near as was asked for, and that may be far.
            let is_near = proof.relative_gap() <= NEAR || is_rounding(report, proof);
            page.headline(
                GOOD,
                if is_near { "✓ OPTIMAL" } else { "✓ WITHIN THE GAP" },
                &[&gap(report, proof)],
            );
        }
        (_, _, None) => page.headline(BAD, "✗ FAILED", &[&report.message()]),
    }
}

/// The gap beside the wanted one.
pub(super) fn gap(report: &MixReport, proof: &Certificate) -> String {
    let relative = proof.relative_gap();
    if is_rounding(report, proof) {
        // What the allowance for rounding alone certifies.
        return format!("gap ≤ {}, within the rounding of an exact mix", rough(proof.gap));
    }
    format!("relative gap ≤ {}, wanted {}", rough(relative), rough(report.wanted_gap))
}

/// Whether only rounding is left of the gap: beside a distance of next to nothing no share says anything.
fn is_rounding(report: &MixReport, proof: &Certificate) -> bool {
    let is_certified = report.verdict == Verdict::Certified;
    is_certified && (proof.relative_gap() > report.wanted_gap * (1.0 + 1e-6) || proof.objective == 0.0)
}

/// `√Σr²` and the like.
fn symbol(report: &MixReport) -> &'static str {
    match report.distance {
        Distance::L2 => "√Σr²",
        Distance::L1 => "Σ|r|",
        Distance::LInf => "max |r|",
    }
}

pub(super) fn distance(page: &mut Page, report: &MixReport, best: &Mix, proof: &Certificate) {
    let objective = plain(best.objective);
    let text = match (report.distance, report.length(best.objective)) {
        (Distance::L2, Some(length)) => format!("distance √Σr² = {} (squared {objective})", plain(length)),
        (Distance::L2, None) => format!("Σr² + {} Σw² = {objective}", plain(report.ridge)),
        _ => format!("distance {} = {objective}", symbol(report)),
    };
    let squared = if report.distance == Distance::L2 { " (squared)" } else { "" };
    page.paragraph(&format!("{text}, at most {} above the best possible{squared}", rough(proof.gap)));
}

/// What the holes and counts cost.
fn cost(page: &mut Page, report: &MixReport, best: &Mix) {
    let Some(other) = &report.plain else { return };
    let (own, least) = match (report.length(best.objective), report.length(other.objective)) {
        (Some(own), Some(least)) => (own, least),
        _ => (best.objective, other.objective),
    };
    let what =
        format!("without holes and counts {}, with {}", plain(least), counted(used(other) as u64, "input"));
    let rounding = report.certificate.map_or(0.0, |proof| proof.rounding);
    let more = if own <= least * (1.0 + LEAST_SHARE) || best.objective - other.objective <= rounding {
        ": they cost nothing".to_owned()
    } else if own >= least * MOST_SHARE {
        // A share of nothing says nothing.
        String::new()
    } else {
        format!(": they cost {} %", significant(100.0 * (own / least - 1.0), 3))
    };
    page.paragraph(&format!("{what}{more}"));
}

/// Name, weight and the plain optimum's weight of the inputs that are used, the largest first.
pub(super) fn weights(page: &mut Page, report: &MixReport, best: &Mix) {
    let mut order: Vec<usize> = (0..best.weights.len()).filter(|&j| best.weights[j] != 0.0).collect();
    // Equal but for rounding is equal: then the order of the table decides.
    let size = |j: usize| (best.weights[j].abs() * 1e9).round();
    order.sort_by(|&a, &b| size(b).total_cmp(&size(a)).then(a.cmp(&b)));
    let all = order.len();
    order.truncate(MOST_WEIGHTS);
    let shares = report.sum == Some(1.0);
    let text = |weight: f64| match shares {
        // Not nothing, though it looks like it.
        true if weight != 0.0 && weight.abs() < 5e-5 => "<0.01 %".to_owned(),
        true => format!("{:.2} %", 100.0 * weight),
        false => plain(weight),
    };
    let cells = |mix: &Mix| order.iter().map(|&j| text(mix.weights.get(j).copied().unwrap_or(0.0))).collect();
    let names = order.iter().map(|&j| report.inputs.get(j).cloned().unwrap_or_default()).collect();
    let mut columns = vec![
        Column { head: "input", cells: names, right: false, rank: 0 },
        Column { head: "weight", cells: cells(best), right: true, rank: 0 },
    ];
    if let Some(other) = &report.plain {
        columns.push(Column { head: "without holes", cells: cells(other), right: true, rank: 1 });
    }
    if all > 0 {
        page.lines.extend(table(columns, super::INDENT, page.width).0);
    }
    if all > order.len() {
        page.paragraph(&format!(
            "… and {} (`--json` or `-o MODEL` has all)",
            counted((all - order.len()) as u64, "smaller weight")
        ));
    }
    let unused = report.inputs.len() - all;
    if unused > 0 {
        page.paragraph(&format!("{} not used", counted(unused as u64, "other input")));
    }
}

/// The next best choices of inputs, by how they differ from the best.
fn alternatives(page: &mut Page, report: &MixReport, best: &Mix) {
    if report.alternatives.is_empty() {
        if let Some(why) = report.no_alternatives {
            page.paragraph(why);
            page.blank();
        }
        return;
    }
    let of = |mix: &Mix| report.length(mix.objective).unwrap_or(mix.objective);
    let all = || report.alternatives.iter();
    let above = |mix: &Mix| match of(best) {
        least if least > 0.0 => format!("+{} %", significant(100.0 * (of(mix) / least - 1.0).max(0.0), 3)),
        _ => String::new(),
    };
    // Beside numbers of at most so many digits.
    let room = page.width.saturating_sub(30).max(10);
    let columns = vec![
        Column { head: "next best", cells: all().map(|mix| plain(of(mix))).collect(), right: true, rank: 0 },
        Column { head: "above", cells: all().map(above).collect(), right: true, rank: 1 },
        Column {
            head: "inputs",
            cells: all().map(|mix| shorten(&swap(best, mix, &report.inputs), room)).collect(),
            right: false,
            rank: 0,
        },
    ];
    page.lines.extend(table(columns, super::INDENT, page.width).0);
    // A bound that says no more than that of the best mix is not told.
    let last = report.alternatives.last().map_or(f64::INFINITY, |mix| mix.objective);
    let tells = |others: &f64| others.is_finite() && *others >= last * (1.0 - 2.0 * report.wanted_gap);
    if let Some(others) = report.others.filter(tells) {
        let least = report.length(others).unwrap_or(others);
        page.paragraph(&format!("every other choice of inputs is at {} or more", plain(least)));
    }
    page.blank();
}

/// What it costs to decide one input the other way, the cheapest first.
fn prices(page: &mut Page, report: &MixReport, best: &Mix, all: &Prices) {
    let mut order: Vec<&Price> = all.found.iter().collect();
    let cost = |price: &Price| price.mix.as_ref().map_or(f64::INFINITY, |mix| mix.objective);
    order.sort_by(|a, b| cost(a).total_cmp(&cost(b)));
    order.truncate(MOST_WEIGHTS);
    let cells = |cell: &dyn Fn(&Price) -> String| order.iter().map(|price| cell(price)).collect::<Vec<_>>();
    let of = |mix: &Mix| plain(report.length(mix.objective).unwrap_or(mix.objective));
    let above = |mix: &Mix| rise(best, mix).map(|rise| format!("+{} %", significant(100.0 * rise, 3)));
    let name = |price: &Price| report.inputs.get(price.input).cloned().unwrap_or_default();
    let choice = |price: &Price| if price.is_used { "leave out" } else { "take in" }.to_owned();
    let columns = vec![
        Column { head: "input", cells: cells(&name), right: false, rank: 0 },
        Column { head: "instead", cells: cells(&choice), right: false, rank: 1 },
        Column {
            head: "distance",
            cells: cells(&|price| price.mix.as_ref().map_or_else(|| "no mix".to_owned(), of)),
            right: true,
            rank: 0,
        },
        Column {
            head: "objective",
            cells: cells(&|price| price.mix.as_ref().and_then(above).unwrap_or_default()),
            right: true,
            rank: 2,
        },
    ];
    if !order.is_empty() {
        page.lines.extend(table(columns, super::INDENT, page.width).0);
    }
    let shown = order.len();
    if all.found.len() > shown {
        let left = counted((all.found.len() - shown) as u64, "higher price");
        page.paragraph(&format!("… and {left} (`--json` has all)"));
    }
    if all.wanted == 0 {
        page.paragraph("no input has a price: none is either out, or in with a least weight");
    } else if all.found.len() < all.wanted {
        let all_told = format!("{} of {}", all.found.len(), counted(all.wanted as u64, "price"));
        page.paragraph(&format!("{all_told}: {} ended the search for the others", all.why));
    }
    page.blank();
}

/// The best mixes for several values of a flag.
pub fn mix_path(report: &PathReport, width: usize) -> String {
    let mut page = Page::new(width);
    let frame = &report.frame;
    let proven = report.points.iter().filter(|point| point.is_proven()).count();
    let told =
        format!("{} of {} of {} are proven", proven, counted(report.wanted as u64, "value"), report.flag);
    match frame.verdict {
        Verdict::Certified => page.headline(GOOD, "✓ OPTIMAL", &[&told]),
        Verdict::Uncertified => page.headline(FAIR, "△ STOPPED", &["SF402", &told]),
        Verdict::Failed => {
            page.headline(BAD, "✗ INFEASIBLE", &["SF401", "no mix keeps the limits for any value"]);
        }
    }
    let proven_to = |_: &Mix, proof: &Certificate| match proof.relative_gap() {
        // What is proven beyond what was asked for is of no interest.
        gap if gap <= frame.wanted_gap => format!("≤ {}", rough(frame.wanted_gap)),
        _ if proof.certifies(frame.wanted_gap) => "rounding".to_owned(),
        gap => rough(gap),
    };
    let cells = |cell: &dyn Fn(&Mix, &Certificate) -> String, none: &str| {
        let of = |point: &Point| match &point.found {
            Some((mix, proof, _)) => cell(mix, proof),
            None => none.to_owned(),
        };
        report.points.iter().map(of).collect::<Vec<_>>()
    };
    let values = report.points.iter().map(|point| plain(point.value)).collect();
    let column = |head, cells, rank| Column { head, cells, right: true, rank };
    let columns = vec![
        column(report.flag, values, 0),
        column(
            "distance",
            cells(&|mix, _| plain(frame.length(mix.objective).unwrap_or(mix.objective)), "no mix"),
            0,
        ),
        column("inputs", cells(&|mix, _| used(mix).to_string(), ""), 1),
        column("relative gap", cells(&proven_to, ""), 2),
    ];
    page.blank();
    page.lines.extend(table(columns, super::INDENT, page.width).0);
    if report.points.len() < report.wanted {
        let missing = counted((report.wanted - report.points.len()) as u64, "further value");
        page.paragraph(&format!("… and {missing}, which the search did not come to"));
    }
    page.blank();
    page.paragraph(&format!(
        "{}; nodes {}, seconds {}",
        counted(frame.rows as u64, "row"),
        count(frame.nodes),
        significant(frame.seconds, 2)
    ));
    page.finish()
}

fn search(page: &mut Page, report: &MixReport, proof: &Certificate) {
    let gap = if is_rounding(report, proof) {
        format!("gap at most {}, which is rounding", rough(proof.gap))
    } else {
        format!("relative gap at most {}", rough(proof.relative_gap()))
    };
    page.paragraph(&format!(
        "bound {}, {gap}; {}; nodes {}, seconds {}",
        plain(proof.bound),
        counted(report.rows as u64, "row"),
        count(report.nodes),
        significant(report.seconds, 2)
    ));
}
