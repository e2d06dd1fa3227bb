//! Constraints as people write them: `a + 2 b <= .5`, `.1 <= a + b <= .4`, `` `BRK B` = a ``, `cap: a <= .3`.

use crate::error::{Error, Result};
use crate::problem::{Limit, Problem};

impl Limit {
    /// Reads a constraint between the problem's inputs; its name is its text, or what stands before a colon.
    ///
    /// One or two comparisons (`<=`, `>=`, `=`) of sums of terms: a number, an input, or both beside each other
    /// (`2 a`, `2*a`). Names that are not made of letters, digits, `_` and `.` stand in back quotes.
    ///
    /// # Errors
    /// [`Error::Expression`] with the place, [`Error::UnknownInput`] with the nearest name.
    pub fn parse(text: &str, problem: &Problem) -> Result<Self> {
        if let Some((name, rest)) = text.split_once(':').filter(|(name, _)| !name.trim().is_empty()) {
            return Ok(Self { name: name.trim().to_owned(), ..Self::parse(rest, problem)? });
        }
        let tokens = lex(text)?;
        let mut parser = Parser { text, tokens: &tokens, at: 0, problem };
        let first = parser.side()?;
        let (sign, second) = (parser.comparison()?, parser.side()?);
        let limit = |terms, low, high| Self { name: text.trim().to_owned(), terms, low, high };
        let (mut terms, constant) = first.less(&second);
        let bound = 0.0 - constant;
        let (mut low, mut high) = sign.around(bound);
        if let Some(&Token::Compare(_)) = parser.peek() {
            let (sign, third) = (parser.comparison()?, parser.side()?);
            if !first.terms.is_empty() || !third.terms.is_empty() || second.terms.is_empty() {
                return Err(parser.wrong("two comparisons need numbers on the outside"));
            }
            // first ? second ? third: the middle is limited on both sides.
            let (mut inner, own) = second.less(&Side::default());
            std::mem::swap(&mut terms, &mut inner);
            let (low_1, high_1) = first_sign(&parser, &tokens).turned().around(first.constant - own);
            let (low_2, high_2) = sign.around(third.constant - own);
            (low, high) = (low_1.max(low_2), high_1.min(high_2));
        }
        if parser.peek().is_some() {
            return Err(parser.wrong("something follows its end"));
        }
        if terms.is_empty() {
            let names = tokens.iter().any(|(_, token)| matches!(token, Token::Name(_)));
            let what = if names { "its inputs cancel each other out" } else { "it names no input" };
            return Err(parser.wrong(what));
        }
        Ok(limit(terms, low + 0.0, high + 0.0))
    }
}

/// The first comparison of a constraint.
fn first_sign(_parser: &Parser<'_>, tokens: &[(usize, Token)]) -> Sign {
    tokens
        .iter()
        .find_map(|(_, token)| if let Token::Compare(sign) = token { Some(*sign) } else { None })
        .unwrap_or(Sign::Equal)
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Sign {
    Less,
    Greater,
    Equal,
}

impl Sign {
    /// What `x ? bound` allows.
    fn around(self, bound: f64) -> (f64, f64) {
        match self {
            Self::Less => (f64::NEG_INFINITY, bound),
            Self::Greater => (bound, f64::INFINITY),
            Self::Equal => (bound, bound),
        }
    }

    /// The same comparison read from the other side.
    fn turned(self) -> Self {
        match self {
            Self::Less => Self::Greater,
            Self::Greater => Self::Less,
            Self::Equal => Self::Equal,
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Number(f64),
    Name(String),
    Plus,
    Minus,
    Times,
    Compare(Sign),
}

/// A sum of terms.
#[derive(Clone, Debug, Default)]
struct Side {
    terms: Vec<(usize, f64)>,
    constant: f64,
}

impl Side {
    /// `self − other`: terms merged, and the constant.
    fn less(&self, other: &Self) -> (Vec<(usize, f64)>, f64) {
        let mut terms: Vec<(usize, f64)> = Vec::new();
        let negated = other.terms.iter().map(|&(j, value)| (j, -value));
        for (j, value) in self.terms.iter().copied().chain(negated) {
            match terms.iter_mut().find(|term| term.0 == j) {
                Some(term) => term.1 += value,
                None => terms.push((j, value)),
            }
        }
        terms.retain(|term| term.1 != 0.0);
        (terms, self.constant - other.constant)
    }
}

struct Parser<'a> {
    text: &'a str,
    tokens: &'a [(usize, Token)],
    at: usize,
    problem: &'a Problem,
}

impl Parser<'_> {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at).map(|(_, token)| token)
    }

    fn wrong(&self, what: &str) -> Error {
        let at = self.tokens.get(self.at).map_or(self.text.chars().count(), |(at, _)| *at);
        Error::Expression { text: self.text.to_owned(), what: what.to_owned(), at }
    }

    fn comparison(&mut self) -> Result<Sign> {
        let Some(&Token::Compare(sign)) = self.peek() else {
            return Err(self.wrong("a comparison (<=, >= or =) is missing"));
        };
        self.at += 1;
        Ok(sign)
    }

    fn side(&mut self) -> Result<Side> {
        let mut side = Side::default();
        let mut sign = self.leading_sign();
        loop {
            self.term(sign, &mut side)?;
            sign = match self.peek() {
                Some(Token::Plus) => 1.0,
                Some(Token::Minus) => -1.0,
                _ => return Ok(side),
            };
            self.at += 1;
            sign *= self.leading_sign();
        }
    }

    fn leading_sign(&mut self) -> f64 {
        match self.peek() {
            Some(Token::Minus) => {
                self.at += 1;
                -1.0
            }
            Some(Token::Plus) => {
                self.at += 1;
                1.0
            }
            _ => 1.0,
        }
    }

    fn term(&mut self, sign: f64, side: &mut Side) -> Result<()> {
        match self.peek().cloned() {
            Some(Token::Number(value)) => {
                self.at += 1;
                if self.peek() == Some(&Token::Times) {
                    self.at += 1;
                    if !matches!(self.peek(), Some(Token::Name(_))) {
                        return Err(self.wrong("an input is missing after `*`"));
                    }
                }
                if let Some(Token::Name(name)) = self.peek().cloned() {
                    let j = self.problem.find(&name, &format!("the constraint `{}`", self.text.trim()))?;
                    self.at += 1;
                    side.terms.push((j, sign * value));
                } else {
                    side.constant += sign * value;
                }
            }
            Some(Token::Name(name)) => {
                let j = self.problem.find(&name, &format!("the constraint `{}`", self.text.trim()))?;
                self.at += 1;
                side.terms.push((j, sign));
            }
            _ => return Err(self.wrong("a number or an input is missing")),
        }
        Ok(())
    }
}

