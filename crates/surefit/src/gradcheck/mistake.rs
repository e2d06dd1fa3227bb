//! The name of the mistake in a wrong gradient.
//!
//! The gradient is regressed on its true parts: wrong classes, true class, penalty; the right answer is (1, 1, λ),
//! and each way to be wrong has coefficients of its own. What is no mixture of the parts is compared with what
//! the known mistakes would have given: transposed, shifted by a class, of another point, of another batch.
//! A name is given only where it explains the claim at every point.

use super::parts::{Parts, Split};
use std::fmt;

/// What the parameters are: a matrix rows × outputs, row by row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Coefficients of one output, its intercept among them.
    pub rows: usize,
    /// c.
    pub outputs: usize,
    /// The row of the intercept.
    pub intercept: Option<usize>,
    /// Whether the penalty is on the intercept too.
    pub penalize_intercept: bool,
}

impl Layout {
    /// One output without an intercept.
    pub fn flat(parameters: usize) -> Self {
        Self { rows: parameters, outputs: 1, intercept: None, penalize_intercept: false }
    }

    fn row(&self, index: usize) -> usize {
        index / self.outputs.max(1)
    }

    fn is_intercept(&self, index: usize) -> bool {
        self.intercept == Some(self.row(index))
    }

    /// The parameters that the penalty is on, zeros for the others.
    pub(super) fn penalized(&self, point: &[f64]) -> Vec<f64> {
        let free = |index| self.is_intercept(index) && !self.penalize_intercept;
        point.iter().enumerate().map(|(index, w)| if free(index) { 0.0 } else { *w }).collect()
    }
}

/// A gradient claimed at one point, and what it should have been made of.
#[derive(Clone, Debug, PartialEq)]
pub struct Trial {
    /// What the parameters are.
    pub layout: Layout,
    /// λ.
    pub lambda: f64,
    /// n, or Σ sᵢ.
    pub size: f64,
    /// The parameters.
    pub point: Vec<f64>,
    /// What was claimed.
    pub given: Vec<f64>,
    /// What is true.
    pub parts: Parts,
}

impl Trial {
    fn penalized(&self) -> Vec<f64> {
        self.layout.penalized(&self.point)
    }

    /// `data + λ W`.
    fn with_penalty(&self, data: &[f64]) -> Vec<f64> {
        data.iter().zip(self.penalized()).map(|(g, w)| g + self.lambda * w).collect()
    }

    fn truth(&self) -> Vec<f64> {
        self.with_penalty(&self.parts.data)
    }

    /// Whether the claim is that vector.
    fn is(&self, wanted: &[f64]) -> bool {
        let error = norm(self.given.iter().zip(wanted).map(|(a, b)| a - b));
        self.given.len() == wanted.len() && error <= TOLERANCE * norm(wanted.iter().copied())
    }
}

/// How far a claim may be from what a mistake would give, relative to that: numeric gradients have 9 digits.
const TOLERANCE: f64 = 1e-6;

/// What went wrong in a gradient. Coefficients are those of a [`Finding`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Mistake {
    /// The losses were summed and not divided by the number of rows.
    NotAveraged,
    /// They were divided by it twice.
    AveragedTwice,
    /// The data part has the wrong sign, the penalty the right one.
    DataSign,
    /// The data part comes in with another factor.
    DataFactor(f64),
    /// The penalty comes in with another factor: 2 where `reg·ΣW²` was meant and ½ where `0.5·reg·ΣW²` was.
    PenaltyFactor(f64),
    /// No penalty.
    PenaltyMissing,
    /// A penalty with that λ where there is none.
    PenaltyUnwanted(f64),
    /// Nothing is subtracted for the class that a row has.
    TrueClassMissing,
    /// For the class that a row has, whether a margin is violated stands where the number of those belongs.
    IndicatorForCount,
    /// Of softmax, the 1 of the class that a row has is not subtracted from its probability.
    OwnClassNotSubtracted,
    /// The parts come in with other factors than 1.
    Parts,
    /// The whole gradient has the wrong sign.
    Sign,
    /// The whole gradient was multiplied by the number of rows.
    TimesRows,
    /// The whole gradient was divided by the number of rows.
    OverRows,
    /// The whole gradient comes in with that factor.
    Factor(f64),
    /// The entries are those of the transposed matrix.
    Transposed,
    /// Every class has the gradient of its neighbour; by so many columns to the right.
    ClassesShifted(i32),
    /// The intercept is penalised, and should not be.
    InterceptPenalized,
    /// The intercept is not penalised, and should be.
    InterceptNotPenalized,
    /// The gradient of the intercept is missing.
    InterceptMissing,
    /// Only the last batch of rows is in it.
    LastBatch,
    /// It belongs to the point before.
    PreviousPoint,
}

