//! A gradient against numbers, and the name of the mistake in it.
//!
//! [`check`] compares a claimed gradient with what the function's values say, entry by entry, each with the error
//! that rounding and truncation allow; at a kink everything between the one-sided derivatives is right.
//! [`examine`] does so at several points, and where the claim is wrong it is regressed on the parts that a right
//! gradient is made of: which of them is missing, or comes in too often, is the mistake. [`check_samples`] is the
//! same for a linear model, whose values need no pass over the data for every parameter, and [`row_gradient`] shows
//! where one row's share of a gradient comes from. [`probe`] asks a function of which nothing is known whether it is
//! convex and bounded below, without which no answer has a certificate.
//!
//! ```
//! use surefit::gradcheck::{Layout, Mistake, Subject, examine};
//!
//! // f(w) = ½ mean (xw − y)² + (λ/2) ‖w‖² on three rows, and a gradient whose author forgot to divide by n.
//! let (x, y, lambda) = ([[1.0, 2.0], [0.5, -1.0], [3.0, 1.0]], [1.0, 0.0, 2.0], 0.2);
//! let residual = |w: &[f64], i: usize| x[i][0] * w[0] + x[i][1] * w[1] - y[i];
//! let value = |w: &[f64]| {
//!     (0..3).map(|i| residual(w, i).powi(2)).sum::<f64>() / 6.0 + 0.5 * lambda * (w[0] * w[0] + w[1] * w[1])
//! };
//! let gradient = |w: &[f64]| {
//!     (0..2).map(|j| (0..3).map(|i| residual(w, i) * x[i][j]).sum::<f64>() + lambda * w[j]).collect()
//! };
//! let subject = Subject { lambda, size: 3.0, ..Subject::new(&value, &gradient, Layout::flat(2)) };
//! let points = [vec![0.0, 0.0], vec![1.0, -0.5], vec![0.3, 2.0]];
//! let finding = examine(&[subject], &[&points], &Default::default())?.finding.ok_or(surefit::Error::Interrupted)?;
//! assert_eq!(finding.mistake, Mistake::NotAveraged);
//! # Ok::<(), surefit::Error>(())
//! ```

mod linear;
mod mistake;
mod numeric;
mod parts;
mod probe;
mod row;
#[cfg(test)]
mod tests;

pub use linear::{Claim, Verdict, check_samples};
pub use mistake::{Finding, Layout, Mistake, Trial, name};
pub use numeric::{Entry, KinkDistance, Report, Settings, check};
pub use parts::{Parts, Split};
pub use probe::{Defect, probe};
pub use row::{Margin, RowGradient, row_gradient};

use crate::error::{Error, Result};

/// The true parts of the gradient at a point.
pub type PartsAt<'a> = &'a dyn Fn(&[f64]) -> Parts;

/// A function of one size of data, and the gradient that is claimed for it.
#[derive(Clone, Copy)]
pub struct Subject<'a> {
    /// f, penalty included.
    pub value: &'a dyn Fn(&[f64]) -> f64,
    /// What is claimed to be ∇f, one entry a parameter.
    pub gradient: &'a dyn Fn(&[f64]) -> Vec<f64>,
    /// What the parameters are.
    pub layout: Layout,
    /// λ of the penalty `(λ/2) ‖W‖²` within f.
    pub lambda: f64,
    /// n, or Σ sᵢ: what the sum of the losses is divided by.
    pub size: f64,
    /// The true parts of the gradient where they are known; numbers serve where not.
    pub parts: Option<PartsAt<'a>>,
}

impl<'a> Subject<'a> {
    /// A function of which nothing is known but its values.
    pub fn new(
        value: &'a dyn Fn(&[f64]) -> f64,
        gradient: &'a dyn Fn(&[f64]) -> Vec<f64>,
        layout: Layout,
    ) -> Self {
        Self { value, gradient, layout, lambda: 0.0, size: 1.0, parts: None }
    }
}

/// What came of checking a gradient at several points.
#[derive(Clone, Debug)]
pub struct Examination {
    /// What keeps a certificate from any of the functions, right gradient or not: the first that [`probe`] finds.
    pub defect: Option<Defect>,
    /// One for each point, subject after subject.
    pub reports: Vec<Report>,
    /// The mistake, where the gradient is wrong and one explains it at all points.
    pub finding: Option<Finding>,
}

impl Examination {
    /// Whether every entry is right at every point.
    pub fn agrees(&self) -> bool {
        self.reports.iter().all(Report::agrees)
    }
}

/// Checks the gradient of every subject at each of its points, and names the mistake.
///
/// Three points at least, and not only W = 0, which hides a wrong penalty; subjects of two sizes tell a factor
/// from a number of rows. The gradient is asked at the points in their order, so that one which lags a step
/// behind is seen to.
///
/// # Errors
/// Points of the wrong length, a gradient of the wrong length, or a function that is not finite there.
pub fn examine(
    subjects: &[Subject<'_>],
    points: &[&[Vec<f64>]],
    settings: &Settings<'_>,
) -> Result<Examination> {
    if subjects.len() != points.len() {
        return Err(Error::Usage {
            what: format!("there are points for {} subjects of {}", points.len(), subjects.len()),
            hint: "give a list of points for every subject".to_owned(),
        });
    }
    let (mut reports, mut trials) = (Vec::new(), Vec::new());
    for (subject, points) in subjects.iter().zip(points) {
        for point in *points {
            let given = (subject.gradient)(point);
            let report = check(subject.value, &given, point, settings)?;
            let parts = match subject.parts {
                Some(parts) => parts(point),
                None => Parts::of_numbers(&report, point, subject),
            };
            reports.push(report);
            let Subject { layout, lambda, size, .. } = *subject;
            trials.push(Trial { layout, lambda, size, point: point.clone(), given, parts });
        }
    }
    let agrees = reports.iter().all(Report::agrees);
    let finding = if agrees { None } else { name(&trials) };
    let mut asked =
        subjects.iter().zip(points).filter_map(|(subject, points)| Some((subject, points.first()?)));
    let defect = asked.find_map(|(subject, point)| probe(subject.value, point, settings.rounding, 0));
    Ok(Examination { defect, reports, finding })
}
