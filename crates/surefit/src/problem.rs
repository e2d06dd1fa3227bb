//! The problem, written once:
//!
//! ```text
//! minimise over W (d × c), b (c):   (1 / Σ sᵢ) Σ sᵢ ℓ(xᵢW + b, yᵢ)  +  ½ Σⱼ λⱼ ‖Wⱼ‖²
//! ```
//!
//! the weighted mean loss and half the squared norm; the intercept b is never penalised unless asked.

use crate::error::{Error, Result};
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

    /// Whether every column is shrunk.
    pub fn is_everywhere(&self) -> bool {
        let factors = self.factors.as_deref().unwrap_or(&[1.0]);
        factors.iter().all(|factor| self.lambda * factor > 0.0)
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

/// Which loss ℓ(z, y) of one row, scores z and target y; [`crate::loss`] computes it.
///
/// δ is the margin of a hinge, and where Huber's loss turns linear. One against the rest has f(±zⱼ) for every
/// class, and for two classes one column of scores, positive for the second.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum LossKind {
    /// ½ Σ (z − y)².
    Squared,
    /// ½r² for a residual r = z − y within δ, δ|r| − ½δ² beyond.
    Huber {
        /// δ > 0, in the target's units.
        delta: f64,
    },
    /// Weston and Watkins: `Σ_{j≠y} max(0, δ + zⱼ − z_y)`.
    Hinge {
        /// δ > 0.
        margin: f64,
    },
    /// Crammer and Singer: `max(0, max_{j≠y} δ + zⱼ − z_y)`.
    CrammerSinger {
        /// δ > 0.
        margin: f64,
    },
    /// Weston and Watkins, squared: `Σ_{j≠y} max(0, δ + zⱼ − z_y)²`.
    SquaredHinge {
        /// δ > 0.
        margin: f64,
    },
    /// One against the rest, f(m) = max(0, 1 − m).
    OvrHinge,
    /// One against the rest, f(m) = max(0, 1 − m)².
    OvrSquaredHinge,
    /// One against the rest, f(m) = log(1 + e^{−m}).
    OvrLogistic,
    /// `log Σ exp zⱼ − z_y`; two classes too have two columns.
    Softmax,
    /// Zhang and Zhou's BP-MLL: E, the mean of `exp(z_l − z_k)` over the pairs of a label k that the row has and one, l,
    /// that it has not. A row without such pairs has loss 0, here and for every loss of pairs.
    Bpmll,
    /// `log(1 + Σ exp(z_l − z_k))` over the pairs.
    Lsep,
    /// log(1 + E).
    Log1pBpmll,
    /// `log(1 + Σ_l exp z_l) + log(1 + Σ_k exp −z_k)`: labels are ranked against 0 instead of each other.
    Zlpr,
    /// The mean over the pairs of `f(z_k − z_l)`, f(m) = max(0, 1 − m).
    PairwiseHinge,
    /// The same with f(m) = ½ max(0, 1 − m)².
    PairwiseSquaredHinge,
    /// The same with f(m) = log(1 + e^{−m}).
    PairwiseLogistic,
    /// `(1 + Σ_l exp z_l) (1 + Σ_k exp −z_k) − 1`: the sum over the pairs, and that of each label against one threshold for all
    /// rows, which is 0.
    GlobalThreshold,
    /// `Σ log(1 + e^{∓zⱼ})`: every label for itself, − for those that the row has.
    LabelLogistic,
}

