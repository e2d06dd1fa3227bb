//! The centred products `S = Σ sᵢ (xᵢ − x̄)(xᵢ − x̄)ᵀ` of the columns: formed, or, where rows are fewer than columns, as
//! the rows F with `S = FᵀF`, which hold n·d numbers instead of d². What depends on S goes through its eigenvectors;
//! those of F come from its singular values, and all that is orthogonal to the rows is flat.

use crate::num::{UNIT_ROUNDOFF, dense, eigen};
use faer::{Mat, MatRef};

/// A positive semidefinite d × d matrix.
#[derive(Clone, Debug)]
pub enum Products {
    /// d × d, both triangles.
    Formed(Mat<f64>),
    /// n × d, n < d: the rows `√sᵢ (xᵢ − x̄)`.
    Rows(Mat<f64>),
}

/// Orthonormal directions and the matrix along them.
pub(crate) struct Directions {
    /// d × r.
    pub vectors: Mat<f64>,
    /// r values, in no particular order.
    pub values: Vec<f64>,
}

impl Products {
    /// d.
    pub fn columns(&self) -> usize {
        self.matrix().ncols()
    }

    /// The diagonal's entry `j`.
    pub fn square(&self, j: usize) -> f64 {
        match self {
            Self::Formed(matrix) => matrix[(j, j)],
            Self::Rows(rows) => rows.col_as_slice(j).iter().map(|v| v * v).sum(),
        }
    }

    /// `wᵀSw`.
    pub fn along(&self, w: &[f64]) -> f64 {
        let image = dense::product(self.matrix(), MatRef::from_column_major_slice(w, w.len(), 1));
        match self {
            Self::Formed(_) => image.col_as_slice(0).iter().zip(w).map(|(s, w)| s * w).sum(),
            Self::Rows(_) => image.col_as_slice(0).iter().map(|v| v * v).sum(),
        }
    }

    /// The same of columns divided by `unit`.
    #[must_use]
    pub fn in_units(&self, unit: &[f64]) -> Self {
        match self {
            Self::Formed(s) => {
                Self::Formed(Mat::from_fn(unit.len(), unit.len(), |i, j| s[(i, j)] / (unit[i] * unit[j])))
            }
            Self::Rows(f) => Self::Rows(Mat::from_fn(f.nrows(), f.ncols(), |i, j| f[(i, j)] / unit[j])),
        }
    }

    /// The same with 0 where a square is beyond the range of `f64`.
    #[must_use]
    pub fn within_range(mut self) -> Self {
        let (Self::Formed(matrix) | Self::Rows(matrix)) = &mut self;
        for column in matrix.col_iter_mut() {
            column.iter_mut().filter(|value| !(**value * **value).is_finite()).for_each(|value| *value = 0.0);
        }
        self
    }

    /// `S + weight·mmᵀ`.
    #[must_use]
    pub fn plus(&self, weight: f64, m: &[f64]) -> Self {
        match self {
            Self::Formed(s) => {
                Self::Formed(Mat::from_fn(m.len(), m.len(), |i, j| s[(i, j)] + weight * m[i] * m[j]))
            }
            Self::Rows(f) => Self::Rows(Mat::from_fn(f.nrows() + 1, m.len(), |i, j| {
                if i < f.nrows() { f[(i, j)] } else { weight.sqrt() * m[j] }
            })),
        }
    }

    /// `S/weight + diag(ridge)` along its eigenvectors. Beyond the rows, where these are held, the directions are those
    /// in which `marks` point and one for all others: enough for whatever starts within rows and marks.
    ///
    /// Absent where an entry is not finite.
    pub(crate) fn directions(&self, weight: f64, ridge: &[f64], marks: &[&[f64]]) -> Option<Directions> {
        let d = self.columns();
        let even = ridge.iter().all(|own| own.to_bits() == ridge[0].to_bits());
        if let (Self::Rows(rows), true) = (self, even) {
            return of_rows(rows, weight, ridge[0], marks);
        }
        let formed;
        let matrix = match self {
            Self::Formed(matrix) => matrix,
            Self::Rows(rows) => {
                formed = dense::product(rows.transpose(), rows.as_ref());
                &formed
            }
        };
        let whole = Mat::from_fn(d, d, |i, j| matrix[(i, j)] / weight + if i == j { ridge[i] } else { 0.0 });
        if !whole.col_iter().all(|column| column.iter().all(|value| value.is_finite())) {
            return None;
        }
        let eigen = eigen::positive_semidefinite(&whole);
        Some(Directions { vectors: eigen.vectors, values: eigen.values })
    }

    fn matrix(&self) -> MatRef<'_, f64> {
        match self {
            Self::Formed(matrix) | Self::Rows(matrix) => matrix.as_ref(),
        }
    }
}

