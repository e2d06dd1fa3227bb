//! From columns of numbers and text to the columns of a design.
//!
//! A [`Recipe`] is everything that predicting needs: which inputs by name, their texts, the terms, the rule
//! for missing values with the means of the training data. [`Encoded`] applies it to a table and hands out
//! logical blocks of rows, whatever the table's chunks are.
//!
//! Text is one-hot encoded as `column=text`, texts in sorted order. Whether a text column of a term leaves
//! out its first text, the reference, follows the rule of R's `model.matrix` (Chambers and Hastie,
//! "Statistical Models in S", 1992, §2.4.1): it does where the term without that column is in the model
//! too, since the columns of all texts would add up to that term.
//!
//! A row that is dropped or has weight 0 counts for nothing: a text that occurs in such rows alone is no level, and
//! means are those of the other rows, by their weights.

mod bound;
mod in_use;
mod numbers;
mod rows;
#[cfg(test)]
mod tests;

pub use bound::{BoundRecipe, Purpose};
pub use rows::Encoded;

use super::check::{DataError, Role, grouped};
use super::classes::ClassList;
use super::formula::{Expr, Formula, FormulaError, Resolved, Variable, quoted};
use super::read::Want;
use super::spool::Table;
use super::table::{Chunk, Column, ColumnKind};
use crate::error::{Error, Result};
use std::collections::HashSet;

/// A column of more texts than this is an identifier or a date.
const MOST_LEVELS: usize = 1000;
/// A column of more texts than this, and of more than half as many as it has values, is one as well.
const FEW_LEVELS: usize = 20;
/// More design columns than this are a slip.
const MOST_COLUMNS: usize = 1 << 20;

/// What to do about missing values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Missing {
    /// Refuse them.
    #[default]
    Error,
    /// Leave out the rows that have any. A prediction for such a row is NaN.
    Drop,
    /// Put the mean of the training data in place of a missing number.
    Mean,
}

/// How a table becomes a design.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EncodeOptions {
    /// Missing values.
    pub missing: Missing,
    /// λ = 0: texts that the others of the model determine have no column of their own. With a penalty
    /// every text has one, so that none of them is special.
    pub drop_reference: bool,
    /// The target is a column of classes, texts or numbers, and no column of the design's targets:
    /// [`Encoded`] has no outputs then, and [`Labels::of_column`](super::Labels::of_column) reads it.
    pub class_target: bool,
}

/// A column of the data that the recipe takes values from.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Input {
    /// Its name.
    pub name: String,
    /// Number or text.
    pub kind: ColumnKind,
    /// For text, what the rows in use hold, in sorted order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub levels: Vec<String>,
    /// For numbers, the mean of the training data, weighted where rows are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mean: Option<f64>,
}

/// A table that has been scanned: what the columns hold, and their values as often as they are needed.
pub trait Scanned: Sync {
    /// The columns.
    fn columns(&self) -> &[Column];
    /// Rows, n.
    fn rows(&self) -> usize;
    /// The values from the first row on.
    fn chunks(&self) -> Box<dyn Iterator<Item = Result<Chunk>> + '_>;
}

/// What a design column is the product of.
#[derive(Clone, Debug, PartialEq)]
struct DesignColumn {
    /// Variables that are numbers.
    numbers: Vec<usize>,
    /// Inputs that hold text, and the position of the text that makes this column 1.
    levels: Vec<(usize, u32)>,
}

/// How rows become numbers; see the module.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "Saved", into = "Saved")]
pub struct Recipe {
    resolved: Resolved,
    inputs: Vec<Input>,
    missing: Missing,
    drop_reference: bool,
    class_target: bool,
    columns: Vec<DesignColumn>,
    names: Vec<String>,
    targets: Vec<String>,
    /// For each text variable that leaves out its first text as a main effect, the input.
    references: Vec<usize>,
    has_low_parts: bool,
}

/// A recipe as it is kept in a file: the formula with everything expanded, and what the data adds to it.
#[derive(Clone, serde::Serialize, serde::Deserialize)]
struct Saved {
    formula: String,
    inputs: Vec<Input>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    weights: Option<String>,
    missing: Missing,
    drop_reference: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    class_target: bool,
}

impl From<Recipe> for Saved {
    fn from(recipe: Recipe) -> Self {
        Self {
            formula: recipe.formula(),
            weights: recipe.weights().map(str::to_owned),
            missing: recipe.missing,
            drop_reference: recipe.drop_reference,
            class_target: recipe.class_target,
            inputs: recipe.inputs,
        }
    }
}

