//! The columns of a CSV file, held against the fields that its target knows before the
//! first record is sent.
//!
//! A remote system mostly ignores a field that it does not know, so that a slip in a
//! header would lose a whole column. But it may have fields of its own that nobody lists:
//! refused is only what certainly is no field. That is a name that differs from a field's
//! by a slip, or that is written as no field there is; or a header of which no name is a
//! field. For the rest there is a warning.

use super::RunError;
use crate::runtime::Session;
use crate::runtime::types::{Call, Notice, NoticeKind};
use crate::variables::distance;
use serde_json::Value;
use std::collections::BTreeSet;

/// So many of the fields are named where none of the columns is one.
const MOST_NAMED: usize = 12;
/// Of fewer names nobody can say how names are written there.
const ENOUGH_TO_SEE_A_STYLE: usize = 5;

/// Looks at the columns of an input. A system that has fields of its own is asked for them
/// where a name is not known, and only there.
///
/// # Errors
/// Names the columns that are no fields, and what would be right.
pub(super) async fn check(
    session: &mut Session,
    call: &Call,
    columns: &[String],
) -> Result<Option<Notice>, RunError> {
    let mut unknown = Vec::new();
    // What the connector knows by itself costs nothing; only then is anybody asked.
    for refresh in [false, true] {
        let described = session
            .describe_object(&call.activity, &call.object, refresh)
            .await;
        let (request, response) = match described {
            Ok(shape) => (shape.request, shape.response),
            // Who may only write is told nothing: what the connector knows has to do.
            Err(_) if refresh => break,
            Err(_) => return Ok(None),
        };
        let Some(request) = request else {
            return Ok(None);
        };
        let schemas: Vec<Value> = [Some(request), response]
            .iter()
            .flatten()
            .filter_map(|schema| serde_json::from_str(schema).ok())
            .collect();
        let found = columns
            .iter()
            .filter_map(|column| unknown_in(column, &schemas));
        unknown = found.collect();
        if unknown.is_empty() {
            return Ok(None);
        }
    }
    let none_is_known = unknown.len() == columns.len();
    let said: Vec<String> = unknown
        .iter()
        .filter_map(|one| Some((one, one.why_not()?)))
        .map(|(one, why)| format!("“{}”: {why}", one.column))
        .collect();
    if !said.is_empty() {
        return Err(refusal(call, said.join("; ")));
    }
    if none_is_known && let Some(first) = unknown.first() {
        let names: Vec<&str> = first.known.iter().map(String::as_str).collect();
        return Err(refusal(
            call,
            format!(
                "no column is one; there are {}{}. The first line must name the columns",
                names[..names.len().min(MOST_NAMED)].join(", "),
                if names.len() > MOST_NAMED {
                    ", …"
                } else {
                    ""
                }
            ),
        ));
    }
    let names: Vec<&str> = unknown.iter().map(|one| one.column.as_str()).collect();
    Ok(Some(Notice {
        kind: NoticeKind::Warning,
        message: format!(
            "nobody knows a field of {} that is called {}: the columns are sent all the same",
            call.object,
            names.join(" or ")
        ),
        wait: None,
    }))
}

fn refusal(call: &Call, why: String) -> RunError {
    RunError::Columns {
        object: call.object.clone(),
        why,
    }
}

/// A column that no schema has.
struct Unknown {
    column: String,
    /// The level of its name that is not there.
    name: String,
    /// What is there.
    known: BTreeSet<String>,
    /// The levels before.
    before: String,
}

