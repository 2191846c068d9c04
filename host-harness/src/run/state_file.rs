//! Where a source stands that goes on from run to run, kept in a file.

use super::RunError;
use crate::atomic_file::{self, Access};
use std::io;
use std::path::{Path, PathBuf};

/// A file that holds one checkpoint.
pub struct StateFile(PathBuf);

impl StateFile {
    /// The file at `path`, which need not be there yet.
    pub fn at(path: &Path) -> Self {
        Self(path.to_owned())
    }

    /// Where to go on; none where there is no such file.
    ///
    /// # Errors
    /// If it cannot be read, or could not be written at the end of a run.
    pub fn read(&self) -> Result<Option<String>, RunError> {
        atomic_file::plain(&self.0)?;
        atomic_file::check(&self.0)?;
        match std::fs::read_to_string(&self.0) {
            Ok(text) => Ok(Some(text.trim_end().to_owned()).filter(|text| !text.is_empty())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(self.failed(source)),
        }
    }

    /// Keeps where to go on, in place of what was there.
    ///
    /// # Errors
    /// If the disk fails; what was there stays.
    pub fn write(&self, checkpoint: &str) -> Result<(), RunError> {
        let line = format!("{checkpoint}\n");
        atomic_file::write(&self.0, line.as_bytes(), Access::Owner)?;
        Ok(())
    }

    fn failed(&self, source: io::Error) -> RunError {
        RunError::Io {
            path: self.0.clone(),
            source,
        }
    }
}