/// Tokens with their places.
fn lex(text: &str) -> Result<Vec<(usize, Token)>> {
    let chars: Vec<char> = text.chars().collect();
    let wrong = |at: usize, what: String| Error::Expression { text: text.to_owned(), what, at };
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(&c) = chars.get(at) {
        let start = at;
        let is_word = |c: char| c.is_alphanumeric() || c == '_' || c == '.';
        let token = match c {
            _ if c.is_whitespace() => {
                at += 1;
                continue;
            }
            '+' => Token::Plus,
            '-' => Token::Minus,
            '*' => Token::Times,
            '<' | '>' | '=' => {
                if chars.get(at + 1) == Some(&'=') {
                    at += 1;
                } else if c != '=' {
                    let what = format!("a limit may be reached, so it is written `{c}=`");
                    return Err(wrong(start, what));
                }
                Token::Compare(if c == '<' {
                    Sign::Less
                } else if c == '>' {
                    Sign::Greater
                } else {
                    Sign::Equal
                })
            }
            '`' => {
                let length = chars[at + 1..].iter().position(|&c| c == '`');
                let length = length.ok_or_else(|| wrong(start, "a back quote is not closed".to_owned()))?;
                at += length + 1;
                Token::Name(chars[start + 1..at].iter().collect())
            }
            _ if c.is_ascii_digit() || c == '.' => {
                let end = number_end(&chars, at);
                let written: String = chars[at..end].iter().collect();
                at = end - 1;
                let value = written.parse::<f64>().ok().filter(|value| value.is_finite());
                Token::Number(value.ok_or_else(|| wrong(start, format!("`{written}` is no number")))?)
            }
            _ if is_word(c) => {
                let length = chars[at..].iter().take_while(|&&c| is_word(c)).count();
                at += length - 1;
                Token::Name(chars[start..=at].iter().collect())
            }
            _ => return Err(wrong(start, format!("`{c}` has no meaning here"))),
        };
        tokens.push((start, token));
        at += 1;
    }
    Ok(tokens)
}

/// Where the number that begins at `at` ends.
fn number_end(chars: &[char], at: usize) -> usize {
    let digits = |from: usize| from + chars[from..].iter().take_while(|c| c.is_ascii_digit()).count();
    let mut end = digits(at);
    if chars.get(end) == Some(&'.') {
        end = digits(end + 1);
    }
    if matches!(chars.get(end), Some('e' | 'E')) {
        let sign = usize::from(matches!(chars.get(end + 1), Some('+' | '-')));
        let exponent = digits(end + 1 + sign);
        if exponent > end + 1 + sign {
            end = exponent;
        }
    }
    end
}
