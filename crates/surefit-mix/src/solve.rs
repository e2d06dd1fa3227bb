//! The whole way: problem → form → ground → search → certificate.

use crate::bound::Terms;
use crate::certificate::Certificate;
use crate::error::{Error, Result};
use crate::form::Form;
use crate::infeasible::{self, Conflict};
use crate::polish::polish;
use crate::prepare::{Prepared, prepare, prepare_norms};
use crate::presolve::tighten;
use crate::problem::{Distance, Problem};
use crate::relaxed;
use crate::search::norms::Norms;
use crate::search::pool::Pool;
use crate::search::record::Record;
use crate::search::relaxation::Relaxation;
use crate::search::{Found, Standing, search};
use crate::tree::Tree;
use crate::validate::validate;
use std::time::{Duration, Instant};

/// How far to go.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// The relative gap to prove.
    pub gap: f64,
    /// How many mixes of different supports are wanted, the best ones.
    pub alternatives: usize,
    /// Bytes that open nodes may take; above it the search goes into depth.
    pub memory: usize,
    /// Whether to keep the tree, so that others can check it.
    pub keep_tree: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self { gap: 1e-6, alternatives: 1, memory: 1 << 30, keep_tree: false }
    }
}

/// How far the search is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Progress {
    /// Nodes looked at.
    pub nodes: u64,
    /// Nodes still open.
    pub open: usize,
    /// The best objective so far; infinite while there is none.
    pub objective: f64,
    /// No mix has a lower one.
    pub bound: f64,
}

/// A plain optimum that exceeds the mix by no more than this share is the mix but for rounding.
const NEAR: f64 = 1e-6;
/// Time for the plain optimum beside a mix, whatever was asked for.
const MOMENT: Duration = Duration::from_millis(500);

/// What is known at the end.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// A mix, and how far it is from the best.
    Solved(Box<Solution>),
    /// No mix keeps the limits, and why.
    Infeasible(Conflict),
    /// Stopped before there was any mix.
    Nothing {
        /// No mix has a lower objective.
        bound: f64,
        /// Nodes looked at.
        nodes: u64,
    },
}

/// A mix with its proof.
#[derive(Clone, Debug, PartialEq)]
pub struct Solution {
    /// The best mix.
    pub best: Mix,
    /// The next best supports, as many as were wanted; the bound of the certificate holds for every other support.
    pub alternatives: Vec<Mix>,
    /// How far the best mix is from the optimum.
    pub certificate: Certificate,
    /// No support that is not listed has a lower objective.
    pub others: f64,
    /// Whether it is proven to the gap that was asked for; otherwise it was stopped.
    pub is_certified: bool,
    /// The best weights without holes and counts.
    pub relaxed: Option<Mix>,
    /// Nodes looked at.
    pub nodes: u64,
    /// The tree, if it was asked for and searched to its end.
    pub tree: Option<Tree>,
}

/// Weights and what they reach.
#[derive(Clone, Debug, PartialEq)]
pub struct Mix {
    /// One for each input.
    pub weights: Vec<f64>,
    /// The problem's objective.
    pub objective: f64,
}

/// Finds the best mix. `go_on` is asked every few milliseconds; when it says no, the best so far is returned.
///
/// # Errors
/// When the problem makes no sense. One that allows no mix is an [`Outcome`].
pub fn solve(
    problem: &Problem,
    settings: &Settings,
    go_on: &(dyn Fn(&Progress) -> bool + Sync),
) -> Result<Outcome> {
    Ok(match attempt(problem, settings, go_on)? {
        Attempt::Infeasible => Outcome::Infeasible(infeasible::explain(problem, go_on)?),
        Attempt::Nothing { bound, nodes } => Outcome::Nothing { bound, nodes },
        Attempt::Solved(mut solution) => {
            let begun = Instant::now();
            let standing = Progress {
                nodes: solution.nodes,
                open: 0,
                objective: solution.best.objective,
                bound: solution.certificate.bound,
            };
            // A search that was stopped has this beside its mix too, as long as it is a matter of a moment.
            let ask = || begun.elapsed() < MOMENT || go_on(&standing);
            // The mix itself keeps the limits without holes: what is above it is no optimum of these, and by little it is
            // the mix that is.
            let best = &solution.best;
            let enough = best.objective + solution.certificate.rounding.max(NEAR * best.objective);
            let lower = |plain: Mix| if plain.objective < best.objective { plain } else { best.clone() };
            solution.relaxed =
                relaxed::solve(problem, &ask).filter(|plain| plain.objective <= enough).map(lower);
            Outcome::Solved(solution)
        }
    })
}

/// An outcome without its explanation.
pub(crate) enum Attempt {
    Solved(Box<Solution>),
    Infeasible,
    Nothing { bound: f64, nodes: u64 },
}

/// Finds the best mix.
pub(crate) fn attempt(
    problem: &Problem,
    settings: &Settings,
    go_on: &(dyn Fn(&Progress) -> bool + Sync),
) -> Result<Attempt> {
    validate(problem)?;
    let (first, is_sure) = pass(problem, settings, false, go_on)?;
    if is_sure || problem.distance != Distance::L2 {
        return Ok(first);
    }
    // Limits that leave a single point leave none by rounding: once more with a little room.
    let (second, _) = pass(problem, settings, true, go_on)?;
    let gap = |attempt: &Attempt| match attempt {
        Attempt::Solved(solution) => solution.certificate.gap,
        Attempt::Nothing { .. } | Attempt::Infeasible => f64::INFINITY,
    };
    Ok(if gap(&second) < gap(&first) { second } else { first })
}

