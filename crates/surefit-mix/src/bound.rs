//! What a node's multipliers prove, in numbers that share nothing with the search: the only place where a node is
//! found to hold nothing better.
//!
//! **Squares.** For any point ŵ and any multipliers λ of the rows (of the right sign) and ν of the counts, with
//! `D = diag(d)` such that `AᵀA + ρI − D ⪰ 0`, `r̂ = Aŵ − t` and `g = 2(Aᵀr̂ + (ρ − d)ŵ) − Cᵀλ`:
//!
//!   f(w) ≥ −‖r̂‖² − 2r̂ᵀt − Σ(ρ − d)ŵ² + λᵀb − νᵀk + Σ min over the allowed x of  d x² + g x + (price if x ≠ 0),
//!
//! because a convex quadratic lies above its tangents. **Norms.** For any y with dual norm at most 1 and
//! `g = Aᵀy − Cᵀλ`, in the same way `‖Aw − t‖ ≥ −yᵀt + λᵀb + Σ min g x`.
//!
//! An allowance for the rounding of every sum is subtracted, so that rounding does not raise the bound.

use crate::core::Kind;
use crate::form::Form;
use crate::problem::Distance;

/// What a bound is made of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Dual<'a> {
    /// ŵ (n numbers) for squares, y (m numbers) for norms.
    pub point: &'a [f64],
    /// λ, one for each row.
    pub multipliers: &'a [f64],
}

/// What holds for all nodes of a tree: `d`, the price of using each input, and what the counts give back (`−νᵀk`).
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Terms {
    /// `d`, which [`crate::diagonal`] proved; zero for norms.
    pub diagonal: Vec<f64>,
    /// Price of being used, for each input.
    pub price: Vec<f64>,
    /// `−νᵀk`.
    pub refund: f64,
    /// ν, one for each count: above 0 for its most, below 0 for its least.
    pub own: Vec<f64>,
    /// Whether the residual is freed of its rounding before it proves anything.
    pub sharp: bool,
}

impl Terms {
    /// From the diagonal and ν: any ν leaves a bound that holds, as its sign says which limit of a count is meant.
    pub(crate) fn new(form: &Form, diagonal: Vec<f64>, own: Vec<f64>) -> Self {
        let (mut price, mut refund) = (vec![0.0; form.n], 0.0);
        for (count, own) in form.counts.iter().zip(&own).filter(|(_, own)| **own != 0.0) {
            let members = price.iter_mut().zip(&count.is_member).filter(|(_, is_member)| **is_member);
            members.for_each(|(price, _)| *price += own);
            refund -= own * if *own > 0.0 { count.most } else { count.least } as f64;
        }
        Self { diagonal, price, refund, own, sharp: false }
    }

    /// Neither diagonal nor prices, and the residual freed of its rounding: what proves most near an exact mix.
    pub(crate) fn sharp(form: &Form) -> Self {
        Self { sharp: true, ..Self::none(form) }
    }

    /// Neither diagonal nor prices.
    pub(crate) fn none(form: &Form) -> Self {
        Self::new(form, vec![0.0; form.n], vec![0.0; form.counts.len()])
    }
}

/// A bound, and what each input adds to it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Proof {
    /// No allowed mix has a lower objective.
    pub bound: f64,
    /// What each input adds when it is used.
    used: Vec<f64>,
    /// What it adds as decided.
    added: Vec<f64>,
    residual: Vec<f64>,
}

impl Proof {
    /// The bound if input `j`, which is open, were decided.
    pub(crate) fn if_decided(&self, j: usize, kind: Kind) -> f64 {
        self.bound - self.added[j] + if kind == Kind::In { self.used[j] } else { 0.0 }
    }

    /// Computes the bound over all mixes that the decisions allow; `−∞` when numbers overflow.
    pub(crate) fn prove(&mut self, form: &Form, terms: &Terms, dual: Dual<'_>, kind: &[Kind]) {
        pulp::Arch::new().dispatch(Run { proof: self, form, terms, dual, kind });
    }
}

struct Run<'a> {
    proof: &'a mut Proof,
    form: &'a Form,
    terms: &'a Terms,
    dual: Dual<'a>,
    kind: &'a [Kind],
}

impl pulp::NullaryFnOnce for Run<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { proof, form, terms, dual, kind } = self;
        if terms.sharp && form.distance == Distance::L2 {
            proof.sharpen(form, dual);
        }
        let (mut total, mut scale) = proof.constant(form, terms, dual);
        for (r, &lambda) in dual.multipliers.iter().enumerate().filter(|(_, lambda)| **lambda != 0.0) {
            let limit = if lambda > 0.0 { form.row_low[r] } else { form.row_high[r] };
            total += lambda * limit;
            scale += (lambda * limit).abs();
        }
        let is_square = form.distance == Distance::L2;
        let factor = if is_square { 2.0 } else { 1.0 };
        proof.used.clear();
        for j in 0..form.n {
            let d = terms.diagonal[j];
            let own = if is_square { (form.ridge - d) * dual.point[j] } else { 0.0 };
            let mut g = factor * (sum_of_products(form.column(j), &proof.residual) + own);
            for (r, &lambda) in dual.multipliers.iter().enumerate() {
                g -= lambda * form.rows[r * form.n + j];
            }
            let (low, high) = (form.low[j], form.high[j]);
            let x = if d > 0.0 {
                (-0.5 * g / d).clamp(low, high)
            } else if g > 0.0 {
                low
            } else {
                high
            };
            proof.used.push((d * x + g) * x);
            scale += d * x * x + (g * x).abs() + terms.price[j].abs();
        }
        // Any prices prove something: none prove more where the decisions have settled the counts.
        let plain = total + proof.add(form, kind, |_| 0.0);
        total = if terms.refund == 0.0 {
            plain
        } else {
            let priced = total + terms.refund + proof.add(form, kind, |j| terms.price[j]);
            if priced >= plain {
                proof.used.iter_mut().zip(&terms.price).for_each(|(used, price)| *used += price);
                priced
            } else {
                proof.add(form, kind, |_| 0.0);
                plain
            }
        };
        let bound = total - f64::EPSILON * (form.m + form.n + 8) as f64 * scale;
        proof.bound = if bound.is_nan() { f64::NEG_INFINITY } else { bound };
    }
}

