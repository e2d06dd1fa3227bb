//! The exponential function of many numbers at once: no table, no branch, no call.
//!
//! `x = k log 2 + r` with `|r| ≤ ½ log 2` (W. J. Cody and W. Waite, *Software Manual for the Elementary Functions*, 1980,
//! ch. 6), and `eʳ = 1 + r + ½ r² + r³ q(r)`, q the polynomial of degree 8 whose largest relative error is least,
//! `2.4·10⁻¹⁷` (by E. Remez's exchange, 1934), all by Horner's rule. 17 operations, most of them one after the other:
//! numbers beside each other keep the processor busy meanwhile, and a shorter chain of more operations was not faster.
//! Within 1.1 ulp, and with the same bits on every processor, as a fused multiply-add has one result everywhere.

use super::simd::two_to;
use pulp::Simd;

/// Below this the result is 0: it would not be a normal number.
const LOWEST: f64 = -708.0;
/// Above this it would be inf, and is not defined here.
#[cfg(test)]
const HIGHEST: f64 = 709.0;
/// Added to a number below 2⁵⁰ in size, it leaves the nearest whole number, and 1023 more, in the lowest bits.
const ROUND: f64 = 6_755_399_441_055_744.0 + 1023.0;
/// log 2 as the sum of two numbers, of which the first has so few digits that its whole multiples are exact.
const LN_2: (f64, f64) = (6.931_471_803_691_238e-1, 1.908_214_929_270_587_7e-10);
/// ½ and q, the highest power first.
const SERIES: [f64; 10] = [
    2.297_650_937_527_845_4e-8,
    2.762_222_552_716_895e-7,
    2.756_385_705_772_556_4e-6,
    2.480_151_634_829_734e-5,
    1.984_126_267_331_127_5e-4,
    1.388_888_892_051_093e-3,
    8.333_333_336_527_88e-3,
    4.166_666_666_661_997e-2,
    1.666_666_666_666_195_8e-1,
    0.5,
];

/// eˣ for x ≤ 709, 0 where x < −708; NaN for NaN.
#[inline(always)]
pub(crate) fn exp<S: Simd>(simd: S, x: S::f64s) -> S::f64s {
    let low = simd.less_than_f64s(x, simd.splat_f64s(LOWEST));
    simd.select_f64s(low, simd.splat_f64s(0.0), exp_within(simd, x))
}

/// The same for −708 ≤ x ≤ 709 only.
#[inline(always)]
pub(crate) fn exp_within<S: Simd>(simd: S, x: S::f64s) -> S::f64s {
    let splat = |number: f64| simd.splat_f64s(number);
    let biased = simd.mul_add_f64s(x, splat(std::f64::consts::LOG2_E), splat(ROUND));
    let k = simd.sub_f64s(biased, splat(ROUND));
    let r = simd.mul_add_f64s(k, splat(-LN_2.0), x);
    let r = simd.mul_add_f64s(k, splat(-LN_2.1), r);
    let [first, rest @ ..] = SERIES;
    let series = rest.into_iter().fold(splat(first), |sum, term| simd.mul_add_f64s(sum, r, splat(term)));
    let power = simd.mul_add_f64s(simd.mul_add_f64s(series, r, splat(1.0)), r, splat(1.0));
    simd.mul_f64s(power, two_to(simd, biased))
}

#[cfg(test)]
#[allow(clippy::float_cmp)]
mod tests {
    use super::*;
    use crate::num::Dd;
    use crate::num::random::Random;
    use pulp::{Arch, Scalar, WithSimd};

