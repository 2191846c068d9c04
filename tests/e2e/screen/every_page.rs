//! What holds on every page and in every dialog: text that can be read, in the
//! light and in the dark, and a name for every control.

use super::browser::Browser;
use super::open;
use crate::platform::{DEVELOPMENT, PROJECT, Place};
use crate::support::sandbox;
use host_harness::records::Format;
use host_harness::workspace::{Endpoint, OperationDraft, Scope, VariableDraft, VariableValue};
use secrecy::SecretString;
use serde_json::{Value, json};

/// Texts whose contrast to what is behind them is under 4.5 : 1, WCAG's least for
/// ordinary text. Disabled controls are let be, as WCAG does.
const FAINT: &str = r#"
    const parse = (color) => {
        const [r, g, b, a = 1] = color.match(/[\d.]+/g).map(Number);
        return [r, g, b, a];
    };
    const over = ([r, g, b, a], [R, G, B]) => [r * a + R * (1 - a), g * a + G * (1 - a), b * a + B * (1 - a), 1];
    const light = ([r, g, b]) => {
        const [x, y, z] = [r, g, b].map((c) => (c /= 255) <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
        return 0.2126 * x + 0.7152 * y + 0.0722 * z;
    };
    const ground = (node) => {
        const layers = [];
        for (let at = node; at; at = at.parentElement) {
            const color = parse(getComputedStyle(at).backgroundColor);
            layers.push(color);
            if (color[3] === 1) break;
        }
        return layers.reverse().reduce((below, layer) => over(layer, below), [255, 255, 255, 1]);
    };
    let looked = 0;
    const faint = [];
    for (const node of document.querySelectorAll("body *")) {
        const own = [...node.childNodes].filter((child) => child.nodeType === 3).map((child) => child.textContent.trim()).join("");
        const text = own || node.value || node.placeholder;
        if (!text || !node.checkVisibility({ visibilityProperty: true, opacityProperty: true })) continue;
        if (node.disabled || ["SCRIPT", "OPTION", "NOSCRIPT"].includes(node.tagName)) continue;
        looked += 1;
        const behind = ground(node);
        const pseudo = !own && !node.value ? "::placeholder" : null;
        const [a, b] = [light(over(parse(getComputedStyle(node, pseudo).color), behind)), light(behind)];
        const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
        if (contrast < 4.5) faint.push(`${node.tagName} “${String(text).slice(0, 40)}”: ${contrast.toFixed(2)}`);
    }
    return [looked, faint, getComputedStyle(document.body).backgroundColor];
"#;

/// Roles of what a person operates.
const CONTROLS: [&str; 13] = [
    "button",
    "link",
    "textbox",
    "combobox",
    "checkbox",
    "menuitem",
    "listbox",
    "radio",
    "searchbox",
    "spinbutton",
    "DisclosureTriangle",
    "tab",
    "switch",
];

impl Browser {
    async fn can_be_read(&self, place: &str, scheme: &str) {
        let answer = self.script(FAINT).await;
        assert!(
            answer[0].as_u64().unwrap() >= 3,
            "{place} is empty: {answer}"
        );
        assert_eq!(answer[1], json!([]), "{place}, {scheme}");
        let dark = answer[2] == "rgb(20, 24, 31)";
        assert_eq!(dark, scheme == "dark", "{place}: {}", answer[2]);
    }

    /// Every control has a name, as Chromium tells it to assistive technology.
    async fn is_named(&self, place: &str) {
        let tree = self
            .devtools("Accessibility.getFullAXTree", json!({}))
            .await;
        let nodes = tree["nodes"].as_array().unwrap();
        let mut controls = 0;
        for node in nodes {
            let role = node["role"]["value"].as_str().unwrap_or_default();
            if node["ignored"] == true || !CONTROLS.contains(&role) {
                continue;
            }
            controls += 1;
            let name = node["name"]["value"].as_str().unwrap_or_default();
            // Typographic signs alone name nothing.
            assert!(
                name.chars().any(char::is_alphanumeric),
                "{place}: a {role} is named “{name}”: {node}"
            );
        }
        assert!(controls >= 2, "{place} has no controls: {}", nodes.len());
    }

    async fn prefer(&self, scheme: &str) {
        let features = json!([{ "name": "prefers-color-scheme", "value": scheme }]);
        self.devtools(
            "Emulation.setEmulatedMedia",
            json!({ "features": features }),
        )
        .await;
    }

    async fn look(&self, place: &str) {
        self.is_named(place).await;
        for scheme in ["light", "dark"] {
            self.prefer(scheme).await;
            self.can_be_read(place, scheme).await;
        }
    }
}

/// A workspace in which every page has something to show.
async fn furnish(place: &Place, url: &coupa_sandbox::Sandbox) -> Value {
    let workspace = &place.workspace;
    let connection = place.connect(url).await;
    let query = place
        .activity(
            connection.id,
            "query",
            "All",
            &[("filter", "status=active")],
        )
        .await;
    let create = place.activity(connection.id, "create", "New", &[]).await;
    let value = |text: &str| VariableValue {
        environment: None,
        value: Some(SecretString::from(text)),
    };
    for (name, secret) in [("instance", false), ("token", true)] {
        let variable = VariableDraft {
            name: name.to_owned(),
            description: "What it is for".to_owned(),
            secret,
            values: vec![value("value-of-it")],
        };
        workspace.create_variable(Scope::Global, variable).unwrap();
    }
    workspace
        .put_file(
            "new.csv",
            &b"name,status\nNorth Star,active\nSouth Sea,nowhere\n"[..],
        )
        .unwrap();
    let file = |path: &str, format| {
        Some(Endpoint::File {
            path: path.to_owned(),
            format,
        })
    };
    let activity = |id| Some(Endpoint::Activity { activity: id });
    let mut runs = Vec::new();
    for draft in [
        OperationDraft {
            name: "Export".to_owned(),
            source: activity(query.id),
            mapping: Some("{name}".to_owned()),
            target: file("out.ndjson", Format::Ndjson),
            ..OperationDraft::default()
        },
        OperationDraft {
            name: "Load".to_owned(),
            source: file("new.csv", Format::Csv),
            mapping: Some("{name, \"payment-term\": {code: .status}}".to_owned()),
            target: activity(create.id),
            ..OperationDraft::default()
        },
        OperationDraft {
            name: "Unfinished".to_owned(),
            ..OperationDraft::default()
        },
    ] {
        let operation = workspace.create_operation(PROJECT, &draft).unwrap();
        if draft.source.is_some() {
            let run = workspace
                .start_run(operation.id, DEVELOPMENT)
                .await
                .unwrap();
            runs.push(workspace.wait_for_run(run).await.unwrap());
        }
    }
    assert_eq!(runs[1].counts.rejected, 2, "{runs:?}");
    json!({ "connection": connection.id, "done": runs[0].id, "rejected": runs[1].id })
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_can_be_read_in_light_and_dark_and_names_its_controls() {
    let sandbox = sandbox(&[("suppliers", 20)]);
    let place = Place::new().await;
    let made = furnish(&place, &sandbox).await;
    let browser = open(&place).await;
    for (page, text) in [
        ("#/operations", "Unfinished"),
        ("#/connections", "Menu"),
        ("#/connection/new/coupa", "New Coupa connection"),
        (
            &format!("#/connection/{}", made["connection"]),
            "Save Changes",
        ),
        ("#/variables", "instance"),
        ("#/runs", "partial"),
        (&format!("#/run/{}", made["done"]), "out.ndjson"),
        (&format!("#/run/{}", made["rejected"]), "Run rejected again"),
        ("#/files", "new.csv"),
        ("#/agents", "Agent 1"),
        ("#/settings", "Re-authentication"),
    ] {
        browser.goto(page).await;
        if text != "Menu" {
            browser.see("main", text).await;
        }
        browser.look(page).await;
    }

    // What opens on a page.
    browser
        .goto(&format!("#/connection/{}", made["connection"]))
        .await;
    browser.click("#test").await;
    browser.see("main", "The connection works").await;
    browser.look("a test's result").await;
    browser.fill("#field-host", "nonsense").await;
    browser.see("#field-host-problem", "no https://").await;
    browser.fill("#field-scope", "[").await;
    browser
        .see("[data-property=scope] .listbox", "instance")
        .await;
    browser.look("what is wrong, and variables").await;
    browser.click("#discard").await;
    browser.see("dialog", "Discard your changes?").await;
    browser.look("a question").await;
    browser.click("dialog .danger").await;

    browser.goto("#/operations").await;
    browser.press("Check").await;
    browser
        .click("article:nth-of-type(3) [aria-label^=Check]")
        .await;
    browser.see("main", "It cannot run yet").await;
    browser.look("findings").await;
    browser.click("summary[aria-label='Menu of Export']").await;
    browser.see("details[open]", "Duplicate").await;
    browser.look("a menu").await;
    browser.key(fantoccini::key::Key::Escape).await;
    browser
        .choose_from_menu("Menu of activity All", "View / edit")
        .await;
    browser.see("dialog", "Review the response").await;
    browser.look("an activity").await;
    browser.press("Cancel").await;
    browser.press("Edit mapping").await;
    browser.click("#preview").await;
    browser.see("dialog", "Becomes").await;
    browser.look("a mapping").await;
    browser.press("Cancel").await;
    browser.goto("#/variables").await;
    browser.click("#new-variable").await;
    browser.look("a variable").await;
    browser.press("Cancel").await;
    browser.goto("#/agents").await;
    browser.choose_from_menu("Menu of Agent 1", "Network").await;
    browser.look("an agent's network").await;
    browser.press("Cancel").await;

    // The button overrules what the system prefers.
    browser.prefer("light").await;
    browser.click("#theme").await;
    browser.can_be_read("by the button", "dark").await;
    browser.click("#theme").await;
    browser.can_be_read("by the button again", "light").await;

    browser.click("#logout").await;
    browser.see("h1", "Log in").await;
    browser.look("logging in").await;
    browser.close().await;
}
