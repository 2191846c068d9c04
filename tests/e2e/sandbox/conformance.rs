//! The conformance kit: our connectors keep to the contract, and variants that
//! break one rule are found to break exactly that.

use super::{PASSWORD, agent, bytes, connection, describing, list_server};
use crate::program::program;
use crate::support::{Secrets, component, oauth};
use futures::StreamExt;
use host_harness::conformance::{Chosen, Report, Verdict, Wishes, examine};
use host_harness::connection::Environment;
use host_harness::runtime::Connection;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Reports that are made at a time.
const AT_ONCE: usize = 6;

fn chosen(activity: &str, object: &str) -> Chosen {
    Chosen {
        activity: activity.to_owned(),
        object: object.to_owned(),
        options: Vec::new(),
    }
}

async fn held(bytes: &[u8], connection: Connection, wishes: &Wishes) -> Report {
    let agent = agent();
    let held = examine(&agent, bytes, Some(connection), wishes);
    let report = tokio::time::timeout(Duration::from_secs(240), held).await;
    let report = report.unwrap().unwrap();
    for finding in &report.findings {
        if !matches!(finding.verdict, Verdict::Ok { .. }) {
            println!("{}: {:?}", finding.rule, finding.verdict);
        }
    }
    println!("seed {}", report.seed);
    report
}

