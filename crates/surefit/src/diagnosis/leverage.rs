//! SF207: a few rows decide the fit.
//!
//! Test: leverage hᵢᵢ = sᵢ (1/Σs + (xᵢ − x̄)ᵀ S⁻¹ (xᵢ − x̄)) of at least ½ (Huber, "Robust Statistics", 1981, section 7.2:
//! such a row determines its own prediction) and of three times the average, or where rows are too few for that, of all
//! but a hundredth of what the average leaves to 1; or one row with at least half of the squared
//! residuals, or half of a target's spread, among at least ten rows to spare.

use super::constant_column::is_constant;
use super::words::{figure, list};
use super::{Code, Facts, Finding};
use crate::data::products::Directions;
use crate::data::{Block, Rows, map_reduce};
use crate::error::Result;
use crate::problem::{Coefficients, Intercept, Problem};
use faer::linalg::matmul::matmul;
use faer::{Accum, Mat, Par};
use serde_json::{Map, json};

/// Leverage from which on a row determines its own prediction.
const HIGH: f64 = 0.5;
/// And it has to stand out so many times from the average.
const TIMES: f64 = 3.0;
/// Or come as close to 1 as this share of the average's distance.
const CLOSE: f64 = 0.01;
/// A share of a sum of squares that dominates it.
const DOMINANT: f64 = 0.5;
/// Rows beyond the parameters from which on a share means something.
const SPARE: usize = 10;
/// Directions of the correlation matrix below this are collinearity.
const FLAT: f64 = 1e-10;
/// Rows that a finding lists.
const LISTED: usize = 5;

/// Findings from one walk over `rows`, in the user's units, with `answer` fitted to them. Rows are numbered as in the data,
/// of which `left_out` (from 0, ascending) are not among `rows`.
pub(super) fn check(
    rows: &dyn Rows,
    facts: &Facts,
    problem: &Problem,
    answer: &Coefficients,
    left_out: &[usize],
) -> Result<Vec<Finding>> {
    let whitening = Whitening::of(facts, problem);
    let parameters = whitening.map.ncols() + usize::from(whitening.intercept > 0.0);
    let n = facts.moments.positive_rows;
    let threshold = threshold(parameters as f64 / n.max(1) as f64);
    let mut total = Tally::new(facts.targets.len());
    map_reduce(
        rows,
        |block| Tally::of(&block, &whitening, facts, answer, threshold),
        |part| total.add(part),
    )?;
    total.number(left_out);
    let mut out: Vec<Finding> = total.leverage(facts, &whitening).into_iter().collect();
    if n >= parameters + SPARE {
        out.extend(total.dominant(facts));
    }
    Ok(out)
}

/// The leverage from which on a row stands out, beside an average of 1 or less.
fn threshold(average: f64) -> f64 {
    let several_times = HIGH.max(TIMES * average);
    // Where the parameters are more than half as many as the rows, single rows decide as a rule.
    if average <= 0.5 { several_times.min(1.0 - CLOSE * (1.0 - average)) } else { several_times }
}

/// The affine map after which leverage is a sum of squares: z = map·((x − shift)/unit).
struct Whitening {
    shift: Vec<f64>,
    unit: Vec<f64>,
    /// d × rank.
    map: Mat<f64>,
    /// 1/Σs with an intercept, otherwise 0.
    intercept: f64,
}

