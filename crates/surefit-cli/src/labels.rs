//! Predicted labels as people and programs read them: the fields of a row, and the files that hold them.

use crate::args::{PredictArgs, usage};
use crate::json;
use faer::Mat;
use serde_json::Value;
use std::io::{self, Write};
use std::path::Path;
use surefit::Result;
use surefit::data::Features;
use surefit::data::read::{is_arff, is_svmlight};
use surefit::metrics::threshold::Threshold;
use surefit::model::{Inputs, Model};

/// What is told of each row.
pub struct Fields<'a> {
    labels: &'a [String],
    /// d names of features.
    columns: &'a [String],
    threshold: Threshold,
    /// The first index of sparse rows.
    base: usize,
    list: bool,
    scores: bool,
    ranks: bool,
}

/// A row, told.
pub struct Told {
    /// The labels that it is given, ascending.
    given: Vec<usize>,
    scores: Vec<f64>,
    /// A score is no number, because a value is missing.
    pub unknown: bool,
}

impl<'a> Fields<'a> {
    /// What is asked of a model that ranks labels.
    ///
    /// # Errors
    /// More labels than it has, or probabilities.
    pub fn of(model: &'a Model, threshold: &Threshold, args: &PredictArgs) -> Result<Self> {
        let labels = model.targets.as_slice();
        if args.proba {
            return Err(usage(
                format!("scores of the {} loss are no probabilities", model.problem.loss.name()),
                "use `--scores` or `--ranks`".to_owned(),
            ));
        }
        let threshold = match args.tell.top {
            Some(count) if count > labels.len() => {
                return Err(usage(
                    format!("`--top {count}` asks for more than the {} labels of the model", labels.len()),
                    format!("give {} or fewer", labels.len()),
                ));
            }
            Some(count) => Threshold::Top(count),
            None => threshold.clone(),
        };
        let base = match &model.inputs {
            Inputs::Sparse(inputs) => usize::from(!inputs.zero_based),
            Inputs::Table(_) => 1,
        };
        Ok(Self {
            labels,
            columns: &model.columns,
            threshold,
            base,
            list: args.tell.labels,
            scores: args.scores,
            ranks: args.tell.ranks,
        })
    }

    /// The names of the columns of a table.
    pub fn heads(&self) -> Vec<String> {
        let mut heads = if self.list { vec!["labels".to_owned()] } else { self.labels.to_vec() };
        heads.extend(self.numbers_heads());
        heads
    }

    fn numbers_heads(&self) -> impl Iterator<Item = String> {
        let named = |kind: &'static str, asked: bool| {
            self.labels.iter().filter(move |_| asked).map(move |name| format!("{kind}:{name}"))
        };
        named("score", self.scores).chain(named("rank", self.ranks))
    }

    /// Row `i` of a block of scores.
    pub fn row(&self, scores: &Mat<f64>, i: usize) -> Told {
        let scores: Vec<f64> = (0..scores.ncols()).map(|k| scores[(i, k)]).collect();
        let unknown = scores.iter().any(|score| score.is_nan());
        let block = Mat::from_fn(1, scores.len(), |_, k| scores[k]);
        let sets = self.threshold.sets(block.as_ref());
        let given = (0..scores.len()).filter(|k| sets.view().has(0, *k)).collect();
        Told { given, scores, unknown }
    }

    /// The rank of each label: how many are not below it.
    fn ranks(scores: &[f64]) -> Vec<usize> {
        let mut sorted = scores.to_vec();
        sorted.sort_unstable_by(|a, b| b.total_cmp(a));
        // Those not below come first.
        scores.iter().map(|score| sorted.partition_point(|other| other >= score)).collect()
    }

    /// Scores and ranks as far as they are asked for; NaN where they are not known.
    fn numbers(&self, told: &Told) -> Vec<f64> {
        let mut numbers = if self.scores { told.scores.clone() } else { Vec::new() };
        if self.ranks && told.unknown {
            numbers.extend(told.scores.iter().map(|_| f64::NAN));
        } else if self.ranks {
            numbers.extend(Self::ranks(&told.scores).into_iter().map(|rank| rank as f64));
        }
        numbers
    }

    /// The names of the labels of a row.
    fn names<'s>(&'s self, told: &'s Told) -> impl Iterator<Item = &'s str> {
        told.given.iter().filter_map(|k| self.labels.get(*k)).map(String::as_str)
    }

    fn has(&self, told: &Told) -> Vec<bool> {
        let mut has = vec![false; self.labels.len()];
        told.given.iter().for_each(|k| has[*k] = true);
        has
    }

    fn texts(&self, told: &Told) -> Vec<String> {
        let mut texts: Vec<String> = match (self.list, told.unknown) {
            (true, true) => vec!["NaN".to_owned()],
            (false, true) => vec!["NaN".to_owned(); self.labels.len()],
            (true, false) => vec![self.names(told).map(listed).collect::<Vec<_>>().join(",")],
            (false, false) => self.has(told).into_iter().map(|has| u8::from(has).to_string()).collect(),
        };
        texts.extend(self.numbers(told).iter().map(f64::to_string));
        texts
    }

    /// The same for the object.
    pub fn values(&self, told: &Told) -> Vec<Value> {
        let mut values: Vec<Value> = match (self.list, told.unknown) {
            (true, true) => vec![Value::Null],
            (false, true) => vec![Value::Null; self.labels.len()],
            (true, false) => vec![self.names(told).collect()],
            (false, false) => self.has(told).into_iter().map(|has| u8::from(has).into()).collect(),
        };
        values.extend(self.numbers(told).into_iter().map(json::number));
        values
    }
}

