//! The exact gap where some columns are almost, or altogether, determined by others.
//!
//! The second moments in `f64` say which columns these are, not what is left of them: a remainder of
//! less than about 10⁻⁷ of a column drowns in the rounding of the squares. So each of them is replaced by its
//! remainder `r = x − Σ vₗxₗ` beside the columns that explain it. That is a change of variables with a
//! unit triangular matrix C, known exactly whatever the v are, and `gᵀA⁻¹g = (Cᵀg)ᵀ(CᵀAC)⁻¹(Cᵀg)`. One walk
//! computes the remainders row by row with compensated sums (Dot2, as the residuals), and their products: no
//! digit of them is lost, however short they are. Then `CᵀAC`, scaled to a unit diagonal, is as good as the
//! moments of any well-conditioned design, and the bound of `gram` applies to it. Where a remainder is still
//! explained by others, because v was too coarse, it is reduced again and a further walk follows.
//!
//! **Rank.** A remainder no longer than what rounding the entries to `f64` does to it, `2u(‖xⱼ‖ + Σ|vₗ|‖xₗ‖)`,
//! is none: the column depends on others as far as the data can tell; it is left out and counted.
//!
//! **Rounding.** A remainder is off by at most `ρ = 2(d + 2)²u²(‖xⱼ‖ + Σ|vₗ|‖xₗ‖)`, which `ρ/‖r‖` adds to the relative
//! error of its products.

use super::gram::{self, Factor};
use super::squared::{Bound, System};
use super::walk::{Columns, Sums, power_of_two};
use super::{Method, Shape};
use crate::data::{Block, Rows, map_reduce};
use crate::error::Result;
use crate::num::simd::vectorised;
use crate::num::{Dd, UNIT_ROUNDOFF};
use crate::problem::{Coefficients, Intercept};
use faer::linalg::matmul::matmul;
use faer::{Accum, Mat, Par};

/// The squared share of a column, beside those taken before it, below which its remainder is computed from the rows.
const SMALL_SHARE: f64 = 1e-6;
/// Walks at most; beyond them the columns are left to the finer method.
const WALKS: usize = 5;
/// Rows whose numbers stay in the second-level cache.
const TILE: usize = 128;
/// First relations are rounded to multiples of this, so that simple ones leave an exact remainder.
const GRID: f64 = 1.0 / 68_719_476_736.0;
/// A remainder's mean of so many of its deviations spoils its moments.
const OFFSET: f64 = 4.0;

/// `½ gᵀ(H + Λ)⁻¹g` over columns and remainders, or `None` where they cannot tell.
pub(super) fn bound(
    system: &System,
    sums: &Sums,
    rows: &dyn Rows,
    answer: &Coefficients,
) -> Result<Option<Bound>> {
    let plain = system.intercept != Intercept::Penalized && system.unit.iter().all(|unit| *unit == 1.0);
    let (Some(gram), Some(live)) = (sums.gram.as_ref(), gram::live_columns(system, sums)) else {
        return Ok(None);
    };
    if sums.has_low || !plain {
        return Ok(None);
    }
    let Some(mut basis) = Basis::of(system, sums, gram, &live) else { return Ok(None) };
    for _ in 0..WALKS {
        let found = Products::of(rows, system, sums, answer, &basis)?;
        match basis.judge(system, sums, gram, &found) {
            Judgement::Sound => return Ok(basis.bound(system, sums, gram, answer, &found)),
            Judgement::Reduced(next) => basis = next,
            Judgement::Hopeless => return Ok(None),
        }
    }
    Ok(None)
}

/// Columns and remainders that span the live columns.
struct Basis {
    /// Columns taken as they are.
    kept: Vec<usize>,
    /// Each a combination of the d columns, 1 at its own.
    remainders: Vec<Remainder>,
    /// Columns left out: constant, or dependent.
    dropped: usize,
}

#[derive(Clone)]
struct Remainder {
    /// d entries.
    combination: Vec<f64>,
    /// What makes its mean 0 where the intercept is free.
    offset: Dd,
    /// The root mean square of the absolute terms of a row at most.
    terms: f64,
}

impl Remainder {
    fn of(combination: Vec<f64>, system: &System, sums: &Sums) -> Self {
        let mean = |(factor, mean): (&f64, &Dd)| *mean * *factor;
        let offset = combination.iter().zip(&sums.mean_x).map(mean).sum::<Dd>();
        let size =
            |(j, factor): (usize, &f64)| factor.abs() * system.variance[j].sqrt().hypot(system.mean[j]);
        let terms: f64 = combination.iter().enumerate().map(size).sum();
        let offset = if system.centred { -offset } else { Dd::ZERO };
        Self { terms: terms + offset.value().abs(), combination, offset }
    }

