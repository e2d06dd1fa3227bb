//! Gradient descent as people write it: `θ ← θ − η ∇f(θ)` with one learning rate η for all parameters, until
//! `|fₖ − fₖ₋₁| ≤ tolerance`.
//!
//! It is here because people use it and ask why theirs fails, so it does what theirs does: no line search, no
//! momentum, no scaling behind the back. What it adds is the full trace, kept in bounded memory. Loss and
//! gradient come from one pass over the rows, and on rows in memory a step allocates nothing.
//! [`crate::diagnosis::forecast`] tells beforehand how it will end.

use super::{Candidate, Stop};
use crate::data::Shape;
use crate::error::{Error, Result};
use crate::oracle::{Answer, Ask, Oracle};
use crate::problem::{Coefficients, Intercept, Problem};
use faer::Mat;
use std::collections::VecDeque;
use std::io;
use std::time::{Duration, Instant};

/// What people choose.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// η > 0.
    pub learning_rate: f64,
    /// Stop when the objective changes by no more than this in a step; ≥ 0.
    pub tolerance: f64,
    /// Stop after so many steps.
    pub max_iter: u64,
    /// The first point: for every output its intercept, when there is one, and then its coefficients; absent
    /// means zeros.
    pub start: Option<Vec<f64>>,
    /// Stop after so long.
    pub time_limit: Option<Duration>,
}

/// One step as a watcher sees it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step {
    /// 0 is the start.
    pub step: u64,
    /// The objective there, penalty included.
    pub loss: f64,
    /// ‖∇f‖ over all parameters.
    pub gradient_norm: f64,
}

/// How a run went.
#[derive(Clone, Debug)]
pub struct Descent {
    /// The last point; the best one when the run diverged, was interrupted or ran out of time. A start whose loss
    /// overflows is a run that diverged at step 0.
    pub candidate: Candidate,
    /// Where it went.
    pub trace: Trace,
    /// The objective at the start.
    pub first_loss: f64,
    /// The smallest objective on the way.
    pub best_loss: f64,
    /// The objective at the last step; not finite when the run diverged.
    pub final_loss: f64,
    /// The last step's `|fₖ − fₖ₋₁|`; absent when there was no step.
    pub last_change: Option<f64>,
    /// The last point that the trace ends with, in the order of [`Settings::start`].
    pub last_point: Vec<f64>,
    /// ∇f there, in the same order.
    pub last_gradient: Vec<f64>,
}

/// Follows the gradient downhill from `settings.start`.
///
/// The oracle gives the mean loss; the penalty of `problem` is added here. `watch` sees every step and ends
/// the run by returning false.
///
/// # Errors
/// Settings that make no sense ([`Error::Usage`]), rows that can no longer be read, or an interruption before the first
/// loss is known.
pub fn descend(
    oracle: &mut dyn Oracle,
    problem: &Problem,
    settings: &Settings,
    watch: &dyn Fn(Step) -> bool,
) -> Result<Descent> {
    let layout = Layout { shape: oracle.shape(), intercept: problem.intercept != Intercept::Absent };
    check(settings, &layout)?;
    let begun = Instant::now();
    let mut walk = Walk::new(oracle, problem, layout, settings.start.as_deref());
    let mut trace = Trace::new(&layout, Trace::MEMORY);

    walk.evaluate()?;
    trace.push(&walk);
    let first_loss = walk.loss;
    let mut best = Best { step: 0, loss: walk.loss, point: walk.point.clone() };
    let mut last_change = None;
    let stop = loop {
        if !walk.is_finite() {
            break Stop::Diverged;
        }
        if last_change.is_some_and(|change: f64| change <= settings.tolerance) {
            break Stop::Tolerance;
        }
        if walk.step >= settings.max_iter {
            break Stop::MaxIter;
        }
        if settings.time_limit.is_some_and(|limit| begun.elapsed() >= limit) {
            break Stop::Time;
        }
        if !watch(walk.here()) {
            break Stop::Interrupted;
        }
        let before = walk.loss;
        walk.advance(settings.learning_rate);
        match walk.evaluate() {
            // In the middle of a walk over the rows: what was the best point before it still is.
            Err(Error::Interrupted) => {
                walk.step -= 1;
                break Stop::Interrupted;
            }
            done => done?,
        }
        trace.push(&walk);
        last_change = Some((walk.loss - before).abs());
        best.offer(&walk);
    };

    let whole = matches!(stop, Stop::Tolerance | Stop::MaxIter | Stop::Certified);
    let coefficients = layout.unpack(if whole { &walk.point } else { &best.point });
    let steps = usize::try_from(walk.step).unwrap_or(usize::MAX);
    Ok(Descent {
        candidate: Candidate { coefficients, stop, steps },
        trace,
        first_loss,
        best_loss: best.loss,
        final_loss: walk.loss,
        last_change,
        last_point: walk.point,
        last_gradient: walk.gradient,
    })
}

