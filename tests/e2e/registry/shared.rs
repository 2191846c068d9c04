//! Registries that are shared with others: what is no connector lies beside, parts are
//! closed, each in its own way, and lists come page by page.

use super::distribution::{put_blob, put_manifest};
use super::guarded::hand_on;
use super::server::{PASSWORD, Server};
use super::{agent, altered, code, exactly, json_list, name, newest, release, settings, version};
use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use host_harness::agent::Agent;
use host_harness::registry::{Credentials, Digest, PassedOver};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};

const IMAGE: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// A manifest of one layer.
async fn manifest(
    server: &Server,
    repository: &str,
    config: &str,
    layer: &str,
    of: &[u8],
) -> Value {
    json!({
        "schemaVersion": 2, "mediaType": IMAGE,
        "config": {
            "mediaType": config, "size": 2,
            "digest": put_blob(server, repository, b"{}").await,
        },
        "layers": [{
            "mediaType": layer, "size": of.len(),
            "digest": put_blob(server, repository, of).await,
        }],
    })
}

fn index(manifests: &[(&Value, Option<&str>)]) -> Value {
    let entry = |(manifest, os): &(&Value, Option<&str>)| {
        let bytes = manifest.to_string();
        let mut entry = json!({
            "mediaType": IMAGE, "size": bytes.len(),
            "digest": Digest::of(bytes.as_bytes()).to_string(),
        });
        if let Some(os) = os {
            let architecture = if os.starts_with("wasi") {
                "wasm"
            } else {
                "amd64"
            };
            entry["platform"] = json!({"architecture": architecture, "os": os});
        }
        entry
    };
    let manifests: Vec<Value> = manifests.iter().map(entry).collect();
    json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests})
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_connector_is_passed_over_and_an_index_is_followed() {
    let server = Server::start();
    let home = tempfile::tempdir().unwrap();
    let publisher = agent(&home.path().join("publisher"), &server.address());
    let registry = publisher.registry();
    registry
        .publish(&release("1.0.0", json_list()))
        .await
        .unwrap();

    let (ours, webapp) = ("connectors/json-list", "connectors/webapp");
    let tar = "application/vnd.oci.image.layer.v1.tar+gzip";
    let config = "application/vnd.oci.image.config.v1+json";
    let put = async |repository: &str, tag: &str, kind: &str, content: &Value| {
        put_manifest(&server, repository, tag, kind, content).await;
    };
    let by_digest = |content: &Value| Digest::of(content.to_string().as_bytes()).to_string();
    // Other products: an image of OCI, one of Docker, a chart, and a name with a folder.
    for (repository, tag) in [
        (webapp, "1.0.0"),
        (webapp, "latest"),
        ("connectors/team/app", "1.0.0"),
    ] {
        let image = manifest(&server, repository, config, tar, b"a layer").await;
        put(repository, tag, IMAGE, &image).await;
    }
    let docker = "application/vnd.docker.distribution.manifest.v2+json";
    let mut image = manifest(
        &server,
        webapp,
        "application/vnd.docker.container.image.v1+json",
        "application/vnd.docker.image.rootfs.diff.tar.gzip",
        b"a layer",
    )
    .await;
    image["mediaType"] = json!(docker);
    put(webapp, "2.0.0", docker, &image).await;
    let chart = manifest(
        &server,
        "connectors/chart",
        "application/vnd.cncf.helm.config.v1+json",
        "application/vnd.cncf.helm.chart.content.v1.tar+gzip",
        b"a chart",
    )
    .await;
    put("connectors/chart", "0.3.0", IMAGE, &chart).await;

    // Beside the connector's versions: an index of an image and a component, one that
    // says nothing, one of two components, one of images alone, and an image.
    let image = manifest(&server, ours, config, tar, b"a layer").await;
    put(ours, "9.0.0", IMAGE, &image).await;
    let second = manifest(
        &server,
        ours,
        "application/vnd.other+json",
        "application/wasm",
        &altered(2),
    )
    .await;
    let third = manifest(
        &server,
        ours,
        "application/vnd.other+json",
        "application/wasm",
        &altered(3),
    )
    .await;
    for content in [&image, &second, &third] {
        put(ours, &by_digest(content), IMAGE, content).await;
    }
    for (tag, manifests) in [
        (
            "2.0.0",
            &[(&image, Some("linux")), (&second, Some("wasip2"))][..],
        ),
        ("3.0.0", &[(&third, None)]),
        (
            "v4.0.0",
            &[(&second, Some("wasip1")), (&third, Some("wasip2"))],
        ),
        (
            "5.0.0",
            &[(&second, Some("wasip2")), (&third, Some("wasip2"))],
        ),
        ("6.0.0", &[(&image, Some("linux"))]),
        ("7.0.0", &[]),
    ] {
        put(ours, tag, INDEX, &index(manifests)).await;
    }
    put(ours, "v8.0.0-rc.1", IMAGE, &second).await;

    let listing = registry.list().await.unwrap();
    let listed: Vec<(String, Digest)> = listing
        .entries
        .iter()
        .map(|entry| (format!("{} {}", entry.name, entry.version), entry.digest))
        .collect();
    let of = |number: &str, bytes: &[u8]| (format!("json-list {number}"), Digest::of(bytes));
    assert_eq!(
        listed,
        [
            of("1.0.0", &json_list()),
            of("2.0.0", &altered(2)),
            of("3.0.0", &altered(3)),
            of("4.0.0", &altered(3)),
            of("8.0.0-rc.1", &altered(2)),
        ]
    );
    let others: Vec<&str> = listing
        .passed_over
        .iter()
        .map(|it| it.what.as_str())
        .collect();
    assert_eq!(
        others,
        [
            "connectors/team/app",
            "connectors/chart:0.3.0",
            "connectors/json-list:5.0.0",
            "connectors/json-list:6.0.0",
            "connectors/json-list:7.0.0",
            "connectors/json-list:9.0.0",
            "connectors/webapp:1.0.0",
            "connectors/webapp:2.0.0",
        ]
    );
    let line = PassedOver::line(&listing.passed_over).unwrap();
    assert!(
        line.contains("connectors/chart:0.3.0") && !line.contains('\n'),
        "{line}"
    );

    // Newest goes past what is none, and says so; exactly that is an error.
    let consumer = agent(&home.path().join("consumer"), &server.address());
    let downloaded = newest(&consumer).await.unwrap();
    assert_eq!(downloaded.entry.version, version("4.0.0"));
    assert_eq!(std::fs::read(&downloaded.pulled.path).unwrap(), altered(3));
    let beside: Vec<&str> = downloaded
        .beside
        .iter()
        .map(|it| it.what.as_str())
        .collect();
    assert_eq!(beside.len(), 4, "{beside:?}");
    for number in ["9.0.0", "5.0.0"] {
        let refused = consumer.download(&name(), &exactly(number)).await;
        assert_eq!(code(refused), "registry.not-a-connector", "{number}");
    }
    let webapp = "webapp".parse().unwrap();
    let nothing = consumer.download(&webapp, &Default::default()).await;
    assert_eq!(code(nothing), "registry.not-a-connector");
    // What was a connector when it was taken is not passed over as something else.
    put(ours, "v4.0.0", IMAGE, &image).await;
    assert_eq!(code(newest(&consumer).await), "registry.not-a-connector");
    // A version under a tag with a `v` is taken.
    let taken = registry.publish(&release("8.0.0-rc.1", altered(9))).await;
    assert_eq!(taken.unwrap_err().code(), "registry.version-taken");
}

