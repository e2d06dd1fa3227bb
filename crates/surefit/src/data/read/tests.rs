//! What readers promise: the same table however it arrives, and a sentence for everything that can be wrong.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::*;
use crate::data::{ColumnKind, Levels, Values};
use crate::error::Error;
use proptest::prelude::*;
use std::io::Write as _;

fn text(bytes: &[u8]) -> Result<Source> {
    Source::from_bytes("t.csv", bytes.to_vec(), &ReadOptions::default())
}

fn all(source: &Source) -> Vec<Want> {
    (0..source.columns().len()).map(|column| Want { column, as_text: false }).collect()
}

fn read_with(bytes: &[u8], options: &ReadOptions) -> Result<Table> {
    let source = Source::from_bytes("t.csv", bytes.to_vec(), options)?;
    let wanted = all(&source);
    source.scan(&wanted, &|_| true)
}

fn read(bytes: &[u8]) -> Result<Table> {
    read_with(bytes, &ReadOptions::default())
}

/// The error as a person meets it: the sentence, then the ways out.
fn message(result: Result<Table>) -> String {
    let error = result.expect_err("an error");
    std::iter::once(error.to_string()).chain(error.hints()).collect::<Vec<_>>().join("\n  ")
}

/// Every cell as text: a number by its shortest decimal, missing as `·`.
fn cells(table: &Table) -> Vec<Vec<String>> {
    let mut columns = vec![Vec::new(); table.columns().len()];
    for chunk in table.chunks() {
        for ((cells, values), column) in columns.iter_mut().zip(chunk.unwrap().columns).zip(table.columns()) {
            match values {
                Values::Number(values) => cells.extend(
                    values.iter().map(
                        |value| {
                            if value.is_nan() { "·".to_owned() } else { value.to_string() }
                        },
                    ),
                ),
                Values::Text(codes) => cells.extend(codes.iter().map(|code| {
                    if *code == Levels::MISSING {
                        "·".to_owned()
                    } else {
                        column.levels.name(*code).unwrap().to_owned()
                    }
                })),
            }
        }
    }
    columns
}

fn names(table: &Table) -> Vec<&str> {
    table.columns().iter().map(|column| column.name.as_str()).collect()
}

// ── what is read ────────────────────────────────────────────────────────────────────────────────────────

#[test]
fn numbers_text_and_missing_values_come_out_as_written() {
    let table = read(b"a,b,c\n1,x,1e3\n NA , y ,?\n-2.5,x,nan\n.5,null,+7\n").unwrap();
    assert_eq!(names(&table), ["a", "b", "c"]);
    assert_eq!(cells(&table), [["1", "·", "-2.5", "0.5"], ["x", "y", "x", "·"], ["1000", "·", "·", "7"]]);
    let column = &table.columns()[0];
    assert_eq!((column.kind, column.missing, column.first_missing), (ColumnKind::Number, 1, Some(1)));
    assert_eq!(table.columns()[1].levels.names(), ["x", "y"]);
    assert_eq!(table.columns()[2].first_missing, Some(1));
    assert!((column.mean - (1.0 - 2.5 + 0.5) / 3.0).abs() < 1e-16);
}

#[test]
fn byte_order_mark_crlf_blank_lines_and_a_missing_last_line_end_change_nothing() {
    let plain = read(b"a,b\n1,x\n2,y\n").unwrap();
    for same in [
        b"\xef\xbb\xbfa,b\r\n1,x\r\n2,y\r\n".as_slice(),
        b"a,b\n\n1,x\n   \n\n2,y",
        b"\n\na,b\n1,x\n2,y\n\n\n",
        b"a,b\r1,x\r2,y",
        b"\"a\",\"b\"\n\"1\",\"x\"\n2,\"y\"",
        b"a;b\n1;x\n2;y\n",
        b"a\tb\n1\tx\n2\ty\n",
        b"a|b\n1|x\n2|y\n",
        b"a,b,\n1,x,\n2,y,\n",
        b"a,b\n1,x,\n2,y,\n",
    ] {
        let table = read(same).unwrap();
        assert_eq!(table.fingerprint(), plain.fingerprint(), "{}", String::from_utf8_lossy(same));
    }
}

#[test]
fn quoted_fields_hold_delimiters_line_ends_and_doubled_quotes() {
    let table = read(b"a,b\n1,\"x, \"\"y\"\"\nz\"\n2,plain\n").unwrap();
    assert_eq!(cells(&table)[1], ["x, \"y\"\nz", "plain"]);
}

#[test]
fn a_quote_inside_an_unquoted_field_is_a_letter() {
    let table = read(b"a,b\n1,5\" pipe\n2,6\" pipe\n").unwrap();
    assert_eq!(cells(&table)[1], ["5\" pipe", "6\" pipe"]);
}

