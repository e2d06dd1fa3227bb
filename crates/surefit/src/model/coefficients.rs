//! Coefficients from a plain CSV file, whoever wrote it: a header `term` and one column per output, then one
//! line per column of the design, the intercept as `(intercept)`.

use super::ModelError;
use crate::error::Result;
use crate::problem::Coefficients;
use csv::StringRecord;
use faer::Mat;
use std::io::Read;

/// What the intercept goes by among the names of columns.
pub(crate) const INTERCEPT: &str = "(intercept)";
/// The most bytes of a coefficient file.
const MAX_BYTES: u64 = 1 << 28;
/// Names more different than this are not offered as what was meant.
const SIMILAR: f64 = 0.7;

/// Reads coefficients for the columns `names` and the outputs `targets`.
///
/// Lines may come in any order, and so may outputs when they are named as the targets are; a single output may
/// have any name. Comma, semicolon or tab. A line `(intercept)` is needed where the model has an `intercept`;
/// without one it is 0.
///
/// # Errors
/// With the line: a term that is unknown or given twice, a number that is none; and terms that are missing.
pub fn coefficients_from_csv(
    reader: impl Read,
    names: &[String],
    targets: &[String],
    intercept: bool,
) -> Result<Coefficients> {
    let text = read_text(reader)?;
    let (d, c) = (names.len(), targets.len());
    let mut lines = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(delimiter(&text))
        .trim(csv::Trim::All)
        .from_reader(text.as_bytes());
    let mut records = lines.records();
    let header = match records.next() {
        None => return Err(not_coefficients("the file is empty").into()),
        Some(header) => header.map_err(|error| not_coefficients(&error.to_string()))?,
    };
    let outputs = outputs(&header, targets)?;
    let places: std::collections::HashMap<&str, usize> =
        names.iter().enumerate().map(|(j, name)| (name.as_str(), j)).collect();
    let mut coefficients = Coefficients { weights: Mat::zeros(d, c), intercept: vec![0.0; c] };
    // The line of each column's term, and of the intercept's.
    let mut given: Vec<Option<u64>> = vec![None; d + 1];
    for record in records {
        let record = record.map_err(|error| not_coefficients(&error.to_string()))?;
        let line = record.position().map_or(0, csv::Position::line);
        let term = record.get(0).unwrap_or_default();
        let place = match places.get(term) {
            Some(&j) => j,
            None if term.eq_ignore_ascii_case(INTERCEPT) => d,
            None => return Err(unknown_term(line, term, names).into()),
        };
        if let Some(first) = given[place].replace(line) {
            return Err(ModelError::DuplicateTerm { line, first, term: term.to_owned() }.into());
        }
        if record.len() != c + 1 {
            let why = format!("line {line} has {} fields, the header has {}", record.len(), c + 1);
            return Err(not_coefficients(&why).into());
        }
        for (text, &k) in record.iter().skip(1).zip(&outputs) {
            let value = finite(text).ok_or_else(|| ModelError::NotANumber {
                line,
                term: term.to_owned(),
                text: text.to_owned(),
            })?;
            if place == d {
                coefficients.intercept[k] = value;
            } else {
                coefficients.weights[(place, k)] = value;
            }
        }
    }
    let needed = names.iter().map(String::as_str).chain(intercept.then_some(INTERCEPT));
    let missing: Vec<String> =
        needed.zip(&given).filter(|(_, line)| line.is_none()).map(|(name, _)| format!("`{name}`")).collect();
    if missing.is_empty() {
        Ok(coefficients)
    } else {
        Err(ModelError::MissingTerms { terms: list(&missing) }.into())
    }
}

fn read_text(reader: impl Read) -> Result<String, ModelError> {
    let mut bytes = Vec::new();
    let name = "the coefficients".to_owned();
    if let Err(source) = reader.take(MAX_BYTES + 1).read_to_end(&mut bytes) {
        return Err(ModelError::Io { action: "read", name, source });
    }
    if bytes.len() as u64 > MAX_BYTES {
        let found = bytes.len() as u64;
        return Err(ModelError::TooLarge { name, what: "coefficient file", found, limit: MAX_BYTES });
    }
    let text = String::from_utf8(bytes).map_err(|_| not_coefficients("the file is not text (UTF-8)"))?;
    Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}

/// Tab or semicolon where the header has one and no comma.
fn delimiter(text: &str) -> u8 {
    let header = text.lines().next().unwrap_or_default();
    match () {
        () if header.contains(',') => b',',
        () if header.contains('\t') => b'\t',
        () if header.contains(';') => b';',
        () => b',',
    }
}

/// For each column after `term`, its target.
fn outputs(header: &StringRecord, targets: &[String]) -> Result<Vec<usize>, ModelError> {
    if header.get(0).is_none_or(|first| !first.eq_ignore_ascii_case("term")) {
        let first = header.get(0).unwrap_or_default();
        return Err(not_coefficients(&format!("the header starts with `{first}` instead of `term`")));
    }
    if header.len() != targets.len() + 1 {
        let why = format!("the header has {} outputs for {} targets", header.len() - 1, targets.len());
        return Err(not_coefficients(&why));
    }
    if targets.len() == 1 {
        return Ok(vec![0]);
    }
    let mut places = Vec::with_capacity(targets.len());
    for output in header.iter().skip(1) {
        match targets.iter().position(|target| target == output) {
            Some(k) if places.contains(&k) => {
                return Err(not_coefficients(&format!("the header has `{output}` twice")));
            }
            Some(k) => places.push(k),
            None => {
                let targets: Vec<String> = targets.iter().map(|target| format!("`{target}`")).collect();
                return Err(ModelError::UnknownOutput { output: output.to_owned(), targets: list(&targets) });
            }
        }
    }
    Ok(places)
}

fn finite(text: &str) -> Option<f64> {
    text.parse::<f64>().ok().filter(|value| value.is_finite())
}

fn unknown_term(line: u64, term: &str, names: &[String]) -> ModelError {
    let similarity = |name: &&String| strsim::jaro_winkler(term, name);
    let similar = names
        .iter()
        .filter(|name| similarity(name) > SIMILAR)
        .max_by(|a, b| similarity(a).total_cmp(&similarity(b)))
        .cloned();
    ModelError::UnknownTerm { line, term: term.to_owned(), similar }
}

fn not_coefficients(why: &str) -> ModelError {
    ModelError::NotCoefficients { why: why.to_owned() }
}

/// At most eight names, and how many more there are.
fn list(names: &[String]) -> String {
    match names.len().checked_sub(8) {
        None | Some(0) => names.join(", "),
        Some(more) => format!("{} and {more} more", names[..8].join(", ")),
    }
}
