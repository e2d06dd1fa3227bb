//! `surefit predict` of a model that ranks labels: for each row the labels that it is given, the scores and ranks on
//! request. The forms are those that rows with labels are read in: a table with a column of 0 and 1 for each label, and
//! by the ending of `-o` an ARFF or svmlight file that has the features too.

use super::load_labels::{self, NewRows};
use super::predict::written;
use crate::args::{PredictArgs, usage};
use crate::exit::Exit;
use crate::labels::{Fields, Form, LabelFile};
use crate::numbers::count;
use crate::screen::{Halt, Screen};
use crate::{files, json};
use faer::Mat;
use serde_json::{Map, Value};
use std::io::{self, Write};
use surefit::Result;
use surefit::data::encode::{Encoded, Purpose};
use surefit::data::read::{is_arff, is_svmlight};
use surefit::data::{Features, Rows};
use surefit::metrics::threshold::Threshold;
use surefit::model::Model;

/// Runs the verb for a model with this threshold.
pub fn run(args: &PredictArgs, model: &Model, threshold: &Threshold, screen: &Screen) -> Result<Exit, Halt> {
    let fields = Fields::of(model, threshold, args)?;
    let form = Form::of(args.output.as_deref(), &fields)?;
    if args.missing.is_some() && (is_arff(&args.data) || is_svmlight(&args.data)) {
        return Err(usage(
            format!("`--missing` is for tables, and a value of {} that is missing is refused", args.data),
            "leave it out".to_owned(),
        )
        .into());
    }
    let rows = load_labels::open_for(
        &args.data,
        &model.inputs,
        &model.targets,
        Purpose::Predict,
        &args.reading,
        screen,
    )?;
    // Before anything is written: a fault in the rows is all that is told.
    let encoded = match &rows {
        NewRows::Table(table, recipe) => {
            screen.notes(table.notes());
            let encoded = Encoded::with(table, recipe, Purpose::Predict)?;
            screen.notes(encoded.notes());
            Some(encoded)
        }
        _ => None,
    };
    let rows = Scored { model, rows: &rows, encoded };
    if screen.json && args.output.is_none() {
        let object = rows.object(&fields)?;
        screen.result(|_| String::new(), || object)?;
    } else {
        let mut size = (0, 0);
        files::deliver(args.output.as_deref(), |out| rows.write(&fields, form, out, &mut size))?;
        written(args, size.0, size.1, screen)?;
    }
    Ok(Exit::Done)
}

/// New rows and the model that scores them.
struct Scored<'a> {
    model: &'a Model,
    rows: &'a NewRows<'a>,
    /// Of a table.
    encoded: Option<Encoded<'a>>,
}

impl Scored<'_> {
    /// Calls `visit` with the features and scores of one part after the other, as long as it says so.
    fn parts(&self, mut visit: impl FnMut(Features<'_>, &Mat<f64>) -> bool) -> Result<()> {
        let features = match self.rows {
            NewRows::Table(..) => {
                for block in self.encoded.iter().flat_map(Encoded::blocks) {
                    let block = block?;
                    let scores = self.model.predict(block.view())?;
                    if !visit(Features::F64(block.view().x), &scores) {
                        break;
                    }
                }
                return Ok(());
            }
            NewRows::Arff(data) => data.features()?,
            NewRows::Sparse(data, _) => data.features()?,
        };
        visit(features, &self.model.scores(features)?);
        Ok(())
    }

    /// Whether zeros are left out in the file that the rows came from.
    fn is_sparse(&self) -> Result<bool> {
        Ok(match self.rows {
            NewRows::Table(..) => false,
            NewRows::Arff(data) => data.features()?.is_sparse(),
            NewRows::Sparse(..) => true,
        })
    }

    /// The outer error is about the rows, the inner about writing.
    /// `size` becomes the numbers of rows and columns.
    fn write(
        &self,
        fields: &Fields<'_>,
        form: Form,
        out: &mut dyn Write,
        size: &mut (usize, usize),
    ) -> Result<io::Result<()>> {
        let mut file = LabelFile::new(form, fields, self.is_sparse()?, out);
        let mut written = file.begin();
        let (mut number, mut unknown) = (0, None);
        self.parts(|x, scores| {
            *size = (size.0 + scores.nrows(), x.columns());
            for i in 0..scores.nrows() {
                let told = fields.row(scores, i);
                number += 1;
                if told.unknown && form == Form::Svmlight {
                    unknown = Some(number);
                }
                if written.is_err() || unknown.is_some() {
                    return false;
                }
                written = file.row(x, i, &told);
            }
            written.is_ok()
        })?;
        if let Some(row) = unknown {
            return Err(usage(
                format!("row {} has a missing value, which an svmlight file cannot hold", count(row)),
                "write a CSV or ARFF file, or fill it in with `--missing mean`".to_owned(),
            ));
        }
        Ok(written.and_then(|()| file.end()))
    }

    fn object(&self, fields: &Fields<'_>) -> Result<Value> {
        let heads = fields.heads();
        let mut columns: Vec<Vec<Value>> = vec![Vec::new(); heads.len()];
        let (mut rows, mut d) = (0, 0);
        self.parts(|x, scores| {
            (rows, d) = (rows + scores.nrows(), x.columns());
            for i in 0..scores.nrows() {
                let values = fields.values(&fields.row(scores, i));
                columns.iter_mut().zip(values).for_each(|(column, value)| column.push(value));
            }
            true
        })?;
        let mut object = json::head(Some("predict"), "done", None, "the predictions are made");
        object.insert("columns".to_owned(), d.into());
        let predictions: Map<String, Value> =
            heads.into_iter().zip(columns).map(|(name, column)| (name, Value::Array(column))).collect();
        object.insert("predictions".to_owned(), Value::Object(predictions));
        object.insert("rows".to_owned(), rows.into());
        Ok(Value::Object(object))
    }
}
