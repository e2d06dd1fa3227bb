//! The best free intercept beside given scores: Newton's method in c numbers, without a walk over the data. Where the loss
//! does not bend, as a rounded hinge does not on its straight part, the step is that of a ridge, which shrinks with every
//! step that was good (K. Levenberg, 1944).

use crate::data::Samples;
use crate::loss::{Loss, Targets};
use crate::num::dense::{cholesky, solve_lower, solve_upper};
use faer::{Mat, MatMut, MatRef};
use rayon::prelude::*;

/// Rows of a part.
const STRIP: usize = 1024;
/// Newton steps at most, and ridges that are tried for one.
const STEPS: usize = 100;
const RIDGES: usize = 12;
/// A slope of this share of the value is no cause to look for a step.
const ROUNDING: f64 = 1e-9;
/// By how much a ridge grows where a step fails, and shrinks where one is good.
const GROWS: f64 = 10.0;
/// Steps of double length towards the other end, and halvings between both.
const DOUBLINGS: i32 = 64;
const HALVINGS: usize = 120;

/// Where the sum of gradients is 0 as far as rounding allows; all outputs shifted by as much is no shift.
pub(super) fn best_shift(samples: &Samples<'_>, loss: &dyn Loss, scores: MatRef<'_, f64>) -> Vec<f64> {
    let c = samples.outputs;
    let mut shift = vec![0.0; c];
    let mut here = look(samples, loss, scores, &shift, false);
    let size = |slope: &[f64]| slope.iter().map(|slope| slope.abs()).sum::<f64>();
    let mut ridge = 0.0;
    for _ in 0..STEPS {
        let bend = look(samples, loss, scores, &shift, true).bend;
        let mut taken = None;
        for _ in 0..RIDGES {
            if let Some(step) = step(&bend, &here.slope, ridge) {
                taken = along(samples, loss, scores, (&shift, &here), &step);
            }
            if taken.is_some() {
                ridge /= GROWS;
                break;
            }
            // At the end of Newton's way it is rounding that no step can lessen.
            if size(&here.slope) <= ROUNDING * here.value {
                break;
            }
            // A step of the size of a margin, at first.
            ridge = (GROWS * ridge).max(size(&here.slope));
        }
        let Some((ahead, there)) = taken else { break };
        let done = size(&there.slope) >= 0.5 * size(&here.slope) && there.value >= here.value;
        if size(&there.slope) <= size(&here.slope) || there.value < here.value {
            (shift, here) = (ahead, there);
        }
        if done || size(&here.slope) == 0.0 {
            break;
        }
    }
    match samples.targets {
        Targets::Values(_) if here.slope.iter().any(|slope| *slope != 0.0) => {
            halved(samples, loss, scores, &shift, &here)
        }
        _ => shift,
    }
}

/// The point on the way of a step that is good enough, and what is there: the whole step first.
fn along(
    samples: &Samples<'_>,
    loss: &dyn Loss,
    scores: MatRef<'_, f64>,
    (shift, here): (&[f64], &Sums),
    step: &[f64],
) -> Option<(Vec<f64>, Sums)> {
    let size = |slope: &[f64]| slope.iter().map(|slope| slope.abs()).sum::<f64>();
    let falls: f64 = step.iter().zip(&here.slope).map(|(step, slope)| step * slope).sum();
    [1.0, 0.5, 0.25, 0.0625, 1e-3].into_iter().find_map(|t| {
        let ahead: Vec<f64> = shift.iter().zip(step).map(|(v, step)| v + t * step).collect();
        let there = look(samples, loss, scores, &ahead, false);
        // Where the value no longer tells, the gradient does.
        let good =
            there.value <= here.value + 1e-4 * t * falls || size(&there.slope) < 0.5 * size(&here.slope);
        good.then_some((ahead, there))
    })
}

