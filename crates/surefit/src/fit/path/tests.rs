//! Folds, and searches beside fits to copies of their rows.

#![allow(clippy::unwrap_used)]

use super::judge::accuracy;
use super::*;
use crate::data::Features;
use crate::loss::named;
use crate::oracle::Pass;
use crate::problem::LossKind;
use faer::Mat;

fn rows(classes: &[u32], count: usize, weights: Option<&[f64]>, seed: u64) -> Result<Folds> {
    let x = Mat::<f64>::zeros(classes.len(), 1);
    let loss = named(LossKind::Softmax);
    let samples = Samples::of_classes(Features::F64(x.as_ref()), classes, weights, 4, &*loss).unwrap();
    Folds::deal(&samples, count, seed)
}

#[test]
fn every_fold_has_its_share_of_every_class_and_every_row_is_left_out_once() {
    let classes: Vec<u32> = (0..103u32).map(|i| if i == 102 { 3 } else { i % 3 }).collect();
    let folds = rows(&classes, 5, None, 7).unwrap();
    assert_eq!((folds.of_rows[102], folds.always), (None, 1), "the only row of its class");
    for class in 0..3u32 {
        let count = |fold| {
            let of_class = classes.iter().zip(&folds.of_rows).filter(|(k, _)| **k == class);
            of_class.filter(|(_, of_row)| **of_row == Some(fold)).count()
        };
        let counts: Vec<usize> = (0..5).map(count).collect();
        assert_eq!(counts.iter().sum::<usize>(), 34);
        assert!(counts.iter().all(|n| (6..=7).contains(n)), "{counts:?}");
    }
    let sizes: Vec<usize> =
        (0..5).map(|fold| folds.of_rows.iter().filter(|f| **f == Some(fold)).count()).collect();
    assert!(sizes.iter().all(|n| (20..=21).contains(n)), "{sizes:?}");
}

#[test]
fn the_same_seed_deals_the_same_folds_and_another_one_others() {
    let classes: Vec<u32> = (0..60u32).map(|i| i % 4).collect();
    let of = |seed| rows(&classes, 3, None, seed).unwrap().of_rows;
    assert_eq!(of(1), of(1));
    assert_ne!(of(1), of(2));
}

#[test]
fn a_row_of_weight_0_is_in_no_fold_and_too_many_folds_are_refused() {
    let weights = [1.0, 0.0, 2.0, 1.0];
    let folds = rows(&[0, 0, 0, 1], 2, Some(&weights), 0).unwrap();
    assert_eq!((folds.of_rows[1], folds.of_rows[3]), (None, None));
    assert!(folds.of_rows[0].is_some() && folds.of_rows[0] != folds.of_rows[2]);
    let refused = rows(&[0, 0, 0, 1], 3, Some(&weights), 0).map(drop).unwrap_err();
    assert_eq!(refused.to_string(), "3 folds of 2 rows that can be left out");
    assert_eq!(refused.hints(), ["give a number of folds from 2 to 2"]);
    assert!(rows(&[0, 1, 2, 3], 2, None, 0).is_err());
}

/// Three clouds that overlap, with a row weight each.
struct Clouds {
    x: Mat<f64>,
    y: Vec<u32>,
    weights: Vec<f64>,
}

impl Clouds {
    fn new(rows: usize) -> Self {
        let mut random = Random(11);
        let mut number = move || (random.next() >> 11) as f64 / (1u64 << 53) as f64;
        let x = Mat::from_fn(rows, 2, |i, j| 2.0 * number() + if i % 3 == j { 1.0 } else { 0.0 });
        let weights = (0..rows).map(|i| [1.0, 0.0, 2.5, 1.0][i % 4]).collect();
        Self { x, y: (0..rows).zip((0..3u32).cycle()).map(|(_, k)| k).collect(), weights }
    }

    fn samples(&self, loss: LossKind) -> Samples<'_> {
        let x = Features::F64(self.x.as_ref());
        Samples::of_classes(x, &self.y, Some(&self.weights), 3, &*named(loss)).unwrap()
    }

    /// Copies of some rows.
    fn some(&self, rows: &[usize]) -> Self {
        Self {
            x: Mat::from_fn(rows.len(), 2, |i, j| self.x[(rows[i], j)]),
            y: rows.iter().map(|&i| self.y[i]).collect(),
            weights: rows.iter().map(|&i| self.weights[i]).collect(),
        }
    }
}

fn settings(gap: f64) -> SampleSettings {
    let method = crate::fit::Method::Auto;
    SampleSettings { method, gap, max_iter: None, time_limit: None, seed: 5 }
}

fn problem(loss: LossKind, lambda: f64) -> Problem {
    Problem { loss, penalty: Ridge::uniform(lambda), intercept: crate::problem::Intercept::Free }
}