fn check(settings: &Settings, layout: &Layout) -> Result<()> {
    let usage = |what: String, hint: &str| Err(Error::Usage { what, hint: hint.to_owned() });
    let Settings { learning_rate, tolerance, start, .. } = settings;
    if !(learning_rate.is_finite() && *learning_rate > 0.0) {
        return usage(
            format!("the learning rate is {learning_rate}; it must be above 0 and finite"),
            "give a positive number, as in --learning-rate 0.01",
        );
    }
    if !(tolerance.is_finite() && *tolerance >= 0.0) {
        return usage(
            format!("the tolerance is {tolerance}; it must be 0 or above, and finite"),
            "give a number as in --tolerance 1e-9, or 0 to use all of --max-iter",
        );
    }
    let Some(start) = start else { return Ok(()) };
    if start.len() != layout.parameters() {
        let (given, wanted) = (start.len(), layout.parameters());
        return usage(
            format!("the start has {}, the model {}", counted(given, "number"), counted(wanted, "parameter")),
            "give for every output its intercept, if the model has one, and then one number a column",
        );
    }
    if let Some((place, value)) = start.iter().enumerate().find(|(_, value)| !value.is_finite()) {
        return usage(
            format!("number {} of the start is {value}; it must be finite", place + 1),
            "start at zeros by leaving out --start",
        );
    }
    Ok(())
}

fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// How parameters stand in one vector: for every output its intercept, when there is one, then its d weights.
#[derive(Clone, Copy, Debug)]
struct Layout {
    shape: Shape,
    intercept: bool,
}

impl Layout {
    fn per_output(&self) -> usize {
        self.shape.columns + usize::from(self.intercept)
    }

    fn parameters(&self) -> usize {
        self.per_output() * self.shape.outputs
    }

    /// Intercept and weights of output `k` within a vector of all parameters.
    fn split<'v>(&self, vector: &'v [f64], k: usize) -> (f64, &'v [f64]) {
        let own = &vector[k * self.per_output()..(k + 1) * self.per_output()];
        match own.split_first() {
            Some((&intercept, weights)) if self.intercept => (intercept, weights),
            _ => (0.0, own),
        }
    }

    fn unpack(&self, vector: &[f64]) -> Coefficients {
        let mut out = Coefficients {
            weights: Mat::zeros(self.shape.columns, self.shape.outputs),
            intercept: vec![0.0; self.shape.outputs],
        };
        self.unpack_into(vector, &mut out);
        out
    }

    fn unpack_into(&self, vector: &[f64], out: &mut Coefficients) {
        for k in 0..self.shape.outputs {
            let (intercept, weights) = self.split(vector, k);
            out.intercept[k] = intercept;
            out.weights.col_as_slice_mut(k).copy_from_slice(weights);
        }
    }
}

/// The moving point, with everything that a step needs allocated once.
struct Walk<'a> {
    oracle: &'a mut dyn Oracle,
    layout: Layout,
    /// λⱼ of one output's parameters, in their order.
    ridge: Vec<f64>,
    step: u64,
    point: Vec<f64>,
    gradient: Vec<f64>,
    loss: f64,
    gradient_norm: f64,
    coefficients: Coefficients,
    answer: Answer,
}

impl<'a> Walk<'a> {
    fn new(oracle: &'a mut dyn Oracle, problem: &Problem, layout: Layout, start: Option<&[f64]>) -> Self {
        let point = start.map_or_else(|| vec![0.0; layout.parameters()], <[f64]>::to_vec);
        let of_intercept = match problem.intercept {
            Intercept::Absent => None,
            Intercept::Free => Some(0.0),
            Intercept::Penalized => Some(problem.penalty.lambda),
        };
        let of_columns = (0..layout.shape.columns).map(|j| problem.penalty.weight(j));
        Self {
            oracle,
            layout,
            ridge: of_intercept.into_iter().chain(of_columns).collect(),
            step: 0,
            gradient: vec![0.0; point.len()],
            coefficients: layout.unpack(&point),
            point,
            loss: 0.0,
            gradient_norm: 0.0,
            answer: Answer::new(layout.shape),
        }
    }

