//! Publishing into an OCI registry and downloading from it.

use super::proxy::Proxy;
use super::server::{Kind, PASSWORD, Server, USER};
use super::{agent, altered, code, exactly, json_list, name, newest, release, settings, version};
use host_harness::agent::{Agent, Publication};
use host_harness::egress::Certificates;
use host_harness::registry::{Credentials, Digest, Requirement};
use serde_json::{Value, json};
use std::path::Path;
use std::sync::atomic::Ordering;

async fn get(server: &Server, path: &str) -> reqwest::Response {
    reqwest::Client::new()
        .get(format!("http://{}/v2/{path}", server.host()))
        .header("accept", "application/vnd.oci.image.manifest.v1+json")
        .send()
        .await
        .unwrap()
}

/// Pushes a blob as any tool would.
pub(super) async fn put_blob(server: &Server, repository: &str, bytes: &[u8]) -> String {
    let client = reqwest::Client::new();
    let begun = client
        .post(format!(
            "http://{}/v2/{repository}/blobs/uploads/",
            server.host()
        ))
        .send()
        .await
        .unwrap();
    let place = begun.headers()["location"].to_str().unwrap();
    let digest = Digest::of(bytes).to_string();
    let sign = if place.contains('?') { '&' } else { '?' };
    let put = client
        .put(format!("{place}{sign}digest={digest}"))
        .body(bytes.to_vec())
        .send()
        .await
        .unwrap();
    assert_eq!(put.status(), 201);
    digest
}

/// Pushes a manifest with one layer of this type and size.
async fn put_foreign(
    server: &Server,
    tag: &str,
    config: (&str, Value),
    layer: &str,
    bytes: &[u8],
    size: usize,
) {
    let repository = "connectors/json-list";
    let config_bytes = config.1.to_string().into_bytes();
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {
            "mediaType": config.0, "size": config_bytes.len(),
            "digest": put_blob(server, repository, &config_bytes).await,
        },
        "layers": [{
            "mediaType": layer, "size": size,
            "digest": put_blob(server, repository, bytes).await,
        }],
    });
    let kind = "application/vnd.oci.image.manifest.v1+json";
    put_manifest(server, repository, tag, kind, &manifest).await;
}

/// Pushes a manifest or an index as any tool would.
pub(super) async fn put_manifest(
    server: &Server,
    repository: &str,
    tag: &str,
    media_type: &str,
    content: &Value,
) {
    let put = reqwest::Client::new()
        .put(format!(
            "http://{}/v2/{repository}/manifests/{tag}",
            server.host()
        ))
        .header("content-type", media_type)
        .body(content.to_string())
        .send()
        .await
        .unwrap();
    assert_eq!(put.status(), 201, "{}", put.text().await.unwrap());
}

