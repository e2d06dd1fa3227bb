//! A pass over samples in memory, in the storage that they have: scores, loss and gradient of some rows while these
//! are in the cache, and Hessian–vector products in the same way.
//!
//! Dense rows go by in fixed strips; each strip sums its own gradient, and the sums are added in the order of the
//! strips. Sparse rows have too many columns for that: their scores go by rows, their gradient by ranges of columns,
//! each entry summed in the order of the rows. So the bits are the same at any number of threads. The arithmetic
//! is 4ndc flops a pass, against n·d numbers read.

use super::{Answer, Ask, Oracle};
use crate::data::features::{Csr, Features, Index, Number};
use crate::data::sparse::{self, ByFeature};
use crate::data::{Samples, Shape};
use crate::error::Result;
use crate::loss::{self, Loss};
use crate::num::aligned::Aligned;
use crate::num::skinny::{Ahead, Panel, combine, dots};
use crate::problem::{Coefficients, LossKind};
use faer::{MatMut, MatRef};
use rayon::prelude::*;
use std::ops::Range;

/// Bytes of a dense block, about: it, the next one, weights and gradient stay in the second-level cache.
const BLOCK: usize = 1 << 18;
/// Rows of a block, at least and at most, where these are contiguous.
const BLOCK_ROWS: (usize, usize) = (8, 256);
/// The same where columns are: short pieces of them lie too far from each other.
const BLOCK_OF_COLUMNS: (usize, usize) = (32, 256);
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
    sums: Totals,
    /// Room for walks over sparse rows.
    room: SparseRoom,
    prepared: Prepared,
}

/// What walks over sparse rows need besides: memory that was asked for anew in every walk took longer to be cleared than
/// the walk.
#[derive(Default)]
struct SparseRoom {
    /// n × c: what is left of the scores.
    left: Vec<f64>,
    /// The point.
    weights: ByFeature,
}

/// What products with the Hessian at one point have in common ([`Loss::prepare`]).
#[derive(Default)]
struct Prepared {
    /// Whether it is that of the scores as they are.
    is_current: bool,
    /// n × c, row by row.
    scores: Vec<f64>,
    /// [`Loss::kept`] numbers for each row.
    kept: Vec<f64>,
}

impl Prepared {
    fn renew(&mut self, samples: &Samples<'_>, loss: &dyn Loss, scores: &[f64]) {
        if std::mem::replace(&mut self.is_current, true) {
            return;
        }
        let (c, count) = (samples.outputs.max(1), loss.kept());
        self.scores.resize(scores.len(), 0.0);
        self.kept.resize(scores.len() / c * count, 0.0);
        let strips = self.scores.par_chunks_mut(STRIP_ROWS * c).zip(scores.par_chunks(STRIP_ROWS * c));
        strips.zip(self.kept.par_chunks_mut(STRIP_ROWS * count)).enumerate().for_each(
            |(strip, ((to, from), kept))| {
                to.copy_from_slice(from);
                let first = strip * STRIP_ROWS;
                let (targets, weights) = of_rows(samples, &(first..first + to.len() / c));
                let view = MatMut::from_row_major_slice_mut(to, from.len() / c, c);
                loss.prepare(view, kept, targets, weights);
            },
        );
    }
}

/// Σ over rows, their weights in the order that suits the storage.
#[derive(Debug, Default)]
struct Sums<W> {
    value: f64,
    weights: W,
    intercept: Vec<f64>,
}

/// The sums of either storage; those of the other one stay empty.
#[derive(Debug, Default)]
struct Totals {
    dense: Sums<Dense>,
    sparse: Sums<ByFeature>,
}

/// d × c numbers, in the order that suits the products with dense samples.
#[derive(Debug)]
enum Dense {
    /// For rows that are contiguous.
    Panel(Panel),
    /// The numbers of a feature side by side, for columns that are.
    ByColumn(Vec<f64>),
}

impl Default for Dense {
    fn default() -> Self {
        Self::ByColumn(Vec::new())
    }
}