#[test]
fn a_table_of_numbers_alone_has_no_header() {
    let source = text(b"7;0.27;0.36\n6.3;0.3;0.34\n").unwrap();
    assert_eq!(source.columns(), ["x1", "x2", "x3"]);
    assert_eq!(source.notes(), ["read as ;-separated, without a header: the columns are called x1 … x3"]);
}

#[test]
fn what_was_decided_is_said() {
    let notes = |bytes: &[u8]| text(bytes).unwrap().notes().to_vec();
    assert_eq!(notes(b"a,b\n1,2\n"), ["read as comma-separated, with a header: 2 columns"]);
    for years in
        [&b"country,2019,2020\nA,2,3\nB,3,5\nC,2019,1\n"[..], b"y,2020,2019,2018\n1,2,3,4\n2,3,4,5\n"]
    {
        assert!(notes(years)[0].contains("with a header: "), "{:?}", notes(years));
    }
    for numbers in [&b"2019,2020\n2020,2021\n"[..], b"A,2019,2020\nB,2020,2021\n", b"A,2,3\nB,3,4\n"] {
        assert!(notes(numbers)[0].contains("without a header"), "{:?}", notes(numbers));
    }
    assert_eq!(notes(b"a\tb\n1\t2\n"), ["read as tab-separated, with a header: 2 columns"]);
    assert_eq!(notes(b"5\n6\n"), ["read as comma-separated, without a header: the column is called x1"]);
    assert_eq!(
        notes(b"a;b\n1,5;2\n"),
        ["read as ;-separated, with decimal commas, with a header: 2 columns"]
    );
    assert_eq!(
        notes(b",b\n1,2\n"),
        [
            "read as comma-separated, with a header: 2 columns",
            "column 1 has no name in the header: it is called x1"
        ]
    );
}

#[test]
fn words_above_words_are_a_header_when_they_are_all_different() {
    assert_eq!(text(b"name,town\nann,rome\nbob,rome\n").unwrap().columns(), ["name", "town"]);
    assert_eq!(text(b"ann,ann\nbob,rome\n").unwrap().columns(), ["x1", "x2"]);
    assert_eq!(text(b"id,2019\n1,5\n2,6\n").unwrap().columns(), ["id", "2019"]);
    assert_eq!(text(b"1,abc,3\n2,5,6\n3,6,6\n").unwrap().columns(), ["x1", "x2", "x3"]);
}

#[test]
fn options_overrule_what_is_found_out() {
    let options = ReadOptions { header: Some(false), delimiter: Some(b':'), ..ReadOptions::default() };
    let table = read_with(b"a:b\nc:d\n", &options).unwrap();
    assert_eq!(cells(&table), [["a", "c"], ["b", "d"]]);
}

#[test]
fn a_decimal_comma_is_read_as_one_and_a_thousands_separator_is_not_guessed() {
    let table = read("x;y\n1,5;2\n-0,25;3,125\n1e3;4\n".as_bytes()).unwrap();
    assert_eq!(cells(&table), [["1.5", "-0.25", "1000"], ["2", "3.125", "4"]]);
    assert_eq!(cells(&read(b"1,5;2,3\n2,5;3,4\n").unwrap()), [["1.5", "2.5"], ["2.3", "3.4"]]);
    let expected = "column `x` holds numbers with a comma, such as `1,234` in row 1, and it is not clear what the comma means
  write the numbers with a decimal point and without thousands separators
  write `C(x)` in the formula if the values are names of groups";
    assert_eq!(message(read(b"x;y\n1,234;2\n5,678;3\n")), expected);
    assert_eq!(message(read(b"x,y\n\"1,234\",2\n\"5,678\",3\n")), expected);
    assert_eq!(message(read(b"x;y\n1,234;2.5\n5,678;3.5\n")), expected);
}

#[test]
fn numbers_asked_for_as_text_keep_their_spelling() {
    let source = text(b"zip,n\n01234,1\n 1234 ,2\n01234,3\n").unwrap();
    let wanted = [Want { column: 0, as_text: true }, Want { column: 0, as_text: false }];
    let table = source.scan(&wanted, &|_| true).unwrap();
    assert_eq!(cells(&table), [["01234", "1234", "01234"], ["1234", "1234", "1234"]]);
}

#[test]
fn numbers_with_a_decimal_comma_are_levels_with_a_point() {
    let source = text(b"x;c\n1,5;u\n2,50;v\n4;w,1\n").unwrap();
    let wanted = [Want { column: 0, as_text: true }, Want { column: 1, as_text: true }];
    assert_eq!(cells(&source.scan(&wanted, &|_| true).unwrap()), [["1.5", "2.50", "4"], ["u", "v", "w,1"]]);
}

