//! A pass over samples in memory, in the storage that they have: scores, loss and gradient of some rows while these
//! are in the cache, and Hessian–vector products in the same way.
//!
//! Dense rows go by in fixed strips; each strip sums its own gradient, and the sums are added in the order of the
//! strips. Sparse rows have too many columns for that: their scores go by rows, their gradient by ranges of columns,
//! each entry summed in the order of the rows. So the bits are the same at any number of threads. The arithmetic
//! is 4ndc flops a pass, against n·d numbers read.

use super::{Answer, Ask, Oracle};
use crate::data::features::{Csr, Features, Index, Number};
use crate::data::{Samples, Shape};
use crate::error::Result;
use crate::loss::{self, Loss};
use crate::num::skinny::{combine, dots};
use crate::problem::{Coefficients, LossKind};
use faer::{MatMut, MatRef};
use rayon::prelude::*;
use std::ops::Range;

/// Numbers of a dense block, about: together with weights and gradient it stays in the second-level cache.
const BLOCK: usize = 1 << 16;
/// Rows of a block, at least and at most.
const BLOCK_ROWS: (usize, usize) = (16, 256);
/// Rows of a strip, about.
const STRIP_ROWS: usize = 2048;
/// Below so many multiplications one thread is faster than two.
const SERIAL: usize = 1 << 16;

/// Samples as an oracle of their mean loss. Its scores are those of the point at which the gradient was last asked
/// for.
pub struct Pass<'a> {
    samples: Samples<'a>,
    loss: Box<dyn Loss>,
    total: f64,
    /// n × c, row by row.
    scores: Vec<f64>,
    /// n × c: those of the direction of the last [`Self::head`].
    heading: Vec<f64>,
    /// Room for one answer before it is divided.
    sums: Sums,
}

/// Σ over rows, feature by feature for sparse rows and class by class for dense ones.
#[derive(Debug, Default)]
struct Sums {
    value: f64,
    weights: Vec<f64>,
    intercept: Vec<f64>,
}

