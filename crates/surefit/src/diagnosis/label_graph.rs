//! SF208: labels without a finite intercept, and SF209: rows without a pair.
//!
//! A row says of every label that it has not, l, and every one that it has, k, that the score of l is to be below that of
//! k: an edge from l to k. Around a cycle of edges what one row gains by moving intercepts apart another loses. Where
//! some labels cannot be reached from some others, moving the intercepts of the former up lessens the loss
//! without end, or leaves it as it is. So intercepts are finite only where each label is reached from every
//! other (Tarjan's strongly connected components); for losses that compare labels with 0 only a label that no row has, or
//! every row, has none.
//!
//! Test: the graph itself. A label that a row has is reached from all that it has not, so the edges of a row are its two
//! sets, and what is reached is found in O(n c) steps for each round, without the pairs.

use super::words::{count, counted, list};
use super::{Code, Finding};
use crate::data::{LabelRows, Samples};
use crate::loss::Targets;
use crate::problem::{Intercept, LossKind};
use serde_json::{Map, json};

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
}

impl Unbounded {
    /// Those of some samples, where there are any: with a free intercept, by the rows of a weight above 0 that count for
    /// the loss.
    pub fn of(samples: &Samples<'_>, loss: LossKind, intercept: Intercept) -> Option<Self> {
        let Targets::Labels(labels) = samples.targets else { return None };
        if intercept != Intercept::Free {
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
        let (never, always) =
            if rows.is_empty() { (Vec::new(), Vec::new()) } else { (all(false), all(true)) };
        let rest: Vec<usize> =
            (0..labels.labels()).filter(|k| !never.contains(k) && !always.contains(k)).collect();
        let (above, below) =
            if loss.is_of_pairs() { cut(labels, &rows, &rest) } else { (Vec::new(), Vec::new()) };
        let found = Self { never, always, above, below };
        let any = [&found.never, &found.always, &found.above].into_iter().any(|labels| !labels.is_empty());
        any.then_some(found)
    }

    /// What is said of it, with labels by their names.
    pub fn finding(&self, name: &dyn Fn(usize) -> String) -> Finding {
        let names = |labels: &[usize]| list(&labels.iter().map(|k| name(*k)).collect::<Vec<_>>());
        let verb = |labels: &[usize]| if labels.len() == 1 { "is" } else { "are" };
        let mut parts = Vec::new();
        if !self.never.is_empty() {
            parts.push(format!("{} {} in no row", names(&self.never), verb(&self.never)));
        }
        if !self.always.is_empty() {
            parts.push(format!("{} {} in every row", names(&self.always), verb(&self.always)));
        }
        if !self.above.is_empty() {
            parts.push(format!(
                "every row with {} {} has {}",
                if self.below.len() == 1 { "label" } else { "any of" },
                names(&self.below),
                names(&self.above)
            ));
        }
        let total = self.never.len() + self.always.len() + self.above.len();
        let message = format!(
            "{} {} no finite intercept: {}",
            counted(total as u64, "label"),
            if total == 1 { "has" } else { "have" },
            parts.join("; ")
        );
        let listed = |labels: &[usize]| labels.iter().take(LISTED).map(|k| name(*k)).collect::<Vec<_>>();
        let mut evidence = Map::new();
        evidence.insert("labels".to_owned(), json!(total));
        for (key, labels) in
            [("never", &self.never), ("always", &self.always), ("above", &self.above), ("below", &self.below)]
        {
            evidence.insert(key.to_owned(), json!(listed(labels)));
        }
        Finding { code: Code::Sf208, message, evidence, remedies: Vec::new() }
    }
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

/// Rows that compare nothing, for a loss of pairs.
#[derive(Clone, Debug, PartialEq)]
pub struct WithoutPairs {
    /// Rows of a weight above 0 without a label.
    pub empty: Vec<usize>,
    /// Those with every label.
    pub full: Vec<usize>,
    /// Rows of a weight above 0, all of them.
    pub rows: usize,
    /// Their weight, by which the sum of the losses is divided, and how much of it the rows without a pair have.
    pub weight: (f64, f64),
}

impl WithoutPairs {
    /// Those of some samples, where there are any and the loss is one of pairs.
    pub fn of(samples: &Samples<'_>, loss: LossKind) -> Option<Self> {
        let Targets::Labels(labels) = samples.targets else { return None };
        if !loss.is_of_pairs() {
            return None;
        }
        let counted: Vec<usize> = (0..labels.rows()).filter(|row| samples.weight(*row) > 0.0).collect();
        let with = |count: usize| -> Vec<usize> {
            counted.iter().copied().filter(|row| labels.count(*row) == count).collect()
        };
        let (empty, full) = (with(0), with(labels.labels()));
        if empty.is_empty() && full.is_empty() {
            return None;
        }
        let without = empty.iter().chain(&full).map(|row| samples.weight(*row)).sum();
        Some(Self { empty, full, rows: counted.len(), weight: (samples.total_weight(), without) })
    }

    /// The row weights that leave them out, so that the mean is over the rows with a pair; none where no row is left.
    pub fn weights_without(&self, samples: &Samples<'_>) -> Option<Vec<f64>> {
        let mut weights: Vec<f64> = (0..samples.x.rows()).map(|row| samples.weight(row)).collect();
        for row in self.empty.iter().chain(&self.full) {
            *weights.get_mut(*row)? = 0.0;
        }
        weights.iter().any(|s| *s > 0.0).then_some(weights)
    }

    /// What is said of it; `left_out` where the fit was made with [`Self::weights_without`].
    pub fn finding(&self, left_out: bool) -> Finding {
        let without = self.empty.len() + self.full.len();
        let parts: Vec<String> =
            [(self.empty.len(), "without a label"), (self.full.len(), "with every label")]
                .into_iter()
                .filter(|(rows, _)| *rows > 0)
                .map(|(rows, what)| format!("{} {what}", count(rows as u64)))
                .collect();
        let divisor = if left_out {
            format!("left out: the mean is over the other {}", counted((self.rows - without) as u64, "row"))
        } else {
            format!("counted with loss 0: the mean is over all {}", counted(self.rows as u64, "row"))
        };
        let message = format!(
            "{} of {} {} no pair of labels to rank ({}) and {} {divisor}",
            count(without as u64),
            counted(self.rows as u64, "row"),
            if without == 1 { "has" } else { "have" },
            parts.join(", "),
            if without == 1 { "is" } else { "are" },
        );
        let mut evidence = Map::new();
        let divided = self.weight.0 - if left_out { self.weight.1 } else { 0.0 };
        for (key, value) in [
            ("rows", json!(self.rows)),
            ("empty", json!(self.empty.len())),
            ("full", json!(self.full.len())),
            ("divisor", json!(divided)),
        ] {
            evidence.insert(key.to_owned(), value);
        }
        Finding { code: Code::Sf209, message, evidence, remedies: Vec::new() }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::data::LabelSets;
    use crate::data::features::Features;
    use crate::loss::named;
    use crate::num::random::Random;
    use faer::Mat;

    fn sets(rows: &[&[usize]], labels: usize) -> LabelSets {
        let mut sets = LabelSets::new(0, labels);
        for row in rows {
            sets.push(row.iter().copied());
        }
        sets
    }

    fn with<T>(sets: &LabelSets, weights: Option<&[f64]>, run: impl FnOnce(&Samples<'_>) -> T) -> T {
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
    fn rows_without_a_pair_are_counted_and_the_divisor_is_stated() {
        let sets = sets(&[&[], &[0], &[0, 1, 2], &[1, 2], &[]], 3);
        let weights = [2.0, 1.0, 1.5, 1.0, 0.0];
        with(&sets, Some(&weights), |samples| {
            let found = WithoutPairs::of(samples, LossKind::Bpmll).unwrap();
            assert_eq!((found.empty.as_slice(), found.full.as_slice()), (&[0][..], &[2][..]));
            assert_eq!(found.weights_without(samples), Some(vec![0.0, 1.0, 0.0, 1.0, 0.0]));
            let (all, others) = (found.finding(false), found.finding(true));
            insta::assert_snapshot!(format!("{}\n{}", all.message, others.message));
            assert_eq!((&all.evidence["divisor"], &others.evidence["divisor"]), (&json!(5.5), &json!(2.0)));
            assert_eq!(WithoutPairs::of(samples, LossKind::Zlpr), None);
        });
    }
}
