//! How a record is found: by its id, or by fields that no two records share.
//!
//! A key is written as the names of its fields with commas between. A field of an
//! association stands in brackets, `invoice-number,supplier[number]`; an
//! association alone is found by whatever the record says of it.

use super::record::{field_of, text_of};
use crate::client::{Client, not_json};
use crate::contract::{Error, ErrorKind, PlannedRequest};
use crate::host::{Host, Method};
use crate::query::{closest, encode, same_name};
use coupa_catalog::{Collection, FieldKind};
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

/// The fields that find a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Part {
    /// In kebab case.
    name: String,
    target: Option<&'static str>,
    /// The association's own field.
    inner: Option<String>,
}

/// The values that one record has to have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted(Vec<(Vec<String>, String)>);

impl Key {
    /// Reads a key and checks it against the collection's fields.
    ///
    /// # Errors
    /// Names the part that is no field, and what would be right.
    pub fn parse(text: &str, collection: &Collection) -> Result<Self, Error> {
        let parts = text.split(',').map(|part| Part::parse(part, collection));
        let key = Self(parts.collect::<Result<_, _>>()?);
        if !key.is_id() && !collection.can_list() {
            return Err(Error::setting(
                "key.no-list",
                format!(
                    "Coupa has no list of {} to look for “{text}” in",
                    collection.path
                ),
            )
            .remedy("Use the id as the key."));
        }
        Ok(key)
    }

    /// The keys by which no two records of a type are alike, as far as that is
    /// known; Coupa refuses a second record of the same.
    pub fn unique(collection: &Collection) -> Vec<Self> {
        coupa_catalog::unique_keys(collection.record_type)
            .into_iter()
            .filter_map(|text| Self::parse(text, collection).ok())
            .collect()
    }

    /// Whether it is the id alone.
    pub fn is_id(&self) -> bool {
        matches!(self.0.as_slice(), [part] if part.name == "id")
    }

    /// The values that a record has of it.
    ///
    /// # Errors
    /// Names the field that the record does not have.
    pub fn values(&self, record: &Map<String, Value>) -> Result<Wanted, Error> {
        let value = |part: &Part| {
            part.value(record).ok_or_else(|| {
                Error::new(
                    ErrorKind::InvalidInput,
                    "record.key-missing",
                    format!(
                        "the record has no “{}”, which finds the record in Coupa",
                        part.text()
                    ),
                )
                .remedy("Put it into the record, or choose another field as the key.")
            })
        };
        Ok(Wanted(self.0.iter().map(value).collect::<Result<_, _>>()?))
    }

    /// The look-up by it, for a plan.
    pub fn planned(&self, path: &str, note: &str) -> PlannedRequest {
        PlannedRequest {
            method: Method::Get.as_str(),
            path: format!("{path}?<{}>&limit=2", self.text()),
            body: None,
            note: note.to_owned(),
        }
    }

    /// The look-up that finds a record's id, for a plan; none where the key is the id.
    pub fn planned_for_id(&self, path: &str) -> Option<PlannedRequest> {
        (!self.is_id()).then(|| self.planned(path, "once for each record, to find its id"))
    }

    /// Whether an association stands in it.
    pub fn is_association(&self) -> bool {
        self.0.iter().any(|part| part.target.is_some())
    }

    /// As it is written.
    pub fn text(&self) -> String {
        let parts: Vec<_> = self.0.iter().map(Part::text).collect();
        parts.join(",")
    }
}

impl Part {
    fn parse(text: &str, collection: &Collection) -> Result<Self, Error> {
        let (name, inner) = match text.trim().split_once('[') {
            None => (text.trim(), None),
            Some((name, inner)) => (name, inner.strip_suffix(']')),
        };
        let record_type = collection.record_type;
        // Each record has one, also where the release does not list the fields.
        if name == "id" && inner.is_none() && !text.contains('[') {
            return Ok(Self {
                name: name.to_owned(),
                target: None,
                inner: None,
            });
        }
        let Some(field) = coupa_catalog::field(record_type, name) else {
            return Err(unknown(name, record_type));
        };
        let target = field.kind.record_type();
        let fits = match (field.kind, inner) {
            (FieldKind::Record(target), Some(inner)) => {
                coupa_catalog::field(target, inner).is_some()
            }
            (FieldKind::Record(_), None) => true,
            (FieldKind::Records(_) | FieldKind::List, _) => false,
            (_, inner) => inner.is_none() && !text.contains('['),
        };
        if !fits {
            return Err(unknown(text.trim(), record_type));
        }
        Ok(Self {
            name: field.name.to_owned(),
            target,
            inner: inner.map(|inner| inner.replace('_', "-")),
        })
    }

