//! Losses of label sets: value and gradient of a matrix of scores, and fits of the real data sets.

use super::{Outcome, cpu, forget_peak, memory, seconds};
use faer::{MatMut, MatRef};
use serde_json::{Value, json};
use std::path::Path;
use surefit::data::features::Features;
use surefit::data::read::{ArffData, ArffOptions, LabelChoice};
use surefit::data::{LabelSets, Samples};
use surefit::fit::{Method, SampleSettings, fit_samples};
use surefit::loss::{Targets, named};
use surefit::metrics::ranking::Ranking;
use surefit::oracle::Pass;
use surefit::{Intercept, LossKind, Problem, Ridge};

fn kind(loss: &str) -> Outcome<LossKind> {
    let kinds = [
        LossKind::Bpmll,
        LossKind::Lsep,
        LossKind::Log1pBpmll,
        LossKind::Zlpr,
        LossKind::PairwiseSquaredHinge,
        LossKind::PairwiseLogistic,
        LossKind::LabelLogistic,
    ];
    kinds.into_iter().find(|kind| kind.name() == loss).ok_or_else(|| format!("no loss `{loss}`").into())
}

/// Value and gradient at scores of rows that lie side by side, `labels` 0 or 1 for each, `repeats` times; and the same as
/// a programmer of C would write BP-MLL, number by number with the library's exponential. The gradient goes to a file, where
/// one is named.
pub fn kernel(
    z: &[f64],
    labels: &[f64],
    columns: usize,
    loss: &str,
    repeats: usize,
    to: Option<&Path>,
) -> Outcome<Value> {
    let loss = named(kind(loss)?);
    let rows = z.len() / columns;
    let mut sets = LabelSets::new(0, columns);
    for row in labels.chunks_exact(columns) {
        sets.push((0..columns).filter(|k| row[*k] > 0.5));
    }
    let (mut runs, mut scalars) = (Vec::new(), Vec::new());
    let (mut value, mut plain, mut room) = (0.0, 0.0, z.to_vec());
    let held = memory();
    for _ in 0..repeats {
        room.copy_from_slice(z);
        let view = MatMut::from_row_major_slice_mut(&mut room, rows, columns);
        let (time, found) = seconds(|| loss.block(view, Targets::Labels(sets.view()), None));
        runs.push(time);
        value = found;
    }
    let more = held.zip(memory()).map(|((before, _), (after, _))| after.saturating_sub(before));
    let largest = room.iter().fold(0.0, |most: f64, g| most.max(g.abs()));
    if let Some(path) = to {
        std::fs::write(path, room.iter().flat_map(|g| g.to_le_bytes()).collect::<Vec<u8>>())?;
    }
    for _ in 0..repeats {
        room.copy_from_slice(z);
        let (time, found) = seconds(|| {
            let of_row = |(z, labels): (&mut [f64], &[f64])| scalar(z, labels);
            room.chunks_exact_mut(columns).zip(labels.chunks_exact(columns)).map(of_row).sum::<f64>()
        });
        scalars.push(time);
        plain = found;
    }
    let least = |times: &[f64]| times.iter().copied().fold(f64::INFINITY, f64::min);
    Ok(
        json!({"seconds": least(&runs), "scalar_seconds": least(&scalars), "value": value, "scalar_value": plain,
        "largest_gradient": largest, "more_bytes": more}),
    )
}

/// `Σ_Y e^{−s} Σ_Ȳ e^{s} / pq` and its gradient.
fn scalar(z: &mut [f64], labels: &[f64]) -> f64 {
    let (mut own, mut others, mut count) = (0.0, 0.0, 0.0);
    for (z, has) in z.iter_mut().zip(labels) {
        if *has > 0.5 {
            *z = (-*z).exp();
            own += *z;
            count += 1.0;
        } else {
            *z = z.exp();
            others += *z;
        }
    }
    let pairs = count * (z.len() as f64 - count);
    if pairs == 0.0 {
        z.fill(0.0);
        return 0.0;
    }
    for (z, has) in z.iter_mut().zip(labels) {
        *z *= if *has > 0.5 { -others / pairs } else { own / pairs };
    }
    own * others / pairs
}

