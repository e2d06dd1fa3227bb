//! One share of a round: the best part of the tree below one open node. What a task does depends on its node and on
//! what was known when the round began, never on the thread that runs it.

use super::branching::{Costs, score};
use super::pool::Pool;
use super::record::{Record, Step, Witness};
use super::relaxation::{Ground, Relaxation};
use super::{Node, SLACK};
use crate::bound::{Dual, Proof};
use crate::core::{End, Kind, always};
use crate::polish::{hold, polish, sharpen};
use crate::presolve::propagate;
use crate::problem::Distance;

/// Trials at a node at most, and trials in vain that end them.
const TRIALS: usize = 12;
const IN_VAIN: usize = 5;

/// A share of a round, and what it found.
pub(crate) struct Task<'a, R: Relaxation> {
    ground: &'a Ground<R>,
    pub(crate) pool: Pool,
    pub(crate) open: Vec<Node<R::Packed>>,
    /// The lowest bound of a closed leaf.
    pub(crate) closed: f64,
    pub(crate) costs: Costs,
    pub(crate) record: Record,
    pub(crate) nodes: u64,
    proof: Proof,
    number: u64,
    /// The record of the node at hand.
    at: u32,
}

/// An input that may be decided: its score, its number, the fraction of its hole that it has crossed, and what became
/// of both choices where they were tried.
type Candidate<S> = (f64, usize, f64, Option<[S; 2]>);

/// What became of a node.
enum Fate {
    /// Nothing below it is wanted.
    Closed,
    /// The state was decided further.
    Deeper,
}

impl<'a, R: Relaxation> Task<'a, R> {
    pub(crate) fn new(ground: &'a Ground<R>, costs: &Costs, pool: &Pool, keeps: bool) -> Self {
        Self {
            ground,
            pool: pool.clone(),
            open: Vec::new(),
            closed: f64::INFINITY,
            costs: costs.copy(),
            record: Record::new(keeps),
            nodes: 0,
            proof: Proof::default(),
            number: 0,
            at: 0,
        }
    }

    /// Works on `node` and what is below it, `budget` nodes, or until `ask` says no.
    pub(crate) fn run(
        &mut self,
        node: &Node<R::Packed>,
        mut state: R::State,
        budget: usize,
        ask: &dyn Fn() -> bool,
    ) {
        self.number = node.number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.ground.relaxation.unpack(&node.packed, &mut state);
        let mut bound = node.bound;
        for _ in 0..budget {
            if !ask() {
                break;
            }
            self.nodes += 1;
            match self.visit(&mut state, &mut bound) {
                Fate::Deeper => {}
                Fate::Closed => {
                    let Some(next) = self.best_open() else { return };
                    self.ground.relaxation.unpack(&next.packed, &mut state);
                    (bound, self.at) = (next.bound, next.record);
                }
            }
        }
        self.push(&state, bound, self.at);
    }

    fn best_open(&mut self) -> Option<Node<R::Packed>> {
        let best = (0..self.open.len())
            .min_by(|&a, &b| self.open[a].bound.total_cmp(&self.open[b].bound).then(b.cmp(&a)))?;
        Some(self.open.swap_remove(best))
    }

    fn push(&mut self, state: &R::State, bound: f64, record: u32) {
        self.number = self.number.wrapping_add(1);
        let packed = self.ground.relaxation.pack(state);
        self.open.push(Node { bound, number: self.number, record, packed });
    }

    /// Closes a node if its bound is proven to be above the cutoff.
    fn close(&mut self, state: &R::State, record: u32) -> bool {
        self.ground.prove(state, &mut self.proof);
        let closes = self.proof.bound >= self.pool.cutoff();
        if closes {
            self.closed = self.closed.min(self.proof.bound);
            self.record.step(record, || Step::Closed(Witness::new(self.ground.relaxation.dual(state))));
        }
        closes
    }

    /// Closes a node whose relaxation is solved by a mix, with the sharpest bound there is.
    fn close_sharply(&mut self, state: &R::State) -> bool {
        if self.close(state, self.at) {
            return true;
        }
        let (bound, witness) = self.sharpest(state);
        let closes = bound >= self.pool.cutoff();
        if closes {
            self.closed = self.closed.min(bound);
            self.record.step(self.at, || Step::Closed(witness));
        }
        closes
    }

