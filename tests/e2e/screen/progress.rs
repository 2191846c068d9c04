//! A run as it goes: each number on the screen beside what the Coupa sandbox counts.

use super::browser::Browser;
use super::open;
use crate::platform::{PROJECT, Place};
use crate::support::sandbox_with;
use coupa_sandbox::Sandbox;
use host_harness::records::Format;
use host_harness::workspace::{Endpoint, OperationDraft};
use serde_json::Value;
use std::fmt::Write;
use std::time::{Duration, Instant};

const RECORDS: u64 = 150;
/// Every so many records one names a payment term that does not exist.
const BAD_EVERY: u64 = 10;
const BAD: u64 = RECORDS / BAD_EVERY;

/// What the page shows at one moment.
#[derive(Debug, Clone)]
struct Shown {
    state: String,
    waiting: String,
    numbers: Value,
}

impl Shown {
    async fn now(browser: &Browser) -> Self {
        let script = "const numbers = {};
            for (const box of document.querySelectorAll('[data-count]'))
                numbers[box.dataset.count] = Number(box.querySelector('b').textContent);
            return [document.querySelector('.badge')?.textContent ?? '',
                document.querySelector('#waiting')?.textContent ?? '', numbers];";
        let answer = browser.script(script).await;
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        Self {
            state: text(&answer[0]),
            waiting: text(&answer[1]),
            numbers: answer[2].clone(),
        }
    }

    fn number(&self, name: &str) -> u64 {
        self.numbers[name].as_u64().unwrap_or_default()
    }
}

fn requests(sandbox: &Sandbox) -> u64 {
    let counters = sandbox.counters();
    counters.token_requests + counters.requests.values().sum::<u64>()
}

/// An operation that creates suppliers of a file, in a Coupa that slows everybody
/// down, so that there is time to look.
async fn load(place: &Place) -> Sandbox {
    let sandbox = sandbox_with(&[], |configuration| {
        configuration.switches.rate_limit = true;
        configuration.switches.rate_per_second = 12.0;
        configuration.switches.rate_burst = 6.0;
    });
    let mut rows = "name,term\n".to_owned();
    for n in 1..=RECORDS {
        let term = if n % BAD_EVERY == 0 {
            "Net 4711"
        } else {
            "Net 30"
        };
        writeln!(rows, "Supplier {n},{term}").unwrap();
    }
    place
        .workspace
        .put_file("new.csv", rows.as_bytes())
        .unwrap();
    let connection = place.connect(&sandbox).await;
    let create = place.activity(connection.id, "create", "New", &[]).await;
    let draft = OperationDraft {
        name: "Load".to_owned(),
        source: Some(Endpoint::File {
            path: "new.csv".to_owned(),
            format: Format::Csv,
        }),
        mapping: Some("{name, \"payment-term\": {code: .term}}".to_owned()),
        target: Some(Endpoint::Activity {
            activity: create.id,
        }),
        ..OperationDraft::default()
    };
    place.workspace.create_operation(PROJECT, &draft).unwrap();
    sandbox
}

#[tokio::test(flavor = "multi_thread")]
async fn every_number_of_a_run_is_shown_while_it_goes() {
    let place = Place::new().await;
    let sandbox = load(&place).await;
    let before = sandbox.count("suppliers");
    let browser = open(&place).await;
    browser.press("Run").await;
    browser.see(".badge", "running").await;

    let started = Instant::now();
    let mut running: Vec<Shown> = Vec::new();
    let last = loop {
        assert!(
            started.elapsed() < Duration::from_secs(120),
            "it never ends"
        );
        let shown = Shown::now(&browser).await;
        // Looked up after the page was read: the page is never ahead of it.
        let created = sandbox.count("suppliers") - before;
        assert!(shown.number("written") <= created, "{shown:?}");
        assert!(shown.number("requests") <= requests(&sandbox), "{shown:?}");
        assert!(shown.number("rejected") <= BAD && shown.number("read") <= RECORDS);
        if let Some(previous) = running.last() {
            for name in ["read", "written", "rejected", "requests", "retries"] {
                assert!(
                    shown.number(name) >= previous.number(name),
                    "{name} went back: {previous:?} {shown:?}"
                );
            }
        }
        if shown.state != "running" {
            break shown;
        }
        running.push(shown);
        tokio::time::sleep(Duration::from_millis(60)).await;
    };

    // Each of them moved while the run went.
    let seen = |name: &str| {
        let mut values: Vec<u64> = running.iter().map(|shown| shown.number(name)).collect();
        values.dedup();
        values
    };
    for name in ["read", "written", "rejected", "requests", "retries"] {
        let values = seen(name);
        assert!(values.len() >= 5, "{name} was shown as {values:?}");
    }
    let halfway = |name: &str, most: u64| {
        assert!(
            seen(name).iter().any(|value| (1..most).contains(value)),
            "{name}: {:?}",
            seen(name)
        );
    };
    halfway("written", RECORDS - BAD);
    halfway("rejected", BAD);
    assert!(seen("records/s").iter().any(|rate| (1..=60).contains(rate)));
    assert!(
        running
            .iter()
            .any(|shown| shown.waiting.starts_with("Waiting: ")
                && shown.waiting.contains("slow down")),
        "that it waits for the rate limit was never shown"
    );

    assert_eq!(last.state, "partial");
    assert_eq!(last.waiting, "");
    assert_eq!(last.number("read"), RECORDS);
    assert_eq!(last.number("written"), RECORDS - BAD);
    assert_eq!(last.number("rejected"), BAD);
    assert_eq!(last.number("requests"), requests(&sandbox));
    assert_eq!(sandbox.count("suppliers") - before, RECORDS - BAD);
    browser.see("caption", &format!("{BAD} rejected")).await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_cancelled_on_the_screen_and_resumed_there() {
    let place = Place::new().await;
    let sandbox = load(&place).await;
    let before = sandbox.count("suppliers");
    let browser = open(&place).await;
    browser.press("Run").await;
    while Shown::now(&browser).await.number("written") < 10 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    // The button keeps the focus while the numbers change around it.
    browser
        .script("document.querySelector('#cancel').focus()")
        .await;
    tokio::time::sleep(Duration::from_millis(800)).await;
    let focused = browser.script("return document.activeElement.id").await;
    assert_eq!(focused, "cancel");
    browser.key(fantoccini::key::Key::Enter).await;
    browser
        .see("#status", "what is under way is finished")
        .await;
    browser.see(".badge", "interrupted").await;
    let stopped = Shown::now(&browser).await;
    assert!(stopped.number("written") < RECORDS - BAD, "{stopped:?}");
    assert_eq!(
        sandbox.count("suppliers") - before,
        stopped.number("written")
    );
    assert!(!browser.has("#cancel").await);

    browser.click("#resume").await;
    browser.see("main", "resumed").await;
    browser.see(".badge", "partial").await;
    let rest = Shown::now(&browser).await;
    assert_eq!(
        stopped.number("written") + rest.number("written"),
        RECORDS - BAD
    );
    // None is missing, and none was made twice.
    assert_eq!(sandbox.count("suppliers") - before, RECORDS - BAD);
    browser.close().await;
}
