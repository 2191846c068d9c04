//! Each limit is a setting: what is set holds, and what is raised is granted.

use super::{BOUND, bytes, connection, describing, told};
use crate::support::{Outcome, call, countable_sandbox, oauth, write};
use coupa_sandbox::{Fault, FaultRule};
use futures::StreamExt;
use host_harness::agent::{Agent, AgentError};
use host_harness::connection::{Limit, Limits};
use host_harness::registry::Digest;
use host_harness::runtime::{Connection, Connector, RunFiles, RuntimeError, Session};
use std::time::{Duration, Instant};

/// An agent with this in its `agent.toml`.
fn agent(settings: &str) -> (tempfile::TempDir, Agent) {
    let home = tempfile::tempdir().unwrap();
    std::fs::write(home.path().join("agent.toml"), settings).unwrap();
    let agent = Agent::open(home.path(), None).unwrap();
    (home, agent)
}

async fn load(agent: &Agent, bytes: Vec<u8>) -> Result<Connector, RuntimeError> {
    let loading = tokio::time::timeout(BOUND, agent.load(Digest::of(&bytes), bytes));
    match loading.await.unwrap() {
        Ok(connector) => Ok(connector),
        Err(AgentError::Runtime(error)) => Err(error),
        Err(other) => panic!("{other}"),
    }
}

/// A connection with these limits, as the agent grants them.
fn limited(agent: &Agent, limits: &[(Limit, i64)]) -> Connection {
    let mut set = Limits::default();
    for (limit, number) in limits {
        set.set(*limit, *number).unwrap();
    }
    let mut limited = connection();
    limited.limits = agent.limits(&set);
    limited
}

