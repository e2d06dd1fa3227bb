//! How the problem of a tree certificate is written into it, and stated again from it.

use crate::args::{MixFlags, usage};
use crate::json::{distance_name, number};
use crate::numbers::rough;
use crate::report::mix::MixReport;
use serde_json::{Value, json};
use std::collections::HashSet;
use std::path::Path;
use surefit::Error;
use surefit_mix::{Count, Distance, Limit, Problem, Range};

/// What a problem is, but for the numbers of the table.
#[derive(Clone, Debug)]
pub struct Stated {
    /// The column that the mix comes close to.
    pub target: String,
    /// The column of row weights.
    pub weights: Option<String>,
    /// `error`, `drop` or `mean`.
    pub missing: String,
    /// Of the rows that were mixed.
    pub digest: String,
    /// The problem, without columns and target.
    pub problem: Problem,
    /// As it is written in the file.
    pub text: Value,
}

/// Ends of ranges that are open are set to what the limits leave, as a tree is checked against finite ones.
pub fn close_ranges(problem: &mut Problem) {
    // An end that is set may set others; each of them once.
    for _ in 0..problem.inputs.len() {
        let mut any = false;
        for limit in problem.limits.clone() {
            for &(j, c) in limit.terms.iter().filter(|term| term.1 != 0.0) {
                any |= close(problem, &limit, j, c);
            }
        }
        if !any {
            break;
        }
    }
}

/// Sets the open ends of one range to what a limit leaves; whether there was any.
fn close(problem: &mut Problem, limit: &Limit, j: usize, c: f64) -> bool {
    let range = problem.ranges[j];
    if range.low.is_finite() && range.high.is_finite() || limit.terms.iter().filter(|t| t.0 == j).count() > 1
    {
        return false;
    }
    let (mut least, mut most, mut size) = (0.0, 0.0, 0.0);
    for &(k, c) in limit.terms.iter().filter(|term| term.0 != j && term.1 != 0.0) {
        let Range { low, high, optional } = problem.ranges[k];
        let (low, high) = if optional { (low.min(0.0), high.max(0.0)) } else { (low, high) };
        let (low, high) = if c > 0.0 { (c * low, c * high) } else { (c * high, c * low) };
        (least, most, size) = (least + low, most + high, size + low.abs().min(high.abs()));
    }
    // Outwards by more than the rounding of the sums.
    let room = 1e-12 * size;
    let (high, low) = ((limit.high - least + room) / c, (limit.low - most - room) / c);
    let (low, high) = if c > 0.0 { (low, high) } else { (high, low) };
    let own = &mut problem.ranges[j];
    let mut any = false;
    // An input that the limit leaves less than its least weight is out; a range that ends there says so too.
    if own.high == f64::INFINITY && high.is_finite() {
        (own.high, any) = (high.max(own.low.max(0.0)), true);
    }
    if own.low == f64::NEG_INFINITY && low.is_finite() {
        (own.low, any) = (low.min(own.high.min(0.0)), true);
    }
    any
}

/// The text that goes into the file.
pub fn note(flags: &MixFlags, problem: &Problem, digest: &str) -> String {
    let range = |range: &Range| json!([number(range.low), number(range.high), range.optional]);
    let limit = |limit: &Limit| {
        let terms: Vec<Value> = limit.terms.iter().map(|(j, c)| json!([j, number(*c)])).collect();
        json!({"name": limit.name, "low": number(limit.low), "high": number(limit.high), "terms": terms})
    };
    let count = |count: &Count| {
        json!({
            "name": count.name, "least": count.least, "most": count.most, "members": count.members,
        })
    };
    let missing = match flags.missing {
        None | Some(crate::args::MissingArg::Error) => "error",
        Some(crate::args::MissingArg::Drop) => "drop",
        Some(crate::args::MissingArg::Mean) => "mean",
    };
    let stated = json!({
        "version": env!("CARGO_PKG_VERSION"),
        "target": flags.target,
        "inputs": problem.inputs,
        "distance": distance_name(problem.distance),
        "ridge": number(problem.ridge),
        "weights": flags.weights,
        "missing": missing,
        "ranges": problem.ranges.iter().map(range).collect::<Vec<_>>(),
        "limits": problem.limits.iter().map(limit).collect::<Vec<_>>(),
        "counts": problem.counts.iter().map(count).collect::<Vec<_>>(),
        "data": digest,
    });
    stated.to_string()
}

/// Refuses a tree of a problem that it could not be checked with.
///
/// # Errors
/// [`Error::Usage`] naming the input whose range has an open end.
pub fn refuse_open_ranges(problem: &Problem) -> Result<(), Error> {
    let open = |range: &Range| !range.low.is_finite() || !range.high.is_finite();
    match problem.ranges.iter().position(open).and_then(|j| problem.inputs.get(j)) {
        None => Ok(()),
        Some(name) => Err(usage(
            format!(
                "no single limit bounds the weight of `{name}`, and a tree certificate is checked with ranges that \
                 have two ends"
            ),
            "give it one with `--range` or `--high`".to_owned(),
        )),
    }
}

/// Why a search has no tree to write.
pub fn why_none(report: &MixReport, path: &Path) -> String {
    let gap = rough(report.certificate.map_or(f64::INFINITY, |proof| proof.relative_gap()));
    let old = if path.is_file() { "; the file of that name is of an earlier run" } else { "" };
    format!(
        "no tree certificate was written to {}: the search was stopped before its end, at a relative gap of {gap}, \
         and a tree proves a whole search{old}",
        path.display()
    )
}

