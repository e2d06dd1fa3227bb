//! An approximate inverse of the Hessian of a linear model.
//!
//! The Hessian is `Σᵢ ∇²ℓᵢ ⊗ xᵢxᵢᵀ/S + Λ`. In the eigenvectors U of `A = Σ ∇²ℓᵢ/S` (c × c) outputs hardly hang together
//! any more, and what is left is c systems `Gₖ + Λ`, `Gₖ = Σᵢ tᵢₖ xᵢxᵢᵀ/S` with `tᵢₖ = uₖᵀ∇²ℓᵢuₖ` (x with a 1 for the
//! intercept): solved by Cholesky while d is moderate, and else by their diagonals. One against the rest, U is the
//! identity and nothing is left out. A sample of the rows tells enough of each Gₖ, when rows are drawn as often as they
//! bend: at even steps of the running sum of tᵢₖ, so that all of the sample counts alike.
//!
//! Where that is too coarse and coefficients are few, [`Preconditioner::whole`] is the Hessian itself: rounded hinges bend in few
//! rows, and in each of these outputs hang together in a way of their own.

use super::Objective;
use crate::data::features::{Csr, Features, Index, Number};
use crate::data::sparse::ByFeature;
use crate::data::{Samples, Shape};
use crate::loss::Targets;
use crate::num::dense::{add_product, cholesky, product, solve_lower, solve_upper, symmetric_eigen};
use crate::num::narrow;
use crate::problem::Coefficients;
use faer::linalg::matmul::triangular::{self, BlockStructure};
use faer::{Accum, Mat, MatMut, MatRef, Par};
use rayon::prelude::*;
use std::ops::Range;

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
/// Coefficients of all outputs that a factor of the whole Hessian may have.
const WHOLE: usize = 600;
/// Strips whose share of it is in memory at once.
const STRIPS: usize = 8;
/// Beside its diagonal, what keeps a factor of it from breaking down by rounding.
const ROUNDING: f64 = 1e-13;

/// See the module.
pub struct Preconditioner {
    shape: Shape,
    has_intercept: bool,
    inverse: Inverse,
}

