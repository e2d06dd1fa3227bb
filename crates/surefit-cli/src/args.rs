//! The command line, in two steps: [`Cli`] is what was typed; `FitArgs::check` and its like turn it into
//! settings that make sense together, or into one sentence that says what does not.

mod labels;
mod mix;
mod ranking;

pub use labels::{Divisor, LabelArgs};
pub use mix::{DistanceArg, Group, MixArgs, MixFlags, MixPath, NamedSpan, Span, Sum};
pub use ranking::{Reads, Tell, check_targets};

use crate::files;
use crate::numbers::counted;
use clap::builder::PossibleValue;
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::time::Duration;
use surefit::data::read::is_svmlight;
use surefit::data::scale::Scale;
use surefit::fit::{Method, check_method, check_penalty, check_scale, intercept};
use surefit::{Error, LossKind};

/// Linear models with proof: a certificate of optimality, or a diagnosis with a named cause.
#[derive(Debug, Parser)]
// The last of a flag counts, so that what a remedy prints can be put behind the command that it mends.
#[command(name = "surefit", version, disable_help_subcommand = true, arg_required_else_help = false)]
#[command(args_override_self = true)]
pub struct Cli {
    /// The verb.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Fit a model; print it with its certificate, or name what went wrong
    Fit(Box<FitArgs>),
    /// Weights that are zero or inside their range, closest to a target, to a proven optimum
    Mix(Box<MixArgs>),
    /// Predictions for new rows, raw units in, raw units out
    Predict(PredictArgs),
    /// What would go wrong, before fitting
    Lint(LintArgs),
    /// Verdict on a loss trace from any program
    Diagnose(DiagnoseArgs),
    /// How far a model is from the best possible one
    Certify(CertifyArgs),
    /// What a code like SF101 means, how it is detected, when it can be ignored
    Explain(ExplainArgs),
    /// One row's share of a gradient, step by step: scores, margins, what each column gets
    ExplainGradient(ExplainGradientArgs),
    /// Is a gradient in a file that of the loss? If not, the mistake and the line that mends it
    CheckGradient(CheckGradientArgs),
}

/// How results are shown.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Output")]
pub struct Output {
    /// One JSON object on standard output, whatever the verdict
    #[arg(long)]
    pub json: bool,
    /// No notes and no progress on standard error
    #[arg(short, long)]
    pub quiet: bool,
    /// When to colour
    #[arg(long, value_name = "WHEN", default_value = "auto", hide_possible_values = true)]
    pub color: Color,
}

/// When to colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal that can, unless `NO_COLOR` says otherwise.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// How a file of data is read.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Reading")]
pub struct Reading {
    /// Delimiter and header.
    #[command(flatten)]
    pub dialect: Dialect,
    /// Keep this much of the table in memory (0: nothing), the rest in a temporary file: 500M, 2G [default: 512M, and 8M where the loss is not squared: its rows are laid out in memory]
    #[arg(long, value_name = "SIZE", value_parser = size, allow_hyphen_values = true)]
    pub memory_limit: Option<usize>,
}

/// What a text table looks like.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Reading")]
pub struct Dialect {
    /// The character between fields, or `tab` [default: sniffed]
    #[arg(long, value_name = "CHAR", value_parser = delimiter)]
    pub delimiter: Option<u8>,
    /// The first row names the columns [default: sniffed]
    #[arg(long, conflicts_with = "no_header")]
    pub header: bool,
    /// The first row is data; columns are x1, x2, …
    #[arg(long)]
    pub no_header: bool,
}

impl Dialect {
    /// Whether the first row names the columns, where the user said so.
    pub fn header(&self) -> Option<bool> {
        (self.header || self.no_header).then_some(self.header)
    }

    /// The first of its flags that was given.
    pub fn given(&self) -> Option<&'static str> {
        let flags = [
            ("--delimiter", self.delimiter.is_some()),
            ("--header", self.header),
            ("--no-header", self.no_header),
        ];
        flags.into_iter().find_map(|(flag, given)| given.then_some(flag))
    }
}

/// What to do about missing values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum MissingArg {
    /// Refuse them.
    Error,
    /// Leave such rows out.
    Drop,
    /// Fill in the column's mean.
    Mean,
}

/// Which rows count, and how much.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Reading")]
pub struct RowsArgs {
    /// What to do about missing values [default: error]
    #[arg(long, value_name = "HOW")]
    pub missing: Option<MissingArg>,
    /// The column of row weights
    #[arg(long, value_name = "COL")]
    pub weights: Option<String>,
}

/// What is shrunk beside the penalty itself, and in which units.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Problem")]
pub struct Shrinkage {
    /// Shrink the intercept too, as a column of ones in a ridge formula does
    #[arg(long)]
    pub penalize_intercept: bool,
    /// Multiply λ by F for one column; repeatable
    #[arg(long, value_name = "NAME=F", value_parser = penalty_weight)]
    pub penalty_weight: Vec<(String, f64)>,
    /// The units of the columns in which penalty, start, rate and tolerance are
    #[arg(long, value_name = "HOW", default_value = "none")]
    pub scale: ScaleArg,
    /// Scale the targets in the same way
    #[arg(long)]
    pub scale_target: bool,
}

impl Shrinkage {
    /// Refuses flags that do nothing without a penalty.
    fn check(&self, penalized: bool) -> Result<(), Error> {
        if penalized || (!self.penalize_intercept && self.penalty_weight.is_empty()) {
            return Ok(());
        }
        let flag = if self.penalize_intercept { "--penalize-intercept" } else { "--penalty-weight" };
        Err(needs_penalty(flag))
    }
}

/// Gradient descent as people write it.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Gradient descent (--solver gd)")]
pub struct DescentArgs {
    /// Step length [default: 0.01]
    #[arg(long, value_name = "RATE", value_parser = positive, allow_hyphen_values = true)]
    pub learning_rate: Option<f64>,
    /// Stop when the loss changes by no more than this [default: 1e-9]
    #[arg(long, value_name = "TOL", value_parser = not_negative, allow_hyphen_values = true)]
    pub tolerance: Option<f64>,
    /// Stop after this many steps [default: 10000]
    #[arg(long, value_name = "N", value_parser = steps, allow_hyphen_values = true)]
    pub max_iter: Option<u64>,
    /// First values: the intercept, then one per column [default: 0,0,…]
    #[arg(
        long,
        value_name = "B,W,…",
        value_delimiter = ',',
        value_parser = finite,
        allow_hyphen_values = true
    )]
    pub start: Option<Vec<f64>>,
}

