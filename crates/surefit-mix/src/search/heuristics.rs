//! Good mixes early: supports taken from the relaxation, then inputs added, dropped and swapped while it helps.

use super::pool::Pool;
use super::relaxation::{Ground, Relaxation};
use crate::core::{Ask, End, Kind};
use crate::presolve::propagate;

/// Inputs tried for each place, those with the greatest force first.
const TRIED: usize = 8;
/// Rounds of improvement.
const ROUNDS: usize = 50;

/// Supports of the largest weights of a relaxation's optimum, of every size that the limits allow, each improved if
/// it is among the best.
pub(crate) fn round<R: Relaxation>(ground: &Ground<R>, root: &R::State, pool: &mut Pool, ask: Ask<'_>) {
    let (form, relaxation) = (&ground.form, &ground.relaxation);
    let weights = relaxation.weights(root);
    let mut order: Vec<usize> = (0..form.n).filter(|&j| relaxation.kind(root)[j] == Kind::Open).collect();
    // The share of its hole that each input has crossed, then the force on it.
    let share = |j: usize| (weights[j] / form.low[j].max(1e-300)).min(1e6);
    order.sort_by(|&a, &b| {
        let forces = || relaxation.force(root, b).total_cmp(&relaxation.force(root, a));
        share(b).total_cmp(&share(a)).then_with(forces).then(a.cmp(&b))
    });
    let mut starts: Vec<(f64, R::State)> = Vec::new();
    for size in 0..=order.len().min(64) {
        let mut kind = relaxation.kind(root).to_vec();
        for &j in &order[..size] {
            kind[j] = Kind::In;
        }
        if !ask() {
            break;
        }
        // What the limits say then; what is still open is out.
        if propagate(form, &mut kind).is_err() {
            continue;
        }
        kind.iter_mut().filter(|kind| **kind == Kind::Open).for_each(|kind| *kind = Kind::Out);
        let (state, end) = relaxation.solve(kind, ask);
        if end == End::Reached && form.allows(relaxation.weights(&state)) {
            let value = form.objective(relaxation.weights(&state));
            if value == 0.0 {
                // Nothing is better.
                pool.offer(form, relaxation.weights(&state));
                return;
            }
            starts.push((value, state));
        }
    }
    starts.sort_by(|a, b| a.0.total_cmp(&b.0));
    for (_, state) in starts.into_iter().take(4) {
        pool.offer(form, relaxation.weights(&state));
        improve(ground, state, pool, ask);
    }
}

/// Goes to better neighbours until there is none.
pub(crate) fn improve<R: Relaxation>(ground: &Ground<R>, mut state: R::State, pool: &mut Pool, ask: Ask<'_>) {
    let (form, relaxation) = (&ground.form, &ground.relaxation);
    let mut value = form.objective(relaxation.weights(&state));
    for _ in 0..ROUNDS {
        if !ask() {
            return;
        }
        let Some((better, next)) = neighbour(ground, &state, value, ask) else { return };
        pool.offer(form, relaxation.weights(&next));
        (value, state) = (better, next);
    }
}

/// The best of: one input more, one less, one for another.
fn neighbour<R: Relaxation>(
    ground: &Ground<R>,
    state: &R::State,
    value: f64,
    ask: Ask<'_>,
) -> Option<(f64, R::State)> {
    let (form, relaxation) = (&ground.form, &ground.relaxation);
    let mut best: Option<(f64, R::State)> = None;
    let mut offer = |candidate: &R::State| {
        let weights = relaxation.weights(candidate);
        let reached = form.objective(weights);
        let limit = best.as_ref().map_or(value - 1e-9 * value.abs(), |best| best.0);
        if reached < limit && form.allows(weights) {
            best = Some((reached, candidate.clone()));
        }
    };
    let used = (0..form.n).filter(|&j| form.optional[j] && relaxation.kind(state)[j] == Kind::In);
    for j in std::iter::once(None).chain(used.map(Some)) {
        if !ask() {
            break;
        }
        let mut less = state.clone();
        if let Some(j) = j {
            if relaxation.decide(&mut less, j, Kind::Out, f64::INFINITY) != End::Reached {
                continue;
            }
            offer(&less);
        }
        let mut others: Vec<usize> = (0..form.n)
            .filter(|&k| Some(k) != j && form.optional[k] && relaxation.kind(&less)[k] == Kind::Out)
            .filter(|&k| form.low[k] <= form.high[k])
            .collect();
        others.sort_by(|&a, &b| {
            relaxation.force(&less, b).total_cmp(&relaxation.force(&less, a)).then(a.cmp(&b))
        });
        for &k in others.iter().take(TRIED) {
            let mut more = less.clone();
            if relaxation.decide(&mut more, k, Kind::In, f64::INFINITY) == End::Reached {
                offer(&more);
            }
        }
    }
    best
}
