//! The certificate's own two walks over the rows: scores, and `XᵀG`, in blocks of fixed length and folded in order.

use crate::data::features::{Csr, Features, Index, Number};
use crate::num::simd::vectorised;
use crate::problem::Coefficients;
use faer::linalg::matmul::matmul;
use faer::{Accum, Mat, MatMut, MatRef, Par};
use rayon::prelude::*;
use std::ops::Range;

/// Rows whose sums are added up before others'.
const STRIP: usize = 2048;
/// Rows of a matrix product.
const BLOCK: usize = 256;
/// Outputs of a sum over sparse rows that one thread adds up.
const GROUP: usize = 8;

/// What the first walk finds.
pub(super) struct Scores {
    /// n × c, row by row: XW + b.
    pub z: Vec<f64>,
    /// n: `Σⱼ xᵢⱼ²/mⱼ` in the metric m of the walk.
    pub rows: Vec<f64>,
    /// d: `Σᵢ xᵢⱼ²`.
    pub columns: Vec<f64>,
}

/// Scores at `at`, and the squares that bound their rounding. `metric` has d numbers above 0.
pub(super) fn scores(x: Features<'_>, at: &Coefficients, metric: &[f64]) -> Scores {
    let inverse: Vec<f64> = metric.iter().map(|m| 1.0 / m).collect();
    match x {
        Features::F64(x) => dense_scores(x.nrows(), |rows| Tile::Borrowed(block(x, rows)), at, &inverse),
        Features::F32(x) => dense_scores(x.nrows(), |rows| widened(block(x, rows)), at, &inverse),
        Features::Csr64(x) => sparse_scores(&x, at, &inverse),
        Features::Csr32(x) => sparse_scores(&x, at, &inverse),
        Features::LongCsr64(x) => sparse_scores(&x, at, &inverse),
        Features::LongCsr32(x) => sparse_scores(&x, at, &inverse),
    }
}

/// `XᵀG`, d × c, for G of n × c row by row.
pub(super) fn transposed(x: Features<'_>, g: &[f64], c: usize) -> Mat<f64> {
    match x {
        Features::F64(x) => dense_sums(x.shape(), |rows| Tile::Borrowed(block(x, rows)), g, c),
        Features::F32(x) => dense_sums(x.shape(), |rows| widened(block(x, rows)), g, c),
        Features::Csr64(x) => sparse_sums(&x, g, c),
        Features::Csr32(x) => sparse_sums(&x, g, c),
        Features::LongCsr64(x) => sparse_sums(&x, g, c),
        Features::LongCsr32(x) => sparse_sums(&x, g, c),
    }
}

/// Terms that any sum of [`transposed`] adds one after the other, at most: what multiplies u in its error.
pub(super) fn additions(x: Features<'_>) -> f64 {
    let n = x.rows();
    if x.is_sparse() { n as f64 } else { (STRIP.min(n) + n.div_ceil(STRIP)) as f64 }
}

/// Stored numbers of a row, at most: what multiplies u in the error of a score.
pub(super) fn longest(x: Features<'_>) -> f64 {
    fn most<V: Number, I: Index>(x: &Csr<'_, V, I>) -> usize {
        (0..x.rows()).map(|i| x.row(i).1.len()).max().unwrap_or(0)
    }
    let longest = match x {
        Features::F64(_) | Features::F32(_) => x.columns(),
        Features::Csr64(x) => most(&x),
        Features::Csr32(x) => most(&x),
        Features::LongCsr64(x) => most(&x),
        Features::LongCsr32(x) => most(&x),
    };
    longest as f64
}

/// Some rows in `f64`.
enum Tile<'a> {
    Borrowed(MatRef<'a, f64>),
    Owned(Mat<f64>),
}

impl Tile<'_> {
    fn view(&self) -> MatRef<'_, f64> {
        match self {
            Self::Borrowed(x) => *x,
            Self::Owned(x) => x.as_ref(),
        }
    }
}