/// Finds the best mix, with `is_wide` between limits that are a little apart; and whether what was found is proven or
/// was stopped.
fn pass(
    problem: &Problem,
    settings: &Settings,
    is_wide: bool,
    go_on: &(dyn Fn(&Progress) -> bool + Sync),
) -> Result<(Attempt, bool)> {
    let mut form = Form::new(problem);
    let mut kind = form.decisions();
    // A tree is checked against the problem as it is stated.
    let is_stated = settings.keep_tree && crate::validate::bounded(problem, &form).is_ok();
    let tightened =
        if is_stated { tighten(&mut form.clone(), &mut kind.clone()) } else { tighten(&mut form, &mut kind) };
    if tightened.is_err() {
        return Ok((Attempt::Infeasible, true));
    }
    crate::validate::bounded(problem, &form)?;
    let zero = crate::certificate::rounding(problem, &vec![1.0; problem.inputs.len()], 0.0);
    let mut pool = Pool::new(form.n, settings.alternatives, settings.gap, zero / form.unit, form.most());
    let whole = form.clone();
    if is_wide {
        form.widen();
    }
    let begins = Progress { nodes: 0, open: 1, objective: f64::INFINITY, bound: 0.0 };
    let ask = || go_on(&begins);
    let found = match problem.distance {
        Distance::L2 => {
            let prepared = prepare(form, kind, &mut pool, is_stated, &ask);
            below(prepared, &pool, settings, is_stated, go_on)
        }
        Distance::L1 | Distance::LInf => {
            if form.n > Norms::MOST {
                return Err(Error::TooManyInputs { inputs: form.n, most: Norms::MOST });
            }
            let prepared = prepare_norms(form, kind, &mut pool, &ask);
            below(prepared, &pool, settings, is_stated, go_on)
        }
    };
    let Some((found, terms, closed)) = found else { return Ok((Attempt::Infeasible, true)) };
    let is_stopped = !found.complete;
    let is_closed = found.bound.min(closed) >= whole.most();
    let attempt = conclude(problem, settings, &whole, found, terms, closed);
    let is_sure = match &attempt {
        Attempt::Solved(solution) => solution.is_certified || is_stopped,
        Attempt::Infeasible => is_closed,
        Attempt::Nothing { .. } => true,
    };
    Ok((attempt, is_sure))
}

/// The tree below what was prepared, and the lowest bound that was left out before; none when there is no mix.
fn below<R: Relaxation>(
    prepared: Prepared<R>,
    pool: &Pool,
    settings: &Settings,
    keeps: bool,
    go_on: &(dyn Fn(&Progress) -> bool + Sync),
) -> Option<(Found, Option<Terms>, f64)> {
    let (ground, root, closed) = match prepared {
        Prepared::Ground(ground, root, closed) => (ground, root, closed),
        Prepared::Infeasible => return None,
        Prepared::Done(bound) => {
            let (nodes, record, pool) = (1, Record::new(false), pool.clone());
            return Some((Found { pool, bound, nodes, record, complete: true }, None, bound));
        }
    };
    let node = 64 + 3 * ground.form.n + 16 * ground.form.q();
    let unit = ground.form.unit;
    let standing = |standing: Standing| {
        let progress = Progress {
            nodes: standing.nodes,
            open: standing.open,
            objective: standing.value * unit,
            bound: standing.bound * unit,
        };
        go_on(&progress)
    };
    let found = search(&ground, &root, pool.clone(), keeps, (settings.memory / node).max(64), &standing);
    Some((found, keeps.then_some(ground.terms), closed))
}

/// Puts together what is known.
fn conclude(
    problem: &Problem,
    settings: &Settings,
    form: &Form,
    found: Found,
    terms: Option<Terms>,
    closed: f64,
) -> Attempt {
    let bound = found.bound.min(closed) * form.unit;
    let (nodes, complete) = (found.nodes, found.complete);
    let record = found.record;
    let mut mixes = found.pool.into_mixes().into_iter().map(|mix| {
        let mut columns = mix.weights;
        polish(form, &mut columns);
        let weights = form.weights(&columns, problem.inputs.len());
        let objective = problem.objective(&weights);
        Mix { weights, objective }
    });
    let Some(best) = mixes.next() else {
        return if complete { Attempt::Infeasible } else { Attempt::Nothing { bound, nodes } };
    };
    let alternatives: Vec<Mix> = mixes.collect();
    // What is in the pool is no lower than its best.
    let certificate = Certificate::new(problem, &best.weights, bound.min(best.objective));
    let tree = terms
        .filter(|_| complete)
        .map(|terms| Tree::new(record, terms, best.weights.clone(), bound.min(best.objective)));
    Attempt::Solved(Box::new(Solution {
        tree,
        is_certified: certificate.certifies(settings.gap * (1.0 + 1e-6)),
        others: bound.max(0.0),
        best,
        alternatives,
        certificate,
        relaxed: None,
        nodes,
    }))
}
