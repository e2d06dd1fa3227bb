//! How far, at most, an answer is from the best possible one.
//!
//! Only this module can make a [`Certificate`], and it shares no code with the solvers: it sees the data,
//! the problem and the numbers of an answer, whoever made them. What a certificate file or a saved model
//! holds is a [`Record`]: what was once certified, not a proof.

mod dual;
mod fenchel;
mod gram;
mod orthogonal;
mod remainders;
mod squared;
mod walk;

pub use fenchel::certify_samples;
pub use squared::certify;

use crate::problem::Intercept;
use faer::Mat;

/// The share of the loss of no weights at all that rounding may excuse: what an ordinary gap would allow there.
const EXCUSED: f64 = 1e-6;

/// Numbers in JSON, the ones that it lacks as "inf", "-inf" and "nan".
mod extended {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Extended {
        Finite(f64),
        Text(String),
    }

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde asks for")]
    pub fn serialize<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
        match *value {
            value if value.is_finite() => serializer.serialize_f64(value),
            value if value.is_nan() => serializer.serialize_str("nan"),
            value if value > 0.0 => serializer.serialize_str("inf"),
            _ => serializer.serialize_str("-inf"),
        }
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
        match Extended::deserialize(deserializer)? {
            Extended::Finite(value) => Ok(value),
            Extended::Text(text) => match text.as_str() {
                "inf" => Ok(f64::INFINITY),
                "-inf" => Ok(f64::NEG_INFINITY),
                "nan" => Ok(f64::NAN),
                other => Err(Error::custom(format!("`{other}` is not a number"))),
            },
        }
    }
}

/// The bound that a gap rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// `‖∇P‖²` over twice the penalty, column by column: strong convexity.
    StrongConvexity,
    /// `½ gᵀ(H + Λ)⁻¹g` with a Cholesky factor of the centred second moments.
    Cholesky,
    /// The same, with columns that others almost determine replaced by what these leave of them.
    Remainders,
    /// `‖Qᵀe‖²/2Σs` from a QR factorisation in double-double.
    Orthogonal,
    /// A point of the dual problem: the inequality of Fenchel and Young, row by row.
    Dual,
    /// A search tree whose leaves are closed by dual points; of mixes.
    Tree,
    /// No better bound than that a loss is not below 0.
    Objective,
    /// None: the objective or the answer is not finite, or squares of residuals vanish.
    None,
}

/// Proof of quality for one answer of one problem.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
#[serde(into = "Record")]
pub struct Certificate {
    objective: f64,
    gap: f64,
    rounding: f64,
    /// See [`Certificate::excused`].
    excused: f64,
    method: Method,
    dependent: usize,
    exact_fit: bool,
    /// The share of each output in the gap, never below the rounding allowance.
    output_gaps: Vec<f64>,
    shape: Shape,
    /// Whether P is quadratic, so that the gap is a distance of predictions too.
    quadratic: bool,
    intercept: Intercept,
}

/// What is known of the inverse of the objective's second derivative.
#[derive(Clone, Debug, Default, PartialEq)]
struct Shape {
    /// d: an upper bound on each diagonal entry of `A⁻¹`, A the second derivative for one output's weights
    /// with the intercept at its best.
    inverse: Option<Vec<f64>>,
    /// The same for the intercept.
    inverse_intercept: Option<f64>,
    /// An upper bound on the largest eigenvalue of `A⁻¹`.
    inverse_norm: Option<f64>,
}

/// A certificate as it was written down: facts about a past computation, not a proof.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// P at the answer.
    #[serde(with = "extended")]
    pub objective: f64,
    /// What the optimum is not below.
    #[serde(with = "extended")]
    pub bound: f64,
    /// At most this far above the optimum.
    #[serde(with = "extended")]
    pub gap: f64,
    /// gap / |objective|.
    #[serde(with = "extended")]
    pub relative_gap: f64,
    /// The rounding allowance within `gap`.
    #[serde(with = "extended")]
    pub rounding: f64,
    /// The bound it rests on.
    pub method: Method,
    /// See [`Certificate::dependent`].
    pub dependent: usize,
}

impl Record {
    /// Of an answer of which nothing is known.
    pub fn unknown() -> Self {
        let none = f64::INFINITY;
        let (objective, gap, relative_gap) = (none, none, none);
        Self { objective, bound: 0.0, gap, relative_gap, rounding: 0.0, method: Method::None, dependent: 0 }
    }
}

impl From<Certificate> for Record {
    fn from(certificate: Certificate) -> Self {
        certificate.record()
    }
}

/// √(2·gap·inverse); infinite where the inverse of a curvature has no digits left, which says nothing.
fn distance(gap: f64, inverse: f64) -> f64 {
    if inverse >= f64::MIN_POSITIVE { (2.0 * gap).sqrt() * inverse.sqrt() } else { f64::INFINITY }
}

impl Certificate {
    /// P at the answer; infinite when the answer is not finite or its objective overflows.
    pub fn objective(&self) -> f64 {
        self.objective
    }

    /// A number that the optimum is not below: objective − gap, less what the rounding of both may amount to, and never
    /// below 0, as a loss is not.
    pub fn bound(&self) -> f64 {
        let below = (self.objective - self.gap).next_down() - self.rounding;
        // `max` also turns the difference of two infinities into 0.
        below.next_down().max(0.0)
    }

    /// At most this far above the optimum; never below [`Self::rounding`].
    pub fn gap(&self) -> f64 {
        self.gap
    }

