//! README.md and docs/*.md tell the truth: every `console` block is run, and says what the page shows.
//!
//! A line of a block that starts with `$ ` is a command for `sh`; what follows is its output, standard error
//! included. The blocks of a page run in order in one folder, where `data` is the project's. After a change
//! that is meant, `SUREFIT_DOCS=write cargo nextest run -p surefit-cli --test docs` writes the new output
//! into the pages; the difference is for reading.

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "tests")]

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A block begins with the line of this, and ends with that of [`END`].
const BEGIN: &str = "```console";
const END: &str = "```";
/// What rounding amounts to depends on the processor in its last digits, and how long a search takes on all of it.
const ROUNDING: [&str; 5] = ["gap ≤ ", "at most ", "within ±", "nodes ", "seconds "];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

fn pages() -> Vec<PathBuf> {
    let docs = std::fs::read_dir(root().join("docs")).unwrap().map(|entry| entry.unwrap().path());
    let mut pages: Vec<_> = docs.filter(|path| path.extension().is_some_and(|kind| kind == "md")).collect();
    pages.push(root().join("README.md"));
    pages.sort();
    pages
}

/// What a command says, in `folder` with this build's `surefit` first on the path.
fn say(command: &str, folder: &Path) -> String {
    let program = Path::new(env!("CARGO_BIN_EXE_surefit")).parent().unwrap();
    let mut path = OsString::from(program);
    path.push(":");
    path.push(std::env::var_os("PATH").unwrap());
    let output = Command::new("sh")
        .args(["-c", &format!("{{ {command}\n}} 2>&1")])
        .current_dir(folder)
        .env("PATH", path)
        .env("COLUMNS", "100")
        .env("NO_COLOR", "1")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap()
}

/// The page as it is, with the output of its commands as they are said now.
fn told_anew(page: &str, folder: &Path) -> String {
    let (mut text, mut inside) = (String::new(), false);
    for line in page.lines() {
        let command = line.strip_prefix("$ ").filter(|_| inside);
        inside = if inside { line != END } else { line == BEGIN };
        if !inside || line == BEGIN || command.is_some() {
            text += line;
            text += "\n";
        }
        if let Some(command) = command {
            text += &say(command, folder);
        }
    }
    text
}

/// Whether the commands of a block fit by a loss with kinks, whose answer within its gap depends on rounding.
fn has_kinks(block: &str) -> bool {
    let commands = block.lines().filter_map(|line| line.strip_prefix("$ "));
    commands.into_iter().any(|command| {
        ["--loss hinge", "--loss crammer-singer", "--loss ovr-hinge"]
            .iter()
            .any(|loss| command.contains(loss))
    })
}

/// The page without the decimals of such blocks.
fn without_last_digits(page: &str) -> String {
    let mut out = String::new();
    for (nth, part) in page.split(BEGIN).enumerate() {
        let (block, rest) = if nth == 0 { ("", part) } else { part.split_once(END).unwrap_or((part, "")) };
        out += if nth == 0 { "" } else { BEGIN };
        out += &if has_kinks(block) { masked(block) } else { block.to_owned() };
        out += if nth == 0 { "" } else { END };
        out += rest;
    }
    out
}

/// Decimals as a sign, and one space for many: where tables stand depends on the digits.
fn masked(block: &str) -> String {
    let mut out = String::new();
    let of_number = |c: char| c.is_ascii_digit() || ".e-".contains(c);
    for part in block.split_inclusive(|c: char| !of_number(c)) {
        let number = part.trim_end_matches(|c: char| !of_number(c));
        let decimal = number.contains('.') && number.parse::<f64>().is_ok();
        out += if decimal { "#" } else { number };
        out += &part[number.len()..];
    }
    let lines: Vec<String> =
        out.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    lines.join("\n") + "\n"
}

/// Steps, rounds and passes, wherever a line breaks.
fn without_counts(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let mut out = Vec::new();
    let mut at = 0;
    while at < lines.len() {
        let two = [lines[at], lines.get(at + 1).map_or("", |next| next.trim_start())].join(" ");
        let one = lines[at].contains("passes over the rows");
        let broken = !one
            && two.contains("passes over the rows")
            && !lines.get(at + 1).is_some_and(|next| next.contains("passes over the rows"));
        let text = if one { lines[at].to_owned() } else { two };
        if one || broken {
            out.push(text.chars().filter(|c| !c.is_ascii_digit() && *c != ',').collect::<String>());
            at += if broken { 2 } else { 1 };
        } else {
            out.push(lines[at].to_owned());
            at += 1;
        }
    }
    out.join("\n").replace(" rounds ", " round ").replace(" steps ", " step ") + "\n"
}

