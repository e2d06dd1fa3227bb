//! The whole way through the house, once: problem → solver → certificate → diagnosis.
//!
//! [`fit`] is what the command line and the Python package call. It never judges its own answer: the
//! certificate comes from [`crate::certificate`], and when that does not reach the wanted gap the cause is
//! named by [`crate::diagnosis`].

mod centred;
mod path;
mod samples;
mod scaled;
mod trial;
mod unbounded;

pub use path::{By, Choose, PathPoint, PathProgress, SamplePath, fit_path};
pub use samples::{
    Method, Progress, SampleFit, SampleSettings, Start, check_method, check_penalty, choose_method,
    dual_point, fit_from, fit_samples, intercept, usual_gap, usual_penalty,
};

pub use scaled::{fit_scaled, path_scaled};

use crate::certificate::{Certificate, certify};
use crate::data::scale::{Scale, Scaled, Scaling};
use crate::data::{DataError, Rows, Watched};
use crate::diagnosis::forecast::{Forecast, Spectrum};
use crate::diagnosis::{self, Checkup, Code, Context, Diagnosis, Facts, Finding, Powers, Quality};
use crate::error::{Error, Result};
use crate::inference::{self, Inference, WeightType};
use crate::oracle::Local;
use crate::problem::{Intercept, Problem, Ridge};
use crate::solver::exact::{self, ExactFit};
use crate::solver::gradient_descent::{self, Descent, Step};
use crate::solver::ridge_path::{RidgePath, ridge_path};
use crate::solver::{Candidate, Stop};

/// Which algorithm finds the answer.
#[derive(Clone, Debug, Default)]
pub enum Solver {
    /// A direct method, chosen by the digits that the data ask for.
    #[default]
    Exact,
    /// Gradient descent as people write it.
    GradientDescent(gradient_descent::Settings),
}

/// How to fit.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The algorithm.
    pub solver: Solver,
    /// The wanted relative gap ε.
    pub gap: f64,
    /// The units of the columns in which penalty, start, learning rate, tolerance and trace are.
    pub scale: Scale,
    /// Whether the targets are scaled in the same way.
    pub scale_target: bool,
    /// What a row weight of 2 means.
    pub weight_type: WeightType,
    /// Penalties to choose from by exact leave-one-out error, instead of the problem's λ.
    pub penalties: Option<Vec<f64>>,
    /// The names of the design's columns, for diagnoses.
    pub columns: Vec<String>,
    /// The names of the targets.
    pub targets: Vec<String>,
    /// The rows of the data that are not among those in use, from 0, ascending: findings then number rows as the
    /// data do.
    pub left_out: Vec<usize>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            solver: Solver::Exact,
            gap: 1e-6,
            scale: Scale::None,
            scale_target: false,
            weight_type: WeightType::Frequency,
            penalties: None,
            columns: Vec::new(),
            targets: Vec::new(),
            left_out: Vec::new(),
        }
    }
}

/// What happens while a fit runs; each answer false ends it with the best answer so far.
pub struct Watch<'a> {
    /// Asked between blocks of rows until there is an answer.
    pub go_on: &'a (dyn Fn() -> bool + Sync),
    /// Asked between blocks of rows while the answer is certified and explained; false leaves its gap unknown, or its
    /// cause unnamed.
    pub prove_on: &'a (dyn Fn() -> bool + Sync),
    /// Asked after one of the others said no: was it the time, or an interrupt?
    pub why: &'a dyn Fn() -> Stop,
    /// Told before gradient descent starts how it will end.
    pub forecast: &'a dyn Fn(&Forecast),
    /// Asked at every step of gradient descent.
    pub step: &'a dyn Fn(Step) -> bool,
}

impl Watch<'_> {
    /// Looks on in silence.
    pub const SILENT: Watch<'static> = Watch {
        go_on: &|| true,
        prove_on: &|| true,
        why: &|| Stop::Interrupted,
        forecast: &|_| {},
        step: &|_| true,
    };
}

/// How a fit ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// The gap is within the wanted one.
    Certified,
    /// An answer, but its gap is larger; the diagnosis names the cause.
    Uncertified,
    /// No usable answer; the diagnosis names the cause.
    Failed,
}