impl Whitening {
    fn of(facts: &Facts, problem: &Problem) -> Self {
        let m = &facts.moments;
        let d = m.shape.columns;
        let centred = problem.intercept != Intercept::Absent;
        let second = if centred { m.sxx.clone() } else { m.sxx.plus(m.total_weight, &m.mean_x) };
        let root = |j| {
            let size = second.square(j).sqrt();
            if size > 0.0 && size.is_finite() { size } else { 1.0 }
        };
        // A column that is constant but for rounding takes no part beside an intercept.
        let is_still = |j| centred && is_constant(facts.into(), j);
        let unit: Vec<f64> = (0..d).map(|j| if is_still(j) { f64::INFINITY } else { root(j) }).collect();
        let none = || Directions { vectors: Mat::zeros(d, 0), values: Vec::new() };
        let flat = vec![0.0; d];
        // Columns beyond the range of squares take no part.
        let second = second.in_units(&unit).within_range();
        let found = second.directions(1.0, &flat, &[]).unwrap_or_else(none);
        let kept: Vec<usize> = (0..found.values.len()).filter(|&k| found.values[k] > FLAT).collect();
        let map =
            Mat::from_fn(d, kept.len(), |j, k| found.vectors[(j, kept[k])] / found.values[kept[k]].sqrt());
        let shift = if centred { m.mean_x.clone() } else { vec![0.0; d] };
        Self { shift, unit, map, intercept: if centred { 1.0 / m.total_weight } else { 0.0 } }
    }

    /// The columns of a block, shifted and in units of their length.
    fn standard(&self, block: &Block<'_>) -> Mat<f64> {
        Mat::from_fn(block.x.nrows(), block.x.ncols(), |i, j| {
            (block.x[(i, j)] - self.shift[j]) / self.unit[j]
        })
    }
}

/// A row that stands out, and the column in which it does so most.
#[derive(Clone, Copy)]
struct Outlier {
    row: usize,
    size: f64,
    column: usize,
}

/// What one walk finds.
struct Tally {
    high: Vec<Outlier>,
    count: usize,
    /// For every target: the largest squared residual and the sum of all, then the same of its deviations.
    residual: Vec<(Outlier, f64)>,
    deviation: Vec<(Outlier, f64)>,
}

impl Tally {
    fn new(outputs: usize) -> Self {
        let none = (Outlier { row: 0, size: 0.0, column: 0 }, 0.0);
        Self { high: Vec::new(), count: 0, residual: vec![none; outputs], deviation: vec![none; outputs] }
    }

    fn of(
        block: &Block<'_>,
        whitening: &Whitening,
        facts: &Facts,
        answer: &Coefficients,
        threshold: f64,
    ) -> Self {
        let mut out = Self::new(facts.targets.len());
        let standard = whitening.standard(block);
        let mut white = Mat::<f64>::zeros(standard.nrows(), whitening.map.ncols());
        matmul(white.as_mut(), Accum::Replace, standard.as_ref(), whitening.map.as_ref(), 1.0, Par::Seq);
        let mut scores = Mat::from_fn(block.x.nrows(), answer.weights.ncols(), |_, k| answer.intercept[k]);
        matmul(scores.as_mut(), Accum::Add, block.x, answer.weights.as_ref(), 1.0, Par::Seq);
        for i in 0..block.x.nrows() {
            let weight = block.weights.map_or(1.0, |weights| weights[i]);
            if weight == 0.0 {
                continue;
            }
            let row = block.first + i;
            let along = (0..white.ncols()).map(|k| white[(i, k)] * white[(i, k)]).sum::<f64>();
            // A sum of squares, and at most 1 but for rounding.
            let leverage = (weight * (whitening.intercept + along)).min(1.0);
            if leverage >= threshold && along.is_finite() {
                let size = |j: &usize| standard[(i, *j)].abs();
                let column = (0..standard.ncols()).max_by(|a, b| size(a).total_cmp(&size(b))).unwrap_or(0);
                out.high.push(Outlier { row, size: leverage, column });
                out.count += 1;
            }
            for k in 0..facts.targets.len() {
                let residual = block.y[(i, k)] - scores[(i, k)];
                let deviation = block.y[(i, k)] - facts.moments.mean_y[k];
                raise(&mut out.residual[k], Outlier { row, size: weight * residual * residual, column: k });
                raise(
                    &mut out.deviation[k],
                    Outlier { row, size: weight * deviation * deviation, column: k },
                );
            }
        }
        out.keep_highest();
        out
    }

