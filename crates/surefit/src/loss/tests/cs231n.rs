//! The two programs by which Stanford's course CS231n teaches the multiclass hinge (assignment 1, "Multiclass SVM"),
//! written as they are published: W is d × c, the loss is the mean hinge plus 0.5·reg·ΣW².

use super::*;

struct Data {
    x: Mat<f64>,
    y: Vec<u32>,
    w: Mat<f64>,
    reg: f64,
}

/// The terms of the loss are all ≥ 0, so that it is their own sum of magnitudes.
struct Evaluation {
    loss: f64,
    gradient: Mat<f64>,
}

/// For every row and every wrong class within the margin: `dW[:, j] += x; dW[:, y] −= x`.
fn double_loop(data: &Data) -> Evaluation {
    let Data { x, y, w, reg } = data;
    let (n, d, c) = (x.nrows(), w.nrows(), w.ncols());
    let (mut loss, mut dw) = (0.0, Mat::<f64>::zeros(d, c));
    for i in 0..n {
        let own = y[i] as usize;
        let scores: Vec<f64> = (0..c).map(|j| (0..d).map(|k| x[(i, k)] * w[(k, j)]).sum()).collect();
        for j in 0..c {
            if j == own {
                continue;
            }
            let margin = scores[j] - scores[own] + 1.0;
            if margin > 0.0 {
                loss += margin;
                for k in 0..d {
                    dw[(k, j)] += x[(i, k)];
                    dw[(k, own)] -= x[(i, k)];
                }
            }
        }
    }
    loss /= n as f64;
    loss += 0.5 * reg * inner(w, w);
    let gradient = Mat::from_fn(d, c, |k, j| dw[(k, j)] / n as f64 + reg * w[(k, j)]);
    Evaluation { loss, gradient }
}

/// A mask of the margins, its row sums in the columns of the classes, and one product `XᵀM`.
fn vectorised(data: &Data) -> Evaluation {
    let Data { x, y, w, reg } = data;
    let n = x.nrows();
    let scores = x * w;
    let mut margins =
        Mat::from_fn(n, w.ncols(), |i, j| (scores[(i, j)] - scores[(i, y[i] as usize)] + 1.0).max(0.0));
    (0..n).for_each(|i| margins[(i, y[i] as usize)] = 0.0);
    let loss = entries(&margins).sum::<f64>() / n as f64 + 0.5 * reg * inner(w, w);
    let mut mask = Mat::from_fn(n, w.ncols(), |i, j| f64::from(margins[(i, j)] > 0.0));
    for i in 0..n {
        mask[(i, y[i] as usize)] = -(0..w.ncols()).map(|j| mask[(i, j)]).sum::<f64>();
    }
    let product = x.transpose() * &mask;
    let gradient = Mat::from_fn(w.nrows(), w.ncols(), |k, j| product[(k, j)] / n as f64 + reg * w[(k, j)]);
    Evaluation { loss, gradient }
}

/// The loss of this crate, with the sum of the magnitudes of every entry's terms.
fn ours(data: &Data) -> (Evaluation, Mat<f64>) {
    let Data { x, y, w, reg } = data;
    let (n, d, c) = (x.nrows(), w.nrows(), w.ncols());
    let mut scores = x * w;
    let value =
        named(LossKind::Hinge { margin: 1.0 }).block(scores.as_mut(), Targets::Classes(y), None) / n as f64;
    let product = x.transpose() * &scores;
    let gradient = Mat::from_fn(d, c, |k, j| product[(k, j)] / n as f64 + reg * w[(k, j)]);
    let terms = Mat::from_fn(d, c, |k, j| {
        let data: f64 = (0..n).map(|i| (x[(i, k)] * scores[(i, j)]).abs()).sum();
        data / n as f64 + (reg * w[(k, j)]).abs()
    });
    let loss = value + 0.5 * reg * inner(w, w);
    (Evaluation { loss, gradient }, terms)
}

fn agree(data: &Data) {
    let (own, terms) = ours(data);
    for published in [double_loop(data), vectorised(data)] {
        assert!((own.loss - published.loss).abs() <= 1e-13 * published.loss);
        let pairs = entries(&own.gradient).zip(entries(&published.gradient));
        for ((a, b), terms) in pairs.zip(entries(&terms)) {
            assert!((a - b).abs() <= 1e-13 * terms, "{a} {b}");
        }
    }
}

/// Classes below `c` that follow from a seed.
fn classes(n: usize, c: usize, seed: u64) -> Vec<u32> {
    let whole = |entry: f64| u32::try_from(entry.to_bits() >> 20 & 0xffff).unwrap();
    entries(&numbers(n, 1, seed)).map(|entry| whole(entry) % u32::try_from(c).unwrap()).collect()
}

proptest! {
    #[test]
    fn both_published_programs_are_matched(
        n in 1usize..40, d in 1usize..20, c in 2usize..11, seed in any::<u64>(), reg in 0.0f64..2.0,
    ) {
        let y = classes(n, c, !seed);
        let w = numbers(d, c, seed ^ 3);
        agree(&Data { x: numbers(n, d, seed), y, w, reg });
    }

    #[test]
    fn both_are_matched_where_margins_are_met_exactly(
        n in 1usize..40, c in 2usize..6, seed in any::<u64>(),
    ) {
        // Whole numbers: every sum is exact, and 1 + s_j − s_y is often exactly 0.
        let whole = |rows, columns, seed| {
            let numbers = numbers(rows, columns, seed);
            Mat::from_fn(rows, columns, |i, j| (2.0 * numbers[(i, j)]).round())
        };
        let y = classes(n, c, !seed);
        agree(&Data { x: whole(n, 3, seed), y, w: whole(3, c, seed ^ 3), reg: 0.5 });
    }
}
