//! The regularised incomplete beta function, behind the p-values of Student's t and Fisher's F.
//!
//! Continued fraction: Press et al., *Numerical Recipes*, 3rd ed., §6.4 (modified Lentz). The logarithm of
//! B(a, b) follows Didonato and Morris, ACM TOMS 18 (1992), 708: Stirling's corrections are subtracted as
//! such, so that a million degrees of freedom cost no digits.

/// ln Γ(z) − (z − ½) ln z + z − ½ ln 2π for z ≥ 10: Stirling's correction.
fn correction(z: f64) -> f64 {
    let w = 1.0 / (z * z);
    let series = [
        1.0 / 12.0,
        -1.0 / 360.0,
        1.0 / 1260.0,
        -1.0 / 1680.0,
        1.0 / 1188.0,
        -691.0 / 360_360.0,
        1.0 / 156.0,
    ];
    series.iter().rev().fold(0.0, |sum, term| sum * w + term) / z
}

/// ½ ln 2π.
const HALF_LN_TAU: f64 = 0.918_938_533_204_672_8;

/// ln Γ(z) for z > 0.
fn ln_gamma(z: f64) -> f64 {
    let (mut z, mut product) = (z, 1.0);
    while z < 10.0 {
        product *= z;
        z += 1.0;
    }
    (z - 0.5) * z.ln() - z + HALF_LN_TAU + correction(z) - f64::ln(product)
}

/// ln B(a, b) = ln Γ(a) + ln Γ(b) − ln Γ(a + b).
pub(crate) fn ln_beta(a: f64, b: f64) -> f64 {
    let (small, large) = if a < b { (a, b) } else { (b, a) };
    if large < 10.0 {
        return ln_gamma(small) + ln_gamma(large) - ln_gamma(small + large);
    }
    let sum = small + large;
    let shrink = (large - 0.5) * (-small / sum).ln_1p();
    if small < 10.0 {
        let rest = correction(large) - correction(sum);
        return ln_gamma(small) + rest + small - small * sum.ln() + shrink;
    }
    let rest = correction(small) + correction(large) - correction(sum);
    -0.5 * large.ln()
        + HALF_LN_TAU
        + rest
        + (small - 0.5) * (small / sum).ln()
        + (large * (-small / sum).ln_1p())
}

/// `I_x(a, b)` for a, b > 0, with y = 1 − x given apart so that neither end loses digits; NaN outside.
pub(crate) fn incomplete_beta(a: f64, b: f64, x: f64, y: f64) -> f64 {
    if !(a > 0.0 && b > 0.0 && x >= 0.0 && y >= 0.0) {
        return f64::NAN;
    }
    if x == 0.0 || y == 0.0 {
        return if x == 0.0 { 0.0 } else { 1.0 };
    }
    let ln = |small: f64, other: f64| if small < 0.5 { small.ln() } else { (-other).ln_1p() };
    let front = (a * ln(x, y) + b * ln(y, x) - ln_beta(a, b)).exp();
    if x * (a + b + 2.0) < a + 1.0 {
        front * fraction(a, b, x) / a
    } else {
        1.0 - front * fraction(b, a, y) / b
    }
}

/// The continued fraction of `I_x(a, b)`, left of the mean.
fn fraction(a: f64, b: f64, x: f64) -> f64 {
    const TINY: f64 = 1e-300;
    let keep = |v: f64| if v.abs() < TINY { TINY } else { v };
    let mut d = 1.0 / keep(1.0 - (a + b) * x / (a + 1.0));
    let (mut c, mut value) = (1.0, d);
    for m in 1..1_000_000 {
        let m = f64::from(m);
        // Quotients before products: those of parameters from 1e154 on are infinite.
        let even = m / (a + 2.0 * m - 1.0) * ((b - m) / (a + 2.0 * m)) * x;
        d = 1.0 / keep(1.0 + even * d);
        c = keep(1.0 + even / c);
        value *= d * c;
        let odd = -(a + m) / (a + 2.0 * m) * ((a + b + m) / (a + 2.0 * m + 1.0)) * x;
        d = 1.0 / keep(1.0 + odd * d);
        c = keep(1.0 + odd / c);
        value *= d * c;
        if (d * c - 1.0).abs() <= f64::EPSILON {
            break;
        }
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(got: f64, want: f64, tolerance: f64) {
        assert!((got - want).abs() <= tolerance * want.abs(), "{got} against {want}");
    }

    #[test]
    fn incomplete_beta_agrees_with_its_closed_forms() {
        for x in [1e-12, 0.01, 0.3, 0.5, 0.77, 0.999] {
            let y = 1.0 - x;
            // I_x(1, b) = 1 − (1 − x)ᵇ, I_x(a, 1) = xᵃ, I_x(½, ½) = (2/π) asin √x.
            close(incomplete_beta(1.0, 7.5, x, y), -f64::exp_m1(7.5 * (-x).ln_1p()), 1e-12);
            close(incomplete_beta(12.25, 1.0, x, y), x.powf(12.25), 1e-12);
            close(incomplete_beta(0.5, 0.5, x, y), std::f64::consts::FRAC_2_PI * x.sqrt().asin(), 1e-12);
        }
    }

    #[test]
    fn incomplete_beta_agrees_with_binomial_tails() {
        // I_x(k, n − k + 1) = P(Binomial(n, x) ≥ k), summed from its definition.
        let (n, x) = (60i32, 0.37f64);
        for k in [3, 20, 25, 40] {
            let mut term = (1.0 - x).powi(n);
            let mut tail = 0.0;
            for i in 0..=n {
                if i >= k {
                    tail += term;
                }
                term *= f64::from(n - i) / f64::from(i + 1) * x / (1.0 - x);
            }
            close(incomplete_beta(f64::from(k), f64::from(n - k + 1), x, 1.0 - x), tail, 1e-12);
        }
    }

    #[test]
    fn large_parameters_keep_their_digits() {
        // The symmetric case is ½ by symmetry; B(a, 1) = 1/a, B(a, 2) = 1/(a(a + 1)).
        close(incomplete_beta(5e5, 5e5, 0.5, 0.5), 0.5, 1e-9);
        for a in [10.0f64, 1e3, 1e7] {
            close(ln_beta(a, 1.0), -a.ln(), 1e-14);
            close(ln_beta(a, 2.0), -(a * (a + 1.0)).ln(), 1e-14);
        }
    }
}
