//! What a person reads. The verdict first; one cause, its number and its limit; only remedies that were
//! proven or run; the user's names and units; at most twelve lines for a failure.

mod gradient;
mod mix;
mod path;
mod samples;
mod tree;

pub use gradient::{gradient_agrees, gradient_of_row, gradient_wrong};
pub use mix::{mix, mix_path};
pub use tree::tree;

use crate::numbers::{count, counted, digits, p_value, plain, rough, significant};
use crate::report::{FitReport, Model, Proof, Summary};
use crate::text::{BAD, Column, FAINT, FAIR, GOOD, shorten, styled, table, width, wrap};
use anstyle::Style;
use surefit::Error;
use surefit::diagnosis::in_equation;
use surefit::diagnosis::{self, Code, Diagnosis, Finding, Fix, Remedy};
use surefit::error::Kind;
use surefit::fit::Verdict;
use surefit::solver::Stop;

/// Indent of everything under a verdict.
const INDENT: usize = 4;
/// Where text behind a label starts.
const LABEL: usize = 10;
/// Terms in an equation on one line; more go into a table.
const SHORT_MODEL: usize = 4;
/// Terms in a table; of more, the largest effects are shown.
pub const LONG_MODEL: usize = 20;
/// Targets that get a table each.
const MANY_TARGETS: usize = 3;
/// Remedies shown.
const REMEDIES: usize = 3;
/// Reasons shown.
const REASONS: usize = 2;

/// Lines for a screen of some width.
struct Page {
    lines: Vec<String>,
    width: usize,
}

impl Page {
    fn new(width: usize) -> Self {
        Self { lines: Vec::new(), width }
    }

    /// `✗ DIVERGED  SF101  learning rate above the stable limit`
    fn headline(&mut self, style: Style, verdict: &str, rest: &[&str]) {
        let whole: Vec<&str> =
            [verdict].into_iter().chain(rest.iter().copied().filter(|part| !part.is_empty())).collect();
        let mut lines = wrap(&whole.join("  "), self.width, INDENT);
        if let Some(first) = lines.first_mut() {
            *first = first.replacen(verdict, &styled(style, verdict), 1);
        }
        self.lines.append(&mut lines);
    }

    fn paragraph(&mut self, text: &str) {
        self.lines.extend(wrap(&format!("{}{text}", " ".repeat(INDENT)), self.width, INDENT));
    }

    /// `why   mean(temp) = 18.7 is 4.9× its spread`
    fn labelled(&mut self, label: &str, text: &str) {
        let line = format!("{:INDENT$}{label:<w$}{text}", "", w = LABEL - INDENT);
        let mut lines = wrap(&line, self.width, LABEL);
        if let Some(first) = lines.first_mut().filter(|_| !label.is_empty()) {
            *first = first.replacen(label, &styled(FAINT, label), 1);
        }
        self.lines.append(&mut lines);
    }

    /// A head on a line of its own, and paragraphs under it.
    fn section(&mut self, head: &str, paragraphs: &[&str]) {
        self.blank();
        self.lines.push(styled(FAINT, head));
        paragraphs.iter().flat_map(|text| text.lines()).for_each(|line| self.paragraph(line));
    }

    fn blank(&mut self) {
        self.lines.push(String::new());
    }

    fn finish(mut self) -> String {
        self.lines.push(String::new());
        self.lines.join("\n")
    }
}

/// A fit or a certificate.
pub fn fit(report: &FitReport, width: usize) -> String {
    let mut page = Page::new(width);
    verdict(&mut page, report);
    match (report.verdict, &report.samples) {
        (verdict, Some(facts)) => samples::fit(&mut page, report, facts, verdict),
        (Verdict::Certified, None) => certified(&mut page, report),
        (Verdict::Uncertified | Verdict::Failed, None) => named_cause(&mut page, report),
    }
    for found in &report.findings {
        finding(&mut page, found);
    }
    page.finish()
}

