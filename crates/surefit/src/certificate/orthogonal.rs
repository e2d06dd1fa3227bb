//! The exact gap from a QR factorisation of `[1 X | e]` in double-double, for designs that are too
//! ill-conditioned for second moments in `f64`.
//!
//! With rows scaled by √s and rows `√(S·λⱼ)` of the penalty below, `gap = ‖Qᵀe‖²/2S`: the part of the
//! residuals that the columns could still explain. Rows stream: each block is reduced to a triangle by
//! Householder reflections, and `[R; triangle of the block]` to the next R, in the order of the blocks. Fewer rows
//! than columns and no penalty are their own R, trapezoidal: n·p numbers and n²p operations, not p² and p³.
//!
//! **Rank.** The last R is factored again with column pivoting. A column whose remainder is no longer than
//! what rounding the entries to `f64` (to double-double where low parts are given) does to it and to the
//! columns that explain it, `2u(‖xⱼ‖ + Σ |vₗ|‖xₗ‖)` with xⱼ ≈ Σ vₗ xₗ, depends on them as far as the data can
//! tell; it is left out and counted.
//!
//! **Rounding.** A reflection changes a column by at most `8((m/16 + 16)u)²` of its norm, m rows, the inner
//! products being compensated in 16 lanes (algorithm 5.6 of Ogita, Rump and Oishi 2005). With γ the sum over
//! all reflections and R̃ the triangle of columns scaled to length 1, the projection of e is off by at
//! most θ‖e‖, `θ = 2√p·γ·‖R̃⁻¹‖_F` (Higham, "Accuracy and Stability", 2nd ed., §§ 19.3 and 20.1); it is added.

#![allow(clippy::inline_always, reason = "kernels must be compiled inside the dispatch on the processor")]

use super::squared::{Bound, System};
use super::walk::{Columns, Residuals, Sums};
use super::{Method, Shape};
use crate::data::{Block, Rows, map_reduce};
use crate::error::Result;
use crate::num::{Dd, UNIT_ROUNDOFF};
use crate::problem::{Coefficients, Intercept};

const LANES: usize = 16;
/// Rows eliminated at a time, so that they stay in the second-level cache.
const STACK_ROWS: usize = 128;
/// Remainders above this share of a column need no look at the rounding of its entries.
const CLEARLY_INDEPENDENT: f64 = 1e-3;
/// The largest relative error of the projection that is worth a claim.
const LARGEST_THETA: f64 = 0.1;

/// `‖Qᵀe‖²/2S`, or `None` where double-double cannot tell either.
pub(super) fn bound(
    system: &System,
    sums: &Sums,
    rows: &dyn Rows,
    answer: &Coefficients,
) -> Result<Option<Bound>> {
    let layout = Layout::of(system);
    let few = sums.rows < layout.size && system.lambda.iter().all(|lambda| *lambda == 0.0);
    let found = if few {
        layout.rows_as_they_are(system, rows, answer)?.map(|columns| (columns, sums.rows))
    } else {
        layout.triangle_of_all(system, sums, rows, answer)?.map(|columns| (columns, layout.size))
    };
    let Some((columns, height)) = found else { return Ok(None) };
    if !columns.iter().flatten().all(|entry| entry.is_finite()) {
        return Ok(None);
    }
    let entry_roundoff = if sums.has_low { 16.0 * Dd::ROUNDOFF } else { 2.0 * UNIT_ROUNDOFF };
    let longest = (STACK_ROWS.max(height) as f64 / LANES as f64 + 16.0) * UNIT_ROUNDOFF;
    let stacks = if few { 1 } else { sums.rows / STACK_ROWS + 2 * sums.blocks + 2 };
    let reflections = (stacks * height) as f64;
    let gamma = 8.0 * reflections * longest * longest;
    let norms = layout.norms(system, sums.total());
    let pivoted = Pivoted::of(columns, layout, &norms, entry_roundoff + gamma);
    Ok(pivoted.bound(system, sums.total(), gamma))
}

