//! Where the path of optima stands: weights, forces, multipliers, and the factor of what is free.

use super::Model;
use super::factor::{Factor, add, dot};

/// What has been decided of an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Kind {
    /// Zero or inside its range: not decided.
    Open,
    /// Inside its range.
    In,
    /// Zero.
    Out,
}

/// Where an input stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum At {
    /// At its lower end: 0, or `low` when it is in.
    Low,
    /// Free on the line below the knee.
    Line,
    /// At the knee.
    Knee,
    /// Free on the parabola.
    Curve,
    /// At its upper end.
    High,
    /// Driven.
    Driven,
}

impl At {
    /// Whether it moves with the others.
    #[inline(always)]
    pub(crate) fn is_free(self) -> bool {
        matches!(self, Self::Line | Self::Curve)
    }
}

/// Where a row stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum RowAt {
    /// Not active.
    Inside,
    /// At its lower limit: its multiplier is not negative.
    Low,
    /// At its upper limit: its multiplier is not positive.
    High,
    /// An equation.
    Equal,
}

/// An optimum on the path.
#[derive(Clone, Debug)]
pub(crate) struct State {
    /// Weights.
    pub w: Vec<f64>,
    /// `Hw − c`.
    pub h: Vec<f64>,
    /// Forces.
    pub v: Vec<f64>,
    /// Multipliers of the rows.
    pub lambda: Vec<f64>,
    /// `Cw`.
    pub activity: Vec<f64>,
    /// What has been decided.
    pub kind: Vec<Kind>,
    /// Where each input stands.
    pub at: Vec<At>,
    /// Where each row stands.
    pub row_at: Vec<RowAt>,
    /// The free inputs, in the order of the factor.
    pub free: Vec<usize>,
    /// The active rows, in the order of the factor.
    pub active: Vec<usize>,
    pub(super) factor: Factor,
    pub(super) scratch: Scratch,
    /// Pieces walked so far, for the statistics.
    pub pieces: u64,
}

/// Room for a direction.
#[derive(Clone, Debug, Default)]
pub(super) struct Scratch {
    pub dw: Vec<f64>,
    pub dh: Vec<f64>,
    pub dv: Vec<f64>,
    pub eta: Vec<f64>,
    pub more: Vec<f64>,
    pub schur: Vec<f64>,
    pub demand: Vec<f64>,
    /// What each active row asks of all that move.
    pub asked: Vec<f64>,
    /// Whether each active row is independent of those before it.
    pub kept: Vec<bool>,
    pub dactivity: Vec<f64>,
    pub cross: Vec<f64>,
    pub forces: Vec<f64>,
    /// Inputs that move, and how far.
    pub moves: Vec<(usize, f64)>,
    pub residual: Vec<f64>,
}

impl State {
    /// Everything at its lower end.
    pub(crate) fn new(m: &Model, kind: Vec<Kind>) -> Self {
        let (n, q) = (m.n, m.q);
        let mut state = Self {
            w: vec![0.0; n],
            h: vec![0.0; n],
            v: vec![0.0; n],
            lambda: vec![0.0; q],
            activity: vec![0.0; q],
            kind,
            at: vec![At::Low; n],
            row_at: vec![RowAt::Inside; q],
            free: Vec::new(),
            active: Vec::new(),
            factor: Factor::default(),
            scratch: Scratch {
                dh: vec![0.0; n],
                dv: vec![0.0; n],
                eta: vec![0.0; q],
                more: vec![0.0; q],
                schur: vec![0.0; q * q],
                demand: vec![0.0; q],
                asked: vec![0.0; q],
                kept: vec![true; q],
                dactivity: vec![0.0; q],
                ..Scratch::default()
            },
            pieces: 0,
        };
        for j in 0..n {
            state.w[j] = state.lower(m, j);
        }
        state.refresh(m);
        state
    }

    /// The least weight that the relaxation gives input `j`.
    #[inline(always)]
    pub(crate) fn lower(&self, m: &Model, j: usize) -> f64 {
        if self.kind[j] == Kind::In { m.low[j] } else { 0.0 }
    }

