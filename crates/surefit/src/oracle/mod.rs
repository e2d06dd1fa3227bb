//! The only thing that an iterative solver asks of the data: the loss and its derivatives at some weights.
//!
//! Behind an oracle are rows in memory, a stream of blocks from a file, or other machines; the solver cannot
//! tell. The penalty is not the oracle's business: it needs no data.

mod local;
mod pass;

pub use local::Local;
pub use pass::Pass;

use crate::data::Shape;
use crate::error::Result;
use crate::problem::Coefficients;
use faer::Mat;

/// How much to compute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// The mean loss.
    Value,
    /// The mean loss and its gradient, in the same pass over the rows.
    Gradient,
}

/// What an oracle fills in; made once and reused, so that a step allocates nothing.
#[derive(Clone, Debug)]
pub struct Answer {
    /// `(1/Σsᵢ) Σ sᵢ ℓ(xᵢW + b, yᵢ)`.
    pub value: f64,
    /// Its gradient with respect to W, d × c; as it was before when only the value was asked for.
    pub weights: Mat<f64>,
    /// Its gradient with respect to b, c.
    pub intercept: Vec<f64>,
}

impl Answer {
    /// Room for an answer of these sizes.
    pub fn new(shape: Shape) -> Self {
        Self {
            value: 0.0,
            weights: Mat::zeros(shape.columns, shape.outputs),
            intercept: vec![0.0; shape.outputs],
        }
    }
}

/// The mean loss of some data as a function of the coefficients.
pub trait Oracle {
    /// Sizes of the data.
    fn shape(&self) -> Shape;

    /// Evaluates at `at`. The same call gives the same bits whatever the number of threads.
    ///
    /// # Errors
    /// When the rows can no longer be read.
    fn eval(&mut self, at: &Coefficients, ask: Ask, answer: &mut Answer) -> Result<()>;
}
