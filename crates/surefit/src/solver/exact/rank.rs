//! Which columns depend on others, read off the triangle; and the coefficients, of smallest norm where
//! that leaves a choice.
//!
//! Column `j` of the triangle is what the columns before it leave of column `j`. It counts as dependent when
//! that rest is no larger than what the rounding of the numbers themselves explains: an error of
//! `u·‖xⱼ‖` in the column and, through the relation `xⱼ ≈ Σ tₖ xₖ`, of `u·|tₖ|·‖xₖ‖` in the others. The
//! norms are those before centring, so a column far from zero gets the room that its rounding takes; and
//! whole numbers, which carry no rounding, get none.

use super::{Core, Covariance, Method, Relation, digits_of};
use crate::data::moments::{Standard, scale_by};
use crate::data::{Block, Rows, map_reduce};
use crate::error::{Error, Result};
use crate::num::wide::{DdMat, Triangle, invert_upper, solve_upper};
use crate::num::{Dd, UNIT_ROUNDOFF, dense};
use crate::problem::{Intercept, Problem};
use faer::{Mat, MatRef};

/// Roundings in an entry computed as a·x + b in `f64` and then read as data, with a margin.
const ROUNDINGS: f64 = 4.0;
/// Roundings of the arithmetic, with a margin, that a term of a relation is to be above.
const DUST: f64 = 16.0;
/// A part of a column, at most, that is rounding of its relation.
const SLIGHT: f64 = 1e-9;

/// The triangle split into independent and dependent columns.
pub(super) struct Analysis {
    /// Independent columns.
    pub kept: Vec<usize>,
    /// Dependent columns, each with its coefficients over the independent ones before it (scaled units).
    pub dropped: Vec<(usize, Vec<Dd>)>,
    /// The triangle of the independent columns.
    pub triangle: Triangle,
}

/// What roundings leave uncertain of one column, in scaled units.
struct Doubt {
    /// By the arithmetic of the factorisation.
    arithmetic: Vec<f64>,
    /// By the data's own rounding.
    data: Vec<f64>,
}

impl Doubt {
    fn of(core: &Core, moments: &Standard, problem: &Problem) -> Self {
        let d = moments.shape.columns;
        let size = |j: usize| moments.square(j).sqrt();
        // Rows of a penalty are exact: with one, only the arithmetic can make columns look dependent.
        let penalised = |j: usize| problem.penalty.weight(j) > 0.0;
        let rounding =
            |j: usize| if moments.exact[j] || penalised(j) { 0.0 } else { ROUNDINGS * UNIT_ROUNDOFF };
        Self {
            arithmetic: (0..d).map(|j| core.arithmetic * size(j)).collect(),
            data: (0..d).map(|j| rounding(j) * size(j)).collect(),
        }
    }

    fn total(&self, j: usize) -> f64 {
        self.arithmetic[j] + self.data[j]
    }
}

/// Sorts the columns of the triangle into independent and dependent ones, in their order.
pub(super) fn analyse(core: &Core, moments: &Standard, problem: &Problem) -> Analysis {
    let (d, c) = (moments.shape.columns, moments.shape.outputs);
    let doubt = Doubt::of(core, moments, problem);
    let mut work = core.triangle.factor.clone();
    let mut rest = core.triangle.rest.clone();
    let (mut kept, mut dropped) = (Vec::<usize>::new(), Vec::new());
    for j in 0..d {
        let rank = kept.len();
        let below = work.column(j, rank.min(d), j + 1);
        let left = below.dot(below).sqrt().value();
        let whole = work.column(j, 0, j + 1);
        let norm = whole.dot(whole).sqrt().value();
        if norm <= doubt.total(j) {
            // A constant column: nothing but rounding is left of it.
            dropped.push((j, vec![Dd::ZERO; rank]));
            continue;
        }
        // A rest this large is beyond any rounding; the relation itself need not be solved for.
        let suspicious = left <= 1e-2 * norm || doubt.total(j) > 1e-9 * norm;
        if suspicious {
            let relation = solve_relation(&work, &kept, j);
            let explained = doubt.total(j)
                + kept.iter().zip(&relation).map(|(k, t)| t.value().abs() * doubt.total(*k)).sum::<f64>();
            if left <= explained {
                dropped.push((j, without_dust(&work, &kept, &doubt, j, relation)));
                continue;
            }
        }
        if rank < j {
            reflect(&mut work, rank, j);
        }
        kept.push(j);
    }
    let rank = kept.len();
    let columns = kept.iter().copied().chain(d..d + c).collect::<Vec<_>>();
    let factor = DdMat::from_fn(rank, rank + c, |i, j| work.get(i, columns[j]));
    for (k, rest) in rest.iter_mut().enumerate() {
        let below = work.column(d + k, rank, d);
        *rest += below.dot(below);
    }
    Analysis { kept, dropped, triangle: Triangle { factor, rest } }
}