/// Turns the scores of some rows into what is summed over them, and returns a value.
type Act<'f> = &'f (dyn Fn(Range<usize>, MatMut<'_, f64>) -> f64 + Sync);

impl<'a> Pass<'a> {
    /// An oracle of the mean `loss` over `samples`.
    ///
    /// # Errors
    /// When the loss has a δ that makes no sense.
    pub fn new(samples: Samples<'a>, loss: LossKind) -> Result<Self> {
        loss.check()?;
        let count = samples.x.rows() * samples.outputs;
        Ok(Self {
            samples,
            loss: loss::named(loss),
            total: samples.total_weight(),
            scores: vec![0.0; count],
            heading: Vec::new(),
            sums: Sums::default(),
        })
    }

    /// The samples.
    pub fn samples(&self) -> Samples<'a> {
        self.samples
    }

    /// n × c: the scores at the point last evaluated.
    pub fn scores(&self) -> MatRef<'_, f64> {
        MatRef::from_row_major_slice(&self.scores, self.samples.x.rows(), self.samples.outputs)
    }

    /// Puts the Hessian of the mean loss at the point last evaluated times `direction` into `product`, whose value is
    /// half the product of both.
    pub fn hessian_vector(&mut self, direction: &Coefficients, product: &mut Answer) {
        let Self { samples, loss, scores, sums, total, .. } = self;
        let (samples, loss, c) = (*samples, &**loss, samples.outputs);
        let act = |rows: Range<usize>, v: MatMut<'_, f64>| {
            let z = &scores[rows.start * c..rows.end * c];
            let z = MatRef::from_row_major_slice(z, rows.len(), c);
            let (targets, weights) = of_rows(&samples, &rows);
            loss.hessian(z, targets, weights, v);
            0.0
        };
        sweep(&samples, Some(direction), &act, &mut [], Some(sums));
        sums.mean_into(&samples, *total, product);
        let pairs = (0..samples.outputs)
            .flat_map(|k| direction.weights.col_as_slice(k).iter().zip(product.weights.col_as_slice(k)));
        let pairs = pairs.chain(direction.intercept.iter().zip(&product.intercept));
        product.value = 0.5 * pairs.map(|(v, h)| v * h).sum::<f64>();
    }

    /// Computes the scores of a direction, so that [`Self::along`] needs no pass over the data.
    pub fn head(&mut self, direction: &Coefficients) {
        let Self { samples, heading, .. } = self;
        heading.resize(samples.x.rows() * samples.outputs, 0.0);
        sweep(samples, Some(direction), &|_, _| 0.0, heading, None);
    }

    /// The mean loss, and its derivative in t, at the point last evaluated plus t times the direction of the last
    /// [`Self::head`].
    pub fn along(&self, t: f64) -> (f64, f64) {
        let Self { samples, loss, scores, heading, total, .. } = self;
        let (n, c) = (samples.x.rows(), samples.outputs);
        let part = |strip: usize| {
            let rows = strip * STRIP_ROWS..n.min((strip + 1) * STRIP_ROWS);
            let (from, to) = (rows.start * c, rows.end * c);
            let heading = &heading[from..to];
            let mut z: Vec<f64> = scores[from..to].iter().zip(heading).map(|(z, u)| z + t * u).collect();
            let (targets, weights) = of_rows(samples, &rows);
            let view = MatMut::from_row_major_slice_mut(&mut z, rows.len(), c);
            let value = loss.block(view, targets, weights);
            (value, z.iter().zip(heading).map(|(g, u)| g * u).sum::<f64>())
        };
        let strips = 0..n.div_ceil(STRIP_ROWS);
        let parts: Vec<(f64, f64)> = strips.into_par_iter().map(part).collect();
        let (value, slope) = parts.iter().fold((0.0, 0.0), |sum, part| (sum.0 + part.0, sum.1 + part.1));
        (value / total, slope / total)
    }

    /// Takes the step that [`Self::along`] would look at: the scores become those of the new point.
    pub fn advance(&mut self, t: f64) {
        self.scores.iter_mut().zip(&self.heading).for_each(|(z, u)| *z += t * u);
    }

    /// What [`Oracle::eval`] would say at the point that [`Self::advance`] came to, in half a pass: its scores
    /// are known, but for the rounding of the steps.
    pub fn arrive(&mut self, answer: &mut Answer) {
        let Self { samples, loss, scores, sums, total, .. } = self;
        let (samples, loss, c) = (*samples, &**loss, samples.outputs);
        let act = |rows: Range<usize>, mut z: MatMut<'_, f64>| {
            let known = &scores[rows.start * c..rows.end * c];
            z.copy_from(MatRef::from_row_major_slice(known, rows.len(), c));
            let (targets, weights) = of_rows(&samples, &rows);
            loss.block(z, targets, weights)
        };
        sums.value = sweep(&samples, None, &act, &mut [], Some(sums));
        sums.mean_into(&samples, *total, answer);
        answer.value = sums.value / *total;
    }
}

impl Oracle for Pass<'_> {
    fn shape(&self) -> Shape {
        self.samples.shape()
    }

    fn eval(&mut self, at: &Coefficients, ask: Ask, answer: &mut Answer) -> Result<()> {
        let Self { samples, loss, scores, sums, total, .. } = self;
        let loss = &**loss;
        let act = |rows: Range<usize>, z: MatMut<'_, f64>| {
            let (targets, weights) = of_rows(samples, &rows);
            loss.block(z, targets, weights)
        };
        match ask {
            Ask::Value => answer.value = sweep(samples, Some(at), &act, &mut [], None) / *total,
            Ask::Gradient => {
                sums.value = sweep(samples, Some(at), &act, scores, Some(sums));
                sums.mean_into(samples, *total, answer);
                answer.value = sums.value / *total;
            }
        }
        Ok(())
    }
}

