//! The organization and its policies.

use super::Workspace;
use super::database::first;
use super::error::WorkspaceError;
use rusqlite::{Transaction, params};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The organization.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Organization {
    /// Its name.
    pub name: String,
    /// Its policies.
    pub policies: Policies,
    /// Counts its changes.
    pub revision: i64,
}

/// What holds for all of the organization.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Policies {
    /// *Disable Auto Connector Update*: testing a connection no longer makes the
    /// agents download the newest version of its connector first; they use the
    /// one they have.
    pub disable_auto_connector_update: bool,
    /// *Enable Re-authentication on Change*: when what a connection reaches
    /// changes, its secrets are cleared and have to be typed again.
    pub reauthentication_on_change: bool,
}

impl Workspace {
    /// The organization.
    ///
    /// # Errors
    /// Where the database fails.
    pub fn organization(&self) -> Result<Organization, WorkspaceError> {
        self.database().read(read)
    }

    /// Saves the organization's name and policies. `revision` is the one that was seen.
    ///
    /// # Errors
    /// Where somebody else saved in between, or the name is none.
    pub fn update_organization(
        &self,
        revision: i64,
        name: &str,
        policies: Policies,
    ) -> Result<Organization, WorkspaceError> {
        let name = super::name::checked("an organization", name)?;
        self.database().write(|transaction| {
            let changed = transaction.execute(
                "UPDATE organization SET name = ?, disable_auto_connector_update = ?,
                 reauthentication_on_change = ?, revision = revision + 1 WHERE revision = ?",
                params![
                    name,
                    policies.disable_auto_connector_update,
                    policies.reauthentication_on_change,
                    revision
                ],
            )?;
            if changed == 0 {
                return Err(WorkspaceError::Stale {
                    what: "the organization",
                    name: read(transaction)?.name,
                });
            }
            read(transaction)
        })
    }
}

fn read(transaction: &Transaction<'_>) -> Result<Organization, WorkspaceError> {
    first(
        transaction,
        "SELECT name, disable_auto_connector_update, reauthentication_on_change, revision
         FROM organization",
        [],
        |row| {
            Ok(Organization {
                name: row.get(0)?,
                policies: Policies {
                    disable_auto_connector_update: row.get(1)?,
                    reauthentication_on_change: row.get(2)?,
                },
                revision: row.get(3)?,
            })
        },
    )?
    .ok_or_else(|| WorkspaceError::Damaged("there is no organization".to_owned()))
}

/// The policies as a transaction sees them.
pub(super) fn policies(transaction: &Transaction<'_>) -> Result<Policies, WorkspaceError> {
    Ok(read(transaction)?.policies)
}
