//! Objects for programs, and the ways of the world: pipes, full disks, memory, threads, links.

use super::*;

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

#[test]
fn standard_input_is_data() {
    let mut child = running(&["fit", "-", "sales ~ temp", "--json"]);
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
pub fn bomb(head: &str, byte: u8, times: usize) -> Vec<u8> {
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
