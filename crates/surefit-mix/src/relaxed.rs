//! The plain optimum: the same ranges without their holes, and no counts. What the holes cost is seen beside it.

use crate::core::{Ask, End, Kind, Model, State, WHOLE, gram};
use crate::form::Form;
use crate::polish::polish;
use crate::presolve::tighten;
use crate::problem::{Distance, Problem};
use crate::search::norms::Norms;
use crate::search::relaxation::Relaxation as _;
use crate::solve::Mix;

/// The best weights without holes; none if there are none, or `ask` said no before they were found.
pub(crate) fn solve(problem: &Problem, ask: Ask<'_>) -> Option<Mix> {
    let mut plain = problem.clone();
    plain.counts.clear();
    for range in plain.ranges.iter_mut().filter(|range| range.optional) {
        (range.low, range.high, range.optional) = (range.low.min(0.0), range.high.max(0.0), false);
    }
    let mut form = Form::new(&plain);
    let mut kind = form.decisions();
    tighten(&mut form, &mut kind).ok()?;
    if form.high.iter().any(|high| !high.is_finite()) {
        return None;
    }
    let mut columns = match problem.distance {
        Distance::L2 => squares(&form, &kind, ask)?,
        Distance::L1 | Distance::LInf => {
            let norms = Norms::new(form.clone());
            let (basis, end) = norms.solve(kind, ask);
            (end == End::Reached).then(|| norms.weights(&basis).to_vec())?
        }
    };
    polish(&form, &mut columns);
    let weights = form.weights(&columns, problem.inputs.len());
    form.allows(&columns).then(|| Mix { objective: problem.objective(&weights), weights })
}

/// The least squares.
fn squares(form: &Form, kind: &[Kind], ask: Ask<'_>) -> Option<Vec<f64>> {
    let size = (0..form.n).map(|j| form.column(j).iter().map(|a| a * a).sum::<f64>()).sum::<f64>();
    let mean = if size > 0.0 { size / form.n as f64 } else { 1.0 };
    let gram = (form.n <= WHOLE).then(|| gram(form));
    let zero = vec![0.0; form.n];
    // The least nudge with which the path holds; its trace is polished away.
    [1e-12, 1e-9].into_iter().find_map(|nudge| {
        let gram = gram.as_ref().map(faer::Mat::as_ref);
        let model = Model::new(form, gram, &zero, &zero, 0.0, nudge * mean);
        let (state, end) = State::solve(&model, kind.to_vec(), ask);
        (end == End::Reached).then_some(state.w)
    })
}
