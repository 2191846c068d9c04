//! Entries as files: `<hash of the namespace>/<hash of namespace and key>`.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::entry::{Entry, HEADER_BYTES};
use super::{CacheError, MAX_ENTRIES, MAX_VALUE_BYTES};
use crate::atomic_file::{self, Access};
use crate::sealing::{self, OVERHEAD_BYTES, Place, SealingKey};

/// The size of the largest entry. A larger file is none; it is read no further.
const MAX_FILE_BYTES: u64 = (MAX_VALUE_BYTES + HEADER_BYTES + OVERHEAD_BYTES) as u64;

#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    key: SealingKey,
}

impl Folder {
    pub(super) fn open(path: PathBuf, key: SealingKey) -> Result<Self, CacheError> {
        atomic_file::create_folder(&path, Access::Owner)?;
        Ok(Self { path, key })
    }

    /// The entry, or none where there is none or it does not open; a file that
    /// does not open is removed.
    pub(super) fn get(&self, place: Place<'_>) -> Option<Entry> {
        let path = self.file(place);
        let bytes = match read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            Err(error) => {
                tracing::warn!(file = %path.display(), %error, "a cache entry cannot be read");
                return None;
            }
        };
        let entry = sealing::open(&self.key, place, &bytes)
            .and_then(|entry_bytes| Entry::from_bytes(&entry_bytes));
        if entry.is_none() {
            tracing::warn!(
                file = %path.display(),
                "a cache entry does not open: it was damaged, or sealed under another key; removed"
            );
            self.forget(place);
        }
        entry
    }

    pub(super) fn put(&self, place: Place<'_>, entry: &Entry) -> Result<(), CacheError> {
        let path = self.file(place);
        let folder = self.path.join(place.folder_name());
        let sealed = sealing::seal(&self.key, place, &entry.to_bytes())?;
        atomic_file::create_folder(&folder, Access::Owner)?;
        make_room(&folder, &path).map_err(|source| unusable(&path, source))?;
        // What a power failure tears does not open, and is then absent.
        atomic_file::write_cached(&path, &sealed, Access::Owner)?;
        Ok(())
    }

    pub(super) fn remove(&self, place: Place<'_>) -> Result<(), CacheError> {
        let path = self.file(place);
        remove_file(&path).map_err(|source| unusable(&path, source))
    }

    /// Removes what is of no use. That it stays where it cannot be removed does
    /// no harm: it is found unusable again.
    pub(super) fn forget(&self, place: Place<'_>) {
        if let Err(error) = self.remove(place) {
            tracing::warn!(%error, "a cache entry of no use cannot be removed");
        }
    }

    fn file(&self, place: Place<'_>) -> PathBuf {
        self.path.join(place.folder_name()).join(place.file_name())
    }
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?
        .take(MAX_FILE_BYTES)
        .read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Removes the files written longest ago, so that `path` fits into `folder`.
fn make_room(folder: &Path, path: &Path) -> io::Result<()> {
    let mut others: Vec<(SystemTime, PathBuf)> = Vec::new();
    for file in fs::read_dir(folder)? {
        let file = file?;
        if file.path() == path {
            continue;
        }
        match file.metadata().and_then(|metadata| metadata.modified()) {
            Ok(modified) => others.push((modified, file.path())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    let surplus = (others.len() + 1).saturating_sub(MAX_ENTRIES);
    if surplus > 0 {
        others.sort_unstable();
        for (_, oldest) in &others[..surplus] {
            remove_file(oldest)?;
        }
    }
    Ok(())
}

fn remove_file(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn unusable(path: &Path, source: io::Error) -> CacheError {
    CacheError::Io {
        path: path.to_owned(),
        source,
    }
}
