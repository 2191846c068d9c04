//! Answers of what is no Coupa, and requests that got none: each told as what it is.

use super::{Client, Exchange, Repeat, TokenStore};
use crate::contract::{Error, ErrorKind, Outcome};
use crate::fake::{Fake, Remote, connection, json, settings};
use crate::host::{Method, Request, Response, SendError};
use crate::test_connection::test_connection;
use std::rc::Rc;
use std::time::Duration;

/// Answers all requests the same, and what was told to at first.
#[derive(Clone)]
struct Same {
    first: Vec<Result<Response, SendError>>,
    then: Result<Response, SendError>,
}

impl Remote for Same {
    fn respond(&mut self, _: &Request, _: Duration) -> Result<Response, SendError> {
        self.first.pop().unwrap_or_else(|| self.then.clone())
    }
}

fn always(then: Result<Response, SendError>) -> Fake<Same> {
    Fake::new(Same {
        first: Vec::new(),
        then,
    })
}

/// The step of a test that failed, and with what.
fn failed(answer: Result<Response, SendError>) -> (&'static str, Error) {
    let fake = always(answer);
    let connection = connection(&[("client-id", "id")]);
    let checks = fake.run(test_connection(Rc::new(fake.clone()), &connection));
    let failed = checks.into_iter().find_map(|check| match check.outcome {
        Outcome::Failed(error) => Some((check.name, error)),
        _ => None,
    });
    failed.unwrap()
}

/// As nginx answers.
fn page(title: &str) -> String {
    format!("<html>\r\n<head><title>{title}</title></head>\r\n<body></body>\r\n</html>\r\n")
}

