//! `surefit predict`: raw units in, raw units out, one line a row; for a model of classes the class of each row.

use super::load;
use crate::args::{self, PredictArgs, for_other_files, usage};
use crate::exit::Exit;
use crate::screen::{Halt, Screen};
use crate::{files, json};
use faer::Mat;
use serde_json::{Map, Value};
use std::io::{self, Write};
use std::path::Path;
use surefit::data::encode::{Encoded, Purpose};
use surefit::data::read::{is_arff, is_svmlight};
use surefit::data::{ClassList, Rows, Shape};
use surefit::metrics::{class, probabilities};
use surefit::model::{Inputs, Model};
use surefit::{Error, LossKind, Result};

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
        model = model.with_missing(load::missing(missing))?;
    }
    if let Some(path) = &args.output {
        refuse_other_forms(path, model.threshold.is_some())?;
    }
    if let Some(threshold) = model.threshold.clone() {
        return super::predict_labels::run(args, &model, &threshold, screen);
    }
    if let Some(flag) = args.tell.given() {
        return Err(usage(
            format!("`{flag}` is for models that rank labels, and the loss is {}", model.problem.loss.name()),
            format!("leave out `{flag}`"),
        )
        .into());
    }
    let fields = Fields::of(&model, args)?;
    match &model.inputs {
        Inputs::Table(recipe) => {
            let table = load::by_recipe(&args.data, recipe, Purpose::Predict, &args.reading, screen)?;
            screen.notes(table.notes());
            let rows = Encoded::with(&table, recipe, Purpose::Predict)?;
            screen.notes(rows.notes());
            let scores = rows.blocks().map(|block| model.predict(block?.view()));
            tell(args, &fields, scores, rows.shape(), screen)
        }
        Inputs::Sparse(inputs) => {
            if let Some(flag) = args.reading.dialect.given() {
                return Err(for_other_files(flag, "an svmlight file").into());
            }
            let rows = load::sparse_for(&args.data, *inputs, screen)?;
            let shape = Shape { rows: rows.rows(), columns: rows.columns(), outputs: 0 };
            let scores = std::iter::once_with(|| model.scores(rows.features()?));
            tell(args, &fields, scores, shape, screen)
        }
    }
}

/// Predictions are text, and a file that is called otherwise would be taken for what it is not.
fn refuse_other_forms(path: &Path, of_labels: bool) -> Result<()> {
    let name = path.display().to_string();
    let ending = path.extension().map(|ending| ending.to_string_lossy().to_ascii_lowercase());
    let (what, hint) = match ending.as_deref() {
        Some("gz") => (
            format!("predictions are written as text, and {name} would be packed"),
            "leave out `.gz`, and pack the file with gzip afterwards",
        ),
        Some("parquet" | "pq" | "arrow" | "feather" | "ipc" | "xlsx" | "xls" | "ods") => (
            format!("predictions are written as text, and {name} is named like a binary table"),
            "name a file that ends in .csv",
        ),
        Some("tsv" | "tab" | "json") => (
            format!(
                "predictions are written with commas between them, and {name} is named like another form"
            ),
            "name a file that ends in .csv; `--json` without `-o` prints an object",
        ),
        _ if !of_labels && (is_arff(&name) || is_svmlight(&name)) => (
            format!("{name} is named like a file of features and labels, and the model gives neither"),
            "name a file that ends in .csv",
        ),
        _ => return Ok(()),
    };
    Err(usage(what, hint.to_owned()))
}

fn tell(
    args: &PredictArgs,
    fields: &Fields<'_>,
    scores: impl Iterator<Item = Result<Mat<f64>>>,
    shape: Shape,
    screen: &Screen,
) -> Result<Exit, Halt> {
    if screen.json && args.output.is_none() {
        let object = object(fields, scores, shape)?;
        screen.result(|_| String::new(), || object)?;
    } else {
        files::deliver(args.output.as_deref(), |out| write_csv(fields, scores, out))?;
        written(args, shape.rows, shape.columns, screen)?;
    }
    Ok(Exit::Done)
}

/// What `--json` says of predictions that are in a file.
pub fn written(args: &PredictArgs, rows: usize, columns: usize, screen: &Screen) -> Result<(), Halt> {
    let Some(path) = args.output.as_ref().filter(|_| screen.json) else { return Ok(()) };
    let what = format!("the predictions are in {}", path.display());
    let mut object = json::head(Some("predict"), "done", None, &what);
    object.insert("columns".to_owned(), columns.into());
    object.insert("file".to_owned(), path.display().to_string().into());
    object.insert("rows".to_owned(), rows.into());
    screen.result(|_| String::new(), || Value::Object(object))
}

