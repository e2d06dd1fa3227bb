//! SF208: labels without a finite intercept.
//!
//! A row says of every label that it has not, l, and every one that it has, k, that the score of l is to be below that of
//! k: an edge from l to k. Around a cycle of edges what one row gains by moving intercepts apart another loses. Where
//! some labels cannot be reached from some others, moving the intercepts of the former up lessens the loss
//! without end, or leaves it as it is. So intercepts are finite only where each label is reached from every
//! other (Tarjan's strongly connected components); for losses that compare labels with 0 only a label that no row has, or
//! every row, has none. Hinges are the exception: they are 0 from a finite distance on, so their least value is attained.
//!
//! Test: the graph itself. A label that a row has is reached from all that it has not, so the edges of a row are its two
//! sets, and what is reached is found in O(n c) steps for each round, without the pairs.

use super::words::{counted, figure, list};
use super::{Code, Diagnosis, Finding, Fix, Remedy};
use crate::data::{LabelRows, Samples};
use crate::loss::Targets;
use crate::problem::{Intercept, LossKind};
use serde_json::{Map, Value, json};

/// Labels that are listed as evidence.
const LISTED: usize = 20;

/// Labels whose best intercept is infinite.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unbounded {
    /// Labels that no row has: theirs is −∞.
    pub never: Vec<usize>,
    /// Labels that every row has: theirs is +∞.
    pub always: Vec<usize>,
    /// Of the others, those that are always put above the rest: every row that has one of the rest has all of these.
    pub above: Vec<usize>,
    /// The rest, where there are labels above them.
    pub below: Vec<usize>,
    /// Whether the first two hold only among the rows that have a pair of labels to compare.
    pub among_pairs: bool,
}

impl Unbounded {
    /// Those of some samples, where there are any: with a free intercept, by the rows of a weight above 0 that count for
    /// the loss.
    pub fn of(samples: &Samples<'_>, loss: LossKind, intercept: Intercept) -> Option<Self> {
        let Targets::Labels(labels) = samples.targets else { return None };
        if intercept != Intercept::Free || is_attained(loss) {
            return None;
        }
        let counts = |row: &usize| {
            let pairs = (1..labels.labels()).contains(&labels.count(*row));
            samples.weight(*row) > 0.0 && (pairs || !loss.is_of_pairs())
        };
        let rows: Vec<usize> = (0..labels.rows()).filter(counts).collect();
        let all = |has: bool| {
            let same = |label: &usize| rows.iter().all(|row| labels.has(*row, *label) == has);
            (0..labels.labels()).filter(same).collect::<Vec<usize>>()
        };
        if rows.is_empty() {
            return None;
        }
        let (never, always) = (all(false), all(true));
        let rest: Vec<usize> =
            (0..labels.labels()).filter(|k| !never.contains(k) && !always.contains(k)).collect();
        let (above, below) =
            if loss.is_of_pairs() { cut(labels, &rows, &rest) } else { (Vec::new(), Vec::new()) };
        let others = (0..labels.rows()).filter(|row| samples.weight(*row) > 0.0 && !counts(row));
        let against = |row: usize| {
            never.iter().any(|k| labels.has(row, *k)) || always.iter().any(|k| !labels.has(row, *k))
        };
        let among_pairs = others.into_iter().any(against);
        let found = Self { never, always, above, below, among_pairs };
        let any = [&found.never, &found.always, &found.above].into_iter().any(|labels| !labels.is_empty());
        any.then_some(found)
    }

    /// Labels to leave out, so that those of the others that are compared have finite intercepts; none where fewer than two
    /// would be left.
    pub fn to_leave_out(samples: &Samples<'_>, loss: LossKind) -> Option<Vec<usize>> {
        let Targets::Labels(labels) = samples.targets else { return None };
        let mut kept: Vec<usize> = (0..labels.labels()).collect();
        loop {
            let sets = labels.of_labels(&kept);
            let targets = Targets::Labels(sets.view());
            let Some(found) = Self::of(&Samples { targets, ..*samples }, loss, Intercept::Free) else {
                break;
            };
            let mut gone: Vec<usize> = found.never.iter().chain(&found.always).copied().collect();
            if gone.is_empty() {
                let fewer = found.above.len() < found.below.len();
                gone = if fewer { found.above } else { found.below };
            }
            kept = kept.iter().enumerate().filter(|(at, _)| !gone.contains(at)).map(|(_, k)| *k).collect();
            if kept.len() < 2 {
                return None;
            }
        }
        Some((0..labels.labels()).filter(|k| !kept.contains(k)).collect())
    }

