//! The operators of filters and the values they compare with: the twelve of
//! Coupa's integration documentation. `[eq]` is not one of them.

use coupa_catalog::{Field, FieldKind};
use rusqlite::types::Value as SqlValue;

use crate::clock;

/// What a filter tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    Equal,
    NotEqual,
    Contains,
    StartsWith,
    EndsWith,
    Greater,
    Less,
    GreaterOrEqual,
    LessOrEqual,
    In,
    NotIn,
    Blank,
}

impl Operator {
    /// Every operator that has a name; equality has none.
    pub const NAMED: [(&'static str, Self); 11] = [
        ("not_eq", Self::NotEqual),
        ("contains", Self::Contains),
        ("starts_with", Self::StartsWith),
        ("ends_with", Self::EndsWith),
        ("gt", Self::Greater),
        ("lt", Self::Less),
        ("gt_or_eq", Self::GreaterOrEqual),
        ("lt_or_eq", Self::LessOrEqual),
        ("in", Self::In),
        ("not_in", Self::NotIn),
        ("blank", Self::Blank),
    ];

    /// The operator with this name; none where there is no such operator.
    pub fn parse(name: &str) -> Option<Self> {
        let named = Self::NAMED.iter().find(|(known, _)| *known == name);
        named.map(|(_, operator)| *operator)
    }

    /// Whether it can test a field of this kind: tests of text and of
    /// blankness are not for points in time.
    pub fn suits(self, kind: FieldKind) -> bool {
        let temporal = matches!(kind, FieldKind::DateTime | FieldKind::Date);
        !(temporal && (self.is_text() || self == Self::Blank))
    }

    /// Whether it tests a part of a text.
    pub fn is_text(self) -> bool {
        matches!(self, Self::Contains | Self::StartsWith | Self::EndsWith)
    }

    /// Whether it takes a list.
    pub fn is_list(self) -> bool {
        matches!(self, Self::In | Self::NotIn)
    }

    /// The comparison in SQL, where it is a plain one.
    pub fn comparison(self) -> &'static str {
        match self {
            Self::NotEqual => "<>",
            Self::Greater => ">",
            Self::Less => "<",
            Self::GreaterOrEqual => ">=",
            Self::LessOrEqual => "<=",
            _ => "=",
        }
    }
}

/// The values that an operator compares with, in the type of the field. An
/// error is a sentence for the client.
pub fn operands(
    operator: Operator,
    field: Option<&Field>,
    text: &str,
) -> Result<Vec<SqlValue>, String> {
    if operator == Operator::Blank {
        return Ok(vec![SqlValue::Integer(i64::from(flag(text)?))]);
    }
    let Some(field) = field.filter(|_| !operator.is_text()) else {
        let values = split(operator, text);
        return Ok(values.map(|v| SqlValue::Text(v.to_owned())).collect());
    };
    split(operator, text)
        .map(|value| operand(field, value))
        .collect()
}

fn split(operator: Operator, text: &str) -> impl Iterator<Item = &str> {
    text.split(move |letter| operator.is_list() && letter == ',')
}

fn operand(field: &Field, text: &str) -> Result<SqlValue, String> {
    let wrong = |what: &str| format!("{} must be {what}, not \"{text}\"", field.name);
    match field.kind {
        FieldKind::Integer => text
            .trim()
            .parse()
            .map(SqlValue::Integer)
            .map_err(|_| wrong("a whole number")),
        FieldKind::Decimal(_) | FieldKind::Float => text
            .trim()
            .parse()
            .map(SqlValue::Real)
            .map_err(|_| wrong("a number")),
        FieldKind::Boolean => flag(text).map(|flag| SqlValue::Integer(i64::from(flag))),
        FieldKind::DateTime => clock::parse_instant(text)
            .map(SqlValue::Text)
            .ok_or_else(|| wrong("an ISO 8601 date and time")),
        FieldKind::Date => clock::parse_date(text)
            .map(SqlValue::Text)
            .ok_or_else(|| wrong("an ISO 8601 date")),
        _ => Ok(SqlValue::Text(text.to_owned())),
    }
}

fn flag(text: &str) -> Result<bool, String> {
    match text.trim().to_ascii_lowercase().as_str() {
        "true" | "yes" | "1" => Ok(true),
        "false" | "no" | "0" => Ok(false),
        _ => Err(format!("\"{text}\" is neither true nor false")),
    }
}
