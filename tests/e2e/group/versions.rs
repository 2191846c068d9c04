//! Programs of different versions in one group.

use super::place::{LEASE, Plant, assert_each_once};
use super::server::NatsServer;
use async_nats::jetstream::consumer::PullConsumer;
use futures::StreamExt;
use host_harness::connection::Environment;
use host_harness::group::{FORMAT, Group, Job, JobConnection, JobEnd, JobSource, Server};
use host_harness::runtime::types::Call;
use host_harness::sealing::SealingKey;
use host_harness::workspace::RunState;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A job as a newer program would make it.
fn newer() -> Job {
    Job {
        format: FORMAT + 1,
        id: "newer".to_owned(),
        operation: "Newer".to_owned(),
        source: JobSource::Records(String::new()),
        mapping: None,
        target: Some(JobEnd {
            connector: "coupa".to_owned(),
            version: "0.1.0".to_owned(),
            digest: "sha256:0".to_owned(),
            connection: JobConnection {
                name: "Coupa".to_owned(),
                settings: Vec::new(),
                secrets: Default::default(),
                environment: Environment::Development,
                use_proxy: false,
                protocol: Default::default(),
                cache: None,
                limits: Default::default(),
            },
            call: Call {
                activity: "create".to_owned(),
                object: "suppliers".to_owned(),
                options: Vec::new(),
                resume: None,
                dry_run: false,
            },
            acknowledged: false,
        }),
        resume: None,
        left: Vec::new(),
        traceparent: None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_for_a_newer_program_is_left_to_one_and_holds_up_no_other() {
    let server = NatsServer::start();
    let plant = Plant::new(&server).await;
    let key = Arc::new(SealingKey::load_or_create(&plant.key).unwrap());
    let name = "plant".parse().unwrap();
    let group = Group::join(&Server::new(server.url()), name, key, "newer", LEASE)
        .await
        .unwrap();
    group.submit(&newer()).await.unwrap();
    let agent = plant.agent(&server.url(), "old", &["--slots", "1"]);
    let until = Instant::now() + Duration::from_secs(20);
    loop {
        let seen = plant.agents(1).await;
        if let Some(trouble) = &seen[0].presence.trouble {
            assert!(
                trouble.contains("newer") && trouble.contains("version of this program"),
                "{trouble}"
            );
            break;
        }
        assert!(
            Instant::now() < until,
            "it does not say why: {}",
            agent.log()
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    // Its only slot does what it can do.
    let ((_from, source), (to, target)) = plant.ends(20).await;
    let copy = plant.copy("Copy", &source, &target).await;
    let ended = plant.ended(plant.start(copy).await).await;
    assert_eq!(ended.state, RunState::Success, "{ended:?} {}", agent.log());
    assert_each_once(&to, "suppliers", 20, "beside a newer job").await;

    // A newer program gets the job, from the same queue.
    let jobs = server.jetstream().await;
    let jobs = jobs.get_stream("HARNESS_plant_JOBS").await.unwrap();
    let agents: PullConsumer = jobs.get_consumer("agents").await.unwrap();
    let mut messages = agents.messages().await.unwrap();
    let message = tokio::time::timeout(Duration::from_secs(20), messages.next()).await;
    let message = message.unwrap().unwrap().unwrap();
    assert_eq!(message.subject.as_str(), "harness.plant.job.newer");
    message.double_ack().await.unwrap();
    assert_eq!(jobs.get_info().await.unwrap().state.messages, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_that_cannot_be_read_stops_a_run_until_it_can_and_is_named() {
    let server = NatsServer::start();
    let plant = Plant::new(&server).await;
    let ((_from, source), (to, target)) = plant.ends(20).await;
    let copy = plant.copy("Copy", &source, &target).await;
    let run = plant.start(copy).await;
    let context = server.jetstream().await;
    let jobs = context.get_stream("HARNESS_plant_JOBS").await.unwrap();
    let until = Instant::now() + Duration::from_secs(10);
    let job = loop {
        if let Ok(message) = jobs.get_raw_message(1).await {
            break message.subject.to_string();
        }
        assert!(Instant::now() < until, "there is no job");
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    let reports = job.replace(".job.", ".run.");
    let sent = context.publish(
        reports.clone(),
        "what a program of another time says".into(),
    );
    sent.await.unwrap().await.unwrap();
    plant
        .until(run, |run| {
            run.waiting
                .as_deref()
                .is_some_and(|waiting| waiting.contains("a report does not open"))
        })
        .await;
    // An agent does not begin it anew either, and says why.
    let agent = plant.agent(&server.url(), "one", &[]);
    let until = Instant::now() + Duration::from_secs(20);
    loop {
        let trouble = plant.agents(1).await[0].presence.trouble.clone();
        if trouble.is_some_and(|trouble| trouble.contains("a report does not open")) {
            break;
        }
        assert!(
            Instant::now() < until,
            "it does not say why: {}",
            agent.log()
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(to.counters().requests.get("POST"), None);
    let runs = context.get_stream("HARNESS_plant_RUNS").await.unwrap();
    runs.purge().filter(reports).await.unwrap();
    let ended = plant.ended(run).await;
    assert_eq!(ended.state, RunState::Success, "{ended:?} {}", agent.log());
    assert_each_once(&to, "suppliers", 20, "after what could not be read").await;
}
