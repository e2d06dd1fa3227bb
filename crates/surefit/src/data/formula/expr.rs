//! Arithmetic on columns: what stands inside `I(…)`, `log(…)` and on the left of `~`.
//!
//! An expression is kept in postfix order: evaluating, printing and dropping it need no recursion, so a
//! sum of a hundred thousand columns is as safe as one of two. `+ - * / ^` and `sqrt` are carried out in
//! double-double ([`Dd`]), because the digits that `f64` loses in a high power are the ones that decide an
//! ill-conditioned polynomial fit; the transcendental functions are those of `f64`.

use crate::num::Dd;
use std::fmt::Write as _;

/// A function of one number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Function {
    /// Natural logarithm.
    Log,
    /// log(1 + x).
    Log1p,
    /// Logarithm to base 2.
    Log2,
    /// Logarithm to base 10.
    Log10,
    /// Exponential.
    Exp,
    /// Square root.
    Sqrt,
    /// Magnitude.
    Abs,
}

impl Function {
    pub(super) const ALL: [Self; 7] =
        [Self::Log, Self::Log1p, Self::Log2, Self::Log10, Self::Exp, Self::Sqrt, Self::Abs];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Log => "log",
            Self::Log1p => "log1p",
            Self::Log2 => "log2",
            Self::Log10 => "log10",
            Self::Exp => "exp",
            Self::Sqrt => "sqrt",
            Self::Abs => "abs",
        }
    }

    pub(super) fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|function| function.name() == name)
    }

    pub(super) fn apply(self, x: Dd) -> Dd {
        match self {
            Self::Log => Dd::from(x.hi.ln()),
            Self::Log1p => Dd::from(x.hi.ln_1p()),
            Self::Log2 => Dd::from(x.hi.log2()),
            Self::Log10 => Dd::from(x.hi.log10()),
            Self::Exp => Dd::from(x.hi.exp()),
            Self::Sqrt => x.sqrt(),
            Self::Abs => x.abs(),
        }
    }
}

/// An operation of two numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operator {
    /// a + b
    Add,
    /// a − b
    Subtract,
    /// a · b
    Multiply,
    /// a / b
    Divide,
    /// aᵇ: by repeated multiplication for whole b up to 1024, else as `f64` does it.
    Power,
}

impl Operator {
    #[inline]
    pub(super) fn apply(self, a: Dd, b: Dd) -> Dd {
        match self {
            Self::Add => a + b,
            Self::Subtract => a - b,
            Self::Multiply => a * b,
            Self::Divide => a / b,
            Self::Power => power(a, b),
        }
    }

    fn strength(self) -> u8 {
        match self {
            Self::Add | Self::Subtract => 1,
            Self::Multiply | Self::Divide => 2,
            Self::Power => 4,
        }
    }
}

const NEGATION: u8 = 3;
const ATOM: u8 = 5;

fn power(a: Dd, b: Dd) -> Dd {
    match whole_exponent(b) {
        Some(exponent) => a.powi(exponent),
        None => Dd::from(a.hi.powf(b.hi)),
    }
}

/// An exponent that repeated multiplication serves.
pub(super) fn whole_exponent(b: Dd) -> Option<i32> {
    const LARGEST_WHOLE: f64 = 1024.0;
    let whole = b.lo == 0.0 && b.hi.fract() == 0.0 && b.hi.abs() <= LARGEST_WHOLE;
    #[expect(clippy::cast_possible_truncation, reason = "whole and at most 1024")]
    let exponent = b.hi as i32;
    whole.then_some(exponent)
}

/// One step of a postfix expression; `R` is how it refers to a column.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Op<R> {
    /// Push a column's value.
    Column(R),
    /// Push a number ≥ 0.
    Number(f64),
    /// Negate the top.
    Negate,
    /// Apply a function to the top.
    Call(Function),
    /// Combine the two at the top.
    Binary(Operator),
}

/// A postfix expression; the parser makes only complete ones, that leave a single value.
#[derive(Clone, Debug, PartialEq)]
pub struct Expr<R>(pub(super) Vec<Op<R>>);

impl<R: PartialEq> Expr<R> {
    /// The column, where the expression is nothing else.
    pub fn as_column(&self) -> Option<&R> {
        match self.0.as_slice() {
            [Op::Column(column)] => Some(column),
            _ => None,
        }
    }

    /// The columns it refers to, in order, repetitions included.
    pub fn columns(&self) -> impl Iterator<Item = &R> {
        self.0.iter().filter_map(|op| match op {
            Op::Column(column) => Some(column),
            _ => None,
        })
    }

    /// See [`Self::columns`].
    pub(super) fn columns_mut(&mut self) -> impl Iterator<Item = &mut R> {
        self.0.iter_mut().filter_map(|op| match op {
            Op::Column(column) => Some(column),
            _ => None,
        })
    }

