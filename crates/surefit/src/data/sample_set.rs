//! Rows with targets in memory, owned: a scanned table through its recipe, the sparse rows of an svmlight file, or the
//! rows of an ARFF file with their sets of labels.
//! [`SampleSet::samples`] lends them to whatever walks over samples.
//!
//! A row of weight 0 counts for nothing, and so does its class: one that occurs in such rows alone is no class,
//! and its rows are left out.

use super::classes::{ClassError, ClassList, Labels};
use super::encode::{Encoded, Purpose, Recipe};
use super::features::Features;
use super::label_sets::{LabelRows, LabelSets};
use super::read::{ArffData, SparseData};
use super::rows::{Rows, Shape};
use super::samples::Samples;
use super::spool::Table;
use crate::data::check::{DataError, grouped};
use crate::error::{Error, Result};
use crate::loss::named;
use crate::metrics::Confusion;
use crate::problem::LossKind;
use faer::{Mat, MatRef};

/// n rows of features, each with a target and a weight.
#[derive(Debug)]
pub struct SampleSet {
    storage: Storage,
    answers: Answers,
    weights: Option<Vec<f64>>,
    /// Where in the data each row was, from 0; absent where all of them are here.
    places: Option<Vec<usize>>,
    /// Rows that the data had.
    rows_of_data: usize,
    notes: Vec<String>,
}

#[derive(Debug)]
enum Storage {
    /// Row by row, as every walk over samples goes: d × n, its columns are the rows.
    Dense {
        across: Mat<f64>,
        names: Vec<String>,
    },
    Sparse {
        rows: SparseData,
        first: usize,
    },
    Arff(ArffData),
}

/// What the scores of the rows are compared with.
#[derive(Debug)]
enum Answers {
    Classes { list: ClassList, of_rows: Vec<u32> },
    Values { y: Mat<f64>, names: Vec<String> },
    Labels { names: Vec<String>, sets: LabelSets },
}

impl SampleSet {
    /// A scanned table with the columns that the recipe was built from. Powers are formed in twice the usual
    /// precision and rounded.
    ///
    /// # Errors
    /// What [`Encoded::new`] and [`Labels::classes`] refuse.
    pub fn of_table(table: &Table, recipe: &Recipe) -> Result<Self> {
        let (set, labels) = Self::read(table, recipe, &Encoded::new(table, recipe)?)?;
        let Some(labels) = labels else { return Ok(set) };
        if set.weights.is_some() {
            return set.weigh(&labels);
        }
        let (list, of_rows) = labels.classes()?;
        Ok(Self { answers: Answers::Classes { list, of_rows }, ..set })
    }

    /// Another table for a model that is fitted, whose classes are `known`; rows of weight 0 stay.
    ///
    /// # Errors
    /// What [`Encoded::with`] and [`Labels::places`] refuse.
    pub fn for_model(table: &Table, recipe: &Recipe, known: Option<&ClassList>) -> Result<Self> {
        let encoded = Encoded::with(table, recipe, Purpose::Evaluate)?;
        match (Self::read(table, recipe, &encoded)?, known) {
            ((set, Some(labels)), Some(known)) => {
                let answers = Answers::Classes { list: known.clone(), of_rows: labels.places(known)? };
                Ok(Self { answers, ..set })
            }
            ((set, _), _) => Ok(set),
        }
    }

    /// Rows in use, and the labels of those that have classes.
    fn read(table: &Table, recipe: &Recipe, encoded: &Encoded<'_>) -> Result<(Self, Option<Labels>)> {
        let left_out = encoded.left_out()?;
        let (across, y, weights) = gather(encoded)?;
        let places = (!left_out.is_empty()).then(|| kept(table.rows(), &left_out));
        let storage = Storage::Dense { across, names: recipe.names().to_vec() };
        let (notes, rows_of_data) = (encoded.notes(), table.rows());
        let answers = Answers::Values { y, names: recipe.targets().to_vec() };
        let set = Self { storage, answers, weights, places, rows_of_data, notes };
        let Some(column) = encoded.class_column() else { return Ok((set, None)) };
        let labels = Labels::of_column(table, column)?;
        let labels = match &set.places {
            Some(places) => labels.of_rows(places),
            None => labels,
        };
        Ok((set, Some(labels)))
    }

    /// The rows of an svmlight file: for a loss of classes their labels are classes, otherwise numbers. Columns
    /// are called by their index in the file, `x1` the first, or `x0` where the file counts from there.
    ///
    /// # Errors
    /// What [`Labels::classes`] refuses; for numbers, a label that is none.
    pub fn of_sparse(rows: SparseData, loss: LossKind, zero_based: bool) -> Result<Self> {
        let answers = if loss.is_of_classes() {
            let (list, of_rows) = rows.labels().classes()?;
            Answers::Classes { list, of_rows }
        } else {
            let y = rows.labels().numbers()?;
            Answers::Values { y: Mat::from_fn(y.len(), 1, |i, _| y[i]), names: vec!["label".to_owned()] }
        };
        Ok(Self::sparse(rows, answers, zero_based))
    }