    fn add(&mut self, part: Self) {
        self.high.extend(part.high);
        self.count += part.count;
        self.keep_highest();
        let both = [(&mut self.residual, part.residual), (&mut self.deviation, part.deviation)];
        for (own, others) in both {
            for ((largest, sum), (other, more)) in own.iter_mut().zip(others) {
                *sum += more;
                if other.size > largest.size {
                    *largest = other;
                }
            }
        }
    }

    /// Turns positions among the rows in use into positions in the data.
    fn number(&mut self, left_out: &[usize]) {
        let in_data = |outlier: &mut Outlier| {
            for &absent in left_out {
                if absent > outlier.row {
                    break;
                }
                outlier.row += 1;
            }
        };
        self.high.iter_mut().for_each(in_data);
        let both = self.residual.iter_mut().chain(&mut self.deviation);
        both.for_each(|(outlier, _)| in_data(outlier));
    }

    fn keep_highest(&mut self) {
        self.high.sort_by(|a, b| b.size.total_cmp(&a.size).then(a.row.cmp(&b.row)));
        self.high.truncate(LISTED);
    }

    fn leverage(&self, facts: &Facts, whitening: &Whitening) -> Option<Finding> {
        let worst = self.high.first()?;
        let rows: Vec<String> = self.high.iter().map(|outlier| (outlier.row + 1).to_string()).collect();
        let name = facts.columns.get(worst.column)?;
        let more = self.count - self.high.len();
        let which = match (rows.as_slice(), more) {
            ([one], 0) => format!("row {one} alone decides"),
            (_, 0) => format!("rows {} decide", list(&rows)),
            _ => format!("rows {} and {more} more decide", rows.join(", ")),
        };
        let message = format!(
            "{which} the fit along `{name}`: leverage {} (at 1 the prediction of a row is its own value)",
            figure(worst.size, 3)
        );
        let mut evidence = Map::new();
        evidence.insert("rows".to_owned(), json!(self.high.iter().map(|o| o.row + 1).collect::<Vec<_>>()));
        evidence.insert("leverage".to_owned(), json!(self.high.iter().map(|o| o.size).collect::<Vec<_>>()));
        evidence.insert("count".to_owned(), json!(self.count));
        evidence.insert("column".to_owned(), json!(name));
        evidence.insert("rank".to_owned(), json!(whitening.map.ncols()));
        Some(Finding { code: Code::Sf207, message, evidence, remedies: Vec::new() })
    }

    fn dominant(&self, facts: &Facts) -> Vec<Finding> {
        let of_target = |k: usize| {
            let share = |(largest, sum): &(Outlier, f64)| {
                let share = largest.size / sum;
                (share >= DOMINANT && sum.is_finite()).then_some((largest.row, share))
            };
            let name = &facts.targets[k];
            let (row, share, what) = match (share(&self.deviation[k]), share(&self.residual[k])) {
                (Some((row, share)), _) => (row, share, format!("the spread of {name} about its mean")),
                (None, Some((row, share))) => (row, share, format!("the squared residuals of {name}")),
                (None, None) => return None,
            };
            let message = format!("row {} alone makes {} % of {what}", row + 1, figure(100.0 * share, 2));
            let mut evidence = Map::new();
            evidence.insert("rows".to_owned(), json!([row + 1]));
            evidence.insert("share".to_owned(), json!(share));
            evidence.insert("target".to_owned(), json!(name));
            Some(Finding { code: Code::Sf207, message, evidence, remedies: Vec::new() })
        };
        (0..facts.targets.len()).filter_map(of_target).collect()
    }
}

