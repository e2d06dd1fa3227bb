//! What formulas mean, and what is said about those that mean nothing.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::*;
use proptest::prelude::*;

fn header(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

/// The terms as `a`, `a:b`, `I(a^2)`; the intercept first as `1`.
fn terms(formula: &str, columns: &[&str]) -> Vec<String> {
    let columns = header(columns);
    let resolved = Formula::parse(formula).unwrap().resolve(&columns, None).unwrap();
    let name = |want: &usize| {
        let Want { column, as_text } = resolved.wants[*want];
        if as_text { format!("C({})", quoted(&columns[column])) } else { quoted(&columns[column]) }
    };
    let variable = |index: &usize| match &resolved.variables[*index] {
        Variable::Column(want) => name(want),
        Variable::Value(value) => value.print(false, name),
    };
    let term = |term: &Vec<usize>| term.iter().map(variable).collect::<Vec<_>>().join(":");
    resolved.intercept.then(|| "1".to_owned()).into_iter().chain(resolved.terms.iter().map(term)).collect()
}

#[test]
fn a_formula_stands_for_its_terms() {
    let columns = &["y", "a", "b", "c", "odd name"];
    for (formula, want) in [
        ("y ~ a + b", "1 a b"),
        ("y ~ 1", "1"),
        ("y ~ a - 1", "a"),
        ("y ~ 0 + a", "a"),
        ("y ~ a + 0 + 1", "1 a"),
        ("y ~ -1 + a", "a"),
        ("y ~ . - c", "1 a b `odd name`"),
        ("y ~ . - y - b", "1 a c `odd name`"),
        ("y ~ `odd name`", "1 `odd name`"),
        ("y ~ a:b", "1 a:b"),
        ("y ~ b + a:b + b:a", "1 b a:b"),
        ("y ~ a*b", "1 a b a:b"),
        ("y ~ a*b*c", "1 a b a:b c a:c b:c a:b:c"),
        ("y ~ a*b - a:b", "1 a b"),
        ("y ~ a + b + b:a - a", "1 b b:a"),
        ("y ~ (a + b):c", "1 a:c b:c"),
        ("y ~ a + a + a:a", "1 a"),
        ("y ~ C(a) + a", "1 C(a) a"),
        ("y ~ log(a) + I(a^2) + I((a))", "1 log(a) I(a^2) a"),
        ("y ~ poly(a, 3)", "1 a I(a^2) I(a^3)"),
        ("y ~ a + poly(a, 2):b", "1 a a:b I(a^2):b"),
        ("y ~ I(a ** 2)", "1 I(a^2)"),
        ("y ~ [?] - c", "1 a b"),
        ("log(y) ~ a", "1 a"),
    ] {
        assert_eq!(terms(formula, columns).join(" "), want, "{formula}");
    }
}

#[test]
fn targets_are_named_listed_or_matched() {
    let columns = header(&["TAG_b", "TAG_a", "x", "n"]);
    let targets = |formula: &str| {
        let resolved = Formula::parse(formula).unwrap().resolve(&columns, Some("n")).unwrap();
        let columns = resolved.targets.iter().flat_map(Variable::columns);
        (
            columns.map(|w| resolved.wants[w].column).collect::<Vec<_>>(),
            resolved.terms.len(),
            resolved.weights,
        )
    };
    assert_eq!(targets("[TAG_*] ~ ."), (vec![0, 1], 1, Some(3)));
    assert_eq!(targets("[TAG_a, TAG_?] ~ ."), (vec![1, 0], 1, Some(3)));
    assert_eq!(targets("log(x) ~ ."), (vec![2], 2, Some(3)));
    assert_eq!(targets("`x` ~ [TAG_*]"), (vec![2], 2, Some(3)));
    assert_eq!(targets("x ~ . - n - x"), (vec![2], 2, Some(3)));
    assert_eq!(targets("C(x) ~ ."), (vec![2], 2, Some(3)));
    let classes = Formula::parse("C(x) ~ n").unwrap().resolve(&columns, None).unwrap();
    assert_eq!((classes.formula.as_str(), classes.wants[0].as_text), ("C(x) ~ n", true));
}

#[test]
fn columns_are_read_once_as_found_and_once_as_text() {
    let columns = header(&["y", "a", "b"]);
    let resolved =
        Formula::parse("y ~ b + a + C(a) + log(a):b - b").unwrap().resolve(&columns, None).unwrap();
    let wants: Vec<_> = resolved.wants.iter().map(|want| (want.column, want.as_text)).collect();
    // b comes last: the term that named it first was taken out again.
    assert_eq!(wants, [(0, false), (1, false), (1, true), (2, false)]);
}

/// The sentence, the place and the first hint of what is wrong with a formula.
fn complaint(formula: &str) -> (String, Option<usize>, String) {
    let columns = header(&["y", "temp", "total-rooms", "odd name", "n", "twice", "twice"]);
    let error = Formula::parse(formula).and_then(|f| f.resolve(&columns, Some("n"))).expect_err(formula);
    assert_eq!(error.kind(), crate::error::Kind::Usage);
    (error.to_string(), error.at, error.hints().first().cloned().unwrap_or_default())
}

#[test]
fn every_mistake_has_its_sentence_and_place() {
    for (formula, sentence, at) in [
        ("", "the formula has no `~` between the target and the terms", 0),
        ("y temp", "the formula has no `~` between the target and the terms", 6),
        ("y = temp", "a formula has no use for `=`", 2),
        ("~ temp", "nothing stands left of `~`: the formula has no target", 0),
        ("y ~", "nothing stands right of `~`: the formula has no terms", 3),
        ("y ~ a ~ b", "the formula has a second `~`", 6),
        ("y ~ tmep", "no column `tmep`; did you mean `temp`?", 4),
        ("y ~ Temp", "no column `Temp`; did you mean `temp`?", 4),
        ("Y ~ temp", "no column `Y`; did you mean `y`?", 0),
        ("y ~ temp + humidity", "no column `humidity`", 11),
        ("y ~ log(tmep)", "no column `tmep`; did you mean `temp`?", 8),
        ("y ~ odd name", "`odd name` is several words where one name belongs", 4),
        ("y ~ lg(temp)", "no function `lg`; did you mean `log`?", 4),
        ("y ~ sin(temp)", "no function `sin`", 4),
        ("y ~ temp^2", "`^` stands outside of `I(…)`: between terms it would not be arithmetic", 8),
        ("y ~ temp / n", "`/` stands outside of `I(…)`: between terms it would not be arithmetic", 9),
        (
            "y ~ 2 + temp",
            "`2` is no term: among terms, the only numbers are 1 (with intercept) and 0 (without)",
            4,
        ),
        (
            "y ~ temp * 1",
            "`1` says whether there is an intercept, so it stands alone, outside of parentheses and products",
            4,
        ),
        (
            "y ~ (0 + temp)",
            "`0` says whether there is an intercept, so it stands alone, outside of parentheses and products",
            5,
        ),
        ("y ~ (temp + ", "the formula ends where a term belongs", 12),
        ("y ~ (temp", "`(` is never closed", 4),
        ("y ~ temp)", "`)` closes nothing", 8),
        ("y ~ temp +", "the formula ends where a term belongs", 10),
        ("y ~ temp + * y", "`*` stands where a term belongs", 11),
        ("y ~ `temp", "a back quote is never closed", 4),
        ("y ~ `` + temp", "a pair of back quotes holds no name", 4),
        ("[y ~ temp", "`~` stands where `,` or `]` belongs", 3),
        ("[y, ", "`[` is never closed", 0),
        ("[] ~ temp", "`]` stands where a name or pattern belongs", 1),
        ("[z*] ~ temp", "no column matches `z*`", 1),
        ("y ~ 2x", "`2x` is neither a number nor a name", 4),
        ("y ~ I(1e999 * temp)", "`1e999` is neither a number nor a name", 6),
        ("y ~ poly(temp)", "the degree of `poly` is a whole number from 1 to 50, and none is given", 13),
        ("y ~ poly(temp, 51)", "the degree of `poly` is a whole number from 1 to 50, not `51`", 15),
        ("y ~ poly(temp, 2.5)", "the degree of `poly` is a whole number from 1 to 50, not `2.5`", 15),
        ("C(z) ~ temp", "no column `z`", 2),
        ("y + temp ~ n", "`+` stands where `~` belongs", 2),
        ("1 ~ temp", "`1` stands where a target, as `y`, `[a, b]` or `log(y)`, belongs", 0),
        ("y ~ y + temp", "the target `y` is among the terms too", 4),
        ("log(y) ~ temp + sqrt(y)", "the target `y` is among the terms too", 21),
        ("y ~ temp - log(temp)", "`- log(temp)` leaves nothing out: there is no such term before it", 15),
        ("y ~ 0", "the formula leaves neither a term nor an intercept", 5),
        ("y ~ twice", "2 columns are called `twice`", 4),
        ("y ~ .", "2 columns are called `twice`", 4),
        ("y ~ I(2 + 3)", "`I(2 + 3)` is the same in every row: it holds no column", 0),
    ] {
        let (got, place, _) = complaint(formula);
        assert_eq!((got.as_str(), place), (sentence, Some(at)), "{formula}");
    }
}

#[test]
fn hints_name_the_way_out() {
    for (formula, hint) in [
        ("y temp", "write `target ~ terms`; `target ~ .` takes every other column"),
        ("y = temp", "a formula has `~` between target and terms"),
        ("y ~", "`~ .` takes every other column, `~ 1` fits an intercept alone"),
        ("y ~ odd name", "put a name with spaces in back quotes: `` `odd name` ``"),
        ("y ~ totalrooms", "put a name with spaces or signs in back quotes: `` `total-rooms` ``"),
        (
            "y ~ sin(temp)",
            "the functions are `C`, `I`, `poly`, `log`, `log1p`, `log2`, `log10`, `exp`, `sqrt`, `abs`",
        ),
        ("y ~ temp^2", "write `I(x^2)`, `I(x / y)`; for powers up to k `poly(x, k)`"),
        ("y ~ y", "leave it out on the right: `- y`"),
    ] {
        assert_eq!(complaint(formula).2, hint, "{formula}");
    }
}

#[test]
fn weights_are_found_by_name_and_are_no_target() {
    let columns = header(&["y", "x", "count"]);
    let formula = Formula::parse("y ~ x").unwrap();
    let error = formula.resolve(&columns, Some("cuont")).unwrap_err();
    assert_eq!(error.to_string(), "no column `cuont` to take weights from; did you mean `count`?");
    assert_eq!((error.at, error.excerpt()), (None, None));
    let error = formula.resolve(&columns, Some("y")).unwrap_err();
    assert_eq!(error.to_string(), "`y` is the target and the weights column at once");
}

#[test]
fn a_caret_stands_under_the_place_in_short_and_long_formulas() {
    let columns = header(&["y", "tempé"]);
    let excerpt = |text: &str| Formula::parse(text).unwrap().resolve(&columns, None).unwrap_err().excerpt();
    assert_eq!(excerpt("y ~ `tempé` + tmep").unwrap(), "y ~ `tempé` + tmep\n              ^");
    let long = format!("y ~ {}tmep + {}", "tempé + ".repeat(100), "tempé + ".repeat(100) + "tempé");
    let shown = excerpt(&long).unwrap();
    let (line, caret) = shown.split_once('\n').unwrap();
    assert!(line.starts_with('…') && line.ends_with('…') && line.chars().count() < 90);
    let at = caret.chars().count() - 1;
    assert_eq!(line.chars().skip(at).take(4).collect::<String>(), "tmep");
}

#[test]
fn nesting_is_limited_and_length_is_not() {
    let deep = |open: &str| format!("y ~ {}", open.repeat(100_000));
    for text in [deep("("), deep("I("), deep("log("), format!("y ~ I({}x)", "x^".repeat(100_000))] {
        let error = Formula::parse(&text).unwrap_err();
        assert_eq!(error.to_string(), "the formula nests more than 64 levels deep");
    }
    let columns = header(&["y", "x"]);
    for text in [
        format!("y ~ {}x", "x + ".repeat(100_000)),
        format!("y ~ {}x", "x:".repeat(100_000)),
        format!("y ~ {}x", "x*".repeat(100_000)),
        format!("y ~ I({}x)", "x + ".repeat(100_000)),
        format!("y ~ I({}x)", "-".repeat(100_000)),
    ] {
        let formula = Formula::parse(&text).unwrap();
        assert_eq!(formula.resolve(&columns, None).unwrap().terms.len(), 1);
        assert_eq!(Formula::parse(&formula.to_string()).unwrap(), formula);
    }
}

#[test]
fn crossing_everything_with_everything_is_refused_before_it_is_done() {
    let columns: Vec<String> = (0..3000).map(|j| format!("x{j}")).collect();
    let error = Formula::parse("x0 ~ .:.").unwrap().resolve(&columns, None).unwrap_err();
    assert_eq!(error.to_string(), "the formula has more than 1048576 terms");
}

/// Arithmetic as a person would write it.
fn arithmetic() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("x".to_owned()),
        Just("`odd name`".to_owned()),
        (0.0f64..1e20).prop_map(|number| number.to_string()),
        Just("1e-7".to_owned()),
    ];
    leaf.prop_recursive(5, 24, 2, |inner| {
        prop_oneof![
            (inner.clone(), "[-+*/^]", inner.clone()).prop_map(|(a, sign, b)| format!("{a} {sign} {b}")),
            (inner.clone(), "[-+*/^]", inner.clone()).prop_map(|(a, sign, b)| format!("({a}){sign}({b})")),
            inner.clone().prop_map(|a| format!("-{a}")),
            inner.prop_map(|a| format!("log({a})")),
        ]
    })
}

