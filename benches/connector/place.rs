//! A workspace, with connections and operations for what is measured.

use super::{Result, built, bytes_of};
use host_harness::workspace::{
    ActivityDraft, Connection, ConnectionDraft, Endpoint, EnvironmentId, OperationDraft,
    OperationId, ProjectId, Run, RunFilter, RunState, Setting, Workspace,
};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

/// What a new workspace holds.
pub const DEVELOPMENT: EnvironmentId = EnvironmentId(1);
pub const PROJECT: ProjectId = ProjectId(1);

/// How often it is looked whether runs have ended.
const LOOKED_EVERY: Duration = Duration::from_millis(100);

pub struct Place {
    pub workspace: Workspace,
}

impl Place {
    /// A workspace in a folder, in whose registry the component is published.
    pub async fn new(home: &Path) -> Result<Self> {
        let workspace = Workspace::open(home, None)?;
        workspace.publish(bytes_of(&built())?).await?;
        Ok(Self { workspace })
    }

    /// A connection to a Coupa that takes this client and secret.
    pub async fn connect(&self, name: &str, url: &str) -> Result<Connection> {
        let connection = self
            .workspace
            .create_connection(PROJECT, draft(name, url))
            .await?;
        Ok(connection)
    }

    /// An operation that reads suppliers of a connection, and creates there what its
    /// mapping makes of them.
    pub async fn operation(
        &self,
        connection: &Connection,
        options: &[(&str, &str)],
        mapping: &str,
    ) -> Result<OperationId> {
        let mut ends = Vec::new();
        for (activity, options) in [("query", options), ("create", &[])] {
            let draft = ActivityDraft {
                name: format!("{} {activity}", connection.name),
                activity: activity.to_owned(),
                object: "suppliers".to_owned(),
                options: settings(options),
            };
            let made = self.workspace.create_activity(connection.id, draft).await?;
            ends.push(Some(Endpoint::Activity { activity: made.id }));
        }
        let target = ends.pop().flatten();
        let draft = OperationDraft {
            name: connection.name.clone(),
            source: ends.pop().flatten(),
            mapping: Some(mapping.to_owned()),
            target,
            ..OperationDraft::default()
        };
        Ok(self.workspace.create_operation(PROJECT, &draft)?.id)
    }

    /// Waits until no run is under way, and answers the last so many. All of them must
    /// have gone well.
    pub async fn all_ended(&self, count: usize, within: Duration) -> Result<Vec<Run>> {
        let until = Instant::now() + within;
        let running = RunFilter {
            state: Some(RunState::Running),
            count: Some(1),
            ..RunFilter::default()
        };
        while !self.workspace.runs(running)?.is_empty() {
            if Instant::now() > until {
                return Err(format!("after {within:?} runs are still under way").into());
            }
            tokio::time::sleep(LOOKED_EVERY).await;
        }
        let runs = self.workspace.runs(RunFilter {
            count: Some(u32::try_from(count)?),
            ..RunFilter::default()
        })?;
        let failed = runs.iter().find(|run| run.state != RunState::Success);
        match failed {
            Some(run) => Err(format!(
                "run {} ended as {:?}: {:?} {:?}",
                run.id, run.state, run.error, run.warnings
            )
            .into()),
            None => Ok(runs),
        }
    }
}

/// A connection as it is typed.
pub fn draft(name: &str, url: &str) -> ConnectionDraft {
    ConnectionDraft {
        name: name.to_owned(),
        connector: "coupa".to_owned(),
        version: "newest".to_owned(),
        use_proxy: false,
        protocol: Default::default(),
        settings: settings(&[
            ("host", url),
            ("authentication", "oauth"),
            ("client-id", CLIENT),
        ]),
        secrets: BTreeMap::from([("client-secret".to_owned(), SECRET.into())]),
        limits: Vec::new(),
    }
}

/// Who connections are to the servers of the bench.
pub const CLIENT: &str = "bench";
pub const SECRET: &str = "bench-secret-of-no-worth";

fn settings(pairs: &[(&str, &str)]) -> Vec<Setting> {
    pairs
        .iter()
        .map(|(name, value)| Setting {
            name: (*name).to_owned(),
            value: (*value).to_owned(),
        })
        .collect()
}
