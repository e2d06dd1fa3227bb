//! Columns that are powers of one another: told from the data, value by value, whatever they are called.

use super::words::figure;
use super::{Code, Facts, Finding, Fix, Remedy};
use crate::certificate::Certificate;
use crate::data::formula::quoted;
use crate::data::{Rows, map_reduce};
use crate::error::Result;
use crate::num::UNIT_ROUNDOFF;
use serde_json::{Map, json};

/// Powers beyond this are not looked for.
const HIGHEST: i32 = 50;

/// A column that lies farther from 0 than it spreads, and those that are its second to k-th power.
#[derive(Clone, Debug, PartialEq)]
pub struct Powers {
    /// Which columns: that of power 1 first, then of power 2, ….
    pub columns: Vec<usize>,
    /// A round number near the mean of the first.
    pub centre: f64,
}

impl Powers {
    /// The longest such family of the data, the farthest of several: names suggest it, every value has to agree.
    ///
    /// # Errors
    /// When the rows can no longer be read.
    pub fn far_from_zero(rows: &dyn Rows, facts: &Facts) -> Result<Option<Self>> {
        let named = |name: &str, power: usize| {
            let spellings = [format!("{name}^{power}"), format!("I({name}^{power})")];
            facts.columns.iter().position(|column| spellings.contains(column))
        };
        let of_base = |base: usize| -> Vec<usize> {
            let higher = (2..).map_while(|power| named(&facts.columns[base], power));
            std::iter::once(base).chain(higher).collect()
        };
        let farther = |a: &Vec<usize>, b: &Vec<usize>| {
            a.len().cmp(&b.len()).then(facts.offset(a[0]).total_cmp(&facts.offset(b[0])))
        };
        let far = (0..facts.columns.len()).filter(|&j| facts.offset(j) > 1.0).map(of_base);
        let Some(columns) = far.max_by(farther) else { return Ok(None) };
        let found = if columns.len() > 1 { powers(rows, &columns)? } else { Some(vec![1]) };
        let whole = found.is_some_and(|powers| powers.iter().copied().eq((1..).take(powers.len())));
        let centre = round_near(facts.moments.mean_x[columns[0]], facts.moments.deviation(columns[0]));
        Ok(whole.then_some(Self { columns, centre }))
    }

    /// What is worth knowing of an answer that is certified only because rounding excuses its gap, where powers about the
    /// centre do not need that.
    pub fn rounded_away(&self, facts: &Facts, certificate: &Certificate, gap: f64) -> Finding {
        let (column, relative) = (self.columns[0], certificate.relative_gap());
        let message = format!(
            "rounding the coefficients to 64 bits leaves a relative gap of {}, above the wanted {}: mean({}) is {}× its spread",
            figure(relative, 2),
            figure(gap, 3),
            facts.columns[column],
            figure(facts.offset(column), 3)
        );
        let mut evidence = Map::new();
        evidence.insert("relative_gap".to_owned(), json!(relative));
        evidence.insert("wanted_gap".to_owned(), json!(gap));
        Finding { code: Code::Sf106, message, evidence, remedies: vec![self.about_the_centre(facts)] }
    }

    /// The same curve in powers about the centre, once that was fitted and certified.
    pub fn about_the_centre(&self, facts: &Facts) -> Remedy {
        let (base, highest) = (&facts.columns[self.columns[0]], self.columns.len());
        // A function of a column stands as it is.
        let base = if base.ends_with(')') { base.clone() } else { quoted(base) };
        let (sign, size) = if self.centre < 0.0 { ('+', -self.centre) } else { ('-', self.centre) };
        let (formula, change) = if highest == 1 {
            let formula = format!("I({base} {sign} {size})");
            let change = format!("write {formula} for {base} in the formula: the same line");
            (formula, change)
        } else {
            let formula = format!("poly({base} {sign} {size}, {highest})");
            let change = format!("write {formula} for the powers of {base} in the formula: the same curve");
            (formula, change)
        };
        Remedy { change, command: None, steps: None, proven: true, safe: false, fix: Fix::Formula(formula) }
    }
}

/// The number of the fewest digits within half a `spread` of `value`.
fn round_near(value: f64, spread: f64) -> f64 {
    let mut rounded = (0..17).filter_map(|digits| format!("{value:.digits$e}").parse::<f64>().ok());
    rounded.find(|round| (round - value).abs() <= 0.5 * spread).unwrap_or(value)
}

/// For each of the columns, of which power of the one with power 1 it is, in every row.
pub(super) fn powers(rows: &dyn Rows, columns: &[usize]) -> Result<Option<Vec<i32>>> {
    let guesses = guesses(rows, columns)?;
    let mut holds = vec![true; guesses.len()];
    map_reduce(
        rows,
        |block| {
            let of_row = |(base, powers): &(usize, Vec<i32>), i: usize| {
                columns.iter().zip(powers).all(|(&j, &power)| {
                    let exact = crate::num::Dd::from(block.x[(i, *base)]).powi(power).value();
                    // A few roundings of whoever formed them.
                    (block.x[(i, j)] - exact).abs() <= f64::from(2 * power) * UNIT_ROUNDOFF * exact.abs()
                })
            };
            let absent = |i: usize| block.weights.is_some_and(|weights| weights[i] == 0.0);
            let of_guess = |guess| (0..block.x.nrows()).all(|i| absent(i) || of_row(guess, i));
            guesses.iter().map(of_guess).collect::<Vec<bool>>()
        },
        |part| holds.iter_mut().zip(part).for_each(|(all, one)| *all &= one),
    )?;
    let right = guesses.into_iter().zip(holds).find(|(_, holds)| *holds);
    Ok(right.map(|((_, powers), _)| powers))
}

/// For each column as the base, the powers that one row suggests for all.
fn guesses(rows: &dyn Rows, columns: &[usize]) -> Result<Vec<(usize, Vec<i32>)>> {
    let Some(block) = rows.blocks().next().transpose()? else { return Ok(Vec::new()) };
    let block = block.view();
    // A value far from 1 tells its powers apart.
    let telling = |i: &usize| {
        columns.iter().all(|&j| {
            let size = block.x[(*i, j)].abs().ln().abs();
            size > 1e-3 && size.is_finite()
        })
    };
    let Some(row) = (0..block.x.nrows()).find(telling) else { return Ok(Vec::new()) };
    let size = |j: usize| block.x[(row, j)].abs().ln();
    let of_base = |&base: &usize| {
        let powers: Vec<i32> = columns
            .iter()
            .filter_map(|&j| {
                (1..=HIGHEST).find(|&power| (size(j) / size(base) - f64::from(power)).abs() < 1e-6)
            })
            .collect();
        (powers.len() == columns.len()).then_some((base, powers))
    };
    Ok(columns.iter().filter_map(of_base).collect())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::float_cmp)]

    use super::round_near;

    #[test]
    fn centres_are_round_and_within_a_spread() {
        assert_eq!(round_near(2005.0, 9.1), 2005.0);
        assert_eq!(round_near(2004.7, 30.0), 2000.0);
        assert_eq!(round_near(-1234.5, 0.02), -1234.5);
        assert_eq!(round_near(18.7, 3.8), 20.0);
        for (value, spread) in [(0.99, 0.9), (9.99e5, 1e4), (1e300, 1e284), (-7.77e-5, 1.3e-9)] {
            assert!((round_near(value, spread) - value).abs() <= 0.5 * spread, "{value} {spread}");
        }
    }
}