    /// ρ.
    fn error(&self) -> f64 {
        2.0 * ((self.combination.len() + 3) as f64 * UNIT_ROUNDOFF).powi(2) * self.terms
    }

    /// The length up to which it is rounding of the data; none where a penalty tells it from nothing.
    fn negligible(&self, system: &System) -> f64 {
        if self.penalty(self, system) == 0.0 { 2.0 * UNIT_ROUNDOFF * self.terms } else { 0.0 }
    }

    /// Λ between this direction and another.
    fn penalty(&self, other: &Self, system: &System) -> f64 {
        let pairs = self.combination.iter().zip(&other.combination).zip(&system.lambda);
        pairs.map(|((a, b), lambda)| a * b * lambda).sum()
    }
}

/// What is to be done with a basis.
enum Judgement {
    /// Nothing: it is well-conditioned.
    Sound,
    /// Walk again with this one.
    Reduced(Basis),
    /// Give up.
    Hopeless,
}

impl Basis {
    /// The split that the second moments show; `None` where they show none.
    fn of(system: &System, sums: &Sums, gram: &Mat<f64>, live: &[usize]) -> Option<Self> {
        let entry = |i: usize, j: usize| gram::moment(system, sums, gram, live[i], live[j]);
        let pivots = Pivots::of(live.len(), 0, &entry)?;
        if pivots.rest.is_empty() {
            return None;
        }
        let d = system.unit.len();
        let remainder = |&s: &usize| {
            let mut combination = vec![0.0; d];
            combination[live[s]] = 1.0;
            for (&l, slope) in pivots.order.iter().zip(pivots.relation(s)) {
                let grid = GRID * power_of_two(pivots.scale[s] / pivots.scale[l]);
                combination[live[l]] = -(slope / grid).round_ties_even() * grid;
            }
            Remainder::of(combination, system, sums)
        };
        Some(Self {
            kept: pivots.order.iter().map(|&l| live[l]).collect(),
            remainders: pivots.rest.iter().map(remainder).collect(),
            dropped: system.size - live.len(),
        })
    }

    /// An entry of `CᵀAC`: columns first, then remainders.
    fn entry(
        &self,
        system: &System,
        sums: &Sums,
        gram: &Mat<f64>,
        found: &Products,
        i: usize,
        j: usize,
    ) -> f64 {
        let (i, j) = (i.min(j), i.max(j));
        let (kept, total) = (self.kept.len(), sums.total());
        if j < kept {
            return gram::moment(system, sums, gram, self.kept[i], self.kept[j]);
        }
        let second = &self.remainders[j - kept];
        if i < kept {
            let column = self.kept[i];
            found.cross[(column, j - kept)] / total + system.lambda[column] * second.combination[column]
        } else {
            let mean = |k: usize| if system.centred { found.sums[k] / total } else { 0.0 };
            found.own[(i - kept, j - kept)] / total - mean(i - kept) * mean(j - kept)
                + self.remainders[i - kept].penalty(second, system)
        }
    }

    /// Drops remainders that are rounding, and reduces those that others still explain.
    fn judge(&self, system: &System, sums: &Sums, gram: &Mat<f64>, found: &Products) -> Judgement {
        let (kept, total) = (self.kept.len(), sums.total());
        let size = |k: usize| (found.own[(k, k)] / total).sqrt();
        let live: Vec<usize> =
            (0..self.remainders.len()).filter(|&k| size(k) > self.remainders[k].negligible(system)).collect();
        let place = |i: usize| if i < kept { i } else { kept + live[i - kept] };
        let entry = |i: usize, j: usize| self.entry(system, sums, gram, found, place(i), place(j));
        let Some(pivots) = Pivots::of(kept + live.len(), kept, &entry) else { return Judgement::Hopeless };
        let mut remainders: Vec<Remainder> = Vec::with_capacity(live.len());
        let mut sound = live.len() == self.remainders.len();
        for (at, &k) in live.iter().enumerate() {
            let own = &self.remainders[k];
            let mean = if system.centred { (found.sums[k] / total).abs() } else { 0.0 };
            if pivots.rest.contains(&(kept + at)) {
                sound = false;
                remainders.push(self.reduced(own, &live, &pivots.relation(kept + at), &pivots, system, sums));
            } else if pivots.share[kept + at].sqrt() * size(k) <= own.negligible(system) {
                // Without what the others explain of it, it is no longer than rounding either.
                sound = false;
            } else if mean * mean > OFFSET * OFFSET * (size(k).powi(2) - mean * mean) {
                sound = false;
                let offset = own.offset - Dd::from(found.sums[k] / total);
                remainders.push(Remainder { offset, ..own.clone() });
            } else {
                remainders.push(own.clone());
            }
        }
        if sound {
            return Judgement::Sound;
        }
        let dropped = self.dropped + self.remainders.len() - remainders.len();
        Judgement::Reduced(Self { kept: self.kept.clone(), remainders, dropped })
    }

