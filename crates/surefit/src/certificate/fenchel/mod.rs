//! Certificates for every loss: a dual point, and the inequality of Fenchel and Young row by row.
//!
//! With dual rows gᵢ in the domain of the conjugate (see [`crate::loss`]), S = Σ sᵢ, m = Σ gᵢ / S and
//! `W(G)ⱼ = −(XᵀG)ⱼ / (λⱼS)`, every (W′, b′) has `P(W′, b′) ≥ D(G) + b′·m`, so
//!
//! ```text
//! P(W, b) − P*  ≤  (1/S) Σ [sᵢ ℓ(zᵢ) + sᵢ ℓ*(gᵢ/sᵢ) − gᵢ·zᵢ]  +  ½ Σⱼ λⱼ ‖Wⱼ − W(G)ⱼ‖²  +  sup (b − b′)·m
//! ```
//!
//! where each of the terms is ≥ 0: nothing cancels between P and D. A penalised intercept is a column of ones
//! in X, and without an intercept b′ = 0; the last term is there only for a free one, and [`intercept`]
//! makes m vanish and bounds what is left. A column with λⱼ = 0 asks for `(XᵀG)ⱼ = 0` exactly.
//!
//! The dual point is the one that is given, moved into the domain, or else the gradient at the answer's own scores,
//! for which only the second term is left: `‖∇P‖²/2λ`.
//!
//! **Rounding.** In the metric `‖x‖² = Σ xⱼ²/λⱼ` of the penalty, each score is off by no more than
//! `εᵢ = (t + 6)u (‖xᵢ‖ maxₖ √Σλⱼwⱼₖ² + max|b| + δ)`, t the longest row and δ the margin (Cauchy and Schwarz; the
//! 6 covers the differences that losses form of scores). The bracket of a row follows its scores with the slope
//! `s∇ℓ − g`, hence the allowance, halved for readability:
//! - `(Lᵢ + ‖gᵢ‖₁) εᵢ / S`, with Lᵢ = 2cs for linear pieces (Weston and Watkins; the others are less steep) and else
//!   `‖s∇ℓ‖₁ + 8csεᵢ`, 8c being the most that any loss bends (the squared hinge);
//! - `(48 + 4c)u` times the absolute terms of all brackets: 32 rows are added up plainly, all else in
//!   double-double, and a row's own entry is the sum of the others but for rounding;
//! - `512u` times the two norms, and `(XᵀG)ⱼ` off by `(a + 4c)u ‖xⱼ‖ ‖gₖ‖` after a additions.
//!
//! **Rounding for labels.** How much BP-MLL bends has no bound (λmax ≤ 2E of the row), but how fast that grows has: scores off
//! by εᵢ move `log AB` by 2εᵢ at most, so E, and the slope `‖∇ℓ‖₁ = 2E` with it, grow by the factor `e^{2εᵢ}` at most. The slope
//! of the other losses is a mean over pairs of −f′, or `h′(log AB)`, and h′ and the logistic function grow by no more
//! than `eᵃ` where their argument does by a; the pairwise squared hinge's grows by 4sεᵢ. Hence `Lᵢ = (‖s∇ℓ‖₁ + 4sεᵢ) e^{2εᵢ}`.
//! - A sum of exponentials measured from its largest is off by `(c + 2)u` of itself, for the terms are > 0, and by the rounding
//!   of the exponents, 2 differences of scores: within the 6 of εᵢ.
//! - The conjugate has logarithms of shares. They are as large as `2 log c + |log ‖g‖₁/s|`, and 37 for that of 1 − t, whose
//!   rounding is that of the sum t: ‖gᵢ‖₁ times all of these is among the absolute terms.
//! - Weights ω of labels move the scores of exponentials by log ω, whose rounding and whose part in the conjugate are those of
//!   a margin; other losses have them as factors. The form of a global threshold has the slope `A(1 + B) + B(1 + A)`, that
//!   grows by `e^{2εᵢ}` as the product does.
//! - The dual points of the pairwise hinge are those that flow (`loss::ranking::transport`), up to `(4c + 8)u` of their sum, and
//!   its conjugate is linear in them.
//! - Means over pairs other than BP-MLL's and the hinge's have no conjugate in closed form. Theirs is taken at the scores z′ at which g is
//!   the gradient. The computed g is a sum over pairs of numbers in the domain of f*, off from −f′ only by the
//!   rounding of one difference of scores, to the second order in the bracket; as the terms of an entry have one sign
//!   (`loss::ranking`), the sum is off by `(3c + 8)u` of each entry, as the brackets and `XᵀG` allow for.
//!
//! The gap includes the allowance, and a gap below twice the allowance is reported as that. It excuses a gap up to a
//! millionth of the loss of no weights at all, or of the objective: beyond that the rounding says more than the data.

