//! The command line of surefit: arguments in, one verb, and out again with a result, its certificate or a
//! named cause, and an exit code that says which.

mod args;
mod commands;
mod exit;
mod files;
mod json;
mod labels;
mod numbers;
mod render;
mod report;
#[cfg(test)]
mod samples;
mod screen;
mod text;
mod watch;

use args::{Cli, Command};
use clap::Parser as _;
use clap::error::ErrorKind;
use exit::Exit;
use screen::{Halt, Screen};
use std::panic::{self, AssertUnwindSafe};
use std::process::ExitCode;
use std::sync::Mutex;
use surefit::Error;
use surefit::error::Asker;

fn main() -> ExitCode {
    watch::listen();
    match Cli::try_parse() {
        Ok(cli) => run(&cli.command),
        Err(error) => refuse(&error),
    }
    .into()
}

/// Runs a verb and tells its error.
fn run(command: &Command) -> Exit {
    let (name, show, threads) = match command {
        Command::Fit(args) => ("fit", &args.show, args.running.threads),
        Command::Mix(args) => ("mix", &args.show, args.running.threads),
        Command::Predict(args) => ("predict", &args.show, args.running.threads),
        Command::Lint(args) => ("lint", &args.show, args.running.threads),
        Command::Diagnose(args) => ("diagnose", &args.show, None),
        Command::Certify(args) => ("certify", &args.show, args.running.threads),
        Command::Explain(args) => ("explain", &args.show, None),
        Command::ExplainGradient(args) => ("explain-gradient", &args.show, None),
        Command::CheckGradient(args) => ("check-gradient", &args.show, args.running.threads),
    };
    let screen = Screen::new(name, asker(command), show);
    let done = guarded(|| {
        if let Some(count) = threads {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(count).build_global();
            pool.map_err(|error| Error::Internal(format!("{count} threads could not be started: {error}")))?;
        }
        match command {
            Command::Fit(args) => commands::fit::run(args, &screen),
            Command::Mix(args) => commands::mix::run(args, &screen),
            Command::Predict(args) => commands::predict::run(args, &screen),
            Command::Diagnose(args) => commands::diagnose::run(args, &screen),
            Command::Certify(args) => commands::certify::run(args, &screen),
            Command::Explain(args) => commands::explain::run(args, &screen),
            Command::Lint(args) => commands::lint::run(args, &screen),
            Command::ExplainGradient(args) => commands::explain_gradient::run(args, &screen),
            Command::CheckGradient(args) => commands::check_gradient::run(args, &screen),
        }
    });
    match done {
        Ok(exit) => exit,
        Err(Halt::ClosedPipe) => Exit::Done,
        // Nobody pressed Ctrl-C: it was the time limit.
        Err(Halt::Error(Error::Interrupted)) if !watch::interrupted() => screen.time_up(),
        Err(Halt::Error(error)) => screen.error(&error),
        Err(Halt::In(of)) => screen.error_in(Some(&of.0), &of.1),
    }
}

/// What the caller can change, so that only such ways out are named.
fn asker(command: &Command) -> Asker {
    let base = Asker::default();
    match command {
        Command::Fit(args) => {
            Asker { weights: args.rows.weights.clone(), piped: is_piped(&args.data), ..base }
        }
        Command::Lint(args) => {
            Asker { weights: args.rows.weights.clone(), piped: is_piped(&args.data), ..base }
        }
        Command::Certify(args) => Asker {
            formula: args.formula.is_some(),
            weights: args.rows.weights.clone(),
            piped: is_piped(&args.data),
            ..base
        },
        Command::Mix(args) => {
            Asker { formula: false, weights: args.flags.weights.clone(), piped: is_piped(&args.data), ..base }
        }
        Command::Predict(args) => {
            Asker { formula: false, predicts: true, piped: is_piped(&args.data), ..base }
        }
        Command::Diagnose(args) => Asker { formula: false, piped: is_piped(&args.trace), ..base },
        Command::Explain(_) => Asker { formula: false, ..base },
        Command::ExplainGradient(args) => {
            Asker { weights: args.rows.weights.clone(), piped: is_piped(&args.data), ..base }
        }
        Command::CheckGradient(args) => {
            Asker { weights: args.rows.weights.clone(), piped: is_piped(&args.data), ..base }
        }
    }
}