impl TryFrom<Saved> for Recipe {
    type Error = String;

    /// Everything but the inputs is derived again, by the code that derived it first: a file cannot hold
    /// parts that contradict each other.
    fn try_from(saved: Saved) -> Result<Self, String> {
        let mut header: Vec<String> = Vec::new();
        let mut seen = HashSet::new();
        for input in &saved.inputs {
            if seen.insert(input.name.as_str()) {
                header.push(input.name.clone());
            }
        }
        let describe = |error: FormulaError| format!("formula `{}`: {error}", saved.formula);
        let formula = Formula::parse(&saved.formula).map_err(describe)?;
        let resolved = formula.resolve(&header, saved.weights.as_deref()).map_err(describe)?;
        let fits = |(want, input): (&Want, &Input)| {
            header.get(want.column) == Some(&input.name) && (!want.as_text || input.kind == ColumnKind::Text)
        };
        if resolved.wants.len() != saved.inputs.len() || !resolved.wants.iter().zip(&saved.inputs).all(fits) {
            return Err(format!("the inputs are not those of the formula `{}`", saved.formula));
        }
        let options = EncodeOptions {
            missing: saved.missing,
            drop_reference: saved.drop_reference,
            class_target: saved.class_target,
        };
        Self::assemble(resolved, saved.inputs, options).map_err(|error| error.to_string())
    }
}

impl Recipe {
    /// The columns of `table` are those of [`Resolved::wants`], in that order.
    ///
    /// # Errors
    /// [`DataError`]: text where numbers are needed, missing or infinite values, too many texts. [`Error::Usage`]:
    /// classes that are not one column, or that the formula asks for and the loss does not take. A file that can
    /// no longer be read.
    pub fn build(resolved: &Resolved, table: &dyn Scanned, options: &EncodeOptions) -> Result<Self> {
        let columns = table.columns();
        if columns.len() != resolved.wants.len() {
            return Err(Error::Internal(format!(
                "{} columns were read where the formula wants {}",
                columns.len(),
                resolved.wants.len()
            )));
        }
        let mut inputs: Vec<Input> = columns.iter().map(input).collect();
        in_use::narrow(&mut inputs, resolved, table, *options)?;
        merge_numbers(&mut inputs, resolved, options.class_target);
        let recipe = Self::assemble(resolved.clone(), inputs, *options)?;
        recipe.rebase(columns, Purpose::Evaluate)?;
        Ok(recipe)
    }

    fn assemble(resolved: Resolved, inputs: Vec<Input>, options: EncodeOptions) -> Result<Self> {
        let EncodeOptions { missing, drop_reference, class_target } = options;
        let mut recipe = Self {
            resolved,
            inputs,
            missing,
            drop_reference,
            class_target,
            columns: Vec::new(),
            names: Vec::new(),
            targets: Vec::new(),
            references: Vec::new(),
            has_low_parts: false,
        };
        recipe.refuse_other_classes()?;
        recipe.refuse_text_as_numbers()?;
        recipe.refuse_many_levels()?;
        recipe.lay_out()?;
        recipe.targets = recipe.resolved.targets.iter().map(|target| recipe.variable_name(target)).collect();
        recipe.has_low_parts = recipe.columns.iter().any(|column| recipe.can_have_low_part(column));
        Ok(recipe)
    }

    /// The names of the d design columns: `temp`, `x^2`, `ocean=INLAND`, `a:b`. Each is there once.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The names of the c targets.
    pub fn targets(&self) -> &[String] {
        &self.targets
    }

    /// The columns of the data that values are taken from: features, targets and weights.
    pub fn inputs(&self) -> &[Input] {
        &self.inputs
    }

    /// Whether the formula has an intercept.
    pub fn intercept(&self) -> bool {
        self.resolved.intercept
    }

    /// The rule for missing values.
    pub fn missing(&self) -> Missing {
        self.missing
    }

    /// Whether the target is a column of classes.
    pub fn has_classes(&self) -> bool {
        self.class_target
    }

    /// The name of the weights column.
    pub fn weights(&self) -> Option<&str> {
        self.resolved.weights.and_then(|index| self.inputs.get(index)).map(|input| input.name.as_str())
    }

