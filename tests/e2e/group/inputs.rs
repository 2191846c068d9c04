//! Runs by agents over NATS whose source lies with the workspace: files and rejected
//! records.

use super::place::{MOST_INPUT, Plant, assert_each_once, slowly};
use super::server::NatsServer;
use crate::platform::PROJECT;
use crate::support::sandbox;
use host_harness::records::Format;
use host_harness::workspace::{Endpoint, OperationDraft, RunState, Workspace};
use std::fmt::Write as _;

/// Puts a file with `count` records, from number 1, into the workspace.
fn put(workspace: &Workspace, name: &str, count: u64, filling: usize) {
    let mut text = String::new();
    let filling = "f".repeat(filling);
    for id in 1..=count {
        writeln!(text, r#"{{"id":{id},"filling":"{filling}"}}"#).unwrap();
    }
    workspace.put_file(name, text.as_bytes()).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn each_record_of_a_file_is_written_once_though_its_agent_is_killed() {
    let server = NatsServer::start();
    let plant = Plant::new(&server).await;
    let workspace = &plant.place.workspace;
    let to = sandbox(&[]);
    let target = plant.connect("To", &to).await;
    // Some parts on the server.
    put(workspace, "new.ndjson", 200, 8000);
    let import = plant
        .import("Import", "new.ndjson", Format::Ndjson, &target)
        .await;
    let one = plant.agent(&server.url(), "one", &[]);
    to.add_fault(slowly(30));
    let run = plant.start(import).await;
    plant.until(run, |run| run.counts.written >= 60).await;
    one.kill();
    // Whoever goes on reads what the file was when the run began.
    put(workspace, "new.ndjson", 3, 0);
    let two = plant.agent(&server.url(), "two", &[]);
    plant.until(run, |run| run.agent == "two").await;
    to.clear_faults();
    let ended = plant.ended(run).await;
    assert_eq!(ended.state, RunState::Success, "{ended:?} {}", two.log());
    assert_eq!(ended.counts.written, 200, "{ended:?}");
    assert_each_once(&to, "suppliers", 200, "a file").await;
    server.keeps_at_most(1_000_000).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_becomes_another_one() {
    let server = NatsServer::start();
    let plant = Plant::new(&server).await;
    let workspace = &plant.place.workspace;
    put(workspace, "in.ndjson", 5000, 40);
    let draft = OperationDraft {
        name: "Files".to_owned(),
        source: Some(Endpoint::File {
            path: "in.ndjson".to_owned(),
            format: Format::Ndjson,
        }),
        mapping: Some("if .id % 1000 == 0 then error(\"no\") else {id} end".to_owned()),
        target: Some(Endpoint::File {
            path: "out.csv".to_owned(),
            format: Format::Csv,
        }),
        ..OperationDraft::default()
    };
    let operation = workspace.create_operation(PROJECT, &draft).unwrap();
    let agent = plant.agent(&server.url(), "one", &[]);
    let run = plant.start(operation.id).await;
    let ended = plant.ended(run).await;
    assert_eq!(ended.state, RunState::Partial, "{ended:?} {}", agent.log());
    assert_eq!((ended.counts.written, ended.counts.rejected), (4995, 5));
    let ids: Vec<u64> = (1..=5000).filter(|id| id % 1000 > 0).collect();
    assert_eq!(plant.ids("out.csv", Format::Csv), ids);
    // The rejected ones again, into a file beside.
    let again = workspace.rerun_rejected(run, false).await.unwrap();
    let ended = plant.ended(again).await;
    assert_eq!(ended.counts.rejected, 5, "{ended:?}");
    assert_eq!(ended.agent, "one");
    assert_eq!(plant.ids("out.csv", Format::Csv), ids);
}

#[tokio::test(flavor = "multi_thread")]
async fn rejected_records_go_on_to_another_operation() {
    let server = NatsServer::start();
    let plant = Plant::new(&server).await;
    let workspace = &plant.place.workspace;
    let ((_from, source), (_to, target)) = plant.ends(120).await;
    let onward = OperationDraft {
        name: "Onward".to_owned(),
        source: Some(Endpoint::Rejected),
        mapping: Some(r#"{id: ."source-record".id, code}"#.to_owned()),
        target: Some(Endpoint::File {
            path: "rejected.ndjson".to_owned(),
            format: Format::Ndjson,
        }),
        ..OperationDraft::default()
    };
    let onward = workspace.create_operation(PROJECT, &onward).unwrap();
    let copy = plant.copy("Copy", &source, &target).await;
    let before = workspace.operation(copy).unwrap();
    let draft = OperationDraft {
        mapping: Some(
            r#"if .id % 4 == 0 then error("no") else {name: "Copy of \(.id)"} end"#.to_owned(),
        ),
        on_failure: Some(onward.id),
        ..before.clone().into()
    };
    workspace
        .update_operation(copy, before.revision, &draft)
        .unwrap();
    let agent = plant.agent(&server.url(), "one", &[]);
    let ended = plant.ended(plant.start(copy).await).await;
    assert_eq!(ended.counts.rejected, 30, "{ended:?} {}", agent.log());
    let until = std::time::Instant::now() + std::time::Duration::from_secs(30);
    let followed = loop {
        let runs = workspace
            .runs(host_harness::workspace::RunFilter {
                operation: Some(onward.id),
                ..Default::default()
            })
            .unwrap();
        if let Some(run) = runs.first() {
            break run.id;
        }
        assert!(std::time::Instant::now() < until, "nothing follows");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    };
    let ended = plant.ended(followed).await;
    assert_eq!(ended.state, RunState::Success, "{ended:?} {}", agent.log());
    assert_eq!(ended.agent, "one");
    let ids: Vec<u64> = (1..=30).map(|n| n * 4).collect();
    assert_eq!(plant.ids("rejected.ndjson", Format::Ndjson), ids);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_input_that_cannot_be_read_or_is_too_large_fails_the_run() {
    let server = NatsServer::start();
    let plant = Plant::new(&server).await;
    let workspace = &plant.place.workspace;
    let to = sandbox(&[]);
    let target = plant.connect("To", &to).await;
    let import = plant
        .import("Import", "new.ndjson", Format::Ndjson, &target)
        .await;
    let agent = plant.agent(&server.url(), "one", &[]);
    // It is missing: by an agent over NATS, and by one of this program.
    let joined = workspace
        .start_run(import, crate::platform::DEVELOPMENT)
        .await;
    let group = workspace.groups().unwrap().remove(0);
    let group = workspace
        .join_group(group.id, group.revision, None)
        .unwrap();
    let here = workspace
        .start_run(import, crate::platform::DEVELOPMENT)
        .await;
    workspace
        .join_group(group.id, group.revision, Some("plant"))
        .unwrap();
    let (joined, here) = (joined.unwrap_err(), here.unwrap_err());
    assert_eq!(joined.to_string(), here.to_string());
    assert!(joined.to_string().contains("new.ndjson"), "{joined}");

    put(workspace, "new.ndjson", MOST_INPUT / 1000, 1000);
    let ended = plant.ended(plant.start(import).await).await;
    assert_eq!(ended.state, RunState::Failure, "{ended:?}");
    let error = ended.error.unwrap();
    assert!(error.contains("--group-input"), "{error}");
    assert_eq!(ended.counts.read, 0);
    server.keeps_at_most(1_000_000).await;

    put(workspace, "new.ndjson", 20, 10);
    let ended = plant.ended(plant.start(import).await).await;
    assert_eq!(ended.state, RunState::Success, "{ended:?} {}", agent.log());
    assert_each_once(&to, "suppliers", 20, "a small one").await;
}
