//! Why no mix keeps the limits, in the names of the person who asked: first by arithmetic on one limit, then by a
//! smallest set of limits that contradict each other (found by deletion: Chinneck & Dravnieks 1991), each with the
//! least change that mends it.

use crate::error::Result;
use crate::problem::{Limit, Problem, Range};
use crate::solve::{Attempt, Progress, Settings, attempt};
use std::time::{Duration, Instant};

/// A reason.
#[derive(Clone, Debug, PartialEq)]
pub struct Conflict {
    /// One sentence with the arithmetic.
    pub what: String,
    /// The limits that contradict each other, by name: without any one of them there would be a mix.
    pub limits: Vec<String>,
    /// The least changes that would mend it, one at a time.
    pub relaxations: Vec<String>,
}

/// Something that can be taken away.
#[derive(Clone, Debug, PartialEq)]
enum Part {
    /// A limit, by number.
    Limit(usize),
    /// A count, by number.
    Count(usize),
    /// That this input must be used.
    Must(usize),
    /// That these are not used: entries of [`Problem::never`], of which one, or all.
    Never(Vec<usize>),
    /// That weights in use are at least the low ends of their ranges.
    Lows,
    /// That weights are at most the high ends.
    Highs,
}

/// Nodes after which a question about feasibility is given up.
const PATIENCE: u64 = 20_000;

/// Inputs that are not to be used, up to which each is told by itself.
const APART: usize = 6;

/// Time after which the explanation is as good as it is.
const TIME: Duration = Duration::from_secs(3);
/// Time to look for one change that mends it.
const TURN: Duration = Duration::from_millis(500);

type GoOn<'a> = &'a (dyn Fn(&Progress) -> bool + Sync);

/// Explains a problem that allows no mix.
pub(crate) fn explain(problem: &Problem, go_on: GoOn<'_>) -> Result<Conflict> {
    let begun = Instant::now();
    let go_on: GoOn<'_> = &|progress: &Progress| begun.elapsed() < TIME && go_on(progress);
    let mut parts = every(problem);
    // What is taken away and not needed for the contradiction stays away.
    let mut needed = Vec::new();
    while let Some(part) = parts.pop() {
        let kept: Vec<Part> = parts.iter().chain(&needed).cloned().collect();
        if is_feasible(&only(problem, &kept), go_on)? != Some(false) {
            needed.push(part);
        }
    }
    needed.reverse();
    let limits = needed.iter().map(|part| part.name(problem)).collect();
    let mut relaxations = Vec::new();
    for part in &needed {
        relaxations.extend(relaxation(problem, part, go_on)?);
    }
    let what = arithmetic(problem, &needed).unwrap_or_else(|| sentence(problem, &needed));
    Ok(Conflict { what, limits, relaxations })
}

/// What is not to be used: each by itself where these are few.
fn nevers(problem: &Problem) -> Vec<Part> {
    let all: Vec<usize> = (0..problem.never.len()).collect();
    match all.len() {
        0 => Vec::new(),
        1..=APART => all.into_iter().map(|k| Part::Never(vec![k])).collect(),
        _ => vec![Part::Never(all)],
    }
}

/// Whether the range asks for use.
fn must(range: Range) -> bool {
    !range.optional && (range.low > 0.0 || range.high < 0.0)
}

impl Part {
    /// What a person calls it.
    fn name(&self, problem: &Problem) -> String {
        match self {
            Self::Limit(r) => problem.limits[*r].name.clone(),
            Self::Count(k) => problem.counts[*k].name.clone(),
            Self::Must(j) if problem.bounds.contains(j) => format!("bound {}", problem.inputs[*j]),
            Self::Must(j) => format!("must use {}", problem.inputs[*j]),
            Self::Never(which) => match which.as_slice() {
                [k] => format!("never {}", problem.inputs[problem.never[*k].0]),
                all => format!("never, of {} inputs", all.len()),
            },
            Self::Lows => "the least weights".to_owned(),
            Self::Highs => "the greatest weights".to_owned(),
        }
    }

