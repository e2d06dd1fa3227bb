//! A network with one hidden layer and a loss of labels, as in M.-L. Zhang and Z.-H. Zhou, *Multilabel Neural Networks with
//! Applications to Functional Genomics and Text Categorization*, IEEE TKDE 18(10), 2006, section 3: hidden units
//! `h = tanh(xV + a)` and scores `s = tanh(hW + b)`, or `hW + b` for losses that compare labels with 0, whose scores have no end.
//!
//! The objective `(1/S) Σ sᵢ ℓ(sᵢ) + (λ/2) (‖V‖² + ‖W‖²)` is not convex in V and W: nothing here is certified.

mod train;

pub use train::{Course, Epoch, Held, Settings, Trained, train};

use crate::data::Samples;
use crate::data::features::Features;
use crate::error::Result;
use crate::loss::{self, Loss};
use crate::num::random::Random;
use crate::problem::LossKind;
use faer::{Mat, MatMut};

/// Weights of d features, H hidden units and c labels.
#[derive(Clone, Debug, PartialEq)]
pub struct Network {
    hidden: usize,
    labels: usize,
    /// Scores are the tanh of what comes in.
    bounded: bool,
    /// d × H, a feature's side by side.
    features: Vec<f64>,
    /// H.
    thresholds: Vec<f64>,
    /// H × c, a unit's side by side.
    units: Vec<f64>,
    /// c.
    biases: Vec<f64>,
}

/// What one row makes of the network.
#[derive(Clone, Debug)]
struct Pulse {
    /// H: what the units say.
    units: Vec<f64>,
    /// c: scores, then the gradient in them.
    scores: Vec<f64>,
    /// H: the gradient in what comes into the units.
    back: Vec<f64>,
}

impl Network {
    /// Weights from a seed: even in ±1/√(what comes into a unit), as its input then is of the order of 1.
    fn new(features: usize, hidden: usize, labels: usize, loss: LossKind, seed: u64) -> Self {
        let mut random = Random(seed);
        let mut even = |count: usize, into: usize| -> Vec<f64> {
            let reach = 1.0 / (into.max(1) as f64).sqrt();
            let number = |random: &mut Random| (random.next() >> 11) as f64 / (1u64 << 52) as f64 - 1.0;
            (0..count).map(|_| reach * number(&mut random)).collect()
        };
        Self {
            hidden,
            labels,
            bounded: loss.is_of_pairs(),
            features: even(features * hidden, features),
            thresholds: vec![0.0; hidden],
            units: even(hidden * labels, hidden),
            biases: vec![0.0; labels],
        }
    }

    /// Room of the same sizes, all 0.
    fn zeros(&self) -> Self {
        let zeros = |of: &[f64]| vec![0.0; of.len()];
        Self {
            features: zeros(&self.features),
            thresholds: zeros(&self.thresholds),
            units: zeros(&self.units),
            biases: zeros(&self.biases),
            ..*self
        }
    }

    /// Units, H.
    pub fn hidden(&self) -> usize {
        self.hidden
    }

    /// Numbers that are learned.
    pub fn parameters(&self) -> usize {
        self.parts().iter().map(|part| part.len()).sum()
    }

    /// All of them: features, thresholds, units, biases.
    pub fn parts(&self) -> [&[f64]; 4] {
        [&self.features, &self.thresholds, &self.units, &self.biases]
    }

    fn parts_mut(&mut self) -> [&mut [f64]; 4] {
        [&mut self.features, &mut self.thresholds, &mut self.units, &mut self.biases]
    }

    fn pulse(&self) -> Pulse {
        let (units, back) = (vec![0.0; self.hidden], vec![0.0; self.hidden]);
        Pulse { units, scores: vec![0.0; self.labels], back }
    }

    /// The scores of a row.
    fn forward(&self, x: &Features<'_>, row: usize, pulse: &mut Pulse) {
        let (h, c) = (self.hidden, self.labels);
        pulse.units.copy_from_slice(&self.thresholds);
        x.for_each_in_row(row, |j, value| {
            let weights = &self.features[j * h..(j + 1) * h];
            pulse.units.iter_mut().zip(weights).for_each(|(unit, weight)| *unit += value * weight);
        });
        pulse.units.iter_mut().for_each(|unit| *unit = unit.tanh());
        pulse.scores.copy_from_slice(&self.biases);
        for (unit, weights) in pulse.units.iter().zip(self.units.chunks_exact(c.max(1))) {
            pulse.scores.iter_mut().zip(weights).for_each(|(score, weight)| *score += unit * weight);
        }
        if self.bounded {
            pulse.scores.iter_mut().for_each(|score| *score = score.tanh());
        }
    }

