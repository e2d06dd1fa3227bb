//! SF302: a loss that is given as a function and is not convex, or falls for ever. Values alone prove either: a middle
//! above its chord, a fall that goes on as far as numbers are asked for.

use crate::diagnosis::{Code, Diagnosis};
use crate::num::random::Random;
use serde_json::{Map, json};

/// Chords and directions that are tried.
const TRIED: usize = 16;
/// Chords reach from the point up to so many times its size.
const REACH: [f64; 4] = [1e-2, 1.0, 10.0, 100.0];
/// Distances at which a fall is followed: to 10⁸.
const FARTHEST: i32 = 8;
/// What is above its chord by less than this share of the values is convex enough, and sums of large terms round to it.
const SLIGHT: f64 = 1e-9;
/// The same in units of the chord's length, and of a rounding error of each value.
const OF_LENGTH: f64 = 1e-12;
const OF_ROUNDING: f64 = 64.0;
/// Tenfold distance must make the fall so many times as deep, three times in a row.
const AS_DEEP: f64 = 5.0;

/// What was found.
#[derive(Clone, Debug, PartialEq)]
pub enum Defect {
    /// The value at the middle of two points is above the mean of theirs.
    NotConvex {
        /// One end.
        from: Vec<f64>,
        /// The other end.
        to: Vec<f64>,
        /// The value at the middle.
        middle: f64,
        /// The mean of the values at the ends.
        mean: f64,
    },
    /// The value falls in proportion to the distance, or faster.
    Unbounded {
        /// Of length 1.
        direction: Vec<f64>,
        /// How far it was followed.
        distance: f64,
        /// The value at the point where it began.
        start: f64,
        /// The value there.
        value: f64,
    },
}

/// Looks for a chord that a function is above of, and for a direction in which it falls for ever, from the point
/// outwards; `rounding` is the relative rounding error of its values, as in [`super::Settings`]. The points are random,
/// and the same for the same seed. Values that are no numbers are passed over.
pub fn probe(value: &dyn Fn(&[f64]) -> f64, at: &[f64], rounding: f64, seed: u64) -> Option<Defect> {
    let mut random = Random(seed);
    let size = at.iter().fold(1.0, |size: f64, x| size.max(x.abs()));
    let beside = |direction: &[f64], t: f64| -> Vec<f64> {
        at.iter().zip(direction).map(|(x, d)| x + t * d).collect()
    };
    let (start, slight) = (value(at), SLIGHT.max(OF_ROUNDING * rounding));
    let directions: Vec<Vec<f64>> = (0..TRIED).map(|nth| direction(&mut random, at.len(), nth)).collect();
    for direction in &directions {
        for sign in [1.0, -1.0] {
            let along = |t: f64| value(&beside(direction, sign * t));
            if let Some((distance, there)) = falls_for_ever(&along, start) {
                let direction = direction.iter().map(|d| sign * d).collect();
                return Some(Defect::Unbounded { direction, distance, start, value: there });
            }
        }
    }
    for pair in directions.windows(2) {
        for reach in REACH {
            let reach = reach * size;
            let (from, to) = (beside(&pair[0], reach), beside(&pair[1], -reach));
            let half: Vec<f64> = from.iter().zip(&to).map(|(a, b)| 0.5 * (a + b)).collect();
            let (a, b, middle) = (value(&from), value(&to), value(&half));
            let mean = 0.5 * a + 0.5 * b;
            let allowance = slight * (a.abs() + b.abs() + middle.abs()) + OF_LENGTH * reach;
            // Not for values that are no numbers.
            if middle - mean > allowance && mean.is_finite() {
                return Some(Defect::NotConvex { from, to, middle, mean });
            }
        }
    }
    None
}

/// How far it was followed, and the value there.
fn falls_for_ever(along: &dyn Fn(f64) -> f64, start: f64) -> Option<(f64, f64)> {
    let fall = |power: i32| start - along(10f64.powi(power));
    let mut deepest = fall(FARTHEST);
    // Rounding of the terms is far less, and falls there too.
    if !(deepest > start.abs().max(1.0) && deepest.is_finite()) {
        return None;
    }
    let distance = 10f64.powi(FARTHEST);
    for power in (FARTHEST - 3..FARTHEST).rev() {
        let nearer = fall(power);
        if !(nearer > 0.0 && deepest >= AS_DEEP * nearer) {
            return None;
        }
        deepest = nearer;
    }
    Some((distance, along(distance)))
}

/// Of length 1: along each axis first, then anywhere.
fn direction(random: &mut Random, length: usize, nth: usize) -> Vec<f64> {
    if nth < length.min(TRIED / 2) {
        return (0..length).map(|j| if j == nth { 1.0 } else { 0.0 }).collect();
    }
    let mut number = || (random.next() >> 11) as f64 / (1u64 << 53) as f64 - 0.5;
    let raw: Vec<f64> = (0..length).map(|_| number()).collect();
    let norm = raw.iter().fold(0.0, |norm: f64, x| norm.hypot(*x));
    raw.iter().map(|x| if norm > 0.0 { x / norm } else { 0.0 }).collect()
}

