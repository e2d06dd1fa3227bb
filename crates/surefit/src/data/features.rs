//! A design in memory in the storage that its owner has: dense in either order, `f32` or `f64`, or sparse rows.
//!
//! Solvers for many classes visit it without a copy and without making sparse rows dense. Storage may be
//! narrow; sums over it are `f64` throughout.

use crate::error::{Error, Result};
use faer::MatRef;

/// n × d numbers, borrowed.
#[derive(Clone, Copy, Debug)]
pub enum Features<'a> {
    /// Dense, any strides.
    F64(MatRef<'a, f64>),
    /// Dense in single precision, any strides.
    F32(MatRef<'a, f32>),
    /// Sparse rows with 32-bit indices.
    Csr64(Csr<'a, f64, i32>),
    /// The same in single precision.
    Csr32(Csr<'a, f32, i32>),
    /// Sparse rows with 64-bit indices.
    LongCsr64(Csr<'a, f64, i64>),
    /// The same in single precision.
    LongCsr32(Csr<'a, f32, i64>),
}

/// A number as it is stored.
pub trait Number: Copy + Send + Sync + std::fmt::Debug + 'static {
    /// In the precision of every sum.
    fn wide(self) -> f64;
}

impl Number for f64 {
    #[inline]
    fn wide(self) -> f64 {
        self
    }
}

impl Number for f32 {
    #[inline]
    fn wide(self) -> f64 {
        f64::from(self)
    }
}

/// The place of an entry as it is stored.
pub trait Index: Copy + Send + Sync + std::fmt::Debug + 'static {
    /// As a place; `None` below 0.
    fn place(self) -> Option<usize>;
}

impl Index for i32 {
    #[inline]
    fn place(self) -> Option<usize> {
        usize::try_from(self).ok()
    }
}

impl Index for i64 {
    #[inline]
    fn place(self) -> Option<usize> {
        usize::try_from(self).ok()
    }
}

/// Compressed sparse rows, as `SciPy`'s `csr_array`: row i holds `values[k]` in column `indices[k]` for k from
/// `starts[i]` up to `starts[i + 1]`, columns ascending.
#[derive(Clone, Copy, Debug)]
pub struct Csr<'a, V, I> {
    columns: usize,
    starts: &'a [I],
    indices: &'a [I],
    values: &'a [V],
}

impl<'a, V: Number, I: Index> Csr<'a, V, I> {
    /// Checks every start and every index, so that nothing later has to.
    ///
    /// # Errors
    /// Starts that do not ascend from 0 to the number of values, or columns of a row that do not ascend
    /// strictly or lie outside the design.
    pub fn new(columns: usize, starts: &'a [I], indices: &'a [I], values: &'a [V]) -> Result<Self> {
        let usage = |what: String| {
            let hint = "give sparse rows in canonical form: sorted indices, none twice".to_owned();
            Err(Error::Usage { what, hint })
        };
        if indices.len() != values.len() {
            return usage(format!("sparse rows have {} indices for {} values", indices.len(), values.len()));
        }
        let Some(0) = starts.first().and_then(|start| start.place()) else {
            return usage("the row starts of sparse rows do not begin with 0".to_owned());
        };
        for (row, pair) in starts.windows(2).enumerate() {
            let (Some(from), Some(to)) = (pair[0].place(), pair[1].place()) else {
                return usage(format!("row {} of the sparse rows starts below 0", row + 1));
            };
            if from > to || to > indices.len() {
                return usage(format!("row {} of the sparse rows ends outside the values", row + 1));
            }
            let mut next = 0;
            for index in &indices[from..to] {
                match index.place() {
                    Some(place) if place >= next && place < columns => next = place + 1,
                    _ => {
                        return usage(format!(
                            "row {} of the sparse rows has a column out of order, twice, or beyond {columns}",
                            row + 1
                        ));
                    }
                }
            }
        }
        if starts.last().and_then(|start| start.place()) != Some(values.len()) {
            return usage("the last row of the sparse rows does not end with the last value".to_owned());
        }
        Ok(Self { columns, starts, indices, values })
    }

    /// n.
    pub fn rows(&self) -> usize {
        self.starts.len() - 1
    }

    /// d.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Columns and values of row `i`.
    #[inline]
    pub fn row(&self, i: usize) -> (&'a [I], &'a [V]) {
        let place = |at: usize| self.starts[at].place().unwrap_or(0);
        let range = place(i)..place(i + 1);
        (&self.indices[range.clone()], &self.values[range])
    }
}

impl Features<'_> {
    /// n.
    pub fn rows(&self) -> usize {
        match self {
            Self::F64(x) => x.nrows(),
            Self::F32(x) => x.nrows(),
            Self::Csr64(x) => x.rows(),
            Self::Csr32(x) => x.rows(),
            Self::LongCsr64(x) => x.rows(),
            Self::LongCsr32(x) => x.rows(),
        }
    }

    /// d.
    pub fn columns(&self) -> usize {
        match self {
            Self::F64(x) => x.ncols(),
            Self::F32(x) => x.ncols(),
            Self::Csr64(x) => x.columns(),
            Self::Csr32(x) => x.columns(),
            Self::LongCsr64(x) => x.columns(),
            Self::LongCsr32(x) => x.columns(),
        }
    }

    /// Whether zeros are not stored.
    pub fn is_sparse(&self) -> bool {
        !matches!(self, Self::F64(_) | Self::F32(_))
    }

    /// Calls `visit` with column and value of every entry of row `i` that is not 0, columns ascending.
    pub fn for_each_in_row(&self, i: usize, mut visit: impl FnMut(usize, f64)) {
        fn dense<V: Number>(x: MatRef<'_, V>, i: usize, visit: &mut dyn FnMut(usize, f64)) {
            for (j, v) in x.row(i).iter().enumerate().filter(|(_, v)| v.wide() != 0.0) {
                visit(j, v.wide());
            }
        }
        fn sparse<V: Number, I: Index>(x: &Csr<'_, V, I>, i: usize, visit: &mut dyn FnMut(usize, f64)) {
            let (columns, values) = x.row(i);
            for (j, v) in columns.iter().zip(values).filter(|(_, v)| v.wide() != 0.0) {
                visit(j.place().unwrap_or(0), v.wide());
            }
        }
        match self {
            Self::F64(x) => dense(*x, i, &mut visit),
            Self::F32(x) => dense(*x, i, &mut visit),
            Self::Csr64(x) => sparse(x, i, &mut visit),
            Self::Csr32(x) => sparse(x, i, &mut visit),
            Self::LongCsr64(x) => sparse(x, i, &mut visit),
            Self::LongCsr32(x) => sparse(x, i, &mut visit),
        }
    }

    /// n: `‖xᵢ‖²`.
    pub fn squared_norms(&self) -> Vec<f64> {
        fn dense<V: Number>(x: MatRef<'_, V>) -> Vec<f64> {
            let square = |(i, j): (usize, usize)| x[(i, j)].wide().powi(2);
            (0..x.nrows()).map(|i| (0..x.ncols()).map(|j| square((i, j))).sum()).collect()
        }
        fn sparse<V: Number, I: Index>(x: &Csr<'_, V, I>) -> Vec<f64> {
            (0..x.rows()).map(|i| x.row(i).1.iter().map(|v| v.wide().powi(2)).sum()).collect()
        }
        match self {
            Self::F64(x) => dense(*x),
            Self::F32(x) => dense(*x),
            Self::Csr64(x) => sparse(x),
            Self::Csr32(x) => sparse(x),
            Self::LongCsr64(x) => sparse(x),
            Self::LongCsr32(x) => sparse(x),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn sparse_rows_are_taken_as_they_are() {
        let x = Csr::<f32, i32>::new(4, &[0, 2, 2, 3], &[0, 3, 1], &[1.0, 2.0, 3.0]).unwrap();
        assert_eq!((x.rows(), x.columns()), (3, 4));
        assert_eq!(x.row(0), (&[0, 3][..], &[1.0f32, 2.0][..]));
        assert!(x.row(1).0.is_empty());
        assert_eq!(Features::Csr32(x).squared_norms(), [5.0, 0.0, 9.0]);
    }

    #[test]
    fn sparse_rows_out_of_form_are_refused() {
        let refused = |starts: &[i64], indices: &[i64]| {
            let values = vec![1.0; indices.len()];
            Csr::<f64, i64>::new(3, starts, indices, &values).is_err()
        };
        assert!(!refused(&[0, 2], &[0, 2]));
        assert!(refused(&[], &[]), "no start");
        assert!(refused(&[1, 2], &[0, 2]), "not from 0");
        assert!(refused(&[0, 1], &[0, 2]), "values left over");
        assert!(refused(&[0, 2, 1], &[0, 2]), "descending starts");
        assert!(refused(&[0, 2], &[0, 3]), "beyond the columns");
        assert!(refused(&[0, 2], &[2, 2]), "twice");
        assert!(refused(&[0, 2], &[-1, 2]), "below 0");
        assert!(Csr::<f64, i64>::new(3, &[0, 1], &[0], &[]).is_err());
    }
}