fn verdict(page: &mut Page, report: &FitReport) {
    let (style, word) = match (report.verdict, report.stop) {
        (Verdict::Certified, _) => (GOOD, "✓ CERTIFIED"),
        (Verdict::Failed, Some(Stop::Diverged)) if report.samples.is_some() => (BAD, "✗ NO OPTIMUM"),
        (Verdict::Failed, Some(Stop::Diverged)) => (BAD, "✗ DIVERGED"),
        (Verdict::Failed, _) => (BAD, "✗ FAILED"),
        (Verdict::Uncertified, Some(Stop::Time)) => (FAIR, "△ TIME IS UP"),
        (Verdict::Uncertified, Some(Stop::Interrupted)) => (FAIR, "△ INTERRUPTED"),
        (Verdict::Uncertified, _) => (FAIR, "△ NOT CERTIFIED"),
    };
    match (&report.diagnosis, &report.certificate) {
        (Some(diagnosis), _) => {
            let code = crate::json::code_name(diagnosis.code);
            page.headline(style, word, &[&code, report.title.as_deref().unwrap_or_default()]);
        }
        (None, Some(proof)) => page.headline(style, word, &[&gap_in_words(report, proof)]),
        (None, None) => page.headline(style, word, &[&report.message()]),
    }
}

/// The gap beside the wanted one.
fn gap_in_words(report: &FitReport, proof: &Proof) -> String {
    let (gap, wanted) = (rough(proof.relative_gap), rough(report.wanted_gap));
    match report.verdict {
        _ if !proof.objective.is_finite() => {
            "the objective leaves the range of numbers, so nothing bounds it".to_owned()
        }
        Verdict::Certified if proof.gap == 0.0 && proof.objective == 0.0 => "gap 0, an exact fit".to_owned(),
        // What the allowance for rounding alone certifies: near an objective of 0 no relative gap is small.
        Verdict::Certified if proof.relative_gap > report.wanted_gap && proof.exact_fit => {
            format!("gap ≤ {}, within rounding of an exact fit", rough(proof.gap))
        }
        Verdict::Certified if proof.relative_gap > report.wanted_gap => {
            format!("gap ≤ {}, what rounding its numbers to 64 bits can cost", rough(proof.gap))
        }
        Verdict::Certified => format!("relative gap ≤ {gap}, wanted {wanted}"),
        _ => format!("relative gap up to {gap}, wanted {wanted}"),
    }
}

fn certified(page: &mut Page, report: &FitReport) {
    if let Some(model) = &report.model {
        self::model(page, report, model);
    }
    page.blank();
    quality(page, report);
    method(page, report);
}

/// The equation of a small model, then its table.
fn model(page: &mut Page, report: &FitReport, model: &Model) {
    if model.terms.len() <= SHORT_MODEL && model.targets.len() <= MANY_TARGETS {
        for target in 0..model.targets.len() {
            page.paragraph(&equation(model, target));
        }
    }
    let summaries = report.inference.as_deref().unwrap_or_default();
    if !summaries.is_empty() && model.targets.len() <= MANY_TARGETS {
        for (target, summary) in summaries.iter().enumerate() {
            page.blank();
            if model.targets.len() > 1 {
                page.paragraph(&model.targets[target]);
            }
            regression(page, report, model, target, summary);
        }
    } else if model.terms.len() > SHORT_MODEL || model.targets.len() > MANY_TARGETS {
        page.blank();
        estimates(page, report, model);
    }
}

/// `sales = -159.474 + 30.0879·temp`
pub fn equation(model: &Model, target: usize) -> String {
    let mut text = format!("{} =", in_equation(model.targets.get(target).map_or("y", String::as_str)));
    let mut first = true;
    let mut add = |value: f64, name: Option<&str>| {
        let sign = match (first, value.is_sign_negative() && value != 0.0) {
            (true, true) => " -",
            (true, false) => " ",
            (false, true) => " - ",
            (false, false) => " + ",
        };
        let size = plain(value.abs());
        text.push_str(sign);
        text.push_str(&size);
        if let Some(name) = name {
            text.push('·');
            text.push_str(&in_equation(name));
        }
        first = false;
    };
    if let Some(intercept) = model.intercept.as_ref().and_then(|all| all.get(target)) {
        add(*intercept, None);
    }
    for (term, weights) in model.terms.iter().zip(&model.weights) {
        add(weights.get(target).copied().unwrap_or(f64::NAN), Some(term));
    }
    if first {
        text.push_str(" 0");
    }
    text
}

