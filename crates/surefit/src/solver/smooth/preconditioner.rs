//! An approximate inverse of the Hessian of a linear model.
//!
//! The Hessian is `Σᵢ ∇²ℓᵢ ⊗ xᵢxᵢᵀ/S + Λ`. Taken apart as if curvature and features had nothing to do with each other
//! it is `A ⊗ G + Λ`, A the mean of ∇²ℓᵢ (c × c) and G the second moments of the rows (with a 1 for the intercept),
//! each weighted with the trace of its ∇²ℓᵢ: the approximation of Martens and Grosse ("Optimizing neural
//! networks with Kronecker-factored approximate curvature", ICML 2015) for a network of one layer. In the
//! eigenvectors U of A it falls into c systems `aₖG + Λ`, solved by Cholesky while d is moderate, and else by
//! their diagonals. A sample of the rows tells enough.

use super::Objective;
use super::vectors::zeros;
use crate::data::Shape;
use crate::data::features::{Csr, Features, Index, Number};
use crate::loss::Loss;
use crate::num::dense::{add_product, cholesky, product, solve_lower, solve_upper, symmetric_eigen};
use crate::problem::Coefficients;
use faer::{Mat, MatMut, MatRef};

/// Up to so many columns there is a factor for each output, at most.
const DENSE_COLUMNS: usize = 1500;
/// Numbers of all factors together, at most.
const DENSE_NUMBERS: usize = 1 << 25;
/// Rows of a sample for each column of a factor, and at least so many in all.
const SAMPLE: (usize, usize) = (8, 4096);
/// Rows of one product.
const BLOCK: usize = 256;
/// Beside the largest, an eigenvalue of A below this is 0.
const FLAT: f64 = 1e-9;

/// See the module.
pub struct Preconditioner {
    shape: Shape,
    has_intercept: bool,
    /// c × c: U.
    basis: Mat<f64>,
    systems: Systems,
}

enum Systems {
    /// A lower Cholesky factor for each eigenvector, intercept last.
    Dense(Vec<Mat<f64>>),
    /// Inverse diagonals.
    Diagonal(Vec<Vec<f64>>),
}

impl Preconditioner {
    /// At the scores where the objective was last looked at; none where nothing bends.
    pub fn new(objective: &Objective<'_, '_>) -> Option<Self> {
        let samples = objective.samples();
        let shape = samples.shape();
        let (d, c) = (shape.columns, shape.outputs);
        let p = d + usize::from(objective.has_intercept());
        let dense = !samples.x.is_sparse()
            && d <= DENSE_COLUMNS
            && p.saturating_mul(p).saturating_mul(c) <= DENSE_NUMBERS;
        let wanted = if dense { (SAMPLE.0 * p).max(SAMPLE.1) } else { shape.rows };
        let stride = (shape.rows / wanted.max(1)).max(1);
        let rows: Vec<usize> = (0..shape.rows).step_by(stride).collect();
        let (curvature, traces) = curvature(objective, &rows);
        let total: f64 = rows.iter().map(|i| samples.weight(*i)).sum();
        let trace: f64 = traces.iter().sum();
        if !(trace > 0.0 && trace.is_finite() && total > 0.0) {
            return None;
        }
        let curvature = Mat::from_fn(c, c, |l, k| curvature[(l, k)] / total);
        let (values, basis) = symmetric_eigen(curvature.as_ref())?;
        let largest = values.iter().copied().fold(0.0, f64::max);
        let values: Vec<f64> = values.iter().map(|a| a.max(FLAT * largest)).collect();
        let ones = objective.has_intercept();
        let systems = if dense {
            let moments = moments(samples.x, &rows, &traces, trace, ones);
            let factor = |a: &f64| factor(&moments, *a, objective);
            Systems::Dense(values.iter().map(factor).collect::<Option<_>>()?)
        } else {
            let squares = squares(samples.x, &rows, &traces, trace);
            Systems::Diagonal(values.iter().map(|a| diagonal(&squares, *a, objective)).collect())
        };
        Some(Self { shape, has_intercept: ones, basis, systems })
    }

