//! Create and Update: writes records one by one, some at a time, and answers
//! each with exactly one event.
//!
//! Coupa knows no idempotency key. A write is sent again only when it certainly
//! was not processed, or when sending it twice has the same effect; otherwise
//! its record is rejected as uncertain.

use super::order::{Order, Turn};
use super::{Events, Gone, Input, Options, is_about_the_connection, notices, summary};
use crate::client::{Client, Exchange, Repeat, messages_per_field, not_json};
use crate::contract::{
    Activity, Call, Choice, Error, ErrorKind, Event, Item, Property, PropertyKind, Rejection, Role,
    Summary,
};
use crate::host::{Host, Method, Response};
use crate::query::{closest, encode};
use coupa_catalog::{Collection, FieldKind};
use futures::future;
use futures::stream::{FuturesUnordered, StreamExt};
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

pub const CREATE: &str = "create";
pub const UPDATE: &str = "update";

const DEFAULT_CONCURRENCY: u64 = 4;

/// The activity that creates.
pub fn create() -> Activity {
    Activity {
        name: CREATE,
        title: "Create",
        description: "Creates one record in Coupa for each record that it is given.",
        role: Role::Target,
        options: shared_options(),
    }
}

/// The activity that updates.
pub fn update() -> Activity {
    let mut options = vec![
        Property::new(
            "key",
            "Key",
            "The field that finds the record to update: id, or one that no two records share, \
         such as number. The record has to hold it.",
            PropertyKind::Text,
        )
        .default("id"),
    ];
    options.extend(shared_options());
    Activity {
        name: UPDATE,
        title: "Update",
        description: "Changes one record in Coupa for each record that it is given. Only the \
                      fields that it holds are changed.",
        role: Role::Target,
        options,
    }
}

fn shared_options() -> Vec<Property> {
    vec![
        Property::new(
            "return-object",
            "Return Object",
            "How much of each record Coupa answers: all of it, its own fields with the keys of \
             what it refers to, its id, or nothing.",
            PropertyKind::Choice(&[
                Choice {
                    value: "full",
                    title: "All",
                },
                Choice {
                    value: "shallow",
                    title: "Own fields and keys",
                },
                Choice {
                    value: "limited",
                    title: "Id",
                },
                Choice {
                    value: "none",
                    title: "Nothing",
                },
            ]),
        )
        .default("full"),
        Property::new(
            "concurrency",
            "Concurrency",
            "Records written at the same time.",
            PropertyKind::WholeNumber(1, 16),
        )
        .default("4"),
        Property::new(
            "stop-after",
            "Stop After",
            "Stop after this many rejected records. Empty: never.",
            PropertyKind::WholeNumber(1, u64::MAX),
        ),
    ]
}

/// A write that was checked.
#[derive(Debug)]
pub struct Write {
    collection: Collection,
    path: String,
    /// None: create. Otherwise the field that finds the record to update.
    key: Option<String>,
    return_object: Option<String>,
    concurrency: usize,
    stop_after: u64,
}

/// What the loop of a write meets next.
enum Next<I> {
    Written(Written),
    Read(Option<(Item, I)>),
}

async fn read<I: Input>(mut input: I) -> Option<(Item, I)> {
    let item = input.next().await?;
    Some((item, input))
}

/// What came of one record.
type Written = Result<Item, Rejection>;

impl Write {
    pub fn prepare(
        call: &Call,
        collection: Collection,
        options: &Options<'_>,
    ) -> Result<Self, Error> {
        let key = match call.activity.as_str() {
            UPDATE => Some(key(&collection, options.text("key").unwrap_or("id"))?),
            _ => None,
        };
        Ok(Self {
            path: format!("/api/{}", call.object),
            collection,
            key,
            return_object: options
                .text("return-object")
                .filter(|value| *value != "full")
                .map(str::to_owned),
            concurrency: usize::try_from(
                options.number("concurrency").unwrap_or(DEFAULT_CONCURRENCY),
            )
            .unwrap_or(1),
            stop_after: options.number("stop-after").unwrap_or(u64::MAX),
        })
    }

