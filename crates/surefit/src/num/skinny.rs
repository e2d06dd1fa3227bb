//! Products of many rows with a few, at most some dozens: the two halves of a pass over the data.
//!
//! A general matrix product packs both factors and is laid out for square ones. Here one factor is a handful of
//! rows, a tile of sums fits into the registers, and what is read of the large factor is used for all of the
//! handful at once: [`dots`] takes inner products of rows, [`combine`] adds multiples of rows. Which rows are long
//! and contiguous decides: a row-major design has its scores by [`dots`] and its gradient by [`combine`], a
//! column-major one the other way round. The register tiling is that of Goto and van de Geijn, "Anatomy of
//! high-performance matrix multiplication", ACM TOMS 34 (2008).

#![allow(clippy::inline_always, reason = "kernels must be compiled inside the dispatch on the processor")]

use super::simd::prefetch;
use pulp::{Arch, Simd, WithSimd};

/// Numbers of each row of a [`Panel`] that lie side by side: those of the widest vector.
const GROUP: usize = 8;
/// Groups that [`dots`] takes at a time, so that the rows at hand stay in the first-level cache.
const CHUNK: usize = 64;

/// A handful of rows, some numbers of each in turn: `width` rows of `length` numbers, filled up with zeros to whole
/// groups. A tile reads it from one place, however many rows it holds.
#[derive(Clone, Debug, Default)]
pub(crate) struct Panel {
    length: usize,
    width: usize,
    values: Vec<f64>,
}

impl Panel {
    /// All 0.
    pub fn zeros(length: usize, width: usize) -> Self {
        Self { length, width, values: vec![0.0; length.div_ceil(GROUP) * GROUP * width] }
    }

    /// Becomes as [`Self::zeros`], in the room that it has.
    pub fn reset(&mut self, length: usize, width: usize) {
        (self.length, self.width) = (length, width);
        self.values.clear();
        self.values.resize(length.div_ceil(GROUP) * GROUP * width, 0.0);
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
}

/// `out[i · width + k] += aᵢ · bₖ`. Rows of a are as long as those of b; `out` has room for every pair. Of the rows
/// that are `upcoming` the first ones are asked for from memory meanwhile.
pub(crate) fn dots(a: &[&[f64]], b: &Panel, out: &mut [f64], upcoming: &[&[f64]]) {
    let fits = a.iter().all(|row| row.len() == b.length) && out.len() >= a.len() * b.width;
    debug_assert!(fits, "rows of the same length and room for their products");
    if fits {
        Arch::new().dispatch(Dots { a, b, out, upcoming });
    }
}

/// `outₖ += Σₜ factors[t · width + k] · aₜ` for every row of `out`. Rows of a are as long as those of `out`.
pub(crate) fn combine(a: &[&[f64]], factors: &[f64], out: &mut Panel) {
    let fits = a.iter().all(|row| row.len() == out.length) && factors.len() >= a.len() * out.width;
    debug_assert!(fits, "rows of the same length and a factor for each pair");
    if fits && out.width > 0 {
        Arch::new().dispatch(Combine { a, factors, out });
    }
}

/// Splits `count` into tiles of about the same width, none wider than `most`.
fn even(count: usize, most: usize) -> impl Iterator<Item = (usize, usize)> {
    let tiles = count.div_ceil(most).max(1);
    (0..tiles)
        .map(move |tile| (count * tile / tiles, count * (tile + 1) / tiles))
        .filter(|(from, to)| from < to)
}

/// [`dots`] for the dispatch on the processor.
struct Dots<'a> {
    a: &'a [&'a [f64]],
    b: &'a Panel,
    out: &'a mut [f64],
    upcoming: &'a [&'a [f64]],
}

impl WithSimd for Dots<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let groups = self.b.length.div_ceil(GROUP);
        for from in (0..groups).step_by(CHUNK) {
            let chunk = (from, groups.min(from + CHUNK));
            // Tiles of 24 sums at most where there are 32 vector registers, and of 12 where there are 16.
            if S::F64_LANES == GROUP {
                for (first, last) in even(self.b.width, 6) {
                    match last - first {
                        1 => self.sweep::<S, 8, 1, 1>(simd, chunk, first),
                        2 => self.sweep::<S, 8, 2, 1>(simd, chunk, first),
                        3 => self.sweep::<S, 8, 3, 1>(simd, chunk, first),
                        4 => self.sweep::<S, 4, 4, 1>(simd, chunk, first),
                        5 => self.sweep::<S, 4, 5, 1>(simd, chunk, first),
                        _ => self.sweep::<S, 4, 6, 1>(simd, chunk, first),
                    }
                }
            } else if S::F64_LANES == 4 {
                self.narrow::<S, 2>(simd, chunk);
            } else if S::F64_LANES == 2 {
                self.narrow::<S, 4>(simd, chunk);
            } else {
                self.narrow::<S, 8>(simd, chunk);
            }
        }
    }
}

