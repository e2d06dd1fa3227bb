//! The free intercept: its equality in the dual, `Σᵢ gᵢₖ = 0` for every output k, and the price of what is missing.
//!
//! # Making the sums vanish
//! An output whose class has no row with weight pulls one way only; its dual numbers are made 0, as they are at
//! the optimum, where its intercept is −∞. So are those of pairs of labels in different components of
//! [`pairs`](super::pairs). Then
//! - without a given dual point and for smooth losses, the gradient is taken at shifted scores `z + v`, v the best
//!   intercept for these scores, by Newton's method in c numbers;
//! - for linear pieces of classes, dual numbers move between outputs p and q within rows: τ from `gₚ` to `g_q`. With violations
//!   `vⱼ = δ + zⱼ − z_y` and `v_y = 0` this costs `τ(vₚ − v_q)` in the brackets, so rows are taken in that order, each
//!   as far as its domain allows. One against the rest, every output is balanced alone at the cost `z − t` a unit.
//!
//! # Bounding the rest
//! Only points (W′, b′) that are no worse than the answer matter, so `P(W′, b′) ≤ P`. Losses are ≥ 0, hence
//! `½ Σ λⱼ‖W′ⱼ‖² ≤ P`: with `R = √2P` and rows measured as `‖x‖² = Σ xⱼ²/λⱼ`, `|x·w′ₖ| ≤ R‖x‖` and
//! `|x·(w′ⱼ − w′ₖ)| ≤ √2 R‖x‖`. Let `S_y` be the weight of class y and `ρ_y` its mean of ‖x‖.
//!
//! - *Weston and Watkins, Crammer and Singer, softmax* (there δ = 0): rows of class y have `ℓ ≥ δ + z_j − z_y` for
//!   every j. Their weighted sum is at most SP, so `b′_j − b′_y ≤ U_y = SP/S_y − δ + √2 R ρ_y`.
//! - *Squared hinge*: `ℓ ≥ max(0, δ + z_j − z_y)²`, and by Jensen the mean violation is at most `√(SP/S_y)`:
//!   that in place of `SP/S_y`.
//! - The entries of each gᵢ sum to 0, and so does m: it moves mass `½ Σ|mₖ|` from outputs with mₖ > 0 to
//!   outputs with mₖ < 0, and `−b′·m ≤ ½ Σ|mₖ| · max U_y` over the y with `m_y > 0`.
//! - *One against the rest*: output k is a problem of two classes with margins `±z_k`. From `f ≥ δ − margin` (δ = 1,
//!   logistic 0) on the positive side, `−b′ₖ ≤ SP/S₊ − δ + Rρ₊`, and `b′ₖ ≤ SP/S₋ − δ + Rρ₋` on the other; squared
//!   with √(SP/S±).
//! - *Labels, each for itself* (ZLPR, the global threshold, the logistic loss of labels): label k is such a problem too, as these
//!   losses are at least `log(1 + e^{∓zₖ}) ≥ ∓zₖ` or `e^{∓zₖ} ≥ ∓zₖ`. With a weight ω of the label the first two are at least
//!   `∓zₖ + log ω`, and the last one ω times as much, as if its rows were of weight ωs.
//! - *Pairs of labels*: see [`pairs`](super::pairs); the sums of m over the labels of a component are 0 again.
//! - *Numbers*: `|b′ₖ| ≤ r + Rρ + mean|yₖ|` with r a bound on the mean absolute residual: √2P for the squared
//!   loss, and `P/δ + ½δ` for Huber's, which is at least `δ|r| − ½δ²`.

use super::pairs::Compared;
use super::{Case, STRIP, Square, label_weights};
use crate::data::LabelRows;
use crate::loss::{Curvature, Targets};
use crate::num::dense::{cholesky, solve_lower, solve_upper};
use crate::num::{Dd, UNIT_ROUNDOFF};
use crate::problem::LossKind;
use faer::{Mat, MatRef};
use rayon::prelude::*;

/// Newton steps of an intercept.
const STEPS: usize = 50;
/// An imbalance that costs less than this of the objective is left as it is.
const NEGLIGIBLE: f64 = 1e-9;
/// A shift beyond all other scores, at which every loss is flat to the last bit.
const BEYOND: f64 = 2e3;