    /// What it says to do without it.
    fn given_up(&self, problem: &Problem) -> String {
        match self {
            Self::Must(j) if problem.bounds.contains(j) => {
                let Range { low, high, .. } = problem.ranges[*j];
                format!("let {} be 0 beside {low}..{high}", problem.inputs[*j])
            }
            Self::Must(j) => format!("do not ask that {} is used", problem.inputs[*j]),
            Self::Never(which) => match which.as_slice() {
                [k] => format!("let {} be used", problem.inputs[problem.never[*k].0]),
                _ => "let the inputs be used that are not to be".to_owned(),
            },
            _ => format!("leave out {}", self.name(problem)),
        }
    }
}

/// The problem with only these parts of its limits, and nothing to make small.
fn only(problem: &Problem, parts: &[Part]) -> Problem {
    let n = problem.inputs.len();
    let has = |part: &Part| parts.contains(part);
    let mut rest = problem.clone();
    (rest.columns, rest.target, rest.row_weights, rest.ridge) = (vec![0.0; n], vec![0.0], None, 0.0);
    rest.distance = crate::problem::Distance::L2;
    let limits = problem.limits.iter().enumerate().filter(|(r, _)| has(&Part::Limit(*r)));
    rest.limits = limits.map(|(_, limit)| limit.clone()).collect();
    let counts = problem.counts.iter().enumerate().filter(|(k, _)| has(&Part::Count(*k)));
    rest.counts = counts.map(|(_, count)| count.clone()).collect();
    // So far that no limit asks for more.
    let far = 1.0 + 10.0 * problem.limits.iter().map(reach).fold(1.0, f64::max);
    let asked = parts.iter().flat_map(|part| if let Part::Never(which) = part { &which[..] } else { &[] });
    let mut is_asked = vec![false; problem.never.len()];
    asked.for_each(|&k| is_asked[k] = true);
    for ((j, range), _) in problem.never.iter().zip(is_asked).filter(|(_, is_asked)| !is_asked) {
        rest.ranges[*j] = *range;
    }
    for (j, range) in rest.ranges.iter_mut().enumerate() {
        let is_never = range.low == 0.0 && range.high == 0.0;
        if must(*range) && !has(&Part::Must(j)) {
            range.optional = true;
        }
        if !has(&Part::Lows) && !is_never {
            // A weight in use is then as small as one likes, on its side of zero.
            let tiny = 1e-6;
            if range.low > 0.0 {
                range.low = range.low.min(tiny);
            } else if range.high < 0.0 {
                range.high = range.high.max(-tiny);
            }
        }
        if (!has(&Part::Highs) && !is_never) || range.high.is_infinite() || range.low.is_infinite() {
            if range.high > 0.0 {
                range.high = far.max(range.low);
            }
            if range.low < 0.0 {
                range.low = (-far).min(range.high);
            }
        }
    }
    rest
}

/// The largest finite number that a limit asks for, in units of its smallest coefficient.
fn reach(limit: &Limit) -> f64 {
    let smallest =
        limit.terms.iter().map(|term| term.1.abs()).filter(|c| *c > 0.0).fold(f64::INFINITY, f64::min);
    let ends = [limit.low, limit.high].into_iter().filter(|end| end.is_finite()).map(f64::abs);
    let ratio = ends.fold(0.0, f64::max) / smallest;
    if ratio.is_finite() { ratio.min(1e6) } else { 1.0 }
}

/// Whether any weights keep the limits; none when it was not found out.
fn is_feasible(problem: &Problem, go_on: GoOn<'_>) -> Result<Option<bool>> {
    // The first mix is answer enough.
    let patient = |progress: &Progress| {
        progress.objective == f64::INFINITY && progress.nodes < PATIENCE && go_on(progress)
    };
    Ok(match attempt(problem, &Settings::default(), &patient)? {
        Attempt::Solved(_) => Some(true),
        Attempt::Infeasible => Some(false),
        Attempt::Nothing { .. } => None,
    })
}