#[test]
fn only_wanted_columns_are_parsed_and_come_in_the_order_asked_for() {
    let source = text(b"a,b,c\n1,2,3\nx,5,6\n7,8,9\n").unwrap();
    let table = source
        .scan(&[Want { column: 2, as_text: false }, Want { column: 1, as_text: false }], &|_| true)
        .unwrap();
    assert_eq!(names(&table), ["c", "b"]);
    assert_eq!(cells(&table), [["3", "6", "9"], ["2", "5", "8"]]);
    let none = text(b"a,b\n1,2\n3,4\n").unwrap().scan(&[], &|_| true).unwrap();
    assert_eq!((none.rows(), none.chunks().count()), (2, 0));
}

#[test]
fn infinities_and_numbers_beyond_f64_are_counted() {
    let table = read(b"a\n1\ninf\n-1e400\n2\n").unwrap();
    assert_eq!((table.columns()[0].infinite, table.columns()[0].first_infinite), (2, Some(1)));
    assert_eq!(table.columns()[0].missing, 0);
}

#[test]
fn a_column_without_any_value_is_a_number_column() {
    let table = read(b"a,b\n1,\n2,NA\n").unwrap();
    assert_eq!((table.columns()[1].kind, table.columns()[1].missing), (ColumnKind::Number, 2));
}

