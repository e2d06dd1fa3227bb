//! The two sums that every factorising loss of label sets is made of: `A = Σ_Y e^{−s}` and `B = Σ_Ȳ e^{s}`.
//!
//! Each label is in one of them, so one exponential a score is enough, with the sign that its side asks for. Scores of ordinary
//! size are exponents as they are. Where one is larger than [`MODERATE`], each side of the row has its own largest
//! exponent, from which the others are measured: nothing overflows, and no sum is below 1. The exponentials lie where the
//! scores were; for a gradient those of one row stand apart, until it is known that all of its scores are ordinary.
//!
//! Eight numbers are some 27 operations, 17 of them the exponential, and a processor that does two at a time is kept busy.

use super::vectors::{EIGHT, Kernel, Visit, dispatch, halved, lanes, load, walk, walk_into};
use crate::num::exp::{exp, exp_within};
use pulp::Simd;

/// Y first, then Ȳ.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::loss) struct Sides {
    /// What exponents are measured from: 0 where all are moderate, and else the largest of the side, −∞ without labels.
    pub tops: [f64; 2],
    /// Σ exp(exponent − top); 0 for a side without labels.
    pub sums: [f64; 2],
}

impl Sides {
    /// From the sums of exponentials as they are, lane by lane.
    fn of_moderate(sums: [[f64; EIGHT]; 2]) -> Self {
        let sums = sums.map(|lanes| halved(lanes, |a, b| a + b));
        Self { tops: [0.0; 2], sums: sums.map(|sum| if sum < LEAST { 0.0 } else { sum }) }
    }

    /// log A and log B.
    pub fn logs(&self) -> [f64; 2] {
        [self.tops[0] + self.sums[0].ln(), self.tops[1] + self.sums[1].ln()]
    }
}

/// Exponents up to this in size, both ways, make sums whose product is far from overflow, for any number of labels.
pub(super) const MODERATE: f64 = 300.0;

/// Vectors of eight whose largest are found beside each other.
const CHAINS: usize = 4;

/// A score behind the last label, whose exponential is lost in any sum, and the sum of a side that has nothing else.
const BEHIND: f64 = -708.0;
const LEAST: f64 = 1e-300;

/// Turns scores into `exp(∓s − top)` of their side.
pub(super) fn exponentials(z: &mut [f64], labels: &[u64]) -> Sides {
    // What crosses a vector is added up outside of the kernels: within, a compiler takes sums apart into single numbers.
    if halved(dispatch(Largest { z }), larger) <= MODERATE {
        return Sides::of_moderate(dispatch(Moderate { z, labels }));
    }
    let (low, high) = dispatch(FindEnds { z, labels });
    let (low, high) = (-halved(low.map(|low| -low), larger), halved(high, larger));
    let sums = dispatch(Exponentials { z, labels, low, high });
    Sides { tops: [-low, high], sums: sums.map(|lanes| halved(lanes, |a, b| a + b)) }
}

/// [`exponentials`] of moderate scores, into other memory; nothing where a score is larger, and then `e` is to be forgotten.
pub(super) fn moderate(z: &[f64], labels: &[u64], e: &mut [f64]) -> Option<Sides> {
    let (size, sums) = dispatch(Sized { z, labels, e });
    (halved(size, larger) <= MODERATE).then(|| Sides::of_moderate(sums))
}

fn larger(a: f64, b: f64) -> f64 {
    if b > a { b } else { a }
}

/// Multiplies what [`exponentials`] left on both sides, and leaves 0 where that is 0, whatever the factors are.
pub(super) fn scale(z: &mut [f64], labels: &[u64], factors: [f64; 2]) {
    dispatch(Scale { z, labels, factors });
}

/// Puts what [`moderate`] left, times finite factors of the sides, in the place of the scores.
pub(super) fn scale_into(e: &[f64], z: &mut [f64], labels: &[u64], factors: [f64; 2]) {
    dispatch(ScaleInto { e, z, labels, factors });
}

/// The means of v over both sides, each label with its exponential times 1 over the sum of its side.
pub(super) fn means(e: &[f64], v: &mut [f64], labels: &[u64], inverse: [f64; 2]) -> [f64; 2] {
    let products = dispatch(Products { e, v, labels }).map(|lanes| halved(lanes, |a, b| a + b));
    [0, 1].map(|side| if inverse[side] == 0.0 { 0.0 } else { products[side] * inverse[side] })
}

/// Turns v into `factor · e · (slope · (v − mean) + lift)` with the numbers of each side, 0 where e is 0.
pub(super) fn turn(e: &[f64], v: &mut [f64], labels: &[u64], sides: [Turn; 2]) {
    dispatch(Turned { e, v, labels, sides });
}

