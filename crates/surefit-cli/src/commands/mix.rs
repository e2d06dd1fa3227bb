//! `surefit mix`: read, search, print, save.

use super::mix_data::{self, MixData};
use super::{mix_problem, mix_tree};
use crate::args::{MixArgs, MixFlags, Sum};
use crate::exit::Exit;
use crate::numbers::{count, plain, rough};
use crate::report::mix::{MixReport, Prices, has_choice, swap, used};
use crate::screen::{Halt, Screen};
use crate::watch::{self, Progress};
use crate::{files, json, render};
use faer::Mat;
use serde_json::{Map, json};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use surefit::certificate::{Method, Record};
use surefit::data::scale::Scale;
use surefit::diagnosis::{Code, Diagnosis, Finding, Fix, Remedy, proven_gap};
use surefit::fit::Verdict;
use surefit::model::{Inputs, MixDistance, MixFacts, Model};
use surefit::solver::Stop;
use surefit::{Coefficients, Error, Intercept, LossKind, Result, Ridge};
use surefit_mix::{Certificate, Conflict, Distance, Mix, Outcome, Problem, Settings, Solution, solve};

/// Runs the verb.
pub fn run(args: &MixArgs, screen: &Screen) -> Result<Exit, Halt> {
    let begun = Instant::now();
    args.keep_files_apart()?;
    let flags = args.check()?;
    if let Some(limit) = flags.time_limit {
        watch::limit(limit);
    }
    for path in args.output.iter().chain(&args.tree_certificate) {
        files::probe(path)?;
    }
    let mut data = mix_data::read(&args.data, &args.dialect, &flags, screen)?;
    screen.notes(&data.notes);
    if flags.path.is_some() {
        return super::mix_path::run(&flags, &mut data, begun, screen);
    }
    let mut problem = mix_problem::problem(&flags, &mut data)?;
    let mut job = Job::new(&flags, begun, screen);
    if args.tree_certificate.is_some() {
        mix_tree::close_ranges(&mut problem);
        mix_tree::refuse_open_ranges(&problem)?;
        job.keep_tree = true;
    }
    let mut outcome = job.solve(&problem)?;
    let (mut tree, mut prices) = (None, None);
    if let Outcome::Solved(solution) = &mut outcome {
        watch::answered();
        tree = solution.tree.take();
        if flags.prices {
            prices = Some(job.prices(&problem, solution)?);
        }
    }
    let mut report = job.report(&problem, outcome, &data)?;
    report.prices = prices;
    let mut staged = Vec::new();
    if let (Some(path), Some(best), Some(proof)) = (&args.output, &report.best, &report.certificate) {
        let model = saved(&report, &problem, &data, best, proof)?;
        let bytes = model.to_bytes()?;
        staged.push(files::stage(path, |out| out.write_all(&bytes))?);
    }
    if let (Some(path), Some(_)) = (&args.tree_certificate, &report.best) {
        if let Some(mut tree) = tree {
            tree.note = mix_tree::note(&flags, &problem, &data.fingerprint.digest);
            staged.push(files::stage(path, |mut out| tree.write(&mut out))?);
        } else {
            // What was asked for is not there, whatever the gap.
            let why = mix_tree::why_none(&report, path);
            if report.verdict == Verdict::Certified {
                report.verdict = Verdict::Uncertified;
                report.diagnosis = Some(without_tree(&report, &why));
            }
            report.no_tree = Some(why);
        }
    }
    staged.into_iter().try_for_each(files::Staged::keep)?;
    report.seconds = begun.elapsed().as_secs_f64();
    screen.result(|width| render::mix(&report, width), || json::mix(&report))?;
    Ok(super::fit::exit_of(report.verdict))
}

/// A search with its limits.
pub(super) struct Job<'a> {
    flags: &'a MixFlags,
    begun: Instant,
    screen: &'a Screen,
    /// Whether the search was asked to stop.
    halted: AtomicBool,
    /// Whether the tree is kept, for a certificate of it.
    keep_tree: bool,
}

