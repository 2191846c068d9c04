//! The connector that is held against the contract, and calls of it.

use super::report::Findings;
use super::rule::Rule;
use super::watch::Watch;
use crate::runtime::types::{Activity, Call, Event, Item, Role, Summary};
use crate::runtime::{Connection, Connector, Execution, RuntimeError, Session};
use futures::StreamExt;
use std::sync::Arc;
use std::time::Duration;

/// How long any call may take: the connector that is slower is not tested but waited for.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// The connector, and a connection for it.
pub(super) struct Subject {
    pub(super) connector: Connector,
    pub(super) connection: Connection,
    pub(super) watch: Watch,
}

/// All that came of a call.
pub(super) struct Came {
    pub(super) events: Vec<Event>,
    pub(super) ended: Result<Summary, RuntimeError>,
    /// Requests that went out.
    pub(super) requests: u64,
}

impl Came {
    pub(super) fn items(&self) -> impl Iterator<Item = &Item> {
        self.events.iter().filter_map(|event| match event {
            Event::Item(item) => Some(item),
            _ => None,
        })
    }
}

impl Subject {
    pub(super) fn new(
        connector: Connector,
        connection: Option<Connection>,
        settings: &[(String, String)],
    ) -> Self {
        let (mut connection, watch) = match connection {
            Some(connection) => {
                let watch = Watch::over(Some(Arc::clone(&connection.secrets)));
                (connection, watch)
            }
            None => (Connection::new("conformance"), Watch::over(None)),
        };
        connection.secrets = Arc::new(watch.clone());
        connection.settings.extend_from_slice(settings);
        connection.limits.wall = connection.limits.wall.min(PATIENCE);
        Self {
            connector,
            connection,
            watch,
        }
    }

    pub(super) async fn session(&self) -> Result<Session, RuntimeError> {
        self.connector.session(self.connection.clone()).await
    }

    /// Starts a call, with records for a target.
    pub(super) async fn start(
        &self,
        call: Call,
        records: Vec<Item>,
    ) -> Result<Execution, RuntimeError> {
        let session = self.session().await?;
        Ok(session.execute(call, futures::stream::iter(records).boxed()))
    }

    /// Runs a call to its end, or until so many events have come.
    pub(super) async fn run(
        &self,
        findings: &mut Findings,
        call: Call,
        records: Vec<Item>,
        most: usize,
    ) -> Came {
        let mut came = Came {
            events: Vec::new(),
            ended: Err(RuntimeError::Cancelled),
            requests: 0,
        };
        let mut execution = match self.start(call.clone(), records).await {
            Ok(execution) => execution,
            Err(error) => {
                came.ended = Err(error);
                return came;
            }
        };
        let (log, traffic) = (execution.log().clone(), execution.traffic().clone());
        while let Some(events) = execution.next().await {
            came.events.extend(events);
            if came.events.len() >= most {
                break;
            }
        }
        came.ended = execution.finish().await;
        came.requests = traffic.requests();
        for event in &came.events {
            self.watch.look_at_event(findings, event);
        }
        if let Err(error) = &came.ended {
            self.heard(
                findings,
                &format!("{} {}", call.activity, call.object),
                error,
            );
        }
        self.watch.look_at_log(findings, &log);
        came
    }

    /// Looks at an error whatever it came of: it must not be a trap, and hold no secret.
    pub(super) fn heard(&self, findings: &mut Findings, place: &str, error: &RuntimeError) {
        match error {
            RuntimeError::Connector(said) => {
                self.watch.look_at_error(findings, place, &said.0);
            }
            RuntimeError::Trap(why) => {
                findings.broken(Rule::NeverTraps, format!("{place}: it broke down: {why}"));
            }
            RuntimeError::Limit(limit) => {
                findings.broken(Rule::NeverTraps, format!("{place}: {limit}"));
            }
            _ => {}
        }
    }
}

/// Whether an activity is a source.
pub(super) fn is_source(activity: &Activity) -> bool {
    activity.role == Role::Source
}
