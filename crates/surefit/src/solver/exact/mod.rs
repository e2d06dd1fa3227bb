//! Exact least squares: the coefficients that minimise
//! `(1/2S) Σ sᵢ ‖xᵢW + b − yᵢ‖² + ½ Σ λⱼ ‖Wⱼ‖²`, S = Σ sᵢ, by factoring the data once.
//!
//! Multiplied by 2S this is a plain least-squares problem with the rows √sᵢ·[1 xᵢ] and √(Sλⱼ)·eⱼ. The method
//! follows the accuracy: small problems are factored in double-double arithmetic; larger ones by Cholesky
//! of the centred Gram matrix while its condition leaves digits to spare, by QR of the rows when not, both
//! refined with double-double residuals where the digits ask for it; more columns than rows go to the
//! kernel side. All of them end in the same triangle, which says which columns depend on others.

mod extended;
mod gram;
mod kernel;
mod qr;
mod range;
mod rank;
mod refine;
#[cfg(test)]
mod tests;

use self::kernel::KernelFit;
pub(super) use self::range::ROOM;
pub(crate) use self::range::check_penalty;
use self::rank::{Analysis, Inverse};
use self::refine::Refined;
use super::{Candidate, Stop};
use crate::data::moments::{Extent, Standard, scale_by};
use crate::data::{DataError, Rows, Shape};
use crate::error::{Error, Result};
use crate::num::wide::{DdMat, Triangle, solve_upper};
use crate::num::{Dd, UNIT_ROUNDOFF};
use crate::problem::{Coefficients, Intercept, Problem};
use faer::Mat;

/// How the coefficients were computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Method {
    /// QR in double-double arithmetic: small problems.
    Extended,
    /// Cholesky of the centred, scaled Gram matrix.
    Cholesky,
    /// QR of the rows, block by block.
    Qr,
    /// Cholesky of the rows' inner products: more columns than rows.
    Kernel,
    /// Singular values of the centred rows: more columns than rows, and close to dependent.
    Svd,
}

/// A column that the others determine: column = Σ coefficient · other column + constant.
#[derive(Clone, Debug, PartialEq)]
pub struct Relation {
    /// The dependent column.
    pub column: usize,
    /// Other columns, with their coefficients; empty for a constant column.
    pub terms: Vec<(usize, f64)>,
    /// 0 without an intercept.
    pub constant: f64,
}

/// What standard errors are made of; for λ = 0. Infinite where columns that depend on each other leave a coefficient
/// open.
#[derive(Clone, Debug, PartialEq)]
pub struct Covariance {
    /// d square roots of the diagonal of (XᵀSX)⁻¹, X centred where there is an intercept: times σ, the
    /// standard error. Roots, because the squares leave the range of `f64` before the errors do.
    pub columns: Vec<f64>,
    /// The same of the intercept.
    pub intercept: Option<f64>,
}

/// An exact answer, and what its computation knows of it.
#[derive(Clone, Debug)]
pub struct ExactFit {
    /// The coefficients; of smallest norm ‖W‖ where several are best.
    pub candidate: Candidate,
    /// How they were computed.
    pub method: Method,
    /// Independent columns among the d.
    pub rank: usize,
    /// Condition number of the independent columns, centred and scaled to one length (with the penalty's
    /// rows where there is one).
    pub condition: f64,
    /// Correct decimal digits that the arithmetic leaves the coefficients, relative to the largest in
    /// units of its column's length.
    pub digits: f64,
    /// The same for the rounding of the data to `f64`: columns of whole numbers, and columns that come with
    /// their low parts, are free of it.
    pub data_digits: f64,
    /// d: smallest and largest value of every column, in rows with a weight above 0.
    pub column_ranges: Vec<(f64, f64)>,
    /// Columns that others determine.
    pub relations: Vec<Relation>,
    /// For standard errors.
    pub covariance: Option<Covariance>,
    /// c residual sums of squares, Σ sᵢ (yᵢ − ŷᵢ)².
    pub rss: Vec<f64>,
    /// c residual norms, √rss where that is in range.
    pub residual_norm: Vec<f64>,
    /// c total sums of squares: about the mean where there is an intercept, about 0 where not.
    pub tss: Vec<f64>,
    /// c explained sums of squares, tss − rss without its cancellation; for λ = 0.
    pub explained: Vec<f64>,
    /// Σ sᵢ.
    pub total_weight: f64,
    /// Rows with a weight above 0.
    pub positive_rows: usize,
    /// Fitted numbers an output: the rank, and one for an intercept.
    pub parameters: usize,
}

