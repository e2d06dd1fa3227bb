//! The last digits of a mix: the search works with a form that is nudged to be regular, this does not.

use crate::core::Kind;
use crate::form::Form;
use crate::problem::Distance;
use faer::{Mat, Side};

/// Steps of refinement.
const STEPS: usize = 4;
/// How near to a limit a weight or a row stands at it.
const NEAR: f64 = 1e-7;

/// Improves the weights of squares, as long as that helps.
pub(crate) fn polish(form: &Form, weights: &mut Vec<f64>) {
    if form.distance != Distance::L2 {
        return;
    }
    // Weights that miss a limit are worth nothing.
    let (mut best, mut is_allowed) = (form.objective(weights), form.allows(weights));
    for _ in 0..STEPS {
        // A weight near an end is at it, or it is not: what helps is right.
        let steps = [NEAR, 0.0].map(|near| step(form, weights, near));
        let better = steps.into_iter().flatten().map(|(next, _)| next).filter(|next| form.allows(next));
        let values = better.map(|next| (form.objective(&next), next));
        let Some((value, next)) = values.min_by(|a, b| a.0.total_cmp(&b.0)) else { return };
        if value >= best && is_allowed {
            return;
        }
        (*weights, best, is_allowed) = (next, value, true);
    }
}

/// The weights and the multipliers of the rows that balance them, to the last digits: what proves most. No
/// multipliers where no weight is free to tell them.
pub(crate) fn sharpen(form: &Form, weights: &[f64]) -> Option<(Vec<f64>, Vec<f64>)> {
    let (first, _) = step(form, weights, NEAR)?;
    step(form, &first, NEAR)
}

/// One step of Newton's method for the weights that are further than `near` from their ends, on the rows that are met
/// with equality; the other weights go to their ends.
fn step(form: &Form, weights: &[f64], near: f64) -> Option<(Vec<f64>, Vec<f64>)> {
    let mut weights = weights.to_vec();
    let mut free = Vec::new();
    let used: Vec<usize> = (0..form.n).filter(|&j| weights[j] != 0.0).collect();
    for j in used {
        let (low, high) = (form.low[j], form.high[j]);
        let room = near * low.abs().max(high.abs());
        if weights[j] <= low + room {
            weights[j] = low;
        } else if weights[j] >= high - room {
            weights[j] = high;
        } else {
            free.push(j);
        }
    }
    // Weights that a step would take over an end stay at it, and the others go again.
    while !free.is_empty() {
        let (change, multipliers) = newton(form, &weights, &free)?;
        let ends = free.iter().zip(&change).map(|(&j, &dw)| {
            let next = weights[j] + dw;
            (next, next.clamp(form.low[j], form.high[j]))
        });
        let ends: Vec<(f64, f64)> = ends.collect();
        let Some(over) = ends.iter().position(|(next, kept)| next != kept) else {
            free.iter().zip(&ends).for_each(|(&j, (next, _))| weights[j] = *next);
            return weights.iter().all(|w| w.is_finite()).then_some((weights, multipliers));
        };
        weights[free[over]] = ends[over].1;
        free.remove(over);
    }
    Some((weights, Vec::new()))
}