/// An answer, what is known of it, and what went wrong.
#[derive(Clone, Debug)]
pub struct Fit {
    /// How it ended.
    pub verdict: Verdict,
    /// The answer in the user's units; not usable when failed.
    pub candidate: Candidate,
    /// The problem that it answers, in the user's units: λ as chosen, scales as factors of the penalty.
    pub problem: Problem,
    /// How far the answer is from the best one; absent when its computation was interrupted, and then nothing is known
    /// of the gap.
    pub certificate: Option<Certificate>,
    /// What one unit of the squared target is worth in the units of `--scale-target`: divide the
    /// certificate's objective by it to have it in those. 1 when they do not differ, and for several targets.
    pub objective_unit: f64,
    /// The exact answer and what its computation knows of the data.
    pub exact: ExactFit,
    /// The run of gradient descent, and how it was forecast to go.
    pub descent: Option<(Descent, Option<Forecast>)>,
    /// All penalties with their leave-one-out errors.
    pub path: Option<RidgePath>,
    /// The named cause, when the answer is not certified.
    pub diagnosis: Option<Diagnosis>,
    /// Things worth knowing although the answer stands.
    pub findings: Vec<Finding>,
    /// For ordinary least squares.
    pub inference: Option<Inference>,
}

/// Fits `problem` to `rows`, certifies the answer and diagnoses what keeps it from being certified.
///
/// The penalty is on the coefficients in the units of `settings.scale`; the coefficients handed back are in
/// the user's own.
///
/// # Errors
/// Settings that make no sense together, rows that can no longer be read, numbers outside the range of
/// `f64`, or an interruption before there was any answer.
pub fn fit(rows: &dyn Rows, problem: &Problem, settings: &Settings, watch: &Watch<'_>) -> Result<Fit> {
    check(problem, settings)?;
    let proving = Watched::new(rows, watch.prove_on);
    let rows: &dyn Rows = &Watched::new(rows, watch.go_on);
    let scaling = scaling(rows, settings)?;
    let (path, scaled) = choose(rows, problem, settings, &scaling, watch)?;
    let problem = in_user_units(&scaled, &scaling);
    exact::check_penalty(&problem, rows.shape().columns, &settings.columns)?;
    let exact = exact::solve(rows, &problem, watch.go_on)?;
    // What the exact solver saw on its way is enough where descent is not asked for.
    let facts = match &settings.solver {
        Solver::Exact => None,
        Solver::GradientDescent(_) => Some(Facts::of(rows, &settings.columns, &settings.targets)?),
    };
    let descent = match (&settings.solver, &facts) {
        (Solver::GradientDescent(choices), Some(facts)) => {
            // Where descent cannot come, the exact answer tells what there would be to gain.
            let best = || -> Result<f64> {
                // Its objective alone: any gap will do, so that one walk is enough.
                let found = certify(rows, &problem, &exact.candidate.coefficients, f64::INFINITY)?;
                Ok(found.objective() / objective_unit(&scaling, settings))
            };
            Some(descend(rows, (&scaled, &scaling), facts, settings, choices, &best, watch)?)
        }
        _ => None,
    };
    let mut candidate = match &descent {
        None => exact.candidate.clone(),
        Some((descent, _)) => folded_back(&descent.candidate, &scaling),
    };
    let certificate = match certify(&proving, &problem, &candidate.coefficients, settings.gap) {
        Err(Error::Interrupted) => None,
        proof => Some(proof?),
    };
    if certificate.is_none() {
        candidate.stop = (watch.why)();
    }
    let verdict = verdict(certificate.as_ref(), descent.as_ref().map(|(run, _)| run), settings.gap);
    let mut fit = Fit {
        verdict,
        candidate,
        objective_unit: objective_unit(&scaling, settings),
        certificate,
        exact,
        descent,
        path,
        diagnosis: None,
        findings: Vec::new(),
        inference: None,
        problem,
    };
    if fit.descent.is_none() {
        fit.inference = inference::summary(&fit.exact, settings.weight_type);
    }
    fit.findings = diagnosis::columns(&settings.columns, &fit.problem, &fit.exact);
    match explain(&proving, facts, &scaled, settings, watch, &mut fit) {
        // The answer stands, and what is known of it.
        Err(Error::Interrupted) => {}
        done => done?,
    }
    Ok(fit)
}

