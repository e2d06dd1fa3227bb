//! One walk over the data for one answer: residuals in double-double, then means and centred second
//! moments in `f64`, block by block, merged in the order of the blocks.
//!
//! Residuals `e = xW + b − y` are accumulated as in Ogita, Rump and Oishi, "Accurate sum and dot product",
//! SIAM J. Sci. Comput. 26 (2005), algorithm 5.3 (Dot2): the error is that of one rounding of the result
//! plus `(d + 2)² u² Σ|terms|`. Moments are merged as in Chan, Golub and Le Veque, "Algorithms for computing
//! the sample variance", Am. Stat. 37 (1983), with the means kept in double-double, so that no
//! cancellation depends on how far a column lies from zero. A column whose squares leave the range of
//! `f64` is kept in units of a power of two.

#![allow(clippy::inline_always, reason = "kernels must be compiled inside the dispatch on the processor")]

use crate::data::{Block, Rows, map_reduce};
use crate::error::Result;
use crate::num::simd::prefetch;
use crate::num::{Dd, UNIT_ROUNDOFF};
use crate::problem::Coefficients;
use faer::linalg::matmul::triangular::{BlockStructure, matmul};
use faer::{Accum, Mat, MatRef, Par};
use std::ops::Range;

/// Rows whose residuals are kept in the first-level cache while the columns pass by.
const TILE: usize = 256;
/// Numbers of a slice of a block, about: 512 KiB, so that its second visit finds it in the second-level cache.
const SLICE_NUMBERS: usize = 1 << 16;
/// Partial sums side by side, so that the compiler may add vectors without changing any order.
const LANES: usize = 16;
/// Columns whose residuals are formed together.
const GROUP: usize = 8;
/// The share of the squares about a pivot, due to its distance from the mean, that asks for a better one.
const FAR: f64 = 0.25;
/// The square of a residual below this has lost digits of its double-double to underflow.
const TINY_RESIDUAL: f64 = 1e-140;
/// Targets below this may leave rounding below [`TINY_RESIDUAL`] whose allowance, a square too, vanishes as well.
const TINY_TARGET: f64 = 1e-125;
/// Squares below this have lost digits to underflow.
const TINY_SQUARE: f64 = 1e-250;

/// Weighted moments of design and residuals. Lengths: d columns, c outputs.
#[derive(Clone, Debug)]
pub(super) struct Sums {
    /// Σ sᵢ.
    pub weight: Dd,
    /// Rows seen.
    pub rows: usize,
    /// Blocks merged.
    pub blocks: usize,
    /// Additions in the longest chain within a block: its rows, and the merging of its slices.
    pub longest: usize,
    /// Whether any column carries low parts.
    pub has_low: bool,
    /// d: the power of two in which a column's moments are kept.
    pub unit: Vec<f64>,
    /// d: x̄, in the column's own units.
    pub mean_x: Vec<Dd>,
    /// c: ē.
    pub mean_e: Vec<Dd>,
    /// d: Σ sᵢ (xᵢ − x̄)² in `unit`².
    pub square_x: Vec<f64>,
    /// c: Σ sᵢ (eᵢ − ē)².
    pub square_e: Vec<Dd>,
    /// c: Σ sᵢ yᵢ².
    pub square_y: Vec<f64>,
    /// The largest residual of a row of positive weight, in magnitude.
    pub peak_e: f64,
    /// The largest target likewise.
    pub peak_y: f64,
    /// d × c: Σ sᵢ (xᵢ − x̄)(eᵢ − ē) in `unit`.
    pub cross: Mat<f64>,
    /// d × d, lower triangle: Σ sᵢ (xᵢ − x̄)(xᵢ − x̄)ᵀ in `unit`s; only where it was asked for.
    pub gram: Option<Mat<f64>>,
}

impl Sums {
    /// Visits every row once. `None` when there is no row of positive weight.
    ///
    /// # Errors
    /// When the rows can no longer be read.
    pub fn of(rows: &dyn Rows, answer: &Coefficients, with_gram: bool) -> Result<Option<Self>> {
        let mut total: Option<Self> = None;
        map_reduce(
            rows,
            |block| Self::of_block(block, answer, with_gram),
            |part| Self::take_in(&mut total, part),
        )?;
        Ok(total)
    }

