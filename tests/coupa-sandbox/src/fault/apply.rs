//! Faults at work: before a request is processed, and on its answer.

use std::convert::Infallible;
use std::io;
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use futures::{StreamExt as _, stream};
use http::{Response, StatusCode, header};

use super::Fault;
use crate::media::Answer;
use crate::server::{ResetHandle, Shared};

/// What a fault does before anything is processed; an answer ends it there.
pub async fn before(fault: &Fault, shared: &Shared, connection: &ResetHandle) -> Option<Answer> {
    match fault {
        Fault::Status {
            processed: false, ..
        } => Some(with_status(fault)),
        Fault::Html { status } => Some(Answer::html(code(*status))),
        Fault::Redirect { location } => {
            let answer = Answer::empty(StatusCode::FOUND);
            Some(answer.with_header(header::LOCATION, location))
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
    connection: &ResetHandle,
) -> Response<Body> {
    match fault {
        Some(Fault::Status {
            processed: true, ..
        }) => {
            answer = fault.map_or(answer, with_status);
        }
        Some(Fault::ResetAfter) => connection.reset(),
        Some(Fault::HalfBody) => answer.body = answer.body.slice(..answer.body.len() / 2),
        Some(Fault::EmptyBody) => answer.body = Bytes::new(),
        Some(Fault::WrongContentType { content_type }) => {
            answer = answer.with_header(header::CONTENT_TYPE, content_type);
        }
        Some(Fault::Truncated) => return truncated(answer),
        Some(Fault::SlowBody {
            bytes,
            milliseconds,
        }) => return dripping(answer, *bytes, Duration::from_millis(*milliseconds)),
        _ => {}
    }
    let body = Body::from(answer.body.clone());
    response(answer, body)
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
    let announced = answer.body.len().max(2);
    let half = answer.body.slice(..answer.body.len() / 2);
    let pieces = [
        Ok(half),
        Err(io::Error::from(io::ErrorKind::ConnectionAborted)),
    ];
    // The pause lets the first piece reach the client before the end.
    let pieces = stream::iter(pieces).then(|piece| async {
        if piece.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        piece
    });
    let answer = answer.with_header(header::CONTENT_LENGTH, &announced.to_string());
    response(answer, Body::from_stream(pieces))
}

fn dripping(answer: Answer, bytes: usize, pause: Duration) -> Response<Body> {
    let pieces: Vec<Bytes> = answer
        .body
        .chunks(bytes.max(1))
        .map(Bytes::copy_from_slice)
        .collect();
    let pieces = stream::iter(pieces).then(move |piece| async move {
        tokio::time::sleep(pause).await;
        Ok::<_, Infallible>(piece)
    });
    response(answer, Body::from_stream(pieces))
}

fn response(answer: Answer, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = answer.status;
    *response.headers_mut() = answer.headers;
    response
}

fn code(status: u16) -> StatusCode {
    StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}
