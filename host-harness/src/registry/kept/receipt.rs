//! Receipts: which version was taken from where, and who vouched for it. With
//! them an agent starts without asking a registry.

use crate::atomic_file::{self, Access};
use crate::registry::{ConnectorName, Entry, StoreError};
use semver::Version;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

/// A version that an agent has taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// What the registry said of it.
    pub entry: Entry,
    /// Which registry.
    pub from: String,
    /// Its signatures; checked anew each time that it is loaded.
    pub signatures: Vec<String>,
    /// When it was taken.
    pub received_at: jiff::Timestamp,
}

/// The receipts of one store.
#[derive(Debug, Clone)]
pub struct Receipts {
    store: PathBuf,
}

impl Receipts {
    pub(in crate::registry) fn of_store(store: &Path) -> Self {
        Self {
            store: store.to_owned(),
        }
    }

    fn folder(&self) -> PathBuf {
        self.store.join("receipts")
    }

    fn file(&self, name: &ConnectorName, version: &Version) -> PathBuf {
        self.folder()
            .join(name.as_str())
            .join(format!("{version}.json"))
    }

    /// The receipt of a version; absent where the agent does not have it.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] where the file is not of that version.
    pub fn get(
        &self,
        name: &ConnectorName,
        version: &Version,
    ) -> Result<Option<Receipt>, StoreError> {
        let file = self.file(name, version);
        let Some(receipt) = read_json::<Receipt>(&file)? else {
            return Ok(None);
        };
        if receipt.entry.name != *name || receipt.entry.version != *version {
            return Err(StoreError::Damaged {
                file,
                reason: format!(
                    "it is the one of `{}` {}",
                    receipt.entry.name, receipt.entry.version
                ),
            });
        }
        Ok(Some(receipt))
    }

    /// All receipts, by name and then by version, oldest first.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] where one cannot be understood.
    pub fn all(&self) -> Result<Vec<Receipt>, StoreError> {
        let mut receipts = Vec::new();
        for name in names_in(&self.folder())? {
            if let Ok(name) = name.parse() {
                receipts.extend(self.of(&name)?);
            }
        }
        Ok(receipts)
    }

    /// The receipts of one connector, oldest first.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] where one cannot be understood.
    pub fn of(&self, name: &ConnectorName) -> Result<Vec<Receipt>, StoreError> {
        let mut receipts = Vec::new();
        for file in names_in(&self.folder().join(name.as_str()))? {
            let version = file.strip_suffix(".json").and_then(|v| v.parse().ok());
            if let Some(version) = version {
                receipts.extend(self.get(name, &version)?);
            }
        }
        receipts.sort_unstable_by(|a, b| a.entry.version.cmp(&b.entry.version));
        Ok(receipts)
    }

    /// Keeps a receipt, and that its version was seen.
    ///
    /// # Errors
    /// [`StoreError::Io`] where it cannot be written.
    pub fn put(&self, receipt: &Receipt) -> Result<(), StoreError> {
        let entry = &receipt.entry;
        write_json(&self.file(&entry.name, &entry.version), receipt)?;
        let mut seen = self.seen()?;
        let newer = seen
            .get(&entry.name)
            .is_none_or(|highest| *highest < entry.version);
        if newer && entry.version.pre.is_empty() {
            seen.insert(entry.name.clone(), entry.version.clone());
            write_json(&self.store.join("seen.json"), &seen)?;
        }
        Ok(())
    }

    /// The highest version of each connector that this store ever had; kept when
    /// the versions themselves are removed.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] where the file cannot be understood.
    pub fn seen(&self) -> Result<BTreeMap<ConnectorName, Version>, StoreError> {
        Ok(read_json(&self.store.join("seen.json"))?.unwrap_or_default())
    }

    pub(super) fn remove(&self, entry: &Entry) -> Result<(), StoreError> {
        remove(&self.file(&entry.name, &entry.version))
    }
}

pub(super) fn remove(file: &Path) -> Result<(), StoreError> {
    match std::fs::remove_file(file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(unusable(file, error)),
        _ => Ok(()),
    }
}

/// The names of the files in a folder; none where there is no folder.
pub(super) fn names_in(folder: &Path) -> Result<Vec<String>, StoreError> {
    let files = match std::fs::read_dir(folder) {
        Ok(files) => files,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(unusable(folder, error)),
    };
    let mut names = Vec::new();
    for file in files {
        let file = file.map_err(|error| unusable(folder, error))?;
        if let Ok(name) = file.file_name().into_string()
            && !name.starts_with('.')
        {
            names.push(name);
        }
    }
    names.sort_unstable();
    Ok(names)
}

pub(super) fn read_json<T: DeserializeOwned>(file: &Path) -> Result<Option<T>, StoreError> {
    let bytes = match std::fs::read(file) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unusable(file, error)),
    };
    let read = serde_json::from_slice(&bytes).map_err(|error| StoreError::Damaged {
        file: file.to_owned(),
        reason: error.to_string(),
    })?;
    Ok(Some(read))
}

pub(super) fn write_json<T: Serialize>(file: &Path, value: &T) -> Result<(), StoreError> {
    let json = serde_json::to_vec_pretty(value).map_err(|error| unusable(file, error.into()))?;
    atomic_file::create_folder(file.parent().unwrap_or(Path::new(".")), Access::Everyone)?;
    atomic_file::write(file, &json, Access::Everyone)?;
    Ok(())
}

pub(super) fn unusable(path: &Path, source: io::Error) -> StoreError {
    StoreError::Io {
        path: path.to_owned(),
        source,
    }
}