async fn run(session: Session, activity: &str, options: &[(&str, &str)]) -> Outcome {
    let input = futures::stream::empty().boxed();
    let running = Outcome::of(session.execute(call(activity, "things", options), input));
    tokio::time::timeout(BOUND, running).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_connection_sets_is_what_a_run_may_use() {
    let (_home, agent) = agent("");
    let connector = load(&agent, bytes()).await.unwrap();
    for (limit, number, attack, options, code) in [
        (Limit::MemoryMib, 8, "grow", [].as_slice(), "runtime.memory"),
        (Limit::CpuSeconds, 1, "spin", &[], "runtime.processor-time"),
        (
            Limit::WallSeconds,
            1,
            "never-ends",
            &[],
            "runtime.wall-time",
        ),
        (
            Limit::HandedOverMib,
            1,
            "huge-event",
            &[("bytes", "2000000")],
            "runtime.handed-over",
        ),
        (Limit::Handles, 50, "streams", &[], "runtime.handles"),
    ] {
        let connection = limited(&agent, &[(limit, number)]);
        let session = connector.session(connection).await.unwrap();
        let outcome = run(session, attack, options).await;
        let error = outcome.ended.as_ref().unwrap().as_ref().unwrap_err();
        assert_eq!(error.code(), code, "{attack}: {error}");
    }
    // What is raised is granted: more than the default.
    let raised = [(Limit::HandedOverMib, 200), (Limit::MemoryMib, 1024)];
    let session = connector.session(limited(&agent, &raised)).await.unwrap();
    let outcome = run(session, "huge-event", &[("bytes", "100000000")]).await;
    assert_eq!(outcome.summary().succeeded, 1);

    let folder = tempfile::tempdir().unwrap();
    let mut with_files = limited(&agent, &[(Limit::FileMib, 2)]);
    with_files.files = Some(RunFiles::in_folder(folder.path()));
    let session = connector.session(with_files).await.unwrap();
    let told = told(&run(session, "file-flood", &[]).await);
    assert_eq!(told, ["Err(FileError::TooLarge(2097152))"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_the_log_is_kept_what_is_set() {
    let (_home, agent) = agent("");
    let connector = load(&agent, bytes()).await.unwrap();
    let log_of = async |limits: &[(Limit, i64)], attack: &str| {
        let connection = limited(&agent, limits);
        let session = connector.session(connection).await.unwrap();
        let execution = session.execute(
            call(attack, "things", &[]),
            futures::stream::empty().boxed(),
        );
        let log = execution.log().clone();
        let _ = tokio::time::timeout(BOUND, execution.finish())
            .await
            .unwrap();
        let (lines, _) = log.lines();
        let lines = lines.into_iter().filter(|line| line.source == "connector");
        lines.collect::<Vec<_>>()
    };
    let one_second = (Limit::CpuSeconds, 1);
    let lines = log_of(
        &[(Limit::LogLines, 3), (Limit::LogFields, 2), one_second],
        "log-flood",
    )
    .await;
    assert_eq!(lines.len(), 3);
    assert!(lines.iter().all(|line| line.fields.len() == 2), "{lines:?}");
    let lines = log_of(&[(Limit::LogFields, 40), one_second], "log-flood").await;
    assert_eq!(lines[0].fields.len(), 40);
    for kib in [1, 64] {
        let lines = log_of(&[(Limit::LogTextKib, kib)], "log-huge").await;
        let longest = lines.iter().map(|line| line.message.len()).max();
        assert_eq!(longest, Some(usize::try_from(kib).unwrap() << 10));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_requests_are_under_way_than_are_set() {
    let (_home, agent) = agent("");
    let records: Vec<String> = (0..24)
        .map(|n| format!("{{\"name\":\"Supplier {n}\",\"number\":\"N-{n}\"}}"))
        .collect();
    let records: Vec<&str> = records.iter().map(String::as_str).collect();
    let most = async |limits: &[(Limit, i64)]| {
        let sandbox = countable_sandbox(&[]);
        let slow = Fault::Slow { milliseconds: 50 };
        sandbox.add_fault(FaultRule {
            times: None,
            ..FaultRule::next(0, slow)
        });
        let mut connection = oauth(&sandbox);
        connection.limits = limited(&agent, limits).limits;
        let options = [("concurrency", "8")];
        let outcome = write(connection, "create", "suppliers", &options, &records).await;
        assert_eq!(outcome.summary().succeeded, 24);
        sandbox.counters().max_concurrent
    };
    assert_eq!(most(&[(Limit::RequestsAtATime, 1)]).await, 1);
    assert!(most(&[]).await > 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_says_what_connections_may_have_at_most() {
    let (_home, agent) = agent("[most]\nmemory-mib = 8\nhandles = 60\n");
    let connector = load(&agent, bytes()).await.unwrap();
    // Whether it is set or not.
    for limits in [&[][..], &[(Limit::MemoryMib, 512)]] {
        let connection = limited(&agent, limits);
        assert_eq!(
            (connection.limits.memory, connection.limits.handles),
            (8 << 20, 60)
        );
        let session = connector.session(connection).await.unwrap();
        let outcome = run(session, "grow", &[]).await;
        let error = outcome.ended.unwrap().unwrap_err();
        assert!(error.to_string().contains("8388608 bytes"), "{error}");
    }
    assert_eq!(limited(&agent, &[(Limit::Handles, 20)]).limits.handles, 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn as_many_connectors_run_in_a_process_as_are_set() {
    let (_home, agent) = agent("[limits]\nconnectors = 2\nwait-seconds = 1\n");
    let connector = load(&agent, bytes()).await.unwrap();
    let first = connector.session(connection()).await.unwrap();
    let _second = connector.session(connection()).await.unwrap();
    let started = Instant::now();
    let error = connector.session(connection()).await.err().unwrap();
    assert_eq!(error.code(), "runtime.full");
    assert!(
        error.to_string().contains("2 connectors are running"),
        "{error}"
    );
    assert!(
        started.elapsed() < Duration::from_secs(10),
        "{:?}",
        started.elapsed()
    );
    drop(first);
    assert_eq!(
        run(connector.session(connection()).await.unwrap(), "read", &[])
            .await
            .items
            .len(),
        200
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_go_as_deep_as_the_stack_that_is_set() {
    // It meets the end of its own stack first, where the other is large.
    let (_home, small) = agent("[limits]\nstack-kib = 64\n");
    let (_other, large) = agent("[limits]\nstack-kib = 4096\n");
    for (agent, code) in [(small, "runtime.stack"), (large, "runtime.trap")] {
        let connector = load(&agent, bytes()).await.unwrap();
        let session = connector.session(limited(&agent, &[])).await.unwrap();
        let outcome = run(session, "recurse", &[]).await;
        let error = outcome.ended.unwrap().unwrap_err();
        assert_eq!(error.code(), code, "{error}");
        let session = connector.session(limited(&agent, &[])).await.unwrap();
        assert_eq!(run(session, "read", &[]).await.items.len(), 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn describing_itself_takes_what_is_set() {
    let (_home, tight) = agent(
        "[limits]\ndescribe-memory-mib = 3\ndescribe-cpu-seconds = 1\ndescribe-wall-seconds = 20\n",
    );
    let error = load(&tight, describing("growing")).await.unwrap_err();
    assert!(error.to_string().contains("3145728 bytes"), "{error}");
    let error = load(&tight, describing("spinning")).await.unwrap_err();
    // Beside others it may be given too little to use it up in time.
    let (code, said) = (error.code(), error.to_string());
    assert!(
        said.contains("its 1 s of processor time") || code == "runtime.wall-time",
        "{said}"
    );
    // A description of 48 MiB is refused by the defaults.
    let (_other, roomy) =
        agent("[limits]\ndescribe-memory-mib = 512\ndescribe-handed-over-mib = 100\n");
    let connector = load(&roomy, describing("huge")).await.unwrap();
    assert_eq!(connector.descriptor().description.len(), 48 << 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_component_may_be_as_large_as_is_set() {
    let (_home, agent) = agent("[registry]\nmax-mib = 1\n");
    let mut large = bytes();
    // A section of nothing: its length in five bytes of seven bits each.
    large.extend([0, 0x80, 0x80, 0xc0, 0x80, 0, 0]);
    large.resize(large.len() + (1 << 20) - 1, 0);
    let error = load(&agent, large).await.unwrap_err();
    assert_eq!(error.code(), "runtime.component-too-large");
    assert!(error.to_string().contains("may have 1048576"), "{error}");
    load(&agent, bytes()).await.unwrap();
}
