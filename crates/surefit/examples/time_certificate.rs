//! How long a certificate takes: `cargo run --release --example time_certificate [rows columns]`.
//!
//! Prints seconds (the least of five runs on one thread) with a penalty, without one, and for a design with a
//! dependent column, which needs the double-double factorisation.

use faer::Mat;
use std::time::Instant;
use surefit::certificate::certify;
use surefit::data::Design;
use surefit::{Coefficients, Intercept, LossKind, Problem, Ridge};

fn main() -> surefit::Result<()> {
    let mut sizes = std::env::args().skip(1).filter_map(|argument| argument.parse::<usize>().ok());
    let (n, d) = (sizes.next().unwrap_or(100_000), sizes.next().unwrap_or(200));
    let mut state = 1u64;
    let mut real = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 11) as f64 / (1u64 << 53) as f64
    };
    let x = Mat::from_fn(n, d, |_, _| real());
    let y = Mat::from_fn(n, 1, |i, _| x[(i, 0)] + real());
    let mut design = Design { x, x_low: None, y, weights: None };
    let answer = Coefficients { weights: Mat::full(d, 1, 1e-3), intercept: vec![0.5] };
    let time = |name: &str, design: &Design, lambda: f64, target: f64, runs: usize| -> surefit::Result<()> {
        let problem =
            Problem { loss: LossKind::Squared, penalty: Ridge::uniform(lambda), intercept: Intercept::Free };
        let mut least = f64::INFINITY;
        let mut method = None;
        for _ in 0..runs {
            let start = Instant::now();
            method = Some(certify(design, &problem, &answer, target)?.method());
            least = least.min(start.elapsed().as_secs_f64());
        }
        println!("{name:<32} {least:.4} s   {method:?}");
        Ok(())
    };
    time("λ = 0.1, one walk", &design, 0.1, f64::INFINITY, 5)?;
    time("λ = 0, second moments", &design, 0.0, 1e-6, 5)?;
    if d > 2 {
        (0..n).for_each(|i| design.x[(i, d - 1)] = design.x[(i, 0)] + design.x[(i, 1)]);
        time("λ = 0, dependent column", &design, 0.0, 1e-6, 1)?;
    }
    Ok(())
}
