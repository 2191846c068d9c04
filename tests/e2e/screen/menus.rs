//! The menus of a connection and of an activity.

use super::open;
use crate::platform::{PROJECT, Place};
use crate::support::sandbox;
use host_harness::records::Format;
use host_harness::workspace::{Endpoint, OperationDraft};

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_is_seen_renamed_copied_and_deleted_by_its_menu() {
    let sandbox = sandbox(&[]);
    let place = Place::new().await;
    let saved = place.connect(&sandbox).await;
    let activity = place.activity(saved.id, "query", "All", &[]).await;
    let browser = open(&place).await;
    browser.click("nav a[href='#/connections']").await;

    let menu = "Menu of Coupa";
    browser.choose_from_menu(menu, "Rename").await;
    browser.fill("#asked", "Coupa/EU").await;
    browser.click("dialog .primary").await;
    browser.see("dialog", "leave out `/` and `:`").await;
    browser.click("dialog .primary").await;
    browser.choose_from_menu(menu, "Rename").await;
    browser.fill("#asked", "Coupa EU").await;
    browser.keys("#asked", "\u{e007}").await;
    browser.see("table", "Coupa EU").await;

    let menu = "Menu of Coupa EU";
    browser.choose_from_menu(menu, "Duplicate").await;
    browser.see("table", "Coupa EU copy").await;
    browser.choose_from_menu(menu, "View dependencies").await;
    browser.see("dialog", "activity “All”").await;
    browser.click("dialog .primary").await;
    browser
        .choose_from_menu("Menu of Coupa EU copy", "View dependencies")
        .await;
    browser.see("dialog", "Nothing uses it").await;
    browser.click("dialog .primary").await;
    browser.choose_from_menu(menu, "View / edit").await;
    browser.see("h1", "Coupa EU").await;
    assert_eq!(browser.value("#field-host").await, sandbox.base_url());

    // What is in use stays; what is not goes, and then so does the other.
    browser.click("nav a[href='#/connections']").await;
    browser.choose_from_menu(menu, "Delete").await;
    browser.see("dialog", "It is in use: activity “All”").await;
    browser.click("dialog .danger").await;
    browser.see("dialog", "take it out there first").await;
    browser.click("dialog .primary").await;
    assert_eq!(place.workspace.connections(PROJECT).unwrap().len(), 2);
    browser
        .choose_from_menu("Menu of Coupa EU copy", "Delete")
        .await;
    browser.see("dialog", "gone for good").await;
    browser.click("dialog .danger").await;
    browser
        .gone("summary[aria-label='Menu of Coupa EU copy']")
        .await;
    place.workspace.delete_activity(activity.id).unwrap();
    browser.choose_from_menu(menu, "Delete").await;
    browser.see("dialog", "gone for good").await;
    browser.click("dialog .danger").await;
    browser.see("main", "No connection yet").await;
    assert!(place.workspace.connections(PROJECT).unwrap().is_empty());
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_activity_is_seen_renamed_copied_taken_out_and_deleted_by_its_menu() {
    let sandbox = sandbox(&[]);
    let place = Place::new().await;
    let saved = place.connect(&sandbox).await;
    let activity = place
        .activity(saved.id, "query", "All", &[("filter", "status=active")])
        .await;
    let draft = OperationDraft {
        name: "Export".to_owned(),
        source: Some(Endpoint::Activity {
            activity: activity.id,
        }),
        target: Some(Endpoint::File {
            path: "out.csv".to_owned(),
            format: Format::Csv,
        }),
        ..OperationDraft::default()
    };
    let operation = place.workspace.create_operation(PROJECT, &draft).unwrap();
    let browser = open(&place).await;
    let in_operation = async |entry: &str, name: &str| {
        let menu = format!("[data-role=source] summary[aria-label='Menu of activity {name}']");
        browser.click(&menu).await;
        let place = format!("//*[@data-role='source']//details[@open]//button[text()='{entry}']");
        browser.click_xpath(&place).await;
    };

    in_operation("View / edit", "All").await;
    browser.see("dialog", "Query").await;
    assert_eq!(browser.value("#activity-object").await, "suppliers");
    browser.fill("#activity-object", "invoices").await;
    browser.click("#save-activity").await;
    browser.see("[data-role=source]", "query invoices").await;
    let changed = place.workspace.activity(activity.id).unwrap();
    assert_eq!(changed.object, "invoices");
    assert_eq!(
        changed.options, activity.options,
        "what was not touched stays"
    );

    in_operation("Rename", "All").await;
    browser.fill("#asked", "All invoices").await;
    browser.click("dialog .primary").await;
    browser.see("[data-role=source]", "All invoices").await;
    in_operation("Duplicate", "All invoices").await;
    browser.see("aside", "All invoices copy").await;
    in_operation("View dependencies", "All invoices").await;
    browser.see("dialog", "operation “Export”").await;
    browser.click("dialog .primary").await;

    in_operation("Delete", "All invoices").await;
    browser.click("dialog .danger").await;
    browser.see("dialog", "in use by operation “Export”").await;
    browser.click("dialog .primary").await;
    in_operation("Remove from operation", "All invoices").await;
    browser
        .see("[data-role=source]", "Place a source here")
        .await;
    assert!(
        place
            .workspace
            .operation(operation.id)
            .unwrap()
            .source
            .is_none()
    );
    browser
        .choose_from_menu("Menu of activity All invoices", "Delete")
        .await;
    browser.click("dialog .danger").await;
    browser
        .gone("summary[aria-label='Menu of activity All invoices']")
        .await;
    let left = place.workspace.activities(saved.id).unwrap();
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].name, "All invoices copy");
    browser.close().await;
}