/// The data reduced to a triangle: all that is left of the rows.
///
/// Columns are in units of 2^exponent, with the intercept eliminated: the triangle is that of the rows
/// `√s (x − anchor)`, the penalty's rows, and whatever an intercept that is not free leaves.
struct Core {
    method: Method,
    triangle: Triangle,
    /// d + c: `b = anchor_y − Σ anchor_x w`; the means where the intercept is free.
    anchor: Vec<Dd>,
    /// Diagonal of the intercept's own row of the whole triangle, squared: S, or S(1 + λ).
    intercept_weight: Option<Dd>,
    /// Relative error of the factorisation's own arithmetic.
    arithmetic: f64,
}

impl Core {
    /// Relative error of the coefficients under a condition number.
    fn error(&self, condition: f64) -> f64 {
        let power = if self.method == Method::Cholesky { 2 } else { 1 };
        (self.arithmetic * condition.powi(power)).min(1.0)
    }
}

/// n (d + c + 1)² up to which the extended arithmetic is fast enough to be the default.
const EXTENDED_COST: f64 = 2e7;

/// The relative error of a Cholesky factorisation beyond which QR is worth its price.
const CHOLESKY_ERROR: f64 = 1e-4;

/// The relative error of coefficients beyond which they are refined.
const REFINE_ABOVE: f64 = 1e-13;

/// Up to so many columns a penalty that dwarfs them calls for the Gram matrix: there its squares stand alone.
const DWARFED_COLUMNS: usize = 4096;

/// A penalty on the intercept above this is left to a method that takes the intercept out first.
const LARGEST_OF_INTERCEPT: f64 = 1e200;

/// Fits the problem exactly. `watch` is asked between walks over the rows whether to go on.
///
/// # Errors
/// When the loss is not the squared one, the rows can no longer be read, none has a weight, the numbers leave
/// the range of `f64`, or `watch` says no.
pub fn solve(rows: &dyn Rows, problem: &Problem, watch: &dyn Fn() -> bool) -> Result<ExactFit> {
    solve_by(rows, problem, watch, None)
}

/// [`solve`] with a method that the caller insists on.
fn solve_by(
    rows: &dyn Rows,
    problem: &Problem,
    watch: &dyn Fn() -> bool,
    method: Option<Method>,
) -> Result<ExactFit> {
    problem.loss.require_squared("the exact solver")?;
    check_penalty(problem, rows.shape().columns, &[])?;
    let mut problem = problem.clone();
    if problem.intercept == Intercept::Penalized && problem.penalty.lambda == 0.0 {
        problem.intercept = Intercept::Free;
    }
    let problem = &problem;
    let insisted = method.is_some();
    let mut method = method.unwrap_or_else(|| choose(rows, problem));
    let mut moments = standard(rows, method)?;
    if !watch() {
        return Err(Error::Interrupted);
    }
    let by_rows = matches!(method, Method::Extended | Method::Qr);
    if by_rows && !insisted && moments.is_dwarfed(problem) && rows.shape().columns <= DWARFED_COLUMNS {
        method = Method::Cholesky;
        moments = standard(rows, method)?;
    }
    let moments = moments.beside(problem);
    match method {
        Method::Kernel | Method::Svd => {
            let fit = kernel::solve(rows, problem, &moments, Some(method), watch)?;
            finish_kernel(problem, &moments, fit)
        }
        Method::Extended => {
            finish(rows, problem, &moments, &extended::factor(rows, problem, &moments)?, watch)
        }
        Method::Cholesky => {
            if let Some(core) = gram::factor(problem, &moments) {
                let analysis = rank::analyse(&core, &moments, problem);
                let inverse = Inverse::of(&analysis, &core);
                if analysis.dropped.is_empty() && core.error(inverse.condition) <= CHOLESKY_ERROR {
                    return finish_with(rows, problem, &moments, &core, (&analysis, &inverse), watch);
                }
            }
            finish(rows, problem, &moments, &qr::factor(rows, problem, &moments)?, watch)
        }
        Method::Qr => finish(rows, problem, &moments, &qr::factor(rows, problem, &moments)?, watch),
    }
}

/// The moments that a method asks for.
fn standard(rows: &dyn Rows, method: Method) -> Result<Standard> {
    let extent = if method == Method::Cholesky { Extent::Products } else { Extent::Squares };
    let moments = Standard::of(rows, extent)?;
    moments.check()?;
    Ok(moments)
}