/// Follows a column's name down the schemas; none where it is there, or they do not say.
fn unknown_in(column: &str, schemas: &[Value]) -> Option<Unknown> {
    let mut nodes: Vec<&Value> = schemas.iter().collect();
    let mut before = String::new();
    for level in column.split('.') {
        let name = level.split('[').next().unwrap_or(level);
        nodes = nodes
            .into_iter()
            .map(|node| node.get("items").unwrap_or(node))
            .collect();
        let properties: Vec<_> = nodes
            .iter()
            .filter_map(|node| node.get("properties").and_then(Value::as_object))
            .filter(|properties| !properties.is_empty())
            .collect();
        // One that names nothing says that anything may be there.
        if properties.is_empty() {
            return None;
        }
        let found: Vec<&Value> = properties
            .iter()
            .flat_map(|properties| properties.iter())
            .filter(|(known, _)| plain(known) == plain(name))
            .map(|(_, schema)| schema)
            .collect();
        if found.is_empty() {
            let known = properties.iter().flat_map(|properties| properties.keys());
            return Some(Unknown {
                column: column.to_owned(),
                name: name.to_owned(),
                known: known.cloned().collect(),
                before,
            });
        }
        before = format!("{before}{level}.");
        nodes = found;
    }
    None
}

/// A name as it is compared: some systems write `_` for `-`, and show a flag a second time
/// with a question mark.
fn plain(name: &str) -> String {
    name.strip_suffix('?').unwrap_or(name).replace('_', "-")
}

/// The same, of names that differ only in how they are written.
fn squeezed(name: &str) -> String {
    let letters = name.chars().filter(|letter| letter.is_alphanumeric());
    letters.flat_map(char::to_lowercase).collect()
}

impl Unknown {
    /// Why it certainly is no field, and what would be right.
    fn why_not(&self) -> Option<String> {
        let meant = |known: &str| format!("is “{}{known}” meant?", self.before);
        let (apart, nearest) = self
            .known
            .iter()
            .map(|known| (distance(&squeezed(&self.name), &squeezed(known)), known))
            .min()?;
        let most = match self.name.chars().count() {
            ..3 => 0,
            3 => 1,
            _ => 2,
        };
        if apart <= most {
            return Some(meant(nearest));
        }
        let odd = |name: &str| name.contains(|letter: char| letter == ' ' || letter.is_uppercase());
        if self.known.len() >= ENOUGH_TO_SEE_A_STYLE
            && odd(&self.name)
            && !self.known.iter().any(|known| odd(known))
        {
            // As “Supplier Name” for “name”.
            let name = plain(&self.name.to_lowercase().replace(' ', "-"));
            let within = |known: &&String| name.ends_with(&format!("-{known}"));
            let within = self.known.iter().filter(within).max_by_key(|it| it.len());
            return Some(match within {
                Some(known) => meant(known),
                None => "names of fields have neither capitals nor spaces".to_owned(),
            });
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn why(column: &str) -> Option<Option<String>> {
        let request = json!({ "properties": {
            "id": {}, "name": {}, "title": {}, "start-date": {}, "custom-fields": {},
            "term": { "properties": { "code": {} } },
            "lines": { "type": "array", "items": { "properties": { "amount": {} } } },
        }});
        let response = json!({ "properties": { "created-at": {}, "on-hold": {} }});
        unknown_in(column, &[request, response]).map(|unknown| unknown.why_not())
    }

    #[test]
    fn a_field_is_known_wherever_it_lies() {
        for column in [
            "name",
            "created-at",
            "created_at",
            "on-hold?",
            "term.code",
            "lines",
            "lines[0].amount",
            "custom-fields.anything",
        ] {
            assert_eq!(why(column), None, "{column}");
        }
    }

    #[test]
    fn only_what_certainly_is_no_field_is_refused() {
        for (column, says) in [
            ("nmae", Some("“name”")),
            ("Name", Some("“name”")),
            ("titel", Some("“title”")),
            ("startDate", Some("“start-date”")),
            ("term.cdoe", Some("“term.code”")),
            ("lines[0].amonut", Some("“lines[0].amount”")),
            ("Supplier Name", Some("“name”")),
            ("Whatever Else", Some("neither capitals")),
            // It may be a custom field.
            ("region", None),
            ("cf-owner", None),
            ("ip", None),
        ] {
            let found = why(column).unwrap_or_else(|| panic!("{column} is known"));
            match says {
                Some(says) => assert!(
                    found.as_ref().is_some_and(|it| it.contains(says)),
                    "{found:?}"
                ),
                None => assert_eq!(found, None, "{column}"),
            }
        }
    }
}