impl LossKind {
    /// The name that `--loss` and model files have for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Squared => "squared",
            Self::Huber { .. } => "huber",
            Self::Hinge { .. } => "hinge",
            Self::CrammerSinger { .. } => "crammer-singer",
            Self::SquaredHinge { .. } => "squared-hinge",
            Self::OvrHinge => "ovr-hinge",
            Self::OvrSquaredHinge => "ovr-squared-hinge",
            Self::OvrLogistic => "ovr-logistic",
            Self::Softmax => "softmax",
            Self::Bpmll => "bpmll",
            Self::Lsep => "lsep",
            Self::Log1pBpmll => "log1p-bpmll",
            Self::Zlpr => "zlpr",
            Self::PairwiseHinge => "pairwise-hinge",
            Self::PairwiseSquaredHinge => "pairwise-squared-hinge",
            Self::PairwiseLogistic => "pairwise-logistic",
            Self::GlobalThreshold => "global-threshold",
            Self::LabelLogistic => "label-logistic",
        }
    }

    /// Whether a target is a class; otherwise it is a number, or a set of labels.
    pub fn is_of_classes(self) -> bool {
        !self.is_of_labels() && !matches!(self, Self::Squared | Self::Huber { .. })
    }

    /// Whether a target is a set of labels.
    pub fn is_of_labels(self) -> bool {
        self.is_of_pairs() || matches!(self, Self::Zlpr | Self::GlobalThreshold | Self::LabelLogistic)
    }

    /// δ of a hinge; 1 where it is no matter of choice.
    pub(crate) fn margin(self) -> f64 {
        match self {
            Self::Hinge { margin } | Self::CrammerSinger { margin } | Self::SquaredHinge { margin } => margin,
            _ => 1.0,
        }
    }

    /// Whether labels are compared with each other: moving all scores of a row by as much changes nothing, and a
    /// row without a label, or with every one, has loss 0.
    pub fn is_of_pairs(self) -> bool {
        matches!(
            self,
            Self::Bpmll
                | Self::Lsep
                | Self::Log1pBpmll
                | Self::PairwiseHinge
                | Self::PairwiseSquaredHinge
                | Self::PairwiseLogistic
        )
    }

    /// Checks δ.
    ///
    /// # Errors
    /// [`Error::Usage`] where it is not a positive finite number.
    pub fn check(self) -> Result<()> {
        let (what, value) = match self {
            Self::Huber { delta } => ("delta", delta),
            Self::Hinge { margin } | Self::CrammerSinger { margin } | Self::SquaredHinge { margin } => {
                ("margin", margin)
            }
            _ => return Ok(()),
        };
        if value > 0.0 && value.is_finite() {
            return Ok(());
        }
        Err(Error::Usage {
            what: format!("the {what} of the {} loss is {value}; it must be above 0 and finite", self.name()),
            hint: format!("give a positive number, as in --{what} 1"),
        })
    }

    /// Refuses every loss but the squared one, for `who` can do no other.
    pub(crate) fn require_squared(self, who: &str) -> Result<()> {
        if self == Self::Squared {
            return Ok(());
        }
        Err(Error::Usage {
            what: format!("{who} is for the squared loss, and the loss is {}", self.name()),
            hint: "use the squared loss".to_owned(),
        })
    }
}

/// A linear model's numbers: scores are `x W + b`.
#[derive(Clone, Debug, PartialEq)]
pub struct Coefficients {
    /// d × c.
    pub weights: Mat<f64>,
    /// c; zeros where the problem has no intercept.
    pub intercept: Vec<f64>,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    /// Every loss, with the words that model files have for it.
    const WRITTEN: [(LossKind, &str); 18] = [
        (LossKind::Squared, r#""squared""#),
        (LossKind::Huber { delta: 1.345 }, r#"{"huber":{"delta":1.345}}"#),
        (LossKind::Hinge { margin: 1.0 }, r#"{"hinge":{"margin":1.0}}"#),
        (LossKind::CrammerSinger { margin: 0.5 }, r#"{"crammer-singer":{"margin":0.5}}"#),
        (LossKind::SquaredHinge { margin: 2.0 }, r#"{"squared-hinge":{"margin":2.0}}"#),
        (LossKind::OvrHinge, r#""ovr-hinge""#),
        (LossKind::OvrSquaredHinge, r#""ovr-squared-hinge""#),
        (LossKind::OvrLogistic, r#""ovr-logistic""#),
        (LossKind::Softmax, r#""softmax""#),
        (LossKind::Bpmll, r#""bpmll""#),
        (LossKind::Lsep, r#""lsep""#),
        (LossKind::Log1pBpmll, r#""log1p-bpmll""#),
        (LossKind::Zlpr, r#""zlpr""#),
        (LossKind::PairwiseHinge, r#""pairwise-hinge""#),
        (LossKind::PairwiseSquaredHinge, r#""pairwise-squared-hinge""#),
        (LossKind::PairwiseLogistic, r#""pairwise-logistic""#),
        (LossKind::GlobalThreshold, r#""global-threshold""#),
        (LossKind::LabelLogistic, r#""label-logistic""#),
    ];

    #[test]
    fn a_loss_is_written_by_its_name_and_read_back() {
        for (kind, text) in WRITTEN {
            assert_eq!(serde_json::to_string(&kind).unwrap(), text);
            assert_eq!(serde_json::from_str::<LossKind>(text).unwrap(), kind);
            assert!(text.contains(&format!("\"{}\"", kind.name())), "{text}");
            kind.check().unwrap();
        }
    }

    #[test]
    fn a_margin_that_is_not_above_zero_is_refused_with_its_number() {
        for (kind, sentence) in [
            (
                LossKind::Hinge { margin: -1.0 },
                "the margin of the hinge loss is -1; it must be above 0 and finite",
            ),
            (
                LossKind::Huber { delta: f64::NAN },
                "the delta of the huber loss is NaN; it must be above 0 and finite",
            ),
        ] {
            assert_eq!(kind.check().unwrap_err().to_string(), sentence);
        }
    }
}
