//! What can go wrong, as facts. An error says what, where and the number in one sentence, `hints` gives
//! the ways out, and `kind` decides the exit code; colour and layout are the command line's business.

use crate::data::{DataError, FormulaError, ReadError};
use crate::model::ModelError;

/// The result of everything here that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Any failure of the engine.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file or stream that could not be read as a table.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A formula that does not parse, or does not fit the table.
    #[error(transparent)]
    Formula(#[from] FormulaError),
    /// Values that no model can be fitted to.
    #[error(transparent)]
    Data(#[from] DataError),
    /// A model file that could not be read, written or applied.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// A setting that makes no sense, or not together with another.
    #[error("{what}")]
    Usage {
        /// The sentence.
        what: String,
        /// The way out, an imperative sentence.
        hint: String,
    },
    /// Ctrl-C before there was any answer.
    #[error("interrupted before there was an answer")]
    Interrupted,
    /// A defect of surefit.
    #[error("internal error: {0}")]
    Internal(String),
}

/// What an error means to the caller; the command line's exit codes follow it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The request makes no sense (exit 2).
    Usage,
    /// The data or a file is at fault (exit 3).
    Data,
    /// Stopped from outside before any answer (exit 130).
    Interrupted,
    /// surefit is at fault (exit 70).
    Internal,
}

/// What the caller can change, which decides the ways out that make sense.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asker {
    /// There is a formula to change; a model that is saved has its own.
    pub formula: bool,
    /// Predictions are asked for, one for every row.
    pub predicts: bool,
    /// The column of row weights.
    pub weights: Option<String>,
    /// The rows come from standard input, so there is no file to convert.
    pub piped: bool,
}

impl Default for Asker {
    /// Someone who fits.
    fn default() -> Self {
        Self { formula: true, predicts: false, weights: None, piped: false }
    }
}

impl Error {
    /// Who is asked to act.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Read(_) | Self::Data(_) | Self::Model(_) => Kind::Data,
            Self::Formula(error) => error.kind(),
            Self::Usage { .. } => Kind::Usage,
            Self::Interrupted => Kind::Interrupted,
            Self::Internal(_) => Kind::Internal,
        }
    }

    /// The diagnosis code, where the catalogue has one (SF201 for NaN in the data).
    pub fn code(&self) -> Option<crate::diagnosis::Code> {
        match self {
            Self::Data(error) => error.code(),
            _ => None,
        }
    }

    /// The numbers that show what a code names, by name; empty where the sentence has all there is.
    pub fn evidence(&self) -> serde_json::Map<String, serde_json::Value> {
        match self {
            Self::Data(DataError::Classes(error)) if error.code().is_some() => error.evidence(),
            Self::Data(DataError::Labels(error)) => error.evidence(),
            _ => serde_json::Map::new(),
        }
    }

    /// The place of the fault where it was typed: two lines, the text and a caret under the place.
    pub fn excerpt(&self) -> Option<String> {
        match self {
            Self::Formula(error) => error.excerpt(),
            _ => None,
        }
    }

    /// The ways out, most useful first, each an imperative sentence.
    pub fn hints(&self) -> Vec<String> {
        self.hints_for(&Asker::default())
    }

    /// The ways out for someone who does not fit.
    pub fn hints_for(&self, asker: &Asker) -> Vec<String> {
        match self {
            Self::Read(error) => error.hints_for(asker),
            Self::Formula(error) => error.hints(),
            Self::Data(error) => error.hints_for(asker),
            Self::Model(error) => error.hints(),
            Self::Usage { hint, .. } => vec![hint.clone()],
            Self::Interrupted => Vec::new(),
            Self::Internal(_) => {
                vec!["please report this with the command and, if you can, the data".to_owned()]
            }
        }
    }
}
