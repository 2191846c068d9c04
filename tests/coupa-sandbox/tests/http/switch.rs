//! The switches that no other test turns.

use coupa_sandbox::Switches;
use coupa_sandbox::switches::{EmptyList, RefusalBody, TimeZone};
use serde_json::json;

use crate::support::{KEY, read, start};

#[tokio::test]
async fn a_record_that_is_missing_has_the_body_of_the_switch() {
    let api = start();
    let envelope = api.get("/api/suppliers/99").await;
    assert!(envelope.json()["errors"].is_object());
    api.sandbox.switches_mut().not_found_body = RefusalBody::Html;
    let html = api.get("/api/suppliers/99").await;
    assert_eq!(html.status, 404);
    assert!(html.text.starts_with("<!DOCTYPE"));
}

#[tokio::test]
async fn timestamps_have_the_zone_of_the_switch() {
    let api = start();
    let created = |record: serde_json::Value| record["created-at"].as_str().unwrap().to_owned();
    assert_eq!(
        created(api.get("/api/suppliers/2").await.json()),
        "2023-01-02T00:13:06Z"
    );
    api.sandbox.switches_mut().time_zone = TimeZone::Offset;
    assert_eq!(
        created(api.get("/api/suppliers/2").await.json()),
        "2023-01-01T16:13:06-08:00"
    );
    assert_eq!(
        created(api.get("/api/suppliers").await.json()[1].clone()),
        "2023-01-01T16:13:06-08:00"
    );
}

#[tokio::test]
async fn the_rate_limit_refuses_what_is_too_much() {
    let api = start();
    {
        let mut switches = api.sandbox.switches_mut();
        switches.rate_limit = true;
        switches.rate_burst = 5.0;
        // So slow that nothing leaks while the test runs.
        switches.rate_per_second = 0.001;
    }
    let burst = || futures::future::join_all((0..10).map(|_| api.get("/api/suppliers/1")));
    let refused = burst()
        .await
        .iter()
        .filter(|reply| reply.status == 429)
        .count();
    assert_eq!(refused, 5);
    let reply = api.get("/api/suppliers/1").await;
    assert_eq!((reply.status, reply.header("retry-after")), (429, ""));
    api.sandbox.switches_mut().retry_after = true;
    assert_eq!(api.get("/api/suppliers/1").await.header("retry-after"), "1");
    api.sandbox.switches_mut().rate_per_second = 1000.0;
    tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    assert_eq!(api.get("/api/suppliers/1").await.status, 200);
}

#[tokio::test]
async fn addresses_have_an_older_form() {
    let api = start();
    let usual = api.get("/api/addresses/1").await.json();
    api.sandbox.switches_mut().legacy_addresses = true;
    let old = api.get("/api/addresses/1").await.json();
    assert_eq!(old["country"], usual["country"]["name"]);
    assert_eq!(old["country_id"], usual["country"]["id"]);
    assert_eq!(old["postal_code"], usual["postal-code"]);
    assert!(old.get("postal-code").is_none() && usual.get("postal_code").is_none());
    assert_eq!(api.get("/api/addresses").await.json()[0], old);

    let new = json!({"name": "Depot", "street1": "1 Dock Road", "city": "Oakland",
        "postal_code": "94607", "country_id": old["country_id"]});
    let created = api.post("/api/addresses", new).await;
    assert_eq!(created.status, 201, "{}", created.text);
    assert_eq!(created.json()["country"], old["country"]);
    let id = created.json()["id"].clone();
    let path = format!("/api/addresses/{id}");
    let country = json!({"country": old["country"]});
    assert_eq!(
        api.put(&path, country).await.json()["country"],
        old["country"]
    );
    let xml = api.http.get(api.url(&path)).header("X-COUPA-API-KEY", KEY);
    let xml = read(xml).await.text;
    assert!(xml.contains("<postal-code>94607</postal-code>"), "{xml}");
}

#[tokio::test]
async fn empty_lists_of_payments_have_a_switch_of_their_own() {
    let api = start();
    let nothing = "?id=99999";
    api.sandbox.switches_mut().coupa_pay_empty_list = EmptyList::NotFound;
    let payments = api.get(&format!("/api/coupa_pay/payments{nothing}")).await;
    assert_eq!(payments.status, 404);
    assert_eq!(
        api.get(&format!("/api/suppliers{nothing}")).await.text,
        "[]"
    );
}

#[tokio::test]
async fn it_lists_in_every_position_of_every_switch() {
    let api = start();
    for (name, values) in Switches::positions() {
        for value in values {
            *api.sandbox.switches_mut() = Switches {
                api_key: true,
                ..Switches::default()
            };
            let change = json!({name: value}).as_object().unwrap().clone();
            api.sandbox.switches_mut().merge(change).unwrap();
            let expected = if name == "api_key" && value == false {
                401
            } else {
                200
            };
            let got = api.get("/api/suppliers").await.status;
            assert_eq!(got, expected, "{name}={value}");
        }
    }
    let listed = read(api.http.get(api.url("/sandbox/switches/positions"))).await;
    assert_eq!(listed.json()["time_zone"], json!(["utc", "offset"]));
}
