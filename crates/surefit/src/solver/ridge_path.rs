//! Ridge regression for many penalties at once, with the exact leave-one-out error of each.
//!
//! With the eigendecomposition `XcᵀXc = V diag(e) Vᵀ` of the centred, weighted rows and `Z = Xc V`, the answer for
//! μ = Sλ is `w = V (Vᵀ Xcᵀ yc) / (e + μ)`, the leverage of row i is `hᵢ = 1/S + Σₖ z²ᵢₖ / (eₖ + μ)`, and leaving out one
//! copy of row i (a row of frequency weight s is s copies) leaves the error `rᵢ / (1 − hᵢ)` on it, rᵢ being the
//! residual (Golub, Heath and Wahba, Technometrics 21, 1979; Allen's PRESS). A row of precision s is left out as a
//! whole, which leaves `rᵢ / (1 − s hᵢ)`. The total penalty Sλ stays as it is when something is left out.
//!
//! For K penalties the leverages and residuals of a block of rows are products of its z² and z with the d × K
//! matrix 1/(eₖ + μₗ): about 3nd² + 4ndK operations in all, in two walks.

use super::exact::{ROOM, total_root};
use crate::data::moments::{Extent, Standard, centre, exponent_of, power_of_two, scale_by};
use crate::data::{Block, DataError, Rows, map_reduce};
use crate::error::{Error, Result};
use crate::inference::WeightType;
use crate::num::simd::vectorised;
use crate::num::{Dd, UNIT_ROUNDOFF, dense};
use crate::problem::{Coefficients, Intercept, Problem};
use faer::{Mat, MatMut, MatRef};

/// The answers for a list of penalties.
#[derive(Clone, Debug)]
pub struct RidgePath {
    /// As given.
    pub penalties: Vec<f64>,
    /// One set of coefficients a penalty.
    pub coefficients: Vec<Coefficients>,
    /// The mean squared leave-one-out error over rows (by weight) and outputs; infinite where a row alone
    /// determines a coefficient.
    pub loo_error: Vec<f64>,
    /// Index of the smallest leave-one-out error; of the largest penalty among equals.
    pub best: usize,
}

/// Fits the problem for each of the penalties; the problem's own λ is not looked at, its factors are. What a weight
/// means decides what is left out of its row.
///
/// # Errors
/// When the loss is not the squared one, there is no penalty, one is below 0 or not finite, or the list holds 0
/// and columns depend on each other; when nothing is left without one of the rows; when the rows can no longer be read, none has a weight, or `watch` says no.
pub fn ridge_path(
    rows: &dyn Rows,
    problem: &Problem,
    (penalties, weights): (&[f64], WeightType),
    watch: &dyn Fn() -> bool,
) -> Result<RidgePath> {
    problem.loss.require_squared("the choice of a penalty by leave-one-out error")?;
    check(penalties)?;
    let wide = rows.shape().columns > rows.shape().rows;
    let moments = Standard::of(rows, if wide { Extent::Squares } else { Extent::Products })?;
    moments.check()?;
    if !watch() {
        return Err(Error::Interrupted);
    }
    let largest = penalties.iter().copied().fold(0.0, f64::max);
    let frame = Frame::of(problem, &moments, largest)?;
    let spectrum =
        if wide { Spectrum::of_rows(rows, &frame)? } else { Spectrum::of_moments(&moments, &frame)? };
    if !watch() {
        return Err(Error::Interrupted);
    }
    let mu: Vec<f64> = penalties.iter().map(|lambda| frame.penalty(&moments, *lambda)).collect();
    spectrum.check(&mu, frame.columns())?;
    let resolvent = Mat::from_fn(spectrum.values.len(), mu.len(), |k, l| 1.0 / (spectrum.values[k] + mu[l]));
    let loo_error = leave_one_out(rows, (&moments, weights), &frame, &spectrum, resolvent.as_ref())?;
    if loo_error.iter().all(|error| error.is_infinite()) {
        let who = match rows.shape().rows {
            1 => "without the only row nothing is left".to_owned(),
            rows => format!("without any one of the {rows} rows too little is left"),
        };
        return Err(Error::Usage {
            what: format!(
                "leave-one-out has no error for any of {} penalties: {who} to fit",
                penalties.len()
            ),
            hint: "give one penalty, as in `--penalty 0.1`, or more rows".to_owned(),
        });
    }
    let coefficients = (0..mu.len())
        .map(|l| spectrum.coefficients(&moments, &frame, resolvent.as_ref().subcols(l, 1)))
        .collect::<Result<Vec<_>>>()?;
    let mut best = 0;
    for (k, error) in loo_error.iter().enumerate() {
        let tie = error.to_bits() == loo_error[best].to_bits() && penalties[k] > penalties[best];
        if *error < loo_error[best] || tie {
            best = k;
        }
    }
    Ok(RidgePath { penalties: penalties.to_vec(), coefficients, loo_error, best })
}

