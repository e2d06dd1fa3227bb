//! Certificates of every loss against optima that were found by simpler means, and against random dual points.
#![allow(clippy::unwrap_used, clippy::float_cmp)]

use faer::{Mat, MatRef};
use proptest::prelude::*;
use surefit::certificate::{Method, certify_samples};
use surefit::data::features::{Csr, Features};
use surefit::data::{LabelSets, Samples};
use surefit::loss::{self, Targets};
use surefit::{Certificate, Coefficients, Intercept, LossKind, Problem, Ridge};

const LOSSES: [LossKind; 18] = [
    LossKind::Squared,
    LossKind::Huber { delta: 0.5 },
    LossKind::Hinge { margin: 1.0 },
    LossKind::CrammerSinger { margin: 0.75 },
    LossKind::SquaredHinge { margin: 1.25 },
    LossKind::OvrHinge,
    LossKind::OvrSquaredHinge,
    LossKind::OvrLogistic,
    LossKind::Softmax,
    LossKind::Bpmll,
    LossKind::Lsep,
    LossKind::Log1pBpmll,
    LossKind::Zlpr,
    LossKind::PairwiseHinge,
    LossKind::PairwiseSquaredHinge,
    LossKind::PairwiseLogistic,
    LossKind::GlobalThreshold,
    LossKind::LabelLogistic,
];
const INTERCEPTS: [Intercept; 3] = [Intercept::Absent, Intercept::Free, Intercept::Penalized];

/// A small problem with an answer of no merit.
#[derive(Clone, Debug)]
struct Case {
    x: Mat<f64>,
    classes: Vec<u32>,
    labels: LabelSets,
    of_labels: Option<Vec<f64>>,
    y: Mat<f64>,
    weights: Option<Vec<f64>>,
    problem: Problem,
    answer: Coefficients,
}

impl Case {
    fn samples(&self) -> Samples<'_> {
        self.samples_of(Features::F64(self.x.as_ref()))
    }

    fn samples_of<'a>(&'a self, x: Features<'a>) -> Samples<'a> {
        let (kind, weights) = (self.problem.loss, self.weights.as_deref());
        if kind.is_of_classes() {
            Samples::of_classes(x, &self.classes, weights, self.y.ncols(), &*loss::named(kind)).unwrap()
        } else if kind.is_of_labels() {
            let labels = self.labels.view().weighted(self.of_labels.as_deref());
            Samples::of_labels(x, labels, weights, &*loss::named(kind)).unwrap()
        } else {
            Samples::of_values(x, self.y.as_ref(), weights).unwrap()
        }
    }

    fn certificate(&self, answer: &Coefficients, dual: Option<MatRef<'_, f64>>) -> Certificate {
        certify_samples(&self.samples(), &self.problem, answer, dual).unwrap()
    }

    /// P and its (sub)gradient, as the definition says.
    fn objective(&self, at: &Coefficients) -> (f64, Coefficients) {
        let samples = self.samples();
        let (n, d, c) = (self.x.nrows(), self.x.ncols(), samples.outputs);
        let mut z = Mat::from_fn(n, c, |i, k| {
            (0..d).map(|j| self.x[(i, j)] * at.weights[(j, k)]).sum::<f64>() + at.intercept[k]
        });
        let loss = loss::named(self.problem.loss);
        let mut value = loss.block(z.as_mut(), samples.targets, samples.weights) / samples.total_weight();
        let mut gradient = Coefficients {
            weights: Mat::from_fn(d, c, |j, k| {
                (0..n).map(|i| self.x[(i, j)] * z[(i, k)]).sum::<f64>() / samples.total_weight()
            }),
            intercept: (0..c)
                .map(|k| (0..n).map(|i| z[(i, k)]).sum::<f64>() / samples.total_weight())
                .collect(),
        };
        for k in 0..c {
            for j in 0..d {
                let lambda = self.problem.penalty.weight(j);
                value += 0.5 * lambda * at.weights[(j, k)].powi(2);
                gradient.weights[(j, k)] += lambda * at.weights[(j, k)];
            }
            match self.problem.intercept {
                Intercept::Absent => gradient.intercept[k] = 0.0,
                Intercept::Free => {}
                Intercept::Penalized => {
                    value += 0.5 * self.problem.penalty.lambda * at.intercept[k].powi(2);
                    gradient.intercept[k] += self.problem.penalty.lambda * at.intercept[k];
                }
            }
        }
        (value, gradient)
    }

    /// The best of a long walk along subgradients, ever shorter: no optimum, but a value that P* is not above.
    fn reached(&self, steps: u32) -> (f64, Coefficients) {
        let mut at = self.answer.clone();
        let mut best = (self.objective(&at).0, at.clone());
        for step in 0..steps {
            let (value, gradient) = self.objective(&at);
            if value < best.0 {
                best = (value, at.clone());
            }
            let norm =
                gradient.weights.squared_norm_l2() + gradient.intercept.iter().map(|g| g * g).sum::<f64>();
            if norm == 0.0 {
                break;
            }
            let rate = 0.7 / (1.0 + f64::from(step) / 20.0) / norm.sqrt().max(1.0);
            at.weights = Mat::from_fn(at.weights.nrows(), at.weights.ncols(), |j, k| {
                at.weights[(j, k)] - rate * gradient.weights[(j, k)]
            });
            at.intercept.iter_mut().zip(&gradient.intercept).for_each(|(b, g)| *b -= rate * g);
        }
        best
    }
}

