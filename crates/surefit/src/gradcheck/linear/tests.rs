//! Right gradients of every loss agree in every storage, wrong ones are named, and a row's shares add up to the gradient.

#![allow(clippy::unwrap_used, clippy::panic)]

use super::*;
use crate::data::features::Csr;
use crate::data::{Features, LabelSets};
use crate::gradcheck::{Mistake, row_gradient};
use crate::loss::tests::{LOSSES, label_sets};
use faer::Mat;

/// Rows whose features are 0 in a third of all places.
struct Data {
    x: Mat<f64>,
    starts: Vec<i32>,
    indices: Vec<i32>,
    values: Vec<f64>,
    classes: Vec<u32>,
    labels: LabelSets,
    y: Mat<f64>,
    weights: Option<Vec<f64>>,
}

/// In [−2, 2), from a seed.
fn number(seed: usize) -> f64 {
    (seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 11) as f64 / (1u64 << 51) as f64 - 2.0
}

const N: usize = 70;

impl Data {
    fn new(d: usize, classes: usize, weighted: bool) -> Self {
        let entry =
            |i: usize, j: usize| if (i + 2 * j).is_multiple_of(3) { 0.0 } else { number(31 * i + 7 * j + 1) };
        let (mut starts, mut indices, mut values) = (vec![0], Vec::new(), Vec::new());
        for i in 0..N {
            for j in (0..d).filter(|j| entry(i, *j) != 0.0) {
                indices.push(i32::try_from(j).unwrap());
                values.push(entry(i, j));
            }
            starts.push(i32::try_from(values.len()).unwrap());
        }
        Self {
            x: Mat::from_fn(N, d, entry),
            starts,
            indices,
            values,
            classes: (0..N).map(|i| u32::try_from((i * i + i / 3) % classes).unwrap()).collect(),
            labels: label_sets(N, classes, |i, k| (i * i + 5 * i * k + k) % 7 < 3),
            y: Mat::from_fn(N, classes, |i, k| number(13 * i + 5 * k + 2)),
            weights: weighted.then(|| (0..N).map(|i| (i % 3) as f64 / 2.0).collect()),
        }
    }

    fn samples<'a>(&'a self, x: Features<'a>, loss: LossKind) -> Samples<'a> {
        let weights = self.weights.as_deref();
        if loss.is_of_classes() {
            Samples::of_classes(x, &self.classes, weights, self.y.ncols(), &*named(loss)).unwrap()
        } else if loss.is_of_labels() {
            Samples::of_labels(x, self.labels.view(), weights, &*named(loss)).unwrap()
        } else {
            Samples::of_values(x, self.y.as_ref(), weights).unwrap()
        }
    }

    fn dense(&self, loss: LossKind) -> Samples<'_> {
        self.samples(Features::F64(self.x.as_ref()), loss)
    }

    fn sparse(&self, loss: LossKind) -> Samples<'_> {
        let csr = Csr::new(self.x.ncols(), &self.starts, &self.indices, &self.values).unwrap();
        self.samples(Features::Csr64(csr), loss)
    }
}

fn point(shape: Shape, seed: usize, scale: f64) -> Coefficients {
    Coefficients {
        weights: Mat::from_fn(shape.columns, shape.outputs, |j, k| scale * number(seed + 17 * j + 3 * k)),
        intercept: (0..shape.outputs).map(|k| scale * number(seed + 1000 + k)).collect(),
    }
}

/// The right gradient, row by row of the samples.
fn by_rows(samples: &Samples<'_>, loss: LossKind, lambda: f64, at: &Coefficients) -> Coefficients {
    let mut gradient = Coefficients {
        weights: Mat::from_fn(at.weights.nrows(), at.intercept.len(), |j, k| lambda * at.weights[(j, k)]),
        intercept: vec![0.0; at.intercept.len()],
    };
    for i in 0..samples.x.rows() {
        let row = row_gradient(samples, loss, at, i).unwrap();
        for (k, pull) in row.pulls.iter().enumerate() {
            let share = row.weight / row.total * pull;
            row.features.iter().for_each(|&(j, x)| gradient.weights[(j, k)] += share * x);
            gradient.intercept[k] += share;
        }
    }
    gradient
}

fn check(samples: Samples<'_>, loss: LossKind, claims: &[Claim]) -> Verdict {
    check_samples(samples, loss, 0.2, Intercept::Free, claims).unwrap()
}

#[test]
fn shares_of_all_rows_add_up_to_a_gradient_that_is_right_in_every_storage() {
    for loss in LOSSES {
        for (classes, weighted) in [(2, false), (4, true)] {
            let data = Data::new(5, classes, weighted);
            let shape = data.dense(loss).shape();
            for scale in [0.0, 0.7, 30.0] {
                let at = point(shape, 5, scale);
                let gradient = by_rows(&data.sparse(loss), loss, 0.2, &at);
                let claims = [Claim { at, gradient }];
                let [dense, sparse] = [data.dense(loss), data.sparse(loss)].map(|s| check(s, loss, &claims));
                for verdict in [&dense, &sparse] {
                    let report = &verdict.reports[0];
                    let worst = report.entries[report.worst().unwrap()];
                    assert!(verdict.agrees() && verdict.finding.is_none(), "{loss:?} {scale} {worst:?}");
                    assert_eq!(verdict.penalty_unseen, scale == 0.0);
                }
            }
        }
    }
}

