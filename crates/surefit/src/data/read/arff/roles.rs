//! What each attribute of an ARFF file is for: as someone chooses, or as a model knows them by name.

use super::header::{self, Attribute};
use super::{KnownNames, LabelChoice};
use crate::data::check::DataError;
use crate::data::formula::nearest;
use crate::data::read::ReadError;
use crate::error::{Error, Result};
use std::collections::{HashMap, HashSet};

/// Names that are listed in a sentence.
const LISTED: usize = 3;

/// What an attribute is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// The place of a feature.
    Feature(i32),
    /// The place of a label.
    Label(usize),
    /// Of the row.
    Weight,
    /// Nothing here: its values are passed over.
    Other,
}

/// The roles of the attributes of `file`: labels as chosen, weights by name, all others features.
pub(super) fn of_choice(
    file: &str,
    attributes: &[Attribute],
    choice: &LabelChoice,
    weights: Option<&str>,
) -> Result<Vec<Role>> {
    let all = attributes.len();
    let name = || file.to_owned();
    let of_labels: Vec<usize> = match choice {
        LabelChoice::Last(count) | LabelChoice::First(count) if *count > all => {
            return Err(ReadError::LabelCount { name: name(), labels: *count, attributes: all }.into());
        }
        LabelChoice::Last(count) => (all - count..all).collect(),
        LabelChoice::First(count) => (0..*count).collect(),
        LabelChoice::Named { names, source } => named(file, attributes, names, source)?,
    };
    let mut roles = vec![None; all];
    of_labels.iter().enumerate().for_each(|(k, at)| roles[*at] = Some(Role::Label(k)));
    if let Some(weights) = weights {
        let at = attributes.iter().position(|attribute| attribute.name == weights).ok_or_else(|| {
            let near = nearest(weights, attributes.iter().map(|attribute| attribute.name.as_str()));
            ReadError::NoWeights { name: name(), weights: weights.to_owned(), near }
        })?;
        if roles[at].replace(Role::Weight).is_some() {
            return Err(ReadError::WeightsAreLabel { name: name(), weights: weights.to_owned() }.into());
        }
    }
    if roles.iter().all(Option::is_some) {
        return Err(ReadError::OnlyLabels { name: name(), labels: of_labels.len() }.into());
    }
    let mut next = 0..;
    let mut role = |role: Option<Role>| match role {
        Some(role) => Ok(role),
        None => next.next().map(Role::Feature).ok_or_else(|| Error::Internal("too many features".to_owned())),
    };
    roles.into_iter().map(&mut role).collect()
}

/// What is worth knowing of features that are declared as labels are, {0,1}, and stand right beside them: that they are not
/// named with them. Nothing where features elsewhere are declared so too, for then it does not tell labels from features.
pub(super) fn unnamed(attributes: &[Attribute], roles: &[Role], choice: &LabelChoice) -> Option<String> {
    let LabelChoice::Named { source, names } = choice else { return None };
    let is_label = |at: usize| matches!(roles.get(at), Some(Role::Label(_)));
    let is_feature = |at: usize| matches!(roles.get(at), Some(Role::Feature(_)));
    let binary = |at: usize| {
        let values = attributes.get(at).and_then(|attribute| attribute.values.as_deref());
        is_feature(at) && values.is_some_and(|values| values.len() == 2)
    };
    let all = 0..attributes.len();
    let (first, last) = (all.clone().find(|at| is_label(*at))?, all.clone().rfind(|at| is_label(*at))?);
    let after = (last + 1..attributes.len()).take_while(|at| binary(*at));
    let mut beside: Vec<usize> = (0..first).rev().take_while(|at| binary(*at)).collect();
    beside.reverse();
    beside.extend((first..last).filter(|at| binary(*at)).chain(after));
    let features = all.clone().filter(|at| is_feature(*at)).count();
    let others = all.filter(|at| binary(*at)).count() > beside.len();
    if beside.is_empty() || others || beside.len() == features || beside.len() > names.len() {
        return None;
    }
    let shown: Vec<String> =
        beside.iter().take(LISTED).map(|at| format!("`{}`", attributes[*at].name)).collect();
    let more = beside.len().saturating_sub(LISTED);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let (is, it) = if beside.len() == 1 { ("is a feature", "it") } else { ("are features", "them") };
    Some(format!(
        "{}{more}, declared {{0,1}} beside the labels, {is}: {source} does not name {it}",
        shown.join(", ")
    ))
}

/// The roles of attributes in a model, which finds its own by their names.
pub(super) fn of_model(attributes: &[Attribute], known: KnownNames<'_>) -> Result<Vec<Role>> {
    let places: HashMap<&str, usize> =
        attributes.iter().enumerate().map(|(at, attribute)| (attribute.name.as_str(), at)).collect();
    let mut roles = vec![Role::Other; attributes.len()];
    let mut give = |name: &str, role: Role| {
        let missing = || DataError::NoInput {
            name: name.to_owned(),
            near: nearest(name, attributes.iter().map(|attribute| attribute.name.as_str())),
            unnamed: None,
        };
        let at = *places.get(name).ok_or_else(missing)?;
        if let Some(place) = roles.get_mut(at) {
            *place = role;
        }
        Ok::<(), Error>(())
    };
    for (column, name) in (0..).zip(known.columns) {
        give(name, Role::Feature(column))?;
    }
    for (k, name) in known.labels.iter().enumerate() {
        give(name, Role::Label(k))?;
    }
    if let Some(name) = known.weights {
        give(name, Role::Weight)?;
    }
    Ok(roles)
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
