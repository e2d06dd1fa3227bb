//! Times exact ridge regression and the ridge path on seeded Gaussian data, beside the floor that the
//! machine sets: reading the data, and a matrix product of the same size.
//!
//! `cargo run --release --example time_ridge [ROWS [COLUMNS [PENALTIES]]]`
#![allow(clippy::print_stdout, clippy::cast_sign_loss, clippy::cast_possible_truncation)]

use faer::linalg::matmul::matmul;
use faer::{Accum, Mat, Par};
use std::time::Instant;
use surefit::data::Design;
use surefit::inference::WeightType;
use surefit::solver::exact::solve;
use surefit::solver::ridge_path::ridge_path;
use surefit::{Intercept, LossKind, Problem, Ridge};

/// Standard normal numbers from a seed, by Box and Muller's method.
fn gaussian(seed: u64) -> impl FnMut() -> f64 {
    let mut state = seed;
    let mut uniform = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        ((state >> 11) as f64 + 0.5) / 9_007_199_254_740_992.0
    };
    move || (-2.0 * uniform().ln()).sqrt() * (std::f64::consts::TAU * uniform()).cos()
}

/// The median of five runs, in milliseconds.
fn time(name: &str, mut run: impl FnMut()) {
    let mut times: Vec<f64> = (0..5)
        .map(|_| {
            let start = Instant::now();
            run();
            start.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    times.sort_by(f64::total_cmp);
    println!("{name:<42} {:8.2} ms   ({:.2} to {:.2})", times[2], times[0], times[4]);
}

fn main() -> surefit::Result<()> {
    let numbers: Vec<usize> = std::env::args().skip(1).filter_map(|text| text.parse().ok()).collect();
    let size = |at: usize, default: usize| numbers.get(at).copied().unwrap_or(default);
    let (n, d, count) = (size(0, 100_000), size(1, 200), size(2, 100));
    let mut next = gaussian(2);
    let x = Mat::from_fn(n, d, |_, _| next());
    let y = Mat::from_fn(n, 1, |i, _| x.row(i).iter().take(5).sum::<f64>() + next());
    let design = Design { x, x_low: None, y, weights: None };
    println!("{n} rows, {d} columns, {} threads", rayon::current_num_threads());

    let mut sum = 0.0;
    time("read every number once", || sum += design.x.as_ref().sum());
    let mut gram = Mat::<f64>::zeros(d, d);
    time("full product XᵀX (twice the Gram's work)", || {
        matmul(&mut gram, Accum::Replace, design.x.transpose(), &design.x, 1.0, Par::Seq);
    });
    let problem = |lambda| Problem {
        loss: LossKind::Squared,
        penalty: Ridge::uniform(lambda),
        intercept: Intercept::Free,
    };
    let mut last = None;
    time("ridge, lambda 1e-3", || last = Some(solve(&design, &problem(1e-3), &|| true)));
    if let Some(fit) = last.transpose()? {
        println!("    {:?}, condition {:.3}, digits {:.1}", fit.method, fit.condition, fit.digits);
    }
    let mut last = None;
    time("ordinary least squares", || last = Some(solve(&design, &problem(0.0), &|| true)));
    last.transpose()?;
    let penalties: Vec<f64> = (0..count).map(|k| 10f64.powf(-6.0 + 8.0 * k as f64 / count as f64)).collect();
    let mut last = None;
    time("ridge path with leave-one-out", || {
        last = Some(ridge_path(&design, &problem(0.0), (&penalties, WeightType::Frequency), &|| true));
    });
    if let Some(path) = last.transpose()? {
        println!(
            "    best penalty {:.3e}, error {:.6}",
            path.penalties[path.best], path.loo_error[path.best]
        );
    }
    std::hint::black_box((sum, gram));
    Ok(())
}
