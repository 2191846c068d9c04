//! Requests of a session that is recorded, and of one that is a replay.

use super::{Door, Gate, Sent};
use crate::runtime::recording::{Captured, Exchange, Kept, Recorder, Replay, bytes};
use bytes::Bytes;
use futures::stream;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use std::sync::{Arc, Mutex, PoisonError};
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody};

impl Door {
    /// Sends a request, and writes down what was asked and what came.
    pub(super) async fn send_recorded(
        &self,
        gate: Option<Gate>,
        recorder: &Recorder,
        request: http::Request<WasiBody>,
        options: RequestOptions,
    ) -> Sent {
        let (parts, body) = request.into_parts();
        let mut exchange = Exchange {
            number: recorder.next_exchange(),
            method: parts.method.to_string(),
            target: target(&parts.uri),
            ..Exchange::default()
        };
        let asked_type = content_type(&parts.headers);
        let asked = Arc::new(Mutex::new(Kept::default()));
        let body = Captured::new(body, Arc::clone(&asked), |_| {});
        let request = http::Request::from_parts(parts, body.boxed_unsync());
        let answered = self.send_out(gate, request, options).await;
        let (response, settled) = match answered {
            Ok(answered) => answered,
            Err(error) => {
                exchange.failed = Some(error.to_string());
                let asked = asked.lock().unwrap_or_else(PoisonError::into_inner);
                recorder.exchange(exchange, (&asked_type, &asked), ("", &Kept::default()));
                return Err(error);
            }
        };
        let (parts, body) = response.into_parts();
        exchange.status = Some(parts.status.as_u16());
        exchange.headers = parts
            .headers
            .iter()
            .map(|(name, value)| {
                let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
                (name.to_string(), value)
            })
            .collect();
        let answer_type = content_type(&parts.headers);
        let answer = Arc::new(Mutex::new(Kept::default()));
        let recorder = recorder.clone();
        let kept = Arc::clone(&answer);
        let body = Captured::new(body, answer, move |failed: Option<String>| {
            exchange.failed = failed;
            let asked = asked.lock().unwrap_or_else(PoisonError::into_inner);
            let kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
            recorder.exchange(exchange, (&asked_type, &asked), (&answer_type, &kept));
        });
        Ok((
            http::Response::from_parts(parts, body.boxed_unsync()),
            settled,
        ))
    }

    /// Answers a request as it was answered when it was recorded.
    pub(super) async fn send_replayed(
        &self,
        replay: &Replay,
        request: http::Request<WasiBody>,
    ) -> Sent {
        let (parts, body) = request.into_parts();
        let asked = body.collect().await?.to_bytes();
        self.traffic.count_request();
        let recorded = replay.exchange(
            parts.method.as_str(),
            &target(&parts.uri),
            &content_type(&parts.headers),
            &asked,
        );
        let Some(exchange) = recorded else {
            return Err(Error::HttpRequestDenied);
        };
        let failed = exchange.failed.as_deref().map(error_of);
        let Some(status) = exchange.status else {
            return Err(failed.unwrap_or(Error::ConnectionTerminated));
        };
        let body = bytes(&exchange.answer);
        let mut response = http::Response::new(());
        *response.status_mut() =
            http::StatusCode::from_u16(status).map_err(|_| Error::HttpProtocolError)?;
        for (name, value) in &exchange.headers {
            let (Ok(name), Ok(mut value)) = (
                HeaderName::try_from(name.as_str()),
                HeaderValue::from_str(value),
            ) else {
                continue;
            };
            // Secrets that were taken out have made it shorter or longer.
            if name == CONTENT_LENGTH {
                value = body.len().into();
            }
            response.headers_mut().append(name, value);
        }
        let frames = [
            Some(Ok(Frame::data(Bytes::from(body)))),
            failed.map(Err::<Frame<Bytes>, Error>),
        ];
        let body = StreamBody::new(stream::iter(frames.into_iter().flatten())).boxed_unsync();
        Ok((response.map(|()| body), Box::new(async { Ok(()) })))
    }
}

fn target(uri: &http::Uri) -> String {
    uri.path_and_query()
        .map_or_else(|| "/".to_owned(), ToString::to_string)
}

fn content_type(headers: &HeaderMap) -> String {
    headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
        .to_ascii_lowercase()
}

/// The error that has this text, so that a component takes it the same way.
fn error_of(text: &str) -> Error {
    [
        Error::ConnectionRefused,
        Error::ConnectionLimitReached,
        Error::ConnectionTimeout,
        Error::ConnectionReadTimeout,
        Error::ConnectionWriteTimeout,
        Error::HttpResponseTimeout,
        Error::HttpResponseIncomplete,
        Error::HttpRequestDenied,
        Error::HttpProtocolError,
        Error::TlsCertificateError,
        Error::TlsProtocolError,
        Error::DnsTimeout,
        Error::DestinationNotFound,
        Error::DestinationUnavailable,
        Error::DestinationIpProhibited,
        Error::ConfigurationError,
    ]
    .into_iter()
    .find(|error| error.to_string() == text)
    .unwrap_or(Error::ConnectionTerminated)
}
