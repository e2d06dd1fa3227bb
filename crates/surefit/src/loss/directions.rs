//! Second derivatives of a loss without a formula of its own for them: one direction after the other.

use super::{Loss, Targets};
use faer::{Mat, MatMut, MatRef};

/// [`Loss::diagonal`].
pub(super) fn diagonal<L: Loss + ?Sized>(
    loss: &L,
    mut scores: MatMut<'_, f64>,
    targets: Targets<'_>,
    weights: Option<&[f64]>,
) {
    let (n, c) = scores.shape();
    let mut out = Mat::zeros(n, c);
    let mut direction = vec![0.0; n * c];
    for k in 0..c {
        let product = product(loss, scores.as_ref(), targets, weights, (k, &mut direction));
        out.col_mut(k).copy_from(product.col(k));
    }
    scores.copy_from(out);
}

/// [`Loss::add_hessians`].
pub(super) fn add_hessians<L: Loss + ?Sized>(
    loss: &L,
    scores: MatRef<'_, f64>,
    targets: Targets<'_>,
    weights: Option<&[f64]>,
    mut sum: MatMut<'_, f64>,
) {
    let (n, c) = scores.shape();
    let mut direction = vec![0.0; n * c];
    for k in 0..c {
        let product = product(loss, scores, targets, weights, (k, &mut direction));
        for row in product.row_iter() {
            sum.as_mut().col_mut(k).iter_mut().zip(row.iter()).for_each(|(sum, entry)| *sum += entry);
        }
    }
}

/// The Hessians times output k.
fn product<'d, L: Loss + ?Sized>(
    loss: &L,
    scores: MatRef<'_, f64>,
    targets: Targets<'_>,
    weights: Option<&[f64]>,
    (k, direction): (usize, &'d mut [f64]),
) -> MatRef<'d, f64> {
    let (n, c) = scores.shape();
    direction.fill(0.0);
    direction.iter_mut().skip(k).step_by(c).for_each(|entry| *entry = 1.0);
    loss.hessian(scores, targets, weights, MatMut::from_row_major_slice_mut(direction, n, c));
    MatRef::from_row_major_slice(direction, n, c)
}
