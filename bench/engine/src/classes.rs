//! Losses of classes: one fused pass over a matrix, and fits of the real data sets.

use super::large::Large;
use super::{Outcome, cpu, forget_peak, memory, seconds};
use faer::{Mat, MatRef};
use flate2::read::GzDecoder;
use serde_json::{Value, json};
use std::io::Read;
use std::path::Path;
use surefit::data::features::Features;
use surefit::data::read::{SparseData, SvmlightOptions};
use surefit::data::{Labels, Samples};
use surefit::fit::{Method, SampleSettings, fit_samples};
use surefit::metrics::Confusion;
use surefit::oracle::{Answer, Ask, Oracle, Pass};
use surefit::{Coefficients, Intercept, LossKind, Problem, Ridge, loss};

/// Scores, hinge and gradient of X, rows × columns in row-major order, at small weights, `repeats` times.
pub fn pass(x: &[f64], columns: usize, classes: usize, single: bool, repeats: usize) -> Outcome<Value> {
    let rows = x.len() / columns;
    #[expect(clippy::cast_possible_truncation, reason = "single precision is asked for")]
    let narrow = if single { Large::of(x.iter().map(|x| *x as f32))? } else { Large::zeros(0)? };
    let features = if single {
        Features::F32(MatRef::from_row_major_slice(&narrow, rows, columns))
    } else {
        Features::F64(MatRef::from_row_major_slice(x, rows, columns))
    };
    let of_rows = (0..rows).map(|i| u32::try_from(i % classes)).collect::<Result<Vec<_>, _>>()?;
    let hinge = LossKind::Hinge { margin: 1.0 };
    let samples = Samples::of_classes(features, &of_rows, None, classes, &*loss::named(hinge))?;
    let mut pass = Pass::new(samples, hinge)?;
    let mut answer = Answer::new(samples.shape());
    let at = Coefficients {
        weights: Mat::from_fn(columns, classes, |j, k| ((j * 31 + k * 17) % 100) as f64 / 1e4),
        intercept: vec![0.0; classes],
    };
    let mut runs = Vec::new();
    for _ in 0..repeats {
        let (wall, done) = seconds(|| pass.eval(&at, Ask::Gradient, &mut answer));
        done?;
        runs.push(wall);
    }
    let largest = answer.weights.norm_max();
    Ok(json!({"seconds": runs, "loss": answer.value, "largest_gradient": largest}))
}

/// One fit of a real data set in `folder`, with its certificate.
pub fn fit(folder: &Path, data: &str, loss: &str, lambda: f64, gap: f64, intercept: &str) -> Outcome<Value> {
    let kind = match loss {
        "hinge" => LossKind::Hinge { margin: 1.0 },
        "crammer-singer" => LossKind::CrammerSinger { margin: 1.0 },
        "ovr-hinge" => LossKind::OvrHinge,
        "ovr-squared-hinge" => LossKind::OvrSquaredHinge,
        "softmax" => LossKind::Softmax,
        other => return Err(format!("no loss `{other}`").into()),
    };
    let intercept = match intercept {
        "free" => Intercept::Free,
        "penalized" => Intercept::Penalized,
        _ => Intercept::Absent,
    };
    let problem = Problem { loss: kind, penalty: Ridge::uniform(lambda), intercept };
    if data == "fashion" {
        let (x, of_rows) = images(folder, "train")?;
        let (test, labels) = images(folder, "t10k")?;
        let rows = x.len() / 784;
        let train = Features::F64(MatRef::from_row_major_slice(&x, rows, 784));
        let tests = Features::F64(MatRef::from_row_major_slice(&test, test.len() / 784, 784));
        return timed((train, &of_rows), (tests, &labels), 10, &problem, gap);
    }
    let read = |part: &str, columns| {
        let options = SvmlightOptions { columns, ..SvmlightOptions::default() };
        SparseData::open(&folder.join(format!("20news-tfidf.{part}.svm.gz")), &options, &|_| true)
    };
    let train = read("train", None)?;
    let test = read("test", Some(train.columns()))?;
    let (list, of_rows) = train.labels().classes()?;
    let labels = Labels::places(test.labels(), &list)?;
    timed((train.features()?, &of_rows), (test.features()?, &labels), list.len(), &problem, gap)
}

/// Images of 784 pixels between 0 and 1, row by row, and their classes.
fn images(folder: &Path, part: &str) -> Outcome<(Large<f64>, Vec<u32>)> {
    let unpacked = |name: String| -> Outcome<Vec<u8>> {
        let mut bytes = Vec::new();
        GzDecoder::new(std::fs::File::open(folder.join(name))?).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let images = unpacked(format!("fashion-mnist-{part}-images-idx3-ubyte.gz"))?;
    let labels = unpacked(format!("fashion-mnist-{part}-labels-idx1-ubyte.gz"))?;
    let pixels = Large::of(images.iter().skip(16).map(|pixel| f64::from(*pixel) / 255.0))?;
    Ok((pixels, labels.iter().skip(8).map(|label| u32::from(*label)).collect()))
}

/// What a user waits for: the answer with its certificate.
fn timed(
    (x, of_rows): (Features<'_>, &[u32]),
    (test, labels): (Features<'_>, &[u32]),
    classes: usize,
    problem: &Problem,
    gap: f64,
) -> Outcome<Value> {
    let loss = loss::named(problem.loss);
    let samples = Samples::of_classes(x, of_rows, None, classes, &*loss)?;
    let settings = SampleSettings { method: Method::Auto, gap, max_iter: None, time_limit: None, seed: 0 };
    let bytes = match x {
        Features::F64(x) => x.nrows() * x.ncols() * size_of::<f64>(),
        Features::Csr64(x) => {
            (0..x.rows()).map(|i| x.row(i).0.len() * (size_of::<f64>() + size_of::<i32>())).sum()
        }
        _ => return Err("these data sets are kept in f64".into()),
    };
    forget_peak();
    let held = memory();
    let start = cpu();
    let (wall, fit) = seconds(|| fit_samples(&samples, problem, &settings, &|_| true));
    let (fit, used) = (fit?, cpu() - start);
    let more = held.zip(memory()).map(|((before, _), (_, peak))| peak.saturating_sub(before));
    let mut pass = Pass::new(Samples::of_classes(test, labels, None, classes, &*loss)?, problem.loss)?;
    pass.score(&fit.candidate.coefficients);
    let proof = &fit.certificate;
    Ok(json!({
        "seconds": wall, "cpu": used, "data_bytes": bytes, "more_bytes": more, "objective": proof.objective(), "bound": proof.bound(),
        "relative_gap": proof.relative_gap(), "certified": proof.certifies(gap), "passes": fit.passes,
        "steps": fit.candidate.steps, "test_accuracy": Confusion::of(pass.scores(), labels, classes).accuracy(),
    }))
}
