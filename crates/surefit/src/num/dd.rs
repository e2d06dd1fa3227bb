//! Double-double arithmetic: a number kept as the unevaluated sum of two `f64`, about 32 decimal digits.
//!
//! The basic operations are the accurate ones of Joldes, Muller and Popescu, "Tight and rigorous error
//! bounds for basic building blocks of double-word arithmetic", ACM TOMS 44 (2017): relative errors of
//! addition at most 3u², of multiplication at most 5u², of division at most 10u², with u = 2⁻⁵³.
//!
//! Everything here is `#[inline(always)]` so that a loop inside `pulp::Arch::dispatch` is compiled with
//! the processor's fused multiply-add; without one `f64::mul_add` is exact too, only slow.

use std::cmp::Ordering;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Div, Mul, Neg, Sub, SubAssign};

/// `hi + lo` with `|lo| ≤ ½ ulp(hi)`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Dd {
    /// The value rounded to `f64`.
    pub hi: f64,
    /// What the rounding left over.
    pub lo: f64,
}

/// `a + b` exactly, as rounded sum and error (Knuth).
#[inline(always)]
fn two_sum(a: f64, b: f64) -> Dd {
    let s = a + b;
    let t = s - a;
    Dd { hi: s, lo: (a - (s - t)) + (b - t) }
}

/// `a + b` exactly, where `|a| ≥ |b|` or `a = 0` (Dekker).
#[inline(always)]
fn fast_two_sum(a: f64, b: f64) -> Dd {
    let s = a + b;
    Dd { hi: s, lo: b - (s - a) }
}

/// `a · b` exactly, as rounded product and error.
#[inline(always)]
fn two_product(a: f64, b: f64) -> Dd {
    let p = a * b;
    Dd { hi: p, lo: a.mul_add(b, -p) }
}

impl Dd {
    /// Zero.
    pub const ZERO: Self = Self { hi: 0.0, lo: 0.0 };
    /// One.
    pub const ONE: Self = Self { hi: 1.0, lo: 0.0 };
    /// The relative rounding error of one operation, with a margin: `2⁻¹⁰⁰`.
    pub const ROUNDOFF: f64 = 7.888_609_052_210_118e-31;

    /// The number `hi + lo`, normalised.
    #[inline(always)]
    pub fn new(hi: f64, lo: f64) -> Self {
        two_sum(hi, lo)
    }

    /// The exact sum of two `f64`.
    #[inline(always)]
    pub fn sum(a: f64, b: f64) -> Self {
        two_sum(a, b)
    }

    /// The exact product of two `f64`.
    #[inline(always)]
    pub fn product(a: f64, b: f64) -> Self {
        two_product(a, b)
    }

    /// The value rounded to `f64`.
    #[inline(always)]
    pub fn value(self) -> f64 {
        self.hi + self.lo
    }

    /// Magnitude.
    #[inline(always)]
    #[must_use]
    pub fn abs(self) -> Self {
        if self.hi < 0.0 { -self } else { self }
    }

    /// True when neither infinite nor NaN.
    pub fn is_finite(self) -> bool {
        self.hi.is_finite() && self.lo.is_finite()
    }

    /// Square root, by one Newton step on the `f64` root; NaN below zero.
    #[inline(always)]
    #[must_use]
    pub fn sqrt(self) -> Self {
        if self.hi == 0.0 {
            return Self::ZERO;
        }
        let root = self.hi.sqrt();
        let rest = self - two_product(root, root);
        fast_two_sum(root, rest.hi / (2.0 * root))
    }

    /// Whole power by repeated squaring; `x⁰ = 1`.
    #[must_use]
    pub fn powi(self, exponent: i32) -> Self {
        let mut left = exponent.unsigned_abs();
        let (mut square, mut result) = (self, Self::ONE);
        while left > 0 {
            if left & 1 == 1 {
                result = result * square;
            }
            square = square * square;
            left >>= 1;
        }
        if exponent < 0 { Self::ONE / result } else { result }
    }
}

impl From<f64> for Dd {
    #[inline(always)]
    fn from(value: f64) -> Self {
        Self { hi: value, lo: 0.0 }
    }
}

impl Add for Dd {
    type Output = Self;
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        let s = two_sum(self.hi, other.hi);
        let t = two_sum(self.lo, other.lo);
        let v = fast_two_sum(s.hi, s.lo + t.hi);
        fast_two_sum(v.hi, t.lo + v.lo)
    }
}

