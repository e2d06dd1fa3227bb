//! The exponential function in a form that vectorises: no table, no branch, no call.
//!
//! `x = k log 2 + r` with `|r| ≤ ½ log 2`; `eʳ` is its Taylor polynomial of degree 13, whose remainder `r¹⁴/14!` is below
//! a twentieth of a rounding (W. J. Cody and W. Waite, *Software Manual for the Elementary Functions*, 1980, ch. 6, for
//! the reduction). `2ᵏ` is multiplied in two halves, so that what overflows is inf and what underflows is rounded once,
//! to a subnormal number or 0. Within 1 ulp for every argument, and with the same bits on every processor, as a fused
//! multiply-add has one result everywhere.

/// Beyond these the results are inf and 0.
const HIGHEST: f64 = 710.0;
const LOWEST: f64 = -746.0;
/// Added to a number below 2⁵¹ in size, it leaves the nearest whole number in the lowest bits.
const ROUND: f64 = 6_755_399_441_055_744.0;
/// log 2 as the sum of two numbers, of which the first has so few digits that its whole multiples are exact.
const LN_2: (f64, f64) = (6.931_471_803_691_238e-1, 1.908_214_929_270_587_7e-10);
/// 1/k! from k = 13 down to 2.
const TAYLOR: [f64; 12] = [
    1.0 / 6_227_020_800.0,
    1.0 / 479_001_600.0,
    1.0 / 39_916_800.0,
    1.0 / 3_628_800.0,
    1.0 / 362_880.0,
    1.0 / 40_320.0,
    1.0 / 5_040.0,
    1.0 / 720.0,
    1.0 / 120.0,
    1.0 / 24.0,
    1.0 / 6.0,
    1.0 / 2.0,
];

/// eˣ; NaN for NaN.
#[allow(clippy::inline_always, reason = "it must be compiled inside the dispatch on the processor")]
#[inline(always)]
pub(crate) fn exp(x: f64) -> f64 {
    // Not `clamp` or `max`: NaN is to stay.
    let x = if x > HIGHEST { HIGHEST } else { x };
    let x = if x < LOWEST { LOWEST } else { x };
    let k = x.mul_add(std::f64::consts::LOG2_E, ROUND) - ROUND;
    let r = k.mul_add(-LN_2.1, k.mul_add(-LN_2.0, x));
    let series = TAYLOR.into_iter().fold(0.0, |sum: f64, term| sum.mul_add(r, term));
    let power = 1.0 + series.mul_add(r * r, r);
    let half = k.mul_add(0.5, ROUND);
    let rest = (k - (half - ROUND)) + ROUND;
    (power * two_to(half)) * two_to(rest)
}

/// 2ᵏ for the whole number k in the lowest bits of `ROUND + k`, within the exponents of normal numbers.
#[allow(clippy::inline_always, reason = "as `exp`")]
#[inline(always)]
fn two_to(rounded: f64) -> f64 {
    f64::from_bits(rounded.to_bits().wrapping_add(1023) << 52)
}

#[cfg(test)]
#[allow(clippy::float_cmp)]
mod tests {
    use super::*;
    use crate::num::Dd;
    use crate::num::random::Random;

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

    /// How far `exp(x)` is from the reference, in units of the last place of the result.
    fn ulps(x: f64) -> f64 {
        let (wanted, k) = reference(x);
        // The spacing of numbers of this size, and of subnormal ones, times 2⁻ᵏ.
        let below_one = wanted.hi < 1.0;
        let spacing = (-52 - i32::from(below_one)).max(-1074 - k);
        let own = exp(x) * 2f64.powi(-k / 2) * 2f64.powi(-(k - k / 2));
        ((Dd::from(own) - wanted).value() / 2f64.powi(spacing)).abs()
    }

    #[test]
    fn random_arguments_of_every_size_are_within_one_unit_of_the_last_place() {
        let mut random = Random(7);
        let mut uniform = || (random.next() >> 11) as f64 / (1u64 << 53) as f64;
        let mut worst = (0.0, 0.0);
        for at in 0..400_000 {
            let x = match at % 4 {
                0 => uniform().mul_add(1453.0, -744.0),
                1 => uniform().mul_add(40.0, -40.0),
                2 => uniform().mul_add(-37.0, -708.0),
                _ => (uniform() - 0.5) * 2f64.powf(-60.0 * uniform()),
            };
            let off = ulps(x);
            if off > worst.0 {
                worst = (off, x);
            }
        }
        assert!(worst.0 <= 1.0, "{worst:?}");
    }

    #[test]
    fn ends_of_the_range_and_what_is_no_number_come_out_as_they_should() {
        for (x, y) in [
            (0.0, 1.0),
            (-0.0, 1.0),
            (f64::INFINITY, f64::INFINITY),
            (f64::NEG_INFINITY, 0.0),
            (1e300, f64::INFINITY),
            (-1e300, 0.0),
            (709.782_712_893_384_1, f64::INFINITY),
            (-745.133_219_101_941_2, 0.0),
            // Half of the least number above 0 is rounded to it.
            (-745.133_219_101_941_1, f64::from_bits(1)),
            (f64::from_bits(1), 1.0),
            (-1e-300, 1.0),
        ] {
            assert_eq!(exp(x), y, "exp({x:e})");
        }
        assert!(exp(f64::NAN).is_nan() && exp(-f64::NAN).is_nan());
        for edge in [709.782_712_893_384, -708.396_418_532_264_1, -744.440_071_921_381_2, 1.0, -1.0] {
            assert!(ulps(edge) <= 1.0, "{edge} {}", ulps(edge));
        }
    }
}
