//! Everything that is shown about a mix.

use crate::numbers::rough;
use surefit::diagnosis::{Diagnosis, Finding};
use surefit::fit::Verdict;
use surefit::solver::Stop;
use surefit_mix::{Certificate, Distance, Mix, Price, Problem, Range};

/// A mix with its proof, or why there is none.
#[derive(Clone, Debug)]
pub struct MixReport {
    /// How it ended.
    pub verdict: Verdict,
    /// The names of the inputs.
    pub inputs: Vec<String>,
    /// The target's name.
    pub target: String,
    /// What is made small.
    pub distance: Distance,
    /// ρ.
    pub ridge: f64,
    /// The relative gap that was asked for.
    pub wanted_gap: f64,
    /// What the weights sum to, where that is one number.
    pub sum: Option<f64>,
    /// The best mix; none on failure.
    pub best: Option<Mix>,
    /// How far it is from the best possible one.
    pub certificate: Option<Certificate>,
    /// The best weights without holes and counts; none where that is the same problem.
    pub plain: Option<Mix>,
    /// The next best choices of inputs.
    pub alternatives: Vec<Mix>,
    /// No choice of inputs that is not listed has a lower objective.
    pub others: Option<f64>,
    /// Why there are no other choices of inputs, although they were asked for.
    pub no_alternatives: Option<&'static str>,
    /// What each decision costs, if it was asked for.
    pub prices: Option<Prices>,
    /// Why there is no tree certificate, although it was asked for.
    pub no_tree: Option<String>,
    /// What is wrong.
    pub diagnosis: Option<Diagnosis>,
    /// Worth knowing although the answer stands.
    pub findings: Vec<Finding>,
    /// Why the search ended.
    pub stop: Option<Stop>,
    /// Nodes looked at.
    pub nodes: u64,
    /// What was decided on the way, in sentences.
    pub notes: Vec<String>,
    /// Wall-clock time.
    pub seconds: f64,
    /// Rows in use.
    pub rows: usize,
}

impl MixReport {
    /// A report that knows nothing yet.
    pub fn blank() -> Self {
        Self {
            verdict: Verdict::Failed,
            inputs: Vec::new(),
            target: String::new(),
            distance: Distance::default(),
            ridge: 0.0,
            wanted_gap: 0.0,
            sum: None,
            best: None,
            certificate: None,
            plain: None,
            alternatives: Vec::new(),
            others: None,
            no_alternatives: None,
            prices: None,
            no_tree: None,
            diagnosis: None,
            findings: Vec::new(),
            stop: None,
            nodes: 0,
            notes: Vec::new(),
            seconds: 0.0,
            rows: 0,
        }
    }

    /// One sentence: what happened.
    pub fn message(&self) -> String {
        match (&self.diagnosis, &self.certificate) {
            (Some(diagnosis), _) => diagnosis.message.clone(),
            (None, Some(proof)) if self.verdict == Verdict::Uncertified => format!(
                "a closer mix is not excluded: the relative gap is at most {}, and {} is wanted",
                rough(proof.relative_gap()),
                rough(self.wanted_gap)
            ),
            // What the allowance for rounding alone certifies.
            (None, Some(proof)) if proof.relative_gap() > self.wanted_gap => {
                format!("no mix that keeps the limits is closer, to a gap of {}: rounding", rough(proof.gap))
            }
            (None, Some(proof)) => {
                format!(
                    "no mix that keeps the limits is closer, to a relative gap of {}",
                    rough(proof.relative_gap())
                )
            }
            (None, None) => "there is no mix".to_owned(),
        }
    }

    /// The distance that belongs to an objective, where there is one: the root of a sum of squares.
    pub fn length(&self, objective: f64) -> Option<f64> {
        match self.distance {
            Distance::L2 if self.ridge > 0.0 => None,
            Distance::L2 => Some(objective.max(0.0).sqrt()),
            Distance::L1 | Distance::LInf => Some(objective),
        }
    }
}

/// The best mixes with one input decided the other way.
#[derive(Clone, Debug)]
pub struct Prices {
    /// Those that are proven.
    pub found: Vec<Price>,
    /// How many inputs have a choice.
    pub wanted: usize,
    /// What ended the search for those that are missing.
    pub why: &'static str,
}

/// What a tree certificate proves on some data, or why it proves nothing.
#[derive(Clone, Debug)]
pub struct TreeReport {
    /// The mix of the file with the gap that was checked; neither where nothing is proven.
    pub frame: MixReport,
    /// Leaves of the tree that were checked.
    pub leaves: u64,
    /// The problem of the file, where it could be read.
    pub problem: Option<Problem>,
    /// The same as it is written there.
    pub text: serde_json::Value,
    /// Why it proves nothing.
    pub fault: Option<String>,
    /// What is known of the reason, or the way out.
    pub hint: Option<&'static str>,
}

/// Whether an input is in or out, and cannot fade away.
pub fn has_choice(range: &Range) -> bool {
    range.optional && (range.low > 0.0 || range.high < 0.0)
}

/// What another mix costs, as a share of the objective of the best one; none where that is 0.
pub fn rise(best: &Mix, other: &Mix) -> Option<f64> {
    (best.objective > 0.0).then(|| (other.objective / best.objective - 1.0).max(0.0))
}

/// How many inputs a mix uses.
pub fn used(mix: &Mix) -> usize {
    mix.weights.iter().filter(|weight| **weight != 0.0).count()
}

/// What another choice of inputs has in place of what: `+S5 -S3`; "the same inputs" where there is no difference.
pub fn swap(best: &Mix, other: &Mix, inputs: &[String]) -> String {
    let pairs = || best.weights.iter().zip(&other.weights).zip(inputs);
    let more = pairs().filter(|((a, b), _)| **a == 0.0 && **b != 0.0).map(|(_, name)| format!("+{name}"));
    let less = pairs().filter(|((a, b), _)| **a != 0.0 && **b == 0.0).map(|(_, name)| format!("-{name}"));
    let all: Vec<String> = more.chain(less).collect();
    if all.is_empty() { "the same inputs".to_owned() } else { all.join(" ") }
}

/// The best mixes for several values of a flag.
#[derive(Clone, Debug)]
pub struct PathReport {
    /// `--low` or `--at-most`.
    pub flag: &'static str,
    /// One a value, in order; those that were not reached are not there.
    pub points: Vec<Point>,
    /// How many were asked for.
    pub wanted: usize,
    /// The rest of what is told.
    pub frame: MixReport,
}

/// The best mix for one value.
#[derive(Clone, Debug)]
pub struct Point {
    /// Of the flag.
    pub value: f64,
    /// The mix, its proof, and whether that reaches the wanted gap; none where no mix keeps the limits.
    pub found: Option<(Mix, Certificate, bool)>,
    /// Nodes looked at.
    pub nodes: u64,
}

impl Point {
    /// Whether what is told of it is proven.
    pub fn is_proven(&self) -> bool {
        self.found.as_ref().is_none_or(|found| found.2)
    }
}
