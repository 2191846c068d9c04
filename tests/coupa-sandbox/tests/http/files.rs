//! Files, both ways.

use coupa_sandbox::{Fault, SeededFile};
use serde_json::{Value, json};

use crate::support::{Api, Reply, errors, read, start, start_on, start_with};

const PDF: &[u8] = b"%PDF-1.4\n\xFF\x00\r\n--BOUNDARY\r\nnot the end";

/// A form of texts and one file.
fn form(texts: &[(&str, &str)], file: Option<(&str, &str, &[u8])>) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, text) in texts {
        let head = format!("--X7\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n");
        body.extend_from_slice(format!("{head}{text}\r\n").as_bytes());
    }
    if let Some((part, name, bytes)) = file {
        body.extend_from_slice(
            format!(
                "--X7\r\nContent-Disposition: form-data; name=\"{part}\"; filename=\"{name}\"\r\n\
                 Content-Type: application/pdf\r\n\r\n"
            )
            .as_bytes(),
        );
        body.extend_from_slice(bytes);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"--X7--\r\n");
    body
}

async fn send_form(api: &Api, method: &str, path: &str, body: Vec<u8>) -> Reply {
    let request = api
        .request(method, path)
        .header("Content-Type", "multipart/form-data; boundary=X7");
    read(request.body(body)).await
}

async fn bytes(api: &Api, path: &str) -> (Vec<u8>, String, String) {
    let response = api.request("GET", path).send().await.unwrap();
    assert_eq!(response.status(), 200);
    let header = |name: &str| {
        let value = response.headers().get(name);
        value.unwrap().to_str().unwrap().to_owned()
    };
    let (kind, disposition) = (header("content-type"), header("content-disposition"));
    (response.bytes().await.unwrap().to_vec(), kind, disposition)
}

#[tokio::test]
async fn a_file_comes_back_as_it_went() {
    let api = start_with(&[("invoices", 1)]);
    let body = form(
        &[
            ("attachment[type]", "file"),
            ("attachment[intent]", "Internal"),
        ],
        Some(("attachment[file]", "scan 1.pdf", PDF)),
    );
    let created = send_form(&api, "POST", "/api/invoices/1/attachments", body).await;
    assert_eq!(created.status, 201, "{}", created.text);
    let attachment = created.json();
    let mut names: Vec<&String> = attachment.as_object().unwrap().keys().collect();
    names.sort();
    assert_eq!(
        names,
        ["created-at", "file", "id", "intent", "type", "updated-at"]
    );
    assert_eq!(attachment["type"], "AttachmentFile");
    let file = attachment["file"].as_str().unwrap();
    assert!(
        file.starts_with("127.0.0.1:") && file.ends_with("/scan 1.pdf"),
        "{file}"
    );

    let path = format!("/api/invoices/1/attachments/{}", attachment["id"]);
    let (whole, kind, disposition) = bytes(&api, &path).await;
    assert_eq!((whole.as_slice(), kind.as_str()), (PDF, "application/pdf"));
    assert_eq!(disposition, "attachment; filename=\"scan 1.pdf\"");

    let listed = api.get("/api/invoices/1/attachments").await.json();
    assert_eq!(listed, json!([attachment]));
    let invoice = api.get("/api/invoices/1").await.json();
    assert_eq!(invoice["attachments"], json!([attachment]));
    let elsewhere = format!("/api/invoices/2/attachments/{}", attachment["id"]);
    assert_eq!(api.get(&elsewhere).await.status, 404);

    assert_eq!(read(api.request("DELETE", &path)).await.status, 200);
    assert_eq!(api.get(&path).await.status, 404);
    assert_eq!(
        api.get("/api/invoices/1").await.json()["attachments"],
        json!([])
    );
}

