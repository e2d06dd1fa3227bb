//! From scores to sets of labels: a row is given the labels whose score is above its threshold.

use crate::data::{Design, LabelRows, LabelSets};
use crate::error::{Error, Result};
use crate::problem::{Intercept, LossKind, Problem, Ridge};
use crate::solver::exact;
use faer::{Mat, MatRef};

/// How far beyond the outermost score a threshold is that no score bounds on its other side.
const BEYOND: f64 = 0.1;

/// Which labels a row of scores is given.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Threshold {
    /// Those above `t(s) = wᵀs + b`, of all scores s of the row (Zhang and Zhou 2006, section 3.3); [`Threshold::fit`].
    Linear {
        /// c.
        weights: Vec<f64>,
        /// b.
        bias: f64,
    },
    /// Those above one number: 0 is the threshold that ZLPR is made for.
    Constant(f64),
    /// Those above a number for each label.
    PerLabel(Vec<f64>),
    /// So many of the highest; of equal scores the first labels.
    Top(usize),
}

/// How a threshold is made of the scores of rows whose label sets are known.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Rule {
    /// [`Threshold::fit`].
    LeastSquares,
    /// [`Threshold::fit_per_label`].
    PerLabel,
    /// [`Threshold::Constant`].
    Constant(f64),
    /// [`Threshold::Top`].
    Top(usize),
}

impl Rule {
    /// The one for a loss where nothing else is asked for: 0 where the loss compares each label with 0.
    pub fn usual(loss: LossKind) -> Self {
        if loss.is_of_pairs() { Self::LeastSquares } else { Self::Constant(0.0) }
    }

    /// Whether the rows have a say.
    pub fn is_fitted(self) -> bool {
        matches!(self, Self::LeastSquares | Self::PerLabel)
    }

    /// The threshold by n × c scores of rows, their label sets and their weights, absent for 1.
    ///
    /// # Errors
    /// As [`Threshold::fit`], where the rows have a say.
    pub fn fit(
        self,
        scores: MatRef<'_, f64>,
        labels: LabelRows<'_>,
        weights: Option<&[f64]>,
    ) -> Result<Threshold> {
        match self {
            Self::LeastSquares => Threshold::fit_weighted(scores, labels, weights),
            Self::PerLabel => Threshold::fit_per_label(scores, labels, weights),
            Self::Constant(limit) => Ok(Threshold::Constant(limit)),
            Self::Top(count) => Ok(Threshold::Top(count)),
        }
    }
}

impl Threshold {
    /// The linear threshold that is least squares on the best threshold of each row, [`best`]: n × c scores of rows, and
    /// their label sets. Where it is not the only one, as for scores that add up to 0, it is the one of the least norm.
    ///
    /// # Errors
    /// Numbers of rows or labels that differ, no rows, or scores so large that the fit leaves the range of `f64`.
    pub fn fit(scores: MatRef<'_, f64>, labels: LabelRows<'_>) -> Result<Self> {
        Self::fit_weighted(scores, labels, None)
    }

    /// The same with row weights, a weight of 2 being two such rows.
    ///
    /// # Errors
    /// As [`Self::fit`].
    pub fn fit_weighted(
        scores: MatRef<'_, f64>,
        labels: LabelRows<'_>,
        weights: Option<&[f64]>,
    ) -> Result<Self> {
        check(scores, labels)?;
        let targets: Vec<f64> = (0..scores.nrows()).map(|i| best(&row(scores, i), labels, i)).collect();
        let y = Mat::from_fn(targets.len(), 1, |i, _| targets[i]);
        let weights = weights.map(<[f64]>::to_vec);
        let design = Design { x: scores.to_owned(), x_low: None, y, weights };
        let problem =
            Problem { loss: LossKind::Squared, penalty: Ridge::default(), intercept: Intercept::Free };
        let answer = exact::solve(&design, &problem, &|| true)?.candidate.coefficients;
        let weights = (0..answer.weights.nrows()).map(|k| answer.weights[(k, 0)]).collect();
        Ok(Self::Linear { weights, bias: answer.intercept.first().copied().unwrap_or(0.0) })
    }

    /// For each label the number above which its scores have the largest F1 on these rows (R.-E. Fan and C.-J. Lin, *A study on
    /// threshold selection for multi-label classification*, 2007), the highest of equals: the middle between two scores,
    /// or 0.1 below the lowest. A label that none of the rows has is given to no row. A row of weight 2 is two such rows.
    ///
    /// # Errors
    /// Numbers of rows or labels that differ.
    pub fn fit_per_label(
        scores: MatRef<'_, f64>,
        labels: LabelRows<'_>,
        weights: Option<&[f64]>,
    ) -> Result<Self> {
        check(scores, labels)?;
        let weight = |i: usize| weights.map_or(1.0, |weights| weights.get(i).copied().unwrap_or(0.0));
        let of_label = |k: usize| {
            let rows = (0..scores.nrows()).map(|i| (scores[(i, k)], labels.has(i, k), weight(i)));
            largest_f1(rows.filter(|(score, _, weight)| !score.is_nan() && *weight > 0.0).collect())
        };
        Ok(Self::PerLabel((0..scores.ncols()).map(of_label).collect()))
    }

