//! XML in and out.

use coupa_sandbox::switches::MissingAccept;
use serde_json::json;

use crate::support::{Api, KEY, Reply, read, start, start_with};

async fn xml(api: &Api, method: &str, path: &str, body: &'static str) -> Reply {
    let request = api
        .http
        .request(method.parse().unwrap(), api.url(path))
        .header("X-COUPA-API-KEY", KEY)
        .header("Accept", "application/xml")
        .header("Content-Type", "application/xml");
    read(request.body(body)).await
}

#[tokio::test]
async fn records_have_elements_and_types() {
    let api = start_with(&[("purchase_orders", 2)]);
    let user = xml(&api, "GET", "/api/users/2", "").await;
    assert_eq!(
        user.header("content-type"),
        "application/xml; charset=utf-8"
    );
    for part in [
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<user>",
        "<id type=\"integer\">2</id>",
        "<login>mlopez</login>",
        "<active type=\"boolean\">true</active>",
        "<authentication-method type=\"symbol\">coupa_credentials</authentication-method>",
        "<created-at type=\"dateTime\">2023-",
        "<sso-identifier nil=\"true\"/>",
        "<roles type=\"array\"><role>",
        "<user-groups type=\"array\"/>",
    ] {
        assert!(user.text.contains(part), "{part} in {}", user.text);
    }
    assert!(
        !user.text.contains("<manager"),
        "null associations are left out"
    );

    let orders = xml(&api, "GET", "/api/purchase_orders", "").await;
    for part in [
        "<order-headers type=\"array\"><order-header>",
        "<order-lines type=\"array\"><order-line>",
        "<price type=\"decimal\">",
        "<ship-to-address><city>",
    ] {
        assert!(orders.text.contains(part), "{part} in {}", orders.text);
    }
    let supplier = xml(&api, "GET", "/api/suppliers/3", "").await;
    assert!(supplier.text.contains("<name>Quill &amp; Paper Co</name>"));
}

#[tokio::test]
async fn nothing_found_is_404_in_xml_only() {
    let api = start();
    let none = xml(&api, "GET", "/api/suppliers?name=nobody", "").await;
    assert_eq!(none.status, 404);
    assert!(
        none.text
            .contains("<errors><error>No results match your search criteria.</error></errors>")
    );
    assert_eq!(api.get("/api/suppliers?name=nobody").await.text, "[]");
}

#[tokio::test]
async fn xml_is_read_like_json() {
    let api = start();
    let body = "<user><login>jdoe</login><email>jdoe@example.com</email><firstname>Jane</firstname>\
        <lastname>D&#246;e &amp; Co</lastname><employee_number nil=\"true\">E7</employee_number>\
        <purchasing-user type=\"boolean\">false</purchasing-user>\
        <department><name>Finance</name></department>\
        <roles type=\"array\"><role><name>User</name></role><role><name>Buyer</name></role></roles></user>";
    let created = xml(&api, "POST", "/api/users", body).await;
    assert_eq!(created.status, 201, "{}", created.text);
    let user = api.sandbox.record("users", 5).unwrap();
    assert_eq!(user["lastname"], "Döe & Co");
    assert_eq!(user["employee-number"], "E7");
    assert_eq!(user["purchasing-user"], false);
    assert_eq!(user["department"]["name"], "Finance");
    assert_eq!(user["roles"].as_array().unwrap().len(), 2);

    xml(
        &api,
        "PUT",
        "/api/users/5",
        "<user><roles></roles><department nil=\"true\"/></user>",
    )
    .await;
    let user = api.sandbox.record("users", 5).unwrap();
    assert!(user["roles"].as_array().unwrap().is_empty() && user["department"].is_null());
}

