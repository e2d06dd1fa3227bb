//! Why an exact answer is not certified. The solver went all the way, so it is never a matter of steps: either the
//! squares leave the range of `f64`, at either end, and there is no loss to bound (SF201), or the wanted gap is finer than what can be
//! proven in 64-bit numbers for this data (SF106).
//!
//! Test: the certificate itself. Its objective is infinite where `½ mean r²` overflows, from residuals of about 1e154 on,
//! and its gap is where residuals are below 1e-140; otherwise the gap that it did prove is the smallest that may be
//! asked for.

use super::forecast::round_up;
use super::words::figure;
use super::{Code, Diagnosis, Facts, Fix, Remedy};
use crate::certificate::Certificate;
use crate::problem::Coefficients;
use crate::solver::exact::ExactFit;
use serde_json::{Map, json};

/// The square of a number beyond this is infinite.
const LARGEST_SQUARABLE: f64 = 1e154;
/// A relative gap from which on asking for it is no quality.
const COARSE: f64 = 0.1;
/// A condition number from which on it is the reason.
const ILL: f64 = 1e8;

/// The cause, for the certificate of `exact` and a wanted relative gap; `None` where that is met.
pub fn unproven(
    facts: &Facts,
    exact: &ExactFit,
    certificate: &Certificate,
    target: f64,
) -> Option<Diagnosis> {
    if certificate.certifies(target) {
        None
    } else if certificate.gap().is_finite() {
        Some(too_fine(exact, certificate, target))
    } else if certificate.objective().is_finite() {
        Some(too_small(facts, &exact.candidate.coefficients))
    } else {
        Some(too_large(facts, &exact.candidate.coefficients))
    }
}

impl Diagnosis {
    /// The same cause for another answer of the same problem: what may be asked for is what is proven of that one.
    pub(crate) fn of_answer(mut self, certificate: &Certificate) -> Self {
        if self.code == Code::Sf106 {
            self.remedies = proven_gap(certificate.relative_gap()).into_iter().collect();
        }
        self
    }
}

/// The largest magnitude of some columns, and whose it is.
fn largest(ranges: &[(f64, f64)]) -> (usize, f64) {
    let peak = |(low, high): &(f64, f64)| low.abs().max(high.abs());
    let all = ranges.iter().map(peak).enumerate();
    all.fold((0, 0.0), |best, next| if next.1 > best.1 { next } else { best })
}

/// The objective is infinite: who is so large?
fn too_large(facts: &Facts, answer: &Coefficients) -> Diagnosis {
    let (target, target_peak) = largest(&facts.target_ranges);
    let (column, column_peak) = largest(&facts.column_ranges);
    let of_target = target_peak >= column_peak || target_peak > LARGEST_SQUARABLE;
    let (name, size) =
        if of_target { (&facts.targets[target], target_peak) } else { (&facts.columns[column], column_peak) };
    let message = format!(
        "`{name}` reaches {}, and the squares of such numbers are beyond 1.8e308, the largest of 64 bits: the loss is \
         infinite at the answer",
        figure(size, 3)
    );
    out_of_range(name, size, message, answer)
}

/// Squares of residuals vanish, which they do only beside targets that are as small.
fn too_small(facts: &Facts, answer: &Coefficients) -> Diagnosis {
    let (target, size) = largest(&facts.target_ranges);
    let name = &facts.targets[target];
    let message = format!(
        "`{name}` reaches {} at most, and the squares of such numbers are below the smallest that 64 bits hold in full: \
         the loss at the answer says nothing",
        figure(size, 3)
    );
    out_of_range(name, size, message, answer)
}

/// The column `name` in units in which it is near 1.
fn out_of_range(name: &str, size: f64, message: String, answer: &Coefficients) -> Diagnosis {
    let unit = 10f64.powf(size.log10().floor());
    let rewritten = format!("I({name} / {unit:e})");
    let remedy = Remedy {
        change: format!("write {rewritten} for `{name}` in the formula"),
        command: None,
        steps: None,
        // Values of at most 10 have squares that any number of rows can be summed over.
        proven: true,
        safe: false,
        fix: Fix::Formula(rewritten),
    };
    let mut evidence = Map::new();
    evidence.insert("column".to_owned(), json!(name));
    evidence.insert("largest".to_owned(), json!(size));
    Diagnosis {
        code: Code::Sf201,
        message,
        reasons: Vec::new(),
        evidence,
        also: Vec::new(),
        remedies: vec![remedy],
        exact: Some(answer.clone()),
    }
}