impl Dots<'_> {
    /// All tiles of a chunk for `V` vectors to a group.
    #[inline(always)]
    fn narrow<S: Simd, const V: usize>(&mut self, simd: S, chunk: (usize, usize)) {
        for (first, last) in even(self.b.width, 4) {
            match last - first {
                1 => self.sweep::<S, 8, 1, V>(simd, chunk, first),
                2 => self.sweep::<S, 4, 2, V>(simd, chunk, first),
                3 => self.sweep::<S, 4, 3, V>(simd, chunk, first),
                _ => self.sweep::<S, 2, 4, V>(simd, chunk, first),
            }
        }
    }

    /// All rows of a with `C` rows of b from `first` on, for the groups of a chunk.
    #[inline(always)]
    fn sweep<S: Simd, const R: usize, const C: usize, const V: usize>(
        &mut self,
        simd: S,
        chunk: (usize, usize),
        first: usize,
    ) {
        let whole = self.a.len() / R * R;
        for i in (0..whole).step_by(R) {
            self.tile::<S, R, C, V>(simd, chunk, i, first);
        }
        for i in whole..self.a.len() {
            self.tile::<S, 1, C, V>(simd, chunk, i, first);
        }
    }

    /// The sums of `R` rows of a with `C` rows of b.
    #[inline(always)]
    fn tile<S: Simd, const R: usize, const C: usize, const V: usize>(
        &mut self,
        simd: S,
        (from, to): (usize, usize),
        i: usize,
        first: usize,
    ) {
        let stride = GROUP * self.b.width;
        let panel = &self.b.values[from * stride..to * stride];
        let numbers = (from * GROUP, self.b.length.min(to * GROUP));
        let whole = (numbers.1 - numbers.0) / GROUP;
        let (mut heads, mut tails): ([&[[f64; GROUP]]; R], [&[f64]; R]) = ([&[]; R], [&[]; R]);
        for r in 0..R {
            let (head, tail) = self.a[i + r][numbers.0..numbers.1].as_chunks::<GROUP>();
            (heads[r], tails[r]) = (&head[..whole], tail);
        }
        // The rows of the next tile, once.
        let mut ahead: [&[[f64; GROUP]]; R] = [&[]; R];
        for r in (0..R).filter(|_| first == 0) {
            let place = i + R + r;
            let row = self.a.get(place).or_else(|| self.upcoming.get(place - self.a.len()));
            ahead[r] = row.and_then(|row| row.get(numbers.0..numbers.1)).map_or(&[], |row| row.as_chunks().0);
        }
        let mut sums = [[simd.splat_f64s(0.0); C]; R];
        for (t, panel) in panel.chunks_exact(stride).take(whole).enumerate() {
            for ahead in ahead {
                if let Some(line) = ahead.get(t) {
                    prefetch(line);
                }
            }
            let panel = &panel[first * GROUP..(first + C) * GROUP];
            let (w, _) = S::as_simd_f64s(panel);
            for v in 0..V {
                let mut x = [simd.splat_f64s(0.0); R];
                for r in 0..R {
                    x[r] = S::as_simd_f64s(&heads[r][t]).0[v];
                }
                for k in 0..C {
                    for r in 0..R {
                        sums[r][k] = simd.mul_add_f64s(x[r], w[k * V + v], sums[r][k]);
                    }
                }
            }
        }
        if let Some(panel) = panel.chunks_exact(stride).nth(whole) {
            for r in 0..R {
                let mut x = [0.0; GROUP];
                x[..tails[r].len()].copy_from_slice(tails[r]);
                let (x, _) = S::as_simd_f64s(&x);
                for k in 0..C {
                    let (w, _) = S::as_simd_f64s(&panel[(first + k) * GROUP..(first + k + 1) * GROUP]);
                    for v in 0..V {
                        sums[r][k] = simd.mul_add_f64s(x[v], w[v], sums[r][k]);
                    }
                }
            }
        }
        for (r, sums) in sums.iter().enumerate() {
            let at = (i + r) * self.b.width + first;
            for (out, sum) in self.out[at..at + C].iter_mut().zip(sums) {
                *out += simd.reduce_sum_f64s(*sum);
            }
        }
    }
}

