//! Hinges whose kinks are rounded over a width w, below the hinge by w/2 at most: what a solver that follows gradients takes
//! in their place (Y. Nesterov, "Smooth minimization of non-smooth functions", Math. Program. 103, 2005).
//!
//! A violation v becomes `v²/2w` up to w and `v − w/2` beyond. Of the strongest rival, `max Σα ≤ 1 of α·v`, it becomes
//! `max α·v − (w/2)‖α‖²`, where α is v/w moved onto the simplex. Gradients are dual points of the hinge itself, and w/2 of
//! the squares of a dual point is what the conjugate has more.

use super::Curvature;
use super::classes::{ClassLoss, balanced, in_simplex, into_box, into_simplex, rivals};
use super::one_vs_rest::MarginLoss;

/// `(value, slope, second derivative)` of a violation.
#[inline]
fn rounded(violation: f64, width: f64) -> (f64, f64, f64) {
    if violation <= 0.0 {
        (0.0, 0.0, 0.0)
    } else if violation <= width {
        (0.5 * violation * (violation / width), violation / width, 1.0 / width)
    } else {
        // NaN comes here, so that it is seen in the value.
        (violation - 0.5 * width, 1.0, 0.0)
    }
}

/// Of Weston and Watkins.
#[derive(Clone, Copy, Debug)]
pub(super) struct RoundedHinge {
    pub margin: f64,
    pub width: f64,
}

impl ClassLoss for RoundedHinge {
    fn curvature(&self) -> Curvature {
        Curvature::Smooth
    }

    fn gradient(&self, z: &mut [f64], class: usize, s: f64) -> f64 {
        let own = z[class];
        // Its own rival is none.
        z[class] = f64::NEG_INFINITY;
        let (mut sum, mut total) = (0.0, 0.0);
        for z in z.iter_mut() {
            let (value, slope, _) = rounded((*z - own) + self.margin, self.width);
            sum += value;
            *z = s * slope;
            total += *z;
        }
        z[class] = -total;
        s * sum
    }

    fn hessian(&self, z: &mut [f64], class: usize, s: f64, v: &mut [f64]) {
        let (own, own_direction) = (z[class], v[class]);
        z[class] = f64::NEG_INFINITY;
        let mut total = 0.0;
        for (z, v) in z.iter().zip(v.iter_mut()) {
            let (_, _, second) = rounded((z - own) + self.margin, self.width);
            *v = if second == 0.0 { 0.0 } else { s * second * (*v - own_direction) };
            total += *v;
        }
        v[class] = -total;
    }

    fn conjugate(&self, g: &[f64], class: usize, s: f64) -> Option<f64> {
        balanced(g, class)?;
        let term = |alpha: f64| alpha * (0.5 * self.width * (alpha / s) - self.margin);
        rivals(g, class).all(|alpha| alpha <= s).then(|| rivals(g, class).map(term).sum())
    }

    fn project(&self, g: &mut [f64], class: usize, s: f64) {
        into_box(g, class, s);
    }
}

/// Of Crammer and Singer.
#[derive(Clone, Copy, Debug)]
pub(super) struct RoundedCrammerSinger {
    pub margin: f64,
    pub width: f64,
}

/// What the rivals' violations over the width exceed to become α: 0 where they sum to 1 at most, otherwise so much that
/// they sum to 1 (C. Michelot, J. Optim. Theory Appl. 50, 1986). Also how many are above it.
fn level(ratios: &[f64]) -> (f64, usize) {
    let mut level = f64::NEG_INFINITY;
    let mut count = usize::MAX;
    loop {
        let above = ratios.iter().filter(|ratio| **ratio > level.max(0.0));
        let (sum, now) = above.fold((0.0, 0), |(sum, count), ratio| (sum + ratio, count + 1));
        if level < 0.0 && sum <= 1.0 {
            return (0.0, now);
        }
        // Fewer every time, until all that are left are above, but for rounding; NaN is above nothing.
        if now >= count || now == 0 {
            return (level.max(0.0), now);
        }
        count = now;
        level = (sum - 1.0) / now as f64;
    }
}

impl RoundedCrammerSinger {
    /// Turns scores into violations over the width; the class's own is −∞. Returns what is taken off them.
    fn ratios(self, z: &mut [f64], class: usize) -> (f64, usize) {
        let own = z[class];
        for z in z.iter_mut() {
            *z = ((*z - own) + self.margin) / self.width;
        }
        z[class] = f64::NEG_INFINITY;
        level(z)
    }
}

impl ClassLoss for RoundedCrammerSinger {
    fn curvature(&self) -> Curvature {
        Curvature::Smooth
    }

    fn gradient(&self, z: &mut [f64], class: usize, s: f64) -> f64 {
        if z.iter().any(|z| z.is_nan()) {
            z.fill(f64::NAN);
            return f64::NAN;
        }
        let (level, _) = self.ratios(z, class);
        let (mut value, mut total) = (0.0, 0.0);
        for z in z.iter_mut() {
            let alpha = (*z - level).max(0.0);
            // α·v − (w/2) α², v = w z.
            value += if alpha > 0.0 { self.width * alpha * (*z - 0.5 * alpha) } else { 0.0 };
            *z = s * alpha;
            total += *z;
        }
        // On the simplex the sum is s but for rounding.
        z[class] = -total.min(s);
        s * value
    }

