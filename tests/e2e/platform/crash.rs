//! A process that dies in the middle of a run whose target is an activity: no record
//! is written twice, and none is lost without being named.

use super::command_line::harness;
use crate::chance::{Chance, rounds};
use crate::support::{CLIENT_ID, component, oauth, query, ready_home, sandbox};
use coupa_sandbox::{Fault, FaultRule, Sandbox};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Longer than any one run here takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// A home with the operation “Copy”: suppliers of one Coupa into another's `object`.
pub fn home(from: &Sandbox, to: &Sandbox, object: &str, mapping: &str) -> tempfile::TempDir {
    let home = ready_home();
    let run = |arguments: &[&str]| {
        let (code, _, complained) = harness(home.path(), arguments);
        assert_eq!(code, 0, "{arguments:?}: {complained}");
    };
    run(&["publish", component().to_str().unwrap()]);
    for (name, sandbox) in [("From", from), ("To", to)] {
        let host = format!("host={}", sandbox.base_url());
        let client = format!("client-id={CLIENT_ID}");
        run(&[
            "connection",
            "create",
            name,
            "--connector",
            "coupa",
            "--set",
            &host,
            "--set",
            &client,
            "--secret",
            "client-secret=env:THE_SECRET",
        ]);
    }
    run(&["activity", "create", "From", "query", "All", "suppliers"]);
    run(&["activity", "create", "To", "create", "New", object]);
    run(&[
        "operation",
        "set",
        "Copy",
        "--source",
        "From/All",
        "--mapping",
        mapping,
        "--target",
        "To/New",
    ]);
    home
}

/// Starts the program and kills it at some point: after some requests to create
/// have come to `to`, and a moment later. Where a fault is set, one of them has
/// arrived and hangs, before or after it was processed.
fn killed(home: &Path, arguments: &[&str], to: &Sandbox, chance: &mut Chance) {
    to.clear_faults();
    let wanted = 1 + chance.below(8);
    let fault = match chance.below(3) {
        0 => None,
        1 => Some(Fault::Slow { milliseconds: 2000 }),
        _ => Some(Fault::SlowBody {
            bytes: 1,
            milliseconds: 100,
        }),
    };
    if let Some(fault) = fault {
        to.add_fault(
            FaultRule::next(1 + chance.below(4), fault)
                .on_method("POST")
                .after(wanted - 1),
        );
    }
    let posts = || to.counters().requests.get("POST").copied().unwrap_or(0);
    let before = posts();
    let mut child = Command::new(crate::program::program())
        .args(arguments)
        .env("HARNESS_HOME", home)
        .env("THE_SECRET", crate::support::CLIENT_SECRET)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let began = Instant::now();
    while posts() < before + wanted && child.try_wait().unwrap().is_none() {
        assert!(began.elapsed() < PATIENCE, "it does not write");
        std::thread::sleep(Duration::from_millis(1));
    }
    std::thread::sleep(Duration::from_micros(chance.below(30_000)));
    // SIGKILL: nothing of the process runs any more.
    child.kill().unwrap();
    child.wait().unwrap();
    to.clear_faults();
}

/// Runs the operation, killing and resuming it so many times; then lets it end.
/// Answers how often it was killed before its end, and the rejected records of all
/// runs.
fn survived(home: &Path, to: &Sandbox, deaths: u64, chance: &mut Chance) -> (u64, Vec<Value>) {
    let newest = || {
        let (_, runs, complained) = harness(home, &["run", "list", "--json"]);
        runs.get(0)
            .cloned()
            .unwrap_or_else(|| panic!("no run: {complained}"))
    };
    let mut dead = 0;
    killed(home, &["operation", "run", "Copy"], to, chance);
    loop {
        let last = newest();
        // The run had come to its end when the program was killed.
        if last["resumable"] == false {
            assert_ne!(last["state"], "failure", "{last}");
            break;
        }
        dead += 1;
        let id = last["id"].to_string();
        if dead == deaths {
            let (code, ended, complained) = harness(home, &["run", "resume", &id, "--json"]);
            assert!(
                matches!(code, 0 | 3),
                "run {id} of {dead} deaths: {code} {ended} {complained}"
            );
            break;
        }
        killed(home, &["run", "resume", &id], to, chance);
    }
    let mut rejected = Vec::new();
    for run in 1..=newest()["id"].as_i64().unwrap() {
        let (_, some, _) = harness(home, &["run", "rejected", &run.to_string(), "--json"]);
        rejected.extend(some.as_array().unwrap().iter().cloned());
    }
    (dead, rejected)
}