impl Sums {
    /// Room for sums of these samples, all 0.
    fn clear(&mut self, shape: Shape) {
        self.weights.clear();
        self.weights.resize(shape.columns * shape.outputs, 0.0);
        self.intercept.clear();
        self.intercept.resize(shape.outputs, 0.0);
        self.value = 0.0;
    }

    fn add(&mut self, other: &Self) {
        self.value += other.value;
        self.weights.iter_mut().zip(&other.weights).for_each(|(sum, part)| *sum += part);
        self.intercept.iter_mut().zip(&other.intercept).for_each(|(sum, part)| *sum += part);
    }

    /// The means, but for the value.
    fn mean_into(&self, samples: &Samples<'_>, total: f64, answer: &mut Answer) {
        let (d, c) = (samples.x.columns(), samples.outputs);
        let by_feature = samples.x.is_sparse();
        for k in 0..c {
            let out = answer.weights.col_as_slice_mut(k);
            if by_feature {
                out.iter_mut().enumerate().for_each(|(j, out)| *out = self.weights[j * c + k] / total);
            } else {
                let sums = &self.weights[k * d..(k + 1) * d];
                out.iter_mut().zip(sums).for_each(|(out, sum)| *out = sum / total);
            }
        }
        answer.intercept.iter_mut().zip(&self.intercept).for_each(|(out, sum)| *out = sum / total);
    }
}

fn of_rows<'a>(samples: &Samples<'a>, rows: &Range<usize>) -> (loss::Targets<'a>, Option<&'a [f64]>) {
    let weights = samples.weights.and_then(|weights| weights.get(rows.clone()));
    (samples.targets.rows(rows.start, rows.len()), weights)
}

/// Scores of all rows, zeros without a point, into `keep` where it has room, then `act` on them; returns the sum of its values and,
/// where wanted, sums `Xᵀ` times what it left, by features of sparse rows and by classes of dense ones.
fn sweep(
    samples: &Samples<'_>,
    at: Option<&Coefficients>,
    act: Act<'_>,
    keep: &mut [f64],
    sums: Option<&mut Sums>,
) -> f64 {
    match samples.x {
        Features::F64(x) => dense(x, samples, at, act, keep, sums),
        Features::F32(x) => dense(x, samples, at, act, keep, sums),
        Features::Csr64(x) => sparse(&x, samples, at, act, keep, sums),
        Features::Csr32(x) => sparse(&x, samples, at, act, keep, sums),
        Features::LongCsr64(x) => sparse(&x, samples, at, act, keep, sums),
        Features::LongCsr32(x) => sparse(&x, samples, at, act, keep, sums),
    }
}

/// [`sweep`] over dense rows.
fn dense<V: Number>(
    x: MatRef<'_, V>,
    samples: &Samples<'_>,
    at: Option<&Coefficients>,
    act: Act<'_>,
    keep: &mut [f64],
    sums: Option<&mut Sums>,
) -> f64 {
    let (shape, n) = (samples.shape(), samples.x.rows());
    let walk = Walk {
        x,
        at,
        act,
        shape,
        block: (BLOCK / shape.columns.max(1)).clamp(BLOCK_ROWS.0, BLOCK_ROWS.1),
        by_feature: at.map(by_feature).unwrap_or_default(),
        gradient: sums.is_some(),
    };
    let mut unwanted = Sums::default();
    let total = sums.unwrap_or(&mut unwanted);
    total.clear(if walk.gradient { shape } else { Shape { columns: 0, ..shape } });
    let serial = n * shape.columns * shape.outputs < SERIAL;
    let in_flight = if serial { 1 } else { 2 * rayon::current_num_threads() };
    let mut parts: Vec<(Sums, Room)> = (0..in_flight).map(|_| Default::default()).collect();
    let mut strips = strips(n, keep, shape.outputs);
    while strips.len() > 0 {
        let batch: Vec<Strip<'_>> = strips.by_ref().take(in_flight).collect();
        let count = batch.len();
        let each =
            |((rows, kept), (sums, room)): (Strip<'_>, &mut (Sums, Room))| walk.strip(rows, kept, sums, room);
        if serial {
            batch.into_iter().zip(&mut parts).for_each(each);
        } else {
            batch.into_par_iter().zip(&mut parts).for_each(each);
        }
        parts.iter().take(count).for_each(|(part, _)| total.add(part));
    }
    total.value
}

/// Rows of a strip, and room for their scores, or none.
type Strip<'k> = (Range<usize>, &'k mut [f64]);

