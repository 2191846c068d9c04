//! The sandbox around the component: memory, time, and the registry before it.

use crate::support::{
    agent_with_component, component, connector, countable_sandbox, oauth, query, sandbox,
};
use coupa_sandbox::{Fault, FaultRule};
use host_harness::agent::{Agent, AgentError};
use host_harness::registry::{ConnectorName, Requirement, StoreError};
use host_harness::runtime::{LimitReached, RuntimeError};
use std::time::{Duration, Instant};

fn limit(outcome: &crate::support::Outcome) -> LimitReached {
    match outcome.ended.as_ref().unwrap() {
        Err(RuntimeError::Limit(limit)) => *limit,
        other => panic!("no limit was reached: {other:?}"),
    }
}

#[tokio::test]
async fn memory_is_limited() {
    let sandbox = sandbox(&[("suppliers", 200)]);
    let mut connection = oauth(&sandbox);
    let needs = query(connection.clone(), "suppliers", &[])
        .await
        .usage
        .peak_memory();
    connection.limits.memory = needs - 64 * 1024;
    // How much a run needs depends a little on how its requests fall together.
    let mut reached = None;
    for _ in 0..20 {
        let outcome = query(connection.clone(), "suppliers", &[]).await;
        if let Err(RuntimeError::Limit(limit)) = outcome.ended.unwrap() {
            reached = Some(limit);
            break;
        }
    }
    assert_eq!(
        reached,
        Some(LimitReached::Memory(connection.limits.memory))
    );
    // The host is none the worse for it.
    assert_eq!(
        query(oauth(&sandbox), "suppliers", &[])
            .await
            .summary()
            .succeeded,
        200
    );
}

#[tokio::test]
async fn processor_time_is_limited() {
    let sandbox = sandbox(&[("suppliers", 20_000)]);
    let mut connection = oauth(&sandbox);
    connection.limits.cpu = Duration::from_millis(1);
    let outcome = query(connection.clone(), "suppliers", &[]).await;
    assert_eq!(limit(&outcome), LimitReached::Cpu(Duration::from_millis(1)));
    assert!(outcome.items.len() < 20_000);
}

#[tokio::test]
async fn wall_time_is_limited() {
    let sandbox = sandbox(&[("suppliers", 10)]);
    sandbox.add_fault(FaultRule::next(
        1,
        Fault::Slow {
            milliseconds: 20_000,
        },
    ));
    let mut connection = oauth(&sandbox);
    connection.limits.wall = Duration::from_millis(400);
    let started = Instant::now();
    let outcome = query(connection, "suppliers", &[]).await;
    assert_eq!(
        limit(&outcome),
        LimitReached::Wall(Duration::from_millis(400))
    );
    assert!(started.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn memory_does_not_grow_with_the_number_of_records() {
    let sandbox = countable_sandbox(&[("suppliers", 12_000)]);
    let few = query(oauth(&sandbox), "suppliers", &[("limit", "6000")])
        .await
        .usage
        .peak_memory();
    let many = query(oauth(&sandbox), "suppliers", &[])
        .await
        .usage
        .peak_memory();
    // As many pages wait at once as make reading faster, and no more for more records: all of
    // them together take ten times as much.
    assert!(
        many <= 2 * few,
        "{few} bytes for 6,000 records, {many} for 12,000"
    );
}

#[tokio::test]
async fn a_dropped_run_ends_at_once() {
    let sandbox = sandbox(&[("suppliers", 5000)]);
    let session = connector().session(oauth(&sandbox)).await.unwrap();
    let call = crate::support::call("query", "suppliers", &[]);
    let mut execution = session.execute(call, Box::pin(futures::stream::empty()));
    assert!(execution.next().await.is_some());
    drop(execution);
    tokio::time::sleep(Duration::from_millis(100)).await;
    let asked = sandbox.log().len();
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(sandbox.log().len(), asked);
}

#[tokio::test]
async fn only_verified_bytes_are_run() {
    let home = tempfile::tempdir().unwrap();
    let (agent, name) = agent_with_component(home.path());
    let bytes = std::fs::read(component()).unwrap();
    let downloaded = agent.download(&name, &Requirement::Newest).await.unwrap();
    assert_eq!(downloaded.connector.descriptor().id, "coupa");

    // The agent's own copy is damaged: one byte, then half of it.
    let path = &downloaded.pulled.path;
    let mut permissions = std::fs::metadata(path).unwrap().permissions();
    #[expect(
        clippy::permissions_set_readonly_false,
        reason = "the test damages the file"
    )]
    permissions.set_readonly(false);
    std::fs::set_permissions(path, permissions).unwrap();
    let mut damaged = bytes.clone();
    damaged[bytes.len() / 2] ^= 1;
    for bad in [damaged.as_slice(), &bytes[..bytes.len() / 2]] {
        std::fs::write(path, bad).unwrap();
        match agent.download(&name, &Requirement::Newest).await {
            Err(AgentError::Store(error)) => {
                assert!(
                    error.to_string().contains(&*path.to_string_lossy()),
                    "{error}"
                );
                assert!(!matches!(error, StoreError::Io { .. }), "{error}");
            }
            // A copy that is recognised as damaged may be fetched anew.
            Ok(again) => assert_eq!(std::fs::read(&again.pulled.path).unwrap(), bytes),
            Err(other) => panic!("{other}"),
        }
    }
}

#[tokio::test]
async fn what_is_no_connector_is_refused() {
    let home = tempfile::tempdir().unwrap();
    let agent = Agent::open(home.path(), None).unwrap();
    let name: ConnectorName = "other".parse().unwrap();
    agent
        .registry()
        .folder()
        .unwrap()
        .publish(&name, semver::Version::new(1, 0, 0), b"\0asm\x01\0\0\0")
        .unwrap();
    match agent
        .download(&name, &Requirement::Newest)
        .await
        .unwrap_err()
    {
        AgentError::Runtime(RuntimeError::NotAConnector { why, .. }) => {
            assert!(why.contains("core module"), "{why}")
        }
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn many_runs_share_a_process() {
    let sandbox = sandbox(&[("suppliers", 200)]);
    let runs = (0..24).map(|_| query(oauth(&sandbox), "suppliers", &[]));
    for outcome in futures::future::join_all(runs).await {
        assert_eq!(outcome.summary().succeeded, 200);
    }
}
