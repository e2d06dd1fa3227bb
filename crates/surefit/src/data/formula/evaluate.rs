//! An expression for many rows at once: each operation is one loop over columns of numbers, kept as high and low parts
//! apart so that the loops become vector instructions. Every element goes through the very operations of
//! [`Expr::value`], so the bits are the same.

use super::expr::{Expr, Function, Op, Operator, whole_exponent};
use crate::num::Dd;
use crate::num::simd::vectorised;

/// A column of numbers in double-double.
#[derive(Clone, Debug)]
pub struct Wide {
    /// The values rounded to `f64`.
    pub hi: Vec<f64>,
    /// What the rounding left over.
    pub lo: Vec<f64>,
}

impl Wide {
    fn constant(value: f64, rows: usize) -> Self {
        Self { hi: vec![value; rows], lo: vec![0.0; rows] }
    }

    /// Plain numbers.
    pub fn of(values: &[f64]) -> Self {
        Self { hi: values.to_vec(), lo: vec![0.0; values.len()] }
    }

    /// Element by element.
    pub fn multiply(&mut self, other: &Self) {
        combine(Operator::Multiply, &mut self.hi, &mut self.lo, Right::Column(&other.hi, &other.lo));
    }

    fn map(&mut self, function: impl Fn(Dd) -> Dd) {
        for (hi, lo) in self.hi.iter_mut().zip(&mut self.lo) {
            let value = function(Dd { hi: *hi, lo: *lo });
            (*hi, *lo) = (value.hi, value.lo);
        }
    }

    /// Whole power by repeated squaring, as [`Dd::powi`].
    fn power(&mut self, exponent: i32) {
        let mut left = exponent.unsigned_abs();
        let mut result = Self::constant(1.0, self.hi.len());
        while left > 0 {
            if left & 1 == 1 {
                result.multiply(self);
            }
            left >>= 1;
            if left > 0 {
                square(&mut self.hi, &mut self.lo);
            }
        }
        if exponent < 0 {
            *self = Self::constant(1.0, self.hi.len());
            combine(Operator::Divide, &mut self.hi, &mut self.lo, Right::Column(&result.hi, &result.lo));
        } else {
            *self = result;
        }
    }
}

/// What stands on the right of an operator.
#[derive(Clone, Copy)]
enum Right<'a> {
    Number(f64),
    Column(&'a [f64], &'a [f64]),
}

/// An operand on the stack.
enum Operand {
    Number(f64),
    Column(Wide),
}

impl Operand {
    fn into_column(self, rows: usize) -> Wide {
        match self {
            Self::Number(number) => Wide::constant(number, rows),
            Self::Column(column) => column,
        }
    }
}

impl<R: PartialEq> Expr<R> {
    /// Its values for `rows` rows, `column` giving those of the columns; see [`Expr::value`].
    pub fn values<'c>(&self, rows: usize, column: impl Fn(&R) -> &'c [f64]) -> Wide {
        let mut stack: Vec<Operand> = Vec::new();
        for op in &self.0 {
            let mut pop = || stack.pop().unwrap_or(Operand::Number(f64::NAN));
            let value = match op {
                Op::Column(reference) => {
                    let mut values = Wide::of(column(reference));
                    values.hi.resize(rows, f64::NAN);
                    values.lo.resize(rows, 0.0);
                    Operand::Column(values)
                }
                Op::Number(number) => Operand::Number(*number),
                Op::Negate => {
                    let mut values = pop().into_column(rows);
                    values.map(|x| -x);
                    Operand::Column(values)
                }
                Op::Call(function) => {
                    let mut values = pop().into_column(rows);
                    call(*function, &mut values);
                    Operand::Column(values)
                }
                Op::Binary(operator) => {
                    let right = pop();
                    let mut left = pop().into_column(rows);
                    binary(*operator, &mut left, &right);
                    Operand::Column(left)
                }
            };
            stack.push(value);
        }
        stack.pop().unwrap_or(Operand::Number(f64::NAN)).into_column(rows)
    }
}

fn call(function: Function, values: &mut Wide) {
    match function {
        Function::Sqrt => root(&mut values.hi, &mut values.lo),
        other => values.map(|x| other.apply(x)),
    }
}

