//! From words to the tree of a formula, by recursive descent:
//!
//! ```text
//! formula  := target '~' sum
//! target   := name | list | function '(' arithmetic ')' | 'C' '(' name ')'
//! sum      := ['+' | '-'] cross (('+' | '-') cross)*
//! cross    := product ('*' product)*                       a*b is a + b + a:b
//! product  := term (':' term)*
//! term     := name | list | '.' | 0 | 1 | '(' sum ')' | C '(' name ')' | poly '(' arithmetic ',' k ')'
//!           | I '(' arithmetic ')' | function '(' arithmetic ')'
//! arithmetic, inside of a function: + - * / ^ with the usual precedence, ^ to the right
//! ```
//!
//! Only nesting recurses, and its depth is limited; chains of any length are loops.

use super::error::{FormulaError, FormulaProblem as P, nearest};
use super::expr::{Expr, Function, Op, Operator};
use super::lex::{Pattern, Token, Word, lex, quoted};
use std::fmt;

/// Levels of parentheses and powers of powers.
const DEEPEST: usize = 64;
/// The highest degree of `poly`.
const HIGHEST_DEGREE: u32 = 50;

/// A column as the formula names it.
#[derive(Clone, Debug)]
pub(super) struct Name {
    pub text: String,
    /// Byte offset in the formula; not part of its identity.
    pub at: usize,
}

impl PartialEq for Name {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&quoted(&self.text))
    }
}

/// What stands left of `~`.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Target {
    List(Vec<Pattern>),
    Value(Expr<Name>),
    /// `C(y)`: classes.
    Category(Name),
}

/// The terms, as written.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Node {
    /// Added, or left out where the flag is set.
    Sum(Vec<(bool, Node)>),
    Cross(Vec<Node>),
    Product(Vec<Node>),
    /// 1 or 0.
    Intercept(bool),
    Dot(Position),
    List(Vec<Pattern>),
    /// A plain column, text or numbers.
    Column(Name),
    /// `C(x)`: numbers as text.
    Category(Name),
    /// `I(…)` or a function.
    Value(Expr<Name>),
    /// `poly(x, k)`.
    Poly(Expr<Name>, u32),
}

/// A byte offset that does not count in comparisons.
#[derive(Clone, Copy, Debug)]
pub(super) struct Position(pub usize);

impl PartialEq for Position {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

pub(super) struct Parsed {
    pub targets: Target,
    pub terms: Node,
}

pub(super) fn parse(text: &str) -> Result<Parsed, FormulaError> {
    let tokens = lex(text)?;
    let mut parser = Parser { text, tokens: &tokens, next: 0, depth: 0 };
    parser.check_tilde()?;
    let targets = parser.target()?;
    parser.next += 1;
    if parser.peek() == &Word::End {
        return Err(parser.error(P::NoTerms));
    }
    let terms = parser.sum()?;
    match parser.peek() {
        Word::End => Ok(Parsed { targets, terms }),
        _ => Err(parser.unexpected("`+`, `-`, `:` or `*`")),
    }
}

struct Parser<'a> {
    text: &'a str,
    tokens: &'a [Token],
    next: usize,
    depth: usize,
}

const END: Word = Word::End;

