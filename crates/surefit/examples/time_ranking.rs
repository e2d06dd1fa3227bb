//! How long value and gradient of a ranking take: `cargo run --release --example time_ranking`.
//!
//! Prints milliseconds (the least of many runs on one thread) of each loss for 256 rows of 18 and of 1000 labels.

use faer::{Mat, MatMut};
use std::time::Instant;
use surefit::LossKind;
use surefit::data::LabelSets;
use surefit::loss::{Targets, named};

const ROWS: usize = 256;

fn main() {
    for labels in [18, 1000] {
        let mut state = 1u64;
        let mut real = move || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 11) as f64 / (1u64 << 53) as f64
        };
        let mut sets = LabelSets::new(0, labels);
        for _ in 0..ROWS {
            sets.push((0..labels).filter(|_| real() < 0.3));
        }
        // Labels by rows: a row of scores lies side by side.
        let scores = Mat::from_fn(labels, ROWS, |_, _| 4.0 * real() - 2.0);
        for kind in [
            LossKind::Bpmll,
            LossKind::Lsep,
            LossKind::Log1pBpmll,
            LossKind::Zlpr,
            LossKind::PairwiseSquaredHinge,
            LossKind::LabelLogistic,
            LossKind::PairwiseLogistic,
        ] {
            let loss = named(kind);
            let mut room = scores.clone();
            let runs = if kind == LossKind::PairwiseLogistic { 3 } else { 200 };
            let (mut least, mut value) = (f64::INFINITY, 0.0);
            for _ in 0..runs {
                room.copy_from(&scores);
                let view: MatMut<'_, f64> = room.as_mut().transpose_mut();
                let start = Instant::now();
                value = loss.block(view, Targets::Labels(sets.view()), None);
                least = least.min(start.elapsed().as_secs_f64());
            }
            println!("{ROWS} × {labels:<5} {:<24} {:.4} ms   {value:.6}", kind.name(), 1e3 * least);
        }
    }
}
