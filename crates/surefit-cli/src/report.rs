//! Everything that is shown about a fit, as plain values. It is built in one place from the library's
//! types; [`crate::render`] and [`crate::json`] see nothing else, so neither knows what the other does not.

pub mod mix;

use surefit::data::SampleSet;
use surefit::diagnosis::{Code, Diagnosis, Finding};
use surefit::fit::{PathPoint, Verdict};
use surefit::gradcheck::{self, RowGradient};
use surefit::inference;
use surefit::metrics::Confusion;
use surefit::metrics::measure::Measure;
use surefit::metrics::ranking::{Ranking, SetAccuracy};
use surefit::metrics::threshold::Threshold;
use surefit::network;
use surefit::solver::Stop;
use surefit::{Coefficients, LossKind};

/// A linear model's numbers with their names.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    /// d names.
    pub terms: Vec<String>,
    /// c names.
    pub targets: Vec<String>,
    /// c; absent where the problem has no intercept.
    pub intercept: Option<Vec<f64>>,
    /// d × c: `weights[term][target]`.
    pub weights: Vec<Vec<f64>>,
    /// Targets are classes, each with its name even where there is one.
    pub by_class: bool,
    /// There are too many coefficients to list: `terms` and `weights` are empty.
    pub unlisted: bool,
}

/// Coefficients that are listed by name at most.
const MOST_LISTED: usize = 10_000_000;

impl Model {
    /// Names an answer for rows in memory.
    pub fn of_samples(answer: &Coefficients, set: &SampleSet, targets: &[String], intercept: bool) -> Self {
        let unlisted = set.columns().saturating_mul(targets.len()) > MOST_LISTED;
        let terms: Vec<String> = if unlisted { Vec::new() } else { set.names().collect() };
        let by_class = set.classes().is_some();
        Self { by_class, unlisted, ..Self::named(answer, &terms, targets, intercept) }
    }

    /// Names a library answer.
    pub fn named(answer: &Coefficients, terms: &[String], targets: &[String], intercept: bool) -> Self {
        let (d, c) = (terms.len().min(answer.weights.nrows()), answer.weights.ncols());
        Self {
            terms: terms.to_vec(),
            targets: targets.to_vec(),
            intercept: intercept.then(|| answer.intercept.clone()),
            weights: (0..d).map(|j| (0..c).map(|k| answer.weights[(j, k)]).collect()).collect(),
            by_class: false,
            unlisted: false,
        }
    }
}

/// A certificate's numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct Proof {
    /// P at the answer.
    pub objective: f64,
    /// The optimum is not below this.
    pub bound: f64,
    /// At most this far above the optimum.
    pub gap: f64,
    /// gap / |objective|.
    pub relative_gap: f64,
    /// What rounding may amount to.
    pub rounding: f64,
    /// Directions of the columns that are no longer than the rounding of their values: the gap is to the best answer
    /// that leaves them out.
    pub dependent: usize,
    /// The residuals are rounding.
    pub exact_fit: bool,
    /// How far each coefficient is, at most, from the best one's: d × c as [`Model::weights`], where known.
    pub coefficients_within: Option<Vec<Vec<f64>>>,
    /// The same of each target's intercept.
    pub intercept_within: Option<Vec<f64>>,
    /// The root mean square distance from the best predictions is at most this.
    pub predictions_within: Option<f64>,
}

/// One row of the summary of a regression.
#[derive(Clone, Debug, PartialEq)]
pub struct Term {
    /// `(intercept)` or the name of a column.
    pub name: String,
    /// Its coefficient, and how sure it is.
    pub found: inference::Term,
}

/// The summary of a regression for one target.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    /// Intercept first where there is one.
    pub terms: Vec<Term>,
    /// The value that the target has in every row, where it is the same: then there is nothing to explain.
    pub constant: Option<f64>,
    /// Share of the sum of squares explained; absent for a constant target.
    pub r_squared: Option<f64>,
    /// The same per degree of freedom.
    pub adjusted_r_squared: Option<f64>,
    /// F of all columns together, and its p-value.
    pub f: Option<(f64, f64)>,
    /// Rows minus parameters.
    pub residual_df: f64,
    /// Residual standard deviation.
    pub sigma: f64,
}

/// How the model does on other rows.
#[derive(Clone, Debug, PartialEq)]
pub struct TestScore {
    /// The file, as the user gave it.
    pub file: String,
    /// Rows scored.
    pub rows: usize,
    /// One root mean square error a target.
    pub rmse: Vec<f64>,
    /// One R² a target; below 0 is worse than the mean of the test rows.
    pub r_squared: Vec<f64>,
}

