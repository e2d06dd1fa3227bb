//! Every storage against the definition, row by row, and against each other's bits.

#![allow(clippy::unwrap_used, clippy::float_cmp)]

use super::*;
use crate::data::LabelSets;
use crate::loss::tests::{LOSSES, label_sets};
use faer::Mat;

/// Numbers of few digits, so that `f32` holds them and a zero is common enough to be sparse.
fn number(seed: usize) -> f64 {
    let mixed = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 17;
    ((mixed % 41) as f64 - 20.0).max(-4.0) / 8.0
}

struct Problem {
    x: Mat<f64>,
    classes: Vec<u32>,
    labels: LabelSets,
    y: Mat<f64>,
    weights: Option<Vec<f64>>,
}

impl Problem {
    fn new(n: usize, d: usize, c: usize, weighted: bool) -> Self {
        Self {
            x: Mat::from_fn(n, d, |i, j| number(i * 131 + j * 7 + 1)),
            classes: (0..n).map(|i| u32::try_from((i * i + 3 * i) % c).unwrap()).collect(),
            labels: label_sets(n, c, |i, k| (i * i + 5 * i * k + k) % 7 < 3),
            y: Mat::from_fn(n, c, |i, k| number(i * 17 + k * 5 + 2)),
            weights: weighted.then(|| (0..n).map(|i| (i % 3) as f64 / 2.0).collect()),
        }
    }

    fn samples<'a>(&'a self, x: Features<'a>, loss: LossKind) -> Samples<'a> {
        let weights = self.weights.as_deref();
        if loss.is_of_classes() {
            Samples::of_classes(x, &self.classes, weights, self.y.ncols(), &*loss::named(loss)).unwrap()
        } else if loss.is_of_labels() {
            Samples::of_labels(x, self.labels.view(), weights, &*loss::named(loss)).unwrap()
        } else {
            Samples::of_values(x, self.y.as_ref(), weights).unwrap()
        }
    }
}

/// The same matrix in every storage that there is.
struct Storages {
    row_major: Mat<f64>,
    narrow: Mat<f32>,
    narrow_rows: Mat<f32>,
    scattered: Mat<f64>,
    starts: Vec<i32>,
    indices: Vec<i32>,
    long_starts: Vec<i64>,
    long_indices: Vec<i64>,
    values: Vec<f64>,
    narrow_values: Vec<f32>,
}

#[expect(clippy::cast_possible_truncation, reason = "numbers of few digits")]
impl Storages {
    fn of(x: &Mat<f64>) -> Self {
        let (n, d) = (x.nrows(), x.ncols());
        let (mut starts, mut indices, mut values) = (vec![0], Vec::new(), Vec::new());
        for i in 0..n {
            for j in (0..d).filter(|j| x[(i, *j)] != 0.0) {
                indices.push(i32::try_from(j).unwrap());
                values.push(x[(i, j)]);
            }
            starts.push(i32::try_from(values.len()).unwrap());
        }
        Self {
            row_major: x.transpose().to_owned(),
            narrow: Mat::from_fn(n, d, |i, j| x[(i, j)] as f32),
            narrow_rows: Mat::from_fn(d, n, |j, i| x[(i, j)] as f32),
            scattered: Mat::from_fn(2 * n, d, |i, j| if i % 2 == 0 { x[(i / 2, j)] } else { f64::NAN }),
            long_starts: starts.iter().map(|v| i64::from(*v)).collect(),
            long_indices: indices.iter().map(|v| i64::from(*v)).collect(),
            narrow_values: values.iter().map(|v| *v as f32).collect(),
            starts,
            indices,
            values,
        }
    }

    fn all<'a>(&'a self, x: &'a Mat<f64>) -> Vec<Features<'a>> {
        let (n, d) = (x.nrows(), x.ncols());
        let mut all = vec![
            Features::F64(x.as_ref()),
            Features::F64(self.row_major.transpose()),
            Features::F32(self.narrow.as_ref()),
            Features::F32(self.narrow_rows.transpose()),
            Features::Csr64(Csr::new(d, &self.starts, &self.indices, &self.values).unwrap()),
            Features::Csr32(Csr::new(d, &self.starts, &self.indices, &self.narrow_values).unwrap()),
            Features::LongCsr64(Csr::new(d, &self.long_starts, &self.long_indices, &self.values).unwrap()),
            Features::LongCsr32(
                Csr::new(d, &self.long_starts, &self.long_indices, &self.narrow_values).unwrap(),
            ),
        ];
        if d == 1 {
            // A column of every second number: contiguous neither way.
            let flat = self.scattered.col_as_slice(0);
            all.push(Features::F64(MatRef::from_row_major_slice_with_stride(flat, n, 1, 2)));
        }
        all
    }
}

