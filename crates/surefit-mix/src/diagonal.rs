//! The diagonal that a form can spare: `d ≥ 0` with `Q − diag(d) ⪰ 0`, as large as helps the bound.
//!
//! Coordinate ascent on `Σ ω d + μ log det(Q − diag(d))` keeps `P = (Q − diag(d))⁻¹`: along coordinate `i` the best
//! step is `δ = 1/P_ii − μ/ω_i`, after which `P` changes by rank one (Sherman & Morrison). `μ` is halved each sweep.

use crate::core::Ask;
use faer::linalg::solvers::DenseSolveCore as _;
use faer::{Mat, MatRef, Side};

/// Steps between two questions whether to go on.
const ASKED: usize = 32;

/// Room for the rounding of a factorisation of order `n`, as a share of the largest diagonal entry.
fn margin(n: usize) -> f64 {
    16.0 * f64::EPSILON * (n + 4) as f64
}

/// Raises `Σ ω d`, from `start`; all zero where the form has nothing to spare.
pub(crate) fn spare(
    form: MatRef<'_, f64>,
    weight: &[f64],
    start: &[f64],
    sweeps: usize,
    ask: Ask<'_>,
) -> Vec<f64> {
    let n = form.nrows();
    let none = vec![0.0; n];
    let greatest = (0..n).map(|j| form[(j, j)]).fold(0.0, f64::max);
    let floor = margin(n) * greatest;
    let mut diagonal: Vec<f64> = start.iter().map(|d| d * 0.9).collect();
    let Some(mut inverse) = inverse_less(form, &diagonal, floor) else { return none };
    let mean = weight.iter().sum::<f64>() / n as f64;
    if mean <= 0.0 {
        return none;
    }
    let pull: Vec<f64> = weight.iter().map(|w| w.max(1e-3 * mean)).collect();
    let mut barrier = 0.3 * (0..n).map(|j| pull[j] / inverse[(j, j)]).sum::<f64>() / n as f64;
    for sweep in 0..sweeps {
        for j in 0..n {
            let own = inverse[(j, j)];
            if j % ASKED == 0 && !ask() {
                return safe(form, diagonal, floor);
            }
            if own <= 0.0 || weight[j] <= 0.0 {
                continue;
            }
            let step = (1.0 / own - barrier / pull[j]).max(-diagonal[j]);
            // Never onto the edge itself, where the inverse ends.
            let step = step.min(0.999 / own);
            if step.abs() <= 1e-12 * greatest {
                continue;
            }
            let factor = step / (1.0 - step * own);
            raise(&mut inverse, j, factor);
            diagonal[j] += step;
        }
        barrier *= 0.5;
        if sweep % 4 == 3 {
            let Some(fresh) = inverse_less(form, &diagonal, floor) else { break };
            inverse = fresh;
        }
    }
    safe(form, diagonal, floor)
}

/// The diagonal, made smaller until the factorisation proves it.
fn safe(form: MatRef<'_, f64>, mut diagonal: Vec<f64>, floor: f64) -> Vec<f64> {
    for attempt in 0..40 {
        if less(form, &diagonal, floor).llt(Side::Lower).is_ok() {
            return diagonal;
        }
        let factor = 1.0 - 1e-12 * 4.0_f64.powi(attempt);
        for d in &mut diagonal {
            *d = (*d * factor).max(0.0);
        }
    }
    vec![0.0; diagonal.len()]
}

/// `form − diag(diagonal) − floor I`.
fn less(form: MatRef<'_, f64>, diagonal: &[f64], floor: f64) -> Mat<f64> {
    let mut rest = form.to_owned();
    for (j, d) in diagonal.iter().enumerate() {
        rest[(j, j)] -= d + floor;
    }
    rest
}

fn inverse_less(form: MatRef<'_, f64>, diagonal: &[f64], floor: f64) -> Option<Mat<f64>> {
    let factor = less(form, diagonal, floor).llt(Side::Lower).ok()?;
    let inverse = factor.inverse();
    let sound = (0..inverse.nrows()).all(|j| inverse[(j, j)].is_finite() && inverse[(j, j)] > 0.0);
    sound.then_some(inverse)
}

/// `inverse += factor · inverse_j inverse_jᵀ`.
fn raise(inverse: &mut Mat<f64>, j: usize, factor: f64) {
    let column: Vec<f64> = inverse.col(j).iter().copied().collect();
    for k in 0..column.len() {
        let scale = factor * column[k];
        if let Some(target) = inverse.as_mut().col_mut(k).try_as_col_major_mut() {
            crate::core::add(target.as_slice_mut(), scale, &column);
        }
    }
}