    fn hessian(&self, z: &mut [f64], class: usize, s: f64, v: &mut [f64]) {
        let (level, count) = self.ratios(z, class);
        let own = v[class];
        let moves = |z: f64| z > level;
        // On the simplex only what differs from the mean moves.
        let mean = if level > 0.0 {
            let moving = z.iter().zip(v.iter()).filter(|(z, _)| moves(**z));
            moving.map(|(_, v)| v - own).sum::<f64>() / count as f64
        } else {
            0.0
        };
        let mut total = 0.0;
        for (z, v) in z.iter().zip(v.iter_mut()) {
            *v = if moves(*z) { s / self.width * ((*v - own) - mean) } else { 0.0 };
            total += *v;
        }
        v[class] = -total;
    }

    fn conjugate(&self, g: &[f64], class: usize, s: f64) -> Option<f64> {
        in_simplex(g, class, s)?;
        Some(rivals(g, class).map(|alpha| alpha * (0.5 * self.width * (alpha / s) - self.margin)).sum())
    }

    fn project(&self, g: &mut [f64], class: usize, s: f64) {
        into_simplex(g, class, s);
    }
}

/// Of one against the rest.
#[derive(Clone, Copy, Debug)]
pub(super) struct RoundedMargin {
    pub width: f64,
}

impl MarginLoss for RoundedMargin {
    fn curvature(&self) -> Curvature {
        Curvature::Smooth
    }

    fn at(&self, m: f64) -> (f64, f64) {
        let (value, slope, _) = rounded(1.0 - m, self.width);
        (value, slope)
    }

    fn second(&self, m: f64) -> f64 {
        rounded(1.0 - m, self.width).2
    }

    fn limit(&self) -> f64 {
        1.0
    }

    fn conjugate(&self, b: f64, s: f64) -> f64 {
        b * (0.5 * self.width * (b / s) - 1.0)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::super::{Loss, Targets, named, rounded};
    use crate::num::random::Random;
    use crate::problem::LossKind;
    use faer::{MatMut, MatRef};

    const HINGES: [LossKind; 3] =
        [LossKind::Hinge { margin: 1.5 }, LossKind::CrammerSinger { margin: 0.75 }, LossKind::OvrHinge];

    fn block(loss: &dyn Loss, z: &[f64], class: u32) -> (f64, Vec<f64>) {
        let mut g = z.to_vec();
        let value = loss.block(
            MatMut::from_row_major_slice_mut(&mut g, 1, z.len()),
            Targets::Classes(&[class]),
            Some(&[2.0]),
        );
        (value, g)
    }

    /// Below the hinge, with its derivatives by differences, and with gradients that are dual points of the hinge; where a gradient
    /// is a dual point, Fenchel and Young agree.
    #[test]
    fn a_rounded_hinge_is_near_the_hinge_and_its_gradients_are_dual_points() {
        let mut random = Random(11);
        let mut number = move || (random.next() >> 11) as f64 / (1u64 << 53) as f64 * 6.0 - 3.0;
        for round in 0..600usize {
            let (kind, c) = (HINGES[round % 3], 3 + round % 4);
            let width = [2.0, 0.25, 1e-2][round / 3 % 3];
            let z: Vec<f64> = (0..c).map(|_| number()).collect();
            let class = u32::try_from(round % c).unwrap();
            let (loss, hinge) = (rounded(kind, width).unwrap(), named(kind));
            let (value, g) = block(&*loss, &z, class);
            let (above, _) = block(&*hinge, &z, class);
            // Of every rival, or of the strongest.
            let most = 2.0 * 0.5 * width * c as f64;
            assert!(value <= above + 1e-12 && above <= value + most, "{kind:?} {value} {above}");
            let targets = Targets::Classes(std::slice::from_ref(&class));
            let dual = MatRef::from_row_major_slice(&g, 1, c);
            let product: f64 = g.iter().zip(&z).map(|(g, z)| g * z).sum();
            let own = loss.conjugate(dual, targets, Some(&[2.0])).unwrap();
            assert!(
                (value + own - product).abs() <= 1e-12 * (1.0 + value),
                "{kind:?} {value} {own} {product}"
            );
            let mut moved = g.clone();
            hinge.project_dual(MatMut::from_row_major_slice_mut(&mut moved, 1, c), targets, Some(&[2.0]));
            assert!(moved.iter().zip(&g).all(|(a, b)| (a - b).abs() <= 1e-12), "{kind:?} {g:?} {moved:?}");
            let h = 1e-6 * width;
            let step = |j: usize, by: f64| {
                let mut z = z.clone();
                z[j] += by;
                block(&*loss, &z, class)
            };
            let mut second = vec![0.0; c];
            for j in 0..c {
                let ((up, g_up), (down, g_down)) = (step(j, h), step(j, -h));
                assert!(((up - down) / (2.0 * h) - g[j]).abs() < 1e-4, "{kind:?} {j}");
                let mut direction = vec![0.0; c];
                direction[j] = 1.0;
                let view = MatMut::from_row_major_slice_mut(&mut direction, 1, c);
                loss.hessian(MatRef::from_row_major_slice(&z, 1, c), targets, Some(&[2.0]), view);
                let differs = |k: usize| ((g_up[k] - g_down[k]) / (2.0 * h) - direction[k]).abs() * width;
                second[j] = (0..c).map(differs).fold(0.0, f64::max);
            }
            assert!(second.iter().all(|off| *off < 1e-3), "{kind:?} {second:?}");
        }
    }

    #[test]
    fn a_number_that_is_none_is_seen_in_the_value() {
        for kind in HINGES {
            let loss = rounded(kind, 0.5).unwrap();
            let (value, _) = block(&*loss, &[0.5, f64::NAN, 1.0], 0);
            assert!(value.is_nan(), "{kind:?}");
        }
    }
}
