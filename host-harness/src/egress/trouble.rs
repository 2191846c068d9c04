//! Why no connection came about, where the host knows better than a connector can: it
//! knows of no proxy, and `wasi:http` has one error for all that is wrong with a
//! certificate.

use super::Transport;
use super::certificate_trouble::CertificateTrouble;
use super::classify::requires_http1;
use super::handshake_trouble::HandshakeTrouble;
use super::proxy_trouble::ProxyTrouble;
use super::tls_error::certificate_error;
use std::fmt;
use wasmtime_wasi_http::Error;

/// Why a request did not get through. It certainly did not arrive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// At the proxy.
    Proxy(ProxyTrouble),
    /// With the server's certificate.
    Certificate(CertificateTrouble),
    /// In the TLS handshake.
    Handshake(HandshakeTrouble),
    /// The client certificate that was set cannot be shown: why, and what would be right.
    ClientCertificate(String),
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
        transport: &Transport,
        authority: &str,
    ) -> Option<Self> {
        let proxy = transport.proxy.as_ref();
        let at_proxy = proxy.and_then(|proxy| ProxyTrouble::of(error, &proxy.place(), authority));
        if let Some(trouble) = at_proxy {
            return Some(Self::Proxy(trouble));
        }
        if requires_http1(error) {
            return Some(Self::RequiresHttp1 {
                authority: authority.to_owned(),
            });
        }
        if let Some(certificate) = certificate_error(error) {
            let trouble = CertificateTrouble::of(certificate, authority);
            return Some(Self::Certificate(trouble));
        }
        let shows_certificate = transport.client_certificate.is_some();
        HandshakeTrouble::of(error, authority, shows_certificate).map(Self::Handshake)
    }

    /// What the connector is told. Each of these says that nothing was sent.
    pub(super) fn for_guest(&self) -> Error {
        match self {
            Self::Proxy(trouble) => trouble.for_guest(),
            Self::Certificate(_) | Self::ClientCertificate(_) => Error::TlsCertificateError,
            Self::Handshake(trouble) => trouble.for_guest(),
            // Of the errors that say so, one after which nobody tries again.
            Self::RequiresHttp1 { .. } => Error::TlsProtocolError,
        }
    }

    /// Stable, for programs.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Proxy(trouble) => trouble.code(),
            Self::Certificate(trouble) => trouble.code(),
            Self::Handshake(trouble) => trouble.code(),
            Self::ClientCertificate(_) => "tls.client-certificate",
            Self::RequiresHttp1 { .. } => "http.requires-http1",
        }
    }

    /// What a person can do.
    pub const fn remedy(&self) -> &'static str {
        match self {
            Self::Proxy(trouble) => trouble.remedy(),
            Self::Certificate(trouble) => trouble.remedy(),
            Self::Handshake(trouble) => trouble.remedy(),
            Self::ClientCertificate(_) => {
                "Correct `client-certificate`; nothing was sent, since the server may ask for it."
            }
            Self::RequiresHttp1 { .. } => "Set the connection's protocol to http1.",
        }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Proxy(trouble) => trouble.fmt(f),
            Self::Certificate(trouble) => trouble.fmt(f),
            Self::Handshake(trouble) => trouble.fmt(f),
            Self::ClientCertificate(why) => {
                write!(f, "the client certificate cannot be shown: {why}")
            }
            Self::RequiresHttp1 { authority } => write!(
                f,
                "{authority} takes this request over HTTP/1.1 only, and HTTP/2 was spoken"
            ),
        }
    }
}
