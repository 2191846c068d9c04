//! The switches that no other test turns.

use coupa_sandbox::switches::{RefusalBody, TimeZone};

use crate::support::start;

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
