//! Coefficients as vectors.

use crate::data::Shape;
use crate::problem::Coefficients;
use faer::Mat;

/// Independent sums of an inner product; fixed, so that the bits are the same on every processor.
const LANES: usize = 8;

pub fn zeros(shape: Shape) -> Coefficients {
    Coefficients { weights: Mat::zeros(shape.columns, shape.outputs), intercept: vec![0.0; shape.outputs] }
}

fn slices(a: &Coefficients) -> impl Iterator<Item = &[f64]> {
    (0..a.weights.ncols()).map(|k| a.weights.col_as_slice(k)).chain([a.intercept.as_slice()])
}

/// Calls `act` with each contiguous part of a, and the same part of b.
fn each(a: &mut Coefficients, b: &Coefficients, mut act: impl FnMut(&mut [f64], &[f64])) {
    for k in 0..b.weights.ncols() {
        act(a.weights.col_as_slice_mut(k), b.weights.col_as_slice(k));
    }
    act(&mut a.intercept, &b.intercept);
}

/// aᵀb.
pub fn dot(a: &Coefficients, b: &Coefficients) -> f64 {
    slices(a).zip(slices(b)).map(|(a, b)| inner(a, b)).sum()
}

fn inner(a: &[f64], b: &[f64]) -> f64 {
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
    let mut lanes = [0.0; LANES];
    for (a, b) in a.iter().zip(b) {
        for k in 0..LANES {
            lanes[k] += a[k] * b[k];
        }
    }
    lanes.iter().sum::<f64>() + a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum::<f64>()
}

/// y += factor · x.
pub fn add(y: &mut Coefficients, factor: f64, x: &Coefficients) {
    each(y, x, |y, x| y.iter_mut().zip(x).for_each(|(y, x)| *y += factor * x));
}

/// y = x + factor · y.
pub fn add_to(y: &mut Coefficients, factor: f64, x: &Coefficients) {
    each(y, x, |y, x| y.iter_mut().zip(x).for_each(|(y, x)| *y = x + factor * *y));
}

/// y = factor · x.
pub fn set(y: &mut Coefficients, factor: f64, x: &Coefficients) {
    each(y, x, |y, x| y.iter_mut().zip(x).for_each(|(y, x)| *y = factor * x));
}

pub fn is_finite(a: &Coefficients) -> bool {
    slices(a).flatten().all(|a| a.is_finite())
}
