//! What a client's error is in terms of `wasi:http`. A connector decides by it
//! whether a request can have arrived, so that it must never claim that nothing
//! was sent when something may have been.

use super::resolver::{UnknownName, causes};
use std::error::Error as StdError;
use std::io;
use wasmtime_wasi_http::Error;

/// The `wasi:http` error for a request that got no answer.
pub(super) fn classify(error: &reqwest::Error) -> Error {
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
                    alert_id: None,
                    alert_message: Some(format!("{alert:?}")),
                },
                _ => Error::TlsProtocolError,
            };
        }
    }
    for cause in causes(error) {
        if let Some(io) = cause.downcast_ref::<io::Error>() {
            return match io.kind() {
                io::ErrorKind::ConnectionRefused => Error::ConnectionRefused,
                io::ErrorKind::TimedOut => Error::ConnectionTimeout,
                io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => {
                    Error::DestinationIpUnroutable
                }
                // While the handshake was under way.
                io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset => {
                    Error::TlsProtocolError
                }
                _ => Error::DestinationUnavailable,
            };
        }
    }
    Error::DestinationUnavailable
}

/// An error of rustls lies within I/O errors, one in the other, which do not
/// show it as their source.
fn find_tls<'a>(cause: &'a (dyn StdError + 'static)) -> Option<&'a rustls::Error> {
    if let Some(tls) = cause.downcast_ref::<rustls::Error>() {
        return Some(tls);
    }
    find_tls(cause.downcast_ref::<io::Error>()?.get_ref()?)
}

fn chain(error: &reqwest::Error) -> String {
    let texts: Vec<String> = causes(error)
        .map(|cause| cause.to_string().to_lowercase())
        .collect();
    texts.join(": ")
}