/// See [`turn`].
#[derive(Clone, Copy)]
pub(super) struct Turn {
    pub factor: f64,
    pub slope: f64,
    pub mean: f64,
    pub lift: f64,
}

/// Turns exponentials into `a (slope + bend · a)` of their side, a the share in it: the diagonal of a Hessian.
pub(super) fn bent(e: &mut [f64], labels: &[u64], sides: [Bent; 2]) {
    dispatch(Bending { e, labels, sides });
}

/// See [`bent`].
#[derive(Clone, Copy)]
pub(super) struct Bent {
    /// 1 / the sum of the side.
    pub inverse: f64,
    pub slope: f64,
    pub bend: f64,
}

/// The least scores of Y and the largest of Ȳ.
struct Ends<S: Simd, const N: usize> {
    low: [S::f64s; N],
    high: [S::f64s; N],
}

impl<S: Simd, const N: usize> Ends<S, N> {
    #[inline(always)]
    fn new(simd: S) -> Self {
        let infinite = simd.splat_f64s(f64::INFINITY);
        Self { low: [infinite; N], high: [simd.neg_f64s(infinite); N] }
    }
}

impl<S: Simd, const N: usize> Visit<S, N> for Ends<S, N> {
    #[inline(always)]
    fn eight(&mut self, simd: S, z: [S::f64s; N], has: [S::m64s; N]) -> [S::f64s; N] {
        raise(simd, z, has, &mut self.low, &mut self.high);
        z
    }
}

/// Takes scores into the ends. NaN is passed over, for its exponential tells.
#[inline(always)]
pub(super) fn raise<S: Simd, const N: usize>(
    simd: S,
    z: [S::f64s; N],
    has: [S::m64s; N],
    low: &mut [S::f64s; N],
    high: &mut [S::f64s; N],
) {
    for n in 0..N {
        low[n] = simd.select_f64s(has[n], simd.min_f64s(z[n], low[n]), low[n]);
        high[n] = simd.select_f64s(has[n], high[n], simd.max_f64s(z[n], high[n]));
    }
}

/// Exponentials measured from the ends, and their sums.
pub(super) struct Powers<S: Simd, const N: usize> {
    pub low: [S::f64s; N],
    pub high: [S::f64s; N],
    pub sums: [[S::f64s; N]; 2],
}

impl<S: Simd, const N: usize> Powers<S, N> {
    #[inline(always)]
    pub fn new(simd: S, low: [S::f64s; N], high: [S::f64s; N]) -> Self {
        // Finite where a side is empty, so that what stands behind the last label vanishes.
        let largest = simd.splat_f64s(f64::MAX);
        Self {
            low: low.map(|low| simd.min_f64s(low, largest)),
            high: high.map(|high| simd.max_f64s(high, simd.neg_f64s(largest))),
            sums: [[simd.splat_f64s(0.0); N]; 2],
        }
    }
}

impl<S: Simd, const N: usize> Visit<S, N> for Powers<S, N> {
    #[inline(always)]
    fn eight(&mut self, simd: S, z: [S::f64s; N], has: [S::m64s; N]) -> [S::f64s; N] {
        let mut out = z;
        for n in 0..N {
            let from = simd.select_f64s(has[n], self.low[n], self.high[n]);
            let apart = simd.sub_f64s(z[n], from);
            out[n] = exp(simd, simd.select_f64s(has[n], simd.neg_f64s(apart), apart));
        }
        sum(simd, out, has, &mut self.sums);
        out
    }
}

/// Adds to the sum of each side.
#[inline(always)]
fn sum<S: Simd, const N: usize>(
    simd: S,
    e: [S::f64s; N],
    has: [S::m64s; N],
    [own, others]: &mut [[S::f64s; N]; 2],
) {
    for n in 0..N {
        own[n] = simd.select_f64s(has[n], simd.add_f64s(own[n], e[n]), own[n]);
        others[n] = simd.select_f64s(has[n], others[n], simd.add_f64s(others[n], e[n]));
    }
}

/// Exponentials of moderate scores as they are, and their sums.
pub(super) struct Plain<S: Simd, const N: usize> {
    pub sums: [[S::f64s; N]; 2],
}

impl<S: Simd, const N: usize> Plain<S, N> {
    #[inline(always)]
    pub fn new(simd: S) -> Self {
        Self { sums: [[simd.splat_f64s(0.0); N]; 2] }
    }
}

