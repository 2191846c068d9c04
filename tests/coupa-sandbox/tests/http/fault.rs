//! Each fault, as a client meets it.

use std::time::{Duration, Instant};

use coupa_sandbox::{Fault, FaultRule};
use serde_json::json;

use crate::support::{CLIENT, Reply, SECRET, query, read, start, start_with};

#[tokio::test]
async fn statuses_come_as_often_as_asked_for() {
    let api = start();
    for code in [401, 429, 500, 502, 503, 504] {
        api.sandbox
            .add_fault(FaultRule::next(2, Fault::status(code)));
        let got = [
            api.get("/api/suppliers").await.status,
            api.get("/api/suppliers").await.status,
            api.get("/api/suppliers").await.status,
        ];
        assert_eq!(got, [code, code, 200]);
    }
    api.sandbox.fail_next(Fault::Status {
        status: 429,
        retry_after: Some(3),
        processed: false,
    });
    assert_eq!(api.get("/api/suppliers").await.header("retry-after"), "3");
}

#[tokio::test]
async fn rules_pick_their_requests() {
    let api = start();
    let rule = FaultRule::next(1, Fault::status(503))
        .on_method("POST")
        .on_path("/api/suppliers")
        .after(1);
    api.sandbox.add_fault(rule);
    assert_eq!(api.get("/api/suppliers").await.status, 200);
    assert_eq!(
        api.post("/api/departments", json!({"name": "A"}))
            .await
            .status,
        201
    );
    assert_eq!(
        api.post("/api/suppliers", json!({"name": "A"}))
            .await
            .status,
        201
    );
    assert_eq!(
        api.post("/api/suppliers", json!({"name": "B"}))
            .await
            .status,
        503
    );
    assert_eq!(
        api.post("/api/suppliers", json!({"name": "B"}))
            .await
            .status,
        201
    );
    assert_eq!(api.sandbox.count("suppliers"), 5);

    api.sandbox.add_fault(FaultRule {
        times: None,
        ..FaultRule::next(0, Fault::status(500))
    });
    for _ in 0..3 {
        assert_eq!(api.get("/api/suppliers").await.status, 500);
    }
    api.sandbox.clear_faults();
    assert_eq!(api.get("/api/suppliers").await.status, 200);
}

#[tokio::test]
async fn a_reset_before_processing_leaves_nothing_behind() {
    let api = start();
    api.sandbox.fail_next(Fault::ResetBefore);
    let request = api
        .request("POST", "/api/suppliers")
        .body("{\"name\": \"Acme\"}");
    assert!(request.send().await.is_err());
    assert_eq!(api.sandbox.count("suppliers"), 3);
    assert_eq!(
        api.sandbox.log().last().map(|record| record.status),
        Some(0)
    );
}

#[tokio::test]
async fn a_reset_after_processing_leaves_the_record() {
    let api = start();
    api.sandbox.fail_next(Fault::ResetAfter);
    let request = api
        .request("POST", "/api/suppliers")
        .body("{\"name\": \"Acme\"}");
    assert!(request.send().await.is_err());
    assert_eq!(api.sandbox.count("suppliers"), 4);
    assert_eq!(api.sandbox.record("suppliers", 4).unwrap()["name"], "Acme");
    // A client that only repeats the POST learns that the name is taken.
    let again = api.post("/api/suppliers", json!({"name": "Acme"})).await;
    assert_eq!(again.status, 400);

    api.sandbox.fail_next(Fault::Status {
        status: 504,
        retry_after: None,
        processed: true,
    });
    assert_eq!(
        api.post("/api/departments", json!({"name": "New"}))
            .await
            .status,
        504
    );
    assert_eq!(api.sandbox.count("departments"), 5);
}

#[tokio::test]
async fn bodies_end_early_in_three_ways() {
    let api = start_with(&[("suppliers", 60)]);
    let whole = api.get("/api/suppliers").await.text;

    api.sandbox.fail_next(Fault::Truncated);
    let response = api.request("GET", "/api/suppliers").send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.content_length(), Some(whole.len() as u64));
    assert!(response.bytes().await.is_err());

    api.sandbox.fail_next(Fault::HalfBody);
    let half = api.get("/api/suppliers").await;
    assert_eq!(half.status, 200);
    assert!(whole.starts_with(&half.text) && half.text.len() < whole.len());
    assert!(serde_json::from_str::<serde_json::Value>(&half.text).is_err());

    api.sandbox.fail_next(Fault::EmptyBody);
    let empty = api.get("/api/suppliers").await;
    assert_eq!((empty.status, empty.text.as_str()), (200, ""));
}

#[tokio::test]
async fn answers_are_not_what_they_should_be() {
    let api = start();
    for code in [200, 404, 502] {
        api.sandbox.fail_next(Fault::Html { status: code });
        let reply = api.get("/api/suppliers").await;
        assert_eq!(reply.status, code);
        assert!(reply.header("content-type").starts_with("text/html"));
        assert!(reply.text.starts_with("<!DOCTYPE"));
    }
    api.sandbox.fail_next(Fault::WrongContentType {
        content_type: "text/plain".to_owned(),
    });
    let reply = api.get("/api/suppliers").await;
    assert_eq!(
        (reply.header("content-type"), reply.ids().len()),
        ("text/plain", 3)
    );

    api.sandbox.fail_next(Fault::Redirect {
        location: "https://elsewhere.example/api/suppliers".to_owned(),
    });
    let reply = api.get("/api/suppliers").await;
    assert_eq!(reply.status, 302);
    assert_eq!(
        reply.header("location"),
        "https://elsewhere.example/api/suppliers"
    );
}

#[tokio::test]
async fn slowness_is_slow() {
    let api = start();
    let timed = async || {
        let start = Instant::now();
        let reply: Reply = api.get("/api/suppliers").await;
        assert_eq!(reply.ids().len(), 3);
        start.elapsed()
    };
    api.sandbox.fail_next(Fault::Slow { milliseconds: 200 });
    assert!(timed().await >= Duration::from_millis(200));
    api.sandbox.fail_next(Fault::SlowBody {
        bytes: 1000,
        milliseconds: 60,
    });
    assert!(timed().await >= Duration::from_millis(120));
}

#[tokio::test]
async fn tokens_expire_all_at_once() {
    let api = start();
    let mint = || async {
        let pairs = [
            ("grant_type", "client_credentials"),
            ("client_id", CLIENT),
            ("client_secret", SECRET),
        ];
        let request = api
            .http
            .post(api.url("/oauth2/token"))
            .header("Content-Type", "application/x-www-form-urlencoded");
        let reply = read(request.body(query(&pairs))).await;
        reply.json()["access_token"].as_str().unwrap().to_owned()
    };
    let list = |token: String| {
        let request = api.http.get(api.url("/api/suppliers")).bearer_auth(token);
        read(request.header("Accept", "application/json"))
    };
    let (one, other) = (mint().await, mint().await);
    api.sandbox.fail_next(Fault::ExpireTokens);
    assert_eq!(list(one.clone()).await.status, 401);
    assert_eq!(list(other).await.status, 401);
    assert_eq!(list(mint().await).await.status, 200);

    let rule = FaultRule::next(1, Fault::status(503)).on_path("/oauth2");
    api.sandbox.add_fault(rule);
    assert_eq!(list(one).await.status, 401, "the rule is for tokens only");
    let refused = read(api.http.post(api.url("/oauth2/token"))).await;
    assert_eq!(refused.status, 503);
}
