//! Many penalties on samples, and which of them to take: the one with the least mean loss on rows that the fits did
//! not see.
//!
//! Penalties go from the largest to the smallest, each fit begins with the answer of the one before, and each has its
//! own certificate. In cross-validation a fold is a set of row weights: the rows that are left out weigh 0, so nothing
//! is copied and sparse rows stay sparse. The mean over the folds is weighted by the weight of their rows, and its
//! standard error is `√(Σ v_f (L_f − L)² / (Σ v_f (F − 1)))`, as in `glmnet` (J. Friedman, T. Hastie and R. Tibshirani,
//! J. Stat. Softw. 33, 2010).

use super::Verdict;
use super::samples::{Progress, SampleFit, SampleSettings, Start, fit_from};
use crate::data::Samples;
use crate::diagnosis;
use crate::error::{Error, Result};
use crate::loss::Targets;
use crate::metrics::class;
use crate::num::random::Random;
use crate::oracle::Pass;
use crate::problem::{LossKind, Problem, Ridge};
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
    /// Its standard error over the folds, where there are such.
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
    /// The place of the one with the least loss, the largest of equals.
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
    settings: &SampleSettings,
    watch: &(dyn Fn(PathProgress) -> bool + Sync),
) -> Result<SamplePath> {
    let mut order = penalties.to_vec();
    order.sort_by(|a, b| b.total_cmp(a));
    let search = Search { samples, problem, settings, watch, begun: Instant::now(), order };
    let mut path = match choose {
        Choose::Folds(count) => search.by_folds(count)?,
        Choose::Held(held) => search.by_rows(&held)?,
    };
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
    settings: &'r SampleSettings,
    watch: &'r (dyn Fn(PathProgress) -> bool + Sync),
    begun: Instant,
    order: Vec<f64>,
}

/// The points so far, and the best of them.
#[derive(Default)]
struct Course {
    points: Vec<PathPoint>,
    best: usize,
    cut_short: Option<Stop>,
}

impl Course {
    /// Whether the point is the best so far.
    fn push(&mut self, point: PathPoint) -> bool {
        let better =
            self.points.get(self.best).is_none_or(|best| point.loss < best.loss || best.loss.is_nan());
        if better {
            self.best = self.points.len();
        }
        self.points.push(point);
        better
    }

    fn path(self, asked: usize, always_fitted: usize, fit: SampleFit) -> SamplePath {
        let Self { points, best, cut_short } = self;
        SamplePath { points, best, asked, cut_short, always_fitted, fit }
    }
}

