//! The values of the flags of a mix.

use super::{Group, MixPath, NamedSpan, Span, Sum};
use crate::args::number;

/// `a..b`, `a..` or `..b`.
fn span(text: &str) -> Result<Span, String> {
    let wrong = || format!("`{text}` is not a range such as 0.1..0.4, 0.1.. or ..0.4");
    let (low, high) = text.split_once("..").ok_or_else(wrong)?;
    let end = |text: &str, open: f64| match text.trim() {
        "" => Ok(open),
        text => number(text),
    };
    let span = Span { low: end(low, f64::NEG_INFINITY)?, high: end(high, f64::INFINITY)? };
    if span.low == f64::NEG_INFINITY && span.high == f64::INFINITY {
        return Err(wrong());
    }
    if span.low > span.high {
        return Err(format!(
            "`{text}` has its low end above its high end: write {high}..{low}, if that is meant"
        ));
    }
    Ok(span)
}

/// `name=a..b`.
pub(super) fn named_span(text: &str) -> Result<NamedSpan, String> {
    let wrong = "must be NAME=L..U, as in oil=0.1..0.4";
    let (name, range) = text.rsplit_once('=').ok_or(wrong)?;
    if name.trim().is_empty() {
        return Err(wrong.to_owned());
    }
    Ok(NamedSpan { name: name.trim().to_owned(), span: span(range)? })
}

pub(super) fn sum(text: &str) -> Result<Sum, String> {
    if text.trim() == "none" {
        return Ok(Sum::Free);
    }
    if text.contains("..") {
        return span(text).map(Sum::Within);
    }
    let value =
        number(text).map_err(|_| format!("`{text}` is not a number, a range such as 0.9..1, or none"))?;
    Ok(Sum::Within(Span { low: value, high: value }))
}

pub(super) fn whole(text: &str) -> Result<usize, String> {
    text.parse().map_err(|_| format!("must be a number of inputs, not {text}"))
}

pub(super) fn some(text: &str) -> Result<usize, String> {
    match whole(text) {
        Ok(0) => Err("must be 1 or more: the best one is the first".to_owned()),
        count => count,
    }
}

/// Problems on a path at most.
const MOST_STEPS: usize = 1000;

/// `low=0..0.3:7`, `at-most=1..8`.
pub(super) fn path(text: &str) -> Result<MixPath, String> {
    const WRONG: &str = "must be low=A..B:K or at-most=A..B, as in low=0..0.3:7";
    const RISES: &str = "goes from a number to a greater one, as in low=0..0.3:7";
    let (flag, rest) = text.split_once('=').ok_or(WRONG)?;
    match flag.trim() {
        "low" => {
            let (range, count) = rest
                .rsplit_once(':')
                .ok_or_else(|| format!("says no number of values: write low={rest}:7 for seven of them"))?;
            let Span { low, high } = span(range)?;
            let count = count.trim().parse::<usize>().ok().filter(|count| (2..=MOST_STEPS).contains(count));
            let count =
                count.ok_or_else(|| format!("the number of values must be from 2 to {MOST_STEPS}"))?;
            if !(low.is_finite() && high.is_finite() && low < high) {
                return Err(RISES.to_owned());
            }
            let last = (count - 1) as f64;
            // To twelve digits, so that a third of .3 is .1.
            let value = |step: usize| {
                let exact = low * (1.0 - step as f64 / last) + high * (step as f64 / last);
                format!("{exact:.11e}").parse::<f64>().unwrap_or(exact)
            };
            Ok(MixPath::Low((0..count).map(value).collect()))
        }
        "at-most" => {
            let (first, last) = rest.split_once("..").ok_or(WRONG)?;
            if let Some((_, count)) = last.split_once(':') {
                return Err(format!(
                    "goes through every whole number, so `:{count}` has no meaning: write at-most={}",
                    rest.split(':').next().unwrap_or_default()
                ));
            }
            let (first, last) = (whole(first.trim())?, whole(last.trim())?);
            if first > last {
                return Err(format!("must rise: write at-most={last}..{first}, if that is meant"));
            }
            if last - first >= MOST_STEPS {
                return Err(format!("has more than {MOST_STEPS} values"));
            }
            Ok(MixPath::AtMost((first..=last).collect()))
        }
        _ => Err(WRONG.to_owned()),
    }
}

