//! A problem file: the keys are flags, and are read as such.

use super::MixFlags;
use crate::args::usage;
use clap::{CommandFactory as _, Parser};
use std::path::Path;
use surefit::Error;
use surefit::data::formula::nearest;
use surefit::model::ModelError;

/// The keys of a problem file as flags.
#[derive(Debug, Parser)]
#[command(no_binary_name = true, disable_help_flag = true, disable_version_flag = true)]
struct File {
    #[command(flatten)]
    flags: MixFlags,
}

/// Reads a problem file.
pub(super) fn read(path: &Path) -> Result<MixFlags, Error> {
    let name = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|source| match source.kind() {
        std::io::ErrorKind::InvalidData => usage(
            format!("{name} is not text in UTF-8, as a problem file is"),
            "name a TOML file, with lines such as `low = 0.2`".to_owned(),
        ),
        _ => ModelError::Io { action: "read", name: name.clone(), source }.into(),
    })?;
    flags(&text, &name)
}

/// The flags in the text of the problem file `name`.
fn flags(text: &str, name: &str) -> Result<MixFlags, Error> {
    let keys: toml::Table = toml::from_str(text).map_err(|error| not_toml(&error, text, name))?;
    let command = File::command();
    let flags = || command.get_arguments().filter_map(|flag| Some((flag.get_long()?, flag.get_action())));
    let known: Vec<String> = flags().map(|(flag, _)| flag.to_owned()).collect();
    let mut arguments = Vec::new();
    for (key, value) in &keys {
        let Some((_, action)) = flags().find(|(flag, _)| flag == key) else {
            return Err(unknown_key(key, &known, name));
        };
        below_a_header(key, value, &known, name)?;
        if !action.takes_values() {
            match value {
                toml::Value::Boolean(true) => arguments.push(format!("--{key}")),
                toml::Value::Boolean(false) => {}
                _ => {
                    let what = format!("{name}: `{key}` is either true or false, and this is neither");
                    return Err(usage(what, format!("write `{key} = true`, or leave it out")));
                }
            }
            continue;
        }
        for text in
            texts(key, value).map_err(|what| usage(format!("{name}: `{key}` {what}"), AS_FLAG.to_owned()))?
        {
            arguments.push(format!("--{key}={text}"));
        }
    }
    let file = File::try_parse_from(arguments).map_err(|error| {
        match crate::usage_of(&error.to_string(), Some("mix")) {
            Error::Usage { what, hint } => usage(format!("{name}: {what}"), hint),
            other => other,
        }
    })?;
    Ok(file.flags)
}

const AS_FLAG: &str = "write what stands behind the flag of that name: a text, a number, or a list of them";

fn not_toml(error: &toml::de::Error, text: &str, name: &str) -> Error {
    let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
    let line = 1 + before.matches('\n').count();
    usage(
        format!("{name}, line {line}: {}", error.message().lines().collect::<Vec<_>>().join(" ")),
        "a problem file is TOML: lines such as `low = 0.2` or `must = [\"a\", \"b\"]`".to_owned(),
    )
}

fn unknown_key(key: &str, known: &[String], name: &str) -> Error {
    let hint = match nearest(key, known.iter().map(String::as_str)) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("the keys are {}", known.join(", ")),
    };
    usage(format!("{name}: no key is called `{key}`"), hint)
}

/// Refuses a key that stands below the header of a table, which makes it an entry of that table: entries are texts
/// such as `"0.1..0.3"`, or comparisons.
fn below_a_header(key: &str, value: &toml::Value, known: &[String], name: &str) -> Result<(), Error> {
    let toml::Value::Table(entries) = value else { return Ok(()) };
    let is_entry = |value: &toml::Value| {
        value.as_str().is_some_and(|text| text.contains("..") || text.contains(['<', '>', '=']))
    };
    match entries.iter().find(|(entry, value)| known.contains(entry) && !is_entry(value)) {
        None => Ok(()),
        Some((entry, _)) => Err(usage(
            format!("{name}: `{entry}` stands below the header `[{key}]`, and so is read as an entry of it"),
            format!("move `{entry}` to the lines above the first header"),
        )),
    }
}

/// A value as it is typed behind a flag, or several of them: of a list its entries, of a table `name=value`, of named
/// constraints `name: value`.
fn texts(key: &str, value: &toml::Value) -> Result<Vec<String>, &'static str> {
    let between = if key == "constraint" { ": " } else { "=" };
    let one = |value: &toml::Value| match value {
        toml::Value::String(text) => Ok(text.clone()),
        toml::Value::Integer(number) => Ok(number.to_string()),
        toml::Value::Float(number) => Ok(number.to_string()),
        toml::Value::Boolean(_) => Err("is true or false, which is no value of it"),
        toml::Value::Datetime(_) => Err("is a date, which is no value of it"),
        toml::Value::Array(_) | toml::Value::Table(_) => Err("is nested too deep"),
    };
    match value {
        toml::Value::Array(values) => values.iter().map(one).collect(),
        toml::Value::Table(entries) => {
            entries.iter().map(|(name, value)| Ok(format!("{name}{between}{}", one(value)?))).collect()
        }
        value => Ok(vec![one(value)?]),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]

    use super::*;
    use std::time::{Duration, Instant};

    const FILE: &str = "target = \"index\"\nlow = 0.05\nhigh = 0.4\nsum = 1\nmust = [\"a\", \"b\"]\nat-most = 5\n\
        distance = \"l1\"\nconstraint = [\"a + 2*b <= 0.4\"]\n[range]\nc = \"-0.1..0.2\"\n[group]\ntech = \"a,b:0.1..0.3\"\n";
    const TOKENS: [&str; 16] = [
        "\"",
        "'''",
        "[",
        "]",
        "[[must]]",
        "=",
        "\n",
        "..",
        "<=",
        "nan",
        "1e999",
        "-",
        "\\u0000",
        "1979-05-27",
        "{",
        "low",
    ];

    /// For as many seconds as the other readers are tried with changed files, or 1.
    #[test]
    fn a_changed_problem_file_is_read_or_refused_in_a_sentence_that_names_it() {
        flags(FILE, "a.toml").unwrap();
        let seconds =
            std::env::var("SUREFIT_FUZZ_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(1);
        let begun = Instant::now();
        let mut state = 7u64;
        let mut below = |limit: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(state >> 33).unwrap() % limit.max(1)
        };
        while begun.elapsed() < Duration::from_secs(seconds) {
            let mut text: Vec<char> = FILE.chars().collect();
            for _ in 0..=below(6) {
                let at = below(text.len() + 1);
                let end = (at + below(12)).min(text.len());
                match below(4) {
                    0 => drop(text.splice(at..at, TOKENS[below(TOKENS.len())].chars())),
                    1 => drop(text.drain(at..end)),
                    2 => {
                        let piece = text[at..end].to_vec();
                        drop(text.splice(at..at, piece));
                    }
                    _ => text.truncate(at.max(1)),
                }
            }
            let text: String = text.into_iter().collect();
            match flags(&text, "a.toml") {
                Ok(_) => {}
                Err(Error::Usage { what, hint }) => {
                    assert!(what.contains("a.toml") && !hint.is_empty(), "{text:?}: {what} / {hint}");
                }
                Err(other) => panic!("{text:?}: {other}"),
            }
        }
    }
}
