//! The files that operations read and write: those in one folder, so that
//! nobody who may use a workspace gets at others of the machine.

use super::Workspace;
use super::error::WorkspaceError;
use crate::atomic_file::{self, Access, AtomicFile};
use serde::Serialize;
use std::fs::{self, File};
use std::io;
use std::path::{Component, Path, PathBuf};
use std::time::UNIX_EPOCH;
use utoipa::ToSchema;

/// A file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub struct FileEntry {
    /// Its name.
    pub name: String,
    /// How many bytes it has.
    pub bytes: u64,
    /// When it was last written, in RFC 3339.
    pub modified: String,
}

/// What is left of a run that was broken off: not yet a file.
const PARTIAL: &str = "part";

impl Workspace {
    /// The folder.
    pub fn files_folder(&self) -> PathBuf {
        self.0.home.join("files")
    }

    /// Where a file of this name lies.
    ///
    /// # Errors
    /// If it is not a plain name, as `orders.csv` is.
    pub fn file_path(&self, name: &str) -> Result<PathBuf, WorkspaceError> {
        let mut parts = Path::new(name).components();
        let plain = matches!(
            (parts.next(), parts.next()),
            (Some(Component::Normal(part)), None) if part == name
        );
        if !plain
            || name.starts_with('.')
            || name.contains(['\\', '/', ':'])
            || name.len() > 200
            || name.contains(char::is_control)
        {
            return Err(WorkspaceError::Name {
                name: name.to_owned(),
                what: "a file",
                why: "write a plain file name such as `orders.csv`; it lies in the workspace's folder of files",
            });
        }
        let folder = self.files_folder();
        atomic_file::create_folder(&folder, Access::Everyone)?;
        Ok(folder.join(name))
    }

    /// All files, by name.
    ///
    /// # Errors
    /// If the folder cannot be read.
    pub fn files(&self) -> Result<Vec<FileEntry>, WorkspaceError> {
        let folder = self.files_folder();
        let entries = match fs::read_dir(&folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(|source| at(&folder, source))?,
        };
        let mut files = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|source| at(&folder, source))?;
            let path = entry.path();
            let metadata = entry.metadata().map_err(|source| at(&path, source))?;
            let hidden = entry.file_name().to_string_lossy().starts_with('.');
            if !metadata.is_file() || hidden || path.extension().is_some_and(|e| e == PARTIAL) {
                continue;
            }
            let modified = metadata
                .modified()
                .ok()
                .and_then(|time| time.duration_since(UNIX_EPOCH).ok())
                .and_then(|since| i64::try_from(since.as_secs()).ok())
                .and_then(|seconds| jiff::Timestamp::from_second(seconds).ok());
            files.push(FileEntry {
                name: entry.file_name().to_string_lossy().into_owned(),
                bytes: metadata.len(),
                modified: modified.map(|time| time.to_string()).unwrap_or_default(),
            });
        }
        files.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(files)
    }

    /// Opens a file for reading.
    ///
    /// # Errors
    /// If there is none.
    pub fn open_file(&self, name: &str) -> Result<File, WorkspaceError> {
        let path = self.file_path(name)?;
        File::open(&path).map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => WorkspaceError::no("file", format!("“{name}”")),
            _ => at(&path, source),
        })
    }

    /// Puts a file there as a whole, in place of what had its name.
    ///
    /// # Errors
    /// If `content` or the disk fails; what was there stays.
    pub fn put_file(&self, name: &str, mut content: impl io::Read) -> Result<(), WorkspaceError> {
        let path = self.file_path(name)?;
        let mut file = AtomicFile::create(&path, Access::Owner)?;
        io::copy(&mut content, &mut file).map_err(|source| at(&path, source))?;
        file.replace()?;
        Ok(())
    }

    /// Deletes a file, for good.
    ///
    /// # Errors
    /// If there is none.
    pub fn delete_file(&self, name: &str) -> Result<(), WorkspaceError> {
        let path = self.file_path(name)?;
        fs::remove_file(&path).map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => WorkspaceError::no("file", format!("“{name}”")),
            _ => at(&path, source),
        })
    }
}

fn at(path: &Path, source: io::Error) -> WorkspaceError {
    WorkspaceError::Io {
        path: path.to_owned(),
        source,
    }
}
