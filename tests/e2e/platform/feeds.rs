//! Operations whose source goes on from run to run, or waits until what it gave
//! has been taken for good.

use super::{DEVELOPMENT, PROJECT, Place};
use crate::support::{countable_sandbox, sandbox};
use coupa_sandbox::{Fault, FaultRule, Sandbox};
use host_harness::records::Format;
use host_harness::workspace::{Endpoint, Operation, OperationDraft, Run, RunState};
use std::time::Duration;

async fn place(sandbox: &Sandbox) -> (Place, host_harness::workspace::ConnectionId) {
    let place = Place::new().await;
    let connection = place.connect(sandbox).await;
    (place, connection.id)
}

fn into_file(place: &Place, source: &host_harness::workspace::Activity, name: &str) -> Operation {
    let draft = OperationDraft {
        name: name.to_owned(),
        source: Some(Endpoint::Activity {
            activity: source.id,
        }),
        target: Some(Endpoint::File {
            path: format!("{name}.ndjson"),
            format: Format::Ndjson,
        }),
        ..OperationDraft::default()
    };
    place.workspace.create_operation(PROJECT, &draft).unwrap()
}

async fn run(place: &Place, operation: &Operation) -> Run {
    let run = place.workspace.start_run(operation.id, DEVELOPMENT).await;
    ended(place, run.unwrap()).await
}

async fn ended(place: &Place, run: host_harness::workspace::RunId) -> Run {
    tokio::time::timeout(Duration::from_secs(60), place.workspace.wait_for_run(run))
        .await
        .unwrap()
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_go_on_from_run_to_run_and_can_start_over() {
    let sandbox = sandbox(&[("suppliers", 70)]);
    let (place, connection) = place(&sandbox).await;
    let changes = place
        .activity(connection, "changes", "Changed suppliers", &[])
        .await;
    let operation = into_file(&place, &changes, "changed");
    let all = sandbox.count("suppliers");
    let first = run(&place, &operation).await;
    assert_eq!(
        (first.state, first.counts.written),
        (RunState::Success, all),
        "{first:?}"
    );
    let second = run(&place, &operation).await;
    assert_eq!(second.counts.written, 0, "nothing changed");
    // No run writes over what another has written.
    assert_ne!(first.output, second.output);

    let plans = place
        .workspace
        .plan_operation(operation.id, DEVELOPMENT, false)
        .await
        .unwrap();
    assert!(
        plans[0].1.requests[0]
            .path
            .contains("updated_at%5Bgt_or_eq%5D")
    );
    place.workspace.start_over(operation.id).unwrap();
    let again = run(&place, &operation).await;
    assert_eq!(again.counts.written, all);
}

fn exported(sandbox: &Sandbox) -> u64 {
    let count = sandbox.count("purchase_orders") as i64;
    (1..=count + 50)
        .filter_map(|id| sandbox.record("purchase_orders", id))
        .filter(|order| order["exported"] == true)
        .count() as u64
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_that_breaks_off_loses_nothing() {
    let sandbox = countable_sandbox(&[("purchase_orders", 260)]);
    let before = exported(&sandbox);
    let waiting = sandbox.count("purchase_orders") - before;
    let (place, connection) = place(&sandbox).await;
    let export = place
        .activity_of(connection, "export", "purchase_orders", "New orders", &[])
        .await;
    let operation = into_file(&place, &export, "orders");
    // The third page never comes.
    sandbox.add_fault(
        FaultRule {
            times: None,
            ..FaultRule::next(
                1,
                Fault::Redirect {
                    location: "/elsewhere".to_owned(),
                },
            )
            .on_method("GET")
            .on_path("/api/purchase_orders")
        }
        .after(2),
    );
    let broken = run(&place, &operation).await;
    assert_eq!(broken.state, RunState::Failure, "{broken:?}");
    sandbox.clear_faults();
    let marked = exported(&sandbox) - before;
    let part = broken.output.clone().unwrap();
    let there = place.lines(&part).len() as u64;
    assert!(
        marked <= there,
        "{marked} are marked, and {there} have arrived"
    );

    let resumed = place.workspace.resume_run(broken.id).await.unwrap();
    let resumed = ended(&place, resumed).await;
    assert_eq!(resumed.state, RunState::Success, "{resumed:?}");
    let lines = place.lines(&resumed.output.unwrap());
    let ids: std::collections::BTreeSet<i64> = lines
        .iter()
        .map(|line| line["id"].as_i64().unwrap())
        .collect();
    assert_eq!((lines.len() as u64, ids.len() as u64), (waiting, waiting));
    // Where a mark moves the time, one of which nothing could be read was taken back.
    let unmarked = waiting - (exported(&sandbox) - before);
    let moves = sandbox.switches().mark_moves_updated_at;
    assert!(unmarked == 0 || moves, "{unmarked}");
    let again = run(&place, &operation).await;
    assert_eq!(again.counts.written, unmarked);
    assert_eq!(exported(&sandbox) - before, waiting);
    // And there is nothing more.
    let none = run(&place, &operation).await;
    assert_eq!(none.counts.written, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn records_are_acknowledged_when_the_target_has_answered_them() {
    let (here, there) = (sandbox(&[("purchase_orders", 80)]), sandbox(&[]));
    let before = exported(&here);
    let waiting = here.count("purchase_orders") - before;
    let (place, connection) = place(&here).await;
    let mut other = super::oauth(&there);
    other.name = "Other Coupa".to_owned();
    let to = place
        .workspace
        .create_connection(PROJECT, other)
        .await
        .unwrap();
    let export = place
        .activity_of(connection, "export", "purchase_orders", "New orders", &[])
        .await;
    let create = place
        .activity_of(to.id, "upsert", "departments", "As departments", &[])
        .await;
    let draft = OperationDraft {
        name: "Feed".to_owned(),
        source: Some(Endpoint::Activity {
            activity: export.id,
        }),
        mapping: Some("{name: (\"Order \" + .[\"po-number\"])}".to_owned()),
        target: Some(Endpoint::Activity {
            activity: create.id,
        }),
        ..OperationDraft::default()
    };
    let operation = place.workspace.create_operation(PROJECT, &draft).unwrap();
    let done = run(&place, &operation).await;
    assert_eq!(done.state, RunState::Success, "{done:?}");
    assert_eq!(
        (done.counts.written, done.counts.created),
        (waiting, waiting)
    );
    assert_eq!(exported(&here) - before, waiting);
}
