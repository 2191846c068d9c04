//! Whether the process that conducts a run still lives: it holds a file locked, and
//! the system lets go of that when it dies, however it dies, and not before: a process
//! that is paused holds it, and no clock has a say in it.

use crate::atomic_file::{self, Access};
use crate::workspace::Workspace;
use crate::workspace::database::all;
use crate::workspace::error::WorkspaceError;
use std::collections::BTreeSet;
use std::fs::{File, TryLockError};
use std::io;
use std::path::PathBuf;
use std::sync::PoisonError;

/// So begins the name of a process that could lock nothing.
const UNLOCKED: &str = "unlocked-";
/// And that of a file that is not locked yet.
const UNFINISHED: &str = ".";

/// The file that this process holds locked. It stays when the process ends: whoever
/// finds it unlocked ends the runs that name it, and takes it away.
pub(in crate::workspace) struct Living {
    name: String,
    /// Locked until it is dropped.
    _file: File,
}

/// What is known of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// It lives, whether or not it is heard of.
    Lives,
    /// It has certainly died.
    Died,
    /// No lock tells: the file system has none, or somebody has taken the file away.
    Unknown,
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
        self.tidy_processes()?;
        let make = || -> io::Result<Living> {
            let file = tempfile::Builder::new()
                .prefix(UNFINISHED)
                .tempfile_in(&folder)?;
            let unlocked = match file.as_file().try_lock() {
                Ok(()) => "",
                Err(TryLockError::Error(error)) => {
                    tracing::warn!(
                        folder = %folder.display(), %error,
                        "nothing can be locked here, so that a run counts as dead where its \
                         process says nothing for 15 s"
                    );
                    UNLOCKED
                }
                Err(TryLockError::WouldBlock) => return Err(io::ErrorKind::WouldBlock.into()),
            };
            let (file, path) = file.keep().map_err(|error| error.error)?;
            let made = path.file_name().unwrap_or_default().to_string_lossy();
            let name = format!("{unlocked}{}", made.trim_start_matches(UNFINISHED));
            // Only what is locked has a name that others look at.
            std::fs::rename(&path, folder.join(&name))?;
            Ok(Living { name, _file: file })
        };
        let made = make().map_err(|source| WorkspaceError::Io {
            path: folder.clone(),
            source,
        })?;
        Ok(living.insert(made).name.clone())
    }

    /// What is known of a process.
    pub(super) fn fate(&self, process: &str) -> Fate {
        if process.starts_with(UNLOCKED) {
            return Fate::Unknown;
        }
        let Ok(file) = File::open(self.processes().join(process)) else {
            return Fate::Unknown;
        };
        match file.try_lock() {
            Ok(()) => Fate::Died,
            Err(TryLockError::WouldBlock) => Fate::Lives,
            Err(TryLockError::Error(_)) => Fate::Unknown,
        }
    }

    /// Takes away what processes have left that are named by no run any more.
    fn tidy_processes(&self) -> Result<(), WorkspaceError> {
        let named: BTreeSet<String> = self
            .database()
            .read(|t| {
                all(
                    t,
                    "SELECT DISTINCT process FROM runs
                     WHERE state = 'running' AND process IS NOT NULL",
                    [],
                    |row| Ok(row.get(0)?),
                )
            })?
            .into_iter()
            .collect();
        let Ok(files) = std::fs::read_dir(self.processes()) else {
            return Ok(());
        };
        for file in files.flatten() {
            let name = file.file_name().to_string_lossy().into_owned();
            let is_old = !name.starts_with(UNFINISHED) && !named.contains(&name);
            if is_old && self.fate(&name) == Fate::Died {
                // Where it stays, the next one tries again.
                let _ = std::fs::remove_file(file.path());
            }
        }
        Ok(())
    }
}