    /// The loss of a row, and its gradient in what comes into each unit and each score.
    fn backward(&self, loss: &dyn Loss, samples: &Samples<'_>, row: usize, pulse: &mut Pulse) -> f64 {
        self.forward(&samples.x, row, pulse);
        let c = self.labels;
        let slopes: Vec<f64> = if self.bounded {
            pulse.scores.iter().map(|score| 1.0 - score * score).collect()
        } else {
            Vec::new()
        };
        let weight = [samples.weight(row)];
        let view = MatMut::from_row_major_slice_mut(&mut pulse.scores, 1, c);
        let value = loss.block(view, samples.targets.rows(row, 1), Some(&weight));
        pulse.scores.iter_mut().zip(&slopes).for_each(|(g, slope)| *g *= slope);
        let weights = self.units.chunks_exact(c.max(1));
        for ((back, unit), weights) in pulse.back.iter_mut().zip(&pulse.units).zip(weights) {
            let sum: f64 = weights.iter().zip(&pulse.scores).map(|(weight, g)| weight * g).sum();
            *back = sum * (1.0 - unit * unit);
        }
        value
    }

    /// Adds `by` times the gradient of a row's loss.
    fn add(&mut self, x: &Features<'_>, row: usize, pulse: &Pulse, by: f64) {
        let (h, c) = (self.hidden, self.labels);
        x.for_each_in_row(row, |j, value| {
            let weights = &mut self.features[j * h..(j + 1) * h];
            weights.iter_mut().zip(&pulse.back).for_each(|(weight, back)| *weight += by * value * back);
        });
        self.thresholds.iter_mut().zip(&pulse.back).for_each(|(threshold, back)| *threshold += by * back);
        for (unit, weights) in pulse.units.iter().zip(self.units.chunks_exact_mut(c.max(1))) {
            weights.iter_mut().zip(&pulse.scores).for_each(|(weight, g)| *weight += by * unit * g);
        }
        self.biases.iter_mut().zip(&pulse.scores).for_each(|(bias, g)| *bias += by * g);
    }

    /// `(λ/2) (‖V‖² + ‖W‖²)`.
    fn penalty(&self, lambda: f64) -> f64 {
        let square = |of: &[f64]| of.iter().map(|w| w * w).sum::<f64>();
        0.5 * lambda * (square(&self.features) + square(&self.units))
    }

    /// The mean loss of some rows.
    ///
    /// # Errors
    /// A loss whose δ makes no sense.
    pub fn mean_loss(&self, samples: &Samples<'_>, loss: LossKind) -> Result<f64> {
        loss.check()?;
        let (loss, mut pulse) = (loss::named(loss), self.pulse());
        let rows = (0..samples.x.rows()).filter(|row| samples.weight(*row) > 0.0);
        let sum: f64 = rows.map(|row| self.backward(&*loss, samples, row, &mut pulse)).sum();
        Ok(sum / samples.total_weight())
    }

    /// The objective with weight decay `lambda`, and its gradient in the place of each weight.
    ///
    /// # Errors
    /// As [`Self::mean_loss`].
    pub fn objective(&self, samples: &Samples<'_>, loss: LossKind, lambda: f64) -> Result<(f64, Self)> {
        loss.check()?;
        let (loss, mut pulse, mut gradient) = (loss::named(loss), self.pulse(), self.zeros());
        let (total, mut value) = (samples.total_weight(), 0.0);
        for row in (0..samples.x.rows()).filter(|row| samples.weight(*row) > 0.0) {
            value += self.backward(&*loss, samples, row, &mut pulse);
            gradient.add(&samples.x, row, &pulse, 1.0 / total);
        }
        let pairs = [(&mut gradient.features, &self.features), (&mut gradient.units, &self.units)];
        for (gradient, weights) in pairs {
            gradient.iter_mut().zip(weights).for_each(|(g, w)| *g += lambda * w);
        }
        Ok((value / total + self.penalty(lambda), gradient))
    }

    /// n × c: the scores of rows.
    pub fn scores(&self, x: &Features<'_>) -> Mat<f64> {
        let mut pulse = self.pulse();
        let mut scores = Mat::zeros(x.rows(), self.labels);
        for row in 0..x.rows() {
            self.forward(x, row, &mut pulse);
            pulse.scores.iter().enumerate().for_each(|(k, score)| scores[(row, k)] = *score);
        }
        scores
    }
}

#[cfg(test)]
mod tests;