mod intercept;
mod pairs;
mod rows;

use super::squared::{check, hopeless};
use super::{Certificate, EXCUSED, Method, Shape};
use crate::data::Samples;
use crate::error::{Error, Result};
use crate::loss::{self, Curvature, Loss, Targets};
use crate::num::{Dd, UNIT_ROUNDOFF};
use crate::problem::{Coefficients, Intercept, LossKind, Problem};
use faer::{Mat, MatMut, MatRef};
use intercept::Domain;
use pairs::Compared;
use rayon::prelude::*;
use rows::Scores;
use std::ops::Range;

/// Rows that a thread takes at a time.
const STRIP: usize = 1024;
/// Rows whose values are added up plainly.
const CHUNK: usize = 32;
/// The most that log(1 − t) is for a number t below 1.
const LOGARITHM: f64 = 37.0;

/// Certifies an answer of a problem with any loss, whoever made it; about two passes over the samples.
///
/// `dual` is a dual point, n × c; without one the gradient at the answer is taken, which for losses of linear
/// pieces proves little. It is moved into the domain of the conjugate and, where the intercept is free, to where it
/// sums to 0.
///
/// # Errors
/// When sizes do not match, the targets are not those of the loss, a penalty is negative, or a δ makes no sense.
pub fn certify_samples(
    samples: &Samples<'_>,
    problem: &Problem,
    answer: &Coefficients,
    dual: Option<MatRef<'_, f64>>,
) -> Result<Certificate> {
    check(samples.shape(), problem, answer)?;
    check_targets(samples, problem, dual)?;
    let c = samples.outputs;
    if !answer.weights.is_all_finite() || !answer.intercept.iter().all(|b| b.is_finite()) {
        return Ok(hopeless(problem, c, f64::INFINITY));
    }
    let case = Case::new(samples, problem, answer);
    let own = case.evaluate(&case.scores.z, None);
    let objective = own.value / case.total + case.penalty();
    if !objective.is_finite() {
        return Ok(hopeless(problem, c, f64::INFINITY));
    }
    let proof = case.dual(dual, own.gradient, objective).and_then(|dual| case.bound(&dual, objective));
    let unproven = case.carried_alone(objective);
    Ok(case.certificate(objective, proof, unproven))
}

fn check_targets(samples: &Samples<'_>, problem: &Problem, dual: Option<MatRef<'_, f64>>) -> Result<()> {
    problem.loss.check()?;
    let usage = |what: String, hint: &str| Err(Error::Usage { what, hint: hint.to_owned() });
    let (classes, labels, numbers) = ("classes", "sets of labels", "numbers");
    let wanted = match problem.loss {
        loss if loss.is_of_classes() => classes,
        loss if loss.is_of_labels() => labels,
        _ => numbers,
    };
    let found = match samples.targets {
        Targets::Classes(_) => classes,
        Targets::Labels(_) => labels,
        Targets::Values(_) => numbers,
    };
    if wanted != found {
        return usage(
            format!("the {} loss needs {wanted}, and the targets are {found}", problem.loss.name()),
            "certify with the loss that the model was fitted with",
        );
    }
    let sizes = (samples.x.rows(), samples.outputs);
    match dual {
        Some(dual) if dual.shape() != sizes => usage(
            format!(
                "the dual point is {} × {}, the scores are {} × {}",
                dual.nrows(),
                dual.ncols(),
                sizes.0,
                sizes.1
            ),
            "give one dual number for each score",
        ),
        _ => Ok(()),
    }
}

