//! Times a fused pass.
use faer::Mat;
use surefit::data::{Features, Samples};
use surefit::oracle::{Answer, Ask, Oracle, Pass};
use surefit::{Coefficients, LossKind};

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let n: usize = args[1].parse().unwrap();
    let d: usize = args[2].parse().unwrap();
    let c: usize = args[3].parse().unwrap();
    let x: Vec<f64> = (0..n * d).map(|i| ((i * 7919) % 1000) as f64 / 1000.0).collect();
    let x32: Vec<f32> = x.iter().map(|v| *v as f32).collect();
    let classes: Vec<u32> = (0..n).map(|i| (i % c) as u32).collect();
    let kind = LossKind::Hinge { margin: 1.0 };
    let loss = surefit::loss::named(kind);
    let at = Coefficients {
        weights: Mat::from_fn(d, c, |j, k| ((j * 31 + k * 17) % 100) as f64 / 1e4),
        intercept: vec![0.0; c],
    };
    for f in [
        Features::F64(faer::MatRef::from_row_major_slice(&x, n, d)),
        Features::F32(faer::MatRef::from_row_major_slice(&x32, n, d)),
    ] {
        let samples = Samples::of_classes(f, &classes, None, c, &*loss).unwrap();
        let mut pass = Pass::new(samples, kind).unwrap();
        let mut answer = Answer::new(samples.shape());
        let (mut best_g, mut best_v) = (f64::MAX, f64::MAX);
        for _ in 0..7 {
            let t = std::time::Instant::now();
            pass.eval(&at, Ask::Gradient, &mut answer).unwrap();
            best_g = best_g.min(t.elapsed().as_secs_f64());
            let t = std::time::Instant::now();
            pass.eval(&at, Ask::Value, &mut answer).unwrap();
            best_v = best_v.min(t.elapsed().as_secs_f64());
        }
        let fl = 2.0 * (n * d * c) as f64;
        println!(
            "gradient {best_g:.4} s {:.1} GF/s; value {best_v:.4} s {:.1} GF/s  ({})",
            2.0 * fl / best_g / 1e9,
            fl / best_v / 1e9,
            answer.value
        );
    }
    let t = std::time::Instant::now();
    let s: f64 = x.iter().sum();
    println!("read {:.4} {s}", t.elapsed().as_secs_f64());
}
