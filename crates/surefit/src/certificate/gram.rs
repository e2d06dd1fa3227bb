//! The exact gap from a Cholesky factor of the second moments, where `f64` holds enough of them.
//!
//! With D² the diagonal of A = H + Λ, the scaled matrix `D⁻¹AD⁻¹` has a unit diagonal. Each entry of the
//! computed one is off by at most γ (the sums, by Cauchy–Schwarz relative to the diagonal) and its Cholesky
//! factor by another `(p + 1)u` (Higham, "Accuracy and Stability of Numerical Algorithms", 2nd ed., theorem
//! 10.3), so the whole by `θ₀ ≤ p(γ + 2(p + 1)u)` in norm. With τ = ‖L⁻¹‖_F² ≥ ‖Ã⁻¹‖ and θ = θ₀τ < 1,
//! `gᵀA⁻¹g ≤ gᵀÂ⁻¹g/(1 − θ)`. Where θ > 0.1 nothing is claimed here.

use super::squared::{Bound, System};
use super::walk::Sums;
use super::{Method, Shape};
use crate::num::UNIT_ROUNDOFF;
use crate::problem::Intercept;
use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::cholesky::llt::factor::{LltRegularization, cholesky_in_place, cholesky_in_place_scratch};
use faer::linalg::triangular_inverse::invert_lower_triangular;
use faer::{Mat, Par, Spec};

/// The largest relative error of the second moments, in their weakest direction, that is worth a claim.
const LARGEST_THETA: f64 = 0.1;

/// `½ gᵀ(H + Λ)⁻¹g`, or `None` where `f64` moments cannot tell.
pub(super) fn bound(system: &System, sums: &Sums) -> Option<Bound> {
    let live = live_columns(system, sums)?;
    let gram = sums.gram.as_ref()?;
    let entry = |i: usize, j: usize| moment(system, sums, gram, live[i], live[j]);
    let factor = Factor::of(live.len(), &entry, system.roundoff)?;
    let outputs = system.offset.len();
    let mut nominal = 0.0;
    let mut gaps = Vec::with_capacity(outputs);
    for k in 0..outputs {
        let gradient: Vec<f64> = live.iter().map(|&j| system.gradient[(j, k)]).collect();
        let error: Vec<f64> = live.iter().map(|&j| system.error[(j, k)]).collect();
        let (exact, upper) = factor.half_form(&gradient, &error);
        nominal += system.offset[k] + exact;
        gaps.push(system.offset[k] + upper);
    }
    let dependent = system.size - live.len();
    let shape = if dependent == 0 { factor.shape(system) } else { Shape::default() };
    let finite = gaps.iter().all(|gap| gap.is_finite());
    finite.then_some(Bound { method: Method::Cholesky, gaps, nominal, dependent, shape })
}

/// An entry of H + Λ, in the units of the system.
pub(super) fn moment(system: &System, sums: &Sums, gram: &Mat<f64>, i: usize, j: usize) -> f64 {
    let d = system.unit.len();
    // Only the lower triangle is filled.
    let (i, j) = (i.max(j), i.min(j));
    let moment = match (i < d, j < d) {
        (true, true) => {
            let ratio = |l: usize| sums.unit[l] / system.unit[l];
            let about_mean = gram[(i, j)] / sums.total() * ratio(i) * ratio(j);
            if system.centred { about_mean } else { about_mean + system.mean[i] * system.mean[j] }
        }
        (false, true) => system.mean[j],
        (true, false) => system.mean[i],
        (false, false) => 1.0,
    };
    if i == j { moment + system.lambda[j] } else { moment }
}

/// The columns that vary by more than the rounding of their values, or are penalised: a constant column
/// beside a free intercept changes no prediction, and its gradient is 0. `None` where a column in
/// double-double varies too little to be judged in `f64`.
pub(super) fn live_columns(system: &System, sums: &Sums) -> Option<Vec<usize>> {
    let mut live = Vec::with_capacity(system.size);
    for j in 0..system.size {
        let is_constant = j < system.unit.len() && system.lambda[j] == 0.0 && {
            let rounding = UNIT_ROUNDOFF * system.mean[j].abs();
            let spread = system.variance[j].sqrt();
            if sums.has_low && spread > 0.0 && spread <= rounding {
                return None;
            }
            let size = if system.centred { spread } else { spread.hypot(system.mean[j]) };
            size == 0.0 || (system.centred && spread <= rounding)
        };
        if !is_constant {
            live.push(j);
        }
    }
    Some(live)
}

