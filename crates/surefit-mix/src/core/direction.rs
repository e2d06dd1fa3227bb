//! Where everything goes on the next piece: one step of Newton's method on the free inputs and the active rows.

use super::Model;
use super::factor::{add, dot};
use super::path::{Fading, Way};
use super::state::{RowAt, State};

/// Rows of the free inputs whose angle is smaller depend on each other.
const DEPENDENT: f64 = 1e-11;

impl State {
    /// Fills the scratch with the change of everything for each unit of the way. False when the free inputs cannot
    /// meet what the rows demand: then only multipliers move.
    #[inline(always)]
    pub(super) fn direction(&mut self, m: &Model, way: Way, side: f64, fading: &Fading) -> bool {
        let driven = match way {
            Way::To(j, _) | Way::Balance(j) => Some(j),
            Way::Begin => None,
        };
        let p = self.factor.len();
        let s = &mut self.scratch;
        s.dw.clear();
        match driven {
            Some(j) => {
                s.dw.extend(self.free.iter().map(|&k| -m.cross(k, j) * side));
            }
            None => s.dw.extend(self.free.iter().map(|&k| -0.5 * fading.force[k])),
        }
        self.factor.forward(&mut s.dw);
        // What each active row still demands of the free inputs.
        for (k, &r) in self.active.iter().enumerate() {
            s.asked[k] = match driven {
                Some(j) => -m.rows[r * m.n + j] * side,
                None => -if self.row_at[r] == RowAt::High { fading.high[r] } else { fading.low[r] },
            };
            s.demand[k] = s.asked[k] - dot(self.factor.border(k), &s.dw);
        }
        let moving = self.multipliers(m);
        let s = &mut self.scratch;
        if moving {
            s.cross.clear();
            s.cross.extend(s.dw.iter().map(|u| u.abs()));
            for k in 0..self.active.len() {
                let (eta, border) = (s.eta[k], self.factor.border(k));
                add(&mut s.dw, eta, border);
                s.cross.iter_mut().zip(border).for_each(|(size, v)| *size += (eta * v).abs());
            }
            // What the rows hold in place does not move: rounding would send it round in circles.
            let held = |(y, size): (&mut f64, &f64)| {
                if y.abs() <= 1e-14 * size {
                    *y = 0.0;
                }
            };
            s.dw.iter_mut().zip(&s.cross).for_each(held);
            self.factor.backward(&mut s.dw);
            self.meet_rows(m);
        } else {
            s.dw.clear();
            s.dw.resize(p, 0.0);
        }
        let s = &mut self.scratch;
        s.dh.fill(0.0);
        if moving {
            s.moves.clear();
            s.moves.extend(driven.map(|j| (j, side)));
            s.moves.extend(self.free.iter().copied().zip(s.dw.iter().copied()));
            m.apply(&s.moves, &mut s.dh, &mut s.residual);
        }
        for (dv, dh) in s.dv.iter_mut().zip(&s.dh) {
            *dv = -2.0 * dh;
        }
        if moving && driven.is_none() {
            add(&mut s.dv, -1.0, &fading.force);
        }
        for (k, &r) in self.active.iter().enumerate() {
            add(&mut s.dv, 2.0 * s.eta[k], m.row(r));
        }
        for r in 0..m.q {
            s.dactivity[r] = match self.row_at[r] {
                _ if !moving => 0.0,
                RowAt::Inside => {
                    let row = m.row(r);
                    s.moves.iter().map(|&(k, dw)| row[k] * dw).sum()
                }
                // An active row moves with its limit.
                RowAt::High if driven.is_none() => -fading.high[r],
                RowAt::Low | RowAt::Equal if driven.is_none() => -fading.low[r],
                _ => 0.0,
            };
        }
        moving
    }

    /// Makes the direction do what the rows ask to the last digits: where the form is nearly singular, large parts of
    /// it have cancelled.
    #[inline(always)]
    pub(super) fn meet_rows(&mut self, m: &Model) {
        const TIMES: usize = 3;
        let k = self.active.len();
        for _ in 0..TIMES {
            let s = &mut self.scratch;
            let mut is_met = true;
            for (i, &r) in self.active.iter().enumerate() {
                let row = m.row(r);
                let (mut sum, mut size) = (0.0, s.asked[i].abs());
                for (&j, dw) in self.free.iter().zip(&s.dw) {
                    sum += row[j] * dw;
                    size += (row[j] * dw).abs();
                }
                s.demand[i] = s.asked[i] - sum;
                is_met &= s.demand[i].abs() <= 1e-14 * size;
            }
            if is_met {
                return;
            }
            solve(&s.schur, k, &s.demand, &mut s.more);
            s.cross.clear();
            s.cross.resize(self.free.len(), 0.0);
            for i in 0..k {
                s.eta[i] += s.more[i];
                add(&mut s.cross, s.more[i], self.factor.border(i));
            }
            self.factor.backward(&mut s.cross);
            add(&mut s.dw, 1.0, &s.cross);
        }
    }

