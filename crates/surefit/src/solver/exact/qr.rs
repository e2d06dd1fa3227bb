//! The triangle by QR of the centred rows, block by block: `R ← qr([R; rows])`. Loses as many digits as the
//! condition number has, half of what the Gram matrix loses, at two to three times its cost.

use super::gram::Elimination;
use super::{Core, Method, penalty_root};
use crate::data::moments::{Standard, scale_by};
use crate::data::{Rows, map_reduce};
use crate::error::Result;
use crate::num::wide::{DdMat, Triangle};
use crate::num::{Dd, UNIT_ROUNDOFF, dense};
use crate::problem::Problem;
use faer::{Mat, MatRef};

/// A triangle over gathered rows.
struct Stack {
    /// The triangle in the first p rows, then rows not yet absorbed.
    rows: Mat<f64>,
    /// Rows in use.
    filled: usize,
}

impl Stack {
    fn new(p: usize, least: usize) -> Self {
        Self { rows: Mat::zeros(p + least.max(2 * p), p), filled: p }
    }

    /// Takes rows in, factoring whenever the space is full.
    fn push(&mut self, rows: MatRef<'_, f64>) {
        let mut first = 0;
        while first < rows.nrows() {
            if self.filled == self.rows.nrows() {
                self.absorb();
            }
            let count = (self.rows.nrows() - self.filled).min(rows.nrows() - first);
            self.rows.as_mut().subrows_mut(self.filled, count).copy_from(rows.subrows(first, count));
            self.filled += count;
            first += count;
        }
    }

    /// Reduces all rows to the triangle.
    fn absorb(&mut self) {
        let p = self.rows.ncols();
        let filled = self.filled;
        dense::qr(self.rows.as_mut().subrows_mut(0, filled));
        for j in 0..p {
            for i in j + 1..self.rows.nrows() {
                self.rows[(i, j)] = 0.0;
            }
        }
        self.filled = p;
    }
}

/// The triangle of a tall matrix, or the matrix itself where it is not tall.
fn reduced(mut rows: Mat<f64>) -> Mat<f64> {
    let p = rows.ncols();
    if rows.nrows() < 2 * p {
        return rows;
    }
    dense::qr(rows.as_mut());
    Mat::from_fn(p, p, |i, j| if i <= j { rows[(i, j)] } else { 0.0 })
}

/// Factors all rows, the eliminated intercept's and the penalty's.
pub(super) fn factor(rows: &dyn Rows, problem: &Problem, moments: &Standard) -> Result<Core> {
    let (d, c) = (moments.shape.columns, moments.shape.outputs);
    let elimination = Elimination::of(problem, moments.total_weight);
    let mut stack = Stack::new(d + c, 1024);
    map_reduce(rows, |block| reduced(moments.centred_rows(block)), |rows| stack.push(rows.as_ref()))?;
    if elimination.row_weight > 0.0 {
        let root = elimination.row_weight.sqrt();
        let row = Mat::from_fn(1, d + c, |_, j| root * scale_by(moments.mean[j], -moments.exponent[j]));
        stack.push(row.as_ref());
    }
    if problem.penalty.lambda > 0.0 {
        let diagonal =
            Mat::from_fn(
                d,
                d + c,
                |i, j| {
                    if i == j { penalty_root(problem, moments, j).value() } else { 0.0 }
                },
            );
        stack.push(diagonal.as_ref());
    }
    stack.absorb();
    let triangle = stack.rows;
    let rest =
        (0..c).map(|k| Dd::from((d..d + c).map(|i| triangle[(i, d + k)].powi(2)).sum::<f64>())).collect();
    let factor = DdMat::from_fn(d, d + c, |i, j| Dd::from(if j < i { 0.0 } else { triangle[(i, j)] }));
    let roots = ((moments.shape.rows.max(d)) as f64).sqrt();
    Ok(Core {
        method: Method::Qr,
        triangle: Triangle { factor, rest },
        anchor: elimination.anchor(moments),
        intercept_weight: elimination.intercept_weight.map(Dd::from),
        arithmetic: roots.max(8.0) * UNIT_ROUNDOFF,
    })
}
