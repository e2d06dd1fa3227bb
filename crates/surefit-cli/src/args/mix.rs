//! The flags of `surefit mix`. Those of [`MixFlags`] are keys of a problem file as well, which is read by turning
//! each key into its flag, so that both mean the same and are refused with the same words.

mod file;
mod values;

use self::values::{group, group_count, named_span, path, some, sum, whole};
use super::{
    Dialect, MissingArg, Output, Running, STANDARD_INPUT, duration, not_negative, number, share, size, usage,
};
use crate::files;
use clap::{Args, ValueEnum};
use std::path::{Path, PathBuf};
use std::time::Duration;
use surefit::Error;

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
    /// Write the whole search to this file, for `surefit certify`: others can check the proof with it
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub tree_certificate: Option<PathBuf>,
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
#[derive(Clone, Debug, Default, Args)]
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
    /// The weights of some inputs sum to lo..hi: `energy=S3,S8:..0.3`, names with commas in back quotes; repeatable
    #[arg(long, value_name = "NAME=COLS:lo..hi", value_parser = group, help_heading = "Limits")]
    pub group: Vec<Group>,
    /// So many of some inputs are used: `energy=S3,S8,T*:1..2`; repeatable
    #[arg(long, value_name = "NAME=COLS:lo..hi", value_parser = group_count, help_heading = "Limits")]
    pub group_count: Vec<Group>,
    /// A comparison of sums of weights: `a + 2 b <= .5`, or named, `cap: a <= .3`; repeatable
    #[arg(long, value_name = "EXPR", allow_hyphen_values = true, help_heading = "Limits")]
    pub constraint: Vec<String>,

    /// List the k best choices of inputs, the best one included
    #[arg(long, value_name = "k", value_parser = some, allow_hyphen_values = true, help_heading = "What if")]
    pub alternatives: Option<usize>,
    /// The best mix for each of several values: low=0..0.3:7, at-most=1..8
    #[arg(long, value_name = "FLAG=A..B[:K]", value_parser = path, allow_hyphen_values = true, help_heading = "What if")]
    pub path: Option<MixPath>,
    /// For each input that has a choice: the best mix with the other choice, and what it costs
    #[arg(long, help_heading = "What if")]
    pub prices: bool,

    /// The wanted relative gap [default: 1e-6]
    #[arg(long, value_name = "ε", value_parser = share, allow_hyphen_values = true, help_heading = "Search")]
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
            Some(path) => self.flags.clone().or(file::read(path)?),
            None => self.flags.clone(),
        };
        flags.check()?;
        if flags.path.is_some() && self.output.is_some() {
            return Err(usage(
                "`-o` writes one mix, and `--path` finds several".to_owned(),
                "leave out `--path`, with the value that you choose in its place".to_owned(),
            ));
        }
        let of_one = [("--prices", flags.prices), ("--tree-certificate", self.tree_certificate.is_some())];
        if let Some((flag, _)) = of_one.iter().find(|(_, given)| *given && flags.path.is_some()) {
            return Err(usage(
                format!("`{flag}` is about one mix, and `--path` finds several"),
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
        let mut outputs: Vec<_> = self.output.iter().map(|path| ("-o", path.as_path())).collect();
        outputs.extend(self.tree_certificate.iter().map(|path| ("--tree-certificate", path.as_path())));
        files::keep_apart(&inputs, &outputs)
    }
}

/// A table and the first open nodes take more than this.
const LEAST_MEMORY: usize = 1 << 20;
/// `--sum 0`.
const NOTHING: Sum = Sum::Within(Span { low: 0.0, high: 0.0 });

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
            prices: self.prices || other.prices,
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
        if let Some(bytes) = self.memory_limit.filter(|bytes| *bytes < LEAST_MEMORY) {
            return Err(usage(
                format!("`--memory-limit` is {bytes} bytes, too few for any search"),
                "give it 1M or more".to_owned(),
            ));
        }
        if self.at_least.is_some_and(|least| least > 0) && self.sum == Some(NOTHING) && !self.may_be_short() {
            return Err(usage(
                "`--sum 0` leaves every weight 0, and `--at-least` asks for inputs that are used".to_owned(),
                "leave out one of them".to_owned(),
            ));
        }
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

    /// Whether any input may have a weight below 0.
    fn may_be_short(&self) -> bool {
        let spans = self.range.iter().chain(&self.bound);
        self.low.is_some_and(|low| low < 0.0) || spans.into_iter().any(|named| named.span.low < 0.0)
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
