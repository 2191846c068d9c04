//! Create and update.

use coupa_sandbox::switches::NullAssociations;
use coupa_sandbox::{Fault, FaultRule};
use serde_json::{Value, json};

use crate::support::{errors, read, start, start_with};

#[tokio::test]
async fn a_create_answers_the_whole_record_with_defaults() {
    let api = start();
    let reply = api
        .post(
            "/api/suppliers",
            json!({"name": "Acme", "po_method": "email", "payment_term": {"code": "Net 45"},
                   "savings-pct": 2.5, "no-such-attribute": 1, "id": 4711,
                   "created-at": "2001-01-01T00:00:00Z", "exported": true,
                   "custom-fields": {"region": "EMEA", "no-such-field": 1}}),
        )
        .await;
    assert_eq!(reply.status, 201, "{}", reply.text);
    let supplier = reply.json();
    assert_eq!(supplier["id"], 4);
    assert_eq!(supplier["status"], "draft");
    assert_eq!(supplier["payment-method"], "invoice");
    assert_eq!(supplier["po-method"], "email");
    assert_eq!(supplier["savings-pct"], "2.5");
    assert_eq!(supplier["payment-term"]["days-for-net-payment"], 45);
    assert_eq!(
        supplier["custom-fields"],
        json!({"region": "EMEA", "erp-vendor-id": null})
    );
    assert_eq!(supplier["created-by"]["login"], "apiuser");
    assert_ne!(supplier["created-at"], "2001-01-01T00:00:00Z");
    assert_eq!(supplier["created-at"], supplier["updated-at"]);
    // The documented answer to a POST leaves null associations out; a GET does not.
    assert!(supplier.get("shipping-term").is_none());
    assert_eq!(supplier["website"], Value::Null);
    assert!(supplier.as_object().unwrap().contains_key("website"));
    let shown = api.get("/api/suppliers/4").await.json();
    assert!(shown.as_object().unwrap().contains_key("shipping-term"));

    api.sandbox.switches_mut().null_associations = NullAssociations::Null;
    api.sandbox.switches_mut().created_status = 200;
    let reply = api.post("/api/suppliers", json!({"name": "Acme 2"})).await;
    assert_eq!(reply.status, 200);
    assert!(
        reply
            .json()
            .as_object()
            .unwrap()
            .contains_key("shipping-term")
    );
}

#[tokio::test]
async fn users_get_what_coupa_derives() {
    let api = start();
    let user = json!({"login": "jdoe", "email": "jdoe@example.com", "firstname": "Jane",
        "lastname": "Doe", "roles": [{"name": "Buyer"}]});
    let user = api.post("/api/users", user).await.json();
    assert_eq!(user["fullname"], "Jane Doe");
    assert_eq!(user["mention-name"], "janedoe");
    assert_eq!(user["authentication-method"], "coupa_credentials");
    assert_eq!(user["active"], true);
    assert!(user.get("password").is_none());
}

#[tokio::test]
async fn all_that_is_wrong_is_said_at_once() {
    let api = start();
    let reply = api
        .post(
            "/api/suppliers",
            json!({"number": "S-00001", "status": "asleep", "po-method": "pigeon",
                   "po-email": "nobody", "on-hold": "perhaps", "savings-pct": "much",
                   "display-name": "x".repeat(256)}),
        )
        .await;
    let mut sentences = errors(&reply, "supplier");
    sentences.sort();
    assert_eq!(
        sentences,
        [
            "Display name is too long (maximum is 255 characters)",
            "Name can't be blank",
            "Number has already been taken",
            "On hold must be true or false",
            "PO method must be one of cxml, xml, email, prompt, mark_as_sent, buy_online.",
            "Savings pct is not a number",
            "Supplier email is not a valid email address.",
            "Supplier status must be one of active, inactive, onboarding.",
        ]
    );
    assert_eq!(api.sandbox.count("suppliers"), 3, "nothing was stored");
    let empty = api
        .post(
            "/api/users",
            json!({"login": "mlopez", "email": "mlopez@example.com"}),
        )
        .await;
    let mut sentences = errors(&empty, "user");
    sentences.sort();
    assert_eq!(
        sentences,
        [
            "Email has already been taken",
            "Firstname can't be blank",
            "Lastname can't be blank",
            "Login has already been taken"
        ]
    );
}