impl<'a> Parser<'a> {
    fn peek(&self) -> &'a Word {
        self.tokens.get(self.next).map_or(&END, |token| &token.word)
    }

    fn peek_second(&self) -> &'a Word {
        self.tokens.get(self.next + 1).map_or(&END, |token| &token.word)
    }

    fn place(&self) -> usize {
        self.tokens.get(self.next).map_or(self.text.len(), |token| token.start)
    }

    fn piece(&self) -> &'a str {
        self.tokens.get(self.next).and_then(|t| self.text.get(t.start..t.end)).unwrap_or_default()
    }

    fn error_at(&self, problem: P, at: usize) -> FormulaError {
        FormulaError::new(problem, self.text, at)
    }

    fn error(&self, problem: P) -> FormulaError {
        self.error_at(problem, self.place())
    }

    fn takes(&mut self, sign: char) -> bool {
        let there = self.peek() == &Word::Sign(sign);
        self.next += usize::from(there);
        there
    }

    /// The best account of a word that does not belong where it stands.
    fn unexpected(&self, wanted: &'static str) -> FormulaError {
        match self.peek() {
            Word::Sign('~') => self.error(P::SecondTilde),
            Word::Sign(c @ (')' | ']')) if self.depth == 0 => self.error(P::Unopened(*c)),
            Word::Sign('/' | '^') => self.error(P::ArithmeticOutside(self.piece().to_owned())),
            Word::Name(..) | Word::Number(_) if self.after_name() => self.several_words(),
            _ => self.error(P::Unexpected { found: self.piece().chars().take(40).collect(), wanted }),
        }
    }

    fn after_name(&self) -> bool {
        let before = self.next.checked_sub(1).and_then(|i| self.tokens.get(i));
        before.is_some_and(|token| matches!(token.word, Word::Name(_, false)))
    }

    /// `fixed acidity` without its quotes.
    fn several_words(&self) -> FormulaError {
        let is_word = |t: &&Token| matches!(t.word, Word::Name(_, false) | Word::Number(_));
        let before = self.tokens.get(..self.next).unwrap_or_default();
        let first = before.iter().rev().take_while(is_word).last().map_or(self.place(), |t| t.start);
        let after = self.tokens.get(self.next..).unwrap_or_default();
        let last = after.iter().take_while(is_word).take(8).last().map_or(self.place(), |t| t.end);
        let words = self.text.get(first..last).unwrap_or_default().to_owned();
        self.error_at(P::SeveralWords { words }, first)
    }

    fn check_tilde(&self) -> Result<(), FormulaError> {
        let mut tildes = self.tokens.iter().filter(|token| token.word == Word::Sign('~'));
        match (tildes.next(), tildes.next()) {
            (None, _) => Err(self.error_at(P::NoTilde, self.text.trim_end().len())),
            (Some(_), Some(second)) => Err(self.error_at(P::SecondTilde, second.start)),
            (Some(tilde), None) if self.place() == tilde.start => Err(self.error(P::NoTarget)),
            _ => Ok(()),
        }
    }

    fn target(&mut self) -> Result<Target, FormulaError> {
        let target = match self.term()? {
            Node::List(patterns) => Target::List(patterns),
            Node::Column(name) => Target::Value(Expr(vec![Op::Column(name)])),
            Node::Value(value) => Target::Value(value),
            Node::Category(name) => Target::Category(name),
            _ => {
                self.next = 0;
                return Err(self.unexpected("a target, as `y`, `[a, b]` or `log(y)`,"));
            }
        };
        match self.peek() {
            Word::Sign('~') => Ok(target),
            _ => Err(self.unexpected("`~`")),
        }
    }

    /// Runs `inner` one level deeper.
    fn deeper<T>(
        &mut self,
        inner: impl FnOnce(&mut Self) -> Result<T, FormulaError>,
    ) -> Result<T, FormulaError> {
        if self.depth == DEEPEST {
            return Err(self.error(P::TooDeep { limit: DEEPEST }));
        }
        self.depth += 1;
        let result = inner(self)?;
        self.depth -= 1;
        Ok(result)
    }

    /// What stands between parentheses; the opening one is next.
    fn enclosed<T>(
        &mut self,
        inner: impl FnOnce(&mut Self) -> Result<T, FormulaError>,
    ) -> Result<T, FormulaError> {
        let open = self.place();
        self.next += 1;
        self.deeper(|parser| {
            let result = inner(parser)?;
            if parser.takes(')') {
                return Ok(result);
            }
            Err(match parser.peek() {
                Word::End | Word::Sign('~') => parser.error_at(P::Unclosed('('), open),
                _ => parser.unexpected("`)`"),
            })
        })
    }

    fn sum(&mut self) -> Result<Node, FormulaError> {
        let mut parts = Vec::new();
        let mut minus = self.takes('-');
        if !minus {
            self.takes('+');
        }
        loop {
            parts.push((minus, self.chain('*', Self::product, Node::Cross)?));
            minus = self.takes('-');
            if !minus && !self.takes('+') {
                break;
            }
        }
        Ok(match parts.as_mut_slice() {
            [(false, _)] => parts.swap_remove(0).1,
            _ => Node::Sum(parts),
        })
    }

    fn product(&mut self) -> Result<Node, FormulaError> {
        self.chain(':', Self::term, Node::Product)
    }

    /// Parts joined by `sign`, or the single part.
    fn chain(
        &mut self,
        sign: char,
        part: fn(&mut Self) -> Result<Node, FormulaError>,
        join: fn(Vec<Node>) -> Node,
    ) -> Result<Node, FormulaError> {
        let first = self.place();
        let mut parts = vec![part(self)?];
        while self.takes(sign) {
            parts.push(part(self)?);
        }
        if parts.len() == 1 {
            return Ok(parts.swap_remove(0));
        }
        match parts.iter().find_map(|part| if let Node::Intercept(on) = part { Some(*on) } else { None }) {
            Some(on) => Err(self.error_at(P::InterceptInside(u8::from(on).to_string()), first)),
            None => Ok(join(parts)),
        }
    }

    fn term(&mut self) -> Result<Node, FormulaError> {
        let at = self.place();
        match self.peek() {
            Word::Name(name, false) if self.peek_second() == &Word::Sign('(') => self.function(name),
            Word::Name(name, _) => {
                self.next += 1;
                Ok(Node::Column(Name { text: name.clone(), at }))
            }
            Word::List(patterns) => {
                self.next += 1;
                Ok(Node::List(patterns.clone()))
            }
            Word::Dot => {
                self.next += 1;
                Ok(Node::Dot(Position(at)))
            }
            Word::Number(_) => {
                let piece = self.piece().to_owned();
                let on = match piece.parse::<u8>() {
                    Ok(0) => false,
                    Ok(1) => true,
                    _ => return Err(self.error(P::NumberTerm(piece))),
                };
                if self.depth > 0 {
                    return Err(self.error(P::InterceptInside(piece)));
                }
                self.next += 1;
                Ok(Node::Intercept(on))
            }
            Word::Sign('(') => self.enclosed(Self::sum),
            _ => Err(self.unexpected("a term")),
        }
    }

    /// A function among the terms; its name is next, and a parenthesis after it.
    fn function(&mut self, name: &str) -> Result<Node, FormulaError> {
        match name {
            "C" => {
                self.next += 1;
                self.enclosed(Self::column).map(Node::Category)
            }
            "poly" => {
                self.next += 1;
                let (argument, degree) =
                    self.enclosed(|parser| Ok((parser.arithmetic()?, parser.degree()?)))?;
                Ok(Node::Poly(argument, degree))
            }
            _ => {
                let mut ops = Vec::new();
                self.call(&mut ops)?;
                // `I(x)` is `x`.
                match ops.as_slice() {
                    [Op::Column(name)] => Ok(Node::Column(name.clone())),
                    _ => Ok(Node::Value(Expr(ops))),
                }
            }
        }
    }

    fn column(&mut self) -> Result<Name, FormulaError> {
        let at = self.place();
        match self.peek() {
            Word::Name(name, _) => {
                self.next += 1;
                Ok(Name { text: name.clone(), at })
            }
            _ => Err(self.unexpected("a column's name")),
        }
    }

    /// `, k`
    fn degree(&mut self) -> Result<u32, FormulaError> {
        let wrong =
            |found: &str| P::PolyDegree { found: found.chars().take(40).collect(), limit: HIGHEST_DEGREE };
        if !self.takes(',') {
            return Err(self.error(wrong("")));
        }
        let degree = match self.peek() {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "whole, from 1 to 50"
            )]
            Word::Number(k) if k.fract() == 0.0 && (1.0..=f64::from(HIGHEST_DEGREE)).contains(k) => *k as u32,
            Word::End => return Err(self.error(wrong(""))),
            _ => return Err(self.error(wrong(self.piece()))),
        };
        self.next += 1;
        Ok(degree)
    }

    fn arithmetic(&mut self) -> Result<Expr<Name>, FormulaError> {
        let mut ops = Vec::new();
        self.total(&mut ops)?;
        Ok(Expr(ops))
    }

    /// Sums and differences, appended to `ops` in postfix order; so are the others below.
    fn total(&mut self, ops: &mut Vec<Op<Name>>) -> Result<(), FormulaError> {
        self.quotient(ops)?;
        loop {
            let operator = match self.peek() {
                Word::Sign('+') => Operator::Add,
                Word::Sign('-') => Operator::Subtract,
                _ => return Ok(()),
            };
            self.next += 1;
            self.quotient(ops)?;
            ops.push(Op::Binary(operator));
        }
    }

    fn quotient(&mut self, ops: &mut Vec<Op<Name>>) -> Result<(), FormulaError> {
        self.signed(ops)?;
        loop {
            let operator = match self.peek() {
                Word::Sign('*') => Operator::Multiply,
                Word::Sign('/') => Operator::Divide,
                _ => return Ok(()),
            };
            self.next += 1;
            self.signed(ops)?;
            ops.push(Op::Binary(operator));
        }
    }

    fn signed(&mut self, ops: &mut Vec<Op<Name>>) -> Result<(), FormulaError> {
        let mut negations = 0usize;
        loop {
            if self.takes('-') {
                negations += 1;
            } else if !self.takes('+') {
                break;
            }
        }
        self.operand(ops)?;
        if self.takes('^') {
            self.deeper(|parser| parser.signed(ops))?;
            ops.push(Op::Binary(Operator::Power));
        }
        ops.extend(std::iter::repeat_n(Op::Negate, negations));
        Ok(())
    }

    fn operand(&mut self, ops: &mut Vec<Op<Name>>) -> Result<(), FormulaError> {
        let at = self.place();
        match self.peek() {
            Word::Number(number) => ops.push(Op::Number(*number)),
            Word::Name(_, false) if self.peek_second() == &Word::Sign('(') => return self.call(ops),
            Word::Name(name, _) => ops.push(Op::Column(Name { text: name.clone(), at })),
            Word::Sign('(') => return self.enclosed(|parser| parser.total(ops)),
            _ => return Err(self.unexpected("a number or a column")),
        }
        self.next += 1;
        Ok(())
    }

    /// A function of one number; its name is next, and a parenthesis after it.
    fn call(&mut self, ops: &mut Vec<Op<Name>>) -> Result<(), FormulaError> {
        let Word::Name(name, _) = self.peek() else { return Err(self.unexpected("a function")) };
        let function = Function::by_name(name);
        if function.is_none() && name != "I" {
            return Err(match name.as_str() {
                "C" | "poly" => self.unexpected("a number or a column"),
                _ => self.error(P::NoFunction { name: name.clone(), near: nearest(name, function_names()) }),
            });
        }
        self.next += 1;
        self.enclosed(|parser| parser.total(ops))?;
        ops.extend(function.map(Op::Call));
        Ok(())
    }
}