enum Inverse {
    ByOutput {
        /// c × c: U.
        basis: Mat<f64>,
        /// One for each eigenvector.
        systems: Vec<System>,
    },
    /// The lower Cholesky factor of the whole of `H + Λ`: output after output, its intercept last.
    Whole(Mat<f64>),
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
        if !dense {
            return Self::of_diagonals(objective, total);
        }
        let basis = eigenvectors(objective, &candidates)?;
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
        let alike = (0..c).all(|k| scale(k) == 0.0 || proportional(&along[k], &along[last]));
        let shared = alike.then(|| moments(last));
        let system = |k: usize| {
            let moments = match &shared {
                Some(shared) => faer::Scale(scale(k) / scale(last).max(f64::MIN_POSITIVE)) * shared,
                None => moments(k),
            };
            factor(moments, objective).map(System::Dense)
        };
        let systems = (0..c).into_par_iter().map(system).collect::<Option<Vec<System>>>()?;
        Some(Self { shape, has_intercept: ones, inverse: Inverse::ByOutput { basis, systems } })
    }

    /// From the diagonals of `∇²ℓᵢ`: `Σᵢ ∇²ℓᵢₖₖ xᵢⱼ²/S` for output k and column j.
    fn of_diagonals(objective: &Objective<'_, '_>, total: f64) -> Option<Self> {
        let samples = objective.samples();
        let (shape, c) = (samples.shape(), samples.outputs);
        let bends = diagonals(objective);
        let mut ones = vec![0.0; c];
        for bends in bends.chunks_exact(c.max(1)) {
            ones.iter_mut().zip(bends).for_each(|(sum, bend)| *sum += bend);
        }
        let largest = ones.iter().copied().fold(0.0, f64::max);
        if !(largest > 0.0 && largest.is_finite() && total > 0.0) {
            return None;
        }
        let squares = squares(samples.x, &bends, c);
        let system = |k: usize| {
            let squares: Vec<f64> = squares.column(squares.numbers(), k).map(|sum| sum / total).collect();
            let ones = if ones[k] > FLAT * largest { ones[k] / total } else { 0.0 };
            System::Diagonal(diagonal(&squares, ones, objective))
        };
        let systems = (0..c).into_par_iter().map(system).collect();
        let inverse = Inverse::ByOutput { basis: Mat::identity(c, c), systems };
        Some(Self { shape, has_intercept: objective.has_intercept(), inverse })
    }

    /// Whether coefficients are few enough for [`Self::whole`].
    pub fn is_small(shape: Shape) -> bool {
        shape.columns.saturating_add(1).saturating_mul(shape.outputs) <= WHOLE
    }

    /// The inverse of the Hessian itself, from all rows, where the gradient of the intercept is `slope`; none where it has no
    /// factor. Where rows pull at a free intercept and none bends, its step is to be one of the size of a margin.
    pub fn whole(objective: &Objective<'_, '_>, slope: &[f64]) -> Option<Self> {
        let samples = objective.samples();
        let (shape, ones) = (samples.shape(), objective.has_intercept());
        let p = shape.columns + usize::from(ones);
        let mut sum = Mat::<f64>::zeros(p * shape.outputs, p * shape.outputs);
        let strips: Vec<usize> = (0..shape.rows.div_ceil(STRIP)).collect();
        for strips in strips.chunks(STRIPS) {
            let parts: Vec<Mat<f64>> =
                strips.par_iter().map(|strip| hessian_of_strip(objective, *strip, p)).collect();
            // In their order: the same bits with any number of threads.
            for part in &parts {
                sum += part;
            }
        }
        let total = samples.total_weight();
        let penalty = |j: usize| objective.lambda.get(j).copied().unwrap_or(objective.of_intercept);
        for at in 0..sum.ncols() {
            sum.col_as_slice_mut(at).iter_mut().for_each(|h| *h /= total);
            let pull = if at % p < shape.columns { 0.0 } else { slope[at / p].abs() };
            sum[(at, at)] += ROUNDING * sum[(at, at)] + penalty(at % p) + pull + f64::MIN_POSITIVE;
        }
        let has_factor = sum.is_all_finite() && cholesky(sum.as_mut());
        has_factor.then_some(Self { shape, has_intercept: ones, inverse: Inverse::Whole(sum) })
    }

    /// `out` becomes an approximation of `(H + Λ)⁻¹ r`.
    pub fn apply(&self, r: &Coefficients, out: &mut Coefficients) {
        let (basis, systems) = match &self.inverse {
            Inverse::Whole(factor) => return self.apply_whole(factor.as_ref(), r, out),
            Inverse::ByOutput { basis, systems } => (basis, systems),
        };
        if systems.iter().all(|system| matches!(system, System::Diagonal(_))) {
            return self.apply_diagonals(systems, r, out);
        }
        let (d, c) = (self.shape.columns, self.shape.outputs);
        out.weights.fill(0.0);
        let weights = product(r.weights.as_ref(), basis.as_ref());
        let mut solved = Mat::zeros(d, c);
        let mut of_intercept = vec![0.0; c];
        for k in 0..c {
            let intercept: f64 = r.intercept.iter().enumerate().map(|(l, r)| r * basis[(l, k)]).sum();
            match &systems[k] {
                System::Dense(factor) => {
                    let right = |j: usize| if j < d { weights[(j, k)] } else { intercept };
                    let solution = solve(factor.as_ref(), &right);
                    solved.col_as_slice_mut(k).copy_from_slice(&solution[..d]);
                    of_intercept[k] = if self.has_intercept { solution[d] } else { 0.0 };
                }
                System::Diagonal(_) => {}
            }
        }
        add_product(out.weights.as_mut(), 1.0, solved.as_ref(), basis.transpose());
        for (l, out) in out.intercept.iter_mut().enumerate() {
            *out = of_intercept.iter().enumerate().map(|(k, b)| basis[(l, k)] * b).sum();
        }
    }

    fn apply_whole(&self, factor: MatRef<'_, f64>, r: &Coefficients, out: &mut Coefficients) {
        let (d, c) = (self.shape.columns, self.shape.outputs);
        let p = d + usize::from(self.has_intercept);
        let right = |at: usize| {
            let (k, j) = (at / p, at % p);
            if j < d { r.weights[(j, k)] } else { r.intercept[k] }
        };
        let mut solution = Mat::from_fn(p * c, 1, |at, _| right(at));
        solve_lower(factor, solution.as_mut());
        solve_upper(factor.transpose(), solution.as_mut());
        for (k, own) in solution.col_as_slice(0).chunks_exact(p.max(1)).enumerate() {
            let (weights, intercept) = own.split_at(d);
            out.weights.col_as_slice_mut(k).copy_from_slice(weights);
            out.intercept[k] = intercept.first().copied().unwrap_or(0.0);
        }
    }

    fn apply_diagonals(&self, systems: &[System], r: &Coefficients, out: &mut Coefficients) {
        for (k, system) in systems.iter().enumerate() {
            let System::Diagonal(inverse) = system else { continue };
            let (inverse, of_intercept) = inverse.split_at(self.shape.columns);
            let entries = out.weights.col_as_slice_mut(k).iter_mut().zip(r.weights.col_as_slice(k));
            entries.zip(inverse).for_each(|((out, r), inverse)| *out = r * inverse);
            out.intercept[k] = r.intercept[k] * of_intercept.first().unwrap_or(&1.0);
        }
    }
}

