//! A process that is paused in the middle of a run, for longer than anybody would wait for
//! a sign of life, while others look at its run and want to go on with it: no record is
//! written twice.

use super::command_line::harness;
use super::crash::{home, names};
use crate::program::program;
use crate::support::{CLIENT_SECRET, sandbox};
use coupa_sandbox::{Fault, FaultRule, Sandbox};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

const COUNT: u64 = 150;
/// Longer than it takes until a run that says nothing is taken for dead where no lock
/// tells.
const LONG: Duration = Duration::from_secs(17);

/// A copy of suppliers from one Coupa to another that is under way, in a process.
struct Copying {
    home: tempfile::TempDir,
    to: Sandbox,
    child: Child,
    from: Sandbox,
}

impl Copying {
    /// Begun, and paused when it has written some.
    fn paused() -> Self {
        let (from, to) = (sandbox(&[("suppliers", COUNT)]), sandbox(&[]));
        let mapping = r#"{name: "Copy of \(.id)", number: "C-\(.id)"}"#;
        let home = home(&from, &to, "suppliers", mapping);
        let child = Command::new(program())
            .args(["operation", "run", "Copy"])
            .env("HARNESS_HOME", home.path())
            .env("THE_SECRET", CLIENT_SECRET)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut copying = Self {
            home,
            to,
            child,
            from,
        };
        // From then on it waits for answers, and is in the middle of nothing else: what
        // keeps the database locked while it is paused keeps everybody waiting.
        copying.to.add_fault(
            FaultRule {
                times: None,
                ..FaultRule::next(1, Fault::Slow { milliseconds: 1500 })
            }
            .on_method("POST")
            .after(20),
        );
        let began = Instant::now();
        while copying.posts() < 24 {
            assert!(
                began.elapsed() < Duration::from_secs(30),
                "it does not write"
            );
            assert!(copying.child.try_wait().unwrap().is_none(), "it has ended");
            std::thread::sleep(Duration::from_millis(2));
        }
        std::thread::sleep(Duration::from_millis(300));
        copying.signal("-STOP");
        copying.to.clear_faults();
        copying
    }

    fn path(&self) -> &Path {
        self.home.path()
    }

    fn posts(&self) -> u64 {
        let counted = self.to.counters().requests;
        counted.get("POST").copied().unwrap_or(0)
    }

    fn signal(&self, signal: &str) {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args([signal, &id]).status().unwrap();
        assert!(sent.success());
    }

    fn ended(&mut self) -> ExitStatus {
        let began = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(began.elapsed() < Duration::from_secs(60), "it does not end");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    async fn written(&self) -> BTreeMap<String, u64> {
        names(&self.to, "suppliers", "Copy of ").await
    }

    async fn assert_each_once(&self) {
        let written = self.written().await;
        assert_eq!(written.len() as u64, self.from.count("suppliers"));
        assert!(written.values().all(|count| *count == 1), "{written:?}");
    }
}

impl Drop for Copying {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_process_keeps_its_run() {
    let mut copying = Copying::paused();
    let began = Instant::now();
    while began.elapsed() < LONG {
        let (_, runs, complained) = harness(copying.path(), &["run", "list", "--json"]);
        assert_eq!(runs[0]["state"], "running", "{complained}");
        let (code, _, refused) = harness(copying.path(), &["run", "resume", "1"]);
        assert_eq!(code, 1, "{refused}");
        assert!(refused.contains("still under way"), "{refused}");
        tokio::time::sleep(Duration::from_secs(2)).await;
    }
    copying.signal("-CONT");
    assert!(copying.ended().success());
    let (_, runs, _) = harness(copying.path(), &["run", "list", "--json"]);
    assert_eq!(runs.as_array().unwrap().len(), 1, "{runs}");
    assert_eq!(runs[0]["state"], "success", "{runs}");
    copying.assert_each_once().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_was_taken_for_dead_sends_nothing_more() {
    let mut copying = Copying::paused();
    // No lock tells any more that it lives.
    std::fs::remove_dir_all(copying.path().join("processes")).unwrap();
    let (code, resumed, complained) = harness(copying.path(), &["run", "resume", "1", "--json"]);
    assert_eq!(code, 0, "{resumed} {complained}");
    let before = copying.posts();
    copying.signal("-CONT");
    assert!(!copying.ended().success());
    assert_eq!(copying.posts(), before, "it has sent something");
    let (_, runs, _) = harness(copying.path(), &["run", "list", "--json"]);
    assert_eq!(runs[0]["state"], "success", "{runs}");
    assert_eq!(runs[1]["state"], "interrupted", "{runs}");
    // What it may have sent is named, and was not sent again.
    let (_, rejected, _) = harness(copying.path(), &["run", "rejected", "1", "--json"]);
    let named = rejected.as_array().unwrap().iter().map(|rejection| {
        assert_eq!(rejection["uncertain"], true, "{rejection}");
        let record = rejection["record"].as_str().unwrap();
        serde_json::from_str::<Value>(record).unwrap()["name"].clone()
    });
    let named: Vec<Value> = named.collect();
    assert!(!named.is_empty());
    let written = copying.written().await;
    assert!(written.values().all(|count| *count == 1), "{written:?}");
    let missing = copying.from.count("suppliers") - written.len() as u64;
    let told = named
        .iter()
        .filter(|name| !written.contains_key(name.as_str().unwrap()));
    assert_eq!(
        told.count() as u64,
        missing,
        "every missing one is named: {named:?}"
    );
}
