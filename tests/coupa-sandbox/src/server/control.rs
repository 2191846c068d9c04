//! The control endpoints under `/sandbox/`, by which another process watches
//! and steers the sandbox. They are no part of Coupa and need no token.
//!
//! | request | what |
//! |---|---|
//! | `GET stats`, `GET log`, `POST reset-log` | what was counted and logged |
//! | `GET switches`, `PUT switches` | how the instance behaves; a PUT names what it changes |
//! | `GET switches/positions` | each switch with the values it can have |
//! | `GET faults`, `POST faults`, `DELETE faults` | what goes wrong: `{"times":1,"fault":{"kind":"empty_body"}}` |
//! | `POST files` | makes a file: `{"path":"invoices/1/attachments","size":262144000}` |
//! | `GET files?path=invoices/1/attachments/7` | size and SHA-256 of a file |

use http::StatusCode;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::Shared;
use super::request::Request;
use super::seeded_files::{self, PlacedFile, SeededFile};
use crate::fault::FaultRule;
use crate::media::Answer;
use crate::model::model;
use crate::refusal::Refusal;
use crate::switches::Switches;

/// Answers a request below `/sandbox/`.
pub fn answer(shared: &Shared, request: &Request) -> Answer {
    let outcome = match (request.method.as_str(), request.path.as_str()) {
        ("GET", "/sandbox/stats") => Ok(stats(shared)),
        ("GET", "/sandbox/log") => Ok(print(&shared.observed.log())),
        ("GET", "/sandbox/switches") => Ok(print(&*shared.switches())),
        ("PUT", "/sandbox/switches") => set_switches(shared, &request.body),
        ("GET", "/sandbox/faults") => Ok(print(&shared.faults.rules())),
        ("POST", "/sandbox/faults") => add_fault(shared, &request.body),
        ("DELETE", "/sandbox/faults") => {
            shared.faults.clear();
            Ok(Value::Null)
        }
        ("GET", "/sandbox/switches/positions") => Ok(positions()),
        ("POST", "/sandbox/files") => return add_file(shared, &request.body),
        ("GET", "/sandbox/files") => {
            let path = request.parameters.get("path").unwrap_or_default();
            return placed(seeded_files::find(shared, path));
        }
        ("POST", "/sandbox/reset-log") => {
            shared.observed.reset();
            Ok(Value::Null)
        }
        _ => return Answer::empty(StatusCode::NOT_FOUND),
    };
    match outcome {
        Ok(value) => Answer::json(StatusCode::OK, &value),
        Err(error) => Answer::json(
            StatusCode::BAD_REQUEST,
            &json!({"error": error.to_string()}),
        ),
    }
}

/// How many records each collection holds, by its path.
pub fn record_counts(shared: &Shared) -> Map<String, Value> {
    let counts = shared
        .store
        .read(|records| records.counts())
        .unwrap_or_default();
    let collections = model().collections().iter().filter(|c| !c.is_nested());
    collections
        .filter_map(|collection| {
            let table = model().table(collection.record_type);
            let (_, count) = counts.iter().find(|(name, _)| name == table)?;
            Some((collection.path.to_owned(), (*count).into()))
        })
        .collect()
}

fn stats(shared: &Shared) -> Value {
    json!({
        "counters": print(&shared.observed.counters()),
        "records": record_counts(shared),
    })
}

fn set_switches(shared: &Shared, body: &[u8]) -> Result<Value, serde_json::Error> {
    let changes = serde_json::from_slice(body)?;
    let mut switches = shared.switches_mut();
    switches.merge(changes)?;
    Ok(print(&*switches))
}

fn add_fault(shared: &Shared, body: &[u8]) -> Result<Value, serde_json::Error> {
    let rule: FaultRule = serde_json::from_slice(body)?;
    let printed = print(&rule);
    shared.faults.add(rule);
    Ok(printed)
}

fn add_file(shared: &Shared, body: &[u8]) -> Answer {
    match serde_json::from_slice::<SeededFile>(body) {
        Ok(seeded) => placed(seeded_files::add(shared, &seeded)),
        Err(error) => {
            let error = json!({"error": error.to_string()});
            Answer::json(StatusCode::BAD_REQUEST, &error)
        }
    }
}

fn placed(outcome: Result<PlacedFile, Refusal>) -> Answer {
    match outcome {
        Ok(file) => Answer::json(StatusCode::OK, &print(&file)),
        Err(refusal) => {
            let status = StatusCode::from_u16(refusal.status()).unwrap_or(StatusCode::NOT_FOUND);
            Answer::json(status, &json!({"error": refusal.to_string()}))
        }
    }
}

/// Each switch with the values that it can have.
fn positions() -> Value {
    let positions = Switches::positions().into_iter();
    positions
        .map(|(name, values)| (name.to_owned(), Value::Array(values)))
        .collect::<Map<_, _>>()
        .into()
}

fn print(value: &impl Serialize) -> Value {
    serde_json::to_value(value).unwrap_or_default()
}
