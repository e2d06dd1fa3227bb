//! SF106's way out where a column lies far from 0, and its powers: the same curve in powers about a centre, which is fitted and
//! certified before it is offered.

use crate::certificate::certify;
use crate::data::{Block, BlockBuf, OwnedBlock, Rows, Shape};
use crate::diagnosis::{Code, Diagnosis, Facts, Powers, Remedy};
use crate::error::{Error, Result};
use crate::num::Dd;
use crate::problem::{Intercept, Problem};
use crate::solver::exact;
use faer::Mat;

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
    // A penalty on other columns is another problem, and so are powers about a centre without an intercept.
    let same = problem.penalty.lambda == 0.0 && problem.intercept == Intercept::Free;
    if cause.code != Code::Sf106 || !same {
        return Ok(());
    }
    let Some(powers) = Powers::far_from_zero(rows, facts)? else { return Ok(()) };
    match certifies(&Centred { rows, powers: &powers }, problem, gap) {
        Ok(true) => {
            let remedy = powers.about_the_centre(facts);
            cause.remedies.insert(0, Remedy { proven: true, ..remedy });
            Ok(())
        }
        // No time to see whether it holds, or numbers out of range.
        Ok(false) | Err(Error::Interrupted | Error::Data(_)) => Ok(()),
        Err(error) => Err(error),
    }
}

fn certifies(rows: &dyn Rows, problem: &Problem, gap: f64) -> Result<bool> {
    let exact = exact::solve(rows, problem, &|| true)?;
    Ok(certify(rows, problem, &exact.candidate.coefficients, gap)?.certifies(gap))
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
