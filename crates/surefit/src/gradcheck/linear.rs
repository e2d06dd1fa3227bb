//! Gradients that someone claims for the objective of a linear model on samples.
//!
//! The numbers come from values alone: moving one parameter changes the scores of one output in the rows where its
//! feature is not 0, so a value costs as much as those rows, not a pass. The true parts come from
//! [`Pass`](crate::oracle::Pass), which shares no more with the values than the loss itself.

use super::mistake::{Finding, Layout, Trial, name};
use super::numeric::{Report, Settings, check_moved};
use super::parts::{Parts, Split};
use crate::data::{Samples, Shape};
use crate::error::{Error, Result};
use crate::loss::{Loss, Targets, named};
use crate::num::{Dd, UNIT_ROUNDOFF};
use crate::oracle::{Answer, Ask, Oracle, Pass};
use crate::problem::{Coefficients, Intercept, LossKind};
use faer::MatMut;

/// A gradient that is claimed at a point.
#[derive(Clone, Debug, PartialEq)]
pub struct Claim {
    /// W and b.
    pub at: Coefficients,
    /// What is claimed to be the gradient there.
    pub gradient: Coefficients,
}

/// What came of checking claims.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// What the entries of reports and truths are: feature by feature, the intercept last.
    pub layout: Layout,
    /// One for each claim.
    pub reports: Vec<Report>,
    /// The right gradient at each point; at a kink one of them.
    pub truths: Vec<Vec<f64>>,
    /// The mistake, where one explains all claims.
    pub finding: Option<Finding>,
    /// λ is not 0, but every penalised parameter of every point is: a wrong penalty cannot be seen.
    pub penalty_unseen: bool,
}

impl Verdict {
    /// Whether every entry is right at every point.
    pub fn agrees(&self) -> bool {
        self.reports.iter().all(Report::agrees)
    }
}

/// Entries that lost digits, written in few or computed in single precision, are right when they are off by less
/// than this of the terms that they are the sum of.
const DIGITS: f64 = 1e-6;

/// Checks claims about the mean `loss` over the samples plus (λ/2) ‖W‖², and names the mistake in them.
///
/// # Errors
/// A δ that makes no sense, claims of another shape than the samples, or a point where the objective is not finite.
pub fn check_samples(
    samples: Samples<'_>,
    loss: LossKind,
    lambda: f64,
    intercept: Intercept,
    claims: &[Claim],
) -> Result<Verdict> {
    let shape = samples.shape();
    let has_intercept = intercept != Intercept::Absent;
    let layout = Layout {
        rows: shape.columns + usize::from(has_intercept),
        outputs: shape.outputs,
        intercept: has_intercept.then_some(shape.columns),
        penalize_intercept: intercept == Intercept::Penalized,
    };
    let mut pass = Pass::new(samples, loss)?;
    let by_column = ByColumn::of(&samples, has_intercept);
    let (mut reports, mut truths, mut trials) = (Vec::new(), Vec::new(), Vec::new());
    for claim in claims {
        let fits = |c: &Coefficients| {
            (c.weights.nrows(), c.weights.ncols(), c.intercept.len())
                == (shape.columns, shape.outputs, shape.outputs)
        };
        if !fits(&claim.at) || !fits(&claim.gradient) {
            return Err(Error::Internal("a claim of another shape than the samples".to_owned()));
        }
        let mut answer = Answer::new(shape);
        pass.eval(&claim.at, Ask::Gradient, &mut answer)?;
        let data = Coefficients { weights: answer.weights, intercept: answer.intercept };
        let [point, given, data] = [&claim.at, &claim.gradient, &data].map(|all| row_by_row(all, layout));
        let split = Some(()).filter(|()| loss.is_of_classes() && shape.outputs > 1);
        let parts = Parts { split: split.map(|()| self::split(&pass, loss, layout)), last_batch: None, data };
        let penalized = layout.penalized(&point);
        let objective = Objective::new(&pass, loss, lambda, layout, &by_column, &penalized);
        let mut report = objective.check(&given, &point)?;
        for ((entry, terms), w) in report.entries.iter_mut().zip(terms(&parts, layout)).zip(&penalized) {
            entry.allowance = entry.allowance.max(DIGITS * (terms + lambda * w.abs()));
        }
        reports.push(report);
        truths.push(parts.data.iter().zip(&penalized).map(|(g, w)| g + lambda * w).collect());
        trials.push(Trial { layout, lambda, size: samples.total_weight(), point, given, parts });
    }
    let agrees = reports.iter().all(Report::agrees);
    let seen = trials.iter().any(|trial| layout.penalized(&trial.point).iter().any(|w| *w != 0.0));
    Ok(Verdict {
        layout,
        reports,
        truths,
        finding: if agrees { None } else { name(&trials) },
        penalty_unseen: lambda != 0.0 && !seen,
    })
}

