//! Ways out for gradient descent: a changed run is forecast with its own curvature, and stands here only when it ends
//! inside the wanted gap. Flags that the change needs besides (a longer limit, a tighter tolerance) are part of it.
//!
//! The forecast is a proof where rounding is so small beside the wanted gap that it cannot matter; there the remedy is
//! `proven`. Elsewhere the run has to be made before it is offered, which [`crate::fit`] does, and is left out here
//! when it would take too long.

use super::forecast::{Spectrum, round_down, round_up};
use super::resolution::smallest_tolerance;
use super::situation::{Quality, Situation};
use super::words::{figure, plain_rate};
use super::{Code, Fix, Remedy};
use crate::data::scale::Scale;
use crate::problem::Intercept;

/// A run of more steps is no way out.
const PATIENCE: u64 = 10_000_000;
/// A count that rounding moves by more than one part in so many is not promised.
const PRECISE: u64 = 50;
/// Rounding of so small a share of the wanted gap leaves room for what its estimates leave out.
const CLEAR: f64 = 1e-6;
/// Multiplications up to which a run is made to see whether a remedy holds, and what a step costs besides.
const AFFORDABLE: f64 = 2e8;
const OVERHEAD: f64 = 100.0;
/// Digits of a rate in a command.
pub(super) const DIGITS: i32 = 4;

/// The ways out for a cause, smallest change first.
pub(super) fn remedies(situation: &Situation<'_>, code: Code) -> Vec<Remedy> {
    let mut out: Vec<Remedy> = match code {
        Code::Sf101 if situation.spectrum.converges(situation.rate()) => {
            vec![rescaled(situation), rate_best(situation)]
        }
        Code::Sf101 | Code::Sf105 => vec![rescaled(situation), rate_inverse(situation)],
        Code::Sf102 => vec![rate_best(situation), rescaled_with_rate(situation)],
        Code::Sf103 => vec![rescaled(situation), rescaled_with_rate(situation), longer(situation)],
        Code::Sf104 => vec![tighter(situation), rate_best(situation)],
        Code::Sf106 if situation.starts_too_far() => vec![from_zeros(situation)],
        Code::Sf106 => vec![meaningful(situation), rate_best(situation), rescaled_with_rate(situation)],
        _ => vec![longer(situation), rate_best(situation), rescaled(situation)],
    }
    .into_iter()
    .flatten()
    .collect();
    // One change of units is enough: the other differs in the rate only.
    let mut units = false;
    out.retain(|remedy| !(is_rescaling(&remedy.fix) && std::mem::replace(&mut units, true)));
    out.extend(exact_where_it_holds(situation.context.best, situation.context.target));
    out
}

/// The direct solver, where its answer is known to reach the wanted gap.
pub(super) fn exact_where_it_holds(best: Option<Quality>, target: f64) -> Option<Remedy> {
    best.is_some_and(|best| best.certifies(target)).then(exact)
}

fn is_rescaling(fix: &Fix) -> bool {
    match fix {
        Fix::Scale(_) => true,
        Fix::Several(parts) => parts.iter().any(is_rescaling),
        _ => false,
    }
}

/// The direct solver.
fn exact() -> Remedy {
    Remedy {
        change: "--solver exact".to_owned(),
        command: Some("--solver exact".to_owned()),
        steps: None,
        proven: true,
        safe: true,
        fix: Fix::Exact,
    }
}

/// A changed run that was forecast to end inside the gap.
struct Proof {
    steps: u64,
    extra: Vec<Fix>,
    /// Rounding cannot keep it from the gap; otherwise it is a forecast that has to be run.
    sure: bool,
}

/// Forecasts a run at `rate` in the units of `scale`, where the curvature is `spectrum`; absent when it does not reach
/// the gap in reasonable time, or when that would have to be tried and takes too long.
fn prove(situation: &Situation<'_>, (scale, spectrum): (Scale, &Spectrum), rate: f64) -> Option<Proof> {
    if !spectrum.starts_finite() {
        return None;
    }
    let settings = situation.context.settings;
    let steps = spectrum.steps_to_reach(rate, situation.wanted)?.max(1);
    let room = Room::of(situation, scale, spectrum, rate);
    let sure = room.is_sure(spectrum.gap_after(rate, steps));
    // A few steps more leave the room that the first one inside the gap lacks.
    let steps = if sure || is_affordable(situation, steps) {
        steps
    } else {
        spectrum.steps_to_gap(rate, room.aim?)?.max(1)
    };
    let proof = with_flags(situation, spectrum, rate, steps)?;
    let in_room = room.is_sure(spectrum.gap_after(rate, proof.steps));
    // The noise of long sums can be several times what it is for short ones.
    let drowned = settings.tolerance > 0.0
        && spectrum
            .steps_to_tolerance(rate, settings.tolerance + 16.0 * room.noise)
            .is_some_and(|stop| stop < proof.steps);
    let sure = in_room && !drowned && proof.sure;
    (proof.steps <= PATIENCE && (sure || is_affordable(situation, proof.steps)))
        .then_some(Proof { sure, ..proof })
}