/// What is told of each row.
struct Fields<'a> {
    loss: LossKind,
    /// All classes, where there are any.
    classes: Option<&'a [String]>,
    /// Those with a column of scores, or targets.
    outputs: &'a [String],
    scores: bool,
    proba: bool,
}

/// A field of a row.
enum Field<'a> {
    Number(f64),
    /// `None` where a value is missing.
    Class(Option<&'a str>),
}

impl Field<'_> {
    fn text(&self) -> String {
        match self {
            Self::Number(value) => value.to_string(),
            Self::Class(name) => name.unwrap_or("NaN").to_owned(),
        }
    }

    fn value(&self) -> Value {
        match self {
            Self::Number(value) => json::number(*value),
            Self::Class(name) => (*name).into(),
        }
    }
}

impl<'a> Fields<'a> {
    fn of(model: &'a Model, args: &PredictArgs) -> Result<Self> {
        let loss = model.problem.loss;
        let classes = model.classes.as_ref().map(ClassList::names);
        let flags = [("--scores", args.scores), ("--proba", args.proba)];
        if let Some((flag, _)) = flags.iter().find(|(_, given)| *given && classes.is_none()) {
            return Err(usage(
                format!("`{flag}` is for models of classes, and the loss is {}", loss.name()),
                format!("leave out `{flag}`: the prediction is all there is"),
            ));
        }
        if args.proba && !matches!(loss, LossKind::Softmax | LossKind::OvrLogistic) {
            return Err(usage(
                format!("scores of the {} loss are no probabilities", loss.name()),
                "use `--scores`, or fit with `--loss softmax`".to_owned(),
            ));
        }
        Ok(Self { loss, classes, outputs: &model.targets, scores: args.scores, proba: args.proba })
    }

    /// `prediction` for one target or for classes, otherwise the targets' names.
    fn heads(&self) -> Vec<String> {
        let Some(classes) = self.classes else {
            return match self.outputs {
                [_] => vec!["prediction".to_owned()],
                targets => targets.to_vec(),
            };
        };
        let named = |kind: &str, names: &[String]| -> Vec<String> {
            names.iter().map(|name| format!("{kind}:{name}")).collect()
        };
        let mut heads = vec!["prediction".to_owned()];
        if self.scores {
            heads.extend(named("score", self.outputs));
        }
        if self.proba {
            heads.extend(named("proba", classes));
        }
        heads
    }

    fn row(&self, scores: &[f64]) -> Vec<Field<'a>> {
        let numbers = |values: &[f64]| values.iter().map(|value| Field::Number(*value)).collect::<Vec<_>>();
        let Some(classes) = self.classes else { return numbers(scores) };
        let found = class(scores.iter().copied()).and_then(|k| classes.get(k));
        let mut fields = vec![Field::Class(found.map(String::as_str))];
        if self.scores {
            fields.extend(numbers(scores));
        }
        if let Some(shares) = probabilities(self.loss, scores).filter(|_| self.proba) {
            fields.extend(numbers(&shares));
        }
        fields
    }

    /// The rows of a block of scores.
    fn rows(&self, scores: &Mat<f64>) -> impl Iterator<Item = Vec<Field<'a>>> {
        (0..scores.nrows())
            .map(|i| self.row(&(0..scores.ncols()).map(|k| scores[(i, k)]).collect::<Vec<_>>()))
    }
}

/// The outer error is about the rows, the inner about writing.
fn write_csv(
    fields: &Fields<'_>,
    scores: impl Iterator<Item = Result<Mat<f64>>>,
    out: &mut dyn Write,
) -> Result<io::Result<()>> {
    let mut table = csv::WriterBuilder::new().from_writer(out);
    let mut written = table.write_record(fields.heads()).map_err(into_io);
    for block in scores {
        for row in fields.rows(&block?) {
            let texts = row.iter().map(Field::text);
            written = written.and_then(|()| table.write_record(texts).map_err(into_io));
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

fn object(
    fields: &Fields<'_>,
    scores: impl Iterator<Item = Result<Mat<f64>>>,
    shape: Shape,
) -> Result<Value, Error> {
    let heads = fields.heads();
    let mut columns: Vec<Vec<Value>> = vec![Vec::new(); heads.len()];
    for block in scores {
        for row in fields.rows(&block?) {
            columns.iter_mut().zip(&row).for_each(|(column, field)| column.push(field.value()));
        }
    }
    let mut object = json::head(Some("predict"), "done", None, "the predictions are made");
    object.insert("columns".to_owned(), shape.columns.into());
    let predictions: Map<String, Value> =
        heads.into_iter().zip(columns).map(|(name, column)| (name, Value::Array(column))).collect();
    object.insert("predictions".to_owned(), Value::Object(predictions));
    object.insert("rows".to_owned(), shape.rows.into());
    Ok(Value::Object(object))
}
