//! Reads `facts.txt`, which says what the sandbox adds to the catalog.

use coupa_catalog::{Field, FieldKind};
use serde_json::Value;

use super::{Owner, OwnerType, Subset};

const FACTS: &str = include_str!("facts.txt");

/// The fields of a record type that the release description omits or mistypes.
pub fn corrected_fields(record_type: &str) -> impl Iterator<Item = Field> {
    lines("field", record_type).filter_map(|words| {
        Some(Field {
            name: words.first()?,
            kind: kind(words.get(1)?),
            required: false,
            read_only: false,
            choices: Vec::new(),
        })
    })
}

/// The values that a field can have though the description lists none.
pub fn choices(record_type: &str, name: &str) -> Vec<&'static str> {
    lines("choices", record_type)
        .find(|words| words.first() == Some(&name))
        .and_then(|words| Some(words.get(1)?.split('|').collect()))
        .unwrap_or_default()
}

/// The names of a line such as `shape Supplier id name`, if there is one.
pub fn names(word: &'static str, record_type: &str) -> Option<Vec<&'static str>> {
    lines(word, record_type).next()
}

/// What a create fills in.
pub fn defaults(record_type: &str) -> Vec<(&'static str, Value)> {
    lines("default", record_type)
        .filter_map(|words| Some((*words.first()?, serde_json::from_str(words.get(1)?).ok()?)))
        .collect()
}

/// The field that is unique among the records with the same scope, and that scope.
pub fn unique_within(record_type: &str) -> Vec<(&'static str, &'static str)> {
    lines("within", record_type)
        .filter_map(|words| Some((*words.first()?, *words.get(1)?)))
        .collect()
}

/// Paths beyond those of the release: path, verbs and, for a collection, the
/// type of its records.
pub fn paths() -> impl Iterator<Item = (&'static str, &'static str, Option<&'static str>)> {
    FACTS.lines().filter_map(|line| {
        let mut words = line.split(' ');
        let path = words.next().filter(|word| *word == "path");
        path.and_then(|_| Some((words.next()?, words.next()?, words.next())))
    })
}

/// What a collection shows of a table that it shares.
pub fn subset(path: &str) -> Option<Subset> {
    let words = lines("subset", path).next()?;
    Some(Subset {
        field: words.first()?,
        values: words.get(1)?.split('|').collect(),
    })
}

/// The list of the parent that the records of a nested collection are in, by
/// the last word of its path.
pub fn members(last: &str) -> Option<&'static str> {
    lines("members", last).next()?.first().copied()
}

/// Where a record of this type says which record it belongs to.
pub fn owner(record_type: &str) -> Option<Owner> {
    let words = lines("owner", record_type).next()?;
    let of = match words.get(1)?.strip_prefix('@') {
        Some(field) => OwnerType::Named(field),
        None => OwnerType::Fixed(words.get(1)?),
    };
    Some(Owner {
        field: words.first()?,
        of,
    })
}

/// The filter on the type of the record that one of this type belongs to, where
/// no field says that.
pub fn owner_filter(record_type: &str) -> Option<&'static str> {
    lines("owner-filter", record_type).next()?.first().copied()
}

/// The types of records that one of this type can belong to.
pub fn owner_types(record_type: &str) -> Vec<&'static str> {
    lines("owner", record_type)
        .next()
        .and_then(|words| Some(words.get(2)?.split('|').collect()))
        .unwrap_or_default()
}

/// What a record of this type puts where: the field with the record whose list
/// it is, the list, and the field with what is in it.
pub fn joins(record_type: &str) -> Option<[&'static str; 3]> {
    names("joins", record_type)?.try_into().ok()
}

/// What becomes of a document whose last approval is decided: its status when
/// approved and when rejected.
pub fn document(record_type: &str) -> Option<(&'static str, &'static str)> {
    let words = lines("document", record_type).next()?;
    Some((words.first()?, words.get(1)?))
}

/// The list whose removed lines are kept, to be shown on demand.
pub fn kept_when_removed(record_type: &str) -> Option<&'static str> {
    lines("kept", record_type).next()?.first().copied()
}

/// The name of the response filter that can be the default for a type.
pub fn default_response_filter(record_type: &str) -> Option<&'static str> {
    let mut filters = lines("response-filter", record_type);
    filters.find_map(|words| {
        words
            .first()
            .copied()
            .filter(|name| name.starts_with("default_"))
    })
}

/// A named response filter, by its name: the fields that it prints of a type.
pub fn response_filter(record_type: &str, name: &str) -> Option<Vec<&'static str>> {
    lines("response-filter", record_type)
        .find(|words| words.first() == Some(&name))
        .map(|words| words.get(1..).unwrap_or_default().to_vec())
}

fn lines(word: &'static str, subject: &str) -> impl Iterator<Item = Vec<&'static str>> {
    FACTS.lines().filter_map(move |line| {
        let mut words = line.split(' ');
        (words.next() == Some(word) && words.next() == Some(subject)).then(|| words.collect())
    })
}

fn kind(word: &'static str) -> FieldKind {
    match (word, word.get(1..)) {
        ("b", _) => FieldKind::Boolean,
        ("?", _) => FieldKind::Unknown,
        ("i", _) => FieldKind::Integer,
        ("t", _) => FieldKind::DateTime,
        ("n", _) => FieldKind::Decimal(Some((32, 4))),
        (_, Some(target)) if word.starts_with('>') => FieldKind::Record(target),
        (_, Some(target)) if word.starts_with('+') => FieldKind::Records(target),
        _ => FieldKind::Text(Some(255)),
    }
}
