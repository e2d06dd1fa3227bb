//! What can be wrong with a model file, a file of coefficients, or the data put to a model.

use std::io::ErrorKind;

/// A model or coefficient file that could not be read, written or applied.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// The operating system refused.
    #[error("cannot {action} {name}: {}", refusal(.source))]
    Io {
        /// "read" or "write".
        action: &'static str,
        /// The file, as the user gave it.
        name: String,
        /// Why.
        source: std::io::Error,
    },
    /// A file in a folder that is not there.
    #[error("cannot write {name}: the folder {folder} does not exist")]
    NoFolder {
        /// The file, as the user gave it.
        name: String,
        /// The folder.
        folder: String,
    },
    /// A directory, a device or a pipe where a file belongs.
    #[error("cannot {action} {name}: it is {kind}, not a file")]
    NotAFile {
        /// "read" or "write".
        action: &'static str,
        /// The path, as the user gave it.
        name: String,
        /// "a directory" or "a device or a pipe".
        kind: &'static str,
    },
    /// Some other file.
    #[error("{name} is not a surefit model: {why}")]
    Foreign {
        /// The file, as the user gave it.
        name: String,
        /// What it lacks.
        why: String,
    },
    /// A file that ends too early, or goes on too long.
    #[error("{name} is damaged: it has {found} bytes, its header promises {promised}")]
    Length {
        /// The file, as the user gave it.
        name: String,
        /// Bytes there.
        found: u64,
        /// Bytes announced.
        promised: u64,
    },
    /// Larger than any model.
    #[error("{name} has {found} bytes, more than the {limit} a {what} may have")]
    TooLarge {
        /// The file, as the user gave it.
        name: String,
        /// "model file" or "coefficient file".
        what: &'static str,
        /// Bytes there.
        found: u64,
        /// The most that is read.
        limit: u64,
    },
    /// Written by another generation of surefit.
    #[error("{name} has model schema {found}, this surefit reads schema {known}")]
    Schema {
        /// The file, as the user gave it.
        name: String,
        /// As written.
        found: String,
        /// What this version reads.
        known: u64,
    },
    /// A field that is missing, of the wrong kind, or at odds with another.
    #[error("{name} is damaged: {field} {why}")]
    Field {
        /// The file, as the user gave it.
        name: String,
        /// Which part of it.
        field: String,
        /// What is wrong with it.
        why: String,
    },
    /// A file whose fields make sense, but are not those that were written.
    #[error("{name} was altered or damaged after it was written: its digest is not that of its contents")]
    Altered {
        /// The file, as the user gave it.
        name: String,
    },
    /// A model with a part that no file can hold.
    #[error("this model cannot be saved: {field} {why}")]
    Unsaveable {
        /// Which part.
        field: String,
        /// What is wrong with it.
        why: String,
    },
    /// Data of another shape.
    #[error("the model has {model} columns, the data have {data}")]
    Columns {
        /// Columns of the model.
        model: usize,
        /// Columns of the data.
        data: usize,
    },
    /// A coefficient file that is no table of terms.
    #[error("the coefficients are not a table of terms: {why}")]
    NotCoefficients {
        /// What is wrong, and where.
        why: String,
    },
    /// What is wrong with a coefficient file, where several are read.
    #[error("{name}: {fault}")]
    InFile {
        /// The file, as the user gave it.
        name: String,
        /// What is wrong with it.
        fault: Box<ModelError>,
    },
    /// A term that the formula does not have.
    #[error("line {line} of the coefficients: no column `{term}` in the design")]
    UnknownTerm {
        /// Its line, the header being 1.
        line: u64,
        /// As written.
        term: String,
        /// The most similar column.
        similar: Option<String>,
    },
    /// A column of coefficients for no target.
    #[error("the coefficients have a column `{output}`, the targets are {targets}")]
    UnknownOutput {
        /// As written.
        output: String,
        /// The targets' names.
        targets: String,
    },
    /// Terms of the formula without a coefficient.
    #[error("no coefficient for {terms}")]
    MissingTerms {
        /// Their names.
        terms: String,
    },
    /// A term twice.
    #[error("line {line} of the coefficients: `{term}` was given on line {first} already")]
    DuplicateTerm {
        /// The second line.
        line: u64,
        /// The first line.
        first: u64,
        /// The term.
        term: String,
    },
    /// A coefficient that is no finite number.
    #[error("line {line} of the coefficients: `{text}` for `{term}` is not a finite number")]
    NotANumber {
        /// Its line.
        line: u64,
        /// The term.
        term: String,
        /// As written.
        text: String,
    },
}

