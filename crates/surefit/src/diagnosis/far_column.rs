//! SF106 by a column whose spread is so far from 1 that a penalty in its own units weighs nothing, or everything.
//!
//! Test: a fit that ended by itself is not certified, as far as 64-bit numbers can tell, and the standard deviation of
//! some column is above 10⁸ or below 10⁻⁸. The fit with a penalty in units of the spreads was certified before it is offered.

use super::words::figure;
use super::{Code, Diagnosis, Fix, Remedy};
use crate::data::scale::{Scale, Scaling};
use serde_json::json;

/// A spread within this factor of 1 leaves a penalty its meaning.
const FAR: f64 = 1e8;

/// The column whose spread is farthest from 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FarColumn {
    /// From 0.
    pub column: usize,
    /// Its standard deviation.
    pub spread: f64,
}

impl FarColumn {
    /// That of some columns, by what standardises them.
    pub fn of(scaling: &Scaling) -> Option<Self> {
        let far = |(column, spread): (usize, &f64)| Self { column, spread: *spread };
        let columns = scaling.factor.iter().enumerate().map(far);
        let farthest = columns.max_by(|a, b| a.spread.ln().abs().total_cmp(&b.spread.ln().abs()))?;
        (!(1.0 / FAR..=FAR).contains(&farthest.spread)).then_some(farthest)
    }

    /// A cause with this reason for it and the fit that was certified.
    pub fn diagnosis(&self, other: Diagnosis, name: &dyn Fn(usize) -> String) -> Diagnosis {
        let spread = figure(self.spread, 3);
        let weighs = if self.spread > 1.0 { "nothing" } else { "everything" };
        let name = name(self.column);
        let reason = format!("{name} has a spread of {spread}: a penalty in its own units weighs {weighs}");
        let remedy = Remedy {
            change: "a penalty in units of each column's spread: certified".to_owned(),
            command: Some("--scale standardize".to_owned()),
            steps: None,
            // It was run.
            proven: true,
            safe: false,
            fix: Fix::Scale(Scale::Standardize),
        };
        let mut evidence = other.evidence;
        evidence.insert("column".to_owned(), json!(name));
        evidence.insert("spread".to_owned(), json!(self.spread));
        Diagnosis { code: Code::Sf106, reasons: vec![reason], remedies: vec![remedy], evidence, ..other }
    }
}