/// A mistake, and the numbers that show it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Finding {
    /// What went wrong.
    pub mistake: Mistake,
    /// Coefficients of the wrong classes' part, the true class's part and the parameters in the claim, where it is
    /// a mixture of these; the right ones are (1, 1, λ). Of the first size.
    pub coefficients: Option<[f64; 3]>,
    /// λ.
    pub lambda: f64,
    /// n of the first size.
    pub size: f64,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (lambda, n) = (self.lambda, self.size);
        // A nought has no sign.
        let clean = |factor: f64| if factor.abs() < 5e-7 { 0.0 } else { factor };
        let [wrong, own, penalty] = self.coefficients.unwrap_or([f64::NAN; 3]).map(clean);
        match self.mistake {
            Mistake::NotAveraged => {
                write!(f, "the losses are summed, not averaged: factor {wrong:.6} for n = {n}")
            }
            Mistake::AveragedTwice => {
                write!(f, "the losses are averaged twice: factor {wrong:.6} for n = {n}")
            }
            Mistake::DataSign => write!(f, "the data part has the wrong sign: factor {wrong:.6}"),
            Mistake::DataFactor(factor) => write!(f, "the data part comes in {factor:.6} times"),
            Mistake::PenaltyFactor(factor) => {
                write!(f, "the penalty comes in {factor:.6} times: {penalty:.6}·W instead of {lambda}·W")
            }
            Mistake::PenaltyMissing => write!(f, "the penalty's {lambda}·W is missing"),
            Mistake::PenaltyUnwanted(found) => write!(f, "{found:.6}·W is added, and there is no penalty"),
            Mistake::TrueClassMissing => {
                write!(f, "the part of the row's own class is missing: factor {own:.6} instead of 1")
            }
            Mistake::IndicatorForCount => {
                write!(f, "the row's own class gets 1 where the number of violated margins belongs")
            }
            Mistake::OwnClassNotSubtracted => {
                write!(f, "the 1 of the row's own class is not subtracted from its probability")
            }
            Mistake::Parts => write!(
                f,
                "wrong classes, own class and W come in {wrong:.6}, {own:.6} and {penalty:.6} times instead of 1, 1 and {lambda}"
            ),
            Mistake::Sign => write!(f, "the gradient has the wrong sign"),
            Mistake::TimesRows => write!(f, "the gradient is multiplied by n = {n}"),
            Mistake::OverRows => write!(f, "the gradient is divided by n = {n}"),
            Mistake::Factor(factor) => write!(f, "the gradient comes in {factor:.6} times"),
            Mistake::Transposed => write!(f, "the gradient is transposed"),
            Mistake::ClassesShifted(by) => {
                write!(f, "every class has the gradient of another, {by:+} columns away")
            }
            Mistake::InterceptPenalized => {
                write!(f, "the intercept is penalised with {lambda}, and is to be free")
            }
            Mistake::InterceptNotPenalized => write!(f, "the intercept's penalty of {lambda} is missing"),
            Mistake::InterceptMissing => write!(f, "the intercept's gradient is 0"),
            Mistake::LastBatch => write!(f, "only the last batch of rows is in the gradient"),
            Mistake::PreviousPoint => write!(f, "the gradient is the one of the point before"),
        }
    }
}

