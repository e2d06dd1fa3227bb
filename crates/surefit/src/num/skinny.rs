//! Products of many rows with a few, at most some dozens: the two halves of a pass over the data.
//!
//! A general matrix product packs both factors and is laid out for square ones. Here one factor is a handful of
//! rows, a tile of sums fits into the registers, and what is read of the large factor is used for all of the
//! handful at once: [`dots`] takes inner products of rows, [`combine`] adds multiples of rows. Which rows are long
//! and contiguous decides: a row-major design has its scores by [`dots`] and its gradient by [`combine`], a
//! column-major one the other way round. The register tiling is that of Goto and van de Geijn, "Anatomy of
//! high-performance matrix multiplication", ACM TOMS 34 (2008).

#![allow(clippy::inline_always, reason = "kernels must be compiled inside the dispatch on the processor")]

use pulp::{Arch, Simd, WithSimd};
use std::array::from_fn;

/// Numbers of a row that [`dots`] takes at a time, so that the handful stays in the first-level cache.
const CHUNK: usize = 512;

/// `out[i · step.0 + k · step.1] += aᵢ · bₖ`. All rows are as long as the shortest one is taken to be; `out` has room
/// for every pair.
pub(crate) fn dots(a: &[&[f64]], b: &[&[f64]], out: &mut [f64], step: (usize, usize)) {
    let length = a.iter().chain(b).map(|row| row.len()).min().unwrap_or(0);
    Arch::new().dispatch(Dots { a, b, out, step, length });
}

/// `outₖ += Σₜ factors[t · step + k] · aₜ`, one row of `out` for each k. Rows are as long as the shortest one.
pub(crate) fn combine(a: &[&[f64]], factors: &[f64], step: usize, out: &mut [&mut [f64]]) {
    let lengths = a.iter().map(|row| row.len()).chain(out.iter().map(|row| row.len()));
    let length = lengths.min().unwrap_or(0);
    Arch::new().dispatch(Combine { a, factors, step, out, length });
}

/// The widest handful of a tile, where there are 32 vector registers and where there are 16.
fn widest(lanes: usize) -> usize {
    if lanes == 8 { 12 } else { 6 }
}

/// Splits `count` into tiles of about the same width, none wider than `most`.
fn even(count: usize, most: usize) -> impl Iterator<Item = (usize, usize)> {
    let tiles = count.div_ceil(most).max(1);
    (0..tiles)
        .map(move |tile| (count * tile / tiles, count * (tile + 1) / tiles))
        .filter(|(from, to)| from < to)
}

/// Calls `$method::<S, HEIGHT, WIDTH>` for the width at hand, as high as the registers allow.
macro_rules! by_width {
    ($lanes:expr, $width:expr, $self:ident . $method:ident ( $($argument:expr),* )) => {
        match ($lanes == 8, $width) {
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

/// [`dots`] for the dispatch on the processor.
struct Dots<'a> {
    a: &'a [&'a [f64]],
    b: &'a [&'a [f64]],
    out: &'a mut [f64],
    step: (usize, usize),
    length: usize,
}

impl WithSimd for Dots<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        for from in (0..self.length).step_by(CHUNK) {
            let to = self.length.min(from + CHUNK);
            for (first, last) in even(self.b.len(), widest(S::F64_LANES)) {
                by_width!(S::F64_LANES, last - first, self.sweep(simd, (from, to), first));
            }
        }
    }
}

impl Dots<'_> {
    /// All rows of a with `C` rows of b from `first` on, for the numbers of a chunk.
    #[inline(always)]
    fn sweep<S: Simd, const R: usize, const C: usize>(
        &mut self,
        simd: S,
        chunk: (usize, usize),
        first: usize,
    ) {
        let b: [&[f64]; C] = from_fn(|k| &self.b[first + k][chunk.0..chunk.1]);
        let whole = self.a.len() / R * R;
        for i in (0..whole).step_by(R) {
            let a: [&[f64]; R] = from_fn(|r| &self.a[i + r][chunk.0..chunk.1]);
            self.tile::<S, R, C>(simd, a, b, (i, first));
        }
        for i in whole..self.a.len() {
            self.tile::<S, 1, C>(simd, [&self.a[i][chunk.0..chunk.1]], b, (i, first));
        }
    }

    #[inline(always)]
    fn tile<S: Simd, const R: usize, const C: usize>(
        &mut self,
        simd: S,
        a: [&[f64]; R],
        b: [&[f64]; C],
        place: (usize, usize),
    ) {
        let vectors = a[0].len() / S::F64_LANES;
        let (heads, others) = (a.map(|row| &S::as_simd_f64s(row).0[..vectors]), {
            let heads: [&[S::f64s]; C] = from_fn(|k| &S::as_simd_f64s(b[k]).0[..vectors]);
            heads
        });
        let mut sums = [[simd.splat_f64s(0.0); C]; R];
        for t in 0..vectors {
            let x: [S::f64s; R] = from_fn(|r| heads[r][t]);
            for k in 0..C {
                let w = others[k][t];
                for r in 0..R {
                    sums[r][k] = simd.mul_add_f64s(x[r], w, sums[r][k]);
                }
            }
        }
        let rest = vectors * S::F64_LANES;
        if rest < a[0].len() {
            let x: [S::f64s; R] = from_fn(|r| simd.partial_load_f64s(&a[r][rest..]));
            for k in 0..C {
                let w = simd.partial_load_f64s(&b[k][rest..]);
                for r in 0..R {
                    sums[r][k] = simd.mul_add_f64s(x[r], w, sums[r][k]);
                }
            }
        }
        for (r, sums) in sums.iter().enumerate() {
            for (k, sum) in sums.iter().enumerate() {
                let at = (place.0 + r) * self.step.0 + (place.1 + k) * self.step.1;
                self.out[at] += simd.reduce_sum_f64s(*sum);
            }
        }
    }
}

