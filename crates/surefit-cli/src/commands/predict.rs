//! `surefit predict`: raw units in, raw units out, one line a row.

use super::load;
use crate::args::{self, PredictArgs};
use crate::exit::Exit;
use crate::screen::{Halt, Screen, halt};
use crate::{files, json};
use serde_json::{Map, Value};
use std::io::{self, Write};
use std::path::Path;
use surefit::data::Rows;
use surefit::data::encode::{Encoded, Purpose};
use surefit::model::Model;
use surefit::{Error, Result};

/// Runs the verb.
pub fn run(args: &PredictArgs, screen: &Screen) -> Result<Exit, Halt> {
    args::one_standard_input(&args.model)?;
    if let Some(path) = &args.output {
        let inputs = [("MODEL", args.model.as_path()), ("DATA", Path::new(&args.data))];
        files::keep_apart(&inputs, &[("-o", path)])?;
        files::probe(path)?;
    }
    let mut model = Model::load(&args.model)?;
    if let Some(missing) = args.missing {
        model.recipe = model.recipe.with_missing(load::missing(missing));
    }
    let recipe = &model.recipe;
    let table = load::by_recipe(&args.data, recipe, Purpose::Predict, &args.reading, screen)?;
    screen.notes(table.notes());
    let rows = Encoded::with(&table, recipe, Purpose::Predict)?;
    screen.notes(rows.notes());
    match &args.output {
        Some(path) => {
            // What goes wrong with the rows is told as such, not as a failed write.
            let mut failure = None;
            let written = files::write(path, |out| {
                write_csv(&model, &rows, out).unwrap_or_else(|error| {
                    failure = Some(error);
                    Err(io::Error::other("the rows could not be read"))
                })
            });
            failure.map_or(written, Err)?;
        }
        None if screen.json => {
            let object = object(&model, &rows)?;
            screen.result(|_| String::new(), || object)?;
        }
        None => {
            let mut out = io::BufWriter::new(io::stdout().lock());
            write_csv(&model, &rows, &mut out)?
                .and_then(|()| out.flush())
                .map_err(|error| halt("standard output", error))?;
        }
    }
    Ok(Exit::Done)
}

/// `prediction` for one target, otherwise the targets' names.
fn heads(model: &Model) -> Vec<String> {
    if model.targets.len() == 1 { vec!["prediction".to_owned()] } else { model.targets.clone() }
}

/// The outer error is about the rows, the inner about writing.
fn write_csv(model: &Model, rows: &dyn Rows, out: &mut dyn Write) -> Result<io::Result<()>> {
    let mut table = csv::WriterBuilder::new().from_writer(out);
    let mut written = table.write_record(heads(model)).map_err(into_io);
    for block in rows.blocks() {
        let predicted = model.predict(block?.view())?;
        for row in 0..predicted.nrows() {
            let fields = (0..predicted.ncols()).map(|target| predicted[(row, target)].to_string());
            written = written.and_then(|()| table.write_record(fields).map_err(into_io));
        }
        if written.is_err() {
            break;
        }
    }
    Ok(written.and_then(|()| table.flush()))
}

fn into_io(error: csv::Error) -> io::Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        _ => io::ErrorKind::InvalidData.into(),
    }
}

fn object(model: &Model, rows: &dyn Rows) -> Result<Value, Error> {
    let heads = heads(model);
    let mut columns: Vec<Vec<Value>> = vec![Vec::new(); heads.len()];
    for block in rows.blocks() {
        let predicted = model.predict(block?.view())?;
        for (target, column) in columns.iter_mut().enumerate() {
            column.extend((0..predicted.nrows()).map(|row| json::number(predicted[(row, target)])));
        }
    }
    let mut object = json::head(Some("predict"), "done", None, "the predictions are made");
    object.insert("columns".to_owned(), rows.shape().columns.into());
    let predictions: Map<String, Value> =
        heads.into_iter().zip(columns).map(|(name, column)| (name, Value::Array(column))).collect();
    object.insert("predictions".to_owned(), Value::Object(predictions));
    object.insert("rows".to_owned(), rows.shape().rows.into());
    Ok(Value::Object(object))
}
