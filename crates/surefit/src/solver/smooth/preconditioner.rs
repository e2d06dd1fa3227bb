//! An approximate inverse of the Hessian of a linear model.
//!
//! The Hessian is `Σᵢ ∇²ℓᵢ ⊗ xᵢxᵢᵀ/S + Λ`. In the eigenvectors U of `A = Σ ∇²ℓᵢ/S` (c × c) outputs hardly hang together
//! any more, and what is left is c systems `Gₖ + Λ`, `Gₖ = Σᵢ tᵢₖ xᵢxᵢᵀ/S` with `tᵢₖ = uₖᵀ∇²ℓᵢuₖ` (x with a 1 for the
//! intercept): solved by Cholesky while d is moderate, and else by their diagonals. One against the rest, U is the
//! identity and nothing is left out. A sample of the rows tells enough of each Gₖ, when rows are drawn as often as they
//! bend: at even steps of the running sum of tᵢₖ, so that all of the sample counts alike.

use super::Objective;
use super::vectors::zeros;
use crate::data::Shape;
use crate::data::features::{Csr, Features, Index, Number};
use crate::num::dense::{add_product, cholesky, product, solve_lower, solve_upper, symmetric_eigen};
use crate::num::narrow;
use crate::problem::Coefficients;
use faer::linalg::matmul::triangular::{self, BlockStructure};
use faer::{Accum, Mat, MatMut, MatRef, Par};
use rayon::prelude::*;

/// Up to so many columns there is a factor for each output, at most.
const DENSE_COLUMNS: usize = 1500;
/// Numbers of all factors together, at most.
const DENSE_NUMBERS: usize = 1 << 25;
/// Rows that a sample is drawn from, for each row of it.
const CANDIDATES: usize = 4;
/// Rows of one product.
const BLOCK: usize = 256;
/// Rows that a thread takes at a time.
const STRIP: usize = 1024;
/// Beside the largest, an eigenvalue of A below this is 0.
const FLAT: f64 = 1e-9;

/// See the module.
pub struct Preconditioner {
    shape: Shape,
    has_intercept: bool,
    /// c × c: U.
    basis: Mat<f64>,
    /// One for each eigenvector.
    systems: Vec<System>,
}

enum System {
    /// A lower Cholesky factor, intercept last; half the digits are more than a sample of the rows is good for.
    Dense(Mat<f32>),
    /// The inverse diagonal.
    Diagonal(Vec<f64>),
}

impl Preconditioner {
    /// At the scores where the objective was last looked at, from `per` rows for each column of a factor; none where
    /// nothing bends.
    pub fn new(objective: &Objective<'_, '_>, per: usize) -> Option<Self> {
        let samples = objective.samples();
        let shape = samples.shape();
        let (d, c) = (shape.columns, shape.outputs);
        let p = d + usize::from(objective.has_intercept());
        let dense = !samples.x.is_sparse()
            && d <= DENSE_COLUMNS
            && p.saturating_mul(p).saturating_mul(c) <= DENSE_NUMBERS;
        let stride = if dense { (shape.rows / (CANDIDATES * per * p.max(1))).max(1) } else { 1 };
        let candidates: Vec<usize> = (0..shape.rows).step_by(stride).collect();
        let total: f64 = candidates.iter().map(|i| samples.weight(*i)).sum();
        let basis = if dense { eigenvectors(objective, &candidates)? } else { Mat::identity(c, c) };
        let ones = objective.has_intercept();
        let along = traces(objective, &candidates, basis.as_ref());
        let sums: Vec<f64> = along.iter().map(|along| along.iter().sum()).collect();
        let largest = sums.iter().copied().fold(0.0, f64::max);
        if !(largest > 0.0 && largest.is_finite() && total > 0.0) {
            return None;
        }
        // A direction in which nothing bends is left to the penalty.
        let scale = |k: usize| if sums[k] > FLAT * largest { sums[k] / total } else { 0.0 };
        let moments = |k: usize| moments(samples.x, &candidates, &along[k], scale(k), per * p, ones);
        let last = c - 1;
        let alike = dense && (0..c).all(|k| scale(k) == 0.0 || proportional(&along[k], &along[last]));
        let shared = alike.then(|| moments(last));
        let system = |k: usize| {
            if !dense {
                let squares = squares(samples.x, &along[k], total);
                return Some(System::Diagonal(diagonal(&squares, scale(k), objective)));
            }
            let moments = match &shared {
                Some(shared) => faer::Scale(scale(k) / scale(last).max(f64::MIN_POSITIVE)) * shared,
                None => moments(k),
            };
            factor(moments, objective).map(System::Dense)
        };
        let systems = (0..c).into_par_iter().map(system).collect::<Option<Vec<System>>>()?;
        Some(Self { shape, has_intercept: ones, basis, systems })
    }

