//! `surefit certify` of the file that `surefit mix --tree-certificate` writes: the problem is stated again from the
//! file and the data, and every step of the tree is checked against it.

use super::mix_data::{self, MixData};
use super::mix_tree::{self, Stated};
use crate::args::{CertifyArgs, MissingArg, MixFlags, usage};
use crate::exit::Exit;
use crate::report::mix::{MixReport, TreeReport};
use crate::screen::{Halt, Screen};
use crate::{json, render, watch};
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;
use std::time::Instant;
use surefit::data::DataError;
use surefit::fit::Verdict;
use surefit::model::ModelError;
use surefit::{Error, Result};
use surefit_mix::{Certificate, Mix, Problem, Tree, TreeError, verify};

/// Whether this is such a file; of a pipe nothing is taken away.
pub fn is_tree(path: &Path) -> bool {
    let mut begin = [0; 8];
    let is_file = path.metadata().is_ok_and(|there| there.is_file());
    is_file
        && File::open(path).and_then(|mut file| file.read_exact(&mut begin)).is_ok()
        && begin == *Tree::MAGIC
}

/// Runs the verb.
pub fn run(args: &CertifyArgs, begun: Instant, screen: &Screen) -> Result<Exit, Halt> {
    let of_table = [("FORMULA", args.formula.is_some()), ("`--missing`", args.rows.missing.is_some())];
    if let Some((flag, _)) = of_table.iter().find(|(_, given)| *given) {
        let what = format!("{flag} is given beside a tree certificate, which has its own problem");
        return Err(usage(what, format!("leave out {flag}")).into());
    }
    let mut report = check(args, screen)?;
    report.frame.seconds = begun.elapsed().as_secs_f64();
    screen.result(|width| render::tree(&report, width), || json::tree(&report))?;
    Ok(if report.fault.is_some() { Exit::Data } else { super::fit::exit_of(report.frame.verdict) })
}

/// What stands in a file, or why it is none.
fn read(path: &Path) -> Result<Result<(Tree, Stated), String>> {
    let name = path.display().to_string();
    let refused = |source| Error::from(ModelError::Io { action: "read", name: name.clone(), source });
    let mut file = BufReader::new(File::open(path).map_err(refused)?);
    let tree = match Tree::read(&mut file) {
        Ok(tree) => tree,
        Err(TreeError::Io(source)) => return Err(refused(source)),
        Err(fault) => return Ok(Err(fault.to_string())),
    };
    if file.read(&mut [0]).map_err(refused)? > 0 {
        return Ok(Err("something follows the end of the tree".to_owned()));
    }
    Ok(match mix_tree::read(&tree.note) {
        Some(stated) => Ok((tree, stated)),
        None => Err("it states no problem that could be checked".to_owned()),
    })
}

fn check(args: &CertifyArgs, screen: &Screen) -> Result<TreeReport> {
    const AGAIN: &str = "write it again: `surefit mix DATA ... --tree-certificate FILE`";
    let name = args.model.display();
    let (tree, stated) = match read(&args.model)? {
        Ok(all) => all,
        Err(fault) => return Ok(refuted(None, format!("{name}: {fault}"), Some(AGAIN))),
    };
    let (problem, data) = match state(args, &stated, screen)? {
        Ok(all) => all,
        Err(fault) => return Ok(refuted(Some(stated), format!("{name}: {fault}"), Some(OTHER_TABLE))),
    };
    let is_same = data.fingerprint.digest == stated.digest;
    let mut notes = data.notes;
    notes.push(if is_same { SAME } else { NOT_SAME }.to_owned());
    screen.notes(&notes);
    let hint = if is_same { AGAIN } else { NOT_SAME };
    let refute = |fault: String| Ok(refuted(Some(stated.clone()), format!("{name}: {fault}"), Some(hint)));
    if tree.weights.len() != problem.inputs.len() {
        let (found, expected) = (tree.weights.len(), problem.inputs.len());
        return refute(format!("it has {found} weights for {expected} inputs"));
    }
    if let Some(fault) = mix_tree::broken(&problem, &tree.weights) {
        return refute(fault);
    }
    let verified = match verify(&problem, &tree, &watch::go_on) {
        Ok(verified) => verified,
        Err(TreeError::Stopped) => return Err(Error::Interrupted),
        Err(fault) => return refute(fault.to_string()),
    };
    let gap = args.gap.unwrap_or(1e-6);
    let proof = Certificate::new(&problem, &tree.weights, verified.bound);
    let mut frame = frame(Some(&stated), gap);
    frame.rows = problem.target.len();
    frame.verdict =
        if proof.certifies(gap * (1.0 + 1e-6)) { Verdict::Certified } else { Verdict::Uncertified };
    frame.best = Some(Mix { objective: proof.objective, weights: tree.weights });
    frame.certificate = Some(proof);
    frame.notes = notes;
    let (leaves, text) = (verified.leaves, stated.text);
    Ok(TreeReport { frame, leaves, problem: Some(stated.problem), text, fault: None, hint: None })
}

