//! Means and centred second moments of a data set: what the size of its columns, its conditioning and the
//! course of gradient descent follow from.
//!
//! One walk is enough as a rule: the rows are shifted by the means of their first block, which lies close
//! to the means of all, and the remaining difference is taken out afterwards,
//! `Σ s (x − x̄)(y − ȳ) = Σ s (x − a)(y − b) − Σ s · (x̄ − a)(ȳ − b)`. Only where that would cancel (a first
//! block unlike the rest) or overflow, a second walk uses the means and magnitudes that the first found.
//! Columns are scaled by powers of two on the way, which changes no digit and keeps squares in range.
//!
//! Where rows are fewer than columns, the centred rows are kept instead of their products.

use super::Products;
use super::rows::{Block, Rows, Shape, map_reduce};
use crate::error::Result;
use crate::num::dense;
use crate::num::simd::{prefetch, transpose, vectorised};
use crate::num::syrk::{GROUP, Slice};
use faer::prelude::{Reborrow, ReborrowMut};
use faer::{ColMut, Mat};
use pulp::{Arch, Simd, WithSimd};
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

/// Weighted means and centred sums of products.
#[derive(Clone, Debug)]
pub struct Moments {
    /// Sizes.
    pub shape: Shape,
    /// Σ sᵢ; n without weights.
    pub total_weight: f64,
    /// Rows with a weight above 0.
    pub positive_rows: usize,
    /// d column means.
    pub mean_x: Vec<f64>,
    /// c target means.
    pub mean_y: Vec<f64>,
    /// d × d: Σ sᵢ (xᵢ − x̄)(xᵢ − x̄)ᵀ.
    pub sxx: Products,
    /// d × c: Σ sᵢ (xᵢ − x̄)(yᵢ − ȳ)ᵀ.
    pub sxy: Mat<f64>,
    /// c: Σ sᵢ (yᵢ − ȳ)².
    pub syy: Vec<f64>,
}

impl Moments {
    /// Means and centred products of all rows with a weight above 0, in the data's own units.
    ///
    /// A product beyond the range of `f64` is infinite here; solvers use `Standard`, which has none.
    ///
    /// # Errors
    /// When the rows can no longer be read.
    pub fn of(rows: &dyn Rows) -> Result<Self> {
        let Shape { rows: n, columns: d, .. } = rows.shape();
        if n < d { Self::of_few(rows) } else { Ok(Standard::of(rows, Extent::Products)?.in_user_units()) }
    }

    /// The rows themselves, where they are fewer than columns.
    fn of_few(rows: &dyn Rows) -> Result<Self> {
        let found = Standard::of(rows, Extent::Squares)?;
        let Shape { columns: d, outputs: c, .. } = found.shape;
        let centred = all_centred(rows, &found)?;
        let (x, y) = centred.as_ref().split_at_col(d);
        Ok(Self {
            shape: found.shape,
            total_weight: found.total_weight,
            positive_rows: found.positive_rows,
            mean_x: found.mean[..d].to_vec(),
            mean_y: found.mean[d..].to_vec(),
            sxy: dense::product(x.transpose(), y),
            syy: (0..c).map(|k| y.col(k).iter().map(|v| v * v).sum()).collect(),
            sxx: Products::Rows(x.to_owned()),
        })
    }

    /// The population standard deviation of column `j`.
    pub fn deviation(&self, j: usize) -> f64 {
        (self.sxx.square(j) / self.total_weight).sqrt()
    }
}

/// n × (d + c): `√sᵢ (value − mean)` of columns and targets in the data's own units, with what the rounding of a mean
/// leaves taken out.
fn all_centred(rows: &dyn Rows, found: &Standard) -> Result<Mat<f64>> {
    let Shape { rows: n, columns: d, outputs: c } = found.shape;
    let mut out = Mat::zeros(n, d + c);
    let mut roots = vec![0.0; n];
    for block in rows.blocks() {
        let block = block?;
        let block = block.view();
        let (first, count) = (block.first, block.x.nrows());
        out.as_mut().subrows_mut(first, count).copy_from(found.centred_rows(block));
        roots[first..first + count].copy_from_slice(&square_roots(block));
    }
    for (j, column) in out.col_iter_mut().enumerate() {
        let column = column.try_as_col_major_mut().map(ColMut::as_slice_mut).unwrap_or_default();
        let left =
            column.iter().zip(&roots).map(|(value, root)| value * root).sum::<f64>() / found.total_weight;
        let own_units = |value: f64| scale_by(value, found.exponent[j]);
        column.iter_mut().zip(&roots).for_each(|(value, root)| *value = own_units(*value - root * left));
    }
    Ok(out)
}

