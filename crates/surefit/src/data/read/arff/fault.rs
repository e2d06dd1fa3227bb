//! What can be wrong with a line of an ARFF file, and with a Mulan XML file: a sentence of facts each, and its way out.

use super::super::error::{counted, thousands};

/// What is wrong with a line of an ARFF file, as the rest of a sentence about it. Indices count from 0, as in the file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[expect(missing_docs, reason = "each variant is its sentence; the fields are named in it")]
pub enum ArffFault {
    // ── declarations ────────────────────────────────────────────────────────────────────────────────
    #[error("is longer than {} bytes", thousands(*.limit as u64))]
    Long { limit: usize },
    #[error("is `{text}`, and before the line `@data` there are declarations alone")]
    NotDeclaration { text: String },
    #[error("has the keyword `{keyword}`, which ARFF does not have")]
    Keyword { keyword: String },
    #[error("declares an attribute without a name")]
    NoName,
    #[error("declares the attribute `{attribute}` without a type")]
    NoType { attribute: String },
    #[error("declares the attribute `{attribute}` of the type `{kind}`, which ARFF does not have")]
    UnknownType { attribute: String, kind: String },
    #[error("declares the attribute `{attribute}` of the type `{kind}`, whose values are no numbers")]
    NotNumeric { attribute: String, kind: String },
    #[error(
        "declares the attribute `{attribute}` with the values {values}, and a nominal attribute here is {{0,1}}"
    )]
    Nominal { attribute: String, values: String },
    #[error("declares the label `{label}` with the values {values}, and a label is 0 or 1")]
    NominalLabel { label: String, values: String, minus: bool },
    #[error("declares the attribute `{attribute}` with an empty list of values")]
    NoValues { attribute: String },
    #[error("declares the attribute `{attribute}` twice: line {first} does too")]
    Twice { attribute: String, first: usize },
    #[error("has a name that is not UTF-8 text: `{text}`")]
    NotUtf8 { text: String },
    #[error("has `{text}` after `@data`")]
    AfterData { text: String },
    #[error("has `{text}` after the values of the attribute `{attribute}`")]
    AfterValues { attribute: String, text: String },

    // ── rows ────────────────────────────────────────────────────────────────────────────────────────
    #[error("has the quote {quote} that is never closed: `{text}`")]
    OpenQuote { quote: char, text: String },
    #[error("has the brace {{ that is never closed")]
    OpenBrace,
    #[error("has {}, and {} declared", counted(*.found, "value"), are(*.declared))]
    Values { found: usize, declared: usize },
    #[error("has no value for `{attribute}`")]
    NoValue { attribute: String },
    #[error("has the value `{text}` for `{attribute}`, which is no number")]
    NotNumber { attribute: String, text: String },
    #[error("has the value `{text}` for `{attribute}`, which is not finite")]
    NotFinite { attribute: String, text: String },
    #[error("has the value `{text}` for `{attribute}`, beyond the largest number, 1.8e308")]
    Large { attribute: String, text: String },
    #[error("has the value `{text}` for `{attribute}`, which is declared {values}")]
    NotDeclared { attribute: String, text: String, values: String },
    #[error(
        "has the value `{text}` for the label `{label}`, and a label is 1 where the row has it, 0 where not"
    )]
    NotLabel { label: String, text: String },
    #[error("has `{text}` where an entry `index value` belongs")]
    NotEntry { text: String },
    #[error("{}", if .index == .before { format!("has the index {index} twice") } else { format!("has the index {index} after {before}, and indices ascend") })]
    Order { index: u64, before: u64 },
    #[error("has the index {index}, and {} declared, the first of index 0", are(*.declared))]
    Beyond { index: String, declared: usize },
    #[error("has `{text}` after its closing brace")]
    AfterBrace { text: String },
    #[error(
        "is a sparse row, which leaves out what is the first value of {{1,0}}: a row without `{attribute}` would have it"
    )]
    OneIsDefault { attribute: String },
}

/// `1 attribute is`, `117 attributes are`.
fn are(attributes: usize) -> String {
    format!("{} {}", counted(attributes, "attribute"), if attributes == 1 { "is" } else { "are" })
}

