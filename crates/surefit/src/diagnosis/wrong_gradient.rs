//! SF301: a gradient that is not that of its loss, with the mistake in it and the line that mends it.
//!
//! The lines are `NumPy`, in the names of `CS231n`: `X` is n × d, `W` and `dW` are d × c, `y` holds the classes, `reg` is
//! λ. The mistake explains every gradient that was handed in, so the line that undoes it makes all of them right.

use super::words::figure;
use super::{Code, Diagnosis, Fix, Remedy};
use crate::gradcheck::{Finding, Mistake, Verdict};
use crate::problem::LossKind;
use serde_json::{Map, Value, json};

/// The diagnosis of claims for that loss that do not agree; nothing where they do. `terms` and `outputs` are the names of the
/// gradient's rows and columns.
pub fn wrong_gradient(
    verdict: &Verdict,
    loss: LossKind,
    terms: &[String],
    outputs: &[String],
) -> Option<Diagnosis> {
    if verdict.agrees() {
        return None;
    }
    let wrong =
        || verdict.reports.iter().flat_map(|report| &report.entries).filter(|entry| !entry.is_right());
    let checked: usize = verdict.reports.iter().map(|report| report.entries.len()).sum();
    let (worst, place) = worst(verdict)?;
    let entry = verdict.reports.get(worst)?.entries.get(place)?;
    let c = verdict.layout.outputs.max(1);
    let named = |names: &[String], at: usize| names.get(at).cloned().unwrap_or_default();
    let (term, output) = (named(terms, place / c), named(outputs, place % c));
    let count = format!("{} of {checked} entries are wrong", wrong().count());
    let mut evidence = Map::new();
    evidence.insert("wrong".to_owned(), wrong().count().into());
    evidence.insert("checked".to_owned(), checked.into());
    evidence.insert(
        "worst".to_owned(),
        json!({
            "claim": worst + 1, "term": term, "output": output,
            "given": entry.given, "right": entry.numeric, "kink": entry.kink,
        }),
    );
    let example = format!(
        "{count}, the worst in `{term}` for `{output}`: {} is given, the values say {}",
        figure(entry.given, 6),
        figure(entry.numeric, 6)
    );
    let zero = verdict.reports.iter().flat_map(|report| &report.entries).all(|entry| entry.given == 0.0);
    let (message, mut reasons, remedies) = match &verdict.finding {
        _ if zero => ("the gradient is 0 in every entry".to_owned(), vec![example], Vec::new()),
        Some(finding) => {
            evidence.extend(of_finding(finding));
            (said(finding, loss), vec![example], remedies(finding, loss))
        }
        None => {
            let why = "no single mistake that is known explains it";
            (example, vec![why.to_owned()], Vec::new())
        }
    };
    if verdict.penalty_unseen {
        reasons.push(
            "W is 0 in every file, where the penalty has no gradient: check at another W too".to_owned(),
        );
    }
    Some(Diagnosis { code: Code::Sf301, message, reasons, evidence, also: Vec::new(), remedies, exact: None })
}

/// Claim and entry whose error is the most above what is allowed.
fn worst(verdict: &Verdict) -> Option<(usize, usize)> {
    let all = verdict.reports.iter().enumerate();
    let excess = |(claim, place): (usize, usize)| {
        let entry = verdict.reports.get(claim).and_then(|report| report.entries.get(place));
        entry.map_or(f64::NEG_INFINITY, |entry| entry.error - entry.allowance)
    };
    let of_claims = all.filter_map(|(claim, report)| Some((claim, report.worst()?)));
    of_claims.max_by(|a, b| excess(*a).total_cmp(&excess(*b)))
}

fn of_finding(finding: &Finding) -> Map<String, Value> {
    let mut evidence = Map::new();
    let name: String =
        format!("{:?}", finding.mistake).chars().take_while(char::is_ascii_alphabetic).collect();
    evidence.insert("mistake".to_owned(), name.into());
    if let Some([wrong, own, penalty]) = finding.coefficients {
        evidence.insert(
            "coefficients".to_owned(),
            json!({ "other_classes": wrong, "own_class": own, "parameters": penalty }),
        );
    }
    evidence.insert("penalty".to_owned(), finding.lambda.into());
    evidence.insert("size".to_owned(), finding.size.into());
    evidence
}

/// What was done, in the words of the loss: only a hinge counts violated margins.
fn said(finding: &Finding, loss: LossKind) -> String {
    match (finding.mistake, loss) {
        (Mistake::IndicatorForCount, LossKind::Softmax) => {
            "the row's own class gets -1 where its probability minus 1 belongs".to_owned()
        }
        (Mistake::IndicatorForCount, LossKind::SquaredHinge { .. }) => {
            "the row's own class gets -1 where minus the sum of what the others get belongs".to_owned()
        }
        (Mistake::IndicatorForCount, loss) if !matches!(loss, LossKind::Hinge { .. }) => {
            "the row's own class gets -1 whatever its score".to_owned()
        }
        (Mistake::OwnClassNotSubtracted, loss) if !has_probabilities(loss) => {
            "the row's own class gets 1 too much".to_owned()
        }
        _ => finding.to_string(),
    }
}

