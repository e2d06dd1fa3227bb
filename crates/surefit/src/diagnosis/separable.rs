//! SF204: classes that a linear model tells apart without error, and no penalty. Doubling such a model halves what is
//! left of its loss, so there is no best one: six programs give six finite answers for one infinite one.
//!
//! Test: weights that separate the rows, found by a hinge with a small penalty. They are the proof, whoever found
//! them: every row's own score is above all others by more than the rounding of both. That no such weights are found is
//! no proof that there are none.

use super::words::{count, figure};
use super::{Code, Diagnosis, Fix, Remedy};
use crate::data::Samples;
use crate::error::Result;
use crate::loss::Targets;
use crate::num::UNIT_ROUNDOFF;
use crate::oracle::Pass;
use crate::problem::{Coefficients, Intercept, LossKind, Problem, Ridge};
use crate::solver::dual_ascent::{self, ascend};
use serde_json::{Map, json};

/// Penalties that are tried, in units of the mean `‖x‖²/S`: each leaves the hinge more room to separate.
const TRIED: [f64; 3] = [1e-2, 1e-5, 1e-8];
/// Rounds of each try.
const ROUNDS: usize = 200;

/// Weights that separate the classes, and the cause that they are; `None` where none were found.
///
/// # Errors
/// Those of the solver.
pub fn separation(samples: &Samples<'_>, problem: &Problem) -> Result<Option<(Coefficients, Diagnosis)>> {
    let one_vs_rest =
        matches!(problem.loss, LossKind::OvrHinge | LossKind::OvrSquaredHinge | LossKind::OvrLogistic);
    let loss = if one_vs_rest { LossKind::OvrHinge } else { LossKind::CrammerSinger { margin: 1.0 } };
    // Without a penalty a penalised intercept is a free one.
    let intercept = if problem.intercept == Intercept::Absent { Intercept::Absent } else { Intercept::Free };
    let norms = samples.x.squared_norms();
    let mean = norms.iter().sum::<f64>() / norms.len().max(1) as f64;
    let unit = if mean > 0.0 { mean } else { 1.0 } / samples.total_weight();
    for share in TRIED {
        let tried = Problem { loss, penalty: Ridge::uniform(share * unit), intercept };
        let settings = dual_ascent::Settings { gap: 1e-2, max_rounds: ROUNDS, ..Default::default() };
        let found = ascend(samples, &tried, &settings, &|_| true)?.candidate.coefficients;
        if let Some(margin) = margin(samples, loss, &found, &norms)? {
            let diagnosis = diagnosis(samples, margin);
            return Ok(Some((found, diagnosis)));
        }
    }
    Ok(None)
}

/// The least margin over rows of positive weight, beside the largest score, where all are above their rounding.
fn margin(samples: &Samples<'_>, loss: LossKind, at: &Coefficients, norms: &[f64]) -> Result<Option<f64>> {
    let Targets::Classes(classes) = samples.targets else { return Ok(None) };
    let mut pass = Pass::new(*samples, loss)?;
    pass.score(at);
    let scores = pass.scores();
    let column = |k: usize| at.weights.col_as_slice(k).iter().map(|w| w * w).sum::<f64>().sqrt();
    let reach = (0..scores.ncols()).map(column).fold(0.0, f64::max);
    let bias = at.intercept.iter().fold(0.0, |largest: f64, b| largest.max(b.abs()));
    let terms = (samples.x.columns() + 4) as f64;
    let mut least = f64::INFINITY;
    for (i, class) in classes.iter().enumerate().filter(|(i, _)| samples.weight(*i) > 0.0) {
        let rounding = 4.0 * terms * UNIT_ROUNDOFF * (norms[i].sqrt() * reach + bias);
        let own = usize::try_from(*class).unwrap_or(usize::MAX);
        let margin = match (loss, scores.ncols()) {
            (LossKind::OvrHinge, 1) => scores[(i, 0)] * if own == 1 { 1.0 } else { -1.0 },
            (LossKind::OvrHinge, c) => {
                let signed = (0..c).map(|k| scores[(i, k)] * if k == own { 1.0 } else { -1.0 });
                signed.fold(f64::INFINITY, f64::min)
            }
            (_, c) => {
                let rivals = (0..c).filter(|k| *k != own).map(|k| scores[(i, own)] - scores[(i, k)]);
                rivals.fold(f64::INFINITY, f64::min)
            }
        };
        // Also where one of them is no number.
        if margin.partial_cmp(&rounding) != Some(std::cmp::Ordering::Greater) {
            return Ok(None);
        }
        least = least.min(margin / (norms[i].sqrt() * reach + bias));
    }
    Ok(Some(least))
}

