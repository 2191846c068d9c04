//! Entries that are gone with the process.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::MAX_ENTRIES;
use super::entry::Entry;
use crate::sealing::Place;

type Entries = HashMap<String, Entry>;

/// The entries of each namespace.
#[derive(Debug, Default)]
pub(super) struct Memory(Mutex<HashMap<String, Entries>>);

impl Memory {
    pub(super) fn get(&self, place: Place<'_>) -> Option<Entry> {
        self.lock().get(place.namespace)?.get(place.key).cloned()
    }

    pub(super) fn put(&self, place: Place<'_>, entry: Entry) {
        let mut namespaces = self.lock();
        let entries = namespaces.entry(place.namespace.to_owned()).or_default();
        if !entries.contains_key(place.key) && entries.len() >= MAX_ENTRIES {
            remove_oldest(entries);
        }
        entries.insert(place.key.to_owned(), entry);
    }

    pub(super) fn remove(&self, place: Place<'_>) {
        if let Some(entries) = self.lock().get_mut(place.namespace) {
            entries.remove(place.key);
        }
    }

    /// Every change is one insertion or removal, so a thread that panicked while
    /// it held the lock left nothing half done.
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Entries>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn remove_oldest(entries: &mut Entries) {
    let oldest = entries
        .iter()
        .min_by_key(|(_, entry)| entry.stored())
        .map(|(key, _)| key.clone());
    if let Some(key) = oldest {
        entries.remove(&key);
    }
}
