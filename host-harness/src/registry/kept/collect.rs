//! Removing versions that nobody needs any more.

use super::lease::Lease;
use super::receipt::{remove, unusable};
use crate::registry::{ConnectorName, Digest, Entry, Store, StoreError};
use semver::Version;
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, SystemTime};

/// What was left of a download that nobody took up again.
const ABANDONED: Duration = Duration::from_secs(24 * 3600);

/// What a collection removed, and what it left.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Collected {
    /// The versions that were removed.
    pub removed: Vec<Entry>,
    /// The versions that would have been, but are in use.
    pub in_use: Vec<Entry>,
    /// Bytes that were freed, those of unfinished downloads included.
    pub freed: u64,
}

impl Store {
    /// Removes all versions but the `keep` newest of each connector, those in
    /// `pinned`, and those in use.
    ///
    /// # Errors
    /// Where the folder cannot be read or something cannot be removed; what was
    /// removed until then stays removed.
    pub fn collect(
        &self,
        keep: usize,
        pinned: &BTreeSet<(ConnectorName, Version)>,
    ) -> Result<Collected, StoreError> {
        let receipts = self.receipts();
        let mut by_name: BTreeMap<ConnectorName, Vec<Entry>> = BTreeMap::new();
        for receipt in receipts.all()? {
            by_name
                .entry(receipt.entry.name.clone())
                .or_default()
                .push(receipt.entry);
        }
        let (mut kept, mut unneeded) = (Vec::new(), Vec::new());
        for (_, entries) in by_name {
            // Oldest first; at least the newest stays.
            let keep_from = entries.len().saturating_sub(keep.max(1));
            for (number, entry) in entries.into_iter().enumerate() {
                let pin = (entry.name.clone(), entry.version.clone());
                if number >= keep_from || pinned.contains(&pin) {
                    kept.push(entry.digest);
                } else {
                    unneeded.push(entry);
                }
            }
        }
        let mut collected = Collected::default();
        for entry in unneeded {
            // Two versions may be the same bytes.
            if kept.contains(&entry.digest) {
                receipts.remove(&entry)?;
                collected.removed.push(entry);
                continue;
            }
            let Some(_alone) = Lease::alone(self.folder(), &entry.digest)? else {
                kept.push(entry.digest);
                collected.in_use.push(entry);
                continue;
            };
            // The receipt first: without it the bytes are nobody's.
            receipts.remove(&entry)?;
            collected.freed += self.remove_blob(&entry.digest)?;
            collected.removed.push(entry);
        }
        collected.freed += self.remove_strays(&kept)?;
        Ok(collected)
    }

    /// The digests of all that it has by receipt.
    ///
    /// # Errors
    /// Where a receipt cannot be read.
    pub fn digests(&self) -> Result<BTreeSet<Digest>, StoreError> {
        let receipts = self.receipts().all()?;
        Ok(receipts
            .into_iter()
            .map(|receipt| receipt.entry.digest)
            .collect())
    }

    fn remove_blob(&self, digest: &Digest) -> Result<u64, StoreError> {
        let path = self.path(digest);
        let size = std::fs::metadata(&path).map_or(0, |found| found.len());
        remove(&path)?;
        Ok(size)
    }

    /// Bytes without a receipt, and downloads that were broken off, a day after
    /// anybody touched them.
    fn remove_strays(&self, kept: &[Digest]) -> Result<u64, StoreError> {
        let mut freed = 0;
        let folder = self.blobs();
        let files = std::fs::read_dir(folder).map_err(|error| unusable(folder, error))?;
        for file in files {
            let file = file.map_err(|error| unusable(folder, error))?;
            let name = file.file_name().to_string_lossy().into_owned();
            if kept.iter().any(|digest| digest.hex() == name) {
                continue;
            }
            let Ok(found) = file.metadata() else { continue };
            let age = found
                .modified()
                .ok()
                .and_then(|at| SystemTime::now().duration_since(at).ok());
            if age.is_some_and(|age| age > ABANDONED) {
                let digest = format!("sha256:{name}").parse::<Digest>();
                let alone = match &digest {
                    Ok(digest) => Lease::alone(self.folder(), digest)?,
                    Err(_) => None,
                };
                if digest.is_err() || alone.is_some() {
                    remove(&file.path())?;
                    freed += found.len();
                }
            }
        }
        Ok(freed)
    }
}
