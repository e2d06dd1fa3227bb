//! Walking the path of optima, one straight piece after another.

use super::events::Event;
use super::factor::{add, dot};
use super::state::{At, Kind, RowAt, State};
use super::{Ask, Model, always};

/// How a way ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The state is the optimum that was asked for.
    Reached,
    /// The value is above the cutoff.
    Above,
    /// There is no feasible point: `lambda` has been moved along a ray on which the bound grows without limit.
    Infeasible,
    /// Too many pieces: rounding decides which; the state proves what its multipliers prove.
    Stalled,
}

/// What changes along the way.
#[derive(Clone, Copy, Debug)]
pub(super) enum Way {
    /// Input `j` goes to this weight.
    To(usize, f64),
    /// Input `j` goes until its force is in balance.
    Balance(usize),
    /// The rows' limits go from where they hold at first to where they are, and the outer force that holds all
    /// inputs fades.
    Begin,
}

/// Outer force and limits at the beginning, which fade to nothing.
#[derive(Debug, Default)]
pub(super) struct Fading {
    /// Share that is left, from 1 to 0.
    pub left: f64,
    pub force: Vec<f64>,
    pub low: Vec<f64>,
    pub high: Vec<f64>,
}

/// Pieces after which it is asked again whether to go on: with 10,000 inputs a few milliseconds.
const ASKED: usize = 32;

impl State {
    /// Solves the relaxation from nothing, or stalls when `ask` says no.
    pub(crate) fn solve(m: &Model, kind: Vec<Kind>, ask: Ask<'_>) -> (Self, End) {
        let mut state = Self::new(m, kind);
        let end = pulp::Arch::new().dispatch(Begin { state: &mut state, m, ask });
        (state, end)
    }

    /// Decides that input `j` is out, or in, and goes on to the optimum of that.
    pub(crate) fn decide(&mut self, m: &Model, j: usize, kind: Kind, cutoff: f64) -> End {
        pulp::Arch::new().dispatch(Decide { state: self, m, j, kind, cutoff })
    }
}

struct Begin<'a> {
    state: &'a mut State,
    m: &'a Model,
    ask: Ask<'a>,
}

impl pulp::NullaryFnOnce for Begin<'_> {
    type Output = End;

    #[inline(always)]
    fn call(self) -> End {
        let Self { state, m, ask } = self;
        // Held by an outer force, with the rows' limits where they are met.
        let mut fading =
            Fading { left: 1.0, force: vec![0.0; m.n], low: vec![0.0; m.q], high: vec![0.0; m.q] };
        // Each by a margin of its own: from a corner where many forces are at the ends of their windows at once
        // there are many ways, and most go in circles.
        let scale = 1e-300 + state.v.iter().fold(0.0_f64, |most, v| most.max(v.abs()));
        for j in 0..m.n {
            if state.movable(m, j) {
                let allowed = state.window(m, j).1;
                fading.force[j] = (allowed - state.v[j]).min(0.0) - scale * (1.0 + spread(j));
                state.v[j] += fading.force[j];
            }
        }
        for r in 0..m.q {
            fading.low[r] = (state.activity[r] - m.row_low[r]).min(0.0);
            fading.high[r] = (state.activity[r] - m.row_high[r]).max(0.0);
            if m.row_low[r] == m.row_high[r] {
                let moved = state.activity[r] - m.row_low[r];
                (fading.low[r], fading.high[r]) = (moved, moved);
                state.activate(m, r, RowAt::Equal);
            }
        }
        state.walk(m, Way::Begin, &mut fading, f64::INFINITY, ask)
    }
}

/// A number in [0, 1) that is another for each input (the golden ratio's multiples, Weyl 1916).
#[inline(always)]
fn spread(j: usize) -> f64 {
    (0.618_033_988_749_894_9 * (j + 1) as f64).fract()
}

struct Decide<'a> {
    state: &'a mut State,
    m: &'a Model,
    j: usize,
    kind: Kind,
    cutoff: f64,
}

