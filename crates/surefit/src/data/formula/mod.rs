//! Formulas: `y ~ a + b`, as R and patsy write them, without anything that decides silently.
//!
//! [`Formula::parse`] needs the text alone; [`Formula::resolve`] looks the names up in a table's header,
//! expands `.`, `*`, `poly` and name patterns, and says which columns must be read. What a column holds
//! (numbers or text) is not known before it has been read, so that is the business of
//! [`encode`](super::encode).

mod error;
mod evaluate;
mod expr;
mod lex;
mod parse;
#[cfg(test)]
mod tests;

pub(crate) use error::did_you_mean;
pub(crate) use error::is_unnamed;
pub use error::nearest;
pub use error::{FormulaError, FormulaProblem};
pub use evaluate::Wide;
pub use expr::{Expr, Function, Op, Operator};
pub use lex::{fits, quoted};

use super::read::Want;
use lex::Pattern;
use parse::{Name, Node, Parsed, Position, Target};
use std::collections::hash_map::{Entry, HashMap};
use std::fmt;

/// More terms than this are a slip, not a model.
const MOST_TERMS: usize = 1 << 20;

/// A formula that parses. Printing it and parsing that gives the same formula.
#[derive(Clone, Debug)]
pub struct Formula {
    text: String,
    targets: Target,
    terms: Node,
}

impl PartialEq for Formula {
    fn eq(&self, other: &Self) -> bool {
        (&self.targets, &self.terms) == (&other.targets, &other.terms)
    }
}

impl fmt::Display for Formula {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ~ {}", self.targets, self.terms)
    }
}

/// One factor of a term: a column as it is (numbers or text), or arithmetic on columns. Columns are
/// indices into [`Resolved::wants`].
#[derive(Clone, Debug, PartialEq)]
pub enum Variable {
    /// A column.
    Column(usize),
    /// Arithmetic, on numbers only.
    Value(Expr<usize>),
}

/// A formula whose names have been found in a table.
#[derive(Clone, Debug, PartialEq)]
pub struct Resolved {
    /// The formula, printed in one way.
    pub formula: String,
    /// The columns to read, each once as text and once as found at most.
    pub wants: Vec<Want>,
    /// Whether the model has an intercept.
    pub intercept: bool,
    /// The distinct factors of the terms, in order of first appearance.
    pub variables: Vec<Variable>,
    /// The terms, in order, each once: a product of distinct variables, in the order in which they are
    /// written.
    pub terms: Vec<Vec<usize>>,
    /// The targets, in order.
    pub targets: Vec<Variable>,
    /// Where in `wants` the row weights are.
    pub weights: Option<usize>,
}

