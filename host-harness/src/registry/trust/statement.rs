//! What a signature says of a version.

use crate::registry::{ConnectorName, Digest};
use jiff::Timestamp;
use semver::Version;
use std::fmt;

/// What stands in a signature's trusted comment: one line of `key=value`, signed
/// together with the component.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// The connector.
    pub name: ConnectorName,
    /// Its version.
    pub version: Version,
    /// The digest of the component.
    pub digest: Digest,
    /// The version of the contract that it keeps to, where that is known.
    pub contract: Option<Version>,
    /// When it was signed.
    pub signed_at: Timestamp,
    /// Until when the signature holds; none: without end.
    pub expires: Option<Timestamp>,
}

impl Statement {
    /// Reads a trusted comment. Keys that are not known are passed over, those
    /// that are may stand once.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let once = |key: &str| {
            let mut found = text
                .split_ascii_whitespace()
                .filter_map(|pair| pair.split_once('='))
                .filter(|(name, _)| *name == key)
                .map(|(_, value)| value);
            match (found.next(), found.next()) {
                (value, None) => Some(value),
                _ => None,
            }
        };
        let optional = |key: &str| -> Option<Option<&str>> { once(key) };
        Some(Self {
            name: once("name")??.parse().ok()?,
            version: once("version")??.parse().ok()?,
            digest: once("digest")??.parse().ok()?,
            contract: match optional("contract")? {
                Some(contract) => Some(contract.parse().ok()?),
                None => None,
            },
            signed_at: once("signed-at")??.parse().ok()?,
            expires: match optional("expires")? {
                Some(expires) => Some(expires.parse().ok()?),
                None => None,
            },
        })
    }
}

impl fmt::Display for Statement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "name={} version={} digest={}",
            self.name, self.version, self.digest
        )?;
        if let Some(contract) = &self.contract {
            write!(f, " contract={contract}")?;
        }
        write!(f, " signed-at={}", self.signed_at)?;
        if let Some(expires) = self.expires {
            write!(f, " expires={expires}")?;
        }
        Ok(())
    }
}
