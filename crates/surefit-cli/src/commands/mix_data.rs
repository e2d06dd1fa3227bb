//! The numbers of a mix: the target, the inputs by name, and the row weights, without a formula.

use super::{load, mix_problem};
use crate::args::{Dialect, MixFlags, Reading, usage};
use crate::screen::Screen;
use surefit::data::encode::{EncodeOptions, Encoded, Recipe, Scanned};
use surefit::data::formula::{Formula, Resolved, fits, nearest, quoted};
use surefit::data::read::Want;
use surefit::data::spool::Table;
use surefit::data::{Chunk, Column, ColumnKind, DataError, Design, Levels, Role};
use surefit::model::Fingerprint;
use surefit::{Error, Result};

/// What is mixed.
pub struct MixData {
    /// Their names.
    pub inputs: Vec<String>,
    /// Their values, one input after the other.
    pub columns: Vec<f64>,
    /// The target's values.
    pub target: Vec<f64>,
    /// How often each row counts.
    pub row_weights: Option<Vec<f64>>,
    /// Columns that are no inputs, and why.
    pub others: Vec<(String, &'static str)>,
    /// What was decided on the way, in sentences.
    pub notes: Vec<String>,
    /// The rows in use.
    pub fingerprint: Fingerprint,
    /// The target first, then every column that could be an input, then the weights.
    table: Table,
    head: Head,
    options: EncodeOptions,
}

/// The columns that have a role of their own.
#[derive(Clone)]
struct Head {
    target: String,
    weights: Option<String>,
}

/// Reads the columns that the flags ask for.
pub fn read(data: &str, dialect: &Dialect, flags: &MixFlags, screen: &Screen) -> Result<MixData> {
    let reading = Reading { dialect: dialect.clone(), memory_limit: flags.memory_limit };
    let source = load::open(data, &reading, screen)?;
    let names = source.columns().to_vec();
    let head = Head { target: flags.target()?.to_owned(), weights: flags.weights.clone() };
    let target = position(&names, &head.target, "target")?;
    let weights = head.weights.as_deref().map(|name| position(&names, name, "weights")).transpose()?;
    if weights == Some(target) {
        return Err(usage(
            format!("`{}` is the target and the column of weights", head.target),
            "name another column for one of them".to_owned(),
        ));
    }
    let wished = Wished::of(flags, &names, target, weights)?;
    let wanted = [target].into_iter().chain(wished.columns.iter().copied()).chain(weights);
    let wants: Vec<Want> = wanted.map(|column| Want { column, as_text: false }).collect();
    let mut notes = source.notes().to_vec();
    let table = load::scan(source, &wants, screen)?;
    notes.extend_from_slice(table.notes());

    let mut others = wished.others;
    let (mut inputs, mut text) = (Vec::new(), Vec::new());
    for (column, named) in table.columns().iter().skip(1).zip(&wished.by_name) {
        match column.kind {
            ColumnKind::Number => inputs.push(column.name.clone()),
            ColumnKind::Text if *named => return Err(holds_text(column)),
            ColumnKind::Text => text.push(column.name.clone()),
        }
    }
    if let Some(note) = left_out(&text) {
        notes.push(note);
    }
    others.extend(text.into_iter().map(|name| (name, "holds text")));
    if inputs.is_empty() {
        return Err(usage(
            "there is no column of numbers to mix beside the target".to_owned(),
            "the inputs are columns of the table, one for each thing that has a weight".to_owned(),
        ));
    }
    let options = EncodeOptions {
        missing: flags.missing.map(load::missing).unwrap_or_default(),
        drop_reference: false,
        class_target: false,
    };
    let (chosen, recipe) = recipe(&table, &head, &inputs, options)?;
    let encoded = Encoded::new(&chosen, &recipe)?;
    notes.extend(encoded.notes());
    let fingerprint = Fingerprint::of(&encoded)?;
    let Design { x, y, weights: row_weights, .. } = Design::gather(&encoded)?;
    let columns: Vec<f64> = x.col_iter().flat_map(|column| column.iter().copied()).collect();
    let target = y.col_iter().flat_map(|column| column.iter().copied()).collect();
    Ok(MixData { inputs, columns, target, row_weights, others, notes, fingerprint, table, head, options })
}

impl MixData {
    /// How a table becomes the columns of these inputs, for a model; and its formula.
    pub fn recipe_of(&self, inputs: &[String]) -> Result<(Recipe, String)> {
        let (_, recipe) = recipe(&self.table, &self.head, inputs, self.options)?;
        Ok((recipe, formula(&self.head, inputs)))
    }
}

/// The columns that are asked for.
struct Wished {
    /// Their places.
    columns: Vec<usize>,
    /// Whether each of them was named, not matched.
    by_name: Vec<bool>,
    /// The others, and why they are none.
    others: Vec<(String, &'static str)>,
}

impl Wished {
    fn of(flags: &MixFlags, names: &[String], target: usize, weights: Option<usize>) -> Result<Self> {
        let taken = |column: usize| column == target || Some(column) == weights;
        let mut named = vec![None; names.len()];
        for wish in &flags.inputs {
            let parts = if names.contains(wish) { vec![wish.clone()] } else { mix_problem::parts(wish) };
            for part in &parts {
                match names.iter().position(|name| name == part) {
                    Some(column) if taken(column) => {
                        let role = if column == target { "the target" } else { "the column of weights" };
                        return Err(usage(
                            format!("`--inputs` names `{part}`, which is {role}"),
                            "leave it out: it is not mixed".to_owned(),
                        ));
                    }
                    Some(column) => named[column] = Some(true),
                    None => match_all(part, names, &mut named)?,
                }
            }
        }
        if flags.inputs.is_empty() {
            named.fill(Some(false));
        }
        let mut wished = Self { columns: Vec::new(), by_name: Vec::new(), others: Vec::new() };
        for (column, named) in named.iter().enumerate() {
            let why = match named {
                _ if column == target => "is the target",
                _ if taken(column) => "is the column of weights",
                None => "is not among `--inputs`",
                Some(by_name) => {
                    wished.columns.push(column);
                    wished.by_name.push(*by_name);
                    continue;
                }
            };
            wished.others.push((names[column].clone(), why));
        }
        Ok(wished)
    }
}

/// Marks the columns that fit a pattern.
fn match_all(pattern: &str, names: &[String], named: &mut [Option<bool>]) -> Result<()> {
    let mut any = false;
    for (name, named) in names.iter().zip(named.iter_mut()).filter(|(name, _)| fits(pattern, name)) {
        any |= !name.is_empty();
        named.get_or_insert(false);
    }
    if any { Ok(()) } else { Err(no_column("inputs", pattern, names)) }
}

fn position(names: &[String], name: &str, flag: &str) -> Result<usize> {
    names.iter().position(|known| known == name).ok_or_else(|| no_column(flag, name, names))
}

fn no_column(flag: &str, name: &str, names: &[String]) -> Error {
    const LISTED: usize = 12;
    let what = if name.contains(['*', '?']) {
        format!("`--{flag}`: no column matches `{name}`")
    } else {
        format!("`--{flag}` names `{name}`, and the table has no such column")
    };
    let hint = match nearest(name, names.iter().map(String::as_str)) {
        Some(near) => format!("did you mean `{near}`?"),
        None if names.len() > LISTED => format!("the columns are {}, …", names[..LISTED].join(", ")),
        None => format!("the columns are {}", names.join(", ")),
    };
    usage(what, hint)
}

fn holds_text(column: &Column) -> Error {
    let levels: &Levels = &column.levels;
    let example = levels.names().iter().find(|text| text.parse::<f64>().is_err()).cloned();
    let needed_by = "a mix".to_owned();
    DataError::Text { column: column.name.clone(), needed_by, example, role: Role::Feature }.into()
}

fn left_out(text: &[String]) -> Option<String> {
    const LISTED: usize = 5;
    let listed = text.iter().take(LISTED).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    match text.len() {
        0 => None,
        1 => Some(format!("{listed} holds text, and is no input")),
        2..=LISTED => Some(format!("{listed} hold text, and are no inputs")),
        count => Some(format!("{listed} and {} more hold text, and are no inputs", count - LISTED)),
    }
}

/// `target ~ 0 + a + b`.
fn formula(head: &Head, inputs: &[String]) -> String {
    let terms = ["0".to_owned()].into_iter().chain(inputs.iter().map(|name| quoted(name)));
    format!("{} ~ {}", quoted(&head.target), terms.collect::<Vec<_>>().join(" + "))
}

/// The recipe for these inputs, and the columns of the table that it takes.
fn recipe<'a>(
    table: &'a Table,
    head: &Head,
    inputs: &[String],
    options: EncodeOptions,
) -> Result<(Chosen<'a>, Recipe)> {
    let names: Vec<String> = table.columns().iter().map(|column| column.name.clone()).collect();
    let resolved = Formula::parse(&formula(head, inputs))?.resolve(&names, head.weights.as_deref())?;
    let chosen = Chosen::new(table, &resolved);
    let recipe = Recipe::build(&resolved, &chosen, &options)?;
    Ok((chosen, recipe))
}

/// Some columns of a table, in an order of their own.
struct Chosen<'a> {
    table: &'a Table,
    places: Vec<usize>,
    columns: Vec<Column>,
}

impl<'a> Chosen<'a> {
    fn new(table: &'a Table, resolved: &Resolved) -> Self {
        let places: Vec<usize> = resolved.wants.iter().map(|want| want.column).collect();
        let columns = places.iter().filter_map(|place| table.columns().get(*place).cloned()).collect();
        Self { table, places, columns }
    }
}

impl Scanned for Chosen<'_> {
    fn columns(&self) -> &[Column] {
        &self.columns
    }

    fn rows(&self) -> usize {
        self.table.rows()
    }

    fn chunks(&self) -> Box<dyn Iterator<Item = Result<Chunk>> + '_> {
        Box::new(self.table.chunks().map(|chunk| {
            let Chunk { first, columns } = chunk?;
            let mut columns: Vec<_> = columns.into_iter().map(Some).collect();
            let own = self.places.iter().filter_map(|place| columns.get_mut(*place).and_then(Option::take));
            Ok(Chunk { first, columns: own.collect() })
        }))
    }
}
