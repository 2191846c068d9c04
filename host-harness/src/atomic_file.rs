//! Files that are there whole, or as they were before.
//!
//! A file is written under another name in the same folder, and renamed when it is
//! whole. That alone holds only while the machine runs: after a power failure the new
//! name may stand for an empty file, or not be there. So the file is synced before it is
//! renamed, and the folder, of which the name is data, afterwards.
//!
//! Only a plain file is ever replaced. A symbolic link at the path is followed, and what
//! it leads to is replaced; a device or a pipe has nothing that could be replaced, and is
//! refused, or written to by whoever can: see [`Destination`].

mod destination;

pub(crate) use destination::{Destination, check, check_own, plain};

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use tempfile::{Builder, NamedTempFile};

/// How a file is named until it is whole: hidden, and nothing that anybody looks for.
const PARTIAL_PREFIX: &str = ".partial-";

/// Who may read what is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// Its owner alone, from the first byte on: secrets and records.
    Owner,
    /// Everyone, as far as the process's umask lets; only its owner may write it.
    Everyone,
}

/// What has to be left of a file after a power failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Durability {
    /// All of it.
    Synced,
    /// Nothing: it can be made anew, and whoever reads it notices where it is torn.
    Cached,
}

/// A file could not be written; what was there before still is.
#[derive(Debug, thiserror::Error)]
#[error("{} cannot be written: {source}", path.display())]
pub(crate) struct AtomicFileError {
    /// The file, by the name that it would have had.
    pub(crate) path: PathBuf,
    /// What the operating system said.
    pub(crate) source: io::Error,
}

/// Whether a file that must replace nothing was placed.
#[derive(Debug)]
pub(crate) enum Placed {
    /// It is there now.
    Now,
    /// Another one stood there already, and still does. This is the new one, which may
    /// get another name.
    Before(AtomicFile),
}

/// A file on its way to its name. Dropped, it leaves nothing.
#[derive(Debug)]
pub(crate) struct AtomicFile {
    partial: NamedTempFile,
    path: PathBuf,
    durability: Durability,
}

impl AtomicFile {
    /// Begins the file that will be at `path`, in a folder that is there.
    pub(crate) fn create(
        path: impl Into<PathBuf>,
        access: Access,
    ) -> Result<Self, AtomicFileError> {
        Self::begin(plain(&path.into())?, access, Durability::Synced)
    }

    /// Begins one that is to be [placed](Self::place): whatever has its name, a link too,
    /// keeps it.
    pub(crate) fn create_new(
        path: impl Into<PathBuf>,
        access: Access,
    ) -> Result<Self, AtomicFileError> {
        Self::begin(path.into(), access, Durability::Synced)
    }

    /// Begins one of a cache: it is not synced, which takes longer than to write it.
    pub(crate) fn create_cached(
        path: impl Into<PathBuf>,
        access: Access,
    ) -> Result<Self, AtomicFileError> {
        Self::begin(plain(&path.into())?, access, Durability::Cached)
    }

    fn begin(
        path: PathBuf,
        access: Access,
        durability: Durability,
    ) -> Result<Self, AtomicFileError> {
        let mut builder = Builder::new();
        builder.prefix(PARTIAL_PREFIX);
        // A temporary file is its owner's by default.
        #[cfg(unix)]
        if access == Access::Everyone {
            builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644));
        }
        #[cfg(not(unix))]
        let _ = access;
        match builder.tempfile_in(folder_of(&path)) {
            Ok(partial) => Ok(Self {
                partial,
                path,
                durability,
            }),
            Err(source) => Err(AtomicFileError { path, source }),
        }
    }

    /// Writes on.
    pub(crate) fn append(mut self, bytes: &[u8]) -> Result<Self, AtomicFileError> {
        match self.partial.write_all(bytes) {
            Ok(()) => Ok(self),
            Err(source) => Err(AtomicFileError {
                path: self.path,
                source,
            }),
        }
    }

    /// Gives it another name in the same folder than the one it was begun for.
    pub(crate) fn renamed(mut self, name: &str) -> Self {
        self.path.set_file_name(name);
        self
    }

    /// Gives the file its name, in place of what had it.
    pub(crate) fn replace(self) -> Result<(), AtomicFileError> {
        let Self {
            partial,
            path,
            durability,
        } = self;
        let replace = || {
            durability.sync(partial.as_file())?;
            destination::may_be_replaced(&path)?;
            partial.persist(&path).map_err(|failed| failed.error)?;
            durability.sync_folder_of(&path)
        };
        replace().map_err(|source| AtomicFileError { path, source })
    }

    /// Gives the file its name, unless something has it. Of several who try at the same
    /// time, one succeeds.
    pub(crate) fn place(self) -> Result<Placed, AtomicFileError> {
        let Self {
            partial,
            path,
            durability,
        } = self;
        let placed = durability.sync(partial.as_file()).and_then(|()| {
            match partial.persist_noclobber(&path) {
                Ok(_) => durability.sync_folder_of(&path).map(|()| None),
                Err(failed) if failed.error.kind() == io::ErrorKind::AlreadyExists => {
                    Ok(Some(failed.file))
                }
                Err(failed) => Err(failed.error),
            }
        });
        match placed {
            Ok(None) => Ok(Placed::Now),
            Ok(Some(partial)) => Ok(Placed::Before(Self {
                partial,
                path,
                durability,
            })),
            Err(source) => Err(AtomicFileError { path, source }),
        }
    }
}

