//! Values in writing, as jq writes them.

use jaq_json::{Map, Num, Val};

/// The largest whole number that is written digit by digit without a look at the rest.
const MOST_PLAIN: f64 = 1e15;

/// A value as JSON.
pub fn written(value: &Val) -> String {
    let mut out = String::new();
    write(&mut out, value);
    out
}

pub fn write(out: &mut String, value: &Val) {
    match value {
        Val::Null => out.push_str("null"),
        Val::Bool(true) => out.push_str("true"),
        Val::Bool(false) => out.push_str("false"),
        Val::Num(number) => write_number(out, number),
        Val::TStr(bytes) | Val::BStr(bytes) => write_text(out, bytes),
        Val::Arr(elements) => {
            out.push('[');
            for (at, element) in elements.iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                write(out, element);
            }
            out.push(']');
        }
        Val::Obj(fields) => write_fields(out, fields),
    }
}

fn write_fields(out: &mut String, fields: &Map) {
    out.push('{');
    for (at, (key, value)) in fields.iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        write(out, key);
        out.push(':');
        write(out, value);
    }
    out.push('}');
}

fn write_text(out: &mut String, bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    out.push('"');
    let mut plain = 0;
    for (at, byte) in text.bytes().enumerate() {
        let escaped = match byte {
            b'"' => "\\\"",
            b'\\' => "\\\\",
            b'\n' => "\\n",
            b'\r' => "\\r",
            b'\t' => "\\t",
            0x08 => "\\b",
            0x0c => "\\f",
            0..=0x1f | 0x7f => "",
            _ => continue,
        };
        out.push_str(&text[plain..at]);
        if escaped.is_empty() {
            out.push_str(&format!("\\u{byte:04x}"));
        } else {
            out.push_str(escaped);
        }
        plain = at + 1;
    }
    out.push_str(&text[plain..]);
    out.push('"');
}

fn write_number(out: &mut String, number: &Num) {
    match number {
        Num::Int(whole) => out.push_str(&whole.to_string()),
        Num::BigInt(whole) => out.push_str(&whole.to_string()),
        Num::Float(float) => write_float(out, *float),
        Num::Dec(text) => match text.find(['e', 'E']) {
            // What nothing was computed of stays as it came.
            None => out.push_str(text),
            Some(at) => write_decimal(out, &text[..at], &text[at + 1..]),
        },
    }
}

/// What is no number in JSON is null, or the largest number there is.
fn write_float(out: &mut String, float: f64) {
    if float.is_nan() {
        return out.push_str("null");
    }
    if float.fract() == 0.0 && float.abs() < MOST_PLAIN {
        if float == 0.0 && float.is_sign_negative() {
            out.push('-');
        }
        return out.push_str(&(float as i64).to_string());
    }
    let float = float.clamp(f64::MIN, f64::MAX);
    let scientific = format!("{float:e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or_default();
    let (sign, mantissa) = match mantissa.strip_prefix('-') {
        Some(mantissa) => ("-", mantissa),
        None => ("", mantissa),
    };
    let digits = mantissa.replace('.', "");
    out.push_str(sign);
    let point = exponent + 1;
    let count = digits.len() as i32;
    if point <= -4 || point > count + 15 {
        out.push_str(mantissa);
        let sign = if exponent < 0 { '-' } else { '+' };
        out.push_str(&format!("e{sign}{:02}", exponent.abs()));
    } else {
        write_plain(out, &digits, point);
    }
}

/// Digits with a point behind the first `point` of them.
fn write_plain(out: &mut String, digits: &str, point: i32) {
    let zeros = |count: i32| "0".repeat(usize::try_from(count).unwrap_or_default());
    let count = digits.len() as i32;
    if point <= 0 {
        out.push_str("0.");
        out.push_str(&zeros(-point));
        out.push_str(digits);
    } else if point >= count {
        out.push_str(digits);
        out.push_str(&zeros(point - count));
    } else {
        let (before, behind) = digits.split_at(point as usize);
        out.push_str(before);
        out.push('.');
        out.push_str(behind);
    }
}

/// A number that came with an exponent, in the form of General Decimal Arithmetic.
fn write_decimal(out: &mut String, coefficient: &str, exponent: &str) {
    let as_it_came = |out: &mut String| {
        out.push_str(coefficient);
        out.push('E');
        out.push_str(exponent);
    };
    let Ok(exponent) = exponent.parse::<i32>() else {
        return as_it_came(out);
    };
    let (sign, coefficient) = match coefficient.strip_prefix('-') {
        Some(coefficient) => ("-", coefficient),
        None => ("", coefficient),
    };
    let decimals = coefficient.split_once('.').map_or(0, |(_, d)| d.len()) as i32;
    let all = coefficient.replace('.', "");
    let digits = match all.trim_start_matches('0') {
        "" => "0",
        digits => digits,
    };
    let exponent = exponent.saturating_sub(decimals);
    let count = digits.len() as i32;
    let adjusted = exponent.saturating_add(count - 1);
    out.push_str(sign);
    if exponent <= 0 && adjusted >= -6 {
        return write_plain(out, digits, count + exponent);
    }
    let (first, rest) = digits.split_at(1);
    out.push_str(first);
    if !rest.is_empty() {
        out.push('.');
        out.push_str(rest);
    }
    out.push_str(&format!("E{adjusted:+}"));
}
