//! Rows with targets, in the storage that their owner has: what a fit by any loss but the squared one sees of the
//! data.

use super::features::Features;
use super::label_sets::LabelRows;
use super::rows::Shape;
use crate::error::{Error, Result};
use crate::loss::{Loss, Targets};

/// n rows of features, each with a target and a weight, borrowed.
#[derive(Clone, Copy, Debug)]
pub struct Samples<'a> {
    /// n × d.
    pub x: Features<'a>,
    /// n classes, n × c numbers, or n sets of c labels.
    pub targets: Targets<'a>,
    /// n row weights, all ≥ 0; absent means 1.
    pub weights: Option<&'a [f64]>,
    /// c: columns of scores, as [`Loss::outputs`] says.
    pub outputs: usize,
}

impl<'a> Samples<'a> {
    /// Rows of classes 0 to `classes − 1`, for a loss of classes.
    ///
    /// # Errors
    /// Sizes that do not match, a class beyond the last one, a weight that is negative or no number, weights that
    /// are all 0.
    pub fn of_classes(
        x: Features<'a>,
        of_rows: &'a [u32],
        weights: Option<&'a [f64]>,
        classes: usize,
        loss: &dyn Loss,
    ) -> Result<Self> {
        if let Some(row) =
            of_rows.iter().position(|class| usize::try_from(*class).is_ok_and(|k| k >= classes))
        {
            return Err(usage(format!("row {} is of class {} of {classes}", row + 1, of_rows[row])));
        }
        Self { x, targets: Targets::Classes(of_rows), weights, outputs: loss.outputs(classes) }.checked()
    }

    /// Rows whose targets are numbers, for a loss of numbers.
    ///
    /// # Errors
    /// As [`Self::of_classes`].
    pub fn of_values(x: Features<'a>, y: faer::MatRef<'a, f64>, weights: Option<&'a [f64]>) -> Result<Self> {
        Self { x, targets: Targets::Values(y), weights, outputs: y.ncols() }.checked()
    }

    /// Rows with sets of labels, for a loss of labels.
    ///
    /// # Errors
    /// As [`Self::of_classes`], and where there are fewer than two labels.
    pub fn of_labels(
        x: Features<'a>,
        labels: LabelRows<'a>,
        weights: Option<&'a [f64]>,
        loss: &dyn Loss,
    ) -> Result<Self> {
        if labels.labels() < 2 {
            return Err(Error::Usage {
                what: format!("a ranking needs two labels or more, and there are {}", labels.labels()),
                hint: "name all labels of the rows".to_owned(),
            });
        }
        Self { x, targets: Targets::Labels(labels), weights, outputs: loss.outputs(labels.labels()) }
            .checked()
    }

    /// The same with a weight for each label, in place of 1 ([`LabelRows::weighted`]).
    ///
    /// # Errors
    /// Targets that are no sets of labels; numbers that are not one a label, or not all above 0 and finite.
    pub fn with_label_weights(self, weights: &'a [f64]) -> Result<Self> {
        let refuse = |what: String| {
            let hint = "give a number above 0 for each label".to_owned();
            Err(Error::Usage { what, hint })
        };
        let Targets::Labels(labels) = self.targets else {
            return refuse("there are weights of labels, and the targets are no sets of labels".to_owned());
        };
        if weights.len() != labels.labels() {
            return refuse(format!("there are {} weights for {} labels", weights.len(), labels.labels()));
        }
        if let Some(label) = weights.iter().position(|weight| !(*weight > 0.0 && weight.is_finite())) {
            return refuse(format!("the weight of label {} is {}", label + 1, weights[label]));
        }
        Ok(Self { targets: Targets::Labels(labels.weighted(Some(weights))), ..self })
    }

    fn checked(self) -> Result<Self> {
        let rows = self.x.rows();
        let targets = match self.targets {
            Targets::Values(y) => y.nrows(),
            Targets::Classes(of_rows) => of_rows.len(),
            Targets::Labels(labels) => labels.rows(),
        };
        if targets != rows {
            return Err(usage(format!("there are {targets} targets for {rows} rows")));
        }
        if let Some(weights) = self.weights {
            if weights.len() != rows {
                return Err(usage(format!("there are {} weights for {rows} rows", weights.len())));
            }
            if let Some(row) = weights.iter().position(|s| !(*s >= 0.0 && s.is_finite())) {
                return Err(usage(format!("the weight of row {} is {}", row + 1, weights[row])));
            }
        }
        if self.total_weight() > 0.0 {
            Ok(self)
        } else {
            Err(usage("no row has a weight above 0".to_owned()))
        }
    }

