//! Record types and their fields.

use crate::index;

/// What a field holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldKind {
    Integer,
    Boolean,
    /// ISO 8601 with an offset.
    DateTime,
    /// ISO 8601, no time.
    Date,
    /// In JSON a string, so that no digit is lost. Precision and scale where known.
    Decimal(Option<(u8, u8)>),
    /// In JSON a number.
    Float,
    /// With its greatest length in characters, where known.
    Text(Option<u32>),
    /// One record of this type, or a reference to it.
    Record(&'static str),
    /// A list of records of this type.
    Records(&'static str),
    /// A list of unknown form.
    List,
    /// The release does not say.
    Unknown,
}

impl FieldKind {
    /// The type of the record or records it holds.
    pub fn record_type(self) -> Option<&'static str> {
        match self {
            Self::Record(name) | Self::Records(name) => Some(name),
            _ => None,
        }
    }

    fn parse(word: &'static str) -> Self {
        let rest = word.get(1..).unwrap_or_default();
        match word.as_bytes().first() {
            Some(b'i') => Self::Integer,
            Some(b'b') => Self::Boolean,
            Some(b't') => Self::DateTime,
            Some(b'd') => Self::Date,
            Some(b'f') => Self::Float,
            Some(b'n') => Self::Decimal(rest.split_once('.').and_then(|(precision, scale)| {
                Some((precision.parse().ok()?, scale.parse().ok()?))
            })),
            Some(b's' | b'x') => Self::Text(rest.parse().ok()),
            Some(b'>') => Self::Record(rest),
            Some(b'+') => Self::Records(rest),
            Some(b'l') => Self::List,
            _ => Self::Unknown,
        }
    }
}

/// One field of a record type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// In kebab case, as in answers.
    pub name: &'static str,
    pub kind: FieldKind,
    /// By the release's model, which is stricter than creating really is.
    pub required: bool,
    /// Ignored when sent.
    pub read_only: bool,
    /// The values it can have; empty where any.
    pub choices: Vec<&'static str>,
}

impl Field {
    fn parse(line: &'static str) -> Option<Self> {
        let (line, choices) = match line.split_once(" =") {
            Some((line, choices)) => (line, choices.split('|').collect()),
            None => (line, Vec::new()),
        };
        let mut words = line.split(' ');
        let (name, kind) = (words.next()?, FieldKind::parse(words.next()?));
        let marks = words.next().unwrap_or_default();
        Some(Self {
            name,
            kind,
            required: marks.contains('*'),
            read_only: marks.contains('-'),
            choices,
        })
    }
}

/// The names of all record types.
pub fn record_types() -> impl Iterator<Item = &'static str> {
    index::types()
}

/// The fields of a record type in alphabetical order; none where there is no
/// such type.
pub fn fields(record_type: &str) -> impl Iterator<Item = Field> + use<> {
    index::fields_of(record_type)
        .lines()
        .filter_map(Field::parse)
}

/// One field of a record type, by its name in kebab or snake case.
pub fn field(record_type: &str, name: &str) -> Option<Field> {
    let is_it = |line: &&str| {
        let known = line.split(' ').next().unwrap_or_default();
        known.len() == name.len()
            && known
                .bytes()
                .zip(name.bytes())
                .all(|(a, b)| a == b || (a == b'-' && b == b'_'))
    };
    index::fields_of(record_type)
        .lines()
        .find(is_it)
        .and_then(Field::parse)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_have_kinds_and_marks() {
        let name = field("Supplier", "name").unwrap();
        assert_eq!(name.kind, FieldKind::Text(Some(100)));
        assert!(name.required && !name.read_only);

        let id = field("Supplier", "id").unwrap();
        assert_eq!((id.kind, id.read_only), (FieldKind::Integer, true));

        assert_eq!(
            field("Supplier", "payment_term").unwrap().kind,
            FieldKind::Record("PaymentTerm")
        );
        assert_eq!(
            field("ExchangeRate", "rate").unwrap().kind,
            FieldKind::Decimal(Some((30, 9)))
        );
        assert!(
            field("Supplier", "invoice-matching-level")
                .unwrap()
                .choices
                .contains(&"3-way")
        );
        assert!(field("Supplier", "nmae").is_none());
        assert_eq!(fields("NoSuchType").count(), 0);
    }
}
