//! Delete.

use super::key::{Key, id_of, not_found};
use super::record::Record;
use super::{DELETE, Done, key_option, shared_options};
use crate::activities::Options;
use crate::client::{Client, Exchange, Repeat};
use crate::contract::{Activity, Effect, Error, PlannedRequest};
use crate::host::{Host, Method};
use coupa_catalog::Collection;

pub fn activity() -> Activity {
    let [concurrency, stop_after] = shared_options();
    Activity::target(
        DELETE,
        "Delete",
        "Deletes one record in Coupa for each record that it is given.",
        vec![
            key_option(
                "The field that finds the record to delete: id, or one that no two records \
                 share. The record has to hold it.",
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
            Err(error) if error.code == "write.uncertain" && error.status == Some(404) => {
                Ok(done(String::new()))
            }
            Err(error) if error.code == "coupa.not-found" => Err(missing()),
            Err(error) => Err(error),
        }
    }
}