impl<S: Simd, const N: usize> Visit<S, N> for Plain<S, N> {
    #[inline(always)]
    fn eight(&mut self, simd: S, z: [S::f64s; N], has: [S::m64s; N]) -> [S::f64s; N] {
        let mut out = z;
        for (out, has) in out.iter_mut().zip(has) {
            *out = exp_within(simd, simd.select_f64s(has, simd.neg_f64s(*out), *out));
        }
        sum(simd, out, has, &mut self.sums);
        out
    }
}

/// The largest score in size.
pub(super) struct Size<S: Simd, const N: usize>(pub [S::f64s; N]);

impl<S: Simd, const N: usize> Visit<S, N> for Size<S, N> {
    #[inline(always)]
    fn eight(&mut self, simd: S, z: [S::f64s; N], _has: [S::m64s; N]) -> [S::f64s; N] {
        for (size, z) in self.0.iter_mut().zip(z) {
            *size = simd.max_f64s(simd.abs_f64s(z), *size);
        }
        z
    }
}

struct Largest<'a> {
    z: &'a [f64],
}

impl Kernel for Largest<'_> {
    type Output = [f64; EIGHT];

    /// In several chains, as each waits for its last number.
    #[inline(always)]
    fn run<S: Simd, const N: usize>(self, simd: S) -> Self::Output {
        let mut sizes = [[simd.splat_f64s(0.0); N]; CHAINS];
        let (eights, rest) = self.z.as_chunks::<EIGHT>();
        let (fours, last) = eights.as_chunks::<CHAINS>();
        let raise = |size: &mut [S::f64s; N], z: &[f64; EIGHT]| {
            for (size, z) in size.iter_mut().zip(load::<S, N>(simd, z)) {
                *size = simd.max_f64s(simd.abs_f64s(z), *size);
            }
        };
        for four in fours {
            sizes.iter_mut().zip(four).for_each(|(size, z)| raise(size, z));
        }
        sizes.iter_mut().zip(last).for_each(|(size, z)| raise(size, z));
        let mut room = [0.0; EIGHT];
        room.iter_mut().zip(rest).for_each(|(room, z)| *room = *z);
        let [mut size, others @ ..] = sizes;
        raise(&mut size, &room);
        for other in others {
            size.iter_mut().zip(other).for_each(|(size, other)| *size = simd.max_f64s(other, *size));
        }
        lanes::<S, N>(size)
    }
}

struct Moderate<'a> {
    z: &'a mut [f64],
    labels: &'a [u64],
}

impl Kernel for Moderate<'_> {
    type Output = [[f64; EIGHT]; 2];

    #[inline(always)]
    fn run<S: Simd, const N: usize>(self, simd: S) -> Self::Output {
        let mut plain = Plain::new(simd);
        walk::<S, N>(simd, self.z, self.labels, BEHIND, &mut plain);
        plain.sums.map(lanes::<S, N>)
    }
}

/// Exponentials of moderate scores, and how large these are.
struct Sized<'a> {
    z: &'a [f64],
    labels: &'a [u64],
    e: &'a mut [f64],
}

impl Kernel for Sized<'_> {
    type Output = ([f64; EIGHT], [[f64; EIGHT]; 2]);

    #[inline(always)]
    fn run<S: Simd, const N: usize>(self, simd: S) -> Self::Output {
        let mut both = PlainAndSize { plain: Plain::new(simd), size: Size([simd.splat_f64s(0.0); N]) };
        walk_into::<S, N>(simd, (self.z, self.e), self.labels, BEHIND, &mut both);
        let mut size = lanes::<S, N>(both.size.0);
        let rest = self.z.as_chunks::<EIGHT>().1;
        size.iter_mut().zip(rest).for_each(|(size, z)| *size = larger(*size, z.abs()));
        (size, both.plain.sums.map(lanes::<S, N>))
    }
}

struct PlainAndSize<S: Simd, const N: usize> {
    plain: Plain<S, N>,
    size: Size<S, N>,
}

impl<S: Simd, const N: usize> Visit<S, N> for PlainAndSize<S, N> {
    #[inline(always)]
    fn eight(&mut self, simd: S, z: [S::f64s; N], has: [S::m64s; N]) -> [S::f64s; N] {
        self.size.eight(simd, z, has);
        self.plain.eight(simd, z, has)
    }

    /// What stands behind the last label is no score.
    #[inline(always)]
    fn last(&mut self, simd: S, z: [S::f64s; N], has: [S::m64s; N]) -> [S::f64s; N] {
        self.plain.eight(simd, z, has)
    }
}

struct ScaleInto<'a> {
    e: &'a [f64],
    z: &'a mut [f64],
    labels: &'a [u64],
    factors: [f64; 2],
}

