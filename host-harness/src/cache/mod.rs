//! A small store for what is costly to get again, encrypted at rest.
//!
//! This stands behind the contract's interface `cache`. Each connection of each
//! connector has a [`Namespace`] of its own, and sees nothing of another.
//!
//! On disk an entry is one file, sealed with XChaCha20-Poly1305 under the
//! agent's [`SealingKey`]. Its namespace and key are authenticated with it, so a
//! file that is put in another's place does not open; its expiry lies inside.
//! What does not open is as good as absent: a cache may forget at any time, so
//! it never has to guess what a damaged entry meant.

mod entry;
mod error;
mod folder;
mod memory;
mod namespace;

use std::path::PathBuf;
use std::sync::Arc;

pub use error::CacheError;
pub use namespace::Namespace;

use crate::sealing::SealingKey;
use folder::Folder;
use memory::Memory;

/// The most bytes a key may have, by the contract.
pub const MAX_KEY_BYTES: usize = 512;

/// The most bytes a value may have, by the contract: 256 KiB.
pub const MAX_VALUE_BYTES: usize = 256 * 1024;

/// The most entries of one namespace. One more, and the oldest is forgotten, so
/// that a connector that never repeats a key cannot fill the disk: at worst a
/// namespace takes 64 MiB.
pub const MAX_ENTRIES: usize = 256;

/// A cache. Cloning it is cheap, and the clones share their entries.
#[derive(Debug, Clone)]
pub struct Cache {
    backing: Arc<Backing>,
}

#[derive(Debug)]
enum Backing {
    Folder(Folder),
    Memory(Memory),
}

impl Cache {
    /// The cache in `folder`, which is made, for its owner alone, where it does
    /// not exist. Several programs with the same key may use it at the same time.
    ///
    /// # Errors
    /// [`CacheError::Io`] where the folder cannot be made.
    pub fn open(folder: impl Into<PathBuf>, key: SealingKey) -> Result<Self, CacheError> {
        let folder = Folder::open(folder.into(), key)?;
        Ok(Self {
            backing: Arc::new(Backing::Folder(folder)),
        })
    }

    /// A cache that is gone with the process.
    #[must_use]
    pub fn in_memory() -> Self {
        Self {
            backing: Arc::new(Backing::Memory(Memory::default())),
        }
    }

    /// The part of the cache that belongs to `name`, which must differ for each
    /// connection of each connector.
    #[must_use]
    pub fn namespace(&self, name: &str) -> Namespace {
        Namespace::new(Arc::clone(&self.backing), name)
    }
}

#[cfg(test)]
mod tests;
