//! Matrices of double-double numbers, and the triangular factor of a tall one built up from blocks of rows.
//!
//! High and low parts lie in two arrays, so that the loops below compile to vector instructions. The
//! factorisation is Householder's (Golub and Van Loan, *Matrix Computations*, 4th ed., §5.2), each
//! reflection acting on one row of the triangle and the whole block below it.

use super::Dd;
use super::simd::vectorised;

/// A matrix of double-double numbers, column after column.
#[derive(Clone, Debug)]
pub(crate) struct DdMat {
    rows: usize,
    hi: Vec<f64>,
    lo: Vec<f64>,
}

impl DdMat {
    pub fn zeros(rows: usize, columns: usize) -> Self {
        Self { rows, hi: vec![0.0; rows * columns], lo: vec![0.0; rows * columns] }
    }

    pub fn from_fn(rows: usize, columns: usize, entry: impl Fn(usize, usize) -> Dd) -> Self {
        let mut matrix = Self::zeros(rows, columns);
        for j in 0..columns {
            for i in 0..rows {
                matrix.set(i, j, entry(i, j));
            }
        }
        matrix
    }

    pub fn rows(&self) -> usize {
        self.rows
    }

    pub fn columns(&self) -> usize {
        self.hi.len().checked_div(self.rows).unwrap_or(0)
    }

    pub fn get(&self, i: usize, j: usize) -> Dd {
        let at = j * self.rows + i;
        Dd { hi: self.hi[at], lo: self.lo[at] }
    }

    pub fn set(&mut self, i: usize, j: usize, value: Dd) {
        let at = j * self.rows + i;
        self.hi[at] = value.hi;
        self.lo[at] = value.lo;
    }

    /// Entries `from..to` of column `j`.
    pub fn column(&self, j: usize, from: usize, to: usize) -> Slice<'_> {
        let at = j * self.rows;
        Slice { hi: &self.hi[at + from..at + to], lo: &self.lo[at + from..at + to] }
    }

    pub fn column_mut(&mut self, j: usize, from: usize, to: usize) -> SliceMut<'_> {
        let at = j * self.rows;
        SliceMut { hi: &mut self.hi[at + from..at + to], lo: &mut self.lo[at + from..at + to] }
    }

    /// Entries `from..to` of column `k`, and of a later column `j` to write to.
    fn pair(&mut self, k: usize, j: usize, from: usize, to: usize) -> (Slice<'_>, SliceMut<'_>) {
        debug_assert!(k < j);
        let at = j * self.rows;
        let (first_hi, second_hi) = self.hi.split_at_mut(at);
        let (first_lo, second_lo) = self.lo.split_at_mut(at);
        let k = k * self.rows;
        (
            Slice { hi: &first_hi[k + from..k + to], lo: &first_lo[k + from..k + to] },
            SliceMut { hi: &mut second_hi[from..to], lo: &mut second_lo[from..to] },
        )
    }
}

/// Double-double numbers to read.
#[derive(Clone, Copy)]
pub(crate) struct Slice<'a> {
    pub hi: &'a [f64],
    pub lo: &'a [f64],
}

/// Double-double numbers to write.
pub(crate) struct SliceMut<'a> {
    pub hi: &'a mut [f64],
    pub lo: &'a mut [f64],
}

const LANES: usize = 8;

impl Slice<'_> {
    /// Σ aᵢ bᵢ, in [`LANES`] interleaved sums.
    pub fn dot(self, other: Slice<'_>) -> Dd {
        dot(self, other)
    }
}

impl SliceMut<'_> {
    /// `self ← self + factor · x`.
    pub fn add_scaled(self, factor: Dd, x: Slice<'_>) {
        add_scaled(self, factor, x);
    }
}

vectorised! {
/// Σ aᵢ bᵢ.
fn dot<'a>(a: Slice<'a>, b: Slice<'a>) -> Dd {
    let mut sum = [Dd::ZERO; LANES];
    let ((ah, ah_rest), (al, al_rest)) = (a.hi.as_chunks::<LANES>(), a.lo.as_chunks::<LANES>());
    let ((bh, bh_rest), (bl, bl_rest)) = (b.hi.as_chunks::<LANES>(), b.lo.as_chunks::<LANES>());
    for (((ah, al), bh), bl) in ah.iter().zip(al).zip(bh).zip(bl) {
        for k in 0..LANES {
            sum[k] += Dd { hi: ah[k], lo: al[k] } * Dd { hi: bh[k], lo: bl[k] };
        }
    }
    for (k, (((ah, al), bh), bl)) in ah_rest.iter().zip(al_rest).zip(bh_rest).zip(bl_rest).enumerate() {
        sum[k] += Dd { hi: *ah, lo: *al } * Dd { hi: *bh, lo: *bl };
    }
    sum.into_iter().sum()
}
}

vectorised! {
/// `y ← y + factor · x`.
fn add_scaled<'a>(y: SliceMut<'a>, factor: Dd, x: Slice<'a>) -> () {
    for (((yh, yl), xh), xl) in y.hi.iter_mut().zip(y.lo).zip(x.hi).zip(x.lo) {
        let sum = Dd { hi: *yh, lo: *yl } + Dd { hi: *xh, lo: *xl } * factor;
        *yh = sum.hi;
        *yl = sum.lo;
    }
}
}