    /// The moments of one block, slice by slice, so that the data come from memory once.
    fn of_block(block: Block<'_>, answer: &Coefficients, with_gram: bool) -> Option<Self> {
        let (rows, step) = (block.x.nrows(), slice_rows(block.x.ncols()));
        let mut total: Option<Self> = None;
        for first in (0..rows).step_by(step) {
            let slice = &Columns::of(block.rows(first, step.min(rows - first)));
            let part = pulp::Arch::new().dispatch(SliceSums { slice, answer, with_gram });
            Self::take_in(&mut total, part);
        }
        if let Some(total) = &mut total {
            total.longest += 6 * (total.blocks - 1);
            total.blocks = 1;
        }
        total
    }

    fn take_in(total: &mut Option<Self>, part: Option<Self>) {
        match (total, part) {
            (_, None) => {}
            (Some(total), Some(part)) => total.merge(&part),
            (total, part) => *total = part,
        }
    }

    /// Whether squares of residuals have vanished, so that sums of them prove nothing; not so for the rounding of
    /// larger targets, whose allowance covers it.
    pub fn vanishes(&self) -> bool {
        self.peak_e > 0.0 && self.peak_e < TINY_RESIDUAL && self.peak_y < TINY_TARGET
    }

    /// Σ sᵢ rounded.
    pub fn total(&self) -> f64 {
        self.weight.value()
    }

    /// A bound, relative to `√(Σ a² Σ b²)`, on the rounding error of any sum Σ a·b kept here: `γ` of the
    /// longest chain of additions, in a block and over the blocks, and of forming the factors.
    pub fn roundoff(&self) -> f64 {
        (self.longest + 6 * self.blocks + 40) as f64 * UNIT_ROUNDOFF
    }

    /// Adds the moments of the rows that follow.
    fn merge(&mut self, other: &Self) {
        let weight = self.weight + other.weight;
        let share = (other.weight / weight).value();
        let between = self.weight.value() * share;
        self.merge_columns(other, between, share);
        for (k, square) in self.square_e.iter_mut().enumerate() {
            let apart = other.mean_e[k] - self.mean_e[k];
            *square = *square + other.square_e[k] + apart * apart * between;
            self.mean_e[k] += apart * share;
            self.square_y[k] += other.square_y[k];
        }
        self.weight = weight;
        self.rows += other.rows;
        self.blocks += other.blocks;
        self.longest = self.longest.max(other.longest);
        self.has_low |= other.has_low;
        self.peak_e = self.peak_e.max(other.peak_e);
        self.peak_y = self.peak_y.max(other.peak_y);
    }

    /// The part of [`Self::merge`] that belongs to columns. Both sides go to the larger unit first: a power
    /// of two, so only what is hopelessly small beside the rest is lost.
    fn merge_columns(&mut self, other: &Self, between: f64, share: f64) {
        let d = self.unit.len();
        let (mut mine, mut theirs, mut steps) = (vec![1.0; d], vec![1.0; d], vec![0.0; d]);
        for j in 0..d {
            let common = self.unit[j].max(other.unit[j]);
            mine[j] = self.unit[j] / common;
            theirs[j] = other.unit[j] / common;
            self.unit[j] = common;
            let apart = other.mean_x[j] - self.mean_x[j];
            steps[j] = apart.value() / common;
            self.mean_x[j] += apart * share;
            self.square_x[j] = self.square_x[j] * mine[j] * mine[j]
                + other.square_x[j] * theirs[j] * theirs[j]
                + between * steps[j] * steps[j];
            for (k, mean_e) in self.mean_e.iter().enumerate() {
                let apart = (other.mean_e[k] - *mean_e).value();
                self.cross[(j, k)] = self.cross[(j, k)] * mine[j]
                    + other.cross[(j, k)] * theirs[j]
                    + between * steps[j] * apart;
            }
        }
        if let (Some(gram), Some(added)) = (&mut self.gram, &other.gram) {
            for j in 0..d {
                let (mine_j, theirs_j, step_j) = (mine[j], theirs[j], between * steps[j]);
                let column = gram.col_as_slice_mut(j).iter_mut().zip(added.col_as_slice(j));
                let scales = mine.iter().zip(&theirs).zip(&steps);
                for ((sum, part), ((mine, theirs), step)) in column.zip(scales).skip(j) {
                    *sum = *sum * (mine * mine_j) + part * (theirs * theirs_j) + step * step_j;
                }
            }
        }
    }
}

