//! SF106's way out where a column lies far from 0, and its powers: the same curve in powers about a centre, which is fitted and
//! certified before it is offered.

use crate::certificate::{Certificate, certify};
use crate::data::{Block, BlockBuf, OwnedBlock, Rows, Shape};
use crate::diagnosis::{Facts, Powers};
use crate::error::{Error, Result};
use crate::num::Dd;
use crate::problem::{Intercept, Problem};
use crate::solver::exact;
use faer::Mat;

/// The column and its powers that lie far from 0, where the certificate of the same curve about their centre is `good`.
///
/// # Errors
/// When the rows can no longer be read.
pub(super) fn tried(
    rows: &dyn Rows,
    problem: &Problem,
    facts: &Facts,
    gap: f64,
    good: impl Fn(&Certificate) -> bool,
) -> Result<Option<Powers>> {
    // A penalty on other columns is another problem, and so are powers about a centre without an intercept.
    if problem.penalty.lambda != 0.0 || problem.intercept != Intercept::Free {
        return Ok(None);
    }
    let Some(powers) = Powers::far_from_zero(rows, facts)? else { return Ok(None) };
    match proof(&Centred { rows, powers: &powers }, problem, gap) {
        Ok(proof) => Ok(good(&proof).then_some(powers)),
        // No time to see whether it holds, or numbers out of range.
        Err(Error::Interrupted | Error::Data(_)) => Ok(None),
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