/// √sᵢ of the rows of a block.
fn square_roots(block: Block<'_>) -> Vec<f64> {
    (0..block.x.nrows()).map(|i| block.weights.map_or(1.0, |weights| weights[i].sqrt())).collect()
}

/// The affine map onto the numbers that are multiplied: `(value − shift) · 2^−exponent`, for the d columns
/// and then the c targets.
#[derive(Clone, Debug)]
pub(crate) struct Units {
    pub shift: Vec<f64>,
    pub exponent: Vec<i32>,
    /// Columns known to hold more than whole numbers.
    pub fractional: Vec<bool>,
}

/// The same moments in units in which nothing overflows, and what else a solver wants to know of the data.
/// Columns and targets stand in one row of numbers: first the d columns, then the c targets.
#[derive(Clone, Debug)]
pub(crate) struct Standard {
    pub shape: Shape,
    pub total_weight: f64,
    pub positive_rows: usize,
    /// Means in the data's own units.
    pub mean: Vec<f64>,
    /// Products below are of `(value − mean) · 2^−exponent`.
    pub exponent: Vec<i32>,
    /// Smallest and largest value, before shift and scale.
    pub range: Vec<Extremes>,
    /// Largest magnitude of a value, before shift and scale.
    pub peak: Vec<f64>,
    /// Whether every value is a whole number below 2⁵³, or known in double-double: free of rounding.
    pub exact: Vec<bool>,
    /// (d + c) × d, lower triangle and the rows of the targets; empty where only squares were asked for.
    pub products: Mat<f64>,
    /// d + c centred squared norms.
    pub squares: Vec<f64>,
}

/// Smallest and largest value.
pub(crate) type Extremes = (f64, f64);

/// The range of no values.
const EMPTY: Extremes = (f64::INFINITY, f64::NEG_INFINITY);

/// The range of two groups of values; what is not a number is passed over.
fn hull(a: Extremes, b: Extremes) -> Extremes {
    (a.0.min(b.0), a.1.max(b.1))
}

/// The largest magnitude in a range.
fn magnitude((low, high): Extremes) -> f64 {
    if low <= high { low.abs().max(high.abs()) } else { 0.0 }
}

/// How much of the products a solver needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extent {
    /// All of them: n·d² operations and d² numbers.
    Products,
    /// Each column's own: n·d operations.
    Squares,
}

/// `2^exponent` for every exponent of a finite `f64`, clamped to the normal range.
#[inline]
pub(crate) fn power_of_two(exponent: i32) -> f64 {
    f64::from_bits(u64::from((exponent.clamp(-1022, 1023) + 1023).unsigned_abs()) << 52)
}

/// `value · 2^exponent`, in two factors so that neither factor overflows.
#[inline]
pub(crate) fn scale_by(value: f64, exponent: i32) -> f64 {
    let half = exponent / 2;
    value * power_of_two(half) * power_of_two(exponent - half)
}

/// The exponent that brings values up to `peak` to about 1; so clamped that the factor is a normal number.
fn unit_exponent(peak: f64) -> i32 {
    exponent_of(peak).clamp(-1000, 1000)
}

/// The exponent e with `2^e ≤ |value| < 2^(e+1)`; 0 for zero.
pub(crate) fn exponent_of(value: f64) -> i32 {
    if value == 0.0 {
        return 0;
    }
    let bits = |v: f64| i32::try_from((v.to_bits() >> 52) & 0x7ff).unwrap_or(0);
    match bits(value) {
        0 => bits(value * power_of_two(60)) - 1023 - 60,
        biased => biased - 1023,
    }
}

/// Sums of one group of rows.
struct Sums {
    weight: f64,
    positive: usize,
    sum: Vec<f64>,
    range: Vec<Extremes>,
    whole: Vec<bool>,
    products: Mat<f64>,
    squares: Vec<f64>,
}

impl Sums {
    fn zero(d: usize, c: usize, extent: Extent) -> Self {
        let full = extent == Extent::Products;
        Self {
            weight: 0.0,
            positive: 0,
            sum: vec![0.0; d + c],
            range: vec![EMPTY; d + c],
            whole: vec![true; d + c],
            products: if full { Mat::zeros(d + c, d) } else { Mat::new() },
            squares: vec![0.0; d + c],
        }
    }

