//! Scaling of rows in memory, dense or sparse, in two walks over what is not 0.

use super::{Scale, Scaling, is_constant};
use crate::data::{DataError, Samples};
use crate::error::Result;
use crate::num::Dd;

/// Weighted facts of one column over rows of a weight above 0; entries that are 0 count by what is left of the weight.
#[derive(Clone, Copy)]
struct Facts {
    /// Weight and number of the entries that are not 0.
    weight: Dd,
    entries: usize,
    sum: Dd,
    least: f64,
    most: f64,
}

impl Scaling {
    /// As [`Scaling::new`], of the columns of samples; targets stay as they are. `name` is what messages call a column.
    ///
    /// # Errors
    /// When a mean or spread is beyond the range of `f64`.
    pub fn of_samples(scale: Scale, samples: &Samples<'_>, name: &dyn Fn(usize) -> String) -> Result<Self> {
        let (d, c) = (samples.x.columns(), samples.outputs);
        let mut scaling = Self::identity(d, c);
        if scale == Scale::None {
            return Ok(scaling);
        }
        let (facts, total) = facts(samples);
        let means: Vec<f64> = facts
            .iter()
            .map(|of| if of.least >= of.most { of.least } else { (of.sum / total).value() })
            .collect();
        match scale {
            Scale::None => {}
            Scale::Center => scaling.shift = means,
            Scale::Standardize => {
                scaling.factor = deviations(samples, &facts, &means, total);
                scaling.shift = means;
            }
            Scale::Minmax => {
                (scaling.shift, scaling.factor) =
                    facts.iter().map(|of| (of.least, of.most - of.least)).unzip();
            }
        }
        for (j, of) in facts.iter().enumerate() {
            let factor = &mut scaling.factor[j];
            if is_constant(of.least, of.most) {
                *factor = 1.0;
            }
            if !(scaling.shift[j].is_finite() && factor.is_finite() && *factor > 0.0) {
                let (least, most) = (of.least, of.most);
                return Err(DataError::NoScale {
                    column: j + 1,
                    columns: d,
                    name: Some(name(j)),
                    least,
                    most,
                }
                .into());
            }
        }
        Ok(scaling)
    }
}

/// Of all columns, and the total weight.
fn facts(samples: &Samples<'_>) -> (Vec<Facts>, Dd) {
    let none =
        Facts { weight: Dd::ZERO, entries: 0, sum: Dd::ZERO, least: f64::INFINITY, most: f64::NEG_INFINITY };
    let mut facts = vec![none; samples.x.columns()];
    let (mut total, mut rows) = (Dd::ZERO, 0);
    for i in 0..samples.x.rows() {
        let weight = samples.weight(i);
        if weight <= 0.0 {
            continue;
        }
        total += Dd::from(weight);
        rows += 1;
        samples.x.for_each_in_row(i, |j, value| {
            let of = &mut facts[j];
            of.weight += Dd::from(weight);
            of.entries += 1;
            of.sum += Dd::product(weight, value);
            of.least = of.least.min(value);
            of.most = of.most.max(value);
        });
    }
    for of in facts.iter_mut().filter(|of| of.entries < rows) {
        of.least = of.least.min(0.0);
        of.most = of.most.max(0.0);
    }
    (facts, total)
}

/// As those of rows in blocks: (Σ s r² − (Σ s r)² / S) / S with r = x − mean.
fn deviations(samples: &Samples<'_>, facts: &[Facts], means: &[f64], total: Dd) -> Vec<f64> {
    let zeros = |(of, mean): (&Facts, &f64)| {
        let weight = (total - of.weight).value();
        (Dd::product(weight, -mean), Dd::product(weight * mean, *mean))
    };
    let mut sums: Vec<(Dd, Dd)> = facts.iter().zip(means).map(zeros).collect();
    for i in (0..samples.x.rows()).filter(|i| samples.weight(*i) > 0.0) {
        let weight = samples.weight(i);
        samples.x.for_each_in_row(i, |j, value| {
            let residual = value - means[j];
            sums[j].0 += Dd::product(weight, residual);
            sums[j].1 += Dd::product(weight * residual, residual);
        });
    }
    let deviation =
        |&(first, second): &(Dd, Dd)| ((second - first * first / total) / total).value().max(0.0).sqrt();
    sums.iter().map(deviation).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::data::features::{Csr, Features};
    use crate::data::{Design, LabelSets};
    use crate::loss::named;
    use crate::problem::LossKind;
    use faer::Mat;
    use proptest::prelude::*;

    fn with<T>(x: Features<'_>, weights: Option<&[f64]>, run: impl FnOnce(&Samples<'_>) -> T) -> T {
        let sets = LabelSets::new(x.rows(), 2);
        run(&Samples::of_labels(x, sets.view(), weights, &*named(LossKind::Bpmll)).unwrap())
    }

    proptest! {
        /// The scaling of blocks of rows is the oracle; sparse rows are those of a matrix with zeros.
        #[test]
        fn dense_and_sparse_samples_are_scaled_as_rows_are(
            rows in prop::collection::vec(prop::array::uniform3(prop_oneof![Just(0.0), -9.0..9.0f64]), 1..12),
            weights in prop::collection::vec(prop_oneof![Just(0.0), 0.5..3.0f64], 12),
            weighted in any::<bool>(),
        ) {
            let n = rows.len();
            let mut weights = weights[..n].to_vec();
            weights[0] = 1.0;
            let weights = weighted.then_some(weights);
            let x = Mat::from_fn(n, 3, |i, j| rows[i][j]);
            let (mut starts, mut indices, mut values) = (vec![0i32], Vec::new(), Vec::new());
            for row in &rows {
                for (j, value) in (0i32..).zip(row).filter(|(_, value)| **value != 0.0) {
                    indices.push(j);
                    values.push(*value);
                }
                starts.push(i32::try_from(values.len()).unwrap());
            }
            let sparse = Csr::new(3, &starts, &indices, &values).unwrap();
            let design = Design { y: Mat::zeros(n, 2), x: x.clone(), x_low: None, weights: weights.clone() };
            for scale in [Scale::None, Scale::Center, Scale::Standardize, Scale::Minmax] {
                let expected = Scaling::new(scale, false, &design).unwrap();
                for features in [Features::F64(x.as_ref()), Features::Csr64(sparse)] {
                    let found = with(features, weights.as_deref(), |samples| {
                        Scaling::of_samples(scale, samples, &|j| format!("x{j}")).unwrap()
                    });
                    let pairs = found.shift.iter().zip(&expected.shift).chain(found.factor.iter().zip(&expected.factor));
                    for (a, b) in pairs {
                        prop_assert!((a - b).abs() <= 1e-13 * (1.0 + b.abs()), "{:?} {:?}", found, expected);
                    }
                }
            }
        }
    }

    #[test]
    fn a_column_that_cannot_be_scaled_is_named() {
        let x = Mat::from_fn(2, 1, |i, _| [-1e308, 1e308][i]);
        let error = with(Features::F64(x.as_ref()), None, |samples| {
            Scaling::of_samples(Scale::Minmax, samples, &|_| "far".to_owned()).unwrap_err()
        });
        assert_eq!(
            error.to_string(),
            "`far` runs from -1e308 to 1e308: too far for its mean and spread to be numbers"
        );
    }
}
