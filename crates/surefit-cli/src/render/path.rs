//! The penalty that was chosen, and those that it was chosen from.

use super::{INDENT, Page, no_room, rough, significant};
use crate::numbers::{count, counted, plain};
use crate::report::{Choice, ChosenBy};
use crate::text::{Column, table};
use surefit::fit::PathPoint;
use surefit::metrics::measure::Measure;

/// Penalties that are listed; of more, those next to the chosen one.
const LISTED: usize = 20;

/// Which penalty was taken, and whether the range says so.
pub fn choice(page: &mut Page, choice: &Choice) {
    let (lambda, low, high) = (plain(choice.lambda), plain(choice.range.0), plain(choice.range.1));
    let compared = match &choice.by {
        ChosenBy::Held { points, .. } if points.len() < choice.count => {
            format!("of the {} that were compared of ", count(points.len() as u64))
        }
        _ => "of ".to_owned(),
    };
    let taken = format!("penalty {lambda} {compared}{} in {low} … {high}", count(choice.count as u64));
    match &choice.by {
        ChosenBy::LeaveOneOut(rmse) => {
            page.paragraph(&format!("{taken}: least leave-one-out error, {} RMSE", significant(*rmse, 5)));
            if choice.at_end {
                page.paragraph(
                    "that is the end of the range: widen it to see whether the error falls further",
                );
            }
        }
        ChosenBy::Held { folds, file, measure, points, best } => {
            page.blank();
            path(page, points, *measure, *best);
            let Some(point) = points.get(*best) else { return };
            let rows = match (folds, file) {
                (Some(folds), _) => {
                    format!("rows of {} that the fits did not see", counted(*folds as u64, "fold"))
                }
                (None, Some(file)) => format!("the rows of {file}"),
                (None, None) => "rows that the fits did not see".to_owned(),
            };
            let right = point.accuracy.map(|share| format!(", {} right", percent(share)));
            page.paragraph(&format!(
                "{taken}: {}, {}, on {rows}{}",
                best_of(*measure),
                figure(point),
                right.unwrap_or_default()
            ));
            if choice.at_end {
                let further = match measure {
                    None => "the loss falls further".to_owned(),
                    Some(measure) => format!("the {} gets better", measure.name()),
                };
                page.paragraph(&format!("that is the end of the range: widen it to see whether {further}"));
            }
        }
    }
}

/// What is best at the penalty that was taken.
fn best_of(measure: Option<Measure>) -> String {
    match measure {
        None => "least mean loss".to_owned(),
        Some(measure) if measure.more_is_better() => format!("largest {}", measure.name()),
        Some(measure) => format!("least {}", measure.name()),
    }
}

/// One line a penalty.
fn path(page: &mut Page, points: &[PathPoint], measure: Option<Measure>, best: usize) {
    let first = best.saturating_sub(LISTED / 2).min(points.len().saturating_sub(LISTED));
    let shown: Vec<(usize, &PathPoint)> = points.iter().enumerate().skip(first).take(LISTED).collect();
    let column = |head, rank, cell: &dyn Fn(&PathPoint) -> String| Column {
        head,
        cells: shown.iter().map(|(_, point)| cell(point)).collect(),
        right: true,
        rank,
    };
    let marks = shown.iter().map(|(nth, _)| if *nth == best { "→" } else { "" }.to_owned()).collect();
    let mut columns = vec![
        Column { head: "", cells: marks, right: false, rank: 0 },
        column("penalty", 0, &|point| plain(point.lambda)),
        column("mean loss", if measure.is_some() { 3 } else { 0 }, &|point| significant(point.loss, 5)),
    ];
    if let Some(measure) = measure {
        let value = |point: &PathPoint| point.measure.map(|value| significant(value, 5)).unwrap_or_default();
        columns.push(column(measure.name(), 0, &value));
    }
    if points.iter().any(|point| point.std_error.is_some()) {
        let error = |point: &PathPoint| point.std_error.map(rough).unwrap_or_default();
        columns.push(column("± std error", 2, &error));
    }
    if points.iter().any(|point| point.accuracy.is_some()) {
        columns.push(column("right", 1, &|point| point.accuracy.map(percent).unwrap_or_default()));
    }
    if shown.iter().any(|(_, point)| !point.certified) {
        let gap = |point: &PathPoint| {
            if point.certified { String::new() } else { format!("△ gap {}", rough(point.relative_gap)) }
        };
        columns.push(column("not certified", 0, &gap));
    }
    let (lines, gone) = table(columns, INDENT, page.width);
    page.lines.extend(lines);
    no_room(page, &gone);
    let more = points.len() - shown.len();
    if more > 0 {
        page.paragraph(&format!("… and {} more (`--json` has all)", count(more as u64)));
    }
    page.blank();
}

/// What penalties are compared by, and how much that of other rows would differ.
fn figure(point: &PathPoint) -> String {
    let error = point.std_error.map(|error| format!(" ± {}", rough(error)));
    format!("{}{}", significant(point.measure.unwrap_or(point.loss), 5), error.unwrap_or_default())
}

/// `96.67 %`; never 100 % for less than all.
fn percent(share: f64) -> String {
    if share == 1.0 {
        "100 %".to_owned()
    } else {
        format!("{} %", plain((share * 1e4).round().min(9_999.0) / 100.0))
    }
}