fn check(penalties: &[f64]) -> Result<()> {
    let bad = penalties.iter().find(|lambda| !lambda.is_finite() || **lambda < 0.0);
    if penalties.is_empty() || bad.is_some() {
        return Err(Error::Usage {
            what: match bad {
                Some(lambda) => format!("a penalty is a finite number not below 0, not {lambda}"),
                None => "a path needs at least one penalty".to_owned(),
            },
            hint: "give a range such as `--penalty 1e-4..1e2:100`".to_owned(),
        });
    }
    Ok(())
}

/// How rows enter: `(x − origin) · 2^−exponent / √factor`, a further column for a penalised intercept, and
/// `(y − origin) · 2^−exponent`. One exponent for all columns, so that a penalty stays one number.
struct Frame {
    intercept: Intercept,
    d: usize,
    c: usize,
    /// d + c.
    origin: Vec<f64>,
    /// Of the columns.
    exponent: i32,
    /// c, of the targets.
    target_exponent: Vec<i32>,
    /// d: 1/√factor.
    scale: Vec<f64>,
}

impl Frame {
    /// In units in which the squares of the columns and the largest penalty are in range.
    fn of(problem: &Problem, moments: &Standard, largest: f64) -> Result<Self> {
        let (d, c) = (moments.shape.columns, moments.shape.outputs);
        let factors = problem.penalty.factors.clone().unwrap_or_else(|| vec![1.0; d]);
        if factors.len() != d || factors.iter().any(|factor| !factor.is_finite() || *factor <= 0.0) {
            return Err(Error::Usage {
                what: "a path of penalties needs a factor above 0 for every column".to_owned(),
                hint: "fit one penalty at a time, or penalise every column".to_owned(),
            });
        }
        let free = problem.intercept == Intercept::Free;
        Ok(Self {
            intercept: problem.intercept,
            d,
            c,
            origin: moments.mean.iter().map(|mean| if free { *mean } else { 0.0 }).collect(),
            exponent: moments.exponent[..d]
                .iter()
                .copied()
                .fold(exponent_of(total_root(moments.total_weight, largest).value()) - ROOM, i32::max),
            target_exponent: moments.exponent[d..].to_vec(),
            scale: factors.iter().map(|factor| 1.0 / factor.sqrt()).collect(),
        })
    }

    /// Columns of a framed row.
    fn columns(&self) -> usize {
        self.d + usize::from(self.intercept == Intercept::Penalized)
    }

    /// The entry of the further column.
    fn one(&self) -> f64 {
        power_of_two(-self.exponent)
    }

    /// Sλ in these units.
    fn penalty(&self, moments: &Standard, lambda: f64) -> f64 {
        let root = scale_by(total_root(moments.total_weight, lambda).value(), -self.exponent);
        root * root
    }

    /// Writes `count` rows of a block, unweighted, into the columns and targets of `rows`.
    fn write(&self, block: Block<'_>, first: usize, count: usize, mut rows: MatMut<'_, f64>) {
        let p = self.columns();
        let weights = block.weights.map(|weights| &weights[first..first + count]);
        // Ones and zeros: a row of weight 0 becomes a row of zeros.
        let present: Option<Vec<f64>> =
            weights.map(|weights| weights.iter().map(|s| f64::from(u8::from(*s > 0.0))).collect());
        for j in 0..self.d {
            let low = block.x_low.map(|low| low.col(j).subrows(first, count));
            let mut target = rows.as_mut().col_mut(j);
            let place = (self.origin[j], self.exponent);
            centre(
                block.x.col(j).subrows(first, count),
                low,
                present.as_deref(),
                place,
                false,
                target.as_mut(),
            );
            if self.scale[j].to_bits() != 1f64.to_bits() {
                target *= faer::Scale(self.scale[j]);
            }
        }
        if p > self.d {
            rows.as_mut().col_mut(self.d).fill(self.one());
        }
        for k in 0..self.c {
            let place = (self.origin[self.d + k], self.target_exponent[k]);
            let target = rows.as_mut().col_mut(p + k);
            centre(block.y.col(k).subrows(first, count), None, present.as_deref(), place, false, target);
        }
    }
}