    /// Writes until the input ends, enough were rejected, or the connection fails.
    pub async fn run<H: Host>(
        self,
        client: &Client<H>,
        input: impl Input,
        events: &mut impl Events,
    ) -> Result<Summary, Error> {
        let (mut succeeded, mut rejected) = (0, 0);
        let mut stop = false;
        let mut broken = None;
        let mut order = Order::default();
        let mut under_way = FuturesUnordered::new();
        // Kept from round to round: a read that is given up could lose its record.
        let mut reading = Some(Box::pin(read(input)));
        while !under_way.is_empty() || (reading.is_some() && !stop) {
            let room = !stop && under_way.len() < self.concurrency;
            let next = {
                let writing = async {
                    match under_way.next().await {
                        Some(written) => Next::Written(written),
                        None => future::pending().await,
                    }
                };
                let reading = async {
                    match &mut reading {
                        Some(reading) if room => Next::Read(reading.await),
                        _ => future::pending().await,
                    }
                };
                let (writing, reading) = (std::pin::pin!(writing), std::pin::pin!(reading));
                future::select(writing, reading).await.factor_first().0
            };
            let written = match next {
                Next::Written(written) => written,
                Next::Read(None) => {
                    reading = None;
                    continue;
                }
                Next::Read(Some((item, input))) => {
                    let record = object(&item.data);
                    let turn = order.turn(self.identity(record.as_ref().ok()));
                    under_way.push(self.write(client, item, record, turn));
                    reading = Some(Box::pin(read(input)));
                    continue;
                }
            };
            let event = match written {
                Ok(item) => {
                    succeeded += 1;
                    Event::Item(item)
                }
                Err(rejection) => {
                    rejected += 1;
                    if is_about_the_connection(&rejection.error) {
                        broken.get_or_insert_with(|| rejection.error.clone());
                    }
                    Event::Rejected(rejection)
                }
            };
            stop |= rejected >= self.stop_after || broken.is_some();
            let batch = notices(client.ledger()).chain([event]).collect();
            // What is on its way cannot be called back; nothing new starts.
            stop |= events.emit(batch).await == Err(Gone);
        }
        match broken {
            Some(error) => Err(error),
            None => Ok(Summary {
                succeeded,
                rejected,
                stopped_early: stop,
                ..summary(client.ledger())
            }),
        }
    }

    /// What tells records apart whose order matters: two updates of one record.
    fn identity(&self, record: Option<&Map<String, Value>>) -> Option<String> {
        value_of(record?, self.key.as_deref()?)
    }

    async fn write<H: Host>(
        &self,
        client: &Client<H>,
        item: Item,
        record: Result<Map<String, Value>, Error>,
        mut turn: Turn,
    ) -> Written {
        turn.comes().await;
        let written = match &record {
            Ok(record) => self.try_write(client, &item, record).await,
            Err(error) => Err(error.clone()),
        };
        match written {
            Ok(data) => Ok(Item {
                key: item.key,
                data,
            }),
            Err(mut error) => {
                messages_per_field(&mut error, self.collection.record_type);
                Err(Rejection {
                    key: item.key,
                    data: item.data,
                    error,
                })
            }
        }
    }

    async fn try_write<H: Host>(
        &self,
        client: &Client<H>,
        item: &Item,
        record: &Map<String, Value>,
    ) -> Result<String, Error> {
        let (method, mut path, repeat) = match &self.key {
            None => (Method::Post, self.path.clone(), Repeat::IfNotProcessed),
            Some(key) => {
                let id = self.id_of(client, key, record).await?;
                let repeat = if adds_to_a_list(record, self.collection.record_type) {
                    Repeat::IfNotProcessed
                } else {
                    Repeat::Freely
                };
                (Method::Put, format!("{}/{id}", self.path), repeat)
            }
        };
        if let Some(value) = &self.return_object {
            path.push_str("?return_object=");
            path.push_str(value);
        }
        let answers_nothing = self.return_object.as_deref() == Some("none");
        let exchange = Exchange {
            method,
            path_and_query: path,
            body: item.data.clone(),
            repeat,
        };
        let written = client
            .exchange(exchange, |response| {
                if answers_nothing && response.body.trim_ascii().is_empty() {
                    return Ok(String::new());
                }
                record_in(&response).ok_or_else(|| not_json(&response, "the record"))
            })
            .await;
        written.map_err(|error| match (error.kind, method) {
            (ErrorKind::NotFound, Method::Put) if error.code == "coupa.not-found" => {
                not_found(&path_of(&self.path, record, self.key.as_deref()))
            }
            _ => error,
        })
    }

