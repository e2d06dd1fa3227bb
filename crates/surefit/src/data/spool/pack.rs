//! The values of one column in one segment, in as few bytes as give every bit of them back.
//!
//! Numbers in a text are decimals of few digits. The `f64` that a reader makes of m/10^k is the nearest one, and so
//! is what a division makes of the whole numbers m and 10^k where both are exact (Clinger, "How to read floating
//! point numbers accurately", PLDI 1990): so m in 1, 2 or 4 bytes says as much as the 8 bytes of an `f64`. Whether
//! it does is tried for every value, and a column where it does not stays as it is.

use crate::data::table::{ColumnKind, Levels, Values};
use crate::num::simd::vectorised;

/// How the values of a column lie in bytes, little-endian.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// `f64`.
    Double,
    /// `f32`, for numbers that are no more.
    Single,
    /// Whole numbers m for m/10^`places`.
    Decimal { width: Width, places: u8 },
    /// Codes of levels.
    Code(Width),
}

/// Bytes of a whole number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Width {
    One,
    Two,
    Four,
}

impl Width {
    const ALL: [Self; 3] = [Self::One, Self::Two, Self::Four];

    fn bytes(self) -> usize {
        match self {
            Self::One => 1,
            Self::Two => 2,
            Self::Four => 4,
        }
    }

    /// The largest |m|; beyond it are the two codes of what is no such number.
    fn largest(self) -> f64 {
        match self {
            Self::One => f64::from(i8::MAX - 1),
            Self::Two => f64::from(i16::MAX - 1),
            Self::Four => f64::from(i32::MAX - 1),
        }
    }
}

impl Form {
    /// Bytes of one value.
    pub fn bytes(self) -> usize {
        match self {
            Self::Double => 8,
            Self::Single => 4,
            Self::Decimal { width, .. } | Self::Code(width) => width.bytes(),
        }
    }

    /// What a column of this form holds.
    fn kind(self) -> ColumnKind {
        if matches!(self, Self::Code(_)) { ColumnKind::Text } else { ColumnKind::Number }
    }
}

/// 10^k for the decimal places that are tried.
const POWERS: [f64; 10] = [1.0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9];

/// Values looked at before more decimal places are tried.
const STRETCH: usize = 1024;

/// Appends `values` to `bytes`.
pub(super) fn pack(values: &Values, bytes: &mut Vec<u8>) -> Form {
    let form = match values {
        Values::Number(values) => number_form(values),
        Values::Text(codes) => code_form(codes),
    };
    let (from, count) = (bytes.len(), super::length(values));
    bytes.resize(from + count * form.bytes(), 0);
    let bytes = bytes.get_mut(from..).unwrap_or_default();
    match (values, form) {
        (Values::Number(values), Form::Decimal { width, places }) => {
            put_decimals(values, power(places), width, bytes);
        }
        (Values::Number(values), Form::Single) => put_singles(values, bytes),
        (Values::Number(values), _) => {
            let places = bytes.as_chunks_mut().0.iter_mut();
            places.zip(values).for_each(|(place, value)| *place = value.to_le_bytes());
        }
        (Values::Text(codes), Form::Code(width)) => put_codes(codes, width, bytes),
        // Codes have no other form.
        (Values::Text(_), _) => {}
    }
    form
}

/// The `rows` values that [`pack`] made `bytes` of.
pub(super) fn unpack(form: Form, rows: usize, bytes: &[u8]) -> Values {
    if form.kind() == ColumnKind::Text {
        let mut codes = vec![0; rows];
        if let Form::Code(width) = form {
            take_codes(bytes, width, &mut codes);
        }
        return Values::Text(codes);
    }
    let mut values = vec![0.0; rows];
    match form {
        Form::Decimal { width, places } => take_decimals(bytes, power(places), width, &mut values),
        Form::Single => take_singles(bytes, &mut values),
        Form::Double | Form::Code(_) => {
            let numbers = bytes.as_chunks().0.iter();
            values.iter_mut().zip(numbers).for_each(|(value, number)| *value = f64::from_le_bytes(*number));
        }
    }
    Values::Number(values)
}

