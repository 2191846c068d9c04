//! Limits of a workspace's connections: set by each door, kept within their bounds,
//! exported, and reached by runs.

use super::api::serve;
use super::command_line::harness;
use super::hostile::attacking;
use super::{PROJECT, Place, settings};
use host_harness::workspace::{RunState, WorkspaceError};
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_held_to_the_limits_of_its_connection() {
    let place = Place::with_hostile().await;
    for (instead, limit, said) in [
        (
            "grow",
            ("memory-mib", "8"),
            "8388608 bytes of memory [runtime.memory]",
        ),
        ("spin", ("cpu-seconds", "1"), "its 1 s of processor time"),
        (
            "never-ends",
            ("wall-seconds", "1"),
            "longer than its 1 s [runtime.wall-time]",
        ),
        (
            "huge-event bytes=2000000",
            ("handed-over-mib", "1"),
            "1048576 bytes at once",
        ),
        (
            "handles",
            ("handles", "50"),
            "its 50 handles [runtime.handles]",
        ),
    ] {
        let name = format!("Limited in {}", limit.0);
        let connection = place.attack(attacking(&name, instead, &[limit])).await;
        let operation = place.reading(&connection).await;
        let run = place.ran(operation).await;
        assert_eq!(run.state, RunState::Failure, "{run:?}");
        let error = run.error.unwrap();
        assert!(error.contains(said), "{error}");
    }
    // Memory and processor time that a person made tight are not held against the
    // version; that it hung without asking anybody anything is.
    let counted = place.workspace.quarantine().unwrap();
    assert_eq!(
        (counted.len(), counted[0].breakdowns),
        (1, 1),
        "{counted:?}"
    );
    assert!(counted[0].last.contains("runtime.wall-time"), "{counted:?}");
    for (mib, said) in [("1", "TooLarge(1048576)"), ("3", "TooLarge(3145728)")] {
        let name = format!("Files of {mib} MiB");
        let draft = attacking(&name, "file-flood", &[("file-mib", mib)]);
        let connection = place.attack(draft).await;
        let operation = place.reading(&connection).await;
        let run = place.ran(operation).await;
        let file = place.workspace.open_file(&run.output.unwrap()).unwrap();
        let text = std::io::read_to_string(file).unwrap();
        assert!(text.contains(said), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_door_sets_limits_within_their_bounds() {
    rustls::crypto::ring::default_provider()
        .install_default()
        .ok();
    let place = Place::with_hostile().await;
    let screen = serve(&place).await;
    let (_, known) = screen.call("GET", "/limits", Value::Null).await;
    let memory = json!({
        "name": "memory-mib", "title": "Memory, in MiB", "default": 256, "least": 1, "most": 4096,
    });
    assert!(known.as_array().unwrap().contains(&memory), "{known}");

    let draft = |limits: Value| {
        json!({
            "name": "Limited", "connector": "hostile", "limits": limits,
            "secrets": { "password": "p4ssw0rd-of-it" },
        })
    };
    let path = format!("/projects/{PROJECT}/connections");
    for (name, value, said) in [
        ("memory-mib", "0", "a whole number from 1 to 4096"),
        ("memory-mib", "4097", "a whole number from 1 to 4096"),
        ("handles", "many", "a whole number from 1 to 100000"),
        (
            "memory",
            "5",
            "there is no limit of this name; there are memory-mib",
        ),
    ] {
        let limits = json!([{ "name": name, "value": value }]);
        let (status, refused) = screen.call("POST", &path, draft(limits)).await;
        assert_eq!(status, 422, "{refused}");
        let finding = &refused["error"]["findings"][0];
        assert_eq!(finding["property"], format!("limits.{name}"));
        assert_eq!(finding["code"], "limit");
        assert!(
            finding["message"].as_str().unwrap().contains(said),
            "{finding}"
        );
    }
    let limits = json!([{ "name": "memory-mib", "value": "512" }]);
    let (status, made) = screen.call("POST", &path, draft(limits.clone())).await;
    assert_eq!((status, &made["limits"]), (200, &limits));

    let home = place.home.path();
    let run = |arguments: &[&str]| harness(home, &[&["connection"], arguments].concat());
    let update = |limit: &str| run(&["update", "Limited", "--json", "--limit", limit]);
    let (code, changed, _) = update("handles=99");
    assert_eq!((code, changed["limits"].as_array().unwrap().len()), (0, 2));
    let (code, _, said) = update("handles=0");
    assert!(
        code == 1 && said.contains("handles has to be a whole number from 1"),
        "{said}"
    );
    let (_, changed, _) = update("memory-mib=");
    let kept = json!([{ "name": "handles", "value": "99" }]);
    assert_eq!(changed["limits"], kept);
    let (_, known, _) = run(&["limits", "--json"]);
    assert!(known.as_array().unwrap().contains(&memory), "{known}");

    // A copy has them, and so has what is exported and imported elsewhere.
    let saved = place.workspace.connections(PROJECT).unwrap().remove(0);
    let copy = place.workspace.duplicate_connection(saved.id).unwrap();
    assert_eq!(copy.limits, settings(&[("handles", "99")]));
    place.workspace.delete_connection(copy.id).unwrap();
    let folder = tempfile::tempdir().unwrap();
    place.workspace.export(folder.path(), None).unwrap();
    let elsewhere = Place::with_hostile().await;
    elsewhere.workspace.import(folder.path()).await.unwrap();
    let imported = elsewhere.workspace.connections(PROJECT).unwrap().remove(0);
    assert_eq!(imported.limits, saved.limits);
    let file = folder
        .path()
        .join("projects/My project/connections/Limited.hostile.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("\"99\"", "\"0\"")).unwrap();
    let refused = elsewhere.workspace.import(folder.path()).await.unwrap_err();
    assert!(matches!(refused, WorkspaceError::Invalid(_)), "{refused}");
}
