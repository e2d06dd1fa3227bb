//! What the list of classes promises: an order that people expect, one class for one number, and a sentence
//! for labels that are no classes.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::*;
use num_bigint::BigInt;
use num_rational::BigRational;
use num_traits::{One, pow};
use proptest::prelude::*;

fn labels(of_rows: &[&str]) -> Labels {
    let mut levels = Levels::default();
    let code = |label: &&str| if *label == "?" { Levels::MISSING } else { levels.intern(label) };
    let codes = of_rows.iter().map(code).collect();
    Labels::new("column `y`".to_owned(), codes, levels)
}

/// Names of the classes, and the place of each row.
fn classes(of_rows: &[&str]) -> (Vec<String>, Vec<u32>) {
    let (list, places) = labels(of_rows).classes().unwrap();
    (list.names().to_vec(), places)
}

fn numbers(values: &[f64]) -> Table {
    Table::from_columns(vec![("y".to_owned(), Values::Number(values.to_vec()), Levels::default())])
}

/// The error as a person meets it: the sentence, then the ways out.
fn message<T: std::fmt::Debug>(result: Result<T>) -> String {
    let error = result.expect_err("an error");
    std::iter::once(error.to_string()).chain(error.hints()).collect::<Vec<_>>().join("\n  ")
}

#[test]
fn numbers_are_in_the_order_of_numbers_and_texts_in_that_of_texts() {
    assert_eq!(
        classes(&["10", "2", "1", "2"]),
        (vec!["1".into(), "2".into(), "10".into()], vec![2, 1, 0, 1])
    );
    assert_eq!(classes(&["10", "2", "x"]), (vec!["10".into(), "2".into(), "x".into()], vec![0, 1, 2]));
    assert_eq!(classes(&["b c", "é", "猫", "B"]).0, ["B", "b c", "é", "猫"]);
    assert_eq!(classes(&["+1", "-1"]), (vec!["-1".into(), "+1".into()], vec![1, 0]));
    assert_eq!(classes(&["-2", "-10", "0.5", "-.5", "0"]).0, ["-10", "-2", "-.5", "0", "0.5"]);
}

#[test]
fn one_number_is_one_class_under_the_text_by_which_it_was_first_met() {
    let (names, places) = classes(&["2.0", "1", "2", "+1", "20e-1", "1.00"]);
    assert_eq!((names, places), (vec!["1".into(), "2.0".into()], vec![1, 0, 1, 0, 1, 0]));
    assert_eq!(classes(&["0", "-0", "1", "0e7"]).0, ["0", "1"]);
    assert_eq!(classes(&["1", "1.0", "x"]).0, ["1", "1.0", "x"], "texts beside a text");
}

#[test]
fn whole_numbers_beyond_the_precision_of_f64_stay_apart() {
    let (names, places) = classes(&["9007199254740993", "9007199254740992"]);
    assert_eq!((names, places), (vec!["9007199254740992".into(), "9007199254740993".into()], vec![1, 0]));
}

#[test]
fn words_that_some_parsers_take_for_numbers_are_words() {
    for word in ["inf", "infinity", "e5", ".", "+", "-", "1e", "1e99999999999", "0x10", "1_000", "1,4", "--1"]
    {
        assert_eq!(Decimal::parse(word), None, "{word}");
    }
}

#[test]
fn labels_of_tables_come_from_texts_and_from_numbers() {
    let table = numbers(&[3.0, -0.0, 0.0, 10.0, 0.5]);
    let (list, places) = Labels::of_column(&table, 0).unwrap().classes().unwrap();
    assert_eq!((list.names().join(" "), places), ("0 0.5 3 10".to_owned(), vec![2, 0, 0, 3, 1]));
    let mut levels = Levels::default();
    let codes = ["rome", "oslo", "rome"].map(|name| levels.intern(name)).to_vec();
    let table = Table::from_columns(vec![("town".to_owned(), Values::Text(codes), levels)]);
    let labels = Labels::of_column(&table, 0).unwrap();
    assert_eq!((labels.rows(), labels.label(1), labels.label(3)), (3, Some("oslo"), None));
    let (list, places) = labels.classes().unwrap();
    assert_eq!((list.names().join(" "), places), ("oslo rome".to_owned(), vec![1, 0, 1]));
}

#[test]
fn levels_that_no_row_has_are_no_classes() {
    let mut levels = Levels::default();
    let codes = ["a", "b", "c"].map(|name| levels.intern(name));
    let labels = Labels::new("column `y`".to_owned(), vec![codes[2], codes[0]], levels);
    assert_eq!(labels.classes().unwrap().0.names(), ["a", "c"]);
}

