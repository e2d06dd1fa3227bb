//! Certificates for squared loss with a ridge penalty.
//!
//! For one output, with residuals `e = Xw + b − y`, weights s of sum S, H the matrix of second moments
//! (centred when the intercept is free, about 0 when it is absent, with a column of ones when it is
//! penalised) and g the gradient of P in w after the intercept took its best value, P is quadratic, so
//!
//! ```text
//! P(w, b) − P* = ½ ē² + ½ gᵀ(H + Λ)⁻¹g          ē = Σ s e / S, only where the intercept is free
//! ```
//!
//! exactly, for any (w, b). Four upper bounds are tried, cheapest first, until one meets the target:
//!
//! 1. `(H + Λ)⁻¹ ≤ Λ⁻¹`: `½ Σⱼ gⱼ²/λⱼ`, one walk, where every λⱼ > 0 (strong convexity);
//! 2. a Cholesky factor of H + Λ in `f64`, where the error of H is small beside its least eigenvalue;
//! 3. the same, with the columns that others almost determine replaced by what these leave of them;
//! 4. a QR factorisation of `[1 X | e]` in double-double: `‖Qᵀe‖²/2S`.
//!
//! A loss is not below 0, so the objective itself is a bound too, with what its computation may have lost added:
//! an exact fit needs no other, because what is left of its residuals is the third item of the allowance below.
//!
//! With more columns than rows and every λⱼ > 0 the second and third bound give way to the problem's dual, which has n
//! unknowns; the fourth is tried up to some hundred columns.
//!
//! Where a penalty is so far below the squares of its column that none of these sees both, it is left out: without some
//! of its terms P has no larger minimum, so that `P − P* ≤ ½ Σ λⱼwⱼ² + (P' − P'*)`, P' being P without them.
//!
//! **Rounding.** With u = 2⁻⁵³, `T = Σⱼ |wⱼ| rms(xⱼ) + |b| + rms(y)` per output (by Minkowski at least the
//! rms of the sum of a row's absolute terms) and `η = 2(d + 2)²u²T` the error of a compensated residual, the
//! allowance is the sum over outputs of
//! - `8uP`: squares and their compensated sums, the division and the penalty;
//! - `rms(e)·η + ½η²`: residuals;
//! - `½(uT)² + ½ Σ λⱼ(u wⱼ)²`: what rounding the best coefficients to `f64` adds to the objective, so that an
//!   exactly consistent system is certified by the best answer that `f64` can hold.
//!
//! The allowance excuses a gap, and so does, without a penalty, `rms(e) ≤ 4(d + 8)uT`, which is what a backward stable
//! solver leaves of a consistent system (Higham, "Accuracy and Stability of Numerical Algorithms", 2nd ed., section 20.1):
//! the answers of others to one are certified too. Both do so up to a millionth of `½ mean y²`, the loss of no weights at
//! all: beyond that, coefficients are so large that their rounding says more than the data.
//!
//! Squares of residuals below 1e-140 vanish from double-double, and where the targets are no larger, no bound is given.
//!
//! The rounding of g enters the gap itself: each bound is evaluated at `|g| + |δg|`.

use super::walk::{Sums, power_of_two};
use super::{Certificate, EXCUSED, Method, Shape, dual, gram, orthogonal, remainders};
use crate::data::{self, Rows};
use crate::error::{Error, Result};
use crate::num::{Dd, UNIT_ROUNDOFF};
use crate::problem::{Coefficients, Intercept, LossKind, Problem};
use faer::Mat;

/// A bound that exceeds the gap it would show without rounding by more than this factor calls for a finer
/// method.
const SLACK: f64 = 1.01;

/// Entries that a QR factorisation in double-double touches beside a dual point, at most: a few seconds.
const AFFORDABLE: f64 = 1e8;

/// The share of the wanted gap that penalties may cost which are left out.
const SMALL: f64 = 0.125;

/// The unit of a column is no smaller than so many roots of its penalty: there the penalty is below 1e100.
const LEAST_UNIT: f64 = 1e-50;