    fn clear(&mut self) {
        (self.weight, self.positive) = (0.0, 0);
        self.sum.fill(0.0);
        self.range.fill(EMPTY);
        self.whole.fill(true);
        self.products.fill(0.0);
        self.squares.fill(0.0);
    }

    fn add(&mut self, other: &Self) {
        let accumulate = |to: &mut [f64], from: &[f64]| {
            to.iter_mut().zip(from).for_each(|(to, from)| *to += from);
        };
        self.weight += other.weight;
        self.positive += other.positive;
        accumulate(&mut self.sum, &other.sum);
        accumulate(&mut self.squares, &other.squares);
        self.range.iter_mut().zip(&other.range).for_each(|(to, from)| *to = hull(*to, *from));
        self.whole.iter_mut().zip(&other.whole).for_each(|(to, from)| *to &= *from);
        self.products += &other.products;
    }
}

impl Sums {
    fn see(&mut self, j: usize, seen: &Seen) {
        self.sum[j] += seen.sum;
        self.range[j] = hull(self.range[j], seen.range);
        self.whole[j] &= seen.whole;
    }
}

/// Rows multiplied at once: a slice of a block whose centred copy stays in the processor's cache.
const SLICE: usize = 256;

/// Adds the products of one block to `sums`, slice by slice.
fn accumulate(block: Block<'_>, units: &Units, sums: &mut Sums, slice: &mut Slice) {
    let n = block.x.nrows();
    for first in (0..n).step_by(SLICE) {
        let rows = block.rows(first, SLICE.min(n - first));
        slice.resize(rows.x.nrows());
        add_slice(rows, units, sums, slice);
        if sums.products.ncols() > 0 {
            let next = first + SLICE;
            let next = (next < n).then(|| block.rows(next, SLICE.min(n - next)));
            slice.add_products(sums.products.as_mut(), &|columns| {
                if let Some(next) = next {
                    ask_for(next, columns);
                }
            });
        }
    }
}

/// Everything but the products of a slice, which is laid out for them on the way.
fn add_slice(rows: Block<'_>, units: &Units, sums: &mut Sums, slice: &mut Slice) {
    let (count, d, c) = (rows.x.nrows(), rows.x.ncols(), rows.y.ncols());
    let roots: Option<Vec<f64>> = rows.weights.map(|weights| weights.iter().map(|s| s.sqrt()).collect());
    sums.weight += rows.weights.map_or(count as f64, |weights| weights.iter().sum());
    sums.positive += rows.weights.map_or(count, |weights| weights.iter().filter(|s| **s > 0.0).count());
    let mut group = [0.0; GROUP * SLICE];
    for first in (0..d + c).step_by(GROUP) {
        let columns = first..(d + c).min(first + GROUP);
        ask_for(rows, columns.end..columns.end + GROUP);
        if let Some(plain) = PlainGroup::of(rows, &columns, units, sums) {
            for (j, seen) in columns.zip(slice.put_with(first, |out| plain.centre(out))) {
                sums.see(j, &seen);
            }
            continue;
        }
        for (j, out) in columns.clone().zip(group.chunks_exact_mut(count)) {
            let mut out = ColMut::from_slice_mut(out);
            let (column, low) = if j < d {
                (rows.x.col(j), rows.x_low.map(|low| low.col(j)))
            } else {
                (rows.y.col(j - d), None)
            };
            let whole = sums.whole[j] && !units.fractional[j];
            let unit = (units.shift[j], units.exponent[j]);
            let seen = centre(column, low, roots.as_deref(), unit, whole, out.rb_mut());
            if j >= d || sums.products.ncols() < d {
                sums.squares[j] += out.rb().squared_norm_l2();
            }
            sums.see(j, &Seen { whole: seen.whole || low.is_some(), ..seen });
        }
        slice.put(first, &group[..columns.len() * count]);
    }
}

/// Lets some columns come from memory while others are at work.
fn ask_for(rows: Block<'_>, columns: Range<usize>) {
    for j in columns.start..columns.end.min(rows.x.ncols()) {
        if let Some(column) = rows.x.col(j).try_as_col_major() {
            prefetch(column.as_slice());
        }
    }
}