/// Data, problem and answer with what the first walk finds of them.
struct Case<'a> {
    samples: &'a Samples<'a>,
    problem: &'a Problem,
    answer: &'a Coefficients,
    loss: Box<dyn Loss>,
    /// S.
    total: f64,
    /// d: λⱼ where all are above 0, else 1: the metric in which weights and rows are measured.
    metric: Vec<f64>,
    penalized: bool,
    scores: Scores,
    /// `maxₖ √Σ mⱼwⱼₖ²`, `max |b|`, and δ.
    reach: (f64, f64, f64),
    /// `max |log ω|`.
    logs: f64,
    /// What multiplies the sum of [`Self::reach`] in the error of a score.
    roundoff: f64,
    /// Of labels that are compared with each other, where the intercept is free.
    compared: Option<Compared>,
}

/// Rows without weight say nothing, and so does their rounding: where one of them is longer than all the others, the
/// squares of the columns are added up without them.
fn counted(samples: &Samples<'_>, mut scores: Scores) -> Scores {
    let most = |with: bool| {
        let rows = scores.rows.iter().enumerate().filter(|(i, _)| (samples.weight(*i) > 0.0) == with);
        rows.fold(0.0f64, |most, (_, square)| most.max(*square))
    };
    if samples.weights.is_some() && most(false) > most(true) {
        scores.columns.fill(0.0);
        for i in (0..scores.rows.len()).filter(|i| samples.weight(*i) > 0.0) {
            samples.x.for_each_in_row(i, |j, x| scores.columns[j] += x * x);
        }
    }
    scores
}

/// ω of each label; none where labels have no weights.
fn label_weights<'a>(samples: &Samples<'a>) -> &'a [f64] {
    match samples.targets {
        Targets::Labels(labels) => labels.weights().unwrap_or_default(),
        Targets::Classes(_) | Targets::Values(_) => &[],
    }
}

/// What [`Case::evaluate`] finds.
struct Evaluated {
    value: f64,
    gradient: Vec<f64>,
}

/// A dual point, n × c row by row.
struct Dual {
    g: Vec<f64>,
    /// c: g is the gradient at the answer's scores moved by this; absent where it is of another origin, and for no move.
    shift: Option<Vec<f64>>,
}

/// Sums over rows of the brackets' parts.
#[derive(Clone, Copy)]
struct Brackets {
    sum: Dd,
    /// Of absolute terms.
    size: f64,
    /// How far the rounding of scores carries.
    carried: f64,
}

/// An upper bound on the gap.
struct Proof {
    nominal: f64,
    allowance: f64,
}

