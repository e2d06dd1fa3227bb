//! Eigenvalues of positive semidefinite matrices, small ones with high *relative* accuracy.
//!
//! A forecast of gradient descent rests on the smallest eigenvalue, which an offset of the columns pushes many
//! orders of magnitude below the largest: there the usual algorithms, accurate to `u·λ_max`, have no digit.
//! Two methods keep them. Jacobi's rotations resolve a matrix as well as its version with unit diagonal allows
//! (Demmel and Veselić, "Jacobi's method is more accurate than QR", SIAM J. Matrix Anal. 13, 1992). And what
//! an offset does is an update of rank one, `diag(d) + zzᵀ`, whose eigenvalues are the roots of the secular
//! equation `1 + Σ zᵢ²/(dᵢ − λ) = 0` (Golub, "Some modified matrix eigenvalue problems", SIAM Review 15, 1973),
//! solved here for the distance to the nearest pole.

use super::UNIT_ROUNDOFF;
use faer::{Mat, Side};

/// Up to this order Jacobi's rotations are used; beyond it, tridiagonalisation.
const JACOBI_ORDER: usize = 128;
const JACOBI_SWEEPS: usize = 40;

/// Eigenvalues in no particular order and the matching orthonormal eigenvectors as columns.
#[derive(Clone, Debug)]
pub(crate) struct Eigen {
    pub values: Vec<f64>,
    pub vectors: Mat<f64>,
}

/// The eigendecomposition of a symmetric positive semidefinite matrix, both triangles given.
pub(crate) fn positive_semidefinite(matrix: &Mat<f64>) -> Eigen {
    if matrix.nrows() > JACOBI_ORDER
        && let Ok(eigen) = matrix.self_adjoint_eigen(Side::Lower)
    {
        let values = eigen.S().column_vector().iter().copied().collect();
        return Eigen { values, vectors: eigen.U().to_owned() };
    }
    jacobi(matrix.clone())
}

/// Cyclic Jacobi rotations until every off-diagonal entry is below rounding beside its two diagonal ones.
fn jacobi(mut a: Mat<f64>) -> Eigen {
    let n = a.nrows();
    let mut vectors = Mat::identity(n, n);
    for _ in 0..JACOBI_SWEEPS {
        let mut rotated = false;
        let floor = (0..n).map(|i| a[(i, i)].abs()).fold(0.0, f64::max) * UNIT_ROUNDOFF * UNIT_ROUNDOFF;
        for p in 0..n {
            for q in p + 1..n {
                let size = a[(p, q)].abs();
                // The product of the roots, as that of the entries may leave the range.
                if size > floor && size > UNIT_ROUNDOFF * a[(p, p)].abs().sqrt() * a[(q, q)].abs().sqrt() {
                    rotate(&mut a, &mut vectors, p, q);
                    rotated = true;
                }
            }
        }
        if !rotated {
            break;
        }
    }
    Eigen { values: (0..n).map(|i| a[(i, i)]).collect(), vectors }
}

/// The rotation in the plane (p, q) that makes `a[(p, q)]` zero.
fn rotate(a: &mut Mat<f64>, vectors: &mut Mat<f64>, p: usize, q: usize) {
    let theta = (a[(q, q)] - a[(p, p)]) / (2.0 * a[(p, q)]);
    let t = theta.signum() / (theta.abs() + theta.hypot(1.0));
    let c = 1.0 / t.hypot(1.0);
    let s = t * c;
    let shift = t * a[(p, q)];
    a[(p, p)] -= shift;
    a[(q, q)] += shift;
    a[(p, q)] = 0.0;
    a[(q, p)] = 0.0;
    for k in 0..a.nrows() {
        if k != p && k != q {
            let (x, y) = (a[(k, p)], a[(k, q)]);
            let (x, y) = (c * x - s * y, s * x + c * y);
            a[(k, p)] = x;
            a[(p, k)] = x;
            a[(k, q)] = y;
            a[(q, k)] = y;
        }
        let (x, y) = (vectors[(k, p)], vectors[(k, q)]);
        vectors[(k, p)] = c * x - s * y;
        vectors[(k, q)] = s * x + c * y;
    }
}

/// One eigenpair of `diag(d) + zzᵀ`.
#[derive(Clone, Debug)]
pub(crate) struct Pair {
    /// λ ≥ 0.
    pub value: f64,
    /// The unit eigenvector v.
    pub vector: Vec<f64>,
    /// `vᵀz`, from the secular equation, without the cancellation of the sum.
    pub along_update: f64,
}