impl<'a> Job<'a> {
    /// The time limit counts from `begun` on.
    pub(super) fn new(flags: &'a MixFlags, begun: Instant, screen: &'a Screen) -> Self {
        Self { flags, begun, screen, halted: AtomicBool::new(false), keep_tree: false }
    }

    /// Whether the time limit or Ctrl-C ended the search.
    pub(super) fn was_halted(&self) -> bool {
        self.halted.load(Ordering::Relaxed)
    }

    fn left(&self) -> Option<Duration> {
        self.flags.time_limit.map(|limit| limit.saturating_sub(self.begun.elapsed()))
    }

    fn settings(&self) -> Settings {
        let usual = Settings::default();
        Settings {
            gap: self.flags.gap(),
            alternatives: self.flags.alternatives.unwrap_or(usual.alternatives),
            memory: self.flags.memory_limit.unwrap_or(usual.memory),
            keep_tree: self.keep_tree,
        }
    }

    /// What every decision costs; those that were proven before the time limit or Ctrl-C.
    fn prices(&self, problem: &Problem, solution: &Solution) -> Result<Prices, Halt> {
        let bar = Mutex::new(Progress::new(self.screen.quiet));
        let searching = Instant::now();
        let go_on = |now: &surefit_mix::Progress| {
            if let Ok(bar) = bar.try_lock() {
                bar.show(now.nodes, None, || {
                    format!("prices: {}", in_words(now, searching.elapsed(), self.left()))
                });
            }
            watch::go_on()
        };
        let wanted = (0..problem.inputs.len()).filter(|&j| has_choice(&problem.ranges[j])).count();
        let mut found = Vec::new();
        if watch::go_on() {
            found = surefit_mix::prices(problem, &self.settings(), solution, &go_on)
                .map_err(|error| mix_problem::told(&error))?;
            found.retain(|price| price.is_certified);
        }
        let why = match (watch::interrupted(), watch::go_on()) {
            (true, _) => "Ctrl-C",
            (false, false) => "the time limit",
            (false, true) => "a gap above the wanted one",
        };
        Ok(Prices { found, wanted, why })
    }

    /// Searches, with progress.
    pub(super) fn solve(&self, problem: &Problem) -> Result<Outcome, Halt> {
        let settings = self.settings();
        let bar = Mutex::new(Progress::new(self.screen.quiet));
        let searching = Instant::now();
        let go_on = |now: &surefit_mix::Progress| {
            if let Ok(bar) = bar.try_lock() {
                bar.show(now.nodes, None, || in_words(now, searching.elapsed(), self.left()));
            }
            let go_on = watch::go_on();
            if !go_on {
                self.halted.store(true, Ordering::Relaxed);
            }
            go_on
        };
        Ok(solve(problem, &settings, &go_on).map_err(|error| mix_problem::told(&error))?)
    }