impl ArffFault {
    pub(in crate::data::read) fn hint(&self) -> String {
        let hint = match self {
            Self::Long { .. } => "check that each row ends in a line break",
            Self::NotDeclaration { .. } => {
                "write a line `@data` before the first row, and begin comments with %"
            }
            Self::Keyword { .. } => {
                "declare with @relation and @attribute, and begin the rows with a line `@data`"
            }
            Self::NoName => "write `@attribute NAME numeric`",
            Self::NoType { .. } => {
                "write `@attribute NAME numeric` or `@attribute NAME {0,1}`; a name with blanks needs quotes"
            }
            Self::UnknownType { .. } => {
                "the types that are read are numeric, real, integer and {0,1}; a name with blanks needs quotes"
            }
            Self::NotNumeric { .. } => "remove the attribute, or make numbers of its values first",
            Self::Nominal { .. } => {
                "write one attribute {0,1} for each of its values, or declare it numeric if they are numbers"
            }
            Self::NominalLabel { minus: true, .. } => "write 0 for -1, in the declaration and in the rows",
            Self::NominalLabel { .. } => {
                "write 1 where a row has the label and 0 where not, and declare it {0,1}"
            }
            Self::NoValues { .. } => "declare it {0,1}, or numeric",
            Self::Twice { .. } => "rename one of them",
            Self::NotUtf8 { .. } => "convert the file: iconv -f LATIN1 -t UTF-8 FILE > utf8.arff",
            Self::AfterData { .. } => "begin the first row in a line of its own",
            Self::AfterValues { .. } => "end the declaration after its closing brace",
            Self::OpenQuote { .. } => {
                "close the quote; a quote inside a quoted text is written with \\ before it"
            }
            Self::OpenBrace => "close the brace in the same line",
            Self::Values { found, declared } if found > declared => {
                "give each row one value for each attribute, with commas between them; a row has no weight here"
            }
            Self::Values { .. } => {
                "give each row one value for each attribute, with commas between them (a row that lists only what is not 0 stands in braces: `{0 1.5, 7 1}`)"
            }
            Self::NoValue { .. } => "write a number for it",
            Self::NotNumber { .. } => "write a number, with a decimal point",
            Self::NotFinite { .. } => "write a finite number",
            Self::Large { .. } => "express the column in larger units",
            Self::NotDeclared { .. } => "correct the value, or declare the attribute numeric",
            Self::NotLabel { text, .. } if text.starts_with('-') => {
                "write 0 in its place: -1 is how other programs say that a row does not have a label"
            }
            Self::NotLabel { .. } => "write 1 or 0, or leave the attribute out of the labels",
            Self::NotEntry { .. } => {
                "write a sparse row as `{index value, index value}`, indices from 0, the labels counted too"
            }
            Self::Order { index, before } if index == before => "keep one of the two entries",
            Self::Order { .. } => "sort the entries of each row by index",
            Self::Beyond { .. } => "indices count all attributes from 0, in the order of their declarations",
            Self::AfterBrace { .. } => "end the row with its brace; a row has no weight here",
            Self::OneIsDefault { .. } => "declare it {0,1}, and write `index 1` in the rows that have it",
        };
        hint.to_owned()
    }
}

/// What is wrong with a file that should name labels as Mulan's do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[expect(missing_docs, reason = "each variant is its sentence; the fields are named in it")]
pub enum XmlFault {
    #[error("is `{text}`, not XML")]
    NotXml { text: String },
    #[error("has `{text}`, which is never closed")]
    Open { text: String },
    #[error("begins with the element <{element}>, not <labels>")]
    Root { element: String },
    #[error("has a <label> without a name")]
    NoName,
    #[error("has the attribute `{text}`, whose value is not in quotes")]
    Unquoted { text: String },
    #[error("names the label `{label}` twice: line {first} does too")]
    Twice { label: String, first: usize },
    #[error("has `{text}`, which stands for no letter")]
    Entity { text: String },
    #[error("ends, and no <label> was named")]
    NoLabels,
    #[error("ends after {}, without `</labels>`", super::super::error::counted(*.labels, "label"))]
    Unfinished { labels: usize },
}

impl XmlFault {
    pub(in crate::data::read) fn hint(&self) -> String {
        let hint = match self {
            Self::NotXml { .. } | Self::Root { .. } | Self::NoLabels => {
                "write it as `<labels><label name=\"…\"></label></labels>`, or give `--labels` the names themselves or their number"
            }
            Self::Open { .. } | Self::Unfinished { .. } => "copy the file again, whole",
            Self::NoName => "write `<label name=\"…\"></label>`",
            Self::Unquoted { .. } => "write `name=\"…\"`",
            Self::Twice { .. } => "name each label once",
            Self::Entity { .. } => "write & as `&amp;`; the others are &lt; &gt; &quot; &apos; and &#number;",
        };
        hint.to_owned()
    }
}
