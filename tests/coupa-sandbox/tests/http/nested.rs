//! Records below others: parents are checked, and both paths show the same.

use serde_json::{Value, json};

use crate::support::{Api, errors, start, start_with};

async fn created(api: &Api, path: &str, body: Value) -> Value {
    let reply = api.post(path, body).await;
    assert_eq!(reply.status, 201, "{path}: {}", reply.text);
    reply.json()
}

async fn record(api: &Api, path: &str) -> Value {
    let reply = api.get(path).await;
    assert_eq!(reply.status, 200, "{path}: {}", reply.text);
    reply.json()
}

#[tokio::test]
async fn a_suppliers_addresses_are_in_the_supplier() {
    let api = start();
    let before = record(&api, "/api/suppliers/1").await;
    let address = json!({"remit-to-code": "R1", "name": "AP", "street1": "PO Box 9", "city": "Oakland",
        "postal-code": "94607", "country": {"code": "US"}});
    let address = created(&api, "/api/suppliers/1/addresses", address).await;
    let path = format!("/api/suppliers/1/addresses/{}", address["id"]);
    let supplier = record(&api, "/api/suppliers/1").await;
    assert_eq!(supplier["remit-to-addresses"][0]["remit-to-code"], "R1");
    assert_eq!(
        supplier["updated-at"], before["updated-at"],
        "a documented trap"
    );

    assert_eq!(api.put(&path, json!({"city": "Ulm"})).await.status, 200);
    let supplier = record(&api, "/api/suppliers/1").await;
    assert_eq!(supplier["remit-to-addresses"][0]["city"], "Ulm");
    // A write of the supplier leaves the addresses as they are.
    assert_eq!(
        api.put("/api/suppliers/1", json!({"website": "x"}))
            .await
            .status,
        200
    );
    assert_eq!(record(&api, &path).await["city"], "Ulm");

    assert_eq!(api.send("DELETE", &path, &json!({})).await.status, 200);
    assert_eq!(api.get(&path).await.status, 404);
    let supplier = record(&api, "/api/suppliers/1").await;
    assert_eq!(supplier["remit-to-addresses"], json!([]));
}

#[tokio::test]
async fn what_names_its_owner_is_below_it() {
    let api = start_with(&[("expense_reports", 2)]);
    // The same record by two ways: below its owner, and on its own.
    let site = json!({"code": "S1", "name": "Dock", "supplier-id": 2});
    let site = created(&api, "/api/supplier_sites", site).await;
    assert_eq!(
        api.get("/api/suppliers/2/supplier_sites").await.ids(),
        [site["id"].as_i64().unwrap()]
    );
    assert_eq!(
        record(&api, "/api/suppliers/2").await["supplier-sites"][0]["code"],
        "S1"
    );
    let moved = api
        .put(
            &format!("/api/supplier_sites/{}", site["id"]),
            json!({"supplier-id": 3}),
        )
        .await;
    assert_eq!(moved.status, 200, "{}", moved.text);
    assert_eq!(
        record(&api, "/api/suppliers/2").await["supplier-sites"],
        json!([])
    );
    assert_eq!(
        record(&api, "/api/suppliers/3").await["supplier-sites"][0]["code"],
        "S1"
    );

    let comment = json!({"comments": "Please hurry"});
    let comment = created(&api, "/api/expense_reports/2/comments", comment).await;
    assert_eq!(comment["commentable-type"], "ExpenseReport");
    assert_eq!(comment["commentable-id"], 2);
    let report = record(&api, "/api/expense_reports/2").await;
    assert_eq!(report["comments"][0]["comments"], "Please hurry");
    let nowhere =
        json!({"comments": "x", "commentable-type": "ExpenseReport", "commentable-id": 99});
    let refused = api.post("/api/comments", nowhere).await;
    assert_eq!(
        errors(&refused, "comment"),
        ["Couldn't find ExpenseReport with ID=99"]
    );

    let item = created(
        &api,
        "/api/items/1/supplier_items",
        json!({"supplier": {"id": 1}, "supplier-part-num": "P1"}),
    )
    .await;
    assert_eq!(item["item"]["id"], 1);
}