/// The eigendecomposition of the framed rows' products.
struct Spectrum {
    /// r eigenvalues.
    values: Vec<f64>,
    /// p × r.
    vectors: Mat<f64>,
    /// r × c: the targets' products in the same basis.
    right: Mat<f64>,
}

impl Spectrum {
    /// From the moments: p ≤ n.
    fn of_moments(moments: &Standard, frame: &Frame) -> Result<Self> {
        let (d, c, p) = (frame.d, frame.c, frame.columns());
        let weight = if frame.intercept == Intercept::Free { 0.0 } else { moments.total_weight };
        let mean: Vec<f64> = (0..d + c).map(|j| scale_by(moments.mean[j], -moments.exponent[j])).collect();
        let unit: Vec<f64> =
            (0..d).map(|j| scale_by(frame.scale[j], moments.exponent[j] - frame.exponent)).collect();
        let entry = |i: usize, j: usize| moments.products[(i, j)] + weight * mean[i] * mean[j];
        let one = frame.one();
        let gram = Mat::from_fn(p, p, |i, j| match (i.max(j), i.min(j)) {
            (i, j) if i < d => entry(i, j) * unit[i] * unit[j],
            (_, j) if j < d => moments.total_weight * mean[j] * unit[j] * one,
            _ => moments.total_weight * one * one,
        });
        let cross = Mat::from_fn(p, c, |j, k| {
            if j < d { entry(d + k, j) * unit[j] } else { moments.total_weight * mean[d + k] * one }
        });
        let (values, vectors) = dense::symmetric_eigen(gram.as_ref()).ok_or(DataError::OutOfRange)?;
        let right = dense::product(vectors.as_ref().transpose(), cross.as_ref());
        Ok(Self { values: values.into_iter().map(|e| e.max(0.0)).collect(), vectors, right })
    }

    /// From the rows' inner products: p > n. `AAᵀ = U diag(e) Uᵀ`, V = AᵀU/√e.
    fn of_rows(rows: &dyn Rows, frame: &Frame) -> Result<Self> {
        let (n, c, p) = (rows.shape().rows, frame.c, frame.columns());
        let mut all = Mat::zeros(n, p + c);
        for block in rows.blocks() {
            let block = block?;
            let block = block.view();
            let count = block.x.nrows();
            let mut place = all.as_mut().subrows_mut(block.first, count);
            let mut part = Mat::zeros(count, p + c);
            frame.write(block, 0, count, part.as_mut());
            for (i, weight) in block.weights.iter().flat_map(|weights| weights.iter().enumerate()) {
                (0..p + c).for_each(|j| part[(i, j)] *= weight.sqrt());
            }
            place.copy_from(&part);
        }
        let (a, t) = all.as_ref().split_at_col(p);
        let kernel = dense::product(a, a.transpose());
        let (values, u) = dense::symmetric_eigen(kernel.as_ref()).ok_or(DataError::OutOfRange)?;
        let top = values.last().copied().unwrap_or(0.0);
        let kept: Vec<usize> = (0..n).filter(|k| values[*k] > 4.0 * n as f64 * UNIT_ROUNDOFF * top).collect();
        let u = Mat::from_fn(n, kept.len(), |i, k| u[(i, kept[k])]);
        let values: Vec<f64> = kept.iter().map(|k| values[*k]).collect();
        let mut vectors = dense::product(a.transpose(), u.as_ref());
        let mut right = dense::product(u.as_ref().transpose(), t);
        for (k, value) in values.iter().enumerate() {
            vectors.as_mut().col_mut(k).iter_mut().for_each(|v| *v /= value.sqrt());
            right.as_mut().row_mut(k).iter_mut().for_each(|v| *v *= value.sqrt());
        }
        Ok(Self { values, vectors, right })
    }

