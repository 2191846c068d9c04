//! A sandbox, the component, and calls from one to the other.

use crate::row;
use coupa_sandbox::{Client, Configuration, Sandbox, Switches};
use futures::StreamExt;
use futures::future::BoxFuture;
use host_harness::agent::Agent;
use host_harness::cache::{Cache, Namespace};
use host_harness::connection::Environment;
use host_harness::egress::Certificates;
use host_harness::registry::{ConnectorName, Requirement};
use host_harness::runtime::types::{
    Answer, Call, Check, Event, Item, Notice, Rejection, Setting, Summary,
};
use host_harness::runtime::{
    Connection, Connector, Execution, Limits, RunLog, RuntimeError, SecretError, SecretSource,
    Usage,
};
use secrecy::SecretString;
use std::collections::BTreeMap;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

pub const CLIENT_ID: &str = "5f0c1b7a9d3e4c2f8a6b0d1e2f3a4b5c";
pub const CLIENT_SECRET: &str = "s3cr3t-0f-th3-cl13nt-wh1ch-must-n3v3r-b3-s33n";
pub const API_KEY: &str = "k3y0fTh3Ap1Us3rWh1chMustN3v3rB3S33nAnywh";
pub const SCOPES: &str = "core.common.read core.common.write core.supplier.read core.supplier.write \
    core.purchase_order.read core.purchase_order.write core.invoice.read core.invoice.write \
    core.requisition.read core.requisition.write core.user.read core.user.write \
    core.accounting.read core.accounting.write core.contract.read core.contract.write \
    core.item.read core.item.write core.expense.read core.expense.write core.approval.read \
    core.approval.write core.integration.read core.integration.write \
    core.inventory.receiving.read core.inventory.receiving.write \
    core.pay.payments.read \
    core.inventory.transaction.read core.inventory.common.read core.inventory.common.write";

/// The built component.
pub fn component() -> PathBuf {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/components/coupa.wasm");
    assert!(
        path.exists(),
        "{} is missing: run `cargo xtask build` first",
        path.display()
    );
    path
}

/// An agent in whose registry the component is published, under this name.
pub fn agent_with_component(home: &Path) -> (Agent, ConnectorName) {
    let agent = Agent::open(home, None).unwrap();
    let name: ConnectorName = "coupa".parse().unwrap();
    let bytes = std::fs::read(component()).unwrap();
    agent
        .registry()
        .folder()
        .unwrap()
        .publish(&name, semver::Version::new(0, 1, 0), &bytes)
        .unwrap();
    (agent, name)
}

/// The component as an agent has it: published, pulled, verified, compiled.
/// Done once for all tests.
pub fn connector() -> Connector {
    compiled().1.clone()
}

/// A new home for an agent, see [`make_ready`].
pub fn ready_home() -> tempfile::TempDir {
    let home = tempfile::tempdir().unwrap();
    make_ready(home.path());
    home
}

/// Puts the component's compiled code where the agent of this home keeps such: to compile
/// takes longer than what most tests are about, and takes the processors from others that
/// measure time. Tests of how an agent comes to a version begin with an empty home.
pub fn make_ready(home: &Path) {
    let folder = home.join("compiled");
    // An agent takes no folder that others can write to.
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&folder)
        .unwrap();
    for file in std::fs::read_dir(compiled().0.path().join("compiled")).unwrap() {
        let file = file.unwrap();
        let to = folder.join(file.file_name());
        match std::fs::hard_link(file.path(), to) {
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            linked => linked.unwrap(),
        }
    }
}

/// The home of an agent that has compiled the component, and the component.
fn compiled() -> &'static (tempfile::TempDir, Connector) {
    static COMPILED: OnceLock<(tempfile::TempDir, Connector)> = OnceLock::new();
    COMPILED.get_or_init(|| {
        let home = tempfile::tempdir().unwrap();
        let loading = std::thread::spawn(move || {
            let runtime = tokio::runtime::Runtime::new().unwrap();
            let (agent, name) = agent_with_component(home.path());
            let downloaded = runtime
                .block_on(agent.download(&name, &Requirement::Newest))
                .unwrap();
            (home, downloaded.connector)
        });
        loading.join().unwrap()
    })
}

