//! The dual of one row, solved exactly while all others stand still.
//!
//! Row i has scores z and a dual row b with `W = Σ xᵢᵀbᵢ/(λS)`, so that a change Δ of b moves the scores by qΔ,
//! q = ‖xᵢ‖²/(λS). What is maximised over Δ is a concave quadratic over a polytope:
//!
//! - Weston–Watkins: αⱼ = −bⱼ ∈ [0, s] for the rivals, `b_y = Σα`. With `mⱼ = δ + zⱼ − z_y` the optimum is
//!   `αⱼ ← clip(αⱼ + mⱼ/q − t, 0, s)` with t the change of Σα, the root of a piecewise linear increasing function
//!   (compare Z. Wang and C. Scott, "An exact solver for the Weston–Watkins SVM subproblem", ICML 2021).
//! - Crammer–Singer: α over all classes, `m_y = 0`, in the simplex of size s: the projection of `α + m/q` on it.
//! - One against the rest: every class by itself, `βⱼ ← clip(βⱼ + (1 − tⱼzⱼ)/q, 0, s)`, bⱼ = tⱼβⱼ.
//! - Violations squared: α has no upper bound, and the dual value is bent by −α²/4s. Steps from 0 to the optimum shrink by
//!   `q/(q + 1/2s)`: `αⱼ ← max(0, (αⱼ + mⱼ/q − t) · q/(q + 1/2s))`.

use crate::problem::LossKind;

/// The hinges whose dual is solved row by row.
#[derive(Clone, Copy, Debug)]
pub(super) enum Hinge {
    WestonWatkins { margin: f64, power: Power },
    CrammerSinger { margin: f64 },
    OneVsRest { power: Power },
}

/// Of a violation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Power {
    One,
    Two,
}

impl Power {
    /// The largest α.
    fn top(self, s: f64) -> f64 {
        if self == Self::One { s } else { f64::INFINITY }
    }

    /// By how much the dual value's slope falls while α rises by 1, apart from q.
    fn bend(self, s: f64) -> f64 {
        if self == Self::One { 0.0 } else { 0.5 / s }
    }
}

impl Hinge {
    /// The hinge of that loss, where it is one.
    pub fn of(loss: LossKind) -> Option<Self> {
        match loss {
            LossKind::Hinge { margin } => Some(Self::WestonWatkins { margin, power: Power::One }),
            LossKind::SquaredHinge { margin } => Some(Self::WestonWatkins { margin, power: Power::Two }),
            LossKind::CrammerSinger { margin } => Some(Self::CrammerSinger { margin }),
            LossKind::OvrHinge => Some(Self::OneVsRest { power: Power::One }),
            LossKind::OvrSquaredHinge => Some(Self::OneVsRest { power: Power::Two }),
            _ => None,
        }
    }

    fn power(self) -> Power {
        match self {
            Self::WestonWatkins { power, .. } | Self::OneVsRest { power } => power,
            Self::CrammerSinger { .. } => Power::One,
        }
    }

    /// Whether the objective is smooth, so that the weights come to rest instead of dancing about the optimum.
    pub fn is_smooth(self) -> bool {
        self.power() == Power::Two
    }

    /// Moves the dual row to its optimum, leaves the change in `change` and returns whether there is any. `room` is
    /// scratch space. Needs q > 0 and s > 0.
    pub fn solve(self, row: &mut Row<'_>, change: &mut [f64], room: &mut Vec<f64>) -> bool {
        change.fill(0.0);
        match self {
            Self::WestonWatkins { margin, power } => weston_watkins(margin, power, row, change, room),
            Self::CrammerSinger { margin } => crammer_singer(margin, row, change, room),
            Self::OneVsRest { power } => one_vs_rest(power, row, change),
        }
    }

    /// Whether the row will stay as it is while its scores move by less than `slack`.
    pub fn is_settled(self, z: &[f64], dual: &[f64], class: usize, s: f64, slack: f64) -> bool {
        let top = self.power().top(s);
        let settled = |m: f64, alpha: f64| (alpha <= 0.0 && m < -slack) || (alpha >= top && m > slack);
        match self {
            Self::WestonWatkins { margin, .. } => {
                rivals(z, dual, class, margin).all(|(m, alpha)| settled(m, alpha))
            }
            Self::CrammerSinger { margin } => {
                // One entry holds all of s and stands out above the others, the class's own 0 among them.
                let (mut first, mut second, mut full) = (0.0, f64::NEG_INFINITY, true);
                let mut held = 0.0;
                for (m, alpha) in rivals(z, dual, class, margin) {
                    full &= alpha <= 0.0 || alpha >= s;
                    held += alpha;
                    if m > first {
                        (first, second) = (m, first);
                    } else if m > second {
                        second = m;
                    }
                }
                let mut all = rivals(z, dual, class, margin);
                let at_top =
                    if first > 0.0 { all.any(|(m, alpha)| m == first && alpha >= s) } else { held <= 0.0 };
                full && at_top && first - second > slack
            }
            Self::OneVsRest { .. } => signed(z, dual, class).all(|(m, beta)| settled(m, beta)),
        }
    }

