//! The best mix by trying everything: every support, and for each every choice of active limits, in plain Gaussian
//! elimination. It shares nothing with the engine but the problem.

use surefit_mix::{Distance, Limit, Problem};

/// The least objective, and weights that reach it; none if nothing keeps the limits.
pub fn best(problem: &Problem) -> Option<(f64, Vec<f64>)> {
    let n = problem.inputs.len();
    let mut best: Option<(f64, Vec<f64>)> = None;
    for support in 0_u32..1 << n {
        let used = |j: usize| support >> j & 1 == 1;
        if !allows(problem, &used) {
            continue;
        }
        let members: Vec<usize> = (0..n).filter(|&j| used(j)).collect();
        let limit = best.as_ref().map_or(f64::INFINITY, |best| best.0);
        if least_without_ranges(problem, &members).is_some_and(|least| least > limit * (1.0 + 1e-9) + 1e-9) {
            continue;
        }
        if let Some((value, weights)) = best_of(problem, &members)
            && best.as_ref().is_none_or(|best| value < best.0)
        {
            best = Some((value, weights));
        }
    }
    best
}

/// The least squares of a support on the equations alone: its ranges and the other limits only take mixes away. None
/// where they are not unique, or for another distance.
fn least_without_ranges(problem: &Problem, members: &[usize]) -> Option<f64> {
    if problem.distance != Distance::L2 {
        return None;
    }
    let p = members.len();
    let equations = problem.limits.iter().filter(|limit| limit.low == limit.high);
    let equal: Vec<Condition> = equations.map(|limit| (coefficients(limit, members, p), limit.low)).collect();
    let x = stationary(problem, members, &equal.iter().collect::<Vec<_>>(), p)?;
    let mut weights = vec![0.0; problem.inputs.len()];
    members.iter().zip(&x).for_each(|(&j, &x)| weights[j] = x);
    let is_met = |(row, limit): &Condition| {
        (row.iter().zip(&x).map(|(c, x)| c * x).sum::<f64>() - limit).abs() <= 1e-9 * (1.0 + limit.abs())
    };
    equal.iter().all(is_met).then(|| plain_objective(problem, &weights))
}

/// Whether ranges and counts allow the support.
fn allows(problem: &Problem, used: &dyn Fn(usize) -> bool) -> bool {
    let ranges = problem.ranges.iter().enumerate().all(|(j, range)| {
        let has_zero = range.low <= 0.0 && range.high >= 0.0;
        if used(j) { range.low != 0.0 || range.high != 0.0 } else { range.optional || has_zero }
    });
    let counts = problem.counts.iter().all(|count| {
        let number = count.members.iter().filter(|&&j| used(j)).count();
        (count.least..=count.most).contains(&number)
    });
    // A limit that the ends of the ranges in use cannot meet: most supports of many inputs are too much for the sum.
    let limits = problem.limits.iter().all(|limit| {
        let (mut least, mut most, mut size) = (0.0, 0.0, 1.0);
        for &(j, c) in limit.terms.iter().filter(|(j, _)| used(*j)) {
            let (a, b) = (c * problem.ranges[j].low, c * problem.ranges[j].high);
            (least, most, size) = (least + a.min(b), most + a.max(b), size + a.abs().max(b.abs()));
        }
        least <= limit.high + 1e-9 * size && most >= limit.low - 1e-9 * size
    });
    ranges && counts && limits
}

/// One linear condition on the unknowns: coefficients and value.
type Condition = (Vec<f64>, f64);

/// The best weights of one support: the unknowns are its weights and, for the largest distance, that distance.
fn best_of(problem: &Problem, members: &[usize]) -> Option<(f64, Vec<f64>)> {
    let p = members.len() + usize::from(problem.distance == Distance::LInf);
    let (mut equal, mut less): (Vec<Condition>, Vec<Condition>) = (Vec::new(), Vec::new());
    let unit = |k: usize, value: f64| {
        let mut row = vec![0.0; p];
        row[k] = value;
        row
    };
    for (k, &j) in members.iter().enumerate() {
        let range = problem.ranges[j];
        less.push((unit(k, 1.0), range.high));
        less.push((unit(k, -1.0), -range.low));
    }
    for limit in &problem.limits {
        let row = coefficients(limit, members, p);
        if limit.low == limit.high {
            equal.push((row, limit.low));
            continue;
        }
        if limit.high.is_finite() {
            less.push((row.clone(), limit.high));
        }
        if limit.low.is_finite() {
            less.push((row.iter().map(|c| -c).collect(), -limit.low));
        }
    }
    if problem.distance == Distance::LInf {
        let counted = |i: &usize| problem.row_weights.as_ref().is_none_or(|weights| weights[*i] > 0.0);
        for i in (0..problem.target.len()).filter(counted) {
            for sign in [1.0, -1.0] {
                let mut row: Vec<f64> = members.iter().map(|&j| sign * problem.column(j)[i]).collect();
                row.push(-1.0);
                less.push((row, sign * problem.target[i]));
            }
        }
    }
    search(problem, members, &equal, &less, p)
}

fn coefficients(limit: &Limit, members: &[usize], p: usize) -> Vec<f64> {
    let mut row = vec![0.0; p];
    for (k, &j) in members.iter().enumerate() {
        row[k] = limit.terms.iter().filter(|term| term.0 == j).map(|term| term.1).sum();
    }
    row
}