fn of_rows(rows: &Mat<f64>, weight: f64, ridge: f64, marks: &[&[f64]]) -> Option<Directions> {
    let d = rows.ncols();
    let fits = |value: f64| (value * value * d as f64).is_finite();
    if !rows.col_iter().all(|column| column.iter().all(|&value| fits(value))) {
        return None;
    }
    let (_, singular, v) = dense::thin_svd(rows.as_ref())?;
    // Values of the size of rounding are those of rows that depend on each other.
    let least = UNIT_ROUNDOFF * d as f64 * singular.first().copied().unwrap_or(0.0);
    let square = |value: f64| if value > least { value * value / weight + ridge } else { ridge };
    let mut values: Vec<f64> = singular.iter().copied().map(square).collect();
    let mut beyond: Vec<Vec<f64>> = Vec::new();
    for mark in marks {
        beyond.extend(rest(mark, &v, &beyond));
    }
    if v.ncols() + beyond.len() < d {
        // The coordinate that rows and marks reach least.
        let reached = |j: usize| {
            let of_marks = beyond.iter().map(|mark| mark[j] * mark[j]).sum::<f64>();
            of_marks + v.row(j).iter().map(|value| value * value).sum::<f64>()
        };
        let least = (0..d).map(|j| (reached(j), j)).min_by(|a, b| a.0.total_cmp(&b.0))?.1;
        let axis: Vec<f64> = (0..d).map(|j| f64::from(u8::from(j == least))).collect();
        beyond.extend(rest(&axis, &v, &beyond));
    }
    values.extend(beyond.iter().map(|_| ridge));
    let r = v.ncols();
    let vectors = Mat::from_fn(d, values.len(), |j, k| if k < r { v[(j, k)] } else { beyond[k - r][j] });
    Some(Directions { vectors, values })
}

/// The unit direction of what `mark` has beyond orthonormal directions, where that is more than rounding.
fn rest(mark: &[f64], v: &Mat<f64>, others: &[Vec<f64>]) -> Option<Vec<f64>> {
    let length = |vector: &[f64]| vector.iter().fold(0.0f64, |all, value| all.hypot(*value));
    let whole = length(mark);
    let mut out: Vec<f64> = mark.iter().map(|value| value / whole).collect();
    // Twice is enough: what the first pass leaves of the others is rounding (Kahan and Parlett).
    for _ in 0..2 {
        for axis in (0..v.ncols()).map(|k| v.col_as_slice(k)).chain(others.iter().map(Vec::as_slice)) {
            let along: f64 = axis.iter().zip(&out).map(|(a, b)| a * b).sum();
            out.iter_mut().zip(axis).for_each(|(own, a)| *own -= along * a);
        }
        let left = length(&out);
        if left.is_nan() || left <= 64.0 * UNIT_ROUNDOFF * (mark.len() as f64).sqrt() {
            return None;
        }
        for value in &mut out {
            *value /= left;
        }
    }
    Some(out)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn rows() -> Mat<f64> {
        Mat::from_fn(3, 7, |i, j| ((i * 7 + j * j) % 5) as f64 - 1.5 + 0.25 * i as f64)
    }

    fn both() -> [Products; 2] {
        let rows = rows();
        [Products::Formed(rows.transpose() * &rows), Products::Rows(rows)]
    }

    fn near(a: f64, b: f64) {
        assert!((a - b).abs() <= 1e-12 * (1.0 + a.abs()), "{a} is not {b}");
    }

    #[test]
    fn rows_and_formed_products_are_the_same_matrix() {
        let m: Vec<f64> = (0..7).map(|j| f64::from(j) - 2.0).collect();
        let unit: Vec<f64> = (0..7).map(|j| 1.0 + f64::from(j)).collect();
        let [formed, held] = both();
        (0..7).for_each(|j| near(formed.square(j), held.square(j)));
        near(formed.along(&m), held.along(&m));
        let moved = |products: &Products| products.plus(2.0, &m).in_units(&unit).along(&m);
        near(moved(&formed), moved(&held));
    }

    /// The quadratic form of rows and marks is that of the directions, whatever the marks.
    #[test]
    fn directions_give_the_matrix_back_along_rows_and_marks() {
        let mark: Vec<f64> = (0..7).map(|j| f64::from(j).cos()).collect();
        let flat = [0.5; 7];
        let uneven: Vec<f64> = (0..7).map(f64::from).collect();
        for products in both() {
            for ridge in [&flat[..], &[0.0; 7], &uneven] {
                let found = products.directions(3.0, ridge, &[&mark]).unwrap();
                let form: f64 = (0..found.values.len())
                    .map(|k| {
                        let axis = found.vectors.col_as_slice(k);
                        let along: f64 = axis.iter().zip(&mark).map(|(a, b)| a * b).sum();
                        found.values[k] * along * along
                    })
                    .sum();
                let penalty: f64 = ridge.iter().zip(&mark).map(|(r, m)| r * m * m).sum();
                near(form, products.along(&mark) / 3.0 + penalty);
                let products = found.vectors.transpose() * &found.vectors;
                let identity = Mat::<f64>::identity(products.nrows(), products.ncols());
                assert!((products - identity).norm_max() < 1e-13);
            }
        }
        let [_, held] = both();
        let found = held.directions(3.0, &flat, &[&mark]).unwrap();
        assert_eq!(found.values.len(), 3 + 1 + 1, "the rows', the mark's, and one for all others");
    }

    #[test]
    fn rows_that_depend_on_each_other_are_flat_even_along_a_column_of_zeros() {
        let mut rows = rows();
        rows.col_as_slice_mut(2).fill(0.0);
        // Centred rows sum to 0.
        (0..7).for_each(|j| rows[(2, j)] = -rows[(0, j)] - rows[(1, j)]);
        let found = Products::Rows(rows).directions(1.0, &[0.0; 7], &[]).unwrap();
        assert_eq!(found.values.iter().filter(|value| **value > 0.0).count(), 2, "{:?}", found.values);
    }

    #[test]
    fn numbers_beyond_the_range_of_squares_have_no_directions() {
        let huge = Products::Rows(Mat::from_fn(1, 2, |_, j| if j == 0 { 1e200 } else { 1.0 }));
        assert!(huge.directions(1.0, &[0.0; 2], &[]).is_none());
    }
}
