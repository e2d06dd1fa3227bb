//! From one run of gradient descent to its one cause.
//!
//! Each rule looks at the same [`Situation`] and says whether it holds; which of those that hold comes first is
//! decided here: *the cause whose single, safest change closes the gap*. So a rate above the limit comes before
//! everything, then a start without a loss, a tolerance that is too loose before slowness (a smaller number mends it), a
//! tiny rate before bad conditioning when a larger rate alone would have been enough, and the iteration limit last.

use super::forecast::Spectrum;
use super::words::figure;
use super::{
    Code, Diagnosis, Facts, conditioning, false_convergence, iteration_limit, rate_too_high, rate_too_low,
    remedy, resolution, start_too_far, stopped_early,
};
use crate::certificate::Certificate;
use crate::data::scale::Scale;
use crate::num::UNIT_ROUNDOFF;
use crate::problem::{Coefficients, Intercept, Problem};
use crate::solver::Stop;
use crate::solver::gradient_descent::{Descent, Settings};
use serde_json::{Map, Value, json};

/// An optimum of so few roundings of the target's variance is not known from moments.
const LOST: f64 = 400.0;

/// Everything that is known of a run.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// The data, in the user's units.
    pub facts: &'a Facts,
    /// The problem, in the units of `scale`.
    pub problem: &'a Problem,
    /// The units in which descent worked.
    pub scale: Scale,
    /// Whether the targets were in those units too.
    pub scale_target: bool,
    /// What the person chose.
    pub settings: &'a Settings,
    /// The wanted relative gap.
    pub target: f64,
    /// How the run went; absent before it, and then its forecast stands in.
    pub descent: Option<&'a Descent>,
    /// How good its answer is, in the user's units.
    pub quality: Option<Quality>,
    /// The exact answer, in the user's units.
    pub exact: Option<&'a Coefficients>,
    /// How good the exact answer is, in the user's units.
    pub best: Option<Quality>,
}

/// The numbers of a [`Certificate`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Quality {
    /// The objective.
    pub objective: f64,
    /// At most so far above the optimum.
    pub gap: f64,
    /// The gap that rounding excuses.
    pub excused: f64,
}

impl From<&Certificate> for Quality {
    fn from(certificate: &Certificate) -> Self {
        Self { objective: certificate.objective(), gap: certificate.gap(), excused: certificate.excused() }
    }
}

impl Quality {
    pub(super) fn certifies(&self, epsilon: f64) -> bool {
        self.gap <= (epsilon * self.objective.abs()).max(self.excused)
    }
}

/// A context with what the rules share worked out once. Losses and gaps are in the units of the run.
pub(super) struct Situation<'a> {
    pub context: Context<'a>,
    /// In the units of the run.
    pub spectrum: Spectrum,
    /// The gap that is wanted, in the units of the run.
    pub wanted: f64,
    pub outcome: Outcome,
}

/// How the run ended, or will end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Outcome {
    pub stop: Stop,
    pub steps: u64,
    pub first_loss: f64,
    pub best_loss: f64,
    pub final_loss: f64,
    pub last_change: Option<f64>,
    /// The last step moved no parameter by half a unit in its last place.
    pub stalled: bool,
}

/// A rule that holds.
pub(super) struct Cause {
    pub code: Code,
    pub message: String,
    pub reasons: Vec<String>,
    pub evidence: Map<String, Value>,
}

/// The cause for which a run of gradient descent is not certified; absent when it is.
///
/// Before a run (`descent` absent) it is the cause for which the run will not end certified.
pub fn diagnose(context: &Context<'_>) -> Option<Diagnosis> {
    if !context.descent.is_some_and(climbed) && context.quality.is_some_and(|q| q.certifies(context.target)) {
        return None;
    }
    let Some(situation) = Situation::new(*context) else {
        return super::trace::diagnose_descent(context);
    };
    if context.descent.is_none() && situation.will_be_certified() {
        return None;
    }
    let rules = [
        rate_too_high::check,
        start_too_far::check,
        resolution::check,
        stopped_early::check,
        rate_too_low::check,
        conditioning::check,
    ];
    let last = [iteration_limit::check, false_convergence::check];
    let mut causes: Vec<Cause> = rules.iter().chain(&last).filter_map(|rule| rule(&situation)).collect();
    let primary = situation.primary(&causes)?;
    let cause = causes.remove(primary);
    let mut also: Vec<Code> = causes.iter().map(|cause| cause.code).collect();
    also.sort_unstable();
    let mut evidence = situation.evidence();
    evidence.extend(cause.evidence);
    Some(Diagnosis {
        code: cause.code,
        message: cause.message,
        reasons: cause.reasons,
        evidence,
        also,
        remedies: remedy::remedies(&situation, cause.code),
        exact: context.exact.cloned(),
    })
}