    /// The id of the record to update.
    async fn id_of<H: Host>(
        &self,
        client: &Client<H>,
        key: &str,
        record: &Map<String, Value>,
    ) -> Result<i64, Error> {
        let value = value_of(record, key).ok_or_else(|| {
            Error::new(
                ErrorKind::InvalidInput,
                "record.key-missing",
                format!("the record has no “{key}”, which finds the record to update"),
            )
            .remedy("Put it into the record, or choose another field as the key.")
        })?;
        if key == "id" {
            return value.parse().map_err(|_| {
                Error::new(
                    ErrorKind::InvalidInput,
                    "record.id-malformed",
                    format!("the id “{value}” is not a whole number"),
                )
            });
        }
        let name = key.replace('-', "_");
        let fields = encode(&json!(["id", name]).to_string());
        let url = format!(
            "{}?{}={}&fields={fields}&limit=2",
            self.path,
            encode(&name),
            encode(&value)
        );
        let found = client
            .get(url, |response| {
                serde_json::from_slice::<Vec<Map<String, Value>>>(&response.body)
                    .map_err(|_| not_json(&response, "a list of records"))
            })
            .await;
        let found = match found {
            Err(error) if error.code == "coupa.not-found" => Vec::new(),
            other => other?,
        };
        let [one] = found.as_slice() else {
            return Err(if found.is_empty() {
                not_found(&format!("{key} “{value}”"))
            } else {
                Error::new(
                    ErrorKind::InvalidInput,
                    "record.key-ambiguous",
                    format!(
                        "Coupa has more than one record with {key} “{value}”; none was changed"
                    ),
                )
                .remedy("Choose a key that no two records share, or the id.")
            });
        };
        // Whether Coupa refuses a filter that it does not know, or answers as if
        // there were none, is not documented: only what it shows is believed.
        let shown = value_of(one, key);
        let same = shown.is_some_and(|shown| shown.to_lowercase() == value.to_lowercase());
        match one.get("id").and_then(Value::as_i64) {
            Some(id) if same => Ok(id),
            _ => Err(Error::new(
                ErrorKind::UnexpectedAnswer,
                "record.key-unverified",
                format!(
                    "asked for the record with {key} “{value}”, Coupa answered another; \
                     none was changed"
                ),
            )
            .remedy("Coupa may not find records by this field: choose another, or the id.")),
        }
    }
}

fn not_found(what: &str) -> Error {
    Error::new(
        ErrorKind::NotFound,
        "record.not-found",
        format!("Coupa has no record with {what}"),
    )
    .remedy("Check the key, and whether the connection may see the record.")
    .status(404)
}

fn path_of(path: &str, record: &Map<String, Value>, key: Option<&str>) -> String {
    let id = key
        .and_then(|key| value_of(record, key))
        .unwrap_or_default();
    format!("{} “{id}” at {path}", key.unwrap_or("id"))
}

/// Checks the field that is to find records.
fn key(collection: &Collection, name: &str) -> Result<String, Error> {
    if let Some(field) = coupa_catalog::field(collection.record_type, name)
        && field.kind.record_type().is_none()
    {
        return Ok(field.name.to_owned());
    }
    let natural = coupa_catalog::natural_keys(collection.record_type);
    let close = closest(
        name,
        coupa_catalog::fields(collection.record_type).map(|field| field.name),
    );
    let mut remedy = close.map_or_else(String::new, |name| format!("Did you mean “{name}”? "));
    remedy.push_str(&format!(
        "Keys that are known to be good: id {}.",
        natural.join(" ")
    ));
    Err(Error::setting(
        "key.unknown-field",
        format!(
            "{} has no plain field “{name}” to find records by",
            collection.record_type
        ),
    )
    .remedy(remedy))
}

