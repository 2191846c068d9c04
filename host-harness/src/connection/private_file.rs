//! Reading a small file that nobody but its owner may read.

use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use secrecy::zeroize::Zeroizing;

/// Why a private file was not read. Its content is never shown.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PrivateFileError {
    /// It could not be opened or read.
    #[error("{} cannot be read: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },

    /// It is a folder or a device.
    #[error("{} is not a file: name the file that holds the secret", path.display())]
    NotAFile {
        /// What was named.
        path: PathBuf,
    },

    /// Others than its owner may read or write it.
    #[error(
        "{} is open to others than its owner (mode {mode:03o}): run `chmod 600 {}`, \
         and change the secret if somebody may have read it",
        path.display(), path.display()
    )]
    OpenToOthers {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },

    /// It is larger than such a file can be.
    #[error(
        "{} is larger than the {limit} bytes such a file may have: is it the right one?",
        path.display()
    )]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The limit in bytes.
        limit: usize,
    },
}

/// The content of the file at `path`, at most `limit` bytes. The permissions are
/// those of the file that was opened, so they cannot change in between.
pub(crate) fn read(path: &Path, limit: usize) -> Result<Zeroizing<Vec<u8>>, PrivateFileError> {
    let unreadable = |source| PrivateFileError::Io {
        path: path.to_owned(),
        source,
    };
    let file = File::open(path).map_err(unreadable)?;
    let metadata = file.metadata().map_err(unreadable)?;
    if !metadata.is_file() {
        return Err(PrivateFileError::NotAFile {
            path: path.to_owned(),
        });
    }
    refuse_open_to_others(path, &metadata)?;

    // Room for all of it at once: a vector that grows leaves copies behind.
    let mut content = Zeroizing::new(Vec::with_capacity(limit + 1));
    file.take(limit as u64 + 1)
        .read_to_end(&mut content)
        .map_err(unreadable)?;
    if content.len() > limit {
        return Err(PrivateFileError::TooLarge {
            path: path.to_owned(),
            limit,
        });
    }
    Ok(content)
}

#[cfg(unix)]
fn refuse_open_to_others(path: &Path, metadata: &Metadata) -> Result<(), PrivateFileError> {
    use std::os::unix::fs::PermissionsExt;

    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 == 0 {
        return Ok(());
    }
    Err(PrivateFileError::OpenToOthers {
        path: path.to_owned(),
        mode,
    })
}

/// Elsewhere a file in a person's own folder is that person's by default.
#[cfg(not(unix))]
fn refuse_open_to_others(_: &Path, _: &Metadata) -> Result<(), PrivateFileError> {
    Ok(())
}
