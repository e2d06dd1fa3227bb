//! The relaxation in numbers: what all nodes of a tree share.

use super::factor::{add, dot};
use crate::form::Form;
use faer::{Accum, Mat, MatRef, Par};

/// `min wᵀHw − 2cᵀw + constant + Σ φ(w)` with rows; see [the core](super).
#[derive(Clone, Debug)]
pub(crate) struct Model {
    /// Inputs.
    pub n: usize,
    /// Rows of constraints.
    pub q: usize,
    /// `H = Q − D`.
    pub curvature: Curvature,
    /// `c`.
    pub linear: Vec<f64>,
    /// The value at `w = 0`.
    pub constant: f64,
    /// `d ≥ 0`.
    pub diagonal: Vec<f64>,
    /// What it costs to use an input at all: multipliers of the counts.
    pub price: Vec<f64>,
    /// Least weight of an input in use.
    pub low: Vec<f64>,
    /// Most weight.
    pub high: Vec<f64>,
    /// Where the envelope's line meets its parabola.
    pub knee: Vec<f64>,
    /// Slope of the envelope's line.
    pub slope: Vec<f64>,
    /// `C`, row by row.
    pub rows: Vec<f64>,
    /// Least `Cw`.
    pub row_low: Vec<f64>,
    /// Most `Cw`.
    pub row_high: Vec<f64>,
}

/// `H`, in the shape that is cheaper.
#[derive(Clone, Debug)]
pub(crate) enum Curvature {
    /// All of it, column by column.
    Gram(Vec<f64>),
    /// `AᵀA + diag(own)`: for many more inputs than rows.
    Columns {
        /// Rows of `A`.
        m: usize,
        /// `A`, column by column.
        a: Vec<f64>,
        /// What is added on the diagonal.
        own: Vec<f64>,
    },
}

/// Inputs up to which `H` is kept whole.
pub(crate) const WHOLE: usize = 1500;

/// `AᵀA + ρI`.
pub(crate) fn gram(form: &Form) -> Mat<f64> {
    let (m, n) = (form.m, form.n);
    let mut gram = Mat::<f64>::zeros(n, n);
    let a = MatRef::from_column_major_slice(&form.a, m, n);
    faer::linalg::matmul::matmul(gram.as_mut(), Accum::Replace, a.transpose(), a, 1.0, Par::Seq);
    for j in 0..n {
        gram[(j, j)] += form.ridge;
    }
    gram
}

impl Model {
    /// The relaxation of `form` with the diagonal and the prices. `nudge` is added to the curvature of every
    /// input, so that the optimum is one point also where `H` is singular.
    pub(crate) fn new(
        form: &Form,
        gram: Option<MatRef<'_, f64>>,
        diagonal: &[f64],
        price: &[f64],
        refund: f64,
        nudge: f64,
    ) -> Self {
        let n = form.n;
        let curvature = match gram {
            Some(gram) => {
                let mut h = Vec::with_capacity(n * n);
                for j in 0..n {
                    h.extend(gram.col(j).iter().copied());
                    h[j * n + j] += nudge - diagonal[j];
                }
                Curvature::Gram(h)
            }
            None => Curvature::Columns {
                m: form.m,
                a: form.a.clone(),
                own: diagonal.iter().map(|d| form.ridge + nudge - d).collect(),
            },
        };
        let mut model = Self {
            n,
            q: form.q(),
            curvature,
            linear: (0..n).map(|j| dot(form.column(j), &form.t)).collect(),
            constant: dot(&form.t, &form.t) + refund,
            diagonal: diagonal.to_vec(),
            price: price.to_vec(),
            low: form.low.clone(),
            high: form.high.clone(),
            knee: vec![0.0; n],
            slope: vec![0.0; n],
            rows: form.rows.clone(),
            row_low: form.row_low.clone(),
            row_high: form.row_high.clone(),
        };
        model.envelopes();
        model
    }

    /// Finds the convex envelopes of `d w² + price` on `{0} ∪ [low, high]`.
    fn envelopes(&mut self) {
        for j in 0..self.n {
            let (d, price, low, high) = (self.diagonal[j], self.price[j], self.low[j], self.high[j]);
            let knee = if d > 0.0 && price > 0.0 {
                (price / d).sqrt().max(low).min(high)
            } else if d > 0.0 || price < 0.0 {
                low
            } else {
                high
            };
            self.knee[j] = knee;
            self.slope[j] = if knee > 0.0 { d * knee + price / knee } else { 0.0 };
        }
    }

    /// Row `r` of the constraints.
    #[inline(always)]
    pub(crate) fn row(&self, r: usize) -> &[f64] {
        &self.rows[r * self.n..][..self.n]
    }

    /// `H_jk`.
    #[inline(always)]
    pub(crate) fn cross(&self, j: usize, k: usize) -> f64 {
        match &self.curvature {
            Curvature::Gram(h) => h[k * self.n + j],
            Curvature::Columns { m, a, own } => {
                let inner = dot(&a[j * m..][..*m], &a[k * m..][..*m]);
                if j == k { inner + own[j] } else { inner }
            }
        }
    }

    /// `out += H x` for the sparse `x`; `residual` is room for m numbers.
    #[inline(always)]
    pub(crate) fn apply(&self, x: &[(usize, f64)], out: &mut [f64], residual: &mut Vec<f64>) {
        match &self.curvature {
            Curvature::Gram(h) => {
                for &(j, x) in x {
                    add(out, x, &h[j * self.n..][..self.n]);
                }
            }
            Curvature::Columns { m, a, own } => {
                residual.clear();
                residual.resize(*m, 0.0);
                for &(j, x) in x {
                    add(residual, x, &a[j * m..][..*m]);
                }
                for (j, out) in out.iter_mut().enumerate() {
                    *out += dot(&a[j * m..][..*m], residual);
                }
                for &(j, x) in x {
                    out[j] += own[j] * x;
                }
            }
        }
    }
}
