//! A workspace whose agents join over NATS, and operations for them.

use super::server::{AgentProcess, NatsServer};
use crate::platform::crash::names;
use crate::platform::{DEVELOPMENT, PROJECT, Place, draft};
use crate::support::{CLIENT_ID, CLIENT_SECRET, sandbox};
use coupa_sandbox::{Fault, FaultRule, Sandbox};
use host_harness::group::{Seen, Server};
use host_harness::records::{Entry, Format, RecordReader};
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

/// Bytes of an input that agents are given, at most.
pub const MOST_INPUT: u64 = 4 * 1024 * 1024;

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
            most_input: MOST_INPUT,
        };
        place.workspace.use_nats(nats).await.unwrap();
        Self { place, key }
    }

    pub fn agent(&self, url: &str, name: &str, more: &[&str]) -> AgentProcess {
        self.agent_at(name, url, name, more)
    }

    /// One that finds what another has left in its home.
    pub fn agent_at(&self, home: &str, url: &str, name: &str, more: &[&str]) -> AgentProcess {
        let folder = self.place.home.path();
        let registry = folder.join("registry");
        AgentProcess::start(folder, home, &registry, &self.key, url, name, more)
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
            assert!(
                Instant::now() < until,
                "{count} agents are not there: {alive:?}"
            );
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

    /// A sandbox with so many suppliers and an empty one, each with a connection to it:
    /// “From” and “To”.
    pub async fn ends(&self, suppliers: u64) -> ((Sandbox, Connection), (Sandbox, Connection)) {
        let (from, to) = (sandbox(&[("suppliers", suppliers)]), sandbox(&[]));
        let source = self.connect("From", &from).await;
        let target = self.connect("To", &to).await;
        ((from, source), (to, target))
    }

    /// An operation that creates a supplier in one sandbox for each that another has.
    pub async fn copy(&self, name: &str, from: &Connection, to: &Connection) -> OperationId {
        self.copy_to(name, from, to, "suppliers").await
    }

    /// An operation that creates an `object` for each supplier: “Copy of 7”, and where
    /// it has a number, that is unique.
    pub async fn copy_to(
        &self,
        name: &str,
        from: &Connection,
        to: &Connection,
        object: &str,
    ) -> OperationId {
        let workspace = &self.place.workspace;
        let mut ends = Vec::new();
        for (connection, activity, object) in [(from, "query", "suppliers"), (to, "create", object)]
        {
            let draft = ActivityDraft {
                name: format!("{name} {activity}"),
                activity: activity.to_owned(),
                object: object.to_owned(),
                options: Vec::new(),
            };
            let made = workspace
                .create_activity(connection.id, draft)
                .await
                .unwrap();
            ends.push(Endpoint::Activity { activity: made.id });
        }
        let target = ends.pop();
        let draft = OperationDraft {
            name: name.to_owned(),
            source: ends.pop(),
            mapping: Some(
                match object {
                    "suppliers" => r#"{name: "Copy of \(.id)", number: "C-\(.id)"}"#,
                    _ => {
                        r#"{name: "Copy of \(.id)", street1: "1 Main Street", city: "Town",
                            "postal-code": "12345", country: {code: "US"}}"#
                    }
                }
                .to_owned(),
            ),
            target,
            ..OperationDraft::default()
        };
        workspace.create_operation(PROJECT, &draft).unwrap().id
    }

    /// An operation that puts the suppliers of a sandbox into a file of the workspace.
    pub async fn export(
        &self,
        name: &str,
        from: &Connection,
        path: &str,
        format: Format,
    ) -> OperationId {
        let draft = ActivityDraft {
            name: format!("{name} query"),
            activity: "query".to_owned(),
            object: "suppliers".to_owned(),
            options: Vec::new(),
        };
        let workspace = &self.place.workspace;
        let made = workspace.create_activity(from.id, draft).await.unwrap();
        let draft = OperationDraft {
            name: name.to_owned(),
            source: Some(Endpoint::Activity { activity: made.id }),
            mapping: Some("{id, name}".to_owned()),
            target: Some(Endpoint::File {
                path: path.to_owned(),
                format,
            }),
            ..OperationDraft::default()
        };
        workspace.create_operation(PROJECT, &draft).unwrap().id
    }

    /// An operation that creates a supplier, “Copy of 7”, for each record of a file.
    pub async fn import(
        &self,
        name: &str,
        path: &str,
        format: Format,
        to: &Connection,
    ) -> OperationId {
        let draft = ActivityDraft {
            name: format!("{name} create"),
            activity: "create".to_owned(),
            object: "suppliers".to_owned(),
            options: Vec::new(),
        };
        let workspace = &self.place.workspace;
        let made = workspace.create_activity(to.id, draft).await.unwrap();
        let draft = OperationDraft {
            name: name.to_owned(),
            source: Some(Endpoint::File {
                path: path.to_owned(),
                format,
            }),
            mapping: Some(r#"{name: "Copy of \(.id)", number: "C-\(.id)"}"#.to_owned()),
            target: Some(Endpoint::Activity { activity: made.id }),
            ..OperationDraft::default()
        };
        workspace.create_operation(PROJECT, &draft).unwrap().id
    }

    /// The ids of the records in a file of the workspace, in their order.
    pub fn ids(&self, file: &str, format: Format) -> Vec<u64> {
        let path = self.place.workspace.files_folder().join(file);
        let content = std::fs::File::open(path).unwrap();
        let records = RecordReader::open(content, format).unwrap();
        let id = |entry| match entry {
            Entry::Record { json, .. } => {
                let record: serde_json::Value = serde_json::from_str(&json).unwrap();
                let id = &record["id"];
                // A cell of a CSV file is a text.
                id.as_u64()
                    .unwrap_or_else(|| id.as_str().unwrap().parse().unwrap())
            }
            other => panic!("no record: {other:?}"),
        };
        records.map(|entry| id(entry.unwrap())).collect()
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

/// That each of `count` records was created in a sandbox exactly once.
pub async fn assert_each_once(to: &Sandbox, object: &str, count: u64, what: &str) {
    let written = names(to, object, "Copy of ").await;
    let twice: Vec<_> = written.iter().filter(|(_, times)| **times > 1).collect();
    assert!(twice.is_empty(), "{what}: written twice: {twice:?}");
    let missing: Vec<u64> = (1..=count)
        .filter(|id| !written.contains_key(&format!("Copy of {id}")))
        .collect();
    assert!(missing.is_empty(), "{what}: lost: {missing:?}");
    assert_eq!(written.len() as u64, count, "{what}");
}

/// Lets each request that writes take so long.
pub fn slowly(milliseconds: u64) -> FaultRule {
    FaultRule {
        times: None,
        ..FaultRule::next(0, Fault::Slow { milliseconds })
    }
    .on_method("POST")
}

/// Lets each request that reads take so long.
pub fn read_slowly(milliseconds: u64) -> FaultRule {
    FaultRule {
        times: None,
        ..FaultRule::next(0, Fault::Slow { milliseconds })
    }
    .on_method("GET")
}
