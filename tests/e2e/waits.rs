//! What a run is about to wait for is told before it waits.

use crate::platform::{DEVELOPMENT, PROJECT, Place};
use crate::support::{call, connector, countable_sandbox, oauth};
use coupa_sandbox::{Fault, FaultRule, Sandbox};
use futures::StreamExt;
use host_harness::records::Format;
use host_harness::runtime::Connection;
use host_harness::runtime::types::{Event, Notice, NoticeKind};
use host_harness::workspace::{Endpoint, OperationDraft, RunState};
use std::time::{Duration, Instant};

/// The first notice of a wait, what had come before it, and how long it then took until
/// the next record came.
async fn first_wait(connection: Connection, options: &[(&str, &str)]) -> (Notice, u64, Duration) {
    let session = connector().session(connection).await.unwrap();
    let call = call("query", "suppliers", options);
    let mut execution = session.execute(call, futures::stream::empty().boxed());
    let mut told: Option<(Notice, Instant)> = None;
    let mut records = 0;
    let waiting = async {
        while let Some(events) = execution.next().await {
            for event in events {
                match (event, &told) {
                    (Event::Notice(notice), None) => told = Some((notice, Instant::now())),
                    (Event::Item(_), Some((notice, at))) => {
                        return (notice.clone(), records, at.elapsed());
                    }
                    (Event::Item(_), None) => records += 1,
                    _ => {}
                }
            }
        }
        panic!("nothing was told before the last record: {told:?}");
    };
    tokio::time::timeout(Duration::from_secs(60), waiting)
        .await
        .unwrap()
}

fn limited(sandbox: &Sandbox, seconds: u64) {
    sandbox.add_fault(
        FaultRule::next(
            1,
            Fault::Status {
                status: 429,
                retry_after: Some(seconds),
                processed: false,
            },
        )
        .on_path("/api/suppliers"),
    );
}

#[tokio::test]
async fn a_wait_that_coupa_asks_for_is_told_before_it() {
    let sandbox = countable_sandbox(&[("suppliers", 10)]);
    limited(&sandbox, 3);
    let (notice, before, waited) = first_wait(oauth(&sandbox), &[]).await;
    assert_eq!(
        (notice.kind, notice.wait),
        (NoticeKind::Throttled, Some(3000))
    );
    assert!(notice.message.contains("asks to wait"), "{notice:?}");
    assert_eq!(before, 0);
    assert!(waited >= Duration::from_millis(2500), "{waited:?}");
}

#[tokio::test]
async fn a_wait_for_the_connections_own_rate_is_told_before_it() {
    let sandbox = countable_sandbox(&[("suppliers", 1300)]);
    let mut connection = oauth(&sandbox);
    // Twenty go at once, as Coupa allows; the next ones wait, four at a time.
    connection.limits.requests_per_second = Some(1);
    let (notice, before, waited) = first_wait(connection, &[("order-by", "name")]).await;
    assert_eq!(notice.kind, NoticeKind::Throttled);
    assert!(notice.message.contains("requests per second"), "{notice:?}");
    assert!(notice.wait.unwrap() >= 1000, "{notice:?}");
    assert!(
        before > 0 && waited > Duration::ZERO,
        "{before}, {waited:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_record_of_a_run_says_what_it_waits_for() {
    let sandbox = countable_sandbox(&[("suppliers", 10)]);
    let place = Place::new().await;
    let connection = place.connect(&sandbox).await;
    let activity = place.activity(connection.id, "query", "All", &[]).await;
    let draft = OperationDraft {
        name: "Export".to_owned(),
        source: Some(Endpoint::Activity {
            activity: activity.id,
        }),
        target: Some(Endpoint::File {
            path: "suppliers.ndjson".to_owned(),
            format: Format::Ndjson,
        }),
        ..OperationDraft::default()
    };
    let operation = place.workspace.create_operation(PROJECT, &draft).unwrap();
    limited(&sandbox, 4);
    let id = place
        .workspace
        .start_run(operation.id, DEVELOPMENT)
        .await
        .unwrap();
    // Until it has ended, at the latest.
    let waiting = loop {
        let run = place.workspace.run(id).unwrap();
        if let Some(waiting) = run.waiting {
            break waiting;
        }
        assert_eq!(run.state, RunState::Running, "it ended, and told nothing");
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    assert!(
        waiting.contains("asks to wait") && waiting.ends_with("(4 s)"),
        "{waiting}"
    );
    let ending = place.workspace.wait_for_run(id);
    let ended = tokio::time::timeout(Duration::from_secs(60), ending)
        .await
        .unwrap()
        .unwrap();
    assert_eq!((ended.state, ended.waiting), (RunState::Success, None));
    assert_eq!(ended.counts.written, sandbox.count("suppliers"));
}