impl Dense {
    /// Room for d × c numbers, all 0.
    fn clear(&mut self, by_rows: bool, d: usize, c: usize) {
        match (&mut *self, by_rows) {
            (Self::Panel(panel), true) => panel.reset(d, c),
            (_, true) => *self = Self::Panel(Panel::zeros(d, c)),
            (Self::ByColumn(numbers), false) => {
                numbers.clear();
                numbers.resize(d * c, 0.0);
            }
            (_, false) => *self = Self::ByColumn(vec![0.0; d * c]),
        }
    }

    fn numbers(&self) -> &[f64] {
        match self {
            Self::Panel(panel) => panel.values(),
            Self::ByColumn(numbers) => numbers,
        }
    }

    fn numbers_mut(&mut self) -> &mut [f64] {
        match self {
            Self::Panel(panel) => panel.values_mut(),
            Self::ByColumn(numbers) => numbers,
        }
    }
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
        Ok(Self::of(samples, loss::named(loss)))
    }

    /// The same of a loss that has no name.
    pub(crate) fn of(samples: Samples<'a>, loss: Box<dyn Loss>) -> Self {
        let count = samples.x.rows() * samples.outputs;
        Self {
            samples,
            loss,
            total: samples.total_weight(),
            scores: vec![0.0; count],
            heading: Vec::new(),
            sums: Totals::default(),
            room: SparseRoom::default(),
            prepared: Prepared::default(),
        }
    }

    /// The loss.
    pub(crate) fn loss(&self) -> &dyn Loss {
        &*self.loss
    }

    /// The mean loss; the point counts as evaluated.
    pub fn score(&mut self, at: &Coefficients) -> f64 {
        self.prepared.is_current = false;
        let Self { samples, loss, scores, room, total, .. } = self;
        sweep(samples, Some(at), &gradients(samples, &**loss), scores, None, room) / *total
    }

    /// The samples.
    pub fn samples(&self) -> Samples<'a> {
        self.samples
    }

    /// [`Self::scores`], row by row.
    pub fn kept(&self) -> &[f64] {
        &self.scores
    }

    /// n × c: the scores at the point last evaluated.
    pub fn scores(&self) -> MatRef<'_, f64> {
        MatRef::from_row_major_slice(&self.scores, self.samples.x.rows(), self.samples.outputs)
    }

    /// Puts the Hessian of the mean loss at the point last evaluated times `direction` into `product`, whose value is
    /// half the product of both.
    pub fn hessian_vector(&mut self, direction: &Coefficients, product: &mut Answer) {
        let Self { samples, loss, scores, sums, room, total, prepared, .. } = self;
        let (samples, loss, c) = (*samples, &**loss, samples.outputs);
        let count = loss.kept();
        if count > 0 {
            prepared.renew(&samples, loss, scores);
        }
        let from = if count > 0 { &prepared.scores } else { &*scores };
        let act = |rows: Range<usize>, v: MatMut<'_, f64>| {
            let z = MatRef::from_row_major_slice(&from[rows.start * c..rows.end * c], rows.len(), c);
            let kept = &prepared.kept[rows.start * count..rows.end * count];
            let (targets, weights) = of_rows(&samples, &rows);
            loss.hessian_prepared(z, kept, targets, weights, v);
            0.0
        };
        sweep(&samples, Some(direction), &act, &mut [], Some(sums), room);
        sums.mean_into(&samples.x, *total, product);
        let pairs = (0..samples.outputs)
            .flat_map(|k| direction.weights.col_as_slice(k).iter().zip(product.weights.col_as_slice(k)));
        let pairs = pairs.chain(direction.intercept.iter().zip(&product.intercept));
        product.value = 0.5 * pairs.map(|(v, h)| v * h).sum::<f64>();
    }

    /// What [`Oracle::eval`] says at a point that may be none to go on from: its scores are kept aside until
    /// [`Self::accept`] makes it the point last evaluated, or [`Self::head_back`] the end of a line.
    pub fn probe(&mut self, at: &Coefficients, answer: &mut Answer) {
        let Self { samples, loss, heading, sums, room, total, .. } = self;
        heading.resize(samples.x.rows() * samples.outputs, 0.0);
        let value = sweep(samples, Some(at), &gradients(samples, &**loss), heading, Some(sums), room);
        sums.mean_into(&samples.x, *total, answer);
        answer.value = value / *total;
    }

    /// See [`Self::probe`].
    pub fn accept(&mut self) {
        self.prepared.is_current = false;
        std::mem::swap(&mut self.scores, &mut self.heading);
    }

    /// [`Self::head`] in the direction of the point last probed, which is at t = 1.
    pub fn head_back(&mut self) {
        self.heading.iter_mut().zip(&self.scores).for_each(|(u, z)| *u -= z);
    }

    /// Computes the scores of a direction, so that [`Self::along`] needs no pass over the data.
    pub fn head(&mut self, direction: &Coefficients) {
        let Self { samples, heading, room, .. } = self;
        heading.resize(samples.x.rows() * samples.outputs, 0.0);
        sweep(samples, Some(direction), &|_, _| 0.0, heading, None, room);
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
        self.prepared.is_current = false;
        self.scores.iter_mut().zip(&self.heading).for_each(|(z, u)| *z += t * u);
    }

    /// What [`Oracle::eval`] would say at the point that [`Self::advance`] came to, in half a pass: its scores
    /// are known, but for the rounding of the steps.
    pub fn arrive(&mut self, answer: &mut Answer) {
        let Self { samples, loss, scores, sums, room, total, .. } = self;
        let (samples, loss, c) = (*samples, &**loss, samples.outputs);
        let act = |rows: Range<usize>, mut z: MatMut<'_, f64>| {
            let known = &scores[rows.start * c..rows.end * c];
            z.copy_from(MatRef::from_row_major_slice(known, rows.len(), c));
            let (targets, weights) = of_rows(&samples, &rows);
            loss.block(z, targets, weights)
        };
        let value = sweep(&samples, None, &act, &mut [], Some(sums), room);
        sums.mean_into(&samples.x, *total, answer);
        answer.value = value / *total;
    }
}