/// Whether a model of so many terms shows the largest effects alone.
pub fn is_ranked(terms: usize) -> bool {
    terms > LONG_MODEL && terms <= samples::MOST_COLUMNS
}

/// Indices of the terms to show, and how many are left out: all, or the largest standardised effects.
fn shown(report: &FitReport, model: &Model) -> (Vec<usize>, usize) {
    let all = model.terms.len();
    if all <= LONG_MODEL {
        return ((0..all).collect(), 0);
    }
    let size = |term: usize| {
        let values = report.effects.as_ref().map_or(&model.weights, |effects| effects).get(term);
        values.into_iter().flatten().map(|value| value.abs()).fold(0.0, f64::max)
    };
    let mut order: Vec<usize> = (0..all).collect();
    order.sort_by(|a, b| size(*b).total_cmp(&size(*a)));
    order.truncate(LONG_MODEL);
    (order, all - LONG_MODEL)
}

fn left_out(page: &mut Page, report: &FitReport, count: usize) {
    if count > 0 {
        let what =
            if report.effects.is_some() { "smaller standardised effect" } else { "smaller coefficient" };
        page.paragraph(&format!("… and {} (`--json` or `-o MODEL` has all)", counted(count as u64, what)));
    }
}

/// Estimate, standard error, t, p and interval of one target.
fn regression(page: &mut Page, report: &FitReport, model: &Model, target: usize, summary: &Summary) {
    let offset = usize::from(model.intercept.is_some());
    let (terms, more) = shown(report, model);
    let rows: Vec<_> = (0..offset)
        .chain(terms.into_iter().map(|term| term + offset))
        .filter_map(|index| summary.terms.get(index))
        .collect();
    let column = |head, rank, cell: &dyn Fn(&crate::report::Term) -> String| Column {
        head,
        cells: rows.iter().map(|term| cell(term)).collect(),
        right: true,
        rank,
    };
    let mut columns = vec![
        column("", 0, &|term| term.name.clone()),
        column("estimate", 0, &|term| plain(term.found.estimate)),
    ];
    columns[0].right = false;
    if let Some(value) = summary.constant {
        let name = model.targets.get(target).map_or("", String::as_str);
        page.lines.extend(table(columns, INDENT, page.width).0);
        left_out(page, report, more);
        page.blank();
        return page.paragraph(&format!("{}, {}", constant(name, value), counted(report.rows as u64, "row")));
    }
    // Nothing is known of what columns that depend on each other leave open.
    let known = |term: &crate::report::Term, text: String| {
        if term.found.std_error == f64::INFINITY { "–".to_owned() } else { text }
    };
    columns.extend([
        column("std error", 1, &|term| known(term, significant(term.found.std_error, 4))),
        column("t", 3, &|term| known(term, significant(term.found.t, 3))),
        column("p", 2, &|term| known(term, p_value(term.found.p))),
        column("95 % interval", 4, &|term| {
            known(term, format!("{} … {}", significant(term.found.low, 4), significant(term.found.high, 4)))
        }),
    ]);
    let (lines, gone) = table(columns, INDENT, page.width);
    page.lines.extend(lines);
    no_room(page, &gone);
    left_out(page, report, more);
    page.blank();
    if let (Some(r_squared), Some(adjusted)) = (summary.r_squared, summary.adjusted_r_squared) {
        let f = summary.f.map(|(f, p)| format!(", F {} (p {})", significant(f, 4), p_value(p)));
        page.paragraph(&format!(
            "R² {} (adjusted {}){}",
            share(r_squared),
            share(adjusted),
            f.unwrap_or_default()
        ));
    }
    page.paragraph(&format!(
        "residual sd {} {}on {} df, {}",
        significant(summary.sigma, 4),
        model.targets.get(target).map(|name| format!("{name} ")).unwrap_or_default(),
        plain(summary.residual_df),
        counted(report.rows as u64, "row"),
    ));
}