    /// Solves `(V Vᵀ) η = demand`. Where the rows of the free inputs depend on each other and what is asked of them
    /// does not fit, `η` becomes a change of multipliers that no free input feels, and the answer is false.
    #[inline(always)]
    pub(super) fn multipliers(&mut self, m: &Model) -> bool {
        let k = self.active.len();
        if k == 0 {
            return true;
        }
        let s = &mut self.scratch;
        // Whether rows depend on each other is seen from the rows alone: `V` also has what the form weighs.
        for i in 0..k {
            let row = m.row(self.active[i]);
            for j in 0..=i {
                let other = m.row(self.active[j]);
                s.schur[i * k + j] = self.free.iter().map(|&f| row[f] * other[f]).sum();
            }
            let is_kept = cholesky_row(&mut s.schur, k, i, DEPENDENT);
            s.kept[i] = is_kept;
            if is_kept {
                continue;
            }
            null_vector(&s.schur, k, i, &mut s.eta);
            let (mut asked, mut scale) = (0.0, 0.0);
            for (eta, own) in s.eta.iter().zip(&s.asked).take(i + 1) {
                asked += eta * own;
                scale += (eta * own).abs();
            }
            if asked.abs() > (1e-9 * scale).max(1e-13) {
                let half = 0.5 * asked.signum();
                s.eta.iter_mut().for_each(|eta| *eta *= half);
                return false;
            }
        }
        for i in 0..k {
            for j in 0..=i {
                let both = s.kept[i] && s.kept[j];
                let product = if both { dot(self.factor.border(i), self.factor.border(j)) } else { 0.0 };
                s.schur[i * k + j] = product;
            }
            cholesky_row(&mut s.schur, k, i, 0.0);
        }
        solve(&s.schur, k, &s.demand, &mut s.eta);
        true
    }
}

/// Row `i` of the Cholesky factor in place; whether its pivot is more than the share of what it was. A row that is
/// not kept has pivot 0, and is left out.
#[inline(always)]
fn cholesky_row(matrix: &mut [f64], k: usize, i: usize, share: f64) -> bool {
    let own = matrix[i * k + i];
    for j in 0..i {
        let mut sum = matrix[i * k + j];
        for l in 0..j {
            sum -= matrix[i * k + l] * matrix[j * k + l];
        }
        let pivot = matrix[j * k + j];
        matrix[i * k + j] = if pivot > 0.0 { sum / pivot } else { 0.0 };
    }
    let left = own - (0..i).map(|l| matrix[i * k + l] * matrix[i * k + l]).sum::<f64>();
    let is_kept = left > share * own && left > 0.0;
    matrix[i * k + i] = if is_kept { left.sqrt() } else { 0.0 };
    is_kept
}

/// The combination of the first rows and row `i` that is zero, with 1 at `i`.
#[inline(always)]
fn null_vector(factor: &[f64], k: usize, i: usize, eta: &mut [f64]) {
    eta.fill(0.0);
    eta[i] = 1.0;
    for l in (0..i).rev() {
        let mut sum = -factor[i * k + l];
        for t in l + 1..i {
            sum -= factor[t * k + l] * eta[t];
        }
        let pivot = factor[l * k + l];
        eta[l] = if pivot > 0.0 { sum / pivot } else { 0.0 };
    }
}

/// Solves with the factor; rows that were left out get 0.
#[inline(always)]
fn solve(factor: &[f64], k: usize, right: &[f64], eta: &mut [f64]) {
    eta.fill(0.0);
    for i in 0..k {
        let sum = right[i] - (0..i).map(|l| factor[i * k + l] * eta[l]).sum::<f64>();
        let pivot = factor[i * k + i];
        eta[i] = if pivot > 0.0 { sum / pivot } else { 0.0 };
    }
    for i in (0..k).rev() {
        let pivot = factor[i * k + i];
        if pivot > 0.0 {
            let sum = eta[i] - (i + 1..k).map(|l| factor[l * k + i] * eta[l]).sum::<f64>();
            eta[i] = sum / pivot;
        }
    }
}
