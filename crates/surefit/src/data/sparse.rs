//! Sparse rows times d × c weights, at most some dozens a feature: the two halves of a pass over rows that hold few of
//! many features.
//!
//! A feature's weights lie side by side, filled up with zeros to a power of two or to whole cache lines, so that an
//! entry of a row costs no more lines than it must, its sums stay in registers, and what comes next is asked for from
//! memory in time: the places are known beforehand, but the processor does not see far enough ahead.

#![allow(clippy::inline_always, reason = "kernels must be compiled inside the dispatch on the processor")]

use super::features::{Index, Number};
use crate::num::aligned::{Aligned, LINE};
use crate::num::simd::prefetch;
use faer::Mat;
use pulp::{Arch, NullaryFnOnce};

/// Numbers of a feature that are summed at a time.
const WIDEST: usize = 32;
/// Entries of a row that are asked for in advance.
const AHEAD: usize = 16;

/// d × c numbers, those of a feature side by side.
#[derive(Clone, Debug, Default)]
pub(crate) struct ByFeature {
    outputs: usize,
    /// Numbers of a feature, those that fill it up included.
    stride: usize,
    numbers: Aligned,
}

impl ByFeature {
    /// All 0.
    pub fn zeros(features: usize, outputs: usize) -> Self {
        let mut out = Self::default();
        out.reset(features, outputs);
        out
    }

    /// Becomes as [`Self::zeros`], in the room that it has.
    pub fn reset(&mut self, features: usize, outputs: usize) {
        let stride =
            if outputs < LINE { outputs.next_power_of_two() } else { outputs.next_multiple_of(LINE) };
        (self.outputs, self.stride) = (outputs, stride);
        self.numbers.reset(features * stride);
    }

    /// Becomes c columns, in the room that it has.
    pub fn copy(&mut self, weights: &Mat<f64>) {
        self.reset(weights.nrows(), weights.ncols());
        let stride = self.stride;
        for k in 0..weights.ncols() {
            let to = self.numbers_mut().iter_mut().skip(k).step_by(stride);
            to.zip(weights.col_as_slice(k)).for_each(|(to, from)| *to = *from);
        }
    }

    /// Everything in its order, zeros that fill up included: two of the same sizes agree in it.
    pub fn numbers(&self) -> &[f64] {
        &self.numbers
    }

    /// See [`Self::numbers`].
    pub fn numbers_mut(&mut self) -> &mut [f64] {
        &mut self.numbers
    }

    /// c.
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// Numbers of a feature in [`Self::numbers`].
    pub fn stride(&self) -> usize {
        self.stride
    }

    /// Number `k` of every feature, of numbers in the order of [`Self::numbers`].
    pub fn column<'n>(&self, numbers: &'n [f64], k: usize) -> impl Iterator<Item = f64> + 'n {
        numbers.iter().skip(k).step_by(self.stride.max(1)).copied()
    }
}

/// `z += Σ xⱼ wⱼ` for one row.
#[inline]
pub(crate) fn add_scores<V: Number, I: Index>(row: (&[I], &[V]), weights: &ByFeature, z: &mut [f64]) {
    let (numbers, stride) = (weights.numbers(), weights.stride);
    if let [z] = z {
        *z += inner(row, numbers);
        return;
    }
    for (at, z) in z.chunks_mut(WIDEST).enumerate() {
        add_some_scores(Scores { row, weights: numbers, stride, at: at * WIDEST, z, base: None });
    }
}

#[inline]
fn add_some_scores<V: Number, I: Index>(scores: Scores<'_, V, I>) {
    match scores.z.len().min(scores.stride - scores.at) {
        0..=2 => Arch::new().dispatch(Lanes::<_, 2>(scores)),
        3..=4 => Arch::new().dispatch(Lanes::<_, 4>(scores)),
        5..=8 => Arch::new().dispatch(Lanes::<_, 8>(scores)),
        9..=16 => Arch::new().dispatch(Lanes::<_, 16>(scores)),
        17..=24 => Arch::new().dispatch(Lanes::<_, 24>(scores)),
        _ => Arch::new().dispatch(Lanes::<_, 32>(scores)),
    }
}

/// `Z = XW + b` for some rows, Z row by row, b in each of them: the same bits as of row after row. Of many outputs some are done for all
/// rows before the next ones, so that their weights stay in the second-level cache.
pub(crate) fn all_scores<'r, V: Number + 'r, I: Index + 'r>(
    row: impl Fn(usize) -> (&'r [I], &'r [V]),
    weights: &ByFeature,
    intercept: &[f64],
    z: &mut [f64],
) {
    let c = weights.outputs.max(1);
    if let ([b], 1) = (intercept, c) {
        z.iter_mut().enumerate().for_each(|(i, z)| *z = b + inner(row(i), weights.numbers()));
        return;
    }
    let (numbers, stride) = (weights.numbers(), weights.stride);
    for at in (0..c).step_by(WIDEST) {
        for (i, z) in z.chunks_exact_mut(c).enumerate() {
            let (from, to) = (at, c.min(at + WIDEST));
            let (z, base) = (&mut z[from..to], intercept.get(from..to));
            add_some_scores(Scores { row: row(i), weights: numbers, stride, at, z, base });
        }
    }
}