fn power(places: u8) -> f64 {
    POWERS.get(usize::from(places)).copied().unwrap_or(1.0)
}

/// The narrowest form of numbers: with the fewest places that the values need as far as they were looked at.
fn number_form(values: &[f64]) -> Form {
    let mut powers = (0u8..).zip(POWERS);
    let mut at = powers.next();
    let (mut largest, mut seen) = (0.0f64, 0);
    while let (Some((_, scale)), Some(rest)) = (at, values.get(seen..).filter(|rest| !rest.is_empty())) {
        let stretch = rest.get(..STRETCH).unwrap_or(rest);
        match largest_whole(stretch, scale) {
            found if found <= Width::Four.largest() => {
                largest = largest.max(found);
                seen += stretch.len();
            }
            // What came before needs another look: its whole numbers are ten times larger now.
            _ => {
                at = powers.next();
                (largest, seen) = (0.0, 0);
            }
        }
    }
    match (at, Width::ALL.into_iter().find(|width| largest <= width.largest())) {
        (Some((places, _)), Some(width)) => Form::Decimal { width, places },
        _ if values.iter().all(|value| is_single(*value)) => Form::Single,
        _ => Form::Double,
    }
}

/// The narrowest form of codes.
fn code_form(codes: &[u32]) -> Form {
    let present = codes.iter().copied().filter(|code| *code != Levels::MISSING);
    Form::Code(match present.max().unwrap_or(0) {
        largest if largest < u32::from(u8::MAX) => Width::One,
        largest if largest < u32::from(u16::MAX) => Width::Two,
        _ => Width::Four,
    })
}

#[expect(clippy::cast_possible_truncation, reason = "whether it loses anything is the question")]
fn single(value: f64) -> f32 {
    value as f32
}

fn is_single(value: f64) -> bool {
    f64::from(single(value)).to_bits() == value.to_bits()
}

/// A whole number of N bytes that stands for a decimal, for a missing value or for −0.
trait Whole<const N: usize>: Copy + PartialEq {
    const MISSING: Self;
    const MINUS_ZERO: Self;
    fn of(m: f64) -> Self;
    fn number(self) -> f64;
    fn bytes(self) -> [u8; N];
    fn read(bytes: [u8; N]) -> Self;
}

macro_rules! whole {
    ($($type:ty, $bytes:literal);*) => {$(
        impl Whole<$bytes> for $type {
            const MISSING: Self = Self::MIN;
            const MINUS_ZERO: Self = Self::MIN + 1;
            #[inline(always)]
            #[expect(clippy::cast_possible_truncation, reason = "only numbers that fit are written")]
            fn of(m: f64) -> Self {
                m as Self
            }
            #[inline(always)]
            fn number(self) -> f64 {
                f64::from(self)
            }
            #[inline(always)]
            fn bytes(self) -> [u8; $bytes] {
                self.to_le_bytes()
            }
            #[inline(always)]
            fn read(bytes: [u8; $bytes]) -> Self {
                Self::from_le_bytes(bytes)
            }
        }
    )*};
}

whole!(i8, 1; i16, 2; i32, 4);

/// Bits of a missing value.
const MISSING: u64 = f64::NAN.to_bits();
/// Bits of −0.
const MINUS_ZERO: u64 = (-0.0f64).to_bits();
/// Values side by side.
const LANES: usize = 8;

/// m of the decimal m/`scale` that may be `value`.
#[inline(always)]
fn whole(value: f64, scale: f64) -> f64 {
    (value * scale).round_ties_even()
}

/// What of `value` a decimal does not give back, bit by bit; 0 for a missing value.
#[inline(always)]
fn loss(value: f64, m: f64, scale: f64) -> u64 {
    value.to_bits() ^ if value.is_nan() { MISSING } else { (m / scale).to_bits() }
}

