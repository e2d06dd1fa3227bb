//! Whether a problem makes sense, before anything is computed.

use crate::error::{Error, Result};
use crate::form::Form;
use crate::problem::{Distance, Problem};

/// Checks every number.
///
/// # Errors
/// The first fault.
pub(crate) fn validate(problem: &Problem) -> Result<()> {
    let (m, n) = (problem.target.len(), problem.inputs.len());
    if n == 0 {
        return Err(Error::NoInputs);
    }
    if m == 0 || problem.row_weights.as_ref().is_some_and(|weights| weights.iter().all(|w| *w == 0.0)) {
        return Err(Error::NoRows);
    }
    let shape = |what, found, expected| {
        if found == expected { Ok(()) } else { Err(Error::Shape { what, found, expected }) }
    };
    shape("the inputs' columns", problem.columns.len(), m * n)?;
    shape("the ranges", problem.ranges.len(), n)?;
    if let Some(weights) = &problem.row_weights {
        shape("the row weights", weights.len(), m)?;
        if let Some(row) = weights.iter().position(|w| !w.is_finite() || *w < 0.0) {
            return Err(Error::RowWeight { row: row + 1, value: weights[row] });
        }
    }
    let most = if problem.distance == Distance::L2 { 1e140 } else { 1e290 };
    numbers("the target", &problem.target, most)?;
    for (j, name) in problem.inputs.iter().enumerate() {
        numbers(&format!("`{name}`"), problem.column(j), most)?;
        let range = problem.ranges[j];
        if range.low.is_nan() || range.high.is_nan() || range.low > range.high {
            return Err(Error::Range { input: name.clone(), low: range.low, high: range.high });
        }
    }
    let all = problem.columns.iter().chain(&problem.target);
    let greatest = all.fold(0.0_f64, |most, x| most.max(x.abs()));
    if problem.distance == Distance::L2 && greatest > 0.0 && greatest < 1e-140 {
        return Err(Error::TooSmall { value: greatest });
    }
    limits(problem)?;
    if !problem.ridge.is_finite() || problem.ridge < 0.0 {
        return Err(Error::Ridge { what: format!("the ridge is {}: it must be 0 or more", problem.ridge) });
    }
    if problem.ridge > 0.0 && problem.distance != Distance::L2 {
        return Err(Error::Ridge { what: "a ridge goes with the distance l2 only".to_owned() });
    }
    Ok(())
}

/// Finite values, none beyond `most`.
fn numbers(what: &str, values: &[f64], most: f64) -> Result<()> {
    if let Some(row) = values.iter().position(|x| !x.is_finite()) {
        return Err(Error::NotFinite { what: what.to_owned(), row: row + 1, value: values[row] });
    }
    match values.iter().find(|x| x.abs() > most) {
        Some(&value) => Err(Error::TooLarge { input: what.trim_matches('`').to_owned(), value }),
        None => Ok(()),
    }
}

fn limits(problem: &Problem) -> Result<()> {
    for limit in &problem.limits {
        let name = limit.name.clone();
        if limit.low.is_nan()
            || limit.high.is_nan()
            || limit.low > limit.high
            || limit.low == f64::INFINITY
            || limit.high == f64::NEG_INFINITY
        {
            return Err(Error::Limit { name, low: limit.low, high: limit.high });
        }
        if let Some(&(j, value)) = limit.terms.iter().find(|term| !term.1.is_finite()) {
            return Err(Error::Coefficient { name, input: problem.inputs[j].clone(), value });
        }
    }
    for count in &problem.counts {
        if count.least > count.most {
            return Err(Error::Count { name: count.name.clone(), least: count.least, most: count.most });
        }
        let through_zero = |j: &&usize| {
            let range = problem.ranges[**j];
            range.low <= 0.0 && range.high >= 0.0 && range.low < range.high
        };
        if count.least > 0
            && let Some(&j) = count.members.iter().find(through_zero)
        {
            let (name, input) = (count.name.clone(), problem.inputs[j].clone());
            return Err(Error::LeastThroughZero { name, least: count.least, input });
        }
    }
    Ok(())
}

/// Checks that every weight is bounded, after the limits have tightened the ranges.
///
/// # Errors
/// [`Error::Unbounded`] with the input.
pub(crate) fn bounded(problem: &Problem, form: &Form) -> Result<()> {
    let free = (0..form.n).find(|&j| !form.high[j].is_finite() || !form.low[j].is_finite());
    match free {
        Some(j) => Err(Error::Unbounded { input: problem.inputs[form.origin[j].0].clone() }),
        None => Ok(()),
    }
}