#[test]
fn a_fold_left_out_by_weights_is_a_fit_to_a_copy_of_the_other_rows() {
    let clouds = Clouds::new(60);
    for (loss, gap) in [(LossKind::Softmax, 1e-11), (LossKind::Hinge { margin: 1.0 }, 1e-7)] {
        let samples = clouds.samples(loss);
        let penalties = [1e-2, 1.0, 1e-1];
        let path = fit_path(
            &samples,
            &problem(loss, 0.0),
            &penalties,
            Choose::Folds(3),
            By::Loss,
            &settings(gap),
            &|_| true,
        )
        .unwrap();
        assert!(path.points.windows(2).all(|pair| pair[0].lambda > pair[1].lambda));
        assert!(path.points.iter().all(|point| point.certified), "{:?}", path.points);
        assert_eq!((path.cut_short, path.asked, path.always_fitted), (None, 3, 0));
        let folds = Folds::deal(&samples, 3, 5).unwrap();
        for point in &path.points {
            let (mut sum, mut right, mut total) = (0.0, 0.0, 0.0);
            for fold in 0..3 {
                let rows = |held: bool| -> Vec<usize> {
                    let dealt = folds.of_rows.iter().enumerate().filter(|(_, f)| f.is_some());
                    dealt.filter(|(_, f)| (**f == Some(fold)) == held).map(|(i, _)| i).collect()
                };
                let (train, held) = (clouds.some(&rows(false)), clouds.some(&rows(true)));
                let fit = crate::fit::fit_samples(
                    &train.samples(loss),
                    &problem(loss, point.lambda),
                    &settings(gap),
                    &|_| true,
                )
                .unwrap();
                let mut pass = Pass::new(held.samples(loss), loss).unwrap();
                let weight = held.weights.iter().sum::<f64>();
                sum += weight * pass.score(&fit.candidate.coefficients);
                right += weight * accuracy(&held.samples(loss), &pass).unwrap();
                total += weight;
            }
            let tolerance = 30.0 * gap.sqrt() * (sum / total);
            assert!((point.loss - sum / total).abs() < tolerance, "{loss:?} {point:?} {}", sum / total);
            assert!((point.accuracy.unwrap() - right / total).abs() < 0.05, "{loss:?} {point:?}");
            assert!(point.std_error.unwrap() > 0.0);
        }
        let least = path.points.iter().map(|point| point.loss).fold(f64::INFINITY, f64::min);
        assert_eq!(path.points[path.best].loss.to_bits(), least.to_bits());
        let alone = crate::fit::fit_samples(
            &samples,
            &problem(loss, path.points[path.best].lambda),
            &settings(gap),
            &|_| true,
        )
        .unwrap();
        let (a, b) = (path.fit.certificate.objective(), alone.certificate.objective());
        assert!((a - b).abs() <= 2.0 * gap * b, "{loss:?}: {a} {b}");
        assert_eq!(path.fit.verdict, Verdict::Certified);
    }
}

#[test]
fn rows_of_a_file_choose_by_their_loss_and_a_row_of_weight_2_is_two_rows() {
    let (clouds, loss) = (Clouds::new(48), LossKind::CrammerSinger { margin: 1.0 });
    let other: Vec<usize> = (0..48).filter(|i| i % 5 == 0).collect();
    let twice: Vec<usize> = other.iter().flat_map(|&i| [i, i]).collect();
    let held =
        |rows: &[usize], weight: f64| Clouds { weights: vec![weight; rows.len()], ..clouds.some(rows) };
    let run = |held: &Clouds| {
        let choose = Choose::Held(held.samples(loss));
        fit_path(
            &clouds.samples(loss),
            &problem(loss, 0.0),
            &[0.01, 0.1, 1.0],
            choose,
            By::Loss,
            &settings(1e-5),
            &|_| true,
        )
        .unwrap()
    };
    let (a, b) = (run(&held(&other, 2.0)), run(&held(&twice, 1.0)));
    for (a, b) in a.points.iter().zip(&b.points) {
        assert!((a.loss - b.loss).abs() < 1e-12 && a.std_error.is_none(), "{a:?} {b:?}");
    }
    let mut pass =
        Pass::new(held(&other, 1.0).samples(loss), loss).unwrap().score(&a.fit.candidate.coefficients);
    pass -= a.points[a.best].loss;
    assert!(pass.abs() < 1e-12, "the answer is the one that was judged");
}

#[test]
fn a_search_that_is_stopped_has_the_best_of_what_was_compared_and_one_without_any_has_no_answer() {
    let (clouds, loss) = (Clouds::new(48), LossKind::Softmax);
    let penalties = [1.0, 0.1, 0.01, 0.001];
    let run = |most: usize| {
        let samples = clouds.samples(loss);
        fit_path(
            &samples,
            &problem(loss, 0.0),
            &penalties,
            Choose::Folds(4),
            By::Loss,
            &settings(1e-9),
            &|told| told.penalty.0 < most,
        )
    };
    let path = run(2).unwrap();
    assert_eq!((path.points.len(), path.asked, path.cut_short), (2, 4, Some(Stop::Interrupted)));
    assert_eq!(path.fit.verdict, Verdict::Uncertified);
    let cause = path.fit.diagnosis.unwrap();
    assert_eq!(cause.code, diagnosis::Code::Sf108);
    assert!(cause.message.starts_with("Ctrl-C ended the search after 2 of 4 penalties"), "{}", cause.message);
    assert!(matches!(run(0), Err(Error::Interrupted)));
}
