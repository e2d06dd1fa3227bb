//! The flags of rankings of labels: what becomes of labels and rows, how penalties are compared, and how scores become sets.

use super::{FitArgs, finite, positive, usage};
use clap::{Args, ValueEnum};
use surefit::data::read::is_arff;
use surefit::metrics::measure::Measure;
use surefit::metrics::threshold::Rule;
use surefit::{Error, LossKind};

/// See the module.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Labels")]
pub struct LabelArgs {
    /// Leave this label out: it is neither label nor feature; repeatable
    #[arg(long, value_name = "NAME")]
    pub drop_label: Vec<String>,
    /// Let the pairs of one label, or its own loss, count F times; repeatable
    #[arg(long, value_name = "NAME=F", value_parser = label_weight)]
    pub label_weights: Vec<(String, f64)>,
    /// The rows that the loss is the mean over: all, or those with a pair of labels to rank
    #[arg(long, value_name = "ROWS", default_value = "all")]
    pub divisor: Divisor,
    /// Which labels a row is given, by its scores: those above a linear function of them, above a number, above one number a label, or the K highest [default: 0 for losses that compare each label with 0, else least-squares]
    #[arg(long, value_name = "least-squares|NUMBER|per-label|top-K", value_parser = threshold, allow_hyphen_values = true)]
    pub threshold: Option<Rule>,
    /// The rows of this file, instead of folds, compare the penalties of `--choose MEASURE`; of a network they say when to end
    #[arg(long, value_name = "FILE")]
    pub validate: Option<String>,
    /// A network with so many hidden units (tanh) in place of a linear model, trained by `--learning-rate` [default: 0.05]; no certificate
    #[arg(long, value_name = "N", value_parser = count, allow_hyphen_values = true)]
    pub hidden: Option<usize>,
    /// Walks of the training over the rows, at most [default: 100]
    #[arg(long, value_name = "N", value_parser = count, allow_hyphen_values = true)]
    pub epochs: Option<usize>,
    /// It ends after so many epochs without a better loss on rows held out [default: 10]
    #[arg(long, value_name = "N", value_parser = count, allow_hyphen_values = true)]
    pub patience: Option<usize>,
    /// The share of the rows that is held out [default: 0.2]
    #[arg(long, value_name = "SHARE", value_parser = share, allow_hyphen_values = true)]
    pub hold_out: Option<f64>,
}

/// `--divisor`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Divisor {
    /// Rows without a pair count with loss 0.
    #[default]
    All,
    /// They are left out.
    Usable,
}

/// The measure of `--choose`, where it is one.
pub fn measure(choose: super::Choose) -> Option<Measure> {
    use super::Choose;
    match choose {
        Choose::Loo | Choose::Cv | Choose::Test => None,
        Choose::RankingLoss => Some(Measure::RankingLoss),
        Choose::OneError => Some(Measure::OneError),
        Choose::Coverage => Some(Measure::Coverage),
        Choose::AveragePrecision => Some(Measure::AveragePrecision),
        Choose::Hamming => Some(Measure::Hamming),
        Choose::SubsetAccuracy => Some(Measure::SubsetAccuracy),
        Choose::MicroF1 => Some(Measure::MicroF1),
        Choose::MacroF1 => Some(Measure::MacroF1),
    }
}

impl LabelArgs {
    /// The first flag that only rankings have.
    fn given(&self) -> Option<&'static str> {
        let flags = [
            ("--drop-label", !self.drop_label.is_empty()),
            ("--label-weights", !self.label_weights.is_empty()),
            ("--divisor", self.divisor != Divisor::All),
            ("--threshold", self.threshold.is_some()),
            ("--validate", self.validate.is_some()),
            ("--hidden", self.hidden.is_some()),
            ("--epochs", self.epochs.is_some()),
            ("--patience", self.patience.is_some()),
            ("--hold-out", self.hold_out.is_some()),
        ];
        flags.into_iter().find(|(_, given)| *given).map(|(flag, _)| flag)
    }
}