#[tokio::test]
async fn only_unique_fields_prevent_duplicates() {
    let api = start();
    assert_eq!(
        api.post("/api/suppliers", json!({"name": "Acme"}))
            .await
            .status,
        201
    );
    let again = api.post("/api/suppliers", json!({"name": "Acme"})).await;
    assert_eq!(errors(&again, "supplier"), ["Name has already been taken"]);
    // Keeping one's own name is no duplicate.
    assert_eq!(
        api.put("/api/suppliers/4", json!({"name": "Acme"}))
            .await
            .status,
        200
    );
    let taken = api
        .put("/api/suppliers/4", json!({"name": "Nordlicht GmbH"}))
        .await;
    assert_eq!(errors(&taken, "supplier"), ["Name has already been taken"]);

    let address = json!({"street1": "1 Road", "city": "Ulm", "postal-code": "89073", "country": {"code": "DE"}});
    for expected in [4, 5] {
        assert_eq!(
            api.post("/api/addresses", address.clone()).await.json()["id"],
            expected
        );
    }
    let invoice = |supplier: i64| json!({"invoice-number": "A-1", "invoice-date": "2024-05-31", "supplier": {"id": supplier}});
    assert_eq!(api.post("/api/invoices", invoice(1)).await.status, 201);
    assert_eq!(
        api.post("/api/invoices", invoice(2)).await.status,
        201,
        "another supplier"
    );
    let again = api.post("/api/invoices", invoice(1)).await;
    assert_eq!(
        errors(&again, "invoice_header"),
        ["Invoice number has already been taken"]
    );
}

#[tokio::test]
async fn references_are_found_by_any_key_and_must_match_all() {
    let api = start();
    for given in [
        json!({"id": 2}),
        json!({"number": "S-00002"}),
        json!({"name": "Nordlicht GmbH", "number": "S-00002"}),
        json!({"id": "2", "name": "Nordlicht GmbH", "display-name": "whatever"}),
    ] {
        let reply = api.put("/api/suppliers/3", json!({"parent": given})).await;
        assert_eq!(reply.json()["parent"]["id"], 2, "{}", reply.text);
    }
    let mixed = json!({"parent": {"name": "Nordlicht GmbH", "number": "S-00001"}});
    assert_eq!(
        errors(&api.put("/api/suppliers/3", mixed).await, "supplier"),
        ["Unable to find valid Supplier record for parent with keys \
          {\"number\"=>\"S-00001\", \"name\"=>\"Nordlicht GmbH\"}. \
          Possible keys are [\"id\", \"number\", \"name\"]. Please verify your xml."]
    );
    let account =
        json!({"name": "x", "segment-1": "09", "account-type": {"name": "Ace Corporate123"}});
    assert_eq!(
        errors(&api.post("/api/accounts", account).await, "account"),
        [
            "Unable to find valid AccountType record for account_type with keys \
          {\"name\"=>\"Ace Corporate123\"}. Possible keys are [\"id\", \"name\"]. Please verify your xml."
        ]
    );
    let cleared = api.put("/api/suppliers/3", json!({"parent": null})).await;
    assert_eq!(cleared.json()["parent"], Value::Null);
    let account =
        json!({"default-account": {"segment-1": "01", "segment-2": "200", "segment-3": "6400"}});
    let user = api.put("/api/users/2", account).await.json();
    assert_eq!(user["default-account"]["code"], "01-200-6400");
}

