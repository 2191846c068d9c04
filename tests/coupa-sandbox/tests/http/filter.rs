//! Every operator, nesting, and what is not understood.

use coupa_sandbox::switches::Unknown;
use serde_json::json;

use crate::support::{Api, errors, start, start_with};

async fn ids(api: &Api, collection: &str, pairs: &[(&str, &str)]) -> Vec<i64> {
    api.list(collection, pairs).await.ids()
}

#[tokio::test]
async fn every_operator_on_text() {
    let api = start();
    for (pair, expected) in [
        (("name", "Harbor Tools Ltd"), vec![1]),
        (("name", "Harbor"), vec![]),
        (("display-name[contains]", "Paper"), vec![3]),
        (("display_name[starts_with]", "Nord"), vec![2]),
        (("display_name[starts_with]", "licht"), vec![]),
        (("name[ends_with]", "GmbH"), vec![2]),
        (("name[ends_with]", "Nord"), vec![]),
        (("number[gt]", "S-00001"), vec![2, 3]),
        (("number[lt]", "S-00002"), vec![1]),
        (("number[gt_or_eq]", "S-00002"), vec![2, 3]),
        (("number[lt_or_eq]", "S-00002"), vec![1, 2]),
        (("status[not_eq]", "active"), vec![3]),
        (("number[in]", "S-00003,S-00001,S-9"), vec![1, 3]),
        (("number[not_in]", "S-00003,S-00001"), vec![2]),
        (("tax_id[blank]", "true"), vec![2, 3]),
        (("tax_id[blank]", "false"), vec![1]),
        (("shipping-term[blank]", "true"), vec![2, 3]),
        (("content-groups[blank]", "false"), vec![1]),
        // What is null passes no comparison.
        (("tax_id[not_eq]", "x"), vec![1]),
    ] {
        assert_eq!(ids(&api, "suppliers", &[pair]).await, expected, "{pair:?}");
    }
}

#[tokio::test]
async fn conditions_must_all_hold() {
    let api = start();
    let both = [("status", "active"), ("number[gt]", "S-00001")];
    assert_eq!(ids(&api, "suppliers", &both).await, [2]);
}

#[tokio::test]
async fn values_are_compared_by_their_type() {
    let api = start();
    // As text "10" would come before "9".
    assert_eq!(
        ids(&api, "payment_terms", &[("days-for-net-payment[gt]", "9")]).await,
        [1, 2, 3]
    );
    assert_eq!(
        ids(
            &api,
            "payment_terms",
            &[("days_for_net_payment[lt]", "100")]
        )
        .await,
        [1, 2, 3]
    );
    assert_eq!(ids(&api, "exchange_rates", &[("rate[gt]", "1")]).await, [2]);
    assert_eq!(ids(&api, "exchange_rates", &[("rate", "0.92")]).await, [1]);
    assert_eq!(ids(&api, "users", &[("expense-user", "yes")]).await, [2]);
    assert_eq!(ids(&api, "users", &[("api-user", "true")]).await, [1]);
    assert_eq!(ids(&api, "suppliers", &[("id[in]", "3,1")]).await, [1, 3]);
}

#[tokio::test]
async fn times_are_instants() {
    let api = start();
    let stored = api.sandbox.record("suppliers", 2).unwrap()["created-at"].clone();
    assert_eq!(stored, "2023-01-02T00:13:06Z", "the seed is fixed");
    for (value, expected) in [
        ("2023-01-02T00:13:06Z", vec![3]),
        ("2023-01-02T01:13:06+01:00", vec![3]),
        ("2023-01-01T16:13:05-08:00", vec![2, 3]),
        ("2023-01-02T00:13:05", vec![2, 3]),
        ("2023-01-02", vec![1, 2, 3]),
        ("2023-01-03", vec![]),
    ] {
        let found = ids(&api, "suppliers", &[("created-at[gt]", value)]).await;
        assert_eq!(found, expected, "{value}");
    }
    // A `+` that is not encoded is a space, and the time is none.
    let raw = api
        .get("/api/suppliers?created-at%5Bgt%5D=2023-01-02T01:13:06+01:00")
        .await;
    assert_eq!(raw.status, 400);
    for operator in ["contains", "starts_with", "ends_with", "blank"] {
        let name = format!("updated_at[{operator}]");
        let reply = api.list("suppliers", &[(&name, "2024")]).await;
        assert_eq!(errors(&reply, "supplier").len(), 1, "{operator}");
    }
}

