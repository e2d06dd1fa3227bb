//! What is asked of rankings of labels: which files have them, and what is told of new rows.

use super::{Error, LossKind, Reading, RowsArgs, for_other_files, usage};
use clap::Args;
use surefit::data::read::{is_arff, is_svmlight};

/// Refuses labels without a loss that ranks them, or the other way round.
///
/// # Errors
/// [`Error::Usage`] naming the two and the way out.
pub fn check_targets(data: &str, formula: Option<&str>, labels: bool, loss: LossKind) -> Result<(), Error> {
    let name = loss.name();
    let ranks = loss.is_of_labels();
    let (what, hint) = match (is_arff(data), ranks, labels) {
        (true, false, _) => (
            format!("{data} has a set of labels in each row, which the {name} loss does not take"),
            "name a loss that ranks labels, such as `--loss bpmll`",
        ),
        (true, true, false) => (
            "nothing says which attributes of the ARFF file are labels".to_owned(),
            "add `--labels` with the Mulan XML file, the names with commas between them, or how many of the last \
             attributes are labels (-14: the first 14)",
        ),
        (false, true, true) => (
            format!("`--labels` is for ARFF files (.arff, .arff.gz), and DATA is {data}"),
            "name the labels of a table on the left of a formula, as in `[calm, happy] ~ .`; an svmlight file has them \
             in its rows",
        ),
        (false, false, true) => ("`--labels` is for ARFF files (.arff, .arff.gz)".to_owned(), "leave it out"),
        (false, true, false) if formula.is_none() && !is_svmlight(data) => (
            format!("nothing says which columns of {data} are labels"),
            "add a formula with the labels on the left, such as `'[calm, happy] ~ .'`",
        ),
        _ => return Ok(()),
    };
    Err(usage(what, hint.to_owned()))
}

/// How rows with labels are read.
pub struct Reads<'a> {
    /// Of a table.
    pub reading: &'a Reading,
    /// Which rows count.
    pub rows: &'a RowsArgs,
    /// Of an svmlight file.
    pub zero_based: bool,
}

impl Reads<'_> {
    /// Refuses flags for other files than `data`.
    ///
    /// # Errors
    /// [`Error::Usage`] naming the flag and the way out.
    pub fn check(&self, data: &str, formula: Option<&str>) -> Result<(), Error> {
        let file = match (is_arff(data), is_svmlight(data)) {
            (true, _) => "an ARFF file",
            (_, true) => "an svmlight file",
            _ => return self.check_table(),
        };
        if let Some(formula) = formula {
            return Err(usage(
                format!("{file} has its own columns and labels"),
                format!("leave out `{formula}`"),
            ));
        }
        let Reading { dialect, memory_limit } = self.reading;
        let flags = [
            ("--weights", self.rows.weights.is_some() && !is_arff(data)),
            ("--missing", self.rows.missing.is_some()),
            ("--zero-based", self.zero_based && is_arff(data)),
            ("--memory-limit", memory_limit.is_some()),
        ];
        let other = flags.into_iter().find_map(|(flag, given)| given.then_some(flag));
        other.or_else(|| dialect.given()).map_or(Ok(()), |flag| Err(for_other_files(flag, file)))
    }

    fn check_table(&self) -> Result<(), Error> {
        if self.zero_based {
            return Err(usage(
                "`--zero-based` is for svmlight files (.svm, .libsvm)".to_owned(),
                "leave it out".to_owned(),
            ));
        }
        Ok(())
    }
}

/// What `predict` tells of a model that ranks labels.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Output")]
pub struct Tell {
    /// For models that rank labels: also the rank of every label, 1 the highest, as columns `rank:LABEL`
    #[arg(long)]
    pub ranks: bool,
    /// For models that rank labels: the labels of a row in one column, `labels`, instead of a column of 0 and 1 for each
    #[arg(long)]
    pub labels: bool,
    /// For models that rank labels: give each row its K highest labels [default: those above the threshold of the model]
    #[arg(long, value_name = "K", value_parser = top, allow_hyphen_values = true)]
    pub top: Option<usize>,
}

impl Tell {
    /// The first flag that is given.
    pub fn given(&self) -> Option<&'static str> {
        let flags = [("--ranks", self.ranks), ("--labels", self.labels), ("--top", self.top.is_some())];
        flags.iter().find(|(_, given)| *given).map(|(flag, _)| *flag)
    }
}

fn top(text: &str) -> Result<usize, String> {
    match text.parse::<usize>() {
        Ok(0) => Err("must be 1 or more".to_owned()),
        Ok(count) => Ok(count),
        Err(_) => Err(format!("must be a number of labels, not {text}")),
    }
}
