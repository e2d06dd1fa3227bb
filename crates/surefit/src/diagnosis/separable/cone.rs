//! The directions in which the loss of classes never rises: weights that put no rival above a row's own class.
//!
//! With aₖ the difference of own and rival scores of one pair as a function of the weights, these are the cone
//! `{v : aₖ·v ≥ 0 for all k}`. The sum s of all aₖ, projected onto it, is 0 exactly when only weights that tie every pair
//! are in the cone (Stiemke's theorem: then and only then `Σ αₖaₖ = 0` for some αₖ ≥ 1), and otherwise such a
//! direction itself: `aₖ·u ≥ 0` are the conditions of the projection, and `s·u = ‖u‖² > 0`. The projection is a least-squares
//! problem with numbers that are not negative, solved by the active sets of C. L. Lawson and R. J. Hanson, *Solving
//! Least Squares Problems* (1974), ch. 23: it ends after finitely many steps, with the pairs that tie held to rounding.

use crate::data::Samples;
use faer::Mat;

/// A pair is put in order when it is out by more than this share of its size.
const OUT: f64 = 1e-10;
/// What is left of s when nothing is.
const NOTHING: f64 = 1e-9;
/// A vector whose new part is less than this is one of those before.
const DEPENDENT: f64 = 1e-11;

/// Who is told from whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rivals {
    /// Every class from every other one: c columns of scores.
    Each(usize),
    /// One class from the rest: a single column, positive for it.
    Rest(u32),
}

/// The pairs of some samples, in columns that are centred and of spread 1.
pub(super) struct Cone<'a> {
    samples: &'a Samples<'a>,
    classes: &'a [u32],
    rivals: Rivals,
    intercept: bool,
    means: Vec<f64>,
    /// 1/spread; 0 where there is none.
    scales: Vec<f64>,
    /// n: the lengths of rows in these columns, the 1 of the intercept included.
    lengths: Vec<f64>,
}

impl<'a> Cone<'a> {
    pub fn new(samples: &'a Samples<'a>, classes: &'a [u32], rivals: Rivals, intercept: bool) -> Self {
        let (n, d) = (samples.x.rows(), samples.x.columns());
        let mut largest = vec![0.0f64; d];
        let mut means = vec![0.0; d];
        for i in (0..n).filter(|i| samples.weight(*i) > 0.0) {
            samples.x.for_each_in_row(i, |j, x| largest[j] = largest[j].max(x.abs()));
        }
        // Means and spreads of numbers of size 1, so that no square overflows.
        let counted = (0..n).filter(|i| samples.weight(*i) > 0.0).count().max(1) as f64;
        let mut squares = vec![0.0; d];
        for i in (0..n).filter(|i| samples.weight(*i) > 0.0) {
            samples.x.for_each_in_row(i, |j, x| {
                let share = x / largest[j];
                means[j] += share / counted;
                squares[j] += share * share / counted;
            });
        }
        let scale = |j: usize| {
            let spread =
                if intercept { squares[j] - means[j] * means[j] } else { squares[j] }.max(0.0).sqrt();
            if spread > 1e-12 { 1.0 / (spread * largest[j]) } else { 0.0 }
        };
        let scales: Vec<f64> = (0..d).map(scale).collect();
        means.iter_mut().zip(&largest).for_each(|(mean, size)| *mean *= if intercept { *size } else { 0.0 });
        let mut cone = Self { samples, classes, rivals, intercept, means, scales, lengths: Vec::new() };
        let mut room = vec![0.0; d];
        cone.lengths = (0..n)
            .map(|i| {
                cone.row(i, &mut room);
                room.iter().map(|x| x * x).sum::<f64>() + if intercept { 1.0 } else { 0.0 }
            })
            .map(f64::sqrt)
            .collect();
        cone
    }

    /// Numbers of a direction.
    pub fn size(&self) -> usize {
        self.columns() * self.outputs()
    }