    /// Moves a dual row to the nearest one that is allowed, or one about as near.
    pub fn project(self, dual: &mut [f64], class: usize, s: f64) {
        let top = self.power().top(s);
        match self {
            Self::WestonWatkins { .. } => {
                clip(dual, -top, 0.0);
                dual[class] = 0.0;
                dual[class] = -dual.iter().sum::<f64>();
            }
            Self::CrammerSinger { .. } => {
                dual[class] = 0.0;
                clip(dual, -s, 0.0);
                let total = -dual.iter().sum::<f64>();
                if total > s {
                    for b in dual.iter_mut() {
                        *b *= s / total;
                    }
                }
                dual[class] = total.min(s);
            }
            Self::OneVsRest { .. } => {
                let single = dual.len() == 1;
                for (j, b) in dual.iter_mut().enumerate() {
                    let positive = if single { class == 1 } else { j == class };
                    *b = if positive { b.clamp(0.0, top) } else { b.clamp(-top, 0.0) };
                }
            }
        }
    }

    /// What the row adds to the dual value apart from W: the sum of `δα`, or of β, less that of `α²/4s` where violations
    /// are squared.
    pub fn value(self, dual: &[f64], class: usize, s: f64) -> f64 {
        let bend = 0.5 * self.power().bend(s);
        match self {
            Self::WestonWatkins { margin, power: Power::Two } => {
                rivals(dual, dual, class, margin).map(|(_, alpha)| alpha * (margin - bend * alpha)).sum()
            }
            Self::WestonWatkins { margin, .. } | Self::CrammerSinger { margin } => {
                margin * dual.get(class).copied().unwrap_or(0.0)
            }
            Self::OneVsRest { .. } => {
                signed(dual, dual, class).map(|(_, beta)| beta * (1.0 - bend * beta)).sum()
            }
        }
    }
}

/// One row on its way.
pub(super) struct Row<'a> {
    pub scores: &'a [f64],
    pub dual: &'a mut [f64],
    pub class: usize,
    /// s.
    pub weight: f64,
    /// q.
    pub curvature: f64,
}

fn clip(numbers: &mut [f64], low: f64, high: f64) {
    for number in numbers {
        *number = number.clamp(low, high);
    }
}

/// Margin and α of every rival.
fn rivals<'a>(
    z: &'a [f64],
    dual: &'a [f64],
    class: usize,
    margin: f64,
) -> impl Iterator<Item = (f64, f64)> + 'a {
    let own = z.get(class).copied().unwrap_or(f64::NAN);
    let pairs = z.iter().zip(dual).enumerate().filter(move |(j, _)| *j != class);
    pairs.map(move |(_, (z, b))| (margin + z - own, -b))
}

/// Violation `1 − tz` and β = tb of every class.
fn signed<'a>(z: &'a [f64], dual: &'a [f64], class: usize) -> impl Iterator<Item = (f64, f64)> + 'a {
    let single = z.len() == 1;
    z.iter().zip(dual).enumerate().map(move |(j, (z, b))| {
        let t = if (single && class == 1) || (!single && j == class) { 1.0 } else { -1.0 };
        (1.0 - t * z, t * b)
    })
}