/// How the dual numbers of a row hang together.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Domain {
    /// αⱼ ≥ 0 for the rivals, each at most s.
    Box,
    /// Σα ≤ s.
    Simplex,
    /// Rivals have αⱼ ≥ 0 without a bound.
    Cone,
    /// Every output alone, against the rest.
    Single,
    /// Labels against each other.
    Pairs,
    /// Numbers.
    Values,
}

impl Domain {
    pub(super) fn of(loss: LossKind) -> Self {
        match loss {
            LossKind::Hinge { .. } => Self::Box,
            LossKind::CrammerSinger { .. } | LossKind::Softmax => Self::Simplex,
            LossKind::SquaredHinge { .. } => Self::Cone,
            LossKind::OvrHinge
            | LossKind::OvrSquaredHinge
            | LossKind::OvrLogistic
            | LossKind::Zlpr
            | LossKind::GlobalThreshold
            | LossKind::LabelLogistic => Self::Single,
            LossKind::Bpmll
            | LossKind::Lsep
            | LossKind::Log1pBpmll
            | LossKind::PairwiseHinge
            | LossKind::PairwiseSquaredHinge
            | LossKind::PairwiseLogistic => Self::Pairs,
            LossKind::Squared | LossKind::Huber { .. } => Self::Values,
        }
    }
}

/// Outputs whose intercept has no finite best value, or a finite one among some others alone.
struct Adrift {
    /// c: where the shifts begin, in steps that are beyond all scores.
    level: Vec<f64>,
    /// c: whether the dual numbers are 0.
    still: Vec<bool>,
}

impl Adrift {
    fn any(&self) -> bool {
        self.level.iter().any(|level| *level != 0.0)
    }
}

/// The rows of a class: their weight, and Σ s‖x‖.
#[derive(Clone, Copy, Default)]
struct Share {
    weight: f64,
    lengths: f64,
}

/// One way to move dual numbers.
struct Move {
    row: usize,
    cost: f64,
    room: f64,
}