/// One fit of a real data set in `folder`, with its certificate: yeast in units of its columns' deviations, the others
/// as they are. What a user waits for after the files are read.
pub fn fit(folder: &Path, data: &str, loss: &str, lambda: f64, gap: f64, method: &str) -> Outcome<Value> {
    let problem = Problem { loss: kind(loss)?, penalty: Ridge::uniform(lambda), intercept: Intercept::Free };
    let method = match method {
        "newton-cg" => Method::NewtonCg,
        "lbfgs" => Method::Lbfgs,
        _ => Method::Auto,
    };
    let labels = LabelChoice::open_xml(&folder.join(format!("{data}.xml")))?;
    let read = |part: &str| {
        let path = folder.join(format!("{data}-{part}.arff.gz"));
        ArffData::open(&path, &labels, &ArffOptions::default(), &|_| true)
    };
    let (train, test) = (read("train")?, read("test")?);
    if train.features()?.is_sparse() {
        let bytes = |features: Features<'_>| {
            let mut entries = 0;
            (0..features.rows()).for_each(|i| features.for_each_in_row(i, |_, _| entries += 1));
            entries * (size_of::<f64>() + size_of::<u32>())
        };
        let x = train.features()?;
        return timed((x, train.sets()), (test.features()?, test.sets()), &problem, (gap, method), bytes(x));
    }
    let (mut x, mut others) = (dense(&train)?, dense(&test)?);
    standardise(&mut x, &mut others, train.columns().len());
    let bytes = x.len() * size_of::<f64>();
    let d = train.columns().len();
    let of_train = Features::F64(MatRef::from_row_major_slice(&x, train.rows(), d));
    let of_test = Features::F64(MatRef::from_row_major_slice(&others, test.rows(), d));
    timed((of_train, train.sets()), (of_test, test.sets()), &problem, (gap, method), bytes)
}

/// Row by row.
fn dense(data: &ArffData) -> Outcome<Vec<f64>> {
    let (x, d) = (data.features()?, data.columns().len());
    let mut out = vec![0.0; data.rows() * d];
    for (i, out) in out.chunks_exact_mut(d).enumerate() {
        x.for_each_in_row(i, |j, value| out[j] = value);
    }
    Ok(out)
}

/// Both in units of the first's means and population standard deviations.
fn standardise(train: &mut [f64], test: &mut [f64], d: usize) {
    let n = (train.len() / d) as f64;
    for j in 0..d {
        let column = |x: &[f64]| x.iter().skip(j).step_by(d).copied().collect::<Vec<f64>>();
        let mean = column(train).iter().sum::<f64>() / n;
        let deviation = (column(train).iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n).sqrt();
        for x in train.iter_mut().skip(j).step_by(d).chain(test.iter_mut().skip(j).step_by(d)) {
            *x = (*x - mean) / deviation;
        }
    }
}

fn timed(
    (x, sets): (Features<'_>, &LabelSets),
    (test, truth): (Features<'_>, &LabelSets),
    problem: &Problem,
    (gap, method): (f64, Method),
    bytes: usize,
) -> Outcome<Value> {
    let loss = named(problem.loss);
    let samples = Samples::of_labels(x, sets.view(), None, &*loss)?;
    let settings = SampleSettings { method, gap, max_iter: None, time_limit: None, seed: 0 };
    forget_peak();
    let held = memory();
    let start = cpu();
    let (wall, fit) = seconds(|| fit_samples(&samples, problem, &settings, &|_| true));
    let (fit, used) = (fit?, cpu() - start);
    let more = held.zip(memory()).map(|((before, _), (_, peak))| peak.saturating_sub(before));
    let mut pass = Pass::new(Samples::of_labels(test, truth.view(), None, &*loss)?, problem.loss)?;
    pass.score(&fit.candidate.coefficients);
    let proof = &fit.certificate;
    let scores = sets.view().rows() * sets.view().labels() * size_of::<f64>();
    Ok(json!({
        "seconds": wall, "cpu": used, "data_bytes": bytes, "score_bytes": scores, "more_bytes": more,
        "objective": proof.objective(), "bound": proof.bound(), "relative_gap": proof.relative_gap(),
        "certified": proof.certifies(gap), "passes": fit.passes, "steps": fit.candidate.steps,
        "method": fit.reason, "ranking_loss": Ranking::of(pass.scores(), truth.view()).loss,
    }))
}