    /// An approximation of `(H + Λ)⁻¹ r`.
    pub fn apply(&self, r: &Coefficients) -> Coefficients {
        if self.systems.iter().all(|system| matches!(system, System::Diagonal(_))) {
            return self.apply_diagonals(r);
        }
        let (d, c) = (self.shape.columns, self.shape.outputs);
        let mut out = zeros(self.shape);
        let weights = product(r.weights.as_ref(), self.basis.as_ref());
        let mut solved = Mat::zeros(d, c);
        let mut of_intercept = vec![0.0; c];
        for k in 0..c {
            let intercept: f64 = r.intercept.iter().enumerate().map(|(l, r)| r * self.basis[(l, k)]).sum();
            match &self.systems[k] {
                System::Dense(factor) => {
                    let right = |j: usize| if j < d { weights[(j, k)] } else { intercept };
                    let solution = solve(factor.as_ref(), &right);
                    solved.col_as_slice_mut(k).copy_from_slice(&solution[..d]);
                    of_intercept[k] = if self.has_intercept { solution[d] } else { 0.0 };
                }
                System::Diagonal(_) => {}
            }
        }
        add_product(out.weights.as_mut(), 1.0, solved.as_ref(), self.basis.transpose());
        for (l, out) in out.intercept.iter_mut().enumerate() {
            *out = of_intercept.iter().enumerate().map(|(k, b)| self.basis[(l, k)] * b).sum();
        }
        out
    }

    fn apply_diagonals(&self, r: &Coefficients) -> Coefficients {
        let mut out = r.clone();
        for (k, system) in self.systems.iter().enumerate() {
            let System::Diagonal(inverse) = system else { continue };
            let entries = out.weights.col_as_slice_mut(k).iter_mut().chain([&mut out.intercept[k]]);
            entries.zip(inverse).for_each(|(entry, inverse)| *entry *= inverse);
        }
        out
    }
}

/// `(LLᵀ)⁻¹ r` in single precision, whatever the size of r.
fn solve(factor: MatRef<'_, f32>, r: &dyn Fn(usize) -> f64) -> Vec<f64> {
    let p = factor.nrows();
    let largest = (0..p).map(|j| r(j).abs()).fold(f64::MIN_POSITIVE, f64::max);
    let mut rhs = Mat::from_fn(p, 1, |j, _| narrow(r(j) / largest));
    solve_lower(factor, rhs.as_mut());
    solve_upper(factor.transpose(), rhs.as_mut());
    rhs.col_as_slice(0).iter().map(|value| f64::from(*value) * largest).collect()
}

/// c × c: U.
fn eigenvectors(objective: &Objective<'_, '_>, rows: &[usize]) -> Option<Mat<f64>> {
    let c = objective.samples().outputs;
    let identity = Mat::<f64>::identity(c, c);
    let part = |rows: &[usize]| {
        let mut sum = vec![0.0; c * c];
        for row in bent(objective, rows, identity.as_ref()).chunks_exact(c * c) {
            sum.iter_mut().zip(row).for_each(|(sum, row)| *sum += row);
        }
        sum
    };
    let parts: Vec<Vec<f64>> = rows.par_chunks(STRIP).map(part).collect();
    let mean = Mat::from_fn(c, c, |l, k| parts.iter().map(|part| part[k * c + l]).sum::<f64>());
    mean.is_all_finite().then(|| symmetric_eigen(mean.as_ref()))?.map(|(_, basis)| basis)
}