/// A name in a list with commas between them.
fn listed(name: &str) -> String {
    if name.contains([',', '"']) { format!("\"{}\"", name.replace('"', "\"\"")) } else { name.to_owned() }
}

/// What kind of file predictions are written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A table.
    Csv,
    /// Features, then labels.
    Arff,
    /// Lists of labels, then features by number.
    Svmlight,
}

impl Form {
    /// By the ending of the file.
    ///
    /// # Errors
    /// What such a file has no place for.
    pub fn of(output: Option<&Path>, fields: &Fields<'_>) -> Result<Self> {
        let name = output.map(|path| path.display().to_string()).unwrap_or_default();
        let form = match (is_arff(&name), is_svmlight(&name)) {
            (true, _) => Self::Arff,
            (_, true) => Self::Svmlight,
            _ => return Ok(Self::Csv),
        };
        let refuse = |what: String, hint: &str| Err(usage(what, hint.to_owned()));
        if fields.list {
            return refuse(
                format!("{name} has the labels of each row as its form asks"),
                "leave out `--labels`, or write a CSV file",
            );
        }
        if form == Self::Svmlight {
            if fields.scores || fields.ranks {
                return refuse(
                    format!(
                        "{name} has no place for scores and ranks: a row has its labels and its features"
                    ),
                    "leave them out, or write a CSV or ARFF file",
                );
            }
            let odd = |name: &&String| {
                name.is_empty() || name.contains(|c: char| c.is_whitespace() || matches!(c, ',' | ':' | '#'))
            };
            if let Some(label) = fields.labels.iter().find(odd) {
                return refuse(
                    format!(
                        "the label `{label}` cannot stand in an svmlight file, where blanks, commas, colons and # have a meaning"
                    ),
                    "write a CSV or ARFF file",
                );
            }
        }
        Ok(form)
    }
}

/// A file of predictions while it is written.
pub struct LabelFile<'f, 'o> {
    form: Form,
    fields: &'f Fields<'f>,
    sparse: bool,
    out: &'o mut dyn Write,
    line: Vec<u8>,
}

impl<'f, 'o> LabelFile<'f, 'o> {
    /// Before anything is written; `sparse` is whether ARFF rows leave out zeros.
    pub fn new(form: Form, fields: &'f Fields<'f>, sparse: bool, out: &'o mut dyn Write) -> Self {
        Self { form, fields, sparse, out, line: Vec::new() }
    }