#[test]
fn a_scan_can_be_interrupted() {
    let source = text(b"a\n1\n").unwrap();
    assert!(matches!(source.scan(&[], &|_| false), Err(Error::Interrupted)));
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn gzip_is_unpacked_whatever_the_name_and_however_many_members() {
    let plain = read(b"a,b\n1,2\n3,4\n").unwrap();
    let two = [gzip(b"a,b\n1,"), gzip(b"2\n3,4\n")].concat();
    assert_eq!(read(&gzip(b"a,b\n1,2\n3,4\n")).unwrap().fingerprint(), plain.fingerprint());
    assert_eq!(read(&two).unwrap().fingerprint(), plain.fingerprint());
}

#[test]
fn progress_ends_with_all_rows_and_all_bytes() {
    let source = text(b"a\n1\n2\n").unwrap();
    let last = std::cell::Cell::new(None);
    source
        .scan(&[], &|progress| {
            last.set(Some(progress));
            true
        })
        .unwrap();
    assert_eq!(last.get(), Some(Progress { bytes: 6, total: Some(6), rows: 2 }));
}

// ── what is refused ─────────────────────────────────────────────────────────────────────────────────────

#[test]
fn a_value_that_is_no_number_is_named_with_its_place() {
    assert_eq!(
        message(read(b"a,b\n1,2\n\n3,oops\n4,5\nx,?\n6,bad\n7,8\n9,9\n")),
        "column `b` is numeric, but row 2 (line 4) is `oops`; 2 values in it are no numbers
  correct the value, or mark it as missing (an empty field or NA)
  write `C(b)` in the formula if the column holds names of groups
  the same holds for `a`"
    );
    let mut bytes = b"my a;b\n".to_vec();
    bytes.extend(b"1,5;1\n".repeat(10_000));
    bytes.extend(b"2.5;1\n");
    assert_eq!(
        message(read(&bytes)),
        "column `my a` is numeric, but row 10001 (line 10002) is `2.5`
  this file writes numbers with a decimal comma, so a point has no place in one
  correct the value, or mark it as missing (an empty field or NA)
  write `C(`my a`)` in the formula if the column holds names of groups"
    );
}

#[test]
fn a_column_whose_first_values_come_after_the_sample_says_so() {
    let mut bytes = b"a,b\n".to_vec();
    bytes.extend(b"1,\n".repeat(10_000));
    bytes.extend(b"1,late\n");
    assert_eq!(
        message(read(&bytes)).lines().next().unwrap(),
        "column `b` is numeric, but row 10001 (line 10002) is `late`; the first rows, which decide what a column is, hold no value in it"
    );
}

#[test]
fn too_many_levels_are_refused_by_what_they_look_like() {
    let column = |value: &dyn Fn(usize) -> String| {
        let mut bytes = b"n,t\n".to_vec();
        (0..3000).for_each(|i| writeln!(bytes, "{i},{}", value(i)).unwrap());
        message(read(&bytes))
    };
    assert_eq!(
        column(&|i| format!("2024-{:02}-{:02}", i % 12 + 1, i)).lines().next().unwrap().len(),
        "column `t` has more than 1,000 different texts in its first 1,001 values (an identifier: nearly all differ), such as `2024-05-1000` in row 1001".len()
    );
    assert_eq!(
        column(&|i| format!("{}-{:02}-{:02}", 1990 + i / 336, i / 28 % 12 + 1, i % 28 + 1)),
        "column `t` has more than 1,000 different texts in its first 1,001 values (dates), such as `1992-12-21` in row 1001
  leave it out of the formula: `- t`
  convert the dates to a number, such as days since the first"
    );
    assert_eq!(
        column(&|i| format!("k{i}")),
        "column `t` has more than 1,000 different texts in its first 1,001 values (an identifier: nearly all differ), such as `k1000` in row 1001
  leave it out of the formula: `- t`"
    );
    assert_eq!(
        column(&|i| if i % 2 == 0 { "often".to_owned() } else { format!("k{i}") }),
        "column `t` has more than 1,000 different texts in its first 2,000 values, such as `k1999` in row 2000
  leave it out of the formula: `- t`
  merge rare texts into one, such as `other`"
    );
    let mut bytes = b"n\n".to_vec();
    (0..3000).for_each(|i| writeln!(bytes, "{i}.5").unwrap());
    let source = text(&bytes).unwrap();
    assert_eq!(
        message(source.scan(&[Want { column: 0, as_text: true }], &|_| true)),
        "column `n` has more than 1,000 different texts in its first 1,001 values (numbers), such as `1000.5` in row 1001
  write `n` without `C()` to use it as a number
  leave it out of the formula: `- n`"
    );
}

#[test]
fn a_ragged_row_is_named_with_its_line_and_both_counts() {
    assert_eq!(
        message(read(b"a,b\n1,2\n\"x\ny\",2\n1,2,3\n")),
        "row 3 (line 5) has 3 fields, the header 2
  put quotes around a field that holds a ','
  if the columns are separated by another character, name it with `--delimiter`"
    );
    assert_eq!(
        message(read(b"1,2\n3,4\n5\n")),
        "row 3 (line 3) has 1 field, the first row 2
  complete the row (a missing value is an empty field), or delete it"
    );
}

#[test]
fn headers_that_cannot_be_used_are_refused() {
    assert_eq!(
        message(read(b"a,b,a\n1,2,3\n")),
        "t.csv has two columns named `a`: column 1 and column 3\n  rename one of them in the header"
    );
    assert_eq!(
        message(read(b"a,gr\xf6\xdfe\n1,2\n")),
        "the header in line 1 is not UTF-8 text: `gr\u{fffd}\u{fffd}e`\n  convert the file: iconv -f LATIN1 -t UTF-8 FILE > utf8.csv"
    );
}

#[test]
fn empty_tables_are_refused() {
    assert_eq!(message(read(b"")), "t.csv is empty\n  check the program that wrote it");
    assert_eq!(message(read(b"\xef\xbb\xbf\n \n")), "t.csv is empty\n  check the program that wrote it");
    assert_eq!(
        message(read(b"a,b\n")),
        "t.csv has a header of 2 columns and no rows\n  add rows; if the first line holds data, say so with `--no-header`"
    );
}

#[test]
fn text_in_another_encoding_is_refused_with_the_command_that_converts_it() {
    assert_eq!(
        message(read(b"a,b\n1,x\n2,\xe9t\xe9\n")),
        "column `b`, row 2 (line 3) is not UTF-8 text: `\u{fffd}t\u{fffd}`\n  convert the file: iconv -f LATIN1 -t UTF-8 FILE > utf8.csv"
    );
    assert_eq!(
        message(read(b"\xff\xfea\0,\0")),
        "t.csv is UTF-16 text\n  convert it: iconv -f UTF-16 -t UTF-8 t.csv > utf8.csv"
    );
    assert_eq!(
        message(read(b"ab\0c")),
        "t.csv is a binary file: byte 2 is 0\n  save the table as CSV, Parquet or Arrow; UTF-16 text is converted by: iconv -f UTF-16 -t UTF-8"
    );
}

#[test]
fn quotes_that_are_never_closed_are_found_where_they_begin() {
    let hint =
        "\n  close the quote that is open in that record; a quote inside a quoted field is written twice";
    assert_eq!(
        message(read(b"a,b\n1,2\n3,\"4\n5,6\n")),
        format!("the record that begins in line 3 has a quote that is never closed{hint}")
    );
    assert_eq!(
        message(read(b"\"a,b\n1,2\n")),
        format!("the record that begins in line 1 has a quote that is never closed{hint}")
    );
    let options = ReadOptions { max_record: 2_000, chunk_bytes: 1_000, ..ReadOptions::default() };
    let mut bytes = b"a,b\n1,2\n3,\"4\n".to_vec();
    bytes.extend(b"5,6\n".repeat(2_000_000));
    assert_eq!(
        message(read_with(&bytes, &options)),
        format!(
            "the record that begins in line 3 is longer than 2,000 bytes{hint}\n  if no quote is open, the file has no lines, and so is no table"
        )
    );
}

#[test]
fn columns_set_apart_by_spaces_are_refused_with_the_command_that_mends_them() {
    assert_eq!(
        message(read(b"a b\n1  2\n3  4\n")),
        "t.csv separates its columns by spaces: line 2 is `1  2`
  put commas between the columns: sed 's/^ *//; s/ *$//; s/  */,/g' t.csv > commas.csv"
    );
}

#[test]
fn delimiters_that_numbers_are_made_of_are_refused() {
    let options = ReadOptions { delimiter: Some(b'5'), ..ReadOptions::default() };
    assert_eq!(
        message(read_with(b"1\n", &options)),
        "the delimiter '5' can be part of a number or of the format itself\n  choose another, such as , ; | or tab"
    );
}

#[test]
fn damaged_gzip_data_are_refused() {
    let mut bytes = b"a\n".to_vec();
    bytes.extend(b"12345\n".repeat(1000));
    let packed = gzip(&bytes);
    assert_eq!(
        message(read(&packed[..packed.len() / 2])),
        "t.csv is cut short: its gzip data end before their end mark
  copy or download the file again; `gzip -t FILE` tells whether it is whole"
    );
    let mut corrupt = packed.clone();
    let end = corrupt.len() - 6;
    corrupt[end] ^= 0x55;
    assert_eq!(
        message(read(&corrupt)),
        "t.csv is damaged gzip data: corrupt gzip stream does not have a matching checksum
  copy or download the file again; if it is not gzip, name it without .gz"
    );
    let bomb = gzip(&b"1\n".repeat(20 << 20));
    let options = ReadOptions { bomb_bytes: 1 << 20, ..ReadOptions::default() };
    let message = message(read_with(&bomb, &options));
    assert!(
        message.starts_with("t.csv unpacks to more than 40,")
            && message.contains(" bytes, over 1,000 for one: not a table\n"),
        "{message}"
    );
}

#[test]
fn files_that_are_not_there_or_are_no_tables_are_named() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("sales.csv"), "a\n1\n").unwrap();
    let open = |name: &str| match Source::open(&folder.path().join(name), &ReadOptions::default()) {
        Ok(_) => panic!("{name} opened"),
        Err(error) => {
            std::iter::once(error.to_string()).chain(error.hints()).collect::<Vec<_>>().join("\n  ")
        }
    };
    let at = |name: &str| folder.path().join(name).display().to_string();
    assert_eq!(
        open("slaes.csv"),
        format!("there is no file {}\n  did you mean {}?", at("slaes.csv"), at("sales.csv"))
    );
    assert_eq!(open("other.parquet"), format!("there is no file {}\n  check the path", at("other.parquet")));
    assert_eq!(
        open(""),
        format!(
            "{0} is a directory, not a file\n  name one file in it: {1}/FILE.csv",
            at(""),
            folder.path().display()
        )
    );
    let foreign = [
        (
            "a.xlsx",
            b"PK\x03\x04....".as_slice(),
            "a workbook of a spreadsheet program",
            "open it and save it as CSV",
        ),
        ("b.xls", b"\xd0\xcf\x11\xe0....", "an Excel workbook", "open it and save it as CSV"),
        (
            "c.csv",
            b"PK\x03\x04....",
            "a zip archive (an Excel workbook is one)",
            "unpack it, or open it and save it as CSV",
        ),
        ("d.json", b"[1]", "JSON", "write it as CSV, Parquet or Arrow"),
        ("e.svm", b"1 1:2", "an svmlight file", "write it as CSV, Parquet or Arrow"),
    ];
    for (name, bytes, what, hint) in foreign {
        std::fs::write(folder.path().join(name), bytes).unwrap();
        assert_eq!(open(name), format!("{} is {what}, not a table that surefit reads\n  {hint}", at(name)));
    }
    std::fs::write(folder.path().join("f.parquet"), "a,b\n1,2\n").unwrap();
    assert_eq!(
        open("f.parquet"),
        format!(
            "{} is named like a Parquet file, but does not begin like one\n  name the file after what it is (.csv, .tsv, .parquet, .arrow)",
            at("f.parquet")
        )
    );
}