#[test]
fn a_wrong_entry_is_seen_whatever_the_loss_and_the_scale_of_the_point() {
    for loss in LOSSES {
        let data = Data::new(5, 3, false);
        let shape = data.dense(loss).shape();
        // Means of exponentials beyond 10¹⁵ times an entry leave nothing of it.
        let explodes = matches!(loss, LossKind::Bpmll | LossKind::GlobalThreshold);
        let most = if explodes { 1.0 } else { 100.0 };
        for scale in [0.0, 0.7, 30.0].into_iter().filter(|scale| *scale < most) {
            let at = point(shape, 5, scale);
            let mut gradient = by_rows(&data.dense(loss), loss, 0.2, &at);
            gradient.weights[(2, 1)] += 1e-3 * (1.0 + gradient.weights[(2, 1)].abs());
            let verdict = check(data.sparse(loss), loss, &[Claim { at, gradient }]);
            let report = &verdict.reports[0];
            let place = 2 * shape.outputs + 1;
            assert!(!report.entries[place].is_right() || report.entries[place].kink, "{loss:?} {scale}");
            let others = report.entries.iter().enumerate().filter(|(p, _)| *p != place);
            assert!(others.into_iter().all(|(_, entry)| entry.is_right()));
        }
    }
}

#[test]
fn mistakes_are_named_from_files_alone() {
    let loss = LossKind::Hinge { margin: 1.0 };
    let data = Data::new(5, 4, false);
    let shape = data.dense(loss).shape();
    let claims = |change: &dyn Fn(Coefficients, &Coefficients) -> Coefficients| -> Vec<Claim> {
        let points = [0, 40].map(|seed| point(shape, seed, 0.5));
        points
            .map(|at| {
                let right = by_rows(&data.dense(loss), loss, 0.2, &at);
                Claim { gradient: change(right, &at), at }
            })
            .into()
    };
    let scaled = |data_factor: f64, penalty: f64| {
        move |right: Coefficients, at: &Coefficients| Coefficients {
            weights: Mat::from_fn(5, 4, |j, k| {
                let w = at.weights[(j, k)];
                data_factor * (right.weights[(j, k)] - 0.2 * w) + penalty * w
            }),
            intercept: right.intercept.iter().map(|g| data_factor * g).collect(),
        }
    };
    let named = |change: &dyn Fn(Coefficients, &Coefficients) -> Coefficients| {
        let verdicts = [data.dense(loss), data.sparse(loss)].map(|s| check(s, loss, &claims(change)));
        let [dense, sparse] = verdicts.map(|verdict| verdict.finding.map(|finding| finding.to_string()));
        assert_eq!(dense, sparse);
        dense
    };
    let say = |text: &str| Some(text.to_owned());
    assert_eq!(named(&scaled(1.0, 0.2)), None);
    assert_eq!(
        named(&scaled(70.0, 0.2)),
        say("the losses are summed, not averaged: factor 70.000000 for n = 70")
    );
    assert_eq!(
        named(&scaled(1.0, 0.4)),
        say("the penalty comes in 2.000000 times: 0.400000·W instead of 0.2·W")
    );
    assert_eq!(named(&scaled(1.0, 0.0)), say("the penalty's 0.2·W is missing"));
    assert_eq!(named(&scaled(-1.0, 0.2)), say("the data part has the wrong sign: factor -1.000000"));
    let without_intercept =
        |right: Coefficients, _: &Coefficients| Coefficients { intercept: vec![0.0; 4], ..right };
    assert_eq!(named(&without_intercept), say("the intercept's gradient is 0"));
}

#[test]
fn a_gradient_in_few_digits_is_right_and_one_of_single_precision_too() {
    for loss in LOSSES {
        let data = Data::new(5, 3, false);
        let at = point(data.dense(loss).shape(), 9, 0.5);
        let mut gradient = by_rows(&data.dense(loss), loss, 0.2, &at);
        for column in gradient.weights.col_iter_mut() {
            column.iter_mut().for_each(|value| *value = format!("{value:.7e}").parse().unwrap());
        }
        assert!(check(data.dense(loss), loss, &[Claim { at, gradient }]).agrees(), "{loss:?}");
    }
}

#[test]
fn at_zero_a_missing_penalty_does_not_show_and_that_is_said() {
    let loss = LossKind::Hinge { margin: 1.0 };
    let data = Data::new(5, 3, false);
    let at = point(data.dense(loss).shape(), 0, 0.0);
    let gradient = by_rows(&data.dense(loss), loss, 0.0, &at);
    let verdict = check(data.dense(loss), loss, &[Claim { at, gradient }]);
    assert!(verdict.agrees() && verdict.penalty_unseen);
    assert_eq!(verdict.finding.map(|finding| finding.mistake), None::<Mistake>);
}