/// What a fit by another loss than the squared one adds.
#[derive(Clone, Debug, PartialEq)]
pub struct SampleFacts {
    /// The loss, with its δ.
    pub loss: LossKind,
    /// The intercept is shrunk too.
    pub penalized_intercept: bool,
    /// All classes; absent for a loss of numbers.
    pub classes: Option<Vec<String>>,
    /// How the rows are told apart.
    pub rows: Option<Confusion>,
    /// The file of `--test`, and how its rows are told apart.
    pub test: Option<(String, Confusion)>,
    /// Rows that the optimum is proven to give the same class.
    pub certain: Option<usize>,
    /// Walks over all rows.
    pub passes: Option<f64>,
    /// How labels are ranked and sets of them are met.
    pub ranking: Option<Ranked>,
}

/// What a ranking of labels adds.
#[derive(Clone, Debug, PartialEq)]
pub struct Ranked {
    /// From scores to sets of labels.
    pub threshold: Threshold,
    /// On the rows of the fit.
    pub rows: Measured,
    /// The file of `--test`, and the same on its rows.
    pub test: Option<(String, Measured)>,
    /// The network that makes the scores, where it is one.
    pub network: Option<Box<NetworkFacts>>,
}

/// A network, and how it was trained.
#[derive(Clone, Debug, PartialEq)]
pub struct NetworkFacts {
    /// By what.
    pub settings: network::Settings,
    /// Weights and epochs.
    pub trained: network::Trained,
    /// The file of `--validate`, whose rows were held out.
    pub file: Option<String>,
}

/// The measures of the answer, and of one that knows only how frequent labels are in the rows of the fit.
#[derive(Clone, Debug, PartialEq)]
pub struct Measured {
    /// By the scores.
    pub answer: Measures,
    /// By the frequencies; its sets are the labels of more than half of the rows.
    pub frequencies: Measures,
}

/// Of orders, and of sets.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Measures {
    /// How labels are ranked.
    pub ranking: Ranking,
    /// How sets of labels are met.
    pub sets: SetAccuracy,
}

impl Measures {
    /// Each measure by its name, and whether more of it is better.
    pub fn named(&self) -> [(&'static str, f64, bool); 8] {
        Measure::ALL.map(|measure| {
            (measure.name(), measure.among(&self.ranking, &self.sets), measure.more_is_better())
        })
    }
}

/// A penalty chosen from several.
#[derive(Clone, Debug, PartialEq)]
pub struct Choice {
    /// How many there were.
    pub count: usize,
    /// The lowest and the highest.
    pub range: (f64, f64),
    /// The chosen one.
    pub lambda: f64,
    /// By what.
    pub by: ChosenBy,
    /// Whether it is the lowest or the highest of the range.
    pub at_end: bool,
}

/// What a penalty was chosen by.
#[derive(Clone, Debug, PartialEq)]
pub enum ChosenBy {
    /// The least leave-one-out root mean square error, which is this.
    LeaveOneOut(f64),
    /// The least mean loss, or the best measure, on rows that the fits did not see.
    Held {
        /// The folds of a cross-validation.
        folds: Option<usize>,
        /// The file of `--test` or `--validate`, where its rows are those.
        file: Option<String>,
        /// The measure of labels that they are compared by; absent means the mean loss.
        measure: Option<Measure>,
        /// The penalties that were compared, the largest first.
        points: Vec<PathPoint>,
        /// The place of the chosen one.
        best: usize,
    },
}

/// All of it.
#[derive(Clone, Debug, PartialEq)]
pub struct FitReport {
    /// The verb: "fit" or "certify".
    pub command: &'static str,
    /// How it ended.
    pub verdict: Verdict,
    /// The formula, as the user gave it or as the model has it.
    pub formula: String,
    /// The name of the loss.
    pub loss: &'static str,
    /// λ.
    pub penalty: f64,
    /// The factor of each column in the penalty, where they are not all 1.
    pub factors: Option<Vec<f64>>,
    /// The problem is that of a saved model, which nothing on the command line changes.
    pub saved: bool,
    /// The wanted relative gap ε.
    pub wanted_gap: f64,
    /// The answer; absent when failed.
    pub model: Option<Model>,
    /// Its certificate.
    pub certificate: Option<Proof>,
    /// What one unit of the scaled objective is in the user's units, where `--scale-target` makes them differ.
    pub scaled_unit: Option<f64>,
    /// The cause in a few words: "learning rate above the stable limit".
    pub title: Option<String>,
    /// The named cause, when not certified.
    pub diagnosis: Option<Diagnosis>,
    /// The exact answer in the diagnosis, with its names.
    pub exact: Option<Model>,
    /// One a target, for ordinary least squares.
    pub inference: Option<Vec<Summary>>,
    /// One a term and target: the coefficient times its column's spread over the target's.
    pub effects: Option<Vec<Vec<f64>>>,
    /// Things worth knowing although the answer stands.
    pub findings: Vec<Finding>,
    /// The answer is the one of smallest norm, because columns depend on each other.
    pub minimum_norm: bool,
    /// Why it stopped.
    pub stop: Option<Stop>,
    /// Iterations taken; 0 for a direct method.
    pub steps: u64,
    /// The step at which it was forecast to stop.
    pub forecast_steps: Option<u64>,
    /// The method in words: "Cholesky on the centred Gram, 13 digits".
    pub method: Option<String>,
    /// Parameters without a penalty and rows of a weight above 0, where these are no more.
    pub saturated: Option<(usize, usize)>,
    /// The penalty that was chosen.
    pub choice: Option<Choice>,
    /// The score on `--test`, for targets that are numbers.
    pub test: Option<TestScore>,
    /// What another loss than the squared one adds.
    pub samples: Option<SampleFacts>,
    /// What was sniffed, encoded, dropped, applied.
    pub notes: Vec<String>,
    /// The wall-clock time.
    pub seconds: f64,
    /// Rows in use.
    pub rows: usize,
    /// Columns of the design without the intercept.
    pub columns: usize,
}

/// The factors of a penalty, where it has any that differ from 1.
pub fn factors(problem: &surefit::Problem) -> Option<Vec<f64>> {
    let penalty = &problem.penalty;
    let factors = penalty.factors.as_ref().filter(|_| penalty.lambda > 0.0)?;
    factors.iter().any(|&factor| factor != 1.0).then(|| factors.clone())
}

impl FitReport {
    /// The finding that says why an answer without a cause of its own is not certified, if one does; the others stand beside it.
    pub fn explanation(&self) -> Option<&Finding> {
        let beside = [Code::Sf107, Code::Sf202, Code::Sf203, Code::Sf207, Code::Sf209];
        self.findings.iter().find(|finding| !beside.contains(&finding.code))
    }