impl Case<'_> {
    /// Makes the sums of the dual point vanish as far as they can; returns the shift of the scores that g is then the
    /// gradient at, where it is one.
    pub(super) fn balance(&self, g: &mut Vec<f64>, given: bool, objective: f64) -> Option<Vec<f64>> {
        let adrift = self.adrift();
        let price = self.offset(&self.sums(g), g, objective);
        if !adrift.any() && price.is_some_and(|(price, _)| price <= NEGLIGIBLE * objective) {
            return None;
        }
        let shift =
            (!given && self.loss.curvature() != Curvature::Piecewise).then(|| self.best_shift(&adrift));
        if let Some(shift) = &shift {
            *g = self.evaluate(&self.scores.z, Some(shift)).gradient;
        }
        if !self.loss.has_conjugate() {
            return shift;
        }
        self.silence(g, &adrift);
        if self.loss.curvature() == Curvature::Piecewise {
            match Domain::of(self.problem.loss) {
                Domain::Single => (0..self.samples.outputs).for_each(|k| self.balance_alone(g, k)),
                // What is missing is paid for: a pull that moves in one row moves others of it.
                Domain::Pairs => {}
                domain => self.balance_pairs(g, domain),
            }
            self.project(g);
        }
        shift
    }

    /// The class of a row.
    fn class(&self, row: usize) -> usize {
        match self.samples.targets {
            Targets::Classes(of_rows) => {
                of_rows.get(row).and_then(|class| usize::try_from(*class).ok()).unwrap_or(usize::MAX)
            }
            Targets::Values(_) | Targets::Labels(_) => usize::MAX,
        }
    }

    /// tₖ of one against the rest, and of labels.
    fn sign(&self, row: usize, k: usize) -> f64 {
        if let Targets::Labels(labels) = self.samples.targets {
            return if labels.has(row, k) { 1.0 } else { -1.0 };
        }
        let positive = if self.samples.outputs == 1 { 1 } else { k };
        if self.class(row) == positive { 1.0 } else { -1.0 }
    }

    /// The rows of every class, or those on both sides of every output.
    fn shares(&self) -> Vec<[Share; 2]> {
        let c = self.samples.outputs;
        let domain = Domain::of(self.problem.loss);
        if let Targets::Labels(labels) = self.samples.targets {
            return self.shares_of_labels(labels);
        }
        let mut of_classes = vec![Share::default(); c.max(2)];
        for (i, s) in self.rows_with_weight() {
            let class = if domain == Domain::Values { 0 } else { self.class(i) };
            if let Some(share) = of_classes.get_mut(class) {
                share.weight += s;
                share.lengths += s * self.scores.rows[i].sqrt();
            }
        }
        let others = |k: usize| {
            let others =
                of_classes.iter().enumerate().filter(|(class, _)| *class != k).map(|(_, share)| share);
            others.fold(Share::default(), |sum, share| Share {
                weight: sum.weight + share.weight,
                lengths: sum.lengths + share.lengths,
            })
        };
        match domain {
            Domain::Values => vec![[of_classes[0]; 2]; c],
            Domain::Single if c == 1 => vec![[of_classes[1], of_classes[0]]],
            Domain::Single => (0..c).map(|k| [of_classes[k], others(k)]).collect(),
            Domain::Box | Domain::Simplex | Domain::Cone | Domain::Pairs => {
                (0..c).map(|k| [of_classes[k]; 2]).collect()
            }
        }
    }

    /// The rows that have each label, and the others.
    fn shares_of_labels(&self, labels: LabelRows<'_>) -> Vec<[Share; 2]> {
        let mut shares = vec![[Share::default(); 2]; labels.labels()];
        let of_labels = if self.problem.loss == LossKind::LabelLogistic { labels.weights() } else { None };
        for (i, s) in self.rows_with_weight() {
            for (k, sides) in shares.iter_mut().enumerate() {
                let share = &mut sides[usize::from(!labels.has(i, k))];
                let s = s * of_labels.and_then(|weights| weights.get(k)).copied().unwrap_or(1.0);
                share.weight += s;
                share.lengths += s * self.scores.rows[i].sqrt();
            }
        }
        shares
    }

    /// Where the intercepts of outputs go to infinity, whither: the class of one has no row, or all of them, and
    /// components of labels go apart.
    fn adrift(&self) -> Adrift {
        let c = self.samples.outputs;
        if let Some(compared) = &self.compared {
            let top = compared.count() as f64 - 1.0;
            return Adrift {
                level: (0..c).map(|k| compared.component(k) as f64 - top).collect(),
                still: (0..c).map(|k| compared.is_alone(k)).collect(),
            };
        }
        let level = |[positive, negative]: &[Share; 2]| match (positive.weight > 0.0, negative.weight > 0.0) {
            (false, _) => -1.0,
            (_, false) => 1.0,
            _ => 0.0,
        };
        let level: Vec<f64> = self.shares().iter().map(level).collect();
        Adrift { still: level.iter().map(|level| *level != 0.0).collect(), level }
    }

    /// Dual numbers of outputs that pull one way only are 0, and of each row those of all components but one.
    fn silence(&self, g: &mut [f64], adrift: &Adrift) {
        if !adrift.any() {
            return;
        }
        for (row, g) in g.chunks_exact_mut(adrift.still.len()).enumerate() {
            if let (Some(compared), Targets::Labels(labels)) = (&self.compared, self.samples.targets) {
                let own = compared.of_row(labels, row);
                let others = g.iter_mut().enumerate().filter(|(k, _)| Some(compared.component(*k)) != own);
                others.for_each(|(_, g)| *g = 0.0);
            } else {
                g.iter_mut().zip(&adrift.still).filter(|(_, still)| **still).for_each(|(g, _)| *g = 0.0);
            }
        }
        self.project(g);
    }

    /// The sup of `(b − b′)·m` over points no worse than the answer, and its rounding; none without a bound.
    pub(super) fn offset(&self, sums: &[Dd], g: &[f64], objective: f64) -> Option<(f64, f64)> {
        let (c, total) = (sums.len(), self.total);
        let m: Vec<f64> = sums.iter().map(|sum| sum.value() / total).collect();
        let length = g.iter().map(|g| g.abs()).sum::<f64>() / total;
        let rounding = (4.0 * c as f64 + 8.0) * UNIT_ROUNDOFF * length;
        if rounding == 0.0 {
            return Some((0.0, 0.0));
        }
        let own: f64 = self.answer.intercept.iter().zip(&m).map(|(b, m)| b * m).sum();
        let (price, most) = match &self.compared {
            Some(compared) => self.price_of_pairs(compared, &m, objective, rounding)?,
            None => self.price(&m, objective),
        };
        let largest = self.reach.1.max(most);
        (price.is_finite()).then_some(((own + price).max(0.0), largest * rounding))
    }

    /// The sup of `−b′·m`, and the largest of the bounds that it is made of.
    fn price(&self, m: &[f64], objective: f64) -> (f64, f64) {
        let bounds = self.bounds(objective);
        let finite = |most: f64, bound: f64| if bound.is_finite() { most.max(bound) } else { most };
        let largest = bounds.iter().flatten().copied().fold(0.0, finite);
        let price = if matches!(Domain::of(self.problem.loss), Domain::Single | Domain::Values) {
            let price = |(m, [below, above]): (&f64, &[f64; 2])| {
                if *m == 0.0 { 0.0 } else { m.abs() * if *m > 0.0 { *below } else { *above } }
            };
            m.iter().zip(&bounds).map(price).sum::<f64>()
        } else {
            let pulling = m.iter().zip(&bounds).filter(|(m, _)| **m > 0.0);
            let most = pulling.fold(0.0f64, |most, (_, [bound, _])| most.max(*bound));
            let mass = 0.5 * m.iter().map(|m| m.abs()).sum::<f64>();
            if mass == 0.0 { 0.0 } else { mass * most }
        };
        (price, largest)
    }

    /// The same for labels that are compared; none where a component as a whole is pulled, which nothing bounds.
    fn price_of_pairs(
        &self,
        compared: &Compared,
        m: &[f64],
        objective: f64,
        rounding: f64,
    ) -> Option<(f64, f64)> {
        if !self.penalized {
            return None;
        }
        let apart = self.apart(compared, upwards(objective));
        let (mut pulls, mut masses) = (vec![0.0; apart.len()], vec![0.0; apart.len()]);
        for (k, m) in m.iter().enumerate() {
            let component = compared.component(k);
            pulls[component] += m;
            masses[component] += 0.5 * m.abs();
        }
        let price =
            masses.iter().zip(&apart).map(|(mass, apart)| if *mass == 0.0 { 0.0 } else { mass * apart });
        let price = price.sum::<f64>();
        let held = apart.len() == 1 || pulls.iter().all(|pull: &f64| pull.abs() <= rounding);
        held.then(|| (price, apart.iter().copied().fold(0.0, f64::max)))
    }

    /// For every output what bounds −b′ₖ and b′ₖ, or U of its class; infinite where nothing does.
    fn bounds(&self, objective: f64) -> Vec<[f64; 2]> {
        if !self.penalized {
            return vec![[f64::INFINITY; 2]; self.samples.outputs];
        }
        let objective = upwards(objective);
        let reach = (2.0 * objective).sqrt();
        let domain = Domain::of(self.problem.loss);
        let spread = if domain == Domain::Single { reach } else { std::f64::consts::SQRT_2 * reach };
        let squared = matches!(self.problem.loss, LossKind::SquaredHinge { .. } | LossKind::OvrSquaredHinge);
        // Sums over rows, rounded upwards.
        let norm = |share: Share| {
            share.lengths / share.weight * (1.0 + 4.0 * self.samples.x.rows() as f64 * UNIT_ROUNDOFF)
        };
        let moved = |k: usize| match self.problem.loss {
            LossKind::Zlpr | LossKind::GlobalThreshold => {
                label_weights(self.samples).get(k).map_or(0.0, |weight| weight.ln())
            }
            _ => 0.0,
        };
        let of_share = |k: usize, share: Share| {
            let mean = self.total * objective / share.weight;
            let mean = if squared { mean.sqrt() } else { mean };
            if share.weight > 0.0 {
                (mean - self.reach.2 - moved(k) + spread * norm(share)).max(0.0)
            } else {
                f64::INFINITY
            }
        };
        let of_numbers = |k: usize, all: Share| {
            let residual = match self.problem.loss {
                LossKind::Huber { delta } => objective / delta + 0.5 * delta,
                _ => reach,
            };
            let Targets::Values(y) = self.samples.targets else { return f64::INFINITY };
            let weighted = |(i, y): (usize, &f64)| self.samples.weight(i) * y.abs();
            residual + reach * norm(all) + y.col(k).iter().enumerate().map(weighted).sum::<f64>() / self.total
        };
        let shares = self.shares();
        match domain {
            Domain::Values => {
                shares.iter().enumerate().map(|(k, [all, _])| [of_numbers(k, *all); 2]).collect()
            }
            _ => shares.iter().enumerate().map(|(k, sides)| sides.map(|share| of_share(k, share))).collect(),
        }
    }

    /// The intercept that is best beside these scores, by Newton's method with halved steps; outputs that pull
    /// one way only are moved out of reach.
    fn best_shift(&self, Adrift { level, still }: &Adrift) -> Vec<f64> {
        let most = self.scores.z.iter().fold(0.0f64, |most, z| most.max(z.abs()));
        let far = 4.0 * most + BEYOND + self.reach.2;
        let mut shift: Vec<f64> = level.iter().map(|level| level * far).collect();
        let mut here = self.evaluate(&self.scores.z, Some(&shift));
        for _ in 0..STEPS {
            let slope: Vec<f64> = self.sums(&here.gradient).iter().map(|sum| sum.value()).collect();
            let Some(step) = newton_step(self.bend(&shift), &slope, still) else { break };
            let falls: f64 = step.iter().zip(&slope).map(|(step, slope)| step * slope).sum();
            let ahead = (0..30).map(|halvings| 0.5f64.powi(halvings)).find_map(|t| {
                let ahead: Vec<f64> = shift.iter().zip(&step).map(|(v, step)| v + t * step).collect();
                let there = self.evaluate(&self.scores.z, Some(&ahead));
                (there.value < here.value + 1e-4 * t * falls).then_some((ahead, there))
            });
            // Where the value no longer tells, the gradient still may: a last full step for its own sake.
            let Some((ahead, there)) = ahead else {
                let ahead: Vec<f64> = shift.iter().zip(&step).map(|(v, step)| v + step).collect();
                let there = self.evaluate(&self.scores.z, Some(&ahead));
                let size = |e: &[f64]| self.sums(e).iter().map(|sum| sum.value().abs()).sum::<f64>();
                return if size(&there.gradient) < size(&here.gradient) { ahead } else { shift };
            };
            (shift, here) = (ahead, there);
        }
        shift
    }

    /// c × c: the second derivative of Σ sℓ in a shift of all rows.
    fn bend(&self, shift: &[f64]) -> Square {
        let (n, c) = (self.samples.x.rows(), self.samples.outputs);
        let part = |strip: usize| {
            let rows = strip * STRIP..n.min((strip + 1) * STRIP);
            let (targets, weights) = self.of_rows(&rows);
            let mut z = self.scores.z[rows.start * c..rows.end * c].to_vec();
            z.chunks_exact_mut(c).for_each(|z| z.iter_mut().zip(shift).for_each(|(z, v)| *z += v));
            let mut bend = Mat::zeros(c, c);
            let z = MatRef::from_row_major_slice(&z, rows.len(), c);
            self.loss.add_hessians(z, targets, weights, bend.as_mut());
            bend
        };
        let parts: Vec<Square> = (0..n.div_ceil(STRIP)).into_par_iter().map(part).collect();
        parts.iter().fold(Mat::zeros(c, c), |sum, part| sum + part)
    }

    /// One against the rest: moves numbers of output `k` until they sum to 0, the cheapest first.
    fn balance_alone(&self, g: &mut [f64], k: usize) {
        let c = self.samples.outputs;
        let excess = self.sums(g)[k].value();
        let down = excess > 0.0;
        let moves = self.rows_with_weight().map(|(i, s)| {
            let (own, t, z) = (g[i * c + k], self.sign(i, k), self.scores.z[i * c + k]);
            // g is in [−s, 0] for the class's own rows and in [0, s] for the others.
            let (low, high) = if t > 0.0 { (-s, 0.0) } else { (0.0, s) };
            let room = if down { own - low } else { high - own };
            Move { row: i, cost: if down { z - t } else { t - z }, room }
        });
        let moves = moves.collect();
        let sign = if down { -1.0 } else { 1.0 };
        spend(moves, excess.abs(), |row, amount| g[row * c + k] += sign * amount);
    }

    /// Rows that say something, with their weights: of a weight above 0, and with a pair where pairs are compared.
    pub(super) fn rows_with_weight(&self) -> impl Iterator<Item = (usize, f64)> {
        let rows = (0..self.samples.x.rows()).map(|i| (i, self.samples.weight(i)));
        rows.filter(move |(i, s)| *s > 0.0 && self.has_pair(*i))
    }

    /// Whether there is something to compare in a row: always, but where labels are compared with each other.
    pub(super) fn has_pair(&self, row: usize) -> bool {
        match self.samples.targets {
            Targets::Labels(labels) if Domain::of(self.problem.loss) == Domain::Pairs => {
                (1..labels.labels()).contains(&labels.count(row))
            }
            _ => true,
        }
    }

    /// Moves numbers from the output with the largest sum to the one with the smallest until all sums are 0, or nothing
    /// moves.
    fn balance_pairs(&self, g: &mut [f64], domain: Domain) {
        let c = self.samples.outputs;
        let mut m: Vec<f64> = self.sums(g).iter().map(|sum| sum.value()).collect();
        let enough = 4.0 * UNIT_ROUNDOFF * self.total;
        for _ in 0..2 * c {
            let largest = (0..c).max_by(|a, b| m[*a].total_cmp(&m[*b]));
            let smallest = (0..c).min_by(|a, b| m[*a].total_cmp(&m[*b]));
            let (Some(p), Some(q)) = (largest, smallest) else { return };
            let wanted = m[p].min(-m[q]);
            if p == q || wanted.is_nan() || wanted <= enough {
                return;
            }
            let of_row = |(i, s): (usize, f64)| self.transfer(i, s, &g[i * c..(i + 1) * c], (p, q), domain);
            let moves = self.rows_with_weight().map(of_row).collect();
            let done = spend(moves, wanted, |row, amount| {
                g[row * c + p] -= amount;
                g[row * c + q] += amount;
            });
            if done == 0.0 {
                return;
            }
            m[p] -= done;
            m[q] += done;
        }
    }

    /// What moving a row's number from p to q costs, and how far that goes.
    fn transfer(&self, row: usize, s: f64, g: &[f64], (p, q): (usize, usize), domain: Domain) -> Move {
        let (c, y) = (g.len(), self.class(row));
        let z = &self.scores.z[row * c..(row + 1) * c];
        let violation =
            |j: usize| if j == y { 0.0 } else { (z[j] - z.get(y).unwrap_or(&0.0)) + self.reach.2 };
        let down =
            if p == y { if domain == Domain::Simplex { s + g[p] } else { f64::INFINITY } } else { g[p] };
        let up = if q != y && domain == Domain::Box { s - g[q] } else { f64::INFINITY };
        Move { row, cost: violation(p) - violation(q), room: down.min(up) }
    }
}

