//! What goes wrong in a TLS handshake, beside the server's certificate. `wasi:http` has one
//! error for it, or an alert's number; the host knows whether a client certificate is set,
//! and how.

use super::resolver::causes;
use super::tls_error::{self, find_io, find_tls};
use rustls::AlertDescription;
use std::fmt;
use std::io;
use wasmtime_wasi_http::Error;

/// Why no TLS connection to `authority` came about. Nothing was sent that the server read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HandshakeTrouble {
    kind: Kind,
    /// Where the request was to go: host and port.
    authority: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// The connection was closed, or reset.
    Closed,
    /// What came is no TLS.
    NotTls,
    /// One of them is too old for the other.
    NothingInCommon,
    ClientCertificateWanted,
    ClientCertificateRefused(AlertDescription),
}

impl HandshakeTrouble {
    /// The trouble that a request to `authority` met in the handshake, if it failed there.
    /// `shows_certificate`: whether a client certificate is set.
    pub(super) fn of(
        error: &reqwest::Error,
        authority: &str,
        shows_certificate: bool,
    ) -> Option<Self> {
        if let Some(alert) = tls_error::alert(error) {
            let kind = Kind::of(alert, shows_certificate)?;
            return Some(Self::at(authority, kind));
        }
        let kind = match causes(error).find_map(find_tls) {
            _ if !error.is_connect() => return None,
            Some(rustls::Error::PeerIncompatible(_)) => Kind::NothingInCommon,
            Some(
                rustls::Error::InvalidMessage(_)
                | rustls::Error::InappropriateMessage { .. }
                | rustls::Error::InappropriateHandshakeMessage { .. },
            ) => Kind::NotTls,
            Some(_) => return None,
            None => {
                let io = causes(error).find_map(find_io)?;
                matches!(
                    io.kind(),
                    io::ErrorKind::UnexpectedEof
                        | io::ErrorKind::ConnectionReset
                        | io::ErrorKind::BrokenPipe
                )
                .then_some(Kind::Closed)?
            }
        };
        Some(Self::at(authority, kind))
    }

    fn at(authority: &str, kind: Kind) -> Self {
        Self {
            kind,
            authority: authority.to_owned(),
        }
    }

    /// What the connector is told: nothing was sent, and trying again does not help.
    pub(super) fn for_guest(&self) -> Error {
        Error::TlsProtocolError
    }

    /// Stable, for programs.
    pub const fn code(&self) -> &'static str {
        "reach.tls"
    }

    /// What a person can do.
    pub const fn remedy(&self) -> &'static str {
        match self.kind {
            Kind::Closed => {
                "Check the host name and its port: the server may serve no such name, speak no \
                 TLS there, or be closed to this machine's address by its list of allowed ones; \
                 so may a firewall or a proxy on the way."
            }
            Kind::NotTls => {
                "Check the host name and its port: something else than TLS is spoken there."
            }
            Kind::NothingInCommon => {
                "The server has to offer TLS 1.2 or 1.3 with an AEAD cipher (AES-GCM or \
                 ChaCha20-Poly1305); a gateway of the company on the way may be the one that \
                 does not."
            }
            Kind::ClientCertificateWanted => {
                "Set `client-certificate` in the connection's file, or \
                 `[client-certificates.\"HOST\"]` in agent.toml; whoever runs the server says \
                 which authority has to sign it."
            }
            Kind::ClientCertificateRefused(_) => {
                "Check with whoever runs the server which authority has to sign the client \
                 certificate, and that it has not expired or been revoked; those between it and \
                 its authority belong into the same file."
            }
        }
    }
}

impl Kind {
    fn of(alert: AlertDescription, shows_certificate: bool) -> Option<Self> {
        use AlertDescription as Alert;
        Some(match alert {
            Alert::ProtocolVersion | Alert::InsufficientSecurity => Self::NothingInCommon,
            Alert::CertificateRequired => Self::ClientCertificateWanted,
            // Before TLS 1.3 there is no alert of its own for a certificate that is missing.
            Alert::BadCertificate | Alert::NoCertificate if !shows_certificate => {
                Self::ClientCertificateWanted
            }
            Alert::BadCertificate
            | Alert::UnsupportedCertificate
            | Alert::CertificateRevoked
            | Alert::CertificateExpired
            | Alert::CertificateUnknown
            | Alert::UnknownCA
            | Alert::AccessDenied
                if shows_certificate =>
            {
                Self::ClientCertificateRefused(alert)
            }
            _ => return None,
        })
    }
}

impl fmt::Display for HandshakeTrouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let authority = &self.authority;
        match self.kind {
            Kind::Closed => write!(f, "{authority} closed the connection in the TLS handshake"),
            Kind::NotTls => write!(f, "{authority} answered the TLS handshake with no TLS"),
            Kind::NothingInCommon => write!(
                f,
                "{authority} and this machine have no version or cipher of TLS in common"
            ),
            Kind::ClientCertificateWanted => write!(
                f,
                "{authority} wants a client certificate, and none was shown to it"
            ),
            Kind::ClientCertificateRefused(alert) => write!(
                f,
                "{authority} does not accept the client certificate (alert: {alert:?})"
            ),
        }
    }
}