    fn value(&self, record: &Map<String, Value>) -> Option<(Vec<String>, String)> {
        let value = field_of(record, &self.name)?;
        let Some(target) = self.target else {
            return Some((vec![self.name.clone()], text_of(value)?));
        };
        let of = value.as_object()?;
        let natural = coupa_catalog::natural_keys(target);
        let names = match &self.inner {
            Some(inner) => vec![inner.as_str()],
            None => std::iter::once("id").chain(natural).collect(),
        };
        names.into_iter().find_map(|inner| {
            let value = text_of(field_of(of, inner)?)?;
            Some((vec![self.name.clone(), inner.to_owned()], value))
        })
    }

    fn text(&self) -> String {
        match &self.inner {
            Some(inner) => format!("{}[{inner}]", self.name),
            None => self.name.clone(),
        }
    }
}

fn unknown(name: &str, record_type: &str) -> Error {
    let natural = coupa_catalog::natural_keys(record_type);
    let fields = coupa_catalog::fields(record_type).map(|field| field.name);
    let close = closest(name, fields).filter(|close| !same_name(close, name));
    let mut remedy = close.map_or_else(String::new, |name| format!("Did you mean “{name}”? "));
    remedy.push_str(&format!(
        "Keys that are known to be good: id {}.",
        natural.join(" ")
    ));
    Error::setting(
        "key.unknown-field",
        format!("{record_type} has no field “{name}” to find records by"),
    )
    .remedy(remedy)
}

impl Wanted {
    /// The id that is wanted, where it is one.
    ///
    /// # Errors
    /// If it is no whole number.
    pub fn id(&self) -> Result<i64, Error> {
        let value = self.0.first().map_or("", |(_, value)| value);
        value.parse().map_err(|_| {
            Error::new(
                ErrorKind::InvalidInput,
                "record.id-malformed",
                format!("the id “{value}” is not a whole number"),
            )
        })
    }

    /// For messages: `number “S-1”`.
    pub fn text(&self) -> String {
        let parts = self.0.iter().map(|(path, value)| match path.as_slice() {
            [name, inner] => format!("{name}[{inner}] “{value}”"),
            path => format!("{} “{value}”", path.join(".")),
        });
        parts.collect::<Vec<_>>().join(" and ")
    }

    fn query(&self) -> String {
        let parts = self.0.iter().map(|(path, value)| {
            let name = match path.as_slice() {
                [name, inner] => format!("{}[{}]", snake(name), snake(inner)),
                path => snake(&path.join("_")),
            };
            format!("{}={}", encode(&name), encode(value))
        });
        parts.collect::<Vec<_>>().join("&")
    }

    fn fields(&self) -> String {
        let parts = self.0.iter().map(|(path, _)| match path.as_slice() {
            [name, inner] => json!({ snake(name): [snake(inner)] }),
            path => json!(snake(&path.join("_"))),
        });
        let all: Vec<Value> = std::iter::once(json!("id")).chain(parts).collect();
        Value::Array(all).to_string()
    }

    /// Whether Coupa refuses a filter that it does not know, or answers as if
    /// there were none, is not documented: only what it shows is believed.
    fn is_of(&self, found: &Map<String, Value>) -> bool {
        self.0.iter().all(|(path, value)| {
            let mut at = None;
            for (n, name) in path.iter().enumerate() {
                let of = if n == 0 {
                    Some(found)
                } else {
                    at.and_then(Value::as_object)
                };
                at = of.and_then(|of| field_of(of, name));
            }
            let shown = at.and_then(text_of);
            shown.is_some_and(|shown| shown.to_lowercase() == value.to_lowercase())
        })
    }
}

fn snake(name: &str) -> String {
    name.replace('-', "_")
}

/// A record of Coupa's.
#[derive(Debug, Clone)]
pub struct Found {
    pub id: i64,
    pub fields: Map<String, Value>,
    /// Letter for letter as Coupa answered it.
    pub text: String,
}

impl Found {
    fn parse(record: &RawValue) -> Option<Self> {
        let text = record.get();
        let fields: Map<String, Value> = serde_json::from_str(text).ok()?;
        Some(Self {
            id: id_in(&fields)?,
            fields,
            text: text.to_owned(),
        })
    }
}

/// How much of a record to look up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// Its id and the key.
    Id,
    /// All that Coupa shows.
    Whole,
}