impl pulp::NullaryFnOnce for Decide<'_> {
    type Output = End;

    #[inline(always)]
    fn call(self) -> End {
        let Self { state, m, j, kind, cutoff } = self;
        let at = state.at[j];
        let is_flat = m.diagonal[j] == 0.0 && m.price[j] == 0.0;
        let way = match kind {
            Kind::Out if state.w[j] == 0.0 && !at.is_free() => {
                (state.kind[j], state.at[j]) = (kind, At::Low);
                return End::Reached;
            }
            // Without a cost of its own the line is the parabola.
            Kind::In if is_flat && state.w[j] >= m.low[j] => {
                state.kind[j] = kind;
                state.at[j] = match at {
                    At::Line => At::Curve,
                    At::Knee => At::High,
                    other => other,
                };
                return End::Reached;
            }
            Kind::Out => {
                state.hold(j, At::Driven);
                Way::To(j, 0.0)
            }
            // On its way up the envelope is above the parabola, which only makes the bound on the way better.
            _ if state.w[j] < m.low[j] => {
                state.hold(j, At::Driven);
                Way::To(j, m.low[j])
            }
            // At the lower end, or already on the parabola that is its cost when it is in.
            _ if state.w[j] == m.low[j] && matches!(at, At::Knee | At::Low) && m.knee[j] == m.low[j] => {
                state.kind[j] = kind;
                state.at[j] = At::Low;
                return End::Reached;
            }
            _ if at == At::Curve || (at == At::High && m.knee[j] < m.high[j]) => {
                state.kind[j] = kind;
                return End::Reached;
            }
            _ => {
                state.hold(j, At::Driven);
                state.kind[j] = kind;
                Way::Balance(j)
            }
        };
        let end = state.walk(m, way, &mut Fading::default(), cutoff, &always);
        state.kind[j] = kind;
        if end != End::Reached || state.at[j] != At::Driven {
            return end;
        }
        state.at[j] = At::Low;
        if state.movable(m, j) && state.v[j] > state.window(m, j).1 {
            // The price of being used is paid now: there is no reason to stay at the lower end.
            state.at[j] = At::Driven;
            return state.walk(m, Way::Balance(j), &mut Fading::default(), cutoff, &always);
        }
        end
    }
}

impl State {
    /// Walks until the way ends.
    #[inline(always)]
    fn walk(&mut self, m: &Model, way: Way, fading: &mut Fading, cutoff: f64, ask: Ask<'_>) -> End {
        let limit = 200 + 12 * (m.n + m.q);
        for piece in 1..=limit {
            if piece % ASKED == 0 && !ask() {
                break;
            }
            let side = self.side(m, way);
            if side == 0.0 && !matches!(way, Way::Begin) {
                return self.arrive(m, way, fading);
            }
            let moving = self.direction(m, way, side, fading);
            let Some((length, event)) = self.next_event(m, way, side, fading, moving) else {
                // Ten weights of a tenth are less than 1 by rounding.
                let left = match way {
                    Way::To(j, target) => (target - self.w[j]).abs() / (1.0 + target.abs()),
                    Way::Balance(_) => 0.0,
                    Way::Begin => fading.left,
                };
                if left <= 1e-11 {
                    return self.arrive(m, way, fading);
                }
                self.far_along(m);
                return End::Infeasible;
            };
            self.advance(way, side, length, fading, moving);
            self.pieces += 1;
            match event {
                Event::Goal => return self.arrive(m, way, fading),
                Event::Stop => {
                    if let Way::Balance(j) = way {
                        if self.w[j] >= m.high[j] {
                            (self.w[j], self.at[j]) = (m.high[j], At::High);
                            return self.arrive(m, way, fading);
                        }
                        (self.w[j], self.at[j]) = (self.lower(m, j), At::Low);
                        return self.arrive(m, way, fading);
                    }
                }
                Event::Piece(j, up) => self.reach_end(m, j, up),
                Event::Window(j, up) => self.leave_point(m, j, up),
                Event::LetGo(r) => self.deactivate(r),
                Event::Limit(r, up) => self.activate(m, r, if up { RowAt::High } else { RowAt::Low }),
            }
            if cutoff < f64::INFINITY && matches!(way, Way::To(..)) && self.value(m) > cutoff {
                return End::Above;
            }
        }
        End::Stalled
    }

    /// The way's direction: the sign in which the driven input moves, 0 when it has arrived.
    #[inline(always)]
    fn side(&self, m: &Model, way: Way) -> f64 {
        let sign = |x: f64| {
            if x > 0.0 {
                1.0
            } else if x < 0.0 {
                -1.0
            } else {
                0.0
            }
        };
        match way {
            Way::To(j, target) => sign(target - self.w[j]),
            Way::Balance(j) => {
                let wanted = sign(self.v[j] - self.pull(m, j));
                let at_end = (wanted > 0.0 && self.w[j] >= m.high[j])
                    || (wanted < 0.0 && self.w[j] <= self.lower(m, j));
                if at_end { 0.0 } else { wanted }
            }
            Way::Begin => 0.0,
        }
    }

    /// Goes the length.
    #[inline(always)]
    fn advance(&mut self, way: Way, side: f64, length: f64, fading: &mut Fading, moving: bool) {
        let s = &self.scratch;
        if moving {
            match way {
                Way::To(j, _) | Way::Balance(j) => self.w[j] += side * length,
                Way::Begin => fading.left -= length,
            }
            for (&k, &dw) in self.free.iter().zip(&s.dw) {
                self.w[k] += length * dw;
            }
            add(&mut self.h, length, &s.dh);
            for (activity, goes) in self.activity.iter_mut().zip(&s.dactivity) {
                *activity += length * goes;
            }
        }
        add(&mut self.v, length, &s.dv);
        for (k, &r) in self.active.iter().enumerate() {
            self.lambda[r] += 2.0 * length * s.eta[k];
        }
    }

