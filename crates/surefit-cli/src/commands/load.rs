//! From a file and a formula, or a model's recipe, to a table that is read and numbers that can be walked.

use crate::args::{MissingArg, Reading, RowsArgs, for_other_files, usage};
use crate::screen::Screen;
use crate::watch::{self, Progress};
use std::path::Path;
use surefit::data::encode::{EncodeOptions, Encoded, Missing, Purpose, Recipe};
use surefit::data::formula::Formula;
use surefit::data::read::{ReadOptions, Source, SparseData, SvmlightOptions, Want, is_svmlight};
use surefit::data::spool::Table;
use surefit::data::{ClassList, Design, Rows, SampleSet};
use surefit::model::{Fingerprint, Inputs, ModelError, SparseInputs, coefficients_from_csv};
use surefit::{Coefficients, Error, LossKind, Result};

/// A table and how its columns become a design.
pub struct Loaded {
    /// What was read.
    pub table: Table,
    /// How it is encoded.
    pub recipe: Recipe,
    /// What was decided on the way, in sentences.
    pub notes: Vec<String>,
}

/// The rule for missing values that was asked for.
pub fn missing(asked: MissingArg) -> Missing {
    match asked {
        MissingArg::Error => Missing::Error,
        MissingArg::Drop => Missing::Drop,
        MissingArg::Mean => Missing::Mean,
    }
}

/// Reads what `formula` asks for.
pub fn by_formula(
    data: &str,
    formula: &str,
    weights: Option<&str>,
    reading: &Reading,
    options: EncodeOptions,
    screen: &Screen,
) -> Result<Loaded> {
    // A slip in the formula is told before a large file is opened.
    let formula = Formula::parse(formula)?;
    let source = open(data, reading, screen)?;
    let resolved = formula.resolve(source.columns(), weights)?;
    let mut notes = source.notes().to_vec();
    let table = scan(source, &resolved.wants, screen)?;
    notes.extend_from_slice(table.notes());
    let recipe = Recipe::build(&resolved, &table, &options)?;
    notes.extend(recipe.notes());
    Ok(Loaded { table, recipe, notes })
}

/// Reads what the recipe of a model asks for.
pub fn by_recipe(
    data: &str,
    recipe: &Recipe,
    purpose: Purpose,
    reading: &Reading,
    screen: &Screen,
) -> Result<Table> {
    let source = open(data, reading, screen)?;
    let wants = recipe.bind_for(source.columns(), purpose)?;
    scan(source, &wants, screen)
}

/// A file of rows, and what is asked of it.
pub struct Asked<'a> {
    /// The verb, for messages.
    pub verb: &'static str,
    /// The file.
    pub data: &'a str,
    /// What its columns mean; an svmlight file says so itself.
    pub formula: Option<&'a str>,
    /// Whether the targets are classes.
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

/// Rows in memory, and whether they come with an intercept.
pub struct LoadedSamples {
    /// The rows.
    pub set: SampleSet,
    /// Whether the formula has an intercept; an svmlight file comes with one.
    pub intercept: bool,
}

/// The same, and what a model keeps of where they came from.
pub struct Sourced {
    /// The rows.
    pub samples: LoadedSamples,
    /// How data become the design.
    pub inputs: Inputs,
    /// Of every value that was read.
    pub digest: String,
    /// What was decided on the way, in sentences.
    pub notes: Vec<String>,
}

/// Coefficients at most, d × c: 2 GB.
const MOST_COEFFICIENTS: usize = 1 << 28;

/// Reads rows with classes or numbers into memory: an svmlight file as it is, any other by its formula.
pub fn samples(asked: &Asked<'_>, screen: &Screen) -> Result<LoadedSamples> {
    Ok(sourced(asked, screen)?.samples)
}