/// Rows with their columns contiguous, whatever strides it came with.
pub(super) struct Columns<'a> {
    x: Contiguous<'a>,
    low: Option<Contiguous<'a>>,
    y: Contiguous<'a>,
    weights: Option<&'a [f64]>,
}

/// Rows of a slice with `columns` columns.
fn slice_rows(columns: usize) -> usize {
    (SLICE_NUMBERS / columns.max(1) + 1).next_power_of_two().div_ceil(2).clamp(128, 2048)
}

/// [`Columns::sums`] for the dispatch on the processor. A closure's body need not be inlined there, and
/// outside it a fused multiply-add is a call; this is.
struct SliceSums<'a> {
    slice: &'a Columns<'a>,
    answer: &'a Coefficients,
    with_gram: bool,
}

impl pulp::NullaryFnOnce for SliceSums<'_> {
    type Output = Option<Sums>;

    #[inline(always)]
    fn call(self) -> Self::Output {
        self.slice.sums(self.answer, self.with_gram)
    }
}

/// A matrix whose columns are slices.
enum Contiguous<'a> {
    View(MatRef<'a, f64>),
    Copy(Mat<f64>),
}

impl<'a> Contiguous<'a> {
    fn of(matrix: MatRef<'a, f64>) -> Self {
        if matrix.row_stride() == 1 { Self::View(matrix) } else { Self::Copy(matrix.to_owned()) }
    }

    #[inline(always)]
    fn column(&self, j: usize) -> &[f64] {
        match self {
            // Rows lie one apart by construction, so the view of a column is a slice.
            Self::View(matrix) => matrix.col(j).try_as_col_major().map_or(&[], |column| column.as_slice()),
            Self::Copy(matrix) => matrix.col_as_slice(j),
        }
    }
}

/// The moments of one column about a pivot.
#[derive(Clone, Copy)]
struct ColumnSums {
    /// Σ s (x − pivot).
    shift: f64,
    /// Σ s (x − pivot)².
    square: f64,
}

impl<'a> Columns<'a> {
    pub(super) fn of(block: Block<'a>) -> Self {
        Self {
            x: Contiguous::of(block.x),
            low: block.x_low.map(Contiguous::of),
            y: Contiguous::of(block.y),
            weights: block.weights,
        }
    }