impl Kernel for ScaleInto<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd, const N: usize>(self, simd: S) {
        let mut times = Times { factors: self.factors.map(|factor| [simd.splat_f64s(factor); N]) };
        walk_into(simd, (self.e, self.z), self.labels, 0.0, &mut times);
    }
}

struct FindEnds<'a> {
    z: &'a mut [f64],
    labels: &'a [u64],
}

impl Kernel for FindEnds<'_> {
    type Output = ([f64; EIGHT], [f64; EIGHT]);

    #[inline(always)]
    fn run<S: Simd, const N: usize>(self, simd: S) -> Self::Output {
        let mut ends = Ends::<S, N>::new(simd);
        walk(simd, self.z, self.labels, f64::NEG_INFINITY, &mut ends);
        (lanes::<S, N>(ends.low), lanes::<S, N>(ends.high))
    }
}

struct Exponentials<'a> {
    z: &'a mut [f64],
    labels: &'a [u64],
    low: f64,
    high: f64,
}

impl Kernel for Exponentials<'_> {
    type Output = [[f64; EIGHT]; 2];

    #[inline(always)]
    fn run<S: Simd, const N: usize>(self, simd: S) -> Self::Output {
        let (low, high) = (simd.splat_f64s(self.low), simd.splat_f64s(self.high));
        let mut powers = Powers::new(simd, [low; N], [high; N]);
        walk(simd, self.z, self.labels, f64::NEG_INFINITY, &mut powers);
        powers.sums.map(lanes::<S, N>)
    }
}

struct Scale<'a> {
    z: &'a mut [f64],
    labels: &'a [u64],
    factors: [f64; 2],
}

impl Kernel for Scale<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd, const N: usize>(self, simd: S) {
        let mut times = Times { factors: self.factors.map(|factor| [simd.splat_f64s(factor); N]) };
        if self.factors.iter().all(|factor| factor.is_finite()) {
            walk(simd, self.z, self.labels, 0.0, &mut times);
        } else {
            walk(simd, self.z, self.labels, 0.0, &mut UnlessZero(times));
        }
    }
}

/// Products with the factor of a side.
pub(super) struct Times<S: Simd, const N: usize> {
    pub factors: [[S::f64s; N]; 2],
}

impl<S: Simd, const N: usize> Visit<S, N> for Times<S, N> {
    #[inline(always)]
    fn eight(&mut self, simd: S, z: [S::f64s; N], has: [S::m64s; N]) -> [S::f64s; N] {
        let [own, others] = &self.factors;
        let mut out = z;
        for n in 0..N {
            out[n] = simd.mul_f64s(z[n], simd.select_f64s(has[n], own[n], others[n]));
        }
        out
    }
}

/// The same where a factor may be infinite; others have the same bits.
pub(super) struct UnlessZero<S: Simd, const N: usize>(pub Times<S, N>);

impl<S: Simd, const N: usize> Visit<S, N> for UnlessZero<S, N> {
    #[inline(always)]
    fn eight(&mut self, simd: S, z: [S::f64s; N], has: [S::m64s; N]) -> [S::f64s; N] {
        let (largest, zero) = (simd.splat_f64s(f64::MAX), simd.splat_f64s(0.0));
        let mut out = self.0.eight(simd, z, has);
        let [own, others] = &self.0.factors;
        for n in 0..N {
            let factor = simd.select_f64s(has[n], own[n], others[n]);
            let factor = simd.max_f64s(simd.min_f64s(factor, largest), simd.neg_f64s(largest));
            let vanished = simd.equal_f64s(z[n], zero);
            out[n] = simd.select_f64s(vanished, simd.mul_f64s(z[n], factor), out[n]);
        }
        out
    }
}

/// The exponentials beside a row, eight by eight.
struct Beside<'a>(std::slice::Chunks<'a, f64>);

impl<'a> Beside<'a> {
    #[inline(always)]
    fn new(e: &'a [f64]) -> Self {
        Self(e.chunks(EIGHT))
    }

    #[inline(always)]
    fn next<S: Simd, const N: usize>(&mut self, simd: S) -> [S::f64s; N] {
        let e = self.0.next().unwrap_or_default();
        if let Some(e) = e.as_array::<EIGHT>() {
            return load::<S, N>(simd, e);
        }
        let mut room = [0.0; EIGHT];
        room.iter_mut().zip(e).for_each(|(room, e)| *room = *e);
        load::<S, N>(simd, &room)
    }
}

struct Products<'a> {
    e: &'a [f64],
    v: &'a mut [f64],
    labels: &'a [u64],
}

