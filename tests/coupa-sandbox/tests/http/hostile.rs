//! Hostile answers, as they are on the wire: read from the socket, and never
//! further than a bound.

use std::io::Read as _;

use coupa_sandbox::{Fault, FaultRule, Filler, RedirectTarget};
use flate2::read::GzDecoder;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::{Api, KEY, read, start, start_with};

/// What came of an answer within a bound: its heads as text, and its body with
/// chunks taken out of their coding.
struct Raw {
    head: String,
    body: Vec<u8>,
}

impl Raw {
    fn status(&self) -> &str {
        self.head.lines().next().unwrap()
    }

    fn has(&self, header: &str) -> bool {
        self.head.to_lowercase().contains(header)
    }
}

/// Asks for a list on a connection of its own and reads so many bytes at most.
async fn raw(api: &Api, path: &str, most: u64) -> Raw {
    let address = api.sandbox.base_url().replace("http://", "");
    let mut socket = TcpStream::connect(&address).await.unwrap();
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {address}\r\nX-COUPA-API-KEY: {KEY}\r\n\
         Accept: application/json\r\nConnection: close\r\n\r\n"
    );
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut bytes = Vec::new();
    socket.take(most).read_to_end(&mut bytes).await.unwrap();
    // Interim answers are heads of their own.
    let mut end = 0;
    loop {
        let head = &bytes[end..];
        end += head.windows(4).position(|w| w == b"\r\n\r\n").unwrap() + 4;
        if !head.starts_with(b"HTTP/1.1 1") {
            break;
        }
    }
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let body = bytes.split_off(end);
    let chunked = head.to_lowercase().contains("transfer-encoding: chunked");
    let body = if chunked { unchunked(&body) } else { body };
    Raw { head, body }
}

fn unchunked(mut coded: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    while let Some(end) = coded.windows(2).position(|w| w == b"\r\n") {
        let size = std::str::from_utf8(&coded[..end]).unwrap();
        let size = usize::from_str_radix(size, 16).unwrap();
        let rest = &coded[end + 2..];
        let size = size.min(rest.len());
        body.extend_from_slice(&rest[..size]);
        coded = rest.get(size + 2..).unwrap_or_default();
    }
    body
}

/// What a fault makes of the list of suppliers.
async fn suppliers(api: &Api, fault: Fault) -> Raw {
    api.sandbox.fail_next(fault);
    raw(api, "/api/suppliers", 1 << 20).await
}

#[tokio::test]
async fn bodies_without_end_are_made_while_they_are_sent() {
    let api = start();
    for (filler, begins, goes_on) in [
        (Filler::Records, "[{\"id\":1}", "Harbor Tools"),
        (Filler::Text, "{\"id\":1,\"name\":\"n", "nnnnnnnn"),
        (Filler::Spaces, "[ ", "        "),
    ] {
        for bytes in [None, Some(10_000_000_000)] {
            let got = suppliers(&api, Fault::HugeBody { filler, bytes }).await;
            assert!(got.body.len() > 900_000, "{filler:?}");
            let text = String::from_utf8(got.body).unwrap();
            assert!(text.starts_with(begins) && text[800_000..].contains(goes_on));
        }
        // A small one is whole and valid.
        let bytes = Some(100_000);
        let small = suppliers(&api, Fault::HugeBody { filler, bytes }).await;
        assert!(small.body.len() >= 100_000, "{filler:?}");
        assert!(serde_json::from_slice::<serde_json::Value>(&small.body).is_ok());
    }
}

#[tokio::test]
async fn levels_are_as_deep_as_asked_for() {
    let api = start();
    let deep = suppliers(&api, Fault::DeepNesting { levels: 100_000 }).await;
    let count = |byte: u8| deep.body.iter().filter(|b| **b == byte).count();
    assert_eq!((count(b'['), count(b']')), (100_001, 100_001));
    assert!(deep.body.starts_with(b"[{\"id\":1,\"deep\":[[["));
    let shallow = suppliers(&api, Fault::DeepNesting { levels: 3 }).await;
    assert_eq!(shallow.body, b"[{\"id\":1,\"deep\":[[[]]]}]");
}

