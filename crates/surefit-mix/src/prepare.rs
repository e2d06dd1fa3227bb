//! From a form to what a tree is searched on: the diagonal, the prices of the counts, and the inputs that are left.

use crate::bound::{Proof, Terms};
use crate::core::{Ask, End, Kind, Model, State, WHOLE, gram};
use crate::diagonal;
use crate::form::Form;
use crate::search::heuristics;
use crate::search::norms::Norms;
use crate::search::pool::Pool;
use crate::search::relaxation::{Ground, Relaxation, Squares};
use faer::Mat;
use std::sync::Arc;

/// Rounds of raising the diagonal, and sweeps in each.
const ROUNDS: usize = 12;
const SWEEPS: usize = 14;
/// Halvings of a price's interval.
const HALVINGS: usize = 24;
/// The share of inputs that must be decided at the root before the rest is taken alone.
const WORTH: f64 = 0.2;

/// What preparing a form has come to.
pub(crate) enum Prepared<R: Relaxation> {
    /// Ground to search on, the root's optimum, and the lowest bound that inputs were decided with.
    Ground(Box<Ground<R>>, Box<R::State>, f64),
    /// Nothing is left to search: what is not in the pool has at least this bound.
    Done(f64),
    /// No weights keep the limits, holes left aside.
    Infeasible,
}

/// Prepares a form. The pool takes the mixes that are found on the way. With `whole`, no input is left out. Whatever time is left when `ask` says no
/// is for the search to give back.
pub(crate) fn prepare(
    form: Form,
    kind: Vec<Kind>,
    pool: &mut Pool,
    whole: bool,
    ask: Ask<'_>,
) -> Prepared<Squares> {
    let (mut form, mut kind) = (form, kind);
    let mut closed = f64::INFINITY;
    let mut begins = true;
    loop {
        let Some(stage) = Stage::new(&form, kind.clone(), pool, ask) else {
            return if begins { Prepared::Infeasible } else { Prepared::Done(closed) };
        };
        let Stage { ground, root, mut proof, .. } = stage.raise(pool, begins, ask);
        begins = false;
        if whole || !ask() {
            return Prepared::Ground(Box::new(ground), Box::new(root), closed);
        }
        let decided = decide(&ground, &root, pool, &mut proof, &mut closed);
        let left: Vec<usize> = (0..form.n).filter(|&j| decided[j] != Kind::Out).collect();
        if left.is_empty() || (left.len() as f64) > (1.0 - WORTH) * form.n as f64 {
            return Prepared::Ground(Box::new(ground), Box::new(root), closed);
        }
        kind = left.iter().map(|&j| decided[j]).collect();
        pool.keep(&left);
        form = form.only(&left);
    }
}

/// Prepares a form for the distances L1 and L∞; the counts become rows as well.
pub(crate) fn prepare_norms(
    mut form: Form,
    kind: Vec<Kind>,
    pool: &mut Pool,
    ask: Ask<'_>,
) -> Prepared<Norms> {
    form.add_count_rows();
    let terms = Terms::none(&form);
    let scale = (0..form.n).map(|j| form.column(j).iter().map(|a| a * a).sum::<f64>().sqrt()).collect();
    let plain = Terms::sharp(&form);
    let ground = Ground { relaxation: Norms::new(form.clone()), form, terms, plain, scale };
    let (root, end) = ground.relaxation.solve(kind, ask);
    let mut proof = Proof::default();
    ground.prove(&root, &mut proof);
    if end == End::Infeasible && proof.bound >= ground.form.most() {
        return Prepared::Infeasible;
    }
    heuristics::round(&ground, &root, pool, ask);
    Prepared::Ground(Box::new(ground), Box::new(root), f64::INFINITY)
}

