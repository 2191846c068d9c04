//! The sandbox, against components that mean harm; and the conformance kit,
//! against connectors that keep to the contract and such that break one rule.

mod admission;
mod attacks;
mod conformance;
mod egress;
mod handmade;
mod limits;
mod list_server;
mod neighbours;
mod secrets;

use crate::support::{Outcome, Secrets, call, component};
use futures::StreamExt;
use host_harness::agent::{Agent, AgentError};
use host_harness::cache::Cache;
use host_harness::connection::Environment;
use host_harness::registry::Digest;
use host_harness::runtime::types::Item;
use host_harness::runtime::{Connection, Connector, RuntimeError};
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// No attack may take longer than this, whatever it is.
const BOUND: Duration = Duration::from_secs(60);
const PASSWORD: &str = "the-hostile-connectors-own-password";

/// The hostile component.
pub fn bytes() -> Vec<u8> {
    std::fs::read(component().with_file_name("hostile.wasm")).unwrap()
}

/// The same, that says of itself what `describe.rs` has under this name.
fn describing(choice: &str) -> Vec<u8> {
    let mut bytes = bytes();
    let mark = b"describes-itself:";
    let places: Vec<usize> = bytes
        .windows(mark.len())
        .enumerate()
        .filter(|(_, window)| window == mark)
        .map(|(place, _)| place)
        .collect();
    assert_eq!(places.len(), 1, "the mark stands once");
    let place = places[0] + mark.len();
    bytes[place..place + 19].fill(b'.');
    bytes[place..place + choice.len()].copy_from_slice(choice.as_bytes());
    bytes
}

/// One agent for all tests here, so that each component is compiled once.
fn agent() -> Agent {
    static AGENT: OnceLock<(tempfile::TempDir, Agent)> = OnceLock::new();
    let (_, agent) = AGENT.get_or_init(|| {
        let home = tempfile::tempdir().unwrap();
        let agent = Agent::open(home.path(), None).unwrap();
        (home, agent)
    });
    agent.clone()
}

async fn load(bytes: Vec<u8>) -> Result<Connector, RuntimeError> {
    match agent().load(Digest::of(&bytes), bytes).await {
        Ok(connector) => Ok(connector),
        Err(AgentError::Runtime(error)) => Err(error),
        Err(other) => panic!("{other}"),
    }
}

async fn connector() -> Connector {
    load(bytes()).await.unwrap()
}

/// A connection with tight limits, so that each is reached soon. That of time from
/// start to end is not: the machine may have much else to do.
fn connection() -> Connection {
    let mut connection = Connection::new("Hostile");
    connection.environment = Environment::Development;
    connection.secrets = Arc::new(Secrets(BTreeMap::from([("password", PASSWORD.to_owned())])));
    connection.cache = Cache::in_memory().namespace("hostile");
    connection.limits.memory = 64 << 20;
    connection.limits.cpu = Duration::from_millis(300);
    connection.limits.wall = Duration::from_secs(40);
    connection
}

/// Runs an activity of the hostile connector with so many records as input.
async fn run(
    connection: Connection,
    activity: &str,
    options: &[(&str, &str)],
    records: usize,
) -> Outcome {
    let running = async {
        let session = connector().await.session(connection).await.unwrap();
        let input = (0..records).map(|place| Item {
            key: place.to_string(),
            data: "{}".to_owned(),
        });
        let input: Vec<Item> = input.collect();
        let input = futures::stream::iter(input).boxed();
        Outcome::of(session.execute(call(activity, "things", options), input)).await
    };
    tokio::time::timeout(BOUND, running).await.unwrap()
}

/// What the connector says that came of something.
fn told(outcome: &Outcome) -> Vec<String> {
    let records = outcome.records();
    let told = records.iter().filter_map(|record| record["told"].as_str());
    told.map(str::to_owned).collect()
}

/// The code of whatever a run ended with.
fn code(outcome: &Outcome) -> &str {
    match outcome.ended.as_ref().unwrap() {
        Ok(_) => "ok",
        Err(error) => error.code(),
    }
}

/// The host is none the worse for what went before.
async fn is_healthy() {
    let outcome = run(connection(), "read", &[], 0).await;
    assert_eq!(outcome.summary().succeeded, 200);
}