    /// The highest bound of a state, and what proves it: its own dual point or the sharpened one, with the diagonal
    /// or without it. Near an exact mix the diagonal's terms are all that is left to round.
    fn sharpest(&mut self, state: &R::State) -> (f64, Witness) {
        let (ground, relaxation) = (self.ground, &self.ground.relaxation);
        let own = relaxation.dual(state);
        let mut best = (self.highest(own, state), Witness::new(own));
        let is_square = ground.form.distance == Distance::L2;
        let sharp = if is_square { sharpen(&ground.form, relaxation.weights(state)) } else { None };
        let Some((point, mut multipliers)) = sharp else { return best };
        if multipliers.is_empty() {
            multipliers = own.multipliers.to_vec();
            hold(&ground.form, relaxation.kind(state), &point, &mut multipliers);
        }
        let dual = Dual { point: &point, multipliers: &multipliers };
        let bound = self.highest(dual, state);
        if bound > best.0 {
            best = (bound, Witness::new(dual));
        }
        best
    }

    /// What a dual point proves of a state, with the diagonal or without it.
    fn highest(&mut self, dual: Dual<'_>, state: &R::State) -> f64 {
        let (ground, kind) = (self.ground, self.ground.relaxation.kind(state));
        let with = |terms, proof: &mut Proof| {
            proof.prove(&ground.form, terms, dual, kind);
            proof.bound
        };
        with(&ground.terms, &mut self.proof).max(with(&ground.plain, &mut self.proof))
    }

    /// Closes a node that nothing is left to decide in, with the bound that is proven.
    fn end(&mut self, state: &R::State) -> Fate {
        let mut kind = self.ground.relaxation.kind(state).to_vec();
        if propagate(&self.ground.form, &mut kind).is_err() {
            self.record.step(self.at, || Step::Empty);
            return Fate::Closed;
        }
        let (bound, witness) = self.sharpest(state);
        self.closed = self.closed.min(bound);
        self.record.step(self.at, || Step::Closed(witness));
        Fate::Closed
    }

    fn visit(&mut self, state: &mut R::State, bound: &mut f64) -> Fate {
        let relaxation = &self.ground.relaxation;
        if !self.follow_limits(state) {
            return Fate::Closed;
        }
        let mut value = relaxation.value(state);
        if value < *bound - 1e-6 * bound.abs() {
            // Decisions do not lower the value: rounding has led the path astray.
            (*state, _) = relaxation.solve(relaxation.kind(state).to_vec(), &always);
            value = relaxation.value(state);
        }
        *bound = bound.max(value - SLACK * value.abs());
        if value >= self.pool.cutoff() && self.close(state, self.at) {
            return Fate::Closed;
        }
        self.fix(state, value);
        let tolerance = SLACK * value.abs();
        let mut candidates: Vec<(f64, usize)> = (0..self.ground.form.n)
            .filter(|&j| relaxation.kind(state)[j] == Kind::Open && relaxation.hole(state, j) > tolerance)
            .map(|j| {
                let (w, low) = (relaxation.weights(state)[j], self.ground.form.low[j]);
                (w.min(low - w).max(1e-12) * self.ground.scale[j], j)
            })
            .collect();
        if candidates.is_empty() {
            self.offer(state);
            if self.close_sharply(state) {
                return Fate::Closed;
            }
            // A mix, or nearly: what is still open decides whether there are others that are wanted.
            let Some(j) = self.any_open(state) else { return self.end(state) };
            candidates.push((0.0, j));
        }
        candidates.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        self.branch(state, bound, value, &candidates)
    }

    /// Decides what the limits leave no choice in. False when they leave no mix, or none that is wanted.
    fn follow_limits(&mut self, state: &mut R::State) -> bool {
        let relaxation = &self.ground.relaxation;
        let mut kind = relaxation.kind(state).to_vec();
        match propagate(&self.ground.form, &mut kind) {
            Err(_) => {
                self.record.step(self.at, || Step::Empty);
                return false;
            }
            Ok(false) => return true,
            Ok(true) => {}
        }
        self.record.step(self.at, || {
            let pairs = (0_u32..).zip(kind.iter().zip(relaxation.kind(state)));
            Step::Forced(pairs.filter(|(_, (now, was))| now != was).map(|(j, (now, _))| (j, *now)).collect())
        });
        for j in 0..kind.len() {
            if kind[j] != relaxation.kind(state)[j] {
                match self.child(state, j, kind[j]) {
                    Ok(next) => *state = next,
                    Err(witness) => {
                        self.record.step(self.at, || Step::Closed(witness));
                        return false;
                    }
                }
            }
        }
        true
    }