/// Numbers so short that scores are exact, and a kink is met or missed in every storage alike.
fn point(d: usize, c: usize) -> Coefficients {
    Coefficients {
        weights: Mat::from_fn(d, c, |j, k| number(j * 3 + k * 11) / 4.0),
        intercept: (0..c).map(|k| k as f64 / 8.0 - 0.25).collect(),
    }
}

/// X W + 1 bᵀ.
fn scores(x: &Mat<f64>, at: &Coefficients) -> Mat<f64> {
    Mat::from_fn(x.nrows(), at.intercept.len(), |i, k| {
        (0..x.ncols()).map(|j| x[(i, j)] * at.weights[(j, k)]).sum::<f64>() + at.intercept[k]
    })
}

fn close(got: &Answer, g: &Mat<f64>, x: &Mat<f64>, total: f64) {
    let near = |a: f64, b: f64| assert!((a - b).abs() <= 1e-12 * (1.0 + b.abs()), "{a} {b}");
    for k in 0..g.ncols() {
        near(got.intercept[k], (0..g.nrows()).map(|i| g[(i, k)]).sum::<f64>() / total);
        for j in 0..x.ncols() {
            near(got.weights[(j, k)], (0..g.nrows()).map(|i| g[(i, k)] * x[(i, j)]).sum::<f64>() / total);
        }
    }
}

#[test]
fn products_with_the_hessian_are_those_of_the_last_point_whatever_way_led_there() {
    let problem = Problem::new(60, 4, 3, true);
    let kind = LossKind::Softmax;
    let samples = problem.samples(Features::F64(problem.x.as_ref()), kind);
    let (at, mut other) = (point(4, samples.outputs), point(4, samples.outputs));
    other.weights *= faer::Scale(-0.5);
    other.intercept.fill(0.25);
    let (mut answer, mut product) = (Answer::new(samples.shape()), Answer::new(samples.shape()));
    let mut fresh = |at: &Coefficients| {
        let mut pass = Pass::new(samples, kind).unwrap();
        pass.eval(at, Ask::Gradient, &mut answer).unwrap();
        let mut product = Answer::new(samples.shape());
        pass.hessian_vector(&other, &mut product);
        product
    };
    let (wanted, ahead) = (fresh(&other), {
        let mut ahead = other.clone();
        ahead.weights += &at.weights;
        ahead.intercept.iter_mut().zip(&at.intercept).for_each(|(b, own)| *b += own);
        fresh(&ahead)
    });
    assert!((&wanted.weights - &ahead.weights).norm_max() > 1e-3);
    let mut pass = Pass::new(samples, kind).unwrap();
    let mut room = Answer::new(samples.shape());
    pass.eval(&at, Ask::Gradient, &mut room).unwrap();
    pass.hessian_vector(&other, &mut product);
    let mut same = |pass: &mut Pass<'_>, wanted: &Answer| {
        pass.hessian_vector(&other, &mut product);
        let off = (&product.weights - &wanted.weights).norm_max();
        assert!(off <= 1e-12, "{off}");
    };
    pass.score(&other);
    same(&mut pass, &wanted);
    pass.eval(&at, Ask::Gradient, &mut room).unwrap();
    pass.probe(&other, &mut room);
    pass.accept();
    same(&mut pass, &wanted);
    pass.head(&at);
    pass.advance(1.0);
    same(&mut pass, &ahead);
    pass.eval(&other, Ask::Gradient, &mut room).unwrap();
    same(&mut pass, &wanted);
}

const SIZES: [(usize, usize, usize, bool); 6] = [
    (1, 1, 2, false),
    (40, 3, 2, true),
    (300, 1, 3, false),
    (700, 13, 10, true),
    (5000, 17, 4, false),
    (33, 0, 3, true),
];

