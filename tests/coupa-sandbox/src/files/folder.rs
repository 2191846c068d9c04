//! The folder that uploaded files lie in.

use std::io;
use std::path::{Path, PathBuf};

use tempfile::{NamedTempFile, TempDir};

use super::{FileRecord, Place};
use crate::media::{Content, Source};

/// The folder that uploaded files lie in: beside the database, or, where that
/// is in memory, a temporary one that goes with the sandbox.
#[derive(Debug)]
pub enum Folder {
    /// Beside the database.
    Kept(PathBuf),
    /// As long as the sandbox lives.
    Temporary(TempDir),
}

impl Folder {
    /// The folder for the files of a database.
    pub fn open(database: Option<&Path>) -> io::Result<Self> {
        let Some(database) = database else {
            return Ok(Self::Temporary(tempfile::tempdir()?));
        };
        let mut name = database.as_os_str().to_owned();
        name.push(".files");
        let folder = PathBuf::from(name);
        std::fs::create_dir_all(&folder)?;
        Ok(Self::Kept(folder))
    }

    /// A new file in it, which is removed again unless it is kept.
    pub fn create(&self) -> io::Result<NamedTempFile> {
        NamedTempFile::with_prefix_in("upload-", self.path())
    }

    /// Keeps a file for good; its name in the folder.
    pub(super) fn keep(&self, file: &NamedTempFile) -> io::Result<String> {
        let own = file.path().file_name().unwrap_or_default();
        let name = format!("kept-{}", own.to_string_lossy());
        std::fs::rename(file.path(), self.path().join(&name))?;
        Ok(name)
    }

    /// The bytes of a file.
    pub fn content(&self, file: &FileRecord) -> Content {
        let source = match &file.place {
            Place::Disk(name) => Source::Disk(self.path().join(name)),
            Place::Pattern(seed) => Source::Pattern(*seed),
        };
        Content::Stored(source, file.size)
    }

    /// Removes the bytes of a file that no record has any more. Where that
    /// fails they stay until the folder goes.
    pub fn forget(&self, file: &FileRecord) {
        if let Place::Disk(name) = &file.place {
            let _ = std::fs::remove_file(self.path().join(name));
        }
    }

    fn path(&self) -> &Path {
        match self {
            Self::Kept(path) => path,
            Self::Temporary(folder) => folder.path(),
        }
    }
}
