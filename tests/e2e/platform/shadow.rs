//! Shadow runs over HTTP: what they find, how they are cancelled, and what bounds them.

use super::api::{Screen, serve};
use super::{DEVELOPMENT, PROJECT, Place, draft};
use crate::registry::shadow::{lists, otherwise};
use crate::registry::{altered, json_list};
use host_harness::workspace::ConnectionDraft;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

async fn place() -> Place {
    let place = Place::new().await;
    let registry = place.workspace.registry().folder().unwrap();
    let name = "json-list".parse().unwrap();
    for (version, bytes) in [
        ("1.0.0", json_list()),
        ("1.1.0", altered(b's')),
        ("1.2.0", otherwise()),
    ] {
        registry
            .publish(&name, version.parse().unwrap(), &bytes)
            .unwrap();
    }
    place
}

async fn activity(place: &Place, url: &str, activity: &str, object: &str) -> Value {
    let draft = ConnectionDraft {
        name: format!("Lists for {activity} {object}"),
        connector: "json-list".to_owned(),
        version: "1.0.0".to_owned(),
        ..draft("", &[("url", url)], &[("token", "token-of-the-lists-1234")])
    };
    let made = place.workspace.create_connection(PROJECT, draft).await;
    let made = place
        .activity_of(made.unwrap().id, activity, object, "All", &[])
        .await;
    json!({ "activity": made.id, "environment": DEVELOPMENT })
}

impl Screen {
    async fn shadow(&self, of: &Value, more: Value) -> (u16, Value) {
        let mut draft = of.as_object().unwrap().clone();
        draft.extend(more.as_object().unwrap().clone());
        self.call("POST", "/shadow-runs", draft.into()).await
    }

    async fn ended(&self, run: &Value) -> Value {
        let until = Instant::now() + Duration::from_secs(60);
        loop {
            let path = format!("/shadow-runs/{}", run["id"]);
            let (status, now) = self.call("GET", &path, Value::Null).await;
            assert_eq!(status, 200, "{now}");
            if now["state"] != "running" {
                return now;
            }
            assert!(Instant::now() < until, "{now}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_versions_are_compared_over_http() {
    rustls::crypto::ring::default_provider()
        .install_default()
        .ok();
    let (place, url) = (place().await, lists(250).await);
    let screen = serve(&place).await;
    let people = activity(&place, &url, "list", "people").await;
    // Without more it is the connection's version and the newest.
    let (status, begun) = screen.shadow(&people, json!({})).await;
    assert_eq!(
        (status, &begun["old"], &begun["new"]),
        (200, &json!("1.0.0"), &json!("1.2.0"))
    );
    let ended = screen.ended(&begun).await;
    assert_eq!(
        (&ended["state"], &ended["old-records"]),
        (&json!("done"), &json!(250))
    );
    let difference = &ended["difference"];
    assert_eq!(difference["only-old-keys"], json!(["7"]));
    assert_eq!(difference["fields"]["name"]["count"], 25);
    let ignored = json!({ "ignore": ["name", "deep.seen"], "old": "1.1.0", "new": "1.2.0" });
    let (_, begun) = screen.shadow(&people, ignored).await;
    let ended = screen.ended(&begun).await;
    assert_eq!(
        (&ended["difference"]["same"], &ended["error"]),
        (&json!(249), &Value::Null)
    );
    let (_, all) = screen.call("GET", "/shadow-runs", Value::Null).await;
    assert_eq!(
        (all.as_array().unwrap().len(), &all[0]["id"]),
        (2, &ended["id"])
    );

    // What cannot be compared.
    let (status, refused) = screen.shadow(&people, json!({ "new": "1.0.0" })).await;
    assert!(
        status == 422 && refused.to_string().contains("both are 1.0.0"),
        "{refused}"
    );
    let (status, refused) = screen.shadow(&people, json!({ "new": "7.0.0" })).await;
    assert!(
        status == 422 && refused.to_string().contains("7.0.0"),
        "{refused}"
    );
    let add = activity(&place, &url, "add", "people").await;
    let (status, refused) = screen.shadow(&add, json!({})).await;
    assert!(
        status == 422 && refused.to_string().contains("only reads"),
        "{refused}"
    );
    let (status, refused) = screen.shadow(&people, json!({ "seconds": 0 })).await;
    assert!(
        status == 422 && refused.to_string().contains("from 1 to 86400"),
        "{refused}"
    );
    let (status, _) = screen.call("GET", "/shadow-runs/99", Value::Null).await;
    assert_eq!(status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shadow_run_is_cancelled_and_bounded() {
    rustls::crypto::ring::default_provider()
        .install_default()
        .ok();
    let (place, url) = (place().await, lists(250).await);
    let screen = serve(&place).await;
    let never = activity(&place, &url, "list", "never").await;
    let (_, first) = screen.shadow(&never, json!({})).await;
    let (_, second) = screen.shadow(&never, json!({ "seconds": 1 })).await;
    assert_eq!(
        (&first["state"], &second["state"]),
        (&json!("running"), &json!("running"))
    );
    let (status, refused) = screen.shadow(&never, json!({})).await;
    assert!(
        status == 422 && refused.to_string().contains("under way"),
        "{refused}"
    );
    let ended = screen.ended(&second).await;
    assert_eq!(
        (&ended["state"], &ended["error"]),
        (&json!("failed"), &json!("it took longer than 1 s"))
    );
    let cancel = format!("/shadow-runs/{}/cancel", first["id"]);
    let (_, cancelled) = screen.call("POST", &cancel, json!({})).await;
    assert_eq!(cancelled["state"], "cancelled");
    // It stays so, and there is room again.
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(screen.ended(&first).await["state"], "cancelled");
    let (status, third) = screen.shadow(&never, json!({})).await;
    assert_eq!(status, 200, "{third}");
}