/// The same without the digits that another processor would print differently: the sizes of roundings, and
/// what a number has beyond eleven digits.
fn comparable(text: &str) -> String {
    let mut text = without_counts(&without_last_digits(text));
    for mark in ROUNDING {
        let bare = |part: &str| {
            part.trim_start_matches(|c: char| c.is_ascii_digit() || ".,e-".contains(c)).to_owned()
        };
        let mut parts = text.split(mark);
        let first = parts.next().unwrap_or_default().to_owned();
        text = parts.map(bare).fold(first, |text, part| text + mark + &part);
    }
    let mut digits = 0;
    text.retain(|c| {
        digits = if c.is_ascii_digit() {
            digits + 1
        } else if c == '.' {
            digits
        } else {
            0
        };
        digits <= 11
    });
    text
}

/// Words are the same, and decimals to one unit of their sixth digit: halves are rounded up on one processor and down
/// on another.
fn alike(then: &str, now: &str) -> bool {
    let close = |a: &str, b: &str| {
        let number = |text: &str| text.parse::<f64>().ok().filter(|_| text.contains('.'));
        let pair = number(a).zip(number(b));
        a == b || pair.is_some_and(|(a, b)| (a - b).abs() <= 1.1e-5 * a.abs().max(b.abs()))
    };
    let (a, b): (Vec<&str>, Vec<&str>) = (then.split(' ').collect(), now.split(' ').collect());
    then == now || (a.len() == b.len() && a.iter().zip(&b).all(|(a, b)| close(a, b)))
}

#[test]
fn every_command_in_the_pages_says_what_the_page_shows() {
    let write = std::env::var_os("SUREFIT_DOCS").is_some_and(|wish| wish == "write");
    for path in pages() {
        let folder = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(root().join("data"), folder.path().join("data")).unwrap();
        let page = std::fs::read_to_string(&path).unwrap();
        let now = told_anew(&page, folder.path());
        if write {
            std::fs::write(&path, now).unwrap();
        } else {
            let lines = comparable(&page);
            let now = comparable(&now);
            let differs = lines.lines().zip(now.lines()).find(|(then, now)| !alike(then, now));
            assert_eq!(differs, None, "{}: the page, and what is said now", path.display());
            assert_eq!(lines.lines().count(), now.lines().count(), "{}", path.display());
        }
    }
}

#[test]
fn a_page_that_does_not_tell_the_truth_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let page = |output: &str| format!("# Title\n{BEGIN}\n$ printf 'a\\nb\\n'\n{output}{END}\nrest\n");
    assert_eq!(told_anew(&page("a\nb\n"), folder.path()), page("a\nb\n"));
    assert_eq!(told_anew(&page("a\n"), folder.path()), page("a\nb\n"));
    assert_eq!(comparable("gap ≤ 3.1e-16, wanted 1e-6"), comparable("gap ≤ 5e-17, wanted 1e-6"));
    assert_eq!(comparable("nodes 1,234, seconds 0.1\n"), comparable("nodes 987, seconds 1e-5\n"));
    assert_eq!(comparable("267.7734851374194\n"), comparable("267.7734851374201\n"));
    assert_ne!(comparable("sales = 3.1"), comparable("sales = 3.2"));
    assert!(alike("  x  2.23742  1", "  x  2.23743  1") && !alike("x 2.23742", "x 2.23749"));
    assert!(!alike("12 rows", "13 rows") && !alike("a b", "a"));
    let hinge =
        |digits: &str| format!("{BEGIN}\n$ surefit fit a.csv --loss hinge\n  x  {digits}\n{END}\nrest\n");
    assert_eq!(comparable(&hinge("0.3235")), comparable(&hinge("-0.32")));
    assert_ne!(comparable(&hinge("0.3235")), comparable(&hinge("3")));
    assert_eq!(
        comparable("a; 5 steps, 14 passes over the\n    rows\nb\n"),
        comparable("a; 12 steps, 9 passes over the rows\nb\n")
    );
}