/// "`y` is 5 in every row: nothing to explain"
pub fn constant(target: &str, value: f64) -> String {
    format!("`{target}` is {} in every row: nothing to explain", plain(value))
}

/// The columns of a table for which the screen is too narrow.
fn no_room(page: &mut Page, heads: &[&str]) {
    if let [others @ .., last] = heads {
        let heads =
            if others.is_empty() { (*last).to_owned() } else { format!("{} and {last}", others.join(", ")) };
        page.paragraph(&format!("({heads} left out: the screen has {} columns)", page.width));
    }
}

/// A share of 1, with as many digits as tell it from 1.
fn share(value: f64) -> String {
    (4..=15)
        .map(|digits| significant(value, digits))
        .find(|text| value == 1.0 || text != "1")
        .unwrap_or_else(|| "1".to_owned())
}

/// Estimates alone, one column a target.
fn estimates(page: &mut Page, report: &FitReport, model: &Model) {
    /// Targets side by side.
    const BESIDE: usize = 6;
    let (terms, more) = shown(report, model);
    let mut names: Vec<String> = terms.iter().map(|term| model.terms[*term].clone()).collect();
    let rows: Vec<&Vec<f64>> =
        model.intercept.iter().chain(terms.iter().map(|term| &model.weights[*term])).collect();
    if model.intercept.is_some() {
        names.insert(0, "(intercept)".to_owned());
    }
    let one = model.targets.len() == 1;
    let head = |text: &str| if one { "estimate".to_owned() } else { shorten(text, 14) };
    let mut columns = vec![Column { head: "", cells: Vec::new(), right: false, rank: 0 }];
    columns[0].cells.push(String::new());
    columns[0].cells.extend(names);
    for (target, name) in model.targets.iter().enumerate().take(BESIDE) {
        let mut cells = vec![head(name)];
        cells.extend(rows.iter().map(|row| row.get(target).map(|value| plain(*value)).unwrap_or_default()));
        // The first target stays on the narrowest screen; the others go from the last on.
        columns.push(Column { head: "", cells, right: true, rank: u8::try_from(target).unwrap_or(u8::MAX) });
    }
    page.lines.extend(table(columns, INDENT, page.width).0);
    left_out(page, report, more);
    if model.targets.len() > BESIDE {
        page.paragraph(&format!(
            "… and {} (`--json` or `-o MODEL` has all)",
            counted((model.targets.len() - BESIDE) as u64, "target")
        ));
    }
}

/// What is minimised.
fn objective(report: &FitReport) -> String {
    let (loss, lambda) = (loss_in_words(report.loss), plain(report.penalty));
    match &report.factors {
        _ if report.penalty == 0.0 => loss.to_owned(),
        None => format!("{loss} plus {lambda}/2 ‖w‖²"),
        Some(_) => format!("{loss} plus {lambda}/2 Σ kⱼ wⱼ²"),
    }
}

/// The factors that the sum of the penalty has, the first of them at least.
fn factors_in_words(factors: &[f64], flags: &str) -> String {
    const SHOWN: usize = 4;
    let shown = factors.iter().take(SHOWN).map(|&factor| plain(factor)).collect::<Vec<_>>().join(", ");
    let rest = if factors.len() > SHOWN { ", … (`--json` has all)" } else { "" };
    format!("k, by {flags}, in the order of the columns: {shown}{rest}")
}