    /// The labels that each row of n × c scores is given; a score that is no number gives none.
    #[must_use]
    pub fn sets(&self, scores: MatRef<'_, f64>) -> LabelSets {
        let mut sets = LabelSets::new(0, scores.ncols());
        for i in 0..scores.nrows() {
            sets.push(self.labels(&row(scores, i)));
        }
        sets
    }

    /// The labels that a row of scores is given.
    fn labels(&self, scores: &[f64]) -> Vec<usize> {
        let above = |limit: &dyn Fn(usize) -> f64| -> Vec<usize> {
            scores.iter().enumerate().filter(|(k, score)| **score > limit(*k)).map(|(k, _)| k).collect()
        };
        match self {
            Self::Linear { weights, bias } => {
                let limit = bias + weights.iter().zip(scores).map(|(w, score)| w * score).sum::<f64>();
                above(&|_| limit)
            }
            Self::Constant(limit) => above(&|_| *limit),
            Self::PerLabel(limits) => above(&|k| limits.get(k).copied().unwrap_or(f64::INFINITY)),
            Self::Top(count) => {
                let mut order: Vec<usize> = (0..scores.len()).filter(|k| !scores[*k].is_nan()).collect();
                // Stable, so that of equals the first come first.
                order.sort_by(|a, b| scores[*b].total_cmp(&scores[*a]));
                order.truncate(*count);
                order
            }
        }
    }
}

fn check(scores: MatRef<'_, f64>, labels: LabelRows<'_>) -> Result<()> {
    if (scores.nrows(), scores.ncols()) == (labels.rows(), labels.labels()) {
        return Ok(());
    }
    Err(Error::Usage {
        what: format!(
            "there are {} × {} scores for {} rows of {} labels",
            scores.nrows(),
            scores.ncols(),
            labels.rows(),
            labels.labels()
        ),
        hint: "give a score for every row and label".to_owned(),
    })
}

/// Scores of one label, whether the row has it, and the weight of the row.
fn largest_f1(mut rows: Vec<(f64, bool, f64)>) -> f64 {
    // Stable, so that sums have one order.
    rows.sort_by(|a, b| b.0.total_cmp(&a.0));
    let own = |rows: &[(f64, bool, f64)]| -> f64 {
        rows.iter().filter(|(_, has, _)| *has).map(|(.., weight)| weight).sum()
    };
    let all = own(&rows);
    let (mut best, mut limit, mut given, mut right) = (0.0, f64::INFINITY, 0.0, 0.0);
    let mut tied = rows.chunk_by(|a, b| a.0 >= b.0 && b.0 >= a.0).peekable();
    while let Some(group) = tied.next() {
        given += group.iter().map(|(.., weight)| weight).sum::<f64>();
        right += own(group);
        let f1 = 2.0 * right / (given + all);
        if f1 > best {
            best = f1;
            let above = group.first().map_or(0.0, |(score, ..)| *score);
            let below = tied.peek().and_then(|next| next.first());
            // Halves first: the sum of two scores can be beyond the largest number.
            limit = below.map_or(above - BEYOND, |(below, ..)| below / 2.0 + above / 2.0);
        }
    }
    limit
}

fn row(scores: MatRef<'_, f64>, i: usize) -> Vec<f64> {
    (0..scores.ncols()).map(|k| scores[(i, k)]).collect()
}

