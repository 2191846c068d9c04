//! Whether the process that conducts a run still lives: it holds a file locked, and
//! the system lets go of that when it dies, however it dies.

use crate::atomic_file::{self, Access};
use crate::workspace::Workspace;
use crate::workspace::error::WorkspaceError;
use std::fs::{File, TryLockError};
use std::io;
use std::path::PathBuf;
use std::sync::PoisonError;

/// The file that this process holds locked.
pub(in crate::workspace) struct Living {
    path: PathBuf,
    name: String,
    /// Locked until it is dropped.
    _file: File,
}

impl Drop for Living {
    fn drop(&mut self) {
        // One that stays is taken away by whoever finds it unlocked.
        let _ = std::fs::remove_file(&self.path);
    }
}

impl Workspace {
    fn processes(&self) -> PathBuf {
        self.0.home.join("processes")
    }

    /// This process, as runs name it.
    pub(super) fn process(&self) -> Result<String, WorkspaceError> {
        let mut living = self.0.living.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(living) = &*living {
            return Ok(living.name.clone());
        }
        let folder = self.processes();
        atomic_file::create_folder(&folder, Access::Owner)?;
        let make = || -> io::Result<Living> {
            let file = tempfile::Builder::new().prefix("").tempfile_in(&folder)?;
            file.as_file().try_lock()?;
            let (file, path) = file.keep().map_err(|error| error.error)?;
            let name = path.file_name().unwrap_or_default();
            Ok(Living {
                name: name.to_string_lossy().into_owned(),
                path,
                _file: file,
            })
        };
        let made = make().map_err(|source| WorkspaceError::Io {
            path: folder.clone(),
            source,
        })?;
        Ok(living.insert(made).name.clone())
    }

    /// Whether a process has certainly died. Where that cannot be told, as on a file
    /// system without locks, it has not.
    pub(super) fn has_died(&self, process: &str) -> bool {
        let path = self.processes().join(process);
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) => return error.kind() == io::ErrorKind::NotFound,
        };
        match file.try_lock() {
            Ok(()) => {
                let _ = std::fs::remove_file(&path);
                true
            }
            Err(TryLockError::WouldBlock | TryLockError::Error(_)) => false,
        }
    }
}