    /// What holds, with labels by their names.
    fn message(&self, name: &dyn Fn(usize) -> String) -> String {
        let names = |labels: &[usize]| list(&labels.iter().map(|k| name(*k)).collect::<Vec<_>>());
        let verb = |labels: &[usize]| if labels.len() == 1 { "is" } else { "are" };
        let row = if self.among_pairs { "row with a pair of labels" } else { "row" };
        let mut parts = Vec::new();
        if !self.never.is_empty() {
            parts.push(format!("{} {} in no {row}", names(&self.never), verb(&self.never)));
        }
        if !self.always.is_empty() {
            parts.push(format!("{} {} in every {row}", names(&self.always), verb(&self.always)));
        }
        if !self.above.is_empty() {
            parts.push(format!(
                "every row with {} {} has {}",
                if self.below.len() == 1 { "label" } else { "any of" },
                names(&self.below),
                names(&self.above)
            ));
        }
        let total = self.total();
        format!(
            "{} {} no finite intercept: {}",
            counted(total as u64, "label"),
            if total == 1 { "has" } else { "have" },
            parts.join("; ")
        )
    }

    fn total(&self) -> usize {
        self.never.len() + self.always.len() + self.above.len()
    }

    fn evidence(&self, name: &dyn Fn(usize) -> String) -> Map<String, Value> {
        let listed = |labels: &[usize]| labels.iter().take(LISTED).map(|k| name(*k)).collect::<Vec<_>>();
        let mut evidence = Map::new();
        evidence.insert("labels".to_owned(), json!(self.total()));
        for (key, labels) in
            [("never", &self.never), ("always", &self.always), ("above", &self.above), ("below", &self.below)]
        {
            evidence.insert(key.to_owned(), json!(listed(labels)));
        }
        evidence
    }

    /// What is said of it beside another cause.
    pub fn finding(&self, name: &dyn Fn(usize) -> String) -> Finding {
        let (message, evidence) = (self.message(name), self.evidence(name));
        Finding { code: Code::Sf208, message, evidence, remedies: Vec::new() }
    }

    /// The cause that an answer within `gap` of the least value, which no intercept attains, is none of the best ones; with
    /// the fits that were tried and certified.
    pub fn diagnosis(&self, name: &dyn Fn(usize) -> String, gap: f64, tried: &[Tried]) -> Diagnosis {
        let reason = format!(
            "the objective only nears its least value as their scores go on for ever; here it is within {}",
            figure(gap, 2)
        );
        Diagnosis {
            code: Code::Sf208,
            message: self.message(name),
            reasons: vec![reason],
            evidence: self.evidence(name),
            also: Vec::new(),
            remedies: tried.iter().map(|tried| tried.remedy(name)).collect(),
            exact: None,
        }
    }
}

/// A fit of a changed problem that has a best answer, and is certified.
#[derive(Clone, Debug, PartialEq)]
pub struct Tried {
    /// The labels that were left out; none where the intercept was shrunk instead.
    pub left_out: Vec<usize>,
    /// Its objective.
    pub objective: f64,
}

impl Tried {
    fn remedy(&self, name: &dyn Fn(usize) -> String) -> Remedy {
        let certified = format!("certified at objective {}", figure(self.objective, 6));
        let (change, command) = if self.left_out.is_empty() {
            let flag = "--penalize-intercept".to_owned();
            (format!("shrink the intercept too: {certified}"), Some(flag))
        } else {
            let names: Vec<String> = self.left_out.iter().map(|k| name(*k)).collect();
            let bare = |name: &String| name.trim_matches('`').to_owned();
            let flags: Vec<String> =
                names.iter().map(|name| format!("--drop-label {}", in_shell(&bare(name)))).collect();
            let flags = flags.join(" ");
            let command = (names.len() <= LISTED).then_some(flags);
            (format!("leave out {}: {certified}", list(&names)), command)
        };
        Remedy { change, command, steps: None, proven: true, safe: false, fix: Fix::Several(Vec::new()) }
    }
}

/// Whether the least value of a loss is one of its values, as it is 0 from some finite distance of scores on.
fn is_attained(loss: LossKind) -> bool {
    matches!(loss, LossKind::PairwiseHinge | LossKind::PairwiseSquaredHinge)
}

