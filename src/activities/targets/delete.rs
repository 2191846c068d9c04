//! Delete.

use super::differences::same;
use super::key::{Key, id_of, not_found};
use super::record::{Record, field_of};
use super::{DELETE, Done, key_option, shared_options};
use crate::activities::Options;
use crate::client::{Client, Exchange, Repeat};
use crate::contract::{Activity, Effect, Error, ErrorKind, PlannedRequest};
use crate::host::{Host, Method};
use coupa_catalog::Collection;
use serde_json::{Map, Value};

pub fn activity() -> Activity {
    let [concurrency, stop_after] = shared_options();
    Activity::target(
        DELETE,
        "Delete",
        "Deletes one record in Coupa for each record that it is given.",
        vec![
            key_option(
                "The field that finds the record to delete: id, or one that no two records \
                 share. The record has to hold it; where it holds a version or updated-at as \
                 well, it is deleted only if that is still so.",
            )
            .default("id"),
            concurrency,
            stop_after,
        ],
    )
}

#[derive(Debug)]
pub struct Delete {
    key: Key,
    can_show: bool,
}

impl Delete {
    pub fn prepare(collection: &Collection, options: &Options<'_>) -> Result<Self, Error> {
        Ok(Self {
            key: Key::parse(options.text("key").unwrap_or("id"), collection)?,
            can_show: collection.shows_the_record(),
        })
    }

    pub fn key(&self) -> &Key {
        &self.key
    }

    pub fn requests(&self, path: &str) -> Vec<PlannedRequest> {
        self.key
            .planned_for_id(path)
            .into_iter()
            .chain(self.can_show.then(|| {
                PlannedRequest {
                    method: Method::Get.as_str(),
                    path: format!("{path}/<id>"),
                    body: None,
                    note:
                        "for each record that holds a version or updated-at, to see whether it is \
                       still so"
                            .to_owned(),
                }
            }))
            .chain([PlannedRequest {
                method: Method::Delete.as_str(),
                path: format!("{path}/<id>"),
                body: None,
                note: "once for each record".to_owned(),
            }])
            .collect()
    }

    /// Deletes a record that an earlier run may have deleted.
    ///
    /// # Errors
    /// As [`Delete::apply`], but not where there is no such record any more.
    pub async fn again<H: Host>(
        &self,
        client: &Client<H>,
        path: &str,
        record: &Record,
    ) -> Result<Done, Error> {
        match self.apply(client, path, record, false).await {
            Err(error) if error.code == "record.not-found" => Ok(Done {
                id: None,
                effect: Effect::Deleted,
                data: String::new(),
                differences: Vec::new(),
            }),
            other => other,
        }
    }

    pub async fn apply<H: Host>(
        &self,
        client: &Client<H>,
        path: &str,
        record: &Record,
        dry_run: bool,
    ) -> Result<Done, Error> {
        let id = id_of(client, path, &self.key, record.fields()).await?;
        let done = |data| Done {
            id: Some(id),
            effect: Effect::Deleted,
            data,
            differences: Vec::new(),
        };
        let missing = || not_found(&format!("id “{id}” at {path}"));
        if dry_run {
            if self.can_show && self.key.is_id() {
                let shown = super::show(client, path, id).await?;
                let shown = shown.ok_or_else(missing)?;
                return Ok(done(shown.text));
            }
            return Ok(done(String::new()));
        }
        if self.can_show && says_version(record) {
            self.still_as_given(client, path, record, id).await?;
        }
        let exchange = Exchange {
            method: Method::Delete,
            path_and_query: format!("{path}/{id}"),
            body: String::new(),
            repeat: Repeat::Freely,
        };
        let deleted = client
            .exchange(exchange, |response| {
                // What Coupa answers is not documented beyond the status.
                Ok(super::record::record_in(&response).unwrap_or_default())
            })
            .await;
        match deleted {
            Ok(data) => Ok(done(data)),
            // An earlier try of unknown fate did it.
            Err(error)
                if error.code == "write.uncertain" && matches!(error.status, Some(404 | 410)) =>
            {
                Ok(done(String::new()))
            }
            Err(error) if matches!(error.code, "coupa.not-found" | "coupa.gone") => Err(missing()),
            Err(error) => Err(error),
        }
    }

    /// What is deleted is gone: a revision that came after the record was read must not go
    /// unseen.
    async fn still_as_given<H: Host>(
        &self,
        client: &Client<H>,
        path: &str,
        record: &Record,
        id: i64,
    ) -> Result<(), Error> {
        let Some(found) = super::show(client, path, id).await? else {
            return Ok(());
        };
        match changed(record, &found.fields) {
            None => Ok(()),
            Some(what) => Err(newer(id, &what)),
        }
    }
}

/// The fields by which a record says which version of it is meant.
const VERSIONS: [&str; 2] = ["version", "updated-at"];

fn says_version(record: &Record) -> bool {
    let said = |name| field_of(record.fields(), name).is_some_and(|value| !value.is_null());
    VERSIONS.into_iter().any(said)
}

/// How a record in Coupa is another version than the one given. What Coupa does not show
/// tells nothing.
fn changed(record: &Record, found: &Map<String, Value>) -> Option<String> {
    VERSIONS.into_iter().find_map(|name| {
        let given = field_of(record.fields(), name).filter(|given| !given.is_null())?;
        let remote = field_of(found, name)?;
        (!same(given, remote)).then(|| format!("its {name} is {remote} and not {given}"))
    })
}

fn newer(id: i64, what: &str) -> Error {
    Error::new(
        ErrorKind::InvalidInput,
        "record.changed",
        format!(
            "the record {id} is another version in Coupa than the one to be deleted: {what}; it \
             was not deleted"
        ),
    )
    .remedy(
        "Look at what was changed. To delete it whatever it is, leave version and updated-at \
             out of the record.",
    )
}