#[tokio::test]
async fn deep_paths_check_every_parent() {
    let api = start_with(&[("expense_reports", 2)]);
    let line = |amount: &str| json!({"amount": amount, "description": "Taxi", "currency": {"code": "USD"}});
    let first = created(&api, "/api/expense_reports/1/expense_lines", line("10.00")).await;
    let artifacts = format!("expense_lines/{}/expense_artifacts", first["id"]);
    let deep = format!("/api/expense_reports/1/{artifacts}");
    let artifact = created(&api, &deep, json!({})).await;
    for path in [deep.clone(), format!("/api/{artifacts}")] {
        assert_eq!(
            record(&api, &format!("{path}/{}", artifact["id"])).await["id"],
            artifact["id"]
        );
    }
    let wrong = format!("/api/expense_reports/2/{artifacts}");
    assert_eq!(api.get(&wrong).await.status, 404, "another report's line");
    let line = record(&api, &format!("/api/expense_lines/{}", first["id"])).await;
    assert_eq!(line["expense-artifacts"][0]["id"], artifact["id"]);
    let report = record(&api, "/api/expense_reports/1").await;
    let lines = report["expense-lines"].as_array().unwrap();
    assert!(
        lines
            .iter()
            .any(|line| line["expense-artifacts"][0]["id"] == artifact["id"])
    );

    // What is below a record goes with it.
    assert_eq!(
        api.send("DELETE", "/api/expense_reports/1", &json!({}))
            .await
            .status,
        200
    );
    assert_eq!(
        api.get(&format!("/api/expense_artifacts/{}", artifact["id"]))
            .await
            .status,
        404
    );
}

#[tokio::test]
async fn business_groups_are_added_and_removed() {
    let api = start_with(&[("contracts", 1)]);
    for owner in ["suppliers/2", "users/3", "contracts/1"] {
        let groups = format!("/api/{owner}/business_groups");
        let now = async || {
            let record = record(&api, &format!("/api/{owner}")).await;
            let groups = record["content-groups"].as_array().unwrap().clone();
            groups
                .iter()
                .map(|g| g["name"].as_str().unwrap().to_owned())
                .collect::<Vec<_>>()
        };
        if owner != "users/3" {
            api.put(&format!("{groups}/remove_all"), json!({})).await;
        }
        assert!(now().await.is_empty(), "{owner}");
        assert_eq!(
            api.put(&format!("{groups}/add"), json!({"name": "EMEA"}))
                .await
                .status,
            200
        );
        assert_eq!(
            api.put(&format!("{groups}/1/add"), json!({})).await.json()["name"],
            "Everyone"
        );
        assert_eq!(now().await, ["EMEA", "Everyone"]);
        let mut listed = api.get(&groups).await.ids();
        listed.sort_unstable();
        assert_eq!(listed, [1, 2]);
        assert_eq!(
            api.put(&format!("{groups}/2/remove"), json!({}))
                .await
                .status,
            200
        );
        assert_eq!(now().await, ["Everyone"]);
        assert_eq!(
            api.put(&format!("{groups}/2/remove"), json!({}))
                .await
                .status,
            400
        );
        assert_eq!(
            api.put(&format!("{groups}/99/add"), json!({})).await.status,
            404
        );
        assert_eq!(
            api.put(&format!("{groups}/add"), json!({"name": "No such"}))
                .await
                .status,
            400
        );
        assert_eq!(
            api.put(&format!("{groups}/add"), json!({})).await.status,
            400
        );
    }
}

#[tokio::test]
async fn paths_of_one_table_show_their_own_part() {
    let api = start_with(&[("inventory_adjustments", 3), ("receiving_transactions", 4)]);
    assert_eq!(api.get("/api/inventory_transactions").await.ids().len(), 7);
    let receipts = api.get("/api/receiving_transactions").await.ids();
    assert_eq!(receipts.len(), 4);
    assert_eq!(api.sandbox.count("inventory_adjustments"), 3);
    let path = format!("/api/inventory_adjustments/{}", receipts[0]);
    assert_eq!(api.get(&path).await.status, 404);
    let order = json!({"po-number": "X1", "supplier": {"id": 1}, "order-lines": [{"description": "A", "price": "1"}]});
    let order = created(&api, "/api/purchase_orders", order).await;
    let line = json!({"order-line": {"id": order["order-lines"][0]["id"]}, "quantity": "1", "type": "InventoryTransfer"});
    let transfer = created(&api, "/api/inventory_transfers", line).await;
    assert_eq!(
        api.get("/api/inventory_transfers").await.ids(),
        [transfer["id"].as_i64().unwrap()]
    );
}