/// What the root's bound decides, once a mix is known.
fn decide(
    ground: &Ground<Squares>,
    root: &State,
    pool: &Pool,
    proof: &mut Proof,
    closed: &mut f64,
) -> Vec<Kind> {
    let mut kind = root.kind.clone();
    let limit = pool.cutoff();
    ground.prove(root, proof);
    for (j, kind) in kind.iter_mut().enumerate().filter(|(_, kind)| **kind == Kind::Open) {
        for (other, decision) in [(Kind::In, Kind::Out), (Kind::Out, Kind::In)] {
            let bound = proof.if_decided(j, other);
            if bound >= limit {
                *closed = closed.min(bound);
                *kind = decision;
                break;
            }
        }
    }
    kind
}

/// What is added to every input's curvature: so little that it costs the bound less than a gap can see, and not so
/// little that rounding rules.
fn nudge(scale: &[f64], pool: &Pool) -> f64 {
    let mean = scale.iter().map(|s| s * s).sum::<f64>() / scale.len().max(1) as f64;
    let mean = if mean > 0.0 { mean } else { 1.0 };
    let seen = pool.best().map_or(f64::INFINITY, |best| {
        1e-8 * best.value / best.weights.iter().map(|w| w * w).sum::<f64>().max(f64::MIN_POSITIVE)
    });
    seen.clamp(1e-13 * mean, 1e-9 * mean).max(f64::MIN_POSITIVE)
}

/// One form with the best diagonal so far.
struct Stage {
    gram: Option<Arc<Mat<f64>>>,
    ground: Ground<Squares>,
    root: State,
    proof: Proof,
    nudge: f64,
}

impl Stage {
    /// The relaxation without a diagonal; none if no weights keep the limits.
    fn new(form: &Form, kind: Vec<Kind>, pool: &Pool, ask: Ask<'_>) -> Option<Self> {
        let gram = (form.n <= WHOLE).then(|| Arc::new(gram(form)));
        let own = |j: usize| form.column(j).iter().map(|a| a * a).sum::<f64>() + form.ridge;
        let scale: Vec<f64> = (0..form.n).map(|j| own(j).sqrt()).collect();
        let nudge = nudge(&scale, pool);
        let terms = Terms::none(form);
        let model =
            Model::new(form, gram.as_deref().map(Mat::as_ref), &terms.diagonal, &terms.price, 0.0, nudge);
        let plain = Terms::sharp(form);
        let ground = Ground { form: form.clone(), relaxation: Squares { model }, terms, plain, scale };
        let (root, end) = ground.relaxation.solve(kind, ask);
        let mut stage = Self { gram, ground, root, proof: Proof::default(), nudge };
        stage.ground.prove(&stage.root, &mut stage.proof);
        // Only what is proven to be so is infeasible.
        let is_proven = end == End::Infeasible && stage.proof.bound >= stage.ground.form.most();
        (!is_proven).then_some(stage)
    }

    /// Raises the bound with a diagonal and prices, as long as that helps.
    fn raise(mut self, pool: &mut Pool, begins: bool, ask: Ask<'_>) -> Self {
        if begins {
            heuristics::round(&self.ground, &self.root, pool, ask);
            self.nudge = nudge(&self.ground.scale, pool);
            if let Some(next) =
                self.with(self.ground.terms.diagonal.clone(), self.ground.terms.own.clone(), ask)
            {
                self = next;
            }
        }
        self.set_prices(ask);
        if self.gram.is_none() {
            return self;
        }
        let n = self.ground.form.n;
        let mut weight: Vec<f64> = (0..n).map(|j| if self.is_open(j) { 1.0 } else { 0.0 }).collect();
        let mut diagonal = vec![0.0; n];
        for round in 0..ROUNDS {
            let Some(gram) = &self.gram else { break };
            diagonal = diagonal::spare(gram.as_ref().as_ref(), &weight, &diagonal, SWEEPS, ask);
            if diagonal.iter().all(|d| *d == 0.0) {
                break;
            }
            let Some(mut next) = self.with(diagonal.clone(), self.ground.terms.own.clone(), ask) else {
                break;
            };
            if round % 4 == 0 {
                next.set_prices(ask);
            }
            for (j, weight) in weight.iter_mut().enumerate().filter(|(j, _)| self.is_open(*j)) {
                let (w, low) = (next.root.w[j], next.ground.relaxation.model.knee[j]);
                let hole = (w * (low - w)).max(0.0) / (low * low).max(f64::MIN_POSITIVE);
                *weight = 0.5 * *weight + 0.5 * hole;
            }
            if round == 0 {
                heuristics::round(&next.ground, &next.root, pool, ask);
            }
            if next.proof.bound > self.proof.bound {
                self = next;
            }
            if self.proof.bound >= pool.cutoff() || !ask() {
                break;
            }
        }
        self
    }

