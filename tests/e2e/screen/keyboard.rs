//! The main path without a mouse: everything is reached by Tab, and operated by
//! Return, the space bar and the arrow keys.

use super::browser::{Browser, FOCUSED};
use super::open;
use crate::platform::{PROJECT, Place};
use crate::support::{API_KEY, sandbox_with_keys};
use fantoccini::key::Key;
use host_harness::workspace::RunState;

/// More stops than any page has.
const MOST_STOPS: usize = 90;

impl Browser {
    /// Goes on with Tab until what is named so has the focus.
    async fn tab_to(&self, name: &str) {
        let mut passed = Vec::new();
        for _ in 0..MOST_STOPS {
            self.key(Key::Tab).await;
            let focused = self.script(FOCUSED).await;
            let focused = focused.as_str().unwrap().to_owned();
            if focused == name {
                let ring = "return getComputedStyle(document.activeElement).outlineStyle";
                assert_ne!(
                    self.script(ring).await,
                    "none",
                    "{name} has the focus unseen"
                );
                return;
            }
            passed.push(focused);
        }
        panic!("Tab never came to “{name}”, only to {passed:?}");
    }

    async fn enter(&self) {
        self.key(Key::Enter).await;
    }

    async fn space(&self) {
        self.type_text(" ").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_main_path_needs_no_mouse() {
    let sandbox = sandbox_with_keys(&[("suppliers", 30)]);
    let place = Place::new().await;
    let browser = open(&place).await;

    // The first stop of all leads past the navigation.
    browser.tab_to("Skip to content").await;
    browser.tab_to("Connections").await;
    browser.enter().await;
    browser.see("h1", "Connections").await;
    browser.tab_to("New coupa connection").await;
    browser.enter().await;
    browser.see("h1", "New Coupa connection").await;

    browser.tab_to("Connection Name *").await;
    browser.type_text("Coupa").await;
    browser.tab_to("Host Name *").await;
    browser.type_text(&sandbox.base_url()).await;
    // From OAuth to the API key by an arrow.
    browser.tab_to("Authentication Type *").await;
    let at_first = browser.value("#field-authentication").await;
    browser.key(Key::Up).await;
    assert_ne!(browser.value("#field-authentication").await, at_first);
    assert_eq!(browser.value("#field-authentication").await, "api-key");
    browser.tab_to("API Key *").await;
    browser.type_text(API_KEY).await;
    browser.tab_to("Use Proxy Settings").await;
    browser.space().await;
    assert_eq!(
        browser
            .script("return document.querySelector('#use-proxy').checked")
            .await,
        true
    );
    browser.space().await;
    browser.tab_to("Test").await;
    browser.space().await;
    browser.see("main", "The connection works").await;
    browser.tab_to("Save Changes").await;
    browser.enter().await;
    browser.see("h1", "Coupa").await;
    browser.see("#status", "Saved").await;

    // Its menu, by arrows; Escape closes it and gives the focus back.
    browser.tab_to("Connections").await;
    browser.enter().await;
    browser.see("table", "Coupa").await;
    browser.tab_to("Menu of Coupa").await;
    browser.enter().await;
    browser.focused("View / edit").await;
    browser.key(Key::Down).await;
    browser.focused("Rename").await;
    browser.key(Key::Up).await;
    browser.key(Key::Up).await;
    browser.focused("Delete").await;
    browser.key(Key::Escape).await;
    browser.focused("Menu of Coupa").await;
    browser.space().await;
    browser.focused("View / edit").await;
    browser.key(Key::Down).await;
    browser.enter().await;
    browser.focused("Connection Name").await;
    browser.type_text(" two").await;
    browser.enter().await;
    browser.see("table", "Coupa two").await;

    // An operation: what a mouse drags is picked with one key and placed with another.
    browser.tab_to("Operations").await;
    browser.enter().await;
    browser.see("h1", "Operations").await;
    browser.tab_to("New operation").await;
    browser.enter().await;
    browser.focused("Operation name").await;
    browser.type_text("Export").await;
    browser.enter().await;
    browser.see("article", "Export").await;
    browser.tab_to("Query (new source)").await;
    browser.enter().await;
    browser.tab_to("Place here as the source of Export").await;
    browser.enter().await;
    browser.see("dialog", "Query").await;
    browser.focused("Activity name *").await;
    browser.type_text("everyone").await;
    browser.tab_to("Object *").await;
    browser.type_text("suppliers").await;
    browser.see("[data-object=suppliers]", "suppliers").await;
    browser.tab_to("Supplierssuppliers").await;
    browser.enter().await;
    browser.see("dialog", "Review the response").await;
    browser.tab_to("Save activity").await;
    browser.enter().await;
    browser.see("[data-role=source]", "everyone").await;
    browser.tab_to("File (source or target)").await;
    browser.space().await;
    browser.tab_to("Place here as the target of Export").await;
    browser.space().await;
    browser.focused("File name, such as orders.csv").await;
    browser.enter().await;
    browser.see("[data-role=target]", "records.ndjson").await;
    browser.tab_to("Add a mapping").await;
    browser.enter().await;
    browser.tab_to("jq filter").await;
    browser.type_text("{name}").await;
    browser.tab_to("Preview").await;
    browser.enter().await;
    browser.see("dialog", "Becomes").await;
    browser.tab_to("Save mapping").await;
    browser.enter().await;
    browser.see("article", "{name}").await;
    browser.tab_to("Run Export").await;
    browser.enter().await;
    browser.see(".badge", "success").await;
    let run = place.workspace.runs(Default::default()).unwrap().remove(0);
    assert_eq!((run.state, run.counts.written), (RunState::Success, 30));
    assert_eq!(
        place.workspace.connections(PROJECT).unwrap()[0].name,
        "Coupa two"
    );
    browser.close().await;
}
