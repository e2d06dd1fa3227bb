//! The relaxation for the distances L1 and L∞: a linear program, solved from its dual side.
//!
//! The dual of a node is the same for all nodes but for its costs:
//!
//!   max −tᵀy + λ⁺ᵀ b − λ⁻ᵀ B + Σ (L α − U β)   over   α − β − Aᵀy + Cᵀ(λ⁺ − λ⁻) = ε,
//!
//! with b and B the limits of the rows, `‖y‖∞ ≤ 1` (L1) or `‖y‖₁ ≤ 1` (L∞), `α, β, λ ≥ 0`, and `[L, U]` what a node allows an input. So the optimal
//! basis of a node is feasible in its children, where the primal simplex method for bounded variables goes on from it
//! (Dantzig 1955); each of its iterates proves a bound; the weights are its multipliers. `ε` is a small perturbation
//! against cycling (Wolfe 1963), which the certificate's bound does not contain.

use super::relaxation::Relaxation;
use crate::bound::Dual;
use crate::core::{Ask, End, Kind, always};
use crate::form::Form;
use crate::problem::Distance;

/// What a reduced cost or a pivot must exceed; and where inputs that are almost the same take all digits of such small
/// pivots, so that there is no end of them. A bound is valid with either.
const TOLERANCES: [f64; 2] = [1e-10, 1e-7];
/// An inverse with larger numbers has few digits left.
const ILL: f64 = 1e5;
/// What the equations may be off by, beside right-hand sides of 1e-9 and 1.
const OFF: f64 = 1e-11;
/// Pivots between fresh inverses.
const FRESH: usize = 64;
/// Pivots after which it is asked again whether to go on.
const ASKED: usize = 8;

/// The linear program of a form.
#[derive(Clone, Debug)]
pub(crate) struct Norms {
    form: Form,
    /// Rows of the dual: one for each input, and one for the norm of L∞.
    rows: usize,
    /// `ε`, then 1.
    right: Vec<f64>,
}

/// A basis and what it gives.
#[derive(Clone, Debug)]
pub(crate) struct Basis {
    kind: Vec<Kind>,
    /// The variables in the basis, by row.
    basic: Vec<usize>,
    /// For each variable whether it is out of the basis at its upper end.
    is_at_upper: Vec<bool>,
    is_basic: Vec<bool>,
    /// `B⁻¹`, row by row.
    inverse: Vec<f64>,
    /// Values of the basic variables.
    x: Vec<f64>,
    /// Multipliers: the weights, and for L∞ the distance.
    pi: Vec<f64>,
    /// The weights inside what the node allows: multipliers but for rounding.
    w: Vec<f64>,
    /// `y` and `λ`, and `g = Aᵀy − Cᵀλ`.
    y: Vec<f64>,
    lambda: Vec<f64>,
    g: Vec<f64>,
    value: f64,
}

/// A packed [`Basis`].
#[derive(Clone, Debug)]
pub(crate) struct PackedBasis {
    kind: Box<[Kind]>,
    basic: Box<[u32]>,
    upper: Box<[u32]>,
}

/// A variable of the dual.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Variable {
    /// `y_i`, its positive or negative part.
    Y(usize, bool),
    /// `λ_r`, its positive or negative part.
    Lambda(usize, bool),
    /// `α_j`: the weight presses on its low end.
    Alpha(usize),
    /// `β_j`: on its high end.
    Beta(usize),
    /// The slack of the norm.
    Slack,
}

impl Norms {
    /// Inputs at most: the inverse of a basis is kept, and taken anew from time to time at the cost of their cube.
    pub(crate) const MOST: usize = 1000;

    pub(crate) fn new(form: Form) -> Self {
        let is_max = form.distance == Distance::LInf;
        let spread = |j: usize| 1.0 + (0.618_033_988_749_894_9 * (j + 1) as f64).fract();
        let mut right: Vec<f64> = (0..form.n).map(|j| 1e-9 * spread(j)).collect();
        if is_max {
            right.push(1.0);
        }
        Self { rows: form.n + usize::from(is_max), form, right }
    }

