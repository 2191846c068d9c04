//! `harness store` and `quarantine`.

use super::super::Failed;
use super::Where;
use clap::Subcommand;
use host_harness::registry::ConnectorName;
use host_harness::workspace::Workspace;
use semver::Version;
use std::process::ExitCode;

/// What stands for the program's own copies.
const OWN: &str = "(this program)";

#[derive(Subcommand)]
pub enum StoreCommand {
    /// List the versions on the agents' disks.
    List,
    /// Remove versions that are not needed: never one that is pinned, in use, or
    /// the newest.
    Gc {
        /// How many versions of each connector stay, the newest ones.
        #[arg(long, default_value = "3", value_parser = clap::value_parser!(u16).range(1..))]
        keep: u16,
    },
}

#[derive(Subcommand)]
pub enum QuarantineCommand {
    /// List the versions that broke down within a day, and those that are not used
    /// any more for it.
    List,
    /// Let one be used again, on all agents.
    Lift {
        /// The connector.
        name: ConnectorName,
        /// The version.
        version: Version,
    },
}

impl StoreCommand {
    pub fn run(self, workspace: &Workspace, at: &Where) -> Result<ExitCode, Failed> {
        match self {
            Self::List => at.list(
                &workspace.stored_versions()?,
                &[
                    "AGENT",
                    "CONNECTOR",
                    "VERSION",
                    "BYTES",
                    "SIGNATURES",
                    "RECEIVED",
                    "FROM",
                ],
                |stored| {
                    vec![
                        stored.agent.clone().unwrap_or_else(|| OWN.to_owned()),
                        stored.connector.clone(),
                        stored.version.clone(),
                        stored.size.to_string(),
                        stored.signatures.to_string(),
                        stored.received_at.clone(),
                        stored.from.clone(),
                    ]
                },
            ),
            Self::Gc { keep } => at.list(
                &workspace.collect_versions(usize::from(keep))?,
                &["AGENT", "REMOVED", "IN USE", "BYTES FREED"],
                |collection| {
                    vec![
                        collection.agent.clone().unwrap_or_else(|| OWN.to_owned()),
                        collection.removed.join(", "),
                        collection.in_use.join(", "),
                        collection.freed.to_string(),
                    ]
                },
            ),
        }
    }
}

impl QuarantineCommand {
    pub fn run(self, workspace: &Workspace, at: &Where) -> Result<ExitCode, Failed> {
        if let Self::Lift { name, version } = self {
            workspace.lift_quarantine(name.as_str(), &version.to_string())?;
        }
        at.list(
            &workspace.quarantine()?,
            &[
                "AGENT",
                "CONNECTOR",
                "VERSION",
                "BREAKDOWNS",
                "NOT USED SINCE",
                "THE LAST TIME",
            ],
            |kept| {
                vec![
                    kept.agent.clone().unwrap_or_else(|| OWN.to_owned()),
                    kept.connector.clone(),
                    kept.version.clone(),
                    kept.breakdowns.to_string(),
                    kept.since
                        .clone()
                        .unwrap_or_else(|| "still used".to_owned()),
                    kept.last.clone(),
                ]
            },
        )
    }
}
