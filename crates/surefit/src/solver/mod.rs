//! Algorithms, one a file. Each hands back a [`Candidate`]: an answer and why it stopped there, but no
//! claim of how good it is; that is for [`crate::certificate`] to say.

use crate::problem::Coefficients;

pub mod dual_ascent;
pub mod exact;
pub mod gradient_descent;
pub mod lbfgs;
pub mod newton_cg;
pub mod ridge_path;
pub mod smooth;
pub(crate) mod smoothing;

/// Why a solver stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stop {
    /// A direct method came to its end, or an iterative one to the wanted gap.
    Certified,
    /// `|fₖ − fₖ₋₁| ≤ tolerance`.
    Tolerance,
    /// The iteration limit.
    MaxIter,
    /// The time limit.
    Time,
    /// The iterates or the loss overflowed.
    Diverged,
    /// Ctrl-C.
    Interrupted,
}

/// An answer without a claim.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// The answer.
    pub coefficients: Coefficients,
    /// Why it is the answer.
    pub stop: Stop,
    /// Iterations taken; 0 for a direct method.
    pub steps: usize,
}
