//! Refinement of coefficients with residuals in double-double arithmetic (corrected semi-normal equations:
//! Björck, *Numerical Methods for Least Squares Problems*, 1996, §2.9.4 and §6.6.5).
//!
//! With `r = y − b − Xw` and `g = Xᵀr − Sλw` free of rounding, a correction `RᵀR δ = g` shrinks the error by
//! u·κ where R comes from QR and by u·κ² where it comes from the Gram matrix. The coefficients are kept in
//! double-double meanwhile. The size of each correction measures the digits reached.

use super::penalty_root;
use crate::data::moments::{Standard, power_of_two};
use crate::data::{Block, Rows, map_reduce};
use crate::error::{Error, Result};
use crate::num::simd::vectorised;
use crate::num::wide::DdMat;
use crate::num::{Dd, UNIT_ROUNDOFF};
use crate::problem::{Intercept, Problem};
use faer::{ColRef, Mat};

/// A correction that makes the objective larger by this factor is none.
const WORSE: f64 = 1.5;
/// Rows whose residuals are kept in the processor's cache.
const SLICE: usize = 256;

/// Walks over the data at most.
const WALKS: usize = 8;

/// Coefficients on the way, in scaled units.
#[derive(Clone)]
pub(super) struct Refined {
    /// d × c.
    pub weights: DdMat,
    /// c.
    pub intercept: Vec<Dd>,
    /// c residual sums of squares; nothing before the first walk.
    pub rss: Option<Vec<f64>>,
    /// The relative error left, at most as far as the corrections tell.
    pub error: f64,
}

/// What one walk finds.
struct Residuals {
    /// d × c: Xᵀ s r.
    products: Vec<Dd>,
    /// c: Σ s r.
    sums: Vec<Dd>,
    /// c: Σ s r².
    squares: Vec<Dd>,
}

/// How a gradient becomes a correction.
pub(super) struct Correction<'a> {
    /// Solves the centred normal equations for gradients (d × c, scaled units).
    pub solve: &'a dyn Fn(&Mat<f64>) -> Mat<f64>,
    /// `b = anchor_y − Σ anchor_x w`.
    pub anchor: &'a [Dd],
    /// S + τ, absent without an intercept.
    pub intercept_weight: Option<Dd>,
    /// The error that a correction is expected to leave of one.
    pub rate: f64,
}

/// Corrects until the measured error is below that of rounding to `f64`, or stops shrinking.
pub(super) fn refine(
    rows: &dyn Rows,
    problem: &Problem,
    moments: &Standard,
    correction: &Correction<'_>,
    start: Refined,
    watch: &dyn Fn() -> bool,
) -> Result<Refined> {
    let (d, c) = (moments.shape.columns, moments.shape.outputs);
    let mut best = start;
    let mut last = f64::INFINITY;
    let mut before: Option<(f64, Refined)> = None;
    for _ in 0..WALKS {
        if !watch() {
            break;
        }
        let found = match residuals(rows, moments, &best) {
            // There is an answer, and it stays as good as it is.
            Err(Error::Interrupted) => break,
            found => found?,
        };
        let objective = objective(problem, moments, &best, &found.squares);
        if let Some((_, previous)) = before.take_if(|(lower, _)| objective > WORSE * *lower) {
            // A correction of noise, magnified by a small penalty: what it was to correct was better.
            return Ok(previous);
        }
        before = Some((objective, best.clone()));
        let mut sums = found.sums.clone();
        if problem.intercept == Intercept::Penalized {
            let weight = Dd::from(moments.total_weight) * problem.penalty.lambda;
            sums.iter_mut().zip(&best.intercept).for_each(|(sum, b)| *sum -= weight * *b);
        }
        let gradient = Mat::from_fn(d, c, |j, k| {
            let root = penalty_root(problem, moments, j);
            let pull = root * root * best.weights.get(j, k);
            (found.products[k * d + j] - pull - correction.anchor[j] * sums[k]).value()
        });
        let change = (correction.solve)(&gradient);
        let size = relative_size(&change, &best.weights, moments);
        if !size.is_finite() || size >= last {
            break;
        }
        for k in 0..c {
            let mut shift = correction.intercept_weight.map_or(Dd::ZERO, |weight| sums[k] / weight);
            for j in 0..d {
                let delta = Dd::from(change[(j, k)]);
                best.weights.set(j, k, best.weights.get(j, k) + delta);
                shift -= correction.anchor[j] * delta;
            }
            if correction.intercept_weight.is_some() {
                best.intercept[k] += shift;
            }
        }
        // At the optimum the residuals' squares change by second order only.
        let lost = |k: usize| (0..d).map(|j| change[(j, k)] * gradient[(j, k)]).sum::<f64>();
        best.rss = Some((0..c).map(|k| (found.squares[k].value() - lost(k)).max(0.0)).collect());
        let rate = if last.is_finite() { size / last } else { correction.rate.max(size) };
        best.error = size * rate.min(1.0);
        last = size;
        if best.error <= 0.5 * UNIT_ROUNDOFF {
            break;
        }
    }
    Ok(best)
}