fn publication(created: i64) -> Publication {
    Publication {
        component: json_list(),
        source: Some("https://source.example/json-list".to_owned()),
        revision: Some("0123abc".to_owned()),
        licenses: Some("Apache-2.0".to_owned()),
        created: Some(jiff::Timestamp::from_second(created).unwrap()),
        bill_of_materials: Some(br#"{"bomFormat":"CycloneDX"}"#.to_vec()),
        ..Publication::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_is_published_in_the_common_layout_and_downloaded_and_runs() {
    let server = Server::start();
    let home = tempfile::tempdir().unwrap();
    let publisher = agent(&home.path().join("publisher"), &server.address());
    let published = publisher
        .publish_with(publication(1_700_000_000))
        .await
        .unwrap();

    // As wkg and oras expect it.
    let response = get(&server, "connectors/json-list/manifests/0.1.0").await;
    let media_type = response.headers()["content-type"]
        .to_str()
        .unwrap()
        .to_owned();
    assert_eq!(media_type, "application/vnd.oci.image.manifest.v1+json");
    let bytes = response.bytes().await.unwrap();
    assert_eq!(Some(Digest::of(&bytes)), published.manifest);
    let manifest: Value = serde_json::from_slice(&bytes).unwrap();
    assert_eq!(
        manifest["config"]["mediaType"],
        "application/vnd.wasm.config.v0+json"
    );
    assert_eq!(manifest["layers"].as_array().unwrap().len(), 1);
    assert_eq!(manifest["layers"][0]["mediaType"], "application/wasm");
    assert_eq!(
        manifest["layers"][0]["digest"],
        published.digest.to_string()
    );
    let annotations = &manifest["annotations"];
    let said = |key: &str| annotations[format!("org.opencontainers.image.{key}")].clone();
    assert_eq!(said("version"), "0.1.0");
    assert_eq!(said("revision"), "0123abc");
    assert_eq!(said("created"), "2023-11-14T22:13:20Z");
    let config = manifest["config"]["digest"].as_str().unwrap();
    let config: Value = get(&server, &format!("connectors/json-list/blobs/{config}"))
        .await
        .json::<Value>()
        .await
        .unwrap();
    assert_eq!(
        (&config["architecture"], &config["os"]),
        (&json!("wasm"), &json!("wasip2"))
    );
    assert_eq!(
        config["layerDigests"],
        json!([published.digest.to_string()])
    );
    let exports = config["component"]["exports"].to_string();
    assert!(
        exports.contains("integration:connector/connector@0.2"),
        "{exports}"
    );

    // The same publication elsewhere is the same to the byte.
    let other = Server::start();
    let elsewhere = agent(&home.path().join("elsewhere"), &other.address());
    let again = elsewhere
        .publish_with(publication(1_700_000_000))
        .await
        .unwrap();
    assert_eq!(again.manifest, published.manifest);
    // Once more changes nothing; other bytes are refused.
    publisher
        .publish_with(publication(1_700_000_001))
        .await
        .unwrap();
    let taken = publisher
        .registry()
        .publish(&release("0.1.0", altered(b'x')))
        .await
        .unwrap_err();
    assert_eq!(taken.code(), "registry.version-taken");

    let consumer = agent(&home.path().join("consumer"), &server.address());
    let downloaded = newest(&consumer).await.unwrap();
    assert!(downloaded.pulled.transferred);
    assert_eq!(downloaded.connector.descriptor().id, "json-list");
    let facts = &downloaded.entry.facts;
    assert_eq!(facts.reaches, ["url"]);
    assert_eq!(facts.contract.as_ref().unwrap().minor, 2);
    assert_eq!(facts.revision.as_deref(), Some("0123abc"));
    assert!(!newest(&consumer).await.unwrap().pulled.transferred);
    let bill = consumer
        .registry()
        .bill_of_materials(&downloaded.entry)
        .await
        .unwrap();
    assert_eq!(bill.unwrap(), br#"{"bomFormat":"CycloneDX"}"#);
    let listed = consumer.registry().list().await.unwrap().entries;
    assert_eq!(listed.len(), 1, "what goes with a version is no version");
    assert_eq!(listed[0].name, name());
    let unknown = consumer
        .download(&"nothing".parse().unwrap(), &Requirement::Newest)
        .await;
    assert_eq!(code(unknown), "registry.unknown-connector");
    assert_eq!(
        code(consumer.download(&name(), &exactly("7.0.0")).await),
        "registry.unknown-version"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_other_tools_push_is_taken_where_it_is_a_connector() {
    let server = Server::start();
    let home = tempfile::tempdir().unwrap();
    let exports = |contract: &str| {
        json!({
            "created": "2026-01-02T03:04:05Z", "architecture": "wasm", "os": "wasip2",
            "layerDigests": [], "component": {
                "exports": [format!("integration:connector/connector@{contract}")],
                "imports": [], "target": null },
        })
    };
    let wasm = "application/vnd.wasm.config.v0+json";
    let (bytes, other) = (json_list(), altered(b'o'));
    let spin = "application/vnd.wasm.content.layer.v1+wasm";
    put_foreign(
        &server,
        "1.0.0",
        (wasm, exports("0.2.0")),
        spin,
        &bytes,
        bytes.len(),
    )
    .await;
    let downloaded = newest(&agent(&home.path().join("a"), &server.address()))
        .await
        .unwrap();
    assert_eq!(downloaded.entry.version, version("1.0.0"));
    assert_eq!(
        downloaded.entry.published_at.to_string(),
        "2026-01-02T03:04:05Z"
    );

    // A contract that this host does not serve: known without a download.
    let plain = "application/wasm";
    put_foreign(
        &server,
        "2.0.0",
        (wasm, exports("0.9.0")),
        plain,
        &other,
        other.len(),
    )
    .await;
    let mut future = json_list();
    let old = b"integration:connector/connector@0.2.";
    let new = b"integration:connector/connector@0.7.";
    for at in 0..future.len() - old.len() {
        if future[at..].starts_with(old) {
            future[at..at + old.len()].copy_from_slice(new);
        }
    }
    // Nobody says so of this one: it is known from the component.
    let nothing = ("application/vnd.unknown.config.v1+json", json!({}));
    put_foreign(
        &server,
        "3.0.0",
        nothing.clone(),
        plain,
        &future,
        future.len(),
    )
    .await;
    put_foreign(
        &server,
        "4.0.0-rc.1",
        (wasm, exports("0.2.0")),
        plain,
        &other,
        other.len(),
    )
    .await;
    put_foreign(
        &server,
        "latest",
        (wasm, exports("0.2.0")),
        plain,
        &other,
        other.len(),
    )
    .await;
    let downloaded = newest(&agent(&home.path().join("b"), &server.address()))
        .await
        .unwrap();
    assert_eq!(downloaded.entry.version, version("1.0.0"));
    let b = agent(&home.path().join("b"), &server.address());
    let unserved = b.download(&name(), &exactly("3.0.0")).await;
    assert_eq!(code(unserved), "version.none-served");
    let rc = b.download(&name(), &exactly("4.0.0-rc.1")).await.unwrap();
    assert_eq!(rc.entry.version, version("4.0.0-rc.1"));

    // What is no connector, or lies about its size.
    put_foreign(&server, "5.0.0", nothing.clone(), "text/plain", b"hello", 5).await;
    assert_eq!(
        code(b.download(&name(), &exactly("5.0.0")).await),
        "registry.not-a-connector"
    );
    put_foreign(&server, "6.0.0", nothing, plain, &altered(b'6'), 1000).await;
    assert_eq!(
        code(b.download(&name(), &exactly("6.0.0")).await),
        "store.wrong-content"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_that_were_tampered_with_are_never_run() {
    let server = Server::start();
    let home = tempfile::tempdir().unwrap();
    let publisher = agent(&home.path().join("publisher"), &server.address());
    let published = publisher.publish_with(publication(1)).await.unwrap();
    let blob = server.blob(&published.digest.to_string());
    let whole = std::fs::read(&blob).unwrap();
    let mut flipped = whole.clone();
    flipped[1000] ^= 1;
    let consumer = agent(&home.path().join("consumer"), &server.address());
    std::fs::write(&blob, &flipped).unwrap();
    assert_eq!(code(newest(&consumer).await), "store.wrong-content");
    std::fs::write(&blob, &whole).unwrap();
    newest(&consumer).await.unwrap();

    // The manifest, too.
    let manifest = server.blob(&published.manifest.unwrap().to_string());
    let mut text = std::fs::read_to_string(&manifest).unwrap();
    text = text.replace("0123abc", "0123abd");
    std::fs::write(&manifest, text).unwrap();
    let fresh = agent(&home.path().join("fresh"), &server.address());
    let refused = code(newest(&fresh).await);
    assert!(
        [
            "registry.wrong-digest",
            "registry.failing",
            "registry.unknown-connector",
            "registry.unknown-version"
        ]
        .contains(&refused),
        "{refused}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transfer_that_breaks_off_goes_on_where_it_was_also_in_another_process() {
    let server = Server::start();
    let home = tempfile::tempdir().unwrap();
    let publisher = agent(&home.path().join("publisher"), &server.address());
    publisher.publish_with(publication(1)).await.unwrap();
    let size = json_list().len();
    let proxy = Proxy::start(server.host()).await;
    let consumer_home = home.path().join("consumer");

    // One attempt gets a part of it.
    proxy.cut_at.store(size / 3, Ordering::SeqCst);
    let mut impatient = settings(&consumer_home, &proxy.address);
    impatient.oci.attempts = 1;
    let impatient = Agent::with_settings(&consumer_home, impatient).unwrap();
    assert_eq!(code(newest(&impatient).await), "registry.broken-off");
    drop(impatient);
    proxy.asked();
    let before = proxy.answered.load(Ordering::SeqCst);
    assert!(before >= size / 3, "{before}");

    // Another agent in the same home goes on from there.
    let consumer = agent(&consumer_home, &proxy.address);
    let downloaded = newest(&consumer).await.unwrap();
    assert_eq!(std::fs::read(&downloaded.pulled.path).unwrap(), json_list());
    let asked = proxy.asked();
    assert!(asked.contains("range: bytes="), "{asked}");
    let after = proxy.answered.load(Ordering::SeqCst) - before;
    assert!(after < size, "{after} bytes for the rest of {size}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_component_that_is_too_large_is_not_even_asked_for() {
    let server = Server::start();
    let home = tempfile::tempdir().unwrap();
    let publisher = agent(&home.path().join("publisher"), &server.address());
    publisher.publish_with(publication(1)).await.unwrap();
    let proxy = Proxy::start(server.host()).await;
    let consumer = home.path().join("consumer");
    let mut small = settings(&consumer, &proxy.address);
    small.max_bytes = 10_000;
    let small = Agent::with_settings(&consumer, small).unwrap();
    assert_eq!(code(newest(&small).await), "store.too-large");
    let digest = Digest::of(&json_list());
    assert!(!proxy.asked().contains(&format!("blobs/{digest}")));
}

#[tokio::test(flavor = "multi_thread")]
async fn only_whom_the_registry_knows_gets_in() {
    let server = Server::of(Kind {
        password: true,
        tls: false,
    });
    let home = tempfile::tempdir().unwrap();
    let as_who = |folder: &str, credentials: Credentials| {
        let home = home.path().join(folder);
        let mut settings = settings(&home, &server.address());
        settings.oci.credentials = credentials;
        Agent::with_settings(&home, settings).unwrap()
    };
    let basic = |password: &str| Credentials::Basic(USER.to_owned(), password.to_owned().into());
    let robot = as_who("robot", basic(PASSWORD));
    robot.publish_with(publication(1)).await.unwrap();
    newest(&robot).await.unwrap();
    for wrong in [
        as_who("wrong", basic("another-password")),
        as_who("nobody", Credentials::Anonymous),
        as_who("token", Credentials::Bearer("a-token".to_owned().into())),
    ] {
        let error = newest(&wrong).await.unwrap_err();
        assert_eq!(error.code(), "registry.credentials");
        assert!(!format!("{error} {error:?}").contains("another-password"));
        let error = wrong.publish_with(publication(1)).await.unwrap_err();
        assert_eq!(error.code(), "registry.credentials", "{error}");
    }
    // Over the network credentials go under TLS alone.
    let mut clear = settings(home.path(), "oci+http://registry.example/c");
    clear.oci.credentials = basic(PASSWORD);
    let refused = Agent::with_settings(home.path(), clear).err().unwrap();
    assert_eq!(refused.code(), "registry.settings");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_is_believed_under_a_certificate_that_is_trusted_alone() {
    let server = Server::of(Kind {
        password: false,
        tls: true,
    });
    let stranger = Server::of(Kind {
        password: false,
        tls: true,
    });
    let home = tempfile::tempdir().unwrap();
    let trusting = |folder: &str, authority: &str| {
        let home: &Path = &home.path().join(folder);
        let mut settings = settings(home, &server.address());
        settings.oci.attempts = 1;
        if !authority.is_empty() {
            settings.oci.certificates = Certificates::from_pem(authority).unwrap();
        }
        Agent::with_settings(home, settings).unwrap()
    };
    let right = trusting("right", &server.authority);
    right.publish_with(publication(1)).await.unwrap();
    newest(&right).await.unwrap();
    for authority in ["", stranger.authority.as_str()] {
        let wrong = trusting(&format!("wrong-{}", authority.len()), authority);
        assert_eq!(code(newest(&wrong).await), "registry.certificate");
        let error = wrong.publish_with(publication(1)).await.unwrap_err();
        assert_eq!(error.code(), "registry.certificate", "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_has_a_version_starts_without_the_registry() {
    let mut server = Server::start();
    let home = tempfile::tempdir().unwrap();
    let publisher = agent(&home.path().join("publisher"), &server.address());
    publisher.publish_with(publication(1)).await.unwrap();
    let consumer = home.path().join("consumer");
    let patient = |home: &Path| {
        let mut settings = settings(home, &server.address());
        settings.oci.attempts = 2;
        Agent::with_settings(home, settings).unwrap()
    };
    let online = newest(&patient(&consumer)).await.unwrap();
    assert!(online.offline.is_none());
    let (again, without) = (patient(&consumer), patient(&home.path().join("new")));
    server.stop();
    let offline = newest(&again).await.unwrap();
    assert_eq!(offline.entry, online.entry);
    assert!(offline.offline.unwrap().contains("cannot be reached"));
    // What is asked for exactly needs no registry at all.
    let exact = again.download(&name(), &exactly("0.1.0")).await.unwrap();
    assert!(exact.offline.is_none());
    assert_eq!(code(newest(&without).await), "registry.unreachable");
}