    fn matrix(&self) -> MatRef<'_, f64> {
        match &self.x {
            Contiguous::View(matrix) => *matrix,
            Contiguous::Copy(matrix) => matrix.as_ref(),
        }
    }

    pub(super) fn rows(&self) -> usize {
        self.matrix().nrows()
    }

    pub(super) fn columns(&self) -> usize {
        self.matrix().ncols()
    }

    pub(super) fn column(&self, j: usize) -> &[f64] {
        self.x.column(j)
    }

    pub(super) fn low(&self, j: usize) -> Option<&[f64]> {
        self.low.as_ref().map(|low| low.column(j))
    }

    pub(super) fn weights(&self) -> Option<&[f64]> {
        self.weights
    }

    /// `e = xW + b − y` of output `k` for the rows from `first` on, as high and low parts.
    #[inline(always)]
    pub(super) fn residuals(
        &self,
        answer: &Coefficients,
        k: usize,
        first: usize,
        hi: &mut [f64],
        lo: &mut [f64],
    ) {
        let rows = first..first + hi.len();
        let y = &self.y.column(k)[rows.clone()];
        for ((hi, lo), y) in hi.iter_mut().zip(lo.iter_mut()).zip(y) {
            let start = Dd::sum(answer.intercept[k], -y);
            (*hi, *lo) = (start.hi, start.lo);
        }
        let (groups, rest) = answer.weights.col_as_slice(k).as_chunks::<GROUP>();
        for (at, weights) in groups.iter().enumerate() {
            let next = GROUP * (at + 1);
            (next..self.columns().min(next + GROUP)).for_each(|j| prefetch(&self.x.column(j)[rows.clone()]));
            if self.low.is_none() && weights.iter().all(|weight| *weight != 0.0) {
                let columns = std::array::from_fn(|l| &self.x.column(GROUP * at + l)[rows.clone()]);
                add_products(hi, lo, columns, *weights);
            } else {
                (0..GROUP).for_each(|l| self.add_column(hi, lo, GROUP * at + l, rows.clone(), weights[l]));
            }
        }
        for (l, weight) in rest.iter().enumerate() {
            self.add_column(hi, lo, GROUP * groups.len() + l, rows.clone(), *weight);
        }
        for (hi, lo) in hi.iter_mut().zip(lo.iter_mut()) {
            let sum = Dd::sum(*hi, *lo);
            (*hi, *lo) = (sum.hi, sum.lo);
        }
    }

    /// `hi + lo += x · weight` for column `j` and its low parts; a weight of 0 leaves out the column, whatever
    /// it holds.
    #[inline(always)]
    fn add_column(&self, hi: &mut [f64], lo: &mut [f64], j: usize, rows: Range<usize>, weight: f64) {
        if weight == 0.0 {
            return;
        }
        add_product(hi, lo, &self.x.column(j)[rows.clone()], weight);
        if let Some(low) = &self.low {
            for (lo, x) in lo.iter_mut().zip(&low.column(j)[rows]) {
                *lo = x.mul_add(weight, *lo);
            }
        }
    }

    /// All moments of the slice, or `None` when no row has weight.
    #[inline(always)]
    fn sums(&self, answer: &Coefficients, with_gram: bool) -> Option<Sums> {
        let (m, d, c) = (self.rows(), self.columns(), answer.intercept.len());
        let weight = self.weights.map_or(Dd::from(m as f64), |s| s.iter().map(|&s| Dd::from(s)).sum());
        if weight.hi == 0.0 {
            return None;
        }
        let (mut residuals, pivots) = self.walk_tiles(answer, weight.value());
        let mut sums = Sums {
            weight,
            rows: m,
            blocks: 1,
            longest: m,
            has_low: self.low.is_some(),
            unit: vec![1.0; d],
            mean_x: Vec::with_capacity(d),
            mean_e: Vec::with_capacity(c),
            square_x: Vec::with_capacity(d),
            square_e: Vec::with_capacity(c),
            square_y: (0..c).map(|k| self.weighted_square(self.y.column(k))).collect(),
            peak_e: residuals.iter().fold(0.0, |peak, e| self.peak(&e.hi).max(peak)),
            peak_y: (0..c).fold(0.0, |peak, k| self.peak(self.y.column(k)).max(peak)),
            cross: Mat::zeros(d, c),
            gram: None,
        };
        for residuals in &mut residuals {
            let (mean, square) = self.centre(residuals, weight);
            sums.mean_e.push(mean);
            sums.square_e.push(square);
        }
        let mut centred = if with_gram { Mat::zeros(m, d) } else { Mat::zeros(m, 1) };
        let mut shifts = vec![0.0; d];
        for (j, &pivot) in pivots.iter().enumerate() {
            if !with_gram && self.plain_column(j, pivot, &residuals, &mut sums) {
                continue;
            }
            let column = centred.col_as_slice_mut(if with_gram { j } else { 0 });
            let (mean, moments, unit) = self.column_sums(j, pivot, weight.value(), column);
            // `residuals` holds s (e − ē) of a mean exact to double-double: its sum is 0 to rounding, so
            // the pivot's distance from the mean does not enter the product.
            for (k, residuals) in residuals.iter().enumerate() {
                sums.cross[(j, k)] = dot(column, &residuals.hi);
            }
            shifts[j] = moments.shift;
            sums.unit[j] = unit;
            sums.mean_x.push(mean);
            sums.square_x.push((moments.square - moments.shift * (moments.shift / weight.value())).max(0.0));
        }
        sums.gram = with_gram.then(|| self.gram(centred, &shifts, weight.value()));
        Some(sums)
    }

    /// The moments of a column without weights and low parts whose pivot is near its mean and whose squares are in
    /// range, in one pass and without a copy; false where it is not such a column.
    #[inline(always)]
    fn plain_column(&self, j: usize, pivot: f64, residuals: &[Residuals], sums: &mut Sums) -> bool {
        if self.weights.is_some() || self.low.is_some() {
            return false;
        }
        let (x, weight) = (self.x.column(j), self.rows() as f64);
        let mut moments = ColumnSums { shift: 0.0, square: 0.0 };
        for (k, residuals) in residuals.iter().enumerate() {
            (moments, sums.cross[(j, k)]) = pivoted_sums(x, pivot, &residuals.hi);
        }
        let shift = moments.shift / weight;
        let in_range = moments.square.is_finite() && moments.square > TINY_SQUARE;
        if !in_range || moments.shift * shift > FAR * moments.square {
            return false;
        }
        sums.mean_x.push(Dd::sum(pivot, shift));
        sums.square_x.push(moments.square - moments.shift * shift);
        true
    }

    /// Residuals of all outputs, and a number near the mean of each column to serve as its pivot, the weighted mean
    /// where there are weights: both while a tile of rows is in the cache.
    #[inline(always)]
    fn walk_tiles(&self, answer: &Coefficients, weight: f64) -> (Vec<Residuals>, Vec<f64>) {
        let (m, d, c) = (self.rows(), self.columns(), answer.intercept.len());
        let mut residuals: Vec<Residuals> = (0..c).map(|_| Residuals::zeros(m)).collect();
        for first in (0..m).step_by(TILE) {
            let rows = first..m.min(first + TILE);
            for (k, residuals) in residuals.iter_mut().enumerate() {
                let (hi, lo) = (&mut residuals.hi[rows.clone()], &mut residuals.lo[rows.clone()]);
                self.residuals(answer, k, first, hi, lo);
            }
        }
        let some = m.min(LANES);
        let pivot = |j: usize| match self.weights {
            None => self.x.column(j)[..some].iter().map(|x| x / some as f64).sum::<f64>(),
            Some(weights) => dot(self.x.column(j), weights) / weight,
        };
        (residuals, (0..d).map(pivot).collect())
    }

    /// Turns the residuals of one output into `s (e − ē)` and returns ē and `Σ s (e − ē)²`.
    #[inline(always)]
    fn centre(&self, residuals: &mut Residuals, weight: Dd) -> (Dd, Dd) {
        let rows = residuals.hi.len();
        let of = |i: usize| self.weights.map_or(1.0, |weights| weights[i]);
        let sum: Dd = (0..rows).map(|i| Dd { hi: residuals.hi[i], lo: residuals.lo[i] } * of(i)).sum();
        let mean = sum / weight;
        let mut square = Dd::ZERO;
        for i in 0..rows {
            let centred = (Dd { hi: residuals.hi[i], lo: residuals.lo[i] } - mean).value();
            residuals.hi[i] = centred * of(i);
            square += Dd::product(centred, residuals.hi[i]);
        }
        (mean, square)
    }

    /// The largest magnitude among rows of positive weight.
    #[inline(always)]
    fn peak(&self, values: &[f64]) -> f64 {
        let used = |i: usize| self.weights.is_none_or(|weights| weights[i] > 0.0);
        let all = values.iter().enumerate().filter(|(i, _)| used(*i));
        all.fold(0.0, |peak: f64, (_, value)| peak.max(value.abs()))
    }

    /// Σ s v².
    #[inline(always)]
    fn weighted_square(&self, values: &[f64]) -> f64 {
        let of = |i: usize| self.weights.map_or(1.0, |weights| weights[i]);
        values.iter().enumerate().map(|(i, v)| v * of(i) * v).sum()
    }

    /// Writes `(x − pivot)/unit` into `centred` and returns the mean, the weighted sum and square of
    /// `centred`, and the unit: 1 unless the squares leave the range of `f64`. Where the rounded pivot lies
    /// farther from the mean than the values spread, the mean is taken off once more.
    #[inline(always)]
    fn column_sums(&self, j: usize, pivot: f64, weight: f64, centred: &mut [f64]) -> (Dd, ColumnSums, f64) {
        let mut unit = 1.0;
        self.pivoted(j, pivot, 1.0, centred);
        let mut moments = self.moments(centred);
        if !(moments.square.is_finite() && moments.square > TINY_SQUARE) {
            let largest = centred.iter().fold(0.0_f64, |largest, x| largest.max(x.abs()));
            if largest > 0.0 && largest.is_finite() {
                unit = power_of_two(largest);
                self.pivoted(j, pivot, 1.0 / unit, centred);
                moments = self.moments(centred);
            }
        }
        let mut shift = moments.shift / weight;
        let mut mean = Dd::sum(pivot, shift * unit);
        if moments.shift * shift > FAR * moments.square {
            for z in centred.iter_mut() {
                *z -= shift;
            }
            moments = self.moments(centred);
            shift = moments.shift / weight;
            mean = mean + shift * unit;
        }
        (mean, moments, unit)
    }

    #[inline(always)]
    fn pivoted(&self, j: usize, pivot: f64, scale: f64, centred: &mut [f64]) {
        let x = self.x.column(j);
        match &self.low {
            None => centred.iter_mut().zip(x).for_each(|(z, x)| *z = (x - pivot) * scale),
            Some(low) => {
                for ((z, x), low) in centred.iter_mut().zip(x).zip(low.column(j)) {
                    *z = ((x - pivot) + low) * scale;
                }
            }
        }
    }

    #[inline(always)]
    fn moments(&self, centred: &[f64]) -> ColumnSums {
        match self.weights {
            None => ColumnSums { shift: total(centred), square: dot(centred, centred) },
            Some(weights) => {
                ColumnSums { shift: dot(centred, weights), square: weighted_dot(centred, weights) }
            }
        }
    }

    /// `Σ s (x − x̄)(x − x̄)ᵀ`, lower triangle, from the pivoted columns and their weighted sums.
    fn gram(&self, mut centred: Mat<f64>, shifts: &[f64], weight: f64) -> Mat<f64> {
        let d = shifts.len();
        if let Some(weights) = self.weights {
            let roots: Vec<f64> = weights.iter().map(|s| s.sqrt()).collect();
            for j in 0..d {
                centred.col_as_slice_mut(j).iter_mut().zip(&roots).for_each(|(z, root)| *z *= root);
            }
        }
        let mut gram = Mat::zeros(d, d);
        matmul(
            gram.as_mut(),
            BlockStructure::TriangularLower,
            Accum::Replace,
            centred.transpose(),
            BlockStructure::Rectangular,
            &centred,
            BlockStructure::Rectangular,
            1.0,
            Par::Seq,
        );
        for (j, shift) in shifts.iter().enumerate() {
            let step = shift / weight;
            let column = gram.col_as_slice_mut(j).iter_mut().zip(shifts);
            column.skip(j).for_each(|(sum, shift)| *sum -= step * shift);
        }
        gram
    }
}

