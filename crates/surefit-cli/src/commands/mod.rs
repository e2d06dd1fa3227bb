//! One file a verb, and what verbs share.

mod ask;
pub mod certify;
mod certify_samples;
mod certify_tree;
pub mod check_gradient;
pub mod diagnose;
pub mod explain;
pub mod explain_gradient;
pub mod fit;
mod fit_labels;
mod fit_network;
mod fit_samples;
pub mod lint;
mod load;
mod load_labels;
pub mod mix;
mod mix_data;
mod mix_path;
mod mix_problem;
mod mix_tree;
pub mod predict;
mod predict_labels;
mod score;

use surefit::data::Shape;
use surefit::diagnosis::{Code, Finding};

/// In a table of one row every column is constant: said once, not for each.
fn one_row(findings: &mut Vec<Finding>, shape: Shape) {
    if shape.rows != 1 {
        return;
    }
    if let Some(first) = findings.iter_mut().find(|found| found.code == Code::Sf202) {
        "there is one row, in which every column is constant: nothing can be told apart"
            .clone_into(&mut first.message);
        first.evidence.clear();
        first.evidence.insert("rows".to_owned(), 1.into());
        first.remedies.clear();
    }
    let mut told = false;
    findings.retain(|found| found.code != Code::Sf202 || !std::mem::replace(&mut told, true));
}

/// The verbs, as typed.
pub const NAMES: [&str; 9] =
    ["fit", "mix", "predict", "lint", "diagnose", "certify", "explain", "explain-gradient", "check-gradient"];
