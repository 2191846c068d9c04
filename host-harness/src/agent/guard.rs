//! Looks after a version while it is used: holds it in the store, and counts how
//! it breaks down.

use crate::registry::{ConnectorName, Digest, Lease, Quarantine};
use crate::runtime::{RuntimeError, Watch};
use semver::Version;

/// Lives as long as the connector and its last instance.
pub(super) struct Guard {
    pub(super) quarantine: Quarantine,
    pub(super) name: ConnectorName,
    pub(super) version: Version,
    pub(super) digest: Digest,
    pub(super) _lease: Lease,
}

impl Watch for Guard {
    fn broke_down(&self, error: &RuntimeError) {
        count(
            &self.quarantine,
            &self.name,
            &self.version,
            self.digest,
            &error.to_string(),
        );
    }
}

/// Counts a breakdown. That it cannot be counted keeps nobody from being told of
/// it.
pub(super) fn count(
    quarantine: &Quarantine,
    name: &ConnectorName,
    version: &Version,
    digest: Digest,
    what: &str,
) {
    match quarantine.record(name, version, digest, what) {
        Ok(None) => {}
        Ok(Some(held)) => {
            tracing::error!(%name, %version, reason = %held.reason(), "a version is in quarantine");
        }
        Err(error) => tracing::error!(%name, %version, %error, "a breakdown could not be counted"),
    }
}
