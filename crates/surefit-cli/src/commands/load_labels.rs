//! Rows with sets of labels from each kind of file that has them, to fit or for a model that is fitted. A model finds its
//! columns by their names in a table and in an ARFF file, and by their numbers in an svmlight file.

use super::load::{self, Loaded};
use crate::args::{Reading, Reads, RowsArgs, check_targets, usage};
use crate::screen::Screen;
use crate::watch::{self, Progress};
use std::borrow::Cow;
use std::path::Path;
use surefit::data::encode::{EncodeOptions, Purpose, Recipe};
use surefit::data::read::{
    ArffData, ArffOptions, KnownNames, LabelChoice, Progress as ReadProgress, SparseData, SvmlightOptions,
    is_arff, is_svmlight,
};
use surefit::data::spool::Table;
use surefit::data::{ClassList, LabelError, SampleSet};
use surefit::model::{Inputs, SparseInputs};
use surefit::{Error, LossKind, Result};

/// A file of rows with labels, and what is asked of it.
pub struct Asked<'a> {
    /// The file.
    pub data: &'a str,
    /// Of a table: its labels are on the left.
    pub formula: Option<&'a str>,
    /// Of an ARFF file: which attributes are labels.
    pub labels: Option<&'a str>,
    /// Which ranks them.
    pub loss: LossKind,
    /// Whether a text column keeps all its levels.
    pub penalized: bool,
    /// How a table is read.
    pub reading: &'a Reading,
    /// The first index of an svmlight file is 0.
    pub zero_based: bool,
    /// Which rows count.
    pub rows: &'a RowsArgs,
}

/// Rows with labels, and how other rows become such.
pub struct Labelled {
    /// The rows.
    pub set: SampleSet,
    /// Whether there is an intercept; only a formula can say no.
    pub intercept: bool,
    /// What was decided on the way, in sentences.
    pub notes: Vec<String>,
    inputs: Option<Inputs>,
    weights: Option<String>,
}

impl Labelled {
    /// How the columns of a model are found in other data.
    pub fn inputs(&self) -> Result<Inputs> {
        match &self.inputs {
            Some(inputs) => Ok(inputs.clone()),
            None => Ok(Inputs::Table(Box::new(self.set.recipe(self.weights.as_deref())?))),
        }
    }
}

/// Reads the rows that are asked for.
pub fn labelled(asked: &Asked<'_>, screen: &Screen) -> Result<Labelled> {
    check_targets(asked.data, asked.formula, asked.labels.is_some(), asked.loss)?;
    let reads = Reads { reading: asked.reading, rows: asked.rows, zero_based: asked.zero_based };
    reads.check(asked.data, asked.formula)?;
    let labelled = match asked.formula {
        Some(formula) => table(asked, formula, screen)?,
        None if is_svmlight(asked.data) => sparse(asked, screen)?,
        None => arff(asked, screen)?,
    };
    load::check_size(labelled.set.columns(), labelled.set.outputs(asked.loss).len())?;
    Ok(labelled)
}

fn table(asked: &Asked<'_>, formula: &str, screen: &Screen) -> Result<Labelled> {
    let options = EncodeOptions {
        missing: asked.rows.missing.map(load::missing).unwrap_or_default(),
        drop_reference: !asked.penalized,
        class_target: false,
    };
    let weights = asked.rows.weights.as_deref();
    let reading = load::read_once(asked.reading);
    let loaded = load::by_formula(asked.data, formula, weights, &reading, options, screen);
    let Loaded { table, recipe, mut notes } = loaded.map_err(LabelError::of_text)?;
    let set = SampleSet::of_label_table(&table, &recipe)?;
    notes.extend_from_slice(set.notes());
    screen.notes(&notes);
    let intercept = recipe.intercept();
    Ok(Labelled { set, intercept, notes, inputs: Some(Inputs::Table(Box::new(recipe))), weights: None })
}

fn sparse(asked: &Asked<'_>, screen: &Screen) -> Result<Labelled> {
    let zero_based = asked.zero_based;
    let options = SvmlightOptions { zero_based, label_lists: true, ..SvmlightOptions::default() };
    let rows = load::sparse_rows(asked.data, &options, screen)?;
    let inputs = Inputs::Sparse(SparseInputs { columns: rows.columns(), zero_based });
    let set = SampleSet::of_label_lists(rows, None, zero_based)?;
    Ok(Labelled { set, intercept: true, notes: Vec::new(), inputs: Some(inputs), weights: None })
}

