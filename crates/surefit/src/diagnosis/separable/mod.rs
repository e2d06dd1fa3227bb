//! SF204: classes that a linear model tells apart without error, wholly or but for ties, and no penalty. Doubling such a
//! model lessens the loss, so there is no best one: six programs give six finite answers for one infinite one. Only
//! for the logistic losses: a squared hinge is 0 where margins are wide enough, and so has a best model.
//!
//! Test: weights that put no row's rival above its own class, and some rows' rivals below it. They are the proof,
//! whoever found them, and are judged by plain arithmetic: above, below or within the rounding of the scores. Up to
//! [`MOST`] numbers of weights they are sought by `cone`, which finds them where there are any; beyond, by hinges
//! with small penalties, which find whole separations only, and not to find any is no proof that there is none.

mod cone;

use self::cone::{Cone, Rivals};
use super::words::{count, counted, figure, list};
use super::{Code, Diagnosis, Fix, Remedy};
use crate::data::Samples;
use crate::error::Result;
use crate::loss::Targets;
use crate::num::UNIT_ROUNDOFF;
use crate::oracle::Pass;
use crate::problem::{Coefficients, Intercept, LossKind, Problem, Ridge};
use crate::solver::dual_ascent::{self, ascend};
use faer::Mat;
use serde_json::{Map, json};

/// Numbers of weights for which the cone is searched: its sets of pairs are as large.
const MOST: usize = 400;
/// Penalties that hinges are tried with, in units of the mean `‖x‖²/S`: each leaves more room to separate.
const TRIED: [f64; 3] = [1e-2, 1e-5, 1e-8];
/// Rounds of each try.
const ROUNDS: usize = 200;
/// Rows on the boundary that are named, and that are listed as evidence.
const NAMED: usize = 3;
const LISTED: usize = 20;

/// Weights that separate.
#[derive(Clone, Debug)]
pub struct Separation {
    /// Those.
    pub at: Coefficients,
    /// The class that they tell from the rest, for a loss of one against the rest.
    pub class: Option<usize>,
    /// Rows of a weight above 0, from 0, whose own score ties with a rival's to within rounding.
    pub boundary: Vec<usize>,
    /// Rows of a weight above 0.
    pub rows: usize,
    /// The least margin of the rows that are apart, as a share of their largest possible score.
    pub margin: f64,
    /// Σ s.
    total: f64,
}

/// Weights that separate the classes, wholly or but for ties; `None` where none were found, or `go_on` said no.
///
/// # Errors
/// Those of the solver.
pub fn separation(
    samples: &Samples<'_>,
    problem: &Problem,
    go_on: &(dyn Fn() -> bool + Sync),
) -> Result<Option<Separation>> {
    let Targets::Classes(classes) = samples.targets else { return Ok(None) };
    // Without a penalty a penalised intercept is a free one.
    let intercept = problem.intercept != Intercept::Absent;
    let c = samples.outputs;
    let rivals: Vec<Rivals> = match (problem.loss, c) {
        (LossKind::OvrHinge | LossKind::OvrSquaredHinge | LossKind::OvrLogistic, 1) => vec![Rivals::Rest(1)],
        (LossKind::OvrHinge | LossKind::OvrSquaredHinge | LossKind::OvrLogistic, _) => {
            (0..c).filter_map(|class| u32::try_from(class).ok()).map(Rivals::Rest).collect()
        }
        _ => vec![Rivals::Each(c)],
    };
    let lengths: Vec<f64> = samples.x.squared_norms().into_iter().map(f64::sqrt).collect();
    let mut best: Option<Separation> = None;
    for rivals in rivals {
        let numbers = |outputs: usize| (samples.x.columns() + 1).saturating_mul(outputs);
        let wide = numbers(if matches!(rivals, Rivals::Each(_)) { c } else { 1 }) > MOST;
        let found = if wide {
            by_hinges(samples, problem, rivals, go_on)?
        } else {
            let cone = Cone::new(samples, classes, rivals, intercept);
            cone.direction(go_on).map(|v| cone.unscaled(&v))
        };
        let Some((weights, bias)) = found else { continue };
        let at = placed(weights, bias, rivals, c);
        let Some(judged) = judge(samples, classes, rivals, at, &lengths)? else { continue };
        if best.as_ref().is_none_or(|best| judged.boundary.len() < best.boundary.len()) {
            best = Some(judged);
        }
        if best.as_ref().is_some_and(|best| best.boundary.is_empty()) {
            break;
        }
    }
    Ok(best)
}

