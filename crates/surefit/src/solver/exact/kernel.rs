//! More columns than rows: the solution lies in the span of the rows, so the n × n matrix of their inner
//! products is factored, `(AAᵀ + μI) α = t`, `w = Aᵀα`; or the singular values of A where that matrix is close
//! to singular or there is no penalty, which gives the coefficients of smallest norm.
//!
//! A holds the centred rows `√s (x − x̄)`, divided by the roots of the columns' penalty factors and by one
//! power of two for all, and the row that an intercept which is not free leaves.

use super::gram::Elimination;
use super::refine::{Correction, Refined, refine};
use super::{Method, total_root};
use crate::data::moments::{Standard, scale_by};
use crate::data::{DataError, Rows};
use crate::error::{Error, Result};
use crate::num::wide::DdMat;
use crate::num::{Dd, UNIT_ROUNDOFF, dense};
use crate::problem::Problem;
use faer::{Mat, MatRef};

/// An answer from the kernel side.
pub(super) struct KernelFit {
    pub refined: Refined,
    pub method: Method,
    /// Singular values above the rounding of the rows.
    pub rank: usize,
    pub condition: f64,
}

/// The rows, and how to go back.
struct Sides {
    /// Rows × d.
    a: Mat<f64>,
    /// Rows × c.
    t: Mat<f64>,
    /// d: w in scaled units = v · back.
    back: Vec<f64>,
    /// μ, the penalty on v.
    penalty: f64,
}

impl Sides {
    fn gather(rows: &dyn Rows, problem: &Problem, moments: &Standard) -> Result<Self> {
        let (d, c) = (moments.shape.columns, moments.shape.outputs);
        let elimination = Elimination::of(problem, moments.total_weight);
        let common = moments.exponent[..d].iter().copied().max().unwrap_or(0);
        let factor = |j: usize| problem.penalty.factors.as_ref().map_or(1.0, |factors| factors[j]);
        // Scaled columns are x·2^−e; those of A are x·2^−common/√factor.
        let back: Vec<f64> =
            (0..d).map(|j| scale_by(1.0, moments.exponent[j] - common) / factor(j).sqrt()).collect();
        let extra = usize::from(elimination.row_weight > 0.0);
        let (mut a, mut t) =
            (Mat::zeros(moments.shape.rows + extra, d), Mat::zeros(moments.shape.rows + extra, c));
        for block in rows.blocks() {
            let block = block?;
            let block = block.view();
            let centred = moments.centred_rows(block);
            for i in 0..centred.nrows() {
                (0..d).for_each(|j| a[(block.first + i, j)] = centred[(i, j)] * back[j]);
                (0..c).for_each(|k| t[(block.first + i, k)] = centred[(i, d + k)]);
            }
        }
        if extra == 1 {
            let root = elimination.row_weight.sqrt();
            let mean = |j: usize| root * scale_by(moments.mean[j], -moments.exponent[j]);
            (0..d).for_each(|j| a[(moments.shape.rows, j)] = mean(j) * back[j]);
            (0..c).for_each(|k| t[(moments.shape.rows, k)] = mean(d + k));
        }
        let root = scale_by(total_root(moments.total_weight, problem.penalty.lambda).value(), -common);
        Ok(Self { a, t, back, penalty: root * root })
    }
}

/// Solves on the kernel side; the penalty is 0, or above 0 for every column.
pub(super) fn solve(
    rows: &dyn Rows,
    problem: &Problem,
    moments: &Standard,
    method: Option<Method>,
    watch: &dyn Fn() -> bool,
) -> Result<KernelFit> {
    let sides = Sides::gather(rows, problem, moments)?;
    if !watch() {
        return Err(Error::Interrupted);
    }
    if sides.penalty > 0.0
        && method != Some(Method::Svd)
        && let Some(fit) = by_cholesky(rows, problem, moments, &sides, watch)?
    {
        return Ok(fit);
    }
    by_singular_values(rows, problem, moments, &sides, watch)
}

fn by_cholesky(
    rows: &dyn Rows,
    problem: &Problem,
    moments: &Standard,
    sides: &Sides,
    watch: &dyn Fn() -> bool,
) -> Result<Option<KernelFit>> {
    let a = sides.a.as_ref();
    let n = a.nrows();
    let mut kernel = dense::product(a, a.transpose());
    let largest = (0..n).map(|i| kernel[(i, i)]).sum::<f64>();
    (0..n).for_each(|i| kernel[(i, i)] += sides.penalty);
    let squared = (largest + sides.penalty) / sides.penalty;
    if squared * UNIT_ROUNDOFF > 1e-9 || !dense::cholesky(kernel.as_mut()) {
        return Ok(None);
    }
    let apply = |right: &Mat<f64>| {
        let mut alpha = right.clone();
        dense::solve_lower(kernel.as_ref(), alpha.as_mut());
        dense::solve_upper(kernel.as_ref().transpose(), alpha.as_mut());
        alpha
    };
    let start = dense::product(a.transpose(), apply(&sides.t).as_ref());
    // (AᵀA + μI)⁻¹ g = (g − Aᵀ(AAᵀ + μI)⁻¹A g) / μ.
    let inverse = |g: &Mat<f64>| {
        let inner = apply(&dense::product(a, g.as_ref()));
        let mut rest = g.clone();
        dense::add_product(rest.as_mut(), -1.0, a.transpose(), inner.as_ref());
        rest * faer::Scale(1.0 / sides.penalty)
    };
    let rate = (8.0 * UNIT_ROUNDOFF * squared).min(1.0);
    let refined = finish(rows, problem, moments, sides, start.as_ref(), &inverse, rate, watch)?;
    let rank = full_rank(problem, moments);
    Ok(Some(KernelFit { refined, method: Method::Kernel, rank, condition: squared.sqrt() }))
}