fn wishes() -> Wishes {
    Wishes {
        changes: true,
        records: vec![r#"{"id":1}"#.to_owned(), r#"{"id":2}"#.to_owned()],
        rounds: 60,
        ..Wishes::default()
    }
}

fn with(breach: &str) -> Connection {
    let mut connection = connection().setting("breach", breach);
    connection.limits.memory = 256 << 20;
    connection.limits.cpu = Duration::from_secs(60);
    connection.limits.wall = Duration::from_secs(60);
    connection
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_breaks_nothing_is_found_to_keep_every_rule() {
    let report = held(&bytes(), with("none"), &wishes()).await;
    assert_eq!(report.broken(), Vec::<&str>::new());
    assert_eq!(report.not_tested(), Vec::<&str>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn each_breach_is_found_and_nothing_else() {
    let bytes = bytes();
    let breaches: Vec<(&str, &[&str])> = vec![
        ("checks", &["test-order"]),
        ("schema", &["shapes"]),
        ("undescribed", &["objects", "shapes"]),
        ("unknown", &["unknown-activity", "never-traps"]),
        (
            "options",
            &["unknown-option", "malformed-option", "never-traps"],
        ),
        ("untyped", &["unknown-activity"]),
        ("any-checkpoint", &["foreign-checkpoint"]),
        ("loses", &["resumes"]),
        ("deaf", &["cancelled"]),
        ("greedy", &["reads-as-it-writes"]),
        ("silent", &["one-answer"]),
        ("twice", &["one-answer"]),
        ("stranger", &["one-answer"]),
        ("acknowledges-once", &["acknowledged"]),
        ("leaks-data", &["no-secret-told"]),
        ("leaks-error", &["no-secret-told"]),
        ("leaks-log", &["no-secret-told"]),
        ("leaks-plan", &["no-secret-told"]),
    ];
    // Most of it is waiting.
    let held_all = futures::stream::iter(breaches).map(|(breach, rules)| {
        let bytes = &bytes;
        async move {
            let report = held(bytes, with(breach), &wishes()).await;
            assert_eq!(report.broken(), rules, "{breach}");
        }
    });
    held_all
        .buffer_unordered(AT_ONCE)
        .collect::<Vec<()>>()
        .await;
    // That all is held shows only where there is much.
    let much = with("hoards").setting("records", "10000");
    let report = held(&bytes, much, &wishes()).await;
    assert_eq!(report.broken(), ["slow-reader"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_lie_of_a_descriptor_is_found_and_nothing_else() {
    let lies = [
        ("unversioned", "identity"),
        ("misnamed", "identity"),
        ("ghost-secret", "reauthentication"),
        ("ghost-origin", "reaches"),
        ("twice-named", "form"),
        ("no-choice", "form"),
        ("changing", "describes-itself"),
        ("panicking", "describes-itself"),
    ];
    let held_all = futures::stream::iter(lies).map(async |(lie, rule)| {
        let few = Wishes {
            rounds: 5,
            ..wishes()
        };
        let report = held(&describing(lie), with("none"), &few).await;
        assert_eq!(report.broken(), [rule], "{lie}");
    });
    held_all
        .buffer_unordered(AT_ONCE)
        .collect::<Vec<()>>()
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_coupa_connector_keeps_to_the_contract() {
    let sandbox = crate::support::sandbox(&[("suppliers", 500)]);
    let coupa = std::fs::read(component()).unwrap();
    let dry = Wishes {
        sources: vec![chosen("query", "suppliers"), chosen("changes", "suppliers")],
        targets: vec![
            chosen("create", "suppliers"),
            chosen("upsert", "suppliers"),
            chosen("delete", "suppliers"),
        ],
        records: vec![r#"{"name":"Conformance Ltd","number":"C-1"}"#.to_owned()],
        changes: false,
        ..Wishes::default()
    };
    let before = sandbox.count("suppliers");
    let report = held(&coupa, oauth(&sandbox), &dry).await;
    assert_eq!(report.broken(), Vec::<&str>::new());
    // Acknowledging an export would change the records.
    assert_eq!(report.not_tested(), ["acknowledged"]);
    assert_eq!(sandbox.count("suppliers"), before, "nothing was changed");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_list_connector_keeps_to_the_contract() {
    let (url, list) = list_server::start(300).await;
    let bytes = std::fs::read(component().with_file_name("json-list.wasm")).unwrap();
    let mut connection = Connection::new("Lists").setting("url", &url);
    connection.environment = Environment::Development;
    connection.secrets = Arc::new(Secrets(BTreeMap::from([("token", PASSWORD.to_owned())])));
    let report = held(&bytes, connection, &wishes()).await;
    assert_eq!(report.broken(), Vec::<&str>::new());
    // It has no options and nothing to acknowledge.
    let not_tested = report.not_tested();
    assert_eq!(not_tested, ["malformed-option", "acknowledged"]);
    assert!(list.lock().unwrap().len() >= 302, "its target was run");
}

#[test]
fn the_program_reports_rule_by_rule_and_by_its_exit_code() {
    let home = tempfile::tempdir().unwrap();
    let hostile = component().with_file_name("hostile.wasm");
    let run = |breach: &str, more: &[&str]| {
        let output = std::process::Command::new(program())
            .arg("conformance")
            .arg(&hostile)
            .args([
                "--set",
                &format!("breach={breach}"),
                "--seed",
                "7",
                "--rounds",
                "10",
            ])
            .args(more)
            .env("HARNESS_HOME", home.path())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        (said, output.status.code())
    };
    let (said, code) = run("loses", &[]);
    assert_eq!(code, Some(1), "{said}");
    let broken: Vec<&str> = said
        .lines()
        .filter(|line| line.contains("BROKEN"))
        .collect();
    assert_eq!(broken.len(), 1, "{said}");
    assert!(
        broken[0].contains("resumes") && broken[0].contains("the contract:"),
        "{said}"
    );
    assert!(
        said.contains("records 190 were to come, and 189 came"),
        "{said}"
    );
    assert!(
        said.contains("allow that"),
        "what is not tested says why: {said}"
    );
    let (said, code) = run("none", &["--changes", "--json"]);
    assert_eq!(code, Some(0), "{said}");
    let report: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(report["seed"], 7);
    let findings = report["findings"].as_array().unwrap();
    assert!(
        findings.iter().all(|finding| finding["verdict"] == "ok"),
        "{said}"
    );
}