    /// f and ∇f at the point: the oracle's mean loss, plus `½ Σ λⱼ θⱼ²`.
    fn evaluate(&mut self) -> Result<()> {
        self.layout.unpack_into(&self.point, &mut self.coefficients);
        self.oracle.eval(&self.coefficients, Ask::Gradient, &mut self.answer)?;
        let per_output = self.layout.per_output();
        let (mut penalty, mut square) = (0.0, 0.0);
        for k in 0..self.layout.shape.outputs {
            let of_loss = self.answer.intercept[k..=k].iter().filter(|_| self.layout.intercept);
            let of_loss = of_loss.chain(self.answer.weights.col_as_slice(k));
            let own = k * per_output..(k + 1) * per_output;
            let (point, gradient) = (&self.point[own.clone()], &mut self.gradient[own]);
            for (((theta, gradient), lambda), of_loss) in
                point.iter().zip(gradient).zip(&self.ridge).zip(of_loss)
            {
                penalty += lambda * theta * theta;
                *gradient = of_loss + lambda * theta;
                square += *gradient * *gradient;
            }
        }
        self.loss = self.answer.value + 0.5 * penalty;
        self.gradient_norm = norm(square, &self.gradient);
        Ok(())
    }

    fn advance(&mut self, rate: f64) {
        self.point.iter_mut().zip(&self.gradient).for_each(|(theta, gradient)| *theta -= rate * gradient);
        self.step += 1;
    }

    fn is_finite(&self) -> bool {
        self.loss.is_finite() && self.gradient_norm.is_finite()
    }

    fn here(&self) -> Step {
        Step { step: self.step, loss: self.loss, gradient_norm: self.gradient_norm }
    }
}

/// √square, or the norm computed without overflow where the plain sum of squares left the range of `f64`.
fn norm(square: f64, gradient: &[f64]) -> f64 {
    if square.is_normal() || square == 0.0 && gradient.iter().all(|&g| g == 0.0) {
        return square.sqrt();
    }
    let peak = gradient.iter().fold(0.0f64, |peak, g| if g.is_nan() { f64::NAN } else { peak.max(g.abs()) });
    if !peak.is_finite() || peak == 0.0 {
        return peak;
    }
    peak * gradient.iter().map(|g| (g / peak) * (g / peak)).sum::<f64>().sqrt()
}

struct Best {
    step: u64,
    loss: f64,
    point: Vec<f64>,
}

impl Best {
    fn offer(&mut self, walk: &Walk<'_>) {
        if walk.loss < self.loss {
            self.step = walk.step;
            self.loss = walk.loss;
            self.point.copy_from_slice(&walk.point);
        }
    }
}

/// The steps of a run, from the start to the last one.
///
/// Memory is bounded: when it is full every second step kept so far is dropped and from then on every second,
/// fourth, … step is kept. The start and the last few steps are always exact; [`Trace::stride`] says what
/// happened.
#[derive(Clone, Debug)]
pub struct Trace {
    /// A name for every parameter, in the order of [`Settings::start`].
    pub parameters: Vec<String>,
    layout: Layout,
    stride: u64,
    /// Rows of step `0, stride, 2·stride, …`: loss, gradient norm, parameters.
    kept: Vec<f64>,
    capacity: usize,
    recent: VecDeque<(u64, Vec<f64>)>,
    recent_capacity: usize,
}

/// One step of a trace.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TraceRow<'a> {
    /// 0 is the start.
    pub step: u64,
    /// The objective.
    pub loss: f64,
    /// ‖∇f‖.
    pub gradient_norm: f64,
    /// θ, in the order of [`Trace::parameters`].
    pub parameters: &'a [f64],
}

impl Trace {
    /// Bytes that a trace may take.
    pub const MEMORY: usize = 64 << 20;
    /// How many of the last steps are kept whatever the stride, at most.
    const RECENT: usize = 64;

    fn new(layout: &Layout, memory: usize) -> Self {
        let rows = memory / 8 / (layout.parameters() + 2);
        let mut trace = Self {
            parameters: Vec::new(),
            layout: *layout,
            stride: 1,
            kept: Vec::new(),
            capacity: rows.max(16),
            recent: VecDeque::new(),
            recent_capacity: (rows / 8).clamp(4, Self::RECENT),
        };
        trace.name_parameters(&[], &[]);
        trace
    }

