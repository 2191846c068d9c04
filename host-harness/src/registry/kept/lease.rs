//! Leases: a version that is in use is not removed, by whichever process.

use super::receipt::unusable;
use crate::registry::{Digest, StoreError};
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

/// Holds a version in its store until it is dropped. It is a shared lock of the
/// operating system, so that the end of a process, however it comes, ends its
/// leases.
#[derive(Debug)]
pub struct Lease {
    _file: File,
}

/// The file is never removed: whoever waits for its lock would hold the lock of
/// a file that is not there any more.
fn open(store: &Path, digest: &Digest) -> Result<(File, PathBuf), StoreError> {
    let folder = store.join("leases");
    std::fs::create_dir_all(&folder).map_err(|error| unusable(&folder, error))?;
    let path = folder.join(digest.hex());
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .map_err(|error| unusable(&path, error))?;
    Ok((file, path))
}

impl Lease {
    pub(in crate::registry) fn take(store: &Path, digest: &Digest) -> Result<Self, StoreError> {
        let (file, path) = open(store, digest)?;
        // Whoever removes a version holds it for a moment.
        file.lock_shared().map_err(|error| unusable(&path, error))?;
        Ok(Self { _file: file })
    }

    /// The right to remove a version; absent while it is in use.
    pub(super) fn alone(store: &Path, digest: &Digest) -> Result<Option<Self>, StoreError> {
        let (file, path) = open(store, digest)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self { _file: file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(unusable(&path, error)),
        }
    }
}
