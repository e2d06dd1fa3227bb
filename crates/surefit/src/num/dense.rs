//! Dense factorisations of faer, run on the calling thread: the bits of a result never depend on how many
//! threads there are.

use faer::diag::Diag;
use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::cholesky::llt::factor::LltRegularization;
use faer::linalg::matmul::matmul;
use faer::linalg::{cholesky::llt, evd, qr::no_pivoting, svd, triangular_inverse, triangular_solve};
use faer::traits::ComplexField;
use faer::{Accum, Mat, MatMut, MatRef, Par, Spec};

/// `dst += factor · a b`.
pub(crate) fn add_product(dst: MatMut<'_, f64>, factor: f64, a: MatRef<'_, f64>, b: MatRef<'_, f64>) {
    matmul(dst, Accum::Add, a, b, factor, Par::Seq);
}

/// `a b`.
pub(crate) fn product(a: MatRef<'_, f64>, b: MatRef<'_, f64>) -> Mat<f64> {
    let mut dst = Mat::zeros(a.nrows(), b.ncols());
    matmul(&mut dst, Accum::Replace, a, b, 1.0, Par::Seq);
    dst
}

/// Turns the lower triangle of a positive definite matrix into its Cholesky factor; false where it is not
/// positive definite to working precision.
pub(crate) fn cholesky(mut matrix: MatMut<'_, f64>) -> bool {
    let scratch = llt::factor::cholesky_in_place_scratch::<f64>(matrix.nrows(), Par::Seq, Spec::default());
    let mut memory = MemBuffer::new(scratch);
    let stack = MemStack::new(&mut memory);
    let matrix = matrix.as_mut();
    llt::factor::cholesky_in_place(matrix, LltRegularization::default(), Par::Seq, stack, Spec::default())
        .is_ok()
}

/// Overwrites `matrix` (rows ≥ columns) with its triangular factor in the upper triangle; what is below is
/// of no use.
pub(crate) fn qr(mut matrix: MatMut<'_, f64>) {
    let (m, n) = (matrix.nrows(), matrix.ncols());
    if m == 0 || n == 0 {
        return;
    }
    let block = no_pivoting::factor::recommended_block_size::<f64>(m, n);
    let mut householder = Mat::zeros(block, m.min(n));
    let scratch = no_pivoting::factor::qr_in_place_scratch::<f64>(m, n, block, Par::Seq, Spec::default());
    let mut memory = MemBuffer::new(scratch);
    let stack = MemStack::new(&mut memory);
    let matrix = matrix.as_mut();
    no_pivoting::factor::qr_in_place(matrix, householder.as_mut(), Par::Seq, stack, Spec::default());
}

/// The inverse of an upper triangle.
pub(crate) fn invert_upper(upper: MatRef<'_, f64>) -> Mat<f64> {
    let mut inverse = Mat::zeros(upper.nrows(), upper.ncols());
    triangular_inverse::invert_upper_triangular(inverse.as_mut(), upper, Par::Seq);
    inverse
}

/// Solves `R z = rhs` in place.
pub(crate) fn solve_upper<T: ComplexField>(upper: MatRef<'_, T>, rhs: MatMut<'_, T>) {
    triangular_solve::solve_upper_triangular_in_place(upper, rhs, Par::Seq);
}

/// Solves `L z = rhs` in place.
pub(crate) fn solve_lower<T: ComplexField>(lower: MatRef<'_, T>, rhs: MatMut<'_, T>) {
    triangular_solve::solve_lower_triangular_in_place(lower, rhs, Par::Seq);
}

/// Thin singular value decomposition: U (m × k), σ descending, V (n × k); nothing where it does not
/// converge.
pub(crate) fn thin_svd(matrix: MatRef<'_, f64>) -> Option<(Mat<f64>, Vec<f64>, Mat<f64>)> {
    let (m, n) = (matrix.nrows(), matrix.ncols());
    let size = m.min(n);
    let (mut u, mut v) = (Mat::zeros(m, size), Mat::zeros(n, size));
    let mut values = Diag::zeros(size);
    let thin = svd::ComputeSvdVectors::Thin;
    let scratch = svd::svd_scratch::<f64>(m, n, thin, thin, Par::Seq, Spec::default());
    let mut memory = MemBuffer::new(scratch);
    let stack = MemStack::new(&mut memory);
    let (left, right) = (Some(u.as_mut()), Some(v.as_mut()));
    svd::svd(matrix, values.as_mut(), left, right, Par::Seq, stack, Spec::default()).ok()?;
    let values = (0..size).map(|k| values.column_vector()[k]).collect();
    Some((u, values, v))
}

/// Eigenvalues, ascending, and eigenvectors of a symmetric matrix given by its lower triangle.
pub(crate) fn symmetric_eigen(matrix: MatRef<'_, f64>) -> Option<(Vec<f64>, Mat<f64>)> {
    let n = matrix.nrows();
    let mut vectors = Mat::zeros(n, n);
    let mut values = Diag::zeros(n);
    let with = evd::ComputeEigenvectors::Yes;
    let scratch = evd::self_adjoint_evd_scratch::<f64>(n, with, Par::Seq, Spec::default());
    let mut memory = MemBuffer::new(scratch);
    let stack = MemStack::new(&mut memory);
    let place = Some(vectors.as_mut());
    evd::self_adjoint_evd(matrix, values.as_mut(), place, Par::Seq, stack, Spec::default()).ok()?;
    let values = (0..n).map(|k| values.column_vector()[k]).collect();
    Some((values, vectors))
}