impl Proof {
    /// What the inputs add as decided, with prices.
    #[inline(always)]
    fn add(&mut self, form: &Form, kind: &[Kind], price: impl Fn(usize) -> f64) -> f64 {
        self.added.clear();
        self.added.extend(self.used.iter().enumerate().map(|(j, used)| match kind[j] {
            Kind::Out => 0.0,
            Kind::Open if form.optional[j] => (used + price(j)).min(0.0),
            Kind::Open | Kind::In => used + price(j),
        }));
        self.added.iter().sum()
    }

    /// The part of the bound without inputs, and the size of its terms; leaves in `residual` what the columns are
    /// multiplied with.
    #[inline(always)]
    fn constant(&mut self, form: &Form, terms: &Terms, dual: Dual<'_>) -> (f64, f64) {
        if terms.sharp && form.distance == Distance::L2 {
            let own = form.ridge * dual.point.iter().map(|w| w * w).sum::<f64>();
            return self.squares(form, own);
        }
        if form.distance != Distance::L2 {
            let residual = &mut self.residual;
            residual.clear();
            residual.extend_from_slice(dual.point);
            make_feasible(form.distance, residual);
            let along = sum_of_products(residual, &form.t);
            let size: f64 = residual.iter().zip(&form.t).map(|(y, t)| (y * t).abs()).sum();
            return (-along, size);
        }
        self.residual_at(form, dual.point);
        let own = dual.point.iter().zip(&terms.diagonal).map(|(w, d)| (form.ridge - d) * w * w).sum::<f64>();
        self.squares(form, own)
    }

    /// The part of the squares, from the residual.
    #[inline(always)]
    fn squares(&self, form: &Form, own: f64) -> (f64, f64) {
        let residual = &self.residual;
        let square = sum_of_products(residual, residual);
        let along = sum_of_products(residual, &form.t);
        let size = square.sqrt() * sum_of_products(&form.t, &form.t).sqrt();
        (-square - 2.0 * along - own, square + 2.0 * size + own.abs())
    }

    /// Fills `residual` with `Aŵ − t`.
    #[inline(always)]
    fn residual_at(&mut self, form: &Form, point: &[f64]) {
        self.residual.clear();
        self.residual.extend(form.t.iter().map(|t| -t));
        for (j, &w) in point.iter().enumerate().filter(|(_, w)| **w != 0.0) {
            self.residual.iter_mut().zip(form.column(j)).for_each(|(r, a)| *r += w * a);
        }
    }

    /// Fills `residual` with `Aŵ − t`, then moves it to where the inputs whose slope is only its rounding have none
    /// (Kaczmarz 1937). Any vector in its place proves something, as ‖r‖² lies above its tangents.
    #[inline(always)]
    fn sharpen(&mut self, form: &Form, dual: Dual<'_>) {
        const SWEEPS: usize = 64;
        self.residual_at(form, dual.point);
        let residual = &mut self.residual;
        let norm = |values: &[f64]| sum_of_products(values, values).sqrt();
        let used = dual.point.iter().enumerate().filter(|(_, w)| **w != 0.0);
        let size = norm(&form.t) + used.map(|(j, w)| norm(form.column(j)) * w.abs()).sum::<f64>();
        let rest = |j: usize| {
            let rows =
                dual.multipliers.iter().enumerate().map(|(r, lambda)| lambda * form.rows[r * form.n + j]);
            form.ridge * dual.point[j] - 0.5 * rows.sum::<f64>()
        };
        let slope = |j: usize, residual: &[f64]| sum_of_products(form.column(j), residual) + rest(j);
        let is_rounding = |j: &usize| {
            let own = norm(form.column(*j));
            own > 0.0 && slope(*j, residual).abs() <= 64.0 * f64::EPSILON * own * size
        };
        let level: Vec<usize> = (0..form.n).filter(is_rounding).collect();
        for _ in 0..SWEEPS {
            for &j in &level {
                let column = form.column(j);
                let step = slope(j, residual) / sum_of_products(column, column);
                residual.iter_mut().zip(column).for_each(|(r, a)| *r -= step * a);
            }
        }
    }
}

/// Shrinks y until its dual norm is at most 1, for certain.
#[inline(always)]
fn make_feasible(distance: Distance, y: &mut [f64]) {
    let norm = match distance {
        Distance::L1 => y.iter().fold(0.0_f64, |most, y| most.max(y.abs())),
        Distance::LInf | Distance::L2 => {
            y.iter().map(|y| y.abs()).sum::<f64>() * (1.0 + f64::EPSILON * y.len() as f64)
        }
    };
    if norm > 1.0 {
        let by = norm * (1.0 + 4.0 * f64::EPSILON);
        for y in y {
            *y /= by;
        }
    }
}

/// `Σ a b`, in eight partial sums.
#[inline(always)]
fn sum_of_products(a: &[f64], b: &[f64]) -> f64 {
    let mut sums = [0.0; 8];
    let (a_blocks, a_rest) = a.as_chunks::<8>();
    let (b_blocks, b_rest) = b.as_chunks::<8>();
    for (a, b) in a_blocks.iter().zip(b_blocks) {
        for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
            *sum += a * b;
        }
    }
    sums.iter().sum::<f64>() + a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum::<f64>()
}
