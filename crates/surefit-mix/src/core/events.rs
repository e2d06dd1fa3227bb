//! What ends a piece of the path, and where.

use super::Model;
use super::path::{Fading, Way};
use super::state::{At, RowAt, State};

/// The event that ends a piece.
#[derive(Clone, Copy, Debug)]
pub(super) enum Event {
    /// The way's own end.
    Goal,
    /// The driven input reaches an end of its interval before balance, or passes its knee.
    Stop,
    /// A free input reaches an end of its piece: the upper one?
    Piece(usize, bool),
    /// A held input's force reaches the end of its window: the upper one?
    Window(usize, bool),
    /// An active row lets go.
    LetGo(usize),
    /// A row reaches its limit: the upper one?
    Limit(usize, bool),
}

impl State {
    /// The first event on the piece and its distance; none when only multipliers move and nothing stops them.
    #[inline(always)]
    pub(super) fn next_event(
        &self,
        m: &Model,
        way: Way,
        side: f64,
        fading: &Fading,
        moving: bool,
    ) -> Option<(f64, Event)> {
        let s = &self.scratch;
        let mut first = (f64::INFINITY, Event::Goal);
        let mut offer = |length: f64, event: Event| {
            if length < first.0 {
                first = (length.max(0.0), event);
            }
        };
        match way {
            Way::To(j, target) if moving => offer((target - self.w[j]) * side, Event::Goal),
            Way::Begin if moving => offer(fading.left, Event::Goal),
            Way::To(..) | Way::Begin => {}
            Way::Balance(j) => {
                let own = if moving { 2.0 * m.diagonal[j] * side } else { 0.0 };
                let (gap, change) = (self.v[j] - self.pull(m, j), s.dv[j] - own);
                if change * gap < 0.0 {
                    offer(-gap / change, Event::Goal);
                }
                if moving {
                    let end = if side > 0.0 { m.high[j] } else { self.lower(m, j) };
                    offer((end - self.w[j]) * side, Event::Stop);
                }
            }
        }
        if moving {
            for (&j, &dw) in self.free.iter().zip(&s.dw) {
                let (low, high) = self.piece(m, j);
                if dw > 0.0 {
                    offer((high - self.w[j]) / dw, Event::Piece(j, true));
                } else if dw < 0.0 {
                    offer((low - self.w[j]) / dw, Event::Piece(j, false));
                }
            }
        }
        for j in 0..m.n {
            let dv = s.dv[j];
            if self.at[j].is_free() || self.at[j] == At::Driven || dv == 0.0 {
                continue;
            }
            let (low, high) = self.window(m, j);
            if dv > 0.0 {
                if high < f64::INFINITY {
                    offer((high - self.v[j]) / dv, Event::Window(j, true));
                }
            } else if low > -f64::INFINITY {
                offer((low - self.v[j]) / dv, Event::Window(j, false));
            }
        }
        for (k, &r) in self.active.iter().enumerate() {
            let (lambda, change) = (self.lambda[r], 2.0 * s.eta[k]);
            let lets_go = match self.row_at[r] {
                RowAt::Low => change < 0.0,
                RowAt::High => change > 0.0,
                RowAt::Equal | RowAt::Inside => false,
            };
            if lets_go {
                offer(-lambda / change, Event::LetGo(r));
            }
        }
        if moving {
            self.limits(m, way, fading, &mut offer);
        }
        (first.0 < f64::INFINITY).then_some(first)
    }

    /// Rows that are not active and reach a limit.
    #[inline(always)]
    fn limits(&self, m: &Model, way: Way, fading: &Fading, offer: &mut impl FnMut(f64, Event)) {
        for r in 0..m.q {
            if self.row_at[r] != RowAt::Inside {
                continue;
            }
            let (mut low, mut high, mut low_goes, mut high_goes) = (m.row_low[r], m.row_high[r], 0.0, 0.0);
            if matches!(way, Way::Begin) {
                low += fading.left * fading.low[r];
                high += fading.left * fading.high[r];
                (low_goes, high_goes) = (-fading.low[r], -fading.high[r]);
            }
            let goes = self.scratch.dactivity[r];
            if goes > high_goes && high < f64::INFINITY {
                offer((high - self.activity[r]) / (goes - high_goes), Event::Limit(r, true));
            }
            if goes < low_goes && low > -f64::INFINITY {
                offer((low - self.activity[r]) / (goes - low_goes), Event::Limit(r, false));
            }
        }
    }
}