fn diagnosis(samples: &Samples<'_>, margin: f64) -> Diagnosis {
    let rows = samples.x.rows() as u64;
    let lambda = 1.0 / samples.total_weight();
    let message = format!(
        "a linear model tells all {} rows apart without error, so without a penalty the loss falls towards 0 for ever \
         and the coefficients grow without end",
        count(rows)
    );
    let reasons = vec![format!(
        "weights were found that separate every row, by {} of its largest possible score",
        figure(margin, 2)
    )];
    let remedy = Remedy {
        change: format!("a penalty, such as 1/n = {}", figure(lambda, 3)),
        command: Some(format!("--penalty {lambda:e}")),
        steps: None,
        // A convex loss that is not below 0 and half a square above it have exactly one optimum.
        proven: true,
        safe: false,
        fix: Fix::Penalty(lambda),
    };
    let mut evidence = Map::new();
    evidence.insert("rows".to_owned(), json!(rows));
    evidence.insert("margin".to_owned(), json!(margin));
    Diagnosis {
        code: Code::Sf204,
        message,
        reasons,
        evidence,
        also: Vec::new(),
        remedies: vec![remedy],
        exact: None,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::data::Features;
    use crate::loss::named;
    use faer::Mat;

    fn found(
        x: &Mat<f64>,
        classes: &[u32],
        count: usize,
        loss: LossKind,
        intercept: Intercept,
    ) -> Option<f64> {
        let samples =
            Samples::of_classes(Features::F64(x.as_ref()), classes, None, count, &*named(loss)).unwrap();
        let problem = Problem { loss, penalty: Ridge::uniform(0.0), intercept };
        let found = separation(&samples, &problem).unwrap()?;
        assert_eq!(found.1.code, Code::Sf204);
        found.1.evidence["margin"].as_f64()
    }

    #[test]
    fn classes_on_both_sides_of_a_threshold_are_separable_only_with_an_intercept() {
        let x = Mat::from_fn(6, 1, |i, _| 10.0 + i as f64);
        let classes = [0, 0, 0, 1, 1, 1];
        for loss in [LossKind::OvrLogistic, LossKind::Softmax, LossKind::SquaredHinge { margin: 1.0 }] {
            assert!(found(&x, &classes, 2, loss, Intercept::Free).is_some(), "{loss:?}");
            assert!(found(&x, &classes, 2, loss, Intercept::Absent).is_none(), "{loss:?}");
        }
    }

    #[test]
    fn one_row_on_the_wrong_side_makes_an_optimum() {
        let x = Mat::from_fn(7, 1, |i, _| if i == 6 { 0.5 } else { i as f64 });
        let classes = [0, 0, 0, 1, 1, 1, 1];
        assert!(found(&x, &classes, 2, LossKind::Softmax, Intercept::Free).is_none());
        assert!(found(&x, &classes, 2, LossKind::OvrLogistic, Intercept::Free).is_none());
    }

    #[test]
    fn three_clouds_can_be_told_apart_by_differences_though_none_stands_against_the_rest() {
        // In a line: the middle one is not on one side of any threshold.
        let x = Mat::from_fn(9, 1, |i, _| (i / 3) as f64 * 10.0 + (i % 3) as f64);
        let classes: Vec<u32> = (0..9u32).map(|i| i / 3).collect();
        assert!(found(&x, &classes, 3, LossKind::Softmax, Intercept::Free).is_some());
        assert!(found(&x, &classes, 3, LossKind::OvrLogistic, Intercept::Free).is_none());
    }
}
