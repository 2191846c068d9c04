//! The small connector, and with it what connectors share: against a server that
//! gives little at a time, breaks off, or leads elsewhere.

use crate::support::{Outcome, Secrets, call, component};
use futures::StreamExt;
use host_harness::agent::Agent;
use host_harness::connection::Environment;
use host_harness::registry::Digest;
use host_harness::runtime::types::{Call, ErrorKind, Item};
use host_harness::runtime::{Connection, Connector};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::OnceCell;

const TOKEN: &str = "token-of-the-list-server-1234";

/// A request as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Came {
    line: String,
    authorization: String,
    body: String,
}

/// A server that answers one request on each connection, or breaks off.
struct Server {
    url: String,
    came: Arc<Mutex<Vec<Came>>>,
}

impl Server {
    async fn start(answer: impl Fn(&Came) -> Option<String> + Send + Sync + 'static) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let came = Arc::<Mutex<Vec<Came>>>::default();
        let (kept, answer) = (Arc::clone(&came), Arc::new(answer));
        tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                let (kept, answer) = (Arc::clone(&kept), Arc::clone(&answer));
                tokio::spawn(async move {
                    let Some(request) = read(&mut client).await else {
                        return;
                    };
                    kept.lock().unwrap().push(request.clone());
                    if let Some(text) = answer(&request) {
                        let _ = client.write_all(text.as_bytes()).await;
                    }
                });
            }
        });
        Self { url, came }
    }

    fn came(&self) -> Vec<Came> {
        std::mem::take(&mut *self.came.lock().unwrap())
    }
}

async fn read(client: &mut tokio::net::TcpStream) -> Option<Came> {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let header = |name: &str| {
                let mut lines = head.lines().filter_map(|line| line.split_once(": "));
                let found = lines.find(|(known, _)| known.eq_ignore_ascii_case(name));
                found.map(|(_, value)| value.to_owned()).unwrap_or_default()
            };
            if body.len() >= header("content-length").parse().unwrap_or(0) {
                return Some(Came {
                    line: head.lines().next()?.to_owned(),
                    authorization: header("authorization"),
                    body: body.to_owned(),
                });
            }
        }
        if client.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
}

fn answer(status: &str, more: &str, body: &str) -> Option<String> {
    let length = body.len();
    Some(format!(
        "HTTP/1.1 {status}\r\n{more}content-length: {length}\r\nconnection: close\r\n\r\n{body}"
    ))
}

/// A list of so many records, of which the server gives at most `cap` at once.
async fn capped(records: usize, cap: usize) -> Server {
    Server::start(move |came| {
        let query = came.line.split(['?', ' ']).nth(2).unwrap();
        let of = |name: &str| {
            let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
            let found = pairs.find(|(known, _)| *known == name).unwrap();
            found.1.parse::<usize>().unwrap()
        };
        let page: Vec<Value> = (0..records)
            .skip(of("offset"))
            .take(of("limit").min(cap))
            .map(|id| json!({ "id": id }))
            .collect();
        answer("200 OK", "", &json!(page).to_string())
    })
    .await
}

/// Compiled once for all tests here.
async fn connector() -> Connector {
    static COMPILED: OnceCell<(tempfile::TempDir, Connector)> = OnceCell::const_new();
    let loading = async {
        let home = tempfile::tempdir().unwrap();
        let bytes = std::fs::read(component().with_file_name("json-list.wasm")).unwrap();
        let agent = Agent::open(home.path(), None).unwrap();
        let connector = agent.load(Digest::of(&bytes), bytes).await.unwrap();
        (home, connector)
    };
    COMPILED.get_or_init(|| loading).await.1.clone()
}

async fn run(url: &str, call: Call, input: &[&str]) -> Outcome {
    let mut connection = Connection::new("Lists").setting("url", url);
    connection.environment = Environment::Development;
    connection.secrets = Arc::new(Secrets(BTreeMap::from([("token", TOKEN.to_owned())])));
    let session = connector().await.session(connection).await.unwrap();
    let input = input.iter().enumerate().map(|(n, data)| Item {
        key: n.to_string(),
        data: (*data).to_owned(),
    });
    let input: Vec<Item> = input.collect();
    Outcome::of(session.execute(call, futures::stream::iter(input).boxed())).await
}

