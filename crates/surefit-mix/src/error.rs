//! What can be wrong with a problem, as facts; `hints` gives the ways out.

/// The result of everything here that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A problem that makes no sense. (One that makes sense but allows no mix is [`crate::Outcome::Infeasible`].)
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No input.
    #[error("there is no input to mix")]
    NoInputs,
    /// No row.
    #[error("there is no row to compare the mix with the target in")]
    NoRows,
    /// Lengths that do not fit.
    #[error("{what}: {found} values, expected {expected}")]
    Shape {
        /// Of what.
        what: &'static str,
        /// Values found.
        found: usize,
        /// Values expected.
        expected: usize,
    },
    /// NaN or infinity among the numbers.
    #[error("{what} is {value} in row {row}")]
    NotFinite {
        /// The input's name, or "the target".
        what: String,
        /// From 1.
        row: usize,
        /// The number.
        value: f64,
    },
    /// Numbers that cannot be squared and summed.
    #[error("`{input}` has the value {value:e}: sums of its powers may leave the range of numbers")]
    TooLarge {
        /// The input's name, or "the target".
        input: String,
        /// The number.
        value: f64,
    },
    /// Numbers whose squares vanish.
    #[error("the largest of all numbers is {value:e}: its square is too small to be told from 0")]
    TooSmall {
        /// The number.
        value: f64,
    },
    /// More inputs than a simplex basis is kept for.
    #[error("{inputs} inputs are left to choose from, and the distances l1 and linf take {most} at most")]
    TooManyInputs {
        /// Inputs that the limits leave.
        inputs: usize,
        /// So many are taken.
        most: usize,
    },
    /// A range that is upside down or not a number.
    #[error("the range of `{input}` is {low}..{high}: its low end is above its high end")]
    Range {
        /// The input's name.
        input: String,
        /// Its low end.
        low: f64,
        /// Its high end.
        high: f64,
    },
    /// A limit that is upside down or not a number.
    #[error("{name} is limited to {low}..{high}: its low end is above its high end")]
    Limit {
        /// The limit's name.
        name: String,
        /// Its low end.
        low: f64,
        /// Its high end.
        high: f64,
    },
    /// A count that is upside down.
    #[error("{name} asks for at least {least} and at most {most} inputs")]
    Count {
        /// The count's name.
        name: String,
        /// At least.
        least: usize,
        /// At most.
        most: usize,
    },
    /// A number in a limit that is not finite.
    #[error("{name} has the coefficient {value} for `{input}`")]
    Coefficient {
        /// The limit's name.
        name: String,
        /// The input's name.
        input: String,
        /// The number.
        value: f64,
    },
    /// Nothing bounds a weight.
    #[error("nothing bounds the weight of `{input}`: neither its range nor a limit")]
    Unbounded {
        /// The input's name.
        input: String,
    },
    /// A ridge that is negative, not a number, or beside another distance than L2.
    #[error("{what}")]
    Ridge {
        /// The sentence.
        what: String,
    },
    /// A row weight that is negative or not a number.
    #[error("the row weight in row {row} is {value}")]
    RowWeight {
        /// From 1.
        row: usize,
        /// The number.
        value: f64,
    },
    /// An input that nobody knows.
    #[error("{asked_by} names `{name}`, which is no input")]
    UnknownInput {
        /// The name.
        name: String,
        /// Where it was asked for: "must", a group, a constraint.
        asked_by: String,
        /// The nearest name.
        near: Option<String>,
    },
    /// A constraint in words that could not be read.
    #[error("the constraint `{text}` cannot be read: {what}")]
    Expression {
        /// As it was typed.
        text: String,
        /// What is wrong with it.
        what: String,
        /// Where, in characters from 0.
        at: usize,
    },
    /// At least so many of inputs whose ranges do not say whether they are used.
    #[error("{least} or more inputs are asked for ({name}), but `{input}` may have any weight down to 0")]
    LeastThroughZero {
        /// The count's name.
        name: String,
        /// At least.
        least: usize,
        /// The input's name.
        input: String,
    },
}

impl Error {
    /// The ways out, most useful first.
    pub fn hints(&self) -> Vec<String> {
        let hint = match self {
            Self::NoInputs => "name at least one input column".to_owned(),
            Self::NoRows | Self::Shape { .. } => "give every input and the target one value a row".to_owned(),
            Self::NotFinite { .. } => "drop the row, or fill the value in".to_owned(),
            Self::TooLarge { .. } => "divide the inputs and the target by one number".to_owned(),
            Self::Range { low, high, .. } | Self::Limit { low, high, .. } => {
                format!("write {high}..{low}, if that is meant")
            }
            Self::Count { .. } => "ask for no more than are allowed".to_owned(),
            Self::Coefficient { .. } => "use a finite number".to_owned(),
            Self::Unbounded { .. } => "give the weights a greatest value, or a sum".to_owned(),
            Self::Ridge { .. } => "leave the ridge out".to_owned(),
            Self::RowWeight { .. } => {
                "weights of rows are 0 or more: how many times the row counts".to_owned()
            }
            Self::UnknownInput { near, .. } => match near {
                Some(near) => format!("did you mean `{near}`?"),
                None => "the inputs are the columns that are mixed, without the target".to_owned(),
            },
            Self::Expression { .. } => {
                "write it as `a + 2 b <= .5`, names with spaces in back quotes".to_owned()
            }
            Self::LeastThroughZero { .. } => {
                "give the inputs a least weight: it says what is used".to_owned()
            }
            Self::TooManyInputs { .. } => {
                "take the distance l2, or leave inputs out: the distance l2 tells which come close".to_owned()
            }
            Self::TooSmall { .. } => "multiply the inputs and the target by one number".to_owned(),
        };
        vec![hint]
    }
}