impl<'a> Case<'a> {
    fn new(samples: &'a Samples<'a>, problem: &'a Problem, answer: &'a Coefficients) -> Self {
        let (d, c) = (samples.x.columns(), samples.outputs);
        let penalties = || (0..d).map(|j| problem.penalty.weight(j));
        let of_intercept = problem.intercept == Intercept::Penalized && problem.penalty.lambda <= 0.0;
        let penalized = penalties().all(|lambda| lambda > 0.0) && !of_intercept;
        let metric: Vec<f64> = if penalized { penalties().collect() } else { vec![1.0; d] };
        let norm = |k: usize| -> f64 {
            let weights = answer.weights.col_as_slice(k);
            weights.iter().zip(&metric).map(|(w, m)| w * w * m).sum::<f64>().sqrt()
        };
        let margin = match problem.loss {
            LossKind::Hinge { margin }
            | LossKind::CrammerSinger { margin }
            | LossKind::SquaredHinge { margin } => margin,
            LossKind::OvrHinge
            | LossKind::OvrSquaredHinge
            | LossKind::PairwiseHinge
            | LossKind::PairwiseSquaredHinge => 1.0,
            LossKind::Huber { .. }
            | LossKind::Squared
            | LossKind::Softmax
            | LossKind::OvrLogistic
            | LossKind::Bpmll
            | LossKind::Lsep
            | LossKind::Log1pBpmll
            | LossKind::Zlpr
            | LossKind::PairwiseLogistic
            | LossKind::GlobalThreshold
            | LossKind::LabelLogistic => 0.0,
        };
        let largest = answer.intercept.iter().fold(0.0f64, |most, b| most.max(b.abs()));
        let mut case = Self {
            samples,
            problem,
            answer,
            loss: loss::named(problem.loss),
            total: samples.total_weight(),
            scores: counted(samples, rows::scores(samples.x, answer, &metric)),
            reach: ((0..c).map(norm).fold(0.0, f64::max), largest, margin),
            logs: label_weights(samples).iter().fold(0.0, |most, weight| most.max(weight.ln().abs())),
            roundoff: (rows::longest(samples.x) + 6.0) * UNIT_ROUNDOFF,
            metric,
            penalized,
            compared: None,
        };
        if let (Targets::Labels(labels), Domain::Pairs, Intercept::Free) =
            (samples.targets, Domain::of(problem.loss), problem.intercept)
        {
            case.compared = Some(case.compared(labels));
        }
        case
    }

    fn of_rows(&self, rows: &Range<usize>) -> (Targets<'a>, Option<&'a [f64]>) {
        let weights = self.samples.weights.and_then(|weights| weights.get(rows.clone()));
        (self.samples.targets.rows(rows.start, rows.len()), weights)
    }

    /// Σ sℓ and the gradients at the scores z, with a shift of every row when there is one.
    fn evaluate(&self, z: &[f64], shift: Option<&[f64]>) -> Evaluated {
        let c = self.samples.outputs.max(1);
        let mut gradient = z.to_vec();
        let part = |(strip, z): (usize, &mut [f64])| {
            let mut value = Dd::ZERO;
            for (chunk, z) in z.chunks_mut(CHUNK * c).enumerate() {
                for z in z.chunks_exact_mut(c) {
                    z.iter_mut().zip(shift.unwrap_or_default()).for_each(|(z, shift)| *z += shift);
                }
                let first = strip * STRIP + chunk * CHUNK;
                let count = z.len() / c;
                let (targets, weights) = self.of_rows(&(first..first + count));
                let z = MatMut::from_row_major_slice_mut(z, count, c);
                value += Dd::from(self.loss.block(z, targets, weights));
            }
            value
        };
        let parts: Vec<Dd> = gradient.par_chunks_mut(STRIP * c).enumerate().map(part).collect();
        let value = parts.into_iter().sum::<Dd>().value();
        Evaluated { value: if value.is_nan() { f64::INFINITY } else { value }, gradient }
    }

    /// `½ Σ λⱼ ‖Wⱼ‖²`, the intercept's own included.
    fn penalty(&self) -> f64 {
        let mut sum = Dd::ZERO;
        for k in 0..self.samples.outputs {
            let weights = self.answer.weights.col_as_slice(k);
            for first in (0..weights.len()).step_by(256) {
                let within = weights.iter().enumerate().skip(first).take(256);
                sum += Dd::from(within.map(|(j, w)| self.problem.penalty.weight(j) * w * w).sum::<f64>());
            }
            if self.problem.intercept == Intercept::Penalized {
                sum += Dd::from(self.problem.penalty.lambda * self.answer.intercept[k].powi(2));
            }
        }
        0.5 * sum.value()
    }

    /// εᵢ.
    fn score_error(&self, row: usize) -> f64 {
        let (weights, intercept, margin) = self.reach;
        self.roundoff * (self.scores.rows[row].sqrt() * weights + intercept + margin + self.logs)
    }