/// The share of a strip of rows in `Σ ∇²ℓᵢ ⊗ xᵢxᵢᵀ`, its lower blocks, with columns as in [`Inverse::Whole`].
fn hessian_of_strip(objective: &Objective<'_, '_>, strip: usize, p: usize) -> Mat<f64> {
    let (samples, loss) = (objective.samples(), objective.loss());
    let c = samples.outputs;
    let rows = strip * STRIP..samples.x.rows().min((strip + 1) * STRIP);
    let (targets, weights) = of_rows(&samples, &rows);
    let mut x = Mat::<f64>::zeros(rows.len(), p);
    for (at, i) in rows.clone().enumerate() {
        samples.x.for_each_in_row(i, |j, value| x[(at, j)] = value);
    }
    if p > samples.x.columns() {
        x.col_as_slice_mut(p - 1).fill(1.0);
    }
    let scores = objective.scores().subrows(rows.start, rows.len());
    let mut sum = Mat::zeros(p * c, p * c);
    for k in 0..c {
        // Column k of the Hessian of each row.
        let mut bent = Mat::from_fn(rows.len(), c, |_, l| if l == k { 1.0 } else { 0.0 });
        loss.hessian(scores, targets, weights, bent.as_mut());
        for l in k..c {
            if bent.col_as_slice(l).iter().all(|h| *h == 0.0) {
                continue;
            }
            let bent_x = Mat::from_fn(rows.len(), p, |i, j| bent[(i, l)] * x[(i, j)]);
            let block = sum.as_mut().submatrix_mut(l * p, k * p, p, p);
            add_product(block, 1.0, x.transpose(), bent_x.as_ref());
        }
    }
    sum
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
    let (samples, c) = (objective.samples(), objective.samples().outputs);
    let part = |rows: &[usize]| {
        let mut sum = Mat::zeros(c, c);
        each_run(objective, rows, |rows, z| {
            let (targets, weights) = of_rows(&samples, &rows);
            objective.loss().add_hessians(z, targets, weights, sum.as_mut());
        });
        sum
    };
    let parts: Vec<Mat<f64>> = rows.par_chunks(STRIP).map(part).collect();
    let mean = parts.iter().fold(Mat::<f64>::zeros(c, c), |sum, part| sum + part);
    mean.is_all_finite().then(|| symmetric_eigen(mean.as_ref()))?.map(|(_, basis)| basis)
}

/// Rows that lie one behind the other, together with their scores.
fn each_run(
    objective: &Objective<'_, '_>,
    rows: &[usize],
    mut act: impl FnMut(Range<usize>, MatRef<'_, f64>),
) {
    for run in rows.chunk_by(|a, b| a + 1 == *b) {
        let (Some(first), count) = (run.first(), run.len()) else { continue };
        act(*first..first + count, objective.scores().subrows(*first, count));
    }
}

fn of_rows<'a>(samples: &Samples<'a>, rows: &Range<usize>) -> (Targets<'a>, Option<&'a [f64]>) {
    let weights = samples.weights.and_then(|weights| weights.get(rows.clone()));
    (samples.targets.rows(rows.start, rows.len()), weights)
}

/// n × c: the diagonals of all `∇²ℓᵢ`, row by row.
fn diagonals(objective: &Objective<'_, '_>) -> Vec<f64> {
    let (samples, c) = (objective.samples(), objective.samples().outputs);
    let mut out = vec![0.0; samples.x.rows() * c];
    let part = |(strip, out): (usize, &mut [f64])| {
        let (first, count) = (strip * STRIP, out.len() / c);
        let (targets, weights) = of_rows(&samples, &(first..first + count));
        let mut view = MatMut::from_row_major_slice_mut(out, count, c);
        view.copy_from(objective.scores().subrows(first, count));
        objective.loss().diagonal(view, targets, weights);
        for bend in out {
            *bend = bend.max(0.0);
        }
    };
    out.par_chunks_mut(STRIP * c.max(1)).enumerate().for_each(part);
    out
}