/// Names what is wrong with the claims; nothing where they are right, or no mistake explains all of them.
///
/// Trials of one size stand together, in the order in which the gradient was asked.
pub fn name(trials: &[Trial]) -> Option<Finding> {
    let first = trials.first()?;
    if trials.iter().all(|trial| trial.is(&trial.truth())) {
        return None;
    }
    let finding =
        |mistake, coefficients| Finding { mistake, coefficients, lambda: first.lambda, size: first.size };
    if let Some(direct) = direct(trials) {
        return Some(finding(direct, None));
    }
    let groups: Vec<&[Trial]> = trials.chunk_by(|a, b| a.size == b.size).collect();
    if let Some(mixtures) = all(&groups, |group| Mixture::of(group, |trial| split(trial).1)) {
        let mistake = of_mixtures(&mixtures)?;
        return Some(finding(mistake, mixtures.first().map(|mixture| mixture.coefficients)));
    }
    // With another part for the own class everything is as it should be.
    let instead = |mistake, own: &dyn Fn(&Split) -> Vec<f64>| {
        let own = |trial: &Trial| trial.parts.split.as_ref().map_or_else(Vec::new, own);
        let mixtures = all(&groups, |group| Mixture::of(group, own))?;
        let explained = mixtures.iter().all(|mixture| mixture.is([1.0, 1.0, mixture.lambda]));
        let coefficients = mixtures.first().map(|mixture| mixture.coefficients);
        explained.then(|| finding(mistake, coefficients))
    };
    // What −1 takes from a probability between 0 and 1 is what the indicator has for every row.
    let probability =
        |split: &Split| split.true_class.iter().zip(&split.indicator).map(|(own, one)| own - one).collect();
    instead(Mistake::IndicatorForCount, &|split| split.indicator.clone())
        .or_else(|| instead(Mistake::OwnClassNotSubtracted, &probability))
}

/// The results of `of` for all groups, or nothing.
fn all<T>(groups: &[&[Trial]], of: impl Fn(&[Trial]) -> Option<T>) -> Option<Vec<T>> {
    groups.iter().map(|group| of(group)).collect()
}

/// Wrong classes' and true class's part; a data part that does not divide counts as the former.
fn split(trial: &Trial) -> (Vec<f64>, Vec<f64>) {
    match &trial.parts.split {
        Some(split) => (split.wrong_classes.clone(), split.true_class.clone()),
        None => (trial.parts.data.clone(), vec![0.0; trial.parts.data.len()]),
    }
}

/// A claim as a mixture of its true parts.
struct Mixture {
    coefficients: [f64; 3],
    lambda: f64,
    size: f64,
    /// The parameters are not all 0, so that their coefficient is known.
    penalty_seen: bool,
}

impl Mixture {
    /// The least-squares mixture of all claims of one size, where it leaves nothing over.
    fn of(trials: &[Trial], own: impl Fn(&Trial) -> Vec<f64>) -> Option<Self> {
        let first = trials.first()?;
        let stack = |part: &dyn Fn(&Trial) -> Vec<f64>| trials.iter().flat_map(part).collect::<Vec<f64>>();
        let columns = [stack(&|t| split(t).0), stack(&|t| own(t)), stack(&|t| t.penalized())];
        let given = stack(&|t| t.given.clone());
        let (mut coefficients, left) = least_squares(&columns, &given)?;
        if norm(left.iter().copied()) > TOLERANCE * norm(given.iter().copied()) {
            return None;
        }
        if columns[1].iter().all(|entry| *entry == 0.0) {
            // A data part that is not divided: one factor for both halves.
            coefficients[1] = coefficients[0];
        }
        let penalty_seen = columns[2].iter().any(|entry| *entry != 0.0);
        Some(Self { coefficients, lambda: first.lambda, size: first.size, penalty_seen })
    }

    fn is(&self, wanted: [f64; 3]) -> bool {
        let [wrong, own, penalty] = self.coefficients;
        near(wrong, wanted[0]) && near(own, wanted[1]) && self.penalty_is(penalty, wanted[2])
    }

    fn penalty_is(&self, found: f64, wanted: f64) -> bool {
        !self.penalty_seen
            || (found - wanted).abs() <= SIMILAR * self.lambda.abs().max(wanted.abs()).max(1e-12)
    }
}

/// Two coefficients are the same within this: digits that collinear parts lose included.
const SIMILAR: f64 = 1e-4;

fn near(found: f64, wanted: f64) -> bool {
    (found - wanted).abs() <= SIMILAR * wanted.abs().max(1e-3)
}

