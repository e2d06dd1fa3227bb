//! Eight numbers at a time, in as many vectors as the processor needs for them: sums have the same order, and so the same
//! bits, on every processor.

use pulp::{Arch, Simd, WithSimd};

/// Numbers that go together.
pub(super) const EIGHT: usize = 8;
/// Labels in a word.
pub(super) const WORD: usize = 64;
/// The bits of a word by eights.
static BITS: [[u64; EIGHT]; WORD / EIGHT] = bits();

const fn bits() -> [[u64; EIGHT]; WORD / EIGHT] {
    let mut bits = [[0; EIGHT]; WORD / EIGHT];
    let mut at = 0;
    while at < WORD {
        bits[at / EIGHT][at % EIGHT] = 1 << at;
        at += 1;
    }
    bits
}

/// What is compiled for each kind of processor: N vectors of `S` hold eight numbers.
pub(super) trait Kernel {
    type Output;

    fn run<S: Simd, const N: usize>(self, simd: S) -> Self::Output;
}

/// Runs a kernel with the best instructions that the processor has.
pub(super) fn dispatch<K: Kernel>(kernel: K) -> K::Output {
    Arch::new().dispatch(Compiled(kernel))
}

struct Compiled<K>(K);

impl<K: Kernel> WithSimd for Compiled<K> {
    type Output = K::Output;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> K::Output {
        match S::F64_LANES {
            8 => self.0.run::<S, 1>(simd),
            4 => self.0.run::<S, 2>(simd),
            2 => self.0.run::<S, 4>(simd),
            _ => self.0.run::<S, 8>(simd),
        }
    }
}

/// Which of eight labels are in the set, the `at`-th eight of a word.
#[inline(always)]
pub(super) fn members<S: Simd, const N: usize>(simd: S, word: u64, at: usize) -> [S::m64s; N] {
    let (bits, word) = (S::as_simd_u64s(&BITS[at]).0, simd.splat_u64s(word));
    let zero = simd.splat_u64s(0);
    let mut out = [simd.equal_u64s(zero, zero); N];
    for n in 0..N {
        out[n] = simd.not_m64s(simd.equal_u64s(simd.and_u64s(word, bits[n]), zero));
    }
    out
}

#[inline(always)]
pub(super) fn load<S: Simd, const N: usize>(simd: S, numbers: &[f64; EIGHT]) -> [S::f64s; N] {
    let mut out = [simd.splat_f64s(0.0); N];
    out.iter_mut().zip(S::as_simd_f64s(numbers).0).for_each(|(to, from)| *to = *from);
    out
}

#[inline(always)]
pub(super) fn store<S: Simd, const N: usize>(vectors: [S::f64s; N], numbers: &mut [f64; EIGHT]) {
    S::as_mut_simd_f64s(numbers).0.iter_mut().zip(vectors).for_each(|(to, from)| *to = from);
}

#[inline(always)]
pub(super) fn lanes<S: Simd, const N: usize>(vectors: [S::f64s; N]) -> [f64; EIGHT] {
    let mut out = [0.0; EIGHT];
    store::<S, N>(vectors, &mut out);
    out
}

/// Folds eight numbers by halves.
#[inline(always)]
pub(super) fn halved([a, b, c, d, e, f, g, h]: [f64; EIGHT], join: impl Fn(f64, f64) -> f64) -> f64 {
    join(join(join(a, e), join(c, g)), join(join(b, f), join(d, h)))
}

/// What happens to eight labels of a row.
pub(super) trait Visit<S: Simd, const N: usize> {
    fn eight(&mut self, simd: S, z: [S::f64s; N], has: [S::m64s; N]) -> [S::f64s; N];

    /// The same where fewer than eight are left, and others stand behind them.
    #[inline(always)]
    fn last(&mut self, simd: S, z: [S::f64s; N], has: [S::m64s; N]) -> [S::f64s; N] {
        self.eight(simd, z, has)
    }
}

/// Replaces the numbers of a row, eight by eight; behind the last one stands `pad`, as of labels that are not in the set.
#[inline(always)]
pub(super) fn walk<S: Simd, const N: usize>(
    simd: S,
    z: &mut [f64],
    labels: &[u64],
    pad: f64,
    visit: &mut impl Visit<S, N>,
) {
    let (words, rest) = z.as_chunks_mut::<WORD>();
    let of_rest = labels.get(words.len()).copied().unwrap_or_default();
    for (z, word) in words.iter_mut().zip(labels) {
        each_eight(simd, z.as_chunks_mut::<EIGHT>().0, *word, visit);
    }
    let (eights, rest) = rest.as_chunks_mut::<EIGHT>();
    each_eight(simd, eights, of_rest, visit);
    if !rest.is_empty() {
        let mut room = [pad; EIGHT];
        room.iter_mut().zip(rest.iter()).for_each(|(room, z)| *room = *z);
        let has = members::<S, N>(simd, of_rest, eights.len());
        let out = visit.last(simd, load::<S, N>(simd, &room), has);
        rest.iter_mut().zip(lanes::<S, N>(out)).for_each(|(z, out)| *z = out);
    }
}

/// The same from one row into another one.
#[inline(always)]
pub(super) fn walk_into<S: Simd, const N: usize>(
    simd: S,
    (from, to): (&[f64], &mut [f64]),
    labels: &[u64],
    pad: f64,
    visit: &mut impl Visit<S, N>,
) {
    let (words, rest) = from.as_chunks::<WORD>();
    let (into, into_rest) = to.as_chunks_mut::<WORD>();
    let of_rest = labels.get(words.len()).copied().unwrap_or_default();
    for ((z, into), word) in words.iter().zip(into).zip(labels) {
        eights_into(simd, (z.as_chunks::<EIGHT>().0, into.as_chunks_mut::<EIGHT>().0), *word, visit);
    }
    let ((eights, rest), (into, into_rest)) = (rest.as_chunks::<EIGHT>(), into_rest.as_chunks_mut::<EIGHT>());
    eights_into(simd, (eights, into), of_rest, visit);
    if !rest.is_empty() {
        let mut room = [pad; EIGHT];
        room.iter_mut().zip(rest).for_each(|(room, z)| *room = *z);
        let has = members::<S, N>(simd, of_rest, eights.len());
        let out = visit.last(simd, load::<S, N>(simd, &room), has);
        into_rest.iter_mut().zip(lanes::<S, N>(out)).for_each(|(into, out)| *into = out);
    }
}

#[inline(always)]
fn eights_into<S: Simd, const N: usize>(
    simd: S,
    (from, to): (&[[f64; EIGHT]], &mut [[f64; EIGHT]]),
    word: u64,
    visit: &mut impl Visit<S, N>,
) {
    for (at, (z, into)) in from.iter().zip(to).enumerate() {
        let out = visit.eight(simd, load::<S, N>(simd, z), members::<S, N>(simd, word, at));
        store::<S, N>(out, into);
    }
}

/// The eights of a word. Of a whole word their number is known beforehand, and no comparison stands between them.
#[inline(always)]
fn each_eight<S: Simd, const N: usize>(
    simd: S,
    eights: &mut [[f64; EIGHT]],
    word: u64,
    visit: &mut impl Visit<S, N>,
) {
    for (at, z) in eights.iter_mut().enumerate() {
        let out = visit.eight(simd, load::<S, N>(simd, z), members::<S, N>(simd, word, at));
        store::<S, N>(out, z);
    }
}