/// Calls `$method::<S, HEIGHT, WIDTH>` for the width at hand, as high as the registers allow.
macro_rules! by_width {
    ($lanes:expr, $width:expr, $self:ident . $method:ident ( $($argument:expr),* )) => {
        match ($lanes == GROUP, $width) {
            (_, 1) => $self.$method::<S, 8, 1>($($argument),*),
            (true, 2) => $self.$method::<S, 8, 2>($($argument),*),
            (true, 3) => $self.$method::<S, 6, 3>($($argument),*),
            (true, 4) => $self.$method::<S, 5, 4>($($argument),*),
            (true, 5) => $self.$method::<S, 4, 5>($($argument),*),
            (true, 6) => $self.$method::<S, 4, 6>($($argument),*),
            (true, 7) => $self.$method::<S, 3, 7>($($argument),*),
            (true, 8) => $self.$method::<S, 3, 8>($($argument),*),
            (true, 9) => $self.$method::<S, 2, 9>($($argument),*),
            (true, 10) => $self.$method::<S, 2, 10>($($argument),*),
            (true, 11) => $self.$method::<S, 2, 11>($($argument),*),
            (true, _) => $self.$method::<S, 2, 12>($($argument),*),
            (false, 2) => $self.$method::<S, 5, 2>($($argument),*),
            (false, 3) => $self.$method::<S, 4, 3>($($argument),*),
            (false, 4) => $self.$method::<S, 3, 4>($($argument),*),
            (false, 5) => $self.$method::<S, 2, 5>($($argument),*),
            (false, _) => $self.$method::<S, 2, 6>($($argument),*),
        }
    };
}

/// [`combine`] for the dispatch on the processor.
struct Combine<'a> {
    a: &'a [&'a [f64]],
    factors: &'a [f64],
    out: &'a mut Panel,
}

impl WithSimd for Combine<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let most = if S::F64_LANES == GROUP { 12 } else { 6 };
        for (first, last) in even(self.out.width, most) {
            by_width!(S::F64_LANES, last - first, self.sweep(simd, first));
        }
    }
}