impl Defect {
    /// The cause in words.
    pub fn diagnosis(&self) -> Diagnosis {
        let mut evidence = Map::new();
        let message = match self {
            Self::NotConvex { from, to, middle, mean } => {
                evidence.insert("middle".to_owned(), json!(middle));
                evidence.insert("mean_of_ends".to_owned(), json!(mean));
                evidence.insert("from".to_owned(), json!(from));
                evidence.insert("to".to_owned(), json!(to));
                format!(
                    "the loss is not convex: halfway between two points it is {middle:.6}, above {mean:.6}, the mean of its values \
                     there"
                )
            }
            Self::Unbounded { direction, distance, start, value } => {
                evidence.insert("start".to_owned(), json!(start));
                evidence.insert("value".to_owned(), json!(value));
                evidence.insert("distance".to_owned(), json!(distance));
                evidence.insert("direction".to_owned(), json!(direction));
                format!(
                    "the loss has no least value: from {start:.6} it falls to {value:e} at a distance of {distance:e}, and ten \
                     times as far it is ten times as deep"
                )
            }
        };
        Diagnosis {
            code: Code::Sf302,
            message,
            reasons: Vec::new(),
            evidence,
            also: Vec::new(),
            remedies: Vec::new(),
            exact: None,
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;
    use crate::data::{Features, Samples};
    use crate::loss::named;
    use crate::oracle::Pass;
    use crate::problem::{Coefficients, LossKind};
    use faer::Mat;

    type F<'f> = &'f dyn Fn(&[f64]) -> f64;

    #[test]
    fn a_middle_above_its_chord_is_found_with_its_points() {
        let wrong_sign = |w: &[f64]| -((-w[0]).exp().ln_1p());
        let dents = |w: &[f64]| w[0] * w[0] + 3.0 * (4.0 * w[1]).sin();
        let root = |w: &[f64]| w.iter().map(|w| w * w).sum::<f64>().sqrt().sqrt();
        for f in [&wrong_sign as F<'_>, &dents, &root] {
            let found = probe(f, &[0.3, -0.2], 1e-15, 1).unwrap();
            assert_eq!(found.diagnosis().code, Code::Sf302);
            if let Defect::NotConvex { from, to, middle, mean } = found {
                let half: Vec<f64> = from.iter().zip(&to).map(|(a, b)| 0.5 * (a + b)).collect();
                assert!(f(&half) == middle && middle > 0.5 * f(&from) + 0.5 * f(&to) && mean < middle);
            }
        }
        // The figure of the page.
        let f = |m: f64| wrong_sign(&[m]);
        assert_eq!(format!("{:.3}", f(0.0) - 0.5 * (f(-2.0) + f(2.0))), "0.434");
    }

    #[test]
    fn a_fall_for_ever_is_followed_to_its_number() {
        let linear = |w: &[f64]| 2.0 - 0.5 * w[1];
        let found = probe(&linear, &[0.0, 0.0], 1e-15, 1).unwrap();
        let Defect::Unbounded { value, .. } = &found else { panic!("{found:?}") };
        assert!(*value < -1e7);
        assert!(found.diagnosis().message.contains("no least value"), "{found:?}");
        let concave = |w: &[f64]| 1.0 - w[0] * w[0];
        assert!(probe(&concave, &[5.0], 1e-15, 2).is_some());
    }

    /// Every loss that surefit has, and functions that are convex by a hair.
    #[test]
    fn convex_losses_that_are_bounded_below_are_never_named() {
        let convex: [F<'_>; 6] = [
            &|w| w.iter().map(|w| w.abs()).sum(),
            &|w| (-w[0]).exp().ln_1p() + 1e9,
            &|w| 1e-12 * w[0] * w[0] - 1e3,
            &|w| (1.0 - w[0]).max(0.0) + (1.0 + w[1]).max(0.0).powi(2),
            &|w| w[0].max(w[1]) - 0.5 * (w[0] + w[1]),
            &|_| 4.0,
        ];
        for (nth, f) in convex.iter().enumerate() {
            for seed in 0..20 {
                assert_eq!(probe(f, &[0.7, -1.3], 1e-15, seed), None, "{nth} {seed}");
            }
        }
        let x = Mat::from_fn(9, 2, |i, j| ((i * 7 + j * 5) % 11) as f64 - 5.0);
        let classes: Vec<u32> = (0..9u32).map(|i| i % 3).collect();
        for loss in [
            LossKind::Hinge { margin: 1.0 },
            LossKind::CrammerSinger { margin: 1.0 },
            LossKind::SquaredHinge { margin: 1.0 },
            LossKind::OvrHinge,
            LossKind::OvrSquaredHinge,
            LossKind::OvrLogistic,
            LossKind::Softmax,
        ] {
            let samples =
                Samples::of_classes(Features::F64(x.as_ref()), &classes, None, 3, &*named(loss)).unwrap();
            let value = |w: &[f64]| {
                let at = Coefficients {
                    weights: Mat::from_fn(2, 3, |j, k| w[j * 3 + k]),
                    intercept: vec![0.0; 3],
                };
                Pass::new(samples, loss).unwrap().score(&at)
            };
            for seed in 0..5 {
                assert_eq!(probe(&value, &[0.1; 6], 1e-15, seed), None, "{loss:?} {seed}");
            }
        }
    }
}
