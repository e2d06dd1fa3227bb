//! The program as a person or a script meets it: every message once, every exit code, on real files.

#![expect(clippy::unwrap_used, clippy::format_collect, reason = "tests")]

use insta::{Settings, assert_snapshot};
use serde_json::Value;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

#[path = "cli/classes.rs"]
mod classes;
#[path = "cli/mix.rs"]
mod mix;
#[path = "cli/ranking.rs"]
mod ranking;
#[path = "cli/ranking_models.rs"]
mod ranking_models;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The program in the project's folder, with a known width and no colour.
fn surefit(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_surefit"));
    command.args(arguments).current_dir(root()).env("COLUMNS", "100").stdin(Stdio::null());
    for name in ["NO_COLOR", "CLICOLOR_FORCE", "CLICOLOR"] {
        command.env_remove(name);
    }
    command
}

/// What it says and how it ends.
fn told(arguments: &[&str]) -> String {
    tell(&surefit(arguments).output().unwrap())
}

fn tell(output: &Output) -> String {
    let mut text = format!("exit {}\n", output.status.code().unwrap());
    for (name, bytes) in [("stdout", &output.stdout), ("stderr", &output.stderr)] {
        if !bytes.is_empty() {
            write!(text, "--- {name}\n{}", String::from_utf8_lossy(bytes)).unwrap();
        }
    }
    text
}

fn code(arguments: &[&str]) -> i32 {
    surefit(arguments).output().unwrap().status.code().unwrap()
}

fn object(arguments: &[&str]) -> Value {
    let output = surefit(arguments).arg("--json").output().unwrap();
    serde_json::from_slice(&output.stdout).unwrap()
}

/// A folder of its own, called FOLDER in snapshots.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).to_str().unwrap().to_owned()
    }

    /// A file with `content`, and its path.
    fn file(&self, name: &str, content: &str) -> String {
        std::fs::write(self.path(name), content).unwrap();
        self.path(name)
    }

    fn snapshot(&self, name: &str, text: &str) {
        let folder = self.0.path().to_str().unwrap();
        let mut settings = Settings::clone_current();
        settings.set_prepend_module_to_snapshot(false);
        // What rounding amounts to depends on the processor in its last digits.
        settings.add_filter(r"(gap ≤ |at most |within ±)[0-9][-0-9.e]*", "${1}SMALL");
        // And so do the steps until it is small enough, wherever the line breaks.
        settings.add_filter(
            r"[0-9][0-9,]*\s+(step|round)s?,\s+[0-9][0-9,]*\s+passes\s+over\s+the\s+rows",
            "N ${1}s, N passes over the rows",
        );
        settings.bind(|| assert_snapshot!(name, text.replace(folder, "FOLDER")));
    }
}

fn snapshot(name: &str, arguments: &[&str]) {
    Folder::new().snapshot(name, &told(arguments));
}

const LINE: [&str; 3] = ["fit", "data/sales.csv", "sales ~ temp"];

/// The line with further arguments.
fn line<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&LINE[..], more].concat()
}

/// Arguments written as on a command line, without quotes; the formula is `sales ~ temp`.
fn descent(more: &str) -> Vec<&str> {
    [&LINE[..], &["--solver", "gd"], &more.split_whitespace().collect::<Vec<_>>()].concat()
}

// What a person reads

#[test]
fn a_line_is_certified() {
    snapshot("line", &LINE);
}

#[test]
fn a_table_without_a_header_is_fitted() {
    snapshot("wine", &["fit", "data/winequality-white.csv", "x12 ~ ."]);
}

#[test]
fn text_columns_become_levels_and_missing_rows_are_dropped_when_asked() {
    snapshot(
        "california",
        &["fit", "data/california_housing.csv.gz", "median_house_value ~ .", "--missing", "drop"],
    );
}

#[test]
fn help_is_short_and_says_what_works() {
    snapshot("help", &["--help"]);
    for verb in [
        "fit",
        "mix",
        "predict",
        "lint",
        "diagnose",
        "certify",
        "explain",
        "explain-gradient",
        "check-gradient",
    ] {
        snapshot(&format!("help_{verb}"), &[verb, "--help"]);
    }
}

#[test]
fn two_targets_are_shown_one_after_the_other() {
    let folder = Folder::new();
    let rows: String = (0..9).map(|row| format!("{},{},{row}\n", row % 4, (row * row) % 7)).collect();
    let data = folder.file("data.csv", &format!("u,v,x\n{rows}"));
    folder.snapshot("two_targets", &told(&["fit", &data, "[u, v] ~ x"]));
    let both = object(&["fit", &data, "[u, v] ~ x"]);
    for (target, formula) in [("u", "u ~ x"), ("v", "v ~ x")] {
        let alone = object(&["fit", &data, formula]);
        assert_eq!(both["model"]["coefficients"]["x"][target], alone["model"]["coefficients"]["x"]);
    }
}

#[test]
fn a_level_can_have_a_penalty_of_its_own() {
    let folder = Folder::new();
    let data = folder.file("data.csv", "y,city,x\n1,Oslo,1\n2,Rome,5\n4,Oslo,3\n7,Rome,9\n5,Paris,8\n");
    let fit = |wish: &str| told(&["fit", &data, "y ~ city + x", "--penalty", "1", "--penalty-weight", wish]);
    let all = [fit("city=Rome=9"), fit("city=9"), fit("city=Rom=9")].concat();
    let exits: Vec<&str> = all.lines().filter(|line| line.starts_with("exit")).collect();
    assert_eq!(exits, ["exit 0", "exit 0", "exit 2"]);
    folder.snapshot("penalty_weight", &all);
}

#[test]
fn a_penalty_with_factors_is_printed_with_them() {
    let folder = Folder::new();
    let mut all = String::new();
    for more in [&["--penalty-weight", "temp=2"][..], &["--scale", "standardize"]] {
        let arguments = [&line(&["--penalty", "1"])[..], more].concat();
        all += &told(&arguments);
        let told = object(&arguments);
        let factor = told["model"]["penalty_factors"][0].as_f64().unwrap();
        let slope = told["model"]["coefficients"]["temp"].as_f64().unwrap();
        let penalty = 0.5 * factor * slope * slope;
        let objective = told["certificate"]["objective"].as_f64().unwrap();
        assert!(0.0 < penalty && penalty < objective, "{told}");
        writeln!(all, "penalty {penalty:.3}").unwrap();
    }
    folder.snapshot("penalty_factors", &all);
}

#[test]
fn a_saved_model_on_other_rows_is_not_told_to_change_its_penalty() {
    let folder = Folder::new();
    let model = folder.path("line.model");
    assert_eq!(code(&line(&["-o", &model])), 0);
    let other = folder.file("other.csv", "sales,temp\n1,2\n3,5\n4,9\n");
    let told = told(&["certify", &model, &other]);
    assert!(told.starts_with("exit 4") && !told.contains("--penalty"), "{told}");
    folder.snapshot("certify_other_rows", &told);
}

#[test]
fn a_text_of_rows_of_weight_0_alone_is_unknown_to_the_model() {
    let folder = Folder::new();
    let data = folder.file("data.csv", "y,g,w\n1,b,1\n2,b,1\n3,c,2\n4,a,0\n7,c,1\n");
    let without = folder.file("without.csv", "y,g,w\n1,b,1\n2,b,1\n3,c,2\n7,c,1\n");
    let model = folder.path("model");
    let fit = |data: &str| object(&["fit", data, "y ~ g", "--weights", "w", "-o", &model]);
    assert_eq!(fit(&without)["model"], fit(&data)["model"]);
    assert_eq!(code(&["certify", &model, &data]), 0);
    let all = [
        told(&["fit", &data, "y ~ g", "--weights", "w"]),
        told(&["predict", &model, &folder.file("new.csv", "g\na\n")]),
    ];
    folder.snapshot("weightless_level", &all.concat());
}

