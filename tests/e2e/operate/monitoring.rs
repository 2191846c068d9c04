//! Numbers, health, and an orderly end.

use super::{Place, Served, requests, with_tls};
use crate::support::{CLIENT_SECRET, sandbox};
use coupa_sandbox::{Fault, FaultRule};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The value of one series; zero where there is none yet.
pub(super) fn number(metrics: &str, series: &str) -> f64 {
    let line = metrics.lines().find(|line| {
        line.strip_prefix(series)
            .is_some_and(|rest| rest.starts_with(' '))
    });
    line.map_or(0.0, |line| {
        line.rsplit(' ').next().unwrap().parse().unwrap()
    })
}

/// What the registry keeps of its versions, beside their bytes.
fn receipts(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(receipts(&path));
        } else if path
            .extension()
            .is_some_and(|extension| extension == "json")
        {
            found.push(path);
        }
    }
    found
}

async fn ended_runs(served: &Served, count: f64) -> String {
    for _ in 0..200 {
        let (_, metrics) = served.get("/metrics").await;
        let ended = ["Success", "Partial", "Interrupted", "Failure"]
            .iter()
            .map(|state| {
                number(
                    &metrics,
                    &format!("harness_runs_total{{outcome=\"{state}\"}}"),
                )
            })
            .sum::<f64>();
        if ended >= count {
            return metrics;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("no run ended");
}

#[tokio::test(flavor = "multi_thread")]
async fn monitoring_sees_what_runs_and_whether_the_host_is_well() {
    with_tls();
    let sandbox = sandbox(&[("suppliers", 120)]);
    let place = Place::new(&[&sandbox]);
    place.export(&[]);
    let served = Served::start(&place, &[]);
    assert_eq!(served.get("/healthz").await.0, 200);
    let (status, ready) = served.get("/readyz").await;
    assert_eq!(status, 200, "{ready}");

    served.run().await;
    let metrics = ended_runs(&served, 1.0).await;
    assert_eq!(
        number(&metrics, "harness_records_total{outcome=\"Read\"}"),
        120.0
    );
    assert_eq!(
        number(&metrics, "harness_records_total{outcome=\"Written\"}"),
        120.0
    );
    // A token and three pages, as the sandbox counts too.
    let asked = requests(&sandbox) as f64;
    assert_eq!(
        number(&metrics, "harness_http_requests_total{answer=\"Ok\"}"),
        asked
    );
    assert_eq!(
        number(&metrics, "harness_http_request_duration_seconds_count"),
        asked
    );
    assert!(number(&metrics, "harness_http_received_bytes_total") > 10_000.0);
    assert!(number(&metrics, "harness_instantiate_duration_seconds_count") >= 1.0);
    assert_eq!(number(&metrics, "harness_runs_running"), 0.0);
    assert!(metrics.ends_with("# EOF\n"), "{metrics}");
    assert!(
        !metrics.contains(CLIENT_SECRET) && !metrics.contains("Coupa"),
        "{metrics}"
    );

    // A registry that is damaged: alive, and not ready, and it says why.
    let receipts = receipts(&place.path().join("registry"));
    assert_eq!(receipts.len(), 1, "{receipts:?}");
    std::fs::write(&receipts[0], "{").unwrap();
    let (status, ready) = served.get("/readyz").await;
    let ready: Value = serde_json::from_str(&ready).unwrap();
    assert_eq!((status, served.get("/healthz").await.0), (503, 200));
    let troubled: Vec<&Value> = ready["checks"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|check| !check["trouble"].is_null())
        .collect();
    assert_eq!(troubled.len(), 1);
    assert_eq!(troubled[0]["name"], "registry");
}

#[tokio::test(flavor = "multi_thread")]
async fn asked_to_end_the_host_finishes_or_stops_what_runs() {
    with_tls();
    let sandbox = sandbox(&[("suppliers", 400)]);
    let slowly = |milliseconds| FaultRule {
        method: None,
        path_prefix: Some("/api/suppliers".to_owned()),
        skip: 0,
        times: None,
        fault: Fault::Slow { milliseconds },
    };
    let place = Place::new(&[&sandbox]);
    place.export(&[]);
    let runs =
        || -> Value { serde_json::from_str(&place.must(&["run", "list", "--json"])).unwrap() };

    // Time enough: the run comes to its end.
    sandbox.add_fault(slowly(150));
    let mut served = Served::start(&place, &["--grace", "60"]);
    served.run().await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    served.terminate();
    tokio::time::sleep(Duration::from_millis(150)).await;
    // It takes no more runs, and says so; nobody sends it any.
    assert_eq!(served.get("/readyz").await.0, 503);
    let (status, refused) = served
        .post("/operations/1/run", r#"{"environment":1}"#)
        .await;
    assert!(
        status >= 400 && refused.contains("takes no more runs"),
        "{status} {refused}"
    );
    assert_eq!(served.ended(Duration::from_secs(60)), Some(0));
    assert_eq!(runs()[0]["state"], "success", "{}", runs());

    // Not time enough: it is stopped where it can be resumed, and nothing is lost.
    sandbox.clear_faults();
    sandbox.add_fault(slowly(600));
    let mut served = Served::start(&place, &["--grace", "1"]);
    served.run().await;
    tokio::time::sleep(Duration::from_millis(900)).await;
    served.terminate();
    assert_eq!(served.ended(Duration::from_secs(60)), Some(0));
    let stopped = &runs()[0];
    assert_eq!(
        (stopped["state"].as_str(), stopped["resumable"].as_bool()),
        (Some("interrupted"), Some(true)),
        "{stopped}"
    );
    sandbox.clear_faults();
    place.must(&["run", "resume", &stopped["id"].to_string()]);
    let written = std::fs::read_to_string(place.path().join("files/out.ndjson")).unwrap();
    assert_eq!(written.lines().count(), 400);

    // Asked twice, it ends at once.
    sandbox.add_fault(slowly(5_000));
    let mut served = Served::start(&place, &["--grace", "600"]);
    served.run().await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    served.terminate();
    tokio::time::sleep(Duration::from_millis(300)).await;
    served.terminate();
    assert_eq!(served.ended(Duration::from_secs(5)), Some(130));
}
