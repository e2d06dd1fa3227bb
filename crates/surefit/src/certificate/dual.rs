//! A bound for more columns than rows, all of them penalised: from a point of the dual problem, one number a row, so
//! that n × n and n × p are the largest matrices.
//!
//! By `½e² ≥ a e − ½a²` for any number a (Fenchel and Young), for any a of the rows, with `c = Xᵀ(s·a)/S` and, where the
//! intercept is free, `Σ s a = 0`,
//!
//! ```text
//! P(w, b) − P* ≤ ½ Σ s (e − a)²/S + ½ Σⱼ (λⱼ wⱼ + cⱼ)²/λⱼ
//! ```
//!
//! and the best a makes it the gap itself. With `a = e + δ` that is a least-squares problem in δ with the matrix
//! `I + XΛ⁻¹Xᵀ/S`, solved in `f64` by Cholesky; the right side is then evaluated in double-double at whatever came out, so
//! that only its own rounding is left to be added.

use super::squared::{Bound, System};
use super::walk::{Columns, Residuals, Sums, power_of_two};
use super::{Method, Shape};
use crate::data::{Block, Rows, map_reduce};
use crate::error::Result;
use crate::num::{Dd, UNIT_ROUNDOFF};
use crate::problem::{Coefficients, Intercept};
use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::cholesky::llt::factor::{LltRegularization, cholesky_in_place, cholesky_in_place_scratch};
use faer::linalg::matmul::matmul;
use faer::linalg::triangular_inverse::invert_lower_triangular;
use faer::{Accum, Mat, Par, Spec};

/// Times that the dual point is improved.
const ROUNDS: usize = 4;

/// The bound at the best dual point that was found.
pub(super) fn bound(system: &System, sums: &Sums, rows: &dyn Rows, answer: &Coefficients) -> Result<Bound> {
    let data = Data::gather(system, rows, answer)?;
    let inverse = data.inverse(system, sums.total());
    let (mut gaps, mut nominal) = (Vec::new(), 0.0);
    for k in 0..system.offset.len() {
        let mut point = Point { change: vec![0.0; data.weights.len()] };
        let mut best = data.value(system, answer, &mut point, k);
        for _ in 0..ROUNDS {
            let Some(inverse) = &inverse else { break };
            point.improve(&data, inverse, &best, system);
            let next = data.value(system, answer, &mut point, k);
            let done = next.upper.is_nan() || next.upper >= 0.5 * best.upper;
            if next.upper < best.upper {
                best = next;
            }
            if done {
                break;
            }
        }
        nominal += best.nominal;
        gaps.push(if best.upper.is_nan() { f64::INFINITY } else { best.upper });
    }
    Ok(Bound { method: Method::Dual, gaps, nominal, dependent: 0, shape: Shape::default() })
}

/// The rows of a weight above 0.
struct Data {
    /// n × p, columns in the units of the system, about its means where the intercept is free.
    x: Vec<Vec<Dd>>,
    /// c × n.
    residuals: Vec<Vec<Dd>>,
    weights: Vec<f64>,
}

/// `a − e`, row by row.
struct Point {
    change: Vec<f64>,
}

/// The bound at a point.
struct Value {
    nominal: f64,
    upper: f64,
    /// p: λⱼ wⱼ + cⱼ.
    rest: Vec<f64>,
}

impl Data {
    fn gather(system: &System, rows: &dyn Rows, answer: &Coefficients) -> Result<Self> {
        let outputs = answer.intercept.len();
        let mut data = Self {
            x: vec![Vec::new(); system.size],
            residuals: vec![Vec::new(); outputs],
            weights: Vec::new(),
        };
        let map = |block: Block<'_>| Self::of_block(system, block, answer);
        map_reduce(rows, map, |part| {
            data.weights.extend(part.weights);
            data.x.iter_mut().zip(part.x).for_each(|(all, part)| all.extend(part));
            data.residuals.iter_mut().zip(part.residuals).for_each(|(all, part)| all.extend(part));
        })?;
        Ok(data)
    }

    fn of_block(system: &System, block: Block<'_>, answer: &Coefficients) -> Self {
        let columns = Columns::of(block);
        let all = columns.rows();
        let weight = |i: usize| columns.weights().map_or(1.0, |weights| weights[i]);
        let present: Vec<usize> = (0..all).filter(|i| weight(*i) > 0.0).collect();
        let column = |j: usize| -> Vec<Dd> {
            if j == system.unit.len() {
                return vec![Dd::ONE; present.len()];
            }
            let (unit, origin) = (system.unit[j], if system.centred { system.mean[j] } else { 0.0 });
            let (high, low) = (columns.column(j), columns.low(j));
            let entry = |i: &usize| Dd::sum(high[*i] / unit, -origin) + low.map_or(0.0, |low| low[*i] / unit);
            present.iter().map(entry).collect()
        };
        let residuals = |k: usize| {
            let mut found = Residuals::zeros(all);
            columns.residuals(answer, k, 0, &mut found.hi, &mut found.lo);
            present.iter().map(|i| Dd { hi: found.hi[*i], lo: found.lo[*i] }).collect()
        };
        Self {
            x: (0..system.size).map(column).collect(),
            residuals: (0..answer.intercept.len()).map(residuals).collect(),
            weights: present.iter().map(|i| weight(*i)).collect(),
        }
    }