/// Whether a run went off or ended above its start: then its answer is not to be used, even where the best point on
/// the way was good.
fn climbed(descent: &Descent) -> bool {
    descent.candidate.stop == Stop::Diverged
        || false_convergence::climbed(descent.first_loss, descent.best_loss, descent.final_loss)
}

impl<'a> Situation<'a> {
    fn new(context: Context<'a>) -> Option<Self> {
        let spectrum = spectrum_in(&context, context.scale)?;
        let wanted = wanted_gap(&context, &spectrum);
        let outcome = match context.descent {
            Some(descent) => Outcome::of(descent, context.settings),
            None => Outcome::forecast(&spectrum, context.settings),
        };
        Some(Self { context, spectrum, wanted, outcome })
    }

    /// Whether the run is still to be made.
    pub fn is_forecast(&self) -> bool {
        self.context.descent.is_none()
    }

    pub fn rate(&self) -> f64 {
        self.context.settings.learning_rate
    }

    /// The curvature in other units of the columns.
    pub fn spectrum_in(&self, scale: Scale) -> Option<Spectrum> {
        spectrum_in(&self.context, scale)
    }

    /// The units of the run and the curvature there.
    pub fn own(&self) -> (Scale, &Spectrum) {
        (self.context.scale, &self.spectrum)
    }

    /// How far the rounding of the answer, on its way from units with the curvature `spectrum` into the user's, can
    /// move the objective: there T is another sum, of offsets that the units of the run took out.
    pub fn rounding_of_units(&self, spectrum: &Spectrum) -> f64 {
        let own = self.spectrum_in(Scale::None).map_or(f64::INFINITY, |own| own.rounding_of_scores());
        own.max(spectrum.rounding_of_scores())
    }

    /// What the certificate of the exact answer allows for rounding, in the units of the run; absent where the
    /// optimum is not known from it.
    pub fn allowance(&self, scale: Scale) -> Option<f64> {
        optimum_in_run(&self.context, scale)?;
        let unit = match self.context.facts.targets.len() {
            1 => self.context.facts.target_unit(self.context.scale, self.context.scale_target, 0),
            _ => 1.0,
        };
        self.context.best.map(|best| best.excused / (unit * unit))
    }

    /// The same run from zeros.
    pub fn spectrum_from_zeros(&self) -> Option<Spectrum> {
        let settings = Settings { start: None, ..self.context.settings.clone() };
        spectrum_in(&Context { settings: &settings, ..self.context }, self.context.scale)
    }

    /// Whether the loss of the start that was given overflows.
    pub fn starts_too_far(&self) -> bool {
        let given = self.context.settings.start.is_some();
        given && self.outcome.stop == Stop::Diverged && self.outcome.steps == 0
    }

    /// Steps to the wanted gap at a rate, in the units of the run; absent where rounding keeps descent from it.
    pub fn steps_at(&self, rate: f64) -> Option<u64> {
        self.spectrum.steps_to_reach(rate, self.wanted)
    }

    /// The optimum in words, and how far the answer is above it where that is a number.
    pub fn against_the_optimum(&self) -> String {
        let ((_, optimum), relative) = (self.objective_and_optimum(), self.relative_gap());
        if relative.is_finite() {
            let (gap, wanted) = (figure(relative, 2), figure(self.context.target, 2));
            format!("against the optimum {}: relative gap {gap}, wanted {wanted}", figure(optimum, 6))
        } else {
            "where an exact fit is possible, with a loss of 0".to_owned()
        }
    }

    /// Whether the forecast run reaches the wanted gap.
    fn will_be_certified(&self) -> bool {
        self.spectrum.converges(self.rate())
            && self.outcome.final_loss.is_finite()
            && self
                .spectrum
                .aim(self.rate(), self.wanted)
                .is_some_and(|aim| self.spectrum.gap_after(self.rate(), self.outcome.steps) <= aim)
    }

    /// The tolerance at which the run would end within the wanted gap, at its own rate.
    pub fn tolerance_for_wanted(&self) -> Option<f64> {
        self.spectrum.tolerance_for_gap(self.rate(), self.wanted).map(|(tolerance, _)| tolerance)
    }

    /// f − f* at the end, in the units of the run.
    pub fn final_gap(&self) -> f64 {
        (self.outcome.final_loss - self.spectrum.optimum()).max(0.0)
    }

