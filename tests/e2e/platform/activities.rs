//! What an activity's form shows of an object.

use super::{DEVELOPMENT, Place};
use crate::support::sandbox;

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
    let asked = custom(&shape("purchase_orders", "query", true).await);
    assert!(asked["x-learned-from"].is_string(), "{asked}");
    assert_eq!(
        custom(&shape("purchase_orders", "query", false).await),
        asked
    );
}
