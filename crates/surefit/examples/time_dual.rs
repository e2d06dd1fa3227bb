//! Times dual ascent on Fashion-MNIST.
use std::io::Read;
use surefit::data::{Features, Samples};
use surefit::{Intercept, LossKind, Problem, Ridge};

fn idx(name: &str) -> Vec<u8> {
    let folder = std::env::var("SUREFIT_DATA").unwrap_or_else(|_| "../shared/data".into());
    let file = std::fs::File::open(format!("{folder}/multiclass/{name}")).unwrap();
    let mut out = Vec::new();
    flate2::read::GzDecoder::new(file).read_to_end(&mut out).unwrap();
    out
}

fn main() {
    let images = idx("fashion-mnist-train-images-idx3-ubyte.gz");
    let labels = idx("fashion-mnist-train-labels-idx1-ubyte.gz");
    let n = labels.len() - 8;
    let classes: Vec<u32> = labels[8..].iter().map(|b| u32::from(*b)).collect();
    let args: Vec<String> = std::env::args().collect();
    let lambda: f64 = args[1].parse().unwrap();
    let gap: f64 = args[2].parse().unwrap();
    let kind = match args[3].as_str() {
        "ww" => LossKind::Hinge { margin: 1.0 },
        "cs" => LossKind::CrammerSinger { margin: 1.0 },
        _ => LossKind::OvrHinge,
    };
    let intercept = match args[4].as_str() {
        "pen" => Intercept::Penalized,
        _ => Intercept::Free,
    };
    let x: Vec<f64> = images[16..].iter().map(|b| f64::from(*b) / 255.0).collect();
    let x = faer::MatRef::from_row_major_slice(&x, n, 784);
    let loss = surefit::loss::named(kind);
    let samples = Samples::of_classes(Features::F64(x), &classes, None, 10, &*loss).unwrap();
    let problem = Problem { loss: kind, penalty: Ridge::uniform(lambda), intercept };
    let settings = surefit::solver::dual_ascent::Settings { gap, ..Default::default() };
    let begun = std::time::Instant::now();
    let limit: f64 = args.get(5).map_or(60.0, |s| s.parse().unwrap());
    let got = surefit::solver::dual_ascent::ascend(&samples, &problem, &settings, &|round| {
        println!(
            "{:6.2} s {round:?} relative {:.2e}",
            begun.elapsed().as_secs_f64(),
            round.gap / round.objective
        );
        begun.elapsed().as_secs_f64() < limit
    })
    .unwrap();
    println!("{:?} {:.2} s", got.candidate.stop, begun.elapsed().as_secs_f64());
}