/// Residuals of one output in one slice.
pub(super) struct Residuals {
    pub hi: Vec<f64>,
    pub lo: Vec<f64>,
}

impl Residuals {
    pub fn zeros(rows: usize) -> Self {
        Self { hi: vec![0.0; rows], lo: vec![0.0; rows] }
    }
}

/// The power of two at or just below a positive finite number, kept away from the ends of the range so
/// that its reciprocal exists.
pub(super) fn power_of_two(value: f64) -> f64 {
    let exponent = value.log2().floor().clamp(-1000.0, 1000.0);
    exponent.exp2()
}

/// `hi + lo += x · weight`, each product and each sum with its rounding error kept in `lo`.
#[inline(always)]
fn add_product(hi: &mut [f64], lo: &mut [f64], x: &[f64], weight: f64) {
    for ((hi, lo), x) in hi.iter_mut().zip(lo.iter_mut()).zip(x) {
        let product = Dd::product(*x, weight);
        let sum = Dd::sum(*hi, product.hi);
        *hi = sum.hi;
        *lo += sum.lo + product.lo;
    }
}

/// [`add_product`] of some columns in their order: the sums stay in registers, and as many columns come from
/// memory at a time, each too short in a slice for the processor to see ahead.
#[inline(always)]
fn add_products(hi: &mut [f64], lo: &mut [f64], x: [&[f64]; GROUP], weights: [f64; GROUP]) {
    let [a, b, c, d, e, f, g, h] = x;
    let left = a.iter().zip(b).zip(c.iter().zip(d));
    let right = e.iter().zip(f).zip(g.iter().zip(h));
    let sums = hi.iter_mut().zip(lo.iter_mut());
    for ((hi, lo), (((a, b), (c, d)), ((e, f), (g, h)))) in sums.zip(left.zip(right)) {
        let (mut high, mut low) = (*hi, *lo);
        for (x, weight) in [a, b, c, d, e, f, g, h].into_iter().zip(weights) {
            let product = Dd::product(*x, weight);
            let sum = Dd::sum(high, product.hi);
            high = sum.hi;
            low += sum.lo + product.lo;
        }
        (*hi, *lo) = (high, low);
    }
}

