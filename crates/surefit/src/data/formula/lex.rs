//! A formula's words: names, numbers, signs and lists of name patterns.

use super::error::{FormulaError, FormulaProblem};

/// One word and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Token {
    pub word: Word,
    pub start: usize,
    pub end: usize,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Word {
    /// A name, and whether it stood in back quotes.
    Name(String, bool),
    Number(f64),
    /// `+ - * / ^ : ~ ( ) ,`
    Sign(char),
    Dot,
    /// `[a, TAG_*]`
    List(Vec<Pattern>),
    End,
}

/// A column's name, or a pattern with `*` (any text) and `?` (any character).
#[derive(Clone, Debug)]
pub(super) struct Pattern {
    pub text: String,
    /// It stood in back quotes: a name whatever it contains.
    pub literal: bool,
    pub start: usize,
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        (&self.text, self.is_glob()) == (&other.text, other.is_glob())
    }
}

impl Pattern {
    pub fn is_glob(&self) -> bool {
        !self.literal && self.text.contains(['*', '?'])
    }

    /// Whether the whole of `name` fits. Backtracks to the last `*` only, so it is O(length²) at worst.
    pub fn matches(&self, name: &str) -> bool {
        if !self.is_glob() {
            return self.text == name;
        }
        let pattern: Vec<char> = self.text.chars().collect();
        let name: Vec<char> = name.chars().collect();
        let (mut p, mut n) = (0, 0);
        let mut star: Option<(usize, usize)> = None;
        while n < name.len() {
            match pattern.get(p) {
                Some('*') => {
                    star = Some((p, n));
                    p += 1;
                }
                Some(&c) if c == '?' || Some(&c) == name.get(n) => {
                    p += 1;
                    n += 1;
                }
                _ => match star {
                    Some((at, taken)) => {
                        star = Some((at, taken + 1));
                        p = at + 1;
                        n = taken + 1;
                    }
                    None => return false,
                },
            }
        }
        pattern.iter().skip(p).all(|&c| c == '*')
    }
}

/// Whether the whole of `name` fits a pattern with `*` (any text) and `?` (any character).
pub fn fits(pattern: &str, name: &str) -> bool {
    Pattern { text: pattern.to_owned(), literal: false, start: 0 }.matches(name)
}

fn starts_name(c: char) -> bool {
    c.is_alphabetic() || c == '_'
}

fn continues_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '.'
}

/// Whether a column's name cannot stand in a formula as it is.
pub(super) fn needs_quotes(name: &str) -> bool {
    let mut chars = name.chars();
    !(chars.next().is_some_and(starts_name) && chars.all(continues_name))
}

/// A column's name as it stands in a formula.
pub fn quoted(name: &str) -> String {
    if needs_quotes(name) { format!("`{}`", name.replace('`', "``")) } else { name.to_owned() }
}

/// All words of `text`, an [`Word::End`] last.
pub(super) fn lex(text: &str) -> Result<Vec<Token>, FormulaError> {
    let mut lexer = Lexer { text, at: 0 };
    let mut tokens = Vec::new();
    loop {
        lexer.skip(char::is_whitespace);
        let start = lexer.at;
        let word = lexer.word()?;
        let end = word == Word::End;
        tokens.push(Token { word, start, end: lexer.at });
        if end {
            return Ok(tokens);
        }
    }
}

struct Lexer<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Lexer<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    /// Moves past the characters that satisfy `wanted`, and hands them back.
    fn skip(&mut self, wanted: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let length = rest.find(|c| !wanted(c)).unwrap_or(rest.len());
        self.at += length;
        rest.get(..length).unwrap_or_default()
    }

    fn error(&self, problem: FormulaProblem, at: usize) -> FormulaError {
        FormulaError::new(problem, self.text, at)
    }

    fn word(&mut self) -> Result<Word, FormulaError> {
        let Some(c) = self.peek() else { return Ok(Word::End) };
        let second = self.rest().chars().nth(1);
        match c {
            '`' => Ok(Word::Name(self.back_quoted()?, true)),
            '[' => self.list(),
            '0'..='9' => self.number(),
            '.' if second.is_some_and(|c| c.is_ascii_digit()) => self.number(),
            '.' => {
                self.at += 1;
                Ok(Word::Dot)
            }
            '+' | '-' | '/' | '^' | ':' | '~' | '(' | ')' | ',' | ']' => {
                self.at += 1;
                Ok(Word::Sign(c))
            }
            '*' => {
                // `**` is how Python writes `^`.
                self.at += if second == Some('*') { 2 } else { 1 };
                Ok(Word::Sign(if second == Some('*') { '^' } else { '*' }))
            }
            _ if starts_name(c) => Ok(Word::Name(self.skip(continues_name).to_owned(), false)),
            _ => Err(self.error(FormulaProblem::BadCharacter(c), self.at)),
        }
    }

    /// A name in back quotes; a doubled back quote stands for one.
    fn back_quoted(&mut self) -> Result<String, FormulaError> {
        let start = self.at;
        self.at += 1;
        let mut name = String::new();
        loop {
            name.push_str(self.skip(|c| c != '`'));
            if self.peek().is_none() {
                return Err(self.error(FormulaProblem::UnclosedQuote, start));
            }
            self.at += 1;
            if self.peek() != Some('`') {
                break;
            }
            name.push('`');
            self.at += 1;
        }
        if name.is_empty() { Err(self.error(FormulaProblem::EmptyName, start)) } else { Ok(name) }
    }

    fn number(&mut self) -> Result<Word, FormulaError> {
        let start = self.at;
        self.skip(|c| c.is_ascii_digit() || c == '.');
        let mut after = self.rest().chars();
        if matches!(after.next(), Some('e' | 'E')) {
            let sign_or_digit = after.next();
            let signed = matches!(sign_or_digit, Some('+' | '-'));
            let digit = if signed { after.next() } else { sign_or_digit };
            if digit.is_some_and(|c| c.is_ascii_digit()) {
                self.at += if signed { 2 } else { 1 };
                self.skip(|c| c.is_ascii_digit());
            }
        }
        self.skip(continues_name);
        let text = self.text.get(start..self.at).unwrap_or_default();
        match text.parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(Word::Number(number)),
            _ => Err(self.error(FormulaProblem::BadNumber(text.to_owned()), start)),
        }
    }

    /// `[a, TAG_*, `odd name`]`
    fn list(&mut self) -> Result<Word, FormulaError> {
        let open = self.at;
        self.at += 1;
        let mut patterns = Vec::new();
        loop {
            self.skip(char::is_whitespace);
            let start = self.at;
            let literal = self.peek() == Some('`');
            let text = if literal {
                self.back_quoted()?
            } else {
                self.skip(|c| continues_name(c) || matches!(c, '*' | '?' | '-')).to_owned()
            };
            self.skip(char::is_whitespace);
            let next = self.peek();
            let problem = match next {
                None => Some((FormulaProblem::Unclosed('['), open)),
                Some(c) if text.is_empty() => Some((unexpected(c, "a name or pattern"), self.at)),
                Some(',' | ']') => None,
                Some(c) => Some((unexpected(c, "`,` or `]`"), self.at)),
            };
            if let Some((problem, at)) = problem {
                return Err(self.error(problem, at));
            }
            patterns.push(Pattern { text, literal, start });
            self.at += 1;
            if next == Some(']') {
                return Ok(Word::List(patterns));
            }
        }
    }
}

fn unexpected(c: char, wanted: &'static str) -> FormulaProblem {
    FormulaProblem::Unexpected { found: c.to_string(), wanted }
}
