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

    /// Its value on rows of n × c scores and their label sets, and how many of the rows it is over.
    pub fn of(self, scores: MatRef<'_, f64>, threshold: &Threshold, labels: LabelRows<'_>) -> (f64, usize) {
        let (ranking, sets) = if self.is_of_sets() {
            (Ranking::default(), SetAccuracy::of(threshold.sets(scores).view(), labels))
        } else {
            (Ranking::of(scores, labels), SetAccuracy::default())
        };
        let rows = if self.is_of_sets() { sets.rows } else { ranking.rows };
        (self.among(&ranking, &sets), rows)
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
        let found = Measure::ALL.map(|measure| measure.of(scores.as_ref(), &threshold, sets.view()));
        // By hand: rows 1 and 3 have pairs; in row 3 label 1 is between its two labels.
        let wanted = [
            (0.25, 2),
            (0.0, 2),
            (1.0, 2),
            (11.0 / 12.0, 2),
            (3.0 / 9.0, 3),
            (0.0, 3),
            (6.0 / 9.0, 3),
            ((2.0 / 3.0 + 2.0 / 3.0 + 2.0 / 3.0) / 3.0, 3),
        ];
        for (measure, (found, wanted)) in Measure::ALL.into_iter().zip(found.into_iter().zip(wanted)) {
            assert!((found.0 - wanted.0).abs() < 1e-15 && found.1 == wanted.1, "{measure:?} {found:?}");
        }
    }
}