/// The method by the sizes alone; Cholesky gives way to QR when it sees the condition.
fn choose(rows: &dyn Rows, problem: &Problem) -> Method {
    let Shape { rows: n, columns: d, outputs: c } = rows.shape();
    let (n, p) = (n as f64, (d + c + 1) as f64);
    let penalised = problem.penalty.lambda > 0.0;
    if problem.intercept == Intercept::Penalized && problem.penalty.lambda > LARGEST_OF_INTERCEPT {
        // The column of ones has no unit to be brought near the root of its penalty.
        Method::Qr
    } else if (n + p) * p * p <= EXTENDED_COST {
        Method::Extended
    } else if d <= rows.shape().rows {
        Method::Cholesky
    } else if !penalised {
        Method::Svd
    } else if problem.penalty.is_everywhere() {
        Method::Kernel
    } else {
        Method::Qr
    }
}

/// From the triangle to the answer in the user's units.
fn finish(
    rows: &dyn Rows,
    problem: &Problem,
    moments: &Standard,
    core: &Core,
    watch: &dyn Fn() -> bool,
) -> Result<ExactFit> {
    let analysis = rank::analyse(core, moments, problem);
    let inverse = Inverse::of(&analysis, core);
    finish_with(rows, problem, moments, core, (&analysis, &inverse), watch)
}

/// [`finish`] with the columns already sorted into independent and dependent ones.
fn finish_with(
    rows: &dyn Rows,
    problem: &Problem,
    moments: &Standard,
    core: &Core,
    (analysis, inverse): (&Analysis, &Inverse),
    watch: &dyn Fn() -> bool,
) -> Result<ExactFit> {
    let (d, c) = (moments.shape.columns, moments.shape.outputs);
    let rank = analysis.kept.len();
    let plain = problem.penalty.lambda == 0.0;
    let sums = Sums::of(moments, analysis);
    let mut basic = basic_solution(core, moments, analysis, inverse);
    if core.method != Method::Extended && wants_refinement(&sums, &basic, plain) {
        basic = refined(rows, problem, moments, core, (analysis, inverse), basic, watch)?;
    }
    let relations = rank::relations(rows, problem, moments, core, analysis)?;
    let weights = rank::shortest(&basic.weights, moments, analysis);
    let intercept = (0..c)
        .map(|k| {
            let moved = |j: usize| core.anchor[j] * (weights.get(j, k) - basic.weights.get(j, k));
            basic.intercept[k] - analysis.moved(d).map(moved).sum::<Dd>()
        })
        .collect::<Vec<Dd>>();
    let sums = sums.finish(problem, moments, &weights, basic.rss.as_deref());
    let account = Account {
        method: core.method,
        rank,
        condition: inverse.condition,
        digits: digits_of(basic.error),
        data_digits: analysis.data_digits(moments, inverse, &weights),
    };
    // Where columns are too many for their relations no one knows whom these leave alone.
    let told = relations.len() == d - rank;
    let covariance = (plain && told).then(|| inverse.covariance(core, moments, (&analysis.kept, &relations)));
    let fit = in_user_units(problem, moments, (&weights, &intercept), sums, account)?;
    Ok(ExactFit { relations, covariance, ..fit })
}

/// From the kernel side to the answer in the user's units.
fn finish_kernel(problem: &Problem, moments: &Standard, fit: KernelFit) -> Result<ExactFit> {
    let (d, c) = (moments.shape.columns, moments.shape.outputs);
    let KernelFit { refined, method, rank, condition } = fit;
    let offset = (0..d)
        .filter(|j| !moments.exact[*j] && moments.centred_square(*j) > 0.0)
        .map(|j| (moments.square(j) / moments.centred_square(j)).sqrt())
        .fold(0.0, f64::max);
    let empty = Sums { rest: vec![Dd::ZERO; c], explained: vec![Dd::ZERO; c] };
    // Without a walk that measured them, the squares of an interpolating fit are within rounding of 0.
    let rss = refined.rss.clone().unwrap_or_else(|| vec![0.0; c]);
    let sums = empty.finish(problem, moments, &refined.weights, Some(&rss));
    let account = Account {
        method,
        rank,
        condition,
        digits: digits_of(refined.error),
        data_digits: digits_of(UNIT_ROUNDOFF * condition * offset),
    };
    in_user_units(problem, moments, (&refined.weights, &refined.intercept), sums, account)
}