    /// gap / |objective|; 0 when both are 0, infinite when there is no bound.
    pub fn relative_gap(&self) -> f64 {
        if self.gap == 0.0 {
            0.0
        } else if self.gap.is_finite() {
            self.gap / self.objective.abs()
        } else {
            f64::INFINITY
        }
    }

    /// What the rounding of this computation, and of the coefficients to `f64`, may amount to, in units of
    /// the objective.
    pub fn rounding(&self) -> f64 {
        self.rounding
    }

    /// A gap that rounding excuses: the allowance, or what a sound solver leaves of an exact fit, where that is small
    /// beside what the data have to say. Coefficients so large that their rounding alone moves the predictions are
    /// not excused.
    pub fn excused(&self) -> f64 {
        self.excused
    }

    /// Whether the gap is within `epsilon · |objective|` or [`Self::excused`].
    pub fn certifies(&self, epsilon: f64) -> bool {
        self.gap.is_finite() && self.gap <= (epsilon * self.objective.abs()).max(self.excused)
    }

    /// Which bound the gap rests on.
    pub fn method(&self) -> Method {
        self.method
    }

    /// Directions of the design, among those without a penalty, that are no longer than the rounding of its
    /// entries to `f64`: columns that depend on others as far as the data can tell. The gap is to the
    /// best answer that leaves them out. Directions that change no prediction at all are not counted, and it is 0
    /// whenever the bound did not need to know.
    pub fn dependent(&self) -> usize {
        self.dependent
    }

    /// Whether the residuals are no larger than rounding: at most `(d + 8)·u` of their target, each in the root
    /// mean square.
    pub fn is_exact_fit(&self) -> bool {
        self.exact_fit
    }

    /// An upper bound on the root mean square distance, over rows by weight and summed over outputs, of the
    /// answer's predictions to those of the optimum: `√(2·gap)`, in the target's units.
    ///
    /// P is quadratic with its least value at (W*, b*), so `P − P* = ½ mean ‖ŷ − ŷ*‖² + ½ Σ λⱼ ‖Wⱼ − W*ⱼ‖²`:
    /// half the mean squared distance is never more than the gap, and equal to it without a penalty. None for
    /// other losses, which may be flat where predictions differ.
    pub fn prediction_rms(&self) -> Option<f64> {
        self.quadratic.then(|| (2.0 * self.gap).sqrt())
    }

    /// How many rows are of the class that the optimum predicts for them too: `margins` are the distances of their
    /// largest score to the second one (for one column of scores, to 0), `norms` are `‖xᵢ‖`.
    ///
    /// The difference of two scores moves by at most `‖x‖ ‖(w_j − w_k) − (w*_j − w*_k)‖ ≤ √2 ‖x‖ ‖W − W*‖` on the
    /// way to the optimum, and that norm is at most `√(2·gap/λ)`; x includes the 1 of a penalised intercept. None
    /// with a free intercept, which this radius does not bound, and without a radius.
    pub fn certain(&self, margins: &[f64], norms: &[f64]) -> Option<usize> {
        let one = match self.intercept {
            Intercept::Absent => 0.0,
            Intercept::Penalized => 1.0,
            Intercept::Free => return None,
        };
        let of_intercept = self.shape.inverse_intercept.unwrap_or(0.0);
        let inverse = self.shape.inverse_norm?.max(of_intercept);
        let reach = (2.0 * (2.0 * self.gap * inverse)).sqrt();
        let certain = |(margin, norm): &(&f64, &f64)| **margin > norm.hypot(one) * reach;
        reach.is_finite().then(|| margins.iter().zip(norms).filter(certain).count())
    }

    /// An upper bound on `‖W − W*‖`: `√(2·gap/μ)` with μ the least curvature, from the penalty or from
    /// the second moments; none where neither bounds it.
    pub fn coefficient_radius(&self) -> Option<f64> {
        let radius = distance(self.gap, self.shape.inverse_norm?);
        radius.is_finite().then_some(radius)
    }

    /// Upper bounds on `|wⱼ − w*ⱼ|`, d × c; none where the second derivative is singular or was not
    /// needed for the gap.
    ///
    /// With v = w − w* of one output and the intercept at its best, `gap ≥ ½ vᵀAv`, and by Cauchy–Schwarz
    /// `vⱼ² = (eⱼᵀA^{-½} · A^{½}v)² ≤ [A⁻¹]ⱼⱼ · vᵀAv ≤ [A⁻¹]ⱼⱼ · 2 gap`.
    pub fn coefficient_errors(&self) -> Option<Mat<f64>> {
        let inverse = self.shape.inverse.as_ref()?;
        let errors = Mat::from_fn(inverse.len(), self.output_gaps.len(), |j, k| {
            distance(self.output_gaps[k], inverse[j])
        });
        errors.is_all_finite().then_some(errors)
    }

    /// Upper bounds on `|bₖ − b*ₖ|` for each output, from the same argument on (W, b) together; none without an
    /// intercept either.
    pub fn intercept_errors(&self) -> Option<Vec<f64>> {
        let inverse = self.shape.inverse_intercept?;
        if self.intercept == Intercept::Absent {
            return None;
        }
        let errors: Vec<f64> = self.output_gaps.iter().map(|gap| distance(*gap, inverse)).collect();
        errors.iter().all(|error| error.is_finite()).then_some(errors)
    }

    /// What a file keeps of it.
    pub fn record(&self) -> Record {
        Record {
            objective: self.objective,
            bound: self.bound(),
            gap: self.gap,
            relative_gap: self.relative_gap(),
            rounding: self.rounding,
            method: self.method,
            dependent: self.dependent,
        }
    }
}