impl Add<f64> for Dd {
    type Output = Self;
    #[inline(always)]
    fn add(self, other: f64) -> Self {
        let s = two_sum(self.hi, other);
        fast_two_sum(s.hi, self.lo + s.lo)
    }
}

impl Neg for Dd {
    type Output = Self;
    #[inline(always)]
    fn neg(self) -> Self {
        Self { hi: -self.hi, lo: -self.lo }
    }
}

impl Sub for Dd {
    type Output = Self;
    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        self + -other
    }
}

impl Sub<f64> for Dd {
    type Output = Self;
    #[inline(always)]
    fn sub(self, other: f64) -> Self {
        self + -other
    }
}

impl Mul for Dd {
    type Output = Self;
    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        let p = two_product(self.hi, other.hi);
        let cross = self.lo.mul_add(other.hi, self.lo.mul_add(other.lo, self.hi * other.lo));
        fast_two_sum(p.hi, p.lo + cross)
    }
}

impl Mul<f64> for Dd {
    type Output = Self;
    #[inline(always)]
    fn mul(self, other: f64) -> Self {
        let p = two_product(self.hi, other);
        fast_two_sum(p.hi, self.lo.mul_add(other, p.lo))
    }
}

impl Div for Dd {
    type Output = Self;
    #[inline(always)]
    fn div(self, other: Self) -> Self {
        let q = self.hi / other.hi;
        let rest = self - other * q;
        let correction = rest.hi / other.hi;
        fast_two_sum(q, correction)
    }
}

impl Div<f64> for Dd {
    type Output = Self;
    #[inline(always)]
    fn div(self, other: f64) -> Self {
        self / Self::from(other)
    }
}

impl AddAssign for Dd {
    #[inline(always)]
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl SubAssign for Dd {
    #[inline(always)]
    fn sub_assign(&mut self, other: Self) {
        *self = *self - other;
    }
}

impl PartialOrd for Dd {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        match self.hi.partial_cmp(&other.hi) {
            Some(Ordering::Equal) => self.lo.partial_cmp(&other.lo),
            decided => decided,
        }
    }
}

impl Sum for Dd {
    fn sum<I: Iterator<Item = Self>>(terms: I) -> Self {
        terms.fold(Self::ZERO, |total, term| total + term)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use num_bigint::BigInt;
    use num_rational::BigRational;
    use num_traits::{Signed, ToPrimitive};
    use proptest::prelude::*;

    fn exact(x: Dd) -> BigRational {
        let part = |v| BigRational::from_float(v).unwrap();
        part(x.hi) + part(x.lo)
    }

    fn relative_error(got: Dd, want: &BigRational) -> f64 {
        let difference = (exact(got) - want).abs();
        if difference == BigRational::from(BigInt::from(0)) {
            return 0.0;
        }
        (difference / want.abs()).to_f64().unwrap_or(f64::INFINITY)
    }

    fn double() -> impl Strategy<Value = Dd> {
        (0.5f64..1e6, -1.0f64..1.0, any::<bool>()).prop_map(|(hi, lo, negative)| {
            let x = Dd::new(hi, lo * 1e-17 * hi);
            if negative { -x } else { x }
        })
    }

    proptest! {
        #[test]
        fn operations_agree_with_rational_arithmetic(a in double(), b in double()) {
            let (x, y) = (exact(a), exact(b));
            prop_assert!(relative_error(a * b, &(&x * &y)) < Dd::ROUNDOFF);
            prop_assert!(relative_error(a / b, &(&x / &y)) < Dd::ROUNDOFF);
            let sum = &x + &y;
            if sum != BigRational::from(BigInt::from(0)) {
                prop_assert!(relative_error(a + b, &sum) < Dd::ROUNDOFF);
            }
            let root = a.abs().sqrt();
            prop_assert!(relative_error(root * root, &x.abs()) < 4.0 * Dd::ROUNDOFF);
        }
    }

    #[test]
    fn powers_of_a_decimal_match_exact_powers() {
        let x = Dd::from(-8.781_464_495);
        let want = (0..10).fold(BigRational::from(BigInt::from(1)), |p, _| p * exact(x));
        assert!(relative_error(x.powi(10), &want) < 10.0 * Dd::ROUNDOFF);
    }
}