    /// Decides inputs whose other choice the bound excludes.
    fn fix(&mut self, state: &mut R::State, value: f64) {
        let (relaxation, limit) = (&self.ground.relaxation, self.pool.cutoff());
        let room = limit - value;
        let n = self.ground.form.n;
        let likely = |state: &R::State, j: usize| {
            let other = relaxation.other(state, j).filter(|_| relaxation.kind(state)[j] == Kind::Open);
            other.filter(|(_, rise)| *rise >= room)
        };
        let found: Vec<(usize, Kind)> =
            (0..n).filter_map(|j| likely(state, j).map(|(other, _)| (j, other))).collect();
        if found.is_empty() {
            return;
        }
        self.ground.prove(state, &mut self.proof);
        let proof = &self.proof;
        let proven: Vec<(u32, Kind)> = found
            .into_iter()
            .filter(|&(j, other)| proof.if_decided(j, other) >= limit)
            .filter_map(|(j, other)| Some((u32::try_from(j).ok()?, other)))
            .map(|(j, other)| (j, if other == Kind::In { Kind::Out } else { Kind::In }))
            .collect();
        if proven.is_empty() {
            return;
        }
        for &(j, kind) in &proven {
            let other = if kind == Kind::In { Kind::Out } else { Kind::In };
            self.closed = self.closed.min(self.proof.if_decided(j as usize, other));
        }
        let dual = relaxation.dual(state);
        self.record.step(self.at, || Step::Fixed(proven.clone(), Witness::new(dual)));
        for (j, kind) in proven {
            relaxation.note(state, j as usize, kind);
        }
    }

    /// Takes the state's weights as a mix, solved again for their support alone.
    fn offer(&mut self, state: &R::State) {
        let (relaxation, form) = (&self.ground.relaxation, &self.ground.form);
        let weights = relaxation.weights(state);
        let kind = (0..form.n).map(|j| {
            let used = weights[j] > 0.5 * form.low[j] || !form.optional[j];
            if used { Kind::In } else { Kind::Out }
        });
        let kind: Vec<Kind> = kind.collect();
        let (solved, end) = relaxation.solve(kind.clone(), &always);
        let mut weights = relaxation.weights(&solved).to_vec();
        if end != End::Reached || !form.allows(&weights) {
            // Rounding has the last word on nearly singular forms; Newton's method on the original one does not
            // mind.
            weights.clear();
            weights.extend_from_slice(relaxation.weights(state));
            weights
                .iter_mut()
                .zip(&kind)
                .for_each(|(w, kind)| *w = if *kind == Kind::Out { 0.0 } else { *w });
            polish(form, &mut weights);
        }
        self.pool.offer(form, &weights);
    }

    /// An open input, in use if possible.
    fn any_open(&self, state: &R::State) -> Option<usize> {
        let (kind, weights) = (self.ground.relaxation.kind(state), self.ground.relaxation.weights(state));
        let open = || (0..kind.len()).filter(|&j| kind[j] == Kind::Open);
        open().max_by(|&a, &b| weights[a].total_cmp(&weights[b]).then(b.cmp(&a)))
    }

    /// Decides `j` in a copy of the state, and goes on to the optimum of that; what closes it, if the certificate
    /// does.
    fn child(&mut self, state: &R::State, j: usize, kind: Kind) -> Result<R::State, Witness> {
        let relaxation = &self.ground.relaxation;
        let limit = self.pool.cutoff();
        let mut child = state.clone();
        let mut end = relaxation.decide(&mut child, j, kind, limit + 10.0 * SLACK * limit.abs());
        if matches!(end, End::Above | End::Infeasible) {
            if let Some(witness) = self.closes(&child) {
                return Err(witness);
            }
            child = state.clone();
            end = relaxation.decide(&mut child, j, kind, f64::INFINITY);
        }
        if end != End::Reached {
            let (solved, end) = relaxation.solve(relaxation.kind(&child).to_vec(), &always);
            child = solved;
            if end == End::Infeasible
                && let Some(witness) = self.closes(&child)
            {
                return Err(witness);
            }
        }
        Ok(child)
    }

