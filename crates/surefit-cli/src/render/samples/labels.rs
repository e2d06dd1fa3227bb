//! How labels are ranked and sets of them met, beside what their frequencies alone would do.

use super::{INDENT, Page, no_room};
use crate::numbers::{count, counted, plain, significant};
use crate::report::{FitReport, Measured, NetworkFacts, Ranked};
use crate::text::{Column, table};
use surefit::fit::Verdict;
use surefit::metrics::threshold::Threshold;

/// One table for the rows of the fit and one for those of `--test`, and how scores become sets; of an answer that is not
/// certified, the first measure alone.
pub fn measures(page: &mut Page, ranked: &Ranked, report: &FitReport) {
    if let Some(facts) = &ranked.network {
        network(page, facts);
    } else if report.verdict != Verdict::Certified {
        let test = ranked.test.as_ref().map(|(file, found)| (format!("{file}: "), found));
        for (place, found) in [(String::new(), &ranked.rows)].into_iter().chain(test) {
            let [answer, frequencies] =
                [&found.answer, &found.frequencies].map(|of| measured(of.ranking.loss));
            page.paragraph(&format!(
                "{place}ranking loss {answer}, by the frequencies of labels {frequencies}"
            ));
        }
        return;
    }
    let certified = report.command == "certify";
    of_rows(page, if certified { "" } else { " of the fit" }, &ranked.rows);
    if let Some((file, found)) = &ranked.test {
        of_rows(page, &format!(" of {file}"), found);
    }
    page.blank();
    page.paragraph(&format!("a row is given the {}", given(&ranked.threshold)));
    let rows = if certified { "these rows" } else { "the rows of the fit" };
    page.paragraph(&format!(
        "by frequency: labels ranked by their share of {rows}, and given where it is above one half"
    ));
}

/// How a network came about.
fn network(page: &mut Page, facts: &NetworkFacts) {
    let (settings, course) = (&facts.settings, &facts.trained.course);
    let (first, best) = (course.epochs.first(), course.epochs.get(course.best));
    let (Some(first), Some(best)) = (first, best) else { return };
    let (rows, held) = course.rows;
    page.paragraph(&format!(
        "{}, {} numbers; learning rate {}, seed {}",
        counted(settings.hidden as u64, "hidden tanh unit"),
        count(facts.trained.network.parameters() as u64),
        plain(settings.rate),
        settings.seed
    ));
    let whose = match &facts.file {
        Some(file) => format!("{} of {file}", counted(held as u64, "row")),
        None => format!("{} held out", counted(held as u64, "row")),
    };
    page.paragraph(&format!(
        "best after epoch {} of {}: mean loss {} on {whose} ({} before training), {} on the {} trained on",
        count(course.best as u64),
        count(course.epochs.len().saturating_sub(1) as u64),
        significant(best.held, 4),
        significant(first.held, 4),
        significant(best.loss, 4),
        counted(rows as u64, "row")
    ));
}

/// Which labels.
fn given(threshold: &Threshold) -> String {
    match threshold {
        Threshold::Constant(limit) => format!("labels whose score is above {}", plain(*limit)),
        Threshold::Linear { .. } => {
            "labels whose score is above a linear function of its scores, by least squares on the best thresholds of the \
             rows of the fit"
                .to_owned()
        }
        Threshold::PerLabel(_) => {
            "labels whose score is above a number for each label, the one with the largest F1 on the rows of the fit"
                .to_owned()
        }
        Threshold::Top(1) => "label with the highest score".to_owned(),
        Threshold::Top(count) => format!("{count} labels with the highest scores"),
    }
}

/// A measure; of no row that says anything there is none.
fn measured(value: f64) -> String {
    if value.is_nan() { "–".to_owned() } else { significant(value, 4) }
}

fn of_rows(page: &mut Page, which: &str, found: &Measured) {
    page.blank();
    let rows = counted(found.answer.sets.rows as u64, "row");
    let without = match found.answer.ranking.without_pair {
        0 => String::new(),
        rows => format!("; the first four measures leave out {} without a pair", counted(rows as u64, "row")),
    };
    page.paragraph(&format!("{rows}{which}{without}"));
    let (answer, frequencies) = (found.answer.named(), found.frequencies.named());
    let names = answer.iter().map(|(name, _, more)| format!("{name} {}", if *more { "↑" } else { "↓" }));
    let values = |of: &[(&str, f64, bool)]| of.iter().map(|(_, value, _)| measured(*value)).collect();
    let columns = vec![
        Column { head: "", cells: names.collect(), right: false, rank: 0 },
        Column { head: "answer", cells: values(&answer), right: true, rank: 0 },
        Column { head: "by frequency", cells: values(&frequencies), right: true, rank: 1 },
    ];
    let (lines, gone) = table(columns, INDENT, page.width);
    page.lines.extend(lines);
    no_room(page, &gone);
}