    /// The rows of another svmlight file for a model that is fitted, whose classes are `known`; without any, labels
    /// are numbers.
    ///
    /// # Errors
    /// What [`Labels::places`] refuses; for numbers, a label that is none.
    pub fn sparse_for_model(rows: SparseData, known: Option<&ClassList>, zero_based: bool) -> Result<Self> {
        let Some(known) = known else { return Self::of_sparse(rows, LossKind::Squared, zero_based) };
        let answers = Answers::Classes { list: known.clone(), of_rows: rows.labels().places(known)? };
        Ok(Self::sparse(rows, answers, zero_based))
    }

    fn sparse(rows: SparseData, answers: Answers, zero_based: bool) -> Self {
        let rows_of_data = rows.rows();
        let storage = Storage::Sparse { rows, first: usize::from(!zero_based) };
        Self { storage, answers, weights: None, places: None, rows_of_data, notes: Vec::new() }
    }

    /// Classes by the rows that have a weight; rows of other classes are left out.
    fn weigh(mut self, labels: &Labels) -> Result<Self> {
        let weights = self.weights.take().unwrap_or_default();
        let counted: Vec<usize> = (0..weights.len()).filter(|&i| weights[i] > 0.0).collect();
        let weightless = weights.len() - counted.len();
        let (list, _) = labels.of_rows(&counted).classes().map_err(|error| match error {
            Error::Data(DataError::Classes(ClassError::One { what, class, rows, .. })) => {
                ClassError::One { what, class, rows, weightless }.into()
            }
            other => other,
        })?;
        let found = labels.find(&list);
        let keep: Vec<usize> = (0..found.len()).filter(|&i| found[i].is_some()).collect();
        let of_rows = found.iter().filter_map(|class| *class).collect();
        let mut set = Self { answers: Answers::Classes { list, of_rows }, ..self };
        if keep.len() == weights.len() {
            set.weights = Some(weights);
            return Ok(set);
        }
        let first = (0..found.len()).find(|&i| found[i].is_none()).unwrap_or(0);
        set.notes.push(format!(
            "left out {} of weight 0: no row of weight has their class, such as `{}`",
            rows_in_words(weights.len() - keep.len()),
            labels.label(first).unwrap_or_default()
        ));
        if let Storage::Dense { across, .. } = &mut set.storage {
            // In place: each row moves to where one before it was.
            for (to, &from) in keep.iter().enumerate().filter(|(to, from)| to != *from) {
                let (mut head, tail) = across.as_mut().split_at_col_mut(from);
                head.as_mut().col_mut(to).copy_from(tail.col(0));
            }
            across.truncate(across.nrows(), keep.len());
        }
        set.weights = Some(keep.iter().map(|&i| weights[i]).collect());
        let before = set.places.take();
        let place = |&i: &usize| before.as_ref().map_or(i, |places| places[i]);
        set.places = Some(keep.iter().map(place).collect());
        Ok(set)
    }

