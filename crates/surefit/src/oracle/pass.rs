//! The two products of a pass over some rows, for every storage: scores `XW + b` on the way there, and the gradient
//! `XᵀG` on the way back, while the rows are still in the cache.

use crate::data::features::{Csr, Features, Index, Number};
use crate::problem::Coefficients;
use faer::{MatMut, MatRef};
use std::ops::Range;

/// `out = XW + b` for the given rows; `out` is rows × c, row-major where it is to be fast.
pub(crate) fn scores(x: &Features<'_>, rows: Range<usize>, at: &Coefficients, mut out: MatMut<'_, f64>) {
    for k in 0..at.intercept.len() {
        out.as_mut().col_mut(k).fill(at.intercept[k]);
    }
    let weights = at.weights.as_ref();
    match x {
        Features::F64(x) => dense_scores(x.subrows(rows.start, rows.len()), weights, out),
        Features::F32(x) => dense_scores(x.subrows(rows.start, rows.len()), weights, out),
        Features::Csr64(x) => sparse_scores(x, rows, weights, out),
        Features::Csr32(x) => sparse_scores(x, rows, weights, out),
        Features::LongCsr64(x) => sparse_scores(x, rows, weights, out),
        Features::LongCsr32(x) => sparse_scores(x, rows, weights, out),
    }
}

/// `gradient += XᵀG` over the given rows; `g` is rows × c.
pub(crate) fn add_gradient(
    x: &Features<'_>,
    rows: Range<usize>,
    g: MatRef<'_, f64>,
    gradient: MatMut<'_, f64>,
) {
    match x {
        Features::F64(x) => add_dense_gradient(x.subrows(rows.start, rows.len()), g, gradient),
        Features::F32(x) => add_dense_gradient(x.subrows(rows.start, rows.len()), g, gradient),
        Features::Csr64(x) => add_sparse_gradient(x, rows, g, gradient),
        Features::Csr32(x) => add_sparse_gradient(x, rows, g, gradient),
        Features::LongCsr64(x) => add_sparse_gradient(x, rows, g, gradient),
        Features::LongCsr32(x) => add_sparse_gradient(x, rows, g, gradient),
    }
}

fn dense_scores<V: Number>(x: MatRef<'_, V>, weights: MatRef<'_, f64>, mut out: MatMut<'_, f64>) {
    for i in 0..x.nrows() {
        for k in 0..weights.ncols() {
            let terms = x.row(i).iter().zip(weights.col(k).iter()).map(|(x, w)| x.wide() * w);
            out[(i, k)] += terms.sum::<f64>();
        }
    }
}

fn add_dense_gradient<V: Number>(x: MatRef<'_, V>, g: MatRef<'_, f64>, mut gradient: MatMut<'_, f64>) {
    for i in 0..x.nrows() {
        for k in 0..g.ncols() {
            let factor = g[(i, k)];
            if factor != 0.0 {
                for (to, x) in gradient.as_mut().col_mut(k).iter_mut().zip(x.row(i).iter()) {
                    *to += factor * x.wide();
                }
            }
        }
    }
}

fn sparse_scores<V: Number, I: Index>(
    x: &Csr<'_, V, I>,
    rows: Range<usize>,
    weights: MatRef<'_, f64>,
    mut out: MatMut<'_, f64>,
) {
    for (i, row) in rows.enumerate() {
        let (indices, values) = x.row(row);
        for k in 0..weights.ncols() {
            let entries = indices.iter().zip(values);
            let terms = entries.filter_map(|(j, x)| Some(x.wide() * weights[(j.place()?, k)]));
            out[(i, k)] += terms.sum::<f64>();
        }
    }
}

fn add_sparse_gradient<V: Number, I: Index>(
    x: &Csr<'_, V, I>,
    rows: Range<usize>,
    g: MatRef<'_, f64>,
    mut gradient: MatMut<'_, f64>,
) {
    for (i, row) in rows.enumerate() {
        let (indices, values) = x.row(row);
        for (j, x) in indices.iter().zip(values) {
            let Some(j) = j.place() else { continue };
            for k in 0..g.ncols() {
                gradient[(j, k)] += g[(i, k)] * x.wide();
            }
        }
    }
}
