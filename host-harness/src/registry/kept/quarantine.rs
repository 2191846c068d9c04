//! Quarantine: a version that keeps breaking down is not used any more on the
//! agent on which it does, until a person says otherwise.

use super::receipt::{names_in, read_json, remove, unusable, write_json};
use crate::registry::{ConnectorName, Digest, StoreError};
use jiff::{SignedDuration, Timestamp};
use semver::Version;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::path::{Path, PathBuf};

/// What happened longer ago is forgotten: a connector that breaks down once in a
/// month is no case for this.
const COUNTED_FOR: SignedDuration = SignedDuration::from_hours(24);

/// Once that a version broke down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Incident {
    /// When.
    pub at: Timestamp,
    /// How, for people.
    pub what: String,
}

/// A version that broke down, as often as it did within a day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuarantinedVersion {
    /// The connector.
    pub name: ConnectorName,
    /// Its version.
    pub version: Version,
    /// Its bytes.
    pub digest: Digest,
    /// What happened, oldest first.
    pub incidents: Vec<Incident>,
    /// Since when it is not used; absent while it still is.
    pub since: Option<Timestamp>,
}

impl QuarantinedVersion {
    /// Why it is not used, for people.
    #[must_use]
    pub fn reason(&self) -> String {
        let last = self.incidents.last().map_or("", |incident| &incident.what);
        format!(
            "it broke down {} times, the last time: {last}",
            self.incidents.len()
        )
    }
}

/// The quarantine of one agent.
#[derive(Debug, Clone)]
pub struct Quarantine {
    folder: PathBuf,
    after: u32,
}

impl Quarantine {
    /// How often within a day a version may break down, unless told otherwise,
    /// before it is not used any more.
    pub const DEFAULT_AFTER: u32 = 3;

    pub(in crate::registry) fn of_store(store: &Path, after: u32) -> Self {
        Self {
            folder: store.join("quarantine"),
            after: after.max(1),
        }
    }

    fn file(&self, digest: &Digest) -> PathBuf {
        self.folder.join(format!("{}.json", digest.hex()))
    }

    /// Counts one breakdown, and answers the version where that was one too many.
    ///
    /// # Errors
    /// Where it cannot be kept.
    pub fn record(
        &self,
        name: &ConnectorName,
        version: &Version,
        digest: Digest,
        what: &str,
    ) -> Result<Option<QuarantinedVersion>, StoreError> {
        let _turn = self.turn()?;
        let now = Timestamp::now();
        let mut kept = self.get(&digest)?.unwrap_or_else(|| QuarantinedVersion {
            name: name.clone(),
            version: version.clone(),
            digest,
            incidents: Vec::new(),
            since: None,
        });
        if kept.since.is_none() {
            kept.incidents
                .retain(|incident| now.duration_since(incident.at) < COUNTED_FOR);
        }
        kept.incidents.push(Incident {
            at: now,
            what: what.to_owned(),
        });
        let enough = kept.since.is_none() && kept.incidents.len() >= self.after as usize;
        if enough {
            kept.since = Some(now);
        }
        write_json(&self.file(&digest), &kept)?;
        Ok(enough.then_some(kept))
    }

    fn get(&self, digest: &Digest) -> Result<Option<QuarantinedVersion>, StoreError> {
        read_json(&self.file(digest))
    }

    /// The version of these bytes, where it is not used any more.
    ///
    /// # Errors
    /// Where what is kept cannot be read.
    pub fn holds(&self, digest: &Digest) -> Result<Option<QuarantinedVersion>, StoreError> {
        Ok(self.get(digest)?.filter(|kept| kept.since.is_some()))
    }

    /// All that broke down lately, those that are still used included.
    ///
    /// # Errors
    /// Where what is kept cannot be read.
    pub fn all(&self) -> Result<Vec<QuarantinedVersion>, StoreError> {
        let mut all: Vec<QuarantinedVersion> = Vec::new();
        for file in names_in(&self.folder)? {
            if file.ends_with(".json") {
                all.extend(read_json(&self.folder.join(file))?);
            }
        }
        all.sort_unstable_by(|a, b| (&a.name, &a.version).cmp(&(&b.name, &b.version)));
        Ok(all)
    }

    /// Lets a version be used again, its count at nothing. Answers whether there
    /// was one.
    ///
    /// # Errors
    /// Where what is kept cannot be read or removed.
    pub fn lift(&self, name: &ConnectorName, version: &Version) -> Result<bool, StoreError> {
        let _turn = self.turn()?;
        let mut lifted = false;
        for kept in self.all()? {
            if kept.name == *name && kept.version == *version {
                remove(&self.file(&kept.digest))?;
                lifted = true;
            }
        }
        Ok(lifted)
    }

    /// Several runs may break down at the same moment, in several processes.
    fn turn(&self) -> Result<File, StoreError> {
        std::fs::create_dir_all(&self.folder).map_err(|error| unusable(&self.folder, error))?;
        let path = self.folder.join(".lock");
        let open = || {
            let file = File::options()
                .create(true)
                .truncate(false)
                .write(true)
                .open(&path)?;
            file.lock()?;
            Ok(file)
        };
        open().map_err(|error| unusable(&path, error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_held_after_so_many_breakdowns_of_a_day_and_lifted_by_a_person() {
        let folder = tempfile::tempdir().unwrap();
        let quarantine = Quarantine::of_store(folder.path(), 3);
        let (name, version) = ("acme".parse().unwrap(), Version::new(1, 0, 0));
        let digest = Digest::of(b"one");
        let breaks = || {
            quarantine
                .record(&name, &version, digest, "a trap")
                .unwrap()
        };

        // What happened the day before yesterday does not count.
        let old = Incident {
            at: Timestamp::now() - SignedDuration::from_hours(48),
            what: "long ago".to_owned(),
        };
        let kept = QuarantinedVersion {
            name: name.clone(),
            version: version.clone(),
            digest,
            incidents: vec![old.clone(), old],
            since: None,
        };
        write_json(&quarantine.file(&digest), &kept).unwrap();
        assert!(breaks().is_none() && breaks().is_none());
        assert!(quarantine.holds(&digest).unwrap().is_none());
        assert!(breaks().is_some());
        let held = quarantine.holds(&digest).unwrap().unwrap();
        assert!(held.reason().contains("3 times") && held.reason().contains("a trap"));
        assert!(breaks().is_none(), "it is told once");

        assert!(quarantine.lift(&name, &version).unwrap());
        assert!(!quarantine.lift(&name, &version).unwrap());
        assert!(quarantine.holds(&digest).unwrap().is_none());
        assert!(breaks().is_none());
    }

    #[test]
    fn breakdowns_at_the_same_moment_are_all_counted() {
        let folder = tempfile::tempdir().unwrap();
        let quarantine = Quarantine::of_store(folder.path(), 8);
        let (name, version) = ("acme".parse().unwrap(), Version::new(1, 0, 0));
        let digest = Digest::of(b"one");
        let told: usize = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|_| {
                    scope.spawn(|| {
                        let told = quarantine.record(&name, &version, digest, "a trap");
                        usize::from(told.unwrap().is_some())
                    })
                })
                .collect();
            threads
                .into_iter()
                .map(|thread| thread.join().unwrap())
                .sum()
        });
        assert_eq!(told, 1);
    }
}