/// Which column is which: a column of ones first unless there is no intercept, the design, the residuals.
#[derive(Clone, Copy)]
struct Layout {
    /// 0 or 1.
    ones: usize,
    /// p: ones and design.
    size: usize,
    /// p + c.
    width: usize,
}

impl Layout {
    fn of(system: &System) -> Self {
        let ones = usize::from(system.intercept != Intercept::Absent);
        let size = ones + system.unit.len();
        Self { ones, size, width: size + system.offset.len() }
    }

    /// p + c columns of all the rows, where these are few.
    fn rows_as_they_are(
        self,
        system: &System,
        rows: &dyn Rows,
        answer: &Coefficients,
    ) -> Result<Option<Vec<Vec<Dd>>>> {
        let mut columns: Vec<Vec<Dd>> = vec![Vec::new(); self.width];
        let gather = |block: Block<'_>| {
            let block = Columns::of(block);
            self.stack(system, answer, &block, 0..block.rows())
        };
        map_reduce(rows, gather, |mut stack| {
            for (j, column) in columns.iter_mut().enumerate() {
                let (hi, lo) = stack.column_mut(j);
                column.extend(hi.iter().zip(lo).map(|(hi, lo)| Dd { hi: *hi, lo: *lo }));
            }
        })?;
        Ok(columns.first().is_some_and(|column| !column.is_empty()).then_some(columns))
    }

    /// p + c columns of the triangle that all rows and the penalty leave.
    fn triangle_of_all(
        self,
        system: &System,
        sums: &Sums,
        rows: &dyn Rows,
        answer: &Coefficients,
    ) -> Result<Option<Vec<Vec<Dd>>>> {
        let mut total: Option<Triangle> = None;
        map_reduce(
            rows,
            |block| self.triangle(system, answer, block),
            |part| match &mut total {
                None => total = Some(part),
                Some(total) => total.absorb(part.into_stack()),
            },
        )?;
        let Some(mut triangle) = total else { return Ok(None) };
        if let Some(penalty) = self.penalty(system, sums.weight, answer) {
            triangle.absorb(penalty);
        }
        let Self { size, width, .. } = self;
        let column = |j: usize| (0..size).map(|i| triangle.entries[i * width + j]).collect();
        Ok(Some((0..width).map(column).collect()))
    }

    /// The triangle of one block.
    fn triangle(self, system: &System, answer: &Coefficients, block: Block<'_>) -> Triangle {
        pulp::Arch::new().dispatch(BlockTriangle { layout: self, system, answer, block: Columns::of(block) })
    }

    /// The rows of a block, columns in their units, everything times √s.
    #[inline(always)]
    fn stack(
        self,
        system: &System,
        answer: &Coefficients,
        block: &Columns<'_>,
        range: std::ops::Range<usize>,
    ) -> Stack {
        let rows = range.len();
        let mut stack = Stack::zeros(rows, self.width);
        if self.ones == 1 {
            stack.column_mut(0).0.fill(1.0);
        }
        for (j, unit) in system.unit.iter().enumerate() {
            let (hi, lo) = stack.column_mut(self.ones + j);
            hi.iter_mut().zip(&block.column(j)[range.clone()]).for_each(|(z, x)| *z = x / unit);
            if let Some(low) = block.low(j) {
                lo.iter_mut().zip(&low[range.clone()]).for_each(|(z, x)| *z = x / unit);
            }
        }
        let mut residuals = Residuals::zeros(rows);
        for k in 0..self.width - self.size {
            block.residuals(answer, k, range.start, &mut residuals.hi, &mut residuals.lo);
            let (hi, lo) = stack.column_mut(self.size + k);
            hi.copy_from_slice(&residuals.hi);
            lo.copy_from_slice(&residuals.lo);
        }
        if let Some(weights) = block.weights() {
            let roots: Vec<Dd> = weights[range].iter().map(|s| Dd::from(*s).sqrt()).collect();
            for j in 0..self.width {
                let (hi, lo) = stack.column_mut(j);
                for ((hi, lo), root) in hi.iter_mut().zip(lo).zip(&roots) {
                    let scaled = Dd::new(*hi, *lo) * *root;
                    (*hi, *lo) = (scaled.hi, scaled.lo);
                }
            }
        }
        stack
    }

    /// Rows `√(Sλⱼ)` with `√(Sλⱼ)·wⱼ` beside them, where there is a penalty.
    fn penalty(self, system: &System, weight: Dd, answer: &Coefficients) -> Option<Stack> {
        if system.lambda.iter().all(|lambda| *lambda == 0.0) {
            return None;
        }
        let d = system.unit.len();
        let mut stack = Stack::zeros(self.size, self.width);
        for (j, lambda) in system.lambda.iter().enumerate() {
            let column = if j == d { 0 } else { self.ones + j };
            let root = (weight * *lambda).sqrt();
            stack.set(column, column, root);
            for (k, b) in answer.intercept.iter().enumerate() {
                let value = if j == d { *b } else { answer.weights[(j, k)] * system.unit[j] };
                stack.set(column, self.size + k, root * value);
            }
        }
        Some(stack)
    }

    /// p: the length of each column of the data, times √s.
    fn norms(self, system: &System, total: f64) -> Vec<f64> {
        let ones = (0..self.ones).map(|_| total.sqrt());
        let design = system.variance.iter().zip(&system.mean);
        ones.chain(design.map(|(variance, mean)| total.sqrt() * variance.sqrt().hypot(*mean))).collect()
    }
}

