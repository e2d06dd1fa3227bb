//! A fit of samples whose penalty is meant in scaled units. Dense rows are solved in those units, in which columns far
//! from 0 are no trouble; the answer is folded back, and certified again in the user's units on the rows as they are.
//! Sparse rows would no longer be sparse, and are solved as they are, with the squared scales as factors of the penalty.

use super::path::{By, Choose, PathProgress, SamplePath, fit_path};
use super::samples::{Progress, SampleFit, SampleSettings, fit_samples};
use super::{Verdict, in_user_units};
use crate::certificate::certify_samples;
use crate::data::scale::{Scale, Scaling};
use crate::data::{Features, Samples};
use crate::diagnosis::{self, Code, Diagnosis, FarColumn};
use crate::error::Result;
use crate::problem::{Intercept, Problem};
use faer::Mat;
use std::time::Instant;

/// As [`fit_samples`], of a problem in the units of `scaling`; with the answer comes the problem in the user's units.
///
/// # Errors
/// As [`fit_samples`].
pub fn fit_scaled(
    samples: &Samples<'_>,
    problem: &Problem,
    scaling: &Scaling,
    settings: &SampleSettings,
    watch: &(dyn Fn(Progress) -> bool + Sync),
) -> Result<(SampleFit, Problem)> {
    let user = in_user_units(problem, scaling);
    if scaling.is_identity() || samples.x.is_sparse() {
        let begun = Instant::now();
        let mut fit = fit_samples(samples, &user, settings, watch)?;
        without_impossible(&mut fit, scaling);
        if scaling.is_identity() {
            let left = settings.time_limit.map(|limit| limit.saturating_sub(begun.elapsed()));
            let settings = SampleSettings { time_limit: left, ..*settings };
            try_standardized(&mut fit, samples, problem, &settings, watch)?;
        }
        return Ok((fit, user));
    }
    let across = scaled(samples, scaling);
    let inside = Samples { x: Features::F64(across.transpose()), ..*samples };
    let fit = fit_samples(&inside, problem, settings, watch)?;
    Ok((folded_back(samples, &user, scaling, settings, fit)?, user))
}

/// Whether the penalty is what keeps an answer from being certified, in units in which it means nothing.
fn try_standardized(
    fit: &mut SampleFit,
    samples: &Samples<'_>,
    problem: &Problem,
    settings: &SampleSettings,
    watch: &(dyn Fn(Progress) -> bool + Sync),
) -> Result<()> {
    let is_cause = |cause: &Diagnosis| cause.code == Code::Sf106 && fit.long_rows.is_none();
    let unscaled = problem.intercept == Intercept::Free
        && problem.penalty.factors.is_none()
        && problem.penalty.lambda > 0.0;
    let Some(cause) = fit.diagnosis.as_ref().filter(|cause| unscaled && is_cause(cause)) else {
        return Ok(());
    };
    let plain = |column: usize| format!("column {}", column + 1);
    // Beyond the range of numbers there is nothing to try.
    let Ok(scaling) = Scaling::of_samples(Scale::Standardize, samples, &plain) else { return Ok(()) };
    let Some(far) = FarColumn::of(&scaling) else { return Ok(()) };
    let (other, _) = fit_scaled(samples, problem, &scaling, settings, watch)?;
    if other.verdict == Verdict::Certified {
        fit.diagnosis = Some(far.diagnosis(cause.clone(), &plain));
        fit.far_column = Some(far);
    }
    Ok(())
}