    /// A remainder without what columns and other remainders explain of it.
    fn reduced(
        &self,
        own: &Remainder,
        live: &[usize],
        slopes: &[f64],
        pivots: &Pivots,
        system: &System,
        sums: &Sums,
    ) -> Remainder {
        let mut combination = own.combination.clone();
        for (&l, slope) in pivots.order.iter().zip(slopes) {
            match l.checked_sub(self.kept.len()) {
                None => combination[self.kept[l]] -= slope,
                Some(other) => {
                    let other = &self.remainders[live[other]].combination;
                    combination.iter_mut().zip(other).for_each(|(to, from)| *to -= slope * from);
                }
            }
        }
        Remainder::of(combination, system, sums)
    }

    /// The bound of a sound basis.
    fn bound(
        &self,
        system: &System,
        sums: &Sums,
        gram: &Mat<f64>,
        answer: &Coefficients,
        found: &Products,
    ) -> Option<Bound> {
        let kept = self.kept.len();
        let entry = |i: usize, j: usize| self.entry(system, sums, gram, found, i, j);
        let doubt =
            |(k, remainder): (usize, &Remainder)| remainder.error() / entry(kept + k, kept + k).sqrt();
        let inexact = self.remainders.iter().enumerate().map(doubt).fold(0.0, f64::max);
        // Twice for a mean that is only almost 0.
        let penalty = (system.lambda.len() + 4) as f64 * UNIT_ROUNDOFF;
        let roundoff = 2.0 * system.roundoff + inexact + penalty;
        let factor = Factor::of(kept + self.remainders.len(), &entry, roundoff)?;
        let (mut gaps, mut nominal) = (Vec::new(), 0.0);
        for k in 0..system.offset.len() {
            let mut gradient: Vec<f64> = self.kept.iter().map(|&j| system.gradient[(j, k)]).collect();
            let mut errors: Vec<f64> = self.kept.iter().map(|&j| system.error[(j, k)]).collect();
            for (at, remainder) in self.remainders.iter().enumerate() {
                let (value, error) = Self::slope(system, sums, answer, found, (at, remainder), k);
                gradient.push(value);
                errors.push(error);
            }
            let (exact, upper) = factor.half_form(&gradient, &errors);
            nominal += system.offset[k] + exact;
            gaps.push(system.offset[k] + upper);
        }
        let shape = if self.dropped == 0 { self.shape(system, &factor) } else { Shape::default() };
        // A penalty pulls along a direction that the data leave free, so that one may not be left out.
        let pulled = self.dropped > 0 && system.lambda.iter().any(|lambda| *lambda > 0.0);
        let usable = !pulled && gaps.iter().all(|gap| gap.is_finite());
        usable.then_some(Bound { method: Method::Remainders, gaps, nominal, dependent: self.dropped, shape })
    }

    /// The derivative of the objective of output `k` along a remainder, and a bound on its error.
    fn slope(
        system: &System,
        sums: &Sums,
        answer: &Coefficients,
        found: &Products,
        (at, remainder): (usize, &Remainder),
        k: usize,
    ) -> (f64, f64) {
        let total = sums.total();
        let (mut pull, mut pulls) = (0.0, 0.0);
        for (j, factor) in remainder.combination.iter().enumerate() {
            let term = system.lambda[j] * factor * answer.weights[(j, k)];
            pull += term;
            pulls += term.abs();
        }
        let size = (found.own[(at, at)] / total).sqrt();
        let whole = (sums.square_e[k].value() / total).sqrt().hypot(sums.mean_e[k].value());
        let value = found.right[(at, k)] / total;
        let error = size * (2.0 * system.roundoff * whole + system.residual_error[k])
            + remainder.error() * whole
            + (remainder.combination.len() + 4) as f64 * UNIT_ROUNDOFF * pulls
            + 4.0 * UNIT_ROUNDOFF * value.abs();
        (value + pull, error)
    }

