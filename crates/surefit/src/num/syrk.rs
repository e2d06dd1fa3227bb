//! `C += AᵀA`, lower triangle, for a slice of rows that lies in the second-level cache.
//!
//! A general product forms both triangles, or recurses on blocks and packs each of them anew. Here a slice is
//! laid out once, as it is centred, in panels of 8 columns row by row, and every tile of C is 3 vectors high and 8
//! columns wide (4 where there are 16 vector registers): all of its sums stay in registers over the rows, 11 loads
//! of panels read from end to end feed 24 fused multiply-adds, and of the upper triangle only the corners of the
//! diagonal tiles are formed. The scheme is that of Goto and van de Geijn, "Anatomy of high-performance matrix
//! multiplication", ACM TOMS 34 (2008).

#![allow(clippy::inline_always, reason = "kernels must be compiled inside the dispatch on the processor")]

use crate::num::simd::vectorised;
use faer::MatMut;
use pulp::{Arch, Simd, WithSimd};
use std::ops::Range;

/// Columns of a panel: the numbers of the widest vector.
pub(crate) const GROUP: usize = 8;
/// Vectors of a tile, at most.
const HEIGHT: usize = 3;

/// Some rows of p columns in panels of [`GROUP`] columns, each row by row, the last filled up with zeros.
pub(crate) struct Slice {
    rows: usize,
    columns: usize,
    values: Vec<f64>,
}

impl Slice {
    /// Room for `rows` rows.
    pub fn zeros(rows: usize, columns: usize) -> Self {
        Self { rows, columns, values: vec![0.0; rows * columns.next_multiple_of(GROUP)] }
    }

    /// Takes so many rows from now on; all columns are to be laid out anew.
    pub fn resize(&mut self, rows: usize) {
        self.rows = rows;
        self.values.resize(rows * self.columns.next_multiple_of(GROUP), 0.0);
    }

    /// Lays out up to [`GROUP`] columns side by side from column `first` on, a multiple of it; `group` holds one
    /// after the other.
    pub fn put(&mut self, first: usize, group: &[f64]) {
        let rows = self.rows;
        interleave(group, rows, self.panel_mut(first));
    }

    /// Lets `fill` write [`GROUP`] columns from column `first` on, row by row.
    pub fn put_with<T>(&mut self, first: usize, fill: impl FnOnce(&mut [[f64; GROUP]]) -> T) -> T {
        fill(self.panel_mut(first))
    }

    /// `products += AᵀA` on and below the diagonal, for the columns that `products` has; its rows are all columns of
    /// the slice. What lies above the diagonal is not specified. `meanwhile` is called for every column once, some at
    /// a time: products leave the memory idle, which can fetch what comes next.
    pub fn add_products(&self, products: MatMut<'_, f64>, meanwhile: &dyn Fn(Range<usize>)) {
        Arch::new().dispatch(Update { slice: self, products, meanwhile });
    }

    /// The panel of column `j`.
    #[inline(always)]
    fn panel(&self, j: usize) -> &[[f64; GROUP]] {
        let rows = self.values.as_chunks().0;
        &rows[j / GROUP * self.rows..(j / GROUP + 1) * self.rows]
    }

    fn panel_mut(&mut self, j: usize) -> &mut [[f64; GROUP]] {
        let rows = self.values.as_chunks_mut().0;
        &mut rows[j / GROUP * self.rows..(j / GROUP + 1) * self.rows]
    }
}

vectorised! {
/// Writes `group[k · rows + i]` to `out[i][k]`, and zeros beyond the last column.
fn interleave<'a>(group: &'a [f64], rows: usize, out: &'a mut [[f64; GROUP]]) -> () {
    if group.len() == GROUP * rows {
        // All at once, so that a row is written as one vector.
        let eight: [&[f64]; GROUP] = std::array::from_fn(|k| &group[k * rows..(k + 1) * rows]);
        for (i, row) in out.iter_mut().enumerate() {
            for (to, column) in row.iter_mut().zip(eight) {
                *to = column[i];
            }
        }
    } else {
        out.fill([0.0; GROUP]);
        for (k, column) in group.chunks_exact(rows).enumerate() {
            for (row, value) in out.iter_mut().zip(column) {
                row[k] = *value;
            }
        }
    }
}
}

/// [`Slice::add_products`] for the dispatch on the processor.
struct Update<'a> {
    slice: &'a Slice,
    products: MatMut<'a, f64>,
    meanwhile: &'a dyn Fn(Range<usize>),
}

impl WithSimd for Update<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        if S::F64_LANES == GROUP { self.sweep::<S, 8>(simd) } else { self.sweep::<S, 4>(simd) }
    }
}

