//! The convex core: the mix without its holes, solved exactly along a path of optima.
//!
//! At a node of the search every input has an interval and a convex cost `φ` in place of its hole: with the
//! diagonal `d` that the form `Q − D` can spare, `φ` is the convex envelope of `d w²` (plus the price `ν` of being
//! used) on `{0} ∪ [low, high]`: a straight line from 0 to a knee, then the parabola (mathematics of the
//! perspective: Frangioni & Gentile 2006). The node asks for
//!
//!   min  wᵀHw − 2cᵀw + Σ φ(w)   over  0 ≤ w ≤ high,  b ≤ Cw ≤ B,      H = Q − D.
//!
//! [`State`] is an optimum of it: each input stands at a point (0, the knee, an end) or is free on a piece, each
//! row is active or not, and the factor of the free inputs is kept. One input is then *driven* to where a child of
//! the node wants it, while all others stay optimal: a path of straight pieces between events (an input reaches an
//! end of its piece, a force reaches the end of its window, a row becomes active or lets go). This is the
//! parametric active-set method (Best 1996; Ferreau, Bock & Diehl 2008) with a separable cost of pieces.
//! On the way each point is the optimum of a relaxation of the child, so a value above the cutoff ends the way.
//!
//! The *force* on an input is what the multipliers and the form press with: `v = Cᵀλ − 2(Hw − c)`; it is in
//! balance where `v ∈ ∂φ(w)` plus the normal cone of the interval.

mod direction;
mod events;
mod factor;
mod model;
mod path;
mod state;

/// Whether to go on.
pub(crate) type Ask<'a> = &'a dyn Fn() -> bool;

/// The [`Ask`] of what is short.
pub(crate) fn always() -> bool {
    true
}

pub(crate) use factor::add;
pub(crate) use model::{Model, WHOLE, gram};
pub(crate) use path::End;
pub(crate) use state::{At, Kind, RowAt, State};