    /// The greatest.
    #[inline(always)]
    pub(crate) fn upper(&self, m: &Model, j: usize) -> f64 {
        if self.kind[j] == Kind::Out { 0.0 } else { m.high[j] }
    }

    /// Whether input `j` can move at all.
    #[inline(always)]
    pub(crate) fn movable(&self, m: &Model, j: usize) -> bool {
        self.lower(m, j) < self.upper(m, j)
    }

    /// The derivative of input `j`'s cost where it stands, from below.
    #[inline(always)]
    pub(super) fn pull(&self, m: &Model, j: usize) -> f64 {
        if self.kind[j] == Kind::Open && self.w[j] <= m.knee[j] {
            m.slope[j]
        } else {
            2.0 * m.diagonal[j] * self.w[j]
        }
    }

    /// The forces between which an input at a point stays there.
    #[inline(always)]
    pub(super) fn window(&self, m: &Model, j: usize) -> (f64, f64) {
        const ANY: f64 = f64::INFINITY;
        if !self.movable(m, j) {
            return (-ANY, ANY);
        }
        let parabola = 2.0 * m.diagonal[j];
        match (self.at[j], self.kind[j]) {
            (At::Low, Kind::In) => (-ANY, parabola * m.low[j]),
            (At::Low, _) => (-ANY, m.slope[j]),
            (At::Knee, _) if m.knee[j] >= m.high[j] => (m.slope[j], ANY),
            (At::Knee, _) => (m.slope[j], parabola * m.knee[j]),
            (At::High, Kind::Open) if m.knee[j] >= m.high[j] => (m.slope[j], ANY),
            (At::High, _) => (parabola * m.high[j], ANY),
            (At::Line | At::Curve | At::Driven, _) => (-ANY, ANY),
        }
    }

    /// The ends of the piece that a free input is on.
    #[inline(always)]
    pub(super) fn piece(&self, m: &Model, j: usize) -> (f64, f64) {
        match (self.at[j], self.kind[j]) {
            (At::Line, _) => (0.0, m.knee[j]),
            (_, Kind::In) => (m.low[j], m.high[j]),
            _ => (m.knee[j], m.high[j]),
        }
    }

    /// Curvature of input `j`'s own cost where it is free.
    #[inline(always)]
    pub(super) fn curvature(&self, m: &Model, j: usize) -> f64 {
        if self.at[j] == At::Curve { m.diagonal[j] } else { 0.0 }
    }

    /// Computes `h`, `activity` and `v` anew from the weights and multipliers.
    pub(crate) fn refresh(&mut self, m: &Model) {
        for (h, c) in self.h.iter_mut().zip(&m.linear) {
            *h = -c;
        }
        let s = &mut self.scratch;
        s.moves.clear();
        s.moves.extend(self.w.iter().copied().enumerate().filter(|(_, w)| *w != 0.0));
        m.apply(&s.moves, &mut self.h, &mut s.residual);
        for r in 0..m.q {
            self.activity[r] = dot(m.row(r), &self.w);
        }
        for (v, h) in self.v.iter_mut().zip(&self.h) {
            *v = -2.0 * h;
        }
        for r in 0..m.q {
            if self.lambda[r] != 0.0 {
                add(&mut self.v, self.lambda[r], m.row(r));
            }
        }
    }

    /// Makes input `j`, which stands in the piece given by `at`, free.
    #[inline(always)]
    pub(super) fn release(&mut self, m: &Model, j: usize, at: At) {
        self.at[j] = at;
        let cross = &mut self.scratch.cross;
        cross.clear();
        cross.extend(self.free.iter().map(|&k| m.cross(k, j)));
        let own = m.cross(j, j) + self.curvature(m, j);
        let (active, rows, n) = (&self.active, &m.rows, m.n);
        self.factor.append(&mut self.scratch.cross, own, |r| rows[active[r] * n + j]);
        self.free.push(j);
    }