/// The least change of one part that mends the whole problem.
fn relaxation(problem: &Problem, part: &Part, go_on: GoOn<'_>) -> Result<Option<String>> {
    let all: Vec<Part> = every(problem);
    // Each has its turn: one that is hard to find does not take the others' time.
    let begun = Instant::now();
    let go_on: GoOn<'_> = &|progress: &Progress| begun.elapsed() < TURN && go_on(progress);
    match part {
        Part::Limit(r) => least_slack(problem, &all, *r, go_on),
        Part::Count(k) => {
            let count = &problem.counts[*k];
            let choices = (1..=count.members.len()).flat_map(|step| {
                let less = count.least.checked_sub(step).map(|least| (least, count.most));
                [(count.most < count.members.len()).then_some((count.least, count.most + step)), less]
            });
            for (least, most) in choices.flatten() {
                let mut changed = only(problem, &all);
                (changed.counts[*k].least, changed.counts[*k].most) = (least, most);
                let Some(mends) = is_feasible(&changed, go_on)? else { break };
                if mends {
                    let (end, was, now) = if most == count.most {
                        ("at least", count.least, least)
                    } else {
                        ("at most", count.most, most)
                    };
                    return Ok(Some(format!("{}: {end} {now} instead of {was}", count.name)));
                }
            }
            Ok(None)
        }
        Part::Must(_) | Part::Never(_) => {
            let kept: Vec<Part> = all.into_iter().filter(|other| other != part).collect();
            let mends = is_feasible(&only(problem, &kept), go_on)? == Some(true);
            Ok(mends.then(|| part.given_up(problem)))
        }
        Part::Lows => moved(problem, &all, go_on, End::Low),
        Part::Highs => moved(problem, &all, go_on, End::High),
    }
}

/// All that a problem asks for.
fn every(problem: &Problem) -> Vec<Part> {
    let mut all: Vec<Part> = (0..problem.limits.len()).map(Part::Limit).collect();
    all.extend((0..problem.counts.len()).map(Part::Count));
    all.extend((0..problem.ranges.len()).filter(|&j| must(problem.ranges[j])).map(Part::Must));
    all.extend(nevers(problem));
    all.extend([Part::Lows, Part::Highs]);
    all
}

/// How far the limit must give way: the least slack, by a mix problem of its own whose only distance is the slack.
fn least_slack(problem: &Problem, all: &[Part], r: usize, go_on: GoOn<'_>) -> Result<Option<String>> {
    let limit = &problem.limits[r];
    let mut changed = only(problem, all);
    let far = 1e3 * (1.0 + reach(limit));
    for (name, sign) in [("less", 1.0), ("more", -1.0)] {
        changed.limits[r].terms.push((changed.inputs.len(), sign));
        changed.inputs.push(format!("({name})"));
        changed.columns.push(1.0);
        changed.ranges.push(Range { low: 0.0, high: far, optional: false });
    }
    let patient = |progress: &Progress| progress.nodes < PATIENCE && go_on(progress);
    let Attempt::Solved(solution) = attempt(&changed, &Settings::default(), &patient)? else {
        return Ok(None);
    };
    let n = problem.inputs.len();
    let (less, more) = (solution.best.weights[n], solution.best.weights[n + 1]);
    let (end, by) = match (less > 1e-9, more > 1e-9) {
        (true, _) if limit.low.is_finite() => (limit.low, -less),
        (_, true) if limit.high.is_finite() => (limit.high, more),
        _ => return Ok(None),
    };
    // Few digits where these do; otherwise all of them. What is told was tried.
    let tidy = ((end + by) * 1e9).round() / 1e9 + 0.0;
    for wanted in [short(tidy), short(outwards(end + by, by)), format!("{}", end + by)] {
        let value = wanted.parse::<f64>().unwrap_or(end + by);
        let mut changed = only(problem, all);
        let own = &mut changed.limits[r];
        let both = own.low == own.high;
        if by < 0.0 || both {
            own.low = value;
        }
        if by > 0.0 || both {
            own.high = value;
        }
        if is_feasible(&changed, go_on)? == Some(true) {
            return Ok(Some(format!("{}: {wanted} instead of {}", limit.name, short(end))));
        }
    }
    Ok(None)
}

/// A number of seven digits that is not nearer than `value` in the direction of `by`.
fn outwards(value: f64, by: f64) -> f64 {
    let digits: f64 = short(value).parse().unwrap_or(value);
    if (digits - value) * by >= 0.0 {
        return digits;
    }
    short(digits + 1e-6 * value.abs() * by.signum()).parse().unwrap_or(value)
}

/// An end of a range, seen from 0: the nearer or the further.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Low,
    High,
}