/// n sets of c labels.
fn label_sets(n: usize, c: usize, has: impl Fn(usize, usize) -> bool) -> LabelSets {
    let mut sets = LabelSets::new(0, c);
    for i in 0..n {
        sets.push((0..c).filter(|k| has(i, *k)));
    }
    sets
}

fn case() -> impl Strategy<Value = Case> {
    let sizes = (0..LOSSES.len(), 0..3usize, 2usize..9, 1usize..4, 2usize..4, any::<(bool, bool)>());
    sizes.prop_flat_map(|(kind, intercept, n, d, c, (weighted, factors))| {
        let kind = LOSSES[kind];
        let outputs = loss::named(kind).outputs(c);
        let numbers = |count: usize| prop::collection::vec(-2.0f64..2.0, count);
        (
            (numbers(n * d), numbers(n * outputs), numbers(d * outputs), numbers(outputs)),
            prop::collection::vec(0..u32::try_from(c).unwrap(), n),
            prop::collection::vec(0u8..3, n - 1),
            (0.02f64..1.0, prop::collection::vec(0.2f64..3.0, d)),
            prop::option::of(prop::collection::vec(0.3f64..3.0, outputs)),
        )
            .prop_map(move |((x, y, w, b), classes, weights, (lambda, scales), of_labels)| Case {
                x: Mat::from_fn(n, d, |i, j| x[i * d + j]),
                classes,
                labels: label_sets(n, outputs, |i, k| y[i * outputs + k] > 0.3),
                of_labels,
                y: Mat::from_fn(n, if kind.is_of_classes() { c } else { outputs }, |i, k| {
                    y[(i * outputs + k) % y.len()]
                }),
                weights: weighted.then(|| weights.iter().map(|s| f64::from(*s)).chain([1.0]).collect()),
                problem: Problem {
                    loss: kind,
                    penalty: Ridge { lambda, factors: factors.then_some(scales) },
                    intercept: INTERCEPTS[intercept],
                },
                answer: Coefficients {
                    weights: Mat::from_fn(d, outputs, |j, k| w[j * outputs + k]),
                    intercept: if intercept == 0 { vec![0.0; outputs] } else { b },
                },
            })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn the_gap_is_never_below_the_true_one(case in case(), wild in prop::collection::vec(-1.5f64..1.5, 40)) {
        let (value, best) = case.reached(3000);
        let dual = Mat::from_fn(case.x.nrows(), case.answer.intercept.len(), |i, k| wild[(i * 5 + k * 3) % 40]);
        for answer in [&case.answer, &best] {
            let own = case.objective(answer).0;
            for dual in [None, Some(dual.as_ref())] {
                let proof = case.certificate(answer, dual);
                prop_assert!((proof.objective() - own).abs() <= 1e-12 * (1.0 + own));
                prop_assert!(proof.gap() >= proof.rounding() && proof.rounding() > 0.0);
                prop_assert!(proof.objective() - proof.gap() <= value, "{} {} {value}", proof.objective(), proof.gap());
            }
        }
    }

    #[test]
    fn a_smooth_loss_proves_its_own_optimum(case in case()) {
        let smooth = loss::named(case.problem.loss).curvature() != loss::Curvature::Piecewise;
        // Without rows of some class a free intercept has no finite optimum to come to.
        prop_assume!(smooth && case.problem.intercept != Intercept::Free);
        let (value, best) = case.reached(20_000);
        let proof = case.certificate(&best, None);
        let (_, gradient) = case.objective(&best);
        let square = gradient.weights.squared_norm_l2() + gradient.intercept.iter().map(|g| g * g).sum::<f64>();
        let least = (0..case.x.ncols()).map(|j| case.problem.penalty.weight(j)).fold(case.problem.penalty.lambda, f64::min);
        prop_assert!(proof.gap() <= (0.5 * square / least).min(value) + 2.0 * proof.rounding(), "{} {square}", proof.gap());
    }

    #[test]
    fn everything_that_is_said_of_the_optimum_holds(case in case()) {
        let proof = case.certificate(&case.answer, None);
        let (_, best) = case.reached(3000);
        let apart = (&case.answer.weights - &best.weights).norm_l2();
        // What was reached is itself only near the optimum.
        let near = case.certificate(&best, None).coefficient_radius();
        if let (Some(radius), Some(near)) = (proof.coefficient_radius(), near) {
            prop_assert!(apart <= radius + near, "{apart} {radius} {near}");
        }
        prop_assert_eq!(proof.prediction_rms().is_some(), case.problem.loss == LossKind::Squared);
        prop_assert_eq!(proof.certain(&[1e300], &[1.0]), (case.problem.intercept != Intercept::Free).then_some(1));
        prop_assert!(proof.certain(&[0.0], &[1.0]).is_none_or(|count| count == 0));
    }
}

/// Fifty rows of three classes that overlap, and an odd number in one column.
fn overlapping(loss: LossKind, intercept: Intercept, n: usize) -> Case {
    let number = |seed: usize| ((seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20) % 1001) as f64 / 250.0 - 2.0;
    let classes: Vec<u32> = (0..n).map(|i| u32::try_from(i % 3).unwrap()).collect();
    let outputs = loss::named(loss).outputs(3);
    Case {
        x: Mat::from_fn(n, 4, |i, j| {
            f64::from(classes[i]) * (j as f64 - 1.0) / 2.0 + number(i * 7 + j * 1000 + 3)
        }),
        labels: label_sets(n, 3, |i, k| (i % 3 == k) != (number(i * 5 + k) > 1.0)),
        of_labels: None,
        y: Mat::from_fn(n, 3, |i, k| number(i * 3 + k)),
        weights: Some((0..n).map(|i| (i % 4) as f64 / 2.0).collect()),
        classes,
        problem: Problem { loss, penalty: Ridge::uniform(0.1), intercept },
        answer: Coefficients {
            weights: Mat::from_fn(4, outputs, |j, k| (j as f64 - k as f64) / 4.0),
            intercept: if intercept == Intercept::Absent {
                vec![0.0; outputs]
            } else {
                vec![0.25, -0.5, 0.0]
            },
        },
    }
}

#[test]
fn any_storage_and_number_of_threads_says_the_same() {
    for loss in LOSSES {
        for intercept in INTERCEPTS {
            let case = overlapping(loss, intercept, 5000);
            let bits = |x: Features<'_>, threads: usize| {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                let proof =
                    pool.install(|| certify_samples(&case.samples_of(x), &case.problem, &case.answer, None));
                let record = proof.unwrap().record();
                [record.objective, record.gap, record.rounding].map(f64::to_bits)
            };
            let x = case.x.transpose().to_owned();
            #[expect(
                clippy::cast_possible_truncation,
                reason = "the dense copy is made of the narrow numbers"
            )]
            let narrow = Mat::from_fn(5000, 4, |i, j| case.x[(i, j)] as f32);
            let starts: Vec<i64> = (0..=5000).map(|i| i * 4).collect();
            let indices: Vec<i64> = (0..20_000).map(|at| at % 4).collect();
            let values: Vec<f64> =
                x.col_iter().flat_map(|row| row.iter().copied().collect::<Vec<_>>()).collect();
            let sparse = Features::LongCsr64(Csr::new(4, &starts, &indices, &values).unwrap());
            let want = bits(Features::F64(case.x.as_ref()), 1);
            for x in [
                Features::F64(case.x.as_ref()),
                Features::F64(x.transpose()),
                sparse,
                Features::F32(narrow.as_ref()),
            ] {
                let one = bits(x, 1);
                assert_eq!(bits(x, 2), one, "{loss:?}");
                for (a, b) in one.iter().zip(&want).take(2) {
                    let (a, b) = (f64::from_bits(*a), f64::from_bits(*b));
                    assert!((a - b).abs() <= 1e-5 * b, "{loss:?} {intercept:?} {a} {b}");
                }
            }
        }
    }
}

