//! A registry in a folder, on this machine or shared by several.
//!
//! ```text
//! blobs/sha256/<hex>                  the bytes
//! connectors/<name>/<version>.json    the receipt
//! connectors/<name>/<version>.<key>.minisig   a signature, one per key
//! connectors/<name>/<version>.cdx     what it is made of, as CycloneDX JSON
//! ```
//!
//! The receipt is written last: only what has one is published, and bytes that a
//! broken-off publication left behind are nobody's.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use semver::Version;

use super::trust::key_id_of;
use super::{
    ConnectorName, Digest, Entry, Facts, Pulled, RegistryError, Release, Requirement, Store,
};
use crate::atomic_file::{self, Access};

const RECEIPT_EXTENSION: &str = "json";
const SIGNATURE_EXTENSION: &str = "minisig";
/// Not `.json`, which receipts have.
const BILL_OF_MATERIALS_EXTENSION: &str = "cdx";

/// A registry in a folder. Several programs may use it at the same time.
#[derive(Debug, Clone)]
pub struct LocalRegistry {
    folder: PathBuf,
}

/// A version as it stands in the registry after publishing it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// The connector.
    pub name: ConnectorName,
    /// The version.
    pub version: Version,
    /// What its bytes hash to.
    pub digest: Digest,
    /// How many bytes it has.
    pub size: u64,
    /// Of an OCI registry: the digest of the manifest that leads to the bytes.
    pub manifest: Option<Digest>,
}

impl LocalRegistry {
    /// The registry in `folder`, which is made where it does not exist.
    ///
    /// # Errors
    /// [`RegistryError::Io`] where the folder cannot be made.
    pub fn open(folder: impl Into<PathBuf>) -> Result<Self, RegistryError> {
        let registry = Self {
            folder: folder.into(),
        };
        make(&registry.blobs())?;
        make(&registry.connectors())?;
        Ok(registry)
    }

    /// Where it is, for people.
    #[must_use]
    pub fn place(&self) -> String {
        self.folder.display().to_string()
    }

    /// Publishes `component` as `version` of `name`, and nothing else with it.
    ///
    /// # Errors
    /// [`RegistryError::VersionTaken`] where the version has other bytes.
    pub fn publish(
        &self,
        name: &ConnectorName,
        version: Version,
        component: &[u8],
    ) -> Result<Published, RegistryError> {
        self.release(&Release {
            name: name.clone(),
            version,
            component: component.to_vec(),
            facts: Facts::default(),
            created: None,
            signatures: Vec::new(),
            bill_of_materials: None,
        })
    }

    /// Publishes a version. To publish the same bytes again changes nothing, but
    /// puts back bytes that were lost, and adds signatures.
    ///
    /// # Errors
    /// [`RegistryError::VersionTaken`] where the version has other bytes.
    pub fn release(&self, release: &Release) -> Result<Published, RegistryError> {
        let name = &release.name;
        let entry = Entry {
            name: name.clone(),
            version: release.version.clone(),
            digest: Digest::of(&release.component),
            size: release.component.len() as u64,
            published_at: release.created.unwrap_or_else(jiff::Timestamp::now),
            facts: release.facts.clone(),
            manifest: None,
        };
        let receipt = self.receipt(name, &entry.version);
        if let Some(published) = read_receipt(&receipt, name)? {
            refuse_other_bytes(&published, entry.digest)?;
        }
        self.write_blob(&entry.digest, &release.component)?;
        // Before the receipt: what is published is signed from its first moment on.
        for signature in &release.signatures {
            let key =
                key_id_of(signature).map_or_else(|| "unknown".to_owned(), |id| id.to_string());
            let file = format!("{}.{key}.{SIGNATURE_EXTENSION}", entry.version);
            replace(&receipt.with_file_name(file), signature.as_bytes())?;
        }
        if let Some(bill) = &release.bill_of_materials {
            replace(&self.bill_file(&entry), bill)?;
        }
        if !write_receipt(&receipt, &entry)?
            && let Some(published) = read_receipt(&receipt, name)?
        {
            refuse_other_bytes(&published, entry.digest)?;
        }
        Ok(Published {
            name: entry.name,
            version: entry.version,
            digest: entry.digest,
            size: entry.size,
            manifest: None,
        })
    }

