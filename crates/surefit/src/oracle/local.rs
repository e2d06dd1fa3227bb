//! An oracle over the rows of this machine, in memory or streamed.
//!
//! Every block gives a partial loss and gradient, and the partial results are added in the order of the
//! blocks. Blocks that lie in memory are visited in place with scratch space of their own, so that an
//! evaluation allocates nothing: a step on twelve rows takes well under a microsecond. Small streamed data
//! is gathered once; larger data is read again at every evaluation.

use super::{Answer, Ask, Oracle};
use crate::data::{Block, BlockBuf, Rows, Shape, map_reduce};
use crate::error::{Error, Result};
use crate::loss::{self, Loss, Targets};
use crate::num::simd::vectorised;
use crate::problem::{Coefficients, LossKind};
use faer::linalg::matmul::matmul;
use faer::{Accum, Mat, MatRef, Par};
use rayon::prelude::*;

/// Streamed rows of up to so many numbers are kept in memory (32 MiB).
const KEEP: usize = 1 << 22;
/// Below so many multiplications an evaluation on one thread is faster than waking another.
const SERIAL: usize = 1 << 16;
/// Up to so many outputs the column kernels are faster than a matrix product.
const FEW_OUTPUTS: usize = 3;
/// Independent sums of a dot product; fixed, so that the bits are the same on every processor.
const LANES: usize = 8;

/// See the module.
pub struct Local<'a> {
    rows: &'a dyn Rows,
    shape: Shape,
    loss: Box<dyn Loss>,
    memory: Option<Vec<(BlockBuf<'a>, Partial)>>,
}

/// One block's share of an answer, and the scratch space to compute it in.
struct Partial {
    scores: Mat<f64>,
    weight: f64,
    value: f64,
    weights: Mat<f64>,
    intercept: Vec<f64>,
}

impl<'a> Local<'a> {
    /// An oracle of the mean `loss` over `rows`.
    ///
    /// # Errors
    /// When the loss is one of classes, for the targets of `rows` are numbers, or its δ makes no sense; when
    /// the rows can no longer be read.
    pub fn new(rows: &'a dyn Rows, loss: LossKind) -> Result<Self> {
        loss.check()?;
        if loss.is_of_classes() || loss.is_of_labels() {
            let wanted = if loss.is_of_labels() { "sets of labels" } else { "classes" };
            return Err(Error::Usage {
                what: format!("the {} loss needs {wanted}, and the targets are numbers", loss.name()),
                hint: "use a loss of numbers: squared or huber".to_owned(),
            });
        }
        let shape = rows.shape();
        let numbers = shape.rows.saturating_mul(shape.columns + shape.outputs + 1);
        let borrowed = matches!(rows.blocks().next(), Some(Ok(BlockBuf::Borrowed(_))));
        let memory = if borrowed || numbers <= KEEP {
            let kept = rows.blocks().map(|block| {
                let block = block?;
                let partial = Partial::new(block.view().x.nrows(), shape);
                Ok((block, partial))
            });
            Some(kept.collect::<Result<Vec<_>>>()?)
        } else {
            None
        };
        Ok(Self { rows, shape, loss: loss::named(loss), memory })
    }
}

impl Oracle for Local<'_> {
    fn shape(&self) -> Shape {
        self.shape
    }

    fn eval(&mut self, at: &Coefficients, ask: Ask, answer: &mut Answer) -> Result<()> {
        let Self { rows, shape, loss, memory } = self;
        let (loss, shape) = (&**loss, *shape);
        let mut total = Total::start(answer);
        if let Some(memory) = memory {
            let work = shape.rows.saturating_mul(shape.columns + 1).saturating_mul(shape.outputs);
            if memory.len() == 1 || work < SERIAL {
                for (block, partial) in memory.iter_mut() {
                    partial.compute(block.view(), loss, at, ask);
                }
            } else {
                let each = memory.par_iter_mut();
                each.for_each(|(block, partial)| partial.compute(block.view(), loss, at, ask));
            }
            for (_, partial) in memory.iter() {
                total.add(partial, ask);
            }
        } else {
            let map = |block: Block<'_>| {
                let mut partial = Partial::new(block.x.nrows(), shape);
                partial.compute(block, loss, at, ask);
                partial
            };
            map_reduce(*rows, map, |partial| total.add(&partial, ask))?;
        }
        total.finish(ask);
        Ok(())
    }
}

/// The fold of the partial results.
struct Total<'a> {
    weight: f64,
    answer: &'a mut Answer,
}

impl<'a> Total<'a> {
    fn start(answer: &'a mut Answer) -> Self {
        answer.value = 0.0;
        answer.weights.fill(0.0);
        answer.intercept.fill(0.0);
        Self { weight: 0.0, answer }
    }

