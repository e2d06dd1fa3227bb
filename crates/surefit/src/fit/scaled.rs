//! A fit of samples whose penalty is meant in scaled units. Dense rows are solved in those units, in which columns far
//! from 0 are no trouble; the answer is folded back, and certified again in the user's units on the rows as they are.
//! Sparse rows would no longer be sparse, and are solved as they are, with the squared scales as factors of the penalty.

use super::samples::{Progress, SampleFit, SampleSettings, fit_samples};
use super::{Verdict, in_user_units};
use crate::certificate::certify_samples;
use crate::data::scale::Scaling;
use crate::data::{Features, Samples};
use crate::diagnosis;
use crate::error::Result;
use crate::problem::Problem;
use faer::Mat;

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
        return Ok((fit_samples(samples, &user, settings, watch)?, user));
    }
    let across = scaled(samples, scaling);
    let inside = Samples { x: Features::F64(across.transpose()), ..*samples };
    let mut fit = fit_samples(&inside, problem, settings, watch)?;
    if fit.verdict == Verdict::Failed {
        return Ok((fit, user));
    }
    fit.candidate.coefficients = scaling.fold_back(&fit.candidate.coefficients);
    let dual = fit.dual.as_ref().map(Mat::as_ref);
    fit.certificate = certify_samples(samples, &user, &fit.candidate.coefficients, dual)?;
    match (fit.certificate.certifies(settings.gap), fit.verdict) {
        (true, _) => {
            fit.verdict = Verdict::Certified;
            (fit.diagnosis, fit.long_rows) = (None, None);
        }
        (false, Verdict::Certified) => {
            fit.verdict = Verdict::Uncertified;
            let (candidate, found) = (&fit.candidate, &fit.certificate);
            fit.diagnosis = Some(diagnosis::unproven_samples(&user, candidate, found, settings.gap));
        }
        (false, _) => {}
    }
    Ok((fit, user))
}

/// d × n: the rows in scaled units, each a column.
fn scaled(samples: &Samples<'_>, scaling: &Scaling) -> Mat<f64> {
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
