//! The agent's own folder of components, each under the digest it has.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::digest::Hasher;
use super::{Digest, Lease, Quarantine, Receipts, StoreError};
use crate::atomic_file::{self, Access, AtomicFile};

mod download;

/// The largest component a store takes unless told otherwise: 64 MiB, many
/// times what a connector has.
pub const DEFAULT_MAX_BYTES: u64 = 64 * 1024 * 1024;

/// How much is read at a time.
const CHUNK_BYTES: usize = 64 * 1024;

/// Components that were pulled, in `blobs/sha256/<hex>` of a folder, and what is
/// kept of them beside.
///
/// Several agents and threads may use one folder at the same time.
#[derive(Debug, Clone)]
pub struct Store {
    folder: PathBuf,
    blobs: PathBuf,
    max_bytes: u64,
}

/// A component that is in the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pulled {
    /// Where it is. To load it, use [`Store::read`], which verifies it.
    pub path: PathBuf,
    /// What it is.
    pub digest: Digest,
    /// Its bytes.
    pub size: u64,
    /// False where the store had it already.
    pub transferred: bool,
}

impl Store {
    /// The store in `folder`, which is made where it does not exist.
    ///
    /// # Errors
    /// [`StoreError::Io`] where the folder cannot be made.
    pub fn open(folder: impl AsRef<Path>) -> Result<Self, StoreError> {
        let blobs = folder.as_ref().join("blobs").join("sha256");
        atomic_file::create_folder(&blobs, Access::Everyone)?;
        Ok(Self {
            folder: folder.as_ref().to_owned(),
            blobs,
            max_bytes: DEFAULT_MAX_BYTES,
        })
    }

    /// Which versions it has, and from where.
    #[must_use]
    pub fn receipts(&self) -> Receipts {
        Receipts::of_store(&self.folder)
    }

    /// Which versions broke down, and are not used after `after` times.
    #[must_use]
    pub fn quarantine(&self, after: u32) -> Quarantine {
        Quarantine::of_store(&self.folder, after)
    }

    /// Holds a version in the store until the lease is dropped.
    ///
    /// # Errors
    /// [`StoreError::Io`] where it cannot be locked.
    pub fn lease(&self, digest: &Digest) -> Result<Lease, StoreError> {
        Lease::take(&self.folder, digest)
    }

    /// The largest component that it takes, in bytes.
    #[must_use]
    pub const fn max_bytes(&self) -> u64 {
        self.max_bytes
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(super) fn blobs(&self) -> &Path {
        &self.blobs
    }

    /// The same store, taking components of at most `max_bytes`.
    #[must_use]
    pub fn with_max_bytes(mut self, max_bytes: u64) -> Self {
        self.max_bytes = max_bytes;
        self
    }

    /// Takes in the component `digest` of `size` bytes from what `open` opens.
    /// Where the store has it whole already, `open` is not called; where it has
    /// an altered copy, that is replaced.
    ///
    /// # Errors
    /// [`StoreError::TooLarge`], [`StoreError::WrongContent`] or
    /// [`StoreError::Source`] where the source is to blame, and what `open`
    /// answers; nothing is kept then.
    pub fn receive<R: Read, E: From<StoreError>>(
        &self,
        digest: Digest,
        size: u64,
        open: impl FnOnce() -> Result<R, E>,
    ) -> Result<Pulled, E> {
        let path = self.path(&digest);
        if size > self.max_bytes {
            return Err(self.too_large(digest, size).into());
        }
        let transferred = !self.has(&digest)?;
        if transferred {
            self.transfer(digest, size, open()?, &path)?;
        }
        Ok(Pulled {
            path,
            digest,
            size,
            transferred,
        })
    }

    /// Whether it has the component `digest`, whole.
    ///
    /// # Errors
    /// [`StoreError::Io`] where the file cannot be read.
    pub fn has(&self, digest: &Digest) -> Result<bool, StoreError> {
        Ok(self.read_whole(digest)?.is_some())
    }

    /// The component `digest`, verified, where it has it whole.
    ///
    /// # Errors
    /// [`StoreError::Io`] where the file cannot be read.
    pub fn read_whole(&self, digest: &Digest) -> Result<Option<Vec<u8>>, StoreError> {
        match self.read(digest) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(
                StoreError::Missing { .. }
                | StoreError::Altered { .. }
                | StoreError::TooLarge { .. },
            ) => Ok(None),
            Err(other) => Err(other),
        }
    }

    /// What is said of a component of `size` bytes that it had already.
    pub(crate) fn had(&self, digest: Digest, size: u64) -> Pulled {
        Pulled {
            path: self.path(&digest),
            digest,
            size,
            transferred: false,
        }
    }

