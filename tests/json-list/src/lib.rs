//! A small connector, to show how one is made and that the host knows none: any
//! server that answers a JSON array to `GET <url>/<list>?offset=&limit=` and
//! takes an object by `POST <url>/<list>`. `GET <url>/` answers the lists' names.

#![cfg(target_family = "wasm")]

mod bindings;
mod request;

use bindings::exports::integration::connector::{connector, design};
use bindings::integration::connector::types::{Answer as Answered, *};
use bindings::{wit_future, wit_stream};
use request::{Answer, refused, send};
use serde_json::{Value, json};
use wit_bindgen::{FutureReader, StreamReader};

/// Records of a page.
const PAGE: u64 = 50;

struct JsonList;

fn setting<'a>(connection: &'a Connection, name: &str) -> &'a str {
    let found = connection
        .settings
        .iter()
        .find(|setting| setting.name == name);
    found.map_or("", |setting| setting.value.trim())
}

fn error(kind: ErrorKind, code: &str, message: String) -> Error {
    Error {
        kind,
        code: code.to_owned(),
        message,
        remedy: None,
        status: None,
        retry_after: None,
        fields: Vec::new(),
    }
}

fn property(name: &str, title: &str, description: &str, kind: PropertyKind) -> Property {
    Property {
        name: name.to_owned(),
        title: title.to_owned(),
        description: description.to_owned(),
        kind,
        required: true,
        default: None,
        repeatable: false,
        accepts_variables: true,
        shown_when: None,
    }
}

fn activity(name: &str, title: &str, role: Role) -> Activity {
    Activity {
        name: name.to_owned(),
        title: title.to_owned(),
        description: format!("{title} of the records of a list."),
        role,
        options: Vec::new(),
        continues: false,
        acknowledged: false,
        dry_run: false,
    }
}

impl design::Guest for JsonList {
    fn describe() -> design::Descriptor {
        design::Descriptor {
            id: "json-list".to_owned(),
            title: "JSON list".to_owned(),
            description: "Reads and extends lists of JSON over HTTP.".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            properties: vec![
                property("url", "Server", "Where the lists are.", PropertyKind::Text),
                property(
                    "token",
                    "Access Token",
                    "What the server knows you by.",
                    PropertyKind::Secret,
                ),
            ],
            reauthentication: vec![design::Reauthentication {
                changed: vec!["url".to_owned()],
                clear: vec!["token".to_owned()],
            }],
            reaches: vec!["url".to_owned()],
            rate: None,
        }
    }

    async fn list_objects(
        connection: Connection,
        search: Option<String>,
    ) -> Result<Vec<design::Object>, Error> {
        let names = array(send(setting(&connection, "url"), "", None).await?)?;
        let wanted = search.unwrap_or_default().to_lowercase();
        let names = names
            .iter()
            .filter_map(Value::as_str)
            .filter(|name| name.to_lowercase().contains(&wanted));
        Ok(names
            .map(|name| design::Object {
                name: name.to_owned(),
                title: name.to_owned(),
                activities: vec!["list".to_owned(), "add".to_owned()],
                parent: None,
                keys: vec!["id".to_owned()],
            })
            .collect())
    }

    async fn describe_object(
        _: Connection,
        activity: String,
        _: String,
        _: bool,
    ) -> Result<design::Shape, Error> {
        let any = || Some(json!({ "type": "object" }).to_string());
        Ok(design::Shape {
            request: if activity == "add" { any() } else { None },
            response: any(),
            options: Vec::new(),
        })
    }

    async fn plan(_: Connection, call: Call, _: bool) -> Result<design::PlannedCall, Error> {
        let (method, path) = match call.activity.as_str() {
            "list" => ("GET", format!("/{}?offset=0&limit={PAGE}", call.object)),
            _ => ("POST", format!("/{}", call.object)),
        };
        Ok(design::PlannedCall {
            requests: vec![design::PlannedRequest {
                method: method.to_owned(),
                path,
                body: None,
                note: "again and again".to_owned(),
            }],
            permissions: None,
            extent: None,
            notes: Vec::new(),
        })
    }
}

impl connector::Guest for JsonList {
    async fn test_connection(connection: Connection) -> Vec<Check> {
        let tried = send(setting(&connection, "url"), "", None)
            .await
            .and_then(array);
        let (outcome, detail, error) = match tried {
            Ok(names) => (
                CheckOutcome::Passed,
                Some(format!("{} lists", names.len())),
                None,
            ),
            Err(error) => (CheckOutcome::Failed, None, Some(error)),
        };
        vec![Check {
            name: "read".to_owned(),
            title: "The lists can be read".to_owned(),
            outcome,
            elapsed: 0,
            detail,
            error,
        }]
    }

