//! What an activity's call is in a run.

use crate::runtime::Connector;
use crate::runtime::types::Call;
use crate::workspace::connection::{On, Resolved, options};
use crate::workspace::error::WorkspaceError;
use crate::workspace::{Activity, Connection, Workspace, activity};

/// A call, and the connection that it is made by.
pub(in crate::workspace) struct Called {
    pub(in crate::workspace) call: Call,
    pub(in crate::workspace) resolved: Resolved,
    /// Whether the source wants to know what was taken.
    pub(in crate::workspace) acknowledged: bool,
    /// Whether the next run goes on where this one ends.
    pub(in crate::workspace) continues: bool,
}

impl Workspace {
    /// The call of an activity, by the version of the connector that runs, with the
    /// variables of its connection and of its options resolved `on` where it runs.
    pub(in crate::workspace) async fn called(
        &self,
        activity: Activity,
        connection: &Connection,
        connector: &Connector,
        on: On<'_>,
    ) -> Result<Called, WorkspaceError> {
        let types = self.offered_lately(connector, connection).await?;
        let form = activity::type_of(&types, &activity)?;
        let resolved = self.resolve(connection, connector.descriptor(), on)?;
        let call = Call {
            activity: activity.activity,
            object: activity.object,
            options: options(&form.options, &activity.options, &resolved.values)?,
            resume: None,
            dry_run: false,
        };
        Ok(Called {
            call,
            resolved,
            acknowledged: form.acknowledged,
            continues: form.continues,
        })
    }
}