    /// All variables: y⁺, y⁻, λ⁺, λ⁻, α, β and the slack.
    fn variables(&self) -> usize {
        2 * (self.form.m + self.form.q() + self.form.n) + 1
    }

    fn variable(&self, k: usize) -> Variable {
        let (m, q, n) = (self.form.m, self.form.q(), self.form.n);
        match k {
            _ if k < 2 * m => Variable::Y(k % m, k < m),
            _ if k < 2 * (m + q) => Variable::Lambda((k - 2 * m) % q, k < 2 * m + q),
            _ if k < 2 * (m + q) + n => Variable::Alpha(k - 2 * (m + q)),
            _ if k < 2 * (m + q + n) => Variable::Beta(k - 2 * (m + q) - n),
            _ => Variable::Slack,
        }
    }

    /// Its column.
    fn column(&self, k: usize, out: &mut [f64]) {
        out.fill(0.0);
        let (n, form) = (self.form.n, &self.form);
        match self.variable(k) {
            Variable::Y(i, is_positive) => {
                let sign = if is_positive { -1.0 } else { 1.0 };
                (0..n).for_each(|j| out[j] = sign * form.a[j * form.m + i]);
                if self.rows > n {
                    out[n] = 1.0;
                }
            }
            Variable::Lambda(r, is_positive) => {
                let sign = if is_positive { 1.0 } else { -1.0 };
                (0..n).for_each(|j| out[j] = sign * form.row(r)[j]);
            }
            Variable::Alpha(j) => out[j] = 1.0,
            Variable::Beta(j) => out[j] = -1.0,
            Variable::Slack => {
                if self.rows > n {
                    out[n] = 1.0;
                }
            }
        }
    }

    /// What a weight may be at a node.
    fn ends(&self, kind: &[Kind], j: usize) -> (f64, f64) {
        match kind[j] {
            Kind::Out => (0.0, 0.0),
            Kind::In => (self.form.low[j], self.form.high[j]),
            Kind::Open => (self.form.low[j].min(0.0), self.form.high[j].max(0.0)),
        }
    }

    /// Its cost; −∞ when it may not enter.
    fn cost(&self, kind: &[Kind], k: usize) -> f64 {
        let form = &self.form;
        match self.variable(k) {
            Variable::Y(i, is_positive) => {
                if is_positive {
                    -form.t[i]
                } else {
                    form.t[i]
                }
            }
            Variable::Lambda(r, true) => form.row_low[r],
            Variable::Lambda(r, false) => -form.row_high[r],
            Variable::Alpha(j) => self.ends(kind, j).0,
            Variable::Beta(j) => -self.ends(kind, j).1,
            Variable::Slack => {
                if self.rows > form.n {
                    0.0
                } else {
                    f64::NEG_INFINITY
                }
            }
        }
    }

    fn upper(&self, k: usize) -> f64 {
        let is_bounded = self.form.distance == Distance::L1 && k < 2 * self.form.m;
        if is_bounded { 1.0 } else { f64::INFINITY }
    }

    /// The basis of nothing: `y = 0`, `λ = 0`.
    fn start(&self, kind: Vec<Kind>) -> Basis {
        let (n, rows, total) = (self.form.n, self.rows, self.variables());
        let first = 2 * (self.form.m + self.form.q());
        let basic: Vec<usize> = (0..rows).map(|r| if r < n { first + r } else { total - 1 }).collect();
        let mut basis = Basis {
            kind,
            is_basic: vec![false; total],
            is_at_upper: vec![false; total],
            basic,
            inverse: vec![0.0; rows * rows],
            x: vec![0.0; rows],
            pi: vec![0.0; rows],
            w: vec![0.0; n],
            y: vec![0.0; self.form.m],
            lambda: vec![0.0; self.form.q()],
            g: vec![0.0; n],
            value: 0.0,
        };
        self.refactor(&mut basis);
        basis
    }

