//! How well scores rank labels, and how well sets of labels are met: the measures of M.-L. Zhang and Z.-H. Zhou,
//! *Multilabel Neural Networks with Applications to Functional Genomics and Text Categorization*, IEEE TKDE 18(10),
//! 2006, section 5.1, and those of sets that are usual beside them.
//!
//! Ties count as the worst rank: a label's rank is the number of labels whose score is not below its own. A row with a
//! score that is no number counts as one in which all scores are equal.

use crate::data::LabelRows;
use faer::MatRef;

/// How the scores of rows rank their labels: means over the rows that have a label and lack one. The others have no
/// pair of labels to order; they are counted, and in no mean.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Ranking {
    /// Rows that the means are over; where there are none, the means are NaN.
    pub rows: usize,
    /// Rows without a label, or with every one.
    pub without_pair: usize,
    /// The share of pairs of a label that the row has and one that it lacks in which the first is not above the second.
    pub loss: f64,
    /// The share of rows whose highest label is none of theirs.
    pub one_error: f64,
    /// How many labels to go down from the first to have all labels of the row: the rank of the last one, less 1.
    /// `sklearn.metrics.coverage_error` is 1 more.
    pub coverage: f64,
    /// The mean over the labels of a row of the share of its labels among those not below; as
    /// `sklearn.metrics.label_ranking_average_precision_score`.
    pub average_precision: f64,
}

/// What one row adds to the sums.
#[derive(Clone, Copy, Default)]
struct OfRow {
    loss: f64,
    one_error: f64,
    coverage: f64,
    average_precision: f64,
}

impl Ranking {
    /// Scores n × c against the label sets of the rows; those that are not in both are left out.
    #[must_use]
    pub fn of(scores: MatRef<'_, f64>, labels: LabelRows<'_>) -> Self {
        Self::weighted(scores, labels, None)
    }

    /// The same with row weights, a weight of 2 being two such rows; rows of weight 0 are left out.
    #[must_use]
    pub fn weighted(scores: MatRef<'_, f64>, labels: LabelRows<'_>, weights: Option<&[f64]>) -> Self {
        let (mut sums, mut total) = (Self::default(), 0.0);
        let mut order = Vec::with_capacity(scores.ncols());
        for i in 0..scores.nrows().min(labels.rows()) {
            let weight = weight(weights, i);
            if weight <= 0.0 {
                continue;
            }
            order.clear();
            order
                .extend((0..scores.ncols().min(labels.labels())).map(|k| (scores[(i, k)], labels.has(i, k))));
            let Some(row) = OfRow::of(&mut order) else {
                sums.without_pair += 1;
                continue;
            };
            sums.rows += 1;
            total += weight;
            sums.loss += weight * row.loss;
            sums.one_error += weight * row.one_error;
            sums.coverage += weight * row.coverage;
            sums.average_precision += weight * row.average_precision;
        }
        Self {
            loss: sums.loss / total,
            one_error: sums.one_error / total,
            coverage: sums.coverage / total,
            average_precision: sums.average_precision / total,
            ..sums
        }
    }
}

impl OfRow {
    /// Scores and whether the row has the label, in O(c log c); none for a row without a pair.
    fn of(order: &mut [(f64, bool)]) -> Option<Self> {
        let positive = order.iter().filter(|(_, has)| *has).count();
        let negative = order.len() - positive;
        if positive == 0 || negative == 0 {
            return None;
        }
        if order.iter().any(|(score, _)| score.is_nan()) {
            for (score, _) in order.iter_mut() {
                *score = 0.0;
            }
        }
        order.sort_unstable_by(|a, b| b.0.total_cmp(&a.0));
        let (mut row, mut above, mut positive_above, mut disordered) = (Self::default(), 0, 0, 0);
        // By partial comparison: -0 and 0 are the same score.
        for tied in order.chunk_by(|a, b| a.0 >= b.0 && b.0 >= a.0) {
            let own = tied.iter().filter(|(_, has)| *has).count();
            if above == 0 && own < tied.len() {
                row.one_error = 1.0;
            }
            above += tied.len();
            positive_above += own;
            if own > 0 {
                disordered += own * (above - positive_above);
                row.average_precision += own as f64 * positive_above as f64 / above as f64;
                row.coverage = above as f64 - 1.0;
            }
        }
        row.loss = disordered as f64 / (positive as f64 * negative as f64);
        row.average_precision /= positive as f64;
        Some(row)
    }
}

