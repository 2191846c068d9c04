//! What is left of a run, to be looked at and run again elsewhere.

use super::{Place, text};
use crate::support::{CLIENT_SECRET, component, sandbox};
use coupa_sandbox::{Fault, FaultRule};
use serde_json::Value;
use std::process::Command;

/// The files of a bundle, unpacked.
fn unpacked(place: &Place, bundle: &str) -> String {
    let folder = place.path().join("unpacked");
    std::fs::create_dir_all(&folder).unwrap();
    let done = Command::new("tar")
        .args(["-xzf", bundle, "-C"])
        .arg(&folder)
        .status()
        .unwrap();
    assert!(done.success());
    ["manifest.json", "source.ndjson", "target.ndjson"]
        .iter()
        .map(|name| std::fs::read_to_string(folder.join(name)).unwrap())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recorded_run_gives_the_same_events_without_the_remote_system() {
    let source = sandbox(&[("suppliers", 120)]);
    let target = sandbox(&[("suppliers", 0)]);
    // A run is recorded because something is odd: some answers are lost, others refuse.
    source.add_fault(FaultRule::next(1, Fault::status(503)));
    let place = Place::new(&[&source, &target]);
    place.must(&[
        "activity",
        "create",
        "Coupa 1",
        "changes",
        "New",
        "suppliers",
    ]);
    place.must(&[
        "activity",
        "create",
        "Coupa 2",
        "create",
        "Make",
        "suppliers",
    ]);
    place.must(&[
        "operation", "set", "Copy",
        "--source", "Coupa 1/New",
        "--mapping", r#"if .id % 10 == 0 then {name: ("S" + (.id | tostring)), "payment-term": {code: "none"}} else {name: ("S" + (.id | tostring))} end"#,
        "--target", "Coupa 2/Make",
    ]);
    let run = place.run(&["operation", "run", "Copy", "--record", "--json"]);
    assert_eq!(run.status.code(), Some(3), "{}", text(&run.stderr));
    let run: Value = serde_json::from_slice(&run.stdout).unwrap();
    assert!(run["counts"]["rejected"].as_u64().unwrap() >= 10, "{run}");
    let id = run["id"].to_string();
    let bundle = place.path().join("run.tar.gz");
    let bundle = bundle.to_str().unwrap();
    let made = place.must(&["run", "bundle", &id, "-o", bundle]);
    assert!(made.contains("source.ndjson and target.ndjson"), "{made}");

    let everything = unpacked(&place, bundle);
    assert!(!everything.contains(CLIENT_SECRET));
    assert!(!everything.contains("Bearer"));
    let tokens = everything.matches("access_token").count();
    let redacted = everything
        .matches(r#"access_token\":\"[redacted]\""#)
        .count();
    assert_eq!((tokens, redacted), (2, 2), "a token in the bundle");

    // Neither Coupa nor the secret are there any more.
    drop((source, target));
    let replayed = place.must(&["replay", bundle]);
    assert_eq!(replayed.matches("the same").count(), 2, "{replayed}");
    assert!(replayed.contains("changes of suppliers"), "{replayed}");

    // A component that asks otherwise is found out: the same one, with another
    // version of the API in its paths.
    let bytes = std::fs::read(component()).unwrap();
    let (old, new) = (b"/oauth2/token", b"/oauth3/token");
    let altered: Vec<u8> = {
        let mut bytes = bytes;
        let mut at = 0;
        let mut found = 0;
        while let Some(next) = bytes[at..].windows(old.len()).position(|w| w == old) {
            bytes[at + next..at + next + old.len()].copy_from_slice(new);
            at += next + old.len();
            found += 1;
        }
        assert!(found > 0);
        bytes
    };
    let other = place.path().join("other.wasm");
    std::fs::write(&other, altered).unwrap();
    let differs = place.run(&["replay", bundle, "--component", other.to_str().unwrap()]);
    assert_eq!(differs.status.code(), Some(1));
    let said = text(&differs.stdout);
    assert!(said.contains("it asked POST /oauth3/token"), "{said}");

    // A bundle that was tampered with is refused.
    let tampered = place.path().join("tampered.tar.gz");
    std::fs::write(place.path().join("unpacked/source.ndjson"), "{}\n").unwrap();
    let packed = Command::new("tar")
        .arg("-czf")
        .arg(&tampered)
        .args(["-C"])
        .arg(place.path().join("unpacked"))
        .args(["manifest.json", "source.ndjson", "target.ndjson"])
        .status()
        .unwrap();
    assert!(packed.success());
    let refused = place.run(&["replay", tampered.to_str().unwrap()]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused.stderr).contains("is not what its manifest says"));
}
