//! Loops compiled for the instructions of the processor at hand.

#![allow(clippy::inline_always, reason = "kernels must be compiled inside the dispatch on the processor")]

use pulp::Simd;

/// Defines a function whose body is compiled for each instruction set that `pulp` knows of, and run with the
/// best one that the processor has. A closure handed to `Arch::dispatch` would not do: what is not inlined
/// into it is compiled for the oldest processor, fused multiply-add and all.
macro_rules! vectorised {
    (
        $(#[$meta:meta])*
        $visibility:vis fn $name:ident<$($life:lifetime),*>($($argument:ident: $type:ty),* $(,)?) -> $output:ty
        $body:block
    ) => {
        $(#[$meta])*
        $visibility fn $name<$($life),*>($($argument: $type),*) -> $output {
            struct Kernel<$($life),*> {
                $($argument: $type,)*
            }
            impl<$($life),*> pulp::NullaryFnOnce for Kernel<$($life),*> {
                type Output = $output;
                #[inline(always)]
                fn call(self) -> $output {
                    // A call of its own, so that its exclusive borrows stay known to be exclusive.
                    #[inline(always)]
                    fn body<$($life),*>($($argument: $type),*) -> $output $body
                    body($(self.$argument),*)
                }
            }
            pulp::Arch::new().dispatch(Kernel { $($argument),* })
        }
    };
}

pub(crate) use vectorised;

/// Asks for numbers that are soon to be read from memory: where columns are visited by short pieces in turn, the
/// processor cannot see ahead by itself. It changes nothing else.
#[inline(always)]
pub(crate) fn prefetch<T>(values: &[T]) {
    #[cfg(target_arch = "x86_64")]
    if let Some(sse) = pulp::core_arch::x86::Sse::try_new() {
        for line in values.chunks((64 / size_of::<T>()).max(1)) {
            sse._mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(line.as_ptr().cast());
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = values;
}

/// 2ᵏ of a number whose lowest bits are those of the whole number k + 1023, for −1023 < k < 1024: they become its exponent.
#[inline(always)]
pub(crate) fn two_to<S: Simd>(simd: S, biased: S::f64s) -> S::f64s {
    #[cfg(target_arch = "x86_64")]
    {
        use pulp::bytemuck::{try_cast_slice, try_cast_slice_mut};
        use std::arch::x86_64::{__m256i, __m512i};
        let mut out = [biased];
        let any: &dyn std::any::Any = &simd;
        if let Some(v4) = any.downcast_ref::<pulp::x86::V4>()
            && let (Ok([bits]), Ok([to])) = (
                try_cast_slice::<S::f64s, __m512i>(&[biased]),
                try_cast_slice_mut::<S::f64s, __m512i>(&mut out),
            )
        {
            *to = v4.avx512f._mm512_slli_epi64::<52>(*bits);
            return out[0];
        }
        if let Some(v3) = any.downcast_ref::<pulp::x86::V3>()
            && let (Ok([bits]), Ok([to])) = (
                try_cast_slice::<S::f64s, __m256i>(&[biased]),
                try_cast_slice_mut::<S::f64s, __m256i>(&mut out),
            )
        {
            *to = v3.avx2._mm256_slli_epi64::<52>(*bits);
            return out[0];
        }
    }
    let mut out = [simd.transmute_u64s_f64s(biased)];
    let bits: &mut [u64] = pulp::bytemuck::cast_slice_mut(&mut out);
    for bits in bits {
        *bits <<= 52;
    }
    simd.transmute_f64s_u64s(out[0])
}

/// Transposes a square of as many vectors as a vector has numbers.
#[inline(always)]
pub(crate) fn transpose<S: Simd, const N: usize>(simd: S, square: &mut [S::f64s; N]) {
    #[cfg(target_arch = "x86_64")]
    {
        use pulp::bytemuck::try_cast_slice_mut;
        use std::arch::x86_64::{__m256d, __m512d};
        let simd: &dyn std::any::Any = &simd;
        if let Some(v4) = simd.downcast_ref::<pulp::x86::V4>()
            && let Ok(square) = try_cast_slice_mut::<S::f64s, __m512d>(square)
        {
            return eight(*v4, square);
        }
        if let Some(v3) = simd.downcast_ref::<pulp::x86::V3>()
            && let Ok(square) = try_cast_slice_mut::<S::f64s, __m256d>(square)
        {
            return four(*v3, square);
        }
    }
    let numbers: &mut [f64] = pulp::bytemuck::cast_slice_mut(square);
    for i in 0..N {
        for j in 0..i {
            numbers.swap(i * N + j, j * N + i);
        }
    }
}

/// Transposes 8 × 8: pairs of numbers, then of 128 bits, then of 256.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn eight(simd: pulp::x86::V4, square: &mut [std::arch::x86_64::__m512d]) {
    let avx = simd.avx512f;
    let Some(rows) = square.first_chunk_mut::<8>() else { return };
    let [a, b, c, d, e, f, g, h] = *rows;
    let pairs = [
        avx._mm512_unpacklo_pd(a, b),
        avx._mm512_unpackhi_pd(a, b),
        avx._mm512_unpacklo_pd(c, d),
        avx._mm512_unpackhi_pd(c, d),
        avx._mm512_unpacklo_pd(e, f),
        avx._mm512_unpackhi_pd(e, f),
        avx._mm512_unpacklo_pd(g, h),
        avx._mm512_unpackhi_pd(g, h),
    ];
    // Columns 0 and 4 (1 and 5) of the first four rows, then 2 and 6 (3 and 7); then of the last four.
    let even = |i: usize, j: usize| avx._mm512_shuffle_f64x2::<0b10_00_10_00>(pairs[i], pairs[j]);
    let odd = |i: usize, j: usize| avx._mm512_shuffle_f64x2::<0b11_01_11_01>(pairs[i], pairs[j]);
    let fours = [even(0, 2), even(1, 3), odd(0, 2), odd(1, 3), even(4, 6), even(5, 7), odd(4, 6), odd(5, 7)];
    for k in 0..4 {
        rows[k] = avx._mm512_shuffle_f64x2::<0b10_00_10_00>(fours[k], fours[k + 4]);
        rows[k + 4] = avx._mm512_shuffle_f64x2::<0b11_01_11_01>(fours[k], fours[k + 4]);
    }
}

/// Transposes 4 × 4.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn four(simd: pulp::x86::V3, square: &mut [std::arch::x86_64::__m256d]) {
    let avx = simd.avx;
    let Some(rows) = square.first_chunk_mut::<4>() else { return };
    let [a, b, c, d] = *rows;
    let (ab, ba) = (avx._mm256_unpacklo_pd(a, b), avx._mm256_unpackhi_pd(a, b));
    let (cd, dc) = (avx._mm256_unpacklo_pd(c, d), avx._mm256_unpackhi_pd(c, d));
    *rows = [
        avx._mm256_permute2f128_pd::<0x20>(ab, cd),
        avx._mm256_permute2f128_pd::<0x20>(ba, dc),
        avx._mm256_permute2f128_pd::<0x31>(ab, cd),
        avx._mm256_permute2f128_pd::<0x31>(ba, dc),
    ];
}

#[cfg(test)]
mod tests {
    use super::*;
    use pulp::{Arch, Scalar, WithSimd};

    /// Whether a square of numbers in order comes out transposed.
    struct Transposes;

    impl WithSimd for Transposes {
        type Output = bool;

        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) -> bool {
            match S::F64_LANES {
                8 => check::<S, 8>(simd),
                4 => check::<S, 4>(simd),
                2 => check::<S, 2>(simd),
                _ => check::<S, 1>(simd),
            }
        }
    }

    fn check<S: Simd, const N: usize>(simd: S) -> bool {
        let mut square = [simd.splat_f64s(0.0); N];
        let numbers: &mut [f64] = pulp::bytemuck::cast_slice_mut(&mut square);
        numbers.iter_mut().zip(0u32..).for_each(|(number, k)| *number = f64::from(k));
        transpose(simd, &mut square);
        let numbers: &[f64] = pulp::bytemuck::cast_slice(&square);
        (0..N).all(|i| (0..N).all(|j| numbers[i * N + j].to_bits() == ((j * N + i) as f64).to_bits()))
    }

    #[test]
    fn squares_are_transposed_on_every_processor() {
        assert!(Arch::new().dispatch(Transposes));
        assert!(Transposes.with_simd(Scalar::new()));
        #[cfg(target_arch = "x86_64")]
        if let Some(v3) = pulp::x86::V3::try_new() {
            assert!(Simd::vectorize(v3, Transposes));
        }
    }
}