/// How sets of labels are met by others: over all rows, those without a label or with every one too.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct SetAccuracy {
    /// Rows.
    pub rows: usize,
    /// The share of the n·c answers, a label or not, that are wrong.
    pub hamming: f64,
    /// The share of rows whose set is met exactly.
    pub subset: f64,
    /// F1 of all answers together: 2 · right / (labels + given); 0 where there are no labels and none are given.
    pub micro_f1: f64,
    /// The mean of the labels' F1, each 0 where no row has the label and none is given it, as in scikit-learn.
    pub macro_f1: f64,
}

impl SetAccuracy {
    /// Given sets against the true ones, row by row; rows that are not in both are left out.
    #[must_use]
    pub fn of(given: LabelRows<'_>, truth: LabelRows<'_>) -> Self {
        Self::weighted(given, truth, None)
    }

    /// The same with row weights, a weight of 2 being two such rows; rows of weight 0 are left out.
    #[must_use]
    pub fn weighted(given: LabelRows<'_>, truth: LabelRows<'_>, weights: Option<&[f64]>) -> Self {
        let labels = given.labels().min(truth.labels());
        // Of each label: right, given, true.
        let mut counts = vec![[0.0; 3]; labels];
        let (mut exact, mut total, mut rows) = (0.0, 0.0, 0);
        for i in 0..given.rows().min(truth.rows()) {
            let weight = weight(weights, i);
            if weight <= 0.0 {
                continue;
            }
            rows += 1;
            total += weight;
            let counted = |yes: bool| if yes { weight } else { 0.0 };
            exact += counted(given.words(i) == truth.words(i));
            for (k, [right, is_given, is_true]) in counts.iter_mut().enumerate() {
                let (said, has) = (given.has(i, k), truth.has(i, k));
                *right += counted(said && has);
                *is_given += counted(said);
                *is_true += counted(has);
            }
        }
        let sum = |at: fn(&[f64; 3]) -> f64| counts.iter().map(at).sum::<f64>();
        let all = [sum(|of| of[0]), sum(|of| of[1]), sum(|of| of[2])];
        let [right, is_given, is_true] = all;
        Self {
            rows,
            hamming: (is_given + is_true - 2.0 * right) / (total * labels as f64),
            subset: exact / total,
            micro_f1: f1(&all),
            macro_f1: counts.iter().map(f1).sum::<f64>() / labels as f64,
        }
    }
}

fn f1([right, given, truth]: &[f64; 3]) -> f64 {
    if given + truth > 0.0 { 2.0 * right / (given + truth) } else { 0.0 }
}