    /// The plain values of what came of it.
    pub(super) fn report(
        &self,
        problem: &Problem,
        outcome: Outcome,
        data: &MixData,
    ) -> Result<MixReport, Halt> {
        let mut report = MixReport {
            inputs: problem.inputs.clone(),
            target: self.flags.target()?.to_owned(),
            distance: problem.distance,
            ridge: problem.ridge,
            wanted_gap: self.flags.gap(),
            sum: match self.flags.sum {
                None => Some(1.0),
                Some(Sum::Within(span)) => Some(span.low).filter(|low| *low == span.high),
                Some(Sum::Free) => None,
            },
            notes: data.notes.clone(),
            rows: problem.target.len(),
            ..MixReport::blank()
        };
        match outcome {
            Outcome::Nothing { .. } => return Err(Error::Interrupted.into()),
            Outcome::Infeasible(conflict) => report.diagnosis = Some(infeasible(&conflict)),
            Outcome::Solved(solution) => {
                let stop = if solution.is_certified {
                    Some(Stop::Certified)
                } else if watch::interrupted() {
                    Some(Stop::Interrupted)
                } else {
                    self.was_halted().then_some(Stop::Time)
                };
                let verdict = if solution.is_certified { Verdict::Certified } else { Verdict::Uncertified };
                (report.verdict, report.stop) = (verdict, stop);
                report.diagnosis =
                    (!solution.is_certified).then(|| stopped(&solution, stop, self.flags.gap()));
                report.nodes = solution.nodes;
                report.certificate = Some(solution.certificate);
                report.others = Some(solution.others);
                report.findings = as_good(&solution, problem, self.flags.gap()).into_iter().collect();
                report.plain = solution.relaxed.filter(|_| has_holes(problem));
                let asked = self.flags.alternatives.is_some_and(|wanted| wanted > 1);
                if asked && solution.is_certified && solution.alternatives.is_empty() {
                    report.no_alternatives = Some(if has_holes(problem) {
                        "no other choice of inputs keeps the limits"
                    } else {
                        "there is no other choice of inputs to list: without a least weight (`--low`) any weight \
                         may fade to 0"
                    });
                }
                report.alternatives = solution.alternatives;
                report.best = Some(solution.best);
            }
        }
        Ok(report)
    }
}

/// Whether the problem is another one without holes and counts.
fn has_holes(problem: &Problem) -> bool {
    !problem.counts.is_empty() || problem.ranges.iter().any(has_choice)
}

