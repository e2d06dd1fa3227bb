//! What the limits say before any search: tighter ranges, inputs that cannot be used or must be.

use crate::core::Kind;
use crate::form::{Form, Members, ROUNDING};

/// Decisions contradict each other: a row or a count cannot be met, or nothing is left of a range in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Contradiction;

/// Rounds of tightening.
const ROUNDS: usize = 8;

/// Tightens the upper ends of the ranges, and decides inputs.
///
/// # Errors
/// With the limit that cannot be met.
pub(crate) fn tighten(form: &mut Form, kind: &mut [Kind]) -> Result<(), Contradiction> {
    for _ in 0..ROUNDS {
        let mut changed = propagate(form, kind)?;
        for r in 0..form.q() {
            changed |= tighten_by(form, kind, r);
        }
        if !changed {
            break;
        }
    }
    // What the last tightening leaves.
    propagate(form, kind)?;
    if (0..form.q()).any(|r| form.counts.iter().any(|count| contradict(form, kind, r, count))) {
        return Err(Contradiction);
    }
    for j in (0..form.n).filter(|&j| kind[j] == Kind::Out) {
        (form.low[j], form.high[j], form.optional[j]) = (0.0, 0.0, false);
    }
    Ok(())
}

/// Whether a row cannot be met by as many inputs as a count allows: `at least 6 inputs × 0.2` is more than 1.
fn contradict(form: &Form, kind: &[Kind], r: usize, count: &Members) -> bool {
    let (mut low, mut high, mut scale) = (0.0, 0.0, 1.0);
    // What each open member adds at least, and at most, when it is used.
    let (mut least, mut most): (Vec<f64>, Vec<f64>) = (Vec::new(), Vec::new());
    let mut used = 0;
    for j in (0..form.n).filter(|&j| kind[j] != Kind::Out) {
        let (a, b) = (form.row(r)[j] * form.low[j], form.row(r)[j] * form.high[j]);
        let (a, b) = if form.row(r)[j] == 0.0 { (0.0, 0.0) } else { (a.min(b), a.max(b)) };
        scale += a.abs().max(b.abs());
        let is_in = kind[j] == Kind::In;
        used += usize::from(is_in && count.is_member[j]);
        low += if is_in { a } else { a.min(0.0) };
        if is_in {
            high += b;
        } else if count.is_member[j] {
            least.push(a.max(0.0));
            most.push(b.max(0.0));
        } else {
            high += b.max(0.0);
        }
    }
    least.sort_by(f64::total_cmp);
    most.sort_by(|a, b| b.total_cmp(a));
    low += least.iter().take(count.least.saturating_sub(used)).sum::<f64>();
    high += most.iter().take(count.most.saturating_sub(used)).sum::<f64>();
    let room = ROUNDING * scale;
    scale.is_finite() && (low > form.row_high[r] + room || high < form.row_low[r] - room)
}

/// Ends of what column `j` may be, holes left aside.
fn ends(form: &Form, kind: &[Kind], j: usize) -> (f64, f64) {
    match kind[j] {
        Kind::Out => (0.0, 0.0),
        Kind::In => (form.low[j], form.high[j]),
        Kind::Open => (form.low[j].min(0.0), form.high[j].max(0.0)),
    }
}

/// The least and the greatest that row `r` can be: finite part and number of infinite terms.
struct Activity {
    low: (f64, usize),
    high: (f64, usize),
    scale: f64,
}

fn activity(form: &Form, kind: &[Kind], r: usize) -> Activity {
    let mut sums = Activity { low: (0.0, 0), high: (0.0, 0), scale: 1.0 };
    for (j, &c) in form.row(r).iter().enumerate() {
        if c == 0.0 {
            continue;
        }
        let (low, high) = ends(form, kind, j);
        let (least, most) = if c > 0.0 { (c * low, c * high) } else { (c * high, c * low) };
        for (sum, value) in [(&mut sums.low, least), (&mut sums.high, most)] {
            if value.is_finite() {
                sum.0 += value;
                sums.scale += value.abs();
            } else {
                sum.1 += 1;
            }
        }
    }
    sums
}