/// Squares below this are not reflected away: rounding of rounding, whose own squares would vanish. Columns
/// come scaled to a largest entry of about 1.
const NEGLIGIBLE: f64 = 1e-280;

/// The triangular factor of `[A Y]`: that of A, and what the same reflections make of Y.
#[derive(Clone, Debug)]
pub(crate) struct Triangle {
    /// p × (p + c): R, then Y in the basis of its rows.
    pub factor: DdMat,
    /// c: ‖Y‖² beyond the first p entries, the residual sums of squares.
    pub rest: Vec<Dd>,
}

impl Triangle {
    pub fn new(columns: usize, outputs: usize) -> Self {
        Self { factor: DdMat::zeros(columns, columns + outputs), rest: vec![Dd::ZERO; outputs] }
    }

    /// Takes further rows of `[A Y]` in; `block` is used up.
    pub fn absorb(&mut self, block: &mut DdMat) {
        let (p, count) = (self.factor.rows(), block.rows());
        let all = p + self.rest.len();
        for k in 0..p {
            let column = block.column(k, 0, count);
            let square = column.dot(column);
            if square.hi < NEGLIGIBLE {
                continue;
            }
            let head = self.factor.get(k, k);
            let norm = (head * head + square).sqrt();
            let beta = if head.hi > 0.0 { -norm } else { norm };
            let first = head - beta;
            let scale = Dd::from(-2.0) / (first * first + square);
            self.factor.set(k, k, beta);
            for j in k + 1..all {
                let (reflector, mut target) = block.pair(k, j, 0, count);
                let above = self.factor.get(k, j);
                let view = Slice { hi: target.hi, lo: target.lo };
                let product = (first * above + reflector.dot(view)) * scale;
                self.factor.set(k, j, above + product * first);
                target = SliceMut { hi: target.hi, lo: target.lo };
                target.add_scaled(product, reflector);
            }
        }
        for (k, rest) in self.rest.iter_mut().enumerate() {
            let column = block.column(p + k, 0, count);
            *rest += column.dot(column);
        }
    }

    /// Takes in all rows that another triangle stands for.
    pub fn merge(&mut self, other: &Self) {
        let mut rows = other.factor.clone();
        self.absorb(&mut rows);
        self.rest.iter_mut().zip(&other.rest).for_each(|(to, from)| *to += *from);
    }
}

/// Solves `R z = rhs` for an upper triangle R in the first columns of `factor`.
pub(crate) fn solve_upper(factor: &DdMat, size: usize, rhs: &mut DdMat, column: usize) {
    for k in (0..size).rev() {
        let value = rhs.get(k, column) / factor.get(k, k);
        rhs.set(k, column, value);
        rhs.column_mut(column, 0, k).add_scaled(-value, factor.column(k, 0, k));
    }
}

/// R⁻¹ of an upper triangle in the first columns of `factor`.
pub(crate) fn invert_upper(factor: &DdMat, size: usize) -> DdMat {
    let mut inverse = DdMat::zeros(size, size);
    for j in 0..size {
        inverse.set(j, j, Dd::ONE);
        for k in (0..=j).rev() {
            let value = inverse.get(k, j) / factor.get(k, k);
            inverse.set(k, j, value);
            inverse.column_mut(j, 0, k).add_scaled(-value, factor.column(k, 0, k));
        }
    }
    inverse
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_triangle_of_a_vandermonde_matrix_reproduces_its_products_to_thirty_digits() {
        let entry = |i: usize, j: usize| Dd::from(1.0 + i as f64 / 7.0).powi(i32::try_from(j).unwrap_or(0));
        let mut triangle = Triangle::new(6, 1);
        for first in (0..50).step_by(10) {
            triangle.absorb(&mut DdMat::from_fn(10, 7, |i, j| entry(first + i, j)));
        }
        for j in 0..7 {
            for k in 0..=j {
                let want: Dd = (0..50).map(|i| entry(i, j) * entry(i, k)).sum();
                let mut got: Dd = (0..6)
                    .map(|i| {
                        if i <= k.min(5) {
                            triangle.factor.get(i, j) * triangle.factor.get(i, k)
                        } else {
                            Dd::ZERO
                        }
                    })
                    .sum();
                if j == 6 && k == 6 {
                    got += triangle.rest[0];
                }
                let error = ((got - want) / want).abs().value();
                assert!(error < 1e-28, "{j} {k}: {error}");
            }
        }
    }

    #[test]
    fn the_inverse_of_a_triangle_times_it_is_one() {
        let factor = DdMat::from_fn(9, 9, |i, j| {
            if i <= j { Dd::ONE / Dd::from(1.0 + (i + 2 * j) as f64) } else { Dd::ZERO }
        });
        let inverse = invert_upper(&factor, 9);
        for i in 0..9 {
            for j in 0..9 {
                let product: Dd = (0..9).map(|k| inverse.get(i, k) * factor.get(k, j)).sum();
                let want = if i == j { Dd::ONE } else { Dd::ZERO };
                assert!((product - want).abs().value() < 1e-25);
            }
        }
    }
}