/// The record that a key finds below `path`; none where there is none.
///
/// # Errors
/// If there are several, or Coupa answered another, or not at all.
pub async fn find<H: Host>(
    client: &Client<H>,
    path: &str,
    wanted: &Wanted,
    extent: Extent,
) -> Result<Option<Found>, Error> {
    let mut url = format!("{path}?{}&limit=2", wanted.query());
    if extent == Extent::Id {
        url.push_str(&format!("&fields={}", encode(&wanted.fields())));
    }
    let found = client
        .get(url, |response| {
            serde_json::from_slice::<Vec<&RawValue>>(&response.body)
                .map(|records| records.into_iter().map(RawValue::to_owned).collect())
                .map_err(|_| not_json(&response, "a list of records"))
        })
        .await;
    let mut found: Vec<Box<RawValue>> = match found {
        Err(error) if error.code == "coupa.not-found" => Vec::new(),
        other => other?,
    };
    let Some(one) = found.pop() else {
        return Ok(None);
    };
    if !found.is_empty() {
        return Err(Error::new(
            ErrorKind::InvalidInput,
            "record.key-ambiguous",
            format!(
                "Coupa has more than one record with {}; none was touched",
                wanted.text()
            ),
        )
        .remedy("Choose a key that no two records share, or the id."));
    }
    match Found::parse(&one) {
        Some(found) if wanted.is_of(&found.fields) => Ok(Some(found)),
        _ => Err(Error::new(
            ErrorKind::UnexpectedAnswer,
            "record.key-unverified",
            format!(
                "asked for the record with {}, Coupa answered another; none was touched",
                wanted.text()
            ),
        )
        .remedy("Coupa may not find records by this field: choose another, or the id.")),
    }
}

/// The record of an id below `path`; none where there is none.
///
/// # Errors
/// If Coupa does not answer a record.
pub async fn show<H: Host>(
    client: &Client<H>,
    path: &str,
    id: i64,
) -> Result<Option<Found>, Error> {
    shown(client, format!("{path}/{id}")).await
}

/// The record at a URL; none where there is none.
///
/// # Errors
/// If Coupa does not answer a record.
pub async fn shown<H: Host>(client: &Client<H>, url: String) -> Result<Option<Found>, Error> {
    let shown = client
        .get(url, |response| {
            let record: Option<&RawValue> = serde_json::from_slice(&response.body).ok();
            record
                .and_then(Found::parse)
                .ok_or_else(|| not_json(&response, "the record"))
        })
        .await;
    match shown {
        Ok(record) => Ok(Some(record)),
        Err(error) if error.code == "coupa.not-found" => Ok(None),
        Err(error) => Err(error),
    }
}

/// The id in a record.
pub fn id_in(record: &Map<String, Value>) -> Option<i64> {
    record.get("id").and_then(Value::as_i64)
}

/// The id of the record that is to be changed.
///
/// # Errors
/// If the record does not say which, or Coupa has no such.
pub async fn id_of<H: Host>(
    client: &Client<H>,
    path: &str,
    key: &Key,
    record: &Map<String, Value>,
) -> Result<i64, Error> {
    let wanted = key.values(record)?;
    if key.is_id() {
        return wanted.id();
    }
    let found = find(client, path, &wanted, Extent::Id).await?;
    found
        .map(|found| found.id)
        .ok_or_else(|| not_found(&wanted.text()))
}

/// Coupa has no record of this key.
pub fn not_found(what: &str) -> Error {
    Error::new(
        ErrorKind::NotFound,
        "record.not-found",
        format!("Coupa has no record with {what}"),
    )
    .remedy("Check the key, and whether the connection may see the record.")
    .status(404)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(object: &str, text: &str) -> Result<Key, Error> {
        Key::parse(text, &coupa_catalog::find_collection(object).unwrap())
    }

    #[test]
    fn keys_are_checked_and_found_in_records() {
        let record =
            json!({ "invoice_number": "7", "supplier": { "number": "S-1", "name": "Acme" } });
        let record = record.as_object().unwrap();
        for (text, query) in [
            (
                "invoice-number,supplier[name]",
                "invoice_number=7&supplier%5Bname%5D=Acme",
            ),
            (
                "invoice_number,supplier",
                "invoice_number=7&supplier%5Bnumber%5D=S-1",
            ),
        ] {
            let wanted = key("invoices", text).unwrap().values(record).unwrap();
            assert_eq!(wanted.query(), query);
            assert!(wanted.is_of(record), "{text}");
        }
        for (text, hint) in [
            ("nmber", "number"),
            ("remit-to-addresses", "id"),
            ("name[x]", "id"),
            ("parent[nmae]", "id"),
            ("", "id"),
        ] {
            let error = key("suppliers", text).unwrap_err();
            assert_eq!(error.code, "key.unknown-field");
            assert!(error.remedy.unwrap().contains(hint), "{text}");
        }
        let missing = key("suppliers", "number").unwrap().values(record);
        assert_eq!(missing.unwrap_err().code, "record.key-missing");
    }

    #[test]
    fn every_unique_key_can_be_used() {
        for collection in coupa_catalog::collections() {
            let known = coupa_catalog::unique_keys(collection.record_type);
            assert_eq!(
                Key::unique(&collection).len(),
                known.len(),
                "{}",
                collection.path
            );
        }
    }
}