/// Adds a squared size to a sum and keeps the largest.
fn raise((largest, sum): &mut (Outlier, f64), outlier: Outlier) {
    *sum += outlier.size;
    if outlier.size > largest.size {
        *largest = outlier;
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::float_cmp)]

    use super::*;
    use crate::data::Design;
    use crate::diagnosis::cases::{Run, columns, sales, squared};
    use crate::solver::exact;

    fn messages(design: &Design) -> Vec<String> {
        let answer = exact::solve(design, &squared(), &|| true).unwrap().candidate.coefficients;
        let facts = Run::new(design.clone(), 0.1, 0.0, 1).facts();
        check(design, &facts, &squared(), &answer, &[])
            .unwrap()
            .into_iter()
            .map(|finding| finding.message)
            .collect()
    }

    #[test]
    fn a_row_far_from_the_others_decides_the_fit() {
        let mut design = columns(40, &[(0.0, 1.0), (0.0, 1.0)], 1.0);
        design.x[(16, 1)] = 60.0;
        let found = messages(&design);
        assert_eq!(found.len(), 1);
        assert!(
            found[0].starts_with("row 17 alone decides the fit along `temp2`: leverage 0.9"),
            "{found:?}"
        );
        // Its leverage below a half: silent.
        design.x[(16, 1)] = 5.0;
        assert_eq!(messages(&design), [""; 0]);
    }

    #[test]
    fn a_row_that_decides_a_fit_of_six_rows_is_named_and_one_of_two_alike_is_not() {
        let mut design = columns(6, &[(0.0, 1.0)], 1.0);
        design.x[(3, 0)] = 1e6;
        design.y[(3, 0)] = 1e9;
        let found = messages(&design);
        assert!(found.len() == 1 && found[0].starts_with("row 4 alone decides the fit"), "{found:?}");
        design.x[(4, 0)] = 1e6;
        assert_eq!(messages(&design), [""; 0]);
        // As many parameters as rows: each row decides.
        assert_eq!(messages(&columns(2, &[(0.0, 1.0)], 1.0)), [""; 0]);
    }

    #[test]
    fn rows_are_numbered_as_in_the_data() {
        let mut tally = Tally::new(0);
        let at = |row| Outlier { row, size: 1.0, column: 0 };
        tally.high = vec![at(0), at(1), at(2), at(5)];
        tally.number(&[0, 2, 3, 9]);
        let rows: Vec<usize> = tally.high.iter().map(|outlier| outlier.row).collect();
        assert_eq!(rows, [1, 4, 5, 8]);
    }

    #[test]
    fn one_wild_target_value_is_named() {
        let mut design = sales();
        design.y[(4, 0)] = 4.06e5;
        let found = messages(&design);
        assert_eq!(found.len(), 1);
        assert!(
            found[0].starts_with("row 5 alone makes 9")
                && found[0].ends_with("% of the spread of sales about its mean")
        );
        assert_eq!(messages(&sales()), [""; 0]);
    }

    #[test]
    fn leverage_is_the_diagonal_of_the_hat_matrix() {
        // Σ hᵢᵢ is the number of parameters, and a row with a column of its own has leverage 1.
        let mut design = columns(30, &[(3.0, 2.0), (0.0, 0.0)], 1.0);
        design.x[(11, 1)] = 1.0;
        let facts = Run::new(design.clone(), 0.1, 0.0, 1).facts();
        let whitening = Whitening::of(&facts, &squared());
        let none = Coefficients { weights: Mat::zeros(2, 1), intercept: vec![0.0] };
        let mut tally = Tally::new(1);
        map_reduce(
            &design,
            |block| Tally::of(&block, &whitening, &facts, &none, 0.999_999),
            |part| tally.add(part),
        )
        .unwrap();
        assert_eq!((tally.count, tally.high[0].row), (1, 11));
        assert!((tally.high[0].size - 1.0).abs() < 1e-12);
        let all = Design { x: design.x.clone(), ..design };
        let standard = whitening.standard(&all.as_ref().blocks().next().unwrap().unwrap().view());
        let white = &standard * &whitening.map;
        let sum: f64 = (0..30).map(|i| 1.0 / 30.0 + (0..2).map(|k| white[(i, k)].powi(2)).sum::<f64>()).sum();
        assert!((sum - 3.0).abs() < 1e-12);
    }
}
