//! `surefit explain`: the page of a code.

use crate::args::{ExplainArgs, usage};
use crate::exit::Exit;
use crate::screen::{Halt, Screen};
use crate::{json, render};
use serde_json::{Value, json};
use surefit::diagnosis::{Code, Page, codes, page};

/// Runs the verb.
pub fn run(args: &ExplainArgs, screen: &Screen) -> Result<Exit, Halt> {
    let wanted = args.code.trim().to_uppercase();
    let Some(code) = codes().find(|code| json::code_name(*code) == wanted) else {
        let known: Vec<String> = codes().map(json::code_name).collect();
        let hint = format!("there is {}", known.join(", "));
        return Err(usage(format!("there is no code `{}`", args.code), hint).into());
    };
    let page = page(code);
    screen.result(|width| render::page(page, width), || object(code, page))?;
    Ok(Exit::Done)
}

fn object(code: Code, page: &Page) -> Value {
    let mut object = json::head(Some("explain"), "done", Some(code), page.title);
    let text = json!({
        "title": page.title,
        "meaning": page.meaning,
        "detection": page.detection,
        "example": page.example,
        "remedies": page.remedies,
        "ignore": page.ignore,
    });
    object.insert("page".to_owned(), text);
    Value::Object(object)
}
