//! The last column of a CSV file that this program writes: what a record holds for which
//! no other column has a place.
//!
//! The columns are known before the records are. A field that only a later record has, a
//! list where the first record had nothing, a name that can be no column's: all that is
//! not lost, but stands there as one JSON object, and is read back from there.

use super::flatten::Fields;

/// Its name in the header: all other fields, as JSON.
pub(super) const REST: &str = "*:json";

/// Fields on their way there.
#[derive(Default)]
pub(super) struct Rest(Vec<(String, Part)>);

enum Part {
    Value(String),
    Fields(Rest),
}

impl Rest {
    /// Adds a value; of two with the same path the later one holds.
    pub(super) fn put(&mut self, path: &[String], value: &str) {
        let [name, inner @ ..] = path else {
            return;
        };
        let at = match self.0.iter().position(|(field, _)| field == name) {
            Some(at) => at,
            None => {
                self.0.push((name.clone(), Part::Fields(Self::default())));
                self.0.len() - 1
            }
        };
        let part = &mut self.0[at].1;
        match (part, inner) {
            (part, []) => *part = Part::Value(value.to_owned()),
            (Part::Fields(fields), _) => fields.put(inner, value),
            (part, _) => {
                let mut fields = Self::default();
                fields.put(inner, value);
                *part = Part::Fields(fields);
            }
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The cell.
    pub(super) fn json(&self) -> String {
        let fields = self.0.iter().map(|(name, part)| {
            let value = match part {
                Part::Value(value) => value.clone(),
                Part::Fields(fields) => fields.json(),
            };
            (name.as_str(), value)
        });
        object(fields)
    }
}

/// A record together with what its last cell holds, or none where that is no JSON object.
/// Where both have a field, the last cell's holds.
pub(super) fn together(record: &str, rest: &str) -> Option<String> {
    let Fields(before) = serde_json::from_str(record).ok()?;
    let Fields(rest) = serde_json::from_str(rest).ok()?;
    let mut fields: Vec<(&str, String)> = before
        .iter()
        .map(|(name, value)| (name.as_str(), value.get().to_owned()))
        .collect();
    for (name, value) in &rest {
        let both = fields.iter_mut().find(|(field, _)| field == name);
        match both {
            Some((_, before)) => {
                *before = match is_object(before) && is_object(value.get()) {
                    true => together(before, value.get())?,
                    false => value.get().to_owned(),
                };
            }
            None => fields.push((name, value.get().to_owned())),
        }
    }
    Some(object(fields.into_iter()))
}

fn is_object(json: &str) -> bool {
    json.starts_with('{')
}

fn object<'a>(fields: impl Iterator<Item = (&'a str, String)>) -> String {
    let fields: Vec<String> = fields
        .map(|(name, value)| format!("{}:{value}", serde_json::Value::from(name)))
        .collect();
    format!("{{{}}}", fields.join(","))
}
