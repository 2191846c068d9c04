//! Agents on the screen: versions in quarantine, and agents that have joined over NATS.

use super::open;
use crate::group::place::Plant;
use crate::group::server::NatsServer;
use crate::platform::quarantine::{held, mend};

#[tokio::test(flavor = "multi_thread")]
async fn a_version_in_quarantine_is_shown_with_its_reason_and_used_again() {
    let (place, operation) = held().await;
    mend(&place, "newest").await;
    let warned = place.ran(operation).await;
    let browser = open(&place).await;
    // The run that went back to the version before says so, and so does a test.
    browser.goto(&format!("#/run/{}", warned.id)).await;
    browser
        .see("main .wait", "hostile 9.0.0 is in quarantine")
        .await;
    let connection = place
        .workspace
        .connections(crate::platform::PROJECT)
        .unwrap()
        .remove(0);
    browser
        .goto(&format!("#/connection/{}", connection.id))
        .await;
    browser.click("#test").await;
    browser
        .see("main .wait", "hostile 9.0.0 is in quarantine")
        .await;
    browser.see("main", "it broke down 3 times").await;

    browser.goto("#/agents").await;
    browser.see("table", "Versions that broke down").await;
    browser.see("table", "[runtime.trap]").await;
    browser
        .click("[aria-label='Use hostile 9.0.0 again']")
        .await;
    browser.see("dialog", "Its breakdowns are forgotten").await;
    browser.click("dialog .primary").await;
    browser.gone("[aria-label='Use hostile 9.0.0 again']").await;
    assert!(place.workspace.quarantine().unwrap().is_empty());
    // A test brings agents back to the newest version, as ever.
    browser
        .goto(&format!("#/connection/{}", connection.id))
        .await;
    browser.click("#test").await;
    browser.see("main", "9.0.0").await;
    browser.see("main", "The connection works").await;
    assert_eq!(place.ran(operation).await.connectors[0].version, "9.0.0");
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn agents_that_have_joined_are_listed() {
    let server = NatsServer::start();
    let plant = Plant::new(&server).await;
    let _agent = plant.agent(&server.url(), "north", &["--slots", "3"]);
    plant.agents(1).await;
    let browser = open(&plant.place).await;
    browser.goto("#/agents").await;
    browser
        .see("table", "Agents that have joined over NATS")
        .await;
    for text in [
        "north",
        "This machine",
        "s ago",
        "0 of 3",
        env!("CARGO_PKG_VERSION"),
    ] {
        browser.see("table:last-of-type tbody", text).await;
    }
    browser.close().await;
}