/// Rows that are to be eliminated: column-major, high and low parts apart.
struct Stack {
    rows: usize,
    hi: Vec<f64>,
    lo: Vec<f64>,
}

impl Stack {
    fn zeros(rows: usize, width: usize) -> Self {
        Self { rows, hi: vec![0.0; rows * width], lo: vec![0.0; rows * width] }
    }

    #[inline(always)]
    fn column_mut(&mut self, j: usize) -> (&mut [f64], &mut [f64]) {
        let range = j * self.rows..(j + 1) * self.rows;
        (&mut self.hi[range.clone()], &mut self.lo[range])
    }

    fn set(&mut self, i: usize, j: usize, value: Dd) {
        let (hi, lo) = self.column_mut(j);
        (hi[i], lo[i]) = (value.hi, value.lo);
    }
}

/// `[R | Qᵀe]`, p × (p + c), row-major; zeros below the diagonal.
struct Triangle {
    layout: Layout,
    entries: Vec<Dd>,
}

impl Triangle {
    fn zeros(layout: Layout) -> Self {
        Self { layout, entries: vec![Dd::ZERO; layout.size * layout.width] }
    }

    #[inline(always)]
    fn entry(&mut self, i: usize, j: usize) -> &mut Dd {
        &mut self.entries[i * self.layout.width + j]
    }

    /// The rows of this triangle as rows to eliminate.
    fn into_stack(self) -> Stack {
        let Layout { size, width, .. } = self.layout;
        let mut stack = Stack::zeros(size, width);
        for (i, row) in self.entries.chunks(width.max(1)).enumerate() {
            row.iter().enumerate().for_each(|(j, value)| stack.set(i, j, *value));
        }
        stack
    }

    fn absorb(&mut self, stack: Stack) {
        pulp::Arch::new().dispatch(Absorb { triangle: self, stack });
    }