/// What is worth knowing of an answer, and why it is not certified if it is not.
fn explain(
    rows: &dyn Rows,
    facts: Option<Facts>,
    scaled: &Problem,
    settings: &Settings,
    watch: &Watch<'_>,
    fit: &mut Fit,
) -> Result<()> {
    let Some(certificate) = fit.certificate.clone() else { return Ok(()) };
    let looked_at = diagnosis::worth_a_look(rows.shape(), &fit.exact);
    // Certified although the gap is above the wanted one: that is how far its numbers go.
    let excused = fit.verdict == Verdict::Certified
        && certificate.relative_gap() > settings.gap
        && !certificate.is_exact_fit();
    let facts = match facts {
        None if fit.verdict != Verdict::Certified || looked_at || excused => {
            Some(Facts::of(rows, &settings.columns, &settings.targets)?)
        }
        known => known,
    };
    if let Some(facts) = &facts {
        fit.findings.extend(diagnosis::beside_a_fit(
            rows,
            facts,
            &fit.problem,
            &fit.exact,
            &settings.left_out,
        )?);
        // The residuals of an exact fit are rounding, and which row holds most of that says nothing.
        if certificate.relative_gap() > settings.gap {
            fit.findings.retain(|finding| finding.code != Code::Sf207);
        }
        fit.diagnosis = name_the_cause(rows, facts, scaled, settings, (fit, &certificate), watch)?;
        if excused {
            let meets = |proof: &Certificate| proof.relative_gap() <= settings.gap;
            let better = centred::tried(rows, &fit.problem, facts, settings.gap, meets)?;
            let told = |powers: Powers| powers.rounded_away(facts, &certificate, settings.gap);
            fit.findings.extend(better.map(told));
        }
    }
    Ok(())
}

/// The scaling that the settings ask for; a column that has none is named.
fn scaling(rows: &dyn Rows, settings: &Settings) -> Result<Scaling> {
    Scaling::new(settings.scale, settings.scale_target, rows).map_err(|error| match error {
        Error::Data(DataError::NoScale { column, columns, least, most, .. }) => {
            let mut names = settings.columns.iter().chain(&settings.targets);
            let name = names.nth(column - 1).cloned();
            DataError::NoScale { column, columns, name, least, most }.into()
        }
        error => error,
    })
}

/// What would go wrong, before fitting: facts of the data that spoil [`fit()`] or its reading, and with gradient
/// descent the cause for which it will not end certified. `problem` and `settings` are as for [`fit()`], with one
/// penalty; findings are in the order of their codes.
///
/// # Errors
/// As [`fit()`].
pub fn lint(
    rows: &dyn Rows,
    problem: &Problem,
    settings: &Settings,
    go_on: &(dyn Fn() -> bool + Sync),
) -> Result<Vec<Finding>> {
    check(problem, settings)?;
    let rows: &dyn Rows = &Watched::new(rows, go_on);
    let scaling = scaling(rows, settings)?;
    let own = in_user_units(problem, &scaling);
    exact::check_penalty(&own, rows.shape().columns, &settings.columns)?;
    let exact = exact::solve(rows, &own, go_on)?;
    let facts = Facts::of(rows, &settings.columns, &settings.targets)?;
    let checkup = Checkup {
        facts: &facts,
        problem: &own,
        scaled: problem,
        scale: settings.scale,
        scale_target: settings.scale_target,
        exact: &exact,
        settings: match &settings.solver {
            Solver::GradientDescent(choices) => Some(choices),
            Solver::Exact => None,
        },
        target: settings.gap,
        left_out: &settings.left_out,
    };
    let mut findings = diagnosis::lint(rows, &checkup)?;
    for finding in &mut findings {
        trial::keep_what_holds(rows, problem, settings, go_on, &mut finding.remedies)?;
    }
    Ok(findings)
}

/// The cause for which no answer of the problem is certified to within `gap`; none where one is, so that the answer with
/// the certificate `own` is simply not the best.
///
/// # Errors
/// As [`fit()`].
pub fn out_of_reach(
    rows: &dyn Rows,
    problem: &Problem,
    (columns, targets): (&[String], &[String]),
    own: &Certificate,
    gap: f64,
    go_on: &(dyn Fn() -> bool + Sync),
) -> Result<Option<Diagnosis>> {
    let rows: &dyn Rows = &Watched::new(rows, go_on);
    let exact = match exact::solve(rows, problem, go_on) {
        // There is no best answer to compare with.
        Err(Error::Data(_)) => return Ok(None),
        exact => exact?,
    };
    let best = certify(rows, problem, &exact.candidate.coefficients, gap)?;
    if best.certifies(gap) {
        return Ok(None);
    }
    let facts = Facts::of(rows, columns, targets)?;
    Ok(diagnosis::unproven(&facts, &exact, &best, gap).map(|cause| cause.of_answer(own)))
}

/// Refuses settings that contradict each other.
fn check(problem: &Problem, settings: &Settings) -> Result<()> {
    problem.loss.require_squared("a fit")?;
    let usage = |what: &str, hint: &str| Err(Error::Usage { what: what.to_owned(), hint: hint.to_owned() });
    check_scale(settings.scale, problem.intercept)?;
    if settings.penalties.is_some() && matches!(settings.solver, Solver::GradientDescent(_)) {
        return usage(
            "a range of penalties is chosen from by the exact solver, and gradient descent was asked for",
            "give one penalty, or leave out `--solver gd`",
        );
    }
    Ok(())
}

