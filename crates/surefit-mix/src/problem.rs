//! A mix as a person states it: inputs with names, ranges, and limits on sums and counts.

use crate::error::{Error, Result};

/// `min distance(A w, t) + ρ‖w‖²` over weights that are each zero or inside a range, and that keep the limits.
#[derive(Clone, Debug, PartialEq)]
pub struct Problem {
    /// Names of the inputs, n of them, all different.
    pub inputs: Vec<String>,
    /// `A`, m × n, column by column.
    pub columns: Vec<f64>,
    /// `t`, m values.
    pub target: Vec<f64>,
    /// How many times each row counts (m values, none negative); every row once when absent.
    pub row_weights: Option<Vec<f64>>,
    /// What is made small.
    pub distance: Distance,
    /// `ρ ≥ 0`, for [`Distance::L2`] only.
    pub ridge: f64,
    /// What each input's weight may be, n of them.
    pub ranges: Vec<Range>,
    /// Limits on how many of a set of inputs are used.
    pub counts: Vec<Count>,
    /// Limits on linear combinations of the weights; the sum is one of them.
    pub limits: Vec<Limit>,
    /// Inputs that are not to be used, whose range is [`Range::NEVER`], with the range that each would have
    /// otherwise: what an explanation can give back.
    pub never: Vec<(usize, Range)>,
    /// Inputs whose range was stated to be without 0, as against those that must be used: an explanation tells the
    /// two apart.
    pub bounds: Vec<usize>,
}

/// The distance between `Aw` and `t`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Distance {
    /// The sum of squares; its root is the Euclidean distance, with the same optimum.
    #[default]
    L2,
    /// The sum of absolute values.
    L1,
    /// The largest absolute value.
    LInf,
}

/// The weights that one input may have.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Range {
    /// Least weight in use; negative for a short position.
    pub low: f64,
    /// Greatest weight in use; may be infinite where the limits bound it.
    pub high: f64,
    /// Whether 0 is allowed beside `[low, high]`.
    pub optional: bool,
}

/// `least ≤ number of members with a weight other than 0 ≤ most`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Count {
    /// What a person calls it.
    pub name: String,
    /// Numbers of inputs.
    pub members: Vec<usize>,
    /// At least so many.
    pub least: usize,
    /// At most so many.
    pub most: usize,
}

/// `low ≤ Σ coefficient · weight ≤ high`.
#[derive(Clone, Debug, PartialEq)]
pub struct Limit {
    /// What a person calls it.
    pub name: String,
    /// Inputs and their coefficients.
    pub terms: Vec<(usize, f64)>,
    /// May be −∞.
    pub low: f64,
    /// May be ∞.
    pub high: f64,
}

impl Problem {
    /// Inputs (`columns`, one after the other, as long as `target`) that are each zero or at least `low`, at most
    /// `high`, and sum to 1: the usual mix, in the Euclidean distance.
    pub fn new(inputs: Vec<String>, columns: Vec<f64>, target: Vec<f64>, low: f64, high: f64) -> Self {
        let n = inputs.len();
        Self {
            inputs,
            columns,
            target,
            row_weights: None,
            distance: Distance::L2,
            ridge: 0.0,
            ranges: vec![Range { low, high, optional: true }; n],
            counts: Vec::new(),
            limits: vec![Limit::sum(n, 1.0, 1.0)],
            never: Vec::new(),
            bounds: Vec::new(),
        }
    }

    /// Column `j` of `A`.
    pub fn column(&self, j: usize) -> &[f64] {
        &self.columns[j * self.target.len()..][..self.target.len()]
    }

    /// The number of the input of this name.
    ///
    /// # Errors
    /// With the nearest name, when there is none.
    pub fn find(&self, name: &str, asked_by: &str) -> Result<usize> {
        self.inputs.iter().position(|input| input == name).ok_or_else(|| {
            let near = self
                .inputs
                .iter()
                .map(|input| (strsim::normalized_damerau_levenshtein(input, name), input))
                .max_by(|a, b| a.0.total_cmp(&b.0))
                .filter(|(similar, _)| *similar >= 0.5);
            Error::UnknownInput {
                name: name.to_owned(),
                asked_by: asked_by.to_owned(),
                near: near.map(|(_, input)| input.clone()),
            }
        })
    }

    /// The objective at `weights`, with compensated sums.
    pub fn objective(&self, weights: &[f64]) -> f64 {
        crate::certificate::objective(self, weights)
    }
}

impl Range {
    /// Not used at all.
    pub const NEVER: Self = Self { low: 0.0, high: 0.0, optional: false };
}

impl Limit {
    /// `low ≤ Σ weights ≤ high` of all `n` inputs.
    pub fn sum(n: usize, low: f64, high: f64) -> Self {
        Self { name: "sum".to_owned(), terms: (0..n).map(|j| (j, 1.0)).collect(), low, high }
    }
}