    /// Refuses a penalty of 0 where columns depend on each other.
    fn check(&self, mu: &[f64], columns: usize) -> Result<()> {
        let top = self.values.iter().copied().fold(0.0, f64::max);
        let low = self.values.iter().copied().fold(f64::INFINITY, f64::min);
        let independent = self.values.len() == columns && low > 1e3 * columns as f64 * UNIT_ROUNDOFF * top;
        let smallest = mu.iter().copied().fold(f64::INFINITY, f64::min);
        if columns == 0 || independent || smallest > 0.0 {
            return Ok(());
        }
        Err(Error::Usage {
            what: "penalty 0 has no single best fit here: the columns depend on each other".to_owned(),
            hint: "start the path above 0".to_owned(),
        })
    }

    /// The answer for one column of the resolvent, in the user's units.
    fn coefficients(
        &self,
        moments: &Standard,
        frame: &Frame,
        resolvent: MatRef<'_, f64>,
    ) -> Result<Coefficients> {
        let (d, c) = (frame.d, frame.c);
        let inner = Mat::from_fn(self.values.len(), c, |k, o| self.right[(k, o)] * resolvent[(k, 0)]);
        let v = dense::product(self.vectors.as_ref(), inner.as_ref());
        let unit = |o: usize| frame.target_exponent[o] - frame.exponent;
        let weights = Mat::from_fn(d, c, |j, o| scale_by(v[(j, o)] * frame.scale[j], unit(o)));
        let intercept: Vec<f64> = (0..c)
            .map(|o| match frame.intercept {
                Intercept::Absent => 0.0,
                Intercept::Penalized => scale_by(v[(d, o)], unit(o)),
                Intercept::Free => {
                    let below: Dd = (0..d).map(|j| Dd::product(moments.mean[j], weights[(j, o)])).sum();
                    (-below + moments.mean[d + o]).value()
                }
            })
            .collect();
        let finite = (0..c).all(|o| intercept[o].is_finite() && (0..d).all(|j| weights[(j, o)].is_finite()));
        if finite { Ok(Coefficients { weights, intercept }) } else { Err(DataError::OutOfRange.into()) }
    }
}

/// Rows worked on at once.
const SLICE: usize = 256;

/// The mean squared leave-one-out error for every column of the resolvent, in the user's units.
fn leave_one_out(
    rows: &dyn Rows,
    (moments, weights): (&Standard, WeightType),
    frame: &Frame,
    spectrum: &Spectrum,
    resolvent: MatRef<'_, f64>,
) -> Result<Vec<f64>> {
    let (c, count) = (frame.c, resolvent.ncols());
    let map = |block: Block<'_>| {
        let mut sums = vec![0.0; count * c];
        for first in (0..block.x.nrows()).step_by(SLICE) {
            let size = SLICE.min(block.x.nrows() - first);
            add_slice(block, (first, size), (moments, weights), frame, spectrum, resolvent, &mut sums);
        }
        sums
    };
    let mut total = vec![0.0; count * c];
    map_reduce(rows, map, |sums| total.iter_mut().zip(sums).for_each(|(to, from)| *to += from))?;
    Ok((0..count)
        .map(|l| {
            let mean = |k: usize| total[k * count + l] / moments.total_weight / c as f64;
            let unit =
                |k: usize| scale_by(scale_by(mean(k), frame.target_exponent[k]), frame.target_exponent[k]);
            (0..c).map(unit).sum::<f64>()
        })
        .map(|error| if error.is_nan() { f64::INFINITY } else { error })
        .collect())
}

/// Adds the squared leave-one-out errors of some rows of a block.
fn add_slice(
    block: Block<'_>,
    (first, size): (usize, usize),
    (moments, weight_type): (&Standard, WeightType),
    frame: &Frame,
    spectrum: &Spectrum,
    resolvent: MatRef<'_, f64>,
    sums: &mut [f64],
) {
    let (p, c, count) = (frame.columns(), frame.c, resolvent.ncols());
    let mut framed = Mat::zeros(size, p + c);
    frame.write(block, first, size, framed.as_mut());
    let (a, t) = framed.as_ref().split_at_col(p);
    let z = dense::product(a, spectrum.vectors.as_ref());
    let mut work = z.clone();
    for column in work.as_mut().col_iter_mut() {
        column.iter_mut().for_each(|v| *v *= *v);
    }
    let leverage = dense::product(work.as_ref(), resolvent);
    let base = if frame.intercept == Intercept::Free { 1.0 / moments.total_weight } else { 0.0 };
    let ones = vec![1.0; size];
    let weights = block.weights.map_or(ones.as_slice(), |weights| &weights[first..first + size]);
    // Of a row the weight that is left out.
    let most = if weight_type == WeightType::Frequency { 1.0 } else { f64::INFINITY };
    for k in 0..c {
        for (m, column) in work.as_mut().col_iter_mut().enumerate() {
            let factor = spectrum.right[(m, k)];
            column.iter_mut().zip(z.col(m).iter()).for_each(|(to, from)| *to = from * factor);
        }
        let fitted = dense::product(work.as_ref(), resolvent);
        for l in 0..count {
            let columns = (
                leverage.col(l).try_as_col_major(),
                fitted.col(l).try_as_col_major(),
                t.col(k).try_as_col_major(),
            );
            if let (Some(leverage), Some(fitted), Some(target)) = columns {
                let (leverage, fitted, target) = (leverage.as_slice(), fitted.as_slice(), target.as_slice());
                sums[k * count + l] += squared_errors(leverage, fitted, target, weights, (base, most));
            }
        }
    }
}

