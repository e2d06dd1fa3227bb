//! What is read of a ranking, and the rows as its loss sees them.

use crate::args::{Divisor, FitArgs, usage};
use crate::commands::fit_samples::in_file;
use crate::commands::load_labels::{self, Asked};
use crate::numbers::{counted, plain};
use crate::screen::{Halt, Screen};
use surefit::data::{SampleSet, Samples};
use surefit::diagnosis::WithoutPairs;
use surefit::fit::usual_penalty;
use surefit::metrics::threshold::Rule;
use surefit::model::Inputs;
use surefit::{LossKind, Result};

/// What is read of a ranking.
pub struct Input {
    pub set: SampleSet,
    /// Whether there is one; only a formula can say no.
    pub intercept: bool,
    /// How the columns are found in other data, where a model is saved.
    pub inputs: Option<Inputs>,
    pub label_weights: Option<Vec<f64>>,
    pub rule: Rule,
    /// The files, and their rows.
    pub test: Option<(String, SampleSet)>,
    pub validate: Option<(String, SampleSet)>,
    pub notes: Vec<String>,
}

impl Input {
    /// All of it before the work: a fault in a file must not cost an answer.
    pub fn read(args: &FitArgs, loss: LossKind, penalized: bool, screen: &Screen) -> Result<Self, Halt> {
        let asked = Asked {
            data: &args.data,
            formula: args.formula.as_deref(),
            labels: args.labels.as_deref(),
            loss,
            penalized,
            reading: &args.reading,
            zero_based: args.zero_based,
            rows: &args.rows,
        };
        let mut labelled = load_labels::labelled(&asked, screen)?;
        let (intercept, mut notes) = (labelled.intercept, labelled.notes.clone());
        let given = &args.ranking;
        // Other files have all labels too.
        let labels = labelled.set.outputs(loss);
        let others =
            (args.test.is_some() || given.validate.is_some()).then(|| labelled.inputs()).transpose()?;
        labelled.set = labelled.set.drop_labels(&given.drop_label)?;
        let inputs = args.output.is_some().then(|| labelled.inputs()).transpose()?;
        let set = labelled.set;
        let weights = &given.label_weights;
        let label_weights = if weights.is_empty() { None } else { Some(set.label_weights(weights)?) };
        let rule = rule(given.threshold, loss, &set)?;
        let other = |file: &Option<String>| {
            let (Some(file), Some(inputs)) = (file, &others) else { return Ok(None) };
            let read = load_labels::for_model(file, inputs, &labels, &args.reading, screen);
            let read = read.and_then(|rows| rows.drop_labels(&given.drop_label));
            read.map(|rows| Some((file.clone(), rows))).map_err(|error| in_file(file, error))
        };
        let (test, validate) = (other(&args.test)?, other(&given.validate)?);
        notes.extend(told_weights(weights, screen));
        Ok(Self { set, intercept, inputs, label_weights, rule, test, validate, notes })
    }
}

/// Rows as a loss sees them: labels have their weights, and rows without a pair have none where they are left out.
pub struct Rows<'a> {
    samples: Samples<'a>,
    /// Absent where all rows count.
    pub weights: Option<Vec<f64>>,
    pub without: Option<WithoutPairs>,
}

impl<'a> Rows<'a> {
    pub fn new(
        set: &'a SampleSet,
        loss: LossKind,
        labels: Option<&'a [f64]>,
        divisor: Divisor,
    ) -> Result<Self> {
        let samples = set.samples(loss)?;
        let samples = match labels {
            Some(weights) => samples.with_label_weights(weights)?,
            None => samples,
        };
        let without = WithoutPairs::of(&samples, loss);
        let weights = match &without {
            Some(found) if divisor == Divisor::Usable => {
                Some(found.weights_without(&samples).ok_or_else(|| {
                    usage(
                        "no row has a pair of labels to rank".to_owned(),
                        "use `--loss zlpr`, which compares each label with 0".to_owned(),
                    )
                })?)
            }
            _ => None,
        };
        Ok(Self { samples, weights, without })
    }

    pub fn samples(&self) -> Samples<'_> {
        Samples { weights: self.weights.as_deref().or(self.samples.weights), ..self.samples }
    }
}

/// How labels are given: as asked for, or as is usual for the loss.
fn rule(asked: Option<Rule>, loss: LossKind, set: &SampleSet) -> Result<Rule> {
    let labels = set.label_names().len();
    match asked {
        Some(Rule::Top(count)) if count >= labels => Err(usage(
            format!(
                "`--threshold top-{count}` gives every row all of its {}",
                counted(labels as u64, "label")
            ),
            format!("give a number below {labels}"),
        )),
        Some(rule) => Ok(rule),
        None => Ok(Rule::usual(loss)),
    }
}

/// The usual penalty where the mean is over fewer rows than there are.
pub fn usual(
    loss: LossKind,
    samples: &Samples<'_>,
    given: Option<&[f64]>,
    notes: &mut Vec<String>,
    screen: &Screen,
) -> f64 {
    let usual = usual_penalty(loss, samples);
    let rows = if given.is_some() { "Σ weights of rows with a pair" } else { "rows with a pair" };
    notes.push(format!("penalty λ = 1/{rows} = {}", plain(usual)));
    screen.notes(notes.last());
    usual
}

fn told_weights(given: &[(String, f64)], screen: &Screen) -> Vec<String> {
    if given.is_empty() {
        return Vec::new();
    }
    let told: Vec<String> =
        given.iter().map(|(name, weight)| format!("`{name}` {}", plain(*weight))).collect();
    let note = format!("weights of labels: {}, others 1", told.join(", "));
    screen.note(&note);
    vec![note]
}
