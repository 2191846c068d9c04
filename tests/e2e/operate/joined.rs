//! What is seen of agents that have joined over NATS, and of a workspace that has such.

use super::monitoring::number;
use super::traces::{attribute, collector};
use super::{Place, Served, requests, with_tls};
use crate::group::server::{AgentProcess, NatsServer};
use crate::support::{CLIENT_SECRET, sandbox};
use coupa_sandbox::{Fault, FaultRule, Sandbox};
use serde_json::Value;
use std::time::{Duration, Instant};

/// Each process compiles the connector for itself first.
const PATIENCE: Duration = Duration::from_secs(90);

/// A workspace that copies suppliers of one sandbox into another, served, and an agent
/// that does it.
struct Joined {
    place: Place,
    nats: NatsServer,
    served: Served,
    agent: AgentProcess,
}

impl Joined {
    async fn start(from: &Sandbox, to: &Sandbox, both: &[&str]) -> Self {
        with_tls();
        let nats = NatsServer::start();
        let place = Place::new(&[from, to]);
        place.must(&["group", "joined", "This machine", "plant"]);
        let key = place.path().join("group.key");
        for (connection, activity) in [("Coupa 1", "query"), ("Coupa 2", "create")] {
            place.must(&[
                "activity",
                "create",
                connection,
                activity,
                activity,
                "suppliers",
            ]);
        }
        place.must(&[
            "operation",
            "set",
            "Copy",
            "--source",
            "Coupa 1/query",
            "--mapping",
            r#"{name: "Copy of \(.id)", number: "C-\(.id)"}"#,
            "--target",
            "Coupa 2/create",
        ]);
        let url = nats.url();
        let by = ["--nats", &url, "--group-key", key.to_str().unwrap()];
        let served = Served::start(&place, &[&by[..], both].concat());
        let watched = [
            "--monitoring",
            "127.0.0.1:0",
            "--slots",
            "3",
            "--grace",
            "60",
        ];
        let registry = place.path().join("registry");
        let more = [&watched[..], both].concat();
        let agent = AgentProcess::start(place.path(), "one", &registry, &key, &url, "one", &more);
        let joined = Self {
            place,
            nats,
            served,
            agent,
        };
        joined
            .until("an agent is there", async || {
                let (_, metrics) = joined.served.get("/metrics").await;
                number(&metrics, "harness_groups_agents") == 1.0
            })
            .await;
        joined
    }