/// Whether two directions bend alike in every row.
fn proportional(a: &[f64], b: &[f64]) -> bool {
    let (of_a, of_b): (f64, f64) = (a.iter().sum(), b.iter().sum());
    a.iter().zip(b).all(|(a, b)| (a * of_b - b * of_a).abs() <= 1e-9 * a * of_b)
}

/// `∇²ℓᵢ uₖ`, k by k within a row.
fn bent(objective: &Objective<'_, '_>, rows: &[usize], directions: MatRef<'_, f64>) -> Vec<f64> {
    let (samples, c) = (objective.samples(), directions.nrows());
    let scores = objective.scores();
    let mut out = vec![0.0; rows.len() * c * c];
    let columns: Vec<f64> = directions.col_iter().flat_map(|u| u.iter().copied()).collect();
    for (&i, out) in rows.iter().zip(out.chunks_exact_mut(c * c)) {
        let weights = samples.weights.and_then(|weights| weights.get(i..=i));
        let (targets, z) = (samples.targets.rows(i, 1), scores.subrows(i, 1));
        out.copy_from_slice(&columns);
        for out in out.chunks_exact_mut(c) {
            objective.loss().hessian(z, targets, weights, MatMut::from_row_major_slice_mut(out, 1, c));
        }
    }
    out
}

/// For each k a number for each row: `uₖᵀ∇²ℓᵢuₖ`.
fn traces(objective: &Objective<'_, '_>, rows: &[usize], basis: MatRef<'_, f64>) -> Vec<Vec<f64>> {
    let c = basis.nrows();
    let part = |rows: &[usize]| {
        let bent = bent(objective, rows, basis);
        let inner = |(k, bent): (usize, &[f64])| {
            bent.iter().zip(basis.col(k).iter()).map(|(h, u)| h * u).sum::<f64>()
        };
        bent.chunks_exact(c * c)
            .flat_map(|row| row.chunks_exact(c).enumerate().map(inner))
            .collect::<Vec<f64>>()
    };
    let parts: Vec<Vec<f64>> = rows.par_chunks(STRIP).map(part).collect();
    let of_output =
        |k: usize| parts.iter().flat_map(|part| part.iter().skip(k).step_by(c)).map(|t| t.max(0.0)).collect();
    (0..c).map(of_output).collect()
}

/// Rows at even steps of the running sum of `bend`, with how often each was met.
fn sample(bend: &[f64], count: usize) -> Vec<(usize, f64)> {
    let total: f64 = bend.iter().sum();
    if bend.len() <= count {
        let rows = bend.iter().enumerate().filter(|(_, t)| **t > 0.0);
        return rows.map(|(i, t)| (i, t / total * count as f64)).collect();
    }
    let pace = total / count as f64;
    let (mut sum, mut met) = (0.0, 0.0);
    let mut rows = Vec::with_capacity(count);
    for (i, t) in bend.iter().enumerate() {
        sum += t;
        let now = (sum / pace + 0.5).floor();
        if now > met {
            rows.push((i, now - met));
            met = now;
        }
    }
    rows
}

