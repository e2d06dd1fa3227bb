//! What the reader promises: rows and label sets as written, however they arrive, and a sentence for everything that
//! can be wrong with them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::*;
use insta::assert_snapshot;
use proptest::prelude::*;
use std::io::Write as _;

fn read_with(text: &[u8], labels: &LabelChoice, chunk_bytes: usize) -> Result<ArffData> {
    let options = ArffOptions { chunk_bytes, ..ArffOptions::default() };
    ArffData::from_bytes("t.arff", text.to_vec(), labels, &options, &|_| true)
}

fn read(text: &str, labels: &str) -> Result<ArffData> {
    read_with(text.as_bytes(), &LabelChoice::parse(labels)?, 1 << 20)
}

/// Rows with their zeros, and the labels of each.
fn rows(data: &ArffData) -> Vec<(Vec<f64>, Vec<usize>)> {
    let (x, sets) = (data.features().unwrap(), data.sets().view());
    assert_eq!((x.rows(), x.columns()), (data.rows(), data.columns().len()));
    assert_eq!((sets.rows(), sets.labels()), (data.rows(), data.labels().len()));
    let row = |i: usize| {
        let mut values = vec![0.0; x.columns()];
        x.for_each_in_row(i, |j, value| values[j] = value);
        (values, (0..sets.labels()).filter(|&k| sets.has(i, k)).collect())
    };
    (0..data.rows()).map(row).collect()
}