impl End {
    /// Where it is: the least weight in use, or the greatest; none where it is open or 0.
    fn of(self, range: Range) -> Option<f64> {
        let end = match self {
            Self::Low => range.low,
            Self::High => range.high,
        };
        (end > 0.0 && end.is_finite()).then_some(end)
    }

    fn set(self, range: &mut Range, to: f64) {
        match self {
            Self::Low => range.low = to,
            Self::High => range.high = to,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Low => "the least weight",
            Self::High => "the greatest weight",
        }
    }
}

/// The least change of the end that most ranges have in common, told as it can be typed: other ends stay. None where
/// that does not mend it.
fn moved(problem: &Problem, all: &[Part], go_on: GoOn<'_>, end: End) -> Result<Option<String>> {
    const HALVINGS: usize = 24;
    const FURTHEST: f64 = 64.0;
    let Some(was) = commonest(problem.ranges.iter().filter_map(|range| end.of(*range))) else {
        return Ok(None);
    };
    let mends = |to: f64| {
        let mut changed = only(problem, all);
        for range in changed.ranges.iter_mut().filter(|range| end.of(**range) == Some(was)) {
            end.set(range, to);
        }
        is_feasible(&changed, go_on)
    };
    let (mut bad, mut good) = (was, if end == End::Low { 1e-6 * was } else { FURTHEST * was });
    if mends(good)? != Some(true) {
        return Ok(None);
    }
    for _ in 0..HALVINGS {
        let middle = f64::midpoint(bad, good);
        match mends(middle)? {
            Some(true) => good = middle,
            Some(false) => bad = middle,
            // Not found out: what was found so far is no least change.
            None => return Ok(None),
        }
    }
    // Few digits where these do, and what is told was tried.
    for digits in 3..12 {
        let wanted = toward(good, good - was, digits);
        if mends(wanted)? == Some(true) {
            return Ok(Some(format!("{}: {wanted} instead of {was}", end.name())));
        }
    }
    Ok(None)
}

/// The number that occurs most often, the first of several.
fn commonest(numbers: impl Iterator<Item = f64>) -> Option<f64> {
    let mut times: Vec<(f64, usize)> = Vec::new();
    for number in numbers {
        match times.iter_mut().find(|(known, _)| *known == number) {
            Some((_, times)) => *times += 1,
            None => times.push((number, 1)),
        }
    }
    times.into_iter().rev().max_by_key(|(_, times)| *times).map(|(number, _)| number)
}

/// The number of so many digits that is nearest to `value` and not nearer in the direction of `by`, but for what
/// halving leaves open.
fn toward(value: f64, by: f64, digits: usize) -> f64 {
    let near = format!("{value:.*e}", digits - 1).parse::<f64>().unwrap_or(value);
    if (near - value) * by >= 0.0 || (near - value).abs() <= 1e-4 * by.abs() {
        return near;
    }
    let step = 10_f64.powf(value.abs().log10().floor() + 1.0 - digits as f64);
    format!("{:.*e}", digits - 1, near + step * by.signum()).parse().unwrap_or(value)
}