    /// Sizes.
    pub fn shape(&self) -> Shape {
        Shape { rows: self.x.rows(), columns: self.x.columns(), outputs: self.outputs }
    }

    /// Σ sᵢ.
    pub fn total_weight(&self) -> f64 {
        self.weights.map_or(self.x.rows() as f64, |weights| weights.iter().sum())
    }

    /// d: the weighted standard deviation of each column, which says how much a coefficient moves scores.
    pub fn spreads(&self) -> Vec<f64> {
        let mut sums = vec![(0.0, 0.0); self.x.columns()];
        for i in 0..self.x.rows() {
            let s = self.weight(i);
            self.x.for_each_in_row(i, |j, x| {
                if let Some((first, second)) = sums.get_mut(j) {
                    *first += s * x;
                    *second += s * x * x;
                }
            });
        }
        let total = self.total_weight();
        let spread =
            |(first, second): &(f64, f64)| (second / total - (first / total).powi(2)).max(0.0).sqrt();
        sums.iter().map(spread).collect()
    }

    /// sᵢ; 0 for a row that is not there.
    #[inline]
    pub fn weight(&self, row: usize) -> f64 {
        self.weights.map_or(1.0, |weights| weights.get(row).copied().unwrap_or(0.0))
    }
}

impl Targets<'_> {
    /// Those of the `count` rows from row `first` on.
    #[must_use]
    pub fn rows(self, first: usize, count: usize) -> Self {
        match self {
            Self::Values(y) => Self::Values(y.subrows(first, count)),
            Self::Classes(of_rows) => Self::Classes(of_rows.get(first..first + count).unwrap_or(&[])),
            Self::Labels(labels) => Self::Labels(labels.slice(first, count)),
        }
    }
}

fn usage(what: String) -> Error {
    Error::Usage { what, hint: "give a target and a weight of 0 or more for every row".to_owned() }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::data::LabelSets;
    use crate::loss::named;
    use crate::problem::LossKind;
    use faer::Mat;

    #[test]
    fn rows_without_a_target_or_with_a_weight_of_no_use_are_refused_by_their_number() {
        let x = Mat::<f64>::zeros(3, 2);
        let loss = named(LossKind::Softmax);
        let made = |of_rows: &[u32], weights: Option<&[f64]>| {
            let samples = Samples::of_classes(Features::F64(x.as_ref()), of_rows, weights, 2, &*loss);
            samples.map(drop).map_err(|error| error.to_string())
        };
        assert_eq!(made(&[0, 1, 1], None), Ok(()));
        assert_eq!(made(&[0, 1], None), Err("there are 2 targets for 3 rows".to_owned()));
        assert_eq!(made(&[0, 2, 1], None), Err("row 2 is of class 2 of 2".to_owned()));
        assert_eq!(made(&[0, 1, 1], Some(&[1.0, -2.0, 0.0])), Err("the weight of row 2 is -2".to_owned()));
        assert_eq!(
            made(&[0, 1, 1], Some(&[1.0, f64::NAN, 0.0])),
            Err("the weight of row 2 is NaN".to_owned())
        );
        assert_eq!(made(&[0, 1, 1], Some(&[0.0; 3])), Err("no row has a weight above 0".to_owned()));
        assert_eq!(made(&[0, 1, 1], Some(&[1.0])), Err("there are 1 weights for 3 rows".to_owned()));
    }

    #[test]
    fn label_sets_that_do_not_fit_the_rows_are_refused() {
        let x = Mat::<f64>::zeros(3, 2);
        let loss = named(LossKind::Bpmll);
        let made = |labels: LabelSets| {
            let samples = Samples::of_labels(Features::F64(x.as_ref()), labels.view(), None, &*loss);
            samples.map(|samples| samples.outputs).map_err(|error| error.to_string())
        };
        assert_eq!(made(LabelSets::new(3, 70)), Ok(70));
        let sets = LabelSets::new(3, 2);
        let samples = Samples::of_labels(Features::F64(x.as_ref()), sets.view(), None, &*loss).unwrap();
        let weighed = |weights: &[f64]| {
            samples.with_label_weights(weights).map(drop).map_err(|error| error.to_string())
        };
        assert_eq!(weighed(&[2.0, 0.5]), Ok(()));
        assert_eq!(weighed(&[2.0]), Err("there are 1 weights for 2 labels".to_owned()));
        assert_eq!(weighed(&[2.0, 0.0]), Err("the weight of label 2 is 0".to_owned()));
        assert_eq!(made(LabelSets::new(2, 70)), Err("there are 2 targets for 3 rows".to_owned()));
        assert_eq!(
            made(LabelSets::new(3, 1)),
            Err("a ranking needs two labels or more, and there are 1".to_owned())
        );
    }
}
