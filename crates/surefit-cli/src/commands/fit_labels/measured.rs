//! How an answer ranks the labels of rows and meets their sets, beside what the frequencies of labels alone do.

use crate::report::{Measured, Measures, Ranked};
use faer::{Mat, MatRef};
use surefit::data::{LabelRows, SampleSet};
use surefit::metrics::ranking::{Ranking, SetAccuracy};
use surefit::metrics::threshold::{Rule, Threshold};
use surefit::oracle::Pass;
use surefit::{Coefficients, Error, LossKind, Result};

/// Labels of more than this share of the rows are given by their frequency alone.
const HALF: f64 = 0.5;

/// n × c scores of rows.
type Scores<'a> = &'a dyn Fn(&SampleSet) -> Result<Mat<f64>>;

/// From scores to sets, as the rows of the fit say where they have a say.
pub fn threshold(scores: Scores<'_>, rule: Rule, set: &SampleSet) -> Result<Threshold> {
    rule.fit(scores(set)?.as_ref(), labels_of(set)?, set.weights())
}

/// Measures scores on the rows of the fit, or those that an answer is certified on, and on those of `--test`.
pub fn measure(
    scores: Scores<'_>,
    threshold: &Threshold,
    set: &SampleSet,
    test: Option<(&str, &SampleSet)>,
) -> Result<Ranked> {
    let shares = frequencies(labels_of(set)?, set.weights());
    let measured = |set: &SampleSet| {
        let (scores, truth) = (scores(set)?, labels_of(set)?);
        let by_frequency = Mat::from_fn(truth.rows(), shares.len(), |_, k| shares[k]);
        let half = Threshold::Constant(HALF);
        Ok::<Measured, Error>(Measured {
            answer: measures(scores.as_ref(), threshold, truth, set.weights()),
            frequencies: measures(by_frequency.as_ref(), &half, truth, set.weights()),
        })
    };
    let rows = measured(set)?;
    let test = test.map(|(file, test)| Ok::<_, Error>((file.to_owned(), measured(test)?))).transpose()?;
    Ok(Ranked { threshold: threshold.clone(), rows, test, network: None })
}

pub fn labels_of(set: &SampleSet) -> Result<LabelRows<'_>> {
    set.labels().ok_or_else(|| Error::Internal("rows of a ranking have no labels".to_owned()))
}

/// n × c, of a linear model.
pub fn scores(set: &SampleSet, loss: LossKind, answer: &Coefficients) -> Result<Mat<f64>> {
    let mut pass = Pass::new(set.samples(loss)?, loss)?;
    pass.score(answer);
    Ok(pass.scores().to_owned())
}

/// The share of the weight of the rows that have each label.
fn frequencies(labels: LabelRows<'_>, weights: Option<&[f64]>) -> Vec<f64> {
    let weight = |row: usize| weights.map_or(1.0, |weights| weights.get(row).copied().unwrap_or(0.0));
    let rows = || 0..labels.rows();
    let total: f64 = rows().map(weight).sum();
    let share = |k| rows().filter(|&i| labels.has(i, k)).map(weight).sum::<f64>() / total;
    (0..labels.labels()).map(share).collect()
}

fn measures(
    scores: MatRef<'_, f64>,
    threshold: &Threshold,
    truth: LabelRows<'_>,
    weights: Option<&[f64]>,
) -> Measures {
    let sets = threshold.sets(scores);
    Measures {
        ranking: Ranking::weighted(scores, truth, weights),
        sets: SetAccuracy::weighted(sets.view(), truth, weights),
    }
}
