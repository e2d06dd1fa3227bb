//! Numbers as sentences need them.

/// `value` to `digits` significant digits without trailing zeros: `0.00274`, `364.46`, `1.2e-12`.
pub(crate) fn figure(value: f64, digits: usize) -> String {
    if value == 0.0 || !value.is_finite() {
        return format!("{value}");
    }
    let places = digits.saturating_sub(1);
    let rounded: f64 = format!("{value:.places$e}").parse().unwrap_or(value);
    let size = rounded.abs();
    if (1e4..1e9).contains(&size) {
        let sign = if rounded < 0.0 { "-" } else { "" };
        return format!("{sign}{}", grouped(&format!("{size}")));
    }
    if (1e-3..1e9).contains(&size) { format!("{rounded}") } else { format!("{rounded:e}") }
}

/// A learning rate with all its digits: `0.005`, `1e-7`, `1e300`.
pub(crate) fn plain_rate(rate: f64) -> String {
    if rate == 0.0 || (1e-4..1e6).contains(&rate.abs()) { format!("{rate}") } else { format!("{rate:e}") }
}

/// `61553` as `61,553`.
pub(crate) fn count(value: u64) -> String {
    grouped(&value.to_string())
}

/// `1 step`, `931 steps`.
pub(crate) fn counted(value: u64, thing: &str) -> String {
    format!("{} {thing}{}", count(value), if value == 1 { "" } else { "s" })
}

/// Thousands apart in the whole part of a plain decimal.
fn grouped(decimal: &str) -> String {
    let (whole, rest) = decimal.find('.').map_or((decimal, ""), |dot| decimal.split_at(dot));
    let mut out = String::new();
    for (place, digit) in whole.chars().enumerate() {
        if place > 0 && (whole.len() - place).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out + rest
}

/// `a`, `a and b`, `a, b and c`, `a, b, c and 4 more`.
pub(crate) fn list(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] if names.len() <= 4 => format!("{} and {last}", first.join(", ")),
        [a, b, c, rest @ ..] => format!("{a}, {b}, {c} and {} more", rest.len()),
        _ => names.join(" and "),
    }
}

/// A column's name as an equation shows it: in back quotes, as in a formula, where it would be misread.
pub fn in_equation(name: &str) -> String {
    let odd = name.contains(|c: char| {
        c.is_whitespace() || matches!(c, '=' | '+' | '-' | '·' | '−' | ',' | ';' | '"' | '\'')
    }) || name.starts_with(|c: char| c.is_ascii_digit());
    if odd && !name.ends_with(')') { format!("`{name}`") } else { name.to_owned() }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::float_cmp)]

    use super::*;

    #[test]
    fn figures_keep_the_digits_that_were_asked_for() {
        assert_eq!(figure(364.463_700_245, 5), "364.46");
        assert_eq!(figure(0.002_743_757, 3), "0.00274");
        assert_eq!(figure(61_553.4, 5), "61,553");
        assert_eq!(figure(-12_345.0, 3), "-12,300");
        assert_eq!(figure(1.23e-12, 2), "1.2e-12");
        assert_eq!(figure(2.298e-4, 2), "2.3e-4");
        assert_eq!(figure(0.0, 3), "0");
        assert_eq!(
            [1e300, 1e-7, 0.005, 0.0001, 12.0, 1e6].map(plain_rate),
            ["1e300", "1e-7", "0.005", "0.0001", "12", "1e6"]
        );
        assert_eq!(counted(1, "step"), "1 step");
        assert_eq!(counted(10_000, "step"), "10,000 steps");
        assert_eq!(["a,b", "a^2", "log(x)", "it's"].map(in_equation), ["`a,b`", "a^2", "log(x)", "`it's`"]);
        assert_eq!(list(&["a".into(), "b".into(), "c".into(), "d".into(), "e".into()]), "a, b, c and 2 more");
    }
}
