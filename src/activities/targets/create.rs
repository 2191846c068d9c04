//! Create.

use super::answering::Answering;
use super::fate::doubt;
use super::key::{Extent, Found, Key, find};
use super::record::Record;
use super::{CREATE, Done, all_new, differences::differences, shared_options};
use crate::activities::Options;
use crate::client::{Client, Exchange, Repeat};
use crate::contract::{Activity, Effect, Error, ErrorKind, PlannedRequest};
use crate::host::{Host, Method};
use coupa_catalog::Collection;
use std::time::Duration;

/// Looks for a record that may have arrived. A request that was given up may
/// still be at work in Coupa, so that the first look can be too early.
const LOOKS: [Duration; 3] = [
    Duration::from_millis(250),
    Duration::from_secs(1),
    Duration::from_secs(3),
];
/// A request of an earlier run may still be at work in Coupa: a record that was not
/// found is looked for again when the call is so old.
const SETTLED: Duration = Duration::from_millis(500);
/// Times that a create is sent at most, each after looks that found nothing.
const MOST_SENT: u32 = 3;

pub fn activity() -> Activity {
    let [concurrency, stop_after] = shared_options();
    Activity::target(
        CREATE,
        "Create",
        "Creates one record in Coupa for each record that it is given.",
        vec![Answering::option(), concurrency, stop_after],
    )
}

#[derive(Debug)]
pub struct Create {
    collection: Collection,
    answering: Answering,
    /// Keys by which a record whose fate is unknown can be looked up.
    unique: Vec<Key>,
}

impl Create {
    pub fn prepare(collection: &Collection, options: &Options<'_>) -> Self {
        Self::new(collection, Answering::of(options))
    }

    /// For other activities that create.
    pub fn new(collection: &Collection, answering: Answering) -> Self {
        Self {
            collection: *collection,
            answering,
            unique: if collection.can_list() {
                Key::unique(collection)
            } else {
                Vec::new()
            },
        }
    }

    pub fn requests(&self, path: &str) -> Vec<PlannedRequest> {
        let mut requests = vec![PlannedRequest {
            method: Method::Post.as_str(),
            path: self.answering.ask(path),
            body: Some("<the record>".to_owned()),
            note: "once for each record".to_owned(),
        }];
        if let Some(key) = self.unique.first() {
            let note = "only where no answer came, to see whether the record arrived";
            requests.push(key.planned(path, note));
        }
        requests
    }

    pub async fn apply<H: Host>(
        &self,
        client: &Client<H>,
        path: &str,
        record: &Record,
        dry_run: bool,
    ) -> Result<Done, Error> {
        if dry_run {
            return self.would(client, path, record).await;
        }
        self.send(client, path, record).await
    }

    /// Creates a record, once.
    pub async fn send<H: Host>(
        &self,
        client: &Client<H>,
        path: &str,
        record: &Record,
    ) -> Result<Done, Error> {
        let mut doubt: Option<Error> = None;
        for sent in 1..=MOST_SENT {
            let exchange = Exchange {
                method: Method::Post,
                path_and_query: self.answering.ask(path),
                body: record.body(),
                repeat: Repeat::IfNotProcessed,
            };
            let answered = client
                .exchange(exchange, |response| self.answering.record(&response))
                .await;
            let error = match answered {
                Ok(data) => {
                    let record_type = self.collection.record_type;
                    return Ok(self
                        .answering
                        .done(Effect::Created, data, record, record_type));
                }
                Err(error) => error,
            };
            let uncertain = error.kind == ErrorKind::Uncertain;
            if !uncertain && doubt.is_none() {
                return Err(error);
            }
            // Refused after a try of unknown fate: perhaps because that one arrived.
            let error = doubt.take().unwrap_or(error);
            let looks = if uncertain { &LOOKS[..] } else { &LOOKS[..1] };
            match self.look(client, path, record, looks, &error).await? {
                Some(done) => return Ok(done),
                None if !uncertain || sent == MOST_SENT => return Err(error),
                None => doubt = Some(error),
            }
        }
        Err(Error::new(
            ErrorKind::Internal,
            "internal.create",
            "a create ended without an answer",
        ))
    }

