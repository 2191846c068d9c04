//! What a tool that knows nothing of connectors, Debian's `skopeo`, makes of them: it
//! copies a version into a folder as any OCI artifact, and mirrors a registry for a site
//! that reaches only its own; there agents trust the versions as they did before.

use super::server::Server;
use super::trust::trusting;
use super::{agent, altered, code, json_list, key, newest, version};
use host_harness::agent::Publication;
use host_harness::registry::Digest;
use std::process::Command;

fn skopeo(arguments: &[&str]) {
    let ran = Command::new("skopeo")
        .arg("--insecure-policy")
        .args(arguments)
        .output()
        .unwrap_or_else(|error| {
            panic!("skopeo cannot be started ({error}): run `cargo xtask test`")
        });
    assert!(
        ran.status.success(),
        "{}",
        String::from_utf8_lossy(&ran.stderr)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn other_tools_copy_and_mirror_versions_with_their_signatures() {
    let (ours, theirs) = (Server::start(), Server::start());
    let home = tempfile::tempdir().unwrap();
    let at = |name: &str| home.path().join(name);
    let signing = key();
    let publisher = agent(&at("publisher"), &ours.address());
    let mut published = Vec::new();
    for (number, component) in [("0.1.0", json_list()), ("0.2.0", altered(b'b'))] {
        let publication = Publication {
            component,
            version: Some(version(number)),
            key: Some(signing.clone()),
            ..Publication::default()
        };
        published.push(publisher.publish_with(publication).await.unwrap());
    }

    let folder = at("copied");
    skopeo(&[
        "copy",
        "--quiet",
        "--src-tls-verify=false",
        &format!("docker://{}/connectors/json-list:0.1.0", ours.host()),
        &format!("dir:{}", folder.display()),
    ]);
    let layer = std::fs::read(folder.join(published[0].digest.hex())).unwrap();
    assert!(layer == json_list());
    let manifest = std::fs::read(folder.join("manifest.json")).unwrap();
    assert_eq!(Some(Digest::of(&manifest)), published[0].manifest);

    let repository = format!("{}/connectors/json-list", ours.host());
    let mirror = format!("{}/connectors", theirs.host());
    skopeo(&[
        "sync",
        "--src=docker",
        "--dest=docker",
        "--src-tls-verify=false",
        "--dest-tls-verify=false",
        &repository,
        &mirror,
    ]);
    let there = trusting(&at("there"), &theirs.address(), &[&signing]);
    let taken = newest(&there).await.unwrap();
    assert_eq!(taken.entry.version, version("0.2.0"));
    assert_eq!(taken.pulled.digest, published[1].digest);
    let stranger = trusting(&at("stranger"), &theirs.address(), &[&key()]);
    assert_eq!(code(newest(&stranger).await), "trust.unknown-key");
}
