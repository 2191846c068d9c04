//! Many records and large ones, in memory that does not grow with them.

use crate::lean::{self, Collection};
use crate::support::{CLIENT_ID, call, connection, connector, write};
use futures::StreamExt;
use host_harness::runtime::Connection;
use host_harness::runtime::types::{Effect, Event};
use std::time::Duration;

/// No read here takes longer, on however busy a machine.
const PATIENCE: Duration = Duration::from_secs(180);

fn to(url: &str) -> Connection {
    connection(url)
        .setting("authentication", "oauth")
        .setting("client-id", CLIENT_ID)
}

/// Reads a collection and keeps nothing of it: how many records came, how many bytes,
/// and the most memory that the component used.
async fn read(activity: &str, object: &str, collection: Collection) -> (u64, u64, usize) {
    let url = lean::serve(collection).await;
    let session = connector().session(to(&url)).await.unwrap();
    let call = call(activity, object, &[]);
    let mut execution = session.execute(call, futures::stream::empty().boxed());
    let usage = execution.usage().clone();
    let (mut records, mut bytes) = (0, 0);
    let reading = async {
        while let Some(events) = execution.next().await {
            for event in events {
                if let Event::Item(item) = event {
                    records += 1;
                    bytes += item.data.len() as u64;
                    assert_eq!(item.key, records.to_string(), "each once, in order");
                }
            }
        }
        execution.finish().await.unwrap();
    };
    tokio::time::timeout(PATIENCE, reading).await.unwrap();
    (records, bytes, usage.peak_memory())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_thousand_records_need_no_more_memory_than_a_thousand() {
    for activity in ["query", "changes"] {
        let of = |records| Collection { records, lines: 2 };
        let (_, _, few) = read(activity, "suppliers", of(1000)).await;
        let (records, _, many) = read(activity, "suppliers", of(100_000)).await;
        println!("{activity}: {few} bytes for 1,000 records, {many} for {records}");
        assert_eq!(records, 100_000, "{activity}");
        assert!(
            many <= few + few / 4,
            "{activity}: {few} bytes, then {many}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn records_of_megabytes_are_read_in_memory_that_does_not_grow_with_their_number() {
    let lines = 10_000;
    let of = |records| Collection { records, lines };
    let one = lean::lines(lines).len() as u64;
    assert!(one > 1_000_000, "{one}");
    let (_, _, few) = read("query", "purchase_orders", of(50)).await;
    let (records, bytes, many) = read("query", "purchase_orders", of(200)).await;
    println!("{few} bytes for 50 orders of {one} bytes, {many} for 200");
    assert_eq!(records, 200);
    assert!(bytes > 200 * one, "{bytes}");
    assert!(many <= few + few / 4, "{few} bytes, then {many}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_of_ten_thousand_lines_is_created_and_updated() {
    let url = lean::serve(Collection {
        records: 0,
        lines: 0,
    })
    .await;
    let lines = lean::lines(10_000);
    let order = format!(r#"{{"po-number":"L-1","order-lines":{lines}}}"#);
    let update = format!(r#"{{"id":7,"order-lines":{lines}}}"#);
    for (activity, record, effect) in [
        ("create", &order, Effect::Created),
        ("update", &update, Effect::Updated),
    ] {
        let records = [record.as_str()];
        let written = write(to(&url), activity, "purchase_orders", &[], &records);
        let outcome = tokio::time::timeout(PATIENCE, written).await.unwrap();
        let [answer] = outcome.answers.as_slice() else {
            panic!("{activity}: {:?}", outcome.ended);
        };
        assert_eq!((answer.effect, answer.id.as_deref()), (effect, Some("7")));
        assert!(answer.differences.is_empty(), "{activity}");
        let answered: serde_json::Value = serde_json::from_str(&answer.data).unwrap();
        assert_eq!(answered["order-lines"].as_array().unwrap().len(), 10_000);
        let memory = outcome.usage.peak_memory();
        println!(
            "{activity}: {memory} bytes for a record of {}",
            record.len()
        );
        assert!(memory < 64 << 20, "{activity}: {memory} bytes");
    }
}
