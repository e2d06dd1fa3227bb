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
#[path = "cli/gradient_descent.rs"]
mod gradient_descent;
#[path = "cli/gradients.rs"]
mod gradients;
#[path = "cli/lines.rs"]
mod lines;
#[path = "cli/mix.rs"]
mod mix;
#[path = "cli/models.rs"]
mod models;
#[path = "cli/ranking.rs"]
mod ranking;
#[path = "cli/ranking_models.rs"]
mod ranking_models;
#[path = "cli/refusals.rs"]
mod refusals;
#[path = "cli/strangers.rs"]
mod strangers;
#[path = "cli/verbs.rs"]
mod verbs;
#[path = "cli/world.rs"]
mod world;

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

/// The program while it runs, all of its streams held.
fn running(arguments: &[&str]) -> std::process::Child {
    surefit(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
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
        settings.add_filter(r"(here it is within\s+)[0-9][-0-9.e]*", "${1}SMALL");
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
