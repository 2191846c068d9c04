//! What an activity's form shows of an object.

use super::{DEVELOPMENT, PROJECT, Place};
use crate::support::sandbox;
use host_harness::workspace::{Endpoint, OperationDraft};

#[tokio::test(flavor = "multi_thread")]
async fn a_form_has_the_choices_and_the_custom_fields_of_its_object() {
    let sandbox = sandbox(&[("purchase_orders", 3)]);
    let place = Place::new().await;
    let connection = place.connect(&sandbox).await;
    let shape = async |object: &str, activity: &str, refresh: bool| {
        place
            .workspace
            .shape(connection.id, DEVELOPMENT, activity, object, refresh)
            .await
            .unwrap()
    };
    let orders = shape("purchase_orders", "action", false).await;
    let action = &orders.options[0];
    assert_eq!((action.name.as_str(), action.kind), ("action", "choice"));
    let names: Vec<&str> = action
        .choices
        .iter()
        .map(|(value, _)| value.as_str())
        .collect();
    assert!(
        names.contains(&"issue") && names.contains(&"reopen"),
        "{names:?}"
    );
    let approvals = shape("approvals", "action", false).await;
    assert_ne!(approvals.options[0].choices, action.choices);

    let custom = |shape: &host_harness::workspace::Shape| {
        let response = shape.response.as_ref().unwrap();
        response["properties"]["custom-fields"]["properties"]["cf-integration-status"].clone()
    };
    assert!(custom(&shape("purchase_orders", "query", false).await).is_null());
    let mut ends = Vec::new();
    for activity in ["query", "update"] {
        let object = "purchase_orders";
        let made = place.activity_of(connection.id, activity, object, activity, &[]);
        let activity = made.await.id;
        ends.push(Some(Endpoint::Activity { activity }));
    }
    let draft = OperationDraft {
        name: "Orders".to_owned(),
        target: ends.pop().unwrap(),
        source: ends.pop().unwrap(),
        mapping: Some(r#"{id, "custom-fields": {"cf-integration-staus": "x"}}"#.to_owned()),
        ..OperationDraft::default()
    };
    let look = async || {
        let workspace = &place.workspace;
        let found = workspace.validate_operation(PROJECT, None, &draft, DEVELOPMENT);
        found.await.unwrap().findings
    };
    // What nobody has asked for may have any name.
    assert_eq!(look().await, []);
    let asked = custom(&shape("purchase_orders", "query", true).await);
    assert!(asked["x-learned-from"].is_string(), "{asked}");
    let found = look().await;
    assert!(
        found.len() == 1 && found[0].message.contains("cf-integration-staus"),
        "what was asked anew is believed at once: {found:?}"
    );
    assert_eq!(
        custom(&shape("purchase_orders", "query", false).await),
        asked
    );
}
