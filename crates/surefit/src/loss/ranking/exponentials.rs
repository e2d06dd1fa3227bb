//! The two sums that every factorising loss of label sets is made of: `A = Σ_Y e^{−s}` and `B = Σ_Ȳ e^{s}`.
//!
//! Each label is in one of them, so one exponential a score is enough, with the sign that its side asks for. Each side has
//! its own largest exponent, from which the others are measured: nothing overflows, and no sum is below 1. The
//! exponentials lie where the scores were, and no other memory is needed.

use crate::num::exp::exp;
use crate::num::simd::vectorised;

/// Independent sums, so that the loop vectorises; their number and order are fixed, so that the result has
/// the same bits on every processor.
const LANES: usize = 8;
/// Labels in a word.
const WORD: usize = 64;

/// Y first, then Ȳ.
#[derive(Clone, Copy, Debug)]
pub(in crate::loss) struct Sides {
    /// The largest exponent; −∞ for a side without labels.
    pub tops: [f64; 2],
    /// Σ exp(exponent − largest); 0 for a side without labels.
    pub sums: [f64; 2],
}

impl Sides {
    /// log A and log B.
    pub fn logs(&self) -> [f64; 2] {
        [self.tops[0] + self.sums[0].ln(), self.tops[1] + self.sums[1].ln()]
    }
}

vectorised! {
/// Turns scores into `exp(∓s − top)` of their side.
pub(super) fn exponentials<'a>(z: &'a mut [f64], labels: &'a [u64]) -> Sides {
    let mut tops = [[f64::NEG_INFINITY; LANES]; 2];
    for (z, word) in z.chunks(WORD).zip(labels) {
        let (whole, rest) = z.as_chunks::<LANES>();
        let mut word = *word;
        for z in whole {
            raise(z, word, LANES, &mut tops);
            word >>= LANES;
        }
        if !rest.is_empty() {
            raise(&padded(rest), word, rest.len(), &mut tops);
        }
    }
    let tops = tops.map(|lanes| lanes.into_iter().fold(f64::NEG_INFINITY, larger));
    let mut sums = [[0.0; LANES]; 2];
    for (z, word) in z.chunks_mut(WORD).zip(labels) {
        let (whole, rest) = z.as_chunks_mut::<LANES>();
        let mut word = *word;
        for z in whole {
            add(z, word, LANES, tops, &mut sums);
            word >>= LANES;
        }
        if !rest.is_empty() {
            let mut last = padded(rest);
            add(&mut last, word, rest.len(), tops, &mut sums);
            rest.iter_mut().zip(last).for_each(|(z, last)| *z = last);
        }
    }
    Sides { tops, sums: sums.map(|lanes| lanes.into_iter().sum()) }
}
}

vectorised! {
/// Multiplies what [`exponentials`] left on both sides, and leaves 0 where that is 0, whatever the factors are.
pub(super) fn scale<'a>(z: &'a mut [f64], labels: &'a [u64], factors: [f64; 2]) -> () {
    for (z, word) in z.chunks_mut(WORD).zip(labels) {
        let (whole, rest) = z.as_chunks_mut::<LANES>();
        let mut word = *word;
        for z in whole {
            times(z, word, factors);
            word >>= LANES;
        }
        if !rest.is_empty() {
            let mut last = padded(rest);
            times(&mut last, word, factors);
            rest.iter_mut().zip(last).for_each(|(z, last)| *z = last);
        }
    }
}
}

#[allow(clippy::inline_always, reason = "kernels must be compiled inside the dispatch on the processor")]
#[inline(always)]
fn padded(rest: &[f64]) -> [f64; LANES] {
    let mut whole = [0.0; LANES];
    whole.iter_mut().zip(rest).for_each(|(whole, rest)| *whole = *rest);
    whole
}

/// The larger of two numbers; NaN is passed over, for its exponential tells.
#[allow(clippy::inline_always, reason = "as above")]
#[inline(always)]
fn larger(most: f64, number: f64) -> f64 {
    if number > most { number } else { most }
}

#[allow(clippy::inline_always, reason = "as above")]
#[inline(always)]
fn raise(z: &[f64; LANES], word: u64, count: usize, tops: &mut [[f64; LANES]; 2]) {
    for lane in 0..LANES {
        let has = word >> lane & 1 == 1;
        let own = if has && lane < count { -z[lane] } else { f64::NEG_INFINITY };
        let other = if !has && lane < count { z[lane] } else { f64::NEG_INFINITY };
        tops[0][lane] = larger(tops[0][lane], own);
        tops[1][lane] = larger(tops[1][lane], other);
    }
}

#[allow(clippy::inline_always, reason = "as above")]
#[inline(always)]
fn add(z: &mut [f64; LANES], word: u64, count: usize, tops: [f64; 2], sums: &mut [[f64; LANES]; 2]) {
    for lane in 0..LANES {
        let has = word >> lane & 1 == 1;
        let power = exp(if has { -z[lane] - tops[0] } else { z[lane] - tops[1] });
        sums[0][lane] += if has && lane < count { power } else { 0.0 };
        sums[1][lane] += if !has && lane < count { power } else { 0.0 };
        z[lane] = power;
    }
}

#[allow(clippy::inline_always, reason = "as above")]
#[inline(always)]
fn times(z: &mut [f64; LANES], word: u64, factors: [f64; 2]) {
    for (lane, z) in z.iter_mut().enumerate() {
        let factor = if word >> lane & 1 == 1 { factors[0] } else { factors[1] };
        *z = if *z == 0.0 { 0.0 } else { *z * factor };
    }
}
