//! What an operation's ends would send.

use super::Endpoint;
use crate::runtime::Plan;
use crate::runtime::types::Call;
use crate::workspace::connection::options;
use crate::workspace::error::WorkspaceError;
use crate::workspace::id::{ActivityId, EnvironmentId, OperationId};
use crate::workspace::{Workspace, activity};

impl Workspace {
    /// What the connectors at an operation's ends would send, by `source` and
    /// `target`; an end that is a file sends nothing. With `look` the remote systems
    /// are read to say how much there is.
    ///
    /// # Errors
    /// If an end cannot be used.
    pub async fn plan_operation(
        &self,
        id: OperationId,
        environment: EnvironmentId,
        look: bool,
    ) -> Result<Vec<(&'static str, Plan)>, WorkspaceError> {
        let operation = self.operation(id)?;
        let mut plans = Vec::new();
        for (name, end) in [("source", operation.source), ("target", operation.target)] {
            if let Some(Endpoint::Activity { activity }) = end {
                plans.push((name, self.plan(activity, id, environment, look).await?));
            }
        }
        Ok(plans)
    }

    async fn plan(
        &self,
        id: ActivityId,
        operation: OperationId,
        environment: EnvironmentId,
        look: bool,
    ) -> Result<Plan, WorkspaceError> {
        let (activity, connection) = self.with_connection(id)?;
        let (connector, types) = self.offered(&connection).await?;
        let form = activity::type_of(&types, &activity)?;
        let resolved = self.design(&connection, &connector, environment)?;
        let resume = if form.continues {
            self.continuation(operation, environment)?
        } else {
            None
        };
        let call = Call {
            activity: activity.activity,
            object: activity.object,
            options: options(&form.options, &activity.options, &resolved.values)?,
            resume,
            dry_run: false,
        };
        let mut session = connector.session(resolved.connection).await?;
        Ok(session.plan(call, look).await?.into())
    }
}