    /// Names the parameters after the columns: `(intercept)` and `temp` with one output, `(intercept):a` and
    /// `temp:a` with several. What has no name is `x1`, `x2`, … or `y1`, `y2`, ….
    pub fn name_parameters(&mut self, columns: &[String], outputs: &[String]) {
        let Shape { columns: d, outputs: c, .. } = self.layout.shape;
        let named = |names: &[String], letter: &str, i: usize| {
            names.get(i).cloned().unwrap_or_else(|| format!("{letter}{}", i + 1))
        };
        let intercept = self.layout.intercept.then(|| "(intercept)".to_owned());
        let terms: Vec<String> =
            intercept.into_iter().chain((0..d).map(|j| named(columns, "x", j))).collect();
        self.parameters = if c == 1 {
            terms
        } else {
            let outputs: Vec<String> = (0..c).map(|k| named(outputs, "y", k)).collect();
            outputs.iter().flat_map(|out| terms.iter().map(move |term| format!("{term}:{out}"))).collect()
        };
    }

    /// Numbers in a row.
    fn width(&self) -> usize {
        self.layout.parameters() + 2
    }

    fn push(&mut self, walk: &Walk<'_>) {
        let row = [walk.loss, walk.gradient_norm];
        if walk.step.is_multiple_of(self.stride) {
            if self.kept.len() / self.width() >= self.capacity {
                self.thin();
            }
            if walk.step.is_multiple_of(self.stride) {
                self.kept.extend_from_slice(&row);
                self.kept.extend_from_slice(&walk.point);
            }
        }
        let mut slot = if self.recent.len() < self.recent_capacity {
            Vec::with_capacity(self.width())
        } else {
            self.recent.pop_front().map(|(_, slot)| slot).unwrap_or_default()
        };
        slot.clear();
        slot.extend_from_slice(&row);
        slot.extend_from_slice(&walk.point);
        self.recent.push_back((walk.step, slot));
    }

    /// Drops every second row and doubles the stride.
    fn thin(&mut self) {
        let width = self.width();
        let rows = self.kept.len() / width;
        for (to, from) in (0..rows).step_by(2).enumerate() {
            self.kept.copy_within(from * width..(from + 1) * width, to * width);
        }
        self.kept.truncate(rows.div_ceil(2) * width);
        self.stride *= 2;
    }

    /// Every how many steps one is kept: 1 when the trace is complete, otherwise a power of two.
    pub fn stride(&self) -> u64 {
        self.stride
    }

    /// The kept steps in order.
    pub fn rows(&self) -> impl Iterator<Item = TraceRow<'_>> {
        let first_recent = self.recent.front().map_or(0, |(step, _)| *step);
        let kept = self.kept.chunks_exact(self.width()).zip((0u64..).map(|i| i * self.stride));
        let kept = kept.map(|(row, step)| (step, row)).take_while(move |(step, _)| *step < first_recent);
        let recent = self.recent.iter().map(|(step, row)| (*step, row.as_slice()));
        kept.chain(recent).filter_map(|(step, row)| match row {
            [loss, gradient_norm, parameters @ ..] => {
                Some(TraceRow { step, loss: *loss, gradient_norm: *gradient_norm, parameters })
            }
            _ => None,
        })
    }

    /// Writes `step,loss,gradient_norm` and one column a parameter; every number reads back as itself.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write_csv(&self, out: impl io::Write) -> io::Result<()> {
        let mut csv = csv::Writer::from_writer(out);
        let head = ["step", "loss", "gradient_norm"].into_iter();
        csv.write_record(head.chain(self.parameters.iter().map(String::as_str))).map_err(refused)?;
        for row in self.rows() {
            csv.write_field(row.step.to_string()).map_err(refused)?;
            for number in [row.loss, row.gradient_norm].iter().chain(row.parameters) {
                csv.write_field(format!("{number:?}")).map_err(refused)?;
            }
            csv.write_record(None::<&[u8]>).map_err(refused)?;
        }
        csv.flush()
    }
}

