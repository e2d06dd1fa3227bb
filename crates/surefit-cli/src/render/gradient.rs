//! A row's share of a gradient, and a gradient beside what it should be.

use super::{INDENT, Page, diagnosis, more};
use crate::numbers::{count, counted, plain, rough};
use crate::report::{CheckReport, RowReport};
use crate::text::{BAD, Column, FAIR, GOOD, shorten, table, wrap};
use surefit::LossKind;
use surefit::gradcheck::Margin;

/// Classes that are shown; the ones with the largest numbers of many.
const CLASSES: usize = 10;
/// Features that are shown.
const FEATURES: usize = 10;
/// Columns of a gradient side by side.
const BESIDE: usize = 6;
/// Wrong entries that are listed.
const LISTED: usize = 5;

/// `surefit explain-gradient`.
pub fn gradient_of_row(report: &RowReport, width: usize) -> String {
    let mut page = Page::new(width);
    let mut about = vec![format!("{} loss{}", report.loss.name(), delta(report.loss))];
    about.extend(report.class().map(|class| format!("class `{class}`")));
    about.push(report.at.as_ref().map_or("W = 0".to_owned(), |at| format!("W from {at}")));
    let row = format!("row {} of {}", count(report.number as u64), report.data);
    page.headline(GOOD, &row, &[&about.join(", ")]);
    let shown = shown(report);
    scores(&mut page, report, &shown);
    page.paragraph(&format!("loss of this row {}", plain(report.row.loss)));
    page.blank();
    shares(&mut page, report, &shown);
    page.blank();
    lines(&mut page, report, &shown);
    page.finish()
}

fn delta(loss: LossKind) -> String {
    match loss {
        LossKind::Hinge { margin }
        | LossKind::CrammerSinger { margin }
        | LossKind::SquaredHinge { margin } => {
            format!(" with δ = {}", plain(margin))
        }
        LossKind::Huber { delta } => format!(" with δ = {}", plain(delta)),
        _ => String::new(),
    }
}

/// The outputs to show: all of a few, of many those with the largest numbers, in their order.
fn shown(report: &RowReport) -> Vec<usize> {
    let mut all: Vec<usize> = (0..report.outputs.len()).collect();
    if all.len() > CLASSES {
        let size = |j: &usize| report.row.pulls.get(*j).map_or(0.0, |pull| pull.abs());
        all.sort_by(|a, b| size(b).total_cmp(&size(a)));
        all.truncate(CLASSES);
        all.sort_unstable();
    }
    all
}

/// Score, margin and what becomes of it, one line an output.
fn scores(page: &mut Page, report: &RowReport, shown: &[usize]) {
    let own = report.class().map(|class| shorten(class, 20)).unwrap_or_default();
    let head = match report.row.margins.first() {
        Some(Margin::Rival(_) | Margin::Own) => format!("s − s({own}) + δ"),
        Some(Margin::Signed(_)) => "±s".to_owned(),
        Some(Margin::Probability(_)) => "p".to_owned(),
        Some(Margin::Residual(_)) | None => "s − y".to_owned(),
    };
    let column = |head: &str, right: bool| Column { head: "", cells: vec![head.to_owned()], right, rank: 0 };
    let mut columns = [
        column(if report.classes.is_some() { "class" } else { "target" }, false),
        column("score s", true),
        column(&head, true),
        column("times x", true),
        column("", false),
    ];
    for &j in shown {
        let (score, margin, pull) = (report.row.scores[j], report.row.margins[j], report.row.pulls[j]);
        let cells = [
            report.outputs[j].clone(),
            plain(score),
            match margin {
                Margin::Own => String::new(),
                Margin::Rival(m) | Margin::Signed(m) | Margin::Probability(m) | Margin::Residual(m) => {
                    plain(m)
                }
            },
            plain(pull),
            remark(report, j),
        ];
        columns.iter_mut().zip(cells).for_each(|(column, cell)| column.cells.push(cell));
    }
    let [.., last] = &mut columns;
    last.rank = 1;
    page.lines.extend(table(columns.into(), INDENT, page.width).0);
    rest(page, report.outputs.len() - shown.len(), "class", "classes");
}

fn rest(page: &mut Page, others: usize, one: &str, many: &str) {
    if others > 0 {
        let what = if others == 1 { one } else { many };
        page.paragraph(&format!("… and {} {what} more (`--json` has all)", count(others as u64)));
    }
}