#[test]
fn a_front_is_told_as_what_it_is() {
    let oauth = |error: &str| format!(r#"{{"error":"{error}"}}"#);
    let envelope = r#"{"errors":{"base":["no"]}}"#.to_owned();
    for (status, body, step, code, says, helps) in [
        (
            400,
            page("400 Bad Request"),
            "reachable",
            "front.bad-request",
            "“400 Bad Request”",
            "protocol to http1",
        ),
        (
            400,
            "Bad Request".to_owned(),
            "reachable",
            "front.bad-request",
            "“Bad Request”",
            "Host Name",
        ),
        (
            400,
            String::new(),
            "reachable",
            "front.bad-request",
            "nothing",
            "protocol to http1",
        ),
        (
            421,
            String::new(),
            "reachable",
            "front.misdirected",
            "not the one for this host",
            "protocol to http1",
        ),
        (
            421,
            page("421 Misdirected Request"),
            "reachable",
            "front.misdirected",
            "“421 Misdirected",
            "Host Name",
        ),
        (
            505,
            page("505 HTTP Version"),
            "reachable",
            "front.http-version",
            "“505 HTTP Version”",
            "protocol to http1",
        ),
        // What may be Coupa's goes on to the next step.
        (
            400,
            envelope,
            "token",
            "front.bad-request",
            ": no (status 400)",
            "http1",
        ),
        (
            400,
            "<?xml version=\"1.0\"?><errors/>".to_owned(),
            "token",
            "front.bad-request",
            "XML",
            "http1",
        ),
        (
            400,
            oauth("invalid_client"),
            "token",
            "token.client-refused",
            "does not accept the client",
            "Client ID",
        ),
        (
            400,
            oauth("invalid_request"),
            "token",
            "token.refused",
            "invalid_request",
            "Client Secret",
        ),
        (
            403,
            oauth("access_denied"),
            "token",
            "token.refused",
            "access_denied",
            "Client Secret",
        ),
        (
            403,
            page("Access Denied"),
            "token",
            "front.forbidden",
            "“Access Denied”",
            "firewall",
        ),
        (
            404,
            page("Not Found"),
            "token",
            "token.refused",
            "“Not Found”",
            "grants no tokens",
        ),
        (
            401,
            page("401 Unauthorized"),
            "token",
            "token.refused",
            "“401 Unauthorized”",
            "gateway",
        ),
        (
            431,
            page("431 Request Header Fields Too Large"),
            "reachable",
            "front.headers-too-large",
            "headers of this size",
            "name in Scope those",
        ),
        (
            407,
            String::new(),
            "reachable",
            "front.sign-in",
            "a proxy",
            "proxy",
        ),
        (
            411,
            page("411 Length Required"),
            "reachable",
            "front.refused",
            "“411 Length Required”",
            "Host Name",
        ),
        (
            406,
            page("Not Acceptable"),
            "reachable",
            "front.bad-request",
            "“Not Acceptable”",
            "Host Name",
        ),
        (
            502,
            page("502 Bad Gateway"),
            "token",
            "coupa.server-error",
            "“502 Bad Gateway”",
            "later",
        ),
    ] {
        let response = Response {
            status,
            body: body.clone().into_bytes(),
            ..Response::default()
        };
        let (at, error) = failed(Ok(response));
        let remedy = error.remedy.unwrap();
        assert_eq!((at, error.code), (step, code), "{status} {body}");
        assert!(
            error.message.contains(says),
            "{status} {body}: {}",
            error.message
        );
        assert!(remedy.contains(helps), "{status} {body}: {remedy}");
        assert_eq!(error.status, Some(status), "{status} {body}");
        if code.starts_with("front.") {
            assert!(!remedy.contains("Secret"), "{status} {body}: {remedy}");
            assert_eq!(error.kind, ErrorKind::UnexpectedAnswer, "{status} {body}");
        }
    }
}

#[test]
fn no_answer_is_told_as_why_there_is_none() {
    for (error, code, kind, says, helps) in [
        (
            SendError::NotHttp,
            "coupa.broken-http",
            ErrorKind::UnexpectedAnswer,
            "does not speak HTTP/1.1 or HTTP/2",
            "port",
        ),
        (
            SendError::NoCommonProtocol,
            "reach.alpn",
            ErrorKind::Unreachable,
            "none of the versions of HTTP",
            "protocol to auto",
        ),
        (
            SendError::NotProcessed,
            "coupa.not-processed",
            ErrorKind::RemoteFailure,
            "did not process",
            "safe to send it again",
        ),
        (
            SendError::Tls("an alert".to_owned()),
            "reach.tls",
            ErrorKind::Unreachable,
            "an alert",
            "for another name",
        ),
        (
            SendError::Denied,
            "reach.denied",
            ErrorKind::Unreachable,
            "does not let",
            "nothing else",
        ),
    ] {
        let (step, told) = failed(Err(error));
        assert_eq!((step, told.code, told.kind), ("reachable", code, kind));
        assert!(told.message.contains(says), "{code}: {}", told.message);
        let remedy = told.remedy.unwrap();
        assert!(remedy.contains(helps), "{code}: {remedy}");
        assert!(!remedy.contains("log"), "{code}: {remedy}");
    }
}

/// What comes of a write that must not be sent twice, and how often it was sent.
fn write(remote: Same) -> (Result<(), Error>, usize) {
    let fake = Fake::new(remote);
    let settings = settings(&[("authentication", "api-key")]);
    let client = Client::new(Rc::new(fake.clone()), settings, Rc::<TokenStore>::default());
    let exchange = Exchange {
        method: Method::Post,
        path_and_query: "/api/suppliers".to_owned(),
        body: "{}".to_owned(),
        repeat: Repeat::IfNotProcessed,
    };
    let written = fake.run(client.exchange(exchange, |_| Ok(())));
    let sent = fake.sent.borrow().len();
    (written, sent)
}

/// A read that is refused once, and how long it then waited.
fn waited(status: u16, retry_after: &str) -> Duration {
    let mut refused = json(status, "{}");
    let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    refused.headers = vec![
        header("date", "Fri, 06 Nov 2026 08:49:37 GMT"),
        header("retry-after", retry_after),
    ];
    let fake = Fake::new(Same {
        first: vec![Ok(refused)],
        then: Ok(json(200, "[]")),
    });
    let settings = settings(&[("authentication", "api-key")]);
    let client = Client::new(Rc::new(fake.clone()), settings, Rc::<TokenStore>::default());
    let read = fake.run(client.get("/api/suppliers".to_owned(), Ok));
    assert!(read.is_ok(), "{retry_after}: {read:?}");
    assert_eq!(client.ledger().retries.get(), 1);
    fake.clock.now()
}

#[test]
fn a_time_to_wait_is_waited_in_each_of_its_forms() {
    for status in [429, 503] {
        for asked in [
            "40",
            "Fri, 06 Nov 2026 08:50:17 GMT",
            "Friday, 06-Nov-26 08:50:17 GMT",
            "Fri Nov  6 08:50:17 2026",
        ] {
            assert_eq!(waited(status, asked), Duration::from_secs(40), "{asked}");
        }
        // What has passed, or is no time, leaves it to the client.
        for asked in ["Fri, 06 Nov 2026 08:49:00 GMT", "soon", "-40", ""] {
            assert!(waited(status, asked) < Duration::from_secs(1), "{asked}");
        }
    }
}

#[test]
fn who_is_asked_to_stay_away_for_long_does_not_wait_and_says_so() {
    for asked in ["3600", "Fri, 06 Nov 2026 09:49:37 GMT"] {
        let mut refused = json(503, "{}");
        let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        refused.headers = vec![
            header("date", "Fri, 06 Nov 2026 08:49:37 GMT"),
            header("retry-after", asked),
        ];
        let (written, sent) = write(Same {
            first: Vec::new(),
            then: Ok(refused),
        });
        let error = written.unwrap_err();
        assert_eq!((sent, error.retry_after_ms), (1, Some(3_600_000)));
        assert!(error.message.contains("in 3600 s"), "{}", error.message);
    }
}

#[test]
fn a_write_that_was_not_processed_is_sent_again() {
    let unprocessed = Err(SendError::NotProcessed);
    let (written, sent) = write(Same {
        first: vec![unprocessed.clone(); 3],
        then: Ok(json(201, "{}")),
    });
    assert_eq!((written, sent), (Ok(()), 4));

    let (written, sent) = write(Same {
        first: Vec::new(),
        then: unprocessed,
    });
    let error = written.unwrap_err();
    assert_eq!(
        (error.code, error.kind),
        ("coupa.not-processed", ErrorKind::RemoteFailure)
    );
    assert!((2..10).contains(&sent), "{sent}");
}

#[test]
fn a_write_that_a_front_refused_is_never_uncertain() {
    for (status, code, kind) in [
        (400, "front.bad-request", ErrorKind::InvalidInput),
        (406, "front.bad-request", ErrorKind::InvalidInput),
        (407, "front.sign-in", ErrorKind::UnexpectedAnswer),
        (411, "front.refused", ErrorKind::UnexpectedAnswer),
        (413, "coupa.too-large", ErrorKind::InvalidInput),
        (414, "coupa.too-large", ErrorKind::InvalidInput),
        (415, "coupa.media-type", ErrorKind::UnexpectedAnswer),
        (421, "front.misdirected", ErrorKind::UnexpectedAnswer),
        (426, "front.refused", ErrorKind::UnexpectedAnswer),
        (428, "coupa.unexpected-status", ErrorKind::InvalidInput),
        (431, "front.headers-too-large", ErrorKind::UnexpectedAnswer),
        (451, "coupa.unexpected-status", ErrorKind::InvalidInput),
        (494, "front.headers-too-large", ErrorKind::UnexpectedAnswer),
        (497, "front.refused", ErrorKind::UnexpectedAnswer),
        (501, "coupa.not-allowed", ErrorKind::InvalidInput),
        (505, "front.http-version", ErrorKind::UnexpectedAnswer),
        (521, "front.no-server", ErrorKind::RemoteFailure),
    ] {
        let (written, sent) = write(Same {
            first: Vec::new(),
            then: Ok(Response {
                status,
                body: page("Refused").into_bytes(),
                ..Response::default()
            }),
        });
        let error = written.unwrap_err();
        assert_eq!((error.code, error.kind, sent), (code, kind, 1));
    }
}
