//! From an empty workspace to a run, by the screen alone.

use super::open;
use crate::platform::{PROJECT, Place};
use crate::support::{API_KEY, CLIENT_ID, CLIENT_SECRET, component, sandbox_with};

/// A new user, from an empty workspace to a running operation, by the screen alone.
#[tokio::test(flavor = "multi_thread")]
async fn a_new_user_goes_from_nothing_to_a_run_and_its_rejected_records() {
    let sandbox = sandbox_with(&[("suppliers", 400)], |configuration| {
        configuration.switches.page_size = 20;
        configuration.switches.api_key = true;
    });
    let home = tempfile::tempdir().unwrap();
    let workspace = host_harness::workspace::Workspace::open(home.path(), None).unwrap();
    let place = Place { workspace, home };
    let browser = open(&place).await;

    // Publish the connector.
    browser.click("nav a[href='#/agents']").await;
    browser.upload("#component", &component()).await;
    browser.see("#status", "Published coupa 0.1.0").await;
    browser.picture("agents").await;

    // A connection by API key: what is not needed is not shown.
    browser.click("nav a[href='#/connections']").await;
    browser.click("a[href='#/connection/new/coupa']").await;
    browser.fill("#connection-name", "Coupa by key").await;
    browser.fill("#field-host", "acme").await;
    browser.see("#field-host-problem", "no https://").await;
    browser.fill("#field-host", &sandbox.base_url()).await;
    browser.choose("#field-authentication", "api-key").await;
    assert!(browser.is_shown("#field-api-key").await);
    for hidden in [
        "#field-client-id",
        "#field-client-secret",
        "#field-grant-type",
        "#field-scope",
    ] {
        assert!(!browser.is_shown(hidden).await, "{hidden}");
    }
    // Unsaved, and with a secret missing.
    browser.click("#test").await;
    browser
        .see("#field-api-key-problem", "API Key is required")
        .await;
    browser.fill("#field-api-key", API_KEY).await;
    browser.click("#test").await;
    browser.see("main", "The connection works").await;
    browser.see("main", "none → 0.1.0, downloaded now").await;
    browser.click("#save").await;
    browser.see("#status", "Saved.").await;
    browser.see("h1", "Coupa by key").await;

    // And one by OAuth.
    browser.click("nav a[href='#/connections']").await;
    browser.click("a[href='#/connection/new/coupa']").await;
    browser.fill("#connection-name", "Coupa").await;
    browser.fill("#field-host", &sandbox.base_url()).await;
    assert!(!browser.is_shown("#field-api-key").await);
    assert_eq!(
        browser.value("#field-grant-type").await,
        "Client Credentials"
    );
    browser.fill("#field-client-id", CLIENT_ID).await;
    browser
        .fill("#field-client-secret", "wrong-secret-of-the-client")
        .await;
    browser.click("#test").await;
    browser.see("main", "The connection does not work").await;
    browser.fill("#field-client-secret", CLIENT_SECRET).await;
    browser.click("#test").await;
    browser.see("main", "The connection works").await;
    browser.picture("connection").await;
    browser.click("#save").await;
    browser.see("#status", "Saved.").await;
    browser.see("h1", "Coupa").await;
    assert!(!browser.source().await.contains(CLIENT_SECRET));

    // An operation, its source by drag and its target by click.
    browser.click("nav a[href='#/operations']").await;
    browser.click("#new-operation").await;
    browser.fill("#asked", "Export suppliers").await;
    browser.click("dialog .primary").await;
    browser.see("main", "Export suppliers").await;
    browser
        .drag(
            "//h3[text()='Coupa']/following::button[contains(@aria-label, 'Query')][1]",
            "[data-role=source]",
        )
        .await;
    browser.fill("#activity-name", "All suppliers").await;
    browser.fill("#activity-object", "suppliers").await;
    browser.click("[data-object=suppliers]").await;
    browser.see("dialog", "Review the response").await;
    browser.click("#save-activity").await;
    browser.see("[data-role=source]", "All suppliers").await;
    browser.click("button[aria-label^='File (']").await;
    browser.click("[data-role=target]").await;
    browser.fill("#asked", "suppliers.ndjson").await;
    browser.click("dialog .primary").await;
    browser.see("[data-role=target]", "suppliers.ndjson").await;
    browser.press("Add a mapping").await;
    browser.fill("#mapping", "{name, number").await;
    browser.click("#preview").await;
    browser.see("dialog", "the mapping is not jq").await;
    browser.fill("#mapping", "{name, number}").await;
    browser.click("#preview").await;
    browser.see("dialog", "Harbor Tools Ltd").await;
    browser.picture("mapping").await;
    browser.click("#save-mapping").await;
    browser.see("article", "{name, number}").await;
    browser.picture("operations").await;
    browser.press("Run").await;
    browser.see("[data-count=written]", "400").await;
    browser.see(".badge", "success").await;
    browser.picture("run").await;

    // What is rejected is told, and can be tried again.
    let connection = place.workspace.connections(PROJECT).unwrap().remove(0);
    place
        .activity(connection.id, "create", "New suppliers", &[])
        .await;
    let rows = "name,term\nNorth Star,Net 30\nSouth Sea,Net 4711\n";
    place
        .workspace
        .put_file("new.csv", rows.as_bytes())
        .unwrap();
    browser.click("nav a[href='#/operations']").await;
    browser.click("#new-operation").await;
    browser.fill("#asked", "Load suppliers").await;
    browser.click("dialog .primary").await;
    browser.see("main", "Load suppliers").await;
    browser.click("button[aria-label^='File (']").await;
    browser
        .click("[data-operation='Load suppliers'] [data-role=source]")
        .await;
    browser.fill("#asked", "new.csv").await;
    browser.click("dialog .primary").await;
    browser
        .see(
            "[data-operation='Load suppliers'] [data-role=source]",
            "new.csv",
        )
        .await;
    browser.click("button[aria-label^='New suppliers']").await;
    browser
        .click("[data-operation='Load suppliers'] [data-role=target]")
        .await;
    browser
        .see(
            "[data-operation='Load suppliers'] [data-role=target]",
            "New suppliers",
        )
        .await;
    browser
        .click("[data-operation='Load suppliers'] .slot:not([data-role]) button")
        .await;
    browser
        .fill("#mapping", "{name, \"payment-term\": {code: .term}}")
        .await;
    browser.click("#save-mapping").await;
    browser
        .see("[data-operation='Load suppliers']", "payment-term")
        .await;
    browser
        .click("[data-operation='Load suppliers'] .row .primary")
        .await;
    browser.see(".badge", "partial").await;
    browser.see("main", "Net 4711").await;
    browser.picture("rejected").await;
    browser.click("#again").await;
    browser.see("main", "the rejected records again").await;
    browser.click("nav a[href='#/runs']").await;
    browser.see("table", "Load suppliers").await;
    browser.picture("runs").await;
    browser.close().await;
}