/// Why output `j` gets x so many times.
fn remark(report: &RowReport, j: usize) -> String {
    let (pull, margin) = (report.row.pulls[j], report.row.margins[j]);
    let violated = matches!(margin, Margin::Rival(m) if m > 0.0);
    match report.loss {
        LossKind::Hinge { .. } if margin == Margin::Own => "own class: minus the count of violations",
        LossKind::SquaredHinge { .. } if margin == Margin::Own => "own class: minus the sum of the others",
        LossKind::CrammerSinger { .. } if margin == Margin::Own => "own class: minus the strongest rival's",
        LossKind::Hinge { .. } if violated => "violates: above 0",
        LossKind::SquaredHinge { .. } if violated => "violates: 2 × margin",
        LossKind::CrammerSinger { .. } if violated && pull != 0.0 => "strongest rival, violates",
        LossKind::CrammerSinger { .. } if violated => "violates, not the strongest",
        LossKind::Hinge { .. } | LossKind::SquaredHinge { .. } | LossKind::CrammerSinger { .. } => {
            "no violation"
        }
        LossKind::Softmax if report.row.class == Some(j) => "own class: p − 1",
        LossKind::Softmax => "p",
        LossKind::OvrHinge | LossKind::OvrSquaredHinge if pull == 0.0 => "beyond 1: nothing",
        LossKind::OvrHinge => "below 1: ∓1",
        LossKind::OvrSquaredHinge => "below 1: ∓2 (1 − ±s)",
        LossKind::OvrLogistic | LossKind::LabelLogistic => "∓1 / (1 + exp(±s))",
        LossKind::Squared => "s − y",
        LossKind::Huber { .. } => "s − y, at most δ",
        LossKind::Bpmll => "± E × share of its side",
        LossKind::Lsep | LossKind::Log1pBpmll | LossKind::Zlpr => "± slope × share of its side",
        LossKind::GlobalThreshold => "∓ exp(∓s) × (1 + sum of the other side)",
        LossKind::PairwiseHinge => "∓ share of violated pairs",
        LossKind::PairwiseSquaredHinge => "∓ mean violation",
        LossKind::PairwiseLogistic => "∓ mean of 1 / (1 + exp(margin))",
    }
    .to_owned()
}

/// What the row adds to the gradient.
fn shares(page: &mut Page, report: &RowReport, shown: &[usize]) {
    let row = &report.row;
    let times = if row.weight == 1.0 {
        format!("1/n, n = {}", plain(row.total))
    } else {
        format!("weight {} / {}, the sum of weights", plain(row.weight), plain(row.total))
    };
    page.paragraph(&format!("it adds to dW: x · (times x) · {times}"));
    let beside: Vec<usize> = shown.iter().copied().take(BESIDE).collect();
    let mut features: Vec<&(String, f64)> = report.features.iter().collect();
    if features.len() > FEATURES {
        let last = features.pop();
        features.sort_by(|a, b| b.1.abs().total_cmp(&a.1.abs()));
        features.truncate(FEATURES - 1);
        features.extend(last);
    }
    let cells = |head: &str, cell: &dyn Fn(&(String, f64)) -> String| {
        let cells = features.iter().map(|feature| cell(feature));
        std::iter::once(head.to_owned()).chain(cells).collect::<Vec<_>>()
    };
    let mut columns = vec![
        Column { head: "", cells: cells("", &|(name, _)| name.clone()), right: false, rank: 0 },
        Column { head: "", cells: cells("x", &|(_, x)| plain(*x)), right: true, rank: 0 },
    ];
    for (nth, &j) in beside.iter().enumerate() {
        let share = |x: f64| report.shares(x).nth(j).map(plain).unwrap_or_default();
        let head = shorten(&report.outputs[j], 14);
        let rank = u8::try_from(nth).unwrap_or(u8::MAX);
        columns.push(Column { head: "", cells: cells(&head, &|(_, x)| share(*x)), right: true, rank });
    }
    page.lines.extend(table(columns, INDENT, page.width).0);
    rest(page, report.outputs.len() - beside.len(), "column", "columns");
    rest(page, report.features.len() - features.len(), "feature", "features");
    if report.zeros > 0 {
        let zeros = counted(report.zeros as u64, "feature");
        let verb = if report.zeros == 1 { "is" } else { "are" };
        page.paragraph(&format!("{zeros} of this row {verb} 0 and {verb} not changed"));
    }
}