    fn columns(&self) -> usize {
        self.means.len() + usize::from(self.intercept)
    }

    fn outputs(&self) -> usize {
        if let Rivals::Each(c) = self.rivals { c } else { 1 }
    }

    /// Pairs, those of rows that do not count included.
    fn pairs(&self) -> usize {
        self.samples.x.rows() * self.outputs()
    }

    /// Row `i` in the cone's columns.
    fn row(&self, i: usize, room: &mut [f64]) {
        room.iter_mut()
            .zip(self.means.iter().zip(&self.scales))
            .for_each(|(x, (mean, scale))| *x = -mean * scale);
        self.samples.x.for_each_in_row(i, |j, x| room[j] = (x - self.means[j]) * self.scales[j]);
    }

    fn class(&self, i: usize) -> usize {
        self.classes.get(i).and_then(|class| usize::try_from(*class).ok()).unwrap_or(usize::MAX)
    }

    /// aₖ of length 1, for pair k = i·outputs + rival; `None` for a row that does not count, and a class beside itself.
    fn pair(&self, k: usize, room: &mut [f64]) -> Option<Vec<f64>> {
        let (c, p) = (self.outputs(), self.columns());
        let (i, rival) = (k / c, k % c);
        if self.samples.weight(i) <= 0.0 || self.lengths[i] <= 0.0 {
            return None;
        }
        self.row(i, room);
        let mut out = vec![0.0; self.size()];
        let mut put = |output: usize, factor: f64| {
            let own = &mut out[output * p..(output + 1) * p];
            own.iter_mut().zip(room.iter()).for_each(|(out, x)| *out = factor * x);
            if self.intercept {
                own[p - 1] = factor;
            }
        };
        match self.rivals {
            Rivals::Each(_) => {
                let own = self.class(i);
                if own == rival {
                    return None;
                }
                let factor = 1.0 / (self.lengths[i] * 2f64.sqrt());
                put(own, factor);
                put(rival, -factor);
            }
            Rivals::Rest(class) => {
                let sign = if self.classes.get(i) == Some(&class) { 1.0 } else { -1.0 };
                put(0, sign / self.lengths[i]);
            }
        }
        Some(out)
    }

    /// aₖ·v for every pair that counts.
    pub fn margins(&self, v: &[f64], mut visit: impl FnMut(usize, f64)) {
        let (c, p) = (self.outputs(), self.columns());
        let (mut room, mut scores) = (vec![0.0; self.means.len()], vec![0.0; c]);
        for i in (0..self.samples.x.rows()).filter(|&i| self.samples.weight(i) > 0.0 && self.lengths[i] > 0.0)
        {
            self.row(i, &mut room);
            for (score, v) in scores.iter_mut().zip(v.chunks_exact(p)) {
                let bias = if self.intercept { v[p - 1] } else { 0.0 };
                *score = room.iter().zip(v).map(|(x, v)| x * v).sum::<f64>() + bias;
            }
            match self.rivals {
                Rivals::Each(_) => {
                    let (own, length) = (self.class(i), self.lengths[i] * 2f64.sqrt());
                    for rival in (0..c).filter(|rival| *rival != own) {
                        visit(i * c + rival, (scores.get(own).unwrap_or(&f64::NAN) - scores[rival]) / length);
                    }
                }
                Rivals::Rest(class) => {
                    let sign = if self.classes.get(i) == Some(&class) { 1.0 } else { -1.0 };
                    visit(i, sign * scores[0] / self.lengths[i]);
                }
            }
        }
    }

