//! Runs by agents over NATS: what comes of them, cancelling, testing, and an agent
//! that is told to end.

use super::place::{Plant, assert_each_once, slowly};
use super::server::NatsServer;
use crate::platform::{DEVELOPMENT, PROJECT, code, oauth};
use crate::support::{CLIENT_SECRET, sandbox};
use host_harness::workspace::{GroupId, RunState};
use std::time::{Duration, Instant};

#[tokio::test(flavor = "multi_thread")]
async fn agents_do_runs_and_report_them() {
    let server = NatsServer::start();
    let plant = Plant::new(&server).await;
    let workspace = &plant.place.workspace;
    let ((_from, source), (to, target)) = plant.ends(120).await;
    let copy = plant.copy("Copy", &source, &target).await;
    // Nobody is there yet: it waits, and says so.
    let run = plant.start(copy).await;
    let waiting = workspace.run(run).unwrap();
    assert_eq!(waiting.waiting.as_deref(), Some("waiting for an agent"));
    let _agent = plant.agent(&server.url(), "one", &[]);
    let ended = plant.ended(run).await;
    assert_eq!(ended.state, RunState::Success, "{ended:?}");
    assert_eq!((ended.counts.read, ended.counts.written), (120, 120));
    assert_eq!(ended.agent, "one");
    assert_eq!(ended.connectors[0].version, "0.1.0");
    assert!(ended.requests > 120, "{ended:?}");
    assert!(!ended.log.is_empty());
    assert_each_once(&to, "suppliers", 120, "a run").await;

    // Again: every record is there already, and each rejection is kept.
    let run = plant.start(copy).await;
    let ended = plant.ended(run).await;
    assert_eq!(ended.state, RunState::Partial, "{ended:?}");
    assert_eq!(ended.counts.rejected, 120);
    let rejected = workspace.rejected(run, 0, 1000).unwrap();
    assert_eq!(rejected.len(), 120);
    assert!(rejected[7].record.contains("Copy of"), "{:?}", rejected[7]);
    // And tried again: the records go with the job.
    let again = workspace.rerun_rejected(run, false).await.unwrap();
    let again = plant.ended(again).await;
    assert_eq!(again.counts.rejected, 120, "{again:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_that_only_has_joined_agents_runs_on_them() {
    let server = NatsServer::start();
    let plant = Plant::new(&server).await;
    let workspace = &plant.place.workspace;
    let ((_from, source), (to, target)) = plant.ends(20).await;
    let copy = plant.copy("Copy", &source, &target).await;
    for agent in workspace.agents().unwrap() {
        workspace.delete_agent(agent.id).unwrap();
    }
    let _agent = plant.agent(&server.url(), "north", &[]);
    let plan = workspace.plan_operation(copy, DEVELOPMENT, false).await;
    assert!(plan.is_ok(), "{plan:?}");
    let run = plant.start(copy).await;
    let ended = plant.ended(run).await;
    assert_eq!(ended.state, RunState::Success, "{ended:?}");
    assert_eq!(ended.agent, "north");
    assert_each_once(&to, "suppliers", 20, "a run on a joined agent alone").await;
    // Without the name under which they join, nobody is there.
    let group = workspace.group(GroupId(1)).unwrap();
    workspace
        .join_group(group.id, group.revision, None)
        .unwrap();
    let refused = workspace.start_run(copy, DEVELOPMENT).await.unwrap_err();
    assert!(
        refused
            .to_string()
            .contains("has no agent: add one, or name the group"),
        "{refused}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_cancelled_and_gone_on_with_and_none_is_written_twice() {
    let server = NatsServer::start();
    let plant = Plant::new(&server).await;
    let workspace = &plant.place.workspace;
    let ((_from, source), (to, target)) = plant.ends(150).await;
    let copy = plant.copy_to("Copy", &source, &target, "addresses").await;
    // One that nobody has begun ends at once.
    let run = plant.start(copy).await;
    workspace.cancel_run(run).unwrap();
    let ended = plant.ended(run).await;
    assert_eq!(ended.state, RunState::Interrupted, "{ended:?}");

    let _agent = plant.agent(&server.url(), "one", &[]);
    to.add_fault(slowly(30));
    let run = plant.start(copy).await;
    plant.until(run, |run| run.counts.written >= 60).await;
    workspace.cancel_run(run).unwrap();
    let ended = plant.ended(run).await;
    assert_eq!(ended.state, RunState::Interrupted, "{ended:?}");
    assert!(ended.counts.written < 150, "{ended:?}");
    assert!(ended.resumable, "{ended:?}");
    to.clear_faults();
    let resumed = workspace.resume_run(run).await.unwrap();
    let ended = plant.ended(resumed).await;
    assert_eq!(ended.state, RunState::Success, "{ended:?}");
    assert_each_once(&to, "addresses", 150, "cancelled and gone on with").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_test_asks_every_agent_which_downloads_the_newest_version_first() {
    let server = NatsServer::start();
    let plant = Plant::new(&server).await;
    let sandbox = sandbox(&[]);
    let mut agents = vec![
        plant.agent(&server.url(), "one", &[]),
        plant.agent(&server.url(), "two", &["--slots", "7"]),
    ];
    let seen = plant.agents(2).await;
    assert_eq!(seen[1].presence.slots, 7);
    assert!(seen[0].presence.versions.is_empty());
    let test = async || {
        plant
            .place
            .workspace
            .test_connection(PROJECT, DEVELOPMENT, None, &oauth(&sandbox))
            .await
            .unwrap()
    };
    let report = test().await;
    assert!(report.passed, "{report:#?}");
    let names: Vec<&str> = report.agents.iter().map(|test| &*test.agent).collect();
    assert_eq!(names, ["Agent 1", "one", "two"]);
    for test in &report.agents[1..] {
        assert_eq!(test.before, None);
        assert_eq!(test.after.as_ref().unwrap().version, "0.1.0");
        assert!(test.downloaded && test.checks.len() > 2, "{test:?}");
    }
    // The heartbeat tells of the version.
    let until = Instant::now() + Duration::from_secs(10);
    while plant.agents(2).await[1].presence.versions.is_empty() {
        assert!(Instant::now() < until, "no version is told");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    // A wrong secret fails on each of them; one that has gone is not asked.
    agents.pop().unwrap().kill();
    plant.agents(1).await;
    let mut wrong = oauth(&sandbox);
    wrong.secrets.clear();
    wrong
        .secrets
        .insert("client-secret".to_owned(), "no".into());
    let report = plant
        .place
        .workspace
        .test_connection(PROJECT, DEVELOPMENT, None, &wrong)
        .await
        .unwrap();
    assert!(!report.passed);
    assert_eq!(report.agents.len(), 2);
    let failed = &report.agents[1].checks;
    let failed = failed.iter().find(|check| check.outcome == "failed");
    assert_eq!(failed.unwrap().code.as_deref(), Some("token.wrong-secret"));
    // Nothing of it is in the agents' logs.
    assert!(!agents[0].log().contains(CLIENT_SECRET));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_is_told_to_end_hands_its_run_over() {
    let server = NatsServer::start();
    let plant = Plant::new(&server).await;
    let ((_from, source), (to, target)) = plant.ends(200).await;
    let copy = plant.copy_to("Copy", &source, &target, "addresses").await;
    to.add_fault(slowly(30));
    let mut old = plant.agent(&server.url(), "old", &["--grace", "0"]);
    let run = plant.start(copy).await;
    plant.until(run, |run| run.counts.written >= 40).await;
    let new = plant.agent(&server.url(), "new", &[]);
    plant.agents(2).await;
    let told = Instant::now();
    old.terminate();
    assert_eq!(old.ended(Duration::from_secs(30)), Some(0), "{}", old.log());
    let by_new = plant.until(run, |run| run.agent == "new").await;
    // Nobody has to wait until a lease runs out.
    assert!(told.elapsed() < Duration::from_secs(20), "{by_new:?}");
    to.clear_faults();
    let ended = plant.ended(run).await;
    assert_eq!(ended.state, RunState::Success, "{ended:?} {}", new.log());
    assert_eq!(ended.counts.written, 200, "{ended:?}");
    assert_each_once(&to, "addresses", 200, "handed over").await;
    assert_eq!(plant.agents(1).await[0].presence.name, "new");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_server_a_group_over_nats_is_refused_with_the_way_out() {
    let server = NatsServer::start();
    let plant = Plant::new(&server).await;
    let sandbox = sandbox(&[]);
    let connection = plant.connect("Coupa", &sandbox).await;
    let copy = plant.copy("Copy", &connection, &connection).await;
    // The same workspace, in a program that was not told of the server.
    let other = host_harness::workspace::Workspace::open(plant.place.home.path(), None).unwrap();
    let refused = other.start_run(copy, DEVELOPMENT).await.unwrap_err();
    assert!(refused.to_string().contains("--nats"), "{refused}");
    let groups = other.joined_agents().await.unwrap();
    assert!(groups[0].error.as_ref().unwrap().contains("--group-key"));
    let group = &other.groups().unwrap()[0];
    let wrong = other.join_group(group.id, group.revision, Some("not a name"));
    assert_eq!(code(wrong), "invalid");
}