/// [`GROUP`] columns of a slice without weights, low parts and whole numbers: the common case, centred and laid out
/// in one pass. It reads as many columns at once, because one of them is too short for the processor to see ahead.
struct PlainGroup<'a> {
    columns: [&'a [f64]; GROUP],
    /// Shift and scale, as [`centre`] has them.
    origins: [f64; GROUP],
    factors: [f64; GROUP],
}

impl<'a> PlainGroup<'a> {
    fn of(rows: Block<'a>, columns: &Range<usize>, units: &Units, sums: &Sums) -> Option<Self> {
        let plain = rows.weights.is_none()
            && rows.x_low.is_none()
            && columns.len() == GROUP
            && columns.end <= sums.products.ncols()
            && columns.clone().all(|j| units.fractional[j] || !sums.whole[j]);
        if !plain {
            return None;
        }
        let mut group = Self { columns: [&[]; GROUP], origins: [0.0; GROUP], factors: [0.0; GROUP] };
        for (k, j) in columns.clone().enumerate() {
            group.columns[k] = rows.x.col(j).try_as_col_major()?.as_slice();
            group.factors[k] = power_of_two(-units.exponent[j]);
            group.origins[k] = units.shift[j] * group.factors[k];
        }
        Some(group)
    }

    fn centre(&self, out: &mut [[f64; GROUP]]) -> [Seen; GROUP] {
        Arch::new().dispatch(CentreGroup { group: self, out })
    }
}

/// [`PlainGroup::centre`] for the dispatch on the processor.
struct CentreGroup<'a> {
    group: &'a PlainGroup<'a>,
    out: &'a mut [[f64; GROUP]],
}

impl WithSimd for CentreGroup<'_> {
    type Output = [Seen; GROUP];

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) -> Self::Output {
        let mut seen = [Seen { whole: false, ..Seen::default() }; GROUP];
        match S::F64_LANES {
            8 => self.columns::<S, 8>(simd, 0, &mut seen),
            4 => (0..GROUP).step_by(4).for_each(|first| self.columns::<S, 4>(simd, first, &mut seen)),
            2 => (0..GROUP).step_by(2).for_each(|first| self.columns::<S, 2>(simd, first, &mut seen)),
            _ => (0..GROUP).for_each(|first| self.columns::<S, 1>(simd, first, &mut seen)),
        }
        seen
    }
}

impl CentreGroup<'_> {
    /// `N` columns of the group, N being the numbers of a vector: one vector of each, turned into N rows.
    #[inline(always)]
    fn columns<S: Simd, const N: usize>(&mut self, simd: S, first: usize, seen: &mut [Seen; GROUP]) {
        let group = self.group;
        let parts: [(&[S::f64s], &[f64]); N] =
            std::array::from_fn(|k| S::as_simd_f64s(group.columns[first + k]));
        let factors: [S::f64s; N] = std::array::from_fn(|k| simd.splat_f64s(group.factors[first + k]));
        let origins: [S::f64s; N] = std::array::from_fn(|k| simd.splat_f64s(group.origins[first + k]));
        let mut sums = [simd.splat_f64s(0.0); N];
        let (mut lowest, mut highest) = ([simd.splat_f64s(EMPTY.0); N], [simd.splat_f64s(EMPTY.1); N]);
        let vectors = parts.iter().map(|part| part.0.len()).min().unwrap_or(0);
        for at in 0..vectors {
            let mut tile = [simd.splat_f64s(0.0); N];
            for k in 0..N {
                let x = parts[k].0[at];
                tile[k] = simd.sub_f64s(simd.mul_f64s(x, factors[k]), origins[k]);
                sums[k] = simd.add_f64s(sums[k], tile[k]);
                lowest[k] = simd.min_f64s(x, lowest[k]);
                highest[k] = simd.max_f64s(x, highest[k]);
            }
            transpose(simd, &mut tile);
            for (row, out) in tile.iter().zip(&mut self.out[at * N..]) {
                out[first..first + N].copy_from_slice(pulp::bytemuck::cast_slice(std::slice::from_ref(row)));
            }
        }
        for k in 0..N {
            let mut total = simd.reduce_sum_f64s(sums[k]);
            let mut range = (simd.reduce_min_f64s(lowest[k]), simd.reduce_max_f64s(highest[k]));
            for (i, x) in parts[k].1.iter().enumerate() {
                let value = x * group.factors[first + k] - group.origins[first + k];
                self.out[vectors * N + i][first + k] = value;
                total += value;
                range = hull(range, (*x, *x));
            }
            seen[first + k] = Seen { sum: total, range, whole: false };
        }
    }
}