/// The dual of a hinge, climbed row by row with a short step, for long: an oracle that shares nothing with a solver.
fn climbed(case: &Case, steps: usize) -> Mat<f64> {
    let samples = case.samples();
    let loss = loss::named(case.problem.loss);
    let (n, d, c) = (case.x.nrows(), case.x.ncols(), samples.outputs);
    let total = samples.total_weight() * case.problem.penalty.lambda;
    let ones = case.problem.intercept == Intercept::Penalized;
    let mut g = Mat::<f64>::zeros(n, c);
    for _ in 0..steps {
        let of_feature =
            |j: usize, k: usize| -(0..n).map(|i| case.x[(i, j)] * g[(i, k)]).sum::<f64>() / total;
        let w = Mat::from_fn(d, c, of_feature);
        let b: Vec<f64> = (0..c).map(|k| -(0..n).map(|i| g[(i, k)]).sum::<f64>() / total).collect();
        let margin = match case.problem.loss {
            LossKind::Hinge { margin } => margin,
            _ => 1.0,
        };
        let rate = 0.02 * total / n as f64;
        for i in 0..n {
            let z = |k: usize| {
                (0..d).map(|j| case.x[(i, j)] * w[(j, k)]).sum::<f64>() + if ones { b[k] } else { 0.0 }
            };
            let y = usize::try_from(case.classes[i]).unwrap();
            for k in (0..c).filter(|k| *k != y) {
                g[(i, k)] += rate * (margin + z(k) - z(y));
            }
        }
        loss.project_dual(g.as_mut(), samples.targets, samples.weights);
    }
    g
}