/// The weights of one class among zeros for the others.
fn placed(weights: Mat<f64>, intercept: Vec<f64>, rivals: Rivals, outputs: usize) -> Coefficients {
    let Some(class) = of_rest(rivals).filter(|_| outputs > 1) else {
        return Coefficients { weights, intercept };
    };
    let mut at =
        Coefficients { weights: Mat::zeros(weights.nrows(), outputs), intercept: vec![0.0; outputs] };
    if let (Some(own), Some(bias)) = (at.intercept.get_mut(class), intercept.first()) {
        *own = *bias;
        at.weights.col_as_slice_mut(class).copy_from_slice(weights.col_as_slice(0));
    }
    at
}

fn of_rest(rivals: Rivals) -> Option<usize> {
    if let Rivals::Rest(class) = rivals { usize::try_from(class).ok() } else { None }
}

/// Weights of hinges with ever smaller penalties.
fn by_hinges(
    samples: &Samples<'_>,
    problem: &Problem,
    rivals: Rivals,
    go_on: &(dyn Fn() -> bool + Sync),
) -> Result<Option<(Mat<f64>, Vec<f64>)>> {
    let Targets::Classes(classes) = samples.targets else { return Ok(None) };
    let of_class: Vec<u32> = match rivals {
        Rivals::Each(_) => classes.to_vec(),
        Rivals::Rest(class) => classes.iter().map(|own| u32::from(*own == class)).collect(),
    };
    let (loss, outputs) = match rivals {
        Rivals::Each(c) => (LossKind::CrammerSinger { margin: 1.0 }, c),
        Rivals::Rest(_) => (LossKind::OvrHinge, 1),
    };
    let tried = Samples { targets: Targets::Classes(&of_class), outputs, ..*samples };
    let intercept = if problem.intercept == Intercept::Absent { Intercept::Absent } else { Intercept::Free };
    let norms = samples.x.squared_norms();
    let lengths: Vec<f64> = norms.iter().map(|square| square.sqrt()).collect();
    let mean = norms.iter().sum::<f64>() / norms.len().max(1) as f64;
    let unit = if mean > 0.0 { mean } else { 1.0 } / samples.total_weight();
    for share in TRIED {
        let problem = Problem { loss, penalty: Ridge::uniform(share * unit), intercept };
        let settings = dual_ascent::Settings { gap: 1e-2, max_rounds: ROUNDS, ..Default::default() };
        let found = ascend(&tried, &problem, &settings, &|_| go_on())?.candidate.coefficients;
        let Coefficients { weights, intercept: bias } = found.clone();
        let at = placed(weights, bias, rivals, samples.outputs);
        let judged = judge(samples, classes, rivals, at, &lengths)?;
        if judged.is_some_and(|judged| judged.boundary.is_empty()) {
            return Ok(Some((found.weights, found.intercept)));
        }
        if !go_on() {
            break;
        }
    }
    Ok(None)
}

