//! The HTTP API and its guard.

use super::{DEVELOPMENT, PROJECT, Place};
use crate::support::{CLIENT_ID, CLIENT_SECRET, sandbox};
use host_harness::web::{Access, Server};
use reqwest::header;
use secrecy::SecretString;
use serde_json::{Value, json};

pub struct Screen {
    origin: String,
    token: String,
    client: reqwest::Client,
}

pub async fn serve(place: &Place) -> Screen {
    let access = Access::by_token().unwrap();
    let address = "127.0.0.1:0".parse().unwrap();
    let server = Server::bind(address, access, place.workspace.clone())
        .await
        .unwrap();
    let url = server.url();
    let (origin, token) = url.split_once("/login?token=").unwrap();
    let screen = Screen {
        origin: origin.to_owned(),
        token: token.to_owned(),
        client: reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .unwrap(),
    };
    tokio::spawn(server.run(std::future::pending()));
    screen
}

impl Screen {
    pub async fn call(&self, method: &str, path: &str, body: Value) -> (u16, Value) {
        let answer = self
            .client
            .request(
                method.parse().unwrap(),
                format!("{}/api/v1{path}", self.origin),
            )
            .bearer_auth(&self.token)
            .header(header::CONTENT_TYPE, "application/json")
            .body(body.to_string())
            .send()
            .await
            .unwrap();
        let status = answer.status().as_u16();
        let text = answer.text().await.unwrap();
        (
            status,
            serde_json::from_str(&text).unwrap_or(Value::String(text)),
        )
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_enters_without_the_token_and_nothing_is_forged() {
    rustls::crypto::ring::default_provider()
        .install_default()
        .ok();
    let place = Place::new().await;
    let screen = serve(&place).await;
    let get = |path: &str| screen.client.get(format!("{}{path}", screen.origin));
    for (path, status) in [
        ("/", 303),
        ("/js/app.js", 303),
        ("/api/v1/connectors", 401),
        ("/api/v1/openapi.json", 401),
        ("/login", 200),
    ] {
        let answer = get(path).send().await.unwrap();
        assert_eq!(answer.status(), status, "{path}");
        let policy = answer.headers()[header::CONTENT_SECURITY_POLICY]
            .to_str()
            .unwrap()
            .to_owned();
        assert!(
            policy.starts_with("default-src 'none'") && !policy.contains("unsafe"),
            "{policy}"
        );
    }
    assert_eq!(
        get("/login?token=wrong").send().await.unwrap().status(),
        403
    );
    let other_name = get("/login")
        .header(header::HOST, "evil.example")
        .send()
        .await
        .unwrap();
    assert_eq!(other_name.status(), 403);

    let entered = get(&format!("/login?token={}", screen.token))
        .send()
        .await
        .unwrap();
    let cookie = entered.headers()[header::SET_COOKIE]
        .to_str()
        .unwrap()
        .to_owned();
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"));
    let cookie = cookie.split(';').next().unwrap().to_owned();
    assert_eq!(
        get("/api/v1/connectors")
            .header(header::COOKIE, &cookie)
            .send()
            .await
            .unwrap()
            .status(),
        200
    );
    let session: Value = serde_json::from_str(
        &get("/session")
            .header(header::COOKIE, &cookie)
            .send()
            .await
            .unwrap()
            .text()
            .await
            .unwrap(),
    )
    .unwrap();
    let csrf = session["csrf"].as_str().unwrap();
    // What another site could make a browser send is not enough.
    for (origin, token, status) in [
        (None, None, 403),
        (Some("https://evil.example"), Some(csrf), 403),
        (Some(screen.origin.as_str()), None, 403),
        (Some(screen.origin.as_str()), Some("0"), 403),
        (Some(screen.origin.as_str()), Some(csrf), 200),
    ] {
        let mut request = screen
            .client
            .post(format!("{}/api/v1/projects", screen.origin))
            .header(header::COOKIE, &cookie)
            .header(header::CONTENT_TYPE, "application/json")
            .body(json!({ "name": "Made" }).to_string());
        if let Some(origin) = origin {
            request = request.header(header::ORIGIN, origin);
        }
        if let Some(token) = token {
            request = request.header("x-csrf-token", token);
        }
        assert_eq!(
            request.send().await.unwrap().status(),
            status,
            "{origin:?} {token:?}"
        );
    }
    // Beyond this machine a password is needed.
    let open = Server::bind(
        "0.0.0.0:0".parse().unwrap(),
        Access::by_token().unwrap(),
        place.workspace.clone(),
    )
    .await;
    assert!(open.err().unwrap().to_string().contains("password"));
    assert!(Access::by_password(SecretString::from("short")).is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_api_does_what_its_document_says() {
    rustls::crypto::ring::default_provider()
        .install_default()
        .ok();
    let place = Place::new().await;
    let sandbox = sandbox(&[("suppliers", 5)]);
    let screen = serve(&place).await;
    let (_, document) = screen.call("GET", "/openapi.json", Value::Null).await;
    let paths = document["paths"].as_object().unwrap();
    for path in [
        "/connections/{id}",
        "/connections/test",
        "/operations/{id}/run",
        "/runs/{id}/events",
        "/files/{name}",
        "/variables/{id}",
        "/organization",
    ] {
        assert!(paths.contains_key(path), "{path}");
    }
    let (status, form) = screen
        .call("GET", "/connectors/coupa/form", Value::Null)
        .await;
    assert_eq!(
        (status, form["properties"][0]["name"].as_str()),
        (200, Some("host"))
    );

    let draft = json!({
        "name": "Coupa", "connector": "coupa",
        "settings": [
            { "name": "host", "value": sandbox.base_url() },
            { "name": "client-id", "value": CLIENT_ID },
        ],
        "secrets": { "client-secret": CLIENT_SECRET },
    });
    let (status, connection) = screen
        .call(
            "POST",
            &format!("/projects/{PROJECT}/connections"),
            draft.clone(),
        )
        .await;
    assert_eq!(status, 200, "{connection}");
    assert!(!connection.to_string().contains(CLIENT_SECRET));
    let (status, refused) = screen
        .call("POST", &format!("/projects/{PROJECT}/connections"), draft)
        .await;
    assert_eq!(
        (status, refused["error"]["code"].as_str()),
        (409, Some("name.taken"))
    );
    let id = &connection["id"];
    let (status, activity) = screen
        .call(
            "POST",
            &format!("/connections/{id}/activities"),
            json!({ "name": "All", "activity": "query", "object": "suppliers" }),
        )
        .await;
    assert_eq!(status, 200, "{activity}");
    let (status, refused) = screen
        .call("DELETE", &format!("/connections/{id}"), Value::Null)
        .await;
    assert_eq!(
        (status, refused["error"]["dependents"][0]["name"].as_str()),
        (409, Some("All"))
    );
    let operation = json!({
        "name": "Export",
        "source": { "kind": "activity", "activity": activity["id"] },
        "target": { "kind": "file", "path": "out.ndjson", "format": "ndjson" },
    });
    let (_, operation) = screen
        .call(
            "POST",
            &format!("/projects/{PROJECT}/operations"),
            operation,
        )
        .await;
    let (status, started) = screen
        .call(
            "POST",
            &format!("/operations/{}/run", operation["id"]),
            json!({ "environment": DEVELOPMENT }),
        )
        .await;
    assert_eq!(status, 200, "{started}");
    let (_, events) = screen
        .call(
            "GET",
            &format!("/runs/{}/events", started["run"]),
            Value::Null,
        )
        .await;
    let events = events.as_str().unwrap().to_owned();
    assert!(
        events.contains("event: run") && events.contains("\"state\":\"success\""),
        "{events}"
    );
    let (status, file) = screen.call("GET", "/files/out.ndjson", Value::Null).await;
    assert_eq!(
        (status, file.as_str().map(|text| text.lines().count())),
        (200, Some(5))
    );
    assert_eq!(
        screen
            .call("GET", "/files/..%2Fworkspace.key", Value::Null)
            .await
            .0,
        422
    );
    assert_eq!(screen.call("GET", "/nothing", Value::Null).await.0, 404);
}
