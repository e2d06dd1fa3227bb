//! `surefit-bench mix A.f64 T.f64 LOW SECONDS THREADS`: the best mix of the columns of A, each zero or at least LOW.

use crate::{Outcome, read, seconds};
use serde_json::json;
use std::time::{Duration, Instant};
use surefit_mix::{Outcome as Found, Problem, Settings, solve};

pub fn run(arguments: &[String]) -> Outcome<()> {
    let [a, t, low, limit, threads] = arguments else {
        return Err("mix A.f64 T.f64 LOW SECONDS THREADS".into());
    };
    let (columns, target) = (read(a)?, read(t)?);
    let (low, limit): (f64, f64) = (low.parse()?, limit.parse()?);
    let inputs = (1..=columns.len() / target.len().max(1)).map(|j| format!("x{j}")).collect();
    let problem = Problem::new(inputs, columns.to_vec(), target.to_vec(), low, 1.0);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads.parse()?).build()?;
    let (begun, limit) = (Instant::now(), Duration::from_secs_f64(limit));
    let (time, found) =
        seconds(|| pool.install(|| solve(&problem, &Settings::default(), &|_| begun.elapsed() < limit)));
    let Found::Solved(solution) = found? else { return Err("no mix was found".into()) };
    let certificate = solution.certificate;
    println!(
        "{}",
        json!({
            "seconds": time,
            "objective": certificate.objective,
            "bound": certificate.bound,
            "relative_gap": certificate.relative_gap(),
            "certified": solution.is_certified,
            "nodes": solution.nodes,
        })
    );
    Ok(())
}
