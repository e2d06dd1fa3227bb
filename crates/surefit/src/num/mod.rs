//! Arithmetic that the rest of the engine stands on: more digits where `f64` runs out of them.

pub(crate) mod aligned;
pub(crate) mod beta;
// A loop over these compiles to vector instructions only when all of it is inlined.
#[allow(clippy::inline_always)]
mod dd;
pub(crate) mod dense;
pub(crate) mod eigen;
pub(crate) mod exp;
pub(crate) mod random;
pub(crate) mod simd;
pub(crate) mod skinny;
pub(crate) mod syrk;
pub(crate) mod wide;

pub use dd::Dd;

/// The unit roundoff of `f64`, `2⁻⁵³`: the largest relative error of one rounded operation.
pub const UNIT_ROUNDOFF: f64 = f64::EPSILON / 2.0;

/// The nearest number of single precision.
#[expect(clippy::cast_possible_truncation, reason = "rounding is meant")]
pub(crate) fn narrow(value: f64) -> f32 {
    value as f32
}
