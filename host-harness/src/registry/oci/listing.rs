//! All connectors of an OCI registry, where other things may lie beside them.

use super::{OciError, OciRegistry};
use crate::registry::{ConnectorName, Entry, Listing, PassedOver};
use futures::{StreamExt, stream};
use semver::Version;

/// How many versions are asked about at the same time.
const AT_ONCE: usize = 8;

impl OciRegistry {
    /// All that is published, by name and then by version, oldest first. What is no
    /// connector is passed over, and so is a repository that whoever asks may not
    /// read, where it was not named in the settings; the listing says what.
    ///
    /// # Errors
    /// Where it cannot be asked, or lets nobody read anything.
    pub async fn list(&self) -> Result<Listing, OciError> {
        let (names, mut passed_over) = self.repositories().await?;
        let mut wanted = Vec::new();
        let mut refused = None;
        let mut is_anything_readable = names.is_empty();
        for name in names {
            match self.versions(&name).await {
                Ok(versions) => {
                    is_anything_readable = true;
                    wanted.extend(versions.into_iter().map(|version| (name.clone(), version)));
                }
                Err(error) if self.known.is_empty() && error.is_of_one_thing() => {
                    passed_over.push(PassedOver {
                        what: self.repository(&name),
                        why: error.to_string(),
                    });
                    refused.get_or_insert(error);
                }
                Err(error) => return Err(error),
            }
        }
        if let Some(error) = refused.filter(|_| !is_anything_readable) {
            return Err(error);
        }
        let mut found = stream::iter(wanted)
            .map(|(name, version): (ConnectorName, Version)| async move {
                self.entry(&name, &version).await
            })
            .buffered(AT_ONCE);
        let mut entries: Vec<Entry> = Vec::new();
        while let Some(entry) = found.next().await {
            match entry {
                Ok(entry) => entries.extend(entry),
                Err(OciError::NotAConnector { what, why, .. }) => {
                    passed_over.push(PassedOver { what, why });
                }
                Err(error) => return Err(error),
            }
        }
        Ok(Listing {
            entries,
            passed_over,
        })
    }
}
