//! Gradients against differences, and training: the same from a seed, and ended by rows that no step saw.

#![allow(clippy::unwrap_used, clippy::float_cmp)]

use super::*;
use crate::data::LabelSets;
use crate::loss::named;
use crate::solver::Stop;

fn number(seed: usize) -> f64 {
    (seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 11) as f64 / (1u64 << 52) as f64 - 1.0
}

struct Data {
    x: Mat<f64>,
    labels: LabelSets,
    weights: Vec<f64>,
}

/// The first two labels are told by the product of two features, which no linear model tells; one row has none, one all.
fn data(n: usize) -> Data {
    let x = Mat::from_fn(n, 3, |i, j| 1.5 * number(31 * i + 7 * j + 1));
    let mut labels = LabelSets::new(0, 4);
    for i in 0..n {
        let same = x[(i, 0)] * x[(i, 1)] + 0.2 * number(900 + i) > 0.0;
        let has = [same, !same, x[(i, 2)] > 0.0, number(77 * i) > 0.3];
        labels.push((0..4).filter(|k| i != 0 && (i == 1 || has[*k])));
    }
    Data { x, labels, weights: (0..n).map(|i| [1.0, 2.0, 0.0, 0.5][i % 4]).collect() }
}

impl Data {
    fn samples(&self, loss: LossKind) -> Samples<'_> {
        let x = Features::F64(self.x.as_ref());
        Samples::of_labels(x, self.labels.view(), Some(&self.weights), &*named(loss)).unwrap()
    }
}

const SETTINGS: Settings =
    Settings { hidden: 6, rate: 0.1, lambda: 1e-3, epochs: 200, patience: 20, seed: 3 };

#[test]
fn the_gradient_is_that_of_differences_in_every_weight() {
    let data = data(12);
    for loss in [LossKind::Bpmll, LossKind::Lsep, LossKind::Zlpr, LossKind::PairwiseSquaredHinge] {
        let samples = data.samples(loss);
        let network = Network::new(3, 5, 4, loss, 9);
        let (_, gradient) = network.objective(&samples, loss, 0.3).unwrap();
        let h = 1e-5;
        for part in 0..4 {
            for at in 0..network.parts()[part].len() {
                let moved = |by: f64| {
                    let mut network = network.clone();
                    network.parts_mut()[part][at] += by;
                    network.objective(&samples, loss, 0.3).unwrap().0
                };
                let slope = (moved(h) - moved(-h)) / (2.0 * h);
                let own = gradient.parts()[part][at];
                assert!((slope - own).abs() < 1e-8, "{loss:?} {part} {at}: {slope} {own}");
            }
        }
    }
}

#[test]
fn the_same_seed_gives_the_same_bits_and_another_one_others() {
    let data = data(60);
    let samples = data.samples(LossKind::Bpmll);
    let run = |seed: u64| {
        let settings = Settings { seed, epochs: 5, ..SETTINGS };
        train(&samples, LossKind::Bpmll, Held::Share(0.25), &settings, &|_| true).unwrap()
    };
    let (a, b, other) = (run(1), run(1), run(2));
    assert_eq!(a, b);
    assert_ne!(a.network, other.network);
    // 45 rows count, and a quarter of them is held out.
    assert_eq!(a.course.rows, (34, 11));
}

#[test]
fn it_learns_what_no_linear_model_tells_and_ends_where_rows_held_out_are_met_best() {
    let data = data(400);
    for loss in [LossKind::Bpmll, LossKind::Zlpr] {
        let samples = data.samples(loss);
        let Trained { network, course } =
            train(&samples, loss, Held::Share(0.25), &SETTINGS, &|_| true).unwrap();
        let (first, best) = (course.epochs[0], course.epochs[course.best]);
        assert!(best.held < 0.75 * first.held, "{loss:?} {first:?} {best:?}");
        assert!(course.epochs.iter().all(|epoch| epoch.held >= best.held * (1.0 - 1e-4)), "{loss:?}");
        let scores = network.scores(&samples.x);
        let counted: Vec<usize> = (2..400).filter(|i| i % 4 != 2).collect();
        let right = counted
            .iter()
            .filter(|i| (scores[(**i, 0)] > scores[(**i, 1)]) == data.labels.view().has(**i, 0));
        let share = right.count() as f64 / counted.len() as f64;
        assert!(share > 0.8, "{loss:?} {share}");
    }
}

#[test]
fn it_ends_early_where_nothing_gets_better_and_hands_back_the_best() {
    let mut data = data(40);
    // Labels at random: whatever is learned is noise.
    let mut labels = LabelSets::new(0, 4);
    (0..40).for_each(|i| labels.push((0..4).filter(|k| number(1000 + 17 * i + 5 * k) > 0.0)));
    data.labels = labels;
    let samples = data.samples(LossKind::Bpmll);
    let settings = Settings { hidden: 20, lambda: 0.0, epochs: 3000, patience: 10, ..SETTINGS };
    let found = train(&samples, LossKind::Bpmll, Held::Share(0.3), &settings, &|_| true).unwrap();
    let course = &found.course;
    assert_eq!(course.stop, Stop::Tolerance);
    assert_eq!(course.epochs.len(), course.best + 11, "ten epochs after the best one");
    let last = course.epochs.last().unwrap();
    assert!(last.loss < course.epochs[course.best].loss, "what it was trained on went on getting better");
}

#[test]
fn settings_without_sense_are_refused_with_a_way_out() {
    let data = data(12);
    let samples = data.samples(LossKind::Bpmll);
    let said = |settings: Settings, held: f64| {
        let refused = train(&samples, LossKind::Bpmll, Held::Share(held), &settings, &|_| true);
        let error = refused.unwrap_err();
        format!("{error}\n    {}", error.hints().join("; "))
    };
    let all = [
        said(Settings { hidden: 0, ..SETTINGS }, 0.2),
        said(Settings { rate: 0.0, ..SETTINGS }, 0.2),
        said(Settings { lambda: 20.0, ..SETTINGS }, 0.2),
        said(SETTINGS, 0.01),
        said(SETTINGS, 0.99),
    ];
    insta::assert_snapshot!(all.join("\n"));
    assert!(train(&samples, LossKind::Softmax, Held::Share(0.2), &SETTINGS, &|_| true).is_err());
}