impl ModelError {
    /// The ways out.
    pub fn hints(&self) -> Vec<String> {
        let hint = match self {
            Self::NoFolder { folder, .. } => return vec![format!("make it first: mkdir -p {folder}")],
            Self::Io { action: "write", source, name } if source.kind() == ErrorKind::IsADirectory => {
                return vec![format!("name a file in it: {}/NAME", name.trim_end_matches('/'))];
            }
            Self::Io { source, name, .. } if is_full(source) && name == "standard output" => {
                "free some space, or send the output elsewhere"
            }
            Self::InFile { fault, .. } => return fault.hints(),
            Self::Io { action, source, .. } => return io_hint(action, source.kind()).into_iter().collect(),
            Self::NotAFile { action: "write", .. } => "give the name of a file, such as model.safetensors",
            Self::NotAFile { .. } => "give the model file itself",
            Self::Foreign { .. } => "give a file that `surefit fit … -o MODEL` wrote",
            Self::Length { .. } | Self::Field { .. } | Self::Altered { .. } => {
                "fit the model again, or copy the file again from where it was written"
            }
            Self::TooLarge { .. } => "check that this is the file you meant",
            Self::Schema { .. } => "use the version of surefit that wrote it, or fit the model again",
            Self::Unsaveable { .. } => "fit the model again on data without such values",
            Self::Columns { .. } => "encode the data with the model's own recipe",
            Self::NotCoefficients { .. } => {
                "write a header `term` and one column per target, then one line per column of the design"
            }
            Self::UnknownTerm { similar: Some(similar), .. } => {
                return vec![format!("did you mean `{similar}`?")];
            }
            Self::UnknownTerm { .. } => "name each term as the design does; the intercept is `(intercept)`",
            Self::UnknownOutput { .. } => "name each column after its target",
            Self::MissingTerms { .. } => "add a line for each; 0 is a coefficient too",
            Self::DuplicateTerm { .. } => "keep one of the two lines",
            Self::NotANumber { .. } => "write a decimal number, such as 1.5 or -2e-3",
        };
        vec![hint.to_owned()]
    }
}

/// Why the operating system refused, in this program's words where it has some.
pub(crate) fn refusal(source: &std::io::Error) -> String {
    let words = match source.kind() {
        ErrorKind::NotFound => "there is no such file",
        ErrorKind::PermissionDenied => "permission is denied",
        ErrorKind::IsADirectory => "it is a folder, not a file",
        ErrorKind::NotADirectory => "a part of its path is no folder",
        ErrorKind::StorageFull => "no space is left on the disk",
        ErrorKind::QuotaExceeded => "the quota of disk space is used up",
        ErrorKind::ReadOnlyFilesystem => "the file system is read-only",
        ErrorKind::AlreadyExists => "a file of this name is there already",
        ErrorKind::InvalidFilename => "such a name is not allowed",
        _ => return source.to_string(),
    };
    words.to_owned()
}

fn is_full(source: &std::io::Error) -> bool {
    matches!(source.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded)
}

pub(crate) fn io_hint(action: &str, kind: ErrorKind) -> Option<String> {
    let hint = match kind {
        ErrorKind::NotFound if action == "write" => "create the directory first",
        ErrorKind::NotFound => "check the path",
        ErrorKind::PermissionDenied if action == "write" => "choose a directory that you may write to",
        ErrorKind::PermissionDenied => "ask for permission to read it",
        ErrorKind::ReadOnlyFilesystem => "choose a place on a file system that is not read-only",
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => "free some space; nothing was written",
        ErrorKind::NotADirectory => "a part of the path is a file, not a directory; correct the path",
        _ => return None,
    };
    Some(hint.to_owned())
}
