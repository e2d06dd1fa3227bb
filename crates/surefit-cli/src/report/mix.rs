//! Everything that is shown about a mix.

use crate::numbers::rough;
use surefit::diagnosis::{Diagnosis, Finding};
use surefit::fit::Verdict;
use surefit::solver::Stop;
use surefit_mix::{Certificate, Distance, Mix};

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
    /// One sentence: what happened.
    pub fn message(&self) -> String {
        match (&self.diagnosis, &self.certificate) {
            (Some(diagnosis), _) => diagnosis.message.clone(),
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

/// How many inputs a mix uses.
pub fn used(mix: &Mix) -> usize {
    mix.weights.iter().filter(|weight| **weight != 0.0).count()
}