/// Feature by feature, the intercept last where there is one.
fn row_by_row(all: &Coefficients, layout: Layout) -> Vec<f64> {
    let (d, c) = (all.weights.nrows(), layout.outputs);
    let mut flat: Vec<f64> = (0..d * c).map(|p| all.weights[(p / c, p % c)]).collect();
    flat.extend(all.intercept.iter().filter(|_| layout.intercept.is_some()));
    flat
}

/// The size of the terms that the entries of a parameter's row are sums of: the largest over its outputs.
fn terms(parts: &Parts, layout: Layout) -> Vec<f64> {
    let sizes: Vec<f64> = match &parts.split {
        Some(split) => {
            split.wrong_classes.iter().zip(&split.true_class).map(|(a, b)| a.abs() + b.abs()).collect()
        }
        None => parts.data.iter().map(|g| g.abs()).collect(),
    };
    let c = layout.outputs.max(1);
    let of_row = |row: &[f64]| vec![row.iter().copied().fold(0.0, f64::max); row.len()];
    sizes.chunks(c).flat_map(of_row).collect()
}

/// How the gradient divides at the point where the pass was last evaluated.
fn split(pass: &Pass<'_>, loss: LossKind, layout: Layout) -> Split {
    let (samples, c) = (pass.samples(), layout.outputs);
    let (loss, total) = (named(loss), samples.total_weight());
    let zeros = || vec![0.0; layout.rows * c];
    let mut split = Split { wrong_classes: zeros(), true_class: zeros(), indicator: zeros() };
    let mut g = vec![0.0; c];
    for i in 0..samples.x.rows() {
        let (targets, s) = (samples.targets.rows(i, 1), samples.weight(i));
        let Targets::Classes(&[class]) = targets else { continue };
        if s == 0.0 {
            continue;
        }
        g.iter_mut().zip(pass.scores().row(i).iter()).for_each(|(g, z)| *g = *z);
        loss.block(MatMut::from_row_major_slice_mut(&mut g, 1, c), targets, None);
        let share = s / total;
        let mut add = |k: usize, x: f64| {
            for (j, g) in g.iter().enumerate().filter(|(_, g)| **g != 0.0) {
                let place = k * c + j;
                if usize::try_from(class) == Ok(j) {
                    split.true_class[place] += share * g * x;
                    split.indicator[place] -= share * x;
                } else {
                    split.wrong_classes[place] += share * g * x;
                }
            }
        };
        samples.x.for_each_in_row(i, &mut add);
        if let Some(k) = layout.intercept {
            add(k, 1.0);
        }
    }
    split
}

/// The entries of the samples that are not 0, column by column; a column of ones last where there is an intercept.
struct ByColumn {
    starts: Vec<usize>,
    rows: Vec<usize>,
    values: Vec<f64>,
}

impl ByColumn {
    fn of(samples: &Samples<'_>, intercept: bool) -> Self {
        let Shape { rows: n, columns: d, .. } = samples.shape();
        let columns = d + usize::from(intercept);
        let mut starts = vec![0; columns + 1];
        let visit = |visit: &mut dyn FnMut(usize, usize, f64)| {
            for i in 0..n {
                samples.x.for_each_in_row(i, |j, x| visit(i, j, x));
                if intercept {
                    visit(i, d, 1.0);
                }
            }
        };
        visit(&mut |_, j, _| starts[j + 1] += 1);
        for j in 0..columns {
            starts[j + 1] += starts[j];
        }
        let mut next = starts.clone();
        let (mut rows, mut values) = (vec![0; starts[columns]], vec![0.0; starts[columns]]);
        visit(&mut |i, j, x| {
            (rows[next[j]], values[next[j]]) = (i, x);
            next[j] += 1;
        });
        Self { starts, rows, values }
    }

