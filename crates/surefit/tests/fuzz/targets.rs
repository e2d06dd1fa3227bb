//! What is fuzzed: each target takes any bytes and must come back without a panic. `fuzz.rs` drives them
//! with seeded mutations on stable Rust; `fuzz/` drives the same functions with cargo-fuzz.

use surefit::data::Rows;
use surefit::data::encode::{EncodeOptions, Encoded, Missing, Recipe};
use surefit::data::formula::Formula;
use surefit::data::read::{
    ArffData, ArffOptions, KnownNames, LabelChoice, ReadOptions, Source, SparseData, SvmlightOptions, Want,
};
use surefit::model::Model;

/// Any bytes as a table: opened, scanned whole as the reader sees fit, and read back.
pub fn csv(bytes: &[u8]) {
    let options = ReadOptions { chunk_bytes: 64 + bytes.len() % 512, ..ReadOptions::default() };
    let Ok(source) = Source::from_bytes("fuzz.csv", bytes.to_vec(), &options) else { return };
    let wants: Vec<Want> =
        (0..source.columns().len()).map(|column| Want { column, as_text: column % 3 == 2 }).collect();
    let Ok(table) = source.scan(&wants, &|_| true) else { return };
    let rows: usize = table.chunks().map(|chunk| chunk.map_or(0, |chunk| chunk.rows())).sum();
    assert_eq!(rows, table.rows(), "the spool gives back every row");
}

/// Any bytes as svmlight: read in pieces of two sizes with the same outcome, and its labels made classes.
pub fn svmlight(bytes: &[u8]) {
    let read = |chunk_bytes: usize| {
        let options = SvmlightOptions {
            chunk_bytes,
            zero_based: bytes.len() % 2 == 1,
            label_lists: bytes.len() % 5 == 1,
            columns: bytes.len().is_multiple_of(3).then_some(50),
            max_line: 200,
            ..SvmlightOptions::default()
        };
        SparseData::from_bytes("fuzz.svm", bytes.to_vec(), &options, &|_| true)
    };
    let (data, again) = (read(1 + bytes.len() % 64), read(1 << 20));
    let told = |outcome: &surefit::Result<SparseData>| match outcome {
        Ok(data) => {
            let labels: Vec<Option<&str>> = (0..data.rows()).map(|i| data.labels().label(i)).collect();
            format!("{:?} {labels:?}", data.features())
        }
        Err(error) => error.to_string(),
    };
    assert_eq!(told(&data), told(&again), "the size of the pieces");
    let Ok(data) = data else { return };
    assert!(data.features().is_ok_and(|features| features.rows() == data.rows()));
    if let Ok((names, sets)) = data.labels().sets(None) {
        assert_eq!((sets.view().rows(), sets.view().labels()), (data.rows(), names.len()));
    }
    let Ok((classes, places)) = data.labels().classes() else { return };
    assert!(places.iter().all(|place| usize::try_from(*place).is_ok_and(|at| at < classes.len())));
}

/// Any bytes as ARFF with its labels said in three ways: read in pieces of two sizes with the same outcome; and as the
/// XML file that names the labels.
pub fn arff(bytes: &[u8]) {
    let _ = LabelChoice::from_xml("fuzz.xml", bytes);
    let names = vec!["y".to_owned(), "it's".to_owned()];
    let labels = match bytes.len() % 3 {
        0 => LabelChoice::Last(1),
        1 => LabelChoice::First(2),
        _ => LabelChoice::Named { names, source: "fuzz.xml".to_owned() },
    };
    let read = |chunk_bytes: usize| {
        let options = ArffOptions { chunk_bytes, max_line: 200, ..ArffOptions::default() };
        match ArffData::from_bytes("fuzz.arff", bytes.to_vec(), &labels, &options, &|_| true) {
            Ok(data) => {
                assert!(data.features().is_ok_and(|x| x.rows() == data.rows()));
                format!("{:?} {:?}", data.features(), data.sets())
            }
            Err(error) => format!("{error} {:?}", error.hints()),
        }
    };
    assert_eq!(read(1 + bytes.len() % 64), read(1 << 20), "the size of the pieces");
    let (columns, labels) = (["b".to_owned(), "a".to_owned()], ["y".to_owned()]);
    let known = KnownNames { columns: &columns, labels: &labels, weights: Some("x") };
    let options = ArffOptions { max_line: 200, ..ArffOptions::default() };
    if let Ok(data) = ArffData::from_bytes_for("fuzz.arff", bytes.to_vec(), known, &options, &|_| true) {
        assert!(data.features().is_ok_and(|x| (x.rows(), x.columns()) == (data.rows(), 2)));
        assert!(data.weights().is_some_and(|weights| weights.len() == data.rows()));
    }
}

/// Any text as a formula, resolved and encoded on a small table with numbers, text and holes.
pub fn formula(bytes: &[u8]) {
    const TABLE: &[u8] = b"y,a,b,city,x 1\n1,2,3,Rome,0\n2,4.5,-1,Oslo,1\n3,,9,Rome,2\n4,1e3,0,Bonn,3\n";
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(formula) = Formula::parse(text) else { return };
    let printed = formula.to_string();
    let again = Formula::parse(&printed);
    assert!(again.is_ok(), "`{text}` prints as `{printed}`, which does not parse");
    let Ok(source) = Source::from_bytes("table.csv", TABLE.to_vec(), &ReadOptions::default()) else { return };
    let Ok(resolved) = formula.resolve(source.columns(), None) else { return };
    let Ok(table) = source.scan(&resolved.wants, &|_| true) else { return };
    let options = EncodeOptions { missing: Missing::Drop, ..EncodeOptions::default() };
    let Ok(recipe) = Recipe::build(&resolved, &table, &options) else { return };
    let Ok(rows) = Encoded::new(&table, &recipe) else { return };
    for block in rows.blocks() {
        if block.is_err() {
            return;
        }
    }
}

/// Any bytes as a model file.
pub fn model(bytes: &[u8]) {
    let _ = Model::from_bytes(bytes, "fuzz.safetensors");
}
