//! What a table becomes, and what is said where it cannot.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::float_cmp)]

use super::super::design::Design;
use super::super::rows::Rows;
use super::super::table::{Levels, Values};
use super::*;
use num_rational::BigRational;
use num_traits::One;
use proptest::prelude::*;

/// A table in memory whose chunks have a chosen length.
struct Sample {
    columns: Vec<Column>,
    values: Vec<Values>,
    rows: usize,
    chunk: usize,
}

enum Cells {
    Number(Vec<f64>),
    /// Missing is the empty text.
    Text(Vec<&'static str>),
}

fn numbers(values: &[f64]) -> Cells {
    Cells::Number(values.to_vec())
}

fn texts(values: &[&'static str]) -> Cells {
    Cells::Text(values.to_vec())
}

fn column(name: &str, cells: &Cells) -> (Column, Values) {
    let mut levels = Levels::default();
    let (kind, values) = match cells {
        Cells::Number(values) => (ColumnKind::Number, Values::Number(values.clone())),
        Cells::Text(values) => {
            let mut code = |name: &&str| if name.is_empty() { Levels::MISSING } else { levels.intern(name) };
            (ColumnKind::Text, Values::Text(values.iter().map(&mut code).collect()))
        }
    };
    let places = |wanted: &dyn Fn(usize) -> bool, n: usize| (0..n).filter(|&i| wanted(i)).collect::<Vec<_>>();
    let (missing, infinite, mean) = match cells {
        Cells::Number(x) => {
            let present: Vec<f64> = x.iter().copied().filter(|x| x.is_finite()).collect();
            let mean = present.iter().sum::<f64>() / present.len() as f64;
            (places(&|i| x[i].is_nan(), x.len()), places(&|i| x[i].is_infinite(), x.len()), mean)
        }
        Cells::Text(x) => (places(&|i| x[i].is_empty(), x.len()), Vec::new(), f64::NAN),
    };
    let column = Column {
        name: name.to_owned(),
        kind,
        levels,
        missing: missing.len(),
        first_missing: missing.first().copied(),
        infinite: infinite.len(),
        first_infinite: infinite.first().copied(),
        mean,
    };
    (column, values)
}

impl Sample {
    /// The wanted columns of a table.
    fn read(table: &[(&str, Cells)], wants: &[Want]) -> Self {
        let (columns, values): (Vec<_>, Vec<_>) = wants
            .iter()
            .map(|want| {
                let (name, cells) = &table[want.column];
                match cells {
                    Cells::Number(values) if want.as_text => {
                        let texts = values.iter().map(|x| &*format!("{x}").leak()).collect();
                        column(name, &Cells::Text(texts))
                    }
                    cells => column(name, cells),
                }
            })
            .unzip();
        let rows = table.first().map_or(0, |(_, cells)| match cells {
            Cells::Number(values) => values.len(),
            Cells::Text(values) => values.len(),
        });
        Self { columns, values, rows, chunk: usize::MAX }
    }
}

impl Scanned for Sample {
    fn columns(&self) -> &[Column] {
        &self.columns
    }

    fn rows(&self) -> usize {
        self.rows
    }

    fn chunks(&self) -> Box<dyn Iterator<Item = Result<Chunk>> + '_> {
        let step = self.chunk.min(self.rows).max(1);
        Box::new((0..self.rows).step_by(step).map(move |first| {
            let to = self.rows.min(first + step);
            let cut = |values: &Values| match values {
                Values::Number(values) => Values::Number(values[first..to].to_vec()),
                Values::Text(codes) => Values::Text(codes[first..to].to_vec()),
            };
            Ok(Chunk { first, columns: self.values.iter().map(cut).collect() })
        }))
    }
}

fn header(table: &[(&str, Cells)]) -> Vec<String> {
    table.iter().map(|(name, _)| (*name).to_owned()).collect()
}

fn recipe_of(
    table: &[(&str, Cells)],
    formula: &str,
    weights: Option<&str>,
    options: EncodeOptions,
) -> Result<(Recipe, Sample)> {
    let resolved = Formula::parse(formula)?.resolve(&header(table), weights)?;
    let sample = Sample::read(table, &resolved.wants);
    Ok((Recipe::build(&resolved, &sample, &options)?, sample))
}

fn design(table: &[(&str, Cells)], formula: &str, options: EncodeOptions) -> Result<(Recipe, Design)> {
    let (recipe, sample) = recipe_of(table, formula, None, options)?;
    let design = Design::gather(&Encoded::new(&sample, &recipe)?)?;
    Ok((recipe, design))
}

fn rows_of(design: &Design) -> Vec<Vec<f64>> {
    (0..design.x.nrows()).map(|i| (0..design.x.ncols()).map(|j| design.x[(i, j)]).collect()).collect()
}

const REFERENCE: EncodeOptions =
    EncodeOptions { missing: Missing::Error, drop_reference: true, class_target: false };

fn cities() -> Vec<(&'static str, Cells)> {
    vec![
        ("y", numbers(&[1.0, 2.0, 3.0, 4.0])),
        ("a", numbers(&[2.0, 3.0, 5.0, 7.0])),
        ("b", numbers(&[10.0, 20.0, 30.0, 40.0])),
        ("city", texts(&["Rome", "Oslo", "Rome", "Bern"])),
        ("size", texts(&["s", "l", "s", "l"])),
        ("year", numbers(&[10.0, 9.0, 10.0, 8.0])),
    ]
}

#[test]
fn columns_pass_as_they_are() {
    let (recipe, design) = design(&cities(), "y ~ a + b", REFERENCE).unwrap();
    assert_eq!(recipe.names(), ["a", "b"]);
    assert_eq!(recipe.targets(), ["y"]);
    assert_eq!(rows_of(&design), [[2.0, 10.0], [3.0, 20.0], [5.0, 30.0], [7.0, 40.0]]);
    assert_eq!((0..4).map(|i| design.y[(i, 0)]).collect::<Vec<_>>(), [1.0, 2.0, 3.0, 4.0]);
    assert!(design.x_low.is_none() && design.weights.is_none());
}

#[test]
fn texts_become_columns_in_sorted_order_and_the_first_is_the_reference() {
    let (recipe, design) = design(&cities(), "y ~ city", REFERENCE).unwrap();
    assert_eq!(recipe.names(), ["city=Oslo", "city=Rome"]);
    assert_eq!(rows_of(&design), [[0.0, 1.0], [1.0, 0.0], [0.0, 1.0], [0.0, 0.0]]);
    assert_eq!(recipe.notes(), ["city: 3 levels, `Bern` is the reference"]);
}

#[test]
fn with_a_penalty_every_text_has_its_column() {
    let (recipe, _) = design(&cities(), "y ~ city + a", EncodeOptions::default()).unwrap();
    assert_eq!(recipe.names(), ["city=Bern", "city=Oslo", "city=Rome", "a"]);
    assert_eq!(recipe.notes(), ["city: 3 levels, a column each"]);
}

#[test]
fn a_text_leaves_out_its_reference_where_the_rest_of_the_term_is_in_the_model() {
    for (formula, names) in [
        ("y ~ city + size", "city=Oslo city=Rome size=s"),
        ("y ~ city + size - 1", "city=Bern city=Oslo city=Rome size=s"),
        ("y ~ a + a:size", "a a:size=s"),
        ("y ~ a:size", "a:size=l a:size=s"),
        ("y ~ a*size", "a size=s a:size=s"),
        ("y ~ size*a", "size=s a size=s:a"),
        ("y ~ size + city + size:city", "size=s city=Oslo city=Rome size=s:city=Oslo size=s:city=Rome"),
        ("y ~ C(year)", "year=9 year=10"),
        ("y ~ year + C(year) - 1", "year year=8 year=9 year=10"),
    ] {
        let (recipe, _) = design(&cities(), formula, REFERENCE).unwrap();
        assert_eq!(recipe.names().join(" "), names, "{formula}");
    }
}

#[test]
fn products_of_texts_and_numbers_are_the_number_where_the_text_is() {
    let (recipe, design) = design(&cities(), "y ~ a:b:size - 1", REFERENCE).unwrap();
    assert_eq!(recipe.names(), ["a:b:size=l", "a:b:size=s"]);
    assert_eq!(rows_of(&design), [[0.0, 20.0], [60.0, 0.0], [0.0, 150.0], [280.0, 0.0]]);
}

#[test]
fn powers_are_named_as_powers_and_merge_with_the_plain_column() {
    let (recipe, _) = design(&cities(), "y ~ a + poly(a, 3) + I(a^2) + I(a / b)", REFERENCE).unwrap();
    assert_eq!(recipe.names(), ["a", "a^2", "a^3", "I(a / b)"]);
}

#[test]
fn a_text_column_of_one_level_adds_nothing_and_says_so() {
    let table = [("y", numbers(&[1.0, 2.0])), ("land", texts(&["NO", "NO"]))];
    let (recipe, design) = design(&table, "y ~ land", REFERENCE).unwrap();
    assert_eq!((recipe.names().len(), design.x.ncols(), design.x.nrows()), (0, 0, 2));
    assert_eq!(recipe.notes(), ["land: 1 level, `NO`, which adds nothing to the intercept"]);
}

#[test]
fn names_that_coincide_are_told_apart() {
    let table =
        [("y", numbers(&[1.0])), ("a", numbers(&[2.0])), ("b", numbers(&[3.0])), ("a:b", numbers(&[4.0]))];
    let (recipe, _) = design(&table, "y ~ a:b + `a:b`", REFERENCE).unwrap();
    assert_eq!(recipe.names(), ["a:b", "a:b#2"]);
}

#[test]
fn an_intercept_alone_has_no_columns_but_all_rows() {
    let (recipe, sample) = recipe_of(&cities(), "y ~ 1", None, REFERENCE).unwrap();
    let design = Design::gather(&Encoded::new(&sample, &recipe).unwrap()).unwrap();
    assert_eq!((design.x.nrows(), design.x.ncols(), design.y.ncols()), (4, 0, 1));
    assert!(recipe.bind(&[]).unwrap().is_empty());
    let bare = Sample { columns: Vec::new(), values: Vec::new(), rows: 9000, chunk: 10 };
    let rows = Encoded::with(&bare, &recipe, Purpose::Predict).unwrap();
    assert_eq!(rows.blocks().map(|block| block.unwrap().view().x.nrows()).sum::<usize>(), 9000);
}

fn gaps() -> Vec<(&'static str, Cells)> {
    vec![
        ("y", numbers(&[1.0, 2.0, 3.0, 4.0, 5.0])),
        ("a", numbers(&[1.0, f64::NAN, 3.0, 5.0, f64::NAN])),
        ("b", numbers(&[1.0, 2.0, f64::NAN, 4.0, 5.0])),
        ("city", texts(&["x", "y", "x", "", "y"])),
    ]
}

fn with_rule(missing: Missing) -> EncodeOptions {
    EncodeOptions { missing, ..REFERENCE }
}

#[test]
fn rows_with_a_missing_value_are_dropped_when_asked() {
    let (recipe, sample) = recipe_of(&gaps(), "y ~ a + b", None, with_rule(Missing::Drop)).unwrap();
    let encoded = Encoded::new(&sample, &recipe).unwrap();
    assert_eq!((encoded.shape().rows, encoded.dropped()), (2, 3));
    assert_eq!(encoded.notes(), ["dropped 3 of 5 rows with a missing value in `a` or `b`"]);
    let design = Design::gather(&encoded).unwrap();
    assert_eq!(rows_of(&design), [[1.0, 1.0], [5.0, 4.0]]);
    assert_eq!([design.y[(0, 0)], design.y[(1, 0)]], [1.0, 4.0]);
}

#[test]
fn missing_numbers_are_filled_with_the_mean_of_the_training_data_when_asked() {
    let (recipe, sample) = recipe_of(&gaps(), "y ~ I(a + 1)", None, with_rule(Missing::Mean)).unwrap();
    let encoded = Encoded::new(&sample, &recipe).unwrap();
    assert_eq!(encoded.notes(), ["filled 2 missing values of `a` with its mean 3"]);
    let design = Design::gather(&encoded).unwrap();
    assert_eq!(rows_of(&design).concat(), [2.0, 4.0, 4.0, 6.0, 4.0]);
    // New rows are filled with the same mean, not with their own.
    let new = Sample::read(
        &[("a", numbers(&[f64::NAN, 100.0]))],
        &recipe.bind(&header(&[("a", numbers(&[]))])).unwrap(),
    );
    let design = Design::gather(&Encoded::with(&new, &recipe, Purpose::Predict).unwrap()).unwrap();
    assert_eq!(rows_of(&design).concat(), [4.0, 101.0]);
}

#[test]
fn new_rows_keep_their_places_and_are_nan_where_a_value_is_missing() {
    let table = [
        ("y", numbers(&[1.0, 2.0, 3.0])),
        ("a", numbers(&[1.0, f64::NAN, 3.0])),
        ("city", texts(&["x", "z", "y"])),
    ];
    let (recipe, _) = recipe_of(&table, "y ~ a + city", None, with_rule(Missing::Drop)).unwrap();
    let new = [("city", texts(&["y", "", "x", "z"])), ("a", numbers(&[f64::NAN, 2.0, 3.0, f64::NAN]))];
    let sample = Sample::read(&new, &recipe.bind(&header(&new)).unwrap());
    let encoded = Encoded::with(&sample, &recipe, Purpose::Predict).unwrap();
    assert_eq!(encoded.shape().outputs, 0);
    let design = Design::gather(&encoded).unwrap();
    let nan = |row: &[f64]| row.iter().map(|x| x.is_nan()).collect::<Vec<_>>();
    let rows = rows_of(&design);
    assert_eq!((nan(&rows[0]), rows[0][1]), (vec![true, false], 1.0));
    assert_eq!(nan(&rows[1]), [false, true]);
    assert_eq!(rows[2], [3.0, 0.0]);
    assert!(rows[3][0].is_nan(), "a text that is no level is not held against a row without a prediction");
}

#[test]
fn a_recipe_keeps_everything_that_predicting_needs() {
    let table = cities();
    let (recipe, sample) =
        recipe_of(&table, "log(y) ~ . - a + poly(log(a), 3):size + C(year) - b", Some("b"), REFERENCE)
            .unwrap();
    let text = serde_json::to_string(&recipe).unwrap();
    let again: Recipe = serde_json::from_str(&text).unwrap();
    assert_eq!(
        (again.names(), again.targets(), again.inputs()),
        (recipe.names(), recipe.targets(), recipe.inputs())
    );
    assert_eq!((&again.columns, &again.references), (&recipe.columns, &recipe.references));
    assert_eq!((again.formula(), serde_json::to_string(&again).unwrap()), (recipe.formula(), text));
    let whole = Design::gather(&Encoded::new(&sample, &recipe).unwrap()).unwrap();
    // Another table: other columns, other order, texts in another order of appearance, one row less.
    let new: Vec<(&str, Cells)> = vec![
        ("junk", numbers(&[0.0, 0.0, 0.0])),
        ("year", numbers(&[8.0, 10.0, 9.0])),
        ("size", texts(&["l", "s", "l"])),
        ("city", texts(&["Bern", "Rome", "Oslo"])),
        ("a", numbers(&[7.0, 5.0, 3.0])),
    ];
    let bound = Sample::read(&new, &again.bind(&header(&new)).unwrap());
    let rows = rows_of(&Design::gather(&Encoded::with(&bound, &again, Purpose::Predict).unwrap()).unwrap());
    let trained = rows_of(&whole);
    assert_eq!(rows, [trained[3].clone(), trained[2].clone(), trained[1].clone()]);
}

#[test]
fn a_saved_recipe_that_contradicts_itself_is_refused() {
    let (recipe, _) = recipe_of(&cities(), "y ~ a + city", None, REFERENCE).unwrap();
    let whole = serde_json::to_value(&recipe).unwrap();
    for (key, value) in [
        ("formula", serde_json::json!("y ~ a + b")),
        ("formula", serde_json::json!("y ~ ")),
        ("formula", serde_json::json!("y ~ a")),
        ("formula", serde_json::json!("y ~ log(city) + a")),
        ("inputs", serde_json::json!([])),
        ("weights", serde_json::json!("w")),
        ("missing", serde_json::json!("guess")),
    ] {
        let mut broken = whole.clone();
        broken[key] = value;
        assert!(serde_json::from_value::<Recipe>(broken).is_err(), "{key}");
    }
}

/// What is said when `formula` is fitted to `table`.
fn refusal(table: &[(&str, Cells)], formula: &str, weights: Option<&str>, missing: Missing) -> String {
    let refused = recipe_of(table, formula, weights, with_rule(missing))
        .and_then(|(recipe, sample)| Design::gather(&Encoded::new(&sample, &recipe)?).map(|_| ()));
    let error = refused.expect_err(formula);
    assert_eq!(error.kind(), crate::error::Kind::Data);
    assert!(!error.hints().is_empty());
    error.to_string()
}

#[test]
fn every_refusal_has_its_sentence() {
    use Missing::{Drop, Mean};
    let inf = f64::INFINITY;
    let nan = f64::NAN;
    let table = || {
        vec![
            ("y", numbers(&[1.0, 2.0, 3.0])),
            ("a", numbers(&[0.0, -1.0, 2.0])),
            ("gap", numbers(&[1.0, nan, 3.0])),
            ("gaps", numbers(&[nan, nan, 3.0])),
            ("none", numbers(&[nan, nan, nan])),
            ("inf", numbers(&[1.0, -inf, inf])),
            ("big", numbers(&[1.0, 1e308, 1e200])),
            ("city", texts(&["1", "Oslo", "2"])),
            ("hole", texts(&["p", "", "q"])),
            ("minus", numbers(&[1.0, -2.0, -3.0])),
            ("zero", numbers(&[0.0, 0.0, 0.0])),
        ]
    };
    for (formula, weights, missing, sentence) in [
        ("y ~ gap", None, Missing::Error, "column `gap` has 1 missing value, first in row 2"),
        (
            "y ~ a + gap + gaps + hole",
            None,
            Missing::Error,
            "column `gap` has 1 missing value, first in row 2; so have `gaps` (2, first in row 1) and `hole` (1, first in row 2)",
        ),
        (
            "y ~ gap + gaps",
            None,
            Missing::Error,
            "column `gap` has 1 missing value, first in row 2; so has `gaps` (2, first in row 1)",
        ),
        (
            "y ~ hole",
            None,
            Mean,
            "text column `hole` has 1 missing value, first in row 2, and texts have no mean",
        ),
        (
            "gap ~ a",
            None,
            Mean,
            "target column `gap` has 1 missing value, first in row 2, and a target is not made up",
        ),
        (
            "y ~ a",
            Some("gaps"),
            Mean,
            "weights column `gaps` has 2 missing values, first in row 1, and a weight is not made up",
        ),
        ("y ~ none", None, Mean, "column `none` has no value at all in 3 rows"),
        ("y ~ none", None, Missing::Error, "column `none` has no value at all in 3 rows"),
        ("y ~ none + gap", None, Drop, "all 3 rows have a missing value, most often in column `none` (3)"),
        ("y ~ inf", None, Drop, "column `inf` has 2 infinite values, first in row 2"),
        ("y ~ log(city)", None, Drop, "column `city` holds text (`Oslo`), and `log(city)` needs numbers"),
        ("city ~ a", None, Drop, "column `city` holds text (`Oslo`), and a target needs numbers"),
        ("y ~ a", Some("city"), Drop, "column `city` holds text (`Oslo`), and a weight needs numbers"),
        ("y ~ log(a)", None, Drop, "`log(a)` has no finite value in 2 rows, first in row 1, where a = 0.0"),
        (
            "y ~ I(1 / a)",
            None,
            Drop,
            "`I(1 / a)` has no finite value in 1 row, first in row 1, where a = 0.0",
        ),
        (
            "y ~ I(big^2)",
            None,
            Drop,
            "`big^2` has no finite value in 2 rows, first in row 2, where big = 1e308",
        ),
        (
            "y ~ big:a + I(big^0.5):big",
            None,
            Drop,
            "`big^0.5:big` has no finite value in 1 row, first in row 2, where big = 1e308",
        ),
        ("log(a) ~ y", None, Drop, "`log(a)` has no finite value in 2 rows, first in row 1, where a = 0.0"),
        ("y ~ sqrt(a) + gap", None, Missing::Error, "column `gap` has 1 missing value, first in row 2"),
        ("y ~ log(minus)", Some("a"), Drop, "weights column `a` is negative in 1 row, first in row 2 (-1)"),
        ("y ~ a", Some("minus"), Drop, "weights column `minus` is negative in 2 rows, first in row 2 (-2)"),
        ("y ~ a", Some("zero"), Drop, "weights column `zero` is 0 in all 3 rows"),
    ] {
        assert_eq!(refusal(&table(), formula, weights, missing), sentence, "{formula}");
    }
    let empty = [("y", numbers(&[])), ("a", numbers(&[]))];
    assert_eq!(refusal(&empty, "y ~ a", None, Drop), "the table has no rows");
    let ids: Vec<f64> = (0..1234).map(f64::from).collect();
    let ids = [("y", numbers(&ids)), ("id", numbers(&ids))];
    let told = "column `id` holds 1,234 different texts, and each of them would be a column of the design; the limit is 1,000";
    assert_eq!(refusal(&ids, "y ~ C(id)", None, Drop), told);
}

#[test]
fn a_dropped_row_is_not_held_against_a_term() {
    let table =
        [("y", numbers(&[1.0, 2.0])), ("a", numbers(&[-1.0, 4.0])), ("gap", numbers(&[f64::NAN, 3.0]))];
    let (_, design) = design(&table, "y ~ sqrt(a) + gap", with_rule(Missing::Drop)).unwrap();
    assert_eq!(rows_of(&design), [[2.0, 3.0]]);
}

#[test]
fn new_data_that_does_not_fit_the_model_is_refused_by_name() {
    let (recipe, _) = recipe_of(&cities(), "y ~ a + city", None, REFERENCE).unwrap();
    let said = |new: &[(&str, Cells)]| {
        let refused = recipe.bind(&header(new)).and_then(|wants| {
            let sample = Sample::read(new, &wants);
            Encoded::with(&sample, &recipe, Purpose::Predict).map(|_| ())
        });
        let error = refused.unwrap_err();
        (error.to_string(), error.hints().first().cloned().unwrap_or_default())
    };
    let a = || ("a", numbers(&[1.0, 2.0, 3.0]));
    let city = |values: [&'static str; 3]| ("city", texts(&values));
    assert_eq!(
        said(&[a(), ("City", texts(&["Oslo"; 3]))]).0,
        "the new data has no column `city`, which the model needs; did you mean `City`?"
    );
    assert_eq!(said(&[a(), city(["Oslo"; 3]), a()]).0, "the new data has 2 columns called `a`");
    assert_eq!(
        said(&[a(), city(["Oslo", "oslo", "oslo"])]),
        (
            "`oslo` in column `city` was not there when the model was fitted (2 rows, first in row 2)"
                .to_owned(),
            "did you mean `Oslo`?".to_owned()
        )
    );
    assert_eq!(
        said(&[a(), city(["Oslo", "Paris", "Berlin"])]).0,
        "`Paris` in column `city` was not there when the model was fitted (1 row, first in row 2; 2 new texts in all)"
    );
    assert_eq!(
        said(&[("a", texts(&["1", "n/a", "2"])), city(["Oslo"; 3])]).0,
        "column `a` holds text (`n/a`), and the model needs numbers"
    );
    assert_eq!(said(&[("a", numbers(&[])), ("city", texts(&[]))]).0, "the table has no rows");
    // A saved table may carry numbers where the model has text and no reader was asked to read them so.
    let plain =
        Sample::read(&[a(), a()], &[Want { column: 0, as_text: false }, Want { column: 1, as_text: false }]);
    let error = Encoded::with(&plain, &recipe, Purpose::Predict).err().unwrap();
    assert_eq!(error.to_string(), "column `city` holds numbers, and the model was fitted to text in it");
}

fn exact(hi: f64, lo: f64) -> BigRational {
    BigRational::from_float(hi).unwrap() + BigRational::from_float(lo).unwrap()
}

fn close(got: &BigRational, want: &BigRational, relative: f64) -> bool {
    let off = got - want;
    let bound = want * BigRational::from_float(relative).unwrap();
    &off * &off <= &bound * &bound
}

proptest! {
    #[test]
    fn arithmetic_columns_equal_rational_arithmetic(
        x in prop::collection::vec((0.5f64..40.0, any::<bool>()), 1..6),
        z in prop::collection::vec(1e-3f64..1e3, 6), degree in 2u32..12,
    ) {
        let x: Vec<f64> = x.into_iter().map(|(x, negative)| if negative { -x } else { x }).collect();
        let z = &z[..x.len()];
        let table = [("y", numbers(z)), ("x", numbers(&x)), ("z", numbers(z))];
        let formula = format!("y ~ I(x^{degree}) + x:z + I(x / z) + I(x * z * x) + log(z) + x");
        let (_, design) = design(&table, &formula, REFERENCE).unwrap();
        let low = design.x_low.unwrap();
        for (i, (&a, &b)) in x.iter().zip(z).enumerate() {
            let (p, q) = (exact(a, 0.0), exact(b, 0.0));
            let power = (0..degree).fold(BigRational::one(), |power, _| power * &p);
            for (j, want) in [power, &p * &q, &p / &q, &p * &q * &p].iter().enumerate() {
                prop_assert!(close(&exact(design.x[(i, j)], low[(i, j)]), want, 1e-29), "{formula} {j}");
                // Normalised: the high part is the value rounded.
                prop_assert_eq!(design.x[(i, j)] + low[(i, j)], design.x[(i, j)]);
            }
            prop_assert_eq!((design.x[(i, 4)], low[(i, 4)]), (b.ln(), 0.0));
            prop_assert_eq!((design.x[(i, 5)], low[(i, 5)]), (a, 0.0));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn blocks_have_the_same_bits_for_any_chunks(
        chunk in 1usize..700, rule in prop_oneof![Just(Missing::Drop), Just(Missing::Mean)], seed in 0u64..1000,
    ) {
        let mut state = seed;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 40) as f64 / f64::from(1u32 << 24)
        };
        let n = 2000;
        let mut cells = |gaps: f64| (0..n).map(|_| if next() < gaps { f64::NAN } else { next() + 0.1 }).collect::<Vec<_>>();
        let (y, a, b, w) = (cells(0.0), cells(0.2), cells(0.1), cells(0.0));
        let city: Vec<&str> = a.iter().map(|a| if *a > 0.6 { "p" } else { "q" }).collect();
        let table = [("y", numbers(&y)), ("a", numbers(&a)), ("b", numbers(&b)), ("w", numbers(&w)), ("city", texts(&city))];
        // 300 columns and more: blocks of 512 rows.
        let wide: Vec<String> = (1..=50).map(|k| format!("poly(a + {k}, 6)")).collect();
        let formula = format!("y ~ a*b*city + {}", wide.join(" + "));
        let (recipe, mut sample) = recipe_of(&table, &formula, Some("w"), with_rule(rule)).unwrap();
        let collect = |sample: &Sample| {
            let encoded = Encoded::new(sample, &recipe).unwrap();
            let blocks: Vec<OwnedBits> = encoded.blocks().map(|block| OwnedBits::of(&block.unwrap().view())).collect();
            let rows: usize = blocks.iter().map(|block| block.rows).sum();
            assert_eq!(rows, encoded.shape().rows);
            assert!(blocks.len() > 2 && blocks[0].rows == super::super::rows::block_rows(recipe.names().len()));
            blocks
        };
        let whole = collect(&sample);
        sample.chunk = chunk;
        prop_assert_eq!(whole, collect(&sample));
    }
}

#[derive(Debug, PartialEq)]
struct OwnedBits {
    first: usize,
    rows: usize,
    bits: Vec<u64>,
}

impl OwnedBits {
    fn of(block: &super::super::rows::Block<'_>) -> Self {
        let mut bits = Vec::new();
        for m in [Some(block.x), block.x_low, Some(block.y)].into_iter().flatten() {
            for j in 0..m.ncols() {
                bits.extend((0..m.nrows()).map(|i| m[(i, j)].to_bits()));
            }
        }
        bits.extend(block.weights.into_iter().flatten().map(|w| w.to_bits()));
        Self { first: block.first, rows: block.x.nrows(), bits }
    }
}

fn weighed(missing: Missing) -> EncodeOptions {
    EncodeOptions { missing, ..REFERENCE }
}

#[test]
fn the_mean_that_fills_is_that_of_the_rows_by_weight() {
    let fill = |x: &[f64], w: &[f64]| {
        let table = [("y", numbers(&[1.0; 5])), ("x", numbers(x)), ("w", numbers(w))];
        let (recipe, sample) = recipe_of(&table, "y ~ x", Some("w"), weighed(Missing::Mean)).unwrap();
        let encoded = Encoded::new(&sample, &recipe).unwrap();
        (Design::gather(&encoded).unwrap().x[(1, 0)], encoded.notes())
    };
    let x = [1.0, f64::NAN, 3.0, 101.0, 4.0];
    let (without, notes) = fill(&x, &[1.0, 1.0, 1.0, 0.0, 1.0]);
    assert_eq!(without, 8.0 / 3.0);
    assert_eq!(notes, ["filled 1 missing value of `x` with its weighted mean 2.6666666666666665"]);
    assert_eq!(fill(&x, &[1.0, 1.0, 3.0, 0.0, 1.0]).0, 14.0 / 5.0, "as if the row were there three times");
    assert_eq!(fill(&x, &[1e300, 1.0, 1e300, 1e-300, 1e300]).0, 8.0 / 3.0);
    let large = [1.5e308, f64::NAN, 1.5e308, 1.5e308, 1.5e308];
    assert_eq!(fill(&large, &[7.0, 1.0, 1e10, 3.0, 1e200]).0, 1.5e308);
}

#[test]
fn a_column_without_a_value_in_the_rows_of_weight_has_no_mean() {
    let table = [("y", numbers(&[1.0, 2.0])), ("x", numbers(&[f64::NAN, 5.0])), ("w", numbers(&[1.0, 0.0]))];
    let error = recipe_of(&table, "y ~ x", Some("w"), weighed(Missing::Mean)).err().unwrap();
    assert_eq!(error.to_string(), "column `x` has no value at all in the rows of a weight above 0");
}

#[test]
fn a_text_of_rows_of_weight_0_alone_is_no_level_and_its_rows_are_left_out() {
    let table = [
        ("y", numbers(&[1.0, 2.0, 3.0, 4.0, 7.0])),
        ("g", texts(&["b", "b", "c", "a", "c"])),
        ("w", numbers(&[1.0, 1.0, 2.0, 0.0, 0.0])),
    ];
    let (recipe, mut sample) = recipe_of(&table, "y ~ g", Some("w"), REFERENCE).unwrap();
    assert_eq!(recipe.names(), ["g=c"]);
    for chunk in [1, 2, usize::MAX] {
        sample.chunk = chunk;
        let encoded = Encoded::new(&sample, &recipe).unwrap();
        assert_eq!(encoded.left_out().unwrap(), [3]);
        let notes = ["left out 1 row of weight 0: no row of weight has its text, such as `a`"];
        assert_eq!(encoded.notes(), notes);
        let design = Design::gather(&encoded).unwrap();
        assert_eq!(rows_of(&design), [[0.0], [0.0], [1.0], [1.0]]);
        assert_eq!(design.weights.unwrap(), [1.0, 1.0, 2.0, 0.0]);
    }
}

#[test]
fn a_text_of_dropped_rows_alone_is_no_level() {
    let table = [
        ("y", numbers(&[1.0, 2.0, 3.0, 4.0])),
        ("g", texts(&["b", "a", "c", ""])),
        ("x", numbers(&[1.0, f64::NAN, 6.0, 50.0])),
    ];
    let (recipe, sample) = recipe_of(&table, "y ~ g + x", None, weighed(Missing::Drop)).unwrap();
    assert_eq!(recipe.names(), ["g=c", "x"]);
    assert_eq!(recipe.inputs().iter().find(|input| input.name == "x").unwrap().mean, Some(3.5));
    let encoded = Encoded::new(&sample, &recipe).unwrap();
    assert_eq!(rows_of(&Design::gather(&encoded).unwrap()), [[0.0, 1.0], [1.0, 6.0]]);
}

#[test]
fn weights_that_are_all_0_are_refused_as_such_where_there_are_texts() {
    let table = [("y", numbers(&[1.0, 2.0])), ("g", texts(&["b", "a"])), ("w", numbers(&[0.0, 0.0]))];
    let (recipe, sample) = recipe_of(&table, "y ~ g", Some("w"), REFERENCE).unwrap();
    let error = Encoded::new(&sample, &recipe).err().unwrap();
    assert_eq!(error.to_string(), "weights column `w` is 0 in all 2 rows");
}
