//! Requests that make no sense, and data and files at fault: one sentence each, with the place and the way out.

use super::*;

#[test]
fn nonsense_is_refused_in_one_sentence_with_a_way_out() {
    let with = |more: &'static str| line(&more.split_whitespace().collect::<Vec<_>>());
    let cases: Vec<(&str, Vec<&str>)> = vec![
        ("no verb", vec![]),
        ("unknown verb", vec!["fti"]),
        ("unknown flag", with("--learnrate 1")),
        ("no formula", vec!["fit", "data/sales.csv"]),
        ("rate without gd", with("--learning-rate .01")),
        ("tolerance without gd", with("--tolerance 1e-9")),
        ("choose without range", with("--choose loo")),
        ("range without choose", with("--penalty 1e-3..1:9")),
        ("range with gd", with("--penalty 1e-3..1:9 --choose loo --solver gd")),
        ("falling range", with("--penalty 1..1e-3:9")),
        ("negative penalty", with("--penalty -1")),
        ("penalised intercept without penalty", with("--penalize-intercept")),
        (
            "penalised intercept without intercept",
            vec!["fit", "data/sales.csv", "sales ~ temp - 1", "--penalty", "1", "--penalize-intercept"],
        ),
        ("penalty weight of nothing", with("--penalty 1 --penalty-weight tmep=2")),
        ("weight type without weights", with("--weight-type precision")),
        ("unknown loss", with("--loss quadratic")),
        ("unknown scale", with("--scale zscore")),
        ("no threads", with("--threads 0")),
        ("no size", with("--memory-limit lots")),
        ("long delimiter", with("--delimiter ,,")),
        ("bad time", with("--time-limit soon")),
        ("typo in a name", vec!["fit", "data/sales.csv", "sales ~ tmep"]),
        ("bad formula", vec!["fit", "data/sales.csv", "sales ~ (temp"]),
        ("start of wrong length", with("--solver gd --start 1,2,3")),
        ("coefficients without formula", vec!["certify", "data/sales.csv", "data/sales.csv"]),
    ];
    let mut all = String::new();
    for (name, arguments) in &cases {
        let output = surefit(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{name}: {}", tell(&output));
        assert!(output.stdout.is_empty(), "{name}");
        writeln!(all, "# {name}\n{}", String::from_utf8_lossy(&output.stderr)).unwrap();
    }
    Folder::new().snapshot("usage", &all);
}

#[test]
fn data_that_cannot_be_used_is_named_with_its_place_and_a_way_out() {
    let folder = Folder::new();
    let mut many = String::from("y,id\n");
    (0..1_500).for_each(|row| writeln!(many, "{row},id-{row}").unwrap());
    let cases = [
        ("empty", String::new(), "y ~ x"),
        ("header_only", "y,x\n".to_owned(), "y ~ x"),
        ("ragged", "y,x\n1,2\n3\n5,6\n".to_owned(), "y ~ x"),
        ("text_target", "y,x\n1,2\nhigh,4\n5,6\n".to_owned(), "y ~ x"),
        ("text_in_a_power", "y,x\n1,2\n2,many\n5,6\n".to_owned(), "y ~ I(x^2)"),
        ("same_names", "y,x,x\n1,2,3\n4,5,7\n7,8,8\n".to_owned(), "y ~ x"),
        ("missing", "y,x\n1,2\n,5\n5,NA\n".to_owned(), "y ~ x"),
        ("infinite", "y,x\n1,2\n3,inf\n5,6\n".to_owned(), "y ~ x"),
        ("identifier", many, "y ~ id"),
    ];
    let mut all = String::new();
    for (name, content, formula) in &cases {
        let path = folder.file(&format!("{name}.csv"), content);
        let output = surefit(&["fit", &path, formula]).output().unwrap();
        assert_eq!(output.status.code(), Some(3), "{name}: {}", tell(&output));
        assert!(output.stdout.is_empty(), "{name}");
        writeln!(all, "# {name}\n{}", String::from_utf8_lossy(&output.stderr)).unwrap();
    }
    folder.snapshot("data", &all);
}

/// A Parquet file of two columns of numbers and no rows.
fn parquet_without_rows() -> Vec<u8> {
    use arrow_schema::{DataType, Field, Schema};
    let fields: Vec<Field> = ["y", "x"].map(|name| Field::new(name, DataType::Float64, true)).to_vec();
    let mut bytes = Vec::new();
    let schema = std::sync::Arc::new(Schema::new(fields));
    let writer = parquet::arrow::ArrowWriter::try_new(&mut bytes, schema, None).unwrap();
    writer.close().unwrap();
    bytes
}

#[test]
fn a_parquet_file_without_bytes_or_without_rows_is_named() {
    let folder = Folder::new();
    let (bare, rowless) = (folder.path("bare.parquet"), folder.path("rowless.parquet"));
    std::fs::write(&bare, []).unwrap();
    std::fs::write(&rowless, parquet_without_rows()).unwrap();
    let all = [told(&["fit", &bare, "y ~ x"]), told(&["fit", &rowless, "y ~ x"])].concat();
    assert_eq!(all.matches("exit 3").count(), 2, "{all}");
    folder.snapshot("empty_parquet", &all);
}

#[test]
fn weights_of_no_use_are_refused() {
    let folder = Folder::new();
    let negative = folder.file("negative.csv", "y,x,w\n1,2,1\n3,4,-1\n5,7,1\n");
    let zero = folder.file("zero.csv", "y,x,w\n1,2,0\n3,4,0\n5,7,0\n");
    let all: String =
        [negative, zero].iter().map(|path| told(&["fit", path, "y ~ x", "--weights", "w"])).collect();
    assert_eq!(all.matches("exit 3").count(), 2, "{all}");
    folder.snapshot("weights", &all);
}

#[test]
fn files_that_cannot_be_read_or_written_are_named() {
    let folder = Folder::new();
    let model = folder.path("no/such/model");
    let foreign = folder.file("foreign.model", "PK this is not a model");
    let all: String = [
        told(&["fit", &folder.path("absent.csv"), "y ~ x"]),
        told(&["fit", &folder.path(""), "y ~ x"]),
        told(&line(&["-o", &model])),
        told(&line(&["-o", &folder.path("")])),
        told(&["predict", &folder.path("absent.model"), "data/sales.csv"]),
        told(&["predict", &foreign, "data/sales.csv"]),
        told(&["certify", &foreign, "data/sales.csv"]),
    ]
    .concat();
    assert_eq!(all.matches("exit 3").count(), 7, "{all}");
    folder.snapshot("files", &all);
}

#[test]
fn a_truncated_model_is_refused() {
    let folder = Folder::new();
    let model = folder.path("line.model");
    assert_eq!(code(&line(&["-o", &model])), 0);
    let whole = std::fs::read(&model).unwrap();
    for length in [0, 4, 9, whole.len() / 2, whole.len() - 1] {
        std::fs::write(&model, &whole[..length]).unwrap();
        assert_eq!(code(&["predict", &model, "data/sales.csv"]), 3, "{length} bytes");
    }
}
