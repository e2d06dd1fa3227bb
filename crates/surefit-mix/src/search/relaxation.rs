//! What the search asks of a relaxation, and the one for squares.

use crate::bound::{Dual, Proof, Terms};
use crate::core::{Ask, At, End, Kind, Model, RowAt, State, always};
use crate::form::Form;

/// A convex relaxation whose optimum follows decisions.
pub(crate) trait Relaxation: Sync {
    /// Where an optimum stands.
    type State: Clone + Send + Sync;
    /// The same, compact.
    type Packed: Clone + Send + Sync;

    /// The optimum under these decisions, from nothing; stalled where `ask` says no before.
    fn solve(&self, kind: Vec<Kind>, ask: Ask<'_>) -> (Self::State, End);
    /// Decides input `j`, and goes on to the optimum of that, or until the value is above the cutoff.
    fn decide(&self, state: &mut Self::State, j: usize, kind: Kind, cutoff: f64) -> End;
    /// Packs a state.
    fn pack(&self, state: &Self::State) -> Self::Packed;
    /// Unpacks it.
    fn unpack(&self, packed: &Self::Packed, state: &mut Self::State);
    /// The value of the relaxation.
    fn value(&self, state: &Self::State) -> f64;
    /// The decisions.
    fn kind<'a>(&self, state: &'a Self::State) -> &'a [Kind];
    /// Notes a decision that the state already keeps.
    fn note(&self, state: &mut Self::State, j: usize, kind: Kind);
    /// The weights.
    fn weights<'a>(&self, state: &'a Self::State) -> &'a [f64];
    /// What the state proves.
    fn dual<'a>(&self, state: &'a Self::State) -> Dual<'a>;
    /// How hard input `j` is pressed to be used more.
    fn force(&self, state: &Self::State, j: usize) -> f64;
    /// How much the bound would rise if open input `j` were decided the other way than it stands, and that way.
    fn other(&self, state: &Self::State, j: usize) -> Option<(Kind, f64)>;
    /// By how much the value would rise without the hole's convexification of input `j`: infinite inside the hole.
    fn hole(&self, state: &Self::State, j: usize) -> f64;
}

/// Squares: the [core](crate::core) over a form with what it can spare.
#[derive(Clone, Debug)]
pub(crate) struct Squares {
    pub model: Model,
}

/// A packed [`State`].
#[derive(Clone, Debug)]
pub(crate) struct Packed {
    kind: Box<[Kind]>,
    at: Box<[At]>,
    row_at: Box<[RowAt]>,
    /// Where no input is free, nothing else tells the multipliers.
    lambda: Box<[f64]>,
}

impl Relaxation for Squares {
    type State = State;
    type Packed = Packed;

    fn solve(&self, kind: Vec<Kind>, ask: Ask<'_>) -> (State, End) {
        State::solve(&self.model, kind, ask)
    }

    fn decide(&self, state: &mut State, j: usize, kind: Kind, cutoff: f64) -> End {
        state.decide(&self.model, j, kind, cutoff)
    }

    fn pack(&self, state: &State) -> Packed {
        Packed {
            kind: state.kind.clone().into(),
            at: state.at.clone().into(),
            row_at: state.row_at.clone().into(),
            lambda: state.lambda.clone().into(),
        }
    }

    fn unpack(&self, packed: &Packed, state: &mut State) {
        if !state.restore(&self.model, &packed.kind, &packed.at, &packed.row_at, &packed.lambda) {
            (*state, _) = self.solve(packed.kind.to_vec(), &always);
        }
    }

    fn value(&self, state: &State) -> f64 {
        state.value(&self.model)
    }

    fn kind<'a>(&self, state: &'a State) -> &'a [Kind] {
        &state.kind
    }

    fn note(&self, state: &mut State, j: usize, kind: Kind) {
        state.note(&self.model, j, kind);
    }

    fn weights<'a>(&self, state: &'a State) -> &'a [f64] {
        &state.w
    }

    fn dual<'a>(&self, state: &'a State) -> Dual<'a> {
        Dual { point: &state.w, multipliers: &state.lambda }
    }

    fn force(&self, state: &State, j: usize) -> f64 {
        state.v[j]
    }

    fn other(&self, state: &State, j: usize) -> Option<(Kind, f64)> {
        let m = &self.model;
        let (d, g) = (m.diagonal[j], -state.v[j]);
        let (low, high) = (m.low[j], m.high[j]);
        let x = if d > 0.0 {
            (-0.5 * g / d).clamp(low, high)
        } else if g > 0.0 {
            low
        } else {
            high
        };
        let used = (d * x + g) * x + m.price[j];
        match state.at[j] {
            At::Low if used > 0.0 => Some((Kind::In, used)),
            At::Curve | At::High if used < 0.0 && state.w[j] >= low => Some((Kind::Out, -used)),
            _ => None,
        }
    }

    fn hole(&self, state: &State, j: usize) -> f64 {
        let (m, w) = (&self.model, state.w[j]);
        if w <= 1e-9 * m.low[j] {
            0.0
        } else if w < m.low[j] * (1.0 - 1e-9) {
            f64::INFINITY
        } else {
            m.diagonal[j] * w * w + m.price[j] - state.cost(m, j, w)
        }
    }
}

/// What all tasks share and none changes.
pub(crate) struct Ground<R> {
    /// The problem.
    pub form: Form,
    /// Its relaxation.
    pub relaxation: R,
    /// What its bounds are made of.
    pub terms: Terms,
    /// The same without diagonal and prices, for what lies near an exact mix.
    pub plain: Terms,
    /// Scales of the inputs, for branching.
    pub scale: Vec<f64>,
}

impl<R: Relaxation> Ground<R> {
    /// The certificate's bound of a state.
    pub(crate) fn prove(&self, state: &R::State, proof: &mut Proof) {
        proof.prove(&self.form, &self.terms, self.relaxation.dual(state), self.relaxation.kind(state));
    }
}
