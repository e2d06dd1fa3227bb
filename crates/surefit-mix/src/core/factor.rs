//! The Cholesky factor of the curvature of the free inputs, bordered by their coefficients in the active rows.
//!
//! With `H` the curvature of the free inputs and `C` their coefficients, the factor holds `L` (`H = L Lᵀ`) and
//! `V = C L⁻ᵀ`. An input joins in O(p²) and leaves by plane rotations in O(p²) (Golub & Van Loan, Matrix
//! Computations, §6.5), a row joins by one forward substitution. Rows are stored one after the other, so that
//! every inner loop is a product or a combination of contiguous numbers.

/// Below this share of an input's own curvature, what the other free inputs leave of it is rounding.
const DEPENDENT: f64 = 1e-14;

/// `L`, `V` and room to grow.
#[derive(Clone, Debug, Default)]
pub(crate) struct Factor {
    /// Inputs that there is room for.
    room: usize,
    /// Inputs in the factor.
    len: usize,
    /// `L`, row by row, each with `room` places.
    lower: Vec<f64>,
    /// `V`, one row of `room` places for each active row.
    border: Vec<f64>,
    /// Active rows.
    rows: usize,
}

impl Factor {
    /// Nothing free, no row active.
    pub(crate) fn clear(&mut self) {
        self.len = 0;
        self.rows = 0;
    }

    /// The number of free inputs.
    #[inline(always)]
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Row `k` of `V`.
    #[inline(always)]
    pub(crate) fn border(&self, k: usize) -> &[f64] {
        &self.border[k * self.room..][..self.len]
    }

    /// Makes `x` into `L⁻¹x`.
    #[inline(always)]
    pub(crate) fn forward(&self, x: &mut [f64]) {
        for k in 0..self.len {
            let row = &self.lower[k * self.room..][..=k];
            x[k] = (x[k] - dot(&row[..k], &x[..k])) / row[k];
        }
    }

    /// Makes `x` into `L⁻ᵀx`.
    #[inline(always)]
    pub(crate) fn backward(&self, x: &mut [f64]) {
        for k in (0..self.len).rev() {
            let row = &self.lower[k * self.room..][..=k];
            let value = x[k] / row[k];
            x[k] = value;
            add(&mut x[..k], -value, &row[..k]);
        }
    }

    /// An input joins: `cross` is its curvature with each free input (overwritten), `own` that with itself, and
    /// `coefficients` gives its coefficient in each active row.
    #[inline(always)]
    pub(crate) fn append(&mut self, cross: &mut [f64], own: f64, coefficients: impl Fn(usize) -> f64) {
        if self.len == self.room {
            self.grow();
        }
        self.forward(cross);
        let k = self.len;
        let left = (own - dot(&cross[..k], &cross[..k])).max(DEPENDENT * own).max(f64::MIN_POSITIVE);
        let pivot = left.sqrt();
        self.lower[k * self.room..][..k].copy_from_slice(&cross[..k]);
        self.lower[k * self.room + k] = pivot;
        for r in 0..self.rows {
            let border = &mut self.border[r * self.room..][..=k];
            border[k] = (coefficients(r) - dot(&border[..k], &cross[..k])) / pivot;
        }
        self.len += 1;
    }

    /// Free input number `gone` leaves; those after it move up by one.
    #[inline(always)]
    pub(crate) fn remove(&mut self, gone: usize) {
        let (room, last) = (self.room, self.len - 1);
        // Row by row: the rotations found so far, then the one that clears this row's last entry.
        let mut rotations = [(0.0, 0.0); ROTATIONS];
        let mut begin = gone;
        // Rotations are found in batches; each batch is applied to all rows below it.
        for i in gone..last {
            self.lower.copy_within((i + 1) * room..(i + 1) * room + i + 2, i * room);
        }
        while begin < last {
            let end = (begin + ROTATIONS).min(last);
            for i in begin..last {
                let row = &mut self.lower[i * room..][..i + 2];
                let found = (i - begin).min(end - begin);
                for (k, &(c, s)) in rotations.iter().enumerate().take(found) {
                    rotate(row, begin + k, c, s);
                }
                if i < end {
                    let (a, b) = (row[i], row[i + 1]);
                    let r = a.hypot(b);
                    rotations[i - begin] = (a / r, b / r);
                    row[i] = r;
                    row[i + 1] = 0.0;
                }
            }
            for r in 0..self.rows {
                let row = &mut self.border[r * room..][..=last];
                for (k, &(c, s)) in rotations.iter().enumerate().take(end - begin) {
                    rotate(row, begin + k, c, s);
                }
            }
            begin = end;
        }
        self.len = last;
    }

    /// A row becomes active, the last one: `coefficients` are those of the free inputs (overwritten).
    #[inline(always)]
    pub(crate) fn activate(&mut self, coefficients: &mut [f64]) {
        self.forward(coefficients);
        let needed = (self.rows + 1) * self.room;
        if self.border.len() < needed {
            self.border.resize(needed, 0.0);
        }
        let at = self.rows * self.room;
        self.border[at..at + self.len].copy_from_slice(&coefficients[..self.len]);
        self.rows += 1;
    }

    /// Active row number `gone` is active no more; those after it move up by one.
    #[inline(always)]
    pub(crate) fn deactivate(&mut self, gone: usize) {
        self.border.copy_within((gone + 1) * self.room..self.rows * self.room, gone * self.room);
        self.rows -= 1;
    }

    /// Doubles the room.
    #[cold]
    fn grow(&mut self) {
        let room = (self.room * 2).max(16);
        let mut lower = vec![0.0; room * room];
        for k in 0..self.len {
            lower[k * room..][..=k].copy_from_slice(&self.lower[k * self.room..][..=k]);
        }
        let mut border = vec![0.0; room * self.rows.max(1)];
        for r in 0..self.rows {
            border[r * room..][..self.len].copy_from_slice(&self.border[r * self.room..][..self.len]);
        }
        (self.room, self.lower, self.border) = (room, lower, border);
    }
}

/// Rotations kept at a time.
const ROTATIONS: usize = 64;

/// Turns entries `k` and `k + 1` of a row.
#[inline(always)]
fn rotate(row: &mut [f64], k: usize, c: f64, s: f64) {
    let (a, b) = (row[k], row[k + 1]);
    row[k] = c * a + s * b;
    row[k + 1] = c * b - s * a;
}

/// `a · b`, in eight partial sums.
#[inline(always)]
pub(crate) fn dot(a: &[f64], b: &[f64]) -> f64 {
    let mut sums = [0.0; 8];
    let (a8, a1) = a.as_chunks::<8>();
    let (b8, b1) = b.as_chunks::<8>();
    for (a, b) in a8.iter().zip(b8) {
        for k in 0..8 {
            sums[k] += a[k] * b[k];
        }
    }
    let rest: f64 = a1.iter().zip(b1).map(|(a, b)| a * b).sum();
    ((sums[0] + sums[4]) + (sums[2] + sums[6])) + ((sums[1] + sums[5]) + (sums[3] + sums[7])) + rest
}

/// `y += factor · x`.
#[inline(always)]
pub(crate) fn add(y: &mut [f64], factor: f64, x: &[f64]) {
    for (y, x) in y.iter_mut().zip(x) {
        *y += factor * x;
    }
}