    /// Computes the inverse and all values anew; false when the basis is singular.
    fn refactor(&self, basis: &mut Basis) -> bool {
        let rows = self.rows;
        basis.is_basic.fill(false);
        let mut matrix = vec![0.0; rows * rows];
        let mut column = vec![0.0; rows];
        for (place, &k) in basis.basic.iter().enumerate() {
            basis.is_basic[k] = true;
            basis.is_at_upper[k] = false;
            self.column(k, &mut column);
            (0..rows).for_each(|r| matrix[r * rows + place] = column[r]);
        }
        let Some(inverse) = invert(matrix, rows) else { return false };
        basis.inverse = inverse;
        basis.x = self.values(basis, |r| self.right[r]);
        self.price(basis);
        true
    }

    /// Values of the basic variables for a right-hand side.
    fn values(&self, basis: &Basis, right: impl Fn(usize) -> f64) -> Vec<f64> {
        let rows = self.rows;
        let mut right: Vec<f64> = (0..rows).map(right).collect();
        let mut column = vec![0.0; rows];
        for k in (0..basis.is_at_upper.len()).filter(|&k| basis.is_at_upper[k]) {
            self.column(k, &mut column);
            let upper = self.upper(k);
            right.iter_mut().zip(&column).for_each(|(right, c)| *right -= upper * c);
        }
        basis.inverse.chunks(rows).map(|row| inner(row, &right)).collect()
    }

    /// Multipliers of the basis.
    fn price(&self, basis: &mut Basis) {
        let rows = self.rows;
        basis.pi.fill(0.0);
        for (place, &k) in basis.basic.iter().enumerate() {
            let cost = self.cost(&basis.kind, k);
            if cost != 0.0 {
                for (pi, b) in basis.pi.iter_mut().zip(&basis.inverse[place * rows..][..rows]) {
                    *pi += cost * b;
                }
            }
        }
    }

    /// The variable that gains most, and the sign in which it goes.
    fn entering(&self, basis: &Basis, tolerance: f64, by_number: bool) -> Option<(usize, f64)> {
        let (form, n) = (&self.form, self.form.n);
        let mut mixed = vec![0.0; form.m];
        for (j, &w) in basis.pi.iter().take(n).enumerate().filter(|(_, w)| **w != 0.0) {
            mixed.iter_mut().zip(form.column(j)).for_each(|(sum, a)| *sum += w * a);
        }
        let norm = basis.pi.get(n).copied().unwrap_or(0.0);
        let reduced = |k: usize| match self.variable(k) {
            Variable::Y(i, true) => mixed[i] - form.t[i] - norm,
            Variable::Y(i, false) => form.t[i] - mixed[i] - norm,
            Variable::Lambda(r, is_positive) => {
                let activity = inner(form.row(r), &basis.pi[..n]);
                if is_positive { form.row_low[r] - activity } else { activity - form.row_high[r] }
            }
            Variable::Alpha(j) => self.ends(&basis.kind, j).0 - basis.pi[j],
            Variable::Beta(j) => basis.pi[j] - self.ends(&basis.kind, j).1,
            Variable::Slack => {
                if self.rows > n {
                    -norm
                } else {
                    f64::NEG_INFINITY
                }
            }
        };
        let mut best: Option<(usize, f64, f64)> = None;
        for k in (0..self.variables()).filter(|&k| !basis.is_basic[k]) {
            let (gain, sign) = if basis.is_at_upper[k] { (-reduced(k), -1.0) } else { (reduced(k), 1.0) };
            if gain > tolerance && best.is_none_or(|best| gain > best.2) {
                best = Some((k, sign, gain));
                if by_number {
                    break;
                }
            }
        }
        best.map(|(k, sign, _)| (k, sign))
    }