/// The contradiction as arithmetic on one limit, where it is that.
fn arithmetic(problem: &Problem, needed: &[Part]) -> Option<String> {
    let mut limits = needed.iter().filter_map(|part| if let Part::Limit(r) = part { Some(*r) } else { None });
    let limit = &problem.limits[limits.next()?];
    if limits.next().is_some() || limit.terms.iter().any(|term| term.1 != 1.0) {
        return None;
    }
    let members: Vec<usize> = limit.terms.iter().map(|term| term.0).collect();
    // All that must be used, also those that are not needed for the contradiction.
    let is_about_musts = needed.iter().any(|part| matches!(part, Part::Must(_)));
    let all_musts = members.iter().copied().filter(|&j| must(problem.ranges[j]));
    let musts: Vec<usize> = all_musts.filter(|_| is_about_musts).collect();
    let count = needed.iter().find_map(|part| if let Part::Count(k) = part { Some(*k) } else { None });
    let low = |j: usize| problem.ranges[j].low;
    let high = |j: usize| problem.ranges[j].high;
    let same = |value: &dyn Fn(usize) -> f64, of: &[usize]| {
        of.first().map(|&j| value(j)).filter(|first| of.iter().all(|&j| value(j) == *first))
    };
    let name = &limit.name;
    if !musts.is_empty() && needed.contains(&Part::Lows) && !needed.contains(&Part::Highs) {
        let total: f64 = musts.iter().map(|&j| low(j)).sum();
        let each = same(&low, &musts).map_or_else(String::new, |each| format!(" × {}", short(each)));
        return (total > limit.high).then(|| {
            let number = musts.len();
            let (total, limit) = (short(total), short(limit.high));
            format!("{number} inputs must be used{each} = {total}, more than the {name} of {limit}")
        });
    }
    if needed.contains(&Part::Lows)
        && !needed.contains(&Part::Highs)
        && let Some(k) = count
    {
        let mut lows: Vec<f64> = members.iter().map(|&j| low(j)).filter(|low| *low > 0.0).collect();
        lows.sort_by(f64::total_cmp);
        lows.truncate(problem.counts[k].least);
        let total: f64 = lows.iter().sum();
        return (total > limit.high).then(|| {
            let each = same(&low, &members).map_or_else(String::new, |each| format!(" × {}", short(each)));
            let (number, total, limit) = (lows.len(), short(total), short(limit.high));
            format!("at least {number} inputs{each} = {total}, more than the {name} of {limit}")
        });
    }
    let usable: Vec<usize> = members.iter().copied().filter(|&j| high(j) > 0.0).collect();
    if needed.contains(&Part::Highs) && !needed.contains(&Part::Lows) && musts.is_empty() {
        let mut tops: Vec<f64> = usable.iter().map(|&j| high(j)).collect();
        tops.sort_by(|a, b| b.total_cmp(a));
        tops.truncate(count.map_or(usize::MAX, |k| problem.counts[k].most));
        let total: f64 = tops.iter().sum();
        return (total < limit.low).then(|| {
            let each = same(&high, &usable).map_or_else(String::new, |each| format!(" × {}", short(each)));
            let (number, total, limit) = (tops.len(), short(total), short(limit.low));
            format!("at most {number} inputs{each} = {total}, less than the {name} of {limit}")
        });
    }
    let (least, most) = (same(&low, &usable)?, same(&high, &usable)?);
    if needed.contains(&Part::Lows) && count.is_none() && musts.is_empty() && least > 0.0 {
        let fit = (limit.high / least + 1e-9).floor();
        return (fit * most < limit.low).then(|| {
            format!(
                "at most {fit} inputs fit ({} / {}), but {fit} × {} = {}, less than the {name} of {}",
                short(limit.high),
                short(least),
                short(most),
                short(fit * most),
                short(limit.low)
            )
        });
    }
    None
}

/// The contradiction as a list.
fn sentence(problem: &Problem, needed: &[Part]) -> String {
    let names: Vec<String> = needed.iter().map(|part| format!("`{}`", part.name(problem))).collect();
    match names.as_slice() {
        [] => "no weights keep the limits".to_owned(),
        [one] => match needed {
            [Part::Limit(r)] => alone(problem, &problem.limits[*r]),
            _ => format!("{one} alone cannot be kept"),
        },
        [first @ .., last] => format!("{} and {last} contradict each other", first.join(", ")),
    }
}

/// What the ranges make of a limit that cannot be kept whatever the others say.
fn alone(problem: &Problem, limit: &Limit) -> String {
    let ends = |&(j, c): &(usize, f64)| {
        let range = problem.ranges[j];
        let (low, high) =
            if must(range) { (range.low, range.high) } else { (range.low.min(0.0), range.high.max(0.0)) };
        ((c * low).min(c * high), (c * low).max(c * high))
    };
    let (least, most) =
        limit.terms.iter().map(ends).fold((0.0, 0.0), |sum, own| (sum.0 + own.0, sum.1 + own.1));
    let name = &limit.name;
    if most < limit.low {
        format!(
            "`{name}` asks for at least {}, and the ranges allow at most {}",
            short(limit.low),
            short(most)
        )
    } else if least > limit.high {
        format!(
            "`{name}` allows at most {}, and the ranges ask for at least {}",
            short(limit.high),
            short(least)
        )
    } else {
        format!("`{name}` cannot be kept with these ranges")
    }
}

/// A number in up to six digits.
fn short(value: f64) -> String {
    let digits = format!("{value:.6e}").parse::<f64>().unwrap_or(value);
    format!("{digits}")
}
