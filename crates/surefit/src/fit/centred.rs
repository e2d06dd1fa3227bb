//! SF106's way out where a column lies far from 0, and its powers: the same curve in powers about a centre, which is fitted and
//! certified before it is offered.

use crate::certificate::{Certificate, certify};
use crate::data::{Block, BlockBuf, OwnedBlock, Rows, Shape};
use crate::diagnosis::{Code, Diagnosis, Facts, Finding, Powers, Remedy, figure};
use crate::error::{Error, Result};
use crate::num::Dd;
use crate::problem::{Intercept, Problem};
use crate::solver::exact;
use faer::Mat;
use serde_json::{Map, json};

/// Adds the remedy to the cause where the answer in these columns comes out certified.
///
/// # Errors
/// When the rows can no longer be read.
pub(super) fn offer(
    rows: &dyn Rows,
    problem: &Problem,
    facts: &Facts,
    gap: f64,
    cause: &mut Diagnosis,
) -> Result<()> {
    if cause.code == Code::Sf106 {
        let tried = tried(rows, problem, facts, gap, &|proof| proof.certifies(gap))?;
        cause.remedies.splice(0..0, tried.map(|(remedy, _)| remedy));
    }
    Ok(())
}

/// The same for an answer that is certified only because rounding excuses its gap, where it is no exact fit: its
/// coefficients cannot say it better, others can.
///
/// # Errors
/// As [`offer`].
pub(super) fn advise(
    rows: &dyn Rows,
    problem: &Problem,
    facts: &Facts,
    gap: f64,
    certificate: &Certificate,
) -> Result<Option<Finding>> {
    let tried = tried(rows, problem, facts, gap, &|proof| proof.relative_gap() <= gap)?;
    let finding = |(remedy, column): (Remedy, usize)| {
        let (relative, offset) = (certificate.relative_gap(), facts.offset(column));
        let message = format!(
            "rounding the coefficients to 64 bits leaves a relative gap of {}, above the wanted {}: mean({}) is {}× its spread",
            figure(relative, 2),
            figure(gap, 3),
            facts.columns[column],
            figure(offset, 3)
        );
        let mut evidence = Map::new();
        evidence.insert("relative_gap".to_owned(), json!(relative));
        evidence.insert("wanted_gap".to_owned(), json!(gap));
        Finding { code: Code::Sf106, message, evidence, remedies: vec![remedy] }
    };
    Ok(tried.map(finding))
}

/// The remedy, and the column that it is about, where the answer in these columns is `good`.
fn tried(
    rows: &dyn Rows,
    problem: &Problem,
    facts: &Facts,
    gap: f64,
    good: &dyn Fn(&Certificate) -> bool,
) -> Result<Option<(Remedy, usize)>> {
    // A penalty on other columns is another problem, and so are powers about a centre without an intercept.
    if problem.penalty.lambda != 0.0 || problem.intercept != Intercept::Free {
        return Ok(None);
    }
    let Some(powers) = Powers::far_from_zero(rows, facts)? else { return Ok(None) };
    match proof(&Centred { rows, powers: &powers }, problem, gap) {
        Ok(proof) if good(&proof) => {
            let remedy = Remedy { proven: true, ..powers.about_the_centre(facts) };
            Ok(Some((remedy, powers.columns[0])))
        }
        // No time to see whether it holds, or numbers out of range.
        Ok(_) | Err(Error::Interrupted | Error::Data(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

fn proof(rows: &dyn Rows, problem: &Problem, gap: f64) -> Result<Certificate> {
    let exact = exact::solve(rows, problem, &|| true)?;
    certify(rows, problem, &exact.candidate.coefficients, gap)
}

/// Rows with the powers of a column replaced by those of its distance from a centre, formed as a formula forms them.
struct Centred<'a> {
    rows: &'a dyn Rows,
    powers: &'a Powers,
}

impl Centred<'_> {
    fn centre(&self, block: &Block<'_>) -> OwnedBlock {
        let (n, d) = (block.x.nrows(), block.x.ncols());
        let mut x = block.x.to_owned();
        let mut low = block.x_low.map_or_else(|| Mat::zeros(n, d), |low| low.to_owned());
        for i in 0..n {
            let base = self.powers.columns[0];
            let own = Dd { hi: block.x[(i, base)], lo: block.x_low.map_or(0.0, |low| low[(i, base)]) };
            for (&j, power) in self.powers.columns.iter().zip(1..) {
                let value = (own - self.powers.centre).powi(power);
                (x[(i, j)], low[(i, j)]) = (value.hi, value.lo);
            }
        }
        let weights = block.weights.map(<[f64]>::to_vec);
        OwnedBlock { first: block.first, x, x_low: Some(low), y: block.y.to_owned(), weights }
    }
}

impl Rows for Centred<'_> {
    fn shape(&self) -> Shape {
        self.rows.shape()
    }

    fn blocks(&self) -> Box<dyn Iterator<Item = Result<BlockBuf<'_>>> + '_> {
        Box::new(self.rows.blocks().map(|block| Ok(BlockBuf::Owned(self.centre(&block?.view())))))
    }
}
