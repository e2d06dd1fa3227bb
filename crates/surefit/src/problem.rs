//! The problem, written once:
//!
//! ```text
//! minimise over W (d × c), b (c):   (1 / Σ sᵢ) Σ sᵢ ℓ(xᵢW + b, yᵢ)  +  ½ Σⱼ λⱼ ‖Wⱼ‖²
//! ```
//!
//! the weighted mean loss and half the squared norm; the intercept b is never penalised unless asked.

use faer::Mat;

/// What to do about the intercept b.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Intercept {
    /// There is none: b = 0.
    Absent,
    /// Free of any penalty.
    #[default]
    Free,
    /// Shrunk with weight λ like a coefficient, for those who compare with programs that do so.
    Penalized,
}

/// Half the squared norm of the coefficients, with one weight a column: `½ Σⱼ λⱼ ‖Wⱼ‖²`.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Ridge {
    /// λ ≥ 0, and the weight of a penalised intercept.
    pub lambda: f64,
    /// A factor ≥ 0 for each column (`λⱼ = λ · factor`); absent means 1 for all. A penalty on scaled
    /// columns is this with the squared scales as factors.
    pub factors: Option<Vec<f64>>,
}

impl Ridge {
    /// The same λ for every column.
    pub fn uniform(lambda: f64) -> Self {
        Self { lambda, factors: None }
    }

    /// λⱼ of column `j`.
    pub fn weight(&self, j: usize) -> f64 {
        self.lambda * self.factors.as_ref().map_or(1.0, |factors| factors[j])
    }
}

/// Which loss, penalty and intercept.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Problem {
    /// The loss of one row.
    pub loss: LossKind,
    /// The penalty.
    pub penalty: Ridge,
    /// The intercept.
    pub intercept: Intercept,
}

/// Which loss ℓ(z, y) of one row; [`crate::loss`] computes it.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LossKind {
    /// ½ Σ (z − y)².
    Squared,
}

/// A linear model's numbers: scores are `x W + b`.
#[derive(Clone, Debug, PartialEq)]
pub struct Coefficients {
    /// d × c.
    pub weights: Mat<f64>,
    /// c; zeros where the problem has no intercept.
    pub intercept: Vec<f64>,
}