/// Outputs of numbers do not hang together, and the slope of each rises with its own shift: its zero is between two
/// ends that close in. Nothing has to bend, as nothing does where all residuals are beyond δ of Huber's loss.
fn halved(
    samples: &Samples<'_>,
    loss: &dyn Loss,
    scores: MatRef<'_, f64>,
    shift: &[f64],
    here: &Sums,
) -> Vec<f64> {
    let reach = 1.0 + shift.iter().fold(0.0, |most: f64, v| most.max(v.abs()));
    let mut ends: Vec<(f64, f64)> = shift.iter().map(|v| (*v, *v)).collect();
    let downhill: Vec<f64> = here.slope.iter().map(|slope| -slope.signum()).collect();
    let slopes = |at: &[f64]| look(samples, loss, scores, at, false).slope;
    let mut open: Vec<bool> = here.slope.iter().map(|slope| *slope != 0.0).collect();
    for doubling in 0..DOUBLINGS {
        let far: Vec<f64> = ends
            .iter()
            .zip(&downhill)
            .zip(&open)
            .map(|((end, down), open)| if *open { end.0 + down * reach * 2f64.powi(doubling) } else { end.1 })
            .collect();
        for (k, slope) in slopes(&far).iter().enumerate() {
            if open[k] {
                ends[k].1 = far[k];
                open[k] = slope * downhill[k] < 0.0;
                if open[k] {
                    ends[k].0 = far[k];
                }
            }
        }
        if !open.contains(&true) {
            break;
        }
    }
    if open.contains(&true) {
        return shift.to_vec();
    }
    for _ in 0..HALVINGS {
        let middle: Vec<f64> = ends.iter().map(|(near, far)| f64::midpoint(*near, *far)).collect();
        if middle.iter().zip(&ends).all(|(middle, (near, far))| middle == near || middle == far) {
            break;
        }
        for (k, slope) in slopes(&middle).iter().enumerate() {
            if slope * downhill[k] < 0.0 {
                ends[k].0 = middle[k];
            } else {
                ends[k].1 = middle[k];
            }
        }
    }
    ends.iter().map(|(_, far)| *far).collect()
}

/// Sums over rows.
#[derive(Default)]
struct Sums {
    value: f64,
    slope: Vec<f64>,
    bend: Vec<f64>,
}

/// Σ sℓ at shifted scores and its gradient in the shift, or its second derivative, c × c.
fn look(samples: &Samples<'_>, loss: &dyn Loss, scores: MatRef<'_, f64>, shift: &[f64], bend: bool) -> Sums {
    let (n, c) = (samples.x.rows(), samples.outputs);
    let part = |strip: usize| {
        let (first, count) = (strip * STRIP, STRIP.min(n - strip * STRIP));
        let weights = samples.weights.and_then(|weights| weights.get(first..first + count));
        let targets = samples.targets.rows(first, count);
        let mut z: Vec<f64> = Vec::with_capacity(count * c);
        for i in first..first + count {
            z.extend(scores.row(i).iter().zip(shift).map(|(z, v)| z + v));
        }
        let mut sums = Sums::default();
        if bend {
            sums.bend = vec![0.0; c * c];
            let bend = MatMut::from_column_major_slice_mut(&mut sums.bend, c, c);
            loss.add_hessians(MatRef::from_row_major_slice(&z, count, c), targets, weights, bend);
        } else {
            sums.value = loss.block(MatMut::from_row_major_slice_mut(&mut z, count, c), targets, weights);
            sums.slope = column_sums(&z, c);
        }
        sums
    };
    let parts: Vec<Sums> = (0..n.div_ceil(STRIP)).into_par_iter().map(part).collect();
    let zero = Sums { value: 0.0, slope: vec![0.0; c], bend: vec![0.0; c * c] };
    parts.iter().fold(zero, |mut sums, part| {
        sums.value += part.value;
        sums.slope.iter_mut().zip(&part.slope).for_each(|(sum, part)| *sum += part);
        sums.bend.iter_mut().zip(&part.bend).for_each(|(sum, part)| *sum += part);
        sums
    })
}

fn column_sums(rows: &[f64], c: usize) -> Vec<f64> {
    let mut sums = vec![0.0; c];
    for row in rows.chunks_exact(c.max(1)) {
        sums.iter_mut().zip(row).for_each(|(sum, entry)| *sum += entry);
    }
    sums
}

/// −(H + ridge)⁻¹ slope; a small ridge is for directions in which nothing bends, as all outputs together.
fn step(bend: &[f64], slope: &[f64], ridge: f64) -> Option<Vec<f64>> {
    let c = slope.len();
    let mut bend = Mat::from_fn(c, c, |l, k| bend[k * c + l]);
    let trace: f64 = (0..c).map(|k| bend[(k, k)]).sum();
    let ridge = ridge.max(1e-10 * trace);
    if !(ridge > 0.0 && ridge.is_finite()) {
        return None;
    }
    (0..c).for_each(|k| bend[(k, k)] += ridge);
    let mut step = Mat::from_fn(c, 1, |k, _| -slope[k]);
    if !cholesky(bend.as_mut()) {
        return None;
    }
    solve_lower(bend.as_ref(), step.as_mut());
    solve_upper(bend.transpose(), step.as_mut());
    Some((0..c).map(|k| step[(k, 0)]).collect())
}