#[tokio::test]
async fn a_bomb_is_small_on_the_wire_only() {
    let api = start();
    let bytes = 10_000_000_000;
    let bomb = suppliers(&api, Fault::GzipBomb { bytes }).await;
    assert!(bomb.has("content-encoding: gzip"), "{}", bomb.head);
    // The megabyte that was read holds some hundreds of them.
    let mut zeros = 0_u64;
    let mut decoder = GzDecoder::new(bomb.body.as_slice());
    let mut buffer = vec![0; 1 << 16];
    while zeros < 200_000_000 {
        let read = decoder.read(&mut buffer).unwrap();
        assert!(read > 0, "it ended after {zeros}");
        let tail = buffer[..read]
            .strip_prefix(b"[\"")
            .unwrap_or(&buffer[..read]);
        assert!(tail.iter().all(|byte| *byte == b'0'));
        zeros += read as u64;
    }
    let small = suppliers(&api, Fault::GzipBomb { bytes: 1000 }).await;
    let mut text = String::new();
    GzDecoder::new(small.body.as_slice())
        .read_to_string(&mut text)
        .unwrap();
    assert_eq!(text, format!("[\"{}\"]", "0".repeat(1000)));
}

#[tokio::test]
async fn gzip_comes_unasked() {
    let api = start();
    let plain = raw(&api, "/api/suppliers", 1 << 20).await.body;
    let packed = suppliers(&api, Fault::UnaskedGzip).await;
    assert!(packed.has("content-encoding: gzip") && packed.body.len() < plain.len());
    let mut unpacked = Vec::new();
    GzDecoder::new(packed.body.as_slice())
        .read_to_end(&mut unpacked)
        .unwrap();
    assert_eq!(unpacked, plain);
}

