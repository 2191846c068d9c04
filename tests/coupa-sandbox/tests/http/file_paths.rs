//! Paths of which the body or the answer is a file, used as the release allows.

use serde_json::{Value, json};

use crate::files::{form, send_form};
use crate::support::{Api, errors, read};

/// The last words of such paths, beside those of attachments.
const LAST_WORDS: [&str; 12] = [
    "image",
    "{style})",
    "avatar",
    "retrieve_avatar",
    "download",
    "image_scan",
    "retrieve_image_scan",
    "retrieve_legal_invoice_pdf",
    "retrieve_clearance_document",
    "legal_agreement",
    "retrieve_legal_agreement",
    "update_legal_agreement_published",
];

/// Whether a use of a path is about a file alone.
pub fn is_meant(template: &str, verb: &str) -> bool {
    let last = template.rsplit('/').next().unwrap_or_default();
    LAST_WORDS.contains(&last) || verb == "GET" && template.ends_with("attachments/{id}")
}

/// Uses a path without a file and with one. Gives the first answer's status.
pub async fn walk(api: &Api, template: &str, verb: &str, path: &str) -> u16 {
    match verb {
        "GET" => get(api, template, path).await,
        "DELETE" => delete(api, path).await,
        _ => send(api, verb, path).await,
    }
}

/// What is put somewhere is what it answers; nothing else ever is.
async fn get(api: &Api, template: &str, path: &str) -> u16 {
    let whole = path.strip_suffix("/thumb").unwrap_or(path);
    let before = match api.sandbox.file(whole) {
        Some(_) => 200,
        None if template.ends_with("attachments/{id}") => 400,
        None => 404,
    };
    let url = format!("/api/{path}");
    let first = read(api.request("GET", &url)).await.status;
    assert_eq!(first, before, "{path}");
    let file = json!({"path": whole, "size": 1_000, "content_type": "image/png"});
    let placed = api.sandbox.add_file(&serde_json::from_value(file).unwrap());
    placed.unwrap_or_else(|| panic!("{whole} takes no file"));
    let answer = api.request("GET", &url).send().await.unwrap();
    assert_eq!(answer.status(), 200, "{path}");
    assert_eq!(answer.headers()["content-type"], "image/png", "{path}");
    assert_eq!(answer.bytes().await.unwrap().len(), 1_000, "{path}");
    first
}

/// What is sent is what the path for it then answers.
async fn send(api: &Api, verb: &str, path: &str) -> u16 {
    let url = format!("/api/{path}");
    let (record, name) = url.rsplit_once('/').unwrap();
    if name == "update_legal_agreement_published" {
        let published = api.put(record, json!({"status": "published"})).await;
        assert_eq!(published.status, 200, "{path}: {}", published.text);
    }
    let without = api.send(verb, &url, &json!({})).await;
    let envelope = without.json()["errors"].clone();
    let owner = envelope.as_object().and_then(|e| e.keys().next().cloned());
    let reasons = errors(&without, &owner.unwrap_or_default());
    assert_eq!(reasons, ["File can't be blank"], "{path}");

    let content = format!("{verb} {path}");
    let body = form(&[], Some(("file", "a.pdf", content.as_bytes())));
    let sent = send_form(api, verb, &url, body).await;
    assert_eq!(sent.status, 200, "{path}: {}", sent.text);
    assert!(matches!(sent.json()["id"], Value::Number(_)), "{path}");
    let role = name.trim_start_matches("update_");
    let role = role.trim_end_matches("_published");
    let answered = api.get(&format!("{record}/retrieve_{role}")).await;
    assert_eq!((answered.status, &answered.text), (200, &content), "{path}");
    without.status
}

/// A file goes once.
async fn delete(api: &Api, path: &str) -> u16 {
    assert!(api.sandbox.file(path).is_some(), "{path}");
    let url = format!("/api/{path}");
    let first = read(api.request("DELETE", &url)).await.status;
    let then = read(api.request("DELETE", &url)).await.status;
    assert_eq!((first, then), (200, 404), "{path}");
    assert_eq!(api.get(&url).await.status, 404, "{path}");
    first
}
