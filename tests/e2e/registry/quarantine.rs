//! A version that breaks down is held back on the agent on which it does.

use super::server::Server;
use super::{agent, altered, code, exactly, json_list, name, newest, release, version};
use crate::support::{Outcome, call, oauth, sandbox};
use host_harness::agent::Agent;
use host_harness::registry::{ConnectorName, Requirement};
use host_harness::runtime::{Connection, LimitReached, Limits, RuntimeError};
use std::time::Duration;

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_grows_without_end_is_held_back_and_the_one_before_is_used() {
    let home = tempfile::tempdir().unwrap();
    let agent = Agent::open(home.path(), None).unwrap();
    let hostile: ConnectorName = "hostile".parse().unwrap();
    let mut bytes = crate::sandbox::bytes();
    let registry = agent.registry().folder().unwrap();
    registry
        .publish(&hostile, version("1.0.0"), &bytes)
        .unwrap();
    bytes.extend([0, 2, 1, b'x']);
    registry
        .publish(&hostile, version("2.0.0"), &bytes)
        .unwrap();
    let run = async |activity: &str, limits: Limits| {
        let downloaded = agent.download(&hostile, &Requirement::Newest).await;
        let downloaded = downloaded.unwrap();
        let mut connection = Connection::new("Hostile");
        connection.limits = limits;
        let session = downloaded.connector.session(connection).await.unwrap();
        let run = session.execute(
            call(activity, "things", &[]),
            Box::pin(futures::stream::empty()),
        );
        (downloaded, Outcome::of(run).await)
    };
    let is_out_of_memory = |outcome: Outcome| {
        let ended = outcome.ended.unwrap();
        matches!(ended, Err(RuntimeError::Limit(LimitReached::Memory(_))))
    };
    // What somebody made tight says nothing of the version.
    let tight = Limits {
        memory: 8 << 20,
        ..Limits::default()
    };
    for _ in 0..4 {
        assert!(is_out_of_memory(run("grow", tight).await.1));
    }
    assert!(agent.quarantine().all().unwrap().is_empty());
    for _ in 0..3 {
        let (downloaded, outcome) = run("grow", Limits::default()).await;
        assert_eq!(downloaded.entry.version, version("2.0.0"));
        assert!(is_out_of_memory(outcome));
    }
    let (downloaded, outcome) = run("read", Limits::default()).await;
    assert_eq!(downloaded.entry.version, version("1.0.0"));
    assert_eq!(outcome.items.len(), 200);
    let held = &downloaded.passed_over[0];
    assert_eq!(held.version, version("2.0.0"));
    assert!(held.reason().contains("memory"), "{}", held.reason());
    // Who pins it is told why it does not run, and what to do.
    let refused = agent.download(&hostile, &exactly("2.0.0")).await;
    let refused = refused.unwrap_err();
    assert_eq!(refused.code(), "version.quarantined");
    assert!(
        refused
            .to_string()
            .contains("harness quarantine lift hostile 2.0.0")
    );
    let lifted = agent.quarantine().lift(&hostile, &version("2.0.0"));
    assert!(lifted.unwrap());
    let (downloaded, _) = run("read", Limits::default()).await;
    assert_eq!(downloaded.entry.version, version("2.0.0"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_is_not_what_its_digest_says_is_held_back_too() {
    let server = Server::start();
    let home = tempfile::tempdir().unwrap();
    let publisher = agent(&home.path().join("publisher"), &server.address());
    let good = release("1.0.0", json_list());
    publisher.registry().publish(&good).await.unwrap();
    let release = release("1.1.0", altered(b'x'));
    let published = publisher.registry().publish(&release).await.unwrap();
    let blob = server.blob(&published.digest.to_string());
    let mut bytes = std::fs::read(&blob).unwrap();
    bytes[2000] ^= 1;
    std::fs::write(blob, bytes).unwrap();
    let consumer = agent(&home.path().join("consumer"), &server.address());
    for _ in 0..3 {
        assert_eq!(code(newest(&consumer).await), "store.wrong-content");
    }
    let downloaded = newest(&consumer).await.unwrap();
    assert_eq!(downloaded.entry.version, version("1.0.0"));
    assert!(
        downloaded.passed_over[0]
            .reason()
            .contains("something else")
    );
    let pinned = consumer.download(&name(), &exactly("1.1.0")).await;
    assert_eq!(code(pinned), "version.quarantined");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_remote_system_does_wrong_is_not_held_against_a_version() {
    let sandbox = sandbox(&[("suppliers", 5)]);
    let home = tempfile::tempdir().unwrap();
    let (agent, coupa) = crate::support::agent_with_component(home.path());
    for _ in 0..4 {
        sandbox.add_fault(coupa_sandbox::FaultRule::next(
            1,
            coupa_sandbox::Fault::Slow {
                milliseconds: 20_000,
            },
        ));
        let downloaded = agent.download(&coupa, &Requirement::Newest).await.unwrap();
        let mut connection = oauth(&sandbox);
        connection.limits.wall = Duration::from_millis(300);
        let session = downloaded.connector.session(connection).await.unwrap();
        let call = call("query", "suppliers", &[]);
        let run = session.execute(call, Box::pin(futures::stream::empty()));
        let ended = Outcome::of(run).await.ended.unwrap();
        assert!(matches!(
            ended,
            Err(RuntimeError::Limit(LimitReached::Wall(_)))
        ));
    }
    assert!(agent.quarantine().all().unwrap().is_empty());
}
