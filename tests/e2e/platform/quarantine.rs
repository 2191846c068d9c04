//! A version that traps in runs: held back, shown with its reason and lifted, over HTTP
//! and on the command line.

use super::api::serve;
use super::command_line::harness;
use super::hostile::attacking;
use super::{Place, settings};
use host_harness::workspace::{ConnectionDraft, OperationId, RunState};
use serde_json::{Value, json};

/// A workspace with two versions of the hostile connector, the newer of which has
/// trapped three times; and an operation that would trap once more.
pub async fn held() -> (Place, OperationId) {
    let place = Place::with_hostile().await;
    let mut bytes = crate::sandbox::bytes();
    bytes.extend([0, 2, 1, b'x']);
    let registry = place.workspace.registry().folder().unwrap();
    let (name, version) = ("hostile".parse().unwrap(), "9.0.0".parse().unwrap());
    registry.publish(&name, version, &bytes).unwrap();
    let draft = attacking("Hostile", "panic-midway", &[]);
    let connection = place.attack(draft).await;
    let operation = place.reading(&connection).await;
    for _ in 0..3 {
        let run = place.ran(operation).await;
        assert_eq!(run.state, RunState::Failure);
        assert_eq!(run.connectors[0].version, "9.0.0");
        let error = run.error.unwrap();
        assert!(error.contains("[runtime.trap]"), "{error}");
        // What was delivered before stands.
        assert_eq!(run.counts.written, 3);
    }
    (place, operation)
}

/// Makes the connection a good one, at this version.
pub async fn mend(place: &Place, version: &str) {
    let saved = place
        .workspace
        .connections(super::PROJECT)
        .unwrap()
        .remove(0);
    let draft = ConnectionDraft {
        version: version.to_owned(),
        settings: settings(&[]),
        secrets: Default::default(),
        ..attacking("Hostile", "", &[])
    };
    let mended = place
        .workspace
        .update_connection(saved.id, saved.revision, draft);
    mended.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_traps_in_runs_is_held_back_shown_and_lifted() {
    rustls::crypto::ring::default_provider()
        .install_default()
        .ok();
    let (place, operation) = held().await;
    let screen = serve(&place).await;
    let (_, shown) = screen.call("GET", "/quarantine", Value::Null).await;
    let kept = &shown.as_array().unwrap()[0];
    assert_eq!(
        (&kept["connector"], &kept["version"]),
        (&json!("hostile"), &json!("9.0.0"))
    );
    assert_eq!(
        (&kept["agent"], &kept["breakdowns"]),
        (&json!("Agent 1"), &json!(3))
    );
    assert!(
        kept["last"].as_str().unwrap().contains("runtime.trap"),
        "{kept}"
    );
    assert!(kept["since"].is_string(), "{kept}");

    // The version before it is used, and the run warns of it.
    mend(&place, "newest").await;
    let run = place.ran(operation).await;
    assert_eq!(run.state, RunState::Success, "{run:?}");
    assert_ne!(run.connectors[0].version, "9.0.0");
    assert!(
        run.warnings[0].contains("hostile 9.0.0 is in quarantine"),
        "{run:?}"
    );
    // Who pins it is refused, with the reason.
    mend(&place, "9.0.0").await;
    let run = place.ran(operation).await;
    let error = run.error.unwrap();
    assert!(
        error.contains("harness quarantine lift hostile 9.0.0"),
        "{error}"
    );

    let lift = json!({ "connector": "hostile", "version": "9.0.0" });
    let (status, _) = screen.call("POST", "/quarantine/lift", lift.clone()).await;
    assert_eq!(status, 200);
    let run = place.ran(operation).await;
    assert_eq!(
        (run.state, run.connectors[0].version.as_str()),
        (RunState::Success, "9.0.0")
    );
    let (status, refused) = screen.call("POST", "/quarantine/lift", lift).await;
    assert_eq!(
        (status, &refused["error"]["code"]),
        (404, &json!("not-found"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_lifts_what_it_lists() {
    let (place, operation) = held().await;
    let run = |arguments: &[&str]| {
        harness(
            place.home.path(),
            &[&["quarantine"], arguments, &["--json"]].concat(),
        )
    };
    let (code, listed, _) = run(&["list"]);
    assert_eq!((code, &listed[0]["version"]), (0, &json!("9.0.0")));
    assert!(
        listed[0]["last"].as_str().unwrap().contains("runtime.trap"),
        "{listed}"
    );
    let (code, _, said) = run(&["lift", "hostile", "8.0.0"]);
    assert!(code == 1 && said.contains("8.0.0"), "{said}");
    let (code, left, _) = run(&["lift", "hostile", "9.0.0"]);
    assert_eq!((code, left), (0, json!([])));
    mend(&place, "newest").await;
    assert_eq!(place.ran(operation).await.connectors[0].version, "9.0.0");
}