/// [`combine`] for the dispatch on the processor.
struct Combine<'a, 'o> {
    a: &'a [&'a [f64]],
    factors: &'a [f64],
    step: usize,
    out: &'a mut [&'o mut [f64]],
    length: usize,
}

impl WithSimd for Combine<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        for (first, last) in even(self.out.len(), widest(S::F64_LANES)) {
            by_width!(S::F64_LANES, last - first, self.sweep(simd, first));
        }
    }
}

impl Combine<'_, '_> {
    /// `C` rows of the result from `first` on.
    #[inline(always)]
    fn sweep<S: Simd, const L: usize, const C: usize>(&mut self, simd: S, first: usize) {
        let mut at = 0;
        while at + L * S::F64_LANES <= self.length {
            self.tile::<S, L, C>(simd, at, first);
            at += L * S::F64_LANES;
        }
        while at + S::F64_LANES <= self.length {
            self.tile::<S, 1, C>(simd, at, first);
            at += S::F64_LANES;
        }
        if at < self.length {
            self.rest::<S, C>(simd, at, first);
        }
    }

    /// `L` vectors of `C` rows.
    #[inline(always)]
    fn tile<S: Simd, const L: usize, const C: usize>(&mut self, simd: S, at: usize, first: usize) {
        let to = at + L * S::F64_LANES;
        let mut sums = [[simd.splat_f64s(0.0); L]; C];
        for (row, factors) in self.a.iter().zip(self.factors.chunks(self.step)) {
            let x: [S::f64s; L] = {
                let (x, _) = S::as_simd_f64s(&row[at..to]);
                from_fn(|l| x[l])
            };
            let factors = &factors[first..first + C];
            for k in 0..C {
                let factor = simd.splat_f64s(factors[k]);
                for l in 0..L {
                    sums[k][l] = simd.mul_add_f64s(x[l], factor, sums[k][l]);
                }
            }
        }
        for (k, sums) in sums.iter().enumerate() {
            let (out, _) = S::as_mut_simd_f64s(&mut self.out[first + k][at..to]);
            for (out, sum) in out.iter_mut().zip(sums) {
                *out = simd.add_f64s(*out, *sum);
            }
        }
    }

    /// What is less than a vector at the end of `C` rows.
    #[inline(always)]
    fn rest<S: Simd, const C: usize>(&mut self, simd: S, at: usize, first: usize) {
        let to = self.length;
        let mut sums = [simd.splat_f64s(0.0); C];
        for (row, factors) in self.a.iter().zip(self.factors.chunks(self.step)) {
            let x = simd.partial_load_f64s(&row[at..to]);
            let factors = &factors[first..first + C];
            for k in 0..C {
                sums[k] = simd.mul_add_f64s(x, simd.splat_f64s(factors[k]), sums[k]);
            }
        }
        for (k, sum) in sums.iter().enumerate() {
            let out = &mut self.out[first + k][at..to];
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
                let (a, b) = (views(&a), views(&b));
                let step = (width, 1);
                let kernel = |out| Dots { a: &a, b: &b, out, step, length };
                match how {
                    0 => dots(&a, &b, &mut out, step),
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
                let mut out = vec![vec![1.0; length]; width];
                {
                    let a = views(&a);
                    let mut out: Vec<&mut [f64]> = out.iter_mut().map(Vec::as_mut_slice).collect();
                    let step = width.max(1);
                    let kernel = |out| Combine { a: &a, factors: &factors, step, out, length };
                    match how {
                        0 => combine(&a, &factors, step, &mut out),
                        1 => kernel(&mut out).with_simd(Scalar::new()),
                        #[cfg(target_arch = "x86_64")]
                        _ if pulp::x86::V3::try_new().is_some() => {
                            Simd::vectorize(pulp::x86::V3::try_new().unwrap(), kernel(&mut out));
                        }
                        _ => return,
                    }
                }
                for (k, out) in out.iter().enumerate() {
                    for (j, out) in out.iter().enumerate() {
                        let want: f64 = (0..height).map(|t| a[t][j] * factors[t * width + k]).sum();
                        assert_eq!(out.to_bits(), (1.0 + want).to_bits(), "{k} {j}");
                    }
                }
            });
        }
    }
}
