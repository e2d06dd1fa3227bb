//! `surefit certify`: how far a model is from the best possible one, whoever fitted it.

use super::fit::{exit_of, proof, title};
use super::load::{self, Numbers};
use crate::args::{self, CertifyArgs, usage};
use crate::exit::Exit;
use crate::report::{self, FitReport};
use crate::screen::{Halt, Screen};
use crate::{json, render, watch};
use std::time::Instant;
use surefit::certificate::certify;
use surefit::data::Watched;
use surefit::data::encode::{EncodeOptions, Encoded, Purpose, Recipe};
use surefit::data::spool::Table;
use surefit::diagnosis::{Code, Diagnosis, penalty_conventions};
use surefit::fit::{self, Verdict};
use surefit::model::{Inputs, Model};
use surefit::{Coefficients, Error, Intercept, LossKind, Problem, Result, Ridge};

/// Runs the verb.
pub fn run(args: &CertifyArgs, screen: &Screen) -> Result<Exit, Halt> {
    let begun = Instant::now();
    args::one_standard_input(&args.model)?;
    if super::certify_tree::is_tree(&args.model) {
        refuse_flags_of_coefficients(args, "a tree certificate has its own problem")?;
        return super::certify_tree::run(args, begun, screen);
    }
    let of_file = !is_csv(args);
    let claim = if of_file {
        let model = saved(args)?;
        if model.problem.loss != LossKind::Squared {
            return super::certify_samples::of_model(args, model, begun, screen);
        }
        of_model(args, model, screen)?
    } else {
        match args.loss()? {
            LossKind::Squared if args.labels.is_none() => of_coefficients(args, screen)?,
            loss => return super::certify_samples::of_coefficients(args, loss, begun, screen),
        }
    };
    let Claim { table, recipe, problem, answer, formula, recorded, mut notes } = claim;
    let encoded = Encoded::with(&table, &recipe, Purpose::Evaluate)?;
    notes.extend(encoded.notes());
    screen.notes(&notes);
    let numbers = Numbers::of(encoded, false)?;
    let shape = surefit::data::Rows::shape(numbers.rows());
    let gap = args.gap.unwrap_or(1e-6);
    let rows = Watched::new(numbers.rows(), &watch::go_on);
    let certificate = certify(&rows, &problem, &answer, gap)?;
    let certified = certificate.certifies(gap);
    let convention = if certified { None } else { penalty_conventions(&rows, &problem, &answer, gap)? };
    let diagnosis = match (certified, &convention) {
        (false, None) => {
            let names = (recipe.names(), recipe.targets());
            let cause = fit::out_of_reach(numbers.rows(), &problem, names, &certificate, gap, &watch::go_on);
            match cause {
                // What is known of the answer stands without it.
                Err(Error::Interrupted) => None,
                cause => cause?.map(|cause| cause_of(cause, of_file)).or_else(|| recorded.map(of_the_fit)),
            }
        }
        _ => None,
    };
    let intercept = problem.intercept != Intercept::Absent;
    let report = FitReport {
        command: "certify",
        verdict: if certified { Verdict::Certified } else { Verdict::Uncertified },
        formula,
        loss: problem.loss.name(),
        penalty: problem.penalty.lambda,
        factors: report::factors(&problem),
        saved: of_file,
        wanted_gap: gap,
        model: Some(report::Model::named(&answer, recipe.names(), recipe.targets(), intercept)),
        certificate: Some(proof(&certificate)),
        scaled_unit: None,
        title: diagnosis.as_ref().map(|cause| title(cause.code)),
        diagnosis,
        exact: None,
        inference: None,
        effects: None,
        findings: convention.into_iter().collect(),
        minimum_norm: false,
        saturated: None,
        stop: None,
        steps: 0,
        forecast_steps: None,
        method: None,
        choice: None,
        test: None,
        samples: None,
        notes,
        seconds: begun.elapsed().as_secs_f64(),
        rows: shape.rows,
        columns: shape.columns,
    };
    screen.result(|width| render::fit(&report, width), || json::fit(&report))?;
    Ok(exit_of(report.verdict))
}

/// Someone's answer to a problem on some data.
struct Claim {
    table: Table,
    recipe: Recipe,
    problem: Problem,
    answer: Coefficients,
    formula: String,
    /// Why the fit of a saved model to these very rows was not certified.
    recorded: Option<Code>,
    notes: Vec<String>,
}

/// Coefficients are text and named so; anything else has to be a model file.
fn is_csv(args: &CertifyArgs) -> bool {
    args.formula.is_some() || args.model.extension().is_some_and(|kind| kind == "csv" || kind == "tsv")
}

