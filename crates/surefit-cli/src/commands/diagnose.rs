//! `surefit diagnose`: a verdict on the losses that another program printed.

use super::fit::{EDGE, title};
use super::load;
use crate::args::{DiagnoseArgs, usage};
use crate::exit::Exit;
use crate::screen::{Halt, Screen};
use crate::{json, render};
use serde_json::{Map, Value};
use surefit::data::read::{ReadError, Want};
use surefit::data::{Column, Values};
use surefit::diagnosis::trace::{ExternalTrace, TraceVerdict, diagnose_trace};
use surefit::{Error, Result};

/// The relative gap for which steps left are told.
const TARGET: f64 = 1e-6;

/// Runs the verb.
pub fn run(args: &DiagnoseArgs, screen: &Screen) -> Result<Exit, Halt> {
    let columns = columns(args, screen)?;
    let size = (columns.first().map_or(0, |(_, values)| values.len()), columns.len());
    let trace = ExternalTrace::from_columns(columns, args.learning_rate)?;
    match diagnose_trace(&trace, TARGET) {
        TraceVerdict::Converged { message, evidence } => {
            screen.result(
                |width| render::line(true, "CONVERGED", &message, width),
                || object("converged", &message, Some(evidence), size),
            )?;
            Ok(Exit::Done)
        }
        verdict @ (TraceVerdict::Found(_) | TraceVerdict::Edge(_)) => {
            let (found, name) = match verdict {
                TraceVerdict::Edge(found) => (found, EDGE.to_owned()),
                TraceVerdict::Found(found) => {
                    let name = title(found.code);
                    (found, name)
                }
                _ => return Ok(Exit::Done),
            };
            screen.result(
                |width| render::verdict_on_trace(&name, &found, width),
                || {
                    let mut object = json::head(Some("diagnose"), "failed", Some(found.code), &found.message);
                    object.insert("diagnosis".to_owned(), json::diagnosis(&found, None));
                    sized(&mut object, size);
                    Value::Object(object)
                },
            )?;
            Ok(Exit::Done)
        }
        TraceVerdict::Inconclusive { message } => {
            screen.result(
                |width| render::line(false, "TOO LITTLE TO TELL", &message, width),
                || object("inconclusive", &message, None, size),
            )?;
            Ok(Exit::Done)
        }
    }
}

fn sized(object: &mut Map<String, Value>, (rows, columns): (usize, usize)) {
    object.insert("rows".to_owned(), rows.into());
    object.insert("columns".to_owned(), columns.into());
}

fn object(verdict: &str, message: &str, evidence: Option<Map<String, Value>>, size: (usize, usize)) -> Value {
    let mut object = json::head(Some("diagnose"), verdict, None, message);
    sized(&mut object, size);
    if let Some(evidence) = evidence {
        object.insert("evidence".to_owned(), Value::Object(evidence));
    }
    Value::Object(object)
}

/// The first text among the losses, `first` rows from the top.
fn not_a_loss(column: &Column, codes: &[u32], first: usize) -> Option<Error> {
    let text = |(row, &code): (usize, &u32)| Some((first + row + 1, column.levels.name(code)?));
    let odd = |&(_, text): &(usize, &str)| text.parse::<f64>().is_err();
    let (row, text) = codes.iter().enumerate().filter_map(text).find(odd)?;
    let odds = column.levels.names().iter().filter(|text| text.parse::<f64>().is_err());
    Some(Error::from(ReadError::NotNumber {
        column: column.name.clone(),
        row,
        // Below the header that named the column.
        line: row + 1,
        text: text.to_owned(),
        count: odds.count(),
        unseen: false,
        others: Vec::new(),
        comma: false,
    }))
}

/// The columns of numbers; what is text in a trace is a remark.
fn columns(args: &DiagnoseArgs, screen: &Screen) -> Result<Vec<(String, Vec<f64>)>> {
    let source = load::open(&args.trace, &args.reading, screen)?;
    screen.notes(source.notes());
    let wants: Vec<Want> =
        (0..source.columns().len()).map(|column| Want { column, as_text: false }).collect();
    let table = load::scan(source, &wants, screen)?;
    let mut columns: Vec<(String, Vec<f64>)> = table
        .columns()
        .iter()
        .map(|column| (column.name.clone(), Vec::with_capacity(table.rows())))
        .collect();
    let mut text = vec![false; columns.len()];
    for chunk in table.chunks() {
        let chunk = chunk?;
        let first = chunk.first;
        for (place, values) in chunk.columns.into_iter().enumerate() {
            match values {
                Values::Number(mut values) => columns[place].1.append(&mut values),
                Values::Text(codes) => {
                    text[place] = true;
                    let column = &table.columns()[place];
                    if ExternalTrace::is_loss(&column.name)
                        && let Some(error) = not_a_loss(column, &codes, first)
                    {
                        return Err(error);
                    }
                }
            }
        }
    }
    let mut keep = text.iter().map(|text| !text);
    columns.retain(|_| keep.next().unwrap_or(false));
    if columns.is_empty() {
        return Err(usage(
            format!("{} has no column of numbers", args.trace),
            "a trace has a column `loss`, one row a step".to_owned(),
        ));
    }
    Ok(columns)
}