/// Solves for the coefficients of column `j` over the kept ones.
fn solve_relation(work: &DdMat, kept: &[usize], j: usize) -> Vec<Dd> {
    let rank = kept.len();
    let mut solution = DdMat::from_fn(rank, 1, |i, _| work.get(i, j));
    let factor = DdMat::from_fn(rank, rank, |i, k| work.get(i, kept[k]));
    solve_upper(&factor, rank, &mut solution, 0);
    (0..rank).map(|i| solution.get(i, 0)).collect()
}

/// The relation of column `j` without terms that the arithmetic cannot tell from none: beside a coefficient large enough, of
/// a column in tiny units, the smallest norm would follow them.
fn without_dust(work: &DdMat, kept: &[usize], doubt: &Doubt, j: usize, relation: Vec<Dd>) -> Vec<Dd> {
    let terms = kept.iter().zip(&relation).map(|(k, t)| t.value().abs() * doubt.arithmetic[*k]);
    let dust = DUST * (doubt.arithmetic[j] + terms.sum::<f64>());
    let length = |i: usize, k: usize| {
        let column = work.column(k, 0, i + 1);
        column.dot(column).sqrt().value()
    };
    let part =
        |(i, t): (usize, Dd)| if (t * length(i, kept[i])).abs().value() <= dust { Dd::ZERO } else { t };
    relation.into_iter().enumerate().map(part).collect()
}

/// Reflects rows `rank..=j` of column `j` and all later ones, so that the column ends at row `rank`.
fn reflect(work: &mut DdMat, rank: usize, j: usize) {
    let column = work.column(j, rank, j + 1);
    let square = column.dot(column);
    let head = work.get(rank, j);
    let norm = square.sqrt();
    let beta = if head.hi > 0.0 { -norm } else { norm };
    let first = head - beta;
    let tail = work.column(j, rank + 1, j + 1);
    let scale = Dd::from(-2.0) / (first * first + tail.dot(tail));
    let mut reflector = DdMat::from_fn(j + 1 - rank, 1, |i, _| work.get(rank + i, j));
    reflector.set(0, 0, first);
    let size = j + 1 - rank;
    for k in j..work.columns() {
        let view = work.column(k, rank, j + 1);
        let product = reflector.column(0, 0, size).dot(view) * scale;
        work.column_mut(k, rank, j + 1).add_scaled(product, reflector.column(0, 0, size));
    }
    for i in rank + 1..=j {
        work.set(i, j, Dd::ZERO);
    }
}

impl Analysis {
    /// Columns whose coefficient a move to the smallest norm changes: none where all are independent.
    pub fn moved(&self, columns: usize) -> impl Iterator<Item = usize> {
        0..if self.dropped.is_empty() { 0 } else { columns }
    }

    /// Digits that the rounding of the entries to `f64` leaves the coefficients: first-order propagation of
    /// independent errors of u/√3 · |entry|, through the residuals and through their products.
    pub fn data_digits(&self, moments: &Standard, inverse: &Inverse, scaled: &DdMat) -> f64 {
        let variances = &inverse.variances;
        let (d, c) = (moments.shape.columns, moments.shape.outputs);
        let roundoff = UNIT_ROUNDOFF / 3f64.sqrt();
        let mean_square = |j: usize| moments.square(j) / moments.total_weight;
        let doubt = |j: usize| if moments.exact[j] { 0.0 } else { roundoff * mean_square(j).sqrt() };
        let length = |j: usize| moments.centred_square(j).sqrt();
        // ‖R⁻ᵀ D‖, D the columns' roundings.
        let spread: f64 =
            self.kept.iter().zip(variances).map(|(j, v)| doubt(*j).powi(2) * v).sum::<f64>().sqrt();
        (0..c)
            .map(|k| {
                let entries: f64 = (0..d).map(|j| (doubt(j) * scaled.get(j, k).value()).powi(2)).sum::<f64>();
                let noise = (entries + doubt(d + k).powi(2)).sqrt();
                let residual = self.triangle.rest[k].value().max(0.0).sqrt();
                let error = self
                    .kept
                    .iter()
                    .zip(variances)
                    .map(|(j, v)| v.sqrt() * (noise + spread * residual) * length(*j))
                    .fold(0.0, f64::max);
                let largest =
                    (0..d).map(|j| (scaled.get(j, k).value() * length(j)).abs()).fold(0.0, f64::max);
                if error == 0.0 { digits_of(0.0) } else { digits_of(error / largest) }
            })
            .fold(digits_of(0.0), f64::min)
    }
}