/// `name=a,b,c*:lo..hi`.
pub(super) fn group(text: &str) -> Result<Group, String> {
    let wrong = "must be NAME=COLS:lo..hi, as in energy=oil,gas:0.1..0.3";
    let (name, rest) = text.split_once('=').ok_or(wrong)?;
    let (columns, range) = rest.rsplit_once(':').ok_or(wrong)?;
    if name.trim().is_empty() || columns.trim().is_empty() {
        return Err(wrong.to_owned());
    }
    Ok(Group { name: name.trim().to_owned(), columns: columns.trim().to_owned(), span: span(range)? })
}

pub(super) fn group_count(text: &str) -> Result<Group, String> {
    let group = group(text)?;
    let Span { low, high } = group.span;
    match [low, high].into_iter().find(|end| end.is_finite() && (*end < 0.0 || end.fract() != 0.0)) {
        Some(end) => Err(format!("counts inputs, so its ends are whole numbers, and {end} is none")),
        None => Ok(group),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(text: &str) -> Option<(f64, f64)> {
        span(text).ok().map(|span| (span.low, span.high))
    }

    #[test]
    fn a_range_may_be_open_at_one_end_and_needs_no_leading_zeros() {
        assert_eq!(pair(".1...5"), Some((0.1, 0.5)));
        assert_eq!(pair("-0.3..-.1"), Some((-0.3, -0.1)));
        assert_eq!(pair("..1"), Some((f64::NEG_INFINITY, 1.0)));
        assert_eq!(pair("2.."), Some((2.0, f64::INFINITY)));
        for text in ["", "..", "1", "2..1", "a..b", "1..nan", "1..inf"] {
            assert_eq!(pair(text), None, "{text}");
        }
    }

    #[test]
    fn a_sum_is_a_number_a_range_or_none() {
        assert_eq!(sum("none"), Ok(Sum::Free));
        assert_eq!(sum("1"), Ok(Sum::Within(Span { low: 1.0, high: 1.0 })));
        assert_eq!(sum("0.9..1"), Ok(Sum::Within(Span { low: 0.9, high: 1.0 })));
        assert!(sum("all").is_err() && sum("").is_err());
    }

    #[test]
    fn the_values_of_a_path_are_round() {
        assert_eq!(path("low=0..0.3:4"), Ok(MixPath::Low(vec![0.0, 0.1, 0.2, 0.3])));
        assert_eq!(path("low=0.1..0.3:3"), Ok(MixPath::Low(vec![0.1, 0.2, 0.3])));
        assert_eq!(path("at-most=2..4"), Ok(MixPath::AtMost(vec![2, 3, 4])));
        for text in
            ["low=0..1", "low=1..0:3", "low=0..1:1", "at-most=4..2", "high=0..1:3", "0..1:3", "low=..1:3"]
        {
            assert!(path(text).is_err(), "{text}");
        }
    }

    #[test]
    fn names_keep_their_signs() {
        assert_eq!(named_span("a=b=.1..2").map(|named| named.name), Ok("a=b".to_owned()));
        let Ok(made) = group("energy=a:b,c*:..0.3") else { unreachable!("a group") };
        assert_eq!((made.name.as_str(), made.columns.as_str(), made.span.high), ("energy", "a:b,c*", 0.3));
        assert!(group_count("energy=a,b:1..2").is_ok());
        assert!(group_count("energy=a,b:0.5..2").is_err() && group_count("energy=a,b:-1..2").is_err());
    }
}