impl DescentArgs {
    /// Its flags that were given, and those of `also`.
    fn given<'f>(&self, also: &[(&'f str, bool)]) -> Vec<&'f str> {
        let own = [
            ("--learning-rate", self.learning_rate.is_some()),
            ("--tolerance", self.tolerance.is_some()),
            ("--max-iter", self.max_iter.is_some()),
            ("--start", self.start.is_some()),
        ];
        own.iter().chain(also).filter(|(_, given)| *given).map(|(flag, _)| *flag).collect()
    }

    /// What is said of its flags beside `--solver exact`, which a remedy adds at the end of the command that it mends.
    fn set_aside(&self, solver: SolverArg, also: &[(&str, bool)]) -> Option<String> {
        let given = self.given(also);
        let (last, others) = given.split_last().filter(|_| solver == SolverArg::Exact)?;
        let (mut flags, are) = (String::new(), if others.is_empty() { "is" } else { "are" });
        for flag in others {
            let end = if flags.is_empty() { "" } else { ", " };
            flags = format!("{flags}{end}`{flag}`");
        }
        let and = if flags.is_empty() { "" } else { " and " };
        Some(format!("{flags}{and}`{last}` {are} set aside: the exact solver takes no steps"))
    }

    /// The gradient descent that was asked for, if it was. Without it its flags, and `also`, are refused, and set
    /// aside where the exact solver was asked for by name.
    fn check(&self, solver: SolverArg, also: &[(&str, bool)]) -> Result<Option<Descent>, Error> {
        if solver == SolverArg::Exact {
            return Ok(None);
        }
        if solver != SolverArg::Gd {
            let Some(flag) = self.given(also).first().copied() else { return Ok(None) };
            return Err(usage(
                format!("`{flag}` is for gradient descent, but the solver is {}", solver.name()),
                if flag == "--tolerance" {
                    "add `--solver gd`, or say how close the answer must be with `--gap`".to_owned()
                } else {
                    format!("add `--solver gd`, or leave `{flag}` out")
                },
            ));
        }
        Ok(Some(Descent {
            learning_rate: self.learning_rate.unwrap_or(0.01),
            tolerance: self.tolerance.unwrap_or(1e-9),
            max_iter: self.max_iter.unwrap_or(10_000),
            start: self.start.clone(),
        }))
    }
}

/// How the work is done; no result depends on it.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Running")]
pub struct Running {
    /// Threads to use [default: all cores]
    #[arg(long, value_name = "N", value_parser = threads, allow_hyphen_values = true)]
    pub threads: Option<usize>,
}

/// `surefit fit`.
#[derive(Clone, Debug, Args)]
pub struct FitArgs {
    /// A .csv, .tsv, .arff (each also .gz), .parquet, .arrow, .svm or .libsvm file, or - for standard input
    #[arg(value_name = "DATA")]
    pub data: String,
    /// `y ~ a + b`, `y ~ .`, `y ~ poly(x, 3) - 1`, `[y1, y2] ~ .`; an svmlight or ARFF file needs none
    #[arg(value_name = "FORMULA")]
    pub formula: Option<String>,

    /// Write the model to this file (safetensors)
    #[arg(short, long, value_name = "MODEL", help_heading = "Output")]
    pub output: Option<PathBuf>,
    /// Also score the model on the rows of this file
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub test: Option<String>,
    /// How results are shown.
    #[command(flatten)]
    pub show: Output,

    /// How data is read.
    #[command(flatten)]
    pub reading: Reading,
    /// Which rows count, and how much.
    #[command(flatten)]
    pub rows: RowsArgs,
    /// What a weight of 2 means: two such rows, or half the variance [default: frequency]
    #[arg(long, value_name = "TYPE", requires = "weights", help_heading = "Reading")]
    pub weight_type: Option<WeightTypeArg>,
    /// The first column of an svmlight file is 0, not 1
    #[arg(long, help_heading = "Reading")]
    pub zero_based: bool,

    /// Which attributes of an ARFF file are labels: a Mulan XML file, names with commas between them, or how many of the last (-14: the first 14)
    #[arg(long, value_name = "XML|NAMES|N", allow_hyphen_values = true, help_heading = "Reading")]
    pub labels: Option<String>,

    /// The loss of one row, scores s, class, target or set of labels y [default: squared]
    #[arg(long, value_name = "LOSS", help_heading = "Problem")]
    pub loss: Option<FitLoss>,
    /// δ of the hinges: a rival violates where its score + δ is above the own class's [default: 1]
    #[arg(long, value_name = "δ", value_parser = positive, allow_hyphen_values = true, help_heading = "Problem")]
    pub margin: Option<f64>,
    /// δ of Huber's loss, from which on it is linear, in the target's units [default: 1.345]
    #[arg(long, value_name = "δ", value_parser = positive, allow_hyphen_values = true, help_heading = "Problem")]
    pub delta: Option<f64>,
    /// λ of the penalty (λ/2)‖W‖², or LO..HI:K for K values to choose from [default: 0, of classes and labels 1/n]
    #[arg(long, value_name = "λ|LO..HI:K", value_parser = penalty, allow_hyphen_values = true, help_heading = "Problem")]
    pub penalty: Option<Penalty>,
    /// Choose among the penalties
    #[arg(long, value_name = "HOW", help_heading = "Problem")]
    pub choose: Option<Choose>,
    /// Folds of `--choose cv` and of measures [default: 5]
    #[arg(long, value_name = "N", value_parser = folds, allow_hyphen_values = true, help_heading = "Problem")]
    pub folds: Option<usize>,
    /// What is shrunk, and in which units.
    #[command(flatten)]
    pub shrinkage: Shrinkage,
    /// What only rankings of labels have.
    #[command(flatten)]
    pub ranking: LabelArgs,

    /// The algorithm; auto takes the one for the loss
    #[arg(long, value_name = "NAME", default_value = "auto", help_heading = "Solver")]
    pub solver: FitSolver,
    /// The wanted relative gap [default: 1e-6, of the hinges 1e-4]
    #[arg(long, value_name = "ε", value_parser = share, allow_hyphen_values = true, help_heading = "Solver")]
    pub gap: Option<f64>,
    /// The order in which dual ascent visits rows and cross-validation deals them [default: 0]
    #[arg(long, value_name = "N", help_heading = "Solver")]
    pub seed: Option<u64>,
    /// Stop after this long with the best answer so far: 30, 30s, 5m, 1h
    #[arg(long, value_name = "TIME", value_parser = duration, allow_hyphen_values = true, help_heading = "Running")]
    pub time_limit: Option<Duration>,
    /// Apply the safe remedy of a diagnosis (same objective) and go on
    #[arg(long, help_heading = "Solver")]
    pub fix: bool,

    /// Gradient descent.
    #[command(flatten)]
    pub descent: DescentArgs,
    /// Write step, loss, gradient norm and parameters of every step to this file
    #[arg(long, value_name = "FILE", help_heading = "Gradient descent (--solver gd)")]
    pub trace: Option<PathBuf>,
    /// How the work is done.
    #[command(flatten)]
    pub running: Running,
}

