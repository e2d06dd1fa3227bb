//! Products of many rows with a few, at most some dozens: the two halves of a pass over the data.
//!
//! A general matrix product packs both factors and is laid out for square ones. Here one factor is a handful of
//! rows, a square of sums fits into the registers, and what is read of the large factor is used for all of the
//! handful at once: [`dots`] takes inner products of rows, [`combine`] adds multiples of rows. Which rows are long
//! and contiguous decides: a row-major design has its scores by [`dots`] and its gradient by [`combine`], a
//! column-major one the other way round. The register tiling is that of Goto and van de Geijn, "Anatomy of
//! high-performance matrix multiplication", ACM TOMS 34 (2008).
//!
//! Single precision is widened in the registers. While both kernels compute, the rows that follow are asked for from
//! memory ([`Ahead`]).

#![allow(clippy::inline_always, reason = "kernels must be compiled inside the dispatch on the processor")]
#![allow(
    clippy::needless_range_loop,
    reason = "only loops of a constant length leave their sums in registers"
)]

use super::aligned::Aligned;
use super::simd::prefetch;
use crate::data::features::Number;
use pulp::{Arch, Simd, WithSimd};
use std::ops::Range;

/// Numbers of each row of a [`Panel`] that lie side by side: those of the widest vector.
const GROUP: usize = 8;
/// Numbers of the handful that [`dots`] uses at a time, about: with those of the rows they stay in the first-level cache.
const CHUNK: usize = 2048;

/// A handful of rows, some numbers of each in turn: `width` rows of `length` numbers, filled up with zeros to whole
/// groups. A kernel reads it from one place, however many rows it holds.
#[derive(Clone, Debug, Default)]
pub(crate) struct Panel {
    length: usize,
    width: usize,
    values: Aligned,
}

impl Panel {
    /// All 0.
    pub fn zeros(length: usize, width: usize) -> Self {
        Self { length, width, values: Aligned::zeros(length.div_ceil(GROUP) * GROUP * width) }
    }

    /// Becomes as [`Self::zeros`], in the room that it has.
    pub fn reset(&mut self, length: usize, width: usize) {
        (self.length, self.width) = (length, width);
        self.values.reset(length.div_ceil(GROUP) * GROUP * width);
    }

    /// Numbers of a row.
    pub fn length(&self) -> usize {
        self.length
    }

    /// Rows.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Where number `at` of row `k` is among [`Self::values`].
    #[inline(always)]
    pub fn place(&self, at: usize, k: usize) -> usize {
        (at / GROUP * self.width + k) * GROUP + at % GROUP
    }

    /// Takes these numbers as row `k`.
    pub fn set_row(&mut self, k: usize, numbers: impl Iterator<Item = f64>) {
        let groups = self.values.chunks_exact_mut(GROUP * self.width.max(1));
        let row = groups.filter_map(|group| group.chunks_exact_mut(GROUP).nth(k));
        row.flatten().zip(numbers).for_each(|(to, from)| *to = from);
    }

    /// The numbers of row `k`.
    pub fn row(&self, k: usize) -> impl Iterator<Item = f64> + '_ {
        let groups = self.values.chunks_exact(GROUP * self.width.max(1));
        let row = groups.filter_map(move |group| group.chunks_exact(GROUP).nth(k));
        row.flatten().copied().take(self.length)
    }

    /// Everything in its order, zeros at the end included: two panels of the same sizes agree in it.
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// See [`Self::values`].
    pub fn values_mut(&mut self) -> &mut [f64] {
        &mut self.values
    }

    /// Groups of a row.
    fn groups(&self) -> usize {
        self.length.div_ceil(GROUP)
    }
}

/// Rows that are to be read soon, asked for from memory line by line.
#[derive(Clone, Debug)]
pub(crate) struct Ahead<'a, V> {
    /// Lines at a time.
    pace: usize,
    rows: std::slice::Iter<'a, &'a [V]>,
    /// What is left of the row at hand.
    rest: &'a [V],
}