#[tokio::test]
async fn removed_lines_can_still_be_shown() {
    let api = start();
    let order = json!({"po-number": "X1", "supplier": {"id": 1}, "order-lines": [
        {"description": "A", "price": "1"}, {"description": "B", "price": "2"}]});
    let order = created(&api, "/api/purchase_orders", order).await;
    let path = format!("/api/purchase_orders/{}", order["id"]);
    let line = order["order-lines"][0]["id"].clone();
    let sent = json!({"order-lines": [{"id": line, "_delete": true}]});
    let order = api.put(&path, sent).await.json();
    assert_eq!(order["order-lines"].as_array().unwrap().len(), 1);
    let all = record(&api, &format!("{path}?show_deleted_lines=true")).await;
    let lines = all["order-lines"].as_array().unwrap();
    assert_eq!(
        (&lines[1]["id"], &lines[1]["status"]),
        (&line, &json!("deleted"))
    );
    assert_eq!(
        record(&api, &path).await["order-lines"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    let listed = record(&api, "/api/purchase_orders?show_deleted_lines=true").await;
    assert_eq!(listed[0]["order-lines"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn memberships_are_in_the_lists_they_are_about() {
    let api = start_with(&[("user_groups", 2), ("projects", 1)]);
    for (path, sent, owner, list, member) in [
        (
            "user_group_memberships",
            json!({"user-id": 2, "user-group-id": 2}),
            "users/2",
            "user-groups",
            2,
        ),
        (
            "project_memberships",
            json!({"user": {"login": "kbrand"}, "project": {"id": 1}}),
            "projects/1",
            "users",
            3,
        ),
    ] {
        let membership = created(&api, &format!("/api/{path}"), sent).await;
        let ids = async || {
            let record = record(&api, &format!("/api/{owner}")).await;
            let members = record[list].as_array().unwrap().clone();
            members.iter().map(|m| m["id"].clone()).collect::<Vec<_>>()
        };
        assert_eq!(ids().await, [json!(member)], "{path}");
        let one = format!("/api/{path}/{}", membership["id"]);
        assert_eq!(api.send("DELETE", &one, &json!({})).await.status, 200);
        assert!(ids().await.is_empty(), "{path}");
    }
}

#[tokio::test]
async fn receipts_count_on_their_order_line() {
    let api = start();
    let order = json!({"po-number": "X1", "supplier": {"id": 1},
        "order-lines": [{"description": "A", "price": "1", "quantity": "5"}]});
    let order = created(&api, "/api/purchase_orders", order).await;
    let line = order["order-lines"][0]["id"].clone();
    let state = async || {
        let order = record(&api, &format!("/api/purchase_orders/{}", order["id"])).await;
        let line = &order["order-lines"][0];
        (
            line["received"].as_str().unwrap().to_owned(),
            line["status"].as_str().unwrap().to_owned(),
        )
    };
    let receipt = json!({"type": "ReceivingQuantityConsumption", "quantity": "2", "order-line": {"id": line}});
    let first = created(&api, "/api/receiving_transactions", receipt.clone()).await;
    assert_eq!(
        state().await,
        ("2.0".to_owned(), "partially_received".to_owned())
    );
    let mut rest = receipt;
    rest["quantity"] = json!("3");
    created(&api, "/api/receiving_transactions", rest).await;
    assert_eq!(state().await, ("5.0".to_owned(), "received".to_owned()));
    let void = format!("/api/receiving_transactions/{}/void", first["id"]);
    assert_eq!(api.put(&void, json!({})).await.json()["status"], "voided");
    assert_eq!(
        state().await,
        ("3.0".to_owned(), "partially_received".to_owned())
    );
    assert_eq!(api.put(&void, json!({})).await.status, 400);
}
