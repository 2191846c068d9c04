//! The entries of one connection.

use std::sync::Arc;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};

use super::entry::Entry;
use super::{Backing, CacheError, MAX_KEY_BYTES, MAX_VALUE_BYTES};
use crate::sealing::Place;

/// The part of a [`Cache`](super::Cache) that belongs to one connection of one
/// connector. Its operations touch the disk, so asynchronous code calls them
/// where blocking is allowed.
#[derive(Debug, Clone)]
pub struct Namespace {
    backing: Arc<Backing>,
    name: Arc<str>,
}

impl Namespace {
    pub(super) fn new(backing: Arc<Backing>, name: &str) -> Self {
        Self {
            backing,
            name: name.into(),
        }
    }

    /// The value under `key`, and how long it is still good for. What is
    /// expired, damaged or altered is absent, and is removed.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<(SecretString, Duration)> {
        let place = self.place(key);
        let entry = match &*self.backing {
            Backing::Folder(folder) => folder.get(place),
            Backing::Memory(memory) => memory.get(place),
        }?;
        let fresh = entry.if_fresh();
        if fresh.is_none() {
            match &*self.backing {
                Backing::Folder(folder) => folder.forget(place),
                Backing::Memory(memory) => memory.remove(place),
            }
        }
        fresh
    }

    /// Keeps `value` under `key` for at most `ttl`, in place of what was there.
    ///
    /// # Errors
    /// Where it was not kept: key or value beyond the contract's limits, or the
    /// disk is at fault. What was there before may be there still.
    pub fn put(&self, key: &str, value: &SecretString, ttl: Duration) -> Result<(), CacheError> {
        if key.len() > MAX_KEY_BYTES {
            return Err(CacheError::KeyTooLong { size: key.len() });
        }
        let size = value.expose_secret().len();
        if size > MAX_VALUE_BYTES {
            return Err(CacheError::ValueTooLarge { size });
        }
        let entry = Entry::new(value, ttl);
        match &*self.backing {
            Backing::Folder(folder) => folder.put(self.place(key), &entry),
            Backing::Memory(memory) => {
                memory.put(self.place(key), entry);
                Ok(())
            }
        }
    }

    /// Forgets `key`; nothing happens where it is not there.
    ///
    /// # Errors
    /// [`CacheError::Io`] where its file cannot be removed.
    pub fn remove(&self, key: &str) -> Result<(), CacheError> {
        match &*self.backing {
            Backing::Folder(folder) => folder.remove(self.place(key)),
            Backing::Memory(memory) => {
                memory.remove(self.place(key));
                Ok(())
            }
        }
    }

    fn place<'a>(&'a self, key: &'a str) -> Place<'a> {
        Place {
            namespace: &self.name,
            key,
        }
    }
}