/// The rank that n rows can have.
fn full_rank(problem: &Problem, moments: &Standard) -> usize {
    let free = usize::from(problem.intercept == crate::problem::Intercept::Free);
    (moments.positive_rows - free).min(moments.shape.columns)
}

fn by_singular_values(
    rows: &dyn Rows,
    problem: &Problem,
    moments: &Standard,
    sides: &Sides,
    watch: &dyn Fn() -> bool,
) -> Result<KernelFit> {
    let a = sides.a.as_ref();
    let svd = dense::thin_svd(a).ok_or(DataError::OutOfRange)?;
    let (u, values, v) = svd;
    let top = values.first().copied().unwrap_or(0.0);
    // Rounding of the entries, before centring, and of the decomposition.
    let sizes: f64 = (0..moments.shape.columns)
        .map(|j| moments.square(j) * sides.back[j] * sides.back[j])
        .sum::<f64>()
        .sqrt();
    let least = UNIT_ROUNDOFF * (a.nrows().max(a.ncols()) as f64 * top + 4.0 * sizes);
    let rank = values.iter().filter(|value| **value > least).count();
    let (u, v) = (u.as_ref().subcols(0, rank), v.as_ref().subcols(0, rank));
    let scaled = |right: Mat<f64>, by: &dyn Fn(f64) -> f64| {
        Mat::from_fn(right.nrows(), right.ncols(), |i, k| right[(i, k)] * by(values[i]))
    };
    let coordinates = dense::product(u.transpose(), sides.t.as_ref());
    let start = dense::product(v, scaled(coordinates, &|s| s / (s * s + sides.penalty)).as_ref());
    let inverse = |g: &Mat<f64>| {
        let along = dense::product(v.transpose(), g.as_ref());
        let mut change = Mat::zeros(g.nrows(), g.ncols());
        if sides.penalty > 0.0 {
            // What is orthogonal to the rows meets the penalty alone.
            let mut beyond = g.clone();
            dense::add_product(beyond.as_mut(), -1.0, v, along.as_ref());
            change += beyond * faer::Scale(1.0 / sides.penalty);
        }
        let inner = scaled(along, &|s| 1.0 / (s * s + sides.penalty));
        dense::add_product(change.as_mut(), 1.0, v, inner.as_ref());
        change
    };
    let bottom = values[..rank].last().copied().unwrap_or(1.0);
    let condition = ((top * top + sides.penalty) / (bottom * bottom + sides.penalty)).sqrt().max(1.0);
    let rate = (8.0 * UNIT_ROUNDOFF * condition * condition).min(1.0);
    let refined = finish(rows, problem, moments, sides, start.as_ref(), &inverse, rate, watch)?;
    Ok(KernelFit { refined, method: Method::Svd, rank, condition })
}

/// Back to scaled units, and refined.
#[allow(clippy::too_many_arguments)]
fn finish(
    rows: &dyn Rows,
    problem: &Problem,
    moments: &Standard,
    sides: &Sides,
    start: MatRef<'_, f64>,
    inverse: &dyn Fn(&Mat<f64>) -> Mat<f64>,
    rate: f64,
    watch: &dyn Fn() -> bool,
) -> Result<Refined> {
    let (d, c) = (moments.shape.columns, moments.shape.outputs);
    let elimination = Elimination::of(problem, moments.total_weight);
    let anchor = elimination.anchor(moments);
    let weights = DdMat::from_fn(d, c, |j, k| Dd::from(start[(j, k)] * sides.back[j]));
    let intercept =
        (0..c).map(|k| anchor[d + k] - (0..d).map(|j| anchor[j] * weights.get(j, k)).sum::<Dd>()).collect();
    let first = Refined { weights, intercept, rss: None, error: rate.max(UNIT_ROUNDOFF) };
    let solve = |g: &Mat<f64>| {
        let rotated = Mat::from_fn(d, c, |j, k| g[(j, k)] * sides.back[j]);
        let change = inverse(&rotated);
        Mat::from_fn(d, c, |j, k| change[(j, k)] * sides.back[j])
    };
    let correction = Correction {
        solve: &solve,
        anchor: &anchor,
        intercept_weight: elimination.intercept_weight.map(Dd::from),
        rate,
    };
    if rate >= 1e-3 {
        return Ok(first);
    }
    refine(rows, problem, moments, &correction, first, watch)
}