impl Oracle for Pass<'_> {
    fn shape(&self) -> Shape {
        self.samples.shape()
    }

    fn eval(&mut self, at: &Coefficients, ask: Ask, answer: &mut Answer) -> Result<()> {
        let Self { samples, loss, scores, sums, room, total, prepared, .. } = self;
        let act = gradients(samples, &**loss);
        match ask {
            Ask::Value => answer.value = sweep(samples, Some(at), &act, &mut [], None, room) / *total,
            Ask::Gradient => {
                prepared.is_current = false;
                let value = sweep(samples, Some(at), &act, scores, Some(sums), room);
                sums.mean_into(&samples.x, *total, answer);
                answer.value = value / *total;
            }
        }
        Ok(())
    }
}

impl Sums<Dense> {
    /// Room for sums of these sizes, all 0.
    fn clear(&mut self, by_rows: bool, columns: usize, outputs: usize) {
        self.weights.clear(by_rows, columns, outputs);
        self.intercept.clear();
        self.intercept.resize(outputs, 0.0);
        self.value = 0.0;
    }

    fn add(&mut self, other: &Self) {
        self.value += other.value;
        let pairs = self.weights.numbers_mut().iter_mut().zip(other.weights.numbers());
        pairs.for_each(|(sum, part)| *sum += part);
        self.intercept.iter_mut().zip(&other.intercept).for_each(|(sum, part)| *sum += part);
    }
}

impl Totals {
    /// The means, but for the value, over samples of this kind.
    fn mean_into(&self, x: &Features<'_>, total: f64, answer: &mut Answer) {
        let sparse = x.is_sparse();
        let intercept = if sparse { &self.sparse.intercept } else { &self.dense.intercept };
        let c = intercept.len();
        for k in 0..c {
            let out = answer.weights.col_as_slice_mut(k).iter_mut();
            match &self.dense.weights {
                _ if sparse => {
                    let sums = &self.sparse.weights;
                    out.zip(sums.column(sums.numbers(), k)).for_each(|(out, sum)| *out = sum / total);
                }
                Dense::Panel(panel) => out.zip(panel.row(k)).for_each(|(out, sum)| *out = sum / total),
                Dense::ByColumn(sums) => {
                    out.zip(sums.iter().skip(k).step_by(c)).for_each(|(out, sum)| *out = sum / total);
                }
            }
        }
        answer.intercept.iter_mut().zip(intercept).for_each(|(out, sum)| *out = sum / total);
    }
}