impl Search<'_, '_> {
    fn by_folds(&self, count: usize) -> Result<SamplePath> {
        let folds = Folds::deal(self.samples, count, self.settings.seed)?;
        let mut starts: Vec<Option<Start>> = vec![None; count];
        let (mut course, mut begin) = (Course::default(), None);
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
                fits.push(Judged::of(&held, self.problem.loss, &fit)?);
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
        let (mut course, mut found, mut start) = (Course::default(), None, None);
        for (nth, &lambda) in self.order.iter().enumerate() {
            let fit = self.fit(self.samples, lambda, start.take(), (nth, (0, 0)))?;
            course.cut_short = cut_short(&fit);
            if course.cut_short.is_some() {
                break;
            }
            let judged = Judged::of(held, self.problem.loss, &fit)?;
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

/// A fit on rows that it did not see.
struct Judged {
    weight: f64,
    loss: f64,
    accuracy: Option<f64>,
    relative_gap: f64,
    certified: bool,
}

impl Judged {
    fn of(held: &Samples<'_>, loss: LossKind, fit: &SampleFit) -> Result<Self> {
        let mut pass = Pass::new(*held, loss)?;
        let mean = pass.score(&fit.candidate.coefficients);
        Ok(Self {
            weight: held.total_weight(),
            loss: mean,
            accuracy: accuracy(held, &pass),
            relative_gap: fit.certificate.relative_gap(),
            certified: fit.verdict == Verdict::Certified,
        })
    }
}

/// The share of the rows, by weight, whose class their scores tell.
fn accuracy(held: &Samples<'_>, pass: &Pass<'_>) -> Option<f64> {
    let Targets::Classes(of_rows) = held.targets else { return None };
    let scores = pass.scores();
    let right = of_rows.iter().enumerate().filter(|(i, truth)| {
        let given = class((0..scores.ncols()).map(|k| scores[(*i, k)]));
        given.is_some() && given == usize::try_from(**truth).ok()
    });
    Some(right.map(|(i, _)| held.weight(i)).sum::<f64>() / held.total_weight())
}

fn point(lambda: f64, folds: &[Judged]) -> PathPoint {
    let total: f64 = folds.iter().map(|fold| fold.weight).sum();
    let mean =
        |of: &dyn Fn(&Judged) -> f64| folds.iter().map(|fold| fold.weight * of(fold)).sum::<f64>() / total;
    let loss = mean(&|fold| fold.loss);
    let spread = mean(&|fold| (fold.loss - loss).powi(2));
    PathPoint {
        lambda,
        loss,
        std_error: (folds.len() > 1).then(|| (spread / (folds.len() - 1) as f64).sqrt()),
        accuracy: folds
            .iter()
            .all(|fold| fold.accuracy.is_some())
            .then(|| mean(&|fold| fold.accuracy.unwrap_or(f64::NAN))),
        relative_gap: folds.iter().map(|fold| fold.relative_gap).fold(0.0, f64::max),
        certified: folds.iter().all(|fold| fold.certified),
    }
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
                Targets::Values(_) => 0,
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
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::data::Features;
    use crate::loss::named;
    use faer::Mat;

    fn rows(classes: &[u32], count: usize, weights: Option<&[f64]>, seed: u64) -> Result<Folds> {
        let x = Mat::<f64>::zeros(classes.len(), 1);
        let loss = named(LossKind::Softmax);
        let samples = Samples::of_classes(Features::F64(x.as_ref()), classes, weights, 4, &*loss).unwrap();
        Folds::deal(&samples, count, seed)
    }

    #[test]
    fn every_fold_has_its_share_of_every_class_and_every_row_is_left_out_once() {
        let classes: Vec<u32> = (0..103u32).map(|i| if i == 102 { 3 } else { i % 3 }).collect();
        let folds = rows(&classes, 5, None, 7).unwrap();
        assert_eq!((folds.of_rows[102], folds.always), (None, 1), "the only row of its class");
        for class in 0..3u32 {
            let count = |fold| {
                let of_class = classes.iter().zip(&folds.of_rows).filter(|(k, _)| **k == class);
                of_class.filter(|(_, of_row)| **of_row == Some(fold)).count()
            };
            let counts: Vec<usize> = (0..5).map(count).collect();
            assert_eq!(counts.iter().sum::<usize>(), 34);
            assert!(counts.iter().all(|n| (6..=7).contains(n)), "{counts:?}");
        }
        let sizes: Vec<usize> =
            (0..5).map(|fold| folds.of_rows.iter().filter(|f| **f == Some(fold)).count()).collect();
        assert!(sizes.iter().all(|n| (20..=21).contains(n)), "{sizes:?}");
    }

    #[test]
    fn the_same_seed_deals_the_same_folds_and_another_one_others() {
        let classes: Vec<u32> = (0..60u32).map(|i| i % 4).collect();
        let of = |seed| rows(&classes, 3, None, seed).unwrap().of_rows;
        assert_eq!(of(1), of(1));
        assert_ne!(of(1), of(2));
    }

    #[test]
    fn a_row_of_weight_0_is_in_no_fold_and_too_many_folds_are_refused() {
        let weights = [1.0, 0.0, 2.0, 1.0];
        let folds = rows(&[0, 0, 0, 1], 2, Some(&weights), 0).unwrap();
        assert_eq!((folds.of_rows[1], folds.of_rows[3]), (None, None));
        assert!(folds.of_rows[0].is_some() && folds.of_rows[0] != folds.of_rows[2]);
        let refused = rows(&[0, 0, 0, 1], 3, Some(&weights), 0).map(drop).unwrap_err();
        assert_eq!(refused.to_string(), "3 folds of 2 rows that can be left out");
        assert_eq!(refused.hints(), ["give a number of folds from 2 to 2"]);
        assert!(rows(&[0, 1, 2, 3], 2, None, 0).is_err());
    }

    /// Three clouds that overlap, with a row weight each.
    struct Clouds {
        x: Mat<f64>,
        y: Vec<u32>,
        weights: Vec<f64>,
    }

    impl Clouds {
        fn new(rows: usize) -> Self {
            let mut random = Random(11);
            let mut number = move || (random.next() >> 11) as f64 / (1u64 << 53) as f64;
            let x = Mat::from_fn(rows, 2, |i, j| 2.0 * number() + if i % 3 == j { 1.0 } else { 0.0 });
            let weights = (0..rows).map(|i| [1.0, 0.0, 2.5, 1.0][i % 4]).collect();
            Self { x, y: (0..rows).zip((0..3u32).cycle()).map(|(_, k)| k).collect(), weights }
        }

        fn samples(&self, loss: LossKind) -> Samples<'_> {
            let x = Features::F64(self.x.as_ref());
            Samples::of_classes(x, &self.y, Some(&self.weights), 3, &*named(loss)).unwrap()
        }

        /// Copies of some rows.
        fn some(&self, rows: &[usize]) -> Self {
            Self {
                x: Mat::from_fn(rows.len(), 2, |i, j| self.x[(rows[i], j)]),
                y: rows.iter().map(|&i| self.y[i]).collect(),
                weights: rows.iter().map(|&i| self.weights[i]).collect(),
            }
        }
    }

    fn settings(gap: f64) -> SampleSettings {
        let method = super::super::Method::Auto;
        SampleSettings { method, gap, max_iter: None, time_limit: None, seed: 5 }
    }

    fn problem(loss: LossKind, lambda: f64) -> Problem {
        Problem { loss, penalty: Ridge::uniform(lambda), intercept: crate::problem::Intercept::Free }
    }

    #[test]
    fn a_fold_left_out_by_weights_is_a_fit_to_a_copy_of_the_other_rows() {
        let clouds = Clouds::new(60);
        for (loss, gap) in [(LossKind::Softmax, 1e-11), (LossKind::Hinge { margin: 1.0 }, 1e-7)] {
            let samples = clouds.samples(loss);
            let penalties = [1e-2, 1.0, 1e-1];
            let path = fit_path(
                &samples,
                &problem(loss, 0.0),
                &penalties,
                Choose::Folds(3),
                &settings(gap),
                &|_| true,
            )
            .unwrap();
            assert!(path.points.windows(2).all(|pair| pair[0].lambda > pair[1].lambda));
            assert!(path.points.iter().all(|point| point.certified), "{:?}", path.points);
            assert_eq!((path.cut_short, path.asked, path.always_fitted), (None, 3, 0));
            let folds = Folds::deal(&samples, 3, 5).unwrap();
            for point in &path.points {
                let (mut sum, mut right, mut total) = (0.0, 0.0, 0.0);
                for fold in 0..3 {
                    let rows = |held: bool| -> Vec<usize> {
                        let dealt = folds.of_rows.iter().enumerate().filter(|(_, f)| f.is_some());
                        dealt.filter(|(_, f)| (**f == Some(fold)) == held).map(|(i, _)| i).collect()
                    };
                    let (train, held) = (clouds.some(&rows(false)), clouds.some(&rows(true)));
                    let fit = super::super::fit_samples(
                        &train.samples(loss),
                        &problem(loss, point.lambda),
                        &settings(gap),
                        &|_| true,
                    )
                    .unwrap();
                    let mut pass = Pass::new(held.samples(loss), loss).unwrap();
                    let weight = held.weights.iter().sum::<f64>();
                    sum += weight * pass.score(&fit.candidate.coefficients);
                    right += weight * accuracy(&held.samples(loss), &pass).unwrap();
                    total += weight;
                }
                let tolerance = 30.0 * gap.sqrt() * (sum / total);
                assert!((point.loss - sum / total).abs() < tolerance, "{loss:?} {point:?} {}", sum / total);
                assert!((point.accuracy.unwrap() - right / total).abs() < 0.05, "{loss:?} {point:?}");
                assert!(point.std_error.unwrap() > 0.0);
            }
            let least = path.points.iter().map(|point| point.loss).fold(f64::INFINITY, f64::min);
            assert_eq!(path.points[path.best].loss.to_bits(), least.to_bits());
            let alone = super::super::fit_samples(
                &samples,
                &problem(loss, path.points[path.best].lambda),
                &settings(gap),
                &|_| true,
            )
            .unwrap();
            let (a, b) = (path.fit.certificate.objective(), alone.certificate.objective());
            assert!((a - b).abs() <= 2.0 * gap * b, "{loss:?}: {a} {b}");
            assert_eq!(path.fit.verdict, Verdict::Certified);
        }
    }

    #[test]
    fn rows_of_a_file_choose_by_their_loss_and_a_row_of_weight_2_is_two_rows() {
        let (clouds, loss) = (Clouds::new(48), LossKind::CrammerSinger { margin: 1.0 });
        let other: Vec<usize> = (0..48).filter(|i| i % 5 == 0).collect();
        let twice: Vec<usize> = other.iter().flat_map(|&i| [i, i]).collect();
        let held =
            |rows: &[usize], weight: f64| Clouds { weights: vec![weight; rows.len()], ..clouds.some(rows) };
        let run = |held: &Clouds| {
            let choose = Choose::Held(held.samples(loss));
            fit_path(
                &clouds.samples(loss),
                &problem(loss, 0.0),
                &[0.01, 0.1, 1.0],
                choose,
                &settings(1e-5),
                &|_| true,
            )
            .unwrap()
        };
        let (a, b) = (run(&held(&other, 2.0)), run(&held(&twice, 1.0)));
        for (a, b) in a.points.iter().zip(&b.points) {
            assert!((a.loss - b.loss).abs() < 1e-12 && a.std_error.is_none(), "{a:?} {b:?}");
        }
        let mut pass =
            Pass::new(held(&other, 1.0).samples(loss), loss).unwrap().score(&a.fit.candidate.coefficients);
        pass -= a.points[a.best].loss;
        assert!(pass.abs() < 1e-12, "the answer is the one that was judged");
    }

    #[test]
    fn a_search_that_is_stopped_has_the_best_of_what_was_compared_and_one_without_any_has_no_answer() {
        let (clouds, loss) = (Clouds::new(48), LossKind::Softmax);
        let penalties = [1.0, 0.1, 0.01, 0.001];
        let run = |most: usize| {
            let samples = clouds.samples(loss);
            fit_path(&samples, &problem(loss, 0.0), &penalties, Choose::Folds(4), &settings(1e-9), &|told| {
                told.penalty.0 < most
            })
        };
        let path = run(2).unwrap();
        assert_eq!((path.points.len(), path.asked, path.cut_short), (2, 4, Some(Stop::Interrupted)));
        assert_eq!(path.fit.verdict, Verdict::Uncertified);
        let cause = path.fit.diagnosis.unwrap();
        assert_eq!(cause.code, diagnosis::Code::Sf108);
        assert!(
            cause.message.starts_with("Ctrl-C ended the search after 2 of 4 penalties"),
            "{}",
            cause.message
        );
        assert!(matches!(run(0), Err(Error::Interrupted)));
    }
}
