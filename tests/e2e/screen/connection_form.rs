//! The form of a connection: variables, discarding, re-authentication, deleting.

use super::open;
use crate::platform::{DEVELOPMENT, Place};
use crate::support::sandbox;
use host_harness::workspace::{ConnectionId, Policies};

#[tokio::test(flavor = "multi_thread")]
async fn changes_are_discarded_secrets_asked_again_and_deleting_waits_for_its_dependents() {
    let sandbox = sandbox(&[]);
    let place = Place::new().await;
    let saved = place.connect(&sandbox).await;
    place.policies(Policies {
        reauthentication_on_change: true,
        ..Policies::default()
    });
    let browser = open(&place).await;
    let page = format!("#/connection/{}", saved.id);

    // Variables are listed while a bracket is typed.
    browser.click("nav a[href='#/variables']").await;
    browser.click("#new-variable").await;
    browser.fill("#variable-name", "instance").await;
    browser.fill("#variable-value-0", "acme").await;
    browser.click("#save-variable").await;
    browser.see("table", "instance").await;
    browser.picture("variables").await;
    browser.goto(&page).await;
    browser.fill("#field-scope", "[inst").await;
    browser
        .see("[data-property=scope] .listbox", "instance")
        .await;
    browser.keys("#field-scope", "\u{e007}").await;
    assert_eq!(browser.value("#field-scope").await, "[instance]");

    // Discard asks, and leaves what was saved.
    browser.click("#discard").await;
    browser.see("dialog", "Discard your changes?").await;
    browser.click("dialog .danger").await;
    assert_eq!(browser.value("#field-scope").await, "");
    assert_eq!(place.workspace.connection(saved.id).unwrap(), saved);

    // Another host clears the secret, and nothing goes on without it.
    browser
        .fill("#field-host", "https://other.example.com")
        .await;
    browser
        .see("#field-client-secret-problem", "type it again")
        .await;
    browser.click("#save").await;
    browser.see("form", "re-authentication on change").await;
    browser.click("#test").await;
    browser.see("form", "re-authentication on change").await;
    assert_eq!(place.workspace.connection(saved.id).unwrap(), saved);
    browser
        .fill("#field-client-secret", "another-secret-altogether")
        .await;
    browser.click("#save").await;
    browser.see("#status", "Saved.").await;
    let changed = place.workspace.connection(saved.id).unwrap();
    assert!(
        changed
            .settings
            .iter()
            .any(|setting| setting.value == "https://other.example.com")
    );

    // The proxy is for private groups alone.
    browser
        .see("form", "the private agent is configured with")
        .await;

    // Deleting is refused while an activity uses it.
    let activity = place
        .activity(saved.id, "query", "All suppliers", &[])
        .await;
    browser.click("#delete").await;
    browser
        .see("dialog", "It is in use: activity “All suppliers”")
        .await;
    browser.click("dialog .danger").await;
    browser.see("dialog", "take it out there first").await;
    browser.click("dialog .primary").await;
    assert!(place.workspace.connection(saved.id).is_ok());
    place.workspace.delete_activity(activity.id).unwrap();
    browser.click("#delete").await;
    browser.see("dialog", "gone for good").await;
    browser.click("dialog .danger").await;
    browser.see("main", "No connection yet").await;
    assert!(
        place
            .workspace
            .connection(ConnectionId(saved.id.0))
            .is_err()
    );
    browser.click("nav a[href='#/settings']").await;
    browser
        .see("main", "Enable Re-authentication on Change")
        .await;
    browser.picture("settings").await;
    assert_eq!(DEVELOPMENT.0, 1);
    browser.close().await;
}