    async fn list_activities(_: Connection) -> Result<Vec<Activity>, Error> {
        Ok(vec![
            activity("list", "List", Role::Source),
            activity("add", "Add", Role::Target),
        ])
    }

    async fn execute(
        connection: Connection,
        call: Call,
        input: StreamReader<Item>,
    ) -> Result<(StreamReader<Event>, FutureReader<Result<Summary, Error>>), Error> {
        let url = setting(&connection, "url").to_owned();
        let start = call.resume.as_deref().unwrap_or("0").parse::<u64>();
        let start = start.map_err(|_| {
            error(
                ErrorKind::InvalidSettings,
                "resume.malformed",
                "the checkpoint is none of this connector's".to_owned(),
            )
        })?;
        let (mut events, stream) = wit_stream::new();
        // A dying instance must not read as success: the default is an error.
        let (ended, end) = wit_future::new(|| {
            Err(error(
                ErrorKind::Internal,
                "internal",
                "the connector broke off".to_owned(),
            ))
        });
        wit_bindgen::spawn_local(async move {
            let outcome = match call.activity.as_str() {
                "list" => list(&url, &call.object, start, &mut events).await,
                _ => add(&url, &call.object, input, &mut events).await,
            };
            drop(events);
            // Nobody waits for the end of a call that was dropped whole.
            let _ = ended.write(outcome).await;
        });
        Ok((stream, end))
    }

    async fn acknowledge(_: Connection, _: Call, _: String) -> Result<(), Error> {
        // No activity asks for it.
        Ok(())
    }
}

type Events = wit_bindgen::StreamWriter<Event>;

async fn list(
    url: &str,
    object: &str,
    mut offset: u64,
    events: &mut Events,
) -> Result<Summary, Error> {
    let mut summary = nothing();
    loop {
        let path = format!("{object}?offset={offset}&limit={PAGE}");
        let page = array(send(url, &path, None).await?)?;
        summary.requests += 1;
        if page.is_empty() {
            return Ok(summary);
        }
        offset += page.len() as u64;
        summary.succeeded += page.len() as u64;
        let first = offset - page.len() as u64;
        let items = page.iter().enumerate().map(|(n, record)| {
            let key = record
                .get("id")
                .map_or_else(|| (first + n as u64).to_string(), Value::to_string);
            Event::Item(Item {
                key,
                data: record.to_string(),
            })
        });
        let batch = items
            .chain([Event::Checkpoint(offset.to_string())])
            .collect();
        if !events.write_all(batch).await.is_empty() {
            summary.stopped_early = true;
            return Ok(summary);
        }
    }
}

async fn add(
    url: &str,
    object: &str,
    mut input: StreamReader<Item>,
    events: &mut Events,
) -> Result<Summary, Error> {
    let mut summary = nothing();
    while let Some(item) = input.next().await {
        summary.requests += 1;
        let sent = send(url, object, Some(&item.data)).await;
        let event = match sent.and_then(|answer| {
            if answer.status < 300 {
                Ok(answer)
            } else {
                Err(refused(&answer))
            }
        }) {
            Ok(answer) => {
                summary.succeeded += 1;
                Event::Answered(Answered {
                    key: item.key,
                    id: None,
                    effect: Effect::Created,
                    data: answer.body,
                    differences: Vec::new(),
                })
            }
            Err(error) => {
                summary.rejected += 1;
                Event::Rejected(Rejection {
                    key: item.key,
                    data: item.data,
                    error,
                })
            }
        };
        if !events.write_all(vec![event]).await.is_empty() {
            summary.stopped_early = true;
            break;
        }
    }
    Ok(summary)
}

fn nothing() -> Summary {
    Summary {
        succeeded: 0,
        rejected: 0,
        requests: 0,
        retries: 0,
        stopped_early: false,
    }
}

fn array(answer: Answer) -> Result<Vec<Value>, Error> {
    if answer.status >= 300 {
        return Err(refused(&answer));
    }
    serde_json::from_str(&answer.body).map_err(|_| {
        error(
            ErrorKind::UnexpectedAnswer,
            "answer.no-list",
            "the server did not answer a JSON array".to_owned(),
        )
    })
}
