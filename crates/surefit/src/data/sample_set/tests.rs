//! The same rows from a table and from sparse rows are the same samples, and a row without weight is no row.

#![allow(clippy::unwrap_used, clippy::panic)]

use super::*;
use crate::data::encode::{EncodeOptions, Missing};
use crate::data::formula::Formula;
use crate::data::read::SvmlightOptions;
use crate::data::{Levels, Values};
use crate::loss::Targets;
use crate::oracle::{Answer, Ask, Oracle, Pass};
use crate::problem::Coefficients;

const HINGE: LossKind = LossKind::Hinge { margin: 1.0 };

/// A column of texts, where `?` is missing.
fn texts(name: &str, cells: &[&str]) -> (String, Values, Levels) {
    let mut levels = Levels::default();
    let code = |cell: &&str| if *cell == "?" { Levels::MISSING } else { levels.intern(cell) };
    (name.to_owned(), Values::Text(cells.iter().map(code).collect()), levels)
}

fn numbers(name: &str, cells: &[f64]) -> (String, Values, Levels) {
    (name.to_owned(), Values::Number(cells.to_vec()), Levels::default())
}

/// The columns in the order in which the formula wants them are those of the table.
fn set(
    columns: Vec<(String, Values, Levels)>,
    formula: &str,
    weights: Option<&str>,
    missing: Missing,
) -> Result<SampleSet> {
    let header: Vec<String> = columns.iter().map(|(name, ..)| name.clone()).collect();
    let resolved = Formula::parse(formula)?.resolve(&header, weights)?;
    let mut columns: Vec<Option<_>> = columns.into_iter().map(Some).collect();
    let wanted = resolved.wants.iter().map(|want| columns[want.column].take().unwrap()).collect();
    let table = Table::from_columns(wanted);
    let options = EncodeOptions { missing, drop_reference: false, class_target: true };
    SampleSet::of_table(&table, &Recipe::build(&resolved, &table, &options)?)
}

fn of_rows(set: &SampleSet) -> Vec<u32> {
    match set.samples(HINGE).unwrap().targets {
        Targets::Classes(of_rows) => of_rows.to_vec(),
        Targets::Values(_) | Targets::Labels(_) => panic!("no classes"),
    }
}

fn flowers() -> Vec<(String, Values, Levels)> {
    vec![
        texts("kind", &["rose", "lily", "?", "rose", "iris"]),
        numbers("long", &[1.0, 2.0, 3.0, 0.0, 5.0]),
        texts("town", &["b", "a", "a", "b", "a"]),
    ]
}

#[test]
fn texts_are_classes_and_every_level_of_a_feature_has_a_column() {
    let refused = set(flowers(), "kind ~ .", None, Missing::Error).unwrap_err().to_string();
    assert_eq!(refused, "column `kind` has 1 missing value, first in row 3");
    let refused = set(flowers(), "kind ~ .", None, Missing::Mean).unwrap_err().to_string();
    assert_eq!(
        refused,
        "target column `kind` has 1 missing value, first in row 3, and a target is not made up"
    );
    let set = set(flowers(), "kind ~ .", None, Missing::Drop).unwrap();
    assert_eq!(set.names().collect::<Vec<_>>(), ["long", "town=a", "town=b"]);
    assert_eq!(set.outputs(HINGE), ["iris", "lily", "rose"]);
    assert_eq!(of_rows(&set), [2, 1, 2, 0]);
    assert_eq!((set.find(1), set.find(2), set.find(3), set.find(9)), (Some(1), None, Some(2), None));
    assert_eq!(set.notes(), ["dropped 1 of 5 rows with a missing value in `kind`"]);
}

#[test]
fn numbers_are_classes_too_in_the_order_of_numbers() {
    let columns = || vec![numbers("y", &[10.0, 2.0, 10.0]), numbers("x", &[1.0, 2.0, 3.0])];
    let ten = set(columns(), "y ~ x", None, Missing::Error).unwrap();
    assert_eq!((ten.outputs(HINGE), of_rows(&ten)), (vec!["2".to_owned(), "10".to_owned()], vec![1, 0, 1]));
    assert_eq!(ten.outputs(LossKind::OvrLogistic), ["10"]);
    let refused = |formula: &str| set(columns(), formula, None, Missing::Error).unwrap_err().to_string();
    assert_eq!(refused("log(y) ~ x"), "a class is a column as it is, and the target is `log(y)`");
    assert_eq!(refused("[y, x] ~ 1"), "one column holds the classes, and the formula has 2 targets");
    assert!(ten.samples(LossKind::Squared).is_err());
}

