//! Sparse rows in memory, as the readers of sparse formats make them: compressed rows whose starts and indices are 32
//! bits wide as long as the number of entries allows.

use crate::data::features::{Csr, Features};
use crate::error::{Error, Result};

/// n rows of d columns, owned; an entry that is 0 is not stored.
#[derive(Debug)]
pub struct SparseRows {
    columns: usize,
    places: Places,
    values: Vec<f64>,
    /// Entries that 32-bit starts can count.
    short_limit: usize,
}

#[derive(Debug)]
enum Places {
    Short { starts: Vec<i32>, indices: Vec<i32> },
    Long { starts: Vec<i64>, indices: Vec<i64> },
}

impl Default for SparseRows {
    /// No rows.
    fn default() -> Self {
        Self::with_short_limit(usize::try_from(i32::MAX).unwrap_or(usize::MAX))
    }
}

impl SparseRows {
    /// No rows; beyond so many entries their places are wide.
    pub(super) fn with_short_limit(short_limit: usize) -> Self {
        let places = Places::Short { starts: vec![0], indices: Vec::new() };
        Self { columns: 0, places, values: Vec::new(), short_limit }
    }

    /// Further rows: where each ends among the entries that follow, their columns and their values.
    pub(super) fn extend(&mut self, ends: &[usize], columns: &[i32], values: &[f64]) -> Result<()> {
        let entries = self.values.len();
        self.values.extend_from_slice(values);
        if self.values.len() > self.short_limit {
            self.places.widen();
        }
        self.places.extend(entries, ends, columns)
    }

    /// No more rows.
    pub(super) fn finish(mut self, columns: usize) -> Self {
        self.values.shrink_to_fit();
        self.places.shrink();
        self.columns = columns;
        self
    }

    /// d.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Entries that are stored.
    pub fn entries(&self) -> usize {
        self.values.len()
    }

    /// The rows, borrowed.
    ///
    /// # Errors
    /// Never for rows that were read; [`Csr`] checks whatever it is given.
    pub fn features(&self) -> Result<Features<'_>> {
        let values = &self.values;
        Ok(match &self.places {
            Places::Short { starts, indices } => {
                Features::Csr64(Csr::new(self.columns, starts, indices, values)?)
            }
            Places::Long { starts, indices } => {
                Features::LongCsr64(Csr::new(self.columns, starts, indices, values)?)
            }
        })
    }
}

impl Places {
    /// Rows that end at `ends` after `entries` entries.
    fn extend(&mut self, entries: usize, ends: &[usize], columns: &[i32]) -> Result<()> {
        let far = |_| Error::Internal("more entries than their places can count".to_owned());
        match self {
            Self::Short { starts, indices } => {
                indices.extend_from_slice(columns);
                for end in ends {
                    starts.push(i32::try_from(entries + end).map_err(far)?);
                }
            }
            Self::Long { starts, indices } => {
                indices.extend(columns.iter().map(|&index| i64::from(index)));
                for end in ends {
                    starts.push(i64::try_from(entries + end).map_err(far)?);
                }
            }
        }
        Ok(())
    }

    fn widen(&mut self) {
        if let Self::Short { starts, indices } = self {
            let wide = |short: &[i32]| short.iter().map(|&place| i64::from(place)).collect();
            *self = Self::Long { starts: wide(starts), indices: wide(indices) };
        }
    }

    fn shrink(&mut self) {
        match self {
            Self::Short { starts, indices } => {
                starts.shrink_to_fit();
                indices.shrink_to_fit();
            }
            Self::Long { starts, indices } => {
                starts.shrink_to_fit();
                indices.shrink_to_fit();
            }
        }
    }
}
