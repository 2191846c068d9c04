//! Why an agent could not do what it was asked.

use super::SettingsError;
use crate::cache::CacheError;
use crate::registry::{
    ConnectorName, QuarantinedVersion, RegistryError, SigningKeyError, StoreError, TrustError,
    TrustPolicyError,
};
use crate::runtime::RuntimeError;
use crate::sealing::KeyError;
use semver::Version;
use std::path::PathBuf;

/// Why an agent could not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AgentError {
    /// From its settings.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// From its trust policy.
    #[error(transparent)]
    Policy(#[from] TrustPolicyError),
    /// From the registry.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// From its own copies.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The version is not trusted.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// A key to sign with.
    #[error(transparent)]
    Signing(#[from] SigningKeyError),
    /// The version broke down too often on this agent.
    #[error(
        "`{}` {} is in quarantine on this agent: {}. Pin another version, or lift it with \
         `harness quarantine lift {} {}`",
        held.name, held.version, held.reason(), held.name, held.version
    )]
    Quarantined {
        /// The version.
        held: Box<QuarantinedVersion>,
    },
    /// All versions that fit are for other hosts.
    #[error(
        "no version of `{name}` that fits keeps to the contract {serves} that this host serves \
         (there are: {}): publish one that does, or use another version of the host",
        passed_over(offered)
    )]
    NoneServed {
        /// The connector.
        name: ConnectorName,
        /// The contract that this host serves.
        serves: String,
        /// The versions, with the contract of each.
        offered: Vec<(Version, Version)>,
    },
    /// From the sandbox.
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
    /// From what connectors keep.
    #[error(transparent)]
    Cache(#[from] CacheError),
    /// From the key to that.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// A component that names itself badly.
    #[error("the component calls itself “{name}” {version}: {why}")]
    Misnamed {
        /// The name that it gives itself.
        name: String,
        /// Its version.
        version: String,
        /// What is wrong with them.
        why: String,
    },
    /// A folder of its home.
    #[error("the folder {path} cannot be used: {source}")]
    Folder {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

impl AgentError {
    /// Stable, for programs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Registry(error) => error.code(),
            Self::Store(error) => error.code(),
            Self::Trust(error) => error.code(),
            Self::Quarantined { .. } => "version.quarantined",
            Self::NoneServed { .. } => "version.none-served",
            _ => "agent",
        }
    }
}

fn passed_over(offered: &[(Version, Version)]) -> String {
    let offered: Vec<String> = offered
        .iter()
        .map(|(version, contract)| format!("{version} for {contract}"))
        .collect();
    offered.join(", ")
}