    async fn until(&self, what: &str, holds: impl AsyncFn() -> bool) {
        let until = Instant::now() + PATIENCE;
        while !holds().await {
            assert!(
                Instant::now() < until,
                "not so: {what}: {}",
                self.agent.log()
            );
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Asks the agent's monitoring.
    async fn agent(&self, path: &str) -> (u16, String) {
        let log = self.agent.log();
        let address = log
            .lines()
            .find_map(|line| line.strip_prefix("Monitoring at "))
            .unwrap();
        let answer = reqwest::get(format!("{address}{path}")).await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    async fn ended(&self) {
        self.until("the run has ended", async || {
            let runs = self.place.must(&["run", "list", "--json"]);
            let runs: Value = serde_json::from_str(&runs).unwrap();
            runs[0]["state"] != "running"
        })
        .await;
        let runs = self.place.must(&["run", "list", "--json"]);
        let runs: Value = serde_json::from_str(&runs).unwrap();
        assert_eq!(runs[0]["state"], "success", "{runs} {}", self.agent.log());
        assert_eq!(runs[0]["agent"], "one", "{runs}");
    }
}

/// What a check says, and whether it has to be well.
fn check(ready: &str, name: &str) -> (Option<String>, bool) {
    let ready: Value = serde_json::from_str(ready).unwrap();
    let checks = ready["checks"].as_array().unwrap();
    let check = checks.iter().find(|check| check["name"] == name).unwrap();
    let trouble = check["trouble"].as_str().map(str::to_owned);
    (trouble, check["required"].as_bool().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_over_nats_is_one_trace_across_the_workspace_and_its_agent() {
    let (from, to) = (sandbox(&[("suppliers", 20)]), sandbox(&[]));
    let (url, spans) = collector().await;
    let mut joined = Joined::start(&from, &to, &["--otlp", &url]).await;
    let asked_before = requests(&from) + requests(&to);
    joined.served.run().await;
    joined.ended().await;
    let asked = requests(&from) + requests(&to) - asked_before;
    // Both send what they have when they end.
    joined.agent.terminate();
    let ended = joined.agent.ended(Duration::from_secs(30));
    assert_eq!(ended, Some(0), "{}", joined.agent.log());
    joined.served.terminate();
    assert_eq!(joined.served.ended(Duration::from_secs(30)), Some(0));

    let spans = spans.lock().unwrap();
    let named = |name: &str| -> Vec<_> { spans.iter().filter(|s| s.name == name).collect() };
    let [run] = named("run")[..] else {
        panic!("{:?}", spans.iter().map(|s| &s.name).collect::<Vec<_>>());
    };
    let [attempt] = named("attempt")[..] else {
        panic!("{:?}", spans.iter().map(|s| &s.name).collect::<Vec<_>>());
    };
    assert_eq!(attribute(run, "agent").as_deref(), Some("plant"));
    assert_eq!(attribute(attempt, "agent").as_deref(), Some("one"));
    assert_eq!(attribute(attempt, "epoch").as_deref(), Some("1"));
    assert_eq!(attempt.parent_span_id, run.span_id);
    for activity in ["query", "create"] {
        let [call] = named(activity)[..] else {
            panic!("not one {activity}");
        };
        assert_eq!(call.parent_span_id, attempt.span_id);
    }
    let sent: Vec<_> = spans
        .iter()
        .filter(|span| attribute(span, "url.path").is_some())
        .filter(|span| span.trace_id == run.trace_id)
        .collect();
    assert_eq!(sent.len(), asked);
    assert!(!format!("{spans:?}").contains(CLIENT_SECRET));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_is_watched_like_the_workspace_and_both_say_when_nats_is_gone() {
    let (from, to) = (sandbox(&[("suppliers", 20)]), sandbox(&[]));
    let mut joined = Joined::start(&from, &to, &[]).await;
    assert_eq!(joined.agent("/healthz").await.0, 200);
    let (status, ready) = joined.agent("/readyz").await;
    assert_eq!(status, 200, "{ready}");
    for name in ["nats", "intake", "jobs", "reports", "registry"] {
        assert_eq!(check(&ready, name), (None, true), "{ready}");
    }
    let (status, ready) = joined.served.get("/readyz").await;
    assert_eq!(status, 200, "{ready}");
    assert_eq!(check(&ready, "nats"), (None, false), "{ready}");

    joined.served.run().await;
    joined.ended().await;
    let (_, metrics) = joined.agent("/metrics").await;
    for (series, value) in [
        ("harness_agent_slots", 3.0),
        ("harness_agent_slots_busy", 0.0),
        ("harness_agent_jobs_total{became=\"Taken\"}", 1.0),
        ("harness_agent_jobs_total{became=\"TakenOver\"}", 0.0),
        ("harness_agent_leases_lost_total", 0.0),
        ("harness_agent_nats_connected", 1.0),
        ("harness_records_total{outcome=\"Written\"}", 20.0),
    ] {
        assert_eq!(number(&metrics, series), value, "{series}: {metrics}");
    }
    let age = number(&metrics, "harness_agent_heartbeat_age_seconds");
    assert!(age > 0.0 && age < 7.0, "{age}");
    // A workspace is no agent.
    let (_, metrics) = joined.served.get("/metrics").await;
    assert!(!metrics.contains("harness_agent_"), "{metrics}");
    assert_eq!(number(&metrics, "harness_groups_slots"), 3.0, "{metrics}");
    assert_eq!(number(&metrics, "harness_groups_unreached"), 0.0);

    // Its last run keeps it; it takes no more, and nobody is to send it any.
    let slowly = FaultRule {
        times: None,
        ..FaultRule::next(0, Fault::Slow { milliseconds: 100 })
    };
    from.add_fault(slowly.clone());
    to.add_fault(slowly.on_method("POST"));
    joined.served.run().await;
    joined
        .until("the run is under way", async || {
            let (_, metrics) = joined.agent("/metrics").await;
            number(&metrics, "harness_agent_slots_busy") == 1.0
        })
        .await;
    joined.agent.terminate();
    joined
        .until("it takes no more", async || {
            let (status, ready) = joined.agent("/readyz").await;
            status == 503 && check(&ready, "intake").0.is_some()
        })
        .await;

    joined.nats.kill();
    let (status, ready) = joined.served.get("/readyz").await;
    let (trouble, _) = check(&ready, "nats");
    // The screen and the program's own agents need none.
    assert_eq!((status, trouble.is_some()), (200, true), "{ready}");
    joined
        .until("the agent says that NATS is gone", async || {
            let (status, ready) = joined.agent("/readyz").await;
            let trouble = check(&ready, "nats").0;
            status == 503 && trouble.is_some_and(|trouble| trouble.contains("cannot be reached"))
        })
        .await;
    let (_, metrics) = joined.agent("/metrics").await;
    assert_eq!(number(&metrics, "harness_agent_nats_connected"), 0.0);
}