/// What the gap means.
fn quality(page: &mut Page, report: &FitReport) {
    let Some(proof) = &report.certificate else { return };
    page.paragraph(&format!(
        "loss {} = {}, at most {} above the best possible{}",
        objective(report),
        plain(proof.objective),
        rough(proof.gap),
        left_out_directions(proof)
    ));
    if let Some(factors) = &report.factors {
        page.paragraph(&factors_in_words(factors, "--scale and --penalty-weight"));
    }
    if let Some(unit) = report.scaled_unit {
        page.paragraph(&format!(
            "in scaled units {}, at most {} above the best possible",
            plain(proof.objective / unit),
            rough(proof.gap / unit)
        ));
    }
    let within: Vec<String> = [
        coefficients_within(proof, report.model.as_ref()),
        proof.predictions_within.map(|size| {
            let unit = match report.model.as_ref().map(|model| model.targets.as_slice()) {
                Some([target]) => format!(" {target}"),
                _ => String::new(),
            };
            format!("predictions within ±{}{unit} (RMS)", rough(size))
        }),
    ]
    .into_iter()
    .flatten()
    .collect();
    if !within.is_empty() {
        page.paragraph(&within.join(", "));
    }
}

/// What the best possible answer has to do without, for the gap to be one to it.
fn left_out_directions(proof: &Proof) -> String {
    match proof.dependent {
        0 => String::new(),
        count => {
            format!(", leaving out {} within the rounding of the columns", counted(count as u64, "direction"))
        }
    }
}

/// How sure the coefficients are, the intercept among them: correct digits where all have some.
fn coefficients_within(proof: &Proof, model: Option<&Model>) -> Option<String> {
    let model = model?;
    let errors = proof.coefficients_within.iter().flatten().flatten();
    let weights = Precision::of(errors.zip(model.weights.iter().flatten()));
    let errors = proof.intercept_within.iter().flatten();
    let intercept = Precision::of(errors.zip(model.intercept.iter().flatten()));
    let alone = |what: &str, known: &Precision| match known.digits() {
        Some(known) => format!("{what} proven to {}", digits(known)),
        None => format!("{what} within ±{}", rough(known.largest)),
    };
    match (weights, intercept) {
        (Some(weights), Some(intercept)) => Some(match (weights.digits(), intercept.digits()) {
            (Some(one), Some(other)) => format!("coefficients proven to {}", digits(one.min(other))),
            (Some(_), None) => {
                [alone("coefficients", &weights), alone("the intercept", &intercept)].join(", ")
            }
            (None, _) => format!("coefficients within ±{}", rough(weights.largest.max(intercept.largest))),
        }),
        (Some(weights), None) => Some(alone("coefficients", &weights)),
        (None, Some(intercept)) => Some(alone("the intercept", &intercept)),
        (None, None) => None,
    }
}

/// How far numbers are, at most, from those of the best answer.
struct Precision {
    relative: f64,
    largest: f64,
}

impl Precision {
    /// From errors and the numbers that have them; none of no numbers.
    fn of<'a>(pairs: impl Iterator<Item = (&'a f64, &'a f64)>) -> Option<Self> {
        pairs.fold(None, |known, (error, value)| {
            let known = known.unwrap_or(Self { relative: 0.0, largest: 0.0 });
            let relative = known.relative.max(error / value.abs());
            Some(Self { relative, largest: known.largest.max(*error) })
        })
    }

    fn digits(&self) -> Option<f64> {
        (self.relative < 0.1).then(|| -self.relative.log10())
    }
}

fn loss_in_words(loss: &str) -> &str {
    if loss == "squared" { "½ mean r²" } else { loss }
}

/// How it was found, what was chosen, how it does elsewhere.
fn method(page: &mut Page, report: &FitReport) {
    if let Some(method) = &report.method {
        page.paragraph(method);
    }
    if report.minimum_norm {
        page.paragraph("several answers are equally good: this is the one of smallest norm");
    }
    if let Some((parameters, rows)) = report.saturated {
        page.paragraph(&format!(
            "no degree of freedom is left for standard errors: {} of {}{}",
            counted(parameters as u64, "parameter"),
            counted(rows as u64, "row"),
            if rows < report.rows { " of a weight above 0" } else { "" }
        ));
    }
    if let Some(steps) = steps(report) {
        page.paragraph(&steps);
    }
    if let Some(choice) = &report.choice {
        path::choice(page, choice);
    }
    tests_of_numbers(page, report);
}