/// The strips of n rows.
fn strips(n: usize, keep: &mut [f64], outputs: usize) -> std::vec::IntoIter<Strip<'_>> {
    let mut rest = keep;
    let mut strips = Vec::with_capacity(n.div_ceil(STRIP_ROWS));
    for first in (0..n).step_by(STRIP_ROWS) {
        let rows = first..n.min(first + STRIP_ROWS);
        let (kept, others) = rest.split_at_mut(rest.len().min(rows.len() * outputs));
        rest = others;
        strips.push((rows, kept));
    }
    strips.into_iter()
}

/// d × c, the weights of a feature side by side.
fn by_feature(at: &Coefficients) -> Vec<f64> {
    let (d, c) = (at.weights.nrows(), at.weights.ncols());
    let mut out = vec![0.0; d * c];
    for k in 0..c {
        let column = at.weights.col_as_slice(k).iter();
        out.iter_mut().skip(k).step_by(c.max(1)).zip(column).for_each(|(out, w)| *out = *w);
    }
    out
}

/// What the strips of a dense [`sweep`] have in common.
struct Walk<'f, V> {
    x: MatRef<'f, V>,
    /// None where `act` brings the scores.
    at: Option<&'f Coefficients>,
    act: Act<'f>,
    shape: Shape,
    /// Rows of a block.
    block: usize,
    by_feature: Vec<f64>,
    gradient: bool,
}

/// Scratch space of a strip.
#[derive(Default)]
struct Room {
    /// A block in `f64`, where it is not stored so.
    x: Vec<f64>,
    /// Its scores.
    z: Vec<f64>,
}

impl<V: Number> Walk<'_, V> {
    fn strip(&self, rows: Range<usize>, keep: &mut [f64], sums: &mut Sums, room: &mut Room) {
        sums.clear(if self.gradient { self.shape } else { Shape { columns: 0, ..self.shape } });
        let c = self.shape.outputs;
        for first in rows.clone().step_by(self.block) {
            let block = first..rows.end.min(first + self.block);
            let from = (first - rows.start) * c;
            let keep = keep.get_mut(from..from + block.len() * c).unwrap_or_default();
            room.z.clear();
            room.z.resize(block.len() * c, 0.0);
            let tile = Tile::of(self.x, &block, &mut room.x);
            self.block(&tile, block, keep, sums, &mut room.z);
        }
    }

    fn block(
        &self,
        tile: &Tile<'_>,
        rows: Range<usize>,
        keep: &mut [f64],
        sums: &mut Sums,
        scores: &mut [f64],
    ) {
        let (n, Shape { columns: d, outputs: c, .. }) = (rows.len(), self.shape);
        let mut z = tile.scores(self.at, &self.by_feature, (n, c), scores);
        for (row, kept) in keep.chunks_exact_mut(c.max(1)).enumerate() {
            kept.iter_mut().zip(z.as_ref().row(row).iter()).for_each(|(kept, z)| *kept = *z);
        }
        sums.value += (self.act)(rows, z.as_mut());
        if self.gradient {
            for (k, sum) in sums.intercept.iter_mut().enumerate() {
                *sum += z.as_ref().col(k).iter().sum::<f64>();
            }
            tile.add_gradient(scores, (n, d, c), &mut sums.weights);
        }
    }
}

