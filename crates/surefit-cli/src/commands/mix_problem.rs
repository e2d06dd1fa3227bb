//! From flags and columns to the problem of the engine: names become numbers, and what contradicts itself is refused.

use super::mix_data::MixData;
use crate::args::{DistanceArg, Group, MixFlags, NamedSpan, Span, Sum, usage};
use crate::numbers::counted;
use surefit::data::DataError;
use surefit::data::formula::fits;
use surefit::{Error, Result};
use surefit_mix::{Count, Distance, Limit, Problem, Range};

/// Moves the numbers of `data` into the problem that the flags state.
pub fn problem(flags: &MixFlags, data: &mut MixData) -> Result<Problem> {
    let (columns, target) = (std::mem::take(&mut data.columns), std::mem::take(&mut data.target));
    let (low, high) = (flags.low.unwrap_or(0.0), flags.high.unwrap_or(f64::INFINITY));
    let mut problem = Problem::new(data.inputs.clone(), columns, target, low, high);
    problem.row_weights = data.row_weights.take();
    problem.distance = match flags.distance {
        None | Some(DistanceArg::L2) => Distance::L2,
        Some(DistanceArg::L1) => Distance::L1,
        Some(DistanceArg::Linf) => Distance::LInf,
    };
    problem.ridge = flags.ridge.unwrap_or(0.0);
    let mut maker = Maker { problem, others: &data.others };
    maker.set_ranges(flags)?;
    maker.set_limits(flags)?;
    maker.set_counts(flags)?;
    Ok(maker.problem)
}

/// Gives the numbers of a problem back to `data`.
pub fn give_back(problem: Problem, data: &mut MixData) {
    data.columns = problem.columns;
    data.target = problem.target;
    data.row_weights = problem.row_weights;
}

/// An error of the engine in the words of the command line.
pub fn told(error: &surefit_mix::Error) -> Error {
    use surefit_mix::Error as Fault;
    match error {
        Fault::TooLarge { input, value } => {
            DataError::TooLarge { column: input.clone(), value: *value }.into()
        }
        Fault::NoRows => DataError::NothingToFit.into(),
        Fault::NotFinite { what, .. } => DataError::NotFinite { what: what.clone() }.into(),
        Fault::Expression { text, what, at } => {
            let rest: String = text.chars().skip(*at).collect();
            let place = if rest.is_empty() { "its end".to_owned() } else { format!("`{rest}`") };
            usage(format!("the constraint `{text}` cannot be read at {place}: {what}"), hint(error))
        }
        Fault::Unbounded { .. } => usage(error.to_string(), "give `--high`, `--range` or `--sum`".to_owned()),
        Fault::Shape { .. } | Fault::RowWeight { .. } => Error::Internal(error.to_string()),
        _ => usage(error.to_string(), hint(error)),
    }
}

fn hint(error: &surefit_mix::Error) -> String {
    error.hints().into_iter().next().unwrap_or_default()
}

struct Maker<'a> {
    problem: Problem,
    others: &'a [(String, &'static str)],
}