/// A model file, and no flags of coefficients beside it.
fn saved(args: &CertifyArgs) -> Result<Model> {
    refuse_flags_of_coefficients(args, "a saved model has its own")?;
    let model = Model::load(&args.model)?;
    if model.mix.is_some() {
        return Err(usage(
            format!(
                "{} is a mix, which is proven by a search through choices of inputs",
                args.model.display()
            ),
            "run `surefit mix` with the same flags: it proves its mix again, and writes the proof to the FILE of \
             `--tree-certificate FILE`, for `surefit certify FILE DATA`"
                .to_owned(),
        ));
    }
    match args.rows.missing {
        Some(missing) => model.with_missing(load::missing(missing)),
        None => Ok(model),
    }
}

/// Flags that say what coefficients are for, beside a file that says so itself.
fn refuse_flags_of_coefficients(args: &CertifyArgs, why: &str) -> Result<()> {
    let given = [
        ("--labels", args.labels.is_some()),
        ("--loss", args.loss.is_some()),
        ("--margin", args.margin.is_some()),
        ("--delta", args.delta.is_some()),
        ("--zero-based", args.zero_based),
        ("--penalty", args.penalty.is_some()),
        ("--penalize-intercept", args.penalize_intercept),
        ("--weights", args.rows.weights.is_some()),
    ];
    if let Some((flag, _)) = given.iter().find(|(_, given)| *given) {
        return Err(usage(
            format!("`{flag}` is for a CSV file of coefficients; {why}"),
            format!("leave out `{flag}`"),
        ));
    }
    Ok(())
}

/// The cause as it is told of an answer: the formula of a saved model is what it is.
fn cause_of(mut cause: Diagnosis, saved: bool) -> Diagnosis {
    if saved && cause.code == Code::Sf201 {
        cause.remedies.clear();
        let units = "fit the target in units that bring it nearer to 1, and certify that model";
        cause.reasons.push(units.to_owned());
    }
    cause
}

/// The cause that the fit of a saved model named.
fn of_the_fit(code: Code) -> Diagnosis {
    Diagnosis {
        code,
        message: format!("the fit that made this model was not certified for this cause: {}", title(code)),
        reasons: vec![
            "`surefit fit` with the same loss finds the best answer, `--gap ε` allows a larger gap"
                .to_owned(),
        ],
        evidence: serde_json::Map::new(),
        also: Vec::new(),
        remedies: Vec::new(),
        exact: None,
    }
}

/// Whether a certificate is for the data that a model was fitted to.
pub fn whose_data(same: bool) -> String {
    if same {
        "the data are those of the fit".to_owned()
    } else {
        "the data are not those of the fit: the certificate is for these".to_owned()
    }
}

fn of_model(args: &CertifyArgs, model: Model, screen: &Screen) -> Result<Claim> {
    let Inputs::Table(recipe) = model.inputs.clone() else {
        return Err(Error::Internal("a model of least squares without a recipe".to_owned()));
    };
    let table = load::by_recipe(&args.data, &recipe, Purpose::Evaluate, &args.reading, screen)?;
    let same = table.fingerprint() == model.data.digest;
    let notes = vec![whose_data(same)];
    let Model { problem, coefficients: answer, formula, code, .. } = model;
    let recorded = code.filter(|_| same);
    Ok(Claim { table, recipe: *recipe, problem, answer, formula, recorded, notes })
}

fn of_coefficients(args: &CertifyArgs, screen: &Screen) -> Result<Claim> {
    let Some(formula) = &args.formula else {
        return Err(usage(
            "coefficients in a CSV file need a formula that says what they are for".to_owned(),
            "add it: `surefit certify COEFFICIENTS.csv DATA 'y ~ a + b'`".to_owned(),
        ));
    };
    if Model::load(&args.model).is_ok() {
        return Err(usage(
            format!("{} is a saved model, which has a formula of its own", args.model.display()),
            format!("leave out `{formula}`"),
        ));
    }
    let lambda = args.penalty.unwrap_or(0.0);
    if args.penalize_intercept && lambda == 0.0 {
        return Err(args::needs_penalty("--penalize-intercept"));
    }
    // Before the data are read, which can take long.
    load::open_coefficients(&args.model)?;
    let options = EncodeOptions {
        missing: args.rows.missing.map(load::missing).unwrap_or_default(),
        drop_reference: lambda == 0.0,
        class_target: false,
    };
    let weights = args.rows.weights.as_deref();
    let loaded = load::by_formula(&args.data, formula, weights, &args.reading, options, screen)?;
    let load::Loaded { table, recipe, notes } = loaded;
    let answer = load::coefficients(&args.model, recipe.names(), recipe.targets(), recipe.intercept())?;
    let intercept = match (recipe.intercept(), args.penalize_intercept) {
        (false, _) => Intercept::Absent,
        (true, false) => Intercept::Free,
        (true, true) => Intercept::Penalized,
    };
    let problem = Problem { loss: LossKind::Squared, penalty: Ridge::uniform(lambda), intercept };
    Ok(Claim { table, recipe, problem, answer, formula: formula.clone(), recorded: None, notes })
}
