//! Requests to which no whole answer came, and what to do about it.

use crate::contract::{Error, ErrorKind};
use crate::host::SendError;
use crate::settings::Settings;

/// The error for a request to which no whole answer came.
pub fn not_sent(error: &SendError, settings: &Settings) -> Error {
    let origin = &settings.origin;
    let (kind, code, remedy) = match error {
        SendError::UnknownName => (
            ErrorKind::Unreachable,
            "reach.unknown-name",
            "Check the Host Name for a slip, and that this machine can resolve names.",
        ),
        SendError::Refused => (
            ErrorKind::Unreachable,
            "reach.refused",
            "Check the Host Name and its port; a firewall may refuse the connection.",
        ),
        SendError::NoRoute => (
            ErrorKind::Unreachable,
            "reach.no-route",
            "Check this machine's network, and whether it needs a proxy.",
        ),
        SendError::ConnectTimeout => (
            ErrorKind::Unreachable,
            "reach.connect-timeout",
            "Check whether a firewall drops the connection, or a proxy is needed.",
        ),
        SendError::Tls(_) => (
            ErrorKind::Unreachable,
            "reach.tls",
            "Check the Host Name and its port. A certificate is not trusted where it is for another name, \
             has expired, or is by an authority that this machine does not know, such as that of a proxy that opens TLS.",
        ),
        SendError::NoCommonProtocol => (
            ErrorKind::Unreachable,
            "reach.alpn",
            "Set the connection's protocol to auto, or to http1 where it is auto; check the Host Name and its port.",
        ),
        SendError::Denied => (
            ErrorKind::Unreachable,
            "reach.denied",
            "A connector may reach its connection's Host Name and nothing else, by https. Check that this is no address \
             of the machine itself, its link or its cloud's metadata: only a development environment may reach this machine, by localhost or its address.",
        ),
        SendError::NotProcessed => (
            ErrorKind::RemoteFailure,
            "coupa.not-processed",
            "It is safe to send it again, later. If it stays so, set the connection's protocol to http1.",
        ),
        SendError::AnswerTimeout => (
            ErrorKind::TimedOut,
            "coupa.timed-out",
            "Raise the connection's Timeout, or ask for less at once.",
        ),
        SendError::Interrupted => (
            ErrorKind::RemoteFailure,
            "coupa.interrupted",
            "Try again later.",
        ),
        SendError::TooLarge(_) => (
            ErrorKind::UnexpectedAnswer,
            "coupa.answer-too-large",
            "Choose fewer fields.",
        ),
        SendError::NoFile(_) => (
            ErrorKind::InvalidInput,
            "file.unreadable",
            "Name a file that lies where the run's files are.",
        ),
        SendError::NotKept(_) => (
            ErrorKind::InvalidSettings,
            "file.not-kept",
            "Give the run a place for files, with enough room.",
        ),
        SendError::NotHttp => (
            ErrorKind::UnexpectedAnswer,
            "coupa.broken-http",
            "Check the Host Name and its port: something else than a web server may listen there. \
             If they are right, set the connection's protocol to http1.",
        ),
        SendError::Protocol(_) => (
            ErrorKind::UnexpectedAnswer,
            "coupa.broken-http",
            "Try again later.",
        ),
    };
    Error::new(kind, code, format!("{origin}: {error}")).remedy(remedy)
}