/// What a run needs besides to make `steps` steps; not sure where its tolerance has to change and rounding moves the
/// stop.
fn with_flags(situation: &Situation<'_>, spectrum: &Spectrum, rate: f64, steps: u64) -> Option<Proof> {
    let settings = situation.context.settings;
    let (mut steps, mut extra, mut sure) = (steps, Vec::new(), true);
    // Rounding can meet the tolerance before the loss does.
    let early = settings.tolerance + spectrum.noise(spectrum.optimum() + situation.wanted);
    if spectrum.steps_to_tolerance(rate, early).is_some_and(|stop| stop < steps) {
        let (tolerance, stop) = tolerance_for_gap(situation, spectrum, rate)?;
        sure = spectrum.forecast(rate, tolerance, u64::MAX).uncertain == 0;
        steps = stop;
        extra.push(Fix::Tolerance(tolerance));
    }
    if steps > settings.max_iter {
        extra.push(Fix::MaxIter(steps));
    }
    Some(Proof { steps, extra, sure })
}

/// What rounding can take of the wanted gap: in the units of the run, and on the way back into the user's.
struct Room {
    wanted: f64,
    /// What the certificate allows for, in the units of the run.
    allowance: f64,
    /// √ of what rounding can add to a gap.
    root: f64,
    noise: f64,
    /// The gap to aim at so that it cannot matter; absent where there is no such gap.
    aim: Option<f64>,
}

impl Room {
    fn of(situation: &Situation<'_>, scale: Scale, spectrum: &Spectrum, rate: f64) -> Self {
        let wanted = situation.wanted;
        let back = situation.rounding_of_units(spectrum);
        let root = 2.0 * (spectrum.rest(rate).sqrt() + back.sqrt());
        let allowance = 2.0 * situation.allowance(scale).unwrap_or(f64::INFINITY);
        let clear = root * root <= CLEAR * wanted && allowance <= CLEAR * wanted;
        let aim = ((wanted - allowance).max(0.0).sqrt() - root).max(0.0).powi(2);
        let noise = spectrum.noise(spectrum.optimum() + wanted);
        Self { wanted, allowance, root, noise, aim: (clear && aim > 0.0).then_some(aim) }
    }

    fn is_sure(&self, gap: f64) -> bool {
        self.aim.is_some() && (gap.sqrt() + self.root).powi(2) + self.allowance <= self.wanted
    }
}

/// Whether so many steps can be made to see.
fn is_affordable(situation: &Situation<'_>, steps: u64) -> bool {
    let shape = situation.context.facts.moments.shape;
    let (n, d, c) = (shape.rows as f64, shape.columns as f64, shape.outputs as f64);
    let certificate = 50.0 * n * d * d;
    steps as f64 * (n * (d + 1.0) * c + OVERHEAD) + certificate <= AFFORDABLE
}

/// The loosest tolerance that gives the wanted gap, and the step at which the run then stops; absent where the rounding
/// of the loss drowns the tolerance, or moves the stop so far that no step can be promised.
fn tolerance_for_gap(situation: &Situation<'_>, spectrum: &Spectrum, rate: f64) -> Option<(f64, u64)> {
    let (tolerance, stop) = spectrum.tolerance_for_gap(rate, situation.wanted)?;
    let drowned = tolerance < smallest_tolerance(spectrum.optimum() + situation.wanted);
    let moved = spectrum.forecast(rate, tolerance, u64::MAX).uncertain;
    (!drowned && moved <= stop / PRECISE).then_some((tolerance, stop))
}

/// The remedy that makes `changes` and what the proof needs besides.
fn remedy(change: String, changes: Vec<Fix>, proof: Proof) -> Remedy {
    let mut all = changes;
    all.extend(proof.extra);
    let command = all.iter().filter_map(flag).collect::<Vec<_>>().join(" ");
    let fix = if all.len() == 1 { all.remove(0) } else { Fix::Several(all) };
    // Zeros are the start that no flag asks for.
    let command = Some(command).filter(|command| !command.is_empty());
    Remedy { change, command, steps: Some(proof.steps), proven: proof.sure, safe: true, fix }
}

