//! Reads `facts.txt`, which says what the sandbox adds to the catalog.

use coupa_catalog::{Field, FieldKind};
use serde_json::Value;

const FACTS: &str = include_str!("facts.txt");

/// What an action does to a record's status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transition {
    /// The status afterwards.
    pub to: &'static str,
    /// The statuses it can start from, separated by `|`; `-` for any.
    from: &'static str,
}

impl Transition {
    /// Whether the action is allowed in this status.
    pub fn allows(self, status: &str) -> bool {
        self.from == "-" || self.from.split('|').any(|from| from == status)
    }
}

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

/// What an action on a record does, where it is known.
pub fn transition(collection: &str, action: &str) -> Option<Transition> {
    let words = lines("action", collection).find(|words| words.first() == Some(&action))?;
    Some(Transition {
        to: words.get(1)?,
        from: words.get(2)?,
    })
}

/// The status of the record that an action on a collection creates;
/// `-` where it sets none.
pub fn creating_action(collection: &str, action: &str) -> Option<&'static str> {
    let words = lines("create", collection).find(|words| words.first() == Some(&action))?;
    words.get(1).copied()
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
        (_, Some(target)) if word.starts_with('>') => FieldKind::Record(target),
        (_, Some(target)) if word.starts_with('+') => FieldKind::Records(target),
        _ => FieldKind::Text(Some(255)),
    }
}
