//! Runs by agents over NATS whose target is a file: each record is in it once, in its
//! order, whoever dies meanwhile.

use super::place::{Plant, assert_each_once, read_slowly, slowly};
use super::server::NatsServer;
use super::serving::Serving;
use crate::platform::PROJECT;
use crate::support::sandbox;
use host_harness::records::Format;
use host_harness::workspace::{ActivityDraft, Endpoint, OperationDraft, Run, RunState};
use std::time::{Duration, Instant};

const FORMATS: [(Format, &str); 3] = [
    (Format::Ndjson, "all.ndjson"),
    (Format::Csv, "all.csv"),
    (Format::Json, "all.json"),
];

/// What takes some seconds to read.
const RECORDS: u64 = 1500;

fn all() -> Vec<u64> {
    (1..=RECORDS).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_is_killed_leaves_a_file_with_each_record_once() {
    let server = NatsServer::start();
    let plant = Plant::new(&server).await;
    let from = sandbox(&[("suppliers", RECORDS)]);
    let source = plant.connect("From", &from).await;
    let mut agent = plant.agent(&server.url(), "agent-0", &[]);
    for (n, (format, file)) in FORMATS.into_iter().enumerate() {
        let name = format!("To {file}");
        let export = plant.export(&name, &source, file, format).await;
        // It does not come to its end before the agent is killed.
        from.add_fault(read_slowly(5000).after(12));
        let run = plant.start(export).await;
        plant.until(run, |run| run.counts.written >= 300).await;
        let path = plant.place.workspace.files_folder().join(file);
        assert!(!path.exists(), "it has its name before it is whole");
        agent.kill();
        from.clear_faults();
        let next = format!("agent-{}", n + 1);
        agent = plant.agent(&server.url(), &next, &[]);
        let ended = plant.ended(run).await;
        assert_eq!(ended.state, RunState::Success, "{ended:?} {}", agent.log());
        assert_eq!(ended.agent, next);
        assert_eq!(ended.output.as_deref(), Some(file));
        assert_eq!(plant.ids(file, format), all(), "{file}");
        let counts = (ended.counts.read, ended.counts.written);
        assert_eq!(counts, (RECORDS, RECORDS), "{ended:?}");
        let taken_over = |warning: &String| warning.contains("went on with the run");
        assert!(ended.warnings.iter().any(taken_over), "{ended:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workspace_that_is_killed_and_started_again_goes_on_with_the_file() {
    let server = NatsServer::start();
    let plant = Plant::new(&server).await;
    let from = sandbox(&[("suppliers", RECORDS)]);
    let source = plant.connect("From", &from).await;
    let agent = plant.agent(&server.url(), "one", &[]);
    for (format, file) in FORMATS {
        let name = format!("To {file}");
        let export = plant.export(&name, &source, file, format).await;
        from.add_fault(read_slowly(300));
        let serving = Serving::start(&plant, &server.url());
        let run = serving.run(export).await;
        for more in [200, 300, 400] {
            plant.until(run, |run| run.counts.written >= more).await;
        }
        serving.kill();
        // The agent goes on by itself, and is heard later.
        tokio::time::sleep(Duration::from_secs(1)).await;
        let seen = plant.place.workspace.run(run).unwrap();
        let serving = Serving::start(&plant, &server.url());
        plant
            .until(run, |run| run.counts.written > seen.counts.written)
            .await;
        serving.kill();
        let serving = Serving::start(&plant, &server.url());
        let ended = plant.ended(run).await;
        from.clear_faults();
        assert_eq!(ended.state, RunState::Success, "{ended:?} {}", agent.log());
        assert_eq!(ended.output.as_deref(), Some(file));
        assert_eq!(plant.ids(file, format), all(), "{file}");
        assert_eq!(ended.counts.written, RECORDS, "{ended:?}");
        drop(serving);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workspace_that_is_started_again_hears_of_what_was_written_meanwhile() {
    let server = NatsServer::start();
    let plant = Plant::new(&server).await;
    let ((_from, source), (to, target)) = plant.ends(200).await;
    let copy = plant.copy("Copy", &source, &target).await;
    let agent = plant.agent(&server.url(), "one", &[]);
    to.add_fault(slowly(30));
    let serving = Serving::start(&plant, &server.url());
    let run = serving.run(copy).await;
    plant.until(run, |run| run.counts.written >= 40).await;
    serving.kill();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let seen = plant.place.workspace.run(run).unwrap();
    assert_eq!(seen.state, RunState::Running, "{seen:?}");
    let serving = Serving::start(&plant, &server.url());
    plant
        .until(run, |run| run.counts.written > seen.counts.written)
        .await;
    // The agent dies while the workspace is away, and another goes on.
    serving.kill();
    agent.kill();
    let other = plant.agent(&server.url(), "other", &[]);
    let _serving = Serving::start(&plant, &server.url());
    to.clear_faults();
    let ended = plant.ended(run).await;
    assert_eq!(ended.state, RunState::Success, "{ended:?} {}", other.log());
    assert_eq!(ended.counts.written, 200, "{ended:?}");
    assert_each_once(&to, "suppliers", 200, "a workspace started again").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_does_not_run_ahead_of_a_workspace_that_is_away() {
    let server = NatsServer::start();
    let plant = Plant::new(&server).await;
    // Each record is made as long as two thirds of a MiB, so each is sent alone.
    let from = sandbox(&[("suppliers", 60)]);
    let source = plant.connect("From", &from).await;
    let export = plant
        .export("Wide", &source, "wide.ndjson", Format::Ndjson)
        .await;
    let before = plant.place.workspace.operation(export).unwrap();
    let draft = OperationDraft {
        mapping: Some(r#"{id, text: ("x" * 700000)}"#.to_owned()),
        ..before.clone().into()
    };
    plant
        .place
        .workspace
        .update_operation(export, before.revision, &draft)
        .unwrap();
    let agent = plant.agent(&server.url(), "one", &["--ahead", "4"]);
    plant.agents(1).await;
    let serving = Serving::start(&plant, &server.url());
    from.add_fault(read_slowly(1500));
    let run = serving.run(export).await;
    plant.until(run, |run| run.waiting.is_none()).await;
    serving.kill();
    from.clear_faults();
    let until = Instant::now() + Duration::from_secs(60);
    while server.stored() < 3_000_000 {
        assert!(
            Instant::now() < until,
            "it does not report: {}",
            agent.log()
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    // Were nothing to hold it back, it would have ended in this time.
    tokio::time::sleep(Duration::from_secs(8)).await;
    let stored = server.stored();
    assert!(stored < 16_000_000, "{stored} bytes of 42,000,000");
    let began = Instant::now();
    let _serving = Serving::start(&plant, &server.url());
    let ended = plant.ended(run).await;
    assert_eq!(ended.state, RunState::Success, "{ended:?} {}", agent.log());
    println!("the rest in {:?}", began.elapsed());
    let ids: Vec<u64> = (1..=60).collect();
    assert_eq!(plant.ids("wide.ndjson", Format::Ndjson), ids);
    // Nothing of it stays there but how it ended.
    server.keeps_at_most(3_000_000).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_cancelled_leaves_a_part_to_go_on_with() {
    let server = NatsServer::start();
    let plant = Plant::new(&server).await;
    let workspace = &plant.place.workspace;
    let from = sandbox(&[("suppliers", RECORDS)]);
    let source = plant.connect("From", &from).await;
    let export = plant
        .export("Export", &source, "all.csv", Format::Csv)
        .await;
    let agent = plant.agent(&server.url(), "one", &[]);
    from.add_fault(read_slowly(5000).after(12));
    let run = plant.start(export).await;
    plant.until(run, |run| run.counts.written >= 300).await;
    workspace.cancel_run(run).unwrap();
    let ended = plant.ended(run).await;
    assert_eq!(ended.state, RunState::Interrupted, "{ended:?}");
    assert_eq!(ended.output.as_deref(), Some("all.csv.part"));
    assert!(ended.resumable, "{ended:?}");
    from.clear_faults();
    let resumed = workspace.resume_run(run).await.unwrap();
    let ended = plant.ended(resumed).await;
    assert_eq!(ended.state, RunState::Success, "{ended:?} {}", agent.log());
    assert!(ended.counts.written < RECORDS, "{ended:?}");
    assert_eq!(plant.ids("all.csv", Format::Csv), all());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_feed_is_marked_only_when_its_records_are_in_the_file() {
    let server = NatsServer::start();
    let plant = Plant::new(&server).await;
    let workspace = &plant.place.workspace;
    let from = sandbox(&[("purchase_orders", 120)]);
    let source = plant.connect("From", &from).await;
    let draft = ActivityDraft {
        name: "New orders".to_owned(),
        activity: "export".to_owned(),
        object: "purchase_orders".to_owned(),
        options: Vec::new(),
    };
    let made = workspace.create_activity(source.id, draft).await.unwrap();
    let draft = OperationDraft {
        name: "Feed".to_owned(),
        source: Some(Endpoint::Activity { activity: made.id }),
        mapping: Some("{id}".to_owned()),
        target: Some(Endpoint::File {
            path: "orders.ndjson".to_owned(),
            format: Format::Ndjson,
        }),
        ..OperationDraft::default()
    };
    let feed = workspace.create_operation(PROJECT, &draft).unwrap().id;
    let is_marked = |id: &u64| {
        let order = from.record("purchase_orders", i64::try_from(*id).unwrap());
        order.unwrap()["exported"] == true
    };
    let (before, new): (Vec<u64>, Vec<u64>) = (1..=120).partition(is_marked);
    assert!(new.len() > 60, "{before:?} are marked already");
    let one = plant.agent(&server.url(), "one", &[]);
    plant.agents(1).await;
    // Each mark takes a while, so that the agent dies in between.
    from.add_fault(slowly(60).on_method("PUT"));
    let run = plant.start(feed).await;
    plant.until(run, |run| run.counts.written >= 50).await;
    one.kill();
    from.clear_faults();
    let two = plant.agent(&server.url(), "two", &[]);
    let ended = plant.ended(run).await;
    assert_eq!(ended.state, RunState::Success, "{ended:?} {}", two.log());
    let first = ended.output.unwrap();
    let mut seen = plant.ids(&first, Format::Ndjson);
    assert_eq!(ended.counts.written, seen.len() as u64);
    // What was marked does not come again, and what was not is in the next file.
    let next = plant.ended(plant.start(feed).await).await;
    assert_eq!(next.state, RunState::Success, "{next:?}");
    let second = next.output.unwrap();
    assert_ne!(first, second, "no run writes over what is marked");
    assert_eq!(plant.ids(&second, Format::Ndjson), [] as [u64; 0]);
    seen.sort_unstable();
    assert_eq!(seen, new);
    assert!((1..=120).all(|id| is_marked(&id)), "not all are marked");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_cannot_be_written_fails_the_run_as_it_does_here() {
    let server = NatsServer::start();
    let plant = Plant::new(&server).await;
    let workspace = &plant.place.workspace;
    let from = sandbox(&[("suppliers", 60)]);
    let source = plant.connect("From", &from).await;
    let export = plant
        .export("Export", &source, "all.csv", Format::Csv)
        .await;
    let agent = plant.agent(&server.url(), "one", &[]);
    plant.agents(1).await;
    let both = async |file: &str, state: RunState| {
        // By an agent over NATS, and by one of this program.
        let joined = plant.ended(plant.start(export).await).await;
        assert_eq!(joined.state, state, "{file}: {joined:?}");
        let path = |name: &Option<String>| workspace.files_folder().join(name.as_ref().unwrap());
        let content = |run: &Run| std::fs::read_to_string(path(&run.output)).ok();
        let of_joined = (state == RunState::Success).then(|| content(&joined));
        let group = workspace.groups().unwrap().remove(0);
        let group = workspace
            .join_group(group.id, group.revision, None)
            .unwrap();
        let here = plant.ended(plant.start(export).await).await;
        workspace
            .join_group(group.id, group.revision, Some("plant"))
            .unwrap();
        assert_eq!(here.state, state, "{file}: {here:?}");
        assert_eq!(
            of_joined,
            (state == RunState::Success).then(|| content(&here))
        );
        assert_eq!(joined.error, here.error, "{file}");
        assert_eq!(joined.output, here.output, "{file}");
        joined
    };
    // A folder is where the file is to be written.
    let part = workspace.files_folder().join("all.csv.part");
    std::fs::create_dir_all(&part).unwrap();
    let error = both("a folder", RunState::Failure).await.error.unwrap();
    assert!(error.contains("all.csv.part"), "{error}");
    std::fs::remove_dir(&part).unwrap();
    // Records that have no fields are records all the same.
    let before = workspace.operation(export).unwrap();
    let draft = OperationDraft {
        mapping: Some("{}".to_owned()),
        ..before.clone().into()
    };
    workspace
        .update_operation(export, before.revision, &draft)
        .unwrap();
    let ended = both("no fields", RunState::Success).await;
    assert_eq!(ended.counts.written, 60);
    let file = workspace.open_file("all.csv").unwrap();
    let found = host_harness::records::RecordReader::open(file, Format::Csv).unwrap();
    assert_eq!(found.count(), 60);
    // The agent is free for others.
    let fine = plant
        .export("Fine", &source, "fine.ndjson", Format::Ndjson)
        .await;
    let ended = plant.ended(plant.start(fine).await).await;
    assert_eq!(ended.state, RunState::Success, "{ended:?} {}", agent.log());
    let ids: Vec<u64> = (1..=60).collect();
    assert_eq!(plant.ids("fine.ndjson", Format::Ndjson), ids);
}
