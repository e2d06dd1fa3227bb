//! From a file to numbers: a [`read::Source`] is scanned once into a [`Table`](spool::Table) (typed columns,
//! in memory or in a temporary file), a [`formula`] and the scan give a [`Recipe`](encode::Recipe), and the
//! recipe turns the table into [`Rows`], which is all that solvers and certificates see.

mod check;
pub mod classes;
mod design;
pub mod encode;
pub mod features;
pub mod formula;
mod label_columns;
mod label_sets;
pub mod moments;
pub(crate) mod products;
pub mod read;
mod rows;
mod sample_set;
mod samples;
pub mod scale;
pub(crate) mod sparse;
pub mod spool;
mod table;

pub use check::{DataError, Place, Role};
pub use classes::{ClassError, ClassList, Labels};
pub use design::{Design, DesignRef};
pub use features::Features;
pub use formula::FormulaError;
pub use label_columns::LabelError;
pub use label_sets::{LabelRows, LabelSets};
pub use products::Products;
pub use read::ReadError;
pub use rows::{Block, BlockBuf, OwnedBlock, Rows, Shape, Watched, block_rows, map_reduce};
pub use sample_set::SampleSet;
pub use samples::Samples;
pub use table::{Chunk, Column, ColumnKind, Levels, Values};
