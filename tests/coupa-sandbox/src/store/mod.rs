//! The store: one SQLite table for records of every type, as JSON, with the
//! indexes that lists and look-ups need. Writes are serialized, and a write
//! that fails leaves nothing behind.

mod files;
mod records;
mod schema;

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rusqlite::Connection;

pub use files::FileKey;
pub(crate) use records::key_text;
pub use records::{Parent, Records};

/// What can go wrong in the store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// SQLite failed.
    #[error("database: {0}")]
    Database(#[from] rusqlite::Error),
    /// A stored document is not the JSON object it should be.
    #[error("stored document: {0}")]
    Document(#[from] serde_json::Error),
    /// A file of a record could not be written.
    #[error("file: {0}")]
    File(#[from] std::io::Error),
}

/// Every record of this instance.
pub struct Store {
    connection: Mutex<Connection>,
}

impl Store {
    /// Opens a database file, or one in memory.
    pub fn open(file: Option<&Path>) -> Result<Self, StoreError> {
        let connection = match file {
            Some(file) => Connection::open(file)?,
            None => Connection::open_in_memory()?,
        };
        schema::prepare(&connection)?;
        Ok(Self {
            connection: Mutex::new(connection),
        })
    }

    /// Reads.
    pub fn read<T>(&self, work: impl FnOnce(Records<'_>) -> T) -> T {
        work(Records::new(&self.lock()))
    }

    /// Writes, all of it or, where `work` fails, nothing.
    pub fn write<T, E: From<StoreError>>(
        &self,
        work: impl FnOnce(Records<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut connection = self.lock();
        let transaction = connection.transaction().map_err(StoreError::from)?;
        let outcome = work(Records::new(&transaction))?;
        transaction.commit().map_err(StoreError::from)?;
        Ok(outcome)
    }

    fn lock(&self) -> MutexGuard<'_, Connection> {
        self.connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