    /// The gap of the answer relative to the optimum.
    pub fn relative_gap(&self) -> f64 {
        match self.context.quality {
            Some(Quality { gap, .. }) if gap.is_infinite() => gap,
            Some(Quality { objective, gap, .. }) => {
                gap / self.context.best.map_or((objective - gap).max(0.0), |best| best.objective)
            }
            None => self.final_gap() / self.spectrum.optimum(),
        }
    }

    /// Objective and optimum as a person reads them, in the user's units where they are known.
    pub fn objective_and_optimum(&self) -> (f64, f64) {
        match self.context.quality {
            Some(Quality { objective, gap, .. }) => {
                (objective, self.context.best.map_or(objective - gap, |best| best.objective))
            }
            None => (self.outcome.final_loss, self.spectrum.optimum()),
        }
    }

    /// What L is the curvature of, in the convention that its numbers are in.
    pub fn objective_in_words(&self) -> &'static str {
        if self.context.problem.penalty.lambda > 0.0 {
            "½ mean r² + (λ/2)‖w‖²"
        } else {
            "½ mean r²"
        }
    }

    /// Which of the causes comes first.
    fn primary(&self, causes: &[Cause]) -> Option<usize> {
        let place = |code| causes.iter().position(|cause: &Cause| cause.code == code);
        let rate_alone = || {
            let steps = self.steps_at(self.spectrum.best_rate());
            steps.is_some_and(|steps| steps <= self.context.settings.max_iter)
        };
        let some_tolerance_does = || self.tolerance_for_wanted().is_some();
        place(Code::Sf101)
            .or_else(|| place(Code::Sf106).filter(|_| self.outcome.stalled || self.starts_too_far()))
            .or_else(|| place(Code::Sf104).filter(|_| some_tolerance_does()))
            .or_else(|| place(Code::Sf102).filter(|_| rate_alone()))
            .or_else(|| place(Code::Sf103))
            .or_else(|| place(Code::Sf102))
            .or_else(|| place(Code::Sf106))
            .or_else(|| place(Code::Sf104))
            .or_else(|| place(Code::Sf108))
            .or_else(|| place(Code::Sf105))
    }

    /// The numbers that every diagnosis of a run carries.
    fn evidence(&self) -> Map<String, Value> {
        let settings = self.context.settings;
        let (objective, optimum) = self.objective_and_optimum();
        let mut out = Map::new();
        let mut put = |name: &str, value: f64| out.insert(name.to_owned(), number(value));
        put("learning_rate", settings.learning_rate);
        put("limit", self.spectrum.limit());
        put("L", self.spectrum.largest());
        put("mu", self.spectrum.smallest());
        put("kappa", self.spectrum.condition());
        put("tolerance", settings.tolerance);
        put("objective", objective);
        put("optimum", optimum);
        put("above_optimum", self.relative_gap());
        put("wanted_relative_gap", self.context.target);
        out.insert("steps".to_owned(), json!(self.outcome.steps));
        out.insert("steps_to_gap".to_owned(), json!(self.steps_at(self.rate())));
        out.insert("loss".to_owned(), json!(self.objective_in_words()));
        out
    }
}

/// A number that may not be finite, as JSON has it.
pub(super) fn number(value: f64) -> Value {
    if value.is_finite() {
        json!(value)
    } else if value.is_nan() {
        json!("nan")
    } else {
        json!(if value > 0.0 { "inf" } else { "-inf" })
    }
}

/// The curvature with the columns in the units of `scale`, the targets as in the run.
fn spectrum_in(context: &Context<'_>, scale: Scale) -> Option<Spectrum> {
    let mut moments = context.facts.in_units(scale, context.scale_target);
    if scale != context.scale {
        let targets = context.facts.in_units(context.scale, context.scale_target);
        let columns = context.facts.in_units(scale, false);
        let unit = |k| context.facts.target_unit(context.scale, context.scale_target, k);
        moments.mean_y = targets.mean_y;
        moments.syy = targets.syy;
        moments.sxy = faer::Mat::from_fn(columns.sxy.nrows(), columns.sxy.ncols(), |j, k| {
            columns.sxy[(j, k)] / unit(k)
        });
    }
    let spectrum = Spectrum::of(&moments, context.problem, context.settings.start.as_deref())?;
    Some(match optimum_in_run(context, scale) {
        Some(optimum) => spectrum.with_optimum(optimum),
        None => spectrum,
    })
}