    /// The component `digest`, verified. Its digest is compared each time, which
    /// covers its length too: what was verified yesterday proves nothing today.
    ///
    /// # Errors
    /// [`StoreError::Missing`], or [`StoreError::Altered`] and
    /// [`StoreError::TooLarge`] where the file is not what was pulled.
    pub fn read(&self, digest: &Digest) -> Result<Vec<u8>, StoreError> {
        let file = self.path(digest);
        let opened = match File::open(&file) {
            Ok(opened) => opened,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let digest = *digest;
                return Err(StoreError::Missing { file, digest });
            }
            Err(source) => return Err(StoreError::Io { path: file, source }),
        };
        let mut bytes = Vec::new();
        if let Err(source) = opened
            .take(self.max_bytes.saturating_add(1))
            .read_to_end(&mut bytes)
        {
            return Err(StoreError::Io { path: file, source });
        }
        let size = bytes.len() as u64;
        if size > self.max_bytes {
            return Err(self.too_large(*digest, size));
        }
        let found = Digest::of(&bytes);
        if found != *digest {
            return Err(StoreError::Altered {
                file,
                expected: *digest,
                found,
                size,
            });
        }
        Ok(bytes)
    }

    pub(super) fn path(&self, digest: &Digest) -> PathBuf {
        self.blobs.join(digest.hex())
    }

    pub(super) fn too_large(&self, digest: Digest, size: u64) -> StoreError {
        StoreError::TooLarge {
            digest,
            size,
            limit: self.max_bytes,
        }
    }

    /// Reads one byte more than promised at most, which is enough to see that
    /// there are too many.
    fn transfer(
        &self,
        digest: Digest,
        expected_size: u64,
        source: impl Read,
        path: &Path,
    ) -> Result<(), StoreError> {
        let mut source = source.take(expected_size.saturating_add(1));
        let mut file = AtomicFile::create(path, Access::Everyone)?;
        let mut hasher = Hasher::default();
        let mut size = 0;
        let mut chunk = vec![0; CHUNK_BYTES];
        loop {
            let read = match source.read(&mut chunk) {
                Ok(0) => break,
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(source) => return Err(StoreError::Source { digest, source }),
            };
            hasher.update(&chunk[..read]);
            file = file.append(&chunk[..read])?;
            size += read as u64;
        }
        let found = hasher.finish();
        if found != digest || size != expected_size {
            return Err(StoreError::WrongContent {
                expected: digest,
                found,
                expected_size,
                size,
            });
        }
        file.replace()?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    const BYTES: &[u8] = b"a component";

    fn store() -> (tempfile::TempDir, Store) {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        (folder, store)
    }

    fn receive(store: &Store, promised: &[u8], sent: &[u8]) -> Result<Pulled, StoreError> {
        store.receive(Digest::of(promised), promised.len() as u64, || Ok(sent))
    }

    fn files(store: &Store) -> usize {
        fs::read_dir(&store.blobs).unwrap().count()
    }

    #[test]
    fn what_was_received_is_read_and_not_fetched_again() {
        let (_folder, store) = store();
        let pulled = receive(&store, BYTES, BYTES).unwrap();
        assert!(pulled.transferred);
        assert_eq!(store.read(&pulled.digest).unwrap(), BYTES);
        let again: Result<_, StoreError> = store.receive(
            pulled.digest,
            pulled.size,
            || -> Result<&[u8], StoreError> { panic!("fetched again") },
        );
        assert!(!again.unwrap().transferred);
    }

    #[test]
    fn altered_file_is_refused_by_name_and_digest_and_healed_by_a_pull() {
        let alterations: [&[u8]; 3] = [b"A component", b"a compon", b""];
        for altered in alterations {
            let (_folder, store) = store();
            let pulled = receive(&store, BYTES, BYTES).unwrap();
            fs::write(&pulled.path, altered).unwrap();

            let error = store.read(&pulled.digest).unwrap_err();
            assert!(matches!(error, StoreError::Altered { .. }));
            let message = error.to_string();
            assert!(message.contains(&pulled.path.display().to_string()));
            assert!(message.contains(&pulled.digest.to_string()));
            assert!(message.contains(&Digest::of(altered).to_string()));
            assert!(message.contains("pull it again"));

            assert!(receive(&store, BYTES, BYTES).unwrap().transferred);
            assert_eq!(store.read(&pulled.digest).unwrap(), BYTES);
        }
    }

    #[test]
    fn missing_component_is_told() {
        let (_folder, store) = store();
        let error = store.read(&Digest::of(BYTES)).unwrap_err();
        assert!(matches!(error, StoreError::Missing { .. }));
    }

    #[test]
    fn nothing_is_kept_of_what_is_not_as_promised() {
        let (_folder, store) = store();
        let sendings: [&[u8]; 3] = [b"b component", b"a compo", b"a component and more"];
        for sent in sendings {
            let error = receive(&store, BYTES, sent).unwrap_err();
            assert!(matches!(error, StoreError::WrongContent { .. }), "{error}");
            assert_eq!(files(&store), 0);
        }
    }

    #[test]
    fn an_endless_source_is_broken_off() {
        let (_folder, store) = store();
        let result: Result<_, StoreError> =
            store.receive(Digest::of(BYTES), 11, || Ok(io::repeat(0)));
        assert!(matches!(
            result.unwrap_err(),
            StoreError::WrongContent { size: 12, .. }
        ));
    }

    #[test]
    fn limit_holds_on_the_way_in_and_out() {
        let (_folder, store) = store();
        let pulled = receive(&store, BYTES, BYTES).unwrap();
        let small = store.clone().with_max_bytes(10);
        for error in [
            receive(&small, BYTES, BYTES).unwrap_err(),
            small.read(&pulled.digest).unwrap_err(),
        ] {
            assert!(matches!(error, StoreError::TooLarge { limit: 10, .. }));
        }
    }

    #[test]
    fn pulls_of_the_same_digest_may_meet() {
        let (_folder, store) = store();
        let bytes: Vec<u8> = (0..1_000_000_u32).map(|n| n as u8).collect();
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| receive(&store, &bytes, &bytes).unwrap());
            }
        });
        assert_eq!(store.read(&Digest::of(&bytes)).unwrap(), bytes);
        assert_eq!(files(&store), 1);
    }
}