/// A word as a shell takes it.
fn in_shell(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '/' | '+' | ':');
    if !word.is_empty() && !word.starts_with('-') && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

/// Labels that the first one does not reach and those it does, or those that do not reach it: the labels of the upper side
/// first. Nothing where each reaches every other.
fn cut(labels: LabelRows<'_>, rows: &[usize], among: &[usize]) -> (Vec<usize>, Vec<usize>) {
    let Some(&first) = among.first() else { return (Vec::new(), Vec::new()) };
    for upwards in [true, false] {
        let reached = reached(labels, rows, first, upwards);
        let (inside, outside): (Vec<usize>, Vec<usize>) = among.iter().partition(|k| reached[**k]);
        if !outside.is_empty() {
            // What edges lead up from is below; who is not reached by them is lower still.
            return if upwards { (inside, outside) } else { (outside, inside) };
        }
    }
    (Vec::new(), Vec::new())
}

/// Which labels edges lead to from one, or come from that lead to it.
fn reached(labels: LabelRows<'_>, rows: &[usize], from: usize, upwards: bool) -> Vec<bool> {
    let mut reached = vec![false; labels.labels()];
    if let Some(from) = reached.get_mut(from) {
        *from = true;
    }
    let mut left: Vec<usize> = rows.to_vec();
    loop {
        let before = left.len();
        // A row passes on all that it can as soon as one of the labels at the edges' tails is reached.
        left.retain(|row| {
            let tail =
                reached.iter().enumerate().any(|(k, reached)| *reached && labels.has(*row, k) != upwards);
            if tail {
                for (k, reached) in reached.iter_mut().enumerate() {
                    *reached |= labels.has(*row, k) == upwards;
                }
            }
            !tail
        });
        if left.len() == before {
            return reached;
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
pub(super) mod tests {
    use super::*;
    use crate::data::LabelSets;
    use crate::data::features::Features;
    use crate::loss::named;
    use crate::num::random::Random;
    use faer::Mat;

    pub fn sets(rows: &[&[usize]], labels: usize) -> LabelSets {
        let mut sets = LabelSets::new(0, labels);
        for row in rows {
            sets.push(row.iter().copied());
        }
        sets
    }

    pub fn with<T>(sets: &LabelSets, weights: Option<&[f64]>, run: impl FnOnce(&Samples<'_>) -> T) -> T {
        let x = Mat::<f64>::zeros(sets.view().rows(), 1);
        let loss = named(LossKind::Bpmll);
        run(&Samples::of_labels(Features::F64(x.as_ref()), sets.view(), weights, &*loss).unwrap())
    }

    fn unbounded(sets: &LabelSets, loss: LossKind) -> Option<Unbounded> {
        with(sets, None, |samples| Unbounded::of(samples, loss, Intercept::Free))
    }

    fn name(label: usize) -> String {
        format!("tag{label}")
    }

    #[test]
    fn each_way_to_have_no_finite_intercept_is_found_and_named() {
        let never = unbounded(&sets(&[&[0], &[1], &[0, 1]], 3), LossKind::Bpmll).unwrap();
        let always = unbounded(&sets(&[&[0, 2], &[1, 2], &[2]], 3), LossKind::Lsep).unwrap();
        // Rows {0}, {1}, {0, 1, 2}, {0, 1, 3}: every label is in some row and not in another.
        let above = unbounded(&sets(&[&[0], &[1], &[0, 1, 2], &[0, 1, 3]], 4), LossKind::Bpmll).unwrap();
        let says = [&never, &always, &above].map(|found| found.finding(&name).message);
        insta::assert_snapshot!(says.join("\n"));
        assert_eq!((above.above, above.below), (vec![0, 1], vec![2, 3]));
        assert_eq!((never.never, always.always), (vec![2], vec![2]));
    }

    #[test]
    fn labels_that_reach_each_other_have_finite_intercepts() {
        assert_eq!(unbounded(&sets(&[&[0], &[1], &[2]], 3), LossKind::Bpmll), None);
        // Losses that compare with 0 need no cycle, only rows of both kinds.
        let chain = sets(&[&[0], &[1], &[0, 1, 2], &[0, 1, 3]], 4);
        assert_eq!(unbounded(&chain, LossKind::Zlpr), None);
        let rare = sets(&[&[0, 1, 2], &[]], 3);
        assert_eq!(unbounded(&rare, LossKind::LabelLogistic), None);
        let bounded = |intercept| with(&rare, None, |s| Unbounded::of(s, LossKind::Bpmll, intercept));
        assert_eq!((bounded(Intercept::Absent), bounded(Intercept::Penalized)), (None, None));
    }

    /// By the definition: each label's reach along single edges, by Warshall's algorithm over all pairs.
    fn strongly_connected(labels: LabelRows<'_>) -> bool {
        let c = labels.labels();
        let mut reach = vec![vec![false; c]; c];
        for row in 0..labels.rows() {
            for l in (0..c).filter(|l| !labels.has(row, *l)) {
                (0..c).filter(|k| labels.has(row, *k)).for_each(|k| reach[l][k] = true);
            }
        }
        for middle in 0..c {
            for from in 0..c {
                for to in 0..c {
                    reach[from][to] |= reach[from][middle] && reach[middle][to];
                }
            }
        }
        (0..c).all(|from| (0..c).all(|to| from == to || reach[from][to]))
    }

    #[test]
    fn random_sets_are_judged_as_by_the_closure_of_all_pairs() {
        let mut random = Random(1);
        let (mut bounded, mut cuts) = (0, 0);
        for _ in 0..3000 {
            let (n, c) = (1 + random.below(6), 2 + random.below(5));
            let rows: Vec<Vec<usize>> =
                (0..n).map(|_| (0..c).filter(|_| random.below(2) == 0).collect()).collect();
            let rows: Vec<&[usize]> = rows.iter().map(Vec::as_slice).collect();
            let sets = sets(&rows, c);
            let usable = (0..n).any(|row| (1..c).contains(&sets.view().count(row)));
            let found = unbounded(&sets, LossKind::Bpmll);
            assert_eq!(
                found.is_none(),
                strongly_connected(sets.view()) || !usable && found.is_none(),
                "{rows:?}"
            );
            bounded += usize::from(found.is_none());
            if let Some(Unbounded { above, below, .. }) = found.filter(|found| !found.above.is_empty()) {
                cuts += 1;
                // No row has one of the lower labels and lacks one of the upper ones.
                for row in 0..n {
                    let low = below.iter().any(|k| sets.view().has(row, *k));
                    assert!(!low || above.iter().all(|k| sets.view().has(row, *k)), "{rows:?} {above:?}");
                }
            }
        }
        assert!(bounded > 300 && cuts > 100, "{bounded} {cuts}");
    }

    #[test]
    fn what_is_left_out_leaves_finite_intercepts() {
        let of = |rows: &[&[usize]], c: usize, loss| {
            with(&sets(rows, c), None, |samples| Unbounded::to_leave_out(samples, loss))
        };
        assert_eq!(of(&[&[0], &[1], &[0, 1]], 3, LossKind::Bpmll), Some(vec![2]));
        assert_eq!(of(&[&[0, 2], &[1, 2], &[2]], 4, LossKind::Lsep), Some(vec![2, 3]));
        assert_eq!(of(&[&[0], &[1], &[0, 1, 2], &[0, 1, 3]], 4, LossKind::Bpmll), Some(vec![2, 3]));
        assert_eq!(of(&[&[0], &[0, 1]], 2, LossKind::Bpmll), None);
        assert_eq!(of(&[&[0], &[1]], 2, LossKind::Zlpr), Some(Vec::new()));
    }

    #[test]
    fn remedies_name_labels_as_a_shell_takes_them() {
        let found = unbounded(&sets(&[&[0], &[1], &[0, 1]], 3), LossKind::Bpmll).unwrap();
        let tried = [
            Tried { left_out: vec![2], objective: 0.512_345_678 },
            Tried { left_out: Vec::new(), objective: 0.75 },
        ];
        let name = |k: usize| format!("`it's {k}`");
        let cause = found.diagnosis(&name, 3.14e-7, &tried);
        let lines: Vec<String> = cause
            .remedies
            .iter()
            .map(|remedy| format!("{}   {}", remedy.change, remedy.command.clone().unwrap()))
            .collect();
        insta::assert_snapshot!(format!(
            "{}\n{}\n{}",
            cause.message,
            cause.reasons.join("\n"),
            lines.join("\n")
        ));
    }
}