/// The coefficients that a mistake has.
type Factors<'a> = &'a dyn Fn(&Mixture) -> [f64; 3];

/// The gradient that a mistake makes, where it can be made.
type Made<'a> = &'a dyn Fn(&Trial) -> Option<Vec<f64>>;

/// What coefficients other than (1, 1, λ) mean, if they mean the same at every size.
fn of_mixtures(mixtures: &[Mixture]) -> Option<Mistake> {
    let first = mixtures.first()?;
    let [wrong, own, penalty] = first.coefficients;
    let everywhere = |wanted: &dyn Fn(&Mixture) -> [f64; 3]| mixtures.iter().all(|m| m.is(wanted(m)));
    let (factor, ratio) = (wrong, penalty / first.lambda);
    // With λ = 0, or at W = 0 alone, data and whole are the same: the whole is named.
    let whole = mixtures.iter().all(|m| m.lambda == 0.0 || !m.penalty_seen);
    let fixed: [(Mistake, Factors<'_>); 12] = [
        (Mistake::PenaltyMissing, &|_| [1.0, 1.0, 0.0]),
        (Mistake::PenaltyFactor(ratio), &|m| [1.0, 1.0, ratio * m.lambda]),
        (Mistake::PenaltyUnwanted(penalty), &|_| [1.0, 1.0, penalty]),
        (Mistake::TrueClassMissing, &|m| [1.0, 0.0, m.lambda]),
        (Mistake::NotAveraged, &|m| [m.size, m.size, m.lambda]),
        (Mistake::AveragedTwice, &|m| [1.0 / m.size, 1.0 / m.size, m.lambda]),
        (Mistake::TimesRows, &|m| [m.size, m.size, m.size * m.lambda]),
        (Mistake::OverRows, &|m| [1.0 / m.size, 1.0 / m.size, m.lambda / m.size]),
        (if whole { Mistake::Sign } else { Mistake::DataSign }, &|m| [-1.0, -1.0, m.lambda]),
        (Mistake::Sign, &|m| [-1.0, -1.0, -m.lambda]),
        (Mistake::Factor(factor), &|m| [factor, factor, factor * m.lambda]),
        (Mistake::DataFactor(factor), &|m| [factor, factor, m.lambda]),
    ];
    let found = fixed.into_iter().find(|(mistake, wanted)| mistake.is_possible(first) && everywhere(wanted));
    match found {
        Some((mistake, _)) => Some(mistake),
        None if everywhere(&|_| [wrong, own, penalty]) => Some(Mistake::Parts),
        None => None,
    }
}

impl Mistake {
    /// Whether the name has a meaning for that λ and n.
    fn is_possible(self, mixture: &Mixture) -> bool {
        match self {
            Self::PenaltyMissing | Self::PenaltyFactor(_) => mixture.lambda != 0.0 && mixture.penalty_seen,
            Self::PenaltyUnwanted(_) => mixture.lambda == 0.0 && mixture.penalty_seen,
            Self::NotAveraged | Self::AveragedTwice | Self::TimesRows | Self::OverRows => mixture.size != 1.0,
            _ => true,
        }
    }
}

/// Mistakes that make no mixture: the claim is compared with what they would have given.
fn direct(trials: &[Trial]) -> Option<Mistake> {
    let candidates: [(Mistake, Made<'_>); 7] = [
        (Mistake::InterceptMissing, &|t| on_intercept(t, |_, _| 0.0)),
        (Mistake::InterceptPenalized, &|t| {
            (!t.layout.penalize_intercept).then_some(())?;
            on_intercept(t, |g, b| g + t.lambda * b)
        }),
        (Mistake::InterceptNotPenalized, &|t| {
            t.layout.penalize_intercept.then_some(())?;
            on_intercept(t, |g, b| g - t.lambda * b)
        }),
        (Mistake::LastBatch, &|t| t.parts.last_batch.as_ref().map(|data| t.with_penalty(data))),
        (Mistake::Transposed, &|t| Some(transposed(t))),
        (Mistake::ClassesShifted(1), &|t| shifted(t, 1)),
        (Mistake::ClassesShifted(-1), &|t| shifted(t, t.layout.outputs.saturating_sub(1))),
    ];
    let explains = |wanted: &dyn Fn(&Trial) -> Option<Vec<f64>>| {
        trials.iter().all(|trial| wanted(trial).is_some_and(|wanted| trial.is(&wanted)))
    };
    if let Some((mistake, _)) = candidates.into_iter().find(|(_, wanted)| explains(wanted)) {
        return Some(mistake);
    }
    // The first point of a size has none before it.
    let mut followed = trials.windows(2).filter(|pair| pair[0].size == pair[1].size).peekable();
    let lags = followed.peek().is_some() && followed.all(|pair| pair[1].is(&pair[0].truth()));
    lags.then_some(Mistake::PreviousPoint)
}

/// The truth with the intercept's entries, of gradient and value, changed.
fn on_intercept(trial: &Trial, change: impl Fn(f64, f64) -> f64) -> Option<Vec<f64>> {
    trial.layout.intercept?;
    let truth = trial.truth();
    let pairs = truth.iter().zip(&trial.point).enumerate();
    Some(pairs.map(|(i, (g, b))| if trial.layout.is_intercept(i) { change(*g, *b) } else { *g }).collect())
}

/// The entries of the transposed truth, row by row.
fn transposed(trial: &Trial) -> Vec<f64> {
    let Layout { rows, outputs, .. } = trial.layout;
    let truth = trial.truth();
    (0..outputs).flat_map(|j| truth.iter().skip(j).step_by(outputs.max(1)).take(rows).copied()).collect()
}

/// Every output with the truth of the one `by` places to its left.
fn shifted(trial: &Trial, by: usize) -> Option<Vec<f64>> {
    let outputs = trial.layout.outputs;
    let mut truth = trial.truth();
    if outputs < 2 || !truth.len().is_multiple_of(outputs) {
        return None;
    }
    truth.chunks_mut(outputs).for_each(|row| row.rotate_right(by));
    Some(truth)
}

/// The Euclidean norm.
fn norm(entries: impl Iterator<Item = f64>) -> f64 {
    entries.map(|entry| entry * entry).sum::<f64>().sqrt()
}

/// A column of whose length less than this is left beside the others is a mixture of them.
const DEPENDENT: f64 = 1e-8;

/// The coefficients of the columns nearest to `rhs` and what is left of it, by modified Gram–Schmidt; a column that
/// is 0 or depends on those before it gets 0. Nothing where lengths differ or a number is not finite.
fn least_squares(columns: &[Vec<f64>; 3], rhs: &[f64]) -> Option<([f64; 3], Vec<f64>)> {
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let usable =
        |column: &Vec<f64>| column.len() == rhs.len() && column.iter().all(|entry| entry.is_finite());
    if !columns.iter().all(usable) || !rhs.iter().all(|entry| entry.is_finite()) {
        return None;
    }
    let mut q = columns.clone();
    let mut left = rhs.to_vec();
    let (mut triangle, mut image) = ([[0.0; 3]; 3], [0.0; 3]);
    for k in 0..3 {
        let (before, rest) = q.split_at_mut(k);
        let column = &mut rest[0];
        let length = norm(column.iter().copied());
        for (j, earlier) in before.iter().enumerate() {
            let share = dot(earlier, column);
            triangle[j][k] = share;
            column.iter_mut().zip(earlier).for_each(|(entry, q)| *entry -= share * q);
        }
        let remains = norm(column.iter().copied());
        if remains <= DEPENDENT * length {
            column.fill(0.0);
            continue;
        }
        triangle[k][k] = remains;
        for entry in column.iter_mut() {
            *entry /= remains;
        }
        image[k] = dot(column, &left);
        left.iter_mut().zip(column.iter()).for_each(|(entry, q)| *entry -= image[k] * q);
    }
    let mut coefficients = [0.0; 3];
    for k in (0..3).rev() {
        if triangle[k][k] > 0.0 {
            let known: f64 = (k + 1..3).map(|j| triangle[k][j] * coefficients[j]).sum();
            coefficients[k] = (image[k] - known) / triangle[k][k];
        }
    }
    Some((coefficients, left))
}