    /// The direction in the user's columns: weights, and an intercept for each output.
    pub fn unscaled(&self, v: &[f64]) -> (Mat<f64>, Vec<f64>) {
        /// What rounding leaves of a 0, beside the terms that it is the sum of.
        const ROUNDED: f64 = 1e-13;
        let (d, c, p) = (self.means.len(), self.outputs(), self.columns());
        let largest = v.iter().fold(0.0f64, |most, v| most.max(v.abs()));
        let known = |value: f64, size: f64| if value.abs() > ROUNDED * size { value } else { 0.0 };
        let weights = Mat::from_fn(d, c, |j, k| known(v[k * p + j], largest) * self.scales[j]);
        let bias = |k: usize| {
            if !self.intercept {
                return 0.0;
            }
            let terms = (0..d).map(|j| -self.means[j] * weights[(j, k)]).chain([v[k * p + d]]);
            let (sum, size) =
                terms.fold((0.0, 0.0), |(sum, size), term: f64| (sum + term, size + term.abs()));
            known(sum, size.max(largest))
        };
        let intercept = (0..c).map(bias).collect();
        (weights, intercept)
    }

    /// A direction that puts no pair out of order and as many as there are in order; `None` where there is none, or
    /// `go_on` said no.
    pub fn direction(&self, go_on: &dyn Fn() -> bool) -> Option<Vec<f64>> {
        /// A pair in order by less than this is a tie, for the time being.
        const TIE: f64 = 1e-7;
        let mut alive = vec![true; self.pairs()];
        let mut found: Option<Vec<f64>> = None;
        while let Some(u) = self.projection(&alive, go_on) {
            let mut before = vec![f64::INFINITY; alive.len()];
            if let Some(found) = &found {
                self.margins(found, |k, margin| before[k] = margin);
            }
            let (mut step, mut new) = (1.0f64, false);
            self.margins(&u, |k, margin| {
                if alive[k] {
                    new |= margin > TIE;
                    alive[k] = margin <= TIE;
                } else if margin < 0.0 {
                    step = step.min(-0.5 * before[k] / margin);
                }
            });
            if !new {
                break;
            }
            match &mut found {
                None => found = Some(u),
                Some(found) => found.iter_mut().zip(&u).for_each(|(v, u)| *v += step * u),
            }
        }
        found
    }

    /// The sum of the pairs that are alive, projected onto their cone and of length 1; `None` where nothing is left.
    fn projection(&self, alive: &[bool], go_on: &dyn Fn() -> bool) -> Option<Vec<f64>> {
        let mut room = vec![0.0; self.means.len()];
        let mut sum = vec![0.0; self.size()];
        for k in (0..alive.len()).filter(|k| alive[*k]) {
            if let Some(pair) = self.pair(k, &mut room) {
                sum.iter_mut().zip(&pair).for_each(|(sum, a)| *sum += a);
            }
        }
        let total = norm(&sum);
        if total <= NOTHING {
            return None;
        }
        let mut set = ActiveSet::new(sum.iter().map(|sum| sum / total).collect());
        let mut refused = vec![false; alive.len()];
        loop {
            let u = set.rest();
            let length = norm(&u);
            if length <= NOTHING || !go_on() {
                return None;
            }
            let mut worst = (-OUT * length, None);
            self.margins(&u, |k, margin| {
                if alive[k] && !refused[k] && margin < worst.0 {
                    worst = (margin, Some(k));
                }
            });
            let Some(k) = worst.1 else {
                return Some(u.iter().map(|u| u / length).collect());
            };
            if self.pair(k, &mut room).is_some_and(|pair| set.hold(k, pair)) {
                refused.fill(false);
            } else {
                refused[k] = true;
            }
        }
    }
}

/// Pairs that are held to a tie, with the numbers βₖ ≥ 0 of `u = s + Σ βₖaₖ`.
struct ActiveSet {
    sum: Vec<f64>,
    held: Vec<(usize, Vec<f64>)>,
    beta: Vec<f64>,
    /// Orthonormal, one for each that is held, and the coordinates of that in these: `aₘ = Σ_{l ≤ m} R[m][l] qₗ`.
    basis: Vec<Vec<f64>>,
    coordinates: Vec<Vec<f64>>,
}

impl ActiveSet {
    fn new(sum: Vec<f64>) -> Self {
        Self { sum, held: Vec::new(), beta: Vec::new(), basis: Vec::new(), coordinates: Vec::new() }
    }

