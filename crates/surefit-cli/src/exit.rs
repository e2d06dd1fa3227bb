//! Exit codes: what a script learns without reading a word.

use surefit::Error;
use surefit::error::Kind;

/// How the program ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Certified; for verbs without a certificate, done.
    Done = 0,
    /// The request makes no sense.
    Usage = 2,
    /// The data or a file is at fault; `lint` found something.
    Data = 3,
    /// An answer, but its gap is above the target.
    Uncertified = 4,
    /// No usable answer.
    Failed = 5,
    /// A gradient is not that of its loss.
    Mismatch = 6,
    /// A defect of surefit.
    Internal = 70,
    /// Stopped from outside before any answer.
    Interrupted = 130,
}

impl From<&Error> for Exit {
    fn from(error: &Error) -> Self {
        match error.kind() {
            Kind::Usage => Self::Usage,
            Kind::Data => Self::Data,
            Kind::Interrupted => Self::Interrupted,
            Kind::Internal => Self::Internal,
        }
    }
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
