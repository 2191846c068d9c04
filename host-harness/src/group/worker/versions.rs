//! Which versions of connectors the agent has, across its restarts.

use crate::atomic_file::{self, Access};
use crate::group::presence::HasVersion;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// The versions that the agent has, one of each connector.
pub(super) struct Versions {
    path: PathBuf,
    known: Mutex<Vec<HasVersion>>,
}

impl Versions {
    /// Those that the agent's home tells of. What cannot be read is found anew.
    pub(super) fn open(home: &Path) -> Self {
        let path = home.join("versions.json");
        let known = std::fs::read(&path)
            .ok()
            .and_then(|bytes| serde_json::from_slice(&bytes).ok())
            .unwrap_or_default();
        Self {
            path,
            known: Mutex::new(known),
        }
    }

    pub(super) fn all(&self) -> Vec<HasVersion> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.clone()
    }

    pub(super) fn of(&self, connector: &str) -> Option<HasVersion> {
        let all = self.all();
        all.into_iter().find(|one| one.connector == connector)
    }

    /// Remembers one.
    pub(super) fn set(&self, version: HasVersion) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.contains(&version) {
            return;
        }
        known.retain(|one| one.connector != version.connector);
        known.push(version);
        known.sort_by(|a, b| a.connector.cmp(&b.connector));
        // It only saves looking: what is lost is found anew.
        if let Ok(json) = serde_json::to_vec(&*known) {
            let _ = atomic_file::write_cached(&self.path, &json, Access::Owner);
        }
    }
}