/// RMSE and R² on the rows of `--test`.
fn tests_of_numbers(page: &mut Page, report: &FitReport) {
    if let (Some(test), Some(model)) = (&report.test, &report.model) {
        for (target, (rmse, r_squared)) in test.rmse.iter().zip(&test.r_squared).enumerate() {
            let name =
                if model.targets.len() > 1 { format!(" {}:", model.targets[target]) } else { String::new() };
            page.paragraph(&format!(
                "{}:{name} RMSE {}, R² {} on {}",
                test.file,
                significant(*rmse, 5),
                share(*r_squared),
                counted(test.rows as u64, "row"),
            ));
        }
    }
}

/// The steps that were made beside those that were forecast.
fn steps(report: &FitReport) -> Option<String> {
    let made = counted(report.steps, "step");
    match report.forecast_steps {
        Some(forecast) if forecast == report.steps => Some(format!("{made}, as forecast")),
        Some(forecast) => Some(format!("{made}, {} forecast", count(forecast))),
        None => (report.steps > 0).then_some(made),
    }
}

/// The cause, why, the ways out, the answer so far and the exact one.
fn named_cause(page: &mut Page, report: &FitReport) {
    if let Some(diagnosis) = &report.diagnosis {
        self::diagnosis(page, diagnosis);
    }
    let what = if report.penalty == 0.0 { loss_in_words(report.loss) } else { "objective" };
    let objective = |value: f64| format!("{what} {}", plain(value));
    let is_short = |model: &&Model| model.terms.len() <= SHORT_MODEL && model.targets.len() == 1;
    let proof = report.certificate.as_ref();
    // The objective of the exact line; the certificate's bound is below it.
    let optimum = report.diagnosis.as_ref().and_then(|found| found.evidence.get("optimum")?.as_f64());
    if let (Some(model), Some(proof)) = (&report.model, proof) {
        let mut got = objective(proof.objective);
        if let Some(steps) = steps(report) {
            got = format!("{got} after {steps}");
        }
        if is_short(&model) {
            got = format!("{}   ({got})", equation(model, 0));
        }
        page.labelled("got", &got);
    } else if let Some(model) = &report.model {
        let whole = is_short(&model).then(|| equation(model, 0));
        page.labelled(
            "got",
            &whole.unwrap_or_else(|| "`--json` or `-o MODEL` has the coefficients".to_owned()),
        );
    } else if let (Verdict::Failed, Some(steps)) = (report.verdict, steps(report)) {
        let when = if report.steps == 0 { "at the start".to_owned() } else { format!("after {steps}") };
        let reached = report.diagnosis.as_ref().and_then(|found| found.evidence.get("objective")?.as_f64());
        let lost = "a loss beyond all numbers".to_owned();
        let loss = reached.filter(|_| report.stop != Some(Stop::Diverged)).map_or(lost, objective);
        page.labelled("got", &format!("{loss} {when}"));
    }
    match (report.exact.as_ref().filter(is_short), proof, optimum) {
        (Some(exact), Some(_), Some(optimum)) => {
            page.labelled("best", &format!("{}   ({})", equation(exact, 0), objective(optimum)));
        }
        // Without an optimum that is known, nothing says whose the bound is.
        (_, Some(proof), _) => page.labelled("best", &format!("not below {}", objective(proof.bound))),
        (Some(exact), None, _) => page.paragraph(&format!("{}   (exact, your units)", equation(exact, 0))),
        (None, None, _) => {}
    }
    if let (Some(unit), Some(proof)) = (report.scaled_unit, proof) {
        let (got, best) = (plain(proof.objective / unit), plain(optimum.unwrap_or(proof.bound) / unit));
        page.labelled("", &format!("in scaled units: got {got}, best {best}"));
    }
    if let Some(diagnosis) = &report.diagnosis {
        page.paragraph(&more(diagnosis));
    } else if report.command == "certify" && report.explanation().is_none() {
        unexplained(page, report);
    }
}

