//! `fields` and `return_object`.

use serde_json::{Value, json};

use crate::support::{start, start_with};

fn keys(value: &Value) -> Vec<&str> {
    value
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect()
}

#[tokio::test]
async fn fields_print_what_they_name_in_kebab_case() {
    let api = start_with(&[("purchase_orders", 3)]);
    let fields = json!(["id", "po_number", "createdAt", "ship-to-attention", "no_such_field",
        {"order_lines": ["id", "line_num", {"account": ["code"]}]},
        {"supplier": ["name", "po_email"]},
        {"custom_fields": {}}]);
    let reply = api
        .list("purchase_orders", &[("fields", &fields.to_string())])
        .await;
    let order = &reply.json()[0];
    assert_eq!(
        keys(order),
        [
            "created-at",
            "custom-fields",
            "id",
            "order-lines",
            "po-number",
            "ship-to-attention",
            "supplier"
        ]
    );
    let line = &order["order-lines"][0];
    assert_eq!(keys(line), ["account", "id", "line-num"]);
    assert_eq!(keys(&line["account"]), ["code"]);
    // What is not embedded is looked up.
    assert_eq!(keys(&order["supplier"]), ["name", "po-email"]);
    assert!(
        order["supplier"]["po-email"]
            .as_str()
            .unwrap()
            .contains('@')
    );
    assert_eq!(keys(&order["custom-fields"]), ["cf-integration-status"]);
}

#[tokio::test]
async fn fields_bring_what_an_answer_leaves_out() {
    let api = start();
    let usual = api.get("/api/suppliers/1").await.json();
    assert!(usual.get("duns").is_none());
    let fields = "%5B%22duns%22,%7B%22custom_fields%22:%5B%22region%22%5D%7D%5D";
    let asked = api
        .get(&format!("/api/suppliers/1?fields={fields}"))
        .await
        .json();
    assert_eq!(
        asked,
        json!({"duns": null, "custom-fields": {"region": null}})
    );
    api.sandbox.switches_mut().fields_add_id = true;
    let asked = api
        .get(&format!("/api/suppliers/1?fields={fields}"))
        .await
        .json();
    assert_eq!(asked["id"], 1);
    assert_eq!(
        api.list("suppliers", &[("fields", "id,name")]).await.status,
        400
    );
}

#[tokio::test]
async fn return_object_shortens_an_answer() {
    let api = start();
    let limited = api
        .get("/api/suppliers/1?return_object=limited")
        .await
        .json();
    assert_eq!(limited, json!({"id": 1}));
    let shallow = api
        .get("/api/suppliers/1?return_object=shallow")
        .await
        .json();
    assert_eq!(
        shallow["payment-term"],
        json!({"id": 3, "code": "2/10 Net 30"})
    );
    assert_eq!(
        shallow["content-groups"],
        json!([{"id": 1, "name": "Everyone"}])
    );
    assert_eq!(shallow["name"], "Harbor Tools Ltd");
    let body = json!({"website": "https://harbor.example"});
    let none = api.put("/api/suppliers/1?return_object=none", body).await;
    assert_eq!((none.status, none.text.as_str()), (200, ""));
    assert_eq!(
        api.sandbox.record("suppliers", 1).unwrap()["website"],
        "https://harbor.example"
    );
    // Only a write can answer nothing.
    assert!(
        !api.get("/api/suppliers/1?return_object=none")
            .await
            .text
            .is_empty()
    );
}

#[tokio::test]
async fn plain_answers_have_nulls_and_decimals_as_coupa_prints_them() {
    let api = start_with(&[("purchase_orders", 1)]);
    let order = &api.get("/api/purchase_orders/1").await.json();
    assert_eq!(order["pcard"], Value::Null);
    assert_eq!(order["attachments"], json!([]));
    let line = &order["order-lines"][0];
    assert_eq!(line["supp-aux-part-num"], "");
    assert_eq!(line["line-num"], "1");
    assert_eq!(line["order-header-id"], order["id"]);
    assert_eq!(line["order-header-number"], order["po-number"]);
    assert!(line["price"].as_str().unwrap().parse::<f64>().is_ok());
    let price: f64 = line["price"].as_str().unwrap().parse().unwrap();
    let quantity: f64 = line["quantity"].as_str().unwrap().parse().unwrap();
    assert_eq!(line["total"], format!("{:.2}", price * quantity));
}

#[tokio::test]
async fn supplier_information_has_no_nulls() {
    let api = start_with(&[("supplier_information", 2), ("suppliers", 5)]);
    let has_null = |record: &serde_json::Value| {
        let record = record.as_object().unwrap();
        record.values().any(serde_json::Value::is_null)
    };
    let listed = api.get("/api/supplier_information").await.json();
    assert_eq!(listed.as_array().unwrap().len(), 2);
    assert!(!listed.as_array().unwrap().iter().any(has_null));
    assert!(!has_null(
        &api.get("/api/supplier_information/1").await.json()
    ));
    assert!(has_null(&api.get("/api/suppliers/4").await.json()));
}