    /// The formula with `.`, `*`, `poly` and patterns expanded.
    pub fn formula(&self) -> String {
        let name = |input: &usize| self.inputs.get(*input).map_or_else(String::new, |i| quoted(&i.name));
        let print = |variable: &Variable| match variable {
            Variable::Column(input) if self.resolved.wants.get(*input).is_some_and(|want| want.as_text) => {
                format!("C({})", name(input))
            }
            Variable::Column(input) => name(input),
            Variable::Value(value) => value.print(false, name),
        };
        let list = |targets: &[Variable]| targets.iter().map(print).collect::<Vec<_>>().join(", ");
        let targets = match self.resolved.targets.as_slice() {
            [one] => print(one),
            many => format!("[{}]", list(many)),
        };
        let term = |term: &Vec<usize>| {
            let factors = term.iter().filter_map(|&v| self.resolved.variables.get(v));
            factors.map(print).collect::<Vec<_>>().join(":")
        };
        let intercept = if self.resolved.intercept { "1" } else { "0" };
        let terms = std::iter::once(intercept.to_owned()).chain(self.resolved.terms.iter().map(term));
        format!("{targets} ~ {}", terms.collect::<Vec<_>>().join(" + "))
    }

    /// What was decided about the columns, in sentences.
    pub fn notes(&self) -> Vec<String> {
        let mut told = HashSet::new();
        let texts = self.resolved.variables.iter().filter_map(|variable| match variable {
            Variable::Column(input) => Some(*input).filter(|input| told.insert(*input)),
            Variable::Value(_) => None,
        });
        let note = |index: usize| {
            let input = self.inputs.get(index).filter(|input| input.kind == ColumnKind::Text)?;
            let count = match input.levels.len() {
                1 => "1 level".to_owned(),
                count => format!("{} levels", grouped(count)),
            };
            Some(match input.levels.first().filter(|_| self.references.contains(&index)) {
                Some(first) if input.levels.len() == 1 => {
                    format!("{}: {count}, `{first}`, which adds nothing to the intercept", input.name)
                }
                Some(first) => format!("{}: {count}, `{first}` is the reference", input.name),
                None => format!("{}: {count}, a column each", input.name),
            })
        };
        texts.filter_map(note).collect()
    }

    /// The same recipe with another rule for missing values.
    #[must_use]
    pub fn with_missing(mut self, missing: Missing) -> Self {
        self.missing = missing;
        self
    }

    /// Refuses a column of dates, and one of text that would give nearly every row a parameter of its own, unless the
    /// formula says `C(…)`. `columns` are those of the table that the recipe was made from.
    /// Rows that are not in use, of weight 0 for one, are no reason to take it.
    fn refuse_identifiers(&self, table: &dyn Scanned) -> Result<()> {
        let inputs = self.inputs.iter().zip(&self.resolved.wants).zip(table.columns());
        for (slot, ((input, want), column)) in inputs.enumerate() {
            let count = input.levels.len();
            if want.as_text || count <= 1 || self.is_class(&input.name) {
                continue;
            }
            let used: HashSet<&str> = input.levels.iter().map(String::as_str).collect();
            let names = column.levels.names().iter().map(String::as_str);
            let names: Vec<&str> = names.filter(|name| used.contains(name)).collect();
            if super::read::are_dates(&names) {
                let example = names.first().copied().unwrap_or_default().to_owned();
                return Err(DataError::Dates { column: input.name.clone(), count, example }.into());
            }
            if count <= FEW_LEVELS {
                continue;
            }
            let values = in_use::values(table, slot, self.resolved.weights, self.missing)?;
            if 2 * count <= values {
                continue;
            }
            return Err(DataError::Identifier {
                column: input.name.clone(),
                count,
                values,
                example: names.first().copied().unwrap_or_default().to_owned(),
                looks: super::read::looks(&names, values, false),
            }
            .into());
        }
        Ok(())
    }

    /// The input that holds the classes.
    fn class_input(&self) -> Option<usize> {
        self.resolved.targets.first().filter(|_| self.class_target)?.columns().first().copied()
    }

    /// Whether the classes are in the column of that name.
    fn is_class(&self, name: &str) -> bool {
        self.class_input().is_some_and(|input| self.input_name(input) == name)
    }

    fn is_text(&self, input: usize) -> bool {
        self.inputs.get(input).is_some_and(|input| input.kind == ColumnKind::Text)
    }

    /// The input of a variable that holds text.
    fn text_input(&self, variable: usize) -> Option<usize> {
        match self.resolved.variables.get(variable) {
            Some(Variable::Column(input)) if self.is_text(*input) => Some(*input),
            _ => None,
        }
    }

