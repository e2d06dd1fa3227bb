//! The flags of `surefit mix`. Those of [`MixFlags`] are keys of a problem file as well, which is read by turning
//! each key into its flag, so that both mean the same and are refused with the same words.

use super::{
    Dialect, MissingArg, Output, Running, STANDARD_INPUT, duration, not_negative, number, positive, size,
    usage,
};
use crate::files;
use clap::{Args, CommandFactory as _, Parser, ValueEnum};
use std::path::{Path, PathBuf};
use std::time::Duration;
use surefit::Error;
use surefit::data::formula::nearest;
use surefit::model::ModelError;

/// `surefit mix`.
#[derive(Clone, Debug, Args)]
pub struct MixArgs {
    /// A .csv, .tsv (each also .gz), .parquet or .arrow file, or - for standard input
    #[arg(value_name = "DATA")]
    pub data: String,
    /// Further flags, one a line: `low = 0.2`, `must = ["a", "b"]`; a flag given here replaces the file's
    #[arg(long, value_name = "FILE.toml", help_heading = "Problem")]
    pub problem: Option<PathBuf>,
    /// What is asked for.
    #[command(flatten)]
    pub flags: MixFlags,
    /// Write the mix to this file (safetensors), for `surefit predict`
    #[arg(short, long, value_name = "MODEL", help_heading = "Output")]
    pub output: Option<PathBuf>,
    /// How results are shown.
    #[command(flatten)]
    pub show: Output,
    /// How data is read.
    #[command(flatten)]
    pub dialect: Dialect,
    /// How the work is done.
    #[command(flatten)]
    pub running: Running,
}

/// What is asked for; each flag is a key of `--problem FILE.toml` too.
#[derive(Clone, Debug, Args)]
pub struct MixFlags {
    /// The column that the mix comes close to
    #[arg(long, value_name = "COL", help_heading = "Problem")]
    pub target: Option<String>,
    /// The columns that are mixed, names or patterns such as `S*`; repeatable [default: all numbers but target and
    /// weights]
    #[arg(long, value_name = "GLOB", help_heading = "Problem")]
    pub inputs: Vec<String>,
    /// What is made small: √Σr², Σ|r| or max |r| [default: l2]
    #[arg(long, value_name = "HOW", help_heading = "Problem")]
    pub distance: Option<DistanceArg>,
    /// ρ of ρ‖w‖² beside Σr²: prefers even weights [default: 0]
    #[arg(long, value_name = "ρ", value_parser = not_negative, allow_hyphen_values = true, help_heading = "Problem")]
    pub ridge: Option<f64>,
    /// The column of row weights: how often each row counts
    #[arg(long, value_name = "COL", help_heading = "Problem")]
    pub weights: Option<String>,
    /// What to do about missing values [default: error]
    #[arg(long, value_name = "HOW", help_heading = "Problem")]
    pub missing: Option<MissingArg>,

    /// The least weight of an input that is used; the others have weight 0 [default: 0]
    #[arg(long, value_name = "L", value_parser = number, allow_hyphen_values = true, help_heading = "Weights")]
    pub low: Option<f64>,
    /// The greatest weight of an input [default: what the sum leaves]
    #[arg(long, value_name = "U", value_parser = number, allow_hyphen_values = true, help_heading = "Weights")]
    pub high: Option<f64>,
    /// One input is 0 or from L to U, below 0 for a short position; NAME can be a pattern; repeatable
    #[arg(long, value_name = "NAME=L..U", value_parser = named_span, allow_hyphen_values = true, help_heading = "Weights")]
    pub range: Vec<NamedSpan>,
    /// One input is from l to u, without the 0; repeatable
    #[arg(long, value_name = "NAME=l..u", value_parser = named_span, allow_hyphen_values = true, help_heading = "Weights")]
    pub bound: Vec<NamedSpan>,
    /// What the weights sum to: a number, a..b or none [default: 1]
    #[arg(long, value_name = "SUM", value_parser = sum, allow_hyphen_values = true, help_heading = "Weights")]
    pub sum: Option<Sum>,

