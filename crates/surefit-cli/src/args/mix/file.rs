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
    let keys: toml::Table = toml::from_str(&text).map_err(|error| not_toml(&error, &text, &name))?;
    let known: Vec<String> =
        File::command().get_arguments().filter_map(|flag| flag.get_long().map(str::to_owned)).collect();
    let mut arguments = Vec::new();
    for (key, value) in &keys {
        if !known.contains(key) {
            return Err(unknown_key(key, &known, &name));
        }
        for text in
            texts(value).map_err(|what| usage(format!("{name}: `{key}` {what}"), AS_FLAG.to_owned()))?
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

/// A value as it is typed behind a flag, or several of them: of a list its entries, of a table `name=value`.
fn texts(value: &toml::Value) -> Result<Vec<String>, &'static str> {
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
            entries.iter().map(|(name, value)| Ok(format!("{name}={}", one(value)?))).collect()
        }
        value => Ok(vec![one(value)?]),
    }
}