#[tokio::test]
async fn links_and_texts_are_no_files() {
    let api = start_with(&[("purchase_orders", 1)]);
    let path = "/api/purchase_orders/1/attachments";
    let text = json!({"type": "text", "text": "Ring twice", "intent": "Supplier"});
    let text = api.post(path, text).await;
    assert_eq!(
        (text.status, &text.json()["text"]),
        (201, &json!("Ring twice"))
    );
    let link = form(
        &[
            ("attachment[type]", "url"),
            ("attachment[url]", "https://example.com/a"),
        ],
        None,
    );
    let link = send_form(&api, "POST", path, link).await.json();
    assert_eq!(link["file-url"], "https://example.com/a");
    assert_eq!(link["type"], "AttachmentUrl");
    let shown = api.get(&format!("{path}/{}", link["id"])).await;
    assert_eq!(
        errors(&shown, "attachment"),
        ["Attachment does not have a file attached"]
    );
    let order = api.get("/api/purchase_orders/1").await.json();
    assert_eq!(order["attachments"].as_array().unwrap().len(), 2);

    for (sent, why) in [
        (json!({"type": "text"}), "text can't be blank"),
        (json!({"type": "file"}), "File can't be blank"),
        (
            json!({"type": "tape", "text": "x"}),
            "Attachment type must be one of file, url, text.",
        ),
    ] {
        assert_eq!(errors(&api.post(path, sent).await, "attachment"), [why]);
    }
    let broken = b"--X7\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nno end".to_vec();
    assert_eq!(send_form(&api, "POST", path, broken).await.status, 400);
    assert_eq!(
        api.post("/api/purchase_orders/99/attachments", json!({"text": "x"}))
            .await
            .status,
        404
    );
}

#[tokio::test]
async fn lines_of_an_order_show_their_attachments() {
    let api = start_with(&[("purchase_orders", 1)]);
    let order = api.get("/api/purchase_orders/1").await.json();
    let line = &order["order-lines"][0]["id"];
    let path = format!("/api/purchase_order_lines/{line}/attachments");
    let created = api
        .post(&path, json!({"type": "text", "text": "Fragile"}))
        .await;
    assert_eq!(created.status, 201, "{}", created.text);
    let order = api.get("/api/purchase_orders/1").await.json();
    assert_eq!(order["order-lines"][0]["attachments"][0]["text"], "Fragile");
}

#[tokio::test]
async fn an_invoice_has_a_scan() {
    let api = start_with(&[("invoices", 1)]);
    let scan = "/api/invoices/1/retrieve_image_scan";
    assert_eq!(api.get(scan).await.status, 404);
    let body = form(&[], Some(("file", "scan.pdf", PDF)));
    let invoice = send_form(&api, "PUT", "/api/invoices/1/image_scan", body).await;
    assert_eq!(invoice.status, 200, "{}", invoice.text);
    let invoice = invoice.json();
    assert_eq!(invoice["image-scan-file-name"], "scan.pdf");
    assert_eq!(invoice["image-scan-content-type"], "application/pdf");
    assert_eq!(invoice["image-scan-file-size"], PDF.len().to_string());
    for name in ["image-scan", "image-scan-url"] {
        let path = invoice[name].as_str().unwrap();
        assert!(path.ends_with("/scan.pdf"), "{name}: {path}");
    }
    assert_eq!(bytes(&api, scan).await.0, PDF);
    let again = form(&[], Some(("file", "other.pdf", b"second")));
    send_form(&api, "PUT", "/api/invoices/1/image_scan", again).await;
    assert_eq!(bytes(&api, scan).await.0, b"second");
    let other_part = form(&[], Some(("scan", "a.pdf", PDF)));
    let refused = send_form(&api, "PUT", "/api/invoices/1/image_scan", other_part).await;
    assert_eq!(errors(&refused, "invoice_header"), ["File can't be blank"]);
}

#[tokio::test]
async fn records_answer_their_files() {
    let api = start_with(&[
        ("invoices", 1),
        ("contracts", 1),
        ("expense_reports", 1),
        ("items", 1),
    ]);
    for path in [
        "invoices/1/retrieve_legal_invoice_pdf",
        "invoices/1/retrieve_clearance_document",
        "contracts/1/retrieve_legal_agreement",
        "expense_reports/1/download",
        "items/1/image",
        "users/2/retrieve_avatar",
        "users/2/avatar",
    ] {
        let url = format!("/api/{path}");
        if path != "users/2/avatar" {
            assert_eq!(api.get(&url).await.status, 404, "{path}");
        }
        let seeded: SeededFile =
            serde_json::from_value(json!({"path": path, "size": 70_000, "name": "a.pdf"})).unwrap();
        let placed = api.sandbox.add_file(&seeded).unwrap();
        let (whole, kind, _) = bytes(&api, &url).await;
        assert_eq!((whole.len(), kind.as_str()), (70_000, "application/pdf"));
        assert_eq!(placed.path, path);
        assert_eq!(api.sandbox.file(path).unwrap(), placed.file);
    }
    let picture = form(&[], Some(("file", "me.png", b"png")));
    let set = send_form(&api, "PUT", "/api/users/2/avatar", picture).await;
    assert_eq!(set.status, 200, "{}", set.text);
    assert_eq!(bytes(&api, "/api/users/2/retrieve_avatar").await.0, b"png");
    assert_eq!(
        read(api.request("DELETE", "/api/users/2/avatar"))
            .await
            .status,
        200
    );
    assert_eq!(api.get("/api/users/2/avatar").await.status, 404);
}