    fn add(&mut self, partial: &Partial, ask: Ask) {
        self.weight += partial.weight;
        self.answer.value += partial.value;
        if ask == Ask::Gradient {
            self.answer.weights += &partial.weights;
            self.answer.intercept.iter_mut().zip(&partial.intercept).for_each(|(sum, part)| *sum += part);
        }
    }

    fn finish(self, ask: Ask) {
        self.answer.value /= self.weight;
        if ask == Ask::Gradient {
            for k in 0..self.answer.weights.ncols() {
                self.answer.weights.col_as_slice_mut(k).iter_mut().for_each(|g| *g /= self.weight);
            }
            self.answer.intercept.iter_mut().for_each(|g| *g /= self.weight);
        }
    }
}

impl Partial {
    fn new(rows: usize, shape: Shape) -> Self {
        Self {
            scores: Mat::zeros(rows, shape.outputs),
            weight: 0.0,
            value: 0.0,
            weights: Mat::zeros(shape.columns, shape.outputs),
            intercept: vec![0.0; shape.outputs],
        }
    }

    fn compute(&mut self, block: Block<'_>, loss: &dyn Loss, at: &Coefficients, ask: Ask) {
        self.weight = block.weights.map_or(block.x.nrows() as f64, |weights| weights.iter().sum());
        let columns = self.scores.ncols() <= FEW_OUTPUTS && is_column_major(block.x);
        if columns {
            scores_by_column(block.x, at, &mut self.scores);
        } else {
            scores_by_product(block.x, at, &mut self.scores);
        }
        self.value = loss.block(self.scores.as_mut(), Targets::Values(block.y), block.weights);
        if ask == Ask::Value {
            return;
        }
        if columns {
            gradient_by_column(block.x, &self.scores, &mut self.weights);
        } else {
            let (x, scores) = (block.x.transpose(), self.scores.as_ref());
            matmul(self.weights.as_mut(), Accum::Replace, x, scores, 1.0, Par::Seq);
        }
        for (k, sum) in self.intercept.iter_mut().enumerate() {
            *sum = total(self.scores.col_as_slice(k));
        }
    }
}

fn is_column_major(x: MatRef<'_, f64>) -> bool {
    x.row_stride() == 1 || x.nrows() <= 1
}

/// Column `j` of a column-major matrix; empty never happens for one.
#[inline(always)]
fn column(x: MatRef<'_, f64>, j: usize) -> &[f64] {
    x.col(j).try_as_col_major().map_or(&[], |column| column.as_slice())
}

vectorised! {
/// scores = X W + 1 bᵀ, a column of X at a time.
fn scores_by_column<'a>(x: MatRef<'a, f64>, at: &'a Coefficients, scores: &'a mut Mat<f64>) -> () {
    for (k, &intercept) in at.intercept.iter().enumerate() {
        let out = scores.col_as_slice_mut(k);
        out.fill(intercept);
        for (j, &weight) in at.weights.col_as_slice(k).iter().enumerate() {
            out.iter_mut().zip(column(x, j)).for_each(|(z, x)| *z += weight * x);
        }
    }
}
}

/// scores = X W + 1 bᵀ for any strides.
fn scores_by_product(x: MatRef<'_, f64>, at: &Coefficients, scores: &mut Mat<f64>) {
    for (k, &intercept) in at.intercept.iter().enumerate() {
        scores.col_as_slice_mut(k).fill(intercept);
    }
    matmul(scores.as_mut(), Accum::Add, x, at.weights.as_ref(), 1.0, Par::Seq);
}

vectorised! {
/// Xᵀ G, a column of X at a time.
fn gradient_by_column<'a>(x: MatRef<'a, f64>, g: &'a Mat<f64>, out: &'a mut Mat<f64>) -> () {
    for k in 0..g.ncols() {
        let g = g.col_as_slice(k);
        for (j, sum) in out.col_as_slice_mut(k).iter_mut().enumerate() {
            *sum = dot(column(x, j), g);
        }
    }
}
}

#[inline(always)]
fn dot(a: &[f64], b: &[f64]) -> f64 {
    let mut lanes = [0.0; LANES];
    for (a, b) in a.chunks(LANES).zip(b.chunks(LANES)) {
        for ((a, b), lane) in a.iter().zip(b).zip(&mut lanes) {
            *lane += a * b;
        }
    }
    lanes.iter().sum()
}

