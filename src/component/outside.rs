//! The host that runs this component, behind the connector's own trait.

use super::bindings::integration::connector::{cache, log, secrets};
use crate::host::{Host, LogLevel, Method, Request, Response, SecretError, SendError};
use std::time::Duration;
use wasip3::clocks::monotonic_clock;
use wasip3::http::types::{ErrorCode, Fields, Method as HttpMethod, RequestOptions, Scheme};
use wit_bindgen::StreamResult;

/// The host that runs this component.
pub struct Outside;

impl Host for Outside {
    async fn send(&self, request: Request) -> Result<Response, SendError> {
        send(request).await
    }

    async fn sleep(&self, how_long: Duration) {
        monotonic_clock::wait_for(nanoseconds(how_long)).await;
    }

    fn now(&self) -> Duration {
        Duration::from_nanos(monotonic_clock::now())
    }

    async fn reveal(&self, secret: &str) -> Result<String, SecretError> {
        secrets::reveal(secret.to_owned())
            .await
            .map_err(|error| match error {
                secrets::SecretError::NotSet => SecretError::NotSet,
                secrets::SecretError::Unavailable => SecretError::Unavailable,
            })
    }

    async fn cache_get(&self, key: &str) -> Option<(String, Duration)> {
        let (value, ttl) = cache::get(key.to_owned()).await?;
        Some((value, Duration::from_millis(ttl)))
    }

    async fn cache_put(&self, key: &str, value: String, ttl: Duration) {
        cache::put(key.to_owned(), value, crate::client::milliseconds(ttl)).await;
    }

    async fn cache_remove(&self, key: &str) {
        cache::remove(key.to_owned()).await;
    }

    fn log(&self, level: LogLevel, message: &str, fields: &[(&str, String)]) {
        let level = match level {
            LogLevel::Info => log::Level::Info,
        };
        let fields: Vec<_> = fields
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.clone()))
            .collect();
        log::write(level, message, &fields);
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// An announced length beyond this is believed only as the bytes come.
const MOST_TRUSTED: usize = 1024 * 1024;
/// How much of an answer is read at a time.
const READ: usize = 64 * 1024;

async fn send(request: Request) -> Result<Response, SendError> {
    let protocol = |_| SendError::Protocol("the host refused the request's form".to_owned());
    let mut headers: Vec<(String, Vec<u8>)> = request
        .headers
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.into_bytes()))
        .collect();
    let contents = if request.body.is_empty() {
        None
    } else {
        headers.push((
            "content-length".to_owned(),
            request.body.len().to_string().into_bytes(),
        ));
        let (mut writer, reader) = wasip3::wit_stream::new();
        let body = request.body;
        wit_bindgen::spawn_local(async move {
            // What the other side did not take shows in the answer.
            let _ = writer.write_all(body).await;
        });
        Some(reader)
    };
    let headers = Fields::from_list(&headers)
        .map_err(|_| SendError::Protocol("a header was refused".to_owned()))?;
    // The request only ends once its trailers are settled, so the writer goes
    // right away: no trailers.
    let (no_trailers, trailers) = wasip3::wit_future::new(|| Ok(None));
    drop(no_trailers);
    let options = RequestOptions::new();
    let timeout = Some(nanoseconds(request.timeout));
    // A host that does not take a time-out has its own.
    let _ = options.set_connect_timeout(timeout);
    let _ = options.set_first_byte_timeout(timeout);
    let _ = options.set_between_bytes_timeout(timeout);
    let (outgoing, _transmitted) =
        wasip3::http::types::Request::new(headers, contents, trailers, Some(options));
    let method = match request.method {
        Method::Get => HttpMethod::Get,
        Method::Post => HttpMethod::Post,
        Method::Put => HttpMethod::Put,
    };
    let scheme = if request.secure {
        Scheme::Https
    } else {
        Scheme::Http
    };
    outgoing.set_method(&method).map_err(protocol)?;
    outgoing.set_scheme(Some(&scheme)).map_err(protocol)?;
    outgoing
        .set_authority(Some(&request.authority))
        .map_err(protocol)?;
    outgoing
        .set_path_with_query(Some(&request.path_and_query))
        .map_err(protocol)?;

    let response = wasip3::http::client::send(outgoing)
        .await
        .map_err(send_error)?;
    let status = response.get_status_code();
    let headers: Vec<(String, String)> = response
        .get_headers()
        .copy_all()
        .into_iter()
        .map(|(name, value)| {
            (
                name.to_ascii_lowercase(),
                String::from_utf8_lossy(&value).into_owned(),
            )
        })
        .collect();
    let announced = headers
        .iter()
        .find(|(name, _)| name == "content-length")
        .and_then(|(_, value)| value.parse::<usize>().ok());
    let (settled, read_to_the_end) = wasip3::wit_future::new(|| Ok(()));
    drop(settled);
    let (mut stream, ended) =
        wasip3::http::types::Response::consume_body(response, read_to_the_end);
    let most = request.max_answer_bytes;
    if announced.is_some_and(|length| length > most) {
        return Err(SendError::TooLarge(most));
    }
    let mut body = Vec::with_capacity(announced.unwrap_or(READ).min(MOST_TRUSTED) + 1);
    loop {
        if body.len() == body.capacity() {
            body.reserve(READ);
        }
        let (result, filled) = stream.read(body).await;
        body = filled;
        if body.len() > most {
            return Err(SendError::TooLarge(most));
        }
        match result {
            StreamResult::Complete(_) => {}
            StreamResult::Dropped | StreamResult::Cancelled => break,
        }
    }
    // An answer had begun, so the request did arrive, whatever the error's name.
    ended.await.map_err(|error| match send_error(error) {
        error if error.certainly_not_sent() => SendError::Interrupted,
        error => error,
    })?;
    Ok(Response {
        status,
        headers,
        body,
    })
}

fn send_error(error: ErrorCode) -> SendError {
    match error {
        ErrorCode::DnsTimeout | ErrorCode::DnsError(_) | ErrorCode::DestinationNotFound => {
            SendError::UnknownName
        }
        ErrorCode::ConnectionRefused => SendError::Refused,
        ErrorCode::DestinationUnavailable | ErrorCode::DestinationIpUnroutable => {
            SendError::NoRoute
        }
        ErrorCode::ConnectionTimeout => SendError::ConnectTimeout,
        ErrorCode::TlsProtocolError => {
            SendError::Tls("the other side does not speak TLS as it should".to_owned())
        }
        ErrorCode::TlsCertificateError => {
            SendError::Tls("its certificate is not one to trust".to_owned())
        }
        ErrorCode::TlsAlertReceived(alert) => SendError::Tls(
            alert
                .alert_message
                .unwrap_or_else(|| "it broke off the handshake".to_owned()),
        ),
        ErrorCode::HttpRequestDenied | ErrorCode::DestinationIpProhibited => SendError::Denied,
        ErrorCode::HttpResponseTimeout
        | ErrorCode::ConnectionReadTimeout
        | ErrorCode::ConnectionWriteTimeout => SendError::AnswerTimeout,
        ErrorCode::ConnectionTerminated | ErrorCode::HttpResponseIncomplete => {
            SendError::Interrupted
        }
        ErrorCode::HttpResponseBodySize(size) => {
            SendError::TooLarge(usize::try_from(size.unwrap_or_default()).unwrap_or(usize::MAX))
        }
        other => SendError::Protocol(other.to_string()),
    }
}