    /// An approximation of `(H + Λ)⁻¹ r`.
    pub fn apply(&self, r: &Coefficients) -> Coefficients {
        let (d, c) = (self.shape.columns, self.shape.outputs);
        let mut out = zeros(self.shape);
        let weights = product(r.weights.as_ref(), self.basis.as_ref());
        let mut solved = Mat::zeros(d, c);
        let mut of_intercept = vec![0.0; c];
        for k in 0..c {
            let intercept: f64 = r.intercept.iter().enumerate().map(|(l, r)| r * self.basis[(l, k)]).sum();
            match &self.systems {
                Systems::Dense(factors) => {
                    let p = factors[k].nrows();
                    let mut rhs = Mat::from_fn(p, 1, |j, _| if j < d { weights[(j, k)] } else { intercept });
                    solve_lower(factors[k].as_ref(), rhs.as_mut());
                    solve_upper(factors[k].transpose(), rhs.as_mut());
                    solved.col_as_slice_mut(k).iter_mut().enumerate().for_each(|(j, out)| *out = rhs[(j, 0)]);
                    of_intercept[k] = if self.has_intercept { rhs[(d, 0)] } else { 0.0 };
                }
                Systems::Diagonal(inverse) => {
                    let entries = solved.col_as_slice_mut(k).iter_mut().zip(weights.col_as_slice(k));
                    entries.zip(&inverse[k]).for_each(|((out, r), inverse)| *out = r * inverse);
                    of_intercept[k] = inverse[k].get(d).map_or(0.0, |inverse| inverse * intercept);
                }
            }
        }
        add_product(out.weights.as_mut(), 1.0, solved.as_ref(), self.basis.transpose());
        for (l, out) in out.intercept.iter_mut().enumerate() {
            *out = of_intercept.iter().enumerate().map(|(k, b)| self.basis[(l, k)] * b).sum();
        }
        out
    }
}

/// Σ ∇²ℓ over the rows, and the trace of each.
fn curvature(objective: &Objective<'_, '_>, rows: &[usize]) -> (Mat<f64>, Vec<f64>) {
    let samples = objective.samples();
    let (c, loss, scores) = (samples.outputs, objective.loss(), objective.scores());
    let (mut sum, mut traces) = (Mat::zeros(c, c), Vec::with_capacity(rows.len()));
    // Row by row: the sample is not contiguous.
    let mut bend = Mat::<f64>::zeros(c, c);
    for &i in rows {
        row_curvature(loss, scores, i, &samples, &mut bend);
        traces.push((0..c).map(|k| bend[(k, k)]).sum());
        sum += &bend;
    }
    (sum, traces)
}

fn row_curvature(
    loss: &dyn Loss,
    scores: MatRef<'_, f64>,
    i: usize,
    samples: &crate::data::Samples<'_>,
    bend: &mut Mat<f64>,
) {
    let c = samples.outputs;
    let weights = samples.weights.and_then(|weights| weights.get(i..=i));
    for k in 0..c {
        let mut column = bend.col_as_slice_mut(k).to_vec();
        column.fill(0.0);
        column[k] = 1.0;
        let view = MatMut::from_row_major_slice_mut(&mut column, 1, c);
        loss.hessian(scores.subrows(i, 1), samples.targets.rows(i, 1), weights, view);
        bend.col_as_slice_mut(k).copy_from_slice(&column);
    }
}