/// What centring one column of a slice sees of it.
#[derive(Clone, Copy)]
pub(crate) struct Seen {
    sum: f64,
    range: Extremes,
    whole: bool,
}

impl Default for Seen {
    fn default() -> Self {
        Self { sum: 0.0, range: EMPTY, whole: true }
    }
}

/// Writes `(x + low − shift) · 2^−exponent · √s` and looks at the values on the way; whether they are whole
/// only where `whole` could still be true.
pub(crate) fn centre(
    x: faer::ColRef<'_, f64>,
    low: Option<faer::ColRef<'_, f64>>,
    roots: Option<&[f64]>,
    (shift, exponent): (f64, i32),
    whole: bool,
    out: ColMut<'_, f64>,
) -> Seen {
    // Scaling is exact, and before the subtraction it keeps that from overflowing.
    let factor = power_of_two(-exponent);
    let origin = shift * factor;
    let Some(out) = out.try_as_col_major_mut() else { return Seen::default() };
    let out = out.as_slice_mut();
    if low.is_none() {
        let mut gathered = Vec::new();
        let x = if let (Some(x), None) = (x.try_as_col_major(), roots) {
            x.as_slice()
        } else {
            // A row of weight 0 is absent, whatever it holds: one that is present stands in for it.
            let present = |i: usize| roots.is_none_or(|roots| roots[i] > 0.0);
            let Some(one) = (0..x.nrows()).find(|i| present(*i)) else {
                out.fill(0.0);
                return Seen::default();
            };
            gathered.extend(x.iter().enumerate().map(|(i, value)| if present(i) { *value } else { x[one] }));
            gathered.as_slice()
        };
        let seen = centre_plain(x, origin, factor, whole, out);
        return match roots {
            None => seen,
            Some(roots) => Seen { sum: weigh(roots, out), ..seen },
        };
    }
    let mut seen = Seen { whole, ..Seen::default() };
    for (i, out) in out.iter_mut().enumerate() {
        let root = roots.map_or(1.0, |roots| roots[i]);
        // A row of weight 0 is absent, whatever it holds.
        let value = if root > 0.0 { x[i] } else { shift };
        let low = if root > 0.0 { low.map_or(0.0, |low| low[i]) } else { 0.0 };
        *out = ((value * factor - origin) + low * factor) * root;
        seen.sum += *out * root;
        if root > 0.0 {
            seen.range = hull(seen.range, (value, value));
        }
        seen.whole &= root == 0.0 || is_whole(value);
    }
    seen
}

/// Whether a number of the data is a whole one, and so (below 2⁵³) free of rounding.
#[inline]
fn is_whole(value: f64) -> bool {
    value.round_ties_even() - value == 0.0 && value.abs() < 9_007_199_254_740_992.0
}

vectorised! {
/// [`centre`] without weights and low parts: passes over a slice that stays in the fastest cache, each simple
/// enough to become vector instructions.
fn centre_plain<'a>(x: &'a [f64], origin: f64, factor: f64, whole: bool, out: &'a mut [f64]) -> Seen {
    for (x, out) in x.iter().zip(out.iter_mut()) {
        *out = x * factor - origin;
    }
    let (mut sum, mut lowest, mut highest) = ([0.0; LANES], [EMPTY.0; LANES], [EMPTY.1; LANES]);
    let (chunks, rest) = out.as_chunks::<LANES>();
    for out in chunks {
        for k in 0..LANES {
            sum[k] += out[k];
        }
    }
    let mut seen = Seen { sum: sum.iter().sum::<f64>() + rest.iter().sum::<f64>(), range: EMPTY, whole };
    let (chunks, rest) = x.as_chunks::<LANES>();
    for x in chunks {
        for k in 0..LANES {
            lowest[k] = if x[k] < lowest[k] { x[k] } else { lowest[k] };
            highest[k] = if x[k] > highest[k] { x[k] } else { highest[k] };
        }
    }
    seen.range = (
        lowest.iter().chain(rest).copied().fold(EMPTY.0, f64::min),
        highest.iter().chain(rest).copied().fold(EMPTY.1, f64::max),
    );
    if whole {
        let mut broken = [0.0f64; LANES];
        for x in chunks {
            for k in 0..LANES {
                broken[k] += (x[k].round_ties_even() - x[k]).abs();
            }
        }
        seen.whole = magnitude(seen.range) < 9_007_199_254_740_992.0
            && broken.iter().all(|broken| *broken == 0.0)
            && rest.iter().all(|x| is_whole(*x));
    }
    seen
}
}