/// The same in `NumPy`, each line with what it gives for this row.
fn lines(page: &mut Page, report: &RowReport, shown: &[usize]) {
    let i = report.number - 1;
    let numbers = |value: &dyn Fn(usize) -> f64| {
        let mut all: Vec<String> = shown.iter().take(BESIDE).map(|&j| plain(value(j))).collect();
        if report.outputs.len() > all.len() {
            all.push("…".to_owned());
        }
        format!("[{}]", all.join(", "))
    };
    let pulls = numbers(&|j| report.row.pulls[j]);
    let raw = numbers(&|j| if report.row.class == Some(j) { 0.0 } else { report.row.pulls[j] });
    let own = "G[np.arange(n), y] = -G.sum(axis=1)";
    let mut code: Vec<(String, String)> = match report.loss {
        LossKind::Hinge { .. } => vec![("G = (margins > 0) * 1.0".into(), raw), (own.into(), pulls)],
        LossKind::SquaredHinge { .. } => {
            vec![("G = 2 * np.maximum(0, margins)".into(), raw), (own.into(), pulls)]
        }
        LossKind::CrammerSinger { .. } => vec![
            ("G = np.eye(margins.shape[1])[margins.argmax(axis=1)] * (margins > 0)".into(), raw),
            (own.into(), pulls),
        ],
        LossKind::OvrHinge => vec![("G = -T * (T * S < 1)".into(), pulls)],
        LossKind::OvrSquaredHinge => vec![("G = -T * 2 * np.maximum(0, 1 - T * S)".into(), pulls)],
        LossKind::OvrLogistic | LossKind::LabelLogistic => {
            vec![("G = -T / (1 + np.exp(T * S))".into(), pulls)]
        }
        LossKind::Softmax => {
            let p = |j: usize| match report.row.margins[j] {
                Margin::Probability(p) => p,
                _ => f64::NAN,
            };
            vec![
                ("G = np.exp(S); G /= G.sum(axis=1, keepdims=True)".into(), numbers(&p)),
                ("G[np.arange(n), y] -= 1".into(), pulls),
            ]
        }
        LossKind::Squared => vec![("G = S - Y".into(), pulls)],
        LossKind::Huber { delta } => vec![(format!("G = np.clip(S - Y, -{delta}, {delta})"), pulls)],
        LossKind::Bpmll => vec![(of_sums("(a * B - b * A) / (Y.sum(1) * (~Y).sum(1))[:, None]"), pulls)],
        LossKind::Lsep => vec![(of_sums("(a * B - b * A) / (1 + a * b)"), pulls)],
        LossKind::Log1pBpmll => {
            vec![(of_sums("(a * B - b * A) / ((Y.sum(1) * (~Y).sum(1))[:, None] + a * b)"), pulls)]
        }
        LossKind::Zlpr => vec![(of_sums("B / (1 + b) - A / (1 + a)"), pulls)],
        LossKind::GlobalThreshold => vec![(of_sums("B * (1 + a) - A * (1 + b)"), pulls)],
        LossKind::PairwiseHinge => vec![(of_pairs("M < 1"), pulls)],
        LossKind::PairwiseSquaredHinge => vec![(of_pairs("np.maximum(0, 1 - M)"), pulls)],
        LossKind::PairwiseLogistic => vec![(of_pairs("1 / (1 + np.exp(M))"), pulls)],
    };
    let over = if report.row.weight == 1.0 { "/ n" } else { "* s / s.sum()" };
    let sum = if report.row.weight == 1.0 { "X.T @ G / n" } else { "X.T @ (s[:, None] * G) / s.sum()" };
    code.push((format!("dW = {sum} + reg * W"), format!("np.outer(X[{i}], G[{i}]) {over} is this row's")));
    page.paragraph(&format!(
        "in NumPy, with margins, S and G of n rows, and what row {i} (from 0) of G becomes"
    ));
    let widest = code.iter().map(|(code, _)| code.chars().count()).max().unwrap_or(0);
    for (code, result) in code {
        let line = format!("{:w$}{code:widest$}   {result}", "", w = INDENT + 2);
        page.lines.extend(wrap(&line, page.width, INDENT + 4));
    }
}

/// G of the two sums of exponentials of each row, Y the n × c truth values of its labels.
fn of_sums(gradient: &str) -> String {
    format!(
        "A, B = Y * np.exp(-S), ~Y * np.exp(S); a, b = A.sum(1, keepdims=True), B.sum(1, keepdims=True); \
         G = {gradient}"
    )
}

