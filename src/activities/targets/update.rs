//! Update.

use super::answering::Answering;
use super::differences::{differences, not_known_to_be_same};
use super::fate::doubt;
use super::key::{Extent, Found, Key, find, id_of, not_found, show, shown};
use super::record::{Record, field_of};
use super::{Done, UPDATE, key_option, shared_options};
use crate::activities::Options;
use crate::client::{Client, Exchange, Repeat};
use crate::contract::{Activity, Effect, Error, ErrorKind, PlannedRequest, Property, PropertyKind};
use crate::host::{Host, Method};
use crate::query::Fields;
use coupa_catalog::{Collection, FieldKind};
use serde_json::{Map, Value};

pub fn activity() -> Activity {
    let [concurrency, stop_after] = shared_options();
    let [skip, sets] = options();
    Activity::target(
        UPDATE,
        "Update",
        "Changes one record in Coupa for each record that it is given. Only the fields that it \
         holds are changed.",
        vec![
            key_option(
                "The field that finds the record to update: id, or one that no two records \
                 share, such as number; several with commas between, such as \
                 invoice-number,supplier[number]. The record has to hold it.",
            )
            .default("id"),
            skip,
            sets,
            Answering::option(),
            concurrency,
            stop_after,
        ],
    )
}

/// Options of everything that updates.
pub fn options() -> [Property; 2] {
    [
        Property::new(
            "skip-unchanged",
            "Skip Unchanged",
            "Read each record first, and write it only where something would change. Coupa's \
             updated-at then says when it really was.",
            PropertyKind::Flag,
        )
        .default("false"),
        Property::new(
            "set-exactly",
            "Set Exactly",
            "A list, such as roles or content-groups, to which Coupa only adds: it is emptied \
             first, so that it ends up as the record has it.",
            PropertyKind::Text,
        )
        .repeatable(),
    ]
}

#[derive(Debug)]
pub struct Update {
    collection: Collection,
    key: Key,
    skip_unchanged: bool,
    /// Names of lists, in kebab case.
    sets: Vec<&'static str>,
    answering: Answering,
}

impl Update {
    pub fn prepare(collection: &Collection, options: &Options<'_>) -> Result<Self, Error> {
        let key = Key::parse(options.text("key").unwrap_or("id"), collection)?;
        Self::with_key(key, collection, options)
    }

    /// For other activities that update.
    pub fn with_key(
        key: Key,
        collection: &Collection,
        options: &Options<'_>,
    ) -> Result<Self, Error> {
        let sets = options.all("set-exactly").map(|name| {
            let field = coupa_catalog::field(collection.record_type, name);
            match field.map(|field| (field.name, field.kind)) {
                Some((name, FieldKind::Records(_) | FieldKind::List)) => Ok(name),
                _ => Err(Error::setting(
                    "option.no-list",
                    format!("{} has no list “{name}” to set", collection.record_type),
                )
                .remedy("Name a list of the record, such as roles of users.")),
            }
        });
        Ok(Self {
            collection: *collection,
            key,
            skip_unchanged: options.flag("skip-unchanged"),
            sets: sets.collect::<Result<_, _>>()?,
            answering: Answering::of(options),
        })
    }

    pub fn key(&self) -> &Key {
        &self.key
    }

    pub fn requests(&self, path: &str) -> Vec<PlannedRequest> {
        let mut requests = Vec::from_iter(self.key.planned_for_id(path));
        let mut push = |method: Method, path: String, body: Option<&str>, note: &str| {
            requests.push(PlannedRequest {
                method: method.as_str(),
                path,
                body: body.map(str::to_owned),
                note: note.to_owned(),
            });
        };
        if self.skip_unchanged {
            let path = format!("{path}/<id>");
            push(
                Method::Get,
                path,
                None,
                "once for each record, to see what would change",
            );
        }
        if !self.sets.is_empty() {
            let path = format!("{path}/<id>");
            let body = Some("<the lists to be set exactly, empty>");
            push(
                Method::Put,
                path,
                body,
                "where such a list is not as it should be",
            );
        }
        let path = self.answering.ask(&format!("{path}/<id>"));
        push(
            Method::Put,
            path,
            Some("<the record>"),
            "once for each record",
        );
        requests
    }

