//! ARFF with several labels a row, as Mulan and MEKA write it: declarations of attributes, then rows, dense
//! (`0.5,1,0`) or sparse (`{0 0.5, 1 1}`, indices from 0, what is left out is 0). Format: I. H. Witten, E. Frank,
//! *Data Mining* (Weka), chapter 2.
//!
//! Attributes are numeric or `{0,1}`. Which of them are labels is said from outside, by a [`LabelChoice`]; the others
//! are the features, but for one of row weights. A model finds its own by their names, in any order, and passes over the
//! rest ([`KnownNames`]). A missing value `?` is refused with its place, for there is no rule here to fill it in.

mod fault;
mod header;
mod roles;
mod rows;
#[cfg(test)]
mod tests;
mod xml;

pub use fault::{ArffFault, XmlFault};

use self::roles::{Role, of_choice, of_model, unnamed};
use self::rows::{Format, Intake};
use super::bytes::{HEAD, Input};
use super::error::ReadError;
use super::lines::Lines;
use super::sparse_rows::SparseRows;
use super::{Progress, refuse_foreign, sniff};
use crate::data::features::Features;
use crate::data::label_sets::LabelSets;
use crate::error::{Error, Result};
use faer::Mat;
use std::collections::HashSet;
use std::path::Path;

/// Bytes of an XML file at most: a label takes some fifty.
const MOST_XML: usize = 64 << 20;

/// Which attributes are labels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LabelChoice {
    /// These, in this order.
    Named {
        /// Their names.
        names: Vec<String>,
        /// Who names them, in the words of a message: a file, or `--labels`.
        source: String,
    },
    /// The last so many, where Mulan has them.
    Last(usize),
    /// The first so many, where MEKA has them.
    First(usize),
}

impl LabelChoice {
    /// What a person writes: a Mulan XML file (`yeast.xml`), a number (`14` for the last 14 attributes, `-14` for the
    /// first 14), or names with commas between them.
    ///
    /// # Errors
    /// A file that cannot be read or names no labels; a number that is 0; a name that is empty or there twice.
    pub fn parse(text: &str) -> Result<Self> {
        if Path::new(text).extension().is_some_and(|ending| ending.eq_ignore_ascii_case("xml")) {
            return Self::open_xml(Path::new(text));
        }
        let (first, digits) = text.strip_prefix('-').map_or((false, text), |digits| (true, digits));
        if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) {
            let count = digits.parse().unwrap_or(usize::MAX);
            return match (count, first) {
                (0, _) => Err(usage("0 labels are asked for, and there must be one at least".to_owned())),
                (_, false) => Ok(Self::Last(count)),
                (_, true) => Ok(Self::First(count)),
            };
        }
        let names: Vec<String> = text.split(',').map(|name| name.trim().to_owned()).collect();
        let mut seen = HashSet::new();
        match names.iter().find(|name| name.is_empty() || !seen.insert(name.as_str())) {
            Some(name) if name.is_empty() => {
                Err(usage(format!("the list of labels `{text}` has an empty name")))
            }
            Some(name) => Err(usage(format!("the list of labels has `{name}` twice"))),
            None => Ok(Self::Named { names, source: "the list of labels".to_owned() }),
        }
    }

    /// Reads a Mulan XML file.
    ///
    /// # Errors
    /// A file that cannot be read, or names no labels, or one twice.
    pub fn open_xml(path: &Path) -> Result<Self> {
        let input = Input::open(path)?;
        let source = input.name.clone();
        let mut bytes = Vec::new();
        input.unpack(MOST_XML as u64).fill(&mut bytes, MOST_XML)?;
        Self::from_xml(&source, &bytes)
    }

    /// The text of a Mulan XML file, under a name for messages.
    ///
    /// # Errors
    /// As [`Self::open_xml`].
    pub fn from_xml(source: &str, bytes: &[u8]) -> Result<Self> {
        let names = xml::label_names(source, bytes)?;
        Ok(Self::Named { names, source: source.to_owned() })
    }
}

fn usage(what: String) -> Error {
    let hint = "give the Mulan XML file, the names with commas between them, or how many of the last attributes are labels (-14: the first 14)";
    Error::Usage { what, hint: hint.to_owned() }
}

/// How to read an ARFF file.
#[derive(Clone, Debug)]
pub struct ArffOptions {
    /// The attribute of row weights, which is no feature.
    pub weights: Option<String>,
    /// Bytes that are read and parsed at a time; no result depends on it.
    pub chunk_bytes: usize,
    /// Bytes that a line has at most: a file without line ends does not fill the memory.
    pub max_line: usize,
    /// Unpacked bytes from which on gzip data that unpack a thousandfold are refused.
    pub bomb_bytes: u64,
}

impl Default for ArffOptions {
    fn default() -> Self {
        Self { weights: None, chunk_bytes: 1 << 20, max_line: 64 << 20, bomb_bytes: 1 << 30 }
    }
}

/// What a model finds by name in the rows of another file; other attributes are passed over.
#[derive(Clone, Copy, Debug)]
pub struct KnownNames<'a> {
    /// d features.
    pub columns: &'a [String],
    /// c labels; none where rows are read to predict them.
    pub labels: &'a [String],
    /// Row weights.
    pub weights: Option<&'a str>,
}

/// Whether a file of this name is read as ARFF: `.arff`, also `.gz`.
pub fn is_arff(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    lower.strip_suffix(".gz").unwrap_or(&lower).rsplit_once('.').is_some_and(|(_, ending)| ending == "arff")
}

