//! Many penalties on samples, and which of them to take: the one with the least mean loss, or the best value of a measure of
//! labels, on rows that the fits did not see.
//!
//! Penalties go from the largest to the smallest, each fit begins with the answer of the one before, and each has its
//! own certificate. In cross-validation a fold is a set of row weights: the rows that are left out weigh 0, so nothing
//! is copied and sparse rows stay sparse. The mean over the folds is weighted by the weight of their rows, and its
//! standard error is `√(Σ v_f (L_f − L)² / (Σ v_f (F − 1)))`, as in `glmnet` (J. Friedman, T. Hastie and R. Tibshirani,
//! J. Stat. Softw. 33, 2010).

mod judge;

pub use judge::By;

use self::judge::{Judged, point};
use super::samples::{Progress, SampleFit, SampleSettings, Start, fit_from};
use super::{Verdict, unbounded};
use crate::data::Samples;
use crate::diagnosis;
use crate::error::{Error, Result};
use crate::loss::Targets;
use crate::num::random::Random;
use crate::problem::{Problem, Ridge};
use crate::solver::Stop;
use std::time::{Duration, Instant};

/// How penalties are compared.
#[derive(Clone, Copy, Debug)]
pub enum Choose<'a> {
    /// Cross-validation: rows are dealt into so many folds, class by class, and each fold is judged by fits to the
    /// others.
    Folds(usize),
    /// Rows that no fit sees.
    Held(Samples<'a>),
}

/// Where a search is.
#[derive(Clone, Copy, Debug)]
pub struct PathProgress {
    /// Penalties that are done, of how many.
    pub penalty: (usize, usize),
    /// The fold, from 1, and how many there are; 0 of 0 without folds, and for the last fit to all rows.
    pub fold: (usize, usize),
    /// The fit.
    pub fit: Progress,
}

/// One penalty.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PathPoint {
    /// λ.
    pub lambda: f64,
    /// The weighted mean loss on rows that the fits did not see.
    pub loss: f64,
    /// The measure there, where penalties are compared by one: the mean over the folds, weighted by the rows that it is over.
    pub measure: Option<f64>,
    /// The standard error over the folds, where there are such, of what penalties are compared by.
    pub std_error: Option<f64>,
    /// The share of those rows, by weight, that were given their class.
    pub accuracy: Option<f64>,
    /// The largest relative gap of its fits.
    pub relative_gap: f64,
    /// Whether all of its fits are certified.
    pub certified: bool,
}

/// What came of a search.
#[derive(Clone, Debug)]
pub struct SamplePath {
    /// The penalties that were compared, the largest first.
    pub points: Vec<PathPoint>,
    /// The place of the one with the least loss, or the best measure, the largest of equals.
    pub best: usize,
    /// Penalties that were asked for.
    pub asked: usize,
    /// Why not all of them were compared.
    pub cut_short: Option<Stop>,
    /// Rows that are the only one of their class, and so in every set of rows that was fitted.
    pub always_fitted: usize,
    /// The fit to all rows with the best penalty.
    pub fit: SampleFit,
}