    pub async fn apply<H: Host>(
        &self,
        client: &Client<H>,
        path: &str,
        record: &Record,
        dry_run: bool,
    ) -> Result<Done, Error> {
        if dry_run || self.skip_unchanged || self.sets_of(record).next().is_some() {
            let found = self.whole(client, path, record).await?;
            return self.change(client, path, record, found, dry_run).await;
        }
        let id = id_of(client, path, &self.key, record.fields()).await?;
        self.send(client, path, record, id).await
    }

    /// The record in Coupa that a record stands for, as a whole.
    async fn whole<H: Host>(
        &self,
        client: &Client<H>,
        path: &str,
        record: &Record,
    ) -> Result<Found, Error> {
        let wanted = self.key.values(record.fields())?;
        let found = if self.key.is_id() {
            show(client, path, wanted.id()?).await?
        } else {
            find(client, path, &wanted, Extent::Whole).await?
        };
        found.ok_or_else(|| not_found(&wanted.text()))
    }

    /// Changes a record that an earlier run may have changed so already.
    ///
    /// # Errors
    /// As uncertain, where a second time would add elements to a list once more.
    pub async fn again<H: Host>(
        &self,
        client: &Client<H>,
        path: &str,
        record: &Record,
    ) -> Result<Done, Error> {
        if !record.adds_to_a_list(self.collection.record_type) {
            return self.apply(client, path, record, false).await;
        }
        let found = self.whole(client, path, record).await?;
        Err(self.in_doubt(record, &found))
    }

    /// The same, of a record that was looked up.
    ///
    /// # Errors
    /// As above.
    pub async fn change_again<H: Host>(
        &self,
        client: &Client<H>,
        path: &str,
        record: &Record,
        found: Found,
    ) -> Result<Done, Error> {
        if record.adds_to_a_list(self.collection.record_type) {
            return Err(self.in_doubt(record, &found));
        }
        self.change(client, path, record, found, false).await
    }

    /// Says how the record in Coupa differs. That it does not proves nothing: an
    /// element like the one to be added may have been there before.
    fn in_doubt(&self, record: &Record, found: &Found) -> Error {
        let differences = differences(record.fields(), &found.fields, self.collection.record_type);
        let fields: Vec<_> = differences.iter().map(|one| one.field.as_str()).collect();
        let how = match fields.as_slice() {
            [] => "as given".to_owned(),
            fields => format!("otherwise in: {}", fields.join(", ")),
        };
        let doubt = doubt();
        Error {
            message: format!(
                "{}; it adds to a list, and Coupa has the record, id {}, {how}",
                doubt.message, found.id
            ),
            ..doubt
        }
    }

    /// Changes a record that was looked up.
    pub async fn change<H: Host>(
        &self,
        client: &Client<H>,
        path: &str,
        record: &Record,
        found: Found,
        dry_run: bool,
    ) -> Result<Done, Error> {
        let id = found.id;
        let mut differences =
            not_known_to_be_same(record.fields(), &found.fields, self.collection.record_type);
        let superfluous: Vec<&str> = self
            .sets_of(record)
            .filter(|name| {
                has_more(
                    field_of(&found.fields, name),
                    field_of(record.fields(), name),
                )
            })
            .collect();
        for name in &superfluous {
            if !differences.iter().any(|d| d.field.starts_with(name)) {
                differences.push(crate::contract::Difference {
                    field: (*name).to_owned(),
                    remote: field_of(&found.fields, name).map(Value::to_string),
                    given: field_of(record.fields(), name).map(Value::to_string),
                });
            }
        }
        let unchanged = differences.is_empty();
        if dry_run || (unchanged && self.skip_unchanged) {
            return Ok(Done {
                id: Some(id),
                effect: if unchanged {
                    Effect::Unchanged
                } else {
                    Effect::Updated
                },
                data: found.text,
                differences,
            });
        }
        if superfluous.is_empty() {
            return self.send(client, path, record, id).await;
        }
        let place = format!("{path}/{id}");
        let mut before = found.fields;
        let is_shown = |before: &Map<String, Value>| {
            let mut names = superfluous.iter();
            names.all(|name| field_of(before, name).is_some())
        };
        if !is_shown(&before) {
            // A response filter hides one: asked for by its name it is shown.
            if let Some(shown) = shown(client, asking_for(&place, &superfluous)).await? {
                before.extend(shown.fields);
            }
        }
        let emptied = lists(&superfluous, |_| Value::Array(Vec::new()));
        self.set(client, &place, emptied).await?;
        let error = match self.send(client, path, record, id).await {
            Ok(done) => return Ok(done),
            Err(error) => error,
        };
        // Where it may have been taken, what was there before is in its way.
        let put_back = error.kind != ErrorKind::Uncertain && is_shown(&before) && {
            let before = lists(&superfluous, |name| references(&before, name));
            self.set(client, &place, before).await.is_ok()
        };
        let what = match put_back {
            true => "they hold again what they held before",
            false => "they stayed empty",
        };
        Err(Error {
            message: format!(
                "{}; of the record {id} these lists had been emptied, and {what}: {}",
                error.message,
                superfluous.join(", ")
            ),
            ..error
        })
    }

