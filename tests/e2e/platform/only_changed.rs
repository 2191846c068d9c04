//! Operations that leave out what has not changed since it was last taken.

use super::{DEVELOPMENT, PROJECT, Place};
use crate::support::{oauth, sandbox, write};
use host_harness::workspace::{Endpoint, Operation, OperationDraft, Run, RunState};
use std::time::Duration;

async fn run(place: &Place, operation: &Operation) -> Run {
    let run = place.workspace.start_run(operation.id, DEVELOPMENT).await;
    let ended = place.workspace.wait_for_run(run.unwrap());
    let ended = tokio::time::timeout(Duration::from_secs(60), ended);
    ended.await.unwrap().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_changed_goes_on_and_what_was_rejected_is_told_again() {
    let (from, to) = (sandbox(&[("suppliers", 60)]), sandbox(&[]));
    let place = Place::new().await;
    let here = place.connect(&from).await;
    let mut other = super::oauth(&to);
    other.name = "Other Coupa".to_owned();
    let there = place.workspace.create_connection(PROJECT, other).await;
    let there = there.unwrap();
    // By name: what an instance gives unasked, its default response filter decides.
    let fields = ("fields", "name,website");
    let all = place.activity(here.id, "query", "All", &[fields]).await;
    let upsert = [("key", "number")];
    let into = place.activity(there.id, "upsert", "Into", &upsert).await;
    let draft = OperationDraft {
        name: "Copy".to_owned(),
        source: Some(Endpoint::Activity { activity: all.id }),
        // One of them is refused, until it has a website.
        mapping: Some(
            r#"{name: "Copy of \(.id)", number: "C-\(.id)"}
               + if .id == 7 and .website != "https://good.example"
                 then {"payment-term": {code: "No Such Term"}} else {} end"#
                .to_owned(),
        ),
        target: Some(Endpoint::Activity { activity: into.id }),
        only_changed: true,
        ..OperationDraft::default()
    };
    let operation = place.workspace.create_operation(PROJECT, &draft).unwrap();
    let total = from.count("suppliers");
    let counts = |run: &Run| {
        let counts = run.counts;
        (
            counts.written,
            counts.rejected,
            counts.left_out,
            counts.gone,
        )
    };
    let first = run(&place, &operation).await;
    assert_eq!(first.state, RunState::Partial, "{first:?}");
    assert_eq!(counts(&first), (total - 1, 1, 0, 0));
    let second = run(&place, &operation).await;
    assert_eq!(counts(&second), (0, 1, total - 1, 0), "{second:?}");

    // One changes, and the refused one comes right.
    let changes = [
        r#"{"id":3,"website":"https://three.example"}"#,
        r#"{"id":7,"website":"https://good.example"}"#,
    ];
    let changed = write(oauth(&from), "update", "suppliers", &[], &changes).await;
    assert_eq!(changed.answers.len(), 2, "{:?}", changed.rejected);
    let third = run(&place, &operation).await;
    assert_eq!(counts(&third), (2, 0, total - 2, 0), "{third:?}");

    // Some are no longer in what is asked for.
    let mut fewer = place.workspace.activity(all.id).unwrap();
    let draft = host_harness::workspace::ActivityDraft {
        name: fewer.name.clone(),
        activity: fewer.activity.clone(),
        object: fewer.object.clone(),
        options: super::settings(&[("filter", r"id\[gt]=5"), fields]),
    };
    fewer = place
        .workspace
        .update_activity(fewer.id, fewer.revision, draft)
        .await
        .unwrap();
    let ids_to_5 = (1..=5).filter(|id| from.record("suppliers", *id).is_some());
    let ids: Vec<String> = ids_to_5.map(|id| id.to_string()).collect();
    let fourth = run(&place, &operation).await;
    let left = total - ids.len() as u64;
    assert_eq!(counts(&fourth), (0, 0, left, ids.len() as u64), "{fewer:?}");
    assert_eq!(fourth.gone_keys, ids);
    assert_eq!(run(&place, &operation).await.counts.gone, 0, "told once");
    place.workspace.start_over(operation.id).unwrap();
    assert_eq!(run(&place, &operation).await.counts.left_out, 0);
}