/// Certifies an answer of a squared-loss problem, whoever made it.
///
/// `target` is the relative gap that is wanted: a cheap bound that meets it is taken, otherwise the exact
/// gap is computed. Where rows end a later walk in [`Error::Interrupted`], the bound found before is the answer. One walk over the rows with λ > 0 and an answer that is good enough, or when the
/// second moments in `f64` are; one more for each finer method. Memory grows with d², not with n.
///
/// # Errors
/// When the loss is another one, sizes do not match, a penalty is negative, no row has weight, or the rows can
/// no longer be read or end the first walk.
pub fn certify(
    rows: &dyn Rows,
    problem: &Problem,
    answer: &Coefficients,
    target: f64,
) -> Result<Certificate> {
    problem.loss.require_squared("this certificate")?;
    check(rows.shape(), problem, answer)?;
    let outputs = answer.intercept.len();
    if !answer.weights.is_all_finite() || !answer.intercept.iter().all(|b| b.is_finite()) {
        return Ok(hopeless(problem, outputs, f64::INFINITY));
    }
    let shape = rows.shape();
    let penalized = (0..shape.columns).all(|j| problem.penalty.weight(j) > 0.0)
        && (problem.intercept != Intercept::Penalized || problem.penalty.lambda > 0.0);
    let with_gram = !penalized && shape.rows >= shape.columns;
    let Some(sums) = Sums::of(rows, answer, with_gram)? else { return Err(no_weight()) };
    let mut system = System::new(&sums, problem, answer);
    system.null = system.null_directions(shape.rows);
    let objective = system.objective;
    if !objective.is_finite() || sums.vanishes() {
        return Ok(hopeless(problem, outputs, objective));
    }
    let wanted = (target * objective).max(system.excused);
    let mut best = system.by_objective();
    if penalized {
        best = best.or_better(system.by_strong_convexity());
        if best.gap() <= wanted {
            return Ok(best.certificate(&system));
        }
    }
    let found = finer(rows, answer, (&system, &sums), best.clone(), wanted)
        .and_then(|found| without_small_penalties(rows, answer, (&system, &sums), found, wanted));
    match found {
        Err(Error::Interrupted) => Ok(best.certificate(&system)),
        found => Ok(found?.certificate(&system)),
    }
}

/// The bounds that take walks of their own, until one is good enough or as good as can be.
fn finer(
    rows: &dyn Rows,
    answer: &Coefficients,
    (system, sums): (&System, &Sums),
    mut best: Bound,
    wanted: f64,
) -> Result<Bound> {
    let penalized = sums.gram.is_none() && system.lambda.iter().all(|lambda| *lambda > 0.0);
    if penalized && sums.rows < system.unit.len() {
        // More columns than rows: what the rows say fits into n × n, and no d × d matrix has to be formed.
        let bound = dual::bound(system, sums, rows, answer)?;
        best = best.or_better(Bound { shape: system.by_strong_convexity().shape, ..bound });
        // Twice the precision, where that is affordable.
        if best.gap() > wanted
            && system.is_affordable(sums)
            && let Some(bound) = orthogonal::bound(system, sums, rows, answer)?
        {
            best = best.or_better(bound);
        }
        return Ok(best);
    }
    let with_gram = if penalized { Some(Sums::of(rows, answer, true)?.ok_or_else(no_weight)?) } else { None };
    let sums = with_gram.as_ref().unwrap_or(sums);
    if let Some(bound) = gram::bound(system, sums) {
        let settled = bound.nominal > wanted && bound.gap() <= SLACK * bound.nominal;
        best = best.or_better(bound);
        if settled || best.gap() <= wanted {
            return Ok(best);
        }
    }
    if best.gap() > wanted
        && let Some(bound) = remainders::bound(system, sums, rows, answer)?
    {
        let settled = bound.nominal > wanted && bound.gap() <= SLACK * bound.nominal;
        best = best.or_better(bound);
        if settled {
            return Ok(best);
        }
    }
    if best.gap() > wanted
        && let Some(bound) = orthogonal::bound(system, sums, rows, answer)?
    {
        best = best.or_better(bound);
    }
    Ok(best)
}