fn binary(operator: Operator, left: &mut Wide, right: &Operand) {
    match (operator, right) {
        (Operator::Power, Operand::Number(exponent)) => match whole_exponent(Dd::from(*exponent)) {
            Some(exponent) => left.power(exponent),
            None => left.map(|x| operator.apply(x, Dd::from(*exponent))),
        },
        (Operator::Power, Operand::Column(right)) => {
            let rows = left.hi.iter_mut().zip(&mut left.lo).zip(right.hi.iter().zip(&right.lo));
            for ((hi, lo), (right_hi, right_lo)) in rows {
                let right = Dd { hi: *right_hi, lo: *right_lo };
                let value = operator.apply(Dd { hi: *hi, lo: *lo }, right);
                (*hi, *lo) = (value.hi, value.lo);
            }
        }
        (_, Operand::Number(number)) => combine(operator, &mut left.hi, &mut left.lo, Right::Number(*number)),
        (_, Operand::Column(right)) => {
            combine(operator, &mut left.hi, &mut left.lo, Right::Column(&right.hi, &right.lo));
        }
    }
}

/// `left ← f(left, right)`, element by element.
#[inline(always)]
fn each(hi: &mut [f64], lo: &mut [f64], right: Right<'_>, f: impl Fn(Dd, Dd) -> Dd) {
    match right {
        Right::Number(number) => {
            let number = Dd::from(number);
            for (hi, lo) in hi.iter_mut().zip(lo) {
                let value = f(Dd { hi: *hi, lo: *lo }, number);
                (*hi, *lo) = (value.hi, value.lo);
            }
        }
        Right::Column(right_hi, right_lo) => {
            for ((hi, lo), (right_hi, right_lo)) in hi.iter_mut().zip(lo).zip(right_hi.iter().zip(right_lo)) {
                let value = f(Dd { hi: *hi, lo: *lo }, Dd { hi: *right_hi, lo: *right_lo });
                (*hi, *lo) = (value.hi, value.lo);
            }
        }
    }
}

vectorised! {
/// Sums, differences, products and quotients.
fn combine<'a>(operator: Operator, hi: &'a mut [f64], lo: &'a mut [f64], right: Right<'a>) -> () {
    match operator {
        Operator::Add => each(hi, lo, right, |a, b| a + b),
        Operator::Subtract => each(hi, lo, right, |a, b| a - b),
        Operator::Multiply => each(hi, lo, right, |a, b| a * b),
        Operator::Divide => each(hi, lo, right, |a, b| a / b),
        Operator::Power => each(hi, lo, right, |a, b| Operator::Power.apply(a, b)),
    }
}
}

vectorised! {
fn square<'a>(hi: &'a mut [f64], lo: &'a mut [f64]) -> () {
    for (hi, lo) in hi.iter_mut().zip(lo) {
        let x = Dd { hi: *hi, lo: *lo };
        let value = x * x;
        (*hi, *lo) = (value.hi, value.lo);
    }
}
}

vectorised! {
fn root<'a>(hi: &'a mut [f64], lo: &'a mut [f64]) -> () {
    for (hi, lo) in hi.iter_mut().zip(lo) {
        let value = Dd { hi: *hi, lo: *lo }.sqrt();
        (*hi, *lo) = (value.hi, value.lo);
    }
}
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::super::Formula;
    use super::super::Variable;
    use proptest::prelude::*;

    /// The expressions on the right of a formula of a and b.
    fn expressions(formula: &str) -> Vec<super::Expr<usize>> {
        let header = ["y", "a", "b"].map(str::to_owned);
        let resolved = Formula::parse(formula).unwrap().resolve(&header, None).unwrap();
        let value = |variable: &Variable| match variable {
            Variable::Value(value) => Some(value.clone()),
            Variable::Column(_) => None,
        };
        resolved.variables.iter().filter_map(value).collect()
    }

    proptest! {
        #[test]
        fn a_block_has_the_bits_of_its_rows(
            rows in proptest::collection::vec((-1e3f64..1e3, -2.0f64..4.0), 1..70)
        ) {
            let formula = "y ~ poly(a, 7) + I(a^-3) + I(a * b - 2 / b) + log(a) + sqrt(I(a^2 + b^2)) + I(b^0.5) \
                + I(a^b) + exp(b) + abs(a) + I(-a + 1) + I(3 - a) + I(b^0)";
            let columns: [Vec<f64>; 2] = [rows.iter().map(|r| r.0).collect(), rows.iter().map(|r| r.1).collect()];
            let found = expressions(formula);
            prop_assert!(found.len() > 12);
            let mut order: Vec<usize> = found.iter().flat_map(|e| e.columns().copied()).collect();
            order.sort_unstable();
            order.dedup();
            let at = |input: &usize| order.iter().position(|o| o == input).unwrap();
            for expression in &found {
                let all = expression.values(rows.len(), |input| columns[at(input)].as_slice());
                for (i, (hi, lo)) in all.hi.iter().zip(&all.lo).enumerate() {
                    let one = expression.value(&mut Vec::new(), |input| columns[at(input)][i]);
                    prop_assert_eq!(hi.to_bits(), one.hi.to_bits());
                    prop_assert_eq!(lo.to_bits(), one.lo.to_bits());
                }
            }
        }
    }
}
