//! Numbers as people read them: six significant digits, no trailing zeros, thousands apart.

/// Whole numbers of up to so many digits are written out, even where only the first are significant.
const WHOLE: i32 = 9;

/// A p-value: three digits, or less than any number that it could be told from.
pub fn p_value(p: f64) -> String {
    if p == 0.0 { "<1e-300".to_owned() } else { significant(p, 3) }
}

/// `value` to `digits` significant digits: `-159.474`, `30.0879`, `1.02e-6`, `61553`.
pub fn significant(value: f64, digits: usize) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    if !value.is_finite() {
        return if value.is_nan() { "NaN".to_owned() } else { format!("{value}") };
    }
    let digits = digits.max(1);
    let scientific = format!("{value:.*e}", digits - 1);
    let Some((mantissa, exponent)) = scientific.split_once('e') else { return scientific };
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let before = i32::try_from(digits).unwrap_or(i32::MAX);
    if (-4..before.max(WHOLE)).contains(&exponent) {
        let decimals = usize::try_from(before - 1 - exponent).unwrap_or(0);
        trim(&format!("{value:.decimals$}")).to_owned()
    } else {
        format!("{}e{exponent}", trim(mantissa))
    }
}

/// Six significant digits.
pub fn plain(value: f64) -> String {
    significant(value, 6)
}

/// Two significant digits: for bounds and gaps, whose size is what matters.
pub fn rough(value: f64) -> String {
    significant(value, 2)
}

/// `61553` as `61,553`.
pub fn count(value: u64) -> String {
    let digits = value.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// `1 row`, `12 rows`.
pub fn counted(value: u64, thing: &str) -> String {
    format!("{} {thing}{}", count(value), if value == 1 { "" } else { "s" })
}

/// Whole digits as people count them: none below 0, and 15 at most, as `f64` holds no more that mean anything.
pub fn digits(value: f64) -> String {
    let whole = (1_u32..=15).rev().find(|whole| f64::from(*whole) <= value).unwrap_or(0);
    counted(u64::from(whole), "digit")
}

fn trim(decimal: &str) -> &str {
    if decimal.contains('.') { decimal.trim_end_matches('0').trim_end_matches('.') } else { decimal }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn six_digits_are_kept_and_zeros_are_not() {
        let cases = [
            (-159.474_152_34, "-159.474"),
            (30.087_861_79, "30.0879"),
            (1.016_3e-6, "1.0163e-6"),
            (61_553.0, "61553"),
            (1e15, "1e15"),
            (999_999.6, "1000000"),
            (2_269_952.4, "2269952"),
            (-2.5e9, "-2.5e9"),
            (0.000_123_456_78, "0.000123457"),
            (0.5, "0.5"),
            (0.0, "0"),
            (-0.0, "0"),
            (f64::INFINITY, "inf"),
            (f64::NEG_INFINITY, "-inf"),
            (f64::NAN, "NaN"),
        ];
        for (value, text) in cases {
            assert_eq!(plain(value), text);
        }
    }

    #[test]
    fn thousands_stand_apart() {
        let cases = [(0, "0"), (999, "999"), (1000, "1,000"), (61_553, "61,553"), (1_234_567, "1,234,567")];
        for (value, text) in cases {
            assert_eq!(count(value), text);
        }
    }
}