/// `--penalty`: one λ, or values to choose from.
#[derive(Clone, Debug, PartialEq)]
pub enum Penalty {
    /// λ.
    One(f64),
    /// K values from LO to HI, evenly apart on a logarithmic scale, both ends exact.
    Path(Vec<f64>),
}

/// `--choose`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Choose {
    /// By exact leave-one-out error; squared loss
    Loo,
    /// By cross-validated loss; the other losses
    Cv,
    /// By the loss on the rows of `--test`; the other losses
    Test,
    /// By this measure of labels, in folds or on the rows of `--validate`
    RankingLoss,
    /// Likewise
    OneError,
    /// Likewise
    Coverage,
    /// Likewise
    AveragePrecision,
    /// Likewise, by the sets that `--threshold` makes
    Hamming,
    /// Likewise
    SubsetAccuracy,
    /// Likewise
    #[value(name = "micro-f1")]
    MicroF1,
    /// Likewise
    #[value(name = "macro-f1")]
    MacroF1,
}

/// λ of another loss than the squared one.
#[derive(Clone, Debug, PartialEq)]
pub enum Wish {
    /// This one, or the usual one.
    One(Option<f64>),
    /// One of these.
    Path(Vec<f64>, Compare),
}

/// How penalties are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compare {
    /// In so many folds.
    Folds(usize),
    /// On the rows of `--test`.
    Test,
    /// On those of `--validate`.
    Validate,
}

/// Folds where nothing else is asked for.
const FOLDS: usize = 5;

/// `--weight-type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum WeightTypeArg {
    /// Weight 2 is the row twice.
    Frequency,
    /// Weight 2 is half the variance.
    Precision,
}

/// `--scale`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ScaleArg {
    /// As they are.
    None,
    /// Minus the mean.
    Center,
    /// Minus the mean, divided by the standard deviation.
    Standardize,
    /// Onto 0 … 1.
    Minmax,
}

impl From<ScaleArg> for Scale {
    fn from(scale: ScaleArg) -> Self {
        match scale {
            ScaleArg::None => Self::None,
            ScaleArg::Center => Self::Center,
            ScaleArg::Standardize => Self::Standardize,
            ScaleArg::Minmax => Self::Minmax,
        }
    }
}

/// `--solver`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SolverArg {
    /// The direct method that keeps the digits.
    Auto,
    /// The same, by name.
    Exact,
    /// Gradient descent as people write it.
    Gd,
}

/// `--solver` of `fit`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum FitSolver {
    /// The one for the loss.
    Auto,
    /// The direct method that keeps the digits; squared loss.
    Exact,
    /// Gradient descent as people write it; squared loss.
    Gd,
    /// Block ascent in the dual; hinges.
    DualAscent,
    /// Newton's method with conjugate gradients; smooth losses.
    NewtonCg,
    /// Limited-memory BFGS; smooth losses.
    Lbfgs,
}

impl FitSolver {
    fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Exact => "exact",
            Self::Gd => "gd",
            Self::DualAscent => "dual-ascent",
            Self::NewtonCg => "newton-cg",
            Self::Lbfgs => "lbfgs",
        }
    }

    /// Among those of the squared loss.
    fn squared(self) -> Result<SolverArg, Error> {
        match self {
            Self::Auto => Ok(SolverArg::Auto),
            Self::Exact => Ok(SolverArg::Exact),
            Self::Gd => Ok(SolverArg::Gd),
            Self::DualAscent | Self::NewtonCg | Self::Lbfgs => Err(usage(
                format!("`--solver {}` is for the other losses, and the loss is squared", self.name()),
                "leave it out, use exact or gd, or name a loss with `--loss`".to_owned(),
            )),
        }
    }

    /// Among those of the other losses.
    fn other(self, loss: LossKind) -> Result<Method, Error> {
        match self {
            Self::Auto => Ok(Method::Auto),
            Self::DualAscent => Ok(Method::DualAscent),
            Self::NewtonCg => Ok(Method::NewtonCg),
            Self::Lbfgs => Ok(Method::Lbfgs),
            Self::Exact | Self::Gd => Err(usage(
                format!(
                    "`--solver {}` is for the squared loss, and the loss is {}",
                    self.name(),
                    loss.name()
                ),
                "leave it out: auto takes the one for the loss".to_owned(),
            )),
        }
    }
}

/// Gradient descent, checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Descent {
    /// Step length, above 0.
    pub learning_rate: f64,
    /// Stop when `|fₖ − fₖ₋₁|` is at most this.
    pub tolerance: f64,
    /// Stop after this many steps.
    pub max_iter: u64,
    /// Intercept first where there is one, then one per column; zeros when absent.
    pub start: Option<Vec<f64>>,
}

impl FitArgs {
    /// The wanted relative gap.
    pub fn gap(&self) -> f64 {
        self.gap.unwrap_or(1e-6)
    }

    /// The loss.
    ///
    /// # Errors
    /// [`Error::Usage`] for a δ that the loss does not have.
    pub fn loss(&self) -> Result<LossKind, Error> {
        FitLoss::check(self.loss, self.margin, self.delta)
    }

    /// The formula of a table.
    ///
    /// # Errors
    /// [`Error::Usage`] where there is none.
    pub fn formula(&self) -> Result<&str, Error> {
        self.formula.as_deref().ok_or_else(|| {
            usage(
                "a table needs a formula that says what its columns mean".to_owned(),
                "add it: `surefit fit DATA 'y ~ a + b'`".to_owned(),
            )
        })
    }

    fn check_input(&self) -> Result<(), Error> {
        let files = [
            ("DATA", Some(self.data.as_str())),
            ("`--test`", self.test.as_deref()),
            ("`--validate`", self.ranking.validate.as_deref()),
        ];
        let mut given = files.iter().filter(|(_, file)| *file == Some(STANDARD_INPUT));
        if let (Some((one, _)), Some((other, _))) = (given.next(), given.next()) {
            return Err(usage(
                format!("`-` is given for {one} and for {other}, but standard input can be read only once"),
                "name a file for one of them".to_owned(),
            ));
        }
        Ok(())
    }

    /// The gradient descent that was asked for, if it was, for the squared loss; every flag that contradicts
    /// another is refused here.
    ///
    /// # Errors
    /// [`Error::Usage`] naming the two flags and the way out.
    pub fn check(&self) -> Result<Option<Descent>, Error> {
        self.check_input()?;
        let others = [
            ("--seed", self.seed.is_some()),
            ("--zero-based", self.zero_based),
            ("--choose cv", self.choose == Some(Choose::Cv)),
            ("--choose test", self.choose == Some(Choose::Test)),
            ("--folds", self.folds.is_some()),
        ];
        if let Some((flag, _)) = others.iter().find(|(_, given)| *given) {
            return Err(usage(
                format!("`{flag}` is for the other losses, and the loss is squared"),
                if flag.starts_with("--choose") {
                    "use `--choose loo`, the exact leave-one-out error, or name a loss with `--loss`"
                        .to_owned()
                } else {
                    format!("leave out `{flag}`, or name a loss with `--loss`")
                },
            ));
        }
        if is_svmlight(&self.data) {
            return Err(usage(
                format!("{} has sparse rows, which the squared loss does not take", self.data),
                "name another loss, such as `--loss hinge` for classes or `--loss huber` for numbers"
                    .to_owned(),
            ));
        }
        let solver = self.solver.squared()?;
        self.check_penalty()?;
        self.descent.check(solver, &self.traced())
    }