/// How an answer was found, and what is known of its digits.
#[derive(Clone, Copy)]
struct Account {
    method: Method,
    rank: usize,
    condition: f64,
    digits: f64,
    data_digits: f64,
}

/// The fit of an answer in scaled units; relations and covariance are for those who have them.
fn in_user_units(
    problem: &Problem,
    moments: &Standard,
    (weights, intercept): (&DdMat, &[Dd]),
    mut sums: Squares,
    account: Account,
) -> Result<ExactFit> {
    let Account { method, rank, condition, digits, data_digits } = account;
    let mut candidate = candidate(moments, weights, intercept)?;
    settle_constants(problem, moments, &mut candidate.coefficients, &mut sums);
    Ok(ExactFit {
        candidate,
        method,
        rank,
        condition,
        digits,
        data_digits,
        column_ranges: moments.range[..moments.shape.columns].to_vec(),
        relations: Vec::new(),
        covariance: None,
        rss: sums.rss,
        residual_norm: sums.residual_norm,
        tss: sums.tss,
        explained: sums.explained,
        total_weight: moments.total_weight,
        positive_rows: moments.positive_rows,
        parameters: rank + usize::from(problem.intercept != Intercept::Absent),
    })
}

/// A target that is the same in every row is its own free intercept, whatever the penalty, and nothing is left to
/// explain; the arithmetic may have left some dust.
fn settle_constants(problem: &Problem, moments: &Standard, answer: &mut Coefficients, sums: &mut Squares) {
    if problem.intercept != Intercept::Free {
        return;
    }
    let d = moments.shape.columns;
    let constant = |(k, (low, high)): (usize, &(f64, f64))| (low == high).then_some((k, *low));
    for (k, value) in moments.range[d..].iter().enumerate().filter_map(constant) {
        answer.weights.col_mut(k).fill(0.0);
        answer.intercept[k] = value;
        for squares in [&mut sums.rss, &mut sums.residual_norm, &mut sums.tss, &mut sums.explained] {
            squares[k] = 0.0;
        }
    }
}

/// Coefficients in the user's units.
fn candidate(moments: &Standard, weights: &DdMat, intercept: &[Dd]) -> Result<Candidate> {
    let (d, c) = (moments.shape.columns, moments.shape.outputs);
    let unit = |j: usize, k: usize| moments.exponent[d + k] - moments.exponent[j];
    let weights = Mat::from_fn(d, c, |j, k| scale_by(weights.get(j, k).value(), unit(j, k)));
    let intercept: Vec<f64> =
        intercept.iter().enumerate().map(|(k, b)| scale_by(b.value(), moments.exponent[d + k])).collect();
    let finite = (0..c).all(|k| intercept[k].is_finite() && (0..d).all(|j| weights[(j, k)].is_finite()));
    if !finite {
        return Err(DataError::OutOfRange.into());
    }
    Ok(Candidate { coefficients: Coefficients { weights, intercept }, stop: Stop::Certified, steps: 0 })
}

/// The triangle solved: zeros for dependent columns.
fn basic_solution(core: &Core, moments: &Standard, analysis: &Analysis, inverse: &Inverse) -> Refined {
    let (d, c) = (moments.shape.columns, moments.shape.outputs);
    let rank = analysis.kept.len();
    let mut solved = DdMat::from_fn(rank, c, |i, k| analysis.triangle.factor.get(i, rank + k));
    (0..c).for_each(|k| solve_upper(&analysis.triangle.factor, rank, &mut solved, k));
    let mut weights = DdMat::zeros(d, c);
    for (i, j) in analysis.kept.iter().enumerate() {
        (0..c).for_each(|k| weights.set(*j, k, solved.get(i, k)));
    }
    let intercept = (0..c)
        .map(|k| {
            let below: Dd = analysis.kept.iter().map(|j| core.anchor[*j] * weights.get(*j, k)).sum();
            core.anchor[d + k] - below
        })
        .collect();
    Refined { weights, intercept, rss: None, error: core.error(inverse.condition) }
}

/// Whether the digits ask for a walk with exact residuals: those of the coefficients, or for λ = 0 those of a
/// residual sum of squares far below the total.
fn wants_refinement(sums: &Sums, basic: &Refined, plain: bool) -> bool {
    let cancels = sums.rest.iter().zip(&sums.explained).any(|(rest, all)| rest.hi < 1e-2 * all.hi);
    basic.error > REFINE_ABOVE || (plain && cancels)
}