/// As [`fit_path`], of penalties in the units of `scaling`, which is that of all rows; with the path comes the problem in the
/// user's units that was chosen.
///
/// # Errors
/// As [`fit_path`].
pub fn path_scaled(
    samples: &Samples<'_>,
    problem: &Problem,
    scaling: &Scaling,
    penalties: &[f64],
    (choose, by): (Choose<'_>, By),
    settings: &SampleSettings,
    watch: &(dyn Fn(PathProgress) -> bool + Sync),
) -> Result<(SamplePath, Problem)> {
    let mut user = in_user_units(problem, scaling);
    let as_they_are = scaling.is_identity() || samples.x.is_sparse();
    let mut path = if as_they_are {
        fit_path(samples, &user, penalties, choose, by, settings, watch)?
    } else {
        let across = scaled(samples, scaling);
        let inside = Samples { x: Features::F64(across.transpose()), ..*samples };
        let other;
        let choose = match choose {
            Choose::Folds(count) => Choose::Folds(count),
            Choose::Held(held) => {
                other = scaled(&held, scaling);
                Choose::Held(Samples { x: Features::F64(other.transpose()), ..held })
            }
        };
        fit_path(&inside, problem, penalties, choose, by, settings, watch)?
    };
    user.penalty.lambda = path.points.get(path.best).map_or(f64::NAN, |point| point.lambda);
    if as_they_are {
        without_impossible(&mut path.fit, scaling);
    } else {
        let cause = path.fit.diagnosis.clone();
        path.fit = folded_back(samples, &user, scaling, settings, path.fit)?;
        if path.cut_short.is_some() {
            (path.fit.verdict, path.fit.diagnosis) = (Verdict::Uncertified, cause);
        }
    }
    Ok((path, user))
}

/// An answer in scaled units becomes one in the user's, certified there.
fn folded_back(
    samples: &Samples<'_>,
    user: &Problem,
    scaling: &Scaling,
    settings: &SampleSettings,
    mut fit: SampleFit,
) -> Result<SampleFit> {
    if fit.verdict == Verdict::Failed {
        return Ok(fit);
    }
    fit.candidate.coefficients = scaling.fold_back(&fit.candidate.coefficients);
    let dual = fit.dual.as_ref().map(Mat::as_ref);
    fit.certificate = certify_samples(samples, user, &fit.candidate.coefficients, dual)?;
    let certifies = fit.certificate.certifies(settings.gap);
    match fit.verdict {
        // There is no best answer, however near this one is to the least value.
        Verdict::Uncertified if certifies && fit.unbounded.is_some() => {}
        _ if certifies => {
            fit.verdict = Verdict::Certified;
            (fit.diagnosis, fit.long_rows) = (None, None);
        }
        verdict if verdict == Verdict::Certified || fit.unbounded.is_some() => {
            fit.verdict = Verdict::Uncertified;
            let mut cause = diagnosis::unproven_samples(user, &fit.candidate, &fit.certificate, settings.gap);
            cause.also.extend(fit.unbounded.take().map(|_| Code::Sf208));
            fit.diagnosis = Some(cause);
        }
        _ => {}
    }
    without_impossible(&mut fit, scaling);
    Ok(fit)
}

/// In scaled units an intercept is not penalised, whatever was tried: [`check_scale`](super::check_scale) refuses it.
fn without_impossible(fit: &mut SampleFit, scaling: &Scaling) {
    let Some((found, tried)) = &mut fit.unbounded else { return };
    if !scaling.is_identity() {
        tried.retain(|tried| !tried.left_out.is_empty());
        let plain = |label: usize| format!("label {}", label + 1);
        fit.diagnosis = Some(found.diagnosis(&plain, fit.certificate.gap(), tried));
    }
}

/// d × n: the rows in scaled units, each a column.
pub(super) fn scaled(samples: &Samples<'_>, scaling: &Scaling) -> Mat<f64> {
    let (n, d) = (samples.x.rows(), samples.x.columns());
    let mut across = Mat::zeros(d, n);
    for i in 0..n {
        let row = across.col_as_slice_mut(i);
        samples.x.for_each_in_row(i, |j, value| row[j] = value);
        for ((value, shift), factor) in row.iter_mut().zip(&scaling.shift).zip(&scaling.factor) {
            *value = (*value - shift) / factor;
        }
    }
    across
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::data::LabelSets;
    use crate::data::features::Csr;
    use crate::data::scale::Scale;
    use crate::fit::Method;
    use crate::loss::named;
    use crate::metrics::measure::Measure;
    use crate::metrics::threshold::Rule;
    use crate::num::random::Random;
    use crate::problem::{Intercept, LossKind, Ridge};

    /// Three columns, one of them 1e4 deviations from 0, and labels that follow from them.
    fn rows(offset: f64) -> (Mat<f64>, LabelSets) {
        let mut random = Random(7);
        let mut number = || (0..12).map(|_| random.below(1000) as f64 / 1000.0).sum::<f64>() - 6.0;
        let x = Mat::from_fn(60, 3, |_, j| [1.0, 1e-3, 1.0][j] * number() + [0.0, 0.0, offset][j]);
        let mut sets = LabelSets::new(60, 4);
        for i in 0..60 {
            let scores = [x[(i, 0)], 1e3 * x[(i, 1)], x[(i, 2)] - offset, -x[(i, 0)]];
            (0..4).filter(|k| scores[*k] + 0.5 * number() > 0.3).for_each(|k| sets.insert(i, k));
        }
        (x, sets)
    }

    #[test]
    fn a_path_in_scaled_units_is_that_of_scaled_rows_whatever_their_units_are() {
        let loss = LossKind::Bpmll;
        let problem = Problem { loss, penalty: Ridge::uniform(0.0), intercept: Intercept::Free };
        let settings =
            SampleSettings { method: Method::Auto, gap: 1e-6, max_iter: None, time_limit: None, seed: 0 };
        let ((near, sets), (far, _)) = (rows(0.0), rows(1e4));
        let values: Vec<f64> = (0..180).map(|at| near[(at / 3, at % 3)]).collect();
        let (starts, indices): (Vec<i32>, Vec<i32>) =
            ((0..=60).map(|i| 3 * i).collect(), (0..180).map(|at| at % 3).collect());
        let sparse = Csr::new(3, &starts, &indices, &values).unwrap();
        let loss = named(loss);
        let of = |x| Samples::of_labels(x, sets.view(), None, &*loss).unwrap();
        let scaling = |samples: &Samples<'_>| {
            Scaling::of_samples(Scale::Standardize, samples, &|j| j.to_string()).unwrap()
        };
        let plain = of(Features::F64(near.as_ref()));
        // The oracle: a path of rows that were scaled before.
        let across = scaled(&plain, &scaling(&plain));
        let before = of(Features::F64(across.transpose()));
        let by = By::Measure(Measure::RankingLoss, Rule::LeastSquares);
        let penalties = [1.0, 0.1, 0.01];
        for folds in [true, false] {
            let choose = |rows| if folds { Choose::Folds(4) } else { Choose::Held(rows) };
            let wanted =
                fit_path(&before, &problem, &penalties, choose(before), by, &settings, &|_| true).unwrap();
            for x in [Features::F64(near.as_ref()), Features::F64(far.as_ref()), Features::Csr64(sparse)] {
                let samples = of(x);
                let how = (choose(samples), by);
                let scaling = scaling(&samples);
                let (found, user) =
                    path_scaled(&samples, &problem, &scaling, &penalties, how, &settings, &|_| true).unwrap();
                assert_eq!((found.best, found.fit.verdict), (wanted.best, Verdict::Certified));
                for (a, b) in found.points.iter().zip(&wanted.points) {
                    assert!((a.loss - b.loss).abs() < 1e-3 * b.loss, "{a:?} {b:?}");
                    assert!((a.measure.unwrap() - b.measure.unwrap()).abs() < 0.01, "{a:?} {b:?}");
                }
                let chosen = penalties[found.best];
                assert!((user.penalty.lambda / chosen - 1.0).abs() < 1e-15);
                let again =
                    certify_samples(&samples, &user, &found.fit.candidate.coefficients, None).unwrap();
                assert!(again.certifies(settings.gap));
                let (a, b) = (again.objective(), wanted.fit.certificate.objective());
                assert!((a / b - 1.0).abs() < 2e-6, "{a} {b}");
            }
        }
    }

    /// A label that no row has: however near the least value, in whatever units, there is no best answer.
    #[test]
    fn what_has_no_best_answer_has_none_in_scaled_units_and_no_remedy_that_a_scale_forbids() {
        let loss = LossKind::Bpmll;
        let problem = Problem { loss, penalty: Ridge::uniform(0.1), intercept: Intercept::Free };
        let settings =
            SampleSettings { method: Method::Auto, gap: 1e-6, max_iter: None, time_limit: None, seed: 0 };
        let (x, sets) = rows(0.0);
        let mut more = LabelSets::new(60, 5);
        for i in 0..60 {
            (0..4).filter(|k| sets.view().has(i, *k)).for_each(|k| more.insert(i, k));
        }
        let samples =
            Samples::of_labels(Features::F64(x.as_ref()), more.view(), None, &*named(loss)).unwrap();
        let scaling = Scaling::of_samples(Scale::Standardize, &samples, &|j| j.to_string()).unwrap();
        let (one, _) = fit_scaled(&samples, &problem, &scaling, &settings, &|_| true).unwrap();
        let how = (Choose::Folds(3), By::Loss);
        let (path, _) =
            path_scaled(&samples, &problem, &scaling, &[0.1, 1.0], how, &settings, &|_| true).unwrap();
        for fit in [one, path.fit] {
            let cause = fit.diagnosis.unwrap();
            assert_eq!((fit.verdict, cause.code), (Verdict::Uncertified, Code::Sf208));
            let commands: Vec<_> = cause.remedies.iter().filter_map(|of| of.command.clone()).collect();
            assert!(commands.len() == 1 && commands[0].starts_with("--drop-label"), "{commands:?}");
        }
    }

    #[test]
    fn dense_rows_far_from_zero_have_the_answer_of_those_near_it_and_sparse_rows_the_same() {
        let loss = LossKind::Bpmll;
        let problem = Problem { loss, penalty: Ridge::uniform(0.1), intercept: Intercept::Free };
        let settings =
            SampleSettings { method: Method::Auto, gap: 1e-6, max_iter: None, time_limit: None, seed: 0 };
        let run = |x: Features<'_>, sets: &LabelSets| {
            let samples = Samples::of_labels(x, sets.view(), None, &*named(loss)).unwrap();
            let scaling = Scaling::of_samples(Scale::Standardize, &samples, &|j| j.to_string()).unwrap();
            let (fit, user) = fit_scaled(&samples, &problem, &scaling, &settings, &|_| true).unwrap();
            assert_eq!(fit.verdict, Verdict::Certified);
            assert!(user.penalty.factors.is_some());
            let again = certify_samples(&samples, &user, &fit.candidate.coefficients, None).unwrap();
            assert!(again.certifies(settings.gap));
            (again.objective(), fit.candidate.coefficients)
        };
        let (near, sets) = rows(0.0);
        let (far, _) = rows(1e4);
        let (starts, indices): (Vec<i32>, Vec<i32>) =
            ((0..=60).map(|i| 3 * i).collect(), (0..180).map(|at| at % 3).collect());
        let values: Vec<f64> = (0..180).map(|at| near[(at / 3, at % 3)]).collect();
        let sparse = Csr::new(3, &starts, &indices, &values).unwrap();
        let (objective, answer) = run(Features::F64(near.as_ref()), &sets);
        for features in [Features::F64(far.as_ref()), Features::Csr64(sparse)] {
            let (other, coefficients) = run(features, &sets);
            assert!((objective / other - 1.0).abs() < 2e-6, "{objective} {other}");
            let difference = answer.weights.as_ref() - coefficients.weights.as_ref();
            assert!(difference.norm_l2() < 1e-2 * answer.weights.norm_l2());
        }
    }
}