vectorised! {
/// The largest |m| of values that are decimals m/`scale`; infinite where one is none.
fn largest_whole<'a>(values: &'a [f64], scale: f64) -> f64 {
    let (mut largest, mut lost) = ([0.0f64; LANES], [0u64; LANES]);
    let (chunks, rest) = values.as_chunks::<LANES>();
    for chunk in chunks {
        for k in 0..LANES {
            let m = whole(chunk[k], scale);
            largest[k] = if m.abs() > largest[k] { m.abs() } else { largest[k] };
            lost[k] |= loss(chunk[k], m, scale);
        }
    }
    for (k, value) in rest.iter().enumerate() {
        let m = whole(*value, scale);
        largest[k] = largest[k].max(m.abs());
        lost[k] |= loss(*value, m, scale);
    }
    if lost == [0; LANES] { largest.into_iter().fold(0.0, f64::max) } else { f64::INFINITY }
}
}

vectorised! {
fn put_decimals<'a>(values: &'a [f64], scale: f64, width: Width, bytes: &'a mut [u8]) -> () {
    match width {
        Width::One => put::<i8, 1>(values, scale, bytes),
        Width::Two => put::<i16, 2>(values, scale, bytes),
        Width::Four => put::<i32, 4>(values, scale, bytes),
    }
}
}

#[inline(always)]
fn put<W: Whole<N>, const N: usize>(values: &[f64], scale: f64, bytes: &mut [u8]) {
    for (place, value) in bytes.as_chunks_mut().0.iter_mut().zip(values) {
        let m = W::of(whole(*value, scale));
        let m = if value.to_bits() == MINUS_ZERO { W::MINUS_ZERO } else { m };
        *place = if value.is_nan() { W::MISSING } else { m }.bytes();
    }
}

vectorised! {
fn take_decimals<'a>(bytes: &'a [u8], scale: f64, width: Width, values: &'a mut [f64]) -> () {
    match width {
        Width::One => take::<i8, 1>(bytes, scale, values),
        Width::Two => take::<i16, 2>(bytes, scale, values),
        Width::Four => take::<i32, 4>(bytes, scale, values),
    }
}
}

#[inline(always)]
fn take<W: Whole<N>, const N: usize>(bytes: &[u8], scale: f64, values: &mut [f64]) {
    for (place, value) in bytes.as_chunks().0.iter().zip(values) {
        let m = W::read(*place);
        let number = m.number() / scale;
        let number = if m == W::MINUS_ZERO { -0.0 } else { number };
        *value = if m == W::MISSING { f64::NAN } else { number };
    }
}

fn put_singles(values: &[f64], bytes: &mut [u8]) {
    let places = bytes.as_chunks_mut().0.iter_mut();
    places.zip(values).for_each(|(place, value)| *place = single(*value).to_le_bytes());
}

fn take_singles(bytes: &[u8], values: &mut [f64]) {
    let numbers = bytes.as_chunks().0.iter();
    values.iter_mut().zip(numbers).for_each(|(value, bytes)| *value = f64::from(f32::from_le_bytes(*bytes)));
}

/// The first bytes of each code; those of a missing one are all 255, in every width.
fn put_codes(codes: &[u32], width: Width, bytes: &mut [u8]) {
    for (place, code) in bytes.chunks_exact_mut(width.bytes()).zip(codes) {
        place.iter_mut().zip(code.to_le_bytes()).for_each(|(place, byte)| *place = byte);
    }
}

