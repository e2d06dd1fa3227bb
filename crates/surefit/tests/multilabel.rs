//! From Mulan's files to measures of a ranking, against figures of another program: the yeast data (A. Elisseeff and
//! J. Weston 2001), BP-MLL's loss with a penalty of 0.1 on standardised columns. The optimum is found here by a plain
//! gradient method, so that reader, measures and thresholds are tested and nothing else.

#![allow(clippy::unwrap_used)]

use faer::{Mat, MatRef};
use std::path::{Path, PathBuf};
use surefit::data::LabelRows;
use surefit::data::read::{ArffData, ArffOptions, LabelChoice};
use surefit::metrics::ranking::{Ranking, SetAccuracy};
use surefit::metrics::threshold::Threshold;

const LAMBDA: f64 = 0.1;

fn folder() -> Option<PathBuf> {
    let data = std::env::var("SUREFIT_DATA").unwrap_or_else(|_| "../../../shared/data".to_owned());
    let folder = Path::new(&data).join("multilabel");
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!("not run: {} is absent; name the folder of the data in SUREFIT_DATA", folder.display());
    None
}

fn yeast(folder: &Path, part: &str) -> ArffData {
    let labels = LabelChoice::open_xml(&folder.join("yeast.xml")).unwrap();
    let path = folder.join(format!("yeast-{part}.arff.gz"));
    ArffData::open(&path, &labels, &ArffOptions::default(), &|_| true).unwrap()
}

/// n × (d + 1): columns as they are, and ones.
fn with_ones(data: &ArffData) -> Mat<f64> {
    let (x, d) = (data.features().unwrap(), data.columns().len());
    let mut out = Mat::from_fn(data.rows(), d + 1, |_, j| if j == d { 1.0 } else { 0.0 });
    (0..data.rows()).for_each(|i| x.for_each_in_row(i, |j, value| out[(i, j)] = value));
    out
}

/// Columns of the first in units of their mean and population standard deviation, and the second in the same.
fn standardised(train: &mut Mat<f64>, test: &mut Mat<f64>) {
    for j in 0..train.ncols() - 1 {
        let n = train.nrows() as f64;
        let mean = train.col(j).iter().sum::<f64>() / n;
        let sd = (train.col(j).iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n).sqrt();
        for x in train.col_mut(j).iter_mut().chain(test.col_mut(j).iter_mut()) {
            *x = (*x - mean) / sd;
        }
    }
}

/// The mean of `Σ e^{s_l − s_k} / pq` over the rows and `½ λ‖W‖²`, and the gradient.
fn objective(x: MatRef<'_, f64>, labels: LabelRows<'_>, w: &Mat<f64>) -> (f64, Mat<f64>) {
    let (n, d, c) = (x.nrows(), x.ncols() - 1, labels.labels());
    let mut g = x * w;
    let mut sum = 0.0;
    for i in 0..n {
        let p = labels.count(i) as f64;
        let over = |i: usize, own: bool, g: &Mat<f64>| -> f64 {
            let sign = if own { -1.0 } else { 1.0 };
            (0..c).filter(|&k| labels.has(i, k) == own).map(|k| (sign * g[(i, k)]).exp()).sum()
        };
        let (a, b, pairs) = (over(i, true, &g), over(i, false, &g), p * (c as f64 - p));
        sum += a * b / pairs;
        for k in 0..c {
            let s = g[(i, k)];
            let slope = if labels.has(i, k) { -(-s).exp() * b } else { s.exp() * a };
            g[(i, k)] = slope / (pairs * n as f64);
        }
    }
    let mut gradient = x.transpose() * &g;
    let mut squares = 0.0;
    for k in 0..c {
        for j in 0..d {
            squares += w[(j, k)] * w[(j, k)];
            gradient[(j, k)] += LAMBDA * w[(j, k)];
        }
    }
    (sum / n as f64 + 0.5 * LAMBDA * squares, gradient)
}

/// Barzilai and Borwein's steps, halved where the objective is above the largest of the last ten (Raydan 1997).
fn minimum(x: MatRef<'_, f64>, labels: LabelRows<'_>) -> (f64, Mat<f64>) {
    let dot = |a: &Mat<f64>, b: &Mat<f64>| -> f64 {
        (0..a.ncols()).map(|k| a.col(k).iter().zip(b.col(k).iter()).map(|(a, b)| a * b).sum::<f64>()).sum()
    };
    let mut w = Mat::zeros(x.ncols(), labels.labels());
    let (mut value, mut gradient) = objective(x, labels, &w);
    let (mut step, mut last) = (0.1, vec![value]);
    for _ in 0..500 {
        let highest = last.iter().rev().take(10).copied().fold(f64::NEG_INFINITY, f64::max);
        let (next, next_value, next_gradient) = loop {
            let next = &w - faer::Scale(step) * &gradient;
            let (found, slope) = objective(x, labels, &next);
            if found <= highest {
                break (next, found, slope);
            }
            step /= 2.0;
        };
        let (moved, turned) = (&next - &w, &next_gradient - &gradient);
        step = (dot(&moved, &moved) / dot(&moved, &turned)).clamp(1e-6, 1e6);
        (w, value, gradient) = (next, next_value, next_gradient);
        last.push(value);
        if dot(&gradient, &gradient) < 1e-20 {
            break;
        }
    }
    (value, w)
}

fn near(found: f64, expected: f64, digits: i32) {
    assert!((found - expected).abs() < 0.51 * 10f64.powi(-digits), "{found} is not {expected}");
}

/// The figures are those of a program in Python that knows nothing of surefit.
#[test]
fn bp_mll_on_yeast_has_its_known_measures() {
    let Some(folder) = folder() else { return };
    let (train, test) = (yeast(&folder, "train"), yeast(&folder, "test"));
    let (mut x, mut others) = (with_ones(&train), with_ones(&test));
    standardised(&mut x, &mut others);
    let (labels, truth) = (train.sets().view(), test.sets().view());
    let (value, w) = minimum(x.as_ref(), labels);
    near(value, 0.612_138_630_9, 9);
    let scores = &others * &w;
    let found = Ranking::of(scores.as_ref(), truth);
    assert_eq!((found.rows, found.without_pair), (917, 0));
    near(found.loss, 0.173_92, 5);
    near(found.one_error, 0.234_46, 5);
    near(found.coverage, 6.461, 3);
    near(found.average_precision, 0.754_08, 5);
    let threshold = Threshold::fit((&x * &w).as_ref(), labels).unwrap();
    near(SetAccuracy::of(threshold.sets(scores.as_ref()).view(), truth).hamming, 0.2021, 4);
}

/// Ranks by how frequent labels are in the training rows.
#[test]
fn the_frequencies_of_labels_on_yeast_have_their_known_measures() {
    let Some(folder) = folder() else { return };
    let (train, test) = (yeast(&folder, "train"), yeast(&folder, "test"));
    let labels = train.sets().view();
    let count = |k: usize| (0..labels.rows()).filter(|&i| labels.has(i, k)).count() as f64;
    let scores = Mat::from_fn(test.rows(), labels.labels(), |_, k| count(k));
    let found = Ranking::of(scores.as_ref(), test.sets().view());
    near(found.loss, 0.209_99, 5);
    near(found.one_error, 0.249_73, 5);
    near(found.average_precision, 0.705, 3);
}
