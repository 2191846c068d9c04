//! A download that may be broken off and goes on where it was.

use std::fs::{File, TryLockError};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::{Pulled, Store};
use crate::atomic_file;
use crate::registry::{Digest, StoreError};

/// The first part of a component, in a file of the store that stays where it is
/// when the download breaks off. Whatever is in it is hashed whole in the end.
#[derive(Debug)]
pub(in crate::registry) struct Download {
    file: File,
    path: PathBuf,
    /// Another process downloads the same: this one is for itself alone.
    aside: Option<tempfile::TempPath>,
    store: Store,
    digest: Digest,
    size: u64,
    have: u64,
}

impl Store {
    /// Takes up the download of a component of `size` bytes, or begins it.
    ///
    /// # Errors
    /// [`StoreError::TooLarge`], or [`StoreError::Io`].
    pub(in crate::registry) fn download(
        &self,
        digest: Digest,
        size: u64,
    ) -> Result<Download, StoreError> {
        if size > self.max_bytes {
            return Err(self.too_large(digest, size));
        }
        let path = self.blobs.join(format!(".partial-{}", digest.hex()));
        let failed = |source| StoreError::Io {
            path: path.clone(),
            source,
        };
        let file = File::options()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(&path)
            .map_err(failed)?;
        let mut download = match file.try_lock() {
            Ok(()) => Download {
                file,
                path: path.clone(),
                aside: None,
                store: self.clone(),
                digest,
                size,
                have: 0,
            },
            Err(TryLockError::WouldBlock) => {
                let (file, aside) = tempfile::Builder::new()
                    .prefix(".partial-")
                    .tempfile_in(&self.blobs)
                    .map_err(failed)?
                    .into_parts();
                Download {
                    file,
                    path: aside.to_path_buf(),
                    aside: Some(aside),
                    store: self.clone(),
                    digest,
                    size,
                    have: 0,
                }
            }
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        };
        let have = download.file.seek(SeekFrom::End(0)).map_err(failed)?;
        download.have = have;
        if have > size {
            download.start_over()?;
        }
        Ok(download)
    }
}

impl Download {
    /// How many bytes are there already.
    pub(in crate::registry) fn have(&self) -> u64 {
        self.have
    }

    /// Whether there are as many as there should be.
    pub(in crate::registry) fn is_complete(&self) -> bool {
        self.have == self.size
    }

    /// Gives up what is there.
    pub(in crate::registry) fn start_over(&mut self) -> Result<(), StoreError> {
        let emptied = self
            .file
            .set_len(0)
            .and_then(|()| self.file.seek(SeekFrom::Start(0)));
        emptied.map_err(|error| self.failed(error))?;
        self.have = 0;
        Ok(())
    }

    /// Takes the next bytes.
    ///
    /// # Errors
    /// [`StoreError::WrongContent`] where there are more than were promised.
    pub(in crate::registry) fn write(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        let have = self.have + bytes.len() as u64;
        if have > self.size {
            let found = Digest::of(bytes);
            self.start_over()?;
            return Err(StoreError::WrongContent {
                expected: self.digest,
                found,
                expected_size: self.size,
                size: have,
            });
        }
        self.file
            .write_all(bytes)
            .map_err(|error| self.failed(error))?;
        self.have = have;
        Ok(())
    }

    /// Puts it in its place, if it is what it should be; else nothing is kept.
    ///
    /// # Errors
    /// [`StoreError::WrongContent`].
    pub(in crate::registry) fn finish(mut self) -> Result<Pulled, StoreError> {
        let found = self.hash().map_err(|error| self.failed(error))?;
        if found != self.digest || self.have != self.size {
            let wrong = StoreError::WrongContent {
                expected: self.digest,
                found,
                expected_size: self.size,
                size: self.have,
            };
            self.start_over()?;
            return Err(wrong);
        }
        let path = self.store.path(&self.digest);
        self.place(&path)?;
        Ok(Pulled {
            path,
            digest: self.digest,
            size: self.size,
            transferred: true,
        })
    }

    fn place(&mut self, path: &Path) -> Result<(), StoreError> {
        #[cfg(unix)]
        self.file
            .set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644))
            .map_err(|error| self.failed(error))?;
        match atomic_file::commit(&self.file, &self.path, path) {
            // Another process was faster, with the very same bytes.
            Err(error) if error.source.kind() == io::ErrorKind::NotFound && path.exists() => {}
            committed => committed?,
        }
        if let Some(aside) = self.aside.take() {
            // It has another name by now.
            let _ = aside.keep();
        }
        Ok(())
    }

    fn hash(&mut self) -> io::Result<Digest> {
        self.file.seek(SeekFrom::Start(0))?;
        Digest::of_reader(&mut self.file)
    }

    fn failed(&self, source: io::Error) -> StoreError {
        StoreError::Io {
            path: self.path.clone(),
            source,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BYTES: &[u8] = b"a component";

    fn begin(store: &Store) -> Download {
        store
            .download(Digest::of(BYTES), BYTES.len() as u64)
            .unwrap()
    }

    #[test]
    fn a_download_that_broke_off_goes_on_where_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let mut download = begin(&store);
        download.write(&BYTES[..4]).unwrap();
        // Another takes nothing of it away.
        let mut other = begin(&store);
        assert_eq!(other.have(), 0);
        drop(download);
        let mut download = begin(&store);
        assert_eq!(download.have(), 4);
        download.write(&BYTES[4..]).unwrap();
        assert!(download.is_complete());
        download.finish().unwrap();
        other.write(BYTES).unwrap();
        other.finish().unwrap();
        assert_eq!(store.read(&Digest::of(BYTES)).unwrap(), BYTES);
        assert_eq!(std::fs::read_dir(&store.blobs).unwrap().count(), 1);
    }

    #[test]
    fn a_beginning_that_was_altered_is_found_out_and_not_gone_on_with() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        for (first, rest) in [
            (&b"A com"[..], &BYTES[5..]),
            (BYTES, b" and more"),
            (b"x", b""),
        ] {
            let mut download = begin(&store);
            let ended = download
                .write(first)
                .and_then(|()| download.write(rest))
                .and_then(|()| download.finish());
            assert!(matches!(ended, Err(StoreError::WrongContent { .. })));
            assert_eq!(begin(&store).have(), 0);
        }
        assert!(store.read(&Digest::of(BYTES)).is_err());
    }
}
