//! How two versions of a connector differ in what they read.

use super::waiting::Side;
use serde::Serialize;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use utoipa::ToSchema;

/// How many examples are kept of each kind.
pub(super) const MOST_EXAMPLES: usize = 5;
/// Fields whose changes are counted by name; what changes beyond that is counted
/// together.
const MOST_FIELDS: usize = 500;

/// How two reads differ.
#[derive(Debug, Clone, Default, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Difference {
    /// Records that the old version read.
    pub old_records: u64,
    /// Records that the new version read.
    pub new_records: u64,
    /// Records that are the same in both.
    pub same: u64,
    /// Records that differ.
    pub changed: u64,
    /// Records that only the old version gives.
    pub only_old: u64,
    /// The first of their keys.
    pub only_old_keys: Vec<String>,
    /// Records that only the new version gives.
    pub only_new: u64,
    /// The first of their keys.
    pub only_new_keys: Vec<String>,
    /// Field by field, what changed.
    pub fields: BTreeMap<String, ChangedField>,
}

/// How one field differs.
#[derive(Debug, Clone, Default, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub struct ChangedField {
    /// In how many records.
    pub count: u64,
    /// The first of them.
    pub examples: Vec<Example>,
}

/// One record in which a field differs.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Example {
    /// The record's key.
    pub key: String,
    /// What the old version gives; absent where it gives no such field.
    pub old: Option<Value>,
    /// What the new version gives.
    pub new: Option<Value>,
}

impl Difference {
    /// Whether there is none.
    #[must_use]
    pub const fn is_none(&self) -> bool {
        self.changed == 0 && self.only_old == 0 && self.only_new == 0
    }

    pub(super) fn compare(
        &mut self,
        key: &str,
        old: &str,
        new: &str,
        ignored: &BTreeSet<String>,
    ) -> Result<(), Side> {
        if old == new {
            self.same += 1;
            return Ok(());
        }
        let parse = |text: &str, side| serde_json::from_str::<Map<_, _>>(text).map_err(|_| side);
        let (old, new) = (parse(old, Side::Old)?, parse(new, Side::New)?);
        let mut changed = Vec::new();
        fields("", &old, &new, ignored, &mut changed);
        if changed.is_empty() {
            self.same += 1;
            return Ok(());
        }
        self.changed += 1;
        for (field, old, new) in changed {
            let name = if self.fields.len() >= MOST_FIELDS && !self.fields.contains_key(&field) {
                "(further fields)".to_owned()
            } else {
                field
            };
            let found = self.fields.entry(name).or_default();
            found.count += 1;
            if found.examples.len() < MOST_EXAMPLES {
                found.examples.push(Example {
                    key: key.to_owned(),
                    old: old.cloned(),
                    new: new.cloned(),
                });
            }
        }
        Ok(())
    }
}

type Change<'a> = (String, Option<&'a Value>, Option<&'a Value>);

/// The fields that differ, those of objects by their path. A list is one field.
fn fields<'a>(
    path: &str,
    old: &'a Map<String, Value>,
    new: &'a Map<String, Value>,
    ignored: &BTreeSet<String>,
    changed: &mut Vec<Change<'a>>,
) {
    let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    for name in names {
        let path = if path.is_empty() {
            name.clone()
        } else {
            format!("{path}.{name}")
        };
        if ignored.contains(&path) {
            continue;
        }
        match (old.get(name), new.get(name)) {
            (Some(Value::Object(old)), Some(Value::Object(new))) => {
                fields(&path, old, new, ignored, changed);
            }
            (old, new) if old != new => changed.push((path, old, new)),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_told_by_path_and_the_order_of_a_record_is_none() {
        let mut difference = Difference::default();
        let ignored = BTreeSet::from(["at".to_owned(), "deep.at".to_owned()]);
        let mut compare = |old, new| difference.compare("7", old, new, &ignored).unwrap();
        compare(r#"{"a":1,"b":2}"#, r#"{"b":2,"a":1}"#);
        compare(r#"{"at":1,"deep":{"at":1}}"#, r#"{"at":2,"deep":{"at":2}}"#);
        compare(
            r#"{"deep":{"b":1},"l":[1]}"#,
            r#"{"deep":{"b":null},"l":[1,2],"n":0}"#,
        );
        assert_eq!((difference.same, difference.changed), (2, 1));
        let names: Vec<&str> = difference.fields.keys().map(String::as_str).collect();
        assert_eq!(names, ["deep.b", "l", "n"]);
        assert_eq!(difference.fields["n"].examples[0].old, None);
        assert!(!difference.is_none());
    }
}
