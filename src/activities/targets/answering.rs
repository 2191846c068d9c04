//! What Coupa is asked to answer to a write, and what its answer says.

use super::differences::differences;
use super::key::id_in;
use super::record::{Record, record_in};
use super::{Done, Options};
use crate::client::not_json;
use crate::contract::{Choice, Effect, Error, Property, PropertyKind};
use crate::host::Response;
use serde_json::{Map, Value};

/// How much of a record is answered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answering(Option<String>);

impl Answering {
    pub fn option() -> Property {
        Property::new(
            "return-object",
            "Return Object",
            "How much of each record Coupa answers: all of it, its own fields with the keys of \
             what it refers to, its id, or nothing. What Coupa ignored or altered can be told \
             only where it answers all.",
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
        .default("full")
    }

    pub fn of(options: &Options<'_>) -> Self {
        let value = options.text("return-object");
        Self(value.filter(|value| *value != "full").map(str::to_owned))
    }

    /// A path that asks for it.
    pub fn ask(&self, path: &str) -> String {
        match &self.0 {
            None => path.to_owned(),
            Some(value) if path.contains('?') => format!("{path}&return_object={value}"),
            Some(value) => format!("{path}?return_object={value}"),
        }
    }

    /// The record in an answer; empty where none was asked for.
    ///
    /// # Errors
    /// If there is none though one was asked for.
    pub fn record(&self, response: &Response) -> Result<String, Error> {
        if self.0.as_deref() == Some("none") && response.body.trim_ascii().is_empty() {
            return Ok(String::new());
        }
        record_in(response)
    }

    /// What was done, by what Coupa answered to `given`.
    pub fn done(&self, effect: Effect, data: String, given: &Record, record_type: &str) -> Done {
        let echo: Map<String, Value> = serde_json::from_str(&data).unwrap_or_default();
        let differences = if self.0.is_none() {
            differences(given.fields(), &echo, record_type)
        } else {
            Vec::new()
        };
        Done {
            id: id_in(&echo),
            effect,
            data,
            differences,
        }
    }
}

/// An answer that may be a record, a list of one, or nothing, as those of actions.
///
/// # Errors
/// If it is something else.
pub fn loose_record(response: &Response) -> Result<String, Error> {
    let body = response.body.trim_ascii();
    if body.is_empty() {
        return Ok(String::new());
    }
    match serde_json::from_slice::<Value>(body) {
        Ok(Value::Array(records)) => match records.as_slice() {
            [one @ Value::Object(_)] => Ok(one.to_string()),
            _ => Ok(Value::Object(Map::from_iter([(
                "records".to_owned(),
                Value::Array(records),
            )]))
            .to_string()),
        },
        Ok(Value::Object(_)) => record_in(response),
        _ => Err(not_json(response, "a record")),
    }
}
