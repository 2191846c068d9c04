//! What is embedded in a record is what it is now, not what it was.

use serde_json::json;

use crate::support::{Api, query, start_with};

async fn value(api: &Api, path: &str, pointer: &str) -> serde_json::Value {
    let reply = api.get(path).await;
    assert_eq!(reply.status, 200, "{path}: {}", reply.text);
    let found = reply.json().pointer(pointer).cloned();
    found.unwrap_or_else(|| panic!("{path} has no {pointer}: {}", reply.text))
}

#[tokio::test]
async fn a_new_name_shows_wherever_a_record_is_embedded() {
    let api = start_with(&[("purchase_orders", 4)]);
    let supplier = value(&api, "/api/purchase_orders/2", "/supplier/id").await;
    let renamed = api
        .put(
            &format!("/api/suppliers/{supplier}"),
            json!({"name": "New Name AG"}),
        )
        .await;
    assert_eq!(renamed.status, 200, "{}", renamed.text);
    let fields = query(&[(
        "fields",
        r#"["id",{"order_lines":[{"supplier":["name"]}]},"supplier"]"#,
    )]);
    for (path, pointer) in [
        ("/api/purchase_orders/2".to_owned(), "/supplier/name"),
        (
            "/api/purchase_orders/2".to_owned(),
            "/order-lines/0/supplier/name",
        ),
        ("/api/purchase_orders?id=2".to_owned(), "/0/supplier/name"),
        (
            "/api/purchase_orders?id=2&return_object=shallow".to_owned(),
            "/0/supplier/name",
        ),
        (
            format!("/api/purchase_orders?id=2&{fields}"),
            "/0/supplier/name",
        ),
        (
            format!("/api/purchase_orders?id=2&{fields}"),
            "/0/order-lines/0/supplier/name",
        ),
    ] {
        assert_eq!(value(&api, &path, pointer).await, "New Name AG", "{path}");
    }
    let list = r#"query { purchaseOrders(query: "id=2") { supplier { name } } }"#;
    let asked = api.post("/api/graphql", json!({"query": list})).await;
    let name = &asked.json()["data"]["purchaseOrders"][0]["supplier"]["name"];
    assert_eq!(name, "New Name AG", "{}", asked.text);
    // Also two steps away: an account's type in a line of an order.
    let chart = "/order-lines/0/account/account-type";
    let id = value(&api, "/api/purchase_orders/2", &format!("{chart}/id")).await;
    let users = value(&api, "/api/accounts/1", "/account-type/id").await;
    assert_eq!(id, users, "there is one chart in use");
    // Account types cannot be written by the API; a user can.
    let user = value(&api, "/api/purchase_orders/2", "/created-by/id").await;
    let renamed = api
        .put(
            &format!("/api/users/{user}"),
            json!({"lastname": "Changed"}),
        )
        .await;
    assert_eq!(renamed.status, 200, "{}", renamed.text);
    for pointer in [
        "/created-by/fullname",
        "/supplier/id",
        "/order-lines/0/created-by/fullname",
    ] {
        let value = value(&api, "/api/purchase_orders/2", pointer).await;
        assert!(
            value == "API Changed" || value == supplier,
            "{pointer}: {value}"
        );
    }
}
