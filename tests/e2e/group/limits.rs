//! Limits of a connection and quarantine, on agents that have joined.

use super::place::Plant;
use super::server::NatsServer;
use crate::platform::command_line::harness;
use crate::platform::hostile::attacking;
use host_harness::workspace::{Connection, Endpoint, OperationId, RunState};
use std::time::{Duration, Instant};

impl Plant {
    /// An operation that reads by a connection, and writes there.
    async fn onward(&self, from: &Connection, to: &Endpoint) -> OperationId {
        let place = &self.place;
        let source = place.end_of(from, "read").await;
        place.operation_between(&format!("From {}", from.name), source, to.clone())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_joined_agent_keeps_to_limits_and_tells_of_its_quarantine() {
    let server = NatsServer::start();
    let plant = Plant::new(&server).await;
    let (place, workspace) = (&plant.place, &plant.place.workspace);
    workspace.publish(crate::sandbox::bytes()).await.unwrap();
    let _agent = plant.agent(&server.url(), "one", &[]);
    plant.agents(1).await;
    let good = place.attack(attacking("Good", "", &[])).await;
    let good = place.end_of(&good, "write").await;

    let limits = [("memory-mib", "8")];
    let tight = place.attack(attacking("Tight", "grow", &limits)).await;
    let tight = plant.onward(&tight, &good).await;
    let ended = plant.ended(plant.start(tight).await).await;
    assert_eq!(
        (ended.state, ended.agent.as_str()),
        (RunState::Failure, "one")
    );
    let error = ended.error.unwrap();
    assert!(error.contains("8388608 bytes of memory"), "{error}");

    let trapping = place
        .attack(attacking("Trapping", "panic-midway", &[]))
        .await;
    let trapping = plant.onward(&trapping, &good).await;
    for _ in 0..3 {
        let ended = plant.ended(plant.start(trapping).await).await;
        assert!(ended.error.unwrap().contains("runtime.trap"));
    }
    let mending = place.attack(attacking("Mended", "", &[])).await;
    let mending = plant.onward(&mending, &good).await;
    // A run that comes to it fails with the reason, which the group shows as well.
    let refused = plant.ended(plant.start(mending).await).await;
    let error = refused.error.unwrap();
    assert!(error.contains("harness quarantine lift hostile"), "{error}");
    let until = Instant::now() + Duration::from_secs(30);
    let held = loop {
        let mut held = plant.agents(1).await.remove(0).presence.quarantine;
        if let Some(held) = held.pop() {
            break held;
        }
        assert!(Instant::now() < until, "the group does not show it");
        tokio::time::sleep(Duration::from_millis(200)).await;
    };
    assert_eq!(held.connector, "hostile");
    assert!(held.reason.contains("runtime.trap"), "{held:?}");
    // Lifted where it is, the next run does it.
    let home = place.home.path().join("one");
    let (code, _, said) = harness(&home, &["quarantine", "lift", "hostile", &held.version]);
    assert_eq!(code, 0, "{said}");
    let ended = plant.ended(plant.start(mending).await).await;
    let came = (ended.state, ended.counts.written);
    assert_eq!(came, (RunState::Success, 200), "{ended:?}");
}