/// The exact optimum in the units of the run, where one factor turns it into them: with one target, and when the
/// objective does not depend on the units of the columns.
fn optimum_in_run(context: &Context<'_>, scale: Scale) -> Option<f64> {
    // With a free intercept a shift of the columns moves nothing but the intercept.
    let shifts = [Scale::None, Scale::Center];
    let shifted = context.problem.intercept == Intercept::Free
        && shifts.contains(&scale)
        && shifts.contains(&context.scale);
    let invariant = context.problem.penalty.lambda == 0.0 || scale == context.scale || shifted;
    let unit = match context.facts.targets.len() {
        1 => context.facts.target_unit(context.scale, context.scale_target, 0),
        _ if !context.scale_target => 1.0,
        _ => return None,
    };
    context.best.filter(|_| invariant).map(|best| best.objective / (unit * unit))
}

/// ε·f*, or what the certificate of the exact answer allows for rounding: what certifies a run.
///
/// 0, which no run reaches, where f* is known from the moments alone and these have lost its digits.
fn wanted_gap(context: &Context<'_>, spectrum: &Spectrum) -> f64 {
    let wanted = context.target * spectrum.optimum();
    if let (Some(best), [_]) = (context.best, context.facts.targets.as_slice()) {
        let unit = context.facts.target_unit(context.scale, context.scale_target, 0);
        return wanted.max(best.excused / (unit * unit));
    }
    if optimum_in_run(context, context.scale).is_some() {
        return wanted;
    }
    let moments = context.facts.in_units(context.scale, context.scale_target);
    let variance: f64 = moments.syy.iter().sum::<f64>() / moments.total_weight;
    if spectrum.optimum() > LOST * UNIT_ROUNDOFF * variance { wanted } else { 0.0 }
}

impl Outcome {
    fn of(descent: &Descent, settings: &Settings) -> Self {
        let next = |theta: f64, gradient: f64| theta - settings.learning_rate * gradient;
        let still = |(theta, gradient): (&f64, &f64)| next(*theta, *gradient).to_bits() == theta.to_bits();
        Self {
            stop: descent.candidate.stop,
            steps: descent.candidate.steps as u64,
            first_loss: descent.first_loss,
            best_loss: descent.best_loss,
            final_loss: descent.final_loss,
            last_change: descent.last_change,
            stalled: !descent.last_point.is_empty()
                && descent.last_point.iter().zip(&descent.last_gradient).all(still),
        }
    }

    fn forecast(spectrum: &Spectrum, settings: &Settings) -> Self {
        let rate = settings.learning_rate;
        let ends = spectrum.forecast(rate, settings.tolerance, settings.max_iter);
        let first_loss = spectrum.loss_after(rate, 0);
        Self {
            stop: ends.stop,
            steps: ends.steps,
            first_loss,
            best_loss: first_loss.min(ends.loss),
            final_loss: ends.loss,
            last_change: (ends.steps > 0).then(|| spectrum.decrease(rate, ends.steps).abs()),
            stalled: false,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::float_cmp)]

    use super::*;
    use crate::diagnosis::cases::{Run, columns, sales};

    #[test]
    fn before_the_run_the_forecast_gives_the_same_cause() {
        for (rate, max_iter, code) in
            [(0.01, 10_000, Some(Code::Sf101)), (0.005, 10_000, Some(Code::Sf103)), (0.005, 60_000, None)]
        {
            let run = Run::new(sales(), rate, 1e-12, max_iter);
            let facts = run.facts();
            let found = diagnose(&run.context(&facts));
            assert_eq!(found.map(|found| found.code), code, "{rate}");
        }
    }

    #[test]
    fn before_the_run_a_start_without_a_loss_is_told() {
        for start in [[1e200, 0.0], [1e308, 1e308]] {
            let mut run = Run::new(sales(), 0.005, 1e-12, 60_000);
            run.settings.start = Some(start.to_vec());
            let facts = run.facts();
            let found = diagnose(&run.context(&facts));
            assert_eq!(found.map(|found| found.code), Some(Code::Sf106), "{start:?}");
        }
    }

    #[test]
    fn columns_beyond_the_range_of_squares_still_get_a_cause() {
        let design = columns(20, &[(1e180, 1e179)], 1.0);
        let run = Run::new(design, 0.01, 1e-9, 100);
        let (facts, descent) = (run.facts(), run.descend());
        let context = Context { descent: Some(&descent), ..run.context(&facts) };
        assert_eq!(diagnose(&context).map(|found| found.code), Some(Code::Sf101));
    }
}