/// What the gap of someone's answer means when nothing is known of how it came about.
fn unexplained(page: &mut Page, report: &FitReport) {
    if report.certificate.as_ref().is_some_and(|proof| !proof.gap.is_finite()) {
        let (why, fix) = match report.samples {
            None => (
                "squares of the residuals leave the range of 64-bit numbers, so nothing bounds the gap",
                "express the target, and the coefficients with it, in units that bring it nearer to 1",
            ),
            Some(_) => (
                "sums of such scores leave the range of 64-bit numbers, so nothing bounds the gap",
                "express the columns, and the coefficients with them, in units that bring the scores nearer to 1",
            ),
        };
        page.labelled("why", why);
        page.labelled("fix", fix);
        return;
    }
    let objective = objective(report);
    page.labelled("why", &format!("the best answer has a smaller {objective} than this one on these rows"));
    page.labelled(
        "fix",
        if report.saved {
            "if the model was fitted to other rows, give those as DATA; otherwise"
        } else {
            "if it was fitted with a penalty or to other rows, give those: `--penalty λ`, DATA; otherwise"
        },
    );
    page.labelled(
        "",
        "`surefit fit` with the same loss finds the best answer, `--gap ε` allows a larger gap",
    );
}

/// Where to read on, and what else holds.
fn more(diagnosis: &Diagnosis) -> String {
    let also: Vec<String> = diagnosis.also.iter().copied().map(crate::json::code_name).collect();
    let also = if also.is_empty() { String::new() } else { format!("   also {}", also.join(", ")) };
    format!("surefit explain {}{also}", crate::json::code_name(diagnosis.code))
}

/// The sentence, the reasons and the remedies.
fn diagnosis(page: &mut Page, diagnosis: &Diagnosis) {
    page.paragraph(&diagnosis.message);
    for (nth, reason) in diagnosis.reasons.iter().take(REASONS).enumerate() {
        page.labelled(if nth == 0 { "why" } else { "" }, reason);
    }
    remedies(page, diagnosis);
}

fn remedies(page: &mut Page, diagnosis: &Diagnosis) {
    let all = &diagnosis.remedies;
    let applied = diagnosis.applied();
    let shown = &all[..all.len().min(REMEDIES)];
    let cells = |nth: usize, remedy: &Remedy| {
        let steps = match (remedy.steps, &remedy.fix) {
            (Some(steps), _) => counted(steps, "step"),
            (None, Fix::Exact) => "1 pass".to_owned(),
            (None, _) => String::new(),
        };
        let mut remark = remedy.command.clone().filter(|command| !remedy.change.contains(command.as_str()));
        let mut add = |text: &str| {
            remark = Some(remark.take().map_or(text.to_owned(), |so_far| format!("{so_far}  {text}")));
        };
        if nth == 0 && all.len() > 1 {
            add("smallest change");
        }
        if applied == Some(remedy) {
            add("--fix applies this");
        }
        [remedy.change.clone(), steps, remark.unwrap_or_default()]
    };
    let rows: Vec<[String; 3]> = shown.iter().enumerate().map(|(nth, remedy)| cells(nth, remedy)).collect();
    let widest = |cell: usize| rows.iter().map(|row| width(&row[cell])).max().unwrap_or(0);
    let (change, steps) = (widest(0), widest(1));
    let fits = LABEL + change + 3 + steps + 4 + widest(2) <= page.width;
    for (nth, [what, cost, remark]) in rows.iter().enumerate() {
        let label = if nth == 0 { "fix" } else { "" };
        let text = if fits {
            let (left, right) = (change - width(what), steps - width(cost));
            format!("{what}{}   {}{cost}    {remark}", " ".repeat(left), " ".repeat(right))
        } else {
            [what, cost, remark]
                .into_iter()
                .filter(|cell| !cell.is_empty())
                .cloned()
                .collect::<Vec<_>>()
                .join("  ")
        };
        page.labelled(label, &text);
    }
}

