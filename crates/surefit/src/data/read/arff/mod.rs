//! ARFF with several labels a row, as Mulan and MEKA write it: declarations of attributes, then rows, dense
//! (`0.5,1,0`) or sparse (`{0 0.5, 1 1}`, indices from 0, what is left out is 0). Format: I. H. Witten, E. Frank,
//! *Data Mining* (Weka), chapter 2.
//!
//! Attributes are numeric or `{0,1}`. Which of them are labels is said from outside, by a [`LabelChoice`]; the others
//! are the features. A missing value `?` is refused with its place, for there is no rule here to fill it in.

mod fault;
mod header;
mod rows;
#[cfg(test)]
mod tests;
mod xml;

pub use fault::{ArffFault, XmlFault};

use self::header::Attribute;
use self::rows::{Format, Intake};
use super::bytes::{HEAD, Input};
use super::error::ReadError;
use super::lines::Lines;
use super::sparse_rows::SparseRows;
use super::{Progress, refuse_foreign, sniff};
use crate::data::features::Features;
use crate::data::formula::nearest;
use crate::data::label_sets::LabelSets;
use crate::error::{Error, Result};
use faer::Mat;
use std::collections::{HashMap, HashSet};
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
    /// Bytes that are read and parsed at a time; no result depends on it.
    pub chunk_bytes: usize,
    /// Bytes that a line has at most: a file without line ends does not fill the memory.
    pub max_line: usize,
    /// Unpacked bytes from which on gzip data that unpack a thousandfold are refused.
    pub bomb_bytes: u64,
}

impl Default for ArffOptions {
    fn default() -> Self {
        Self { chunk_bytes: 1 << 20, max_line: 64 << 20, bomb_bytes: 1 << 30 }
    }
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
        read(Input::open(path)?, labels, options, watch)
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
        read(Input::memory(name, bytes), labels, options, watch)
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

    /// Keeps only these labels, in this order; the others are no features either.
    pub fn keep_labels(&mut self, kept: &[usize]) {
        self.labels = kept.iter().filter_map(|k| self.labels.get(*k).cloned()).collect();
        self.sets = self.sets.view().of_labels(kept);
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

/// Everything, once.
fn read(
    input: Input,
    labels: &LabelChoice,
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
    let roles = roles(&name, &attributes, labels)?;
    let format = Format::new(&name, &attributes, &roles, options.max_line)?;
    let mut intake = Intake::new(&name, &format);
    lines.parse(watch, |piece| format.parse(piece), |sheet| intake.take_in(sheet))?;
    let (storage, sets) = intake.finish()?;
    let mut columns = Vec::with_capacity(format.features);
    let mut of_labels = vec![String::new(); format.labels];
    for (attribute, role) in attributes.into_iter().zip(&roles) {
        match role {
            Role::Feature(_) => columns.push(attribute.name),
            Role::Label(k) => of_labels[*k] = attribute.name,
        }
    }
    Ok(ArffData { name, columns, labels: of_labels, storage, sets })
}

/// What an attribute is for: the place of a feature or of a label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Feature(i32),
    Label(usize),
}

/// The role of each attribute.
fn roles(name: &str, attributes: &[Attribute], choice: &LabelChoice) -> Result<Vec<Role>> {
    let all = attributes.len();
    if all == 0 {
        return Err(ReadError::NoAttributes { name: name.to_owned() }.into());
    }
    let of_labels: Vec<usize> = match choice {
        LabelChoice::Last(count) | LabelChoice::First(count) if *count > all => {
            return Err(
                ReadError::LabelCount { name: name.to_owned(), labels: *count, attributes: all }.into()
            );
        }
        LabelChoice::Last(count) => (all - count..all).collect(),
        LabelChoice::First(count) => (0..*count).collect(),
        LabelChoice::Named { names, source } => named(name, attributes, names, source)?,
    };
    if of_labels.len() == all {
        return Err(ReadError::OnlyLabels { name: name.to_owned(), labels: all }.into());
    }
    let mut label_of = vec![None; all];
    of_labels.iter().enumerate().for_each(|(k, at)| label_of[*at] = Some(k));
    let mut next = 0..;
    let mut role = |label: Option<usize>| match label {
        Some(k) => Ok(Role::Label(k)),
        None => next.next().map(Role::Feature).ok_or_else(|| Error::Internal("too many features".to_owned())),
    };
    label_of.into_iter().map(&mut role).collect()
}

/// The attributes of these names. An XML file has a name as ARFF writes it, with escapes, or as it reads.
fn named(file: &str, attributes: &[Attribute], names: &[String], source: &str) -> Result<Vec<usize>> {
    let places: HashMap<&str, usize> =
        attributes.iter().enumerate().map(|(at, attribute)| (attribute.name.as_str(), at)).collect();
    let place = |name: &String| {
        let plain = || String::from_utf8(header::unescaped(name.as_bytes())).ok();
        places.get(name.as_str()).copied().or_else(|| places.get(plain()?.as_str()).copied())
    };
    let missing: Vec<&String> = names.iter().filter(|name| place(name).is_none()).collect();
    if let Some(label) = missing.first() {
        let near = nearest(label, attributes.iter().map(|attribute| attribute.name.as_str()))
            // One or two letters are a misspelling of anything.
            .filter(|_| label.chars().count() > 2);
        let (name, by, label) = (file.to_owned(), source.to_owned(), (*label).clone());
        return Err(ReadError::NoLabel { name, by, label, count: missing.len(), near }.into());
    }
    let found: Vec<usize> = names.iter().filter_map(place).collect();
    let mut seen = HashSet::new();
    if let Some(twice) = found.iter().zip(names).find(|(at, _)| !seen.insert(**at)) {
        let label =
            attributes.get(*twice.0).map_or_else(|| twice.1.clone(), |attribute| attribute.name.clone());
        return Err(ReadError::LabelTwice { by: source.to_owned(), label }.into());
    }
    Ok(found)
}
