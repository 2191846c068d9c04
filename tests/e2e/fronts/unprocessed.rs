//! Streams that a front certainly did not process (RFC 9113, 6.8 and 8.7): they are sent
//! again, whatever their method, and nobody is left in doubt.

use super::{connect, handed_on};
use crate::files::{files_of, upload};
use crate::program::{Folder, connection};
use crate::servers::front::{End, Front, Script};
use crate::support::{Outcome, call, countable_sandbox, query, run};
use coupa_sandbox::Sandbox;
use host_harness::runtime::Connection;
use host_harness::runtime::types::Item;
use std::collections::BTreeSet;

/// No two are kept apart by a key, so that nobody can look for one.
const OBJECT: &str = "commodities";
const RECORDS: usize = 40;
const FILE: usize = 3 << 20;

/// GOAWAY after ten requests, as nginx does it after a thousand; and REFUSED_STREAM, as a
/// server that is busy does it.
fn scripts() -> [(&'static str, Script); 2] {
    let goaway = Script {
        ends: Some((10, End::Agreed)),
        ..Script::default()
    };
    let refusing = Script {
        refuses: Some(5),
        ..Script::default()
    };
    [("GOAWAY", goaway), ("REFUSED_STREAM", refusing)]
}

fn records() -> impl Iterator<Item = String> {
    (0..RECORDS).map(|n| format!(r#"{{"name":"Once {n}"}}"#))
}

/// Creates them all, eight at a time.
/// Requests under way.
pub const AT_A_TIME: usize = 8;

pub async fn create(connection: Connection) -> Outcome {
    let input = records().enumerate().map(|(n, data)| Item {
        key: n.to_string(),
        data,
    });
    let call = call("create", OBJECT, &[("concurrency", &AT_A_TIME.to_string())]);
    run(connection, call, input.collect()).await
}

/// Each was created once, and is told so.
pub fn all_once(outcome: &Outcome, sandbox: &Sandbox, before: u64) {
    assert_eq!(outcome.rejected.len(), 0, "{:?}", outcome.rejected);
    assert_eq!(outcome.summary().succeeded, RECORDS as u64);
    let ids: BTreeSet<_> = outcome.answers.iter().map(|answer| &answer.id).collect();
    assert_eq!(ids.len(), RECORDS);
    assert_eq!(sandbox.count(OBJECT) - before, RECORDS as u64);
}

pub fn sandbox() -> (Sandbox, u64) {
    let sandbox = countable_sandbox(&[]);
    let before = sandbox.count(OBJECT);
    (sandbox, before)
}

#[tokio::test]
async fn creates_that_were_not_processed_are_sent_again() {
    for (name, script) in scripts() {
        println!("{name}");
        let (sandbox, before) = sandbox();
        let front = Front::with(script, &sandbox).await;
        let outcome = create(connect(&front)).await;
        all_once(&outcome, &sandbox, before);
        let path = format!("/api/{OBJECT}");
        assert_eq!(handed_on(&front, "POST", &path), RECORDS, "{name}");
        let counts = front.counts();
        assert!(counts.unprocessed > 0, "{name}: {counts:?}");
        front.assert_well_formed();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_tells_them_as_created() {
    let (sandbox, before) = sandbox();
    let [(_, script), _] = scripts();
    let front = Front::with(script, &sandbox).await;
    let folder = Folder::new(&sandbox);
    let file = connection(&front.url());
    folder.write(
        "connection.toml",
        &format!("certificates = \"company.pem\"\n{file}"),
    );
    folder.write("company.pem", &front.authority);
    folder.write("new.ndjson", &records().collect::<Vec<_>>().join("\n"));
    let (code, said) = folder.code(&[
        "run",
        "create",
        OBJECT,
        "-o",
        "concurrency=8",
        "--input",
        "new.ndjson",
        "--output",
        "created.ndjson",
    ]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("40 created"), "{said}");
    assert!(said.contains("0 rejected"), "{said}");
    assert_eq!(sandbox.count(OBJECT) - before, RECORDS as u64);
    assert!(front.counts().unprocessed > 0);
}

#[tokio::test]
async fn files_that_were_not_processed_are_opened_and_sent_again() {
    for (name, script) in scripts() {
        println!("{name}");
        let script = Script {
            ends: script.ends.map(|(_, end)| (3, end)),
            refuses: script.refuses.map(|_| 3),
            ..script
        };
        let sandbox = countable_sandbox(&[("purchase_orders", 1)]);
        let front = Front::with(script, &sandbox).await;
        uploads(&sandbox, || connect(&front)).await;
        assert_eq!(handed_on(&front, "POST", "/api/purchase_orders/"), 6);
        let counts = front.counts();
        assert!(counts.unprocessed > 0, "{name}: {counts:?}");
        front.assert_well_formed();
    }
}

/// Six files go up, and are there once each, as they were.
pub async fn uploads(sandbox: &Sandbox, connect: impl Fn() -> Connection) {
    let order = query(connect(), "purchase_orders", &[]).await.keys()[0];
    let folder = tempfile::tempdir().unwrap();
    let content: Vec<u8> = (0..FILE).map(|n| (n % 251) as u8).collect();
    std::fs::write(folder.path().join("scan.pdf"), &content).unwrap();
    let record = format!(r#"{{"purchase-order-id":{order},"file":"scan.pdf"}}"#);
    let object = "purchase_orders/{purchase_order_id}/attachments";
    let files = files_of(connect(), folder.path());
    let outcome = upload(files, object, &vec![record; 6]).await;
    assert_eq!(outcome.rejected.len(), 0, "{:?}", outcome.rejected);
    assert_eq!(outcome.answers.len(), 6);
    assert_eq!(sandbox.count(object), 6);
    for answer in &outcome.answers {
        let id = answer.id.as_deref().unwrap();
        let path = format!("purchase_orders/{order}/attachments/{id}");
        assert_eq!(sandbox.file(&path).unwrap().size, FILE as u64);
    }
}