fn resumed(list: &str, checkpoint: &str) -> Call {
    Call {
        resume: Some(checkpoint.to_owned()),
        ..call("list", list, &[])
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_is_read_whole_however_little_comes_at_once_and_resumed_anywhere() {
    for cap in [1, 7, 50] {
        let server = capped(60, cap).await;
        let whole = run(&server.url, call("list", "people", &[]), &[]).await;
        assert_eq!(whole.keys(), (0..60).collect::<Vec<_>>(), "cap {cap}");
        assert_eq!(whole.summary().succeeded, 60);
        let came = server.came();
        assert_eq!(whole.summary().requests, came.len() as u64);
        assert!(
            came.iter()
                .all(|came| came.authorization == format!("Bearer {TOKEN}"))
        );

        // After each page a place, and from each the rest, neither more nor less.
        assert_eq!(whole.checkpoints.len(), 60_usize.div_ceil(cap));
        for (n, checkpoint) in whole.checkpoints.iter().enumerate().step_by(9) {
            let rest = run(&server.url, resumed("people", checkpoint), &[]).await;
            let from = i64::try_from(((n + 1) * cap).min(60)).unwrap();
            assert_eq!(rest.keys(), (from..60).collect::<Vec<_>>(), "{checkpoint}");
        }
        // A place in another list is none in this one.
        server.came();
        for wrong in [
            whole.checkpoints[0].as_str(),
            "pets",
            "pets@",
            "pets@-1",
            "17",
            "",
        ] {
            let refused = run(&server.url, resumed("pets", wrong), &[]).await;
            assert_eq!(refused.code(), "resume.another-list", "{wrong}");
        }
        assert!(server.came().is_empty(), "it asked before it had checked");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_whose_answer_breaks_off_is_uncertain_and_sent_once() {
    let server = Server::start(|came| match came.body.as_str() {
        r#"{"name":"gone"}"# => None,
        r#"{"name":"cut"}"# => {
            Some("HTTP/1.1 201 Created\r\ncontent-length: 90\r\n\r\n{".to_owned())
        }
        r#"{"name":"late"}"# => answer("504 Gateway Timeout", "", "<html>"),
        r#"{"name":"wrong"}"# => answer("422 Unprocessable Entity", "", "no such name"),
        r#"{"name":"many"}"# => answer("429 Too Many Requests", "retry-after: 7\r\n", ""),
        body => answer("201 Created", "", body),
    })
    .await;
    let records = ["fine", "gone", "cut", "late", "wrong", "many", "fine too"]
        .map(|name| json!({ "name": name }).to_string());
    let records: Vec<&str> = records.iter().map(String::as_str).collect();
    let outcome = run(&server.url, call("add", "people", &[]), &records).await;
    let keys: Vec<&str> = outcome
        .answers
        .iter()
        .map(|answer| answer.key.as_str())
        .collect();
    assert_eq!(keys, ["0", "6"]);
    let rejected: Vec<_> = outcome
        .rejected
        .iter()
        .map(|rejection| {
            let error = &rejection.error;
            (
                rejection.key.as_str(),
                error.kind,
                error.code.as_str(),
                error.retry_after,
            )
        })
        .collect();
    assert_eq!(
        rejected,
        [
            ("1", ErrorKind::Uncertain, "request.uncertain", None),
            ("2", ErrorKind::Uncertain, "request.uncertain", None),
            ("3", ErrorKind::Uncertain, "answer.refused", None),
            ("4", ErrorKind::InvalidInput, "answer.refused", None),
            ("5", ErrorKind::RateLimited, "answer.refused", Some(7000)),
        ]
    );
    assert_eq!(
        (outcome.summary().succeeded, outcome.summary().rejected),
        (2, 5)
    );
    let bodies: Vec<String> = server.came().into_iter().map(|came| came.body).collect();
    assert_eq!(bodies, records, "each was sent exactly once");

    // Where nobody listens nothing was sent, and that is certain.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let nobody = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let outcome = run(&nobody, call("add", "people", &[]), &records[..1]).await;
    assert_eq!(outcome.rejected[0].error.kind, ErrorKind::Unreachable);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_is_refused_and_the_token_goes_nowhere_else() {
    let elsewhere = Server::start(|_| answer("200 OK", "", "[]")).await;
    let to = format!("location: {}/people\r\n", elsewhere.url);
    let server = Server::start(move |_| answer("307 Temporary Redirect", &to, "")).await;
    let read = run(&server.url, call("list", "people", &[]), &[]).await;
    assert_eq!(read.code(), "answer.redirect");
    let written = run(&server.url, call("add", "people", &[]), &["{}"]).await;
    let error = &written.rejected[0].error;
    assert_eq!(error.code, "answer.redirect");
    assert!(error.message.contains(&elsewhere.url) && error.remedy.is_some());
    assert!(elsewhere.came().is_empty());
    assert_eq!(server.came().len(), 2);

    let server = Server::start(|_| answer("200 OK", "", "{\"not\": \"a list\"}")).await;
    let read = run(&server.url, call("list", "people", &[]), &[]).await;
    assert_eq!(read.code(), "answer.no-list");
}