/// Σ tᵢ [xᵢ 1][xᵢ 1]ᵀ / Σ tᵢ, with the 1 where there is an intercept.
fn moments(x: Features<'_>, rows: &[usize], traces: &[f64], total: f64, ones: bool) -> Mat<f64> {
    fn fill<V: Number>(x: MatRef<'_, V>, row: usize, scale: f64, out: &mut [f64]) {
        out.iter_mut().zip(x.row(row).iter()).for_each(|(out, x)| *out = scale * x.wide());
    }
    let d = x.columns();
    let p = d + usize::from(ones);
    let mut sum = Mat::zeros(p, p);
    let mut block = Mat::<f64>::zeros(p, BLOCK);
    for (rows, traces) in rows.chunks(BLOCK).zip(traces.chunks(BLOCK)) {
        for (at, (&row, &trace)) in rows.iter().zip(traces).enumerate() {
            let scale = (trace / total).max(0.0).sqrt();
            let out = block.col_as_slice_mut(at);
            match x {
                Features::F64(x) => fill(x, row, scale, &mut out[..d]),
                Features::F32(x) => fill(x, row, scale, &mut out[..d]),
                // Sparse rows have diagonals.
                _ => {}
            }
            out[d..].fill(scale);
        }
        let view = block.subcols(0, rows.len());
        faer::linalg::matmul::triangular::matmul(
            sum.as_mut(),
            faer::linalg::matmul::triangular::BlockStructure::TriangularLower,
            faer::Accum::Add,
            view,
            faer::linalg::matmul::triangular::BlockStructure::Rectangular,
            view.transpose(),
            faer::linalg::matmul::triangular::BlockStructure::Rectangular,
            1.0,
            faer::Par::Seq,
        );
    }
    sum
}

/// The Cholesky factor of `aG + Λ`.
fn factor(moments: &Mat<f64>, a: f64, objective: &Objective<'_, '_>) -> Option<Mat<f64>> {
    let d = objective.lambda.len();
    let trace: f64 = (0..moments.nrows()).map(|j| moments[(j, j)]).sum();
    // So small that it changes nothing but what is 0.
    let least = 1e-12 * a * trace + f64::MIN_POSITIVE;
    let mut system = Mat::from_fn(moments.nrows(), moments.ncols(), |i, j| if i >= j { a * moments[(i, j)] } else { 0.0 });
    for j in 0..moments.nrows() {
        system[(j, j)] += least + objective.lambda.get(j).copied().unwrap_or(objective.of_intercept);
    }
    debug_assert!(d <= moments.nrows());
    cholesky(system.as_mut()).then_some(system)
}

/// Σ tᵢ xᵢⱼ² / Σ tᵢ.
fn squares(x: Features<'_>, rows: &[usize], traces: &[f64], total: f64) -> Vec<f64> {
    fn dense<V: Number>(x: MatRef<'_, V>, rows: &[usize], traces: &[f64], sums: &mut [f64]) {
        for (&row, trace) in rows.iter().zip(traces) {
            sums.iter_mut().zip(x.row(row).iter()).for_each(|(sum, x)| *sum += trace * x.wide() * x.wide());
        }
    }
    fn sparse<V: Number, I: Index>(x: &Csr<'_, V, I>, rows: &[usize], traces: &[f64], sums: &mut [f64]) {
        for (&row, trace) in rows.iter().zip(traces) {
            let (indices, values) = x.row(row);
            for (j, x) in indices.iter().zip(values) {
                if let Some(sum) = j.place().and_then(|j| sums.get_mut(j)) {
                    *sum += trace * x.wide() * x.wide();
                }
            }
        }
    }
    let mut sums = vec![0.0; x.columns()];
    match x {
        Features::F64(x) => dense(x, rows, traces, &mut sums),
        Features::F32(x) => dense(x, rows, traces, &mut sums),
        Features::Csr64(x) => sparse(&x, rows, traces, &mut sums),
        Features::Csr32(x) => sparse(&x, rows, traces, &mut sums),
        Features::LongCsr64(x) => sparse(&x, rows, traces, &mut sums),
        Features::LongCsr32(x) => sparse(&x, rows, traces, &mut sums),
    }
    sums.iter_mut().for_each(|sum| *sum /= total);
    sums
}

/// 1 / (a gⱼ + λⱼ), the intercept last.
fn diagonal(squares: &[f64], a: f64, objective: &Objective<'_, '_>) -> Vec<f64> {
    let largest = squares.iter().copied().fold(0.0, f64::max);
    let least = 1e-12 * a * largest.max(1.0) + f64::MIN_POSITIVE;
    let columns = squares.iter().zip(&objective.lambda).map(|(square, lambda)| a * square + lambda);
    let ones = objective.has_intercept().then_some(a + objective.of_intercept);
    columns.chain(ones).map(|entry| 1.0 / (entry + least)).collect()
}
