//! Agents killed and cut off at random while many runs are under way: every run
//! ends, no record is lost, and none is written twice.

use super::place::{LEASE, Plant, assert_each_once, read_slowly};
use super::server::{AgentProcess, NatsServer, Wire};
use crate::chance::{Chance, rounds};
use crate::platform::crash::names;
use crate::support::sandbox;
use coupa_sandbox::{Fault, FaultRule, Sandbox};
use host_harness::records::Format;
use host_harness::workspace::{Connection, RunState};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Runs that are under way at the same time.
const LANES: u64 = 6;
const AGENTS: usize = 4;
const RECORDS: u64 = 70;
/// Of a run into a file.
const FILE_RECORDS: u64 = 600;

/// An agent behind a wire of its own, that is replaced when it dies.
struct Member {
    home: String,
    wire: Wire,
    process: Option<AgentProcess>,
    born: u64,
}

impl Member {
    fn live(&mut self, plant: &Plant) {
        self.born += 1;
        let name = format!("{}-{}", self.home, self.born);
        let url = self.wire.url();
        self.process = Some(plant.agent_at(&self.home, &url, &name, &["--slots", "3"]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn deaths_and_cuts_lose_nothing_and_write_nothing_twice() {
    let mut chance = Chance::new();
    let server = NatsServer::start();
    let plant = Arc::new(Plant::new(&server).await);
    let from = sandbox(&[("suppliers", RECORDS)]);
    let source = plant.connect("From", &from).await;
    let mut members = Vec::new();
    for n in 0..AGENTS {
        let mut member = Member {
            home: format!("agent-{n}"),
            wire: Wire::to(server.address()).await,
            process: None,
            born: 0,
        };
        member.live(&plant);
        members.push(member);
    }
    plant.agents(AGENTS).await;

    let enough = Arc::new(AtomicBool::new(false));
    let mut lanes = tokio::task::JoinSet::new();
    for lane in 0..LANES {
        let (plant, source) = (Arc::clone(&plant), source.clone());
        let enough = Arc::clone(&enough);
        lanes.spawn(async move {
            let mut done = 0;
            while !enough.load(Ordering::Relaxed) {
                match lane == LANES - 1 {
                    true => one_file(&plant, lane, done).await,
                    false => one_run(&plant, &source, lane, done).await,
                }
                done += 1;
            }
            done
        });
    }

    let began = Instant::now();
    let (mut kills, mut cuts) = (0, 0);
    for _ in 0..rounds(16, 100) {
        tokio::time::sleep(Duration::from_millis(200 + chance.below(900))).await;
        let member = &mut members[chance.below(AGENTS as u64) as usize];
        if chance.below(2) == 0 {
            kills += 1;
            if let Some(process) = member.process.take() {
                process.kill();
            }
            // What it held back is lost with it.
            member.wire.mend();
            member.live(&plant);
        } else {
            cuts += 1;
            member.wire.cut();
            tokio::time::sleep(Duration::from_millis(
                chance.below(3 * LEASE.as_millis() as u64 / 2),
            ))
            .await;
            // Some stay cut until they are killed, or cut again.
            if chance.below(4) > 0 {
                member.wire.mend();
            }
        }
    }
    for member in &members {
        member.wire.mend();
    }
    enough.store(true, Ordering::Relaxed);
    let mut runs = 0;
    while let Some(done) = lanes.join_next().await {
        runs += done.unwrap_or_else(|error| panic!("CHANCE={}: {error}", chance.seed));
    }
    println!(
        "{runs} runs of {RECORDS} records through {kills} deaths and {cuts} cuts in {:?}",
        began.elapsed()
    );
    assert!(runs >= LANES, "{runs}");
}

/// One run into a sandbox of its own.
async fn one_run(plant: &Plant, source: &Connection, lane: u64, number: u64) {
    let what = format!("lane {lane}, run {number}");
    let to = sandbox(&[]);
    to.add_fault(
        FaultRule {
            times: None,
            ..FaultRule::next(0, Fault::Slow { milliseconds: 40 })
        }
        .on_method("POST"),
    );
    // One that Coupa takes only once, and one that it would take twice.
    let object = match lane % 2 {
        0 => "suppliers",
        _ => "addresses",
    };
    let target = plant.connect(&format!("To {lane} {number}"), &to).await;
    let name = format!("Copy {lane} {number}");
    let copy = plant.copy_to(&name, source, &target, object).await;
    let run = plant.start(copy).await;
    let ended = plant.ended_within(run, Duration::from_secs(150)).await;
    if object == "suppliers" {
        assert_eq!(ended.state, RunState::Success, "{what}: {ended:?}");
        assert_eq!(ended.counts.written, RECORDS, "{what}: {ended:?}");
        assert_each_once(&to, object, RECORDS, &what).await;
    } else {
        assert!(
            matches!(ended.state, RunState::Success | RunState::Partial),
            "{what}: {ended:?}"
        );
        assert_each_at_most_once_and_named(plant, &to, &ended, &what).await;
    }
}

/// One run into a file, in each format by turns.
async fn one_file(plant: &Plant, lane: u64, number: u64) {
    let what = format!("lane {lane}, run {number}");
    let from = sandbox(&[("suppliers", FILE_RECORDS)]);
    from.add_fault(read_slowly(150));
    let source = plant.connect(&format!("From {lane} {number}"), &from).await;
    let (format, ending) = match number % 3 {
        0 => (Format::Ndjson, "ndjson"),
        1 => (Format::Csv, "csv"),
        _ => (Format::Json, "json"),
    };
    let file = format!("lane-{lane}-{number}.{ending}");
    let name = format!("Export {lane} {number}");
    let export = plant.export(&name, &source, &file, format).await;
    let run = plant.start(export).await;
    let ended = plant.ended_within(run, Duration::from_secs(150)).await;
    assert_eq!(ended.state, RunState::Success, "{what}: {ended:?}");
    assert_eq!(ended.counts.written, FILE_RECORDS, "{what}: {ended:?}");
    let ids: Vec<u64> = (1..=FILE_RECORDS).collect();
    assert_eq!(plant.ids(&file, format), ids, "{what}");
}

/// Without a unique key nobody can find out whether a record arrived: it is named.
async fn assert_each_at_most_once_and_named(
    plant: &Plant,
    to: &Sandbox,
    run: &host_harness::workspace::Run,
    what: &str,
) {
    let written = names(to, "addresses", "Copy of ").await;
    let twice: Vec<_> = written.iter().filter(|(_, times)| **times > 1).collect();
    assert!(twice.is_empty(), "{what}: written twice: {twice:?}");
    let rejected = plant.place.workspace.rejected(run.id, 0, 1000).unwrap();
    let named: BTreeSet<String> = rejected
        .iter()
        .map(|rejection| {
            assert!(rejection.uncertain, "{what}: {rejection:?}");
            let record: serde_json::Value = serde_json::from_str(&rejection.record).unwrap();
            record["name"].as_str().unwrap().to_owned()
        })
        .collect();
    assert_eq!(named.len(), rejected.len(), "{what}: each is named once");
    let lost: Vec<u64> = (1..=RECORDS)
        .filter(|id| {
            let name = format!("Copy of {id}");
            !written.contains_key(&name) && !named.contains(&name)
        })
        .collect();
    assert!(lost.is_empty(), "{what}: lost: {lost:?}");
}
