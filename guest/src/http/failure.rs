//! Why no whole answer came, and whether the request can have arrived.

use crate::{Error, ErrorKind};
use std::fmt;
use wasip3::http::types::ErrorCode;

/// Why no whole answer came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// The request's own form: nothing was sent.
    Malformed,
    /// The name does not lead anywhere.
    UnknownName,
    /// Nobody listens there, or it cannot be reached.
    Unreachable,
    /// The host does not let this connector go there.
    Denied,
    /// TLS did not come about.
    Tls(String),
    /// Nothing came in time, and no connection had come about.
    ConnectTimeout,
    /// The server said that it did not process the request, or the host did not send it
    /// because too much is under way.
    NotProcessed,
    /// No answer in time.
    AnswerTimeout,
    /// The connection broke off.
    Interrupted,
    /// The answer is larger than so many bytes.
    TooLarge(usize),
    /// What came is no HTTP.
    Protocol(String),
}

impl Failure {
    pub(super) fn of(code: ErrorCode) -> Self {
        match code {
            ErrorCode::DnsTimeout | ErrorCode::DnsError(_) | ErrorCode::DestinationNotFound => {
                Self::UnknownName
            }
            ErrorCode::ConnectionRefused
            | ErrorCode::DestinationUnavailable
            | ErrorCode::DestinationIpUnroutable => Self::Unreachable,
            ErrorCode::HttpRequestDenied | ErrorCode::DestinationIpProhibited => Self::Denied,
            ErrorCode::ConnectionTimeout => Self::ConnectTimeout,
            ErrorCode::TlsProtocolError => {
                Self::Tls("the other side does not speak TLS as it should".to_owned())
            }
            ErrorCode::TlsCertificateError => {
                Self::Tls("its certificate is not one to trust".to_owned())
            }
            ErrorCode::TlsAlertReceived(alert) => {
                let said = alert.alert_message;
                Self::Tls(said.unwrap_or_else(|| "it broke off the handshake".to_owned()))
            }
            // A limit of the host's own, or the server's: GOAWAY, REFUSED_STREAM.
            ErrorCode::ConnectionLimitReached => Self::NotProcessed,
            ErrorCode::HttpResponseTimeout
            | ErrorCode::ConnectionReadTimeout
            | ErrorCode::ConnectionWriteTimeout => Self::AnswerTimeout,
            ErrorCode::ConnectionTerminated | ErrorCode::HttpResponseIncomplete => {
                Self::Interrupted
            }
            ErrorCode::HttpResponseBodySize(size) => Self::TooLarge(
                size.and_then(|size| usize::try_from(size).ok())
                    .unwrap_or(usize::MAX),
            ),
            other => Self::Protocol(other.to_string()),
        }
    }

    /// Whether it is certain that the request did not arrive or was not processed, so that
    /// even a write may be sent again.
    pub const fn certainly_not_processed(&self) -> bool {
        matches!(
            self,
            Self::Malformed
                | Self::UnknownName
                | Self::Unreachable
                | Self::Denied
                | Self::Tls(_)
                | Self::ConnectTimeout
                | Self::NotProcessed
        )
    }

    /// The error for a person. A write that may have arrived is uncertain, and
    /// must not be sent again before somebody has looked.
    pub fn into_error(self, writes: bool) -> Error {
        let (kind, code) = match &self {
            Self::Malformed => (ErrorKind::InvalidInput, "request.malformed"),
            Self::NotProcessed => (ErrorKind::RemoteFailure, "request.not-processed"),
            failure if failure.certainly_not_processed() => {
                (ErrorKind::Unreachable, "request.unreachable")
            }
            _ if writes => (ErrorKind::Uncertain, "request.uncertain"),
            Self::AnswerTimeout => (ErrorKind::TimedOut, "request.timed-out"),
            Self::TooLarge(_) | Self::Protocol(_) => {
                (ErrorKind::UnexpectedAnswer, "request.broken-answer")
            }
            _ => (ErrorKind::RemoteFailure, "request.interrupted"),
        };
        let error = Error::new(kind, code, self.to_string());
        if kind == ErrorKind::Uncertain {
            return error.remedy(
                "It was sent, and whether it was taken is not known: look there before sending \
                 it again.",
            );
        }
        error
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed => f.write_str("the request cannot be sent in this form"),
            Self::UnknownName => f.write_str("the server's name is not known"),
            Self::Unreachable => f.write_str("the server cannot be reached"),
            Self::Denied => f.write_str("the host lets nothing go to this server"),
            Self::Tls(why) => write!(f, "no secure connection to the server came about: {why}"),
            Self::ConnectTimeout => f.write_str("the server did not accept the connection in time"),
            Self::NotProcessed => {
                f.write_str("the server said that it did not process the request")
            }
            Self::AnswerTimeout => f.write_str("the server did not answer in time"),
            Self::Interrupted => f.write_str("the server broke off the connection"),
            Self::TooLarge(most) => {
                write!(f, "the server's answer is larger than {most} bytes")
            }
            Self::Protocol(why) => write!(f, "the server's answer is no HTTP: {why}"),
        }
    }
}

impl std::error::Error for Failure {}
