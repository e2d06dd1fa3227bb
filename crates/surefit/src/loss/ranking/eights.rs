//! Eight rows at once, for sets of few labels: a vector has one label of eight rows, so that no vector is half empty and
//! nothing is summed across one. Each row has the bits that it would have among any others.

use super::exponentials::{MODERATE, Plain, Powers, Sides, Size, Times, UnlessZero, raise};
use super::sides::OfSides;
use super::vectors::{EIGHT, Kernel, Visit, WORD, dispatch, lanes, load, store};
use crate::data::LabelRows;
use faer::MatMut;
use pulp::Simd;

/// Labels of a set, at most.
pub(super) const FEW: usize = WORD;
/// The scores of a row that is not there.
const EMPTY: [f64; FEW] = [0.0; FEW];

/// [`Loss::block`](super::super::Loss::block) for rows of at most [`FEW`] labels, with a set and a weight for every row.
pub(super) fn block<L: OfSides>(
    loss: &L,
    mut scores: MatMut<'_, f64>,
    labels: LabelRows<'_>,
    weights: Option<&[f64]>,
) -> f64 {
    let (n, c) = scores.shape();
    if scores.col_stride() != 1 {
        let mut copy: Vec<f64> = scores.as_ref().row_iter().flat_map(|row| row.iter().copied()).collect();
        let value = block(loss, MatMut::from_row_major_slice_mut(&mut copy, n, c), labels, weights);
        scores.copy_from(MatMut::from_row_major_slice_mut(&mut copy, n, c));
        return value;
    }
    let mut value = 0.0;
    let mut rows = scores.row_iter_mut().filter_map(|row| Some(row.try_as_row_major_mut()?.as_slice_mut()));
    for first in (0..n).step_by(EIGHT) {
        let count = EIGHT.min(n - first);
        let mut group = Group::default();
        for (at, row) in rows.by_ref().take(count).enumerate() {
            let word = labels.words(first + at).first().copied().unwrap_or(0);
            let s = weights.map_or(1.0, |weights| weights[first + at]);
            group.put::<L>(at, row, word, s);
        }
        value = group.gradient(loss, c).iter().take(count).fold(value, |sum, of_row| sum + of_row);
    }
    value
}

#[derive(Default)]
struct Group<'a> {
    /// Empty behind the last row.
    rows: [&'a mut [f64]; EIGHT],
    words: [u64; EIGHT],
    /// 0 for rows that say nothing.
    s: [f64; EIGHT],
}

impl<'a> Group<'a> {
    fn put<L: OfSides>(&mut self, at: usize, row: &'a mut [f64], word: u64, s: f64) {
        let one_side = word == 0 || word.count_ones() as usize == row.len();
        (self.words[at], self.s[at]) = (word, s);
        if s == 0.0 || L::PAIRS && one_side {
            row.fill(0.0);
            self.s[at] = 0.0;
        }
        self.rows[at] = row;
    }

    /// s ℓ of every row; scores become gradients.
    fn gradient(&mut self, loss: &impl OfSides, c: usize) -> [f64; EIGHT] {
        let mut tile = [[0.0; EIGHT]; FEW];
        let tile = &mut tile[..c];
        let Ends { low, high, sums: [own, others] } =
            dispatch(Down { rows: &self.rows, words: &self.words, tile });
        let (mut values, mut factors) = ([0.0; EIGHT], [[0.0; EIGHT]; 2]);
        for at in 0..EIGHT {
            if self.s[at] == 0.0 {
                continue;
            }
            let p = f64::from(self.words[at].count_ones());
            let sides = Sides { tops: [-low[at], high[at]], sums: [own[at], others[at]] };
            let factor;
            (values[at], factor) = loss.at(&sides, [p, c as f64 - p], self.s[at]);
            (factors[0][at], factors[1][at]) = (factor[0], factor[1]);
        }
        dispatch(Back { rows: &mut self.rows, words: &self.words, tile, factors });
        values
    }
}

/// What each row's exponentials are measured from, and their sums.
struct Ends {
    low: [f64; EIGHT],
    high: [f64; EIGHT],
    sums: [[f64; EIGHT]; 2],
}

/// From rows to a tile of exponentials.
struct Down<'t, 'a> {
    rows: &'t [&'a mut [f64]; EIGHT],
    words: &'t [u64; EIGHT],
    tile: &'t mut [[f64; EIGHT]],
}

impl Kernel for Down<'_, '_> {
    type Output = Ends;

