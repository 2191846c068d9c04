//! `harness policy` and `harness project`.

use super::super::Failed;
use super::{Where, find};
use clap::{Subcommand, ValueEnum};
use host_harness::workspace::Workspace;
use std::process::ExitCode;

/// A policy of the organization.
#[derive(Clone, Copy, ValueEnum)]
pub enum Policy {
    /// A test no longer downloads the newest version of a connector first.
    DisableAutoConnectorUpdate,
    /// Secrets have to be typed again when what they belong to changes.
    ReauthenticationOnChange,
}

/// Whether a policy holds.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Switch {
    /// It does.
    On,
    /// It does not.
    Off,
}

#[derive(Subcommand)]
pub enum PolicyCommand {
    /// List the organization's policies.
    List,
    /// Switch one on or off.
    Set {
        /// Which.
        policy: Policy,
        /// Whether it holds.
        switch: Switch,
    },
}

impl PolicyCommand {
    pub fn run(self, workspace: &Workspace, at: &Where) -> Result<ExitCode, Failed> {
        let mut organization = workspace.organization()?;
        if let Self::Set { policy, switch } = self {
            let on = switch == Switch::On;
            let mut policies = organization.policies;
            match policy {
                Policy::DisableAutoConnectorUpdate => policies.disable_auto_connector_update = on,
                Policy::ReauthenticationOnChange => policies.reauthentication_on_change = on,
            }
            organization = workspace.update_organization(
                organization.revision,
                &organization.name,
                policies,
            )?;
        }
        at.say(&organization, || {
            let policies = organization.policies;
            let switch = |on| if on { "on" } else { "off" };
            format!(
                "disable-auto-connector-update  {}\nreauthentication-on-change     {}",
                switch(policies.disable_auto_connector_update),
                switch(policies.reauthentication_on_change)
            )
        })
    }
}

#[derive(Subcommand)]
pub enum ProjectCommand {
    /// List the projects.
    List,
    /// Make one.
    Create {
        /// Its name.
        name: String,
    },
    /// Give one another name.
    Rename {
        /// Its name.
        name: String,
        /// The new one.
        to: String,
    },
    /// Delete an empty one.
    Delete {
        /// Its name.
        name: String,
    },
}

impl ProjectCommand {
    pub fn run(self, workspace: &Workspace, at: &Where) -> Result<ExitCode, Failed> {
        let named =
            |name: &str| find::named("project", workspace.projects()?, Some(name), |p| &p.name);
        match self {
            Self::List => {}
            Self::Create { name } => {
                workspace.create_project(&name)?;
            }
            Self::Rename { name, to } => {
                let project = named(&name)?;
                workspace.rename_project(project.id, project.revision, &to)?;
            }
            Self::Delete { name } => workspace.delete_project(named(&name)?.id)?,
        }
        at.list(&workspace.projects()?, &["PROJECT"], |project| {
            vec![project.name.clone()]
        })
    }
}
