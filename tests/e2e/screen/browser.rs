//! A browser, and what a person does with one. Whatever is looked for is waited for.

use super::devtools::DevTools;
use crate::servers::process::{Process, free_port};
use fantoccini::actions::{InputSource, KeyAction, KeyActions, MouseActions, PointerAction};
use fantoccini::elements::Element;
use fantoccini::key::Key;
use fantoccini::{Client, ClientBuilder, Locator};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(20);

/// The name of what has the focus, as assistive technology says it.
pub const FOCUSED: &str = "const at = document.activeElement;
    const name = at.getAttribute('aria-label') ?? at.labels?.[0]?.textContent ?? at.textContent;
    return at === document.body ? '' : name.trim();";

pub struct Browser {
    pub client: Client,
    driver: Process,
}

impl Browser {
    pub async fn start() -> Self {
        let port = free_port();
        let mut driver = Command::new("chromedriver");
        let driver = Process::start(driver.arg(format!("--port={port}")));
        let capabilities = serde_json::json!({
            "goog:chromeOptions": {
                "args": [
                    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
                    "--disable-background-networking", "--disable-component-update", "--disable-sync",
                    "--window-size=1280,1000", "--force-color-profile=srgb",
                ],
            },
        });
        let started = Instant::now();
        let client = loop {
            let connector = hyper_util::client::legacy::connect::HttpConnector::new();
            let connected = ClientBuilder::new(connector)
                .capabilities(capabilities.as_object().unwrap().clone())
                .connect(&format!("http://127.0.0.1:{port}"))
                .await;
            match connected {
                Ok(client) => break client,
                Err(error) if started.elapsed() > PATIENCE => panic!("no browser: {error}"),
                Err(_) => tokio::time::sleep(Duration::from_millis(200)).await,
            }
        };
        Self { client, driver }
    }

    pub async fn close(self) {
        self.client.close().await.unwrap();
        drop(self.driver);
    }