    /// The flag beside those of [`DescentArgs`] that only gradient descent has a use for.
    fn traced(&self) -> [(&'static str, bool); 1] {
        [("--trace", self.trace.is_some())]
    }

    /// What is said of flags that the solver, asked for by name, has no use for.
    pub fn set_aside(&self) -> Option<String> {
        self.descent.set_aside(self.solver.squared().ok()?, &self.traced())
    }

    /// The algorithm that was asked for, for another loss than the squared one, and λ; every flag that such a loss
    /// has no use for, and every solver or λ that it cannot have, is refused here, before anything is read.
    ///
    /// # Errors
    /// [`Error::Usage`] naming the flag and the way out.
    pub fn check_samples(&self, loss: LossKind) -> Result<(Method, Wish), Error> {
        self.check_input()?;
        let refused = [
            ("--penalty-weight", !self.shrinkage.penalty_weight.is_empty()),
            ("--scale", self.shrinkage.scale != ScaleArg::None && !loss.is_of_labels()),
            ("--scale-target", self.shrinkage.scale_target),
            ("--weight-type precision", self.weight_type == Some(WeightTypeArg::Precision)),
            ("--fix", self.fix),
            ("--learning-rate", self.descent.learning_rate.is_some()),
            ("--tolerance", self.descent.tolerance.is_some()),
            ("--start", self.descent.start.is_some()),
            ("--trace", self.trace.is_some()),
        ];
        if let Some((flag, _)) = refused.iter().find(|(_, given)| *given) {
            return Err(usage(
                format!("`{flag}` is for the squared loss, and the loss is {}", loss.name()),
                if *flag == "--tolerance" {
                    "say how close the answer must be with `--gap`".to_owned()
                } else {
                    format!("leave out `{flag}`")
                },
            ));
        }
        let method = self.solver.other(loss)?;
        check_method(method, loss)?;
        let wish = self.wish(loss)?;
        if let Wish::One(Some(lambda)) = wish {
            check_penalty(loss, lambda)?;
        }
        self.shrinkage.check(wish.penalized(loss))?;
        Ok((method, wish))
    }

    /// Refuses labels without a loss that ranks them, or the other way round.
    ///
    /// # Errors
    /// [`Error::Usage`] naming the two and the way out.
    pub fn check_targets(&self, loss: LossKind) -> Result<(), Error> {
        self.check_label_flags(loss)?;
        check_targets(&self.data, self.formula.as_deref(), self.labels.is_some(), loss)
    }

    /// The algorithm and λ of a loss that ranks labels; what does not go with it is refused as by
    /// [`Self::check_samples`].
    ///
    /// # Errors
    /// [`Error::Usage`] naming the flag and the way out.
    pub fn check_ranking(&self, loss: LossKind) -> Result<(Method, Wish), Error> {
        self.check_label_rows()?;
        self.check_samples(loss)
    }

    /// Refuses what does not go with rows of label sets.
    ///
    /// # Errors
    /// [`Error::Usage`] naming the flag and the way out.
    pub fn check_label_rows(&self) -> Result<(), Error> {
        self.check_input()?;
        let reads = Reads { reading: &self.reading, rows: &self.rows, zero_based: self.zero_based };
        reads.check(&self.data, self.formula.as_deref())?;
        check_scale(self.shrinkage.scale.into(), intercept(true, self.shrinkage.penalize_intercept))
    }

    /// The penalties of another loss than the squared one.
    fn wish(&self, loss: LossKind) -> Result<Wish, Error> {
        let refuse = |what: String, hint: &str| Err(usage(what, hint.to_owned()));
        let measure = self.measure();
        if self.folds.is_some() && self.choose != Some(Choose::Cv) && measure.is_none() {
            return refuse("`--folds` is for `--choose cv`".to_owned(), "add it, or leave out `--folds`");
        }
        let folds = Compare::Folds(self.folds.unwrap_or(FOLDS));
        match (&self.penalty, self.choose) {
            (_, Some(Choose::Loo)) => refuse(
                format!(
                    "`--choose loo` is for the squared loss: the {} loss has no leave-one-out error in one go",
                    loss.name()
                ),
                "use `--choose cv`, the loss on folds that were left out",
            ),
            (Some(Penalty::Path(_)), None) => refuse(
                "`--penalty` gives several values, but nothing says which to take".to_owned(),
                "add `--choose cv` to take the one with the least cross-validated loss",
            ),
            (Some(Penalty::Path(_)), Some(Choose::Test)) if self.test.is_none() => refuse(
                "`--choose test` needs the rows of a test file".to_owned(),
                "name it with `--test FILE`, or use `--choose cv`",
            ),
            (Some(Penalty::Path(path)), Some(Choose::Test)) => Ok(Wish::Path(path.clone(), Compare::Test)),
            (Some(Penalty::Path(path)), Some(_)) if measure.is_some() && self.ranking.validate.is_some() => {
                Ok(Wish::Path(path.clone(), Compare::Validate))
            }
            (Some(Penalty::Path(path)), Some(_)) => Ok(Wish::Path(path.clone(), folds)),
            (_, Some(_)) => refuse(
                "`--choose` needs several penalties to choose from".to_owned(),
                "give a range, as in `--penalty 1e-6..1:20`",
            ),
            (Some(Penalty::One(lambda)), None) => Ok(Wish::One(Some(*lambda))),
            (None, None) => Ok(Wish::One(None)),
        }
    }

    /// Refuses an output that is an input or another output.
    ///
    /// # Errors
    /// [`Error::Usage`] naming the two.
    pub fn keep_files_apart(&self) -> Result<(), Error> {
        let mut inputs = vec![("DATA", Path::new(&self.data))];
        inputs.extend(self.test.iter().map(|test| ("`--test`", Path::new(test))));
        inputs.extend(self.labels.iter().map(|labels| ("`--labels`", Path::new(labels))));
        inputs.extend(self.ranking.validate.iter().map(|file| ("`--validate`", Path::new(file))));
        let outputs = self.output.iter().map(|path| ("-o", path.as_path()));
        let outputs = outputs.chain(self.trace.iter().map(|path| ("--trace", path.as_path())));
        files::keep_apart(&inputs, &outputs.collect::<Vec<_>>())
    }

    fn check_penalty(&self) -> Result<(), Error> {
        let path = matches!(self.penalty, Some(Penalty::Path(_)));
        if path && self.choose.is_none() {
            return Err(usage(
                "`--penalty` gives several values, but nothing says which to take".to_owned(),
                "add `--choose loo` to take the one with the least leave-one-out error".to_owned(),
            ));
        }
        if self.choose.is_some() && !path {
            return Err(usage(
                "`--choose loo` needs several penalties to choose from".to_owned(),
                "give a range, as in `--penalty 1e-4..1e2:100`".to_owned(),
            ));
        }
        if path && self.solver == FitSolver::Gd {
            return Err(usage(
                "`--solver gd` takes one penalty, not a range".to_owned(),
                "choose the penalty without `--solver gd` first".to_owned(),
            ));
        }
        self.shrinkage.check(!self.unpenalized())
    }

    /// Whether there is no penalty at all.
    pub fn unpenalized(&self) -> bool {
        matches!(self.penalty, None | Some(Penalty::One(0.0)))
    }
}

impl Wish {
    /// Whether there is a penalty.
    pub fn penalized(&self, loss: LossKind) -> bool {
        match self {
            Self::One(lambda) => {
                lambda.map_or(loss.is_of_classes() || loss.is_of_labels(), |lambda| lambda > 0.0)
            }
            Self::Path(..) => true,
        }
    }
}

/// A flag that does nothing.
pub fn needs_penalty(flag: &str) -> Error {
    usage(format!("`{flag}` has no effect without a penalty"), "give one with `--penalty λ`".to_owned())
}

impl SolverArg {
    fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Exact => "exact",
            Self::Gd => "gd",
        }
    }
}