#[test]
fn a_full_disk_and_a_folder_without_permission_have_a_way_out() {
    let full = ReadError::SpoolFull { folder: "/tmp".to_owned(), bytes: 12_345_678 };
    assert_eq!(full.to_string(), "no room for the temporary file: /tmp cannot hold 12,345,678 bytes");
    assert_eq!(full.hints(), ["set TMPDIR to a folder with more room, or free some"]);
    let denied = ReadError::Spool {
        action: "create",
        folder: "/tmp".to_owned(),
        source: std::io::ErrorKind::PermissionDenied.into(),
    };
    assert_eq!(denied.to_string(), "cannot create the temporary file in /tmp: permission denied");
    assert_eq!(denied.hints(), ["set TMPDIR to a folder that can be written"]);
}

// ── the same, however it arrives ────────────────────────────────────────────────────────────────────────

/// Everything that can be seen of a table or of its refusal.
fn outcome(bytes: &[u8], chunk_bytes: usize, threads: usize) -> String {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    let options = ReadOptions { chunk_bytes, max_record: 500, ..ReadOptions::default() };
    pool.install(|| match read_with(bytes, &options) {
        Ok(table) => {
            let columns: Vec<String> = table
                .columns()
                .iter()
                .map(|c| {
                    format!(
                        "{} {:?} {:?} {} {:?} {} {:?} {:x}",
                        c.name,
                        c.kind,
                        c.levels.names(),
                        c.missing,
                        c.first_missing,
                        c.infinite,
                        c.first_infinite,
                        c.mean.to_bits()
                    )
                })
                .collect();
            format!("{} {} {columns:?} {:?}", table.rows(), table.fingerprint(), cells(&table))
        }
        Err(error) => format!("{error} {:?}", error.hints()),
    })
}

