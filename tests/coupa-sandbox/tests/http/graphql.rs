//! GraphQL, which only reads.

use std::collections::BTreeSet;

use coupa_sandbox::switches::TimeZone;
use serde_json::{Value, json};

use crate::support::{Api, CLIENT, Reply, SECRET, query, read, start, start_with};

/// What clients ask for a schema with, from the reference implementation.
const INTROSPECTION: &str = "
query IntrospectionQuery {
  __schema {
    queryType { name } mutationType { name } subscriptionType { name }
    types { ...FullType }
    directives { name description locations args { ...InputValue } }
  }
}
fragment FullType on __Type {
  kind name description
  fields(includeDeprecated: true) {
    name description args { ...InputValue } type { ...TypeRef } isDeprecated deprecationReason
  }
  inputFields { ...InputValue }
  interfaces { ...TypeRef }
  enumValues(includeDeprecated: true) { name description isDeprecated deprecationReason }
  possibleTypes { ...TypeRef }
}
fragment InputValue on __InputValue { name description type { ...TypeRef } defaultValue }
fragment TypeRef on __Type { kind name ofType { kind name ofType { kind name ofType { kind name } } } }";

async fn send(api: &Api, body: &Value) -> Reply {
    let reply = api.post("/api/graphql", body.clone()).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    reply
}

async fn ask(api: &Api, query: &str) -> Value {
    let answer = send(api, &json!({"query": query})).await.json();
    assert!(answer.get("errors").is_none(), "{query}: {answer}");
    answer["data"].clone()
}

async fn refusal(api: &Api, query: &str) -> String {
    let answer = send(api, &json!({"query": query})).await.json();
    let message = answer["errors"][0]["message"].as_str();
    assert!(answer.get("data").is_none(), "{answer}");
    message.unwrap_or_else(|| panic!("{answer}")).to_owned()
}

#[tokio::test]
async fn lists_are_filtered_as_in_rest() {
    let api = start_with(&[("suppliers", 120)]);
    let data = ask(
        &api,
        r#"query { suppliers(query: "status=active&id[gt]=50&limit=10&order_by=id&dir=desc") {
            id name createdAt paymentTerm { code daysForNetPayment } customFields { erpVendorId }
            remitToAddresses { remitToCode } } }"#,
    )
    .await;
    let rest = api
        .get("/api/suppliers?status=active&id[gt]=50&limit=10&order_by=id&dir=desc")
        .await
        .json();
    let expected: Vec<Value> = rest
        .as_array()
        .unwrap()
        .iter()
        .map(|one| {
            let term = &one["payment-term"];
            let codes = one["remit-to-addresses"].as_array().unwrap().iter();
            let codes: Vec<Value> = codes
                .map(|address| json!({"remitToCode": address["remit-to-code"]}))
                .collect();
            json!({
                "id": one["id"],
                "name": one["name"],
                "createdAt": one["created-at"],
                "paymentTerm": match term.is_null() {
                    true => Value::Null,
                    false => json!({"code": term["code"],
                        "daysForNetPayment": term["days-for-net-payment"]}),
                },
                "customFields": {"erpVendorId": one["custom-fields"]["erp-vendor-id"]},
                "remitToAddresses": codes,
            })
        })
        .collect();
    assert_eq!(expected.len(), 10);
    assert_eq!(data["suppliers"], json!(expected));
}

