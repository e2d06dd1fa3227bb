//! Rows as dual ascent wants them: the scores of a handful, inner products within it, and weights that follow.
//!
//! Weights are kept class by class for dense rows and feature by feature for sparse ones, whichever is contiguous
//! for the products that they take part in.

use super::place;
use crate::data::features::{Csr, Features, Index, Number};
use crate::data::sparse::{self, ByFeature};
use crate::num::aligned::Aligned;
use crate::num::skinny::{Ahead, Panel, combine, dots, inner};
use faer::{Mat, MatRef};

/// Rows in a handful of dense ones: so many share each reading of the weights.
const DENSE: usize = 8;

/// Rows in random access, and weights W of columns that are divided by the roots of their penalty factors.
pub(super) trait Store: Send + Sync {
    /// Rows of a handful, at most.
    fn handful(&self) -> usize;

    /// n: `‖xᵢ‖²`.
    fn squares(&self) -> Vec<f64>;

    /// `z += XW` for some rows, while those that come next are asked for from memory; z is rows × c.
    fn add_scores(&mut self, rows: &[u32], next: &[u32], z: &mut [f64]);

    /// `xᵢ·xⱼ` for the row at place `i` of a handful, and all later ones.
    fn inner(&self, rows: &[u32], i: usize, products: &mut [f64]);

    /// `W += Σ xᵢᵀ changeᵢ` over a handful; changes are rows × c.
    fn follow(&mut self, rows: &[u32], changes: &[f64]);

    /// W as it is kept, in an order of its own.
    fn kept(&self) -> &[f64];

    /// Numbers in that order as weights of the user's columns, times `scale`: d × c.
    fn weights_of(&self, kept: &[f64], scale: f64) -> Mat<f64>;
}

/// The store for features of any kind.
pub(super) fn store<'a>(x: &Features<'a>, outputs: usize, factors: Option<&[f64]>) -> Box<dyn Store + 'a> {
    let roots: Option<Vec<f64>> = factors.map(|factors| factors.iter().map(|f| 1.0 / f.sqrt()).collect());
    match *x {
        Features::F64(x) => dense(x, outputs, roots),
        Features::F32(x) => dense(x, outputs, roots),
        Features::Csr64(x) => sparse(x, outputs, roots),
        Features::Csr32(x) => sparse(x, outputs, roots),
        Features::LongCsr64(x) => sparse(x, outputs, roots),
        Features::LongCsr32(x) => sparse(x, outputs, roots),
    }
}

fn dense<V: Number>(x: MatRef<'_, V>, outputs: usize, roots: Option<Vec<f64>>) -> Box<dyn Store + '_> {
    let weights = Panel::zeros(x.ncols(), outputs);
    let contiguous = x.nrows() == 0 || x.row(0).try_as_row_major().is_some();
    match roots {
        None if contiguous => Box::new(Dense { rows: Borrowed(x), roots, weights, sums: Aligned::default() }),
        // Laid out once.
        None => {
            let numbers = (0..x.nrows()).flat_map(|i| x.row(i).iter().copied()).collect();
            Box::new(Dense {
                rows: LaidOut::<V> { numbers, length: x.ncols() },
                roots,
                weights,
                sums: Aligned::default(),
            })
        }
        Some(scales) => {
            let scaled = |i| x.row(i).iter().zip(&scales).map(|(x, scale)| x.wide() * scale);
            let numbers = (0..x.nrows()).flat_map(scaled).collect();
            let rows = LaidOut::<f64> { numbers, length: x.ncols() };
            Box::new(Dense { rows, roots: Some(scales), weights, sums: Aligned::default() })
        }
    }
}

/// Contiguous dense rows.
trait RowsOf: Send + Sync {
    type Number: Number;
    fn count(&self) -> usize;
    fn row(&self, i: usize) -> &[Self::Number];
}

/// Rows of the owner's matrix.
struct Borrowed<'a, V>(MatRef<'a, V>);

impl<V: Number> RowsOf for Borrowed<'_, V> {
    type Number = V;

    fn count(&self) -> usize {
        self.0.nrows()
    }

    fn row(&self, i: usize) -> &[V] {
        self.0.row(i).try_as_row_major().map_or(&[], |row| row.as_slice())
    }
}

/// Rows of our own.
struct LaidOut<V> {
    numbers: Vec<V>,
    length: usize,
}

impl<V: Number> RowsOf for LaidOut<V> {
    type Number = V;

    fn count(&self) -> usize {
        self.numbers.len() / self.length.max(1)
    }

    fn row(&self, i: usize) -> &[V] {
        &self.numbers[i * self.length..(i + 1) * self.length]
    }
}

struct Dense<R> {
    rows: R,
    /// What columns were multiplied by.
    roots: Option<Vec<f64>>,
    weights: Panel,
    /// Of [`dots`].
    sums: Aligned,
}

/// Some of the rows.
fn slices<'t, R: RowsOf>(all: &'t R, rows: &[u32]) -> Vec<&'t [R::Number]> {
    rows.iter().map(|i| all.row(place(*i))).collect()
}

impl<R: RowsOf> Store for Dense<R> {
    fn handful(&self) -> usize {
        DENSE
    }