impl<'a, V> Ahead<'a, V> {
    /// As many rows as there are at hand: while [`dots`] and [`combine`] go over these.
    pub fn of_both(rows: &'a [&'a [V]]) -> Self {
        Self { pace: 1, rows: rows.iter(), rest: &[] }
    }

    /// The same while [`dots`] goes over them.
    pub fn of_dots(rows: &'a [&'a [V]]) -> Self {
        Self { pace: 2, ..Self::of_both(rows) }
    }

    /// None.
    pub fn nothing() -> Self {
        Self::of_both(&[])
    }

    /// The next lines.
    #[inline(always)]
    fn ask(&mut self) {
        for _ in 0..self.pace {
            if self.rest.is_empty() {
                self.rest = self.rows.next().copied().unwrap_or_default();
            }
            prefetch(self.rest.get(..1).unwrap_or_default());
            self.rest = self.rest.get(64 / size_of::<V>()..).unwrap_or_default();
        }
    }
}

/// `out[i · width + k] += aᵢ · bₖ`. Rows of a are as long as those of b; `out` has room for every pair, and `sums` is
/// scratch space.
pub(crate) fn dots<V: Number>(
    a: &[&[V]],
    b: &Panel,
    out: &mut [f64],
    sums: &mut Aligned,
    ahead: &mut Ahead<'_, V>,
) {
    let fits = a.iter().all(|row| row.len() == b.length) && out.len() >= a.len() * b.width;
    debug_assert!(fits, "rows of the same length and room for their products");
    if fits {
        Arch::new().dispatch(Dots { a, b, out, sums, ahead });
    }
}

/// `outₖ += Σₜ factors[t · width + k] · aₜ` for every row of `out`. Rows of a are as long as those of `out`.
pub(crate) fn combine<V: Number>(a: &[&[V]], factors: &[f64], out: &mut Panel, ahead: &mut Ahead<'_, V>) {
    let fits = a.iter().all(|row| row.len() == out.length) && factors.len() >= a.len() * out.width;
    debug_assert!(fits, "rows of the same length and a factor for each pair");
    if fits && out.width > 0 {
        Arch::new().dispatch(Combine { a, factors, out, ahead });
    }
}

/// `a · b`, of rows of the same length.
pub(crate) fn inner<V: Number>(a: &[V], b: &[V]) -> f64 {
    Arch::new().dispatch(Inner { a, b })
}

/// A group of a row in `f64`, zeros beyond its end.
#[inline(always)]
fn padded<V: Number>(rest: &[V]) -> [f64; GROUP] {
    std::array::from_fn(|i| rest.get(i).map_or(0.0, |x| x.wide()))
}

/// Splits `count` into parts of about the same width, none wider than `most`.
fn even(count: usize, most: usize) -> impl Iterator<Item = (usize, usize)> {
    let parts = count.div_ceil(most).max(1);
    (0..parts)
        .map(move |part| (count * part / parts, count * (part + 1) / parts))
        .filter(|(from, to)| from < to)
}

/// [`dots`] for the dispatch on the processor.
struct Dots<'a, 'v, V> {
    a: &'a [&'a [V]],
    b: &'a Panel,
    out: &'a mut [f64],
    sums: &'a mut Aligned,
    ahead: &'a mut Ahead<'v, V>,
}

impl<V: Number> WithSimd for Dots<'_, '_, V> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let (groups, count) = (self.b.groups(), self.a.len() * self.b.width);
        let step = (CHUNK / (GROUP * self.b.width.max(1))).max(4);
        let chunks = groups.div_ceil(step);
        // Sums of several chunks are kept as they are between these.
        self.sums.reset(if chunks > 1 { count * GROUP } else { 0 });
        for from in (0..groups).step_by(step) {
            let chunk = from..groups.min(from + step);
            // 24 sums at most where there are 32 vector registers, and 12 where there are 16.
            if S::F64_LANES == GROUP {
                for (first, last) in even(self.b.width, 12) {
                    self.whole(simd, &chunk, first, last - first);
                }
            } else if S::F64_LANES == 4 {
                self.narrow::<S, 2>(simd, &chunk);
            } else if S::F64_LANES == 2 {
                self.narrow::<S, 4>(simd, &chunk);
            } else {
                self.narrow::<S, 8>(simd, &chunk);
            }
        }
        for (out, sums) in self.out.iter_mut().zip(self.sums.chunks_exact(GROUP)) {
            *out += simd.reduce_sum_f64s(S::as_simd_f64s(sums).0[0]);
        }
    }
}

