//! Versions on an agent's disk: side by side, pinned, and removed.

use super::server::Server;
use super::{agent, altered, code, exactly, name, newest, release, version};
use crate::platform::{DEVELOPMENT, Place, oauth};
use crate::support::{component, sandbox};
use host_harness::registry::{ConnectorName, Digest};
use host_harness::runtime::Connection;
use host_harness::workspace::{ConnectionDraft, Endpoint, OperationDraft, Policies, RunState};
use std::collections::BTreeSet;

fn connection() -> Connection {
    Connection::new("Lists").setting("url", "https://lists.example")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_in_use_pinned_or_newest_is_never_removed() {
    let server = Server::start();
    let home = tempfile::tempdir().unwrap();
    let agent = agent(home.path(), &server.address());
    let numbers = ["1.0.0", "1.1.0", "1.2.0", "1.3.0"];
    let mut downloaded = Vec::new();
    for (number, mark) in numbers.iter().zip(*b"abcd") {
        let release = release(number, altered(mark));
        agent.registry().publish(&release).await.unwrap();
        downloaded.push(agent.download(&name(), &exactly(number)).await.unwrap());
    }
    // Two versions run side by side; each is held by its instances alone.
    let [first, second, third, fourth] = <[_; 4]>::try_from(downloaded).unwrap();
    assert_ne!(first.connector.digest(), second.connector.digest());
    let session = first.connector.session(connection()).await.unwrap();
    let paths = [&first, &second, &third, &fourth].map(|d| d.pulled.path.clone());
    drop((first, second, third, fourth));

    let pinned = BTreeSet::from([(name(), version("1.1.0"))]);
    let collected = agent.store().collect(1, &pinned).unwrap();
    let removed: Vec<_> = collected
        .removed
        .iter()
        .map(|e| e.version.clone())
        .collect();
    assert_eq!(removed, [version("1.2.0")]);
    let in_use: Vec<_> = collected.in_use.iter().map(|e| e.version.clone()).collect();
    assert_eq!(in_use, [version("1.0.0")]);
    assert!(collected.freed > 100_000);
    assert_eq!(
        paths.clone().map(|path| path.exists()),
        [true, true, false, true]
    );

    // The run that held it has ended.
    drop(session);
    let collected = agent.store().collect(1, &BTreeSet::new()).unwrap();
    assert_eq!(collected.removed.len(), 2);
    assert_eq!(paths.map(|path| path.exists()), [false, false, false, true]);
    // And what was removed comes again when it is asked for.
    let again = agent.download(&name(), &exactly("1.0.0")).await.unwrap();
    assert!(again.pulled.transferred);

    let kept = agent.store().digests().unwrap();
    assert_eq!(kept.len(), 2);
    // The other two were compiled as well.
    assert!(agent.retain_compiled(&kept).unwrap() > 0);
    assert_eq!(agent.retain_compiled(&kept).unwrap(), 0);
    assert!(agent.retain_compiled(&BTreeSet::new()).unwrap() > 0);
    assert_eq!(
        code(newest(&agent).await),
        "downloaded",
        "it is compiled again"
    );
}

fn publish(place: &Place, number: &str, mark: u8) -> Digest {
    let name: ConnectorName = "coupa".parse().unwrap();
    let mut bytes = std::fs::read(component()).unwrap();
    bytes.extend([0, 2, 1, mark]);
    let registry = place.workspace.registry().folder().unwrap();
    let published = registry.publish(&name, version(number), &bytes);
    published.unwrap().digest
}

impl Place {
    /// Runs the operation and answers the version that it ran with and what was
    /// warned of.
    async fn ran_with(
        &self,
        operation: host_harness::workspace::OperationId,
    ) -> (String, Vec<String>) {
        let run = self
            .workspace
            .start_run(operation, DEVELOPMENT)
            .await
            .unwrap();
        let waited = self.workspace.wait_for_run(run);
        let run = tokio::time::timeout(std::time::Duration::from_secs(60), waited)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(run.state, RunState::Success, "{:?}", run.error);
        (run.connectors[0].version.clone(), run.warnings)
    }

    async fn export_of(
        &self,
        name: &str,
        draft: ConnectionDraft,
    ) -> host_harness::workspace::OperationId {
        let connection = self
            .workspace
            .create_connection(crate::platform::PROJECT, draft)
            .await
            .unwrap();
        let activity = self.activity(connection.id, "query", name, &[]).await;
        let file = format!("{}.ndjson", name.to_lowercase());
        let draft = OperationDraft {
            name: name.to_owned(),
            source: Some(Endpoint::Activity {
                activity: activity.id,
            }),
            target: Some(Endpoint::File {
                path: file,
                format: host_harness::records::Format::Ndjson,
            }),
            ..OperationDraft::default()
        };
        self.workspace
            .create_operation(crate::platform::PROJECT, &draft)
            .unwrap()
            .id
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_pin_and_float_side_by_side_and_go_back_from_quarantine() {
    let sandbox = sandbox(&[("suppliers", 5)]);
    let place = Place::new().await;
    let pinned = ConnectionDraft {
        name: "Pinned".to_owned(),
        version: "0.1.0".to_owned(),
        ..oauth(&sandbox)
    };
    let pinned = place.export_of("Pinned", pinned).await;
    let floating = place.export_of("Floating", oauth(&sandbox)).await;
    let bad = publish(&place, "0.2.0", b'2');
    assert_eq!(place.ran_with(pinned).await.0, "0.1.0");
    // That one is pinned does not hold the other back.
    let test = async || {
        let draft = oauth(&sandbox);
        place
            .workspace
            .test_connection(crate::platform::PROJECT, DEVELOPMENT, None, &draft)
            .await
            .unwrap()
    };
    let report = test().await;
    assert_eq!(report.agents[0].after.as_ref().unwrap().version, "0.2.0");
    assert_eq!(place.ran_with(floating).await.0, "0.2.0");
    assert_eq!(place.ran_with(pinned).await.0, "0.1.0");

    // The newer one breaks down on this agent, again and again.
    let store = place.home.path().join("agents/1/store");
    let quarantine = host_harness::registry::Store::open(store)
        .unwrap()
        .quarantine(3);
    for _ in 0..3 {
        quarantine
            .record(&"coupa".parse().unwrap(), &version("0.2.0"), bad, "a trap")
            .unwrap();
    }
    let (used, warnings) = place.ran_with(floating).await;
    assert_eq!(used, "0.1.0");
    assert!(
        warnings[0].contains("0.2.0 is in quarantine"),
        "{warnings:?}"
    );
    assert!(warnings[0].contains("a trap"), "{warnings:?}");
    let held = place.workspace.quarantine().unwrap();
    assert_eq!((held.len(), held[0].breakdowns), (1, 3));
    assert!(held[0].agent.is_some() && held[0].since.is_some());
    // Nor does it come back when agents look for newer versions.
    let report = test().await;
    assert_eq!(report.agents[0].after.as_ref().unwrap().version, "0.1.0");
    assert!(report.agents[0].warnings[0].contains("quarantine"));

    // Agents that do not update by themselves stay where they are.
    publish(&place, "0.3.0", b'3');
    place.policies(Policies {
        disable_auto_connector_update: true,
        ..Policies::default()
    });
    assert_eq!(place.ran_with(floating).await.0, "0.1.0");
    let form = place.workspace.form("coupa", "newest").await.unwrap();
    assert_eq!(form.connector, "coupa");
    place.policies(Policies::default());
    assert_eq!(
        place.workspace.lift_quarantine("coupa", "0.2.0").unwrap(),
        1
    );
    assert!(place.workspace.quarantine().unwrap().is_empty());
    assert!(place.workspace.lift_quarantine("coupa", "0.2.0").is_err());
    let report = test().await;
    assert_eq!(report.agents[0].after.as_ref().unwrap().version, "0.3.0");

    // What the one pins and what the other floats on stays.
    let collections = place.workspace.collect_versions(1).unwrap();
    let removed: Vec<&String> = collections.iter().flat_map(|c| &c.removed).collect();
    assert!(!removed.is_empty());
    assert!(
        removed.iter().all(|text| *text == "coupa 0.2.0"),
        "{removed:?}"
    );
    assert_eq!(place.ran_with(pinned).await.0, "0.1.0");
    assert_eq!(place.ran_with(floating).await.0, "0.3.0");
}