impl Kernel for Products<'_> {
    type Output = [[f64; EIGHT]; 2];

    #[inline(always)]
    fn run<S: Simd, const N: usize>(self, simd: S) -> Self::Output {
        let mut visit = Summed { e: Beside::new(self.e), sums: [[simd.splat_f64s(0.0); N]; 2] };
        walk(simd, self.v, self.labels, 0.0, &mut visit);
        visit.sums.map(lanes::<S, N>)
    }
}

struct Summed<'a, S: Simd, const N: usize> {
    e: Beside<'a>,
    sums: [[S::f64s; N]; 2],
}

impl<S: Simd, const N: usize> Visit<S, N> for Summed<'_, S, N> {
    #[inline(always)]
    fn eight(&mut self, simd: S, v: [S::f64s; N], has: [S::m64s; N]) -> [S::f64s; N] {
        let (e, [own, others]) = (self.e.next::<S, N>(simd), &mut self.sums);
        for n in 0..N {
            own[n] = simd.select_f64s(has[n], simd.mul_add_f64s(e[n], v[n], own[n]), own[n]);
            others[n] = simd.select_f64s(has[n], others[n], simd.mul_add_f64s(e[n], v[n], others[n]));
        }
        v
    }
}

struct Turned<'a> {
    e: &'a [f64],
    v: &'a mut [f64],
    labels: &'a [u64],
    sides: [Turn; 2],
}

impl Kernel for Turned<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd, const N: usize>(self, simd: S) {
        let both = |number: fn(&Turn) -> f64| [0, 1].map(|side| simd.splat_f64s(number(&self.sides[side])));
        let mut visit = Lifted {
            e: Beside::new(self.e),
            factor: both(|side| side.factor),
            slope: both(|side| side.slope),
            mean: both(|side| side.mean),
            lift: both(|side| side.lift),
        };
        walk::<S, N>(simd, self.v, self.labels, 0.0, &mut visit);
    }
}

struct Lifted<'a, S: Simd> {
    e: Beside<'a>,
    factor: [S::f64s; 2],
    slope: [S::f64s; 2],
    mean: [S::f64s; 2],
    lift: [S::f64s; 2],
}

#[inline(always)]
fn pick<S: Simd>(simd: S, has: S::m64s, [own, others]: [S::f64s; 2]) -> S::f64s {
    simd.select_f64s(has, own, others)
}

impl<S: Simd, const N: usize> Visit<S, N> for Lifted<'_, S> {
    #[inline(always)]
    fn eight(&mut self, simd: S, v: [S::f64s; N], has: [S::m64s; N]) -> [S::f64s; N] {
        let (e, zero) = (self.e.next::<S, N>(simd), simd.splat_f64s(0.0));
        let mut out = v;
        for n in 0..N {
            let apart = simd.sub_f64s(v[n], pick(simd, has[n], self.mean));
            let slope = pick(simd, has[n], self.slope);
            let turned = simd.mul_add_f64s(slope, apart, pick(simd, has[n], self.lift));
            let share = simd.mul_f64s(pick(simd, has[n], self.factor), e[n]);
            let product = simd.mul_f64s(share, turned);
            out[n] = simd.select_f64s(simd.equal_f64s(e[n], zero), zero, product);
        }
        out
    }
}

struct Bending<'a> {
    e: &'a mut [f64],
    labels: &'a [u64],
    sides: [Bent; 2],
}

impl Kernel for Bending<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd, const N: usize>(self, simd: S) {
        let both = |number: fn(&Bent) -> f64| [0, 1].map(|side| simd.splat_f64s(number(&self.sides[side])));
        let mut visit = Curve {
            inverse: both(|side| side.inverse),
            slope: both(|side| side.slope),
            bend: both(|side| side.bend),
        };
        walk::<S, N>(simd, self.e, self.labels, 0.0, &mut visit);
    }
}

struct Curve<S: Simd> {
    inverse: [S::f64s; 2],
    slope: [S::f64s; 2],
    bend: [S::f64s; 2],
}

impl<S: Simd, const N: usize> Visit<S, N> for Curve<S> {
    #[inline(always)]
    fn eight(&mut self, simd: S, e: [S::f64s; N], has: [S::m64s; N]) -> [S::f64s; N] {
        let mut out = e;
        for n in 0..N {
            let share = simd.mul_f64s(e[n], pick(simd, has[n], self.inverse));
            let slope = pick(simd, has[n], self.slope);
            out[n] = simd.mul_f64s(share, simd.mul_add_f64s(pick(simd, has[n], self.bend), share, slope));
        }
        out
    }
}