#[tokio::test]
async fn an_update_changes_only_what_is_sent() {
    let api = start();
    let before = api.get("/api/suppliers/1").await.json();
    let reply = api
        .send(
            "PATCH",
            "/api/suppliers/1",
            &json!({"website": "https://x.example", "type": "x"}),
        )
        .await;
    assert_eq!(reply.status, 200);
    let mut after = reply.json();
    assert_eq!(after["website"], "https://x.example");
    assert_ne!(after["updated-at"], before["updated-at"]);
    for name in ["website", "updated-at"] {
        after[name] = before[name].clone();
    }
    assert_eq!(after, before);
    // Coupa answers 200 and changes nothing: a client has to check the echo.
    let ignored = api
        .put("/api/accounts/1", json!({"code": "99-99-99"}))
        .await;
    assert_eq!(
        (ignored.status, ignored.json()["code"].as_str()),
        (200, Some("01-100-8000"))
    );
    let computed = api
        .put("/api/accounts/1", json!({"segment-3": "8100"}))
        .await;
    assert_eq!(computed.json()["code"], "01-100-8100");
    assert_eq!(
        api.put("/api/suppliers/99", json!({"name": "x"}))
            .await
            .status,
        404
    );
    let blank = api.put("/api/suppliers/1", json!({"name": ""})).await;
    assert_eq!(errors(&blank, "supplier"), ["Name can't be blank"]);
}

#[tokio::test]
async fn lines_are_added_changed_and_removed() {
    let api = start();
    let order = json!({"po-number": "X1", "supplier": {"id": 1}, "order-lines": [
        {"description": "A", "price": "10", "quantity": 2, "currency": {"code": "USD"}},
        {"description": "B", "price": "5.50", "quantity": "1.0"}]});
    let order = api.post("/api/purchase_orders", order).await.json();
    let line = |order: &Value, at: usize| order["order-lines"][at]["id"].as_i64().unwrap();
    let (a, b) = (line(&order, 0), line(&order, 1));
    assert_eq!(order["order-lines"][0]["total"], "20.00");
    assert_eq!(order["order-lines"][1]["line-num"], "2");
    assert_eq!(api.get("/api/purchase_order_lines").await.ids(), [a, b]);

    let path = format!("/api/purchase_orders/{}", order["id"]);
    let change =
        json!({"order-lines": [{"id": a, "quantity": "3"}, {"description": "C", "price": "1"}]});
    let order = api.put(&path, change).await.json();
    assert_eq!(order["order-lines"].as_array().unwrap().len(), 3);
    assert_eq!(order["order-lines"][0]["total"], "30.00");
    assert_eq!(order["order-lines"][0]["description"], "A");
    let c = line(&order, 2);
    assert_eq!(
        api.get(&format!("/api/purchase_order_lines/{a}"))
            .await
            .json()["quantity"],
        "3.0"
    );

    let order = api
        .put(&path, json!({"order-lines": [{"id": b, "_delete": true}]}))
        .await
        .json();
    assert_eq!((line(&order, 0), line(&order, 1)), (a, c));
    assert_eq!(
        api.get(&format!("/api/purchase_order_lines/{b}"))
            .await
            .status,
        404
    );
    let strange = api.put(&path, json!({"order-lines": [{"id": b}]})).await;
    assert_eq!(
        errors(&strange, "order_header"),
        [format!("Couldn't find OrderLine with ID={b}")]
    );
}

#[tokio::test]
async fn many_to_many_lists_add_up() {
    let api = start();
    let roles = |user: &Value| -> Vec<String> {
        let roles = user["roles"].as_array().unwrap().iter();
        roles
            .map(|role| role["name"].as_str().unwrap().to_owned())
            .collect()
    };
    let user = api
        .put(
            "/api/users/2",
            json!({"roles": [{"name": "Buyer"}, {"name": "User"}]}),
        )
        .await
        .json();
    assert_eq!(roles(&user), ["User", "Buyer"]);
    for empty in [json!([]), Value::Null, json!("")] {
        let user = api
            .put("/api/users/2", json!({"roles": empty}))
            .await
            .json();
        assert!(roles(&user).is_empty());
        let user = api
            .put(
                "/api/users/2",
                json!({"roles": {"role": {"name": "Admin"}}}),
            )
            .await
            .json();
        assert_eq!(roles(&user), ["Admin"]);
    }
}

