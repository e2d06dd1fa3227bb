//! Scaling for meaning: in which units penalty, start, learning rate, tolerance and trace are.
//!
//! A column is seen as (x − shift) / factor and a target as (y − shift) / factor. With `s`, `f` of the
//! columns and `t`, `g` of the targets, scores w̃ᵀx̃ + b̃ in scaled units are predictions
//!
//! ```text
//! wᵀx + b     with   w_jk = g_k w̃_jk / f_j     b_k = g_k b̃_k + t_k − Σ_j w_jk s_j
//! ```
//!
//! in the user's units. This is not the scaling that makes a solver fast; that is the solver's business.

mod samples;

use super::check::DataError;
use super::rows::{Block, BlockBuf, OwnedBlock, Rows, Shape, map_reduce};
use crate::error::Result;
use crate::num::{Dd, UNIT_ROUNDOFF};
use crate::problem::Coefficients;
use faer::{Mat, MatRef};

/// How columns are shifted and scaled before anything else; coefficients are folded back afterwards.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scale {
    /// As they are.
    #[default]
    None,
    /// Minus the mean.
    Center,
    /// Minus the mean, divided by the population standard deviation.
    Standardize,
    /// Onto 0 … 1.
    Minmax,
}

/// The shifts and factors of one data set. Factors are above 0: that of a column that is constant but for rounding is 1.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Scaling {
    /// d: what is taken off each column.
    pub shift: Vec<f64>,
    /// d: what each column is then divided by.
    pub factor: Vec<f64>,
    /// c: what is taken off each target.
    pub target_shift: Vec<f64>,
    /// c: what each target is then divided by.
    pub target_factor: Vec<f64>,
}

/// A range of so many roundings of its ends is noise of the arithmetic that made it.
const NOISE: f64 = 4.0;

/// Whether numbers of this range are the same but for rounding.
pub(crate) fn is_constant(least: f64, most: f64) -> bool {
    most - least <= NOISE * UNIT_ROUNDOFF * least.abs().max(most.abs())
}

/// Weighted facts of one column, over rows of a weight above 0.
#[derive(Clone, Copy)]
struct Facts {
    sum: Dd,
    least: f64,
    most: f64,
}

impl Facts {
    const NONE: Self = Self { sum: Dd::ZERO, least: f64::INFINITY, most: f64::NEG_INFINITY };

    fn of(values: &[f64], weights: Option<&[f64]>) -> Self {
        let mut facts = Self::NONE;
        for (i, &value) in values.iter().enumerate() {
            let weight = weight(weights, i);
            if weight > 0.0 {
                facts.sum += Dd::product(weight, value);
                facts.least = facts.least.min(value);
                facts.most = facts.most.max(value);
            }
        }
        facts
    }

    fn and(self, other: Self) -> Self {
        Self {
            sum: self.sum + other.sum,
            least: self.least.min(other.least),
            most: self.most.max(other.most),
        }
    }

    fn constant(self) -> bool {
        self.least >= self.most
    }
}

fn weight(weights: Option<&[f64]>, row: usize) -> f64 {
    weights.map_or(1.0, |weights| weights.get(row).copied().unwrap_or(0.0))
}

/// The columns of a block, then its targets.
fn columns<'a>(block: &Block<'a>) -> impl Iterator<Item = Vec<f64>> + use<'a> {
    let values =
        |m: MatRef<'a, f64>| (0..m.ncols()).map(move |j| (0..m.nrows()).map(|i| m[(i, j)]).collect());
    values(block.x).chain(values(block.y))
}

impl Scaling {
    /// Nothing shifted, nothing scaled.
    pub fn identity(columns: usize, outputs: usize) -> Self {
        Self {
            shift: vec![0.0; columns],
            factor: vec![1.0; columns],
            target_shift: vec![0.0; outputs],
            target_factor: vec![1.0; outputs],
        }
    }