/// The functions' names in a sentence.
fn known_functions() -> String {
    parse::function_names().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

impl Formula {
    /// Reads a formula. Never panics, and takes time and memory proportional to the text.
    ///
    /// # Errors
    /// The first problem from the left.
    pub fn parse(text: &str) -> Result<Self, FormulaError> {
        let Parsed { targets, terms } = parse::parse(text)?;
        Ok(Self { text: text.to_owned(), targets, terms })
    }

    /// Looks up the names among `columns`, the table's header; `weights` is the column of row weights, which
    /// `.` leaves out like the targets.
    ///
    /// # Errors
    /// A name that is not there or there twice, a target among the terms, nothing to fit.
    pub fn resolve(&self, columns: &[String], weights: Option<&str>) -> Result<Resolved, FormulaError> {
        let mut resolver = Resolver::new(&self.text, columns);
        let weights = weights.map(|name| resolver.weights(name)).transpose()?;
        let targets = resolver.targets(&self.targets)?;
        if let Some(weights) = weights
            && let Some(name) = columns.get(weights).filter(|_| resolver.target_columns.contains(&weights))
        {
            return Err(FormulaError {
                problem: FormulaProblem::WeightsAreTarget { name: name.clone() },
                formula: self.text.clone(),
                at: None,
            });
        }
        resolver.weights_column = weights;
        let mut terms = Terms::default();
        terms.insert(Vec::new());
        resolver.expand(&self.terms, &mut terms)?;
        let intercept = terms.remove(&[]);
        if intercept {
            resolver.refuse_second_intercept(&terms)?;
        }
        let terms = terms.into_vec();
        if terms.is_empty() && !intercept {
            return Err(resolver.error(FormulaProblem::NothingToFit, self.text.len()));
        }
        let weights = weights.map(|column| resolver.want(column, false));
        let Resolver { wants, variables, .. } = resolver;
        let resolved =
            Resolved { formula: self.to_string(), wants, intercept, variables, terms, targets, weights };
        Ok(resolved.in_order())
    }
}

impl Resolved {
    /// Variables and columns in order of first appearance, without those of terms that were taken out
    /// again (`. - a`): so that the expanded formula, printed, resolves to the very same.
    fn in_order(mut self) -> Self {
        let mut variables = Renumbering::new(self.variables.len());
        for term in &mut self.terms {
            for variable in term {
                *variable = variables.number(*variable);
            }
        }
        self.variables = variables.pick(&self.variables);
        let mut wants = Renumbering::new(self.wants.len());
        for variable in self.targets.iter_mut().chain(&mut self.variables) {
            match variable {
                Variable::Column(column) => *column = wants.number(*column),
                Variable::Value(value) => {
                    value.columns_mut().for_each(|column| *column = wants.number(*column));
                }
            }
        }
        self.weights = self.weights.map(|column| wants.number(column));
        self.wants = wants.pick(&self.wants);
        self
    }
}

/// New numbers for old ones, by first use.
struct Renumbering {
    new: Vec<Option<usize>>,
    order: Vec<usize>,
}

impl Renumbering {
    fn new(count: usize) -> Self {
        Self { new: vec![None; count], order: Vec::new() }
    }

    fn number(&mut self, old: usize) -> usize {
        *self.new[old].get_or_insert_with(|| {
            self.order.push(old);
            self.order.len() - 1
        })
    }

    /// The items in use, in their new order.
    fn pick<T: Clone>(&self, items: &[T]) -> Vec<T> {
        self.order.iter().map(|&old| items[old].clone()).collect()
    }
}

impl Variable {
    /// The columns it takes its values from, repetitions included.
    pub fn columns(&self) -> Vec<usize> {
        match self {
            Self::Column(column) => vec![*column],
            Self::Value(value) => value.columns().copied().collect(),
        }
    }
}

/// A set of terms that remembers their order. `a:b` is `b:a`, as first written.
#[derive(Default)]
struct Terms {
    order: Vec<Option<Vec<usize>>>,
    /// By sorted variables.
    places: HashMap<Vec<usize>, usize>,
}

fn sorted(term: &[usize]) -> Vec<usize> {
    let mut key = term.to_vec();
    key.sort_unstable();
    key
}

impl Terms {
    fn insert(&mut self, term: Vec<usize>) {
        if let Entry::Vacant(place) = self.places.entry(sorted(&term)) {
            place.insert(self.order.len());
            self.order.push(Some(term));
        }
    }

    /// Whether it was there.
    fn remove(&mut self, term: &[usize]) -> bool {
        match self.places.remove(&sorted(term)) {
            Some(place) => {
                self.order[place] = None;
                true
            }
            None => false,
        }
    }

    fn len(&self) -> usize {
        self.places.len()
    }

    fn iter(&self) -> impl Iterator<Item = &Vec<usize>> {
        self.order.iter().flatten()
    }

    fn into_vec(self) -> Vec<Vec<usize>> {
        self.order.into_iter().flatten().collect()
    }
}

/// The product of two terms: their variables, each once.
fn product(a: &[usize], b: &[usize]) -> Vec<usize> {
    let mut both = a.to_vec();
    both.extend(b.iter().filter(|variable| !a.contains(variable)));
    both
}

struct Resolver<'a> {
    text: &'a str,
    columns: &'a [String],
    /// First position and number of the columns of a name.
    by_name: HashMap<&'a str, (usize, usize)>,
    target_columns: std::collections::HashSet<usize>,
    weights_column: Option<usize>,
    wants: Vec<Want>,
    want_places: HashMap<(usize, bool), usize>,
    variables: Vec<Variable>,
    column_variables: HashMap<usize, usize>,
    value_variables: HashMap<String, usize>,
}

