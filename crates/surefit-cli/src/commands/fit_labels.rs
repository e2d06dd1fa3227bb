//! `surefit fit` of rankings: rows with sets of labels, from an ARFF file.

use super::fit::exit_of;
use super::fit_samples::{
    Found, chosen, in_file, intercept_of, lambda, method_in_words, name_places, report, searched, settings,
    watched,
};
use super::load;
use crate::args::{Compare, Divisor, FitArgs, Wish, usage};
use crate::exit::Exit;
use crate::numbers::{counted, plain};
use crate::report::{Choice, Measured, Measures, Ranked};
use crate::screen::{Halt, Screen};
use crate::{json, render};
use faer::{Mat, MatRef};
use std::time::Instant;
use surefit::data::read::LabelChoice;
use surefit::data::{LabelRows, SampleSet, Samples};
use surefit::diagnosis::{Code, Unbounded, WithoutPairs};
use surefit::fit::{By, Choose, SampleFit, SampleSettings, Verdict, usual_penalty};
use surefit::metrics::ranking::{Ranking, SetAccuracy};
use surefit::metrics::threshold::{Rule, Threshold};
use surefit::oracle::Pass;
use surefit::{Coefficients, Error, LossKind, Problem, Result, Ridge};

/// Labels of more than this share of the rows are given by their frequency alone.
const HALF: f64 = 0.5;

/// Runs the verb.
pub fn run(args: &FitArgs, loss: LossKind, screen: &Screen) -> Result<Exit, Halt> {
    if let Some(hidden) = args.ranking.hidden {
        return super::fit_network::run(args, loss, hidden, screen);
    }
    let begun = Instant::now();
    let (method, wish) = args.check_ranking(loss)?;
    let Input { set, label_weights, rule, test, validate, mut notes } = Input::read(args, loss, screen)?;
    let label_weights = label_weights.as_deref();
    let mut fitted = Rows::new(&set, loss, label_weights, args.ranking.divisor)?;
    let (without, samples) = (fitted.without.take(), fitted.samples());
    let intercept = intercept_of(true, args.shrinkage.penalize_intercept)?;
    let settings = settings(args, method, loss, begun);
    let problem = |lambda| Problem { loss, penalty: Ridge::uniform(lambda), intercept };
    let (problem, mut fit, choice) = match &wish {
        Wish::One(given) => {
            let lambda = match given {
                None if fitted.weights.is_some() => usual(loss, &samples, &mut notes, screen),
                given => lambda(*given, loss, &set, &mut notes, screen)?,
            };
            let problem = problem(lambda);
            let fit = watched(&samples, &problem, &settings, screen)?;
            (problem, fit, None)
        }
        Wish::Path(penalties, compare) => {
            let held = if *compare == Compare::Validate { &validate } else { &test };
            let by = args.measure().map_or(By::Loss, |measure| By::Measure(measure, rule));
            let search = Search { penalties, compare: *compare, by, settings: &settings };
            let held = held.as_ref().map(|(file, held)| {
                Rows::new(held, loss, label_weights, args.ranking.divisor).map(|rows| (file.as_str(), rows))
            });
            let (fit, choice) = search.run(&samples, &problem(0.0), held.transpose()?.as_ref(), screen)?;
            (problem(choice.lambda), fit, Some(choice))
        }
    };
    name_places(&mut fit, &set);
    let mut report = report("fit", "", &set, &problem, settings.gap, &Found::of(&fit))?;
    report.stop = Some(fit.candidate.stop);
    report.steps = fit.candidate.steps as u64;
    report.method = Some(method_in_words(&fit));
    report.notes = notes;
    report.choice = choice;
    let name = |k: usize| set.label_names().get(k).map(|name| format!("`{name}`")).unwrap_or_default();
    let is_told = fit.diagnosis.as_ref().is_some_and(|cause| cause.code == Code::Sf208);
    let unbounded = Unbounded::of(&samples, loss, problem.intercept).filter(|_| !is_told);
    report.findings.extend(unbounded.map(|found| found.finding(&name)));
    let (left_out, lambda) = (fitted.weights.is_some(), problem.penalty.lambda);
    report.findings.extend(without.map(|found| found.finding(left_out, lambda)));
    if fit.verdict != Verdict::Failed {
        let test = test.as_ref().map(|(file, test)| (file.as_str(), test));
        let answer = &fit.candidate.coefficients;
        let ranked = measure(&|set| scores(set, loss, answer), rule, &set, test)?;
        if let Some(facts) = &mut report.samples {
            facts.ranking = Some(ranked);
        }
    }
    report.seconds = begun.elapsed().as_secs_f64();
    screen.result(|width| render::fit(&report, width), || json::fit(&report))?;
    Ok(exit_of(report.verdict))
}