    /// `L⁻¹` of `I + √s XΛ⁻¹Xᵀ√s/S`; absent where it leaves the range of `f64`.
    fn inverse(&self, system: &System, total: f64) -> Option<Mat<f64>> {
        let n = self.weights.len();
        let scale: Vec<f64> = system.lambda.iter().map(|lambda| (lambda * total).sqrt()).collect();
        let roots: Vec<f64> = self.weights.iter().map(|s| s.sqrt()).collect();
        let a = Mat::from_fn(n, self.x.len(), |i, j| roots[i] * (self.x[j][i].value() / scale[j]));
        let mut matrix = Mat::from_fn(n, n, |i, j| f64::from(u8::from(i == j)));
        matmul(matrix.as_mut(), Accum::Add, a.as_ref(), a.transpose(), 1.0, Par::Seq);
        if system.centred {
            // No change goes that way, where the centred rows leave nothing but the 1: so that it is not lost.
            let weight = (0..n).map(|i| matrix[(i, i)]).sum::<f64>() / n as f64;
            for j in 0..n {
                for i in 0..n {
                    matrix[(i, j)] += weight * (roots[i] * (roots[j] / total));
                }
            }
        }
        if !matrix.is_all_finite() {
            return None;
        }
        let mut memory = MemBuffer::new(cholesky_in_place_scratch::<f64>(n, Par::Seq, Spec::default()));
        let stack = MemStack::new(&mut memory);
        cholesky_in_place(matrix.as_mut(), LltRegularization::default(), Par::Seq, stack, Spec::default())
            .ok()?;
        let mut inverse = Mat::zeros(n, n);
        invert_lower_triangular(inverse.as_mut(), matrix.as_ref(), Par::Seq);
        Some(inverse)
    }

    /// The right side of the module's inequality at `e + change`, which is moved to the mean that it must have.
    fn value(&self, system: &System, answer: &Coefficients, point: &mut Point, k: usize) -> Value {
        let total: Dd = self.weights.iter().map(|s| Dd::from(*s)).sum();
        let mut dual: Vec<Dd> =
            self.residuals[k].iter().zip(&point.change).map(|(e, change)| *e + *change).collect();
        if system.centred {
            let mean = dual.iter().zip(&self.weights).map(|(a, s)| *a * *s).sum::<Dd>() / total;
            for a in &mut dual {
                *a -= mean;
            }
        }
        let n = self.weights.len() as f64;
        let gamma = (n + 64.0) * 16.0 * Dd::ROUNDOFF;
        let peak = dual.iter().fold(0.0, |peak: f64, a| peak.max(a.hi.abs()));
        let (mut plain, mut upper) = (0.0, 0.0);
        let rest = self.x.iter().zip(&system.lambda).enumerate().map(|(j, (column, lambda))| {
            let own = match (system.unit.get(j), system.intercept) {
                (Some(unit), _) => answer.weights[(j, k)] * unit,
                (None, Intercept::Penalized) => answer.intercept[k],
                (None, _) => 0.0,
            };
            let products = column.iter().zip(&dual).zip(&self.weights).map(|((x, a), s)| *x * *a * *s);
            let share = products.sum::<Dd>() / total;
            let size: f64 = column.iter().zip(&self.weights).map(|(x, s)| (x.hi * s).abs()).sum();
            let rest = (share + Dd::product(own, *lambda)).value();
            let error = gamma * (peak * (size / total.value()) + (own * lambda).abs());
            let bound = rest.abs() * (1.0 + 4.0 * UNIT_ROUNDOFF) + error;
            plain += rest * (rest / lambda);
            upper += bound * (bound / lambda);
            rest
        });
        let rest: Vec<f64> = rest.collect();
        // As moved: the distance to the residuals themselves.
        let apart = dual.iter().zip(&self.residuals[k]).map(|(a, e)| (*a - *e).value());
        point.change = apart.collect();
        let square: f64 = point.change.iter().zip(&self.weights).map(|(gap, s)| gap * gap * s).sum();
        let (mean, eta) = (square / total.value(), system.residual_error[k]);
        let rounded = 1.0 + (2.0 * n + self.x.len() as f64 + 16.0) * UNIT_ROUNDOFF;
        Value {
            nominal: 0.5 * (mean + plain),
            upper: 0.5 * ((mean.sqrt() + eta).powi(2) + upper) * rounded,
            rest,
        }
    }
}

impl Point {
    /// A step of Newton's method, which would be the whole way without rounding.
    fn improve(&mut self, data: &Data, inverse: &Mat<f64>, at: &Value, system: &System) {
        let n = self.change.len();
        let largest = self.change.iter().chain(&at.rest).fold(0.0f64, |largest, v| largest.max(v.abs()));
        let unit = if largest > 0.0 && largest.is_finite() { power_of_two(largest) } else { 1.0 };
        let mut right: Vec<f64> =
            data.weights.iter().zip(&self.change).map(|(s, change)| -s.sqrt() * (change / unit)).collect();
        for ((column, rest), lambda) in data.x.iter().zip(&at.rest).zip(&system.lambda) {
            let pull = rest / unit / lambda;
            for ((right, x), s) in right.iter_mut().zip(column).zip(&data.weights) {
                *right -= s.sqrt() * (x.value() * pull);
            }
        }
        let lower: Vec<f64> = (0..n).map(|i| (0..=i).map(|j| inverse[(i, j)] * right[j]).sum()).collect();
        let step = |j: usize| (j..n).map(|i| inverse[(i, j)] * lower[i]).sum::<f64>();
        for (j, (change, s)) in self.change.iter_mut().zip(&data.weights).enumerate() {
            *change += unit * (step(j) / s.sqrt());
        }
    }
}
