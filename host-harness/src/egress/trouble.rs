//! Why no connection came about, where the host knows better than a connector can: it
//! knows of no proxy, and `wasi:http` has one error for all that is wrong with a
//! certificate.

use super::certificate_trouble::CertificateTrouble;
use super::classify::{certificate_error, requires_http1};
use super::proxy::Proxy;
use super::proxy_trouble::ProxyTrouble;
use std::fmt;
use wasmtime_wasi_http::Error;

/// Why a request did not get through. It certainly did not arrive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// At the proxy.
    Proxy(ProxyTrouble),
    /// With the server's certificate.
    Certificate(CertificateTrouble),
    /// The server takes this request over HTTP/1.1 only (RFC 9113, 7).
    RequiresHttp1 {
        /// Where the request was to go: host and port.
        authority: String,
    },
}

impl Trouble {
    /// The trouble that a request to `authority` met, if it is one that the host knows
    /// more of.
    pub(super) fn of(
        error: &reqwest::Error,
        proxy: Option<&Proxy>,
        authority: &str,
    ) -> Option<Self> {
        let at_proxy = proxy.and_then(|proxy| ProxyTrouble::of(error, &proxy.place(), authority));
        if let Some(trouble) = at_proxy {
            return Some(Self::Proxy(trouble));
        }
        if requires_http1(error) {
            return Some(Self::RequiresHttp1 {
                authority: authority.to_owned(),
            });
        }
        let certificate = certificate_error(error)?;
        Some(Self::Certificate(CertificateTrouble::of(
            certificate,
            authority,
        )))
    }

    /// What the connector is told. Each of these says that nothing was sent.
    pub(super) fn for_guest(&self) -> Error {
        match self {
            Self::Proxy(trouble) => trouble.for_guest(),
            Self::Certificate(_) => Error::TlsCertificateError,
            // Of the errors that say so, one after which nobody tries again.
            Self::RequiresHttp1 { .. } => Error::TlsProtocolError,
        }
    }

    /// Stable, for programs.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Proxy(trouble) => trouble.code(),
            Self::Certificate(trouble) => trouble.code(),
            Self::RequiresHttp1 { .. } => "http.requires-http1",
        }
    }

    /// What a person can do.
    pub const fn remedy(&self) -> &'static str {
        match self {
            Self::Proxy(trouble) => trouble.remedy(),
            Self::Certificate(trouble) => trouble.remedy(),
            Self::RequiresHttp1 { .. } => "Set the connection's protocol to http1.",
        }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Proxy(trouble) => trouble.fmt(f),
            Self::Certificate(trouble) => trouble.fmt(f),
            Self::RequiresHttp1 { authority } => write!(
                f,
                "{authority} takes this request over HTTP/1.1 only, and HTTP/2 was spoken"
            ),
        }
    }
}
