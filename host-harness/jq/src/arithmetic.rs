//! Arithmetic as jq has it: in 64-bit floats, by nothing an error, remainders of whole
//! numbers.

use crate::value::{ValR, Value, fail, ours};
use jaq_json::{Num, Val};
use jaq_std::ValT as _;
use std::ops::{Add, Div, Mul, Neg, Rem, Sub};

/// Whole numbers up to here are the same as floats.
const MOST_EXACT: f64 = 9_007_199_254_740_992.0;

/// The result of arithmetic as jq has it.
fn computed(value: Val) -> Val {
    match &value {
        Val::Num(Num::BigInt(_)) => match value.as_f64() {
            Some(number) => Val::Num(Num::Float(number)),
            None => value,
        },
        Val::Num(Num::Int(whole)) if (*whole as f64).abs() > MOST_EXACT => {
            Val::Num(Num::Float(*whole as f64))
        }
        _ => value,
    }
}

fn math(result: Result<Val, jaq_core::Error<Val>>) -> ValR {
    result.map(|value| Value(computed(value))).map_err(ours)
}

impl Add for Value {
    type Output = ValR;
    fn add(self, other: Self) -> ValR {
        math(self.0 + other.0)
    }
}

impl Sub for Value {
    type Output = ValR;
    fn sub(self, other: Self) -> ValR {
        math(self.0 - other.0)
    }
}

impl Mul for Value {
    type Output = ValR;
    fn mul(self, other: Self) -> ValR {
        match (&self.0, &other.0) {
            (Val::Num(Num::Int(0)), Val::Num(Num::Int(n)))
            | (Val::Num(Num::Int(n)), Val::Num(Num::Int(0)))
                if *n < 0 =>
            {
                Ok(Self::number(-0.0))
            }
            (text @ (Val::TStr(_) | Val::BStr(_)), Val::Num(times))
            | (Val::Num(times), text @ (Val::TStr(_) | Val::BStr(_))) => {
                let times = Val::Num(times.clone()).as_f64().unwrap_or(f64::NAN);
                repeated(text, times)
            }
            _ => math(self.0 * other.0),
        }
    }
}

/// A text several times: none for less than nothing, and at least one for a part.
fn repeated(text: &Val, times: f64) -> ValR {
    let bytes = text.as_bytes().unwrap_or_default();
    if times < 0.0 || times.is_nan() {
        return Ok(Value::default());
    }
    let times = if times > 0.0 { times.max(1.0) } else { 0.0 } as usize;
    match bytes.len().checked_mul(times) {
        Some(size) if size <= isize::MAX as usize / 2 => Ok(Value::text(bytes.repeat(times))),
        _ => fail("the repeated text would be too long"),
    }
}

impl Div for Value {
    type Output = ValR;
    fn div(self, other: Self) -> ValR {
        if let (Val::Num(_), Val::Num(_)) = (&self.0, &other.0)
            && other.as_number() == Some(0.0)
        {
            return fail(format_args!("{self} cannot be divided by zero"));
        }
        math(self.0 / other.0)
    }
}

impl Rem for Value {
    type Output = ValR;
    fn rem(self, other: Self) -> ValR {
        let (Some(left), Some(right)) = (self.as_number(), other.as_number()) else {
            return math(self.0 % other.0);
        };
        if left.is_nan() || right.is_nan() {
            return Ok(Self::number(f64::NAN));
        }
        // Both without their fractions; a number too large is the largest.
        let (left, right) = (left as i64, right as i64);
        match left.checked_rem(right) {
            Some(rest) => Ok(Self::number(rest as f64)),
            None if right == -1 => Ok(Self::number(0.0)),
            None => fail(format_args!("{self} cannot be divided by zero")),
        }
    }
}

impl Neg for Value {
    type Output = ValR;
    fn neg(self) -> ValR {
        match &self.0 {
            Val::Num(Num::Dec(_)) => Ok(Self::number(-self.0.as_f64().unwrap_or_default())),
            _ => math(-self.0),
        }
    }
}
