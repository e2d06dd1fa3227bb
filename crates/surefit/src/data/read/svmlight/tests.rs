//! What the reader promises: the rows as written, however they arrive, and a sentence for everything that can
//! be wrong with a line.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::*;
use proptest::prelude::*;
use std::io::Write as _;

fn read_with(bytes: &[u8], options: &SvmlightOptions) -> Result<SparseData> {
    SparseData::from_bytes("t.svm", bytes.to_vec(), options, &|_| true)
}

fn read(bytes: &[u8]) -> Result<SparseData> {
    read_with(bytes, &SvmlightOptions::default())
}

fn zero_based() -> SvmlightOptions {
    SvmlightOptions { zero_based: true, ..SvmlightOptions::default() }
}

/// A row as a person would say it: its label, and columns from 0 with their values.
type Row = (Option<String>, Vec<(usize, f64)>);

fn rows(data: &SparseData) -> Vec<Row> {
    let entries = |i: usize| -> Vec<(usize, f64)> {
        match data.features().unwrap() {
            Features::Csr64(x) => {
                let (indices, values) = x.row(i);
                indices.iter().map(|&j| usize::try_from(j).unwrap()).zip(values.iter().copied()).collect()
            }
            Features::LongCsr64(x) => {
                let (indices, values) = x.row(i);
                indices.iter().map(|&j| usize::try_from(j).unwrap()).zip(values.iter().copied()).collect()
            }
            _ => panic!("sparse rows in double precision"),
        }
    };
    assert_eq!(data.features().unwrap().rows(), data.rows());
    assert_eq!(data.features().unwrap().columns(), data.columns());
    (0..data.rows()).map(|i| (data.labels().label(i).map(str::to_owned), entries(i))).collect()
}

