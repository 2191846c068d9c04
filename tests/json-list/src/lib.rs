//! A small connector, to show how one is made and that the host knows none: any
//! server that answers a JSON array to `GET <url>/<list>?offset=&limit=` and
//! takes an object by `POST <url>/<list>`. `GET <url>/` answers the lists' names.

#![cfg(target_family = "wasm")]

use connector_guest::http::{Request, Server};
use connector_guest::{
    Activity, Call, Check, Connection, Connector, Descriptor, Effect, Ended, Error, ErrorKind,
    Events, Input, Item, Object, PlannedCall, PlannedRequest, Property, PropertyKind,
    Reauthentication, Role, Shape, Taken, secret,
};
use serde_json::{Value, json};

/// Records that are asked for at once. A server may give fewer.
const PAGE: u64 = 50;

struct JsonList;
connector_guest::connector!(JsonList);

/// A server of lists, and the token that it knows us by.
struct Lists {
    server: Server,
    token: String,
}

impl Lists {
    async fn of(connection: &Connection) -> Result<Self, Error> {
        Ok(Self {
            server: Server::parse(connection.setting("url"))?,
            token: secret("token", "Access Token").await?,
        })
    }

    async fn send(&self, request: Request, writes: bool) -> Result<String, Error> {
        let sent = request.bearer(&self.token).send().await;
        let answer = sent.map_err(|failure| failure.into_error(writes))?;
        Ok(answer.success(writes)?.text().into_owned())
    }

    async fn array(&self, path: &str) -> Result<Vec<Value>, Error> {
        let text = self.send(self.server.get(path), false).await?;
        serde_json::from_str(&text).map_err(|_| {
            let said = "the server did not answer a JSON array";
            Error::new(ErrorKind::UnexpectedAnswer, "answer.no-list", said)
        })
    }
}

enum Run {
    /// From this record on.
    Read(Lists, String, u64),
    Add(Lists, String, Vec<String>),
}

impl Connector for JsonList {
    type Run = Run;

    fn describe() -> Descriptor {
        let (text, hidden) = (PropertyKind::Text, PropertyKind::Secret);
        let who = "What the server knows you by.";
        Descriptor {
            id: "json-list".to_owned(),
            title: "JSON list".to_owned(),
            description: "Reads and extends lists of JSON over HTTP.".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            properties: vec![
                Property::new("url", "Server", "Where the lists are.", text).required(),
                Property::new("token", "Access Token", who, hidden).required(),
            ],
            reauthentication: vec![Reauthentication {
                changed: vec!["url".to_owned()],
                clear: vec!["token".to_owned()],
            }],
            reaches: vec!["url".to_owned()],
            rate: None,
        }
    }

    async fn test(connection: Connection) -> Vec<Check> {
        let tried = async { Lists::of(&connection).await?.array("").await };
        let found = tried.await.map(|names| format!("{} lists", names.len()));
        vec![Check::of("read", "The lists can be read", found)]
    }

    async fn activities(_: Connection) -> Result<Vec<Activity>, Error> {
        let (read, extend) = ("Reads the records of a list.", "Adds records to a list.");
        Ok(vec![
            Activity::new("list", "List", read, Role::Source),
            Activity::new("add", "Add", extend, Role::Target),
        ])
    }

    async fn objects(connection: Connection, search: Option<String>) -> Result<Vec<Object>, Error> {
        let wanted = search.unwrap_or_default().to_lowercase();
        let names = Lists::of(&connection).await?.array("").await?;
        let names = names.iter().filter_map(Value::as_str);
        Ok(names
            .filter(|name| name.to_lowercase().contains(&wanted))
            .map(|name| Object::new(name, name, &["list", "add"], &["id"]))
            .collect())
    }

    async fn shape(_: Connection, activity: String, _: String, _: bool) -> Result<Shape, Error> {
        let any = json!({ "type": "object" }).to_string();
        Ok(Shape {
            request: (activity == "add").then(|| any.clone()),
            response: Some(any),
            options: Vec::new(),
        })
    }

    async fn plan(_: Connection, call: Call, _: bool) -> Result<PlannedCall, Error> {
        let list = call.object;
        let request = if call.activity == "add" {
            PlannedRequest::new("POST", format!("/{list}"), "once for each record")
        } else {
            let path = format!("/{list}?offset=0&limit={PAGE}");
            PlannedRequest::new("GET", path, "with a greater offset, until none come")
        };
        Ok(PlannedCall {
            requests: vec![request],
            permissions: None,
            extent: None,
            notes: Vec::new(),
        })
    }

    async fn begin(connection: Connection, call: Call) -> Result<Run, Error> {
        let lists = Lists::of(&connection).await?;
        if call.activity == "add" {
            return Ok(Run::Add(
                lists,
                call.object,
                unknown(call.resume.as_deref())?,
            ));
        }
        let offset = match &call.resume {
            Some(checkpoint) => place_in(&call.object, checkpoint)?,
            None => 0,
        };
        Ok(Run::Read(lists, call.object, offset))
    }

    async fn run(run: Run, mut input: Input, events: &mut Events) -> Result<(), Ended> {
        let (lists, list, mut offset) = match run {
            Run::Read(lists, list, offset) => (lists, list, offset),
            Run::Add(lists, list, unknown) => {
                while let Some(item) = input.next().await {
                    if unknown.contains(&item.key) {
                        events.answer(item, Err(in_doubt())).await?;
                        continue;
                    }
                    events.count_request();
                    let answer = lists.send(lists.server.post(&list, &item.data), true).await;
                    let taken = answer.map(|record| Taken::new(Effect::Created, record));
                    events.answer(item, taken).await?;
                }
                return Ok(());
            }
        };
        loop {
            events.count_request();
            let path = format!("{list}?offset={offset}&limit={PAGE}");
            let page = lists.array(&path).await?;
            // However few a server gives at once, only none is the end.
            if page.is_empty() {
                return Ok(());
            }
            let items = (offset..).zip(&page).map(|(place, record)| Item {
                key: record
                    .get("id")
                    .map_or_else(|| place.to_string(), Value::to_string),
                data: record.to_string(),
            });
            let items = items.collect();
            offset += page.len() as u64;
            events.page(items, format!("{list}@{offset}")).await?;
        }
    }
}

/// The keys of records that an earlier run may have added.
fn unknown(resume: Option<&str>) -> Result<Vec<String>, Error> {
    let keys = resume.map(serde_json::from_str).transpose();
    keys.map(Option::unwrap_or_default).map_err(|_| {
        let said = "the keys to go on with are no JSON array";
        Error::new(ErrorKind::InvalidSettings, "resume.malformed", said)
    })
}

/// A list has no keys by which one could look whether a record was added.
fn in_doubt() -> Error {
    let said = "an earlier run may have added it";
    Error::new(ErrorKind::Uncertain, "add.uncertain", said)
}

/// The place that a checkpoint stands for, if it is one of this list.
fn place_in(list: &str, checkpoint: &str) -> Result<u64, Error> {
    let place = checkpoint
        .strip_prefix(list)
        .and_then(|rest| rest.strip_prefix('@'))
        .and_then(|place| place.parse().ok());
    place.ok_or_else(|| {
        let said = format!("the checkpoint is none of the list “{list}”");
        Error::new(ErrorKind::InvalidSettings, "resume.another-list", said)
    })
}