/// A threshold a at which the fewest labels of row `i` are on the wrong side of it: the least of
/// `|{k ∈ Y: s_k ≤ a}| + |{l ∉ Y: s_l ≥ a}|`. The middle of the lowest such segment between two scores; 0.1 beyond the
/// outermost score where that is its only end. A row without scores has 0.
#[must_use]
pub fn best(scores: &[f64], labels: LabelRows<'_>, i: usize) -> f64 {
    let mut order: Vec<(f64, bool)> =
        scores.iter().copied().enumerate().map(|(k, s)| (s, labels.has(i, k))).collect();
    order.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    // Below all scores, every label that the row lacks is on the wrong side.
    let mut wrong = order.iter().filter(|(_, has)| !has).count();
    let Some(&(lowest, _)) = order.first() else { return 0.0 };
    let (mut fewest, mut best) = (wrong, lowest - BEYOND);
    let mut tied = order.chunk_by(|a, b| a.0 >= b.0 && b.0 >= a.0).peekable();
    while let Some(group) = tied.next() {
        let own = group.iter().filter(|(_, has)| *has).count();
        wrong = wrong + own - (group.len() - own);
        if wrong < fewest {
            fewest = wrong;
            let below = group.first().map_or(0.0, |(score, _)| *score);
            let above = tied.peek().and_then(|next| next.first());
            // Halves first: the sum of two scores can be beyond the largest number.
            best = above.map_or(below + BEYOND, |(above, _)| below / 2.0 + above / 2.0);
        }
    }
    best
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::metrics::ranking::SetAccuracy;
    use proptest::prelude::*;

    fn sets(labels: usize, rows: &[&[usize]]) -> LabelSets {
        let mut sets = LabelSets::new(0, labels);
        for row in rows {
            sets.push(row.iter().copied());
        }
        sets
    }

    fn cost(scores: &[f64], labels: LabelRows<'_>, a: f64) -> usize {
        (0..scores.len()).filter(|&k| if labels.has(0, k) { scores[k] <= a } else { scores[k] >= a }).count()
    }

    #[test]
    fn the_best_threshold_is_the_middle_of_the_lowest_best_segment_or_a_tenth_beyond_the_last_score() {
        let of = |scores: &[f64], own: &[usize]| best(scores, sets(scores.len(), &[own]).view(), 0);
        for (found, expected) in [
            (of(&[1.0, 3.0, 0.0], &[1]), 2.0),
            (of(&[1.0, 3.0], &[]), 3.1),
            (of(&[1.0, 3.0], &[0, 1]), 0.9),
            // One wrong below 1 and between 2 and 4: the lowest.
            (of(&[1.0, 2.0, 4.0], &[0, 2]), 0.9),
            (of(&[], &[]), 0.0),
            (of(&[-1.5e308, 1.7e308], &[1]), 1e307),
        ] {
            assert!((found - expected).abs() <= 1e-14 * expected.abs(), "{found} {expected}");
        }
    }

    #[test]
    fn sets_are_those_above_a_number_of_each_kind() {
        let s = Mat::from_fn(2, 3, |i, k| [[0.5, -1.0, 0.5], [0.0, f64::NAN, -2.0]][i][k]);
        let of = |threshold: Threshold| threshold.sets(s.as_ref());
        assert_eq!(of(Threshold::Constant(0.0)), sets(3, &[&[0, 2], &[]]));
        assert_eq!(of(Threshold::PerLabel(vec![0.5, -2.0, -3.0])), sets(3, &[&[1, 2], &[2]]));
        assert_eq!(of(Threshold::Top(1)), sets(3, &[&[0], &[0]]));
        assert_eq!(of(Threshold::Top(9)), sets(3, &[&[0, 1, 2], &[0, 2]]));
        // 1 · 0.5 − 0 · 1 + 0 · 0.5 − 0.25.
        let linear = Threshold::Linear { weights: vec![1.0, 0.0, 0.0], bias: -0.25 };
        assert_eq!(of(linear), sets(3, &[&[0, 2], &[]]));
    }

    /// Scores that add up to 0, as those of BP-MLL do, leave the plane of thresholds undetermined.
    #[test]
    fn a_linear_threshold_is_the_least_squares_one_even_where_scores_add_up_to_zero() {
        let s = Mat::from_fn(6, 3, |i, k| {
            let (a, b) = ([2.0, -1.0, 0.5, 1.5, -2.0, 0.25][i], [1.0, 3.0, -1.0, -0.5, 0.75, 2.0][i]);
            [a, b, -a - b][k]
        });
        let labels = sets(3, &[&[0], &[1], &[0, 2], &[0], &[1, 2], &[1]]);
        let fitted = Threshold::fit(s.as_ref(), labels.view()).unwrap();
        let Threshold::Linear { weights, bias } = &fitted else { unreachable!() };
        let residual = |i: usize| {
            bias + (0..3).map(|k| weights[k] * s[(i, k)]).sum::<f64>()
                - best(&row(s.as_ref(), i), labels.view(), i)
        };
        // The normal equations, and the least norm: weights orthogonal to (1, 1, 1).
        for k in 0..3 {
            assert!((0..6).map(|i| residual(i) * s[(i, k)]).sum::<f64>().abs() < 1e-12);
        }
        assert!((0..6).map(residual).sum::<f64>().abs() < 1e-12);
        assert!(weights.iter().sum::<f64>().abs() < 1e-12, "{weights:?}");
        assert!(SetAccuracy::of(fitted.sets(s.as_ref()).view(), labels.view()).hamming < 0.34);
    }

    #[test]
    fn a_weight_counts_rows_as_often() {
        let s =
            Mat::from_fn(5, 2, |i, k| [[2.0, -1.0], [0.5, 1.5], [-2.0, 0.25], [1.0, 0.75], [9.0, 0.0]][i][k]);
        let labels = sets(2, &[&[0], &[1], &[0, 1], &[0], &[1]]);
        let rows = [0, 0, 1, 2, 3];
        let repeated = Mat::from_fn(5, 2, |i, k| s[(rows[i], k)]);
        let weighted =
            Threshold::fit_weighted(s.as_ref(), labels.view(), Some(&[2.0, 1.0, 1.0, 1.0, 0.0])).unwrap();
        let plain = Threshold::fit(repeated.as_ref(), labels.view().picked(&rows).view()).unwrap();
        let (Threshold::Linear { weights: a, bias: b }, Threshold::Linear { weights: c, bias: d }) =
            (weighted, plain)
        else {
            unreachable!()
        };
        assert!((b - d).abs() < 1e-12 && a.iter().zip(&c).all(|(a, c)| (a - c).abs() < 1e-12));
        let weights = [2.0, 1.0, 1.0, 1.0, 0.0];
        let weighted = Rule::PerLabel.fit(s.as_ref(), labels.view(), Some(&weights)).unwrap();
        let plain = Rule::PerLabel.fit(repeated.as_ref(), labels.view().picked(&rows).view(), None).unwrap();
        assert_eq!(weighted, plain);
        assert_ne!(weighted, Rule::PerLabel.fit(s.as_ref(), labels.view(), None).unwrap());
    }

    #[test]
    fn scores_for_other_rows_are_refused_by_their_numbers() {
        let error = Threshold::fit(Mat::zeros(2, 3).as_ref(), LabelSets::new(2, 4).view()).unwrap_err();
        assert_eq!(error.to_string(), "there are 2 × 3 scores for 2 rows of 4 labels");
    }

    proptest! {
        #[test]
        fn no_threshold_is_better_than_the_best_one_and_none_as_good_is_below_its_segment(
            pairs in prop::collection::vec(((-4i32..5).prop_map(f64::from), any::<bool>()), 1..9),
        ) {
            let (scores, has): (Vec<f64>, Vec<bool>) = pairs.into_iter().unzip();
            let own: Vec<usize> = (0..has.len()).filter(|k| has[*k]).collect();
            let labels = sets(scores.len(), &[&own]);
            let found = best(&scores, labels.view(), 0);
            let least = cost(&scores, labels.view(), found);
            for step in -24i32..25 {
                let other = f64::from(step) / 4.0;
                let wrong = cost(&scores, labels.view(), other);
                let apart = scores.iter().any(|s| other <= *s && *s <= found);
                prop_assert!(wrong > least || (wrong == least && !(other < found && apart)), "{} {}", other, found);
            }
        }
    }

    #[test]
    fn the_threshold_of_a_label_has_the_largest_f1_that_any_number_has() {
        let mut random = crate::num::random::Random(5);
        for _ in 0..200 {
            let rows: Vec<(f64, bool)> =
                (0..=random.below(9)).map(|_| (random.below(5) as f64, random.below(2) == 0)).collect();
            let all = rows.iter().filter(|(_, has)| *has).count();
            let f1 = |limit: f64| {
                let given = rows.iter().filter(|(score, _)| *score > limit);
                let (given, right) =
                    given.fold((0usize, 0usize), |(n, right), (_, has)| (n + 1, right + usize::from(*has)));
                if given + all == 0 { 0.0 } else { 2.0 * right as f64 / (given + all) as f64 }
            };
            let found = largest_f1(rows.iter().map(|(score, has)| (*score, *has, 1.0)).collect());
            let most = (-1..6).map(|limit| f1(f64::from(limit) + 0.5)).fold(0.0, f64::max);
            assert!((f1(found) - most).abs() < 1e-15, "{rows:?} {found}");
            assert_eq!(found == f64::INFINITY, all == 0, "{rows:?}");
        }
    }

    #[test]
    fn a_rule_makes_the_threshold_of_its_name() {
        let labels = sets(2, &[&[0], &[0, 1], &[1]]);
        let scores = faer::mat![[2.0, -1.0], [1.0, 0.5], [0.0, 3.0]];
        let of = |rule: Rule| rule.fit(scores.as_ref(), labels.view(), None).unwrap();
        assert_eq!(of(Rule::PerLabel), Threshold::PerLabel(vec![0.5, -0.25]));
        assert_eq!(of(Rule::Top(1)), Threshold::Top(1));
        assert_eq!(of(Rule::Constant(0.5)), Threshold::Constant(0.5));
        assert_eq!(of(Rule::LeastSquares), Threshold::fit(scores.as_ref(), labels.view()).unwrap());
        assert_eq!(Rule::usual(LossKind::Zlpr), Rule::Constant(0.0));
        assert_eq!(Rule::usual(LossKind::Bpmll), Rule::LeastSquares);
        assert!(Rule::PerLabel.fit(scores.as_ref(), LabelSets::new(2, 2).view(), None).is_err());
    }
}