/// Adds up lanes pairwise.
#[inline(always)]
fn fold_lanes(mut lanes: [f64; LANES]) -> f64 {
    let mut width = LANES / 2;
    while width > 0 {
        for l in 0..width {
            lanes[l] += lanes[l + width];
        }
        width /= 2;
    }
    lanes[0]
}

/// Σ a b.
#[inline(always)]
fn dot(a: &[f64], b: &[f64]) -> f64 {
    let (a_chunks, a_rest) = a.as_chunks::<LANES>();
    let (b_chunks, b_rest) = b.as_chunks::<LANES>();
    let mut lanes = [0.0; LANES];
    for (a, b) in a_chunks.iter().zip(b_chunks) {
        for l in 0..LANES {
            lanes[l] = a[l].mul_add(b[l], lanes[l]);
        }
    }
    fold_lanes(lanes) + a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum::<f64>()
}

/// Σ a² s.
#[inline(always)]
fn weighted_dot(a: &[f64], weights: &[f64]) -> f64 {
    let (a_chunks, a_rest) = a.as_chunks::<LANES>();
    let (s_chunks, s_rest) = weights.as_chunks::<LANES>();
    let mut lanes = [0.0; LANES];
    for (a, s) in a_chunks.iter().zip(s_chunks) {
        for l in 0..LANES {
            lanes[l] = (a[l] * s[l]).mul_add(a[l], lanes[l]);
        }
    }
    fold_lanes(lanes) + a_rest.iter().zip(s_rest).map(|(a, s)| a * s * a).sum::<f64>()
}