vectorised! {
/// Multiplies by the roots of the weights; returns the weighted sum of what was there.
fn weigh<'a>(roots: &'a [f64], out: &'a mut [f64]) -> f64 {
    for (root, out) in roots.iter().zip(out.iter_mut()) {
        *out *= root;
    }
    let mut sum = [0.0; LANES];
    let ((roots, roots_rest), (out, out_rest)) = (roots.as_chunks::<LANES>(), out.as_chunks::<LANES>());
    for (root, out) in roots.iter().zip(out) {
        for k in 0..LANES {
            sum[k] += root[k] * out[k];
        }
    }
    sum.iter().sum::<f64>() + roots_rest.iter().zip(out_rest).map(|(root, out)| root * out).sum::<f64>()
}
}

/// Interleaved sums, so that additions need not wait for each other.
const LANES: usize = 16;

/// Means and magnitudes of the first block: where the walk starts from.
fn provisional(rows: &dyn Rows) -> Result<Units> {
    let Shape { columns: d, outputs: c, .. } = rows.shape();
    let mut units =
        Units { shift: vec![0.0; d + c], exponent: vec![0; d + c], fractional: vec![false; d + c] };
    let Some(block) = rows.blocks().next() else { return Ok(units) };
    let block = block?;
    let block = block.view();
    for j in 0..d + c {
        let column = if j < d { block.x.col(j) } else { block.y.col(j - d) };
        let mut peak = 0.0f64;
        let used = |i: usize| block.weights.is_none_or(|weights| weights[i] > 0.0);
        (0..column.nrows()).filter(|i| used(*i)).for_each(|i| peak = peak.max(column[i].abs()));
        let exponent = unit_exponent(peak);
        // The plain mean of the rows in use, summed below the overflow threshold.
        let (mut sum, mut count) = (0.0, 0.0);
        for i in (0..column.nrows()).filter(|i| used(*i)) {
            sum += scale_by(column[i], -exponent);
            count += 1.0;
        }
        units.shift[j] = if count > 0.0 { scale_by(sum / count, exponent) } else { 0.0 };
        units.exponent[j] = exponent;
        units.fractional[j] = (0..column.nrows()).any(|i| used(i) && !is_whole(column[i]));
    }
    Ok(units)
}

/// One walk with the given units.
fn walk(rows: &dyn Rows, units: &Units, extent: Extent) -> Result<Sums> {
    let Shape { columns: d, outputs: c, .. } = rows.shape();
    let mut total = Sums::zero(d, c, extent);
    // What one block is done with serves another: fresh memory costs more than clearing it.
    let spare = Mutex::new(Vec::new());
    let spare = || spare.lock().unwrap_or_else(PoisonError::into_inner);
    let map = |block: Block<'_>| {
        let known = spare().pop();
        let (mut sums, mut slice) =
            known.unwrap_or_else(|| (Sums::zero(d, c, extent), Slice::zeros(0, d + c)));
        sums.clear();
        accumulate(block, units, &mut sums, &mut slice);
        (sums, slice)
    };
    map_reduce(rows, map, |(sums, slice)| {
        total.add(&sums);
        spare().push((sums, slice));
    })?;
    Ok(total)
}

impl Standard {
    /// One walk over the rows, two where their first block is unlike the rest.
    pub fn of(rows: &dyn Rows, extent: Extent) -> Result<Self> {
        let shape = rows.shape();
        let units = provisional(rows)?;
        let sums = walk(rows, &units, extent)?;
        let found = Self::centred(shape, &units, &sums);
        if found.is_reliable(&sums) {
            return Ok(found);
        }
        let units = Units {
            shift: found.mean.clone(),
            exponent: found.peak.iter().map(|peak| unit_exponent(*peak)).collect(),
            fractional: units.fractional,
        };
        let sums = walk(rows, &units, extent)?;
        Ok(Self::centred(shape, &units, &sums))
    }