/// The eigenpairs of `diag(d) + zzᵀ` for `d ≥ 0`, by increasing eigenvalue, each handed to `visit`.
pub(crate) fn rank_one_update(d: &[f64], z: &[f64], mut visit: impl FnMut(Pair)) {
    let system = Deflated::new(d, z);
    let mut settled = system.settled.iter().peekable();
    for (root, denominators) in system.roots() {
        while let Some(pair) = settled.next_if(|pair| pair.value <= root) {
            visit(pair.clone());
        }
        visit(system.pair(root, &denominators));
    }
    settled.for_each(|pair| visit(pair.clone()));
}

/// The update with what needs no root finding taken out: entries with `zᵢ = 0`, and all but one of each group of
/// equal `dᵢ`, where a rotation gathers the group's z in one entry.
struct Deflated {
    order: usize,
    /// Distinct poles, ascending, and the z gathered there.
    poles: Vec<(f64, f64)>,
    /// The unit vector that stands for each pole: the members of its group and their shares.
    groups: Vec<Vec<(usize, f64)>>,
    /// Eigenpairs already known, by increasing eigenvalue.
    settled: Vec<Pair>,
}

impl Deflated {
    fn new(d: &[f64], z: &[f64]) -> Self {
        let order = d.len();
        let mut sorted: Vec<usize> = (0..order).collect();
        sorted.sort_by(|&i, &j| d[i].total_cmp(&d[j]));
        let mut out = Self { order, poles: Vec::new(), groups: Vec::new(), settled: Vec::new() };
        for i in sorted {
            match (out.poles.last_mut(), out.groups.last_mut()) {
                _ if z[i] == 0.0 => out.settled.push(unit(order, d[i], &[(i, 1.0)])),
                (Some((pole, gathered)), Some(group)) if d[i] - *pole <= 4.0 * UNIT_ROUNDOFF * d[i] => {
                    // The rotation of the group's vector and eᵢ with all of z in the first.
                    let both = gathered.hypot(z[i]);
                    let (c, s) = (*gathered / both, z[i] / both);
                    let mut other: Vec<_> = group.iter().map(|&(j, share)| (j, -s * share)).collect();
                    other.push((i, c));
                    out.settled.push(unit(order, d[i], &other));
                    for (_, share) in group.iter_mut() {
                        *share *= c;
                    }
                    group.push((i, s));
                    *gathered = both;
                }
                _ => {
                    out.poles.push((d[i], z[i]));
                    out.groups.push(vec![(i, 1.0)]);
                }
            }
        }
        out
    }

    /// Every root λ with the exact differences `pole − λ`, by increasing root: one in each interval between two
    /// poles and one above the last.
    fn roots(&self) -> impl Iterator<Item = (f64, Vec<f64>)> {
        let reach: f64 = self.poles.iter().map(|(_, z)| z * z).sum();
        (0..self.poles.len()).map(move |k| {
            let left = self.poles[k].0;
            let (origin, sign, reach) = match self.poles.get(k + 1) {
                None => (left, 1.0, reach),
                Some(&(right, _)) => {
                    let half = (right - left) / 2.0;
                    // The secular function rises from −∞ to ∞ between the poles.
                    if self.secular(left, half) >= 0.0 { (left, 1.0, half) } else { (right, -1.0, half) }
                }
            };
            let delta = sign * self.bisect(origin, sign, reach);
            let denominators = self.poles.iter().map(|(pole, _)| (pole - origin) - delta).collect();
            (origin + delta, denominators)
        })
    }

    /// `1 + Σ zᵢ²/(dᵢ − λ)` at `λ = origin + delta`.
    fn secular(&self, origin: f64, delta: f64) -> f64 {
        1.0 + self.poles.iter().map(|(pole, z)| z * z / ((pole - origin) - delta)).sum::<f64>()
    }

    /// The distance of the root from its pole, by bisection over the representable numbers: at most 63 steps
    /// to the last bit, however small it is.
    fn bisect(&self, origin: f64, sign: f64, reach: f64) -> f64 {
        let (mut near, mut far) = (0u64, (reach * (1.0 + 4.0 * UNIT_ROUNDOFF)).to_bits());
        while far - near > 1 {
            let middle = near + (far - near) / 2;
            // Beyond the root, seen from the pole.
            if sign * self.secular(origin, sign * f64::from_bits(middle)) >= 0.0 {
                far = middle;
            } else {
                near = middle;
            }
        }
        f64::from_bits(far)
    }

    /// The eigenvector `zᵢ/(dᵢ − λ)`, normalised; its product with z is −1 before that, by the secular equation.
    fn pair(&self, value: f64, denominators: &[f64]) -> Pair {
        let entries = self.poles.iter().zip(denominators).map(|((_, z), denominator)| z / denominator);
        let entries: Vec<f64> = entries.collect();
        let peak = entries.iter().fold(0.0f64, |peak, entry| peak.max(entry.abs()));
        let norm = peak * entries.iter().map(|entry| (entry / peak).powi(2)).sum::<f64>().sqrt();
        let mut vector = vec![0.0; self.order];
        for (entry, group) in entries.iter().zip(&self.groups) {
            for &(i, share) in group {
                vector[i] = share * (entry / norm);
            }
        }
        Pair { value, vector, along_update: -1.0 / norm }
    }
}