impl<'a> Resolver<'a> {
    fn new(text: &'a str, columns: &'a [String]) -> Self {
        let mut by_name = HashMap::with_capacity(columns.len());
        for (index, name) in columns.iter().enumerate() {
            by_name.entry(name.as_str()).or_insert((index, 0)).1 += 1;
        }
        Self {
            text,
            columns,
            by_name,
            target_columns: std::collections::HashSet::new(),
            weights_column: None,
            wants: Vec::new(),
            want_places: HashMap::new(),
            variables: Vec::new(),
            column_variables: HashMap::new(),
            value_variables: HashMap::new(),
        }
    }

    fn error(&self, problem: FormulaProblem, byte: usize) -> FormulaError {
        FormulaError::new(problem, self.text, byte)
    }

    /// The position of the one column of this name.
    fn find(&self, name: &str) -> Result<usize, FormulaProblem> {
        match self.by_name.get(name) {
            Some(&(index, 1)) => Ok(index),
            Some(&(_, count)) => Err(FormulaProblem::SameName { name: name.to_owned(), count }),
            None => Err(FormulaProblem::NoColumn {
                name: name.to_owned(),
                near: nearest(name, self.columns.iter().map(String::as_str)),
                known: self.columns.to_vec(),
            }),
        }
    }

    fn weights(&self, name: &str) -> Result<usize, FormulaError> {
        self.find(name).map_err(|problem| FormulaError {
            problem: match problem {
                FormulaProblem::NoColumn { name, near, known } => {
                    FormulaProblem::NoWeights { name, near, known }
                }
                other => other,
            },
            formula: self.text.to_owned(),
            at: None,
        })
    }

    /// The place of a column among those to be read.
    fn want(&mut self, column: usize, as_text: bool) -> usize {
        *self.want_places.entry((column, as_text)).or_insert_with(|| {
            self.wants.push(Want { column, as_text });
            self.wants.len() - 1
        })
    }

    /// The columns that a list of names and patterns stands for, each once.
    fn matching(
        &self,
        patterns: &[Pattern],
        skip: impl Fn(usize) -> bool,
    ) -> Result<Vec<usize>, FormulaError> {
        let mut found = Vec::new();
        let mut seen = std::collections::HashSet::new();
        for pattern in patterns {
            let before = found.len();
            let mut any = false;
            if pattern.is_glob() {
                for (index, name) in self.columns.iter().enumerate() {
                    if !skip(index) && pattern.matches(name) {
                        self.find(name).map_err(|problem| self.error(problem, pattern.start))?;
                        any = true;
                        found.extend(seen.insert(index).then_some(index));
                    }
                }
            } else {
                let index = self.find(&pattern.text).map_err(|problem| self.error(problem, pattern.start))?;
                found.extend(seen.insert(index).then_some(index));
                any = true;
            }
            if !any && found.len() == before {
                let problem = FormulaProblem::NoMatch { pattern: pattern.text.clone() };
                return Err(self.error(problem, pattern.start));
            }
        }
        Ok(found)
    }

    fn targets(&mut self, target: &Target) -> Result<Vec<Variable>, FormulaError> {
        let variables = match target {
            Target::List(patterns) => {
                let columns = self.matching(patterns, |_| false)?;
                self.refuse_repetition(patterns)?;
                self.target_columns.extend(&columns);
                columns.into_iter().map(|column| Variable::Column(self.want(column, false))).collect()
            }
            Target::Value(value) => {
                for name in value.columns() {
                    let column = self.find(&name.text).map_err(|problem| self.error(problem, name.at))?;
                    self.target_columns.insert(column);
                }
                vec![self.value(value)?]
            }
            Target::Category(name) => {
                let column = self.find(&name.text).map_err(|problem| self.error(problem, name.at))?;
                self.target_columns.insert(column);
                vec![Variable::Column(self.want(column, true))]
            }
        };
        Ok(variables)
    }