fn rhs() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("a".to_owned()),
        Just("`it``s`".to_owned()),
        Just(".".to_owned()),
        Just("[p*, q]".to_owned()),
        Just("C(b)".to_owned()),
        arithmetic().prop_map(|inner| format!("I({inner})")),
        (arithmetic(), 1u32..9).prop_map(|(inner, degree)| format!("poly({inner}, {degree})")),
    ];
    leaf.prop_recursive(4, 16, 2, |inner| {
        prop_oneof![
            (inner.clone(), prop_oneof![Just("+"), Just("-"), Just("*"), Just(":")], inner.clone())
                .prop_map(|(a, sign, b)| format!("{a} {sign} {b}")),
            inner.prop_map(|a| format!("({a})")),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn a_printed_formula_parses_to_the_same(right in rhs(), left in arithmetic(), off: bool) {
        let text = format!("I({left}) ~ {right}{}", if off { " - 1" } else { "" });
        let formula = Formula::parse(&text).unwrap();
        let printed = formula.to_string();
        prop_assert_eq!(Formula::parse(&printed).map_err(|e| e.to_string()), Ok(formula), "{}", printed);
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in "[-a-z0-9~.+*:^/()\\[\\],`I C_é\\PC]{0,40}") {
        if let Err(error) = Formula::parse(&text) {
            error.hints();
            prop_assert!(error.excerpt().is_some_and(|excerpt| excerpt.lines().count() == 2));
        }
    }

    #[test]
    fn no_slip_of_the_pen_makes_it_panic(right in rhs(), at in 0usize..100, with in "[-~.+*:^/()\\[\\],`1 ]{0,2}", cut in 0usize..3) {
        let mut chars: Vec<char> = format!("y ~ {right}").chars().collect();
        let at = at.min(chars.len());
        chars.splice(at..(at + cut).min(chars.len()), with.chars());
        let text: String = chars.into_iter().collect();
        let columns = header(&["y", "a", "b", "x", "it`s", "p1", "p2", "q", "odd name"]);
        if let Ok(formula) = Formula::parse(&text) {
            let again = Formula::parse(&formula.to_string()).unwrap();
            prop_assert_eq!(&again, &formula);
            let resolved = formula.resolve(&columns, None).map_err(|e| e.to_string());
            prop_assert_eq!(resolved, again.resolve(&columns, None).map_err(|e| e.to_string()));
        }
    }
}
