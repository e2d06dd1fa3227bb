//! The engine's side of the benchmarks.
//!
//! `surefit-bench ridge X.f64 Y.f64 ROWS COLUMNS THREADS REPEATS LAMBDA` and
//! `surefit-bench path X.f64 Y.f64 ROWS COLUMNS THREADS REPEATS LO HI COUNT` read raw little-endian `f64`
//! files, X in column-major order, and print one JSON line: every run's seconds, the answer's objective and
//! certificate, for `ridge` also the seconds of the processor, and what this machine can do, measured between the
//! runs (a plain read of X, and multiply-adds in registers).
//!
//! `surefit-bench pass X.f64 COLUMNS CLASSES THREADS REPEATS f64|f32` times the fused pass of the hinge over X in
//! row-major order, beside the same two rates. `surefit-bench classes FOLDER fashion|news LOSS LAMBDA GAP INTERCEPT
//! THREADS` fits a real data set. `surefit-bench kernel Z.f64 LABELS.f64 COLUMNS LOSS REPEATS [GRADIENT.f64]` times value and gradient of a loss of
//! label sets, `surefit-bench ranking FOLDER yeast|bibtex|delicious LOSS LAMBDA GAP METHOD THREADS` a fit of a real data
//! set. `surefit-bench mix A.f64 T.f64 LOW SECONDS THREADS` finds the best mix of columns.

mod classes;
mod large;
mod mix;
mod ranking;

use faer::MatRef;
use large::Large;
use pulp::{Arch, Simd, WithSimd};
use serde_json::{Value, json};
use std::error::Error;
use std::time::Instant;
use surefit::data::DesignRef;
use surefit::inference::WeightType;
use surefit::{Intercept, LossKind, Problem, Ridge, certificate, solver};

type Outcome<T> = Result<T, Box<dyn Error>>;

/// Raw little-endian numbers.
fn read(path: &str) -> Outcome<Large<f64>> {
    let bytes = std::fs::read(path)?;
    let (numbers, rest) = bytes.as_chunks::<8>();
    if !rest.is_empty() {
        return Err(format!("{path} is not a whole number of f64 values").into());
    }
    Ok(Large::of(numbers.iter().map(|number| f64::from_le_bytes(*number)))?)
}

/// What this process has used of all processors, in seconds.
fn cpu() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9
}

/// Bytes that this process holds, and the most that it held since the last [`forget_peak`]; nothing where the system
/// does not tell.
fn memory() -> Option<(u64, u64)> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let field = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name))?;
        line.split_whitespace().nth(1)?.parse::<u64>().ok().map(|kib| kib * 1024)
    };
    Some((field("VmRSS:")?, field("VmHWM:")?))
}

/// The peak of [`memory`] begins anew.
fn forget_peak() {
    // Where this is not allowed the peak is that of the whole run: too high, never too low.
    let _ = std::fs::write("/proc/self/clear_refs", "5");
}

fn seconds<T>(run: impl FnOnce() -> T) -> (f64, T) {
    let start = Instant::now();
    let result = run();
    (start.elapsed().as_secs_f64(), result)
}

/// Bytes per second of a plain sum over `x`.
fn read_rate(x: &[f64]) -> f64 {
    let (time, total) = seconds(|| {
        let mut lanes = [0.0; 32];
        for chunk in x.as_chunks::<32>().0 {
            for (lane, value) in lanes.iter_mut().zip(chunk) {
                *lane += value;
            }
        }
        lanes.iter().sum::<f64>()
    });
    std::hint::black_box(total);
    size_of_val(x) as f64 / time
}

/// Flops per second of fused multiply-adds that never leave the registers, on one thread: what no product exceeds.
fn flop_rate() -> f64 {
    struct Chains;
    impl WithSimd for Chains {
        type Output = f64;
        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) -> f64 {
            const ROUNDS: u32 = 1 << 20;
            let (factor, term) = (simd.splat_f64s(0.75), simd.splat_f64s(0.5));
            let start = cpu();
            let mut chains = [simd.splat_f64s(1.0); 16];
            for _ in 0..ROUNDS {
                for chain in &mut chains {
                    *chain = simd.mul_add_f64s(*chain, factor, term);
                }
            }
            let total = chains.into_iter().fold(simd.splat_f64s(0.0), |sum, chain| simd.add_f64s(sum, chain));
            std::hint::black_box(simd.reduce_sum_f64s(total));
            2.0 * (16 * S::F64_LANES) as f64 * f64::from(ROUNDS) / (cpu() - start)
        }
    }
    Arch::new().dispatch(Chains)
}

/// One timed fit with its certificate: what a user waits for.
fn ridge(design: &DesignRef<'_>, lambda: f64) -> Outcome<Value> {
    let problem =
        Problem { loss: LossKind::Squared, penalty: Ridge::uniform(lambda), intercept: Intercept::Free };
    let start = cpu();
    let (solve, fit) = seconds(|| solver::exact::solve(design, &problem, &|| true));
    let fit = fit?;
    let (certify, proof) =
        seconds(|| certificate::certify(design, &problem, &fit.candidate.coefficients, 1e-6));
    let used = cpu() - start;
    let proof = proof?;
    Ok(json!({"seconds": solve + certify, "cpu": used, "solve": solve, "certify": certify,
        "objective": proof.objective(), "relative_gap": proof.relative_gap()}))
}

