//! What the rows in use hold: their texts, and the means of their numbers by weight.

use super::super::formula::{Resolved, Variable};
use super::super::spool::Sum;
use super::super::table::{Chunk, ColumnKind, Levels, Values};
use super::rows::leave_out_missing;
use super::{EncodeOptions, Input, Missing, Scanned};
use crate::error::Result;
use rayon::prelude::*;
use std::collections::HashSet;

/// Restricts what a scan of all rows found to the rows that are not dropped and whose weight is not 0, where that
/// can make a difference. Without any such row the inputs stay as they are: [`super::Encoded`] refuses the table.
///
/// # Errors
/// When the file can no longer be read.
pub(super) fn narrow(
    inputs: &mut [Input],
    resolved: &Resolved,
    table: &dyn Scanned,
    options: EncodeOptions,
) -> Result<()> {
    let drops = options.missing == Missing::Drop && table.columns().iter().any(|column| column.missing > 0);
    if !drops && resolved.weights.is_none() {
        return Ok(());
    }
    let mut found: Vec<Found> = inputs.iter().map(Found::new).collect();
    let (mut keep, mut any, mut scale) = (Vec::new(), false, Scale::default());
    for chunk in table.chunks() {
        let chunk = chunk?;
        keep.clear();
        keep.resize(chunk.rows(), true);
        if drops {
            leave_out_missing(&chunk, 0, &mut keep);
        }
        let weights = weights_in_use(&chunk, resolved.weights, &keep);
        any |= weights.iter().any(|&weight| weight != 0.0);
        let (factor, change) = scale.take_in(&weights);
        found.par_iter_mut().zip(&chunk.columns).for_each(|(found, values)| {
            found.take_in(values, &weights, factor, change);
        });
    }
    if any {
        // Of a text that is needed as a number the whole is kept, to say which it is.
        let as_numbers = needed_as_numbers(resolved);
        for (index, (input, found)) in inputs.iter_mut().zip(&found).enumerate() {
            if !as_numbers.contains(&index) || input.kind == ColumnKind::Number {
                found.put_into(input, table.columns().get(index).map(|column| &column.levels));
            }
        }
    }
    Ok(())
}

/// How many rows in use have a value in column `slot`.
///
/// # Errors
/// When the file can no longer be read.
pub(super) fn values(
    table: &dyn Scanned,
    slot: usize,
    weights: Option<usize>,
    missing: Missing,
) -> Result<usize> {
    let drops = missing == Missing::Drop && table.columns().iter().any(|column| column.missing > 0);
    if !drops && weights.is_none() {
        let absent = table.columns().get(slot).map_or(0, |column| column.missing);
        return Ok(table.rows().saturating_sub(absent));
    }
    let (mut count, mut keep) = (0, Vec::new());
    for chunk in table.chunks() {
        let chunk = chunk?;
        keep.clear();
        keep.resize(chunk.rows(), true);
        if drops {
            leave_out_missing(&chunk, 0, &mut keep);
        }
        let weights = weights_in_use(&chunk, weights, &keep);
        let used = |row: usize| weights.get(row).is_some_and(|weight| *weight != 0.0);
        let is_there = |row: usize| match chunk.columns.get(slot) {
            Some(Values::Text(codes)) => codes.get(row).is_some_and(|code| *code != Levels::MISSING),
            Some(Values::Number(values)) => values.get(row).is_some_and(|value| !value.is_nan()),
            None => false,
        };
        count += (0..chunk.rows()).filter(|row| used(*row) && is_there(*row)).count();
    }
    Ok(count)
}

/// A weight for each row of a chunk, 0 for those not in use.
fn weights_in_use(chunk: &Chunk, slot: Option<usize>, keep: &[bool]) -> Vec<f64> {
    let kept = |&kept: &bool| if kept { 1.0 } else { 0.0 };
    match slot.and_then(|slot| chunk.columns.get(slot)) {
        Some(Values::Number(weights)) => {
            keep.iter().zip(weights).map(|(kept, &weight)| if *kept { weight } else { 0.0 }).collect()
        }
        _ => keep.iter().map(kept).collect(),
    }
}

/// Inputs that terms, targets or weights need as numbers, or that hold the classes.
fn needed_as_numbers(resolved: &Resolved) -> HashSet<usize> {
    let values = resolved.variables.iter().filter(|variable| matches!(variable, Variable::Value(_)));
    let columns = values.chain(&resolved.targets).flat_map(Variable::columns);
    columns.chain(resolved.weights).collect()
}

/// A power of two above all weights so far, by which they are divided: no product with a finite number overflows.
#[derive(Default)]
struct Scale {
    exponent: Option<i32>,
}

impl Scale {
    /// The factor for these weights, and that for the sums over earlier ones.
    fn take_in(&mut self, weights: &[f64]) -> (f64, f64) {
        let most = weights.iter().copied().filter(|weight| weight.is_finite()).fold(0.0, f64::max);
        let before = self.exponent;
        if most > 0.0 {
            let needed = exponent(most);
            self.exponent = Some(before.map_or(needed, |before| before.max(needed)));
        }
        let now = self.exponent.unwrap_or(0);
        (2f64.powi(-now), 2f64.powi(before.unwrap_or(now) - now))
    }
}

/// An e with `most < 2^e` and 2⁻ᵉ a normal number.
fn exponent(most: f64) -> i32 {
    let biased = i32::try_from(most.to_bits() >> 52 & 0x7ff).unwrap_or(0);
    (biased - 1022).clamp(-1000, 1022)
}

/// What the rows in use hold of one input.
enum Found {
    /// Weights times values, and the weights of the rows that have a value.
    Number { sum: Sum, weight: Sum },
    /// Whether each code occurs.
    Text(Vec<bool>),
}

impl Found {
    fn new(input: &Input) -> Self {
        match input.kind {
            ColumnKind::Number => Self::Number { sum: Sum::default(), weight: Sum::default() },
            ColumnKind::Text => Self::Text(vec![false; input.levels.len()]),
        }
    }

    fn take_in(&mut self, values: &Values, weights: &[f64], factor: f64, change: f64) {
        match (self, values) {
            (Self::Number { sum, weight: total }, Values::Number(values)) => {
                sum.rescale(change);
                total.rescale(change);
                for (&value, &weight) in values.iter().zip(weights) {
                    if weight != 0.0 && !value.is_nan() {
                        sum.add(weight * factor * value);
                        total.add(weight * factor);
                    }
                }
            }
            (Self::Text(occurs), Values::Text(codes)) => {
                for (&code, &weight) in codes.iter().zip(weights) {
                    if weight != 0.0
                        && code != Levels::MISSING
                        && let Some(flag) = usize::try_from(code).ok().and_then(|code| occurs.get_mut(code))
                    {
                        *flag = true;
                    }
                }
            }
            _ => {}
        }
    }

    fn put_into(&self, input: &mut Input, levels: Option<&Levels>) {
        match self {
            Self::Number { sum, weight } => {
                let mean = sum.over(weight.value());
                input.mean = Some(mean).filter(|mean| mean.is_finite());
            }
            Self::Text(occurs) => {
                let code = |name: &str| levels.and_then(|levels| levels.code(name));
                let found = |name: &String| {
                    code(name).and_then(|code| occurs.get(usize::try_from(code).ok()?)).copied()
                };
                input.levels.retain(|name| found(name) == Some(true));
            }
        }
    }
}
