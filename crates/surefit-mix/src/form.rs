//! The problem in the form that core, search and certificate share: arrays, no names, no negative ranges.
//!
//! A range below zero becomes one above it by turning the column; a range through zero in a problem with counts
//! becomes two columns. With an equation `eᵀw = s ≠ 0` the columns become `a − t e/s` and the target 0, which
//! leaves every value where the equation holds as it is and takes away the cancellation of `‖Aw‖²` against `‖t‖²`.

use crate::core::Kind;
use crate::problem::{Distance, Problem, Range};

/// `min distance(Aw, t) + ρ‖w‖²` over `low ≤ w ≤ high` or, where optional, `w = 0`, with rows and counts.
#[derive(Clone, Debug)]
pub(crate) struct Form {
    /// What is made small.
    pub distance: Distance,
    /// Rows of `A`.
    pub m: usize,
    /// Columns.
    pub n: usize,
    /// `A`, column by column.
    pub a: Vec<f64>,
    /// `t`.
    pub t: Vec<f64>,
    /// `ρ`.
    pub ridge: f64,
    /// Least weight in use.
    pub low: Vec<f64>,
    /// Most weight.
    pub high: Vec<f64>,
    /// Whether 0 is allowed beside the range.
    pub optional: Vec<bool>,
    /// Constraints `row_low ≤ Cw ≤ row_high`, row by row.
    pub rows: Vec<f64>,
    /// Their lower limits.
    pub row_low: Vec<f64>,
    /// Their upper limits.
    pub row_high: Vec<f64>,
    /// How many inputs of a set are in use.
    pub counts: Vec<Members>,
    /// For each column its input and its sign.
    pub origin: Vec<(usize, f64)>,
    /// What the problem's objective is divided by: a power of two, so that the numbers are near 1 and keep their bits.
    pub unit: f64,
}

/// `least ≤ number of members in use ≤ most`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Members {
    /// Whether each column is a member.
    pub is_member: Vec<bool>,
    /// At least.
    pub least: usize,
    /// At most.
    pub most: usize,
}

impl Form {
    /// Brings a problem, which must be valid, into this form.
    pub(crate) fn new(problem: &Problem) -> Self {
        let origin = origins(problem);
        let n = origin.len();
        let kept: Vec<(usize, f64)> = (0..problem.target.len())
            .map(|i| (i, problem.row_weights.as_ref().map_or(1.0, |weights| weights[i])))
            .filter(|(_, weight)| *weight > 0.0)
            .map(|(i, weight)| match problem.distance {
                Distance::L2 => (i, weight.sqrt()),
                Distance::L1 => (i, weight),
                Distance::LInf => (i, 1.0),
            })
            .collect();
        let shift = equation(problem).filter(|(_, sum)| *sum != 0.0);
        let mut a = Vec::with_capacity(kept.len() * n);
        for &(input, sign) in &origin {
            let column = problem.column(input);
            let share = shift.as_ref().map_or(0.0, |(terms, sum)| terms[input] / sum);
            a.extend(kept.iter().map(|&(i, scale)| sign * scale * (column[i] - share * problem.target[i])));
        }
        let t = kept.iter().map(|&(i, scale)| if shift.is_some() { 0.0 } else { scale * problem.target[i] });
        let mut form = Self {
            distance: problem.distance,
            m: kept.len(),
            n,
            a,
            t: t.collect(),
            ridge: problem.ridge,
            low: vec![0.0; n],
            high: vec![0.0; n],
            optional: vec![false; n],
            rows: vec![0.0; n * problem.limits.len()],
            row_low: problem.limits.iter().map(|limit| limit.low).collect(),
            row_high: problem.limits.iter().map(|limit| limit.high).collect(),
            counts: Vec::new(),
            origin,
            unit: 1.0,
        };
        form.set_unit();
        form.set_ranges(problem);
        for (r, limit) in problem.limits.iter().enumerate() {
            let mut own = vec![0.0; problem.inputs.len()];
            for (input, coefficient) in &limit.terms {
                if let Some(own) = own.get_mut(*input) {
                    *own += coefficient;
                }
            }
            let row = form.rows[r * n..(r + 1) * n].iter_mut();
            row.zip(&form.origin).for_each(|(entry, (input, sign))| *entry = sign * own[*input]);
        }
        for count in &problem.counts {
            let mut is_named = vec![false; problem.inputs.len()];
            for input in &count.members {
                if let Some(is_named) = is_named.get_mut(*input) {
                    *is_named = true;
                }
            }
            let is_member = form.origin.iter().map(|(input, _)| is_named[*input]).collect();
            form.counts.push(Members { is_member, least: count.least, most: count.most });
        }
        if let (Distance::L2, Some((terms, sum))) = (problem.distance, equation(problem)) {
            form.add_equation(&terms, sum);
        }
        form
    }

