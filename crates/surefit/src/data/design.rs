//! A design in memory: the numeric matrix, targets and weights that a model is fitted to.

use super::rows::{Block, BlockBuf, Rows, Shape, block_rows};
use crate::error::Result;
use faer::{Mat, MatRef};

/// Numbers in memory, owned.
#[derive(Clone, Debug)]
pub struct Design {
    /// n × d, without a column of ones.
    pub x: Mat<f64>,
    /// What `x` lost to rounding where columns were formed in double-double; see [`Block::x_low`].
    pub x_low: Option<Mat<f64>>,
    /// n × c.
    pub y: Mat<f64>,
    /// n row weights, all ≥ 0; absent means 1.
    pub weights: Option<Vec<f64>>,
}

/// Numbers in memory, borrowed: any strides, so that a caller's C- or F-ordered array needs no copy.
#[derive(Clone, Copy)]
pub struct DesignRef<'a> {
    /// See [`Design::x`].
    pub x: MatRef<'a, f64>,
    /// See [`Design::x_low`].
    pub x_low: Option<MatRef<'a, f64>>,
    /// See [`Design::y`].
    pub y: MatRef<'a, f64>,
    /// See [`Design::weights`].
    pub weights: Option<&'a [f64]>,
}

impl Design {
    /// A view of everything.
    pub fn as_ref(&self) -> DesignRef<'_> {
        DesignRef {
            x: self.x.as_ref(),
            x_low: self.x_low.as_ref().map(Mat::as_ref),
            y: self.y.as_ref(),
            weights: self.weights.as_deref(),
        }
    }

    /// Gathers streamed rows into memory.
    ///
    /// # Errors
    /// When the rows can no longer be read.
    pub fn gather(rows: &dyn Rows) -> Result<Self> {
        let Shape { rows: n, columns: d, outputs: c } = rows.shape();
        let mut design = Self { x: Mat::zeros(n, d), x_low: None, y: Mat::zeros(n, c), weights: None };
        for block in rows.blocks() {
            let block = block?;
            let Block { first, x, x_low, y, weights } = block.view();
            let count = x.nrows();
            design.x.as_mut().subrows_mut(first, count).copy_from(x);
            design.y.as_mut().subrows_mut(first, count).copy_from(y);
            if let Some(low) = x_low {
                let whole = design.x_low.get_or_insert_with(|| Mat::zeros(n, d));
                whole.as_mut().subrows_mut(first, count).copy_from(low);
            }
            if let Some(weights) = weights {
                let whole = design.weights.get_or_insert_with(|| Vec::with_capacity(n));
                whole.extend_from_slice(weights);
            }
        }
        Ok(design)
    }
}

impl<'a> DesignRef<'a> {
    /// The `count` rows from row `first` on.
    fn block(&self, first: usize, count: usize) -> Block<'a> {
        Block {
            first,
            x: self.x.subrows(first, count),
            x_low: self.x_low.map(|low| low.subrows(first, count)),
            y: self.y.subrows(first, count),
            weights: self.weights.map(|weights| &weights[first..first + count]),
        }
    }

    /// All logical blocks in order.
    fn walk(self) -> impl Iterator<Item = Result<BlockBuf<'a>>> {
        let (n, step) = (self.x.nrows(), block_rows(self.x.ncols()));
        (0..n).step_by(step).map(move |first| Ok(BlockBuf::Borrowed(self.block(first, step.min(n - first)))))
    }
}

impl Rows for DesignRef<'_> {
    fn shape(&self) -> Shape {
        Shape { rows: self.x.nrows(), columns: self.x.ncols(), outputs: self.y.ncols() }
    }

    fn blocks(&self) -> Box<dyn Iterator<Item = Result<BlockBuf<'_>>> + '_> {
        Box::new(self.walk())
    }
}

impl Rows for Design {
    fn shape(&self) -> Shape {
        self.as_ref().shape()
    }

    fn blocks(&self) -> Box<dyn Iterator<Item = Result<BlockBuf<'_>>> + '_> {
        Box::new(self.as_ref().walk())
    }
}