    /// The dual point; none where it is not finite. Without a conjugate one that is given proves nothing.
    fn dual(&self, given: Option<MatRef<'_, f64>>, own: Vec<f64>, objective: f64) -> Option<Dual> {
        let c = self.samples.outputs.max(1);
        let (mut g, mut shift) = (own, None);
        let given = given.filter(|_| self.loss.has_conjugate());
        if let Some(given) = given {
            g.chunks_exact_mut(c).enumerate().for_each(|(i, g)| {
                g.iter_mut().zip(given.row(i).iter()).for_each(|(g, given)| *g = *given);
            });
            self.project(&mut g);
        }
        if self.problem.intercept == Intercept::Free {
            shift = self.balance(&mut g, given.is_some(), objective);
        }
        g.iter().all(|g| g.is_finite()).then_some(Dual { g, shift })
    }

    fn project(&self, g: &mut [f64]) {
        let n = self.samples.x.rows();
        let (targets, weights) = self.of_rows(&(0..n));
        let view = MatMut::from_row_major_slice_mut(g, n, self.samples.outputs);
        self.loss.project_dual(view, targets, weights);
    }

    /// Σ over rows of the brackets; none outside the domain.
    fn brackets(&self, Dual { g, shift }: &Dual) -> Option<Brackets> {
        let c = self.samples.outputs.max(1);
        let part = |(strip, g): (usize, &[f64])| {
            let mut sums = Brackets { sum: Dd::ZERO, size: 0.0, carried: 0.0 };
            let mut room = Vec::with_capacity(CHUNK * c);
            for (chunk, g) in g.chunks(CHUNK * c).enumerate() {
                let first = strip * STRIP + chunk * CHUNK;
                self.chunk(first, (g, shift.as_deref()), &mut room, &mut sums)?;
            }
            Some(sums)
        };
        let parts: Option<Vec<Brackets>> = g.par_chunks(STRIP * c).enumerate().map(part).collect();
        let zero = Brackets { sum: Dd::ZERO, size: 0.0, carried: 0.0 };
        Some(parts?.iter().fold(zero, |sums, part| Brackets {
            sum: sums.sum + part.sum,
            size: sums.size + part.size,
            carried: sums.carried + part.carried,
        }))
    }

    fn chunk(
        &self,
        first: usize,
        (g, shift): (&[f64], Option<&[f64]>),
        room: &mut Vec<f64>,
        sums: &mut Brackets,
    ) -> Option<()> {
        let c = self.samples.outputs.max(1);
        let count = g.len() / c;
        let rows = first..first + count;
        let (targets, weights) = self.of_rows(&rows);
        let z = &self.scores.z[first * c..(first + count) * c];
        let at_gradient =
            (!self.loss.has_conjugate()).then(|| self.conjugate_by_scores(&rows, (g, shift), room));
        room.clear();
        room.extend_from_slice(z);
        let value = self.loss.block(MatMut::from_row_major_slice_mut(room, count, c), targets, weights);
        let (conjugate, terms) = match at_gradient {
            Some(conjugate) => conjugate,
            None => (self.loss.conjugate(MatRef::from_row_major_slice(g, count, c), targets, weights)?, 0.0),
        };
        let smooth = self.loss.curvature() != Curvature::Piecewise;
        let (mut product, mut size) = (0.0, value.abs() + conjugate.abs() + terms);
        for ((i, z), (g, slope)) in
            rows.zip(z.chunks_exact(c)).zip(g.chunks_exact(c).zip(room.chunks_exact(c)))
        {
            let s = self.samples.weight(i);
            if s == 0.0 || !self.has_pair(i) {
                continue;
            }
            let (of_row, absolute) = g
                .iter()
                .zip(z)
                .fold((0.0, 0.0), |(sum, absolute), (g, z)| (sum + g * z, absolute + (g * z).abs()));
            let length: f64 = g.iter().map(|g| g.abs()).sum();
            let error = self.score_error(i);
            let steep = if smooth && self.problem.loss.is_of_labels() {
                let own = slope.iter().map(|g| g.abs()).sum::<f64>();
                (own + 4.0 * s * error) * (2.0 * error).exp()
            } else if smooth {
                slope.iter().map(|g| g.abs()).sum::<f64>() + 8.0 * c as f64 * s * error
            } else {
                2.0 * c as f64 * s
            };
            product += of_row;
            let fixed = 2.0 * (self.reach.2.max(1.0) + self.logs);
            size += absolute + fixed * length + self.against_targets(i, g);
            sums.carried += (steep + length) * error;
        }
        sums.sum += Dd::sum(value, conjugate) - product;
        sums.size += size;
        Some(())
    }