#[tokio::test]
async fn another_process_can_make_files() {
    let api = start_with(&[("invoices", 1)]);
    let post = |body: Value| {
        let request = api.http.post(api.url("/sandbox/files"));
        read(request.body(body.to_string()))
    };
    let made = post(json!({"path": "invoices/1/attachments", "size": 100, "seed": 5})).await;
    assert_eq!(made.status, 200, "{}", made.text);
    let path = made.json()["path"].as_str().unwrap().to_owned();
    assert_eq!(bytes(&api, &format!("/api/{path}")).await.0.len(), 100);
    let found = api
        .http
        .get(api.url(&format!("/sandbox/files?path={path}")));
    assert_eq!(read(found).await.json()["sha256"], made.json()["sha256"]);
    for (body, status) in [
        (json!({"path": "invoices/9/attachments", "size": 1}), 404),
        (json!({"path": "suppliers/1", "size": 1}), 404),
        (json!({"path": "invoices/1/attachments"}), 400),
    ] {
        assert_eq!(post(body).await.status, status);
    }
}

#[tokio::test]
async fn an_upload_that_breaks_off_makes_nothing() {
    let api = start();
    let pieces = futures::stream::iter([
        Ok(b"--X7\r\nContent-Disposition: form-data; name=\"attachment[file]\"; filename=\"a\"\r\n\r\nabc".to_vec()),
        Err(std::io::Error::other("gone")),
    ]);
    let request = api
        .request("POST", "/api/attachments")
        .header("Content-Type", "multipart/form-data; boundary=X7");
    let sent = request
        .body(reqwest::Body::wrap_stream(pieces))
        .send()
        .await;
    assert!(sent.is_err());
    assert_eq!(api.sandbox.count("attachments"), 0);
}

#[tokio::test]
async fn downloads_meet_faults_too() {
    let api = start_with(&[("invoices", 1)]);
    let path = "invoices/1/retrieve_image_scan";
    let seeded = json!({"path": path, "size": 200_000});
    let seeded: SeededFile = serde_json::from_value(seeded).unwrap();
    api.sandbox.add_file(&seeded).unwrap();
    let url = format!("/api/{path}");
    let whole = bytes(&api, &url).await.0;

    api.sandbox.fail_next(Fault::HalfBody);
    assert_eq!(bytes(&api, &url).await.0, whole[..100_000]);
    api.sandbox.fail_next(Fault::SlowBody {
        bytes: 50_000,
        milliseconds: 5,
    });
    assert_eq!(bytes(&api, &url).await.0, whole);
    api.sandbox.fail_next(Fault::Truncated);
    let cut = api.request("GET", &url).send().await.unwrap();
    assert_eq!(cut.content_length(), Some(200_000));
    assert!(cut.bytes().await.is_err());
}

#[tokio::test]
async fn files_last_as_long_as_their_database() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("coupa.db");
    let mut url = String::new();
    for run in 0..2 {
        let api = start_on(Some(&database), &[("invoices", 1)]);
        if run == 0 {
            let file = form(&[], Some(("attachment[file]", "kept.pdf", PDF)));
            let created = send_form(&api, "POST", "/api/invoices/1/attachments", file).await;
            url = format!("/api/invoices/1/attachments/{}", created.json()["id"]);
        }
        assert_eq!(bytes(&api, &url).await.0, PDF);
    }
    let kept = || std::fs::read_dir(folder.path().join("coupa.db.files")).unwrap();
    assert_eq!(kept().count(), 1);
    let api = start_on(Some(&database), &[]);
    read(api.request("DELETE", &url)).await;
    assert_eq!(kept().count(), 0, "a file goes with its attachment");
}
