//! How long a fit and its certificate take where columns depend on others, or almost:
//! `cargo run --release --example time_dependent [rows columns]`.
//!
//! Prints seconds (the least of three runs) of the exact solver and of the certificate of its answer, both with λ = 0.

use faer::Mat;
use std::time::Instant;
use surefit::certificate::certify;
use surefit::data::Design;
use surefit::solver::exact::solve;
use surefit::{Intercept, LossKind, Problem, Ridge};

fn main() -> surefit::Result<()> {
    let mut sizes = std::env::args().skip(1).filter_map(|argument| argument.parse::<usize>().ok());
    let (n, d) = (sizes.next().unwrap_or(100_000), sizes.next().unwrap_or(200));
    let mut state = 1u64;
    let mut real = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1u64 << 53) as f64
    };
    let plain = Mat::from_fn(n, d, |_, _| real());
    let noise: Vec<f64> = (0..n).map(|_| real()).collect();
    let levels: Vec<usize> = (0..n).map(|i| i * 7 % 20).collect();
    // The singular values fall evenly from 1 to 1e-9 where the mixing is triangular with falling scales.
    let decay = |j: usize| 10f64.powf(-9.0 * j as f64 / (d - 1).max(1) as f64);
    let last = |x: &mut Mat<f64>, value: &dyn Fn(usize) -> f64| (0..n).for_each(|i| x[(i, d - 1)] = value(i));
    let mut cases: Vec<(&str, Mat<f64>)> = vec![("well-conditioned", plain.clone())];
    let mut x = plain.clone();
    last(&mut x, &|i| plain[(i, 0)]);
    cases.push(("a column twice", x));
    let mut x = plain.clone();
    last(&mut x, &|i| 1.8 * plain[(i, 0)] + 32.0);
    cases.push(("Celsius and Fahrenheit", x));
    let x =
        Mat::from_fn(n, d, |i, j| if j < 20 { f64::from(u8::from(levels[i] == j)) } else { plain[(i, j)] });
    cases.push(("indicators of all 20 levels", x));
    let mut x = plain.clone();
    last(&mut x, &|i| plain[(i, 0)] + plain[(i, 1)] + 1e-9 * plain[(i, d - 1)]);
    cases.push(("one column close to two others", x));
    let mut x = plain.clone();
    for j in 1..d {
        for i in 0..n {
            x[(i, j)] = x[(i, j - 1)] + decay(j) * plain[(i, j)];
        }
    }
    cases.push(("columns ever closer, to 1e-9", x));
    let y = Mat::from_fn(n, 1, |i, _| plain[(i, 0)] + plain[(i, 3)] + noise[i]);
    let problem =
        Problem { loss: LossKind::Squared, penalty: Ridge::uniform(0.0), intercept: Intercept::Free };
    for (name, x) in cases {
        let design = Design { x, x_low: None, y: y.clone(), weights: None };
        let (mut fit_time, mut proof_time) = (f64::INFINITY, f64::INFINITY);
        let mut told = String::new();
        for _ in 0..3 {
            let start = Instant::now();
            let fit = solve(&design, &problem, &|| true)?;
            fit_time = fit_time.min(start.elapsed().as_secs_f64());
            let start = Instant::now();
            let proof = certify(&design, &problem, &fit.candidate.coefficients, 1e-6)?;
            proof_time = proof_time.min(start.elapsed().as_secs_f64());
            told = format!(
                "{:?}, rank {}, condition {:.1e}, digits {:.1} / {:.1}; {:?}, gap {:.1e}, {} dependent, certified {}",
                fit.method,
                fit.rank,
                fit.condition,
                fit.digits,
                fit.data_digits,
                proof.method(),
                proof.relative_gap(),
                proof.dependent(),
                proof.certifies(1e-6)
            );
            if fit_time + proof_time > 5.0 {
                break;
            }
        }
        println!("{name:<32} fit {fit_time:7.3} s   certificate {proof_time:7.3} s   {told}");
    }
    Ok(())
}
