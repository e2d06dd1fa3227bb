//! `surefit certify` for another loss than the squared one. A gap needs a point of the dual: the gradient at the given
//! coefficients is one, which for losses with kinks proves little; then the same problem is fitted, and the dual point
//! of that answer bounds the gap of theirs.

use super::fit::exit_of;
use super::fit_labels;
use super::fit_samples::{self, Found};
use super::load::{self, Asked, LoadedSamples, Sourced};
use super::load_labels::{self, Labelled};
use crate::args::{self, CertifyArgs, Reads};
use crate::exit::Exit;
use crate::numbers::rough;
use crate::screen::{Halt, Screen};
use crate::{json, render};
use std::time::Instant;
use surefit::certificate::{Certificate, certify_samples};
use surefit::data::{SampleSet, Samples};
use surefit::diagnosis::{Finding, Unbounded, WithoutPairs};
use surefit::fit::{Method, SampleSettings, Verdict, dual_point, usual_gap};
use surefit::metrics::threshold::Threshold;
use surefit::model::Model;
use surefit::{Coefficients, LossKind, Problem, Result, Ridge};

/// The share of the wanted gap to which the problem is fitted, so that what is left is that of the coefficients.
const OWN_SHARE: f64 = 0.25;

/// Someone's answer to a problem on some rows.
struct Claim {
    set: SampleSet,
    problem: Problem,
    answer: Coefficients,
    formula: String,
    /// Of a saved model that ranks labels.
    threshold: Option<Threshold>,
    notes: Vec<String>,
}

/// A model that was saved.
pub fn of_model(args: &CertifyArgs, model: Model, begun: Instant, screen: &Screen) -> Result<Exit, Halt> {
    let (set, digest) = match &model.threshold {
        Some(_) => {
            let reads = Reads { reading: &args.reading, rows: &args.rows, zero_based: false };
            reads.check(&args.data, None)?;
            let labels = model.targets.as_slice();
            let set = load_labels::for_model(&args.data, &model.inputs, labels, &args.reading, screen)?;
            let digest = fit_labels::fingerprint(&set)?.digest;
            (set, digest)
        }
        None => load::for_model(&args.data, &model.inputs, model.classes.as_ref(), &args.reading, screen)?,
    };
    let mut notes = set.notes().to_vec();
    notes.push(super::certify::whose_data(digest == model.data.digest));
    screen.notes(&notes);
    let Model { problem, coefficients: answer, formula, threshold, .. } = model;
    judge(args, Claim { set, problem, answer, formula, threshold, notes }, begun, screen)
}

/// Coefficients of anyone.
pub fn of_coefficients(
    args: &CertifyArgs,
    loss: LossKind,
    begun: Instant,
    screen: &Screen,
) -> Result<Exit, Halt> {
    let penalized = args.penalty.map_or(loss.is_of_classes() || loss.is_of_labels(), |lambda| lambda > 0.0);
    if args.penalize_intercept && !penalized {
        return Err(args::needs_penalty("--penalize-intercept").into());
    }
    let (set, intercept, mut notes) = if loss.is_of_labels() || args.labels.is_some() {
        ranked(args, loss, penalized, screen)?
    } else {
        let asked = Asked {
            verb: "certify MODEL",
            data: &args.data,
            formula: args.formula.as_deref(),
            loss,
            penalized,
            reading: &args.reading,
            zero_based: args.zero_based,
            rows: &args.rows,
        };
        let Sourced { samples: LoadedSamples { set, intercept }, notes, .. } = load::sourced(&asked, screen)?;
        (set, intercept, notes)
    };
    let lambda = fit_samples::lambda(args.penalty, loss, &set, &mut notes, screen)?;
    let names: Vec<String> = set.names().collect();
    let answer = load::coefficients(&args.model, &names, &set.outputs(loss), intercept)?;
    let intercept = fit_samples::intercept_of(intercept, args.penalize_intercept)?;
    let problem = Problem { loss, penalty: Ridge::uniform(lambda), intercept };
    let formula = args.formula.clone().unwrap_or_default();
    judge(args, Claim { set, problem, answer, formula, threshold: None, notes }, begun, screen)
}