fn arff(asked: &Asked<'_>, screen: &Screen) -> Result<Labelled> {
    let choice = LabelChoice::parse(asked.labels.unwrap_or_default())?;
    let weights = asked.rows.weights.clone();
    let options = ArffOptions { weights: weights.clone(), ..ArffOptions::default() };
    let read = watched(screen, |go_on| ArffData::open(Path::new(asked.data), &choice, &options, go_on));
    let set = SampleSet::of_arff(read?);
    let notes = set.notes().to_vec();
    screen.notes(&notes);
    Ok(Labelled { set, intercept: true, notes, inputs: None, weights })
}

/// Reads with progress.
fn watched<T>(screen: &Screen, read: impl FnOnce(&dyn Fn(ReadProgress) -> bool) -> T) -> T {
    let _waiting = screen.wait();
    let bar = Progress::new(screen.quiet);
    read(&|progress| {
        bar.show(progress.bytes, progress.total, || {
            format!("{} rows read", crate::numbers::count(progress.rows as u64))
        });
        watch::go_on()
    })
}

/// Rows with labels for a model that is fitted, or certified.
pub fn for_model(
    data: &str,
    inputs: &Inputs,
    labels: &[String],
    reading: &Reading,
    screen: &Screen,
) -> Result<SampleSet> {
    match open_for(data, inputs, labels, Purpose::Evaluate, reading, screen)? {
        NewRows::Table(table, recipe) => SampleSet::label_table_for_model(&table, &recipe),
        NewRows::Arff(data) => Ok(SampleSet::of_arff(data)),
        NewRows::Sparse(rows, inputs) => {
            let known = ClassList::saved(labels)
                .ok_or_else(|| Error::Internal("labels of an svmlight file out of order".to_owned()))?;
            SampleSet::of_label_lists(rows, Some(&known), inputs.zero_based)
        }
    }
}

/// Other rows with the columns of a model.
pub enum NewRows<'a> {
    /// By its recipe.
    Table(Table, Cow<'a, Recipe>),
    /// In the model's order.
    Arff(ArffData),
    /// With as many columns.
    Sparse(SparseData, SparseInputs),
}

/// Columns that are looked for by name, at most.
const MOST_NAMES: usize = 1 << 20;

/// Reads `data` for a model with these inputs and labels: the features alone, or all that a fit needs.
pub fn open_for<'a>(
    data: &str,
    inputs: &'a Inputs,
    labels: &[String],
    purpose: Purpose,
    reading: &Reading,
    screen: &Screen,
) -> Result<NewRows<'a>> {
    if let (Inputs::Sparse(inputs), true) = (inputs, is_svmlight(data)) {
        let SparseInputs { columns, zero_based } = *inputs;
        let options = SvmlightOptions {
            zero_based,
            label_lists: true,
            columns: Some(columns),
            ..SvmlightOptions::default()
        };
        return Ok(NewRows::Sparse(load::sparse_rows(data, &options, screen)?, *inputs));
    }
    let recipe = match inputs {
        Inputs::Table(recipe) => Cow::Borrowed(recipe.as_ref()),
        Inputs::Sparse(inputs) => Cow::Owned(by_number(*inputs, labels)?),
    };
    if is_svmlight(data) {
        let first = recipe.names().first().map(|name| format!(" (`{name}`, …)")).unwrap_or_default();
        return Err(usage(
            format!("{data} has its columns by number, and the model knows them by name{first}"),
            "give it the rows as CSV or ARFF, with the names of the columns".to_owned(),
        ));
    }
    if !is_arff(data) {
        let table = load::by_recipe(data, &recipe, purpose, &load::read_once(reading), screen)?;
        return Ok(NewRows::Table(table, recipe));
    }
    let Some(columns) = recipe.plain_columns() else {
        return Err(usage(
            format!("{data} has attributes, and the formula of the model makes other columns of them"),
            "give it the rows as CSV, with the columns of the formula".to_owned(),
        ));
    };
    let evaluate = purpose == Purpose::Evaluate;
    let known = KnownNames {
        columns,
        labels: if evaluate { labels } else { &[] },
        weights: recipe.weights().filter(|_| evaluate),
    };
    let options = ArffOptions::default();
    let read = watched(screen, |go_on| ArffData::open_for(Path::new(data), known, &options, go_on));
    Ok(NewRows::Arff(read?))
}

/// Columns of sparse rows by the names that their numbers have: those of a table without a header.
fn by_number(inputs: SparseInputs, labels: &[String]) -> Result<Recipe> {
    if inputs.columns > MOST_NAMES {
        return Err(usage(
            format!(
                "the model has {} columns, too many to be looked for by name",
                crate::numbers::count(inputs.columns as u64)
            ),
            "give it the rows as svmlight (.svm)".to_owned(),
        ));
    }
    let names: Vec<(String, Option<f64>)> = inputs.names().map(|name| (name, None)).collect();
    Recipe::of_numbers(&names, labels, None)
}
