//! What can go wrong with sealing.

use std::io;
use std::path::PathBuf;

use crate::atomic_file::AtomicFileError;
use crate::connection::PrivateFileError;

/// Why something could not be sealed. Never shows any of it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SealError {
    /// The operating system gave no random bytes, so nothing can be encrypted.
    #[error("no random bytes are to be had ({0})")]
    NoRandomness(getrandom::Error),

    /// The cipher refused, which it does for no value of a sensible size.
    #[error("it could not be encrypted")]
    NotEncrypted,
}

/// Why the key could not be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The file cannot be read, or must not be.
    #[error("the sealing key: {0}")]
    File(#[from] PrivateFileError),

    /// The environment variable holds no key.
    #[error(
        "the environment variable {variable} is not a sealing key: give it 64 hexadecimal \
         digits, as `openssl rand -hex 32` prints them"
    )]
    Variable {
        /// Its name.
        variable: String,
    },

    /// The file holds something else.
    #[error(
        "{} is not a sealing key: it has {size} bytes instead of 32. Put the right one back; if \
         it is lost, delete the file and a new one is made: what was sealed under the old one \
         can then no longer be opened",
        path.display()
    )]
    WrongSize {
        /// The file.
        path: PathBuf,
        /// Its bytes.
        size: usize,
    },

    /// The operating system gave no random bytes.
    #[error("no sealing key could be made: no random bytes are to be had ({0})")]
    NoRandomness(getrandom::Error),

    /// The file cannot be written.
    #[error("no sealing key could be made at {}: {source}", path.display())]
    NotWritten {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
}

impl From<AtomicFileError> for KeyError {
    fn from(error: AtomicFileError) -> Self {
        Self::NotWritten {
            path: error.path,
            source: error.source,
        }
    }
}