#[tokio::test]
async fn one_record_has_an_id() {
    let api = start_with(&[("purchase_orders", 2)]);
    let text = r#"query One($id: ID!, $deep: Boolean = false) {
        order: purchaseOrder(id: $id) { __typename ...Head ... on OrderHeader { status } }
        orderHeader(id: 2) { id supplier { name taxId @include(if: $deep) } orderLines { lineNum } }
        user(id: 99999) { id }
    } fragment Head on OrderHeader { id poNumber id }"#;
    let both = json!({"query": text, "variables": {"id": 1}});
    let data = send(&api, &both).await.json()["data"].clone();
    let order = api.get("/api/purchase_orders/1").await.json();
    assert_eq!(
        data["order"],
        json!({"__typename": "OrderHeader", "id": 1, "poNumber": order["po-number"],
            "status": order["status"]})
    );
    assert!(data["user"].is_null());
    assert!(data["orderHeader"]["supplier"].get("taxId").is_none());
    let second = api.get("/api/purchase_orders/2").await.json();
    let (lines, shown) = (&second["order-lines"], &data["orderHeader"]["orderLines"]);
    assert_eq!(
        shown.as_array().unwrap().len(),
        lines.as_array().unwrap().len()
    );
    assert_eq!(shown[0], json!({"lineNum": lines[0]["line-num"]}));
    let deep = json!({"query": text, "variables": {"id": "1", "deep": true}});
    let deep = send(&api, &deep).await.json();
    // More than is embedded comes from the supplier itself.
    let id = &second["supplier"]["id"];
    let supplier = api.get(&format!("/api/suppliers/{id}")).await.json();
    assert_eq!(
        deep["data"]["orderHeader"]["supplier"]["taxId"],
        supplier["tax-id"]
    );

    api.sandbox.switches_mut().time_zone = TimeZone::Offset;
    let local = ask(&api, "{ purchaseOrder(id: 1) { createdAt } }").await;
    assert_eq!(
        local["purchaseOrder"]["createdAt"],
        api.get("/api/purchase_orders/1").await.json()["created-at"]
    );
}

#[tokio::test]
async fn errors_come_with_status_200() {
    let api = start();
    for (query, part) in [
        ("{ suppliers { id", "Parse error"),
        ("", "No query string"),
        (
            "mutation { createSupplier { id } }",
            "not configured for mutations",
        ),
        (
            "subscription { suppliers { id } }",
            "not configured for subscriptions",
        ),
        (
            "{ suppliersss { id } }",
            "'suppliersss' doesn't exist on type 'Query'",
        ),
        (
            "{ suppliers { nmae } }",
            "'nmae' doesn't exist on type 'Supplier'",
        ),
        (
            "{ suppliers(query: \"id=0\") { nmae } }",
            "'nmae' doesn't exist",
        ),
        ("{ suppliers }", "must have selections"),
        ("{ suppliers { paymentTerm } }", "must have selections"),
        (
            "{ suppliers { name { first } } }",
            "can't be made on scalars",
        ),
        (
            "{ suppliers { customFields { nope } } }",
            "doesn't exist on type 'SupplierCustomFields'",
        ),
        (
            "{ suppliers(limit: 3) { id } }",
            "doesn't accept argument 'limit'",
        ),
        ("{ suppliers(query: 3) { id } }", "Expected type 'String'"),
        (
            "{ suppliers(query: \"stauts=active\") { id } }",
            "\"stauts\" is not a valid",
        ),
        ("{ supplier { id } }", "missing required arguments: id"),
        ("{ suppliers { id ...F } }", "Fragment F was used"),
        (
            "{ suppliers { id ...F } } fragment F on Supplier { ...F }",
            "infinite loop",
        ),
        ("{ suppliers { id @upper } }", "@upper is not defined"),
        (
            "query A { __typename } query B { __typename }",
            "operation name is required",
        ),
        ("type Supplier { id: Int }", "operations and fragments only"),
    ] {
        let message = refusal(&api, query).await;
        assert!(message.contains(part), "{query}: {message}");
    }
    let named = json!({"query": "query A { __typename } query B { a: __typename }",
        "operationName": "B"});
    assert_eq!(
        send(&api, &named).await.json(),
        json!({"data": {"a": "Query"}})
    );
    let no_json = api
        .request("POST", "/api/graphql")
        .body("{ suppliers { id } }");
    assert!(read(no_json).await.json()["errors"][0]["message"].is_string());
    assert_eq!(api.get("/api/graphql").await.status, 405);
}

#[tokio::test]
async fn queries_that_would_grow_are_stopped() {
    let api = start();
    let deep = format!("{}{}", "{ parent".repeat(100_000), "}".repeat(100_000));
    assert!(refusal(&api, &deep).await.contains("limit"));
    // Each fragment has the one before it ten times.
    let mut growing = "{ supplier(id: 1) { ...F9 } } fragment F0 on Supplier { id }".to_owned();
    for level in 1..10 {
        let spreads: String = (0..10)
            .map(|at| format!("a{at}: parent {{ ...F{} }} ", level - 1))
            .collect();
        growing.push_str(&format!(" fragment F{level} on Supplier {{ {spreads} }}"));
    }
    assert_eq!(refusal(&api, &growing).await, "The query is too large");
}

