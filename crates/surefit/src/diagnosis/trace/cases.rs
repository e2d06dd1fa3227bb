//! Traces of known runs, and what the tests ask of a verdict.

#![allow(clippy::unwrap_used, clippy::panic)]

use super::{ExternalTrace, TraceVerdict};
use crate::diagnosis::Diagnosis;
use crate::diagnosis::cases::{sales, sales_minmax, squared};
use crate::oracle::Local;
use crate::problem::LossKind;
use crate::solver::gradient_descent::{Settings, descend};

pub(super) fn column(name: &str, values: impl IntoIterator<Item = f64>) -> (String, Vec<f64>) {
    (name.to_owned(), values.into_iter().collect())
}

pub(super) fn trace(columns: Vec<(String, Vec<f64>)>, rate: Option<f64>) -> ExternalTrace {
    ExternalTrace::from_columns(columns, rate).unwrap()
}

pub(super) fn ours(minmax: bool, rate: f64, max_iter: u64) -> ExternalTrace {
    let design = if minmax { sales_minmax() } else { sales() };
    let mut oracle = Local::new(&design, LossKind::Squared).unwrap();
    let settings = Settings { learning_rate: rate, tolerance: 0.0, max_iter, start: None, time_limit: None };
    let ran = descend(&mut oracle, &squared(), &settings, &|_| true).unwrap();
    let mut text = Vec::new();
    ran.trace.write_csv(&mut text).unwrap();
    let mut reader = csv::Reader::from_reader(text.as_slice());
    let names: Vec<String> = reader.headers().unwrap().iter().map(str::to_owned).collect();
    let rows: Vec<Vec<f64>> =
        reader.records().map(|r| r.unwrap().iter().map(|f| f.parse().unwrap()).collect()).collect();
    let columns = names.into_iter().enumerate();
    let columns = columns.map(|(j, name)| (name, rows.iter().map(|row| row[j]).collect())).collect();
    trace(columns, Some(rate))
}

pub(super) fn cause(verdict: TraceVerdict) -> Diagnosis {
    match verdict {
        TraceVerdict::Found(diagnosis) => diagnosis,
        other => panic!("no cause: {other:?}"),
    }
}

pub(super) fn value(diagnosis: &Diagnosis, name: &str) -> f64 {
    diagnosis.evidence[name].as_f64().unwrap()
}
