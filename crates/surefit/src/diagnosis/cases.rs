//! Data with known answers, shared by the tests of gradient descent, its forecast and the diagnoses.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::forecast::Spectrum;
use super::{Code, Context, Diagnosis, Facts, Fix, Quality, diagnose};
use crate::data::Design;
use crate::data::scale::Scale;
use crate::oracle::Local;
use crate::problem::{Intercept, LossKind, Problem, Ridge};
use crate::solver::gradient_descent::{Descent, Settings, descend};
use faer::Mat;

/// (sales, temp) of `data/sales.csv`.
pub(crate) fn sales_points() -> Vec<(f64, f64)> {
    let rows = include_str!("../../tests/data/sales.csv").lines().skip(1);
    let point = |row: &str| {
        let (sales, temp) = row.split_once(',').unwrap();
        (sales.parse().unwrap(), temp.parse().unwrap())
    };
    rows.map(point).collect()
}

/// One column and one target.
pub(crate) fn line(points: impl IntoIterator<Item = (f64, f64)>) -> Design {
    let points: Vec<(f64, f64)> = points.into_iter().collect();
    Design {
        x: Mat::from_fn(points.len(), 1, |i, _| points[i].1),
        x_low: None,
        y: Mat::from_fn(points.len(), 1, |i, _| points[i].0),
        weights: None,
    }
}

/// Sales on temperature as they are.
pub(crate) fn sales() -> Design {
    line(sales_points())
}

/// Minus the mean temperature.
pub(crate) fn sales_centred() -> Design {
    let points = sales_points();
    let mean = points.iter().map(|(_, temp)| temp).sum::<f64>() / 12.0;
    line(points.into_iter().map(|(sales, temp)| (sales, temp - mean)))
}

/// Both onto 0 … 1.
pub(crate) fn sales_minmax() -> Design {
    let scaled = |(sales, temp)| ((sales - 185.0) / (614.0 - 185.0), (temp - 11.9) / (25.1 - 11.9));
    line(sales_points().into_iter().map(scaled))
}

/// Ordinary least squares with an intercept.
pub(crate) fn squared() -> Problem {
    Problem { loss: LossKind::Squared, penalty: Ridge::default(), intercept: Intercept::Free }
}

/// A run of gradient descent on some data, and what the rules say of it.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    pub design: Design,
    pub problem: Problem,
    pub scale: Scale,
    pub scale_target: bool,
    pub settings: Settings,
    pub target: f64,
}

impl Run {
    pub fn new(design: Design, learning_rate: f64, tolerance: f64, max_iter: u64) -> Self {
        let settings = Settings { learning_rate, tolerance, max_iter, start: None, time_limit: None };
        Self { design, problem: squared(), scale: Scale::None, scale_target: false, settings, target: 1e-6 }
    }

    pub fn facts(&self) -> Facts {
        let name = |letter: &str, count: usize| -> Vec<String> {
            (1..=count).map(|i| if count == 1 { letter.to_owned() } else { format!("{letter}{i}") }).collect()
        };
        let (columns, targets) = (name("temp", self.design.x.ncols()), name("sales", self.design.y.ncols()));
        Facts::of(&self.design, &columns, &targets).unwrap()
    }

    /// The rows in the units of the run, scaled here and not by the code under test.
    fn scaled(&self) -> Design {
        let scale = |values: &Mat<f64>, scale: Scale| {
            let (n, d) = (values.nrows(), values.ncols());
            let units: Vec<(f64, f64)> = (0..d)
                .map(|j| {
                    let column: Vec<f64> = (0..n).map(|i| values[(i, j)]).collect();
                    let mean = column.iter().sum::<f64>() / n as f64;
                    let variance = column.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / n as f64;
                    let low = column.iter().copied().fold(f64::INFINITY, f64::min);
                    let high = column.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                    match scale {
                        Scale::None => (0.0, 1.0),
                        Scale::Center => (mean, 1.0),
                        Scale::Standardize => (mean, variance.sqrt()),
                        Scale::Minmax => (low, high - low),
                    }
                })
                .collect();
            Mat::from_fn(n, d, |i, j| (values[(i, j)] - units[j].0) / units[j].1)
        };
        let target = if self.scale_target { self.scale } else { Scale::None };
        Design {
            x: scale(&self.design.x, self.scale),
            y: scale(&self.design.y, target),
            ..self.design.clone()
        }
    }

    pub fn descend(&self) -> Descent {
        let design = self.scaled();
        let mut oracle = Local::new(&design, LossKind::Squared).unwrap();
        descend(&mut oracle, &self.problem, &self.settings, &|_| true).unwrap()
    }

