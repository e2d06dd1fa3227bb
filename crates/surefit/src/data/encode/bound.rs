//! A recipe beside a table it was not made from: inputs found by name, texts by what they say.

use super::super::check::{DataError, Place, Role};
use super::super::classes::ClassList;
use super::super::formula::{Resolved, Variable, is_unnamed, nearest};
use super::super::read::Want;
use super::super::table::{Column, ColumnKind, Levels};
use super::{Input, Missing, Recipe};
use crate::error::{Error, Result};
use std::collections::HashMap;

/// In place of a level's position: a text that the model does not know.
pub(super) const UNSEEN: u32 = u32::MAX - 1;

/// What the rows are for, which decides which columns they need.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Features alone: no targets, no weights.
    Predict,
    /// Everything, to fit or to certify.
    Evaluate,
}

/// A recipe and where its inputs are in one table.
#[derive(Clone, Debug)]
pub struct BoundRecipe<'a> {
    pub(super) recipe: &'a Recipe,
    pub(super) purpose: Purpose,
    /// For each column of the table, the input it is.
    pub(super) slots: Vec<usize>,
    /// For each column of the table, the position of each of its texts among the input's levels.
    pub(super) positions: Vec<Vec<u32>>,
    /// The columns with missing values.
    pub(super) missing: Vec<Place>,
}

impl Recipe {
    /// Which inputs a purpose needs, in order.
    fn needed(&self, purpose: Purpose) -> Vec<usize> {
        let Resolved { variables, targets, weights, .. } = &self.resolved;
        let mut needed = vec![false; self.inputs.len()];
        let mut mark = |input: usize| {
            if let Some(flag) = needed.get_mut(input) {
                *flag = true;
            }
        };
        variables.iter().flat_map(Variable::columns).for_each(&mut mark);
        if purpose == Purpose::Evaluate {
            targets.iter().flat_map(Variable::columns).for_each(&mut mark);
            weights.iter().copied().for_each(&mut mark);
        }
        (0..self.inputs.len()).filter(|&input| needed[input]).collect()
    }

    /// What to read of a new table to predict: the features by name, in any order.
    ///
    /// # Errors
    /// A column that is not there, or there twice.
    pub fn bind(&self, columns: &[String]) -> Result<Vec<Want>> {
        self.bind_for(columns, Purpose::Predict)
    }

    /// What to read of a new table.
    ///
    /// # Errors
    /// A column that is not there, or there twice.
    pub fn bind_for(&self, columns: &[String], purpose: Purpose) -> Result<Vec<Want>> {
        let mut places: HashMap<&str, (usize, usize)> = HashMap::with_capacity(columns.len());
        for (index, name) in columns.iter().enumerate() {
            places.entry(name).or_insert((index, 0)).1 += 1;
        }
        let needed = self.needed(purpose);
        let inputs = needed.iter().filter_map(|&index| self.inputs.get(index));
        let find = |Input { name, kind, .. }: &Input| match places.get(name.as_str()) {
            Some(&(column, 1)) => Ok(Want { column, as_text: *kind == ColumnKind::Text }),
            Some(&(_, count)) => Err(DataError::SameInput { name: name.clone(), count }.into()),
            None => {
                let near = nearest(name, columns.iter().map(String::as_str));
                let unnamed = is_unnamed(columns).then_some(columns.len());
                let near = near.filter(|_| unnamed.is_none());
                Err(DataError::NoInput { name: name.clone(), near, unnamed }.into())
            }
        };
        inputs.map(find).collect()
    }