fn weight(weights: Option<&[f64]>, row: usize) -> f64 {
    weights.map_or(1.0, |weights| weights.get(row).copied().unwrap_or(0.0))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::data::LabelSets;
    use faer::Mat;
    use proptest::prelude::*;

    fn sets(rows: &[Vec<bool>]) -> LabelSets {
        let mut sets = LabelSets::new(0, rows[0].len());
        for row in rows {
            sets.push((0..row.len()).filter(|k| row[*k]));
        }
        sets
    }

    fn scores(rows: &[Vec<f64>]) -> Mat<f64> {
        Mat::from_fn(rows.len(), rows[0].len(), |i, k| rows[i][k])
    }

    /// The definitions as the paper has them, label by label.
    fn plainly(s: &[f64], has: &[bool]) -> Option<[f64; 4]> {
        let own: Vec<usize> = (0..s.len()).filter(|k| has[*k]).collect();
        let others: Vec<usize> = (0..s.len()).filter(|k| !has[*k]).collect();
        if own.is_empty() || others.is_empty() {
            return None;
        }
        let rank = |k: usize| s.iter().filter(|other| **other >= s[k]).count() as f64;
        let mut pairs = 0.0;
        for &k in &own {
            for &l in &others {
                pairs += f64::from(u8::from(s[k] <= s[l]));
            }
        }
        let best = |of: &[usize]| of.iter().map(|&k| s[k]).fold(f64::NEG_INFINITY, f64::max);
        let one_error = f64::from(u8::from(best(&others) >= best(&own)));
        let coverage = own.iter().map(|&k| rank(k)).fold(0.0, f64::max) - 1.0;
        let share = |k: usize| own.iter().filter(|&&other| s[other] >= s[k]).count() as f64 / rank(k);
        let precision = own.iter().map(|&k| share(k)).sum::<f64>() / own.len() as f64;
        Some([pairs / (own.len() * others.len()) as f64, one_error, coverage, precision])
    }

    /// scikit-learn's documentation has these scores with average precision 0.416… and coverage error 2.5, without ties.
    #[test]
    fn the_example_of_scikit_learn_has_its_values() {
        let truth = sets(&[vec![true, false, false], vec![false, false, true]]);
        let found = Ranking::of(scores(&[vec![0.75, 0.5, 1.0], vec![1.0, 0.2, 0.1]]).as_ref(), truth.view());
        assert!((found.average_precision - 5.0 / 12.0).abs() < 1e-15, "{found:?}");
        assert!((found.coverage + 1.0 - 2.5).abs() < 1e-15 && (found.loss - 0.75).abs() < 1e-15, "{found:?}");
        assert!((found.one_error - 1.0).abs() < 1e-15);
    }

    #[test]
    fn rows_without_a_pair_are_counted_and_in_no_mean_and_a_score_that_is_no_number_is_the_worst() {
        let truth = sets(&[vec![true, false], vec![false, false], vec![true, true], vec![true, false]]);
        let s = scores(&[vec![1.0, 0.0], vec![1.0, 0.0], vec![1.0, 0.0], vec![f64::NAN, -1.0]]);
        let found = Ranking::of(s.as_ref(), truth.view());
        assert_eq!((found.rows, found.without_pair), (2, 2));
        let means = [found.loss, found.one_error, found.coverage, found.average_precision];
        assert_eq!(means.map(f64::to_bits), [0.5, 0.5, 0.5, 0.75].map(f64::to_bits));
        assert!(Ranking::of(s.as_ref(), LabelSets::new(4, 2).view()).loss.is_nan());
    }

    #[test]
    fn sets_are_compared_answer_by_answer_row_by_row_and_label_by_label() {
        let truth = sets(&[vec![true, false, true, false], vec![false, true, false, false], vec![false; 4]]);
        let given = sets(&[vec![true, true, false, false], vec![false, true, false, false], vec![false; 4]]);
        let found = SetAccuracy::of(given.view(), truth.view());
        assert_eq!(found.rows, 3);
        // F1 of the labels: 1, 2/3, 0, and 0 of the one that is nowhere.
        for (value, expected) in [
            (found.hamming, 2.0 / 12.0),
            (found.subset, 2.0 / 3.0),
            (found.micro_f1, 4.0 / 6.0),
            (found.macro_f1, (1.0 + 2.0 / 3.0) / 4.0),
        ] {
            assert!((value - expected).abs() < 1e-15, "{found:?}");
        }
    }

    proptest! {
        #[test]
        fn the_measures_are_those_of_their_definitions(
            rows in (1usize..9).prop_flat_map(|c| prop::collection::vec(
                (prop::collection::vec((-3i32..4).prop_map(f64::from), c), prop::collection::vec(any::<bool>(), c)), 1..12)),
        ) {
            let (s, truth): (Vec<_>, Vec<_>) = rows.iter().cloned().unzip();
            let found = Ranking::of(scores(&s).as_ref(), sets(&truth).view());
            let each: Vec<[f64; 4]> = rows.iter().filter_map(|(s, has)| plainly(s, has)).collect();
            prop_assert_eq!((found.rows, found.without_pair), (each.len(), rows.len() - each.len()));
            let values = [found.loss, found.one_error, found.coverage, found.average_precision];
            for (at, value) in values.into_iter().enumerate().filter(|_| !each.is_empty()) {
                let mean = each.iter().map(|of| of[at]).sum::<f64>() / each.len() as f64;
                prop_assert!((value - mean).abs() < 1e-13, "{} {} {}", at, value, mean);
            }
        }
    }

    #[test]
    fn a_weight_counts_rows_as_often_and_0_leaves_one_out() {
        let rows = [vec![true, false, false], vec![false, true, true], vec![true, true, false]];
        let s = [vec![0.5, 1.0, 0.0], vec![2.0, 0.0, 1.0], vec![1.0, 2.0, 0.5]];
        let given = sets(&[vec![true, true, false], vec![false, true, true], vec![false, false, false]]);
        let repeated = [0, 0, 1].map(|i| rows[i].clone());
        let (truth, twice) = (sets(&rows), sets(&repeated));
        let weights = [2.0, 1.0, 0.0];
        assert_eq!(
            Ranking::weighted(scores(&s).as_ref(), truth.view(), Some(&weights)),
            Ranking {
                rows: 2,
                ..Ranking::of(scores(&[0, 0, 1].map(|i| s[i].clone())).as_ref(), twice.view())
            }
        );
        assert_eq!(
            SetAccuracy::weighted(given.view(), truth.view(), Some(&weights)),
            SetAccuracy { rows: 2, ..SetAccuracy::of(given.view().picked(&[0, 0, 1]).view(), twice.view()) }
        );
    }
}