    /// Creates a record that an earlier run may have created, unless it is there.
    /// Where it is not, it can be sent: Coupa takes no second record of the same key.
    ///
    /// # Errors
    /// As uncertain, where that cannot be found out.
    pub async fn again<H: Host>(
        &self,
        client: &Client<H>,
        path: &str,
        record: &Record,
        began: Duration,
    ) -> Result<Done, Error> {
        let doubt = doubt();
        let looks = [
            Duration::ZERO,
            (began + SETTLED).saturating_sub(client.host().now()),
        ];
        if let Some(done) = self.look(client, path, record, &looks, &doubt).await? {
            return Ok(done);
        }
        let refused = match self.send(client, path, record).await {
            Err(error) if error.kind == ErrorKind::InvalidInput => error,
            other => return other,
        };
        // Perhaps because the earlier request has arrived in between.
        let arrived = self.look(client, path, record, &[Duration::ZERO], &doubt);
        arrived.await?.ok_or(refused)
    }

    /// Looks, each time after a wait, whether a record whose fate is unknown has
    /// arrived; none where it has not, so that it can be sent again: Coupa takes no second record of
    /// the same key.
    ///
    /// # Errors
    /// `error` itself, where that cannot be found out.
    async fn look<H: Host>(
        &self,
        client: &Client<H>,
        path: &str,
        record: &Record,
        looks: &[Duration],
        error: &Error,
    ) -> Result<Option<Done>, Error> {
        let wanted = self
            .unique
            .iter()
            .find_map(|key| key.values(record.fields()).ok());
        let Some(wanted) = wanted else {
            return Err(error.clone());
        };
        for wait in looks {
            if !wait.is_zero() {
                client
                    .settle("looking whether the record arrived", *wait)
                    .await;
            }
            let found = match find(client, path, &wanted, Extent::Whole).await {
                Ok(found) => found,
                Err(why) => {
                    return Err(Error {
                        message: format!("{}; looking for it failed: {why}", error.message),
                        ..error.clone()
                    });
                }
            };
            let Some(found) = found else { continue };
            return self.arrived(found, record, error).map(Some);
        }
        Ok(None)
    }

    fn arrived(&self, found: Found, record: &Record, error: &Error) -> Result<Done, Error> {
        let differences = differences(record.fields(), &found.fields, self.collection.record_type);
        let id = Some(found.id);
        if differences.is_empty() {
            return Ok(Done {
                id,
                effect: Effect::Created,
                data: found.text,
                differences,
            });
        }
        let fields: Vec<_> = differences
            .iter()
            .map(|difference| difference.field.as_str())
            .collect();
        Err(Error {
            code: "write.uncertain-differs",
            message: format!(
                "{}; Coupa has a record of the same key, id {}, that differs in: {}",
                error.message,
                found.id,
                fields.join(", ")
            ),
            remedy: Some(
                "It was there before, or Coupa altered it: compare the two, and update that one \
                 where it should be as given."
                    .to_owned(),
            ),
            ..error.clone()
        })
    }

    /// What a create would do: be refused, where a record of the same key is there.
    async fn would<H: Host>(
        &self,
        client: &Client<H>,
        path: &str,
        record: &Record,
    ) -> Result<Done, Error> {
        for key in &self.unique {
            let Ok(wanted) = key.values(record.fields()) else {
                continue;
            };
            if let Some(found) = find(client, path, &wanted, Extent::Id).await? {
                return Err(Error::new(
                    ErrorKind::InvalidInput,
                    "record.exists",
                    format!(
                        "Coupa has a record with {} already, id {}",
                        wanted.text(),
                        found.id
                    ),
                )
                .remedy("Update it, or use Upsert."));
            }
        }
        Ok(Done {
            id: None,
            effect: Effect::Created,
            data: String::new(),
            differences: all_new(record, self.collection.record_type),
        })
    }
}