/// One field: its text, and whether it is written in quotes.
fn field() -> impl Strategy<Value = (String, bool)> {
    let text = prop_oneof![
        6 => (-1000i32..1000).prop_map(|number| format!("{}", f64::from(number) / 8.0)),
        1 => Just(String::new()),
        1 => Just("NA".to_owned()),
        1 => Just("1e400".to_owned()),
        3 => "[a-c]{1,2}",
        1 => "[a-c \",;\n\r]{0,5}",
    ];
    (text, any::<bool>())
}

/// A table of `columns` columns as a careful program writes it.
fn written(rows: &[Vec<(String, bool)>], end: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for row in rows {
        for (j, (text, quoted)) in row.iter().enumerate() {
            let needed =
                *quoted || text.contains(['"', ',', ';', '\n', '\r']) || (row.len() == 1 && text.is_empty());
            let text = if needed { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.clone() };
            write!(bytes, "{}{text}", if j > 0 { "," } else { "" }).unwrap();
        }
        bytes.extend(end.as_bytes());
    }
    bytes
}

fn rows() -> impl Strategy<Value = Vec<Vec<(String, bool)>>> {
    (1usize..5).prop_flat_map(|columns| {
        // Each column has a bent towards one kind of value, so that number columns are common.
        let cell = prop_oneof![3 => Just(()).prop_flat_map(|()| field())];
        prop::collection::vec(prop::collection::vec(cell, columns), 1..40)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Every field of a written table comes back: numbers as numbers, other text trimmed, missing as missing.
    #[test]
    fn tables_come_back_as_written(rows in rows(), crlf in any::<bool>()) {
        let mut bytes: Vec<u8> = Vec::new();
        let heads: Vec<String> = (0..rows[0].len()).map(|j| format!("c{j}")).collect();
        bytes.extend(heads.join(",").bytes());
        let end = if crlf { "\r\n" } else { "\n" };
        bytes.extend(end.bytes());
        bytes.extend(written(&rows, end));
        let options = ReadOptions { header: Some(true), delimiter: Some(b','), ..ReadOptions::default() };
        let source = Source::from_bytes("t.csv", bytes, &options).unwrap();
        let wanted: Vec<Want> = (0..heads.len()).map(|column| Want { column, as_text: true }).collect();
        let table = source.scan(&wanted, &|_| true).unwrap();
        let expected: Vec<Vec<String>> = (0..heads.len())
            .map(|j| rows.iter().map(|row| match row[j].0.trim() {
                "" | "NA" => "·".to_owned(),
                text => text.to_owned(),
            }).collect())
            .collect();
        prop_assert_eq!(cells(&table), expected);
    }

    /// Neither the size of the pieces nor the number of threads changes anything, errors included.
    #[test]
    fn chunk_size_and_threads_change_nothing(rows in rows(), damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..3)) {
        let mut bytes = written(&rows, "\n");
        for (at, byte) in damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let whole = outcome(&bytes, 1 << 20, 1);
        for (chunk_bytes, threads) in [(1, 1), (2, 2), (7, 1), (13, 2), (64, 1), (200, 2), (1 << 20, 2)] {
            prop_assert_eq!(&outcome(&bytes, chunk_bytes, threads), &whole);
        }
    }

    /// A piece with a quote somewhere is parsed by the csv crate, one without in place: same values.
    #[test]
    fn both_parsers_agree(lines in prop::collection::vec("[-+0-9.eE ,\tabnNAif?]{0,12}", 1..30)) {
        let plain = format!("1,2\n{}\n", lines.join("\n"));
        let quoted = format!("\"1\",2\n{}\n", lines.join("\n"));
        let options = |chunk_bytes| ReadOptions { header: Some(false), delimiter: Some(b','), chunk_bytes, ..ReadOptions::default() };
        let show = |result: Result<Table>| match result {
            Ok(table) => format!("{} {:?}", table.fingerprint(), cells(&table)),
            Err(error) => error.to_string(),
        };
        prop_assert_eq!(show(read_with(plain.as_bytes(), &options(1 << 20))), show(read_with(quoted.as_bytes(), &options(1 << 20))));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    /// Whatever bytes come, there is a table or a sentence.
    #[test]
    fn no_bytes_make_the_reader_panic(
        bytes in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..300),
            prop::collection::vec(prop::sample::select(b"\"\"\n\r,;\t|1 2.eE-+aN?\0\xef\xbb\xbf\xff".to_vec()), 0..300),
        ],
        name in prop::sample::select(vec!["a.csv", "a.tsv", "a", "a.csv.gz", "a.parquet", "a.arrow"]),
        chunk_bytes in 1usize..100,
    ) {
        let options = ReadOptions { chunk_bytes, max_record: 100, ..ReadOptions::default() };
        if let Ok(source) = Source::from_bytes(name, bytes, &options) {
            let wanted = all(&source);
            if let Ok(table) = source.scan(&wanted, &|_| true) {
                prop_assert!(table.rows() > 0);
            }
        }
    }

    /// Damaged gzip data neither.
    #[test]
    fn no_damage_to_gzip_makes_the_reader_panic(at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<prop::sample::Index>()) {
        let mut bytes = gzip(b"a,b,c\n1,2,3\n4,5,6\n7,8,x\n");
        let length = bytes.len();
        bytes[at.index(length)] = byte;
        bytes.truncate(1 + cut.index(length));
        if let Ok(table) = read(&bytes) {
            prop_assert!(table.rows() > 0);
        }
    }
}

