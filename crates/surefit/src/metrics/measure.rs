//! The measures of rankings and of label sets by their names, so that penalties can be compared by one of them.

use super::ranking::{Ranking, SetAccuracy};
use super::threshold::Threshold;
use crate::data::LabelRows;
use faer::MatRef;

/// One of the measures of [`Ranking`] and [`SetAccuracy`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// [`Ranking::loss`].
    RankingLoss,
    /// [`Ranking::one_error`].
    OneError,
    /// [`Ranking::coverage`].
    Coverage,
    /// [`Ranking::average_precision`].
    AveragePrecision,
    /// [`SetAccuracy::hamming`].
    Hamming,
    /// [`SetAccuracy::subset`].
    SubsetAccuracy,
    /// [`SetAccuracy::micro_f1`].
    MicroF1,
    /// [`SetAccuracy::macro_f1`].
    MacroF1,
}

impl Measure {
    /// All of them, those of rankings first.
    pub const ALL: [Self; 8] = [
        Self::RankingLoss,
        Self::OneError,
        Self::Coverage,
        Self::AveragePrecision,
        Self::Hamming,
        Self::SubsetAccuracy,
        Self::MicroF1,
        Self::MacroF1,
    ];

    /// Its name in words.
    pub fn name(self) -> &'static str {
        match self {
            Self::RankingLoss => "ranking loss",
            Self::OneError => "one-error",
            Self::Coverage => "coverage",
            Self::AveragePrecision => "average precision",
            Self::Hamming => "Hamming loss",
            Self::SubsetAccuracy => "subset accuracy",
            Self::MicroF1 => "micro F1",
            Self::MacroF1 => "macro F1",
        }
    }

    /// Whether more of it is better.
    pub fn more_is_better(self) -> bool {
        matches!(self, Self::AveragePrecision | Self::SubsetAccuracy | Self::MicroF1 | Self::MacroF1)
    }

    /// Whether it is of sets, which scores become by a threshold, over all rows; otherwise of the order of the scores, over the
    /// rows that have a pair.
    pub fn is_of_sets(self) -> bool {
        matches!(self, Self::Hamming | Self::SubsetAccuracy | Self::MicroF1 | Self::MacroF1)
    }

    /// Its value among those that were computed.
    pub fn among(self, ranking: &Ranking, sets: &SetAccuracy) -> f64 {
        match self {
            Self::RankingLoss => ranking.loss,
            Self::OneError => ranking.one_error,
            Self::Coverage => ranking.coverage,
            Self::AveragePrecision => ranking.average_precision,
            Self::Hamming => sets.hamming,
            Self::SubsetAccuracy => sets.subset,
            Self::MicroF1 => sets.micro_f1,
            Self::MacroF1 => sets.macro_f1,
        }
    }

    /// Its value on rows of n × c scores and their label sets, and the weight of the rows that it is over, of which each has 1
    /// where no weights are given.
    pub fn of(
        self,
        scores: MatRef<'_, f64>,
        threshold: &Threshold,
        labels: LabelRows<'_>,
        weights: Option<&[f64]>,
    ) -> (f64, f64) {
        let (ranking, sets) = if self.is_of_sets() {
            let given = threshold.sets(scores);
            (Ranking::default(), SetAccuracy::weighted(given.view(), labels, weights))
        } else {
            (Ranking::weighted(scores, labels, weights), SetAccuracy::default())
        };
        let counts = |row: usize| self.is_of_sets() || (1..labels.labels()).contains(&labels.count(row));
        let weight = |row: usize| weights.map_or(1.0, |weights| weights.get(row).copied().unwrap_or(0.0));
        let over = (0..labels.rows().min(scores.nrows())).filter(|row| counts(*row)).map(weight).sum();
        (self.among(&ranking, &sets), over)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::data::LabelSets;
    use faer::mat;

    #[test]
    fn each_measure_is_the_one_of_its_name_over_the_rows_that_it_counts() {
        let mut sets = LabelSets::new(0, 3);
        sets.push([0]);
        sets.push([]);
        sets.push([1, 2]);
        let scores = mat![[1.0, 0.5, -1.0], [-1.0, -2.0, 0.25], [0.75, 1.0, 0.5]];
        let threshold = Threshold::Constant(0.0);
        let found = Measure::ALL.map(|measure| measure.of(scores.as_ref(), &threshold, sets.view(), None));
        // By hand: rows 1 and 3 have pairs; in row 3 label 1 is between its two labels.
        let wanted = [
            (0.25, 2.0),
            (0.0, 2.0),
            (1.0, 2.0),
            (11.0 / 12.0, 2.0),
            (3.0 / 9.0, 3.0),
            (0.0, 3.0),
            (6.0 / 9.0, 3.0),
            ((2.0 / 3.0 + 2.0 / 3.0 + 2.0 / 3.0) / 3.0, 3.0),
        ];
        for (measure, (found, wanted)) in Measure::ALL.into_iter().zip(found.into_iter().zip(wanted)) {
            let near = (found.0 - wanted.0).abs() < 1e-15 && (found.1 - wanted.1).abs() < 1e-15;
            assert!(near, "{measure:?} {found:?}");
        }
        // A weight of 2 is two such rows.
        let weights = [1.0, 0.0, 2.0];
        let twice = [0, 2, 2];
        let repeated = faer::Mat::from_fn(3, 3, |i, k| scores[(twice[i], k)]);
        for measure in Measure::ALL {
            let found = measure.of(scores.as_ref(), &threshold, sets.view(), Some(&weights));
            let wanted = measure.of(repeated.as_ref(), &threshold, sets.view().picked(&twice).view(), None);
            let near = (found.0 - wanted.0).abs() < 1e-15 && (found.1 - wanted.1).abs() < 1e-15;
            assert!(near, "{measure:?} {found:?} {wanted:?}");
        }
    }
}