    /// Lends the rows.
    ///
    /// # Errors
    /// A loss of another kind of targets than these: classes, numbers or sets of labels.
    pub fn samples(&self, loss: LossKind) -> Result<Samples<'_>> {
        let x = self.features()?;
        let weights = self.weights.as_deref();
        if let (Some(labels), true) = (self.labels(), loss.is_of_labels()) {
            return Samples::of_labels(x, labels, weights, &*named(loss));
        }
        match &self.answers {
            Answers::Classes { list, of_rows } if loss.is_of_classes() => {
                Samples::of_classes(x, of_rows, weights, list.len(), &*named(loss))
            }
            Answers::Values { y, .. } if !loss.is_of_classes() && !loss.is_of_labels() => {
                Samples::of_values(x, y.as_ref(), weights)
            }
            _ => Err(Error::Usage {
                what: format!("the {} loss does not go with such targets", loss.name()),
                hint: "use a loss of classes for classes, one of numbers for numbers and one of labels for sets of labels"
                    .to_owned(),
            }),
        }
    }

    /// The rows without their targets.
    ///
    /// # Errors
    /// Never for rows that were read.
    pub fn features(&self) -> Result<Features<'_>> {
        match &self.storage {
            Storage::Dense { across, .. } => Ok(Features::F64(across.transpose())),
            Storage::Sparse { rows, .. } => rows.features(),
            Storage::Arff(data) => data.features(),
        }
    }

    /// How scores of these rows tell their classes, where they have classes.
    pub fn confusion(&self, scores: MatRef<'_, f64>) -> Option<Confusion> {
        match &self.answers {
            Answers::Classes { list, of_rows } => Some(Confusion::of(scores, of_rows, list.len())),
            Answers::Values { .. } | Answers::Labels { .. } => None,
        }
    }

    /// The targets, n × c, where they are numbers.
    pub fn values(&self) -> Option<MatRef<'_, f64>> {
        match &self.answers {
            Answers::Classes { .. } | Answers::Labels { .. } => None,
            Answers::Values { y, .. } => Some(y.as_ref()),
        }
    }

    /// Row weights; absent means 1.
    pub fn weights(&self) -> Option<&[f64]> {
        self.weights.as_deref()
    }

    /// Rows, n.
    pub fn rows(&self) -> usize {
        match &self.storage {
            Storage::Dense { across, .. } => across.ncols(),
            Storage::Sparse { rows, .. } => rows.rows(),
            Storage::Arff(data) => data.rows(),
        }
    }

    /// Columns, d.
    pub fn columns(&self) -> usize {
        match &self.storage {
            Storage::Dense { across, .. } => across.nrows(),
            Storage::Sparse { rows, .. } => rows.columns(),
            Storage::Arff(data) => data.columns().len(),
        }
    }

    /// The name of column `j`.
    pub fn name(&self, j: usize) -> String {
        match &self.storage {
            Storage::Dense { names, .. } => names.get(j).cloned().unwrap_or_default(),
            Storage::Sparse { first, .. } => format!("x{}", j + first),
            Storage::Arff(data) => data.columns().get(j).cloned().unwrap_or_default(),
        }
    }

    /// The names of the columns, one by one; of sparse rows there can be two thousand million.
    pub fn names(&self) -> impl Iterator<Item = String> {
        (0..self.columns()).map(|j| self.name(j))
    }

    /// The classes, where the targets are such.
    pub fn classes(&self) -> Option<&ClassList> {
        match &self.answers {
            Answers::Classes { list, .. } => Some(list),
            Answers::Values { .. } | Answers::Labels { .. } => None,
        }
    }

    /// The sets of labels, where the targets are such.
    pub fn labels(&self) -> Option<LabelRows<'_>> {
        match &self.answers {
            Answers::Labels { sets, .. } => Some(sets.view()),
            Answers::Classes { .. } | Answers::Values { .. } => None,
        }
    }

    /// The names of the columns of scores: classes, the second one alone where two share a column, targets, or labels.
    pub fn outputs(&self, loss: LossKind) -> Vec<String> {
        match &self.answers {
            Answers::Classes { list, .. } => {
                let columns = named(loss).outputs(list.len());
                list.names().iter().skip(list.len().saturating_sub(columns)).cloned().collect()
            }
            Answers::Values { names, .. } | Answers::Labels { names, .. } => names.clone(),
        }
    }

    /// Row `number` of the data, from 0, among these; `None` where it was left out.
    pub fn find(&self, number: usize) -> Option<usize> {
        match &self.places {
            Some(places) => places.binary_search(&number).ok(),
            None => Some(number).filter(|&row| row < self.rows()),
        }
    }

    /// The row of the data, from 0, that is here the `i`th: the inverse of [`Self::find`].
    pub fn number(&self, i: usize) -> usize {
        self.places.as_ref().map_or(i, |places| places.get(i).copied().unwrap_or(i))
    }

    /// Rows that the data had, those left out included.
    pub fn rows_of_data(&self) -> usize {
        self.rows_of_data
    }

    /// What was decided about rows, in sentences.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }
}

/// X, d × n, y, n × c, and row weights.
type Gathered = (Mat<f64>, Mat<f64>, Option<Vec<f64>>);

/// Rows that are read once: nothing else of their size is made on the way.
fn gather(rows: &dyn Rows) -> Result<Gathered> {
    let Shape { rows: n, columns: d, outputs: c } = rows.shape();
    let (mut across, mut y, mut weights) = (Mat::zeros(d, n), Mat::zeros(n, c), None::<Vec<f64>>);
    for block in rows.blocks() {
        let block = block?;
        let block = block.view();
        let (first, count) = (block.first, block.x.nrows());
        across.as_mut().subcols_mut(first, count).transpose_mut().copy_from(block.x);
        y.as_mut().subrows_mut(first, count).copy_from(block.y);
        if let Some(of_rows) = block.weights {
            weights.get_or_insert_with(|| Vec::with_capacity(n)).extend_from_slice(of_rows);
        }
    }
    Ok((across, y, weights))
}

/// The rows that stay, ascending.
fn kept(rows: usize, left_out: &[usize]) -> Vec<usize> {
    let mut out = left_out.iter().copied().peekable();
    (0..rows).filter(|row| out.next_if_eq(row).is_none()).collect()
}

fn rows_in_words(count: usize) -> String {
    format!("{} row{}", grouped(count), if count == 1 { "" } else { "s" })
}

mod labels;

#[cfg(test)]
mod tests;
