//! One round of changes.

use coupa_catalog::FieldKind;
use serde_json::Map;

use super::{Drift, DriftRound};
use crate::clock;
use crate::model::{Collection, RecordType, model};
use crate::random::Random;
use crate::refusal::Refusal;
use crate::seed::{self, API_USER, SeedError, Seeder};
use crate::store::{Records, Store, StoreError};
use crate::write::Writer;

/// Why records cannot drift.
#[derive(Debug, thiserror::Error)]
pub enum DriftError {
    /// There is no such collection, or its records are only lent to it.
    #[error("there is no collection {0} whose records could change")]
    NoCollection(String),
    /// A record could not be made.
    #[error(transparent)]
    Seed(#[from] SeedError),
    /// A record could not be changed.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The collection that a drift names, and the type of its records.
pub fn collection(drift: &Drift) -> Result<(&'static Collection, &'static RecordType), DriftError> {
    let found = model()
        .collection(&drift.collection)
        .filter(|collection| collection.members.is_none());
    let with_type = found.and_then(|collection| {
        let table = model().table(collection.record_type);
        Some((collection, model().record_type(table)?))
    });
    with_type.ok_or_else(|| DriftError::NoCollection(drift.collection.clone()))
}

/// Changes records once, all or nothing. `number` counts the rounds.
pub fn round(store: &Store, drift: &Drift, number: u64) -> Result<DriftRound, DriftError> {
    let (collection, record_type) = collection(drift)?;
    store.write(|records| {
        let mut work = Round {
            records,
            collection,
            record_type,
            random: Random::new(drift.seed, "drift", number),
            done: DriftRound {
                collection: drift.collection.clone(),
                ..DriftRound::default()
            },
        };
        for _ in 0..drift.deletes {
            work.delete()?;
        }
        for at in 0..drift.updates {
            work.update(&format!("drift {number}.{at}"))?;
        }
        for _ in 0..drift.inserts {
            work.insert(drift.seed)?;
        }
        Ok(work.done)
    })
}

struct Round<'a> {
    records: Records<'a>,
    collection: &'static Collection,
    record_type: &'static RecordType,
    random: Random,
    done: DriftRound,
}

impl Round<'_> {
    /// Adds a record that is created and updated now.
    fn insert(&mut self, seed: u64) -> Result<(), DriftError> {
        let table = self.record_type.name;
        let mut seeder = Seeder::new(self.records, seed)?;
        let number = self.records.last_id(table)?.unsigned_abs() + 1;
        let added = seed::add(&mut seeder, self.records, seed, self.collection, number)?;
        let Some(id) = added else {
            return Ok(());
        };
        let Some(mut record) = self.records.get(table, id)? else {
            return Ok(());
        };
        for name in ["created-at", "updated-at"] {
            if let Some(at) = record.get_mut(name) {
                *at = clock::now().into();
            }
        }
        self.records.save(table, id, None, &record)?;
        self.done.inserted.push(id);
        Ok(())
    }

    fn update(&mut self, text: &str) -> Result<(), DriftError> {
        let Some(id) = self.any()? else {
            return Ok(());
        };
        let mut sent = Map::new();
        if let Some(name) = free_text(self.record_type) {
            sent.insert(name.to_owned(), text.into());
        }
        let writer = Writer::new(self.records, API_USER)?;
        match writer.update(self.record_type, id, &sent, None, false) {
            Ok(_) => self.done.updated.push(id),
            // Such as an inactive address, which stays as it is.
            Err(Refusal::Invalid { .. }) => {}
            Err(other) => return Err(other.into()),
        }
        Ok(())
    }

    fn delete(&mut self) -> Result<(), DriftError> {
        if let Some(id) = self.any()? {
            Writer::new(self.records, API_USER)?.delete(self.record_type, id)?;
            self.done.deleted.push(id);
        }
        Ok(())
    }

    fn any(&mut self) -> Result<Option<i64>, StoreError> {
        let count = seed::counted(self.records, self.collection)?;
        let at = i64::try_from(self.random.below(count)).unwrap_or(0);
        Ok(seed::shown(self.records, self.collection, 1, at)?
            .first()
            .copied())
    }
}

/// A field that takes any text and that no other record knows this one by.
fn free_text(record_type: &RecordType) -> Option<&'static str> {
    let is_free = |name: &&'static str| {
        let is_key = record_type.indexed_fields().any(|key| key == *name);
        let field = record_type.field(name);
        !is_key
            && !record_type.simple.contains(name)
            && !name.contains("email")
            && field.is_some_and(|field| {
                let long = match field.kind {
                    FieldKind::Text(limit) => limit.is_none_or(|limit| limit >= 30),
                    _ => false,
                };
                long && !field.read_only && field.choices.is_empty()
            })
    };
    let preferred = [
        "description",
        "display-name",
        "notes",
        "internal-note",
        "website",
    ];
    let known = preferred
        .into_iter()
        .find(|name| record_type.shape.contains(name) && is_free(name));
    known.or_else(|| {
        let own = |name: &&'static str| !["status", "state", "type"].contains(name);
        record_type
            .shape
            .iter()
            .copied()
            .find(|name| own(name) && is_free(name))
    })
}
