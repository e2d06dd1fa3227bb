//! What solvers and certificates see of the data: numeric rows in fixed logical blocks, visited in order.
//!
//! Whether the rows lie in memory or come from a file is hidden here. The block length depends on the
//! number of columns alone, never on the reader's chunks or the thread count, and [`map_reduce`] folds
//! the blocks' results in their order: so every sum has the same bits however the data arrives.

use crate::error::{Error, Result};
use faer::{Mat, MatRef};
use rayon::prelude::*;

/// Sizes of a numeric data set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Rows in use, n.
    pub rows: usize,
    /// Columns of the design without the intercept, d.
    pub columns: usize,
    /// Targets, c.
    pub outputs: usize,
}

/// A run of consecutive rows.
#[derive(Clone, Copy)]
pub struct Block<'a> {
    /// Index of its first row among the rows in use.
    pub first: usize,
    /// The design, rows × d.
    pub x: MatRef<'a, f64>,
    /// What `x` lost to rounding, rows × d, where columns were formed in double-double: the exact entry
    /// is `x + x_low`. Absent when every entry is a plain `f64` of the data.
    pub x_low: Option<MatRef<'a, f64>>,
    /// The targets, rows × c.
    pub y: MatRef<'a, f64>,
    /// Row weights, all ≥ 0; absent means 1.
    pub weights: Option<&'a [f64]>,
}

impl<'a> Block<'a> {
    /// The `count` rows from its row `first` on.
    #[must_use]
    pub fn rows(self, first: usize, count: usize) -> Self {
        Self {
            first: self.first + first,
            x: self.x.subrows(first, count),
            x_low: self.x_low.map(|low| low.subrows(first, count)),
            y: self.y.subrows(first, count),
            weights: self.weights.map(|weights: &'a [f64]| &weights[first..first + count]),
        }
    }
}

/// A block that owns its numbers, as a streaming source makes them.
#[derive(Clone, Debug)]
pub struct OwnedBlock {
    /// See [`Block::first`].
    pub first: usize,
    /// See [`Block::x`].
    pub x: Mat<f64>,
    /// See [`Block::x_low`].
    pub x_low: Option<Mat<f64>>,
    /// See [`Block::y`].
    pub y: Mat<f64>,
    /// See [`Block::weights`].
    pub weights: Option<Vec<f64>>,
}

/// Borrowed from memory, or owned by the visitor.
pub enum BlockBuf<'a> {
    /// A view of a design in memory.
    Borrowed(Block<'a>),
    /// A block read from a stream.
    Owned(OwnedBlock),
}

impl BlockBuf<'_> {
    /// The block, wherever it lives.
    pub fn view(&self) -> Block<'_> {
        match self {
            Self::Borrowed(block) => *block,
            Self::Owned(block) => Block {
                first: block.first,
                x: block.x.as_ref(),
                x_low: block.x_low.as_ref().map(Mat::as_ref),
                y: block.y.as_ref(),
                weights: block.weights.as_deref(),
            },
        }
    }
}

/// Numeric rows that can be visited any number of times, always in the same blocks.
pub trait Rows: Sync {
    /// Sizes.
    fn shape(&self) -> Shape;

    /// The blocks from the first row on, each of [`block_rows`] rows but the last. An item is an error
    /// when the file behind the rows can no longer be read; nothing follows it.
    fn blocks(&self) -> Box<dyn Iterator<Item = Result<BlockBuf<'_>>> + '_>;
}

/// Rows whose walks end in [`Error::Interrupted`] once `go_on`, asked before every block, says no.
#[derive(Clone, Copy)]
pub struct Watched<'a> {
    rows: &'a dyn Rows,
    go_on: &'a (dyn Fn() -> bool + Sync),
}

impl<'a> Watched<'a> {
    /// The same rows, in the same blocks.
    pub fn new(rows: &'a dyn Rows, go_on: &'a (dyn Fn() -> bool + Sync)) -> Self {
        Self { rows, go_on }
    }
}

impl Rows for Watched<'_> {
    fn shape(&self) -> Shape {
        self.rows.shape()
    }

    fn blocks(&self) -> Box<dyn Iterator<Item = Result<BlockBuf<'_>>> + '_> {
        let mut over = false;
        Box::new(self.rows.blocks().map_while(move |block| {
            if over {
                return None;
            }
            over = !(self.go_on)();
            Some(if over { Err(Error::Interrupted) } else { block })
        }))
    }
}

/// Rows in one logical block of a design with `columns` columns: about 2¹⁷ numbers, 1 MiB.
pub fn block_rows(columns: usize) -> usize {
    let target = (1usize << 17) / columns.max(1);
    target.next_power_of_two().clamp(256, 8192)
}

/// Applies `map` to every block, in parallel, and `fold` to the results in the order of the blocks.
///
/// # Errors
/// The first error in block order, of the rows or of `map`.
pub fn map_reduce<A: Send>(
    rows: &dyn Rows,
    map: impl Fn(Block<'_>) -> A + Sync,
    mut fold: impl FnMut(A),
) -> Result<()> {
    let in_flight = 2 * rayon::current_num_threads();
    let mut blocks = rows.blocks();
    loop {
        let batch = blocks.by_ref().take(in_flight).collect::<Result<Vec<_>>>()?;
        if batch.is_empty() {
            return Ok(());
        }
        let results: Vec<A> = batch.par_iter().map(|block| map(block.view())).collect();
        results.into_iter().for_each(&mut fold);
    }
}
