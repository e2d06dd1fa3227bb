//! Mixes: weights that are zero or inside their range, closest to a target, to a proven optimum.
//!
//! A person states a [`Problem`]; [`solve`] finds the best mix by branch and bound, and says with a [`Certificate`]
//! how far it is, at most, from the best possible one.
//!
//! ```
//! use surefit_mix::{Outcome, Problem, Settings, solve};
//!
//! // Three inputs in two rows; each weight is zero or at least .4, and they sum to 1.
//! let inputs = ["a", "b", "c"].map(str::to_owned).to_vec();
//! let problem = Problem::new(inputs, vec![1.0, 0.0, 0.0, 1.0, 1.0, 1.0], vec![0.9, 0.3], 0.4, 1.0);
//! let Outcome::Solved(solution) = solve(&problem, &Settings::default(), &|_| true)? else { panic!() };
//! assert!(solution.is_certified);
//! assert!(solution.best.weights.iter().all(|w| *w == 0.0 || *w >= 0.4));
//! # Ok::<(), surefit_mix::Error>(())
//! ```

#![allow(clippy::inline_always, reason = "kernels must be compiled inside the dispatch on the processor")]
#![allow(clippy::needless_range_loop, reason = "several arrays are walked side by side")]

mod bound;
mod certificate;
mod core;
mod diagonal;
mod error;
mod expression;
mod form;
mod infeasible;
mod polish;
mod prepare;
mod presolve;
mod problem;
mod relaxed;
mod search;
mod solve;
mod validate;

pub use certificate::Certificate;
pub use error::{Error, Result};
pub use infeasible::Conflict;
pub use problem::{Count, Distance, Limit, Problem, Range};
pub use solve::{Mix, Outcome, Progress, Settings, Solution, solve};