/// Why the system refused; the conversion that the csv crate offers hides it.
fn refused(error: csv::Error) -> io::Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        _ => io::ErrorKind::InvalidData.into(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::float_cmp)]

    use super::*;
    use crate::data::Design;
    use crate::diagnosis::cases::{sales, sales_centred, sales_minmax, squared};
    use crate::oracle::Local;
    use crate::problem::{LossKind, Ridge};

    fn settings(learning_rate: f64, tolerance: f64, max_iter: u64) -> Settings {
        Settings { learning_rate, tolerance, max_iter, start: None, time_limit: None }
    }

    fn run(design: &Design, settings: &Settings) -> Descent {
        let mut oracle = Local::new(design, LossKind::Squared).unwrap();
        descend(&mut oracle, &squared(), settings, &|_| true).unwrap()
    }

    /// `shared/cases/golden.json`, computed apart from this program.
    #[test]
    fn sales_at_rate_005_ends_where_the_known_run_does() {
        let descent = run(&sales(), &settings(0.005, 1e-9, 10_000));
        let Coefficients { weights, intercept } = &descent.candidate.coefficients;
        assert_eq!((descent.candidate.stop, descent.candidate.steps), (Stop::MaxIter, 10_000));
        assert!((intercept[0] / -138.245_180_685_517_62 - 1.0).abs() < 1e-12);
        assert!((weights[(0, 0)] / 28.997_103_500_099_186 - 1.0).abs() < 1e-12);
        assert!((descent.final_loss / 614.821_742_158_162_7 - 1.0).abs() < 1e-12);
    }

    /// The questioner's own run; golden values as above.
    #[test]
    fn sales_between_0_and_1_stop_at_steps_7743_and_9487() {
        for (tolerance, steps, loss) in
            [(1e-9, 7743, 0.003_291_757_826_373_635), (1e-10, 9487, 0.003_291_076_940_185_919)]
        {
            let descent = run(&sales_minmax(), &settings(0.01, tolerance, 20_000));
            assert_eq!((descent.candidate.stop, descent.candidate.steps), (Stop::Tolerance, steps));
            assert!((descent.final_loss / loss - 1.0).abs() < 1e-12);
            assert!(descent.last_change.unwrap() <= tolerance);
        }
    }

    #[test]
    fn raw_sales_at_rate_01_diverge_and_the_best_point_is_kept() {
        let descent = run(&sales(), &settings(0.01, 1e-9, 10_000));
        assert_eq!(descent.candidate.stop, Stop::Diverged);
        assert!(!descent.final_loss.is_finite());
        assert_eq!(descent.best_loss, descent.first_loss);
        assert_eq!(descent.candidate.coefficients.intercept, [0.0]);
        let growth: Vec<f64> = descent.trace.rows().skip(20).take(5).map(|row| row.loss).collect();
        assert!(growth.windows(2).all(|pair| ((pair[1] / pair[0]).sqrt() - 2.644_637_002).abs() < 1e-8));
    }

    #[test]
    fn a_longer_trace_is_thinned_but_starts_and_ends_exactly() {
        let shape = Shape { rows: 12, columns: 1, outputs: 1 };
        let layout = Layout { shape, intercept: true };
        let design = sales_centred();
        let mut oracle = Local::new(&design, LossKind::Squared).unwrap();
        let mut walk = Walk::new(&mut oracle, &squared(), layout, None);
        let mut trace = Trace::new(&layout, 8 * 4 * 100);
        let mut losses = Vec::new();
        for _ in 0..1000 {
            walk.evaluate().unwrap();
            trace.push(&walk);
            losses.push(walk.loss);
            walk.advance(0.01);
        }
        assert_eq!(trace.stride(), 16);
        let rows: Vec<_> = trace.rows().collect();
        assert!(rows.iter().all(|row| row.loss == losses[usize::try_from(row.step).unwrap()]));
        assert!(rows.windows(2).all(|pair| pair[0].step < pair[1].step && pair[1].step - pair[0].step <= 16));
        assert_eq!(rows[0].step, 0);
        assert!(rows.iter().rev().take(8).map(|row| row.step).eq((992..1000).rev()));
    }

    #[test]
    fn trace_columns_are_named_and_numbers_read_back() {
        let mut descent = run(&sales(), &settings(0.001, 0.0, 3));
        descent.trace.name_parameters(&["temp, °C".to_owned()], &["sales".to_owned()]);
        let mut text = Vec::new();
        descent.trace.write_csv(&mut text).unwrap();
        let mut reader = csv::Reader::from_reader(text.as_slice());
        let head = reader.headers().unwrap().clone();
        assert!(head.iter().eq(["step", "loss", "gradient_norm", "(intercept)", "temp, °C"]));
        for (record, row) in reader.records().zip(descent.trace.rows()) {
            let read: Vec<f64> = record.unwrap().iter().map(|field| field.parse().unwrap()).collect();
            assert_eq!(read[0], row.step as f64);
            assert_eq!(read[1..3], [row.loss, row.gradient_norm]);
            assert_eq!(&read[3..], row.parameters);
        }
    }

    #[test]
    fn a_watcher_interrupts_and_gets_the_best_point() {
        let design = sales();
        let mut oracle = Local::new(&design, LossKind::Squared).unwrap();
        let watch = |step: Step| step.step < 5;
        let descent = descend(&mut oracle, &squared(), &settings(0.01, 0.0, 100), &watch).unwrap();
        assert_eq!((descent.candidate.stop, descent.candidate.steps), (Stop::Interrupted, 5));
        assert_eq!(descent.candidate.coefficients.intercept, [0.0]);
    }

    #[test]
    fn time_runs_out() {
        let limit = Settings { time_limit: Some(Duration::ZERO), ..settings(0.001, 0.0, u64::MAX) };
        assert_eq!(run(&sales(), &limit).candidate.stop, Stop::Time);
    }

    #[test]
    fn the_penalty_spares_a_free_intercept_and_shrinks_a_penalised_one() {
        let design = sales_centred();
        let mean_sales = 402.416_666_666_666_7;
        for (intercept, want) in [(Intercept::Free, mean_sales), (Intercept::Penalized, mean_sales / 1.5)] {
            let problem = Problem { loss: LossKind::Squared, penalty: Ridge::uniform(0.5), intercept };
            let mut oracle = Local::new(&design, LossKind::Squared).unwrap();
            // Tolerance 0 ends where the objective no longer moves: at about √u of the parameters.
            let descent = descend(&mut oracle, &problem, &settings(0.1, 0.0, 1000), &|_| true).unwrap();
            assert!((descent.candidate.coefficients.intercept[0] - want).abs() < 1e-4);
            // Slope of the centred ridge: Sxy / (Sxx + λ), from the OLS slope.
            let slope = 30.087_861_79 * 14.748_541_666_7 / (14.748_541_666_7 + 0.5);
            assert!((descent.candidate.coefficients.weights[(0, 0)] - slope).abs() < 1e-4);
        }
    }

    #[test]
    fn settings_that_make_no_sense_are_refused_with_the_number() {
        let refused = |settings: Settings| {
            let design = sales();
            let mut oracle = Local::new(&design, LossKind::Squared).unwrap();
            descend(&mut oracle, &squared(), &settings, &|_| true).unwrap_err().to_string()
        };
        assert!(refused(settings(-0.1, 0.0, 1)).contains("-0.1"));
        assert!(refused(settings(f64::NAN, 0.0, 1)).contains("NaN"));
        assert!(refused(settings(0.1, -1.0, 1)).contains("tolerance is -1"));
        let start = Settings { start: Some(vec![0.0; 3]), ..settings(0.1, 0.0, 1) };
        assert!(refused(start).contains("3 numbers, the model 2 parameters"));
    }

    #[test]
    fn a_start_whose_loss_overflows_has_diverged_before_the_first_step() {
        for start in [[1e200, 0.0], [1e308, 1e308]] {
            let design = sales_centred();
            let mut oracle = Local::new(&design, LossKind::Squared).unwrap();
            let far = Settings { start: Some(start.to_vec()), ..settings(0.01, 0.0, 10) };
            let ran = descend(&mut oracle, &squared(), &far, &|_| true).unwrap();
            assert_eq!((ran.candidate.stop, ran.candidate.steps), (Stop::Diverged, 0));
            assert_eq!((ran.trace.rows().count(), ran.last_point), (1, start.to_vec()));
            assert!(!ran.final_loss.is_finite() && ran.last_change.is_none());
        }
    }

    #[test]
    fn a_norm_beyond_the_range_of_squares_is_still_right() {
        assert!((norm(f64::INFINITY, &[3e200, 4e200]) / 5e200 - 1.0).abs() < 1e-15);
        assert!((norm(0.0, &[3e-200, 4e-200]) / 5e-200 - 1.0).abs() < 1e-15);
        assert!(norm(f64::NAN, &[f64::NAN, 1.0]).is_nan());
    }
}