/// `surefit predict`.
#[derive(Clone, Debug, Args)]
pub struct PredictArgs {
    /// A model saved by `surefit fit -o`
    #[arg(value_name = "MODEL")]
    pub model: PathBuf,
    /// New rows, with the columns of the model in any order; - for standard input
    #[arg(value_name = "DATA")]
    pub data: String,
    /// What to do about missing values: drop predicts NaN there [default: as the model was fitted]
    #[arg(long, value_name = "HOW", help_heading = "Reading")]
    pub missing: Option<MissingArg>,
    /// Also the score of every class or label, as columns `score:NAME`
    #[arg(long, help_heading = "Output")]
    pub scores: bool,
    /// Also the probability of every class, as columns `proba:CLASS`: models of softmax and ovr-logistic
    #[arg(long, help_heading = "Output")]
    pub proba: bool,
    /// Write the predictions to this file (CSV) instead of standard output; of labels also .arff or .svm, with the features
    #[arg(short, long, value_name = "FILE", help_heading = "Output")]
    pub output: Option<PathBuf>,
    /// What is told of models that rank labels.
    #[command(flatten)]
    pub tell: Tell,
    /// How results are shown.
    #[command(flatten)]
    pub show: Output,
    /// How data is read.
    #[command(flatten)]
    pub reading: Reading,
    /// How the work is done.
    #[command(flatten)]
    pub running: Running,
}

/// `surefit lint`.
#[derive(Clone, Debug, Args)]
pub struct LintArgs {
    /// A .csv, .tsv (each also .gz), .parquet or .arrow file, or - for standard input
    #[arg(value_name = "DATA")]
    pub data: String,
    /// As for `surefit fit`
    #[arg(value_name = "FORMULA")]
    pub formula: String,
    /// How results are shown.
    #[command(flatten)]
    pub show: Output,
    /// How data is read.
    #[command(flatten)]
    pub reading: Reading,
    /// Which rows count, and how much.
    #[command(flatten)]
    pub rows: RowsArgs,
    /// Refused unless it is the squared one.
    #[arg(long, hide = true)]
    pub loss: Option<LossName>,
    /// λ of the penalty (λ/2)‖W‖² [default: 0]
    #[arg(long, value_name = "λ", value_parser = not_negative, allow_hyphen_values = true, help_heading = "Problem")]
    pub penalty: Option<f64>,
    /// What is shrunk, and in which units.
    #[command(flatten)]
    pub shrinkage: Shrinkage,
    /// The algorithm that will be used: gd forecasts whether it will end certified
    #[arg(long, value_name = "NAME", default_value = "auto", help_heading = "Solver")]
    pub solver: SolverArg,
    /// The wanted relative gap [default: 1e-6]
    #[arg(long, value_name = "ε", value_parser = share, allow_hyphen_values = true, help_heading = "Solver")]
    pub gap: Option<f64>,
    /// Gradient descent.
    #[command(flatten)]
    pub descent: DescentArgs,
    /// How the work is done.
    #[command(flatten)]
    pub running: Running,
}

impl LintArgs {
    /// The gradient descent that is to be forecast, if any; every flag that contradicts another is refused
    /// here.
    ///
    /// # Errors
    /// [`Error::Usage`] naming the flag and the way out.
    pub fn check(&self) -> Result<Option<Descent>, Error> {
        let loss = LossArgs { loss: Some(self.loss.unwrap_or(LossName::Squared)), margin: None, delta: None };
        let loss = loss.check()?;
        if loss != LossKind::Squared {
            return Err(usage(
                format!("`lint` is for the squared loss, and the loss is {}", loss.name()),
                "leave out `--loss`; `surefit fit` names what goes wrong with other losses".to_owned(),
            ));
        }
        self.shrinkage.check(self.penalty.is_some_and(|lambda| lambda > 0.0))?;
        self.descent.check(self.solver, &[])
    }

    /// What is said of flags that the solver, asked for by name, has no use for.
    pub fn set_aside(&self) -> Option<String> {
        self.descent.set_aside(self.solver, &[])
    }
}

/// `surefit diagnose`.
#[derive(Clone, Debug, Args)]
pub struct DiagnoseArgs {
    /// A CSV file with a column `loss`, and where there are any `step`, `gradient_norm` and parameters
    #[arg(value_name = "TRACE.csv")]
    pub trace: String,
    /// The learning rate of that run, where it is known
    #[arg(long, value_name = "RATE", value_parser = positive, allow_hyphen_values = true)]
    pub learning_rate: Option<f64>,
    /// How results are shown.
    #[command(flatten)]
    pub show: Output,
    /// How data is read.
    #[command(flatten)]
    pub reading: Reading,
}