/// The error as a person meets it: the sentence, then the ways out.
fn message<T: std::fmt::Debug>(result: Result<T>) -> String {
    let error = result.expect_err("an error");
    std::iter::once(error.to_string()).chain(error.hints()).collect::<Vec<_>>().join("\n  ")
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

const HEAD: &str = "@relation t\n@attribute a numeric\n@attribute b {0,1}\n@attribute 'L 1' {0,1}\n@attribute L2 {0,1}\n@data\n";

fn dense() -> String {
    format!("{HEAD}0.5,1,0,1\n-2e3,0,1,1\n0,0,0,0\n")
}

fn written() -> Vec<(Vec<f64>, Vec<usize>)> {
    vec![(vec![0.5, 1.0], vec![1]), (vec![-2000.0, 0.0], vec![0, 1]), (vec![0.0, 0.0], vec![])]
}

// ── what is read ────────────────────────────────────────────────────────────────────────────────────────

#[test]
fn dense_and_sparse_rows_hold_the_same_and_keep_their_storage() {
    let data = read(&dense(), "2").unwrap();
    assert_eq!(
        (rows(&data), data.columns(), data.labels()),
        (written(), &["a", "b"].map(String::from)[..], &["L 1", "L2"].map(String::from)[..])
    );
    assert!(matches!(data.features().unwrap(), Features::F64(_)));
    let sparse = read(&format!("{HEAD}{{0 0.5, 1 1, 3 1}}\n{{0 -2e3,2 1,3 1,}}\n{{}}\n"), "2").unwrap();
    assert_eq!(rows(&sparse), written());
    assert!(matches!(sparse.features().unwrap(), Features::Csr64(_)));
    // The first row decides the storage, and either kind of row is read in it.
    let mixed = read(&format!("{HEAD}0.5,1,0,1\n{{0 -2e3,2 1,3 1}}\n0,0,0,0\n"), "2").unwrap();
    assert_eq!(rows(&mixed), written());
}

#[test]
fn case_comments_quotes_blanks_crlf_gzip_and_chunks_change_nothing() {
    let odd = "\u{feff}% a comment\r\n\r\n@RELATION 'x: -C 2'\r\n@Attribute\ta REAL\r\n@ATTRIBUTE \"b\" { 0 , '1' }\r\n\
               @attribute 'L\\u00201' {1,0}\r\n@attribute L2 INTEGER [0,1]\r\n  @Data \r\n% another\r\n\
               0.5 , 1 , 0 , 1 % and one behind\r\n\r\n'-2e3',0.0,1,+1.0\r\n 0\t0\t0\t0";
    for text in [odd.as_bytes().to_vec(), gzip(odd.as_bytes()), gzip(dense().as_bytes())] {
        for chunk_bytes in [1, 7, 50, 1 << 20] {
            let data = read_with(&text, &LabelChoice::Last(2), chunk_bytes).unwrap();
            assert_eq!((rows(&data), data.labels()[0].as_str()), (written(), "L 1"));
        }
    }
}

#[test]
fn labels_are_the_last_the_first_or_those_that_are_named_in_the_order_of_their_names() {
    let of = |labels: &str| read(&dense(), labels).unwrap();
    let first = read("@attribute a {0,1}\n@attribute b numeric\n@data\n1,7\n", "-1").unwrap();
    assert_eq!((first.labels().join("|"), rows(&first)), ("a".to_owned(), vec![(vec![7.0], vec![0])]));
    assert_eq!(
        (of("2").labels().join("|"), of("2").columns().join("|")),
        ("L 1|L2".to_owned(), "a|b".to_owned())
    );
    let named = of("L2, L 1");
    assert_eq!((named.labels().join("|"), rows(&named)[0].1.clone()), ("L2|L 1".to_owned(), vec![0]));
    let xml = b"\xef\xbb\xbf<?xml version=\"1.0\"?>\n<!-- <label name=\"no\"/> -->\n<m:labels xmlns:m='x'>\n<m:label name='L2'><label  name = \"L&#32;1\"/></m:label>\n</m:labels>";
    let choice = LabelChoice::from_xml("t.xml", xml).unwrap();
    assert_eq!(read_with(dense().as_bytes(), &choice, 99).unwrap().labels(), named.labels());
}

#[test]
fn an_escaped_name_is_another_one_than_its_like_without() {
    let text =
        "@attribute x numeric\n@attribute TAG_musica {0,1}\n@attribute TAG_m\\'usica {0,1}\n@data\n{2 1}\n";
    let xml = b"<labels><label name=\"TAG_musica\"/><label name=\"TAG_m\\'usica\"/></labels>";
    let data = read_with(text.as_bytes(), &LabelChoice::from_xml("t.xml", xml).unwrap(), 9).unwrap();
    assert_eq!(
        (data.labels().join(" "), rows(&data)[0].1.clone()),
        ("TAG_musica TAG_m'usica".to_owned(), vec![1])
    );
}

#[test]
fn names_say_what_is_arff() {
    assert!(is_arff("a.arff") && is_arff("x/A.ARFF.gz") && !is_arff("arff") && !is_arff("a.arff.csv"));
}

#[test]
fn a_reading_can_be_interrupted() {
    let read =
        ArffData::from_bytes("t", dense().into(), &LabelChoice::Last(2), &ArffOptions::default(), &|_| false);
    assert!(matches!(read, Err(Error::Interrupted)));
}

// ── what is refused ─────────────────────────────────────────────────────────────────────────────────────

#[test]
fn each_fault_of_a_declaration_has_its_sentence_and_a_way_out() {
    let faults = [
        "a,b,c",
        "@atribute x numeric",
        "@attribute",
        "@attribute {0,1}",
        "@attribute x",
        "@attribute x number",
        "@attribute x string",
        "@attribute x {red,green}",
        "@attribute y {-1,1}",
        "@attribute y {no,yes}",
        "@attribute x {}",
        "@attribute x {0,1",
        "@attribute x {0,1} 5",
        "@attribute 'x numeric",
        "@attribute y numeric",
        "@data 1,2",
    ];
    let told = faults.map(|line| {
        let last = if line.contains(" y {") { "" } else { "@attribute y {0,1}\n" };
        let text = format!("@relation t\n@attribute a numeric\n{last}{line}\n@data\n1,0\n");
        format!("{line}\n    {}", message(read(&text, "y")).replace('\n', "\n    "))
    });
    assert_snapshot!(told.join("\n"));
}

#[test]
fn each_fault_of_a_row_has_its_sentence_and_a_way_out() {
    let faults = [
        "1,0,0",
        "1,0,0,1,1",
        "1,0,0,",
        "1,,0,1",
        "x,0,0,1",
        "nan,0,0,1",
        "1e999,0,0,1",
        "1,2,0,1",
        "1,0,-1,1",
        "1,0,0.5,1",
        "1,0,yes,1",
        "'1,0,0,1",
        "1,0,0,1,{5}",
        "{0 1} , {5}",
        "{0 1",
        "{a 1}",
        "{0:1}",
        "{0 1,0 2}",
        "{3 1,1 1}",
        "{4 1}",
        "{-1 1}",
        "{0 }",
        "{0 x}",
        "{2 -1}",
        "{0 1;1 1}",
        "{123456789012345678901234567890 1}",
    ];
    let told = faults.map(|line| {
        let text = format!("{HEAD}1,0,0,1\n{line}\nalso wrong\n");
        format!("{line}\n    {}", message(read(&text, "2")).replace('\n', "\n    "))
    });
    assert_snapshot!(told.join("\n"));
}

#[test]
fn labels_that_do_not_fit_the_file_are_refused() {
    let mut told: Vec<String> = ["0", "5", "4", "L3", "L2,L2", "L2,,a", "L2,x,y"]
        .map(|labels| message(read(&dense(), labels)))
        .to_vec();
    for xml in [
        "L1\nL2",
        "<labels><label name=\"a\"></labels",
        "<html></html>",
        "<labels>\n<label/></labels>",
        "<labels></labels>",
        "<labels><label name=a></label></labels>",
        "<labels><label name='a'/>\n<label name='a'/></labels>",
        "<labels><label name='R&D'/></labels>",
        "",
    ] {
        told.push(message(LabelChoice::from_xml("t.xml", xml.as_bytes())));
    }
    told.push(message(LabelChoice::parse("/no/such.xml")));
    let twice = "@attribute a numeric\n@attribute a {0,1}\n@data\n1,1\n";
    told.push(message(read(twice, "1")));
    told.push(message(read("@attribute a {0,1}\n@attribute y {1,0}\n@data\n{0 1}\n", "1")));
    assert_snapshot!(told.join("\n"));
}

#[test]
fn files_without_rows_declarations_or_values_are_refused() {
    let told = [
        "",
        "% only\n",
        "@relation t\n@attribute a numeric\n@attribute y {0,1}\n1,0\n",
        "@relation t\n@attribute a numeric\n",
        "@relation t\n@data\n1,2\n",
        "@attribute a numeric\n@attribute y {0,1}\n@data\n% none\n",
        "@attribute a numeric\n@attribute b numeric\n@attribute y {0,1}\n@data\n1,2,0\n?,?,1\n1,?,?\n{1 ?}\n",
    ]
    .map(|text| message(read(text, "1")));
    assert_snapshot!(told.join("\n"));
    assert_eq!(
        read("@attribute a numeric\n@attribute y {0,1}\n@data\n?,1\n", "1").unwrap_err().code(),
        Some(crate::diagnosis::Code::Sf201)
    );
}

#[test]
fn a_line_without_end_is_refused_in_declarations_and_in_rows() {
    let options = ArffOptions { max_line: 30, ..ArffOptions::default() };
    for (text, line) in
        [(format!("@relation {}\n", "x".repeat(40)), 1), (format!("{HEAD}1,0,0,{}1", " ".repeat(40)), 7)]
    {
        for chunk_bytes in [1, 1000] {
            let options = ArffOptions { chunk_bytes, ..options.clone() };
            let read =
                ArffData::from_bytes("t.arff", text.clone().into(), &LabelChoice::Last(2), &options, &|_| {
                    true
                });
            assert_eq!(
                message(read),
                format!(
                    "line {line} of t.arff is longer than 30 bytes\n  check that each row ends in a line break"
                )
            );
        }
    }
}

// ── properties ──────────────────────────────────────────────────────────────────────────────────────────

proptest! {
    /// Every number comes back with its bits and every label with its row, dense or sparse, in pieces of any size.
    #[test]
    fn rows_come_back_as_written(
        written in prop::collection::vec((prop::collection::vec(prop_oneof![Just(0.0), -1e300..1e300f64, -9.0..9.0f64], 3), prop::collection::vec(any::<bool>(), 70)), 1..20),
        sparse in any::<bool>(),
        chunk_bytes in 1usize..300,
    ) {
        let mut text = "@attribute x0 numeric\n@attribute x1 numeric\n@attribute x2 numeric\n".to_owned();
        text.extend((0..70).map(|k| format!("@attribute y{k} {{0,1}}\n")));
        text.push_str("@data\n");
        for (values, labels) in &written {
            let fields = values.iter().copied().chain(labels.iter().map(|has| f64::from(u8::from(*has))));
            let fields: Vec<String> = if sparse {
                fields.enumerate().filter(|(_, value)| *value != 0.0).map(|(at, value)| format!("{at} {value:e}")).collect()
            } else {
                fields.map(|value| value.to_string()).collect()
            };
            let line = fields.join(",");
            let (open, close) = if sparse { ("{", "}\n") } else { ("", "\n") };
            text.extend([open, &line, close]);
        }
        let data = read_with(text.as_bytes(), &LabelChoice::Last(70), chunk_bytes).unwrap();
        let expected: Vec<_> = written.into_iter().map(|(values, labels)| {
            let has = (0..70).filter(|k| labels[*k]).collect::<Vec<_>>();
            (values, has)
        }).collect();
        prop_assert_eq!(rows(&data), expected);
    }
}

#[test]
fn a_label_that_nobody_names_is_told_where_it_stands_beside_the_others() {
    let note = |features: &str, labels: &str, choice: &str| {
        let declared = |names: &str, kind: &str| -> String {
            names.split(' ').map(|of| ["@attribute ", of, " ", kind, "\n"].concat()).collect()
        };
        let head = format!("@relation t\n{}{}", declared(features, "numeric"), declared(labels, "{0,1}"));
        let values = vec!["0"; features.split(' ').count() + labels.split(' ').count()].join(",");
        read(&format!("{head}@data\n{values}\n"), choice).unwrap().notes().concat()
    };
    assert_eq!(
        note("a b", "l1 l2 l3 l4", "l1,l2,l3"),
        "`l4`, declared {0,1} beside the labels, is a feature: the list of labels does not name it"
    );
    assert_eq!(
        note("a b", "l1 l2 l3 l4 l5", "l2,l4,l5"),
        "`l1`, `l3`, declared {0,1} beside the labels, are features: the list of labels does not name them"
    );
    assert_eq!(note("a b", "l1 l2 l3", "l1,l2,l3"), "");
    // Binary features are no labels.
    assert_eq!(note("a", "x1 x2 x3 x4 l1 l2", "l1,l2"), "");
    assert_eq!(note("a", "l1 l2 l3", "2"), "");
}

// ── for a model, and with weights ───────────────────────────────────────────────────────────────────────

fn known(text: &str, columns: &[&str], labels: &[&str], weights: Option<&str>) -> Result<ArffData> {
    let [columns, labels] =
        [columns, labels].map(|of| of.iter().map(|name| (*name).to_owned()).collect::<Vec<String>>());
    let names = KnownNames { columns: &columns, labels: &labels, weights };
    ArffData::from_bytes_for("t.arff", text.into(), names, &ArffOptions::default(), &|_| true)
}

#[test]
fn a_model_finds_its_columns_by_name_in_any_order_and_passes_over_the_rest() {
    let head = "@relation t\n@attribute colour {red,blue}\n@attribute b numeric\n@attribute l {0,1}\n\
                @attribute a numeric\n@attribute m {0,1}\n@data\n";
    let dense = format!("{head}red,1,1,2,0\nblue,3,0,0,1\n?,0,1,4,1\n");
    let sparse = format!("{head}{{1 1,2 1,3 2}}\n{{0 blue,1 3,4 1}}\n{{0 ?,2 1,3 4,4 1}}\n");
    for text in [&dense, &sparse] {
        let data = known(text, &["a", "b"], &["m", "l"], None).unwrap();
        assert_eq!(data.columns(), ["a", "b"]);
        assert_eq!(data.labels(), ["m", "l"]);
        let expected =
            vec![(vec![2.0, 1.0], vec![1]), (vec![0.0, 3.0], vec![0]), (vec![4.0, 0.0], vec![0, 1])];
        assert_eq!(rows(&data), expected);
    }
    // What is not known of new rows is no fault where it is to be told.
    let new = format!("{head}?,1,?,2,?\n");
    let data = known(&new, &["b", "a"], &[], None).unwrap();
    assert_eq!(rows(&data), [(vec![1.0, 2.0], vec![])]);
    assert_eq!(data.labels().len(), 0);
    let told = [
        message(known(&dense, &["a", "bb"], &[], None)),
        message(known(&dense, &["a"], &["n"], None)),
        message(known(&dense, &["colour"], &[], None)),
        message(known(&new, &["a"], &["l"], None)),
    ];
    assert_snapshot!(told.join("\n"));
}

#[test]
fn an_attribute_can_hold_the_row_weights() {
    let head = "@relation t\n@attribute a numeric\n@attribute n numeric\n@attribute l {0,1}\n@data\n";
    let with = |body: &str, labels: &str, weights: &str| {
        let options = ArffOptions { weights: Some(weights.to_owned()), ..ArffOptions::default() };
        let text = format!("{head}{body}").into_bytes();
        ArffData::from_bytes("t.arff", text, &LabelChoice::parse(labels)?, &options, &|_| true)
    };
    for body in ["5,2,1\n6,0.5,0\n7,0,1\n", "{0 5,1 2,2 1}\n{0 6,1 0.5}\n{0 7,2 1}\n"] {
        let data = with(body, "1", "n").unwrap();
        assert_eq!((data.columns(), data.weights()), (&["a".to_owned()][..], Some(&[2.0, 0.5, 0.0][..])));
        assert_eq!(rows(&data), [(vec![5.0], vec![0]), (vec![6.0], vec![]), (vec![7.0], vec![0])]);
        let text = format!("{head}{body}");
        assert_eq!(known(&text, &["a"], &["l"], Some("n")).unwrap().weights(), data.weights());
    }
    let told = [
        message(with("5,-2,1\n6,-1,0\n", "1", "n")),
        message(with("5,0,1\n6,0,0\n", "1", "n")),
        message(with("5,1e-300,1\n", "1", "n")),
        message(with("5,?,1\n", "1", "n")),
        message(with("5,x,1\n", "1", "n")),
        message(with("5,1,1\n", "1", "m")),
        message(with("5,1,1\n", "1", "l")),
        message(with("5,1,1\n", "n,l", "a")),
        message(known(&format!("{head}5,1,1\n"), &["a"], &["l"], Some("times"))),
    ];
    assert_snapshot!(told.join("\n"));
}

// ── real data ───────────────────────────────────────────────────────────────────────────────────────────

/// A file, its (n, d, c), and (entries that are not 0, labels of all rows, rows without any), as a few lines of Python
/// count them that split the files at commas.
type Counted = (&'static str, (usize, usize, usize), (usize, usize, usize));
const COUNTED: [Counted; 6] = [
    ("yeast-train", (1500, 103, 14), (154_500, 6342, 0)),
    ("yeast-test", (917, 103, 14), (94_450, 3899, 0)),
    ("bibtex-train", (4880, 1836, 159), (334_250, 11_616, 0)),
    ("bibtex-test", (2515, 1836, 159), (173_496, 6146, 0)),
    ("delicious-train", (12_920, 500, 983), (239_549, 246_088, 10)),
    ("delicious-test", (3185, 500, 983), (55_065, 60_229, 4)),
];

#[test]
fn the_files_of_mulan_are_read_whole() {
    let folder = std::env::var("SUREFIT_DATA").unwrap_or_else(|_| "../../../shared/data".to_owned());
    let folder = Path::new(&folder).join("multilabel");
    if !folder.is_dir() {
        eprintln!("not run: {} is absent; name the folder of the data in SUREFIT_DATA", folder.display());
        return;
    }
    for (file, (n, d, c), (entries, labels, without)) in COUNTED {
        let choice =
            LabelChoice::open_xml(&folder.join(file.split('-').next().unwrap()).with_extension("xml"))
                .unwrap();
        let path = folder.join(format!("{file}.arff.gz"));
        let data = ArffData::open(&path, &choice, &ArffOptions::default(), &|_| true).unwrap();
        assert_eq!((data.rows(), data.columns().len(), data.labels().len()), (n, d, c), "{file}");
        let (x, sets) = (data.features().unwrap(), data.sets().view());
        let mut stored = 0;
        (0..n).for_each(|i| x.for_each_in_row(i, |_, value| stored += usize::from(value != 0.0)));
        let counts: Vec<usize> = (0..n).map(|i| sets.count(i)).collect();
        let empty = counts.iter().filter(|count| **count == 0).count();
        assert_eq!((stored, counts.iter().sum(), empty), (entries, labels, without), "{file}");
    }
}