/// `L⁻¹` of the scaled matrix, with what is known of its error.
pub(super) struct Factor {
    /// D, the scales.
    pub scale: Vec<f64>,
    /// Lower triangular.
    pub inverse: Mat<f64>,
    /// ‖L⁻¹‖_F².
    trace: f64,
    pub theta: f64,
}

impl Factor {
    /// Of a matrix of size p whose entries are off by at most 4·roundoff relative to its diagonal.
    pub fn of(p: usize, entry: &dyn Fn(usize, usize) -> f64, roundoff: f64) -> Option<Self> {
        let scale: Vec<f64> = (0..p).map(|j| entry(j, j).sqrt()).collect();
        if scale.iter().any(|s| !(s.is_finite() && *s > 0.0)) {
            return None;
        }
        let mut factor =
            Mat::from_fn(p, p, |i, j| if i < j { 0.0 } else { entry(i, j) / scale[i] / scale[j] });
        if !factor.is_all_finite() {
            return None;
        }
        let scratch = cholesky_in_place_scratch::<f64>(p, Par::Seq, Spec::default());
        let mut memory = MemBuffer::new(scratch);
        let stack = MemStack::new(&mut memory);
        cholesky_in_place(factor.as_mut(), LltRegularization::default(), Par::Seq, stack, Spec::default())
            .ok()?;
        let mut inverse = Mat::zeros(p, p);
        invert_lower_triangular(inverse.as_mut(), factor.as_ref(), Par::Seq);
        let trace = (0..p).flat_map(|j| inverse.col_as_slice(j).iter().skip(j)).map(|v| v * v).sum::<f64>();
        let theta = p as f64 * (4.0 * roundoff + 2.0 * (p + 1) as f64 * UNIT_ROUNDOFF) * trace;
        (theta <= LARGEST_THETA).then_some(Self { scale, inverse, trace, theta })
    }

    /// `½ gᵀA⁻¹g` of one gradient: as computed, and with every error added.
    pub fn half_form(&self, gradient: &[f64], errors: &[f64]) -> (f64, f64) {
        let mut solution = vec![0.0; self.scale.len()];
        let mut error = 0.0;
        for (column, scale) in self.scale.iter().enumerate() {
            let entry = gradient[column] / scale;
            error += (errors[column] / scale).powi(2);
            let lower = solution.iter_mut().zip(self.inverse.col_as_slice(column)).skip(column);
            lower.for_each(|(sum, inverse)| *sum += inverse * entry);
        }
        let norm = solution.iter().map(|z| z * z).sum::<f64>().sqrt();
        let upper = norm + (error * self.trace).sqrt();
        (0.5 * norm * norm, 0.5 * upper * upper / (1.0 - self.theta))
    }

    /// The diagonal of `A⁻¹` in the user's units, every column being live.
    fn shape(&self, system: &System) -> Shape {
        let (d, slack) = (system.unit.len(), 1.0 / (1.0 - self.theta));
        let diagonal = |j: usize| -> f64 {
            let norm: f64 = self.inverse.col_as_slice(j).iter().skip(j).map(|v| v * v).sum();
            slack * norm / self.scale[j] / self.scale[j]
        };
        let inverse: Vec<f64> = (0..d).map(|j| diagonal(j) / system.unit[j] / system.unit[j]).collect();
        let inverse_intercept = match system.intercept {
            Intercept::Absent => 0.0,
            Intercept::Penalized => diagonal(d),
            Intercept::Free => {
                let mut solution = vec![0.0; d];
                for (j, scale) in self.scale.iter().enumerate() {
                    let mean = system.mean[j] / scale;
                    let lower = solution.iter_mut().zip(self.inverse.col_as_slice(j)).skip(j);
                    lower.for_each(|(sum, entry)| *sum += entry * mean);
                }
                1.0 + slack * solution.iter().map(|z| z * z).sum::<f64>()
            }
        };
        // The largest eigenvalue of A⁻¹ is at most its trace.
        let trace = inverse.iter().sum();
        Shape {
            inverse: Some(inverse),
            inverse_intercept: Some(inverse_intercept),
            inverse_norm: Some(trace),
        }
    }
}