    /// `ℓ*(g) = g·z′ − ℓ(z′)` over some rows, and its absolute terms; g is the gradient at z′, the scores after the shift.
    fn conjugate_by_scores(
        &self,
        rows: &Range<usize>,
        (g, shift): (&[f64], Option<&[f64]>),
        room: &mut Vec<f64>,
    ) -> (f64, f64) {
        let c = self.samples.outputs.max(1);
        room.clear();
        room.extend_from_slice(&self.scores.z[rows.start * c..rows.end * c]);
        for z in room.chunks_exact_mut(c) {
            z.iter_mut().zip(shift.unwrap_or_default()).for_each(|(z, shift)| *z += shift);
        }
        let products = || g.iter().zip(room.iter()).map(|(g, z)| g * z).filter(|product| *product != 0.0);
        let (product, size) = (products().sum::<f64>(), products().map(f64::abs).sum::<f64>());
        let (targets, weights) = self.of_rows(rows);
        let value = self.loss.block(MatMut::from_row_major_slice_mut(room, rows.len(), c), targets, weights);
        (product - value, size + value)
    }

    /// `2 Σ |gₖ yₖ|` for targets that are numbers, and the logarithms of labels: parts of the conjugate that may cancel.
    fn against_targets(&self, row: usize, g: &[f64]) -> f64 {
        match self.samples.targets {
            Targets::Values(y) => {
                2.0 * g.iter().zip(y.row(row).iter()).map(|(g, y)| (g * y).abs()).sum::<f64>()
            }
            Targets::Labels(_) => {
                let length: f64 = g.iter().map(|g| g.abs()).sum();
                let share = (length / self.samples.weight(row)).ln().abs();
                if length > 0.0 { length * (2.0 * (g.len() as f64).ln() + LOGARITHM + share) } else { 0.0 }
            }
            Targets::Classes(_) => 0.0,
        }
    }

    /// What the objective alone is off by.
    fn carried_alone(&self, objective: f64) -> f64 {
        let c = self.samples.outputs.max(1);
        let zeros = Dual { g: vec![0.0; self.scores.z.len()], shift: None };
        let carried = self.brackets(&zeros).map_or(0.0, |sums| sums.carried / self.total);
        carried + (512.0 + 4.0 * c as f64) * UNIT_ROUNDOFF * objective
    }

    /// The bound that the dual point gives.
    fn bound(&self, dual: &Dual, objective: f64) -> Option<Proof> {
        let (u, c, g) = (UNIT_ROUNDOFF, self.samples.outputs as f64, dual.g.as_slice());
        let brackets = self.brackets(dual)?;
        let sums = self.sums(g);
        let (quadratic, upper) = self.distance(g, &sums);
        let (offset, offset_error) = match self.problem.intercept {
            Intercept::Free => self.offset(&sums, g, objective)?,
            Intercept::Absent | Intercept::Penalized => (0.0, 0.0),
        };
        let nominal = (brackets.sum.value() / self.total).max(0.0) + quadratic + offset;
        let allowance = brackets.carried / self.total
            + (48.0 + 4.0 * c) * u * brackets.size / self.total
            + 512.0 * u * (self.penalty() + quadratic)
            + (upper - quadratic)
            + offset_error;
        (nominal + allowance).is_finite().then_some(Proof { nominal, allowance })
    }

    /// c: Σᵢ gᵢₖ.
    fn sums(&self, g: &[f64]) -> Vec<Dd> {
        let c = self.samples.outputs;
        let part = |g: &[f64]| {
            let mut sums = vec![Dd::ZERO; c];
            for g in g.chunks_exact(c.max(1)) {
                sums.iter_mut().zip(g).for_each(|(sum, g)| *sum += Dd::from(*g));
            }
            sums
        };
        let parts: Vec<Vec<Dd>> = g.par_chunks(STRIP * c.max(1)).map(part).collect();
        parts.iter().fold(vec![Dd::ZERO; c], |mut sums, part| {
            sums.iter_mut().zip(part).for_each(|(sum, part)| *sum += *part);
            sums
        })
    }