impl<V: Number> Dots<'_, '_, V> {
    /// `count` rows of b from `first` on, where a vector is a group.
    #[inline(always)]
    fn whole<S: Simd>(&mut self, simd: S, chunk: &Range<usize>, first: usize, count: usize) {
        match count {
            1 => self.sweep::<S, 8, 1, 1>(simd, chunk, first),
            2 => self.sweep::<S, 8, 2, 1>(simd, chunk, first),
            3 => self.sweep::<S, 8, 3, 1>(simd, chunk, first),
            4 => self.sweep::<S, 4, 4, 1>(simd, chunk, first),
            5 => self.sweep::<S, 4, 5, 1>(simd, chunk, first),
            6 => self.sweep::<S, 4, 6, 1>(simd, chunk, first),
            7 => self.sweep::<S, 2, 7, 1>(simd, chunk, first),
            8 => self.sweep::<S, 2, 8, 1>(simd, chunk, first),
            9 => self.sweep::<S, 2, 9, 1>(simd, chunk, first),
            10 => self.sweep::<S, 2, 10, 1>(simd, chunk, first),
            11 => self.sweep::<S, 2, 11, 1>(simd, chunk, first),
            _ => self.sweep::<S, 2, 12, 1>(simd, chunk, first),
        }
    }

    /// All rows of b for `V` vectors to a group.
    #[inline(always)]
    fn narrow<S: Simd, const N: usize>(&mut self, simd: S, chunk: &Range<usize>) {
        for (first, last) in even(self.b.width, 4) {
            match last - first {
                1 => self.sweep::<S, 8, 1, N>(simd, chunk, first),
                2 => self.sweep::<S, 4, 2, N>(simd, chunk, first),
                3 => self.sweep::<S, 4, 3, N>(simd, chunk, first),
                _ => self.sweep::<S, 2, 4, N>(simd, chunk, first),
            }
        }
    }

    /// All rows of a with `C` rows of b from `first` on, for the groups of a chunk.
    #[inline(always)]
    fn sweep<S: Simd, const R: usize, const C: usize, const N: usize>(
        &mut self,
        simd: S,
        chunk: &Range<usize>,
        first: usize,
    ) {
        let whole = self.a.len() / R * R;
        for i in (0..whole).step_by(R) {
            self.square::<S, R, C, N>(simd, chunk, i, first);
        }
        for i in whole..self.a.len() {
            self.square::<S, 1, C, N>(simd, chunk, i, first);
        }
    }