fn has_probabilities(loss: LossKind) -> bool {
    matches!(loss, LossKind::Softmax | LossKind::OvrLogistic)
}

/// The line that gives each row's own class what belongs to it, where those of the others are right: of scores S, and of the
/// probabilities P.
fn own_class(loss: LossKind) -> &'static str {
    match loss {
        LossKind::Softmax => "G[np.arange(n), y] = P[np.arange(n), y] - 1",
        LossKind::OvrHinge => "G[np.arange(n), y] = -(S[np.arange(n), y] < 1)",
        LossKind::OvrSquaredHinge => "G[np.arange(n), y] = -2 * np.maximum(0, 1 - S[np.arange(n), y])",
        LossKind::OvrLogistic => "G[np.arange(n), y] = -1 / (1 + np.exp(S[np.arange(n), y]))",
        _ => "G[np.arange(n), y] = 0; G[np.arange(n), y] = -G.sum(axis=1)",
    }
}

/// The line to add, and where another reading of the problem makes the claim right, that reading.
fn remedies(finding: &Finding, loss: LossKind) -> Vec<Remedy> {
    let (lambda, n) = (finding.lambda, finding.size);
    let line = |text: &str, line: String| Remedy {
        change: format!("{text}: `{line}`"),
        command: None,
        steps: None,
        proven: true,
        safe: false,
        fix: Fix::Line(line),
    };
    let meant = |change: String, penalty: f64| Remedy {
        change,
        command: Some(format!("--penalty {penalty}")),
        steps: None,
        proven: true,
        safe: false,
        fix: Fix::Penalty(penalty),
    };
    let before = "before the penalty is added";
    match finding.mistake {
        Mistake::NotAveraged => vec![line(before, format!("dW /= {n}"))],
        Mistake::AveragedTwice => vec![line(before, format!("dW *= {n}"))],
        Mistake::DataSign => vec![line(before, "dW = -dW".to_owned())],
        Mistake::DataFactor(factor) => vec![line(before, format!("dW /= {}", short(factor)))],
        Mistake::PenaltyFactor(factor) => {
            let over = rounded((factor - 1.0) * lambda);
            let sign = if over > 0.0 { '-' } else { '+' };
            let mended = line("at the end, for 0.5·reg·ΣW²", format!("dW {sign}= {} * W", over.abs()));
            // A penalty below 0 is none.
            let other = (factor > 0.0).then(|| {
                let change = format!("if the loss that you mean has {}·ΣW²", short(0.5 * factor * lambda));
                meant(change, rounded(factor * lambda))
            });
            std::iter::once(mended).chain(other).collect()
        }
        Mistake::PenaltyMissing => vec![line("add the penalty's gradient", format!("dW += {lambda} * W"))],
        Mistake::PenaltyUnwanted(found) => {
            let mended = line("take the penalty out again", format!("dW -= {} * W", short(found)));
            let other = (found > 0.0).then(|| meant("if a penalty is meant".to_owned(), rounded(found)));
            std::iter::once(mended).chain(other).collect()
        }
        Mistake::TrueClassMissing => {
            vec![line("each row's own class, before the product with X.T", own_class(loss).to_owned())]
        }
        Mistake::IndicatorForCount => {
            vec![line("in place of that, before the product with X.T", own_class(loss).to_owned())]
        }
        Mistake::OwnClassNotSubtracted => {
            let whole = if has_probabilities(loss) { "G[np.arange(n), y] -= 1" } else { own_class(loss) };
            vec![line("before the product with X.T", whole.to_owned())]
        }
        Mistake::Sign => vec![line("at the end", "dW = -dW".to_owned())],
        Mistake::TimesRows => vec![line("at the end", format!("dW /= {n}"))],
        Mistake::OverRows => vec![line("at the end", format!("dW *= {n}"))],
        Mistake::Factor(factor) => vec![line("at the end", format!("dW /= {}", short(factor)))],
        Mistake::Transposed => vec![line("at the end", "dW = dW.reshape(W.shape[::-1]).T".to_owned())],
        Mistake::ClassesShifted(by) => {
            vec![line("at the end", format!("dW = np.roll(dW, {}, axis=1)", -by))]
        }
        Mistake::InterceptPenalized => vec![line("the intercept is free", format!("db -= {lambda} * b"))],
        Mistake::InterceptNotPenalized => {
            vec![line("the intercept's penalty", format!("db += {lambda} * b"))]
        }
        Mistake::InterceptMissing => {
            vec![line("the gradient of the intercept", format!("db = G.sum(axis=0) / {n}"))]
        }
        Mistake::PreviousPoint => vec![line("before W is changed", "dW = gradient(W)".to_owned())],
        Mistake::Parts | Mistake::LastBatch => Vec::new(),
    }
}

/// A factor without the digits that the gradient's own rounding made.
fn rounded(factor: f64) -> f64 {
    format!("{factor:.6e}").parse().unwrap_or(factor)
}

fn short(factor: f64) -> String {
    rounded(factor).to_string()
}