    /// Centred, weighted rows `√s (x − x̄)`, `√s (y − ȳ)` in scaled units.
    pub fn centred_rows(&self, block: Block<'_>) -> Mat<f64> {
        let (d, c) = (block.x.ncols(), block.y.ncols());
        let factor: Vec<f64> = self.exponent.iter().map(|e| power_of_two(-e)).collect();
        let origin: Vec<f64> = self.mean.iter().zip(&factor).map(|(mean, factor)| mean * factor).collect();
        let roots = square_roots(block);
        Mat::from_fn(block.x.nrows(), d + c, |i, j| {
            if roots[i] == 0.0 {
                return 0.0;
            }
            let value = if j < d { block.x[(i, j)] } else { block.y[(i, j - d)] };
            let low = if j < d { block.x_low.map_or(0.0, |low| low[(i, j)]) } else { 0.0 };
            ((value * factor[j] - origin[j]) + low * factor[j]) * roots[i]
        })
    }

    /// Takes the difference between shift and mean out of the sums.
    fn centred(shape: Shape, units: &Units, sums: &Sums) -> Self {
        let Shape { columns: d, outputs: c, .. } = shape;
        let weight = sums.weight;
        // In scaled units.
        let offset: Vec<f64> =
            sums.sum.iter().map(|sum| if weight > 0.0 { sum / weight } else { 0.0 }).collect();
        let mut products = sums.products.clone();
        for j in 0..products.ncols() {
            for i in j..d + c {
                products[(i, j)] -= sums.sum[i] * offset[j];
            }
        }
        let own = |j: usize| {
            if j < products.ncols() { products[(j, j)] } else { sums.squares[j] - sums.sum[j] * offset[j] }
        };
        let squares = (0..d + c).map(|j| own(j).max(0.0)).collect();
        let peak: Vec<f64> = sums.range.iter().map(|range| magnitude(*range)).collect();
        let mean = (0..d + c)
            .map(|j| {
                let exact = units.shift[j] + scale_by(offset[j], units.exponent[j]);
                // The mean lies within the data; rounding at the edge of the range does not leave it.
                exact.clamp(-peak[j], peak[j])
            })
            .collect();
        Self {
            shape,
            total_weight: weight,
            positive_rows: sums.positive,
            mean,
            exponent: units.exponent.clone(),
            range: sums.range.clone(),
            peak,
            exact: sums.whole.clone(),
            products,
            squares,
        }
    }

    /// Whether the shift was close enough to the mean to cost less than a digit, and nothing overflowed or
    /// vanished.
    fn is_reliable(&self, sums: &Sums) -> bool {
        let d = self.shape.columns;
        (0..d + self.shape.outputs).all(|j| {
            let spread = self.squares[j];
            let lost = sums.sum[j] * (sums.sum[j] / sums.weight);
            let in_range = exponent_of(self.peak[j]).abs_diff(self.exponent[j]) < 400;
            (lost <= 8.0 * spread || sums.sum[j] == 0.0) && in_range
        })
    }

    /// Both triangles and the data's own units.
    fn in_user_units(&self) -> Moments {
        let Shape { columns: d, outputs: c, .. } = self.shape;
        let unit =
            |i: usize, j: usize, value: f64| scale_by(scale_by(value, self.exponent[i]), self.exponent[j]);
        Moments {
            shape: self.shape,
            total_weight: self.total_weight,
            positive_rows: self.positive_rows,
            mean_x: self.mean[..d].to_vec(),
            mean_y: self.mean[d..].to_vec(),
            sxx: Products::Formed(Mat::from_fn(d, d, |i, j| unit(i, j, self.products[(i.max(j), i.min(j))]))),
            sxy: Mat::from_fn(d, c, |j, k| unit(d + k, j, self.products[(d + k, j)])),
            syy: (0..c).map(|k| unit(d + k, d + k, self.squares[d + k])).collect(),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::data::Design;

    fn sample(n: usize, d: usize, c: usize, weighted: bool) -> Design {
        let mut state = 7u64;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 40) as f64 / 65536.0 - 100.0
        };
        let x = Mat::from_fn(n, d, |_, _| next());
        let y = Mat::from_fn(n, c, |_, _| next());
        let weights = weighted.then(|| (0..n).map(|i| (i % 3) as f64).collect());
        Design { x, x_low: None, y, weights }
    }

    fn close(a: f64, b: f64, scale: f64) {
        assert!((a - b).abs() <= 1e-13 * scale, "{a} against {b}");
    }