    /// The scaling of these rows, at most two walks; `scale_target` treats targets like columns. Means and
    /// deviations are weighted; rows of weight 0 do not count, for minimum and maximum either.
    ///
    /// # Errors
    /// When the rows can no longer be read, or a mean or spread is beyond the range of `f64`.
    pub fn new(scale: Scale, scale_target: bool, rows: &dyn Rows) -> Result<Self> {
        let Shape { columns: d, outputs: c, .. } = rows.shape();
        if scale == Scale::None {
            return Ok(Self::identity(d, c));
        }
        let (facts, total) = facts(rows)?;
        let mean = |facts: &Facts| if facts.constant() { facts.least } else { (facts.sum / total).value() };
        let (shift, factor): (Vec<f64>, Vec<f64>) = match scale {
            Scale::None => (vec![0.0; d + c], vec![1.0; d + c]),
            Scale::Center => (facts.iter().map(mean).collect(), vec![1.0; d + c]),
            Scale::Standardize => {
                let means: Vec<f64> = facts.iter().map(mean).collect();
                let deviations = deviations(rows, &means, total)?;
                (means, deviations)
            }
            Scale::Minmax => facts.iter().map(|facts| (facts.least, facts.most - facts.least)).unzip(),
        };
        let mut factor = factor;
        for (j, facts) in facts.iter().enumerate() {
            if is_constant(facts.least, facts.most) {
                factor[j] = 1.0;
            }
            // Of targets that keep their units nothing is needed.
            let needed = j < d || scale_target;
            if needed && !(shift[j].is_finite() && factor[j].is_finite() && factor[j] > 0.0) {
                let (column, least, most) = (j + 1, facts.least, facts.most);
                return Err(DataError::NoScale { column, columns: d, name: None, least, most }.into());
            }
        }
        let mut scaling = Self::identity(d, c);
        scaling.shift.copy_from_slice(&shift[..d]);
        scaling.factor.copy_from_slice(&factor[..d]);
        if scale_target {
            scaling.target_shift.copy_from_slice(&shift[d..]);
            scaling.target_factor.copy_from_slice(&factor[d..]);
        }
        Ok(scaling)
    }

    /// Whether it changes nothing.
    pub fn is_identity(&self) -> bool {
        *self == Self::identity(self.shift.len(), self.target_shift.len())
    }

    /// From scaled to the user's units. Where the model has no intercept, one that is not 0 comes out if
    /// anything was shifted.
    #[must_use]
    pub fn fold_back(&self, scaled: &Coefficients) -> Coefficients {
        let (d, c) = (scaled.weights.nrows(), scaled.weights.ncols());
        let weights =
            Mat::from_fn(d, c, |j, k| self.target_factor[k] * scaled.weights[(j, k)] / self.factor[j]);
        let intercept = |k: usize| {
            let own = Dd::product(self.target_factor[k], scaled.intercept[k]) + self.target_shift[k];
            (own - self.shift_of_scores(&weights, k)).value()
        };
        let intercept = (0..c).map(intercept).collect();
        Coefficients { weights, intercept }
    }

    /// From the user's to scaled units: the reverse of [`Self::fold_back`].
    #[must_use]
    pub fn fold_in(&self, user: &Coefficients) -> Coefficients {
        let (d, c) = (user.weights.nrows(), user.weights.ncols());
        let weights =
            Mat::from_fn(d, c, |j, k| user.weights[(j, k)] * self.factor[j] / self.target_factor[k]);
        let intercept = |k: usize| {
            let own = self.shift_of_scores(&user.weights, k) + user.intercept[k] - self.target_shift[k];
            (own / self.target_factor[k]).value()
        };
        let intercept = (0..c).map(intercept).collect();
        Coefficients { weights, intercept }
    }

    /// What the shifts of the columns add to score `k`: the sum of weight times shift.
    fn shift_of_scores(&self, weights: &Mat<f64>, k: usize) -> Dd {
        self.shift.iter().enumerate().map(|(j, &shift)| Dd::product(weights[(j, k)], shift)).sum()
    }

    /// d squared factors: a penalty λ on scaled columns is λ · factor² on the user's (and the objective in
    /// the user's units is the scaled one times the squared target factor).
    pub fn penalty_factors(&self) -> Vec<f64> {
        self.factor.iter().map(|factor| factor * factor).collect()
    }
}

/// Facts of all columns, then all targets, and the total weight.
fn facts(rows: &dyn Rows) -> Result<(Vec<Facts>, Dd)> {
    let Shape { columns: d, outputs: c, .. } = rows.shape();
    let mut facts = vec![Facts::NONE; d + c];
    let mut total = Dd::ZERO;
    let of_block = |block: Block<'_>| {
        let weight: Dd = (0..block.x.nrows()).map(|i| Dd::from(weight(block.weights, i))).sum();
        (columns(&block).map(|values| Facts::of(&values, block.weights)).collect::<Vec<_>>(), weight)
    };
    map_reduce(rows, of_block, |(block, weight)| {
        facts.iter_mut().zip(block).for_each(|(facts, of_block)| *facts = facts.and(of_block));
        total += weight;
    })?;
    Ok((facts, total))
}