    /// The diagonal of `A⁻¹ = C(CᵀAC)⁻¹Cᵀ`.
    fn shape(&self, system: &System, factor: &Factor) -> Shape {
        let (d, kept, p) = (system.unit.len(), self.kept.len(), factor.scale.len());
        let slack = 1.0 / (1.0 - factor.theta);
        let form = |direction: &dyn Fn(usize) -> f64| -> f64 {
            let (mut sum, mut size) = (vec![0.0; p], vec![0.0; p]);
            for at in 0..p {
                let value = direction(at) / factor.scale[at];
                if value != 0.0 {
                    for (i, entry) in factor.inverse.col_as_slice(at).iter().enumerate().skip(at) {
                        sum[i] += entry * value;
                        size[i] += (entry * value).abs();
                    }
                }
            }
            let rounding = (p + 4) as f64 * UNIT_ROUNDOFF;
            let squares = sum.iter().zip(&size).map(|(s, size)| (s.abs() + rounding * size).powi(2));
            slack * squares.sum::<f64>()
        };
        let along = |j: usize, at: usize| match at.checked_sub(kept) {
            None => f64::from(u8::from(self.kept[at] == j)),
            Some(k) => self.remainders[k].combination[j],
        };
        let inverse: Vec<f64> = (0..d).map(|j| form(&|at| along(j, at))).collect();
        let mean = |at: usize| match at.checked_sub(kept) {
            None => system.mean[self.kept[at]],
            Some(k) => self.remainders[k].offset.value(),
        };
        Shape {
            inverse_norm: Some(inverse.iter().sum()),
            inverse: Some(inverse),
            inverse_intercept: Some(if system.centred { 1.0 + form(&mean) } else { 0.0 }),
        }
    }
}

/// A Cholesky factorisation that stops where only small shares of the columns are left.
struct Pivots {
    /// Which column became which pivot.
    order: Vec<usize>,
    /// The others.
    rest: Vec<usize>,
    /// Lengths of the columns.
    scale: Vec<f64>,
    /// What was left of each column, squared, when it became a pivot.
    share: Vec<f64>,
    /// p rows, the columns of L in the order of the pivots.
    lower: Vec<Vec<f64>>,
}

impl Pivots {
    /// Of a symmetric matrix of size p; the `first` columns are taken in their order. `None` where a column has no length.
    fn of(p: usize, first: usize, entry: &dyn Fn(usize, usize) -> f64) -> Option<Self> {
        let scale: Vec<f64> = (0..p).map(|j| entry(j, j).sqrt()).collect();
        if !scale.iter().all(|scale| scale.is_finite() && *scale > 0.0) {
            return None;
        }
        let mut left = vec![1.0; p];
        let (order, lower) = (Vec::new(), Vec::new());
        let mut pivots = Self { order, rest: (0..p).collect(), scale, share: vec![0.0; p], lower };
        while let Some((at, share)) = pivots.next(first, &left) {
            if share <= SMALL_SHARE && pivots.order.len() >= first {
                break;
            }
            let j = pivots.rest.remove(at);
            pivots.share[j] = share.max(0.0);
            let root = share.max(SMALL_SHARE).sqrt();
            let mut column: Vec<f64> =
                (0..p).map(|i| entry(i, j) / pivots.scale[i] / pivots.scale[j]).collect();
            for other in &pivots.lower {
                let factor = other[j];
                column.iter_mut().zip(other).for_each(|(to, from)| *to -= factor * from);
            }
            for entry in &mut column {
                *entry /= root;
            }
            pivots.order.iter().for_each(|&done| column[done] = 0.0);
            left.iter_mut().zip(&column).for_each(|(left, entry)| *left -= entry * entry);
            pivots.order.push(j);
            pivots.lower.push(column);
        }
        Some(pivots)
    }

    /// Where among the rest the next pivot is, and what is left of it.
    fn next(&self, first: usize, left: &[f64]) -> Option<(usize, f64)> {
        if self.order.len() < first {
            return self.rest.first().map(|&j| (0, left[j]));
        }
        let all = self.rest.iter().enumerate().map(|(at, &j)| (at, left[j]));
        all.reduce(|best, next| if next.1 > best.1 { next } else { best })
    }

    /// The coefficients of column `s` over the pivots, in the columns' own units.
    fn relation(&self, s: usize) -> Vec<f64> {
        let mut slopes: Vec<f64> = self.lower.iter().map(|column| column[s]).collect();
        for b in (0..slopes.len()).rev() {
            let pivot = self.order[b];
            slopes[b] /= self.lower[b][pivot];
            for a in 0..b {
                slopes[a] -= slopes[b] * self.lower[a][pivot];
            }
        }
        slopes.iter_mut().zip(&self.order).for_each(|(slope, &l)| *slope *= self.scale[s] / self.scale[l]);
        slopes
    }
}