/// To ask for the relative gap that is proven, where it is one: a gap of the whole loss is no quality to ask for.
pub fn proven_gap(proven: f64) -> Option<Remedy> {
    let smallest = round_up(proven, 2);
    (smallest < COARSE).then(|| Remedy {
        change: format!("ask for what is proven, a gap of {smallest:e}"),
        command: Some(format!("--gap {smallest:e}")),
        steps: None,
        proven: true,
        safe: false,
        fix: Fix::Gap(smallest),
    })
}

/// The gap is real or not, but no smaller one can be shown.
fn too_fine(exact: &ExactFit, certificate: &Certificate, target: f64) -> Diagnosis {
    let proven = certificate.relative_gap();
    let message = format!(
        "--gap {} is finer than what 64-bit numbers prove for this data: a relative gap of {}",
        figure(target, 3),
        figure(proven, 2)
    );
    let mut reasons = Vec::new();
    let mut also = Vec::new();
    if exact.condition >= ILL {
        also.push(Code::Sf203);
        reasons.push(format!(
            "the columns are close to collinear, which magnifies rounding by their condition number {}",
            figure(exact.condition, 2)
        ));
    }
    let mut evidence = Map::new();
    evidence.insert("proven_gap".to_owned(), json!(proven));
    evidence.insert("wanted_gap".to_owned(), json!(target));
    evidence.insert("condition".to_owned(), json!(exact.condition));
    let answer = exact.candidate.coefficients.clone();
    Diagnosis {
        code: Code::Sf106,
        message,
        reasons,
        evidence,
        also,
        remedies: proven_gap(proven).into_iter().collect(),
        exact: Some(answer),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::float_cmp)]

    use super::*;
    use crate::certificate::certify;
    use crate::data::Design;
    use crate::diagnosis::cases::{sales, squared};
    use crate::solver::exact;
    use faer::Mat;

    fn cause(design: &Design, target: f64) -> Option<Diagnosis> {
        let facts = Facts::of(design, &["temp".to_owned()], &["sales".to_owned()]).unwrap();
        let fit = exact::solve(design, &squared(), &|| true).unwrap();
        let proof = certify(design, &squared(), &fit.candidate.coefficients, target).unwrap();
        unproven(&facts, &fit, &proof, target)
    }

    #[test]
    fn squares_beyond_all_numbers_are_named_with_their_column() {
        let mut design = sales();
        design.y *= faer::Scale(1e200);
        let found = cause(&design, 1e-6).unwrap();
        assert_eq!(found.code, Code::Sf201);
        assert!(found.message.starts_with("`sales` reaches 6.14e202"), "{}", found.message);
        assert_eq!(found.remedies[0].fix, Fix::Formula("I(sales / 1e202)".to_owned()));
        // The remedy: the same target in units of 1e202.
        design.y = Mat::from_fn(12, 1, |i, _| design.y[(i, 0)] / 1e202);
        assert_eq!(cause(&design, 1e-6), None);
    }

    #[test]
    fn squares_that_vanish_are_named_with_their_column() {
        for small in [1e-300, 1e-200, 1e-163, 1e-145] {
            let mut design = sales();
            design.y *= faer::Scale(small);
            let found = cause(&design, 1e-6).unwrap();
            assert_eq!(found.code, Code::Sf201);
            assert!(found.message.contains("the loss at the answer says nothing"), "{}", found.message);
            let Fix::Formula(rewritten) = &found.remedies[0].fix else { panic!("{:?}", found.remedies) };
            let unit: f64 =
                rewritten.trim_matches(&['I', '(', ')'][..]).split(" / ").nth(1).unwrap().parse().unwrap();
            design.y = Mat::from_fn(12, 1, |i, _| design.y[(i, 0)] / unit);
            assert_eq!(cause(&design, 1e-6), None);
        }
        // Small numbers whose squares do not vanish are certified as they are.
        let mut design = sales();
        design.y *= faer::Scale(1e-135);
        assert_eq!(cause(&design, 1e-6), None);
    }

    #[test]
    fn a_gap_finer_than_the_proof_is_answered_with_the_one_that_is_proven() {
        // A certificate of a worse answer stands for one that rounding keeps from the wanted gap.
        let design = sales();
        let facts = Facts::of(&design, &["temp".to_owned()], &["sales".to_owned()]).unwrap();
        let fit = exact::solve(&design, &squared(), &|| true).unwrap();
        let mut answer = fit.candidate.coefficients.clone();
        answer.weights[(0, 0)] *= 1.0 + 1e-7;
        let proof = certify(&design, &squared(), &answer, 1e-15).unwrap();
        let found = unproven(&facts, &fit, &proof, 1e-15).unwrap();
        assert_eq!(found.code, Code::Sf106);
        let Fix::Gap(gap) = found.remedies[0].fix else { panic!("{:?}", found.remedies) };
        assert!(proof.certifies(gap) && !proof.certifies(gap / 1.2));
    }
}