/// What is read of a ranking.
pub struct Input {
    pub set: SampleSet,
    pub label_weights: Option<Vec<f64>>,
    pub rule: Rule,
    /// The files, and their rows.
    pub test: Option<(String, SampleSet)>,
    pub validate: Option<(String, SampleSet)>,
    pub notes: Vec<String>,
}

impl Input {
    /// All of it before the work: a fault in a file must not cost an answer.
    pub fn read(args: &FitArgs, loss: LossKind, screen: &Screen) -> Result<Self, Halt> {
        let choice = LabelChoice::parse(args.labels.as_deref().unwrap_or_default())?;
        let read = |file: &str| load::labelled(file, &choice, screen)?.drop_labels(&args.ranking.drop_label);
        let set = read(&args.data)?;
        let given = &args.ranking.label_weights;
        let label_weights = if given.is_empty() { None } else { Some(set.label_weights(given)?) };
        let rule = rule(args.ranking.threshold, loss, &set)?;
        let other = |file: &Option<String>| {
            let read = |file: &String| {
                let other = read(file).and_then(|other| set.check_same_names(&other, loss).map(|()| other));
                other.map(|other| (file.clone(), other)).map_err(|error| in_file(file, error))
            };
            file.as_ref().map(read).transpose()
        };
        let (test, validate) = (other(&args.test)?, other(&args.ranking.validate)?);
        let notes = told_weights(given, screen);
        Ok(Self { set, label_weights, rule, test, validate, notes })
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
pub fn usual(loss: LossKind, samples: &Samples<'_>, notes: &mut Vec<String>, screen: &Screen) -> f64 {
    let usual = usual_penalty(loss, samples);
    notes.push(format!("penalty λ = 1/rows with a pair = {}", plain(usual)));
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

/// Penalties to choose from.
struct Search<'s> {
    penalties: &'s [f64],
    compare: Compare,
    by: By,
    settings: &'s SampleSettings,
}

impl Search<'_> {
    fn run(
        &self,
        samples: &Samples<'_>,
        problem: &Problem,
        held: Option<&(&str, Rows<'_>)>,
        screen: &Screen,
    ) -> Result<(SampleFit, Choice), Halt> {
        let choose = match (self.compare, held) {
            (Compare::Folds(count), _) => Choose::Folds(count),
            (_, Some((_, held))) => Choose::Held(held.samples()),
            (_, None) => return Err(Error::Internal("no rows to choose by".to_owned()).into()),
        };
        let path = searched(samples, problem, self.penalties, (choose, self.by), self.settings, screen)?;
        let file = held.map(|(file, _)| *file);
        let choice = chosen(&path, self.penalties, self.compare, self.by.measure(), file);
        Ok((path.fit, choice))
    }
}

/// Measures the scores of an answer on the rows of the fit and those of `--test`.
pub fn measure(
    scores: &dyn Fn(&SampleSet) -> Result<Mat<f64>>,
    rule: Rule,
    set: &SampleSet,
    test: Option<(&str, &SampleSet)>,
) -> Result<Ranked> {
    let (of, truth) = (scores, labels_of(set)?);
    let scores = of(set)?;
    let threshold = rule.fit(scores.as_ref(), truth)?;
    let shares = frequencies(truth);
    let measured = |scores: MatRef<'_, f64>, truth: LabelRows<'_>| {
        let by_frequency = Mat::from_fn(truth.rows(), shares.len(), |_, k| shares[k]);
        let half = Threshold::Constant(HALF);
        Measured {
            answer: measures(scores, &threshold, truth),
            frequencies: measures(by_frequency.as_ref(), &half, truth),
        }
    };
    let rows = measured(scores.as_ref(), truth);
    let test = match test {
        Some((file, test)) => {
            let scores = of(test)?;
            Some((file.to_owned(), measured(scores.as_ref(), labels_of(test)?)))
        }
        None => None,
    };
    Ok(Ranked { threshold, rows, test, network: None })
}

fn labels_of(set: &SampleSet) -> Result<LabelRows<'_>> {
    set.labels().ok_or_else(|| Error::Internal("rows of an ARFF file have no labels".to_owned()))
}

/// n × c.
fn scores(set: &SampleSet, loss: LossKind, answer: &Coefficients) -> Result<Mat<f64>> {
    let mut pass = Pass::new(set.samples(loss)?, loss)?;
    pass.score(answer);
    Ok(pass.scores().to_owned())
}

/// The share of the rows that have each label.
fn frequencies(labels: LabelRows<'_>) -> Vec<f64> {
    let rows = labels.rows();
    let share = |k| (0..rows).filter(|&i| labels.has(i, k)).count() as f64 / rows as f64;
    (0..labels.labels()).map(share).collect()
}

fn measures(scores: MatRef<'_, f64>, threshold: &Threshold, truth: LabelRows<'_>) -> Measures {
    let sets = threshold.sets(scores);
    Measures { ranking: Ranking::of(scores, truth), sets: SetAccuracy::of(sets.view(), truth) }
}