#[tokio::test]
async fn errors_have_the_xml_envelope() {
    let api = start();
    let body = "<user><login>mlopez</login><email>mlopez@example.com</email>\
        <firstname>M</firstname><lastname>L</lastname></user>";
    let refused = xml(&api, "POST", "/api/users", body).await;
    assert_eq!(refused.status, 400);
    for login in ["Login", "Email"] {
        assert!(refused.text.contains(&format!(
            "<error><![CDATA[{login} has already been taken]]></error>"
        )));
    }
    assert_eq!(xml(&api, "GET", "/api/users/99", "").await.status, 404);
    assert_eq!(
        xml(&api, "POST", "/api/users", "<user><login></user>")
            .await
            .status,
        400
    );
}

#[tokio::test]
async fn xml_is_the_default() {
    let api = start();
    let ask = |accept: &'static str| {
        let request = api
            .http
            .get(api.url("/api/users/2"))
            .header("X-COUPA-API-KEY", KEY);
        read(request.header("Accept", accept))
    };
    for accept in ["*/*", "text/xml", "text/plain"] {
        assert!(ask(accept).await.text.starts_with("<?xml"), "{accept}");
    }
    assert!(
        ask("application/json; charset=utf-8")
            .await
            .text
            .starts_with('{')
    );
    api.sandbox.switches_mut().missing_accept = MissingAccept::NotAcceptable;
    assert_eq!(ask("text/plain").await.status, 406);
    assert_eq!(ask("application/json").await.status, 200);
}

#[tokio::test]
async fn elements_are_not_always_named_like_the_path() {
    let api = start_with(&[
        ("purchase_orders", 1),
        ("invoices", 1),
        ("requisitions", 1),
        ("purchase_order_changes", 1),
        ("receiving_transactions", 1),
        ("pick_lists", 1),
        ("inventory", 1),
        ("supplier_information", 1),
        ("order_pads", 1),
        ("exchange_rates", 1),
    ]);
    let address = json!({"name": "AP", "remit-to-code": "R9", "street1": "PO Box 9",
        "city": "Oakland", "postal-code": "94607", "country": {"code": "US"}});
    let added = api.put("/api/suppliers/1", json!({"remit-to-addresses": [address]}));
    assert_eq!(added.await.status, 200);
    for (path, list, one) in [
        ("purchase_orders", "order-headers", "order-header"),
        ("purchase_order_lines", "order-lines", "order-line"),
        ("invoices", "invoice-headers", "invoice-header"),
        ("requisitions", "requisition-headers", "requisition-header"),
        (
            "purchase_order_changes",
            "order-header-changes",
            "order-header-change",
        ),
        (
            "receiving_transactions",
            "inventory-transactions",
            "inventory-transaction",
        ),
        (
            "pick_lists",
            "fulfillment-reservations",
            "fulfillment-reservation",
        ),
        ("inventory", "inventory-balances", "inventory-balance"),
        (
            "supplier_information",
            "supplier-information",
            "supplier-information",
        ),
        (
            "suppliers/1/addresses",
            "remit-to-addresses",
            "remit-to-address",
        ),
        ("order_pads", "order-pads", "order-pad"),
        ("exchange_rates", "exchange-rates", "exchange-rate"),
    ] {
        let listed = xml(&api, "GET", &format!("/api/{path}"), "").await;
        let begins = format!("<{list} type=\"array\"><{one}><");
        assert!(listed.text.contains(&begins), "{path}: {}", listed.text);
        assert!(
            listed.text.ends_with(&format!("</{one}></{list}>")),
            "{path}"
        );
    }
}

#[tokio::test]
async fn sentences_with_marks_in_them_stay_whole() {
    let api = start();
    let body =
        "<supplier><name>A</name><payment-term><code>]]&gt;&lt;</code></payment-term></supplier>";
    let refused = xml(&api, "POST", "/api/suppliers", body).await;
    assert_eq!(refused.status, 400);
    assert!(
        refused.text.contains("]]]]><![CDATA[><"),
        "{}",
        refused.text
    );
}

#[tokio::test]
async fn a_body_that_is_too_deep_is_refused() {
    let api = start();
    let deep = format!("{}{}", "<a>".repeat(100_000), "</a>".repeat(100_000));
    let request = api
        .request("POST", "/api/suppliers")
        .header("Content-Type", "application/xml");
    assert_eq!(read(request.body(deep)).await.status, 400);
}