/// A change as the command line spells it.
fn flag(fix: &Fix) -> Option<String> {
    Some(match fix {
        Fix::Scale(Scale::None) => "--scale none".to_owned(),
        Fix::Scale(Scale::Center) => "--scale center".to_owned(),
        Fix::Scale(Scale::Standardize) => "--scale standardize".to_owned(),
        Fix::Scale(Scale::Minmax) => "--scale minmax".to_owned(),
        Fix::LearningRate(rate) => format!("--learning-rate {}", plain_rate(*rate)),
        Fix::Tolerance(tolerance) => format!("--tolerance {tolerance:e}"),
        Fix::MaxIter(limit) => format!("--max-iter {limit}"),
        Fix::Exact => "--solver exact".to_owned(),
        Fix::Penalty(lambda) => format!("--penalty {lambda}"),
        Fix::Gap(gap) => format!("--gap {gap:e}"),
        Fix::StartAtZeros | Fix::Drop(_) | Fix::Formula(_) | Fix::Line(_) | Fix::Several(_) => return None,
    })
}

/// The scalings that keep the objective, least change first: with a free intercept a shift of the columns moves nothing
/// but the intercept, and without a penalty neither do their units.
fn harmless(situation: &Situation<'_>) -> impl Iterator<Item = Scale> {
    let context = &situation.context;
    let free = context.problem.intercept == Intercept::Free && !context.scale_target;
    let (now, penalised) = (context.scale, context.problem.penalty.lambda > 0.0);
    let all = [Scale::Center, Scale::Standardize];
    all.into_iter().filter(move |&scale| {
        let same = scale == Scale::Center && now == Scale::None || !penalised && now != Scale::Standardize;
        free && scale != now && same && !(now == Scale::Minmax && scale == Scale::Center)
    })
}

/// The smallest change of units at which the rate is good enough as it is.
fn rescaled(situation: &Situation<'_>) -> Option<Remedy> {
    harmless(situation).find_map(|scale| {
        let spectrum = situation.spectrum_in(scale)?;
        let proof = prove(situation, (scale, &spectrum), situation.rate())?;
        // Not worth a change of the data when the limit has to grow as well.
        (proof.steps <= situation.context.settings.max_iter)
            .then(|| remedy(format!("{}, keep lr", spoken(situation, scale)), vec![Fix::Scale(scale)], proof))
    })
}

/// A change of units together with the rate that suits them.
fn rescaled_with_rate(situation: &Situation<'_>) -> Option<Remedy> {
    let at = |scale: Scale| {
        let spectrum = situation.spectrum_in(scale)?;
        let rate = round_down(spectrum.best_rate(), DIGITS);
        Some((scale, rate, prove(situation, (scale, &spectrum), rate)?))
    };
    let now = situation.steps_at(situation.spectrum.best_rate()).unwrap_or(u64::MAX);
    let (scale, rate, proof) = harmless(situation).filter_map(at).min_by_key(|(_, _, proof)| proof.steps)?;
    (proof.steps < now / 2).then(|| {
        let change = format!("{}, lr {}", spoken(situation, scale), plain_rate(rate));
        remedy(change, vec![Fix::Scale(scale), Fix::LearningRate(rate)], proof)
    })
}

/// The rate 1/L, at which no direction overshoots.
fn rate_inverse(situation: &Situation<'_>) -> Option<Remedy> {
    let rate = 1.0 / situation.spectrum.largest();
    let proof = prove(situation, situation.own(), rate)?;
    // Rounded up it is a little faster, so the count still holds.
    let round = round_up(rate, DIGITS);
    let rounded = prove(situation, situation.own(), round)?;
    let (rate, proof) = if rounded.steps <= proof.steps { (round, proof) } else { (rate, proof) };
    let change = format!("lr {}, data as it is", figure(1.0 / situation.spectrum.largest(), 3));
    Some(remedy(change, vec![Fix::LearningRate(rate)], proof))
}

/// The rate 2/(L + μ), at which the slowest and the steepest direction are equally fast.
fn rate_best(situation: &Situation<'_>) -> Option<Remedy> {
    let rate = round_down(situation.spectrum.best_rate(), DIGITS);
    let proof = prove(situation, situation.own(), rate)?;
    let gain = situation.steps_at(situation.rate()).is_none_or(|now| proof.steps < now / 2);
    gain.then(|| remedy(format!("lr {}", plain_rate(rate)), vec![Fix::LearningRate(rate)], proof))
}

