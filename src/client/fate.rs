//! What became of a request that met an error: whether it fares better a moment later,
//! and whether a write may have been processed.
//!
//! A status that says that the request was refused before anybody worked on it leaves no
//! doubt. That is what a status of 4xx means, with the few exceptions of `refusal`, and
//! whatever only something before Coupa says (`front`).

use super::Repeat;
use crate::contract::{Error, ErrorKind};

/// Whether the same request may fare better a moment later.
pub fn is_passing(error: &Error) -> bool {
    match error.kind {
        ErrorKind::RateLimited | ErrorKind::TimedOut | ErrorKind::RemoteFailure => true,
        ErrorKind::Unreachable => {
            !matches!(error.code, "reach.denied" | "reach.tls" | "reach.alpn")
        }
        ErrorKind::UnexpectedAnswer => matches!(error.code, "coupa.broken-http" | "coupa.not-json"),
        _ => false,
    }
}

/// Whether a write that met this error after it was sent may have been processed.
pub fn may_have_been_processed(error: &Error) -> bool {
    matches!(
        error.kind,
        ErrorKind::TimedOut | ErrorKind::RemoteFailure | ErrorKind::UnexpectedAnswer
    ) && error.code != "coupa.media-type"
        // 303 leads to what came of a request; other redirects ask for it elsewhere.
        && (error.code != "coupa.redirect" || error.status == Some(303))
        && !error.code.starts_with("front.")
}

/// The error of a write that was given up and may have been processed.
pub fn uncertain(error: Error, repeat: Repeat) -> Error {
    let remedy = match repeat {
        Repeat::IfNotProcessed => {
            "Look in Coupa before sending it again: a second time may make a duplicate."
        }
        Repeat::Freely => "Look in Coupa, or send it again: it has the same effect twice.",
    };
    Error {
        kind: ErrorKind::Uncertain,
        code: "write.uncertain",
        message: format!(
            "it was sent, and whether Coupa took it is not known: {}",
            error.message
        ),
        remedy: Some(remedy.to_owned()),
        ..error
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::answer::refusal;
    use crate::host::{Method, Response};

    /// Whether a write with this answer may have been processed.
    fn may(status: u16, body: &str) -> bool {
        let response = Response {
            status,
            body: body.as_bytes().to_vec(),
            ..Response::default()
        };
        may_have_been_processed(&refusal(&response, Method::Post))
    }

    #[test]
    fn a_refusal_leaves_no_doubt_and_a_failure_does() {
        let page = "<html><head><title>No</title></head></html>";
        let envelope = r#"{"errors":{"base":["no"]}}"#;
        // 401 is about the token, and is dealt with elsewhere.
        let refused = (400..500).filter(|status| ![401, 406, 408, 460, 499].contains(status));
        let redirected = [300, 301, 302, 307, 308];
        let front = [501, 505, 511, 521, 523, 525, 526];
        for status in refused.chain(redirected).chain(front) {
            for body in ["", page, envelope, "no"] {
                assert!(!may(status, body), "{status} {body}");
            }
        }
        for status in [
            303, 408, 460, 499, 500, 502, 503, 504, 506, 507, 520, 522, 524, 599,
        ] {
            for body in ["", page, envelope] {
                assert!(may(status, body), "{status} {body}");
            }
        }
        // A firewall says so with a page; Coupa with its reason; nothing at all may be
        // about the answer alone.
        assert!(!may(406, page) && !may(406, envelope) && may(406, ""));
    }
}