impl Update<'_> {
    /// Every tile of `WIDTH` columns: those of full height first, then what is left of the column.
    #[inline(always)]
    fn sweep<S: Simd, const WIDTH: usize>(mut self, simd: S) {
        let columns = self.slice.columns;
        let stride = columns.next_multiple_of(GROUP);
        let lefts = (0..self.products.ncols()).step_by(WIDTH);
        let tiles = |left: usize| ((stride - left) / S::F64_LANES).div_ceil(HEIGHT);
        let share = columns.div_ceil(lefts.clone().map(tiles).sum::<usize>().max(1));
        let mut told = 0;
        for left in lefts {
            let mut top = left;
            while top < stride {
                let next = columns.min(told + share);
                (self.meanwhile)(told..next);
                told = next;
                let vectors = ((stride - top) / S::F64_LANES).min(HEIGHT);
                match vectors {
                    HEIGHT => self.tile::<S, HEIGHT, WIDTH>(simd, top, left),
                    2 => self.tile::<S, 2, WIDTH>(simd, top, left),
                    _ => self.tile::<S, 1, WIDTH>(simd, top, left),
                }
                top += vectors * S::F64_LANES;
            }
        }
    }

    /// The tile of `V` vectors of rows of C from `top` and `WIDTH` columns from `left`.
    #[inline(always)]
    fn tile<S: Simd, const V: usize, const WIDTH: usize>(&mut self, simd: S, top: usize, left: usize) {
        let height = V * S::F64_LANES;
        let mut sums = [[simd.splat_f64s(0.0); V]; WIDTH];
        let high: [&[[f64; GROUP]]; V] = std::array::from_fn(|v| self.slice.panel(top + v * S::F64_LANES));
        let places: [usize; V] = std::array::from_fn(|v| (top + v * S::F64_LANES) % GROUP);
        for (i, wide) in self.slice.panel(left).iter().enumerate() {
            let mut values = [simd.splat_f64s(0.0); V];
            for v in 0..V {
                values[v] = S::as_simd_f64s(&high[v][i][places[v]..]).0[0];
            }
            for (sums, factor) in sums.iter_mut().zip(&wide[left % GROUP..]) {
                let factor = simd.splat_f64s(*factor);
                for (sum, value) in sums.iter_mut().zip(values) {
                    *sum = simd.mul_add_f64s(value, factor, *sum);
                }
            }
        }
        let (columns, outputs) = (self.slice.columns, self.products.ncols());
        let high = height.min(columns.saturating_sub(top));
        for (k, sums) in sums.iter().enumerate().take(outputs.saturating_sub(left)) {
            let sums: &[f64] = pulp::bytemuck::cast_slice(sums);
            let column = self.products.as_mut().col_mut(left + k).try_as_col_major_mut();
            let Some(column) = column else { continue };
            let out = &mut column.as_slice_mut()[top.min(columns)..];
            out.iter_mut().zip(&sums[..high]).for_each(|(out, sum)| *out += sum);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use faer::Mat;
    use pulp::Scalar;

    /// Small whole numbers, so that every sum is exact.
    fn number(i: usize, j: usize) -> f64 {
        ((i * 7 + j * j * 3 + i * j) % 19) as f64 - 9.0
    }

    fn slice(rows: usize, columns: usize) -> Slice {
        let mut slice = Slice::zeros(rows, columns);
        for first in (0..columns).step_by(GROUP) {
            let places = first..columns.min(first + GROUP);
            let group: Vec<f64> = places.flat_map(|j| (0..rows).map(move |i| number(i, j))).collect();
            slice.put(first, &group);
        }
        slice
    }

    fn check(products: &Mat<f64>, rows: usize) {
        for j in 0..products.ncols() {
            for i in j..products.nrows() {
                let want = 1.0 + (0..rows).map(|r| number(r, i) * number(r, j)).sum::<f64>();
                assert_eq!(products[(i, j)].to_bits(), want.to_bits(), "{i} {j}");
            }
        }
    }

    #[test]
    fn products_are_those_of_the_definition_on_every_processor() {
        for (rows, columns, wanted) in [(1, 1, 1), (5, 9, 8), (33, 31, 30), (256, 50, 47), (7, 3, 0)] {
            let slice = slice(rows, columns);
            let ones = || Mat::from_fn(columns, wanted, |_, _| 1.0);
            let mut products = ones();
            slice.add_products(products.as_mut(), &|_| {});
            check(&products, rows);
            let mut products = ones();
            Update { slice: &slice, products: products.as_mut(), meanwhile: &|_| {} }
                .with_simd(Scalar::new());
            check(&products, rows);
            #[cfg(target_arch = "x86_64")]
            if let Some(v3) = pulp::x86::V3::try_new() {
                let mut products = ones();
                Simd::vectorize(
                    v3,
                    Update { slice: &slice, products: products.as_mut(), meanwhile: &|_| {} },
                );
                check(&products, rows);
            }
        }
    }

    #[test]
    fn every_column_is_told_of_once_while_the_products_are_formed() {
        for (columns, wanted) in [(1, 1), (9, 8), (50, 47), (201, 200)] {
            let told = std::cell::RefCell::new(Vec::new());
            let mut products = Mat::zeros(columns, wanted);
            slice(3, columns).add_products(products.as_mut(), &|some| told.borrow_mut().extend(some));
            assert!(told.into_inner().into_iter().eq(0..columns));
        }
    }

    #[test]
    fn a_slice_of_fewer_rows_forgets_the_others() {
        let mut slice = slice(9, 4);
        slice.resize(2);
        let group: Vec<f64> = (0..4).flat_map(|j| (0..2).map(move |i| number(i, j))).collect();
        slice.put(0, &group);
        let mut products = Mat::from_fn(4, 4, |_, _| 1.0);
        slice.add_products(products.as_mut(), &|_| {});
        check(&products, 2);
    }
}