/// What the inverse of the independent columns' triangle tells.
pub(super) struct Inverse {
    /// Diagonal of (RᵀR)⁻¹, in scaled units.
    pub variances: Vec<f64>,
    /// ‖R⁻ᵀ anchor‖²: the columns' share in the intercept's variance.
    leverage: f64,
    /// σ₁/σᵣ of the columns scaled to length 1.
    pub condition: f64,
    /// R⁻¹ with those columns, in `f64`, and their lengths.
    unit: Mat<f64>,
    lengths: Vec<f64>,
}

impl Inverse {
    pub fn of(analysis: &Analysis, core: &Core) -> Self {
        let rank = analysis.kept.len();
        let factor = &analysis.triangle.factor;
        let lengths: Vec<f64> = (0..rank)
            .map(|j| {
                let column = factor.column(j, 0, j + 1);
                column.dot(column).sqrt().value()
            })
            .collect();
        let upper =
            Mat::from_fn(rank, rank, |i, j| if i <= j { factor.get(i, j).value() / lengths[j] } else { 0.0 });
        let anchor: Vec<Dd> = analysis.kept.iter().map(|j| core.anchor[*j]).collect();
        let square = |v: Dd| v * v;
        let (unit, variances, leverage);
        if core.method == Method::Extended {
            let wide = invert_upper(factor, rank);
            unit = Mat::from_fn(rank, rank, |i, j| wide.get(i, j).value() * lengths[i]);
            let row = |j: usize| (j..rank).map(|k| square(wide.get(j, k))).sum::<Dd>().value();
            variances = (0..rank).map(row).collect();
            let column = |k: usize| (0..=k).map(|j| anchor[j] * wide.get(j, k)).sum::<Dd>();
            leverage = (0..rank).map(|k| square(column(k))).sum::<Dd>().value();
        } else {
            unit = dense::invert_upper(upper.as_ref());
            let mut sums = vec![0.0; rank];
            let mut total = 0.0;
            for k in 0..rank {
                let mut along = 0.0;
                for (j, value) in unit.col(k).iter().take(k + 1).enumerate() {
                    sums[j] += value * value;
                    along += value * (anchor[j].hi / lengths[j]);
                }
                total += along * along;
            }
            variances = sums.iter().zip(&lengths).map(|(sum, length)| sum / length / length).collect();
            leverage = total;
        }
        let condition = condition_of(upper.as_ref(), unit.as_ref());
        Self { variances, leverage, condition, unit, lengths }
    }

    /// (RᵀR)⁻¹ times a matrix.
    pub fn normal_solve(&self, mut right: Mat<f64>) -> Mat<f64> {
        let scale = |m: &mut Mat<f64>| {
            for k in 0..m.ncols() {
                self.lengths.iter().enumerate().for_each(|(i, length)| m[(i, k)] /= length);
            }
        };
        scale(&mut right);
        let inner = dense::product(self.unit.as_ref().transpose(), right.as_ref());
        let mut solved = dense::product(self.unit.as_ref(), inner.as_ref());
        scale(&mut solved);
        solved
    }

    /// For standard errors, in the user's units, of what the `relations` of columns that are not among those `kept`
    /// leave alone. A constant column beside an intercept is as good as left out.
    pub fn covariance(
        &self,
        core: &Core,
        moments: &Standard,
        (kept, relations): (&[usize], &[Relation]),
    ) -> Covariance {
        let mut columns = vec![f64::INFINITY; moments.shape.columns];
        for (&j, variance) in kept.iter().zip(&self.variances) {
            columns[j] = scale_by(variance.sqrt(), -moments.exponent[j]);
        }
        let mut moves = false;
        for relation in relations {
            let part = |(k, t): (usize, f64)| t * spread(moments, k);
            let own = spread(moments, relation.column);
            let involved = relation.terms.iter().filter(|term| part(**term).abs() > SLIGHT * own);
            let count = involved.map(|(k, _)| columns[*k] = f64::INFINITY).count();
            let (low, high) = moments.range[relation.column];
            moves |= count > 0 && relation.constant.abs() > SLIGHT * low.abs().max(high.abs());
        }
        let intercept = core.intercept_weight.map(|weight| {
            let variance = (Dd::ONE / weight + Dd::from(self.leverage)).value();
            if moves { f64::INFINITY } else { variance.sqrt() }
        });
        Covariance { columns, intercept }
    }
}