fn take_codes(bytes: &[u8], width: Width, codes: &mut [u32]) {
    let narrow = |code: u32, missing: u32| if code == missing { Levels::MISSING } else { code };
    match width {
        Width::One => {
            let all = codes.iter_mut().zip(bytes);
            all.for_each(|(code, byte)| *code = narrow(u32::from(*byte), u32::from(u8::MAX)));
        }
        Width::Two => {
            let all = codes.iter_mut().zip(bytes.as_chunks().0);
            all.for_each(|(code, bytes)| {
                *code = narrow(u32::from(u16::from_le_bytes(*bytes)), u32::from(u16::MAX));
            });
        }
        Width::Four => {
            let all = codes.iter_mut().zip(bytes.as_chunks().0);
            all.for_each(|(code, bytes)| *code = u32::from_le_bytes(*bytes));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn round_trip(values: &[f64]) -> Form {
        let mut bytes = vec![7];
        let form = pack(&Values::Number(values.to_vec()), &mut bytes);
        assert_eq!(bytes.len(), 1 + values.len() * form.bytes());
        let Values::Number(back) = unpack(form, values.len(), &bytes[1..]) else {
            return Form::Code(Width::One);
        };
        let bits = |values: &[f64]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&back), bits(values), "{form:?}");
        form
    }

    fn decimal(width: Width, places: u8) -> Form {
        Form::Decimal { width, places }
    }

    #[test]
    fn numbers_lie_in_the_narrowest_form_that_gives_every_bit_back() {
        assert_eq!(round_trip(&[]), decimal(Width::One, 0));
        assert_eq!(round_trip(&[0.0, 1.0, -126.0, f64::NAN, -0.0]), decimal(Width::One, 0));
        assert_eq!(round_trip(&[127.0]), decimal(Width::Two, 0));
        assert_eq!(round_trip(&[0.1, -12.7, f64::NAN, -0.0]), decimal(Width::Two, 1));
        assert_eq!(round_trip(&[32_767.0]), decimal(Width::Four, 0));
        assert_eq!(round_trip(&[-12.345_678, 0.1]), decimal(Width::Four, 6));
        assert_eq!(round_trip(&[2_147_483_646.0]), decimal(Width::Four, 0));
        assert_eq!(round_trip(&[0.1f32, 1e-30, f32::NAN].map(f64::from)), Form::Single);
        for other in [2_147_483_647.0, 0.123_456_789_012, f64::MIN_POSITIVE, 1e300, 1.0 / 3.0] {
            assert_eq!(round_trip(&[1.0, other]), Form::Double, "{other}");
        }
        assert_eq!(round_trip(&[1.0, f64::INFINITY]), Form::Single);
        let odd = f64::from_bits(MISSING | 1);
        assert_eq!(round_trip(&[1.0, odd]), Form::Double, "a missing value of other bits");
    }

    #[test]
    fn a_value_late_in_the_column_counts_as_much_as_the_first() {
        for (late, form) in [
            (0.25, decimal(Width::Four, 2)),
            (f64::NAN, decimal(Width::Two, 0)),
            (1.0 / 3.0, Form::Double),
            (1e7, decimal(Width::Four, 0)),
        ] {
            let mut values: Vec<f64> = (0..3 * STRETCH + 5).map(|i| (i % 1000) as f64).collect();
            values.push(late);
            assert_eq!(round_trip(&values), form, "{late}");
        }
    }

    #[test]
    fn codes_come_back_in_every_width() {
        for (largest, width) in [
            (254, Width::One),
            (255, Width::Two),
            (65_534, Width::Two),
            (65_535, Width::Four),
            (Levels::MISSING - 1, Width::Four),
        ] {
            let codes = vec![0, largest, Levels::MISSING, 1];
            let mut bytes = Vec::new();
            let form = pack(&Values::Text(codes.clone()), &mut bytes);
            assert_eq!(form, Form::Code(width));
            assert!(matches!(unpack(form, 4, &bytes), Values::Text(back) if back == codes));
        }
    }

    proptest! {
        #[test]
        fn any_numbers_come_back(values in proptest::collection::vec(any::<u64>().prop_map(f64::from_bits), 0..50)) {
            round_trip(&values);
        }

        #[test]
        fn any_decimals_of_nine_digits_need_no_more_than_four_bytes(
            values in proptest::collection::vec(-999_999_999i32..=999_999_999, 1..50), places in 0u8..10,
        ) {
            let read = |m: i32| format!("{m}e-{places}").parse::<f64>().ok();
            let values: Vec<f64> = values.into_iter().filter_map(read).collect();
            let form = round_trip(&values);
            prop_assert!(form.bytes() <= 4 && form != Form::Single, "{form:?}");
        }
    }
}
