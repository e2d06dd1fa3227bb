//! The labels that a Mulan XML file names (G. Tsoumakas et al., *Mulan*, JMLR 12, 2011):
//! `<labels><label name="…"></label>…</labels>`. Labels within labels, a hierarchy, are read in the order of the file.

use super::super::error::{ReadError, excerpt};
use super::fault::XmlFault;
use std::collections::HashMap;

/// The names, in the file's order.
pub(super) fn label_names(name: &str, bytes: &[u8]) -> Result<Vec<String>, ReadError> {
    let text = String::from_utf8_lossy(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes));
    let mut reader = Reader { text: &text, at: 0, closed: false };
    let (mut names, mut lines) = (Vec::new(), HashMap::new());
    let mut root = true;
    let refused = |line: usize, fault| ReadError::Xml { name: name.to_owned(), line, fault };
    while let Some(element) = reader.element().map_err(|fault| refused(reader.line(), fault))? {
        let line = reader.line();
        let local = element.name.rsplit(':').next().unwrap_or_default();
        if std::mem::take(&mut root) {
            if local != "labels" {
                return Err(refused(line, XmlFault::Root { element: excerpt(element.name.as_bytes()) }));
            }
        } else if local == "label" {
            let label = element.label().map_err(|fault| refused(line, fault))?;
            if let Some(first) = lines.insert(label.clone(), line) {
                return Err(refused(line, XmlFault::Twice { label, first }));
            }
            names.push(label);
        }
    }
    if names.is_empty() {
        return Err(refused(reader.line(), XmlFault::NoLabels));
    }
    if !reader.closed {
        return Err(refused(reader.line(), XmlFault::Unfinished { labels: names.len() }));
    }
    Ok(names)
}

/// Where in a document.
struct Reader<'t> {
    text: &'t str,
    at: usize,
    /// The end of all labels was read.
    closed: bool,
}

/// An opening tag.
struct Element<'t> {
    name: &'t str,
    attributes: &'t str,
}

impl<'t> Reader<'t> {
    /// The line that was read last, from 1.
    fn line(&self) -> usize {
        let read = self.text.as_bytes().get(..self.at).unwrap_or_default();
        1 + memchr::memchr_iter(b'\n', read).count()
    }

    /// The next opening tag; none at the end. Text between tags is passed over, and so are comments and declarations.
    fn element(&mut self) -> Result<Option<Element<'t>>, XmlFault> {
        loop {
            let rest = self.text.get(self.at..).unwrap_or_default();
            let Some(open) = rest.find('<') else {
                return if self.at == 0 { Err(not_xml(rest)) } else { Ok(None) };
            };
            let (before, tag) = rest.split_at(open);
            if self.at == 0 && !before.trim().is_empty() {
                return Err(not_xml(before));
            }
            self.at += open;
            let end = match tag {
                _ if tag.starts_with("<!--") => after(tag, "-->"),
                _ if tag.starts_with("<?") => after(tag, "?>"),
                _ => closing(tag),
            };
            let Some(end) = end else { return Err(XmlFault::Open { text: excerpt(tag.as_bytes()) }) };
            self.at += end;
            let inner = tag.get(1..end - 1).unwrap_or_default();
            let ends = |name: &str| name.trim_end().rsplit(':').next() == Some("labels");
            self.closed |= inner.strip_prefix('/').is_some_and(ends);
            if !inner.starts_with(['!', '?', '/']) {
                let inner = inner.strip_suffix('/').unwrap_or(inner);
                let (name, attributes) =
                    inner.split_at(inner.find(char::is_whitespace).unwrap_or(inner.len()));
                return Ok(Some(Element { name, attributes }));
            }
        }
    }
}

fn not_xml(text: &str) -> XmlFault {
    XmlFault::NotXml { text: excerpt(text.trim().as_bytes()) }
}

/// Where in `tag` what follows `end` begins.
fn after(tag: &str, end: &str) -> Option<usize> {
    tag.find(end).map(|at| at + end.len())
}

/// Behind the `>` that closes a tag: one within quotes does not, and before another tag begins it has to.
fn closing(tag: &str) -> Option<usize> {
    let mut quote = None;
    for (at, byte) in tag.bytes().enumerate() {
        match quote {
            Some(open) if byte == open => quote = None,
            None if byte == b'>' => return Some(at + 1),
            None if byte == b'<' && at > 0 => return None,
            None if matches!(byte, b'"' | b'\'') => quote = Some(byte),
            _ => {}
        }
    }
    None
}

impl Element<'_> {
    /// The value of the attribute `name`.
    fn label(&self) -> Result<String, XmlFault> {
        let mut rest = self.attributes.trim_start();
        while let Some((key, value)) = rest.split_once('=') {
            let value = value.trim_start();
            let quote = value.chars().next().filter(|letter| matches!(letter, '"' | '\''));
            let Some((value, after)) = quote.and_then(|quote| value.get(1..)?.split_once(quote)) else {
                return Err(XmlFault::Unquoted { text: excerpt(key.trim().as_bytes()) });
            };
            if key.trim() == "name" {
                return decoded(value);
            }
            rest = after.trim_start();
        }
        Err(XmlFault::NoName)
    }
}

/// Entities as the letters that they stand for.
fn decoded(text: &str) -> Result<String, XmlFault> {
    let (mut out, mut rest) = (String::with_capacity(text.len()), text);
    while let Some((before, entity)) = rest.split_once('&') {
        out.push_str(before);
        let unknown = || XmlFault::Entity { text: excerpt(format!("&{entity}").as_bytes()) };
        let (word, after) = entity.split_once(';').ok_or_else(unknown)?;
        out.push(letter(word).ok_or_else(unknown)?);
        rest = after;
    }
    out.push_str(rest);
    Ok(out)
}

fn letter(word: &str) -> Option<char> {
    match word {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => {
            let number = word.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(digits) => u32::from_str_radix(digits, 16),
                None => number.parse(),
            };
            char::from_u32(code.ok()?)
        }
    }
}
