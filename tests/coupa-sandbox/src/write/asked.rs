//! What a request for an action says: in its body or in its query.

use serde_json::{Map, Value};

use super::lists::elements;
use super::values::text;
use crate::model::words::{kebab, singular};

/// What a request for an action says.
pub struct Asked {
    /// The body as it was sent.
    pub body: Map<String, Value>,
    /// Body and query, the body first, under names in kebab case.
    all: Map<String, Value>,
}

impl Asked {
    /// Takes a body and the parameters of a query.
    pub fn new<'a>(
        body: Map<String, Value>,
        parameters: impl Iterator<Item = (&'a str, &'a str)>,
    ) -> Self {
        let mut all: Map<String, Value> = parameters
            .map(|(name, value)| (kebab(name), value.into()))
            .collect();
        all.extend(
            body.iter()
                .map(|(name, value)| (kebab(name), value.clone())),
        );
        Self { body, all }
    }

    /// A value by its name in kebab case; none where it is blank.
    pub fn get(&self, name: &str) -> Option<&Value> {
        let value = self.all.get(name)?;
        let is_blank = value.is_null() || value.as_str().is_some_and(|t| t.trim().is_empty());
        (!is_blank).then_some(value)
    }

    /// The first of several names that has a value.
    pub fn first(&self, names: &[&str]) -> Option<&Value> {
        names.iter().find_map(|name| self.get(name))
    }

    /// The id under the first of several names, also where it is in an object.
    pub fn id(&self, names: &[&str]) -> Option<i64> {
        let value = self.first(names)?;
        let value = value.get("id").unwrap_or(value);
        text(value).trim().parse().ok()
    }

    /// What names records: a list under the name of the collection or of its
    /// singular, under `ids`, or the body itself.
    pub fn named(&self, collection: &str) -> Vec<Map<String, Value>> {
        let list = kebab(collection);
        let one = singular(&list);
        let mut found = Vec::new();
        for name in [
            list.as_str(),
            one.as_str(),
            "ids",
            "content-groups",
            "lines",
        ] {
            match self.get(name) {
                Some(Value::String(ids)) => found.extend(ids.split(',').map(by_id)),
                Some(value) => {
                    let items = elements(&list, value);
                    found.extend(items.into_iter().filter_map(|item| match item {
                        Value::Object(object) => Some(object),
                        Value::Number(_) | Value::String(_) => Some(by_id(&text(&item))),
                        _ => None,
                    }));
                }
                None => {}
            }
        }
        if found.is_empty() && !self.body.is_empty() {
            found.push(self.body.clone());
        }
        if let (true, Some(id)) = (found.is_empty(), self.get("id")) {
            found.push(by_id(&text(id)));
        }
        found
    }
}

fn by_id(id: &str) -> Map<String, Value> {
    let mut object = Map::new();
    object.insert("id".to_owned(), id.trim().into());
    object
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn records_are_named_in_many_ways() {
        let ids = |body: Value, query: &[(&str, &str)]| -> Vec<String> {
            let Value::Object(body) = body else {
                return Vec::new();
            };
            let asked = Asked::new(body, query.iter().copied());
            let named = asked.named("business_groups");
            named.iter().map(|object| text(&object["id"])).collect()
        };
        for body in [
            json!({"business_groups": [{"id": 1}, {"id": 2}]}),
            json!({"business-groups": {"business-group": [{"id": 1}, {"id": 2}]}}),
            json!({"ids": [1, 2]}),
            json!({"ids": "1, 2"}),
        ] {
            assert_eq!(ids(body.clone(), &[]), ["1", "2"], "{body}");
        }
        assert_eq!(ids(json!({"id": 1}), &[]), ["1"]);
        assert_eq!(ids(json!({}), &[("ids", "1,2")]), ["1", "2"]);
        assert!(ids(json!({}), &[]).is_empty());
    }
}