#[test]
fn a_class_of_rows_without_weight_alone_is_none_and_its_rows_are_left_out() {
    let columns = |weights: &[f64]| {
        vec![texts("y", &["a", "b", "c", "a"]), numbers("x", &[1.0, 2.0, 3.0, 4.0]), numbers("w", weights)]
    };
    let weighed = |weights: &[f64]| set(columns(weights), "y ~ x", Some("w"), Missing::Error);
    let three = weighed(&[1.0, 2.0, 0.5, 0.0]).unwrap();
    assert_eq!((three.outputs(HINGE).len(), three.rows(), three.notes().len()), (3, 4, 0));
    let two = weighed(&[1.0, 2.0, 0.0, 0.0]).unwrap();
    assert_eq!((two.outputs(HINGE).join(" "), of_rows(&two)), ("a b".to_owned(), vec![0, 1, 0]));
    assert_eq!((two.find(2), two.find(3)), (None, Some(2)));
    assert_eq!(two.notes(), ["left out 1 row of weight 0: no row of weight has their class, such as `c`"]);
    let one = weighed(&[1.0, 0.0, 0.0, 0.0]).unwrap_err();
    assert_eq!(
        one.to_string(),
        "column `y` holds one class alone: `a` in 1 row; the weight of 3 others is 0"
    );
}

#[test]
fn a_table_and_sparse_rows_of_the_same_numbers_are_the_same_samples() {
    let columns = vec![
        texts("y", &["b", "a", "b"]),
        numbers("x1", &[1.5, 0.0, -2.0]),
        numbers("x2", &[0.0, 0.0, 1e-3]),
    ];
    let dense = set(columns, "y ~ .", None, Missing::Error).unwrap();
    let text = b"b 1:1.5\na 2:0\nb 1:-2 2:1e-3\n".to_vec();
    let rows = SparseData::from_bytes("t", text, &SvmlightOptions::default(), &|_| true).unwrap();
    let sparse = SampleSet::of_sparse(rows, HINGE, false).unwrap();
    assert!(dense.names().eq(sparse.names()) && dense.outputs(HINGE) == sparse.outputs(HINGE));
    assert_eq!(of_rows(&dense), of_rows(&sparse));
    let at = Coefficients {
        weights: Mat::from_fn(2, 2, |j, k| 0.3 * (j + 2 * k) as f64),
        intercept: vec![0.1, -0.2],
    };
    let answer = |set: &SampleSet| {
        let mut pass = Pass::new(set.samples(HINGE).unwrap(), HINGE).unwrap();
        let mut answer = Answer::new(pass.shape());
        pass.eval(&at, Ask::Gradient, &mut answer).unwrap();
        (answer.value, answer.weights, answer.intercept)
    };
    assert_eq!(answer(&dense), answer(&sparse));
}

#[test]
fn labels_of_sparse_rows_are_numbers_for_a_loss_of_numbers() {
    let set = |text: &str| {
        let options = SvmlightOptions { zero_based: true, ..SvmlightOptions::default() };
        let rows = SparseData::from_bytes("t", text.into(), &options, &|_| true).unwrap();
        SampleSet::of_sparse(rows, LossKind::Squared, true)
    };
    let numbers = set("1.5 0:1\n-2 1:3\n").unwrap();
    assert_eq!(numbers.names().collect::<Vec<_>>(), ["x0", "x1"]);
    let Targets::Values(y) = numbers.samples(LossKind::Squared).unwrap().targets else { panic!("classes") };
    assert_eq!((y[(0, 0)], y[(1, 0)]), (1.5, -2.0));
    let refused = set("1 0:1\nred 0:2\n").unwrap_err();
    assert_eq!(
        refused.to_string(),
        "the label column of t has `red` in row 2, and a loss of numbers needs a finite number"
    );
}

/// Two features and three labels under given names, in dense rows.
fn arff(features: [&str; 2], labels: [&str; 3]) -> SampleSet {
    use crate::data::read::{ArffOptions, LabelChoice};
    let features = features.map(|name| format!("@attribute {name} numeric\n")).concat();
    let labels = labels.map(|name| format!("@attribute {name} {{0,1}}\n")).concat();
    let text = format!("@relation r\n{features}{labels}@data\n1,2,0,1,1\n3,4,1,0,0\n");
    let choice = LabelChoice::Last(3);
    let data = ArffData::from_bytes("r", text.into_bytes(), &choice, &ArffOptions::default(), &|_| true);
    SampleSet::of_arff(data.unwrap())
}

#[test]
fn rows_of_an_arff_file_are_samples_of_labels_and_of_nothing_else() {
    let set = arff(["a", "b"], ["l", "m", "n"]);
    let samples = set.samples(LossKind::Bpmll).unwrap();
    let Targets::Labels(labels) = samples.targets else { panic!("no labels") };
    assert_eq!((0..3).map(|k| labels.has(0, k)).collect::<Vec<_>>(), [false, true, true]);
    assert_eq!((set.rows(), set.columns(), set.number(1), samples.outputs), (2, 2, 1, 3));
    assert_eq!(set.names().collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(set.outputs(LossKind::Bpmll), ["l", "m", "n"]);
    for loss in [HINGE, LossKind::Squared] {
        assert!(set.samples(loss).is_err());
    }
    let rows = set_of_flowers().samples(LossKind::Bpmll).map(drop);
    assert!(rows.is_err());
}

fn set_of_flowers() -> SampleSet {
    set(flowers(), "kind ~ long", None, Missing::Drop).unwrap()
}