fn weston_watkins(
    margin: f64,
    power: Power,
    row: &mut Row<'_>,
    change: &mut [f64],
    room: &mut Vec<f64>,
) -> bool {
    let Row { scores, dual, class, weight: s, curvature: q } = row;
    let (class, s, q) = (*class, *s, *q);
    let own = scores[class];
    let (top, shrink) = (power.top(s), q / (q + power.bend(s)));
    // Nothing moves where every rival pushes against its bound.
    let mut still = true;
    for (j, (z, b)) in scores.iter().zip(dual.iter()).enumerate() {
        let m = margin + z - own;
        still &= j == class || (m <= 0.0 && *b == 0.0) || (m >= 0.0 && *b == -top);
    }
    if still {
        return false;
    }
    let v = |j: usize, dual: &[f64]| -dual[j] + (margin + scores[j] - own) / q;
    let moved = |j: usize, t: f64, dual: &[f64]| ((v(j, dual) - t) * shrink).clamp(0.0, top);
    // h(t) = Σ αⱼ(t) − Σα − t falls, and its slope changes where an αⱼ reaches a bound.
    room.clear();
    let mut before = 0.0;
    for j in (0..scores.len()).filter(|j| *j != class) {
        let v = v(j, dual);
        room.push(v);
        if power == Power::One {
            room.push(v - s);
        }
        before -= dual[j];
    }
    let value = |t: f64| {
        let others = (0..scores.len()).filter(|j| *j != class);
        others.map(|j| moved(j, t, dual)).sum::<f64>() - before - t
    };
    // Below all breakpoints every α is at its top, or free.
    let free = if power == Power::One { 0.0 } else { (scores.len() - 1) as f64 * shrink };
    let t = falling_root(room, 1.0 + free, &value);
    let mut total = 0.0;
    for j in (0..scores.len()).filter(|j| *j != class) {
        let alpha = moved(j, t, dual);
        change[j] = -alpha - dual[j];
        dual[j] = -alpha;
        total += alpha;
    }
    change[class] = total - dual[class];
    dual[class] = total;
    true
}

/// The root of a falling piecewise linear function with the given breakpoints, which falls by `steep` below them and by 1
/// above: bisection over these, then the line between two of them.
fn falling_root(breakpoints: &mut [f64], steep: f64, value: &dyn Fn(f64) -> f64) -> f64 {
    breakpoints.sort_unstable_by(f64::total_cmp);
    // The first breakpoint at which the function is not above 0.
    let (mut low, mut high) = (0, breakpoints.len());
    while low < high {
        let middle = usize::midpoint(low, high);
        if value(breakpoints[middle]) > 0.0 { low = middle + 1 } else { high = middle }
    }
    let (left, right) = match (low.checked_sub(1), breakpoints.get(low)) {
        (Some(left), Some(right)) => (breakpoints[left], *right),
        (Some(left), None) => return breakpoints[left] + value(breakpoints[left]),
        (None, Some(right)) => return right + value(*right) / steep,
        (None, None) => return value(0.0),
    };
    let (above, below) = (value(left), value(right));
    if above - below > 0.0 { left + (right - left) * (above / (above - below)) } else { right }
}

fn crammer_singer(margin: f64, row: &mut Row<'_>, change: &mut [f64], room: &mut Vec<f64>) -> bool {
    let Row { scores, dual, class, weight: s, curvature: q } = row;
    let (class, s, q) = (*class, *s, *q);
    let own = scores[class];
    // α_y is what the rivals leave.
    let alpha = |j: usize, dual: &[f64]| if j == class { s - dual[class] } else { -dual[j] };
    let v = |j: usize, dual: &[f64]| {
        alpha(j, dual) + if j == class { 0.0 } else { (margin + scores[j] - own) / q }
    };
    room.clear();
    room.extend((0..scores.len()).map(|j| v(j, dual)));
    room.sort_unstable_by(|a, b| b.total_cmp(a));
    // The projection on the simplex: subtract t, where t makes the positive ones sum to s.
    let (mut sum, mut t) = (0.0, 0.0);
    for (k, v) in room.iter().enumerate() {
        sum += v;
        let next = (sum - s) / (k + 1) as f64;
        if *v <= next {
            break;
        }
        t = next;
    }
    let rivals = || (0..scores.len()).filter(|j| *j != class);
    let total: f64 = rivals().map(|j| (v(j, dual) - t).clamp(0.0, s)).sum();
    // Rounding leads nowhere outside the simplex.
    let shrink = if total > s { s / total } else { 1.0 };
    let own = total.min(s);
    for j in rivals() {
        let alpha = (v(j, dual) - t).clamp(0.0, s) * shrink;
        change[j] = -alpha - dual[j];
    }
    change[class] = own - dual[class];
    let moved = change.iter().any(|change| *change != 0.0);
    for j in rivals() {
        dual[j] = (dual[j] + change[j]).clamp(-s, 0.0);
    }
    dual[class] = own;
    moved
}

