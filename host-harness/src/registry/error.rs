//! What can go wrong with a registry or a store, and what to do about it.

use std::io;
use std::path::PathBuf;

use semver::Version;

use super::{ConnectorName, Digest, Entry, OciError, PassedOver, Requirement};
use crate::atomic_file::AtomicFileError;

/// Why a registry could not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RegistryError {
    /// Nothing was ever published under this name.
    #[error(
        "the registry {registry} has no connector `{name}` (it has: {}): publish it first",
        list(known)
    )]
    UnknownConnector {
        /// The registry.
        registry: String,
        /// What was asked for.
        name: ConnectorName,
        /// What there is.
        known: Vec<ConnectorName>,
    },

    /// The connector is known, but no version of it fits.
    #[error(
        "`{name}` has no version that fits `{required}` (published: {}): \
         publish one, or ask for one of these exactly",
        list(published)
    )]
    UnknownVersion {
        /// The connector.
        name: ConnectorName,
        /// What was asked for.
        required: Requirement,
        /// What there is, pre-releases included, oldest first.
        published: Vec<Version>,
    },

    /// The version exists already with other bytes.
    #[error(
        "`{}` {} is published already with other bytes ({}, these are {offered}): \
         a published version never changes, raise the version",
        published.name, published.version, published.digest
    )]
    VersionTaken {
        /// The version as it is published.
        published: Box<Entry>,
        /// The digest of the bytes that were to be published.
        offered: Digest,
    },

    /// A receipt does not say what its place says it must.
    #[error(
        "the receipt {} is damaged ({reason}): delete it and publish that version again",
        file.display()
    )]
    DamagedReceipt {
        /// The receipt.
        file: PathBuf,
        /// What is wrong with it.
        reason: String,
    },

    /// A version is published, but its bytes are gone.
    #[error(
        "{} is missing, so `{name}` {version} cannot be had: publish the same bytes again",
        file.display()
    )]
    MissingBlob {
        /// The connector.
        name: ConnectorName,
        /// The version.
        version: Version,
        /// Where the bytes should be.
        file: PathBuf,
    },

    /// The version could not be brought into the store.
    #[error(transparent)]
    Store(#[from] StoreError),

    /// From an OCI registry.
    #[error(transparent)]
    Oci(#[from] OciError),

    /// The registry's folder could not be read or written.
    #[error("the registry cannot use {}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
}

/// Why a store refused a component, on its way in or out.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The store has no such component.
    #[error("{} is missing: pull {digest} into this store first", file.display())]
    Missing {
        /// Where it would be.
        file: PathBuf,
        /// What was asked for.
        digest: Digest,
    },

    /// The file in the store is not what was pulled: tampered with, or cut off.
    #[error(
        "{} is not what was pulled: expected {expected}, found {found} ({size} bytes). \
         It was not loaded. Delete it and pull it again; if that happens twice, \
         find out who writes to this folder",
        file.display()
    )]
    Altered {
        /// The file.
        file: PathBuf,
        /// The digest it must have.
        expected: Digest,
        /// The digest it has.
        found: Digest,
        /// The bytes it has.
        size: u64,
    },

    /// What came from the source is not what its entry promised. Nothing was kept.
    #[error(
        "what came for {expected} is something else: {found}, {size} bytes of {expected_size}. \
         Nothing was kept. Try again; if it stays, publish that version again"
    )]
    WrongContent {
        /// The digest that was promised.
        expected: Digest,
        /// The digest that came.
        found: Digest,
        /// The size that was promised.
        expected_size: u64,
        /// The bytes that came; no more than one above those promised are read.
        size: u64,
    },

    /// The component is larger than this store takes.
    #[error("{digest} has {size} bytes or more, this store takes at most {limit}: raise its limit")]
    TooLarge {
        /// The component.
        digest: Digest,
        /// The bytes promised, or found.
        size: u64,
        /// The limit in bytes.
        limit: u64,
    },

    /// The source broke off.
    #[error("{digest} could not be fetched: {source}. Nothing was kept; try again")]
    Source {
        /// The component.
        digest: Digest,
        /// What the source said.
        source: io::Error,
    },

    /// A file of the store says what it cannot say.
    #[error("{} is damaged ({reason}): delete it, and download that version again", file.display())]
    Damaged {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        reason: String,
    },

    /// The store's folder could not be read or written.
    #[error("the store cannot use {}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
}

impl From<AtomicFileError> for RegistryError {
    fn from(error: AtomicFileError) -> Self {
        Self::Io {
            path: error.path,
            source: error.source,
        }
    }
}

impl RegistryError {
    /// Stable, for programs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::UnknownConnector { .. } => "registry.unknown-connector",
            Self::UnknownVersion { .. } => "registry.unknown-version",
            Self::VersionTaken { .. } => "registry.version-taken",
            Self::DamagedReceipt { .. } => "registry.damaged",
            Self::MissingBlob { .. } => "registry.missing-bytes",
            Self::Store(error) => error.code(),
            Self::Oci(error) => error.code(),
            Self::Io { .. } => "registry.files",
        }
    }

    /// What lies in place of a connector, where that is what it is about.
    #[must_use]
    pub fn beside(&self) -> Option<PassedOver> {
        match self {
            Self::Oci(OciError::NotAConnector { what, why, .. }) => Some(PassedOver {
                what: what.clone(),
                why: why.clone(),
            }),
            _ => None,
        }
    }

    /// Whether the registry could not be asked at all, so that what the agent
    /// has already is the best there is.
    #[must_use]
    pub fn is_out_of_reach(&self) -> bool {
        matches!(self, Self::Oci(error) if error.is_out_of_reach())
    }
}

impl From<AtomicFileError> for StoreError {
    fn from(error: AtomicFileError) -> Self {
        Self::Io {
            path: error.path,
            source: error.source,
        }
    }
}

impl StoreError {
    /// Stable, for programs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Missing { .. } => "store.missing",
            Self::Altered { .. } => "store.altered",
            Self::WrongContent { .. } => "store.wrong-content",
            Self::TooLarge { .. } => "store.too-large",
            Self::Source { .. } => "store.source",
            Self::Damaged { .. } => "store.damaged",
            Self::Io { .. } => "store.files",
        }
    }
}

fn list<T: ToString>(items: &[T]) -> String {
    if items.is_empty() {
        return "none".to_owned();
    }
    let items: Vec<_> = items.iter().map(ToString::to_string).collect();
    items.join(", ")
}