const SAME: &str = "the table is the one that the tree was made for";
const NOT_SAME: &str = "the table is not the very one that the tree was made for";
const OTHER_TABLE: &str = "give the table that the mix was made from";

/// The problem on these data; a sentence where the data lack a column of it.
fn state(args: &CertifyArgs, stated: &Stated, screen: &Screen) -> Result<Result<(Problem, MixData), String>> {
    let flags = MixFlags {
        target: Some(stated.target.clone()),
        inputs: stated.problem.inputs.clone(),
        weights: stated.weights.clone(),
        missing: Some(match stated.missing.as_str() {
            "drop" => MissingArg::Drop,
            "mean" => MissingArg::Mean,
            _ => MissingArg::Error,
        }),
        memory_limit: args.reading.memory_limit,
        ..MixFlags::default()
    };
    let mut data = match mix_data::read(&args.data, &args.reading.dialect, &flags, screen) {
        Ok(data) => data,
        // The flags are those of the file: what is wrong with them is wrong with the table.
        Err(Error::Usage { what, .. }) => {
            let said = what.split_once(" names ").map(|(_, rest)| format!("its problem has {rest}"));
            return Ok(Err(said.unwrap_or(what)));
        }
        Err(error) => return Err(error),
    };
    let (columns, target) = (std::mem::take(&mut data.columns), std::mem::take(&mut data.target));
    if let Some(j) = columns.iter().position(|x| !x.is_finite()) {
        let what = data.inputs.get(j / target.len().max(1)).cloned().unwrap_or_default();
        return Err(DataError::NotFinite { what }.into());
    }
    if target.is_empty() {
        return Err(DataError::NothingToFit.into());
    }
    if target.iter().any(|x| !x.is_finite()) {
        return Err(DataError::NotFinite { what: stated.target.clone() }.into());
    }
    let mut problem = stated.problem.clone();
    let place = |name: &String| data.inputs.iter().position(|known| known == name);
    // In the order of the file, whatever that of the table.
    for name in &stated.problem.inputs {
        let Some(j) = place(name) else {
            return Ok(Err(format!("its problem has `{name}`, which is no input")));
        };
        problem
            .columns
            .extend_from_slice(columns.get(j * target.len()..(j + 1) * target.len()).unwrap_or_default());
    }
    problem.target = target;
    problem.row_weights = data.row_weights.take();
    Ok(Ok((problem, data)))
}

fn refuted(stated: Option<Stated>, fault: String, hint: Option<&'static str>) -> TreeReport {
    let frame = frame(stated.as_ref(), 0.0);
    let (problem, text) = stated.map(|stated| (stated.problem, stated.text)).unzip();
    TreeReport { frame, leaves: 0, problem, text: text.unwrap_or_default(), fault: Some(fault), hint }
}

/// What is told of every mix.
fn frame(stated: Option<&Stated>, wanted_gap: f64) -> MixReport {
    let problem = stated.map(|stated| &stated.problem);
    let n = problem.map_or(0, |problem| problem.inputs.len());
    let sum = problem.and_then(|problem| {
        let mut sums = problem.limits.iter().filter(|of| of.terms.len() == n && of.low == of.high);
        sums.find(|of| of.terms.iter().all(|term| term.1 == 1.0)).map(|of| of.low)
    });
    MixReport {
        inputs: problem.map(|problem| problem.inputs.clone()).unwrap_or_default(),
        target: stated.map(|stated| stated.target.clone()).unwrap_or_default(),
        distance: problem.map(|problem| problem.distance).unwrap_or_default(),
        ridge: problem.map_or(0.0, |problem| problem.ridge),
        wanted_gap,
        sum,
        ..MixReport::blank()
    }
}