#[cfg(feature = "arrow")]
mod columnar {
    use super::*;
    use arrow_array::types::Int32Type;
    use arrow_array::*;
    use arrow_ipc::writer::{FileWriter, StreamWriter};
    use parquet::arrow::ArrowWriter;
    use std::sync::Arc;

    fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
        RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, array)| (name, array, true)))
            .unwrap()
    }

    fn parquet(batch: &RecordBatch) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), None).unwrap();
        writer.write(batch).unwrap();
        writer.close().unwrap();
        bytes
    }

    fn arrow_file(batch: &RecordBatch) -> Vec<u8> {
        let mut writer = FileWriter::try_new(Vec::new(), &batch.schema()).unwrap();
        writer.write(batch).unwrap();
        writer.into_inner().unwrap()
    }

    fn arrow_stream(batch: &RecordBatch) -> Vec<u8> {
        let mut writer = StreamWriter::try_new(Vec::new(), &batch.schema()).unwrap();
        writer.write(batch).unwrap();
        writer.into_inner().unwrap()
    }

    fn three_forms(batch: &RecordBatch) -> [(&'static str, Vec<u8>); 3] {
        [("t.parquet", parquet(batch)), ("t.arrow", arrow_file(batch)), ("t.arrows", arrow_stream(batch))]
    }

    fn open(name: &str, bytes: Vec<u8>) -> Source {
        Source::from_bytes(name, bytes, &ReadOptions::default()).unwrap()
    }

    fn sample() -> RecordBatch {
        batch(vec![
            ("f", Arc::new(Float64Array::from(vec![Some(1.5), None, Some(-2.0)]))),
            ("s", Arc::new(StringArray::from(vec![Some("b"), Some(" a "), Some("NA")]))),
            ("i", Arc::new(Int32Array::from(vec![Some(7), Some(8), None]))),
            (
                "k",
                Arc::new(
                    vec![Some("q"), Some("p"), Some("q")].into_iter().collect::<DictionaryArray<Int32Type>>(),
                ),
            ),
            ("o", Arc::new(BooleanArray::from(vec![true, false, true]))),
            (
                "d",
                Arc::new(
                    Decimal128Array::from(vec![10_i128, 25, -3]).with_precision_and_scale(9, 2).unwrap(),
                ),
            ),
            ("g", Arc::new(Float32Array::from(vec![0.5, 0.25, 3.0]))),
            ("v", Arc::new(StringViewArray::from(vec!["x", "y", "x"]))),
        ])
    }

    #[test]
    fn parquet_and_arrow_give_the_same_table_as_csv() {
        let csv = b"f,s,i,k,o,d,g,v\n1.5,b,7,q,1,.1,.5,x\n,a,8,p,0,.25,.25,y\n-2,NA,,q,1,-.03,3,x\n";
        let expected = read(csv).unwrap();
        for (name, bytes) in three_forms(&sample()) {
            let source = open(name, bytes);
            let wanted = all(&source);
            let table = source.scan(&wanted, &|_| true).unwrap();
            assert_eq!(cells(&table), cells(&expected), "{name}");
            assert_eq!(table.fingerprint(), expected.fingerprint(), "{name}");
        }
    }

    #[test]
    fn columns_of_parquet_and_arrow_come_in_the_order_asked_for_and_as_text_where_asked() {
        let text = |column| Want { column, as_text: true };
        for (name, bytes) in three_forms(&sample()) {
            let wanted = [text(6), text(2), Want { column: 0, as_text: false }, text(4), text(0)];
            let table = open(name, bytes).scan(&wanted, &|_| true).unwrap();
            assert_eq!(names(&table), ["g", "i", "f", "o", "f"]);
            let expected = [
                ["0.5", "0.25", "3"],
                ["7", "8", "·"],
                ["1.5", "·", "-2"],
                ["true", "false", "true"],
                ["1.5", "·", "-2"],
            ];
            assert_eq!(cells(&table), expected, "{name}");
        }
    }

    #[test]
    fn what_was_read_is_said() {
        let notes = three_forms(&sample()).map(|(name, bytes)| open(name, bytes).notes().join(" "));
        let expected = [
            "read as a Parquet file: 8 columns",
            "read as an Arrow file: 8 columns",
            "read as an Arrow stream: 8 columns",
        ];
        assert_eq!(notes, expected);
    }

    #[test]
    fn dates_and_nested_columns_are_refused_by_name_and_only_when_wanted() {
        let list = ListArray::from_iter_primitive::<Int32Type, _, _>(vec![Some(vec![Some(1)]), None]);
        let batch = batch(vec![
            ("day", Arc::new(Date32Array::from(vec![1, 2]))),
            ("my list", Arc::new(list)),
            ("n", Arc::new(Int32Array::from(vec![1, 2]))),
        ]);
        for (name, bytes) in three_forms(&batch) {
            let scan = |column| open(name, bytes.clone()).scan(&[Want { column, as_text: false }], &|_| true);
            assert_eq!(
                message(scan(0)),
                "column `day` holds date values, which are neither numbers nor text
  leave it out of the formula: `- day`
  convert it to a number, such as days since a date"
            );
            assert_eq!(
                message(scan(1)),
                "column `my list` holds list values, which are neither numbers nor text
  leave it out of the formula: `- `my list``
  convert it to columns of numbers or text"
            );
            assert_eq!(cells(&scan(2).unwrap()), [["1", "2"]]);
        }
    }

    #[test]
    fn whole_numbers_that_are_rounded_are_counted() {
        let batch = batch(vec![("id", Arc::new(Int64Array::from(vec![1, (1 << 53) + 1, -(1 << 60)])))]);
        let table = open("t.parquet", parquet(&batch))
            .scan(&[Want { column: 0, as_text: false }], &|_| true)
            .unwrap();
        assert_eq!(
            table.notes(),
            ["column `id`: 2 whole numbers beyond 2^53 are rounded to 53 binary digits"]
        );
    }

    #[test]
    fn identifiers_and_empty_tables_are_refused_as_in_csv() {
        let digits: StringArray = (0..3000).map(|i| Some(format!("{i}.5"))).collect();
        let numbers = batch(vec![("n", Arc::new(digits))]);
        assert_eq!(
            message(open("t.arrow", arrow_file(&numbers)).scan(&[Want { column: 0, as_text: false }], &|_| true)),
            "column `n` has more than 1,000 different texts in its first 1,001 values (numbers stored as text), such as `1000.5` in row 1001
  store it as numbers in the file
  leave it out of the formula: `- n`"
        );
        let ids: StringArray = (0..3000).map(|i| Some(format!("k{i}"))).collect();
        let many = batch(vec![("t", Arc::new(ids))]);
        let none = many.slice(0, 0);
        for ((name, bytes), (_, empty)) in three_forms(&many).into_iter().zip(three_forms(&none)) {
            let want = [Want { column: 0, as_text: false }];
            assert_eq!(
                message(open(name, bytes).scan(&want, &|_| true)),
                "column `t` has more than 1,000 different texts in its first 1,001 values (an identifier: nearly all differ), such as `k1000` in row 1001
  leave it out of the formula: `- t`"
            );
            assert_eq!(
                message(open(name, empty).scan(&want, &|_| true)).lines().next().unwrap(),
                format!("{name} has 1 column and no rows")
            );
        }
    }

    #[test]
    fn damaged_files_are_refused() {
        let bytes = parquet(&sample());
        let cut = Source::from_bytes("t.parquet", bytes[..bytes.len() - 9].to_vec(), &ReadOptions::default());
        let error = cut.err().unwrap();
        assert!(error.to_string().starts_with("t.parquet is damaged or not a Parquet file: "), "{error}");
        assert_eq!(error.hints(), ["copy or download the file again, or write it anew"]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(400))]

        /// Whatever byte of a file is damaged and wherever it is cut, there is a table or a sentence.
        #[test]
        fn no_damage_makes_the_readers_panic(form in 0usize..3, at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in prop::option::of(any::<prop::sample::Index>())) {
            let (name, mut bytes) = three_forms(&sample()).into_iter().nth(form).unwrap();
            let at = at.index(bytes.len());
            bytes[at] = byte;
            if let Some(cut) = cut {
                bytes.truncate(1 + cut.index(bytes.len()));
            }
            if let Ok(source) = Source::from_bytes(name, bytes, &ReadOptions::default()) {
                let wanted = all(&source);
                if let Ok(table) = source.scan(&wanted, &|_| true) {
                    prop_assert!(table.rows() > 0);
                }
            }
        }
    }
}