/// The same, with what a model keeps of it.
pub fn sourced(asked: &Asked<'_>, screen: &Screen) -> Result<Sourced> {
    let loaded = match (is_svmlight(asked.data), asked.formula) {
        (true, _) => sparse(asked, screen)?,
        (false, Some(formula)) => {
            let options = EncodeOptions {
                missing: asked.rows.missing.map(missing).unwrap_or_default(),
                drop_reference: !asked.penalized,
                class_target: asked.loss.is_of_classes(),
            };
            let weights = asked.rows.weights.as_deref();
            let loaded =
                by_formula(asked.data, formula, weights, &read_once(asked.reading), options, screen)?;
            let Loaded { table, recipe, mut notes } = loaded;
            let set = SampleSet::of_table(&table, &recipe)?;
            notes.extend_from_slice(set.notes());
            screen.notes(&notes);
            Sourced {
                samples: LoadedSamples { set, intercept: recipe.intercept() },
                digest: table.fingerprint().to_owned(),
                inputs: Inputs::Table(Box::new(recipe)),
                notes,
            }
        }
        (false, None) => {
            return Err(usage(
                "a table needs a formula that says what its columns mean".to_owned(),
                format!("add it: `surefit {} DATA 'class ~ .' …`", asked.verb),
            ));
        }
    };
    if asked.zero_based && !is_svmlight(asked.data) {
        return Err(usage(
            "`--zero-based` is for svmlight files (.svm, .libsvm)".to_owned(),
            "leave it out".to_owned(),
        ));
    }
    let set = &loaded.samples.set;
    check_size(set.columns(), set.outputs(asked.loss).len())?;
    Ok(loaded)
}

/// Refuses more coefficients than are kept in memory.
pub fn check_size(d: usize, c: usize) -> Result<()> {
    if d.saturating_mul(c) <= MOST_COEFFICIENTS {
        return Ok(());
    }
    let count = |value: usize| crate::numbers::count(value as u64);
    Err(usage(
        format!(
            "{} columns and {} outputs make more than the {} coefficients that are kept in memory",
            count(d),
            count(c),
            count(MOST_COEFFICIENTS)
        ),
        "number the columns that occur from 1 on".to_owned(),
    ))
}

fn sparse(asked: &Asked<'_>, screen: &Screen) -> Result<Sourced> {
    let refuse = |what: &str, hint: String| Err(usage(format!("an svmlight file has {what}"), hint));
    if let Some(formula) = asked.formula {
        return refuse("its own columns and labels", format!("leave out `{formula}`"));
    }
    if asked.rows.weights.is_some() {
        return refuse("no column of weights", "leave out `--weights`".to_owned());
    }
    let missing = asked.rows.missing.map(|_| "--missing");
    if let Some(flag) = asked.reading.dialect.given().or(missing) {
        return Err(for_other_files(flag, "an svmlight file"));
    }
    let options = SvmlightOptions { zero_based: asked.zero_based, ..SvmlightOptions::default() };
    let rows = sparse_rows(asked.data, &options, screen)?;
    let Fingerprint { digest, .. } = Fingerprint::of_sparse(&rows)?;
    let inputs = SparseInputs { columns: rows.columns(), zero_based: asked.zero_based };
    let set = SampleSet::of_sparse(rows, asked.loss, asked.zero_based)?;
    let (samples, inputs) = (LoadedSamples { set, intercept: true }, Inputs::Sparse(inputs));
    Ok(Sourced { samples, inputs, digest, notes: Vec::new() })
}

/// Reads an svmlight file, with progress.
pub fn sparse_rows(data: &str, options: &SvmlightOptions, screen: &Screen) -> Result<SparseData> {
    let _waiting = screen.wait();
    let bar = Progress::new(screen.quiet);
    SparseData::open(Path::new(data), options, &|progress| {
        bar.show(progress.bytes, progress.total, || {
            format!("{} rows read", crate::numbers::count(progress.rows as u64))
        });
        watch::go_on()
    })
}

/// The sparse rows of a file for a model of such rows.
pub fn sparse_for(data: &str, inputs: SparseInputs, screen: &Screen) -> Result<SparseData> {
    let SparseInputs { columns, zero_based } = inputs;
    let options = SvmlightOptions { zero_based, columns: Some(columns), ..SvmlightOptions::default() };
    sparse_rows(data, &options, screen)
}

/// How a table is read that is walked once, to lay its rows out: more of it in memory would come on top of them.
pub fn read_once(reading: &Reading) -> Reading {
    /// Bytes that are kept in memory where nothing else was asked for.
    const ONCE: usize = 8 << 20;
    Reading { memory_limit: Some(reading.memory_limit.unwrap_or(ONCE)), ..reading.clone() }
}