    /// Divides by the power of two next to the largest number.
    fn set_unit(&mut self) {
        let greatest = self.a.iter().chain(&self.t).fold(0.0_f64, |most, x| most.max(x.abs()));
        if greatest < f64::MIN_POSITIVE {
            return;
        }
        let unit = greatest.log2().floor().clamp(-1000.0, 1000.0).exp2();
        self.a.iter_mut().chain(&mut self.t).for_each(|x| *x /= unit);
        self.unit = if self.distance == Distance::L2 { unit * unit } else { unit };
        self.ridge /= self.unit;
    }

    fn set_ranges(&mut self, problem: &Problem) {
        for j in 0..self.n {
            let (input, sign) = self.origin[j];
            let Range { low, high, optional } = problem.ranges[input];
            let (low, high) = if sign > 0.0 { (low, high) } else { (-high, -low) };
            let through_zero = low < 0.0 && high > 0.0;
            let in_two = through_zero && self.origin.iter().filter(|origin| origin.0 == input).count() == 2;
            // + 0.0: no negative zeros.
            (self.low[j], self.high[j]) = if in_two { (0.0, high + 0.0) } else { (low + 0.0, high + 0.0) };
            // A range with 0 in it is no less a range with a hole: what matters is whether use is counted.
            self.optional[j] = if low <= 0.0 && high >= 0.0 {
                high > 0.0 && (in_two || (!through_zero && is_counted(problem, input)))
            } else {
                optional
            };
        }
    }

    /// One more row, `√M (eᵀw − s)`: it is zero where the equation holds, and gives the form curvature elsewhere,
    /// so that the diagonal can be larger.
    fn add_equation(&mut self, terms: &[f64], sum: f64) {
        let greatest = (0..self.n).map(|j| dot(self.column(j), self.column(j))).fold(0.0, f64::max);
        let scale = if greatest > 0.0 { greatest.sqrt() } else { 1.0 };
        let m = self.m + 1;
        let mut a = Vec::with_capacity(m * self.n);
        for j in 0..self.n {
            a.extend_from_slice(self.column(j));
            let (input, sign) = self.origin[j];
            a.push(scale * sign * terms[input]);
        }
        self.t.push(scale * sum);
        (self.m, self.a) = (m, a);
    }

    /// Moves the limits of the rows apart by less than they may be missed by: where they leave a single point, or all
    /// but one by rounding, there is room for the path of optima. What is proven of the wider form holds for this one.
    pub(crate) fn widen(&mut self) {
        const ROOM: f64 = 1e-2 * ROUNDING;
        for r in 0..self.q() {
            let reach = |j: usize| {
                let end = [self.low[j], self.high[j]].into_iter().filter(|end| end.is_finite());
                end.fold(0.0_f64, |most, end| most.max(end.abs()))
            };
            let size: f64 = (0..self.n).map(|j| (self.row(r)[j] * reach(j)).abs()).sum();
            let room = ROOM * (1.0 + size);
            self.row_low[r] -= room;
            self.row_high[r] += room;
        }
    }

    /// A row for each count: an input that is used at all uses at least its share of its greatest weight.
    pub(crate) fn add_count_rows(&mut self) {
        for k in 0..self.counts.len() {
            let count = &self.counts[k];
            let share =
                |j: usize| if count.is_member[j] && self.high[j] > 0.0 { 1.0 / self.high[j] } else { 0.0 };
            let row: Vec<f64> = (0..self.n).map(share).collect();
            self.row_high.push(count.most as f64);
            self.rows.extend(row);
            self.row_low.push(f64::NEG_INFINITY);
        }
    }

    /// Column `j` of `A`.
    #[inline(always)]
    pub(crate) fn column(&self, j: usize) -> &[f64] {
        &self.a[j * self.m..][..self.m]
    }

    /// Row `r` of the constraints.
    pub(crate) fn row(&self, r: usize) -> &[f64] {
        &self.rows[r * self.n..][..self.n]
    }

    /// The number of rows of constraints.
    pub(crate) fn q(&self) -> usize {
        self.row_low.len()
    }

    /// What is decided from the start.
    pub(crate) fn decisions(&self) -> Vec<Kind> {
        let kind = |j: usize| match (self.optional[j], self.low[j], self.high[j]) {
            (true, ..) => Kind::Open,
            (false, 0.0, 0.0) => Kind::Out,
            _ => Kind::In,
        };
        (0..self.n).map(kind).collect()
    }

