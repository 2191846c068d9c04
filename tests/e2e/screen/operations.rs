//! What an operation says and does beside its ends: only what changed, the rejected
//! records of another, and two versions compared.

use super::open;
use crate::platform::{PROJECT, Place, settings};
use crate::support::{component, sandbox};
use host_harness::workspace::{Endpoint, OperationDraft};

#[tokio::test(flavor = "multi_thread")]
async fn only_what_changed_is_chosen_and_rejected_records_become_a_source() {
    let place = Place::new().await;
    let named = |name: &str| OperationDraft {
        name: name.to_owned(),
        ..OperationDraft::default()
    };
    let made = place.workspace.create_operation(PROJECT, &named("Copy"));
    let id = made.unwrap().id;
    let browser = open(&place).await;
    browser.goto("#/operations").await;
    let only_changed = "[aria-label='Only what changed in Copy']";
    for expected in [true, false] {
        browser.click(only_changed).await;
        let checked = format!(
            "{only_changed}:{}",
            if expected { "checked" } else { "not(:checked)" }
        );
        let saved = || place.workspace.operation(id).unwrap().only_changed == expected;
        browser.until_so("it is saved", saved).await;
        // As it was saved, after the page was drawn anew.
        browser.goto("#/runs").await;
        browser.see("h1", "Runs").await;
        browser.goto("#/operations").await;
        browser.see("h1", "Operations").await;
        browser.there(&checked).await;
    }

    browser.click("[aria-label^='Rejected records']").await;
    // It is no target.
    browser
        .click("[aria-label='Place here as the target of Copy']")
        .await;
    browser.see("#status", "cannot stand as the target").await;
    browser
        .click("[aria-label='Place here as the source of Copy']")
        .await;
    browser
        .see(
            "[aria-label='source of Copy']",
            "of the run that starts this operation",
        )
        .await;
    let source = place.workspace.operation(id).unwrap().source;
    assert!(matches!(source, Some(Endpoint::Rejected)), "{source:?}");
    browser
        .click("[aria-label='Remove the source from Copy']")
        .await;
    browser
        .see("[aria-label='source of Copy']", "Place a source here")
        .await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_versions_of_a_connector_are_compared() {
    let sandbox = sandbox(&[("suppliers", 30)]);
    let place = Place::new().await;
    let registry = place.workspace.registry().folder().unwrap();
    let mut bytes = std::fs::read(component()).unwrap();
    bytes.extend([0, 2, 1, b'x']);
    let (name, version) = ("coupa".parse().unwrap(), "9.0.0".parse().unwrap());
    registry.publish(&name, version, &bytes).unwrap();
    let saved = place.connect(&sandbox).await;
    place.activity(saved.id, "query", "All", &[]).await;
    let browser = open(&place).await;
    browser.goto("#/operations").await;
    browser
        .choose_from_menu("Menu of activity All", "Compare versions")
        .await;
    browser.choose("#shadow-new", "0.1.0").await;
    browser.click("#compare").await;
    browser.see("dialog", "both are 0.1.0").await;
    browser.choose("#shadow-new", "9.0.0").await;
    browser.click("#compare").await;
    browser.see("dialog", "No difference.").await;
    browser.see("dialog", "30 the same, 0 changed").await;
    browser.press("Close").await;
    browser.gone("dialog").await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_are_set_under_advanced() {
    let sandbox = sandbox(&[]);
    let place = Place::new().await;
    let saved = place.connect(&sandbox).await;
    let browser = open(&place).await;
    browser.goto(&format!("#/connection/{}", saved.id)).await;
    browser.click("details.limits summary").await;
    let memory = "[id='field-limits.memory-mib']";
    browser.fill(memory, "4097").await;
    browser
        .see("[id='field-limits.memory-mib-problem']", "from 1 to 4096")
        .await;
    browser.click("#save").await;
    browser
        .see("[id='field-limits.memory-mib-problem']", "from 1 to 4096")
        .await;
    assert_eq!(place.workspace.connection(saved.id).unwrap(), saved);
    browser.fill(memory, "512").await;
    browser.click("#save").await;
    browser.see("#status", "Saved.").await;
    let changed = place.workspace.connection(saved.id).unwrap();
    assert_eq!(changed.limits, settings(&[("memory-mib", "512")]));
    // What is set is seen at once.
    browser.goto("#/connections").await;
    browser.see("h1", "Connections").await;
    browser.goto(&format!("#/connection/{}", saved.id)).await;
    browser.see("h1", "Coupa").await;
    browser.there("details.limits[open]").await;
    assert_eq!(browser.value(memory).await, "512");
    browser.close().await;
}