impl Combine<'_> {
    /// `C` rows of the result from `first` on.
    #[inline(always)]
    fn sweep<S: Simd, const L: usize, const C: usize>(&mut self, simd: S, first: usize) {
        let (mut at, length) = (0, self.out.length);
        while at + L * S::F64_LANES <= length {
            self.tile::<S, L, C>(simd, at, first);
            at += L * S::F64_LANES;
        }
        while at + S::F64_LANES <= length {
            self.tile::<S, 1, C>(simd, at, first);
            at += S::F64_LANES;
        }
        if at < length {
            self.rest::<S, C>(simd, at, first);
        }
    }

    /// `L` vectors of `C` rows.
    #[inline(always)]
    fn tile<S: Simd, const L: usize, const C: usize>(&mut self, simd: S, at: usize, first: usize) {
        let (to, width) = (at + L * S::F64_LANES, self.out.width);
        let mut sums = [[simd.splat_f64s(0.0); L]; C];
        for (row, factors) in self.a.iter().zip(self.factors.chunks_exact(width)) {
            let (vectors, _) = S::as_simd_f64s(&row[at..to]);
            let mut x = [simd.splat_f64s(0.0); L];
            x.copy_from_slice(&vectors[..L]);
            let factors = &factors[first..first + C];
            for k in 0..C {
                let factor = simd.splat_f64s(factors[k]);
                for l in 0..L {
                    sums[k][l] = simd.mul_add_f64s(x[l], factor, sums[k][l]);
                }
            }
        }
        for (k, sums) in sums.iter().enumerate() {
            for (l, sum) in sums.iter().enumerate() {
                let place = self.out.place(at + l * S::F64_LANES, first + k);
                let (out, _) = S::as_mut_simd_f64s(&mut self.out.values[place..place + S::F64_LANES]);
                for out in out {
                    *out = simd.add_f64s(*out, *sum);
                }
            }
        }
    }

    /// What is less than a vector at the end of `C` rows.
    #[inline(always)]
    fn rest<S: Simd, const C: usize>(&mut self, simd: S, at: usize, first: usize) {
        let (to, width) = (self.out.length, self.out.width);
        let mut sums = [simd.splat_f64s(0.0); C];
        for (row, factors) in self.a.iter().zip(self.factors.chunks_exact(width)) {
            let x = simd.partial_load_f64s(&row[at..to]);
            let factors = &factors[first..first + C];
            for k in 0..C {
                sums[k] = simd.mul_add_f64s(x, simd.splat_f64s(factors[k]), sums[k]);
            }
        }
        for (k, sum) in sums.iter().enumerate() {
            let place = self.out.place(at, first + k);
            let out = &mut self.out.values[place..place + to - at];
            let all = simd.add_f64s(simd.partial_load_f64s(out), *sum);
            simd.partial_store_f64s(out, all);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use pulp::Scalar;

    /// Small whole numbers, so that every sum is exact in any order.
    fn number(i: usize, j: usize) -> f64 {
        ((i * 7 + j * j * 3 + i * j) % 19) as f64 - 9.0
    }

    fn rows(count: usize, length: usize, seed: usize) -> Vec<Vec<f64>> {
        (0..count).map(|i| (0..length).map(|j| number(i + seed, j)).collect()).collect()
    }

    fn views(rows: &[Vec<f64>]) -> Vec<&[f64]> {
        rows.iter().map(Vec::as_slice).collect()
    }

    fn panel(rows: &[Vec<f64>], length: usize) -> Panel {
        let mut panel = Panel::zeros(length, rows.len());
        rows.iter().enumerate().for_each(|(k, row)| panel.set_row(k, row.iter().copied()));
        panel
    }

    /// Runs a kernel as this processor does, without vectors, and with those of AVX2.
    fn everywhere(run: &dyn Fn(usize)) {
        (0..3).for_each(run);
    }

    #[test]
    fn dots_are_the_inner_products_on_every_processor() {
        for (height, width, length) in
            [(1, 1, 1), (7, 10, 33), (9, 3, 600), (2, 12, 8), (5, 25, 17), (3, 0, 4), (0, 2, 4), (4, 13, 0)]
        {
            let (a, b) = (rows(height, length, 1), rows(width, length, 5));
            everywhere(&|how| {
                let mut out = vec![1.0; height * width];
                let (views, panel) = (views(&a), panel(&b, length));
                let kernel = |out| Dots { a: &views, b: &panel, out, upcoming: &views };
                match how {
                    0 => dots(&views, &panel, &mut out, &[]),
                    1 => kernel(&mut out).with_simd(Scalar::new()),
                    #[cfg(target_arch = "x86_64")]
                    _ if pulp::x86::V3::try_new().is_some() => {
                        Simd::vectorize(pulp::x86::V3::try_new().unwrap(), kernel(&mut out));
                    }
                    _ => return,
                }
                for i in 0..height {
                    for k in 0..width {
                        let want: f64 = (0..length).map(|t| a[i][t] * b[k][t]).sum();
                        assert_eq!(out[i * width + k].to_bits(), (1.0 + want).to_bits(), "{i} {k}");
                    }
                }
            });
        }
    }

    #[test]
    fn combinations_are_those_of_the_definition_on_every_processor() {
        for (height, width, length) in
            [(1, 1, 1), (7, 10, 33), (9, 3, 600), (2, 12, 8), (5, 25, 17), (3, 0, 4), (0, 2, 4), (4, 13, 0)]
        {
            let a = rows(height, length, 1);
            let factors: Vec<f64> = rows(height, width, 3).concat();
            everywhere(&|how| {
                let mut out = panel(&vec![vec![1.0; length]; width], length);
                let a_views = views(&a);
                let kernel = |out| Combine { a: &a_views, factors: &factors, out };
                match how {
                    0 => combine(&a_views, &factors, &mut out),
                    _ if width == 0 => return,
                    1 => kernel(&mut out).with_simd(Scalar::new()),
                    #[cfg(target_arch = "x86_64")]
                    _ if pulp::x86::V3::try_new().is_some() => {
                        Simd::vectorize(pulp::x86::V3::try_new().unwrap(), kernel(&mut out));
                    }
                    _ => return,
                }
                for k in 0..width {
                    let out: Vec<f64> = out.row(k).collect();
                    assert_eq!(out.len(), length);
                    for (j, out) in out.iter().enumerate() {
                        let want: f64 = (0..height).map(|t| a[t][j] * factors[t * width + k]).sum();
                        assert_eq!(out.to_bits(), (1.0 + want).to_bits(), "{k} {j}");
                    }
                }
            });
        }
    }
}
