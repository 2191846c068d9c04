//! Faults at work: before a request is processed, and on its answer.

use std::io;
use std::time::Duration;

use axum::body::Body;
use futures::{StreamExt as _, stream};
use http::{HeaderName, HeaderValue, Response, StatusCode, Uri, header};

use super::{Fault, edit, huge, redirect};
use crate::media::{Answer, CHUNK, Content, Media, Pieces};
use crate::server::{ConnectionHandle, Shared};

/// What a fault does before anything is processed; an answer ends it there.
pub async fn before(
    fault: &Fault,
    shared: &Shared,
    uri: &Uri,
    connection: &ConnectionHandle,
) -> Option<Answer> {
    match fault {
        Fault::Status {
            processed: false, ..
        } => Some(with_status(fault)),
        Fault::Html { status } => Some(Answer::html(code(*status))),
        Fault::HtmlAsJson => {
            let page = Answer::html(StatusCode::OK);
            Some(page.with_header(header::CONTENT_TYPE, Media::Json.content_type()))
        }
        Fault::Redirect { location } => {
            let answer = Answer::empty(StatusCode::FOUND);
            Some(answer.with_header(header::LOCATION, location))
        }
        Fault::RedirectTo { status, target } => Some(redirect::answer(*status, target, uri)),
        Fault::HugeBody { filler, bytes } => Some(made(huge::filled(*filler, *bytes))),
        Fault::DeepNesting { levels } => Some(made(huge::nested(*levels))),
        Fault::GzipBomb { bytes } => {
            let bomb = made(huge::compressed_zeros(*bytes));
            Some(bomb.with_header(header::CONTENT_ENCODING, "gzip"))
        }
        Fault::ExpireTokens => {
            shared.tokens.revoke_all();
            None
        }
        Fault::Slow { milliseconds } => {
            tokio::time::sleep(Duration::from_millis(*milliseconds)).await;
            None
        }
        Fault::ResetBefore => {
            connection.reset();
            Some(Answer::empty(StatusCode::OK))
        }
        _ => None,
    }
}

/// The answer as it is sent.
pub fn after(
    fault: Option<&Fault>,
    mut answer: Answer,
    connection: &ConnectionHandle,
) -> Response<Body> {
    let Some(fault) = fault else {
        return response(answer);
    };
    match fault {
        Fault::Status {
            processed: true, ..
        } => answer = with_status(fault),
        Fault::NoContent => answer = Answer::empty(StatusCode::NO_CONTENT),
        Fault::ResetAfter => connection.reset(),
        Fault::Informational { status } => connection.send_first(interim(*status)),
        Fault::HalfBody => answer.body = answer.body.half(),
        Fault::EmptyBody => answer.body = Content::from(String::new()),
        Fault::WrongContentType { content_type } => {
            answer = answer.with_header(header::CONTENT_TYPE, content_type);
        }
        Fault::NoContentType => {
            answer.headers.remove(header::CONTENT_TYPE);
        }
        Fault::SetCookie => set_cookies(&mut answer),
        Fault::HeaderFlood { headers, bytes } => flood(&mut answer, *headers, *bytes),
        Fault::Truncated => return truncated(answer),
        Fault::SlowBody {
            bytes,
            milliseconds,
        } => return dripping(answer, *bytes, Duration::from_millis(*milliseconds)),
        Fault::UnaskedGzip => {
            answer = edited(answer, edit::compressed);
            answer = answer.with_header(header::CONTENT_ENCODING, "gzip");
        }
        Fault::DuplicateKeys => answer = with_members(answer, r#""id":0"#),
        Fault::NotANumber => {
            answer = with_members(answer, r#""not-a-number":NaN,"endless":Infinity"#);
        }
        Fault::LoneSurrogate => answer = with_members(answer, r#""half":"\ud800""#),
        Fault::InvalidUtf8 => answer = edited(answer, edit::not_utf8),
        Fault::ByteOrderMark => answer = edited(answer, edit::marked),
        Fault::ReversedPage => answer = edited(answer, edit::reversed),
        _ => {}
    }
    response(answer)
}

/// A JSON answer whose body is made while it is sent.
fn made(pieces: Pieces) -> Answer {
    Answer::binary(Content::Made(pieces), Media::Json.content_type())
}

/// The head of an interim answer, as it stands on the connection.
fn interim(status: u16) -> String {
    format!("HTTP/1.1 {status} Interim\r\nLink: </style.css>; rel=preload\r\n\r\n")
}

fn set_cookies(answer: &mut Answer) {
    for cookie in [
        "_coupa_session=0123456789abcdef; Path=/; HttpOnly",
        "visitor=42; Path=/; Max-Age=3600",
    ] {
        let value = HeaderValue::from_static(cookie);
        answer.headers.append(header::SET_COOKIE, value);
    }
}

fn flood(answer: &mut Answer, headers: u32, bytes: usize) {
    let Ok(value) = HeaderValue::from_str(&"f".repeat(bytes)) else {
        return;
    };
    for number in 0..headers {
        if let Ok(name) = HeaderName::try_from(format!("x-flood-{number}")) {
            // A map of headers has a greatest size; then the flood is as high as it gets.
            let _ = answer.headers.try_append(name, value.clone());
        }
    }
}

fn with_members(answer: Answer, members: &str) -> Answer {
    edited(answer, |body| edit::with_members(body, members))
}

/// The answer with another body. What is read from a file stays as it is.
fn edited(mut answer: Answer, edit: impl FnOnce(&[u8]) -> bytes::Bytes) -> Answer {
    if let Content::Held(body) = &answer.body {
        answer.body = Content::Held(edit(body));
    }
    answer
}

fn with_status(fault: &Fault) -> Answer {
    let Fault::Status {
        status,
        retry_after,
        ..
    } = fault
    else {
        return Answer::empty(StatusCode::INTERNAL_SERVER_ERROR);
    };
    let answer = Answer::html(code(*status));
    match retry_after {
        Some(seconds) => answer.with_header(header::RETRY_AFTER, &seconds.to_string()),
        None => answer,
    }
}

/// Announces the whole body and breaks off in the middle.
fn truncated(answer: Answer) -> Response<Body> {
    let announced = answer.body.length().unwrap_or_default().max(2);
    let (answer, body) = split(answer);
    let cut = stream::once(async {
        // The pause lets the first half reach the client before the end.
        tokio::time::sleep(Duration::from_millis(20)).await;
        Err(io::Error::from(io::ErrorKind::ConnectionAborted))
    });
    let pieces = body.half().pieces(CHUNK).chain(cut);
    let answer = answer.with_header(header::CONTENT_LENGTH, &announced.to_string());
    send(answer, Body::from_stream(pieces))
}

fn dripping(answer: Answer, bytes: usize, pause: Duration) -> Response<Body> {
    let (answer, body) = split(answer);
    let pieces = body.pieces(bytes).then(move |piece| async move {
        tokio::time::sleep(pause).await;
        piece
    });
    send(answer, Body::from_stream(pieces))
}

fn split(mut answer: Answer) -> (Answer, Content) {
    let body = std::mem::replace(&mut answer.body, Content::from(String::new()));
    (answer, body)
}

fn response(answer: Answer) -> Response<Body> {
    let (answer, body) = split(answer);
    let answer = match body.length() {
        Some(length) if !matches!(body, Content::Held(_)) => {
            answer.with_header(header::CONTENT_LENGTH, &length.to_string())
        }
        _ => answer,
    };
    send(answer, body.into_body())
}

fn send(answer: Answer, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = answer.status;
    *response.headers_mut() = answer.headers;
    response
}

fn code(status: u16) -> StatusCode {
    StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}
