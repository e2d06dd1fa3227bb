//! SF108 of a search for a penalty: the time limit or Ctrl-C ended it before all penalties were compared. Test: why it
//! stopped, and how many were done.

use super::words::figure;
use super::{Code, Diagnosis, Fix, Remedy};
use crate::certificate::Certificate;
use crate::fit::PathPoint;
use crate::solver::Stop;
use serde_json::{Map, json};

/// The cause, after `done` of `asked` penalties, with the best of them and the fit with it to all rows.
pub fn path_cut_short(
    stop: Stop,
    (done, asked): (usize, usize),
    best: &PathPoint,
    certificate: &Certificate,
) -> Diagnosis {
    let by = if stop == Stop::Interrupted { "Ctrl-C" } else { "the time limit" };
    let (lambda, gap) = (figure(best.lambda, 6), certificate.relative_gap());
    let message = format!(
        "{by} ended the search after {done} of {asked} penalties; the best of these, λ = {lambda}, is fitted to a \
         relative gap of {}",
        figure(gap, 2)
    );
    let alone = Remedy {
        change: "the best of these alone, without the search".to_owned(),
        command: Some(format!("--penalty {:e}", best.lambda)),
        steps: None,
        // Half a square above a convex loss that is not below 0 has exactly one optimum, and its own bound.
        proven: true,
        safe: false,
        fix: Fix::Penalty(best.lambda),
    };
    let mut evidence = Map::new();
    evidence.insert("penalties_done".to_owned(), json!(done));
    evidence.insert("penalties".to_owned(), json!(asked));
    evidence.insert("proven_gap".to_owned(), json!(gap));
    Diagnosis {
        code: Code::Sf108,
        message,
        reasons: Vec::new(),
        evidence,
        also: Vec::new(),
        remedies: vec![alone],
        exact: None,
    }
}
