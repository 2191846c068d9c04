//! Action: what can be done to a record beside changing its fields, such as
//! issuing a purchase order or approving an approval.

use super::answering::loose_record;
use super::fate::doubt;
use super::key::{Key, id_in, id_of, show};
use super::record::{Record, text_of};
use super::{ACTION, Done, key_option, shared_options};
use crate::activities::Options;
use crate::client::{Client, Exchange, Repeat};
use crate::contract::{Activity, Effect, Error, ErrorKind, PlannedRequest, Property, PropertyKind};
use crate::host::{Host, Method};
use crate::query::{closest, encode};
use coupa_catalog::{Collection, Subject};
use serde_json::{Map, Value};

const OPTION: &str = "action";

pub fn activity() -> Activity {
    let [concurrency, stop_after] = shared_options();
    Activity::target(
        ACTION,
        "Action",
        "Does something to one record in Coupa for each record that it is given, such as issue, \
         cancel, submit or approve. What else the record holds goes along as parameters.",
        vec![
            Property::new(
                OPTION,
                "Action",
                "What to do, as the object offers it.",
                PropertyKind::Text,
            )
            .required(),
            key_option(
                "The field that finds the record: id, or one that no two records share, such \
                 as po-number. The record has to hold it.",
            )
            .default("id"),
            concurrency,
            stop_after,
        ],
    )
}

/// Puts the actions of a collection into the option that chooses one.
pub fn narrow(options: &mut [Property], collection: &Collection) {
    for option in options.iter_mut().filter(|option| option.name == OPTION) {
        let names = collection.actions().map(|action| action.name).collect();
        option.kind = PropertyKind::OneOf(names);
    }
}

#[derive(Debug)]
pub struct Action {
    action: coupa_catalog::Action,
    key: Key,
    can_show: bool,
}

impl Action {
    pub fn prepare(collection: &Collection, options: &Options<'_>) -> Result<Self, Error> {
        let names = || collection.actions().map(|action| action.name);
        let offered = || format!("Actions: {}.", names().collect::<Vec<_>>().join(", "));
        let Some(name) = options.text(OPTION) else {
            return Err(
                Error::setting("action.missing", "say which action to take").remedy(offered())
            );
        };
        let name = name.replace('-', "_");
        let Some(action) = collection.actions().find(|action| action.name == name) else {
            let hint = closest(&name, names())
                .map_or_else(String::new, |name| format!("Did you mean “{name}”? "));
            return Err(Error::setting(
                "action.unknown",
                format!("{} has no action “{name}”", collection.path),
            )
            .remedy(hint + &offered()));
        };
        Ok(Self {
            action,
            key: Key::parse(options.text("key").unwrap_or("id"), collection)?,
            can_show: collection.shows_the_record(),
        })
    }

    /// None for an action on the collection as a whole.
    pub fn key(&self) -> Option<&Key> {
        (self.action.subject == Subject::Record).then_some(&self.key)
    }

    fn method(&self) -> Method {
        match self.action.verb {
            coupa_catalog::Verb::Post => Method::Post,
            coupa_catalog::Verb::Patch => Method::Patch,
            coupa_catalog::Verb::Delete => Method::Delete,
            _ => Method::Put,
        }
    }

    pub fn requests(&self, path: &str) -> Vec<PlannedRequest> {
        let name = self.action.name;
        let (path, finding) = match self.action.subject {
            Subject::Collection => (format!("{path}/{name}"), None),
            Subject::Record => (format!("{path}/<id>/{name}"), self.key.planned_for_id(path)),
        };
        finding
            .into_iter()
            .chain([PlannedRequest {
                method: self.method().as_str(),
                path,
                body: Some("<what else the record holds>".to_owned()),
                note: "once for each record".to_owned(),
            }])
            .collect()
    }

    pub async fn apply<H: Host>(
        &self,
        client: &Client<H>,
        path: &str,
        mut record: Record,
        dry_run: bool,
    ) -> Result<Done, Error> {
        let name = self.action.name;
        let id = match self.action.subject {
            Subject::Collection => None,
            Subject::Record => {
                let id = id_of(client, path, &self.key, record.fields()).await?;
                // What found it is no parameter.
                for part in self.key.text().split(',') {
                    record.take(part.split('[').next().unwrap_or(part));
                }
                record.take("id");
                Some(id)
            }
        };
        if dry_run {
            return self.would(client, path, id).await;
        }
        let mut url = match id {
            None => format!("{path}/{name}"),
            Some(id) => format!("{path}/{id}/{name}"),
        };
        for parameter in self.action.parameters() {
            if let Some(value) = record.take(parameter).as_ref().and_then(text_of) {
                let separator = if url.contains('?') { '&' } else { '?' };
                let parameter = parameter.replace('-', "_");
                url.push_str(&format!("{separator}{parameter}={}", encode(&value)));
            }
        }
        let body = if record.fields().is_empty() {
            String::new()
        } else {
            record.body()
        };
        let exchange = Exchange {
            method: self.method(),
            path_and_query: url,
            body,
            repeat: Repeat::IfNotProcessed,
        };
        let done = client
            .exchange(exchange, |response| loose_record(&response))
            .await;
        let data = match done {
            Ok(data) => data,
            Err(error) if error.kind == ErrorKind::Uncertain => {
                return Err(self.uncertain(client, path, id, error).await);
            }
            Err(error) => return Err(error),
        };
        let answered: Map<String, Value> = serde_json::from_str(&data).unwrap_or_default();
        Ok(Done {
            id: id.or_else(|| id_in(&answered)),
            effect: Effect::Done,
            data,
            differences: Vec::new(),
        })
    }

    /// Why an action that an earlier run may have taken is not taken again: which
    /// states it leads to is not known for sure of any, and some, such as a payment,
    /// have their effect each time. Says how the record stands.
    pub async fn doubt<H: Host>(&self, client: &Client<H>, path: &str, record: &Record) -> Error {
        let id = match self.action.subject {
            Subject::Collection => None,
            Subject::Record => id_of(client, path, &self.key, record.fields()).await.ok(),
        };
        self.uncertain(client, path, id, doubt()).await
    }

    /// Whether the record is there, and how it stands.
    async fn would<H: Host>(
        &self,
        client: &Client<H>,
        path: &str,
        id: Option<i64>,
    ) -> Result<Done, Error> {
        let data = match id {
            Some(id) if self.can_show => {
                let shown = show(client, path, id).await?;
                let shown =
                    shown.ok_or_else(|| super::not_found(&format!("id “{id}” at {path}")))?;
                shown.text
            }
            _ => String::new(),
        };
        Ok(Done {
            id,
            effect: Effect::Done,
            data,
            differences: Vec::new(),
        })
    }

    /// Adds how the record stands now to an error that leaves its fate open.
    async fn uncertain<H: Host>(
        &self,
        client: &Client<H>,
        path: &str,
        id: Option<i64>,
        mut error: Error,
    ) -> Error {
        let Some(id) = id.filter(|_| self.can_show) else {
            return error;
        };
        if let Ok(Some(record)) = show(client, path, id).await
            && let Some(status) = record.fields.get("status").and_then(Value::as_str)
        {
            error.message = format!("{}; its status is now “{status}”", error.message);
        }
        error
    }
}
