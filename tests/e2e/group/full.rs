//! Servers that take little: small messages, and stores that are full.

use super::place::{Plant, assert_each_once, slowly};
use super::server::{NatsServer, reconfigure};
use crate::platform::PROJECT;
use host_harness::workspace::{OperationDraft, RunState};
use std::time::Duration;

#[tokio::test(flavor = "multi_thread")]
async fn reports_larger_than_a_message_arrive_whole_and_a_job_that_is_says_so() {
    let server = NatsServer::with("max_payload: 8192");
    let plant = Plant::new(&server).await;
    let workspace = &plant.place.workspace;
    let ((_from, source), (_to, target)) = plant.ends(30).await;
    let copy = plant.copy("Copy", &source, &target).await;
    // Some 30 kB each, and all but the first are refused: the number is taken.
    let large = OperationDraft {
        name: "Large".to_owned(),
        mapping: Some(
            r#"{name: "Large \(.id)", number: "L", "no-such-field": ("x" * 30000)}"#.to_owned(),
        ),
        ..workspace.operation(copy).unwrap().into()
    };
    let large = workspace.create_operation(PROJECT, &large).unwrap().id;
    let agent = plant.agent(&server.url(), "one", &[]);
    let run = plant.start(large).await;
    let ended = plant.ended_within(run, Duration::from_secs(60)).await;
    assert_eq!(ended.state, RunState::Partial, "{ended:?} {}", agent.log());
    assert_eq!(ended.counts.rejected, 29, "{ended:?}");
    let rejected = workspace.rejected(run, 0, 1000).unwrap();
    assert_eq!(rejected.len(), 29);
    for rejection in &rejected {
        let record: serde_json::Value = serde_json::from_str(&rejection.record).unwrap();
        assert_eq!(record["no-such-field"], "x".repeat(30_000));
    }

    // All of them again go beside the job.
    let again = workspace.rerun_rejected(run, false).await.unwrap();
    let ended = plant.ended_within(again, Duration::from_secs(60)).await;
    assert_eq!(ended.error, None, "{ended:?} {}", agent.log());
    assert_eq!(ended.counts.rejected, 29, "{ended:?}");

    // A job is one message.
    let long = OperationDraft {
        name: "Long".to_owned(),
        mapping: Some(format!("{{name: \"{}\"}}", "x".repeat(20_000))),
        ..workspace.operation(copy).unwrap().into()
    };
    let long = workspace.create_operation(PROJECT, &long).unwrap().id;
    let ended = plant.ended(plant.start(long).await).await;
    assert_eq!(ended.state, RunState::Failure, "{ended:?}");
    let error = ended.error.unwrap();
    assert!(error.contains("max_payload"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_takes_hardly_anything_is_refused() {
    let server = NatsServer::with("max_payload: 4096");
    let plant = Plant::new(&NatsServer::start()).await;
    let mut agent = plant.agent(&server.url(), "one", &[]);
    assert_eq!(agent.ended(Duration::from_secs(30)), Some(1));
    assert!(agent.log().contains("max_payload"), "{}", agent.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_whose_reports_find_no_room_says_so_and_goes_on_when_there_is() {
    let server = NatsServer::start();
    let plant = Plant::new(&server).await;
    let ((_from, source), (to, target)) = plant.ends(150).await;
    let copy = plant.copy_to("Copy", &source, &target, "addresses").await;
    let agent = plant.agent(&server.url(), "one", &[]);
    to.add_fault(slowly(30));
    let run = plant.start(copy).await;
    plant.until(run, |run| run.counts.written >= 20).await;
    let context = server.jetstream().await;
    reconfigure(&context, "HARNESS_plant_RUNS", |info| {
        info.config.max_bytes = i64::try_from(info.state.bytes).unwrap() + 4096;
    })
    .await;
    let says = |run: &host_harness::workspace::Run| {
        run.waiting.as_deref().is_some_and(|waiting| {
            waiting.contains("does not take what the agent “one” reports")
                && waiting.contains("maximum bytes exceeded")
        })
    };
    plant.until(run, says).await;
    // What is not in the journal is not sent.
    let posts = || to.counters().requests.get("POST").copied().unwrap_or(0);
    let so_far = posts();
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(posts(), so_far);
    reconfigure(&context, "HARNESS_plant_RUNS", |info| {
        info.config.max_bytes = -1
    })
    .await;
    to.clear_faults();
    let ended = plant.ended(run).await;
    assert_eq!(ended.state, RunState::Success, "{ended:?} {}", agent.log());
    assert_eq!((ended.counts.written, ended.waiting), (150, None));
    assert_each_once(&to, "addresses", 150, "a full store").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_finds_no_room_waits_and_can_be_cancelled() {
    let server = NatsServer::start();
    let plant = Plant::new(&server).await;
    let workspace = &plant.place.workspace;
    let ((_from, source), (to, target)) = plant.ends(20).await;
    let copy = plant.copy("Copy", &source, &target).await;
    let context = server.jetstream().await;
    reconfigure(&context, "HARNESS_plant_JOBS", |info| {
        info.config.max_bytes = 1
    })
    .await;
    let _agent = plant.agent(&server.url(), "one", &[]);
    let (kept, cancelled) = (plant.start(copy).await, plant.start(copy).await);
    for run in [kept, cancelled] {
        plant
            .until(run, |run| {
                run.waiting
                    .as_deref()
                    .is_some_and(|waiting| waiting.contains("maximum bytes exceeded"))
            })
            .await;
    }
    workspace.cancel_run(cancelled).unwrap();
    let ended = plant.ended(cancelled).await;
    assert_eq!(ended.state, RunState::Interrupted, "{ended:?}");
    reconfigure(&context, "HARNESS_plant_JOBS", |info| {
        info.config.max_bytes = -1
    })
    .await;
    let ended = plant.ended(kept).await;
    assert_eq!(ended.state, RunState::Success, "{ended:?}");
    assert_each_once(&to, "suppliers", 20, "a full queue").await;
}