    /// The optimum in the user's units; only for runs without a penalty.
    pub fn optimum(&self) -> f64 {
        Spectrum::of(&self.facts().moments, &self.problem, None).unwrap().optimum()
    }

    /// One unit of the loss of the run, in the user's.
    pub fn loss_unit(&self) -> f64 {
        let unit = self.facts().target_unit(self.scale, self.scale_target, 0);
        unit * unit
    }

    pub fn diagnose(&self) -> Option<Diagnosis> {
        let (facts, descent, optimum) = (self.facts(), self.descend(), self.optimum());
        let objective = descent.final_loss * self.loss_unit();
        let quality = objective.is_finite().then(|| Quality {
            objective,
            gap: (objective - optimum).max(1e-14 * objective),
            excused: 1e-14 * objective,
        });
        let before = self.context(&facts);
        let best = Quality { objective: optimum, gap: 0.0, excused: 1e-14 * optimum };
        diagnose(&Context { descent: Some(&descent), quality, best: Some(best), ..before })
    }

    /// What is known before the run.
    pub fn context<'a>(&'a self, facts: &'a Facts) -> Context<'a> {
        Context {
            facts,
            problem: &self.problem,
            scale: self.scale,
            scale_target: self.scale_target,
            settings: &self.settings,
            target: self.target,
            descent: None,
            quality: None,
            exact: None,
            best: None,
        }
    }

    /// The codes of the diagnosis, primary first; empty without one.
    pub fn codes(&self) -> Vec<Code> {
        self.diagnose().map_or_else(Vec::new, |found| std::iter::once(found.code).chain(found.also).collect())
    }

    /// The run with a remedy applied; `None` for the exact solver.
    pub fn with(&self, fix: &Fix) -> Option<Self> {
        let mut run = self.clone();
        match fix {
            Fix::Scale(scale) => run.scale = *scale,
            Fix::LearningRate(rate) => run.settings.learning_rate = *rate,
            Fix::Tolerance(tolerance) => run.settings.tolerance = *tolerance,
            Fix::MaxIter(limit) => run.settings.max_iter = *limit,
            Fix::StartAtZeros => run.settings.start = None,
            Fix::Several(fixes) => {
                return fixes.iter().try_fold(run, |run, fix| run.with(fix));
            }
            Fix::Exact | Fix::Drop(_) | Fix::Penalty(_) | Fix::Gap(_) | Fix::Formula(_) | Fix::Line(_) => {
                return None;
            }
        }
        Some(run)
    }

    /// Runs every remedy of the diagnosis and checks that it ends inside the wanted gap, within the promised steps.
    pub fn assert_remedies_hold(&self) -> Diagnosis {
        let found = self.diagnose().expect("a diagnosis");
        assert!(found.remedies.iter().any(|remedy| remedy.fix == Fix::Exact));
        for remedy in &found.remedies {
            assert!((remedy.command.is_some() || remedy.fix == Fix::StartAtZeros));
            let Some(run) = self.with(&remedy.fix) else { continue };
            let (descent, optimum) = (run.descend(), run.optimum() / run.loss_unit());
            let wanted = self.target * optimum * (1.0 + 1e-9);
            assert!(descent.final_loss - optimum <= wanted, "{} does not reach the gap", remedy.change);
            let reached =
                descent.trace.rows().find(|row| row.loss - optimum <= wanted).expect("reached").step;
            let promised = remedy.steps.expect("steps");
            assert!(reached <= promised, "{}: {reached} steps, {promised} promised", remedy.change);
            assert!(
                promised - reached <= promised / 50 + 2,
                "{}: {reached} steps, {promised} promised",
                remedy.change
            );
        }
        found
    }
}

/// `n` rows with columns of these means and spreads, uncorrelated but for chance, and a target that depends on all.
pub(crate) fn columns(n: usize, means_and_spreads: &[(f64, f64)], noise: f64) -> Design {
    let mut state = 12_345u64;
    let mut uniform = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1u64 << 53) as f64 * 12f64.sqrt() - 3f64.sqrt()
    };
    let unit = Mat::from_fn(n, means_and_spreads.len() + 1, |_, _| uniform());
    let d = means_and_spreads.len();
    Design {
        x: Mat::from_fn(n, d, |i, j| means_and_spreads[j].0 + means_and_spreads[j].1 * unit[(i, j)]),
        x_low: None,
        y: Mat::from_fn(n, 1, |i, _| 5.0 + (0..d).map(|j| unit[(i, j)]).sum::<f64>() + noise * unit[(i, d)]),
        weights: None,
    }
}