    /// Tries until it is so.
    async fn until<T>(&self, what: &str, attempt: impl AsyncFn() -> Option<T>) -> T {
        let started = Instant::now();
        loop {
            if let Some(done) = attempt().await {
                return done;
            }
            if started.elapsed() > PATIENCE {
                let text = match self.client.find(Locator::Css("body")).await {
                    Ok(body) => body.text().await.unwrap_or_default(),
                    Err(error) => error.to_string(),
                };
                panic!("waited for {what}; the page says:\n{text}");
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// The element there, once it is.
    async fn find(&self, place: &str) -> Element {
        self.until(place, async || {
            self.client.find(Locator::Css(place)).await.ok()
        })
        .await
    }

    pub async fn goto(&self, fragment: &str) {
        let url = self.client.current_url().await.unwrap();
        self.client
            .goto(url.join(fragment).unwrap().as_str())
            .await
            .unwrap();
    }

    /// Some element there says so.
    pub async fn see(&self, place: &str, text: &str) {
        self.until(&format!("“{text}” in {place}"), async || {
            for found in self.client.find_all(Locator::Css(place)).await.ok()? {
                if found.text().await.is_ok_and(|found| found.contains(text)) {
                    return Some(());
                }
            }
            None
        })
        .await;
    }

    pub async fn click(&self, place: &str) {
        self.click_on(place, Locator::Css(place)).await;
    }

    async fn click_on(&self, place: &str, locator: Locator<'_>) {
        self.until(&format!("a click on {place}"), async || {
            let found = self.client.find(locator).await.ok()?;
            // The driver takes what lies beneath the bar at the top for visible.
            let script = "arguments[0].scrollIntoView({ block: 'center' })";
            let arguments = vec![serde_json::to_value(&found).ok()?];
            self.client.execute(script, arguments).await.ok()?;
            found.click().await.ok()
        })
        .await;
    }

    /// Clicks the button of this name.
    pub async fn press(&self, name: &str) {
        self.click_xpath(&format!("//button[text()='{name}']"))
            .await;
    }

    /// Types in place of what is there.
    pub async fn fill(&self, place: &str, text: &str) {
        self.until(&format!("the field {place}"), async || {
            let field = self.client.find(Locator::Css(place)).await.ok()?;
            field.clear().await.ok()?;
            field.send_keys(text).await.ok()?;
            (field.prop("value").await.ok()??.trim() == text.trim()).then_some(())
        })
        .await;
    }

    pub async fn keys(&self, place: &str, keys: &str) {
        let field = self.client.find(Locator::Css(place)).await.unwrap();
        field.send_keys(keys).await.unwrap();
    }

    pub async fn upload(&self, place: &str, path: &Path) {
        self.until(&format!("the upload {place}"), async || {
            let field = self.client.find(Locator::Css(place)).await.ok()?;
            field.send_keys(&path.display().to_string()).await.ok()
        })
        .await;
    }

    pub async fn choose(&self, place: &str, value: &str) {
        // What it offers may come, or be drawn anew, after the field itself.
        self.until(&format!("{value} of {place}"), async || {
            let select = self.client.find(Locator::Css(place)).await.ok()?;
            select.select_by_value(value).await.ok()
        })
        .await;
    }

    pub async fn value(&self, place: &str) -> String {
        let field = self.find(place).await;
        field.prop("value").await.unwrap().unwrap_or_default()
    }

    pub async fn is_shown(&self, place: &str) -> bool {
        self.find(place).await.is_displayed().await.unwrap()
    }

    pub async fn source(&self) -> String {
        self.client.source().await.unwrap()
    }

    /// Whether there is such an element just now.
    pub async fn has(&self, place: &str) -> bool {
        self.client.find(Locator::Css(place)).await.is_ok()
    }

    /// Waits until such an element is there.
    pub async fn there(&self, place: &str) {
        self.find(place).await;
    }

    /// Waits until something is so that the page does not show.
    pub async fn until_so(&self, what: &str, holds: impl Fn() -> bool) {
        self.until(what, async || holds().then_some(())).await;
    }

    /// Waits until no such element is there any more.
    pub async fn gone(&self, place: &str) {
        self.until(&format!("the end of {place}"), async || {
            (!self.has(place).await).then_some(())
        })
        .await;
    }

    /// Opens a menu, and chooses from it.
    pub async fn choose_from_menu(&self, label: &str, entry: &str) {
        self.click(&format!("summary[aria-label='{label}']")).await;
        let entry =
            format!("//details[@open][summary/@aria-label='{label}']//button[text()='{entry}']");
        self.click_xpath(&entry).await;
    }

    pub async fn click_xpath(&self, place: &str) {
        self.click_on(place, Locator::XPath(place)).await;
    }

    /// What has the focus is named so.
    pub async fn focused(&self, name: &str) {
        self.until(&format!("the focus on {name}"), async || {
            (self.script(FOCUSED).await == name).then_some(())
        })
        .await;
    }

    /// What a script answers.
    pub async fn script(&self, script: &str) -> Value {
        self.client.execute(script, Vec::new()).await.unwrap()
    }

    /// A command of the browser's own tools.
    pub async fn devtools(&self, command: &'static str, parameters: Value) -> Value {
        let command = DevTools {
            command,
            parameters,
        };
        self.client.issue_cmd(command).await.unwrap()
    }

    /// Presses one key, wherever the focus is.
    pub async fn key(&self, key: Key) {
        self.type_text(&char::from(key).to_string()).await;
    }

    /// Types, wherever the focus is.
    pub async fn type_text(&self, text: &str) {
        let keys = text
            .chars()
            .fold(KeyActions::new("keys".to_owned()), |keys, value| {
                keys.then(KeyAction::Down { value })
                    .then(KeyAction::Up { value })
            });
        self.client.perform_actions(keys).await.unwrap();
    }

    /// Drags with the mouse, from an XPath to a CSS selector.
    pub async fn drag(&self, from: &str, to: &str) {
        let from: Element = self
            .until(from, async || {
                self.client.find(Locator::XPath(from)).await.ok()
            })
            .await;
        let to = self.find(to).await;
        let step = Some(Duration::from_millis(150));
        let over = |element: &Element, x, y| PointerAction::MoveToElement {
            element: element.clone(),
            duration: step,
            x,
            y,
        };
        let mouse = MouseActions::new("mouse".to_owned())
            .then(over(&from, 0.0, 0.0))
            .then(PointerAction::Down { button: 0 })
            .then(over(&from, 8.0, 4.0))
            .then(over(&to, -5.0, -5.0))
            .then(over(&to, 0.0, 0.0))
            .then(over(&to, 3.0, 3.0))
            .then(PointerAction::Up { button: 0 });
        self.client.perform_actions(mouse).await.unwrap();
        self.client.release_actions().await.unwrap();
    }

    /// Takes the picture that the docs show, where they are to be made anew.
    pub async fn picture(&self, name: &str) {
        let picture = self.client.screenshot().await.unwrap();
        assert!(picture.len() > 5000, "the page {name} is empty");
        if std::env::var_os("HARNESS_PICTURES").is_some() {
            let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs/screen");
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(folder.join(format!("{name}.png")), picture).unwrap();
        }
    }
}