/// Which rows are apart and which on the boundary; `None` where any is on the wrong side by more than the rounding of
/// its scores, or nothing is apart.
fn judge(
    samples: &Samples<'_>,
    classes: &[u32],
    rivals: Rivals,
    at: Coefficients,
    lengths: &[f64],
) -> Result<Option<Separation>> {
    let loss = if samples.outputs == 1 { LossKind::OvrHinge } else { LossKind::Softmax };
    let mut pass = Pass::new(*samples, loss)?;
    pass.score(&at);
    let scores = pass.scores();
    let column = |k: usize| at.weights.col_as_slice(k).iter().map(|w| w * w).sum::<f64>().sqrt();
    let reach = (0..scores.ncols()).map(column).fold(0.0, f64::max);
    let bias = at.intercept.iter().fold(0.0, |largest: f64, b| largest.max(b.abs()));
    let terms = (samples.x.columns() + 4) as f64;
    let (mut boundary, mut rows, mut least) = (Vec::new(), 0, f64::INFINITY);
    for (i, class) in classes.iter().enumerate().filter(|(i, _)| samples.weight(*i) > 0.0) {
        let most = lengths[i] * reach + bias;
        let rounding = 4.0 * terms * UNIT_ROUNDOFF * most;
        let margins: Vec<f64> = match rivals {
            Rivals::Rest(of_column) => {
                let column = if scores.ncols() == 1 { 0 } else { of_rest(rivals).unwrap_or(0) };
                vec![scores[(i, column)] * if *class == of_column { 1.0 } else { -1.0 }]
            }
            Rivals::Each(c) => {
                let own = usize::try_from(*class).unwrap_or(usize::MAX);
                (0..c).filter(|k| *k != own).map(|k| scores[(i, own)] - scores[(i, k)]).collect()
            }
        };
        // Also where one of them is no number.
        if !margins.iter().all(|margin| *margin >= -rounding) {
            return Ok(None);
        }
        rows += 1;
        least =
            margins.iter().filter(|margin| **margin > rounding).fold(least, |least, m| least.min(m / most));
        if margins.iter().any(|margin| *margin <= rounding) {
            boundary.push(i);
        }
    }
    let class = of_rest(rivals).filter(|_| samples.outputs > 1);
    let total = samples.total_weight();
    Ok(least.is_finite().then_some(Separation { at, class, boundary, rows, margin: least, total }))
}

impl Separation {
    /// Every row is apart.
    pub fn is_complete(&self) -> bool {
        self.boundary.is_empty()
    }