/// The change of the free weights that makes the squares least, on the rows that are met with equality, and the
/// multipliers of the rows.
fn newton(form: &Form, weights: &[f64], free: &[usize]) -> Option<(Vec<f64>, Vec<f64>)> {
    let activity = |r: usize| dot(form.row(r), weights);
    let active: Vec<(usize, f64)> = (0..form.q())
        .filter(|&r| free.iter().any(|&j| form.row(r)[j] != 0.0))
        .filter_map(|r| {
            let (value, low, high) = (activity(r), form.row_low[r], form.row_high[r]);
            let near = |limit: f64| limit.is_finite() && (value - limit).abs() <= NEAR * (1.0 + limit.abs());
            if near(low) { Some((r, low - value)) } else { near(high).then(|| (r, high - value)) }
        })
        .collect();
    let (p, k) = (free.len(), free.len() + active.len());
    let residual = residual(form, weights);
    let mut matrix = Mat::<f64>::zeros(k, k);
    let mut right = Mat::<f64>::zeros(k, 1);
    for (a, &j) in free.iter().enumerate() {
        for (b, &l) in free.iter().enumerate() {
            matrix[(a, b)] = dot(form.column(j), form.column(l)) + if a == b { form.ridge } else { 0.0 };
        }
        right[(a, 0)] = -dot(form.column(j), &residual) - form.ridge * weights[j];
        for (r, (row, _)) in active.iter().enumerate() {
            matrix[(a, p + r)] = form.row(*row)[j];
            matrix[(p + r, a)] = form.row(*row)[j];
        }
    }
    for (r, (_, missing)) in active.iter().enumerate() {
        right[(p + r, 0)] = *missing;
    }
    let change = least(&matrix, &right)?;
    let mut multipliers = vec![0.0; form.q()];
    for (r, (row, _)) in active.iter().enumerate() {
        let value = -2.0 * change[(p + r, 0)];
        let (low, high) = (form.row_low[*row], form.row_high[*row]);
        let is_at_low = (activity(*row) - low).abs() <= (activity(*row) - high).abs();
        // An inequality presses to one side only.
        let presses = low == high || (is_at_low && value > 0.0) || (!is_at_low && value < 0.0);
        multipliers[*row] = if presses { value } else { 0.0 };
    }
    Some(((0..p).map(|a| change[(a, 0)]).collect(), multipliers))
}

/// Moves multipliers to where inputs that stand at their ends stay there, one row after the other: where no weight is
/// free, multipliers are an interval, and the search may have stopped a nudge outside of it.
pub(crate) fn hold(form: &Form, kind: &[Kind], weights: &[f64], multipliers: &mut [f64]) {
    let residual = residual(form, weights);
    let slope = |j: usize, multipliers: &[f64]| {
        let rows: f64 = (0..form.q()).map(|r| multipliers[r] * form.row(r)[j]).sum();
        2.0 * (dot(form.column(j), &residual) + form.ridge * weights[j]) - rows
    };
    for r in 0..form.q() {
        let (mut least, mut most) = (f64::NEG_INFINITY, f64::INFINITY);
        for j in (0..form.n).filter(|&j| kind[j] == Kind::In && form.low[j] < form.high[j]) {
            let c = form.row(r)[j];
            let end = multipliers[r] + slope(j, multipliers) / c;
            // At the low end the slope must not be negative, at the high end not positive.
            if c == 0.0 || (weights[j] > form.low[j] && weights[j] < form.high[j]) {
                continue;
            }
            if (weights[j] <= form.low[j]) == (c > 0.0) {
                most = most.min(end)
            } else {
                least = least.max(end)
            }
        }
        if multipliers[r] != 0.0 && least <= most {
            multipliers[r] = multipliers[r].clamp(least, most);
        }
    }
}

fn residual(form: &Form, weights: &[f64]) -> Vec<f64> {
    let mut residual: Vec<f64> = form.t.iter().map(|t| -t).collect();
    for (j, &w) in weights.iter().enumerate().filter(|(_, w)| **w != 0.0) {
        residual.iter_mut().zip(form.column(j)).for_each(|(r, a)| *r += w * a);
    }
    residual
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// The least solution of a symmetric system that may be singular.
fn least(matrix: &Mat<f64>, right: &Mat<f64>) -> Option<Mat<f64>> {
    const RANK: f64 = 1e-13;
    let eigen = matrix.self_adjoint_eigen(Side::Lower).ok()?;
    let (vectors, values) = (eigen.U(), eigen.S().column_vector());
    let greatest = values.iter().fold(0.0_f64, |most, value| most.max(value.abs()));
    let mut parts = vectors.transpose() * right;
    for (k, value) in values.iter().enumerate() {
        parts[(k, 0)] = if value.abs() > RANK * greatest { parts[(k, 0)] / value } else { 0.0 };
    }
    Some(vectors * parts)
}
