//! What a registry says about a version, and how one is asked for.

use std::fmt;
use std::str::FromStr;

use semver::Version;
use serde::{Deserialize, Serialize};

use super::{ConnectorName, Digest};

/// A published version. In a [`LocalRegistry`](super::LocalRegistry) this is
/// also the receipt, the file whose presence makes a version published.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The connector.
    pub name: ConnectorName,
    /// Its version.
    pub version: Version,
    /// What its bytes must hash to.
    pub digest: Digest,
    /// How many bytes it has.
    pub size: u64,
    /// When it was published first.
    pub published_at: jiff::Timestamp,
}

/// Which version is wanted. As text: `newest`, or a version such as `1.2.3`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Requirement {
    /// The highest version by the precedence of Semantic Versioning.
    /// Pre-releases are never chosen so.
    #[default]
    Newest,
    /// This version and no other; the only way to a pre-release.
    Exact(Version),
}

/// A text that asks for no version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no version: write `newest`, or all three numbers, as in `1.2.3`")]
pub struct InvalidRequirement {
    text: String,
}

impl Requirement {
    /// The entry asked for, out of the entries of one connector, in any order.
    /// Absent where none fits.
    #[must_use]
    pub fn choose<'a>(&self, entries: &'a [Entry]) -> Option<&'a Entry> {
        match self {
            Self::Newest => entries
                .iter()
                .filter(|entry| entry.version.pre.is_empty())
                .max_by(|a, b| a.version.cmp(&b.version)),
            Self::Exact(version) => entries.iter().find(|entry| entry.version == *version),
        }
    }
}

impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Newest => f.write_str("newest"),
            Self::Exact(version) => version.fmt(f),
        }
    }
}

impl FromStr for Requirement {
    type Err = InvalidRequirement;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "newest" {
            return Ok(Self::Newest);
        }
        text.parse()
            .map(Self::Exact)
            .map_err(|_| InvalidRequirement {
                text: text.to_owned(),
            })
    }
}
