//! A fit by another loss than the squared one: which problem, the coefficients by class, and how well the rows are
//! told apart.

mod labels;

use super::{INDENT, Page, left_out, named_cause, no_room, rough, shown};
use crate::numbers::{count, counted, plain};
use crate::report::{FitReport, Model, SampleFacts};
use crate::text::{Column, shorten, table, width};
use surefit::LossKind;
use surefit::fit::Verdict;
use surefit::metrics::Confusion;

/// Columns of a design whose coefficients are shown at all; of more they are no help on a screen.
pub const MOST_COLUMNS: usize = 1000;
/// Classes of a confusion matrix that is shown.
const MOST_CLASSES: usize = 12;
/// Classes side by side.
const BESIDE: usize = 8;
/// Columns of the screen for the name of a class.
const NAME: usize = 14;
/// Mistakes that are named where there is no matrix.
const MISTAKES: usize = 3;

/// What follows the headline.
pub fn fit(page: &mut Page, report: &FitReport, facts: &SampleFacts, verdict: Verdict) {
    page.paragraph(&problem(report, facts));
    if verdict != Verdict::Certified {
        named_cause(page, report);
        if verdict == Verdict::Uncertified {
            accuracy(page, facts, report);
            if let Some(choice) = &report.choice {
                super::path::choice(page, choice);
            }
        }
        return;
    }
    if let Some(model) = &report.model {
        page.blank();
        coefficients(page, report, model);
    }
    page.blank();
    if let Some(proof) = &report.certificate {
        page.paragraph(&format!(
            "objective {}, at most {} above the best possible",
            plain(proof.objective),
            rough(proof.gap)
        ));
    }
    if let Some(factors) = &report.factors {
        page.paragraph(&super::factors_in_words(factors, "--scale"));
    }
    accuracy(page, facts, report);
    if let Some(method) = &report.method {
        page.paragraph(method);
    }
    if let Some(choice) = &report.choice {
        super::path::choice(page, choice);
    }
}

/// `hinge (margin 1) plus 0.00667/2 ‖W‖²: 3 classes, 150 rows, 4 columns`
fn problem(report: &FitReport, facts: &SampleFacts) -> String {
    let loss = match facts.loss {
        LossKind::Hinge { margin }
        | LossKind::CrammerSinger { margin }
        | LossKind::SquaredHinge { margin } => {
            format!("{} (margin {})", report.loss, plain(margin))
        }
        LossKind::Huber { delta } => format!("huber (δ = {})", plain(delta)),
        _ => report.loss.to_owned(),
    };
    let norm = if report.factors.is_some() { "Σ kⱼ ‖Wⱼ‖²" } else { "‖W‖²" };
    let penalty = match (report.penalty == 0.0, facts.penalized_intercept) {
        (true, _) => " without a penalty".to_owned(),
        (false, false) => format!(" plus {}/2 {norm}", plain(report.penalty)),
        (false, true) => format!(" plus {}/2 ({norm} + ‖b‖²)", plain(report.penalty)),
    };
    let classes = facts.classes.as_ref().map(|classes| (classes.len(), "classes"));
    let labels = report.model.as_ref().filter(|_| facts.loss.is_of_labels());
    let outputs = classes.or(labels.map(|model| (model.targets.len(), "labels")));
    let outputs = outputs.map(|(number, what)| format!("{} {what}, ", count(number as u64)));
    format!(
        "{loss}{penalty}: {}{}, {}",
        outputs.unwrap_or_default(),
        counted(report.rows as u64, "row"),
        counted(report.columns as u64, "column")
    )
}

/// One column a class, or nothing where there are thousands.
fn coefficients(page: &mut Page, report: &FitReport, model: &Model) {
    if model.unlisted || model.terms.len() > MOST_COLUMNS {
        let all = report.columns.saturating_mul(model.targets.len());
        let place = if model.unlisted { "`-o MODEL` keeps them" } else { "`--json` or `-o MODEL` has them" };
        return page.paragraph(&format!("{} coefficients: {place}", count(all as u64)));
    }
    let (terms, more) = shown(report, model);
    let mut names: Vec<String> = terms.iter().map(|term| model.terms[*term].clone()).collect();
    let rows: Vec<&Vec<f64>> =
        model.intercept.iter().chain(terms.iter().map(|term| &model.weights[*term])).collect();
    if model.intercept.is_some() {
        names.insert(0, "(intercept)".to_owned());
    }
    names.insert(0, String::new());
    let mut columns = vec![Column { head: "", cells: names, right: false, rank: 0 }];
    for (target, name) in model.targets.iter().enumerate().take(BESIDE) {
        let mut cells = vec![shorten(name, NAME)];
        cells.extend(rows.iter().map(|row| row.get(target).map(|value| plain(*value)).unwrap_or_default()));
        columns.push(Column { head: "", cells, right: true, rank: u8::try_from(target).unwrap_or(u8::MAX) });
    }
    let side = columns_that_fit(&columns, page.width);
    page.lines.extend(table(columns, INDENT, page.width).0);
    left_out(page, report, more);
    if model.targets.len() > side {
        let rest = count((model.targets.len() - side) as u64);
        let ranks = report.samples.as_ref().is_some_and(|facts| facts.loss.is_of_labels());
        let what = match (model.by_class, ranks) {
            (true, _) => "classes",
            (false, true) => "labels",
            (false, false) => "targets",
        };
        page.paragraph(&format!("… and {rest} more {what} (`--json` or `-o MODEL` has all)"));
    }
}