    /// The signatures of a version, one per key.
    ///
    /// # Errors
    /// [`RegistryError::Io`] where one cannot be read.
    pub fn signatures(&self, entry: &Entry) -> Result<Vec<String>, RegistryError> {
        let folder = self.connectors().join(entry.name.as_str());
        let beginning = format!("{}.", entry.version);
        let mut signatures = Vec::new();
        for file in file_names(&folder)? {
            let key = file
                .strip_prefix(&beginning)
                .and_then(|rest| rest.strip_suffix(SIGNATURE_EXTENSION));
            // The rest of a longer version has a dot or a sign before the key.
            let Some(key) = key.and_then(|key| key.strip_suffix('.')) else {
                continue;
            };
            if key.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
                let path = folder.join(&file);
                let text = fs::read_to_string(&path).map_err(|error| unusable(&path, error))?;
                signatures.push(text);
            }
        }
        Ok(signatures)
    }

    /// What a version is made of, where its publisher said so.
    ///
    /// # Errors
    /// [`RegistryError::Io`] where it cannot be read.
    pub fn bill_of_materials(&self, entry: &Entry) -> Result<Option<Vec<u8>>, RegistryError> {
        let path = self.bill_file(entry);
        match fs::read(&path) {
            Ok(bill) => Ok(Some(bill)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(unusable(&path, error)),
        }
    }

    /// What it says of one version; absent where it has none.
    ///
    /// # Errors
    /// [`RegistryError::DamagedReceipt`] where its receipt cannot be understood.
    pub fn entry(
        &self,
        name: &ConnectorName,
        version: &Version,
    ) -> Result<Option<Entry>, RegistryError> {
        read_receipt(&self.receipt(name, version), name)
    }

    /// All that is published, by name and then by version, oldest first.
    ///
    /// # Errors
    /// [`RegistryError::DamagedReceipt`] where one receipt cannot be understood:
    /// a list that silently lacks a version would mislead.
    pub fn list(&self) -> Result<Vec<Entry>, RegistryError> {
        let mut entries = Vec::new();
        for name in self.names()? {
            entries.extend(self.versions(&name)?);
        }
        Ok(entries)
    }

    /// The version of `name` that is asked for.
    ///
    /// # Errors
    /// [`RegistryError::UnknownConnector`] or [`RegistryError::UnknownVersion`]
    /// where there is none.
    pub fn resolve(
        &self,
        name: &ConnectorName,
        required: &Requirement,
    ) -> Result<Entry, RegistryError> {
        let entries = self.versions(name)?;
        if entries.is_empty() {
            return Err(RegistryError::UnknownConnector {
                registry: self.place(),
                name: name.clone(),
                known: self.names()?,
            });
        }
        let fitting = entries
            .iter()
            .filter(|entry| required.fits(&entry.version))
            .max_by(|a, b| a.version.cmp(&b.version));
        match fitting {
            Some(entry) => Ok(entry.clone()),
            None => Err(RegistryError::UnknownVersion {
                name: name.clone(),
                required: required.clone(),
                published: entries.into_iter().map(|entry| entry.version).collect(),
            }),
        }
    }

    /// Brings the version of `entry` into `store`.
    ///
    /// # Errors
    /// [`RegistryError::MissingBlob`], or [`RegistryError::Store`] where the
    /// bytes are not those that were published, or the store is at fault.
    pub fn pull(&self, entry: &Entry, store: &Store) -> Result<Pulled, RegistryError> {
        store.receive(entry.digest, entry.size, || self.open_blob(entry))
    }

    fn open_blob(&self, entry: &Entry) -> Result<File, RegistryError> {
        let file = self.blob(&entry.digest);
        File::open(&file).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => RegistryError::MissingBlob {
                name: entry.name.clone(),
                version: entry.version.clone(),
                file,
            },
            _ => unusable(&file, error),
        })
    }

    fn blobs(&self) -> PathBuf {
        self.folder.join("blobs").join("sha256")
    }

    fn blob(&self, digest: &Digest) -> PathBuf {
        self.blobs().join(digest.hex())
    }

    fn connectors(&self) -> PathBuf {
        self.folder.join("connectors")
    }

    fn receipt(&self, name: &ConnectorName, version: &Version) -> PathBuf {
        self.connectors()
            .join(name.as_str())
            .join(format!("{version}.{RECEIPT_EXTENSION}"))
    }

    fn bill_file(&self, entry: &Entry) -> PathBuf {
        self.receipt(&entry.name, &entry.version)
            .with_file_name(format!("{}.{BILL_OF_MATERIALS_EXTENSION}", entry.version))
    }

    fn write_blob(&self, digest: &Digest, component: &[u8]) -> Result<(), RegistryError> {
        atomic_file::write(&self.blob(digest), component, Access::Everyone)?;
        Ok(())
    }

    /// The names of the connectors, in order. What is not a name was not put
    /// there by a registry and is passed over.
    pub(super) fn names(&self) -> Result<Vec<ConnectorName>, RegistryError> {
        let folder = self.connectors();
        let mut names: Vec<ConnectorName> = file_names(&folder)?
            .iter()
            .filter_map(|name| name.parse().ok())
            .collect();
        names.sort_unstable();
        Ok(names)
    }

    /// The versions of one connector, oldest first; none where it is unknown.
    pub(super) fn versions(&self, name: &ConnectorName) -> Result<Vec<Entry>, RegistryError> {
        let folder = self.connectors().join(name.as_str());
        let mut entries = Vec::new();
        for file in file_names(&folder)? {
            let path = folder.join(&file);
            let is_receipt = path.extension().is_some_and(|e| e == RECEIPT_EXTENSION);
            if is_receipt
                && !file.starts_with('.')
                && let Some(entry) = read_receipt(&path, name)?
            {
                entries.push(entry);
            }
        }
        entries.sort_unstable_by(|a, b| a.version.cmp(&b.version));
        Ok(entries)
    }
}

