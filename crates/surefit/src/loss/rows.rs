//! Blocks of scores visited row by row, for losses that judge the scores of a row together: what the target of a row is,
//! the loss knows; strides, weights, and rows without weight or target are the same for all.

use super::weight;
use faer::{MatMut, MatRef};

/// Σ s ℓ over the rows, whose scores become gradients: `gradient` does so for one with its target and weight s > 0.
pub(super) fn block<T>(
    scores: MatMut<'_, f64>,
    weights: Option<&[f64]>,
    target: impl Fn(usize) -> Option<T>,
    gradient: impl Fn(&mut [f64], T, f64) -> f64,
) -> f64 {
    let mut value = 0.0;
    each_row(scores, |i, z| match (weight(weights, i), target(i)) {
        (0.0, _) => z.fill(0.0),
        (s, Some(target)) => value += gradient(z, target, s),
        (_, None) => {
            z.fill(f64::NAN);
            value = f64::NAN;
        }
    });
    value
}

/// Directions become products with the Hessian: `turn` does so for the direction of one row, and may overwrite the copy of
/// its scores.
pub(super) fn hessian<T>(
    scores: MatRef<'_, f64>,
    weights: Option<&[f64]>,
    direction: MatMut<'_, f64>,
    target: impl Fn(usize) -> Option<T>,
    turn: impl Fn(&mut [f64], T, f64, &mut [f64]),
) {
    let mut z = vec![0.0; scores.ncols()];
    each_row(direction, |i, v| match (weight(weights, i), target(i)) {
        (0.0, _) => v.fill(0.0),
        (s, Some(target)) => {
            z.iter_mut().zip(scores.row(i).iter()).for_each(|(z, score)| *z = *score);
            turn(&mut z, target, s, v);
        }
        (_, None) => v.fill(f64::NAN),
    });
}

/// Scores become what products with the Hessian have in common, with some numbers of each row: `of_row` does so for one.
pub(super) fn prepare<T>(
    scores: MatMut<'_, f64>,
    (kept, count): (&mut [f64], usize),
    weights: Option<&[f64]>,
    target: impl Fn(usize) -> Option<T>,
    of_row: impl Fn(&mut [f64], T, f64, &mut [f64]),
) {
    // A loss that keeps nothing takes its scores as they are.
    if count == 0 {
        return;
    }
    let mut numbers = kept.chunks_exact_mut(count);
    each_row(scores, |i, z| {
        let numbers = numbers.next().unwrap_or_default();
        match (weight(weights, i), target(i)) {
            (0.0, _) => numbers.fill(0.0),
            (s, Some(target)) => of_row(z, target, s, numbers),
            (_, None) => numbers.fill(f64::NAN),
        }
    });
}

/// Directions become products with the Hessian, from what [`prepare`] left: `turn` does so for one row.
pub(super) fn turn<T>(
    prepared: MatRef<'_, f64>,
    (kept, count): (&[f64], usize),
    weights: Option<&[f64]>,
    direction: MatMut<'_, f64>,
    target: impl Fn(usize) -> Option<T>,
    turn: impl Fn(&[f64], T, &[f64], &mut [f64]),
) {
    let mut copy = Vec::new();
    let mut numbers = kept.chunks_exact(count.max(1));
    each_row(direction, |i, v| {
        let numbers = numbers.next().unwrap_or_default();
        match (weight(weights, i), target(i)) {
            (0.0, _) => v.fill(0.0),
            (_, Some(target)) => {
                if let Some(row) = prepared.row(i).try_as_row_major() {
                    return turn(row.as_slice(), target, numbers, v);
                }
                copy.clear();
                copy.extend(prepared.row(i).iter().copied());
                turn(&copy, target, numbers, v);
            }
            (_, None) => v.fill(f64::NAN),
        }
    });
}

/// Σ s ℓ*(g/s), where every row has one and rows without weight are 0.
pub(super) fn conjugate<T>(
    dual: MatRef<'_, f64>,
    weights: Option<&[f64]>,
    target: impl Fn(usize) -> Option<T>,
    of_row: impl Fn(&[f64], T, f64) -> Option<f64>,
) -> Option<f64> {
    let mut row = vec![0.0; dual.ncols()];
    let mut value = 0.0;
    for i in 0..dual.nrows() {
        row.iter_mut().zip(dual.row(i).iter()).for_each(|(copy, g)| *copy = *g);
        match weight(weights, i) {
            0.0 if row.iter().all(|g| *g == 0.0) => {}
            0.0 => return None,
            s => value += of_row(&row, target(i)?, s)?,
        }
    }
    Some(value)
}

/// Moves every row to where it has a conjugate.
pub(super) fn project<T>(
    dual: MatMut<'_, f64>,
    weights: Option<&[f64]>,
    target: impl Fn(usize) -> Option<T>,
    of_row: impl Fn(&mut [f64], T, f64),
) {
    each_row(dual, |i, g| match (weight(weights, i), target(i)) {
        (0.0, _) => g.fill(0.0),
        (s, Some(target)) => of_row(g, target, s),
        (_, None) => g.fill(f64::NAN),
    });
}

/// Visits every row as a slice; entries that do not lie side by side are copied out and back.
fn each_row(mut matrix: MatMut<'_, f64>, mut visit: impl FnMut(usize, &mut [f64])) {
    let mut copy = Vec::new();
    for i in 0..matrix.nrows() {
        let mut row = matrix.as_mut().row_mut(i);
        if let Some(row) = row.as_mut().try_as_row_major_mut() {
            visit(i, row.as_slice_mut());
            continue;
        }
        copy.clear();
        copy.extend(row.as_ref().iter().copied());
        visit(i, &mut copy);
        row.iter_mut().zip(&copy).for_each(|(entry, copied)| *entry = *copied);
    }
}
