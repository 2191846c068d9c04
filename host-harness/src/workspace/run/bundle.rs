//! A support bundle: all that is known of a run, without secrets, in one file.
//!
//! A `.tar.gz` with
//!
//! | file | what |
//! |---|---|
//! | `manifest.json` | the program's version, the run's record, and the SHA-256 of each other file |
//! | `source.ndjson`, `target.ndjson` | the recordings of the run's ends, where it was recorded |

use super::Run;
use crate::atomic_file::{self, Access, AtomicFile};
use crate::registry::Digest;
use crate::runtime::recording::Recorder;
use crate::workspace::Workspace;
use crate::workspace::error::WorkspaceError;
use crate::workspace::id::RunId;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

/// The version of the form of bundles.
pub const BUNDLE_FORMAT: u32 = 1;

/// What stands in front of a bundle.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct BundleManifest {
    /// The version of the form.
    pub format: u32,
    /// The version of the program that made it.
    pub program: String,
    /// The run.
    pub run: Run,
    /// The SHA-256 of each other file, by name.
    pub files: BTreeMap<String, String>,
}

impl Workspace {
    fn recordings(&self, run: RunId) -> PathBuf {
        self.0.home.join("recordings").join(run.to_string())
    }

    /// Where one end of a run is recorded.
    pub(super) fn recorder(&self, run: RunId, role: &str) -> Result<Recorder, WorkspaceError> {
        let folder = self.recordings(run);
        atomic_file::create_folder(&folder, Access::Owner)?;
        Recorder::create(&folder.join(format!("{role}.ndjson")))
            .map_err(|error| WorkspaceError::Refused(error.to_string()))
    }

    /// Writes the support bundle of a run that has ended, and answers the names
    /// of the recordings in it: none where the run was not recorded.
    ///
    /// # Errors
    /// If there is no such run, or a file cannot be read or written.
    pub fn bundle_run(&self, id: RunId, bundle: &Path) -> Result<Vec<String>, WorkspaceError> {
        let run = self.run(id)?;
        if run.ended_at.is_none() {
            return Err(WorkspaceError::Refused(format!(
                "run {id} is still under way"
            )));
        }
        let folder = self.recordings(id);
        let mut files = BTreeMap::new();
        for role in ["source", "target"] {
            let name = format!("{role}.ndjson");
            let path = folder.join(&name);
            match File::open(&path) {
                Ok(file) => {
                    let digest = Digest::of_reader(file).map_err(at(&path))?;
                    files.insert(name, digest.hex())
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => None,
                Err(error) => return Err(at(&path)(error)),
            };
        }
        let manifest = BundleManifest {
            format: BUNDLE_FORMAT,
            program: env!("CARGO_PKG_VERSION").to_owned(),
            run,
            files,
        };
        // For its owner alone: records stand in it.
        let file = AtomicFile::create(bundle, Access::Owner)?;
        let written = write(file, &folder, &manifest);
        written.map_err(at(bundle))?.replace()?;
        Ok(manifest.files.into_keys().collect())
    }
}

fn at(path: &Path) -> impl Fn(io::Error) -> WorkspaceError {
    |source| WorkspaceError::Io {
        path: path.to_owned(),
        source,
    }
}

fn write(file: AtomicFile, folder: &Path, manifest: &BundleManifest) -> io::Result<AtomicFile> {
    let mut archive = tar::Builder::new(GzEncoder::new(file, Compression::default()));
    let text = serde_json::to_vec_pretty(manifest)?;
    let mut header = tar::Header::new_gnu();
    header.set_size(text.len() as u64);
    header.set_mode(0o600);
    archive.append_data(&mut header, "manifest.json", text.as_slice())?;
    for name in manifest.files.keys() {
        archive.append_path_with_name(folder.join(name), name)?;
    }
    archive.into_inner()?.finish()
}