    fn is_open(&self, j: usize) -> bool {
        self.root.kind[j] == Kind::Open
    }

    /// The same form with another diagonal and other prices.
    fn with(&self, diagonal: Vec<f64>, prices: Vec<f64>, ask: Ask<'_>) -> Option<Self> {
        let form = &self.ground.form;
        let terms = Terms::new(form, diagonal, prices);
        let gram = self.gram.as_deref().map(Mat::as_ref);
        let model = Model::new(form, gram, &terms.diagonal, &terms.price, terms.refund, self.nudge);
        let scale = self.ground.scale.clone();
        let plain = self.ground.plain.clone();
        let ground = Ground { form: form.clone(), relaxation: Squares { model }, terms, plain, scale };
        let (root, end) = ground.relaxation.solve(self.root.kind.clone(), ask);
        if end != End::Reached {
            return None;
        }
        let mut proof = Proof::default();
        ground.prove(&root, &mut proof);
        Some(Self { gram: self.gram.clone(), ground, root, proof, nudge: self.nudge })
    }

    /// Finds for each count the price at which the relaxation keeps it, one after the other: the bound is concave
    /// in the price, with the excess of the count as its slope.
    fn set_prices(&mut self, ask: Ask<'_>) {
        for k in 0..self.ground.form.counts.len() {
            let (least, most) = (self.ground.form.counts[k].least, self.ground.form.counts[k].most);
            let used = self.usage(k);
            let (limit, sign) = if used > most as f64 + 1e-9 {
                (most as f64, 1.0)
            } else if used < least as f64 - 1e-9 {
                (least as f64, -1.0)
            } else {
                continue;
            };
            // The greatest price that can matter is what the whole objective is worth.
            let worth = self.root.value(&self.ground.relaxation.model).abs()
                + self.ground.form.objective(&self.root.w);
            let (mut none, mut enough) = (0.0, worth.max(f64::MIN_POSITIVE));
            for _ in 0..HALVINGS {
                let price = if none == 0.0 { enough * 0.1 } else { f64::midpoint(none, enough) };
                let mut prices = self.ground.terms.own.clone();
                prices[k] = sign * price;
                let Some(next) = self.with(self.ground.terms.diagonal.clone(), prices, ask) else { break };
                if (next.usage(k) - limit) * sign > 0.0 {
                    none = price;
                } else {
                    enough = price;
                }
                if next.proof.bound > self.proof.bound {
                    *self = next;
                }
                if price < worth * 1e-9 {
                    break;
                }
            }
        }
    }

    /// How many members of count `k` the relaxation uses, in parts.
    fn usage(&self, k: usize) -> f64 {
        let model = &self.ground.relaxation.model;
        let share = |j: usize| match self.root.kind[j] {
            Kind::In => 1.0,
            Kind::Out => 0.0,
            Kind::Open if self.root.w[j] <= 0.0 => 0.0,
            Kind::Open => (self.root.w[j] / model.knee[j].max(f64::MIN_POSITIVE)).min(1.0),
        };
        let members = self.ground.form.counts[k].is_member.iter().enumerate();
        members.filter(|(_, is_member)| **is_member).map(|(j, _)| share(j)).sum()
    }
}