    /// Rows and values of column `j`.
    fn column(&self, j: usize) -> (&[usize], &[f64]) {
        let range = self.starts[j]..self.starts[j + 1];
        (&self.rows[range.clone()], &self.values[range])
    }
}

/// The objective around a point.
struct Objective<'a> {
    samples: Samples<'a>,
    kind: LossKind,
    loss: Box<dyn Loss>,
    lambda: f64,
    layout: Layout,
    by_column: &'a ByColumn,
    penalized: &'a [f64],
    total: f64,
    /// n × c.
    scores: Vec<f64>,
    here: f64,
    /// The relative rounding of a value.
    rounding: f64,
}

/// Rows that a loss is asked about at a time: few, so that the sum within a block loses no digits.
const BLOCK: usize = 64;

impl<'a> Objective<'a> {
    /// At the point where the pass was last evaluated, of which the penalised parameters are given.
    fn new(
        pass: &Pass<'a>,
        kind: LossKind,
        lambda: f64,
        layout: Layout,
        by_column: &'a ByColumn,
        penalized: &'a [f64],
    ) -> Self {
        let (samples, c) = (pass.samples(), layout.outputs);
        let scores: Vec<f64> =
            pass.scores().row_iter().flat_map(|row| row.iter().copied().collect::<Vec<_>>()).collect();
        let mut new = Self {
            samples,
            kind,
            loss: named(kind),
            lambda,
            layout,
            by_column,
            penalized,
            total: samples.total_weight(),
            scores,
            here: 0.0,
            rounding: 0.0,
        };
        let all: Vec<usize> = (0..samples.x.rows()).collect();
        let (mut value, mut carried) = (Dd::ZERO, Dd::ZERO);
        for rows in all.chunks(BLOCK) {
            let mut z = new.gathered(rows);
            let scores = z.clone();
            value += Dd::from(new.sum(rows, &mut z));
            // What the rounding of a score does to the value.
            carried += Dd::from(z.iter().zip(&scores).map(|(g, z)| (g * z).abs()).sum::<f64>());
        }
        let squares: Dd = penalized.iter().map(|w| Dd::product(*w, *w)).sum();
        new.here = value.value() / new.total + 0.5 * lambda * squares.value();
        let scale = carried.value() / new.total / new.here.abs();
        new.rounding = 64.0 * UNIT_ROUNDOFF * if scale > 1.0 { scale } else { 1.0 };
        debug_assert_eq!(new.scores.len(), samples.x.rows() * c);
        new
    }

    fn check(&self, given: &[f64], at: &[f64]) -> Result<Report> {
        let moved = |index: usize, theta: f64| self.moved(index, theta, at[index]);
        let distance = |_: &[f64], index: usize| self.kink(index);
        let quadratic = !matches!(self.kind, LossKind::Softmax | LossKind::OvrLogistic)
            && (!self.kind.is_of_labels()
                || matches!(self.kind, LossKind::PairwiseHinge | LossKind::PairwiseSquaredHinge));
        let settings = Settings {
            rounding: self.rounding,
            kink_distance: if quadratic { Some(&distance) } else { None },
        };
        check_moved(self.here, &moved, given, at, &settings)
    }

    /// The scores of some rows.
    fn gathered(&self, rows: &[usize]) -> Vec<f64> {
        let c = self.layout.outputs;
        rows.iter().flat_map(|&i| &self.scores[i * c..(i + 1) * c]).copied().collect()
    }

    /// Σ s ℓ over some rows, whose scores become gradients.
    fn sum(&self, rows: &[usize], z: &mut [f64]) -> f64 {
        let c = self.layout.outputs;
        let weights: Option<Vec<f64>> =
            self.samples.weights.map(|_| rows.iter().map(|&i| self.samples.weight(i)).collect());
        let block = MatMut::from_row_major_slice_mut(z, rows.len(), c);
        match self.samples.targets {
            Targets::Classes(classes) => {
                let classes: Vec<u32> = rows.iter().map(|&i| classes[i]).collect();
                self.loss.block(block, Targets::Classes(&classes), weights.as_deref())
            }
            Targets::Values(y) => {
                let y = faer::Mat::from_fn(rows.len(), c, |i, k| y[(rows[i], k)]);
                self.loss.block(block, Targets::Values(y.as_ref()), weights.as_deref())
            }
            Targets::Labels(labels) => {
                let picked = labels.picked(rows);
                let picked = picked.view().weighted(labels.weights());
                self.loss.block(block, Targets::Labels(picked), weights.as_deref())
            }
        }
    }