/// The bound of the problem without the penalties that are nothing beside the wanted gap, where no other was enough.
fn without_small_penalties(
    rows: &dyn Rows,
    answer: &Coefficients,
    (system, sums): (&System, &Sums),
    best: Bound,
    wanted: f64,
) -> Result<Bound> {
    let exact = matches!(best.method, Method::Cholesky | Method::Remainders | Method::Orthogonal);
    let is_real = exact && best.gap() <= SLACK * best.nominal;
    if best.gap() <= wanted || is_real || !system.is_affordable(sums) {
        return Ok(best);
    }
    let Some((relaxed, left_out)) = system.without_small_penalties(answer, SMALL * wanted) else {
        return Ok(best);
    };
    let Some(bound) = orthogonal::bound(&relaxed, sums, rows, answer)? else { return Ok(best) };
    let dependent = bound.dependent.saturating_sub(relaxed.null_directions(sums.rows));
    let gaps = bound.gaps.iter().zip(&left_out).map(|(gap, penalty)| gap + penalty).collect();
    Ok(best.clone().or_better(Bound { gaps, dependent, shape: best.shape, ..bound }))
}

/// An upper bound on the gap, and what it says of the coefficients.
#[derive(Clone, Debug)]
pub(super) struct Bound {
    pub method: Method,
    /// c: the gap of each output, rounding included.
    pub gaps: Vec<f64>,
    /// The sum over outputs had the computation been exact.
    pub nominal: f64,
    pub dependent: usize,
    pub shape: Shape,
}

impl Bound {
    /// Over all outputs.
    pub fn gap(&self) -> f64 {
        self.gaps.iter().sum()
    }

    /// The smaller of two bounds; the one that knows more of the coefficients when neither is finite.
    fn or_better(self, other: Self) -> Self {
        if other.gap() <= self.gap() {
            other
        } else if self.shape == Shape::default() {
            // The curvature that the other one found is as true for this gap; it is none where columns were left
            // out, and then this gap, which did without that, stays one to all answers.
            Self { shape: other.shape, ..self }
        } else {
            self
        }
    }

    fn certificate(self, system: &System) -> Certificate {
        let rounding = system.rounding;
        Certificate {
            objective: system.objective,
            gap: self.gap().max(rounding),
            rounding,
            excused: system.excused,
            method: self.method,
            dependent: self.dependent.saturating_sub(system.null),
            exact_fit: system.exact_fit,
            output_gaps: self.gaps.iter().map(|gap| gap.max(rounding)).collect(),
            shape: self.shape,
            quadratic: true,
            intercept: system.intercept,
        }
    }
}

/// What the walk says of the quadratic at the answer, in columns scaled by powers of two.
///
/// p = d, or d + 1 with a penalised intercept, whose column of ones is the last.
#[derive(Clone)]
pub(super) struct System {
    /// Columns that form the quadratic.
    pub size: usize,
    /// d: the power of two by which a column is divided.
    pub unit: Vec<f64>,
    /// Whether the moments are about the mean: the intercept is free.
    pub centred: bool,
    pub intercept: Intercept,
    /// p: λ in these units.
    pub lambda: Vec<f64>,
    /// p × c.
    pub gradient: Mat<f64>,
    /// p × c: a bound on the gradient's rounding error.
    pub error: Mat<f64>,
    /// c: ½ (|ē| + its error)², 0 unless the intercept is free.
    pub offset: Vec<f64>,
    /// d: x̄ in these units.
    pub mean: Vec<f64>,
    /// d: the mean square about the mean in these units.
    pub variance: Vec<f64>,
    /// c: η.
    pub residual_error: Vec<f64>,
    /// c: the objective of each output.
    pub objectives: Vec<f64>,
    pub objective: f64,
    /// c: how far the objective of each output may be from the one computed.
    pub inexact: Vec<f64>,
    /// The whole allowance: that, and what no answer in `f64` can do without.
    pub rounding: f64,
    /// See [`Certificate::excused`].
    pub excused: f64,
    /// Directions along which no prediction changes at all, so that leaving them out leaves out nothing.
    pub null: usize,
    /// See [`Certificate::is_exact_fit`].
    pub exact_fit: bool,
    /// See [`Sums::roundoff`].
    pub roundoff: f64,
}

