//! Gradients: explained a row at a time, and checked.

use super::*;

const IRIS: [&str; 2] = ["data/iris.csv", "species ~ ."];
const KINDS: [&str; 3] = ["setosa", "versicolor", "virginica"];
/// Coefficients at which no margin of the irises is 0.
const W: [[f64; 3]; 5] =
    [[0.2, 0.1, -0.31], [0.4, -0.2, -0.2], [-0.5, 0.1, 0.43], [-0.2, -0.1, 0.3], [0.013, 0.6, -0.6]];

/// A file of coefficients for the irises.
pub fn iris_file(rows: &[[f64; 3]; 5]) -> String {
    let terms = ["sepal_length", "sepal_width", "petal_length", "petal_width", "(intercept)"];
    let line = |(term, row): (&str, &[f64; 3])| format!("{term},{},{},{}\n", row[0], row[1], row[2]);
    let lines: String = terms.into_iter().zip(rows).map(line).collect();
    format!("term,{}\n{lines}", KINDS.join(","))
}

/// The hinge's gradient at W by the double loop: so often what other classes give, the own class, whatever number of
/// margins are violated where `indicator`, and W.
fn iris_gradient([other, own, penalty]: [f64; 3], indicator: bool) -> [[f64; 3]; 5] {
    let text = std::fs::read_to_string(root().join("data/iris.csv")).unwrap();
    let mut gradient = W.map(|row| row.map(|w| penalty * w));
    gradient[4] = [0.0; 3];
    for line in text.lines().skip(1) {
        let fields: Vec<&str> = line.split(',').collect();
        let mut x = [1.0; 5];
        x.iter_mut().zip(&fields[..4]).for_each(|(x, text)| *x = text.parse().unwrap());
        let y = KINDS.iter().position(|kind| *kind == fields[4]).unwrap();
        let score = |k: usize| (0..5).map(|j| x[j] * W[j][k]).sum::<f64>();
        let mut count = 0.0;
        for k in (0..3).filter(|k| *k != y && score(*k) - score(y) + 1.0 > 0.0) {
            (0..5).for_each(|j| gradient[j][k] += other * x[j] / 150.0);
            count += 1.0;
        }
        let count = if indicator { f64::min(count, 1.0) } else { count };
        (0..5).for_each(|j| gradient[j][y] -= own * count * x[j] / 150.0);
    }
    gradient
}

/// The irises as svmlight.
fn iris_sparse() -> String {
    let text = std::fs::read_to_string(root().join("data/iris.csv")).unwrap();
    let row = |line: &str| {
        let f: Vec<&str> = line.split(',').collect();
        format!("{} 1:{} 2:{} 3:{} 4:{}\n", f[4], f[0], f[1], f[2], f[3])
    };
    text.lines().skip(1).map(row).collect()
}

fn with_numbers(file: &str) -> String {
    let names =
        [("sepal_length", "x1"), ("sepal_width", "x2"), ("petal_length", "x3"), ("petal_width", "x4")];
    names.iter().fold(file.to_owned(), |text, (name, number)| text.replace(name, number))
}

#[test]
fn one_row_of_a_gradient_is_told_for_every_loss() {
    let folder = Folder::new();
    let at = folder.file("W.csv", &iris_file(&W));
    let ask = |row: &str, more: &[&str]| {
        told(&[&["explain-gradient"], &IRIS[..], &["--row", row, "-q"], more].concat())
    };
    let mut all = ask("1", &[]);
    for loss in [
        "hinge",
        "crammer-singer",
        "squared-hinge",
        "ovr-hinge",
        "ovr-squared-hinge",
        "ovr-logistic",
        "softmax",
    ] {
        all += &ask("102", &["--at", &at, "--loss", loss]);
    }
    all += &ask("102", &["--at", &at, "--margin", "0.1"]);
    let number = |loss| {
        told(&["explain-gradient", "data/sales.csv", "sales ~ temp", "--row", "2", "-q", "--loss", loss])
    };
    all += &[number("squared"), number("huber")].concat();
    folder.snapshot("explain_gradient", &all);
    assert!(all.split("exit ").all(|one| one.lines().count() <= 40));
}

#[test]
fn a_row_of_many_classes_and_features_is_abbreviated() {
    let folder = Folder::new();
    let row = |i: usize| {
        let features: String = (1..40).map(|j| format!(" {j}:{}", (i * j) % 7)).collect();
        format!("class{i}{features}\n")
    };
    let data = folder.file("wide.svm", &(0..30).map(row).collect::<String>());
    let told = told(&["explain-gradient", &data, "--row", "5"]);
    assert!(told.lines().count() <= 44, "{told}");
    folder.snapshot("explain_gradient_wide", &told);
    let object = object(&["explain-gradient", &data, "--row", "5"]);
    assert_eq!(object["row"]["times_x"].as_object().unwrap().len(), 30);
    assert_eq!(object["row"]["times_x"]["class4"], -29.0);
}

