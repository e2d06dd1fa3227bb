//! How a model does on rows that it may not have seen.

use super::load;
use crate::args::Reading;
use crate::report::{FitReport, TestScore};
use crate::screen::Screen;
use surefit::Result;
use surefit::data::encode::{Encoded, Purpose, Recipe};
use surefit::data::{Rows, SampleSet};
use surefit::model::Model;

/// Weighted sums for one target.
#[derive(Clone, Copy, Default)]
struct Sums {
    weight: f64,
    residual: f64,
    shift: Option<f64>,
    first: f64,
    second: f64,
}

impl Sums {
    fn add(&mut self, weight: f64, predicted: f64, target: f64) {
        // About the first target, so that no digits are lost to an offset.
        let about = target - *self.shift.get_or_insert(target);
        self.weight += weight;
        self.residual += weight * (predicted - target) * (predicted - target);
        self.first += weight * about;
        self.second += weight * about * about;
    }

    fn rmse(&self) -> f64 {
        (self.residual / self.weight).sqrt()
    }

    fn r_squared(&self) -> f64 {
        1.0 - self.residual / (self.second - self.first * self.first / self.weight)
    }
}

/// Scores rows in memory into the report: how classes are told apart, or RMSE and R².
pub fn of_samples(model: &Model, set: &SampleSet, file: &str, report: &mut FitReport) -> Result<()> {
    let scores = model.scores(set.features()?)?;
    if let Some(confusion) = set.confusion(scores.as_ref()) {
        if let Some(facts) = &mut report.samples {
            facts.test = Some((file.to_owned(), confusion));
        }
        return Ok(());
    }
    let Some(y) = set.values() else { return Ok(()) };
    let mut sums = vec![Sums::default(); y.ncols()];
    for (k, sums) in sums.iter_mut().enumerate() {
        for i in 0..y.nrows() {
            let weight = set.weights().and_then(|weights| weights.get(i)).copied().unwrap_or(1.0);
            sums.add(weight, scores[(i, k)], y[(i, k)]);
        }
    }
    report.test = Some(TestScore {
        file: file.to_owned(),
        rows: set.rows(),
        rmse: sums.iter().map(Sums::rmse).collect(),
        r_squared: sums.iter().map(Sums::r_squared).collect(),
    });
    Ok(())
}

/// RMSE and R² on the rows of a file.
pub fn score(
    model: &Model,
    recipe: &Recipe,
    file: &str,
    reading: &Reading,
    screen: &Screen,
) -> Result<TestScore> {
    let table = load::by_recipe(file, recipe, Purpose::Evaluate, reading, screen)?;
    let rows = Encoded::with(&table, recipe, Purpose::Evaluate)?;
    screen.notes(rows.notes().iter().map(|note| format!("{file}: {note}")));
    let mut sums = vec![Sums::default(); rows.shape().outputs];
    for block in rows.blocks() {
        let block = block?;
        let block = block.view();
        let predicted = model.predict(block)?;
        for (target, sums) in sums.iter_mut().enumerate() {
            for row in 0..predicted.nrows() {
                let weight = block.weights.map_or(1.0, |weights| weights[row]);
                sums.add(weight, predicted[(row, target)], block.y[(row, target)]);
            }
        }
    }
    Ok(TestScore {
        file: file.to_owned(),
        rows: rows.shape().rows,
        rmse: sums.iter().map(Sums::rmse).collect(),
        r_squared: sums.iter().map(Sums::r_squared).collect(),
    })
}