/// A front before a registry that is open at `/v2/` and in parts, as zot's policy may
/// be: one repository is closed, and says how it wants to be asked.
#[derive(Clone, Default)]
struct Shared {
    behind: String,
    host: String,
    /// The headers with which the closed repository refuses.
    challenges: Vec<String>,
    /// What the pages of lists say of the next one.
    link: Option<fn(&str, &str) -> Vec<String>>,
    came: Arc<Mutex<Vec<String>>>,
}

impl Shared {
    async fn start(mut self, challenges: &[&str]) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        self.host = listener.local_addr().unwrap().to_string();
        let said = challenges.iter();
        self.challenges = said.map(|said| said.replace("HOST", &self.host)).collect();
        let router = Router::new().fallback(answer).with_state(self.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        self
    }

    fn agent(&self, home: &std::path::Path, credentials: Credentials) -> Agent {
        let address = format!("oci+http://{}/connectors", self.host);
        let mut settings = settings(home, &address);
        settings.oci.credentials = credentials;
        settings.oci.attempts = 1;
        Agent::with_settings(home, settings).unwrap()
    }
}

const BASIC: &str = "Basic realm=\"closed, or not\"";
const BEARER: &str = "Bearer realm=\"http://HOST/token\",service=\"test\"";
/// robot:pull-password-1234
const ROBOT: &str = "Basic cm9ib3Q6cHVsbC1wYXNzd29yZC0xMjM0";

