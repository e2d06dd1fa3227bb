//! The squared loss ℓ(z, y) = ½ Σₖ (zₖ − yₖ)²; its gradient is the residual z − y.

use super::{Curvature, Loss};
use faer::{MatMut, MatRef};

/// ½ Σ (z − y)².
#[derive(Clone, Copy, Debug, Default)]
pub struct Squared;

/// Independent sums, so that the loop vectorises; their number and order are fixed, so that the result has
/// the same bits on every processor.
const LANES: usize = 8;

impl Loss for Squared {
    fn block(&self, mut scores: MatMut<'_, f64>, y: MatRef<'_, f64>, weights: Option<&[f64]>) -> f64 {
        let mut value = 0.0;
        for k in 0..scores.ncols() {
            let target = y.col(k);
            let column = scores.as_mut().col_mut(k);
            value += match (column.try_as_col_major_mut(), target.try_as_col_major(), weights) {
                (Some(z), Some(y), None) => unweighted(z.as_slice_mut(), y.as_slice()),
                _ => any_layout(scores.as_mut().col_mut(k), target, weights),
            };
        }
        0.5 * value
    }

    fn curvature(&self) -> Curvature {
        Curvature::Quadratic { second_derivative: 1.0 }
    }
}

/// `Σ (z − y)²` of one output, leaving the residuals in `z`.
fn unweighted(z: &mut [f64], y: &[f64]) -> f64 {
    let mut lanes = [0.0; LANES];
    for (z, y) in z.chunks_mut(LANES).zip(y.chunks(LANES)) {
        for ((z, y), lane) in z.iter_mut().zip(y).zip(&mut lanes) {
            *z -= y;
            *lane += *z * *z;
        }
    }
    lanes.iter().sum()
}

/// The same for any strides and with row weights.
fn any_layout(mut z: faer::ColMut<'_, f64>, y: faer::ColRef<'_, f64>, weights: Option<&[f64]>) -> f64 {
    let mut lanes = [0.0; LANES];
    for i in 0..z.nrows() {
        let weight = weights.map_or(1.0, |weights| weights[i]);
        let residual = z[i] - y[i];
        // Not 0 · residual, which is NaN for a row that overflows.
        z[i] = if weight == 0.0 { 0.0 } else { weight * residual };
        lanes[i % LANES] += if weight == 0.0 { 0.0 } else { weight * residual * residual };
    }
    lanes.iter().sum()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::float_cmp)]

    use super::*;
    use faer::Mat;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn gradient_is_the_central_difference_of_the_value(
            rows in prop::collection::vec((-5.0f64..5.0, -5.0f64..5.0, 0.0f64..3.0), 1..30),
            weighted in any::<bool>(),
        ) {
            let y = Mat::from_fn(rows.len(), 1, |i, _| rows[i].1);
            let weights: Option<Vec<f64>> = weighted.then(|| rows.iter().map(|r| r.2).collect());
            let value = |moved: usize, by: f64| {
                let mut z = Mat::from_fn(rows.len(), 1, |i, _| rows[i].0 + if i == moved { by } else { 0.0 });
                Squared.block(z.as_mut(), y.as_ref(), weights.as_deref())
            };
            let mut gradient = Mat::from_fn(rows.len(), 1, |i, _| rows[i].0);
            Squared.block(gradient.as_mut(), y.as_ref(), weights.as_deref());
            for i in 0..rows.len() {
                // Exact for a quadratic but for rounding.
                let numeric = (value(i, 0.5) - value(i, -0.5)) / 1.0;
                prop_assert!((numeric - gradient[(i, 0)]).abs() < 1e-10);
            }
        }

        #[test]
        fn a_weight_of_two_is_the_row_twice_and_of_zero_no_row(
            rows in prop::collection::vec((-5.0f64..5.0, -5.0f64..5.0), 1..20),
        ) {
            let weights: Vec<f64> = (0..rows.len()).map(|i| (i % 3) as f64).collect();
            let mut z = Mat::from_fn(rows.len(), 1, |i, _| rows[i].0);
            let y = Mat::from_fn(rows.len(), 1, |i, _| rows[i].1);
            let weighted = Squared.block(z.as_mut(), y.as_ref(), Some(&weights));
            let repeated: Vec<_> =
                rows.iter().enumerate().flat_map(|(i, row)| std::iter::repeat_n(*row, i % 3)).collect();
            let mut z = Mat::from_fn(repeated.len(), 1, |i, _| repeated[i].0);
            let y = Mat::from_fn(repeated.len(), 1, |i, _| repeated[i].1);
            let plain = Squared.block(z.as_mut(), y.as_ref(), None);
            prop_assert!((weighted - plain).abs() <= 1e-12 * plain);
        }
    }

    #[test]
    fn a_row_of_weight_zero_cannot_spoil_the_sum() {
        let mut z = Mat::from_fn(2, 1, |i, _| if i == 0 { f64::INFINITY } else { 1.0 });
        let y = Mat::zeros(2, 1);
        assert_eq!(Squared.block(z.as_mut(), y.as_ref(), Some(&[0.0, 1.0])), 0.5);
        assert_eq!(z[(0, 0)], 0.0);
    }
}
