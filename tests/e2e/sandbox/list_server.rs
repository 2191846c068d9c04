//! A server of lists of JSON, for the connector `json-list`.

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::routing::get;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};

type List = Arc<Mutex<Vec<Value>>>;

/// A server of one list, `people`, of so many records; answers its URL and the list.
pub async fn start(records: usize) -> (String, List) {
    async fn page(
        State(list): State<List>,
        Path(name): Path<String>,
        Query(query): Query<HashMap<String, usize>>,
    ) -> Result<String, StatusCode> {
        if name != "people" {
            return Err(StatusCode::NOT_FOUND);
        }
        let (offset, limit) = (query.get("offset"), query.get("limit"));
        let (Some(&offset), Some(&limit)) = (offset, limit) else {
            return Err(StatusCode::BAD_REQUEST);
        };
        let list = list.lock().unwrap();
        let page: Vec<&Value> = list.iter().skip(offset).take(limit).collect();
        Ok(json!(page).to_string())
    }
    async fn add(
        State(list): State<List>,
        Path(name): Path<String>,
        body: String,
    ) -> Result<String, StatusCode> {
        if name != "people" {
            return Err(StatusCode::NOT_FOUND);
        }
        let record: Value = serde_json::from_str(&body).map_err(|_| StatusCode::BAD_REQUEST)?;
        if !record["id"].is_u64() {
            return Err(StatusCode::UNPROCESSABLE_ENTITY);
        }
        list.lock().unwrap().push(record);
        Ok(body)
    }
    let filling = "x".repeat(200);
    let list = (0..records)
        .map(|id| json!({ "id": id, "filling": filling }))
        .collect();
    let list: List = Arc::new(Mutex::new(list));
    let router = axum::Router::new()
        .route("/", get(async || json!(["people"]).to_string()))
        .route("/{name}", get(page).post(add))
        .with_state(Arc::clone(&list));
    let url = format!("http://{}", crate::support::serve(router).await);
    (url, list)
}