/// Sums of products of the m remainders.
struct Products {
    /// d × m: with the columns about their means.
    cross: Mat<f64>,
    /// m × m.
    own: Mat<f64>,
    /// m × c: with the residuals.
    right: Mat<f64>,
    /// m.
    sums: Vec<f64>,
}

impl Products {
    fn zero(d: usize, m: usize, c: usize) -> Self {
        Self { cross: Mat::zeros(d, m), own: Mat::zeros(m, m), right: Mat::zeros(m, c), sums: vec![0.0; m] }
    }

    /// One walk; none without remainders.
    fn of(
        rows: &dyn Rows,
        system: &System,
        sums: &Sums,
        answer: &Coefficients,
        basis: &Basis,
    ) -> Result<Self> {
        let (d, c, m) = (system.unit.len(), answer.intercept.len(), basis.remainders.len());
        let mut total = Self::zero(d, m, c);
        if m == 0 {
            return Ok(total);
        }
        let entry = |j: usize, k: usize| {
            if k < c { answer.weights[(j, k)] } else { basis.remainders[k - c].combination[j] }
        };
        let offsets = basis.remainders.iter().map(|remainder| remainder.offset.hi);
        let all = Coefficients {
            weights: Mat::from_fn(d, c + m, entry),
            intercept: answer.intercept.iter().copied().chain(offsets).collect(),
        };
        let of_residual = |k: usize| if system.centred { -sums.mean_e[k] } else { Dd::ZERO };
        let lows = basis.remainders.iter().map(|remainder| Dd::from(remainder.offset.lo));
        let shifts: Vec<Dd> = (0..c).map(of_residual).chain(lows).collect();
        let means: Vec<Dd> =
            sums.mean_x.iter().map(|mean| if system.centred { *mean } else { Dd::ZERO }).collect();
        map_reduce(
            rows,
            |block| Self::of_block(block, &all, &shifts, &means, c),
            |part| {
                total.cross += &part.cross;
                total.own += &part.own;
                total.right += &part.right;
                total.sums.iter_mut().zip(&part.sums).for_each(|(to, from)| *to += from);
            },
        )?;
        Ok(total)
    }

    fn of_block(block: Block<'_>, all: &Coefficients, shifts: &[Dd], means: &[Dd], c: usize) -> Self {
        let (rows, d, m) = (block.x.nrows(), means.len(), shifts.len() - c);
        let mut out = Self::zero(d, m, c);
        let targets = Mat::from_fn(rows, c + m, |i, k| if k < c { block.y[(i, k)] } else { 0.0 });
        let columns = Columns::of(Block { y: targets.as_ref(), ..block });
        for first in (0..rows).step_by(TILE) {
            let count = TILE.min(rows - first);
            let values = combinations(&columns, all, shifts, (first, count));
            let mut centred = Mat::zeros(count, d);
            for (j, mean) in means.iter().enumerate() {
                let x = &columns.column(j)[first..first + count];
                let out = centred.col_as_slice_mut(j);
                out.iter_mut().zip(x).for_each(|(z, x)| *z = (x - mean.hi) - mean.lo);
            }
            let mut weighted = values.subcols(c, m).to_owned();
            if let Some(weights) = columns.weights() {
                for k in 0..m {
                    let column = weighted.col_as_slice_mut(k).iter_mut().zip(&weights[first..]);
                    column.for_each(|(value, weight)| *value *= weight);
                }
            }
            for (k, sum) in out.sums.iter_mut().enumerate() {
                *sum += weighted.col_as_slice(k).iter().sum::<f64>();
            }
            let (remainders, residuals) = (values.subcols(c, m), values.subcols(0, c));
            matmul(&mut out.cross, Accum::Add, centred.transpose(), &weighted, 1.0, Par::Seq);
            matmul(&mut out.own, Accum::Add, remainders.transpose(), &weighted, 1.0, Par::Seq);
            matmul(&mut out.right, Accum::Add, weighted.transpose(), residuals, 1.0, Par::Seq);
        }
        out
    }
}

vectorised! {
/// Residuals and remainders of some rows, rounded once their means are off.
fn combinations<'a>(
    columns: &'a Columns<'a>,
    all: &'a Coefficients,
    shifts: &'a [Dd],
    range: (usize, usize),
) -> Mat<f64> {
    let (first, count) = range;
    let mut values = Mat::zeros(count, shifts.len());
    let mut low = vec![0.0; count];
    for (k, shift) in shifts.iter().enumerate() {
        let high = values.col_as_slice_mut(k);
        columns.residuals(all, k, first, high, &mut low);
        for (high, low) in high.iter_mut().zip(&low) {
            *high = (Dd { hi: *high, lo: *low } + *shift).value();
        }
    }
    values
}
}