/// `surefit certify`.
#[derive(Clone, Debug, Args)]
pub struct CertifyArgs {
    /// A model saved by `surefit fit -o`, a CSV file of coefficients (`term`, then one column per target), or the
    /// file of `surefit mix --tree-certificate`
    #[arg(value_name = "MODEL")]
    pub model: PathBuf,
    /// The rows to certify it on
    #[arg(value_name = "DATA")]
    pub data: String,
    /// For a CSV file of coefficients, as for `surefit fit`
    #[arg(value_name = "FORMULA")]
    pub formula: Option<String>,
    /// How results are shown.
    #[command(flatten)]
    pub show: Output,
    /// How data is read.
    #[command(flatten)]
    pub reading: Reading,
    /// Which rows count, and how much.
    #[command(flatten)]
    pub rows: RowsArgs,
    /// The first column of an svmlight file is 0, not 1
    #[arg(long, help_heading = "Reading")]
    pub zero_based: bool,
    /// For coefficients: which attributes of an ARFF file are labels, as for `surefit fit`
    #[arg(long, value_name = "XML|NAMES|N", allow_hyphen_values = true, help_heading = "Reading")]
    pub labels: Option<String>,
    /// For coefficients: the loss [default: squared]
    #[arg(long, value_name = "LOSS", help_heading = "Problem")]
    pub loss: Option<FitLoss>,
    /// For coefficients: δ of the hinges [default: 1]
    #[arg(long, value_name = "δ", value_parser = positive, allow_hyphen_values = true, help_heading = "Problem")]
    pub margin: Option<f64>,
    /// For coefficients: δ of Huber's loss [default: 1.345]
    #[arg(long, value_name = "δ", value_parser = positive, allow_hyphen_values = true, help_heading = "Problem")]
    pub delta: Option<f64>,
    /// For coefficients: λ of the penalty (λ/2)‖W‖² [default: 0]
    #[arg(long, value_name = "λ", value_parser = not_negative, allow_hyphen_values = true, help_heading = "Problem")]
    pub penalty: Option<f64>,
    /// For coefficients: the intercept is shrunk like a coefficient
    #[arg(long, help_heading = "Problem")]
    pub penalize_intercept: bool,
    /// The wanted relative gap [default: 1e-6, of the hinges 1e-4]
    #[arg(long, value_name = "ε", value_parser = share, allow_hyphen_values = true, help_heading = "Problem")]
    pub gap: Option<f64>,
    /// How the work is done.
    #[command(flatten)]
    pub running: Running,
}

impl CertifyArgs {
    /// The loss of coefficients.
    ///
    /// # Errors
    /// [`Error::Usage`] for a δ that the loss does not have.
    pub fn loss(&self) -> Result<LossKind, Error> {
        FitLoss::check(self.loss, self.margin, self.delta)
    }
}

/// `surefit explain`.
#[derive(Clone, Debug, Args)]
pub struct ExplainArgs {
    /// A code as printed: SF101
    #[arg(value_name = "CODE")]
    pub code: String,
    /// How results are shown.
    #[command(flatten)]
    pub show: Output,
}

/// What stands for standard input.
pub const STANDARD_INPUT: &str = "-";

/// Refuses a MODEL from standard input, which is for DATA.
///
/// # Errors
/// [`Error::Usage`] when it is `-`.
pub fn one_standard_input(model: &Path) -> Result<(), Error> {
    if model != Path::new(STANDARD_INPUT) {
        return Ok(());
    }
    Err(usage(
        "MODEL is `-`, but a model is read from a file: standard input is for DATA".to_owned(),
        "name the file of the model".to_owned(),
    ))
}

/// Which loss.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Problem")]
pub struct LossArgs {
    /// The loss of one row, scores s, class or target y [default: hinge]
    #[arg(long, value_name = "LOSS")]
    pub loss: Option<LossName>,
    /// δ of the hinges: a rival violates where its score + δ is above the own class's [default: 1]
    #[arg(long, value_name = "δ", value_parser = positive, allow_hyphen_values = true)]
    pub margin: Option<f64>,
    /// δ of Huber's loss, from which on it is linear, in the target's units [default: 1.345]
    #[arg(long, value_name = "δ", value_parser = positive, allow_hyphen_values = true)]
    pub delta: Option<f64>,
}

/// `--loss`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LossName {
    #[value(help = "Weston and Watkins: Σ max(0, δ + s − s(y)) over the rivals")]
    Hinge,
    #[value(help = "max(0, δ + s − s(y)) of the strongest rival")]
    CrammerSinger,
    #[value(help = "Σ max(0, δ + s − s(y))² over the rivals")]
    SquaredHinge,
    #[value(help = "one against the rest: Σ max(0, 1 ∓ s)")]
    OvrHinge,
    #[value(help = "one against the rest: Σ max(0, 1 ∓ s)²")]
    OvrSquaredHinge,
    #[value(help = "one against the rest: Σ log(1 + exp(∓s))")]
    OvrLogistic,
    #[value(help = "log Σ exp s − s(y)")]
    Softmax,
    #[value(help = "½ Σ (s − y)²")]
    Squared,
    #[value(help = "½r² within δ, δ|r| − ½δ² beyond")]
    Huber,
}

impl LossArgs {
    /// The loss that was asked for.
    ///
    /// # Errors
    /// [`Error::Usage`] for a δ that the loss does not have.
    pub fn check(&self) -> Result<LossKind, Error> {
        let margin = self.margin.unwrap_or(1.0);
        let kind = match self.loss.unwrap_or(LossName::Hinge) {
            LossName::Hinge => LossKind::Hinge { margin },
            LossName::CrammerSinger => LossKind::CrammerSinger { margin },
            LossName::SquaredHinge => LossKind::SquaredHinge { margin },
            LossName::OvrHinge => LossKind::OvrHinge,
            LossName::OvrSquaredHinge => LossKind::OvrSquaredHinge,
            LossName::OvrLogistic => LossKind::OvrLogistic,
            LossName::Softmax => LossKind::Softmax,
            LossName::Squared => LossKind::Squared,
            LossName::Huber => LossKind::Huber { delta: self.delta.unwrap_or(1.345) },
        };
        let has_margin = matches!(
            kind,
            LossKind::Hinge { .. } | LossKind::CrammerSinger { .. } | LossKind::SquaredHinge { .. }
        );
        let has_delta = matches!(kind, LossKind::Huber { .. });
        without_deltas(kind, [(self.margin, has_margin), (self.delta, has_delta)])?;
        Ok(kind)
    }
}

/// Refuses `--margin` and `--delta`, in this order, where they are given and the loss has none.
fn without_deltas(loss: LossKind, given: [(Option<f64>, bool); 2]) -> Result<(), Error> {
    for (flag, (value, has)) in ["--margin", "--delta"].into_iter().zip(given) {
        if value.is_some() && !has {
            return Err(usage(
                format!("the {} loss has no `{flag}`", loss.name()),
                format!("leave out `{flag}`"),
            ));
        }
    }
    Ok(())
}