/// Σ a.
#[inline(always)]
fn total(a: &[f64]) -> f64 {
    let (chunks, rest) = a.as_chunks::<LANES>();
    let mut lanes = [0.0; LANES];
    for a in chunks {
        for l in 0..LANES {
            lanes[l] += a[l];
        }
    }
    fold_lanes(lanes) + rest.iter().sum::<f64>()
}

/// Σ z, Σ z² and Σ z e with z = x − pivot.
#[inline(always)]
fn pivoted_sums(x: &[f64], pivot: f64, e: &[f64]) -> (ColumnSums, f64) {
    let (x_chunks, x_rest) = x.as_chunks::<LANES>();
    let (e_chunks, e_rest) = e.as_chunks::<LANES>();
    let (mut shift, mut square, mut cross) = ([0.0; LANES], [0.0; LANES], [0.0; LANES]);
    for (x, e) in x_chunks.iter().zip(e_chunks) {
        for l in 0..LANES {
            let z = x[l] - pivot;
            shift[l] += z;
            square[l] = z.mul_add(z, square[l]);
            cross[l] = z.mul_add(e[l], cross[l]);
        }
    }
    let mut sums = ColumnSums { shift: fold_lanes(shift), square: fold_lanes(square) };
    let mut cross = fold_lanes(cross);
    for (x, e) in x_rest.iter().zip(e_rest) {
        let z = x - pivot;
        sums.shift += z;
        sums.square += z * z;
        cross += z * e;
    }
    (sums, cross)
}