    /// Reduces `[R; stack]` to R by one reflection a column (Golub and Van Loan, "Matrix Computations", 4th
    /// ed., § 5.1, with the reflector's first entry in R).
    #[inline(always)]
    fn eliminate(&mut self, stack: &mut Stack) {
        let Layout { size, width, .. } = self.layout;
        let rows = stack.rows;
        for k in 0..size {
            let split = (k + 1) * rows;
            let (reflector_hi, rest_hi) = stack.hi.split_at_mut(split);
            let (reflector_lo, rest_lo) = stack.lo.split_at_mut(split);
            let (v_hi, v_lo) = (&reflector_hi[split - rows..], &reflector_lo[split - rows..]);
            let below = dot((v_hi, v_lo), (v_hi, v_lo));
            if below.hi == 0.0 {
                continue;
            }
            let alpha = *self.entry(k, k);
            let norm = (alpha * alpha + below).sqrt();
            let beta = if alpha.hi > 0.0 { -norm } else { norm };
            let first = alpha - beta;
            let tau = Dd::from(2.0) / (first * first + below);
            *self.entry(k, k) = beta;
            for j in k + 1..width {
                let range = (j - k - 1) * rows..(j - k) * rows;
                let (a_hi, a_lo) = (&mut rest_hi[range.clone()], &mut rest_lo[range]);
                let above = *self.entry(k, j);
                let step = (first * above + dot((v_hi, v_lo), (a_hi, a_lo))) * tau;
                *self.entry(k, j) = above - step * first;
                subtract(a_hi, a_lo, step, (v_hi, v_lo));
            }
        }
    }
}

/// The triangle of one block, for the dispatch on the processor; see `BlockSums` for why it is no closure.
struct BlockTriangle<'a> {
    layout: Layout,
    system: &'a System,
    answer: &'a Coefficients,
    block: Columns<'a>,
}

impl pulp::NullaryFnOnce for BlockTriangle<'_> {
    type Output = Triangle;

    #[inline(always)]
    fn call(self) -> Triangle {
        let Self { layout, system, answer, block } = self;
        let mut triangle = Triangle::zeros(layout);
        let rows = block.rows();
        for first in (0..rows).step_by(STACK_ROWS) {
            let mut stack = layout.stack(system, answer, &block, first..rows.min(first + STACK_ROWS));
            triangle.eliminate(&mut stack);
        }
        triangle
    }
}

/// Rows taken into a triangle, likewise.
struct Absorb<'a> {
    triangle: &'a mut Triangle,
    stack: Stack,
}

impl pulp::NullaryFnOnce for Absorb<'_> {
    type Output = ();

    #[inline(always)]
    fn call(mut self) {
        self.triangle.eliminate(&mut self.stack);
    }
}

/// R with its columns in the order of their independence.
struct Pivoted {
    layout: Layout,
    /// p + c columns as long as R is high, the first `rank` triangular.
    columns: Vec<Vec<Dd>>,
    /// Which column stands where.
    order: Vec<usize>,
    rank: usize,
    /// p: lengths of the columns, penalty rows included.
    lengths: Vec<f64>,
}

impl Pivoted {
    /// Factors R again, each time with the column of which the largest share is left.
    fn of(columns: Vec<Vec<Dd>>, layout: Layout, norms: &[f64], roundoff: f64) -> Self {
        let Layout { ones, size, .. } = layout;
        let height = columns.first().map_or(0, Vec::len);
        let lengths = columns[..size].iter().map(|column| length(column)).collect();
        let mut pivoted = Self { layout, columns, order: (0..size).collect(), rank: 0, lengths };
        if ones == 1 {
            pivoted.reflect();
        }
        let whole: Vec<f64> = pivoted.columns[..size].iter().map(|column| length(&column[ones..])).collect();
        let mut candidates = size;
        // What is left of each column, by its place, beyond the first `rank` entries.
        let mut left: Vec<f64> = Vec::new();
        while pivoted.rank < candidates.min(height) {
            let k = pivoted.rank;
            if left.is_empty() {
                left = pivoted.columns[..size].iter().map(|column| length(&column[k..])).collect();
            }
            let best = (k..candidates).map(|j| (j, left[j] / whole[pivoted.order[j]]));
            // NaN, of a column that is 0, loses every comparison.
            let (j, share) = best.fold((k, 0.0), |best, next| if next.1 > best.1 { next } else { best });
            // What a column of ones leaves of a constant column is dust, of which any share is dust too.
            let dusty = whole[pivoted.order[j]] <= CLEARLY_INDEPENDENT * norms[pivoted.order[j]];
            let clear = share > CLEARLY_INDEPENDENT && !dusty;
            if clear || left[j] > roundoff * pivoted.involved(j, norms) {
                pivoted.swap(k, j);
                pivoted.reflect();
                left.clear();
            } else {
                candidates -= 1;
                pivoted.swap(j, candidates);
                left.swap(j, candidates);
            }
        }
        pivoted
    }