    /// A free input has reached an end of its piece.
    #[inline(always)]
    fn reach_end(&mut self, m: &Model, j: usize, up: bool) {
        let (low, high) = self.piece(m, j);
        let on_line = self.at[j] == At::Line;
        let at = match (on_line, up) {
            (true, false) => At::Low,
            (true, true) if m.knee[j] >= m.high[j] => At::High,
            (false, true) => At::High,
            (false, false) if self.kind[j] == Kind::In => At::Low,
            (true, true) | (false, false) => At::Knee,
        };
        self.w[j] = if up { high } else { low };
        self.hold(j, at);
    }

    /// A held input's force has reached the end of its window.
    #[inline(always)]
    fn leave_point(&mut self, m: &Model, j: usize, up: bool) {
        let at = match (self.at[j], up) {
            (At::Low, _) if self.kind[j] == Kind::In => At::Curve,
            (At::Low, _) | (At::Knee, false) => At::Line,
            (At::High, _) if self.kind[j] == Kind::Open && m.knee[j] >= m.high[j] => At::Line,
            _ => At::Curve,
        };
        self.release(m, j, at);
    }

    /// The way is at its end: what was driven takes its place, and rounding that gathered is taken out.
    #[inline(always)]
    fn arrive(&mut self, m: &Model, way: Way, _fading: &Fading) -> End {
        match way {
            Way::To(j, target) => self.w[j] = target,
            Way::Balance(j) => {
                if self.at[j] == At::Driven {
                    let at = if self.w[j] >= m.high[j] {
                        At::High
                    } else if self.w[j] <= self.lower(m, j) {
                        At::Low
                    } else {
                        At::Curve
                    };
                    if at == At::Curve { self.release(m, j, at) } else { self.at[j] = at }
                }
            }
            Way::Begin => {}
        }
        if self.settle(m) { End::Reached } else { End::Stalled }
    }

    /// Refines until there is nothing to gain: where the form is nearly singular one step is not enough. Whether
    /// it settled.
    #[inline(always)]
    pub(super) fn settle(&mut self, m: &Model) -> bool {
        const STEPS: usize = 8;
        self.refresh(m);
        for _ in 0..STEPS {
            let gain = self.correct(m);
            let size: f64 = (0..m.n).map(|j| self.w[j].abs() * (self.h[j].abs() + m.linear[j].abs())).sum();
            if gain <= 1e-14 * size {
                return true;
            }
        }
        false
    }

    /// One step of refinement: weights of the free inputs and multipliers are made to balance the forces and the
    /// rows as computed anew. By how much forces and rows were out of balance, in units of the objective.
    #[inline(always)]
    fn correct(&mut self, m: &Model) -> f64 {
        let s = &mut self.scratch;
        s.dw.clear();
        for &j in &self.free {
            let pull = if self.at[j] == At::Line { m.slope[j] } else { 2.0 * m.diagonal[j] * self.w[j] };
            s.dw.push(0.5 * (self.v[j] - pull));
        }
        s.forces.clear();
        s.forces.extend_from_slice(&s.dw);
        self.factor.forward(&mut s.dw);
        let mut gain = 0.0;
        for (k, &r) in self.active.iter().enumerate() {
            let limit = if self.row_at[r] == RowAt::High { m.row_high[r] } else { m.row_low[r] };
            let missing = (limit - self.activity[r]).abs();
            // A row that is not met is never small, whatever its multiplier.
            let is_met = missing <= 1e-12 * (1.0 + limit.abs());
            gain += if is_met { self.lambda[r].abs() * missing } else { f64::INFINITY };
            s.asked[k] = limit - self.activity[r];
            s.demand[k] = s.asked[k] - dot(self.factor.border(k), &s.dw);
        }
        if !self.multipliers(m) {
            return 0.0;
        }
        let s = &mut self.scratch;
        for k in 0..self.active.len() {
            add(&mut s.dw, s.eta[k], self.factor.border(k));
        }
        self.factor.backward(&mut s.dw);
        self.meet_rows(m);
        let s = &mut self.scratch;
        for (k, &r) in self.active.iter().enumerate() {
            self.lambda[r] += 2.0 * s.eta[k];
        }
        gain += s.dw.iter().zip(&s.forces).map(|(dw, force)| (dw * force).abs()).sum::<f64>();
        for k in 0..self.free.len() {
            let j = self.free[k];
            let (low, high) = self.piece(m, j);
            self.w[j] = (self.w[j] + self.scratch.dw[k]).clamp(low, high);
        }
        self.refresh(m);
        gain
    }

    /// Moves the multipliers far along the ray that they are on, so that the bound shows that nothing is feasible.
    #[inline(always)]
    fn far_along(&mut self, m: &Model) {
        let scale = 1e12 * (1.0 + self.v.iter().fold(0.0_f64, |most, v| most.max(v.abs())));
        for (k, &r) in self.active.iter().enumerate() {
            self.lambda[r] += 2.0 * scale * self.scratch.eta[k];
        }
        self.refresh(m);
    }
}