impl System {
    fn new(sums: &Sums, problem: &Problem, answer: &Coefficients) -> Self {
        let (d, c) = (answer.weights.nrows(), answer.intercept.len());
        let ones = usize::from(problem.intercept == Intercept::Penalized);
        let mut system = Self {
            size: d + ones,
            unit: Vec::with_capacity(d),
            centred: problem.intercept == Intercept::Free,
            intercept: problem.intercept,
            lambda: Vec::with_capacity(d + ones),
            gradient: Mat::zeros(d + ones, c),
            error: Mat::zeros(d + ones, c),
            offset: vec![0.0; c],
            mean: Vec::with_capacity(d),
            variance: Vec::with_capacity(d),
            residual_error: Vec::with_capacity(c),
            objectives: Vec::with_capacity(c),
            objective: 0.0,
            inexact: Vec::with_capacity(c),
            rounding: 0.0,
            excused: 0.0,
            null: 0,
            exact_fit: true,
            roundoff: sums.roundoff(),
        };
        system.scale_columns(sums, problem);
        for k in 0..c {
            system.evaluate(sums, problem, answer, k);
            system.differentiate(sums, problem, answer, k);
        }
        system.objective = system.objectives.iter().sum();
        let squares: f64 = sums.square_y.iter().sum();
        system.excused = system.excused.min(EXCUSED * 0.5 * squares / sums.total());
        system
    }

    /// Chooses the units, 1 unless a column's squares leave the range, and expresses moments in them.
    fn scale_columns(&mut self, sums: &Sums, problem: &Problem) {
        let total = sums.total();
        for j in 0..sums.unit.len() {
            let (unit, mean) = (sums.unit[j], sums.mean_x[j].value());
            let spread = (sums.square_x[j] / total).sqrt() * unit;
            let size = if self.centred { spread } else { spread.hypot(mean) };
            let chosen = if size == 0.0 || !size.is_finite() || (1e-120..=1e120).contains(&size) {
                1.0
            } else {
                power_of_two(size)
            };
            // Beside a penalty so far above its squares that these are out of sight, a column may be small.
            let least = problem.penalty.weight(j).sqrt() * LEAST_UNIT;
            let chosen = if chosen < least { power_of_two(least) } else { chosen };
            let ratio = unit / chosen;
            self.unit.push(chosen);
            self.mean.push(mean / chosen);
            self.variance.push(sums.square_x[j] / total * ratio * ratio);
            self.lambda.push(problem.penalty.weight(j) / chosen / chosen);
        }
        if problem.intercept == Intercept::Penalized {
            self.lambda.push(problem.penalty.lambda);
        }
    }

    /// Objective and rounding allowance of output `k`.
    fn evaluate(&mut self, sums: &Sums, problem: &Problem, answer: &Coefficients, k: usize) {
        let (d, b, u) = (self.unit.len(), answer.intercept[k], UNIT_ROUNDOFF);
        let total = sums.weight;
        let mean = sums.mean_e[k];
        let loss = (sums.square_e[k] / total + mean * mean) * 0.5;
        let mut penalty = Dd::ZERO;
        let rms_y = (sums.square_y[k] / total.value()).sqrt();
        let mut terms = b.abs() + rms_y;
        for (j, &w) in answer.weights.col_as_slice(k).iter().enumerate() {
            if self.lambda[j] > 0.0 {
                let scaled = w * self.unit[j];
                penalty += Dd::product(scaled, scaled) * self.lambda[j];
            }
            // rms(x) about 0, in the user's units.
            terms += w.abs() * (self.variance[j].sqrt() * self.unit[j]).hypot(sums.mean_x[j].value());
        }
        if problem.intercept == Intercept::Penalized && problem.penalty.lambda > 0.0 {
            penalty += Dd::product(b, b) * problem.penalty.lambda;
        }
        let objective = (loss + penalty * 0.5).value();
        let eta = 2.0 * ((d + 2) as f64 * u).powi(2) * terms;
        let rms = (2.0 * loss.value()).sqrt();
        self.exact_fit &= rms <= (d + 8) as f64 * u * rms_y;
        // Squares of coefficients may vanish, and a large penalty would have made them count.
        let moved = answer.weights.col_as_slice(k).iter().zip(&self.lambda).filter(|(w, _)| **w != 0.0);
        let vanished: f64 = moved.map(|(_, lambda)| f64::MIN_POSITIVE * lambda).sum();
        let inexact = 8.0 * u * objective + rms * eta + 0.5 * eta * eta + vanished;
        let rounding = inexact + 0.5 * (u * terms).powi(2) + 0.5 * u * u * penalty.value();
        // With a penalty the best answer is another one than that of an exact fit.
        let solved = penalty.hi == 0.0 && rms <= 4.0 * (d + 8) as f64 * u * terms;
        self.inexact.push(inexact);
        self.rounding += rounding;
        self.excused += if solved { rounding.max(objective + inexact) } else { rounding };
        self.residual_error.push(eta);
        self.objectives.push(if objective.is_nan() { f64::INFINITY } else { objective });
    }