/// Tries every set of active conditions.
fn search(
    problem: &Problem,
    members: &[usize],
    equal: &[Condition],
    less: &[Condition],
    p: usize,
) -> Option<(f64, Vec<f64>)> {
    let mut best: Option<(f64, Vec<f64>)> = None;
    let mut consider = |x: &[f64]| {
        let keeps = |(row, limit): &Condition, both: bool| {
            let value: f64 = row.iter().zip(x).map(|(c, x)| c * x).sum();
            let room = 1e-9 * (1.0 + limit.abs());
            value <= limit + room && (!both || value >= limit - room)
        };
        if !equal.iter().all(|condition| keeps(condition, true))
            || !less.iter().all(|condition| keeps(condition, false))
        {
            return;
        }
        let mut weights = vec![0.0; problem.inputs.len()];
        members.iter().zip(x).for_each(|(&j, &x)| weights[j] = x);
        let value = plain_objective(problem, &weights);
        if best.as_ref().is_none_or(|best| value < best.0) {
            best = Some((value, weights));
        }
    };
    // For L1 an optimum is a corner of conditions and rows that are met exactly.
    let mut lines = less.to_vec();
    if problem.distance == Distance::L1 {
        for i in 0..problem.target.len() {
            lines.push((members.iter().map(|&j| problem.column(j)[i]).collect(), problem.target[i]));
        }
    }
    let is_square = problem.distance == Distance::L2;
    for size in 0..=p {
        choose(lines.len(), size, &mut |chosen| {
            let active: Vec<&Condition> = equal.iter().chain(chosen.iter().map(|&k| &lines[k])).collect();
            let solved = if is_square {
                stationary(problem, members, &active, p)
            } else if active.len() >= p {
                corner(&active, p)
            } else {
                None
            };
            if let Some(x) = solved {
                consider(&x);
            }
        });
    }
    best
}

/// The objective in plain sums.
pub fn plain_objective(problem: &Problem, weights: &[f64]) -> f64 {
    let m = problem.target.len();
    let residual = |i: usize| {
        let mixed: f64 = (0..weights.len()).map(|j| weights[j] * problem.column(j)[i]).sum();
        mixed - problem.target[i]
    };
    let count = |i: usize| problem.row_weights.as_ref().map_or(1.0, |weights| weights[i]);
    match problem.distance {
        Distance::L2 => {
            (0..m).map(|i| count(i) * residual(i).powi(2)).sum::<f64>()
                + problem.ridge * weights.iter().map(|w| w * w).sum::<f64>()
        }
        Distance::L1 => (0..m).map(|i| count(i) * residual(i).abs()).sum(),
        Distance::LInf => (0..m).filter(|&i| count(i) > 0.0).map(|i| residual(i).abs()).fold(0.0, f64::max),
    }
}

/// Calls `with` for every choice of `size` out of `n`.
fn choose(n: usize, size: usize, with: &mut dyn FnMut(&[usize])) {
    fn go(n: usize, size: usize, from: usize, chosen: &mut Vec<usize>, with: &mut dyn FnMut(&[usize])) {
        if chosen.len() == size {
            return with(chosen);
        }
        for k in from..n {
            chosen.push(k);
            go(n, size, k + 1, chosen, with);
            chosen.pop();
        }
    }
    go(n, size, 0, &mut Vec::new(), with);
}

/// Where the squares are stationary on the active conditions.
fn stationary(problem: &Problem, members: &[usize], active: &[&Condition], p: usize) -> Option<Vec<f64>> {
    let k = p + active.len();
    let mut matrix = vec![vec![0.0; k + 1]; k];
    let count = |i: usize| problem.row_weights.as_ref().map_or(1.0, |weights| weights[i]);
    for (a, &j) in members.iter().enumerate() {
        for (b, &l) in members.iter().enumerate() {
            let products = problem.column(j).iter().zip(problem.column(l)).enumerate();
            matrix[a][b] = products.map(|(i, (x, y))| count(i) * x * y).sum();
        }
        matrix[a][a] += problem.ridge;
        let products = problem.column(j).iter().zip(&problem.target).enumerate();
        matrix[a][k] = products.map(|(i, (x, t))| count(i) * x * t).sum();
    }
    for (r, (row, limit)) in active.iter().enumerate() {
        for (a, &c) in row.iter().enumerate() {
            matrix[a][p + r] = c;
            matrix[p + r][a] = c;
        }
        matrix[p + r][k] = *limit;
    }
    eliminate(matrix).map(|mut x| {
        x.truncate(p);
        x
    })
}

/// The corner where the active conditions meet.
fn corner(active: &[&Condition], p: usize) -> Option<Vec<f64>> {
    let rows = active.iter().map(|(row, limit)| {
        let mut row = row.clone();
        row.push(*limit);
        row
    });
    let matrix: Vec<Vec<f64>> = rows.collect();
    if matrix.len() != p {
        // More conditions than unknowns: the normal equations, whose solution is checked against all of them.
        let normal = (0..p)
            .map(|a| (0..=p).map(|b| matrix.iter().map(|row| row[a] * row[b]).sum()).collect::<Vec<f64>>());
        return eliminate(normal.collect());
    }
    eliminate(matrix)
}

/// Gaussian elimination with row pivots; none where the matrix is singular.
fn eliminate(mut matrix: Vec<Vec<f64>>) -> Option<Vec<f64>> {
    let k = matrix.len();
    for c in 0..k {
        let pivot = (c..k).max_by(|&a, &b| matrix[a][c].abs().total_cmp(&matrix[b][c].abs()))?;
        if matrix[pivot][c].abs() < 1e-10 {
            return None;
        }
        matrix.swap(c, pivot);
        for r in 0..k {
            if r != c {
                let factor = matrix[r][c] / matrix[c][c];
                let pivot_row = matrix[c].clone();
                matrix[r].iter_mut().zip(&pivot_row).skip(c).for_each(|(x, pivot)| *x -= factor * pivot);
            }
        }
    }
    Some((0..k).map(|r| matrix[r][k] / matrix[r][r]).collect())
}
