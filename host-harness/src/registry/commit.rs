//! Writing a file so that it is there whole, or not at all.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use tempfile::{Builder, NamedTempFile};

/// Names of temporary files start with a dot, and are no receipt and no blob.
const TEMPORARY_PREFIX: &str = ".partial-";

/// A file that is being written in `folder`, in which it will also end up.
/// Removed on drop, unless it is placed.
pub(super) struct Draft(NamedTempFile);

/// How a [`Draft`] was placed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Placed {
    /// It is there now.
    Now,
    /// Another file stood there already, and still does.
    Before,
}

impl Draft {
    pub(super) fn new(folder: &Path) -> io::Result<Self> {
        let mut builder = Builder::new();
        builder.prefix(TEMPORARY_PREFIX);
        // A temporary file is private by default; what is published is not.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644));
        builder.tempfile_in(folder).map(Self)
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all(bytes)
    }

    /// Puts the file at `path`, over whatever is there.
    pub(super) fn replace(self, path: &Path) -> io::Result<()> {
        self.0.as_file().sync_all()?;
        self.0.persist(path).map_err(|failed| failed.error)?;
        sync_folder(path)
    }

    /// Puts the file at `path`, unless something is there. Of several who try at
    /// the same time, one succeeds.
    pub(super) fn place(self, path: &Path) -> io::Result<Placed> {
        self.0.as_file().sync_all()?;
        match self.0.persist_noclobber(path) {
            Ok(_) => sync_folder(path).map(|()| Placed::Now),
            Err(failed) if failed.error.kind() == io::ErrorKind::AlreadyExists => {
                Ok(Placed::Before)
            }
            Err(failed) => Err(failed.error),
        }
    }
}

/// Makes a rename survive a power failure: the name is data of the folder.
fn sync_folder(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(folder) if cfg!(unix) => File::open(folder)?.sync_all(),
        _ => Ok(()),
    }
}