    /// How far the basic variables are from solving their equations, at most.
    fn off(&self, basis: &Basis) -> f64 {
        let mut left = self.right.clone();
        let mut column = vec![0.0; self.rows];
        let at_upper = (0..basis.is_at_upper.len()).filter(|&k| basis.is_at_upper[k]);
        let basic = basis.basic.iter().copied().zip(basis.x.iter().copied());
        for (k, x) in at_upper.map(|k| (k, self.upper(k))).chain(basic) {
            self.column(k, &mut column);
            left.iter_mut().zip(&column).for_each(|(left, c)| *left -= x * c);
        }
        left.iter().fold(0.0, |most, left| most.max(left.abs()))
    }

    /// The simplex method from a feasible basis, and where that stalls, with coarser pivots from the first one.
    fn optimise(&self, basis: &mut Basis, cutoff: f64, ask: Ask<'_>) -> End {
        let [fine, coarse] = TOLERANCES;
        match self.optimise_with(fine, basis, cutoff, ask) {
            End::Stalled if ask() => {
                *basis = self.start(basis.kind.clone());
                self.optimise_with(coarse, basis, cutoff, ask)
            }
            end => end,
        }
    }

    fn optimise_with(&self, tolerance: f64, basis: &mut Basis, cutoff: f64, ask: Ask<'_>) -> End {
        let rows = self.rows;
        let limit = 200 + 20 * (rows + self.form.m);
        let mut column = vec![0.0; rows];
        for pivot in 1..=limit {
            if pivot % ASKED == 0 && !ask() {
                break;
            }
            if pivot % FRESH == 0 && !self.refactor(basis) {
                return End::Stalled;
            }
            let Some((k, sign)) = self.entering(basis, tolerance, pivot > limit / 2) else {
                if tolerance < TOLERANCES[1] && is_ill(basis) && self.off(basis) > OFF {
                    return End::Stalled;
                }
                self.read(basis);
                return End::Reached;
            };
            self.column(k, &mut column);
            let change: Vec<f64> =
                (0..rows).map(|r| sign * inner(&basis.inverse[r * rows..][..rows], &column)).collect();
            let Some((length, place)) = self.ratio(basis, k, &change, tolerance) else {
                // An inverse of such numbers may have made it up that there is no end.
                if tolerance < TOLERANCES[1] && is_ill(basis) {
                    return End::Stalled;
                }
                self.read(basis);
                self.far_along(basis, k, &change);
                return End::Infeasible;
            };
            basis.x.iter_mut().zip(&change).for_each(|(x, change)| *x -= length * change);
            match place {
                None => basis.is_at_upper[k] = !basis.is_at_upper[k],
                Some(place) => self.pivot(basis, k, sign, length, place, &change),
            }
            self.price(basis);
            if cutoff < f64::INFINITY && pivot % 4 == 0 {
                self.read(basis);
                if basis.value > cutoff {
                    return End::Above;
                }
            }
        }
        self.read(basis);
        End::Stalled
    }

    /// How far the entering variable goes, and which basic variable stops it (none: its own other end).
    fn ratio(&self, basis: &Basis, k: usize, change: &[f64], tolerance: f64) -> Option<(f64, Option<usize>)> {
        let mut first: (f64, Option<usize>, f64) = (self.upper(k), None, 0.0);
        for (place, (&x, &change)) in basis.x.iter().zip(change).enumerate() {
            let end = if change > tolerance {
                x / change
            } else if change < -tolerance {
                (x - self.upper(basis.basic[place])) / change
            } else {
                continue;
            };
            let (end, size) = (end.max(0.0), change.abs());
            if end < first.0 - 1e-15 || (end <= first.0 + 1e-15 && first.1.is_some() && size > first.2) {
                first = (end, Some(place), size);
            }
        }
        (first.0 < f64::INFINITY).then_some((first.0, first.1))
    }