    /// Gradient, its error bound and the intercept's share of output `k`.
    fn differentiate(&mut self, sums: &Sums, problem: &Problem, answer: &Coefficients, k: usize) {
        let (d, u, total) = (self.unit.len(), UNIT_ROUNDOFF, sums.total());
        let (mean_e, eta) = (sums.mean_e[k].value(), self.residual_error[k]);
        let spread_e = (sums.square_e[k].value() / total).sqrt();
        if self.centred {
            self.offset[k] = 0.5 * (mean_e.abs() * (1.0 + 8.0 * u) + eta).powi(2);
        }
        for j in 0..d {
            let spread_x = self.variance[j].sqrt();
            let pull = self.lambda[j] * (answer.weights[(j, k)] * self.unit[j]);
            let mut gradient = sums.cross[(j, k)] / total * (sums.unit[j] / self.unit[j]) + pull;
            let mut error = spread_x * (self.roundoff * spread_e + eta) + 4.0 * u * pull.abs();
            if !self.centred {
                gradient += self.mean[j] * mean_e;
                error += self.roundoff * spread_x * mean_e.abs()
                    + self.mean[j].abs() * (4.0 * u * mean_e.abs() + eta);
            }
            self.gradient[(j, k)] = gradient;
            self.error[(j, k)] = error + 4.0 * u * gradient.abs();
        }
        if self.intercept == Intercept::Penalized {
            let pull = problem.penalty.lambda * answer.intercept[k];
            self.gradient[(d, k)] = mean_e + pull;
            self.error[(d, k)] = 8.0 * u * (mean_e.abs() + pull.abs()) + eta;
        }
    }

    /// More columns than rows make some, and so does a constant column beside a free intercept.
    fn null_directions(&self, rows: usize) -> usize {
        if self.lambda.iter().any(|lambda| *lambda > 0.0) {
            return 0;
        }
        let constant = self.variance.iter().filter(|square| self.centred && **square == 0.0).count();
        (self.size + usize::from(self.centred)).saturating_sub(rows).max(constant)
    }

    /// Whether a QR factorisation in double-double takes no more than some seconds.
    fn is_affordable(&self, sums: &Sums) -> bool {
        let p = self.size as f64;
        p * p * (sums.rows as f64 + p) <= AFFORDABLE
    }

    /// The system without the penalties of columns that cost `most` together at the answer, and what they cost each
    /// output; `None` where there are none.
    fn without_small_penalties(&self, answer: &Coefficients, most: f64) -> Option<(Self, Vec<f64>)> {
        let share = most / self.unit.len() as f64;
        let cost = |j: usize, k: usize| {
            let scaled = answer.weights[(j, k)] * self.unit[j];
            0.5 * self.lambda[j] * scaled * scaled * (1.0 + 4.0 * f64::EPSILON) + f64::MIN_POSITIVE
        };
        let outputs = self.offset.len();
        let mut relaxed = self.clone();
        let mut costs = vec![0.0; outputs];
        for j in 0..self.unit.len() {
            let whole: f64 = (0..outputs).map(|k| cost(j, k)).sum();
            if self.lambda[j] > 0.0 && whole <= share {
                relaxed.lambda[j] = 0.0;
                costs.iter_mut().enumerate().for_each(|(k, sum)| *sum += cost(j, k));
            }
        }
        (relaxed.lambda != self.lambda).then_some((relaxed, costs))
    }