/// Turns scores into gradients of the loss.
fn gradients<'f>(
    samples: &'f Samples<'_>,
    loss: &'f dyn Loss,
) -> impl Fn(Range<usize>, MatMut<'_, f64>) -> f64 + Sync + 'f {
    |rows, z| {
        let (targets, weights) = of_rows(samples, &rows);
        loss.block(z, targets, weights)
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
    sums: Option<&mut Totals>,
    room: &mut SparseRoom,
) -> f64 {
    let (of_dense, of_sparse) = sums.map(|sums| (&mut sums.dense, &mut sums.sparse)).unzip();
    match samples.x {
        Features::F64(x) => dense(x, samples, at, act, keep, of_dense),
        Features::F32(x) => dense(x, samples, at, act, keep, of_dense),
        Features::Csr64(x) => sparse_rows(&x, samples, at, act, (keep, room), of_sparse),
        Features::Csr32(x) => sparse_rows(&x, samples, at, act, (keep, room), of_sparse),
        Features::LongCsr64(x) => sparse_rows(&x, samples, at, act, (keep, room), of_sparse),
        Features::LongCsr32(x) => sparse_rows(&x, samples, at, act, (keep, room), of_sparse),
    }
}

/// [`sweep`] over dense rows.
fn dense<V: Number>(
    x: MatRef<'_, V>,
    samples: &Samples<'_>,
    at: Option<&Coefficients>,
    act: Act<'_>,
    keep: &mut [f64],
    sums: Option<&mut Sums<Dense>>,
) -> f64 {
    let (shape, n) = (samples.shape(), samples.x.rows());
    let by_rows = x.row_stride() != 1;
    let walk = Walk {
        x,
        at: at.map(|at| {
            let weights = if by_rows { Dense::Panel(panel(at)) } else { Dense::ByColumn(by_column(at)) };
            (weights, at.intercept.as_slice())
        }),
        act,
        by_rows,
        sizes: (if sums.is_some() { shape.columns } else { 0 }, shape.outputs),
        block: block_rows::<V>(shape.columns, if by_rows { BLOCK_ROWS } else { BLOCK_OF_COLUMNS }),
        gradient: sums.is_some(),
    };
    let mut unwanted = Sums::default();
    let total = sums.unwrap_or(&mut unwanted);
    total.clear(by_rows, walk.sizes.0, walk.sizes.1);
    let serial = n * shape.columns * shape.outputs < SERIAL;
    let in_flight = if serial { 1 } else { 2 * rayon::current_num_threads() };
    let mut parts: Vec<(Sums<Dense>, Room)> = (0..in_flight).map(|_| Default::default()).collect();
    let mut strips = strips(n, keep, shape.outputs);
    while strips.len() > 0 {
        let batch: Vec<Strip<'_>> = strips.by_ref().take(in_flight).collect();
        let count = batch.len();
        let each = |((rows, kept), part): (Strip<'_>, &mut (Sums<Dense>, Room))| {
            walk.strip(rows, kept, &mut part.0, &mut part.1);
        };
        if serial {
            batch.into_iter().zip(&mut parts).for_each(each);
        } else {
            batch.into_par_iter().zip(&mut parts).for_each(each);
        }
        parts.iter().take(count).for_each(|(part, _)| total.add(part));
    }
    total.value
}

/// Rows of a block: as many handfuls of 8 as make [`BLOCK`].
fn block_rows<V>(columns: usize, (least, most): (usize, usize)) -> usize {
    (BLOCK / (columns.max(1) * size_of::<V>()) / 8 * 8).clamp(least, most)
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
fn by_column(at: &Coefficients) -> Vec<f64> {
    let (d, c) = (at.weights.nrows(), at.weights.ncols());
    let mut out = vec![0.0; d * c];
    for k in 0..c {
        let column = at.weights.col_as_slice(k).iter();
        out.iter_mut().skip(k).step_by(c.max(1)).zip(column).for_each(|(out, w)| *out = *w);
    }
    out
}

/// c rows of d numbers.
fn panel(at: &Coefficients) -> Panel {
    let mut panel = Panel::zeros(at.weights.nrows(), at.weights.ncols());
    (0..at.weights.ncols()).for_each(|k| panel.set_row(k, at.weights.col_as_slice(k).iter().copied()));
    panel
}

/// What the strips of a dense [`sweep`] have in common.
struct Walk<'f, V> {
    x: MatRef<'f, V>,
    /// None where `act` brings the scores.
    at: Option<(Dense, &'f [f64])>,
    act: Act<'f>,
    by_rows: bool,
    /// Of the sums: no features where no gradient is wanted, and outputs.
    sizes: (usize, usize),
    /// Rows of a block.
    block: usize,
    gradient: bool,
}

/// Scratch space of a strip.
#[derive(Default)]
struct Room {
    /// Of [`dots`].
    sums: Aligned,
    /// The scores of a block, row by row.
    z: Vec<f64>,
    /// The same as a panel, where columns are contiguous.
    panel: Panel,
}

impl<V: Number> Walk<'_, V> {
    fn strip(&self, rows: Range<usize>, keep: &mut [f64], sums: &mut Sums<Dense>, room: &mut Room) {
        let (d, c) = self.sizes;
        sums.clear(self.by_rows, d, c);
        let block_from = |first: usize| first..rows.end.min(first + self.block);
        let mut next = self.contiguous(&block_from(rows.start));
        for first in rows.clone().step_by(self.block) {
            let block = block_from(first);
            let from = (first - rows.start) * c;
            let keep = keep.get_mut(from..from + block.len() * c).unwrap_or_default();
            let gathered;
            let own = if let Some(own) = next {
                own
            } else {
                gathered = self.gathered(&block);
                gathered.chunks_exact(self.x.ncols().max(1)).collect()
            };
            next = self.contiguous(&block_from(block.end));
            let coming = next.as_deref().filter(|_| self.by_rows).unwrap_or_default();
            let mut ahead = if self.gradient { Ahead::of_both(coming) } else { Ahead::of_dots(coming) };
            room.z.clear();
            room.z.resize(block.len() * c, 0.0);
            if let Some((weights, intercept)) = &self.at {
                room.z.chunks_exact_mut(c.max(1)).for_each(|z| z.copy_from_slice(intercept));
                room.add_scores(&own, weights, &mut ahead);
            }
            keep.iter_mut().zip(&room.z).for_each(|(kept, z)| *kept = *z);
            let z = MatMut::from_row_major_slice_mut(&mut room.z, block.len(), c);
            sums.value += (self.act)(block.clone(), z);
            if self.gradient {
                for g in room.z.chunks_exact(c.max(1)) {
                    sums.intercept.iter_mut().zip(g).for_each(|(sum, g)| *sum += g);
                }
                room.add_gradient(&own, &mut sums.weights, &mut ahead);
            }
        }
    }

    /// Some rows, or their parts of the columns, whichever are contiguous; none where neither are.
    fn contiguous(&self, rows: &Range<usize>) -> Option<Vec<&[V]>> {
        let x = self.x.subrows(rows.start, rows.len());
        if self.by_rows {
            (0..x.nrows()).map(|i| Some(x.row(i).try_as_row_major()?.as_slice())).collect()
        } else {
            (0..x.ncols()).map(|j| Some(x.col(j).try_as_col_major()?.as_slice())).collect()
        }
    }

    /// The numbers of some rows, one row after the other.
    fn gathered(&self, rows: &Range<usize>) -> Vec<V> {
        let x = self.x.subrows(rows.start, rows.len());
        (0..x.nrows()).flat_map(|i| x.row(i).iter().copied()).collect()
    }
}

impl Room {
    /// `z += XW` for rows, or columns of them.
    fn add_scores<V: Number>(&mut self, own: &[&[V]], weights: &Dense, ahead: &mut Ahead<'_, V>) {
        let Self { sums, z, panel } = self;
        match weights {
            Dense::Panel(weights) => dots(own, weights, z, sums, ahead),
            Dense::ByColumn(weights) => {
                let c = weights.len() / own.len().max(1);
                panel.reset(z.len() / c.max(1), c);
                combine(own, weights, panel, ahead);
                for k in 0..c {
                    z.iter_mut().skip(k).step_by(c).zip(panel.row(k)).for_each(|(z, score)| *z += score);
                }
            }
        }
    }

    /// `out += XᵀZ` for the same.
    fn add_gradient<V: Number>(&mut self, own: &[&[V]], out: &mut Dense, ahead: &mut Ahead<'_, V>) {
        let Self { sums, z, panel } = self;
        match out {
            Dense::Panel(out) => combine(own, z, out, ahead),
            Dense::ByColumn(out) => {
                let c = out.len() / own.len().max(1);
                panel.reset(z.len() / c.max(1), c);
                (0..c).for_each(|k| panel.set_row(k, z.iter().copied().skip(k).step_by(c)));
                dots(own, panel, out, sums, &mut Ahead::nothing());
            }
        }
    }
}

/// [`sweep`] over sparse rows.
fn sparse_rows<V: Number, I: Index>(
    x: &Csr<'_, V, I>,
    samples: &Samples<'_>,
    at: Option<&Coefficients>,
    act: Act<'_>,
    (keep, room): (&mut [f64], &mut SparseRoom),
    sums: Option<&mut Sums<ByFeature>>,
) -> f64 {
    let (n, c) = (x.rows(), samples.outputs);
    let SparseRoom { left: g, weights } = room;
    if let Some(at) = at {
        weights.copy(&at.weights);
    }
    let weights = &*weights;
    g.resize(n * c, 0.0);
    let part = |(z, (rows, keep)): (&mut [f64], Strip<'_>)| {
        if let Some(at) = at {
            sparse::all_scores(|i| x.row(rows.start + i), weights, &at.intercept, z);
        } else {
            z.fill(0.0);
        }
        keep.iter_mut().zip(z.iter()).for_each(|(kept, z)| *kept = *z);
        act(rows.clone(), MatMut::from_row_major_slice_mut(z, rows.len(), c))
    };
    let strip = STRIP_ROWS * c.max(1);
    let strips: Vec<Strip<'_>> = strips(n, keep, c).collect();
    let values: Vec<f64> = g.par_chunks_mut(strip).zip(strips).map(part).collect();
    if let Some(sums) = sums {
        sums.intercept.clear();
        sums.intercept.resize(c, 0.0);
        for g in g.chunks_exact(c.max(1)) {
            sums.intercept.iter_mut().zip(g).for_each(|(sum, g)| *sum += g);
        }
        sums.weights.reset(x.columns(), c);
        sparse_gradient(x, g, c, &mut sums.weights);
    }
    values.iter().sum()
}

/// `sums += XᵀG`. Every thread has a range of columns, and each sum goes by rows.
fn sparse_gradient<V: Number, I: Index>(x: &Csr<'_, V, I>, g: &[f64], c: usize, sums: &mut ByFeature) {
    let (threads, stride) = (rayon::current_num_threads(), sums.stride());
    let range = x.columns().div_ceil(threads).max(1);
    let part = |(part, out): (usize, &mut [f64])| {
        let (from, to) = (part * range, (part + 1) * range);
        // What each row has in this range.
        let places: Vec<(usize, usize)> = (0..x.rows())
            .map(|row| {
                let indices = x.row(row).0;
                let within = |place: &I, limit: usize| place.place().is_some_and(|j| j < limit);
                let before = |limit: usize| indices.partition_point(|j| within(j, limit));
                if threads > 1 { (before(from), before(to)) } else { (0, indices.len()) }
            })
            .collect();
        let row = |i: usize| {
            let ((indices, values), (a, b)) = (x.row(i), places[i]);
            (&indices[a..b], &values[a..b])
        };
        sparse::add_all_multiples(row, from, (g, c.max(1)), out, stride);
    };
    sums.numbers_mut().par_chunks_mut(range * stride.max(1)).enumerate().for_each(part);
}

#[cfg(test)]
mod tests;
