//! From a file and a formula, or a model's recipe, to a table that is read and numbers that can be walked.

use crate::args::{MissingArg, Reading};
use crate::screen::Screen;
use crate::watch::{self, Progress};
use std::path::Path;
use surefit::data::encode::{EncodeOptions, Encoded, Missing, Purpose, Recipe};
use surefit::data::formula::Formula;
use surefit::data::read::{ReadOptions, Source, Want};
use surefit::data::spool::Table;
use surefit::data::{Design, Rows};
use surefit::{Error, Result};

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
    let recipe = Recipe::build(&resolved, table.columns(), &options)?;
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

/// Opens a file for reading.
pub fn open(data: &str, reading: &Reading, screen: &Screen) -> Result<Source> {
    let _waiting = screen.wait();
    let usual = ReadOptions::default();
    let options = ReadOptions {
        delimiter: reading.delimiter,
        header: reading.header(),
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
        !watch::interrupted()
    });
    if watch::interrupted() { Err(Error::Interrupted) } else { table }
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