    /// The sums of `R` rows of a with `C` rows of b, `N` vectors to a group.
    #[inline(always)]
    fn square<S: Simd, const R: usize, const C: usize, const N: usize>(
        &mut self,
        simd: S,
        chunk: &Range<usize>,
        i: usize,
        first: usize,
    ) {
        let Self { a, b, out, sums: kept, ahead } = self;
        let width = b.width;
        let (from, to) = (chunk.start * GROUP, b.length.min(chunk.end * GROUP));
        let whole = (to - from) / GROUP;
        let (mut heads, mut tails): ([&[[V; GROUP]]; R], [&[V]; R]) = ([&[]; R], [&[]; R]);
        for r in 0..R {
            let (head, tail) = a[i + r][from..to].as_chunks::<GROUP>();
            (heads[r], tails[r]) = (&head[..whole], tail);
        }
        let mut sums = [[simd.splat_f64s(0.0); C]; R];
        if !kept.is_empty() {
            for r in 0..R {
                let kept = &kept[((i + r) * width + first) * GROUP..][..C * GROUP];
                for k in 0..C {
                    sums[r][k] = S::as_simd_f64s(&kept[k * GROUP..(k + 1) * GROUP]).0[0];
                }
            }
        }
        let panel = &b.values[chunk.start * width * GROUP..chunk.end * width * GROUP];
        let mut panels = panel.chunks_exact(width * GROUP);
        for (t, panel) in panels.by_ref().take(whole).enumerate() {
            // Half as many lines as are read; the others by `combine`, or two at a time.
            for _ in 0..R / 2 {
                ahead.ask();
            }
            let (w, _) = S::as_simd_f64s(&panel[first * GROUP..(first + C) * GROUP]);
            let mut rows = [[0.0; GROUP]; R];
            for r in 0..R {
                rows[r] = heads[r][t].map(V::wide);
            }
            for n in 0..N {
                let mut x = [simd.splat_f64s(0.0); R];
                for r in 0..R {
                    x[r] = S::as_simd_f64s(&rows[r]).0[n];
                }
                for k in 0..C {
                    for r in 0..R {
                        sums[r][k] = simd.mul_add_f64s(x[r], w[k * N + n], sums[r][k]);
                    }
                }
            }
        }
        if let Some(panel) = panels.next() {
            let (w, _) = S::as_simd_f64s(&panel[first * GROUP..(first + C) * GROUP]);
            for r in 0..R {
                let x = padded(tails[r]);
                let (x, _) = S::as_simd_f64s(&x);
                for k in 0..C {
                    for n in 0..N {
                        sums[r][k] = simd.mul_add_f64s(x[n], w[k * N + n], sums[r][k]);
                    }
                }
            }
        }
        for r in 0..R {
            let at = (i + r) * width + first;
            if kept.is_empty() {
                let out = &mut out[at..at + C];
                for k in 0..C {
                    out[k] += simd.reduce_sum_f64s(sums[r][k]);
                }
            } else {
                let kept = &mut kept[at * GROUP..][..C * GROUP];
                for k in 0..C {
                    S::as_mut_simd_f64s(&mut kept[k * GROUP..(k + 1) * GROUP]).0[0] = sums[r][k];
                }
            }
        }
    }
}

/// [`combine`] likewise.
struct Combine<'a, 'v, V> {
    a: &'a [&'a [V]],
    factors: &'a [f64],
    out: &'a mut Panel,
    ahead: &'a mut Ahead<'v, V>,
}

impl<V: Number> WithSimd for Combine<'_, '_, V> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        if S::F64_LANES == GROUP {
            for (first, last) in even(self.out.width, 12) {
                match last - first {
                    1 => self.sweep::<S, 2, 1, 1>(simd, first),
                    2 => self.sweep::<S, 2, 2, 1>(simd, first),
                    3 => self.sweep::<S, 2, 3, 1>(simd, first),
                    4 => self.sweep::<S, 2, 4, 1>(simd, first),
                    5 => self.sweep::<S, 2, 5, 1>(simd, first),
                    6 => self.sweep::<S, 2, 6, 1>(simd, first),
                    7 => self.sweep::<S, 2, 7, 1>(simd, first),
                    8 => self.sweep::<S, 2, 8, 1>(simd, first),
                    9 => self.sweep::<S, 2, 9, 1>(simd, first),
                    10 => self.sweep::<S, 2, 10, 1>(simd, first),
                    11 => self.sweep::<S, 2, 11, 1>(simd, first),
                    _ => self.sweep::<S, 2, 12, 1>(simd, first),
                }
            }
        } else if S::F64_LANES == 4 {
            self.narrow::<S, 2>(simd);
        } else if S::F64_LANES == 2 {
            self.narrow::<S, 4>(simd);
        } else {
            self.narrow::<S, 8>(simd);
        }
    }
}

impl<V: Number> Combine<'_, '_, V> {
    /// All rows of the result for `N` vectors to a group.
    #[inline(always)]
    fn narrow<S: Simd, const N: usize>(&mut self, simd: S) {
        for (first, last) in even(self.out.width, 6) {
            match last - first {
                1 => self.sweep::<S, 2, 1, N>(simd, first),
                2 => self.sweep::<S, 2, 2, N>(simd, first),
                3 => self.sweep::<S, 2, 3, N>(simd, first),
                4 => self.sweep::<S, 1, 4, N>(simd, first),
                5 => self.sweep::<S, 1, 5, N>(simd, first),
                _ => self.sweep::<S, 1, 6, N>(simd, first),
            }
        }
    }