    fn swap(&mut self, i: usize, j: usize) {
        self.columns.swap(i, j);
        self.order.swap(i, j);
    }

    /// `‖xⱼ‖ + Σ |vₗ|‖xₗ‖` where column j is Σ vₗ xₗ of the columns already taken and a remainder. The column
    /// of ones is exact.
    fn involved(&self, j: usize, norms: &[f64]) -> f64 {
        let mut rest: Vec<f64> = self.columns[j][..self.rank].iter().map(|v| v.value()).collect();
        let mut sum = norms[self.order[j]];
        for l in (0..self.rank).rev() {
            let factor = rest[l] / self.columns[l][l].value();
            rest[..l].iter_mut().zip(&self.columns[l]).for_each(|(r, c)| *r -= factor * c.value());
            if self.layout.ones == 0 || self.order[l] != 0 {
                sum += factor.abs() * norms[self.order[l]];
            }
        }
        sum
    }

    /// Takes column `rank` as the next pivot.
    fn reflect(&mut self) {
        let k = self.rank;
        self.rank += 1;
        let (taken, rest) = self.columns.split_at_mut(k + 1);
        let pivot = &mut taken[k];
        let below: Dd = pivot[k + 1..].iter().map(|v| *v * *v).sum();
        if below.hi == 0.0 {
            return;
        }
        let alpha = pivot[k];
        let norm = (alpha * alpha + below).sqrt();
        let beta = if alpha.hi > 0.0 { -norm } else { norm };
        pivot[k] = alpha - beta;
        let tau = Dd::from(2.0) / (pivot[k] * pivot[k] + below);
        for column in rest {
            let product: Dd = pivot[k..].iter().zip(&column[k..]).map(|(v, a)| *v * *a).sum();
            let step = product * tau;
            column[k..].iter_mut().zip(&pivot[k..]).for_each(|(a, v)| *a -= step * *v);
        }
        pivot[k] = beta;
        pivot[k + 1..].fill(Dd::ZERO);
    }

    /// Squared lengths of the rows of `R⁻¹`, by position: the diagonal of `(RᵀR)⁻¹`.
    fn inverse_rows(&self) -> Vec<f64> {
        let mut squares = vec![0.0; self.rank];
        for target in 0..self.rank {
            // Column `target` of the inverse, from its diagonal up.
            let mut rest = vec![Dd::ZERO; target + 1];
            rest[target] = Dd::ONE;
            for l in (0..=target).rev() {
                let value = rest[l] / self.columns[l][l];
                rest[..l].iter_mut().zip(&self.columns[l]).for_each(|(r, c)| *r -= value * *c);
                squares[l] += value.value() * value.value();
            }
        }
        squares
    }

