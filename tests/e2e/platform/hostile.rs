//! The hostile connector in a workspace: an attack in place of what it reads.

use super::{DEVELOPMENT, PROJECT, Place, draft, settings};
use host_harness::records::Format;
use host_harness::workspace::{
    ActivityDraft, Connection, ConnectionDraft, Endpoint, OperationId, Run,
};
use std::time::Duration;

/// A connection that does `instead`, within these limits.
pub fn attacking(name: &str, instead: &str, limits: &[(&str, &str)]) -> ConnectionDraft {
    let attack = format!("instead: {instead}");
    ConnectionDraft {
        connector: "hostile".to_owned(),
        limits: settings(limits),
        ..draft(
            name,
            &[("attack", &attack)],
            &[("password", "p4ssw0rd-of-it")],
        )
    }
}

impl Place {
    /// A workspace with the hostile connector.
    pub async fn with_hostile() -> Self {
        let place = Self::new().await;
        let bytes = crate::sandbox::bytes();
        place.workspace.publish(bytes).await.unwrap();
        place
    }

    pub async fn attack(&self, draft: ConnectionDraft) -> Connection {
        let made = self.workspace.create_connection(PROJECT, draft).await;
        made.unwrap()
    }

    pub async fn end_of(&self, connection: &Connection, activity: &str) -> Endpoint {
        let draft = ActivityDraft {
            name: format!("{} of {}", activity, connection.name),
            activity: activity.to_owned(),
            object: "things".to_owned(),
            options: Vec::new(),
        };
        let made = self.workspace.create_activity(connection.id, draft).await;
        Endpoint::Activity {
            activity: made.unwrap().id,
        }
    }

    /// An operation that reads by a connection into a file.
    pub async fn reading(&self, connection: &Connection) -> OperationId {
        let source = self.end_of(connection, "read").await;
        let target = Endpoint::File {
            path: format!("{}.ndjson", connection.name),
            format: Format::Ndjson,
        };
        self.operation_between(&format!("Read {}", connection.name), source, target)
    }

    pub async fn ran(&self, operation: OperationId) -> Run {
        let started = self.workspace.start_run(operation, DEVELOPMENT).await;
        let ended = self.workspace.wait_for_run(started.unwrap());
        let ended = tokio::time::timeout(Duration::from_secs(60), ended).await;
        ended.unwrap().unwrap()
    }
}