#[test]
fn a_certificate_in_scaled_units_stands_beside_that_in_the_users() {
    let arguments = descent("--learning-rate 1.483 --tolerance 6.6e-10 --scale minmax --scale-target");
    snapshot("scaled", &arguments);
    let proof = &object(&arguments)["certificate"];
    // The sales span 614 − 185.
    let unit = 429.0 * 429.0;
    let scaled = proof["scaled"]["objective"].as_f64().unwrap();
    assert!((proof["objective"].as_f64().unwrap() / unit / scaled - 1.0).abs() < 1e-14);
    assert!((scaled - 0.003_291_001).abs() < 1e-8);
    assert_eq!(object(&LINE)["certificate"]["scaled"], Value::Null);
}

// Requests that make no sense

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

// Data and files at fault

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

// Objects for programs

#[test]
fn the_object_of_a_line() {
    let mut fit = object(&LINE);
    assert!(fit["seconds"].as_f64().unwrap() > 0.0);
    fit["seconds"] = 0.0.into();
    // The gap's last digits depend on the processor.
    assert!(fit["certificate"]["relative_gap"].as_f64().unwrap() < 1e-14);
    fit["certificate"] = Value::Null;
    Folder::new().snapshot("line_object", &serde_json::to_string_pretty(&fit).unwrap());
}

#[test]
fn an_error_is_an_object_too_and_nothing_else() {
    let output =
        surefit(&["fit", "data/california_housing.csv.gz", "median_house_value ~ .", "--json", "--quiet"])
            .output()
            .unwrap();
    assert_eq!(output.status.code(), Some(3));
    assert!(output.stderr.is_empty());
    let error: Value = serde_json::from_slice(&output.stdout).unwrap();
    Folder::new().snapshot("error_object", &serde_json::to_string_pretty(&error).unwrap());
    let usage = object(&line(&["--penalty", "-1"]));
    assert_eq!((&usage["verdict"], &usage["command"]), (&"failed".into(), &"fit".into()));
}

#[test]
fn quiet_leaves_the_result_alone() {
    let output = surefit(&line(&["--quiet"])).output().unwrap();
    assert!(output.stderr.is_empty());
    assert!(!output.stdout.is_empty());
}

#[test]
fn colour_comes_when_asked_and_only_then() {
    let has = |command: &mut Command| command.output().unwrap().stdout.contains(&0x1b);
    assert!(!has(&mut surefit(&LINE)));
    assert!(has(&mut surefit(&line(&["--color", "always"]))));
    assert!(has(surefit(&LINE).env("CLICOLOR_FORCE", "1")));
    assert!(!has(surefit(&line(&["--color", "never"])).env("CLICOLOR_FORCE", "1")));
    assert!(!has(surefit(&LINE).env("NO_COLOR", "1")));
}

// The ways of the world

