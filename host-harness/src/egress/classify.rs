//! What a client's error is in terms of `wasi:http`. A connector decides by it
//! whether a request can have arrived, so that it must never claim that nothing
//! was sent when something may have been.

use super::resolver::{UnknownName, causes};
use super::tls_error::{find_io, find_tls};
use std::io;
use wasmtime_wasi_http::Error;

/// How it is known that a server did not process a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NotProcessed {
    /// The server ended the connection, and named an earlier request as the last that it
    /// processes (RFC 9113, 6.8).
    GoAway,
    /// The server reset the request's stream before it processed anything (RFC 9113, 8.7).
    RefusedStream,
    /// The connection was closed before anything of the request was written.
    NotSent,
}

impl NotProcessed {
    /// Whether, and how, that is known of a request that failed like this.
    pub(super) fn of(error: &reqwest::Error) -> Option<Self> {
        causes(error).find_map(|cause| {
            if let Some(error) = cause.downcast_ref::<h2::Error>() {
                // A stream that the server may have processed ends with the connection's
                // own error, or with another reason.
                return match error.reason() {
                    _ if !error.is_remote() => None,
                    _ if error.is_go_away() => Some(Self::GoAway),
                    Some(h2::Reason::REFUSED_STREAM) => Some(Self::RefusedStream),
                    _ => None,
                };
            }
            // The client gives a request back that it has not begun to write.
            let error = cause.downcast_ref::<hyper::Error>()?;
            error.is_canceled().then_some(Self::NotSent)
        })
    }

    /// For the run's log.
    pub(super) const fn why(self) -> &'static str {
        match self {
            Self::GoAway => "the server ended the HTTP/2 connection before this request",
            Self::RefusedStream => "the server refused the HTTP/2 stream",
            Self::NotSent => "the connection was closed before the request was written",
        }
    }
}

/// The `wasi:http` error for a request that got no answer.
pub(super) fn classify(error: &reqwest::Error) -> Error {
    if NotProcessed::of(error).is_some() {
        // Of what `wasi:http` has, this one says that nothing was processed.
        return Error::ConnectionLimitReached;
    }
    if error.is_connect() {
        return connecting(error);
    }
    if error.is_timeout() {
        return Error::HttpResponseTimeout;
    }
    if error.is_builder() {
        return Error::HttpRequestUriInvalid;
    }
    if causes(error).any(|cause| cause.downcast_ref::<io::Error>().is_some()) {
        return Error::ConnectionTerminated;
    }
    // Closed without an answer, or one that is no HTTP.
    let text = chain(error);
    if text.contains("closed") || text.contains("reset") || text.contains("incomplete") {
        return Error::ConnectionTerminated;
    }
    Error::HttpProtocolError
}

/// The `wasi:http` error for an answer's body that broke off.
pub(super) fn classify_body(error: &reqwest::Error) -> Error {
    if error.is_timeout() {
        return Error::ConnectionReadTimeout;
    }
    Error::HttpResponseIncomplete
}

/// No connection came about, so nothing was sent.
fn connecting(error: &reqwest::Error) -> Error {
    if error.is_timeout() {
        return Error::ConnectionTimeout;
    }
    for cause in causes(error) {
        if cause.downcast_ref::<UnknownName>().is_some() {
            return Error::DnsError {
                rcode: None,
                info_code: None,
            };
        }
        if let Some(tls) = find_tls(cause) {
            return match tls {
                rustls::Error::InvalidCertificate(_) | rustls::Error::NoCertificatesPresented => {
                    Error::TlsCertificateError
                }
                rustls::Error::AlertReceived(alert) => Error::TlsAlertReceived {
                    alert_id: Some(u8::from(*alert)),
                    alert_message: Some(format!("{alert:?}")),
                },
                _ => Error::TlsProtocolError,
            };
        }
    }
    match causes(error).find_map(find_io).map(io::Error::kind) {
        Some(io::ErrorKind::ConnectionRefused) => Error::ConnectionRefused,
        Some(io::ErrorKind::TimedOut) => Error::ConnectionTimeout,
        Some(io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable) => {
            Error::DestinationIpUnroutable
        }
        _ => Error::DestinationUnavailable,
    }
}

/// Whether the server reset the request's stream because it wants HTTP/1.1.
pub(super) fn requires_http1(error: &reqwest::Error) -> bool {
    causes(error)
        .filter_map(|cause| cause.downcast_ref::<h2::Error>())
        .any(|error| error.is_remote() && error.reason() == Some(h2::Reason::HTTP_1_1_REQUIRED))
}

fn chain(error: &reqwest::Error) -> String {
    let texts: Vec<String> = causes(error)
        .map(|cause| cause.to_string().to_lowercase())
        .collect();
    texts.join(": ")
}
