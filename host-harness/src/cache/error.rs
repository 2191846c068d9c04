//! What can go wrong with the cache.

use std::io;
use std::path::PathBuf;

use super::{MAX_KEY_BYTES, MAX_VALUE_BYTES};
use crate::atomic_file::AtomicFileError;
use crate::sealing::SealError;

/// Why something was not kept, or not forgotten. To a connector none of this is
/// an error; it is for the host's log. Never shows a key or a value.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CacheError {
    /// The key is too long.
    #[error("a cache key of {size} bytes was not kept: the contract allows {MAX_KEY_BYTES}")]
    KeyTooLong {
        /// Its bytes.
        size: usize,
    },

    /// The value is too large.
    #[error("a cache value of {size} bytes was not kept: the contract allows {MAX_VALUE_BYTES}")]
    ValueTooLarge {
        /// Its bytes.
        size: usize,
    },

    /// It could not be encrypted.
    #[error("a cache value was not kept: {0}")]
    NotSealed(#[from] SealError),

    /// A file or folder of the cache cannot be used.
    #[error("the cache cannot use {}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
}

impl From<AtomicFileError> for CacheError {
    fn from(error: AtomicFileError) -> Self {
        Self::Io {
            path: error.path,
            source: error.source,
        }
    }
}