    /// What comes before the rows.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn begin(&mut self) -> io::Result<()> {
        match self.form {
            Form::Csv => self.record(&self.fields.heads()),
            Form::Svmlight => Ok(()),
            Form::Arff => {
                writeln!(self.out, "@relation predictions\n")?;
                for name in self.fields.columns.iter().cloned().chain(self.fields.numbers_heads()) {
                    writeln!(self.out, "@attribute {} numeric", quoted(&name))?;
                }
                for name in self.fields.labels {
                    writeln!(self.out, "@attribute {} {{0,1}}", quoted(name))?;
                }
                writeln!(self.out, "\n@data")
            }
        }
    }

    /// Row `i` of the features, and what is told of it.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn row(&mut self, x: Features<'_>, i: usize, told: &Told) -> io::Result<()> {
        match self.form {
            Form::Csv => self.record(&self.fields.texts(told)),
            Form::Arff if self.sparse => self.sparse_row(x, i, told),
            Form::Arff => self.dense_row(x, i, told),
            Form::Svmlight => self.list_row(x, i, told),
        }
    }

    fn record(&mut self, texts: &[String]) -> io::Result<()> {
        let mut table = csv::WriterBuilder::new().from_writer(std::mem::take(&mut self.line));
        table.write_record(texts).map_err(|_| io::Error::from(io::ErrorKind::InvalidData))?;
        self.line = table.into_inner().map_err(|_| io::Error::from(io::ErrorKind::InvalidData))?;
        self.flush_line()
    }

    fn flush_line(&mut self) -> io::Result<()> {
        self.out.write_all(&self.line)?;
        self.line.clear();
        Ok(())
    }

    fn dense_row(&mut self, x: Features<'_>, i: usize, told: &Told) -> io::Result<()> {
        let mut numbers = vec![0.0; x.columns()];
        x.for_each_in_row(i, |j, value| numbers[j] = value);
        numbers.extend(self.fields.numbers(told));
        let mut texts: Vec<String> = numbers.into_iter().map(number).collect();
        texts.extend(self.fields.has(told).into_iter().map(|has| label(has, told).to_owned()));
        writeln!(self.out, "{}", texts.join(","))
    }

    fn sparse_row(&mut self, x: Features<'_>, i: usize, told: &Told) -> io::Result<()> {
        let mut entries = Vec::new();
        x.for_each_in_row(i, |j, value| entries.push(format!("{j} {}", number(value))));
        let numbers = self.fields.numbers(told);
        let labels = x.columns() + numbers.len();
        let others = numbers.into_iter().enumerate().filter(|(_, value)| *value != 0.0);
        entries.extend(others.map(|(at, value)| format!("{} {}", x.columns() + at, number(value))));
        entries.extend(told.given.iter().map(|k| format!("{} 1", labels + k)));
        writeln!(self.out, "{{{}}}", entries.join(","))
    }

    fn list_row(&mut self, x: Features<'_>, i: usize, told: &Told) -> io::Result<()> {
        let list = self.fields.names(told).collect::<Vec<_>>().join(",");
        let base = self.fields.base;
        let mut words = if list.is_empty() { Vec::new() } else { vec![list] };
        x.for_each_in_row(i, |j, value| words.push(format!("{}:{value}", j + base)));
        if words.is_empty() {
            // A line of nothing is no row; an entry of 0 is stored nowhere.
            words.push(format!("{base}:0"));
        }
        writeln!(self.out, "{}", words.join(" "))
    }

    /// After the rows.
    ///
    /// # Errors
    /// When what is left cannot be written.
    pub fn end(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// A number as ARFF writes it, or its sign of what is missing.
fn number(value: f64) -> String {
    if value.is_nan() { "?".to_owned() } else { value.to_string() }
}

fn label(has: bool, told: &Told) -> &'static str {
    match (told.unknown, has) {
        (true, _) => "?",
        (false, true) => "1",
        (false, false) => "0",
    }
}

/// A name as ARFF writes it: in quotes where it is more than letters and digits.
fn quoted(name: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | ':');
    if !name.is_empty() && name.chars().all(plain) {
        return name.to_owned();
    }
    let mut text = String::from("'");
    for c in name.chars() {
        match c {
            '\'' | '\\' | '"' | '%' => text.extend(['\\', c]),
            '\n' => text += "\\n",
            '\r' => text += "\\r",
            '\t' => text += "\\t",
            c => text.push(c),
        }
    }
    text + "'"
}