#[test]
fn standard_input_is_data() {
    let mut child = surefit(&["fit", "-", "sales ~ temp", "--json"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(&std::fs::read(root().join("data/sales.csv")).unwrap()).unwrap();
    let output = child.wait_with_output().unwrap();
    let fit: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(fit["model"], object(&LINE)["model"]);
}

/// The most memory that a running child has had, in bytes, as long as it runs.
#[cfg(target_os = "linux")]
fn peak(child: &std::process::Child) -> Option<usize> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().trim_end_matches(" kB").parse::<usize>().ok().map(|size| size << 10)
}

/// What a child says to its end, and the most memory that it had.
#[cfg(target_os = "linux")]
fn output_and_peak(mut child: std::process::Child) -> (Output, usize) {
    let mut most = 0;
    while child.try_wait().unwrap().is_none() {
        most = most.max(peak(&child).unwrap_or(0));
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    (child.wait_with_output().unwrap(), most)
}

#[cfg(target_os = "linux")]
#[test]
fn memory_does_not_grow_with_the_number_of_rows() {
    // 2.4 million bytes of text a time; as narrow as a table holds them, 1.25 million of numbers.
    let mut part = String::new();
    (0..250_000_u32).for_each(|row| {
        writeln!(part, "{},{:05}", (row * 7) % 101, row % 99_991 + 100_000 * (row % 2)).unwrap();
    });
    let feed = |times: usize| {
        let mut command =
            surefit(&["fit", "-", "y ~ x", "--memory-limit", "1M", "--quiet", "--json", "--threads", "1"]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut to = child.stdin.take().unwrap();
        to.write_all(b"y,x\n").unwrap();
        (0..times).for_each(|_| to.write_all(part.as_bytes()).unwrap());
        drop(to);
        let (output, most) = output_and_peak(child);
        let fit: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(
            (&fit["verdict"], fit["rows"].as_u64()),
            (&"certified".into(), Some(250_000 * times as u64))
        );
        most
    };
    // Both are too large for the design to be kept; the larger has 35 MB more of numbers.
    let (small, large) = (feed(12), feed(40));
    assert!(large < small + (16 << 20), "{small} and {large} bytes");
}

/// `times` gzip members of 16 MiB of one byte each, after one that holds `head`.
fn bomb(head: &str, byte: u8, times: usize) -> Vec<u8> {
    let packed = |bytes: &[u8]| {
        let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        writer.write_all(bytes).unwrap();
        writer.finish().unwrap()
    };
    [packed(head.as_bytes()), packed(&vec![byte; 16 << 20]).repeat(times)].concat()
}

#[cfg(target_os = "linux")]
#[test]
fn a_gzip_bomb_is_refused_in_a_sentence_and_in_little_memory() {
    let folder = Folder::new();
    // Blank lines are no rows, so only their number gives them away; a line without end is told by its length.
    let cases = [
        ("blank.csv.gz", bomb("y,x\n1,2\n", b'\n', 70), "over 1,000 for one: not a table"),
        ("endless.csv.gz", bomb("y,x\n1,2\n", b'7', 70), "the record that begins in line 3 is longer than"),
    ];
    for (name, bytes, sentence) in cases {
        let path = folder.path(name);
        std::fs::write(&path, &bytes).unwrap();
        assert!(bytes.len() < 2 << 20, "{} bytes", bytes.len());
        let child = surefit(&["fit", &path, "y ~ x", "--quiet"]).stderr(Stdio::piped()).spawn().unwrap();
        let (output, most) = output_and_peak(child);
        assert_eq!(output.status.code(), Some(3), "{name}");
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(told.contains(sentence) && told.lines().count() <= 4, "{told}");
        // A thousandth of what it would unpack to is 1 MiB.
        assert!(most < 256 << 20, "{name}: {most} bytes");
    }
}

#[test]
fn a_table_in_a_temporary_file_gives_the_same_bits() {
    let fit = |limit| {
        let arguments =
            ["fit", "data/california_housing.csv.gz", "median_house_value ~ .", "--missing", "drop"];
        let mut fit = object(&[&arguments[..], &["--memory-limit", limit]].concat());
        fit["seconds"] = Value::Null;
        fit
    };
    assert_eq!(fit("0"), fit("1G"));
}

#[test]
fn a_closed_pipe_is_no_failure() {
    for arguments in [&LINE[..], &["fit", "--help"]] {
        let mut child = surefit(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0));
        assert!(!String::from_utf8_lossy(&output.stderr).contains('✗'));
    }
}

#[cfg(unix)]
#[test]
fn an_output_never_replaces_an_input_or_another_output() {
    let folder = Folder::new();
    let sales = std::fs::read_to_string(root().join("data/sales.csv")).unwrap();
    let (data, link) = (folder.file("mine.csv", &sales), folder.path("link.csv"));
    let (hard, model, new) = (folder.path("hard.csv"), folder.path("line.model"), folder.path("new"));
    std::os::unix::fs::symlink(&data, &link).unwrap();
    std::fs::hard_link(&data, &hard).unwrap();
    assert_eq!(code(&line(&["-o", &model])), 0);
    let before = std::fs::read(&model).unwrap();
    let fit = |more: &[&str]| told(&[&["fit", &data, "sales ~ temp"][..], more].concat());
    let descent = ["--solver", "gd", "--learning-rate", ".001", "--max-iter", "9"];
    let aside = format!("{}/./new", folder.path(""));
    let all = [
        fit(&["-o", &data]),
        fit(&["-o", &link]),
        fit(&["-o", &hard]),
        told(&line(&["--test", &data, "-o", &data])),
        fit(&[&descent[..], &["--trace", &data]].concat()),
        fit(&[&descent[..], &["-o", &new, "--trace", &new]].concat()),
        fit(&[&descent[..], &["-o", &new, "--trace", &aside]].concat()),
        fit(&["-o", "-"]),
        told(&["predict", &model, &data, "-o", &data]),
        told(&["predict", &model, &data, "-o", &model]),
        tell(
            &surefit(&["predict", &model, "-", "-o", &data])
                .stdin(std::fs::File::open(&data).unwrap())
                .output()
                .unwrap(),
        ),
    ];
    folder.snapshot("same_file", &all.concat());
    assert!(all.iter().all(|told| told.starts_with("exit 2")));
    assert_eq!(std::fs::read_to_string(&data).unwrap(), sales);
    assert_eq!(std::fs::read(&model).unwrap(), before);
    assert!(!Path::new(&new).exists());
}

#[cfg(unix)]
#[test]
fn standard_output_by_its_name_is_written_on_and_not_replaced() {
    let folder = Folder::new();
    let (model, told) = (folder.path("line.model"), folder.path("told"));
    assert_eq!(code(&line(&["-o", &model])), 0);
    let mut file = std::fs::File::create(&told).unwrap();
    file.write_all(b"BEFORE\n").unwrap();
    let arguments = ["predict", &model, "data/sales.csv", "-o", "/dev/stdout"];
    let status = surefit(&arguments).stdout(file.try_clone().unwrap()).status().unwrap();
    assert_eq!(status.code(), Some(0));
    file.write_all(b"AFTER\n").unwrap();
    let text = std::fs::read_to_string(&told).unwrap();
    assert!(text.starts_with("BEFORE\nprediction\n") && text.ends_with("\nAFTER\n"), "{text}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_told_after_a_time_out_too() {
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let arguments = line(&["--time-limit", "1e-6", "--json"]);
    let output = surefit(&arguments).stdout(full).output().unwrap();
    Folder::new().snapshot("time_up_full_disk", &tell(&output));
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_told() {
    for json in [&["--quiet"][..], &["--json"]] {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let output = surefit(&line(json)).stdout(full).output().unwrap();
        assert_eq!(output.status.code(), Some(3));
        assert!(String::from_utf8_lossy(&output.stderr).contains("no space is left"));
    }
    assert_eq!(code(&line(&["--quiet", "-o", "/dev/full"])), 3);
}

/// A d × d matrix would take 800 MB here.
#[cfg(target_os = "linux")]
#[test]
fn many_penalised_columns_take_no_memory_of_their_square() {
    let folder = Folder::new();
    let (n, d) = (20, 10_000);
    let mut state = 7u64;
    let mut draw = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40).to_string()
    };
    let head: String = (0..d).map(|j| format!("x{j},")).collect();
    let rows: String =
        (0..n).map(|_| (0..d).map(|_| format!("{},", draw())).collect::<String>() + &draw() + "\n").collect();
    let data = folder.file("wide.csv", &format!("{head}y\n{rows}"));
    for penalty in ["0.1", "1e-12"] {
        let mut command = surefit(&["fit", &data, "y ~ .", "--penalty", penalty, "--quiet"]);
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (output, peak) = output_and_peak(child);
        let told = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(told.starts_with("✓ CERTIFIED"), "{penalty}: {told}");
        assert!(peak < 200 << 20, "{penalty}: {peak} bytes");
    }
}

#[test]
fn threads_do_not_change_a_bit() {
    let fit = |threads| {
        let formula = "median_house_value ~ . + latitude:longitude";
        let mut fit = object(&[
            "fit",
            "data/california_housing.csv.gz",
            formula,
            "--missing",
            "mean",
            "--threads",
            threads,
        ]);
        assert_eq!(fit["verdict"], "certified");
        fit["seconds"] = Value::Null;
        fit
    };
    assert_eq!(fit("1"), fit("2"));
}

// Models

#[test]
fn a_model_predicts_in_raw_units_whatever_the_order_of_columns() {
    let folder = Folder::new();
    let model = folder.path("line.model");
    assert_eq!(code(&line(&["--scale", "standardize", "-o", &model])), 0);
    let new = folder.file("new.csv", "day,temp\nmonday,20\ntuesday,25.5\n");
    let output = surefit(&["predict", &model, &new]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let values: Vec<f64> = text.lines().skip(1).map(|line| line.parse().unwrap()).collect();
    assert_eq!(text.lines().next(), Some("prediction"));
    assert_eq!(values.len(), 2);
    // The line of least squares, to the ten digits of its published coefficients.
    for (value, temp) in values.iter().zip([20.0, 25.5]) {
        assert!((value - (-159.474_152_34 + 30.087_861_79 * temp)).abs() < 1e-6, "{value}");
    }
}

#[test]
fn numbers_whose_squares_or_sums_leave_the_range_prove_nothing_and_predict_nothing() {
    let folder = Folder::new();
    let small = folder.file("small.csv", "y,x\n1e-200,1e-200\n2e-200,3e-200\n4e-200,4e-200\n");
    let wrong = folder.file("wrong.csv", "term,y\n(intercept),0\nx,100\n");
    let mut all = String::new();
    for arguments in [
        vec!["fit", &small, "y ~ x", "--quiet"],
        vec!["fit", &small, "y ~ I(x / 1e-200)", "--quiet", "--solver", "gd", "--learning-rate", ".1"],
        vec!["certify", &wrong, &small, "y ~ x"],
    ] {
        assert_eq!(code(&arguments), 4);
        all += &told(&arguments);
    }
    let rescaled = ["fit", &small, "I(y / 1e-200) ~ I(x / 1e-200)", "--quiet"];
    assert_eq!(code(&rescaled), 0, "{}", told(&rescaled));
    let model = folder.path("line.model");
    assert_eq!(code(&line(&["-o", &model])), 0);
    let far = folder.file("far.csv", "temp\n20\n1e307\n");
    assert_eq!(code(&["predict", &model, &far]), 3);
    assert_eq!(code(&["certify", &model, "data/sales.csv", "sales ~ temp"]), 2);
    all += &told(&["predict", &model, &far]);
    all += &told(&["certify", &model, "data/sales.csv", "sales ~ temp"]);
    folder.snapshot("out_of_range", &all);
}

#[test]
fn new_data_that_do_not_fit_the_model_are_refused_by_name() {
    let folder = Folder::new();
    let model = folder.path("city.model");
    let data = folder.file("data.csv", "y,city,x\n1,Oslo,1\n2,Rome,5\n4,Oslo,3\n7,Rome,9\n5,Oslo,8\n");
    assert_eq!(code(&["fit", &data, "y ~ city + x", "-o", &model]), 0);
    let unseen = folder.file("unseen.csv", "city,x\nOslo,1\nRom,5\n");
    let without = folder.file("without.csv", "town,x\nOslo,1\n");
    let all = [told(&["predict", &model, &unseen]), told(&["predict", &model, &without])].concat();
    assert_eq!(all.matches("exit 3").count(), 2, "{all}");
    folder.snapshot("predict_refuses", &all);
}

#[test]
fn a_saved_model_is_certified_again() {
    let folder = Folder::new();
    let model = folder.path("line.model");
    assert_eq!(code(&line(&["-o", &model])), 0);
    folder.snapshot("certify_model", &told(&["certify", &model, "data/sales.csv"]));
}

/// Where a cause is known it has a code: what no answer can reach, and what the fit of the model ended in.
#[test]
fn an_answer_that_is_not_certified_has_the_code_of_its_cause() {
    let folder = Folder::new();
    let model = folder.path("model");
    let far: String =
        (0..30).map(|i| format!("{:?},{}\n", 1e15 + f64::from(i * 7 % 30) / 30.0, i % 5)).collect();
    let far = folder.file("far.csv", &format!("x,y\n{far}"));
    let mean = folder.file("mean.csv", "term,y\n(intercept),2\nx,0\n");
    assert_eq!(code(&[&descent("--learning-rate .005")[..], &["-o", &model]].concat()), 4);
    let fine = ["certify", &mean, &far, "y ~ x"];
    let saved = ["certify", &model, "data/sales.csv"];
    assert_eq!((&object(&fine)["code"], &object(&saved)["code"]), (&"SF106".into(), &"SF103".into()));
    folder.snapshot("certify_causes", &[told(&fine), told(&saved)].concat());
}

#[test]
fn coefficients_of_others_are_certified_or_not() {
    let folder = Folder::new();
    let good = folder.file("good.csv", "term,sales\n(intercept),-159.47415234\ntemp,30.08786179\n");
    let early =
        folder.file("early.csv", "term,sales\n(intercept),-138.24518068551762\ntemp,28.997103500099186\n");
    let typo = folder.file("typo.csv", "term,sales\n(intercept),-159.47\ntmep,30.09\n");
    let certify = |path: &str| told(&["certify", path, "data/sales.csv", "sales ~ temp"]);
    let all = [certify(&good), certify(&early), certify(&typo)].concat();
    let exits: Vec<&str> = all.lines().filter(|line| line.starts_with("exit")).collect();
    assert_eq!(exits, ["exit 0", "exit 4", "exit 3"]);
    folder.snapshot("certify_coefficients", &all);
}

#[test]
fn a_fault_in_a_test_file_is_told_with_its_name() {
    let folder = Folder::new();
    let ragged = folder.file("ragged.csv", "sales,temp\n1,2\n3\n");
    let other = folder.file("other.csv", "sales,heat\n1,2\n3,4\n");
    let all = [&ragged, &other].map(|path| told(&line(&["--quiet", "--test", path]))).concat();
    assert_eq!(all.matches("exit 3").count(), 2, "{all}");
    let object = object(&line(&["--test", &ragged]));
    assert!(object["message"].as_str().unwrap().starts_with(&ragged), "{object}");
    folder.snapshot("test_file", &all);
}

#[test]
fn a_model_is_scored_on_a_test_file() {
    let fit = object(&line(&["--test", "data/sales.csv"]));
    // On its own rows the RMSE is √(2 · loss) and the R² that of the fit.
    let loss = fit["certificate"]["objective"].as_f64().unwrap();
    assert!((fit["test"]["rmse"].as_f64().unwrap() - (2.0 * loss).sqrt()).abs() < 1e-10);
    let r_squared = fit["inference"]["r_squared"].as_f64().unwrap();
    assert!((fit["test"]["r_squared"].as_f64().unwrap() - r_squared).abs() < 1e-12);
}

// Gradient descent

/// Slow enough to go on until it is stopped.
const ENDLESS: &str = "--learning-rate 1e-9 --tolerance 0 --max-iter 1000000000000";

#[test]
fn a_trace_has_one_line_a_step() {
    let folder = Folder::new();
    let trace = folder.path("trace.csv");
    let arguments = [&descent("--learning-rate .001 --max-iter 20")[..], &["--trace", &trace]].concat();
    assert_eq!(code(&arguments), 4);
    let text = std::fs::read_to_string(&trace).unwrap();
    assert_eq!(text.lines().next(), Some("step,loss,gradient_norm,(intercept),temp"));
    assert_eq!(text.lines().count(), 22);
}

#[test]
fn a_time_limit_ends_with_the_best_answer_so_far() {
    let arguments = [&descent(ENDLESS)[..], &["--time-limit", "0.3"]].concat();
    let fit = object(&arguments);
    assert_eq!((&fit["verdict"], &fit["stop"]), (&"uncertified".into(), &"time".into()));
    assert!(fit["model"]["coefficients"]["temp"].is_f64());
    assert_eq!(code(&arguments), 4);
}

#[test]
fn a_time_limit_too_short_for_any_answer_is_told() {
    let arguments = ["fit", "data/winequality-white.csv", "x12 ~ .", "--quiet", "--time-limit", "1e-6"];
    Folder::new().snapshot("time_up", &told(&arguments));
    assert_eq!(code(&arguments), 5);
    assert_eq!(object(&arguments)["stop"], "time");
}

/// Standard input that never ends and one that never begins; a large file.
#[test]
fn reading_keeps_to_the_time_limit() {
    for (more, begin) in [(&[][..], "y,x\n1,2\n"), (&["--json"], "y,x\n1,2\n"), (&[], ""), (&["--json"], "")]
    {
        let arguments = [&["fit", "-", "y ~ x", "--time-limit", "0.3"], more].concat();
        let mut child = surefit(&arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut input = child.stdin.take().unwrap();
        let endless = std::thread::spawn(move || {
            // Written until nobody reads; an empty beginning waits instead.
            let _ = input.write_all(begin.as_bytes());
            while !begin.is_empty() && input.write_all("1,2\n2,3\n".repeat(1 << 12).as_bytes()).is_ok() {}
            input
        });
        let output = child.wait_with_output().unwrap();
        drop(endless);
        assert_eq!(output.status.code(), Some(5), "{more:?} {begin:?}");
        let told = if more.is_empty() { output.stderr } else { output.stdout };
        assert!(String::from_utf8_lossy(&told).contains("the time limit passed before there was an answer"));
    }
}

/// The answer was there in time; what lies on top of it is left out and said to be.
#[cfg(unix)]
#[test]
fn a_test_file_that_takes_too_long_costs_no_answer() {
    let folder = Folder::new();
    let pipe = folder.path("test.csv");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let arguments = line(&["--time-limit", "0.5", "--test", &pipe, "--json"]);
    let child = surefit(&arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut file = std::fs::OpenOptions::new().write(true).open(&pipe).unwrap();
    file.write_all(b"sales,temp\n").unwrap();
    while file.write_all("215,14.2\n".repeat(1 << 12).as_bytes()).is_ok() {}
    let output = child.wait_with_output().unwrap();
    let fit: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (output.status.code(), &fit["verdict"], &fit["test"]),
        (Some(0), &"certified".into(), &Value::Null)
    );
    assert!(fit["notes"].to_string().contains("was not read to its end"), "{}", fit["notes"]);
}

#[cfg(unix)]
#[test]
fn an_interrupt_ends_with_the_best_answer_so_far() {
    let arguments = [&descent(ENDLESS)[..], &["--json"]].concat();
    let mut child = surefit(&arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // The forecast is told when everything is ready to start.
    let mut said = String::new();
    let mut notes = std::io::BufReader::new(child.stderr.take().unwrap());
    while !said.contains("forecast") {
        assert!(std::io::BufRead::read_line(&mut notes, &mut said).unwrap() > 0, "{said}");
    }
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(4));
    let fit: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(fit["stop"], "interrupted");
    // At such a rate nothing else is to blame than the rate.
    assert_eq!(fit["code"], "SF102");
    assert!(fit["diagnosis"]["also"].as_array().unwrap().contains(&"SF108".into()), "{fit}");
}

#[test]
fn descent_on_the_sales_ends_in_the_three_known_ways() {
    let raw = descent("--learning-rate .01");
    let slow = descent("--learning-rate .005");
    let loose = descent("--learning-rate .01 --scale minmax --scale-target");
    let all: String = [&raw, &slow, &loose].iter().map(|arguments| told(arguments)).collect();
    let exits: Vec<&str> = all.lines().filter(|line| line.starts_with("exit")).collect();
    assert_eq!(exits, ["exit 5", "exit 4", "exit 4"]);
    for (arguments, code) in [(&raw, "SF101"), (&slow, "SF103"), (&loose, "SF104")] {
        let output = surefit(arguments).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(text.contains(code) && text.lines().count() <= 12, "{text}");
    }
    let forecast = object(&loose);
    assert_eq!((&forecast["steps"], &forecast["forecast_steps"]), (&7_743.into(), &7_743.into()));
    Folder::new().snapshot("descent", &all);
}

#[test]
fn a_start_whose_loss_overflows_fails_with_the_cause_and_the_exact_answer() {
    let near = descent("--learning-rate .1 --scale center --start 1e200,0");
    let far = descent("--learning-rate .01 --start 1e308,1e308");
    for (arguments, cause) in [(&near, "SF106"), (&far, "SF101")] {
        let fit = object(arguments);
        assert_eq!(
            (&fit["verdict"], &fit["code"], &fit["stop"]),
            (&"failed".into(), &cause.into(), &"diverged".into())
        );
        assert_eq!((&fit["model"], &fit["steps"]), (&Value::Null, &0.into()));
        let exact = fit["diagnosis"]["exact"]["coefficients"]["temp"].as_f64().unwrap();
        assert!((exact - 30.087_861_79).abs() < 1e-8, "{exact}");
    }
    let all = [told(&near), told(&far)].concat();
    assert_eq!(all.matches("exit 5").count(), 2, "{all}");
    Folder::new().snapshot("start_too_far", &all);
}

#[test]
fn the_safe_remedy_is_applied_when_asked() {
    let fit = object(&descent("--learning-rate .01 --fix"));
    assert_eq!((&fit["verdict"], &fit["code"]), (&"certified".into(), &Value::Null));
    let notes = fit["notes"].as_array().unwrap();
    assert!(notes.iter().any(|note| note == "--fix applies --solver exact"), "{notes:?}");
}

#[test]
fn a_failed_fit_saves_nothing() {
    let folder = Folder::new();
    let model = folder.path("line.model");
    let arguments = [&descent("--learning-rate .01")[..], &["-o", &model]].concat();
    assert_eq!(code(&arguments), 5);
    assert_eq!(std::fs::read_dir(folder.0.path()).unwrap().count(), 0);
    assert_eq!(object(&arguments)["model"], Value::Null);
}

// The other verbs

#[test]
fn a_penalty_in_another_convention_is_recognised() {
    let folder = Folder::new();
    // Ridge(alpha=1.0) of scikit-learn 1.9.1 on the sales.
    let path = folder.file("ridge.csv", "term,sales\n(intercept),-156.31715196718784\ntemp,29.91881224\n");
    let certify = told(&["certify", &path, "data/sales.csv", "sales ~ temp", "--penalty", "1"]);
    folder.snapshot("certify_convention", &certify);
}

#[test]
fn every_code_has_a_page() {
    snapshot("explain", &["explain", "sf101"]);
    snapshot("explain_unknown", &["explain", "SF999"]);
    for code in [
        "SF101", "SF102", "SF103", "SF104", "SF105", "SF106", "SF107", "SF108", "SF201", "SF202", "SF203",
        "SF206", "SF207",
    ] {
        let page = object(&["explain", code]);
        for part in ["title", "meaning", "detection", "example", "ignore"] {
            assert!(!page["page"][part].as_str().unwrap().is_empty(), "{code} {part}");
        }
    }
}

#[test]
fn lint_names_what_would_go_wrong() {
    let folder = Folder::new();
    let rows: String = (1..=12)
        .map(|row| format!("{},{row},{},7\n", row * row, 2 * row + 3))
        .fold(String::from("y,a,b,c\n"), |text, row| text + &row);
    let data = folder.file("data.csv", &rows);
    let found = told(&["lint", &data, "y ~ ."]);
    assert!(found.starts_with("exit 3") && found.contains("SF202") && found.contains("SF203"), "{found}");
    let clean = told(&["lint", "data/winequality-white.csv", "x12 ~ x1 + x2"]);
    folder.snapshot("lint", &[found, clean].concat());
}

#[test]
fn lint_of_california_housing_asks_about_missing_values_and_then_names_its_columns() {
    let lint = ["lint", "data/california_housing.csv.gz", "median_house_value ~ ."];
    let all = [told(&lint), told(&[&lint[..], &["--missing", "drop"]].concat())].concat();
    Folder::new().snapshot("lint_california", &all);
}

#[test]
fn lint_forecasts_gradient_descent() {
    let lint = |more: &str| {
        let line = ["lint", "data/sales.csv", "sales ~ temp"];
        told(&[&line[..], &more.split_whitespace().collect::<Vec<_>>()].concat())
    };
    let cases = [
        ("--solver gd --learning-rate .01", "SF101"),
        ("--solver gd --learning-rate .005", "SF103"),
        ("--solver gd --learning-rate .01 --scale minmax --scale-target", "SF104"),
        ("--solver gd --learning-rate .1 --scale center --gap 1e-3", "CLEAN"),
        ("--learning-rate .01", "add `--solver gd`"),
        ("--penalize-intercept", "has no effect without a penalty"),
        ("--penalty 1 --penalty-weight tmep=2", "did you mean `temp`?"),
    ];
    let told: Vec<String> = cases.iter().map(|(more, _)| lint(more)).collect();
    for (said, (more, part)) in told.iter().zip(&cases) {
        assert!(said.contains(part), "{more}: {said}");
    }
    Folder::new().snapshot("lint_descent", &told.concat());
}

#[test]
fn a_penalty_makes_dependent_columns_no_finding() {
    let folder = Folder::new();
    let rows: String = (1..=12).map(|row| format!("{},{row},{}\n", row * row, 2 * row + 3)).collect();
    let data = folder.file("data.csv", &format!("y,a,b\n{rows}"));
    assert_eq!(code(&["lint", &data, "y ~ ."]), 3);
    assert_eq!(code(&["lint", &data, "y ~ .", "--penalty", "0.1", "--threads", "1"]), 0);
}

#[test]
fn a_trace_of_any_program_gets_a_verdict() {
    let folder = Folder::new();
    let run = |name: &str, flags: &str| {
        let trace = folder.path(name);
        let arguments = [&descent(flags)[..], &["--trace", &trace]].concat();
        surefit(&arguments).output().unwrap();
        told(&["diagnose", &trace, "--learning-rate", flags.split(' ').nth(1).unwrap()])
    };
    let all = [
        run("diverged.csv", "--learning-rate .01"),
        run("slow.csv", "--learning-rate .005 --max-iter 3000"),
        told(&["diagnose", &folder.file("short.csv", "loss\n3\n2\n")]),
        told(&["diagnose", &folder.file("other.csv", "a,b\n3,1\n2,1\n")]),
    ]
    .concat();
    folder.snapshot("diagnose", &all);
}

#[test]
fn traces_in_the_shapes_that_programs_write_are_understood() {
    let folder = Folder::new();
    let rows = |head: &str, row: &dyn Fn(i32) -> String| {
        (0..40).map(row).fold(format!("{head}\n"), |text, row| text + &row + "\n")
    };
    let falling = |k: i32| 5.0 + 3.0 * 0.8_f64.powi(k);
    let cases = [
        (
            "one_speed",
            rows("step,loss", &|k| format!("{k},{}", falling(k.min(9))))
                .lines()
                .take(9)
                .collect::<Vec<_>>()
                .join("\n"),
        ),
        ("alone", rows("loss", &|k| format!("{}", 9.0 * 0.9_f64.powi(k)))),
        (
            "parameters",
            rows("iteration,cost,theta0,theta1", &|k| {
                let growth = 1.25_f64.powi(k);
                let side = if k % 2 == 0 { growth } else { -growth };
                format!("{k},{},{},{}", 7.0 + growth * growth, 3.0 + side, 1.0 - 2.0 * side)
            }),
        ),
        ("overflow", "step,loss\n0,4\n1,40\n2,400\n3,4000\n4,inf\n5,nan\n".to_owned()),
        (
            "empty_fields",
            rows("step,train_loss,val_loss", &|k| {
                if k % 2 == 0 { format!("{k},{},", falling(k)) } else { format!("{k},,{}", falling(k) + 1.0) }
            }),
        ),
        ("nothing", "loss\nnan\nnan\n".to_owned()),
        ("noise", rows("Epoch;Loss", &|k| format!("{k};{}", 0.5 + 0.01 * f64::from((k * 7) % 5)))),
    ];
    let mut all = String::new();
    for (name, content) in &cases {
        let path = folder.file(&format!("{name}.csv"), content);
        writeln!(all, "# {name}\n{}", told(&["diagnose", &path, "--quiet"])).unwrap();
    }
    let known = folder.path("parameters.csv");
    writeln!(all, "# with its rate\n{}", told(&["diagnose", &known, "--quiet", "--learning-rate", ".1"]))
        .unwrap();
    folder.snapshot("diagnose_shapes", &all);
}

// What strangers met

#[test]
fn missing_values_of_new_rows_are_dropped_or_filled_when_asked() {
    let folder = Folder::new();
    let model = folder.path("line.model");
    assert_eq!(code(&line(&["-o", &model])), 0);
    let new = folder.file("new.csv", "temp\n20\nNA\n25\n");
    let word = folder.file("word.csv", "temp\n20\nhigh\n25\n");
    let bare = folder.file("bare.csv", "20,1\n21,2\n25,3\n");
    let predict = |more: &[&str]| told(&[&["predict", &model, &new], more].concat());
    let all = [
        predict(&[]),
        predict(&["--missing", "drop"]),
        predict(&["--missing", "mean"]),
        told(&["predict", &model, &word]),
        told(&["predict", &model, &bare]),
    ];
    // One line a row whatever is missing; the mean of the training data is that of the twelve days.
    assert!(all[1].contains("\nNaN\n") && all[1].starts_with("exit 0"), "{}", all[1]);
    assert_eq!(all[2].lines().filter(|line| line.parse::<f64>().is_ok()).count(), 3, "{}", all[2]);
    assert!(!all.concat().contains("C(temp)"));
    folder.snapshot("predict_missing", &all.concat());
}

#[test]
fn the_rule_for_missing_values_is_kept_in_the_model() {
    let folder = Folder::new();
    let (model, data) = (folder.path("m"), folder.file("data.csv", "y,x\n1,1\n2,\n3,2\n5,3\n"));
    assert_eq!(code(&["fit", &data, "y ~ x", "--missing", "mean", "-o", &model]), 0);
    let new = folder.file("new.csv", "x\n2\n\"\"\n");
    let predictions = object(&["predict", &model, &new])["predictions"]["prediction"].clone();
    // The mean of the training data is 2.
    assert_eq!(predictions[0], predictions[1]);
    assert_eq!(code(&["predict", &model, &new, "--missing", "error"]), 3);
    assert_eq!(code(&["certify", &model, &data]), 0);
    assert_eq!(code(&["certify", &model, &data, "--missing", "error"]), 3);
}

#[test]
fn a_column_whose_spread_is_rounding_is_left_out_and_that_is_said() {
    let folder = Folder::new();
    let row = |i: u32| {
        let x = 1e15 + f64::from(i * 7 % 30) / 30.0;
        format!("{x:?},{},{}\n", i * 11 % 13, f64::from(i % 5) + f64::from(i * 11 % 13))
    };
    let rows: String = (0..30).map(row).collect();
    let data = folder.file("far.csv", &format!("x,z,y\n{rows}"));
    let all = [told(&["fit", &data, "y ~ x + z", "--quiet"]), told(&["lint", &data, "y ~ x", "--quiet"])];
    folder.snapshot("far_column", &all.concat());
}

#[test]
fn penalties_and_columns_at_the_ends_of_the_range_have_their_answer() {
    let folder = Folder::new();
    let tiny = folder.file("tiny.csv", "x,y\n1e-170,2\n2e-170,3\n4e-170,5\n7e-170,11\n");
    let all = [
        told(&["fit", &tiny, "y ~ x", "--penalty", ".1", "--quiet"]),
        told(&line(&["--penalty", "1e308", "--quiet"])),
        told(&line(&["--penalty", "1e308", "--penalize-intercept", "--quiet"])),
        told(&line(&["--penalty", "1e300..1e308:3", "--choose", "loo", "--quiet"])),
        told(&line(&["--penalty", "1e308", "--scale", "standardize", "--quiet"])),
    ];
    assert_eq!(all.iter().filter(|told| told.starts_with("exit 0")).count(), 4, "{all:?}");
    folder.snapshot("ends_of_the_range", &all.concat());
}

/// 1, 1.0 and 01 are one number; a text that looks like one stays a text.
#[test]
fn equal_numbers_are_one_category_in_the_fit_and_in_predictions() {
    let folder = Folder::new();
    let data = folder.file("data.csv", "y,k\n1,1\n2,1.0\n3,01\n5,2.50\n6,2.5\n9,10\n8,1e1\n");
    let new = folder.file("new.csv", "k\n1.00\n+2.5\n10\n");
    let model = folder.path("model");
    let all = [
        told(&["fit", &data, "y ~ C(k)", "-o", &model]),
        told(&["predict", &model, &new]),
        told(&["predict", &model, &folder.file("other.csv", "k\n1\n3\n")]),
    ];
    assert!(all[0].starts_with("exit 0") && all[1].starts_with("exit 0"), "{all:?}");
    assert_eq!(code(&["certify", &model, &data]), 0);
    folder.snapshot("categories", &all.concat());
    let versions = folder.file("versions.csv", "y,v\n1,1.1\n2,1.10\n3,1.0.1\n5,1.1\n6,1.10\n2,1.0.1\n");
    let terms = &object(&["fit", &versions, "y ~ C(v)", "-o", &model])["model"]["coefficients"];
    assert_eq!(terms.as_object().unwrap().len(), 2, "{terms}");
    let new = folder.file("v.csv", "v\n1.10\n1.1\n");
    let predicted = &object(&["predict", &model, &new])["predictions"]["prediction"];
    let near = |at: usize, want: f64| (predicted[at].as_f64().unwrap() - want).abs() < 1e-12;
    assert!(near(0, 4.0) && near(1, 3.0), "{predicted}");
}

/// Thirty rows of weight 0 and one text make no group of a column whose texts all differ where rows count.
#[test]
fn rows_of_weight_0_are_no_reason_to_take_an_identifier() {
    let folder = Folder::new();
    let used: String = (0..60).map(|i| format!("{i},id{i},1\n")).collect();
    let unused = "1,id0,0\n".repeat(300);
    let data = folder.file("data.csv", &format!("y,id,w\n{used}{unused}"));
    folder.snapshot("identifier_of_weight_0", &told(&["fit", &data, "y ~ id", "--weights", "w", "--quiet"]));
}

#[test]
fn a_date_or_an_identifier_is_refused_unless_insisted_on() {
    let folder = Folder::new();
    let dates: String =
        (0..60).map(|day| format!("{},2024-{:02}-{:02}\n", day % 7, 1 + day / 28, 1 + day % 28)).collect();
    let keys: String = (0..60).map(|row| format!("{},id{row}\n", (row * row) % 11)).collect();
    let groups: String = (0..60).map(|row| format!("{},g{}\n", (row * row) % 11, row % 30)).collect();
    let fit = |name: &str, rows: &str, formula: &str| {
        let data = folder.file(name, &format!("y,d\n{rows}"));
        told(&["fit", &data, formula, "--quiet"])
    };
    let refused = [fit("dates.csv", &dates, "y ~ d"), fit("keys.csv", &keys, "y ~ .")].concat();
    assert_eq!(refused.matches("exit 3").count(), 2, "{refused}");
    folder.snapshot("identifiers", &refused);
    for (name, rows, formula) in [("dates.csv", &dates, "y ~ C(d)"), ("groups.csv", &groups, "y ~ d")] {
        let told = fit(name, rows, formula);
        assert!(!told.starts_with("exit 3"), "{told}");
    }
}

#[test]
fn what_rounding_alone_certifies_is_told_as_such() {
    let folder = Folder::new();
    let near: String = (1..=12).map(|x| format!("{},{x}\n", 0.1 * f64::from(x) + 0.3)).collect();
    let cases = [
        ("near.csv", format!("y,x\n{near}")),
        ("constant.csv", "y,x\n5,1\n5,2\n5,4\n5,3\n".to_owned()),
        ("zeros.csv", "y,x\n0,1\n0,2\n0,4\n0,3\n".to_owned()),
        ("one.csv", "y,a,b\n5,1,2\n".to_owned()),
    ];
    let mut all = String::new();
    for (name, content) in &cases {
        let told = told(&["fit", &folder.file(name, content), "y ~ ."]);
        assert!(!told.contains("wanted 1e-6") && !told.contains("inf"), "{told}");
        writeln!(all, "# {name}\n{told}").unwrap();
    }
    folder.snapshot("exact_fits", &all);
}

#[test]
fn a_table_of_more_columns_than_rows_is_certified_and_its_surplus_is_one_finding() {
    let folder = Folder::new();
    let names: Vec<String> = (1..=9).map(|j| format!("x{j}")).collect();
    let value = |row: u32, column: u32| (row * row * 7 + column * column * 3 + row * column * 5) % 23;
    let row = |row| (0..=9).map(|j| value(row, j).to_string()).collect::<Vec<_>>().join(",");
    let rows = [1, 2, 3, 4].map(row).join("\n");
    let data = folder.file("wide.csv", &format!("y,{}\n{rows}\n", names.join(",")));
    let page = told(&["fit", &data, "y ~ .", "--quiet"]);
    // The loss is rounding.
    let lines: Vec<&str> = page.lines().filter(|line| !line.starts_with("    loss ½")).collect();
    folder.snapshot("wide", &lines.join("\n"));
}

#[test]
fn directions_within_the_rounding_of_the_columns_are_told_beside_the_gap() {
    let folder = Folder::new();
    // The second column is the next number after the first in every other row, and the target tells them apart.
    let rows: String = (1..=12)
        .map(|row| {
            let x = 0.7 * f64::from(row) + 0.3;
            let (next, jump) = if row % 2 == 0 { (x.next_up(), 5.0) } else { (x, 0.0) };
            format!("{:?},{x:?},{next:?}\n", x + jump)
        })
        .collect();
    let data = folder.file("data.csv", &format!("y,x1,x2\n{rows}"));
    let fit = ["fit", &data, "y ~ x1 + x2", "--quiet"];
    assert_eq!(object(&fit)["certificate"]["dependent"], 1);
    folder.snapshot("last_bits", &told(&fit));
    // More columns than rows leave nothing out: there are directions along which no prediction changes at all.
    let wide = folder.file("wide.csv", "y,a,b,c,d\n1,2,3,4,5\n2,3,5,7,1\n3,1,1,2,8\n");
    assert_eq!(object(&["fit", &wide, "y ~ ."])["certificate"]["dependent"], 0);
}

#[test]
fn every_descent_that_is_not_certified_has_a_cause_and_a_way_out() {
    let folder = Folder::new();
    let constant = folder.file("constant.csv", "y,x\n5,1\n5,2\n5,4\n5,3\n");
    // Squares of the column are beyond all numbers, and so is any forecast.
    let huge = folder.file("huge.csv", "y,x\n1,1e156\n2,3e156\n4,4e156\n3,2e156\n");
    let mut all = String::new();
    for (data, flags, cause) in [
        (&constant, "--learning-rate .1", "SF104"),
        (&constant, "--learning-rate .01", "SF102"),
        (&constant, "--learning-rate .1 --max-iter 20", "SF108"),
        (&huge, "--learning-rate 1e-314", "SF104"),
        (&huge, "--learning-rate 1e-316 --tolerance 0 --max-iter 3", "SF108"),
    ] {
        let flags: Vec<&str> = flags.split(' ').collect();
        let arguments = [&["fit", data, "y ~ x", "--quiet", "--solver", "gd"], &flags[..]].concat();
        let fit = object(&arguments);
        assert_eq!((&fit["verdict"], &fit["code"]), (&"uncertified".into(), &cause.into()), "{flags:?}");
        assert!(!fit["diagnosis"]["remedies"].as_array().unwrap().is_empty(), "{flags:?}");
        all += &told(&arguments);
    }
    folder.snapshot("descent_causes", &all);
}

/// The arguments with the flags of a remedy put in place of their own.
fn with_flags(arguments: &[&str], command: &str) -> Vec<String> {
    let mut out: Vec<String> = arguments.iter().map(|&argument| argument.to_owned()).collect();
    let words: Vec<&str> = command.split(' ').collect();
    for pair in words.chunks(2) {
        if let Some(place) = out.iter().position(|argument| argument == pair[0]) {
            out.drain(place..place + 2);
        }
        out.extend(pair.iter().map(|&word| word.to_owned()));
        if pair == ["--solver", "exact"] {
            out.retain(|argument| argument == "exact" || !argument.starts_with("--"));
            out.truncate(3);
        }
    }
    out
}

#[test]
fn commands_that_are_offered_end_certified() {
    let mut run = 0;
    for flags in [
        "--learning-rate .01 --tolerance 1e-9",
        "--learning-rate .005",
        "--learning-rate .01 --scale minmax --scale-target",
        "--learning-rate .00001 --max-iter 50",
        "--learning-rate .1 --scale center --gap 1e-9 --tolerance 1e-3",
    ] {
        let arguments = descent(flags);
        for remedy in object(&arguments)["diagnosis"]["remedies"].as_array().unwrap() {
            let changed = with_flags(&arguments, remedy["command"].as_str().unwrap());
            let changed: Vec<&str> = changed.iter().map(String::as_str).collect();
            assert_eq!(code(&changed), 0, "{remedy} of {flags}: {}", told(&changed));
            run += 1;
        }
    }
    assert!(run >= 10, "{run}");
}

#[test]
fn standard_input_is_asked_for_once_and_its_ways_out_name_no_file() {
    let folder = Folder::new();
    let piped = |arguments: &[&str], bytes: &[u8]| {
        let mut command = surefit(arguments);
        let (input, output, error) = (Stdio::piped(), Stdio::piped(), Stdio::piped());
        let mut child = command.stdin(input).stdout(output).stderr(error).spawn().unwrap();
        // It may be refused unread.
        let _ = child.stdin.take().unwrap().write_all(bytes);
        tell(&child.wait_with_output().unwrap())
    };
    let sales = std::fs::read(root().join("data/sales.csv")).unwrap();
    let wide: Vec<u8> = sales.iter().flat_map(|&byte| [byte, 0]).collect();
    let marked = [&[0xff, 0xfe][..], &wide].concat();
    let twice = [
        piped(&["fit", "-", "sales ~ temp", "--test", "-"], &sales),
        piped(&["predict", "-", "-"], &sales),
        piped(&["certify", "-", "data/sales.csv", "sales ~ temp"], &sales),
    ];
    assert!(twice.iter().all(|told| told.starts_with("exit 2")), "{twice:?}");
    let odd = [
        piped(&["fit", "-", "sales ~ temp"], &marked),
        piped(&["fit", "-", "y ~ ."], b"y,g\n1,a\n2,b\xe9\n3,a\n"),
        piped(&["fit", "-", "y ~ ."], b"y,gr\xf6\n1,2\n2,4\n"),
        piped(&["fit", "-", "y ~ x"], b"y  x\n1  2\n2  3\n3  1\n"),
        piped(&["fit", "-", "y ~ x"], &bomb("y,x\n1,2\n", b'\n', 1)[..40]),
    ];
    assert!(odd.iter().all(|told| told.starts_with("exit 3")), "{odd:?}");
    folder.snapshot("standard_input", &[twice.concat(), odd.concat()].concat());
}

#[test]
fn ways_out_of_missing_values_and_odd_weights_are_ways_out() {
    let folder = Folder::new();
    let cases = [
        ("target", "y,x,w\nNA,1,1\n2,3,1\n4,5,1\n"),
        ("weight", "y,x,w\n1,1,1\n2,3,NA\n4,5,1\n"),
        ("heavy", "y,x,w\n1,1,1e308\n2,3,1e308\n4,6,1e308\n"),
        ("light", "y,x,w\n1,1,1e-300\n2,3,1e-300\n4,6,1e-300\n"),
    ];
    let mut all = String::new();
    for (name, content) in cases {
        let path = folder.file(&format!("{name}.csv"), content);
        let told = told(&["fit", &path, "y ~ x", "--weights", "w", "--quiet"]);
        assert!(told.starts_with("exit 3") && !told.contains("mean"), "{name}: {told}");
        writeln!(all, "# {name}\n{told}").unwrap();
    }
    folder.snapshot("ways_out", &all);
}

#[test]
fn every_object_has_every_key() {
    let folder = Folder::new();
    let model = folder.path("m");
    assert_eq!(code(&line(&["-o", &model])), 0);
    let trace = folder.file("trace.csv", "loss\n3\n2\n");
    let late = ["fit", "data/winequality-white.csv", "x12 ~ .", "--time-limit", "1e-6"];
    let iris = ["data/iris.csv", "species ~ ."];
    let gradient = folder.file("g.csv", &iris_file(&[[0.0; 3]; 5]));
    let cases: [&[&str]; 13] = [
        &[&["explain-gradient"], &iris[..], &["--row", "1"]].concat(),
        &[&["check-gradient"], &iris[..], &["--gradient", &gradient]].concat(),
        &LINE,
        &["predict", &model, "data/sales.csv"],
        &["lint", "data/sales.csv", "sales ~ temp"],
        &["diagnose", &trace],
        &["certify", &model, "data/sales.csv"],
        &["explain", "SF101"],
        &["fit", "data/absent.csv", "y ~ x"],
        &["explain", "SF999"],
        &["fit"],
        &["predict", &model, "data/absent.csv"],
        &late,
    ];
    for arguments in cases {
        let object = object(arguments);
        for key in [
            "schema",
            "command",
            "version",
            "verdict",
            "code",
            "message",
            "model",
            "certificate",
            "diagnosis",
            "inference",
            "findings",
            "stop",
            "steps",
            "forecast_steps",
            "seconds",
            "rows",
            "columns",
        ] {
            assert!(object.get(key).is_some(), "{arguments:?} has no {key}");
        }
        assert!(object["findings"].is_array() && object["rows"].is_u64(), "{arguments:?}");
    }
}

#[cfg(unix)]
#[test]
fn an_interrupt_while_waiting_for_input_is_the_end() {
    for more in [&[][..], &["--json"]] {
        let arguments = [&["fit", "-", "y ~ x"], more].concat();
        let mut child = surefit(&arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // Kept open: there is no end. A pipe holds less than this, so once it is written the program reads.
        let mut input = child.stdin.take().unwrap();
        input.write_all("y,x\n1,2\n".repeat(1 << 15).as_bytes()).unwrap();
        assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
        let output = child.wait_with_output().unwrap();
        drop(input);
        assert_eq!(output.status.code(), Some(130));
        let told = if more.is_empty() { output.stderr } else { output.stdout };
        assert!(String::from_utf8_lossy(&told).contains("interrupted before there was an answer"));
    }
}

#[test]
fn messages_name_the_flag_the_file_and_what_was_typed() {
    let folder = Folder::new();
    let plain = folder.file("plain.arrow", "ARROW1\0\0 and nothing more");
    let zeros = folder.file("zeros.csv", &"\0".repeat(60 << 20));
    let wide = folder.file("wide.csv", "y,x\n1,2\n3,4,5\n");
    let header = folder.file("header.csv", "y,x\n");
    let weights = folder.file("weights.csv", "y,x,w\n1,2,1\n3,4,many\n5,7,1\n");
    let words = folder.file("words.csv", "y,x,w\n1,2,few\n3,4,many\n5,7,few\n");
    let weigh = |path: &str| told(&["fit", path, "y ~ x", "--weights", "w"]);
    let mut all = vec![
        told(&["fit", &plain, "y ~ x"]),
        told(&["fit", &zeros, "y ~ x"]),
        told(&["fit", &wide, "y ~ x"]),
        told(&["fit", &header, "y ~ x"]),
        weigh(&weights),
        weigh(&words),
        told(&line(&["--delimiter", ";"])),
        told(&line(&["-o", &folder.path("no/such.model")])),
        told(&line(&["-o", &folder.path("")])),
    ];
    for formula in ["sales ~ temp**2", "sales ~ temp +", "sales ~ poly(temp)", "sales ~ poly(temp, )"] {
        all.push(told(&["fit", "data/sales.csv", formula]));
    }
    for flag in ["--penalty abc", "--solver gd --max-iter -1", "--threads -1", "--time-limit -1"] {
        all.push(told(&line(&flag.split(' ').collect::<Vec<_>>())));
    }
    assert!(!all.concat().contains(".surefit-"));
    folder.snapshot("words", &all.concat());
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_has_a_way_out_for_every_file() {
    let steps = descent("--learning-rate .001 --max-iter 20 --quiet");
    let long = descent("--learning-rate .001 --quiet");
    let folder = Folder::new();
    let model = folder.path("line.model");
    let cases = [
        line(&["--quiet", "-o", "/dev/full"]),
        [&steps[..], &["--trace", "/dev/full"]].concat(),
        [&long[..], &["--trace", "/dev/full", "-o", &model]].concat(),
    ];
    for arguments in cases {
        let told = told(&arguments);
        assert!(told.contains("no space is left on the disk") && told.contains("free some space"), "{told}");
        assert!(told.starts_with("exit 3"), "{told}");
    }
    // Both files or none.
    assert_eq!(std::fs::read_dir(folder.0.path()).unwrap().count(), 0);
}

#[test]
fn digits_lost_in_float32_are_advice() {
    for (data, formula) in [("data/winequality-white.csv", "x12 ~ ."), ("data/sales.csv", "sales ~ temp")] {
        let lint = object(&["lint", data, formula]);
        assert_eq!((&lint["verdict"], &lint["code"]), (&"clean".into(), &Value::Null), "{lint}");
    }
    snapshot("lint_float32", &["lint", "data/winequality-white.csv", "x12 ~ ."]);
}

#[test]
fn a_narrow_screen_says_what_it_leaves_out() {
    let output = surefit(&line(&["-q"])).env("COLUMNS", "40").output().unwrap();
    let text = tell(&output);
    assert!(text.contains("(t, p and 95 % interval left out:\n    the screen has 40 columns)"), "{text}");
}

// Gradients

const IRIS: [&str; 2] = ["data/iris.csv", "species ~ ."];
const KINDS: [&str; 3] = ["setosa", "versicolor", "virginica"];
/// Coefficients at which no margin of the irises is 0.
const W: [[f64; 3]; 5] =
    [[0.2, 0.1, -0.31], [0.4, -0.2, -0.2], [-0.5, 0.1, 0.43], [-0.2, -0.1, 0.3], [0.013, 0.6, -0.6]];

/// A file of coefficients for the irises.
fn iris_file(rows: &[[f64; 3]; 5]) -> String {
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