    #[inline(always)]
    fn run<S: Simd, const N: usize>(self, simd: S) -> Ends {
        let Self { rows, words, tile } = self;
        fill(rows, tile);
        let mut size = Size([simd.splat_f64s(0.0); N]);
        visit::<S, N>(simd, words, tile, &mut size);
        let moderate = simd.splat_f64s(MODERATE);
        let within = size.0.map(|size| simd.less_than_or_equal_f64s(size, moderate));
        let zero = simd.splat_f64s(0.0);
        if lanes::<S, N>(size.0).iter().all(|size| *size <= MODERATE) {
            let mut plain = Plain::new(simd);
            visit::<S, N>(simd, words, tile, &mut plain);
            return Ends { low: [0.0; EIGHT], high: [0.0; EIGHT], sums: plain.sums.map(lanes::<S, N>) };
        }
        let infinite = simd.splat_f64s(f64::INFINITY);
        let (mut low, mut high) = ([infinite; N], [simd.neg_f64s(infinite); N]);
        for (k, z) in tile.iter().enumerate() {
            raise(simd, load::<S, N>(simd, z), members::<S, N>(simd, words, k), &mut low, &mut high);
        }
        // A row has the same bits beside whatever others.
        for n in 0..N {
            low[n] = simd.select_f64s(within[n], zero, low[n]);
            high[n] = simd.select_f64s(within[n], zero, high[n]);
        }
        let mut powers = Powers::new(simd, low, high);
        visit::<S, N>(simd, words, tile, &mut powers);
        Ends { low: lanes::<S, N>(low), high: lanes::<S, N>(high), sums: powers.sums.map(lanes::<S, N>) }
    }
}

/// From a tile of exponentials to rows of a gradient.
struct Back<'t, 'a> {
    rows: &'t mut [&'a mut [f64]; EIGHT],
    words: &'t [u64; EIGHT],
    tile: &'t mut [[f64; EIGHT]],
    factors: [[f64; EIGHT]; 2],
}

impl Kernel for Back<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd, const N: usize>(self, simd: S) {
        let Self { rows, words, tile, factors } = self;
        let finite = factors.iter().flatten().all(|factor| factor.is_finite());
        let [own, others] = &factors;
        let mut times = Times { factors: [load::<S, N>(simd, own), load::<S, N>(simd, others)] };
        if finite {
            visit::<S, N>(simd, words, tile, &mut times);
        } else {
            visit::<S, N>(simd, words, tile, &mut UnlessZero(times));
        }
        empty(tile, rows);
    }
}

#[inline(always)]
fn visit<S: Simd, const N: usize>(
    simd: S,
    words: &[u64; EIGHT],
    tile: &mut [[f64; EIGHT]],
    visit: &mut impl Visit<S, N>,
) {
    for (k, z) in tile.iter_mut().enumerate() {
        let out = visit.eight(simd, load::<S, N>(simd, z), members::<S, N>(simd, words, k));
        store::<S, N>(out, z);
    }
}

/// Which of eight rows have the label k.
#[inline(always)]
fn members<S: Simd, const N: usize>(simd: S, words: &[u64; EIGHT], k: usize) -> [S::m64s; N] {
    let (zero, bit) = (simd.splat_u64s(0), simd.splat_u64s(1 << k));
    let mut out = [simd.equal_u64s(zero, zero); N];
    for (out, words) in out.iter_mut().zip(S::as_simd_u64s(words).0) {
        *out = simd.not_m64s(simd.equal_u64s(simd.and_u64s(*words, bit), zero));
    }
    out
}

/// Rows into a tile; those that are not there are 0.
#[inline(always)]
fn fill(rows: &[&mut [f64]; EIGHT], tile: &mut [[f64; EIGHT]]) {
    let c = tile.len();
    let mut views = [&[][..]; EIGHT];
    for (view, row) in views.iter_mut().zip(rows) {
        *view = row.get(..c).unwrap_or(&EMPTY[..c]);
    }
    for (k, to) in tile.iter_mut().enumerate() {
        for i in 0..EIGHT {
            to[i] = views[i][k];
        }
    }
}

/// A tile into rows.
#[inline(always)]
fn empty(tile: &[[f64; EIGHT]], rows: &mut [&mut [f64]; EIGHT]) {
    for (i, row) in rows.iter_mut().enumerate() {
        for (to, from) in row.iter_mut().zip(tile) {
            *to = from[i];
        }
    }
}