/// An eigenpair that the update leaves alone.
fn unit(order: usize, value: f64, entries: &[(usize, f64)]) -> Pair {
    let mut vector = vec![0.0; order];
    for &(i, share) in entries {
        vector[i] = share;
    }
    Pair { value, vector, along_update: 0.0 }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::float_cmp)]

    use super::*;
    use proptest::prelude::*;

    fn pairs(d: &[f64], z: &[f64]) -> Vec<Pair> {
        let mut out = Vec::new();
        rank_one_update(d, z, |pair| out.push(pair));
        out
    }

    fn is_eigenpair(d: &[f64], z: &[f64], pair: &Pair) -> f64 {
        let along: f64 = pair.vector.iter().zip(z).map(|(v, z)| v * z).sum();
        let rest = (0..d.len()).map(|i| d[i] * pair.vector[i] + along * z[i] - pair.value * pair.vector[i]);
        rest.map(|r| r * r).sum::<f64>().sqrt()
    }

    proptest! {
        #[test]
        fn rank_one_update_has_the_eigenpairs_of_the_matrix(
            entries in prop::collection::vec((0usize..6, -3.0f64..3.0, any::<bool>()), 1..12),
        ) {
            // Repeated poles and zeros in z among them.
            let d: Vec<f64> = entries.iter().map(|e| [0.0, 0.0, 1e-9, 1.0, 2.0, 1e6][e.0]).collect();
            let z: Vec<f64> = entries.iter().map(|e| if e.2 { e.1 } else { 0.0 }).collect();
            let found = pairs(&d, &z);
            prop_assert_eq!(found.len(), d.len());
            let size = d.iter().fold(1.0f64, |a, b| a.max(*b)) + z.iter().map(|z| z * z).sum::<f64>();
            for (i, pair) in found.iter().enumerate() {
                prop_assert!(is_eigenpair(&d, &z, pair) <= 1e-13 * size);
                let along: f64 = pair.vector.iter().zip(&z).map(|(v, z)| v * z).sum();
                prop_assert!((along - pair.along_update).abs() < 1e-8);
                for other in &found[..i] {
                    let product: f64 = pair.vector.iter().zip(&other.vector).map(|(a, b)| a * b).sum();
                    prop_assert!(product.abs() < 1e-6);
                    prop_assert!(other.value <= pair.value);
                }
            }
            let trace: f64 = d.iter().sum::<f64>() + z.iter().map(|z| z * z).sum::<f64>();
            prop_assert!((found.iter().map(|p| p.value).sum::<f64>() - trace).abs() <= 1e-13 * trace);
        }

        #[test]
        fn jacobi_and_tridiagonalisation_agree(entries in prop::collection::vec(-2.0f64..2.0, 36)) {
            let factor = Mat::from_fn(6, 6, |i, j| entries[6 * i + j]);
            let matrix = &factor * factor.transpose();
            let mut by_jacobi = jacobi(matrix.clone()).values;
            by_jacobi.sort_by(f64::total_cmp);
            let by_faer = matrix.self_adjoint_eigenvalues(Side::Lower).unwrap();
            by_jacobi.iter().zip(by_faer).for_each(|(a, b)| assert!((a - b).abs() < 1e-12 * 36.0));
        }
    }

    /// `[[1, m], [m, s² + m²]]` has determinant s² and trace 1 + s² + m²: exact roots of a quadratic, with the
    /// smaller one as s² over the larger.
    #[test]
    fn smallest_eigenvalue_keeps_its_digits_under_a_large_offset() {
        for offset in [1.0, 1e3, 1e6, 1e9, 1e12] {
            let found = pairs(&[0.0, 4.0], &[1.0, offset]);
            let trace = 5.0 + offset * offset;
            let largest = f64::midpoint(trace, (trace * trace - 16.0).sqrt());
            assert!((found[1].value / largest - 1.0).abs() < 1e-15);
            assert!((found[0].value * largest / 4.0 - 1.0).abs() < 4e-15, "{offset}");
        }
    }

    #[test]
    fn jacobi_resolves_columns_of_very_different_units() {
        // diag(1, 1e8) [[1, ½], [½, 1]] diag(1, 1e8): determinant ¾·1e16, trace 1 + 1e16.
        let matrix = Mat::from_fn(2, 2, |i, j| [[1.0, 0.5e8], [0.5e8, 1e16]][i][j]);
        let mut values = jacobi(matrix).values;
        values.sort_by(f64::total_cmp);
        assert!((values[0] * values[1] / 0.75e16 - 1.0).abs() < 1e-14);
        assert!((values[0] - 0.75).abs() < 1e-14);
    }
}
