//! Where words go: results on standard output, everything else on standard error; colour where it is
//! wanted and can be shown.

use crate::args::{Color, Output};
use crate::exit::Exit;
use crate::{json, render, watch};
use anstream::{AutoStream, ColorChoice};
use serde_json::Value;
use std::io::{self, Write};
use surefit::Error;
use surefit::error::Asker;
use surefit::model::ModelError;
use terminal_size::{Width, terminal_size_of};

/// Why a verb ended without a result.
#[derive(Debug)]
pub enum Halt {
    /// An error to be told.
    Error(Error),
    /// An error in a file beside DATA, which is named.
    In(Box<(String, Error)>),
    /// Nobody reads standard output any more, which is their right.
    ClosedPipe,
}

impl From<Error> for Halt {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

/// Lines are broken at this width where the screen's is not known.
const UNKNOWN_WIDTH: usize = 100;
/// No screen is narrower: below this nothing can be aligned.
const LEAST_WIDTH: usize = 30;
/// Longer lines are hard to read.
const MOST_WIDTH: usize = 120;

/// How results and messages are shown.
#[derive(Clone, Debug)]
pub struct Screen {
    /// The verb, where it is known.
    pub command: Option<&'static str>,
    /// What the caller can change.
    pub asker: Asker,
    /// One JSON object instead of words.
    pub json: bool,
    /// No notes and no progress.
    pub quiet: bool,
}

impl Screen {
    /// As the flags say.
    pub fn new(command: &'static str, asker: Asker, show: &Output) -> Self {
        match show.color {
            Color::Auto => ColorChoice::Auto,
            Color::Always => ColorChoice::Always,
            Color::Never => ColorChoice::Never,
        }
        .write_global();
        Self { command: Some(command), asker, json: show.json, quiet: show.quiet }
    }

    /// Columns of standard output.
    pub fn width() -> usize {
        screen_width(terminal_size_of(io::stdout()))
    }

    /// Prints the result: its words, or its object with `--json`.
    ///
    /// # Errors
    /// When standard output cannot be written, or nobody reads it.
    pub fn result(
        &self,
        words: impl FnOnce(usize) -> String,
        object: impl FnOnce() -> Value,
    ) -> Result<(), Halt> {
        let text = if self.json { format!("{}\n", object()) } else { words(Self::width()) };
        let mut out = AutoStream::auto(io::stdout());
        out.write_all(text.as_bytes())
            .and_then(|()| out.flush())
            .map_err(|error| halt("standard output", error))
    }

    /// Says what was decided.
    pub fn note(&self, text: &str) {
        if !self.quiet {
            tell(&render::note(text, screen_width(terminal_size_of(io::stderr()))));
        }
    }

    /// Says what was decided, one after the other.
    pub fn notes<T: AsRef<str>>(&self, all: impl IntoIterator<Item = T>) {
        for note in all {
            self.note(note.as_ref());
        }
    }

    /// Tells an error, in the object on standard output with `--json`, and gives the exit code.
    pub fn error(&self, error: &Error) -> Exit {
        self.error_in(None, error)
    }

    /// The same of an error in a file that has to be named, as the data are in another one.
    pub fn error_in(&self, file: Option<&str>, error: &Error) -> Exit {
        let sentence = error.to_string();
        let sentence = match file.filter(|file| !sentence.contains(file)) {
            Some(file) => format!("{file}: {sentence}"),
            None => sentence,
        };
        if self.json {
            let told = self.result(
                |_| String::new(),
                || json::error(self.command, error, &sentence, error.hints_for(&self.asker)),
            );
            match told {
                Ok(()) => return error.into(),
                Err(Halt::ClosedPipe) => return Exit::Done,
                // Where the object cannot be written, a person is told.
                Err(_) => {}
            }
        }
        self.tell_error(error, &sentence);
        error.into()
    }

    /// Tells an error to a person.
    fn tell_error(&self, error: &Error, sentence: &str) {
        let hints = error.hints_for(&self.asker);
        tell(&render::error(error, sentence, &hints, screen_width(terminal_size_of(io::stderr()))));
    }
}

impl Screen {
    /// While the guard lives there is no answer that an interrupt could ask for, and the program may be
    /// blocked in a read: Ctrl-C and the time limit end it.
    pub fn wait(&self) -> watch::Waiting {
        let screen = self.clone();
        watch::Waiting::new(move |end| match end {
            watch::End::Interrupt => screen.error(&Error::Interrupted),
            watch::End::Time => screen.time_up(),
        })
    }

    /// Tells that the time limit passed, and gives the exit code.
    pub fn time_up(&self) -> Exit {
        let what = "the time limit passed before there was an answer";
        let hint = "give it more with `--time-limit`";
        if self.json {
            let mut object = json::head(self.command, "failed", None, what);
            object.insert("stop".to_owned(), "time".into());
            object.insert("hints".to_owned(), vec![hint].into());
            match self.result(|_| String::new(), || Value::Object(object)) {
                Ok(()) => return Exit::Failed,
                Err(Halt::ClosedPipe) => return Exit::Done,
                // Where the object cannot be written, a person is told, and why.
                Err(Halt::Error(error)) => self.tell_error(&error, &error.to_string()),
                Err(Halt::In(_)) => {}
            }
        }
        tell(&render::no_answer("TIME IS UP", what, hint, screen_width(terminal_size_of(io::stderr()))));
        Exit::Failed
    }
}

/// What a failed write means: a closed pipe is no error.
pub fn halt(name: &str, source: io::Error) -> Halt {
    if source.kind() == io::ErrorKind::BrokenPipe {
        return Halt::ClosedPipe;
    }
    Halt::Error(ModelError::Io { action: "write", name: name.to_owned(), source }.into())
}

/// To standard error; there is nobody to tell when that fails.
fn tell(text: &str) {
    let _ = AutoStream::auto(io::stderr()).write_all(text.as_bytes());
}

fn screen_width(terminal: Option<(Width, terminal_size::Height)>) -> usize {
    let wished = std::env::var("COLUMNS").ok().and_then(|text| text.parse().ok());
    let known = terminal.map(|(Width(columns), _)| usize::from(columns));
    wished.or(known).unwrap_or(UNKNOWN_WIDTH).clamp(LEAST_WIDTH, MOST_WIDTH)
}