    /// `C` rows of the result from `first` on, `G` groups of each at a time.
    #[inline(always)]
    fn sweep<S: Simd, const G: usize, const C: usize, const N: usize>(&mut self, simd: S, first: usize) {
        let (mut group, whole) = (0, self.out.length / GROUP);
        while group + G <= whole {
            self.square::<S, G, C, N, true>(simd, group, first);
            group += G;
        }
        while group < whole {
            self.square::<S, 1, C, N, true>(simd, group, first);
            group += 1;
        }
        if group < self.out.groups() {
            self.square::<S, 1, C, N, false>(simd, group, first);
        }
    }

    /// `G` groups of `C` rows, or the last one, which is not whole.
    #[inline(always)]
    fn square<S: Simd, const G: usize, const C: usize, const N: usize, const WHOLE: bool>(
        &mut self,
        simd: S,
        group: usize,
        first: usize,
    ) {
        let Self { a, factors, out, ahead } = self;
        let mut sums = [[[simd.splat_f64s(0.0); N]; G]; C];
        for (row, factors) in a.iter().zip(factors.chunks_exact(out.width)) {
            ahead.ask();
            let (groups, rest) = row.as_chunks::<GROUP>();
            let mut numbers = [[0.0; GROUP]; G];
            if WHOLE {
                let groups = &groups[group..group + G];
                for g in 0..G {
                    numbers[g] = groups[g].map(V::wide);
                }
            } else {
                numbers[0] = padded(rest);
            }
            let factors = &factors[first..first + C];
            for k in 0..C {
                let factor = simd.splat_f64s(factors[k]);
                for g in 0..G {
                    let (x, _) = S::as_simd_f64s(&numbers[g]);
                    for n in 0..N {
                        sums[k][g][n] = simd.mul_add_f64s(x[n], factor, sums[k][g][n]);
                    }
                }
            }
        }
        for g in 0..G {
            let place = ((group + g) * out.width + first) * GROUP;
            let to = &mut out.values[place..][..C * GROUP];
            for k in 0..C {
                let (to, _) = S::as_mut_simd_f64s(&mut to[k * GROUP..(k + 1) * GROUP]);
                for n in 0..N {
                    to[n] = simd.add_f64s(to[n], sums[k][g][n]);
                }
            }
        }
    }
}

/// [`inner`] likewise.
struct Inner<'a, V> {
    a: &'a [V],
    b: &'a [V],
}

