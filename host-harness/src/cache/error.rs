//! What can go wrong with the cache.

use std::io;
use std::path::PathBuf;

use super::{MAX_KEY_BYTES, MAX_VALUE_BYTES};
use crate::connection::PrivateFileError;

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

    /// The operating system gave no random bytes, so nothing can be encrypted.
    #[error("a cache value was not kept: no random bytes are to be had ({0})")]
    NoRandomness(getrandom::Error),

    /// The cipher refused, which it does for no value of an allowed size.
    #[error("a cache value was not kept: it could not be encrypted")]
    NotEncrypted,

    /// A file or folder of the cache cannot be used.
    #[error("the cache cannot use {}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
}

/// Why the key of the cache could not be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CacheKeyError {
    /// The file cannot be read, or must not be.
    #[error("the key of the cache: {0}")]
    File(#[from] PrivateFileError),

    /// The file holds something else.
    #[error(
        "{} is not a key of the cache: it has {size} bytes instead of 32. Delete it and a new \
         one is made; what is in the cache is then forgotten",
        path.display()
    )]
    WrongSize {
        /// The file.
        path: PathBuf,
        /// Its bytes.
        size: usize,
    },

    /// The operating system gave no random bytes.
    #[error("no key for the cache could be made: no random bytes are to be had ({0})")]
    NoRandomness(getrandom::Error),

    /// The file cannot be written.
    #[error("no key for the cache could be made at {}: {source}", path.display())]
    NotWritten {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
}