vectorised! {
/// Σ s (r / (1 − ω h))², ω = min(most, s) being the weight that is left out.
fn squared_errors<'a>(
    leverage: &'a [f64],
    fitted: &'a [f64],
    target: &'a [f64],
    weights: &'a [f64],
    more: (f64, f64),
) -> f64 {
    const LANES: usize = 8;
    let (base, most) = more;
    let error = |h: f64, fitted: f64, target: f64, s: f64| {
        let copy = if s < most { s } else { most };
        let left = 1.0 - copy * (h + base);
        // A row that alone determines a coefficient has no leave-one-out error.
        let left = if left > 4.0 * UNIT_ROUNDOFF { left } else { 0.0 };
        let error = (target - fitted) / left;
        if s > 0.0 { s * error * error } else { 0.0 }
    };
    let mut sums = [0.0; LANES];
    let (h, h_rest) = leverage.as_chunks::<LANES>();
    let (f, f_rest) = fitted.as_chunks::<LANES>();
    let (t, t_rest) = target.as_chunks::<LANES>();
    let (s, s_rest) = weights.as_chunks::<LANES>();
    for (((h, f), t), s) in h.iter().zip(f).zip(t).zip(s) {
        for k in 0..LANES {
            sums[k] += error(h[k], f[k], t[k], s[k]);
        }
    }
    let rest = h_rest.iter().zip(f_rest).zip(t_rest).zip(s_rest);
    sums.iter().sum::<f64>() + rest.map(|(((h, f), t), s)| error(*h, *f, *t, *s)).sum::<f64>()
}
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use crate::data::Design;
    use crate::problem::{LossKind, Ridge};
    use crate::solver::exact::solve;

    fn sample(n: usize, d: usize, c: usize, weighted: bool) -> Design {
        let mut state = 99u64;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 40) as f64 / 8_388_608.0 - 1.0
        };
        let x = Mat::from_fn(n, d, |_, j| next() * (j + 1) as f64 + 3.0);
        let y = Mat::from_fn(n, c, |i, _| x[(i, 0)] + next());
        let weights = weighted.then(|| (0..n).map(|i| [1.0, 2.0, 0.0, 0.5][i % 4]).collect());
        Design { x, x_low: None, y, weights }
    }

    fn problem(lambda: f64, intercept: Intercept, factors: Option<Vec<f64>>) -> Problem {
        Problem { loss: LossKind::Squared, penalty: Ridge { lambda, factors }, intercept }
    }

    /// Every row left out in turn, one copy of it or as a whole, and everything fitted anew, the total penalty kept.
    fn refitted(design: &Design, problem: &Problem, weight_type: WeightType) -> f64 {
        let (n, c) = (design.x.nrows(), design.y.ncols());
        let weights = design.weights.clone().unwrap_or_else(|| vec![1.0; n]);
        let total: f64 = weights.iter().sum();
        let mut sum = 0.0;
        for i in (0..n).filter(|i| weights[*i] > 0.0) {
            let copy = match weight_type {
                WeightType::Frequency => weights[i].min(1.0),
                WeightType::Precision => weights[i],
            };
            let mut less = design.clone();
            let mut left = weights.clone();
            left[i] -= copy;
            less.weights = Some(left);
            let mut kept = problem.clone();
            kept.penalty.lambda *= total / (total - copy);
            let answer = solve(&less, &kept, &|| true).unwrap().candidate.coefficients;
            for k in 0..c {
                let scores: f64 =
                    (0..design.x.ncols()).map(|j| design.x[(i, j)] * answer.weights[(j, k)]).sum();
                sum += weights[i] * (design.y[(i, k)] - scores - answer.intercept[k]).powi(2);
            }
        }
        sum / total / c as f64
    }

    #[test]
    fn leave_one_out_errors_match_refitting_without_each_row() {
        let penalties = [1e-3, 0.1, 5.0];
        for (n, d) in [(24, 4), (8, 13)] {
            for (weighted, weight_type) in
                [(false, WeightType::Frequency), (true, WeightType::Frequency), (true, WeightType::Precision)]
            {
                for intercept in [Intercept::Free, Intercept::Absent, Intercept::Penalized] {
                    // A penalised intercept counts with the total weight too; factors only elsewhere.
                    let factors = (intercept == Intercept::Free)
                        .then(|| (0..d).map(|j| 0.5 + j as f64).collect::<Vec<_>>());
                    let design = sample(n, d, 2, weighted);
                    let given = problem(0.0, intercept, factors.clone());
                    let path = ridge_path(&design, &given, (&penalties, weight_type), &|| true).unwrap();
                    for (lambda, error) in penalties.iter().zip(&path.loo_error) {
                        let own = problem(*lambda, intercept, factors.clone());
                        let want = refitted(&design, &own, weight_type);
                        assert!(
                            (error / want - 1.0).abs() < 1e-10,
                            "{n} {d} {weighted} {weight_type:?} {intercept:?} {lambda}: {error} {want}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn every_answer_of_the_path_is_that_of_its_own_fit() {
        for (n, d) in [(300, 5), (9, 14)] {
            let penalties = [1e-4, 1e-2, 1.0];
            for intercept in [Intercept::Free, Intercept::Absent, Intercept::Penalized] {
                let design = sample(n, d, 2, true);
                let path = ridge_path(
                    &design,
                    &problem(0.0, intercept, None),
                    (&penalties, WeightType::Frequency),
                    &|| true,
                )
                .unwrap();
                for (lambda, got) in penalties.iter().zip(&path.coefficients) {
                    let want = solve(&design, &problem(*lambda, intercept, None), &|| true)
                        .unwrap()
                        .candidate
                        .coefficients;
                    let scale = want.weights.norm_max();
                    assert!((&got.weights - &want.weights).norm_max() < 1e-10 * scale);
                    let apart = got.intercept.iter().zip(&want.intercept).map(|(a, b)| (a - b).abs());
                    assert!(apart.fold(0.0, f64::max) < 1e-9 * scale);
                }
            }
        }
    }

    #[test]
    fn the_best_penalty_has_the_smallest_error() {
        let penalties: Vec<f64> = (0..40).map(|k| 10f64.powf(-4.0 + 0.15 * f64::from(k))).collect();
        let path = ridge_path(
            &sample(30, 12, 1, false),
            &problem(0.0, Intercept::Free, None),
            (&penalties, WeightType::Frequency),
            &|| true,
        )
        .unwrap();
        assert!(path.loo_error.iter().all(|error| *error >= path.loo_error[path.best]));
        assert!(path.best > 0 && path.best < 39, "{:?}", path.loo_error);
    }

    #[test]
    fn penalty_zero_is_allowed_for_independent_columns_alone() {
        let mut design = sample(30, 3, 1, false);
        let plain = problem(0.0, Intercept::Free, None);
        let path = ridge_path(&design, &plain, (&[0.0], WeightType::Frequency), &|| true).unwrap();
        assert!((path.loo_error[0] / refitted(&design, &plain, WeightType::Frequency) - 1.0).abs() < 1e-11);
        (0..30).for_each(|i| design.x[(i, 2)] = 2.0 * design.x[(i, 0)]);
        assert!(ridge_path(&design, &plain, (&[0.0, 1.0], WeightType::Frequency), &|| true).is_err());
        assert!(ridge_path(&design, &plain, (&[0.5], WeightType::Frequency), &|| true).is_ok());
        assert!(ridge_path(&design, &plain, (&[], WeightType::Frequency), &|| true).is_err());
        assert!(ridge_path(&design, &plain, (&[-1.0], WeightType::Frequency), &|| true).is_err());
    }
}