    fn squares(&self) -> Vec<f64> {
        let square = |i| self.rows.row(i).iter().map(|x| x.wide() * x.wide()).sum();
        (0..self.rows.count()).map(square).collect()
    }

    fn add_scores(&mut self, rows: &[u32], next: &[u32], z: &mut [f64]) {
        let Self { rows: all, sums, weights, .. } = self;
        let next = slices(all, next);
        dots(&slices(all, rows), weights, z, sums, &mut Ahead::of_dots(&next));
    }

    fn inner(&self, rows: &[u32], i: usize, products: &mut [f64]) {
        let row = |i: usize| self.rows.row(place(rows[i]));
        products.iter_mut().zip(i + 1..).for_each(|(product, j)| *product = inner(row(i), row(j)));
    }

    fn follow(&mut self, rows: &[u32], changes: &[f64]) {
        combine(&slices(&self.rows, rows), changes, &mut self.weights, &mut Ahead::nothing());
    }

    fn kept(&self) -> &[f64] {
        self.weights.values()
    }

    fn weights_of(&self, kept: &[f64], scale: f64) -> Mat<f64> {
        let root = |j: usize| self.roots.as_ref().map_or(1.0, |roots| roots[j]);
        let (d, c) = (self.weights.length(), self.weights.width());
        Mat::from_fn(d, c, |j, k| kept[self.weights.place(j, k)] * scale * root(j))
    }
}

fn sparse<'a, V: Number, I: Index>(
    x: Csr<'a, V, I>,
    c: usize,
    roots: Option<Vec<f64>>,
) -> Box<dyn Store + 'a> {
    Box::new(Sparse { x, roots, weights: ByFeature::zeros(x.columns(), c), room: Vec::new() })
}

struct Sparse<'a, V, I> {
    x: Csr<'a, V, I>,
    /// What columns are multiplied by.
    roots: Option<Vec<f64>>,
    weights: ByFeature,
    /// The numbers of a row, where its columns are multiplied.
    room: Vec<f64>,
}

impl<V: Number, I: Index> Sparse<'_, V, I> {
    /// Columns and numbers of a row.
    fn entries(&self, i: usize) -> impl Iterator<Item = (usize, f64)> + '_ {
        let (indices, values) = self.x.row(i);
        let roots = self.roots.as_deref();
        indices.iter().zip(values).filter_map(move |(j, x)| {
            let j = j.place()?;
            Some((j, x.wide() * roots.map_or(1.0, |roots| roots[j])))
        })
    }

    /// The numbers of row `i` into `room`, multiplied by `roots`.
    fn multiplied(&mut self, i: usize) {
        let (indices, values) = self.x.row(i);
        let root = |j: &I| self.roots.as_ref().zip(j.place()).and_then(|(roots, j)| roots.get(j)).copied();
        self.room.clear();
        self.room.extend(indices.iter().zip(values).map(|(j, x)| x.wide() * root(j).unwrap_or(0.0)));
    }
}

impl<V: Number, I: Index> Store for Sparse<'_, V, I> {
    fn handful(&self) -> usize {
        1
    }

    fn squares(&self) -> Vec<f64> {
        (0..self.x.rows()).map(|i| self.entries(i).map(|(_, x)| x * x).sum()).collect()
    }

    fn add_scores(&mut self, rows: &[u32], next: &[u32], z: &mut [f64]) {
        let c = z.len() / rows.len().max(1);
        let next = next.first().map(|i| self.x.row(place(*i)));
        if let Some(row) = next {
            sparse::ask_for_row(row);
        }
        for (&i, z) in rows.iter().zip(z.chunks_exact_mut(c.max(1))) {
            let (indices, values) = self.x.row(place(i));
            if self.roots.is_some() {
                self.multiplied(place(i));
                sparse::add_scores((indices, &self.room), &self.weights, z);
            } else {
                sparse::add_scores((indices, values), &self.weights, z);
            }
        }
        if let Some((indices, _)) = next {
            sparse::ask_for_weights(indices, &self.weights);
        }
    }

    fn inner(&self, _rows: &[u32], _i: usize, _products: &mut [f64]) {}

    fn follow(&mut self, rows: &[u32], changes: &[f64]) {
        let (c, stride) = (changes.len() / rows.len().max(1), self.weights.stride());
        for (&i, change) in rows.iter().zip(changes.chunks_exact(c.max(1))) {
            let (indices, values) = self.x.row(place(i));
            if self.roots.is_some() {
                self.multiplied(place(i));
                let weights = self.weights.numbers_mut();
                sparse::add_multiples((indices, &self.room), 0, change, weights, stride);
            } else {
                sparse::add_multiples((indices, values), 0, change, self.weights.numbers_mut(), stride);
            }
        }
    }

    fn kept(&self) -> &[f64] {
        self.weights.numbers()
    }

    fn weights_of(&self, kept: &[f64], scale: f64) -> Mat<f64> {
        let root = |j: usize| self.roots.as_ref().map_or(1.0, |roots| roots[j]);
        let (d, stride) = (self.x.columns(), self.weights.stride());
        Mat::from_fn(d, self.weights.outputs(), |j, k| kept[j * stride + k] * scale * root(j))
    }
}