/// Refuses a scale beside an intercept that it would change.
///
/// # Errors
/// [`Error::Usage`] with the two and the way out.
pub fn check_scale(scale: Scale, intercept: Intercept) -> Result<()> {
    let usage = |what: &str, hint: &str| Err(Error::Usage { what: what.to_owned(), hint: hint.to_owned() });
    match (scale, intercept) {
        (Scale::None, _) | (_, Intercept::Free) => Ok(()),
        (_, Intercept::Absent) => usage(
            "a scale that subtracts something from the columns makes an intercept, and the formula asks for none",
            "leave out `- 1`, or use `--scale none`",
        ),
        (_, Intercept::Penalized) => usage(
            "a penalised intercept means something else after the columns are shifted",
            "leave out `--penalize-intercept`, or use `--scale none`",
        ),
    }
}

/// The problem in scaled units with its λ settled, and the path that settled it.
fn choose(
    rows: &dyn Rows,
    problem: &Problem,
    settings: &Settings,
    scaling: &Scaling,
    watch: &Watch<'_>,
) -> Result<(Option<RidgePath>, Problem)> {
    let Some(penalties) = &settings.penalties else { return Ok((None, problem.clone())) };
    let path =
        ridge_path(rows, &in_user_units(problem, scaling), (penalties, settings.weight_type), watch.go_on)?;
    let lambda = path.penalties[path.best];
    let penalty = Ridge { lambda, factors: problem.penalty.factors.clone() };
    Ok((Some(path), Problem { penalty, ..problem.clone() }))
}

/// The same problem in the user's units: a penalty λ on a column divided by s is λ·s² on the column itself.
fn in_user_units(problem: &Problem, scaling: &Scaling) -> Problem {
    if scaling.is_identity() {
        return problem.clone();
    }
    let squares = scaling.penalty_factors();
    let factors = match &problem.penalty.factors {
        None => squares,
        Some(factors) => factors.iter().zip(&squares).map(|(factor, square)| factor * square).collect(),
    };
    Problem { penalty: Ridge { lambda: problem.penalty.lambda, factors: Some(factors) }, ..problem.clone() }
}

/// Runs gradient descent in the units of the scale, after forecasting it.
fn descend(
    rows: &dyn Rows,
    (problem, scaling): (&Problem, &Scaling),
    facts: &Facts,
    settings: &Settings,
    choices: &gradient_descent::Settings,
    best: &dyn Fn() -> Result<f64>,
    watch: &Watch<'_>,
) -> Result<(Descent, Option<Forecast>)> {
    let moments = facts.in_units(settings.scale, settings.scale_target);
    let spectrum = match Spectrum::of(&moments, problem, choices.start.as_deref()) {
        // Of several targets in units of their own no one number is the unit.
        Some(spectrum) if spectrum.has_flat() && (!settings.scale_target || moments.shape.outputs == 1) => {
            Some(spectrum.with_optimum(best()?))
        }
        steep => steep,
    };
    let forecast = spectrum
        .map(|spectrum| spectrum.forecast(choices.learning_rate, choices.tolerance, choices.max_iter));
    if let Some(forecast) = &forecast {
        (watch.forecast)(forecast);
    }
    let scaled = Scaled::new(rows, scaling);
    let rows: &dyn Rows = if scaling.is_identity() { rows } else { &scaled };
    let mut oracle = Local::new(rows, problem.loss)?;
    let mut descent = gradient_descent::descend(&mut oracle, problem, choices, watch.step)?;
    if descent.candidate.stop == Stop::Interrupted {
        descent.candidate.stop = (watch.why)();
    }
    descent.trace.name_parameters(&settings.columns, &settings.targets);
    Ok((descent, forecast))
}

/// An answer in scaled units, in the user's.
fn folded_back(candidate: &Candidate, scaling: &Scaling) -> Candidate {
    let coefficients = scaling.fold_back(&candidate.coefficients);
    Candidate { coefficients, ..candidate.clone() }
}

/// A run that ends above its start, or not in a number, has no usable answer.
fn verdict(certificate: Option<&Certificate>, descent: Option<&Descent>, gap: f64) -> Verdict {
    // A start at the optimum stays there but for rounding, which is no climb.
    let climbed = |run: &Descent| run.final_loss > run.first_loss * (1.0 + 1e-12);
    let diverged = descent.is_some_and(|run| run.candidate.stop == Stop::Diverged || climbed(run));
    if diverged {
        Verdict::Failed
    } else if certificate.is_some_and(|proof| proof.certifies(gap)) {
        Verdict::Certified
    } else {
        Verdict::Uncertified
    }
}

