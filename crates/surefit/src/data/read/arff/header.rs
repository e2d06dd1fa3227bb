//! The declarations of an ARFF file: names and types of its attributes, and the words that they are written in.

use super::super::error::{ReadError, excerpt};
use super::super::lines::{Lines, is_blank, skip_blanks};
use super::fault::ArffFault;
use crate::error::Result;
use std::collections::HashMap;

/// A declared attribute.
#[derive(Clone, Debug)]
pub(super) struct Attribute {
    pub(super) name: String,
    /// The values of a nominal one, as declared.
    pub(super) values: Option<Vec<String>>,
    /// Where it is declared.
    pub(super) line: usize,
}

/// Reads up to and with the line `@data`; the lines that follow are left in `lines`.
pub(super) fn read(name: &str, lines: &mut Lines<'_>, longest: usize) -> Result<Vec<Attribute>> {
    let mut header = Header::default();
    let mut last = 0;
    while let Some(piece) = lines.next() {
        let (mut rest, mut number) = (piece.bytes.as_slice(), piece.line);
        while !rest.is_empty() {
            let end = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
            let line = rest.get(..end).unwrap_or_default();
            rest = rest.get(end + 1..).unwrap_or_default();
            let done = if line.len() > longest {
                Err(ArffFault::Long { limit: longest })
            } else {
                header.declare(line, number)
            };
            let refused = |fault| ReadError::Arff { name: name.to_owned(), line: number, fault };
            if done.map_err(refused)? {
                lines.put_back(rest.to_vec(), number + 1);
                return Ok(header.attributes);
            }
            last = number;
            number += 1;
        }
    }
    if let Some(failure) = lines.failure() {
        return Err(failure.into());
    }
    Err(ReadError::NoData { name: name.to_owned(), line: last }.into())
}

/// What was declared so far.
#[derive(Default)]
struct Header {
    attributes: Vec<Attribute>,
    /// The line of each name.
    lines: HashMap<String, usize>,
}

impl Header {
    /// Whether the rows begin after this line.
    fn declare(&mut self, line: &[u8], number: usize) -> Result<bool, ArffFault> {
        let text = skip_blanks(line);
        if ends(text) {
            return Ok(false);
        }
        if !text.starts_with(b"@") {
            return Err(ArffFault::NotDeclaration { text: excerpt(text.trim_ascii_end()) });
        }
        let end = text.iter().position(|&byte| is_blank(byte)).unwrap_or(text.len());
        let (keyword, rest) = text.split_at(end);
        let rest = skip_blanks(rest);
        match keyword.to_ascii_lowercase().as_slice() {
            b"@relation" => Ok(false),
            b"@attribute" => self.attribute(rest, number).map(|()| false),
            b"@data" if ends(rest) => Ok(true),
            b"@data" => Err(ArffFault::AfterData { text: excerpt(rest.trim_ascii_end()) }),
            _ => Err(ArffFault::Keyword { keyword: excerpt(keyword) }),
        }
    }

    fn attribute(&mut self, text: &[u8], line: usize) -> Result<(), ArffFault> {
        if ends(text) || text.starts_with(b"{") {
            return Err(ArffFault::NoName);
        }
        let (name, rest) = word(text, b"{")?;
        let rest = skip_blanks(rest);
        if ends(rest) {
            return Err(ArffFault::NoType { attribute: name });
        }
        let values = if let Some(list) = rest.strip_prefix(b"{") {
            Some(nominal(&name, list)?)
        } else {
            numeric(&name, rest)?;
            None
        };
        if let Some(first) = self.lines.insert(name.clone(), line) {
            return Err(ArffFault::Twice { attribute: name, first });
        }
        self.attributes.push(Attribute { name, values, line });
        Ok(())
    }
}

