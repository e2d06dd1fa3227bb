//! The plain optimum: the same ranges without their holes, and no counts. What the holes cost is seen beside it.

use crate::core::{End, Model, State, WHOLE, gram};
use crate::form::Form;
use crate::presolve::tighten;
use crate::problem::{Distance, Problem};
use crate::solve::Mix;

/// The best weights without holes; none if there are none.
pub(crate) fn solve(problem: &Problem) -> Option<Mix> {
    let mut plain = problem.clone();
    plain.counts.clear();
    for range in plain.ranges.iter_mut().filter(|range| range.optional) {
        (range.low, range.high, range.optional) = (range.low.min(0.0), range.high.max(0.0), false);
    }
    let mut form = Form::new(&plain);
    let mut kind = form.decisions();
    tighten(&mut form, &mut kind).ok()?;
    if form.high.iter().any(|high| !high.is_finite()) || problem.distance != Distance::L2 {
        return None;
    }
    let mean =
        (0..form.n).map(|j| form.column(j).iter().map(|a| a * a).sum::<f64>()).sum::<f64>() / form.n as f64;
    let gram = (form.n <= WHOLE).then(|| gram(&form));
    let zero = vec![0.0; form.n];
    let gram = gram.as_ref().map(faer::Mat::as_ref);
    let model = Model::new(&form, gram, &zero, &zero, 0.0, (1e-13 * mean).max(f64::MIN_POSITIVE));
    let (state, end) = State::solve(&model, kind, f64::INFINITY);
    let weights = form.weights(&state.w, problem.inputs.len());
    (end == End::Reached).then(|| Mix { objective: problem.objective(&weights), weights })
}