/// A dense block in `f64`: its rows, or its columns, whichever are contiguous.
struct Tile<'t> {
    by_rows: bool,
    slices: Vec<&'t [f64]>,
}

impl<'t> Tile<'t> {
    /// The block as it lies in memory, or converted into `room`.
    fn of<V: Number>(x: MatRef<'t, V>, rows: &Range<usize>, room: &'t mut Vec<f64>) -> Self {
        let x = x.subrows(rows.start, rows.len());
        let by_rows = x.row_stride() != 1;
        let slices: Option<Vec<&'t [V]>> = if by_rows {
            (0..x.nrows()).map(|i| Some(x.row(i).try_as_row_major()?.as_slice())).collect()
        } else {
            (0..x.ncols()).map(|j| Some(x.col(j).try_as_col_major()?.as_slice())).collect()
        };
        let Some(slices) = slices else {
            room.clear();
            room.extend((0..x.nrows()).flat_map(|i| x.row(i).iter().map(|x| x.wide())));
            return Self { by_rows: true, slices: room.chunks(x.ncols().max(1)).collect() };
        };
        match slices.iter().map(|slice| V::as_wide(slice)).collect() {
            Some(slices) => Self { by_rows, slices },
            None => Self { by_rows, slices: widened(&slices, room) },
        }
    }

    /// XW + b into `room`, n × c, in the order of strides that suits the tile.
    fn scores<'z>(
        &self,
        at: Option<&Coefficients>,
        by_feature: &[f64],
        (n, c): (usize, usize),
        room: &'z mut [f64],
    ) -> MatMut<'z, f64> {
        let Some(at) = at else {
            return if self.by_rows {
                MatMut::from_row_major_slice_mut(room, n, c)
            } else {
                MatMut::from_column_major_slice_mut(room, n, c)
            };
        };
        if self.by_rows {
            room.chunks_exact_mut(c.max(1)).for_each(|z| z.copy_from_slice(&at.intercept));
            let weights: Vec<&[f64]> = (0..c).map(|k| at.weights.col_as_slice(k)).collect();
            dots(&self.slices, &weights, room, (c, 1));
            MatMut::from_row_major_slice_mut(room, n, c)
        } else {
            let columns = room.chunks_exact_mut(n.max(1));
            let mut columns: Vec<&mut [f64]> = columns.collect();
            columns.iter_mut().zip(&at.intercept).for_each(|(z, b)| z.fill(*b));
            combine(&self.slices, by_feature, c.max(1), &mut columns);
            MatMut::from_column_major_slice_mut(room, n, c)
        }
    }

    /// `sums += XᵀG`, c × d, for G in the order in which [`Self::scores`] left it.
    fn add_gradient(&self, g: &[f64], (n, d, c): (usize, usize, usize), sums: &mut [f64]) {
        if self.by_rows {
            let mut out: Vec<&mut [f64]> = sums.chunks_exact_mut(d.max(1)).collect();
            combine(&self.slices, g, c.max(1), &mut out);
        } else {
            let g: Vec<&[f64]> = g.chunks_exact(n.max(1)).collect();
            dots(&self.slices, &g, sums, (1, d));
        }
    }
}

/// The same slices in `f64`, one after the other in `room`.
fn widened<'t, V: Number>(slices: &[&[V]], room: &'t mut Vec<f64>) -> Vec<&'t [f64]> {
    let length = slices.first().map_or(0, |slice| slice.len());
    room.resize(slices.len() * length, 0.0);
    for (out, slice) in room.chunks_exact_mut(length.max(1)).zip(slices) {
        widen(slice, out);
    }
    room.chunks_exact(length.max(1)).collect()
}

fn widen<V: Number>(from: &[V], to: &mut [f64]) {
    to.iter_mut().zip(from).for_each(|(to, from)| *to = from.wide());
}