/// `objective 0.0123, bound 0.0119, gap 3 %, 1,234 nodes a second, 56 open, 12 s to the time limit`; how long a tree
/// still takes nobody knows.
fn in_words(now: &surefit_mix::Progress, since: Duration, left: Option<Duration>) -> String {
    let mut parts = Vec::new();
    if now.objective.is_finite() {
        parts.push(format!("objective {}", plain(now.objective)));
    }
    parts.push(format!("bound {}", plain(now.bound.min(now.objective).max(0.0))));
    if now.objective.is_finite() && now.objective > 0.0 {
        let gap = (now.objective - now.bound.max(0.0)).max(0.0) / now.objective;
        parts.push(format!("gap {} %", rough(100.0 * gap)));
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rate for the eye")]
    let rate = (now.nodes as f64 / since.as_secs_f64().max(1e-3)) as u64;
    parts.push(format!(
        "{} nodes, {} a second, {} open",
        count(now.nodes),
        count(rate),
        count(now.open as u64)
    ));
    if let Some(left) = left {
        parts.push(format!("{} s to the time limit", left.as_secs_f64().ceil()));
    }
    parts.join(", ")
}

/// Why no mix keeps the limits.
pub(super) fn infeasible(conflict: &Conflict) -> Diagnosis {
    let remedy = |change: &String| Remedy {
        change: change.clone(),
        command: None,
        steps: None,
        proven: true,
        safe: false,
        // Another problem: nothing that could be applied unasked.
        fix: Fix::Several(Vec::new()),
    };
    Diagnosis {
        code: Code::Sf401,
        message: conflict.what.clone(),
        reasons: Vec::new(),
        evidence: Map::from_iter([("limits".to_owned(), conflict.limits.clone().into())]),
        also: Vec::new(),
        remedies: conflict.relaxations.iter().map(remedy).collect(),
        exact: None,
    }
}

/// What was not proven when the search ended.
fn stopped(solution: &Solution, stop: Option<Stop>, wanted: f64) -> Diagnosis {
    let proof = &solution.certificate;
    let how = match stop {
        Some(Stop::Interrupted) => "Ctrl-C ended the search",
        Some(_) => "the time limit ended the search",
        None => "the whole tree was searched, and rounding ends the proof",
    };
    let evidence = json!({
        "objective": json::number(proof.objective),
        "bound": json::number(proof.bound),
        "relative_gap": json::number(proof.relative_gap()),
        "wanted_gap": json::number(wanted),
        "nodes": solution.nodes,
    });
    Diagnosis {
        code: Code::Sf402,
        message: format!(
            "{how} at a relative gap of {} where {} is wanted",
            rough(proof.relative_gap()),
            rough(wanted)
        ),
        reasons: Vec::new(),
        evidence: evidence.as_object().cloned().unwrap_or_default(),
        also: Vec::new(),
        remedies: proven_gap(proof.relative_gap()).into_iter().collect(),
        exact: None,
    }
}

/// A mix within the gap, but without the tree that was asked for.
fn without_tree(report: &MixReport, why: &str) -> Diagnosis {
    let gap = report.certificate.map_or(f64::INFINITY, |proof| proof.relative_gap());
    Diagnosis {
        code: Code::Sf402,
        message: why.to_owned(),
        reasons: Vec::new(),
        evidence: Map::from_iter([("relative_gap".to_owned(), json::number(gap))]),
        also: Vec::new(),
        remedies: Vec::new(),
        exact: None,
    }
}

/// Whether other choices of inputs are as close, within the gap.
fn as_good(solution: &Solution, problem: &Problem, wanted: f64) -> Option<Finding> {
    let best = solution.best.objective;
    let room = (wanted * best.abs()).max(solution.certificate.rounding);
    let close = solution.alternatives.iter().filter(|other| other.objective - best <= room);
    let (first, others) = (close.clone().next()?, close.count());
    let more = if others > 1 { format!("; {others} of those listed do") } else { String::new() };
    let evidence = json!({
        "objective": json::number(best),
        "other_objective": json::number(first.objective),
        "wanted_gap": json::number(wanted),
        "choices": others,
    });
    Some(Finding {
        code: Code::Sf403,
        message: format!(
            "another choice of inputs ({}) comes as close, within the wanted gap of {}{more}",
            swap(&solution.best, first, &problem.inputs),
            rough(wanted)
        ),
        evidence: evidence.as_object().cloned().unwrap_or_default(),
        remedies: Vec::new(),
    })
}

/// The mix as a model: weights of the inputs that are used, of all where none is.
fn saved(
    report: &MixReport,
    problem: &Problem,
    data: &MixData,
    best: &Mix,
    proof: &Certificate,
) -> Result<Model> {
    let all = used(best) == 0;
    let own: Vec<usize> = (0..best.weights.len()).filter(|&j| all || best.weights[j] != 0.0).collect();
    let columns: Vec<String> = own.iter().filter_map(|&j| problem.inputs.get(j).cloned()).collect();
    let (recipe, formula) = data.recipe_of(&columns)?;
    // The recipe may have an order of its own.
    let weight = |name: &String| problem.find(name, "").map_or(0.0, |j| best.weights[j]);
    let weights: Vec<f64> = recipe.names().iter().map(weight).collect();
    Ok(Model {
        coefficients: Coefficients {
            weights: Mat::from_fn(weights.len(), 1, |j, _| weights[j]),
            intercept: vec![0.0],
        },
        columns: recipe.names().to_vec(),
        targets: recipe.targets().to_vec(),
        classes: None,
        threshold: None,
        mix: Some(MixFacts {
            distance: match problem.distance {
                Distance::L2 => MixDistance::L2,
                Distance::L1 => MixDistance::L1,
                Distance::LInf => MixDistance::LInf,
            },
            ridge: problem.ridge,
        }),
        formula,
        inputs: Inputs::Table(Box::new(recipe)),
        problem: surefit::Problem {
            loss: LossKind::Squared,
            penalty: Ridge::default(),
            intercept: Intercept::Absent,
        },
        scale: Scale::None,
        certificate: Record {
            objective: proof.objective,
            bound: proof.bound,
            gap: proof.gap,
            relative_gap: proof.relative_gap(),
            rounding: proof.rounding,
            method: Method::Tree,
            dependent: 0,
        },
        verdict: report.verdict,
        code: report.diagnosis.as_ref().map(|found| found.code),
        data: data.fingerprint.clone(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    })
}