    /// The loss is not below 0.
    fn by_objective(&self) -> Bound {
        Bound {
            method: Method::Objective,
            gaps: self
                .objectives
                .iter()
                .zip(&self.inexact)
                .map(|(objective, inexact)| objective + inexact)
                .collect(),
            nominal: self.objective,
            dependent: 0,
            shape: Shape::default(),
        }
    }

    /// `½ ē² + ½ Σⱼ gⱼ²/λⱼ`.
    fn by_strong_convexity(&self) -> Bound {
        let half_sum = |k: usize, error: f64| -> f64 {
            let terms = self.lambda.iter().enumerate().map(|(j, lambda)| {
                let gradient = self.gradient[(j, k)].abs() + error * self.error[(j, k)];
                gradient * (gradient / lambda)
            });
            0.5 * terms.sum::<f64>() * (1.0 + error * self.size as f64 * f64::EPSILON)
        };
        let outputs = 0..self.offset.len();
        let d = self.unit.len();
        let inverse: Vec<f64> =
            (0..d).map(|j| 1.0 / (self.lambda[j] * self.unit[j] * self.unit[j])).collect();
        let inverse_intercept = match self.intercept {
            Intercept::Absent => 0.0,
            // [A⁻¹] of (W, b) at b is 1 + x̄ᵀ(H + Λ)⁻¹x̄ with H centred.
            Intercept::Free => {
                1.0 + (0..d).map(|j| self.mean[j] * (self.mean[j] / self.lambda[j])).sum::<f64>()
            }
            Intercept::Penalized => 1.0 / self.lambda[d],
        };
        Bound {
            method: Method::StrongConvexity,
            gaps: outputs.clone().map(|k| self.offset[k] + half_sum(k, 1.0)).collect(),
            nominal: outputs.map(|k| self.offset[k] + half_sum(k, 0.0)).sum(),
            dependent: 0,
            shape: Shape {
                inverse_norm: Some(inverse.iter().copied().fold(0.0, f64::max)),
                inverse: Some(inverse),
                inverse_intercept: Some(inverse_intercept),
            },
        }
    }
}

/// No bound at all.
pub(super) fn hopeless(problem: &Problem, outputs: usize, objective: f64) -> Certificate {
    Certificate {
        objective,
        gap: f64::INFINITY,
        rounding: 0.0,
        excused: 0.0,
        method: Method::None,
        dependent: 0,
        exact_fit: false,
        output_gaps: vec![f64::INFINITY; outputs],
        shape: Shape::default(),
        quadratic: problem.loss == LossKind::Squared,
        intercept: problem.intercept,
    }
}

fn no_weight() -> Error {
    Error::Usage {
        what: "no row has a weight above 0, so there is no loss to certify".to_owned(),
        hint: "give at least one row a positive weight".to_owned(),
    }
}

/// Sizes and signs.
pub(super) fn check(shape: data::Shape, problem: &Problem, answer: &Coefficients) -> Result<()> {
    let usage = |what: String, hint: &str| Err(Error::Usage { what, hint: hint.to_owned() });
    let (d, c) = (answer.weights.nrows(), answer.weights.ncols());
    if (d, c) != (shape.columns, shape.outputs) || answer.intercept.len() != c {
        return usage(
            format!(
                "the coefficients are for {d} columns and {c} outputs ({} intercepts), the data have {} and {}",
                answer.intercept.len(),
                shape.columns,
                shape.outputs
            ),
            "give one row of coefficients for each column of the design and one column for each target",
        );
    }
    if let Some(factors) = &problem.penalty.factors
        && factors.len() != d
    {
        return usage(
            format!("the penalty has {} factors for {d} columns", factors.len()),
            "give one penalty factor for each column of the design",
        );
    }
    let weights = (0..d).map(|j| problem.penalty.weight(j)).chain([problem.penalty.lambda]);
    if let Some(bad) = weights.into_iter().find(|weight| !(weight.is_finite() && *weight >= 0.0)) {
        return usage(format!("the penalty is {bad}"), "give a penalty that is 0 or a positive number");
    }
    if problem.intercept == Intercept::Absent
        && let Some(b) = answer.intercept.iter().find(|b| **b != 0.0)
    {
        return usage(
            format!("the problem has no intercept, the coefficients have one of {b}"),
            "certify against the problem with an intercept, or set it to 0",
        );
    }
    Ok(())
}
