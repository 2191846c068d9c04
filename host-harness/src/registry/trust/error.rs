//! Why a version is not trusted, and what is wrong with keys and policies.

use super::{KeyId, Statement};
use crate::registry::{ConnectorName, Digest};
use semver::Version;
use std::path::PathBuf;

/// Why a version may not run here. Each has its own code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TrustError {
    /// There is no signature at all.
    #[error(
        "`{name}` {version} is not signed, and this agent takes only what is: publish it with \
         --sign KEY, or accept unsigned versions in trust.toml"
    )]
    Unsigned {
        /// The connector.
        name: ConnectorName,
        /// The version.
        version: Version,
    },
    /// No key of the policy may sign it.
    #[error(
        "`{name}` {version} is signed by {}, and no such key may sign `{name}`: add the public \
         key to trust.toml if you know whose it is",
        list(keys)
    )]
    UnknownKey {
        /// The connector.
        name: ConnectorName,
        /// The version.
        version: Version,
        /// Who signed it, as the signatures say.
        keys: Vec<KeyId>,
    },
    /// The signature is not of these bytes, or was altered, or is none.
    #[error(
        "the signature of `{name}` {version} by {key} is wrong: it is not of these bytes, or \
         was altered. The version was not loaded; find out who put it there"
    )]
    WrongSignature {
        /// The connector.
        name: ConnectorName,
        /// The version.
        version: Version,
        /// Whose signature it claims to be; `unknown` where it is not even one.
        key: String,
    },
    /// A good signature, of something else.
    #[error(
        "what came as `{name}` {version} ({digest}) is signed as `{}` {} ({}): it was put in \
         the place of another. The version was not loaded",
        signed.name, signed.version, signed.digest
    )]
    OtherVersion {
        /// What was asked for.
        name: ConnectorName,
        /// Its version.
        version: Version,
        /// The digest of the bytes.
        digest: Digest,
        /// What the signature is of.
        signed: Box<Statement>,
    },
    /// The signature does not hold any more.
    #[error(
        "the signature of `{name}` {version} held until {expired}: sign that version again, or \
         publish a newer one"
    )]
    Expired {
        /// The connector.
        name: ConnectorName,
        /// The version.
        version: Version,
        /// When it ended to hold.
        expired: jiff::Timestamp,
    },
    /// It was signed longer ago than the policy takes.
    #[error(
        "`{name}` {version} was signed on {signed_at}, and trust.toml takes nothing older than \
         {days} days: sign it again, publish a newer one, or raise max-age-days"
    )]
    TooOld {
        /// The connector.
        name: ConnectorName,
        /// The version.
        version: Version,
        /// When it was signed.
        signed_at: jiff::Timestamp,
        /// What the policy says.
        days: u32,
    },
    /// It is below what was here before, and nobody asked for it by name.
    #[error(
        "the registry's newest `{name}` is {offered}, and this agent has seen {seen}: somebody \
         may have put the registry back. If that is meant, pin {offered}"
    )]
    RolledBack {
        /// The connector.
        name: ConnectorName,
        /// The newest that there is now.
        offered: Version,
        /// The highest that was seen.
        seen: Version,
    },
    /// It is below what the policy allows.
    #[error(
        "`{name}` {version} is below {minimum}, the lowest that trust.toml allows: take a newer \
         one, or lower the minimum"
    )]
    BelowMinimum {
        /// The connector.
        name: ConnectorName,
        /// The version.
        version: Version,
        /// What the policy says.
        minimum: Version,
    },
    /// The version leads to other bytes than it did.
    #[error(
        "`{name}` {version} is {now} in the registry, and was {before} when this agent took it: \
         a published version never changes. Find out who changed it"
    )]
    Changed {
        /// The connector.
        name: ConnectorName,
        /// The version.
        version: Version,
        /// The digest as it was.
        before: Box<Digest>,
        /// The digest that the registry says now.
        now: Box<Digest>,
    },
}

impl TrustError {
    /// Stable, for programs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Unsigned { .. } => "trust.unsigned",
            Self::UnknownKey { .. } => "trust.unknown-key",
            Self::WrongSignature { .. } => "trust.wrong-signature",
            Self::OtherVersion { .. } => "trust.other-version",
            Self::Expired { .. } => "trust.expired",
            Self::TooOld { .. } => "trust.too-old",
            Self::RolledBack { .. } => "trust.rolled-back",
            Self::BelowMinimum { .. } => "trust.below-minimum",
            Self::Changed { .. } => "trust.changed",
        }
    }

    /// Whether another signature of the same version might be good, such as one
    /// that was added since.
    #[must_use]
    pub const fn is_of_signatures(&self) -> bool {
        matches!(
            self,
            Self::Unsigned { .. }
                | Self::UnknownKey { .. }
                | Self::WrongSignature { .. }
                | Self::OtherVersion { .. }
                | Self::Expired { .. }
                | Self::TooOld { .. }
        )
    }
}

/// What is wrong with a key. Never shows any of a secret one.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The file cannot be read or written, or lies open to others.
    #[error("{}: {why}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// It is no key.
    #[error("this is no {what} of minisign: {why}")]
    Malformed {
        /// `public key` or `secret key`.
        what: &'static str,
        /// What is wrong.
        why: String,
    },
    /// The key needs a password.
    #[error("the secret key is under a password: say where that is with --key-password")]
    PasswordMissing,
    /// The password is not the key's.
    #[error("that is not the password of this secret key")]
    WrongPassword,
    /// No signature came about.
    #[error("the component could not be signed: {0}")]
    NotSigned(String),
}

/// What is wrong with a trust policy.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrustPolicyError {
    /// It cannot be read.
    #[error("the trust policy {} cannot be read: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// It says something that it cannot say.
    #[error("the trust policy {}, line {line}: {problem}", path.display())]
    Wrong {
        /// The file.
        path: PathBuf,
        /// Where, from 1.
        line: usize,
        /// What is wrong.
        problem: String,
    },
}

fn list(keys: &[KeyId]) -> String {
    let keys: Vec<String> = keys.iter().map(ToString::to_string).collect();
    keys.join(", ")
}
