//! Which version of HTTP is spoken.

use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;
use std::sync::{Mutex, PoisonError};
use utoipa::ToSchema;

/// Which versions of HTTP a connection offers over TLS. Without TLS it is always
/// HTTP/1.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Protocol {
    /// HTTP/2 and HTTP/1.1: the server chooses (ALPN, RFC 7301).
    #[default]
    Auto,
    /// HTTP/1.1 alone, for servers and gateways whose HTTP/2 is at fault.
    Http1,
}

/// A text that names no protocol.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a protocol: write `auto` (HTTP/2 where the server speaks it) or `http1`")]
pub struct UnknownProtocol {
    text: String,
}

/// What a client offers in the TLS handshake (ALPN, RFC 7301).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Offer {
    /// The server chooses, and the client knows only then which it is.
    Http2OrHttp1,
    Http1,
    /// For a server that is known to speak it.
    Http2,
}

impl Offer {
    /// Best first.
    pub(super) fn alpn(self) -> Vec<Vec<u8>> {
        let names: &[&[u8]] = match self {
            Self::Http2OrHttp1 => &[b"h2", b"http/1.1"],
            Self::Http1 => &[b"http/1.1"],
            Self::Http2 => &[b"h2"],
        };
        names.iter().map(|name| name.to_vec()).collect()
    }
}

impl From<Protocol> for Offer {
    fn from(protocol: Protocol) -> Self {
        match protocol {
            Protocol::Auto => Self::Http2OrHttp1,
            Protocol::Http1 => Self::Http1,
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Auto => "auto",
            Self::Http1 => "http1",
        })
    }
}

impl FromStr for Protocol {
    type Err = UnknownProtocol;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "auto" => Ok(Self::Auto),
            "http1" => Ok(Self::Http1),
            _ => Err(UnknownProtocol {
                text: text.to_owned(),
            }),
        }
    }
}

/// The protocol's name, as RFC 9110 writes it.
pub(super) fn name(version: http::Version) -> &'static str {
    match version {
        http::Version::HTTP_2 => "HTTP/2",
        http::Version::HTTP_3 => "HTTP/3",
        http::Version::HTTP_10 => "HTTP/1.0",
        _ => "HTTP/1.1",
    }
}

/// The protocols in which answers came.
#[derive(Debug, Default)]
pub(super) struct Spoken(Mutex<BTreeSet<&'static str>>);

impl Spoken {
    pub(super) fn add(&self, protocol: &'static str) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(protocol);
    }

    pub(super) fn all(&self) -> Vec<&'static str> {
        let spoken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        spoken.iter().copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_protocol_is_read_as_it_is_written() {
        for protocol in [Protocol::Auto, Protocol::Http1] {
            assert_eq!(protocol.to_string().parse(), Ok(protocol));
            let json = serde_json::to_string(&protocol).unwrap();
            assert_eq!(json, format!("\"{protocol}\""));
        }
        assert!("h2".parse::<Protocol>().is_err());
    }
}
