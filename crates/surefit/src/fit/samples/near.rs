//! Dense rows with their means taken off.

use crate::data::scale::{Scale, Scaling};
use crate::data::{Features, Samples};
use crate::fit::scaled::scaled;
use crate::problem::{Intercept, Problem};
use faer::Mat;

/// Dense rows with their means taken off, where a free intercept takes them up: columns far from 0 are hard on every solver, and
/// so are no work.
pub(super) struct Near {
    pub scaling: Scaling,
    /// d × n.
    across: Mat<f64>,
}

impl Near {
    /// Numbers that are copied at most.
    const MOST: usize = 1 << 22;
    /// A mean of so many spreads is far.
    const FAR: f64 = 4.0;

    /// None where nothing is far, or there is too much to copy.
    pub fn of(samples: &Samples<'_>, problem: &Problem) -> Option<Self> {
        let numbers = samples.x.rows().saturating_mul(samples.x.columns());
        if problem.intercept != Intercept::Free || samples.x.is_sparse() || numbers > Self::MOST {
            return None;
        }
        let scaling = Scaling::of_samples(Scale::Standardize, samples, &|_| String::new()).ok()?;
        let is_far = |(mean, spread): (&f64, &f64)| mean.abs() > Self::FAR * spread;
        if !scaling.shift.iter().zip(&scaling.factor).any(is_far) {
            return None;
        }
        let factor = vec![1.0; scaling.factor.len()];
        let scaling = Scaling { factor, ..scaling };
        Some(Self { across: scaled(samples, &scaling), scaling })
    }

    /// The rows as a solver sees them.
    pub fn view<'a>(&'a self, samples: &Samples<'a>) -> Samples<'a> {
        Samples { x: Features::F64(self.across.transpose()), ..*samples }
    }
}