/// Compares `penalties` in place of the problem's own λ and fits all rows with the best of them.
///
/// # Errors
/// Those of [`super::fit_samples`]; folds that are fewer than two or more than the rows; [`Error::Interrupted`] when
/// the time is over, or `watch` says no, before one penalty was compared.
pub fn fit_path(
    samples: &Samples<'_>,
    problem: &Problem,
    penalties: &[f64],
    choose: Choose<'_>,
    by: By,
    settings: &SampleSettings,
    watch: &(dyn Fn(PathProgress) -> bool + Sync),
) -> Result<SamplePath> {
    let mut order = penalties.to_vec();
    order.sort_by(|a, b| b.total_cmp(a));
    let search = Search { samples, problem, by, settings, watch, begun: Instant::now(), order };
    let mut path = match choose {
        Choose::Folds(count) => search.by_folds(count)?,
        Choose::Held(held) => search.by_rows(&held)?,
    };
    if let (None, Some(best)) = (path.cut_short, path.points.get(path.best)) {
        let penalty = Ridge { lambda: best.lambda, ..problem.penalty.clone() };
        let problem = Problem { penalty, ..problem.clone() };
        let all = (path.asked, path.asked);
        path.fit = unbounded::judged(samples, &problem, settings, path.fit, &|fit| {
            watch(PathProgress { penalty: all, fold: (0, 0), fit })
        })?;
    }
    if let (Some(stop), Some(best)) = (path.cut_short, path.points.get(path.best)) {
        path.fit.verdict = Verdict::Uncertified;
        path.fit.candidate.stop = stop;
        let found =
            diagnosis::path_cut_short(stop, (path.points.len(), path.asked), best, &path.fit.certificate);
        path.fit.diagnosis = Some(found);
    }
    Ok(path)
}

/// What a search needs.
struct Search<'r, 's> {
    samples: &'r Samples<'s>,
    problem: &'r Problem,
    by: By,
    settings: &'r SampleSettings,
    watch: &'r (dyn Fn(PathProgress) -> bool + Sync),
    begun: Instant,
    order: Vec<f64>,
}

/// The points so far, and the best of them.
#[derive(Default)]
struct Course {
    by: By,
    points: Vec<PathPoint>,
    best: usize,
    cut_short: Option<Stop>,
}

impl Course {
    /// Whether the point is the best so far.
    fn push(&mut self, point: PathPoint) -> bool {
        let cost = |point: &PathPoint| self.by.cost(point);
        let better =
            self.points.get(self.best).is_none_or(|best| cost(&point) < cost(best) || cost(best).is_nan());
        if better {
            self.best = self.points.len();
        }
        self.points.push(point);
        better
    }

    fn path(self, asked: usize, always_fitted: usize, fit: SampleFit) -> SamplePath {
        let Self { points, best, cut_short, .. } = self;
        SamplePath { points, best, asked, cut_short, always_fitted, fit }
    }
}

impl Search<'_, '_> {
    fn course(&self) -> Course {
        Course { by: self.by, ..Course::default() }
    }

    fn by_folds(&self, count: usize) -> Result<SamplePath> {
        let folds = Folds::deal(self.samples, count, self.settings.seed)?;
        let mut starts: Vec<Option<Start>> = vec![None; count];
        let (mut course, mut begin) = (self.course(), None);
        'search: for (nth, &lambda) in self.order.iter().enumerate() {
            let mut fits = Vec::with_capacity(count);
            for (fold, start) in starts.iter_mut().enumerate() {
                let fitted = folds.weights(self.samples, |of_row| of_row != Some(fold));
                let train = Samples { weights: Some(&fitted), ..*self.samples };
                let fit = self.fit(&train, lambda, start.take(), (nth, (fold + 1, count)))?;
                course.cut_short = cut_short(&fit);
                if course.cut_short.is_some() {
                    break 'search;
                }
                let left_out = folds.weights(self.samples, |of_row| of_row == Some(fold));
                let held = Samples { weights: Some(&left_out), ..*self.samples };
                fits.push(Judged::of(&held, &train, self.problem.loss, self.by, &fit)?);
                *start = Some(fit.into());
            }
            if course.push(point(lambda, &fits)) {
                begin.clone_from(&starts[0]);
            }
        }
        let best = course.points.get(course.best).ok_or(Error::Interrupted)?.lambda;
        let fit = self.fit(self.samples, best, begin, (course.points.len(), (0, 0)))?;
        Ok(course.path(self.order.len(), folds.always, fit))
    }

    fn by_rows(&self, held: &Samples<'_>) -> Result<SamplePath> {
        let (mut course, mut found, mut start) = (self.course(), None, None);
        for (nth, &lambda) in self.order.iter().enumerate() {
            let fit = self.fit(self.samples, lambda, start.take(), (nth, (0, 0)))?;
            course.cut_short = cut_short(&fit);
            if course.cut_short.is_some() {
                break;
            }
            let judged = Judged::of(held, self.samples, self.problem.loss, self.by, &fit)?;
            if course.push(point(lambda, &[judged])) {
                found = Some(fit.clone());
            }
            start = Some(fit.into());
        }
        let fit = found.ok_or(Error::Interrupted)?;
        Ok(course.path(self.order.len(), 0, fit))
    }

    fn fit(
        &self,
        samples: &Samples<'_>,
        lambda: f64,
        start: Option<Start>,
        (done, fold): (usize, (usize, usize)),
    ) -> Result<SampleFit> {
        let left = |limit: Duration| limit.saturating_sub(self.begun.elapsed());
        let settings = SampleSettings { time_limit: self.settings.time_limit.map(left), ..*self.settings };
        let penalty = Ridge { lambda, ..self.problem.penalty.clone() };
        let problem = Problem { penalty, ..self.problem.clone() };
        let penalty = (done, self.order.len());
        fit_from(samples, &problem, &settings, start, &|fit| {
            (self.watch)(PathProgress { penalty, fold, fit })
        })
    }
}