    fn input_name(&self, input: usize) -> &str {
        self.inputs.get(input).map_or("", |input| &input.name)
    }

    /// `temp`, `log(temp)`, `temp^2`, `I(a / b)`.
    fn variable_name(&self, variable: &Variable) -> String {
        match variable {
            Variable::Column(input) => self.input_name(*input).to_owned(),
            Variable::Value(value) => value.print(value.is_power(), |input| quoted(self.input_name(*input))),
        }
    }

    /// Classes are in one column as it is, and `C(…)` on the left is for a loss that takes them.
    fn refuse_other_classes(&self) -> Result<()> {
        let usage = |what: String, hint: String| Err(Error::Usage { what, hint });
        let name = |input: &usize| quoted(self.input_name(*input));
        match self.resolved.targets.as_slice() {
            [Variable::Column(input)] if !self.class_target => {
                if !self.resolved.wants.get(*input).is_some_and(|want| want.as_text) {
                    return Ok(());
                }
                usage(
                    format!(
                        "`C({})` on the left asks for classes, and the loss is one of numbers",
                        name(input)
                    ),
                    format!("write `{} ~ …` for numbers, or choose a loss of classes", name(input)),
                )
            }
            [Variable::Value(value)] if self.class_target => usage(
                format!("a class is a column as it is, and the target is `{}`", value.print(false, name)),
                "name the column that holds the classes".to_owned(),
            ),
            [_] => Ok(()),
            targets if self.class_target => usage(
                format!("one column holds the classes, and the formula has {} targets", targets.len()),
                "name the column that holds the classes".to_owned(),
            ),
            _ => Ok(()),
        }
    }

    fn refuse_text_as_numbers(&self) -> Result<(), DataError> {
        let refuse = |input: usize, needed_by: String, role: Role| match self.inputs.get(input) {
            Some(Input { name, kind: ColumnKind::Text, levels, .. }) => {
                let stray = levels.iter().find(|level| level.parse::<f64>().is_err()).or(levels.first());
                Err(DataError::Text { column: name.clone(), needed_by, example: stray.cloned(), role })
            }
            _ => Ok(()),
        };
        for variable in &self.resolved.variables {
            if let Variable::Value(value) = variable {
                for &input in value.columns() {
                    refuse(input, format!("`{}`", self.variable_name(variable)), Role::Feature)?;
                }
            }
        }
        for target in self.resolved.targets.iter().filter(|_| !self.class_target) {
            for input in target.columns() {
                refuse(input, "a target".to_owned(), Role::Target)?;
            }
        }
        match self.resolved.weights {
            Some(input) => refuse(input, "a weight".to_owned(), Role::Weights),
            None => Ok(()),
        }
    }

    fn refuse_many_levels(&self) -> Result<(), DataError> {
        let many = |input: &&Input| input.levels.len() > MOST_LEVELS && !self.is_class(&input.name);
        match self.inputs.iter().find(many) {
            Some(Input { name, levels, .. }) => Err(DataError::TooManyLevels {
                column: name.clone(),
                count: levels.len(),
                limit: MOST_LEVELS,
            }),
            None => Ok(()),
        }
    }

    /// The design columns and their names, term by term, the first factor's texts fastest.
    fn lay_out(&mut self) -> Result<(), DataError> {
        let sorted = |mut term: Vec<usize>| {
            term.sort_unstable();
            term
        };
        let terms: HashSet<Vec<usize>> = self.resolved.terms.iter().cloned().map(sorted).collect();
        let mut constant_spanned = self.resolved.intercept;
        let (mut columns, mut references) = (Vec::new(), Vec::new());
        for term in &self.resolved.terms {
            let mut of_term = vec![DesignColumn { numbers: Vec::new(), levels: Vec::new() }];
            let mut spans_constant = false;
            for &variable in term {
                let Some(input) = self.text_input(variable) else {
                    for column in &mut of_term {
                        column.numbers.push(variable);
                    }
                    continue;
                };
                let others: Vec<usize> = term.iter().copied().filter(|&other| other != variable).collect();
                let alone = others.is_empty();
                let spanned = if alone { constant_spanned } else { terms.contains(&sorted(others)) };
                let from = u32::from(self.drop_reference && spanned);
                if alone {
                    spans_constant = true;
                    references.extend((from == 1).then_some(input));
                }
                let count = self.inputs.get(input).map_or(0, |input| input.levels.len());
                if of_term.len().saturating_mul(count) + columns.len() > MOST_COLUMNS {
                    return Err(DataError::TooManyColumns { limit: MOST_COLUMNS });
                }
                let levels = from..u32::try_from(count).unwrap_or(u32::MAX);
                of_term = levels
                    .flat_map(|level| {
                        of_term.iter().cloned().map(move |mut column| {
                            column.levels.push((input, level));
                            column
                        })
                    })
                    .collect();
            }
            constant_spanned |= spans_constant;
            columns.extend(of_term.into_iter().map(|column| (term, column)));
        }
        self.names = unique(columns.iter().map(|(term, column)| self.column_name(term, column)).collect());
        self.columns = columns.into_iter().map(|(_, column)| column).collect();
        self.references = references;
        Ok(())
    }