    /// At most this many inputs are used
    #[arg(long, value_name = "K", value_parser = whole, allow_hyphen_values = true, help_heading = "Limits")]
    pub at_most: Option<usize>,
    /// At least this many inputs are used
    #[arg(long, value_name = "k", value_parser = whole, allow_hyphen_values = true, help_heading = "Limits")]
    pub at_least: Option<usize>,
    /// This input is used; repeatable
    #[arg(long, value_name = "NAME", help_heading = "Limits")]
    pub must: Vec<String>,
    /// This input is not used; repeatable
    #[arg(long, value_name = "NAME", help_heading = "Limits")]
    pub never: Vec<String>,
    /// The weights of some inputs sum to lo..hi: `energy=S3,S8:..0.3`; repeatable
    #[arg(long, value_name = "NAME=COLS:lo..hi", value_parser = group, help_heading = "Limits")]
    pub group: Vec<Group>,
    /// So many of some inputs are used: `energy=S3,S8,T*:1..2`; repeatable
    #[arg(long, value_name = "NAME=COLS:lo..hi", value_parser = group_count, help_heading = "Limits")]
    pub group_count: Vec<Group>,
    /// A comparison of sums of weights: `a + 2 b <= .5`; repeatable
    #[arg(long, value_name = "EXPR", allow_hyphen_values = true, help_heading = "Limits")]
    pub constraint: Vec<String>,

    /// List the k best choices of inputs, the best one included
    #[arg(long, value_name = "k", value_parser = some, allow_hyphen_values = true, help_heading = "What if")]
    pub alternatives: Option<usize>,
    /// The best mix for each of several values: low=0..0.3:7, at-most=1..8
    #[arg(long, value_name = "FLAG=A..B[:K]", value_parser = path, allow_hyphen_values = true, help_heading = "What if")]
    pub path: Option<MixPath>,

    /// The wanted relative gap [default: 1e-6]
    #[arg(long, value_name = "ε", value_parser = positive, allow_hyphen_values = true, help_heading = "Search")]
    pub gap: Option<f64>,
    /// Stop after this long with the best mix so far: 30, 30s, 5m, 1h
    #[arg(long, value_name = "TIME", value_parser = duration, allow_hyphen_values = true, help_heading = "Search")]
    pub time_limit: Option<Duration>,
    /// Keep open nodes and the table within this much memory: 512M, 2G [default: 1G]
    #[arg(long, value_name = "SIZE", value_parser = size, allow_hyphen_values = true, help_heading = "Search")]
    pub memory_limit: Option<usize>,
}

/// `--distance`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum DistanceArg {
    /// √Σr².
    L2,
    /// Σ|r|.
    L1,
    /// max |r|.
    Linf,
}

/// From a number to a number, either of which may be infinite.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Span {
    /// The low end.
    pub low: f64,
    /// The high end.
    pub high: f64,
}

/// `--range` and `--bound`.
#[derive(Clone, Debug, PartialEq)]
pub struct NamedSpan {
    /// An input or a pattern.
    pub name: String,
    /// Its weights.
    pub span: Span,
}

/// `--sum`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Sum {
    /// Anything.
    Free,
    /// Within a range, which can be one number.
    Within(Span),
}

/// `--path`.
#[derive(Clone, Debug, PartialEq)]
pub enum MixPath {
    /// Values of `--low`.
    Low(Vec<f64>),
    /// Values of `--at-most`.
    AtMost(Vec<usize>),
}

/// `--group` and `--group-count`.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// What it is called.
    pub name: String,
    /// Inputs and patterns, with commas between them.
    pub columns: String,
    /// Of the sum of weights, or of the number of inputs.
    pub span: Span,
}

impl MixArgs {
    /// The flags, those of the problem file included.
    ///
    /// # Errors
    /// When the file cannot be read, or does not make sense; flags that do not make sense together.
    pub fn check(&self) -> Result<MixFlags, Error> {
        if self.data == STANDARD_INPUT && self.problem.as_deref() == Some(Path::new(STANDARD_INPUT)) {
            return Err(usage(
                "`-` is given for DATA and for `--problem`, but standard input can be read only once"
                    .to_owned(),
                "name a file for one of them".to_owned(),
            ));
        }
        let flags = match &self.problem {
            Some(path) => self.flags.clone().or(from_file(path)?),
            None => self.flags.clone(),
        };
        flags.check()?;
        if flags.path.is_some() && self.output.is_some() {
            return Err(usage(
                "`-o` writes one mix, and `--path` finds several".to_owned(),
                "leave out `--path`, with the value that you choose in its place".to_owned(),
            ));
        }
        Ok(flags)
    }

    /// Refuses an output that is an input.
    ///
    /// # Errors
    /// [`Error::Usage`] naming the two.
    pub fn keep_files_apart(&self) -> Result<(), Error> {
        let mut inputs = vec![("DATA", Path::new(&self.data))];
        inputs.extend(self.problem.iter().map(|path| ("`--problem`", path.as_path())));
        let outputs: Vec<_> = self.output.iter().map(|path| ("-o", path.as_path())).collect();
        files::keep_apart(&inputs, &outputs)
    }
}