/// [`refine::refine`] through the triangle.
fn refined(
    rows: &dyn Rows,
    problem: &Problem,
    moments: &Standard,
    core: &Core,
    (analysis, inverse): (&Analysis, &Inverse),
    basic: Refined,
    watch: &dyn Fn() -> bool,
) -> Result<Refined> {
    let (d, c) = (moments.shape.columns, moments.shape.outputs);
    let solve = |gradient: &Mat<f64>| {
        let kept = Mat::from_fn(analysis.kept.len(), c, |i, k| gradient[(analysis.kept[i], k)]);
        let change = inverse.normal_solve(kept);
        let mut all = Mat::zeros(d, c);
        for (i, j) in analysis.kept.iter().enumerate() {
            (0..c).for_each(|k| all[(*j, k)] = change[(i, k)]);
        }
        all
    };
    let correction = refine::Correction {
        solve: &solve,
        anchor: &core.anchor,
        intercept_weight: core.intercept_weight,
        rate: core.error(inverse.condition),
    };
    refine::refine(rows, problem, moments, &correction, basic, watch)
}

/// Sums of squares in scaled units, as the triangle gives them.
struct Sums {
    /// c: beyond the triangle.
    rest: Vec<Dd>,
    /// c: in its right-hand side.
    explained: Vec<Dd>,
}

/// Sums of squares in the user's units.
#[derive(Default)]
struct Squares {
    rss: Vec<f64>,
    residual_norm: Vec<f64>,
    tss: Vec<f64>,
    explained: Vec<f64>,
}

impl Sums {
    fn of(moments: &Standard, analysis: &Analysis) -> Self {
        let rank = analysis.kept.len();
        let explained = (0..moments.shape.outputs)
            .map(|k| {
                let right = analysis.triangle.factor.column(rank + k, 0, rank);
                right.dot(right)
            })
            .collect();
        Self { rest: analysis.triangle.rest.clone(), explained }
    }

    /// Takes the penalty's share out, and what a walk measured in.
    fn finish(
        &self,
        problem: &Problem,
        moments: &Standard,
        weights: &DdMat,
        measured: Option<&[f64]>,
    ) -> Squares {
        let (d, c) = (moments.shape.columns, moments.shape.outputs);
        let plain = problem.penalty.lambda == 0.0;
        let mut squares = Squares::default();
        for k in 0..c {
            let penalty: f64 = (0..d)
                .map(|j| (penalty_root(problem, moments, j).value() * weights.get(j, k).value()).powi(2))
                .sum();
            let total = match problem.intercept {
                Intercept::Absent => moments.square(d + k),
                Intercept::Free | Intercept::Penalized => moments.centred_square(d + k),
            };
            let (rest, explained) = (self.rest[k], self.explained[k]);
            let rss = measured.map_or((rest.value() - penalty).max(0.0), |measured| measured[k]);
            let (tss, explained) = match measured {
                None if plain => ((explained + rest).value(), explained.value()),
                // Whichever of the two has no cancellation.
                Some(_) if plain && rss > 0.5 * total => (total, explained.value()),
                _ => (total, (total - rss).max(0.0)),
            };
            let unit =
                |value: f64| scale_by(scale_by(value, moments.exponent[d + k]), moments.exponent[d + k]);
            squares.rss.push(unit(rss));
            squares.residual_norm.push(scale_by(rss.sqrt(), moments.exponent[d + k]));
            squares.tss.push(unit(tss));
            squares.explained.push(unit(explained));
        }
        squares
    }
}

/// √(Sλⱼ) in scaled units: the entry of the row that stands for the penalty of column `j`.
fn penalty_root(problem: &Problem, moments: &Standard, j: usize) -> Dd {
    let root = total_root(moments.total_weight, problem.penalty.weight(j));
    Dd { hi: scale_by(root.hi, -moments.exponent[j]), lo: scale_by(root.lo, -moments.exponent[j]) }
}

/// √(Sλ), also where Sλ is beyond the range of `f64`.
pub(super) fn total_root(total_weight: f64, lambda: f64) -> Dd {
    if (total_weight * lambda).is_finite() {
        (Dd::from(total_weight) * lambda).sqrt()
    } else {
        Dd::from(total_weight).sqrt() * Dd::from(lambda).sqrt()
    }
}

/// Correct decimal digits under a relative error; at most what `f64` holds.
fn digits_of(relative_error: f64) -> f64 {
    (-relative_error.max(UNIT_ROUNDOFF).log10()).max(0.0)
}