    /// The same with only the columns in `live`; the others are zero.
    pub(crate) fn only(&self, live: &[usize]) -> Self {
        let pick = |values: &[f64]| live.iter().map(|&j| values[j]).collect::<Vec<_>>();
        Self {
            distance: self.distance,
            m: self.m,
            n: live.len(),
            a: live.iter().flat_map(|&j| self.column(j)).copied().collect(),
            t: self.t.clone(),
            ridge: self.ridge,
            low: pick(&self.low),
            high: pick(&self.high),
            optional: live.iter().map(|&j| self.optional[j]).collect(),
            rows: (0..self.q()).flat_map(|r| pick(self.row(r))).collect(),
            row_low: self.row_low.clone(),
            row_high: self.row_high.clone(),
            counts: self
                .counts
                .iter()
                .map(|count| Members {
                    is_member: live.iter().map(|&j| count.is_member[j]).collect(),
                    ..*count
                })
                .collect(),
            origin: live.iter().map(|&j| self.origin[j]).collect(),
            unit: self.unit,
        }
    }

    /// The objective at `w`.
    pub(crate) fn objective(&self, w: &[f64]) -> f64 {
        let mut residual: Vec<f64> = self.t.iter().map(|t| -t).collect();
        for (j, &w) in w.iter().enumerate().filter(|(_, w)| **w != 0.0) {
            residual.iter_mut().zip(self.column(j)).for_each(|(r, a)| *r += w * a);
        }
        match self.distance {
            Distance::L2 => dot(&residual, &residual) + self.ridge * dot(w, w),
            Distance::L1 => residual.iter().map(|r| r.abs()).sum(),
            Distance::LInf => residual.iter().fold(0.0, |most, r| r.abs().max(most)),
        }
    }

    /// Above the objective of every mix.
    pub(crate) fn most(&self) -> f64 {
        let norm = |values: &[f64]| match self.distance {
            Distance::L2 => dot(values, values).sqrt(),
            Distance::L1 => values.iter().map(|x| x.abs()).sum(),
            Distance::LInf => values.iter().fold(0.0_f64, |most, x| most.max(x.abs())),
        };
        let weight = |j: usize| self.low[j].abs().max(self.high[j].abs());
        let reach = norm(&self.t) + (0..self.n).map(|j| weight(j) * norm(self.column(j))).sum::<f64>();
        let ridge = self.ridge * (0..self.n).map(|j| weight(j).powi(2)).sum::<f64>();
        let most = if self.distance == Distance::L2 { reach * reach + ridge } else { reach };
        2.0 * most + 1.0
    }

    /// Whether weights keep every range, row and count, but for rounding.
    pub(crate) fn allows(&self, w: &[f64]) -> bool {
        let ranges = (0..self.n).all(|j| {
            let (low, high) = (self.low[j], self.high[j]);
            let room = ROUNDING * (1.0 + low.abs().max(high.abs()));
            (self.optional[j] && w[j] == 0.0) || (w[j] >= low - room && w[j] <= high + room)
        });
        let rows = (0..self.q()).all(|r| {
            let (mut sum, mut scale) = (0.0, 1.0);
            for (c, w) in self.row(r).iter().zip(w) {
                sum += c * w;
                scale += (c * w).abs();
            }
            sum >= self.row_low[r] - ROUNDING * scale && sum <= self.row_high[r] + ROUNDING * scale
        });
        let counts = self.counts.iter().all(|count| {
            let used =
                w.iter().zip(&count.is_member).filter(|(w, is_member)| **is_member && **w != 0.0).count();
            used >= count.least && used <= count.most
        });
        ranges && rows && counts
    }

    /// Weights of the problem's inputs.
    pub(crate) fn weights(&self, w: &[f64], inputs: usize) -> Vec<f64> {
        let mut weights = vec![0.0; inputs];
        for (&(input, sign), &w) in self.origin.iter().zip(w) {
            weights[input] += sign * w;
        }
        weights
    }
}

/// By how much a limit may be missed: rounding of sums of weights.
pub(crate) const ROUNDING: f64 = 1e-9;

/// The columns: inputs and signs.
fn origins(problem: &Problem) -> Vec<(usize, f64)> {
    let mut origin = Vec::with_capacity(problem.inputs.len());
    for (input, range) in problem.ranges.iter().enumerate() {
        if range.low < 0.0 && range.high > 0.0 && is_counted(problem, input) {
            origin.extend([(input, 1.0), (input, -1.0)]);
        } else {
            origin.push((input, if range.high <= 0.0 && range.low < 0.0 { -1.0 } else { 1.0 }));
        }
    }
    origin
}

fn is_counted(problem: &Problem, input: usize) -> bool {
    problem.counts.iter().any(|count| count.members.contains(&input))
}

/// The equation that reaches most inputs: its coefficients and its sum.
fn equation(problem: &Problem) -> Option<(Vec<f64>, f64)> {
    let limit = problem
        .limits
        .iter()
        .filter(|limit| limit.low == limit.high && !limit.terms.is_empty())
        .max_by_key(|limit| limit.terms.len())?;
    let mut terms = vec![0.0; problem.inputs.len()];
    for &(j, value) in &limit.terms {
        terms[j] += value;
    }
    Some((terms, limit.low))
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}
