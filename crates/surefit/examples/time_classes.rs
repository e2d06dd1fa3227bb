//! Times the solvers of classes on Fashion-MNIST and 20 newsgroups, which lie in the folder `SUREFIT_DATA`:
//! seconds, objective, certified gap and walks over the data.
//!
//! `RAYON_NUM_THREADS=1 cargo run --release --example time_classes [LOSS [SOLVER [LAMBDA [GAP [DATA]]]]]`
#![allow(clippy::print_stdout)]

use faer::{Mat, MatRef};
use flate2::read::GzDecoder;
use std::io::Read;
use std::path::Path;
use std::time::Instant;
use surefit::certificate::certify_samples;
use surefit::data::Samples;
use surefit::data::features::Features;
use surefit::data::read::{SparseData, SvmlightOptions};
use surefit::oracle::Pass;
use surefit::solver::smooth::{self, Method, Settings, Step};
use surefit::{Error, Intercept, LossKind, Problem, Ridge, loss};

fn internal(error: &dyn std::fmt::Display) -> Error {
    Error::Internal(error.to_string())
}

fn unpacked(path: &Path) -> surefit::Result<Vec<u8>> {
    let file = std::fs::File::open(path).map_err(|error| internal(&error))?;
    let mut bytes = Vec::new();
    GzDecoder::new(file).read_to_end(&mut bytes).map_err(|error| internal(&error))?;
    Ok(bytes)
}

/// Images of 784 pixels between 0 and 1, row by row, and their classes.
fn fashion(folder: &Path) -> surefit::Result<(Vec<f64>, Vec<u32>)> {
    let images = unpacked(&folder.join("fashion-mnist-train-images-idx3-ubyte.gz"))?;
    let labels = unpacked(&folder.join("fashion-mnist-train-labels-idx1-ubyte.gz"))?;
    let pixels = images.iter().skip(16).map(|pixel| f64::from(*pixel) / 255.0).collect();
    Ok((pixels, labels.iter().skip(8).map(|label| u32::from(*label)).collect()))
}

fn run(what: &str, x: Features<'_>, classes: &[u32], count: usize, choice: &Choice) -> surefit::Result<()> {
    let samples = Samples::of_classes(x, classes, None, count, &*loss::named(choice.problem.loss))?;
    let mut pass = Pass::new(samples, choice.problem.loss)?;
    let settings = Settings { gap: choice.gap, ..Settings::default() };
    let start = Instant::now();
    let watch = |step: Step| {
        println!(
            "    {:3}  {:.8}  gap {:.2e}  {:4} walks  {:.3} s",
            step.step,
            step.objective,
            step.gap,
            step.passes,
            start.elapsed().as_secs_f64()
        );
        true
    };
    let (chosen, why) = smooth::choose(&samples);
    let method = match choice.solver.as_str() {
        "lbfgs" => Method::Lbfgs,
        "newton-cg" => Method::NewtonCg,
        _ => chosen,
    };
    println!("  {method:?} (by itself: {why})");
    let run = smooth::minimize(method, &mut pass, &choice.problem, &settings, &watch)?;
    let solved = start.elapsed().as_secs_f64();
    let start = Instant::now();
    let proof = certify_samples(&samples, &choice.problem, &run.candidate.coefficients, None)?;
    println!(
        "{what}: {:?} after {} steps, {} walks, {solved:.3} s; objective {:.9}, relative gap {:.3e} ({:?}), rounding {:.1e}, certified in {:.3} s",
        run.candidate.stop,
        run.candidate.steps,
        run.passes,
        proof.objective(),
        proof.relative_gap(),
        proof.method(),
        proof.rounding(),
        start.elapsed().as_secs_f64()
    );
    Ok(())
}

struct Choice {
    solver: String,
    problem: Problem,
    gap: f64,
}

fn main() -> surefit::Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let word = |at: usize, default: &str| words.get(at).map_or(default, String::as_str).to_owned();
    let number =
        |at: usize, default: f64| words.get(at).and_then(|text| text.parse().ok()).unwrap_or(default);
    let kind = match word(0, "softmax").as_str() {
        "ovr-logistic" => LossKind::OvrLogistic,
        "squared-hinge" => LossKind::SquaredHinge { margin: 1.0 },
        "ovr-squared-hinge" => LossKind::OvrSquaredHinge,
        _ => LossKind::Softmax,
    };
    let problem =
        Problem { loss: kind, penalty: Ridge::uniform(number(2, 1e-4)), intercept: Intercept::Free };
    let choice = Choice { solver: word(1, "auto"), problem, gap: number(3, 1e-4) };
    let folder = std::env::var("SUREFIT_DATA").unwrap_or_else(|_| "../shared/data".to_owned());
    let folder = Path::new(&folder).join("multiclass");
    let wanted = word(4, "all");
    if wanted != "news" {
        let (pixels, labels) = fashion(&folder)?;
        let x: MatRef<'_, f64> = MatRef::from_row_major_slice(&pixels, labels.len(), 784);
        run("Fashion-MNIST, row-major", Features::F64(x), &labels, 10, &choice)?;
        if wanted == "columns" {
            let x: Mat<f64> = x.to_owned();
            run("Fashion-MNIST, column-major", Features::F64(x.as_ref()), &labels, 10, &choice)?;
        }
    }
    if wanted != "fashion" && wanted != "columns" {
        let file = folder.join("20news-tfidf.train.svm.gz");
        let data = SparseData::open(&file, &SvmlightOptions::default(), &|_| true)?;
        let (classes, of_rows) = data.labels().classes()?;
        run("20 newsgroups", data.features()?, &of_rows, classes.len(), &choice)?;
    }
    Ok(())
}