/// A sandbox with one client that has every scope the tests use, and with its
/// switches in the positions that this run of the suite is made in.
pub fn sandbox(records: &[(&str, u64)]) -> Sandbox {
    sandbox_with(records, |_| {})
}

/// A sandbox for tests that count requests, or count in pages: a rate limit and tokens
/// that live for seconds would add requests, and smaller pages would be more of them.
pub fn countable_sandbox(records: &[(&str, u64)]) -> Sandbox {
    sandbox_with(records, make_countable)
}

/// The same, as one change of others.
pub fn make_countable(configuration: &mut Configuration) {
    let documented = Switches::default();
    let switches = &mut configuration.switches;
    switches.rate_limit = documented.rate_limit;
    switches.token_lifetime_s = documented.token_lifetime_s;
    switches.token_delay_ms = documented.token_delay_ms;
    switches.page_size = documented.page_size;
}

/// A sandbox that takes API keys, for tests that sign in by one.
pub fn sandbox_with_keys(records: &[(&str, u64)]) -> Sandbox {
    sandbox_with(records, |configuration| {
        configuration.switches.api_key = true
    })
}

/// The same as [`sandbox`]; what `change` sets itself wins.
pub fn sandbox_with(records: &[(&str, u64)], change: impl FnOnce(&mut Configuration)) -> Sandbox {
    let mut configuration = Configuration {
        seed: 7,
        seed_records: records
            .iter()
            .map(|(name, count)| ((*name).to_owned(), *count))
            .collect(),
        clients: vec![Client {
            id: CLIENT_ID.to_owned(),
            secret: CLIENT_SECRET.to_owned(),
            scopes: SCOPES.split_whitespace().map(str::to_owned).collect(),
        }],
        api_keys: vec![API_KEY.to_owned()],
        switches: row::switches(),
        ..Configuration::default()
    };
    change(&mut configuration);
    Sandbox::start(configuration).unwrap()
}

