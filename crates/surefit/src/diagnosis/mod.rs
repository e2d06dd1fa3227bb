//! What went wrong, by name: from facts of the data, the trace and the stop to one primary cause, the
//! number that shows it, and remedies that were proven or run before they are offered.

mod carried_digits;
#[cfg(test)]
pub(crate) mod cases;
mod catalogue;
mod collinear;
mod conditioning;
mod constant_column;
mod facts;
mod false_convergence;
mod far_column;
pub mod forecast;
mod iteration_limit;
mod label_graph;
mod leverage;
mod lint;
mod long_rows;
mod path_cut_short;
mod penalty_convention;
mod powers;
mod rate_too_high;
mod rate_too_low;
mod remedy;
mod resolution;
mod separable;
mod single_precision;
mod situation;
mod start_too_far;
mod stopped_early;
pub mod trace;
mod unproven;
mod unproven_samples;
mod without_pairs;
mod words;
mod wrong_gradient;

pub use catalogue::{Page, codes, page};
pub use facts::Facts;
pub use far_column::FarColumn;
pub use label_graph::{Tried, Unbounded};
pub use lint::{Checkup, beside_a_fit, columns, lint, worth_a_look};
pub use long_rows::{LongRow, LongRows};
pub use path_cut_short::path_cut_short;
pub use penalty_convention::penalty_conventions;
pub use powers::Powers;
pub use separable::{Separation, separation};
pub use situation::{Context, Quality, diagnose};
pub use unproven::{proven_gap, unproven};
pub use unproven_samples::unproven_samples;
pub use without_pairs::WithoutPairs;
pub use words::in_equation;
pub use wrong_gradient::wrong_gradient;

use crate::data::scale::Scale;
use crate::problem::Coefficients;
use serde_json::{Map, Value};

/// The catalogue's codes. `surefit explain CODE` prints an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "UPPERCASE")]
#[non_exhaustive]
#[expect(missing_docs, reason = "each code is documented by its page")]
pub enum Code {
    Sf101,
    Sf102,
    Sf103,
    Sf104,
    Sf105,
    Sf106,
    Sf107,
    Sf108,
    Sf109,
    Sf201,
    Sf202,
    Sf203,
    Sf204,
    Sf205,
    Sf206,
    Sf207,
    Sf208,
    Sf209,
    Sf210,
    Sf301,
    Sf302,
    Sf401,
    Sf402,
    Sf403,
}

/// What a remedy changes, in a form that `--fix` can apply.
#[derive(Clone, Debug, PartialEq)]
pub enum Fix {
    /// Work in other units; the answer is folded back.
    Scale(Scale),
    /// Another learning rate.
    LearningRate(f64),
    /// Another tolerance.
    Tolerance(f64),
    /// Another iteration limit.
    MaxIter(u64),
    /// Zeros instead of the start that was given.
    StartAtZeros,
    /// The direct solver.
    Exact,
    /// A column less.
    Drop(String),
    /// A penalty.
    Penalty(f64),
    /// Another wanted gap.
    Gap(f64),
    /// This in the formula, in place of the columns that were named.
    Formula(String),
    /// This line in the program that was checked.
    Line(String),
    /// Several of these together.
    Several(Vec<Self>),
}

/// One way out.
#[derive(Clone, Debug, PartialEq)]
pub struct Remedy {
    /// What to do: "subtract mean(temp), keep lr".
    pub change: String,
    /// The flags to add to the command: `--scale center`.
    pub command: Option<String>,
    /// Steps that it will take, when it is an iterative remedy.
    pub steps: Option<u64>,
    /// Proven by theory for this data, or run before it was printed. Of what [`diagnose`] returns by itself, a remedy
    /// that is not is a forecast that rounding has a say in; [`crate::fit::fit`] runs it, or leaves it out.
    pub proven: bool,
    /// Same objective, same optimum: `--fix` may apply it.
    pub safe: bool,
    /// The change itself.
    pub fix: Fix,
}

/// A named cause for an answer that is not certified.
#[derive(Clone, Debug, PartialEq)]
pub struct Diagnosis {
    /// The cause whose single, safest change closes the gap.
    pub code: Code,
    /// One sentence with the number and its limit.
    pub message: String,
    /// Why: further sentences, most important first.
    pub reasons: Vec<String>,
    /// The numbers, by name.
    pub evidence: Map<String, Value>,
    /// Other causes that hold.
    pub also: Vec<Code>,
    /// Ways out, smallest change first.
    pub remedies: Vec<Remedy>,
    /// The exact answer where one exists, in the user's units.
    pub exact: Option<Coefficients>,
}

impl Diagnosis {
    /// What `--fix` applies: the direct solver where it is safe, as it needs no settings at all, otherwise the
    /// smallest safe change.
    pub fn applied(&self) -> Option<&Remedy> {
        let mut safe = self.remedies.iter().filter(|remedy| remedy.safe && remedy.proven);
        safe.clone().find(|remedy| remedy.fix == Fix::Exact).or_else(|| safe.next())
    }

    /// Whether it is SF101 at or just below the limit of the learning rate, not above it.
    pub fn is_at_the_edge(&self) -> bool {
        let growth = self.evidence.get("growth").and_then(Value::as_f64);
        self.code == Code::Sf101 && growth.is_some_and(|growth| growth <= 1.0)
    }
}

/// Something about the data or the settings worth knowing although the answer stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// Its code.
    pub code: Code,
    /// One sentence with names and the number.
    pub message: String,
    /// The numbers, by name.
    pub evidence: Map<String, Value>,
    /// Ways out.
    pub remedies: Vec<Remedy>,
}