fn row(label: &str, entries: &[(usize, f64)]) -> Row {
    (Some(label.to_owned()), entries.to_vec())
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

// ── what is read ────────────────────────────────────────────────────────────────────────────────────────

#[test]
fn labels_and_entries_come_out_as_written() {
    let data = read(b"+1 1:0.5 3:-2e3 # a comment: 9:9\n-1 2:.25\n3\n").unwrap();
    let expected = [row("+1", &[(0, 0.5), (2, -2000.0)]), row("-1", &[(1, 0.25)]), row("3", &[])];
    assert_eq!(rows(&data), expected);
    assert_eq!((data.columns(), data.entries(), data.name()), (3, 3, "t.svm"));
}

#[test]
fn blank_lines_comments_tabs_crlf_a_byte_order_mark_and_a_missing_last_line_end_change_nothing() {
    let plain = rows(&read(b"a 1:2 4:1\nb 2:3\n").unwrap());
    for same in [
        b"\xef\xbb\xbfa 1:2 4:1\r\nb 2:3\r\n".as_slice(),
        b"# svm\n\n  \t\na\t1:2\t\t4:1  \n#b 7:7\nb 2:3",
        b"  a 1:2 4:1# no blank before it\nb 2:3#\xff\xfe bytes\n\n",
        b"a 1:2 3:0 4:+1.0\nb 1:-0.0 2:3e0\n",
    ] {
        assert_eq!(rows(&read(same).unwrap()), plain, "{}", String::from_utf8_lossy(same));
    }
}

#[test]
fn a_zero_is_not_stored_and_its_index_counts() {
    let data = read(b"1 2:1 9:0\n2 1:0\n").unwrap();
    assert_eq!((data.columns(), data.entries()), (9, 1));
    assert_eq!(rows(&data), [row("1", &[(1, 1.0)]), row("2", &[])]);
}

#[test]
fn columns_count_from_zero_when_said_so() {
    let data = read_with(b"1 0:5 2:6\n", &zero_based()).unwrap();
    assert_eq!((rows(&data), data.columns()), (vec![row("1", &[(0, 5.0), (2, 6.0)])], 3));
}

#[test]
fn the_width_of_a_model_is_kept() {
    let wide = |columns| SvmlightOptions { columns: Some(columns), ..SvmlightOptions::default() };
    assert_eq!(read_with(b"1 2:6\n", &wide(7)).unwrap().columns(), 7);
    assert_eq!(read_with(b"1\n2\n", &wide(3)).unwrap().rows(), 2);
    assert_eq!(read_with(b"1 7:1\n", &wide(7)).unwrap().columns(), 7);
    assert!(read_with(b"1 8:1\n", &wide(7)).is_err());
    assert!(read_with(b"1 8:0\n", &wide(7)).is_err());
}

#[test]
fn the_largest_index_of_32_bits_is_read() {
    let data = read(b"1 2147483647:1\n").unwrap();
    assert_eq!((data.columns(), rows(&data)), (2_147_483_647, vec![row("1", &[(2_147_483_646, 1.0)])]));
    let data = read_with(b"1 2147483647:1\n", &zero_based()).unwrap();
    assert_eq!((data.columns(), rows(&data)), (2_147_483_648, vec![row("1", &[(2_147_483_647, 1.0)])]));
}

#[test]
fn labels_are_text_in_any_script_lists_too_and_a_mark_for_missing_is_none() {
    let data = read("猫 1:1\n1,4 3:0.5\nsci.space 2:1\nhttp://x 1:1\n? 1:1\nNaN 1:2\n".as_bytes()).unwrap();
    let labels: Vec<Option<&str>> = (0..6).map(|i| data.labels().label(i)).collect();
    assert_eq!(labels, [Some("猫"), Some("1,4"), Some("sci.space"), Some("http://x"), None, None]);
}

#[test]
fn a_list_of_labels_without_entries_is_a_row_where_other_rows_have_entries() {
    assert_eq!(rows(&read(b"1,4\n2 1:1\n").unwrap()), [row("1,4", &[]), row("2", &[(0, 1.0)])]);
}

#[test]
fn lists_of_labels_become_sets_and_a_row_that_begins_with_an_entry_has_none() {
    let lists = || SvmlightOptions { label_lists: true, ..SvmlightOptions::default() };
    // As the file that scikit-learn reads in its tests, and one label twice.
    let text = b"# multilabel\n1,10 2:2.5 10:-5.2\n2 5:1.0\n 2:3.5 11:26\n10,1,10 1:27\n2:1 # none\n";
    let data = read_with(text, &lists()).unwrap();
    let (names, sets) = data.labels().sets(None).unwrap();
    assert_eq!(names.names(), ["1", "2", "10"]);
    let of = |i: usize| (0..3).filter(|&k| sets.view().has(i, k)).collect::<Vec<_>>();
    assert_eq!([of(0), of(1), of(2), of(3), of(4)], [vec![0, 2], vec![1], vec![], vec![0, 2], vec![]]);
    assert_eq!(rows(&data)[2], row("", &[(1, 3.5), (10, 26.0)]));
    // A model's labels, in the model's order.
    let (_, among) = read_with(b"10 1:1\n", &lists()).unwrap().labels().sets(Some(&names)).unwrap();
    assert!(among.view().has(0, 2) && among.view().count(0) == 1);
    let told = ["1,,4 1:1\n", "1, 1:1\n", "1:1\n2:1\n", "1 1:1\n? 1:1\n", "qid:1 1:1\n"]
        .map(|text| message(read_with(text.as_bytes(), &lists()).and_then(|data| data.labels().sets(None))));
    insta::assert_snapshot!(told.join("\n"));
    let strangers = read_with(b"1 1:1\n1,3 1:1\n4 1:1\n", &lists()).unwrap();
    assert_eq!(
        message(strangers.labels().sets(Some(&names))),
        "the label column of t.svm has `3` in row 2, which is no label of the model; so has 1 other row\n  \
         fit with rows that have the label too, or leave it out of those rows"
    );
}

#[test]
fn gzip_is_unpacked_from_files_and_from_memory() {
    let text = b"1 1:2\n2 2:3\n".as_slice();
    let plain = rows(&read(text).unwrap());
    assert_eq!(rows(&read(&gzip(text)).unwrap()), plain);
    assert_eq!(rows(&read(&[gzip(&text[..4]), gzip(&text[4..])].concat()).unwrap()), plain);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.svm.gz");
    std::fs::write(&path, gzip(text)).unwrap();
    let data = SparseData::open(&path, &SvmlightOptions::default(), &|_| true).unwrap();
    assert_eq!(rows(&data), plain);
}

#[test]
fn a_reading_can_be_interrupted_and_tells_how_far_it_is() {
    let read = |watch: &dyn Fn(Progress) -> bool| {
        SparseData::from_bytes("t.svm", b"1 1:2\n2 2:3\n".to_vec(), &SvmlightOptions::default(), watch)
    };
    assert!(matches!(read(&|_| false), Err(Error::Interrupted)));
    let last = std::cell::Cell::new(None);
    read(&|progress| {
        last.set(Some(progress));
        true
    })
    .unwrap();
    assert_eq!(last.get(), Some(Progress { bytes: 12, total: Some(12), rows: 2 }));
}

#[test]
fn places_become_wide_when_their_number_outgrows_32_bits_and_stay_the_same() {
    let text = b"a 1:1 3:2\nb 2:3\nc 1:4 2:5\nd 3:6\n";
    let format = Format::new(&SvmlightOptions::default()).unwrap();
    let build = |short_limit: usize| {
        let mut intake = Intake::new("t.svm", &format);
        intake.rows = SparseRows::with_short_limit(short_limit);
        for (i, line) in text.split_inclusive(|&byte| byte == b'\n').enumerate() {
            intake.take_in(format.parse(&Piece { bytes: line.to_vec(), line: i + 1, ends: 1 })).unwrap();
        }
        intake.finish().unwrap()
    };
    let short = build(6);
    assert!(matches!(short.features().unwrap(), Features::Csr64(_)));
    for limit in 0..6 {
        let long = build(limit);
        assert!(matches!(long.features().unwrap(), Features::LongCsr64(_)));
        assert_eq!(rows(&long), rows(&short));
    }
}

#[test]
fn names_say_what_is_svmlight() {
    for name in ["a.svm", "a.libsvm", "dir.x/A.SVMLIGHT", "a.svm.gz", "a.b.libsvm.GZ"] {
        assert!(is_svmlight(name), "{name}");
    }
    for name in ["a.csv", "svm", "a.svm.csv", "svm.gz", "-", "a.gz", "a.svmx", "svmlight/a"] {
        assert!(!is_svmlight(name), "{name}");
    }
}

#[test]
fn a_table_reader_sends_svmlight_files_away() {
    use crate::data::read::{ReadOptions, Source};
    for name in ["t.svm", "t.libsvm.gz", "t.svmlight"] {
        let error = Source::from_bytes(name, b"1 1:2\n".to_vec(), &ReadOptions::default()).err().unwrap();
        assert_eq!(error.to_string(), format!("{name} is an svmlight file, not a table that surefit reads"));
    }
}

// ── what is refused ─────────────────────────────────────────────────────────────────────────────────────

#[test]
fn each_fault_of_a_line_has_its_sentence_and_a_way_out() {
    for (line, expected) in [
        ("1 3:1 2:1", "the index 2 after 3, and indices ascend\n  sort the entries of each line by index"),
        ("1 3:1 3:0", "the index 3 twice\n  keep one of the two entries"),
        ("1 0:1", "the index 0, and indices begin at 1\n  use `--zero-based` if the first column is 0"),
        ("1 00:1", "the index 00, and indices begin at 1\n  use `--zero-based` if the first column is 0"),
        ("1 -4:1", "the index -4, and indices begin at 1\n  number the columns anew"),
        (
            "1 2147483648:1",
            "the index 2147483648, beyond the largest, 2147483647\n  number only the columns that occur, or hash them to fewer",
        ),
        (
            "1 123456789012345678901234567890:1",
            "the index 123456789012345678901234567890, beyond the largest, 2147483647\n  number only the columns that occur, or hash them to fewer",
        ),
        (
            "1 1.5:1",
            "the index `1.5`, which is no whole number\n  number the columns; svmlight has no names for them",
        ),
        (
            "1 temp:1",
            "the index `temp`, which is no whole number\n  number the columns; svmlight has no names for them",
        ),
        (
            "1 :1",
            "the index ``, which is no whole number\n  number the columns; svmlight has no names for them",
        ),
        (
            "3:0.5 4:1",
            "no label: it begins with `3:0.5`\n  begin each line with its label: `label index:value index:value …`",
        ),
        (
            "qid:1 3:0.5",
            "no label: it begins with `qid:1`\n  begin each line with its label: `label index:value index:value …`",
        ),
        (
            "2 qid:7 1:3",
            "`qid:7`: this is ranking data, whose labels are grades among the rows of one query\n  to learn the grades as classes, remove the qid: sed 's/ qid:[0-9]*//'",
        ),
        (
            "1 2:3 7",
            "`7` where an entry `index:value` belongs\n  write one label, then entries `index:value` with blanks between them; a comment begins with #",
        ),
        (
            "1 2 :3",
            "`2` where an entry `index:value` belongs\n  write one label, then entries `index:value` with blanks between them; a comment begins with #",
        ),
        (
            "1 2: 3",
            "no value at index 2\n  write a number after the colon, without a blank, or remove the entry if it is 0",
        ),
        ("1 2:x", "the value `x` at index 2, which is no number\n  write a number, with a decimal point"),
        ("1 2:1,5", "the value `1,5` at index 2, which is no number\n  write a number, with a decimal point"),
        ("1 2:3:4", "the value `3:4` at index 2, which is no number\n  write a number, with a decimal point"),
        ("1 2:NA", "the value `NA` at index 2, which is no number\n  write a number, with a decimal point"),
        (
            "1 2:nan",
            "the value `nan` at index 2, which is not finite\n  write a finite number; an entry left out is 0, so a value that is not known needs one too",
        ),
        (
            "1 2:-inf#",
            "the value `-inf` at index 2, which is not finite\n  write a finite number; an entry left out is 0, so a value that is not known needs one too",
        ),
        (
            "1 2:1e999",
            "the value `1e999` at index 2, beyond the largest number, 1.8e308\n  express the column in larger units",
        ),
        (
            "C# 1:1",
            "the label `C#`, in which # would begin a comment\n  put a space before a comment, or name the class without #",
        ),
    ] {
        let text = format!("# first\n0 1:1\n{line}\nalso wrong\n");
        assert_eq!(message(read(text.as_bytes())), format!("line 3 of t.svm has {expected}"), "{line}");
    }
}

#[test]
fn bytes_that_are_no_text_are_refused_where_they_would_be_read() {
    assert_eq!(
        message(read(b"1 1:1\ncaf\xe9 1:1\n")),
        "line 2 of t.svm has a label that is not UTF-8 text: `caf\u{fffd}`\n  convert the file: iconv -f LATIN1 -t UTF-8 FILE > utf8.svm"
    );
    assert_eq!(
        message(read(b"1 1:1\n1 1:\xff\n")),
        "line 2 of t.svm has the value `\u{fffd}` at index 1, which is no number\n  write a number, with a decimal point"
    );
    assert!(message(read(b"1 1:1\0\n")).starts_with("t.svm is a binary file: byte 5 is 0\n"));
    assert!(message(read(b"\xff\xfe1\0")).starts_with("t.svm is UTF-16 text\n"));
}

#[test]
fn files_counted_from_zero_and_from_one_are_told_apart_where_they_can_be() {
    assert_eq!(
        message(read_with(b"1 -1:1\n", &zero_based())),
        "line 1 of t.svm has the index -1, and indices begin at 0\n  number the columns anew"
    );
    let of_model =
        |zero_based| SvmlightOptions { zero_based, columns: Some(1200), ..SvmlightOptions::default() };
    assert_eq!(
        message(read_with(b"1 1200:1\n", &of_model(true))),
        "line 1 of t.svm has the index 1200, and the last column is 1199
  leave out `--zero-based` if the first column is 1; otherwise remove the entry, or fit with data that has the column"
    );
    assert_eq!(
        message(read_with(b"1 1201:1\n", &of_model(false))),
        "line 1 of t.svm has the index 1201, and the last column is 1200\n  remove the entry, or fit with data that has the column"
    );
    let none = SvmlightOptions { columns: Some(0), ..SvmlightOptions::default() };
    assert_eq!(
        message(read_with(b"1 1:1\n", &none)),
        "line 1 of t.svm has the index 1, and there are no columns\n  remove the entry, or fit with data that has the column"
    );
    let beyond = SvmlightOptions { columns: Some(1 << 31), ..SvmlightOptions::default() };
    assert_eq!(
        message(read_with(b"1 1:1\n", &beyond)),
        "2,147,483,648 columns are more than an svmlight file can have\n  give at most 2,147,483,647 columns"
    );
}

#[test]
fn a_table_with_delimiters_is_told_from_svmlight() {
    let hint = "\n  name the file .csv, and say with a formula what its columns are for";
    for (text, line, shown) in [
        ("label,a,b\n1,2,3\n", 1, "label,a,b"),
        ("# made by x\n\n5.1;3.5;setosa\n", 3, "5.1;3.5;setosa"),
        ("1,2,3\n4,5,6\n", 1, "1,2,3"),
        ("y\ta\n1\t2\n", 1, "y a"),
        ("label,features\n1 3:4\n", 1, "label,features"),
    ] {
        assert_eq!(
            message(read(text.as_bytes())),
            format!("line {line} of t.svm is `{shown}`: this looks like CSV, not svmlight{hint}")
        );
    }
}

#[test]
fn files_without_rows_or_without_entries_are_refused() {
    let check = "\n  check the program that wrote it";
    assert_eq!(message(read(b"")), format!("t.svm is empty{check}"));
    assert_eq!(message(read(b" \n\r\n")), format!("t.svm is empty{check}"));
    assert_eq!(message(read(b"#\n")), format!("t.svm holds comments and blank lines alone{check}"));
    assert_eq!(
        message(read(b"1\n2\n")),
        "t.svm has 2 rows and no entry `index:value` in any of them\n  write the values of a row as `label 1:0.5 7:2`"
    );
}

#[test]
fn gzip_data_cut_short_are_refused_after_the_lines_that_came_before() {
    let mut text = b"1 1:1\n".repeat(100_000);
    let packed = gzip(&text);
    let cut = format!(
        "t.svm is cut short: its gzip data end before their end mark\n  {}",
        "copy or download the file again; `gzip -t FILE` tells whether it is whole"
    );
    assert_eq!(message(read(&packed[..packed.len() / 2])), cut);
    // A file of more than the first look: a wrong line before the cut is older news.
    text = Vec::new();
    (0..200_000u64)
        .for_each(|i| text.extend(format!("1 1:{}\n", i.wrapping_mul(0x9E37_79B9_7F4A_7C15)).bytes()));
    let at = 60_000 * 12;
    let wrong = [&text[..at], b"\nwrong 0:1\n", &text[at..]].concat();
    for (text, expected) in [(&text, cut.as_str()), (&wrong, "has the index 0,")] {
        let packed = gzip(text);
        for chunk_bytes in [1 << 10, 1 << 20] {
            let options = SvmlightOptions { chunk_bytes, ..SvmlightOptions::default() };
            let message = message(read_with(&packed[..packed.len() * 3 / 4], &options));
            assert!(message.contains(expected), "{message}");
        }
    }
}

#[test]
fn a_line_without_end_is_refused_before_it_fills_the_memory() {
    let mut text = b"1 1:1\n2 ".to_vec();
    text.resize(100_000_000, b' ');
    assert_eq!(
        message(read(&text)),
        "line 2 of t.svm is longer than 67,108,864 bytes\n  check that each row ends in a line break"
    );
}

#[test]
fn the_length_of_a_line_is_measured_alike_for_every_chunk_size() {
    for (max_line, chunk_bytes) in [(9, 1), (9, 4), (9, 1000), (8, 1), (8, 4), (8, 1000)] {
        let options = SvmlightOptions { chunk_bytes, max_line, ..SvmlightOptions::default() };
        for text in ["1 1:1\n2 1:12345\n3 2:1\n", "1 1:1\n2 1:12345"] {
            let fits = read_with(text.as_bytes(), &options).is_ok();
            assert_eq!(fits, max_line == 9, "{max_line} {chunk_bytes} {text}");
        }
    }
}

// ── properties ──────────────────────────────────────────────────────────────────────────────────────────

/// Rows with finite values that are not 0, columns ascending.
fn sparse_rows() -> impl Strategy<Value = Vec<Row>> {
    let value = prop_oneof![
        any::<f64>().prop_filter("finite, not 0", |v| v.is_finite() && *v != 0.0),
        (1i32..1000).prop_map(|v| f64::from(v) / 8.0),
    ];
    let entries = prop::collection::btree_map(0usize..300, value, 0..12);
    let label = prop::sample::select(vec!["+1", "-1", "3.0", "猫", "1,4", "a_b"]);
    let row =
        (label, entries).prop_map(|(label, entries)| (Some(label.to_owned()), entries.into_iter().collect()));
    prop::collection::vec(row, 1..40)
}

fn written(rows: &[Row], base: usize, odd: bool) -> Vec<u8> {
    let mut text = Vec::new();
    for (i, (label, entries)) in rows.iter().enumerate() {
        if odd && i % 3 == 1 {
            text.extend_from_slice(b"\n  # 1 2:3\n");
        }
        text.extend_from_slice(label.as_deref().unwrap_or("?").as_bytes());
        for (j, value) in entries {
            let blank = if odd && j % 5 == 2 { "\t " } else { " " };
            let number = if j % 2 == 0 { format!("{value:e}") } else { value.to_string() };
            text.extend(format!("{blank}{}:{number}", j + base).bytes());
        }
        text.extend_from_slice(if odd && i % 2 == 0 { b" \r\n" } else { b"\n" });
    }
    text
}

/// The format as its description says it, by splitting text; `None` where a line is not of it.
fn plainly(text: &str, base: usize) -> Option<Vec<Row>> {
    let mut rows = Vec::new();
    for line in text.split('\n') {
        let mut tokens = line.split([' ', '\t', '\r']).filter(|token| !token.is_empty());
        let Some(label) = tokens.next().filter(|label| !label.starts_with('#')) else { continue };
        let begins_with_an_entry = label.split_once(':').is_some_and(|(index, _)| {
            index == "qid" || index.parse::<i128>().is_ok_and(|_| !index.starts_with('+'))
        });
        if begins_with_an_entry || label.contains('#') {
            return None;
        }
        let missing = ["?", "na", "nan", "null"].contains(&label.to_lowercase().as_str());
        let (mut entries, mut next) = (Vec::new(), base);
        for token in tokens {
            if token.starts_with('#') {
                break;
            }
            let (entry, comment) = token.split_once('#').map_or((token, false), |(entry, _)| (entry, true));
            let (index, value) = entry.split_once(':')?;
            let digits = index.bytes().all(|byte| byte.is_ascii_digit());
            let index: usize = index.parse().ok().filter(|_| digits)?;
            let value: f64 = value.parse().ok()?;
            if index < next || index > 0x7fff_ffff || !value.is_finite() {
                return None;
            }
            next = index + 1;
            if value != 0.0 {
                entries.push((index - base, value));
            }
            if comment {
                break;
            }
        }
        rows.push(((!missing).then(|| label.to_owned()), entries));
    }
    Some(rows)
}

/// The outcome, for comparing.
fn outcome(bytes: &[u8], options: &SvmlightOptions) -> std::result::Result<(Vec<Row>, usize), String> {
    match read_with(bytes, options) {
        Ok(data) => Ok((rows(&data), data.columns())),
        Err(error) => Err(message(Err::<(), _>(error))),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Every number comes back with its bits, and the decoration of the text changes nothing.
    #[test]
    fn rows_come_back_as_written(rows_written in sparse_rows(), zero_based in any::<bool>(), odd in any::<bool>(), chunk_bytes in 1usize..200) {
        let options = SvmlightOptions { zero_based, chunk_bytes, columns: Some(300), ..SvmlightOptions::default() };
        let text = written(&rows_written, usize::from(!zero_based), odd);
        let data = read_with(&text, &options).unwrap();
        prop_assert_eq!(rows(&data), rows_written);
    }

    /// Neither the size of the pieces nor the number of threads changes anything, errors included.
    #[test]
    fn no_result_depends_on_chunks_or_threads(
        rows in sparse_rows(),
        fault in prop::option::of((any::<prop::sample::Index>(), prop::sample::select(b"x: \n#,0\0\xff".to_vec()))),
        max_line in 40usize..400,
    ) {
        let mut text = written(&rows, 1, true);
        if let Some((at, byte)) = fault {
            let at = at.index(text.len());
            text[at] = byte;
        }
        let options = |chunk_bytes| SvmlightOptions { chunk_bytes, max_line, ..SvmlightOptions::default() };
        let whole = outcome(&text, &options(1 << 20));
        for chunk_bytes in [1, 7, 64, 500] {
            prop_assert_eq!(&outcome(&text, &options(chunk_bytes)), &whole);
        }
        let alone = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        prop_assert_eq!(&alone.install(|| outcome(&text, &options(30))), &whole);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    /// What is read is what the format's description says, and everything else is refused.
    #[test]
    fn the_reader_agrees_with_the_format_read_plainly(
        tokens in prop::collection::vec(prop::sample::select(vec![
            " ", " ", " ", "\t", "\n", "\n", "\r\n", "1", "0", "2:1", "3:-.5", "4:1e2", "07:1", "11:0", "12:1e999", "13:nan", ":", "#", "1:2#c",
            "qid:1", "x", "?", "-1", "+1", "2147483648:1", "2147483647:2", "5:1e-400", "6:+1", "猫", "1,4", "inf", ".", "e5",
        ]), 0..24),
        zero_based in any::<bool>(),
        chunk_bytes in 1usize..40,
    ) {
        // A first line that settles what neither is asked about: whether this is CSV, and has rows.
        let text = format!("0 1:1\n{}", tokens.concat());
        let options = SvmlightOptions { zero_based, chunk_bytes, ..SvmlightOptions::default() };
        let read = read_with(text.as_bytes(), &options).ok().map(|data| rows(&data));
        prop_assert_eq!(read, plainly(&text, usize::from(!zero_based)), "{:?}", text);
    }

    /// Whatever bytes come, packed or not, there are rows or a sentence.
    #[test]
    fn no_bytes_make_the_reader_panic(
        bytes in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..200),
            prop::collection::vec(prop::sample::select(b"11223:::  \n\n\r\t#.eE+-,;naif\0\xef\xbb\xbf\xff".to_vec()), 0..200),
        ],
        columns in prop::option::of(0usize..40),
        zero_based in any::<bool>(),
        chunk_bytes in 1usize..100,
        pack in any::<bool>(),
    ) {
        let options = SvmlightOptions { zero_based, columns, chunk_bytes, max_line: 150, ..SvmlightOptions::default() };
        let bytes = if pack { gzip(&bytes) } else { bytes };
        if let Ok(data) = read_with(&bytes, &options) {
            prop_assert!(data.rows() > 0);
            prop_assert!(data.features().is_ok());
        }
    }
}