/// √Σ s (x − x̄)² of column `j`.
fn spread(moments: &Standard, j: usize) -> f64 {
    scale_by(moments.centred_square(j).sqrt(), moments.exponent[j])
}

/// σ₁/σₙ of a matrix and its inverse, by power iteration with each.
fn condition_of(matrix: MatRef<'_, f64>, inverse: MatRef<'_, f64>) -> f64 {
    if matrix.nrows() == 0 {
        return 1.0;
    }
    (largest_singular_value(matrix) * largest_singular_value(inverse)).max(1.0)
}

fn largest_singular_value(matrix: MatRef<'_, f64>) -> f64 {
    let n = matrix.ncols();
    // A start without symmetry, so that it is orthogonal to no singular vector of a simple matrix.
    let mut vector = Mat::from_fn(n, 1, |i, _| 1.0 + ((i * 7919) % 101) as f64 / 303.0);
    let mut value = 0.0;
    for _ in 0..60 {
        let image = dense::product(matrix, vector.as_ref());
        let next = image.col(0).norm_l2() / vector.col(0).norm_l2();
        vector = dense::product(matrix.transpose(), image.as_ref());
        let length = vector.col(0).norm_max();
        if length == 0.0 || !length.is_finite() {
            return next;
        }
        vector *= faer::Scale(1.0 / length);
        let settled = (next - value).abs() <= 1e-3 * next;
        value = next;
        if settled {
            break;
        }
    }
    value
}

/// The coefficients of smallest norm in the user's units: the basic ones (d × c, scaled units, zero for
/// dependent columns) moved along the relations.
pub(super) fn shortest(basic: &DdMat, moments: &Standard, analysis: &Analysis) -> DdMat {
    let c = moments.shape.outputs;
    let rank = analysis.kept.len();
    let mut all = basic.clone();
    let moves = analysis.dropped.len();
    if moves == 0 {
        return all;
    }
    // min ‖a − T v‖² + ‖v‖² over the dependent columns' coefficients v, in the user's units up to one
    // power of two an output, which no minimiser feels.
    let unit = |j: usize| -moments.exponent[j];
    let scale =
        |value: Dd, exponent: i32| Dd { hi: scale_by(value.hi, exponent), lo: scale_by(value.lo, exponent) };
    // To all its digits: along a relation rounded to `f64` the fitted values would change.
    let slope = |i: usize, m: usize| -> Dd {
        let (column, over) = &analysis.dropped[m];
        over.get(i).map_or(Dd::ZERO, |t| scale(*t, unit(analysis.kept[i]) - unit(*column)))
    };
    let mut problem = Triangle::new(moves, c);
    problem.absorb(&mut DdMat::from_fn(rank, moves + c, |i, m| {
        if m < moves {
            slope(i, m)
        } else {
            scale(basic.get(analysis.kept[i], m - moves), unit(analysis.kept[i]))
        }
    }));
    problem.absorb(&mut DdMat::from_fn(moves, moves + c, |i, m| if i == m { Dd::ONE } else { Dd::ZERO }));
    let mut along = DdMat::from_fn(moves, c, |i, k| problem.factor.get(i, moves + k));
    for k in 0..c {
        solve_upper(&problem.factor, moves, &mut along, k);
        for (m, (j, _)) in analysis.dropped.iter().enumerate() {
            all.set(*j, k, scale(along.get(m, k), -unit(*j)));
        }
        for (i, j) in analysis.kept.iter().enumerate() {
            let taken: Dd = (0..moves).map(|m| slope(i, m) * along.get(m, k)).sum();
            all.set(*j, k, basic.get(*j, k) - scale(taken, -unit(*j)));
        }
    }
    all
}

