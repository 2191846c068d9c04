//! Upsert: look up by a key, then create or update.

use super::answering::Answering;
use super::create::Create;
use super::key::{Extent, Key, find};
use super::record::Record;
use super::update::{self, Update};
use super::{Done, UPSERT, key_option, shared_options};
use crate::activities::Options;
use crate::client::Client;
use crate::contract::{Activity, Error, ErrorKind, PlannedRequest};
use crate::host::{Host, Method};
use coupa_catalog::Collection;
use std::time::Duration;

pub fn activity() -> Activity {
    let [concurrency, stop_after] = shared_options();
    let [skip, sets] = update::options();
    Activity::target(
        UPSERT,
        "Upsert",
        "Looks for a record of the same key in Coupa, and updates it where there is one; \
         otherwise creates it.",
        vec![
            key_option(
                "The field that no two records share, such as number; several with commas \
                 between, such as invoice-number,supplier[number]. The record has to hold it. \
                 Empty: the object's own.",
            ),
            skip,
            sets,
            Answering::option(),
            concurrency,
            stop_after,
        ],
    )
}

#[derive(Debug)]
pub struct Upsert {
    create: Create,
    update: Update,
}

impl Upsert {
    pub fn prepare(collection: &Collection, options: &Options<'_>) -> Result<Self, Error> {
        let key = match options.text("key") {
            Some(text) => Key::parse(text, collection)?,
            None => Key::unique(collection).into_iter().next().ok_or_else(|| {
                Error::setting(
                    "key.none-known",
                    format!(
                        "no key is known by which records of {} can be told apart",
                        collection.record_type
                    ),
                )
                .remedy("Name one in the option key.")
            })?,
        };
        if key.is_id() {
            return Err(Error::setting(
                "key.is-the-id",
                "a record that is to be created has no id yet",
            )
            .remedy("Choose a field that the records bring along, or use Update."));
        }
        Ok(Self {
            create: Create::new(collection, Answering::of(options)),
            update: Update::with_key(key, collection, options)?,
        })
    }

    pub fn key(&self) -> &Key {
        self.update.key()
    }

    pub fn requests(&self, path: &str) -> Vec<PlannedRequest> {
        let with_note = |note: &'static str| {
            move |request: PlannedRequest| PlannedRequest {
                note: note.to_owned(),
                ..request
            }
        };
        let creating = self.create.requests(path).into_iter().take(1);
        let (changing, looking): (Vec<_>, Vec<_>) = self
            .update
            .requests(path)
            .into_iter()
            .partition(|request| request.method == Method::Put.as_str());
        looking
            .into_iter()
            .chain(creating.map(with_note("where there is no such record")))
            .chain(changing.into_iter().map(with_note("where there is one")))
            .collect()
    }

    /// Updates or creates a record that an earlier run may have sent.
    ///
    /// # Errors
    /// As uncertain, where a second time would be another effect and nothing tells
    /// whether it was sent.
    pub async fn again<H: Host>(
        &self,
        client: &Client<H>,
        path: &str,
        record: &Record,
        began: Duration,
    ) -> Result<Done, Error> {
        let wanted = self.key().values(record.fields())?;
        match find(client, path, &wanted, Extent::Whole).await? {
            Some(found) => self.update.change_again(client, path, record, found).await,
            None => self.create.again(client, path, record, began).await,
        }
    }

    pub async fn apply<H: Host>(
        &self,
        client: &Client<H>,
        path: &str,
        record: &Record,
        dry_run: bool,
    ) -> Result<Done, Error> {
        let wanted = self.key().values(record.fields())?;
        if let Some(found) = find(client, path, &wanted, Extent::Whole).await? {
            return self
                .update
                .change(client, path, record, found, dry_run)
                .await;
        }
        let created = self.create.apply(client, path, record, dry_run).await;
        let refused = match created {
            Err(error) if error.kind == ErrorKind::InvalidInput && !dry_run => error,
            other => return other,
        };
        // Somebody else may have created it in between.
        match find(client, path, &wanted, Extent::Whole).await? {
            Some(found) => {
                self.update
                    .change(client, path, record, found, dry_run)
                    .await
            }
            None => Err(refused),
        }
    }
}