/// `--loss` of losses that rank the labels of a row: sums are over the pairs of a label k that it has and one, l, that
/// it has not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum RankingName {
    #[value(
        help = "labels: the mean of exp(s(l) − s(k)) over pairs of a label k that the row has and one, l, that it has not"
    )]
    Bpmll,
    #[value(help = "labels: log(1 + Σ exp(s(l) − s(k))) over the pairs")]
    Lsep,
    #[value(name = "log1p-bpmll", help = "labels: log(1 + bpmll)")]
    Log1pBpmll,
    #[value(help = "labels: log(1 + Σ exp s(l)) + log(1 + Σ exp −s(k)), each against 0")]
    Zlpr,
    #[value(help = "labels: the mean of ½ max(0, 1 + s(l) − s(k))² over the pairs")]
    PairwiseSquaredHinge,
    #[value(help = "labels: the mean of log(1 + exp(s(l) − s(k))) over the pairs")]
    PairwiseLogistic,
    #[value(help = "labels: the mean of max(0, 1 + s(l) − s(k)) over the pairs")]
    PairwiseHinge,
    #[value(
        help = "labels: (1 + Σ exp s(l)) (1 + Σ exp −s(k)) − 1, the pairs and each against a threshold for all"
    )]
    GlobalThreshold,
    #[value(help = "labels: Σ log(1 + exp(∓s)), each for itself, − for those that the row has; the baseline")]
    LabelLogistic,
}

impl RankingName {
    fn kind(self) -> LossKind {
        match self {
            Self::Bpmll => LossKind::Bpmll,
            Self::Lsep => LossKind::Lsep,
            Self::Log1pBpmll => LossKind::Log1pBpmll,
            Self::Zlpr => LossKind::Zlpr,
            Self::PairwiseSquaredHinge => LossKind::PairwiseSquaredHinge,
            Self::PairwiseLogistic => LossKind::PairwiseLogistic,
            Self::PairwiseHinge => LossKind::PairwiseHinge,
            Self::GlobalThreshold => LossKind::GlobalThreshold,
            Self::LabelLogistic => LossKind::LabelLogistic,
        }
    }
}

/// `--loss` of `fit` and `certify`, which know those of labels too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FitLoss {
    /// Of classes or numbers.
    Of(LossName),
    /// Of sets of labels.
    Ranking(RankingName),
}

impl FitLoss {
    /// The loss that was asked for, or the squared one.
    fn check(asked: Option<Self>, margin: Option<f64>, delta: Option<f64>) -> Result<LossKind, Error> {
        match asked.unwrap_or(Self::Of(LossName::Squared)) {
            Self::Of(loss) => LossArgs { loss: Some(loss), margin, delta }.check(),
            Self::Ranking(loss) => {
                without_deltas(loss.kind(), [(margin, false), (delta, false)])?;
                Ok(loss.kind())
            }
        }
    }
}

impl ValueEnum for FitLoss {
    fn value_variants<'a>() -> &'a [Self] {
        static ALL: LazyLock<Vec<FitLoss>> = LazyLock::new(|| {
            let ranking = RankingName::value_variants().iter().map(|loss| FitLoss::Ranking(*loss));
            LossName::value_variants().iter().map(|loss| FitLoss::Of(*loss)).chain(ranking).collect()
        });
        &ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        match self {
            Self::Of(loss) => loss.to_possible_value(),
            Self::Ranking(loss) => loss.to_possible_value(),
        }
    }
}

/// `surefit explain-gradient`.
#[derive(Clone, Debug, Args)]
pub struct ExplainGradientArgs {
    /// A .csv, .tsv (each also .gz), .parquet, .arrow, .svm or .libsvm file, or - for standard input
    #[arg(value_name = "DATA")]
    pub data: String,
    /// As for `surefit fit`, the classes on the left; an svmlight file needs none
    #[arg(value_name = "FORMULA")]
    pub formula: Option<String>,
    /// The row, counted from 1 as the rows of the data
    #[arg(long, value_name = "I", value_parser = row, allow_hyphen_values = true)]
    pub row: usize,
    /// A CSV file of coefficients: `term`, then one column per class [default: W = 0]
    #[arg(long, value_name = "W.csv")]
    pub at: Option<PathBuf>,
    /// How results are shown.
    #[command(flatten)]
    pub show: Output,
    /// How data is read.
    #[command(flatten)]
    pub reading: Reading,
    /// The first column of an svmlight file is 0, not 1
    #[arg(long, help_heading = "Reading")]
    pub zero_based: bool,
    /// Which rows count, and how much.
    #[command(flatten)]
    pub rows: RowsArgs,
    /// Which loss.
    #[command(flatten)]
    pub loss: LossArgs,
}

/// `surefit check-gradient`.
#[derive(Clone, Debug, Args)]
pub struct CheckGradientArgs {
    /// A .csv, .tsv (each also .gz), .parquet, .arrow, .svm or .libsvm file, or - for standard input
    #[arg(value_name = "DATA")]
    pub data: String,
    /// As for `surefit fit`; an svmlight file needs none
    #[arg(value_name = "FORMULA")]
    pub formula: Option<String>,
    /// Where the gradient was computed, a CSV file: `term`, then one column per class or target; repeatable
    /// [default: W = 0]
    #[arg(long, value_name = "W.csv")]
    pub at: Vec<PathBuf>,
    /// The gradient there, a CSV file of the same form; repeatable, one for each `--at`
    #[arg(long, value_name = "G.csv", required = true)]
    pub gradient: Vec<PathBuf>,
    /// How results are shown.
    #[command(flatten)]
    pub show: Output,
    /// How data is read.
    #[command(flatten)]
    pub reading: Reading,
    /// The first column of an svmlight file is 0, not 1
    #[arg(long, help_heading = "Reading")]
    pub zero_based: bool,
    /// Which rows count, and how much.
    #[command(flatten)]
    pub rows: RowsArgs,
    /// Which loss.
    #[command(flatten)]
    pub loss: LossArgs,
    /// λ of the penalty (λ/2)‖W‖² beside the mean loss [default: 0]
    #[arg(long, value_name = "λ", value_parser = not_negative, allow_hyphen_values = true, help_heading = "Problem")]
    pub penalty: Option<f64>,
    /// The intercept is shrunk like a coefficient
    #[arg(long, help_heading = "Problem")]
    pub penalize_intercept: bool,
    /// How the work is done.
    #[command(flatten)]
    pub running: Running,
}

impl CheckGradientArgs {
    /// Refuses files that do not pair.
    ///
    /// # Errors
    /// [`Error::Usage`] with both counts.
    pub fn check(&self) -> Result<(), Error> {
        let (points, gradients) = (self.at.len(), self.gradient.len());
        if points == gradients || (points == 0 && gradients == 1) {
            return Ok(());
        }
        Err(usage(
            format!(
                "the files are {} at {}",
                counted(gradients as u64, "gradient"),
                counted(points as u64, "point")
            ),
            "give an `--at W.csv` for every `--gradient G.csv`, in the same order".to_owned(),
        ))
    }
}

/// A request that makes no sense, and the way out.
pub fn usage(what: String, hint: String) -> Error {
    Error::Usage { what, hint }
}

/// Refuses a flag that `file` has no use for.
pub fn for_other_files(flag: &str, file: &str) -> Error {
    usage(format!("`{flag}` is for other files, and DATA is {file}"), format!("leave out `{flag}`"))
}

