//! The same from the command line, by way of the program.

use crate::support::{CLIENT_ID, CLIENT_SECRET, component, sandbox};
use serde_json::Value;
use std::path::Path;
use std::process::Command;

/// Runs the program, and answers its exit code and what it says in JSON.
pub fn harness(home: &Path, arguments: &[&str]) -> (i32, Value, String) {
    let output = Command::new(crate::program::program())
        .args(arguments)
        .env("HARNESS_HOME", home)
        .env("THE_SECRET", CLIENT_SECRET)
        .env_remove("HARNESS_PROJECT")
        .env_remove("HARNESS_ENVIRONMENT")
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let complained = String::from_utf8(output.stderr).unwrap();
    assert!(!format!("{said}{complained}").contains(CLIENT_SECRET));
    let json = serde_json::from_str(&said).unwrap_or(Value::Null);
    (output.status.code().unwrap(), json, complained)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_does_what_the_screen_does() {
    let sandbox = sandbox(&[("suppliers", 30)]);
    let home = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str]| harness(home.path(), arguments);
    let component = component();
    assert_eq!(run(&["publish", component.to_str().unwrap()]).0, 0);
    let host = format!("host={}", sandbox.base_url());
    let client = format!("client-id={CLIENT_ID}");
    let fields = [
        "--set",
        &host,
        "--set",
        &client,
        "--secret",
        "client-secret=env:THE_SECRET",
    ];
    let create = [
        &[
            "connection",
            "create",
            "Coupa",
            "--connector",
            "coupa",
            "--json",
        ][..],
        &fields,
    ]
    .concat();
    let (status, connection, _) = run(&create);
    assert_eq!((status, connection["name"].as_str()), (0, Some("Coupa")));
    let (status, report, _) = run(&["connection", "test", "Coupa", "--json"]);
    assert_eq!((status, report["passed"].as_bool()), (0, Some(true)));

    run(&["policy", "set", "reauthentication-on-change", "on"]);
    let moved = [
        "connection",
        "update",
        "Coupa",
        "--set",
        "host=https://other.example.com",
    ];
    let (status, _, complained) = run(&moved);
    assert_eq!(status, 1);
    assert!(
        complained.contains("type again “Client Secret”"),
        "{complained}"
    );
    run(&["policy", "set", "reauthentication-on-change", "off"]);

    assert_eq!(run(&["variable", "set", "most", "7"]).0, 0);
    let query = [
        "activity",
        "create",
        "Coupa",
        "query",
        "Some",
        "suppliers",
        "-o",
        "limit=[most]",
    ];
    assert_eq!(run(&query).0, 0);
    let (status, _, complained) = run(&["variable", "delete", "most"]);
    assert_eq!(status, 1);
    assert!(
        complained.contains("in use by activity “Some”"),
        "{complained}"
    );
    let (status, _, complained) = run(&["connection", "delete", "Coupa", "--yes"]);
    assert_eq!(status, 1);
    assert!(complained.contains("activity “Some”"), "{complained}");
    let set = [
        "operation",
        "set",
        "Export",
        "--source",
        "Coupa/Some",
        "--mapping",
        "{name}",
        "--target",
        "out.ndjson",
    ];
    assert_eq!(run(&set).0, 0);
    assert_eq!(run(&["operation", "check", "Export"]).0, 0);
    let (status, ended, _) = run(&["operation", "run", "Export", "--json"]);
    assert_eq!(
        (status, ended["counts"]["written"].as_u64()),
        (0, Some(7)),
        "{ended}"
    );
    let (_, runs, _) = run(&["run", "list", "--json"]);
    assert_eq!(runs[0]["state"].as_str(), Some("success"));
    let (_, agents, _) = run(&["agent", "list", "--json"]);
    assert_eq!(agents[0]["versions"][0]["version"].as_str(), Some("0.1.0"));
    assert_eq!(run(&["run", "show", "4711"]).0, 1);
}
