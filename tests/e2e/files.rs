//! Attachments and scans, both ways, in memory that does not grow with them.

use crate::support::{Outcome, call, countable_sandbox, oauth, query, run, sandbox};
use coupa_sandbox::{Sandbox, SeededFile};
use host_harness::runtime::types::Item;
use host_harness::runtime::{Connection, RunFiles};
use std::path::Path;

fn with_files(sandbox: &Sandbox, folder: &Path) -> Connection {
    files_of(oauth(sandbox), folder)
}

/// The connection, with a folder for the run's files.
pub fn files_of(mut connection: Connection, folder: &Path) -> Connection {
    connection.files = Some(RunFiles::in_folder(folder));
    connection
}

pub async fn upload(connection: Connection, object: &str, records: &[String]) -> Outcome {
    let input = records.iter().enumerate().map(|(n, data)| Item {
        key: (n + 1).to_string(),
        data: data.clone(),
    });
    run(connection, call("upload", object, &[]), input.collect()).await
}

#[tokio::test]
async fn attachments_go_up_and_come_down_as_they_were() {
    let sandbox = sandbox(&[("purchase_orders", 1)]);
    let order = query(oauth(&sandbox), "purchase_orders", &[]).await.keys()[0];
    let (up, down) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let content: Vec<u8> = (0..3_000_000_u32).map(|n| (n % 251) as u8).collect();
    std::fs::write(up.path().join("scan 1.pdf"), &content).unwrap();
    let records = [
        format!(r#"{{"purchase_order_id":{order},"file":"scan 1.pdf","intent":"Internal"}}"#),
        format!(
            r#"{{"purchase-order-id":{order},"text":"Deliver to the back door","intent":"Supplier"}}"#
        ),
        format!(r#"{{"purchase-order-id":{order},"url":"https://example.com/x"}}"#),
        format!(r#"{{"purchase-order-id":{order},"file":"missing.pdf"}}"#),
        format!(r#"{{"purchase-order-id":{order}}}"#),
        format!(r#"{{"purchase-order-id":{order},"file":"../secret"}}"#),
    ];
    let object = "purchase_orders/{purchase_order_id}/attachments";
    let outcome = upload(with_files(&sandbox, up.path()), object, &records).await;
    assert_eq!(outcome.answers.len(), 3, "{outcome:?}");
    let mut codes: Vec<_> = outcome
        .rejected
        .iter()
        .map(|r| r.error.code.as_str())
        .collect();
    codes.sort_unstable();
    assert_eq!(
        codes,
        ["file.unreadable", "file.unreadable", "record.file-missing"]
    );

    let object = format!("purchase_orders/{order}/attachments");
    let connection = with_files(&sandbox, down.path());
    let outcome = run(connection, call("download", &object, &[]), Vec::new()).await;
    assert_eq!(outcome.items.len(), 3, "{outcome:?}");
    let file = outcome
        .records()
        .into_iter()
        .find(|record| record["downloaded"].is_object())
        .unwrap();
    let name = file["downloaded"]["file"].as_str().unwrap();
    assert_eq!(name, "scan 1.pdf");
    assert_eq!(file["downloaded"]["size"], content.len());
    assert_eq!(std::fs::read(down.path().join(name)).unwrap(), content);

    // Without a place for files nothing is kept.
    let outcome = run(oauth(&sandbox), call("download", &object, &[]), Vec::new()).await;
    assert_eq!(outcome.code(), "file.not-kept");
}

#[tokio::test]
async fn scans_of_invoices_are_put_and_retrieved() {
    let sandbox = sandbox(&[("invoices", 2)]);
    let ids = query(oauth(&sandbox), "invoices", &[("limit", "2")])
        .await
        .keys();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("scan.pdf"), b"%PDF-1.7 a scan").unwrap();
    let record = format!(r#"{{"id":{},"file":"scan.pdf"}}"#, ids[0]);
    let outcome = upload(with_files(&sandbox, folder.path()), "invoices", &[record]).await;
    assert_eq!(outcome.summary().succeeded, 1, "{outcome:?}");
    let options = [
        ("file", "retrieve_image_scan"),
        ("filter", &format!("id[in]={},{}", ids[0], ids[1])),
    ];
    let connection = with_files(&sandbox, folder.path());
    let outcome = run(
        connection,
        call("download", "invoices", &options),
        Vec::new(),
    )
    .await;
    assert_eq!(outcome.keys(), [ids[0]], "the other has none: {outcome:?}");
    // The name was taken, so that it became another one.
    let kept = outcome.records()[0]["downloaded"]["file"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_ne!(kept, "scan.pdf");
    assert_eq!(
        std::fs::read(folder.path().join(kept)).unwrap(),
        b"%PDF-1.7 a scan"
    );
}

#[tokio::test]
async fn large_files_do_not_grow_the_memory() {
    // A token that lives for seconds dies on a slow machine while a file is on its way.
    let sandbox = countable_sandbox(&[("invoices", 1)]);
    let invoice = query(oauth(&sandbox), "invoices", &[]).await.keys()[0];
    let size: u64 = 256 << 20;
    let placed = sandbox
        .add_file(&SeededFile {
            path: format!("invoices/{invoice}/attachments"),
            size,
            seed: 7,
            name: "large.bin".to_owned(),
            content_type: "application/octet-stream".to_owned(),
        })
        .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let object = format!("invoices/{invoice}/attachments");
    let outcome = run(
        with_files(&sandbox, folder.path()),
        call("download", &object, &[]),
        Vec::new(),
    )
    .await;
    let downloaded = &outcome.records()[0]["downloaded"];
    assert_eq!(
        (downloaded["size"].as_u64(), downloaded["sha256"].as_str()),
        (Some(size), Some(placed.file.sha256.as_str()))
    );
    assert!(
        outcome.usage.peak_memory() < 16 << 20,
        "{}",
        outcome.usage.peak_memory()
    );

    let record = format!(r#"{{"invoice-id":{invoice},"file":"large.bin"}}"#);
    let object = "invoices/{invoice_id}/attachments";
    let outcome = upload(with_files(&sandbox, folder.path()), object, &[record]).await;
    assert_eq!(outcome.summary().succeeded, 1, "{outcome:?}");
    assert!(
        outcome.usage.peak_memory() < 16 << 20,
        "{}",
        outcome.usage.peak_memory()
    );
    let id = outcome.answers[0].id.clone().unwrap();
    let there = sandbox
        .file(&format!("invoices/{invoice}/attachments/{id}"))
        .unwrap();
    assert_eq!(there.sha256, placed.file.sha256);
}

#[tokio::test]
async fn a_file_that_breaks_off_is_not_kept() {
    let sandbox = sandbox(&[("invoices", 1)]);
    let invoice = query(oauth(&sandbox), "invoices", &[]).await.keys()[0];
    sandbox
        .add_file(&SeededFile {
            path: format!("invoices/{invoice}/attachments"),
            size: 1 << 20,
            seed: 7,
            name: "broken.bin".to_owned(),
            content_type: "application/octet-stream".to_owned(),
        })
        .unwrap();
    sandbox.add_fault(
        coupa_sandbox::FaultRule::next(1, coupa_sandbox::Fault::Truncated)
            .on_path(&format!("/api/invoices/{invoice}/attachments/")),
    );
    let folder = tempfile::tempdir().unwrap();
    let object = format!("invoices/{invoice}/attachments");
    let outcome = run(
        with_files(&sandbox, folder.path()),
        call("download", &object, &[]),
        Vec::new(),
    )
    .await;
    assert_eq!(outcome.summary().succeeded, 1, "{outcome:?}");
    let files: Vec<_> = std::fs::read_dir(folder.path()).unwrap().collect();
    assert_eq!(
        files.len(),
        1,
        "the whole one, and nothing of the broken one"
    );
}