#[test]
fn a_hinge_is_proven_by_a_dual_point_that_is_climbed_to() {
    for intercept in [Intercept::Absent, Intercept::Penalized] {
        let case = overlapping(LossKind::Hinge { margin: 1.0 }, intercept, 30);
        let dual = climbed(&case, 4000);
        let (_, best) = case.reached(50_000);
        let proof = case.certificate(&best, Some(dual.as_ref()));
        assert_eq!(proof.method(), Method::Dual);
        assert!(proof.relative_gap() < 0.02, "{intercept:?} {}", proof.relative_gap());
    }
}

/// The dual point is climbed to without the equality of a free intercept; moving dual numbers where it costs least
/// makes up for it.
#[test]
fn a_free_intercept_is_made_up_for() {
    for (loss, most) in
        [(LossKind::Hinge { margin: 1.0 }, 0.1), (LossKind::CrammerSinger { margin: 1.0 }, 0.1)]
    {
        let case = overlapping(loss, Intercept::Free, 30);
        let penalized = Case {
            problem: Problem { intercept: Intercept::Penalized, ..case.problem.clone() },
            ..case.clone()
        };
        let (_, best) = case.reached(50_000);
        let proof = case.certificate(&best, Some(climbed(&penalized, 4000).as_ref()));
        assert_eq!(proof.method(), Method::Dual);
        assert!(proof.relative_gap() < most, "{loss:?} {}", proof.relative_gap());
    }
}

#[test]
fn without_a_penalty_only_the_sign_of_the_loss_is_known() {
    let mut case = overlapping(LossKind::Softmax, Intercept::Free, 50);
    case.problem.penalty = Ridge::uniform(0.0);
    let proof = case.certificate(&case.answer, None);
    assert_eq!((proof.method(), proof.bound()), (Method::Objective, 0.0));
    assert_eq!(proof.coefficient_radius(), None);
}

#[test]
fn a_class_without_rows_keeps_the_proof() {
    for loss in [LossKind::Softmax, LossKind::SquaredHinge { margin: 1.0 }, LossKind::OvrLogistic] {
        let mut case = overlapping(loss, Intercept::Free, 60);
        case.classes.iter_mut().for_each(|class| *class = (*class).min(1));
        case.answer.intercept[2] = -50.0;
        let (_, mut best) = case.reached(30_000);
        best.intercept[2] = best.intercept[2].min(-50.0);
        let proof = case.certificate(&best, None);
        assert_eq!(proof.method(), Method::Dual, "{loss:?}");
        assert!(proof.relative_gap() < 0.1, "{loss:?} {}", proof.relative_gap());
    }
}

#[test]
fn a_stranger_s_answer_of_the_wrong_size_or_kind_is_refused_in_words() {
    let case = overlapping(LossKind::Softmax, Intercept::Free, 20);
    let said = |problem: &Problem, dual: Option<MatRef<'_, f64>>| {
        certify_samples(&case.samples(), problem, &case.answer, dual).unwrap_err().to_string()
    };
    let wrong = Mat::zeros(20, 2);
    assert_eq!(said(&case.problem, Some(wrong.as_ref())), "the dual point is 20 × 2, the scores are 20 × 3");
    let squared = Problem { loss: LossKind::Squared, ..case.problem.clone() };
    assert_eq!(said(&squared, None), "the squared loss needs numbers, and the targets are classes");
    assert!(matches!(case.samples().targets, Targets::Classes(_)));
}