/// One timed path with leave-one-out errors.
fn path(design: &DesignRef<'_>, penalties: &[f64]) -> Outcome<Value> {
    let problem =
        Problem { loss: LossKind::Squared, penalty: Ridge::uniform(0.0), intercept: Intercept::Free };
    let (time, path) = seconds(|| {
        solver::ridge_path::ridge_path(design, &problem, (penalties, WeightType::Frequency), &|| true)
    });
    let path = path?;
    Ok(json!({"seconds": time, "best": path.penalties[path.best], "loo": path.loo_error[path.best]}))
}

fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().collect();
    match arguments.get(1).map(String::as_str) {
        Some("pass") => of_pass(&arguments),
        Some("classes") => of_classes(&arguments),
        Some("kernel") => of_kernel(&arguments),
        Some("ranking") => of_ranking(&arguments),
        Some("mix") => mix::run(&arguments[2..]),
        _ => of_squares(&arguments),
    }
}

fn threads(count: &str) -> Outcome<()> {
    Ok(rayon::ThreadPoolBuilder::new().num_threads(count.parse()?).build_global()?)
}

fn of_pass(arguments: &[String]) -> Outcome<()> {
    let [_, _, x, columns, classes, count, repeats, width] = arguments else {
        return Err("wrong number of arguments; see the source".into());
    };
    threads(count)?;
    let x = read(x)?;
    let mut runs = classes::pass(&x, columns.parse()?, classes.parse()?, width == "f32", repeats.parse()?)?;
    let best = |rate: &dyn Fn() -> f64| (0..3).map(|_| rate()).fold(0.0, f64::max);
    runs["read_bytes_per_second"] = best(&|| read_rate(&x)).into();
    runs["flops_per_second"] = best(&flop_rate).into();
    println!("{runs}");
    Ok(())
}

fn of_classes(arguments: &[String]) -> Outcome<()> {
    let [_, _, folder, data, loss, lambda, gap, intercept, count] = arguments else {
        return Err("wrong number of arguments; see the source".into());
    };
    threads(count)?;
    let folder = std::path::Path::new(folder);
    println!("{}", classes::fit(folder, data, loss, lambda.parse()?, gap.parse()?, intercept)?);
    Ok(())
}

fn of_kernel(arguments: &[String]) -> Outcome<()> {
    let [_, _, z, labels, columns, loss, repeats, to @ ..] = arguments else {
        return Err("wrong number of arguments; see the source".into());
    };
    let (z, labels, to) = (read(z)?, read(labels)?, to.first().map(std::path::Path::new));
    println!("{}", ranking::kernel(&z, &labels, columns.parse()?, loss, repeats.parse()?, to)?);
    Ok(())
}

fn of_ranking(arguments: &[String]) -> Outcome<()> {
    let [_, _, folder, data, loss, lambda, gap, method, count] = arguments else {
        return Err("wrong number of arguments; see the source".into());
    };
    threads(count)?;
    let folder = std::path::Path::new(folder);
    println!("{}", ranking::fit(folder, data, loss, lambda.parse()?, gap.parse()?, method)?);
    Ok(())
}

fn of_squares(arguments: &[String]) -> Outcome<()> {
    let argument = |k: usize| arguments.get(k).map(String::as_str).ok_or("too few arguments; see the source");
    let (rows, columns): (usize, usize) = (argument(4)?.parse()?, argument(5)?.parse()?);
    let (threads, repeats): (usize, usize) = (argument(6)?.parse()?, argument(7)?.parse()?);
    self::threads(&threads.to_string())?;
    let (x, y) = (read(argument(2)?)?, read(argument(3)?)?);
    if x.len() != rows * columns || y.len() != rows {
        return Err("the files do not have the sizes given".into());
    }
    let design = DesignRef {
        x: MatRef::from_column_major_slice(&x, rows, columns),
        x_low: None,
        y: MatRef::from_column_major_slice(&y, rows, 1),
        weights: None,
    };
    let (mut runs, mut reads, mut flops) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..repeats {
        runs.push(match argument(1)? {
            "ridge" => ridge(&design, argument(8)?.parse()?)?,
            "path" => {
                let (lo, hi): (f64, f64) = (argument(8)?.parse()?, argument(9)?.parse()?);
                let count: usize = argument(10)?.parse()?;
                let step = (hi / lo).ln() / (count.max(2) - 1) as f64;
                let penalties: Vec<f64> = (0..count).map(|k| lo * (step * k as f64).exp()).collect();
                path(&design, &penalties)?
            }
            other => return Err(format!("no benchmark `{other}`").into()),
        });
        reads.push(read_rate(&x));
        flops.push(flop_rate());
    }
    let best = |rates: &[f64]| rates.iter().copied().fold(0.0, f64::max);
    println!(
        "{}",
        json!({"runs": runs, "read_bytes_per_second": best(&reads), "flops_per_second": best(&flops)})
    );
    Ok(())
}
