//! Which input to decide next: what past decisions did to the bound, and trials where too few are known
//! (reliability branching: Achterberg, Koch & Martin 2005).

/// Bound gained by decisions so far, for each unit of the fraction that was taken away.
#[derive(Clone, Debug)]
pub(crate) struct Costs {
    /// For out, then for in: sum and count.
    gains: Vec<[(f64, u32); 2]>,
    /// What was learned since.
    fresh: Vec<(usize, usize, f64)>,
}

/// Trials that make an input's costs reliable.
const RELIABLE: u32 = 6;

impl Costs {
    pub(crate) fn new(n: usize) -> Self {
        Self { gains: vec![[(0.0, 0); 2]; n], fresh: Vec::new() }
    }

    /// Records that deciding `j` (side 0: out, 1: in) at a distance of `fraction` raised the bound by `gain`.
    pub(crate) fn record(&mut self, j: usize, side: usize, gain: f64, fraction: f64) {
        let cost = gain.max(0.0) / fraction.max(1e-3);
        let (sum, count) = &mut self.gains[j][side];
        *sum += cost;
        *count += 1;
        self.fresh.push((j, side, cost));
    }

    /// Takes over what a task has learned.
    pub(crate) fn learn(&mut self, other: &Self) {
        for &(j, side, cost) in &other.fresh {
            let (sum, count) = &mut self.gains[j][side];
            *sum += cost;
            *count += 1;
        }
    }

    /// A copy that has learned nothing new yet.
    pub(crate) fn copy(&self) -> Self {
        Self { gains: self.gains.clone(), fresh: Vec::new() }
    }

    /// Whether enough is known of `j`.
    pub(crate) fn is_reliable(&self, j: usize) -> bool {
        self.gains[j].iter().all(|(_, count)| *count >= RELIABLE)
    }

    /// The gain to be expected; of an input that nothing is known of, that of the mean.
    pub(crate) fn expected(&self, j: usize, side: usize, fraction: f64, mean: f64) -> f64 {
        let (sum, count) = self.gains[j][side];
        let cost = if count > 0 { sum / f64::from(count) } else { mean };
        cost * fraction
    }

    /// The mean cost of a side.
    pub(crate) fn mean(&self, side: usize) -> f64 {
        let (sum, count) = self
            .gains
            .iter()
            .map(|gain| gain[side])
            .filter(|(_, count)| *count > 0)
            .fold((0.0, 0_u32), |(total, inputs), (sum, count)| (total + sum / f64::from(count), inputs + 1));
        if count > 0 { sum / f64::from(count) } else { 1.0 }
    }
}

/// Both gains in one number: a small one on either side makes a tree that is large.
pub(crate) fn score(out: f64, into: f64) -> f64 {
    out.max(1e-9) * into.max(1e-9)
}