#[tokio::test]
async fn scopes_are_those_of_each_object() {
    let api = start_with(&[("purchase_orders", 1)]);
    let pairs = [
        ("grant_type", "client_credentials"),
        ("client_id", CLIENT),
        ("client_secret", SECRET),
        ("scope", "core.supplier.read"),
    ];
    let token = api.http.post(api.url("/oauth2/token"));
    let token = token.header("Content-Type", "application/x-www-form-urlencoded");
    let token = read(token.body(query(&pairs))).await.json();
    let token = token["access_token"].as_str().unwrap().to_owned();
    let ask = async |text: &str| {
        let request = api.http.post(api.url("/api/graphql")).bearer_auth(&token);
        let reply = read(request.body(json!({"query": text}).to_string())).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
        reply.json()
    };
    let allowed = "{ suppliers { id paymentTerm { code } } }";
    assert!(ask(allowed).await["data"]["suppliers"].is_array());
    for (text, scope) in [
        ("{ purchaseOrders { id } }", "core.purchase_order.read"),
        ("{ suppliers { id } users { login } }", "core.user.read"),
        (
            "{ suppliers { paymentTerm { description } } }",
            "core.common.read",
        ),
    ] {
        let refused = ask(text).await;
        let message = refused["errors"][0]["message"].as_str().unwrap();
        assert!(message.contains(scope), "{text}: {refused}");
    }
    let nobody = api.http.post(api.url("/api/graphql"));
    assert_eq!(read(nobody.body("{}")).await.status, 401);
}

#[tokio::test]
async fn the_schema_describes_itself() {
    let api = start();
    let whole = ask(&api, INTROSPECTION).await;
    let schema = &whole["__schema"];
    assert_eq!(schema["queryType"]["name"], "Query");
    assert!(schema["mutationType"].is_null());
    let types = schema["types"].as_array().unwrap();
    let names: BTreeSet<&str> = types.iter().map(|t| t["name"].as_str().unwrap()).collect();
    assert_eq!(names.len(), types.len(), "each name once");
    assert!(names.len() > coupa_catalog::record_types().count());
    // Every type that a field leads to is there, and no field twice.
    for one in types {
        let fields = one["fields"].as_array().cloned().unwrap_or_default();
        let mut seen = BTreeSet::new();
        for field in &fields {
            assert!(seen.insert(field["name"].to_string()), "{one}: {field}");
            let arguments = field["args"].as_array().unwrap();
            for holder in arguments.iter().chain([field]) {
                let mut leads = &holder["type"];
                while !leads["ofType"].is_null() {
                    leads = &leads["ofType"];
                }
                assert!(names.contains(leads["name"].as_str().unwrap()), "{field}");
            }
        }
    }

    let data = ask(
        &api,
        r#"{ __type(name: "Supplier") { kind fields { name type { name kind ofType { name kind } } } }
             custom: __type(name: "SupplierCustomFields") { fields { name } }
             none: __type(name: "Nothing") { name } }"#,
    )
    .await;
    assert!(data["none"].is_null());
    assert_eq!(
        data["custom"]["fields"],
        json!([{"name": "erpVendorId"}, {"name": "region"}])
    );
    let fields = data["__type"]["fields"].as_array().unwrap();
    for (name, expected) in [
        (
            "id",
            json!({"name": null, "kind": "NON_NULL", "ofType": {"name": "Int", "kind": "SCALAR"}}),
        ),
        (
            "paymentTerm",
            json!({"name": "PaymentTerm", "kind": "OBJECT", "ofType": null}),
        ),
        (
            "remitToAddresses",
            json!({"name": null, "kind": "LIST", "ofType": {"name": "RemitToAddress", "kind": "OBJECT"}}),
        ),
        (
            "createdAt",
            json!({"name": "ISO8601DateTime", "kind": "SCALAR", "ofType": null}),
        ),
        (
            "customFields",
            json!({"name": "SupplierCustomFields", "kind": "OBJECT", "ofType": null}),
        ),
    ] {
        let field = fields.iter().find(|field| field["name"] == name).unwrap();
        assert_eq!(field["type"], expected, "{name}");
    }
}