/// Rows with sets of labels, in memory.
#[derive(Debug)]
pub struct ArffData {
    name: String,
    columns: Vec<String>,
    labels: Vec<String>,
    storage: Storage,
    sets: LabelSets,
    weights: Option<Vec<f64>>,
    notes: Vec<String>,
}

/// The features, as the first row is written.
#[derive(Debug)]
enum Storage {
    /// d × n: its columns are the rows.
    Dense(Mat<f64>),
    Sparse(SparseRows),
}

impl ArffData {
    /// Reads a file, plain or gzip; `-` is standard input. `watch` is told how far it has come and returns false to
    /// interrupt it.
    ///
    /// # Errors
    /// When the file cannot be read, a declaration or a row is not what it should be (the first such line), the labels
    /// are not among the attributes, or values are missing.
    pub fn open(
        path: &Path,
        labels: &LabelChoice,
        options: &ArffOptions,
        watch: &dyn Fn(Progress) -> bool,
    ) -> Result<Self> {
        read(Input::open(path)?, &Asks::Choice(labels), options, watch)
    }

    /// The same with the features and labels of a model, in its order; `options.weights` is not asked.
    ///
    /// # Errors
    /// As [`Self::open`]; a feature, label or weight that is not there.
    pub fn open_for(
        path: &Path,
        known: KnownNames<'_>,
        options: &ArffOptions,
        watch: &dyn Fn(Progress) -> bool,
    ) -> Result<Self> {
        read(Input::open(path)?, &Asks::Model(known), options, watch)
    }

    /// Bytes in memory, under a name for messages.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn from_bytes(
        name: &str,
        bytes: Vec<u8>,
        labels: &LabelChoice,
        options: &ArffOptions,
        watch: &dyn Fn(Progress) -> bool,
    ) -> Result<Self> {
        read(Input::memory(name, bytes), &Asks::Choice(labels), options, watch)
    }

    /// Bytes in memory for a model.
    ///
    /// # Errors
    /// As [`Self::open_for`].
    pub fn from_bytes_for(
        name: &str,
        bytes: Vec<u8>,
        known: KnownNames<'_>,
        options: &ArffOptions,
        watch: &dyn Fn(Progress) -> bool,
    ) -> Result<Self> {
        read(Input::memory(name, bytes), &Asks::Model(known), options, watch)
    }

    /// The file, as the user gave it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// n.
    pub fn rows(&self) -> usize {
        self.sets.view().rows()
    }

    /// The names of the d features, in the order of their declarations.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// The names of the c labels: in the order of the XML file or the list, otherwise of their declarations.
    pub fn labels(&self) -> &[String] {
        &self.labels
    }

    /// Which labels each row has.
    pub fn sets(&self) -> &LabelSets {
        &self.sets
    }

    /// Row weights, where an attribute holds them.
    pub fn weights(&self) -> Option<&[f64]> {
        self.weights.as_deref()
    }

    /// What was decided about the attributes, in sentences.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// The features, n × d, borrowed: dense or sparse, as the first row is written.
    ///
    /// # Errors
    /// Never for rows that were read.
    pub fn features(&self) -> Result<Features<'_>> {
        match &self.storage {
            Storage::Dense(across) => Ok(Features::F64(across.transpose())),
            Storage::Sparse(rows) => rows.features(),
        }
    }
}

/// Who says what attributes are for.
enum Asks<'a> {
    Choice(&'a LabelChoice),
    Model(KnownNames<'a>),
}

/// Everything, once.
fn read(
    input: Input,
    asks: &Asks<'_>,
    options: &ArffOptions,
    watch: &dyn Fn(Progress) -> bool,
) -> Result<ArffData> {
    refuse_foreign(&input)?;
    let name = input.name.clone();
    let mut stream = input.unpack(options.bomb_bytes);
    let mut head = Vec::new();
    stream.fill(&mut head, HEAD)?;
    if head.starts_with(&[0xef, 0xbb, 0xbf]) {
        head.drain(..3);
    }
    sniff::refuse_binary(&name, &head)?;
    stream.put_back(head);
    let mut lines = Lines::new(&name, stream, options.chunk_bytes, options.max_line);
    let attributes = header::read(&name, &mut lines, options.max_line)?;
    if attributes.is_empty() {
        return Err(ReadError::NoAttributes { name }.into());
    }
    let (roles, note) = match asks {
        Asks::Choice(labels) => {
            let roles = of_choice(&name, &attributes, labels, options.weights.as_deref())?;
            let note = unnamed(&attributes, &roles, labels);
            (roles, note)
        }
        Asks::Model(known) => (of_model(&attributes, *known)?, None),
    };
    let format = Format::new(&name, &attributes, &roles, options.max_line)?;
    let mut intake = Intake::new(&name, &format);
    lines.parse(watch, |piece| format.parse(piece), |sheet| intake.take_in(sheet))?;
    let (storage, sets, weights) = intake.finish()?;
    let mut columns = vec![String::new(); format.features];
    let mut labels = vec![String::new(); format.labels];
    for (attribute, role) in attributes.into_iter().zip(&roles) {
        let place = match role {
            Role::Feature(column) => usize::try_from(*column).ok().and_then(|j| columns.get_mut(j)),
            Role::Label(k) => labels.get_mut(*k),
            Role::Weight | Role::Other => None,
        };
        if let Some(place) = place {
            *place = attribute.name;
        }
    }
    Ok(ArffData { name, columns, labels, storage, sets, weights, notes: note.into_iter().collect() })
}