/// The run from zeros: at its own rate, or at the best one.
fn from_zeros(situation: &Situation<'_>) -> Option<Remedy> {
    let spectrum = situation.spectrum_from_zeros()?;
    let change = "leave out --start".to_owned();
    let own = (situation.context.scale, &spectrum);
    if let Some(proof) = prove(situation, own, situation.rate()) {
        return Some(remedy(change, vec![Fix::StartAtZeros], proof));
    }
    let rate = round_down(spectrum.best_rate(), DIGITS);
    let proof = prove(situation, own, rate)?;
    let change = format!("{change}, lr {}", plain_rate(rate));
    Some(remedy(change, vec![Fix::StartAtZeros, Fix::LearningRate(rate)], proof))
}

/// The tolerance that gives the wanted gap.
fn tighter(situation: &Situation<'_>) -> Option<Remedy> {
    let proof = prove(situation, situation.own(), situation.rate())?;
    let tolerance = proof.extra.iter().find_map(|fix| match fix {
        Fix::Tolerance(tolerance) => Some(*tolerance),
        _ => None,
    })?;
    Some(remedy(format!("tolerance {tolerance:e}"), Vec::new(), proof))
}

/// As many steps as it takes.
fn longer(situation: &Situation<'_>) -> Option<Remedy> {
    let proof = prove(situation, situation.own(), situation.rate())?;
    (!proof.extra.is_empty()).then(|| remedy("more steps at this lr".to_owned(), Vec::new(), proof))
}

/// A tolerance that means something in place of one that does not, where it gives the wanted gap.
fn meaningful(situation: &Situation<'_>) -> Option<Remedy> {
    let (tolerance, steps) = tolerance_for_gap(situation, &situation.spectrum, situation.rate())?;
    let mut extra = vec![Fix::Tolerance(tolerance)];
    if steps > situation.context.settings.max_iter {
        extra.push(Fix::MaxIter(steps));
    }
    let possible = steps <= PATIENCE
        && is_affordable(situation, steps)
        && tolerance > situation.context.settings.tolerance;
    possible
        .then(|| remedy(format!("tolerance {tolerance:e}"), Vec::new(), Proof { steps, extra, sure: false }))
}

/// A change of units in words.
fn spoken(situation: &Situation<'_>, scale: Scale) -> String {
    match (scale, situation.context.facts.columns.as_slice()) {
        (Scale::Center, [one]) => format!("subtract mean({one})"),
        (Scale::Center, _) => "subtract the column means".to_owned(),
        (Scale::Standardize, [one]) => format!("standardise {one}"),
        (Scale::Standardize, _) => "standardise the columns".to_owned(),
        (Scale::Minmax, _) => "bring the columns onto 0 … 1".to_owned(),
        (Scale::None, _) => "take the data as it is".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::float_cmp)]

    use super::*;
    use crate::diagnosis::cases::{Run, sales_centred, sales_minmax};

    fn tolerance(fix: &Fix) -> Option<f64> {
        match fix {
            Fix::Tolerance(tolerance) => Some(*tolerance),
            Fix::Several(parts) => parts.iter().find_map(tolerance),
            _ => None,
        }
    }

    /// Rates, tolerances and gaps of every size, those at the edge of rounding among them.
    #[test]
    fn a_run_with_an_offered_tolerance_stops_at_the_step_that_was_named() {
        let mut offered = 0;
        for (rate, stop, target) in [0.01, 0.05, 0.1, 0.12].into_iter().flat_map(|rate| {
            let stops = [1.0, 1e-3, 1e-6, 1e-9, 2e-13, 1e-13];
            stops.into_iter().flat_map(move |stop| [1e-3, 1e-6, 1e-9, 1e-12].map(|gap| (rate, stop, gap)))
        }) {
            for design in [sales_centred(), sales_minmax()] {
                let run = Run { target, ..Run::new(design, rate, stop, 2000) };
                let Some(found) = run.diagnose() else { continue };
                for remedy in found.remedies.iter().filter(|remedy| tolerance(&remedy.fix).is_some()) {
                    let (ran, named) = (run.with(&remedy.fix).unwrap().descend(), remedy.steps.unwrap());
                    let off = named.abs_diff(ran.candidate.steps as u64);
                    assert!(
                        off <= named / PRECISE,
                        "{} ran {}, from {run:?}",
                        remedy.change,
                        ran.candidate.steps
                    );
                    offered += 1;
                }
            }
        }
        assert!(offered > 30, "{offered}");
    }
}
