//! The triangle of a small problem in double-double arithmetic, from the rows `√s [1 x y]` as they are:
//! nothing is lost to centring, and a condition of 10¹⁵ leaves fifteen digits.

use super::{Core, Method, penalty_root};
use crate::data::moments::{Standard, power_of_two};
use crate::data::{Block, Rows, map_reduce};
use crate::error::Result;
use crate::num::Dd;
use crate::num::wide::{DdMat, Triangle};
use crate::problem::{Intercept, Problem};

/// Rows reflected at once, so that they stay in the processor's cache.
const SLICE: usize = 256;

/// Factors all rows and the penalty's.
pub(super) fn factor(rows: &dyn Rows, problem: &Problem, moments: &Standard) -> Result<Core> {
    let (d, c) = (moments.shape.columns, moments.shape.outputs);
    let ones = usize::from(problem.intercept != Intercept::Absent);
    let mut whole = Triangle::new(ones + d, c);
    let map = |block: Block<'_>| {
        let mut triangle = Triangle::new(ones + d, c);
        for first in (0..block.x.nrows()).step_by(SLICE) {
            let count = SLICE.min(block.x.nrows() - first);
            triangle.absorb(&mut gather(block, first, count, ones, moments));
        }
        triangle
    };
    map_reduce(rows, map, |triangle| whole.merge(&triangle))?;
    if problem.penalty.lambda > 0.0 {
        whole.absorb(&mut penalty_rows(problem, moments, ones));
    }
    Ok(without_intercept(&whole, ones, d, c))
}

/// The rows `√s [1 x y]` of a part of a block, in scaled units.
fn gather(block: Block<'_>, first: usize, count: usize, ones: usize, moments: &Standard) -> DdMat {
    let (d, c) = (block.x.ncols(), block.y.ncols());
    let roots: Option<Vec<Dd>> = block
        .weights
        .map(|weights| weights[first..first + count].iter().map(|s| Dd::from(*s).sqrt()).collect());
    let mut matrix = DdMat::zeros(count, ones + d + c);
    for column in 0..ones + d + c {
        let target = matrix.column_mut(column, 0, count);
        for i in 0..count {
            let root = roots.as_ref().map_or(Dd::ONE, |roots| roots[i]);
            if root.hi == 0.0 {
                continue;
            }
            let value = match column.checked_sub(ones) {
                None => root,
                Some(j) => {
                    let factor = power_of_two(-moments.exponent[j]);
                    let (value, low) = if j < d {
                        (block.x[(first + i, j)], block.x_low.map_or(0.0, |low| low[(first + i, j)]))
                    } else {
                        (block.y[(first + i, j - d)], 0.0)
                    };
                    Dd { hi: value * factor, lo: low * factor } * root
                }
            };
            target.hi[i] = value.hi;
            target.lo[i] = value.lo;
        }
    }
    matrix
}

/// One row a penalised coefficient: √(Sλ) in its column.
fn penalty_rows(problem: &Problem, moments: &Standard, ones: usize) -> DdMat {
    let (d, c) = (moments.shape.columns, moments.shape.outputs);
    let mut block = DdMat::zeros(ones + d, ones + d + c);
    if problem.intercept == Intercept::Penalized {
        block.set(0, 0, (Dd::from(moments.total_weight) * problem.penalty.lambda).sqrt());
    }
    for j in 0..d {
        block.set(ones + j, ones + j, penalty_root(problem, moments, j));
    }
    block
}

/// Splits the intercept's row off: it holds the means, the rest is the triangle of the centred columns.
fn without_intercept(whole: &Triangle, ones: usize, d: usize, c: usize) -> Core {
    let head = |j: usize| whole.factor.get(0, ones + j) / whole.factor.get(0, 0);
    let factor = DdMat::from_fn(d, d + c, |i, j| whole.factor.get(ones + i, ones + j));
    Core {
        method: Method::Extended,
        triangle: Triangle { factor, rest: whole.rest.clone() },
        anchor: (0..d + c).map(|j| if ones == 1 { head(j) } else { Dd::ZERO }).collect(),
        intercept_weight: (ones == 1).then(|| whole.factor.get(0, 0) * whole.factor.get(0, 0)),
        arithmetic: 16.0 * Dd::ROUNDOFF,
    }
}