/// `sums[j − from] += Σᵢ xᵢⱼ gᵢ`, g row by row of c numbers, in the order of the rows; otherwise as [`add_multiples`].
pub(crate) fn add_all_multiples<'r, V: Number + 'r, I: Index + 'r>(
    row: impl Fn(usize) -> (&'r [I], &'r [V]),
    from: usize,
    (g, c): (&[f64], usize),
    sums: &mut [f64],
    stride: usize,
) {
    for at in (0..c).step_by(WIDEST) {
        for (i, g) in g.chunks_exact(c).enumerate() {
            let g = &g[at..c.min(at + WIDEST)];
            if g.iter().any(|g| *g != 0.0) {
                add_some_multiples(Multiples { row: row(i), from, g, sums, stride, at });
            }
        }
    }
}

/// Asks for a row that is soon to come.
#[inline]
pub(crate) fn ask_for_row<V, I>((indices, values): (&[I], &[V])) {
    prefetch(indices);
    prefetch(values);
}

/// Asks for the weights of the first entries of a row.
#[inline]
pub(crate) fn ask_for_weights<I: Index>(indices: &[I], weights: &ByFeature) {
    let (numbers, stride) = (weights.numbers(), weights.stride);
    for j in indices.iter().take(AHEAD).filter_map(|j| j.place()) {
        prefetch(numbers.get(j * stride..(j + 1) * stride).unwrap_or_default());
    }
}

/// `sums[j − from] += xⱼ g` for one row; `sums` are the numbers of a [`ByFeature`] of `stride` from feature `from` on.
#[inline]
pub(crate) fn add_multiples<V: Number, I: Index>(
    row: (&[I], &[V]),
    from: usize,
    g: &[f64],
    sums: &mut [f64],
    stride: usize,
) {
    // Whole lines of zeros change nothing, and most rows of an ascent move few outputs.
    let some = |line: &[f64]| line.iter().any(|g| *g != 0.0);
    let Some(first) = g.chunks(LINE).position(some) else { return };
    let last = g.chunks(LINE).rposition(some).unwrap_or(first);
    let first = first * LINE;
    for (at, g) in g[first..g.len().min((last + 1) * LINE)].chunks(WIDEST).enumerate() {
        add_some_multiples(Multiples { row, from, g, sums, stride, at: first + at * WIDEST });
    }
}

#[inline]
fn add_some_multiples<V: Number, I: Index>(multiples: Multiples<'_, V, I>) {
    match multiples.g.len() {
        0..=1 => Arch::new().dispatch(Lanes::<_, 1>(multiples)),
        2 => Arch::new().dispatch(Lanes::<_, 2>(multiples)),
        3..=4 => Arch::new().dispatch(Lanes::<_, 4>(multiples)),
        5..=8 => Arch::new().dispatch(Lanes::<_, 8>(multiples)),
        9..=16 => Arch::new().dispatch(Lanes::<_, 16>(multiples)),
        17..=24 => Arch::new().dispatch(Lanes::<_, 24>(multiples)),
        _ => Arch::new().dispatch(Lanes::<_, 32>(multiples)),
    }
}

/// The score of a row where there is one output: in four sums, so that none waits for the one before.
fn inner<V: Number, I: Index>((indices, values): (&[I], &[V]), weights: &[f64]) -> f64 {
    let weight = |j: &I| j.place().and_then(|j| weights.get(j)).copied().unwrap_or(0.0);
    let (indices, values) = (indices.as_chunks::<4>(), values.as_chunks::<4>());
    let mut lanes = [0.0; 4];
    for (j, x) in indices.0.iter().zip(values.0) {
        for ((lane, j), x) in lanes.iter_mut().zip(j).zip(x) {
            *lane += x.wide() * weight(j);
        }
    }
    let rest: f64 = indices.1.iter().zip(values.1).map(|(j, x)| x.wide() * weight(j)).sum();
    lanes.iter().sum::<f64>() + rest
}

/// A kernel with N numbers in registers.
struct Lanes<K, const N: usize>(K);