/// Rows with targets for a model that is fitted, and their digest.
pub fn for_model(
    data: &str,
    inputs: &Inputs,
    classes: Option<&ClassList>,
    reading: &Reading,
    screen: &Screen,
) -> Result<(SampleSet, String)> {
    match inputs {
        Inputs::Table(recipe) => {
            let table = by_recipe(data, recipe, Purpose::Evaluate, &read_once(reading), screen)?;
            Ok((SampleSet::for_model(&table, recipe, classes)?, table.fingerprint().to_owned()))
        }
        Inputs::Sparse(inputs) => {
            let rows = sparse_for(data, *inputs, screen)?;
            let Fingerprint { digest, .. } = Fingerprint::of_sparse(&rows)?;
            Ok((SampleSet::sparse_for_model(rows, classes, inputs.zero_based)?, digest))
        }
    }
}

/// A file of coefficients.
pub fn open_coefficients(path: &Path) -> Result<std::fs::File> {
    let refused = |source| ModelError::Io { action: "read", name: path.display().to_string(), source };
    Ok(std::fs::File::open(path).map_err(refused)?)
}

/// Coefficients of a CSV file, or numbers of the same form.
pub fn coefficients(
    path: &Path,
    names: &[String],
    outputs: &[String],
    intercept: bool,
) -> Result<Coefficients> {
    let name = path.display().to_string();
    let file = open_coefficients(path)?;
    let read = coefficients_from_csv(file, names, outputs, intercept).map_err(|error| match error {
        Error::Model(fault) => ModelError::InFile { name: name.clone(), fault: Box::new(fault) }.into(),
        other => other,
    })?;
    if !intercept && read.intercept.iter().any(|b| *b != 0.0) {
        return Err(usage(
            format!("{name} has an intercept, and the formula asks for none"),
            "leave out `- 1` in the formula, or the line `(intercept)` in the file".to_owned(),
        ));
    }
    Ok(read)
}

/// Opens a file for reading.
pub fn open(data: &str, reading: &Reading, screen: &Screen) -> Result<Source> {
    let _waiting = screen.wait();
    let usual = ReadOptions::default();
    let options = ReadOptions {
        delimiter: reading.dialect.delimiter,
        header: reading.dialect.header(),
        memory_budget: reading.memory_limit.unwrap_or(usual.memory_budget),
        ..usual
    };
    Source::open(Path::new(data), &options)
}

/// Reads the wanted columns, with progress.
pub fn scan(source: Source, wants: &[Want], screen: &Screen) -> Result<Table> {
    let _waiting = screen.wait();
    let bar = Progress::new(screen.quiet);
    let table = source.scan(wants, &|progress| {
        bar.show(progress.bytes, progress.total, || {
            format!("{} rows read", crate::numbers::count(progress.rows as u64))
        });
        watch::go_on()
    });
    if watch::go_on() { table } else { Err(Error::Interrupted) }
}

/// Designs up to this many bytes are formed once and kept.
const KEPT_BYTES: usize = 64 << 20;
/// The same for algorithms that walk over the rows thousands of times.
const KEPT_BYTES_ITERATIVE: usize = 1 << 30;

/// Rows that are kept in memory, or formed anew from the table on every walk.
pub enum Numbers<'a> {
    /// In memory.
    Kept(Design),
    /// From the table.
    Formed(Encoded<'a>),
}

impl<'a> Numbers<'a> {
    /// Keeps what is small enough.
    pub fn of(encoded: Encoded<'a>, iterative: bool) -> Result<Self> {
        let shape = encoded.shape();
        // Twice, for columns that come with what f64 lost of them.
        let row = 8 * (2 * shape.columns + shape.outputs + 1);
        let limit = if iterative { KEPT_BYTES_ITERATIVE } else { KEPT_BYTES };
        if shape.rows.saturating_mul(row) <= limit {
            Ok(Self::Kept(Design::gather(&encoded)?))
        } else {
            Ok(Self::Formed(encoded))
        }
    }

    /// As solvers and certificates see them.
    pub fn rows(&self) -> &dyn Rows {
        match self {
            Self::Kept(design) => design,
            Self::Formed(encoded) => encoded,
        }
    }
}