/// Population standard deviations about `means`, by the corrected two-pass formula (Chan, Golub and
/// Le Veque, "Algorithms for computing the sample variance", The American Statistician 37, 1983):
/// (Σ s r² − (Σ s r)² / S) / S with r = x − mean.
fn deviations(rows: &dyn Rows, means: &[f64], total: Dd) -> Result<Vec<f64>> {
    let mut sums = vec![(Dd::ZERO, Dd::ZERO); means.len()];
    let of_block = |block: Block<'_>| {
        let of_column = |(values, mean): (Vec<f64>, &f64)| {
            let mut sums = (Dd::ZERO, Dd::ZERO);
            for (i, value) in values.iter().enumerate() {
                let (residual, weight) = (value - mean, weight(block.weights, i));
                if weight > 0.0 {
                    sums.0 += Dd::product(weight, residual);
                    sums.1 += Dd::product(weight * residual, residual);
                }
            }
            sums
        };
        columns(&block).zip(means).map(of_column).collect::<Vec<_>>()
    };
    map_reduce(rows, of_block, |block| {
        for (sums, (first, second)) in sums.iter_mut().zip(block) {
            sums.0 += first;
            sums.1 += second;
        }
    })?;
    let deviation =
        |&(first, second): &(Dd, Dd)| ((second - first * first / total) / total).value().max(0.0).sqrt();
    Ok(sums.iter().map(deviation).collect())
}

/// Rows in scaled units.
#[derive(Clone, Copy)]
pub struct Scaled<'a> {
    rows: &'a dyn Rows,
    scaling: &'a Scaling,
}

impl<'a> Scaled<'a> {
    /// `scaling` is that of rows of this shape.
    pub fn new(rows: &'a dyn Rows, scaling: &'a Scaling) -> Self {
        Self { rows, scaling }
    }

    fn scale(&self, block: &Block<'_>) -> OwnedBlock {
        let Scaling { shift, factor, target_shift, target_factor } = self.scaling;
        let (n, d, c) = (block.x.nrows(), block.x.ncols(), block.y.ncols());
        let mut x = Mat::<f64>::zeros(n, d);
        let mut x_low = block.x_low.map(|_| Mat::<f64>::zeros(n, d));
        for j in 0..d {
            for i in 0..n {
                if let (Some(own), Some(low)) = (&mut x_low, block.x_low) {
                    // The digits below f64 are why they are there: shifted and divided with all of them.
                    let scaled = (Dd::new(block.x[(i, j)], low[(i, j)]) - shift[j]) / factor[j];
                    (x[(i, j)], own[(i, j)]) = (scaled.hi, scaled.lo);
                } else {
                    x[(i, j)] = (block.x[(i, j)] - shift[j]) / factor[j];
                }
            }
        }
        let y = Mat::from_fn(n, c, |i, k| (block.y[(i, k)] - target_shift[k]) / target_factor[k]);
        OwnedBlock { first: block.first, x, x_low, y, weights: block.weights.map(<[f64]>::to_vec) }
    }
}