fn is_piped(data: &str) -> bool {
    data == args::STANDARD_INPUT
}

/// A panic is a defect of surefit: one sentence about it, whatever thread it was in, and no half-written
/// file, because everything is unwound.
fn guarded(work: impl FnOnce() -> Result<Exit, Halt>) -> Result<Exit, Halt> {
    static FIRST: Mutex<Option<String>> = Mutex::new(None);
    panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(|place| format!(" ({}:{})", place.file(), place.line()));
        let what = panic.payload_as_str().unwrap_or("a panic without words");
        if let Ok(mut first) = FIRST.lock() {
            first.get_or_insert_with(|| format!("{what}{}", place.unwrap_or_default()));
        }
    }));
    let done = panic::catch_unwind(AssertUnwindSafe(work));
    let _ = panic::take_hook();
    done.unwrap_or_else(|_| {
        let told = FIRST.lock().ok().and_then(|mut first| first.take());
        Err(Halt::Error(Error::Internal(told.unwrap_or_else(|| "a panic".to_owned()))))
    })
}

/// Arguments that make no sense, told like every other error; `--help` and `--version` are told by clap.
fn refuse(error: &clap::Error) -> Exit {
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        return match error.print() {
            Ok(()) => Exit::Done,
            Err(source) => match screen::halt("standard output", source) {
                Halt::ClosedPipe => Exit::Done,
                Halt::Error(error) => unknown(None, false).error(&error),
                Halt::In(of) => unknown(None, false).error(&of.1),
            },
        };
    }
    let typed = std::env::args().nth(1);
    let verb = commands::NAMES.into_iter().find(|verb| Some(*verb) == typed.as_deref());
    let json = std::env::args().any(|argument| argument == "--json");
    let text = match error.kind() {
        ErrorKind::MissingSubcommand => {
            format!("no verb is given\ntip: use one of {}", commands::NAMES.join(", "))
        }
        _ => error.render().to_string(),
    };
    unknown(verb, json).error(&usage_of(&text, verb))
}

/// A screen for arguments that were not understood.
fn unknown(command: Option<&'static str>, json: bool) -> Screen {
    Screen { command, asker: Asker::default(), json, quiet: false }
}

/// clap's message as one sentence and one way out.
fn usage_of(text: &str, verb: Option<&str>) -> Error {
    let text = text.replace('\'', "`");
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let mut what =
        lines.next().unwrap_or("the arguments make no sense").trim_start_matches("error: ").to_owned();
    let mut hint = None;
    for line in lines {
        if let Some(tip) = line.strip_prefix("tip: ") {
            hint.get_or_insert_with(|| tip.to_owned());
        } else if line.starts_with("Usage:") || line.starts_with("For more information") {
            break;
        } else if let Some(values) = line.strip_prefix("[possible values: ") {
            hint.get_or_insert_with(|| format!("use one of {}", values.trim_end_matches(']')));
        } else {
            what = format!("{what} {line}");
        }
    }
    let help = format!("see `surefit {}--help`", verb.map(|verb| format!("{verb} ")).unwrap_or_default());
    args::usage(what.trim_end_matches(':').to_owned(), hint.unwrap_or(help))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rayon::iter::{IntoParallelIterator as _, ParallelIterator as _};

    #[test]
    fn a_panic_in_any_thread_becomes_one_sentence_with_its_place() {
        let done = guarded(|| {
            (0..4).into_par_iter().for_each(|number| assert!(number > 9, "a defect"));
            Ok(Exit::Done)
        });
        let Err(Halt::Error(error)) = done else { unreachable!("the assertion fails") };
        let sentence = error.to_string();
        assert!(
            sentence.starts_with("internal error: a defect (") && sentence.contains("main.rs:"),
            "{sentence}"
        );
        assert_eq!(Exit::from(&error), Exit::Internal);
    }
}