impl MixFlags {
    /// These flags, and those of `other` where these say nothing.
    fn or(self, other: Self) -> Self {
        fn all<T>(own: Vec<T>, other: Vec<T>) -> Vec<T> {
            if own.is_empty() { other } else { own }
        }
        Self {
            target: self.target.or(other.target),
            inputs: all(self.inputs, other.inputs),
            distance: self.distance.or(other.distance),
            ridge: self.ridge.or(other.ridge),
            weights: self.weights.or(other.weights),
            missing: self.missing.or(other.missing),
            low: self.low.or(other.low),
            high: self.high.or(other.high),
            range: all(self.range, other.range),
            bound: all(self.bound, other.bound),
            sum: self.sum.or(other.sum),
            at_most: self.at_most.or(other.at_most),
            at_least: self.at_least.or(other.at_least),
            must: all(self.must, other.must),
            never: all(self.never, other.never),
            group: all(self.group, other.group),
            group_count: all(self.group_count, other.group_count),
            constraint: all(self.constraint, other.constraint),
            alternatives: self.alternatives.or(other.alternatives),
            path: self.path.or(other.path),
            gap: self.gap.or(other.gap),
            time_limit: self.time_limit.or(other.time_limit),
            memory_limit: self.memory_limit.or(other.memory_limit),
        }
    }

    /// What does not need the data.
    fn check(&self) -> Result<(), Error> {
        if let (Some(low), Some(high)) = (self.low, self.high)
            && low > high
        {
            return Err(usage(
                format!("`--low {low}` is above `--high {high}`"),
                format!("write `--low {high} --high {low}`, if that is meant"),
            ));
        }
        if let (Some(least), Some(most)) = (self.at_least, self.at_most)
            && least > most
        {
            return Err(usage(
                format!("`--at-least {least}` is above `--at-most {most}`"),
                "ask for no more than are allowed".to_owned(),
            ));
        }
        self.check_path()?;
        let groups = [("--group", &self.group), ("--group-count", &self.group_count)];
        for (flag, groups) in groups {
            for (nth, group) in groups.iter().enumerate() {
                if groups.iter().take(nth).any(|other| other.name == group.name) {
                    return Err(usage(
                        format!("two of `{flag}` are called `{}`", group.name),
                        "give each a name of its own".to_owned(),
                    ));
                }
            }
        }
        Ok(())
    }

    fn check_path(&self) -> Result<(), Error> {
        let (flag, given) = match &self.path {
            None => return Ok(()),
            Some(MixPath::Low(_)) => ("--low", self.low.is_some()),
            Some(MixPath::AtMost(_)) => ("--at-most", self.at_most.is_some()),
        };
        if given {
            return Err(usage(
                format!("`--path` goes through values of `{flag}`, which is given as well"),
                format!("leave out `{flag}`"),
            ));
        }
        if self.alternatives.is_some() {
            return Err(usage(
                "`--alternatives` lists choices of inputs for one problem, and `--path` solves several"
                    .to_owned(),
                "leave out one of them".to_owned(),
            ));
        }
        Ok(())
    }

    /// The column that the mix comes close to.
    ///
    /// # Errors
    /// [`Error::Usage`] where nobody named it.
    pub fn target(&self) -> Result<&str, Error> {
        self.target.as_deref().ok_or_else(|| {
            usage(
                "nothing says which column the mix is to come close to".to_owned(),
                "name it: `surefit mix DATA --target COL`".to_owned(),
            )
        })
    }

    /// The wanted relative gap.
    pub fn gap(&self) -> f64 {
        self.gap.unwrap_or(1e-6)
    }
}

/// The keys of a problem file as flags.
#[derive(Debug, Parser)]
#[command(no_binary_name = true, disable_help_flag = true, disable_version_flag = true)]
struct File {
    #[command(flatten)]
    flags: MixFlags,
}

/// Reads a problem file.
fn from_file(path: &Path) -> Result<MixFlags, Error> {
    let name = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|source| match source.kind() {
        std::io::ErrorKind::InvalidData => usage(
            format!("{name} is not text in UTF-8, as a problem file is"),
            "name a TOML file, with lines such as `low = 0.2`".to_owned(),
        ),
        _ => ModelError::Io { action: "read", name: name.clone(), source }.into(),
    })?;
    let keys: toml::Table = toml::from_str(&text).map_err(|error| not_toml(&error, &text, &name))?;
    let known: Vec<String> =
        File::command().get_arguments().filter_map(|flag| flag.get_long().map(str::to_owned)).collect();
    let mut arguments = Vec::new();
    for (key, value) in &keys {
        if !known.contains(key) {
            return Err(unknown_key(key, &known, &name));
        }
        for text in
            texts(value).map_err(|what| usage(format!("{name}: `{key}` {what}"), AS_FLAG.to_owned()))?
        {
            arguments.push(format!("--{key}={text}"));
        }
    }
    let file = File::try_parse_from(arguments).map_err(|error| {
        match crate::usage_of(&error.to_string(), Some("mix")) {
            Error::Usage { what, hint } => usage(format!("{name}: {what}"), hint),
            other => other,
        }
    })?;
    Ok(file.flags)
}