    /// What closes a state, if its bound is above the cutoff.
    fn closes(&mut self, state: &R::State) -> Option<Witness> {
        self.ground.prove(state, &mut self.proof);
        if self.proof.bound < self.pool.cutoff() {
            return None;
        }
        self.closed = self.closed.min(self.proof.bound);
        let dual = self.ground.relaxation.dual(state);
        Some(if self.record.keeps { Witness::new(dual) } else { Witness::default() })
    }

    /// Both sides of a decision.
    fn children(&mut self, state: &R::State, j: usize) -> [Result<R::State, Witness>; 2] {
        [self.child(state, j, Kind::Out), self.child(state, j, Kind::In)]
    }

    /// Chooses an input and decides it: the better side is gone on with, the other opened.
    fn branch(
        &mut self,
        state: &mut R::State,
        bound: &mut f64,
        value: f64,
        candidates: &[(f64, usize)],
    ) -> Fate {
        let fractions: Vec<f64> = {
            let weights = self.ground.relaxation.weights(state);
            let low = &self.ground.form.low;
            candidates.iter().map(|&(_, j)| (weights[j] / low[j].max(1e-300)).clamp(0.0, 1.0)).collect()
        };
        let means = [self.costs.mean(0), self.costs.mean(1)];
        let mut order: Vec<(f64, usize, f64)> = candidates
            .iter()
            .zip(fractions)
            .map(|(&(_, j), f)| {
                let out = self.costs.expected(j, 0, f, means[0]);
                (score(out, self.costs.expected(j, 1, 1.0 - f, means[1])), j, f)
            })
            .collect();
        order.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        let mut best: Option<Candidate<R::State>> = None;
        let (mut trials, mut in_vain) = (0, 0);
        for &(expected, j, f) in &order {
            let mut found = (expected, j, f, None);
            if !self.costs.is_reliable(j) && trials < TRIALS {
                trials += 1;
                let children = self.children(state, j);
                let gains = self.learn(&children, j, f, value);
                match children {
                    [Ok(out), Ok(into)] => found = (score(gains[0], gains[1]), j, f, Some([out, into])),
                    children => return self.go_on(state, bound, j, children),
                }
            }
            if best.as_ref().is_none_or(|best| found.0 > best.0) {
                best = Some(found);
                in_vain = 0;
            } else {
                in_vain += 1;
                if in_vain >= IN_VAIN {
                    break;
                }
            }
        }
        let Some((_, j, f, children)) = best else { return self.end(state) };
        let children = if let Some(children) = children {
            children.map(Ok)
        } else {
            let children = self.children(state, j);
            self.learn(&children, j, f, value);
            children
        };
        self.go_on(state, bound, j, children)
    }

    /// Goes on with the better side of a decision that is open, and opens the other.
    fn go_on(
        &mut self,
        state: &mut R::State,
        bound: &mut f64,
        j: usize,
        children: [Result<R::State, Witness>; 2],
    ) -> Fate {
        let nodes = [self.record.node(), self.record.node()];
        let j = u32::try_from(j).unwrap_or(u32::MAX);
        self.record.step(self.at, || Step::Branched(j, nodes[0], nodes[1]));
        let mut left = Vec::with_capacity(2);
        for (child, node) in children.into_iter().zip(nodes) {
            match child {
                Ok(child) => left.push((self.ground.relaxation.value(&child), node, child)),
                Err(witness) => self.record.step(node, || Step::Closed(witness)),
            }
        }
        left.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut left = left.into_iter();
        let Some((_, node, first)) = left.next() else { return Fate::Closed };
        if let Some((reached, other, second)) = left.next() {
            self.push(&second, bound.max(reached - SLACK * reached.abs()), other);
        }
        (*state, self.at) = (first, node);
        Fate::Deeper
    }

    /// Keeps what the decision did to the bound.
    fn learn(&mut self, children: &[Result<R::State, Witness>; 2], j: usize, f: f64, value: f64) -> [f64; 2] {
        let limit = self.pool.cutoff();
        let gains = children.each_ref().map(|child| {
            let reached = child.as_ref().map_or(limit, |child| self.ground.relaxation.value(child));
            (reached.min(limit) - value).max(0.0)
        });
        for (side, (&gain, fraction)) in gains.iter().zip([f, 1.0 - f]).enumerate() {
            if gain.is_finite() {
                self.costs.record(j, side, gain, fraction);
            }
        }
        gains
    }
}