    #[test]
    fn moments_match_their_definition_with_and_without_weights() {
        for weighted in [false, true] {
            let design = sample(5000, 5, 2, weighted);
            let moments = Moments::of(&design).unwrap();
            let s = |i: usize| design.weights.as_ref().map_or(1.0, |weights| weights[i]);
            let total: f64 = (0..5000).map(s).sum();
            assert_eq!(moments.total_weight.to_bits(), total.to_bits());
            let mean = |v: &Mat<f64>, j: usize| (0..5000).map(|i| s(i) * v[(i, j)]).sum::<f64>() / total;
            let sum = |a: &Mat<f64>, j: usize, b: &Mat<f64>, k: usize| {
                let (p, q) = (mean(a, j), mean(b, k));
                (0..5000).map(|i| s(i) * (a[(i, j)] - p) * (b[(i, k)] - q)).sum::<f64>()
            };
            let scale = moments.sxx.square(0);
            let Products::Formed(sxx) = &moments.sxx else { unreachable!() };
            for j in 0..5 {
                close(moments.mean_x[j], mean(&design.x, j), 100.0);
                for k in 0..5 {
                    close(sxx[(j, k)], sum(&design.x, j, &design.x, k), scale);
                }
                for k in 0..2 {
                    close(moments.sxy[(j, k)], sum(&design.x, j, &design.y, k), scale);
                }
            }
            close(moments.syy[1], sum(&design.y, 1, &design.y, 1), scale);
        }
    }

    #[test]
    fn few_rows_are_kept_and_say_the_same() {
        let mut design = sample(5, 9, 2, true);
        design.x.col_as_slice_mut(3).iter_mut().for_each(|value| *value += 1e9);
        let held = Moments::of(&design).unwrap();
        let formed = Standard::of(&design, Extent::Products).unwrap().in_user_units();
        assert!(matches!(held.sxx, Products::Rows(_)));
        let scale = formed.sxx.square(0);
        for j in 0..9 {
            close(held.sxx.square(j), formed.sxx.square(j), scale);
            let both: Vec<f64> = (0..9).map(|k| f64::from(u8::from(k == j || k == 1))).collect();
            close(held.sxx.along(&both), formed.sxx.along(&both), scale);
            (0..2).for_each(|k| close(held.sxy[(j, k)], formed.sxy[(j, k)], scale));
        }
        (0..2).for_each(|k| close(held.syy[k], formed.syy[k], scale));
        assert_eq!(held.mean_x, formed.mean_x);
    }

    #[test]
    fn a_first_block_unlike_the_rest_costs_no_digits() {
        // 0 in the first block, then 1e9 with a spread of 1.
        let n = 40_000;
        let jump = |i: usize| if i < 8192 { 0.0 } else { 1e9 + (i % 2) as f64 };
        let x = Mat::from_fn(n, 1, |i, _| jump(i));
        let y = Mat::from_fn(n, 1, |i, _| jump(i));
        let moments = Moments::of(&Design { x, x_low: None, y, weights: None }).unwrap();
        let mean = (0..n).map(jump).sum::<f64>() / n as f64;
        let want: f64 = (0..n).map(|i| (jump(i) - mean).powi(2)).sum();
        close(moments.sxx.square(0), want, want);
        close(moments.mean_x[0], mean, mean);
    }

    #[test]
    fn large_and_small_units_neither_overflow_nor_vanish_before_they_must() {
        for exponent in [-990, 500, 990] {
            let design = sample(300, 1, 1, false);
            let x = Mat::from_fn(300, 1, |i, _| scale_by(design.x[(i, 0)], exponent));
            let plain = Standard::of(&design, Extent::Products).unwrap();
            let scaled = Standard::of(&Design { x, ..design }, Extent::Products).unwrap();
            let (a, b) = (scaled.exponent[0] - plain.exponent[0], exponent);
            assert_eq!(a, b);
            assert_eq!(plain.products[(0, 0)].to_bits(), scaled.products[(0, 0)].to_bits());
        }
    }

    #[test]
    fn rows_of_weight_zero_are_absent_whatever_they_hold() {
        let mut design = sample(9, 1, 1, true);
        design.x[(0, 0)] = f64::NAN;
        design.y[(3, 0)] = f64::INFINITY;
        let moments = Moments::of(&design).unwrap();
        assert_eq!(moments.positive_rows, 6);
        assert!(moments.sxx.square(0).is_finite() && moments.syy[0].is_finite());
    }
}