    /// One sentence: what happened.
    pub fn message(&self) -> String {
        if let Some(diagnosis) = &self.diagnosis {
            return diagnosis.message.clone();
        }
        match (self.verdict, &self.certificate) {
            (Verdict::Certified, _) => "the answer is certified".to_owned(),
            (_, Some(proof)) => format!(
                "the relative gap is {}, above the wanted {}",
                crate::numbers::rough(proof.relative_gap),
                crate::numbers::rough(self.wanted_gap)
            ),
            (Verdict::Uncertified, None) => format!(
                "{} came before the answer was certified: how far it is from the best one is not known",
                match self.stop {
                    Some(Stop::Time) => "the time limit",
                    _ => "an interrupt",
                }
            ),
            (Verdict::Failed, None) => "there is no answer".to_owned(),
        }
    }
}

/// One row's share of a gradient, with names.
#[derive(Clone, Debug, PartialEq)]
pub struct RowReport {
    /// The file, as the user gave it.
    pub data: String,
    /// The row, from 1.
    pub number: usize,
    /// Which loss.
    pub loss: LossKind,
    /// The file of coefficients; absent means W = 0.
    pub at: Option<String>,
    /// The names of the columns of scores.
    pub outputs: Vec<String>,
    /// All classes, where targets are such.
    pub classes: Option<Vec<String>>,
    /// Name and value of every feature of the row that is not 0, the intercept's 1 last.
    pub features: Vec<(String, f64)>,
    /// How many features are 0.
    pub zeros: usize,
    /// The numbers.
    pub row: RowGradient,
}

impl RowReport {
    /// The class of the row.
    pub fn class(&self) -> Option<&str> {
        self.classes.as_ref()?.get(self.row.class?).map(String::as_str)
    }

    /// What the row adds to the gradient in a feature of value `x`, one an output.
    pub fn shares(&self, x: f64) -> impl Iterator<Item = f64> {
        self.row.pulls.iter().map(move |pull| self.row.weight / self.row.total * x * pull)
    }
}

/// Gradients beside what they should be, with names.
#[derive(Clone, Debug)]
pub struct CheckReport {
    /// Which loss.
    pub loss: LossKind,
    /// λ.
    pub penalty: f64,
    /// Where each gradient was computed (absent means W = 0), and its file.
    pub files: Vec<(Option<String>, String)>,
    /// The names of the gradient's rows.
    pub terms: Vec<String>,
    /// The names of its columns.
    pub outputs: Vec<String>,
    /// What came of it.
    pub verdict: gradcheck::Verdict,
    /// What is wrong.
    pub diagnosis: Option<Diagnosis>,
    /// Rows in use.
    pub rows: usize,
    /// Columns of the design without the intercept.
    pub columns: usize,
}

impl CheckReport {
    /// The largest difference that was accepted as rounding.
    pub fn largest(&self) -> f64 {
        let entries = self.verdict.reports.iter().flat_map(|report| &report.entries);
        entries.map(|entry| entry.error).fold(0.0, f64::max)
    }

    /// Entries of all gradients.
    pub fn entries(&self) -> usize {
        self.verdict.reports.iter().map(|report| report.entries.len()).sum()
    }

    /// Entries at a kink.
    pub fn kinks(&self) -> usize {
        let entries = self.verdict.reports.iter().flat_map(|report| &report.entries);
        entries.filter(|entry| entry.kink).count()
    }
}
