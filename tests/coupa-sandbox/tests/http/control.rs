//! The control endpoints for other processes.

use serde_json::{Value, json};

use crate::support::{Api, Reply, read, start};

async fn control(api: &Api, method: &str, path: &str, body: Value) -> Reply {
    let url = api.url(&format!("/sandbox/{path}"));
    let request = api.http.request(method.parse().unwrap(), url);
    read(request.body(body.to_string())).await
}

#[tokio::test]
async fn another_process_can_steer_the_sandbox() {
    let api = start();
    api.get("/api/suppliers/1").await;
    let stats = control(&api, "GET", "stats", Value::Null).await.json();
    assert_eq!(stats["counters"]["requests"], json!({"GET": 1}));
    assert_eq!(
        stats["counters"]["connections"], 1,
        "one client, one connection"
    );
    assert_eq!(stats["records"]["suppliers"], 3);

    let changed = control(&api, "PUT", "switches", json!({"page_size": 2}))
        .await
        .json();
    assert_eq!(changed["page_size"], 2);
    assert_eq!(api.get("/api/suppliers").await.ids().len(), 2);
    assert_eq!(
        control(&api, "PUT", "switches", json!({"no_such": 1}))
            .await
            .status,
        400
    );
    assert_eq!(
        control(&api, "GET", "switches", Value::Null).await.json()["page_size"],
        2
    );

    let rule = json!({"times": 1, "fault": {"kind": "status", "status": 503}});
    assert_eq!(control(&api, "POST", "faults", rule).await.status, 200);
    assert_eq!(api.get("/api/suppliers").await.status, 503);
    let rule = json!({"fault": {"kind": "empty_body"}});
    control(&api, "POST", "faults", rule).await;
    assert_eq!(
        control(&api, "GET", "faults", Value::Null)
            .await
            .json()
            .as_array()
            .unwrap()
            .len(),
        1
    );
    control(&api, "DELETE", "faults", Value::Null).await;
    assert!(!api.get("/api/suppliers").await.text.is_empty());

    assert_eq!(
        control(&api, "GET", "log", Value::Null)
            .await
            .json()
            .as_array()
            .unwrap()
            .len(),
        4
    );
    control(&api, "POST", "reset-log", Value::Null).await;
    assert!(api.sandbox.log().is_empty());
    assert_eq!(
        control(&api, "GET", "elsewhere", Value::Null).await.status,
        404
    );
}
