//! Training: one row after the other, in an order from a seed, each a step of `−rate` times its gradient and the decay; after each
//! epoch rows that no step sees are asked, and the weights that do best on them are the answer.
//!
//! The paper stops when the error of the rows that are trained on changes little, which it does also while that of
//! others grows.

use super::Network;
use crate::data::Samples;
use crate::error::{Error, Result};
use crate::loss;
use crate::num::random::Random;
use crate::problem::LossKind;
use crate::solver::Stop;

/// A held-out loss that is not below the best one by this share of it is no better.
const BETTER: f64 = 1e-4;

/// What people choose.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// Hidden units, H.
    pub hidden: usize,
    /// How far a step goes along the gradient of a row.
    pub rate: f64,
    /// λ, the weight decay.
    pub lambda: f64,
    /// Walks over the rows, at most.
    pub epochs: usize,
    /// Epochs without a better held-out loss, after which it ends.
    pub patience: usize,
    /// Of the first weights, the rows that are held out, and the order of the others.
    pub seed: u64,
}

/// The rows that no step sees.
#[derive(Clone, Copy, Debug)]
pub enum Held<'a> {
    /// This share of the rows, drawn by the seed.
    Share(f64),
    /// Those of another file.
    Rows(Samples<'a>),
}

/// What is known after an epoch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Epoch {
    /// 0 is before the first step.
    pub epoch: usize,
    /// The mean loss of the rows that are trained on.
    pub loss: f64,
    /// That of the rows that are not.
    pub held: f64,
}

/// The epochs, and the best of them.
#[derive(Clone, Debug, PartialEq)]
pub struct Course {
    /// One after the other.
    pub epochs: Vec<Epoch>,
    /// The place of the one with the least held-out loss.
    pub best: usize,
    /// Rows that were trained on, and held out.
    pub rows: (usize, usize),
    /// Why it ended: [`Stop::Tolerance`] where nothing got better any more.
    pub stop: Stop,
}

/// A network, and how it came about.
#[derive(Clone, Debug, PartialEq)]
pub struct Trained {
    /// The weights of the best epoch.
    pub network: Network,
    /// See [`Course`].
    pub course: Course,
}

/// Trains a network on label sets. `watch` is told of every epoch and ends it, with the best network so far, by answering
/// false.
///
/// # Errors
/// A loss of no labels; no hidden unit; a rate that is not above 0; fewer than one row to train on or to hold out.
pub fn train(
    samples: &Samples<'_>,
    kind: LossKind,
    held: Held<'_>,
    settings: &Settings,
    watch: &dyn Fn(Epoch) -> bool,
) -> Result<Trained> {
    check(kind, settings)?;
    let mut random = Random(settings.seed);
    let (train, rest) = parts(samples, held, &mut random)?;
    let train = Samples { weights: Some(&train), ..*samples };
    let own = rest.as_ref().map(|rest| Samples { weights: Some(rest), ..*samples });
    let held = match (held, own) {
        (Held::Rows(held), _) => held,
        (Held::Share(_), Some(own)) => own,
        (Held::Share(_), None) => return Err(Error::Internal("no rows are held out".to_owned())),
    };
    let mut rows: Vec<usize> = (0..samples.x.rows()).filter(|row| train.weight(*row) > 0.0).collect();
    let others = (0..held.x.rows()).filter(|row| held.weight(*row) > 0.0).count();
    let mut network =
        Network::new(samples.x.columns(), settings.hidden, samples.outputs, kind, random.next());
    let look = |network: &Network, epoch: usize| -> Result<Epoch> {
        let (loss, held) = (network.mean_loss(&train, kind)?, network.mean_loss(&held, kind)?);
        Ok(Epoch { epoch, loss, held })
    };
    let loss = loss::named(kind);
    let first = look(&network, 0)?;
    let mut best = network.clone();
    let mut course = Course { epochs: vec![first], best: 0, rows: (rows.len(), others), stop: Stop::MaxIter };
    // Steps are as long at any weights of rows: what counts is the mean.
    let mean = rows.len() as f64 / train.total_weight();
    let mut pulse = network.pulse();
    let mut go_on = watch(first);
    for epoch in 1..=settings.epochs {
        if !go_on {
            course.stop = Stop::Interrupted;
            break;
        }
        random.shuffle(&mut rows);
        for &row in &rows {
            network.backward(&*loss, &train, row, &mut pulse);
            let keep = 1.0 - settings.rate * settings.lambda;
            let [features, _, units, _] = network.parts_mut();
            features.iter_mut().chain(units).for_each(|weight| *weight *= keep);
            network.add(&samples.x, row, &pulse, -settings.rate * mean);
        }
        let now = look(&network, epoch)?;
        course.epochs.push(now);
        if !(now.held.is_finite() && now.loss.is_finite()) {
            course.stop = Stop::Diverged;
            break;
        }
        if now.held < course.epochs[course.best].held * (1.0 - BETTER) {
            course.best = epoch;
            best.clone_from(&network);
        } else if epoch - course.best >= settings.patience {
            course.stop = Stop::Tolerance;
            break;
        }
        go_on = watch(now);
    }
    Ok(Trained { network: best, course })
}

fn check(kind: LossKind, settings: &Settings) -> Result<()> {
    let refuse = |what: String, hint: &str| Err(Error::Usage { what, hint: hint.to_owned() });
    let Settings { hidden, rate, lambda, .. } = *settings;
    if !kind.is_of_labels() {
        return refuse(
            format!("a network is trained on sets of labels, and the {} loss is of others", kind.name()),
            "use a loss that ranks labels, such as bpmll",
        );
    }
    if hidden == 0 {
        return refuse(
            "a network has one hidden unit or more, and 0 are asked for".to_owned(),
            "give a number such as 20",
        );
    }
    if !(rate > 0.0 && rate.is_finite()) {
        return refuse(format!("the learning rate is {rate}"), "give a number above 0, such as 0.05");
    }
    if !(lambda >= 0.0 && rate * lambda < 1.0) {
        return refuse(
            format!("with the weight decay {lambda} a step at the learning rate {rate} turns weights around"),
            "give a decay and a rate whose product is below 1",
        );
    }
    Ok(())
}

/// Row weights of those that are trained on, and of those that are held out where they are some of the same rows.
type Parts = (Vec<f64>, Option<Vec<f64>>);

fn parts(samples: &Samples<'_>, held: Held<'_>, random: &mut Random) -> Result<Parts> {
    let mut train: Vec<f64> = (0..samples.x.rows()).map(|row| samples.weight(row)).collect();
    let Held::Share(share) = held else { return Ok((train, None)) };
    let mut rows: Vec<usize> = (0..train.len()).filter(|row| train[*row] > 0.0).collect();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a count")]
    let count = (share * rows.len() as f64).round().max(0.0) as usize;
    if count == 0 || count >= rows.len() {
        return Err(Error::Usage {
            what: format!(
                "{count} of {} rows are held out, and {} are left to train on",
                rows.len(),
                rows.len().saturating_sub(count)
            ),
            hint: "hold out another share of the rows, such as 0.2, or the rows of a file".to_owned(),
        });
    }
    random.shuffle(&mut rows);
    let mut rest = vec![0.0; train.len()];
    for &row in rows.iter().take(count) {
        rest[row] = std::mem::replace(&mut train[row], 0.0);
    }
    Ok((train, Some(rest)))
}