fn one_vs_rest(power: Power, row: &mut Row<'_>, change: &mut [f64]) -> bool {
    let Row { scores, dual, class, weight: s, curvature: q } = row;
    let single = scores.len() == 1;
    let (top, step) = (power.top(*s), 1.0 / (*q + power.bend(*s)));
    let mut moved = false;
    for (j, (z, b)) in scores.iter().zip(dual.iter_mut()).enumerate() {
        let positive = if single { *class == 1 } else { j == *class };
        let t = if positive { 1.0 } else { -1.0 };
        // Written so that nothing moves where the slope is 0.
        let slope = 1.0 - t * z - power.bend(*s) * t * *b;
        let beta = (t * *b + slope * step).clamp(0.0, top);
        change[j] = t * beta - *b;
        moved |= change[j] != 0.0;
        *b = t * beta;
    }
    moved
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::float_cmp)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// m and the old α of every entry that has a bound: of the rivals, or of all classes for Crammer and Singer.
    fn entries(hinge: Hinge, z: &[f64], dual: &[f64], class: usize, s: f64) -> Vec<(f64, f64)> {
        match hinge {
            Hinge::WestonWatkins { margin, .. } => rivals(z, dual, class, margin).collect(),
            Hinge::CrammerSinger { margin } => {
                let own = (0.0, s - dual[class]);
                rivals(z, dual, class, margin).chain([own]).collect()
            }
            Hinge::OneVsRest { .. } => signed(z, dual, class).collect(),
        }
    }

    /// What a change a of those entries is worth: `m·a` less q/2 times the square of the change of the dual row, and less
    /// what the squares of α bend.
    fn worth(hinge: Hinge, q: f64, s: f64, entries: &[(f64, f64)], change: &[f64]) -> f64 {
        let linear: f64 = entries.iter().zip(change).map(|((m, _), a)| m * a).sum();
        let square: f64 = change.iter().map(|a| a * a).sum();
        let total: f64 = change.iter().sum();
        let own = if matches!(hinge, Hinge::WestonWatkins { .. }) { total * total } else { 0.0 };
        let bent = |((_, alpha), a): (&(f64, f64), &f64)| (alpha + a).powi(2) - alpha * alpha;
        let bent: f64 = entries.iter().zip(change).map(bent).sum();
        linear - 0.5 * q * (square + own) - 0.5 * hinge.power().bend(s) * bent
    }

    /// The best change by exhaustion: every entry at 0, at s or free, the free ones at their stationary point.
    fn exhaustive(hinge: Hinge, q: f64, s: f64, entries: &[(f64, f64)]) -> f64 {
        let (count, bend) = (entries.len(), hinge.power().bend(s));
        let mut best = f64::NEG_INFINITY;
        for face in 0..3usize.pow(u32::try_from(count).unwrap()) {
            let kind = |j: usize| face / 3usize.pow(u32::try_from(j).unwrap()) % 3;
            if hinge.is_smooth() && (0..count).any(|j| kind(j) == 1) {
                continue;
            }
            let mut change: Vec<f64> =
                (0..count).map(|j| if kind(j) == 0 { -entries[j].1 } else { s - entries[j].1 }).collect();
            let free: Vec<usize> = (0..count).filter(|j| kind(*j) == 2).collect();
            let fixed: f64 = (0..count).filter(|j| kind(*j) != 2).map(|j| change[j]).sum();
            let pull = |j: usize| (entries[j].0 - bend * entries[j].1) / (q + bend);
            let pulls: f64 = free.iter().map(|j| pull(*j)).sum();
            let part = q / (q + bend);
            // What is subtracted on the free entries.
            let shift = match hinge {
                Hinge::WestonWatkins { .. } => part * (fixed + pulls) / (1.0 + part * free.len() as f64),
                Hinge::CrammerSinger { .. } if free.is_empty() => 0.0,
                Hinge::CrammerSinger { .. } => (pulls + fixed) / free.len() as f64,
                Hinge::OneVsRest { .. } => 0.0,
            };
            for j in &free {
                change[*j] = pull(*j) - shift;
            }
            let feasible = change
                .iter()
                .zip(entries)
                .all(|(a, (_, alpha))| alpha + a >= -1e-12 && alpha + a <= hinge.power().top(s) + 1e-12);
            let balanced =
                !matches!(hinge, Hinge::CrammerSinger { .. }) || change.iter().sum::<f64>().abs() <= 1e-12;
            if feasible && balanced {
                best = best.max(worth(hinge, q, s, entries, &change));
            }
        }
        best
    }

    impl Hinge {
        /// `s ℓ(z)` less its dual value at b and `b·z`: how much this row adds to the gap.
        fn gap(self, z: &[f64], dual: &[f64], class: usize, s: f64) -> f64 {
            let of_entry = |(m, alpha): (f64, f64)| match self.power() {
                Power::One => {
                    if m > 0.0 {
                        (s - alpha) * m
                    } else {
                        alpha * -m
                    }
                }
                Power::Two => s * m.max(0.0).powi(2) + alpha * (0.25 * alpha / s - m),
            };
            match self {
                Self::WestonWatkins { margin, .. } => rivals(z, dual, class, margin).map(of_entry).sum(),
                Self::CrammerSinger { margin } => {
                    let top = rivals(z, dual, class, margin).fold(0.0, |top: f64, (m, _)| top.max(m));
                    let rest = s - rivals(z, dual, class, margin).map(|(_, alpha)| alpha).sum::<f64>();
                    rivals(z, dual, class, margin).map(|(m, alpha)| alpha * (top - m)).sum::<f64>()
                        + rest.max(0.0) * top
                }
                Self::OneVsRest { .. } => signed(z, dual, class).map(of_entry).sum(),
            }
        }
    }

    fn hinges() -> impl Strategy<Value = Hinge> {
        prop::sample::select(vec![
            Hinge::WestonWatkins { margin: 1.0, power: Power::One },
            Hinge::WestonWatkins { margin: 0.75, power: Power::Two },
            Hinge::CrammerSinger { margin: 0.5 },
            Hinge::OneVsRest { power: Power::One },
            Hinge::OneVsRest { power: Power::Two },
        ])
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2000, max_global_rejects: 20_000, ..ProptestConfig::default() })]

        #[test]
        fn a_row_is_solved_as_well_as_by_exhaustion(
            hinge in hinges(),
            z in prop::collection::vec(-3.0..3.0, 1..5),
            start in prop::collection::vec(-1.5..1.5, 4),
            class in 0usize..4,
            s in prop::sample::select(vec![1.0, 0.25, 3.0]),
            log_q in -4.0..4.0,
        ) {
            let q = f64::exp(log_q);
            let single = z.len() == 1;
            prop_assume!(!single || matches!(hinge, Hinge::OneVsRest { .. }));
            let class = if single { class % 2 } else { class % z.len() };
            let mut dual = start[..z.len()].to_vec();
            hinge.project(&mut dual, class, s);
            let before = entries(hinge, &z, &dual, class, s);
            let mut change = vec![0.0; z.len()];
            let old = dual.clone();
            let gap = hinge.gap(&z, &dual, class, s);
            prop_assert!(gap >= -1e-12);
            let mut row = Row { scores: &z, dual: &mut dual, class, weight: s, curvature: q };
            let moved = hinge.solve(&mut row, &mut change, &mut Vec::new());
            let after = entries(hinge, &z, &dual, class, s);
            let steps: Vec<f64> = after.iter().zip(&before).map(|(new, old)| new.1 - old.1).collect();
            let (got, best) = (worth(hinge, q, s, &before, &steps), exhaustive(hinge, q, s, &before));
            prop_assert!((got - best).abs() <= 1e-9 * (1.0 + best.abs()), "{got} {best}");
            prop_assert!(got <= gap + 1e-12, "no change is worth more than the gap");
            prop_assert!(moved || change.iter().all(|a| *a == 0.0));
            for ((new, old), change) in dual.iter().zip(&old).zip(&change) {
                prop_assert!((new - old - change).abs() <= 1e-14 * (1.0 + s));
            }
            // The dual row is one that the loss allows, but for the rounding of a sum.
            let mut allowed = dual.clone();
            hinge.project(&mut allowed, class, s);
            prop_assert!(allowed.iter().zip(&dual).all(|(a, b)| (a - b).abs() <= 4e-15 * (1.0 + s)));
        }

        #[test]
        fn a_settled_row_stays_as_it_is_while_its_scores_move_by_less(
            hinge in hinges(),
            z in prop::collection::vec(-3.0..3.0, 2..5),
            start in prop::collection::vec(-8.0..8.0, 4),
            moves in prop::collection::vec(-0.5..0.5, 4),
            class in 0usize..4,
            slack in 0.0..1.0,
        ) {
            let class = class % z.len();
            let mut dual = start[..z.len()].to_vec();
            hinge.project(&mut dual, class, 1.0);
            let mut row = Row { scores: &z, dual: &mut dual, class, weight: 1.0, curvature: 0.1 };
            hinge.solve(&mut row, &mut vec![0.0; z.len()], &mut Vec::new());
            prop_assume!(hinge.is_settled(&z, &dual, class, 1.0, slack));
            // A margin is a difference of two scores.
            let z: Vec<f64> = z.iter().zip(&moves).map(|(z, m)| z + m * slack * 0.999).collect();
            let mut change = vec![0.0; z.len()];
            let mut row = Row { scores: &z, dual: &mut dual, class, weight: 1.0, curvature: 0.1 };
            hinge.solve(&mut row, &mut change, &mut Vec::new());
            prop_assert!(change.iter().all(|a| a.abs() <= 1e-12), "{change:?}");
        }
    }
}