fn total(values: &[f64]) -> f64 {
    let mut lanes = [0.0; LANES];
    for values in values.chunks(LANES) {
        values.iter().zip(&mut lanes).for_each(|(value, lane)| *lane += value);
    }
    lanes.iter().sum()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::float_cmp)]

    use super::*;
    use crate::data::{Design, DesignRef, OwnedBlock, block_rows};

    fn design(n: usize, d: usize, c: usize, weighted: bool) -> Design {
        let number = |seed: usize| ((seed * 2_654_435_761) % 1_000_003) as f64 / 1e5 - 5.0;
        Design {
            x: Mat::from_fn(n, d, |i, j| number(i * 31 + j * 7 + 1)),
            x_low: None,
            y: Mat::from_fn(n, c, |i, k| number(i * 17 + k * 3 + 5)),
            weights: weighted.then(|| (0..n).map(|i| (i % 4) as f64).collect()),
        }
    }

    fn point(d: usize, c: usize) -> Coefficients {
        Coefficients {
            weights: Mat::from_fn(d, c, |j, k| (j as f64 - k as f64) / 3.0),
            intercept: (0..c).map(|k| k as f64 + 0.5).collect(),
        }
    }

    fn answer(rows: &dyn Rows, at: &Coefficients) -> Answer {
        let mut oracle = Local::new(rows, LossKind::Squared).unwrap();
        let mut answer = Answer::new(rows.shape());
        oracle.eval(at, Ask::Gradient, &mut answer).unwrap();
        answer
    }

    /// The definition, row by row.
    fn direct(design: &Design, at: &Coefficients) -> Answer {
        let (n, d, c) = (design.x.nrows(), design.x.ncols(), design.y.ncols());
        let mut answer = Answer::new(design.shape());
        let mut weight = 0.0;
        for i in 0..n {
            let s = design.weights.as_ref().map_or(1.0, |w| w[i]);
            weight += s;
            for k in 0..c {
                let z = (0..d).map(|j| design.x[(i, j)] * at.weights[(j, k)]).sum::<f64>() + at.intercept[k];
                let r = s * (z - design.y[(i, k)]);
                answer.value += 0.5 * r * (z - design.y[(i, k)]);
                answer.intercept[k] += r;
                (0..d).for_each(|j| answer.weights[(j, k)] += r * design.x[(i, j)]);
            }
        }
        answer.value /= weight;
        answer.intercept.iter_mut().for_each(|g| *g /= weight);
        answer.weights = Mat::from_fn(d, c, |j, k| answer.weights[(j, k)] / weight);
        answer
    }

    fn close(a: &Answer, b: &Answer) {
        let near = |a: f64, b: f64| assert!((a - b).abs() <= 1e-11 * (1.0 + b.abs()), "{a} {b}");
        near(a.value, b.value);
        a.intercept.iter().zip(&b.intercept).for_each(|(a, b)| near(*a, *b));
        (0..a.weights.nrows())
            .for_each(|j| (0..a.weights.ncols()).for_each(|k| near(a.weights[(j, k)], b.weights[(j, k)])));
    }

    #[test]
    fn every_layout_gives_the_gradient_of_the_definition() {
        for (n, d, c, weighted) in
            [(12, 1, 1, false), (700, 5, 2, true), (9001, 3, 4, false), (40, 0, 1, true)]
        {
            let design = design(n, d, c, weighted);
            let want = direct(&design, &point(d, c));
            close(&answer(&design, &point(d, c)), &want);
            let (xt, yt) = (design.x.transpose().to_owned(), design.y.transpose().to_owned());
            let row_major = DesignRef {
                x: xt.transpose(),
                x_low: None,
                y: yt.transpose(),
                weights: design.weights.as_deref(),
            };
            close(&answer(&row_major, &point(d, c)), &want);
        }
    }

    /// Rows that arrive as owned blocks, as from a file.
    struct Streamed(Design, bool);

    impl Rows for Streamed {
        fn shape(&self) -> Shape {
            let mut shape = self.0.shape();
            if self.1 {
                // Looks too large to keep, so that every evaluation walks the stream.
                shape.rows = KEEP;
            }
            shape
        }

        fn blocks(&self) -> Box<dyn Iterator<Item = Result<BlockBuf<'_>>> + '_> {
            Box::new(self.0.blocks().map(|block| {
                let block = block?;
                let view = block.view();
                Ok(BlockBuf::Owned(OwnedBlock {
                    first: view.first,
                    x: view.x.to_owned(),
                    x_low: None,
                    y: view.y.to_owned(),
                    weights: view.weights.map(<[f64]>::to_vec),
                }))
            }))
        }
    }

    fn bits(answer: &Answer) -> Vec<u64> {
        let weights = (0..answer.weights.ncols()).flat_map(|k| answer.weights.col_as_slice(k).iter());
        weights.chain(&answer.intercept).chain([&answer.value]).map(|v| v.to_bits()).collect()
    }

    #[test]
    fn memory_stream_and_thread_count_give_the_same_bits() {
        let (n, d, c) = (3 * block_rows(9) + 17, 9, 2);
        let (design, at) = (design(n, d, c, true), point(d, c));
        let want = bits(&answer(&design, &at));
        assert_eq!(bits(&answer(&Streamed(design.clone(), false), &at)), want);
        assert_eq!(bits(&answer(&Streamed(design.clone(), true), &at)), want);
        for threads in [1, 2] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            assert_eq!(pool.install(|| bits(&answer(&design, &at))), want);
        }
    }
}
