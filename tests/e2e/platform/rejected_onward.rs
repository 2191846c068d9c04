//! The rejected records of a run, written by a chained operation into Coupa's own
//! integration history.

use super::{DEVELOPMENT, PROJECT, Place, code};
use crate::support::{oauth, query, sandbox, write};
use host_harness::workspace::{Endpoint, OperationDraft, RunFilter, RunState, Trigger};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// As `docs/activities.md` has it.
const MAPPING: &str = r#"{
  "document-type": "OrderHeader",
  "document-id": ."source-record".id,
  "contact-alert-type": "Technical",
  integration: {code: "ORDER-FEED"},
  responses: [{"response-code": .code, "response-message": .message}]
}"#;

#[tokio::test(flavor = "multi_thread")]
async fn the_failures_of_a_feed_are_written_into_coupas_integration_history() {
    let (here, there) = (sandbox(&[("purchase_orders", 40)]), sandbox(&[]));
    let integration = r#"{"name":"Order feed","code":"ORDER-FEED","business-object":"OrderHeader",
        "direction":"from_coupa","end-system":"ERP","end-system-type":"erp"}"#;
    let made = write(oauth(&here), "create", "integrations", &[], &[integration]).await;
    assert_eq!(made.answers.len(), 1, "{:?}", made.rejected);

    let place = Place::new().await;
    let from = place.connect(&here).await;
    let mut other = super::oauth(&there);
    other.name = "Other Coupa".to_owned();
    let to = place.workspace.create_connection(PROJECT, other).await;
    let to = to.unwrap();
    let export = place
        .activity_of(from.id, "export", "purchase_orders", "New orders", &[])
        .await;
    let create = place.activity(to.id, "create", "Suppliers", &[]).await;
    let errors = place
        .activity_of(from.id, "create", "integration_errors", "History", &[])
        .await;
    let onward = OperationDraft {
        name: "Into the history".to_owned(),
        source: Some(Endpoint::Rejected),
        mapping: Some(MAPPING.to_owned()),
        target: Some(Endpoint::Activity {
            activity: errors.id,
        }),
        ..OperationDraft::default()
    };
    let onward = place.workspace.create_operation(PROJECT, &onward).unwrap();
    // By itself there is nothing that it could take.
    let alone = place.workspace.start_run(onward.id, DEVELOPMENT).await;
    assert_eq!(code(alone), "refused");
    let as_target = OperationDraft {
        name: "Backwards".to_owned(),
        target: Some(Endpoint::Rejected),
        ..OperationDraft::default()
    };
    assert!(
        place
            .workspace
            .create_operation(PROJECT, &as_target)
            .is_err()
    );

    let feed = OperationDraft {
        name: "Feed".to_owned(),
        source: Some(Endpoint::Activity {
            activity: export.id,
        }),
        mapping: Some(
            r#"{name: "Order \(."po-number")"} + if .id % 3 == 0
               then {"payment-term": {code: "No Such Term"}} else {} end"#
                .to_owned(),
        ),
        target: Some(Endpoint::Activity {
            activity: create.id,
        }),
        on_failure: Some(onward.id),
        ..OperationDraft::default()
    };
    let feed = place.workspace.create_operation(PROJECT, &feed).unwrap();
    let run = place.workspace.start_run(feed.id, DEVELOPMENT).await;
    let ended = place.workspace.wait_for_run(run.unwrap());
    let ended = tokio::time::timeout(Duration::from_secs(60), ended).await;
    let ended = ended.unwrap().unwrap();
    assert_eq!(ended.state, RunState::Partial, "{ended:?}");
    assert!(ended.counts.rejected > 0);

    let began = Instant::now();
    let next = loop {
        let runs = place.workspace.runs(RunFilter::default()).unwrap();
        let next = runs.into_iter().find(|run| run.of_run == Some(ended.id));
        if let Some(next) = next.filter(|run| run.state != RunState::Running) {
            break next;
        }
        assert!(began.elapsed() < Duration::from_secs(60), "it never ran");
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    assert_eq!(next.trigger, Trigger::OnFailure);
    assert_eq!(next.state, RunState::Success, "{next:?}");
    assert_eq!(next.counts.written, ended.counts.rejected);

    let rejected = place.workspace.rejected(ended.id, 0, 1000).unwrap();
    let wanted: BTreeMap<i64, String> = rejected
        .iter()
        .map(|one| {
            let order: serde_json::Value = serde_json::from_str(&one.source_record).unwrap();
            (order["id"].as_i64().unwrap(), one.message.clone())
        })
        .collect();
    let history = query(oauth(&here), "integration_errors", &[]).await;
    let kept: BTreeMap<i64, String> = history
        .records()
        .iter()
        .filter(|error| error["document-type"] == "OrderHeader")
        .map(|error| {
            let message = error["responses"][0]["response-message"].as_str().unwrap();
            let id = &error["document-id"];
            let id = id.as_i64().or_else(|| id.as_str()?.parse().ok());
            (id.unwrap(), message.to_owned())
        })
        .collect();
    assert_eq!(kept, wanted);
}