impl Rows for Scaled<'_> {
    fn shape(&self) -> Shape {
        self.rows.shape()
    }

    fn blocks(&self) -> Box<dyn Iterator<Item = Result<BlockBuf<'_>>> + '_> {
        if self.scaling.is_identity() {
            return self.rows.blocks();
        }
        Box::new(self.rows.blocks().map(|block| Ok(BlockBuf::Owned(self.scale(&block?.view())))))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::float_cmp)]

    use super::*;
    use crate::data::Design;
    use proptest::prelude::*;

    const SCALES: [Scale; 4] = [Scale::None, Scale::Center, Scale::Standardize, Scale::Minmax];

    fn column(design: MatRef<'_, f64>, j: usize) -> Vec<f64> {
        (0..design.nrows()).map(|i| design[(i, j)]).collect()
    }

    fn of_column(x: &[f64], weights: Option<Vec<f64>>) -> Design {
        let x = Mat::from_fn(x.len(), 1, |i, _| x[i]);
        Design { y: x.clone(), x, x_low: None, weights }
    }

    #[test]
    fn each_scale_does_what_its_name_says() {
        let design = of_column(&[2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0], None);
        for (scale, shift, factor) in [
            (Scale::None, 0.0, 1.0),
            (Scale::Center, 5.0, 1.0),
            (Scale::Standardize, 5.0, 2.0),
            (Scale::Minmax, 2.0, 7.0),
        ] {
            let scaling = Scaling::new(scale, false, &design).unwrap();
            assert_eq!((scaling.shift[0], scaling.factor[0]), (shift, factor), "{scale:?}");
            assert_eq!((scaling.target_shift[0], scaling.target_factor[0]), (0.0, 1.0));
            let both = Scaling::new(scale, true, &design).unwrap();
            assert_eq!((both.target_shift[0], both.target_factor[0]), (shift, factor));
        }
    }

    #[test]
    fn a_constant_column_is_shifted_but_not_divided() {
        for scale in [Scale::Center, Scale::Standardize, Scale::Minmax] {
            let scaling = Scaling::new(scale, true, &of_column(&[0.1; 7], None)).unwrap();
            assert_eq!((scaling.shift[0], scaling.factor[0]), (0.1, 1.0));
        }
    }

    #[test]
    fn a_spread_beyond_the_range_of_f64_is_refused() {
        let error = Scaling::new(Scale::Minmax, false, &of_column(&[-1e308, 1e308], None)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "design column 1 runs from -1e308 to 1e308: too far for its mean and spread to be numbers"
        );
        let tiny = Scaling::new(Scale::Standardize, false, &of_column(&[-1e-310, 2e-310], None)).unwrap_err();
        assert_eq!(
            tiny.to_string(),
            "design column 1 runs from -1e-310 to 2e-310: too near 0 for its mean and spread to be numbers"
        );
        assert_eq!(
            tiny.hints(),
            ["use `--scale none`, or write the column in smaller units, in which its numbers are larger"]
        );
    }

    #[test]
    fn a_weight_counts_rows_and_0_leaves_one_out() {
        let weighted = of_column(&[1.0, 3.0, 1e300], Some(vec![3.0, 1.0, 0.0]));
        let repeated = of_column(&[1.0, 1.0, 1.0, 3.0], None);
        for scale in SCALES {
            let scaling = Scaling::new(scale, true, &weighted).unwrap();
            assert_eq!(scaling, Scaling::new(scale, true, &repeated).unwrap());
        }
    }

    #[test]
    fn the_low_part_is_scaled_with_the_high_one() {
        let design = Design {
            x: Mat::from_fn(2, 1, |i, _| 1.0 + i as f64),
            x_low: Some(Mat::from_fn(2, 1, |i, _| 1e-20 * (1.0 + i as f64))),
            y: Mat::zeros(2, 1),
            weights: None,
        };
        let scaling = Scaling { shift: vec![1.0], factor: vec![3.0], ..Scaling::identity(1, 1) };
        let scaled = Design::gather(&Scaled::new(&design, &scaling)).unwrap();
        let low = scaled.x_low.unwrap();
        // (1 + 1e-20 − 1) / 3, and (2 + 2e-20 − 1) / 3 with 1/3 = 0x1.5555555555555p-2 + 1.85…e-17.
        assert!((scaled.x[(0, 0)] + low[(0, 0)] - 1e-20 / 3.0).abs() < 1e-35);
        assert_eq!(scaled.x[(1, 0)], 1.0 / 3.0);
        let rest = (1.0f64 / 3.0).mul_add(-3.0, 1.0) / 3.0;
        assert!((low[(1, 0)] - (rest + 2e-20 / 3.0)).abs() < 1e-30);
    }

    fn values(count: usize) -> impl Strategy<Value = Vec<f64>> {
        prop::collection::vec(-100.0f64..100.0, count)
    }

    proptest! {
        #[test]
        fn folded_coefficients_predict_the_same_and_fold_in_undoes_it(
            x in values(24), y in values(16), w in values(6), b in values(2),
            weights in prop::option::of(prop::collection::vec(0.5f64..3.0, 8)),
            which in 0usize..4, scale_target: bool,
        ) {
            let design = Design {
                x: Mat::from_fn(8, 3, |i, j| x[3 * i + j]),
                x_low: None,
                y: Mat::from_fn(8, 2, |i, k| y[2 * i + k]),
                weights,
            };
            let scaling = Scaling::new(SCALES[which], scale_target, &design).unwrap();
            let scaled_rows = Design::gather(&Scaled::new(&design, &scaling)).unwrap();
            let scaled = Coefficients { weights: Mat::from_fn(3, 2, |j, k| w[2 * j + k]), intercept: b };
            let user = scaling.fold_back(&scaled);
            for i in 0..8 {
                for k in 0..2 {
                    let score = |x: &Mat<f64>, c: &Coefficients| {
                        (0..3).map(|j| x[(i, j)] * c.weights[(j, k)]).sum::<f64>() + c.intercept[k]
                    };
                    let back = score(&scaled_rows.x, &scaled) * scaling.target_factor[k] + scaling.target_shift[k];
                    prop_assert!((back - score(&design.x, &user)).abs() < 1e-8 * (1.0 + back.abs()));
                }
            }
            let again = scaling.fold_in(&user);
            for k in 0..2 {
                prop_assert!((again.intercept[k] - scaled.intercept[k]).abs() < 1e-9);
                for j in 0..3 {
                    prop_assert!((again.weights[(j, k)] - scaled.weights[(j, k)]).abs() < 1e-12 * 100.0);
                }
            }
        }

        #[test]
        fn standardized_columns_have_mean_0_and_deviation_1(x in values(30)) {
            let design = of_column(&x, None);
            let scaling = Scaling::new(Scale::Standardize, false, &design).unwrap();
            let scaled = Design::gather(&Scaled::new(&design, &scaling)).unwrap();
            let z = column(scaled.x.as_ref(), 0);
            let mean = z.iter().sum::<f64>() / 30.0;
            let square = z.iter().map(|z| z * z).sum::<f64>() / 30.0;
            prop_assert!(mean.abs() < 1e-12 && (square - 1.0).abs() < 1e-12);
        }
    }
}
