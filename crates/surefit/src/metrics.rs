//! How well scores tell classes: which class each row is given, how many are right, who is taken for whom, and the
//! probabilities that some losses make of scores. How well they rank labels is told by [`ranking`], and sets of labels
//! are made of them by [`threshold`].

pub mod measure;
pub mod ranking;
pub mod threshold;

use crate::problem::LossKind;
use faer::MatRef;

/// The class that a row of scores is given: the largest one, the first of equals; for a single column of scores the
/// second class where it is above 0. `None` where a score is no number.
pub fn class(scores: impl ExactSizeIterator<Item = f64>) -> Option<usize> {
    let single = scores.len() == 1;
    let mut best: Option<(usize, f64)> = None;
    for (k, score) in scores.enumerate() {
        if score.is_nan() {
            return None;
        }
        if best.is_none_or(|(_, largest)| score > largest) {
            best = Some((k, score));
        }
    }
    best.map(|(k, score)| if single { usize::from(score > 0.0) } else { k })
}

/// How far the largest score of a row is above the second one; for a single column, from 0.
pub fn margin(scores: impl ExactSizeIterator<Item = f64>) -> f64 {
    if scores.len() == 1 {
        return scores.map(f64::abs).sum();
    }
    let (first, second) = scores.fold((f64::NEG_INFINITY, f64::NEG_INFINITY), |(first, second), score| {
        if score > first { (score, first) } else { (first, second.max(score)) }
    });
    first - second
}

/// The probabilities of the classes that a row of scores stands for: `exp zⱼ / Σ exp z` for softmax; for one against the
/// rest with the logistic loss `σ(zⱼ)`, divided by their sum where there are more than two classes, as they are fitted
/// one by one and need not add up to 1. `None` for losses whose scores are no probabilities.
pub fn probabilities(loss: LossKind, scores: &[f64]) -> Option<Vec<f64>> {
    /// log σ(z), which does not underflow.
    fn log_sigmoid(z: f64) -> f64 {
        z.min(0.0) - (-z.abs()).exp().ln_1p()
    }
    let logs: Vec<f64> = match (loss, scores) {
        (LossKind::Softmax, _) => scores.to_vec(),
        (LossKind::OvrLogistic, [z]) => vec![log_sigmoid(-z), log_sigmoid(*z)],
        (LossKind::OvrLogistic, _) => scores.iter().map(|z| log_sigmoid(*z)).collect(),
        _ => return None,
    };
    let largest = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let shares: Vec<f64> = logs.iter().map(|log| (log - largest).exp()).collect();
    let sum: f64 = shares.iter().sum();
    Some(shares.into_iter().map(|share| share / sum).collect())
}

/// True classes against given ones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Confusion {
    /// c × c: rows of each class, by the class that they were given.
    pub counts: Vec<Vec<u64>>,
    /// Rows whose scores are no numbers.
    pub without: u64,
}

impl Confusion {
    /// Counts rows of `classes` different classes; scores are n × c, or n × 1 for two classes. A row of a class that
    /// is not among them is not counted.
    pub fn of(scores: MatRef<'_, f64>, of_rows: &[u32], classes: usize) -> Self {
        let mut confusion = Self { counts: vec![vec![0; classes]; classes], without: 0 };
        for (i, truth) in of_rows.iter().enumerate().take(scores.nrows()) {
            let given = class((0..scores.ncols()).map(|k| scores[(i, k)]));
            let truth = usize::try_from(*truth).unwrap_or(usize::MAX);
            match given.and_then(|given| confusion.counts.get_mut(truth)?.get_mut(given)) {
                Some(count) => *count += 1,
                None => confusion.without += 1,
            }
        }
        confusion
    }

    /// Rows counted.
    pub fn rows(&self) -> u64 {
        self.counts.iter().flatten().sum::<u64>() + self.without
    }

    /// Rows that were given their own class.
    pub fn right(&self) -> u64 {
        self.counts.iter().enumerate().filter_map(|(k, row)| row.get(k)).sum()
    }

    /// Classes taken for others, (class, given, rows), the most frequent first.
    pub fn mistakes(&self) -> Vec<(usize, usize, u64)> {
        let rows = self.counts.iter().enumerate();
        let cells = rows.flat_map(|(k, row)| row.iter().enumerate().map(move |(given, n)| (k, given, *n)));
        let mut found: Vec<_> = cells.filter(|(k, given, n)| k != given && *n > 0).collect();
        found.sort_by_key(|(_, _, n)| std::cmp::Reverse(*n));
        found
    }

    /// The share of those.
    pub fn accuracy(&self) -> f64 {
        self.right() as f64 / self.rows() as f64
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use faer::Mat;

    #[test]
    fn the_largest_score_wins_the_first_of_equals_and_a_single_column_is_judged_by_its_sign() {
        assert_eq!(class([1.0, 3.0, 3.0].into_iter()), Some(1));
        assert_eq!(class([0.0].into_iter()), Some(0));
        assert_eq!(class([1e-300].into_iter()), Some(1));
        assert_eq!(class([f64::NAN, 1.0].into_iter()), None);
        assert_eq!(class(std::iter::empty::<f64>()), None);
        assert_eq!(margin([1.0, 3.5, 3.0].into_iter()).to_bits(), 0.5f64.to_bits());
        assert_eq!(margin([-0.25].into_iter()).to_bits(), 0.25f64.to_bits());
    }

    #[test]
    fn rows_are_counted_by_what_they_are_and_what_they_are_taken_for() {
        let scores = Mat::from_fn(4, 2, |i, k| [[1.0, 0.0], [0.0, 1.0], [2.0, 1.0], [f64::NAN, 0.0]][i][k]);
        let confusion = Confusion::of(scores.as_ref(), &[0, 1, 1, 0], 2);
        assert_eq!(confusion.counts, [[1, 0], [1, 1]]);
        assert_eq!((confusion.right(), confusion.rows(), confusion.without), (2, 4, 1));
        assert_eq!(confusion.mistakes(), [(1, 0, 1)]);
    }

    #[test]
    fn probabilities_add_up_to_one_and_survive_scores_far_from_zero() {
        for (loss, scores) in [
            (LossKind::Softmax, &[1000.0, 999.0, -1000.0][..]),
            (LossKind::OvrLogistic, &[-1000.0, -1001.0, -5000.0]),
            (LossKind::OvrLogistic, &[0.5]),
        ] {
            let found = probabilities(loss, scores).unwrap();
            assert!((found.iter().sum::<f64>() - 1.0).abs() < 1e-15, "{loss:?} {found:?}");
            assert_eq!(found.len(), scores.len().max(2));
        }
        let one = probabilities(LossKind::OvrLogistic, &[3f64.ln()]).unwrap();
        assert!((one[0] - 0.25).abs() < 1e-15 && (one[1] - 0.75).abs() < 1e-15, "{one:?}");
        assert_eq!(probabilities(LossKind::OvrHinge, &[1.0, 2.0]), None);
    }
}