async fn answer(State(front): State<Shared>, request: Request) -> Response {
    let path = request.uri().path_and_query().unwrap().to_string();
    let who = request.headers().get(header::AUTHORIZATION);
    let who = who.map_or("", |who| who.to_str().unwrap()).to_owned();
    front.came.lock().unwrap().push(format!("{path} {who}"));
    if path == "/v2/" {
        return StatusCode::OK.into_response();
    }
    if path.starts_with("/token") {
        let right = path.contains("json-list%3Apull") || path.contains("registry%3Acatalog");
        if who != ROBOT || !right {
            return StatusCode::UNAUTHORIZED.into_response();
        }
        // What stands beside the token may be odd.
        return "{\"token\": null, \"access_token\": \"robots\", \"expires_in\": \"?\"}"
            .into_response();
    }
    let offers = |scheme: &str| front.challenges.iter().any(|said| said.contains(scheme));
    let is_robot =
        (offers("Basic ") && who == ROBOT) || (offers("Bearer ") && who == "Bearer robots");
    let is_closed = path.contains("/json-list/") || path.contains("nobody");
    if !front.challenges.is_empty() && is_closed && !is_robot {
        let mut headers = HeaderMap::new();
        for challenge in &front.challenges {
            headers.append(header::WWW_AUTHENTICATE, challenge.parse().unwrap());
        }
        return (StatusCode::UNAUTHORIZED, headers).into_response();
    }
    if path.starts_with("/v2/_catalog") && !front.challenges.is_empty() {
        // Who says nothing sees less.
        let mut seen = vec!["connectors/open"];
        seen.extend(is_robot.then_some("connectors/json-list"));
        return axum::Json(json!({"repositories": seen})).into_response();
    }
    match front.link {
        Some(link) if path.contains("/tags/list") => page(&front, link, request).await,
        _ => hand_on(&front.behind, request).await,
    }
}

/// One tag of the list that is asked for.
async fn page(front: &Shared, link: fn(&str, &str) -> Vec<String>, request: Request) -> Response {
    let last = request
        .uri()
        .query()
        .and_then(|query| query.split_once("last="));
    let last = last.map(|(_, last)| last.to_owned());
    let path = request.uri().path().to_owned();
    let plain = Request::get(&path).body(axum::body::Body::empty()).unwrap();
    let whole = hand_on(&front.behind, plain).await.into_body();
    let whole = axum::body::to_bytes(whole, 1 << 20).await.unwrap();
    let mut list: Value = serde_json::from_slice(&whole).unwrap();
    let mut tags: Vec<String> = serde_json::from_value(list["tags"].take()).unwrap();
    tags.sort();
    let at = tags.iter().position(|tag| Some(tag) == last.as_ref());
    let at = at.map_or(0, |at| at + 1);
    list["tags"] = json!([tags[at]]);
    let mut headers = HeaderMap::new();
    if at + 1 < tags.len() {
        for said in link(&front.host, &format!("{path}?last={}", tags[at])) {
            headers.append(header::LINK, HeaderValue::from_str(&said).unwrap());
        }
    }
    (headers, axum::Json(list)).into_response()
}