/// `scale · Σ [xᵢ 1][xᵢ 1]ᵀ` over a sample of about `count` rows, its mean, with the 1 where there is an intercept.
fn moments(
    x: Features<'_>,
    candidates: &[usize],
    bend: &[f64],
    scale: f64,
    count: usize,
    ones: bool,
) -> Mat<f64> {
    fn fill<V: Number>(x: MatRef<'_, V>, row: usize, scale: f64, out: &mut [f64]) {
        out.iter_mut().zip(x.row(row).iter()).for_each(|(out, x)| *out = scale * x.wide());
    }
    let d = x.columns();
    let p = d + usize::from(ones);
    let mut sum = Mat::zeros(p, p);
    if scale <= 0.0 {
        return sum;
    }
    let place = |(at, often): (usize, f64)| Some((*candidates.get(at)?, often));
    let rows: Vec<(usize, f64)> = sample(bend, count).into_iter().filter_map(place).collect();
    let mut block = Mat::<f64>::zeros(p, BLOCK);
    for rows in rows.chunks(BLOCK) {
        for (at, (row, often)) in rows.iter().enumerate() {
            let scale = (scale * often / count as f64).sqrt();
            let out = block.col_as_slice_mut(at);
            match x {
                Features::F64(x) => fill(x, *row, scale, &mut out[..d]),
                Features::F32(x) => fill(x, *row, scale, &mut out[..d]),
                // Sparse rows have diagonals.
                _ => {}
            }
            out[d..].fill(scale);
        }
        let view = block.subcols(0, rows.len());
        let (lower, all) = (BlockStructure::TriangularLower, BlockStructure::Rectangular);
        triangular::matmul(sum.as_mut(), lower, Accum::Add, view, all, view.transpose(), all, 1.0, Par::Seq);
    }
    sum
}

/// The Cholesky factor of `G + Λ`; none where single precision would lose it.
fn factor(mut system: Mat<f64>, objective: &Objective<'_, '_>) -> Option<Mat<f32>> {
    let p = system.nrows();
    let penalty = |j: usize| objective.lambda.get(j).copied().unwrap_or(objective.of_intercept);
    let trace: f64 = (0..p).map(|j| system[(j, j)]).sum();
    // So small that it changes nothing but what is 0.
    let least = 1e-12 * trace + 1e-100;
    // Where nothing bends and nothing is penalised, all stays where it is, up to its rounding.
    if trace == 0.0 {
        (0..p).for_each(|j| system[(j, j)] = if penalty(j) > 0.0 { 0.0 } else { 1.0 });
    }
    for j in 0..p {
        system[(j, j)] += least + penalty(j);
    }
    if !cholesky(system.as_mut()) {
        return None;
    }
    let factor = Mat::from_fn(p, p, |i, j| if i < j { 0.0 } else { narrow(system[(i, j)]) });
    (0..p).all(|j| factor[(j, j)].is_normal() && factor[(j, j)].is_finite()).then_some(factor)
}

/// Σ tᵢ xᵢⱼ² / S.
fn squares(x: Features<'_>, bend: &[f64], total: f64) -> Vec<f64> {
    fn dense<V: Number>(x: MatRef<'_, V>, bend: &[f64], sums: &mut [f64]) {
        for (row, trace) in bend.iter().enumerate() {
            sums.iter_mut().zip(x.row(row).iter()).for_each(|(sum, x)| *sum += trace * x.wide() * x.wide());
        }
    }
    fn sparse<V: Number, I: Index>(x: &Csr<'_, V, I>, bend: &[f64], sums: &mut [f64]) {
        for (row, trace) in bend.iter().enumerate() {
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
        Features::F64(x) => dense(x, bend, &mut sums),
        Features::F32(x) => dense(x, bend, &mut sums),
        Features::Csr64(x) => sparse(&x, bend, &mut sums),
        Features::Csr32(x) => sparse(&x, bend, &mut sums),
        Features::LongCsr64(x) => sparse(&x, bend, &mut sums),
        Features::LongCsr32(x) => sparse(&x, bend, &mut sums),
    }
    for sum in &mut sums {
        *sum /= total;
    }
    sums
}

/// 1 / (gⱼ + λⱼ), the intercept last.
fn diagonal(squares: &[f64], ones: f64, objective: &Objective<'_, '_>) -> Vec<f64> {
    let largest = squares.iter().copied().fold(ones, f64::max);
    let least = 1e-12 * largest;
    let columns = squares.iter().zip(&objective.lambda).map(|(square, lambda)| square + lambda);
    let ones = objective.has_intercept().then_some(ones + objective.of_intercept);
    // Where nothing bends and nothing is penalised, all stays where it is, up to its rounding.
    let entry = |entry: f64| if entry + least > 0.0 { 1.0 / (entry + least) } else { 1.0 };
    columns.chain(ones).map(entry).collect()
}