    /// The lists to be set exactly that a record holds.
    fn sets_of<'a>(&'a self, record: &'a Record) -> impl Iterator<Item = &'static str> {
        self.sets
            .iter()
            .copied()
            .filter(|name| field_of(record.fields(), name).is_some())
    }

    /// Writes lists that Coupa only adds to, or empties them. A second time has no effect.
    async fn set<H: Host>(
        &self,
        client: &Client<H>,
        path: &str,
        lists: Value,
    ) -> Result<(), Error> {
        let exchange = Exchange {
            method: Method::Put,
            path_and_query: path.to_owned(),
            body: lists.to_string(),
            repeat: Repeat::Freely,
        };
        client.exchange(exchange, |_| Ok(())).await
    }

    async fn send<H: Host>(
        &self,
        client: &Client<H>,
        path: &str,
        record: &Record,
        id: i64,
    ) -> Result<Done, Error> {
        let record_type = self.collection.record_type;
        let repeat = if record.adds_to_a_list(record_type) {
            Repeat::IfNotProcessed
        } else {
            Repeat::Freely
        };
        let exchange = Exchange {
            method: Method::Put,
            path_and_query: self.answering.ask(&format!("{path}/{id}")),
            body: record.body(),
            repeat,
        };
        let written = client
            .exchange(exchange, |response| self.answering.record(&response))
            .await;
        match written {
            Ok(data) => {
                let done = self
                    .answering
                    .done(Effect::Updated, data, record, record_type);
                Ok(Done {
                    id: Some(id),
                    ..done
                })
            }
            Err(error) if error.kind == ErrorKind::NotFound && error.code == "coupa.not-found" => {
                Err(not_found(&format!("id “{id}” at {path}")))
            }
            Err(error) => Err(error),
        }
    }
}

/// Lists by their names, as they are written.
fn lists(names: &[&str], list: impl Fn(&str) -> Value) -> Value {
    let lists = names.iter().map(|name| ((*name).to_owned(), list(name)));
    Value::Object(lists.collect())
}

/// The URL of a record with these fields.
fn asking_for(place: &str, names: &[&str]) -> String {
    let mut fields = Fields::id();
    for name in names {
        fields.ensure(&name.replace('-', "_"));
    }
    format!("{place}?{}", fields.to_query())
}

/// What a list refers to, by the ids.
fn references(fields: &Map<String, Value>, name: &str) -> Value {
    let elements = field_of(fields, name).and_then(Value::as_array);
    let ids = elements.into_iter().flatten().map(|element| {
        let id = element.get("id").cloned();
        id.map_or_else(|| element.clone(), |id| serde_json::json!({ "id": id }))
    });
    ids.collect()
}

/// Whether a list has elements that the wanted one does not have, or may have: a
/// response filter can hide it.
fn has_more(found: Option<&Value>, wanted: Option<&Value>) -> bool {
    if found.is_none() {
        return true;
    }
    let (Some(Value::Array(found)), Some(wanted)) = (found, wanted) else {
        return false;
    };
    let none = Vec::new();
    let wanted = wanted.as_array().unwrap_or(&none);
    let is_wanted = |element: &Value| {
        wanted.iter().any(|wanted| {
            let single = |value: &Value| Map::from_iter([("x".to_owned(), value.clone())]);
            differences(&single(wanted), &single(element), "").is_empty()
        })
    };
    !found.iter().all(is_wanted)
}