    /// s without what lies in the span of the pairs that are held; twice, so that rounding is that of what is left.
    fn rest(&self) -> Vec<f64> {
        let mut u = self.sum.clone();
        for _ in 0..3 {
            for q in &self.basis {
                let part = dot(q, &u);
                u.iter_mut().zip(q).for_each(|(u, q)| *u -= part * q);
            }
        }
        u
    }

    /// Holds one more pair, and lets go of those that pull the wrong way; false where it pulls the wrong way itself.
    fn hold(&mut self, k: usize, pair: Vec<f64>) -> bool {
        if !self.append(&pair) {
            return false;
        }
        self.held.push((k, pair));
        self.beta.push(0.0);
        if self.solved().last().is_none_or(|last| *last <= 0.0) {
            self.held.pop();
            self.beta.pop();
            self.basis.pop();
            self.coordinates.pop();
            return false;
        }
        loop {
            let wanted = self.solved();
            let share = |(beta, wanted): (&f64, &f64)| {
                if *wanted > 0.0 { 1.0 } else { beta / (beta - wanted).max(f64::MIN_POSITIVE) }
            };
            let step = self.beta.iter().zip(&wanted).map(share).fold(1.0, f64::min);
            self.beta.iter_mut().zip(&wanted).for_each(|(beta, wanted)| *beta += step * (wanted - *beta));
            if step >= 1.0 {
                return true;
            }
            let out: Vec<bool> = self
                .beta
                .iter()
                .zip(&wanted)
                .map(|(beta, wanted)| *wanted <= 0.0 && *beta <= 1e-15)
                .collect();
            let first = out.iter().position(|out| *out).unwrap_or_else(|| self.least(&wanted));
            self.let_go(|m| out[m] || m == first);
        }
    }

    /// The one that comes to 0 first, whatever rounding says.
    fn least(&self, wanted: &[f64]) -> usize {
        let falling = (0..wanted.len()).filter(|m| wanted[*m] <= 0.0);
        falling.min_by(|a, b| self.beta[*a].total_cmp(&self.beta[*b])).unwrap_or(0)
    }

    fn let_go(&mut self, out: impl Fn(usize) -> bool) {
        let mut places = 0..self.held.len();
        let held = std::mem::take(&mut self.held);
        let beta = std::mem::take(&mut self.beta);
        self.basis.clear();
        self.coordinates.clear();
        for (pair, beta) in held.into_iter().zip(beta) {
            if places.next().is_some_and(&out) {
                continue;
            }
            if self.append(&pair.1) {
                self.held.push(pair);
                self.beta.push(beta);
            }
        }
    }

    /// One more vector of the basis; false where the pair lies in their span.
    fn append(&mut self, pair: &[f64]) -> bool {
        let mut rest = pair.to_vec();
        let mut coordinates = vec![0.0; self.basis.len()];
        for _ in 0..2 {
            for (q, coordinate) in self.basis.iter().zip(&mut coordinates) {
                let part = dot(q, &rest);
                *coordinate += part;
                rest.iter_mut().zip(q).for_each(|(rest, q)| *rest -= part * q);
            }
        }
        let length = norm(&rest);
        if length <= DEPENDENT {
            return false;
        }
        coordinates.push(length);
        self.basis.push(rest.iter().map(|rest| rest / length).collect());
        self.coordinates.push(coordinates);
        true
    }

    /// β with which `s + Σ βₖaₖ` is at right angles to all that are held.
    fn solved(&self) -> Vec<f64> {
        let m = self.basis.len();
        let mut beta = vec![0.0; m];
        for l in (0..m).rev() {
            let later: f64 = (l + 1..m).map(|k| self.coordinates[k][l] * beta[k]).sum();
            beta[l] = (-dot(&self.basis[l], &self.sum) - later) / self.coordinates[l][l];
        }
        beta
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn norm(v: &[f64]) -> f64 {
    dot(v, v).sqrt()
}
