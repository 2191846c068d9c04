//! Actions change a status where it allows them.

use serde_json::json;

use crate::support::{errors, start, start_with};

#[tokio::test]
async fn actions_follow_the_status() {
    let api = start();
    let order = json!({"po-number": "X1", "supplier": {"id": 1}});
    let id = api.post("/api/purchase_orders", order).await.json()["id"].clone();
    let act = async |action: &str| {
        api.put(&format!("/api/purchase_orders/{id}/{action}"), json!({}))
            .await
    };
    assert_eq!(act("issue").await.json()["status"], "issued");
    let again = act("issue").await;
    assert_eq!(
        errors(&again, "order_header"),
        ["Cannot issue in status issued."]
    );
    assert_eq!(act("cancel").await.json()["status"], "cancelled");
    assert_eq!(act("no_such_action").await.status, 404);
}

#[tokio::test]
async fn approvals_must_be_pending() {
    let api = start_with(&[("approvals", 1)]);
    assert_eq!(
        api.put("/api/approvals/1/approve?reason=ok", json!({}))
            .await
            .json()["status"],
        "approved"
    );
    assert_eq!(
        api.put("/api/approvals/1/reject", json!({})).await.status,
        400
    );
}

#[tokio::test]
async fn a_requisition_can_be_created_as_submitted() {
    let api = start();
    let body = json!({"req-title": "Wrenches", "requisition-lines": [
        {"description": "Torque wrench", "quantity": "2", "unit-price": "30.33", "currency": {"code": "USD"}}]});
    let reply = api
        .post("/api/requisitions/submit_for_approval", body)
        .await;
    assert_eq!(reply.status, 201, "{}", reply.text);
    let requisition = reply.json();
    assert_eq!(requisition["status"], "pending_approval");
    assert_eq!(requisition["requisition-lines"][0]["line-num"], 1);
    let empty = api
        .post("/api/requisitions", json!({"req-title": "x"}))
        .await;
    assert_eq!(
        errors(&empty, "requisition_header"),
        ["Requisition lines can't be blank"]
    );
}