impl FitArgs {
    /// The measure that penalties are compared by.
    pub fn measure(&self) -> Option<Measure> {
        self.choose.and_then(measure)
    }

    /// Refuses what only a ranking of labels has, for another loss, and what does not go together in one.
    ///
    /// # Errors
    /// [`Error::Usage`] naming the flag and the way out.
    pub fn check_label_flags(&self, loss: LossKind) -> Result<(), Error> {
        let refuse = |what: String, hint: &str| Err(usage(what, hint.to_owned()));
        let name = loss.name();
        if !loss.is_of_labels() {
            if let Some(measure) = self.measure() {
                return refuse(
                    format!(
                        "`--choose` by {} is for losses that rank labels, and the loss is {name}",
                        measure.name()
                    ),
                    if loss == LossKind::Squared {
                        "use `--choose loo`, the exact leave-one-out error"
                    } else {
                        "use `--choose cv`, the loss on folds that were left out"
                    },
                );
            }
            if let Some(flag) = self.ranking.given() {
                let what = format!("`{flag}` is for losses that rank labels, and the loss is {name}");
                return Err(usage(what, format!("leave out `{flag}`")));
            }
            return Ok(());
        }
        if self.ranking.divisor == Divisor::Usable && !loss.is_of_pairs() {
            return refuse(
                format!("the {name} loss compares each label with 0, so that every row counts"),
                "leave out `--divisor usable`",
            );
        }
        if self.ranking.hidden.is_some() {
            return self.check_network();
        }
        if self.output.is_some() {
            self.check_saved()?;
        }
        let of_network = [
            ("--epochs", self.ranking.epochs.is_some()),
            ("--patience", self.ranking.patience.is_some()),
            ("--hold-out", self.ranking.hold_out.is_some()),
        ];
        if let Some((flag, _)) = of_network.iter().find(|(_, given)| *given) {
            return Err(usage(
                format!("`{flag}` is for a network, and nothing asks for one"),
                format!("add `--hidden N`, or leave out `{flag}`"),
            ));
        }
        if self.ranking.validate.is_none() {
            return Ok(());
        }
        if self.measure().is_none() {
            return refuse(
                "`--validate` names the rows on which `--choose MEASURE` compares penalties".to_owned(),
                "add a measure, as in `--choose ranking-loss`; `--choose test` takes the loss on the rows of `--test`",
            );
        }
        if self.folds.is_some() {
            return refuse(
                "`--folds` and `--validate` both say where penalties are compared".to_owned(),
                "leave out one of them",
            );
        }
        Ok(())
    }
}

impl FitArgs {
    /// Refuses what a saved model does not keep, and could not be certified without.
    fn check_saved(&self) -> Result<(), Error> {
        let changed = [
            ("--label-weights", !self.ranking.label_weights.is_empty()),
            ("--divisor usable", self.ranking.divisor == Divisor::Usable),
        ];
        if let Some((flag, _)) = changed.iter().find(|(_, given)| *given) {
            return Err(usage(
                format!(
                    "a saved model has the plain loss of all rows and labels, and `{flag}` makes another"
                ),
                format!("leave out `{flag}`, or leave out `-o`: `--json` has all coefficients"),
            ));
        }
        if !self.ranking.drop_label.is_empty() && !is_arff(&self.data) {
            return Err(usage(
                format!("a saved model would miss the label that `--drop-label` leaves out in {}", self.data),
                "take the label out of the file, or leave out `-o`: `--json` has all coefficients".to_owned(),
            ));
        }
        Ok(())
    }

