//! What the rules know of the data: names, means, spreads and ranges, in the user's own units and in any other.

use crate::data::moments::Moments;
use crate::data::scale::Scale;
use crate::data::{Block, Rows, map_reduce};
use crate::error::Result;
use faer::{Mat, MatRef};

/// Facts of a data set in the user's units.
#[derive(Clone, Debug)]
pub struct Facts {
    /// d names.
    pub columns: Vec<String>,
    /// c names.
    pub targets: Vec<String>,
    /// Means and centred products.
    pub moments: Moments,
    /// Smallest and largest value of every column.
    pub column_ranges: Vec<(f64, f64)>,
    /// Smallest and largest value of every target.
    pub target_ranges: Vec<(f64, f64)>,
}

impl Facts {
    /// From rows in the user's units. A column or target without a name is `x1`, `x2`, … or `y1`, `y2`, ….
    /// Ranges and means are those of the rows with a weight above 0.
    ///
    /// # Errors
    /// When the rows can no longer be read.
    pub fn of(rows: &dyn Rows, columns: &[String], targets: &[String]) -> Result<Self> {
        let shape = rows.shape();
        let mut column_ranges = vec![EMPTY; shape.columns];
        let mut target_ranges = vec![EMPTY; shape.outputs];
        map_reduce(
            rows,
            |Block { x, y, weights, .. }| (ranges(x, weights), ranges(y, weights)),
            |(x, y)| {
                column_ranges.iter_mut().zip(x).for_each(|(all, part)| *all = hull(*all, part));
                target_ranges.iter_mut().zip(y).for_each(|(all, part)| *all = hull(*all, part));
            },
        )?;
        Ok(Self {
            columns: named(columns, "x", shape.columns),
            targets: named(targets, "y", shape.outputs),
            moments: Moments::of(rows)?,
            column_ranges,
            target_ranges,
        })
    }

    /// |mean| in units of the spread; 0 for a constant column.
    pub fn offset(&self, column: usize) -> f64 {
        let spread = self.moments.deviation(column);
        if spread > 0.0 { self.moments.mean_x[column].abs() / spread } else { 0.0 }
    }

    /// The moments of the same rows in the units of `scale`, the targets too where `scale_target`.
    pub fn in_units(&self, scale: Scale, scale_target: bool) -> Moments {
        let m = &self.moments;
        let x: Vec<(f64, f64)> = (0..m.shape.columns)
            .map(|j| affine(scale, m.mean_x[j], m.deviation(j), self.column_ranges[j]))
            .collect();
        let y: Vec<(f64, f64)> = (0..m.shape.outputs)
            .map(|k| self.target_affine(if scale_target { scale } else { Scale::None }, k))
            .collect();
        Moments {
            shape: m.shape,
            total_weight: m.total_weight,
            positive_rows: m.positive_rows,
            mean_x: means(scale, &m.mean_x, &x),
            mean_y: means(if scale_target { scale } else { Scale::None }, &m.mean_y, &y),
            sxx: m.sxx.in_units(&x.iter().map(|(_, unit)| *unit).collect::<Vec<_>>()),
            sxy: Mat::from_fn(x.len(), y.len(), |i, k| m.sxy[(i, k)] / (x[i].1 * y[k].1)),
            syy: y.iter().zip(&m.syy).map(|((_, unit), syy)| syy / (unit * unit)).collect(),
        }
    }

    /// One unit of target `k` under `scale`, in the user's units.
    pub(crate) fn target_unit(&self, scale: Scale, scale_target: bool, k: usize) -> f64 {
        self.target_affine(if scale_target { scale } else { Scale::None }, k).1
    }

    fn target_affine(&self, scale: Scale, k: usize) -> (f64, f64) {
        let m = &self.moments;
        affine(scale, m.mean_y[k], (m.syy[k] / m.total_weight).sqrt(), self.target_ranges[k])
    }
}

/// What the rules for single columns know of the data.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spans<'a> {
    /// d names.
    pub columns: &'a [String],
    /// Smallest and largest value of every column.
    pub column_ranges: &'a [(f64, f64)],
    /// Σ sᵢ.
    pub total_weight: f64,
}

impl<'a> From<&'a Facts> for Spans<'a> {
    fn from(facts: &'a Facts) -> Self {
        let Facts { columns, column_ranges, moments, .. } = facts;
        Self { columns, column_ranges, total_weight: moments.total_weight }
    }
}

const EMPTY: (f64, f64) = (f64::INFINITY, f64::NEG_INFINITY);

fn hull(a: (f64, f64), b: (f64, f64)) -> (f64, f64) {
    (a.0.min(b.0), a.1.max(b.1))
}

pub(super) fn named(names: &[String], letter: &str, count: usize) -> Vec<String> {
    (0..count).map(|i| names.get(i).cloned().unwrap_or_else(|| format!("{letter}{}", i + 1))).collect()
}

fn ranges(values: MatRef<'_, f64>, weights: Option<&[f64]>) -> Vec<(f64, f64)> {
    let counts = |i: usize| weights.is_none_or(|weights| weights[i] > 0.0);
    let of_column = |j| {
        let own = values.col(j).iter().enumerate().filter(|(i, _)| counts(*i));
        own.fold(EMPTY, |range, (_, &value)| hull(range, (value, value)))
    };
    (0..values.ncols()).map(of_column).collect()
}

/// Shift and unit of one column; a column without spread keeps its unit.
fn affine(scale: Scale, mean: f64, deviation: f64, (low, high): (f64, f64)) -> (f64, f64) {
    let unit = |size: f64| if size > 0.0 { size } else { 1.0 };
    match scale {
        Scale::None => (0.0, 1.0),
        Scale::Center => (mean, 1.0),
        Scale::Standardize => (mean, unit(deviation)),
        Scale::Minmax => (low, unit(high - low)),
    }
}

/// The means in the new units: exactly 0 where the mean was taken out.
fn means(scale: Scale, means: &[f64], units: &[(f64, f64)]) -> Vec<f64> {
    let centred = matches!(scale, Scale::Center | Scale::Standardize);
    let moved =
        |(mean, (shift, unit)): (&f64, &(f64, f64))| if centred { 0.0 } else { (mean - shift) / unit };
    means.iter().zip(units).map(moved).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::float_cmp)]

    use super::*;
    use crate::diagnosis::cases::{sales, sales_minmax};

    fn facts() -> Facts {
        Facts::of(&sales(), &["temp".to_owned()], &["sales".to_owned()]).unwrap()
    }

    #[test]
    fn ranges_and_offset_of_the_sales_data() {
        let facts = facts();
        assert_eq!((facts.column_ranges[0], facts.target_ranges[0]), ((11.9, 25.1), (185.0, 614.0)));
        assert!((facts.offset(0) - 4.8628).abs() < 1e-4);
    }

    #[test]
    fn moments_in_other_units_are_those_of_the_scaled_rows() {
        let derived = facts().in_units(Scale::Minmax, true);
        let direct = Moments::of(&sales_minmax()).unwrap();
        for (a, b) in [
            (derived.mean_x[0], direct.mean_x[0]),
            (derived.mean_y[0], direct.mean_y[0]),
            (derived.sxx.square(0), direct.sxx.square(0)),
            (derived.sxy[(0, 0)], direct.sxy[(0, 0)]),
            (derived.syy[0], direct.syy[0]),
        ] {
            assert!((a / b - 1.0).abs() < 1e-14);
        }
        assert_eq!(facts().in_units(Scale::Standardize, false).mean_x, [0.0]);
    }
}
