//! A Coupa that keeps nothing: it makes up each page as it is asked for, so that a
//! collection can be far larger than the sandbox would hold.

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, RawQuery};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use serde_json::{Map, Value};
use std::sync::Arc;

/// Coupa's greatest page.
const PAGE: u64 = 50;

/// What there is.
#[derive(Debug, Clone, Copy)]
pub struct Collection {
    /// Records, with the ids 1, 2, ….
    pub records: u64,
    /// Order lines of each.
    pub lines: u64,
}

/// So many lines of an order, as JSON.
pub fn lines(count: u64) -> String {
    let lines = (1..=count).map(|n| {
        format!(
            r#"{{"line-num":{n},"description":"Line {n}, as long as such lines commonly are","quantity":"12.0","price":"7.50","uom":{{"code":"EA"}},"account":{{"code":"SF-Marketing-Indirect"}}}}"#
        )
    });
    format!("[{}]", lines.collect::<Vec<_>>().join(","))
}

/// Serves it as suppliers and as purchase orders, and takes orders; answers its URL.
/// It ends with the test's runtime.
pub async fn serve(collection: Collection) -> String {
    let lines: Arc<str> = lines(collection.lines).into();
    let list = get(move |query: RawQuery| {
        let lines = Arc::clone(&lines);
        async move { page(collection, &lines, query.0.as_deref().unwrap_or_default()) }
    });
    let router = Router::new()
        .route("/oauth2/token", post(token))
        .route("/api/suppliers", list.clone())
        .route("/api/purchase_orders", list.post(take))
        .route("/api/purchase_orders/{id}", put(take))
        .layer(DefaultBodyLimit::disable());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

async fn token() -> Response {
    json(r#"{"access_token":"of-no-worth","token_type":"bearer","expires_in":86399}"#.to_owned())
}

/// Answers an order as it came, with an id, as Coupa does.
async fn take(body: Bytes) -> Response {
    let Ok(mut order) = serde_json::from_slice::<Map<String, Value>>(&body) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    order.insert("id".to_owned(), 7.into());
    json(Value::Object(order).to_string())
}

fn page(collection: Collection, lines: &str, query: &str) -> Response {
    let number = |name: &str| {
        let mut parts = query.split('&').filter_map(|part| part.split_once('='));
        let value = parts.find(|(found, _)| *found == name)?.1;
        value.parse::<u64>().ok()
    };
    let after = number("id%5Bgt%5D").unwrap_or(0);
    let size = number("limit").unwrap_or(PAGE).min(PAGE);
    let last = collection.records.min(after + size);
    let records = (after + 1..=last).map(|id| {
        format!(
            r#"{{"id":{id},"updated-at":"2025-01-02T16:40:00-08:00","name":"Record {id}","number":"N-{id}","status":"active","order-lines":{lines}}}"#
        )
    });
    json(format!("[{}]", records.collect::<Vec<_>>().join(",")))
}

fn json(text: String) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], text).into_response()
}