impl Maker<'_> {
    fn name(&self, j: usize) -> &str {
        self.problem.inputs.get(j).map_or("", String::as_str)
    }

    /// The inputs of this name, or that fit this pattern.
    fn inputs(&self, name: &str, asked_by: &str) -> Result<Vec<usize>> {
        let own = &self.problem.inputs;
        if let Some(j) = own.iter().position(|input| input == name) {
            return Ok(vec![j]);
        }
        if let Some((_, why)) = self.others.iter().find(|(other, _)| other == name) {
            return Err(usage(
                format!("{asked_by} names `{name}`, which is no input: it {why}"),
                "name a column that is mixed".to_owned(),
            ));
        }
        if name.contains(['*', '?']) {
            let all: Vec<usize> = (0..own.len()).filter(|&j| fits(name, self.name(j))).collect();
            return if all.is_empty() {
                Err(usage(
                    format!("{asked_by}: no input matches `{name}`"),
                    "`*` stands for any text, `?` for one character".to_owned(),
                ))
            } else {
                Ok(all)
            };
        }
        self.problem.find(name, asked_by).map(|j| vec![j]).map_err(|error| told(&error))
    }

    /// The inputs of a list with commas, each once.
    fn list(&self, text: &str, asked_by: &str) -> Result<Vec<usize>> {
        if self.problem.inputs.iter().any(|input| input == text) {
            return self.inputs(text, asked_by);
        }
        let mut all = Vec::new();
        for part in parts(text) {
            all.extend(self.inputs(&part, asked_by)?);
        }
        all.sort_unstable();
        all.dedup();
        Ok(all)
    }

    /// For each input whether it is in one of the lists, and in which.
    fn marked(&self, lists: &[String], asked_by: &str) -> Result<Vec<bool>> {
        let mut marked = vec![false; self.problem.inputs.len()];
        for list in lists {
            for j in self.list(list, asked_by)? {
                marked[j] = true;
            }
        }
        Ok(marked)
    }

    /// For each input the range that it is given; a name goes before patterns.
    fn given(&self, flag: &str, spans: &[NamedSpan]) -> Result<Vec<Option<Span>>> {
        let mut given: Vec<Option<(&NamedSpan, bool)>> = vec![None; self.problem.inputs.len()];
        for named in spans {
            for j in self.inputs(&named.name, flag)? {
                let by_name = self.name(j) == named.name;
                match given[j] {
                    Some((other, was_by_name)) if was_by_name == by_name => {
                        let what = if other.name == named.name {
                            format!("{flag} gives `{}` twice", named.name)
                        } else {
                            format!(
                                "{flag} gives `{}` twice: `{}` and `{}`",
                                self.name(j),
                                other.name,
                                named.name
                            )
                        };
                        return Err(usage(what, "give each input one range".to_owned()));
                    }
                    Some((_, true)) => {}
                    _ => given[j] = Some((named, by_name)),
                }
            }
        }
        Ok(given.into_iter().map(|found| found.map(|(named, _)| named.span)).collect())
    }

    fn set_ranges(&mut self, flags: &MixFlags) -> Result<()> {
        let ranges = self.given("`--range`", &flags.range)?;
        let bounds = self.given("`--bound`", &flags.bound)?;
        let must = self.marked(&flags.must, "`--must`")?;
        let never = self.marked(&flags.never, "`--never`")?;
        for j in 0..self.problem.inputs.len() {
            let clash = |first: &str, second: &str, hint: &str| {
                Err(usage(format!("`{}` is in {first} and in {second}", self.name(j)), hint.to_owned()))
            };
            if must[j] && never[j] {
                return clash("`--must`", "`--never`", "take it out of one of them");
            }
            if bounds[j].is_some() && ranges[j].is_some() {
                return clash(
                    "`--range`",
                    "`--bound`",
                    "`--range` allows 0 as well, `--bound` does not: choose one",
                );
            }
            if bounds[j].is_some_and(|span| span.low > 0.0 || span.high < 0.0) && never[j] {
                return clash("`--bound`, which leaves no 0,", "`--never`", "take it out of one of them");
            }
            let mut range = self.problem.ranges[j];
            if let Some(Span { low, high }) = ranges[j] {
                range = Range { low, high, optional: true };
            }
            if let Some(Span { low, high }) = bounds[j] {
                range = Range { low, high, optional: false };
            }
            if must[j] {
                if range.low <= 0.0 && range.high >= 0.0 {
                    return Err(usage(
                        format!(
                            "`--must` asks for `{}`, whose range holds 0: that says nothing",
                            self.name(j)
                        ),
                        format!("say how much of it there is at least: `--bound '{}=0.05..1'`", self.name(j)),
                    ));
                }
                range.optional = false;
            }
            if never[j] {
                self.problem.never.push((j, range));
            }
            self.problem.ranges[j] = if never[j] { Range::NEVER } else { range };
        }
        self.problem.bounds = (0..bounds.len()).filter(|&j| bounds[j].is_some()).collect();
        Ok(())
    }

    fn set_limits(&mut self, flags: &MixFlags) -> Result<()> {
        let n = self.problem.inputs.len();
        self.problem.limits = match flags.sum {
            None => vec![Limit::sum(n, 1.0, 1.0)],
            Some(Sum::Within(Span { low, high })) => vec![Limit::sum(n, low, high)],
            Some(Sum::Free) => Vec::new(),
        };
        for Group { name, columns, span } in &flags.group {
            let members = self.list(columns, &format!("the group `{name}`"))?;
            let terms = members.into_iter().map(|j| (j, 1.0)).collect();
            self.problem.limits.push(Limit {
                name: format!("group {name}"),
                terms,
                low: span.low,
                high: span.high,
            });
        }
        for text in &flags.constraint {
            let limit = Limit::parse(text, &self.problem).map_err(|error| told(&error))?;
            self.problem.limits.push(limit);
        }
        Ok(())
    }

    fn set_counts(&mut self, flags: &MixFlags) -> Result<()> {
        let n = self.problem.inputs.len();
        if flags.at_most.is_some() || flags.at_least.is_some() {
            let (least, most) = (flags.at_least.unwrap_or(0), flags.at_most.unwrap_or(n));
            refuse_too_many("`--at-least`", least, n)?;
            let name = match (flags.at_least, flags.at_most) {
                (Some(_), Some(_)) => "at-least and at-most",
                (Some(_), None) => "at-least",
                _ => "at-most",
            };
            self.problem.counts.push(Count { name: name.to_owned(), members: (0..n).collect(), least, most });
        }
        for Group { name, columns, span } in &flags.group_count {
            let members = self.list(columns, &format!("the group `{name}`"))?;
            let count = members.len();
            let (least, most) = (whole(span.low, 0), whole(span.high, count));
            refuse_too_many(&format!("the group `{name}`"), least, count)?;
            self.problem.counts.push(Count { name: format!("group {name}"), members, least, most });
        }
        Ok(())
    }
}

/// The names in a list with commas; one in back quotes has its own commas.
pub fn parts(list: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut is_quoted = false;
    for c in list.chars() {
        match c {
            '`' => is_quoted = !is_quoted,
            ',' if !is_quoted => parts.push(String::new()),
            _ => {
                if let Some(last) = parts.last_mut() {
                    last.push(c);
                }
            }
        }
    }
    parts.into_iter().map(|part| part.trim().to_owned()).collect()
}

/// More inputs than there are.
fn refuse_too_many(asked_by: &str, least: usize, count: usize) -> Result<()> {
    if least <= count {
        return Ok(());
    }
    Err(usage(
        format!("{asked_by} asks for {}, and there are {count}", counted(least as u64, "input")),
        "ask for no more than there are".to_owned(),
    ))
}

/// A whole number, or what stands for an end that is open.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the flag took whole numbers only"
)]
fn whole(end: f64, open: usize) -> usize {
    if end.is_finite() { end.max(0.0).min(f64::from(u32::MAX)) as usize } else { open }
}
