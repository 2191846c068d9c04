//! Whatever a front does with connections, frames and answers that HTTP allows, the same
//! records and bytes come through.

use super::connect;
use crate::files::{files_of, upload};
use crate::servers::front::{End, Front, HTTP2, Script};
use crate::support::{call, countable_sandbox, oauth, query, run};
use host_harness::runtime::types::Item;
use std::collections::BTreeMap;

const SUPPLIERS: u64 = 230;
const FILE: usize = 3 << 20;

/// What a front may do, over both protocols where both have it.
fn scripts() -> Vec<Script> {
    let ends = |after, end| Script {
        ends: Some((after, end)),
        ..Script::default()
    };
    let both = [
        Script::default(),
        ends(3, End::Agreed),
        ends(2, End::Silent),
        Script {
            informational: true,
            ..Script::default()
        },
        Script {
            trailers: true,
            ..Script::default()
        },
    ];
    let chunked = Script {
        chunked: true,
        ..Script::default()
    };
    let over_http1 = both.clone().into_iter().chain([chunked]);
    let over_http1 = over_http1.map(|script| Script {
        alpn: Script::http1().alpn,
        ..script
    });
    let over_http2 = [
        Script {
            refuses: Some(3),
            ..Script::default()
        },
        Script {
            window: Some(1024),
            ..Script::default()
        },
        // All at once.
        Script {
            ends: Some((4, End::Agreed)),
            refuses: Some(3),
            window: Some(1024),
            informational: true,
            trailers: true,
            ..Script::default()
        },
    ];
    over_http1.chain(both.clone()).chain(over_http2).collect()
}

fn texts(items: &[Item]) -> Vec<(&str, &str)> {
    let items = items.iter();
    items
        .map(|item| (item.key.as_str(), item.data.as_str()))
        .collect()
}

#[tokio::test]
async fn the_same_records_come_through_whatever_a_front_does() {
    let sandbox = countable_sandbox(&[("suppliers", SUPPLIERS)]);
    let plain = query(oauth(&sandbox), "suppliers", &[]).await;
    assert_eq!(plain.items.len() as u64, SUPPLIERS);
    for script in scripts() {
        println!("{script:?}");
        let front = Front::with(script.clone(), &sandbox).await;
        let outcome = query(connect(&front), "suppliers", &[]).await;
        assert_eq!(outcome.summary().succeeded, SUPPLIERS);
        assert!(texts(&outcome.items) == texts(&plain.items), "{script:?}");
        front.assert_well_formed();
        let most = script.ends.map_or(u32::MAX, |(after, _)| after);
        let mut connections = BTreeMap::<usize, u32>::new();
        for request in front.received() {
            *connections.entry(request.connection).or_default() += 1;
        }
        assert!(connections.values().all(|requests| *requests <= most));
        // Over HTTP/2, the first one shows what is spoken, and one more is for all that
        // comes; over HTTP/1.1 there are as many as requests under way, and more where
        // the host's client may not use one again after trailers.
        let is_used_again = !script.trailers || script.alpn.contains(&HTTP2);
        match script.ends {
            Some(_) => assert!(connections.len() > 1, "{script:?}"),
            None => assert!(
                connections.len() <= 2 || !is_used_again,
                "{script:?}: {connections:?}"
            ),
        }
    }
}

#[tokio::test]
async fn megabytes_pass_both_ways_through_small_windows() {
    let sandbox = countable_sandbox(&[("purchase_orders", 1)]);
    let order = query(oauth(&sandbox), "purchase_orders", &[]).await.keys()[0];
    let small = Script {
        window: Some(1024),
        ..Script::default()
    };
    let front = Front::with(small, &sandbox).await;
    let (up, down) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let content: Vec<u8> = (0..FILE).map(|n| (n % 251) as u8).collect();
    std::fs::write(up.path().join("scan.pdf"), &content).unwrap();
    let record = format!(r#"{{"purchase-order-id":{order},"file":"scan.pdf"}}"#);
    let object = "purchase_orders/{purchase_order_id}/attachments";
    let outcome = upload(files_of(connect(&front), up.path()), object, &[record]).await;
    assert_eq!(outcome.summary().succeeded, 1, "{outcome:?}");

    let object = format!("purchase_orders/{order}/attachments");
    let files = files_of(connect(&front), down.path());
    let outcome = run(files, call("download", &object, &[]), Vec::new()).await;
    assert_eq!(outcome.items.len(), 1, "{outcome:?}");
    let came = std::fs::read(down.path().join("scan.pdf")).unwrap();
    assert!(came == content);
    front.assert_well_formed();
}
