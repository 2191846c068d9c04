//! Registries that are not as simple: with a token server, that send elsewhere, or
//! that are busy.

use super::server::Server;
use super::{agent, code, json_list, newest, settings};
use crate::servers::forward::Behind;
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use host_harness::agent::{Agent, Publication};
use host_harness::registry::Credentials;
use std::sync::{Arc, Mutex};

/// A front that decides before it hands on to a registry.
#[derive(Clone, Default)]
struct Front {
    /// The registry behind it.
    behind: String,
    /// Its own address.
    host: String,
    /// Whether it wants a token, and gives one to user `robot`.
    tokens: bool,
    /// The token that it takes now, counted up when it does not any more.
    current: Arc<Mutex<u32>>,
    given: Arc<Mutex<Vec<String>>>,
    /// What it answers first, before it hands on.
    first: Arc<Mutex<Vec<(StatusCode, &'static str)>>>,
    /// Where it sends for bytes.
    elsewhere: Option<String>,
    came: Arc<Mutex<Vec<String>>>,
}

impl Front {
    async fn start(mut self) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        self.host = listener.local_addr().unwrap().to_string();
        let router = Router::new().fallback(answer).with_state(self.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        self
    }

    fn address(&self) -> String {
        format!("oci+http://{}/connectors", self.host)
    }
}

fn authorization(headers: &HeaderMap) -> String {
    let value = headers.get(header::AUTHORIZATION);
    value.map_or(String::new(), |value| value.to_str().unwrap().to_owned())
}

async fn answer(State(front): State<Front>, request: Request) -> Response {
    let path = request.uri().path_and_query().unwrap().to_string();
    let who = authorization(request.headers());
    front.came.lock().unwrap().push(format!("{path} {who}"));
    if path.starts_with("/token") {
        // robot:pull-password-1234
        if who != "Basic cm9ib3Q6cHVsbC1wYXNzd29yZC0xMjM0" {
            return StatusCode::UNAUTHORIZED.into_response();
        }
        front.given.lock().unwrap().push(path);
        let token = *front.current.lock().unwrap();
        return format!("{{\"token\": \"token-{token}\", \"expires_in\": 300}}").into_response();
    }
    let token = format!("Bearer token-{}", front.current.lock().unwrap());
    if front.tokens && who != token {
        let challenge = format!(
            "Bearer realm=\"http://{}/token\",service=\"test\"",
            front.host
        );
        return (
            StatusCode::UNAUTHORIZED,
            [(header::WWW_AUTHENTICATE, challenge)],
        )
            .into_response();
    }
    if path != "/v2/"
        && let Some((status, wait)) = front.first.lock().unwrap().pop()
    {
        return (status, [(header::RETRY_AFTER, wait)]).into_response();
    }
    if let Some(elsewhere) = &front.elsewhere
        && path.contains("/blobs/sha256")
        && request.method() == "GET"
    {
        let location = format!("{elsewhere}{path}");
        return (
            StatusCode::TEMPORARY_REDIRECT,
            [(header::LOCATION, location)],
        )
            .into_response();
    }
    hand_on(&front.behind, request).await
}

/// The answer of the registry at this host and port, which is not told who asks.
pub(super) async fn hand_on(behind: &str, request: Request) -> Response {
    let (mut parts, body) = request.into_parts();
    parts.headers.remove(header::AUTHORIZATION);
    let body = axum::body::to_bytes(body, 64 << 20).await.unwrap();
    let behind = Behind::at(&format!("http://{behind}"));
    let answer = behind.forward(Request::from_parts(parts, body)).await;
    answer.unwrap().map(Body::from)
}

fn robot(home: &std::path::Path, address: &str, password: &str) -> Agent {
    let mut settings = settings(home, address);
    settings.oci.credentials = Credentials::Basic("robot".to_owned(), password.to_owned().into());
    Agent::with_settings(home, settings).unwrap()
}

fn publication() -> Publication {
    Publication {
        component: json_list(),
        ..Publication::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_fetched_where_the_registry_says_and_renewed_when_it_is_not_taken() {
    let server = Server::start();
    let front = Front {
        behind: server.host(),
        tokens: true,
        ..Front::default()
    };
    let front = front.start().await;
    let home = tempfile::tempdir().unwrap();
    let password = super::server::PASSWORD;
    let publisher = robot(&home.path().join("publisher"), &front.address(), password);
    publisher.publish_with(publication()).await.unwrap();
    let scopes = front.given.lock().unwrap().join(" ");
    assert!(
        scopes.contains("connectors%2Fjson-list%3Apull%2Cpush"),
        "{scopes}"
    );

    let consumer = robot(&home.path().join("consumer"), &front.address(), password);
    newest(&consumer).await.unwrap();
    *front.current.lock().unwrap() += 1;
    front.given.lock().unwrap().clear();
    newest(&consumer).await.unwrap();
    assert_eq!(front.given.lock().unwrap().len(), 1, "one new token");
    // The password goes to the token server alone.
    for came in front.came.lock().unwrap().iter() {
        assert!(
            came.starts_with("/token") || !came.contains("Basic"),
            "{came}"
        );
    }
    let wrong = robot(&home.path().join("wrong"), &front.address(), "wrong");
    assert_eq!(code(newest(&wrong).await), "registry.credentials");
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_do_not_go_along_to_where_a_registry_sends() {
    let server = Server::start();
    let storage = Front {
        behind: server.host(),
        ..Front::default()
    };
    let storage = storage.start().await;
    let front = Front {
        behind: server.host(),
        tokens: true,
        elsewhere: Some(format!("http://{}", storage.host)),
        ..Front::default()
    };
    let front = front.start().await;
    let home = tempfile::tempdir().unwrap();
    let publisher = agent(&home.path().join("publisher"), &server.address());
    publisher.publish_with(publication()).await.unwrap();
    let password = super::server::PASSWORD;
    let consumer = robot(&home.path().join("consumer"), &front.address(), password);
    newest(&consumer).await.unwrap();
    let came = storage.came.lock().unwrap().clone();
    assert!(!came.is_empty(), "nothing was asked elsewhere");
    for came in came {
        assert!(came.ends_with(' '), "credentials came along: {came}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_that_is_busy_or_fails_is_asked_again_and_not_forever() {
    let server = Server::start();
    let home = tempfile::tempdir().unwrap();
    let publisher = agent(&home.path().join("publisher"), &server.address());
    publisher.publish_with(publication()).await.unwrap();
    let busy = (StatusCode::TOO_MANY_REQUESTS, "1");
    let failing = (StatusCode::BAD_GATEWAY, "0");
    let front = Front {
        behind: server.host(),
        first: Arc::new(Mutex::new(vec![failing, busy, failing])),
        ..Front::default()
    };
    let front = front.start().await;
    let started = std::time::Instant::now();
    newest(&agent(&home.path().join("a"), &front.address()))
        .await
        .unwrap();
    assert!(
        started.elapsed().as_secs() >= 1,
        "it did not wait as it was told"
    );

    for (status, said) in [
        (StatusCode::TOO_MANY_REQUESTS, "registry.busy"),
        (StatusCode::SERVICE_UNAVAILABLE, "registry.failing"),
    ] {
        *front.first.lock().unwrap() = vec![(status, "0"); 50];
        let mut settings = settings(&home.path().join(said), &front.address());
        settings.oci.attempts = 3;
        let impatient = Agent::with_settings(&home.path().join(said), settings).unwrap();
        assert_eq!(code(newest(&impatient).await), said);
        assert_eq!(front.first.lock().unwrap().len(), 47, "{said}");
    }
    // A refusal is one, however often one asks.
    *front.first.lock().unwrap() = vec![(StatusCode::FORBIDDEN, "0"); 5];
    let refused = agent(&home.path().join("refused"), &front.address());
    assert_eq!(code(newest(&refused).await), "registry.forbidden");
    assert_eq!(front.first.lock().unwrap().len(), 4);
}
