//! How well scores tell classes: which class each row is given, how many are right, and who is taken for whom.

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

    /// The share of those.
    pub fn accuracy(&self) -> f64 {
        self.right() as f64 / self.rows() as f64
    }
}

#[cfg(test)]
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
    }
}