/// G of the margins M of all pairs.
fn of_pairs(pull: &str) -> String {
    format!(
        "M, P = S[:, :, None] - S[:, None, :], Y[:, :, None] & ~Y[:, None, :]; D = P * ({pull}); \
         G = (D.sum(1) - D.sum(2)) / P.sum((1, 2))[:, None]"
    )
}

/// `surefit check-gradient`, where all is right.
pub fn gradient_agrees(report: &CheckReport, width: usize) -> String {
    let mut page = Page::new(width);
    let points = counted(report.files.len() as u64, "point");
    let about =
        format!("{} at {points}, each at most {} off", entries_of(report.entries()), rough(report.largest()));
    page.headline(GOOD, "✓ AGREES", &[&about]);
    page.paragraph(&problem(report));
    caveats(&mut page, report);
    page.finish()
}

fn entries_of(number: usize) -> String {
    if number == 1 { "1 entry".to_owned() } else { format!("{} entries", count(number as u64)) }
}

fn problem(report: &CheckReport) -> String {
    let penalty = if report.penalty == 0.0 {
        "no penalty".to_owned()
    } else {
        format!("{}/2 ‖W‖²", plain(report.penalty))
    };
    format!(
        "loss: mean {} loss{} and {penalty}, on {}",
        report.loss.name(),
        delta(report.loss),
        counted(report.rows as u64, "row")
    )
}

fn caveats(page: &mut Page, report: &CheckReport) {
    let kinks = report.kinks();
    if kinks > 0 {
        let (entries, are) = (entries_of(kinks), if kinks == 1 { "is" } else { "are" });
        page.paragraph(&format!(
            "{entries} {are} at a kink, where everything between the slopes of both sides is right"
        ));
    }
    if report.verdict.penalty_unseen && report.diagnosis.is_none() {
        let text =
            "W is 0, where the penalty has no gradient: a wrong one does not show; check at another W too";
        page.headline(FAIR, "△", &[text]);
    }
}

/// `surefit check-gradient`, where something is wrong.
pub fn gradient_wrong(report: &CheckReport, width: usize) -> String {
    let mut page = Page::new(width);
    let Some(found) = &report.diagnosis else { return page.finish() };
    page.headline(BAD, "✗ MISMATCH", &[&crate::json::code_name(found.code), "wrong gradient"]);
    diagnosis(&mut page, found);
    page.blank();
    entries(&mut page, report);
    page.paragraph(&problem(report));
    caveats(&mut page, report);
    page.paragraph(&more(found));
    page.finish()
}

/// The wrong entries, worst first.
fn entries(page: &mut Page, report: &CheckReport) {
    let c = report.outputs.len().max(1);
    let all = report.verdict.reports.iter().enumerate();
    let mut wrong: Vec<_> = all
        .flat_map(|(claim, one)| {
            one.entries.iter().enumerate().map(move |(place, entry)| (claim, place, entry))
        })
        .filter(|(.., entry)| !entry.is_right())
        .collect();
    wrong.sort_by(|a, b| (b.2.error - b.2.allowance).total_cmp(&(a.2.error - a.2.allowance)));
    let cells = |head: &str, cell: &dyn Fn(usize, usize) -> String| {
        let cells = wrong.iter().take(LISTED).map(|&(claim, place, _)| cell(claim, place));
        std::iter::once(head.to_owned()).chain(cells).collect::<Vec<_>>()
    };
    let entry = |claim: usize, place: usize| report.verdict.reports[claim].entries[place];
    let column = |cells: Vec<String>, right: bool, rank: u8| Column { head: "", cells, right, rank };
    let columns = vec![
        column(cells("wrong", &|_, place| report.terms[place / c].clone()), false, 0),
        column(cells("for", &|_, place| report.outputs[place % c].clone()), false, 0),
        column(cells("given", &|claim, place| plain(entry(claim, place).given)), true, 0),
        column(cells("right", &|claim, place| plain(entry(claim, place).numeric)), true, 0),
        column(cells("in", &|claim, _| report.files[claim].1.clone()), false, 1),
    ];
    page.lines.extend(table(columns, INDENT, page.width).0);
    if wrong.len() > LISTED {
        page.paragraph(&format!("… and {} more", count((wrong.len() - LISTED) as u64)));
    }
}
