//! A workspace whose agents join over NATS, and operations for them.

use super::server::{AgentProcess, NatsServer};
use crate::platform::{DEVELOPMENT, PROJECT, Place, draft};
use crate::support::{CLIENT_ID, CLIENT_SECRET};
use coupa_sandbox::Sandbox;
use host_harness::group::{Seen, Server};
use host_harness::sealing::SealingKey;
use host_harness::workspace::{
    ActivityDraft, Connection, Endpoint, GroupId, Nats, OperationDraft, OperationId, Run, RunId,
    RunState,
};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The shortest that there is, so that the tests take seconds.
pub const LEASE: Duration = Duration::from_secs(2);

pub struct Plant {
    pub place: Place,
    pub key: PathBuf,
}

impl Plant {
    /// A workspace that reaches the group `plant` on this server.
    pub async fn new(server: &NatsServer) -> Self {
        Self::reached_by(Server::new(server.url())).await
    }

    pub async fn reached_by(server: Server) -> Self {
        let place = Place::new().await;
        let key = place.home.path().join("group.key");
        let group = place.workspace.group(GroupId(1)).unwrap();
        place
            .workspace
            .join_group(group.id, group.revision, Some("plant"))
            .unwrap();
        let nats = Nats {
            server,
            key: Arc::new(SealingKey::load_or_create(&key).unwrap()),
            lease: LEASE,
        };
        place.workspace.use_nats(nats).await.unwrap();
        Self { place, key }
    }

    pub fn agent(&self, url: &str, name: &str, more: &[&str]) -> AgentProcess {
        let registry = self.place.home.path().join("registry");
        AgentProcess::start(self.place.home.path(), &registry, &self.key, url, name, more)
    }

    /// Waits until so many agents are there.
    pub async fn agents(&self, count: usize) -> Vec<Seen> {
        let until = Instant::now() + Duration::from_secs(40);
        loop {
            let groups = self.place.workspace.joined_agents().await.unwrap();
            assert_eq!(groups[0].error, None);
            let mut agents = groups.into_iter().flat_map(|group| group.agents);
            let alive: Vec<Seen> = agents.by_ref().filter(|seen| seen.alive).collect();
            if alive.len() == count {
                return alive;
            }
            assert!(Instant::now() < until, "{count} agents are not there: {alive:?}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    pub async fn connect(&self, name: &str, sandbox: &Sandbox) -> Connection {
        let connection = draft(
            name,
            &[
                ("host", &sandbox.base_url()),
                ("authentication", "oauth"),
                ("client-id", CLIENT_ID),
            ],
            &[("client-secret", CLIENT_SECRET)],
        );
        self.place
            .workspace
            .create_connection(PROJECT, connection)
            .await
            .unwrap()
    }

    /// An operation that creates in one sandbox what another has.
    pub async fn copy(&self, name: &str, from: &Connection, to: &Connection) -> OperationId {
        let workspace = &self.place.workspace;
        let mut ends = Vec::new();
        for (connection, activity) in [(from, "query"), (to, "create")] {
            let draft = ActivityDraft {
                name: format!("{name} {activity}"),
                activity: activity.to_owned(),
                object: "suppliers".to_owned(),
                options: Vec::new(),
            };
            let made = workspace.create_activity(connection.id, draft).await.unwrap();
            ends.push(Endpoint::Activity { activity: made.id });
        }
        let target = ends.pop();
        let draft = OperationDraft {
            name: name.to_owned(),
            source: ends.pop(),
            mapping: Some("{name: (\"Copy of \" + .name), number: (\"C-\" + .number)}".to_owned()),
            target,
            ..OperationDraft::default()
        };
        workspace.create_operation(PROJECT, &draft).unwrap().id
    }

    pub async fn start(&self, operation: OperationId) -> RunId {
        self.place
            .workspace
            .start_run(operation, DEVELOPMENT)
            .await
            .unwrap()
    }

    /// Waits until a run has ended.
    pub async fn ended(&self, run: RunId) -> Run {
        self.ended_within(run, Duration::from_secs(90)).await
    }

    pub async fn ended_within(&self, run: RunId, within: Duration) -> Run {
        match tokio::time::timeout(within, self.place.workspace.wait_for_run(run)).await {
            Ok(run) => run.unwrap(),
            Err(_) => panic!("it does not end: {:?}", self.place.workspace.run(run)),
        }
    }

    /// Waits until a run has done something.
    pub async fn until(&self, run: RunId, holds: impl Fn(&Run) -> bool) -> Run {
        let until = Instant::now() + Duration::from_secs(60);
        loop {
            let now = self.place.workspace.run(run).unwrap();
            if holds(&now) {
                return now;
            }
            assert!(Instant::now() < until, "it does not come to that: {now:?}");
            assert_eq!(now.state, RunState::Running, "{now:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// The numbers of what was created, which the sandbox keeps unique only where it is
/// told to; sorted.
pub fn created(sandbox: &Sandbox) -> Vec<String> {
    let mut numbers: Vec<String> = (1..)
        .map_while(|id| sandbox.record("suppliers", id))
        .filter_map(|record| Some(record["number"].as_str()?.to_owned()))
        .filter(|number| number.starts_with("C-"))
        .collect();
    numbers.sort();
    numbers
}

/// That each of `count` records was created, and none twice.
pub fn assert_each_once(sandbox: &Sandbox, count: usize, what: &str) {
    let numbers = created(sandbox);
    let mut once = numbers.clone();
    once.dedup();
    assert_eq!(once.len(), numbers.len(), "{what}: something was written twice: {numbers:?}");
    assert_eq!(numbers.len(), count, "{what}: not all was written");
}