/// Refuses a type whose values are no numbers; a range that follows it says nothing of the values.
fn numeric(attribute: &str, text: &[u8]) -> Result<(), ArffFault> {
    let (attribute, (kind, _)) = (attribute.to_owned(), word(text, b"[")?);
    match kind.to_ascii_lowercase().as_str() {
        "numeric" | "real" | "integer" => Ok(()),
        "string" | "date" | "relational" => Err(ArffFault::NotNumeric { attribute, kind }),
        _ => Err(ArffFault::UnknownType { attribute, kind: excerpt(kind.as_bytes()) }),
    }
}

/// The values after an opening brace.
fn nominal(attribute: &str, text: &[u8]) -> Result<Vec<String>, ArffFault> {
    let (mut values, mut rest) = (Vec::new(), skip_blanks(text));
    loop {
        match rest.first() {
            None => return Err(ArffFault::OpenBrace),
            Some(b'}') => break,
            Some(b',') => rest = skip_blanks(rest.get(1..).unwrap_or_default()),
            Some(_) => {
                let (value, after) = word(rest, b",}")?;
                values.push(value);
                rest = skip_blanks(after);
            }
        }
    }
    let after = skip_blanks(rest.get(1..).unwrap_or_default());
    if !ends(after) {
        let (attribute, text) = (attribute.to_owned(), excerpt(after.trim_ascii_end()));
        return Err(ArffFault::AfterValues { attribute, text });
    }
    if values.is_empty() {
        return Err(ArffFault::NoValues { attribute: attribute.to_owned() });
    }
    Ok(values)
}

/// Nothing but a comment is left of a line.
pub(super) fn ends(text: &[u8]) -> bool {
    matches!(text.first(), None | Some(b'%'))
}

/// The word that `text` begins with, in quotes or up to a blank or one of `stops`, and the rest.
fn word<'t>(text: &'t [u8], stops: &[u8]) -> Result<(String, &'t [u8]), ArffFault> {
    let (bytes, rest) = token(text, stops)?;
    match String::from_utf8(unescaped(bytes)) {
        Ok(word) => Ok((word, rest)),
        Err(_) => Err(ArffFault::NotUtf8 { text: excerpt(bytes) }),
    }
}

/// The same without its quotes and with its escapes.
pub(super) fn token<'t>(text: &'t [u8], stops: &[u8]) -> Result<(&'t [u8], &'t [u8]), ArffFault> {
    let quote = text.first().copied().filter(|byte| matches!(byte, b'\'' | b'"'));
    let body = text.get(usize::from(quote.is_some())..).unwrap_or_default();
    let mut at = 0;
    while let Some(&byte) = body.get(at) {
        let stop = match quote {
            Some(quote) => byte == quote,
            None => is_blank(byte) || stops.contains(&byte),
        };
        if stop {
            break;
        }
        at += if byte == b'\\' { 2 } else { 1 };
    }
    match quote {
        Some(quote) if at >= body.len() => {
            Err(ArffFault::OpenQuote { quote: char::from(quote), text: excerpt(text.trim_ascii_end()) })
        }
        Some(_) => Ok((body.get(..at).unwrap_or_default(), body.get(at + 1..).unwrap_or_default())),
        None => Ok(body.split_at(at.min(body.len()))),
    }
}

/// Escapes as Weka writes them: `\n`, `\r`, `\t` and `\u` with four digits; before any other letter a backslash only
/// keeps that letter from ending the word.
pub(super) fn unescaped(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        let Some((&letter, after)) = rest.split_first().filter(|_| byte == b'\\') else {
            out.push(byte);
            continue;
        };
        rest = after;
        match letter {
            b'n' => out.push(b'\n'),
            b'r' => out.push(b'\r'),
            b't' => out.push(b'\t'),
            b'u' => match rest.get(..4).and_then(code_point) {
                Some(letter) => {
                    out.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
                    rest = rest.get(4..).unwrap_or_default();
                }
                None => out.push(letter),
            },
            _ => out.push(letter),
        }
    }
    out
}

fn code_point(digits: &[u8]) -> Option<char> {
    let digits =
        str::from_utf8(digits).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
    char::from_u32(u32::from_str_radix(digits, 16).ok()?)
}
