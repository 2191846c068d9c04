//! Plain values: from what a client sent to what is stored, or a sentence that
//! says what is wrong.
//!
//! Numbers may come as strings and the other way round. The sentences about
//! choices and blankness are Coupa's own; the others follow the same style (a guess).

use coupa_catalog::{Field, FieldKind};
use serde_json::Value;

use crate::clock;
use crate::model::words::{field_words, model_words};

/// The stored form of a value for a field of a record type.
pub fn accept(record_type: &str, field: &Field, value: &Value) -> Result<Value, String> {
    let words = field_words(field.name);
    if matches!(value, Value::Array(_) | Value::Object(_)) {
        return Err(format!("{words} must be a single value"));
    }
    let sent = text(value);
    let blank = sent.trim().is_empty();
    let accepted = match field.kind {
        _ if value.is_null() => return Ok(Value::Null),
        FieldKind::Text(limit) => return accept_text(record_type, field, sent, limit),
        _ if blank => return Ok(Value::Null),
        FieldKind::Integer => sent.trim().parse::<i64>().ok().map(Value::from),
        FieldKind::Decimal(form) => {
            return decimal(&sent, form)
                .map(Value::from)
                .map_err(|what| format!("{words} {what}"));
        }
        FieldKind::Float => sent.trim().parse::<f64>().ok().map(Value::from),
        FieldKind::Boolean => boolean(&sent).map(Value::from),
        FieldKind::DateTime => clock::parse_instant(&sent).map(Value::from),
        FieldKind::Date => clock::parse_date(&sent).map(Value::from),
        _ => Some(value.clone()),
    };
    accepted.ok_or_else(|| match field.kind {
        FieldKind::Boolean => format!("{words} must be true or false"),
        FieldKind::DateTime | FieldKind::Date => format!("{words} is not a valid date"),
        _ => format!("{words} is not a number"),
    })
}

/// Whether a value counts as blank.
pub fn is_blank(value: Option<&Value>) -> bool {
    match value {
        None | Some(Value::Null) => true,
        Some(Value::String(text)) => text.trim().is_empty(),
        Some(Value::Array(items)) => items.is_empty(),
        Some(_) => false,
    }
}

/// What a client means by a flag.
pub fn boolean(text: &str) -> Option<bool> {
    match text.trim().to_ascii_lowercase().as_str() {
        "true" | "yes" | "1" => Some(true),
        "false" | "no" | "0" => Some(false),
        _ => None,
    }
}

/// A plain value as text.
pub fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

fn accept_text(
    record_type: &str,
    field: &Field,
    text: String,
    limit: Option<u32>,
) -> Result<Value, String> {
    let words = field_words(field.name);
    // A sentence names the record unless the field's name already says what it is about.
    let subject = match words.strip_prefix("PO ") {
        Some(_) => words.clone(),
        None => format!(
            "{} {}",
            model_words(record_type),
            field.name.replace('-', " ")
        ),
    };
    if let Some(limit) = limit
        && text.chars().count() > limit as usize
    {
        return Err(format!(
            "{words} is too long (maximum is {limit} characters)"
        ));
    }
    if !text.is_empty() && !field.choices.is_empty() && !field.choices.contains(&text.as_str()) {
        let choices = field.choices.join(", ");
        return Err(format!("{subject} must be one of {choices}."));
    }
    let is_email = matches!(field.name, "email" | "po-email");
    if is_email && !text.is_empty() && !text.contains('@') {
        let owner = model_words(record_type);
        return Err(format!("{owner} email is not a valid email address."));
    }
    Ok(Value::String(text))
}

/// A decimal as its digits, rounded to the scale, with at least one digit
/// after the point.
fn decimal(text: &str, form: Option<(u8, u8)>) -> Result<String, String> {
    let not_a_number = || "is not a number".to_owned();
    let trimmed = text.trim();
    let (sign, digits) = match trimmed.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", trimmed.strip_prefix('+').unwrap_or(trimmed)),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let numeric = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    if !numeric(whole) || !numeric(fraction) || whole.is_empty() && fraction.is_empty() {
        return Err(not_a_number());
    }
    let (precision, scale) = form.unwrap_or((30, 6));
    let scale = usize::from(scale);
    let whole = whole.trim_start_matches('0');
    if whole.len() + scale > usize::from(precision) {
        let most = usize::from(precision).saturating_sub(scale);
        return Err(format!(
            "is too large (at most {most} digits before the point)"
        ));
    }
    let (kept, rest) = fraction.split_at(fraction.len().min(scale));
    let mut number: i128 = format!("0{whole}{kept}")
        .parse()
        .map_err(|_| not_a_number())?;
    if rest.as_bytes().first().is_some_and(|digit| *digit >= b'5') {
        number += 1;
    }
    let width = kept.len() + 1;
    let padded = format!("{number:0width$}");
    let (whole, fraction) = padded.split_at(padded.len() - kept.len());
    let fraction = if fraction.is_empty() { "0" } else { fraction };
    Ok(format!("{sign}{whole}.{fraction}"))
}

#[cfg(test)]
mod tests {
    use super::decimal;

    #[test]
    fn decimals_keep_their_digits() {
        for (given, stored) in [
            ("49", "49.0"),
            ("49.00", "49.00"),
            ("-0.50", "-0.50"),
            (".5", "0.5"),
            ("1.99999", "2.0000"),
            ("12345678901234567890.1234", "12345678901234567890.1234"),
        ] {
            assert_eq!(
                decimal(given, Some((32, 4))).as_deref(),
                Ok(stored),
                "{given}"
            );
        }
        assert!(decimal("1e5", None).is_err());
        assert!(decimal("twelve", None).is_err());
        assert!(decimal("1000", Some((5, 2))).is_err());
    }
}