#[test]
fn value_gradient_and_hessian_are_those_of_the_definition_in_every_storage() {
    for (n, d, c, weighted) in SIZES {
        let problem = Problem::new(n, d, c, weighted && n > 1);
        let storages = Storages::of(&problem.x);
        for kind in LOSSES {
            for x in storages.all(&problem.x) {
                let samples = problem.samples(x, kind);
                let (at, direction) = (point(d, samples.outputs), point(d, samples.outputs));
                let loss = loss::named(kind);
                let mut z = scores(&problem.x, &at);
                let mut v = scores(&problem.x, &direction);
                loss.hessian(z.as_ref(), samples.targets, samples.weights, v.as_mut());
                let value = loss.block(z.as_mut(), samples.targets, samples.weights);
                let total = samples.total_weight();

                let mut pass = Pass::new(samples, kind).unwrap();
                let mut answer = Answer::new(samples.shape());
                pass.eval(&at, Ask::Gradient, &mut answer).unwrap();
                assert!((answer.value - value / total).abs() <= 1e-12 * (1.0 + value.abs()), "{kind:?}");
                close(&answer, &z, &problem.x, total);
                let mut product = Answer::new(samples.shape());
                pass.hessian_vector(&direction, &mut product);
                close(&product, &v, &problem.x, total);
                let value = answer.value;
                pass.eval(&at, Ask::Value, &mut answer).unwrap();
                assert_eq!(answer.value.to_bits(), value.to_bits());
            }
        }
    }
}

#[test]
fn a_line_through_a_point_needs_no_pass_and_ends_where_the_step_does() {
    let (n, d, c) = (5000, 6, 3);
    let problem = Problem::new(n, d, c, true);
    let kind = LossKind::Softmax;
    let samples = problem.samples(Features::F64(problem.x.as_ref()), kind);
    let mut pass = Pass::new(samples, kind).unwrap();
    let (at, direction) = (point(d, c), point(d, c));
    let mut answer = Answer::new(samples.shape());
    pass.eval(&at, Ask::Gradient, &mut answer).unwrap();
    pass.head(&direction);
    let (value, slope) = pass.along(0.0);
    assert!((value - answer.value).abs() < 1e-13);
    let pairs =
        (0..c).flat_map(|k| direction.weights.col_as_slice(k).iter().zip(answer.weights.col_as_slice(k)));
    let pairs = pairs.chain(direction.intercept.iter().zip(&answer.intercept));
    assert!((slope - pairs.map(|(u, g)| u * g).sum::<f64>()).abs() < 1e-12);
    let there = Coefficients {
        weights: Mat::from_fn(d, c, |j, k| at.weights[(j, k)] - 0.5 * direction.weights[(j, k)]),
        intercept: at.intercept.iter().zip(&direction.intercept).map(|(b, v)| b - 0.5 * v).collect(),
    };
    let ahead = pass.along(-0.5).0;
    pass.advance(-0.5);
    let moved = pass.scores().to_owned();
    let mut arrived = Answer::new(samples.shape());
    pass.arrive(&mut arrived);
    pass.eval(&there, Ask::Gradient, &mut answer).unwrap();
    assert!((arrived.value - answer.value).abs() < 1e-13);
    assert!((&arrived.weights - &answer.weights).norm_max() < 1e-13);
    assert!(arrived.intercept.iter().zip(&answer.intercept).all(|(a, b)| (a - b).abs() < 1e-13));
    assert!((ahead - answer.value).abs() < 1e-13);
    assert!((0..n).all(|i| (0..c).all(|k| (moved[(i, k)] - pass.scores()[(i, k)]).abs() < 1e-13)));
}

#[test]
fn the_bits_are_the_same_for_any_number_of_threads() {
    let (n, d, c) = (9001, 23, 5);
    let problem = Problem::new(n, d, c, true);
    let storages = Storages::of(&problem.x);
    let kind = LossKind::OvrLogistic;
    for x in storages.all(&problem.x) {
        let bits = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                let samples = problem.samples(x, kind);
                let mut pass = Pass::new(samples, kind).unwrap();
                let mut answers = [Answer::new(samples.shape()), Answer::new(samples.shape())];
                pass.eval(&point(d, c), Ask::Gradient, &mut answers[0]).unwrap();
                pass.hessian_vector(&point(d, c), &mut answers[1]);
                pass.head(&point(d, c));
                let (value, slope) = pass.along(0.25);
                let weights = answers.iter().flat_map(|a| (0..c).flat_map(|k| a.weights.col_as_slice(k)));
                let rest = answers.iter().flat_map(|a| a.intercept.iter().chain([&a.value]));
                weights.chain(rest).chain([&value, &slope]).map(|v| v.to_bits()).collect::<Vec<_>>()
            })
        };
        let one = bits(1);
        assert_eq!(bits(2), one);
        assert_eq!(bits(3), one);
    }
}