/// Why a fit is no full one, though it might have been.
fn cut_short(fit: &SampleFit) -> Option<Stop> {
    let stop = fit.candidate.stop;
    (fit.verdict != Verdict::Certified && matches!(stop, Stop::Time | Stop::Interrupted)).then_some(stop)
}

/// Which fold leaves each row out.
struct Folds {
    /// `None` for rows of weight 0 and the only ones of their class.
    of_rows: Vec<Option<usize>>,
    /// How many of the latter there are.
    always: usize,
}

impl Folds {
    /// Deals the rows of each class in random order, going on where the class before ended: folds differ by one row
    /// of a class at most, and a class of two rows is never left out whole.
    fn deal(samples: &Samples<'_>, count: usize, seed: u64) -> Result<Self> {
        let n = samples.x.rows();
        let mut of_class: Vec<Vec<usize>> = Vec::new();
        for i in (0..n).filter(|&i| samples.weight(i) > 0.0) {
            let class = match samples.targets {
                Targets::Classes(of_rows) => {
                    of_rows.get(i).and_then(|k| usize::try_from(*k).ok()).unwrap_or(0)
                }
                Targets::Values(_) | Targets::Labels(_) => 0,
            };
            if class >= of_class.len() {
                of_class.resize_with(class + 1, Vec::new);
            }
            of_class[class].push(i);
        }
        let always = of_class.iter().filter(|rows| rows.len() == 1).count();
        let dealt: usize = of_class.iter().map(Vec::len).filter(|rows| *rows > 1).sum();
        if count < 2 || count > dealt {
            return Err(Error::Usage {
                what: format!("{count} folds of {dealt} rows that can be left out"),
                hint: if dealt < 2 {
                    "give more rows of each class, or choose by the rows of a file".to_owned()
                } else {
                    format!("give a number of folds from 2 to {dealt}")
                },
            });
        }
        let (mut random, mut next, mut folds) = (Random(seed), 0, vec![None; n]);
        for rows in of_class.iter_mut().filter(|rows| rows.len() > 1) {
            random.shuffle(rows);
            for &row in rows.iter() {
                folds[row] = Some(next % count);
                next += 1;
            }
        }
        Ok(Self { of_rows: folds, always })
    }

    /// The weights of the rows whose fold is wanted, 0 for the others.
    fn weights(&self, samples: &Samples<'_>, wanted: impl Fn(Option<usize>) -> bool) -> Vec<f64> {
        let weight = |(i, fold): (usize, &Option<usize>)| if wanted(*fold) { samples.weight(i) } else { 0.0 };
        self.of_rows.iter().enumerate().map(weight).collect()
    }
}

#[cfg(test)]
mod tests;