    /// The same expression of columns referred to in another way.
    pub fn map<S, E>(&self, mut refer: impl FnMut(&R) -> Result<S, E>) -> Result<Expr<S>, E> {
        let convert = |op: &Op<R>| {
            Ok(match op {
                Op::Column(column) => Op::Column(refer(column)?),
                Op::Number(number) => Op::Number(*number),
                Op::Negate => Op::Negate,
                Op::Call(function) => Op::Call(*function),
                Op::Binary(operator) => Op::Binary(*operator),
            })
        };
        self.0.iter().map(convert).collect::<Result<_, E>>().map(Expr)
    }

    /// Whether the outermost operation is a power: `x^2` is plain enough for a name without `I(…)`.
    pub fn is_power(&self) -> bool {
        self.0.last() == Some(&Op::Binary(Operator::Power))
    }

    /// Raised to a whole power.
    #[must_use]
    pub fn to_power(mut self, exponent: u32) -> Self {
        if exponent != 1 {
            self.0.extend([Op::Number(f64::from(exponent)), Op::Binary(Operator::Power)]);
        }
        self
    }

    /// Whether a value can have a part below `f64`'s last digit.
    pub fn can_have_low_part(&self) -> bool {
        let mut stack: Vec<bool> = Vec::new();
        for op in &self.0 {
            let low = match op {
                Op::Column(_) | Op::Number(_) => false,
                Op::Negate | Op::Call(Function::Abs) => stack.pop().unwrap_or(false),
                Op::Call(function) => {
                    stack.pop();
                    *function == Function::Sqrt
                }
                Op::Binary(_) => {
                    stack.truncate(stack.len().saturating_sub(2));
                    true
                }
            };
            stack.push(low);
        }
        stack.pop().unwrap_or(false)
    }

    /// Its value, `column` giving those of the columns. `stack` is scratch space.
    pub fn value(&self, stack: &mut Vec<Dd>, column: impl Fn(&R) -> f64) -> Dd {
        let nan = Dd::from(f64::NAN);
        stack.clear();
        for op in &self.0 {
            let value = match op {
                Op::Column(reference) => Dd::from(column(reference)),
                Op::Number(number) => Dd::from(*number),
                Op::Negate => -stack.pop().unwrap_or(nan),
                Op::Call(function) => function.apply(stack.pop().unwrap_or(nan)),
                Op::Binary(operator) => {
                    let right = stack.pop().unwrap_or(nan);
                    operator.apply(stack.pop().unwrap_or(nan), right)
                }
            };
            stack.push(value);
        }
        stack.pop().unwrap_or(nan)
    }

    /// As arithmetic, `name` giving the names of columns, and how tightly its outermost operation binds.
    fn infix(&self, name: impl Fn(&R) -> String) -> (String, u8) {
        let mut stack: Vec<(String, u8)> = Vec::new();
        for op in &self.0 {
            let printed = match op {
                Op::Column(column) => (name(column), ATOM),
                Op::Number(number) => (print_number(*number), ATOM),
                Op::Negate => {
                    let operand = stack.pop().unwrap_or_default();
                    (format!("-{}", enclosed(operand, NEGATION)), NEGATION)
                }
                Op::Call(function) => {
                    (format!("{}({})", function.name(), stack.pop().unwrap_or_default().0), ATOM)
                }
                Op::Binary(operator) => {
                    let right = stack.pop().unwrap_or_default();
                    let left = stack.pop().unwrap_or_default();
                    (print_binary(*operator, left, right), operator.strength())
                }
            };
            stack.push(printed);
        }
        stack.pop().unwrap_or_default()
    }

    /// As it stands in a formula: `x`, `log(x)`, `I(x / y)`; `bare` leaves out the `I(…)`.
    pub fn print(&self, bare: bool, name: impl Fn(&R) -> String) -> String {
        let (text, _) = self.infix(name);
        let whole = matches!(self.0.last(), Some(Op::Column(_) | Op::Call(_)));
        if whole || bare { text } else { format!("I({text})") }
    }
}

fn enclosed((text, strength): (String, u8), least: u8) -> String {
    if strength < least { format!("({text})") } else { text }
}

fn print_binary(operator: Operator, left: (String, u8), right: (String, u8)) -> String {
    let (sign, least_left, least_right) = match operator {
        Operator::Add => (" + ", 1, 2),
        Operator::Subtract => (" - ", 1, 2),
        Operator::Multiply => (" * ", 2, 3),
        Operator::Divide => (" / ", 2, 3),
        Operator::Power => ("^", ATOM, NEGATION),
    };
    // The left side is extended in place: a long sum prints in linear time.
    let mut text = enclosed(left, least_left);
    text.push_str(sign);
    text.push_str(&enclosed(right, least_right));
    text
}

/// The shortest text that reads back as the same number.
fn print_number(number: f64) -> String {
    let mut text = String::new();
    let _ = if number == 0.0 || (1e-5..1e15).contains(&number) {
        write!(text, "{number}")
    } else {
        write!(text, "{number:e}")
    };
    text
}