fn number(text: &str) -> Result<f64, String> {
    match text.trim().parse::<f64>() {
        Ok(value) if value.is_finite() => Ok(value),
        Ok(_) => Err(format!("`{text}` is not a finite number")),
        Err(_) => Err(format!("`{text}` is not a number")),
    }
}

fn finite(text: &str) -> Result<f64, String> {
    number(text)
}

fn positive(text: &str) -> Result<f64, String> {
    let value = number(text)?;
    if value > 0.0 { Ok(value) } else { Err(format!("must be above 0, not {text}")) }
}

/// A gap that says something: no loss is below 0.
fn share(text: &str) -> Result<f64, String> {
    match positive(text)? {
        gap if gap < 1.0 => Ok(gap),
        _ => Err(format!("must be below 1, not {text}: that much is known of every answer")),
    }
}

fn not_negative(text: &str) -> Result<f64, String> {
    let value = number(text)?;
    if value >= 0.0 { Ok(value) } else { Err(format!("must not be negative, as {text} is")) }
}

fn steps(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| format!("must be a whole number of steps, not {text}"))
}

fn folds(text: &str) -> Result<usize, String> {
    match text.parse::<usize>() {
        Ok(count) if count >= 2 => Ok(count),
        _ => Err(format!("must be 2 or more, not {text}")),
    }
}

fn row(text: &str) -> Result<usize, String> {
    match text.parse::<usize>() {
        Ok(0) => Err("must be 1 or more: the first row of the data is 1".to_owned()),
        Ok(row) => Ok(row),
        Err(_) => Err(format!("must be the number of a row, not {text}")),
    }
}

fn threads(text: &str) -> Result<usize, String> {
    match text.parse::<usize>() {
        Ok(count @ 1..=1024) => Ok(count),
        _ => Err(format!("must be a count from 1 to 1024, not {text}")),
    }
}

fn delimiter(text: &str) -> Result<u8, String> {
    match text {
        "tab" | "\\t" | "\t" => Ok(b'\t'),
        _ => match text.as_bytes() {
            [byte] if byte.is_ascii() && !matches!(byte, b'"' | b'\n' | b'\r') => Ok(*byte),
            _ => Err("must be one ASCII character other than a quote, or `tab`".to_owned()),
        },
    }
}

fn duration(text: &str) -> Result<Duration, String> {
    let bare = text.trim();
    let (digits, unit) = match bare.strip_suffix(['s', 'm', 'h']) {
        Some(digits) if bare.ends_with('m') => (digits, 60.0),
        Some(digits) if bare.ends_with('h') => (digits, 3600.0),
        Some(digits) => (digits, 1.0),
        None => (bare, 1.0),
    };
    let seconds = number(digits).map_err(|_| format!("`{text}` is not a time such as 30, 30s, 5m or 1h"))?;
    if seconds <= 0.0 {
        return Err(format!("must be above 0, not {text}"));
    }
    Duration::try_from_secs_f64(seconds * unit).map_err(|_| format!("`{text}` is too long"))
}

fn size(text: &str) -> Result<usize, String> {
    let bare = text.trim().trim_end_matches(['B', 'b']);
    let (digits, shift) = match bare.char_indices().next_back() {
        Some((end, 'k' | 'K')) => (&bare[..end], 10),
        Some((end, 'm' | 'M')) => (&bare[..end], 20),
        Some((end, 'g' | 'G')) => (&bare[..end], 30),
        _ => (bare, 0),
    };
    let bytes = digits.parse::<usize>().ok().and_then(|count| count.checked_mul(1 << shift));
    bytes.ok_or_else(|| format!("`{text}` is not a size such as 500M or 2G"))
}

/// At most this many penalties on a path.
const MOST_PENALTIES: usize = 10_000;

fn penalty(text: &str) -> Result<Penalty, String> {
    let Some((low, rest)) = text.split_once("..") else { return not_negative(text).map(Penalty::One) };
    let (high, count) = rest.split_once(':').ok_or("a range is LO..HI:K, as in 1e-4..1e2:100")?;
    let (low, high) = (positive(low)?, positive(high)?);
    if high <= low {
        return Err(format!("the range must rise, but {low} is not below {high}"));
    }
    let Ok(count @ 2..=MOST_PENALTIES) = count.trim().parse::<usize>() else {
        return Err(format!("the number of penalties must be from 2 to {MOST_PENALTIES}, not {count}"));
    };
    let last = (count - 1) as f64;
    let (from, to) = (low.log10(), high.log10());
    let mut path: Vec<f64> =
        (0..count).map(|step| 10_f64.powf(from + (to - from) * step as f64 / last)).collect();
    path[0] = low;
    path[count - 1] = high;
    Ok(Penalty::Path(path))
}

fn penalty_weight(text: &str) -> Result<(String, f64), String> {
    // The name of a level has a `=` of its own: colour=red=2.
    let (name, factor) = text.rsplit_once('=').ok_or("must be NAME=F, as in temp=2")?;
    if name.is_empty() {
        return Err("must be NAME=F, as in temp=2".to_owned());
    }
    Ok((name.to_owned(), not_negative(factor)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parser_is_consistent() {
        use clap::CommandFactory as _;
        Cli::command().debug_assert();
    }

    #[test]
    fn a_range_of_penalties_is_even_on_a_logarithmic_scale_with_exact_ends() {
        let Ok(Penalty::Path(path)) = penalty("1e-4..1e2:7") else { unreachable!("a range") };
        let powers: Vec<f64> = path.iter().map(|value| value.log10().round()).collect();
        assert_eq!(powers, [-4.0, -3.0, -2.0, -1.0, 0.0, 1.0, 2.0]);
        assert_eq!((path[0], path[6]), (1e-4, 1e2));
        let ratios: Vec<f64> = path.windows(2).map(|pair| pair[1] / pair[0]).collect();
        assert!(ratios.iter().all(|ratio| (ratio - 10.0).abs() < 1e-12), "{ratios:?}");
    }

    #[test]
    fn nonsense_is_refused_with_a_reason() {
        for text in ["-1", "nan", "inf", "1..", "1..2", "2..1:3", "1..2:1", "0..1:3", "1..2:99999999", ""] {
            assert!(penalty(text).is_err(), "{text}");
        }
        for text in ["", "0", "-3s", "1d", "nan", "1e300h"] {
            assert!(duration(text).is_err(), "{text}");
        }
        for text in ["", "ab", "é", "\"", "\n"] {
            assert!(delimiter(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_size_is_counted_in_powers_of_1024() {
        let known = [("7", 7), ("1k", 1024), ("500M", 500 << 20), ("2GB", 2 << 30), ("0", 0)];
        for (text, bytes) in known {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for text in ["", "M", "-1M", "1.5G", "1T", "99999999999999999999G", "18446744073709551615K"] {
            assert!(size(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_level_keeps_its_equals_sign() {
        assert_eq!(penalty_weight("colour=red=2"), Ok(("colour=red".to_owned(), 2.0)));
    }
}