fn block<V>(x: MatRef<'_, V>, rows: Range<usize>) -> MatRef<'_, V> {
    x.subrows(rows.start, rows.len())
}

fn widened<V: Number>(x: MatRef<'_, V>) -> Tile<'static> {
    Tile::Owned(Mat::from_fn(x.nrows(), x.ncols(), |i, j| x[(i, j)].wide()))
}

fn blocks(rows: Range<usize>) -> impl Iterator<Item = Range<usize>> {
    rows.clone().step_by(BLOCK).map(move |first| first..rows.end.min(first + BLOCK))
}

fn strip(n: usize, strip: usize) -> Range<usize> {
    strip * STRIP..n.min((strip + 1) * STRIP)
}

fn dense_scores<'a>(
    n: usize,
    tile: impl Fn(Range<usize>) -> Tile<'a> + Sync,
    at: &Coefficients,
    inverse: &[f64],
) -> Scores {
    let (d, c) = (inverse.len(), at.intercept.len().max(1));
    let (mut z, mut rows) = (vec![0.0; n * c], vec![0.0; n]);
    let part = |(index, (z, squares)): (usize, (&mut [f64], &mut [f64]))| {
        let whole = strip(n, index);
        let mut columns = vec![0.0; d];
        for rows in blocks(whole.clone()) {
            let (from, to) = (rows.start - whole.start, rows.end - whole.start);
            let (tile, z) = (tile(rows), &mut z[from * c..to * c]);
            z.chunks_exact_mut(c).for_each(|z| z.copy_from_slice(&at.intercept));
            let out = MatMut::from_row_major_slice_mut(z, to - from, c);
            matmul(out, Accum::Add, tile.view(), at.weights.as_ref(), 1.0, Par::Seq);
            add_squares(tile.view(), inverse, &mut squares[from..to], &mut columns);
        }
        columns
    };
    let strips = z.par_chunks_mut(STRIP * c).zip(rows.par_chunks_mut(STRIP)).enumerate();
    let parts: Vec<Vec<f64>> = strips.map(part).collect();
    let mut columns = vec![0.0; d];
    for part in &parts {
        add(&mut columns, part);
    }
    Scores { z, rows, columns }
}

fn add(sums: &mut [f64], part: &[f64]) {
    sums.iter_mut().zip(part).for_each(|(sum, part)| *sum += part);
}

vectorised! {
/// `rows[i] += Σⱼ xᵢⱼ² inverse[j]` and `columns[j] += Σᵢ xᵢⱼ²`.
fn add_squares<'a>(x: MatRef<'a, f64>, inverse: &'a [f64], rows: &'a mut [f64], columns: &'a mut [f64]) -> () {
    if let Some(x) = x.try_as_col_major() {
        for ((x, inverse), column) in x.col_iter().zip(inverse).zip(columns) {
            let x = x.try_as_col_major().map_or(&[][..], |x| x.as_slice());
            x.iter().zip(rows.iter_mut()).for_each(|(x, row)| *row += x * x * inverse);
            *column += square(x);
        }
        return;
    }
    for (x, row) in x.row_iter().zip(rows) {
        if let Some(x) = x.try_as_row_major() {
            add_row_squares(x.as_slice(), inverse, row, columns);
        } else {
            let x: Vec<f64> = x.iter().copied().collect();
            add_row_squares(&x, inverse, row, columns);
        }
    }
}
}

/// Σ x², in eight interleaved sums.
#[inline(always)]
fn square(x: &[f64]) -> f64 {
    let (eights, rest) = x.as_chunks::<8>();
    let mut lanes = [0.0; 8];
    for eight in eights {
        lanes.iter_mut().zip(eight).for_each(|(lane, x)| *lane += x * x);
    }
    lanes.iter().sum::<f64>() + rest.iter().map(|x| x * x).sum::<f64>()
}