    /// `½ Σⱼ λⱼ ‖Wⱼ − W(G)ⱼ‖²`, and the most that it is without rounding; a penalised intercept is one more j.
    fn distance(&self, g: &[f64], sums: &[Dd]) -> (f64, f64) {
        let (u, c, total) = (UNIT_ROUNDOFF, self.samples.outputs, self.total);
        let product = rows::transposed(self.samples.x, g, c);
        let lengths: Vec<f64> =
            (0..c).map(|k| g.iter().skip(k).step_by(c.max(1)).map(|g| g * g).sum::<f64>().sqrt()).collect();
        let gamma = (rows::additions(self.samples.x) + 4.0 * c as f64 + 8.0) * u;
        let (mut nominal, mut upper) = (0.0, 0.0);
        let mut add = |lambda: f64, w: f64, sum: f64, error: f64| {
            let (pull, mean) = (lambda * w, sum / total);
            let error = error / total + 4.0 * u * (pull.abs() + mean.abs());
            let difference = (pull + mean).abs();
            if difference + error > 0.0 {
                nominal += difference * (difference / lambda);
                upper += (difference + error) * ((difference + error) / lambda);
            }
        };
        for k in 0..c {
            for j in 0..product.nrows() {
                let error = gamma * self.scores.columns[j].sqrt() * lengths[k];
                add(self.problem.penalty.weight(j), self.answer.weights[(j, k)], product[(j, k)], error);
            }
            if self.problem.intercept == Intercept::Penalized {
                let length = (self.samples.x.rows() as f64).sqrt() * lengths[k];
                let error = (4.0 * c as f64 + 8.0) * u * length;
                add(self.problem.penalty.lambda, self.answer.intercept[k], sums[k].value(), error);
            }
        }
        (0.5 * nominal, 0.5 * upper)
    }

    /// The mean loss at no weights at all.
    fn untrained(&self) -> f64 {
        self.evaluate(&vec![0.0; self.scores.z.len()], None).value / self.total
    }

    fn certificate(&self, objective: f64, proof: Option<Proof>, unproven: f64) -> Certificate {
        let alone = Proof { nominal: objective, allowance: unproven };
        let (method, proof) = match proof {
            Some(proof) if proof.nominal + proof.allowance < objective + unproven => (Method::Dual, proof),
            _ => (Method::Objective, alone),
        };
        let rounding = 2.0 * proof.allowance;
        let excused =
            if rounding <= EXCUSED * objective { rounding } else { rounding.min(EXCUSED * self.untrained()) };
        let gap = (proof.nominal + proof.allowance).max(rounding);
        Certificate {
            objective,
            gap,
            rounding,
            excused,
            method,
            dependent: 0,
            exact_fit: false,
            output_gaps: vec![gap; self.samples.outputs],
            shape: self.shape(),
            quadratic: self.problem.loss == LossKind::Squared,
            intercept: self.problem.intercept,
        }
    }

    /// Strong convexity: `½ Σ λⱼ ‖Wⱼ − W*ⱼ‖²` is at most the gap.
    fn shape(&self) -> Shape {
        if !self.penalized {
            return Shape::default();
        }
        let inverse: Vec<f64> = self.metric.iter().map(|lambda| 1.0 / lambda).collect();
        Shape {
            inverse_norm: Some(inverse.iter().copied().fold(0.0, f64::max)),
            inverse: Some(inverse),
            inverse_intercept: match self.problem.intercept {
                Intercept::Absent => Some(0.0),
                Intercept::Penalized => Some(1.0 / self.problem.penalty.lambda),
                Intercept::Free => None,
            },
        }
    }
}

/// Room for the Hessian of an intercept.
type Square = Mat<f64>;