struct Scores<'a, V, I> {
    row: (&'a [I], &'a [V]),
    weights: &'a [f64],
    stride: usize,
    /// The first output.
    at: usize,
    z: &'a mut [f64],
    /// What is added to, in place of what z holds.
    base: Option<&'a [f64]>,
}

impl<V: Number, I: Index, const N: usize> NullaryFnOnce for Lanes<Scores<'_, V, I>, N> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Scores { row: (indices, values), weights, stride, at, z, base } = self.0;
        let of_feature = |j: &I| {
            let from = j.place()? * stride + at;
            weights.get(from..from + N)
        };
        let mut sums = [0.0; N];
        for (k, (j, x)) in indices.iter().zip(values).enumerate() {
            if let Some(next) = indices.get(k + AHEAD).and_then(of_feature) {
                prefetch(next);
            }
            let Some(weights) = of_feature(j).and_then(|weights| weights.first_chunk::<N>()) else {
                continue;
            };
            let x = x.wide();
            for (sum, w) in sums.iter_mut().zip(weights) {
                *sum = f64::mul_add(x, *w, *sum);
            }
        }
        match base {
            Some(base) => z.iter_mut().zip(base).zip(sums).for_each(|((z, b), sum)| *z = b + sum),
            None => z.iter_mut().zip(sums).for_each(|(z, sum)| *z += sum),
        }
    }
}

struct Multiples<'a, V, I> {
    row: (&'a [I], &'a [V]),
    from: usize,
    g: &'a [f64],
    sums: &'a mut [f64],
    stride: usize,
    /// The first output.
    at: usize,
}

impl<V: Number, I: Index, const N: usize> NullaryFnOnce for Lanes<Multiples<'_, V, I>, N> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Multiples { row: (indices, values), from, g, sums, stride, at } = self.0;
        let place = |j: &I| Some(j.place()?.checked_sub(from)? * stride + at);
        let mut change = [0.0; N];
        change.iter_mut().zip(g).for_each(|(change, g)| *change = *g);
        for (k, (j, x)) in indices.iter().zip(values).enumerate() {
            let next = indices.get(k + AHEAD).and_then(place);
            if let Some(next) = next.and_then(|next| sums.get(next..next + N)) {
                prefetch(next);
            }
            let own = place(j)
                .and_then(|own| sums.get_mut(own..own + N))
                .and_then(|own| own.first_chunk_mut::<N>());
            let (Some(own), x) = (own, x.wide()) else { continue };
            for (sum, g) in own.iter_mut().zip(&change) {
                *sum = f64::mul_add(x, *g, *sum);
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn products_are_those_of_the_definition_for_any_number_of_outputs() {
        let (indices, values) = ([0i32, 2, 3, 5, 8, 9, 10], [1.5, -2.0, 0.25, 3.0, 1.0, -0.5, 2.0]);
        for outputs in 1..70 {
            let weights = Mat::from_fn(11, outputs, |j, k| (j * 5 + k * 3) as f64 / 8.0 - 4.0);
            let mut held = ByFeature::default();
            held.copy(&weights);
            assert_eq!(held.numbers().as_ptr().align_offset(64), 0);
            let mut z = vec![1.0; outputs];
            add_scores((&indices, &values), &held, &mut z);
            for (k, z) in z.iter().enumerate() {
                let own =
                    indices.iter().zip(&values).map(|(j, x)| x * weights[(usize::try_from(*j).unwrap(), k)]);
                assert!((z - 1.0 - own.sum::<f64>()).abs() < 1e-12, "{outputs} {k}");
            }
            let mut sums = held.clone();
            let stride = sums.stride();
            add_multiples((&indices, &values), 0, &z, sums.numbers_mut(), stride);
            for k in 0..outputs {
                for (j, sum) in sums.column(sums.numbers(), k).enumerate() {
                    let x = indices
                        .iter()
                        .position(|i| usize::try_from(*i).unwrap() == j)
                        .map_or(0.0, |at| values[at]);
                    assert!((sum - weights[(j, k)] - x * z[k]).abs() < 1e-12, "{outputs} {k}");
                }
            }
            // From a feature on: those before it are another's.
            let mut later = vec![0.0; 8 * stride];
            add_multiples((&indices[2..], &values[2..]), 3, &z, &mut later, stride);
            assert!((later[0] - 0.25 * z[0]).abs() < 1e-12 && later[5 * stride] == z[0]);
        }
    }

    #[test]
    fn entries_beyond_the_features_and_empty_rows_count_nothing() {
        let held = ByFeature::zeros(2, 3);
        let mut z = [1.0; 3];
        add_scores((&[-1i32, 7], &[1.0, 1.0]), &held, &mut z);
        add_scores::<f64, i32>((&[], &[]), &held, &mut z);
        assert!(z.iter().all(|z| *z == 1.0));
    }
}