/// A record to write as an object.
fn object(data: &str) -> Result<Map<String, Value>, Error> {
    match serde_json::from_str(data) {
        Ok(Value::Object(record)) => Ok(record),
        Ok(other) => {
            let what = match other {
                Value::Array(_) => "a list",
                Value::String(_) => "text",
                Value::Number(_) => "a number",
                Value::Bool(_) => "true or false",
                _ => "null",
            };
            Err(Error::new(
                ErrorKind::InvalidInput,
                "record.not-an-object",
                format!("the record is {what} and not a JSON object"),
            )
            .remedy("Send one object, {…}, per record."))
        }
        Err(error) => Err(Error::new(
            ErrorKind::InvalidInput,
            "record.malformed",
            format!("the record is not JSON: {error}"),
        )),
    }
}

/// A field's value as text, by its name in kebab or snake case.
fn value_of(record: &Map<String, Value>, key: &str) -> Option<String> {
    let value = record
        .get(key)
        .or_else(|| record.get(&key.replace('-', "_")))?;
    match value {
        Value::String(text) if !text.trim().is_empty() => Some(text.trim().to_owned()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// Whether an update adds elements, which a second time would add them again:
/// Coupa changes the elements that have an id and adds those that have none. It
/// takes a list also in the form of XML, `{"payment": {…}}`, so that an object in
/// the place of a list counts, and so does any list within.
fn adds_to_a_list(record: &Map<String, Value>, record_type: &str) -> bool {
    record.iter().any(|(name, value)| {
        let is_list = coupa_catalog::field(record_type, name)
            .is_some_and(|field| matches!(field.kind, FieldKind::Records(_) | FieldKind::List));
        match value {
            Value::Object(fields) if is_list => !fields.is_empty(),
            value => adds(value),
        }
    })
}

fn adds(value: &Value) -> bool {
    match value {
        Value::Array(elements) => elements.iter().any(|element| {
            let is_new = element.as_object().is_some_and(|element| !has_id(element));
            is_new || adds(element)
        }),
        Value::Object(fields) => fields.values().any(adds),
        _ => false,
    }
}

fn has_id(element: &Map<String, Value>) -> bool {
    match element.get("id") {
        Some(Value::Number(_)) => true,
        Some(Value::String(id)) => !id.trim().is_empty(),
        _ => false,
    }
}

/// The record in the answer to a write.
fn record_in(response: &Response) -> Option<String> {
    let record: &RawValue = serde_json::from_slice(&response.body).ok()?;
    record
        .get()
        .starts_with('{')
        .then(|| record.get().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_update_that_adds_lines_is_not_repeated_freely() {
        let adds = |text: &str| adds_to_a_list(&object(text).unwrap(), "InvoiceHeader");
        for text in [
            r#"{"invoice-lines":[{"description":"x"}]}"#,
            r#"{"invoice-lines":[{"id":1,"allocations":[{"pct":1}]}]}"#,
            r#"{"invoice-lines":[{"id":null,"price":"1"}]}"#,
            r#"{"invoice-lines":[{"id":"","price":"1"}]}"#,
            r#"{"payments":{"payment":{"amount-paid":"49.00"}}}"#,
        ] {
            assert!(adds(text), "{text}");
        }
        for text in [
            r#"{"invoice-lines":[{"id":1,"price":"2"}],"tags":["a"]}"#,
            r#"{"internal-note":"x","payment-term":{"code":"Net 30"}}"#,
        ] {
            assert!(!adds(text), "{text}");
        }
    }

    #[test]
    fn only_objects_are_records() {
        assert_eq!(object("[1]").unwrap_err().code, "record.not-an-object");
        assert_eq!(object("null").unwrap_err().code, "record.not-an-object");
        assert_eq!(object("{\"a\":").unwrap_err().code, "record.malformed");
    }
}
