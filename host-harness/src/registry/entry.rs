//! What a registry says about a version, and how one is asked for.

use std::fmt;
use std::str::FromStr;

use semver::Version;
use serde::{Deserialize, Serialize};

use super::{ConnectorName, Digest, Facts};

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
    /// What its publisher says of it; empty where nothing was said.
    #[serde(default, skip_serializing_if = "Facts::is_empty")]
    pub facts: Facts,
    /// Of an OCI registry: the digest of the manifest that leads to the bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manifest: Option<Digest>,
}

/// Which version is wanted. As text: `newest`, a version such as `1.2.3`, or
/// `<=1.2.3`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Requirement {
    /// The highest version by the precedence of Semantic Versioning.
    /// Pre-releases are never chosen so.
    #[default]
    Newest,
    /// This version and no other; the only way to a pre-release.
    Exact(Version),
    /// The highest version that is not above this one. Pre-releases are never
    /// chosen so.
    AtMost(Version),
}

/// A text that asks for no version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is no version: write `newest`, all three numbers, as in `1.2.3`, or `<=1.2.3` for \
     the newest up to that"
)]
pub struct InvalidRequirement {
    text: String,
}

impl Requirement {
    /// Whether a version is one that is asked for.
    #[must_use]
    pub fn fits(&self, version: &Version) -> bool {
        match self {
            Self::Newest => version.pre.is_empty(),
            Self::Exact(exact) => version == exact,
            Self::AtMost(highest) => version.pre.is_empty() && version <= highest,
        }
    }

    /// The versions that fit, the preferred one first.
    #[must_use]
    pub fn in_order(&self, versions: &[Version]) -> Vec<Version> {
        let mut fitting: Vec<Version> = versions
            .iter()
            .filter(|version| self.fits(version))
            .cloned()
            .collect();
        fitting.sort_unstable_by(|a, b| b.cmp(a));
        fitting
    }
}

impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Newest => f.write_str("newest"),
            Self::Exact(version) => version.fmt(f),
            Self::AtMost(version) => write!(f, "<={version}"),
        }
    }
}

impl FromStr for Requirement {
    type Err = InvalidRequirement;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "newest" {
            return Ok(Self::Newest);
        }
        let (parsed, make): (_, fn(Version) -> Self) = match text.strip_prefix("<=") {
            Some(highest) => (highest.trim().parse(), Self::AtMost),
            None => (text.parse(), Self::Exact),
        };
        parsed.map(make).map_err(|_| InvalidRequirement {
            text: text.to_owned(),
        })
    }
}
