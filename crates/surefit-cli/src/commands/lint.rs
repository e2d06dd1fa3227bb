//! `surefit lint`: what would go wrong, before fitting.

use super::ask;
use super::fit::constant_target;
use super::load::{self, Numbers};
use crate::args::LintArgs;
use crate::exit::Exit;
use crate::numbers::counted;
use crate::screen::{Halt, Screen};
use crate::watch;
use crate::{json, render};
use serde_json::Value;
use surefit::data::encode::{EncodeOptions, Encoded};
use surefit::fit::{self, Settings};
use surefit::{LossKind, Result};

/// The relative gap that a fit aims at.
const GAP: f64 = 1e-6;

/// Runs the verb.
pub fn run(args: &LintArgs, screen: &Screen) -> Result<Exit, Halt> {
    let descent = args.check()?;
    let lambda = args.penalty.unwrap_or(0.0);
    let options = EncodeOptions {
        missing: args.rows.missing.map(load::missing).unwrap_or_default(),
        drop_reference: lambda == 0.0,
        class_target: false,
    };
    let weights = args.rows.weights.as_deref();
    let loaded = load::by_formula(&args.data, &args.formula, weights, &args.reading, options, screen)?;
    let load::Loaded { table, recipe, notes } = loaded;
    let encoded = Encoded::new(&table, &recipe)?;
    let mut notes: Vec<String> = notes.into_iter().chain(encoded.notes()).chain(args.set_aside()).collect();
    screen.notes(&notes);
    let left_out = encoded.left_out()?;
    let numbers = Numbers::of(encoded, false)?;
    let rows = numbers.rows();
    let problem = ask::problem(LossKind::Squared, lambda, &args.shrinkage, &recipe)?;
    for (target, name) in recipe.targets().iter().enumerate() {
        if let Some(value) = constant_target(rows, target)? {
            let note = render::constant(name, value);
            screen.note(&note);
            notes.push(note);
        }
    }
    let settings =
        Settings { left_out, ..ask::settings(descent, args.gap.unwrap_or(GAP), &args.shrinkage, &recipe) };
    let mut findings = fit::lint(rows, &problem, &settings, &watch::go_on)?;
    let shape = rows.shape();
    super::one_row(&mut findings, shape);
    let clean = findings.iter().all(render::is_advice);
    let looked = format!(
        "{} and {} looked at",
        counted(shape.rows as u64, "row"),
        counted(shape.columns as u64, "column")
    );
    screen.result(
        |width| render::lint(&findings, &looked, width),
        || {
            let verdict = if clean { "clean" } else { "found" };
            let first = findings.iter().find(|found| !render::is_advice(found)).map(|found| found.code);
            let mut object = json::head(Some("lint"), verdict, first, &looked);
            object.insert("findings".to_owned(), findings.iter().map(json::finding).collect());
            object.insert("notes".to_owned(), notes.clone().into());
            object.insert("rows".to_owned(), shape.rows.into());
            object.insert("columns".to_owned(), shape.columns.into());
            Value::Object(object)
        },
    )?;
    Ok(if clean { Exit::Done } else { Exit::Data })
}