    /// The value with parameter `index` at `theta` instead of `own`.
    fn moved(&self, index: usize, theta: f64, own: f64) -> f64 {
        let (c, step) = (self.layout.outputs, theta - own);
        let (rows, values) = self.by_column.column(index / c);
        let mut change = Dd::ZERO;
        for (rows, values) in rows.chunks(BLOCK).zip(values.chunks(BLOCK)) {
            let mut before = self.gathered(rows);
            let mut after = before.clone();
            for (z, x) in after.iter_mut().skip(index % c).step_by(c).zip(values) {
                *z += step * x;
            }
            change += Dd::from(self.sum(rows, &mut after));
            change += Dd::from(-self.sum(rows, &mut before));
        }
        let w = self.penalized[index];
        let free = self.layout.intercept == Some(index / c) && !self.layout.penalize_intercept;
        let penalty = if free { 0.0 } else { 0.5 * self.lambda * step * (2.0 * w + step) };
        self.here + (change.value() / self.total + penalty)
    }

    /// How far parameter `index` can move before the loss of a row has a kink.
    fn kink(&self, index: usize) -> f64 {
        let (c, j) = (self.layout.outputs, index % self.layout.outputs);
        let (rows, values) = self.by_column.column(index / c);
        let mut nearest = f64::INFINITY;
        for (&i, x) in rows.iter().zip(values).filter(|(i, _)| self.samples.weight(**i) != 0.0) {
            let z = &self.scores[i * c..(i + 1) * c];
            nearest = nearest.min(self.nearest(i, z, j) / x.abs());
        }
        nearest
    }

    /// How far score `j` of row `i` can move before a kink.
    fn nearest(&self, i: usize, z: &[f64], j: usize) -> f64 {
        let class = match self.samples.targets {
            Targets::Classes(classes) => usize::try_from(classes[i]).unwrap_or(0),
            Targets::Values(_) | Targets::Labels(_) => 0,
        };
        let rivals = || z.iter().enumerate().filter(|(k, _)| *k != class);
        let least = |distances: &mut dyn Iterator<Item = f64>| distances.fold(f64::INFINITY, f64::min);
        match self.kind {
            LossKind::Hinge { margin } | LossKind::SquaredHinge { margin } => {
                let moves = rivals().filter(|(k, _)| j == class || *k == j);
                least(&mut moves.map(|(_, rival)| ((rival - z[class]) + margin).abs()))
            }
            LossKind::CrammerSinger { margin } => {
                let others = rivals().filter(|(k, _)| *k != j).map(|(_, z)| *z);
                let strongest = others.fold(f64::NEG_INFINITY, f64::max);
                if j == class {
                    return ((strongest - z[class]) + margin).abs();
                }
                (z[j] - strongest).abs().min(((z[j] - z[class]) + margin).abs())
            }
            LossKind::OvrHinge | LossKind::OvrSquaredHinge => {
                let own = if z.len() == 1 { class == 1 } else { j == class };
                (1.0 - if own { z[j] } else { -z[j] }).abs()
            }
            LossKind::Huber { delta } => match self.samples.targets {
                Targets::Values(y) => {
                    let residual = z[j] - y[(i, j)];
                    (residual - delta).abs().min((residual + delta).abs())
                }
                Targets::Classes(_) | Targets::Labels(_) => 0.0,
            },
            LossKind::PairwiseHinge | LossKind::PairwiseSquaredHinge => {
                let Targets::Labels(labels) = self.samples.targets else { return 0.0 };
                let has = labels.has(i, j);
                let across = z.iter().enumerate().filter(|(k, _)| labels.has(i, *k) != has);
                least(&mut across.map(|(_, z_k)| (1.0 - if has { z[j] - z_k } else { z_k - z[j] }).abs()))
            }
            LossKind::Squared
            | LossKind::OvrLogistic
            | LossKind::Softmax
            | LossKind::Bpmll
            | LossKind::Lsep
            | LossKind::Log1pBpmll
            | LossKind::Zlpr
            | LossKind::PairwiseLogistic
            | LossKind::GlobalThreshold
            | LossKind::LabelLogistic => f64::INFINITY,
        }
    }
}

#[cfg(test)]
mod tests;