/// The objective times 2S, over all outputs in their scaled units.
fn objective(problem: &Problem, moments: &Standard, at: &Refined, squares: &[Dd]) -> f64 {
    let of_output = |k: usize| {
        let pull =
            |j: usize| (penalty_root(problem, moments, j).value() * at.weights.get(j, k).value()).powi(2);
        squares[k].value() + (0..moments.shape.columns).map(pull).sum::<f64>()
    };
    (0..squares.len()).map(of_output).sum()
}

/// The largest change relative to the largest coefficient, both in units of their column's length.
fn relative_size(change: &Mat<f64>, weights: &DdMat, moments: &Standard) -> f64 {
    let length: Vec<f64> = (0..change.nrows()).map(|j| moments.centred_square(j).sqrt()).collect();
    let mut worst = 0.0f64;
    for k in 0..change.ncols() {
        let largest = |value: &dyn Fn(usize) -> f64| {
            length.iter().enumerate().map(|(j, l)| (value(j) * l).abs()).fold(0.0, f64::max)
        };
        let moved = largest(&|j| change[(j, k)]);
        if moved > 0.0 {
            worst = worst.max(moved / largest(&|j| weights.get(j, k).hi).max(f64::MIN_POSITIVE));
        }
    }
    worst
}

/// One walk: residuals in double-double, and their products with the columns.
fn residuals(rows: &dyn Rows, moments: &Standard, at: &Refined) -> Result<Residuals> {
    let (d, c) = (moments.shape.columns, moments.shape.outputs);
    // Coefficients per unit of the data as it lies, so that no entry needs scaling.
    let weights: Vec<Dd> = (0..d * c)
        .map(|at_entry| {
            let (j, k) = (at_entry % d, at_entry / d);
            let (value, factor) = (at.weights.get(j, k), power_of_two(-moments.exponent[j]));
            Dd { hi: value.hi * factor, lo: value.lo * factor }
        })
        .collect();
    let zero =
        || Residuals { products: vec![Dd::ZERO; d * c], sums: vec![Dd::ZERO; c], squares: vec![Dd::ZERO; c] };
    let map = |block: Block<'_>| {
        let mut found = zero();
        let mut scratch = Scratch::default();
        for first in (0..block.x.nrows()).step_by(SLICE) {
            let count = SLICE.min(block.x.nrows() - first);
            slice(block.rows(first, count), moments, &weights, at, &mut scratch, &mut found);
        }
        found
    };
    let mut total = zero();
    let add = |to: &mut [Dd], from: &[Dd]| to.iter_mut().zip(from).for_each(|(to, from)| *to += *from);
    map_reduce(rows, map, |found| {
        add(&mut total.products, &found.products);
        add(&mut total.sums, &found.sums);
        add(&mut total.squares, &found.squares);
    })?;
    for (at_entry, product) in total.products.iter_mut().enumerate() {
        let factor = power_of_two(-moments.exponent[at_entry % d]);
        *product = Dd { hi: product.hi * factor, lo: product.lo * factor };
    }
    Ok(total)
}