#[inline(always)]
fn add_row_squares(x: &[f64], inverse: &[f64], row: &mut f64, columns: &mut [f64]) {
    let ((x, x_rest), (inverse, inverse_rest)) = (x.as_chunks::<8>(), inverse.as_chunks::<8>());
    let (columns, columns_rest) = columns.as_chunks_mut::<8>();
    let mut lanes = [0.0; 8];
    for ((x, inverse), columns) in x.iter().zip(inverse).zip(columns) {
        for k in 0..8 {
            let square = x[k] * x[k];
            lanes[k] += square * inverse[k];
            columns[k] += square;
        }
    }
    *row += lanes.iter().sum::<f64>();
    for ((x, inverse), column) in x_rest.iter().zip(inverse_rest).zip(columns_rest) {
        *row += x * x * inverse;
        *column += x * x;
    }
}

fn dense_sums<'a>(
    (n, d): (usize, usize),
    tile: impl Fn(Range<usize>) -> Tile<'a> + Sync,
    g: &[f64],
    c: usize,
) -> Mat<f64> {
    let part = |index: usize| {
        let mut sum = Mat::zeros(d, c);
        for rows in blocks(strip(n, index)) {
            let g = MatRef::from_row_major_slice(&g[rows.start * c..rows.end * c], rows.len(), c);
            matmul(&mut sum, Accum::Add, tile(rows).view().transpose(), g, 1.0, Par::Seq);
        }
        sum
    };
    let (strips, in_flight) = (n.div_ceil(STRIP), 2 * rayon::current_num_threads());
    let mut total = Mat::zeros(d, c);
    for first in (0..strips).step_by(in_flight) {
        let batch = first..strips.min(first + in_flight);
        let parts: Vec<Mat<f64>> = batch.into_par_iter().map(part).collect();
        for part in &parts {
            total += part;
        }
    }
    total
}

fn sparse_scores<V: Number, I: Index>(x: &Csr<'_, V, I>, at: &Coefficients, inverse: &[f64]) -> Scores {
    let (n, d, c) = (x.rows(), inverse.len(), at.intercept.len().max(1));
    let by_feature: Vec<f64> = (0..d).flat_map(|j| at.weights.row(j).iter().copied()).collect();
    let (mut z, mut rows) = (vec![0.0; n * c], vec![0.0; n]);
    let part = |(i, (z, square)): (usize, (&mut [f64], &mut f64))| {
        z.copy_from_slice(&at.intercept);
        for (j, x) in entries(x, i) {
            let weights = &by_feature[j * c..(j + 1) * c];
            z.iter_mut().zip(weights).for_each(|(z, w)| *z += x * w);
            *square += x * x * inverse[j];
        }
    };
    z.par_chunks_mut(c).zip(&mut rows).enumerate().with_min_len(BLOCK).for_each(part);
    let mut columns = vec![0.0; d];
    for i in 0..n {
        entries(x, i).for_each(|(j, x)| columns[j] += x * x);
    }
    Scores { z, rows, columns }
}

/// Columns and numbers of a sparse row.
#[inline]
fn entries<V: Number, I: Index>(x: &Csr<'_, V, I>, row: usize) -> impl Iterator<Item = (usize, f64)> {
    let (indices, values) = x.row(row);
    indices.iter().zip(values).filter_map(|(j, x)| Some((j.place()?, x.wide())))
}

fn sparse_sums<V: Number, I: Index>(x: &Csr<'_, V, I>, g: &[f64], c: usize) -> Mat<f64> {
    let d = x.columns();
    let part = |first: usize| {
        let width = GROUP.min(c - first);
        let mut sums = vec![0.0; d * width];
        for (i, g) in g.chunks_exact(c).enumerate() {
            let g = &g[first..first + width];
            if g.iter().all(|g| *g == 0.0) {
                continue;
            }
            for (j, x) in entries(x, i) {
                let sums = &mut sums[j * width..(j + 1) * width];
                sums.iter_mut().zip(g).for_each(|(sum, g)| *sum += x * g);
            }
        }
        sums
    };
    let groups: Vec<usize> = (0..c).step_by(GROUP).collect();
    let parts: Vec<Vec<f64>> = groups.into_par_iter().map(part).collect();
    Mat::from_fn(d, c, |j, k| {
        let part = &parts[k / GROUP];
        part[j * (part.len() / d) + k % GROUP]
    })
}