#[test]
fn rows_of_new_data_find_their_class_by_number_or_by_text() {
    let (known, _) = labels(&["+1", "-1"]).classes().unwrap();
    assert_eq!(labels(&["1", "-1.0", "1.0"]).places(&known).unwrap(), [1, 0, 1]);
    let (known, _) = labels(&["new york", "rome"]).classes().unwrap();
    assert_eq!(labels(&["rome"]).places(&known).unwrap(), [1]);
    assert_eq!(known.place("Rome"), None);
}

#[test]
fn a_saved_list_is_taken_only_in_its_own_order() {
    let saved =
        |names: &[&str]| ClassList::saved(&names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
    assert_eq!(saved(&["-1", "+1"]).unwrap().place("1"), Some(1));
    assert_eq!(saved(&["2", "10"]).unwrap().len(), 2);
    assert_eq!(saved(&["10", "2"]), None);
    assert_eq!(saved(&["1", "1.0"]), None);
    assert_eq!(saved(&["b", "a"]), None);
    assert_eq!(saved(&["a", "a"]), None);
}

#[test]
fn labels_that_are_no_classes_are_refused() {
    assert_eq!(
        message(labels(&[]).classes()),
        "the table has no rows\n  the file needs at least one line after its header"
    );
    assert_eq!(
        message(labels(&["a", "?", "b", "?"]).classes()),
        "column `y` has 2 rows without a label, first row 2\n  give those rows a label, or remove them"
    );
    assert_eq!(
        message(labels(&["2", "2.0"]).classes()),
        "column `y` holds one class alone: `2` in 2 rows\n  add rows of another class; there is nothing to tell apart"
    );
    assert_eq!(
        message(Labels::of_column(&numbers(&[1.0, 2.0, f64::NAN]), 0).unwrap().classes()),
        "column `y` has 1 row without a label, first row 3\n  give those rows a label, or remove them"
    );
    assert_eq!(
        message(Labels::of_column(&numbers(&[1.0, 2.0, f64::INFINITY]), 0)),
        "column `y` has 1 infinite value, first in row 3\n  mend or remove those rows; an infinity is not a missing value"
    );
}

#[test]
fn more_than_a_thousand_classes_are_something_else() {
    let texts = |name: &dyn Fn(usize) -> String, copies: usize| {
        let names: Vec<String> = (0..=MAX_CLASSES).map(name).collect();
        let of_rows: Vec<&str> =
            names.iter().map(String::as_str).cycle().take(copies * names.len()).collect();
        message(labels(&of_rows).classes())
    };
    assert_eq!(
        texts(&|i| format!("id-{i}"), 1),
        "column `y` holds more than 1,000 classes in 1,001 rows (an identifier: nearly all differ), such as `id-1000`
  name the column that holds the class: this one tells rows apart"
    );
    assert_eq!(
        texts(&|i| format!("word {i}"), 2),
        "column `y` holds more than 1,000 classes in 2,002 rows, such as `word 1000`
  merge rare classes into one, such as `other`"
    );
    let quantity = "column `y` holds more than 1,000 classes in 1,001 rows (numbers), such as `500`
  numbers that measure something need a loss for numbers: `--loss squared`, or `--loss huber`";
    assert_eq!(texts(&|i| (i as f64 / 2.0).to_string(), 1), quantity);
    let values: Vec<f64> = (0..5000).map(|i| f64::from(i) / 2.0).collect();
    assert_eq!(message(Labels::of_column(&numbers(&values), 0)), quantity);
    let thousand: Vec<f64> = (0..2000).map(|i| f64::from(i / 2)).collect();
    assert_eq!(Labels::of_column(&numbers(&thousand), 0).unwrap().classes().unwrap().0.len(), 1000);
}

#[test]
fn a_label_that_a_model_does_not_know_is_named_with_the_nearest_it_knows() {
    let (known, _) = labels(&["setosa", "versicolor", "virginica"]).classes().unwrap();
    assert_eq!(
        message(labels(&["setosa", "virginca"]).places(&known)),
        "column `y` has `virginca` in row 2, which is no class of the model\n  did you mean `virginica`?"
    );
    assert_eq!(
        message(labels(&["rose", "setosa", "tulip", "rose"]).places(&known)),
        "column `y` has `rose` in row 1, which is no class of the model; 2 other rows have such labels
  the classes are `setosa`, `versicolor` and `virginica`
  fit with rows of that class too, or leave its rows out here"
    );
    assert_eq!(labels(&["a", "B"]).classes().unwrap().0.near("b"), Some("B".to_owned()));
    assert_eq!(labels(&["a", "B"]).classes().unwrap().0.near("c"), None);
    let many: Vec<String> = (0..30).map(|i| (100 * i).to_string()).collect();
    let known = ClassList::of(&many);
    assert_eq!(
        message(labels(&["x", "y"]).places(&known)),
        "column `y` has `x` in row 1, which is no class of the model; so has 1 other row
  the classes are `0`, `100`, `200`, `300`, `400`, `500`, `600`, `700`, `800`, `900` and 20 more
  fit with rows of that class too, or leave its rows out here"
    );
}

/// A decimal by rational arithmetic: the number itself.
fn rational(text: &str) -> BigRational {
    let (mantissa, exponent) = text.split_once('e').unwrap_or((text, "0"));
    let (before, after) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits: BigInt = format!("{before}{after}").parse().unwrap();
    let exponent = exponent.parse::<i64>().unwrap() - i64::try_from(after.len()).unwrap();
    let power = pow(BigInt::from(10), usize::try_from(exponent.abs()).unwrap());
    if exponent < 0 {
        BigRational::new(digits, power)
    } else {
        BigRational::new(digits * power, BigInt::one())
    }
}

fn decimal() -> impl Strategy<Value = String> {
    prop_oneof![
        "[+-]?[0-9]{1,3}",
        "[+-]?0{0,2}[0-9]{1,3}\\.[0-9]{0,3}",
        "[+-]?[01]{1,2}\\.?[01]{0,2}e[+-]?[0-4]"
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    /// Decimals are equal and ordered as the numbers they stand for.
    #[test]
    fn decimals_compare_as_rational_numbers(a in decimal(), b in decimal()) {
        let compared = Decimal::parse(&a).unwrap().cmp(&Decimal::parse(&b).unwrap());
        prop_assert_eq!(compared, rational(&a).cmp(&rational(&b)), "{} {}", a, b);
    }

    /// The list is sorted, without repetition, has every label, and is the same in any order of the rows but
    /// for the spelling that it keeps.
    #[test]
    fn every_row_finds_its_own_class(of_rows in prop::collection::vec(decimal(), 1..40)) {
        let list = ClassList::of(&of_rows);
        prop_assert!(list.names().windows(2).all(|pair| rational(&pair[0]) < rational(&pair[1])));
        for label in &of_rows {
            let place = usize::try_from(list.place(label).unwrap()).unwrap();
            prop_assert_eq!(rational(&list.names()[place]), rational(label));
        }
        prop_assert_eq!(ClassList::saved(list.names()), Some(list.clone()));
        let backwards: Vec<&String> = of_rows.iter().rev().collect();
        prop_assert_eq!(ClassList::of(&backwards).numbers, list.numbers);
    }

    /// No text makes it panic.
    #[test]
    fn any_text_is_a_class(of_rows in prop::collection::vec("\\PC{0,6}|[0-9+.e-]{0,6}", 1..20)) {
        let list = ClassList::of(&of_rows);
        for label in &of_rows {
            prop_assert!(list.place(label).is_some(), "{}", label);
        }
    }
}

#[test]
fn a_number_in_its_shortest_form_is_the_same_number() {
    let same = [
        ("1.0", "1"),
        ("01", "1"),
        ("+2.50", "2.5"),
        ("-0.0", "0"),
        ("1e1", "10"),
        ("100e-4", "0.01"),
        ("-12.340e2", "-1234"),
        ("5e-30", "5e-30"),
        ("1.25E+40", "1.25e40"),
        ("9007199254740993.0", "9007199254740993"),
    ];
    for (written, short) in same {
        assert_eq!(ClassList::of(&[written]).shortest(), Some(vec![short.to_owned()]));
        assert!(ClassList::of(&[short]).place(written).is_some());
    }
    assert_eq!(ClassList::of(&["1", "x"]).shortest(), None);
}

#[test]
fn a_number_for_nearly_every_row_is_a_quantity_unless_it_is_asked_for_as_a_text() {
    let measured: Vec<String> = (0..12).map(|i| format!("{}", 185 + 7 * i)).collect();
    let texts: Vec<&str> = measured.iter().map(String::as_str).collect();
    let refused = labels(&texts).classes().unwrap_err();
    assert_eq!(refused.code(), Some(Code::Sf205));
    assert_eq!(
        refused.to_string(),
        "column `y` holds 12 different numbers in 12 rows, such as 227: a class for nearly every row"
    );
    assert_eq!(refused.evidence()["classes"], 12);
    let asked = Labels { unasked: false, ..labels(&texts) };
    assert_eq!(asked.classes().unwrap().0.len(), 12);
    let twice: Vec<&str> = texts.iter().chain(&texts).copied().collect();
    assert_eq!(labels(&twice).classes().unwrap().0.len(), 12, "two rows of each");
    assert_eq!(labels(&texts[..9]).classes().unwrap().0.len(), 9, "few");
    let names: Vec<String> = texts.iter().map(|text| format!("c{text}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    assert_eq!(labels(&names).classes().unwrap().0.len(), 12, "texts");
}