impl<V: Number> WithSimd for Inner<'_, V> {
    type Output = f64;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> f64 {
        // So many that no addition waits for the one before.
        let mut lanes = [0.0; 4 * GROUP];
        let ((a, rest_a), (b, rest_b)) = (self.a.as_chunks(), self.b.as_chunks());
        for (a, b) in a.iter().zip(b) {
            let (a, b): (&[V; 4 * GROUP], &[V; 4 * GROUP]) = (a, b);
            for ((lane, a), b) in lanes.iter_mut().zip(a).zip(b) {
                *lane = a.wide().mul_add(b.wide(), *lane);
            }
        }
        let rest = rest_a.iter().zip(rest_b).map(|(a, b)| a.wide() * b.wide());
        lanes.iter().sum::<f64>() + rest.sum::<f64>()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use pulp::Scalar;

    const SIZES: [(usize, usize, usize); 10] = [
        (1, 1, 1),
        (7, 10, 33),
        (9, 3, 600),
        (2, 12, 8),
        (5, 25, 17),
        (3, 0, 4),
        (0, 2, 4),
        (4, 13, 0),
        (16, 5, 999),
        (3, 7, 24),
    ];

    /// Small whole numbers, so that every sum is exact in any order.
    fn number(i: usize, j: usize) -> f64 {
        ((i * 7 + j * j * 3 + i * j) % 19) as f64 - 9.0
    }

    fn rows(count: usize, length: usize, seed: usize) -> Vec<Vec<f64>> {
        (0..count).map(|i| (0..length).map(|j| number(i + seed, j)).collect()).collect()
    }

    fn views<V>(rows: &[Vec<V>]) -> Vec<&[V]> {
        rows.iter().map(Vec::as_slice).collect()
    }

    fn panel(rows: &[Vec<f64>], length: usize) -> Panel {
        let mut panel = Panel::zeros(length, rows.len());
        rows.iter().enumerate().for_each(|(k, row)| panel.set_row(k, row.iter().copied()));
        panel
    }

    /// Runs a kernel as this processor does, without vectors, and with those of AVX2.
    fn run<K: WithSimd<Output = ()>>(how: usize, kernel: K) {
        match how {
            0 => Arch::new().dispatch(kernel),
            1 => kernel.with_simd(Scalar::new()),
            #[cfg(target_arch = "x86_64")]
            _ if pulp::x86::V3::try_new().is_some() => {
                Simd::vectorize(pulp::x86::V3::try_new().unwrap(), kernel);
            }
            _ => Arch::new().dispatch(kernel),
        }
    }

    /// Inner products of `height` rows of numbers that `V` holds exactly, in `f64`.
    fn check_dots<V: Number>(narrowed: impl Fn(f64) -> V) {
        for (height, width, length) in SIZES {
            let (a, b) = (rows(height, length, 1), rows(width, length, 5));
            let stored: Vec<Vec<V>> =
                a.iter().map(|row| row.iter().map(|x| narrowed(*x)).collect()).collect();
            let (views, panel) = (views(&stored), panel(&b, length));
            for how in 0..3 {
                let (mut out, mut sums) = (vec![1.0; height * width], Aligned::default());
                let ahead = &mut Ahead::of_both(&views);
                run(how, Dots { a: &views, b: &panel, out: &mut out, sums: &mut sums, ahead });
                for i in 0..height {
                    for k in 0..width {
                        let want: f64 = (0..length).map(|t| a[i][t] * b[k][t]).sum();
                        assert_eq!(out[i * width + k].to_bits(), (1.0 + want).to_bits(), "{i} {k}");
                    }
                }
            }
        }
    }

    #[test]
    #[allow(clippy::cast_possible_truncation, reason = "small whole numbers")]
    fn dots_are_the_inner_products_on_every_processor() {
        check_dots(|x| x);
        check_dots(|x| x as f32);
    }

    /// Combinations of `height` rows of such numbers.
    fn check_combinations<V: Number>(narrowed: impl Fn(f64) -> V) {
        for (height, width, length) in SIZES.into_iter().filter(|(_, width, _)| *width > 0) {
            let a = rows(height, length, 1);
            let stored: Vec<Vec<V>> =
                a.iter().map(|row| row.iter().map(|x| narrowed(*x)).collect()).collect();
            let factors: Vec<f64> = rows(height, width, 3).concat();
            for how in 0..3 {
                let mut out = panel(&vec![vec![1.0; length]; width], length);
                let ahead = &mut Ahead::nothing();
                run(how, Combine { a: &views(&stored), factors: &factors, out: &mut out, ahead });
                for k in 0..width {
                    let out: Vec<f64> = out.row(k).collect();
                    assert_eq!(out.len(), length);
                    for (j, out) in out.iter().enumerate() {
                        let want: f64 = (0..height).map(|t| a[t][j] * factors[t * width + k]).sum();
                        assert_eq!(out.to_bits(), (1.0 + want).to_bits(), "{k} {j}");
                    }
                }
            }
        }
    }

    #[test]
    #[allow(clippy::cast_possible_truncation, reason = "small whole numbers")]
    fn combinations_are_those_of_the_definition_on_every_processor() {
        check_combinations(|x| x);
        check_combinations(|x| x as f32);
    }

    #[test]
    #[allow(clippy::cast_possible_truncation, reason = "small whole numbers")]
    fn inner_products_are_those_of_the_definition() {
        for length in [0, 1, 31, 32, 300] {
            let a = rows(2, length, 1);
            let want: f64 = a[0].iter().zip(&a[1]).map(|(a, b)| a * b).sum();
            let narrow: Vec<Vec<f32>> = a.iter().map(|row| row.iter().map(|x| *x as f32).collect()).collect();
            assert!(inner(&a[0], &a[1]) == want && inner(&narrow[0], &narrow[1]) == want, "{length}");
        }
    }
}