/// Reads the text of a file; none where it states no problem.
pub fn read(note: &str) -> Option<Stated> {
    let text: Value = serde_json::from_str(note).ok()?;
    let word = |key: &str| text.get(key)?.as_str().map(str::to_owned);
    let list = |key: &str| text.get(key)?.as_array();
    let inputs: Vec<String> = texts(list("inputs")?)?;
    let n = inputs.len();
    let ranges: Vec<Range> = list("ranges")?.iter().map(range).collect::<Option<_>>()?;
    let limits: Vec<Limit> = list("limits")?.iter().map(|of| limit(of, n)).collect::<Option<_>>()?;
    let counts: Vec<Count> = list("counts")?.iter().map(|of| count(of, n)).collect::<Option<_>>()?;
    let distance = match word("distance")?.as_str() {
        "l2" => Distance::L2,
        "l1" => Distance::L1,
        "linf" => Distance::LInf,
        _ => return None,
    };
    let ridge = real(text.get("ridge")?).filter(|ridge| ridge.is_finite() && *ridge >= 0.0)?;
    let weights = match text.get("weights")? {
        Value::Null => None,
        name => Some(name.as_str()?.to_owned()),
    };
    let missing = word("missing").filter(|rule| ["error", "drop", "mean"].contains(&rule.as_str()))?;
    let distinct = inputs.iter().collect::<HashSet<_>>().len() == n;
    let fits = n > 0 && ranges.len() == n && distinct && (ridge == 0.0 || distance == Distance::L2);
    let mut problem = Problem::new(inputs, Vec::new(), Vec::new(), 0.0, 1.0);
    (problem.distance, problem.ridge) = (distance, ridge);
    (problem.ranges, problem.limits, problem.counts) = (ranges, limits, counts);
    let (target, digest) = (word("target")?, word("data")?);
    fits.then_some(Stated { target, weights, missing, digest, problem, text })
}

fn texts(all: &[Value]) -> Option<Vec<String>> {
    all.iter().map(|text| text.as_str().map(str::to_owned)).collect()
}

/// A number, or one of those that JSON lacks.
fn real(value: &Value) -> Option<f64> {
    match value {
        Value::String(text) if text == "inf" => Some(f64::INFINITY),
        Value::String(text) if text == "-inf" => Some(f64::NEG_INFINITY),
        value => value.as_f64(),
    }
}

fn whole(value: &Value) -> Option<usize> {
    usize::try_from(value.as_u64()?).ok()
}

fn range(value: &Value) -> Option<Range> {
    let [low, high, optional] = value.as_array()?.as_slice() else { return None };
    let (low, high) = (real(low)?, real(high)?);
    // A tree is checked with finite ranges alone.
    let sound = low.is_finite() && high.is_finite() && low <= high;
    sound.then_some(Range { low, high, optional: optional.as_bool()? })
}

fn limit(value: &Value, n: usize) -> Option<Limit> {
    let name = value.get("name")?.as_str()?.to_owned();
    let term = |term: &Value| {
        let [j, c] = term.as_array()?.as_slice() else { return None };
        Some((whole(j).filter(|j| *j < n)?, real(c).filter(|c| c.is_finite())?))
    };
    let terms = value.get("terms")?.as_array()?.iter().map(term).collect::<Option<_>>()?;
    let (low, high) = (real(value.get("low")?)?, real(value.get("high")?)?);
    let sound = low <= high && low < f64::INFINITY && high > f64::NEG_INFINITY;
    sound.then_some(Limit { name, terms, low, high })
}

fn count(value: &Value, n: usize) -> Option<Count> {
    let name = value.get("name")?.as_str()?.to_owned();
    let member = |member: &Value| whole(member).filter(|j| *j < n);
    let members = value.get("members")?.as_array()?.iter().map(member).collect::<Option<_>>()?;
    let (least, most) = (whole(value.get("least")?)?, whole(value.get("most")?)?);
    (least <= most).then_some(Count { name, members, least, most })
}

/// What a mix breaks, in one sentence; none where it keeps all that is asked of it.
pub fn broken(problem: &Problem, weights: &[f64]) -> Option<String> {
    const ROOM: f64 = 1e-9;
    for (j, (&w, range)) in weights.iter().zip(&problem.ranges).enumerate() {
        let room = ROOM * range.low.abs().max(range.high.abs()).max(1.0);
        let inside = w >= range.low - room && w <= range.high + room;
        if !(inside || w == 0.0 && range.optional) {
            let name = problem.inputs.get(j).map_or("", String::as_str);
            return Some(format!("its weight {w} of `{name}` is not in the range of that input"));
        }
    }
    for limit in &problem.limits {
        let terms = || limit.terms.iter().map(|&(j, c)| c * weights.get(j).copied().unwrap_or(0.0));
        let (sum, room) = (terms().sum::<f64>(), ROOM * terms().map(f64::abs).sum::<f64>().max(1.0));
        if !(sum >= limit.low - room && sum <= limit.high + room) {
            return Some(format!("its weights do not keep the limit `{}`", limit.name));
        }
    }
    for count in &problem.counts {
        let used = count.members.iter().filter(|j| weights.get(**j).is_some_and(|w| *w != 0.0)).count();
        if !(count.least..=count.most).contains(&used) {
            return Some(format!("its weights do not keep the count `{}`", count.name));
        }
    }
    None
}