#[tokio::test]
async fn payments_are_appended_in_every_shape() {
    let api = start_with(&[("invoices", 1)]);
    for (count, sent) in [
        json!([{"amount-paid": "49.00", "notes": "check"}]),
        json!({"payment": {"amount_paid": 50}}),
        json!({"payment": [{"amount-paid": "51"}]}),
    ]
    .into_iter()
    .enumerate()
    {
        let reply = api
            .put("/api/invoices/1", json!({"paid": "true", "payments": sent}))
            .await;
        assert_eq!(
            reply.json()["payments"].as_array().map(Vec::len),
            Some(count + 1),
            "{}",
            reply.text
        );
        assert_eq!(reply.json()["paid"], true);
    }
}

#[tokio::test]
async fn exported_is_a_change_of_its_own() {
    let api = start_with(&[("invoices", 3)]);
    let path = "/api/invoices/2?exported=true&fields=%5B%22id%22,%22exported%22%5D";
    let marked = api.put(path, json!({"internal-note": "x"})).await.json();
    assert_eq!(marked, json!({"id": 2, "exported": true}));
    let stored = api.sandbox.record("invoices", 2).unwrap();
    assert!(stored["last-exported-at"].is_string());
    assert_eq!(stored["internal-note"], Value::Null, "nothing else changes");
    assert_eq!(
        api.list("invoices", &[("exported", "false")]).await.ids(),
        [1, 3]
    );
    assert_eq!(
        api.list("invoices", &[("exported", "true")]).await.ids(),
        [2]
    );

    let mixed = api
        .put(
            "/api/invoices/1",
            json!({"exported": true, "internal-note": "y"}),
        )
        .await
        .json();
    assert_eq!(
        (&mixed["exported"], &mixed["internal-note"]),
        (&json!(false), &json!("y"))
    );
    assert_eq!(
        api.put("/api/invoices/1", json!({"exported": true}))
            .await
            .json()["exported"],
        true
    );
    let cleared = api
        .put("/api/invoices/1?exported=false", json!({}))
        .await
        .json();
    assert_eq!(
        (&cleared["exported"], &cleared["last-exported-at"]),
        (&json!(false), &Value::Null)
    );
}

#[tokio::test]
async fn bodies_that_are_no_object_are_refused() {
    let api = start();
    for body in [
        "[{\"name\": \"Acme\"}]",
        "\"Acme\"",
        "{\"name\": ",
        "<supplier><name>",
    ] {
        let request = api.request("POST", "/api/suppliers").body(body);
        assert_eq!(read(request).await.status, 400, "{body}");
    }
    assert_eq!(api.sandbox.count("suppliers"), 3);
}

#[tokio::test]
async fn inactive_addresses_stay_as_they_are() {
    let api = start();
    assert_eq!(
        api.put("/api/addresses/1", json!({"active": false}))
            .await
            .status,
        200
    );
    assert_eq!(
        api.put("/api/addresses/1", json!({"city": "Ulm"}))
            .await
            .status,
        400
    );
}

#[tokio::test]
async fn writes_at_the_same_time_get_their_own_ids() {
    let api = start();
    // However busy the machine is, they meet.
    let wait = Fault::Slow { milliseconds: 200 };
    api.sandbox.add_fault(FaultRule::next(20, wait));
    let posts = (0..20).map(|n| api.post("/api/suppliers", json!({"name": format!("Acme {n}")})));
    let mut ids: Vec<i64> = futures::future::join_all(posts)
        .await
        .iter()
        .map(|reply| reply.json()["id"].as_i64().unwrap())
        .collect();
    ids.sort_unstable();
    assert_eq!(ids, (4..24).collect::<Vec<i64>>());
    assert!(api.sandbox.counters().max_concurrent >= 2);
}