    fn refuse_repetition(&self, targets: &[Pattern]) -> Result<(), FormulaError> {
        let mut seen = std::collections::HashSet::new();
        match targets.iter().find(|target| !target.is_glob() && !seen.insert(target.text.as_str())) {
            Some(again) => {
                Err(self.error(FormulaProblem::TargetTwice { name: again.text.clone() }, again.start))
            }
            None => Ok(()),
        }
    }

    /// Two coefficients by one name could not be told apart, in an answer or in a file of them.
    fn refuse_second_intercept(&self, terms: &Terms) -> Result<(), FormulaError> {
        let is_called_so = |&column: &usize| {
            self.columns.get(column).is_some_and(|name| name.eq_ignore_ascii_case(crate::model::INTERCEPT))
        };
        let alone = |term: &Vec<usize>| match term.as_slice() {
            [variable] => match self.variables.get(*variable) {
                Some(Variable::Column(want)) => self.wants.get(*want).map(|want| want.column),
                _ => None,
            },
            _ => None,
        };
        match terms.iter().filter_map(alone).find(is_called_so) {
            Some(_) => Err(FormulaError {
                problem: FormulaProblem::NamedIntercept,
                formula: self.text.to_owned(),
                at: None,
            }),
            None => Ok(()),
        }
    }

    /// An expression with its names looked up.
    fn value(&mut self, value: &Expr<Name>) -> Result<Variable, FormulaError> {
        if value.columns().next().is_none() {
            let printed = value.print(false, ToString::to_string);
            return Err(self.error(FormulaProblem::NoColumnInside(printed), 0));
        }
        let value = value.map(|name| {
            let column = self.find(&name.text).map_err(|problem| self.error(problem, name.at))?;
            Ok::<_, FormulaError>(self.want(column, false))
        })?;
        Ok(match value.as_column() {
            Some(&column) => Variable::Column(column),
            None => Variable::Value(value),
        })
    }

    fn refuse_target(&self, column: usize, byte: usize) -> Result<(), FormulaError> {
        match self.columns.get(column).filter(|_| self.target_columns.contains(&column)) {
            Some(name) => Err(self.error(FormulaProblem::TargetAmongTerms { name: name.clone() }, byte)),
            None => Ok(()),
        }
    }

    fn column_variable(&mut self, column: usize, as_text: bool) -> usize {
        let want = self.want(column, as_text);
        *self.column_variables.entry(want).or_insert_with(|| {
            self.variables.push(Variable::Column(want));
            self.variables.len() - 1
        })
    }

    fn value_variable(&mut self, value: &Expr<Name>) -> Result<usize, FormulaError> {
        for name in value.columns() {
            if let Ok(column) = self.find(&name.text) {
                self.refuse_target(column, name.at)?;
            }
        }
        Ok(match self.value(value)? {
            Variable::Column(want) => {
                let column = self.wants[want].column;
                self.column_variable(column, false)
            }
            variable @ Variable::Value(_) => {
                let key = value.print(false, ToString::to_string);
                *self.value_variables.entry(key).or_insert_with(|| {
                    self.variables.push(variable);
                    self.variables.len() - 1
                })
            }
        })
    }