const AS_FLAG: &str = "write what stands behind the flag of that name: a text, a number, or a list of them";

fn not_toml(error: &toml::de::Error, text: &str, name: &str) -> Error {
    let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
    let line = 1 + before.matches('\n').count();
    usage(
        format!("{name}, line {line}: {}", error.message().lines().collect::<Vec<_>>().join(" ")),
        "a problem file is TOML: lines such as `low = 0.2` or `must = [\"a\", \"b\"]`".to_owned(),
    )
}

fn unknown_key(key: &str, known: &[String], name: &str) -> Error {
    let hint = match nearest(key, known.iter().map(String::as_str)) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("the keys are {}", known.join(", ")),
    };
    usage(format!("{name}: no key is called `{key}`"), hint)
}

/// A value as it is typed behind a flag, or several of them: of a list its entries, of a table `name=value`.
fn texts(value: &toml::Value) -> Result<Vec<String>, &'static str> {
    let one = |value: &toml::Value| match value {
        toml::Value::String(text) => Ok(text.clone()),
        toml::Value::Integer(number) => Ok(number.to_string()),
        toml::Value::Float(number) => Ok(number.to_string()),
        toml::Value::Boolean(_) => Err("is true or false, which is no value of it"),
        toml::Value::Datetime(_) => Err("is a date, which is no value of it"),
        toml::Value::Array(_) | toml::Value::Table(_) => Err("is nested too deep"),
    };
    match value {
        toml::Value::Array(values) => values.iter().map(one).collect(),
        toml::Value::Table(entries) => {
            entries.iter().map(|(name, value)| Ok(format!("{name}={}", one(value)?))).collect()
        }
        value => Ok(vec![one(value)?]),
    }
}

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
fn named_span(text: &str) -> Result<NamedSpan, String> {
    let wrong = "must be NAME=L..U, as in oil=0.1..0.4";
    let (name, range) = text.rsplit_once('=').ok_or(wrong)?;
    if name.trim().is_empty() {
        return Err(wrong.to_owned());
    }
    Ok(NamedSpan { name: name.trim().to_owned(), span: span(range)? })
}

fn sum(text: &str) -> Result<Sum, String> {
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

fn whole(text: &str) -> Result<usize, String> {
    text.parse().map_err(|_| format!("must be a number of inputs, not {text}"))
}

fn some(text: &str) -> Result<usize, String> {
    match whole(text) {
        Ok(0) => Err("must be 1 or more: the best one is the first".to_owned()),
        count => count,
    }
}

/// Problems on a path at most.
const MOST_STEPS: usize = 1000;

/// `low=0..0.3:7`, `at-most=1..8`.
fn path(text: &str) -> Result<MixPath, String> {
    const WRONG: &str = "must be low=A..B:K or at-most=A..B, as in low=0..0.3:7";
    let (flag, rest) = text.split_once('=').ok_or(WRONG)?;
    match flag.trim() {
        "low" => {
            let (range, count) = rest.rsplit_once(':').ok_or(WRONG)?;
            let Span { low, high } = span(range)?;
            let count = count.trim().parse::<usize>().ok().filter(|count| (2..=MOST_STEPS).contains(count));
            let count =
                count.ok_or_else(|| format!("the number of values must be from 2 to {MOST_STEPS}"))?;
            if !(low.is_finite() && high.is_finite() && low < high) {
                return Err(WRONG.to_owned());
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
            let (first, last) = (whole(first.trim())?, whole(last.trim())?);
            if first > last || last - first >= MOST_STEPS {
                return Err(WRONG.to_owned());
            }
            Ok(MixPath::AtMost((first..=last).collect()))
        }
        _ => Err(WRONG.to_owned()),
    }
}

/// `name=a,b,c*:lo..hi`.
fn group(text: &str) -> Result<Group, String> {
    let wrong = "must be NAME=COLS:lo..hi, as in energy=oil,gas:0.1..0.3";
    let (name, rest) = text.split_once('=').ok_or(wrong)?;
    let (columns, range) = rest.rsplit_once(':').ok_or(wrong)?;
    if name.trim().is_empty() || columns.trim().is_empty() {
        return Err(wrong.to_owned());
    }
    Ok(Group { name: name.trim().to_owned(), columns: columns.trim().to_owned(), span: span(range)? })
}

fn group_count(text: &str) -> Result<Group, String> {
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