    /// e to the power of every number.
    struct Powers<'a>(&'a mut [f64]);

    impl WithSimd for Powers<'_> {
        type Output = ();

        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) {
            let (whole, rest) = S::as_mut_simd_f64s(self.0);
            for x in whole {
                *x = exp(simd, *x);
            }
            for x in rest {
                *x = exp(Scalar::new(), *x);
            }
        }
    }

    fn powers(x: &[f64]) -> Vec<f64> {
        let mut out = x.to_vec();
        Arch::new().dispatch(Powers(&mut out));
        out
    }

    /// eˣ to some 28 digits: `x − k log 2` divided by 2¹⁰, Taylor's series, and ten squarings; scaled by `2⁻ᵏ`, with k.
    fn reference(x: f64) -> (Dd, i32) {
        let ln_2 = Dd::new(std::f64::consts::LN_2, 2.319_046_813_846_299_6e-17);
        let k = (x / std::f64::consts::LN_2).round();
        let r = (Dd::from(x) - ln_2 * Dd::from(k)) * Dd::from(1.0 / 1024.0);
        let mut sum = Dd::ONE;
        for term in (1..=12).rev() {
            sum = Dd::ONE + sum * r / Dd::from(f64::from(term));
        }
        for _ in 0..10 {
            sum = sum * sum;
        }
        #[expect(clippy::cast_possible_truncation, reason = "a whole number below 1100")]
        let k = k as i32;
        (sum, k)
    }

    /// How far `found` is from eˣ, in units of its last place.
    fn ulps(x: f64, found: f64) -> f64 {
        let (wanted, k) = reference(x);
        let spacing = -52 - i32::from(wanted.hi < 1.0);
        let own = found * 2f64.powi(-k / 2) * 2f64.powi(-(k - k / 2));
        ((Dd::from(own) - wanted).value() / 2f64.powi(spacing)).abs()
    }

    /// Numbers of every size in the range.
    fn arguments(count: usize) -> Vec<f64> {
        let mut random = Random(7);
        let mut uniform = || (random.next() >> 11) as f64 / (1u64 << 53) as f64;
        let number = |at| match at % 3 {
            0 => uniform().mul_add(HIGHEST - LOWEST, LOWEST),
            1 => uniform().mul_add(40.0, -40.0),
            _ => (uniform() - 0.5) * 2f64.powf(-60.0 * uniform()),
        };
        (0..count).map(number).collect()
    }

    #[test]
    fn random_arguments_of_every_size_are_within_1_1_units_of_the_last_place() {
        let x = arguments(400_000);
        let off = |(x, found): (&f64, &f64)| (ulps(*x, *found), *x);
        let worst = x.iter().zip(&powers(&x)).map(off).fold((0.0, 0.0), |a, b| if b.0 > a.0 { b } else { a });
        assert!(worst.0 <= 1.1, "{worst:?}");
    }

    #[test]
    fn every_processor_has_the_same_bits() {
        let mut x = arguments(10_000);
        x.extend([LOWEST, HIGHEST, -1e9, f64::NEG_INFINITY, 0.0, -0.0, f64::MIN_POSITIVE]);
        let bits = |x: &[f64]| x.iter().map(|x| x.to_bits()).collect::<Vec<u64>>();
        let wanted: Vec<f64> = x.iter().map(|x| exp(Scalar::new(), *x)).collect();
        assert_eq!(bits(&powers(&x)), bits(&wanted));
        #[cfg(target_arch = "x86_64")]
        if let Some(v3) = pulp::x86::V3::try_new() {
            let mut found = x.clone();
            Simd::vectorize(v3, Powers(&mut found));
            assert_eq!(bits(&found), bits(&wanted));
        }
    }

    #[test]
    fn ends_of_the_range_and_what_is_no_number_come_out_as_they_should() {
        let zeros = [f64::NEG_INFINITY, -1e300, -1e9, -708.1];
        assert_eq!(powers(&zeros), [0.0; 4]);
        assert_eq!(powers(&[0.0, -0.0, f64::from_bits(1), -1e-300]), [1.0; 4]);
        let edges = [LOWEST, HIGHEST, 1.0, -1.0];
        for (x, found) in edges.iter().zip(powers(&edges)) {
            assert!(ulps(*x, found) <= 1.1, "{x} {found}");
        }
        let nan = [f64::NAN, -f64::NAN, f64::from_bits(0x7ff8_0000_0000_0fff)];
        assert!(powers(&nan).iter().all(|y| y.is_nan()));
    }
}
