//! Penalties and data at the edges of the range of `f64`: what is refused, and the units in which squares of columns
//! and penalties are both in range.

use super::Problem;
use crate::data::DataError;
use crate::data::moments::{Standard, exponent_of, scale_by};
use crate::error::{Error, Result};

/// A scaled column beside the root of its penalty: squares of neither leave the range of `f64` below 2 to this power,
/// and what the root is above it by makes the column's unit larger.
pub(in crate::solver) const ROOM: i32 = 400;

/// A penalty's root is reflected onto a column, at the cost of twice as many bits, up to so many powers of two.
const DWARFED: i32 = 20;

/// Refuses a penalty that is none, or of which a column's share is beyond all numbers; columns without a name are told
/// by their number.
pub(crate) fn check_penalty(problem: &Problem, columns: usize, names: &[String]) -> Result<()> {
    check_signs(problem, columns)?;
    let beyond = (0..columns).find(|j| !problem.penalty.weight(*j).is_finite());
    let Some((j, factors)) = beyond.zip(problem.penalty.factors.as_ref()) else { return Ok(()) };
    // Short for the largest of numbers too.
    let plain = |value: f64| if value < 1e6 { value.to_string() } else { format!("{value:e}") };
    Err(Error::Usage {
        what: format!(
            "the penalty of {} is {} times its factor {} (the square of its unit, where a scale was asked for), beyond \
             1.8e308, the largest number of 64 bits",
            names.get(j).map_or_else(|| format!("column {}", j + 1), |name| format!("`{name}`")),
            plain(problem.penalty.lambda),
            plain(factors[j])
        ),
        hint: "give a smaller penalty or factor, or use `--scale none`".to_owned(),
    })
}

/// Refuses a penalty that is none.
fn check_signs(problem: &Problem, columns: usize) -> Result<()> {
    let valid = |value: f64| value.is_finite() && value >= 0.0;
    let factors = problem.penalty.factors.as_deref().unwrap_or_default();
    if valid(problem.penalty.lambda)
        && factors.iter().all(|factor| valid(*factor))
        && (problem.penalty.factors.is_none() || factors.len() == columns)
    {
        return Ok(());
    }
    Err(Error::Usage {
        what: format!(
            "a penalty is a finite number not below 0, with one factor for each of the {columns} columns; \
             got {} with {} factors",
            problem.penalty.lambda,
            factors.len()
        ),
        hint: "give `--penalty 0` or a positive number".to_owned(),
    })
}

impl Standard {
    /// Refuses what no method can fit.
    pub(crate) fn check(&self) -> Result<()> {
        if self.positive_rows == 0 {
            return Err(DataError::NothingToFit.into());
        }
        let finite = |j: usize| self.peak[j].is_finite() && self.mean[j].is_finite();
        match (0..self.mean.len()).find(|j| !finite(*j)) {
            Some(j) if j < self.shape.columns => {
                Err(DataError::NotFinite { what: format!("column {} of the design", j + 1) }.into())
            }
            Some(j) => {
                Err(DataError::NotFinite { what: format!("target {}", j - self.shape.columns + 1) }.into())
            }
            None => Ok(()),
        }
    }

    /// The powers of two from the largest entry of a column to the root of its penalty.
    fn penalty_above(&self, problem: &Problem, j: usize) -> i32 {
        exponent_of(self.total_weight.sqrt() * problem.penalty.weight(j).sqrt()) - self.exponent[j]
    }

    /// Whether the penalty of a column is so far above its squares that reflecting one onto the other would lose it.
    pub(super) fn is_dwarfed(&self, problem: &Problem) -> bool {
        let above = |j: usize| problem.penalty.weight(j) > 0.0 && self.penalty_above(problem, j) > DWARFED;
        (0..self.shape.columns).any(above)
    }

    /// The same moments in units in which the squares of the penalty's rows are in range too. Beside a root that is
    /// far above it a column is as good as 0, and its products with the targets keep their digits.
    pub(super) fn beside(mut self, problem: &Problem) -> Self {
        for j in 0..self.shape.columns {
            let by = self.penalty_above(problem, j) - ROOM;
            if problem.penalty.weight(j) == 0.0 || by <= 0 {
                continue;
            }
            self.exponent[j] += by;
            self.squares[j] = scale_by(scale_by(self.squares[j], -by), -by);
            if self.products.ncols() > 0 {
                let d = self.shape.columns;
                self.products.col_mut(j).iter_mut().for_each(|product| *product = scale_by(*product, -by));
                (0..d).for_each(|i| self.products[(j, i)] = scale_by(self.products[(j, i)], -by));
            }
        }
        self
    }

    /// Σ s x² of number `j`, uncentred, in scaled units.
    pub(super) fn square(&self, j: usize) -> f64 {
        let mean = scale_by(self.mean[j], -self.exponent[j]);
        self.centred_square(j) + self.total_weight * mean * mean
    }

    /// Σ s (x − x̄)² of number `j`, in scaled units.
    pub(super) fn centred_square(&self, j: usize) -> f64 {
        self.squares[j]
    }
}