#[tokio::test]
async fn json_is_nearly_right() {
    let api = start();
    let plain = raw(&api, "/api/suppliers", 1 << 20).await.body;
    let plain = String::from_utf8(plain).unwrap();
    for (fault, member) in [
        (Fault::DuplicateKeys, r#""id":0"#),
        (
            Fault::NotANumber,
            r#""not-a-number":NaN,"endless":Infinity"#,
        ),
        (Fault::LoneSurrogate, r#""half":"\ud800""#),
    ] {
        let got = suppliers(&api, fault.clone()).await;
        let text = String::from_utf8(got.body).unwrap();
        let put = format!("{{{member},");
        assert_eq!(text.matches(&put).count(), 3, "one in each record");
        assert_eq!(text.replace(&put, "{"), plain);
        api.sandbox.fail_next(fault);
        let one = raw(&api, "/api/suppliers/1", 1 << 20).await;
        assert!(one.body.starts_with(put.as_bytes()));
    }
    let wrong = suppliers(&api, Fault::InvalidUtf8).await.body;
    assert!(std::str::from_utf8(&wrong).is_err());
    let right: Vec<u8> = wrong
        .iter()
        .copied()
        .filter(|b| ![0xFF, 0xC3].contains(b))
        .collect();
    assert_eq!(right, plain.as_bytes());
    let marked = suppliers(&api, Fault::ByteOrderMark).await.body;
    assert_eq!(
        marked.strip_prefix(b"\xEF\xBB\xBF").unwrap(),
        plain.as_bytes()
    );
}

#[tokio::test]
async fn content_types_lie_or_are_missing() {
    let api = start();
    let as_html = Fault::WrongContentType {
        content_type: "text/html".to_owned(),
    };
    let json = suppliers(&api, as_html).await;
    assert!(json.has("content-type: text/html\r\n") && json.body.starts_with(b"[{"));
    let html = suppliers(&api, Fault::HtmlAsJson).await;
    assert!(html.has("content-type: application/json") && html.body.starts_with(b"<!DOCTYPE"));
    let none = suppliers(&api, Fault::NoContentType).await;
    assert!(!none.has("content-type:") && none.body.starts_with(b"[{"));
}

#[tokio::test]
async fn pages_are_not_what_was_asked_for() {
    let api = start_with(&[("suppliers", 120)]);
    let page = async |fault: Option<Fault>, query: &str| {
        if let Some(fault) = fault {
            api.sandbox.fail_next(fault);
        }
        api.get(&format!("/api/suppliers?limit=10{query}"))
            .await
            .ids()
    };
    let first: Vec<i64> = (1..=10).collect();
    let backwards: Vec<i64> = (1..=10).rev().collect();
    assert_eq!(page(Some(Fault::ReversedPage), "").await, backwards);
    for query in ["&offset=50", "&id[gt]=70"] {
        assert_eq!(page(Some(Fault::SamePage), query).await, first);
    }
    let short = Fault::ShortPage { records: 4 };
    assert_eq!(page(Some(short), "&offset=10").await, [11, 12, 13, 14]);
    for (rows, begins) in [(3, 24), (-3, 18), (-100, 1)] {
        let drift = Fault::OffsetDrift { rows };
        assert_eq!(page(Some(drift.clone()), "&offset=20").await[0], begins);
        assert_eq!(page(Some(drift), "").await, first, "only with an offset");
    }
    assert_eq!(page(None, "&offset=50").await[0], 51);
}

#[tokio::test]
async fn redirects_go_everywhere_and_nowhere() {
    let api = start();
    let url = "http://127.0.0.2:1/api/suppliers".to_owned();
    for status in [301, 302, 303, 307, 308] {
        for (target, expected) in [
            (
                RedirectTarget::Itself,
                "location: /api/suppliers?limit=1\r\n",
            ),
            (
                RedirectTarget::Url(url.clone()),
                "location: http://127.0.0.2:1/api/suppliers\r\n",
            ),
        ] {
            api.sandbox.fail_next(Fault::RedirectTo { status, target });
            let got = raw(&api, "/api/suppliers?limit=1", 1 << 20).await;
            assert!(got.status().contains(&status.to_string()), "{}", got.head);
            assert!(got.has(expected), "{}", got.head);
        }
    }
    let target = RedirectTarget::Onward;
    let endless = FaultRule {
        times: None,
        ..FaultRule::next(
            1,
            Fault::RedirectTo {
                status: 307,
                target,
            },
        )
    };
    api.sandbox.add_fault(endless);
    let mut met = vec!["/api/suppliers".to_owned()];
    for _ in 0..5 {
        let reply = api.get(met.last().unwrap()).await;
        let next = reply.header("location").to_owned();
        assert!(next.starts_with("/api/suppliers?hop=") && !met.contains(&next));
        met.push(next);
    }
}

#[tokio::test]
async fn cookies_are_set_and_watched_for() {
    let api = start();
    let got = suppliers(&api, Fault::SetCookie).await;
    assert_eq!(got.head.to_lowercase().matches("set-cookie: ").count(), 2);
    assert_eq!(api.sandbox.counters().cookies, 0);
    let with_cookie = api.request("GET", "/api/suppliers");
    read(with_cookie.header("Cookie", "visitor=42")).await;
    api.get("/api/suppliers").await;
    assert_eq!(api.sandbox.counters().cookies, 1);
}

#[tokio::test]
async fn heads_are_unusual() {
    let api = start();
    let flood = Fault::HeaderFlood {
        headers: 5000,
        bytes: 100,
    };
    let flooded = suppliers(&api, flood).await;
    assert_eq!(flooded.head.matches("x-flood-").count(), 5000);
    for status in [100, 102, 103] {
        let early = suppliers(&api, Fault::Informational { status }).await;
        assert!(early.head.starts_with(&format!("HTTP/1.1 {status} ")));
        assert!(early.head.contains("\r\n\r\nHTTP/1.1 200 OK\r\n"));
        assert!(early.body.starts_with(b"[{"));
    }
    api.sandbox.fail_next(Fault::NoContent);
    let body = serde_json::json!({"name": "Nothing To Say"});
    let reply = api.post("/api/suppliers", body).await;
    assert_eq!((reply.status, reply.text.as_str()), (204, ""));
    assert_eq!(api.sandbox.count("suppliers"), 4, "it was processed");
}

#[tokio::test]
async fn each_fault_has_a_form_in_json() {
    let api = start();
    for (fault, kind) in [
        (
            serde_json::json!({"kind": "huge_body", "filler": "records"}),
            Fault::HugeBody {
                filler: Filler::Records,
                bytes: None,
            },
        ),
        (
            serde_json::json!({"kind": "redirect_to", "status": 301, "target": "onward"}),
            Fault::RedirectTo {
                status: 301,
                target: RedirectTarget::Onward,
            },
        ),
        (
            serde_json::json!({"kind": "redirect_to", "status": 301, "target": {"url": "http://x"}}),
            Fault::RedirectTo {
                status: 301,
                target: RedirectTarget::Url("http://x".to_owned()),
            },
        ),
        (
            serde_json::json!({"kind": "html_as_json"}),
            Fault::HtmlAsJson,
        ),
        (
            serde_json::json!({"kind": "invalid_utf8"}),
            Fault::InvalidUtf8,
        ),
    ] {
        let rule = serde_json::json!({"times": 1, "fault": fault});
        let request = api.http.post(api.url("/sandbox/faults"));
        let added = read(request.body(rule.to_string())).await;
        assert_eq!(added.status, 200, "{}", added.text);
        let added: FaultRule = serde_json::from_str(&added.text).unwrap();
        assert_eq!(added.fault, kind);
    }
}