impl Write for AtomicFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.partial.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.partial.flush()
    }
}

impl Durability {
    fn sync(self, file: &File) -> io::Result<()> {
        match self {
            Self::Synced => file.sync_all(),
            Self::Cached => Ok(()),
        }
    }

    fn sync_folder_of(self, path: &Path) -> io::Result<()> {
        match self {
            Self::Synced => sync_folder(folder_of(path)),
            Self::Cached => Ok(()),
        }
    }
}

/// Writes a whole file, in place of what was at `path`.
pub(crate) fn write(path: &Path, bytes: &[u8], access: Access) -> Result<(), AtomicFileError> {
    AtomicFile::create(path, access)?.append(bytes)?.replace()
}

/// Writes a whole file of a cache.
pub(crate) fn write_cached(
    path: &Path,
    bytes: &[u8],
    access: Access,
) -> Result<(), AtomicFileError> {
    AtomicFile::create_cached(path, access)?
        .append(bytes)?
        .replace()
}

/// Writes a whole file, in place of what was at `path`, or into the device or pipe there.
pub(crate) fn write_or_stream(
    path: &Path,
    bytes: &[u8],
    access: Access,
) -> Result<(), AtomicFileError> {
    match Destination::of(path)? {
        Destination::Plain(path) => write(&path, bytes, access),
        Destination::Stream(path) => open_stream(&path)
            .and_then(|mut stream| stream.write_all(bytes))
            .map_err(|source| AtomicFileError { path, source }),
    }
}

/// Opens a device or a pipe to write to it. A pipe waits here for whoever reads it.
pub(crate) fn open_stream(path: &Path) -> io::Result<File> {
    // What is a file all the same, as where standard output was sent to, is written on.
    OpenOptions::new().append(true).open(path)
}

/// Writes a whole file, unless something is at `path`; answers whether nothing was.
pub(crate) fn write_new(
    path: &Path,
    bytes: &[u8],
    access: Access,
) -> Result<bool, AtomicFileError> {
    let placed = AtomicFile::create_new(path, access)?
        .append(bytes)?
        .place()?;
    Ok(matches!(placed, Placed::Now))
}

/// Gives a file its name that was written at `part`, in the same folder, by whoever goes
/// on with one that was broken off: it is synced and replaces what is at `path`.
pub(crate) fn commit(file: &File, part: &Path, path: &Path) -> Result<(), AtomicFileError> {
    let path = plain(path)?;
    file.sync_all()
        .and_then(|()| std::fs::rename(part, &path))
        .and_then(|()| sync_folder(folder_of(&path)))
        .map_err(|source| AtomicFileError { path, source })
}

/// Makes a folder, and what is missing above it, so that what is written in it is found
/// again after a power failure.
pub(crate) fn create_folder(folder: &Path, access: Access) -> Result<(), AtomicFileError> {
    let missing: Vec<&Path> = folder
        .ancestors()
        .take_while(|folder| !folder.as_os_str().is_empty() && !folder.exists())
        .collect();
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    if access == Access::Owner {
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    }
    #[cfg(not(unix))]
    let _ = access;
    builder
        .create(folder)
        .and_then(|()| {
            missing
                .iter()
                .try_for_each(|made| sync_folder(folder_of(made)))
        })
        .map_err(|source| AtomicFileError {
            path: folder.to_owned(),
            source,
        })
}

/// The folder in which a path lies.
fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// Makes the names in a folder survive a power failure.
fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(not(unix)) {
        return Ok(());
    }
    match File::open(folder)?.sync_all() {
        // A file system that knows no such thing keeps names in its own way.
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported
            ) =>
        {
            Ok(())
        }
        synced => synced,
    }
}

#[cfg(test)]
mod tests;