/// Residuals of a slice, and a column gathered where it is not contiguous.
#[derive(Default)]
struct Scratch {
    hi: Vec<f64>,
    lo: Vec<f64>,
    column: Vec<f64>,
    low: Vec<f64>,
}

/// The column as a slice, gathered where it has a stride or rows of weight 0 (which count as 0).
fn contiguous<'a>(column: ColRef<'a, f64>, weights: Option<&[f64]>, buffer: &'a mut Vec<f64>) -> &'a [f64] {
    if let (Some(column), None) = (column.try_as_col_major(), weights) {
        return column.as_slice();
    }
    buffer.clear();
    buffer.extend(
        column.iter().enumerate().map(|(i, v)| if weights.is_some_and(|s| s[i] == 0.0) { 0.0 } else { *v }),
    );
    buffer
}

fn slice(
    block: Block<'_>,
    moments: &Standard,
    weights: &[Dd],
    at: &Refined,
    scratch: &mut Scratch,
    found: &mut Residuals,
) {
    let (d, c) = (moments.shape.columns, moments.shape.outputs);
    let Scratch { hi, lo, column, low } = scratch;
    for k in 0..c {
        let factor = power_of_two(-moments.exponent[d + k]);
        let start = at.intercept[k];
        hi.clear();
        lo.clear();
        for value in contiguous(block.y.col(k), block.weights, column) {
            let r = Dd::from(value * factor) - start;
            hi.push(r.hi);
            lo.push(r.lo);
        }
        for j in 0..d {
            let weight = weights[k * d + j];
            if weight.hi != 0.0 {
                let x = contiguous(block.x.col(j), block.weights, column);
                subtract(hi, lo, weight, x);
                if let Some(all) = block.x_low {
                    let x = contiguous(all.col(j), block.weights, low);
                    subtract(hi, lo, weight, x);
                }
            }
        }
        for i in 0..hi.len() {
            let r = Dd { hi: hi[i], lo: lo[i] };
            let pull = r * block.weights.map_or(1.0, |s| s[i]);
            found.squares[k] += r * pull;
            found.sums[k] += pull;
            (hi[i], lo[i]) = (pull.hi, pull.lo);
        }
        for j in 0..d {
            let x = contiguous(block.x.col(j), block.weights, column);
            let product = &mut found.products[k * d + j];
            *product += dot(hi, lo, x);
            if let Some(all) = block.x_low {
                let x = contiguous(all.col(j), block.weights, low);
                *product += dot(hi, lo, x);
            }
        }
    }
}

vectorised! {
/// `r ← r − w x`.
fn subtract<'a>(hi: &'a mut [f64], lo: &'a mut [f64], w: Dd, x: &'a [f64]) -> () {
    for ((hi, lo), x) in hi.iter_mut().zip(lo).zip(x) {
        let product = Dd::product(*x, -w.hi);
        let sum = Dd::sum(*hi, product.hi);
        let low = *lo + sum.lo + x.mul_add(-w.lo, product.lo);
        let high = sum.hi + low;
        *lo = low - (high - sum.hi);
        *hi = high;
    }
}
}

vectorised! {
/// Σ x r.
fn dot<'a>(hi: &'a [f64], lo: &'a [f64], x: &'a [f64]) -> Dd {
    const LANES: usize = 8;
    let (mut high, mut low) = ([0.0; LANES], [0.0; LANES]);
    let (h, h_rest) = hi.as_chunks::<LANES>();
    let (l, l_rest) = lo.as_chunks::<LANES>();
    let (x, x_rest) = x.as_chunks::<LANES>();
    for ((h, l), x) in h.iter().zip(l).zip(x) {
        for k in 0..LANES {
            let product = Dd::product(h[k], x[k]);
            let sum = Dd::sum(high[k], product.hi);
            high[k] = sum.hi;
            low[k] += sum.lo + l[k].mul_add(x[k], product.lo);
        }
    }
    let mut total: Dd = (0..LANES).map(|k| Dd::new(high[k], low[k])).sum();
    for ((h, l), x) in h_rest.iter().zip(l_rest).zip(x_rest) {
        total += Dd { hi: *h, lo: *l } * *x;
    }
    total
}
}