/// Whether two directions bend alike in every row.
fn proportional(a: &[f64], b: &[f64]) -> bool {
    let (of_a, of_b): (f64, f64) = (a.iter().sum(), b.iter().sum());
    a.iter().zip(b).all(|(a, b)| (a * of_b - b * of_a).abs() <= 1e-9 * a * of_b)
}

/// For each k a number for each row: `uₖᵀ∇²ℓᵢuₖ`.
fn traces(objective: &Objective<'_, '_>, rows: &[usize], basis: MatRef<'_, f64>) -> Vec<Vec<f64>> {
    let (samples, c) = (objective.samples(), basis.nrows());
    let directions: Vec<Vec<f64>> = basis.col_iter().map(|u| u.iter().copied().collect()).collect();
    let part = |rows: &[usize]| {
        let mut out = vec![Vec::with_capacity(rows.len()); c];
        let mut bent = Vec::new();
        each_run(objective, rows, |rows, z| {
            let (targets, weights) = of_rows(&samples, &rows);
            let (loss, mut z) = (objective.loss(), z.to_owned());
            let mut kept = vec![0.0; rows.len() * loss.kept()];
            loss.prepare(z.as_mut(), &mut kept, targets, weights);
            for (u, out) in directions.iter().zip(&mut out) {
                bent.clear();
                rows.clone().for_each(|_| bent.extend_from_slice(u));
                let view = MatMut::from_row_major_slice_mut(&mut bent, rows.len(), c);
                loss.hessian_prepared(z.as_ref(), &kept, targets, weights, view);
                let inner = |bent: &[f64]| bent.iter().zip(u).map(|(h, u)| h * u).sum::<f64>().max(0.0);
                out.extend(bent.chunks_exact(c).map(inner));
            }
        });
        out
    };
    let parts: Vec<Vec<Vec<f64>>> = rows.par_chunks(STRIP).map(part).collect();
    (0..c).map(|k| parts.iter().flat_map(|part| part[k].iter().copied()).collect()).collect()
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

/// `Σᵢ tᵢₖ xᵢⱼ²`, d × c, for t row by row.
fn squares(x: Features<'_>, bends: &[f64], c: usize) -> ByFeature {
    fn dense<V: Number>(x: MatRef<'_, V>, row: usize, entries: &mut Vec<(usize, f64)>) {
        entries.extend(x.row(row).iter().enumerate().map(|(j, x)| (j, x.wide() * x.wide())));
    }
    fn sparse<V: Number, I: Index>(x: &Csr<'_, V, I>, row: usize, entries: &mut Vec<(usize, f64)>) {
        let (indices, values) = x.row(row);
        let entry = |(j, x): (&I, &V)| Some((j.place()?, x.wide() * x.wide()));
        entries.extend(indices.iter().zip(values).filter_map(entry));
    }
    let d = x.columns();
    let mut sums = ByFeature::zeros(d, c);
    let (stride, range) = (sums.stride(), d.div_ceil(rayon::current_num_threads()).max(1));
    let part = |(part, sums): (usize, &mut [f64])| {
        let (from, to) = (part * range, d.min((part + 1) * range));
        let mut entries = Vec::new();
        for (i, bends) in bends.chunks_exact(c.max(1)).enumerate() {
            entries.clear();
            match x {
                Features::F64(x) => dense(x, i, &mut entries),
                Features::F32(x) => dense(x, i, &mut entries),
                Features::Csr64(x) => sparse(&x, i, &mut entries),
                Features::Csr32(x) => sparse(&x, i, &mut entries),
                Features::LongCsr64(x) => sparse(&x, i, &mut entries),
                Features::LongCsr32(x) => sparse(&x, i, &mut entries),
            }
            for (j, square) in entries.iter().filter(|(j, _)| (from..to).contains(j)) {
                let to = &mut sums[(j - from) * stride..][..c];
                to.iter_mut().zip(bends).for_each(|(sum, bend)| *sum += square * bend);
            }
        }
    };
    sums.numbers_mut().par_chunks_mut(range * stride.max(1)).enumerate().for_each(part);
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