    /// `a:city=Oslo`, factors in the order of the term.
    fn column_name(&self, term: &[usize], column: &DesignColumn) -> String {
        let mut levels = column.levels.iter();
        let factor = |&variable: &usize| {
            if self.text_input(variable).is_some()
                && let Some(&(input, level)) = levels.next()
            {
                let level = self.inputs.get(input).and_then(|i| i.levels.get(usize::try_from(level).ok()?));
                return format!("{}={}", self.input_name(input), level.map_or("", String::as_str));
            }
            self.resolved.variables.get(variable).map_or_else(String::new, |v| self.variable_name(v))
        };
        term.iter().map(factor).collect::<Vec<_>>().join(":")
    }

    fn value(&self, variable: usize) -> Option<&Expr<usize>> {
        match self.resolved.variables.get(variable) {
            Some(Variable::Value(value)) => Some(value),
            _ => None,
        }
    }

    fn can_have_low_part(&self, column: &DesignColumn) -> bool {
        column.numbers.len() > 1
            || column.numbers.iter().any(|&v| self.value(v).is_some_and(Expr::can_have_low_part))
    }
}

/// A column as the scan found it, its texts sorted.
fn input(column: &Column) -> Input {
    let text = column.kind == ColumnKind::Text;
    let levels = if text { sorted_levels(column.levels.names()) } else { Vec::new() };
    let mean = (!text && column.mean.is_finite()).then_some(column.mean);
    Input { name: column.name.clone(), kind: column.kind, levels, mean }
}

/// Numbers that `C(…)` takes as text are one level where they are equal, under their shortest form; where one of them is
/// no number all stay as they are. Classes are compared as numbers anyway.
fn merge_numbers(inputs: &mut [Input], resolved: &Resolved, class_target: bool) {
    let classes = resolved.targets.first().filter(|_| class_target).map(Variable::columns);
    for (index, (input, want)) in inputs.iter_mut().zip(&resolved.wants).enumerate() {
        let is_class = classes.as_ref().is_some_and(|columns| columns.contains(&index));
        if want.as_text
            && !is_class
            && let Some(levels) = ClassList::of(&input.levels).shortest()
        {
            input.levels = levels;
        }
    }
}

/// By value where all are numbers, else by code point.
fn sorted_levels(names: &[String]) -> Vec<String> {
    let numbers: Option<Vec<f64>> =
        names.iter().map(|name| name.trim().parse().ok().filter(|x: &f64| !x.is_nan())).collect();
    let mut sorted: Vec<(f64, &String)> = match numbers {
        Some(numbers) => numbers.into_iter().zip(names).collect(),
        None => names.iter().map(|name| (0.0, name)).collect(),
    };
    sorted.sort_by(|a, b| a.0.total_cmp(&b.0).then_with(|| a.1.cmp(b.1)));
    sorted.into_iter().map(|(_, name)| name.clone()).collect()
}

/// Names that occur again get a number: a column can be called like a product of two others.
fn unique(mut names: Vec<String>) -> Vec<String> {
    let mut taken: HashSet<String> = HashSet::with_capacity(names.len());
    for name in &mut names {
        let mut count = 1;
        let original = name.clone();
        while !taken.insert(name.clone()) {
            count += 1;
            *name = format!("{original}#{count}");
        }
    }
    names
}

impl Scanned for Table {
    fn columns(&self) -> &[Column] {
        self.columns()
    }

    fn rows(&self) -> usize {
        self.rows()
    }

    fn chunks(&self) -> Box<dyn Iterator<Item = Result<Chunk>> + '_> {
        self.chunks()
    }
}