/// Secrets by name, in memory.
pub struct Secrets(pub BTreeMap<&'static str, String>);

impl SecretSource for Secrets {
    fn reveal<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<SecretString, SecretError>> {
        let found = self.0.get(name).cloned();
        Box::pin(async move { found.map(SecretString::from).ok_or(SecretError::NotSet) })
    }
}

/// A connection by OAuth, to a sandbox on this machine.
pub fn oauth(sandbox: &Sandbox) -> Connection {
    by_oauth(&sandbox.base_url())
}

fn by_oauth(url: &str) -> Connection {
    connection(url)
        .setting("authentication", "oauth")
        .setting("client-id", CLIENT_ID)
}

/// Serves on this machine as long as the test's runtime lives; where.
pub async fn serve(router: axum::Router) -> std::net::SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

/// A connection by OAuth, by way of a front that this authority vouches for.
pub fn through(url: &str, authority: &str) -> Connection {
    let mut connection = by_oauth(url);
    connection.certificates = Certificates::from_pem(authority).unwrap();
    connection
}

/// A connection by API key.
pub fn api_key(sandbox: &Sandbox) -> Connection {
    connection(&sandbox.base_url()).setting("authentication", "api-key")
}

pub fn connection(host: &str) -> Connection {
    let mut connection = Connection::new("test").setting("host", host);
    connection.environment = Environment::Development;
    connection.secrets = Arc::new(Secrets(BTreeMap::from([
        ("client-secret", CLIENT_SECRET.to_owned()),
        ("api-key", API_KEY.to_owned()),
    ])));
    connection.cache = fresh_cache();
    connection.limits = Limits {
        requests_per_second: Some(row::requests_per_second()),
        ..Limits::default()
    };
    connection
}

pub fn fresh_cache() -> Namespace {
    Cache::in_memory().namespace("test")
}

/// Puts a secret in place of the right one.
pub fn with_secret(mut connection: Connection, name: &'static str, value: &str) -> Connection {
    connection.secrets = Arc::new(Secrets(BTreeMap::from([(name, value.to_owned())])));
    connection
}

/// All that came of a call.
#[derive(Debug, Default)]
pub struct Outcome {
    pub items: Vec<Item>,
    pub answers: Vec<Answer>,
    pub rejected: Vec<Rejection>,
    pub checkpoints: Vec<String>,
    pub notices: Vec<Notice>,
    pub ended: Option<Result<Summary, RuntimeError>>,
    pub log: String,
    pub usage: Usage,
}

impl Outcome {
    /// Takes everything that comes of a run.
    pub async fn of(mut execution: Execution) -> Self {
        let log: RunLog = execution.log().clone();
        let mut outcome = Self {
            usage: execution.usage().clone(),
            ..Self::default()
        };
        while let Some(events) = execution.next().await {
            for event in events {
                match event {
                    Event::Item(item) => outcome.items.push(item),
                    Event::Answered(answer) => outcome.answers.push(answer),
                    Event::Rejected(rejection) => outcome.rejected.push(rejection),
                    Event::Checkpoint(checkpoint) => outcome.checkpoints.push(checkpoint),
                    Event::Notice(notice) => outcome.notices.push(notice),
                }
            }
        }
        outcome.ended = Some(execution.finish().await);
        outcome.log = format!("{:?}", log.lines());
        outcome
    }

    pub fn summary(&self) -> &Summary {
        match self.ended.as_ref().unwrap() {
            Ok(summary) => summary,
            Err(error) => panic!("the call failed: {error}"),
        }
    }

    /// The code of the error that the call ended with.
    pub fn code(&self) -> &str {
        match self.ended.as_ref().unwrap() {
            Err(RuntimeError::Connector(error)) => &error.0.code,
            other => panic!("the call did not end with a connector's error: {other:?}"),
        }
    }

    pub fn keys(&self) -> Vec<i64> {
        self.items
            .iter()
            .map(|item| item.key.parse().unwrap())
            .collect()
    }

    pub fn records(&self) -> Vec<serde_json::Value> {
        self.items
            .iter()
            .map(|item| serde_json::from_str(&item.data).unwrap())
            .collect()
    }
}

/// Runs a call to its end.
pub async fn run(connection: Connection, call: Call, input: Vec<Item>) -> Outcome {
    let session = connector().session(connection).await.unwrap();
    Outcome::of(session.execute(call, futures::stream::iter(input).boxed())).await
}

pub fn call(activity: &str, object: &str, options: &[(&str, &str)]) -> Call {
    Call {
        activity: activity.to_owned(),
        object: object.to_owned(),
        options: options
            .iter()
            .map(|(name, value)| Setting {
                name: (*name).to_owned(),
                value: (*value).to_owned(),
            })
            .collect(),
        resume: None,
        dry_run: false,
    }
}

pub async fn query(connection: Connection, object: &str, options: &[(&str, &str)]) -> Outcome {
    run(connection, call("query", object, options), Vec::new()).await
}

/// Writes records; their keys are `1`, `2`, ….
pub async fn write(
    connection: Connection,
    activity: &str,
    object: &str,
    options: &[(&str, &str)],
    records: &[&str],
) -> Outcome {
    let input = records
        .iter()
        .enumerate()
        .map(|(n, data)| Item {
            key: (n + 1).to_string(),
            data: (*data).to_owned(),
        })
        .collect();
    run(connection, call(activity, object, options), input).await
}

pub async fn test(connection: Connection) -> Vec<Check> {
    connector()
        .session(connection)
        .await
        .unwrap()
        .test()
        .await
        .unwrap()
}