#[test]
fn mistakes_in_a_gradient_file_are_named_with_the_line_that_mends_them() {
    let folder = Folder::new();
    let at = folder.file("W.csv", &iris_file(&W));
    let cases = [
        ("right", [1.0, 1.0, 0.1], false, 0),
        ("summed", [150.0, 150.0, 0.1], false, 6),
        ("penalty twice", [1.0, 1.0, 0.2], false, 6),
        ("no penalty", [1.0, 1.0, 0.0], false, 6),
        ("no own class", [1.0, 0.0, 0.1], false, 6),
        ("indicator", [1.0, 1.0, 0.1], true, 6),
        ("sign", [-1.0, -1.0, 0.1], false, 6),
        ("own class twice", [1.0, 2.0, 0.1], false, 6),
    ];
    let mut all = String::new();
    for (name, factors, indicator, exit) in cases {
        let file = iris_file(&iris_gradient(factors, indicator));
        let gradient = folder.file("G.csv", &file);
        let flags = ["--penalty", ".1", "--at", &at, "--gradient", &gradient, "-q"];
        let arguments = [&["check-gradient"], &IRIS[..], &flags].concat();
        let told = told(&arguments);
        assert!(told.starts_with(&format!("exit {exit}\n")), "{name}: {told}");
        writeln!(all, "# {name}\n{told}").unwrap();
        // Sparse rows of the same numbers say the same.
        let sparse = folder.file("iris.svm", &iris_sparse());
        let (at, gradient) = (
            folder.file("Wx.csv", &with_numbers(&iris_file(&W))),
            folder.file("Gx.csv", &with_numbers(&file)),
        );
        let flags = ["--penalty", ".1", "--at", &at, "--gradient", &gradient];
        let (dense, sparse) =
            (object(&arguments), object(&[&["check-gradient", &sparse], &flags[..]].concat()));
        assert_eq!(dense["message"], sparse["message"]);
        assert_eq!(dense["diagnosis"]["evidence"]["mistake"], sparse["diagnosis"]["evidence"]["mistake"]);
    }
    folder.snapshot("check_gradient", &all);
}

#[test]
fn at_zero_alone_a_wrong_penalty_is_not_seen_and_that_is_said() {
    let folder = Folder::new();
    let zero = folder.file("zero.csv", &iris_file(&[[0.0; 3]; 5]));
    let at = folder.file("W.csv", &iris_file(&W));
    let missing = folder.file("G.csv", &iris_file(&iris_gradient([1.0, 1.0, 0.0], false)));
    let table = std::fs::read_to_string(root().join("data/iris.csv")).unwrap();
    // At W = 0 every rival violates: the means of each class and of all.
    let mut start = [[0.0; 3]; 5];
    for line in table.lines().skip(1) {
        let fields: Vec<&str> = line.split(',').collect();
        let y = KINDS.iter().position(|kind| *kind == fields[4]).unwrap();
        for j in 0..5 {
            let x: f64 = if j < 4 { fields[j].parse().unwrap() } else { 1.0 };
            (0..3).for_each(|k| start[j][k] += if k == y { -2.0 } else { 1.0 } * x / 150.0);
        }
    }
    let at_zero = folder.file("G0.csv", &iris_file(&start));
    let ask = |files: &[&str]| {
        let flags = ["--penalty", ".1", "-q"];
        told(&[&["check-gradient"], &IRIS[..], &flags, files].concat())
    };
    let all = [
        ask(&["--gradient", &at_zero]),
        ask(&["--at", &zero, "--gradient", &at_zero, "--at", &at, "--gradient", &missing]),
        ask(&["--at", &zero, "--gradient", &zero]),
    ];
    folder.snapshot("check_gradient_at_zero", &all.concat());
}

#[test]
fn requests_about_gradients_that_make_no_sense_are_refused() {
    let folder = Folder::new();
    let at = folder.file("W.csv", &iris_file(&W));
    let other = folder.file("other.csv", "term,a,b,c\nsepal_length,1,2,3\n");
    let sparse = folder.file("iris.svm", &iris_sparse());
    let one = folder.file("one.csv", "y,x\na,1\na,2\n");
    let weights = folder.file("weights.csv", "y,x,w\na,1,1\nb,2,0\na,3,1\nc,4,2\n");
    let hole = folder.file("hole.csv", "y,x\na,1\n,2\nb,3\n");
    let explain = |more: &[&str]| told(&[&["explain-gradient"], more].concat());
    let iris = |more: &[&str]| explain(&[&IRIS[..], more].concat());
    let check = |more: &[&str]| told(&[&["check-gradient"], &IRIS[..], more].concat());
    let all = [
        iris(&["--row", "0"]),
        iris(&["--row", "151"]),
        iris(&["--row", "1", "--loss", "ovr-hinge", "--margin", "2"]),
        iris(&["--row", "1", "--loss", "svm"]),
        iris(&["--row", "1", "--margin", "-1"]),
        iris(&["--row", "1", "--loss", "squared"]),
        iris(&["--row", "1", "--at", &folder.path("absent.csv")]),
        iris(&["--row", "1", "--at", &other]),
        iris(&["--row", "1", "--zero-based"]),
        explain(&["data/iris.csv", "--row", "1"]),
        explain(&["data/iris.csv", "log(sepal_width) ~ .", "--row", "1"]),
        explain(&["data/iris.csv", "species ~ . - 1", "--row", "1", "--at", &at]),
        explain(&[&sparse, "y ~ .", "--row", "1"]),
        explain(&[&sparse, "--weights", "w", "--row", "1"]),
        explain(&[&one, "y ~ x", "--row", "1"]),
        explain(&[&weights, "y ~ x", "--weights", "w", "--row", "2"]),
        explain(&[&hole, "y ~ x", "--row", "1"]),
        explain(&[&hole, "y ~ x", "--row", "2", "--missing", "drop"]),
        check(&["--at", &at]),
        check(&["--at", &at, "--at", &at, "--gradient", &at]),
        check(&["--gradient", &at, "--penalize-intercept"]),
        told(&["check-gradient", &sparse, "--loss", "squared", "--gradient", &at]),
        told(&["check-gradient", "data/sales.csv", "C(sales) ~ temp", "--loss", "huber", "--gradient", &at]),
    ];
    folder.snapshot("gradient_refuses", &all.concat());
}
