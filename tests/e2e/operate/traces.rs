//! One trace a run, at a collector; and logs that say what they belong to.

use super::{Place, requests, text, with_tls};
use crate::support::{CLIENT_SECRET, sandbox, serve};
use axum::body::Bytes;
use axum::routing::post;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use serde_json::Value;
use std::sync::{Arc, Mutex};

/// A collector that keeps the spans it is sent.
pub(super) async fn collector() -> (String, Arc<Mutex<Vec<Span>>>) {
    let spans: Arc<Mutex<Vec<Span>>> = Arc::default();
    let kept = Arc::clone(&spans);
    let router = axum::Router::new().route(
        "/v1/traces",
        post(move |body: Bytes| async move {
            let request = ExportTraceServiceRequest::decode(body).unwrap();
            let mut kept = kept.lock().unwrap();
            for resource in request.resource_spans {
                for scope in resource.scope_spans {
                    kept.extend(scope.spans);
                }
            }
        }),
    );
    let url = format!("http://{}", serve(router).await);
    (url, spans)
}

pub(super) fn attribute(span: &Span, name: &str) -> Option<String> {
    let found = span.attributes.iter().find(|a| a.key == name)?;
    match found.value.as_ref()?.value.as_ref()? {
        Any::StringValue(text) => Some(text.clone()),
        Any::IntValue(number) => Some(number.to_string()),
        other => Some(format!("{other:?}")),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_one_trace_down_to_each_request() {
    with_tls();
    let sandbox = sandbox(&[("suppliers", 120)]);
    let (url, spans) = collector().await;
    let place = Place::new(&[&sandbox]);
    place.export(&["-o", "filter=status=active"]);
    let asked_before = requests(&sandbox);
    let output = place
        .command(&[
            "operation",
            "run",
            "Export",
            "--otlp",
            &url,
            "-vv",
            "--log-format",
            "json",
        ])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    let asked = requests(&sandbox) - asked_before;

    let spans = spans.lock().unwrap();
    let named = |name: &str| -> Vec<&Span> { spans.iter().filter(|s| s.name == name).collect() };
    let [run] = named("run")[..] else {
        panic!("{:?}", spans.iter().map(|s| &s.name).collect::<Vec<_>>());
    };
    assert_eq!(attribute(run, "operation").as_deref(), Some("Export"));
    assert!(spans.iter().all(|span| span.trace_id == run.trace_id));
    let [query] = named("query")[..] else {
        panic!("not one call");
    };
    assert_eq!(query.parent_span_id, run.span_id);
    assert_eq!(attribute(query, "object").as_deref(), Some("suppliers"));
    assert!(attribute(query, "digest").unwrap().starts_with("sha256:"));
    let sent: Vec<&Span> = spans
        .iter()
        .filter(|span| attribute(span, "url.path").is_some())
        .collect();
    assert_eq!(sent.len(), asked);
    for request in sent {
        assert_eq!(request.parent_span_id, query.span_id);
        assert_eq!(
            attribute(request, "http.response.status_code").as_deref(),
            Some("200")
        );
        // What is asked for is nobody's business.
        assert!(!attribute(request, "url.path").unwrap().contains('?'));
    }
    let everything = format!("{spans:?}");
    assert!(!everything.contains(CLIENT_SECRET) && !everything.contains("status=active"));

    // The log's lines are JSON and say which run and which connection they are of.
    let log = text(&output.stderr);
    assert!(!log.contains(CLIENT_SECRET));
    let lines = log
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|line| line["message"] == "request")
        .collect::<Vec<_>>();
    assert_eq!(lines.len(), asked, "{log}");
    for line in lines {
        let spans = line["spans"].as_array().unwrap();
        assert_eq!(spans[0]["name"], "run", "{line}");
        assert_eq!(spans[0]["operation"], "Export", "{line}");
        assert_eq!(spans[1]["connection"], "Coupa 1", "{line}");
        assert!(line["timestamp"].is_string(), "{line}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_is_gone_costs_the_run_nothing() {
    let sandbox = sandbox(&[("suppliers", 20)]);
    let place = Place::new(&[&sandbox]);
    place.export(&[]);
    let ended = place.must(&[
        "operation",
        "run",
        "Export",
        "--json",
        "--otlp",
        "http://127.0.0.1:9",
    ]);
    let ended: Value = serde_json::from_str(&ended).unwrap();
    assert_eq!(ended["counts"]["written"], 20);
}