/// Whether a finding is about what others do with the data, and no problem here.
pub fn is_advice(finding: &Finding) -> bool {
    finding.code == Code::Sf107
}

fn finding(page: &mut Page, finding: &Finding) {
    if is_advice(finding) {
        return page.headline(FAINT, "advice", &[&crate::json::code_name(finding.code), &finding.message]);
    }
    page.headline(FAIR, "△", &[&crate::json::code_name(finding.code), &finding.message]);
    if let Some(remedy) = finding.remedies.first() {
        let command = remedy.command.as_ref().filter(|command| !remedy.change.contains(command.as_str()));
        let command = command.map(|command| format!("   {command}")).unwrap_or_default();
        page.labelled("fix", &format!("{}{command}", remedy.change));
    }
}

/// Findings of `lint`.
pub fn lint(findings: &[Finding], summary: &str, width: usize) -> String {
    let mut page = Page::new(width);
    let count = findings.iter().filter(|found| !is_advice(found)).count();
    if count == 0 {
        page.headline(GOOD, "✓ CLEAN", &[summary]);
    } else {
        page.headline(BAD, "✗ FOUND", &[&format!("{}, {summary}", counted(count as u64, "finding"))]);
    }
    for found in findings {
        finding(&mut page, found);
    }
    page.finish()
}

/// A diagnosis by itself, as `diagnose` gives.
pub fn verdict_on_trace(title: &str, found: &Diagnosis, width: usize) -> String {
    let mut page = Page::new(width);
    page.headline(BAD, "✗ CAUSE", &[&crate::json::code_name(found.code), title]);
    diagnosis(&mut page, found);
    page.paragraph(&more(found));
    page.finish()
}

/// A code's page.
pub fn page(text: &diagnosis::Page, width: usize) -> String {
    let mut page = Page::new(width);
    page.headline(FAIR, &crate::json::code_name(text.code), &[text.title]);
    text.meaning.lines().for_each(|line| page.paragraph(line));
    for (head, body) in [("found by", text.detection), ("for example", text.example)] {
        page.section(head, &[body]);
    }
    page.section("what to do", text.remedies);
    page.section("when to let it be", &[text.ignore]);
    page.finish()
}

/// One line with a good or a fair verdict.
pub fn line(good: bool, word: &str, text: &str, width: usize) -> String {
    let mut page = Page::new(width);
    let (style, sign) = if good { (GOOD, '✓') } else { (FAIR, '△') };
    page.headline(style, &format!("{sign} {word}"), &[text]);
    page.finish()
}

/// An error in its sentence, its place and the ways out.
pub fn error(error: &Error, sentence: &str, hints: &[String], width: usize) -> String {
    let word = match error.kind() {
        Kind::Usage => "✗ USAGE",
        Kind::Data => "✗ DATA",
        Kind::Interrupted => "✗ INTERRUPTED",
        Kind::Internal => "✗ INTERNAL",
    };
    let mut page = Page::new(width);
    let code = error.code().map(crate::json::code_name).unwrap_or_default();
    page.headline(BAD, word, &[&code, sentence]);
    if let Error::Formula(formula) = error {
        // The caret stands under its place, so these lines are not broken.
        let excerpt = formula.excerpt().unwrap_or_default();
        page.lines.extend(excerpt.lines().map(|line| format!("{:INDENT$}{line}", "")));
    }
    for hint in hints {
        page.paragraph(hint);
    }
    page.finish()
}

/// Work that ended without a result, though nothing was wrong with it.
pub fn no_answer(word: &str, what: &str, hint: &str, width: usize) -> String {
    let mut page = Page::new(width);
    page.headline(BAD, &format!("✗ {word}"), &[what]);
    page.paragraph(hint);
    page.finish()
}

/// Something that was decided and is said: on standard error.
pub fn note(text: &str, width: usize) -> String {
    let mut lines = wrap(&format!("note  {text}"), width, 6);
    if let Some(first) = lines.first_mut() {
        *first = first.replacen("note", &styled(FAINT, "note"), 1);
    }
    lines.push(String::new());
    lines.join("\n")
}