fn robot() -> Credentials {
    Credentials::Basic("robot".to_owned(), PASSWORD.to_owned().into())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_answer_that_refuses_says_how_it_wants_to_be_asked() {
    let server = Server::start();
    let home = tempfile::tempdir().unwrap();
    let owner = agent(&home.path().join("owner"), &server.address());
    let mut open = release("0.1.0", json_list());
    open.name = "open".parse().unwrap();
    owner.registry().publish(&open).await.unwrap();
    let (both, turned) = (format!("{BASIC}, {BEARER}"), format!("{BEARER}, {BASIC}"));
    for (number, challenges) in [
        &[BASIC][..],
        &[BEARER],
        &[both.as_str()],
        &[turned.as_str()],
        &[BASIC, BEARER],
        &[BEARER, BASIC],
        &["Negotiate", BASIC],
    ]
    .into_iter()
    .enumerate()
    {
        let front = Shared {
            behind: server.host(),
            ..Shared::default()
        };
        let front = front.start(challenges).await;
        let home = |who: &str| home.path().join(format!("{who}-{number}"));
        let publisher = front.agent(&home("publisher"), robot());
        let (newer, bytes) = (format!("0.{}.0", number + 1), altered(number as u8));
        let released = publisher.registry().publish(&release(&newer, bytes)).await;
        released.unwrap_or_else(|error| panic!("{challenges:?}: {error}"));

        let consumer = front.agent(&home("consumer"), robot());
        let downloaded = newest(&consumer).await;
        let downloaded = downloaded.unwrap_or_else(|error| panic!("{challenges:?}: {error}"));
        assert_eq!(downloaded.entry.version, version(&newer), "{challenges:?}");
        let listing = front
            .agent(&home("lister"), robot())
            .registry()
            .list()
            .await
            .unwrap();
        assert_eq!(
            listing.entries.len(),
            number + 2,
            "{challenges:?}: {listing:?}"
        );
        // The password goes to the token server alone where there is one.
        let has_tokens = challenges.iter().any(|said| said.contains("Bearer"));
        for came in front.came.lock().unwrap().iter() {
            let is_told = came.contains(ROBOT) && !came.starts_with("/token");
            assert!(!(is_told && has_tokens), "{challenges:?}: {came}");
        }

        let nobody = front.agent(&home("nobody"), Credentials::Anonymous);
        assert_eq!(code(newest(&nobody).await), "registry.credentials");
        let listing = nobody.registry().list().await.unwrap();
        assert_eq!(listing.entries.len(), 1, "{challenges:?}: {listing:?}");
    }
    // A scheme that is not spoken is named.
    let front = Shared {
        behind: server.host(),
        ..Shared::default()
    };
    let front = front.start(&["Negotiate"]).await;
    let error = newest(&front.agent(&home.path().join("n"), robot()))
        .await
        .unwrap_err();
    assert!(error.to_string().contains("Negotiate"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repository_of_others_that_is_closed_does_not_hide_the_open_ones() {
    let server = Server::start();
    let home = tempfile::tempdir().unwrap();
    let owner = agent(&home.path().join("owner"), &server.address());
    owner
        .registry()
        .publish(&release("0.1.0", json_list()))
        .await
        .unwrap();
    let refused = [
        ("other", StatusCode::FORBIDDEN),
        ("json-list", StatusCode::UNAUTHORIZED),
    ];
    for (closed, status) in refused {
        let (behind, name) = (server.host(), format!("/{closed}/"));
        let router = Router::new().fallback(async move |request: Request| {
            let path = request.uri().path();
            if path == "/v2/_catalog" {
                let names = json!(["connectors/json-list", "connectors/other"]);
                return axum::Json(json!({"repositories": names})).into_response();
            }
            if path.contains(&name) {
                return status.into_response();
            }
            hand_on(&behind, request).await
        });
        let address = format!(
            "oci+http://{}/connectors",
            crate::support::serve(router).await
        );
        let listing = agent(&home.path().join(closed), &address)
            .registry()
            .list()
            .await
            .unwrap();
        let others: Vec<_> = listing
            .passed_over
            .iter()
            .map(|it| it.what.clone())
            .collect();
        assert_eq!(others, [format!("connectors/{closed}")]);
        assert_eq!(listing.entries.len(), usize::from(closed == "other"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_goes_on_however_its_pages_say_so() {
    let server = Server::start();
    let home = tempfile::tempdir().unwrap();
    let owner = agent(&home.path().join("owner"), &server.address());
    for (number, mark) in [("0.1.0", 1), ("0.2.0", 2), ("0.3.0", 3)] {
        owner
            .registry()
            .publish(&release(number, altered(mark)))
            .await
            .unwrap();
    }
    let versions = async |link: fn(&str, &str) -> Vec<String>| {
        let front = Shared {
            behind: server.host(),
            link: Some(link),
            ..Shared::default()
        };
        let front = front.start(&[]).await;
        let consumer = front.agent(&home.path().join("consumer"), Credentials::Anonymous);
        let versions = consumer.registry().versions(&name()).await;
        (versions, front.came.lock().unwrap().len())
    };
    let forms: [fn(&str, &str) -> Vec<String>; 7] = [
        |_, next| vec![format!("<{next}>; rel=\"next\"")],
        |_, next| vec![format!("<{next}>; rel=next")],
        |_, next| {
            vec![format!(
                "<{}>;REL = \"prev Next\"",
                next.split_once("/v2/connectors/json-list/tags/").unwrap().1
            )]
        },
        |_, next| {
            vec![format!(
                "<?{}>; title=\"a, <b>; rel=prev\"; rel=next",
                next.split_once('?').unwrap().1
            )]
        },
        |host, next| vec![format!("<https://{host}{next}>; rel=next; x")],
        |_, next| vec![format!("<{next}1>; rel=first, <{next}>; rel=next")],
        |_, next| {
            vec![
                "</v2/>; rel=start".to_owned(),
                format!("<{next}>; rel=next"),
            ]
        },
    ];
    for link in forms {
        let (versions, asked) = versions(link).await;
        let all = ["0.1.0", "0.2.0", "0.3.0"].map(version);
        assert_eq!(
            (versions.unwrap(), asked),
            (all.to_vec(), 3),
            "{:?}",
            link("HOST", "/v2/connectors/json-list/tags/list?last=x")
        );
    }
    // A circle ends, and says what it had; another place is not asked.
    let (round, asked) = versions(|_, next| {
        let (path, _) = next.split_once('?').unwrap();
        vec![format!("<{path}>; rel=next")]
    })
    .await;
    assert_eq!((round.unwrap(), asked), (vec![version("0.1.0")], 1));
    let (elsewhere, _) =
        versions(|_, next| vec![format!("<http://127.0.0.1:9{next}>; rel=next")]).await;
    let error = elsewhere.unwrap_err();
    assert_eq!(error.code(), "registry.unexpected-answer");
    assert!(error.to_string().contains("127.0.0.1"), "{error}");
}