    /// The recipe for a table whose columns are those of [`Self::bind_for`], as the scan found them.
    ///
    /// # Errors
    /// Text where numbers are needed, infinite values, missing values that the rule does not allow. A text
    /// that the model does not know is found when the rows are: [`super::Encoded::with`].
    pub fn rebase(&self, columns: &[Column], purpose: Purpose) -> Result<BoundRecipe<'_>> {
        let slots = self.needed(purpose);
        if slots.len() != columns.len() {
            let (wanted, found) = (slots.len(), columns.len());
            return Err(Error::Internal(format!("{found} columns were read where {wanted} are wanted")));
        }
        let mut positions = Vec::with_capacity(slots.len());
        for (&slot, column) in slots.iter().zip(columns) {
            positions.push(self.positions(slot, column)?);
        }
        refuse_infinite(columns)?;
        let missing = missing(columns);
        match self.missing {
            Missing::Error => match self.refuse_unfillable(&slots, columns) {
                // No way out of missing values helps where there is no other.
                Err(empty @ DataError::Empty { .. }) if purpose != Purpose::Predict => {
                    return Err(empty.into());
                }
                fillable => refuse_missing(&missing, fillable.is_ok())?,
            },
            Missing::Mean => self.refuse_unfillable(&slots, columns)?,
            Missing::Drop => {}
        }
        Ok(BoundRecipe { recipe: self, purpose, slots, positions, missing })
    }

    /// For a text input, where each text of `column` is among the input's.
    fn positions(&self, slot: usize, column: &Column) -> Result<Vec<u32>, DataError> {
        let Some(input) = self.inputs.get(slot) else { return Ok(Vec::new()) };
        if self.class_input() == Some(slot) {
            // Labels are compared as classes, not as levels.
            return Ok(Vec::new());
        }
        match (input.kind, column.kind) {
            (ColumnKind::Number, ColumnKind::Number) => Ok(Vec::new()),
            (ColumnKind::Text, ColumnKind::Text) => {
                let known: HashMap<&str, u32> =
                    (0..).zip(&input.levels).map(|(i, l)| (l.as_str(), i)).collect();
                // Equal numbers are one level where the formula takes numbers as text.
                let numbers = self.takes_numbers_as_text(slot).then(|| ClassList::of(&input.levels));
                let numbers = numbers.filter(|list| list.are_numbers() && list.names() == input.levels);
                let equal = |name: &str| numbers.as_ref().and_then(|list| list.place(name));
                let find = |name: &String| {
                    known.get(name.as_str()).copied().or_else(|| equal(name)).unwrap_or(UNSEEN)
                };
                Ok(column.levels.names().iter().map(find).collect())
            }
            (ColumnKind::Number, ColumnKind::Text) => {
                let names = column.levels.names();
                let stray = names.iter().find(|level| level.parse::<f64>().is_err()).or(names.first());
                Err(DataError::Text {
                    column: input.name.clone(),
                    needed_by: "the model".to_owned(),
                    example: stray.cloned(),
                    role: Role::Feature,
                })
            }
            (ColumnKind::Text, ColumnKind::Number) => Err(DataError::Numbers { column: input.name.clone() }),
        }
    }

    /// Whether the formula says `C(…)` of an input.
    fn takes_numbers_as_text(&self, input: usize) -> bool {
        self.resolved.wants.get(input).is_some_and(|want| want.as_text)
    }

    fn role(&self, input: usize) -> Role {
        if self.resolved.weights == Some(input) {
            Role::Weights
        } else if self.resolved.targets.iter().any(|target| target.columns().contains(&input)) {
            Role::Target
        } else {
            Role::Feature
        }
    }

    /// Missing values that no mean can replace.
    fn refuse_unfillable(&self, slots: &[usize], columns: &[Column]) -> Result<(), DataError> {
        for (&slot, column) in slots.iter().zip(columns).filter(|(_, column)| column.missing > 0) {
            let role = self.role(slot);
            let mean = self.inputs.get(slot).and_then(|input| input.mean);
            if role == Role::Feature && column.kind == ColumnKind::Number {
                if mean.is_none() && column.mean.is_finite() {
                    return Err(DataError::Weightless { column: column.name.clone() });
                }
                if mean.is_none() {
                    return Err(DataError::Empty { column: column.name.clone(), rows: column.missing });
                }
                continue;
            }
            let place = place(column, column.missing, column.first_missing);
            return Err(DataError::NotFillable { place, role });
        }
        Ok(())
    }
}

impl BoundRecipe<'_> {
    /// A text of the table that the model does not know: the column and its code, if there is any.
    pub(super) fn has_unseen(&self) -> bool {
        self.positions.iter().any(|positions| positions.contains(&UNSEEN))
    }

    /// The column of the table that holds an input.
    pub(super) fn slot_of(&self, input: usize) -> Option<usize> {
        self.slots.binary_search(&input).ok()
    }

    /// The position of a text's code among the levels of the input in column `slot`; missing stays missing.
    pub(super) fn position(&self, slot: usize, code: u32) -> u32 {
        if code == Levels::MISSING {
            return Levels::MISSING;
        }
        let code = usize::try_from(code).unwrap_or(usize::MAX);
        self.positions.get(slot).and_then(|positions| positions.get(code)).copied().unwrap_or(UNSEEN)
    }
}

/// A count and its first row, from 1.
pub(super) fn place(column: &Column, count: usize, first: Option<usize>) -> Place {
    Place { column: column.name.clone(), count, row: first.map_or(1, |row| row + 1) }
}

fn missing(columns: &[Column]) -> Vec<Place> {
    let affected = columns.iter().filter(|column| column.missing > 0);
    affected.map(|column| place(column, column.missing, column.first_missing)).collect()
}

fn refuse_missing(missing: &[Place], fillable: bool) -> Result<(), DataError> {
    match missing {
        [] => Ok(()),
        [place, others @ ..] => {
            Err(DataError::Missing { place: place.clone(), others: others.to_vec(), fillable })
        }
    }
}

fn refuse_infinite(columns: &[Column]) -> Result<(), DataError> {
    let affected = columns.iter().filter(|column| column.infinite > 0);
    let mut places = affected.map(|column| place(column, column.infinite, column.first_infinite));
    match places.next() {
        None => Ok(()),
        Some(place) => Err(DataError::Infinite { place, others: places.collect() }),
    }
}
