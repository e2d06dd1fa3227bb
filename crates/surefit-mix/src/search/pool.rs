//! The best mixes so far.

use crate::form::Form;

/// A mix.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Incumbent {
    /// Weights, by column of the whole form.
    pub weights: Vec<f64>,
    /// Objective.
    pub value: f64,
}

/// The best mixes of different supports, best first. They are kept by the columns of the whole form, and offered by
/// those that are still live.
#[derive(Clone, Debug)]
pub(crate) struct Pool {
    mixes: Vec<Incumbent>,
    /// How many are wanted.
    wanted: usize,
    gap: f64,
    tolerance: f64,
    /// No mix has a higher objective: a bound above it shows that there is none.
    most: f64,
    /// Columns of the whole form, and the live ones.
    columns: usize,
    live: Vec<usize>,
}

impl Pool {
    /// For `wanted` mixes of a form with so many columns, each proven to the relative gap or, where that is less, to
    /// the tolerance. No mix has a higher objective than `most`.
    pub(crate) fn new(columns: usize, wanted: usize, gap: f64, tolerance: f64, most: f64) -> Self {
        let live = (0..columns).collect();
        Self { mixes: Vec::new(), wanted: wanted.max(1), gap, tolerance, most, columns, live }
    }

    /// From now on only these of the live columns are offered.
    pub(crate) fn keep(&mut self, left: &[usize]) {
        self.live = left.iter().map(|&j| self.live[j]).collect();
    }

    /// The best mix.
    pub(crate) fn best(&self) -> Option<&Incumbent> {
        self.mixes.first()
    }

    /// All of them.
    pub(crate) fn into_mixes(self) -> Vec<Incumbent> {
        self.mixes
    }

    /// The value that a mix must be below to be wanted.
    pub(crate) fn value(&self) -> f64 {
        self.mixes.get(self.wanted - 1).map_or(f64::INFINITY, |last| last.value)
    }

    /// The bound from which on a node holds nothing that is wanted.
    pub(crate) fn cutoff(&self) -> f64 {
        let value = self.value();
        if value.is_finite() { value - (self.gap * value.abs()).max(self.tolerance) } else { self.most }
    }

    /// Takes weights of the live columns, if they are a mix that is wanted.
    pub(crate) fn offer(&mut self, form: &Form, weights: &[f64]) {
        let value = form.objective(weights);
        if value < self.value() && value.is_finite() && form.allows(weights) {
            let mut whole = vec![0.0; self.columns];
            self.live.iter().zip(weights).for_each(|(&j, &w)| whole[j] = w);
            self.take(Incumbent { weights: whole, value });
        }
    }

    /// Takes over what a copy of this pool has found.
    pub(crate) fn merge(&mut self, other: Self) {
        other.mixes.into_iter().for_each(|mix| self.take(mix));
    }

    fn take(&mut self, mix: Incumbent) {
        let has_same_support = |other: &Incumbent| {
            other.weights.iter().zip(&mix.weights).all(|(a, b)| (*a == 0.0) == (*b == 0.0))
        };
        if let Some(same) = self.mixes.iter().position(has_same_support) {
            if self.mixes[same].value <= mix.value {
                return;
            }
            self.mixes.remove(same);
        }
        let place = self.mixes.partition_point(|other| other.value <= mix.value);
        self.mixes.insert(place, mix);
        self.mixes.truncate(self.wanted);
    }
}