    /// The cause, with rows and classes by the number and name that the person knows.
    pub fn diagnosis(&self, number: &dyn Fn(usize) -> usize, name: &dyn Fn(usize) -> String) -> Diagnosis {
        let (rows, ties) = (self.rows as u64, self.boundary.len() as u64);
        let (told, part) = match self.class {
            Some(class) => (format!("{} from the rest", name(class)), "its part of the loss"),
            None => ("the classes apart".to_owned(), "the loss"),
        };
        let mut reasons = vec![format!(
            "weights were found that {} by {} of the largest possible score",
            if ties == 0 {
                "separate every row,"
            } else {
                "put no rival above a row's own class, and some below,"
            },
            figure(self.margin, 2)
        )];
        let message = if ties == 0 {
            let all = self.class.map_or_else(
                || format!("all {} rows apart", count(rows)),
                |class| format!("{} from the rest in all {} rows", name(class), count(rows)),
            );
            format!(
                "a linear model tells {all} without error, so without a penalty {part} falls towards 0 for ever and \
                 the coefficients grow without end"
            )
        } else {
            let mut named: Vec<String> =
                self.boundary.iter().take(NAMED).map(|&row| count(number(row) as u64)).collect();
            if ties > NAMED as u64 {
                named.push(format!("{} more", count(ties - NAMED as u64)));
            }
            let word = if ties == 1 { "row" } else { "rows" };
            reasons.push(format!("on the boundary: {word} {}", list(&named)));
            format!(
                "a linear model tells {told} without error in {} of {}, and the other {} on its boundary, to within \
                 rounding: without a penalty {part} falls for ever and the coefficients grow without end",
                count(rows - ties),
                counted(rows, "row"),
                if ties == 1 { "one lies".to_owned() } else { format!("{} lie", count(ties)) }
            )
        };
        let lambda = 1.0 / self.total;
        let n = if self.total == self.rows as f64 { "1/n" } else { "1/Σ weights" };
        let remedy = Remedy {
            change: format!("a penalty, such as {n} = {}", figure(lambda, 3)),
            command: Some(format!("--penalty {lambda:e}")),
            steps: None,
            // A convex loss that is not below 0 and half a square above it have exactly one optimum.
            proven: true,
            safe: false,
            fix: Fix::Penalty(lambda),
        };
        let mut evidence = Map::new();
        evidence.insert("rows".to_owned(), json!(rows));
        evidence.insert("separation".to_owned(), json!(if ties == 0 { "complete" } else { "quasi" }));
        evidence.insert("margin".to_owned(), json!(self.margin));
        evidence.insert("boundary_rows".to_owned(), json!(ties));
        let first: Vec<usize> = self.boundary.iter().take(LISTED).map(|&row| number(row)).collect();
        evidence.insert("first_on_the_boundary".to_owned(), json!(first));
        Diagnosis {
            code: Code::Sf204,
            message,
            reasons,
            evidence,
            also: Vec::new(),
            remedies: vec![remedy],
            exact: None,
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::data::Features;
    use crate::loss::named;
    use faer::Mat;

    fn of(samples: &Samples<'_>, loss: LossKind, intercept: Intercept) -> Option<Separation> {
        let problem = Problem { loss, penalty: Ridge::uniform(0.0), intercept };
        separation(samples, &problem, &|| true).unwrap()
    }

    fn found(
        x: &Mat<f64>,
        classes: &[u32],
        count: usize,
        loss: LossKind,
        intercept: Intercept,
    ) -> Option<Separation> {
        let samples =
            Samples::of_classes(Features::F64(x.as_ref()), classes, None, count, &*named(loss)).unwrap();
        let found = of(&samples, loss, intercept)?;
        let diagnosis = found.diagnosis(&|row| row + 1, &|class| format!("class {class}"));
        assert_eq!(diagnosis.code, Code::Sf204);
        assert_eq!(diagnosis.evidence["boundary_rows"], found.boundary.len());
        Some(found)
    }

    #[test]
    fn classes_on_both_sides_of_a_threshold_are_separable_only_with_an_intercept() {
        let x = Mat::from_fn(6, 1, |i, _| 10.0 + i as f64);
        let classes = [0, 0, 0, 1, 1, 1];
        for loss in [LossKind::OvrLogistic, LossKind::Softmax] {
            assert!(found(&x, &classes, 2, loss, Intercept::Free).unwrap().is_complete(), "{loss:?}");
            assert!(found(&x, &classes, 2, loss, Intercept::Absent).is_none(), "{loss:?}");
        }
    }

    #[test]
    fn one_row_on_the_wrong_side_makes_an_optimum() {
        let x = Mat::from_fn(7, 1, |i, _| if i == 6 { 0.5 } else { i as f64 });
        let classes = [0, 0, 0, 1, 1, 1, 1];
        assert!(found(&x, &classes, 2, LossKind::Softmax, Intercept::Free).is_none());
        assert!(found(&x, &classes, 2, LossKind::OvrLogistic, Intercept::Free).is_none());
    }

    #[test]
    fn rows_of_both_classes_on_the_threshold_are_its_boundary() {
        // At 3 both classes occur; all others are apart.
        let x = Mat::from_fn(8, 1, |i, _| [1.0, 2.0, 3.0, 3.0, 4.0, 5.0, 3.0, 7.0][i]);
        let classes = [0, 0, 0, 1, 1, 1, 0, 1];
        for loss in [LossKind::Softmax, LossKind::OvrLogistic] {
            let found = found(&x, &classes, 2, loss, Intercept::Free).unwrap();
            assert_eq!(found.boundary, [2, 3, 6], "{loss:?}");
            let diagnosis = found.diagnosis(&|row| row + 1, &|class| format!("class {class}"));
            assert!(
                diagnosis.message.contains("in 5 of 8 rows, and the other 3 lie"),
                "{}",
                diagnosis.message
            );
            assert_eq!(diagnosis.reasons[1], "on the boundary: rows 3, 4 and 7");
        }
        // A level that has one class alone, and others that have both.
        let x = Mat::from_fn(9, 2, |i, j| f64::from(u8::from(i % 3 == j)));
        let classes = [0, 0, 1, 0, 1, 1, 0, 1, 0];
        let found = found(&x, &classes, 2, LossKind::OvrLogistic, Intercept::Free).unwrap();
        assert_eq!(found.boundary, [1, 2, 4, 5, 7, 8]);
    }

    #[test]
    fn three_clouds_in_a_line_are_apart_by_differences_and_the_outer_ones_from_the_rest() {
        let x = Mat::from_fn(9, 1, |i, _| (i / 3) as f64 * 10.0 + (i % 3) as f64);
        let classes: Vec<u32> = (0..9u32).map(|i| i / 3).collect();
        let each = found(&x, &classes, 3, LossKind::Softmax, Intercept::Free).unwrap();
        assert!(each.is_complete() && each.class.is_none());
        let rest = found(&x, &classes, 3, LossKind::OvrLogistic, Intercept::Free).unwrap();
        assert!(rest.is_complete() && rest.class == Some(0));
        assert!(rest.at.weights[(0, 1)] == 0.0 && rest.at.weights[(0, 0)] < 0.0);
        // The middle one alone is on no side of any threshold.
        let middle: Vec<u32> = classes.iter().map(|class| u32::from(*class == 1)).collect();
        assert!(found(&x, &middle, 2, LossKind::OvrLogistic, Intercept::Free).is_none());
    }

    #[test]
    fn one_class_apart_from_two_that_overlap_leaves_the_rows_of_those_on_the_boundary() {
        // Class 0 far off; 1 and 2 mixed.
        let x =
            Mat::from_fn(
                12,
                2,
                |i, j| if i < 4 { 20.0 + (i * (j + 1)) as f64 } else { ((i * (3 + j)) % 5) as f64 },
            );
        let classes: Vec<u32> = (0..12u32).map(|i| if i < 4 { 0 } else { 1 + i % 2 }).collect();
        let found = found(&x, &classes, 3, LossKind::Softmax, Intercept::Free).unwrap();
        assert_eq!(found.boundary, (4..12).collect::<Vec<_>>());
    }

    #[test]
    fn a_search_that_may_not_go_on_finds_nothing() {
        let x = Mat::from_fn(6, 1, |i, _| 10.0 + i as f64);
        let loss = LossKind::Softmax;
        let samples =
            Samples::of_classes(Features::F64(x.as_ref()), &[0, 0, 0, 1, 1, 1], None, 2, &*named(loss))
                .unwrap();
        let problem = Problem { loss, penalty: Ridge::uniform(0.0), intercept: Intercept::Free };
        assert!(separation(&samples, &problem, &|| false).unwrap().is_none());
    }

    /// On small whole numbers, every direction of small whole numbers is tried: one that puts no row on the wrong side and
    /// some on the right one is a separation, and there is none where the search finds none.
    #[test]
    fn the_search_agrees_with_trying_all_directions() {
        let mut random = crate::num::random::Random(5);
        let (mut with, mut complete, mut without) = (0, 0, 0);
        for _ in 0..400 {
            let n = 3 + random.below(6);
            let x = Mat::from_fn(n, 2, |_, _| random.below(4) as f64);
            let mut classes: Vec<u32> = (0..n).map(|_| u32::from(random.below(2) == 1)).collect();
            (classes[0], classes[1]) = (0, 1);
            let loss = LossKind::OvrLogistic;
            let samples =
                Samples::of_classes(Features::F64(x.as_ref()), &classes, None, 2, &*named(loss)).unwrap();
            // Normals of lines through points of a 4 × 4 grid have entries up to 3, and b up to 18.
            let mut most = 0;
            for (a, b) in (-3..=3).flat_map(|a| (-3..=3).map(move |b| (a, b))) {
                for bias in -38..=38 {
                    let margin = |i: usize| {
                        let score =
                            f64::from(a) * x[(i, 0)] + f64::from(b) * x[(i, 1)] + 0.5 * f64::from(bias);
                        score * if classes[i] == 1 { 1.0 } else { -1.0 }
                    };
                    if (0..n).all(|i| margin(i) >= 0.0) {
                        most = most.max((0..n).filter(|i| margin(*i) > 0.0).count());
                    }
                }
            }
            match of(&samples, loss, Intercept::Free) {
                None => {
                    assert_eq!(most, 0, "{x:?} {classes:?}");
                    without += 1;
                }
                Some(found) => {
                    assert!(n - found.boundary.len() >= most.max(1), "{x:?} {classes:?} {found:?} {most}");
                    with += 1;
                    complete += usize::from(found.is_complete());
                }
            }
        }
        assert!(with > complete && complete > 20 && without > 20, "{with} {complete} {without}");
    }
}