    fn bound(&self, system: &System, total: f64, gamma: f64) -> Option<Bound> {
        let Layout { ones, size, .. } = self.layout;
        let inverse = self.inverse_rows();
        let lengths = self.order.iter().map(|&j| self.lengths[j]);
        let scaled: f64 = lengths.zip(&inverse).map(|(length, square)| length * length * square).sum();
        let theta = 2.0 * (size as f64 * scaled).sqrt() * gamma;
        if theta.is_nan() || theta > LARGEST_THETA {
            return None;
        }
        let (mut gaps, mut nominal) = (Vec::new(), 0.0);
        for (k, objective) in system.objectives.iter().enumerate() {
            let explained = length(&self.columns[size + k][..self.rank]);
            let whole = (2.0 * total * objective).sqrt();
            let upper = explained * (1.0 + 16.0 * UNIT_ROUNDOFF) + theta * whole;
            nominal += 0.5 * explained * (explained / total);
            gaps.push(0.5 * upper * (upper / total));
        }
        let dependent = size - self.rank;
        let shape = if dependent == 0 {
            let mut by_column = vec![0.0; size];
            let slack = total / (1.0 - theta) / (1.0 - theta);
            self.order.iter().zip(&inverse).for_each(|(&j, square)| by_column[j] = slack * square);
            let units = by_column[ones..].iter().zip(&system.unit);
            let inverse: Vec<f64> = units.map(|(square, unit)| square / unit / unit).collect();
            Shape {
                inverse_intercept: Some(if ones == 1 { by_column[0] } else { 0.0 }),
                inverse_norm: Some(inverse.iter().sum()),
                inverse: Some(inverse),
            }
        } else {
            Shape::default()
        };
        let finite = gaps.iter().all(|gap: &f64| gap.is_finite());
        finite.then_some(Bound { method: Method::Orthogonal, gaps, nominal, dependent, shape })
    }
}

fn length(values: &[Dd]) -> f64 {
    values.iter().map(|v| *v * *v).sum::<Dd>().value().sqrt()
}

/// Σ a b, both in double-double, compensated in lanes.
#[inline(always)]
fn dot(a: (&[f64], &[f64]), b: (&[f64], &[f64])) -> Dd {
    let (mut sum_hi, mut sum_lo) = ([0.0; LANES], [0.0; LANES]);
    let (a_hi, a_hi_rest) = a.0.as_chunks::<LANES>();
    let (a_lo, a_lo_rest) = a.1.as_chunks::<LANES>();
    let (b_hi, b_hi_rest) = b.0.as_chunks::<LANES>();
    let (b_lo, b_lo_rest) = b.1.as_chunks::<LANES>();
    for ((a_hi, a_lo), (b_hi, b_lo)) in a_hi.iter().zip(a_lo).zip(b_hi.iter().zip(b_lo)) {
        for l in 0..LANES {
            let product = Dd::product(a_hi[l], b_hi[l]);
            let cross = a_hi[l].mul_add(b_lo[l], a_lo[l] * b_hi[l]);
            let sum = Dd::sum(sum_hi[l], product.hi);
            sum_hi[l] = sum.hi;
            sum_lo[l] += sum.lo + (product.lo + cross);
        }
    }
    let lanes = sum_hi.iter().zip(&sum_lo).map(|(hi, lo)| Dd::new(*hi, *lo));
    let rest_a = a_hi_rest.iter().zip(a_lo_rest).map(|(hi, lo)| Dd { hi: *hi, lo: *lo });
    let rest_b = b_hi_rest.iter().zip(b_lo_rest).map(|(hi, lo)| Dd { hi: *hi, lo: *lo });
    lanes.chain(rest_a.zip(rest_b).map(|(a, b)| a * b)).fold(Dd::ZERO, |sum, term| sum + term)
}

/// a −= step · v.
#[inline(always)]
fn subtract(a_hi: &mut [f64], a_lo: &mut [f64], step: Dd, v: (&[f64], &[f64])) {
    for ((hi, lo), (v_hi, v_lo)) in a_hi.iter_mut().zip(a_lo.iter_mut()).zip(v.0.iter().zip(v.1)) {
        let product = Dd::product(*v_hi, step.hi);
        let cross = v_hi.mul_add(step.lo, v_lo * step.hi);
        let sum = Dd::sum(*hi, -product.hi);
        let tail = sum.lo + (*lo - (product.lo + cross));
        *hi = sum.hi + tail;
        *lo = tail - (*hi - sum.hi);
    }
}