/// How often each name stands in a collection, of those that begin so.
pub async fn names(sandbox: &Sandbox, object: &str, prefix: &str) -> BTreeMap<String, u64> {
    let all = query(oauth(sandbox), object, &[("fields", "name")]).await;
    let mut counted = BTreeMap::new();
    for record in all.records() {
        let name = record["name"].as_str().unwrap_or_default();
        if name.starts_with(prefix) {
            *counted.entry(name.to_owned()).or_default() += 1;
        }
    }
    counted
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_any_point_every_record_is_created_exactly_once() {
    let mut chance = Chance::new();
    let (from, to) = (sandbox(&[("suppliers", 240)]), sandbox(&[]));
    let home = home(
        &from,
        &to,
        "suppliers",
        r#"{name: "Copy of \(.id)", number: "C-\(.id)"}"#,
    );
    let deaths = rounds(8, 60);
    let (dead, rejected) = survived(home.path(), &to, deaths, &mut chance);
    assert!(dead >= deaths / 2, "only {dead} deaths");
    assert!(rejected.is_empty(), "{rejected:#?}");
    let written = names(&to, "suppliers", "Copy of ").await;
    let wanted: BTreeMap<String, u64> = query(oauth(&from), "suppliers", &[("fields", "name")])
        .await
        .keys()
        .into_iter()
        .map(|id| (format!("Copy of {id}"), 1))
        .collect();
    assert_eq!(written, wanted);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_unique_key_none_is_created_twice_and_every_missing_one_is_named() {
    let mut chance = Chance::new();
    let (from, to) = (sandbox(&[("suppliers", 200)]), sandbox(&[]));
    let home = home(&from, &to, "commodities", r#"{name: "Copy of \(.id)"}"#);
    let deaths = rounds(6, 40);
    let (dead, rejected) = survived(home.path(), &to, deaths, &mut chance);
    assert!(dead >= deaths / 2, "only {dead} deaths");
    let written = names(&to, "commodities", "Copy of ").await;
    assert!(
        written.values().all(|count| *count == 1),
        "{:?}",
        written
            .iter()
            .filter(|(_, count)| **count > 1)
            .collect::<Vec<_>>()
    );
    let named: BTreeSet<String> = rejected
        .iter()
        .map(|rejection| {
            assert_eq!(rejection["uncertain"], true, "{rejection}");
            let record: Value =
                serde_json::from_str(rejection["record"].as_str().unwrap()).unwrap();
            record["name"].as_str().unwrap().to_owned()
        })
        .collect();
    assert_eq!(named.len(), rejected.len(), "each is named once");
    let wanted: BTreeSet<String> = query(oauth(&from), "suppliers", &[("fields", "name")])
        .await
        .keys()
        .into_iter()
        .map(|id| format!("Copy of {id}"))
        .collect();
    let missing: Vec<&String> = wanted
        .iter()
        .filter(|name| !written.contains_key(*name) && !named.contains(*name))
        .collect();
    assert!(missing.is_empty(), "lost: {missing:?}");
    assert!(
        !named.is_empty(),
        "no crash fell between sending and answer"
    );
    let share = named.len() as u64;
    assert!(
        share <= dead * 24,
        "{share} of unknown fate in {dead} deaths: more than one batch and what was under way"
    );
}