    /// Variable `k` takes the place in the basis.
    fn pivot(&self, basis: &mut Basis, k: usize, sign: f64, length: f64, place: usize, change: &[f64]) {
        let rows = self.rows;
        let leaving = basis.basic[place];
        basis.is_basic[leaving] = false;
        basis.is_at_upper[leaving] = change[place] < 0.0 && self.upper(leaving) < f64::INFINITY;
        basis.x[place] = if sign > 0.0 { length } else { self.upper(k) - length };
        basis.is_basic[k] = true;
        basis.is_at_upper[k] = false;
        basis.basic[place] = k;
        let own = sign * change[place];
        let row: Vec<f64> = basis.inverse[place * rows..][..rows].iter().map(|b| b / own).collect();
        for (r, &change) in change.iter().enumerate().filter(|(r, change)| *r != place && **change != 0.0) {
            let factor = sign * change;
            let target = &mut basis.inverse[r * rows..][..rows];
            target.iter_mut().zip(&row).for_each(|(b, row)| *b -= factor * row);
        }
        basis.inverse[place * rows..][..rows].copy_from_slice(&row);
    }

    /// Reads `y`, `λ`, `g` and the value off the basis.
    fn read(&self, basis: &mut Basis) {
        let form = &self.form;
        let (mut y, mut lambda) = (vec![0.0; form.m], vec![0.0; form.q()]);
        let mut value = 0.0;
        let at_upper =
            (0..basis.is_at_upper.len()).filter(|&k| basis.is_at_upper[k]).map(|k| (k, self.upper(k)));
        // Without the perturbation: the basis is optimal for less of it too.
        let exact = self.values(basis, |r| if r < form.n { 0.0 } else { self.right[r] });
        let basic = basis.basic.iter().copied().zip(exact);
        for (k, x) in at_upper.chain(basic) {
            match self.variable(k) {
                Variable::Y(i, is_positive) => y[i] += if is_positive { x } else { -x },
                // Rounding must not press on a limit that is not there.
                Variable::Lambda(r, is_positive) => {
                    lambda[r] += if is_positive { x.max(0.0) } else { -x.max(0.0) }
                }
                Variable::Alpha(_) | Variable::Beta(_) | Variable::Slack => {}
            }
            if x != 0.0 {
                value += x * self.cost(&basis.kind, k);
            }
        }
        for j in 0..form.n {
            let rows: f64 = lambda.iter().enumerate().map(|(r, lambda)| lambda * form.row(r)[j]).sum();
            basis.g[j] = inner(form.column(j), &y) - rows;
        }
        for j in 0..form.n {
            let (low, high) = self.ends(&basis.kind, j);
            let w = basis.pi[j].clamp(low, high);
            basis.w[j] = if w.abs() <= 1e-12 { 0.0 } else { w };
        }
        (basis.y, basis.lambda, basis.value) = (y, lambda, value);
    }

    /// The entering variable goes without end: the multipliers go far with it, which shows that nothing is feasible.
    fn far_along(&self, basis: &mut Basis, k: usize, change: &[f64]) {
        const FAR: f64 = 1e12;
        let mut add = |k: usize, x: f64| {
            if let Variable::Lambda(r, is_positive) = self.variable(k) {
                basis.lambda[r] += if is_positive { x } else { -x };
            }
        };
        add(k, FAR);
        basis.basic.iter().zip(change).for_each(|(&k, change)| add(k, -FAR * change));
    }
}

impl Relaxation for Norms {
    type State = Basis;
    type Packed = PackedBasis;

    fn solve(&self, kind: Vec<Kind>, ask: Ask<'_>) -> (Basis, End) {
        let mut basis = self.start(kind);
        let end = self.optimise(&mut basis, f64::INFINITY, ask);
        (basis, end)
    }

    fn decide(&self, state: &mut Basis, j: usize, kind: Kind, cutoff: f64) -> End {
        state.kind[j] = kind;
        self.price(state);
        self.optimise(state, cutoff, &always)
    }

