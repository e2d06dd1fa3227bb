//! What a regression user expects beside the coefficients: standard errors, t, p and confidence intervals,
//! R² and F, of an ordinary least-squares fit with errors of one variance.
//!
//! σ² = rss / df and Var(ŵ) = σ² (XᵀSX)⁻¹ (Seber and Lee, *Linear Regression Analysis*, 2nd ed., ch. 3–4).

use crate::num::beta::{incomplete_beta, ln_beta};
use crate::solver::exact::{Covariance, ExactFit};

/// What a row weight means, which decides the degrees of freedom.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WeightType {
    /// Weight 2 is the row twice: df = Σs − p.
    #[default]
    Frequency,
    /// The variance of a row is σ²/s: df = rows of positive weight − p.
    Precision,
}

/// One coefficient of one output.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Term {
    /// The coefficient.
    pub estimate: f64,
    /// Its standard error; infinite where columns that depend on each other leave it open.
    pub std_error: f64,
    /// estimate / `std_error`; infinite for an exact fit, 0 where both are 0.
    pub t: f64,
    /// Two-sided p-value of t.
    pub p: f64,
    /// Lower end of the 95 % confidence interval.
    pub low: f64,
    /// Upper end of it.
    pub high: f64,
}

/// The summary of one output.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct OutputInference {
    /// Absent where the model has no intercept.
    pub intercept: Option<Term>,
    /// One term a column of the design.
    pub terms: Vec<Term>,
    /// Share of the sum of squares explained, about the mean with an intercept, about 0 without; absent
    /// for a constant target.
    pub r_squared: Option<f64>,
    /// R² with both sums of squares divided by their degrees of freedom.
    pub adjusted_r_squared: Option<f64>,
    /// F of all columns together; absent without columns, or for a constant target.
    pub f_statistic: Option<f64>,
    /// Its p-value.
    pub f_p: Option<f64>,
    /// Residual standard deviation, √(rss / df).
    pub sigma: f64,
}

/// The summary of a fit.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Inference {
    /// One an output.
    pub outputs: Vec<OutputInference>,
    /// Residual degrees of freedom.
    pub residual_df: f64,
}

/// The summary of an ordinary least-squares fit; nothing where λ > 0, no degree of freedom is left, or the columns that
/// depend on each other are too many to know which.
pub fn summary(fit: &ExactFit, weights: WeightType) -> Option<Inference> {
    let covariance = fit.covariance.as_ref()?;
    let rows = match weights {
        WeightType::Frequency => fit.total_weight,
        WeightType::Precision => fit.positive_rows as f64,
    };
    let df = rows - fit.parameters as f64;
    if df <= 0.0 {
        return None;
    }
    let outputs = (0..fit.rss.len()).map(|k| output(fit, covariance, df, k)).collect();
    Some(Inference { outputs, residual_df: df })
}

fn output(fit: &ExactFit, covariance: &Covariance, df: f64, k: usize) -> OutputInference {
    let sigma = fit.residual_norm[k] / df.sqrt();
    let reach = critical_t(df);
    let term = |estimate: f64, root: f64| {
        let std_error = sigma * root;
        let t = if estimate == 0.0 { 0.0 } else { estimate / std_error };
        let (low, high) = (estimate - reach * std_error, estimate + reach * std_error);
        Term { estimate, std_error, t, p: two_sided_p(t, df), low, high }
    };
    let coefficients = &fit.candidate.coefficients;
    let columns = fit.rank as f64;
    let varies = fit.tss[k] > 0.0;
    let r_squared = varies.then(|| (fit.explained[k] / fit.tss[k]).min(1.0));
    let f_statistic = (varies && fit.rank > 0).then(|| (fit.explained[k] / columns) / (fit.rss[k] / df));
    let total_df = df + columns;
    OutputInference {
        intercept: covariance.intercept.map(|root| term(coefficients.intercept[k], root)),
        terms: covariance
            .columns
            .iter()
            .enumerate()
            .map(|(j, root)| term(coefficients.weights[(j, k)], *root))
            .collect(),
        r_squared,
        adjusted_r_squared: varies.then(|| 1.0 - (fit.rss[k] / df) / (fit.tss[k] / total_df)),
        f_statistic,
        f_p: f_statistic.map(|f| upper_f(f, columns, df)),
        sigma,
    }
}

