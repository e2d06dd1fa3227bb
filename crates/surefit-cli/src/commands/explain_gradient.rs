//! `surefit explain-gradient`: one row's share of a gradient, step by step.

use super::load::{self, Asked};
use crate::args::{ExplainGradientArgs, usage};
use crate::exit::Exit;
use crate::numbers::count;
use crate::report::RowReport;
use crate::screen::{Halt, Screen};
use crate::{json, render};
use faer::Mat;
use serde_json::{Map, Value, json};
use surefit::Coefficients;
use surefit::gradcheck::{Margin, row_gradient};

/// Runs the verb.
pub fn run(args: &ExplainGradientArgs, screen: &Screen) -> Result<Exit, Halt> {
    let loss = args.loss.check()?;
    let asked = Asked {
        verb: "explain-gradient",
        data: &args.data,
        formula: args.formula.as_deref(),
        loss,
        penalized: true,
        reading: &args.reading,
        zero_based: args.zero_based,
        rows: &args.rows,
    };
    let load::LoadedSamples { set, intercept } = load::samples(&asked, screen)?;
    let (row, all) = (args.row - 1, set.rows_of_data());
    let Some(place) = set.find(row) else {
        let number = |value: usize| count(value as u64);
        return Err(if row < all {
            usage(format!("row {} was left out", number(args.row)), "choose a row that counts".to_owned())
        } else {
            usage(
                format!("there is no row {}; {} has {} rows", number(args.row), args.data, number(all)),
                format!("choose one from 1 to {all}"),
            )
        }
        .into());
    };
    let outputs = set.outputs(loss);
    let at = match &args.at {
        Some(path) => {
            let names: Vec<String> = set.names().collect();
            load::coefficients(path, &names, &outputs, intercept)?
        }
        None => Coefficients {
            weights: Mat::zeros(set.columns(), outputs.len()),
            intercept: vec![0.0; outputs.len()],
        },
    };
    let share = row_gradient(&set.samples(loss)?, loss, &at, place)?;
    let mut features: Vec<(String, f64)> = share.features.iter().map(|&(j, x)| (set.name(j), x)).collect();
    features.extend(intercept.then(|| ("(intercept)".to_owned(), 1.0)));
    let report = RowReport {
        data: args.data.clone(),
        number: args.row,
        loss,
        at: args.at.as_ref().map(|path| path.display().to_string()),
        outputs,
        classes: set.classes().map(|list| list.names().to_vec()),
        zeros: set.columns() - share.features.len(),
        features,
        row: share,
    };
    screen.result(
        |width| render::gradient_of_row(&report, width),
        || object(&report, set.rows(), set.columns()),
    )?;
    Ok(Exit::Done)
}

fn object(report: &RowReport, rows: usize, columns: usize) -> Value {
    let row = &report.row;
    let by_output = |values: &mut dyn Iterator<Item = f64>| -> Value {
        report.outputs.iter().cloned().zip(values.map(json::number)).collect::<Map<_, _>>().into()
    };
    let margins = report.outputs.iter().zip(&row.margins).map(|(name, margin)| {
        let value = match margin {
            Margin::Own => Value::Null,
            Margin::Rival(m) | Margin::Signed(m) | Margin::Probability(m) | Margin::Residual(m) => {
                json::number(*m)
            }
        };
        (name.clone(), value)
    });
    let features: Map<String, Value> =
        report.features.iter().map(|(name, x)| (name.clone(), json::number(*x))).collect();
    let gradient: Map<String, Value> =
        report.features.iter().map(|(name, x)| (name.clone(), by_output(&mut report.shares(*x)))).collect();
    let mut object = json::head(Some("explain-gradient"), "done", None, "one row's share of the gradient");
    object.insert("rows".to_owned(), rows.into());
    object.insert("columns".to_owned(), columns.into());
    object.insert(
        "row".to_owned(),
        json!({
            "number": report.number,
            "loss": report.loss.name(),
            "class": report.class(),
            "weight": json::number(row.weight),
            "total_weight": json::number(row.total),
            "value": json::number(row.loss),
            "scores": by_output(&mut row.scores.iter().copied()),
            "margins": margins.collect::<Map<_, _>>(),
            "times_x": by_output(&mut row.pulls.iter().copied()),
            "x": features,
            "gradient": gradient,
        }),
    );
    Value::Object(object)
}