fn refuse_other_bytes(published: &Entry, offered: Digest) -> Result<(), RegistryError> {
    if published.digest == offered {
        return Ok(());
    }
    Err(RegistryError::VersionTaken {
        published: Box::new(published.clone()),
        offered,
    })
}

fn replace(path: &Path, bytes: &[u8]) -> Result<(), RegistryError> {
    make(path.parent().unwrap_or(Path::new(".")))?;
    atomic_file::write(path, bytes, Access::Everyone)?;
    Ok(())
}

/// Whether no receipt was there, and this one is now.
fn write_receipt(path: &Path, entry: &Entry) -> Result<bool, RegistryError> {
    make(path.parent().unwrap_or(Path::new(".")))?;
    let json = serde_json::to_vec_pretty(entry).map_err(|error| unusable(path, error.into()))?;
    Ok(atomic_file::write_new(path, &json, Access::Everyone)?)
}

/// The receipt at `path`, or none where there is no file. It must say what its
/// place says: a receipt that was copied or renamed by hand is refused.
fn read_receipt(path: &Path, name: &ConnectorName) -> Result<Option<Entry>, RegistryError> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unusable(path, error)),
    };
    let damaged = |reason: String| RegistryError::DamagedReceipt {
        file: path.to_owned(),
        reason,
    };
    let entry: Entry =
        serde_json::from_slice(&bytes).map_err(|error| damaged(error.to_string()))?;
    let belongs = entry.name == *name
        && path.file_stem().and_then(|stem| stem.to_str()) == Some(&entry.version.to_string());
    if !belongs {
        return Err(damaged(format!(
            "it is the one of `{}` {}",
            entry.name, entry.version
        )));
    }
    Ok(Some(entry))
}

/// The names in `folder` that are text; none where there is no such folder.
fn file_names(folder: &Path) -> Result<Vec<String>, RegistryError> {
    let files = match fs::read_dir(folder) {
        Ok(files) => files,
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
            ) =>
        {
            return Ok(Vec::new());
        }
        Err(error) => return Err(unusable(folder, error)),
    };
    files
        .filter_map(|file| match file {
            Ok(file) => file.file_name().into_string().ok().map(Ok),
            Err(error) => Some(Err(unusable(folder, error))),
        })
        .collect()
}

fn make(folder: &Path) -> Result<(), RegistryError> {
    atomic_file::create_folder(folder, Access::Everyone)?;
    Ok(())
}

fn unusable(path: &Path, source: io::Error) -> RegistryError {
    RegistryError::Io {
        path: path.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests;