/// P(|T| ≥ |t|) of Student's t.
fn two_sided_p(t: f64, df: f64) -> f64 {
    if t.is_infinite() {
        return 0.0;
    }
    let ratio = t * t / df;
    if ratio.is_infinite() {
        return 0.0;
    }
    incomplete_beta(0.5 * df, 0.5, 1.0 / (1.0 + ratio), ratio / (1.0 + ratio))
}

/// P(F ≥ f) of Fisher's F.
fn upper_f(f: f64, above: f64, below: f64) -> f64 {
    let ratio = f * (above / below);
    if ratio.is_infinite() {
        return 0.0;
    }
    incomplete_beta(0.5 * below, 0.5 * above, 1.0 / (1.0 + ratio), ratio / (1.0 + ratio))
}

/// The t that |T| exceeds with probability 5 %: Newton's method from below, where the probability is
/// convex and each step stays below the root.
fn critical_t(df: f64) -> f64 {
    let density =
        |t: f64| (-0.5 * (df + 1.0) * (t * t / df).ln_1p() - 0.5 * df.ln() - ln_beta(0.5 * df, 0.5)).exp();
    let mut t: f64 = 1.959_963;
    for _ in 0..200 {
        let step = (two_sided_p(t, df) - 0.05) / (2.0 * density(t));
        t += step;
        if step.abs() <= 4.0 * f64::EPSILON * t {
            break;
        }
    }
    t
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(got: f64, want: f64) {
        assert!((got - want).abs() <= 1e-12 * want.abs(), "{got} against {want}");
    }

    #[test]
    fn t_probabilities_match_their_closed_forms() {
        // Student (1908): one degree of freedom is Cauchy's law, two give 1 − t/√(2 + t²).
        for t in [0.1f64, 1.0, 5.0, 300.0] {
            close(two_sided_p(t, 1.0), std::f64::consts::FRAC_2_PI * (1.0 / t).atan());
            let root = (2.0 + t * t).sqrt();
            close(two_sided_p(-t, 2.0), 2.0 / (root * (root + t)));
        }
        assert_eq!(two_sided_p(0.0, 7.0).to_bits(), 1f64.to_bits());
        assert_eq!(two_sided_p(f64::INFINITY, 7.0).to_bits(), 0f64.to_bits());
    }

    #[test]
    fn a_t_of_any_size_beside_weights_of_any_size_has_a_probability() {
        for (t, df) in [(4e150, 3e300), (1e200, 1e160), (50.0, 1e12), (4e150, 2.0)] {
            let p = two_sided_p(t, df);
            assert!((0.0..1e-200).contains(&p), "{p} for t = {t}");
        }
        // The normal law's.
        assert!((two_sided_p(1.959_963_984_540_054, 3e300) - 0.05).abs() < 1e-12);
    }

    #[test]
    fn critical_values_match_their_closed_forms() {
        // tan(0.475 π) for one degree of freedom; 0.95 √(2 / (1 − 0.95²)) for two.
        close(critical_t(1.0), (0.475 * std::f64::consts::PI).tan());
        close(critical_t(2.0), 0.95 * (2.0 / (1.0 - 0.95f64.powi(2))).sqrt());
        // The normal law's 1.959963984540054, and Cornish–Fisher's first two corrections to it.
        let z = 1.959_963_984_540_054f64;
        let df = 1e6;
        let first = (z.powi(3) + z) / (4.0 * df);
        let second = (5.0 * z.powi(5) + 16.0 * z.powi(3) + 3.0 * z) / (96.0 * df * df);
        let difference = critical_t(df) - z - first - second;
        assert!(difference.abs() < 1e-10, "{difference}");
    }

    #[test]
    fn f_with_one_column_is_t_squared() {
        close(upper_f(6.25, 1.0, 17.0), two_sided_p(2.5, 17.0));
    }
}
