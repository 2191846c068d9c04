//! The file beside an output that says where to resume: `<output>.checkpoint`.

use super::RunError;
use crate::atomic_file::{self, Access};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// A place in a source, and the place in the output that belongs to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct CheckpointFile {
    /// The connector's own.
    pub(super) checkpoint: String,
    /// Bytes of the output up to it.
    pub(super) bytes: u64,
    /// Records of the output up to it.
    pub(super) records: u64,
}

impl CheckpointFile {
    /// Where it lies.
    pub(super) fn path(output: &Path) -> PathBuf {
        let mut path = output.as_os_str().to_owned();
        path.push(".checkpoint");
        path.into()
    }

    pub(super) fn read(output: &Path) -> Result<Self, RunError> {
        let path = Self::path(output);
        let failed = |why: String| RunError::Checkpoint {
            path: path.clone(),
            why,
        };
        let text = std::fs::read_to_string(&path).map_err(|error| {
            failed(format!(
                "there is nothing to resume here ({error}); start anew without --resume"
            ))
        })?;
        serde_json::from_str(&text).map_err(|error| {
            failed(format!(
                "it is damaged ({error}); start anew without --resume"
            ))
        })
    }

    /// Replaces the file as a whole.
    pub(super) fn write(&self, output: &Path) -> Result<(), RunError> {
        let path = Self::path(output);
        let json = serde_json::to_vec(self).map_err(|error| RunError::Io {
            path: path.clone(),
            source: error.into(),
        })?;
        atomic_file::write(&path, &json, Access::Owner)?;
        Ok(())
    }

    /// Takes the file away where it is.
    pub(super) fn remove(output: &Path) {
        // It may never have been there.
        let _ = std::fs::remove_file(Self::path(output));
    }
}