    /// Takes input `j` out of the factor and puts it at a point.
    #[inline(always)]
    pub(super) fn hold(&mut self, j: usize, at: At) {
        if let Some(k) = self.free.iter().position(|&free| free == j) {
            self.factor.remove(k);
            self.free.remove(k);
        }
        self.at[j] = at;
    }

    /// Row `r` becomes active.
    #[inline(always)]
    pub(super) fn activate(&mut self, m: &Model, r: usize, at: RowAt) {
        self.row_at[r] = at;
        let row = m.row(r);
        let cross = &mut self.scratch.cross;
        cross.clear();
        cross.extend(self.free.iter().map(|&k| row[k]));
        self.factor.activate(&mut self.scratch.cross);
        self.active.push(r);
    }

    /// Row `r` is active no more.
    #[inline(always)]
    pub(super) fn deactivate(&mut self, r: usize) {
        if let Some(k) = self.active.iter().position(|&active| active == r) {
            self.factor.deactivate(k);
            self.active.remove(k);
        }
        self.row_at[r] = RowAt::Inside;
        self.lambda[r] = 0.0;
    }

    /// Notes a decision that the weights already keep: an input at 0 is out, or one on its parabola is in.
    pub(crate) fn note(&mut self, m: &Model, j: usize, kind: Kind) {
        self.kind[j] = kind;
        match (kind, self.at[j]) {
            (Kind::In, At::Line) => self.at[j] = At::Curve,
            (Kind::In, At::Knee) if m.knee[j] >= m.high[j] => self.at[j] = At::High,
            (Kind::In, At::Knee) => self.at[j] = At::Low,
            _ => {}
        }
    }

    /// Takes the place of a state that was an optimum: where inputs and rows stand gives the numbers.
    pub(crate) fn restore(
        &mut self,
        m: &Model,
        kind: &[Kind],
        at: &[At],
        row_at: &[RowAt],
        lambda: &[f64],
    ) -> bool {
        self.kind.copy_from_slice(kind);
        self.at.copy_from_slice(at);
        self.row_at.fill(RowAt::Inside);
        self.lambda.copy_from_slice(lambda);
        self.factor.clear();
        self.free.clear();
        self.active.clear();
        for r in 0..m.q {
            if row_at[r] != RowAt::Inside {
                self.activate(m, r, row_at[r]);
            }
        }
        for j in 0..m.n {
            self.w[j] = match at[j] {
                At::Low | At::Driven => self.lower(m, j),
                At::Knee => m.knee[j],
                At::High => self.upper(m, j),
                At::Line => 0.0,
                At::Curve => self.lower(m, j).max(m.knee[j].min(m.low[j])),
            };
            if at[j].is_free() {
                self.release(m, j, at[j]);
            }
        }
        pulp::Arch::new().dispatch(Settle { state: self, m })
    }

    /// The value of the relaxation at the weights.
    #[inline(always)]
    pub(crate) fn value(&self, m: &Model) -> f64 {
        let mut sum = m.constant;
        for j in 0..m.n {
            let w = self.w[j];
            if w != 0.0 || self.kind[j] == Kind::In {
                sum += w * (self.h[j] - m.linear[j]) + self.cost(m, j, w);
            }
        }
        sum
    }

    /// `φ` of input `j` at weight `w`.
    #[inline(always)]
    pub(crate) fn cost(&self, m: &Model, j: usize, w: f64) -> f64 {
        if self.kind[j] == Kind::Open && w <= m.knee[j] {
            m.slope[j] * w
        } else {
            m.diagonal[j] * w * w + m.price[j]
        }
    }
}

/// Refinement: the first step finds the weights, the others their last digits.
struct Settle<'a> {
    state: &'a mut State,
    m: &'a Model,
}

impl pulp::NullaryFnOnce for Settle<'_> {
    type Output = bool;

    #[inline(always)]
    fn call(self) -> bool {
        self.state.settle(self.m)
    }
}