/// The relations of the dependent columns in the user's units, as simple numbers where those hold in every
/// row of the data.
pub(super) fn relations(
    rows: &dyn Rows,
    problem: &Problem,
    moments: &Standard,
    core: &Core,
    analysis: &Analysis,
) -> Result<Vec<Relation>> {
    if analysis.dropped.is_empty() {
        return Ok(Vec::new());
    }
    let free = problem.intercept == Intercept::Free;
    let exact: Vec<Relation> = analysis
        .dropped
        .iter()
        .map(|(j, over)| {
            let terms: Vec<(usize, f64)> = analysis
                .kept
                .iter()
                .zip(over)
                .map(|(k, t)| (*k, scale_by(t.value(), moments.exponent[*j] - moments.exponent[*k])))
                .collect();
            let below: Dd = analysis.kept.iter().zip(over).map(|(k, t)| core.anchor[*k] * *t).sum();
            let constant = scale_by((core.anchor[*j] - below).value(), moments.exponent[*j]);
            Relation { column: *j, terms, constant: if free { constant } else { 0.0 } }
        })
        .collect();
    let simple: Vec<Relation> = exact.iter().map(|relation| simplified(relation, moments, free)).collect();
    let holds = match verify(rows, &simple) {
        Err(Error::Interrupted) => vec![false; simple.len()],
        holds => holds?,
    };
    let chosen = exact.into_iter().zip(simple).zip(holds);
    Ok(chosen.map(|((exact, simple), holds)| if holds { simple } else { exact }).collect())
}

/// The relation with each coefficient rounded to the simplest number close to it, and those that
/// contribute nothing left out.
fn simplified(relation: &Relation, moments: &Standard, free: bool) -> Relation {
    let own = spread(moments, relation.column);
    let mut terms = Vec::new();
    for &(k, t) in &relation.terms {
        if (t * spread(moments, k)).abs() > SLIGHT * own {
            terms.push((k, simple_number(t)));
        }
    }
    let below: Dd = terms.iter().map(|(k, t)| Dd::product(moments.mean[*k], *t)).sum();
    let constant = (-below + moments.mean[relation.column]).value();
    let size = terms.iter().map(|(k, t)| (moments.mean[*k] * t).abs()).sum::<f64>()
        + moments.mean[relation.column].abs();
    // A constant within the rounding of the means is none.
    let constant = if constant.abs() <= 1e-14 * size { 0.0 } else { simple_number(constant) };
    Relation { column: relation.column, terms, constant: if free { constant } else { 0.0 } }
}

/// The number with the fewest decimal digits, or else the fraction with the smallest denominator, within
/// a relative 10⁻⁹; the number itself where none is simple.
fn simple_number(value: f64) -> f64 {
    let close = |candidate: f64| (candidate - value).abs() <= 1e-9 * value.abs();
    for digits in 0..6usize {
        let text = format!("{value:.digits$e}");
        if let Ok(rounded) = text.parse::<f64>()
            && close(rounded)
        {
            return rounded;
        }
    }
    for denominator in 1..=100 {
        let denominator = f64::from(denominator);
        let candidate = (value * denominator).round() / denominator;
        if candidate != 0.0 && close(candidate) {
            return candidate;
        }
    }
    value
}

/// Whether each relation holds in every row of weight, to the rounding of its terms.
fn verify(rows: &dyn Rows, relations: &[Relation]) -> Result<Vec<bool>> {
    let mut holds = vec![true; relations.len()];
    let map = |block: Block<'_>| {
        let mut holds = vec![true; relations.len()];
        for i in 0..block.x.nrows() {
            if block.weights.is_some_and(|weights| weights[i] == 0.0) {
                continue;
            }
            let entry = |j: usize| Dd::new(block.x[(i, j)], block.x_low.map_or(0.0, |low| low[(i, j)]));
            for (holds, relation) in holds.iter_mut().zip(relations) {
                let mut sum = Dd::from(relation.constant);
                let mut size = relation.constant.abs() + entry(relation.column).abs().value();
                for &(k, t) in &relation.terms {
                    let term = entry(k) * t;
                    sum += term;
                    size += term.abs().value();
                }
                let error = (sum - entry(relation.column)).abs().value();
                *holds &= error <= ROUNDINGS * UNIT_ROUNDOFF * size;
            }
        }
        holds
    };
    map_reduce(rows, map, |block| holds.iter_mut().zip(block).for_each(|(all, one)| *all &= one))?;
    Ok(holds)
}
