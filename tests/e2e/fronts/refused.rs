//! What may stand where Coupa is meant to be: a front that refuses the form of requests by
//! itself, and what speaks no HTTP at all. Each is told as what it is, and never as a
//! secret that is wrong.

use crate::support::{CLIENT_ID, connection, countable_sandbox, oauth, query, test, write};
use coupa_sandbox::{Fault, FaultRule};
use host_harness::runtime::Connection;
use host_harness::runtime::types::{Error, ErrorKind};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// Says the same to whoever asks anything, and hangs up.
async fn always(says: String) -> Connection {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            // Who connects and asks nothing gets no answer.
            if client.read(&mut [0; 4096]).await.unwrap_or(0) > 0 {
                let _ = client.write_all(says.as_bytes()).await;
                let _ = client.shutdown().await;
            }
        }
    });
    connection(&url).setting("client-id", CLIENT_ID)
}

/// As nginx refuses.
fn refusal(status: &str) -> String {
    let page = format!(
        "<html>\r\n<head><title>{status}</title></head>\r\n<body>\r\n<center><h1>{status}</h1>\
         </center>\r\n<hr><center>nginx/1.22.1</center>\r\n</body>\r\n</html>\r\n"
    );
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/html\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{page}",
        page.len()
    )
}

/// The step that failed, and why.
async fn failed(connection: Connection) -> (String, Error) {
    let checks = test(connection).await;
    let failed = checks
        .into_iter()
        .find(|check| check.error.is_some())
        .unwrap();
    (failed.name, failed.error.unwrap())
}

#[tokio::test]
async fn what_is_no_coupa_is_told_as_what_it_is() {
    for (says, code, told) in [
        (
            refusal("400 Bad Request"),
            "front.bad-request",
            "“400 Bad Request”",
        ),
        (
            refusal("421 Misdirected Request"),
            "front.misdirected",
            "“421 Misdirected Request”",
        ),
        (
            refusal("505 HTTP Version Not Supported"),
            "front.http-version",
            "“505 HTTP Version",
        ),
        (
            "<html>HTTP/0.9 was like this</html>\n".to_owned(),
            "coupa.broken-http",
            "HTTP/1.1 or HTTP/2",
        ),
        (
            "SSH-2.0-OpenSSH_9.2\r\n".to_owned(),
            "coupa.broken-http",
            "HTTP/1.1 or HTTP/2",
        ),
        (
            "\u{15}\u{3}\u{3}\u{0}\u{2}\u{2}F".to_owned(),
            "coupa.broken-http",
            "HTTP/1.1 or HTTP/2",
        ),
    ] {
        let (step, error) = failed(always(says.clone()).await).await;
        assert_eq!(
            (step.as_str(), error.code.as_str()),
            ("reachable", code),
            "{says}"
        );
        assert!(error.message.contains(told), "{says}: {}", error.message);
        let remedy = error.remedy.unwrap();
        assert!(
            remedy.contains("Host Name") && !remedy.contains("Secret"),
            "{says}: {remedy}"
        );
        assert!(remedy.contains("protocol to http1"), "{says}: {remedy}");
    }
}

/// As a front does that lets a `GET` pass and no form.
#[tokio::test]
async fn a_front_that_refuses_to_ask_for_a_token_is_no_wrong_secret() {
    let sandbox = countable_sandbox(&[("suppliers", 10)]);
    for (status, code) in [
        (400, "front.bad-request"),
        (403, "front.forbidden"),
        (421, "front.misdirected"),
        (505, "front.http-version"),
    ] {
        sandbox.add_fault(FaultRule {
            times: None,
            ..FaultRule::next(1, Fault::Html { status }).on_path("/oauth2")
        });
        let (step, error) = failed(oauth(&sandbox)).await;
        assert_eq!((step.as_str(), error.code.as_str()), ("token", code));
        assert!(!error.remedy.unwrap().contains("Secret"), "{code}");
        assert_eq!(query(oauth(&sandbox), "suppliers", &[]).await.code(), code);
        let record = r#"{"name":"A"}"#;
        let outcome = write(oauth(&sandbox), "create", "commodities", &[], &[record]).await;
        assert_eq!(outcome.code(), code);
        sandbox.clear_faults();
    }
    // What OAuth says itself is about the client as before.
    let mut unknown = oauth(&sandbox);
    unknown.settings.retain(|(name, _)| name != "client-id");
    let unknown = unknown.setting("client-id", "nobody");
    assert_eq!(failed(unknown).await.1.code, "token.unknown-client");
}

#[tokio::test]
async fn a_write_that_a_front_refused_is_never_uncertain() {
    let sandbox = countable_sandbox(&[]);
    let before = sandbox.count("commodities");
    for (status, code) in [
        (400, "front.bad-request"),
        (406, "front.bad-request"),
        (407, "front.sign-in"),
        (411, "front.refused"),
        (413, "coupa.too-large"),
        (414, "coupa.too-large"),
        (415, "coupa.media-type"),
        (421, "front.misdirected"),
        (426, "front.refused"),
        (428, "coupa.unexpected-status"),
        (431, "front.headers-too-large"),
        (451, "coupa.unexpected-status"),
        (494, "front.headers-too-large"),
        (501, "coupa.not-allowed"),
        (505, "front.http-version"),
        (511, "front.sign-in"),
    ] {
        sandbox.reset_log();
        sandbox.add_fault(
            FaultRule::next(1, Fault::Html { status })
                .on_method("POST")
                .on_path("/api"),
        );
        let record = r#"{"name":"A"}"#;
        let outcome = write(oauth(&sandbox), "create", "commodities", &[], &[record]).await;
        sandbox.clear_faults();
        let error = &outcome.rejected[0].error;
        assert_eq!(error.code, code);
        assert_ne!(error.kind, ErrorKind::Uncertain, "{code}");
        let sent = sandbox
            .log()
            .iter()
            .filter(|sent| sent.path.starts_with("/api"))
            .count();
        assert_eq!(sent, 1, "{code}");
        // A single record may be what a firewall did not like; a front that refuses every
        // request ends the call.
        match code {
            "front.bad-request" => assert_eq!(outcome.summary().rejected, 1),
            front if front.starts_with("front.") => assert_eq!(outcome.code(), code),
            _ => assert_eq!(outcome.summary().rejected, 1),
        }
    }
    assert_eq!(sandbox.count("commodities"), before);
}

/// An answer that grants a token, and is the answer to whatever else is asked as well.
fn grants(body: &str) -> String {
    format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{body}",
        body.len()
    )
}

#[tokio::test]
async fn a_token_is_one_whatever_stands_beside_it() {
    for body in [
        r#"{"access_token":"t","expires_in":"86399","token_type":null,"scope":["a"]}"#,
        r#"{"access_token":"t","expires_in":-1.5,"refresh_token":{},"scope":7}"#,
    ] {
        let outcome = query(always(grants(body)).await, "suppliers", &[]).await;
        assert_eq!(outcome.code(), "coupa.not-json", "{body}");
    }
    for body in [
        r#"{"expires_in":86399}"#,
        r#"{"access_token":""}"#,
        r#"{"access_token":7}"#,
    ] {
        let (step, error) = failed(always(grants(body)).await).await;
        let told = (step.as_str(), error.code.as_str());
        assert_eq!(told, ("token", "token.unexpected-answer"), "{body}");
        assert!(error.message.contains("access_token"), "{}", error.message);
    }
}