/// See [`Fit::objective_unit`].
fn objective_unit(scaling: &Scaling, settings: &Settings) -> f64 {
    match scaling.target_factor.as_slice() {
        [factor] if settings.scale_target => factor * factor,
        _ => 1.0,
    }
}

/// Why the answer did not reach the wanted gap.
fn name_the_cause(
    rows: &dyn Rows,
    facts: &Facts,
    problem: &Problem,
    settings: &Settings,
    (fit, certificate): (&Fit, &Certificate),
    watch: &Watch<'_>,
) -> Result<Option<Diagnosis>> {
    if fit.verdict == Verdict::Certified {
        return Ok(None);
    }
    let (Solver::GradientDescent(choices), Some((descent, _))) = (&settings.solver, &fit.descent) else {
        return no_proof(rows, facts, (&fit.problem, &fit.exact), certificate, settings.gap);
    };
    let exact = &fit.exact.candidate.coefficients;
    let best = certify(rows, &fit.problem, exact, settings.gap)?;
    if !best.gap().is_finite() {
        // Without any bound there is no distance to the best answer to explain.
        return no_proof(rows, facts, (&fit.problem, &fit.exact), &best, settings.gap);
    }
    let cause = diagnosis::diagnose(&Context {
        facts,
        problem,
        scale: settings.scale,
        scale_target: settings.scale_target,
        settings: choices,
        target: settings.gap,
        descent: Some(descent),
        quality: Some(Quality::from(certificate)),
        exact: Some(exact),
        best: Some(Quality::from(&best)),
    });
    let Some(mut cause) = cause else {
        // What keeps the exact answer from being certified keeps descent from it too.
        return no_proof(rows, facts, (&fit.problem, &fit.exact), &best, settings.gap);
    };
    trial::keep_what_holds(rows, problem, settings, watch.prove_on, &mut cause.remedies)?;
    Ok(Some(cause))
}

/// The cause for which an exact answer with this certificate is not certified, with the ways out that hold.
fn no_proof(
    rows: &dyn Rows,
    facts: &Facts,
    (problem, exact): (&Problem, &ExactFit),
    certificate: &Certificate,
    gap: f64,
) -> Result<Option<Diagnosis>> {
    let mut cause = diagnosis::unproven(facts, exact, certificate, gap);
    if let Some(cause) = cause.as_mut().filter(|cause| cause.code == Code::Sf106) {
        let better = centred::tried(rows, problem, facts, gap, |proof| proof.certifies(gap))?;
        cause.remedies.splice(0..0, better.map(|powers| powers.about_the_centre(facts)));
    }
    Ok(cause)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::data::Design;
    use crate::problem::{Coefficients, LossKind};
    use faer::Mat;

    #[test]
    fn what_can_only_do_the_squared_loss_refuses_every_other_one_by_its_name() {
        let rows = Design {
            x: Mat::from_fn(3, 1, |i, _| i as f64),
            y: Mat::from_fn(3, 1, |i, _| (i % 2) as f64),
            x_low: None,
            weights: None,
        };
        let huber = LossKind::Huber { delta: 1.0 };
        for loss in [huber, LossKind::Hinge { margin: 1.0 }, LossKind::OvrLogistic, LossKind::Softmax] {
            let problem = Problem { loss, penalty: Ridge::uniform(0.5), intercept: Intercept::Free };
            let zeros = Coefficients { weights: Mat::zeros(1, 1), intercept: vec![0.0] };
            let refusals = [
                fit(&rows, &problem, &Settings::default(), &Watch::SILENT).map(drop),
                lint(&rows, &problem, &Settings::default(), &|| true).map(drop),
                exact::solve(&rows, &problem, &|| true).map(drop),
                ridge_path(&rows, &problem, (&[0.1], WeightType::Frequency), &|| true).map(drop),
                certify(&rows, &problem, &zeros, 1e-6).map(drop),
            ];
            for refusal in refusals {
                let said = refusal.unwrap_err().to_string();
                assert!(
                    said.ends_with(&format!("for the squared loss, and the loss is {}", loss.name())),
                    "{said}"
                );
            }
            // Descent itself follows any loss of numbers.
            assert_eq!(Local::new(&rows, loss).is_ok(), loss == huber);
        }
    }
}
