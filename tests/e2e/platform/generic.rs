//! Another connector, of which the host knows nothing: its form, its rule for
//! re-authentication, its activities, on every door.

use super::{DEVELOPMENT, PROJECT, Place, code, draft, settings};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use host_harness::records::Format;
use host_harness::workspace::{
    ActivityDraft, Connection, ConnectionDraft, Endpoint, OperationDraft, Policies, RunState,
};
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};

const TOKEN: &str = "token-of-the-list-server-1234";

type Lists = Arc<Mutex<BTreeMap<String, Vec<Value>>>>;

fn known(headers: &HeaderMap) -> Result<(), StatusCode> {
    let sent = headers
        .get("authorization")
        .and_then(|value| value.to_str().ok());
    if sent == Some(&format!("Bearer {TOKEN}")) {
        Ok(())
    } else {
        Err(StatusCode::UNAUTHORIZED)
    }
}

/// A server of lists, and where it is.
async fn server(lists: &Lists) -> String {
    async fn names(State(lists): State<Lists>, headers: HeaderMap) -> Result<String, StatusCode> {
        known(&headers)?;
        let names: Vec<String> = lists.lock().unwrap().keys().cloned().collect();
        Ok(json!(names).to_string())
    }
    async fn page(
        State(lists): State<Lists>,
        Path(name): Path<String>,
        Query(query): Query<HashMap<String, usize>>,
        headers: HeaderMap,
    ) -> Result<String, StatusCode> {
        known(&headers)?;
        let lists = lists.lock().unwrap();
        let list = lists.get(&name).ok_or(StatusCode::NOT_FOUND)?;
        let page: Vec<&Value> = list
            .iter()
            .skip(query["offset"])
            .take(query["limit"])
            .collect();
        Ok(json!(page).to_string())
    }
    async fn add(
        State(lists): State<Lists>,
        Path(name): Path<String>,
        headers: HeaderMap,
        body: String,
    ) -> Result<String, StatusCode> {
        known(&headers)?;
        let record: Value = serde_json::from_str(&body).map_err(|_| StatusCode::BAD_REQUEST)?;
        if record["name"].as_str().is_none_or(str::is_empty) {
            return Err(StatusCode::UNPROCESSABLE_ENTITY);
        }
        lists.lock().unwrap().entry(name).or_default().push(record);
        Ok(body)
    }
    let router = axum::Router::new()
        .route("/", axum::routing::get(names))
        .route("/{name}", axum::routing::get(page).post(add))
        .with_state(Arc::clone(lists));
    let url = format!("http://{}", crate::support::serve(router).await);
    url
}

fn connection(url: &str, token: &str) -> ConnectionDraft {
    ConnectionDraft {
        connector: "json-list".to_owned(),
        ..draft("Lists", &[("url", url)], &[("token", token)])
    }
}

async fn run(
    place: &Place,
    name: &str,
    source: Endpoint,
    target: Endpoint,
) -> host_harness::workspace::Run {
    let draft = OperationDraft {
        name: name.to_owned(),
        source: Some(source),
        target: Some(target),
        ..OperationDraft::default()
    };
    let operation = place.workspace.create_operation(PROJECT, &draft).unwrap();
    let run = place
        .workspace
        .start_run(operation.id, DEVELOPMENT)
        .await
        .unwrap();
    place.workspace.wait_for_run(run).await.unwrap()
}

async fn activity(place: &Place, connection: &Connection, activity: &str) -> Endpoint {
    let draft = ActivityDraft {
        name: activity.to_owned(),
        activity: activity.to_owned(),
        object: "people".to_owned(),
        options: settings(&[]),
    };
    let made = place
        .workspace
        .create_activity(connection.id, draft)
        .await
        .unwrap();
    Endpoint::Activity { activity: made.id }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_connector_appears_without_a_line_changed_in_the_host() {
    let place = Place::new().await;
    let workspace = &place.workspace;
    let component = crate::support::component().with_file_name("json-list.wasm");
    workspace
        .publish(std::fs::read(component).unwrap())
        .await
        .unwrap();
    let names: Vec<String> = workspace
        .connectors()
        .await
        .unwrap()
        .into_iter()
        .map(|c| c.name)
        .collect();
    assert_eq!(names, ["coupa", "json-list"]);
    let form = workspace.form("json-list", "newest").await.unwrap();
    let titles: Vec<&str> = form
        .properties
        .iter()
        .map(|property| property.title.as_str())
        .collect();
    assert_eq!(titles, ["Server", "Access Token"]);

    let people = (1..=120)
        .map(|id| json!({ "id": id, "name": format!("Person {id}") }))
        .collect();
    let lists: Lists = Arc::new(Mutex::new(BTreeMap::from([("people".to_owned(), people)])));
    let url = server(&lists).await;
    let wrong = connection(&url, "another-token-1234");
    let report = workspace
        .test_connection(PROJECT, DEVELOPMENT, None, &wrong)
        .await
        .unwrap();
    assert!(!report.passed && report.agents[0].checks[0].code.as_deref() == Some("answer.refused"));
    let saved = workspace
        .create_connection(PROJECT, connection(&url, TOKEN))
        .await
        .unwrap();
    let report = workspace
        .test_connection(
            PROJECT,
            DEVELOPMENT,
            Some(saved.id),
            &ConnectionDraft {
                secrets: BTreeMap::new(),
                ..connection(&url, "")
            },
        )
        .await
        .unwrap();
    assert!(report.passed, "{report:?}");
    let objects = workspace
        .objects(saved.id, DEVELOPMENT, Some("peo".to_owned()))
        .await
        .unwrap();
    assert_eq!(objects[0].name, "people");

    // Its own rule.
    place.policies(Policies {
        reauthentication_on_change: true,
        ..Policies::default()
    });
    let elsewhere = ConnectionDraft {
        secrets: BTreeMap::new(),
        ..connection("https://elsewhere.example.com", "")
    };
    assert_eq!(
        code(
            workspace
                .update_connection(saved.id, saved.revision, elsewhere)
                .await
        ),
        "reauthenticate"
    );

    // Its own activities.
    let list = activity(&place, &saved, "list").await;
    let add = activity(&place, &saved, "add").await;
    let file = |path: &str| Endpoint::File {
        path: path.to_owned(),
        format: Format::Ndjson,
    };
    let read = run(&place, "Read", list, file("people.ndjson")).await;
    assert_eq!(
        (read.state, read.counts.written),
        (RunState::Success, 120),
        "{read:?}"
    );
    workspace
        .put_file("new.ndjson", &b"{\"name\":\"New\"}\n{\"name\":\"\"}\n"[..])
        .unwrap();
    let written = run(&place, "Write", file("new.ndjson"), add).await;
    assert_eq!(
        (written.counts.written, written.counts.rejected),
        (1, 1),
        "{written:?}"
    );
    assert_eq!(lists.lock().unwrap()["people"].len(), 121);

    // And on the screen.
    let browser = crate::screen::open(&place).await;
    browser.goto("#/connection/new/json-list").await;
    browser.see("form", "Access Token").await;
    browser.goto("#/operations").await;
    browser.see("aside", "List").await;
    browser.close().await;
}