/// How many columns behind the first a screen holds, which is what [`table`] leaves.
fn columns_that_fit(columns: &[Column], limit: usize) -> usize {
    let mut total = INDENT;
    let fits = |column: &&Column| {
        total += if total > INDENT { 2 } else { 0 } + widest(column);
        total <= limit
    };
    columns.iter().take_while(fits).count().saturating_sub(1).max(1)
}

fn widest(column: &Column) -> usize {
    column.cells.iter().map(|cell| width(cell)).max().unwrap_or(0)
}

/// How many rows get their class, those of `--test` too, and which are taken for others.
fn accuracy(page: &mut Page, facts: &SampleFacts, report: &FitReport) {
    if let Some(ranked) = &facts.ranking {
        return labels::measures(page, ranked, report);
    }
    let Some(classes) = &facts.classes else { return super::tests_of_numbers(page, report) };
    if let Some(rows) = &facts.rows {
        page.paragraph(&right(rows));
    }
    if let Some((file, rows)) = &facts.test {
        page.paragraph(&format!("{file}: {}", right(rows)));
    }
    if let Some(certain) = facts.certain {
        page.paragraph(&format!(
            "{} of {} rows are proven to be of the class that the best possible answer gives them",
            count(certain as u64),
            count(report.rows as u64)
        ));
    }
    if report.verdict != Verdict::Certified {
        return;
    }
    if let Some(rows) = facts.test.as_ref().map(|(_, rows)| rows).or(facts.rows.as_ref()) {
        mistakes(page, rows, classes);
    }
}

/// `147 of 150 rows right, 98 %`; never 100 % for less than all.
fn right(rows: &Confusion) -> String {
    let (right, all) = (rows.right(), rows.rows());
    if right == all {
        return format!("all of {} right", counted(all, "row"));
    }
    let percent = (rows.accuracy() * 1e4).round().min(9_999.0) / 100.0;
    format!("{} of {} right, {} %", count(right), counted(all, "row"), plain(percent))
}

/// A matrix of few classes, the most frequent mistakes among many.
fn mistakes(page: &mut Page, rows: &Confusion, classes: &[String]) {
    let found = rows.mistakes();
    if found.is_empty() {
        return;
    }
    if classes.len() <= MOST_CLASSES {
        page.blank();
        return matrix(page, rows, classes);
    }
    let name = |k: usize| classes.get(k).map(String::as_str).unwrap_or_default();
    let told: Vec<String> = found
        .iter()
        .take(MISTAKES)
        .map(|(class, given, n)| {
            format!("`{}` for `{}` ({})", name(*class), name(*given), counted(*n, "row"))
        })
        .collect();
    page.paragraph(&format!("most often mistaken: {}", told.join(", ")));
}

/// Rows by what they are, columns by what they were given; numbers for names where those are too long.
fn matrix(page: &mut Page, rows: &Confusion, classes: &[String]) {
    let named: Vec<String> = classes.iter().map(|name| shorten(name, NAME)).collect();
    let numbered: Vec<String> = (1..=classes.len()).map(|nth| nth.to_string()).collect();
    let heads: Vec<String> =
        named.iter().zip(&numbered).map(|(name, number)| format!("{number} {name}")).collect();
    for (firsts, tops) in [(&named, &named), (&heads, &numbered)] {
        let mut cells = vec!["true \\ given".to_owned()];
        cells.extend(firsts.iter().cloned());
        let mut columns = vec![Column { head: "", cells, right: false, rank: 0 }];
        for (given, top) in tops.iter().enumerate() {
            let mut cells = vec![top.clone()];
            let counts = rows.counts.iter().filter_map(|of_class| of_class.get(given));
            cells.extend(counts.map(|n| if *n == 0 { "·".to_owned() } else { count(*n) }));
            columns.push(Column { head: "", cells, right: true, rank: 0 });
        }
        if columns_that_fit(&columns, page.width) == classes.len() {
            page.lines.extend(table(columns, INDENT, page.width).0);
            return page.blank();
        }
    }
    page.lines.pop();
    no_room(page, &["the classes taken for others"]);
}