    /// Refuses what a network has no use for.
    fn check_network(&self) -> Result<(), Error> {
        let refused = [
            ("-o", self.output.is_some()),
            ("--gap", self.gap.is_some()),
            ("--max-iter", self.descent.max_iter.is_some()),
            ("--tolerance", self.descent.tolerance.is_some()),
            ("--start", self.descent.start.is_some()),
            ("--trace", self.trace.is_some()),
            ("--fix", self.fix),
            ("--choose", self.choose.is_some()),
            ("--folds", self.folds.is_some()),
            ("--solver", self.solver != super::FitSolver::Auto),
            ("--penalize-intercept", self.shrinkage.penalize_intercept),
            ("--penalty-weight", !self.shrinkage.penalty_weight.is_empty()),
            ("--scale", self.shrinkage.scale != super::ScaleArg::None),
            ("--scale-target", self.shrinkage.scale_target),
        ];
        if let Some((flag, _)) = refused.iter().find(|(_, given)| *given) {
            return Err(usage(
                format!("`{flag}` is for linear models, and `--hidden` asks for a network"),
                match *flag {
                    "--max-iter" => "say how long to train with `--epochs`".to_owned(),
                    "-o" => "leave out one of the two: only linear models are kept in files".to_owned(),
                    flag => format!("leave out one of `{flag}` and `--hidden`"),
                },
            ));
        }
        if matches!(self.penalty, Some(super::Penalty::Path(_))) {
            return Err(usage(
                "a network takes one weight decay, not a range".to_owned(),
                "give one, as in `--penalty 0.01`".to_owned(),
            ));
        }
        if self.ranking.validate.is_some() && self.ranking.hold_out.is_some() {
            return Err(usage(
                "`--hold-out` and `--validate` both say which rows are held out".to_owned(),
                "leave out one of them".to_owned(),
            ));
        }
        Ok(())
    }
}

fn count(text: &str) -> Result<usize, String> {
    match text.parse::<usize>() {
        Ok(count @ 1..=1_000_000) => Ok(count),
        _ => Err(format!("must be a count from 1 to 1,000,000, not {text}")),
    }
}

fn share(text: &str) -> Result<f64, String> {
    let share = positive(text)?;
    if share < 1.0 { Ok(share) } else { Err(format!("must be a share of the rows below 1, not {text}")) }
}

fn label_weight(text: &str) -> Result<(String, f64), String> {
    // The name of a label can have a `=` of its own.
    let (name, factor) = text.rsplit_once('=').ok_or("must be NAME=F, as in calm=2")?;
    if name.is_empty() {
        return Err("must be NAME=F, as in calm=2".to_owned());
    }
    Ok((name.to_owned(), positive(factor)?))
}

fn threshold(text: &str) -> Result<Rule, String> {
    let unknown = || {
        format!("must be least-squares, per-label, top-K such as top-3, or a number such as 0, not `{text}`")
    };
    match text {
        "least-squares" => Ok(Rule::LeastSquares),
        "per-label" => Ok(Rule::PerLabel),
        _ => match text.strip_prefix("top-") {
            Some(count) => match count.parse::<usize>() {
                Ok(count) if count > 0 => Ok(Rule::Top(count)),
                _ => Err(unknown()),
            },
            None => finite(text).map(Rule::Constant).map_err(|_| unknown()),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_threshold_is_a_rule_by_name_or_a_number() {
        assert_eq!(threshold("least-squares"), Ok(Rule::LeastSquares));
        assert_eq!(threshold("per-label"), Ok(Rule::PerLabel));
        assert_eq!(threshold("top-3"), Ok(Rule::Top(3)));
        assert_eq!(threshold("-0.5"), Ok(Rule::Constant(-0.5)));
        for nonsense in ["top-0", "top-", "top3", "nan", "inf", "", "half"] {
            let end = format!("not `{nonsense}`");
            assert!(threshold(nonsense).is_err_and(|refused| refused.ends_with(&end)), "{nonsense}");
        }
    }

    #[test]
    fn a_label_keeps_its_equals_sign_and_its_weight_is_above_0() {
        assert_eq!(label_weight("mood=calm=2"), Ok(("mood=calm".to_owned(), 2.0)));
        for nonsense in ["calm", "=2", "calm=0", "calm=-1", "calm=inf"] {
            assert!(label_weight(nonsense).is_err(), "{nonsense}");
        }
    }
}