/// The names that may stand before a parenthesis.
pub(super) fn function_names() -> impl Iterator<Item = &'static str> {
    ["C", "I", "poly"].into_iter().chain(Function::ALL.into_iter().map(Function::name))
}

/// Whether a node needs parentheses as a part of `*` and of `:`.
fn enclose(node: &Node, in_product: bool) -> bool {
    match node {
        Node::Sum(_) | Node::Cross(_) => true,
        Node::Product(_) => in_product,
        _ => false,
    }
}

fn join(f: &mut fmt::Formatter<'_>, parts: &[Node], sign: &str, in_product: bool) -> fmt::Result {
    for (index, part) in parts.iter().enumerate() {
        f.write_str(if index == 0 { "" } else { sign })?;
        if enclose(part, in_product) { write!(f, "({part})")? } else { write!(f, "{part}")? }
    }
    Ok(())
}

fn write_list(f: &mut fmt::Formatter<'_>, patterns: &[Pattern]) -> fmt::Result {
    for (index, pattern) in patterns.iter().enumerate() {
        f.write_str(if index == 0 { "[" } else { ", " })?;
        if pattern.is_glob() { f.write_str(&pattern.text)? } else { f.write_str(&quoted(&pattern.text))? }
    }
    f.write_str("]")
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sum(parts) => {
                for (index, (minus, part)) in parts.iter().enumerate() {
                    f.write_str(match (index, minus) {
                        (0, false) => "",
                        (0, true) => "- ",
                        (_, false) => " + ",
                        (_, true) => " - ",
                    })?;
                    if matches!(part, Self::Sum(_)) { write!(f, "({part})")? } else { write!(f, "{part}")? }
                }
                Ok(())
            }
            Self::Cross(parts) => join(f, parts, " * ", false),
            Self::Product(parts) => join(f, parts, ":", true),
            Self::Intercept(on) => write!(f, "{}", u8::from(*on)),
            Self::Dot(_) => f.write_str("."),
            Self::List(patterns) => write_list(f, patterns),
            Self::Column(name) => write!(f, "{name}"),
            Self::Category(name) => write!(f, "C({name})"),
            Self::Value(value) => f.write_str(&value.print(false, ToString::to_string)),
            Self::Poly(argument, degree) => {
                write!(f, "poly({}, {degree})", argument.print(true, ToString::to_string))
            }
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::List(patterns) => write_list(f, patterns),
            Self::Value(value) => f.write_str(&value.print(false, ToString::to_string)),
            Self::Category(name) => write!(f, "C({name})"),
        }
    }
}

impl Node {
    /// Where its first name stands.
    pub(super) fn position(&self) -> Option<usize> {
        match self {
            Self::Sum(parts) => parts.iter().find_map(|(_, part)| part.position()),
            Self::Cross(parts) | Self::Product(parts) => parts.iter().find_map(Self::position),
            Self::Intercept(_) => None,
            Self::Dot(Position(at)) => Some(*at),
            Self::List(patterns) => patterns.first().map(|pattern| pattern.start),
            Self::Column(name) | Self::Category(name) => Some(name.at),
            Self::Value(value) | Self::Poly(value, _) => value.columns().next().map(|name| name.at),
        }
    }
}