/// The objective is known but for rounding, which is far below this.
fn upwards(objective: f64) -> f64 {
    objective * (1.0 + 1e-9) + f64::MIN_POSITIVE
}

/// Makes the cheapest moves, as far as wanted in all, and returns how far that was.
fn spend(mut moves: Vec<Move>, wanted: f64, mut make: impl FnMut(usize, f64)) -> f64 {
    moves.retain(|way| way.room > 0.0);
    moves.sort_unstable_by(|a, b| a.cost.total_cmp(&b.cost).then(a.row.cmp(&b.row)));
    let mut left = wanted;
    for way in moves {
        if left <= 0.0 {
            break;
        }
        let amount = way.room.min(left);
        make(way.row, amount);
        left -= amount;
    }
    wanted - left
}

/// −(H + ridge)⁻¹ slope; the ridge is for directions in which nothing bends, as all outputs together.
fn newton_step(mut bend: Square, slope: &[f64], still: &[bool]) -> Option<Vec<f64>> {
    let c = slope.len();
    let trace: f64 = (0..c).map(|k| bend[(k, k)]).sum();
    if !(trace > 0.0 && trace.is_finite()) {
        return None;
    }
    let mut step = Mat::from_fn(c, 1, |k, _| if still[k] { 0.0 } else { -slope[k] });
    for k in 0..c {
        bend[(k, k)] += 1e-10 * trace;
    }
    if !cholesky(bend.as_mut()) {
        return None;
    }
    solve_lower(bend.as_ref(), step.as_mut());
    solve_upper(bend.transpose(), step.as_mut());
    let step: Vec<f64> = (0..c).map(|k| if still[k] { 0.0 } else { step[(k, 0)] }).collect();
    step.iter().any(|step| *step != 0.0).then_some(step)
}