    fn pack(&self, state: &Basis) -> PackedBasis {
        let number = |k: usize| u32::try_from(k).unwrap_or(u32::MAX);
        let upper = (0..state.is_at_upper.len()).filter(|&k| state.is_at_upper[k]);
        PackedBasis {
            kind: state.kind.clone().into(),
            basic: state.basic.iter().map(|&k| number(k)).collect(),
            upper: upper.map(number).collect(),
        }
    }

    fn unpack(&self, packed: &PackedBasis, state: &mut Basis) {
        state.kind.copy_from_slice(&packed.kind);
        state.basic = packed.basic.iter().map(|&k| k as usize).collect();
        state.is_at_upper.fill(false);
        packed.upper.iter().for_each(|&k| state.is_at_upper[k as usize] = true);
        if !self.refactor(state) || self.optimise(state, f64::INFINITY, &always) != End::Reached {
            (*state, _) = self.solve(packed.kind.to_vec(), &always);
        }
    }

    fn value(&self, state: &Basis) -> f64 {
        state.value
    }

    fn kind<'a>(&self, state: &'a Basis) -> &'a [Kind] {
        &state.kind
    }

    fn note(&self, state: &mut Basis, j: usize, kind: Kind) {
        state.kind[j] = kind;
        self.price(state);
        // The costs have changed, the optimum has not: there is little to do.
        self.optimise(state, f64::INFINITY, &always);
    }

    fn weights<'a>(&self, state: &'a Basis) -> &'a [f64] {
        &state.w
    }

    fn dual<'a>(&self, state: &'a Basis) -> Dual<'a> {
        Dual { point: &state.y, multipliers: &state.lambda }
    }

    fn force(&self, state: &Basis, j: usize) -> f64 {
        -state.g[j]
    }

    fn other(&self, state: &Basis, j: usize) -> Option<(Kind, f64)> {
        let (low, high, g, w) = (self.form.low[j], self.form.high[j], state.g[j], state.w[j]);
        let used = (g * low).min(g * high);
        if used > 0.0 && w <= 1e-9 * low {
            Some((Kind::In, used))
        } else {
            (used < 0.0 && w >= low).then_some((Kind::Out, -used))
        }
    }

    fn hole(&self, state: &Basis, j: usize) -> f64 {
        let (low, w) = (self.form.low[j], state.w[j]);
        if w > 1e-9 * low && w < low * (1.0 - 1e-9) { f64::INFINITY } else { 0.0 }
    }
}

/// Whether the inverse of the basis has few digits.
fn is_ill(basis: &Basis) -> bool {
    basis.inverse.iter().any(|b| b.abs() > ILL)
}

/// The inverse by Gauss and Jordan with row pivots.
fn invert(mut matrix: Vec<f64>, n: usize) -> Option<Vec<f64>> {
    let mut inverse = vec![0.0; n * n];
    (0..n).for_each(|r| inverse[r * n + r] = 1.0);
    for c in 0..n {
        let pivot = (c..n).max_by(|&a, &b| matrix[a * n + c].abs().total_cmp(&matrix[b * n + c].abs()))?;
        if matrix[pivot * n + c].abs() < 1e-13 {
            return None;
        }
        if pivot != c {
            for l in 0..n {
                matrix.swap(pivot * n + l, c * n + l);
                inverse.swap(pivot * n + l, c * n + l);
            }
        }
        let own = matrix[c * n + c];
        for l in 0..n {
            matrix[c * n + l] /= own;
            inverse[c * n + l] /= own;
        }
        let (row, right): (Vec<f64>, Vec<f64>) =
            (matrix[c * n..][..n].to_vec(), inverse[c * n..][..n].to_vec());
        for r in (0..n).filter(|&r| r != c) {
            let factor = matrix[r * n + c];
            if factor != 0.0 {
                matrix[r * n..][..n].iter_mut().zip(&row).for_each(|(x, row)| *x -= factor * row);
                inverse[r * n..][..n].iter_mut().zip(&right).for_each(|(x, row)| *x -= factor * row);
            }
        }
    }
    Some(inverse)
}

fn inner(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}