/// [`sweep`] over sparse rows.
fn sparse<V: Number, I: Index>(
    x: &Csr<'_, V, I>,
    samples: &Samples<'_>,
    at: Option<&Coefficients>,
    act: Act<'_>,
    keep: &mut [f64],
    sums: Option<&mut Sums>,
) -> f64 {
    let (n, c) = (x.rows(), samples.outputs);
    let weights = at.map(by_feature).unwrap_or_default();
    let mut g = vec![0.0; n * c];
    let part = |(z, (rows, keep)): (&mut [f64], Strip<'_>)| {
        let scored = rows.clone().zip(z.chunks_exact_mut(c.max(1)));
        for ((row, z), at) in scored.zip(std::iter::repeat(at)).filter_map(|(row, at)| Some((row, at?))) {
            z.copy_from_slice(&at.intercept);
            let (indices, values) = x.row(row);
            add_sparse_scores(indices, values, &weights, z);
        }
        keep.iter_mut().zip(z.iter()).for_each(|(kept, z)| *kept = *z);
        act(rows.clone(), MatMut::from_row_major_slice_mut(z, rows.len(), c))
    };
    let strip = STRIP_ROWS * c.max(1);
    let strips: Vec<Strip<'_>> = strips(n, keep, c).collect();
    let values: Vec<f64> = g.par_chunks_mut(strip).zip(strips).map(part).collect();
    if let Some(sums) = sums {
        sums.clear(samples.shape());
        for g in g.chunks_exact(c.max(1)) {
            sums.intercept.iter_mut().zip(g).for_each(|(sum, g)| *sum += g);
        }
        sparse_gradient(x, &g, c, &mut sums.weights);
    }
    values.iter().sum()
}

/// `sums += XᵀG`, d × c. Every thread has a range of columns, and each sum goes by rows.
fn sparse_gradient<V: Number, I: Index>(x: &Csr<'_, V, I>, g: &[f64], c: usize, sums: &mut [f64]) {
    let threads = rayon::current_num_threads();
    let range = x.columns().div_ceil(threads).max(1);
    let part = |(part, out): (usize, &mut [f64])| {
        let (from, to) = (part * range, (part + 1) * range);
        for (row, g) in g.chunks_exact(c.max(1)).enumerate() {
            if g.iter().all(|g| *g == 0.0) {
                continue;
            }
            let (mut indices, mut values) = x.row(row);
            if threads > 1 {
                let within = |place: &I, limit: usize| place.place().is_some_and(|j| j < limit);
                let (a, b) = (
                    indices.partition_point(|j| within(j, from)),
                    indices.partition_point(|j| within(j, to)),
                );
                (indices, values) = (&indices[a..b], &values[a..b]);
            }
            add_sparse_gradient(indices, values, from, g, out);
        }
    };
    sums.par_chunks_mut(range * c.max(1)).enumerate().for_each(part);
}

/// `z += Σ xⱼ wⱼ` for one row.
#[inline]
fn add_sparse_scores<V: Number, I: Index>(indices: &[I], values: &[V], weights: &[f64], z: &mut [f64]) {
    let c = z.len();
    for (j, x) in indices.iter().zip(values) {
        let (Some(j), x) = (j.place(), x.wide()) else { continue };
        let Some(weights) = weights.get(j * c..(j + 1) * c) else { continue };
        z.iter_mut().zip(weights).for_each(|(z, w)| *z += x * w);
    }
}

/// `sums[j − from] += xⱼ g` for one row.
#[inline]
fn add_sparse_gradient<V: Number, I: Index>(
    indices: &[I],
    values: &[V],
    from: usize,
    g: &[f64],
    sums: &mut [f64],
) {
    let c = g.len();
    for (j, x) in indices.iter().zip(values) {
        let (Some(j), x) = (j.place(), x.wide()) else { continue };
        let Some(sums) = sums.get_mut((j - from) * c..(j - from + 1) * c) else { continue };
        sums.iter_mut().zip(g).for_each(|(sum, g)| *sum += x * g);
    }
}

#[cfg(test)]
mod tests;