#[tokio::test]
async fn filters_follow_associations() {
    let api = start_with(&[("purchase_orders", 40)]);
    let orders = api.list("purchase_orders", &[]).await.json();
    let expected = |test: &dyn Fn(&serde_json::Value) -> bool| -> Vec<i64> {
        let orders = orders
            .as_array()
            .unwrap()
            .iter()
            .filter(|order| test(order));
        orders.map(|order| order["id"].as_i64().unwrap()).collect()
    };
    let by_supplier = expected(&|o| o["supplier"]["name"] == "Nordlicht GmbH");
    assert!(!by_supplier.is_empty() && by_supplier.len() < 40);
    for pair in [
        ("supplier[name]", "Nordlicht GmbH"),
        ("supplier[name][starts_with]", "Nordl"),
        ("[supplier][name][ends_with]", "GmbH"),
        ("supplier[id]", "2"),
        ("supplier_id", "2"),
        ("supplier-id[in]", "2,99"),
        // Not embedded in an order, but a supplier has it.
        ("supplier[po-email]", "bestellung@nordlicht.example"),
        ("supplier[payment_term][code]", "Net 30"),
    ] {
        assert_eq!(
            ids(&api, "purchase_orders", &[pair]).await,
            by_supplier,
            "{pair:?}"
        );
    }
    let on_line = |order: &serde_json::Value, test: &dyn Fn(&serde_json::Value) -> bool| {
        order["order-lines"].as_array().unwrap().iter().any(test)
    };
    let by_account = expected(&|o| on_line(o, &|l| l["account"]["code"] == "01-300-6700"));
    assert!(!by_account.is_empty() && by_account.len() < 40);
    for name in ["order_lines[account][code]", "order-lines[account][code]"] {
        let found = ids(&api, "purchase_orders", &[(name, "01-300-6700")]).await;
        assert_eq!(found, by_account, "{name}");
    }
    // Both conditions must hold on one line, not on two.
    let both = expected(&|o| {
        on_line(o, &|l| {
            l["uom"]["code"] == "KG" && l["account"]["code"] == "01-300-6700"
        })
    });
    assert_ne!(both, by_account);
    let pairs = [
        ("order_lines[account][code]", "01-300-6700"),
        ("order_lines[uom][code]", "KG"),
    ];
    assert_eq!(ids(&api, "purchase_orders", &pairs).await, both);

    assert_eq!(ids(&api, "users", &[("roles[name]", "Buyer")]).await, [3]);
    assert_eq!(
        ids(&api, "users", &[("roles[id]", "2")]).await,
        Vec::<i64>::new()
    );
}

#[tokio::test]
async fn filters_look_at_records_as_they_are_now() {
    let api = start_with(&[("purchase_orders", 20)]);
    let before = ids(
        &api,
        "purchase_orders",
        &[("supplier[name]", "Nordlicht GmbH")],
    )
    .await;
    api.put("/api/suppliers/2", json!({"name": "Südlicht GmbH"}))
        .await;
    let after = ids(
        &api,
        "purchase_orders",
        &[("supplier[name]", "Südlicht GmbH")],
    )
    .await;
    assert_eq!(before, after);
    assert!(!after.is_empty());
    assert!(
        ids(&api, "suppliers", &[("name", "Nordlicht GmbH")])
            .await
            .is_empty()
    );
    assert_eq!(
        ids(&api, "suppliers", &[("name", "Südlicht GmbH")]).await,
        [2]
    );
}

#[tokio::test]
async fn parts_and_custom_fields_can_be_queried() {
    let api = start_with(&[("suppliers", 60)]);
    let suppliers = api.list("suppliers", &[("limit", "50")]).await.json();
    let expected: Vec<i64> = suppliers
        .as_array()
        .unwrap()
        .iter()
        .filter(|s| s["primary-address"]["city"] == "Hamburg")
        .map(|s| s["id"].as_i64().unwrap())
        .collect();
    assert!(!expected.is_empty());
    assert_eq!(
        ids(
            &api,
            "suppliers",
            &[("primary-address[city]", "Hamburg"), ("id[lt]", "51")]
        )
        .await,
        expected
    );
    assert_eq!(
        ids(&api, "suppliers", &[("erp_vendor_id", "100007")]).await,
        [7]
    );
    assert_eq!(
        ids(
            &api,
            "suppliers",
            &[("custom-fields[erp-vendor-id]", "100007")]
        )
        .await,
        [7]
    );
}

#[tokio::test]
async fn two_associations_on_one_table_find_nothing() {
    let api = start();
    assert_eq!(
        ids(&api, "exchange_rates", &[("from-currency[code]", "USD")]).await,
        [1]
    );
    assert_eq!(
        ids(&api, "exchange_rates", &[("to-currency[code]", "EUR")]).await,
        [1]
    );
    let both = [("from-currency[code]", "USD"), ("to-currency[code]", "EUR")];
    assert!(ids(&api, "exchange_rates", &both).await.is_empty());
}

#[tokio::test]
async fn what_is_not_understood_is_refused_or_ignored() {
    let api = start();
    let unknown = [
        ("nmae", "x"),
        ("name[like]", "x"),
        ("name[eq]", "x"),
        ("supplier[name]", "x"),
        ("payment_term[no_such]", "x"),
        ("payment-term", "x"),
        ("name[deeper][eq]", "x"),
        ("order_by", "nmae"),
        ("dir", "up"),
    ];
    for pair in unknown {
        assert_eq!(
            errors(&api.list("suppliers", &[pair]).await, "supplier").len(),
            1,
            "{pair:?}"
        );
    }
    api.sandbox.switches_mut().unknown_filter = Unknown::Ignore;
    for pair in unknown {
        assert_eq!(ids(&api, "suppliers", &[pair]).await, [1, 2, 3], "{pair:?}");
    }
    // A value that cannot be one is wrong either way.
    assert_eq!(api.list("suppliers", &[("id[gt]", "x")]).await.status, 400);
    assert_eq!(
        api.list("users", &[("active", "perhaps")]).await.status,
        400
    );
}

#[tokio::test]
async fn names_and_values_never_become_sql() {
    let api = start();
    for pair in [
        ("name", "' OR 1=1 --"),
        ("name[contains]", "' OR 1=1 --"),
        ("name[in]", "') OR (1=1"),
    ] {
        assert!(ids(&api, "suppliers", &[pair]).await.is_empty(), "{pair:?}");
    }
    assert_eq!(
        api.list("suppliers", &[("name' OR '1", "x")]).await.status,
        400
    );
}