/// Rows with labels, whether they have an intercept, and what was decided about them.
fn ranked(
    args: &CertifyArgs,
    loss: LossKind,
    penalized: bool,
    screen: &Screen,
) -> Result<(SampleSet, bool, Vec<String>)> {
    let asked = load_labels::Asked {
        data: &args.data,
        formula: args.formula.as_deref(),
        labels: args.labels.as_deref(),
        loss,
        penalized,
        reading: &args.reading,
        zero_based: args.zero_based,
        rows: &args.rows,
    };
    let Labelled { set, intercept, notes, .. } = load_labels::labelled(&asked, screen)?;
    Ok((set, intercept, notes))
}

fn judge(args: &CertifyArgs, claim: Claim, begun: Instant, screen: &Screen) -> Result<Exit, Halt> {
    let Claim { set, problem, answer, formula, threshold, mut notes } = claim;
    let gap = args.gap.unwrap_or_else(|| usual_gap(problem.loss));
    let samples = set.samples(problem.loss)?;
    let mut certificate = certify_samples(&samples, &problem, &answer, None)?;
    if !certificate.certifies(gap) && problem.penalty.lambda > 0.0 {
        let (better, note) = by_a_fit(&samples, &problem, &answer, gap, screen)?;
        if better.gap() < certificate.gap() {
            screen.note(&note);
            notes.push(note);
            certificate = better;
        }
    }
    let certifies = certificate.certifies(gap);
    // However near an answer is to the least value, it is none of the best ones where there is none.
    let unbounded =
        Unbounded::of(&samples, problem.loss, problem.intercept).filter(|_| certifies).map(|found| {
            let name =
                |k: usize| set.label_names().get(k).map(|name| format!("`{name}`")).unwrap_or_default();
            found.diagnosis(&name, certificate.gap(), &[])
        });
    let verdict = if certifies && unbounded.is_none() { Verdict::Certified } else { Verdict::Uncertified };
    let diagnosis = unbounded.as_ref();
    let found = Found { answer: &answer, certificate: &certificate, verdict, diagnosis, passes: None };
    let mut report = fit_samples::report("certify", &formula, &set, &problem, gap, &found)?;
    report.notes = notes;
    report.findings = fit_labels::findings(&samples, &set, &problem, diagnosis);
    // The same answer is that of another mean, which is no news of a given one.
    let without = WithoutPairs::of(&samples, problem.loss);
    let without = without.map(|found| found.finding(false, problem.penalty.lambda));
    report.findings.extend(without.map(|found| Finding { remedies: Vec::new(), ..found }));
    if let (Some(threshold), Some(facts)) = (threshold, &mut report.samples) {
        let scores = |set: &SampleSet| fit_labels::scores(set, problem.loss, &answer);
        facts.ranking = Some(fit_labels::measure(&scores, &threshold, &set, None)?);
    }
    report.seconds = begun.elapsed().as_secs_f64();
    screen.result(|width| render::fit(&report, width), || json::fit(&report))?;
    Ok(exit_of(report.verdict))
}

/// The certificate of the answer with the dual point of a fit of the same problem.
fn by_a_fit(
    samples: &Samples<'_>,
    problem: &Problem,
    answer: &Coefficients,
    gap: f64,
    screen: &Screen,
) -> Result<(Certificate, String)> {
    let settings = SampleSettings {
        method: Method::Auto,
        gap: OWN_SHARE * gap,
        max_iter: None,
        time_limit: None,
        seed: 0,
    };
    let fit = fit_samples::watched(samples, problem, &settings, screen)?;
    let dual = dual_point(samples, problem, &fit)?;
    let certificate = certify_samples(samples, problem, answer, Some(dual.as_ref()))?;
    let own = rough(fit.certificate.relative_gap());
    let note = format!(
        "the same problem was fitted, to a relative gap of {own}: its dual point bounds the gap of these coefficients"
    );
    Ok((certificate, note))
}