    /// Adds what `node` stands for to `terms`.
    fn expand(&mut self, node: &Node, terms: &mut Terms) -> Result<(), FormulaError> {
        match node {
            Node::Sum(parts) => {
                for (minus, part) in parts {
                    if *minus { self.leave_out(part, terms)? } else { self.expand(part, terms)? }
                }
            }
            Node::Intercept(true) => terms.insert(Vec::new()),
            Node::Intercept(false) => {
                terms.remove(&[]);
            }
            Node::Cross(parts) => self.expand_chain(parts, true, terms)?,
            Node::Product(parts) => self.expand_chain(parts, false, terms)?,
            Node::Dot(Position(at)) => {
                let others: Vec<usize> = (0..self.columns.len())
                    .filter(|index| {
                        !self.target_columns.contains(index) && Some(*index) != self.weights_column
                    })
                    .collect();
                if others.is_empty() {
                    return Err(self.error(FormulaProblem::EmptyDot, *at));
                }
                for column in others {
                    let name = &self.columns[column];
                    self.find(name).map_err(|problem| self.error(problem, *at))?;
                    terms.insert(vec![self.column_variable(column, false)]);
                }
            }
            Node::List(patterns) => {
                let skip = |index| self.target_columns.contains(&index) || Some(index) == self.weights_column;
                for column in self.matching(patterns, skip)? {
                    self.refuse_target(column, patterns.first().map_or(0, |pattern| pattern.start))?;
                    terms.insert(vec![self.column_variable(column, false)]);
                }
            }
            Node::Column(name) | Node::Category(name) => {
                let column = self.find(&name.text).map_err(|problem| self.error(problem, name.at))?;
                self.refuse_target(column, name.at)?;
                terms.insert(vec![self.column_variable(column, matches!(node, Node::Category(_)))]);
            }
            Node::Value(value) => terms.insert(vec![self.value_variable(value)?]),
            Node::Poly(argument, degree) => {
                for exponent in 1..=*degree {
                    terms.insert(vec![self.value_variable(&argument.clone().to_power(exponent))?]);
                }
            }
        }
        self.refuse_too_many(terms.len())
    }

    fn refuse_too_many(&self, count: usize) -> Result<(), FormulaError> {
        if count > MOST_TERMS {
            return Err(self.error(FormulaProblem::TooManyTerms { limit: MOST_TERMS }, self.text.len()));
        }
        Ok(())
    }

    /// The products of the parts' terms; for `a*b` also the parts themselves.
    fn expand_chain(&mut self, parts: &[Node], cross: bool, terms: &mut Terms) -> Result<(), FormulaError> {
        let mut whole: Option<Terms> = None;
        for part in parts {
            let mut right = Terms::default();
            self.expand(part, &mut right)?;
            whole = Some(match whole {
                None => right,
                Some(left) => {
                    self.refuse_too_many(left.len().saturating_mul(right.len()))?;
                    let mut joined = Terms::default();
                    if cross {
                        left.iter().chain(right.iter()).for_each(|term| joined.insert(term.clone()));
                    }
                    for a in left.iter() {
                        right.iter().for_each(|b| joined.insert(product(a, b)));
                    }
                    joined
                }
            });
        }
        whole.into_iter().flat_map(Terms::into_vec).for_each(|term| terms.insert(term));
        Ok(())
    }

    /// `- part`: takes its terms out again. Leaving out what `.` never holds (a target, the weights) is
    /// fine; leaving out a term that is not there is a slip that would otherwise pass unseen.
    fn leave_out(&mut self, part: &Node, terms: &mut Terms) -> Result<(), FormulaError> {
        match part {
            Node::Intercept(on) => return self.expand(&Node::Intercept(!on), terms),
            Node::Column(name) => {
                let column = self.find(&name.text).map_err(|problem| self.error(problem, name.at))?;
                if self.target_columns.contains(&column) || self.weights_column == Some(column) {
                    return Ok(());
                }
            }
            _ => {}
        }
        let mut out = Terms::default();
        self.expand(part, &mut out)?;
        let mut removed = false;
        for term in out.iter() {
            removed |= terms.remove(term);
        }
        if removed {
            return Ok(());
        }
        let problem = FormulaProblem::NothingLeftOut { term: part.to_string() };
        Err(self.error(problem, part.position().unwrap_or(self.text.len())))
    }
}
