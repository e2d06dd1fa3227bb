//! Why no mix keeps the limits, in the names of the person who asked.

use crate::problem::Problem;

/// A reason.
#[derive(Clone, Debug, PartialEq)]
pub struct Conflict {
    /// One sentence with the arithmetic.
    pub what: String,
    /// The limits that contradict each other, by name.
    pub limits: Vec<String>,
    /// The least changes that would mend it, one at a time.
    pub relaxations: Vec<String>,
}

/// Explains a problem that allows no mix.
pub(crate) fn explain(_problem: &Problem) -> Conflict {
    Conflict { what: "no mix keeps the limits".to_owned(), limits: Vec::new(), relaxations: Vec::new() }
}