/// Tightens the ranges of the columns in row `r`.
fn tighten_by(form: &mut Form, kind: &[Kind], r: usize) -> bool {
    let sums = activity(form, kind, r);
    let mut changed = false;
    for j in 0..form.n {
        let c = form.rows[r * form.n + j];
        if c == 0.0 || kind[j] == Kind::Out {
            continue;
        }
        let (low, high) = ends(form, kind, j);
        // What the others leave: from above for c > 0, from below for c < 0.
        let (limit, others) =
            if c > 0.0 { (form.row_high[r], sums.low) } else { (form.row_low[r], sums.high) };
        let own = c * low;
        let rest = match (others.1, own.is_finite()) {
            (0, true) => others.0 - own,
            (1, false) => others.0,
            _ => continue,
        };
        if !limit.is_finite() {
            continue;
        }
        let most = (limit - rest) / c + 1e-13 * sums.scale / c.abs();
        if most < high - ROUNDING * (1.0 + most.abs()) {
            // Not below the low end by rounding: five weights of .2 leave .2 for the fifth.
            let room = ROUNDING * (1.0 + form.low[j].abs());
            form.high[j] = if (most - form.low[j]).abs() <= room { form.low[j] } else { most };
            changed = true;
        }
    }
    changed
}

/// Decides what the limits leave no choice in; whether anything was decided.
///
/// # Errors
/// With the limit that cannot be met.
pub(crate) fn propagate(form: &Form, kind: &mut [Kind]) -> Result<bool, Contradiction> {
    let mut changed = false;
    for j in 0..form.n {
        if form.high[j] < form.low[j] {
            match kind[j] {
                Kind::Open => (kind[j], changed) = (Kind::Out, true),
                Kind::In => return Err(Contradiction),
                Kind::Out => {}
            }
        }
    }
    for r in 0..form.q() {
        changed |= by_row(form, kind, r)?;
    }
    for count in &form.counts {
        let (mut used, mut open) = (0, 0);
        for (kind, _) in kind.iter().zip(&count.is_member).filter(|(_, is_member)| **is_member) {
            used += usize::from(*kind == Kind::In);
            open += usize::from(*kind == Kind::Open);
        }
        if used > count.most || used + open < count.least {
            return Err(Contradiction);
        }
        let decision = if used == count.most {
            Kind::Out
        } else if used + open == count.least {
            Kind::In
        } else {
            continue;
        };
        for (kind, is_member) in kind.iter_mut().zip(&count.is_member) {
            if *is_member && *kind == Kind::Open {
                (*kind, changed) = (decision, true);
            }
        }
    }
    Ok(changed)
}

/// Decides by one row.
fn by_row(form: &Form, kind: &mut [Kind], r: usize) -> Result<bool, Contradiction> {
    let mut sums = activity(form, kind, r);
    let room = ROUNDING * sums.scale;
    let (least, most) = (form.row_low[r] - room, form.row_high[r] + room);
    let fails = |low: (f64, usize), high: (f64, usize)| {
        (low.1 == 0 && low.0 > most) || (high.1 == 0 && high.0 < least)
    };
    if fails(sums.low, sums.high) {
        return Err(Contradiction);
    }
    let mut changed = false;
    for j in 0..form.n {
        let c = form.rows[r * form.n + j];
        if kind[j] != Kind::Open || c == 0.0 || !form.high[j].is_finite() {
            continue;
        }
        let (low, high) = ends(form, kind, j);
        let span = |low: f64, high: f64| if c > 0.0 { (c * low, c * high) } else { (c * high, c * low) };
        let (own, used) = (span(low, high), span(form.low[j], form.high[j]));
        let with = |part: (f64, f64)| {
            ((sums.low.0 - own.0 + part.0, sums.low.1), (sums.high.0 - own.1 + part.1, sums.high.1))
        };
        let (into, out) = (with(used), with((0.0, 0.0)));
        let (decision, left) = match (fails(into.0, into.1), fails(out.0, out.1)) {
            (true, true) => return Err(Contradiction),
            (true, false) => (Kind::Out, out),
            (false, true) => (Kind::In, into),
            (false, false) => continue,
        };
        (kind[j], changed) = (decision, true);
        (sums.low, sums.high) = left;
    }
    Ok(changed)
}
