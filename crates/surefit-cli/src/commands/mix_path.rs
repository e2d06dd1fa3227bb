//! `surefit mix --path`: the best mix for each of several values of a flag, one after the other.

use super::mix::Job;
use super::mix_data::MixData;
use super::mix_problem;
use crate::args::{MixFlags, MixPath, usage};
use crate::exit::Exit;
use crate::numbers::rough;
use crate::report::mix::{MixReport, PathReport, Point};
use crate::screen::{Halt, Screen};
use crate::{json, render, watch};
use std::time::Instant;
use surefit::Error;
use surefit::diagnosis::{Code, Diagnosis};
use surefit::fit::Verdict;
use surefit::solver::Stop;
use surefit_mix::Outcome;

/// Runs the verb along the path.
pub fn run(flags: &MixFlags, data: &mut MixData, begun: Instant, screen: &Screen) -> Result<Exit, Halt> {
    let (flag, mut steps) = steps(flags);
    if let Some(note) = leave_out(flags, &mut steps)? {
        screen.note(&note);
        data.notes.push(note);
    }
    let mut report: Option<PathReport> = None;
    let (mut failed, mut halted) = (None, false);
    for (value, flags) in &steps {
        let job = Job::new(flags, begun, screen);
        let problem = mix_problem::problem(flags, data)?;
        let outcome = job.solve(&problem)?;
        let mut nodes = 0;
        let found = match &outcome {
            // What was found for the values before is told.
            Outcome::Nothing { .. } if report.is_some() => break,
            Outcome::Nothing { .. } => None,
            Outcome::Infeasible(conflict) => {
                failed = Some(super::mix::infeasible(conflict));
                None
            }
            Outcome::Solved(solution) => {
                nodes = solution.nodes;
                Some((solution.best.clone(), solution.certificate, solution.is_certified))
            }
        };
        if report.is_none() {
            // Ends here where there is nothing at all.
            let frame = job.report(&problem, outcome, data)?;
            report = Some(PathReport { flag, points: Vec::new(), wanted: steps.len(), frame: bare(frame) });
        }
        if let Some(report) = &mut report {
            report.points.push(Point { value: *value, found, nodes });
            report.frame.nodes += nodes;
        }
        mix_problem::give_back(problem, data);
        halted |= job.was_halted();
        if halted {
            break;
        }
    }
    let Some(mut report) = report else { return Err(Error::Interrupted.into()) };
    judge(&mut report, failed, halted, flags.gap());
    report.frame.seconds = begun.elapsed().as_secs_f64();
    screen.result(|width| render::mix_path(&report, width), || json::mix_path(&report))?;
    Ok(super::fit::exit_of(report.frame.verdict))
}

/// The flags for each value.
fn steps(flags: &MixFlags) -> (&'static str, Vec<(f64, MixFlags)>) {
    let with = |value: f64, low, at_most| (value, MixFlags { low, at_most, path: None, ..flags.clone() });
    match &flags.path {
        Some(MixPath::Low(values)) => {
            ("--low", values.iter().map(|&low| with(low, Some(low), flags.at_most)).collect())
        }
        Some(MixPath::AtMost(values)) => {
            ("--at-most", values.iter().map(|&most| with(most as f64, flags.low, Some(most))).collect())
        }
        None => ("", Vec::new()),
    }
}

/// Leaves out the values of `--low` that are above `--high`, and says so.
///
/// # Errors
/// [`Error::Usage`] where none is left.
fn leave_out(flags: &MixFlags, steps: &mut Vec<(f64, MixFlags)>) -> Result<Option<String>, Error> {
    let (Some(MixPath::Low(values)), Some(high)) = (&flags.path, flags.high) else { return Ok(None) };
    steps.retain(|(low, _)| *low <= high);
    let above: Vec<String> = values.iter().filter(|low| **low > high).map(f64::to_string).collect();
    if steps.is_empty() {
        return Err(usage(
            format!("every value of `--path low=…` is above `--high {high}`"),
            "raise `--high`, or begin with a lower value".to_owned(),
        ));
    }
    let told = || format!("values of --low above `--high {high}` are left out: {}", above.join(", "));
    Ok((!above.is_empty()).then(told))
}

/// What is told of all values.
fn bare(frame: MixReport) -> MixReport {
    MixReport {
        best: None,
        certificate: None,
        plain: None,
        others: None,
        diagnosis: None,
        findings: Vec::new(),
        stop: None,
        nodes: 0,
        ..frame
    }
}

/// The verdict on all values together: one without a mix is an answer too, unless all are.
fn judge(report: &mut PathReport, failed: Option<Diagnosis>, halted: bool, wanted: f64) {
    let whole = report.points.len() == report.wanted;
    let frame = &mut report.frame;
    if let Some(failed) = failed.filter(|_| whole && report.points.iter().all(|point| point.found.is_none()))
    {
        (frame.verdict, frame.diagnosis) = (Verdict::Failed, Some(failed));
    } else if whole && report.points.iter().all(Point::is_proven) {
        (frame.verdict, frame.stop) = (Verdict::Certified, Some(Stop::Certified));
    } else {
        frame.verdict = Verdict::Uncertified;
        frame.stop = halted.then(|| if watch::interrupted() { Stop::Interrupted } else { Stop::Time });
        let proven = report.points.iter().filter(|point| point.is_proven()).count();
        frame.diagnosis = Some(Diagnosis {
            code: Code::Sf402,
            message: format!(
                "{proven} of {} values of {} are proven to a relative gap of {}",
                report.wanted,
                report.flag,
                rough(wanted)
            ),
            reasons: Vec::new(),
            evidence: serde_json::Map::new(),
            also: Vec::new(),
            remedies: Vec::new(),
            exact: None,
        });
    }
}
